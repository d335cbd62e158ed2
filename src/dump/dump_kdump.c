/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kdump-compressed files, as makedumpfile and QEMU write them: a header, two bitmaps of
 * pages, a descriptor for each page of the second bitmap, pages packed one by one. The
 * flattened form is the same file cut into blocks that say where they belong; a later one
 * overwrites an earlier one. Only zlib is unpacked.
 */
#include <stdlib.h>
#include <string.h>

#include "dump/dump_priv.h"

/* struct disk_dump_header, as 64-bit machines have it */
#define HEADER_MAGIC  "KDUMP   "
#define VERSION_AT    8U
#define MACHINE_AT    272U
#define MACHINE_LEN   65U
#define STATUS_AT     424U
#define BLOCK_AT      428U
#define SUB_BLOCKS_AT 432U
#define MAP_BLOCKS_AT 436U
#define PAGES_AT      440U
#define INCOMPLETE    0x8U /* of the status */
#define VERSION_MAX   0xffffU

/* struct kdump_sub_header, in the next block */
#define SPLIT_AT   12U /* version 2 */
#define FIRST_AT   16U /* version 2, 64 bits */
#define NOTE_AT    48U /* version 4 */
#define FIRST64_AT 80U /* version 6, and two more */
#define NOTES_MAX  (1U << 20)

#define BLOCK_MIN 0x1000U
#define BLOCK_MAX 0x10000U

#define CACHE_PAGES 128U

/* The flattened form, big-endian */
#define FLAT_HEADER_LEN 4096U
#define FLAT_BLOCKS_MAX (1U << 21)
#define FLAT_END        UINT64_MAX

struct page_desc {
	uint64_t at;
	uint32_t len;
	uint32_t flags;
	uint64_t page_flags;
};
#define PAGE_ZLIB  0x1U
#define PAGE_CODEC 0x27U /* any of them */

static const struct {
	uint32_t flag;
	const char *name;
} codecs[] = {{0x2, "lzo"}, {0x4, "snappy"}, {0x20, "zstd"}};

struct dump_kdump {
	bool flattened;
	struct dump_spans flat; /* where the file's bytes lie */
	uint32_t block;         /* the length of a page, too */
	uint64_t descs;
	uint64_t page_count;
	uint8_t *cache;               /* CACHE_PAGES of them, from the first reading on */
	uint64_t cached[CACHE_PAGES]; /* the number of the page, and 1; 0: none */
};

/* The file's bytes from *off on, as many as lie together; where there are none, *off moves
 * on to the next. Empty: the end. */
static struct bytes extent(const struct rts_dump *dump, uint64_t *off)
{
	const struct dump_kdump *k = dump->kdump;
	const struct dump_span *s;
	struct bytes b = {0};
	size_t i;

	if (!k->flattened) {
		(void)bytes_sub(dump->file, *off,
				*off < dump->file.n ? dump->file.n - *off : 0, &b);
		return b;
	}
	i = dump_spans_find(&k->flat, *off);
	if (i == k->flat.count)
		return b;
	s = &k->flat.v[i];
	if (*off < s->r.start)
		*off = s->r.start;
	b.p = s->p + (*off - s->r.start);
	b.n = (size_t)(s->r.len - (*off - s->r.start));
	return b;
}

/* Gathers @len bytes at @off. */
static bool file_read(const struct rts_dump *dump, uint64_t off, void *ret, size_t len)
{
	size_t done = 0;

	while (done < len) {
		uint64_t at = off + done;
		struct bytes b = extent(dump, &at);

		if (b.n == 0 || at != off + done)
			return false;
		b.n = b.n < len - done ? b.n : len - done;
		memcpy((uint8_t *)ret + done, b.p, b.n);
		done += b.n;
	}
	return true;
}

/* The same in place, where they lie together; where not, in *ret_owned. */
static bool file_view(const struct rts_dump *dump, uint64_t off, size_t len,
		      uint8_t **ret_owned, struct bytes *ret)
{
	uint64_t at = off;
	struct bytes b = extent(dump, &at);

	if (at == off && bytes_sub(b, 0, len, ret))
		return true;
	*ret_owned = malloc(len);
	*ret = (struct bytes){*ret_owned, len};
	return *ret_owned != NULL && file_read(dump, off, *ret_owned, len);
}

static bool desc_read(const struct rts_dump *dump, uint64_t page, struct page_desc *ret)
{
	const struct dump_kdump *k = dump->kdump;

	return page < k->page_count &&
	       file_read(dump, k->descs + page * sizeof *ret, ret, sizeof *ret);
}

