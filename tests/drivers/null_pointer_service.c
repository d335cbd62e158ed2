/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entry point has CopyMem copy to a buffer whose allocation it has not checked: more
 * was asked for than there is.
 */
#include "driver.h"

static uint8_t name[16];

static NOINLINE void keep_name(void)
{
	void *copy = NULL;
	EFI_STATUS status = gBS->AllocatePool(EfiBootServicesData, UINT64_MAX / 2, &copy);

#if SEEDED
	(void)status;
#else
	if (status != EFI_SUCCESS)
		return;
#endif
	gBS->CopyMem(copy, name, sizeof name);
}

EFI_STATUS driver_main(void)
{
	keep_name();
	return EFI_SUCCESS;
}
