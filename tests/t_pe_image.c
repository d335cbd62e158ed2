/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Images as a loader sees them: what is refused, where the bytes go, and what relocating,
 * relocating again and going back leave in every byte.
 */
#include "test.h"

#include <stdlib.h>

#include "pe/pe_header.h"
#include "pe_build.h"
#include "runtserv/pe.h"

#define FILE_LEN  0x800U
#define TEXT_FILE 0x400U
#define DATA_FILE 0x600U
#define TEXT      0x1000U
#define DATA      0x2000U
#define RELOC     0x2100U /* in .data */
#define IMAGE_LEN 0x3000U
#define BASE      0x140000000ULL

/* Fixups: one in .text, two in .data, of which the second is not aligned. */
static const uint32_t fixups[] = {TEXT + 8, DATA, DATA + 0x15};

struct built {
	struct pe_build b;
	uint8_t relocs[64];
	uint32_t relocs_len;
};

static void add_block(struct built *i, uint32_t page, const uint16_t *entries, unsigned n)
{
	PE_BASE_RELOCATION block = {page, (uint32_t)(sizeof block + n * 2)};

	memcpy(i->relocs + i->relocs_len, &block, sizeof block);
	memcpy(i->relocs + i->relocs_len + sizeof block, entries, n * 2);
	i->relocs_len += block.SizeOfBlock;
}

static struct built build_default(void)
{
	static const uint16_t text[] = {0xa008, 0}, data[] = {0xa000, 0xa015};
	struct built i = {.b = pe_build_default()};

	i.b.opt.SizeOfHeaders = TEXT_FILE;
	i.b.opt.ImageBase = BASE;
	i.b.opt.SizeOfImage = IMAGE_LEN;
	i.b.section[0].VirtualSize = 0x1f0;
	i.b.section[0].PointerToRawData = TEXT_FILE;
	i.b.section[0].Characteristics |= PE_SECTION_CODE;
	i.b.section[1].VirtualSize = 0x400;
	i.b.section[1].SizeOfRawData = 0x200;
	i.b.section[1].PointerToRawData = DATA_FILE;
	add_block(&i, TEXT, text, COUNT(text));
	add_block(&i, DATA, data, COUNT(data));
	i.b.dir[PE_DIRECTORY_RELOC] = (PE_DATA_DIRECTORY){RELOC, i.relocs_len};
	return i;
}

/* Distinct bytes everywhere; the fixups point into the image. */
static void write_file(const struct built *i, uint8_t ret[FILE_LEN])
{
	uint8_t head[PE_BUILD_LEN];

	for (unsigned k = TEXT_FILE; k < FILE_LEN; k++)
		ret[k] = (uint8_t)(k * 7 + k / 256);
	pe_build_write(&i->b, head);
	memcpy(ret, head, TEXT_FILE);
	memcpy(ret + DATA_FILE + RELOC - DATA, i->relocs, sizeof i->relocs);
	for (unsigned k = 0; k < COUNT(fixups); k++) {
		uint64_t value = BASE + TEXT + k;
		uint32_t at = fixups[k] < DATA ? fixups[k] - TEXT + TEXT_FILE
					       : fixups[k] - DATA + DATA_FILE;

		memcpy(ret + at, &value, sizeof value);
	}
}

/* What the placed image must be at @base, written independently of pe_image.c. */
static void expect(const uint8_t file[FILE_LEN], uint64_t base, uint8_t ret[IMAGE_LEN])
{
	memset(ret, 0, IMAGE_LEN);
	memcpy(ret, file, TEXT_FILE);
	memcpy(ret + TEXT, file + TEXT_FILE, 0x1f0);
	memcpy(ret + DATA, file + DATA_FILE, 0x200);
	for (unsigned k = 0; k < COUNT(fixups); k++) {
		uint64_t value = base + TEXT + k;

		memcpy(ret + fixups[k], &value, sizeof value);
	}
}

static EFI_STATUS read_exact(const uint8_t *file, size_t len, struct diag *d,
			     struct rts_pe_image *ret)
{
	/* not test_malloc(), which puts a guard of its own behind it */
	uint8_t *p = malloc(len + (len == 0));
	EFI_STATUS status;

