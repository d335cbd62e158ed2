/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page tables of x86-64 with four and five levels, as the manuals have them (Intel SDM vol.
 * 3, chapter 4). Takes 52 address bits and NX as given, for nothing in an image tells of
 * less.
 */
#include "dump/dump_priv.h"

#define PRESENT (1ULL << 0)
#define WRITE   (1ULL << 1)
#define USER    (1ULL << 2)
#define LARGE   (1ULL << 7)
#define PAT     (1ULL << 12) /* of a large page */
#define NX      (1ULL << 63)
#define ADDRESS 0x000ffffffffff000ULL

static bool canonical(uint64_t va, unsigned bits)
{
	uint64_t top = va >> (bits - 1);

	return top == 0 || top == UINT64_MAX >> (bits - 1);
}

EFI_STATUS rts_dump_walk(struct rts_dump *dump, uint64_t root, unsigned levels, uint64_t va,
			 struct rts_dump_page *ret)
{
	struct rts_dump_page page = {.write = true, .execute = true, .user = true};
	uint64_t entry = root;

	if (levels != 4 && levels != 5)
		return EFI_INVALID_PARAMETER;
	if (!canonical(va, 12 + 9 * levels))
		return EFI_NOT_FOUND;
	for (unsigned level = levels; level > 0; level--) {
		unsigned shift = 12 + 9 * (level - 1);
		uint64_t at = (entry & ADDRESS) + (va >> shift & 0x1ff) * sizeof entry;

		if (!rts_dump_read_all(dump, at, &entry, sizeof entry))
			return EFI_NO_MEDIA;
		if ((entry & PRESENT) == 0)
			return EFI_NOT_FOUND;
		page.write &= (entry & WRITE) != 0;
		page.user &= (entry & USER) != 0;
		page.execute &= (entry & NX) == 0;
		if (level > 1 && (entry & LARGE) == 0)
			continue;
		page.page_len = 1ULL << shift;
		if (level > 1) {
			entry &= ~PAT;
			if (level > 3 || (entry & ADDRESS & (page.page_len - 1)) != 0)
				return EFI_VOLUME_CORRUPTED;
		}
		page.physical = (entry & ADDRESS) | (va & (page.page_len - 1));
		break;
	}
	*ret = page;
	return EFI_SUCCESS;
}
