/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The notification of SetVirtualAddressMap frees what is not needed any more: too late by
 * one phase.
 */
#include "driver.h"

static void *block;
static EFI_FREE_POOL free_pool;

static void drop(void)
{
	(void)free_pool(block);
	block = NULL;
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = driver_start(NULL, SEEDED ? drop : NULL);

	if (status != EFI_SUCCESS)
		return status;
	free_pool = gBS->FreePool;
	status = gBS->AllocatePool(EfiRuntimeServicesData, 64, &block);
	if (status != EFI_SUCCESS)
		return status;
#if !SEEDED
	drop();
#endif
	return EFI_SUCCESS;
}
