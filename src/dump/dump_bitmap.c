/* SPDX-License-Identifier: BSD-2-Clause */
/* Bitmaps of pages, lowest bit first, as kdump files and Windows' dumps have them. */
#include "dump/dump_priv.h"

static uint64_t clip(const struct dump_bitmap *b, uint64_t bit)
{
	return bit < b->begin ? b->begin : bit > b->end ? b->end : bit;
}

EFI_STATUS dump_bitmap_end(struct dump_bitmap *b)
{
	uint64_t first = clip(b, b->first), next = clip(b, b->next);

	b->first = b->next;
	return first < next ? b->run(b->arg, first, next - first) : EFI_SUCCESS;
}

/* @count ones from @bit on. */
static EFI_STATUS ones(struct dump_bitmap *b, uint64_t bit, unsigned count)
{
	EFI_STATUS status = EFI_SUCCESS;

	if (b->next != bit) {
		status = dump_bitmap_end(b);
		b->first = bit;
	}
	b->next = bit + count;
	return status;
}

EFI_STATUS dump_bitmap_add(struct dump_bitmap *b, uint64_t bit, struct bytes bits)
{
	EFI_STATUS status = EFI_SUCCESS;

	for (size_t i = 0; i < bits.n && status == EFI_SUCCESS; i++, bit += 8) {
		if (bits.p[i] == 0)
			continue;
		if (bits.p[i] == 0xff) {
			status = ones(b, bit, 8);
			continue;
		}
		for (unsigned j = 0; j < 8 && status == EFI_SUCCESS; j++)
			if ((bits.p[i] >> j & 1) != 0)
				status = ones(b, bit + j, 1);
	}
	return status;
}
