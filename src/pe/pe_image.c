/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loading of PE32+ and TE images (Microsoft PE/COFF; UEFI 2.10 §2.1.1, PI 1.8 vol 1 §15).
 * rts_pe_image_read() checks everything once, so that what comes later has nothing left to
 * refuse. Freestanding; allocates nothing.
 */
#include "pe/pe_header.h"
#include "runtserv/pe.h"

#include "base/mem.h"

/* A section, with what only placing needs. */
struct section {
	struct rts_pe_section s;
	uint64_t file_offset;
	uint32_t file_len; /* at most s.size: the rest is zeros */
};

/* The larger sizes of an image agree with this one; TE does not say. */
#define TE_ALIGN 4096U

static bool section_read(const struct rts_pe_image *img, unsigned i, PE_SECTION_HEADER *ret)
{
	return i < img->section_count &&
	       bytes_read(img->file, img->sections_offset + (uint64_t)i * sizeof *ret, ret,
			  sizeof *ret);
}

/* No check: the offset in the file of a TE image may have wrapped. */
static struct section section_of(const struct rts_pe_image *img, const PE_SECTION_HEADER *h)
{
	struct section r = {
		.s.start = h->VirtualAddress,
		/* Some linkers give only one of the two sizes. */
		.s.size = h->VirtualSize != 0 ? h->VirtualSize : h->SizeOfRawData,
		.s.execute =
			(h->Characteristics & (PE_SECTION_EXECUTE | PE_SECTION_CODE)) != 0,
		.s.write = (h->Characteristics & PE_SECTION_WRITE) != 0,
	};

	if (r.s.size == 0)
		r.s.start = 0; /* lies nowhere, whatever it says */
	memcpy(r.s.name, h->Name, sizeof h->Name);
	r.file_len = h->SizeOfRawData < r.s.size ? h->SizeOfRawData : r.s.size;
	r.file_offset = (uint64_t)h->PointerToRawData - img->te_delta;
	return r;
}

bool rts_pe_image_section(const struct rts_pe_image *img, unsigned i,
			  struct rts_pe_section *ret)
{
	PE_SECTION_HEADER h;

	if (!section_read(img, i, &h))
		return false;
	*ret = section_of(img, &h).s;
	return true;
}

/* A walk through the relocation table, one fixup at a time. */
struct fixups {
	struct bytes table;
	uint64_t at;  /* of the next entry */
	uint64_t end; /* of this block */
	uint32_t page;
};

static struct fixups fixups_begin(const struct rts_pe_image *img)
{
	struct fixups f = {.at = 0};

	(void)bytes_sub(img->file, img->reloc_offset, img->reloc.Size, &f.table);
	return f;
}

/* EFI_SUCCESS and the offset of a DIR64 field in the placed image; EFI_NOT_FOUND: no more.
 */
static EFI_STATUS fixups_next(const struct rts_pe_image *img, struct fixups *f,
			      struct diag *d, uint32_t *ret)
{
	for (;;) {
		PE_BASE_RELOCATION block;
		uint16_t entry;
		unsigned type;
		uint64_t rva;

		if (f->end - f->at < sizeof entry) {
			f->at = f->end;
			if (f->at == f->table.n)
				return EFI_NOT_FOUND;
			if (!bytes_read(f->table, f->at, &block, sizeof block) ||
			    block.SizeOfBlock < sizeof block ||
			    block.SizeOfBlock > f->table.n - f->at)
				return diag(d, EFI_LOAD_ERROR,
					    "offset %#llx: a relocation block that does "
					    "not fit, %llu bytes are left",
					    (unsigned long long)(img->reloc_offset + f->at),
					    (unsigned long long)(f->table.n - f->at));
			f->page = block.VirtualAddress;
			f->end = f->at + block.SizeOfBlock;
			f->at += sizeof block;
			continue;
		}
		(void)bytes_read(f->table, f->at, &entry, sizeof entry);
		f->at += sizeof entry;
		type = entry >> 12;
		rva = (uint64_t)f->page + (entry & 0xfff);
		if (type == PE_REL_BASED_ABSOLUTE)
			continue;
		if (type != PE_REL_BASED_DIR64)
			return diag(
				d, EFI_LOAD_ERROR,
				"offset %#llx: relocation of type %u, want %u (64 bits)",
				(unsigned long long)(img->reloc_offset + f->at -
						     sizeof entry),
				type, PE_REL_BASED_DIR64);
		if (rva > img->size || img->size - rva < sizeof(uint64_t))
			return diag(d, EFI_LOAD_ERROR,
				    "offset %#llx: relocation at %#llx of an image of "
				    "%#x bytes",
				    (unsigned long long)(img->reloc_offset + f->at -
							 sizeof entry),
				    (unsigned long long)rva, img->size);
		*ret = (uint32_t)rva;
		return EFI_SUCCESS;
	}
}

