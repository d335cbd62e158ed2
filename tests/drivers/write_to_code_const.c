/* SPDX-License-Identifier: BSD-2-Clause */
/* GetTime changes a constant: a page that is neither executable nor writable. */
#include "driver.h"

#if SEEDED
#define MAYBE const
#else
#define MAYBE
#endif

static MAYBE uint64_t defaults[4] = {1, 2, 3, 4};

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	volatile uint64_t *to = OPAQUE((volatile uint64_t *)(uintptr_t)defaults);

	to[2] = to[1];
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
