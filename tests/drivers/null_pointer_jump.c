/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GetTime goes on to the function that it replaced, and there was none: a jump, as
 * compilers make of a call that comes last, leaves no return address behind.
 */
#include "driver.h"

static EFI_GET_TIME next;

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	__attribute__((musttail)) return next(Time, Capabilities);
}

static EFI_STATUS EFIAPI last(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	return driver_time(Time, Capabilities);
}

static void on_virtual(void)
{
	(void)gRT->ConvertPointer(EFI_OPTIONAL_PTR, (void **)&next);
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = driver_start(NULL, on_virtual);

	if (status != EFI_SUCCESS)
		return status;
#if !SEEDED
	next = last;
#endif
	gRT->GetTime = get_time;
	return driver_seal();
}
