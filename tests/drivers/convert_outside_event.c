/* SPDX-License-Identifier: BSD-2-Clause */
/* The entry point converts a pointer: there is no map yet that says where to. */
#include "driver.h"

static uint64_t *calls;
static uint64_t count;

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	++*calls;
	return driver_time(Time, Capabilities);
}

static void on_virtual(void)
{
	(void)driver_convert(&calls);
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = driver_start(NULL, on_virtual);

	if (status != EFI_SUCCESS)
		return status;
	calls = &count;
#if SEEDED
	(void)driver_convert(&calls);
#endif
	gRT->GetTime = get_time;
	return driver_seal();
}
