/* SPDX-License-Identifier: BSD-2-Clause */
/* What the test fixtures of this folder share (hook.h). x86-64. */
#include "hook.h"

#include "base/mem.h"
#include "uefi/protocols.h"

#define CR0_WP (1ULL << 16)

static uint64_t cr0_get(void)
{
	uint64_t cr0;

	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	return cr0;
}

static void cr0_set(uint64_t cr0)
{
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0) : "memory");
}

void hook_patch(void *at, const void *bytes, size_t n)
{
	const uint64_t cr0 = cr0_get();

	cr0_set(cr0 & ~CR0_WP);
	if (bytes != NULL)
		memcpy(at, bytes, n);
	else
		memset(at, 0, n);
	cr0_set(cr0);
}

void *hook_stub(void)
{
	static const uint8_t refuse[] = {
		0x48, 0xc7, 0xc0, 3,    0,  0, 0, /* mov rax, 3 */
		0x48, 0x0f, 0xba, 0xe8, 63,       /* bts rax, 63 */
		0xc3,
	};
	EFI_PHYSICAL_ADDRESS page;

	if (gBS->AllocatePages(AllocateAnyPages, EfiRuntimeServicesCode, 1, &page) !=
	    EFI_SUCCESS)
		return NULL;
	memset((void *)page, 0, EFI_PAGE_SIZE);
	return memcpy((void *)page, refuse, sizeof refuse);
}

static const EFI_LOADED_IMAGE_PROTOCOL *loaded(EFI_HANDLE handle)
{
	static const EFI_GUID guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
	void *image;

	return gBS->HandleProtocol(handle, &guid, &image) == EFI_SUCCESS ? image : NULL;
}

uint8_t *hook_own_image(void)
{
	const EFI_LOADED_IMAGE_PROTOCOL *image = loaded(gImageHandle);

	return image != NULL ? image->ImageBase : NULL;
}

void hook_wipe_header(void)
{
	hook_patch(hook_own_image(), NULL, EFI_PAGE_SIZE);
}

void hook_allow_execution(void)
{
	static const EFI_GUID guid = EFI_MEMORY_ATTRIBUTES_TABLE_GUID;
	const uint64_t own = (uintptr_t)hook_allow_execution;
	EFI_MEMORY_ATTRIBUTES_TABLE *t = NULL;

	for (UINTN i = 0; i < gST->NumberOfTableEntries; i++)
		if (memcmp(&gST->ConfigurationTable[i].VendorGuid, &guid, sizeof guid) == 0)
			t = gST->ConfigurationTable[i].VendorTable;
	for (uint32_t i = 0; t != NULL && i < t->NumberOfEntries; i++) {
		EFI_MEMORY_DESCRIPTOR *d =
			(void *)((uint8_t *)(t + 1) + (size_t)i * t->DescriptorSize);

		if (d->PhysicalStart <= own &&
		    own < d->PhysicalStart + d->NumberOfPages * EFI_PAGE_SIZE)
			d->Attribute &= ~EFI_MEMORY_XP;
	}
}

/* Of a firmware file, the path is one node. */
static bool is_file(const EFI_DEVICE_PATH_PROTOCOL *path, const EFI_GUID *file)
{
	return path != NULL && path->Type == MEDIA_DEVICE_PATH &&
	       path->SubType == MEDIA_PIWG_FW_FILE_DP &&
	       memcmp(path + 1, file, sizeof *file) == 0;
}

uint8_t *hook_firmware_image(const EFI_GUID *file)
{
	static const EFI_GUID guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
	uint8_t *base = NULL;
	EFI_HANDLE *handles;
	UINTN n;

	if (gBS->LocateHandleBuffer(ByProtocol, &guid, NULL, &n, &handles) != EFI_SUCCESS)
		return NULL;
	for (UINTN i = 0; i < n && base == NULL; i++) {
		const EFI_LOADED_IMAGE_PROTOCOL *image = loaded(handles[i]);

		if (image != NULL && is_file(image->FilePath, file))
			base = image->ImageBase;
	}
	(void)gBS->FreePool(handles);
	return base;
}
