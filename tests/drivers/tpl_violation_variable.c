/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A notification at TPL_NOTIFY reads a variable; variable services may be called up to
 * TPL_CALLBACK.
 */
#include "driver.h"

static void EFIAPI ready_to_boot(EFI_EVENT Event, void *Context)
{
	static CHAR16 name[] = u"Lang";
	static EFI_GUID guid = EFI_GLOBAL_VARIABLE_GUID;
	uint8_t data[16];
	UINTN size = sizeof data;

	(void)Event;
	(void)Context;
	(void)gRT->GetVariable(name, &guid, NULL, &size, data);
}

EFI_STATUS driver_main(void)
{
	static const EFI_GUID group = EFI_EVENT_GROUP_READY_TO_BOOT_GUID;

	return driver_on(&group, SEEDED ? TPL_NOTIFY : TPL_CALLBACK, ready_to_boot);
}
