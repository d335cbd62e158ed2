/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the memory services cost, beside glibc and memcpy: page and pool pairs (free a
 * random one, allocate another) with many live, and GetMemoryMap. Each pair of contestants
 * runs in turn, in one run; the median of the rounds' ratios is what counts, and a missed
 * limit is the exit status.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"
#include "runtserv/mem.h"

#define ROUNDS     15
#define PAIRS      20000U
#define LIVE_MAX   100000U
#define ARENA_LEN  ((size_t)32 << 20)
#define PAGES_MAX  16U
#define POOL_LIMIT 4096U

/* Processor time: what others do on this machine is not ours. */
static double now(void)
{
	return bench_now(CLOCK_THREAD_CPUTIME_ID);
}

static void die(const char *what)
{
	fprintf(stderr, "bench_mem: %s\n", what);
	exit(2);
}

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Sizes of pool blocks: uniform, or each power of two as likely as the others. */
enum sizes { UNIFORM, LOG_UNIFORM };

static uint32_t size_next(uint64_t *state, enum sizes sizes)
{
	const uint64_t r = random_next(state);
	const uint64_t top = sizes == UNIFORM ? POOL_LIMIT : 16ULL << (r >> 32) % 9;

	return sizes == UNIFORM ? 8 + (uint32_t)(r >> 16) % (POOL_LIMIT - 7)
				: (uint32_t)(top / 2 + (r >> 16) % (top / 2 + 1));
}

static const uint32_t types[] = {EfiBootServicesData, EfiBootServicesCode,
				 EfiRuntimeServicesData, EfiLoaderData};

/* A contestant: what is live, and how one is replaced. */
struct side {
	struct rts_mem *m;
	void *arena, *ram;
	size_t ram_len;
	uint64_t state;
	uint32_t live, type_count;
	enum sizes sizes;
	uint64_t *slots; /* addresses; of pages: and how many, in the low bits */
};

static struct side side_new(uint32_t live, uint32_t type_count, enum sizes sizes)
{
	struct side s = {.live = live,
			 .type_count = type_count,
			 .sizes = sizes,
			 .state = 0x9e3779b97f4a7c15ULL};

	s.slots = calloc(live, sizeof *s.slots);
	if (s.slots == NULL)
		die("no memory");
	return s;
}

static void side_memory(struct side *s, uint64_t base, uint64_t pages)
{
	static const struct rts_mem_config config;

	s->arena = aligned_alloc(64, ARENA_LEN);
	if (s->arena == NULL ||
	    rts_mem_init(s->arena, ARENA_LEN, &config, &s->m) != EFI_SUCCESS ||
	    rts_mem_add(s->m, base, pages, EfiConventionalMemory, EFI_MEMORY_WB) !=
		    EFI_SUCCESS)
		die("no arena");
}

static void side_free(struct side *s)
{
	free(s->arena);
	free(s->slots);
	if (s->ram != NULL)
		munmap(s->ram, s->ram_len);
}

/* Pages. */

static void page_new(struct side *s, uint64_t *slot)
{
	const uint64_t r = random_next(&s->state);

	const uint64_t pages = 1 + (r >> 40) % PAGES_MAX;

	if (rts_mem_allocate_pages(s->m, AllocateAnyPages, types[(r >> 20) % s->type_count],
				   pages, slot) != EFI_SUCCESS)
		die("out of pages");
	*slot |= pages;
}

static void page_pairs(struct side *s, uint32_t n)
{
	while (n-- > 0) {
		uint64_t *slot = &s->slots[random_next(&s->state) % s->live];

		if (rts_mem_free_pages(s->m, *slot & ~0xfffULL, *slot & 0xfff) !=
		    EFI_SUCCESS)
			die("pages not freed");
		page_new(s, slot);
	}
}

/* glibc's, for blocks of the same kind of sizes as pool blocks. */

static void heap_new(struct side *s, uint64_t *slot)
{
	uint64_t *p = malloc(size_next(&s->state, s->sizes));

	if (p == NULL)
		die("out of heap");
	*p = s->state;
	*slot = (uintptr_t)p;
}

static void heap_pairs(struct side *s, uint32_t n)
{
	while (n-- > 0) {
		uint64_t *slot = &s->slots[random_next(&s->state) % s->live];

		free((void *)*slot);
		heap_new(s, slot);
	}
}

/* Pools, in memory that is there, and written to as a user would. */

static void pool_new(struct side *s, uint64_t *slot)
{
	const uint32_t size = size_next(&s->state, s->sizes);
	const uint32_t type = types[(s->state >> 50) % s->type_count];

	if (rts_mem_allocate_pool(s->m, type, size, slot) != EFI_SUCCESS)
		die("out of pool");
	*(uint64_t *)*slot = s->state;
}

