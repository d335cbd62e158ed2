/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What images in memory are said to be: small ones made here, each damaged in one way, and
 * where OVMF is installed its drivers, loaded, moved, patched and stripped.
 */
#include "test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/guid.h"
#include "fv_build.h"
#include "pe/pe_rom.h"
#include "pe_build.h"
#include "scan_fake.h"

#define BASE 0x7f000000ULL
#define VIRT 0xfffffffeff000000ULL

/* ---- images made here ---- */

#define NT      0xe58U /* where GenFw puts the header of a runtime driver */
#define TEXT    0x1000U
#define TEXT_N  0x1000U
#define DATA    0x2000U
#define DATA_N  0x800U
#define RELOC   0x2400U
#define IMAGE_N 0x3000U
#define LINKED  0x180000000ULL

/* Where fixups are: the last one in code. */
static const uint32_t fixups[] = {DATA, DATA + 8, DATA + 0x15, DATA + 0x100, TEXT + 0x208};

struct made {
	struct pe_build b;
	bool relocs;
	uint32_t text_seed, data_seed;
	uint32_t zeros; /* at the end of the code */
};

static struct made made_default(void)
{
	struct made m = {.b = pe_build_default(),
			 .relocs = true,
			 .text_seed = 1,
			 .data_seed = 2,
			 .zeros = 0x100};

	m.b.opt.SizeOfHeaders = 0x1000;
	m.b.opt.FileAlignment = 0x1000;
	m.b.opt.ImageBase = LINKED;
	m.b.opt.SizeOfImage = IMAGE_N;
	m.b.section[0].VirtualSize = TEXT_N;
	m.b.section[0].SizeOfRawData = TEXT_N;
	m.b.section[0].PointerToRawData = TEXT;
	m.b.section[0].Characteristics |= PE_SECTION_CODE;
	m.b.section[1].VirtualSize = DATA_N;
	m.b.section[1].SizeOfRawData = DATA_N;
	m.b.section[1].PointerToRawData = DATA;
	m.b.lfanew = NT;
	return m;
}

static void noise(uint8_t *p, size_t n, uint32_t seed)
{
	uint32_t v = seed * 2654435761U + 1;

	for (size_t i = 0; i < n; i++) {
		v = v * 1664525 + 1013904223;
		p[i] = (uint8_t)(v >> 24);
	}
}

/* A file of @m, the raw layout of which is the virtual one but for the end. */
static struct blob made_file(const struct made *m)
{
	uint8_t head[PE_BUILD_LEN];
	struct pe_build b = m->b;
	struct blob f = {.p = calloc(1, DATA + DATA_N), .n = DATA + DATA_N};
	uint32_t at = RELOC;

	assert_non_null(f.p);
	noise(f.p + TEXT, TEXT_N - m->zeros, m->text_seed);
	noise(f.p + DATA, RELOC - DATA, m->data_seed);
	for (size_t i = 0; i < COUNT(fixups) && m->relocs; i++) {
		const uint16_t entry[2] = {(uint16_t)(0xa000 | (fixups[i] & 0xfff)), 0};
		const PE_BASE_RELOCATION block = {fixups[i] & ~0xfffU,
						  sizeof block + sizeof entry};
		const uint64_t value = b.opt.ImageBase + TEXT + 16 * i;

		memcpy(f.p + at, &block, sizeof block);
		memcpy(f.p + at + sizeof block, entry, sizeof entry);
		at += block.SizeOfBlock;
		memcpy(f.p + fixups[i], &value, sizeof value);
	}
	if (m->relocs)
		b.dir[PE_DIRECTORY_RELOC] = (PE_DATA_DIRECTORY){RELOC, at - RELOC};
	pe_build_write(&b, head);
	memcpy(f.p, head, PE_BUILD_NT);
	memcpy(f.p + b.lfanew, head + PE_BUILD_NT,
	       PE_BUILD_SECTIONS - PE_BUILD_NT + sizeof b.section);
	return f;
}

#define AT_FILE     (NT + 4U)
#define AT_OPT      (AT_FILE + (uint32_t)sizeof(PE_FILE_HEADER))
#define AT_DIR      (AT_OPT + (uint32_t)sizeof(PE_OPTIONAL_HEADER))
#define AT_SECTIONS (AT_DIR + PE_DIRECTORY_MAX * 8U)
#define OPT(field)  (AT_OPT + (uint32_t)offsetof(PE_OPTIONAL_HEADER, field))
#define SECTION(i, field) \
	(AT_SECTIONS + (i)*40U + (uint32_t)offsetof(PE_SECTION_HEADER, field))

/* ---- a scan of one image in memory ---- */

#define EXACT    RTS_SCAN_EXACT
#define MODIFIED RTS_SCAN_MATCH_MODIFIED
#define SIMILAR  RTS_SCAN_SIMILAR
#define UNKNOWN  RTS_SCAN_UNKNOWN

struct fixture {
	struct rts_scan_known known[8];
	struct rts_scan_config config;
	struct scan s;
	struct diag d;
};

static void add_known(struct fixture *x, const char *name, struct bytes b)
{
	x->known[x->config.known_count++] =
		(struct rts_scan_known){RTS_SCAN_KNOWN_FIRMWARE, name, b};
}

/* Memory is @n bytes at @base; exactly so many, so that a sanitizer sees one too many. */
static void begin(struct fixture *x, uint64_t base, const uint8_t *mem, size_t n)
{
	const struct rts_dump_piece piece = {.start = base, .bytes = {mem, n}};

	x->config.hash = &fake_hash;
	x->config.known = x->known;
	x->s = (struct scan){.config = &x->config, .d = &x->d};
	assert_int_equal(rts_dump_from_pieces(&piece, 1, &x->d, &x->s.dump), EFI_SUCCESS);
	x->config.dump = x->s.dump;
	if (rts_scan_known_read(&x->s) != EFI_SUCCESS)
		fail_msg("%s", x->d.text);
}

/* Loads what is at @base and names it. */
static struct scan_match match_at(struct fixture *x, uint64_t base, uint64_t size)
{
	struct scan_image img;
	struct scan_match m;

	assert_int_equal(rts_scan_image_load(&x->s, base, size, &img), EFI_SUCCESS);
	assert_int_equal(rts_scan_match(&x->s, &img, &m), EFI_SUCCESS);
	rts_scan_image_fini(&img);
	assert_true((m.known != NULL) == (m.match != RTS_SCAN_UNKNOWN));
	assert_true(m.match != RTS_SCAN_EXACT || m.differing == 0);
	assert_true((m.likeness != 0) == (m.match == RTS_SCAN_SIMILAR));
	return m;
}

/* What a loader and SetVirtualAddressMap() make of @file: loaded at BASE, called at @va. */
static uint8_t *load(struct bytes file, uint64_t va, size_t *ret_len)
{
	struct rts_pe_image pe;
	uint8_t *mem;

	assert_int_equal(rts_pe_image_read(file, NULL, &pe), EFI_SUCCESS);
	mem = malloc(pe.size);
	assert_non_null(mem);
	assert_int_equal(
		rts_pe_image_place(&pe, mem, pe.fixed ? pe.image_base : BASE, NULL),
		EFI_SUCCESS);
	if (va != BASE)
		assert_int_equal(rts_pe_image_move(&pe, mem, BASE, va, NULL, NULL),
				 EFI_SUCCESS);
	if (!pe.te) {
		struct rts_pe_header h;
		const uint64_t base = BASE;

		assert_int_equal(rts_pe_header_read(file, NULL, &h), EFI_SUCCESS);
		memcpy(mem + h.sections_offset - h.file.SizeOfOptionalHeader +
			       offsetof(PE_OPTIONAL_HEADER, ImageBase),
		       &base, sizeof base);
	}
	*ret_len = pe.size;
	return mem;
}