	assert_non_null(p);

	memcpy(p, file, len);
	status = rts_pe_image_read((struct bytes){p, len}, d, ret);
	free(p);
	return status;
}

static void t_place(void **state)
{
	static const uint64_t bases[] = {BASE, 0, 0x30000000, 0xfffff00000000000};
	struct built i = build_default();
	uint8_t file[FILE_LEN], want[IMAGE_LEN], got[IMAGE_LEN];
	struct rts_pe_section s;
	struct rts_pe_image img;

	(void)state;
	write_file(&i, file);
	assert_int_equal(rts_pe_image_read((struct bytes){file, sizeof file}, NULL, &img),
			 EFI_SUCCESS);
	assert_false(img.te || img.fixed);
	assert_int_equal(img.machine, PE_MACHINE_X64);
	assert_int_equal(img.subsystem, PE_SUBSYSTEM_RUNTIME_DRIVER);
	assert_int_equal(img.entry, 0x1000);
	assert_int_equal(img.size, IMAGE_LEN);
	assert_int_equal(img.section_align, 0x1000);
	assert_true(rts_pe_image_section(&img, 0, &s));
	assert_string_equal(s.name, ".text");
	assert_int_equal(s.start, TEXT);
	assert_int_equal(s.size, 0x1f0);
	assert_true(s.execute && !s.write);
	assert_true(rts_pe_image_section(&img, 1, &s));
	assert_true(s.write && !s.execute);
	assert_false(rts_pe_image_section(&img, 2, &s));
	for (size_t k = 0; k < COUNT(bases); k++) {
		memset(got, 0xcc, sizeof got);
		assert_int_equal(rts_pe_image_place(&img, got, bases[k], NULL),
				 EFI_SUCCESS);
		expect(file, bases[k], want);
		assert_memory_equal(got, want, sizeof want);
	}
}

/* A second relocation leaves alone what has changed since the log was made. */
static void t_move(void **state)
{
	static const uint64_t other = 0x1122334455667788;
	const uint64_t to = 0xffff800012345000;
	struct built i = build_default();
	uint8_t file[FILE_LEN], want[IMAGE_LEN], got[IMAGE_LEN];
	uint64_t log[COUNT(fixups)];
	struct rts_pe_image img;

	(void)state;
	write_file(&i, file);
	assert_int_equal(rts_pe_image_read((struct bytes){file, sizeof file}, NULL, &img),
			 EFI_SUCCESS);
	rts_pe_image_place(&img, got, 0x5000000, NULL);
	assert_int_equal(rts_pe_image_log(&img, got, NULL, 0), COUNT(fixups));
	assert_int_equal(rts_pe_image_log(&img, got, log, COUNT(log)), COUNT(fixups));
	assert_int_equal(log[1], 0x5000000 + TEXT + 1);
	memcpy(got + fixups[1], &other, sizeof other);
	/* The placed table is the driver's to spoil. */
	memset(got + RELOC, 0xff, img.reloc.Size);
	assert_int_equal(rts_pe_image_move(&img, got, 0x5000000, to, log, NULL),
			 EFI_SUCCESS);
	expect(file, to, want);
	memcpy(want + fixups[1], &other, sizeof other);
	memset(want + RELOC, 0xff, img.reloc.Size);
	assert_memory_equal(got, want, sizeof want);

	/* Without a log all are changed; to the base of the file, that is to go back. */
	rts_pe_image_place(&img, got, to, NULL);
	assert_int_equal(rts_pe_image_move(&img, got, to, BASE, NULL, NULL), EFI_SUCCESS);
	expect(file, BASE, want);
	assert_memory_equal(got, want, sizeof want);
}

struct stream {
	uint8_t p[IMAGE_LEN];
	size_t n;
};

static void put(void *ctx, const void *p, size_t n)
{
	struct stream *s = ctx;

	memcpy(s->p + s->n, p, n);
	s->n += n;
}

