/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory services beside a page array: each page knows its type, attributes and owner,
 * every rule is a loop over pages. Both get the same million random calls, odd arguments
 * included, and must agree on every status, address, map, key, hook and virtual address.
 * Where pool blocks share pages, the array is told how many pages were taken or returned,
 * and checks that they could be.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtserv/mem.h"

#define PAGE       4096ULL
#define LOW_MAX    6000U /* pages from address 0 on */
#define HIGH       40U   /* pages up to the end of the address space */
#define SPACE      (1ULL << 52)
#define HIGH_BASE  (SPACE - HIGH)
#define BLOCKS_MAX 4096U
#define CALLS      1000000U
#define RUNS       (COUNT(scenarios) * 3)

#define NO_PAGE UINT64_MAX

enum kind {
	ALLOCATE_PAGES,
	FREE_PAGES,
	ALLOCATE_POOL,
	FREE_POOL,
	ADD,
	VIRTUAL_MAP,
	CONVERT,
	KINDS
};

enum own {
	HOLE,
	PLATFORM,
	FREE,
	NULL_PAGE,
	QUARANTINE,
	PAGES,
	GUARDED,
	POOL,
	POOL_GUARDED,
	GUARD
};

struct page {
	uint64_t attr;
	uint32_t type;
	uint32_t told_type; /* by the changed hook */
	uint8_t own;
	uint8_t open; /* by the protect hook */
};

struct block {
	uint64_t address, size, taken; /* bytes; what nobody else may have */
	uint32_t type;
	bool whole;
	uint64_t first, pages; /* of a whole one */
};

struct event {
	uint64_t page, pages;
	uint32_t old_type, new_type;
};

struct scenario {
	const char *name;
	struct rts_mem_config config;
	uint32_t low;     /* pages */
	uint32_t compare; /* the whole map after so many calls */
	size_t arena_len;
	bool tight; /* the arena may be full at any time: a call that says so changed
		       nothing */
};

static struct model {
	const struct scenario *sc;
	struct rts_mem *m;
	struct page low[LOW_MAX], high[HIGH];
	struct block blocks[BLOCKS_MAX];
	size_t block_count;
	struct event events[64];
	size_t event_count;
	uint64_t key;
	uint64_t granule;
	uint32_t full;           /* calls that found the arena full */
	uint32_t done[KINDS][2]; /* failed, succeeded */
	size_t most;             /* entries of the map */
} model;

static uint64_t seed;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * 0x2545f4914f6cdd1dULL >> 11;
}

static uint64_t below(uint64_t n)
{
	return rnd() % n;
}

/* The array. */

static struct page *at(uint64_t page)
{
	if (page < model.sc->low)
		return &model.low[page];
	if (page >= HIGH_BASE && page < SPACE)
		return &model.high[page - HIGH_BASE];
	return NULL;
}

static enum own own_at(uint64_t page)
{
	const struct page *p = at(page);

	return p == NULL ? HOLE : p->own;
}

/* The next page of the array at @page or above. */
static uint64_t up(uint64_t page)
{
	return page >= model.sc->low && page < HIGH_BASE ? HIGH_BASE : page;
}

static bool all_own(uint64_t first, uint64_t n, unsigned owners)
{
	for (uint64_t i = 0; i < n; i++)
		if ((1U << own_at(first + i) & owners) == 0)
			return false;
	return true;
}

static bool is_data(uint64_t page)
{
	return own_at(page) == GUARDED || own_at(page) == POOL_GUARDED;
}

static uint64_t attr_as(uint32_t type, uint64_t attr)
{
	attr &= ~EFI_MEMORY_RUNTIME;
	return type == 5 || type == 6 || type == 13 ? attr | EFI_MEMORY_RUNTIME : attr;
}

static void make(uint64_t first, uint64_t n, uint32_t type, enum own own)
{
	for (uint64_t i = 0; i < n; i++) {
		struct page *p = at(first + i);

		p->attr = attr_as(type, p->attr);
		p->type = type;
		p->own = (uint8_t)own;
	}
}

static uint64_t granule_of(uint32_t type)
{
	return type == 0 || type == 5 || type == 6 || type == 10 ? model.granule : 1;
}

static bool type_known(uint32_t type)
{
	return type <= 15 || type >= 0x70000000;
}

static bool type_can(uint32_t type)
{
	return type_known(type) && type != 7 && type != 14 && type != 15;
}

static bool guards(unsigned what, uint32_t type)
{
	const struct rts_mem_config *c = &model.sc->config;
	const uint64_t types =
		what == RTS_MEM_GUARD_POOL ? c->guard_pool_types : c->guard_page_types;
	const unsigned bit = type < 16 ? type : type < 0x80000000 ? 62 : 63;

	return (c->guard & what) != 0 && (types == 0 || (types >> bit & 1) != 0) &&
	       granule_of(type) == 1;
}

static bool freed_guard(void)
{
	return (model.sc->config.guard & RTS_MEM_GUARD_FREED) != 0;
}

/* Free for those who do not ask by address, and of one kind with @like. */
static bool takable(uint64_t page, const struct page *like, bool quarantined)
{
	const struct page *p = at(page);

	return p != NULL && p->attr == like->attr && (p->attr & EFI_MEMORY_SP) == 0 &&
	       (p->own == FREE || (quarantined && p->own == QUARANTINE));
}

static bool fits(uint64_t first, uint64_t n, bool guarded, bool quarantined)
{
	const struct page *like = at(first);

	for (uint64_t i = 0; i < n; i++)
		if (!takable(first + i, like, quarantined))
			return false;
	return !guarded ||
	       ((own_at(first - 1) == GUARD || takable(first - 1, like, quarantined)) &&
		(own_at(first + n) == GUARD || takable(first + n, like, quarantined)));
}

