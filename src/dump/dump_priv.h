/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of this room share: tables of spans, one image, a reader of each format.
 */
#pragma once

#include "runtserv/dump.h"

/* No machine has memory behind this; sums of what lies below cannot wrap. */
#define DUMP_ADDRESS_END (1ULL << 56)
#define DUMP_RANGES_MAX  (1U << 20)

struct dump_span {
	struct rts_dump_range r;
	union {
		const uint8_t *p; /* the bytes, or */
		uint64_t page;    /* kdump: the number of its first page's descriptor */
	};
};

struct dump_spans {
	struct dump_span *v;
	size_t count;
	size_t cap;
};

EFI_STATUS dump_spans_add(struct dump_spans *s, struct dump_span span);

/* Puts those that have bytes in order and joins neighbours. Where some overlap, the one
 * that was added first is kept, and *ret_overlap is set. */
EFI_STATUS dump_spans_sort(struct dump_spans *s, bool *ret_overlap);

/* The index of the one that holds @at, or of the first one behind it. */
size_t dump_spans_find(const struct dump_spans *s, uint64_t at);

/* Runs of ones in a bitmap of pages, from @begin to @end; bits are given in ascending
 * order, and what is not given is zero. A status that is no success ends it. */
struct dump_bitmap {
	uint64_t begin;
	uint64_t end;
	EFI_STATUS (*run)(void *arg, uint64_t first, uint64_t count);
	void *arg;
	/* the run that may go on; both 0 before the first */
	uint64_t first;
	uint64_t next;
};
EFI_STATUS dump_bitmap_add(struct dump_bitmap *b, uint64_t bit, struct bytes bits);
EFI_STATUS dump_bitmap_end(struct dump_bitmap *b);

struct rts_dump {
	struct rts_dump_info info;
	struct bytes file; /* p NULL: pieces */
	struct dump_spans ranges;
	struct diag problem;
	unsigned note_count;      /* that were looked at, or one for each segment of them */
	struct dump_kdump *kdump; /* NULL: all of it is stored plainly */
	size_t last;              /* the range that was read last */
};

/* Remembers the first thing that could not be read. */
#define dump_problem(dump, ...) diag_set(&(dump)->problem, __VA_ARGS__)

/* Adds @range, which lies at @off of the file: as much of it as the file has. @what and @no
 * name it in a problem's text. */
EFI_STATUS dump_add(struct rts_dump *dump, const char *what, uint64_t no,
		    struct rts_dump_range range, uint64_t off);

/* What the file calls its machine. */
void dump_machine(struct rts_dump *dump, const char *name);

/* The next processor; more than there is room for are dropped. */
void dump_cpu(struct rts_dump *dump, uint64_t cr3, uint64_t cr4);

/* ELF notes: those that QEMU writes of its processors. */
void dump_notes(struct rts_dump *dump, struct bytes notes);

/* Each reads a file that is known to begin as such a one. */
EFI_STATUS dump_elf(struct rts_dump *dump, struct diag *d);
EFI_STATUS dump_kdump(struct rts_dump *dump, struct diag *d);
EFI_STATUS dump_kdump_flat(struct rts_dump *dump, struct diag *d);
EFI_STATUS dump_lime(struct rts_dump *dump, struct diag *d);
EFI_STATUS dump_windows(struct rts_dump *dump, struct diag *d);
/* A vmss or vmsn that has the memory in it. */
EFI_STATUS dump_vmware(struct rts_dump *dump, struct diag *d);
/* A vmem, with @meta or without. */
EFI_STATUS dump_vmem(struct rts_dump *dump, struct bytes meta, struct diag *d);

void dump_kdump_free(struct dump_kdump *k);

/* As rts_dump_view(), in the range @s. */
struct bytes dump_kdump_view(const struct rts_dump *dump, const struct dump_span *s,
			     uint64_t at, uint8_t *buf, size_t cap);

/* From @at on, as far as its page goes, out of a cache; empty: cannot be read. */
struct bytes dump_kdump_cached(struct rts_dump *dump, const struct dump_span *s,
			       uint64_t at);

/* Exactly @len bytes. */
bool dump_inflate(struct bytes in, uint8_t *to, size_t len);
