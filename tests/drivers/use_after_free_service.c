/* SPDX-License-Identifier: BSD-2-Clause */
/* SetMem clears a block after it was freed. */
#include "driver.h"

static NOINLINE void drop(void *block, UINTN size)
{
#if SEEDED
	(void)gBS->FreePool(block);
	gBS->SetMem(block, size, 0);
#else
	gBS->SetMem(block, size, 0);
	(void)gBS->FreePool(block);
#endif
}

EFI_STATUS driver_main(void)
{
	void *block;
	EFI_STATUS status = gBS->AllocatePool(EfiBootServicesData, 100, &block);

	if (status != EFI_SUCCESS)
		return status;
	drop(block, 100);
	return EFI_SUCCESS;
}
