/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One pass over all memory of the image: signatures of tables at 8-aligned addresses, and
 * what pages begin with. It runs at the rate at which memory can be read, and so looks at
 * each byte once, by vectors of 16 bytes, which all processors of our kinds have: longer
 * ones are no faster (bench/scan).
 */
#include <stdlib.h>
#include <string.h>

#include "scan/scan_priv.h"

#define PAGE        4096U
#define CHUNK       (4U << 20)   /* what a thread takes at a time */
#define PACKED      (256U << 10) /* ... at once, where it has to be unpacked */
#define THREADS_MAX 64U

#define DXE_SERVICES_SIGNATURE 0x565245535f455844ULL

static const uint64_t signatures[] = {
	[SCAN_HIT_RUNTIME] = EFI_RUNTIME_SERVICES_SIGNATURE,
	[SCAN_HIT_SYSTEM] = EFI_SYSTEM_TABLE_SIGNATURE,
	[SCAN_HIT_BOOT] = EFI_BOOT_SERVICES_SIGNATURE,
	[SCAN_HIT_DXE] = DXE_SERVICES_SIGNATURE,
};
#define SIGNATURES (sizeof signatures / sizeof *signatures)

/* The 27 bits in which the upper halves of all agree: one comparison for four, and next to
 * never in vain. */
#define UPPER(signature) ((uint32_t)((signature) >> 32))
#define WANT             (UPPER(EFI_RUNTIME_SERVICES_SIGNATURE) & SAME)
#define SAME                                                                              \
	(~((UPPER(EFI_RUNTIME_SERVICES_SIGNATURE) ^ UPPER(EFI_SYSTEM_TABLE_SIGNATURE)) |  \
	   (UPPER(EFI_RUNTIME_SERVICES_SIGNATURE) ^ UPPER(EFI_BOOT_SERVICES_SIGNATURE)) | \
	   (UPPER(EFI_RUNTIME_SERVICES_SIGNATURE) ^ UPPER(DXE_SERVICES_SIGNATURE))))

#define ENTRY_PRESENT (1ULL << 0)
#define ENTRY_LARGE   (1ULL << 7)
#define ENTRY_ADDRESS 0x000ffffffffff000ULL

struct pass {
	struct scan *s;
	uint64_t bad; /* bits that no present entry of a top page table has */
	uint64_t total;
	uint64_t next, done; /* shared by the threads */
	bool stop;           /* this one, too */
	struct piece *piece;
};

/* What one thread does: the chunks that it took, in ascending order. */
struct piece {
	struct pass *pass;
	struct scan_hits hits[SCAN_HITS];
	uint64_t bytes;
	bool no_memory;
};

static void hit(struct piece *p, enum scan_hit kind, uint64_t at)
{
	struct scan_hits *h = &p->hits[kind];

	if (h->count == SCAN_HITS_MAX)
		h->full = true;
	else if (rts_scan_room((void **)&h->at, h->count, &h->cap, sizeof *h->at,
			       SCAN_HITS_MAX))
		h->at[h->count++] = at;
	else
		p->no_memory = true;
}

/* ---- what a page can be ---- */

static void find_signatures(struct piece *p, const uint8_t *b, size_t len, uint64_t at)
{
	uint64_t v;

	for (size_t i = -at % sizeof v; i + sizeof v <= len; i += sizeof v) {
		memcpy(&v, b + i, sizeof v);
		for (unsigned k = 0; k < SIGNATURES; k++)
			if (v == signatures[k])
				hit(p, k, at + i);
	}
}

/* Linkers put the header anywhere in the first page, edk2's GenFw at its end. */
static bool is_pe(const uint8_t *b)
{
	const struct bytes page = {b, PAGE};
	PE_FILE_HEADER file;
	uint32_t nt, signature;
	uint16_t magic;

	return bytes_read(page, PE_DOS_LFANEW, &nt, sizeof nt) &&
	       bytes_read(page, nt, &signature, sizeof signature) &&
	       signature == PE_NT_SIGNATURE &&
	       bytes_read(page, (uint64_t)nt + sizeof signature, &file, sizeof file) &&
	       file.Machine == PE_MACHINE_X64 &&
	       bytes_read(page, (uint64_t)nt + sizeof signature + sizeof file, &magic,
			  sizeof magic) &&
	       magic == PE32_PLUS_MAGIC;
}

/* ---- vectors ---- */

/* Compared as 32-bit numbers: SSE2 cannot compare longer ones. */
typedef uint64_t vec64 __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint32_t vec32 __attribute__((vector_size(16), aligned(1), may_alias));

#define LANES(v) ((v)[0] | (v)[1])
#define VEC(x)           \
	{                \
		(x), (x) \
	}

