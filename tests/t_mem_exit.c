/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of boot services and what comes after: keys, virtual addresses, pointers, the
 * memory attributes table. */
#include "mem_machine.h"

#include <stdlib.h>

#define ARENA  (256U << 10)
#define WB     EFI_MEMORY_WB
#define RT     EFI_MEMORY_RUNTIME
#define RO     EFI_MEMORY_RO
#define XP     EFI_MEMORY_XP
#define FIRST  0x100ULL
#define PAGES  1024ULL
#define SPACE  (1ULL << 52)
#define VIRT   0xffffffff00000000ULL
#define STRIDE 48U

static void leave(const struct machine *k)
{
	struct map map;

	map_get(k, &map);
	assert_int_equal(rts_mem_exit_begin(k->m), EFI_SUCCESS);
	assert_int_equal(rts_mem_exit_commit(k->m, map.key), EFI_SUCCESS);
}

static void t_exit(void **state)
{
	struct machine k = machine_new(NULL, ARENA);
	uint64_t at, pool, stale;
	struct map map, after;

	(void)state;
	machine_add(&k, FIRST, PAGES, EfiConventionalMemory, WB);
	map_get(&k, &map);
	assert_int_equal(rts_mem_exit_begin(k.m), EFI_SUCCESS);
	assert_int_equal(rts_mem_exit_commit(k.m, map.key * 2), EFI_INVALID_PARAMETER);
	assert_int_equal(rts_mem_exit_commit(k.m, 0), EFI_INVALID_PARAMETER);
	assert_int_equal(rts_mem_exit_commit(k.m, map.key + 1), EFI_INVALID_PARAMETER);
	/* memory services live on */
	at = pages_new(&k, EfiLoaderData, 2);
	pool = pool_new(&k, EfiLoaderData, 100);
	assert_int_equal(rts_mem_exit_commit(k.m, map.key), EFI_INVALID_PARAMETER);
	assert_int_equal(rts_mem_free_pages(k.m, at, 1), EFI_SUCCESS);
	assert_int_equal(rts_mem_free_pool(k.m, pool), EFI_SUCCESS);
	/* a key is fresh until a BEFORE_EXIT handler allocates */
	map_get(&k, &map);
	stale = map.key;
	assert_int_equal(rts_mem_exit_begin(k.m), EFI_SUCCESS);
	pages_new(&k, EfiRuntimeServicesData, 1);
	assert_int_equal(rts_mem_exit_commit(k.m, stale), EFI_INVALID_PARAMETER);
	map_get(&k, &map);
	assert_int_equal(rts_mem_exit_begin(k.m), EFI_SUCCESS);
	assert_int_equal(rts_mem_exit_commit(k.m, map.key), EFI_SUCCESS);

	/* nothing changes any more */
	at = FIRST * PAGE;
	assert_int_equal(rts_mem_exit_begin(k.m), EFI_UNSUPPORTED);
	assert_int_equal(rts_mem_exit_commit(k.m, map.key), EFI_UNSUPPORTED);
	for (int how = 0; how < 3; how++)
		assert_int_equal(rts_mem_allocate_pages(k.m, (EFI_ALLOCATE_TYPE)how,
							EfiLoaderData, 1, &at),
				 EFI_UNSUPPORTED);
	assert_int_equal(rts_mem_free_pages(k.m, at, 1), EFI_UNSUPPORTED);
	assert_int_equal(rts_mem_allocate_pool(k.m, EfiLoaderData, 1, &at),
			 EFI_UNSUPPORTED);
	assert_int_equal(rts_mem_free_pool(k.m, pool), EFI_UNSUPPORTED);
	assert_int_equal(rts_mem_add(k.m, 0, 1, EfiConventionalMemory, WB),
			 EFI_UNSUPPORTED);
	map_get(&k, &after);
	assert_true(map_equal(&map, &after) && map.key == after.key);
	machine_free(&k);
}

/* A machine after ExitBootServices: runtime code at 0x200 (4 pages) and data right after it
 * (4), MMIO for the runtime at 0x1000 (1), and much else. */
static struct machine runtime_machine(bool lax)
{
	struct rts_mem_config config = {.lax_virtual_map = lax};
	struct machine k = machine_new(&config, ARENA);