/* A request for pages, the last byte of which is not above @last. */
struct want {
	uint64_t pages, align, last;
	bool guarded, thorough;
};

/* The run of free pages of one kind that ends at @end; its part up to the limit. */
struct run {
	uint64_t first, end;
};

static struct run run_before(uint64_t end, const struct want *w, bool quarantined)
{
	struct run r = {end, end};
	const struct page *like = at(end - 1);

	while (r.first > 0 && takable(r.first - 1, like, quarantined))
		r.first--;
	while (r.end > r.first && ((r.end - 1) * PAGE | (PAGE - 1)) > w->last)
		r.end--;
	return r;
}

static uint64_t place_in(struct run r, const struct want *w, bool quarantined)
{
	for (uint64_t page = r.end; page-- > r.first;)
		if (page % w->align == 0 && w->pages <= r.end - page &&
		    fits(page, w->pages, w->guarded, quarantined))
			return page;
	return NO_PAGE;
}

static uint64_t place_below(uint64_t top, const struct want *w, uint64_t least,
			    bool quarantined, unsigned misses)
{
	struct run r;
	uint64_t page;

	for (uint64_t end = top; end > 0; end = r.first) {
		if (at(end - 1) == NULL)
			end = model.sc->low;
		r = run_before(end, w, quarantined);
		if (r.first == end)
			r.first = end - 1; /* not a run */
		else if (r.end - r.first >= least) {
			page = place_in(r, w, quarantined);
			if (page != NO_PAGE)
				return page;
			if (misses-- == 1)
				return r.first | 1ULL << 63; /* go on from here */
		}
	}
	return NO_PAGE;
}

/* The highest run where it fits; after eight that were large enough, and where it did not,
 * the highest where it must. */
static uint64_t place_for(const struct want *w)
{
	uint64_t page = place_below(SPACE, w, w->pages, false, 8), from;

	if (page != NO_PAGE && page >> 63 != 0) {
		from = page & ~(1ULL << 63);
		page = place_below(from, w, w->pages + w->align - 1 + (w->guarded ? 2 : 0),
				   false, 0);
		if (page == NO_PAGE && w->thorough)
			page = place_below(from, w, w->pages, false, 0);
	}
	if (page == NO_PAGE && freed_guard())
		page = place_below(SPACE, w, w->pages, true, 0);
	return page;
}

static void take(uint64_t first, uint64_t n, uint32_t type, enum own own)
{
	if (own == GUARDED || own == POOL_GUARDED) {
		if (own_at(first - 1) != GUARD)
			make(first - 1, 1, type, GUARD);
		if (own_at(first + n) != GUARD)
			make(first + n, 1, type, GUARD);
	}
	make(first, n, type, own);
}

static void give(uint64_t first, uint64_t n)
{
	const bool guarded = is_data(first);
	const enum own freed = freed_guard() ? QUARANTINE : FREE;
	const uint32_t type = at(first)->type;

	make(first, n, 7, freed);
	if (!guarded)
		return;
	if (is_data(first - 1))
		make(first, 1, type, GUARD);
	if (is_data(first + n))
		make(first + n - 1, 1, type, GUARD);
	if (own_at(first - 1) == GUARD && !is_data(first - 2))
		make(first - 1, 1, 7, freed);
	if (own_at(first + n) == GUARD && !is_data(first + n + 1))
		make(first + n, 1, 7, freed);
}

/* Hooks. */

static void on_protect(void *ctx, uint64_t base, uint64_t pages, bool accessible)
{
	(void)ctx;
	assert_int_equal(base % PAGE, 0);
	assert_true(pages > 0);
	for (uint64_t i = 0; i < pages; i++) {
		assert_non_null(at(base / PAGE + i));
		at(base / PAGE + i)->open = accessible;
	}
}

static void on_changed(void *ctx, uint64_t base, uint64_t pages, uint32_t old_type,
		       uint32_t new_type)
{
	(void)ctx;
	assert_int_equal(base % PAGE, 0);
	assert_true(pages > 0 && old_type != new_type);
	for (uint64_t i = 0; i < pages; i++) {
		struct page *p = at(base / PAGE + i);

		assert_non_null(p);
		assert_int_equal(p->told_type, old_type);
		p->told_type = new_type;
	}
	if (model.event_count < COUNT(model.events))
		model.events[model.event_count++] =
			(struct event){base / PAGE, pages, old_type, new_type};
}

/* The map. */

static bool hidden(const struct page *p)
{
	return p->own == HOLE || (p->own == PLATFORM && (p->type == 11 || p->type == 12) &&
				  (p->attr & EFI_MEMORY_RUNTIME) == 0);
}

static uint64_t shown(const struct page *p)
{
	return p->attr & ~(EFI_MEMORY_RP | EFI_MEMORY_XP | EFI_MEMORY_RO);
}

static EFI_MEMORY_DESCRIPTOR map_buf[LOW_MAX + HIGH];

static size_t map_of_model(void)
{
	const struct page *before = NULL;
	size_t n = 0;

	for (uint64_t page = 0; page < SPACE; page = up(page + 1)) {
		const struct page *p = at(page);

		if (page == HIGH_BASE)
			before = NULL;
		if (hidden(p)) {
			before = NULL;
			continue;
		}
		if (before == NULL || before->type != p->type || shown(before) != shown(p))
			map_buf[n++] = (EFI_MEMORY_DESCRIPTOR){.Type = p->type,
							       .PhysicalStart = page * PAGE,
							       .Attribute = shown(p)};
		map_buf[n - 1].NumberOfPages++;
		before = p;
	}
	return n;
}

