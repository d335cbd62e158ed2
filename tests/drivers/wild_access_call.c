/* SPDX-License-Identifier: BSD-2-Clause */
/* As wild_access, with a call. */
#include "driver.h"

static void nothing(void)
{
	__asm__ volatile("");
}

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	void (*f)(void) =
		SEEDED ? (void (*)(void))OPAQUE(0x123456789000) : OPAQUE(&nothing);

	f();
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
