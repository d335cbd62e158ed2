/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI option ROMs that carry EFI images: reading a chain of images, and writing one.
 * Uncompressed images only are unpacked; a compressed one is listed.
 */
#pragma once

#include "pe/pe_header.h"

struct rts_pe_rom_image {
	uint64_t offset; /* in the ROM, of the image's own header */
	uint32_t len;    /* bytes, a multiple of 512 */
	uint16_t vendor;
	uint16_t device;
	uint32_t class_code; /* 24 bits */
	uint8_t code_type;   /* PCI_ROM_CODE_TYPE_EFI: the rest is meaningful */
	bool last;
	uint16_t machine;
	uint16_t subsystem;
	uint16_t compression;
	struct bytes
		efi; /* the PE image with its padding; empty where compressed or not EFI */
};

/* What the device says of itself; firmware starts an image only where they agree. */
struct rts_pe_rom_id {
	uint16_t vendor;
	uint16_t device;
	uint32_t class_code;
};

/*
 * The image at *@offset, which then moves past it: begin with 0 and go on while
 * EFI_SUCCESS. EFI_NOT_FOUND: the one before was the last. EFI_LOAD_ERROR: not a ROM, or a
 * broken one, with a text in @d.
 */
EFI_STATUS rts_pe_rom_next(struct bytes rom, uint64_t *offset, struct diag *d,
			   struct rts_pe_rom_image *ret);

/*
 * Appends @efi, a PE32+ image, with its headers. EFI_SUCCESS; EFI_LOAD_ERROR (not an image)
 * or EFI_BAD_BUFFER_SIZE (too large for a ROM) with a text in @d. A full @w is for the
 * caller to see.
 */
EFI_STATUS rts_pe_rom_append(struct writer *w, struct bytes efi,
			     const struct rts_pe_rom_id *id, bool last, struct diag *d);