static void t_code(void **state)
{
	struct built i = build_default();
	uint8_t file[FILE_LEN], placed[IMAGE_LEN];
	struct stream one = {.n = 0}, two = {.n = 0};
	struct rts_pe_image img;

	(void)state;
	write_file(&i, file);
	assert_int_equal(rts_pe_image_read((struct bytes){file, sizeof file}, NULL, &img),
			 EFI_SUCCESS);
	rts_pe_image_place(&img, placed, 0x1000, NULL);
	assert_int_equal(rts_pe_image_code(&img, placed, put, &one), EFI_SUCCESS);
	rts_pe_image_place(&img, placed, 0x7fff12345000, NULL);
	/* .data may differ as it likes. */
	memset(placed + DATA + 0x20, 0x55, 16);
	assert_int_equal(rts_pe_image_code(&img, placed, put, &two), EFI_SUCCESS);
	assert_int_equal(one.n, 0x1f0);
	assert_int_equal(two.n, 0x1f0);
	assert_memory_equal(one.p, two.p, one.n);
	memset(file + TEXT_FILE + 8, 0, 8);
	assert_memory_equal(one.p, file + TEXT_FILE, one.n);
}

static void t_cut(void **state)
{
	struct built i = build_default();
	uint8_t file[FILE_LEN];

	(void)state;
	write_file(&i, file);
	for (size_t n = 0; n <= FILE_LEN; n++) {
		struct rts_pe_image img;
		struct diag d = {0};
		EFI_STATUS status = read_exact(file, n, &d, &img);

		assert_int_equal(status, n < FILE_LEN ? EFI_LOAD_ERROR : EFI_SUCCESS);
		assert_int_equal(d.text[0] != 0, n < FILE_LEN);
	}
}

#define FIELD(f)   (PE_BUILD_FILE + (uint32_t)offsetof(PE_FILE_HEADER, f))
#define OPT(f)     (PE_BUILD_OPT + (uint32_t)offsetof(PE_OPTIONAL_HEADER, f))
#define SECT(n, f) (PE_BUILD_SECTIONS + n * 40U + (uint32_t)offsetof(PE_SECTION_HEADER, f))
#define DIR_RELOC  (PE_BUILD_DIR + PE_DIRECTORY_RELOC * 8U)
#define IN_RELOC   (DATA_FILE + RELOC - DATA)