static uint64_t stride(void)
{
	return model.sc->config.descriptor_size == 0 ? 48
						     : model.sc->config.descriptor_size;
}

static void compare_map(void)
{
	static uint8_t buf[(LOW_MAX + HIGH) * 64 + 1];
	const size_t n = map_of_model();
	uint64_t size = n * stride(), key = 0, dsize = 0;
	uint32_t version = 0;

	model.most = n > model.most ? n : model.most;
	buf[size] = 0xa5;
	assert_int_equal(rts_mem_get_map(model.m, &size, buf, &key, &dsize, &version),
			 EFI_SUCCESS);
	assert_int_equal(size, n * stride());
	assert_int_equal(buf[size], 0xa5);
	assert_int_equal(dsize, stride());
	assert_int_equal(version, 1);
	assert_int_equal(key, model.key);
	for (size_t i = 0; i < n; i++)
		if (memcmp(buf + i * stride(), &map_buf[i], sizeof map_buf[i]) != 0) {
			EFI_MEMORY_DESCRIPTOR d;

			memcpy(&d, buf + i * stride(), sizeof d);
			fail_msg("entry %zu: type %#x at %#llx+%llu, %#llx; want %#x at "
				 "%#llx+%llu, %#llx",
				 i, d.Type, (unsigned long long)d.PhysicalStart,
				 (unsigned long long)d.NumberOfPages,
				 (unsigned long long)d.Attribute, map_buf[i].Type,
				 (unsigned long long)map_buf[i].PhysicalStart,
				 (unsigned long long)map_buf[i].NumberOfPages,
				 (unsigned long long)map_buf[i].Attribute);
		}
	if (n > 0) { /* one byte less, and no buffer */
		size--;
		assert_int_equal(rts_mem_get_map(model.m, &size, buf, NULL, NULL, NULL),
				 EFI_BUFFER_TOO_SMALL);
		assert_int_equal(size, n * stride());
	}
	assert_int_equal(rts_mem_get_map(model.m, &size, NULL, NULL, NULL, NULL),
			 EFI_INVALID_PARAMETER);
	for (uint64_t page = 0; page < SPACE; page = up(page + 1)) {
		const struct page *p = at(page);

		assert_int_equal(p->open, p->own != GUARD && p->own != QUARANTINE);
		assert_true(p->own == HOLE || p->told_type == p->type);
	}
}

static void check_key(bool change)
{
	uint64_t size = 0, key = 0;
	uint8_t nothing;

	(void)rts_mem_get_map(model.m, &size, &nothing, &key, NULL, NULL);
	assert_true(key != 0);
	if (change)
		assert_true(key != model.key);
	else
		assert_true(key == model.key);
	model.key = key;
}

/* Whether the call counts: a full arena is an excuse for having changed nothing, if the map
 * was to get a new border. */
static bool agreed(EFI_STATUS got, EFI_STATUS want, enum kind kind, bool new_border)
{
	model.done[kind][got == EFI_SUCCESS]++;
	if (model.sc->tight && new_border && got == EFI_OUT_OF_RESOURCES && got != want) {
		assert_int_equal(model.event_count, 0);
		model.full++;
		check_key(false);
		return false;
	}
	assert_int_equal(got, want);
	return got == EFI_SUCCESS;
}

/* Calls. */

static uint32_t any_type(void)
{
	static const uint32_t types[] = {
		0,  1,  2,  3,  4,          5,          6,          8,         9,
		10, 11, 12, 13, 0x70000000, 0x7fffffff, 0x80000000, 0xffffffff};
	static const uint32_t bad[] = {7, 14, 15, 16, 17, 0x6fffffff};

	return below(20) == 0 ? bad[below(COUNT(bad))] : types[below(COUNT(types))];
}

static uint64_t any_pages(void)
{
	static const uint64_t odd[] = {0,          SPACE - 17,      SPACE - 16,
				       SPACE - 1,  SPACE,           SPACE + 1,
				       UINT64_MAX, UINT64_MAX - 15, 1ULL << 63};

	return below(25) == 0   ? odd[below(COUNT(odd))]
	       : below(8) == 0  ? 1 + below(70)
	       : below(40) == 0 ? 1 + below(model.sc->low)
				: 1 + below(6);
}

static uint64_t any_page(void)
{
	return below(5) == 0 ? HIGH_BASE + below(HIGH) : below(model.sc->low + 3);
}

static uint64_t any_address(void)
{
	static const uint64_t odd[] = {0,      1,      0xffe,      0xfff,          0x1000,
				       0x1ffe, 0x1fff, UINT64_MAX, UINT64_MAX - 1, SPACE};

	return below(12) == 0   ? odd[below(COUNT(odd))]
	       : below(12) == 0 ? any_page() * PAGE + below(PAGE)
	       : below(4) == 0  ? any_page() / 16 * 16 * PAGE
				: any_page() * PAGE;
}

