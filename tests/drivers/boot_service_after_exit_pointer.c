/* SPDX-License-Identifier: BSD-2-Clause */
/* GetTime calls boot services through a copy of their addresses, without the table. */
#include "driver.h"

static EFI_GET_NEXT_MONOTONIC_COUNT monotonic;

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	static uint64_t count;

	if (monotonic != NULL)
		(void)monotonic(&count);
	return driver_time(Time, Capabilities);
}

static void on_exit(void)
{
#if !SEEDED
	monotonic = NULL;
#endif
}

static void on_virtual(void)
{
	monotonic = NULL;
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = driver_start(on_exit, on_virtual);

	if (status != EFI_SUCCESS)
		return status;
	monotonic = gBS->GetNextMonotonicCount;
	gRT->GetTime = get_time;
	return driver_seal();
}
