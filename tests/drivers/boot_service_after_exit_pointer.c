/* SPDX-License-Identifier: BSD-2-Clause */
/* GetTime calls boot services through a copy of their addresses, without the table. */
#include "driver.h"

static EFI_CALCULATE_CRC32 crc32;

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	static uint32_t data, sum;

	if (crc32 != NULL)
		(void)crc32(&data, sizeof data, &sum);
	return driver_time(Time, Capabilities);
}

static void on_exit(void)
{
#if !SEEDED
	crc32 = NULL;
#endif
}

static void on_virtual(void)
{
	crc32 = NULL;
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = driver_start(on_exit, on_virtual);

	if (status != EFI_SUCCESS)
		return status;
	crc32 = gBS->CalculateCrc32;
	gRT->GetTime = get_time;
	return driver_seal();
}
