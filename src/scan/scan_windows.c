/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Windows' own copies of the runtime service pointers. It calls services through
 * HalEfiRuntimeServicesBlock, nine pointers; another copy has all fourteen, in the order of
 * the UEFI table. Both are found without symbols: by the pointers themselves, or, where the
 * image lacks firmware's memory, as a run of pointers to executable pages that the image
 * lacks; the kernel's section CFGRO, which leads to the block, is a second opinion. Known
 * from published descriptions and type dumps of Windows, not from its documentation.
 */
#include <stdlib.h>
#include <string.h>

#include "scan/scan_priv.h"
#include "uefi/services.h"

#define PAGE         4096U
#define KERNEL_START 0xffff800000000000ULL
#define MATCHES_MIN  5U            /* fields that make a copy */
#define WINDOW_MAX   (16ULL << 20) /* that the services of one firmware lie in */
#define COPIES_MAX   64U
#define SPANS_MAX    4096U
#define TABLES_MAX   65536U /* of page tables, that one search reads */
#define CFGRO_FIELDS 10U
#define SECTIONS_MAX 96U
#define SET_MAP      4U /* SetVirtualAddressMap and ConvertPointer are not converted, */
#define CONVERT      5U /* and of no use to Windows */

enum { BLOCK, TABLE };
static const struct order {
	const char *name;
	size_t count;
	uint8_t service[RTS_SCAN_SERVICES]; /* indices into the UEFI table */
} orders[] = {
	[BLOCK] = {"HalEfiRuntimeServicesBlock", 9, {0, 1, 10, 6, 7, 8, 11, 12, 13}},
	[TABLE] = {"all services",
		   RTS_SCAN_SERVICES,
		   {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}},
};

struct copy {
	const struct order *order;
	uint64_t at;
	unsigned matches;
	bool by_pointers, by_cfgro;
	uint64_t field[RTS_SCAN_SERVICES];
};

struct span {
	uint64_t start, last;
};

struct search {
	struct scan *s;
	bool known;                        /* the pointers are */
	uint64_t value[RTS_SCAN_SERVICES]; /* ... these; 0: none, or not looked for */
	struct {
		uint64_t at;
		unsigned levels;
	} root[2];
	unsigned root_count;
	unsigned tables_left; /* page tables that may still be read */
	struct span *span;    /* values that are looked for, ascending */
	size_t span_count, span_cap;
	struct copy copy[COPIES_MAX];
	size_t copy_count;
	bool full; /* there were more */
};

/* ---- addresses ---- */

static bool kernel_physical(struct search *w, uint64_t va, uint64_t *ret)
{
	for (unsigned i = 0; i < w->root_count; i++) {
		struct rts_dump_page page;

		if (rts_dump_walk(w->s->dump, w->root[i].at, w->root[i].levels, va,
				  &page) == EFI_SUCCESS) {
			*ret = page.physical;
			return true;
		}
	}
	return false;
}

static void find_roots(struct search *w)
{
	const struct rts_dump_info *info = rts_dump_info(w->s->dump);
	const struct scan_map *map = &w->s->map;

	if (map->has_root) {
		w->root[0].at = map->root;
		w->root[0].levels = map->levels;
		w->root_count = 1;
	}
	if (info->cpu_count > 0) {
		w->root[w->root_count].at = info->cpu[0].cr3;
		w->root[w->root_count++].levels =
			(info->cpu[0].cr4 & 1U << 12) != 0 ? 5 : 4;
	}
}

static bool put_span(struct search *w, uint64_t start, uint64_t last)
{
	struct span *before = w->span_count > 0 ? &w->span[w->span_count - 1] : NULL;

	if (before != NULL && before->last + 1 == start) {
		before->last = last;
		return true;
	}
	if (!rts_scan_grow(w->s, (void **)&w->span, w->span_count, &w->span_cap,
			   sizeof *w->span, SPANS_MAX))
		return false;
	w->span[w->span_count++] = (struct span){start, last};
	return true;
}

