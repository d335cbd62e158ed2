/* SPDX-License-Identifier: BSD-2-Clause */
/* GetTime counts in a pool block that the entry point has freed. */
#include "driver.h"

static uint64_t *calls;

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	++*(volatile uint64_t *)calls;
	return driver_time(Time, Capabilities);
}

static void on_virtual(void)
{
	(void)driver_convert(&calls);
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = driver_start(NULL, on_virtual);

	if (status != EFI_SUCCESS)
		return status;
	status = gBS->AllocatePool(EfiRuntimeServicesData, sizeof *calls, (void **)&calls);
	if (status != EFI_SUCCESS)
		return status;
	*calls = 0;
#if SEEDED
	status = gBS->FreePool(calls);
	if (status != EFI_SUCCESS)
		return status;
#endif
	gRT->GetTime = get_time;
	return driver_seal();
}