static struct bytes bytes_of(const struct blob *b)
{
	return (struct bytes){b->p, b->n};
}

/* ---- one way of damage each ---- */

struct patch {
	uint32_t at;
	uint32_t len;
	int byte; /* value; -1: the complement of what is there; -2: noise */
};
#define FLIP  (-1)
#define NOISE (-2)

static void apply(uint8_t *mem, const struct patch *p)
{
	if (p->byte == NOISE) {
		noise(mem + p->at, p->len, 77);
		return;
	}
	for (uint32_t i = 0; i < p->len; i++)
		mem[p->at + i] =
			p->byte == FLIP ? (uint8_t)~mem[p->at + i] : (uint8_t)p->byte;
}

static const struct {
	const char *name;
	uint64_t size; /* that it is loaded with; 0: as its header says */
	struct patch patch[4];
	enum rts_scan_match match;
	uint32_t differing;
	struct scan_run runs[4];
} damages[] = {
	/* clang-format off */
	{"none", 0, {{0}}, EXACT, 0, {{0}}},
	{"none, size known", IMAGE_N, {{0}}, EXACT, 0, {{0}}},
	{"five bytes", 0, {{TEXT + 0x40, 5, FLIP}}, MODIFIED, 5, {{TEXT + 0x40, 5}}},
	{"two and two", 0, {{TEXT + 0x40, 2, FLIP}, {TEXT + 0x43, 2, FLIP}}, MODIFIED, 4,
	 {{TEXT + 0x40, 2}, {TEXT + 0x43, 2}}},
	{"first and last byte", 0, {{TEXT, 1, FLIP}, {TEXT + TEXT_N - 1, 1, FLIP}},
	 MODIFIED, 2, {{TEXT, 1}, {TEXT + TEXT_N - 1, 1}}},
	{"in the zeros at the end", 0, {{TEXT + TEXT_N - 0x80, 0x20, 0x90}}, MODIFIED, 0x20,
	 {{TEXT + TEXT_N - 0x80, 0x20}}},
	{"data", 0, {{DATA + 0x200, 0x200, FLIP}}, EXACT, 0, {{0}}},
	{"a fixup in code", 0, {{TEXT + 0x208, 1, FLIP}}, MODIFIED, 1, {{TEXT + 0x208, 1}}},
	{"all of a fixup in code", 0, {{TEXT + 0x208, 8, 0x11}}, MODIFIED, 8,
	 {{TEXT + 0x208, 8}}},
	{"fixups in data", 0, {{DATA, 16, FLIP}}, EXACT, 0, {{0}}},
	{"relocation table wiped", 0, {{RELOC, DATA_N - 0x400, 0}}, EXACT, 0, {{0}}},
	{"relocation table wiped, and a patch", 0,
	 {{RELOC, DATA_N - 0x400, 0}, {TEXT + 0x20, 3, FLIP}}, MODIFIED, 3,
	 {{TEXT + 0x20, 3}}},
	{"header wiped", IMAGE_N, {{0, 0x1000, 0}}, EXACT, 0, {{0}}},
	{"header wiped, size in pages", IMAGE_N - 0x700, {{0, 0x1000, 0}}, EXACT, 0, {{0}}},
	{"header wiped, and a patch", IMAGE_N, {{0, 0x1000, 0}, {TEXT + 0x10, 5, FLIP}},
	 MODIFIED, 5, {{TEXT + 0x10, 5}}},
	{"header and relocation table wiped", IMAGE_N, {{0, 0x1000, 0}, {RELOC, 0x400, 0}},
	 EXACT, 0, {{0}}},
	{"only the signature wiped", IMAGE_N, {{0, 2, 0}}, EXACT, 0, {{0}}},
	{"a time stamp", 0, {{AT_FILE + 4, 4, FLIP}}, EXACT, 0, {{0}}},
	{"the space before the header", 0, {{0x200, 64, FLIP}}, EXACT, 0, {{0}}},
	{"the check sum", 0, {{OPT(CheckSum), 4, FLIP}}, EXACT, 0, {{0}}},
	{"the image base", 0, {{OPT(ImageBase), 8, FLIP}}, EXACT, 0, {{0}}},
	{"beside the image base", 0, {{OPT(ImageBase) + 8, 1, FLIP}}, EXACT, 0, {{0}}},
	{"no entry", IMAGE_N, {{OPT(AddressOfEntryPoint), 4, 0}}, EXACT, 0, {{0}}},
	{"sizes of headers", 0, {{OPT(SizeOfHeaders), 4, 0}}, EXACT, 0, {{0}}},
	{"larger headers", 0, {{OPT(SizeOfHeaders), 4, 0x7f}}, EXACT, 0, {{0}}},
	{"a larger image", IMAGE_N, {{OPT(SizeOfImage), 4, 0x7f}}, EXACT, 0, {{0}}},
	{"code called data", IMAGE_N, {{SECTION(0, Characteristics), 4, 0}}, EXACT, 0,
	 {{0}}},
	{"a large section", IMAGE_N, {{SECTION(1, VirtualSize), 4, 0x7f}}, EXACT, 0, {{0}}},
	{"a section elsewhere", IMAGE_N, {{SECTION(1, VirtualAddress) + 2, 1, 0x7f}}, EXACT,
	 0, {{0}}},
	{"another machine", IMAGE_N, {{AT_FILE, 2, 0x11}}, EXACT, 0, {{0}}},
	{"an eighth of the code", 0, {{TEXT + 0x400, 0x200, FLIP}}, MODIFIED, 0x200,
	 {{TEXT + 0x400, 0x200}}},
	{"a third of the code", 0, {{TEXT + 0x400, 0x500, NOISE}}, SIMILAR, 0, {{0}}},
	{"half of the code", 0, {{TEXT + 0x400, 0x800, NOISE}}, SIMILAR, 0, {{0}}},
	{"all code", 0, {{TEXT, TEXT_N, NOISE}}, UNKNOWN, 0, {{0}}},
	{"no code", 0, {{TEXT, TEXT_N, 0}}, UNKNOWN, 0, {{0}}},
	{"junk", IMAGE_N, {{0, IMAGE_N, NOISE}}, UNKNOWN, 0, {{0}}},
	{"zeros", IMAGE_N, {{0, IMAGE_N, 0}}, UNKNOWN, 0, {{0}}},
	/* clang-format on */
};

static void check_damage(size_t i, struct bytes file, uint64_t va)
{
	struct fixture x = {.d.text = ""};
	uint8_t hash[RTS_SCAN_HASH_LEN];
	struct scan_match m;
	uint8_t *mem, *pristine;
	size_t n;

	mem = load(file, va, &n);
	pristine = load(file, va, &n);
	add_known(&x, "one.efi", file);
	begin(&x, BASE, pristine, n);
	m = match_at(&x, BASE, 0);
	assert_true(m.has_hash);
	memcpy(hash, m.hash, sizeof hash);
	fake_fini(&x.s);
	free(pristine);

	for (size_t k = 0; k < COUNT(damages[i].patch); k++)
		apply(mem, &damages[i].patch[k]);
	begin(&x, BASE, mem, n);
	m = match_at(&x, BASE, damages[i].size);
	if (m.match != damages[i].match || m.differing != damages[i].differing)
		fail_msg("%s: match %d, %u bytes", damages[i].name, m.match, m.differing);
	for (size_t k = 0; k < COUNT(damages[i].runs); k++) {
		assert_int_equal(m.run_count > k ? m.runs[k].start : 0,
				 damages[i].runs[k].start);
		assert_int_equal(m.run_count > k ? m.runs[k].len : 0,
				 damages[i].runs[k].len);
	}
	assert_int_equal(rts_scan_match_is_code(&m, TEXT), m.known != NULL);
	assert_int_equal(rts_scan_match_is_code(&m, TEXT + TEXT_N - 1), m.known != NULL);
	assert_false(rts_scan_match_is_code(&m, TEXT - 1));
	assert_false(rts_scan_match_is_code(&m, TEXT + TEXT_N));
	/* The hash is of code alone. */
	if (m.match == EXACT)
		assert_true(m.has_hash && memcmp(m.hash, hash, sizeof hash) == 0);
	if (m.match == MODIFIED && damages[i].patch[0].at != TEXT + 0x208)
		assert_true(m.has_hash && memcmp(m.hash, hash, sizeof hash) != 0);
	assert_int_equal(fake.notes, 0);
	fake_fini(&x.s);
	free(mem);
}

