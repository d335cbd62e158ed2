/* SPDX-License-Identifier: BSD-2-Clause */
/* CopyMem is told to copy 8 bytes more than the block has. */
#include "driver.h"

static const uint8_t text[40];

static NOINLINE void fill(void *block, UINTN size)
{
	gBS->CopyMem(block, (void *)(uintptr_t)text, SEEDED ? size + 8 : size);
}

EFI_STATUS driver_main(void)
{
	void *block;
	EFI_STATUS status = gBS->AllocatePool(EfiBootServicesData, 32, &block);

	if (status != EFI_SUCCESS)
		return status;
	fill(block, 32);
	return gBS->FreePool(block);
}
