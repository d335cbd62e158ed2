/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test fixture (hook.h): the system table shows another runtime services table, a copy with
 * a right CRC, in which UpdateCapsule is a stub without a header.
 */
#include "hook.h"

#include "base/crc32.h"

EFI_STATUS driver_main(void)
{
	EFI_RUNTIME_SERVICES *copy;
	void *stub = hook_stub();

	if (stub == NULL || gBS->AllocatePool(EfiRuntimeServicesData, sizeof *copy,
					      (void **)&copy) != EFI_SUCCESS)
		return EFI_OUT_OF_RESOURCES;
	*copy = *gRT;
	copy->UpdateCapsule = (EFI_UPDATE_CAPSULE)stub;
	copy->Hdr.CRC32 = 0;
	copy->Hdr.CRC32 = crc32_update(0, copy, sizeof *copy);
	gST->RuntimeServices = copy;
	gST->Hdr.CRC32 = 0;
	gST->Hdr.CRC32 = crc32_update(0, gST, sizeof *gST);
	return EFI_SUCCESS;
}
