/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A memory map as one SVG picture. A kernel's page beside a machine's gigabytes cannot be
 * both to scale and seen, so there are two drawings: a strip with all descriptors end to
 * end, to scale, and below it a row for each, whose bar grows with the logarithm of its
 * size. All text is ours: nothing from a file can get into the markup.
 */
#include "cli/memmap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS_MAX 5000U
#define LEFT     20.0
#define WIDTH    960.0 /* of the strip */
#define BARS     330.0 /* where bars of the rows begin */
#define BARS_LEN 300.0 /* of the largest one */
#define TEXT     645.0 /* behind them */
#define ROW      16.0
#define LABEL    90.0 /* an address below the strip needs as much */

/* By what an operating system does with it: greens and blues it may have, reds it must
 * leave to the firmware's runtime. */
static const char *const colours[RTS_MAP_TYPES] = {
	[EfiReservedMemoryType] = "#8c8c8c",
	[EfiLoaderCode] = "#2171b5",
	[EfiLoaderData] = "#6baed6",
	[EfiBootServicesCode] = "#238b45",
	[EfiBootServicesData] = "#74c476",
	[EfiRuntimeServicesCode] = "#b2182b",
	[EfiRuntimeServicesData] = "#ef6a5a",
	[EfiConventionalMemory] = "#c7e9c0",
	[EfiUnusableMemory] = "#252525",
	[EfiACPIReclaimMemory] = "#9e9ac8",
	[EfiACPIMemoryNVS] = "#6a51a3",
	[EfiMemoryMappedIO] = "#fd8d3c",
	[EfiMemoryMappedIOPortSpace] = "#d94801",
	[EfiPalCode] = "#8c510a",
	[EfiPersistentMemory] = "#35978f",
	[EfiUnacceptedMemoryType] = "#ffe066",
	[RTS_MAP_TYPE_OEM] = "#de77ae",
	[RTS_MAP_TYPE_OS] = "#c51b7d",
	[RTS_MAP_TYPE_INVALID] = "#000000",
};

/* Of a whole number from 1 on, to a thousandth; libm is not worth a dependency. */
static double log2_of(uint64_t v)
{
	const int whole = 63 - __builtin_clzll(v);
	double x = (double)v / (double)(1ULL << whole), r = whole, bit = 1;

	for (unsigned i = 0; i < 11; i++) {
		x *= x;
		bit /= 2;
		if (x >= 2) {
			x /= 2;
			r += bit;
		}
	}
	return r;
}

/* A page is a bar that can be seen. */
static double bar_len(uint64_t pages, double unit)
{
	return pages == 0 ? 0 : unit * (1 + log2_of(pages));
}

static uint64_t all_pages(const struct rts_map *m, uint64_t *ret_max)
{
	uint64_t sum = 0;

	*ret_max = 0;
	for (size_t i = 0; i < m->n; i++) {
		uint64_t pages = rts_map_pages(&m->d[i]);

		*ret_max = pages > *ret_max ? pages : *ret_max;
		sum += pages; /* ROWS_MAX times 2^52 at most */
	}
	return sum;
}

/* <rect> with a text that a browser shows where one points. */
static void put_rect(FILE *f, const char *class, const EFI_MEMORY_DESCRIPTOR *d, double x,
		     double y, double width, double height)
{
	char type[RTS_MAP_TEXT_MAX], size[RTS_MAP_TEXT_MAX];
	const unsigned index = rts_map_type_index(d->Type);

	rts_map_type_text(d->Type, type);
	rts_map_size_text(rts_map_pages(d), size);
	fprintf(f,
		"<rect class=\"%s\" x=\"%.3f\" y=\"%.1f\" width=\"%.3f\" height=\"%.1f\" "
		"fill=\"%s\" data-type=\"%s\" data-pages=\"%llu\"><title>0x%llx-0x%llx %s, "
		"%s"
		"</title></rect>\n",
		class, x, y, width, height, colours[index], rts_map_type_index_name(index),
		(unsigned long long)rts_map_pages(d), (unsigned long long)d->PhysicalStart,
		(unsigned long long)rts_map_last(d), type, size);
}

static void put_line_of_text(FILE *f, double x, double y, const char *class,
			     const char *text)
{
	fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">%s</text>\n", x, y, class,
		text);
}

