/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the driver's code may live at run time. The memory attributes table (UEFI 2.10
 * §4.6.4) tells an operating system which runtime pages it may map without execute
 * permission. Firmware up to edk2-stable202211 and some later releases keep no record of an
 * image that starts after EndOfDxe, as option ROMs do, and declare its pages data; runtime
 * code pages in a region without any image stay executable there. Later firmware records
 * every image, and declares such free-standing pages data instead. So there are two homes,
 * and the table decides.
 */
#include "base/mem.h"
#include "boot.h"
#include "cpu.h"
#include "pe/pe_header.h"
#include "say.h"

void home_make_copy(struct boot *b)
{
	/* Below the image lies outside the region that firmware keeps for runtime images.
	 */
	EFI_PHYSICAL_ADDRESS at = (uintptr_t)b->image - 1;
	UINTN pages = (b->image_size + EFI_PAGE_SIZE - 1) / EFI_PAGE_SIZE;

	if (b->bs->AllocatePages(AllocateMaxAddress, EfiRuntimeServicesCode, pages, &at) !=
	    EFI_SUCCESS)
		return;
	b->copy = (uint8_t *)at;
	/* Without base relocations a plain copy is a relocated image. */
	memcpy(b->copy, b->image, b->image_size);
	cpu_sync_code(b->copy, b->image_size);
}

/* True when any page of the range has @attribute in the table. */
static bool any_page_is(const EFI_MEMORY_ATTRIBUTES_TABLE *t, uint64_t start, uint64_t len,
			uint64_t attribute)
{
	const uint8_t *at = (const uint8_t *)(t + 1);

	for (uint32_t i = 0; i < t->NumberOfEntries; i++, at += t->DescriptorSize) {
		const EFI_MEMORY_DESCRIPTOR *d = (const EFI_MEMORY_DESCRIPTOR *)at;
		const uint64_t end = d->PhysicalStart + d->NumberOfPages * EFI_PAGE_SIZE;

		if (d->PhysicalStart < start + len && start < end &&
		    (d->Attribute & attribute) != 0)
			return true;
	}
	return false;
}

bool home_usable(const struct boot *b, const uint8_t *base)
{
	static const EFI_GUID guid = EFI_MEMORY_ATTRIBUTES_TABLE_GUID;
	const EFI_MEMORY_ATTRIBUTES_TABLE *t = config_table(b->st, &guid);
	struct bytes image = {base, b->image_size};
	struct rts_pe_header h;
	PE_SECTION_HEADER s;

	if (base == NULL)
		return false;
	if (t == NULL || t->DescriptorSize < sizeof(EFI_MEMORY_DESCRIPTOR))
		return true; /* nothing is said, so nothing is forbidden */
	if (rts_pe_header_read(image, NULL, &h) != EFI_SUCCESS)
		return false;
	for (unsigned i = 0; rts_pe_section_read(image, &h, i, &s); i++) {
		const uint64_t start = (uintptr_t)base + s.VirtualAddress;

		if ((s.Characteristics & PE_SECTION_EXECUTE) != 0 &&
		    any_page_is(t, start, s.VirtualSize, EFI_MEMORY_XP | EFI_MEMORY_RP))
			return false;
		if ((s.Characteristics & PE_SECTION_WRITE) != 0 &&
		    any_page_is(t, start, s.VirtualSize, EFI_MEMORY_RO | EFI_MEMORY_RP))
			return false;
	}
	return true;
}
