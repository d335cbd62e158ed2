/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pointer that is converted points to boot services memory, which has no virtual
 * address.
 */
#include "driver.h"

static void *block;

static void on_virtual(void)
{
	(void)driver_convert(&block);
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = driver_start(NULL, on_virtual);

	if (status != EFI_SUCCESS)
		return status;
	return gBS->AllocatePool(SEEDED ? EfiBootServicesData : EfiRuntimeServicesData, 64,
				 &block);
}
