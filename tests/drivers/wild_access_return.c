/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A copy runs over the end of a local array and over the return address; the stack itself
 * has room enough.
 */
#include "driver.h"

#define WORDS (SEEDED ? 16U : 4U)

static volatile uint64_t last;

static NOINLINE void copy(unsigned n)
{
	uint64_t words[4];
	volatile uint64_t *p = OPAQUE(&words[0]);

	for (unsigned i = 0; i < n; i++)
		p[i] = 0x41414141;
	last = p[0];
}

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	copy(OPAQUE(WORDS));
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
