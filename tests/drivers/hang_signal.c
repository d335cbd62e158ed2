/* SPDX-License-Identifier: BSD-2-Clause */
/* A notification signals its own event: it is called again and again. */
#include "driver.h"

static void EFIAPI ready_to_boot(EFI_EVENT Event, void *Context)
{
	(void)Context;
#if SEEDED
	(void)gBS->SignalEvent(Event);
#else
	(void)gBS->CloseEvent(Event);
#endif
}

EFI_STATUS driver_main(void)
{
	static const EFI_GUID group = EFI_EVENT_GROUP_READY_TO_BOOT_GUID;

	return driver_on(&group, TPL_CALLBACK, ready_to_boot);
}