	machine_add(&k, 0, 1, EfiConventionalMemory, WB);
	machine_add(&k, FIRST, PAGES, EfiConventionalMemory, WB);
	machine_add(&k, 0x1000, 1, EfiMemoryMappedIO, EFI_MEMORY_UC | RT);
	machine_add(&k, 0x1001, 1, EfiMemoryMappedIO, EFI_MEMORY_UC);
	pages_at(&k, EfiRuntimeServicesCode, 0x200, 4);
	pages_at(&k, EfiRuntimeServicesData, 0x204, 4);
	pages_at(&k, EfiBootServicesData, 0x208, 4);
	leave(&k);
	return k;
}

struct range {
	uint64_t page, pages, virtual_page;
	uint64_t attribute;
};

static size_t write_map(uint8_t *buf, const struct range *r, size_t n, size_t stride)
{
	size_t len = 0;

	memset(buf, 0xee, n * stride);
	for (size_t i = 0; i < n && r[i].pages != 0; i++, len += stride)
		memcpy(buf + len,
		       &(EFI_MEMORY_DESCRIPTOR){
			       .Type = EfiRuntimeServicesData,
			       .PhysicalStart = r[i].page * PAGE,
			       .NumberOfPages = r[i].pages,
			       .VirtualStart = VIRT + r[i].virtual_page * PAGE,
			       .Attribute = r[i].attribute,
		       },
		       sizeof(EFI_MEMORY_DESCRIPTOR));
	return len;
}

#define CODE                    \
	{                       \
		0x200, 4, 0, RT \
	}
#define DATA                    \
	{                       \
		0x204, 4, 8, RT \
	}
#define MMIO                      \
	{                         \
		0x1000, 1, 16, RT \
	}