static void call_allocate_pages(void)
{
	static const int hows[] = {AllocateAnyPages, AllocateMaxAddress, AllocateAddress};
	const int how = below(30) == 0 ? (below(2) == 0 ? 3 : -1) : hows[below(3)];
	const uint32_t type = any_type();
	const uint64_t pages = any_pages(), given = any_address(), g = granule_of(type);
	const bool no_memory = below(200) == 0, guarded = guards(RTS_MEM_GUARD_PAGES, type);
	EFI_PHYSICAL_ADDRESS memory = given;
	const EFI_STATUS status = rts_mem_allocate_pages(
		model.m, (EFI_ALLOCATE_TYPE)how, type, pages, no_memory ? NULL : &memory);
	EFI_STATUS want = EFI_SUCCESS;
	uint64_t n = (pages + g - 1) / g * g, first = NO_PAGE;

	if (how < 0 || how > 2 || !type_can(type) || no_memory) {
		want = EFI_INVALID_PARAMETER;
	} else if (how == AllocateAddress) {
		first = given / PAGE;
		if (pages == 0 || pages > LOW_MAX + HIGH || given % (g * PAGE) != 0 ||
		    n > SPACE - first || !all_own(first, n, 1U << FREE | 1U << QUARANTINE))
			want = EFI_NOT_FOUND;
	} else {
		if (pages != 0 && pages <= LOW_MAX + HIGH)
			first = place_for(&(struct want){
				n, g, how == AllocateMaxAddress ? given : UINT64_MAX,
				guarded, true});
		if (first == NO_PAGE)
			want = EFI_OUT_OF_RESOURCES;
	}
	if (agreed(status, want, ALLOCATE_PAGES, true)) {
		assert_int_equal(memory, first * PAGE);
		take(first, n, type, how != AllocateAddress && guarded ? GUARDED : PAGES);
		check_key(true);
	} else {
		assert_int_equal(memory, given);
		check_key(false);
	}
}

/* Whether a run does not begin at @page, but before. */
static bool is_inside(uint64_t page)
{
	const struct page *p = at(page), *before = at(page - 1);

	return p != NULL && before != NULL && p->own == before->own &&
	       p->type == before->type && p->attr == before->attr;
}

/* Mostly a part, or all, of what is allocated. */
static void any_range(uint64_t *first, uint64_t *n)
{
	uint64_t page = any_page(), end;

	for (unsigned i = 0; i < 64 && own_at(page) != PAGES && own_at(page) != GUARDED;
	     i++)
		page = up(page + 1) % SPACE;
	for (end = page; end - page < 16 && (own_at(end) == PAGES || is_data(end)); end++)
		;
	*first = page;
	*n = below(3) == 0 || end == page ? 1 + below(4) : end - page;
	if (below(4) == 0)
		*first += below(3) - 1;
}

static void call_free_pages(void)
{
	uint64_t first, pages, memory, n, end;
	EFI_STATUS status, want = EFI_SUCCESS;

	any_range(&first, &pages);
	memory = below(60) == 0 ? any_address() : first * PAGE;
	if (below(60) == 0)
		pages = any_pages();
	status = rts_mem_free_pages(model.m, memory, pages);
	first = memory / PAGE;
	n = pages;
	end = first + pages;
	if (memory % PAGE != 0 || pages == 0 || pages > SPACE - first) {
		want = EFI_INVALID_PARAMETER;
	} else if (own_at(first) != PAGES && own_at(first) != GUARDED) {
		want = EFI_NOT_FOUND;
	} else if (first % granule_of(at(first)->type) != 0) {
		want = EFI_INVALID_PARAMETER;
	} else {
		if (at(end - 1) != NULL)
			n += -end % granule_of(at(end - 1)->type);
		if (pages > LOW_MAX || !all_own(first, n, 1U << PAGES | 1U << GUARDED))
			want = EFI_NOT_FOUND;
	}
	if (agreed(status, want, FREE_PAGES,
		   want != EFI_SUCCESS || own_at(first) == GUARDED || is_inside(first) ||
			   is_inside(first + n))) {
		give(first, n);
		check_key(true);
	} else {
		check_key(false);
	}
}

static void blocks_check(const struct block *b)
{
	for (size_t i = 0; i < model.block_count; i++) {
		const struct block *o = &model.blocks[i];

		assert_true(b->address + b->taken <= o->address ||
			    o->address + o->taken <= b->address);
	}
	for (uint64_t p = b->address / PAGE; p <= (b->address + b->taken - 1) / PAGE; p++) {
		assert_non_null(at(p));
		assert_true(at(p)->own == POOL || at(p)->own == POOL_GUARDED);
		assert_int_equal(at(p)->type, b->type);
	}
}

static void call_allocate_pool(void)
{
	static const uint64_t odd[] = {0,
				       UINT64_MAX,
				       UINT64_MAX - 1,
				       UINT64_MAX - 8,
				       UINT64_MAX - 65,
				       UINT64_MAX - 4096,
				       1ULL << 63};
	const uint32_t type = any_type();
	const uint64_t g = granule_of(type);
	const uint64_t size = below(30) == 0   ? odd[below(COUNT(odd))]
			      : below(10) == 0 ? below(30000)
			      : below(2) == 0  ? below(4200)
					       : below(200);
	const bool no_buffer = below(200) == 0, guarded = guards(RTS_MEM_GUARD_POOL, type);
	const bool whole = guarded || freed_guard() || size > PAGE;
	EFI_PHYSICAL_ADDRESS got = 12345;
	EFI_STATUS status, want = EFI_SUCCESS;
	uint64_t n = ((size == 0) + size - 1) / PAGE + 1, first = NO_PAGE;
	bool taken = false;

	if (model.block_count == BLOCKS_MAX)
		return;
	status = rts_mem_allocate_pool(model.m, type, size, no_buffer ? NULL : &got);
	n = (n + g - 1) / g * g;
	if (no_buffer || !type_can(type)) {
		want = EFI_INVALID_PARAMETER;
	} else if (whole) {
		if (size <= (LOW_MAX + HIGH) * PAGE)
			first = place_for(&(struct want){n, g, UINT64_MAX, guarded, true});
		if (first == NO_PAGE)
			want = EFI_OUT_OF_RESOURCES;
	} else if (model.event_count > 0) { /* pages for a new chunk */
		n = model.events[0].pages;
		assert_int_equal(model.event_count, 1);
		assert_true(n <= 16 && (n & (n - 1)) == 0 && n % g == 0);
		first = place_for(&(struct want){n, n, UINT64_MAX, false, n == g});
		assert_int_equal(first, model.events[0].page);
		assert_int_equal(model.events[0].new_type, type);
	} else if (status == EFI_OUT_OF_RESOURCES) {
		want = status;
		assert_true(model.sc->tight ||
			    place_for(&(struct want){g, g, UINT64_MAX, false, true}) ==
				    NO_PAGE);
	}
	if (!agreed(status, want, ALLOCATE_POOL, true)) {
		assert_int_equal(got, 12345);
		check_key(false);
		return;
	}
	if (first != NO_PAGE) {
		take(first, n, type, guarded ? POOL_GUARDED : POOL);
		taken = true;
	}
	struct block b = {.address = got,
			  .size = size,
			  .taken = size == 0 ? 1 : size,
			  .type = type,
			  .whole = whole,
			  .first = first,
			  .pages = n};

	assert_int_equal(got % (guarded ? 8 : 16), 0);
	if (guarded && (model.sc->config.guard & RTS_MEM_GUARD_HEAD) == 0)
		assert_int_equal(got + ((b.taken + 7) & ~7ULL), (first + n) * PAGE);
	else if (whole)
		assert_int_equal(got, first * PAGE);
	blocks_check(&b);
	model.blocks[model.block_count++] = b;
	check_key(taken);
}