/* The executable kernel pages that the image lacks, in ascending order. */
static bool missing_code(struct search *w, uint64_t table, unsigned level, uint64_t va)
{
	const unsigned shift = 12 + 9 * (level - 1);
	const unsigned first = va == 0 ? 256 : 0; /* the kernel's half of the root */
	uint64_t entry[512];

	if (w->tables_left == 0)
		return false;
	w->tables_left--;
	if (!rts_dump_read_all(w->s->dump, table, entry, sizeof entry))
		return true;
	for (unsigned i = first; i < 512; i++) {
		const uint64_t to = entry[i] & 0x000ffffffffff000ULL;
		uint64_t start = va | (uint64_t)i << shift;

		if ((entry[i] & 1) == 0 || entry[i] >> 63 != 0)
			continue;
		if (va == 0)
			start |= UINT64_MAX << (shift + 8);
		if (level > 1 && ((entry[i] & 0x80) == 0 || level > 3)) {
			if (!missing_code(w, to, level - 1, start))
				return false;
		} else if (!rts_dump_has(w->s->dump, to & ~(((uint64_t)1 << shift) - 1)) &&
			   !put_span(w, start, start + (((uint64_t)1 << shift) - 1))) {
			return false;
		}
	}
	return true;
}

/* ---- what is looked for ---- */

static int by_start(const void *a, const void *b)
{
	const uint64_t x = ((const struct span *)a)->start,
		       y = ((const struct span *)b)->start;

	return (x > y) - (x < y);
}

static bool want_pointers(struct search *w)
{
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++) {
		if (i == SET_MAP || i == CONVERT || w->s->tables.pointer[i] == 0)
			continue;
		w->value[i] = w->s->tables.pointer[i];
		if (!put_span(w, w->value[i], w->value[i]))
			return false;
	}
	if (w->span_count > 0)
		qsort(w->span, w->span_count, sizeof *w->span, by_start);
	return true;
}

static bool wanted(const struct search *w, uint64_t v)
{
	size_t low = 0, high = w->span_count;

	if (v < w->span[0].start || v > w->span[high - 1].last)
		return false;
	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (v > w->span[mid].last)
			low = mid + 1;
		else
			high = mid;
	}
	return low < w->span_count && v >= w->span[low].start;
}

/* ---- the walk over memory ---- */

static void look(struct scan_piece *p, struct bytes view, uint64_t at)
{
	const struct search *w = p->arg;
	const uint64_t low = w->span[0].start;
	const uint64_t width = w->span[w->span_count - 1].last - low;

	for (size_t i = -at % 8; i + 8 <= view.n; i += 8) {
		uint64_t v;

		memcpy(&v, view.p + i, 8);
		if (v - low <= width && wanted(w, v))
			rts_scan_hit(p, 0, at + i);
	}
}

/* ---- copies ---- */

/* Firmware's own memory, where the table itself and copies of firmware's lie. */
static bool is_firmware(const struct search *w, uint64_t at)
{
	const struct scan *s = w->s;
	const struct scan_hits *tables = &s->hits[SCAN_HIT_RUNTIME];
	size_t low = 0, high = tables->count;

	while (low < high) { /* to the first one behind it */
		const size_t mid = low + (high - low) / 2;

		if (tables->at[mid] <= at)
			low = mid + 1;
		else
			high = mid;
	}
	if (low > 0 && at - tables->at[low - 1] < sizeof(EFI_RUNTIME_SERVICES))
		return true;
	for (size_t i = 0; i < s->tables.attribute_count; i++)
		if (at - s->tables.attribute[i].start < s->tables.attribute[i].pages * PAGE)
			return true;
	for (size_t i = 0; i < s->report->region_count; i++) {
		const struct rts_scan_region *r = &s->report->regions[i];

		if ((r->type == EfiRuntimeServicesCode ||
		     r->type == EfiRuntimeServicesData) &&
		    at - r->start < r->pages * PAGE)
			return true;
	}
	return rts_scan_driver_at(s, at) >= 0;
}

