/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entry point works in a buffer on the stack, from its lower end: there are 128 KiB,
 * not more, and other memory is not far below.
 */
#include "driver.h"

#define ROOM ((SEEDED ? 512U : 96U) << 10)

static NOINLINE uint8_t sum(void)
{
	uint8_t buffer[ROOM];
	volatile uint8_t *p = OPAQUE(&buffer[0]);
	uint8_t n = 0;

	for (unsigned i = 0; i < ROOM; i++)
		p[i] = (uint8_t)i;
	for (unsigned i = 0; i < ROOM; i++)
		n = (uint8_t)(n + p[i]);
	return n;
}

EFI_STATUS driver_main(void)
{
	(void)OPAQUE(sum());
	return EFI_SUCCESS;
}
