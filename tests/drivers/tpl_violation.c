/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entry point allocates at TPL_HIGH_LEVEL; memory services may be called up to
 * TPL_NOTIFY.
 */
#include "driver.h"

EFI_STATUS driver_main(void)
{
	void *block;
	EFI_TPL old = gBS->RaiseTPL(SEEDED ? TPL_HIGH_LEVEL : TPL_NOTIFY);
	EFI_STATUS status = gBS->AllocatePool(EfiBootServicesData, 64, &block);

	gBS->RestoreTPL(old);
	return status == EFI_SUCCESS ? gBS->FreePool(block) : status;
}
