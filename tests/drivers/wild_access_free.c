/* SPDX-License-Identifier: BSD-2-Clause */
/* A pointer was moved through the block before the block is freed by it. */
#include "driver.h"

static NOINLINE void drop(uint8_t *p)
{
	(void)gBS->FreePool(p);
}

EFI_STATUS driver_main(void)
{
	uint8_t *p, *end;
	EFI_STATUS status = gBS->AllocatePool(EfiBootServicesData, 100, (void **)&p);

	if (status != EFI_SUCCESS)
		return status;
	end = OPAQUE(p);
	while (end < p + 16)
		*(volatile uint8_t *)end++ = 0;
	drop(SEEDED ? end : p);
	return EFI_SUCCESS;
}