/* Reads the fields of a copy in @order that would begin at @at: how many are as wanted. */
static bool read_copy(struct search *w, const struct order *order, uint64_t at,
		      struct copy *ret)
{
	*ret = (struct copy){.order = order, .at = at};
	if (!rts_dump_read_all(w->s->dump, at, ret->field, order->count * 8))
		return false;
	for (size_t i = 0; i < order->count; i++) {
		const uint64_t value = w->value[order->service[i]];

		if (w->known ? value != 0 && ret->field[i] == value
			     : wanted(w, ret->field[i]))
			ret->matches++;
	}
	return true;
}

static bool overlap(const struct copy *a, const struct copy *b)
{
	return a->at < b->at + b->order->count * 8 && b->at < a->at + a->order->count * 8;
}

/* Of copies that overlap the one with more fields is right. */
static void put_copy(struct search *w, const struct copy *c)
{
	for (size_t i = 0; i < w->copy_count; i++) {
		struct copy *other = &w->copy[i];

		if (!overlap(other, c))
			continue;
		if (other->at == c->at && other->order == c->order) {
			other->by_pointers |= c->by_pointers;
			other->by_cfgro |= c->by_cfgro;
		} else if (c->matches > other->matches) {
			*other = *c;
		}
		return;
	}
	if (w->copy_count < COPIES_MAX)
		w->copy[w->copy_count++] = *c;
	else
		w->full = true;
}

/* Each place of a known pointer is a field of a copy, or of none. */
static void copies_of_pointers(struct search *w, const struct scan_hits *hits)
{
	for (size_t h = 0; h < hits->count && !w->full; h++) {
		uint64_t v;

		if (is_firmware(w, hits->at[h]) ||
		    !rts_dump_read_all(w->s->dump, hits->at[h], &v, sizeof v))
			continue;
		for (size_t o = 0; o < sizeof orders / sizeof *orders; o++)
			for (size_t i = 0; i < orders[o].count; i++) {
				struct copy c;

				if (v != w->value[orders[o].service[i]] ||
				    !read_copy(w, &orders[o], hits->at[h] - 8 * i, &c) ||
				    c.matches < MATCHES_MIN)
					continue;
				c.by_pointers = true;
				put_copy(w, &c);
			}
	}
}

/* The fields that lead to firmware lie where one firmware's services lie. */
static bool close_together(const struct search *w, const struct copy *c)
{
	uint64_t low = UINT64_MAX, high = 0;

	for (size_t i = 0; i < c->order->count; i++) {
		if (!wanted(w, c->field[i]))
			continue;
		low = c->field[i] < low ? c->field[i] : low;
		high = c->field[i] > high ? c->field[i] : high;
	}
	return high - low <= WINDOW_MAX;
}

/*
 * Where the pointers are not known: runs that are as long as a copy. Of the copy with all
 * services two in the middle are no virtual addresses.
 */
static void copies_of_runs(struct search *w, const struct scan_hits *hits)
{
	static const struct {
		size_t order, run, before; /* fields; those before the run */
	} shapes[] = {{BLOCK, 9, 0}, {TABLE, 14, 0}, {TABLE, 8, 6}};

	for (size_t first = 0, n; first < hits->count; first += n) {
		n = 1;
		while (first + n < hits->count &&
		       hits->at[first + n] == hits->at[first] + 8 * n)
			n++;
		for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
			const struct order *order = &orders[shapes[k].order];
			struct copy c;

			if (n != shapes[k].run ||
			    !read_copy(w, order, hits->at[first] - 8 * shapes[k].before,
				       &c) ||
			    c.matches < order->count - (shapes[k].before != 0 ? 2 : 0) ||
			    !close_together(w, &c))
				continue;
			c.by_pointers = true;
			put_copy(w, &c);
		}
	}
}

/* ---- the kernel's section CFGRO ---- */

