/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Firmware images for tests, built from the inside out: sections, files of sections,
 * volumes of files. All of it is right; a test breaks what it is about. Functions that
 * return a struct blob take over the blobs they are given.
 */
#pragma once

#include <lzma.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32.h"
#include "tiano_encode.h"
#include "uefi/fv.h"

struct blob {
	uint8_t *p;
	size_t n, cap;
};

static inline void blob_put(struct blob *b, const void *p, size_t n)
{
	if (b->p == NULL || n > b->cap - b->n) {
		b->cap = (b->n + n) * 2 + 64;
		b->p = realloc(b->p, b->cap);
	}
	if (b->p == NULL)
		abort();
	if (n > 0)
		memcpy(b->p + b->n, p, n);
	b->n += n;
}

static inline struct blob blob_of(const void *p, size_t n)
{
	struct blob b = {0};

	blob_put(&b, p, n);
	return b;
}

static inline void blob_pad(struct blob *b, size_t align, uint8_t value)
{
	while (b->n % align != 0)
		blob_put(b, &value, 1);
}

/* Text that packs, but not to nothing. */
static inline struct blob blob_pattern(size_t n)
{
	struct blob b = {0};
	uint32_t v = 12345;

	for (size_t i = 0; i < n; i++) {
		uint8_t byte;

		v = v * 1103515245 + 12345;
		byte = (uint8_t)(i % 5 == 0 ? v >> 24 : i * i >> 6);
		blob_put(&b, &byte, 1);
	}
	return b;
}

static inline void put24(uint8_t ret[3], size_t v)
{
	ret[0] = (uint8_t)v;
	ret[1] = (uint8_t)(v >> 8);
	ret[2] = (uint8_t)(v >> 16);
}

/* @extended: with the longer header, whether it is needed or not. */
static inline struct blob fv_section(uint8_t type, bool extended, struct blob body)
{
	EFI_COMMON_SECTION_HEADER2 h = {.Type = type};
	size_t header_len = extended ? sizeof h : EFI_COMMON_SECTION_HEADER_SIZE;
	struct blob b = {0};

	h.ExtendedSize = (uint32_t)(header_len + body.n);
	put24(h.Size, extended ? EFI_SECTION_SIZE_EXTENDED : h.ExtendedSize);
	blob_put(&b, &h, header_len);
	blob_put(&b, body.p, body.n);
	free(body.p);
	return b;
}

/* Sections one after the other, each on a multiple of four; a NULL ends them. */
static inline struct blob fv_join(struct blob first, ...)
{
	struct blob b = first, next;
	va_list ap;

	va_start(ap, first);
	while (next = va_arg(ap, struct blob), next.p != NULL) {
		blob_pad(&b, 4, 0);
		blob_put(&b, next.p, next.n);
		free(next.p);
	}
	va_end(ap);
	return b;
}
#define FV_END   ((struct blob){0})
#define FV_EMPTY FV_END /* as a body */

static inline struct blob fv_ui(const char *name)
{
	struct blob b = {0};

	for (size_t i = 0; i <= strlen(name); i++) {
		CHAR16 c = (uint8_t)name[i];

		blob_put(&b, &c, sizeof c);
	}
	return fv_section(EFI_SECTION_USER_INTERFACE, false, b);
}

static inline struct blob fv_guided(EFI_GUID guid, uint16_t attributes, bool extended,
				    const void *fields, size_t fields_len, struct blob data)
{
	size_t header_len = extended ? 8 : 4;
	EFI_GUID_DEFINED_SECTION_FIELDS f = {
		guid, (uint16_t)(header_len + sizeof f + fields_len), attributes};
	struct blob b = blob_of(&f, sizeof f);

	blob_put(&b, fields, fields_len);
	blob_put(&b, data.p, data.n);
	free(data.p);
	return fv_section(EFI_SECTION_GUID_DEFINED, extended, b);
}

static inline struct blob fv_crc32(struct blob data)
{
	uint32_t crc = crc32_update(0, data.p, data.n);

	return fv_guided((EFI_GUID)EFI_CRC32_GUIDED_SECTION_EXTRACTION_GUID, 2, false, &crc,
			 sizeof crc, data);
}

