/* SPDX-License-Identifier: BSD-2-Clause */
/* A function pointer, set at boot, is not converted. */
#include "driver.h"

static void (*volatile hook)(void);

static void nothing(void)
{
	__asm__ volatile("");
}

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	hook();
	return driver_time(Time, Capabilities);
}

static void on_virtual(void)
{
#if !SEEDED
	(void)driver_convert((void *)&hook);
#endif
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = driver_start(NULL, on_virtual);

	if (status != EFI_SUCCESS)
		return status;
	hook = nothing;
	gRT->GetTime = get_time;
	return driver_seal();
}
