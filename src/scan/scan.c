/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A scan from its beginning to its end, and the memory of its report: everything that the
 * report points to is kept in one list and freed with it.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "scan/scan_priv.h"

struct kept {
	struct kept *next;
	max_align_t bytes[];
};

/* The report comes first: the two are one allocation. */
struct whole {
	struct rts_scan_report report;
	struct kept *kept;
};

void *rts_scan_keep(struct scan *s, size_t len)
{
	struct whole *whole = (struct whole *)s->report;
	struct kept *k = len <= SIZE_MAX - sizeof *k ? calloc(1, sizeof *k + len) : NULL;

	if (k == NULL) {
		s->no_memory = true;
		return NULL;
	}
	k->next = whole->kept;
	whole->kept = k;
	return k->bytes;
}

static char *text_va(struct scan *s, const char *fmt, va_list ap)
{
	va_list again;
	char *text;
	size_t len;

	va_copy(again, ap);
	len = fmt_text(NULL, 0, fmt, again);
	va_end(again);
	text = rts_scan_keep(s, len + 1);
	if (text != NULL)
		fmt_text(text, len + 1, fmt, ap);
	return text;
}

char *rts_scan_text(struct scan *s, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = text_va(s, fmt, ap);
	va_end(ap);
	return text;
}

bool rts_scan_room(void **list, size_t count, size_t *cap, size_t item, size_t max)
{
	size_t want = *cap != 0 ? *cap * 2 : 16;
	void *more;

	if (count < *cap)
		return true;
	if (count >= max)
		return false;
	if (want > max)
		want = max;
	more = reallocarray(*list, want, item);
	if (more == NULL)
		return false;
	*list = more;
	*cap = want;
	return true;
}

bool rts_scan_grow(struct scan *s, void **list, size_t count, size_t *cap, size_t item,
		   size_t max)
{
	if (rts_scan_room(list, count, cap, item, max))
		return true;
	s->no_memory |= count < max;
	return false;
}

#define NOTES_MAX 256U

void rts_scan_note(struct scan *s, const char *fmt, ...)
{
	struct rts_scan_report *r = s->report;
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = text_va(s, fmt, ap);
	va_end(ap);
	if (text == NULL)
		return;
	for (size_t i = 0; i < r->note_count; i++)
		if (strcmp(r->notes[i], text) == 0)
			return;
	if (rts_scan_grow(s, (void **)&r->notes, r->note_count, &s->note_cap,
			  sizeof *r->notes, NOTES_MAX))
		r->notes[r->note_count++] = text;
}

/* ---- names ---- */

#define NAME(names, i) ((size_t)(i) < sizeof(names) / sizeof *(names) ? (names)[i] : "?")

const char *rts_scan_verdict_name(enum rts_scan_verdict v)
{
	static const char *const names[] = {"clean", "modified", "foreign", "not in image",
					    "not checked"};

	return NAME(names, v);
}

const char *rts_scan_match_name(enum rts_scan_match m)
{
	static const char *const names[] = {"exact", "modified", "similar", "unknown"};

	return NAME(names, m);
}

const char *rts_scan_view_name(enum rts_scan_view v)
{
	static const char *const names[] = {"pe",          "image_list", "attributes_table",
					    "debug_table", "service",    "event",
					    "inventory"};

	return NAME(names, v);
}

const char *rts_scan_seen_name(enum rts_scan_seen s)
{
	static const char *const names[] = {"no", "yes", "unavailable", "not applicable"};

	return NAME(names, s);
}

const char *rts_scan_severity_name(enum rts_scan_severity s)
{
	static const char *const names[] = {"high", "medium", "info"};

	return NAME(names, s);
}

const char *rts_scan_way_name(enum rts_scan_way w)
{
	static const char *const names[] = {"table-pair", "page-tables", "os-map",
					    "fixups"};

	return NAME(names, w);
}

