/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Maps of others: any DescriptorSize, names, sums, order, rules. Sums are compared with a
 * model that looks at every page on its own.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem/map_summary.h"

#define MAP_MAX 64U
#define WBC     0xfULL
#define RT      EFI_MEMORY_RUNTIME

static EFI_MEMORY_DESCRIPTOR descriptors[MAP_MAX];
static uint32_t order[MAP_MAX];

static struct rts_map map_of(const EFI_MEMORY_DESCRIPTOR *d, size_t n)
{
	struct rts_map m = {descriptors, order, n};

	assert_true(n <= MAP_MAX);
	memcpy(descriptors, d, n * sizeof *d);
	rts_map_sort(&m);
	return m;
}

static EFI_MEMORY_DESCRIPTOR at(uint32_t type, uint64_t start, uint64_t pages)
{
	return (EFI_MEMORY_DESCRIPTOR){type, start, 0, pages, WBC};
}

static void t_any_size(void **state)
{
	static const size_t sizes[] = {40, 48, 56, 64, 100, 4096};
	static const uint8_t raw[96];

	(void)state;
	for (size_t s = 0; s < COUNT(sizes); s++) {
		const size_t size = sizes[s];
		uint8_t *p = test_malloc(3 * size);
		EFI_MEMORY_DESCRIPTOR d;

		memset(p, 0xee, 3 * size);
		for (size_t i = 0; i < 3; i++) {
			d = at((uint32_t)i, i << 20, i + 1);
			memcpy(p + i * size, &d, sizeof d);
		}
		assert_int_equal(rts_map_count((struct bytes){p, 3 * size}, size), 3);
		assert_int_equal(rts_map_count((struct bytes){p, 3 * size - 1}, size), 2);
		for (size_t i = 0; i < 3; i++) {
			d = rts_map_descriptor((struct bytes){p, 3 * size}, size, i);
			assert_int_equal(d.Type, i);
			assert_int_equal(d.PhysicalStart, i << 20);
			assert_int_equal(d.NumberOfPages, i + 1);
		}
		test_free(p);
	}
	assert_int_equal(rts_map_count((struct bytes){raw, sizeof raw}, 39), 0);
	assert_int_equal(rts_map_count((struct bytes){raw, sizeof raw}, 0), 0);
}

static void t_type_names(void **state)
{
	static const struct {
		uint32_t type;
		const char *name, *text;
		unsigned index;
	} cases[] = {
		{0, "EfiReservedMemoryType", "ReservedMemoryType", 0},
		{1, "EfiLoaderCode", "LoaderCode", 1},
		{2, "EfiLoaderData", "LoaderData", 2},
		{3, "EfiBootServicesCode", "BootServicesCode", 3},
		{4, "EfiBootServicesData", "BootServicesData", 4},
		{5, "EfiRuntimeServicesCode", "RuntimeServicesCode", 5},
		{6, "EfiRuntimeServicesData", "RuntimeServicesData", 6},
		{7, "EfiConventionalMemory", "ConventionalMemory", 7},
		{8, "EfiUnusableMemory", "UnusableMemory", 8},
		{9, "EfiACPIReclaimMemory", "ACPIReclaimMemory", 9},
		{10, "EfiACPIMemoryNVS", "ACPIMemoryNVS", 10},
		{11, "EfiMemoryMappedIO", "MemoryMappedIO", 11},
		{12, "EfiMemoryMappedIOPortSpace", "MemoryMappedIOPortSpace", 12},
		{13, "EfiPalCode", "PalCode", 13},
		{14, "EfiPersistentMemory", "PersistentMemory", 14},
		{15, "EfiUnacceptedMemoryType", "UnacceptedMemoryType", 15},
		{16, NULL, "invalid 0x10", RTS_MAP_TYPE_INVALID},
		{0x6fffffff, NULL, "invalid 0x6fffffff", RTS_MAP_TYPE_INVALID},
		{0x70000000, NULL, "OEM 0x70000000", RTS_MAP_TYPE_OEM},
		{0x7fffffff, NULL, "OEM 0x7fffffff", RTS_MAP_TYPE_OEM},
		{0x80000000, NULL, "OS 0x80000000", RTS_MAP_TYPE_OS},
		{0xffffffff, NULL, "OS 0xffffffff", RTS_MAP_TYPE_OS},
	};
	char text[RTS_MAP_TEXT_MAX];

	(void)state;
	for (size_t c = 0; c < COUNT(cases); c++) {
		const char *name = rts_map_type_name(cases[c].type);

		if (cases[c].name == NULL)
			assert_null(name);
		else
			assert_string_equal(name, cases[c].name);
		rts_map_type_text(cases[c].type, text);
		assert_string_equal(text, cases[c].text);
		assert_int_equal(rts_map_type_index(cases[c].type), cases[c].index);
		assert_non_null(rts_map_type_index_name(cases[c].index));
	}
	assert_null(rts_map_type_index_name(RTS_MAP_TYPES));
}

