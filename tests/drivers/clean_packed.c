/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A boot services driver whose sections are 64 bytes apart: code, constants and variables
 * share pages, so none of them can be protected from the others.
 */
#include "driver.h"

static const EFI_GUID ours = {
	0x7d4e10b9, 0x06c3, 0x4a5b, {0xb8, 0x6f, 0x29, 0xd5, 0x3e, 0x71, 0xc0, 0x4a}};
static const uint64_t constants[4] = {1, 2, 3, 4};
static uint64_t *variables[4];
static uint64_t sum;

EFI_STATUS driver_main(void)
{
	EFI_HANDLE handle = NULL;

	for (unsigned i = 0; i < 4; i++) {
		EFI_STATUS status = gBS->AllocatePool(EfiBootServicesData, sizeof sum,
						      (void **)&variables[i]);

		if (status != EFI_SUCCESS)
			return status;
		*variables[i] = ((const volatile uint64_t *)constants)[i];
		sum += *(volatile uint64_t *)variables[i];
	}
	return gBS->InstallProtocolInterface(&handle, &ours, EFI_NATIVE_INTERFACE, &sum);
}
