/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the virtual addresses that SetVirtualAddressMap gave the firmware back to physical
 * ones, in three ways that know nothing of each other: by the system table's pointer to the
 * runtime services table, by page tables in the image, by the operating system's copy of
 * the memory map. (The fourth, drivers' fixups, is in scan_views.c.) Which page tables and
 * which map are the right ones is told by the tables: they lead from the virtual address of
 * the runtime services table to where it was found.
 */
#include <stdlib.h>
#include <string.h>

#include "scan/scan_priv.h"

#define PAGE          4096U
#define PHYSICAL_END  (1ULL << 52)
#define PAIR_REACH    (1ULL << 30) /* as far as one difference is taken to hold */
#define ENTRY_ADDRESS 0x000ffffffffff000ULL
#define CR4_LA57      (1ULL << 12)
#define STRIDE_MIN    40U
#define STRIDE_MAX    256U
#define ENTRIES_MAX   (4U << 20) /* descriptors that one scan reads */
#define GUESSES_MAX   (1U << 18) /* addresses that it looks up by pages that may be roots */

/* Only attributes that the specification knows, and bits that it leaves to processors. */
#define ATTRIBUTES_MAX 0xcffff000001fffffULL

bool rts_scan_descriptor(const EFI_MEMORY_DESCRIPTOR *d)
{
	return d->Type < EfiMaxMemoryType && d->PhysicalStart % PAGE == 0 &&
	       d->VirtualStart % PAGE == 0 && d->NumberOfPages != 0 &&
	       d->PhysicalStart < PHYSICAL_END &&
	       d->NumberOfPages <= (PHYSICAL_END - d->PhysicalStart) / PAGE &&
	       (d->Attribute & ~ATTRIBUTES_MAX) == 0;
}

size_t rts_scan_map_stride(struct bytes page)
{
	EFI_MEMORY_DESCRIPTOR first, d;

	if (!bytes_read(page, 0, &first, sizeof first) || !rts_scan_descriptor(&first))
		return 0;
	for (size_t stride = STRIDE_MIN; stride <= STRIDE_MAX; stride += 8) {
		bool all = true;

		for (size_t i = 1; all && i <= 2; i++)
			all = bytes_read(page, i * stride, &d, sizeof d) &&
			      rts_scan_descriptor(&d) &&
			      d.PhysicalStart != first.PhysicalStart;
		if (all)
			return stride;
	}
	return 0;
}

/* ---- page tables ---- */

static bool walk(struct scan *s, uint64_t root, unsigned levels, uint64_t va, uint64_t *ret)
{
	struct rts_dump_page page;

	if (rts_dump_walk(s->dump, root, levels, va, &page) != EFI_SUCCESS)
		return false;
	*ret = page.physical;
	return true;
}

struct root {
	uint64_t at;
	unsigned levels;
};

/* By a page that may be a root, and is one of many: there may be so many that not all can
 * be tried, for each table on the way may have to be unpacked. */
static bool guess(struct scan *s, const struct root *root, uint64_t va, uint64_t *ret)
{
	return s->guesses < GUESSES_MAX && ++s->guesses != 0 &&
	       walk(s, root->at, root->levels, va, ret);
}

/* What the processors say, where the image says anything of them; 0: either. */
static unsigned known_levels(const struct scan *s)
{
	const struct rts_dump_info *info = rts_dump_info(s->dump);

	for (unsigned i = 0; i < info->cpu_count; i++)
		if (info->cpu[i].cr4 != 0)
			return (info->cpu[i].cr4 & CR4_LA57) != 0 ? 5 : 4;
	return 0;
}

/* The @i-th page table to try: the processors' own, then all that look like one, each with
 * four levels and with five. False: there are no more. */
static bool root_at(const struct scan *s, size_t i, struct root *ret)
{
	const struct rts_dump_info *info = rts_dump_info(s->dump);
	const struct scan_hits *hits = &s->hits[SCAN_HIT_ROOT];
	const unsigned levels = known_levels(s);
	const size_t known = info->cpu_count;

	ret->levels = levels != 0 ? levels : 4 + (unsigned)(i % 2);
	if (levels == 0)
		i /= 2;
	if (i >= known + hits->count)
		return false;
	ret->at = (i < known ? info->cpu[i].cr3 : hits->at[i - known]) & ENTRY_ADDRESS;
	return true;
}

static bool is_hit(const struct scan_hits *hits, uint64_t at)
{
	size_t low = 0, high = hits->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (hits->at[middle] < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low < hits->count && hits->at[low] == at;
}

bool rts_scan_lead(struct scan *s, uint64_t va, uint64_t *ret)
{
	struct root root;
	uint64_t at;

	for (size_t i = 0; root_at(s, i, &root); i++)
		if (guess(s, &root, va, &at) && is_hit(&s->hits[SCAN_HIT_RUNTIME], at)) {
			*ret = at;
			return true;
		}
	return false;
}

/* ---- how well a way fits ---- */

/*
 * It leads from the system table's pointer to the runtime services table; or, where nothing
 * does that, for somebody changed the pointer or the system table is gone, from most
 * service pointers to memory.
 */
struct fit {
	bool table;
	unsigned pointers;
};
#define POINTERS_MIN 9U

static bool fits(const struct scan *s, struct fit f)
{
	return f.table || (!s->map.table_led && f.pointers >= POINTERS_MIN);
}

/* Less than 0: @a is the worse one. */
static int compare_fits(struct fit a, struct fit b)
{
	return a.table != b.table ? a.table - b.table : (int)a.pointers - (int)b.pointers;
}

/* @lead: where @va is by that way. @all: of a part of one that is rated by its parts. */
static struct fit rate(struct scan *s,
		       bool (*lead)(struct scan *s, const void *way, uint64_t va,
				    uint64_t *ret),
		       const void *way, bool all)
{
	const struct scan_tables *t = &s->tables;
	struct fit f = {0};
	uint64_t at;

	f.table = t->has_system && lead(s, way, t->system_runtime, &at) &&
		  at == t->runtime.at;
	/* it need not be known by how much another one does not fit */
	all |= f.table;
	for (unsigned i = 0; i < RTS_SCAN_SERVICES &&
			     (all || f.pointers + RTS_SCAN_SERVICES - i >= POINTERS_MIN);
	     i++)
		f.pointers += lead(s, way, t->pointer[i], &at) &&
			      !rts_dump_has(s->dump, t->pointer[i]) &&
			      rts_dump_has(s->dump, at);
	return f;
}

static bool lead_root(struct scan *s, const void *way, uint64_t va, uint64_t *ret)
{
	return guess(s, way, va, ret);
}

/* Where both four and five levels fit, the upper of two tables is the root; the same page
 * for both is one that maps itself, and four are enough. */
static bool is_five(const struct fit fit[2], const struct root root[2])
{
	const int order = compare_fits(fit[1], fit[0]);

	return order > 0 || (order == 0 && root[1].at != root[0].at);
}

static void find_root(struct scan *s)
{
	struct rts_scan_mapping_way *way = &s->report->ways[RTS_SCAN_WAY_PAGE_TABLES];
	struct fit best[2] = {{0}};
	struct root chosen[2] = {{0}}, root;
	size_t equal[2] = {0};
	unsigned k;

	for (size_t i = 0; root_at(s, i, &root); i++) {
		const struct fit f = rate(s, lead_root, &root, false);

		k = root.levels - 4;
		if (compare_fits(best[k], f) < 0) {
			best[k] = f;
			chosen[k] = root;
			equal[k] = 0;
		}
		equal[k] += compare_fits(best[k], f) == 0;
	}
	k = is_five(best, chosen);
	if (s->guesses == GUESSES_MAX)
		rts_scan_note(
			s, "so many pages look like page tables that the last ones of them "
			   "were not tried");
	if (!fits(s, best[k])) {
		rts_scan_note(
			s,
			"of %zu pages that could be page tables, none maps the firmware's "
			"virtual addresses",
			s->hits[SCAN_HIT_ROOT].count);
		return;
	}
	if (equal[k] > 1)
		rts_scan_note(
			s,
			"%zu page tables map the firmware's virtual addresses; the one "
			"at %#llx was used",
			equal[k], (unsigned long long)chosen[k].at);
	s->map.has_root = true;
	s->map.table_led = best[k].table;
	s->map.root = chosen[k].at;
	s->map.levels = chosen[k].levels;
	s->report->paging_levels = s->map.levels;
	way->available = true;
	way->where = s->map.root;
}

/* ---- the operating system's map ---- */

struct array {
	uint64_t at;
	size_t stride, count;
	bool covers; /* the runtime services table, with memory for runtime data */
	struct fit fit;
};

static bool read_entry(struct scan *s, const struct array *a, size_t i,
		       EFI_MEMORY_DESCRIPTOR *ret)
{
	return rts_dump_read_all(s->dump, a->at + i * a->stride, ret, sizeof *ret) &&
	       rts_scan_descriptor(ret);
}

static bool holds(uint64_t start, uint64_t pages, uint64_t at)
{
	return at >= start && (at - start) / PAGE < pages;
}

static bool lead_entry(struct scan *s, const void *way, uint64_t va, uint64_t *ret)
{
	const EFI_MEMORY_DESCRIPTOR *d = way;

	(void)s;
	if (d->VirtualStart == 0 || !holds(d->VirtualStart, d->NumberOfPages, va))
		return false;
	*ret = d->PhysicalStart + (va - d->VirtualStart);
	return true;
}

/* Reads an array to its end. */
static void read_array(struct scan *s, struct array *a, size_t *budget)
{
	EFI_MEMORY_DESCRIPTOR d;

	while (a->count<SCAN_REGIONS_MAX && * budget> 0 && read_entry(s, a, a->count, &d)) {
		const struct fit f = rate(s, lead_entry, &d, true);

		a->covers |= d.Type == EfiRuntimeServicesData &&
			     (d.Attribute & EFI_MEMORY_RUNTIME) != 0 &&
			     holds(d.PhysicalStart, d.NumberOfPages, s->tables.runtime.at);
		a->fit.table |= f.table;
		a->fit.pointers += f.pointers;
		a->count++;
		(*budget)--;
	}
}

/* Older copies, and the tails of arrays that go on from a page before, have fewer entries.
 */
static bool is_better(const struct array *a, const struct array *b)
{
	const int fit = compare_fits(a->fit, b->fit);

	return fit != 0 ? fit > 0 : a->count > b->count;
}

static struct array find_array(struct scan *s)
{
	const struct scan_hits *hits = &s->hits[SCAN_HIT_MAP];
	struct array best = {0};
	size_t budget = ENTRIES_MAX;

	for (size_t i = 0; s->tables.has_runtime && i < hits->count; i++) {
		struct array a = {.at = hits->at[i]};
		uint8_t page[PAGE];

		if (rts_dump_read_all(s->dump, a.at, page, sizeof page))
			a.stride = rts_scan_map_stride((struct bytes){page, sizeof page});
		if (a.stride == 0)
			continue;
		read_array(s, &a, &budget);
		if (a.covers && is_better(&a, &best))
			best = a;
	}
	if (budget == 0)
		rts_scan_note(s,
			      "memory maps with more than %u entries together: the others "
			      "were not looked at",
			      ENTRIES_MAX);
	return best;
}

bool rts_scan_region_add(struct scan *s, const struct rts_scan_region *region)
{
	struct rts_scan_report *r = s->report;

	if (!rts_scan_room((void **)&r->regions, r->region_count, &s->region_cap,
			   sizeof *region, SCAN_REGIONS_MAX)) {
		s->no_memory |= r->region_count < SCAN_REGIONS_MAX;
		return false;
	}
	r->regions[r->region_count++] = *region;
	return true;
}

static bool add_descriptor(struct scan *s, const EFI_MEMORY_DESCRIPTOR *d, bool mapped)
{
	return rts_scan_region_add(
		s, &(struct rts_scan_region){.type = d->Type,
					     .start = d->PhysicalStart,
					     .pages = d->NumberOfPages,
					     .virtual_start = mapped ? d->VirtualStart : 0,
					     .attributes = d->Attribute});
}

static int by_start(const void *a, const void *b)
{
	const struct rts_scan_region *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

void rts_scan_regions_sort(struct scan *s)
{
	struct rts_scan_report *r = s->report;
	size_t count = 0;

	if (r->region_count > 0)
		qsort(r->regions, r->region_count, sizeof *r->regions, by_start);
	for (size_t i = 0; i < r->region_count; i++)
		if (count == 0 || r->regions[i].start != r->regions[count - 1].start)
			r->regions[count++] = r->regions[i];
	r->region_count = count;
}

/* From the running system, else from its memory. Without virtual addresses that fit it
 * still tells what memory is for. */
static void find_regions(struct scan *s)
{
	const struct rts_scan_config *c = s->config;
	const struct array a =
		c->runtime_map_count == 0 ? find_array(s) : (struct array){0};
	EFI_MEMORY_DESCRIPTOR d;

	for (size_t i = 0; i < c->runtime_map_count; i++) {
		const struct rts_scan_mapping *m = &c->runtime_map[i];

		d = (EFI_MEMORY_DESCRIPTOR){.Type = m->type,
					    .PhysicalStart = m->physical,
					    .VirtualStart = m->virtual_start,
					    .NumberOfPages = m->pages,
					    .Attribute = m->attributes};
		if (!rts_scan_descriptor(&d) || !add_descriptor(s, &d, true))
			break;
		s->map.has_os_map |= m->virtual_start != 0;
	}
	for (size_t i = 0; i < a.count && read_entry(s, &a, i, &d); i++)
		if (!add_descriptor(s, &d, fits(s, a.fit)))
			break;
	if (fits(s, a.fit)) {
		s->map.has_os_map = true;
		s->map.os_map = a.at;
	}
	rts_scan_regions_sort(s);
}

/* Where the image itself says where its memory was mapped. */
static bool lead_range(struct scan *s, const void *way, uint64_t va, uint64_t *ret)
{
	(void)way;
	for (size_t i = 0; i < rts_dump_range_count(s->dump); i++) {
		const struct rts_dump_range *r = rts_dump_range(s->dump, i);

		if (!r->has_virtual || va < r->virtual_start ||
		    va - r->virtual_start >= r->len)
			continue;
		*ret = r->start + (va - r->virtual_start);
		return true;
	}
	return false;
}

/* ---- the ways together ---- */

static bool by_pair(const struct scan *s, uint64_t va, uint64_t *ret)
{
	const uint64_t at = va - s->map.pair_delta, table = s->tables.runtime.at;

	*ret = at;
	return (at > table ? at - table : table - at) < PAIR_REACH;
}

static bool by_root(struct scan *s, uint64_t va, uint64_t *ret)
{
	return walk(s, s->map.root, s->map.levels, va, ret);
}

static bool by_os(struct scan *s, uint64_t va, uint64_t *ret)
{
	const struct rts_scan_report *r = s->report;

	if (s->map.os_ranges)
		return lead_range(s, NULL, va, ret);
	for (size_t i = 0; i < r->region_count; i++)
		if (r->regions[i].virtual_start != 0 &&
		    holds(r->regions[i].virtual_start, r->regions[i].pages, va)) {
			*ret = r->regions[i].start + (va - r->regions[i].virtual_start);
			return true;
		}
	return false;
}

/*
 * The difference that the system table shows is that of the memory in which the runtime
 * services table lies; other memory may have been mapped apart from it. Where another way
 * can tell, it has to hold for a page beside @va, or for this one.
 */
static bool pair_holds(struct scan *s, uint64_t va)
{
	static bool (*const others[])(struct scan * s, uint64_t va,
				      uint64_t * ret) = {by_root, by_os};
	const bool there[] = {s->map.has_root, s->map.has_os_map};
	uint64_t at;

	if (!there[0] && !there[1])
		return true;
	for (unsigned i = 0; i < 2; i++)
		for (unsigned k = 0; there[i] && k < 3; k++) {
			const uint64_t beside = va + (uint64_t)k * PAGE - PAGE;

			if (others[i](s, beside, &at) && at == beside - s->map.pair_delta)
				return true;
		}
	return false;
}

bool rts_scan_physical_by(struct scan *s, enum rts_scan_way way, uint64_t va, uint64_t *ret)
{
	if (way >= RTS_SCAN_WAYS || !s->report->ways[way].available)
		return false;
	if (rts_dump_has(s->dump, va)) {
		*ret = va;
		return true;
	}
	switch (way) {
	case RTS_SCAN_WAY_TABLE_PAIR:
		return pair_holds(s, va) && by_pair(s, va, ret);
	case RTS_SCAN_WAY_PAGE_TABLES:
		return by_root(s, va, ret);
	case RTS_SCAN_WAY_OS_MAP:
		return by_os(s, va, ret);
	default:
		return false;
	}
}

bool rts_scan_physical(struct scan *s, uint64_t va, uint64_t *ret)
{
	static const enum rts_scan_way best_first[] = {
		RTS_SCAN_WAY_PAGE_TABLES, RTS_SCAN_WAY_OS_MAP, RTS_SCAN_WAY_TABLE_PAIR};
	const uint64_t end = rts_dump_info(s->dump)->end;

	for (unsigned i = 0; i < sizeof best_first / sizeof *best_first; i++)
		if (rts_scan_physical_by(s, best_first[i], va, ret))
			return true;
	/* an address that was never converted; in this machine, if not in this image */
	*ret = va;
	return s->map.identity ? va < PHYSICAL_END
			       : va != 0 && (va < end || va < 1ULL << 32);
}

/* By what leads from most service pointers to memory, and so should from this one: page
 * tables that are in the image, or else the operating system's list of all that it mapped.
 */
bool rts_scan_is_nowhere(struct scan *s, uint64_t va)
{
	const struct rts_scan_mapping_way *ways = s->report->ways;
	const struct scan_map *m = &s->map;
	struct rts_dump_page page;

	if (m->identity)
		return va >= PHYSICAL_END;
	if (m->has_root && ways[RTS_SCAN_WAY_PAGE_TABLES].agrees >= POINTERS_MIN)
		return rts_dump_walk(s->dump, m->root, m->levels, va, &page) ==
		       EFI_NOT_FOUND;
	return m->has_os_map && !m->os_ranges &&
	       ways[RTS_SCAN_WAY_OS_MAP].agrees >= POINTERS_MIN;
}

static void count_agreement(struct scan *s)
{
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++) {
		const uint64_t pointer = s->tables.pointer[i];
		uint64_t taken, at;

		if (!rts_scan_physical(s, pointer, &taken))
			continue;
		for (unsigned w = 0; w < RTS_SCAN_WAYS; w++) {
			struct rts_scan_mapping_way *way = &s->report->ways[w];

			if (!rts_scan_physical_by(s, w, pointer, &at))
				continue;
			if (at == taken)
				way->agrees++;
			else
				way->disagrees++;
		}
	}
}

EFI_STATUS rts_scan_map(struct scan *s)
{
	const struct scan_tables *t = &s->tables;
	struct rts_scan_mapping_way *ways = s->report->ways;
	struct scan_map *m = &s->map;

	m->identity = !t->virtual_mode;
	if (!m->identity && t->has_runtime)
		find_root(s);
	find_regions(s);
	if (m->identity || !t->has_runtime)
		return EFI_SUCCESS;
	m->pair_delta = t->system_runtime - t->runtime.at;
	m->has_pair = t->has_system && t->system_runtime != 0 && m->pair_delta % PAGE == 0;
	ways[RTS_SCAN_WAY_TABLE_PAIR].available = m->has_pair;
	if (!m->has_os_map && rts_dump_range_count(s->dump) <= SCAN_REGIONS_MAX)
		m->has_os_map = m->os_ranges = fits(s, rate(s, lead_range, NULL, true));
	ways[RTS_SCAN_WAY_OS_MAP].available = m->has_os_map;
	ways[RTS_SCAN_WAY_OS_MAP].where = m->os_map;
	count_agreement(s);
	return EFI_SUCCESS;
}