/* Where the section lies, of the image whose header is at @at. */
static bool find_cfgro(struct search *w, uint64_t at, uint64_t *ret)
{
	uint8_t buf[PAGE];
	const struct bytes page = {buf, rts_dump_read(w->s->dump, at, buf, sizeof buf)};
	PE_FILE_HEADER file;
	PE_OPTIONAL_HEADER opt;
	PE_SECTION_HEADER section;
	uint32_t nt;
	uint64_t table;

	if (!bytes_read(page, PE_DOS_LFANEW, &nt, sizeof nt) ||
	    !bytes_read(page, nt + 4ULL, &file, sizeof file) ||
	    !bytes_read(page, nt + 4ULL + sizeof file, &opt, sizeof opt))
		return false;
	table = nt + 4ULL + sizeof file + file.SizeOfOptionalHeader;
	for (unsigned i = 0; i < file.NumberOfSections && i < SECTIONS_MAX; i++) {
		uint64_t header;

		if (!bytes_read(page, table + i * sizeof section, &section, sizeof section))
			return false;
		if (memcmp(section.Name, "CFGRO\0\0", 8) != 0)
			continue;
		/* In large pages a kernel lies in one piece. */
		if (!kernel_physical(w, opt.ImageBase, &header) || header != at ||
		    !kernel_physical(w, opt.ImageBase + section.VirtualAddress, ret))
			*ret = at + section.VirtualAddress;
		return true;
	}
	return false;
}

/* One of its first pointers is to the block. */
static void copy_of_cfgro(struct search *w)
{
	const struct scan_hits *hits = &w->s->hits[SCAN_HIT_PE];
	const unsigned enough = w->known ? 1 : MATCHES_MIN;
	struct copy best = {0};

	for (size_t h = 0; h < hits->count; h++) {
		uint64_t section, pointer[CFGRO_FIELDS], at;

		if (!find_cfgro(w, hits->at[h], &section) ||
		    !rts_dump_read_all(w->s->dump, section, pointer, sizeof pointer))
			continue;
		for (unsigned i = 0; i < CFGRO_FIELDS; i++) {
			struct copy c;

			if (pointer[i] >= KERNEL_START &&
			    kernel_physical(w, pointer[i], &at) && !is_firmware(w, at) &&
			    read_copy(w, &orders[BLOCK], at, &c) && c.matches >= enough &&
			    c.matches > best.matches)
				best = c;
		}
	}
	best.by_cfgro = true;
	if (best.order != NULL)
		put_copy(w, &best);
}

/* ---- what they say ---- */

/* The block that Windows uses: the one that its kernel leads to, or else the fullest one.
 */
static const struct copy *block_of(const struct search *w)
{
	const struct copy *best = NULL;

	for (size_t i = 0; i < w->copy_count; i++) {
		const struct copy *c = &w->copy[i];

		if (best == NULL || c->by_cfgro > best->by_cfgro ||
		    (c->by_cfgro == best->by_cfgro &&
		     ((c->order < best->order) ||
		      (c->order == best->order && c->matches > best->matches))))
			best = c;
	}
	return best;
}

static void tell_block(struct search *w, const struct copy *block)
{
	struct rts_scan_report *r = w->s->report;

	r->windows_block_found = true;
	r->windows_block = block->at;
	r->windows_block_by = block->by_pointers && block->by_cfgro ? "both"
			      : block->by_cfgro                     ? "CFGRO"
								    : "pointers";
}

/* What lies in firmware's memory in any of the copies counts, else what the block has. */
static uint64_t likely_value(const struct search *w, const struct copy *block,
			     unsigned service)
{
	uint64_t value = 0;

	for (size_t i = 0; i <= w->copy_count; i++) {
		const struct copy *c = i == 0 ? block : &w->copy[i - 1];

		for (size_t k = 0; k < c->order->count; k++) {
			if (c->order->service[k] != service)
				continue;
			if (wanted(w, c->field[k]))
				return c->field[k];
			value = value != 0 ? value : c->field[k];
		}
	}
	return value;
}

/* The firmware's memory is not in the image: what Windows says of it is all there is. */
static void take_pointers(struct search *w, const struct copy *block)
{
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++) {
		struct rts_scan_service *service = &w->s->report->services[i];

		w->value[i] = likely_value(w, block, i);
		if (w->value[i] == 0)
			continue;
		service->has_pointer = true;
		service->pointer = w->value[i];
		service->has_physical =
			kernel_physical(w, service->pointer, &service->physical);
		if (service->pointer < KERNEL_START) {
			service->has_physical = true;
			service->physical = service->pointer;
		}
	}
	w->known = true;
}