const char *rts_scan_service_name(unsigned i)
{
	static const char *const names[RTS_SCAN_SERVICES] = {
		"GetTime",
		"SetTime",
		"GetWakeupTime",
		"SetWakeupTime",
		"SetVirtualAddressMap",
		"ConvertPointer",
		"GetVariable",
		"GetNextVariableName",
		"SetVariable",
		"GetNextHighMonotonicCount",
		"ResetSystem",
		"UpdateCapsule",
		"QueryCapsuleCapabilities",
		"QueryVariableInfo",
	};

	return NAME(names, i);
}

/* ---- a scan ---- */

static EFI_STATUS nothing_found(struct scan *s)
{
	const struct rts_scan_report *r = s->report;

	if (s->tables.has_runtime || r->driver_count > 0 || r->windows_block_found)
		return EFI_SUCCESS;
	rts_scan_note(
		s, "neither a runtime services table nor a runtime driver is in the image: "
		   "either the machine did not boot by UEFI, or the image lacks firmware's "
		   "memory, as those do that hold only what the operating system manages");
	return diag(s->d, EFI_NOT_FOUND, "nothing of UEFI in the image");
}

static EFI_STATUS run(struct scan *s)
{
	static EFI_STATUS (*const steps[])(struct scan *) = {
		rts_scan_known_read, rts_scan_pass,          rts_scan_tables,
		rts_scan_map,        rts_scan_config_tables, rts_scan_views,
		rts_scan_windows,    rts_scan_os_memory,     rts_scan_judge,
		nothing_found,
	};

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		const EFI_STATUS status = steps[i](s);

		if (status != EFI_SUCCESS)
			return status;
	}
	return EFI_SUCCESS;
}

static void scan_fini(struct scan *s)
{
	for (unsigned i = 0; i < SCAN_HITS; i++)
		free(s->hits[i].at);
	free(s->tables.config);
	free(s->tables.attribute);
	free(s->tables.debug);
	free(s->known);
	for (size_t i = 0; i < s->volume_count; i++)
		rts_fv_free(s->volumes[i]);
	free(s->volumes);
	for (size_t i = 0; s->drivers != NULL && i < s->report->driver_count; i++)
		rts_scan_image_fini(&s->drivers[i].image);
	free(s->drivers);
}

EFI_STATUS rts_scan_run(const struct rts_scan_config *config, struct diag *d,
			struct rts_scan_report **ret)
{
	const struct rts_dump_info *info = rts_dump_info(config->dump);
	struct scan s = {.config = config, .dump = config->dump, .d = d};
	struct whole *whole;
	EFI_STATUS status;

	if (info->machine[0] != 0 && !info->x86_64)
		return diag(
			d, EFI_UNSUPPORTED,
			"the image is of a machine of kind %s; only x86-64 is known here",
			info->machine);
	whole = calloc(1, sizeof *whole);
	if (whole == NULL)
		return diag(d, EFI_OUT_OF_RESOURCES, "no memory");
	s.report = &whole->report;
	s.report->image = info;
	s.report->range_count = rts_dump_range_count(config->dump);
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++)
		s.report->services[i] =
			(struct rts_scan_service){.name = rts_scan_service_name(i),
						  .driver = -1,
						  .verdict = RTS_SCAN_NOT_IN_IMAGE};
	status = run(&s);
	if (s.no_memory && (status == EFI_SUCCESS || status == EFI_NOT_FOUND))
		status = EFI_OUT_OF_RESOURCES;
	if (status == EFI_OUT_OF_RESOURCES)
		diag_set(d, "no memory");
	scan_fini(&s);
	if (status == EFI_SUCCESS || status == EFI_NOT_FOUND)
		*ret = s.report;
	else
		rts_scan_report_free(s.report);
	return status;
}

void rts_scan_report_free(struct rts_scan_report *report)
{
	struct whole *whole = (struct whole *)report;

	if (report == NULL)
		return;
	while (whole->kept != NULL) {
		struct kept *k = whole->kept;

		whole->kept = k->next;
		free(k);
	}
	free(report->tables);
	free(report->drivers);
	free(report->events);
	free(report->regions);
	free(report->findings);
	free(report->notes);
	free(whole);
}
