/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GetTime counts its calls in a record that is given up at ExitBootServices, and does not
 * look whether it is there.
 */
#include "driver.h"

static struct record {
	uint64_t version, calls;
} memory;
static struct record *volatile record;

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	struct record *r = record;

#if !SEEDED
	if (r != NULL)
#endif
		r->calls++;
	return driver_time(Time, Capabilities);
}

static void on_exit(void)
{
	record = NULL;
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = driver_start(on_exit, NULL);

	if (status != EFI_SUCCESS)
		return status;
	record = &memory;
	gRT->GetTime = get_time;
	return driver_seal();
}
