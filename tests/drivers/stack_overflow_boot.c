/* SPDX-License-Identifier: BSD-2-Clause */
/* The entry point works in a buffer on the stack: there are 128 KiB, not more. */
#include "driver.h"

#define ROOM ((SEEDED ? 160U : 32U) << 10)

static NOINLINE uint8_t sum(void)
{
	uint8_t buffer[ROOM];
	volatile uint8_t *p = OPAQUE(&buffer[0]);
	uint8_t n = 0;

	for (unsigned i = ROOM; i > 0; i--)
		p[i - 1] = (uint8_t)i;
	for (unsigned i = 0; i < ROOM; i++)
		n = (uint8_t)(n + p[i]);
	return n;
}

EFI_STATUS driver_main(void)
{
	(void)OPAQUE(sum());
	return EFI_SUCCESS;
}
