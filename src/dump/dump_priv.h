/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of this room share: tables of spans, one image, and a reader of each
 * format. */
#pragma once

#include "runtserv/dump.h"

/* No machine has memory behind this; sums of what lies below cannot wrap. */
#define DUMP_ADDRESS_END (1ULL << 56)

struct dump_span {
	struct rts_dump_range r;
	union {
		const uint8_t *p; /* the bytes, or */
		uint64_t page;    /* kdump: the number of the first page's descriptor */
	};
};

struct dump_spans {
	struct dump_span *v;
	size_t count;
	size_t cap;
};

EFI_STATUS dump_spans_add(struct dump_spans *s, struct dump_span span);

/* Puts them in order and joins neighbours. Where some overlap, the one that was added first
 * is kept; *ret_overlap says whether there were any. */
EFI_STATUS dump_spans_sort(struct dump_spans *s, bool *ret_overlap);

/* The index of the one that holds @at, or of the first one behind it. */
size_t dump_spans_find(const struct dump_spans *s, uint64_t at);

#define DUMP_RANGES_MAX (1U << 20)

struct rts_dump {
	struct rts_dump_info info;
	struct bytes file; /* p NULL: pieces */
	struct dump_spans ranges;
	struct diag problem;
	struct dump_kdump *kdump; /* NULL: all of it is stored plainly */
	size_t last;              /* the range that was read last */
};

/* Remembers the first thing that could not be read. */
#define dump_problem(dump, ...) diag_set(&(dump)->problem, __VA_ARGS__)

/* Adds @len bytes at @off of the file as memory at @start: as much as the file has. @what
 * and
 * @no name it in a problem's text. */
EFI_STATUS dump_add(struct rts_dump *dump, const char *what, uint64_t no,
		    struct rts_dump_range range, uint64_t off);

/* What the file calls its machine: x86-64 is spelled in two ways. */
void dump_machine(struct rts_dump *dump, const char *name);

/* ELF notes: those that QEMU writes of its processors. */
void dump_notes(struct rts_dump *dump, struct bytes notes);

/* Each reads what is known to begin as such a file. */
EFI_STATUS dump_elf(struct rts_dump *dump, struct diag *d);
