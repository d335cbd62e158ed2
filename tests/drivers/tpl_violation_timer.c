/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A timer's notification at TPL_HIGH_LEVEL asks for memory. It runs whenever time passes,
 * here within Stall.
 */
#include "driver.h"

static EFI_EVENT timer;

static void EFIAPI on_timer(EFI_EVENT Event, void *Context)
{
	void *block;

	(void)Context;
	if (gBS->AllocatePool(EfiBootServicesData, 64, &block) == EFI_SUCCESS)
		(void)gBS->FreePool(block);
	(void)gBS->SetTimer(Event, TimerCancel, 0);
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = gBS->CreateEvent(EVT_TIMER | EVT_NOTIFY_SIGNAL,
					     SEEDED ? TPL_HIGH_LEVEL : TPL_NOTIFY, on_timer,
					     NULL, &timer);

	if (status == EFI_SUCCESS)
		status = gBS->SetTimer(timer, TimerPeriodic, 1000);
	return status == EFI_SUCCESS ? gBS->Stall(1000) : status;
}
