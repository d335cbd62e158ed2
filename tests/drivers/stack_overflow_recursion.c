/* SPDX-License-Identifier: BSD-2-Clause */
/* GetTime recurses; each level needs little. */
#include "driver.h"

#define LEVELS (SEEDED ? 64U : 4U)

static NOINLINE uint64_t descend(unsigned level)
{
	volatile uint64_t local[16];

	local[level % 16] = level;
	return level == 0 ? 0 : descend(level - 1) + local[level % 16];
}

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	(void)descend(OPAQUE(LEVELS));
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
