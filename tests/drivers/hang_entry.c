/* SPDX-License-Identifier: BSD-2-Clause */
/* The entry point waits for a device that is not there. */
#include "driver.h"

static volatile uint32_t status_register;

EFI_STATUS driver_main(void)
{
	for (unsigned i = 0; SEEDED || i < 1000; i++)
		if (status_register & 1)
			return EFI_SUCCESS;
	return EFI_TIMEOUT;
}
