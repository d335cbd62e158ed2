/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test fixture (hook.h): GetWakeupTime lies in a boot services driver, in memory that the
 * operating system takes for its own.
 */
#include "hook.h"

static EFI_STATUS EFIAPI get_wakeup_time(BOOLEAN *Enabled, BOOLEAN *Pending, EFI_TIME *Time)
{
	(void)Enabled;
	(void)Pending;
	(void)Time;
	return EFI_UNSUPPORTED;
}

EFI_STATUS driver_main(void)
{
	gRT->GetWakeupTime = get_wakeup_time;
	return driver_seal();
}