static void t_virtual_map(void **state)
{
	static const struct {
		const char *name;
		struct range r[6];
		EFI_STATUS strict, lax;
	} cases[] = {
		{"as it is", {CODE, DATA, MMIO}, EFI_SUCCESS, EFI_SUCCESS},
		{"in another order", {MMIO, DATA, CODE}, EFI_SUCCESS, EFI_SUCCESS},
		{"boot services memory, too",
		 {{0x208, 4, 0x40, 0}, CODE, DATA, MMIO},
		 EFI_SUCCESS,
		 EFI_SUCCESS},
		{"and free memory without an address",
		 {{0x300, 4, 0, 0}, CODE, DATA, MMIO},
		 EFI_SUCCESS,
		 EFI_SUCCESS},
		{"free memory for the runtime",
		 {CODE, DATA, MMIO, {0x300, 4, 0x40, RT}},
		 EFI_SUCCESS,
		 EFI_SUCCESS},
		{"merged", {{0x200, 8, 0, RT}, MMIO}, EFI_SUCCESS, EFI_SUCCESS},
		{"split",
		 {{0x200, 1, 0, RT}, {0x201, 3, 4, RT}, DATA, MMIO},
		 EFI_SUCCESS,
		 EFI_SUCCESS},
		{"too much around it, in the map",
		 {{0x1ff, 9, 0, RT}, MMIO},
		 EFI_SUCCESS,
		 EFI_SUCCESS},
		{"nothing", {{0}}, EFI_NO_MAPPING, EFI_SUCCESS},
		{"no code", {DATA, MMIO}, EFI_NO_MAPPING, EFI_SUCCESS},
		{"no MMIO", {CODE, DATA}, EFI_NO_MAPPING, EFI_SUCCESS},
		{"a page short at the front",
		 {{0x201, 3, 0, RT}, DATA, MMIO},
		 EFI_NO_MAPPING,
		 EFI_SUCCESS},
		{"a page short at the end",
		 {CODE, {0x204, 3, 8, RT}, MMIO},
		 EFI_NO_MAPPING,
		 EFI_SUCCESS},
		{"a page short in the middle",
		 {CODE, {0x204, 1, 8, RT}, {0x206, 2, 16, RT}, {0x1000, 1, 24, RT}},
		 EFI_NO_MAPPING,
		 EFI_SUCCESS},
		{"not marked for the runtime",
		 {{0x200, 4, 0, 0}, DATA, MMIO},
		 EFI_NO_MAPPING,
		 EFI_SUCCESS},
		{"an unknown address",
		 {CODE, DATA, MMIO, {0x9000, 1, 0x40, RT}},
		 EFI_NOT_FOUND,
		 EFI_SUCCESS},
		{"an unknown address, not for the runtime",
		 {CODE, DATA, MMIO, {0x9000, 1, 0x40, 0}},
		 EFI_NOT_FOUND,
		 EFI_SUCCESS},
		{"beyond the end of what is known",
		 {CODE, DATA, {0x1000, 2, 16, RT}},
		 EFI_NOT_FOUND,
		 EFI_SUCCESS},
		{"the same twice",
		 {CODE, CODE, DATA, MMIO},
		 EFI_INVALID_PARAMETER,
		 EFI_INVALID_PARAMETER},
		{"physical overlap",
		 {{0x200, 5, 0, RT}, DATA, MMIO},
		 EFI_INVALID_PARAMETER,
		 EFI_INVALID_PARAMETER},
		{"virtual overlap",
		 {CODE, {0x204, 4, 3, RT}, MMIO},
		 EFI_INVALID_PARAMETER,
		 EFI_INVALID_PARAMETER},
		{"virtual neighbours",
		 {CODE, {0x204, 4, 4, RT}, MMIO},
		 EFI_SUCCESS,
		 EFI_SUCCESS},
		{"up to the end of virtual memory",
		 {CODE, DATA, {0x1000, 1, 0xfffff, RT}},
		 EFI_SUCCESS,
		 EFI_SUCCESS},
		{"beyond the end of virtual memory",
		 {CODE, {0x204, 4, 0xffffd, RT}, MMIO},
		 EFI_INVALID_PARAMETER,
		 EFI_INVALID_PARAMETER},
		{"beyond the end of physical memory",
		 {CODE, DATA, MMIO, {SPACE - 1, 2, 0x40, RT}},
		 EFI_INVALID_PARAMETER,
		 EFI_INVALID_PARAMETER},
		{"a count that overflows",
		 {CODE, DATA, MMIO, {0x300, 1ULL << 63, 0x40, 0}},
		 EFI_INVALID_PARAMETER,
		 EFI_INVALID_PARAMETER},
	};
	static uint8_t buf[6 * STRIDE];

	(void)state;
	for (size_t i = 0; i < COUNT(cases) * 2; i++) {
		const bool lax = i % 2 != 0;
		struct machine k = runtime_machine(lax);
		const EFI_STATUS want = lax ? cases[i / 2].lax : cases[i / 2].strict;
		const size_t len = write_map(buf, cases[i / 2].r, 6, STRIDE);
		uint64_t at = 0x200 * PAGE;

		print_message("# %s\n", cases[i / 2].name);
		assert_int_equal(rts_mem_virtual_begin(k.m, len, STRIDE, 1, buf), want);
		if (want != EFI_SUCCESS) {
			static const struct range right[] = {CODE, DATA, MMIO};

			/* not in force; and it can still be done right */
			assert_int_equal(rts_mem_convert(k.m, 0, &at), EFI_UNSUPPORTED);
			rts_mem_virtual_end(k.m);
			assert_int_equal(
				rts_mem_virtual_begin(k.m, write_map(buf, right, 3, STRIDE),
						      STRIDE, 1, buf),
				EFI_SUCCESS);
		}
		/* once only */
		assert_int_equal(rts_mem_virtual_begin(k.m, len, STRIDE, 1, buf),
				 EFI_UNSUPPORTED);
		rts_mem_virtual_end(k.m);
		assert_int_equal(rts_mem_virtual_begin(k.m, len, STRIDE, 1, buf),
				 EFI_UNSUPPORTED);
		assert_int_equal(rts_mem_convert(k.m, 0, &at), EFI_UNSUPPORTED);
		machine_free(&k);
	}
}

