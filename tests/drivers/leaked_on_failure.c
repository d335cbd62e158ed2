/* SPDX-License-Identifier: BSD-2-Clause */
/* The entry point gives up, and leaves the block that it has allocated. */
#include "driver.h"

EFI_STATUS driver_main(void)
{
	void *block;
	EFI_STATUS status = gBS->AllocatePool(EfiRuntimeServicesData, 64, &block);

	if (status != EFI_SUCCESS)
		return status;
#if !SEEDED
	(void)gBS->FreePool(block);
#endif
	return EFI_UNSUPPORTED;
}
