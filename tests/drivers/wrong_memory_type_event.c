/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the notification of SetVirtualAddressMap gets as its context lies in boot services
 * memory. That it is not used there makes it no better: firmware keeps the pointer.
 */
#include "driver.h"

static void EFIAPI on_change(EFI_EVENT Event, void *Context)
{
	(void)Event;
	(void)Context;
}

EFI_STATUS driver_main(void)
{
	EFI_EVENT event;
	void *context;
	EFI_STATUS status = gBS->AllocatePool(
		SEEDED ? EfiBootServicesData : EfiRuntimeServicesData, 32, &context);

	if (status != EFI_SUCCESS)
		return status;
	return gBS->CreateEvent(EVT_SIGNAL_VIRTUAL_ADDRESS_CHANGE, TPL_NOTIFY, on_change,
				context, &event);
}
