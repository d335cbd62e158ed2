/* SPDX-License-Identifier: BSD-2-Clause */
/* The report of `runtserv scan` for people. Names, paths and notes are somebody else's
 * texts: all of them leave through cli_print_text(). */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/scan_print.h"

#define WIDTH        100U
#define HEX_MAX      19U /* with its NUL */
#define EVENTS_SHOWN 32U

struct printer {
	FILE *to;
	const struct rts_scan_report *r;
	const struct scan_extracted *files;
	int base_width, pointer_width, physical_width;
};

static const char *hex(uint64_t v, char ret[HEX_MAX])
{
	snprintf(ret, HEX_MAX, "0x%" PRIx64, v);
	return ret;
}

static int wider(int width, uint64_t v)
{
	char text[HEX_MAX];
	const int n = (int)strlen(hex(v, text));

	return n > width ? n : width;
}

/* Characters up to the next space, and their bytes. */
static size_t word(const char *s, size_t *ret_len)
{
	size_t columns = 0, n = 0;

	while (s[n] != 0 && s[n] != ' ') {
		uint32_t c;
		const size_t len = cli_utf8_next(s + n, &c);

		n += len != 0 ? len : 1;
		columns++;
	}
	*ret_len = n;
	return columns;
}

static void put_bytes(FILE *to, const char *s, size_t n)
{
	cleanup(freep) char *copy = strndup(s, n);

	if (copy != NULL)
		cli_print_text(to, copy);
}

/* @text behind @head, broken at spaces; further lines begin at column @indent. */
static void put_wrapped(FILE *to, unsigned indent, const char *head, const char *text)
{
	size_t column = strlen(head);
	bool begun = false;

	fputs(head, to);
	while (*text != 0) {
		size_t len;
		const size_t columns = word(text, &len);

		if (len == 0) {
			text++;
			continue;
		}
		if (begun && column + 1 + columns > WIDTH) {
			fprintf(to, "\n%*s", (int)indent, "");
			column = indent;
		} else if (begun) {
			fputc(' ', to);
			column++;
		}
		put_bytes(to, text, len);
		column += columns;
		begun = true;
		text += len;
	}
	fputc('\n', to);
}

__attribute__((format(printf, 4, 5))) static void
put_wrapped_format(FILE *to, unsigned indent, const char *head, const char *fmt, ...)
{
	cleanup(freep) char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n >= 0)
		put_wrapped(to, indent, head, text);
	else
		text = NULL;
}

static void print_image(const struct printer *p, const char *name)
{
	const struct rts_dump_info *i = p->r->image;
	char size[SCAN_WORDS_MAX], end[HEX_MAX];

	scan_size_words(i->bytes, size);
	fputs("image      ", p->to);
	cli_print_text(p->to, name != NULL ? name : "-");
	fprintf(p->to, "\n           %s, %s in %zu range%s below %s",
		rts_dump_format_name(i->format), size, p->r->range_count,
		p->r->range_count == 1 ? "" : "s", hex(i->end, end));
	if (i->machine[0] != 0)
		fprintf(p->to, ", %s", i->machine);
	if (i->cpu_count != 0)
		fprintf(p->to, ", %u CPU%s", i->cpu_count, i->cpu_count == 1 ? "" : "s");
	fputc('\n', p->to);
	if (scan_is_empty(p->r))
		return;
	fprintf(p->to, "addresses  %s",
		p->r->virtual_mode ? "virtual: SetVirtualAddressMap was called"
				   : "physical: SetVirtualAddressMap was not called");
	if (p->r->paging_levels != 0)
		fprintf(p->to, "; page tables of %u levels", p->r->paging_levels);
	fputc('\n', p->to);
}

static void print_tables(const struct printer *p)
{
	if (p->r->table_count != 0)
		fprintf(p->to, "\nTABLE                 %-*s  CRC-32\n", p->physical_width,
			"PHYSICAL");
	for (size_t i = 0; i < p->r->table_count; i++) {
		const struct rts_scan_table *t = &p->r->tables[i];
		char at[HEX_MAX];

		fprintf(p->to, "%-20s  %-*s  ", t->kind, p->physical_width,
			hex(t->physical, at));
		if (t->has_crc)
			fprintf(p->to, "0x%08" PRIx32 "  %s\n", t->crc,
				t->crc_ok ? "right" : "WRONG");
		else
			fputs("-\n", p->to);
	}
}

static void print_ways(const struct printer *p)
{
	bool any = false;

	for (unsigned i = 0; i < RTS_SCAN_WAYS; i++)
		any |= p->r->ways[i].available;
	if (!any)
		return;
	fputs("\nVIRTUAL TO PHYSICAL   AGREES  DISAGREES  BY\n", p->to);
	for (unsigned i = 0; i < RTS_SCAN_WAYS; i++) {
		const struct rts_scan_mapping_way *w = &p->r->ways[i];
		char at[HEX_MAX];

		fprintf(p->to, "%-20s  ", rts_scan_way_name((enum rts_scan_way)i));
		if (w->available)
			fprintf(p->to, "%6u  %9u  %s\n", w->agrees, w->disagrees,
				w->where != 0 ? hex(w->where, at) : "-");
		else
			fputs("not available\n", p->to);
	}
}