static void call_free_pool(void)
{
	uint64_t address = any_address();
	size_t i;
	EFI_STATUS status, want = EFI_INVALID_PARAMETER;

	if (model.block_count > 0 && below(20) != 0) {
		address = model.blocks[below(model.block_count)].address;
		if (below(15) == 0)
			address += (uint64_t[]){1, 8, 16, -8ULL, -16ULL, PAGE}[below(6)];
	}
	status = rts_mem_free_pool(model.m, address);
	for (i = 0; i < model.block_count; i++)
		if (model.blocks[i].address == address) {
			want = EFI_SUCCESS;
			break;
		}
	if (!agreed(status, want, FREE_POOL,
		    i < model.block_count && model.blocks[i].whole)) {
		check_key(false);
		return;
	}
	const struct block b = model.blocks[i];

	model.blocks[i] = model.blocks[--model.block_count];
	if (b.whole) {
		give(b.first, b.pages);
	} else if (model.event_count > 0) {
		const struct event *e = &model.events[0];

		assert_int_equal(model.event_count, 1);
		assert_true(all_own(e->page, e->pages, 1U << POOL));
		for (size_t k = 0; k < model.block_count; k++)
			assert_true(model.blocks[k].address / PAGE >= e->page + e->pages ||
				    model.blocks[k].address / PAGE < e->page);
		give(e->page, e->pages);
	}
	check_key(b.whole || model.event_count > 0);
}

static void add(uint64_t base, uint64_t pages, uint32_t type, uint64_t attr)
{
	const uint64_t first = base / PAGE;
	const EFI_STATUS status = rts_mem_add(model.m, base, pages, type, attr);
	EFI_STATUS want = EFI_SUCCESS;

	if (base % PAGE != 0 || pages == 0 || pages > SPACE - first || !type_known(type) ||
	    ((type == 5 || type == 6) && (first | pages) % model.granule != 0) ||
	    !all_own(first, pages, 1U << HOLE))
		want = EFI_INVALID_PARAMETER;
	if (!agreed(status, want, ADD, true)) {
		check_key(false);
		return;
	}
	if (type != 0 && type != 11 && type != 12 && type < 0x70000000)
		attr = attr_as(type, attr);
	if (type == 14)
		attr |= EFI_MEMORY_NV;
	for (uint64_t i = 0; i < pages; i++)
		*at(first + i) = (struct page){
			.attr = attr,
			.type = type,
			.told_type = type,
			.own = type != 7        ? PLATFORM
			       : first + i == 0 ? NULL_PAGE
						: FREE,
			.open = true,
		};
	check_key(true);
}

static void call_add(void)
{
	static const uint64_t attrs[] = {EFI_MEMORY_WB,
					 EFI_MEMORY_WB | EFI_MEMORY_UC,
					 EFI_MEMORY_WB | EFI_MEMORY_SP,
					 EFI_MEMORY_WB | EFI_MEMORY_XP | EFI_MEMORY_RO,
					 EFI_MEMORY_UC | EFI_MEMORY_RUNTIME,
					 EFI_MEMORY_UC};
	const uint32_t type = below(2) == 0   ? 7
			      : below(4) == 0 ? any_type()
					      : (uint32_t)below(16);
	uint64_t base = any_address(), pages = any_pages(), attr = attrs[below(6)], first;

	if (below(3) == 0) {
		base = base / PAGE / 16 * 16 * PAGE;
		pages = 16;
	}
	first = base / PAGE;
	/* the array has no room elsewhere */
	if (pages != 0 && pages <= SPACE - first &&
	    (at(first) == NULL || at(first + pages - 1) == NULL || pages > LOW_MAX))
		return;
	add(base, pages, type, attr);
}

