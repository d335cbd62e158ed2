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

static void EFIAPI on_exit(EFI_EVENT Event, void *Context)
{
	(void)Event;
	(void)Context;
	gRT->GetTime = firmware;
	(void)driver_seal();
}
#endif

EFI_STATUS driver_main(void)
{
#if !SEEDED
	EFI_EVENT event;
	EFI_STATUS status = gBS->CreateEvent(EVT_SIGNAL_EXIT_BOOT_SERVICES, TPL_NOTIFY,
					     on_exit, NULL, &event);

	if (status != EFI_SUCCESS)
		return status;
	firmware = gRT->GetTime;
#endif
	gRT->GetTime = get_time;
	return driver_seal();
}
