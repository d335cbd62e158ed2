/* SPDX-License-Identifier: BSD-2-Clause */
/* The pointer to a runtime pool block is not converted. */
#include "driver.h"

static uint64_t *calls;

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	++*(volatile uint64_t *)calls;
	return driver_time(Time, Capabilities);
}

static void on_virtual(void)
{
#if !SEEDED
	(void)driver_convert(&calls);
#endif
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
	gRT->GetTime = get_time;
	return driver_seal();
}
