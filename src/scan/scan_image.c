/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Images as they lie in memory, made into files whose raw layout is the virtual one, so
 * that rts_pe_image_read() checks them as it checks every other file; and the way back, a
 * file that can be loaded again. What a header in memory says is somebody else's claim:
 * sizes are cut to what was loaded.
 */
#include <stdlib.h>
#include <string.h>

#include "pe/pe_header.h"
#include "scan/scan_priv.h"

#define PAGE        4096U
/* Headers begin within a page; the section table may lie on the next one. */
#define HEADER_READ (2 * PAGE)

bool rts_scan_image_header(struct scan *s, uint64_t base, struct scan_header *ret)
{
	uint8_t page[HEADER_READ];
	struct rts_pe_header h;
	size_t n = rts_dump_read(s->dump, base, page, sizeof page);

	if (rts_pe_header_read((struct bytes){page, n}, NULL, &h) != EFI_SUCCESS ||
	    h.file.Machine != PE_MACHINE_X64)
		return false;
	*ret = (struct scan_header){
		.subsystem = h.opt.Subsystem,
		.size = h.opt.SizeOfImage,
		.image_base = h.opt.ImageBase,
	};
	return true;
}

/* Where the optional header begins. */
static size_t opt_offset(const struct rts_pe_header *h)
{
	return (size_t)h->sections_offset - h->file.SizeOfOptionalHeader;
}

/* Rewrites the header at the start of @file so that its raw layout is the virtual one, cut
 * to @len. False: no PE32+ header of x86-64. */
static bool raw_is_virtual(uint8_t *file, size_t len)
{
	struct rts_pe_header h;
	uint64_t table_end, first;

	if (rts_pe_header_read((struct bytes){file, len}, NULL, &h) != EFI_SUCCESS ||
	    h.file.Machine != PE_MACHINE_X64)
		return false;
	if (h.opt.SizeOfImage == 0 || h.opt.SizeOfImage > len)
		h.opt.SizeOfImage = (uint32_t)len;
	if (h.opt.SectionAlignment != 0)
		h.opt.FileAlignment = h.opt.SectionAlignment;
	table_end = h.sections_offset + h.file.NumberOfSections * sizeof(PE_SECTION_HEADER);
	first = h.opt.SizeOfImage;
	for (unsigned i = 0; i < h.file.NumberOfSections; i++) {
		size_t at = (size_t)h.sections_offset + i * sizeof(PE_SECTION_HEADER);
		uint64_t align = h.opt.FileAlignment, size, raw;
		PE_SECTION_HEADER section;

		memcpy(&section, file + at, sizeof section);
		size = section.VirtualSize != 0 ? section.VirtualSize
						: section.SizeOfRawData;
		if (section.VirtualAddress >= h.opt.SizeOfImage)
			size = 0;
		else if (size > h.opt.SizeOfImage - section.VirtualAddress)
			size = h.opt.SizeOfImage - section.VirtualAddress;
		raw = align == 0 ? size : (size + align - 1) / align * align;
		if (size == 0)
			raw = 0;
		else if (raw > h.opt.SizeOfImage - section.VirtualAddress)
			raw = h.opt.SizeOfImage - section.VirtualAddress;
		if (size != 0 && section.VirtualAddress < first)
			first = section.VirtualAddress;
		section.VirtualSize = (uint32_t)size;
		section.SizeOfRawData = (uint32_t)raw;
		section.PointerToRawData = size == 0 ? 0 : section.VirtualAddress;
		memcpy(file + at, &section, sizeof section);
	}
	if (h.opt.SizeOfHeaders > first)
		h.opt.SizeOfHeaders = (uint32_t)first;
	if (h.opt.SizeOfHeaders < table_end)
		h.opt.SizeOfHeaders = (uint32_t)table_end;
	memcpy(file + opt_offset(&h), &h.opt, sizeof h.opt);
	return true;
}

/* @fixed: it cannot be moved, and whatever its relocation table holds does not count. */
static void set_base(uint8_t *file, size_t len, uint64_t base, bool fixed)
{
	struct rts_pe_header h;

	if (rts_pe_header_read((struct bytes){file, len}, NULL, &h) != EFI_SUCCESS)
		return;
	h.opt.ImageBase = base;
	h.opt.CheckSum = 0;
	if (fixed)
		h.file.Characteristics |= PE_FILE_RELOCS_STRIPPED;
	memcpy(file + opt_offset(&h) - sizeof h.file, &h.file, sizeof h.file);
	memcpy(file + opt_offset(&h), &h.opt, sizeof h.opt);
}