/* One 32-bit word changed, and what is said of it; NULL: it is fine. */
static void t_wrong(void **state)
{
	static const struct {
		const char *name;
		uint32_t offset, value;
		EFI_STATUS status;
		const char *text;
	} cases[] = {
		{"not an image", 0, 0x1234, EFI_LOAD_ERROR, "offset 0: not a PE"},
		{"32 bits", OPT(Magic), PE32_MAGIC, EFI_UNSUPPORTED,
		 "offset 0x58: magic 0x10b, a 32-bit image"},
		{"machine", FIELD(Machine), 0x2014c, EFI_UNSUPPORTED, "machine 0x14c"},
		{"size 0", OPT(SizeOfImage), 0, EFI_LOAD_ERROR, "image of 0x0 bytes"},
		{"size over the cap", OPT(SizeOfImage), RTS_PE_IMAGE_MAX + 1,
		 EFI_LOAD_ERROR, "image of 0x10000001 bytes"},
		{"size at the cap", OPT(SizeOfImage), RTS_PE_IMAGE_MAX, EFI_SUCCESS, NULL},
		{"size ends in a section", OPT(SizeOfImage), 0x23ff, EFI_LOAD_ERROR,
		 "section 1: 0x2000+0x400 lies past the end of the image, 0x23ff"},
		{"size ends with a section", OPT(SizeOfImage), 0x2400, EFI_SUCCESS, NULL},
		{"headers of no bytes", OPT(SizeOfHeaders), 0, EFI_LOAD_ERROR,
		 "headers of 0x0 bytes"},
		{"headers past the file", OPT(SizeOfHeaders), FILE_LEN + 1, EFI_LOAD_ERROR,
		 "headers of 0x801 bytes"},
		{"entry in no section", OPT(AddressOfEntryPoint), 0x500, EFI_LOAD_ERROR,
		 "entry at 0x500"},
		{"entry behind a section", OPT(AddressOfEntryPoint), 0x11f0, EFI_LOAD_ERROR,
		 "entry at 0x11f0"},
		{"entry at the end of one", OPT(AddressOfEntryPoint), 0x11ef, EFI_SUCCESS,
		 NULL},
		{"entry far away", OPT(AddressOfEntryPoint), 0xffffffff, EFI_LOAD_ERROR,
		 "entry at 0xffffffff"},
		{"sections overlap", SECT(0, VirtualSize), 0x1001, EFI_LOAD_ERROR,
		 "section 1: starts at 0x2000, before the end of what precedes it, 0x2001"},
		{"sections touch", SECT(0, VirtualSize), 0x1000, EFI_SUCCESS, NULL},
		{"section over the header", SECT(0, VirtualAddress), 0x3ff, EFI_LOAD_ERROR,
		 "section 0: starts at 0x3ff"},
		{"section past 4 GiB", SECT(1, VirtualSize), 0xfffff000, EFI_LOAD_ERROR,
		 "section 1: 0x2000+0xfffff000"},
		{"bytes past the file", SECT(1, PointerToRawData), DATA_FILE + 1,
		 EFI_LOAD_ERROR, "section 1: bytes 0x601+0x200"},
		{"bytes far away", SECT(1, PointerToRawData), 0xfffffff0, EFI_LOAD_ERROR,
		 "section 1: bytes 0xfffffff0+0x200"},
		{"relocations in no section", DIR_RELOC, 0x500, EFI_LOAD_ERROR,
		 "relocations at 0x500"},
		{"relocations in zeros", DIR_RELOC, 0x2200, EFI_LOAD_ERROR,
		 "in no section's bytes"},
		{"relocations too long", DIR_RELOC + 4, 0x101, EFI_LOAD_ERROR,
		 "relocations at 0x2100+0x101"},
		{"relocations of all bytes", DIR_RELOC + 4, 0xffffffff, EFI_LOAD_ERROR,
		 "relocations at"},
		{"no relocations", DIR_RELOC + 4, 0, EFI_SUCCESS, NULL},
		{"half a block header", DIR_RELOC + 4, 4, EFI_LOAD_ERROR,
		 "offset 0x700: a relocation block"},
		{"block of no bytes", IN_RELOC + 4, 0, EFI_LOAD_ERROR,
		 "offset 0x700: a relocation block"},
		{"block of only a header", IN_RELOC + 4, 8, EFI_LOAD_ERROR,
		 "offset 0x708: a relocation block that does not fit, 16 bytes are left"},
		{"last block too long", IN_RELOC + 16, 13, EFI_LOAD_ERROR,
		 "offset 0x70c: a relocation block that does not fit, 12 bytes are left"},
		{"block past the table", IN_RELOC + 4, 25, EFI_LOAD_ERROR,
		 "offset 0x700: a relocation block"},
		{"block of all the table", IN_RELOC + 4, 24, EFI_LOAD_ERROR,
		 "relocation of type"},
		{"HIGHLOW", IN_RELOC + 8, 0x3008, EFI_LOAD_ERROR,
		 "offset 0x708: relocation of type 3"},
		{"HIGH", IN_RELOC + 8, 0x1008, EFI_LOAD_ERROR, "relocation of type 1"},
		{"only padding", IN_RELOC + 8, 0, EFI_SUCCESS, NULL},
		{"fixup at the end", IN_RELOC + 12, 0x2fe3, EFI_SUCCESS, NULL},
		{"fixup across the end", IN_RELOC + 12, 0x2fe4, EFI_LOAD_ERROR,
		 "offset 0x716: relocation at 0x2ff9 of an image of 0x3000 bytes"},
		{"fixup past 4 GiB", IN_RELOC + 12, 0xfffffff8, EFI_LOAD_ERROR,
		 "relocation at 0xfffffff8"},
	};

	(void)state;
	for (size_t k = 0; k < COUNT(cases); k++) {
		struct built i = build_default();
		struct rts_pe_image img;
		uint8_t file[FILE_LEN];
		struct diag d = {0};

		write_file(&i, file);
		memcpy(file + cases[k].offset, &cases[k].value, 4);
		print_message("# %s\n", cases[k].name);
		assert_int_equal(read_exact(file, sizeof file, &d, &img), cases[k].status);
		if (cases[k].text != NULL && strstr(d.text, cases[k].text) == NULL)
			fail_msg("%s: %s", cases[k].name, d.text);
		assert_int_equal(d.text[0] != 0, cases[k].text != NULL);
	}
}

