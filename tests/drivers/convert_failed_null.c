/* SPDX-License-Identifier: BSD-2-Clause */
/* A pointer that may be NULL is converted without saying so. */
#include "driver.h"

static void *volatile none;

static void on_virtual(void)
{
	(void)gRT->ConvertPointer(SEEDED ? 0 : EFI_OPTIONAL_PTR, (void **)&none);
}

EFI_STATUS driver_main(void)
{
	return driver_start(NULL, on_virtual);
}
