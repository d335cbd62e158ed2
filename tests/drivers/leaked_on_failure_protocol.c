/* SPDX-License-Identifier: BSD-2-Clause */
/* The entry point gives up, and leaves a protocol. */
#include "driver.h"

static const EFI_GUID guid = {
	0x6a3f6e1d, 0x2c55, 0x4b0e, {0x9e, 0x57, 0x11, 0x6f, 0xb2, 0x4d, 0x70, 0x38}};
static uint64_t interface;

EFI_STATUS driver_main(void)
{
	EFI_HANDLE handle = NULL;
	EFI_STATUS status = gBS->InstallProtocolInterface(&handle, &guid,
							  EFI_NATIVE_INTERFACE, &interface);

	if (status != EFI_SUCCESS)
		return status;
#if !SEEDED
	(void)gBS->UninstallProtocolInterface(handle, &guid, &interface);
#endif
	return EFI_UNSUPPORTED;
}