/* A .lzma file with the size in its header, as EFI has it. */
static inline struct blob lzma_pack(struct blob data, bool x86)
{
	lzma_options_lzma o = {0}; /* the preset leaves what came later */
	lzma_filter filters[3] = {
		{.id = LZMA_FILTER_X86},
		{.id = LZMA_FILTER_LZMA1EXT, .options = &o},
		{.id = LZMA_VLI_UNKNOWN},
	};
	size_t cap = data.n + data.n / 2 + 1024, n = 0;
	uint8_t *p = malloc(cap);
	uint64_t len = data.n;
	struct blob b = {0};
	uint8_t props;

	if (p == NULL || lzma_lzma_preset(&o, 6))
		abort();
	lzma_set_ext_size(o, len);
	if (lzma_raw_buffer_encode(filters + !x86, NULL, data.p, data.n, p, &n, cap) !=
	    LZMA_OK)
		abort();
	props = (uint8_t)((o.pb * 5 + o.lp) * 9 + o.lc);
	blob_put(&b, &props, 1);
	blob_put(&b, &o.dict_size, 4);
	blob_put(&b, &len, 8);
	blob_put(&b, p, n);
	free(p);
	free(data.p);
	return b;
}

static inline struct blob fv_lzma(struct blob data, bool x86)
{
	static const EFI_GUID plain = LZMA_CUSTOM_DECOMPRESS_GUID,
			      filtered = LZMAF86_CUSTOM_DECOMPRESS_GUID;

	return fv_guided(x86 ? filtered : plain, EFI_GUIDED_SECTION_PROCESSING_REQUIRED,
			 false, NULL, 0, lzma_pack(data, x86));
}

static inline struct blob tiano_pack(struct blob data, unsigned position_bits)
{
	struct blob b = {0};

	b.p = tiano_encode(data.p, data.n, position_bits, 4000, &b.n);
	b.cap = b.n;
	free(data.p);
	return b;
}

/* @type EFI_NOT_COMPRESSED or EFI_STANDARD_COMPRESSION, or others for @data as it is. */
static inline struct blob fv_compression(uint8_t type, uint32_t unpacked_len,
					 struct blob data)
{
	EFI_COMPRESSION_SECTION_FIELDS f = {unpacked_len, type, {0}};
	struct blob b = blob_of(&f, EFI_COMPRESSION_SECTION_FIELDS_SIZE);

	blob_put(&b, data.p, data.n);
	free(data.p);
	return fv_section(EFI_SECTION_COMPRESSION, false, b);
}

static inline struct blob fv_tiano(struct blob data, unsigned position_bits, bool guided)
{
	uint32_t len = (uint32_t)data.n;

	data = tiano_pack(data, position_bits);
	if (guided)
		return fv_guided((EFI_GUID)TIANO_CUSTOM_DECOMPRESS_GUID,
				 EFI_GUIDED_SECTION_PROCESSING_REQUIRED, false, NULL, 0,
				 data);
	return fv_compression(EFI_STANDARD_COMPRESSION, len, data);
}

static inline EFI_GUID fv_guid(uint32_t n)
{
	return (EFI_GUID){0x10000000 + n, 0x1234, 0x5678, {1, 2, 3, 4, 5, 6, 7, 8}};
}

static inline uint8_t fv_sum8(const void *p, size_t n)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum = (uint8_t)(sum + ((const uint8_t *)p)[i]);
	return sum;
}

/* Puts both checksums of a file right, whatever its header says. */
static inline void fv_file_seal(uint8_t *file, size_t header_len, size_t len)
{
	const uint8_t state = file[23];

	file[16] = file[17] = file[23] = 0;
	file[16] = (uint8_t)-fv_sum8(file, header_len);
	file[17] = (file[19] & FFS_ATTRIB_CHECKSUM) != 0
			   ? (uint8_t)-fv_sum8(file + header_len, len - header_len)
			   : FFS_FIXED_CHECKSUM;
	file[23] = state;
}

