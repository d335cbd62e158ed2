/* SPDX-License-Identifier: BSD-2-Clause */
/* Guard pages and quarantine, page by page: what may be accessed, what the map says, what
 * is free again. */
#include "mem_machine.h"

#include <stdlib.h>

#define ARENA (256U << 10)
#define WB    EFI_MEMORY_WB
#define FIRST 0x100ULL
#define PAGES 64ULL
#define END   (FIRST + PAGES)

/* What the hooks told. */
static struct seen {
	bool closed[PAGES];
	uint32_t type[PAGES];
	struct rts_mem *m;
} seen;

static void on_protect(void *ctx, uint64_t base, uint64_t pages, bool accessible)
{
	struct seen *s = ctx;

	assert_in_range(base / PAGE, FIRST, END - pages);
	for (uint64_t i = 0; i < pages; i++)
		s->closed[base / PAGE - FIRST + i] = !accessible;
}

static void on_changed(void *ctx, uint64_t base, uint64_t pages, uint32_t old_type,
		       uint32_t new_type)
{
	struct seen *s = ctx;
	struct map map;

	assert_in_range(base / PAGE, FIRST, END - pages);
	map_get(&(struct machine){.m = s->m}, &map); /* a hook may look */
	for (uint64_t i = 0; i < pages; i++) {
		assert_int_equal(map_at(&map, base / PAGE + i)->Type, new_type);
		assert_int_equal(s->type[base / PAGE - FIRST + i], old_type);
		s->type[base / PAGE - FIRST + i] = new_type;
	}
}

static const struct rts_mem_hooks hooks = {on_protect, on_changed};

static struct machine guarded(struct rts_mem_config config)
{
	struct machine k;

	memset(&seen, 0, sizeof seen);
	for (uint64_t i = 0; i < PAGES; i++)
		seen.type[i] = EfiConventionalMemory;
	config.hooks = &hooks;
	config.ctx = &seen;
	k = machine_new(&config, ARENA);
	seen.m = k.m;
	machine_add(&k, FIRST, PAGES, EfiConventionalMemory, WB);
	return k;
}

/* The last strlen(@want) pages, a letter each: '.' free, 'x' free and forbidden, 'X'
 * allocated and forbidden (a guard), a digit: allocated, the memory type; OEM's and OS's
 * are 'o' and 's'. Map and hooks agree on types. */
static void look(const struct machine *k, const char *want)
{
	static const char digits[] = "0123456789abcdef";
	const size_t n = strlen(want);
	char got[PAGES + 1] = {0};
	struct map map;

	map_get(k, &map);
	for (uint64_t i = 0; i < PAGES; i++) {
		const uint32_t type = map_at(&map, FIRST + i)->Type;

		assert_int_equal(type, seen.type[i]);
		if (i + n >= PAGES)
			got[i + n - PAGES] = type == EfiConventionalMemory
						     ? (seen.closed[i] ? 'x' : '.')
					     : seen.closed[i]     ? 'X'
					     : type >= 0x80000000 ? 's'
					     : type >= 0x70000000 ? 'o'
								  : digits[type];
	}
	assert_string_equal(got, want);
}

static uint64_t from_end(uint64_t pages)
{
	return (END - pages) * PAGE;
}

static void t_pages(void **state)
{
	struct machine k = guarded((struct rts_mem_config){.guard = RTS_MEM_GUARD_PAGES});
	uint64_t a, b, c;

	(void)state;
	a = pages_new(&k, EfiLoaderData, 3);
	assert_int_equal(a, from_end(4));
	look(&k, "....X222X");
	b = pages_new(&k, EfiLoaderCode, 2); /* shares a's lower guard */
	assert_int_equal(b, from_end(7));
	look(&k, ".X11X222X");
	/* guards are nobody's */
	assert_int_equal(rts_mem_free_pages(k.m, a - PAGE, 1), EFI_NOT_FOUND);
	assert_int_equal(rts_mem_free_pages(k.m, a - PAGE, 2), EFI_NOT_FOUND);
	assert_int_equal(rts_mem_free_pages(k.m, b, 4), EFI_NOT_FOUND);
	a = from_end(1);
	assert_int_equal(rts_mem_allocate_pages(k.m, AllocateAddress, EfiLoaderData, 1, &a),
			 EFI_NOT_FOUND);
	a = from_end(4);
	/* the shared guard stays for the other, of its old type */
	assert_int_equal(rts_mem_free_pages(k.m, a, 3), EFI_SUCCESS);
	look(&k, ".X11X....");
	c = pages_new(&k, EfiBootServicesData, 3);
	assert_int_equal(c, a);
	look(&k, ".X11X444X");
	assert_int_equal(rts_mem_free_pages(k.m, b, 2), EFI_SUCCESS);
	look(&k, "....X444X");
	assert_int_equal(rts_mem_free_pages(k.m, c, 3), EFI_SUCCESS);
	look(&k, ".........");
	/* a hole between two guards takes a block of its size */
	a = pages_new(&k, EfiLoaderData, 1);
	b = pages_new(&k, EfiLoaderData, 2);
	pages_new(&k, EfiLoaderData, 1);
	assert_int_equal(rts_mem_free_pages(k.m, b, 2), EFI_SUCCESS);
	look(&k, "..X2X..X2X");
	assert_int_equal(pages_new(&k, EfiLoaderCode, 2), b);
	look(&k, "..X2X11X2X");
	machine_free(&k);
}

