/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page tables of any content: a walk ends, and finds what a second, plainer walker finds.
 * The input is: how many levels, the root, an address, and the tables.
 */
#include <stdlib.h>
#include <string.h>

#include "runtserv/dump.h"

#define BASE    0x1000ULL
#define ADDRESS 0x000ffffffffff000ULL

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	uint64_t levels;
	uint64_t root;
	uint64_t va;
};

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* The entry of @va in the table at @table. */
static bool entry_of(struct bytes tables, uint64_t table, uint64_t va, unsigned level,
		     uint64_t *ret)
{
	uint64_t at = (table & ADDRESS) | (va >> (3 + 9 * level) & 0x1ff) << 3;

	return at >= BASE && bytes_read(tables, at - BASE, ret, sizeof *ret);
}

static EFI_STATUS plain_walk(struct bytes tables, const struct input *in, uint64_t *ret)
{
	unsigned level = (unsigned)in->levels, unused = 64 - 12 - 9 * level;
	uint64_t entry = in->root, len;

	if ((uint64_t)((int64_t)(in->va << unused) >> unused) != in->va)
		return EFI_NOT_FOUND;
	do {
		if (!entry_of(tables, entry, in->va, level, &entry))
			return EFI_NO_MEDIA;
		if (entry % 2 == 0)
			return EFI_NOT_FOUND;
	} while (--level > 0 && (entry >> 7) % 2 == 0);
	len = 0x1000ULL << (9 * level);
	if (level > 2 || (level > 0 && (entry & (len - 0x2000) & ADDRESS) != 0))
		return EFI_VOLUME_CORRUPTED;
	*ret = (entry & ADDRESS) / len * len + in->va % len;
	return EFI_SUCCESS;
}

static void check_walk(struct rts_dump *dump, struct bytes tables, const struct input *in)
{
	struct rts_dump_page page = {0};
	uint64_t want = 0;
	EFI_STATUS status =
		rts_dump_walk(dump, in->root, (unsigned)in->levels, in->va, &page);

	require(status == plain_walk(tables, in, &want));
	if (status != EFI_SUCCESS)
		return;
	require(page.physical == want);
	require(page.page_len == 0x1000 || page.page_len == 0x200000 ||
		page.page_len == 0x40000000);
	require(page.physical % page.page_len == in->va % page.page_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes tables;
	struct input in;
	struct rts_dump_piece piece = {.start = BASE};
	struct rts_dump *dump = NULL;

	if (!bytes_read((struct bytes){data, size}, 0, &in, sizeof in) || size == sizeof in)
		return 0;
	in.levels = 4 + in.levels % 2;
	tables = (struct bytes){data + sizeof in, size - sizeof in};
	piece.bytes = tables;
	require(rts_dump_from_pieces(&piece, 1, NULL, &dump) == EFI_SUCCESS);
	check_walk(dump, tables, &in);
	/* the addresses whose tables are the first ones, too */
	for (unsigned i = 0; i < 8; i++) {
		in.va = (uint64_t)i << 12 | (in.va & 0xfff);
		check_walk(dump, tables, &in);
		in.root = BASE + i * 0x1000ULL;
	}
	rts_dump_free(dump);
	return 0;
}
