/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The notification of ExitBootServices allocates: the memory map, which the operating
 * system has just taken, is not true any more.
 */
#include "driver.h"

static void *block;

static void allocate(void)
{
	if (gBS->AllocatePool(EfiRuntimeServicesData, 64, &block) == EFI_SUCCESS)
		*(volatile uint8_t *)block = 1;
}

#if SEEDED
EFI_STATUS driver_main(void)
{
	return driver_start(allocate, NULL);
}
#else
static void EFIAPI ready_to_boot(EFI_EVENT Event, void *Context)
{
	(void)Event;
	(void)Context;
	allocate();
}

static void on_virtual(void)
{
	(void)driver_convert(&block);
}

EFI_STATUS driver_main(void)
{
	static const EFI_GUID group = EFI_EVENT_GROUP_READY_TO_BOOT_GUID;
	EFI_STATUS status = driver_start(NULL, on_virtual);

	return status == EFI_SUCCESS ? driver_on(&group, TPL_CALLBACK, ready_to_boot)
				     : status;
}
#endif
