/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sections of FFS files (PI 1.8 vol 3 §3.2.4): what a file is made of, and the wrappings
 * that hold sections in their turn: compressed, with a checksum, under a GUID.
 */
#include <string.h>

#include "base/crc32.h"
#include "base/guid.h"
#include "base/ucs2.h"
#include "fv/fv_priv.h"

#define NAME_MAX_CHARS 255U

struct section {
	uint8_t type;
	uint32_t header_len;
	struct bytes all;
	struct bytes body; /* without the common header */
};

/* The section at @off; false: none fits there. */
static bool section_at(struct bytes b, uint64_t off, struct section *ret)
{
	EFI_COMMON_SECTION_HEADER2 h;
	struct section s = {.header_len = EFI_COMMON_SECTION_HEADER_SIZE};
	uint64_t len;

	if (!bytes_read(b, off, &h, EFI_COMMON_SECTION_HEADER_SIZE))
		return false;
	len = h.Size[0] | h.Size[1] << 8 | h.Size[2] << 16;
	if (len == EFI_SECTION_SIZE_EXTENDED) {
		if (!bytes_read(b, off, &h, sizeof h))
			return false;
		s.header_len = sizeof h;
		len = h.ExtendedSize;
	}
	if (len < s.header_len || !bytes_sub(b, off, len, &s.all))
		return false;
	s.type = h.Type;
	s.body = (struct bytes){s.all.p + s.header_len, s.all.n - s.header_len};
	*ret = s;
	return true;
}

/* Behind the last section there may be padding, of one value throughout. */
static bool is_padding(struct bytes b)
{
	if (b.n == 0)
		return true;
	return (b.p[0] == 0 || b.p[0] == 0xff) && memcmp(b.p, b.p + 1, b.n - 1) == 0;
}

/* Steps from section to section; at the end @rest is what did not fit. */
static bool section_next(struct bytes b, uint64_t *off, struct section *s,
			 struct bytes *rest)
{
	if (*off <= b.n && section_at(b, *off, s)) {
		*off += (s->all.n + 3) & ~(uint64_t)3;
		return true;
	}
	*rest = (struct bytes){b.p + b.n, 0};
	if (*off < b.n)
		(void)bytes_sub(b, *off, b.n - *off, rest);
	return false;
}

static bool well_formed(struct bytes b)
{
	struct section s;
	struct bytes rest;
	uint64_t off = 0;

	while (section_next(b, &off, &s, &rest)) {
	}
	return off != 0 && is_padding(rest);
}

static void read_name(struct fv_read *r, struct bytes body, size_t file)
{
	CHAR16 text[NAME_MAX_CHARS];
	size_t n = body.n / sizeof *text, len;
	char *name;

	if (n > NAME_MAX_CHARS)
		n = NAME_MAX_CHARS;
	memcpy(text, body.p, n * sizeof *text);
	n = ucs2_len(text, n);
	if (n == 0 || fv_file(r->fv, file)->name != NULL)
		return;
	len = ucs2_to_utf8(text, n, NULL, 0);
	name = fv_alloc(r, len + 1);
	if (name == NULL)
		return;
	ucs2_to_utf8(text, n, name, len + 1);
	fv_file(r->fv, file)->name = name;
}

/* Sections in what was unpacked: offsets are told in that. */
static void read_unpacked(struct fv_read *r, struct bytes b, uint32_t no, size_t file)
{
	struct bytes buffer = r->buffer;
	uint32_t buffer_no = r->buffer_no;

	r->buffer = b;
	r->buffer_no = no;
	fv_sections_read(r, b, file);
	r->buffer = buffer;
	r->buffer_no = buffer_no;
}

