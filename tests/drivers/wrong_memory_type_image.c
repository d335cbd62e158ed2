/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A boot services driver puts its own GetTime into the runtime services table; its code
 * is gone after ExitBootServices.
 */
#include "driver.h"

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{

	return driver_time(Time, Capabilities);
}

#if !SEEDED
static EFI_GET_TIME firmware;

static void on_exit(void)
{
	gRT->GetTime = firmware;
	(void)driver_seal();
}
#endif

EFI_STATUS driver_main(void)
{
#if !SEEDED
	EFI_STATUS status = driver_start(on_exit, NULL);

	if (status != EFI_SUCCESS)
		return status;
	firmware = gRT->GetTime;
#endif
	gRT->GetTime = get_time;
	return driver_seal();
}