static void t_virtual_map_form(void **state)
{
	static const struct range right[] = {CODE, DATA, MMIO};
	static const struct {
		const char *name;
		uint64_t stride, cut; /* bytes off the end */
		uint32_t version;
		EFI_STATUS status;
	} cases[] = {
		{"stride 0", 0, 0, 1, EFI_INVALID_PARAMETER},
		{"stride 1", 1, 0, 1, EFI_INVALID_PARAMETER},
		{"stride 39", 39, 0, 1, EFI_INVALID_PARAMETER},
		{"stride 40", 40, 0, 1, EFI_SUCCESS},
		{"stride 48", 48, 0, 1, EFI_SUCCESS},
		{"stride 56", 56, 0, 1, EFI_SUCCESS},
		{"an odd stride", 41, 0, 1, EFI_SUCCESS},
		{"a huge stride", 1ULL << 63, 0, 1, EFI_INVALID_PARAMETER},
		{"version 0", 48, 0, 0, EFI_INVALID_PARAMETER},
		{"version 2", 48, 0, 2, EFI_INVALID_PARAMETER},
		{"a byte less", 48, 1, 1, EFI_INVALID_PARAMETER},
		{"half a descriptor less", 48, 24, 1, EFI_INVALID_PARAMETER},
		{"a descriptor less", 48, 48, 1, EFI_NO_MAPPING},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct machine k = runtime_machine(false);
		/* of exactly its length, for a sanitizer to see one byte too many */
		const size_t stride = cases[i].stride >= 40 && cases[i].stride < 100
					      ? (size_t)cases[i].stride
					      : 40;
		uint8_t *buf = test_malloc(3 * stride);

		print_message("# %s\n", cases[i].name);
		write_map(buf, right, 3, stride);
		assert_int_equal(rts_mem_virtual_begin(k.m, 3 * stride - cases[i].cut,
						       cases[i].stride, cases[i].version,
						       buf),
				 cases[i].status);
		test_free(buf);
		machine_free(&k);
	}

	struct machine k = machine_new(NULL, ARENA);
	EFI_MEMORY_DESCRIPTOR d = {.Type = 5, .PhysicalStart = 8, .NumberOfPages = 1};

	assert_int_equal(rts_mem_virtual_begin(k.m, 0, 40, 1, &d), EFI_UNSUPPORTED);
	assert_int_equal(rts_mem_exit_begin(k.m), EFI_SUCCESS);
	assert_int_equal(rts_mem_virtual_begin(k.m, 0, 0, 0, NULL), EFI_UNSUPPORTED);
	machine_free(&k);

	k = machine_new(NULL, ARENA);
	machine_add(&k, 0, 16, EfiConventionalMemory, WB);
	leave(&k);
	assert_int_equal(rts_mem_virtual_begin(k.m, 40, 40, 1, NULL),
			 EFI_INVALID_PARAMETER);
	assert_int_equal(rts_mem_virtual_begin(k.m, 40, 40, 1, &d), EFI_INVALID_PARAMETER);
	d.PhysicalStart = PAGE;
	d.Attribute = RT;
	d.VirtualStart = 1;
	assert_int_equal(rts_mem_virtual_begin(k.m, 40, 40, 1, &d), EFI_INVALID_PARAMETER);
	d.VirtualStart = 0;
	d.NumberOfPages = 0;
	assert_int_equal(rts_mem_virtual_begin(k.m, 40, 40, 1, &d), EFI_INVALID_PARAMETER);
	/* no runtime memory, no map: fine */
	assert_int_equal(rts_mem_virtual_begin(k.m, 0, 40, 1, NULL), EFI_SUCCESS);
	machine_free(&k);
}

