/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The notification of SetVirtualAddressMap converts a pointer and then uses it, before
 * the operating system has mapped anything there.
 */
#include "driver.h"

static struct record {
	uint64_t calls;
	bool moved;
} * record;

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	record->calls++;
	return driver_time(Time, Capabilities);
}

static void on_virtual(void)
{
#if SEEDED
	(void)driver_convert(&record);
	((volatile struct record *)record)->moved = true;
#else
	((volatile struct record *)record)->moved = true;
	(void)driver_convert(&record);
#endif
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
	record->calls = 0;
	record->moved = false;
	gRT->GetTime = get_time;
	return driver_seal();
}
