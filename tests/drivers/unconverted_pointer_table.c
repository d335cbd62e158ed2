/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table of functions that the linker made, which firmware relocates, was copied into a
 * block, which nobody does.
 */
#include "driver.h"

struct operations {
	uint64_t (*open)(void);
	uint64_t (*close)(void);
};
static uint64_t opened, closed;
static struct operations *operations;

static uint64_t open(void)
{
	return ++opened;
}

static uint64_t close(void)
{
	return ++closed;
}

static const struct operations here = {open, close};

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	const volatile struct operations *o = OPAQUE(&here);

	(void)o->open();
	(void)((volatile struct operations *)operations)->close();
	return driver_time(Time, Capabilities);
}

static void on_virtual(void)
{
#if !SEEDED
	(void)driver_convert(&operations->open);
	(void)driver_convert(&operations->close);
#endif
	(void)driver_convert(&operations);
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = driver_start(NULL, on_virtual);

	if (status != EFI_SUCCESS)
		return status;
	status = gBS->AllocatePool(EfiRuntimeServicesData, sizeof *operations,
				   (void **)&operations);
	if (status != EFI_SUCCESS)
		return status;
	gBS->CopyMem(operations, (void *)&here, sizeof here);
	gRT->GetTime = get_time;
	return driver_seal();
}
