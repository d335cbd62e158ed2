/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GetTime writes to a port that no device model has; the twin reads the CMOS clock with
 * interrupts off.
 */
#include "driver.h"

static volatile uint8_t second;

static NOINLINE void ask(void)
{
	uint8_t value;

#if SEEDED
	__asm__ volatile("outb %0, %w1" : : "a"((uint8_t)1), "d"(0x5a5a));
	value = 0;
#else
	__asm__ volatile("pushfq\n\tcli\n\t"
			 "movb $0, %%al\n\toutb %%al, $0x70\n\tinb $0x71, %%al\n\t"
			 "popfq"
			 : "=a"(value)
			 :
			 : "memory", "cc");
#endif
	second = value;
}

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	ask();
	return driver_time(Time, Capabilities);
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = driver_start(NULL, NULL);

	if (status != EFI_SUCCESS)
		return status;
	gRT->GetTime = get_time;
	return driver_seal();
}