/* A section of its own, which the table fills to the last byte. */
static void t_reloc_section(void **state)
{
	struct built i = build_default();
	uint8_t file[FILE_LEN], got[IMAGE_LEN];
	uint64_t value;
	struct rts_pe_image img;

	(void)state;
	i.relocs_len = 12; /* the block of .text */
	i.b.dir[PE_DIRECTORY_RELOC] = (PE_DATA_DIRECTORY){DATA, i.relocs_len};
	i.b.section[1].VirtualSize = i.relocs_len;
	i.b.section[1].SizeOfRawData = i.relocs_len;
	write_file(&i, file);
	memcpy(file + DATA_FILE, i.relocs, i.relocs_len);
	assert_int_equal(rts_pe_image_read((struct bytes){file, sizeof file}, NULL, &img),
			 EFI_SUCCESS);
	assert_int_equal(rts_pe_image_log(&img, got, NULL, 0), 1);
	assert_int_equal(rts_pe_image_place(&img, got, 0x7000, NULL), EFI_SUCCESS);
	memcpy(&value, got + fixups[0], sizeof value);
	assert_int_equal(value, 0x7000 + TEXT);
}

/* RELOCS_STRIPPED decides, and not whether there is a table. */
static void t_fixed(void **state)
{
	uint8_t file[FILE_LEN], got[IMAGE_LEN], want[IMAGE_LEN];
	struct built i = build_default();
	struct rts_pe_image img;
	struct diag d = {0};

	(void)state;
	i.b.file.Characteristics = PE_FILE_RELOCS_STRIPPED;
	write_file(&i, file);
	struct bytes bytes = {file, sizeof file};

	assert_int_equal(rts_pe_image_read(bytes, NULL, &img), EFI_SUCCESS);
	assert_true(img.fixed);
	assert_int_equal(rts_pe_image_log(&img, got, NULL, 0), 0);
	assert_int_equal(rts_pe_image_place(&img, got, BASE, NULL), EFI_SUCCESS);
	expect(file, BASE, want);
	assert_memory_equal(got, want, sizeof want);
	assert_int_equal(rts_pe_image_place(&img, got, BASE + 0x1000, &d), EFI_UNSUPPORTED);
	assert_non_null(strstr(d.text, "0x140000000"));
	assert_int_equal(rts_pe_image_move(&img, got, BASE, BASE + 1, NULL, NULL),
			 EFI_UNSUPPORTED);
	assert_memory_equal(got, want, sizeof want);

	i.b.file.Characteristics = 0;
	i.b.dir[PE_DIRECTORY_RELOC] = (PE_DATA_DIRECTORY){0};
	write_file(&i, file);
	assert_int_equal(rts_pe_image_read(bytes, NULL, &img), EFI_SUCCESS);
	assert_false(img.fixed);
	expect(file, BASE, want);
	assert_int_equal(rts_pe_image_place(&img, got, 0x1000, NULL), EFI_SUCCESS);
	assert_memory_equal(got, want, sizeof want);
}