static void t_pages_in_part(void **state)
{
	static const struct {
		const char *name;
		uint64_t at, pages; /* of a block of six, from its first page */
		const char *after;
	} cases[] = {
		{"front", 0, 2, "...X2222X"},  {"front page", 0, 1, "..X22222X"},
		{"back", 4, 2, ".X2222X.."},   {"back page", 5, 1, ".X22222X."},
		{"middle", 1, 4, ".X2X..X2X"}, {"middle, two pages", 2, 2, ".X22XX22X"},
		{"a page", 3, 1, ".X222X22X"}, {"all", 0, 6, "........."},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct machine k =
			guarded((struct rts_mem_config){.guard = RTS_MEM_GUARD_PAGES});
		const uint64_t a = pages_new(&k, EfiLoaderData, 6);

		print_message("# %s\n", cases[i].name);
		look(&k, ".X222222X");
		assert_int_equal(
			rts_mem_free_pages(k.m, a + cases[i].at * PAGE, cases[i].pages),
			EFI_SUCCESS);
		look(&k, cases[i].after);
		/* what was freed is not freed twice; the rest is still there to free */
		assert_int_equal(
			rts_mem_free_pages(k.m, a + cases[i].at * PAGE, cases[i].pages),
			EFI_NOT_FOUND);
		if (cases[i].at > 0)
			assert_int_equal(rts_mem_free_pages(k.m, a, cases[i].at),
					 EFI_SUCCESS);
		if (cases[i].at + cases[i].pages < 6)
			assert_int_equal(rts_mem_free_pages(
						 k.m,
						 a + (cases[i].at + cases[i].pages) * PAGE,
						 6 - cases[i].at - cases[i].pages),
					 EFI_SUCCESS);
		look(&k, ".........");
		machine_free(&k);
	}
}

/* AllocateAddress, types that are not chosen, and granules larger than a page: no guards.
 */
static void t_pages_without(void **state)
{
	struct machine k = guarded((struct rts_mem_config){
		.guard = RTS_MEM_GUARD_PAGES,
		.guard_page_types = 1ULL << EfiLoaderData | 1ULL << 62,
	});
	struct rts_mem_config coarse = {.guard = RTS_MEM_GUARD_PAGES | RTS_MEM_GUARD_POOL,
					.runtime_granularity = 16384};

	(void)state;
	pages_new(&k, EfiLoaderCode, 1);
	pages_new(&k, 0xffffffff, 1);
	look(&k, "....s1");
	pages_new(&k, 0x70000000, 1);
	pages_new(&k, EfiLoaderData, 1);
	look(&k, "..X2XoXs1");
	machine_free(&k);

	k = guarded((struct rts_mem_config){.guard = RTS_MEM_GUARD_PAGES});
	pages_at(&k, EfiLoaderData, END - 2, 2);
	look(&k, "...22");
	/* a guarded block beside it brings both of its guards, and takes both away */
	assert_int_equal(pages_new(&k, EfiLoaderCode, 1), from_end(4));
	look(&k, ".X1X22");
	assert_int_equal(rts_mem_free_pages(k.m, from_end(4), 1), EFI_SUCCESS);
	look(&k, "....22");
	machine_free(&k);

	k = guarded(coarse);
	pages_new(&k, EfiRuntimeServicesData, 1);
	look(&k, "....6666");
	pool_new(&k, EfiRuntimeServicesCode, 1);
	look(&k, "....55556666");
	pages_new(&k, EfiLoaderData, 1);
	look(&k, ".X2X55556666");
	machine_free(&k);
}