static void t_damages(void **state)
{
	const struct made m = made_default();
	struct blob file = made_file(&m);

	(void)state;
	for (size_t i = 0; i < COUNT(damages); i++) {
		check_damage(i, bytes_of(&file), BASE);
		check_damage(i, bytes_of(&file), VIRT);
	}
	free(file.p);
}

/* The same where fixups are unknown, or cannot be. */
static void t_kinds(void **state)
{
	struct made plain = made_default(), fixed = made_default(),
		    compact = made_default();
	struct blob files[3];

	(void)state;
	plain.relocs = false;
	fixed.relocs = false;
	fixed.b.file.Characteristics |= PE_FILE_RELOCS_STRIPPED;
	compact.zeros = 0;
	compact.b.section[0].VirtualSize = TEXT_N - 0x123;
	files[0] = made_file(&plain);
	files[1] = made_file(&fixed);
	files[2] = made_file(&compact);
	for (size_t i = 0; i < COUNT(files); i++) {
		struct fixture x = {.d.text = ""};
		struct scan_match m;
		size_t n;
		uint8_t *mem = load(bytes_of(&files[i]), BASE, &n);

		add_known(&x, "one.efi", bytes_of(&files[i]));
		begin(&x, BASE, mem, n);
		m = match_at(&x, BASE, 0);
		assert_int_equal(m.match, EXACT);
		fake_fini(&x.s);
		mem[TEXT + 0x700] ^= 1;
		begin(&x, BASE, mem, n);
		m = match_at(&x, BASE, 0);
		assert_int_equal(m.match, MODIFIED);
		assert_int_equal(m.differing, 1);
		fake_fini(&x.s);
		free(mem);
		free(files[i].p);
	}
}

/* A relocation table in memory that claims a patch to be a fixup hides nothing; nor does a
 * section that was not there. */
static void t_forged(void **state)
{
	static const uint16_t forged[2] = {0xa000 | 0xf80, 0};
	const PE_BASE_RELOCATION block = {TEXT, sizeof block + sizeof forged};
	const struct made m = made_default();
	struct blob file = made_file(&m);
	struct fixture x = {.d.text = ""};
	struct scan_match match;
	PE_DATA_DIRECTORY dir = {RELOC, COUNT(fixups) * 12};
	const uint16_t three = 3;
	PE_SECTION_HEADER more = {.Name = ".more",
				  .VirtualSize = 0x400,
				  .VirtualAddress = IMAGE_N,
				  .Characteristics = PE_SECTION_EXECUTE};
	uint32_t size = IMAGE_N + 0x1000;
	size_t n;
	uint8_t *mem, *longer;

	(void)state;
	mem = load(bytes_of(&file), VIRT, &n);
	/* where the code has zeros, and zeroed fixups would look the same */
	memcpy(mem + RELOC + dir.Size, &block, sizeof block);
	memcpy(mem + RELOC + dir.Size + sizeof block, forged, sizeof forged);
	dir.Size += block.SizeOfBlock;
	memcpy(mem + AT_DIR + PE_DIRECTORY_RELOC * sizeof dir, &dir, sizeof dir);
	memset(mem + TEXT + 0xf80, 0x90, 8);
	add_known(&x, "one.efi", bytes_of(&file));
	begin(&x, BASE, mem, n);
	match = match_at(&x, BASE, 0);
	assert_int_equal(match.match, MODIFIED);
	assert_int_equal(match.differing, 8);
	assert_int_equal(match.runs[0].start, TEXT + 0xf80);
	fake_fini(&x.s);
	free(mem);

	mem = load(bytes_of(&file), VIRT, &n);
	longer = calloc(1, size);
	assert_non_null(longer);
	memcpy(longer, mem, n);
	memcpy(longer + AT_FILE + 2, &three, sizeof three);
	memcpy(longer + AT_SECTIONS + 2 * sizeof more, &more, sizeof more);
	memcpy(longer + OPT(SizeOfImage), &size, sizeof size);
	memset(longer + IMAGE_N, 0xc3, 7);
	begin(&x, BASE, longer, size);
	match = match_at(&x, BASE, 0);
	assert_int_equal(match.match, MODIFIED);
	assert_int_equal(match.differing, 7);
	assert_int_equal(match.runs[0].start, IMAGE_N);
	fake_fini(&x.s);
	free(longer);
	free(mem);
	free(file.p);
}

/* More runs than are kept are still counted. */
static void t_many_runs(void **state)
{
	const struct made m = made_default();
	struct blob file = made_file(&m);
	struct fixture x = {.d.text = ""};
	struct scan_match match;
	size_t n;
	uint8_t *mem = load(bytes_of(&file), VIRT, &n);

	(void)state;
	for (unsigned i = 0; i < SCAN_RUNS_MAX + 10; i++)
		mem[TEXT + 3 * i] ^= 0xff;
	add_known(&x, "one.efi", bytes_of(&file));
	begin(&x, BASE, mem, n);
	match = match_at(&x, BASE, 0);
	assert_int_equal(match.differing, SCAN_RUNS_MAX + 10);
	assert_int_equal(match.run_count, SCAN_RUNS_MAX);
	assert_int_equal(match.runs[SCAN_RUNS_MAX - 1].start,
			 TEXT + 3 * (SCAN_RUNS_MAX - 1));
	assert_int_equal(match.runs[SCAN_RUNS_MAX - 1].len, 1);
	fake_fini(&x.s);
	free(mem);
	free(file.p);
}

/* Code to which something was added in the middle is the same no more, and still similar;
 * with a header, and without one. */
static void t_similar(void **state)
{
	const struct made m = made_default();
	struct made other = made_default();
	struct blob file = made_file(&m), strange;
	struct fixture x = {.d.text = ""};
	struct scan_match match;
	size_t n;
	uint8_t *mem = load(bytes_of(&file), VIRT, &n);

	(void)state;
	other.text_seed = 99;
	strange = made_file(&other);
	memmove(mem + TEXT + 0x40, mem + TEXT + 0x30, TEXT_N - 0x100);
	noise(mem + TEXT + 0x30, 0x10, 5);
	add_known(&x, "other.efi", bytes_of(&strange));
	add_known(&x, "one.efi", bytes_of(&file));
	begin(&x, BASE, mem, n);
	match = match_at(&x, BASE, 0);
	assert_int_equal(match.match, SIMILAR);
	assert_string_equal(match.known->from->name, "one.efi");
	assert_in_range(match.likeness, 90, 99);
	assert_true(match.has_hash);
	fake_fini(&x.s);
	memset(mem, 0, 0x1000);
	begin(&x, BASE, mem, n);
	match = match_at(&x, BASE, IMAGE_N);
	assert_int_equal(match.match, SIMILAR);
	assert_string_equal(match.known->from->name, "one.efi");
	assert_in_range(match.likeness, 85, 99);
	assert_false(match.has_hash);
	fake_fini(&x.s);
	free(mem);
	free(file.p);
	free(strange.p);
}

