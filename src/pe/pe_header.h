/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading PE32+ headers (64-bit only). Whatever the bytes are, nothing outside them is
 * read; loading and relocating is not done here.
 */
#pragma once

#include "base/bytes.h"
#include "base/diag.h"
#include "uefi/pe.h"

struct rts_pe_header {
	PE_FILE_HEADER file;
	PE_OPTIONAL_HEADER opt;
	PE_DATA_DIRECTORY reloc;  /* zero where the image has no such directory */
	uint64_t sections_offset; /* of the section table, which lies inside the file */
};

/* EFI_SUCCESS, or EFI_LOAD_ERROR (not PE32+, cut short) with a text in @d. */
EFI_STATUS rts_pe_header_read(struct bytes image, struct diag *d,
			      struct rts_pe_header *ret);

/* Section @i of the image that @h was read from; false past the last one. */
bool rts_pe_section_read(struct bytes image, const struct rts_pe_header *h, unsigned i,
			 PE_SECTION_HEADER *ret);

/*
 * What our guest driver must be: a runtime driver, its sections on page boundaries, so that
 * code and data can be protected apart, and without base relocations, so that its bytes in
 * memory stay those of the file. EFI_SUCCESS, or EFI_UNSUPPORTED with a text in @d.
 */
EFI_STATUS rts_pe_check_driver(const struct rts_pe_header *h, struct diag *d);

/* The subsystem that a PE32, PE32+ or TE image names; false: it has no such header. */
bool rts_pe_subsystem_read(struct bytes image, uint16_t *ret);

/* "x64", "aa64", or NULL. */
const char *rts_pe_machine_name(uint16_t machine);
/* "application", "driver", "runtime-driver", or NULL. */
const char *rts_pe_subsystem_name(uint16_t subsystem);
