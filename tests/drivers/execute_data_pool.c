/* SPDX-License-Identifier: BSD-2-Clause */
/* The entry point calls code in a pool block for data. */
#include "driver.h"

static NOINLINE void nothing(void)
{
	__asm__ volatile("");
}

static NOINLINE void call(uint8_t *code)
{
#if SEEDED
	void (*f)(void) = (void (*)(void))(uintptr_t)code;
#else
	void (*f)(void) = OPAQUE(&nothing);
#endif

	*(volatile uint8_t *)code = 0xc3; /* ret */
	f();
}

EFI_STATUS driver_main(void)
{
	void *code;
	EFI_STATUS status = gBS->AllocatePool(EfiBootServicesData, 16, &code);

	if (status != EFI_SUCCESS)
		return status;
	call(code);
	return gBS->FreePool(code);
}
