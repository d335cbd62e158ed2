/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GetTime looks into its EFI_LOADED_IMAGE_PROTOCOL, which is firmware's boot services
 * data.
 */
#include "driver.h"

static EFI_LOADED_IMAGE_PROTOCOL *image;
static volatile uint64_t size;

static NOINLINE void look(void)
{
#if SEEDED
	size = *(volatile uint64_t *)&image->ImageSize;
#else
	if (driver_at(AT_BOOT))
		size = image->ImageSize;
#endif
}

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	if (!driver_at(AT_VIRTUAL))
		look();
	return driver_time(Time, Capabilities);
}

static void on_virtual(void)
{
	image = NULL;
}

EFI_STATUS driver_main(void)
{
	static const EFI_GUID guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
	EFI_STATUS status = driver_start(NULL, on_virtual);

	if (status != EFI_SUCCESS)
		return status;
	status = gBS->HandleProtocol(gImageHandle, &guid, (void **)&image);
	if (status != EFI_SUCCESS)
		return status;
	gRT->GetTime = get_time;
	return driver_seal();
}
