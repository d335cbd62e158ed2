/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Firmware volumes and the files in them (PI 1.8 vol 3 §2, §3.2). What is broken is noted
 * once and passed over: the rest of the image is still worth reading.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/guid.h"
#include "fv/fv_priv.h"

struct rts_fv {
	struct rts_fv_file *files;
	size_t file_count, file_cap;
	uint32_t volume_count;
	uint64_t unpacked;
	void **owned;
	size_t owned_count, owned_cap;
	struct diag problem;
};

/* Room for a block map of 25 entries, where two or three are usual. It bounds the work that
 * each of many false headers can cause. */
#define HEADER_LEN_MAX 256U

/* One volume, as its files see it. */
struct volume {
	struct bytes b;
	uint32_t no;
	bool ffs3;
	uint8_t erased; /* an erased byte */
};

/* A file's header, read and judged. */
struct file {
	EFI_FFS_FILE_HEADER2 h;
	uint32_t header_len;
	uint64_t len; /* with the header */
	bool header_ok;
};

/* A text that begins with the place. */
static void say(const struct fv_read *r, struct diag *d, const uint8_t *at, const char *fmt,
		va_list ap)
{
	unsigned long long offset = (unsigned long long)(at - r->buffer.p);
	char text[256];

	fmt_text(text, sizeof text, fmt, ap);
	if (r->buffer_no == 0)
		diag_set(d, "offset %#llx: %s", offset, text);
	else
		diag_set(d, "unpacked section %u, offset %#llx: %s", r->buffer_no, offset,
			 text);
}

void fv_problem(struct fv_read *r, const uint8_t *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(r, &r->fv->problem, at, fmt, ap);
	va_end(ap);
}

__attribute__((format(printf, 3, 4))) static void
over_limit(struct fv_read *r, const uint8_t *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (r->d != NULL)
		say(r, r->d, at, fmt, ap);
	va_end(ap);
	r->status = EFI_OUT_OF_RESOURCES;
}

struct rts_fv_file *fv_file(struct rts_fv *fv, size_t i)
{
	return &fv->files[i];
}

bool fv_enter(struct fv_read *r, const uint8_t *at)
{
	if (r->depth == RTS_FV_DEPTH_MAX) {
		over_limit(r, at, "more than %u volumes and sections within each other",
			   RTS_FV_DEPTH_MAX);
		return false;
	}
	r->depth++;
	return true;
}

void fv_leave(struct fv_read *r)
{
	r->depth--;
}

/* Room for one more of @size bytes in *@array, which grows by doubling. */
static bool grow(void **array, size_t *cap, size_t count, size_t size)
{
	size_t want = *cap == 0 ? 64 : *cap * 2;
	void *p;

	if (count < *cap)
		return true;
	p = realloc(*array, want * size);
	if (p == NULL)
		return false;
	*array = p;
	*cap = want;
	return true;
}

void *fv_alloc(struct fv_read *r, size_t n)
{
	struct rts_fv *fv = r->fv;
	void *p = NULL;

	if (grow((void **)&fv->owned, &fv->owned_cap, fv->owned_count, sizeof *fv->owned))
		p = malloc(n);
	if (p == NULL) {
		r->status = diag(r->d, EFI_OUT_OF_RESOURCES, "no memory for %zu bytes", n);
		return NULL;
	}
	fv->owned[fv->owned_count++] = p;
	return p;
}

uint8_t *fv_alloc_unpacked(struct fv_read *r, const uint8_t *at, uint64_t n)
{
	const uint64_t cost = n + FV_UNPACKED_OVERHEAD;

	if (n > RTS_FV_UNPACKED_MAX || cost > RTS_FV_UNPACKED_MAX - r->fv->unpacked) {
		over_limit(r, at,
			   "unpacks to %llu bytes, and with what is unpacked already "
			   "(%llu) that is more than %llu",
			   (unsigned long long)n, (unsigned long long)r->fv->unpacked,
			   RTS_FV_UNPACKED_MAX);
		return NULL;
	}
	r->fv->unpacked += cost;
	return fv_alloc(r, (size_t)n);
}