/* Unpacks a page to @to; false: it cannot be read. */
static bool page_unpack(const struct rts_dump *dump, const struct page_desc *desc,
			uint8_t *to)
{
	uint32_t len = dump->kdump->block;
	uint8_t *owned = NULL;
	struct bytes in;
	bool ok;

	if (desc->at >= DUMP_ADDRESS_END)
		return false;
	if ((desc->flags & PAGE_CODEC) == 0)
		return desc->len == len && file_read(dump, desc->at, to, len);
	if ((desc->flags & PAGE_CODEC) != PAGE_ZLIB || desc->len == 0 || desc->len > len)
		return false;
	ok = file_view(dump, desc->at, desc->len, &owned, &in) && dump_inflate(in, to, len);
	free(owned);
	return ok;
}

static uint64_t page_at(const struct rts_dump *dump, const struct dump_span *s, uint64_t at)
{
	return s->page + (at - s->r.start) / dump->kdump->block;
}

/* The rest of the page that @at lies in, or what @cap has room for. */
static size_t part_view(const struct rts_dump *dump, const struct dump_span *s, uint64_t at,
			uint8_t *buf, size_t cap)
{
	uint32_t block = dump->kdump->block, skip = (uint32_t)(at % block);
	uint8_t *page = malloc(block);
	struct page_desc desc;

	cap = cap < block - skip ? cap : block - skip;
	if (page == NULL || !desc_read(dump, page_at(dump, s, at), &desc) ||
	    !page_unpack(dump, &desc, page))
		cap = 0;
	else
		memcpy(buf, page + skip, cap);
	free(page);
	return cap;
}

struct bytes dump_kdump_view(const struct rts_dump *dump, const struct dump_span *s,
			     uint64_t at, uint8_t *buf, size_t cap)
{
	uint32_t block = dump->kdump->block;
	uint64_t left = s->r.len - (at - s->r.start);
	struct page_desc desc, last = {0};
	size_t done = 0;

	cap = left < cap ? (size_t)left : cap;
	if (at % block != 0 || cap < block) {
		done = part_view(dump, s, at, buf, cap);
		if ((at + done) % block != 0 || done == 0)
			return (struct bytes){buf, done};
	}
	for (; cap - done >= block; done += block) {
		if (!desc_read(dump, page_at(dump, s, at + done), &desc))
			break;
		/* All pages of zeros share one; @last is one of this loop's. */
		if (desc.len != 0 && desc.at == last.at && desc.len == last.len &&
		    desc.flags == last.flags)
			memcpy(buf + done, buf + done - block, block);
		else if (!page_unpack(dump, &desc, buf + done))
			break;
		last = desc;
	}
	return (struct bytes){buf, done};
}

struct bytes dump_kdump_cached(struct rts_dump *dump, const struct dump_span *s,
			       uint64_t at)
{
	struct dump_kdump *k = dump->kdump;
	uint64_t page = page_at(dump, s, at);
	size_t slot = page % CACHE_PAGES, skip = at % k->block;
	struct page_desc desc;
	uint8_t *p;

	if (k->cache == NULL)
		k->cache = malloc((size_t)CACHE_PAGES * k->block);
	if (k->cache == NULL)
		return (struct bytes){0};
	p = k->cache + slot * k->block;
	if (k->cached[slot] != page + 1) {
		k->cached[slot] = 0;
		if (!desc_read(dump, page, &desc) || !page_unpack(dump, &desc, p))
			return (struct bytes){0};
		k->cached[slot] = page + 1;
	}
	return (struct bytes){p + skip, k->block - skip};
}

/* ---- opening ---- */

static EFI_STATUS add_run(void *arg, uint64_t first, uint64_t count)
{
	struct rts_dump *dump = arg;
	struct dump_kdump *k = dump->kdump;
	struct dump_span s = {
		.r = {.start = first * k->block, .len = count * k->block},
		.page = k->page_count,
	};

	if (dump->ranges.count == DUMP_RANGES_MAX) {
		dump_problem(dump, "more than %u ranges: memory from %#llx on is left out",
			     DUMP_RANGES_MAX, (unsigned long long)s.r.start);
		return EFI_SUCCESS;
	}
	k->page_count += count;
	return dump_spans_add(&dump->ranges, s);
}

static EFI_STATUS read_bitmap(struct rts_dump *dump, uint64_t off, uint64_t end,
			      struct dump_bitmap *b)
{
	EFI_STATUS status = EFI_SUCCESS;

	for (uint64_t at = off; at < end && status == EFI_SUCCESS;) {
		struct bytes bits = extent(dump, &at);

		if (bits.n == 0 || at >= end)
			break; /* a hole in a file is zeros */
		bits.n = bits.n < end - at ? bits.n : (size_t)(end - at);
		status = dump_bitmap_add(b, (at - off) * 8, bits);
		at += bits.n;
	}
	return status == EFI_SUCCESS ? dump_bitmap_end(b) : status;
}

