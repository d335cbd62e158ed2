/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PE32+ and TE images: checked once, then placed in memory, relocated, relocated again at
 * run time, and brought back. Nothing is assumed of e_lfanew, of a relocation directory
 * being there, of section alignment. 64-bit machines only. Offsets in a placed image are
 * the RVAs of the file; a TE image is placed as the PE image that it was made of, with
 * zeros where its headers were stripped.
 */
#pragma once

#include "base/bytes.h"
#include "base/diag.h"
#include "uefi/pe.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The largest placed image; a file that claims more is broken. */
#define RTS_PE_IMAGE_MAX (256U << 20)

/* What a check found: sections, entry and relocations lie where they must. Borrows the
 * file. */
struct rts_pe_image {
	struct bytes file;
	bool te;
	uint16_t machine;   /* PE_MACHINE_* */
	uint16_t subsystem; /* PE_SUBSYSTEM_* */
	uint16_t section_count;
	bool fixed;             /* relocations were stripped: it runs at ImageBase only */
	uint32_t entry;         /* offset in the placed image, as all below */
	uint32_t size;          /* of the placed image, 1 to RTS_PE_IMAGE_MAX */
	uint32_t header_len;    /* bytes of the file that are placed at te_delta */
	uint32_t section_align; /* a power of two, on whose multiples all sections begin;
				   from 4096 on they can be protected apart */
	uint64_t image_base;
	PE_DATA_DIRECTORY reloc;  /* Size 0: none */
	uint64_t reloc_offset;    /* of the relocation table, in the file */
	uint64_t sections_offset; /* of the section table, in the file */
	uint32_t te_delta; /* TE: bytes stripped from the file before the TE header's end;
			      PE: 0 */
};

/* A section of the placed image. */
struct rts_pe_section {
	char name[9];   /* as in the file: any bytes */
	uint32_t start; /* offset in the placed image */
	uint32_t size;  /* bytes in memory */
	bool execute;
	bool write;
};

/* EFI_SUCCESS; EFI_LOAD_ERROR (broken; @d says where), EFI_UNSUPPORTED (a 32-bit image or a
 * machine that we do not know). */
EFI_STATUS rts_pe_image_read(struct bytes file, struct diag *d, struct rts_pe_image *ret);

/* Section @i; false past the last one. Sections lie in the order of their start, and do not
 * overlap; an empty one starts at 0. */
bool rts_pe_image_section(const struct rts_pe_image *img, unsigned i,
			  struct rts_pe_section *ret);

/*
 * Writes the whole placed image, @img->size bytes, to @to, relocated as if it were at
 * @base. EFI_UNSUPPORTED: @img->fixed and @base is another.
 */
EFI_STATUS rts_pe_image_place(const struct rts_pe_image *img, uint8_t *to, uint64_t base,
			      struct diag *d);

/*
 * Changes a placed image from @from to @to; with @img->image_base for @to, back to what the
 * file says. A fixup that no longer has the value in @log is left alone (PI 1.8 vol 2
 * §12.6.2 says that a driver may have converted it); @log NULL: all are changed. The
 * relocation table is the file's: what was done to the placed one does not matter.
 * EFI_UNSUPPORTED: @img->fixed and the addresses differ.
 */
EFI_STATUS rts_pe_image_move(const struct rts_pe_image *img, uint8_t *placed, uint64_t from,
			     uint64_t to, const uint64_t *log, struct diag *d);

/* The values of all fixups of a placed image, in the order of the relocation table, into
 * @ret (room for @cap). How many there are, at most @img->reloc.Size / 2. Only DIR64
 * counts: what a 64-bit image has. */
size_t rts_pe_image_log(const struct rts_pe_image *img, const uint8_t *placed,
			uint64_t *ret, size_t cap);

/* Zeroes every fixup field of a placed image, and calls @put with its executable sections,
 * in order: what two loadings of one image have in common, at whatever address. */
EFI_STATUS rts_pe_image_code(const struct rts_pe_image *img, uint8_t *placed,
			     void (*put)(void *ctx, const void *p, size_t n), void *ctx);

#ifdef __cplusplus
}
#endif
