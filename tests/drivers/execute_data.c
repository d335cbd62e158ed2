/* SPDX-License-Identifier: BSD-2-Clause */
/* GetTime calls code that was put together in a variable. */
#include "driver.h"

static volatile uint8_t thunk[16];

static NOINLINE void nothing(void)
{
	__asm__ volatile("");
}

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
#if SEEDED
	void (*f)(void) = (void (*)(void))(uintptr_t)OPAQUE(&thunk[0]);

	thunk[0] = 0xc3; /* ret */
#else
	void (*f)(void) = OPAQUE(&nothing);

	thunk[0] = 0;
#endif
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
