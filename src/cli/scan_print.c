/* SPDX-License-Identifier: BSD-2-Clause */
/* A report's sums, and the words that text, page and picture have in common. */
#include "cli/scan_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

struct scan_sums scan_sum(const struct rts_scan_report *r)
{
	struct scan_sums s = {0};

	for (size_t i = 0; i < r->finding_count; i++)
		s.severity[r->findings[i].severity]++;
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++)
		s.verdict[r->services[i].verdict]++;
	for (size_t i = 0; i < r->driver_count; i++)
		s.match[r->drivers[i].match]++;
	return s;
}

void scan_size_words(uint64_t bytes, char ret[SCAN_WORDS_MAX])
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	const unsigned unit =
		bytes < 1024 ? 0 : (63U - (unsigned)__builtin_clzll(bytes)) / 10;
	const uint64_t whole = bytes >> 10 * unit;
	const uint64_t rest = bytes - (whole << 10 * unit);

	if (unit == 0)
		snprintf(ret, SCAN_WORDS_MAX, "%u byte%s", (unsigned)bytes,
			 bytes == 1 ? "" : "s");
	else if (rest == 0 || whole >= 100)
		snprintf(ret, SCAN_WORDS_MAX, "%u %s", (unsigned)whole, units[unit - 1]);
	else /* the upper bits of the rest are enough for a tenth */
		snprintf(ret, SCAN_WORDS_MAX, "%u.%u %s", (unsigned)whole,
			 (unsigned)((rest >> 10 * (unit - 1)) * 10 / 1024),
			 units[unit - 1]);
}

/* As much of a text as there is room for, whole characters only. */
static void copy_text(const char *text, char ret[SCAN_WORDS_MAX])
{
	size_t n = 0;

	while (text[n] != 0) {
		uint32_t c;
		const size_t len = cli_utf8_next(text + n, &c);

		if (n + (len != 0 ? len : 1) >= SCAN_WORDS_MAX)
			break;
		n += len != 0 ? len : 1;
	}
	snprintf(ret, SCAN_WORDS_MAX, "%.*s", (int)n, text);
}

/* The name of a file on a disk; NULL: the path names none. */
static const char *last_part(const char *path)
{
	const char *last = NULL;

	for (; *path != 0; path++)
		if ((*path == '\\' || *path == '/') && path[1] != 0)
			last = path + 1;
	return last;
}

void scan_driver_words(const struct rts_scan_driver *d, char ret[SCAN_WORDS_MAX])
{
	const char *file = d->path != NULL ? last_part(d->path) : NULL;

	if (d->name != NULL && *d->name != 0)
		copy_text(d->name, ret);
	else if (file != NULL)
		copy_text(file, ret);
	else if (d->has_guid)
		guid_to_text(&d->guid, ret);
	else
		snprintf(ret, SCAN_WORDS_MAX, "unknown 0x%llx",
			 (unsigned long long)d->base);
}

void scan_match_words(const struct rts_scan_driver *d, char ret[SCAN_WORDS_MAX])
{
	if (d->match == RTS_SCAN_MATCH_MODIFIED)
		snprintf(ret, SCAN_WORDS_MAX, "%u byte%s differ%s", d->differing,
			 d->differing == 1 ? "" : "s", d->differing == 1 ? "s" : "");
	else if (d->match == RTS_SCAN_SIMILAR)
		snprintf(ret, SCAN_WORDS_MAX, "%u %% similar", d->likeness);
	else
		snprintf(ret, SCAN_WORDS_MAX, "%s",
			 d->own ? "our own" : rts_scan_match_name(d->match));
}

const char scan_view_letters[RTS_SCAN_VIEWS + 1] = {
	[RTS_SCAN_VIEW_PE] = 'P',         [RTS_SCAN_VIEW_IMAGE_LIST] = 'L',
	[RTS_SCAN_VIEW_ATTRIBUTES] = 'A', [RTS_SCAN_VIEW_DEBUG] = 'D',
	[RTS_SCAN_VIEW_SERVICE] = 'S',    [RTS_SCAN_VIEW_EVENT] = 'E',
	[RTS_SCAN_VIEW_INVENTORY] = 'I'};

const char *const scan_view_words[RTS_SCAN_VIEWS] = {
	[RTS_SCAN_VIEW_PE] = "PE header",
	[RTS_SCAN_VIEW_IMAGE_LIST] = "runtime image list",
	[RTS_SCAN_VIEW_ATTRIBUTES] = "attributes table",
	[RTS_SCAN_VIEW_DEBUG] = "debug table",
	[RTS_SCAN_VIEW_SERVICE] = "service",
	[RTS_SCAN_VIEW_EVENT] = "event",
	[RTS_SCAN_VIEW_INVENTORY] = "inventory",
};

