/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the UEFI self-certification test asks of memory services, in our own words; the
 * numbers are its test case specification's. It sees a machine from outside: it looks for
 * large runs in the map and works in those. Its three priority levels are one here, as this
 * room has no events. OEM types and NULL arguments that it leaves out are in.
 */
#include "mem_machine.h"

#include <stdlib.h>

#define WB EFI_MEMORY_WB

static const uint32_t types[] = {
	EfiLoaderCode,
	EfiLoaderData,
	EfiRuntimeServicesCode,
	EfiRuntimeServicesData,
	EfiBootServicesCode,
	EfiBootServicesData,
	EfiUnusableMemory,
	EfiACPIReclaimMemory,
	EfiACPIMemoryNVS,
	EfiMemoryMappedIO,
	EfiMemoryMappedIOPortSpace,
	EfiPalCode,
	EfiReservedMemoryType,
	0x70000000,
	0x7fffffff,
	0x80000000,
	0xc0000000,
	0xffffffff,
};

static const uint32_t bad_types[] = {16, 17, 0x6ffffffe, 0x6fffffff, EfiPersistentMemory};

/* A machine as firmware leaves one, some of it in use; on both kinds of platform. */
static struct machine platform(uint32_t granularity)
{
	struct rts_mem_config config = {.runtime_granularity = granularity};
	struct machine k = machine_new(&config, 1 << 20);

	machine_add(&k, 0, 0xa0, EfiConventionalMemory, WB);
	machine_add(&k, 0x100, 0x700, EfiConventionalMemory, WB);
	machine_add(&k, 0x800, 0x10, EfiACPIMemoryNVS, WB);
	machine_add(&k, 0x810, 0x1000, EfiConventionalMemory, WB);
	machine_add(&k, 0x1810, 0x30, EfiBootServicesCode, WB);
	machine_add(&k, 0x1840, 0x840, EfiConventionalMemory, WB);
	machine_add(&k, 0x2080, 0x20, EfiReservedMemoryType, WB);
	pages_new(&k, EfiRuntimeServicesData, 32);
	for (unsigned i = 0; i < 60; i++)
		pool_new(&k, types[i % 8], i * 37);
	return k;
}

/* The free run with most pages, but for the one at @not_at. */
static EFI_MEMORY_DESCRIPTOR largest(const struct machine *k, uint64_t not_at)
{
	EFI_MEMORY_DESCRIPTOR best = {0};
	struct map map;

	map_get(k, &map);
	for (size_t i = 0; i < map.n; i++)
		if (map.d[i].Type == EfiConventionalMemory &&
		    map.d[i].PhysicalStart != not_at &&
		    map.d[i].NumberOfPages > best.NumberOfPages)
			best = map.d[i];
	return best;
}

static uint64_t after_all(const struct machine *k)
{
	struct map map;

	map_get(k, &map);
	return map.d[map.n - 1].PhysicalStart + map.d[map.n - 1].NumberOfPages * PAGE;
}

static uint64_t not_free(const struct machine *k)
{
	struct map map;
	size_t i = 0;

	map_get(k, &map);
	while (map.d[i].Type == EfiConventionalMemory)
		i++;
	return map.d[i].PhysicalStart;
}

static EFI_STATUS allocate(const struct machine *k, int how, uint32_t type, uint64_t pages,
			   uint64_t *at)
{
	return rts_mem_allocate_pages(k->m, (EFI_ALLOCATE_TYPE)how, type, pages, at);
}

/* 5.1.2.1.1-10, 98, 99 */
static void allocate_pages_conf(const struct machine *k)
{
	static const int hows[] = {3, 4, -1};
	const EFI_MEMORY_DESCRIPTOR run = largest(k, 1);
	uint64_t at;

	for (size_t i = 0; i < COUNT(hows); i++)
		assert_int_equal(allocate(k, hows[i], EfiBootServicesData, 1, &at),
				 EFI_INVALID_PARAMETER);
	for (size_t i = 0; i < COUNT(bad_types); i++)
		for (int how = 0; how < 3; how++) {
			at = run.PhysicalStart;
			assert_int_equal(allocate(k, how, bad_types[i], 1, &at),
					 EFI_INVALID_PARAMETER);
		}
	assert_int_equal(allocate(k, AllocateAnyPages, EfiBootServicesData, 1, NULL),
			 EFI_INVALID_PARAMETER);
	assert_int_equal(allocate(k, AllocateAnyPages, EfiBootServicesData,
				  run.NumberOfPages + 1, &at),
			 EFI_OUT_OF_RESOURCES);
	at = after_all(k);
	assert_int_equal(allocate(k, AllocateAddress, EfiBootServicesData, 1, &at),
			 EFI_NOT_FOUND);
	at = not_free(k);
	assert_int_equal(allocate(k, AllocateAddress, EfiBootServicesData, 1, &at),
			 EFI_NOT_FOUND);
}