static void print_driver_of(const struct printer *p, int driver)
{
	char name[SCAN_WORDS_MAX];

	if (driver >= 0 && (size_t)driver < p->r->driver_count) {
		scan_driver_words(&p->r->drivers[driver], name);
		cli_print_text(p->to, name);
	} else {
		fputc('-', p->to);
	}
}

static void print_services(const struct printer *p)
{
	fprintf(p->to, "\n%-25s  %-*s  %-*s  %-12s  DRIVER\n", "SERVICE", p->pointer_width,
		"POINTER", p->physical_width, "PHYSICAL", "VERDICT");
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++) {
		const struct rts_scan_service *s = &p->r->services[i];
		char pointer[HEX_MAX], physical[HEX_MAX];

		fprintf(p->to, "%-25s  %-*s  %-*s  %-12s  ", s->name, p->pointer_width,
			s->has_pointer ? hex(s->pointer, pointer) : "-", p->physical_width,
			s->has_physical ? hex(s->physical, physical) : "-",
			rts_scan_verdict_name(s->verdict));
		print_driver_of(p, s->driver);
		fputc('\n', p->to);
	}
}

/* More than one known image has drivers here: then it is told which. */
static bool is_mixed(const struct rts_scan_report *r)
{
	const char *first = NULL;

	for (size_t i = 0; i < r->driver_count; i++) {
		const char *with = r->drivers[i].matched_with;

		if (with != NULL && first != NULL && strcmp(first, with) != 0)
			return true;
		first = first != NULL ? first : with;
	}
	return false;
}

/* What an ordinary driver has no line for. */
static void print_details(const struct printer *p, size_t i, bool mixed)
{
	const struct rts_scan_driver *d = &p->r->drivers[i];
	const char *indent = "            ";
	char words[SCAN_WORDS_MAX];

	if (d->matched_with != NULL && (mixed || d->match != RTS_SCAN_EXACT)) {
		scan_match_words(d, words);
		fprintf(p->to, "%s%s%s ", indent, words,
			d->match == RTS_SCAN_MATCH_MODIFIED ? " from the one in"
			: d->match == RTS_SCAN_SIMILAR      ? " to one in"
							    : ":");
		cli_print_text(p->to, d->matched_with);
		fputc('\n', p->to);
	} else if (d->own) {
		fprintf(p->to, "%sruntserv's own guest driver\n", indent);
	}
	if (d->path != NULL && (d->match != RTS_SCAN_EXACT || !d->has_guid)) {
		fprintf(p->to, "%sloaded from ", indent);
		cli_print_text(p->to, d->path);
		fputc('\n', p->to);
	}
	if (!d->header)
		fprintf(p->to, "%sno PE header in memory\n", indent);
	if (!d->in_image)
		fprintf(p->to, "%snot all of its pages are in the image\n", indent);
	if (p->files != NULL && p->files[i].path == NULL)
		fprintf(p->to, "%snot extracted\n", indent);
}

static void print_drivers(const struct printer *p)
{
	const bool mixed = is_mixed(p->r);

	if (p->r->driver_count == 0)
		return;
	fprintf(p->to, "\n%-*s  %8s  %-8s  %s  %-36s  DRIVER\n", p->base_width, "BASE",
		"SIZE", "MATCH", scan_view_letters, "GUID");
	for (size_t i = 0; i < p->r->driver_count; i++) {
		const struct rts_scan_driver *d = &p->r->drivers[i];
		char base[HEX_MAX], guid[GUID_TEXT_LEN + 1] = "-", size[SCAN_WORDS_MAX];

		scan_size_words(d->size, size);
		if (d->has_guid)
			guid_to_text(&d->guid, guid);
		fprintf(p->to, "%-*s  %8s  %-8s  ", p->base_width, hex(d->base, base), size,
			rts_scan_match_name(d->match));
		for (unsigned v = 0; v < RTS_SCAN_VIEWS; v++)
			fputc(scan_seen_mark(d->views[v]), p->to);
		fprintf(p->to, "  %-36s  ", guid);
		if (d->name != NULL && *d->name != 0)
			print_driver_of(p, (int)i);
		else
			fputc('-', p->to);
		fputc('\n', p->to);
		print_details(p, i, mixed);
	}
	fputs("views:", p->to);
	for (unsigned v = 0; v < RTS_SCAN_VIEWS; v++)
		fprintf(p->to, "%s %c %s", v != 0 ? "," : "", scan_view_letters[v],
			scan_view_words[v]);
	fputs("\n       + seen, - not seen, ? there is no such view here, . it does not "
	      "apply\n",
	      p->to);
}

static bool is_known(const struct printer *p, int driver)
{
	return driver >= 0 && (size_t)driver < p->r->driver_count &&
	       p->r->drivers[driver].match == RTS_SCAN_EXACT;
}

