/* SPDX-License-Identifier: BSD-2-Clause */
/* The entry point waits for an interrupt. */
#include "driver.h"

EFI_STATUS driver_main(void)
{
#if SEEDED
	__asm__ volatile("hlt");
#else
	__asm__ volatile("pause");
#endif
	return EFI_SUCCESS;
}