/* No entry that is present has bits that it cannot have, or leads to where no table is:
 * that would be a page of small numbers. */
static bool is_root(const uint8_t *b, uint64_t bad_bits)
{
	const vec64 present = VEC(ENTRY_PRESENT), bits = VEC(bad_bits);
	uint64_t v;

	for (size_t i = 0; i < PAGE; i += 8 * sizeof(vec64)) {
		vec64 bad = VEC(0);

#pragma GCC unroll 8
		for (size_t k = 0; k < 8; k++) {
			const vec64 e = *(const vec64 *)(b + i + k * sizeof e);

			bad |= e & bits & -(e & present);
		}
		if (LANES(bad) != 0)
			return false;
	}
	for (size_t i = 0; i < PAGE; i += sizeof v) {
		memcpy(&v, b + i, sizeof v);
		if ((v & ENTRY_PRESENT) != 0 && (v & ENTRY_ADDRESS) == 0)
			return false;
	}
	return true;
}

static void look(struct piece *p, const uint8_t *b, size_t pages, uint64_t at)
{
	const vec32 same = {0, SAME, 0, SAME};
	const vec32 want = {1, WANT, 1, WANT};
	const uint64_t bad = p->pass->bad;

	for (; pages > 0; pages--, b += PAGE, at += PAGE) {
		vec32 found = {0}, upper;
		EFI_MEMORY_DESCRIPTOR d;
		uint16_t mz;

		for (size_t half = 0; half < PAGE; half += PAGE / 2) {
			upper = (vec32){0};
#pragma GCC unroll 8
			for (size_t i = half; i < half + PAGE / 2; i += sizeof upper) {
				const vec32 v = *(const vec32 *)(b + i);

				found |= (vec32)((v & same) == want);
				upper |= v;
			}
		}
		if (LANES((vec64)found) != 0)
			find_signatures(p, b, PAGE, at);
		memcpy(&mz, b, sizeof mz);
		if (mz == PE_DOS_SIGNATURE && is_pe(b))
			hit(p, SCAN_HIT_PE, at);
		memcpy(&d, b, sizeof d);
		if (d.NumberOfPages != 0 && d.PhysicalStart % PAGE == 0 &&
		    rts_scan_map_stride((struct bytes){b, PAGE}) != 0)
			hit(p, SCAN_HIT_MAP, at);
		if ((LANES((vec64)upper) & ENTRY_PRESENT) != 0 && is_root(b, bad))
			hit(p, SCAN_HIT_ROOT, at);
	}
}

/* ---- chunks and threads ---- */

/* Ranges need not begin or end with a page. */
static void look_at(struct piece *p, struct bytes view, uint64_t at)
{
	size_t head = -at % PAGE, pages;

	if (head > view.n)
		head = view.n;
	pages = (view.n - head) / PAGE;
	find_signatures(p, view.p, head, at);
	look(p, view.p + head, pages, at + head);
	head += pages * PAGE;
	find_signatures(p, view.p + head, view.n - head, at + head);
	p->bytes += view.n;
}

static void look_through(struct piece *p, uint64_t at, uint64_t end, uint8_t *buf)
{
	const struct rts_scan_config *c = p->pass->s->config;

	while (at < end) {
		const uint64_t left = end - at;
		uint64_t offset;
		const bool plain = rts_dump_file_offset(c->dump, at, &offset);
		const size_t cap = plain || left < PACKED ? (size_t)left : PACKED;
		const struct bytes view = rts_dump_view(c->dump, at, buf, cap);

		if (view.n == 0) {
			at += PAGE - at % PAGE;
			continue;
		}
		if (plain && c->window != NULL)
			c->window(c->ctx, offset, view.n, true);
		look_at(p, view, at);
		if (plain && c->window != NULL)
			c->window(c->ctx, offset, view.n, false);
		at += view.n;
	}
}

/* Chunks of a range begin and end with a page where the range itself does not. */
static uint64_t chunk_start(const struct rts_dump_range *r, uint64_t i)
{
	return i == 0 ? r->start : r->start - r->start % PAGE + i * CHUNK;
}

static uint64_t chunk_count(const struct rts_dump_range *r)
{
	return (r->start % PAGE + r->len + CHUNK - 1) / CHUNK;
}