/* What PE and TE headers say, in the terms of struct rts_pe_image; nothing of it checked.
 */
static EFI_STATUS read_te(struct bytes file, struct diag *d, struct rts_pe_image *img)
{
	EFI_TE_IMAGE_HEADER h;

	if (!bytes_read(file, 0, &h, sizeof h))
		return diag(d, EFI_LOAD_ERROR, "offset 0: %zu bytes, no room for a header",
			    file.n);
	if (h.StrippedSize < sizeof h)
		return diag(d, EFI_LOAD_ERROR,
			    "offset %#zx: %u bytes stripped, want at least %zu",
			    offsetof(EFI_TE_IMAGE_HEADER, StrippedSize), h.StrippedSize,
			    sizeof h);
	*img = (struct rts_pe_image){
		.file = file,
		.te = true,
		.machine = h.Machine,
		.subsystem = h.Subsystem,
		.section_count = h.NumberOfSections,
		/* A table that is nowhere was stripped; one of no bytes is just empty. */
		.fixed = h.DataDirectory[0].Size == 0 &&
			 h.DataDirectory[0].VirtualAddress == 0,
		.entry = h.AddressOfEntryPoint,
		.section_align = TE_ALIGN,
		.image_base = h.ImageBase,
		.reloc = h.DataDirectory[0],
		.sections_offset = sizeof h,
		.header_len = (uint32_t)(sizeof h +
					 h.NumberOfSections * sizeof(PE_SECTION_HEADER)),
		.te_delta = h.StrippedSize - (uint32_t)sizeof h,
	};
	return EFI_SUCCESS;
}

static EFI_STATUS read_pe(struct bytes file, struct diag *d, struct rts_pe_image *img)
{
	struct rts_pe_header h;
	EFI_STATUS status;
	uint32_t nt;
	uint16_t magic;

	/* Its optional header is another; say so before it is called broken. */
	if (bytes_read(file, PE_DOS_LFANEW, &nt, sizeof nt) &&
	    bytes_read(file, (uint64_t)nt + 4 + sizeof(PE_FILE_HEADER), &magic,
		       sizeof magic) &&
	    magic == PE32_MAGIC)
		return diag(d, EFI_UNSUPPORTED, "offset %#llx: magic %#x, a 32-bit image",
			    (unsigned long long)nt + 4 + sizeof(PE_FILE_HEADER), magic);
	status = rts_pe_header_read(file, d, &h);
	if (status != EFI_SUCCESS)
		return status;
	*img = (struct rts_pe_image){
		.file = file,
		.machine = h.file.Machine,
		.subsystem = h.opt.Subsystem,
		.section_count = h.file.NumberOfSections,
		.fixed = (h.file.Characteristics & PE_FILE_RELOCS_STRIPPED) != 0,
		.entry = h.opt.AddressOfEntryPoint,
		.size = h.opt.SizeOfImage,
		.section_align = h.opt.SectionAlignment,
		.image_base = h.opt.ImageBase,
		.reloc = h.reloc,
		.sections_offset = h.sections_offset,
		.header_len = h.opt.SizeOfHeaders,
	};
	return EFI_SUCCESS;
}

