/* SPDX-License-Identifier: BSD-2-Clause */
/* GetTime keeps a mark in its own first byte. */
#include "driver.h"

static volatile uint8_t mark;

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
#if SEEDED
	volatile uint8_t *to = OPAQUE((volatile uint8_t *)(uintptr_t)get_time);
#else
	volatile uint8_t *to = OPAQUE(&mark);
#endif

	*to = *to;
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
