/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A scan as one SVG picture, read from left to right: the 14 services, whose code each
 * runs, where that lies in the firmware's memory, and where this lies in all memory. Both
 * bars are to scale; as a driver's kilobytes beside a machine's gigabytes cannot be seen,
 * the first is an enlargement, from which gaps are cut out where they are longer than all
 * drivers. Nothing in it says anything by its colour alone.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/scan_picture.h"
#include "cli/scan_print.h"
#include "cli/scan_xml.h"
#include "uefi/services.h"

#define REGIONS_MAX 512U /* drawn in one bar */
#define RANGES_MAX  512U

/* Columns of the picture, from the left. */
#define WIDTH      1180.0
#define MARGIN     24.0
#define SERVICE_W  212.0
#define CARD_X     392.0
#define CARD_W     352.0
#define ZOOM_X     832.0
#define ZOOM_W     84.0
#define WHOLE_X    1064.0
#define WHOLE_W    30.0
#define TITLE_H    70.0 /* what a picture has that stands alone */
#define LEGEND_H   84.0
#define BLOCK_MIN  3.0 /* a driver that can be seen */
#define NAME_WIDTH 27U /* characters of a driver's name beside something, */
#define NAME_ALONE 38U /* or not */

/* ---- drawing ---- */

/* What a colour is for; each has a twin for dark screens. */
static const struct {
	const char *selector, *light, *dark;
} colours[] = {
	{".rs-back", "fill:#ffffff", "fill:#11161c"},
	{".rs-ink", "fill:#1d2730", "fill:#e6ebf0"},
	{".rs-soft", "fill:#5d6b79", "fill:#9aa8b6"},
	{".rs-bad-ink", "fill:#b3261e", "fill:#ff8b7e"},
	{".rs-good-ink", "fill:#2b6e4f", "fill:#7fcfa6"},
	{".rs-card", "fill:#f5f7f9;stroke:#d3dae1", "fill:#1a222b;stroke:#33404d"},
	{".rs-card-bad", "fill:#fdf0ee;stroke:#c8372d", "fill:#331b1a;stroke:#e5695d"},
	{".rs-block", "fill:#5b93bd;stroke:#ffffff", "fill:#4f86b0;stroke:#11161c"},
	{".rs-block-bad", "fill:#c8372d;stroke:#ffffff", "fill:#e5695d;stroke:#11161c"},
	{".rs-block-odd", "fill:#c99a3b;stroke:#ffffff", "fill:#c99a3b;stroke:#11161c"},
	{".rs-code", "fill:#cfe0ee", "fill:#25405a"},
	{".rs-data", "fill:#e6e3f1", "fill:#35304c"},
	{".rs-memory", "fill:#eceff2", "fill:#232c35"},
	{".rs-frame", "stroke:#b9c3cd", "stroke:#465463"},
	{".rs-wedge", "fill:#5b93bd", "fill:#5b93bd"},
	{".rs-lead", "stroke:#a9b8c6", "stroke:#4c5b6a"},
	{".rs-arrow", "stroke:#7896ad", "stroke:#6c8aa3"},
	{".rs-arrow-bad", "stroke:#c8372d", "stroke:#ff8b7e"},
	{".rs-head", "fill:#7896ad", "fill:#6c8aa3"},
	{".rs-head-bad", "fill:#c8372d", "fill:#ff8b7e"},
	{".rs-good", "fill:#2e7d59", "fill:#3d9c70"},
	{".rs-bad", "fill:#c8372d", "fill:#d9534a"},
	{".rs-odd", "fill:#b07d1e", "fill:#b8892f"},
	{".rs-none", "fill:#8593a1", "fill:#667482"},
};