/* The memory attributes table, page by page. */
static void call_attributes_table(void)
{
	static uint8_t buf[(LOW_MAX + HIGH) * 64 + 16];
	struct rts_mem_range code[2] = {{any_page() / 16 * 16 * PAGE, 16 * below(3)}};
	struct rts_mem_image images[2] = {
		{{code[0].base - below(2) * 16 * PAGE, code[0].pages + 16 * below(3)},
		 code,
		 1},
		{{any_page() / 16 * 16 * PAGE, 16 * below(3)}, code + 1, 1}};
	uint64_t size = sizeof buf, attr_before = 0, page;
	EFI_MEMORY_ATTRIBUTES_TABLE t;
	EFI_MEMORY_DESCRIPTOR d;
	uint32_t n = 0;

	/* all of it within the address space */
	if (images[0].range.base > code[0].base || code[0].base / PAGE + 64 > SPACE ||
	    images[1].range.base / PAGE + 32 > SPACE)
		return;
	code[1] = (struct rts_mem_range){images[1].range.base + 16 * PAGE, 16};
	assert_int_equal(rts_mem_attributes_table(model.m, images, 2, 1, &size, buf),
			 EFI_SUCCESS);
	memcpy(&t, buf, sizeof t);
	assert_int_equal(t.Version, 2);
	assert_int_equal(t.Flags, 1);
	assert_int_equal(t.DescriptorSize, stride());
	assert_int_equal(size, sizeof t + t.NumberOfEntries * stride());
	memset(&d, 0, sizeof d);
	for (page = 0; page < SPACE; page = up(page + 1)) {
		const struct page *p = at(page), *q = page > 0 ? at(page - 1) : NULL;
		uint64_t want =
			p->type == 5 ? EFI_MEMORY_RO | EFI_MEMORY_XP : EFI_MEMORY_XP;

		if (hidden(p) || (p->type != 5 && p->type != 6)) {
			assert_true(page * PAGE - d.PhysicalStart >=
				    d.NumberOfPages * PAGE);
			attr_before = 0;
			continue;
		}
		for (size_t i = 2; i-- > 0;) {
			const struct rts_mem_range *r = &images[i].range;

			if (page - r->base / PAGE >= r->pages)
				continue;
			/* where images overlap, the last one given counts */
			want = page - code[i].base / PAGE < code[i].pages ? EFI_MEMORY_RO
									  : EFI_MEMORY_XP;
			break;
		}
		if (attr_before != want || q == NULL || q->type != p->type ||
		    shown(q) != shown(p)) {
			assert_true(n < t.NumberOfEntries);
			memcpy(&d, buf + sizeof t + n++ * stride(), sizeof d);
			assert_int_equal(d.PhysicalStart, page * PAGE);
			assert_int_equal(d.Type, p->type);
			assert_int_equal(d.VirtualStart, 0);
			assert_int_equal(d.Attribute, EFI_MEMORY_RUNTIME | want);
		}
		assert_true(page * PAGE - d.PhysicalStart < d.NumberOfPages * PAGE);
		attr_before = want;
	}
	assert_int_equal(n, t.NumberOfEntries);
}

/* The end: exit, virtual addresses. */

static EFI_MEMORY_DESCRIPTOR vmap[LOW_MAX + HIGH];

static bool overlaps(uint64_t a, uint64_t b, uint64_t a_len, uint64_t b_len)
{
	return a < b ? b - a < a_len : a - b < b_len;
}

static EFI_STATUS judge_vmap(size_t n)
{
	bool found = true;

	for (size_t i = 0; i < n; i++) {
		const EFI_MEMORY_DESCRIPTOR *d = &vmap[i];
		const uint64_t len = d->NumberOfPages * PAGE;

		if (d->PhysicalStart % PAGE != 0 || d->NumberOfPages == 0 ||
		    d->NumberOfPages > SPACE - d->PhysicalStart / PAGE)
			return EFI_INVALID_PARAMETER;
		for (uint64_t k = 0; found && k < d->NumberOfPages; k++) {
			const struct page *p = at(d->PhysicalStart / PAGE + k);

			found = p != NULL && !hidden(p);
		}
		if ((d->Attribute & EFI_MEMORY_RUNTIME) == 0)
			continue;
		if (d->VirtualStart % PAGE != 0 ||
		    d->VirtualStart + (len - 1) < d->VirtualStart)
			return EFI_INVALID_PARAMETER;
		for (size_t k = 0; k < i; k++)
			if ((vmap[k].Attribute & EFI_MEMORY_RUNTIME) != 0 &&
			    (overlaps(d->PhysicalStart, vmap[k].PhysicalStart, len,
				      vmap[k].NumberOfPages * PAGE) ||
			     overlaps(d->VirtualStart, vmap[k].VirtualStart, len,
				      vmap[k].NumberOfPages * PAGE)))
				return EFI_INVALID_PARAMETER;
	}
	if (model.sc->config.lax_virtual_map)
		return EFI_SUCCESS;
	if (!found)
		return EFI_NOT_FOUND;
	for (uint64_t page = 0; page < SPACE; page = up(page + 1)) {
		bool covered =
			hidden(at(page)) || (at(page)->attr & EFI_MEMORY_RUNTIME) == 0;

		for (size_t i = 0; i < n && !covered; i++)
			covered =
				(vmap[i].Attribute & EFI_MEMORY_RUNTIME) != 0 &&
				page - vmap[i].PhysicalStart / PAGE < vmap[i].NumberOfPages;
		if (!covered)
			return EFI_NO_MAPPING;
	}
	return EFI_SUCCESS;
}

/* What an operating system makes of the map: runtime entries, here and there cut in two, in
 * any order, sometimes with a mistake. */
