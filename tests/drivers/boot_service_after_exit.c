/* SPDX-License-Identifier: BSD-2-Clause */
/* GetTime raises the task priority, also when boot services have ended. */
#include "driver.h"

static EFI_BOOT_SERVICES *services;

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	if (services != NULL)
		services->RestoreTPL(services->RaiseTPL(TPL_NOTIFY));
	return driver_time(Time, Capabilities);
}

static void on_exit(void)
{
#if !SEEDED
	services = NULL;
#endif
}

static void on_virtual(void)
{
	services = NULL;
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = driver_start(on_exit, on_virtual);

	if (status != EFI_SUCCESS)
		return status;
	services = gBS;
	gRT->GetTime = get_time;
	return driver_seal();
}
