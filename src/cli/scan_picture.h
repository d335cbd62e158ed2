/* SPDX-License-Identifier: BSD-2-Clause */
/* What the picture of a scan shows, and where: the part of drawing that is arithmetic. */
#pragma once

#include "cli/scan.h"

/* Cards; what no finding, service or event leads to is left out first. */
#define SCAN_PLACES_MAX 96U
#define SCAN_SERVICE_H  28.0
#define SCAN_CUT_H      16.0 /* where a gap was cut out */

/* A card: a driver, or code that a service leads to and no driver holds. */
struct scan_place {
	uint64_t base, size;
	const struct rts_scan_driver *driver; /* NULL: none */
	bool bad;                             /* a finding, or no driver */
	size_t events;
	unsigned arrows, drawn;
	double y;
};

/* A piece of the enlarged bar. */
struct scan_part {
	uint64_t start, end;
	double y, height;
};

struct scan_picture {
	FILE *to; /* for who draws it */
	const struct rts_scan_report *r;
	const struct rts_dump *dump; /* NULL: it is not known what is in the image */
	struct scan_place places[SCAN_PLACES_MAX];
	size_t place_count;
	size_t left_out;
	struct scan_part parts[SCAN_PLACES_MAX];
	size_t part_count;
	double scale;                    /* of the enlarged bar, units for a byte */
	double top, height, card, pitch; /* the top of the bars */
	double cards_y, services_y;
	uint64_t end; /* of the bar of all memory */
};

/* @base + @size, or the end of all addresses. */
uint64_t scan_end_of(uint64_t base, uint64_t size);

/* Where the arrow of a service goes; NULL: it has none. */
struct scan_place *scan_place_of(struct scan_picture *p, const struct rts_scan_service *s);

/* Chooses and places all that there is in @p->r, below @p->top. */
void scan_lay_out(struct scan_picture *p);
