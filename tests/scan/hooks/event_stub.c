/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test fixture (hook.h): code that no image owns is called when an operating system maps
 * firmware. Nothing of the program that put it there stays.
 */
#include "hook.h"

EFI_STATUS driver_main(void)
{
	EFI_EVENT event;
	void *stub = hook_stub();

	if (stub == NULL)
		return EFI_OUT_OF_RESOURCES;
	return gBS->CreateEvent(EVT_SIGNAL_VIRTUAL_ADDRESS_CHANGE, TPL_NOTIFY,
				(EFI_EVENT_NOTIFY)stub, NULL, &event);
}
