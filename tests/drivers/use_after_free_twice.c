/* SPDX-License-Identifier: BSD-2-Clause */
/* A block is freed twice. */
#include "driver.h"

static NOINLINE void drop(void *block)
{
	(void)gBS->FreePool(block);
#if SEEDED
	(void)gBS->FreePool(block);
#endif
}

EFI_STATUS driver_main(void)
{
	void *block;
	EFI_STATUS status = gBS->AllocatePool(EfiBootServicesData, 100, &block);

	if (status != EFI_SUCCESS)
		return status;
	drop(block);
	return EFI_SUCCESS;
}