static uint8_t sum8(struct bytes b)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < b.n; i++)
		sum = (uint8_t)(sum + b.p[i]);
	return sum;
}

static uint16_t sum16(struct bytes b)
{
	uint16_t sum = 0;

	for (size_t i = 0; i + 1 < b.n; i += 2)
		sum = (uint16_t)(sum + b.p[i] + (b.p[i + 1] << 8));
	return sum;
}

static size_t new_file(struct fv_read *r, const struct rts_fv_file *file)
{
	struct rts_fv *fv = r->fv;

	if (fv->file_count == RTS_FV_FILES_MAX) {
		over_limit(r, file->body.p, "more than %u files", RTS_FV_FILES_MAX);
		return 0;
	}
	if (!grow((void **)&fv->files, &fv->file_cap, fv->file_count, sizeof *fv->files)) {
		r->status = diag(r->d, EFI_OUT_OF_RESOURCES, "no memory for %zu files",
				 fv->file_count);
		return 0;
	}
	fv->files[fv->file_count] = *file;
	return fv->file_count++;
}

/* The highest bit of a state decides; 0: none is set. */
static unsigned file_state(const struct volume *v, const struct file *f)
{
	unsigned state = (f->h.State ^ v->erased) & 0x3fU;

	while ((state & (state - 1)) != 0)
		state &= state - 1;
	return state;
}

/* False: no room for a header. */
static bool file_header(const struct volume *v, uint64_t off, struct file *ret)
{
	struct file f = {.header_len = EFI_FFS_FILE_HEADER_SIZE};
	struct bytes b;

	if (!bytes_read(v->b, off, &f.h, EFI_FFS_FILE_HEADER_SIZE))
		return false;
	f.len = f.h.Size[0] | f.h.Size[1] << 8 | f.h.Size[2] << 16;
	if (v->ffs3 && (f.h.Attributes & FFS_ATTRIB_LARGE_FILE) != 0 &&
	    bytes_read(v->b, off, &f.h, sizeof f.h)) {
		f.header_len = sizeof f.h;
		f.len = f.h.ExtendedSize;
	}
	(void)bytes_sub(v->b, off, f.header_len, &b);
	/* The sum leaves out what may change later. */
	f.header_ok = (uint8_t)(sum8(b) - f.h.State - f.h.FileChecksum) == 0;
	*ret = f;
	return true;
}

static bool all_bytes(struct bytes b, uint8_t value)
{
	return b.n == 0 || (b.p[0] == value && memcmp(b.p, b.p + 1, b.n - 1) == 0);
}

static bool has_sections(uint8_t type)
{
	return type >= EFI_FV_FILETYPE_FREEFORM &&
	       type <= EFI_FV_FILETYPE_MM_CORE_STANDALONE;
}

/* A file whose data is there; @b is all of it. */
static void file_read(struct fv_read *r, const struct volume *v, const struct file *f,
		      struct bytes b)
{
	struct rts_fv_file file = {
		.guid = f->h.Name,
		.type = f->h.Type,
		.offset = (uint64_t)(b.p - r->buffer.p),
		.unpacked = r->buffer_no,
		.volume = v->no,
		.body = {b.p + f->header_len, b.n - f->header_len},
	};
	uint8_t sum = FFS_FIXED_CHECKSUM;
	size_t i;

	if (f->h.Type == EFI_FV_FILETYPE_FFS_PAD)
		return;
	if (!f->header_ok)
		fv_problem(r, b.p, "the file header's checksum is wrong");
	if ((f->h.Attributes & FFS_ATTRIB_CHECKSUM) != 0)
		sum = (uint8_t)-sum8(file.body);
	if (f->h.FileChecksum != sum)
		fv_problem(r, b.p, "the file's checksum is %#x, want %#x",
			   f->h.FileChecksum, sum);
	i = new_file(r, &file);
	if (r->status != EFI_SUCCESS)
		return;
	if (has_sections(f->h.Type))
		fv_sections_read(r, file.body, i);
	else if (f->h.Type == EFI_FV_FILETYPE_RAW)
		fv_volumes_read(r, file.body);
}

