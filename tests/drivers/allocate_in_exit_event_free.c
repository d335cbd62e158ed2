/* SPDX-License-Identifier: BSD-2-Clause */
/* The notification of ExitBootServices frees pages. */
#include "driver.h"

static EFI_PHYSICAL_ADDRESS pages;

static void drop(void)
{
	(void)gBS->FreePages(pages, 4);
	pages = 0;
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = driver_start(SEEDED ? drop : NULL, NULL);

	if (status != EFI_SUCCESS)
		return status;
	status = gBS->AllocatePages(AllocateAnyPages, EfiBootServicesData, 4, &pages);
#if !SEEDED
	if (status == EFI_SUCCESS)
		drop();
#endif
	return status;
}
