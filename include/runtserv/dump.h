/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory images as sparse physical memory: raw, ELF64 core, kdump-compressed (flattened or
 * not), LiME, Windows 64-bit crash dump (full and bitmap), VMware vmem with its vmss or
 * vmsn. One ordered table of ranges; what is in none of them is "not in the image", which
 * is never the same as zeros. Page tables of x86-64, four and five levels. Knows nothing of
 * UEFI. Addresses are physical unless called virtual; lengths are bytes.
 */
#pragma once

#include "base/bytes.h"
#include "base/diag.h"
#include "uefi/types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum rts_dump_format {
	RTS_DUMP_RAW,
	RTS_DUMP_ELF,
	RTS_DUMP_KDUMP,
	RTS_DUMP_LIME,
	RTS_DUMP_WINDOWS_FULL,
	RTS_DUMP_WINDOWS_BITMAP,
	RTS_DUMP_VMWARE,
	RTS_DUMP_LIVE, /* pieces of a running machine: rts_dump_from_pieces() */
};

/* "raw", "elf-core", "kdump", "lime", "windows-full", "windows-bitmap", "vmware", "live".
 */
const char *rts_dump_format_name(enum rts_dump_format format);

/* Memory that is in the image, in ascending order, not overlapping, adjacent ones joined
 * where that is possible. */
struct rts_dump_range {
	uint64_t start;
	uint64_t len;
	bool has_virtual; /* the image says where the machine had it mapped (the ELF
			     segments of a live machine's evidence, or of a dump with
			     paging) */
	uint64_t virtual_start;
};

#define RTS_DUMP_CPUS_MAX 64U

struct rts_dump_info {
	enum rts_dump_format format;
	uint64_t bytes;   /* of memory in the image */
	uint64_t end;     /* one past the highest address in the image */
	bool x86_64;      /* false: an image of another machine, or the format does not say
			     (then machine[0] is 0) */
	char machine[16]; /* "x86-64", "aarch64", ...: what the format says; "": nothing */
	unsigned cpu_count; /* of those below */
	struct {
		uint64_t cr3;
		uint64_t cr4;
	} cpu[RTS_DUMP_CPUS_MAX]; /* QEMU's notes; a Windows dump's DTB with cr4 0 */
	bool os_ranges;      /* the ranges are what the operating system manages (a Windows
				dump's run list): firmware's own memory is not in it */
	bool assumed_hole;   /* VMware without vmss: the hole below 4 GiB was assumed */
	const char *problem; /* what could not be read, with its offset, or NULL: the rest
				can be used */
};

struct rts_dump;

/*
 * Recognises @file by its content; raw where nothing else fits. @meta: a VMware vmss or
 * vmsn (p NULL: none). Both must outlive the result. EFI_SUCCESS; EFI_LOAD_ERROR: broken
 * beyond use, EFI_UNSUPPORTED: a kind that we know and cannot read (AVML, a Windows
 * minidump, what is packed as a whole), EFI_OUT_OF_RESOURCES; @d has a text. Pages of a
 * kdump that something else than zlib packed are in the image, cannot be read, and are
 * its problem. Memory used does not grow with the image's size but for the table of
 * ranges (2^20; what lies above is left out, a problem too) and for a flattened file's
 * blocks (2^21).
 */
EFI_STATUS rts_dump_open(struct bytes file, struct bytes meta, struct diag *d,
			 struct rts_dump **ret);

/* The same for a VMware vmem, which cannot be told from a raw image: with its vmss or vmsn
 * as @meta, or without (p NULL): then, where it is larger than 3 GiB, memory is taken to
 * have a hole from 3 GiB to 4 GiB. */
EFI_STATUS rts_dump_open_vmem(struct bytes file, struct bytes meta, struct diag *d,
			      struct rts_dump **ret);

/* Memory that the caller holds: as RTS_DUMP_LIVE, in any order; overlapping pieces are
 * EFI_INVALID_PARAMETER. The bytes are borrowed, @pieces is not. */
struct rts_dump_piece {
	uint64_t start;
	struct bytes bytes;
	bool has_virtual;
	uint64_t virtual_start;
};
EFI_STATUS rts_dump_from_pieces(const struct rts_dump_piece *pieces, size_t count,
				struct diag *d, struct rts_dump **ret);

void rts_dump_free(struct rts_dump *dump);

const struct rts_dump_info *rts_dump_info(const struct rts_dump *dump);
size_t rts_dump_range_count(const struct rts_dump *dump);
const struct rts_dump_range *rts_dump_range(const struct rts_dump *dump, size_t i);

/* The index of the range that holds @at, or of the first one behind it; the count where
 * there is none. */
size_t rts_dump_range_find(const struct rts_dump *dump, uint64_t at);

/* Whether a range holds @at; that it can be read is another question. */
bool rts_dump_has(const struct rts_dump *dump, uint64_t at);

/* Copies up to @len bytes from @at on into @ret; how many, less than @len where a hole or
 * unreadable bytes begin. Keeps a cache: one thread at a time. */
size_t rts_dump_read(struct rts_dump *dump, uint64_t at, void *ret, size_t len);

/* True when all of it could be read. */
bool rts_dump_read_all(struct rts_dump *dump, uint64_t at, void *ret, size_t len);

/*
 * For passes over memory, from several threads at once: a view of memory from @at (in a
 * range) on, at most @cap bytes and at least one page where the range has one; in @buf
 * (@cap bytes, at least 4096) where it is not stored plainly. An empty view: these bytes
 * cannot be read (go on at the next page).
 */
struct bytes rts_dump_view(const struct rts_dump *dump, uint64_t at, uint8_t *buf,
			   size_t cap);

/* Where the memory at @at lies plainly in the file; false: it does not. */
bool rts_dump_file_offset(const struct rts_dump *dump, uint64_t at, uint64_t *ret);

/* What a page-table walk found. */
struct rts_dump_page {
	uint64_t physical; /* of the address that was asked for */
	uint64_t page_len; /* 4 KiB, 2 MiB, 1 GiB */
	bool write;
	bool execute;
	bool user;
};

/*
 * Walks from the table at @root (as CR3 has it: low twelve bits are ignored) with @levels 4
 * or 5. EFI_SUCCESS; EFI_NOT_FOUND: not mapped, or not canonical; EFI_NO_MEDIA: a table is
 * not in the image; EFI_VOLUME_CORRUPTED: reserved bits are set.
 */
EFI_STATUS rts_dump_walk(struct rts_dump *dump, uint64_t root, unsigned levels, uint64_t va,
			 struct rts_dump_page *ret);

#ifdef __cplusplus
}
#endif
