/* SPDX-License-Identifier: BSD-2-Clause */
/* The entry point reads the byte after two pages. */
#include "driver.h"

EFI_STATUS driver_main(void)
{
	EFI_PHYSICAL_ADDRESS memory;
	EFI_STATUS status =
		gBS->AllocatePages(AllocateAnyPages, EfiBootServicesData, 2, &memory);

	if (status != EFI_SUCCESS)
		return status;
	(void)*(volatile uint8_t *)(uintptr_t)(memory + 2 * EFI_PAGE_SIZE - !SEEDED);
	return gBS->FreePages(memory, 2);
}
