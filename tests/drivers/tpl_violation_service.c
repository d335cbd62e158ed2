/* SPDX-License-Identifier: BSD-2-Clause */
/* GetTime raises the task priority while it works, and forgets to restore it. */
#include "driver.h"

static EFI_BOOT_SERVICES *services;

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	if (services != NULL) {
		EFI_TPL old = services->RaiseTPL(TPL_NOTIFY);

#if SEEDED
		(void)old;
#else
		services->RestoreTPL(old);
#endif
	}
	return driver_time(Time, Capabilities);
}

static void on_exit(void)
{
	services = NULL;
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = driver_start(on_exit, NULL);

	if (status != EFI_SUCCESS)
		return status;
	services = gBS;
	gRT->GetTime = get_time;
	return driver_seal();
}