static void files_read(struct fv_read *r, const struct volume *v, uint64_t off)
{
	struct file f;
	struct bytes b;

	while (r->status == EFI_SUCCESS && off < v->b.n && file_header(v, off, &f)) {
		unsigned state = file_state(v, &f);

		(void)bytes_sub(v->b, off, EFI_FFS_FILE_HEADER_SIZE, &b);
		if (all_bytes(b, v->erased))
			return; /* free space up to the end */
		if (state == EFI_FILE_HEADER_INVALID ||
		    state == EFI_FILE_HEADER_CONSTRUCTION) {
			/* A header that was begun and given up: its size says nothing. */
			off += f.header_len;
			continue;
		}
		if (f.len < f.header_len || !bytes_sub(v->b, off, f.len, &b)) {
			fv_problem(r, b.p, "a file of %#llx bytes, and %#llx are left",
				   (unsigned long long)f.len,
				   (unsigned long long)(v->b.n - off));
			return;
		}
		if (state == EFI_FILE_DATA_VALID || state == EFI_FILE_MARKED_FOR_UPDATE)
			file_read(r, v, &f, b);
		off += (f.len + 7) & ~7ULL;
	}
}

/* Where the first file begins; 0, and a problem: the header before it is broken. */
static uint64_t first_file(struct fv_read *r, struct bytes b,
			   const EFI_FIRMWARE_VOLUME_HEADER *h)
{
	EFI_FIRMWARE_VOLUME_EXT_HEADER ext;
	uint64_t off = h->HeaderLength;

	if (h->ExtHeaderOffset != 0) {
		if (h->ExtHeaderOffset < h->HeaderLength ||
		    !bytes_read(b, h->ExtHeaderOffset, &ext, sizeof ext) ||
		    ext.ExtHeaderSize < sizeof ext ||
		    ext.ExtHeaderSize > b.n - h->ExtHeaderOffset) {
			fv_problem(r, b.p, "the volume's extended header at +%#x is broken",
				   h->ExtHeaderOffset);
			return 0;
		}
		off = (uint64_t)h->ExtHeaderOffset + ext.ExtHeaderSize;
	}
	return (off + 7) & ~7ULL;
}

/* Length of the volume that begins at the start of @b; 0: none does. */
static uint64_t volume_read(struct fv_read *r, struct bytes b)
{
	static const EFI_GUID ffs2 = EFI_FIRMWARE_FILE_SYSTEM2_GUID,
			      ffs3 = EFI_FIRMWARE_FILE_SYSTEM3_GUID,
			      variables = EFI_SYSTEM_NV_DATA_FV_GUID;
	EFI_FIRMWARE_VOLUME_HEADER h;
	struct volume v = {.b = b};
	struct bytes header;
	uint64_t off;

	/* Drivers contain the signature too: what is no header is no problem. */
	if (!bytes_read(b, 0, &h, sizeof h) ||
	    h.HeaderLength < sizeof h + sizeof(EFI_FV_BLOCK_MAP_ENTRY) ||
	    h.HeaderLength > HEADER_LEN_MAX || h.HeaderLength % 2 != 0 ||
	    h.FvLength < h.HeaderLength ||
	    (h.Revision != EFI_FVH_REVISION && h.Revision != EFI_FVH_REVISION_1) ||
	    !bytes_sub(b, 0, h.HeaderLength, &header))
		return 0;
	v.ffs3 = guid_eq(&h.FileSystemGuid, &ffs3);
	if (sum16(header) != 0) {
		if (v.ffs3 || guid_eq(&h.FileSystemGuid, &ffs2))
			fv_problem(r, b.p, "the volume header's checksum is off by %#x",
				   sum16(header));
		return 0;
	}
	v.no = r->fv->volume_count++;
	v.erased = (h.Attributes & EFI_FVB2_ERASE_POLARITY) != 0 ? 0xff : 0;
	if (!bytes_sub(b, 0, h.FvLength, &v.b))
		fv_problem(r, b.p, "a volume of %#llx bytes, and %#zx are left",
			   (unsigned long long)h.FvLength, b.n);
	if (v.ffs3 || guid_eq(&h.FileSystemGuid, &ffs2)) {
		off = first_file(r, v.b, &h);
		if (off != 0)
			files_read(r, &v, off);
	} else if (!guid_eq(&h.FileSystemGuid, &variables)) {
		char guid[GUID_TEXT_LEN + 1];

		guid_to_text(&h.FileSystemGuid, guid);
		fv_problem(r, b.p, "a volume with an unknown file system, %s", guid);
	}
	return v.b.n;
}