/* Thousands of entries, in an order that is bad for a simple sort; each is found. */
static void t_virtual_map_large(void **state)
{
	enum { RANGES = 3000 };
	struct rts_mem_config config = {.descriptor_size = 40};
	struct machine k = machine_new(&config, 1 << 20);
	static EFI_MEMORY_DESCRIPTOR d[RANGES];

	(void)state;
	machine_add(&k, FIRST, RANGES * 2, EfiConventionalMemory, WB);
	for (uint64_t i = 0; i < RANGES; i++) {
		pages_at(&k, EfiRuntimeServicesData, FIRST + i * 2, 1);
		d[i * 7 % RANGES] = (EFI_MEMORY_DESCRIPTOR){
			.PhysicalStart = (FIRST + i * 2) * PAGE,
			.NumberOfPages = 1,
			.VirtualStart = VIRT + (RANGES - i) * 3 * PAGE,
			.Attribute = RT,
		};
	}
	uint64_t size = 0, key;

	assert_int_equal(rts_mem_get_map(k.m, &size, NULL, &key, NULL, NULL),
			 EFI_BUFFER_TOO_SMALL);
	assert_int_equal(size, RANGES * 2 * 40);
	assert_int_equal(rts_mem_exit_commit(k.m, key), EFI_SUCCESS);
	d[17].VirtualStart = d[2500].VirtualStart;
	assert_int_equal(rts_mem_virtual_begin(k.m, sizeof d, 40, 1, d),
			 EFI_INVALID_PARAMETER);
	d[17].VirtualStart = VIRT - PAGE;
	assert_int_equal(rts_mem_virtual_begin(k.m, sizeof d, 40, 1, d), EFI_SUCCESS);
	for (unsigned i = 0; i < RANGES; i++) {
		uint64_t at = d[i].PhysicalStart + i;

		assert_int_equal(rts_mem_convert(k.m, 0, &at), EFI_SUCCESS);
		assert_int_equal(at, d[i].VirtualStart + i);
		at = d[i].PhysicalStart + PAGE;
		assert_int_equal(rts_mem_convert(k.m, 0, &at), EFI_NOT_FOUND);
	}
	machine_free(&k);

	/* an arena without room for so many says so */
	k = machine_new(NULL, 32 << 10);
	machine_add(&k, FIRST, RANGES * 2, EfiConventionalMemory, WB);
	leave(&k);
	assert_int_equal(rts_mem_virtual_begin(k.m, sizeof d, 40, 1, d),
			 EFI_OUT_OF_RESOURCES);
	machine_free(&k);
}

static void t_convert(void **state)
{
	static const struct range ranges[] = {
		CODE, DATA, MMIO, {0x208, 4, 0x100, 0} /* not the runtime's */};
	static const struct {
		const char *name;
		uint64_t given, disposition;
		EFI_STATUS status;
		uint64_t want;
	} cases[] = {
		{"start", 0x200000, 0, EFI_SUCCESS, VIRT},
		{"inside", 0x201234, 0, EFI_SUCCESS, VIRT + 0x1234},
		{"last byte", 0x203fff, 0, EFI_SUCCESS, VIRT + 0x3fff},
		{"the next range", 0x204000, 0, EFI_SUCCESS, VIRT + 0x8000},
		{"its last byte", 0x207fff, 0, EFI_SUCCESS, VIRT + 0xbfff},
		{"one past its end", 0x208000, 0, EFI_NOT_FOUND, 0x208000},
		{"one before the first", 0x1fffff, 0, EFI_NOT_FOUND, 0x1fffff},
		{"MMIO", 0x1000008, 0, EFI_SUCCESS, VIRT + 0x10008},
		{"beyond all", 0x1001000, 0, EFI_NOT_FOUND, 0x1001000},
		{"virtual already", VIRT, 0, EFI_NOT_FOUND, VIRT},
		{"the end of everything", UINT64_MAX, 0, EFI_NOT_FOUND, UINT64_MAX},
		{"NULL", 0, 0, EFI_INVALID_PARAMETER, 0},
		{"NULL, another bit", 0, 2, EFI_INVALID_PARAMETER, 0},
		{"optional NULL", 0, EFI_OPTIONAL_PTR, EFI_SUCCESS, 0},
		{"optional NULL, another bit", 0, EFI_OPTIONAL_PTR | 2, EFI_SUCCESS, 0},
		{"optional, and not NULL", 0x200000, EFI_OPTIONAL_PTR, EFI_SUCCESS, VIRT},
		{"page 0 is memory, NULL is none", 1, 0, EFI_NOT_FOUND, 1},
	};
	struct machine k = runtime_machine(false);
	uint8_t buf[4 * STRIDE];
	uint64_t at = 0x200000;

	(void)state;
	assert_int_equal(rts_mem_convert(k.m, 0, &at), EFI_UNSUPPORTED);
	assert_int_equal(rts_mem_virtual_begin(k.m, write_map(buf, ranges, 4, STRIDE),
					       STRIDE, 1, buf),
			 EFI_SUCCESS);
	memset(buf, 0, sizeof buf); /* it was copied */
	assert_int_equal(rts_mem_convert(k.m, 0, NULL), EFI_INVALID_PARAMETER);
	for (size_t i = 0; i < COUNT(cases); i++) {
		print_message("# %s\n", cases[i].name);
		at = cases[i].given;
		assert_int_equal(rts_mem_convert(k.m, cases[i].disposition, &at),
				 cases[i].status);
		assert_int_equal(at, cases[i].want);
	}
	/* a second conversion of one variable fails; it does not go unnoticed */
	at = 0x200000;
	assert_int_equal(rts_mem_convert(k.m, 0, &at), EFI_SUCCESS);
	assert_int_equal(rts_mem_convert(k.m, 0, &at), EFI_NOT_FOUND);
	machine_free(&k);
}