char scan_seen_mark(enum rts_scan_seen s)
{
	static const char marks[] = {[RTS_SCAN_NO] = '-',
				     [RTS_SCAN_YES] = '+',
				     [RTS_SCAN_UNAVAILABLE] = '?',
				     [RTS_SCAN_NOT_APPLICABLE] = '.'};

	return marks[s];
}

const char *scan_windows_words(const struct rts_scan_report *r)
{
	const char *by = r->windows_block_by != NULL ? r->windows_block_by : "";

	return strcmp(by, "pointers") == 0 ? "its pointers"
	       : strcmp(by, "CFGRO") == 0
		       ? "the kernel's section CFGRO"
		       : "its pointers and by the kernel's section CFGRO";
}

bool scan_is_empty(const struct rts_scan_report *r)
{
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++)
		if (r->services[i].has_pointer)
			return false;
	return r->driver_count == 0;
}

void scan_findings_words(const struct rts_scan_report *r, char ret[SCAN_WORDS_MAX])
{
	const struct scan_sums s = scan_sum(r);
	const size_t high = s.severity[RTS_SCAN_HIGH], medium = s.severity[RTS_SCAN_MEDIUM];
	const size_t info = s.severity[RTS_SCAN_INFO];
	int n;

	if (high + medium == 0)
		n = snprintf(ret, SCAN_WORDS_MAX, "%s",
			     scan_is_empty(r) ? "nothing of UEFI" : "no findings");
	else if (high == 0 || medium == 0)
		n = snprintf(ret, SCAN_WORDS_MAX, "%zu finding%s: %s", high + medium,
			     high + medium == 1 ? "" : "s", high != 0 ? "high" : "medium");
	else
		n = snprintf(ret, SCAN_WORDS_MAX, "%zu findings: %zu high, %zu medium",
			     high + medium, high, medium);
	if (info != 0)
		snprintf(ret + n, SCAN_WORDS_MAX - (size_t)n, ", and %zu for information",
			 info);
}

static void put_services(FILE *to, const struct scan_sums *s)
{
	const char *comma = "";

	if (s->verdict[RTS_SCAN_CLEAN] == RTS_SCAN_SERVICES) {
		fprintf(to, "All %d services begin in known, unmodified code. ",
			RTS_SCAN_SERVICES);
		return;
	}
	fprintf(to, "Of %d services ", RTS_SCAN_SERVICES);
	for (unsigned i = 0; i <= RTS_SCAN_NOT_CHECKED; i++)
		if (s->verdict[i] != 0) {
			fprintf(to, "%s%zu %s %s", comma, s->verdict[i],
				s->verdict[i] == 1 ? "is" : "are",
				rts_scan_verdict_name((enum rts_scan_verdict)i));
			comma = ", ";
		}
	fputs(". ", to);
}

static void put_drivers(FILE *to, const struct rts_scan_report *r,
			const struct scan_sums *s)
{
	const size_t exact = s->match[RTS_SCAN_EXACT];
	size_t partly = 0;

	for (size_t i = 0; i < r->driver_count; i++)
		partly += r->drivers[i].match == RTS_SCAN_EXACT && !r->drivers[i].in_image;
	if (!r->has_firmware)
		fputs("No firmware image was given to compare with (--firmware): code is "
		      "described, not checked. ",
		      to);
	else if (!r->firmware_applies && r->driver_count != 0)
		fputs("The firmware that was given was not found to be that of this "
		      "machine: "
		      "code was not checked. ",
		      to);
	else if (r->driver_count == 0)
		fputs("No runtime driver is in the image. ", to);
	else {
		fprintf(to, "Of %zu runtime driver%s %zu %s equal to known ones",
			r->driver_count, r->driver_count == 1 ? "" : "s", exact,
			exact == 1 ? "is" : "are");
		if (partly != 0)
			fprintf(to, ", %zu of them as far as %s in the image", partly,
				partly == 1 ? "it is" : "they are");
		fputs(". ", to);
	}
}

char *scan_honest_words(const struct rts_scan_report *r)
{
	const struct scan_sums s = scan_sum(r);
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);

	if (to == NULL)
		return NULL;
	if (scan_is_empty(r)) {
		fputs("Neither a runtime services table nor a runtime driver is in this "
		      "image. "
		      "That does not say that the machine has none: many tools leave the "
		      "firmware's memory out. ",
		      to);
	} else {
		put_services(to, &s);
		put_drivers(to, r, &s);
	}
	fputs("Clean here is not clean everywhere: what hooked the boot and left, patched "
	      "a "
	      "kernel, hides in SMM, or is part of the firmware file itself cannot be seen "
	      "in "
	      "this memory.",
	      to);
	if (fclose(to) == 0)
		return text;
	free(text);
	return NULL;
}
