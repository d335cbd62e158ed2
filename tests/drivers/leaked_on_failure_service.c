/* SPDX-License-Identifier: BSD-2-Clause */
/* The entry point gives up, and leaves its own GetTime in the runtime services table. */
#include "driver.h"

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{

	return driver_time(Time, Capabilities);
}

EFI_STATUS driver_main(void)
{
	EFI_GET_TIME firmware = gRT->GetTime;

	gRT->GetTime = get_time;
	(void)driver_seal();
#if SEEDED
	(void)firmware;
#else
	gRT->GetTime = firmware;
	(void)driver_seal();
#endif
	return EFI_UNSUPPORTED;
}
