/* SPDX-License-Identifier: BSD-2-Clause */
/* GetTime calls an optional hook that nobody has set. */
#include "driver.h"

static void(EFIAPI *volatile hook)(EFI_TIME *Time);

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	void(EFIAPI * h)(EFI_TIME *) = hook;

#if !SEEDED
	if (h != NULL)
#endif
		h(Time);
	return driver_time(Time, Capabilities);
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = driver_start(NULL, NULL);

	if (status != EFI_SUCCESS)
		return status;
	gRT->GetTime = get_time;
	return driver_seal();
}