/* Boot drivers: sections share pages, and begin where the file's do. */
static void t_small_sections(void **state)
{
	struct built i = build_default();
	uint8_t file[FILE_LEN], got[IMAGE_LEN];
	struct rts_pe_section s;
	struct rts_pe_image img;

	(void)state;
	i.b.opt.SectionAlignment = 0x40;
	i.b.opt.FileAlignment = 0x40;
	i.b.opt.SizeOfImage = 0x8c0;
	i.b.opt.AddressOfEntryPoint = 0x440;
	i.b.section[0].VirtualAddress = 0x440;
	i.b.section[0].VirtualSize = 0; /* then the size in the file counts */
	i.b.section[1].VirtualAddress = 0x680;
	i.b.section[1].VirtualSize = 0x200;
	i.b.dir[PE_DIRECTORY_RELOC] = (PE_DATA_DIRECTORY){0};
	write_file(&i, file);
	assert_int_equal(rts_pe_image_read((struct bytes){file, sizeof file}, NULL, &img),
			 EFI_SUCCESS);
	assert_int_equal(img.section_align, 0x40);
	assert_true(rts_pe_image_section(&img, 0, &s));
	assert_int_equal(s.size, 0x200);
	assert_int_equal(rts_pe_image_place(&img, got, 0x1000, NULL), EFI_SUCCESS);
	assert_memory_equal(got + 0x440, file + TEXT_FILE, 0x200);
	assert_memory_equal(got + 0x680, file + DATA_FILE, 0x200);

	/* A header may promise more than the sections keep. */
	i.b.opt.SectionAlignment = 0x1000;
	write_file(&i, file);
	assert_int_equal(rts_pe_image_read((struct bytes){file, sizeof file}, NULL, &img),
			 EFI_SUCCESS);
	assert_int_equal(img.section_align, 0x40);
}

/* An empty section takes no room, whatever it says of itself. */
static void t_empty_section(void **state)
{
	struct built i = build_default();
	struct rts_pe_section s;
	struct rts_pe_image img;
	uint8_t file[FILE_LEN], got[IMAGE_LEN];

	(void)state;
	i.b.section[1] = (PE_SECTION_HEADER){.VirtualAddress = 0xfffffff0,
					     .PointerToRawData = 0xfffffff0};
	i.b.dir[PE_DIRECTORY_RELOC] = (PE_DATA_DIRECTORY){0};
	write_file(&i, file);
	assert_int_equal(rts_pe_image_read((struct bytes){file, sizeof file}, NULL, &img),
			 EFI_SUCCESS);
	assert_true(rts_pe_image_section(&img, 1, &s));
	assert_int_equal(s.start + s.size, 0);
	assert_int_equal(rts_pe_image_place(&img, got, 0, NULL), EFI_SUCCESS);
}

/* The same image as TE: headers up to 0x1b0 became one of 40 bytes. */
#define STRIPPED 0x148U
#define TE_DELTA (STRIPPED - 40U)

static size_t write_te(const struct built *i, const EFI_TE_IMAGE_HEADER *h,
		       uint8_t ret[FILE_LEN])
{
	uint8_t file[FILE_LEN];

	write_file(i, file);
	memcpy(ret, h, sizeof *h);
	memcpy(ret + sizeof *h, file + STRIPPED, FILE_LEN - STRIPPED);
	return FILE_LEN - TE_DELTA;
}

static EFI_TE_IMAGE_HEADER te_default(const struct built *i)
{
	return (EFI_TE_IMAGE_HEADER){
		.Signature = EFI_TE_IMAGE_HEADER_SIGNATURE,
		.Machine = PE_MACHINE_AARCH64,
		.NumberOfSections = 2,
		.Subsystem = PE_SUBSYSTEM_BOOT_SERVICE_DRIVER,
		.StrippedSize = STRIPPED,
		.AddressOfEntryPoint = 0x1000,
		.ImageBase = BASE,
		.DataDirectory[0] = {RELOC, i->relocs_len},
	};
}