/* The signature's place in @b, or NULL. Flash images are mostly empty, and memchr() passes
 * over that faster than memmem(). */
static const uint8_t *find_signature(struct bytes b)
{
	static const uint8_t text[] = {'_', 'F', 'V', 'H'};
	const uint8_t *p = b.p, *end = b.p + b.n;

	while ((size_t)(end - p) >= sizeof text &&
	       (p = memchr(p, text[0], (size_t)(end - p) - sizeof text + 1)) != NULL) {
		if (memcmp(p, text, sizeof text) == 0)
			return p;
		p++;
	}
	return NULL;
}

size_t fv_volumes_read(struct fv_read *r, struct bytes b)
{
	const size_t at = offsetof(EFI_FIRMWARE_VOLUME_HEADER, Signature);
	size_t count = 0;
	uint64_t off = 0;
	struct bytes rest;

	if (!fv_enter(r, b.p))
		return 0;
	while (r->status == EFI_SUCCESS && bytes_sub(b, off, b.n - off, &rest) &&
	       rest.n > at) {
		const uint8_t *hit =
			find_signature((struct bytes){rest.p + at, rest.n - at});
		uint64_t len = 0;

		if (hit == NULL)
			break;
		off = (uint64_t)(hit - b.p) - at;
		(void)bytes_sub(b, off, b.n - off, &rest);
		/* Where sections are, volumes begin on a multiple of four at least. */
		if (off % 4 == 0)
			len = volume_read(r, rest);
		count += len != 0;
		off += len != 0 ? len : 1;
	}
	fv_leave(r);
	return count;
}

EFI_STATUS rts_fv_open(struct bytes image, struct diag *d, struct rts_fv **ret)
{
	struct rts_fv *fv = calloc(1, sizeof *fv);
	struct fv_read r = {.fv = fv, .d = d, .buffer = image};
	size_t count;

	if (fv == NULL)
		return diag(d, EFI_OUT_OF_RESOURCES, "no memory");
	count = fv_volumes_read(&r, image);
	if (r.status == EFI_SUCCESS && fv->file_count == 0 && fv->problem.text[0] != 0)
		r.status = diag(d, EFI_LOAD_ERROR, "%s", fv->problem.text);
	else if (r.status == EFI_SUCCESS && count == 0)
		r.status = diag(d, EFI_NOT_FOUND,
				"no firmware volume begins anywhere in %zu bytes", image.n);
	if (r.status != EFI_SUCCESS) {
		rts_fv_free(fv);
		return r.status;
	}
	*ret = fv;
	return EFI_SUCCESS;
}

void rts_fv_free(struct rts_fv *fv)
{
	if (fv == NULL)
		return;
	for (size_t i = 0; i < fv->owned_count; i++)
		free(fv->owned[i]);
	free(fv->owned);
	free(fv->files);
	free(fv);
}

size_t rts_fv_file_count(const struct rts_fv *fv)
{
	return fv->file_count;
}

const struct rts_fv_file *rts_fv_file(const struct rts_fv *fv, size_t i)
{
	return i < fv->file_count ? &fv->files[i] : NULL;
}

const char *rts_fv_problem(const struct rts_fv *fv)
{
	return fv->problem.text[0] != 0 ? fv->problem.text : NULL;
}
