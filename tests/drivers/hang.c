/* SPDX-License-Identifier: BSD-2-Clause */
/* GetTime waits, after ExitBootServices, for a flag that a timer event set at boot. */
#include "driver.h"

static volatile bool ready = true;

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	for (unsigned i = 0; SEEDED || i < 1000; i++)
		if (ready)
			break;
	return driver_time(Time, Capabilities);
}

static void on_exit(void)
{
	ready = false;
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = driver_start(on_exit, NULL);

	if (status != EFI_SUCCESS)
		return status;
	gRT->GetTime = get_time;
	return driver_seal();
}
