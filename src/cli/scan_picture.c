/* SPDX-License-Identifier: BSD-2-Clause */
/* Which drivers the picture of a scan shows, and where on it they, the pieces of the
 * enlarged bar, and the services lie. */
#include "cli/scan_picture.h"

#include <stdlib.h>

uint64_t scan_end_of(uint64_t base, uint64_t size)
{
	uint64_t end;

	return __builtin_add_overflow(base, size, &end) ? UINT64_MAX : end;
}

/* ---- what is shown ---- */

static int by_base(const void *a, const void *b)
{
	const struct scan_place *x = a, *y = b;

	if (x->base != y->base)
		return x->base < y->base ? -1 : 1;
	return (x->size > y->size) - (x->size < y->size);
}

static bool has_finding(const struct rts_scan_report *r, size_t driver)
{
	for (size_t i = 0; i < r->finding_count; i++)
		if (r->findings[i].driver >= 0 && (size_t)r->findings[i].driver == driver &&
		    r->findings[i].severity != RTS_SCAN_INFO)
			return true;
	return false;
}

static size_t count_events(const struct rts_scan_report *r, size_t driver)
{
	size_t n = 0;

	for (size_t i = 0; i < r->event_count; i++)
		n += r->events[i].driver >= 0 && (size_t)r->events[i].driver == driver;
	return n;
}

static bool has_service(const struct rts_scan_report *r, size_t driver)
{
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++)
		if (r->services[i].driver >= 0 && (size_t)r->services[i].driver == driver)
			return true;
	return false;
}

/* Drivers that somebody asks for first, then the others, until there is no more room. */
static void choose(struct scan_picture *p)
{
	const struct rts_scan_report *r = p->r;

	for (unsigned pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < r->driver_count; i++) {
			const bool bad = has_finding(r, i);
			const size_t events = count_events(r, i);
			const bool first = bad || events != 0 || has_service(r, i);

			if (first != (pass == 0))
				continue;
			if (p->place_count < SCAN_PLACES_MAX - RTS_SCAN_SERVICES)
				p->places[p->place_count++] =
					(struct scan_place){.base = r->drivers[i].base,
							    .size = r->drivers[i].size,
							    .driver = &r->drivers[i],
							    .bad = bad,
							    .events = events};
			else
				p->left_out++;
		}
	}
}

/* Where a service begins outside of every driver: its page. */
static bool is_orphan(const struct rts_scan_service *s, uint64_t *ret)
{
	*ret = s->physical & ~0xfffULL;
	return s->driver < 0 && s->has_physical && s->verdict != RTS_SCAN_NOT_IN_IMAGE;
}

struct scan_place *scan_place_of(struct scan_picture *p, const struct rts_scan_service *s)
{
	uint64_t page;
	const bool orphan = is_orphan(s, &page);

	for (size_t i = 0; i < p->place_count; i++) {
		struct scan_place *at = &p->places[i];

		if (at->driver == NULL
			    ? orphan && at->base == page
			    : s->driver >= 0 && at->driver == &p->r->drivers[s->driver])
			return at;
	}
	return NULL;
}

static void choose_orphans(struct scan_picture *p)
{
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++) {
		const struct rts_scan_service *s = &p->r->services[i];
		uint64_t page;

		if (is_orphan(s, &page) && scan_place_of(p, s) == NULL)
			p->places[p->place_count++] =
				(struct scan_place){.base = page,
						    .size = 4096,
						    .bad = s->verdict == RTS_SCAN_FOREIGN ||
							   s->verdict == RTS_SCAN_MODIFIED};
	}
}

/* ---- where it goes ---- */

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The longest gap that is drawn: shorter ones come first, as long as all of them together
 * are no longer than the drivers. */
static uint64_t longest_gap(const struct scan_picture *p)
{
	uint64_t gaps[SCAN_PLACES_MAX], end = 0, drivers = 0, sum = 0, longest = 0;
	size_t n = 0;

	for (size_t i = 0; i < p->place_count; i++) {
		const struct scan_place *at = &p->places[i];

		drivers = scan_end_of(drivers, at->size);
		if (i > 0 && at->base > end)
			gaps[n++] = at->base - end;
		if (scan_end_of(at->base, at->size) > end)
			end = scan_end_of(at->base, at->size);
	}
	qsort(gaps, n, sizeof *gaps, by_value);
	for (size_t i = 0; i < n; i++) {
		sum = scan_end_of(sum, gaps[i]);
		if (sum > drivers)
			break;
		longest = gaps[i];
	}
	return longest;
}

static void cut(struct scan_picture *p)
{
	const uint64_t longest = longest_gap(p);
	double bytes = 0, height, y = p->top;
	struct scan_part *part = NULL;

	for (size_t i = 0; i < p->place_count; i++) {
		const struct scan_place *at = &p->places[i];

		if (part == NULL ||
		    (at->base > part->end && at->base - part->end > longest)) {
			part = &p->parts[p->part_count++];
			part->start = part->end = at->base;
		}
		if (scan_end_of(at->base, at->size) > part->end)
			part->end = scan_end_of(at->base, at->size);
	}
	for (size_t i = 0; i < p->part_count; i++)
		bytes += (double)(p->parts[i].end - p->parts[i].start);
	if (p->part_count == 0)
		return;
	height = p->height - SCAN_CUT_H * (double)(p->part_count - 1);
	p->scale = bytes > 0 ? height / bytes : 0;
	for (size_t i = 0; i < p->part_count; i++) {
		part = &p->parts[i];
		part->y = y;
		part->height = p->scale * (double)(part->end - part->start);
		y += part->height + SCAN_CUT_H;
	}
}

/* Services stand beside the middle of what they lead to. */
static void place_services(struct scan_picture *p)
{
	const double all = SCAN_SERVICE_H * RTS_SCAN_SERVICES;
	double sum = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++) {
		struct scan_place *at = scan_place_of(p, &p->r->services[i]);

		if (at == NULL)
			continue;
		at->arrows++;
		sum += at->y + p->card / 2;
		n++;
	}
	p->services_y = (n != 0 ? sum / n : p->top + p->height / 2) - all / 2;
	if (p->services_y > p->top + p->height - all)
		p->services_y = p->top + p->height - all;
	if (p->services_y < p->top)
		p->services_y = p->top;
}

void scan_lay_out(struct scan_picture *p)
{
	double all;

	choose(p);
	choose_orphans(p);
	qsort(p->places, p->place_count, sizeof *p->places, by_base);
	p->card = p->place_count <= 20 ? 38 : 22;
	p->pitch = p->card + (p->place_count <= 20 ? 8 : 5);
	all = p->pitch * (double)p->place_count;
	p->height = SCAN_SERVICE_H * RTS_SCAN_SERVICES;
	if (all > p->height)
		p->height = all;
	/* each cut takes as much from the bar, which must not be used up by them */
	if (p->height < 2 * SCAN_CUT_H * (double)p->place_count)
		p->height = 2 * SCAN_CUT_H * (double)p->place_count;
	p->cards_y = p->top + (p->height - all + p->pitch - p->card) / 2;
	for (size_t i = 0; i < p->place_count; i++)
		p->places[i].y = p->cards_y + p->pitch * (double)i;
	cut(p);
	place_services(p);
	p->end = p->r->image->end;
	if (p->part_count != 0 && p->parts[p->part_count - 1].end > p->end)
		p->end = p->parts[p->part_count - 1].end;
}