/* Looks at some descriptors, so that the first word on a dump that is cut off, or packed by
 * something else, does not come from whoever misses memory. */
static void check_pages(struct rts_dump *dump)
{
	const struct dump_kdump *k = dump->kdump;
	const uint64_t samples = 64;

	for (uint64_t i = 0; i <= samples && k->page_count > 0; i++) {
		uint64_t no = (k->page_count - 1) * i / samples;
		unsigned long long at = k->descs + no * sizeof(struct page_desc);
		struct page_desc desc;
		uint8_t byte;

		if (!desc_read(dump, no, &desc)) {
			dump_problem(dump,
				     "page descriptor %llu, at %#llx, is not in the file",
				     (unsigned long long)no, at);
			return;
		}
		for (size_t j = 0; j < sizeof codecs / sizeof *codecs; j++)
			if ((desc.flags & codecs[j].flag) != 0)
				dump_problem(
					dump,
					"page descriptor %llu, at %#llx: packed with %s, "
					"want zlib (makedumpfile -c)",
					(unsigned long long)no, at, codecs[j].name);
		if (desc.len > k->block || desc.len == 0 || desc.at >= DUMP_ADDRESS_END ||
		    !file_read(dump, desc.at + desc.len - 1, &byte, 1))
			dump_problem(dump,
				     "page descriptor %llu, at %#llx: bytes %#llx+%#x are "
				     "not in "
				     "the file",
				     (unsigned long long)no, at,
				     (unsigned long long)desc.at, desc.len);
	}
}

static void read_notes(struct rts_dump *dump, const uint64_t at_len[2])
{
	uint8_t *owned = NULL;
	struct bytes notes;

	if (at_len[0] < DUMP_ADDRESS_END && at_len[1] > 0 && at_len[1] <= NOTES_MAX &&
	    file_view(dump, at_len[0], (size_t)at_len[1], &owned, &notes))
		dump_notes(dump, notes);
	free(owned);
}

/* Which pages the sub header says that this file has; the count of the machine's pages. */
static uint64_t read_sub_header(struct rts_dump *dump, uint32_t version, uint64_t count,
				struct dump_bitmap *b)
{
	uint64_t at = dump->kdump->block, note[2], pages[3];
	uint32_t split = 0;

	if (version >= 4 && file_read(dump, at + NOTE_AT, note, sizeof note))
		read_notes(dump, note);
	if (version >= 2)
		(void)file_read(dump, at + SPLIT_AT, &split, sizeof split);
	if (version >= 6 && file_read(dump, at + FIRST64_AT, pages, sizeof pages))
		count = pages[2];
	else if (!file_read(dump, at + FIRST_AT, pages, 2 * sizeof *pages))
		split = 0;
	if (count > DUMP_ADDRESS_END / dump->kdump->block)
		count = DUMP_ADDRESS_END / dump->kdump->block;
	b->end = count;
	if (split != 0) {
		dump_problem(dump, "a part of a split dump: pages %#llx to %#llx",
			     (unsigned long long)pages[0], (unsigned long long)pages[1]);
		b->begin = pages[0];
		b->end = pages[1] < count ? pages[1] : count;
	}
	return count;
}

/* The kdump file proper, plain or flattened. */
static EFI_STATUS read_file(struct rts_dump *dump, struct diag *d)
{
	struct dump_kdump *k = dump->kdump;
	struct dump_bitmap b = {.run = add_run, .arg = dump};
	uint8_t header[PAGES_AT + 4];
	uint32_t version, state, sub_blocks, map_blocks, pages;
	char machine[MACHINE_LEN + 1] = {0};
	uint64_t count, map, map_len, half;
	EFI_STATUS status;

	if (!file_read(dump, 0, header, sizeof header))
		return diag(d, EFI_LOAD_ERROR, "a kdump header of less than %zu bytes",
			    sizeof header);
	if (memcmp(header, HEADER_MAGIC, 8) != 0)
		return diag(
			d, EFI_UNSUPPORTED,
			"a flattened file with no kdump in it (makedumpfile -R makes it "
			"plain)");
	memcpy(&version, header + VERSION_AT, 4);
	memcpy(machine, header + MACHINE_AT, MACHINE_LEN);
	memcpy(&state, header + STATUS_AT, 4);
	memcpy(&k->block, header + BLOCK_AT, 4);
	memcpy(&sub_blocks, header + SUB_BLOCKS_AT, 4);
	memcpy(&map_blocks, header + MAP_BLOCKS_AT, 4);
	memcpy(&pages, header + PAGES_AT, 4);
	dump_machine(dump, machine);
	if (version > VERSION_MAX)
		return diag(d, EFI_UNSUPPORTED, "a big-endian kdump (version %#x)",
			    version);
	if (k->block < BLOCK_MIN || k->block > BLOCK_MAX ||
	    (k->block & (k->block - 1)) != 0)
		return diag(d, EFI_LOAD_ERROR,
			    "kdump blocks of %#x bytes: broken, or of a 32-bit machine",
			    k->block);
	/* a table would have to be unpacked with all that lies around it */
	if (k->block != BLOCK_MIN && (dump->info.x86_64 || machine[0] == 0))
		return diag(d, EFI_LOAD_ERROR,
			    "kdump blocks of %#x bytes, and pages of x86-64 have %#x",
			    k->block, BLOCK_MIN);
	if ((state & INCOMPLETE) != 0)
		dump_problem(dump, "the dump was not finished (status %#x)", state);
	count = read_sub_header(dump, version, pages, &b);

	/* Two bitmaps, unless there is room for one only. */
	map = (1ULL + sub_blocks) * k->block;
	map_len = (uint64_t)map_blocks * k->block;
	half = ((count + 7) / 8 + k->block - 1) / k->block * k->block;
	k->descs = map + map_len;
	if (map_len / 2 >= half)
		map += map_len / 2;
	status = read_bitmap(dump, map, k->descs, &b);
	if (status == EFI_SUCCESS)
		check_pages(dump);
	return status;
}

