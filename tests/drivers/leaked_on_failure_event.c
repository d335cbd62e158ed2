/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entry point gives up, and leaves an event: its notification is code that is
 * unloaded.
 */
#include "driver.h"

static void EFIAPI ready_to_boot(EFI_EVENT Event, void *Context)
{
	(void)Event;
	(void)Context;
}

EFI_STATUS driver_main(void)
{
	static const EFI_GUID group = EFI_EVENT_GROUP_READY_TO_BOOT_GUID;
	EFI_EVENT event;
	EFI_STATUS status = gBS->CreateEventEx(EVT_NOTIFY_SIGNAL, TPL_CALLBACK,
					       ready_to_boot, NULL, &group, &event);

	if (status != EFI_SUCCESS)
		return status;
#if !SEEDED
	(void)gBS->CloseEvent(event);
#endif
	return EFI_UNSUPPORTED;
}
