/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The notification converts its pointer to the runtime services first, and then calls
 * ConvertPointer through it.
 */
#include "driver.h"

static EFI_RUNTIME_SERVICES *services;
static uint64_t *calls;

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	++*calls;
	(void)OPAQUE(services->Hdr.Revision);
	return driver_time(Time, Capabilities);
}

static void on_virtual(void)
{
#if SEEDED
	(void)services->ConvertPointer(0, (void **)&services);
	(void)services->ConvertPointer(0, (void **)&calls);
#else
	(void)services->ConvertPointer(0, (void **)&calls);
	(void)services->ConvertPointer(0, (void **)&services);
#endif
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = driver_start(NULL, on_virtual);

	if (status != EFI_SUCCESS)
		return status;
	status = gBS->AllocatePool(EfiRuntimeServicesData, sizeof *calls, (void **)&calls);
	if (status != EFI_SUCCESS)
		return status;
	*calls = 0;
	services = gRT;
	gRT->GetTime = get_time;
	return driver_seal();
}
