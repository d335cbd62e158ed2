/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table for the operating system lies in boot services memory, and the driver still
 * needs it at run time.
 */
#include "driver.h"

static struct record {
	uint64_t version;
	void *table;
} * record;

static void on_virtual(void)
{
#if SEEDED
	record->table = NULL;
#else
	(void)driver_convert(&record->table);
#endif
	(void)driver_convert(&record);
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = driver_start(NULL, on_virtual);

	if (status != EFI_SUCCESS)
		return status;
	status =
		gBS->AllocatePool(EfiRuntimeServicesData, sizeof *record, (void **)&record);
	if (status != EFI_SUCCESS)
		return status;
	record->version = 1;
	return gBS->AllocatePool(SEEDED ? EfiBootServicesData : EfiRuntimeServicesData, 64,
				 &record->table);
}