static void pool_pairs(struct side *s, uint32_t n)
{
	while (n-- > 0) {
		uint64_t *slot = &s->slots[random_next(&s->state) % s->live];

		if (rts_mem_free_pool(s->m, *slot) != EFI_SUCCESS)
			die("pool not freed");
		pool_new(s, slot);
	}
}

/* Fills, and replaces each block four times, so that holes are what they stay. */
static void warm(struct side *s, void (*new)(struct side *, uint64_t *),
		 void (*pairs)(struct side *, uint32_t))
{
	for (uint32_t i = 0; i < s->live; i++)
		new (s, &s->slots[i]);
	pairs(s, s->live * 4);
}

static double time_pairs(struct side *s, void (*pairs)(struct side *, uint32_t))
{
	const double t = now();

	pairs(s, PAIRS);
	return (now() - t) / PAIRS;
}

static struct side pages_side(uint32_t live)
{
	struct side s = side_new(live, 4, UNIFORM);

	/* 8.5 pages each on average: memory is 70 % full */
	side_memory(&s, 0x100000, (uint64_t)live * 12);
	warm(&s, page_new, page_pairs);
	return s;
}

static struct side heap_side(uint32_t live, enum sizes sizes)
{
	struct side s = side_new(live, 1, sizes);

	warm(&s, heap_new, heap_pairs);
	return s;
}

static void heap_end(struct side *s)
{
	for (uint32_t i = 0; i < s->live; i++)
		free((void *)s->slots[i]);
	side_free(s);
	malloc_trim(0);
}

static void bench_pages(void)
{
	static const uint32_t lives[] = {1000, 10000, LIVE_MAX};
	double ours[ROUNDS], theirs[ROUNDS], factor[ROUNDS];
	struct rts_mem_statistics st;
	char text[80];

	printf("%-58s %10s %8s\n", "AllocatePages + FreePages, 1 to 16 pages, 4 types",
	       "ns/pair", "ratio");
	for (size_t k = 0; k < sizeof lives / sizeof *lives; k++) {
		struct side a = pages_side(lives[k]), b = heap_side(lives[k], UNIFORM);

		for (unsigned i = 0; i < ROUNDS; i++) {
			ours[i] = time_pairs(&a, page_pairs);
			theirs[i] = time_pairs(&b, heap_pairs);
			factor[i] = ours[i] / theirs[i];
		}
		rts_mem_get_statistics(a.m, &st);
		snprintf(text, sizeof text, "  %u live, a map of %llu entries", lives[k],
			 (unsigned long long)st.entries);
		printf("%-58s %10.1f\n", text, bench_median(ours, ROUNDS));
		snprintf(text, sizeof text,
			 "  glibc malloc + free, 8 to 4096 bytes, %u live", lives[k]);
		printf("%-58s %10.1f %s\n", text, bench_median(theirs, ROUNDS),
		       bench_against(bench_median(factor, ROUNDS), 8));
		heap_end(&b);
		side_free(&a);
	}

	struct side small = pages_side(lives[0]), large = pages_side(LIVE_MAX);

	for (unsigned i = 0; i < ROUNDS; i++)
		factor[i] = time_pairs(&large, page_pairs) / time_pairs(&small, page_pairs);
	printf("%-58s %10s %s\n", "  100,000 live against 1,000", "",
	       bench_against(bench_median(factor, ROUNDS), 2));
	side_free(&small);
	side_free(&large);
}