/* Header and sections follow each other in memory, and lie in the file and in the image. A
 * TE image is as large as its sections make it. */
static EFI_STATUS check_layout(struct rts_pe_image *img, struct diag *d)
{
	uint64_t end = (uint64_t)img->te_delta + img->header_len;
	uint64_t table_end =
		img->sections_offset + img->section_count * sizeof(PE_SECTION_HEADER);
	uint64_t limit = img->te ? RTS_PE_IMAGE_MAX : img->size;
	uint64_t align = img->section_align;
	PE_SECTION_HEADER h;
	struct bytes raw;

	if (limit == 0 || limit > RTS_PE_IMAGE_MAX)
		return diag(d, EFI_LOAD_ERROR, "an image of %#llx bytes, want 1 to %#x",
			    (unsigned long long)limit, RTS_PE_IMAGE_MAX);
	if (img->header_len < table_end || img->header_len > img->file.n || end > limit)
		return diag(d, EFI_LOAD_ERROR,
			    "headers of %#x bytes: want at least %#llx, the file has %#zx "
			    "and the image %#llx",
			    img->header_len, (unsigned long long)table_end, img->file.n,
			    (unsigned long long)limit);
	for (unsigned i = 0; section_read(img, i, &h); i++) {
		struct section s = section_of(img, &h);

		if (s.s.size == 0)
			continue;
		if (s.s.start < end)
			return diag(d, EFI_LOAD_ERROR,
				    "section %u: starts at %#x, before the end of what "
				    "precedes it, %#llx",
				    i, s.s.start, (unsigned long long)end);
		end = (uint64_t)s.s.start + s.s.size;
		if (end > limit)
			return diag(d, EFI_LOAD_ERROR,
				    "section %u: %#x+%#x lies past the end of the image, "
				    "%#llx",
				    i, s.s.start, s.s.size, (unsigned long long)limit);
		if (s.file_len != 0 &&
		    !bytes_sub(img->file, s.file_offset, s.file_len, &raw))
			return diag(d, EFI_LOAD_ERROR,
				    "section %u: bytes %#x+%#x lie past the end of the "
				    "file, %#zx",
				    i, h.PointerToRawData, s.file_len, img->file.n);
		align |= s.s.start;
	}
	if (img->te)
		img->size = (uint32_t)end;
	img->section_align = (uint32_t)(align & -align);
	return EFI_SUCCESS;
}

/* The entry lies in a section, the relocation table in the bytes that a section takes from
 * the file. */
static EFI_STATUS check_references(struct rts_pe_image *img, struct diag *d)
{
	bool entry = false, reloc = img->reloc.Size == 0;
	PE_SECTION_HEADER h;

	for (unsigned i = 0; section_read(img, i, &h); i++) {
		struct section s = section_of(img, &h);
		uint32_t at = img->reloc.VirtualAddress - s.s.start;

		entry = entry || img->entry - s.s.start < s.s.size;
		if (!reloc && img->reloc.VirtualAddress >= s.s.start && at <= s.file_len &&
		    img->reloc.Size <= s.file_len - at) {
			reloc = true;
			img->reloc_offset = s.file_offset + at;
		}
	}
	if (!entry)
		return diag(d, EFI_LOAD_ERROR, "entry at %#x, in no section", img->entry);
	if (!reloc)
		return diag(d, EFI_LOAD_ERROR,
			    "relocations at %#x+%#x, in no section's bytes of the file",
			    img->reloc.VirtualAddress, img->reloc.Size);
	return EFI_SUCCESS;
}