static void put_tick(FILE *f, double x, double from, double to)
{
	fprintf(f,
		"<line x1=\"%.3f\" y1=\"%.1f\" x2=\"%.3f\" y2=\"%.1f\" stroke=\"#444\"/>\n",
		x, from, x, to);
}

/* Where something is missing between two neighbours, the strip has a mark; where there is
 * room, the address at which it goes on. */
static void put_strip(FILE *f, const struct rts_map *m, uint64_t pages, double y)
{
	double x = LEFT, label = 0;
	uint64_t next = 0; /* page behind those drawn */

	for (size_t i = 0; i < m->n; i++) {
		const EFI_MEMORY_DESCRIPTOR *d = &m->d[m->order[i]];
		double width =
			pages == 0 ? 0 : WIDTH * (double)rts_map_pages(d) / (double)pages;
		const bool seam = i == 0 || d->PhysicalStart >> 12 > next;
		double left;

		put_rect(f, "scale", d, x, y, width, 34);
		if (seam)
			put_tick(f, x, y - 4, y + 38);
		/* near the right edge it goes to the left */
		left = x > LEFT + WIDTH - LABEL ? x - LABEL : x;
		if (seam && left >= label) {
			fprintf(f,
				"<text x=\"%.1f\" y=\"%.1f\" "
				"class=\"mono\"%s>0x%llx</text>\n",
				x, y + 50, left < x ? " text-anchor=\"end\"" : "",
				(unsigned long long)d->PhysicalStart);
			label = left + LABEL;
		}
		x += width;
		if ((rts_map_last(d) >> 12) + 1 > next)
			next = (rts_map_last(d) >> 12) + 1;
	}
	put_tick(f, x, y - 4, y + 38);
}

static unsigned legend_lines(const struct rts_map_summary *s)
{
	unsigned types = 0;

	for (unsigned i = 0; i < RTS_MAP_TYPES; i++)
		types += s->by_type[i].descriptors != 0;
	return (types + 2) / 3;
}

static void put_legend(FILE *f, const struct rts_map_summary *s, double y)
{
	unsigned column = 0;

	for (unsigned i = 0; i < RTS_MAP_TYPES; i++) {
		const double x = LEFT + column * WIDTH / 3;
		char size[RTS_MAP_TEXT_MAX], text[RTS_MAP_TEXT_MAX + 64];

		if (s->by_type[i].descriptors == 0)
			continue;
		rts_map_size_text(s->by_type[i].pages, size);
		snprintf(text, sizeof text, "%s, %s in %llu", rts_map_type_index_name(i),
			 size, (unsigned long long)s->by_type[i].descriptors);
		fprintf(f,
			"<rect class=\"legend\" x=\"%.1f\" y=\"%.1f\" width=\"12\" "
			"height=\"12\" fill=\"%s\"/>\n",
			x, y, colours[i]);
		put_line_of_text(f, x + 18, y + 10, "text", text);
		column = (column + 1) % 3;
		y += column == 0 ? ROW : 0;
	}
}

/* The scale above the rows: 4 KiB, 64 KiB, 1 MiB and so on, as far as the map goes. */
static void put_axis(FILE *f, uint64_t max, double unit, double y, double bottom)
{
	for (unsigned shift = 0; shift <= 52 && max >> shift != 0; shift += 4) {
		double x = BARS + bar_len(1ULL << shift, unit);
		char size[RTS_MAP_TEXT_MAX];

		fprintf(f,
			"<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" "
			"stroke=\"#ddd\"/>\n",
			x, y + 4, x, bottom);
		rts_map_size_text(1ULL << shift, size);
		if (shift % 8 == 0)
			put_line_of_text(f, x - 16, y, "mono", size);
	}
}

/* A row that says how much is missing up to page @first; nothing where nothing is. */
static double put_gap(FILE *f, uint64_t next, uint64_t first, double y)
{
	char size[RTS_MAP_TEXT_MAX], text[RTS_MAP_TEXT_MAX + 32];

	if (first <= next)
		return y;
	rts_map_size_text(first - next, size);
	snprintf(text, sizeof text, "%s not in the map", size);
	put_line_of_text(f, BARS + 4, y + 12, "gap", text);
	return y + ROW;
}