static struct blob driver_file(uint32_t guid, const char *name, struct blob image)
{
	return fv_file_of(
		fv_guid(guid), EFI_FV_FILETYPE_DRIVER, 0,
		fv_join(fv_section(EFI_SECTION_PE32, false, image), fv_ui(name), FV_END));
}

/* Exact before modified before similar; of equal ones the first; of the same code in two
 * drivers, the one whose data fits. */
static void t_prefer(void **state)
{
	struct made m = made_default(), twin = made_default(), patched = made_default();
	struct blob file = made_file(&m), file_patched, fw, fw_again;
	struct fixture x = {.d.text = ""};
	const EFI_GUID two = fv_guid(2);
	struct scan_match match;
	size_t n;
	uint8_t *mem;

	(void)state;
	twin.data_seed = 7;
	file_patched = made_file(&patched);
	file_patched.p[TEXT + 9] ^= 1;
	fw = fv_volume(false, false, 0,
		       fv_files(driver_file(1, "Patched", blob_of(file_patched.p, file.n)),
				driver_file(2, "One", made_file(&m)),
				driver_file(3, "Twin", made_file(&twin)),
				driver_file(3, "Twin", made_file(&twin)), FV_END));
	fw_again = blob_of(fw.p, fw.n);
	add_known(&x, "patched.efi", bytes_of(&file_patched));
	add_known(&x, "first.fd", bytes_of(&fw));
	add_known(&x, "second.fd", bytes_of(&fw_again));
	mem = load(bytes_of(&file), VIRT, &n);
	begin(&x, BASE, mem, n);
	assert_int_equal(x.s.known_count, 7); /* the second Twin is in it once */
	match = match_at(&x, BASE, 0);
	assert_int_equal(match.match, EXACT);
	assert_string_equal(match.known->name, "One");
	assert_true(guid_eq(&match.known->guid, &two));
	assert_string_equal(match.known->from->name, "first.fd");
	mem[TEXT + 9] ^= 1;
	match = match_at(&x, BASE, 0);
	assert_int_equal(match.match, EXACT);
	assert_string_equal(match.known->from->name, "patched.efi");
	assert_false(match.known->has_guid);
	mem[TEXT + 9] ^= 1;
	mem[TEXT + 10] ^= 1;
	match = match_at(&x, BASE, 0);
	assert_int_equal(match.match, MODIFIED);
	assert_int_equal(match.differing, 1);
	assert_string_equal(match.known->name, "One");
	assert_string_equal(match.known->from->name, "first.fd");
	fake_fini(&x.s);
	free(mem);

	free(file.p);
	file = made_file(&twin);
	mem = load(bytes_of(&file), VIRT, &n);
	begin(&x, BASE, mem, n);
	match = match_at(&x, BASE, 0);
	assert_int_equal(match.match, EXACT);
	assert_string_equal(match.known->name, "Twin");
	assert_string_equal(match.known->from->name, "first.fd");
	fake_fini(&x.s);
	free(mem);
	free(file.p);
	free(file_patched.p);
	free(fw.p);
	free(fw_again.p);
}

/* ---- loading ---- */

static void t_load(void **state)
{
	static const struct patch odd[] = {
		{OPT(SizeOfHeaders), 4, 0},
		{OPT(SizeOfHeaders), 4, 0x7f},
		{OPT(FileAlignment), 4, 0},
		{OPT(FileAlignment), 4, 0xff},
		{SECTION(1, VirtualSize), 4, 0},
		{SECTION(1, VirtualSize), 4, 0x7f},
		{SECTION(1, VirtualAddress) + 2, 1, 0x7f},
		{SECTION(0, SizeOfRawData), 4, 0xff},
		{SECTION(0, PointerToRawData), 4, 0xff},
	};
	const struct made m = made_default();
	struct blob file = made_file(&m);
	struct fixture x = {.d.text = ""};
	struct scan_header h;
	struct scan_image img;
	size_t n;
	uint8_t *mem = load(bytes_of(&file), BASE, &n);

	(void)state;
	begin(&x, BASE, mem, n);
	assert_true(rts_scan_image_header(&x.s, BASE, &h));
	assert_int_equal(h.subsystem, PE_SUBSYSTEM_RUNTIME_DRIVER);
	assert_int_equal(h.size, IMAGE_N);
	assert_int_equal(h.image_base, BASE);
	assert_false(rts_scan_image_header(&x.s, BASE + 0x1000, &h));
	assert_false(rts_scan_image_header(&x.s, BASE + IMAGE_N, &h));
	assert_false(rts_scan_image_header(&x.s, UINT64_MAX - 4, &h));

	assert_int_equal(rts_scan_image_load(&x.s, BASE, 0, &img), EFI_SUCCESS);
	assert_true(img.header);
	assert_int_equal(img.base, BASE);
	assert_int_equal(img.len, IMAGE_N);
	assert_int_equal(img.missing, 0);
	assert_int_equal(img.pe.size, IMAGE_N);
	assert_int_equal(img.pe.reloc.Size, COUNT(fixups) * 12);
	assert_memory_equal(img.file + TEXT, mem + TEXT, IMAGE_N - TEXT);
	rts_scan_image_fini(&img);
	assert_null(img.file);
	assert_int_equal(x.s.loaded, IMAGE_N);

	/* Pages that are not there are zeros, and are counted. */
	assert_int_equal(rts_scan_image_load(&x.s, BASE, 0x5000, &img), EFI_SUCCESS);
	assert_true(img.header);
	assert_int_equal(img.missing, 0x2000);
	assert_int_equal(img.file[0x4fff], 0);
	rts_scan_image_fini(&img);
	assert_int_equal(rts_scan_image_load(&x.s, BASE - 0x1800, 0x2000, &img),
			 EFI_SUCCESS);
	assert_false(img.header);
	assert_int_equal(img.missing, 0x1800);
	assert_memory_equal(img.file + 0x1800, mem, 0x800);
	rts_scan_image_fini(&img);

	assert_int_equal(rts_scan_image_load(&x.s, BASE + TEXT, 0, &img), EFI_NOT_FOUND);
	assert_int_equal(rts_scan_image_load(&x.s, BASE, SCAN_IMAGE_MAX + 1, &img),
			 EFI_NOT_FOUND);
	assert_int_equal(rts_scan_image_load(&x.s, UINT64_MAX - 0x1000, 0x2000, &img),
			 EFI_NOT_FOUND);
	x.s.loaded = SCAN_IMAGE_BYTES_MAX - IMAGE_N + 1;
	assert_int_equal(rts_scan_image_load(&x.s, BASE, 0, &img), EFI_NOT_FOUND);
	x.s.loaded--;
	assert_int_equal(rts_scan_image_load(&x.s, BASE, 0, &img), EFI_SUCCESS);
	rts_scan_image_fini(&img);
	assert_int_equal(x.s.loaded, SCAN_IMAGE_BYTES_MAX);
	fake_fini(&x.s);

	/* Headers that claim more than there is. */
	memset(mem + OPT(SizeOfImage), 0x7f, 4);
	begin(&x, BASE, mem, n);
	assert_int_equal(rts_scan_image_load(&x.s, BASE, 0, &img), EFI_NOT_FOUND);
	assert_int_equal(rts_scan_image_load(&x.s, BASE, IMAGE_N, &img), EFI_SUCCESS);
	assert_true(img.header);
	assert_int_equal(img.pe.size, IMAGE_N);
	rts_scan_image_fini(&img);
	fake_fini(&x.s);

	/* What can be put right is still a header. */
	for (size_t i = 0; i < COUNT(odd); i++) {
		uint8_t *copy = malloc(n);

		assert_non_null(copy);
		memcpy(copy, mem, n);
		apply(copy, &odd[i]);
		begin(&x, BASE, copy, n);
		assert_int_equal(rts_scan_image_load(&x.s, BASE, IMAGE_N, &img),
				 EFI_SUCCESS);
		if (!img.header)
			fail_msg("odd header %zu", i);
		rts_scan_image_fini(&img);
		fake_fini(&x.s);
		free(copy);
	}

	/* Without its relocation table it is an image that cannot be moved. */
	memset(mem + RELOC, 0, DATA_N - 0x400);
	begin(&x, BASE, mem, n);
	assert_int_equal(rts_scan_image_load(&x.s, BASE, IMAGE_N, &img), EFI_SUCCESS);
	assert_true(img.header && img.pe.fixed);
	assert_int_equal(img.pe.image_base, BASE);
	rts_scan_image_fini(&img);
	fake_fini(&x.s);
	free(mem);
	free(file.p);
}

