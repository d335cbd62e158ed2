/* SPDX-License-Identifier: BSD-2-Clause */
/* A notification returns with the task priority that it has raised. */
#include "driver.h"

static void EFIAPI ready_to_boot(EFI_EVENT Event, void *Context)
{
	EFI_TPL old = gBS->RaiseTPL(TPL_NOTIFY);

	(void)Event;
	(void)Context;
#if SEEDED
	(void)old;
#else
	gBS->RestoreTPL(old);
#endif
}

EFI_STATUS driver_main(void)
{
	static const EFI_GUID group = EFI_EVENT_GROUP_READY_TO_BOOT_GUID;

	return driver_on(&group, TPL_CALLBACK, ready_to_boot);
}
