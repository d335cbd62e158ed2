/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest driver's care for its pages: memory attributes tables of several firmwares,
 * before and after. */
#include "test.h"

#include "../guest/boot.h"
#include "pe_build.h"

#define IMAGE_PAGES 4U /* headers, .text, .rdata, .data */
#define MAT_MAX     256U
#define STRIDE      48U /* edk2's descriptors are longer than the specification's */
#define RT          EFI_MEMORY_RUNTIME
#define RO          EFI_MEMORY_RO
#define XP          EFI_MEMORY_XP

static _Alignas(4096) uint8_t image[IMAGE_PAGES * 4096];
static unsigned allocations;

static EFI_STATUS EFIAPI allocate_pool(EFI_MEMORY_TYPE type, UINTN size, void **ret)
{
	assert_int_equal(type, EfiBootServicesData);
	allocations++;
	*ret = test_malloc(size);
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI free_pool(void *p)
{
	allocations--;
	test_free(p);
	return EFI_SUCCESS;
}

/* A descriptor, its place given in pages from the image's first. */
struct page_range {
	int start, end;
	uint64_t attribute;
};

struct firmware {
	_Alignas(8) uint8_t table[sizeof(EFI_MEMORY_ATTRIBUTES_TABLE) + MAT_MAX * STRIDE];
	EFI_CONFIGURATION_TABLE config[2];
	EFI_SYSTEM_TABLE st;
	EFI_BOOT_SERVICES bs;
	struct boot boot;
};

static void table_write(struct firmware *f, const struct page_range *r, uint32_t n)
{
	EFI_MEMORY_ATTRIBUTES_TABLE t = {
		.Version = 2, .NumberOfEntries = n, .DescriptorSize = STRIDE};

	memcpy(f->table, &t, sizeof t);
	for (uint32_t i = 0; i < n; i++) {
		EFI_MEMORY_DESCRIPTOR d = {
			.Type = EfiRuntimeServicesCode,
			.PhysicalStart =
				(uintptr_t)image + (uint64_t)(int64_t)r[i].start * 4096,
			.NumberOfPages = (uint64_t)(r[i].end - r[i].start),
			.Attribute = r[i].attribute,
		};

		memcpy(f->table + sizeof t + (size_t)i * STRIDE, &d, sizeof d);
	}
	f->config[1].VendorTable = f->table;
}

static void firmware_init(struct firmware *f, const struct page_range *r, uint32_t n)
{
	struct pe_build b = pe_build_default();

	b.file.NumberOfSections = 3;
	b.opt.SizeOfImage = sizeof image;
	b.section[1] = (PE_SECTION_HEADER){
		.Name = ".rdata", .VirtualSize = 64, .VirtualAddress = 0x2000};
	pe_build_write(&b, image);
	memcpy(image + PE_BUILD_SECTIONS + 2 * sizeof b.section[0],
	       &(PE_SECTION_HEADER){.Name = ".data",
				    .VirtualSize = 64,
				    .VirtualAddress = 0x3000,
				    .Characteristics = PE_SECTION_WRITE},
	       sizeof b.section[0]);
	*f = (struct firmware){
		.config = {{.VendorTable = NULL},
			   {.VendorGuid = EFI_MEMORY_ATTRIBUTES_TABLE_GUID}},
		.bs = {.AllocatePool = allocate_pool, .FreePool = free_pool},
		.boot = {.image = image, .image_size = sizeof image},
	};
	f->st.NumberOfTableEntries = 2;
	f->st.ConfigurationTable = f->config;
	f->boot.st = &f->st;
	f->boot.bs = &f->bs;
	table_write(f, r, n);
	allocations = 0;
}

static void firmware_fini(struct firmware *f)
{
	test_free(f->boot.mat);
}

static void expect(const struct firmware *f, const struct page_range *want, uint32_t n)
{
	const uint8_t *p = f->config[1].VendorTable;
	EFI_MEMORY_ATTRIBUTES_TABLE t;

	memcpy(&t, p, sizeof t);
	assert_int_equal(t.Version, 2);
	assert_int_equal(t.DescriptorSize, STRIDE);
	assert_int_equal(t.NumberOfEntries, n);
	for (uint32_t i = 0; i < n; i++) {
		EFI_MEMORY_DESCRIPTOR d;

		memcpy(&d, p + sizeof t + (size_t)i * STRIDE, sizeof d);
		assert_int_equal((int64_t)(d.PhysicalStart - (uintptr_t)image) / 4096,
				 want[i].start);
		assert_int_equal(d.NumberOfPages, want[i].end - want[i].start);
		assert_int_equal(d.Attribute, want[i].attribute);
		assert_int_equal(d.Type, EfiRuntimeServicesCode);
	}
}

/* Tables that are right as they are stay untouched. */
static void t_left_alone(void **state)
{
	static const struct {
		const char *name;
		uint32_t n;
		struct page_range range[4];
	} cases[] = {
		{"empty", 0, {{0}}},
		{"others' pages only", 2, {{-9, 0, RT | XP}, {4, 9, RT | XP | RO}}},
		{"nothing is forbidden", 1, {{-9, 9, RT}}},
		{"a record of our image",
		 3,
		 {{0, 1, RT | XP}, {1, 2, RT | RO}, {2, 4, RT | XP}}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct firmware f;

		print_message("# %s\n", cases[i].name);
		firmware_init(&f, cases[i].range, cases[i].n);
		assert_true(mat_settle(&f.boot, true));
		assert_ptr_equal(f.config[1].VendorTable, f.table);
		assert_int_equal(allocations, 0);
		f.st.NumberOfTableEntries = 1; /* firmware without a table */
		assert_true(mat_settle(&f.boot, false));
	}
}

static void t_amended(void **state)
{
	static const struct {
		const char *name;
		uint32_t n, want_n;
		struct page_range range[3];
		struct page_range want[7];
	} cases[] = {
		{"spare pages, as in edk2 2022",
		 1,
		 6,
		 {{-5, 9, RT | XP}},
		 {{-5, 0, RT | XP},
		  {0, 1, RT | XP | RO},
		  {1, 2, RT | RO},
		  {2, 3, RT | XP | RO},
		  {3, 4, RT | XP},
		  {4, 9, RT | XP}}},
		{"spare pages, as in edk2 2025",
		 1,
		 6,
		 {{-5, 9, RT | XP | RO}},
		 {{-5, 0, RT | XP | RO},
		  {0, 1, RT | XP | RO},
		  {1, 2, RT | RO},
		  {2, 3, RT | XP | RO},
		  {3, 4, RT | XP},
		  {4, 9, RT | XP | RO}}},
		{"exactly ours",
		 1,
		 4,
		 {{0, 4, RT | XP}},
		 {{0, 1, RT | XP | RO},
		  {1, 2, RT | RO},
		  {2, 3, RT | XP | RO},
		  {3, 4, RT | XP}}},
		{"across two, one of them right",
		 2,
		 6,
		 {{-5, 2, RT | RO}, {2, 9, RT | RO}},
		 {{-5, 0, RT | RO},
		  {0, 1, RT | XP | RO},
		  {1, 2, RT | RO},
		  {2, 3, RT | XP | RO},
		  {3, 4, RT | XP},
		  {4, 9, RT | RO}}},
		{"only a part is described",
		 2,
		 3,
		 {{-5, -2, RT}, {1, 3, RT | XP}},
		 {{-5, -2, RT}, {1, 2, RT | RO}, {2, 3, RT | XP | RO}}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct firmware f;

		print_message("# %s\n", cases[i].name);
		firmware_init(&f, cases[i].range, cases[i].n);
		assert_true(mat_settle(&f.boot, true));
		expect(&f, cases[i].want, cases[i].want_n);
		assert_true(mat_settle(&f.boot, false)); /* now it is right */
		assert_int_equal(allocations, 1);
		firmware_fini(&f);
	}
}

/* Firmware makes its table anew after we have changed it. */
static void t_again(void **state)
{
	const struct page_range one = {-5, 9, RT | XP};
	struct page_range many[MAT_MAX];
	struct firmware f;

	(void)state;
	for (int i = 0; i < (int)MAT_MAX; i++)
		many[i] = (struct page_range){100 + i, 101 + i, RT | XP};
	many[0] = one;

	firmware_init(&f, &one, 1);
	assert_false(mat_settle(&f.boot, false)); /* nothing prepared */
	assert_ptr_equal(f.config[1].VendorTable, f.table);
	assert_true(mat_settle(&f.boot, true));
	table_write(&f, many, 40);
	assert_true(mat_settle(&f.boot,
			       false)); /* at ExitBootServices: there is room for more */
	assert_int_equal(allocations, 1);
	table_write(&f, many, MAT_MAX);
	assert_false(mat_settle(&f.boot, false)); /* not for as many */
	assert_ptr_equal(f.config[1].VendorTable, f.table);
	assert_true(mat_settle(&f.boot, true)); /* at the next ReadyToBoot there is again */
	assert_int_equal(allocations, 1);
	firmware_fini(&f);
}

static void t_nonsense(void **state)
{
	const struct page_range one = {-5, 9, RT | XP};
	struct firmware f;

	(void)state;
	firmware_init(&f, &one, 1);
	f.table[8] = 39; /* DescriptorSize */
	assert_false(mat_settle(&f.boot, true));
	firmware_init(&f, &one, 1);
	image[0] = 0; /* not an image */
	assert_false(mat_settle(&f.boot, true));
	assert_int_equal(allocations, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_left_alone),
		cmocka_unit_test(t_amended),
		cmocka_unit_test(t_again),
		cmocka_unit_test(t_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
