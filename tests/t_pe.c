/* SPDX-License-Identifier: BSD-2-Clause */
/* PE32+ headers: a right image, every field that can be wrong, every length it can be cut
 * to. */
#include "test.h"

#include "pe/pe_header.h"
#include "pe_build.h"

static EFI_STATUS read_build(const struct pe_build *b, size_t len, struct diag *d,
			     struct rts_pe_header *ret)
{
	/* Exactly @len bytes on the heap, so that a sanitizer sees one too many. */
	uint8_t whole[PE_BUILD_LEN];
	uint8_t *p = test_malloc(len + (len == 0));
	EFI_STATUS status;

	pe_build_write(b, whole);
	memcpy(p, whole, len);
	status = rts_pe_header_read((struct bytes){p, len}, d, ret);
	test_free(p);
	return status;
}

static void t_right(void **state)
{
	struct pe_build b = pe_build_default();
	uint8_t image[PE_BUILD_LEN];
	struct rts_pe_header h;
	PE_SECTION_HEADER s;

	(void)state;
	b.dir[PE_DIRECTORY_RELOC] = (PE_DATA_DIRECTORY){0x2000, 12};
	pe_build_write(&b, image);
	struct bytes bytes = {image, sizeof image};

	assert_int_equal(rts_pe_header_read(bytes, NULL, &h), EFI_SUCCESS);
	assert_int_equal(h.file.Machine, PE_MACHINE_X64);
	assert_int_equal(h.opt.AddressOfEntryPoint, 0x1000);
	assert_int_equal(h.opt.SizeOfImage, 0x3000);
	assert_int_equal(h.reloc.Size, 12);
	assert_true(rts_pe_section_read(bytes, &h, 1, &s));
	assert_int_equal(s.VirtualAddress, 0x2000);
	assert_false(rts_pe_section_read(bytes, &h, 2, &s));
}

static void t_cut(void **state)
{
	struct pe_build b = pe_build_default();
	const size_t need = PE_BUILD_SECTIONS + sizeof b.section;

	(void)state;
	for (size_t n = 0; n <= PE_BUILD_LEN; n++) {
		struct rts_pe_header h;
		struct diag d = {0};
		EFI_STATUS status = read_build(&b, n, &d, &h);

		assert_int_equal(status, n < need ? EFI_LOAD_ERROR : EFI_SUCCESS);
		assert_int_equal(d.text[0] != 0, n < need);
	}
}

static void t_wrong(void **state)
{
	static const struct {
		const char *name;
		uint32_t offset;
		uint32_t value;
		const char *text;
	} cases[] = {
		{"no MZ", 0, 0, "not a PE image"},
		{"PE header far away", PE_DOS_LFANEW, 0xffffffff, "no PE signature"},
		{"PE header at the end", PE_DOS_LFANEW, PE_BUILD_LEN - 4,
		 "no PE signature"},
		{"no PE signature", PE_BUILD_NT, 0, "no PE signature"},
		{"PE32", PE_BUILD_OPT, 0x10b, "not PE32+"},
		{"65535 sections", PE_BUILD_FILE, 0xffff8664, "do not fit"},
		{"short optional header", PE_BUILD_FILE + 16, 111, "optional header"},
		{"long optional header", PE_BUILD_FILE + 16, 0xffff, "optional header"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct pe_build b = pe_build_default();
		uint8_t image[PE_BUILD_LEN];
		struct rts_pe_header h;
		struct diag d = {0};

		pe_build_write(&b, image);
		memcpy(image + cases[i].offset, &cases[i].value, 4);
		print_message("# %s\n", cases[i].name);
		assert_int_equal(
			rts_pe_header_read((struct bytes){image, sizeof image}, &d, &h),
			EFI_LOAD_ERROR);
		assert_non_null(strstr(d.text, cases[i].text));
	}
}

/* A count of directories that the header has no room for, and a header without any. */
static void t_directories(void **state)
{
	struct pe_build b = pe_build_default();
	struct rts_pe_header h;

	(void)state;
	b.dir[PE_DIRECTORY_RELOC].Size = 12;
	b.opt.NumberOfRvaAndSizes = 5;
	assert_int_equal(read_build(&b, PE_BUILD_LEN, NULL, &h), EFI_SUCCESS);
	assert_int_equal(h.reloc.Size, 0);
	b.opt.NumberOfRvaAndSizes = UINT32_MAX;
	b.file.SizeOfOptionalHeader = sizeof(PE_OPTIONAL_HEADER) + 5 * 8;
	assert_int_equal(read_build(&b, PE_BUILD_LEN, NULL, &h), EFI_SUCCESS);
	assert_int_equal(h.reloc.Size, 0);
}

static void t_check_driver(void **state)
{
	static const struct {
		const char *name;
		uint16_t subsystem;
		uint32_t alignment, relocations;
		const char *text; /* NULL: nothing */
	} cases[] = {
		{"right", PE_SUBSYSTEM_RUNTIME_DRIVER, 4096, 0, NULL},
		{"64 KiB pages", PE_SUBSYSTEM_RUNTIME_DRIVER, 65536, 0, NULL},
		{"application", PE_SUBSYSTEM_APPLICATION, 4096, 0, "subsystem 10"},
		{"small sections", PE_SUBSYSTEM_RUNTIME_DRIVER, 512, 0, "alignment 512"},
		{"no alignment", PE_SUBSYSTEM_RUNTIME_DRIVER, 0, 0, "alignment 0"},
		{"relocations", PE_SUBSYSTEM_RUNTIME_DRIVER, 4096, 12, "12 bytes of base"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct pe_build b = pe_build_default();
		struct rts_pe_header h;
		struct diag d = {0};

		b.opt.Subsystem = cases[i].subsystem;
		b.opt.SectionAlignment = cases[i].alignment;
		b.dir[PE_DIRECTORY_RELOC].Size = cases[i].relocations;
		print_message("# %s\n", cases[i].name);
		assert_int_equal(read_build(&b, PE_BUILD_LEN, NULL, &h), EFI_SUCCESS);
		assert_int_equal(rts_pe_check_driver(&h, &d),
				 cases[i].text != NULL ? EFI_UNSUPPORTED : EFI_SUCCESS);
		if (cases[i].text != NULL)
			assert_non_null(strstr(d.text, cases[i].text));
	}
}

static void t_names(void **state)
{
	(void)state;
	assert_string_equal(rts_pe_machine_name(PE_MACHINE_X64), "x64");
	assert_string_equal(rts_pe_machine_name(PE_MACHINE_AARCH64), "aa64");
	assert_null(rts_pe_machine_name(0x14c));
	assert_string_equal(rts_pe_subsystem_name(10), "application");
	assert_string_equal(rts_pe_subsystem_name(11), "driver");
	assert_string_equal(rts_pe_subsystem_name(12), "runtime-driver");
	assert_null(rts_pe_subsystem_name(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_right),        cmocka_unit_test(t_cut),
		cmocka_unit_test(t_wrong),        cmocka_unit_test(t_directories),
		cmocka_unit_test(t_check_driver), cmocka_unit_test(t_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