/* A file of an FFS volume whose erased bytes are 0xff. FFS_ATTRIB_LARGE_FILE makes the
 * header the longer one. */
static inline struct blob fv_file_of(EFI_GUID guid, uint8_t type, uint8_t attributes,
				     struct blob body)
{
	EFI_FFS_FILE_HEADER2 h = {
		.Name = guid,
		.Type = type,
		.Attributes = attributes,
		.State = (uint8_t) ~(EFI_FILE_HEADER_CONSTRUCTION | EFI_FILE_HEADER_VALID |
				     EFI_FILE_DATA_VALID),
	};
	bool large = (attributes & FFS_ATTRIB_LARGE_FILE) != 0;
	size_t header_len = large ? sizeof h : EFI_FFS_FILE_HEADER_SIZE;
	struct blob b = {0};

	h.ExtendedSize = header_len + body.n;
	if (!large)
		put24(h.Size, header_len + body.n);
	blob_put(&b, &h, header_len);
	blob_put(&b, body.p, body.n);
	free(body.p);
	fv_file_seal(b.p, header_len, b.n);
	return b;
}

/* Makes the header's sum zero again. */
static inline void fv_volume_seal(uint8_t *volume)
{
	EFI_FIRMWARE_VOLUME_HEADER h;
	uint16_t sum = 0, word;

	memcpy(&h, volume, sizeof h);
	h.Checksum = 0;
	memcpy(volume, &h, sizeof h);
	for (size_t i = 0; i < h.HeaderLength; i += 2) {
		memcpy(&word, volume + i, sizeof word);
		sum = (uint16_t)(sum + word);
	}
	h.Checksum = (uint16_t)-sum;
	memcpy(volume, &h, sizeof h);
}

/* @ext: with an extended header, which the first file follows. @files are joined already,
 * each on a multiple of eight. */
static inline struct blob fv_volume(bool ffs3, bool ext, size_t free_space,
				    struct blob files)
{
	static const EFI_GUID ffs2_guid = EFI_FIRMWARE_FILE_SYSTEM2_GUID,
			      ffs3_guid = EFI_FIRMWARE_FILE_SYSTEM3_GUID;
	EFI_FV_BLOCK_MAP_ENTRY map[2] = {{0, 1}, {0, 0}};
	EFI_FIRMWARE_VOLUME_HEADER h = {
		.FileSystemGuid = ffs3 ? ffs3_guid : ffs2_guid,
		.Signature = EFI_FVH_SIGNATURE,
		.Attributes = EFI_FVB2_ERASE_POLARITY,
		.HeaderLength = sizeof h + sizeof map,
		.ExtHeaderOffset = ext ? sizeof h + sizeof map : 0,
		.Revision = EFI_FVH_REVISION,
	};
	EFI_FIRMWARE_VOLUME_EXT_HEADER e = {fv_guid(0xfff), sizeof e};
	static const uint8_t erased = 0xff;
	struct blob b = {0};

	blob_put(&b, &h, sizeof h);
	blob_put(&b, map, sizeof map);
	if (ext)
		blob_put(&b, &e, sizeof e);
	blob_pad(&b, 8, 0xff);
	blob_put(&b, files.p, files.n);
	free(files.p);
	while (free_space-- > 0)
		blob_put(&b, &erased, 1);
	blob_pad(&b, 64, 0xff);
	h.FvLength = b.n;
	map[0].NumBlocks = (uint32_t)b.n;
	memcpy(b.p, &h, sizeof h);
	memcpy(b.p + sizeof h, map, sizeof map);
	fv_volume_seal(b.p);
	return b;
}

static inline struct blob fv_files(struct blob first, ...)
{
	struct blob b = first, next;
	va_list ap;

	va_start(ap, first);
	while (next = va_arg(ap, struct blob), next.p != NULL) {
		blob_pad(&b, 8, 0xff);
		blob_put(&b, next.p, next.n);
		free(next.p);
	}
	va_end(ap);
	return b;
}
