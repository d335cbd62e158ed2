/* SPDX-License-Identifier: BSD-2-Clause */
/* The memmap verb's own parts: where a map comes from, and its picture. */
#pragma once

#include <jansson.h>

#include "mem/map_summary.h"

#define MEMMAP_NOTES_MAX 4U

/* A map and what is known beside it. Zeroed: nothing. */
struct memmap {
	struct rts_map map;
	bool *no_attributes; /* parallel to map.d: its attributes are not known; NULL: all
				are */
	const char *source;  /* "map", "inventory", "live" */
	size_t descriptor_size;              /* of a binary map; else 0 */
	json_t *images;                      /* of an inventory, checked; else NULL */
	struct diag notes[MEMMAP_NOTES_MAX]; /* for the reader, not about the map's rules */
	size_t note_count;
};

void memmap_fini(struct memmap *m);

/*
 * The map in a file: descriptors, @descriptor_size bytes apart (0: 48, or else what fits
 * best), or a JSON document runtserv.inventory/1 or runtserv.memmap/1, known by its first
 * character. 0, or -errno with a text in @d: -EINVAL, it is none.
 */
int memmap_read(struct bytes file, size_t descriptor_size, struct memmap *ret,
		struct diag *d);

/*
 * The map of the machine that we run on, from the folder @sysfs ("/sys"): firmware/memmap,
 * and firmware/efi/runtime-map on top. 0, or -errno with a text in @d.
 */
int memmap_read_live(const char *sysfs, struct memmap *ret, struct diag *d);

/* Makes room for @n descriptors; for the readers. 0 or -ENOMEM. */
int memmap_reserve(struct memmap *m, size_t n);
void memmap_note(struct memmap *m, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* An SVG picture of the map; the caller frees *ret. 0, or -errno with a text in @d: -E2BIG,
 * too much for one. */
int memmap_svg(const struct rts_map *m, char **ret, size_t *ret_len, struct diag *d);