/* 5.1.2.1.11-97, for one type */
static void allocate_pages_func(const struct machine *k, uint32_t type)
{
	EFI_MEMORY_DESCRIPTOR run = largest(k, 1);
	uint64_t at, other, size, start, n, third;

	assert_int_equal(allocate(k, AllocateAnyPages, type, 1, &at), EFI_SUCCESS);
	assert_int_equal(at % PAGE, 0);
	assert_int_equal(rts_mem_free_pages(k->m, at, 1), EFI_SUCCESS);

	/* below the end of the largest run, twice: the second steps over the first */
	n = run.NumberOfPages / 3;
	size = run.NumberOfPages * PAGE;
	at = other = run.PhysicalStart + size;
	assert_int_equal(allocate(k, AllocateMaxAddress, type, n, &at), EFI_SUCCESS);
	assert_int_equal(at % PAGE, 0);
	assert_true(at <= run.PhysicalStart + size - n * PAGE);
	assert_int_equal(allocate(k, AllocateMaxAddress, type, n, &other), EFI_SUCCESS);
	assert_int_equal(other % PAGE, 0);
	assert_true(other <= run.PhysicalStart + size - n * PAGE);
	assert_true(other + n * PAGE <= at || at + n * PAGE <= other);
	assert_int_equal(rts_mem_free_pages(k->m, at, n), EFI_SUCCESS);
	assert_int_equal(rts_mem_free_pages(k->m, other, n), EFI_SUCCESS);

	/* parts of the second largest run, by address */
	run = largest(k, run.PhysicalStart);
	start = (run.PhysicalStart + 0xffff) & ~0xffffULL;
	n = (run.NumberOfPages - 32) & ~15ULL;
	third = n / 3 & ~15ULL;

	const struct {
		uint64_t first, pages;
	} parts[] = {{0, n},  {0, third},   {third, third}, {2 * third, third},
		     {0, 16}, {n - 16, 16}, {16, n - 16},   {0, n - 16},
		     {0, 1},  {0, n}};

	for (size_t i = 0; i < COUNT(parts); i++) {
		at = start + parts[i].first * PAGE;
		assert_int_equal(allocate(k, AllocateAddress, type, parts[i].pages, &at),
				 EFI_SUCCESS);
		assert_int_equal(at, start + parts[i].first * PAGE);
		assert_int_equal(rts_mem_free_pages(k->m, at, parts[i].pages), EFI_SUCCESS);
	}
}

/* 5.1.2.2.1-7 */
static void free_pages(const struct machine *k)
{
	uint64_t at;

	assert_int_equal(rts_mem_free_pages(k->m, after_all(k), 1), EFI_NOT_FOUND);
	assert_int_equal(rts_mem_free_pages(k->m, largest(k, 1).PhysicalStart, 1),
			 EFI_NOT_FOUND);
	at = pages_new(k, EfiBootServicesData, 1);
	assert_int_equal(rts_mem_free_pages(k->m, at + 1, 1), EFI_INVALID_PARAMETER);
	assert_int_equal(rts_mem_free_pages(k->m, at, 0), EFI_INVALID_PARAMETER);
	assert_int_equal(rts_mem_free_pages(k->m, at, 1), EFI_SUCCESS);
	for (size_t i = 0; i < COUNT(types); i++) {
		at = pages_new(k, types[i], 1);
		assert_int_equal(rts_mem_free_pages(k->m, at, 1), EFI_SUCCESS);
	}
}

/* 5.1.2.3.1-22; the three NULL arguments that are in its document only are allowed */
static void get_memory_map(const struct machine *k)
{
	static uint8_t buf[65536];
	uint64_t size = 0, need, at = 0, key[3], stride;
	uint32_t version;

	assert_int_equal(rts_mem_get_map(k->m, NULL, buf, &key[0], &stride, &version),
			 EFI_INVALID_PARAMETER);
	assert_int_equal(rts_mem_get_map(k->m, &size, NULL, &key[0], &stride, &version),
			 EFI_BUFFER_TOO_SMALL);
	need = size;
	assert_int_equal(rts_mem_get_map(k->m, &size, NULL, &key[0], &stride, &version),
			 EFI_INVALID_PARAMETER);
	size = need - 1;
	assert_int_equal(rts_mem_get_map(k->m, &size, buf, &key[0], &stride, &version),
			 EFI_BUFFER_TOO_SMALL);
	assert_int_equal(size, need);
	for (unsigned i = 0; i < 3; i++) {
		size = sizeof buf;
		assert_int_equal(
			rts_mem_get_map(k->m, &size, buf, &key[i], &stride, &version),
			EFI_SUCCESS);
		if (i == 0)
			at = pages_new(k, EfiBootServicesData, 1);
		else if (i == 1)
			assert_int_equal(rts_mem_free_pages(k->m, at, 1), EFI_SUCCESS);
	}
	assert_true(key[0] != 0 && key[1] != 0 && key[2] != 0);
	assert_true(key[0] != key[1] && key[1] != key[2]);
	size = sizeof buf;
	assert_int_equal(rts_mem_get_map(k->m, &size, buf, NULL, NULL, NULL), EFI_SUCCESS);
	for (unsigned i = 0; i < 1000; i++) {
		size = sizeof buf;
		assert_int_equal(
			rts_mem_get_map(k->m, &size, buf, &key[0], &stride, &version),
			EFI_SUCCESS);
	}
}

