/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Firmware images: every wrapping around the same driver gives the same driver, what is
 * broken is named with its place, and limits hold.
 */
#include "test.h"

#include <stdio.h>

#include "fv/fv_priv.h"
#include "fv_build.h"
#include "no_memory.h"

#define TYPE_DRIVER EFI_FV_FILETYPE_DRIVER
#define IMAGE_LEN   9000U

static const uint8_t depex[] = {0x06, 0x08}; /* TRUE, END */

static struct blob image_bytes(void)
{
	return blob_pattern(IMAGE_LEN);
}

/* What a driver's file consists of. */
static struct blob sections(const char *name)
{
	return fv_join(
		fv_section(EFI_SECTION_DXE_DEPEX, false, blob_of(depex, sizeof depex)),
		fv_section(EFI_SECTION_PE32, false, image_bytes()), fv_ui(name), FV_END);
}

/* A block of exactly this size, so that a sanitizer sees a read past the end. */
static EFI_STATUS open_exact(const uint8_t *p, size_t n, struct diag *d, uint8_t **ret_copy,
			     struct rts_fv **ret)
{
	/* not test_malloc(), which puts a guard of its own behind it */
	*ret_copy = malloc(n + (n == 0));
	assert_non_null(*ret_copy);
	if (n > 0)
		memcpy(*ret_copy, p, n);
	return rts_fv_open((struct bytes){*ret_copy, n}, d, ret);
}

struct opened {
	uint8_t *copy;
	struct rts_fv *fv;
	struct diag d;
	EFI_STATUS status;
};

/* Takes over @image. */
static struct opened open_blob(struct blob image)
{
	struct opened o = {.fv = NULL};

	o.status = open_exact(image.p, image.n, &o.d, &o.copy, &o.fv);
	free(image.p);
	return o;
}

static void close_blob(struct opened *o)
{
	rts_fv_free(o->fv);
	free(o->copy);
}

static struct blob one_driver(struct blob body)
{
	return fv_volume(false, false, 100, fv_file_of(fv_guid(1), TYPE_DRIVER, 0, body));
}

static struct blob extended_driver(void)
{
	return fv_volume(false, true, 0,
			 fv_file_of(fv_guid(1), TYPE_DRIVER, 0, sections("Driver")));
}

static size_t fv_driver_len(void)
{
	struct blob v = extended_driver();

	free(v.p);
	return v.n;
}

static void expect_driver(const struct rts_fv_file *f, const char *name)
{
	struct blob want = image_bytes();

	assert_non_null(f);
	assert_int_equal(f->type, TYPE_DRIVER);
	assert_string_equal(f->name, name);
	assert_int_equal(f->depex_type, EFI_SECTION_DXE_DEPEX);
	assert_int_equal(f->depex.n, sizeof depex);
	assert_memory_equal(f->depex.p, depex, sizeof depex);
	assert_int_equal(f->image.n, want.n);
	assert_memory_equal(f->image.p, want.p, want.n);
	assert_false(f->te);
	free(want.p);
}

static void expect_one(struct opened *o)
{
	if (o->status != EFI_SUCCESS)
		fail_msg("%s", o->d.text);
	if (rts_fv_problem(o->fv) != NULL)
		fail_msg("%s", rts_fv_problem(o->fv));
	assert_int_equal(rts_fv_file_count(o->fv), 1);
	expect_driver(rts_fv_file(o->fv, 0), "Driver");
	assert_null(rts_fv_file(o->fv, 1));
	close_blob(o);
}

/* The ways in which a driver's sections come wrapped. */
static struct blob wrap_none(struct blob s)
{
	return s;
}

static struct blob wrap_extended(struct blob s)
{
	return fv_guided(fv_guid(9), 0, true, "\1\2\3\4", 4, s);
}

static struct blob wrap_disposable(struct blob s)
{
	return fv_section(EFI_SECTION_DISPOSABLE, false, s);
}

static struct blob wrap_stored(struct blob s)
{
	uint32_t len = (uint32_t)s.n;

	return fv_compression(EFI_NOT_COMPRESSED, len, s);
}

static struct blob wrap_lzma(struct blob s)
{
	return fv_lzma(s, false);
}

static struct blob wrap_lzma_x86(struct blob s)
{
	return fv_lzma(s, true);
}

static struct blob wrap_uefi(struct blob s)
{
	return fv_tiano(s, FV_POSITION_BITS_UEFI, false);
}

static struct blob wrap_uefi_as_tiano(struct blob s)
{
	return fv_tiano(s, FV_POSITION_BITS_UEFI, true);
}

static struct blob wrap_tiano(struct blob s)
{
	return fv_tiano(s, FV_POSITION_BITS_TIANO, true);
}

static struct blob wrap_tiano_as_uefi(struct blob s)
{
	return fv_tiano(s, FV_POSITION_BITS_TIANO, false);
}

static const struct {
	const char *name;
	struct blob (*wrap)(struct blob s);
	bool unpacks;
} wraps[] = {
	{"nothing", wrap_none, false},
	{"long section header, unknown GUID", wrap_extended, false},
	{"disposable", wrap_disposable, false},
	{"CRC-32", fv_crc32, false},
	{"stored", wrap_stored, false},
	{"LZMA", wrap_lzma, true},
	{"LZMA, x86", wrap_lzma_x86, true},
	{"UEFI compression", wrap_uefi, true},
	{"UEFI compression under Tiano's GUID", wrap_uefi_as_tiano, true},
	{"Tiano", wrap_tiano, true},
	{"Tiano in a compression section", wrap_tiano_as_uefi, true},
};

static void t_wraps(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wraps); i++) {
		struct opened o = open_blob(one_driver(wraps[i].wrap(sections("Driver"))));

		print_message("# %s\n", wraps[i].name);
		expect_one(&o);
		for (size_t k = 0; k < COUNT(wraps); k++) {
			o = open_blob(one_driver(
				wraps[k].wrap(wraps[i].wrap(sections("Driver")))));
			expect_one(&o);
		}
	}
}

