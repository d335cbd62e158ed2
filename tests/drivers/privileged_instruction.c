/* SPDX-License-Identifier: BSD-2-Clause */
/* GetTime writes a model-specific register; here is no processor whose it could be. */
#include "driver.h"

static volatile uint32_t last;

static NOINLINE void tell(uint32_t value)
{
#if SEEDED
	__asm__ volatile("wrmsr" : : "c"(0x79), "a"(value), "d"(0));
#else
	last = value;
#endif
}

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	tell(1);
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