/* What is not in the memory image is no difference, and what is left is still compared. */
static void t_missing(void **state)
{
	const struct made m = made_default();
	struct blob file = made_file(&m);
	struct fixture x = {.d.text = ""};
	struct rts_dump_piece pieces[2];
	struct rts_dump *whole;
	struct scan_match match;
	size_t n;
	uint8_t *mem = load(bytes_of(&file), VIRT, &n);

	(void)state;
	add_known(&x, "one.efi", bytes_of(&file));
	begin(&x, BASE, mem, n);
	whole = x.s.dump;
	pieces[0] = (struct rts_dump_piece){.start = BASE, .bytes = {mem, 0x1800}};
	pieces[1] = (struct rts_dump_piece){.start = BASE + DATA,
					    .bytes = {mem + DATA, 0x1000}};
	/* The first page of code ends early, and what cannot be read is left out by pages.
	 */
	pieces[0].bytes.n = 0x1000;
	assert_int_equal(rts_dump_from_pieces(pieces, 2, NULL, &x.s.dump), EFI_SUCCESS);
	match = match_at(&x, BASE, 0);
	assert_int_equal(match.match, UNKNOWN);
	assert_false(match.has_hash);
	rts_dump_free(x.s.dump);
	x.s.dump = whole;
	fake_fini(&x.s);

	/* Only the data is missing. */
	begin(&x, BASE, mem, DATA);
	match = match_at(&x, BASE, 0);
	assert_int_equal(match.match, EXACT);
	assert_false(match.has_hash);
	fake_fini(&x.s);
	mem[TEXT + 5] ^= 1;
	begin(&x, BASE, mem, DATA);
	match = match_at(&x, BASE, 0);
	assert_int_equal(match.match, MODIFIED);
	assert_int_equal(match.differing, 1);
	fake_fini(&x.s);
	free(mem);
	free(file.p);
}

/* Half of the code is missing: the image does not begin with a page. */
static void t_missing_code(void **state)
{
	struct made m = made_default();
	struct fixture x = {.d.text = ""};
	struct scan_match match;
	struct blob file;
	size_t n;
	uint8_t *mem;

	(void)state;
	m.relocs = false;
	file = made_file(&m);
	mem = load(bytes_of(&file), BASE, &n);
	add_known(&x, "one.efi", bytes_of(&file));
	begin(&x, BASE + 0x800, mem, 0x1800);
	match = match_at(&x, BASE + 0x800, 0);
	assert_int_equal(match.match, EXACT);
	assert_false(match.has_hash);
	fake_fini(&x.s);
	mem[TEXT + 0x7ff] ^= 1;
	begin(&x, BASE + 0x800, mem, 0x1800);
	match = match_at(&x, BASE + 0x800, 0);
	assert_int_equal(match.match, MODIFIED);
	assert_int_equal(match.differing, 1);
	fake_fini(&x.s);
	free(mem);
	free(file.p);
}

/* One fixup that was not moved when the others were is none of a patch. */
static void t_unmoved_fixup(void **state)
{
	const struct made m = made_default();
	struct blob file = made_file(&m);
	struct fixture x = {.d.text = ""};
	struct scan_match match;
	size_t n;
	uint8_t *mem = load(bytes_of(&file), VIRT, &n), *loaded;

	(void)state;
	loaded = load(bytes_of(&file), BASE, &n);
	memcpy(mem + TEXT + 0x208, loaded + TEXT + 0x208, 8);
	add_known(&x, "one.efi", bytes_of(&file));
	begin(&x, BASE, mem, n);
	match = match_at(&x, BASE, 0);
	assert_int_equal(match.match, EXACT);
	fake_fini(&x.s);
	mem[TEXT + 0x20a] ^= 1;
	begin(&x, BASE, mem, n);
	match = match_at(&x, BASE, 0);
	assert_int_equal(match.match, MODIFIED);
	assert_int_equal(match.differing, 1);
	assert_int_equal(match.runs[0].start, TEXT + 0x20a);
	fake_fini(&x.s);
	free(mem);
	free(loaded);
	free(file.p);
}

/* ---- where it is mapped ---- */

static bool base_of(struct fixture *x, uint64_t log, bool known, uint64_t *ret)
{
	struct scan_image img;
	bool ok;

	assert_int_equal(rts_scan_image_load(&x->s, BASE, IMAGE_N, &img), EFI_SUCCESS);
	ok = rts_scan_fixup_base(&x->s, &img, log, known ? &x->s.known[0] : NULL, ret);
	rts_scan_image_fini(&img);
	return ok;
}

static void t_fixup_base(void **state)
{
	static const struct {
		const char *name;
		uint64_t va;
		struct patch patch[2];
		bool log, bad_log, known;
		bool ok;
	} cases[] = {
		/* clang-format off */
		{"nobody knows", VIRT, {{0}}, false, false, false, false},
		{"the log", VIRT, {{0}}, true, false, false, true},
		{"the known image", VIRT, {{0}}, false, false, true, true},
		{"both", VIRT, {{0}}, true, false, true, true},
		{"not moved, the log", BASE, {{0}}, true, false, false, true},
		{"not moved, the known image", BASE, {{0}}, false, false, true, true},
		{"two of five changed", VIRT, {{DATA, 16, FLIP}}, true, false, false, true},
		{"three of five changed", VIRT, {{DATA, 16, FLIP}, {DATA + 0x15, 8, FLIP}},
		 true, false, true, false},
		{"a log of junk", VIRT, {{0}}, true, true, false, false},
		{"a log of junk, the known image", VIRT, {{0}}, true, true, true, true},
		{"no table, the log", VIRT, {{RELOC, 0x400, 0}}, true, false, false, false},
		{"no table, the known image", VIRT, {{RELOC, 0x400, 0}}, true, false, true,
		 true},
		{"no header, the known image", VIRT, {{0, 0x1000, 0}}, true, false, true,
		 true},
		{"no header, the log", VIRT, {{0, 0x1000, 0}}, true, false, false, false},
		{"another image", VIRT, {{TEXT, TEXT_N, NOISE}}, false, false, true, false},
		/* clang-format on */
	};
	const struct made m = made_default();
	struct blob file = made_file(&m);
	uint64_t log[COUNT(fixups)];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct fixture x = {.d.text = ""};
		uint64_t at = 42;
		size_t n;
		uint8_t *loaded = load(bytes_of(&file), BASE, &n);
		uint8_t *mem = load(bytes_of(&file), cases[i].va, &n);
		uint8_t *all = calloc(1, n + sizeof log);
		bool ok;

		assert_non_null(all);
		for (size_t k = 0; k < COUNT(fixups); k++)
			memcpy(&log[k], loaded + fixups[k], sizeof log[k]);
		if (cases[i].bad_log)
			noise((uint8_t *)log, sizeof log, 3);
		for (size_t k = 0; k < COUNT(cases[i].patch); k++)
			apply(mem, &cases[i].patch[k]);
		memcpy(all, mem, n);
		memcpy(all + n, log, sizeof log);
		add_known(&x, "one.efi", bytes_of(&file));
		begin(&x, BASE, all, n + sizeof log);
		ok = base_of(&x, cases[i].log ? BASE + n : 0, cases[i].known, &at);
		if (ok != cases[i].ok || at != (ok ? cases[i].va : 42))
			fail_msg("%s: %d, %#llx", cases[i].name, ok,
				 (unsigned long long)at);
		/* A log that is not in the image is none. */
		assert_false(base_of(&x, BASE + n + 1, false, &at));
		assert_false(base_of(&x, UINT64_MAX - 7, false, &at));
		fake_fini(&x.s);
		free(all);
		free(mem);
		free(loaded);
	}
	free(file.p);
}