static void judge_copy(struct search *w, const struct copy *c, const char *other)
{
	for (size_t i = 0; i < c->order->count; i++) {
		const unsigned service = c->order->service[i];
		uint64_t physical;

		/* a field that Windows left out is no other function */
		if (w->value[service] == 0 || c->field[i] == 0 ||
		    c->field[i] == w->value[service])
			continue;
		rts_scan_find(w->s,
			      &(struct scan_finding_at){
				      .rule = RTS_SCAN_WINDOWS_COPY_DISAGREES,
				      .driver = kernel_physical(w, c->field[i], &physical)
							? rts_scan_driver_at(w->s, physical)
							: -1,
				      .has_address = true,
				      .address = c->at + 8 * i,
				      .innocent_if =
					      "the copy is a stale one, or this Windows "
					      "calls that service through a function of "
					      "its own",
			      },
			      "%s is 0x%lx in %s, and 0x%lx in Windows' copy at 0x%lx (%s)",
			      rts_scan_service_name(service), w->value[service], other,
			      c->field[i], c->at, c->order->name);
	}
}

/* @hits: where what is looked for lies in memory. */
static void look_at_places(struct search *w, const struct scan_hits *hits)
{
	const bool known = w->known;
	const struct copy *found;
	struct copy block;

	copy_of_cfgro(w); /* first, for there is always room for it */
	if (known)
		copies_of_pointers(w, hits);
	else
		copies_of_runs(w, hits);
	found = block_of(w);
	if (hits->full || w->full)
		rts_scan_note(w->s,
			      "the service pointers lie in memory in too many places: "
			      "not all were looked at");
	if (found == NULL)
		return;
	block = *found;
	tell_block(w, &block);
	if (!known) {
		take_pointers(w, &block);
		copies_of_pointers(w, hits); /* those that are no runs */
		take_pointers(w, &block);
		rts_scan_note(w->s,
			      "the runtime services table is not in the image: the service "
			      "pointers are those of Windows' copy at 0x%lx, and what they "
			      "lead to is not in the image either",
			      block.at);
	}
	for (size_t i = 0; i < w->copy_count; i++)
		judge_copy(w, &w->copy[i],
			   known ? "the runtime services table" : "another copy");
}

static EFI_STATUS search(struct search *w)
{
	struct scan_hits hits = {0};
	EFI_STATUS status;

	find_roots(w);
	if (!w->known && w->root_count == 0)
		return EFI_SUCCESS;
	if ((w->known ? !want_pointers(w)
		      : !missing_code(w, w->root[0].at, w->root[0].levels, 0)) &&
	    (w->known || rts_dump_info(w->s->dump)->cpu_count > 0))
		rts_scan_note(w->s,
			      "the page tables lead to too many places that the image "
			      "lacks: Windows' copies of the service pointers may "
			      "have been missed");
	if (w->span_count == 0)
		return EFI_SUCCESS;
	status = rts_scan_memory(w->s, look, w, 1, &hits);
	if (status == EFI_SUCCESS)
		look_at_places(w, &hits);
	free(hits.at);
	return status;
}

/* Nobody keeps copies before an operating system mapped the firmware, and Linux keeps none
 * that it calls by. */
static bool applies(const struct scan *s)
{
	const enum rts_dump_format format = rts_dump_info(s->dump)->format;

	if (s->tables.has_runtime && !s->tables.virtual_mode)
		return false;
	return format == RTS_DUMP_WINDOWS_FULL || format == RTS_DUMP_WINDOWS_BITMAP ||
	       (s->map.os_map == 0 && s->config->runtime_map_count == 0);
}

EFI_STATUS rts_scan_windows(struct scan *s)
{
	struct search w = {
		.s = s, .known = s->tables.has_runtime, .tables_left = TABLES_MAX};
	EFI_STATUS status = EFI_SUCCESS;

	if (applies(s))
		status = search(&w);
	free(w.span);
	return status == EFI_SUCCESS && s->no_memory ? EFI_OUT_OF_RESOURCES : status;
}