/* clang-format off */
static const char style[] =
	".rs text{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"DejaVu Sans\",Arial,sans-serif;"
	"font-size:12px;unicode-bidi:isolate}\n"
	".rs .rs-mono{font-family:ui-monospace,\"DejaVu Sans Mono\",Consolas,monospace;font-size:11px}\n"
	".rs .rs-name{font-weight:600;font-size:13px}\n"
	".rs .rs-title{font-weight:600;font-size:20px}\n"
	".rs .rs-column{font-size:11px;letter-spacing:.04em}\n"
	".rs .rs-badge{font-weight:600;font-size:11px;fill:#fff}\n"
	".rs-lead,.rs-arrow,.rs-arrow-bad,.rs-frame{fill:none}\n"
	".rs-arrow{stroke-width:1.4}\n"
	".rs-arrow-bad{stroke-width:2.2}\n"
	".rs-wedge{opacity:.13}\n"
	".rs-missing{stroke-dasharray:4 3}\n"
	".rs-sign{fill:none;stroke:#fff;stroke-width:1.7;stroke-linecap:round;stroke-linejoin:round}\n";
/* clang-format on */

static void put_style(FILE *to)
{
	fprintf(to, "<style>\n%s", style);
	for (size_t i = 0; i < sizeof colours / sizeof *colours; i++)
		fprintf(to, "%s{%s}", colours[i].selector, colours[i].light);
	fputs("\n@media screen and (prefers-color-scheme:dark){", to);
	for (size_t i = 0; i < sizeof colours / sizeof *colours; i++)
		fprintf(to, "%s{%s}", colours[i].selector, colours[i].dark);
	fputs("}\n.rs .rs-plain{stroke:none}\n</style>\n", to);
}

