/* SPDX-License-Identifier: BSD-2-Clause */
/* The entry point reads the byte before a page. */
#include "driver.h"

EFI_STATUS driver_main(void)
{
	EFI_PHYSICAL_ADDRESS memory;
	EFI_STATUS status =
		gBS->AllocatePages(AllocateAnyPages, EfiBootServicesData, 1, &memory);

	if (status != EFI_SUCCESS)
		return status;
	(void)*(volatile uint8_t *)(uintptr_t)(memory - SEEDED);
	return gBS->FreePages(memory, 1);
}
