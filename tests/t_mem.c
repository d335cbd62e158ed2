/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory services, rule by rule: each status of each service, what the map says, what a
 * failed call leaves, granules, a full arena. t_mem_guard.c has the guards, t_mem_exit.c
 * what follows ExitBootServices.
 */
#include "mem_machine.h"

#include <stdlib.h>

#define ARENA (256U << 10)
#define WB    EFI_MEMORY_WB
#define SPACE (1ULL << 52)
#define FIRST 0x100ULL /* the usual memory: 1,024 pages from here */
#define PAGES 1024ULL
#define END   (FIRST + PAGES)

static struct machine usual(void)
{
	struct machine k = machine_new(NULL, ARENA);

	machine_add(&k, FIRST, PAGES, EfiConventionalMemory, WB);
	return k;
}

static void t_init(void **state)
{
	static const struct {
		const char *name;
		struct rts_mem_config config;
		EFI_STATUS status;
	} cases[] = {
		{"default", {0}, EFI_SUCCESS},
		{"16 KiB", {.runtime_granularity = 16384}, EFI_SUCCESS},
		{"64 KiB", {.runtime_granularity = 65536}, EFI_SUCCESS},
		{"8 KiB", {.runtime_granularity = 8192}, EFI_INVALID_PARAMETER},
		{"1 byte", {.runtime_granularity = 1}, EFI_INVALID_PARAMETER},
		{"descriptor 40", {.descriptor_size = 40}, EFI_SUCCESS},
		{"descriptor 4096", {.descriptor_size = 4096}, EFI_SUCCESS},
		{"descriptor 39", {.descriptor_size = 39}, EFI_INVALID_PARAMETER},
		{"descriptor 44", {.descriptor_size = 44}, EFI_INVALID_PARAMETER},
		{"all guards", {.guard = RTS_MEM_GUARD_ALL}, EFI_SUCCESS},
		{"unknown guard", {.guard = RTS_MEM_GUARD_ALL + 1}, EFI_INVALID_PARAMETER},
	};
	uint8_t *arena = test_malloc(ARENA);
	struct rts_mem *m = NULL;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		print_message("# %s\n", cases[i].name);
		assert_int_equal(rts_mem_init(arena, ARENA, &cases[i].config, &m),
				 cases[i].status);
	}
	assert_int_equal(rts_mem_init(NULL, ARENA, &cases[0].config, &m),
			 EFI_INVALID_PARAMETER);
	assert_int_equal(rts_mem_init(arena + 8, ARENA - 8, &cases[0].config, &m),
			 EFI_INVALID_PARAMETER);
	assert_int_equal(rts_mem_init(arena, ARENA, NULL, &m), EFI_INVALID_PARAMETER);
	assert_int_equal(rts_mem_init(arena, ARENA, &cases[0].config, NULL),
			 EFI_INVALID_PARAMETER);
	test_free(arena);
}

/* An arena of any length is either refused or enough to begin; a sanitizer watches its end.
 */
static void t_init_lengths(void **state)
{
	static const struct rts_mem_config plain;
	bool any = false;

	(void)state;
	for (size_t len = 0; len <= 40000; len += len < 64 ? 1 : 61) {
		uint8_t *arena = test_malloc(len + (len == 0));
		struct rts_mem *m = NULL;
		const EFI_STATUS status = rts_mem_init(arena, len, &plain, &m);
		uint64_t at;

		assert_true(status == EFI_SUCCESS || status == EFI_BUFFER_TOO_SMALL);
		assert_true(status == EFI_SUCCESS || (len < 32768 && !any));
		if (status == EFI_SUCCESS) {
			any = true;
			(void)rts_mem_add(m, PAGE, 1000, EfiConventionalMemory, WB);
			for (unsigned i = 0; i < 2000; i++) {
				(void)rts_mem_allocate_pages(m, AllocateAnyPages,
							     EfiLoaderData + i % 2, 1, &at);
				(void)rts_mem_allocate_pool(m, EfiLoaderCode, i * 5, &at);
			}
			assert_true(rts_mem_check(m));
		}
		test_free(arena);
	}
	assert_true(any);
}

static void t_add(void **state)
{
	static const struct {
		const char *name;
		uint64_t base, pages;
		uint32_t type;
		EFI_STATUS status;
	} cases[] = {
		{"unaligned", 0x10001, 1, EfiConventionalMemory, EFI_INVALID_PARAMETER},
		{"no pages", 0x10000, 0, EfiConventionalMemory, EFI_INVALID_PARAMETER},
		{"too many pages", 0x10000, SPACE - 15, EfiConventionalMemory,
		 EFI_INVALID_PARAMETER},
		{"pages that overflow", 0x10000, UINT64_MAX, EfiConventionalMemory,
		 EFI_INVALID_PARAMETER},
		{"type 16", 0x10000, 1, 16, EFI_INVALID_PARAMETER},
		{"type 0x6fffffff", 0x10000, 1, 0x6fffffff, EFI_INVALID_PARAMETER},
		{"the usual memory's first page", FIRST * PAGE, 1, EfiConventionalMemory,
		 EFI_INVALID_PARAMETER},
		{"into it", FIRST * PAGE - PAGE, 2, EfiReservedMemoryType,
		 EFI_INVALID_PARAMETER},
		{"around it", 0, END + 1, EfiReservedMemoryType, EFI_INVALID_PARAMETER},
		{"before it", 0, FIRST, EfiReservedMemoryType, EFI_SUCCESS},
		{"after it", END * PAGE, 1, 0x70000000, EFI_SUCCESS},
		{"the last page", UINT64_MAX - 4095, 1, EfiConventionalMemory, EFI_SUCCESS},
	};
	struct machine k = usual();
	struct map before, after;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		print_message("# %s\n", cases[i].name);
		map_get(&k, &before);
		assert_int_equal(
			rts_mem_add(k.m, cases[i].base, cases[i].pages, cases[i].type, WB),
			cases[i].status);
		map_get(&k, &after);
		assert_int_equal(after.key != before.key, cases[i].status == EFI_SUCCESS);
		assert_int_equal(!map_equal(&before, &after),
				 cases[i].status == EFI_SUCCESS);
	}
	/* what was added last can be used, up to the last byte of the address space */
	pages_at(&k, EfiLoaderData, SPACE - 1, 1);
	machine_free(&k);
}

/* Any memory, up to the whole address space. */
static void t_add_everything(void **state)
{
	struct machine k = machine_new(NULL, ARENA);
	struct map map;
	uint64_t at;

	(void)state;
	machine_add(&k, 0, SPACE, EfiConventionalMemory, WB);
	map_get(&k, &map);
	assert_int_equal(map.n, 1);
	assert_int_equal(map.d[0].NumberOfPages, SPACE);
	assert_int_equal(pages_new(&k, EfiLoaderData, 1), UINT64_MAX - 4095);
	at = pages_new(&k, EfiLoaderCode, SPACE - 2); /* all but page 0 */
	assert_int_equal(at, PAGE);
	assert_int_equal(rts_mem_free_pages(k.m, at, SPACE - 2), EFI_SUCCESS);
	assert_int_equal(rts_mem_free_pages(k.m, UINT64_MAX - 4095, 1), EFI_SUCCESS);
	machine_free(&k);
}

