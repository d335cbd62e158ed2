/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of this room share: one reading of an image, and the decoders. */
#pragma once

#include "runtserv/fv.h"

/* A reading under way. What it finds goes to @fv. */
struct fv_read {
	struct rts_fv *fv;
	struct diag *d;
	EFI_STATUS status;    /* an error ends the reading */
	struct bytes buffer;  /* what offsets are told in: the image, or */
	uint32_t buffer_no;   /* what the n-th compressed section unpacked to */
	uint32_t unpacked_no; /* of these, so far */
	unsigned depth;
};

/* Remembers the first thing that cannot be read; @at lies in r->buffer. */
void fv_problem(struct fv_read *r, const uint8_t *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Reads all volumes that begin in @b; how many there were. */
size_t fv_volumes_read(struct fv_read *r, struct bytes b);

/* Reads the sections that @b consists of, which belong to file @file. */
void fv_sections_read(struct fv_read *r, struct bytes b, size_t file);

/* The file @i, for who completes it. */
struct rts_fv_file *fv_file(struct rts_fv *fv, size_t i);

/* Goes one level down, unless that is too deep; then the reading is over. */
bool fv_enter(struct fv_read *r, const uint8_t *at);
void fv_leave(struct fv_read *r);

/* @n bytes that live as long as the result. NULL: no memory; the reading is over. */
void *fv_alloc(struct fv_read *r, size_t n);

/* The same, for what a section at @at unpacks to: counted against RTS_FV_UNPACKED_MAX, with
 * some more for each, so that many small ones cannot take more memory than few large ones.
 */
#define FV_UNPACKED_OVERHEAD 64U
uint8_t *fv_alloc_unpacked(struct fv_read *r, const uint8_t *at, uint64_t n);

/* How long the result will be; false where @in is no such stream. */
bool fv_lzma_len(struct bytes in, uint64_t *ret);
bool fv_tiano_len(struct bytes in, uint64_t *ret);

/* Unpacks all of it, exactly @len bytes. EFI_LOAD_ERROR: a broken stream. */
EFI_STATUS fv_lzma_decode(struct bytes in, bool x86, uint8_t *to, size_t len,
			  struct diag *d);
EFI_STATUS fv_tiano_decode(struct bytes in, unsigned position_bits, uint8_t *to, size_t len,
			   struct diag *d);

/* Widths of the count of position codes: UEFI 2.10 §19.2 has the first one; edk2's Tiano
 * is the same but for the second. */
#define FV_POSITION_BITS_UEFI  4U
#define FV_POSITION_BITS_TIANO 5U
