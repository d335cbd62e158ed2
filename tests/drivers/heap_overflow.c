/* SPDX-License-Identifier: BSD-2-Clause */
/* GetTime writes one byte past a pool block of 24 bytes. */
#include "driver.h"

static uint8_t *block;

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	((volatile uint8_t *)block)[SEEDED ? 24 : 23] = 1;
	return driver_time(Time, Capabilities);
}

static void on_virtual(void)
{
	(void)driver_convert(&block);
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = driver_start(NULL, on_virtual);

	if (status != EFI_SUCCESS)
		return status;
	status = gBS->AllocatePool(EfiRuntimeServicesData, 24, (void **)&block);
	if (status != EFI_SUCCESS)
		return status;
	gRT->GetTime = get_time;
	return driver_seal();
}
