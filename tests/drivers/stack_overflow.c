/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GetTime fills a buffer on the stack that is larger than the 4 KiB that an operating
 * system has to give.
 */
#include "driver.h"

#if SEEDED
#define ROOM 6000U
#else
#define ROOM 1024U
#endif

static NOINLINE uint8_t sum(void)
{
	volatile uint8_t buffer[ROOM];
	uint8_t n = 0;

	for (unsigned i = ROOM; i > 0; i--)
		buffer[i - 1] = (uint8_t)i;
	for (unsigned i = 0; i < ROOM; i++)
		n = (uint8_t)(n + buffer[i]);
	return n;
}

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	(void)sum();
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
