/* SPDX-License-Identifier: BSD-2-Clause */
/* As heap_overflow_slack, in a block that is freed soon. */
#include "driver.h"

static NOINLINE EFI_STATUS scratch(void)
{
	uint8_t *block;
	EFI_STATUS status = gBS->AllocatePool(EfiBootServicesData, 20, (void **)&block);

	if (status != EFI_SUCCESS)
		return status;
	for (unsigned i = 0; i < (SEEDED ? 21 : 20); i++)
		((volatile uint8_t *)block)[i] = 0;
	return gBS->FreePool(block);
}

EFI_STATUS driver_main(void)
{
	return scratch();
}
