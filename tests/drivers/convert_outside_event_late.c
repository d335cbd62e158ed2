/* SPDX-License-Identifier: BSD-2-Clause */
/* GetTime converts its pointer when it finds that it runs virtually: the map is gone. */
#include "driver.h"

static uint64_t *calls;
static uint64_t count;
static bool done;

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	if (SEEDED && driver_at(AT_VIRTUAL) && !done) {
		done = true;
		(void)driver_convert(&calls);
	}
	if (!driver_at(AT_VIRTUAL))
		++*calls;
	return driver_time(Time, Capabilities);
}

static void on_virtual(void)
{
	if (!SEEDED)
		(void)driver_convert(&calls);
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = driver_start(NULL, on_virtual);

	if (status != EFI_SUCCESS)
		return status;
	calls = &count;
	gRT->GetTime = get_time;
	return driver_seal();
}
