/* SPDX-License-Identifier: BSD-2-Clause */
/* GetTime writes through a pointer that was never set: it still holds a pattern. */
#include "driver.h"

static volatile uint64_t calls;

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	volatile uint64_t *p =
		SEEDED ? (volatile uint64_t *)OPAQUE(0x123456789000) : &calls;

	*p = 1;
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
