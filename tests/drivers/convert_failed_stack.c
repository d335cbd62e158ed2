/* SPDX-License-Identifier: BSD-2-Clause */
/* What is converted is the address of a local variable. */
#include "driver.h"

static uint64_t calls;

static void on_virtual(void)
{
	uint64_t local = 0;
	uint64_t *p = OPAQUE(SEEDED ? &local : &calls);

	(void)driver_convert(&p);
}

EFI_STATUS driver_main(void)
{
	return driver_start(NULL, on_virtual);
}