/* A text of ours. */
__attribute__((format(printf, 5, 6))) static void
put_text(FILE *to, double x, double y, const char *class, const char *fmt, ...)
{
	va_list ap;

	fprintf(to, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
	va_start(ap, fmt);
	vfprintf(to, fmt, ap);
	va_end(ap);
	fputs("</text>\n", to);
}

static void put_rect(FILE *to, const char *class, double x, double y, double width,
		     double height, double radius)
{
	fprintf(to,
		"<rect class=\"%s\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" "
		"rx=\"%.1f\"/>\n",
		class, x, y, width, height, radius);
}

/* A disc with a sign in it, 14 wide, whose middle is at @x, @y. */
enum sign { SIGN_GOOD, SIGN_BAD, SIGN_MODIFIED, SIGN_NONE, SIGN_UNKNOWN, SIGN_SIMILAR };

static void put_sign(FILE *to, enum sign sign, double x, double y)
{
	static const struct {
		const char *class, *path;
	} signs[] = {
		[SIGN_GOOD] = {"rs-good", "M-3 .3-.9 2.4 3.2-2.3"},
		[SIGN_BAD] = {"rs-bad", "M-2.5-2.5 2.5 2.5M2.5-2.5-2.5 2.5"},
		[SIGN_MODIFIED] = {"rs-bad", "M-3-1.3H3M-3 1.6H3M1.6-3.4-1.6 3.6"},
		[SIGN_NONE] = {"rs-none", "M-3 0H3"},
		[SIGN_UNKNOWN] = {"rs-none",
				  "M-1.9-1.6A1.9 1.9 0 1 1 .6.3Q0 .6 0 1.2M0 3.4V3.5"},
		[SIGN_SIMILAR] = {"rs-odd", "M-3.2 .8Q-1.6-2 0 0T3.2-.8"},
	};

	fprintf(to,
		"<g transform=\"translate(%.1f %.1f)\"><circle class=\"%s\" r=\"7\"/>"
		"<path class=\"rs-sign\" d=\"%s\"/></g>\n",
		x, y, signs[sign].class, signs[sign].path);
}

static enum sign sign_of_verdict(enum rts_scan_verdict v)
{
	static const enum sign signs[] = {[RTS_SCAN_CLEAN] = SIGN_GOOD,
					  [RTS_SCAN_MODIFIED] = SIGN_MODIFIED,
					  [RTS_SCAN_FOREIGN] = SIGN_BAD,
					  [RTS_SCAN_NOT_IN_IMAGE] = SIGN_NONE,
					  [RTS_SCAN_NOT_CHECKED] = SIGN_UNKNOWN};

	return signs[v];
}

static enum sign sign_of_place(const struct scan_place *at)
{
	static const enum sign signs[] = {[RTS_SCAN_EXACT] = SIGN_GOOD,
					  [RTS_SCAN_MATCH_MODIFIED] = SIGN_MODIFIED,
					  [RTS_SCAN_SIMILAR] = SIGN_SIMILAR,
					  [RTS_SCAN_UNKNOWN] = SIGN_UNKNOWN};

	if (at->driver == NULL)
		return at->bad ? SIGN_BAD : SIGN_UNKNOWN;
	if (at->bad && at->driver->match != RTS_SCAN_MATCH_MODIFIED)
		return SIGN_BAD;
	return signs[at->driver->match];
}

static bool is_bad(enum rts_scan_verdict v)
{
	return v == RTS_SCAN_MODIFIED || v == RTS_SCAN_FOREIGN;
}

static void put_title(const struct scan_picture *p, const struct scan_input *in)
{
	const struct rts_scan_report *r = p->r;
	const struct scan_sums sums = scan_sum(r);
	const bool bad = sums.severity[RTS_SCAN_HIGH] + sums.severity[RTS_SCAN_MEDIUM] != 0;
	const bool checked = r->has_firmware && r->firmware_applies;
	char words[SCAN_WORDS_MAX], size[SCAN_WORDS_MAX];

	fprintf(p->to, "<text x=\"%.1f\" y=\"40\" class=\"rs-ink rs-title\">", MARGIN);
	scan_xml_cut(p->to, in->name != NULL ? in->name : "-", 64);
	fputs("</text>\n", p->to);
	scan_size_words(r->image->bytes, size);
	put_text(p->to, MARGIN, 62, "rs-soft", "%s, %s of memory, %zu runtime driver%s, %s",
		 rts_dump_format_name(r->image->format), size, r->driver_count,
		 r->driver_count == 1 ? "" : "s",
		 r->virtual_mode
			 ? "mapped by the operating system (virtual addresses)"
			 : "not mapped by the operating system (physical addresses)");
	scan_findings_words(r, words);
	put_sign(p->to,
		 bad       ? SIGN_BAD
		 : checked ? SIGN_GOOD
			   : SIGN_UNKNOWN,
		 MARGIN + 7, 82);
	put_text(p->to, MARGIN + 20, 86,
		 bad       ? "rs-bad-ink rs-name"
		 : checked ? "rs-good-ink rs-name"
			   : "rs-ink rs-name",
		 "%s%s", words,
		 bad || checked ? "" : ", but code was not compared with any firmware");
}

static void put_header(const struct scan_picture *p, const struct scan_input *in,
		       bool alone, double bottom)
{
	char words[SCAN_WORDS_MAX];

	scan_findings_words(p->r, words);
	fprintf(p->to,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"rs\" viewBox=\"0 0 %.0f "
		"%.0f\" width=\"%.0f\" height=\"%.0f\" role=\"img\">\n<title>UEFI runtime "
		"services and drivers in ",
		WIDTH, bottom, WIDTH, bottom);
	scan_xml_cut(p->to, in->name != NULL ? in->name : "an image", 200);
	fprintf(p->to, ": %s</title>\n", words);
	put_style(p->to);
	put_rect(p->to, "rs-back", 0, 0, WIDTH, bottom, 10);
	if (alone)
		put_title(p, in);
	put_text(p->to, MARGIN, p->top - 12, "rs-soft rs-column", "SERVICES");
	put_text(p->to, CARD_X, p->top - 12, "rs-soft rs-column", "WHOSE CODE ANSWERS");
	if (p->part_count != 0)
		put_text(p->to, ZOOM_X, p->top - 12, "rs-soft rs-column",
			 "RUNTIME DRIVERS");
	if (p->end != 0)
		put_text(p->to, WHOLE_X, p->top - 12, "rs-soft rs-column", "ALL MEMORY");
}

/* ---- services ---- */

static double service_middle(const struct scan_picture *p, unsigned i)
{
	return p->services_y + SCAN_SERVICE_H * (i + 0.5);
}

static void put_service(const struct scan_picture *p, unsigned i)
{
	const struct rts_scan_service *s = &p->r->services[i];
	const bool bad = is_bad(s->verdict);
	const double y = service_middle(p, i);

	fprintf(p->to, "<g class=\"rs-service\" data-service=\"%s\" data-verdict=\"%s\">\n",
		s->name, rts_scan_verdict_name(s->verdict));
	put_rect(p->to,
		 bad                                   ? "rs-card-bad"
		 : s->verdict == RTS_SCAN_NOT_IN_IMAGE ? "rs-card rs-missing"
						       : "rs-card",
		 MARGIN, y - SCAN_SERVICE_H / 2 + 2, SERVICE_W, SCAN_SERVICE_H - 4, 5);
	put_sign(p->to, sign_of_verdict(s->verdict), MARGIN + 14, y);
	put_text(p->to, MARGIN + 28, y + 4, bad ? "rs-bad-ink" : "rs-ink", "%s", s->name);
	fprintf(p->to, "<title>%s: %s", s->name, rts_scan_verdict_name(s->verdict));
	if (s->has_pointer)
		fprintf(p->to, ", pointer 0x%" PRIx64, s->pointer);
	if (s->has_physical)
		fprintf(p->to, ", physical 0x%" PRIx64, s->physical);
	fputs("</title></g>\n", p->to);
}

/* The arrows of one card come in beside each other. */
static void put_arrow(struct scan_picture *p, unsigned i)
{
	const struct rts_scan_service *s = &p->r->services[i];
	struct scan_place *at = scan_place_of(p, s);
	const double x = MARGIN + SERVICE_W, from = service_middle(p, i);
	const char *bad = is_bad(s->verdict) ? "-bad" : "";
	double y;

	if (at == NULL)
		return;
	y = at->y + 5 + (p->card - 10) * (at->drawn++ + 0.5) / at->arrows;
	fprintf(p->to,
		"<path class=\"rs-arrow%s\" data-service=\"%s\" data-to=\"0x%" PRIx64
		"\" d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f\"/>"
		"<path class=\"rs-head%s\" d=\"M%.1f %.1fl-8-3.6v7.2z\"/>\n",
		bad, s->name, at->base, x, from, x + 90, from, CARD_X - 90, y, CARD_X - 8,
		y, bad, CARD_X - 1, y);
}

/* ---- cards ---- */

static void put_badge(const struct scan_picture *p, const struct scan_place *at, double y)
{
	size_t n = 0;

	for (size_t i = 0; i < p->r->finding_count && at->driver != NULL; i++)
		n += p->r->findings[i].driver == at->driver - p->r->drivers &&
		     p->r->findings[i].severity != RTS_SCAN_INFO;
	if (n == 0)
		return;
	put_rect(p->to, "rs-bad", CARD_X + CARD_W - 84, y - 8, 76, 16, 8);
	fprintf(p->to,
		"<text x=\"%.1f\" y=\"%.1f\" class=\"rs-badge\" "
		"text-anchor=\"middle\">%zu finding%s</text>\n",
		CARD_X + CARD_W - 46, y + 4, n, n == 1 ? "" : "s");
}

/* The rules that a driver broke, each once, as far as there is room. */
static void put_rules(const struct scan_picture *p, const struct scan_place *at, double x,
		      double y)
{
	bool seen[RTS_SCAN_RULES] = {false};
	size_t room = 40;
	const char *comma = "";

	fprintf(p->to, "<text x=\"%.1f\" y=\"%.1f\" class=\"rs-bad-ink\">", x, y);
	for (size_t i = 0; i < p->r->finding_count; i++) {
		const struct rts_scan_finding *f = &p->r->findings[i];
		const char *name = rts_scan_rule_name(f->rule);

		if (f->driver != at->driver - p->r->drivers ||
		    f->severity == RTS_SCAN_INFO || seen[f->rule])
			continue;
		seen[f->rule] = true;
		if (strlen(name) + 2 > room) {
			fputs(", \xe2\x80\xa6", p->to);
			break;
		}
		room -= strlen(name) + 2;
		fprintf(p->to, "%s%s", comma, name);
		comma = ", ";
	}
	fputs("</text>\n", p->to);
}

static void put_base(const struct scan_picture *p, const struct scan_place *at, double y)
{
	fprintf(p->to,
		"<text x=\"%.1f\" y=\"%.1f\" class=\"rs-soft rs-mono\" "
		"text-anchor=\"end\">0x%" PRIx64 "</text>\n",
		CARD_X + CARD_W - 8, y, at->base);
}

static void put_second_line(const struct scan_picture *p, const struct scan_place *at,
			    double y)
{
	char size[SCAN_WORDS_MAX], match[SCAN_WORDS_MAX];

	if (at->driver == NULL) {
		put_text(p->to, CARD_X + 30, y, "rs-bad-ink", "in no driver's image");
		return;
	}
	if (at->bad) {
		put_rules(p, at, CARD_X + 30, y);
		put_base(p, at, y);
		return;
	}
	scan_size_words(at->size, size);
	scan_match_words(at->driver, match);
	fprintf(p->to,
		"<text x=\"%.1f\" y=\"%.1f\" class=\"rs-soft\"><tspan class=\"rs-mono\">"
		"0x%" PRIx64 "</tspan>, %s, %s",
		CARD_X + 30, y, at->base, size, match);
	if (at->events != 0)
		fprintf(p->to, ", %zu event%s", at->events, at->events == 1 ? "" : "s");
	fputs("</text>\n", p->to);
}

static void put_card(const struct scan_picture *p, const struct scan_place *at)
{
	const bool compact = p->card < 30;
	const double middle = at->y + p->card / 2, line = compact ? middle : at->y + 13;
	char words[SCAN_WORDS_MAX], size[SCAN_WORDS_MAX];

	if (at->driver != NULL)
		scan_driver_words(at->driver, words);
	else
		snprintf(words, sizeof words, "code at 0x%" PRIx64, at->base);
	fprintf(p->to, "<g class=\"rs-driver\" data-base=\"0x%" PRIx64 "\">\n", at->base);
	put_rect(p->to, at->bad ? "rs-card-bad" : "rs-card", CARD_X, at->y, CARD_W, p->card,
		 6);
	put_sign(p->to, sign_of_place(at), CARD_X + 15, middle);
	/* whatever letters a name has, they stay in here */
	fprintf(p->to,
		"<svg x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"20\" "
		"overflow=\"hidden\"><text x=\"0\" y=\"14\" class=\"rs-name %s\">",
		CARD_X + 30, line - 10, CARD_W - (at->bad || compact ? 120 : 36),
		at->bad ? "rs-bad-ink" : "rs-ink");
	scan_xml_cut(p->to, words, at->bad || compact ? NAME_WIDTH : NAME_ALONE);
	fputs("</text></svg>\n", p->to);
	if (!compact)
		put_second_line(p, at, at->y + 30);
	if (at->bad)
		put_badge(p, at, line);
	else if (compact)
		put_base(p, at, middle + 4);
	scan_size_words(at->size, size);
	fputs("<title>", p->to);
	scan_xml_cut(p->to, words, SCAN_WORDS_MAX);
	fprintf(p->to, ", 0x%" PRIx64 ", %s</title></g>\n", at->base, size);
}

/* ---- memory, enlarged ---- */

/* The part of a region that lies in [@start, @end), in the bar at @y with @scale. */
static void put_span(const struct scan_picture *p, const char *class, double x,
		     double width, uint64_t from, uint64_t to, const struct scan_part *in,
		     double scale)
{
	from = from > in->start ? from : in->start;
	to = to < in->end ? to : in->end;
	if (from < to)
		put_rect(p->to, class, x, in->y + scale * (double)(from - in->start), width,
			 scale * (double)(to - from) > 1 ? scale * (double)(to - from) : 1,
			 0);
}

static void put_regions(const struct scan_picture *p, double x, double width,
			const struct scan_part *in, double scale)
{
	unsigned drawn = 0;

	for (size_t i = 0; i < p->r->region_count && drawn < REGIONS_MAX; i++) {
		const struct rts_scan_region *g = &p->r->regions[i];
		uint64_t bytes;

		if (g->type != EfiRuntimeServicesCode && g->type != EfiRuntimeServicesData)
			continue;
		if (__builtin_mul_overflow(g->pages, 4096, &bytes))
			bytes = UINT64_MAX;
		put_span(p, g->type == EfiRuntimeServicesCode ? "rs-code" : "rs-data", x,
			 width, g->start, scan_end_of(g->start, bytes), in, scale);
		drawn++;
	}
}

static void put_ranges(const struct scan_picture *p, double x, double width,
		       const struct scan_part *in, double scale)
{
	const size_t n = p->dump != NULL ? rts_dump_range_count(p->dump) : 0;
	uint64_t from = 0, to = 0;
	unsigned drawn = 0;

	/* what is less than half a unit apart is drawn as one */
	for (size_t i = 0; i < n && drawn < RANGES_MAX; i++) {
		const struct rts_dump_range *g = rts_dump_range(p->dump, i);

		if (to != 0 && scale * (double)(g->start - to) > 0.5) {
			put_span(p, "rs-memory", x, width, from, to, in, scale);
			drawn++;
			to = 0;
		}
		if (to == 0)
			from = g->start;
		to = scan_end_of(g->start, g->len);
	}
	if (to != 0)
		put_span(p, "rs-memory", x, width, from, to, in, scale);
}

static const struct scan_part *part_of(const struct scan_picture *p,
				       const struct scan_place *at)
{
	size_t i = 0;

	while (i + 1 < p->part_count && at->base >= p->parts[i + 1].start)
		i++;
	return &p->parts[i];
}

static void put_block(const struct scan_picture *p, const struct scan_place *at,
		      double right)
{
	const struct scan_part *in = part_of(p, at);
	double y = in->y + p->scale * (double)(at->base - in->start);
	double height = p->scale * (double)(scan_end_of(at->base, at->size) - at->base);
	const double middle = at->y + p->card / 2;
	const bool known = at->driver != NULL &&
			   (at->driver->match == RTS_SCAN_EXACT || !p->r->firmware_applies);

	if (height < BLOCK_MIN) {
		height = BLOCK_MIN;
		if (y + height > p->top + p->height)
			y = p->top + p->height - height;
	}
	fprintf(p->to,
		"<rect class=\"%s\" data-base=\"0x%" PRIx64 "\" data-size=\"%" PRIu64
		"\" x=\"%.1f\" y=\"%.2f\" width=\"%.1f\" height=\"%.2f\" "
		"stroke-width=\".7\"%s/>\n",
		at->bad ? "rs-block-bad"
		: known ? "rs-block"
			: "rs-block-odd",
		at->base, at->size, ZOOM_X + 1, y, right - ZOOM_X - 1, height,
		at->driver != NULL && !at->driver->in_image ? " stroke-dasharray=\"3 2\""
							    : "");
	fprintf(p->to,
		"<path class=\"%s\" d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f\"/>\n",
		at->bad ? "rs-arrow-bad" : "rs-lead", CARD_X + CARD_W, middle,
		CARD_X + CARD_W + 44, middle, ZOOM_X - 44, y + height / 2, ZOOM_X,
		y + height / 2);
}

static void put_cut(const struct scan_picture *p, const struct scan_part *above)
{
	const double y = above->y + above->height;
	char size[SCAN_WORDS_MAX];

	scan_size_words(above[1].start - above->end, size);
	fprintf(p->to,
		"<text x=\"%.1f\" y=\"%.1f\" class=\"rs-soft rs-mono\" "
		"text-anchor=\"middle\">%s</text>\n",
		ZOOM_X + ZOOM_W / 2, y + SCAN_CUT_H - 4, size);
}

static void put_enlarged(const struct scan_picture *p)
{
	for (size_t i = 0; i < p->part_count; i++) {
		const struct scan_part *in = &p->parts[i];

		put_rect(p->to, "rs-memory", ZOOM_X, in->y, ZOOM_W, in->height, 0);
		put_regions(p, ZOOM_X, ZOOM_W, in, p->scale);
		put_rect(p->to, "rs-frame", ZOOM_X, in->y, ZOOM_W, in->height, 0);
		if (i + 1 < p->part_count)
			put_cut(p, in);
	}
	for (size_t i = 0; i < p->place_count; i++)
		put_block(p, &p->places[i], ZOOM_X + ZOOM_W - 14);
	if (p->scale * (double)p->end >= 2 * p->height)
		put_text(p->to, ZOOM_X, p->top + p->height + 16, "rs-soft",
			 "enlarged %.0f times", p->scale * (double)p->end / p->height);
}

/* ---- all memory ---- */

static double whole_y(const struct scan_picture *p, uint64_t at)
{
	return p->top + p->height * ((double)at / (double)p->end);
}

static void put_wedge(const struct scan_picture *p, const struct scan_part *in)
{
	const double x = ZOOM_X + ZOOM_W;
	const double from = whole_y(p, in->start), to = whole_y(p, in->end);

	fprintf(p->to,
		"<path class=\"rs-wedge\" d=\"M%.1f %.2fL%.1f %.2fV%.2fL%.1f %.2fz\"/>\n",
		x, in->y, WHOLE_X, from, to > from + 1 ? to : from + 1, x,
		in->y + in->height);
	put_text(p->to, x + 6, in->y + 10, "rs-soft rs-mono", "0x%" PRIx64, in->start);
	if (in->height > 30)
		put_text(p->to, x + 6, in->y + in->height - 3, "rs-soft rs-mono",
			 "0x%" PRIx64, in->end);
}

/* Lengths beside the bar: at most six, and the end. */
static void put_scale(const struct scan_picture *p)
{
	const double x = WHOLE_X + WHOLE_W + 6;
	char size[SCAN_WORDS_MAX];
	uint64_t step = 4096;

	while (step < UINT64_MAX / 2 && p->end / step > 6)
		step *= 2;
	put_text(p->to, x, p->top + 8, "rs-soft rs-mono", "0");
	for (uint64_t at = step; at < p->end && at >= step; at += step) {
		const double y = whole_y(p, at);

		if (y > p->top + p->height - 18)
			break;
		scan_size_words(at, size);
		put_text(p->to, x, y + 4, "rs-soft rs-mono", "%s", size);
		fprintf(p->to, "<path class=\"rs-frame\" d=\"M%.1f %.2fh4\"/>\n",
			WHOLE_X + WHOLE_W, y);
	}
	scan_size_words(p->end, size);
	put_text(p->to, x, p->top + p->height, "rs-soft rs-mono", "%s", size);
}

static void put_whole(const struct scan_picture *p)
{
	const struct scan_part all = {0, p->end, p->top, p->height};
	const double scale = p->end != 0 ? p->height / (double)p->end : 0;

	if (p->end == 0)
		return;
	for (size_t i = 0; i < p->part_count && i < 12; i++)
		put_wedge(p, &p->parts[i]);
	put_ranges(p, WHOLE_X, WHOLE_W, &all, scale);
	put_regions(p, WHOLE_X, WHOLE_W, &all, scale);
	for (size_t i = 0; i < p->place_count; i++)
		put_span(p,
			 p->places[i].bad ? "rs-block-bad rs-plain" : "rs-block rs-plain",
			 WHOLE_X + 5, WHOLE_W - 10, p->places[i].base,
			 scan_end_of(p->places[i].base, p->places[i].size), &all, scale);
	put_rect(p->to, "rs-frame", WHOLE_X, p->top, WHOLE_W, p->height, 0);
	put_scale(p);
}

/* ---- below ---- */

static void put_legend(const struct scan_picture *p, double y)
{
	static const struct {
		enum sign sign;
		const char *text;
	} signs[] = {{SIGN_GOOD, "known, unmodified"},
		     {SIGN_MODIFIED, "modified"},
		     {SIGN_BAD, "foreign, or a finding"},
		     {SIGN_SIMILAR, "similar to a known one"},
		     {SIGN_UNKNOWN, "not known, or not checked"},
		     {SIGN_NONE, "not in the image"}};
	static const struct {
		const char *class, *text;
	} blocks[] = {{"rs-block", "driver"},
		      {"rs-block-odd", "driver that is not known"},
		      {"rs-block-bad", "driver with a finding"},
		      {"rs-code", "runtime services code"},
		      {"rs-data", "runtime services data"},
		      {"rs-memory", "other memory in the image"}};

	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
		put_sign(p->to, signs[i].sign, MARGIN + 7 + 190.0 * (double)i, y);
		put_text(p->to, MARGIN + 20 + 190.0 * (double)i, y + 4, "rs-soft", "%s",
			 signs[i].text);
	}
	y += 24;
	for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
		put_rect(p->to, blocks[i].class, MARGIN + 190.0 * (double)i, y - 7, 14, 14,
			 2);
		put_text(p->to, MARGIN + 20 + 190.0 * (double)i, y + 4, "rs-soft", "%s",
			 blocks[i].text);
	}
}

