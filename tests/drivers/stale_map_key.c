/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An application allocates between GetMemoryMap and ExitBootServices, and gives up when
 * its key is refused.
 */
#include "driver.h"

static _Alignas(8) uint8_t map[65536];

static NOINLINE EFI_STATUS leave(void)
{
	UINTN key, step, size = sizeof map;
	uint32_t version;
	EFI_PHYSICAL_ADDRESS page;
	EFI_STATUS status = gBS->GetMemoryMap(&size, (void *)map, &key, &step, &version);

	if (status != EFI_SUCCESS)
		return status;
	status = gBS->AllocatePages(AllocateAnyPages, EfiLoaderData, 1, &page);
	if (status != EFI_SUCCESS)
		return status;
	status = gBS->ExitBootServices(gImageHandle, key);
#if !SEEDED
	for (unsigned i = 0; i < 3 && status == EFI_INVALID_PARAMETER; i++) {
		size = sizeof map;
		status = gBS->GetMemoryMap(&size, (void *)map, &key, &step, &version);
		if (status == EFI_SUCCESS)
			status = gBS->ExitBootServices(gImageHandle, key);
	}
#endif
	return status;
}

EFI_STATUS driver_main(void)
{
	return leave();
}