/* What the map shows of a range with a type and capabilities. */
static void t_map_content(void **state)
{
	const uint64_t rt = EFI_MEMORY_RUNTIME;
	const struct {
		const char *name;
		uint32_t type;
		uint64_t given, shown;
		bool hidden;
	} cases[] = {
		{"conventional", EfiConventionalMemory, WB, WB, false},
		{"conventional is not the runtime's", EfiConventionalMemory, WB | rt, WB,
		 false},
		{"access capabilities are not told", EfiConventionalMemory,
		 WB | EFI_MEMORY_RP | EFI_MEMORY_XP | EFI_MEMORY_RO, WB, false},
		{"WP is a cache attribute", EfiConventionalMemory, WB | EFI_MEMORY_WP,
		 WB | EFI_MEMORY_WP, false},
		{"specific purpose", EfiConventionalMemory, WB | EFI_MEMORY_SP,
		 WB | EFI_MEMORY_SP, false},
		{"runtime code", EfiRuntimeServicesCode, WB, WB | rt, false},
		{"runtime data", EfiRuntimeServicesData, WB, WB | rt, false},
		{"PAL code", EfiPalCode, WB, WB | rt, false},
		{"boot data", EfiBootServicesData, WB | rt, WB, false},
		{"ACPI NVS", EfiACPIMemoryNVS, WB | rt, WB, false},
		{"reserved", EfiReservedMemoryType, WB, WB, false},
		{"reserved for the runtime", EfiReservedMemoryType, WB | rt, WB | rt,
		 false},
		{"unusable", EfiUnusableMemory, WB, WB, false},
		{"persistent", EfiPersistentMemory, WB, WB | EFI_MEMORY_NV, false},
		{"unaccepted", EfiUnacceptedMemoryType, WB, WB, false},
		{"MMIO", EfiMemoryMappedIO, EFI_MEMORY_UC, 0, true},
		{"MMIO of the runtime", EfiMemoryMappedIO, EFI_MEMORY_UC | rt,
		 EFI_MEMORY_UC | rt, false},
		{"MMIO ports", EfiMemoryMappedIOPortSpace, EFI_MEMORY_UC, 0, true},
		{"OEM type", 0x70000001, WB, WB, false},
		{"OS type", 0x80000001, WB, WB, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct machine k = machine_new(NULL, ARENA);
		struct map map;
		uint64_t at = 0x30 * PAGE;
		EFI_STATUS status;

		print_message("# %s\n", cases[i].name);
		machine_add(&k, 0x20, 0x30, cases[i].type, cases[i].given);
		map_get(&k, &map);
		assert_int_equal(map.n, cases[i].hidden ? 0 : 1);
		if (!cases[i].hidden) {
			assert_int_equal(map.d[0].Type, cases[i].type);
			assert_int_equal(map.d[0].PhysicalStart, 0x20 * PAGE);
			assert_int_equal(map.d[0].VirtualStart, 0);
			assert_int_equal(map.d[0].NumberOfPages, 0x30);
			assert_int_equal(map.d[0].Attribute, cases[i].shown);
		}
		/* nothing else than conventional memory is given out or taken back */
		assert_int_equal(rts_mem_free_pages(k.m, at, 1), EFI_NOT_FOUND);
		status =
			rts_mem_allocate_pages(k.m, AllocateAddress, EfiLoaderData, 1, &at);
		assert_int_equal(status, cases[i].type == EfiConventionalMemory
						 ? EFI_SUCCESS
						 : EFI_NOT_FOUND);
		machine_free(&k);
	}
}

/* Neighbours are one entry where type and attributes are equal, whoever holds them. */
static void t_map_merge(void **state)
{
	struct machine k = usual();
	struct map map;

	(void)state;
	machine_add(&k, END, 16, EfiConventionalMemory, WB | EFI_MEMORY_RO);
	machine_add(&k, END + 16, 16, EfiConventionalMemory, WB | EFI_MEMORY_UC);
	machine_add(&k, END + 40, 16, EfiConventionalMemory, WB | EFI_MEMORY_UC);
	machine_add(&k, FIRST - 16, 16, EfiLoaderData, WB);
	map_get(&k, &map);
	assert_int_equal(map.n, 4); /* RO is not told; UC is; a hole is none */
	assert_int_equal(map.d[1].NumberOfPages, PAGES + 16);
	pages_at(&k, EfiLoaderData, FIRST, 1); /* beside the platform's */
	map_get(&k, &map);
	assert_int_equal(map.n, 4);
	assert_int_equal(map.d[0].NumberOfPages, 17);
	pages_at(&k, EfiLoaderData, FIRST + 8, 8);
	pages_at(&k, EfiLoaderData, FIRST + 1, 7);
	map_get(&k, &map);
	assert_int_equal(map.n, 4);
	assert_int_equal(map.d[0].NumberOfPages, 32);
	machine_free(&k);
}

static void t_get_map(void **state)
{
	static const uint32_t strides[] = {40, 48, 56, 72, 4096};

	(void)state;
	for (size_t i = 0; i < COUNT(strides); i++) {
		struct rts_mem_config config = {.descriptor_size = strides[i]};
		struct machine k = machine_new(&config, ARENA);
		static uint8_t buf[3 * 4096 + 1];
		uint64_t size, need = 3ULL * strides[i], key = 0, stride;
		uint32_t version;

		machine_add(&k, 16, 16, EfiConventionalMemory, WB);
		machine_add(&k, 48, 16, EfiBootServicesCode, WB);
		machine_add(&k, 64, 16, EfiBootServicesData, WB);
		assert_int_equal(rts_mem_get_map(k.m, NULL, buf, &key, &stride, &version),
				 EFI_INVALID_PARAMETER);
		/* too small: told what is needed, and of what kind */
		for (uint64_t have = 0; have < need;
		     have += have + 1 < need ? need - 1 : 1) {
			size = have;
			key = 0;
			stride = 0;
			version = 0;
			assert_int_equal(rts_mem_get_map(k.m, &size, have == 0 ? NULL : buf,
							 &key, &stride, &version),
					 EFI_BUFFER_TOO_SMALL);
			assert_int_equal(size, need);
			assert_int_equal(stride, strides[i]);
			assert_int_equal(version, 1);
			assert_true(key != 0);
		}
		size = need;
		assert_int_equal(rts_mem_get_map(k.m, &size, NULL, &key, &stride, &version),
				 EFI_INVALID_PARAMETER);
		assert_int_equal(size, need);
		/* more than enough: told what was used, and no byte more is written */
		memset(buf, 0x5a, sizeof buf);
		size = sizeof buf;
		assert_int_equal(rts_mem_get_map(k.m, &size, buf, &key, &stride, &version),
				 EFI_SUCCESS);
		assert_int_equal(size, need);
		assert_int_equal(buf[need], 0x5a);
		for (uint64_t b = 0; b < need; b++) /* what makes it longer is zero */
			assert_true(b % strides[i] < sizeof(EFI_MEMORY_DESCRIPTOR) ||
				    buf[b] == 0);
		if (need < sizeof buf - 1)
			assert_int_equal(buf[sizeof buf - 1], 0x5a);
		size = sizeof buf;
		assert_int_equal(rts_mem_get_map(k.m, &size, buf, NULL, NULL, NULL),
				 EFI_SUCCESS);
		machine_free(&k);
	}
}

/* AllocatePages: the rows of its statuses. */
static void t_allocate_pages(void **state)
{
	const uint64_t none = 0xdead000;
	const struct {
		const char *name;
		int how;
		uint32_t type;
		uint64_t pages, given;
		EFI_STATUS status;
		uint64_t want;
	} cases[] = {
		{"any", 0, EfiLoaderData, 1, none, EFI_SUCCESS, END - 1},
		{"any, all", 0, EfiLoaderData, PAGES, none, EFI_SUCCESS, FIRST},
		{"any, more than all", 0, EfiLoaderData, PAGES + 1, none,
		 EFI_OUT_OF_RESOURCES, 0},
		{"no such type of call", 3, EfiLoaderData, 1, none, EFI_INVALID_PARAMETER,
		 0},
		{"nor this", 4, EfiLoaderData, 1, none, EFI_INVALID_PARAMETER, 0},
		{"nor -1", -1, EfiLoaderData, 1, none, EFI_INVALID_PARAMETER, 0},
		{"memory type 16", 0, 16, 1, none, EFI_INVALID_PARAMETER, 0},
		{"memory type 0x6fffffff", 0, 0x6fffffff, 1, none, EFI_INVALID_PARAMETER,
		 0},
		{"OEM's first", 0, 0x70000000, 1, none, EFI_SUCCESS, END - 1},
		{"OEM's last", 0, 0x7fffffff, 1, none, EFI_SUCCESS, END - 1},
		{"OS's first", 0, 0x80000000, 1, none, EFI_SUCCESS, END - 1},
		{"OS's last", 0, 0xffffffff, 1, none, EFI_SUCCESS, END - 1},
		{"conventional", 0, EfiConventionalMemory, 1, none, EFI_INVALID_PARAMETER,
		 0},
		{"persistent", 0, EfiPersistentMemory, 1, none, EFI_INVALID_PARAMETER, 0},
		{"unaccepted", 0, EfiUnacceptedMemoryType, 1, none, EFI_INVALID_PARAMETER,
		 0},
		{"unusable", 0, EfiUnusableMemory, 1, none, EFI_SUCCESS, END - 1},
		{"any, no pages", 0, EfiLoaderData, 0, none, EFI_OUT_OF_RESOURCES, 0},
		{"any, 2^52 - 1", 0, EfiLoaderData, SPACE - 1, none, EFI_OUT_OF_RESOURCES,
		 0},
		{"any, 2^52", 0, EfiLoaderData, SPACE, none, EFI_OUT_OF_RESOURCES, 0},
		{"any, 2^52 + 1", 0, EfiLoaderData, SPACE + 1, none, EFI_OUT_OF_RESOURCES,
		 0},
		{"any, 2^64 - 1", 0, EfiLoaderData, UINT64_MAX, none, EFI_OUT_OF_RESOURCES,
		 0},
		{"max, last byte of the first page", 1, EfiLoaderData, 1,
		 FIRST * PAGE + 0xfff, EFI_SUCCESS, FIRST},
		{"max, one byte less", 1, EfiLoaderData, 1, FIRST * PAGE + 0xffe,
		 EFI_SUCCESS, 1},
		{"max, first byte of the second page", 1, EfiLoaderData, 1,
		 FIRST * PAGE + 0x1000, EFI_SUCCESS, FIRST},
		{"max, two pages", 1, EfiLoaderData, 2, FIRST * PAGE + 0x1ffe,
		 EFI_OUT_OF_RESOURCES, 0},
		{"max, two pages that fit", 1, EfiLoaderData, 2, FIRST * PAGE + 0x1fff,
		 EFI_SUCCESS, FIRST},
		{"max 0", 1, EfiLoaderData, 1, 0, EFI_OUT_OF_RESOURCES, 0},
		{"max 0xffe", 1, EfiLoaderData, 1, 0xffe, EFI_OUT_OF_RESOURCES, 0},
		{"max 0xfff", 1, EfiLoaderData, 1, 0xfff, EFI_OUT_OF_RESOURCES, 0},
		{"max 0x1ffe", 1, EfiLoaderData, 1, 0x1ffe, EFI_OUT_OF_RESOURCES, 0},
		{"max 0x1fff", 1, EfiLoaderData, 1, 0x1fff, EFI_SUCCESS, 1},
		{"max 2^64 - 1", 1, EfiLoaderData, 1, UINT64_MAX, EFI_SUCCESS, END - 1},
		{"max 2^64 - 2", 1, EfiLoaderData, 1, UINT64_MAX - 1, EFI_SUCCESS, END - 1},
		{"max, no pages", 1, EfiLoaderData, 0, UINT64_MAX, EFI_OUT_OF_RESOURCES, 0},
		{"max, 2^52 - 1", 1, EfiLoaderData, SPACE - 1, UINT64_MAX,
		 EFI_OUT_OF_RESOURCES, 0},
		{"max, 2^52", 1, EfiLoaderData, SPACE, UINT64_MAX, EFI_OUT_OF_RESOURCES, 0},
		{"max, 2^52 + 1", 1, EfiLoaderData, SPACE + 1, UINT64_MAX,
		 EFI_OUT_OF_RESOURCES, 0},
		{"address", 2, EfiLoaderData, 3, (FIRST + 7) * PAGE, EFI_SUCCESS,
		 FIRST + 7},
		{"address, to the end", 2, EfiLoaderData, 1, (END - 1) * PAGE, EFI_SUCCESS,
		 END - 1},
		{"address, beyond the end", 2, EfiLoaderData, 2, (END - 1) * PAGE,
		 EFI_NOT_FOUND, 0},
		{"address without memory", 2, EfiLoaderData, 1, END * PAGE, EFI_NOT_FOUND,
		 0},
		{"address of the platform's", 2, EfiLoaderData, 1, 0x20 * PAGE,
		 EFI_NOT_FOUND, 0},
		{"address unaligned", 2, EfiLoaderData, 1, FIRST * PAGE + 1, EFI_NOT_FOUND,
		 0},
		{"address 0", 2, EfiLoaderData, 1, 0, EFI_NOT_FOUND, 0},
		{"address 0 and on", 2, EfiLoaderData, 2, 0, EFI_NOT_FOUND, 0},
		{"address of page 1", 2, EfiLoaderData, 1, PAGE, EFI_SUCCESS, 1},
		{"address, no pages", 2, EfiLoaderData, 0, FIRST * PAGE, EFI_NOT_FOUND, 0},
		{"address, 2^52 - 1", 2, EfiLoaderData, SPACE - 1, FIRST * PAGE,
		 EFI_NOT_FOUND, 0},
		{"address, 2^52", 2, EfiLoaderData, SPACE, FIRST * PAGE, EFI_NOT_FOUND, 0},
		{"address, 2^52 + 1", 2, EfiLoaderData, SPACE + 1, FIRST * PAGE,
		 EFI_NOT_FOUND, 0},
		{"address, wrapping", 2, EfiLoaderData, 2, UINT64_MAX - 4095, EFI_NOT_FOUND,
		 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct machine k = usual();
		struct map before, after;
		EFI_PHYSICAL_ADDRESS at = cases[i].given;

		print_message("# %s\n", cases[i].name);
		machine_add(&k, 0, 2, EfiConventionalMemory, WB);
		machine_add(&k, 0x20, 1, EfiBootServicesData, WB);
		map_get(&k, &before);
		assert_int_equal(rts_mem_allocate_pages(k.m,
							(EFI_ALLOCATE_TYPE)cases[i].how,
							cases[i].type, cases[i].pages, &at),
				 cases[i].status);
		map_get(&k, &after);
		if (cases[i].status == EFI_SUCCESS) {
			assert_int_equal(at, cases[i].want * PAGE);
			assert_int_equal(map_at(&after, cases[i].want)->Type,
					 cases[i].type);
			assert_true(after.key != before.key);
		} else {
			assert_int_equal(at, cases[i].given);
			assert_true(after.key == before.key && map_equal(&before, &after));
		}
		assert_int_equal(
			rts_mem_allocate_pages(k.m, (EFI_ALLOCATE_TYPE)cases[i].how,
					       cases[i].type, cases[i].pages, NULL),
			EFI_INVALID_PARAMETER);
		machine_free(&k);
	}
}

/* From the top, in the highest hole that is large enough; also when there are many holes.
 */
static void t_highest(void **state)
{
	struct machine k = usual();

	(void)state;
	pages_new(&k, EfiLoaderData, PAGES);
	for (uint64_t i = 0; i < 8; i++) /* holes of 8, 7, ..., 1 pages, ascending */
		assert_int_equal(rts_mem_free_pages(k.m, (FIRST + i * 100) * PAGE, 8 - i),
				 EFI_SUCCESS);
	for (uint64_t n = 8; n > 0; n--)
		assert_int_equal(pages_new(&k, EfiLoaderCode, n),
				 (FIRST + (8 - n) * 100) * PAGE);
	machine_free(&k);
}

/* Free memory of other capabilities: only one kind for those who do not ask by address, all
 * kinds for those who do; and special purpose memory for the latter only. */
static void t_kinds(void **state)
{
	struct machine k = machine_new(NULL, ARENA);
	struct map before, map;
	uint64_t at;

	(void)state;
	machine_add(&k, 0x100, 8, EfiConventionalMemory, WB);
	machine_add(&k, 0x108, 8, EfiConventionalMemory, WB | EFI_MEMORY_UC);
	machine_add(&k, 0x110, 8, EfiConventionalMemory, WB | EFI_MEMORY_SP);
	map_get(&k, &before);
	assert_int_equal(
		rts_mem_allocate_pages(k.m, AllocateAnyPages, EfiLoaderData, 9, &at),
		EFI_OUT_OF_RESOURCES);
	assert_int_equal(pages_new(&k, EfiLoaderData, 8), 0x108 * PAGE);
	assert_int_equal(pages_new(&k, EfiLoaderData, 8), 0x100 * PAGE);
	assert_int_equal(
		rts_mem_allocate_pages(k.m, AllocateAnyPages, EfiLoaderData, 1, &at),
		EFI_OUT_OF_RESOURCES);
	at = UINT64_MAX;
	assert_int_equal(
		rts_mem_allocate_pages(k.m, AllocateMaxAddress, EfiLoaderData, 1, &at),
		EFI_OUT_OF_RESOURCES);
	assert_int_equal(rts_mem_free_pages(k.m, 0x100 * PAGE, 16), EFI_SUCCESS);
	pages_at(&k, EfiRuntimeServicesData, 0x104, 0x10); /* across all three */
	map_get(&k, &map);
	assert_int_equal(map.n, 5);
	assert_int_equal(map.d[1].Attribute, WB | EFI_MEMORY_RUNTIME);
	assert_int_equal(map.d[2].Attribute, WB | EFI_MEMORY_UC | EFI_MEMORY_RUNTIME);
	assert_int_equal(map.d[3].Attribute, WB | EFI_MEMORY_SP | EFI_MEMORY_RUNTIME);
	assert_int_equal(rts_mem_free_pages(k.m, 0x104 * PAGE, 0x10), EFI_SUCCESS);
	map_get(&k, &map);
	assert_true(map_equal(&before, &map)); /* each page has its own again */
	machine_free(&k);
}

static void t_free_pages(void **state)
{
	/* allocated before each: 8 pages at 0x200 (loader data), 8 at 0x208 (boot code), a
	 * hole of 4, 4 at 0x214 (loader data), a pool block of three pages elsewhere */
	const struct {
		const char *name;
		uint64_t address, pages;
		EFI_STATUS status;
	} cases[] = {
		{"all of one", 0x200000, 8, EFI_SUCCESS},
		{"its front", 0x200000, 3, EFI_SUCCESS},
		{"its middle", 0x203000, 3, EFI_SUCCESS},
		{"its back", 0x205000, 3, EFI_SUCCESS},
		{"two of different types", 0x200000, 16, EFI_SUCCESS},
		{"parts of two", 0x204000, 9, EFI_SUCCESS},
		{"unaligned", 0x200001, 1, EFI_INVALID_PARAMETER},
		{"unaligned where nothing is", 0x1001, 1, EFI_INVALID_PARAMETER},
		{"no pages", 0x200000, 0, EFI_INVALID_PARAMETER},
		{"overflow", 0x200000, SPACE - 0x1ff, EFI_INVALID_PARAMETER},
		{"2^52", 0x200000, SPACE, EFI_INVALID_PARAMETER},
		{"2^64 - 1", 0x200000, UINT64_MAX, EFI_INVALID_PARAMETER},
		{"up to the end of the address space", 0x200000, SPACE - 0x200,
		 EFI_NOT_FOUND},
		{"no memory", (END + 5) * PAGE, 1, EFI_NOT_FOUND},
		{"free", 0x300000, 1, EFI_NOT_FOUND},
		{"free before allocated", 0x1ff000, 2, EFI_NOT_FOUND},
		{"allocated, then free", 0x20f000, 2, EFI_NOT_FOUND},
		{"over a hole", 0x20a000, 12, EFI_NOT_FOUND},
		{"page 0", 0, 1, EFI_NOT_FOUND},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct machine k = usual();
		struct map before, after;

		print_message("# %s\n", cases[i].name);
		machine_add(&k, 0, 1, EfiConventionalMemory, WB);
		pages_at(&k, EfiLoaderData, 0x200, 8);
		pages_at(&k, EfiBootServicesCode, 0x208, 8);
		pages_at(&k, EfiLoaderData, 0x214, 4);
		map_get(&k, &before);
		assert_int_equal(rts_mem_free_pages(k.m, cases[i].address, cases[i].pages),
				 cases[i].status);
		map_get(&k, &after);
		if (cases[i].status == EFI_SUCCESS) {
			for (uint64_t p = 0x1ff; p < 0x219; p++) {
				const bool freed =
					p - cases[i].address / PAGE < cases[i].pages;

				assert_int_equal(map_at(&after, p)->Type,
						 freed ? EfiConventionalMemory
						       : map_at(&before, p)->Type);
			}
			assert_true(after.key != before.key);
			assert_int_equal(
				rts_mem_free_pages(k.m, cases[i].address, cases[i].pages),
				EFI_NOT_FOUND); /* twice */
		} else {
			assert_true(after.key == before.key && map_equal(&before, &after));
		}
		machine_free(&k);
	}
}

/* Pool memory is not FreePages' to free, nor pages FreePool's. */
static void t_crossed(void **state)
{
	struct machine k = usual();
	uint64_t small = pool_new(&k, EfiLoaderData, 100),
		 large = pool_new(&k, EfiLoaderData, 10000),
		 pages = pages_new(&k, EfiLoaderData, 3);
	struct map before, after;

	(void)state;
	machine_add(&k, 0x20, 4, EfiBootServicesCode, WB);
	map_get(&k, &before);
	assert_int_equal(rts_mem_free_pages(k.m, small & ~0xfffULL, 1), EFI_NOT_FOUND);
	assert_int_equal(rts_mem_free_pages(k.m, large, 3), EFI_NOT_FOUND);
	assert_int_equal(rts_mem_free_pages(k.m, large, 1), EFI_NOT_FOUND);
	/* neighbours of one type are one entry of the map, and still of two owners */
	assert_int_equal(rts_mem_free_pages(k.m, pages, 4), EFI_NOT_FOUND);
	assert_int_equal(rts_mem_free_pages(k.m, 0x20 * PAGE, 4), EFI_NOT_FOUND);
	assert_int_equal(rts_mem_free_pool(k.m, pages), EFI_INVALID_PARAMETER);
	assert_int_equal(rts_mem_free_pool(k.m, 0x20 * PAGE), EFI_INVALID_PARAMETER);
	map_get(&k, &after);
	assert_true(after.key == before.key && map_equal(&before, &after));
	assert_int_equal(rts_mem_free_pool(k.m, small), EFI_SUCCESS);
	assert_int_equal(rts_mem_free_pool(k.m, large), EFI_SUCCESS);
	assert_int_equal(rts_mem_free_pages(k.m, pages, 3), EFI_SUCCESS);
	machine_free(&k);
}

static void t_allocate_pool(void **state)
{
	static const struct {
		const char *name;
		uint32_t type;
		uint64_t size;
		EFI_STATUS status;
	} cases[] = {
		{"a byte", EfiBootServicesData, 1, EFI_SUCCESS},
		{"nothing", EfiBootServicesData, 0, EFI_SUCCESS},
		{"a page", EfiBootServicesData, 4096, EFI_SUCCESS},
		{"all", EfiBootServicesData, PAGES * PAGE, EFI_SUCCESS},
		{"one byte more than all", EfiBootServicesData, PAGES * PAGE + 1,
		 EFI_OUT_OF_RESOURCES},
		{"2^64 - 1", EfiBootServicesData, UINT64_MAX, EFI_OUT_OF_RESOURCES},
		{"2^64 - 8", EfiBootServicesData, UINT64_MAX - 7, EFI_OUT_OF_RESOURCES},
		{"2^64 - 16", EfiBootServicesData, UINT64_MAX - 15, EFI_OUT_OF_RESOURCES},
		{"2^64 - 40", EfiBootServicesData, UINT64_MAX - 39, EFI_OUT_OF_RESOURCES},
		{"2^64 - 65", EfiBootServicesData, UINT64_MAX - 64, EFI_OUT_OF_RESOURCES},
		{"2^64 - 4096", EfiBootServicesData, UINT64_MAX - 4095,
		 EFI_OUT_OF_RESOURCES},
		{"2^64 - 4097", EfiBootServicesData, UINT64_MAX - 4096,
		 EFI_OUT_OF_RESOURCES},
		{"2^63", EfiBootServicesData, 1ULL << 63, EFI_OUT_OF_RESOURCES},
		{"type 16", 16, 1, EFI_INVALID_PARAMETER},
		{"type 17", 17, 1, EFI_INVALID_PARAMETER},
		{"type 0x6ffffffe", 0x6ffffffe, 1, EFI_INVALID_PARAMETER},
		{"type 0x6fffffff", 0x6fffffff, 1, EFI_INVALID_PARAMETER},
		{"OEM's first", 0x70000000, 1, EFI_SUCCESS},
		{"OS's last", 0xffffffff, 5000, EFI_SUCCESS},
		{"conventional", EfiConventionalMemory, 1, EFI_INVALID_PARAMETER},
		{"persistent", EfiPersistentMemory, 1, EFI_INVALID_PARAMETER},
		{"unaccepted", EfiUnacceptedMemoryType, 1, EFI_INVALID_PARAMETER},
		{"reserved", EfiReservedMemoryType, 1, EFI_SUCCESS},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct machine k = usual();
		struct map before, after;
		EFI_PHYSICAL_ADDRESS at = 12345;

		print_message("# %s\n", cases[i].name);
		map_get(&k, &before);
		assert_int_equal(
			rts_mem_allocate_pool(k.m, cases[i].type, cases[i].size, NULL),
			EFI_INVALID_PARAMETER);
		assert_int_equal(
			rts_mem_allocate_pool(k.m, cases[i].type, cases[i].size, &at),
			cases[i].status);
		map_get(&k, &after);
		if (cases[i].status == EFI_SUCCESS) {
			assert_int_equal(at % 16, 0);
			for (uint64_t p = at / PAGE;
			     p <= (at + cases[i].size - (cases[i].size > 0)) / PAGE; p++)
				assert_int_equal(map_at(&after, p)->Type, cases[i].type);
			assert_int_equal(rts_mem_free_pool(k.m, at), EFI_SUCCESS);
			map_get(&k, &after);
			assert_true(map_equal(&before, &after));
			assert_int_equal(rts_mem_free_pool(k.m, at),
					 EFI_INVALID_PARAMETER); /* twice */
		} else {
			assert_int_equal(at, 12345);
			assert_true(after.key == before.key && map_equal(&before, &after));
		}
		machine_free(&k);
	}
}

/* What is not the address of a block is refused, whatever lies there. */
static void t_free_pool(void **state)
{
	struct machine k = usual();
	uint64_t a = pool_new(&k, EfiLoaderData, 48), b = pool_new(&k, EfiLoaderData, 48),
		 large = pool_new(&k, EfiLoaderData, 9000);
	const uint64_t bad[] = {0,
				1,
				8,
				a + 1,
				a + 8,
				a + 16,
				a + 47,
				b + 48 * 2, /* a block of the same chunk that is free */
				(a & ~0xfffULL) + 4080, /* where no block begins */
				large + 1,
				large + 8,
				large + PAGE, /* a page of it */
				large - 16,
				END * PAGE,
				FIRST * PAGE,
				UINT64_MAX,
				1ULL << 63};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(rts_mem_free_pool(k.m, bad[i]), EFI_INVALID_PARAMETER);
	assert_int_equal(rts_mem_free_pool(k.m, a), EFI_SUCCESS);
	assert_int_equal(rts_mem_free_pool(k.m, a), EFI_INVALID_PARAMETER);
	assert_int_equal(rts_mem_free_pool(k.m, b), EFI_SUCCESS);
	assert_int_equal(rts_mem_free_pool(k.m, b), EFI_INVALID_PARAMETER);
	assert_int_equal(rts_mem_free_pool(k.m, large), EFI_SUCCESS);
	assert_int_equal(rts_mem_free_pool(k.m, large), EFI_INVALID_PARAMETER);
	machine_free(&k);
}

/* Blocks of every size and several types lie apart, 16 bytes aligned, in pages of their
 * type; all freed, in another order, the map is as it was. */
static void t_pool_sizes(void **state)
{
	static const uint32_t types[] = {EfiBootServicesData, EfiRuntimeServicesData,
					 0x70000001, 0xc0000000};
	static const uint32_t granules[] = {4096, 16384, 65536};
	enum { BLOCKS = 2400 };
	static struct {
		uint64_t at, size;
	} block[BLOCKS];
	static uint8_t used[16384 * 4096 / 16]; /* by 16 bytes */

	(void)state;
	for (size_t g = 0; g < COUNT(granules); g++) {
		struct rts_mem_config config = {.runtime_granularity = granules[g]};
		struct machine k = machine_new(&config, 4 * ARENA);
		struct map before, after;
		struct rts_mem_statistics st;

		memset(used, 0, sizeof used);
		machine_add(&k, FIRST, 16384, EfiConventionalMemory, WB);
		map_get(&k, &before);
		for (unsigned i = 0; i < BLOCKS; i++) {
			block[i].size = i % 600 < 560 ? i % 600 * 9 : i % 600 * 40;
			block[i].at = pool_new(&k, types[i / 600], block[i].size);
			assert_int_equal(block[i].at % 16, 0);
			for (uint64_t p = block[i].at / 16;
			     p <
			     (block[i].at + block[i].size + (block[i].size == 0) + 15) / 16;
			     p++)
				assert_int_equal(used[p - FIRST * 256]++, 0);
		}
		rts_mem_get_statistics(k.m, &st);
		assert_int_equal(st.pool_blocks, BLOCKS);
		map_get(&k, &after);
		for (unsigned i = 0; i < BLOCKS; i++)
			assert_int_equal(map_at(&after, block[i].at / PAGE)->Type,
					 types[i / 600]);
		assert_true(rts_mem_check(k.m));
		for (unsigned i = 0; i < BLOCKS; i++) /* 1009 is coprime to BLOCKS */
			assert_int_equal(
				rts_mem_free_pool(k.m, block[i * 1009 % BLOCKS].at),
				EFI_SUCCESS);
		map_get(&k, &after);
		assert_true(map_equal(&before, &after));
		machine_free(&k);
	}
}

/* Many small blocks take few pages; what is freed is used again. */
static void t_pool_economy(void **state)
{
	struct machine k = usual();
	static uint64_t at[20000];
	struct map map;
	uint64_t pages = 0;

	(void)state;
	for (unsigned i = 0; i < COUNT(at); i++)
		at[i] = pool_new(&k, EfiBootServicesData, 24);
	map_get(&k, &map);
	for (size_t i = 0; i < map.n; i++)
		pages += map.d[i].Type == EfiBootServicesData ? map.d[i].NumberOfPages : 0;
	assert_in_range(pages, 20000 * 32 / 4096, 20000 * 32 / 4096 + 8);
	for (unsigned i = 0; i < COUNT(at); i += 2)
		assert_int_equal(rts_mem_free_pool(k.m, at[i]), EFI_SUCCESS);
	for (unsigned i = 0; i < COUNT(at); i += 2)
		at[i] = pool_new(&k, EfiBootServicesData, 24);
	const struct map full = map;

	map_get(&k, &map);
	assert_true(map_equal(&map, &full) && map.key == full.key);
	/* one type's blocks do not lie in another's pages */
	assert_int_equal(map_at(&map, pool_new(&k, EfiLoaderData, 24) / PAGE)->Type,
			 EfiConventionalMemory);
	machine_free(&k);
}

/* A type begins with one page for a size, also after it had many. */
static void t_pool_begins_small(void **state)
{
	struct machine k = usual();
	static uint64_t at[500];
	struct map begin, map;

	(void)state;
	pool_new(&k, EfiLoaderData, 3000); /* so that the type stays known */
	map_get(&k, &begin);
	for (unsigned i = 0; i < COUNT(at); i++)
		at[i] = pool_new(&k, EfiLoaderData, 512);
	for (unsigned i = 0; i < COUNT(at); i++)
		assert_int_equal(rts_mem_free_pool(k.m, at[i]), EFI_SUCCESS);
	map_get(&k, &map);
	assert_true(map_equal(&begin, &map));
	pool_new(&k, EfiLoaderData, 512);
	map_get(&k, &map);
	assert_int_equal(map.d[0].NumberOfPages, begin.d[0].NumberOfPages - 1);
	machine_free(&k);
}

/* Little memory: what a chunk of many pages does not find, one of a page still does. */
static void t_pool_last_pages(void **state)
{
	struct machine k = machine_new(NULL, ARENA);
	uint64_t at, count = 0;

	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		machine_add(&k, FIRST + 2 * i, 1, EfiConventionalMemory, WB);
	while (rts_mem_allocate_pool(k.m, EfiLoaderData, 1024, &at) == EFI_SUCCESS)
		count++;
	assert_int_equal(count, 400);
	machine_free(&k);
}

/* Reserved, runtime and NVS memory comes in granules, aligned; other memory does not. */
static void t_granules(void **state)
{
	static const uint32_t types[] = {EfiReservedMemoryType, EfiRuntimeServicesCode,
					 EfiRuntimeServicesData, EfiACPIMemoryNVS};
	static const uint32_t granules[] = {16384, 65536};

	(void)state;
	for (size_t i = 0; i < COUNT(types) * COUNT(granules); i++) {
		const uint32_t granule = granules[i / COUNT(types)];
		const uint64_t g = granule / PAGE;
		const uint32_t type = types[i % COUNT(types)];
		struct rts_mem_config config = {.runtime_granularity = granule};
		struct machine k = machine_new(&config, ARENA);
		struct map empty, map;
		uint64_t at;

		machine_add(&k, FIRST + 1, PAGES - 2, EfiConventionalMemory, WB);
		map_get(&k, &empty);
		for (uint64_t n = 1; n <= 3 * g; n++) { /* odd counts are rounded up */
			const uint64_t whole = (n + g - 1) / g * g;

			at = pages_new(&k, type, n);
			assert_int_equal(at % granule, 0);
			map_get(&k, &map);
			assert_int_equal(map_at(&map, at / PAGE)->NumberOfPages, whole);
			assert_int_equal(map_at(&map, at / PAGE)->PhysicalStart, at);
			/* and so they are when freed */
			assert_int_equal(rts_mem_free_pages(k.m, at + PAGE, 1),
					 EFI_INVALID_PARAMETER);
			assert_int_equal(rts_mem_free_pages(k.m, at, n), EFI_SUCCESS);
			map_get(&k, &map);
			assert_true(map_equal(&empty, &map));
		}
		at = (FIRST + g + 1) * PAGE;
		assert_int_equal(rts_mem_allocate_pages(k.m, AllocateAddress, type, 1, &at),
				 EFI_NOT_FOUND);
		pages_at(&k, type, FIRST + g, 1);
		map_get(&k, &map);
		assert_int_equal(map_at(&map, FIRST + 2 * g - 1)->Type, type);
		assert_int_equal(map_at(&map, FIRST + 2 * g)->Type, EfiConventionalMemory);
		/* the odd end has no room for the rounding */
		at = (END - g) * PAGE;
		assert_int_equal(rts_mem_allocate_pages(k.m, AllocateAddress, type, 1, &at),
				 EFI_NOT_FOUND);
		/* a limit within a granule */
		at = (FIRST + 4 * g) * PAGE - 2;
		assert_int_equal(
			rts_mem_allocate_pages(k.m, AllocateMaxAddress, type, 1, &at),
			EFI_SUCCESS);
		assert_int_equal(at, (FIRST + 2 * g) * PAGE);
		/* other types do not care */
		assert_int_equal(pages_new(&k, EfiBootServicesData, 1), (END - 2) * PAGE);
		/* two granules, the second in part: freed as a whole */
		at = pages_new(&k, type, 2 * g);
		assert_int_equal(rts_mem_free_pages(k.m, at + granule, 1), EFI_SUCCESS);
		map_get(&k, &map);
		assert_int_equal(map_at(&map, at / PAGE)->NumberOfPages, g);
		/* pool memory of the type, too */
		at = pool_new(&k, type, 20);
		map_get(&k, &map);
		assert_int_equal(map_at(&map, at / PAGE)->PhysicalStart % granule, 0);
		assert_int_equal(map_at(&map, at / PAGE)->NumberOfPages % g, 0);
		/* counts that overflow only by rounding */
		assert_int_equal(
			rts_mem_allocate_pages(k.m, AllocateAnyPages, type, SPACE - 1, &at),
			EFI_OUT_OF_RESOURCES);
		assert_int_equal(rts_mem_allocate_pages(k.m, AllocateAnyPages, type,
							UINT64_MAX, &at),
				 EFI_OUT_OF_RESOURCES);
		assert_int_equal(rts_mem_allocate_pool(k.m, type, UINT64_MAX, &at),
				 EFI_OUT_OF_RESOURCES);
		/* firmware's own runtime memory must obey */
		assert_int_equal(
			rts_mem_add(k.m, 0x10 * PAGE, 1, EfiRuntimeServicesCode, WB),
			EFI_INVALID_PARAMETER);
		assert_int_equal(
			rts_mem_add(k.m, 0x10 * PAGE, 16, EfiRuntimeServicesCode, WB),
			EFI_SUCCESS);
		machine_free(&k);
	}
}

/* Many holes where a granule does not fit do not hide the one where it does. */
static void t_granule_among_holes(void **state)
{
	struct rts_mem_config config = {.runtime_granularity = 65536};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct machine k = machine_new(&config, ARENA);
		uint64_t at;

		machine_add(&k, 0x100, 16, EfiConventionalMemory, WB);
		for (uint64_t hole = 0; hole < 30; hole++)
			machine_add(&k, 0x201 + hole * 32, 20, EfiConventionalMemory, WB);
		at = i == 0 ? pages_new(&k, EfiRuntimeServicesData, 1)
			    : pool_new(&k, EfiRuntimeServicesData, 1);
		assert_int_equal(at, 0x100 * PAGE);
		machine_free(&k);
	}
}

/* A key is never 0, differs after each change, and stays where nothing changed. */
static void t_key(void **state)
{
	struct machine k = usual();
	uint64_t at, small, seen[5];
	struct map map;

	(void)state;
	map_get(&k, &map);
	seen[0] = map.key;
	at = pages_new(&k, EfiLoaderData, 1);
	map_get(&k, &map);
	seen[1] = map.key;
	assert_int_equal(rts_mem_free_pages(k.m, at, 1), EFI_SUCCESS);
	map_get(&k, &map);
	seen[2] = map.key;
	small = pool_new(&k, EfiLoaderData, 8); /* takes a page */
	map_get(&k, &map);
	seen[3] = map.key;
	at = pool_new(&k, EfiLoaderData, 8); /* does not */
	map_get(&k, &map);
	assert_int_equal(map.key, seen[3]);
	assert_int_equal(rts_mem_free_pool(k.m, at), EFI_SUCCESS);
	map_get(&k, &map);
	assert_int_equal(map.key, seen[3]);
	assert_int_equal(rts_mem_free_pool(k.m, small), EFI_SUCCESS);
	map_get(&k, &map);
	seen[4] = map.key;
	for (size_t i = 0; i < COUNT(seen); i++) {
		assert_true(seen[i] != 0);
		assert_true(i == 0 || seen[i] != seen[i - 1]);
	}
	machine_free(&k);
}

/* More types than there are classes: refused while all are in use, given again later. */
static void t_many_types(void **state)
{
	struct machine k = machine_new(NULL, 1 << 20);
	static uint64_t at[4000];
	unsigned n;
	struct map map;

	(void)state;
	machine_add(&k, FIRST, 8000, EfiConventionalMemory, WB);
	for (n = 0; n < COUNT(at); n++)
		if (rts_mem_allocate_pages(k.m, AllocateAnyPages, 0x80000000 + n, 1,
					   &at[n]) != EFI_SUCCESS)
			break;
	assert_in_range(n, 2000, 2048);
	assert_int_equal(rts_mem_allocate_pages(k.m, AllocateAnyPages, 0x90000000, 1, at),
			 EFI_OUT_OF_RESOURCES);
	/* one that is known */
	assert_int_equal(rts_mem_free_pages(k.m, pages_new(&k, 0x80000000, 1), 1),
			 EFI_SUCCESS);
	assert_true(rts_mem_check(k.m));
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(rts_mem_free_pages(k.m, at[i], 1), EFI_SUCCESS);
	for (unsigned i = 0; i < 10000; i++) {
		const uint64_t one = i % 2 == 0 ? pages_new(&k, 0x70000000 + i, 1)
						: pool_new(&k, 0x70000000 + i, 50);

		if (i % 2 == 0)
			assert_int_equal(rts_mem_free_pages(k.m, one, 1), EFI_SUCCESS);
		else
			assert_int_equal(rts_mem_free_pool(k.m, one), EFI_SUCCESS);
	}
	map_get(&k, &map);
	assert_int_equal(map.n, 1);
	machine_free(&k);
}

/* A range of two kinds needs two classes of a new type. Where there is one, nothing
 * changes. */
static void t_classes_for_half(void **state)
{
	struct machine k = machine_new(NULL, 1 << 20);
	static uint64_t at[4000];
	struct rts_mem_statistics before, after;
	uint64_t where = 0x10 * PAGE;
	unsigned n = 0;

	(void)state;
	machine_add(&k, 0x10, 2, EfiConventionalMemory, WB);
	machine_add(&k, 0x12, 2, EfiConventionalMemory, WB | EFI_MEMORY_UC);
	machine_add(&k, FIRST, 8000, EfiConventionalMemory, WB);
	while (rts_mem_allocate_pages(k.m, AllocateAnyPages, 0x80000000 + n, 1, &at[n]) ==
	       EFI_SUCCESS)
		n++;
	assert_int_equal(rts_mem_free_pages(k.m, at[0], 1), EFI_SUCCESS);
	rts_mem_get_statistics(k.m, &before);
	/* a type that is known of one kind and not in use any more; and a new one */
	for (uint32_t type = 0x80000000; type >= 0x70000000; type -= 0x10000000)
		assert_int_equal(
			rts_mem_allocate_pages(k.m, AllocateAddress, type, 4, &where),
			EFI_OUT_OF_RESOURCES);
	rts_mem_get_statistics(k.m, &after);
	assert_int_equal(after.entries, before.entries);
	assert_true(rts_mem_check(k.m));
	assert_int_equal(rts_mem_free_pages(k.m, at[1], 1), EFI_SUCCESS);
	pages_at(&k, 0x70000000, 0x10, 4);
	machine_free(&k);
}

/* Bookkeeping shrinks with the map: freed page by page, or by thousands. */
static void t_arena_shrinks(void **state)
{
	enum { COUNT_OF = 40000 };
	struct rts_mem_statistics begin, full, end;

	(void)state;
	for (unsigned wide = 0; wide < 2; wide++) {
		struct machine k = machine_new(NULL, 2 << 20);

		machine_add(&k, FIRST, COUNT_OF, EfiConventionalMemory, WB);
		rts_mem_get_statistics(k.m, &begin);
		for (uint64_t i = 0; i < COUNT_OF; i++)
			pages_new(&k, EfiLoaderCode + i % 2, 1);
		rts_mem_get_statistics(k.m, &full);
		assert_int_equal(full.entries, COUNT_OF);
		assert_in_range(begin.arena_free - full.arena_free, COUNT_OF * 8ULL,
				COUNT_OF * 35ULL);
		/* of each 200 pages one stays */
		for (uint64_t i = 0; i < COUNT_OF; i += wide ? 200 : 1)
			if (wide || i % 200 != 0)
				assert_int_equal(
					rts_mem_free_pages(k.m, (FIRST + i + wide) * PAGE,
							   wide ? 199 : 1),
					EFI_SUCCESS);
		rts_mem_get_statistics(k.m, &end);
		assert_int_equal(end.entries, COUNT_OF / 200 * 2);
		assert_in_range(begin.arena_free - end.arena_free, 1,
				COUNT_OF / 200 * 2 * 45ULL);
		machine_free(&k);
	}
}

/* Pools may not take what freeing needs, not even where they change no border. */
static void t_arena_spare(void **state)
{
	struct machine k = machine_new(NULL, 48 << 10);
	uint64_t at, n = 0;

	(void)state;
	machine_add(&k, FIRST, 100, EfiConventionalMemory, WB);
	pages_new(&k, EfiLoaderData, 100);
	while (n < 5000 && rts_mem_add(k.m, (0x1000 + 2 * n) * PAGE, 1,
				       EfiConventionalMemory, WB) == EFI_SUCCESS)
		n++;
	assert_in_range(n, 500, 4999);
	for (uint64_t i = 0; i < n; i++)
		if (rts_mem_allocate_pool(k.m, EfiLoaderData, 4000, &at) != EFI_SUCCESS)
			break;
	for (uint64_t i = 0; i < 10; i++)
		assert_int_equal(rts_mem_free_pages(k.m, (FIRST + i * 7 + 2) * PAGE, 1),
				 EFI_SUCCESS);
	machine_free(&k);
}

/* The arena fills up: calls are refused and change nothing; then all can be freed, in any
 * order, and the same fits again. */
static void t_arena_full(void **state)
{
	static uint64_t pages[20000], pools[20000];
	static const uint32_t types[] = {EfiLoaderCode, EfiLoaderData, EfiBootServicesCode,
					 EfiBootServicesData};
	unsigned first_count = 0;

	(void)state;
	for (size_t len = 32 << 10; len <= 96 << 10; len += 32 << 10) {
		struct machine k = machine_new(NULL, len);
		struct rts_mem_statistics before, after;

		machine_add(&k, FIRST, 60000, EfiConventionalMemory, WB);
		for (unsigned round = 0; round < 3; round++) {
			unsigned n = 0, i;
			uint64_t at = 1;

			while (rts_mem_allocate_pages(k.m, AllocateAnyPages,
						      types[(n ^ n / 3) % 4], 1 + n % 2,
						      &pages[n]) == EFI_SUCCESS &&
			       rts_mem_allocate_pool(k.m, types[n / 7 % 4], 2000 + n % 3000,
						     &pools[n]) == EFI_SUCCESS)
				n++;
			assert_in_range(n, 100, COUNT(pages) - 1);
			if (round == 0)
				first_count = n;
			assert_in_range(n, first_count * 9 / 10, first_count * 11 / 10);
			rts_mem_get_statistics(k.m, &before);
			for (i = 0; i < 100; i++) {
				assert_int_equal(rts_mem_allocate_pool(k.m, 0x70000000 + i,
								       100000, &at),
						 EFI_OUT_OF_RESOURCES);
				assert_int_equal(at, 1);
			}
			rts_mem_get_statistics(k.m, &after);
			assert_int_equal(after.entries, before.entries);
			assert_int_equal(after.pool_blocks, before.pool_blocks);
			assert_true(rts_mem_check(k.m));
			for (i = 0; i < n; i++) {
				const unsigned at_random = i * 7919U % n; /* a prime */

				assert_int_equal(rts_mem_free_pages(k.m, pages[at_random],
								    1 + at_random % 2),
						 EFI_SUCCESS);
				assert_int_equal(rts_mem_free_pool(k.m, pools[at_random]),
						 EFI_SUCCESS);
			}
			/* the one that was left over, if pages came first */
			if (pages[n] != 0)
				(void)rts_mem_free_pages(k.m, pages[n], 1 + n % 2);
			memset(pages, 0, sizeof pages);
			assert_true(rts_mem_check(k.m));
		}
		rts_mem_get_statistics(k.m, &after);
		assert_int_equal(after.pool_blocks, 0);
		assert_int_equal(after.entries, 1);
		machine_free(&k);
	}
}

/* Without any room left at all, what is a run of its own can still be freed. */
static void t_arena_empty(void **state)
{
	enum { SINGLES = 3001 };
	static bool single[SINGLES];
	struct machine k = machine_new(NULL, 40 << 10);
	uint64_t page = 7, at;
	unsigned n = 0, holes = 0;

	(void)state;
	machine_add(&k, FIRST, 8000, EfiConventionalMemory, WB);
	pages_at(&k, EfiLoaderData, FIRST + SINGLES, 4000);
	/* neighbours differ; in an order that fills nodes to different degrees */
	for (unsigned i = 0; i < SINGLES; i++) {
		page = (page * 3 + 1009) % SINGLES;
		at = (FIRST + page) * PAGE;
		if (single[page] || rts_mem_allocate_pages(k.m, AllocateAddress,
							   EfiBootServicesCode + page % 2,
							   1, &at) != EFI_SUCCESS)
			continue;
		single[page] = true;
		n++;
	}
	assert_in_range(n, 500, SINGLES - 500);
	/* holes take the rest of the arena */
	while (holes < 2000 &&
	       rts_mem_free_pages(k.m, (FIRST + SINGLES + holes * 2 + 1) * PAGE, 1) ==
		       EFI_SUCCESS)
		holes++;
	assert_in_range(holes, 50, 1999);
	for (unsigned i = 0; i < SINGLES; i++) {
		page = i * 1009ULL % SINGLES;
		if (!single[page])
			continue;
		/* one kind, one page: nothing to merge with but free memory */
		assert_int_equal(rts_mem_free_pages(k.m, (FIRST + page) * PAGE, 1),
				 EFI_SUCCESS);
		assert_true(rts_mem_check(k.m));
	}
	machine_free(&k);
}

/* Freeing needs room where it makes holes. Where there is none left it changes nothing. */
static void t_arena_full_of_holes(void **state)
{
	struct machine k = machine_new(NULL, 32 << 10);
	struct rts_mem_statistics st;
	uint64_t i, refused = 0;

	(void)state;
	machine_add(&k, FIRST, 60000, EfiConventionalMemory, WB);
	pages_new(&k, EfiLoaderData, 60000);
	for (i = 0; i < 30000; i++) {
		const EFI_STATUS status =
			rts_mem_free_pages(k.m, (FIRST + i * 2) * PAGE, 1);

		assert_true(status == EFI_SUCCESS || status == EFI_OUT_OF_RESOURCES);
		rts_mem_get_statistics(k.m, &st);
		refused += status != EFI_SUCCESS;
		assert_int_equal(st.entries, (i + 1 - refused) * 2);
		if (i % 100 == 0)
			assert_true(rts_mem_check(k.m));
	}
	assert_true(refused > 0 && refused < 29500);
	/* holes that grow into each other leave room */
	for (i = 0; i < 60000; i++)
		assert_int_equal(rts_mem_free_pages(k.m, (FIRST + i) * PAGE, 1),
				 i % 2 == 0 && i < (30000 - refused) * 2 ? EFI_NOT_FOUND
									 : EFI_SUCCESS);
	rts_mem_get_statistics(k.m, &st);
	assert_int_equal(st.entries, 1);
	machine_free(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_init),
		cmocka_unit_test(t_init_lengths),
		cmocka_unit_test(t_add),
		cmocka_unit_test(t_add_everything),
		cmocka_unit_test(t_map_content),
		cmocka_unit_test(t_map_merge),
		cmocka_unit_test(t_get_map),
		cmocka_unit_test(t_allocate_pages),
		cmocka_unit_test(t_highest),
		cmocka_unit_test(t_kinds),
		cmocka_unit_test(t_free_pages),
		cmocka_unit_test(t_crossed),
		cmocka_unit_test(t_allocate_pool),
		cmocka_unit_test(t_free_pool),
		cmocka_unit_test(t_pool_sizes),
		cmocka_unit_test(t_pool_economy),
		cmocka_unit_test(t_pool_begins_small),
		cmocka_unit_test(t_pool_last_pages),
		cmocka_unit_test(t_granules),
		cmocka_unit_test(t_granule_among_holes),
		cmocka_unit_test(t_key),
		cmocka_unit_test(t_many_types),
		cmocka_unit_test(t_classes_for_half),
		cmocka_unit_test(t_arena_shrinks),
		cmocka_unit_test(t_arena_spare),
		cmocka_unit_test(t_arena_full),
		cmocka_unit_test(t_arena_empty),
		cmocka_unit_test(t_arena_full_of_holes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
