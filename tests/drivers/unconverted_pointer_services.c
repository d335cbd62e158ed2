/* SPDX-License-Identifier: BSD-2-Clause */
/* The pointer to the runtime services table is not converted. */
#include "driver.h"

static EFI_RUNTIME_SERVICES *services;

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	uint32_t count;

	(void)services->GetNextHighMonotonicCount(&count);
	return driver_time(Time, Capabilities);
}

static void on_virtual(void)
{
#if !SEEDED
	(void)driver_convert(&services);
#endif
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = driver_start(NULL, on_virtual);

	if (status != EFI_SUCCESS)
		return status;
	services = gRT;
	gRT->GetTime = get_time;
	return driver_seal();
}
