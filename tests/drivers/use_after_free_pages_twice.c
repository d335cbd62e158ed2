/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages are freed one by one, and then all of them. */
#include "driver.h"

static NOINLINE void drop(EFI_PHYSICAL_ADDRESS memory)
{
	(void)gBS->FreePages(memory, 1);
#if SEEDED
	(void)gBS->FreePages(memory, 2);
#else
	(void)gBS->FreePages(memory + EFI_PAGE_SIZE, 1);
#endif
}

EFI_STATUS driver_main(void)
{
	EFI_PHYSICAL_ADDRESS memory;
	EFI_STATUS status =
		gBS->AllocatePages(AllocateAnyPages, EfiBootServicesData, 2, &memory);

	if (status != EFI_SUCCESS)
		return status;
	drop(memory);
	return EFI_SUCCESS;
}