/* ---- files again ---- */

/* The code of @file, fixups zeroed, hashed. */
static void code_hash(struct bytes file, uint8_t ret[RTS_SCAN_HASH_LEN])
{
	struct rts_pe_image pe;
	struct diag d = {0};
	uint8_t *placed;
	void *hash;

	if (rts_pe_image_read(file, &d, &pe) != EFI_SUCCESS)
		fail_msg("%s", d.text);
	placed = malloc(pe.size);
	assert_non_null(placed);
	assert_int_equal(rts_pe_image_place(&pe, placed, pe.image_base, NULL), EFI_SUCCESS);
	hash = fake_hash_begin(NULL);
	(void)rts_pe_image_code(&pe, placed, fake_hash_put, hash);
	fake_hash_end(hash, ret);
	free(placed);
}

/* Takes the image at BASE out; false: that cannot be done. */
static bool extract(struct fixture *x, uint64_t log, bool known, uint64_t size,
		    struct bytes *ret)
{
	struct scan_image img;
	EFI_STATUS status;
	uint8_t *p = NULL;
	size_t n = 0;

	assert_int_equal(rts_scan_image_load(&x->s, BASE, size, &img), EFI_SUCCESS);
	status = rts_scan_image_file(&x->s, &img, log, known ? &x->s.known[0] : NULL, &p,
				     &n);
	rts_scan_image_fini(&img);
	assert_true(status == EFI_SUCCESS || status == EFI_NOT_FOUND);
	*ret = (struct bytes){p, n};
	return status == EFI_SUCCESS;
}

/* Loaded at @base, it is what the file in the firmware would be there: but for the header's
 * raw layout and image base, and but for [@from, @from + @len). */
static void expect_same_at(struct bytes got, struct bytes want, uint64_t base,
			   uint32_t from, uint32_t len)
{
	struct rts_pe_image a, b;
	uint8_t *x, *y;

	assert_int_equal(rts_pe_image_read(got, NULL, &a), EFI_SUCCESS);
	assert_int_equal(rts_pe_image_read(want, NULL, &b), EFI_SUCCESS);
	assert_int_equal(a.size, b.size);
	assert_int_equal(a.entry, b.entry);
	assert_int_equal(a.section_align, b.section_align);
	x = malloc(a.size);
	y = malloc(b.size);
	assert_true(x != NULL && y != NULL);
	assert_int_equal(rts_pe_image_place(&a, x, base, NULL), EFI_SUCCESS);
	assert_int_equal(rts_pe_image_place(&b, y, base, NULL), EFI_SUCCESS);
	if (len != 0)
		memcpy(x + from, y + from, len);
	assert_memory_equal(x + a.header_len, y + a.header_len, a.size - a.header_len);
	free(x);
	free(y);
}

static void t_file(void **state)
{
	static const struct {
		const char *name;
		struct patch patch[2];
		bool log, known;
		bool ok;
		bool movable;
	} cases[] = {
		/* clang-format off */
		{"with the known image", {{0}}, false, true, true, true},
		{"with the log", {{0}}, true, false, true, true},
		{"with both", {{0}}, true, true, true, true},
		{"header wiped", {{0, 0x1000, 0}}, false, true, true, true},
		{"header wiped, unknown", {{0, 0x1000, 0}}, true, false, false, false},
		{"relocations wiped", {{RELOC, 0x400, 0}}, true, true, true, true},
		{"relocations wiped, unknown", {{RELOC, 0x400, 0}}, true, false, true,
		 false},
		{"relocations forged", {{RELOC + 8, 1, 0x77}}, false, true, true, true},
		{"patched", {{TEXT + 0x60, 5, FLIP}}, false, true, true, true},
		/* clang-format on */
	};
	const struct made m = made_default();
	struct blob file = made_file(&m);
	uint64_t log[COUNT(fixups)];
	uint8_t want[RTS_SCAN_HASH_LEN], got[RTS_SCAN_HASH_LEN];

	(void)state;
	code_hash(bytes_of(&file), want);
	for (size_t i = 0; i < 2 * COUNT(cases); i++) {
		const uint64_t va = i % 2 == 0 ? VIRT : BASE;
		struct fixture x = {.d.text = ""};
		struct rts_pe_image pe;
		struct bytes out;
		size_t n, k = i / 2;
		uint8_t *loaded = load(bytes_of(&file), BASE, &n);
		uint8_t *mem = load(bytes_of(&file), va, &n);
		uint8_t *all = calloc(1, n + sizeof log);

		assert_non_null(all);
		for (size_t j = 0; j < COUNT(fixups); j++)
			memcpy(&log[j], loaded + fixups[j], sizeof log[j]);
		for (size_t j = 0; j < COUNT(cases[k].patch); j++)
			apply(mem, &cases[k].patch[j]);
		memcpy(all, mem, n);
		memcpy(all + n, log, sizeof log);
		add_known(&x, "one.efi", bytes_of(&file));
		begin(&x, BASE, all, n + sizeof log);
		if (extract(&x, cases[k].log ? BASE + n : 0, cases[k].known, IMAGE_N,
			    &out) != cases[k].ok)
			fail_msg("%s: wrong", cases[k].name);
		if (cases[k].ok) {
			const bool patched = cases[k].patch[0].at == TEXT + 0x60;

			code_hash(out, got);
			assert_int_equal(rts_pe_image_read(out, NULL, &pe), EFI_SUCCESS);
			assert_true(pe.fixed != cases[k].movable);
			assert_int_equal(pe.image_base, cases[k].known     ? LINKED
							: cases[k].movable ? 0
									   : BASE);
			if (cases[k].movable) {
				assert_int_equal(memcmp(got, want, sizeof got) != 0,
						 patched);
				expect_same_at(out, bytes_of(&file), 0x123456000,
					       patched ? TEXT + 0x60 : 0, patched ? 5 : 0);
				expect_same_at(out, bytes_of(&file), LINKED,
					       patched ? TEXT + 0x60 : 0, patched ? 5 : 0);
			}
		}
		fake_fini(&x.s);
		free(all);
		free(mem);
		free(loaded);
	}
	free(file.p);
}

/* One that is only similar lends neither its header nor its fixups. */
static void t_file_similar(void **state)
{
	const struct made m = made_default();
	struct made other = made_default();
	struct blob file = made_file(&m), similar;
	struct fixture x = {.d.text = ""};
	struct rts_pe_image pe;
	struct bytes out;
	size_t n;
	uint8_t *mem = load(bytes_of(&file), BASE, &n);

	(void)state;
	other.text_seed = 8;
	other.relocs = false;
	similar = made_file(&other);
	add_known(&x, "similar.efi", bytes_of(&similar));
	begin(&x, BASE, mem, n);
	assert_true(extract(&x, 0, true, IMAGE_N, &out));
	assert_int_equal(rts_pe_image_read(out, NULL, &pe), EFI_SUCCESS);
	assert_int_equal(pe.image_base, 0);
	expect_same_at(out, bytes_of(&file), VIRT, 0, 0);
	fake_fini(&x.s);
	free(mem);
	free(file.p);
	free(similar.p);
}