/* A limit bounds the block, not the guard above it; the guard below is never page 0. */
static void t_pages_edges(void **state)
{
	struct rts_mem_config config = {.guard = RTS_MEM_GUARD_PAGES};
	struct machine k = guarded(config);
	uint64_t at = from_end(10) - 1;
	struct map map;

	(void)state;
	assert_int_equal(
		rts_mem_allocate_pages(k.m, AllocateMaxAddress, EfiLoaderData, 2, &at),
		EFI_SUCCESS);
	assert_int_equal(at, from_end(12));
	look(&k, ".X22X.........");
	machine_free(&k);

	k = machine_new(&config, ARENA);
	machine_add(&k, 0, 5, EfiConventionalMemory, WB);
	at = 0;
	assert_int_equal(
		rts_mem_allocate_pages(k.m, AllocateAnyPages, EfiLoaderData, 3, &at),
		EFI_OUT_OF_RESOURCES);
	assert_int_equal(pages_new(&k, EfiLoaderData, 2), 2 * PAGE);
	map_get(&k, &map);
	assert_int_equal(map.n, 2);
	assert_int_equal(map.d[1].PhysicalStart, PAGE);
	assert_int_equal(map.d[1].NumberOfPages, 4);
	machine_free(&k);
}

/* Until nothing is left: exact fits between guards count, and everything comes back. */
static void t_pages_exhausted(void **state)
{
	struct machine k = guarded((struct rts_mem_config){.guard = RTS_MEM_GUARD_PAGES});
	uint64_t at[PAGES], n = 0;

	(void)state;
	while (rts_mem_allocate_pages(k.m, AllocateAnyPages, EfiLoaderData, 1, &at[n]) ==
	       EFI_SUCCESS)
		n++;
	assert_int_equal(n, (PAGES - 1) / 2); /* X2X2X...: 64 pages hold 31 */
	look(&k, "X2X2X2X2X2X");
	for (uint64_t i = 0; i < n; i += 2)
		assert_int_equal(rts_mem_free_pages(k.m, at[i], 1), EFI_SUCCESS);
	for (uint64_t i = 0; i < n; i += 2)
		assert_int_equal(pages_new(&k, EfiLoaderCode, 1), at[i]);
	for (uint64_t i = 0; i < n; i++)
		assert_int_equal(rts_mem_free_pages(k.m, at[i], 1), EFI_SUCCESS);
	look(&k, "..........");
	machine_free(&k);
}

/* Pool blocks end at the guard, as far as 8 bytes alignment allows, or begin at it. */
static void t_pool(void **state)
{
	static const struct {
		uint64_t size, pages, tail; /* where it begins, from the upper guard */
	} cases[] = {
		{0, 1, 8},       {1, 1, 8},       {8, 1, 8},       {9, 1, 16},
		{16, 1, 16},     {17, 1, 24},     {32, 1, 32},     {4088, 1, 4088},
		{4089, 1, 4096}, {4096, 1, 4096}, {4097, 2, 4104}, {10000, 3, 10000},
	};

	(void)state;
	for (unsigned head = 0; head < 2; head++)
		for (size_t i = 0; i < COUNT(cases); i++) {
			struct machine k = guarded((struct rts_mem_config){
				.guard = RTS_MEM_GUARD_POOL |
					 (head ? RTS_MEM_GUARD_HEAD : 0)});
			const uint64_t at =
				pool_new(&k, EfiBootServicesData, cases[i].size);
			const uint64_t start = from_end(1 + cases[i].pages);
			const uint64_t other = pool_new(&k, EfiBootServicesData, 1);

			assert_int_equal(at, head ? start : from_end(1) - cases[i].tail);
			look(&k, cases[i].pages == 1   ? "..X4X4X"
				 : cases[i].pages == 2 ? "..X4X44X"
						       : "..X4X444X");
			/* only the address that was given will do */
			assert_int_equal(rts_mem_free_pool(k.m, at + 8),
					 EFI_INVALID_PARAMETER);
			assert_int_equal(rts_mem_free_pool(k.m, at - 8),
					 EFI_INVALID_PARAMETER);
			assert_int_equal(rts_mem_free_pool(k.m, start - PAGE),
					 EFI_INVALID_PARAMETER);
			assert_int_equal(rts_mem_free_pages(k.m, start, 1), EFI_NOT_FOUND);
			if (at != start)
				assert_int_equal(rts_mem_free_pool(k.m, start),
						 EFI_INVALID_PARAMETER);
			assert_int_equal(rts_mem_free_pool(k.m, at), EFI_SUCCESS);
			assert_int_equal(rts_mem_free_pool(k.m, at), EFI_INVALID_PARAMETER);
			assert_int_equal(rts_mem_free_pool(k.m, other), EFI_SUCCESS);
			look(&k, ".........");
			machine_free(&k);
		}
}