/* The memory attributes table. */

static void t_attributes(void **state)
{
	/* map: code at 0x200 (16 pages), data at 0x210 (8), more code at 0x220 (4) */
	static const struct rts_mem_range text = {0x202 * PAGE, 3},
					  two[] = {{0x203 * PAGE, 2}, {0x206 * PAGE, 1}},
					  most = {0x201 * PAGE, 3}, all = {0x200 * PAGE, 4};
	static const struct {
		const char *name;
		struct rts_mem_image image[2];
		size_t count;
		struct {
			uint64_t page, pages, attr;
		} want[9];
	} cases[] = {
		{"no images",
		 {{{0}, NULL, 0}},
		 0,
		 {{0x200, 16, RO | XP}, {0x210, 8, XP}, {0x220, 4, RO | XP}}},
		{"one image",
		 {{{0x200 * PAGE, 8}, &text, 1}},
		 1,
		 {{0x200, 2, XP},
		  {0x202, 3, RO},
		  {0x205, 3, XP},
		  {0x208, 8, RO | XP},
		  {0x210, 8, XP},
		  {0x220, 4, RO | XP}}},
		{"two code sections",
		 {{{0x202 * PAGE, 6}, two, 2}},
		 1,
		 {{0x200, 2, RO | XP},
		  {0x202, 1, XP},
		  {0x203, 2, RO},
		  {0x205, 1, XP},
		  {0x206, 1, RO},
		  {0x207, 1, XP},
		  {0x208, 8, RO | XP},
		  {0x210, 8, XP},
		  {0x220, 4, RO | XP}}},
		{"two images, last one first; the borders do not show",
		 {{{0x204 * PAGE, 4}, NULL, 0}, {{0x200 * PAGE, 4}, &most, 1}},
		 2,
		 {{0x200, 1, XP},
		  {0x201, 3, RO},
		  {0x204, 4, XP},
		  {0x208, 8, RO | XP},
		  {0x210, 8, XP},
		  {0x220, 4, RO | XP}}},
		{"an image in data memory, and one that is all code",
		 {{{0x212 * PAGE, 2}, NULL, 0}, {{0x200 * PAGE, 4}, &all, 1}},
		 2,
		 {{0x200, 4, RO},
		  {0x204, 12, RO | XP},
		  {0x210, 8, XP},
		  {0x220, 4, RO | XP}}},
		{"an image that is nowhere",
		 {{{0x300 * PAGE, 8}, &text, 1}},
		 1,
		 {{0x200, 16, RO | XP}, {0x210, 8, XP}, {0x220, 4, RO | XP}}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct machine k = machine_new(NULL, ARENA);
		uint8_t buf[16 + 9 * STRIDE + 1];
		EFI_MEMORY_ATTRIBUTES_TABLE t;
		uint64_t size = 0, need;
		size_t n = 0;

		print_message("# %s\n", cases[i].name);
		machine_add(&k, FIRST, PAGES, EfiConventionalMemory, WB);
		pages_at(&k, EfiRuntimeServicesCode, 0x200, 16);
		pages_at(&k, EfiRuntimeServicesData, 0x210, 8);
		pages_at(&k, EfiRuntimeServicesCode, 0x220, 4);
		pages_at(&k, EfiBootServicesCode, 0x224, 4);
		while (n < COUNT(cases[i].want) && cases[i].want[n].pages != 0)
			n++;
		need = sizeof t + n * STRIDE;
		assert_int_equal(rts_mem_attributes_table(k.m, cases[i].image,
							  cases[i].count, 0, &size, NULL),
				 EFI_BUFFER_TOO_SMALL);
		assert_int_equal(size, need);
		assert_int_equal(rts_mem_attributes_table(k.m, cases[i].image,
							  cases[i].count, 0, &size, NULL),
				 EFI_INVALID_PARAMETER);
		memset(buf, 0x5a, sizeof buf);
		size--;
		assert_int_equal(rts_mem_attributes_table(k.m, cases[i].image,
							  cases[i].count, 0, &size, buf),
				 EFI_BUFFER_TOO_SMALL);
		assert_int_equal(buf[0], 0x5a);
		assert_int_equal(size, need);
		size = sizeof buf;
		assert_int_equal(rts_mem_attributes_table(k.m, cases[i].image,
							  cases[i].count, 0, &size, buf),
				 EFI_SUCCESS);
		assert_int_equal(size, need);
		assert_int_equal(buf[need], 0x5a);
		memcpy(&t, buf, sizeof t);
		assert_int_equal(t.Version, 2);
		assert_int_equal(t.NumberOfEntries, n);
		assert_int_equal(t.DescriptorSize, STRIDE);
		assert_int_equal(t.Flags, 0);
		for (size_t e = 0; e < n; e++) {
			EFI_MEMORY_DESCRIPTOR d;

			memcpy(&d, buf + sizeof t + e * STRIDE, sizeof d);
			assert_int_equal(d.PhysicalStart, cases[i].want[e].page * PAGE);
			assert_int_equal(d.NumberOfPages, cases[i].want[e].pages);
			assert_int_equal(d.Attribute, RT | cases[i].want[e].attr);
			assert_int_equal(d.VirtualStart, 0);
			assert_int_equal(d.Type, d.PhysicalStart == 0x210 * PAGE
							 ? EfiRuntimeServicesData
							 : EfiRuntimeServicesCode);
		}
		machine_free(&k);
	}
}

static void t_attributes_refused(void **state)
{
	static const struct rts_mem_range odd = {0x204 * PAGE, 4}, half = {0x200800, 4};
	struct rts_mem_config config = {.runtime_granularity = 65536};
	struct machine k = machine_new(&config, ARENA);
	struct rts_mem_image image = {{0x200 * PAGE, 16}, &odd, 1};
	uint8_t buf[1024];
	uint64_t size = sizeof buf;

	(void)state;
	machine_add(&k, FIRST, PAGES, EfiConventionalMemory, WB);
	pages_at(&k, EfiRuntimeServicesCode, 0x200, 16);
	assert_int_equal(rts_mem_attributes_table(k.m, &image, 1, 0, NULL, buf),
			 EFI_INVALID_PARAMETER);
	assert_int_equal(rts_mem_attributes_table(k.m, NULL, 1, 0, &size, buf),
			 EFI_INVALID_PARAMETER);
	/* code and data share a granule of 64 KiB: there can be no table */
	assert_int_equal(rts_mem_attributes_table(k.m, &image, 1, 0, &size, buf),
			 EFI_UNSUPPORTED);
	image.code_count = 0;
	assert_int_equal(rts_mem_attributes_table(k.m, &image, 1, 1, &size, buf),
			 EFI_SUCCESS);
	assert_int_equal(buf[12], 1); /* Flags */
	image.range.pages = 8;
	assert_int_equal(rts_mem_attributes_table(k.m, &image, 1, 0, &size, buf),
			 EFI_UNSUPPORTED);
	machine_free(&k);
	k = machine_new(NULL, ARENA);
	image = (struct rts_mem_image){{0x200 * PAGE, 8}, &half, 1};
	assert_int_equal(rts_mem_attributes_table(k.m, &image, 1, 0, &size, buf),
			 EFI_UNSUPPORTED);
	image = (struct rts_mem_image){{0x200 * PAGE, SPACE}, NULL, 0};
	assert_int_equal(rts_mem_attributes_table(k.m, &image, 1, 0, &size, buf),
			 EFI_UNSUPPORTED);
	machine_free(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_exit),
		cmocka_unit_test(t_virtual_map),
		cmocka_unit_test(t_virtual_map_form),
		cmocka_unit_test(t_virtual_map_large),
		cmocka_unit_test(t_convert),
		cmocka_unit_test(t_attributes),
		cmocka_unit_test(t_attributes_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