static int draw(FILE *to, const struct scan_input *in, const struct rts_scan_report *r,
		bool alone)
{
	cleanup(freep) struct scan_picture *p = calloc(1, sizeof *p);
	double bottom;

	if (p == NULL)
		return -1;
	p->to = to;
	p->r = r;
	p->dump = in->dump;
	p->top = alone ? TITLE_H + 58 : 58;
	scan_lay_out(p);
	bottom = p->top + p->height + (p->left_out != 0 ? 20 : 0);
	put_header(p, in, alone, bottom + LEGEND_H);
	put_enlarged(p);
	put_whole(p);
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++)
		put_arrow(p, i);
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++)
		put_service(p, i);
	for (size_t i = 0; i < p->place_count; i++)
		put_card(p, &p->places[i]);
	if (p->place_count == 0)
		put_text(to, CARD_X, p->top + p->height / 2, "rs-soft",
			 "no runtime driver was found");
	if (p->left_out != 0)
		put_text(to, CARD_X, bottom, "rs-soft",
			 "and %zu more drivers, which no service and no finding leads to",
			 p->left_out);
	put_legend(p, bottom + 38);
	fputs("</svg>\n", to);
	return ferror(to) ? -1 : 0;
}

int scan_print_svg(FILE *to, const struct scan_input *in, const struct rts_scan_report *r)
{
	return draw(to, in, r, true);
}

int scan_draw(FILE *to, const struct scan_input *in, const struct rts_scan_report *r)
{
	return draw(to, in, r, false);
}