static double put_rows(FILE *f, const struct rts_map *m, double unit, double y)
{
	uint64_t next = 0;

	for (size_t i = 0; i < m->n; i++) {
		const EFI_MEMORY_DESCRIPTOR *d = &m->d[m->order[i]];
		char text[4 * RTS_MAP_TEXT_MAX], type[RTS_MAP_TEXT_MAX],
			size[RTS_MAP_TEXT_MAX], attributes[RTS_MAP_TEXT_MAX];

		y = put_gap(f, i == 0 ? d->PhysicalStart >> 12 : next,
			    d->PhysicalStart >> 12, y);
		rts_map_type_text(d->Type, type);
		rts_map_size_text(rts_map_pages(d), size);
		rts_map_attributes_text(d->Attribute, attributes);
		snprintf(text, sizeof text, "%010llx-%010llx",
			 (unsigned long long)d->PhysicalStart,
			 (unsigned long long)rts_map_last(d));
		put_line_of_text(f, LEFT, y + 12, "mono", text);
		put_rect(f, "log", d, BARS, y + 2, bar_len(rts_map_pages(d), unit),
			 ROW - 4);
		snprintf(text, sizeof text, "%s, %s%s%s", type, size,
			 attributes[0] != 0 ? ", " : "", attributes);
		put_line_of_text(f, TEXT, y + 12, "text", text);
		y += ROW;
		if ((rts_map_last(d) >> 12) + 1 > next)
			next = (rts_map_last(d) >> 12) + 1;
	}
	return y;
}

static size_t gaps(const struct rts_map *m)
{
	uint64_t next = 0;
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++) {
		const EFI_MEMORY_DESCRIPTOR *d = &m->d[m->order[i]];

		n += i > 0 && d->PhysicalStart >> 12 > next;
		if ((rts_map_last(d) >> 12) + 1 > next)
			next = (rts_map_last(d) >> 12) + 1;
	}
	return n;
}

static void put_sums(FILE *f, const struct rts_map_summary *s, size_t n)
{
	const struct {
		const char *name;
		uint64_t pages;
	} sums[] = {{"usable", s->usable},
		    {"runtime-reserved", s->runtime},
		    {"largest free run", s->free_run},
		    {"MMIO", s->mmio}};

	fprintf(f, "<text x=\"%.1f\" y=\"48\" class=\"text\">%zu descriptors", LEFT, n);
	for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
		char size[RTS_MAP_TEXT_MAX];

		rts_map_size_text(sums[i].pages, size);
		fprintf(f, "; %s %s", sums[i].name, size);
	}
	fprintf(f, "</text>\n");
}

static void put_picture(FILE *f, const struct rts_map *m)
{
	const struct rts_map_summary s = rts_map_sum(m);
	uint64_t max, pages = all_pages(m, &max);
	const double unit = BARS_LEN / (1 + (max == 0 ? 0 : log2_of(max)));
	const double rows = 170 + ROW * legend_lines(&s);
	const double height = rows + ROW * (double)(m->n + gaps(m)) + LEFT;

	fprintf(f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1000\" height=\"%.0f\" "
		"viewBox=\"0 0 1000 %.0f\">\n"
		"<title>UEFI memory map</title>\n"
		"<style>text{fill:#111}.head{font:bold 16px sans-serif}.text{font:11px "
		"sans-serif}.mono{font:11px monospace}.gap{font:italic 11px "
		"sans-serif}</style>\n"
		"<rect width=\"1000\" height=\"%.0f\" fill=\"#fff\"/>\n",
		height, height, height);
	put_line_of_text(f, LEFT, 28, "head", "UEFI memory map");
	put_sums(f, &s, m->n);
	put_strip(f, m, pages, 64);
	put_legend(f, &s, 126);
	put_axis(f, max, unit, rows - 8, height - LEFT);
	put_rows(f, m, unit, rows);
	fprintf(f, "</svg>\n");
}

int memmap_svg(const struct rts_map *m, char **ret, size_t *ret_len, struct diag *d)
{
	FILE *f;

	if (m->n > ROWS_MAX)
		return diag(d, -E2BIG, "%zu descriptors, and a picture shows %u", m->n,
			    ROWS_MAX);
	*ret = NULL;
	f = open_memstream(ret, ret_len);
	if (f == NULL)
		return diag(d, -ENOMEM, "out of memory");
	put_picture(f, m);
	if (fclose(f) != 0) {
		free(*ret);
		*ret = NULL;
		return diag(d, -ENOMEM, "out of memory");
	}
	return 0;
}
