/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One byte past a pool block of 20 bytes: it lands in what rounding to 8 bytes leaves, so
 * no page catches it.
 */
#include "driver.h"

static uint8_t *block;

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	((volatile uint8_t *)block)[SEEDED ? 20 : 19] = 1;
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
	status = gBS->AllocatePool(EfiRuntimeServicesData, 20, (void **)&block);
	if (status != EFI_SUCCESS)
		return status;
	gRT->GetTime = get_time;
	return driver_seal();
}
