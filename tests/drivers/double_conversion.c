/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of pointers to be converted has one of them twice. */
#include "driver.h"

static uint64_t *calls, *failures;
#if SEEDED
static uint64_t **const pointers[] = {&calls, &failures, &calls};
#else
static uint64_t **const pointers[] = {&calls, &failures};
#endif

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	EFI_STATUS status = driver_time(Time, Capabilities);

	if (!driver_at(AT_VIRTUAL))
		++*(status == EFI_SUCCESS ? calls : failures);
	return status;
}

static void on_virtual(void)
{
	for (unsigned i = 0; i < sizeof pointers / sizeof pointers[0]; i++)
		(void)driver_convert(pointers[i]);
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = driver_start(NULL, on_virtual);

	if (status != EFI_SUCCESS)
		return status;
	status = gBS->AllocatePool(EfiRuntimeServicesData, 2 * sizeof *calls,
				   (void **)&calls);
	if (status != EFI_SUCCESS)
		return status;
	calls[0] = calls[1] = 0;
	failures = &calls[1];
	gRT->GetTime = get_time;
	return driver_seal();
}
