/* SPDX-License-Identifier: BSD-2-Clause */
/* Option ROMs: what is packed is read back, and a ROM that is broken or cut is refused with
 * its offset. */
#include "test.h"

#include "pe/pe_rom.h"
#include "pe_build.h"

#define ROM_MAX   8192U
#define IMAGE_LEN 1536U /* of one packed image: 1024 + 64 bytes, in units of 512 */

static const struct rts_pe_rom_id id = {0x1af4, 0x1110, 0x050000};

/* An x64 and an aa64 image. */
static size_t pack_two(uint8_t rom[ROM_MAX])
{
	struct writer w = {.p = rom, .cap = ROM_MAX};
	struct pe_build b = pe_build_default();
	uint8_t image[PE_BUILD_LEN];

	pe_build_write(&b, image);
	assert_int_equal(rts_pe_rom_append(&w, (struct bytes){image, sizeof image}, &id,
					   false, NULL),
			 EFI_SUCCESS);
	b.file.Machine = PE_MACHINE_AARCH64;
	pe_build_write(&b, image);
	assert_int_equal(
		rts_pe_rom_append(&w, (struct bytes){image, sizeof image}, &id, true, NULL),
		EFI_SUCCESS);
	assert_false(w.full);
	return w.n;
}

static void t_round_trip(void **state)
{
	uint8_t rom[ROM_MAX];
	struct bytes bytes = {rom, pack_two(rom)};
	struct rts_pe_rom_image i;
	struct rts_pe_header h;
	uint64_t offset = 0;

	(void)state;
	assert_int_equal(bytes.n, 2 * IMAGE_LEN);
	assert_int_equal(rts_pe_rom_next(bytes, &offset, NULL, &i), EFI_SUCCESS);
	assert_int_equal(i.offset, 0);
	assert_int_equal(i.len, IMAGE_LEN);
	assert_int_equal(i.vendor, 0x1af4);
	assert_int_equal(i.device, 0x1110);
	assert_int_equal(i.class_code, 0x050000);
	assert_int_equal(i.machine, PE_MACHINE_X64);
	assert_int_equal(i.subsystem, PE_SUBSYSTEM_RUNTIME_DRIVER);
	assert_int_equal(i.compression, 0);
	assert_false(i.last);
	assert_int_equal(rts_pe_header_read(i.efi, NULL, &h), EFI_SUCCESS);
	assert_int_equal(h.file.Machine, PE_MACHINE_X64);

	assert_int_equal(rts_pe_rom_next(bytes, &offset, NULL, &i), EFI_SUCCESS);
	assert_int_equal(i.offset, IMAGE_LEN);
	assert_int_equal(i.machine, PE_MACHINE_AARCH64);
	assert_true(i.last);
	assert_int_equal(rts_pe_rom_next(bytes, &offset, NULL, &i), EFI_NOT_FOUND);
}

/* The header's bytes, as a firmware looks at them (UEFI 2.10 §14.4.2, table 14-9). */
static void t_bytes(void **state)
{
	static const uint8_t want[0x40] = {
		[0x00] = 0x55, 0xaa,             /* signature */
		[0x02] = 3,                      /* units of 512 */
		[0x04] = 0xf1, 0x0e, 0x00, 0x00, /* EFI signature */
		[0x08] = 12,                     /* runtime driver */
		[0x0a] = 0x64, 0x86,             /* x64 */
		[0x16] = 0x40,                   /* image */
		[0x18] = 0x1c,                   /* PCIR */
		[0x1c] = 'P',  'C',  'I',  'R',  /* */
		[0x20] = 0xf4, 0x1a, 0x10, 0x11, /* vendor, device */
		[0x26] = 0x1c,                   /* length */
		[0x28] = 3,                      /* revision */
		[0x29] = 0x00, 0x00, 0x05,       /* class */
		[0x2c] = 3,                      /* units of 512 */
		[0x30] = 3,                      /* code type EFI */
	};
	uint8_t rom[ROM_MAX];

	(void)state;
	pack_two(rom);
	assert_memory_equal(rom, want, sizeof want);
	assert_int_equal(rom[0x31], 0);
	assert_int_equal(rom[IMAGE_LEN + 0x31], 0x80);
	assert_memory_equal(rom + 0x40, "MZ", 2);
}

