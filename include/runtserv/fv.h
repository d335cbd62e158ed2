/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Firmware images (PI 1.8 vol 3): volumes, FFS2 and FFS3 files, sections, LZMA, LZMA with
 * x86 filter and Tiano compression, volumes within files. An image is any bytes in which
 * volumes begin at some multiple of 4: a flash image, a capsule, one volume.
 */
#pragma once

#include "base/bytes.h"
#include "base/diag.h"
#include "uefi/fv.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One FFS file, in the order in which it lies in the image, nested volumes in place, behind
 * the file that holds them. Pad files and deleted ones are left out. Borrowed from its
 * rts_fv. */
struct rts_fv_file {
	EFI_GUID guid;
	const char *name;   /* UTF-8, from the user interface section, at most 255
			       characters of whatever kind; NULL where there is none */
	uint8_t type;       /* EFI_FV_FILETYPE_* */
	uint64_t offset;    /* of the file's header: in the image, or in what the section
			       @unpacked became */
	uint32_t unpacked;  /* counts compressed sections from 1; 0: in the image itself */
	uint32_t volume;    /* counts volumes from 0 */
	struct bytes depex; /* opcodes of the first DXE, PEI or MM dependency section;
			       empty: none */
	uint8_t depex_type; /* EFI_SECTION_*_DEPEX; 0: none */
	bool te;            /* @image is a TE image */
	struct bytes image; /* the first PE32 or TE section; empty: none */
	struct bytes body;  /* the whole file without its header */
};

struct rts_fv;

/* What the whole image may unpack to, all compressed sections together. While one is being
 * unpacked, its decoder needs as much again for the dictionary. */
#define RTS_FV_UNPACKED_MAX (256ULL << 20)
#define RTS_FV_FILES_MAX    65536U
/* Volumes and sections within each other. */
#define RTS_FV_DEPTH_MAX    16U

/*
 * Reads all of @image, which must outlive the result. EFI_SUCCESS; EFI_NOT_FOUND: no volume
 * in it; EFI_LOAD_ERROR: none that can be read; EFI_OUT_OF_RESOURCES: over a limit, or no
 * memory. @d has a text with the offset. A broken part beside whole ones is a problem, not
 * an error: see rts_fv_problem().
 */
EFI_STATUS rts_fv_open(struct bytes image, struct diag *d, struct rts_fv **ret);
void rts_fv_free(struct rts_fv *fv);

size_t rts_fv_file_count(const struct rts_fv *fv);
const struct rts_fv_file *rts_fv_file(const struct rts_fv *fv, size_t i);

/* The first thing in it that could not be read, or NULL. */
const char *rts_fv_problem(const struct rts_fv *fv);

#ifdef __cplusplus
}
#endif
