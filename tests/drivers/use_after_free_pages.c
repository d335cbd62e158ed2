/* SPDX-License-Identifier: BSD-2-Clause */
/* Two of four pages are given back; the third is written to. */
#include "driver.h"

EFI_STATUS driver_main(void)
{
	EFI_PHYSICAL_ADDRESS memory;
	EFI_STATUS status =
		gBS->AllocatePages(AllocateAnyPages, EfiBootServicesData, 4, &memory);

	if (status != EFI_SUCCESS)
		return status;
	status = gBS->FreePages(memory + 2 * EFI_PAGE_SIZE, 2);
	if (status != EFI_SUCCESS)
		return status;
	*(volatile uint8_t *)(uintptr_t)(memory + (SEEDED ? 2 : 1) * EFI_PAGE_SIZE) = 1;
	return gBS->FreePages(memory, 2);
}
