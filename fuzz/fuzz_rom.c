/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Option ROMs and the PE headers in them. What can be read must be readable again once it
 * is packed anew.
 */
#include <stdlib.h>
#include <string.h>

#include "pe/pe_rom.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void pack_again(const struct rts_pe_rom_image *i, const struct rts_pe_header *h)
{
	const struct rts_pe_rom_id id = {i->vendor, i->device, i->class_code};
	const size_t cap = i->efi.n + 1024;
	uint8_t *p = malloc(cap);
	struct writer w = {.p = p, .cap = cap};
	struct rts_pe_rom_image again;
	uint64_t offset = 0;

	if (rts_pe_rom_append(&w, i->efi, &id, true, NULL) == EFI_SUCCESS) {
		require(!w.full && w.n % 512 == 0);
		require(rts_pe_rom_next((struct bytes){p, w.n}, &offset, NULL, &again) ==
			EFI_SUCCESS);
		require(again.last && again.machine == h->file.Machine);
		require(again.vendor == i->vendor && again.class_code == i->class_code);
		require(again.efi.n >= i->efi.n &&
			memcmp(again.efi.p, i->efi.p, i->efi.n) == 0);
	}
	free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bytes rom = {data, size};
	struct rts_pe_rom_image i;
	struct diag d = {0};
	uint64_t offset = 0;
	EFI_STATUS status;

	for (;;) {
		struct rts_pe_header h;
		PE_SECTION_HEADER s;

		status = rts_pe_rom_next(rom, &offset, &d, &i);
		if (status != EFI_SUCCESS)
			break;
		require(i.len != 0 && i.offset < size && i.len <= size - i.offset);
		if (rts_pe_header_read(i.efi, NULL, &h) != EFI_SUCCESS)
			continue;
		for (unsigned n = 0; rts_pe_section_read(i.efi, &h, n, &s); n++)
			require(n < h.file.NumberOfSections);
		(void)rts_pe_check_driver(&h, NULL);
		pack_again(&i, &h);
	}
	require(status == EFI_NOT_FOUND || d.text[0] != 0);
	return 0;
}