static size_t make_vmap(bool right)
{
	const size_t n = map_of_model();
	uint64_t virtual_start = 0xffff800000000000ULL + below(1000) * PAGE;
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		EFI_MEMORY_DESCRIPTOR d = map_buf[i];

		if ((d.Attribute & EFI_MEMORY_RUNTIME) == 0 && below(3) != 0)
			continue;
		d.VirtualStart = virtual_start;
		virtual_start += (d.NumberOfPages + below(3)) * PAGE;
		if (d.NumberOfPages > 1 && below(4) == 0) {
			const uint64_t cut = 1 + below(d.NumberOfPages - 1);

			vmap[k] = d;
			vmap[k++].NumberOfPages = cut;
			d.PhysicalStart += cut * PAGE;
			d.VirtualStart += cut * PAGE;
			d.NumberOfPages -= cut;
		}
		vmap[k++] = d;
	}
	for (size_t i = k; i-- > 1;) {
		const size_t other = below(i + 1);
		const EFI_MEMORY_DESCRIPTOR d = vmap[i];

		vmap[i] = vmap[other];
		vmap[other] = d;
	}
	if (right || k == 0)
		return k;
	EFI_MEMORY_DESCRIPTOR *d = &vmap[below(k)];

	switch (below(9)) {
	case 0:
		d->PhysicalStart += 1;
		break;
	case 1:
		d->VirtualStart += 8;
		break;
	case 2:
		d->NumberOfPages = 0;
		break;
	case 3:
		d->NumberOfPages += 1;
		break;
	case 4:
		d->NumberOfPages = SPACE;
		break;
	case 5:
		d->Attribute ^= EFI_MEMORY_RUNTIME;
		break;
	case 6:
		d->VirtualStart = UINT64_MAX - 4095;
		break;
	case 7:
		*d = vmap[--k];
		break;
	default:
		d->PhysicalStart = 0x5000000000ULL;
		break;
	}
	return k;
}

static uint64_t naive_convert(size_t n, uint64_t address, EFI_STATUS *status)
{
	*status = EFI_SUCCESS;
	for (size_t i = 0; i < n; i++)
		if ((vmap[i].Attribute & EFI_MEMORY_RUNTIME) != 0 &&
		    address - vmap[i].PhysicalStart < vmap[i].NumberOfPages * PAGE)
			return address - vmap[i].PhysicalStart + vmap[i].VirtualStart;
	*status = EFI_NOT_FOUND;
	return address;
}

static void end_of_boot(void)
{
	uint64_t size, address = 0x1000;
	EFI_STATUS status, want;
	size_t n;

	assert_int_equal(rts_mem_virtual_begin(model.m, 0, 40, 1, vmap), EFI_UNSUPPORTED);
	assert_int_equal(rts_mem_exit_begin(model.m), EFI_SUCCESS);
	assert_int_equal(rts_mem_exit_commit(model.m, model.key * 2),
			 EFI_INVALID_PARAMETER);
	model.event_count = 0;
	call_allocate_pages();
	model.event_count = 0;
	call_free_pages();
	compare_map();
	assert_int_equal(rts_mem_exit_commit(model.m, model.key), EFI_SUCCESS);
	assert_int_equal(rts_mem_exit_commit(model.m, model.key), EFI_UNSUPPORTED);
	assert_int_equal(rts_mem_allocate_pages(model.m, AllocateAnyPages, 4, 1, &address),
			 EFI_UNSUPPORTED);
	assert_int_equal(rts_mem_free_pages(model.m, 0x1000, 1), EFI_UNSUPPORTED);
	assert_int_equal(rts_mem_allocate_pool(model.m, 4, 1, &address), EFI_UNSUPPORTED);
	assert_int_equal(rts_mem_free_pool(model.m, 0x1000), EFI_UNSUPPORTED);
	assert_int_equal(rts_mem_add(model.m, 0, 1, 7, 0), EFI_UNSUPPORTED);
	compare_map();
	for (unsigned tries = 0;; tries++) {
		n = make_vmap(tries == 50);
		want = judge_vmap(n);
		if (want == EFI_SUCCESS && tries < 50) /* only one succeeds */
			continue;
		size = n * sizeof *vmap;
		status = rts_mem_virtual_begin(model.m, size, sizeof *vmap, 1, vmap);
		model.done[VIRTUAL_MAP][status == EFI_SUCCESS]++;
		assert_int_equal(status, want);
		if (tries == 50)
			break;
		assert_int_equal(rts_mem_convert(model.m, 0, &address), EFI_UNSUPPORTED);
	}
	for (unsigned i = 0; i < 500; i++) {
		uint64_t got = any_address();
		uint64_t expect;

		if (i % 2 == 0 && n > 0) {
			const EFI_MEMORY_DESCRIPTOR *d = &vmap[below(n)];

			got = d->PhysicalStart +
			      (uint64_t[]){0, d->NumberOfPages * PAGE - 1,
					   d->NumberOfPages * PAGE, -1ULL}[below(4)];
		}
		if (got == 0)
			continue;
		expect = naive_convert(n, got, &want);
		assert_int_equal(rts_mem_convert(model.m, i % 3, &got), want);
		assert_int_equal(got, expect);
		model.done[CONVERT][want == EFI_SUCCESS]++;
	}
	rts_mem_virtual_end(model.m);
	assert_int_equal(rts_mem_convert(model.m, 0, &address), EFI_UNSUPPORTED);
	assert_int_equal(rts_mem_virtual_begin(model.m, size, sizeof *vmap, 1, vmap),
			 EFI_UNSUPPORTED);
}

static const struct rts_mem_hooks hooks = {.protect = on_protect, .changed = on_changed};

/* Guards by type: some types have none. */
#define SOME_TYPES (0x5555555555555555ULL | 1ULL << 62)
#define EACH_GUARD (RTS_MEM_GUARD_PAGES | RTS_MEM_GUARD_POOL)