static void t_texts(void **state)
{
	static const struct {
		uint64_t attributes;
		const char *text;
	} attributes[] = {
		{0, ""},
		{WBC, "UC WC WT WB"},
		{WBC | RT, "UC WC WT WB RT"},
		{EFI_MEMORY_UC | EFI_MEMORY_XP | EFI_MEMORY_RO | EFI_MEMORY_RP,
		 "UC RP XP RO"},
		{EFI_MEMORY_WB | EFI_MEMORY_MORE_RELIABLE | EFI_MEMORY_NV | EFI_MEMORY_SP,
		 "WB NV MORE_RELIABLE SP"},
		{EFI_MEMORY_WP | EFI_MEMORY_UCE | EFI_MEMORY_CPU_CRYPTO |
			 EFI_MEMORY_HOT_PLUGGABLE,
		 "UCE WP CPU_CRYPTO HOT_PLUGGABLE"},
		{EFI_MEMORY_WB | 1ULL << 62, "WB 0x4000000000000000"},
		{~0ULL, "UC WC WT WB UCE WP RP XP RO NV MORE_RELIABLE SP CPU_CRYPTO "
			"HOT_PLUGGABLE RT 0x7fffffffffe00fe0"},
	};
	static const struct {
		uint64_t pages;
		const char *text;
	} sizes[] = {
		{0, "0 KiB"},
		{1, "4 KiB"},
		{255, "1020 KiB"},
		{256, "1 MiB"},
		{257, "1.0 MiB"},
		{383, "1.4 MiB"},
		{384, "1.5 MiB"},
		{0x3ffff, "1023.9 MiB"},
		{0x40000, "1 GiB"},
		{1ULL << 28, "1 TiB"},
		{(1ULL << 52) - 1, "15.9 EiB"},
		{1ULL << 52, "16 EiB"},
		{UINT64_MAX, "65535.9 EiB"},
	};
	char text[RTS_MAP_TEXT_MAX];

	(void)state;
	for (size_t c = 0; c < COUNT(attributes); c++) {
		rts_map_attributes_text(attributes[c].attributes, text);
		assert_string_equal(text, attributes[c].text);
	}
	for (size_t c = 0; c < COUNT(sizes); c++) {
		rts_map_size_text(sizes[c].pages, text);
		assert_string_equal(text, sizes[c].text);
	}
	assert_int_equal(rts_map_bytes((1ULL << 52) - 1), 0xfffffffffffff000ULL);
	assert_int_equal(rts_map_bytes(1ULL << 52), UINT64_MAX);
}