/* Those in known drivers are counted, others listed. */
static void print_events(const struct printer *p)
{
	size_t known = 0, shown = 0;

	if (p->r->event_count == 0)
		return;
	for (size_t i = 0; i < p->r->event_count; i++)
		known += is_known(p, p->r->events[i].driver);
	fprintf(p->to,
		"\nruntime events: %zu, of them %zu in known and unmodified drivers\n",
		p->r->event_count, known);
	for (size_t i = 0; i < p->r->event_count && shown < EVENTS_SHOWN; i++) {
		const struct rts_scan_event *e = &p->r->events[i];
		char at[HEX_MAX];

		if (is_known(p, e->driver))
			continue;
		fprintf(p->to, "  type 0x%08" PRIx32 " at %-*s  ", e->type,
			p->physical_width, hex(e->physical, at));
		print_driver_of(p, e->driver);
		fputc('\n', p->to);
		shown++;
	}
	if (p->r->event_count - known > shown)
		fprintf(p->to, "  and %zu more; --json has them all\n",
			p->r->event_count - known - shown);
}

/* Into which folder, and how many. */
static void print_extracted(const struct printer *p)
{
	const char *path = NULL;
	size_t n = 0;

	for (size_t i = 0; p->files != NULL && i < p->r->driver_count; i++)
		if (p->files[i].path != NULL) {
			path = p->files[i].path;
			n++;
		}
	if (path == NULL)
		return;
	fprintf(p->to, "\nextracted: %zu driver%s and hashes.json, to ", n,
		n == 1 ? "" : "s");
	put_bytes(p->to, path, (size_t)(strrchr(path, '/') - path));
	fputc('\n', p->to);
}

static void print_others(const struct printer *p)
{
	const struct rts_scan_report *r = p->r;
	char at[HEX_MAX];

	if (r->boot_image_count != 0 && r->has_firmware)
		fprintf(p->to,
			"\nboot drivers still in memory: %zu, of them %zu equal to known "
			"ones\n",
			r->boot_image_count, r->boot_image_known);
	else if (r->boot_image_count != 0)
		fprintf(p->to, "\nboot drivers still in memory: %zu\n",
			r->boot_image_count);
	if (r->windows_block_found)
		fprintf(p->to, "\nWindows' copy of the services: at %s, found by %s\n",
			hex(r->windows_block, at), scan_windows_words(r));
}

static void print_findings(const struct printer *p)
{
	for (size_t i = 0; i < p->r->finding_count; i++) {
		const struct rts_scan_finding *f = &p->r->findings[i];
		const struct rts_scan_driver *d =
			f->driver >= 0 && (size_t)f->driver < p->r->driver_count
				? &p->r->drivers[f->driver]
				: NULL;
		char at[HEX_MAX];

		fprintf(p->to, "\n%-6s  %s", rts_scan_severity_name(f->severity),
			rts_scan_rule_name(f->rule));
		if (d != NULL) {
			fputs(", ", p->to);
			print_driver_of(p, f->driver);
		}
		if (f->has_address && (d == NULL || f->address != d->base))
			fprintf(p->to, ", at %s", hex(f->address, at));
		fputc('\n', p->to);
		put_wrapped(p->to, 8, "        ", f->text != NULL ? f->text : "-");
		if (f->innocent_if != NULL)
			put_wrapped(p->to, 8, "        innocent if ", f->innocent_if);
	}
}

static void print_notes(FILE *to, char **notes, size_t count, bool *first)
{
	for (size_t i = 0; i < count; i++) {
		if (*first)
			fputc('\n', to);
		*first = false;
		put_wrapped(to, 6, "note: ", notes[i]);
	}
}

void scan_print_text(FILE *to, const struct scan_input *in, const struct rts_scan_report *r,
		     const struct scan_extracted *files)
{
	struct printer p = {.to = to,
			    .r = r,
			    .files = files,
			    .base_width = 10,
			    .pointer_width = 10,
			    .physical_width = 10};
	cleanup(freep) char *honest = scan_honest_words(r);
	char words[SCAN_WORDS_MAX];
	bool first = true;

	for (size_t i = 0; i < r->driver_count; i++)
		p.base_width = wider(p.base_width, r->drivers[i].base);
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++) {
		p.pointer_width = wider(p.pointer_width, r->services[i].pointer);
		p.physical_width = wider(p.physical_width, r->services[i].physical);
	}
	print_image(&p, in->name);
	print_tables(&p);
	print_ways(&p);
	if (!scan_is_empty(r))
		print_services(&p);
	print_drivers(&p);
	print_events(&p);
	print_others(&p);
	print_extracted(&p);
	print_findings(&p);
	print_notes(to, in->notes, in->note_count, &first);
	print_notes(to, r->notes, r->note_count, &first);
	scan_findings_words(r, words);
	fputc('\n', to);
	put_wrapped_format(to, 9, "verdict: ", "%s. %s", words,
			   honest != NULL ? honest : "");
}
