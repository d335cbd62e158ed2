/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * As stack_overflow, but the first access lies 64 KiB below, beyond any page that guards
 * the stack's end.
 */
#include "driver.h"

#if SEEDED
#define ROOM 65536U
#else
#define ROOM 1024U
#endif

static NOINLINE uint8_t first(void)
{
	uint8_t buffer[ROOM];
	volatile uint8_t *p = OPAQUE(&buffer[0]);

	*p = 1;
	return *p;
}

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	(void)first();
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