/* 5.1.2.4.1-10, 5.1.2.5.1-4 */
static void pool(const struct machine *k)
{
	const EFI_MEMORY_DESCRIPTOR run = largest(k, 1);
	uint64_t at;

	for (size_t i = 0; i < COUNT(bad_types); i++)
		assert_int_equal(rts_mem_allocate_pool(k->m, bad_types[i], 1024, &at),
				 EFI_INVALID_PARAMETER);
	assert_int_equal(rts_mem_allocate_pool(k->m, EfiBootServicesData, 1024, NULL),
			 EFI_INVALID_PARAMETER);
	assert_int_equal(rts_mem_allocate_pool(k->m, EfiBootServicesData,
					       run.NumberOfPages * PAGE + 1, &at),
			 EFI_OUT_OF_RESOURCES);
	assert_int_equal(rts_mem_free_pool(k->m, 0), EFI_INVALID_PARAMETER);
	for (size_t i = 0; i < COUNT(types); i++) {
		at = pool_new(k, types[i], 1);
		assert_int_equal(at % 8, 0);
		assert_int_equal(rts_mem_free_pool(k->m, at), EFI_SUCCESS);
	}
}

static void t_conformance(void **state)
{
	static const uint32_t granules[] = {4096, 65536};

	(void)state;
	for (size_t g = 0; g < COUNT(granules); g++) {
		struct machine k = platform(granules[g]);
		struct map before, after;

		map_get(&k, &before);
		allocate_pages_conf(&k);
		for (size_t i = 0; i < COUNT(types); i++)
			allocate_pages_func(&k, types[i]);
		free_pages(&k);
		get_memory_map(&k);
		pool(&k);
		map_get(&k, &after);
		assert_true(map_equal(&before, &after));
		machine_free(&k);
	}
}

/* The stress cases: everything, single pages and small blocks, until nothing is left; then
 * all of it back, in three orders. */
static void t_stress(void **state)
{
	enum { MOST = 2200000 };
	uint64_t *at = test_malloc(MOST * sizeof *at);
	struct machine k = platform(4096);
	struct map before, after;
	EFI_STATUS status = EFI_SUCCESS;

	(void)state;
	map_get(&k, &before);
	for (unsigned round = 0; round < 6; round++) {
		const bool pages = round < 3;
		size_t n = 0;

		for (; n < MOST; n++) {
			status = pages ? allocate(&k, AllocateAnyPages, EfiBootServicesData,
						  1, &at[n])
				       : rts_mem_allocate_pool(k.m, EfiBootServicesData,
							       sizeof(void *), &at[n]);
			if (status != EFI_SUCCESS)
				break;
		}
		assert_int_equal(status, EFI_OUT_OF_RESOURCES);
		assert_true(n > (pages ? 8000 : 2000000));
		/* but for page 0, nothing is left */
		assert_int_equal(largest(&k, 1).NumberOfPages, 1);
		assert_int_equal(largest(&k, 1).PhysicalStart, 0);
		for (size_t i = 0; i < n; i++) {
			size_t which = i;

			if (round % 3 == 1)
				which = n - 1 - i;
			else if (round % 3 == 2)
				which = i % 2 == 0 ? i / 2 : n - 1 - i / 2;
			status = pages ? rts_mem_free_pages(k.m, at[which], 1)
				       : rts_mem_free_pool(k.m, at[which]);
			if (status != EFI_SUCCESS)
				fail_msg("block %zu of %zu: %#llx", which, n,
					 (unsigned long long)status);
		}
		map_get(&k, &after);
		assert_true(map_equal(&before, &after));
	}
	machine_free(&k);
	test_free(at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_conformance),
		cmocka_unit_test(t_stress),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