/* Freed memory is free to the eye, and used again when there is nothing else. */
static void t_freed(void **state)
{
	struct machine k = guarded((struct rts_mem_config){.guard = RTS_MEM_GUARD_FREED});
	uint64_t a, b, c, all[PAGES], n = 0;

	(void)state;
	a = pages_new(&k, EfiLoaderData, 2);
	assert_int_equal(rts_mem_free_pages(k.m, a, 2), EFI_SUCCESS);
	look(&k, "...xx");
	b = pages_new(&k, EfiLoaderData, 2);
	assert_int_equal(b, from_end(4));
	look(&k, "..22xx");
	/* who asks by address gets it */
	pages_at(&k, EfiLoaderCode, END - 1, 1);
	look(&k, "..22x1");
	assert_int_equal(rts_mem_free_pages(k.m, from_end(1), 1), EFI_SUCCESS);
	/* each pool block has its own pages, so that these are never used again either */
	c = pool_new(&k, EfiBootServicesData, 16);
	assert_int_equal(c, from_end(5));
	look(&k, "..422xx");
	assert_int_equal(rts_mem_free_pool(k.m, c), EFI_SUCCESS);
	assert_int_equal(rts_mem_free_pool(k.m, c), EFI_INVALID_PARAMETER);
	look(&k, "..x22xx");
	/* the rest of memory first, then what was freed, from the top */
	for (; n < PAGES - 5; n++) {
		all[n] = pages_new(&k, EfiLoaderCode, 1);
		assert_true(all[n] < c);
	}
	look(&k, "11x22xx");
	assert_int_equal(pages_new(&k, EfiLoaderCode, 1), from_end(1));
	look(&k, "11x22x1");
	assert_int_equal(pages_new(&k, EfiLoaderCode, 1), from_end(2));
	assert_int_equal(pages_new(&k, EfiLoaderCode, 1), c);
	look(&k, "1112211");
	assert_int_equal(
		rts_mem_allocate_pages(k.m, AllocateAnyPages, EfiLoaderCode, 1, &a),
		EFI_OUT_OF_RESOURCES);
	/* freed pages that are neighbours serve a larger request */
	for (uint64_t i = 0; i < 6; i++)
		assert_int_equal(rts_mem_free_pages(k.m, all[20 + i], 1), EFI_SUCCESS);
	assert_int_equal(pages_new(&k, EfiLoaderData, 6), all[25]);
	machine_free(&k);
}

/* All guards together: a freed block is closed with its guards; the shared one stays. */
static void t_all(void **state)
{
	struct machine k = guarded((struct rts_mem_config){
		.guard = RTS_MEM_GUARD_PAGES | RTS_MEM_GUARD_POOL | RTS_MEM_GUARD_FREED});
	uint64_t a = pages_new(&k, EfiLoaderData, 2), b = pool_new(&k, EfiLoaderCode, 40),
		 c, n = 0;

	(void)state;
	look(&k, "..X1X22X");
	assert_int_equal(rts_mem_free_pages(k.m, a, 2), EFI_SUCCESS);
	look(&k, "..X1Xxxx");
	assert_int_equal(rts_mem_free_pool(k.m, b), EFI_SUCCESS);
	look(&k, "..xxxxxx");
	c = pages_new(&k, EfiLoaderData, 1);
	look(&k, ".X2Xxxxxxx");
	assert_int_equal(rts_mem_free_pages(k.m, c, 1), EFI_SUCCESS);
	while (rts_mem_allocate_pages(k.m, AllocateAnyPages, EfiLoaderData, 1, &a) ==
	       EFI_SUCCESS)
		n++;
	assert_int_equal(n, (PAGES - 1) / 2);
	machine_free(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_pages),           cmocka_unit_test(t_pages_in_part),
		cmocka_unit_test(t_pages_without),   cmocka_unit_test(t_pages_edges),
		cmocka_unit_test(t_pages_exhausted), cmocka_unit_test(t_pool),
		cmocka_unit_test(t_freed),           cmocka_unit_test(t_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