static void bench_pool(void)
{
	static const char *const names[] = {"uniform", "log-uniform"};
	static const uint32_t lives[] = {10000, LIVE_MAX}, type_counts[] = {1, 4};
	double ours[2][ROUNDS], theirs[ROUNDS], factor[2][ROUNDS];
	char text[80];

	printf("%-58s %10s %8s\n", "AllocatePool + FreePool, 8 to 4096 bytes", "ns/pair",
	       "ratio");
	for (unsigned kind = 0; kind < 4; kind++) {
		const enum sizes sizes = kind / 2;
		const uint32_t live = lives[kind % 2];
		struct side heap = heap_side(live, sizes), pool[2];

		for (unsigned t = 0; t < 2; t++) {
			pool[t] = side_new(live, type_counts[t], sizes);
			pool[t].ram_len = (size_t)live * 4096;
			pool[t].ram = mmap(NULL, pool[t].ram_len, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			if (pool[t].ram == MAP_FAILED)
				die("no memory");
			side_memory(&pool[t], (uintptr_t)pool[t].ram, live);
			warm(&pool[t], pool_new, pool_pairs);
		}
		for (unsigned i = 0; i < ROUNDS; i++) {
			theirs[i] = time_pairs(&heap, heap_pairs);
			for (unsigned t = 0; t < 2; t++) {
				ours[t][i] = time_pairs(&pool[t], pool_pairs);
				factor[t][i] = ours[t][i] / theirs[i];
			}
		}
		snprintf(text, sizeof text, "  glibc malloc + free, %s, %u live",
			 names[sizes], live);
		printf("%-58s %10.1f\n", text, bench_median(theirs, ROUNDS));
		for (unsigned t = 0; t < 2; t++) {
			snprintf(text, sizeof text, "  %s, %u live, %u type%s",
				 names[sizes], live, type_counts[t], t == 0 ? "" : "s");
			printf("%-58s %10.1f %s\n", text, bench_median(ours[t], ROUNDS),
			       bench_against(bench_median(factor[t], ROUNDS), 2));
			side_free(&pool[t]);
		}
		heap_end(&heap);
	}
}

/* GetMemoryMap. */

#define STRIDE 48U

static struct side map_side(uint32_t entries)
{
	struct side s = side_new(1, 2, UNIFORM);
	uint64_t address;

	side_memory(&s, 0x100000, entries);
	for (uint32_t i = 0; i < entries; i++)
		if (rts_mem_allocate_pages(s.m, AllocateAnyPages, types[i % 2], 1,
					   &address) != EFI_SUCCESS)
			die("out of pages");
	return s;
}

static double time_map(struct side *s, uint8_t *map, uint64_t want, unsigned calls)
{
	const double t = now();

	for (unsigned i = 0; i < calls; i++) {
		uint64_t size = want, key;

		if (rts_mem_get_map(s->m, &size, map, &key, NULL, NULL) != EFI_SUCCESS ||
		    size != want)
			die("no map");
	}
	return (now() - t) / calls;
}

static double time_copy(uint8_t *to, const uint8_t *from, size_t len, unsigned calls)
{
	const double t = now();

	for (unsigned i = 0; i < calls; i++) {
		memcpy(to, from, len);
		__asm__ volatile("" : : "r"(to) : "memory");
	}
	return (now() - t) / calls;
}

static double time_probe(struct side *s, unsigned calls)
{
	const double t = now();

	for (unsigned i = 0; i < calls; i++) {
		uint64_t size = 0;

		if (rts_mem_get_map(s->m, &size, NULL, NULL, NULL, NULL) !=
		    EFI_BUFFER_TOO_SMALL)
			die("no size");
	}
	return (now() - t) / calls;
}

static void bench_map(void)
{
	const uint32_t few = 1000, many = 50000;
	const size_t len = (size_t)many * STRIDE;
	struct side a = map_side(few), b = map_side(many);
	uint8_t *map = malloc(len), *copy = malloc(len);
	double small[ROUNDS], large[ROUNDS], copied[ROUNDS], factor[ROUNDS], growth[ROUNDS],
		probe[ROUNDS];

	if (map == NULL || copy == NULL)
		die("no memory");
	time_map(&b, map, len, 10);
	time_copy(copy, map, len, 10);
	for (unsigned i = 0; i < ROUNDS; i++) {
		large[i] = time_map(&b, map, len, 10) / many;
		copied[i] = time_copy(copy, map, len, 10) / many;
		small[i] = time_map(&a, map, (uint64_t)few * STRIDE, 500) / few;
		probe[i] = time_probe(&b, 10000);
		factor[i] = large[i] / copied[i];
		growth[i] = large[i] / small[i];
	}
	printf("%-58s %10s %8s\n", "GetMemoryMap", "ns/entry", "ratio");
	printf("%-58s %10.2f\n", "  1,000 entries", bench_median(small, ROUNDS));
	printf("%-58s %10.2f %s\n", "  50,000 entries, against 1,000",
	       bench_median(large, ROUNDS), bench_against(bench_median(growth, ROUNDS), 2));
	printf("%-58s %10.2f\n", "  memcpy of the result, 50,000 entries",
	       bench_median(copied, ROUNDS));
	printf("%-58s %10s %s\n", "  GetMemoryMap against memcpy, 50,000", "",
	       bench_against(bench_median(factor, ROUNDS), 5));
	printf("%-58s %10.1f\n", "  asking for the size, 50,000 entries, ns in all",
	       bench_median(probe, ROUNDS));
	side_free(&a);
	side_free(&b);
	free(map);
	free(copy);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	bench_pages();
	bench_map();
	bench_pool();
	return bench_missed != 0;
}