EFI_STATUS rts_pe_image_read(struct bytes file, struct diag *d, struct rts_pe_image *ret)
{
	struct rts_pe_image img;
	uint16_t signature = 0;
	struct fixups f;
	uint32_t rva;
	EFI_STATUS status;

	(void)bytes_read(file, 0, &signature, sizeof signature);
	if (signature == EFI_TE_IMAGE_HEADER_SIGNATURE)
		status = read_te(file, d, &img);
	else
		status = read_pe(file, d, &img);
	if (status != EFI_SUCCESS)
		return status;
	if (rts_pe_machine_name(img.machine) == NULL)
		return diag(d, EFI_UNSUPPORTED, "machine %#x, want %#x or %#x", img.machine,
			    PE_MACHINE_X64, PE_MACHINE_AARCH64);
	if (img.fixed)
		img.reloc = (PE_DATA_DIRECTORY){0};
	status = check_layout(&img, d);
	if (status == EFI_SUCCESS)
		status = check_references(&img, d);
	if (status != EFI_SUCCESS)
		return status;
	f = fixups_begin(&img);
	while (status == EFI_SUCCESS)
		status = fixups_next(&img, &f, d, &rva);
	if (status != EFI_NOT_FOUND)
		return status;
	*ret = img;
	return EFI_SUCCESS;
}

EFI_STATUS rts_pe_image_place(const struct rts_pe_image *img, uint8_t *to, uint64_t base,
			      struct diag *d)
{
	PE_SECTION_HEADER h;

	if (img->fixed && base != img->image_base)
		return diag(d, EFI_UNSUPPORTED,
			    "without relocations, it runs at %#llx and not at %#llx",
			    (unsigned long long)img->image_base, (unsigned long long)base);
	memset(to, 0, img->size);
	memcpy(to + img->te_delta, img->file.p, img->header_len);
	for (unsigned i = 0; section_read(img, i, &h); i++) {
		struct section s = section_of(img, &h);

		if (s.file_len != 0)
			memcpy(to + s.s.start, img->file.p + s.file_offset, s.file_len);
	}
	return rts_pe_image_move(img, to, img->image_base, base, NULL, d);
}

EFI_STATUS rts_pe_image_move(const struct rts_pe_image *img, uint8_t *placed, uint64_t from,
			     uint64_t to, const uint64_t *log, struct diag *d)
{
	struct fixups f = fixups_begin(img);
	uint32_t rva;

	if (img->fixed && from != to)
		return diag(d, EFI_UNSUPPORTED,
			    "without relocations, it cannot move from %#llx to %#llx",
			    (unsigned long long)from, (unsigned long long)to);
	for (size_t i = 0; fixups_next(img, &f, d, &rva) == EFI_SUCCESS; i++) {
		uint64_t value;

		memcpy(&value, placed + rva, sizeof value);
		if (log != NULL && value != log[i])
			continue;
		value += to - from;
		memcpy(placed + rva, &value, sizeof value);
	}
	return EFI_SUCCESS;
}

size_t rts_pe_image_log(const struct rts_pe_image *img, const uint8_t *placed,
			uint64_t *ret, size_t cap)
{
	struct fixups f = fixups_begin(img);
	uint32_t rva;
	size_t n = 0;

	for (; fixups_next(img, &f, NULL, &rva) == EFI_SUCCESS; n++)
		if (n < cap)
			memcpy(&ret[n], placed + rva, sizeof *ret);
	return n;
}

EFI_STATUS rts_pe_image_code(const struct rts_pe_image *img, uint8_t *placed,
			     void (*put)(void *ctx, const void *p, size_t n), void *ctx)
{
	struct fixups f = fixups_begin(img);
	struct rts_pe_section s;
	uint32_t rva;

	while (fixups_next(img, &f, NULL, &rva) == EFI_SUCCESS)
		memset(placed + rva, 0, sizeof(uint64_t));
	for (unsigned i = 0; rts_pe_image_section(img, i, &s); i++)
		if (s.execute && s.size != 0)
			put(ctx, placed + s.start, s.size);
	return EFI_SUCCESS;
}