static EFI_STATUS new_kdump(struct rts_dump *dump, struct diag *d)
{
	dump->kdump = calloc(1, sizeof *dump->kdump);
	return dump->kdump == NULL ? diag(d, EFI_OUT_OF_RESOURCES, "no memory")
				   : EFI_SUCCESS;
}

EFI_STATUS dump_kdump(struct rts_dump *dump, struct diag *d)
{
	EFI_STATUS status = new_kdump(dump, d);

	return status == EFI_SUCCESS ? read_file(dump, d) : status;
}

/* Lists the blocks of a flattened file, as they come. */
static EFI_STATUS read_blocks(struct rts_dump *dump)
{
	struct dump_spans *flat = &dump->kdump->flat;
	EFI_STATUS status = EFI_SUCCESS;
	uint64_t at = FLAT_HEADER_LEN;

	while (status == EFI_SUCCESS) {
		struct dump_span s = {0};
		uint64_t head[2];

		if (!bytes_read(dump->file, at, head, sizeof head)) {
			dump_problem(dump,
				     "the flattened file ends without its end mark (%#zx)",
				     dump->file.n);
			break;
		}
		s.r.start = __builtin_bswap64(head[0]);
		s.r.len = __builtin_bswap64(head[1]);
		if (s.r.start == FLAT_END)
			break;
		if (s.r.start >= DUMP_ADDRESS_END || s.r.len >= DUMP_ADDRESS_END ||
		    flat->count == FLAT_BLOCKS_MAX) {
			dump_problem(
				dump,
				flat->count == FLAT_BLOCKS_MAX
					? "block at %#llx: too many (bytes %#llx+%#llx)"
					: "no flattened block at %#llx (bytes %#llx+%#llx)",
				(unsigned long long)at, (unsigned long long)s.r.start,
				(unsigned long long)s.r.len);
			break;
		}
		at += sizeof head;
		s.p = dump->file.p + at;
		at += s.r.len;
		if (at > dump->file.n)
			s.r.len -= at - dump->file.n;
		if (s.r.len > 0)
			status = dump_spans_add(flat, s);
	}
	return status;
}

EFI_STATUS dump_kdump_flat(struct rts_dump *dump, struct diag *d)
{
	EFI_STATUS status = new_kdump(dump, d);
	uint64_t head[2];
	bool overlap;

	if (status != EFI_SUCCESS)
		return status;
	if (!bytes_read(dump->file, 16, head, sizeof head) ||
	    __builtin_bswap64(head[0]) != 1 || __builtin_bswap64(head[1]) != 1)
		return diag(d, EFI_UNSUPPORTED,
			    "a flattened file of an unknown type or version");
	dump->kdump->flattened = true;
	status = read_blocks(dump);
	/* The first one of a table wins, the last one of a file does. */
	for (size_t i = 0, j = dump->kdump->flat.count; i + 1 < j; i++) {
		struct dump_span s = dump->kdump->flat.v[--j];

		dump->kdump->flat.v[j] = dump->kdump->flat.v[i];
		dump->kdump->flat.v[i] = s;
	}
	if (status == EFI_SUCCESS)
		status = dump_spans_sort(&dump->kdump->flat, &overlap);
	return status == EFI_SUCCESS ? read_file(dump, d) : status;
}

void dump_kdump_free(struct dump_kdump *k)
{
	if (k == NULL)
		return;
	free(k->flat.v);
	free(k->cache);
	free(k);
}
