/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An application tries again when ExitBootServices refuses its key: with the same key.
 */
#include "driver.h"

static _Alignas(8) uint8_t map[65536];

static NOINLINE EFI_STATUS leave(void)
{
	UINTN key = 0, step, size;
	uint32_t version;
	EFI_PHYSICAL_ADDRESS page;
	EFI_STATUS status = EFI_ABORTED;

	for (unsigned i = 0; i < 3; i++) {
		size = sizeof map;
		if (i == 0 || !SEEDED)
			status = gBS->GetMemoryMap(&size, (void *)map, &key, &step,
						   &version);
		if (i == 0 && status == EFI_SUCCESS)
			status = gBS->AllocatePages(AllocateAnyPages, EfiLoaderData, 1,
						    &page);
		if (i == 0 && status != EFI_SUCCESS)
			return status;
		status = gBS->ExitBootServices(gImageHandle, key);
		if (status == EFI_SUCCESS)
			break;
	}
	return status;
}

EFI_STATUS driver_main(void)
{
	return leave();
}