static void t_sum(void **state)
{
	const EFI_MEMORY_DESCRIPTOR map[] = {
		at(EfiConventionalMemory, 0x300000, 16), /* a run of 32 with the next one */
		at(EfiBootServicesData, 0, 1),
		{EfiRuntimeServicesData, 0x200000, 0, 3, WBC | RT},
		{EfiConventionalMemory, 0x310000, 0, 16, EFI_MEMORY_UC},
		{EfiConventionalMemory, 0x320000, 0, 64, WBC | EFI_MEMORY_SP},
		at(EfiConventionalMemory, 0x400000, 31),
		at(EfiLoaderCode, 0x500000, 2),
		at(EfiLoaderData, 0x502000, 4),
		at(EfiBootServicesCode, 0x506000, 8),
		at(EfiACPIReclaimMemory, 0x600000, 5),
		{EfiReservedMemoryType, 0x700000, 0, 7, WBC | RT},
		{EfiBootServicesData, 0x800000, 0, 9, WBC | RT},
		{EfiMemoryMappedIO, 0xfed00000, 0, 1, EFI_MEMORY_UC | RT},
		{EfiMemoryMappedIOPortSpace, 0xffc000000, 0, 16384, EFI_MEMORY_UC | RT},
		at(0x70000000, 0x900000, 11),
		at(0x90000000, 0xa00000, 13),
	};
	struct rts_map m = map_of(map, COUNT(map));
	struct rts_map_summary s = rts_map_sum(&m);

	(void)state;
	assert_int_equal(s.usable, 16 + 1 + 16 + 31 + 2 + 4 + 8);
	assert_int_equal(s.runtime, 3 + 7 + 9);
	assert_int_equal(s.free_run, 32);
	assert_int_equal(s.free_start, 0x300000);
	assert_int_equal(s.mmio_regions, 2);
	assert_int_equal(s.mmio, 16385);
	assert_int_equal(s.by_type[EfiConventionalMemory].descriptors, 4);
	assert_int_equal(s.by_type[EfiConventionalMemory].pages, 16 + 16 + 64 + 31);
	assert_int_equal(s.by_type[RTS_MAP_TYPE_OEM].pages, 11);
	assert_int_equal(s.by_type[RTS_MAP_TYPE_OS].pages, 13);
	assert_int_equal(s.by_type[RTS_MAP_TYPE_INVALID].descriptors, 0);
	assert_int_equal(rts_map_check(&m, NULL, NULL), 0);
}

/* Random maps of one small stretch, page by page. */
static void t_model(void **state)
{
	enum { PAGES = 400 };

	(void)state;
	srandom(5);
	for (unsigned round = 0; round < 2000; round++) {
		EFI_MEMORY_DESCRIPTOR map[MAP_MAX];
		uint64_t usable = 0, runtime = 0, run = 0, best = 0,
			 pages[RTS_MAP_TYPES] = {0};
		size_t n = 0, shuffle;

		for (uint64_t p = (uint64_t)random() % 4; p < PAGES && n < MAP_MAX;) {
			uint32_t type = (uint32_t)random() % 17;
			uint64_t len = 1 + (uint64_t)random() % 12;

			type = type == 16 ? 0x80000001 : type;
			map[n] = at(random() % 2 ? EfiConventionalMemory : type, p << 12,
				    len);
			if (random() % 5 == 0)
				map[n].Attribute |= RT;
			n++;
			p += len + (random() % 3 == 0 ? (uint64_t)random() % 5 : 0);
		}
		for (uint64_t p = 0; p < PAGES + 16; p++) {
			const EFI_MEMORY_DESCRIPTOR *d = NULL;
			bool give;

			for (size_t i = 0; i < n; i++)
				if (p >= map[i].PhysicalStart >> 12 &&
				    p < (map[i].PhysicalStart >> 12) + map[i].NumberOfPages)
					d = &map[i];
			give = d != NULL && (d->Attribute & RT) == 0;
			run = give && d->Type == EfiConventionalMemory ? run + 1 : 0;
			best = run > best ? run : best;
			if (d == NULL)
				continue;
			pages[rts_map_type_index(d->Type)]++;
			usable += give && ((d->Type >= 1 && d->Type <= 4) || d->Type == 7);
			runtime += d->Type == 5 || d->Type == 6 || d->Type == 13 ||
				   (!give && d->Type != 11 && d->Type != 12);
		}
		for (size_t i = n; i > 1; i--) {
			EFI_MEMORY_DESCRIPTOR d = map[i - 1];

			shuffle = (size_t)random() % i;
			map[i - 1] = map[shuffle];
			map[shuffle] = d;
		}

		struct rts_map m = map_of(map, n);
		struct rts_map_summary s = rts_map_sum(&m);

		assert_int_equal(rts_map_check(&m, NULL, NULL), 0);
		assert_int_equal(s.usable, usable);
		assert_int_equal(s.runtime, runtime);
		assert_int_equal(s.free_run, best);
		for (unsigned t = 0; t < RTS_MAP_TYPES; t++)
			assert_int_equal(s.by_type[t].pages, pages[t]);
		for (size_t i = 1; i < n; i++)
			assert_true(m.d[m.order[i - 1]].PhysicalStart <
				    m.d[m.order[i]].PhysicalStart);
	}
}