/* The x86 filter does change something: the stream without it would not do. */
static void t_x86_filter(void **state)
{
	static const uint8_t call[] = {0xe8, 0x00, 0x10, 0x00, 0x00, 0x90};
	struct blob code = {0}, plain;
	struct rts_fv_file f;
	struct opened o;

	(void)state;
	for (int i = 0; i < 300; i++)
		blob_put(&code, call, sizeof call);
	plain = blob_of(code.p, code.n);
	o = open_blob(one_driver(fv_lzma(
		fv_section(EFI_SECTION_PE32, false, blob_of(code.p, code.n)), true)));
	assert_int_equal(o.status, EFI_SUCCESS);
	f = *rts_fv_file(o.fv, 0);
	assert_int_equal(f.image.n, plain.n);
	assert_memory_equal(f.image.p, plain.p, plain.n);
	close_blob(&o);
	o = open_blob(one_driver(
		fv_guided((EFI_GUID)LZMA_CUSTOM_DECOMPRESS_GUID, 1, false, NULL, 0,
			  lzma_pack(fv_section(EFI_SECTION_PE32, false, code), true))));
	assert_int_equal(o.status, EFI_SUCCESS);
	f = *rts_fv_file(o.fv, 0);
	assert_int_equal(f.image.n, plain.n);
	assert_memory_not_equal(f.image.p, plain.p, plain.n);
	close_blob(&o);
	free(plain.p);
}

static struct blob deleted(struct blob file)
{
	file.p[23] &= (uint8_t)~EFI_FILE_DELETED;
	return file;
}

/* Every kind of file, in the order in which they lie there; nested volumes in place. */
static void t_files(void **state)
{
	static const struct {
		uint32_t guid;
		uint8_t type;
		uint32_t volume, unpacked;
		const char *name;
	} want[] = {
		{1, EFI_FV_FILETYPE_RAW, 0, 0, NULL},
		{2, EFI_FV_FILETYPE_FIRMWARE_VOLUME_IMAGE, 0, 0, "Outer"},
		{20, EFI_FV_FILETYPE_PEIM, 1, 1, "Inner"},
		{21, EFI_FV_FILETYPE_FIRMWARE_VOLUME_IMAGE, 1, 1, NULL},
		{22, TYPE_DRIVER, 2, 2, "Innermost"},
		{3, EFI_FV_FILETYPE_APPLICATION, 0, 0, "App"},
		{4, TYPE_DRIVER, 0, 0, "Last"},
		{5, TYPE_DRIVER, 3, 0, "Elsewhere"},
	};
	struct blob innermost =
		fv_volume(false, false, 0,
			  fv_file_of(fv_guid(22), TYPE_DRIVER, 0, sections("Innermost")));
	struct blob inner = fv_volume(
		true, true, 32,
		fv_files(
			fv_file_of(fv_guid(20), EFI_FV_FILETYPE_PEIM,
				   FFS_ATTRIB_LARGE_FILE | FFS_ATTRIB_CHECKSUM,
				   fv_join(fv_section(EFI_SECTION_PEI_DEPEX, false,
						      blob_of(depex, sizeof depex)),
					   fv_section(EFI_SECTION_TE, false, image_bytes()),
					   fv_section(EFI_SECTION_PE32, false,
						      blob_pattern(3)),
					   fv_ui("Inner"), fv_ui("Second"), FV_END)),
			fv_file_of(fv_guid(21), EFI_FV_FILETYPE_FIRMWARE_VOLUME_IMAGE, 0,
				   fv_tiano(fv_section(EFI_SECTION_FIRMWARE_VOLUME_IMAGE,
						       true, innermost),
					    FV_POSITION_BITS_TIANO, true)),
			FV_END));
	struct blob image = blob_pattern(24);
	struct blob volume = fv_volume(
		false, true, 4096,
		fv_files(
			fv_file_of(fv_guid(1), EFI_FV_FILETYPE_RAW, FFS_ATTRIB_CHECKSUM,
				   blob_pattern(77)),
			fv_file_of(fv_guid(90), EFI_FV_FILETYPE_FFS_PAD, 0,
				   blob_pattern(13)),
			fv_file_of(
				fv_guid(2), EFI_FV_FILETYPE_FIRMWARE_VOLUME_IMAGE, 0,
				fv_join(fv_lzma(fv_join(fv_section(EFI_SECTION_RAW, false,
								   blob_pattern(11)),
							fv_section(
								EFI_SECTION_FIRMWARE_VOLUME_IMAGE,
								false, inner),
							FV_END),
						false),
					fv_ui("Outer"), FV_END)),
			deleted(fv_file_of(fv_guid(91), TYPE_DRIVER, 0, sections("Gone"))),
			fv_file_of(fv_guid(3), EFI_FV_FILETYPE_APPLICATION,
				   FFS_ATTRIB_CHECKSUM, sections("App")),
			fv_file_of(fv_guid(4), TYPE_DRIVER, 0, sections("Last")), FV_END));
	struct blob other =
		fv_volume(true, false, 0,
			  fv_file_of(fv_guid(5), TYPE_DRIVER, 0, sections("Elsewhere")));
	struct opened o;

	(void)state;
	blob_put(&image, volume.p, volume.n);
	blob_put(&image, "between", 8);
	blob_put(&image, other.p, other.n);
	blob_put(&image, "behind", 7);
	free(volume.p);
	free(other.p);
	o = open_blob(image);
	assert_int_equal(o.status, EFI_SUCCESS);
	if (rts_fv_problem(o.fv) != NULL)
		fail_msg("%s", rts_fv_problem(o.fv));
	assert_int_equal(rts_fv_file_count(o.fv), COUNT(want));
	for (size_t i = 0; i < COUNT(want); i++) {
		const struct rts_fv_file *f = rts_fv_file(o.fv, i);
		EFI_GUID guid = fv_guid(want[i].guid);

		print_message("# %s\n", want[i].name != NULL ? want[i].name : "-");
		assert_memory_equal(&f->guid, &guid, sizeof guid);
		assert_int_equal(f->type, want[i].type);
		assert_int_equal(f->volume, want[i].volume);
		assert_int_equal(f->unpacked, want[i].unpacked);
		if (want[i].name != NULL)
			assert_string_equal(f->name, want[i].name);
		else
			assert_null(f->name);
		if (f->unpacked == 0)
			assert_memory_equal(o.copy + f->offset, &guid, sizeof guid);
		if (f->type == TYPE_DRIVER)
			expect_driver(f, want[i].name);
	}
	/* The first image section counts, of whichever kind; the larger header was passed.
	 */
	const struct rts_fv_file *te = rts_fv_file(o.fv, 2);

	assert_true(te->te);
	assert_int_equal(te->image.n, IMAGE_LEN);
	assert_int_equal(te->depex_type, EFI_SECTION_PEI_DEPEX);
	assert_int_equal(te->body.p[3], EFI_SECTION_PEI_DEPEX);
	assert_int_equal(rts_fv_file(o.fv, 0)->body.n, 77);
	close_blob(&o);
}