static void read_lzma(struct fv_read *r, struct bytes in, bool x86, size_t file)
{
	struct diag d = {0};
	uint64_t len;
	uint8_t *to;
	EFI_STATUS status;

	if (!fv_lzma_len(in, &len)) {
		fv_problem(r, in.p, "%zu bytes, not an LZMA stream", in.n);
		return;
	}
	to = fv_alloc_unpacked(r, in.p, len);
	if (to == NULL)
		return;
	status = fv_lzma_decode(in, x86, to, (size_t)len, &d);
	if (status == EFI_OUT_OF_RESOURCES)
		r->status = diag(r->d, status, "%s", d.text);
	else if (status != EFI_SUCCESS)
		fv_problem(r, in.p, "%s", d.text);
	else
		read_unpacked(r, (struct bytes){to, (size_t)len}, ++r->unpacked_no, file);
}

/*
 * Both variants are met under either mark, so the other one is tried where the first does
 * not give sections: a stream of the wrong kind seldom has complete code tables.
 */
static void read_tiano(struct fv_read *r, struct bytes in, const unsigned *position_bits,
		       size_t file)
{
	struct diag d = {0};
	struct bytes out;
	uint64_t len;
	uint8_t *to;

	if (!fv_tiano_len(in, &len)) {
		fv_problem(r, in.p, "%zu bytes, not a compressed stream", in.n);
		return;
	}
	to = fv_alloc_unpacked(r, in.p, len);
	if (to == NULL)
		return;
	out = (struct bytes){to, (size_t)len};
	for (int i = 0; i < 2; i++) {
		if (fv_tiano_decode(in, position_bits[i], to, out.n, &d) != EFI_SUCCESS)
			continue;
		if (well_formed(out)) {
			read_unpacked(r, out, ++r->unpacked_no, file);
			return;
		}
		diag_set(&d, "unpacks to %zu bytes that are no sections", out.n);
	}
	fv_problem(r, in.p, "%s", d.text);
}

static void read_compression(struct fv_read *r, const struct section *s, size_t file)
{
	static const unsigned order[] = {FV_POSITION_BITS_UEFI, FV_POSITION_BITS_TIANO};
	EFI_COMPRESSION_SECTION_FIELDS f;
	struct bytes data;

	if (!bytes_read(s->body, 0, &f, EFI_COMPRESSION_SECTION_FIELDS_SIZE)) {
		fv_problem(r, s->all.p, "a compression section of %zu bytes", s->all.n);
		return;
	}
	(void)bytes_sub(s->body, EFI_COMPRESSION_SECTION_FIELDS_SIZE,
			s->body.n - EFI_COMPRESSION_SECTION_FIELDS_SIZE, &data);
	if (f.CompressionType == EFI_NOT_COMPRESSED)
		fv_sections_read(r, data, file);
	else if (f.CompressionType == EFI_STANDARD_COMPRESSION)
		read_tiano(r, data, order, file);
	else
		fv_problem(r, s->all.p, "compression type %u is not known",
			   f.CompressionType);
}

static void guided_lzma(struct fv_read *r, struct bytes fields, struct bytes data,
			size_t file)
{
	(void)fields;
	read_lzma(r, data, false, file);
}

static void guided_lzma_x86(struct fv_read *r, struct bytes fields, struct bytes data,
			    size_t file)
{
	(void)fields;
	read_lzma(r, data, true, file);
}

static void guided_tiano(struct fv_read *r, struct bytes fields, struct bytes data,
			 size_t file)
{
	static const unsigned order[] = {FV_POSITION_BITS_TIANO, FV_POSITION_BITS_UEFI};

	(void)fields;
	read_tiano(r, data, order, file);
}

static void guided_crc32(struct fv_read *r, struct bytes fields, struct bytes data,
			 size_t file)
{
	uint32_t want, crc = crc32_update(0, data.p, data.n);

	if (!bytes_read(fields, 0, &want, sizeof want))
		fv_problem(r, fields.p, "a CRC-32 section without its sum");
	else if (crc != want)
		fv_problem(r, fields.p, "CRC-32 is %#x, want %#x", crc, want);
	fv_sections_read(r, data, file);
}