/* Pages that are not in the memory image stay zero. */
static size_t read_pages(struct scan *s, uint64_t base, uint8_t *to, size_t len)
{
	size_t missing = 0;

	for (size_t at = 0; at < len;) {
		size_t got = rts_dump_read(s->dump, base + at, to + at, len - at);
		size_t skip;

		at += got;
		if (at == len)
			break;
		skip = PAGE - (size_t)((base + at) % PAGE);
		skip = skip < len - at ? skip : len - at;
		missing += skip;
		at += skip;
	}
	return missing;
}

EFI_STATUS rts_scan_image_load(struct scan *s, uint64_t base, uint64_t size,
			       struct scan_image *ret)
{
	struct scan_image img = {.base = base};
	struct scan_header h;

	if (size == 0) {
		if (!rts_scan_image_header(s, base, &h))
			return EFI_NOT_FOUND;
		size = h.size;
	}
	if (size == 0 || size > SCAN_IMAGE_MAX || size > UINT64_MAX - base ||
	    size > SCAN_IMAGE_BYTES_MAX - s->loaded)
		return EFI_NOT_FOUND;
	img.len = (size_t)size;
	img.file = calloc(1, img.len);
	if (img.file == NULL)
		return EFI_OUT_OF_RESOURCES;
	s->loaded += size;
	img.missing = read_pages(s, base, img.file, img.len);
	if (raw_is_virtual(img.file, img.len)) {
		const struct bytes file = {img.file, img.len};

		img.header = rts_pe_image_read(file, NULL, &img.pe) == EFI_SUCCESS;
		/* Perhaps only its relocation table is gone: then it is an image that
		 * cannot be moved. */
		if (!img.header && rts_scan_image_header(s, base, &h)) {
			set_base(img.file, img.len, h.image_base, true);
			img.header = rts_pe_image_read(file, NULL, &img.pe) == EFI_SUCCESS;
		}
	}
	*ret = img;
	return EFI_SUCCESS;
}

void rts_scan_image_fini(struct scan_image *img)
{
	free(img->file);
	*img = (struct scan_image){0};
}

/* The header of @pe's file and its relocation table, where a loader puts them. */
static void put_header(const struct rts_pe_image *pe, uint8_t *mem)
{
	memcpy(mem, pe->file.p, pe->header_len);
	if (pe->reloc.Size != 0)
		memcpy(mem + pe->reloc.VirtualAddress, pe->file.p + pe->reloc_offset,
		       pe->reloc.Size);
}

/* Its header, or what its header says of relocations, is not that of the known image. */
static bool needs_header(const struct scan_image *img, const struct rts_pe_image *known)
{
	return !known->te &&
	       (!img->header || img->pe.reloc.Size != known->reloc.Size ||
		img->pe.reloc.VirtualAddress != known->reloc.VirtualAddress ||
		(known->reloc.Size != 0 &&
		 memcmp(img->file + known->reloc.VirtualAddress,
			known->file.p + known->reloc_offset, known->reloc.Size) != 0));
}

/* Takes over @f->mem with its fixups as a file at @base has them. */
static EFI_STATUS make_file(struct scan *s, const struct scan_image *img,
			    const struct scan_known_image *known, struct scan_fixups *f,
			    uint8_t **ret)
{
	const uint64_t base = known != NULL  ? known->pe.image_base
			      : f->pe->fixed ? img->base
					     : 0;
	struct rts_pe_image pe;
	uint8_t *file;

	rts_scan_fixups_move(f, img->base, base);
	if (known != NULL && needs_header(img, &known->pe)) {
		put_header(&known->pe, f->mem);
		if (!raw_is_virtual(f->mem, f->len))
			return EFI_NOT_FOUND;
	}
	set_base(f->mem, f->len, base, f->pe->fixed);
	if (rts_pe_image_read((struct bytes){f->mem, f->len}, NULL, &pe) != EFI_SUCCESS)
		return EFI_NOT_FOUND;
	file = rts_scan_keep(s, f->len);
	if (file == NULL)
		return EFI_OUT_OF_RESOURCES;
	memcpy(file, f->mem, f->len);
	*ret = file;
	return EFI_SUCCESS;
}

EFI_STATUS rts_scan_image_file(struct scan *s, const struct scan_image *img, uint64_t log,
			       const struct scan_known_image *known, uint8_t **ret,
			       size_t *ret_len)
{
	struct scan_fixups f;
	EFI_STATUS status;

	if (img->file == NULL)
		return EFI_NOT_FOUND;
	if (known != NULL && !rts_scan_is(s, img, known))
		known = NULL;
	status = rts_scan_fixups(s, img, log, known, &f);
	if (status != EFI_SUCCESS)
		return status;
	status = make_file(s, img, known, &f, ret);
	if (status == EFI_SUCCESS)
		*ret_len = f.len;
	rts_scan_fixups_fini(&f);
	return status;
}
