/* SPDX-License-Identifier: BSD-2-Clause */
/* The pointer to a block is converted, the pointer within the block is not. */
#include "driver.h"

static struct record {
	uint64_t version;
	uint64_t *calls;
} * record;
static uint64_t calls;

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	++*(volatile uint64_t *)record->calls;
	return driver_time(Time, Capabilities);
}

static void on_virtual(void)
{
#if !SEEDED
	(void)driver_convert(&record->calls);
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
	*record = (struct record){1, &calls};
	gRT->GetTime = get_time;
	return driver_seal();
}