static void work(void *arg, unsigned no)
{
	struct pass *pass = arg;
	struct piece *p = &pass->piece[no];
	const struct rts_scan_config *c = pass->s->config;
	const size_t count = rts_dump_range_count(c->dump);
	/* a little more than one, for rts_dump_view() wants a page at least */
	uint8_t *buf = malloc(CHUNK + PAGE);
	uint64_t first = 0; /* the number of the range's first chunk */
	size_t i = 0;

	if (buf == NULL) {
		p->no_memory = true;
		return;
	}
	while (!__atomic_load_n(&pass->stop, __ATOMIC_RELAXED)) {
		const uint64_t no_chunk =
			__atomic_fetch_add(&pass->next, 1, __ATOMIC_RELAXED);
		const struct rts_dump_range *r;
		uint64_t at, end, done;

		while (i < count &&
		       no_chunk - first >= chunk_count(rts_dump_range(c->dump, i)))
			first += chunk_count(rts_dump_range(c->dump, i++));
		if (i == count)
			break;
		r = rts_dump_range(c->dump, i);
		at = chunk_start(r, no_chunk - first);
		end = no_chunk - first + 1 < chunk_count(r)
			      ? chunk_start(r, no_chunk - first + 1)
			      : r->start + r->len;
		look_through(p, at, end, buf);
		done = __atomic_add_fetch(&pass->done, end - at, __ATOMIC_RELAXED);
		if (c->progress != NULL && !c->progress(c->ctx, done, pass->total))
			__atomic_store_n(&pass->stop, true, __ATOMIC_RELAXED);
	}
	free(buf);
}

static int by_address(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Each piece has the lowest of its own hits, so together they have the lowest of all,
 * whichever thread took which chunk. */
static bool merge(struct scan *s, const struct pass *pass, unsigned pieces,
		  enum scan_hit kind)
{
	struct scan_hits *all = &s->hits[kind];
	size_t count = 0;

	for (unsigned i = 0; i < pieces; i++)
		count += pass->piece[i].hits[kind].count;
	if (count == 0)
		return true;
	all->at = malloc(count * sizeof *all->at);
	if (all->at == NULL)
		return false;
	all->cap = count;
	for (unsigned i = 0; i < pieces; i++) {
		const struct scan_hits *h = &pass->piece[i].hits[kind];

		if (h->count > 0)
			memcpy(all->at + all->count, h->at, h->count * sizeof *h->at);
		all->count += h->count;
		all->full |= h->full;
	}
	if (pieces > 1)
		qsort(all->at, all->count, sizeof *all->at, by_address);
	if (all->count > SCAN_HITS_MAX) {
		all->count = SCAN_HITS_MAX;
		all->full = true;
	}
	return true;
}

static EFI_STATUS gather(struct scan *s, const struct pass *pass, unsigned pieces)
{
	static const char *const names[SCAN_HITS] = {
		"runtime services tables",
		"system tables",
		"boot services tables",
		"DXE services tables",
		"PE headers",
		"page tables",
		"memory maps",
	};

	for (unsigned i = 0; i < pieces; i++) {
		s->report->bytes_scanned += pass->piece[i].bytes;
		if (pass->piece[i].no_memory)
			return EFI_OUT_OF_RESOURCES;
	}
	for (unsigned k = 0; k < SCAN_HITS; k++) {
		if (!merge(s, pass, pieces, k))
			return EFI_OUT_OF_RESOURCES;
		if (s->hits[k].full)
			rts_scan_note(s,
				      "more than %u places look like %s: only the lowest "
				      "ones are looked at",
				      SCAN_HITS_MAX, names[k]);
	}
	return EFI_SUCCESS;
}

EFI_STATUS rts_scan_pass(struct scan *s)
{
	const struct rts_scan_config *c = s->config;
	const unsigned pieces = c->threads == 0            ? 1
				: c->threads < THREADS_MAX ? c->threads
							   : THREADS_MAX;
	struct pass pass = {.s = s};
	EFI_STATUS status;

	/* tables lie in memory that is there */
	pass.bad = ENTRY_ADDRESS | ENTRY_LARGE;
	for (uint64_t bit = PAGE; bit < rts_dump_info(c->dump)->end; bit <<= 1)
		pass.bad &= ~bit;
	for (size_t i = 0; i < rts_dump_range_count(c->dump); i++)
		pass.total += rts_dump_range(c->dump, i)->len;
	pass.piece = calloc(pieces, sizeof *pass.piece);
	if (pass.piece == NULL)
		return EFI_OUT_OF_RESOURCES;
	for (unsigned i = 0; i < pieces; i++)
		pass.piece[i].pass = &pass;
	if (c->parallel != NULL && pieces > 1)
		c->parallel(c->ctx, work, &pass, pieces);
	else
		for (unsigned i = 0; i < pieces; i++)
			work(&pass, i);
	status = pass.stop ? diag(s->d, EFI_ABORTED, "stopped") : gather(s, &pass, pieces);
	for (unsigned i = 0; i < pieces; i++)
		for (unsigned k = 0; k < SCAN_HITS; k++)
			free(pass.piece[i].hits[k].at);
	free(pass.piece);
	return status;
}