static void t_te(void **state)
{
	_Static_assert(STRIPPED == PE_BUILD_SECTIONS, "the section table follows");
	struct built i = build_default();
	EFI_TE_IMAGE_HEADER h = te_default(&i);
	uint8_t te[FILE_LEN], file[FILE_LEN], got[IMAGE_LEN], want[IMAGE_LEN] = {0};
	struct rts_pe_image img;
	struct diag d = {0};
	size_t n = write_te(&i, &h, te);
	uint16_t subsystem;

	(void)state;
	write_file(&i, file);
	assert_int_equal(rts_pe_image_read((struct bytes){te, n}, NULL, &img), EFI_SUCCESS);
	assert_true(img.te);
	assert_int_equal(img.machine, PE_MACHINE_AARCH64);
	assert_int_equal(img.size, DATA + 0x400);
	assert_int_equal(img.te_delta, TE_DELTA);
	assert_int_equal(img.section_align, 0x1000);
	assert_int_equal(rts_pe_image_place(&img, got, 0x80000000, NULL), EFI_SUCCESS);
	expect(file, 0x80000000, want);
	memset(want, 0, TEXT);
	memcpy(want + TE_DELTA, te, 40 + 80);
	assert_memory_equal(got, want, img.size);
	assert_true(rts_pe_subsystem_read((struct bytes){te, n}, &subsystem));
	assert_int_equal(subsystem, PE_SUBSYSTEM_BOOT_SERVICE_DRIVER);

	for (size_t k = 0; k < n; k++)
		assert_int_equal(read_exact(te, k, NULL, &img), EFI_LOAD_ERROR);

	/* No table: none is needed, or it was stripped. */
	h.DataDirectory[0].Size = 0;
	write_te(&i, &h, te);
	assert_int_equal(read_exact(te, n, NULL, &img), EFI_SUCCESS);
	assert_false(img.fixed);
	h.DataDirectory[0].VirtualAddress = 0;
	write_te(&i, &h, te);
	assert_int_equal(read_exact(te, n, NULL, &img), EFI_SUCCESS);
	assert_true(img.fixed);

	h = te_default(&i);
	h.StrippedSize = 39;
	write_te(&i, &h, te);
	assert_int_equal(read_exact(te, n, &d, &img), EFI_LOAD_ERROR);
	assert_non_null(strstr(d.text, "39 bytes stripped"));

	/* As much as its own header: the offsets of the file hold. */
	h.StrippedSize = 40;
	write_te(&i, &h, te);
	d = (struct diag){0};
	assert_int_equal(read_exact(te, n, &d, &img), EFI_LOAD_ERROR);
	assert_non_null(strstr(d.text, "section 1: bytes 0x600+0x200"));

	/* Bytes that lie in what was stripped. */
	h = te_default(&i);
	i.b.section[0].PointerToRawData = TE_DELTA - 1;
	write_te(&i, &h, te);
	d = (struct diag){0};
	assert_int_equal(read_exact(te, n, &d, &img), EFI_LOAD_ERROR);
	assert_non_null(strstr(d.text, "section 0: bytes 0x11f+0x1f0"));

	/* A TE image is as large as its sections say, up to the cap. */
	i = build_default();
	i.b.section[1].VirtualSize = RTS_PE_IMAGE_MAX - DATA;
	write_te(&i, &h, te);
	assert_int_equal(read_exact(te, n, NULL, &img), EFI_SUCCESS);
	assert_int_equal(img.size, RTS_PE_IMAGE_MAX);
	i.b.section[1].VirtualSize++;
	write_te(&i, &h, te);
	assert_int_equal(read_exact(te, n, NULL, &img), EFI_LOAD_ERROR);
}

static void t_subsystem(void **state)
{
	struct built i = build_default();
	uint8_t file[FILE_LEN];
	uint16_t magic = PE32_MAGIC, subsystem = 0;
	const size_t need = PE_BUILD_OPT + offsetof(PE_OPTIONAL_HEADER, Subsystem) + 2;

	(void)state;
	write_file(&i, file);
	memcpy(file + PE_BUILD_OPT, &magic, sizeof magic);
	for (size_t n = 0; n < need; n++)
		assert_false(rts_pe_subsystem_read((struct bytes){file, n}, &subsystem));
	assert_true(rts_pe_subsystem_read((struct bytes){file, need}, &subsystem));
	assert_int_equal(subsystem, PE_SUBSYSTEM_RUNTIME_DRIVER);
	magic = 0x107;
	memcpy(file + PE_BUILD_OPT, &magic, sizeof magic);
	assert_false(rts_pe_subsystem_read((struct bytes){file, need}, &subsystem));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_place),         cmocka_unit_test(t_move),
		cmocka_unit_test(t_code),          cmocka_unit_test(t_cut),
		cmocka_unit_test(t_wrong),         cmocka_unit_test(t_reloc_section),
		cmocka_unit_test(t_fixed),         cmocka_unit_test(t_small_sections),
		cmocka_unit_test(t_empty_section), cmocka_unit_test(t_te),
		cmocka_unit_test(t_subsystem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