static void t_broken(void **state)
{
	static const struct {
		const char *name;
		uint32_t offset;
		uint16_t value;
		unsigned images; /* that are still read */
		const char *text;
	} cases[] = {
		{"no signature", 0, 0, 0, "offset 0x0: signature"},
		{"PCIR far away", 0x18, 0xffff, 0, "offset 0xffff: no PCI data"},
		{"PCIR elsewhere", 0x18, 0x20, 0, "offset 0x20: no PCI data"},
		{"length 0", 0x2c, 0, 0, "image of 0 bytes"},
		{"length past the end", 0x2c, 7, 0, "image of 3584 bytes"},
		{"no EFI signature", 4, 0, 0, "offset 0x4: EFI signature"},
		{"image offset past the end", 0x16, IMAGE_LEN, 0, "offset 0x16"},
		{"the second has no signature", IMAGE_LEN, 0, 1, "offset 0x600: signature"},
		{"no last image", IMAGE_LEN + 0x31, 0, 2, "offset 0xc00: no room"},
	};

	(void)state;
	for (size_t c = 0; c < COUNT(cases); c++) {
		uint8_t rom[ROM_MAX];
		struct bytes bytes = {rom, pack_two(rom)};
		struct rts_pe_rom_image i;
		struct diag d = {0};
		uint64_t offset = 0;
		unsigned n = 0;

		memcpy(rom + cases[c].offset, &cases[c].value, 2);
		print_message("# %s\n", cases[c].name);
		while (rts_pe_rom_next(bytes, &offset, &d, &i) == EFI_SUCCESS)
			n++;
		assert_int_equal(n, cases[c].images);
		assert_non_null(strstr(d.text, cases[c].text));
	}
}

static void t_cut(void **state)
{
	uint8_t rom[ROM_MAX];
	size_t whole = pack_two(rom);

	(void)state;
	for (size_t n = 0; n <= whole; n++) {
		uint8_t *p = test_malloc(n + (n == 0));
		struct rts_pe_rom_image i;
		uint64_t offset = 0;
		unsigned images = 0;

		memcpy(p, rom, n);
		while (rts_pe_rom_next((struct bytes){p, n}, &offset, NULL, &i) ==
		       EFI_SUCCESS)
			images++;
		assert_int_equal(images, n / IMAGE_LEN);
		test_free(p);
	}
}

/* Other code types and compressed images are listed, not unpacked. */
static void t_foreign(void **state)
{
	uint8_t rom[ROM_MAX];
	struct bytes bytes = {rom, pack_two(rom)};
	struct rts_pe_rom_image i;
	uint64_t offset = 0;

	(void)state;
	rom[0x30] = 0;             /* code type: PC-AT */
	rom[4] = 0;                /* which has no EFI signature */
	rom[IMAGE_LEN + 0x0c] = 1; /* compressed */
	assert_int_equal(rts_pe_rom_next(bytes, &offset, NULL, &i), EFI_SUCCESS);
	assert_int_equal(i.code_type, 0);
	assert_int_equal(i.efi.n, 0);
	assert_int_equal(rts_pe_rom_next(bytes, &offset, NULL, &i), EFI_SUCCESS);
	assert_int_equal(i.compression, 1);
	assert_int_equal(i.efi.n, 0);
}

static void t_refused(void **state)
{
	static uint8_t big[65535U * 512U];
	uint8_t rom[ROM_MAX];
	struct pe_build b = pe_build_default();
	struct writer w = {.p = rom, .cap = ROM_MAX};
	struct diag d = {0};

	(void)state;
	assert_int_equal(rts_pe_rom_append(&w, (struct bytes){rom, 0}, &id, true, &d),
			 EFI_LOAD_ERROR);
	assert_int_equal(w.n, 0);
	pe_build_write(&b, big);
	d = (struct diag){0};
	assert_int_equal(
		rts_pe_rom_append(&w, (struct bytes){big, sizeof big}, &id, true, &d),
		EFI_BAD_BUFFER_SIZE);
	assert_non_null(strstr(d.text, "too large"));
	assert_int_equal(w.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_round_trip), cmocka_unit_test(t_bytes),
		cmocka_unit_test(t_broken),     cmocka_unit_test(t_cut),
		cmocka_unit_test(t_foreign),    cmocka_unit_test(t_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
