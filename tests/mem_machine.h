/* SPDX-License-Identifier: BSD-2-Clause */
/* A machine for tests of the memory services: an arena on the heap, some memory, and a look
 * at the map. */
#pragma once

#include "test.h"

#include <string.h>

#include "runtserv/mem.h"

#define PAGE        4096ULL
#define MAP_ENTRIES 512U

struct machine {
	void *arena;
	struct rts_mem *m;
};

static inline struct machine machine_new(const struct rts_mem_config *config,
					 size_t arena_len)
{
	static const struct rts_mem_config plain;
	struct machine k = {.arena = test_malloc(arena_len)};

	assert_int_equal(
		rts_mem_init(k.arena, arena_len, config != NULL ? config : &plain, &k.m),
		EFI_SUCCESS);
	return k;
}

static inline void machine_free(struct machine *k)
{
	assert_true(rts_mem_check(k->m));
	test_free(k->arena);
}

/* Pages from page @first on. */
static inline void machine_add(const struct machine *k, uint64_t first, uint64_t pages,
			       uint32_t type, uint64_t attributes)
{
	assert_int_equal(rts_mem_add(k->m, first * PAGE, pages, type, attributes),
			 EFI_SUCCESS);
}

struct map {
	uint64_t key;
	size_t n;
	EFI_MEMORY_DESCRIPTOR d[MAP_ENTRIES];
};

static inline void map_get(const struct machine *k, struct map *ret)
{
	static uint8_t buf[MAP_ENTRIES * 64];
	uint64_t size = sizeof buf, stride = 0;
	uint32_t version = 0;

	memset(ret, 0, sizeof *ret);
	assert_int_equal(rts_mem_get_map(k->m, &size, buf, &ret->key, &stride, &version),
			 EFI_SUCCESS);
	assert_int_equal(version, 1);
	assert_int_equal(size % stride, 0);
	ret->n = size / stride;
	for (size_t i = 0; i < ret->n; i++)
		memcpy(&ret->d[i], buf + i * stride, sizeof ret->d[i]);
}

/* The entry that has @page; NULL: none. */
static inline const EFI_MEMORY_DESCRIPTOR *map_at(const struct map *map, uint64_t page)
{
	for (size_t i = 0; i < map->n; i++)
		if (page - map->d[i].PhysicalStart / PAGE < map->d[i].NumberOfPages)
			return &map->d[i];
	return NULL;
}

static inline bool map_equal(const struct map *a, const struct map *b)
{
	return a->n == b->n && memcmp(a->d, b->d, a->n * sizeof *a->d) == 0;
}

/* A page allocation, which must succeed. */
static inline uint64_t pages_new(const struct machine *k, uint32_t type, uint64_t pages)
{
	EFI_PHYSICAL_ADDRESS at = 0;

	assert_int_equal(rts_mem_allocate_pages(k->m, AllocateAnyPages, type, pages, &at),
			 EFI_SUCCESS);
	return at;
}

static inline void pages_at(const struct machine *k, uint32_t type, uint64_t first,
			    uint64_t pages)
{
	EFI_PHYSICAL_ADDRESS at = first * PAGE;

	assert_int_equal(rts_mem_allocate_pages(k->m, AllocateAddress, type, pages, &at),
			 EFI_SUCCESS);
	assert_int_equal(at, first * PAGE);
}

static inline uint64_t pool_new(const struct machine *k, uint32_t type, uint64_t size)
{
	EFI_PHYSICAL_ADDRESS at = 0;

	assert_int_equal(rts_mem_allocate_pool(k->m, type, size, &at), EFI_SUCCESS);
	return at;
}