/* A revision of the volume whose erased bytes are 0x00, where no state bit is inverted. */
static void t_erase_polarity(void **state)
{
	struct blob v = one_driver(sections("Driver"));
	EFI_FIRMWARE_VOLUME_HEADER h;
	struct opened o;

	(void)state;
	memcpy(&h, v.p, sizeof h);
	h.Attributes = 0;
	memcpy(v.p, &h, sizeof h);
	v.p[h.HeaderLength + 23] = (uint8_t)~v.p[h.HeaderLength + 23];
	for (size_t i = v.n; v.p[i - 1] == 0xff; i--)
		v.p[i - 1] = 0;
	fv_volume_seal(v.p);
	o = open_blob(v);
	expect_one(&o);
}

static void t_states(void **state)
{
	static const struct {
		uint8_t state;
		bool there;
	} cases[] = {
		{EFI_FILE_DATA_VALID, true},
		{EFI_FILE_MARKED_FOR_UPDATE, true},
		{EFI_FILE_HEADER_VALID, false},
		{EFI_FILE_DELETED, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct blob file =
			fv_file_of(fv_guid(7), TYPE_DRIVER, 0, sections("Other"));
		struct opened o;

		file.p[23] = (uint8_t) ~(cases[i].state | (cases[i].state - 1));
		o = open_blob(fv_volume(
			false, false, 0,
			fv_files(file,
				 fv_file_of(fv_guid(1), TYPE_DRIVER, 0, sections("Driver")),
				 FV_END)));
		assert_int_equal(o.status, EFI_SUCCESS);
		assert_null(rts_fv_problem(o.fv));
		assert_int_equal(rts_fv_file_count(o.fv), cases[i].there ? 2 : 1);
		close_blob(&o);
	}
	/* A header that was given up has no size; the next file follows it at once. */
	for (size_t i = 0; i < 2; i++) {
		struct blob header = {0};
		struct opened o;

		for (int k = 0; k < 23; k++)
			blob_put(&header, "\xab", 1);
		blob_put(&header, i == 0 ? "\xfe" : "\xdf", 1);
		o = open_blob(fv_volume(
			false, false, 0,
			fv_files(header,
				 fv_file_of(fv_guid(1), TYPE_DRIVER, 0, sections("Driver")),
				 FV_END)));
		expect_one(&o);
	}
}

/* Where in the bytes of one_driver() things lie. */
#define V(f)  ((uint32_t)offsetof(EFI_FIRMWARE_VOLUME_HEADER, f))
#define FILE0 72U
#define F(f)  (FILE0 + (uint32_t)offsetof(EFI_FFS_FILE_HEADER2, f))
#define SECT0 (FILE0 + EFI_FFS_FILE_HEADER_SIZE)

/* Some bytes changed in a volume of two drivers. What @seal says is put right again. */
static void t_broken(void **state)
{
	enum { SEAL_NONE, SEAL_VOLUME, SEAL_FILE };
	static const struct {
		const char *name;
		uint32_t offset;
		const char *bytes;
		uint32_t len;
		int seal;
		EFI_STATUS status;
		size_t files;
		const char *text; /* of the error or of the problem; NULL: none */
	} cases[] = {
		{"nothing", 0, "", 0, SEAL_NONE, EFI_SUCCESS, 2, NULL},
		{"no signature", V(Signature), "\0", 1, SEAL_NONE, EFI_NOT_FOUND, 0,
		 "no firmware volume"},
		{"volume checksum", V(Checksum), "\1", 1, SEAL_NONE, EFI_LOAD_ERROR, 0,
		 "offset 0x0: the volume header's checksum is off by"},
		{"zero vector in use", 0, "\352", 1, SEAL_VOLUME, EFI_SUCCESS, 2, NULL},
		{"header of 62 bytes", V(HeaderLength), "\76\0", 2, SEAL_NONE,
		 EFI_NOT_FOUND, 0, "no firmware volume"},
		{"header of odd length", V(HeaderLength), "\111\0", 2, SEAL_NONE,
		 EFI_NOT_FOUND, 0, "no firmware volume"},
		{"header of 258 bytes", V(HeaderLength), "\2\1", 2, SEAL_NONE,
		 EFI_NOT_FOUND, 0, "no firmware volume"},
		{"header past the end", V(HeaderLength), "\376\377", 2, SEAL_NONE,
		 EFI_NOT_FOUND, 0, "no firmware volume"},
		{"revision 3", V(Revision), "\3", 1, SEAL_VOLUME, EFI_NOT_FOUND, 0,
		 "no firmware volume"},
		{"revision 1", V(Revision), "\1", 1, SEAL_VOLUME, EFI_SUCCESS, 2, NULL},
		{"volume shorter than its header", V(FvLength), "\107\0\0\0\0\0\0\0", 8,
		 SEAL_VOLUME, EFI_NOT_FOUND, 0, "no firmware volume"},
		{"volume of only a header", V(FvLength), "\110\0\0\0\0\0\0\0", 8,
		 SEAL_VOLUME, EFI_SUCCESS, 0, NULL},
		{"volume past the end", V(FvLength), "\0\0\0\0\0\0\0\177", 8, SEAL_VOLUME,
		 EFI_SUCCESS, 2, "offset 0x0: a volume of 0x7f00000000000000 bytes"},
		{"file system", V(FileSystemGuid), "\0", 1, SEAL_VOLUME, EFI_LOAD_ERROR, 0,
		 "unknown file system, 8c8ce500-8a3d"},
		{"extended header past the end", V(ExtHeaderOffset), "\377\377", 2,
		 SEAL_VOLUME, EFI_LOAD_ERROR, 0, "extended header at +0xffff"},
		{"extended header in the header", V(ExtHeaderOffset), "\20\0", 2,
		 SEAL_VOLUME, EFI_LOAD_ERROR, 0, "extended header at +0x10"},
		{"extended header that ends past the end", V(ExtHeaderOffset), "\130\0", 2,
		 SEAL_VOLUME, EFI_LOAD_ERROR, 0, "extended header at +0x58"},
		{"file header checksum", F(Name), "\0", 1, SEAL_NONE, EFI_SUCCESS, 2,
		 "offset 0x48: the file header's checksum"},
		{"file checksum", F(FileChecksum), "\0", 1, SEAL_NONE, EFI_SUCCESS, 2,
		 "offset 0x48: the file's checksum is 0x0, want 0xaa"},
		{"file data checksum", F(Attributes), "\100", 1, SEAL_NONE, EFI_SUCCESS, 2,
		 "offset 0x48: the file header's checksum"},
		{"file data checksum put right", F(Attributes), "\100", 1, SEAL_FILE,
		 EFI_SUCCESS, 2, NULL},
		{"large file in FFS2", F(Attributes), "\1", 1, SEAL_FILE, EFI_SUCCESS, 2,
		 NULL},
		{"file of 23 bytes", F(Size), "\27\0\0", 3, SEAL_NONE, EFI_LOAD_ERROR, 0,
		 "offset 0x48: a file of 0x17 bytes"},
		{"file of 24 bytes, the next one in its rest", F(Size), "\30\0\0", 3,
		 SEAL_NONE, EFI_SUCCESS, 1, "offset 0x48: the file header's checksum"},
		{"file past the end", F(Size), "\377\377\377", 3, SEAL_NONE, EFI_LOAD_ERROR,
		 0, "offset 0x48: a file of 0xffffff bytes"},
		{"section of 3 bytes", SECT0, "\3\0\0", 3, SEAL_NONE, EFI_SUCCESS, 2,
		 "offset 0x60: a section that does not fit"},
		{"section past the end", SECT0, "\377\377\0", 3, SEAL_NONE, EFI_SUCCESS, 2,
		 "offset 0x60: a section that does not fit"},
		{"long section of 7 bytes", SECT0, "\377\377\377\23\7\0\0\0", 8, SEAL_NONE,
		 EFI_SUCCESS, 2, "offset 0x60: a section that does not fit"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct blob v = fv_volume(
			false, false, 100,
			fv_files(fv_file_of(fv_guid(1), TYPE_DRIVER, 0, sections("One")),
				 fv_file_of(fv_guid(2), TYPE_DRIVER, 0, sections("Two")),
				 FV_END));
		const size_t len = v.p[F(Size)] | v.p[F(Size) + 1] << 8;
		struct opened o;
		const char *text;

		memcpy(v.p + cases[i].offset, cases[i].bytes, cases[i].len);
		if (cases[i].seal == SEAL_VOLUME)
			fv_volume_seal(v.p);
		if (cases[i].seal == SEAL_FILE)
			fv_file_seal(v.p + FILE0, EFI_FFS_FILE_HEADER_SIZE, len);
		print_message("# %s\n", cases[i].name);
		o = open_blob(v);
		text = o.status == EFI_SUCCESS ? rts_fv_problem(o.fv) : o.d.text;
		if (cases[i].text == NULL
			    ? text != NULL
			    : text == NULL || strstr(text, cases[i].text) == NULL)
			fail_msg("%s", text != NULL ? text : "no problem");
		assert_int_equal(o.status, cases[i].status);
		if (o.status == EFI_SUCCESS)
			assert_int_equal(rts_fv_file_count(o.fv), cases[i].files);
		close_blob(&o);
	}
}

/* Block maps: from one entry, the last, to 25, the most that are read. */
static void t_block_map(void **state)
{
	static const unsigned counts[] = {1, 25, 26};

	(void)state;
	for (size_t i = 0; i < COUNT(counts); i++) {
		const unsigned entries = counts[i];
		struct blob v = {0}, f;
		EFI_FIRMWARE_VOLUME_HEADER h;
		struct opened o;

		f = one_driver(sections("Driver"));
		memcpy(&h, f.p, sizeof h);
		h.HeaderLength = (uint16_t)(sizeof h + entries * 8);
		h.FvLength = h.FvLength - 16 + entries * 8;
		blob_put(&v, &h, sizeof h);
		while (v.n < h.HeaderLength)
			blob_put(&v, "", 1);
		blob_put(&v, f.p + FILE0, f.n - FILE0);
		free(f.p);
		fv_volume_seal(v.p);
		o = open_blob(v);
		if (entries <= 25) {
			expect_one(&o);
			continue;
		}
		assert_int_equal(o.status, EFI_NOT_FOUND);
		close_blob(&o);
	}
}

/* What the extended header says of its own size. */
static void t_extended_header(void **state)
{
	const uint32_t to_end = (uint32_t)(fv_driver_len() - FILE0);
	const struct {
		uint32_t len;
		EFI_STATUS status;
		size_t files;
	} cases[] = {
		{19, EFI_LOAD_ERROR, 0},
		{20, EFI_SUCCESS, 1},
		{24, EFI_SUCCESS, 1},
		{to_end, EFI_SUCCESS, 0},
		{to_end + 1, EFI_LOAD_ERROR, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct opened o;
		struct blob v = extended_driver();

		memcpy(v.p + FILE0 + 16, &cases[i].len, sizeof cases[i].len);
		o = open_blob(v);
		assert_int_equal(o.status, cases[i].status);
		if (cases[i].status == EFI_SUCCESS) {
			assert_int_equal(rts_fv_file_count(o.fv), cases[i].files);
			assert_null(rts_fv_problem(o.fv));
		} else {
			assert_non_null(strstr(o.d.text, "extended header at +0x48"));
		}
		close_blob(&o);
	}
}

/* Which files consist of sections, and which are looked through for volumes. */
static void t_types(void **state)
{
	(void)state;
	for (unsigned type = 0; type < 0x100; type++) {
		struct opened o = open_blob(
			fv_volume(false, false, 0,
				  fv_file_of(fv_guid(2), (uint8_t)type, 0, fv_ui("Name"))));
		bool sectioned = type >= 2 && type <= 15;

		assert_int_equal(o.status, EFI_SUCCESS);
		assert_int_equal(rts_fv_file_count(o.fv), type != 0xf0);
		if (type != 0xf0)
			assert_int_equal(rts_fv_file(o.fv, 0)->name != NULL, sectioned);
		close_blob(&o);
		o = open_blob(fv_volume(false, false, 0,
					fv_file_of(fv_guid(2), (uint8_t)type, 0,
						   one_driver(sections("Driver")))));
		assert_int_equal(rts_fv_file_count(o.fv),
				 (type != 0xf0) + (type == EFI_FV_FILETYPE_RAW));
		close_blob(&o);
	}
}

/* What may follow the last section. */
static void t_padding(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		bool fine;
	} cases[] = {
		{"", 0, true},          {"\0", 1, true},
		{"\377", 1, true},      {"\1", 1, false},
		{"\0\0\0\0", 4, true},  {"\377\377\377\377\377", 5, true},
		{"\0\0\0\1", 4, false}, {"\377\377\377\0", 4, false},
		{"\0\1", 2, false},     {"\1\1\1\1", 4, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		/* An empty section before it, and one that ends on a multiple of four. */
		struct blob b =
			fv_join(fv_section(EFI_SECTION_RAW, false, FV_EMPTY),
				fv_section(EFI_SECTION_RAW, true, FV_EMPTY), FV_END);
		struct opened o;
		size_t at = FILE0 + EFI_FFS_FILE_HEADER_SIZE + b.n;
		char want[80];

		blob_put(&b, cases[i].bytes, cases[i].len);
		snprintf(want, sizeof want,
			 "offset %#zx: a section that does not fit into %#zx bytes", at,
			 cases[i].len);
		o = open_blob(one_driver(b));
		assert_int_equal(o.status, EFI_SUCCESS);
		if (cases[i].fine)
			assert_null(rts_fv_problem(o.fv));
		else
			assert_string_equal(rts_fv_problem(o.fv), want);
		close_blob(&o);
	}
}

/* A text to the last figure. */
static void t_text(void **state)
{
	struct blob v = one_driver(sections("Driver"));
	char want[80];
	struct opened o;

	(void)state;
	snprintf(want, sizeof want,
		 "offset 0x48: a file of 0xffffff bytes, and %#zx are left", v.n - FILE0);
	memset(v.p + F(Size), 0xff, 3);
	o = open_blob(v);
	assert_int_equal(o.status, EFI_LOAD_ERROR);
	assert_string_equal(o.d.text, want);
	close_blob(&o);
}

static struct blob wrong_crc(void)
{
	struct blob s = fv_crc32(sections("Driver"));

	s.p[s.n - 1] ^= 0x80;
	return s;
}

static struct blob cut(struct blob s, size_t n, uint8_t type)
{
	struct blob body = blob_of(s.p + 4, n);

	free(s.p);
	return fv_section(type, false, body);
}

static struct blob guided_offset(uint16_t offset)
{
	struct blob s = fv_guided(fv_guid(3), 0, false, NULL, 0, sections("Driver"));

	memcpy(s.p + 20, &offset, sizeof offset);
	return s;
}

/* Bytes of a packed driver at @at of its section, replaced by @v. */
static struct blob patched(struct blob s, size_t at, uint32_t v)
{
	memcpy(s.p + at, &v, sizeof v);
	return s;
}

/* Sections that are there and cannot be read; the file is, all the same. */
static void t_broken_sections(void **state)
{
	/* lzma_pack()'s header begins after 4 + 20 bytes, tiano_pack()'s after 4 + 5. */
	const struct {
		const char *name;
		struct blob section;
		const char *text;
	} cases[] = {
		{"wrong CRC-32", wrong_crc(), "offset 0x78: CRC-32 is 0x"},
		{"CRC-32 without a sum",
		 fv_guided((EFI_GUID)EFI_CRC32_GUIDED_SECTION_EXTRACTION_GUID, 0, false,
			   NULL, 0, sections("Driver")),
		 "a CRC-32 section without its sum"},
		{"unknown GUID",
		 fv_guided(fv_guid(3), EFI_GUIDED_SECTION_PROCESSING_REQUIRED, false, NULL,
			   0, sections("Driver")),
		 "only 10000003-1234-5678-0102-030405060708 can unpack"},
		{"GUIDed section cut short",
		 cut(wrap_lzma(sections("Driver")), 19, EFI_SECTION_GUID_DEFINED),
		 "offset 0x60: a GUID-defined section of 23 bytes"},
		{"data in the header", guided_offset(23), "offset 0x60: a GUID-defined"},
		{"data past the end", guided_offset(0xffff), "offset 0x60: a GUID-defined"},
		{"compression section cut short",
		 cut(wrap_stored(sections("Driver")), 4, EFI_SECTION_COMPRESSION),
		 "offset 0x60: a compression section of 8 bytes"},
		{"compression type 3", fv_compression(3, 10, blob_pattern(10)),
		 "offset 0x60: compression type 3"},
		{"LZMA cut in its header",
		 cut(wrap_lzma(sections("Driver")), 20 + 12, EFI_SECTION_GUID_DEFINED),
		 "offset 0x78: 12 bytes, not an LZMA stream"},
		{"LZMA cut short",
		 cut(wrap_lzma(sections("Driver")), 2000, EFI_SECTION_GUID_DEFINED),
		 "offset 0x78: LZMA stream of 1980 bytes breaks off"},
		{"LZMA of unknown length",
		 patched(patched(wrap_lzma(sections("Driver")), 29, UINT32_MAX), 33,
			 UINT32_MAX),
		 "not an LZMA stream"},
		{"LZMA too short for its length",
		 patched(wrap_lzma(sections("Driver")), 29, 100000), "breaks off after"},
		{"LZMA longer than its length",
		 patched(wrap_lzma(sections("Driver")), 29, 64), "breaks off"},
		{"LZMA properties", patched(wrap_lzma(sections("Driver")), 24, 0x100e0),
		 "LZMA properties 0xe0"},
		{"compressed stream cut in its header",
		 cut(wrap_uefi(sections("Driver")), 12, EFI_SECTION_COMPRESSION),
		 "offset 0x69: 7 bytes, not a compressed stream"},
		{"compressed stream cut short",
		 cut(wrap_uefi(sections("Driver")), 2000, EFI_SECTION_COMPRESSION),
		 "not a compressed stream"},
		{"compressed to something else",
		 fv_tiano(blob_pattern(1000), FV_POSITION_BITS_UEFI, false),
		 "unpacks to 1000 bytes that are no sections"},
		{"compressed, and no code table",
		 patched(wrap_uefi(sections("Driver")), 17, UINT32_MAX), "bad code table"},
		{"a volume section without one",
		 fv_section(EFI_SECTION_FIRMWARE_VOLUME_IMAGE, false, blob_pattern(200)),
		 "offset 0x60: a volume section without a volume"},
		{"in what was unpacked",
		 wrap_lzma(fv_section(EFI_SECTION_FIRMWARE_VOLUME_IMAGE, false,
				      patched(one_driver(sections("Driver")), F(Name), 0))),
		 "unpacked section 1, offset 0x4c: the file header's checksum"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct opened o = open_blob(one_driver(cases[i].section));
		const char *text;

		print_message("# %s\n", cases[i].name);
		assert_int_equal(o.status, EFI_SUCCESS);
		text = rts_fv_problem(o.fv);
		if (text == NULL || strstr(text, cases[i].text) == NULL)
			fail_msg("%s", text != NULL ? text : "no problem");
		assert_true(rts_fv_file_count(o.fv) >= 1);
		close_blob(&o);
	}
}

/* Neither a variable store nor empty flash is a problem; a string in a driver is no volume.
 */
static void t_no_files(void **state)
{
	static const EFI_GUID variables = EFI_SYSTEM_NV_DATA_FV_GUID;
	struct blob v = fv_volume(false, false, 1000, (struct blob){0}), b = {0};
	struct opened o;

	(void)state;
	o = open_blob(blob_of(v.p, v.n));
	assert_int_equal(o.status, EFI_SUCCESS);
	assert_int_equal(rts_fv_file_count(o.fv), 0);
	assert_null(rts_fv_problem(o.fv));
	close_blob(&o);
	memcpy(v.p + V(FileSystemGuid), &variables, sizeof variables);
	memcpy(v.p + FILE0, "variables", 9);
	fv_volume_seal(v.p);
	o = open_blob(v);
	assert_int_equal(o.status, EFI_SUCCESS);
	assert_int_equal(rts_fv_file_count(o.fv), 0);
	assert_null(rts_fv_problem(o.fv));
	close_blob(&o);
	for (int i = 0; i < 20; i++)
		blob_put(&b, "_FVH_FVH___FVH.", 15);
	o = open_blob(b);
	assert_int_equal(o.status, EFI_NOT_FOUND);
	close_blob(&o);
	o = open_blob((struct blob){0});
	assert_int_equal(o.status, EFI_NOT_FOUND);
	close_blob(&o);
}

static void t_names(void **state)
{
	static const CHAR16 odd[] = {'a', 0x1b, 0xd800, 0xfffe, 0x20ac, 0};
	CHAR16 endless[400];
	struct opened o;

	(void)state;
	o = open_blob(one_driver(
		fv_section(EFI_SECTION_USER_INTERFACE, false, blob_of(odd, sizeof odd))));
	assert_string_equal(rts_fv_file(o.fv, 0)->name,
			    "a\x1b\xef\xbf\xbd\xef\xbf\xbe\xe2\x82\xac");
	close_blob(&o);
	for (size_t i = 0; i < COUNT(endless); i++)
		endless[i] = 'x';
	o = open_blob(one_driver(fv_section(EFI_SECTION_USER_INTERFACE, false,
					    blob_of(endless, sizeof endless))));
	assert_int_equal(strlen(rts_fv_file(o.fv, 0)->name), 255);
	close_blob(&o);
	/* An odd number of bytes, and no characters at all. */
	o = open_blob(one_driver(
		fv_section(EFI_SECTION_USER_INTERFACE, false, blob_of("a\0b", 3))));
	assert_string_equal(rts_fv_file(o.fv, 0)->name, "a");
	close_blob(&o);
	o = open_blob(one_driver(fv_join(fv_ui(""), fv_ui("Later"), FV_END)));
	assert_string_equal(rts_fv_file(o.fv, 0)->name, "Later");
	close_blob(&o);
}

static void t_out_of_memory(void **state)
{
	struct blob v = one_driver(fv_join(wrap_lzma(sections("Driver")),
					   wrap_tiano(sections("Driver")), FV_END));
	EFI_STATUS status = EFI_OUT_OF_RESOURCES;
	size_t n;

	(void)state;
	for (n = 0; status != EFI_SUCCESS; n++) {
		struct rts_fv *fv = NULL;
		struct diag d = {0};

		memory_left = n;
		status = rts_fv_open((struct bytes){v.p, v.n}, &d, &fv);
		memory_left = MEMORY_ENOUGH;
		if (status != EFI_SUCCESS) {
			assert_int_equal(status, EFI_OUT_OF_RESOURCES);
			assert_non_null(strstr(d.text, "no memory"));
			assert_null(fv);
		}
		rts_fv_free(fv);
	}
	assert_true(n > 5);
	free(v.p);
}

static void t_limits(void **state)
{
	struct blob s = sections("Driver"), files = {0};
	const uint32_t half = RTS_FV_UNPACKED_MAX / 2 - FV_UNPACKED_OVERHEAD;
	uint32_t lens[2];
	struct opened o;

	(void)state;
	/* A volume and the sections of its file are two levels. */
	for (unsigned i = 0; i < RTS_FV_DEPTH_MAX - 2; i++)
		s = wrap_disposable(s);
	o = open_blob(one_driver(blob_of(s.p, s.n)));
	expect_one(&o);
	o = open_blob(one_driver(wrap_disposable(s)));
	assert_int_equal(o.status, EFI_OUT_OF_RESOURCES);
	assert_non_null(strstr(o.d.text, "more than 16 volumes and sections"));
	close_blob(&o);

	/* Two that claim half of what is allowed, and one byte more. */
	for (uint32_t more = 0; more < 2; more++) {
		struct blob a = patched(wrap_lzma(sections("Driver")), 29, half);
		struct blob b = patched(wrap_lzma(sections("Driver")), 29, half + more);

		o = open_blob(one_driver(fv_join(a, b, FV_END)));
		assert_int_equal(o.status, more != 0 ? EFI_OUT_OF_RESOURCES : EFI_SUCCESS);
		if (more != 0)
			assert_non_null(strstr(o.d.text, "unpacks to 134217665 bytes"));
		close_blob(&o);
	}
	lens[0] = 4;
	lens[1] = UINT32_MAX;
	o = open_blob(one_driver(
		fv_compression(EFI_STANDARD_COMPRESSION, 4, blob_of(lens, sizeof lens))));
	assert_int_equal(o.status, EFI_SUCCESS); /* 4 bytes are not there */
	close_blob(&o);
	lens[0] = 0;
	o = open_blob(one_driver(
		fv_compression(EFI_STANDARD_COMPRESSION, 4, blob_of(lens, sizeof lens))));
	assert_int_equal(o.status, EFI_OUT_OF_RESOURCES);
	assert_non_null(strstr(o.d.text, "offset 0x69: unpacks to 4294967295 bytes"));
	close_blob(&o);

	/* As many files as there may be, and one more. */
	for (uint32_t i = 0; i <= RTS_FV_FILES_MAX; i++) {
		struct blob f = fv_file_of(fv_guid(i), EFI_FV_FILETYPE_FREEFORM, 0, FV_END);

		blob_put(&files, f.p, f.n);
		free(f.p);
	}
	o = open_blob(fv_volume(false, false, 0,
				blob_of(files.p, files.n - EFI_FFS_FILE_HEADER_SIZE)));
	assert_int_equal(o.status, EFI_SUCCESS);
	assert_int_equal(rts_fv_file_count(o.fv), RTS_FV_FILES_MAX);
	close_blob(&o);
	o = open_blob(fv_volume(false, false, 0, files));
	assert_int_equal(o.status, EFI_OUT_OF_RESOURCES);
	assert_non_null(strstr(o.d.text, "more than 65536 files"));
	close_blob(&o);
}

/* Every length that an image can be cut to. */
static void t_cut(void **state)
{
	struct blob v = fv_volume(
		true, true, 8,
		fv_files(fv_file_of(
				 fv_guid(1), TYPE_DRIVER, FFS_ATTRIB_LARGE_FILE,
				 fv_join(fv_lzma(fv_ui("A"), true),
					 fv_tiano(fv_ui("B"), FV_POSITION_BITS_TIANO, true),
					 fv_crc32(fv_ui("C")), FV_END)),
			 fv_file_of(fv_guid(2), TYPE_DRIVER, 0, fv_ui("D")), FV_END));

	(void)state;
	for (size_t n = 0; n <= v.n; n++) {
		struct opened o = open_blob(blob_of(v.p, n));

		if (o.status == EFI_SUCCESS)
			assert_int_equal(rts_fv_problem(o.fv) == NULL, n == v.n);
		else
			assert_true(o.d.text[0] != 0 && n < v.n);
		close_blob(&o);
	}
	free(v.p);
}

static void tiano_round(struct blob data, unsigned position_bits, unsigned block_len)
{
	struct blob packed = {0};
	uint8_t *got = malloc(data.n + 1);
	uint64_t len = 0;
	struct diag d = {0};

	packed.p = tiano_encode(data.p, data.n, position_bits, block_len, &packed.n);
	struct bytes in = {packed.p, packed.n};

	assert_true(fv_tiano_len(in, &len));
	assert_int_equal(len, data.n);
	if (fv_tiano_decode(in, position_bits, got, data.n, &d) != EFI_SUCCESS)
		fail_msg("%zu bytes, %u bits: %s", data.n, position_bits, d.text);
	assert_memory_equal(got, data.p, data.n);
	/* Cut short, but for what only fills up the last byte. */
	for (size_t cut_len = 0; packed.n < 200 && cut_len < packed.n; cut_len++) {
		uint32_t claimed = cut_len < 8 ? 0 : (uint32_t)cut_len - 8;
		uint8_t *p = malloc(cut_len + 1);

		memcpy(p, packed.p, cut_len);
		if (cut_len >= 8)
			memcpy(p, &claimed, sizeof claimed);
		if (data.n > 0)
			assert_int_equal(fv_tiano_decode((struct bytes){p, cut_len},
							 position_bits, got, data.n, NULL),
					 EFI_LOAD_ERROR);
		free(p);
	}
	free(got);
	free(packed.p);
	free(data.p);
}

static struct blob random_bytes(size_t n, uint32_t kinds)
{
	struct blob b = {0};
	uint32_t v = (uint32_t)n;

	for (size_t i = 0; i < n; i++) {
		uint8_t byte;

		v = v * 1664525 + 1013904223;
		byte = (uint8_t)((v >> 8) % kinds);
		blob_put(&b, &byte, 1);
	}
	return b;
}

/* Frequencies as Fibonacci's numbers make a code of which each length has one symbol, but
 * for the last: with 17 of them, that is 16 bits, and there are none longer. */
#define LONG_SYMBOLS 17U
#define BEFORE       40000U /* bytes, for the copies to begin in */

static void t_tiano_long_codes(void **state)
{
	static struct te_item items[BEFORE];
	struct te_bits b = {0};
	uint8_t *want = malloc(BEFORE + 65536U), *got = malloc(BEFORE + 65536U);
	unsigned count = 0, one = 1, next = 1;
	uint32_t header[2];
	size_t n = 0;
	struct diag d = {0};

	(void)state;
	assert_true(want != NULL && got != NULL);
	te_put(&b, 0, 32);
	te_put(&b, 0, 32);
	for (; n < BEFORE; n++) {
		want[n] = (uint8_t)(n * n >> 3);
		items[n] = (struct te_item){.symbol = want[n]};
	}
	te_block(&b, items, BEFORE, FV_POSITION_BITS_TIANO);
	/* A literal and a copy of three bytes, as often as each other. */
	for (unsigned k = 0; k < LONG_SYMBOLS; k++) {
		for (unsigned i = 0; i < one; i++) {
			const size_t back = k < 2 ? k + 1U : (1U << (k - 1)) + 1U;

			items[count++] = (struct te_item){.symbol = (uint16_t)k};
			want[n++] = (uint8_t)k;
			items[count++] = te_match(3, back);
			for (int c = 0; c < 3; c++, n++)
				want[n] = want[n - back];
		}
		next += one;
		one = next - one;
	}
	te_block(&b, items, count, FV_POSITION_BITS_TIANO);
	/* The longest code of characters, too: without copies. */
	count = 0;
	one = next = 1;
	for (unsigned k = 0; k < LONG_SYMBOLS; k++) {
		for (unsigned i = 0; i < one; i++) {
			items[count++] = (struct te_item){.symbol = (uint16_t)(200 + k)};
			want[n++] = (uint8_t)(200 + k);
		}
		next += one;
		one = next - one;
	}
	te_block(&b, items, count, FV_POSITION_BITS_TIANO);
	header[0] = (uint32_t)((b.n + 7) / 8 - sizeof header);
	header[1] = (uint32_t)n;
	memcpy(b.p, header, sizeof header);
	if (fv_tiano_decode((struct bytes){b.p, header[0] + 8}, FV_POSITION_BITS_TIANO, got,
			    n, &d) != EFI_SUCCESS)
		fail_msg("%s", d.text);
	assert_memory_equal(got, want, n);
	free(b.p);
	free(want);
	free(got);
}

static void t_tiano(void **state)
{
	static const size_t sizes[] = {0, 1, 2, 3, 4, 7, 100, 255, 256, 257, 258, 259, 600};
	static const unsigned bits[] = {FV_POSITION_BITS_UEFI, FV_POSITION_BITS_TIANO};

	(void)state;
	for (size_t k = 0; k < COUNT(bits); k++) {
		for (size_t i = 0; i < COUNT(sizes); i++) {
			tiano_round(blob_pattern(sizes[i]), bits[k], 4000);
			tiano_round(random_bytes(sizes[i], 1), bits[k], 4000);
			tiano_round(random_bytes(sizes[i], 2), bits[k], 1);
			tiano_round(random_bytes(sizes[i], 256), bits[k], 50);
		}
		tiano_round(blob_pattern(100000), bits[k], 65535);
		tiano_round(random_bytes(100000, 256), bits[k], 65535);
		tiano_round(random_bytes(100000, 3), bits[k], 1000);
	}
	/* Matches from far back. */
	for (size_t k = 0; k < 2; k++) {
		struct blob b = random_bytes(300000, 256), head = blob_of(b.p, 300);

		blob_put(&b, head.p, head.n);
		free(head.p);
		tiano_round(b, bits[k], 65535);
	}
}

/* Streams written by hand from the specification, bit by bit. */
static void t_tiano_by_hand(void **state)
{
	static const struct {
		const char *name;
		unsigned position_bits;
		size_t len;
		const char *bits;
		const char *want; /* NULL: broken */
	} cases[] = {
		{"one symbol, of no bits", 4, 5,
		 "0000000000000101 00000 00000 000000000 001000001 0000 0000", "AAAAA"},
		{"the same, with Tiano's width", 5, 5,
		 "0000000000000101 00000 00000 000000000 001000001 00000 00000", "AAAAA"},
		/* Length code: symbols 2 (zeros by nine bits) and 3 (length 1), one bit
		 * each: number 4, lengths 0 0 0, no zeros counted behind them... */
		{"two symbols, of a bit each", 4, 4,
		 "0000000000000100 "
		 "00100 000 000 001 00 001 " /* lengths: symbols 2 and 3 */
		 "001000011 "                /* 67 lengths */
		 "0 000101101 "              /* 65 zeros */
		 "1 1 "                      /* A and B: one bit */
		 "0000 0000 "
		 "0 1 1 0",
		 "ABBA"},
		/* As above, for A and for a copy of three bytes (256): 65 zeros, 190 zeros.
		 * Positions: always 0, one back. */
		{"a copy that overlaps itself", 4, 7,
		 "0000000000000011 "
		 "00100 000 000 001 00 001 "
		 "100000001 " /* 257 lengths */
		 "0 000101101 1 0 010101010 1 "
		 "0000 0000 "
		 "0 1 1",
		 "AAAAAAA"},
		{"a copy from before the start", 4, 3,
		 "0000000000000001 00000 00000 000000000 100000000 0000 0000", NULL},
		{"a copy past the end", 4, 3,
		 "0000000000000011 "
		 "00100 000 000 001 00 001 100000001 0 000101101 1 0 010101010 1 "
		 "0000 0000 0 1",
		 NULL},
		{"a block of no symbols", 4, 1,
		 "0000000000000000 00000 00000 000000000 001000001 0000 0000", NULL},
		{"a symbol that there is not", 4, 1,
		 "0000000000000001 00000 00000 000000000 111111110 0000 0000", NULL},
		{"a length that there is not", 4, 1,
		 "0000000000000001 00000 10011 000000000 001000001 0000 0000", NULL},
		{"too many lengths", 4, 1, "0000000000000001 10100 0000000000000000", NULL},
		{"an incomplete code", 4, 1,
		 "0000000000000001 00100 000 000 001 00 010 000000000 001000001 0000 0000",
		 NULL},
		{"a code with too many values", 4, 1,
		 "0000000000000001 00011 001 001 001 11 000000000 001000001 0000 0000",
		 NULL},
		{"a length of 17 bits", 4, 1, "0000000000000001 00001 111 11111111110",
		 NULL},
		{"lengths without an end", 4, 1,
		 "0000000000000001 00001 111 1111111111111111111111111111111111", NULL},
		{"too many characters", 4, 1,
		 "0000000000000001 00100 000 000 001 00 001 111111111", NULL},
		{"zeros past the last character", 4, 1,
		 "0000000000000001 00100 000 000 001 00 001 000000010 1 0 111111111", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct te_bits b = {0};
		uint32_t packed;
		uint8_t got[16];
		EFI_STATUS status;

		te_put(&b, 0, 32);
		te_put(&b, (uint32_t)cases[i].len, 32);
		for (const char *c = cases[i].bits; *c != 0; c++)
			if (*c != ' ')
				te_put(&b, *c == '1', 1);
		packed = (uint32_t)((b.n + 7) / 8 - 8);
		memcpy(b.p, &packed, sizeof packed);
		print_message("# %s\n", cases[i].name);
		status = fv_tiano_decode((struct bytes){b.p, packed + 8},
					 cases[i].position_bits, got, cases[i].len, NULL);
		assert_int_equal(status,
				 cases[i].want != NULL ? EFI_SUCCESS : EFI_LOAD_ERROR);
		if (cases[i].want != NULL)
			assert_memory_equal(got, cases[i].want, cases[i].len);
		free(b.p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_wraps),
		cmocka_unit_test(t_x86_filter),
		cmocka_unit_test(t_files),
		cmocka_unit_test(t_erase_polarity),
		cmocka_unit_test(t_states),
		cmocka_unit_test(t_broken),
		cmocka_unit_test(t_broken_sections),
		cmocka_unit_test(t_extended_header),
		cmocka_unit_test(t_block_map),
		cmocka_unit_test(t_types),
		cmocka_unit_test(t_padding),
		cmocka_unit_test(t_text),
		cmocka_unit_test(t_no_files),
		cmocka_unit_test(t_names),
		cmocka_unit_test(t_limits),
		cmocka_unit_test(t_out_of_memory),
		cmocka_unit_test(t_cut),
		cmocka_unit_test(t_tiano),
		cmocka_unit_test(t_tiano_long_codes),
		cmocka_unit_test(t_tiano_by_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