static void add_problem(void *ctx, size_t index, const char *text)
{
	char *all = ctx;
	size_t n = strlen(all);

	snprintf(all + n, 1024 - n, "%zu: %s; ", index, text);
}

static void t_rules(void **state)
{
	const struct {
		const char *name;
		EFI_MEMORY_DESCRIPTOR d[3];
		size_t n;
		const char *want;
	} cases[] = {
		{"neighbours", {at(7, 0, 1), at(7, 0x1000, 1)}, 2, ""},
		{"all addresses", {at(7, 0, 1ULL << 52)}, 1, ""},
		{"the last page", {at(7, 0xfffffffffffff000, 1)}, 1, ""},
		{"no page", {at(7, 0x1000, 0)}, 1, "0: 0 pages at 0x1000; "},
		{"no page inside another",
		 {at(7, 0x1000, 9), at(7, 0x2000, 0)},
		 2,
		 "1: 0 pages at 0x2000; "},
		{"not on a page",
		 {at(7, 0x1008, 1)},
		 1,
		 "0: start 0x1008 is not on a page; "},
		{"virtual start not on a page",
		 {{6, 0x1000, 0xffff0001, 1, RT}},
		 1,
		 "0: virtual start 0xffff0001 is not on a page; "},
		{"type", {at(16, 0x1000, 1)}, 1, "0: type 0x10 is none; "},
		{"one page past the end",
		 {at(7, 0xfffffffffffff000, 2)},
		 1,
		 "0: 2 pages at 0xfffffffffffff000 reach past the end of all addresses; "},
		{"wraps to 0",
		 {at(7, 0x1000, 1), at(7, 0x1000000, UINT64_MAX)},
		 2,
		 "1: 18446744073709551615 pages at 0x1000000 reach past the end of all "
		 "addresses; "},
		{"overlap, in any order",
		 {at(7, 0x3000, 2), at(6, 0x1000, 3)},
		 2,
		 "0: 0x3000-0x4fff overlaps descriptor 1, 0x1000-0x3fff; "},
		{"overlap with one that is not the last",
		 {at(7, 0, 16), at(6, 0x1000, 1), at(5, 0xf000, 1)},
		 3,
		 "1: 0x1000-0x1fff overlaps descriptor 0, 0x0-0xffff; "
		 "2: 0xf000-0xffff overlaps descriptor 0, 0x0-0xffff; "},
		{"the same twice",
		 {at(7, 0, 1), at(7, 0, 1)},
		 2,
		 "1: 0x0-0xfff overlaps descriptor 0, 0x0-0xfff; "},
		{"two that reach the end",
		 {at(7, 0, 1ULL << 52), at(7, 0xfffffffffffff000, 1)},
		 2,
		 "1: 0xfffffffffffff000-0xffffffffffffffff overlaps descriptor 0, "
		 "0x0-0xffffffffffffffff; "},
	};

	(void)state;
	for (size_t c = 0; c < COUNT(cases); c++) {
		struct rts_map m = map_of(cases[c].d, cases[c].n);
		char all[1024] = "";
		size_t count = 0;

		print_message("# %s\n", cases[c].name);
		for (const char *s = cases[c].want; (s = strstr(s, "; ")) != NULL; s += 2)
			count++;
		assert_int_equal(rts_map_check(&m, add_problem, all), count);
		assert_string_equal(all, cases[c].want);
	}
}