static const struct scenario scenarios[] = {
	{"plain", {.hooks = &hooks}, 300, 1, 1 << 20, false},
	{"descriptors of 40 bytes, 16 KiB granules",
	 {.hooks = &hooks, .descriptor_size = 40, .runtime_granularity = 16384},
	 400,
	 1,
	 1 << 20,
	 false},
	{"64 KiB granules",
	 {.hooks = &hooks, .runtime_granularity = 65536, .descriptor_size = 64},
	 700,
	 1,
	 1 << 20,
	 false},
	{"page guards",
	 {.hooks = &hooks, .guard = RTS_MEM_GUARD_PAGES},
	 300,
	 1,
	 1 << 20,
	 false},
	{"pool guards, lax virtual map",
	 {.hooks = &hooks, .guard = RTS_MEM_GUARD_POOL, .lax_virtual_map = true},
	 300,
	 1,
	 1 << 20,
	 false},
	{"all guards",
	 {.hooks = &hooks, .guard = EACH_GUARD | RTS_MEM_GUARD_FREED},
	 300,
	 1,
	 1 << 20,
	 false},
	{"head guards of some types",
	 {.hooks = &hooks,
	  .guard = EACH_GUARD | RTS_MEM_GUARD_HEAD,
	  .guard_page_types = SOME_TYPES,
	  .guard_pool_types = SOME_TYPES << 1},
	 300,
	 1,
	 1 << 20,
	 false},
	{"freed memory, 64 KiB granules",
	 {.hooks = &hooks,
	  .guard = RTS_MEM_GUARD_FREED | RTS_MEM_GUARD_PAGES,
	  .runtime_granularity = 65536},
	 600,
	 1,
	 1 << 20,
	 false},
	{"a high tree", {.hooks = &hooks}, LOW_MAX, 500, 4 << 20, false},
	{"a high tree with guards",
	 {.hooks = &hooks, .guard = EACH_GUARD},
	 LOW_MAX,
	 500,
	 4 << 20,
	 false},
	{"a small arena", {.hooks = &hooks}, LOW_MAX, 50, 40 << 10, true},
	{"a small arena, all guards",
	 {.hooks = &hooks, .guard = EACH_GUARD | RTS_MEM_GUARD_FREED},
	 2000,
	 20,
	 32 << 10,
	 true},
};

static void calls(uint32_t count)
{
	void (*const table[])(void) = {call_allocate_pages, call_free_pages,
				       call_allocate_pool, call_free_pool};
	uint64_t frees = 8;

	for (uint32_t i = 0; i < count; i++) {
		if (i % 512 == 0) /* memory fills up, and empties */
			frees = 5 + below(7);
		model.event_count = 0;
		if (below(500) == 0)
			call_add();
		else if (below(model.sc->low * 2) == 0)
			call_attributes_table();
		else
			table[below(2) * 2 + (below(16) < frees)]();
		if (i % model.sc->compare == 0)
			compare_map();
		if (i % 1024 == 0)
			assert_true(rts_mem_check(model.m));
	}
}

/* Odd ranges, then enough memory. */
static void start(void)
{
	uint64_t page = 0, n, size;

	for (unsigned i = 0; i < 20; i++)
		call_add();
	while (page < model.sc->low) {
		n = 1 + below(model.sc->low / 4);
		for (size = 0;
		     size < n && own_at(page + size) == HOLE && page + size < model.sc->low;
		     size++)
			;
		if (size > 0)
			add(page * PAGE, size, 7, EFI_MEMORY_WB);
		page += size + 1;
	}
}

static void run(const struct scenario *sc, uint64_t scenario_seed, uint32_t count)
{
	void *arena = test_malloc(sc->arena_len);

	memset(&model, 0, sizeof model);
	for (uint64_t page = 0; page < COUNT(model.low); page++)
		model.low[page].open = true;
	for (uint64_t page = 0; page < HIGH; page++)
		model.high[page].open = true;
	seed = scenario_seed * 0x9e3779b97f4a7c15ULL;
	model.sc = sc;
	model.key = 1;
	model.granule = 1;
	if (sc->config.runtime_granularity != 0)
		model.granule = sc->config.runtime_granularity / PAGE;
	assert_int_equal(rts_mem_init(arena, sc->arena_len, &sc->config, &model.m),
			 EFI_SUCCESS);
	start();
	calls(count);
	assert_true(rts_mem_check(model.m));
	end_of_boot();
	test_free(arena);
}

static void t_model(void **state)
{
	static const char *const kinds[KINDS] = {
		"AllocatePages", "FreePages",    "AllocatePool", "FreePool",
		"adding",        "virtual maps", "conversions"};
	const char *from = getenv("MEM_MODEL_SEED");
	const uint64_t first = from != NULL ? strtoull(from, NULL, 0) : 1;
	uint32_t done[KINDS][2] = {0}, full = 0;

	(void)state;
	for (size_t s = 0; s < RUNS; s++) {
		const struct scenario *sc = &scenarios[s % COUNT(scenarios)];

		run(sc, first + s, CALLS / RUNS + 1);
		if (getenv("MEM_MODEL_VERBOSE") != NULL)
			print_message("# %s: most entries %zu, arena full %u\n", sc->name,
				      model.most, model.full);
		full += model.full;
		for (size_t k = 0; k < KINDS; k++) {
			done[k][0] += model.done[k][0];
			done[k][1] += model.done[k][1];
		}
	}
	for (size_t k = 0; k < KINDS; k++) {
		print_message("# %s: %u succeeded, %u failed\n", kinds[k], done[k][1],
			      done[k][0]);
		assert_true(done[k][0] > 300 && done[k][1] >= RUNS);
	}
	print_message("# %u failed because the arena was full\n", full);
	assert_true(full > 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(t_model)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