/* @fields is what lies between the common part of the header and the data. */
static const struct {
	EFI_GUID guid;
	void (*read)(struct fv_read *r, struct bytes fields, struct bytes data,
		     size_t file);
} guided[] = {
	{LZMA_CUSTOM_DECOMPRESS_GUID, guided_lzma},
	{LZMAF86_CUSTOM_DECOMPRESS_GUID, guided_lzma_x86},
	{TIANO_CUSTOM_DECOMPRESS_GUID, guided_tiano},
	{EFI_CRC32_GUIDED_SECTION_EXTRACTION_GUID, guided_crc32},
};

static void read_guided(struct fv_read *r, const struct section *s, size_t file)
{
	EFI_GUID_DEFINED_SECTION_FIELDS f;
	struct bytes fields, data;
	char guid[GUID_TEXT_LEN + 1];

	if (!bytes_read(s->body, 0, &f, sizeof f) ||
	    f.DataOffset < s->header_len + sizeof f ||
	    !bytes_sub(s->all, s->header_len + sizeof f,
		       f.DataOffset - s->header_len - sizeof f, &fields)) {
		fv_problem(r, s->all.p, "a GUID-defined section of %zu bytes is broken",
			   s->all.n);
		return;
	}
	(void)bytes_sub(s->all, f.DataOffset, s->all.n - f.DataOffset, &data);
	for (size_t i = 0; i < sizeof guided / sizeof *guided; i++)
		if (guid_eq(&f.SectionDefinitionGuid, &guided[i].guid)) {
			guided[i].read(r, fields, data, file);
			return;
		}
	if ((f.Attributes & EFI_GUIDED_SECTION_PROCESSING_REQUIRED) == 0) {
		fv_sections_read(r, data, file);
		return;
	}
	guid_to_text(&f.SectionDefinitionGuid, guid);
	fv_problem(r, s->all.p, "a section that only %s can unpack", guid);
}

static void section_read(struct fv_read *r, const struct section *s, size_t file)
{
	struct rts_fv_file *f = fv_file(r->fv, file);

	switch (s->type) {
	case EFI_SECTION_COMPRESSION:
		read_compression(r, s, file);
		break;
	case EFI_SECTION_GUID_DEFINED:
		read_guided(r, s, file);
		break;
	case EFI_SECTION_DISPOSABLE:
		fv_sections_read(r, s->body, file);
		break;
	case EFI_SECTION_PE32:
	case EFI_SECTION_TE:
		if (f->image.n == 0) {
			f->image = s->body;
			f->te = s->type == EFI_SECTION_TE;
		}
		break;
	case EFI_SECTION_DXE_DEPEX:
	case EFI_SECTION_PEI_DEPEX:
	case EFI_SECTION_MM_DEPEX:
		if (f->depex_type == 0) {
			f->depex = s->body;
			f->depex_type = s->type;
		}
		break;
	case EFI_SECTION_USER_INTERFACE:
		read_name(r, s->body, file);
		break;
	case EFI_SECTION_FIRMWARE_VOLUME_IMAGE:
		if (fv_volumes_read(r, s->body) == 0 && r->status == EFI_SUCCESS)
			fv_problem(r, s->all.p, "a volume section without a volume");
		break;
	case EFI_SECTION_RAW:
		(void)fv_volumes_read(r, s->body);
		break;
	default:
		break;
	}
}

void fv_sections_read(struct fv_read *r, struct bytes b, size_t file)
{
	struct section s;
	struct bytes rest = {0};
	uint64_t off = 0;

	if (!fv_enter(r, b.p))
		return;
	while (r->status == EFI_SUCCESS && section_next(b, &off, &s, &rest))
		section_read(r, &s, file);
	if (r->status == EFI_SUCCESS && !is_padding(rest))
		fv_problem(r, rest.p, "a section that does not fit into %#zx bytes",
			   rest.n);
	fv_leave(r);
}
