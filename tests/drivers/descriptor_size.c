/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An application walks the memory map by the size of the structure that it knows, not by
 * the size that firmware says.
 */
#include "driver.h"

static NOINLINE uint64_t pages_of(const void *map, UINTN size, UINTN step, uint32_t type)
{
	uint64_t n = 0;

	for (UINTN at = 0; at + sizeof(EFI_MEMORY_DESCRIPTOR) <= size;
	     at += SEEDED ? sizeof(EFI_MEMORY_DESCRIPTOR) : step) {
		const EFI_MEMORY_DESCRIPTOR *d =
			(const void *)((const volatile uint8_t *)map + at);

		if (d->Type == type)
			n += d->NumberOfPages;
	}
	return n;
}

EFI_STATUS driver_main(void)
{
	UINTN size = 0, key, step;
	uint32_t version;
	void *map;
	EFI_STATUS status = gBS->GetMemoryMap(&size, NULL, &key, &step, &version);

	if (status != EFI_BUFFER_TOO_SMALL)
		return EFI_ABORTED;
	size += 8 * step;
	status = gBS->AllocatePool(EfiLoaderData, size, &map);
	if (status != EFI_SUCCESS)
		return status;
	status = gBS->GetMemoryMap(&size, map, &key, &step, &version);
	if (status == EFI_SUCCESS)
		status = pages_of(map, size, step, EfiConventionalMemory) != 0
				 ? EFI_SUCCESS
				 : EFI_NOT_FOUND;
	(void)gBS->FreePool(map);
	return status;
}
