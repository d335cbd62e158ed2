/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test fixture (hook.h): one byte of code changed in a firmware driver that gives no
 * service: of its entry point, which has run and never runs again. Nothing of the program
 * itself stays.
 */
#include "hook.h"

#include "base/mem.h"
#include "uefi/pe.h"

/* OVMF's StatusCodeHandlerRuntimeDxe */
static const EFI_GUID victim = {
	0x6c2004ef, 0x4e0e, 0x4be4, {0xb1, 0x4c, 0x34, 0x0e, 0xb4, 0xaa, 0x58, 0x91}};

EFI_STATUS driver_main(void)
{
	static const uint8_t breakpoint = 0xcc;
	uint8_t *base = hook_firmware_image(&victim);
	uint32_t header, entry;

	if (base == NULL)
		return EFI_NOT_FOUND;
	memcpy(&header, base + PE_DOS_LFANEW, sizeof header);
	memcpy(&entry,
	       base + header + 4 + sizeof(PE_FILE_HEADER) +
		       offsetof(PE_OPTIONAL_HEADER, AddressOfEntryPoint),
	       sizeof entry);
	hook_patch(base + entry, &breakpoint, sizeof breakpoint);
	return EFI_SUCCESS;
}