/* ---- known images ---- */

static EFI_STATUS read_known(struct bytes b, enum rts_scan_known_kind kind,
			     size_t *ret_count, unsigned *ret_notes, struct diag *d)
{
	const struct rts_scan_known known = {kind, "name", b};
	const struct rts_scan_config config = {.known = &known, .known_count = 1};
	struct scan s = {.config = &config, .d = d};
	EFI_STATUS status = rts_scan_known_read(&s);

	for (size_t i = 0; i < s.known_count; i++)
		assert_ptr_equal(s.known[i].from, &known);
	*ret_count = s.known_count;
	*ret_notes = fake.notes;
	fake_fini(&s);
	return status;
}

/* A ROM with @efi packed as UEFI packs it. */
static struct blob packed_rom(struct bytes efi, uint16_t compression)
{
	static const struct rts_pe_rom_id id = {0x1234, 0x5678, 0x020000};
	struct blob plain = {.p = calloc(1, 65536), .n = 65536}, packed, rom;
	struct writer w = {.p = plain.p, .cap = plain.n};
	EFI_PCI_EXPANSION_ROM_HEADER h;

	assert_non_null(plain.p);
	assert_int_equal(rts_pe_rom_append(&w, efi, &id, true, NULL), EFI_SUCCESS);
	assert_false(w.full);
	memcpy(&h, plain.p, PCI_ROM_HEADER_SIZE);
	h.CompressionType = compression;
	packed = tiano_pack(blob_of(efi.p, efi.n), 4);
	memcpy(plain.p, &h, PCI_ROM_HEADER_SIZE);
	memset(plain.p + h.EfiImageHeaderOffset, 0, efi.n);
	memcpy(plain.p + h.EfiImageHeaderOffset, packed.p, packed.n);
	rom = blob_of(plain.p, w.n);
	free(plain.p);
	free(packed.p);
	return rom;
}

static struct blob plain_rom(struct bytes efi)
{
	static const struct rts_pe_rom_id id = {0x1234, 0x5678, 0x020000};
	struct blob rom = {.p = calloc(1, 65536)};
	struct writer w = {.p = rom.p, .cap = 65536};

	assert_non_null(rom.p);
	assert_int_equal(rts_pe_rom_append(&w, efi, &id, false, NULL), EFI_SUCCESS);
	assert_int_equal(rts_pe_rom_append(&w, efi, &id, true, NULL), EFI_SUCCESS);
	assert_false(w.full);
	rom.n = w.n;
	return rom;
}

static void expect_known(struct blob b, EFI_STATUS status, size_t count, unsigned notes)
{
	struct diag d = {0};
	size_t n;
	unsigned said;
	const EFI_STATUS got = read_known(bytes_of(&b), RTS_SCAN_KNOWN_FILE, &n, &said, &d);

	if (got != status || n != count || said != notes)
		fail_msg("status %#llx, %zu known, %u notes: %s", (unsigned long long)got,
			 n, said, d.text);
	if (status != EFI_SUCCESS)
		assert_memory_equal(d.text, "name: ", 6);
	free(b.p);
}

static void t_known(void **state)
{
	const struct made m = made_default();
	struct made arm = made_default();
	struct blob file = made_file(&m), rom, fw;
	const struct bytes efi = bytes_of(&file);

	(void)state;
	arm.b.file.Machine = PE_MACHINE_AARCH64;
	expect_known(blob_of(efi.p, efi.n), EFI_SUCCESS, 1, 0);
	expect_known(made_file(&arm), EFI_LOAD_ERROR, 0, 0);
	expect_known(blob_of(efi.p, 100), EFI_LOAD_ERROR, 0, 0);
	expect_known(blob_of("", 0), EFI_LOAD_ERROR, 0, 0);
	expect_known(blob_pattern(10000), EFI_LOAD_ERROR, 0, 0);

	/* The same image twice in one ROM is one. */
	expect_known(plain_rom(efi), EFI_SUCCESS, 1, 0);
	expect_known(packed_rom(efi, 1), EFI_SUCCESS, 1, 0);
	expect_known(packed_rom(efi, 2), EFI_SUCCESS, 0, 1);
	rom = packed_rom(efi, 1);
	memset(rom.p + 0x60, 0xff, 200);
	expect_known(rom, EFI_SUCCESS, 0, 1);
	rom = packed_rom(efi, 1);
	memset(rom.p + 0x44, 0xff, 4); /* what it says that it unpacks to */
	expect_known(rom, EFI_SUCCESS, 0, 1);
	rom = packed_rom(efi, 1);
	rom.n = 100;
	expect_known(rom, EFI_LOAD_ERROR, 0, 0);

	fw = fv_volume(false, false, 0,
		       fv_files(driver_file(1, "One", blob_of(efi.p, efi.n)),
				driver_file(2, "Junk", blob_pattern(500)),
				driver_file(3, "Arm", made_file(&arm)), FV_END));
	expect_known(fw, EFI_SUCCESS, 1, 0);
	fw = fv_volume(false, false, 0, driver_file(3, "Arm", made_file(&arm)));
	expect_known(fw, EFI_SUCCESS, 0, 1);
	free(file.p);
}

/* Code that a TE image has in flash, and a PE image in memory. */
static void t_te(void **state)
{
	const struct made m = made_default();
	struct blob file = made_file(&m), te = {0};
	const uint32_t stripped = AT_SECTIONS;
	EFI_TE_IMAGE_HEADER h = {
		.Signature = EFI_TE_IMAGE_HEADER_SIGNATURE,
		.Machine = PE_MACHINE_X64,
		.NumberOfSections = 2,
		.Subsystem = PE_SUBSYSTEM_RUNTIME_DRIVER,
		.StrippedSize = (uint16_t)stripped,
		.AddressOfEntryPoint = m.b.opt.AddressOfEntryPoint,
		.ImageBase = LINKED,
		.DataDirectory = {{RELOC, COUNT(fixups) * 12}},
	};
	struct fixture x = {.d.text = ""};
	struct scan_match match;
	size_t n;
	uint8_t *mem = load(bytes_of(&file), VIRT, &n);

	(void)state;
	blob_put(&te, &h, sizeof h);
	blob_put(&te, file.p + stripped, file.n - stripped);
	mem[TEXT + 3] ^= 0x10;
	add_known(&x, "one.te", bytes_of(&te));
	begin(&x, BASE, mem, n);
	match = match_at(&x, BASE, 0);
	assert_int_equal(match.match, MODIFIED);
	assert_int_equal(match.differing, 1);
	fake_fini(&x.s);
	free(mem);
	free(te.p);
	free(file.p);
}

/* ---- limits ---- */

/* When too much was compared, the rest is unknown, and that is said. */
static void t_work(void **state)
{
	const struct made m = made_default();
	struct blob file = made_file(&m);
	struct fixture x = {.d.text = ""};
	struct scan_match match;
	size_t n;
	uint8_t *mem = load(bytes_of(&file), VIRT, &n);

	(void)state;
	add_known(&x, "one.efi", bytes_of(&file));
	begin(&x, BASE, mem, n);
	x.s.work = SCAN_WORK_MAX - 100;
	match = match_at(&x, BASE, 0);
	assert_int_equal(match.match, UNKNOWN);
	assert_true(fake.notes > 0);
	assert_int_equal(x.s.work, SCAN_WORK_MAX);
	fake_fini(&x.s);
	free(mem);
	free(file.p);
}