/* Sums of what cannot be do not wrap. */
static void t_saturate(void **state)
{
	enum { COPIES = 5000 }; /* of 2^52 pages, the sum of which needs 65 bits */
	struct rts_map m = {test_calloc(COPIES, sizeof *m.d),
			    test_calloc(COPIES, sizeof *m.order), COPIES};
	struct rts_map_summary s;

	(void)state;
	for (size_t i = 0; i < COPIES; i++)
		m.d[i] = at(EfiConventionalMemory, i, UINT64_MAX);
	rts_map_sort(&m);
	s = rts_map_sum(&m);
	assert_int_equal(s.usable, UINT64_MAX);
	assert_int_equal(s.by_type[EfiConventionalMemory].pages, UINT64_MAX);
	assert_int_equal(s.free_run, 1ULL << 52);
	assert_int_equal(rts_map_last(&m.d[1]), UINT64_MAX);
	assert_int_equal(rts_map_bytes(s.usable), UINT64_MAX);
	test_free(m.d);
	test_free(m.order);
}

static void add_line(void *ctx, const char *line)
{
	char *all = ctx;
	size_t n = strlen(all);

	snprintf(all + n, 2048 - n, "%s\n", line);
}

static void t_print(void **state)
{
	const EFI_MEMORY_DESCRIPTOR small[] = {
		at(EfiConventionalMemory, 0x100000, 0x700),
		{EfiRuntimeServicesCode, 0xff000, 0xffffffff80000000, 1, WBC | RT},
		{EfiReservedMemoryType, 0xffc00000, 0, 0x400, 0},
	};
	const EFI_MEMORY_DESCRIPTOR large[] = {at(0x70000001, 1ULL << 40, 1ULL << 24)};
	struct rts_map m = map_of(small, COUNT(small));
	struct rts_map_summary s = rts_map_sum(&m);
	char all[2048] = "";

	(void)state;
	rts_map_print(&m, add_line, all);
	rts_map_print_summary(&s, add_line, all);
	assert_string_equal(
		all,
		"START    END         PAGES       SIZE  TYPE                ATTRIBUTES\n"
		"000ff000-000fffff        1      4 KiB  RuntimeServicesCode UC WC WT WB RT "
		"at "
		"0xffffffff80000000\n"
		"00100000-007fffff     1792      7 MiB  ConventionalMemory  UC WC WT WB\n"
		"ffc00000-ffffffff     1024      4 MiB  ReservedMemoryType\n"
		"usable                        7 MiB         7340032 bytes\n"
		"runtime-reserved              4 KiB            4096 bytes\n"
		"largest free run              7 MiB         7340032 bytes from 0x100000\n"
		"MMIO, 0 regions               0 KiB               0 bytes\n"
		"  ReservedMemoryType          4 MiB         4194304 bytes in 1\n"
		"  RuntimeServicesCode         4 KiB            4096 bytes in 1\n"
		"  ConventionalMemory          7 MiB         7340032 bytes in 1\n");
	m = map_of(large, COUNT(large));
	*all = 0;
	rts_map_print(&m, add_line, all);
	assert_string_equal(all, "START       END            PAGES       SIZE  TYPE        "
				 "        ATTRIBUTES\n"
				 "10000000000-10fffffffff 16777216     64 GiB  OEM "
				 "0x70000001      UC WC WT WB\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_any_size), cmocka_unit_test(t_type_names),
		cmocka_unit_test(t_texts),    cmocka_unit_test(t_sum),
		cmocka_unit_test(t_model),    cmocka_unit_test(t_rules),
		cmocka_unit_test(t_saturate), cmocka_unit_test(t_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
