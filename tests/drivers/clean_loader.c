/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An application as loaders of operating systems are: the memory map lies in an array on
 * its stack, beside everything else; it is copied by the byte and by the word, walked,
 * written into (for the virtual addresses), and ExitBootServices tried until it succeeds.
 * Then runtime services.
 */
#include "driver.h"

static EFI_TIME now;
static _Alignas(8) uint8_t copy[16384];

EFI_STATUS driver_main(void)
{
	_Alignas(8) uint8_t map[16384];
	UINTN size, key, step, count;
	uint32_t version;
	uint64_t pages = 0;
	EFI_STATUS status;

	do {
		size = sizeof map;
		status = gBS->GetMemoryMap(&size, (void *)map, &key, &step, &version);
		if (status != EFI_SUCCESS)
			return status;
		gBS->CopyMem(copy, map, size);
		for (UINTN i = 0; i < size / 8; i++)
			((volatile uint64_t *)copy)[i] = ((const uint64_t *)map)[i];
		for (count = 0; count < size / step; count++) {
			EFI_MEMORY_DESCRIPTOR *d = (void *)(map + count * step);

			pages += d->NumberOfPages;
			if ((d->Attribute & EFI_MEMORY_RUNTIME) != 0)
				d->VirtualStart = d->PhysicalStart;
		}
		status = gBS->ExitBootServices(gImageHandle, key);
	} while (status == EFI_INVALID_PARAMETER);
	if (status != EFI_SUCCESS || OPAQUE(pages) == 0)
		return EFI_ABORTED;
	return gRT->GetTime(&now, NULL);
}