/* Whatever is in memory, sanitizers have nothing to say, and what is found is in bounds. */
static void t_hostile(void **state)
{
	const struct made m = made_default();
	struct blob file = made_file(&m);
	uint32_t v = 4711;

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		struct fixture x = {.d.text = ""};
		struct scan_match match;
		struct bytes out;
		size_t n;
		uint8_t *mem = load(bytes_of(&file), VIRT, &n);

		for (unsigned k = 0; k < 1 + i % 8; k++) {
			static const uint32_t starts[] = {NT, AT_SECTIONS, RELOC, 0};
			uint32_t at;

			v = v * 1664525 + 1013904223;
			at = starts[i % COUNT(starts)] + (v >> 8) % 0x158;
			mem[at] = (uint8_t)(k % 2 == 0 ? v >> 24 : 0xff);
		}
		add_known(&x, "one.efi", bytes_of(&file));
		begin(&x, BASE, mem, n);
		match = match_at(&x, BASE, i % 3 == 0 ? IMAGE_N : IMAGE_N + i % 0x2000);
		/* only its own code sections may have grown over what is no code */
		assert_true(i % 3 != 0 || match.match == EXACT || match.match == MODIFIED);
		for (size_t k = 0; k < match.run_count; k++)
			assert_true(match.runs[k].start + match.runs[k].len <=
				    IMAGE_N + 0x2000);
		(void)extract(&x, BASE + 0x100, i % 2 == 0, IMAGE_N, &out);
		fake_fini(&x.s);
		free(mem);
	}
	free(file.p);
}

/* ---- OVMF ---- */

#define OVMF "/usr/share/OVMF/OVMF_CODE"

static struct bytes map(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct bytes b = {NULL, 0};
	ssize_t n;
	uint8_t *p;

	if (fd < 0)
		return b;
	assert_int_equal(fstat(fd, &st), 0);
	p = malloc((size_t)st.st_size);
	assert_non_null(p);
	n = read(fd, p, (size_t)st.st_size);
	close(fd);
	assert_int_equal(n, st.st_size);
	return (struct bytes){p, (size_t)n};
}

/* What is said of each runtime driver of @in when @known is what is known; @patch bytes of
 * its code are changed. */
struct tally {
	unsigned count, matches[4], right_names, differing;
};

struct damage {
	bool moved, no_header, no_relocs;
	unsigned patch;
};

static void one_driver(struct fixture *x, const struct rts_fv_file *f,
		       const struct rts_pe_image *pe, const struct damage *how,
		       struct tally *t)
{
	size_t n;
	uint8_t *mem = load(f->image, how->moved ? VIRT : BASE, &n);
	const struct rts_dump_piece piece = {.start = BASE, .bytes = {mem, n}};
	struct scan_match m;

	if (how->no_header)
		memset(mem, 0, 0x1000);
	if (how->no_relocs && pe->reloc.Size != 0)
		memset(mem + pe->reloc.VirtualAddress, 0, pe->reloc.Size);
	for (unsigned k = 0; k < how->patch; k++)
		mem[pe->entry + k] ^= 0x55;
	assert_int_equal(rts_dump_from_pieces(&piece, 1, NULL, &x->s.dump), EFI_SUCCESS);
	m = match_at(x, BASE, how->no_header ? n : 0);
	t->count++;
	t->matches[m.match]++;
	t->differing += m.differing;
	if (m.known != NULL && m.known->name != NULL && f->name != NULL)
		t->right_names += strcmp(m.known->name, f->name) == 0;
	if (m.match == EXACT) {
		struct scan_image img;
		uint8_t *file;
		size_t len;

		assert_int_equal(rts_scan_image_load(&x->s, BASE, n, &img), EFI_SUCCESS);
		assert_int_equal(rts_scan_image_file(&x->s, &img, 0, m.known, &file, &len),
				 EFI_SUCCESS);
		expect_same_at((struct bytes){file, len}, f->image, 0x40000000, 0, 0);
		rts_scan_image_fini(&img);
	}
	rts_dump_free(x->s.dump);
	x->s.dump = NULL;
	free(mem);
}

static struct tally compare(struct fixture *x, const struct rts_fv *in, struct damage how)
{
	struct tally t = {0};

	for (size_t i = 0; i < rts_fv_file_count(in); i++) {
		const struct rts_fv_file *f = rts_fv_file(in, i);
		struct rts_pe_image pe;

		if (f->image.n != 0 && !f->te &&
		    rts_pe_image_read(f->image, NULL, &pe) == EFI_SUCCESS &&
		    pe.subsystem == PE_SUBSYSTEM_RUNTIME_DRIVER)
			one_driver(x, f, &pe, &how, &t);
	}
	return t;
}

/* The drivers that @known has are known. */
static void begin_known(struct fixture *x, struct bytes known)
{
	*x = (struct fixture){.d.text = ""};
	add_known(x, "known.fd", known);
	begin(x, BASE, known.p, known.n);
	rts_dump_free(x->s.dump);
	x->s.dump = NULL;
}

static void t_ovmf(void **state)
{
	static const char *const names[] = {OVMF "_4M.fd", OVMF "_4M.secboot.fd",
					    OVMF ".fd"};
	struct rts_fv *fv[COUNT(names)] = {NULL};
	struct bytes file[COUNT(names)];
	bool all = true;
	struct fixture x;
	struct tally t;

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		file[i] = map(names[i]);
		all = all && file[i].p != NULL;
	}
	for (size_t i = 0; i < COUNT(names) && all; i++)
		assert_int_equal(rts_fv_open(file[i], NULL, &fv[i]), EFI_SUCCESS);
	if (all) {
		begin_known(&x, file[0]);
		for (unsigned i = 0; i < 16; i++) {
			const struct damage how = {(i & 1) != 0, (i & 2) != 0, (i & 4) != 0,
						   (i & 8) != 0 ? 5 : 0};

			t = compare(&x, fv[0], how);
			assert_true(t.count >= 9);
			assert_int_equal(t.right_names, t.count);
			assert_int_equal(t.differing, how.patch * t.count);
			assert_int_equal(t.matches[how.patch != 0 ? MODIFIED : EXACT],
					 t.count);
		}
		/* Of another build of the same sources, names are right where anything is
		 * said. */
		for (unsigned i = 0; i < 4; i++) {
			const struct damage how = {true, (i & 1) != 0, (i & 2) != 0, 0};

			t = compare(&x, fv[2], how);
			assert_true(t.matches[EXACT] < t.count);
			assert_int_equal(t.right_names, t.count - t.matches[UNKNOWN]);
			/* without a header, data counts as code */
			assert_true(10 * t.right_names >=
				    (how.no_header ? 6 : 8) * t.count);
		}
		fake_fini(&x.s);
		begin_known(&x, file[1]);
		t = compare(&x, fv[0], (struct damage){.moved = true});
		assert_true(t.matches[EXACT] >= 7);
		fake_fini(&x.s);
	}
	for (size_t i = 0; i < COUNT(names); i++) {
		rts_fv_free(fv[i]);
		free((void *)file[i].p);
	}
	if (!all) {
		print_message("OVMF is not installed\n");
		skip();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_damages),
		cmocka_unit_test(t_kinds),
		cmocka_unit_test(t_forged),
		cmocka_unit_test(t_many_runs),
		cmocka_unit_test(t_similar),
		cmocka_unit_test(t_prefer),
		cmocka_unit_test(t_load),
		cmocka_unit_test(t_missing),
		cmocka_unit_test(t_fixup_base),
		cmocka_unit_test(t_file),
		cmocka_unit_test(t_known),
		cmocka_unit_test(t_missing_code),
		cmocka_unit_test(t_unmoved_fixup),
		cmocka_unit_test(t_file_similar),
		cmocka_unit_test(t_te),
		cmocka_unit_test(t_work),
		cmocka_unit_test(t_hostile),
		cmocka_unit_test(t_ovmf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
