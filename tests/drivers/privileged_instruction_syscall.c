/* SPDX-License-Identifier: BSD-2-Clause */
/* What means something to an operating system means nothing to firmware. */
#include "driver.h"

EFI_STATUS driver_main(void)
{
#if SEEDED
	uint64_t number = 39;

	__asm__ volatile("syscall" : "+a"(number) : : "rcx", "r11", "memory");
#else
	__asm__ volatile("pause");
#endif
	return EFI_SUCCESS;
}
