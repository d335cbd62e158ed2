/* SPDX-License-Identifier: BSD-2-Clause */
/* The report of `runtserv scan` as a JSON document, runtserv.scan/1: every field of the
 * contract first and in its order, then what else is known; null where nothing is. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/scan_json.h"
#include "cli/scan_print.h"
#include "mem/map_summary.h"

#define NUMBER_MAX 0x7fffffffffffffffULL /* what JSON readers hold as a whole number */

static json_t *hex(uint64_t v)
{
	return json_sprintf("0x%llx", (unsigned long long)v);
}

static json_t *hex_or_null(bool has, uint64_t v)
{
	return has ? hex(v) : json_null();
}

static json_t *number(uint64_t v)
{
	return json_integer((json_int_t)(v < NUMBER_MAX ? v : NUMBER_MAX));
}

json_t *scan_json_text(const char *s)
{
	static const uint8_t replacement[] = {0xef, 0xbf, 0xbd}; /* U+FFFD */
	cleanup(freep) char *copy = NULL;
	size_t n = 0;

	if (s == NULL)
		return json_null();
	copy = malloc(sizeof replacement * strlen(s) + 1);
	if (copy == NULL)
		return NULL;
	while (*s != 0) {
		uint32_t c;
		const size_t len = cli_utf8_next(s, &c);

		if (len != 0)
			memcpy(copy + n, s, len);
		else
			memcpy(copy + n, replacement, sizeof replacement);
		n += len != 0 ? len : sizeof replacement;
		s += len != 0 ? len : 1;
	}
	return json_stringn(copy, n);
}

json_t *scan_json_guid(bool has, const EFI_GUID *guid)
{
	char text[GUID_TEXT_LEN + 1];

	if (!has)
		return json_null();
	guid_to_text(guid, text);
	return json_string(text);
}

json_t *scan_json_hash(bool has, const uint8_t hash[RTS_SCAN_HASH_LEN])
{
	char text[2 * RTS_SCAN_HASH_LEN + 1];

	if (!has)
		return json_null();
	for (size_t i = 0; i < RTS_SCAN_HASH_LEN; i++)
		snprintf(text + 2 * i, 3, "%02x", hash[i]);
	return json_string(text);
}

int scan_json_dump(FILE *to, json_t *doc)
{
	const int r =
		doc == NULL ? -1 : json_dumpf(doc, to, JSON_INDENT(2) | JSON_ENSURE_ASCII);

	json_decref(doc);
	return r < 0 || fputc('\n', to) == EOF ? -1 : 0;
}

static json_t *driver_index(const struct rts_scan_report *r, int driver)
{
	return driver >= 0 && (size_t)driver < r->driver_count ? json_integer(driver)
							       : json_null();
}

static json_t *image_json(const struct scan_input *in, const struct rts_scan_report *r)
{
	const struct rts_dump_info *i = r->image;
	json_t *cpus = json_array();

	for (unsigned c = 0; c < i->cpu_count && c < RTS_DUMP_CPUS_MAX; c++)
		json_array_append_new(cpus,
				      json_pack("{s:o, s:o}", "cr3", hex(i->cpu[c].cr3),
						"cr4", hex(i->cpu[c].cr4)));
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:o}", "format",
			 rts_dump_format_name(i->format), "ranges", number(r->range_count),
			 "bytes", number(i->bytes), "name", scan_json_text(in->name), "end",
			 hex(i->end), "machine",
			 scan_json_text(i->machine[0] != 0 ? i->machine : NULL), "cpus",
			 cpus, "os_ranges", i->os_ranges, "assumed_hole", i->assumed_hole,
			 "problem", scan_json_text(i->problem));
}

static json_t *tables_json(const struct rts_scan_report *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->table_count; i++) {
		const struct rts_scan_table *t = &r->tables[i];

		json_array_append_new(
			list, json_pack("{s:s, s:o, s:o, s:o}", "kind", t->kind, "physical",
					hex(t->physical), "crc_ok",
					t->has_crc ? json_boolean(t->crc_ok) : json_null(),
					"crc", hex_or_null(t->has_crc, t->crc)));
	}
	return list;
}

static json_t *services_json(const struct rts_scan_report *r)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++) {
		const struct rts_scan_service *s = &r->services[i];

		json_array_append_new(
			list,
			json_pack("{s:s, s:o, s:o, s:o, s:s}", "name", s->name, "pointer",
				  hex_or_null(s->has_pointer, s->pointer), "physical",
				  hex_or_null(s->has_physical, s->physical), "driver",
				  driver_index(r, s->driver), "verdict",
				  rts_scan_verdict_name(s->verdict)));
	}
	return list;
}

static json_t *views_json(const struct rts_scan_driver *d)
{
	json_t *views = json_object();

	for (unsigned v = 0; v < RTS_SCAN_VIEWS; v++)
		json_object_set_new(views, rts_scan_view_name((enum rts_scan_view)v),
				    json_string(rts_scan_seen_name(d->views[v])));
	return views;
}

static json_t *driver_json(const struct rts_scan_driver *d, const char *extracted)
{
	json_t *o = json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o}", "base", hex(d->base),
		"size", number(d->size), "guid", scan_json_guid(d->has_guid, &d->guid),
		"name", scan_json_text(d->name), "path", scan_json_text(d->path), "match",
		rts_scan_match_name(d->match), "matched_with",
		scan_json_text(d->matched_with), "code_sha256",
		scan_json_hash(d->has_code_hash, d->code_sha256), "virtual_base",
		hex_or_null(d->has_virtual, d->virtual_base), "views", views_json(d));

	json_object_set_new(o, "differing",
			    d->match == RTS_SCAN_EXACT ||
					    d->match == RTS_SCAN_MATCH_MODIFIED
				    ? number(d->differing)
				    : json_null());
	json_object_set_new(o, "likeness",
			    d->match == RTS_SCAN_SIMILAR ? json_integer(d->likeness)
							 : json_null());
	json_object_set_new(o, "own", json_boolean(d->own));
	json_object_set_new(o, "in_image", json_boolean(d->in_image));
	json_object_set_new(o, "header", json_boolean(d->header));
	json_object_set_new(o, "ssdeep", scan_json_text(d->similar_digest));
	json_object_set_new(o, "extracted", scan_json_text(extracted));
	return o;
}

static json_t *drivers_json(const struct rts_scan_report *r,
			    const struct scan_extracted *files)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->driver_count; i++)
		json_array_append_new(
			list,
			driver_json(&r->drivers[i], files != NULL ? files[i].path : NULL));
	return list;
}

static json_t *findings_json(const struct rts_scan_report *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->finding_count; i++) {
		const struct rts_scan_finding *f = &r->findings[i];

		json_array_append_new(
			list, json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "rule",
					rts_scan_rule_name(f->rule), "severity",
					rts_scan_severity_name(f->severity), "driver",
					driver_index(r, f->driver), "address",
					hex_or_null(f->has_address, f->address), "text",
					scan_json_text(f->text), "innocent_if",
					scan_json_text(f->innocent_if)));
	}
	return list;
}

static json_t *mapping_json(const struct rts_scan_report *r)
{
	json_t *ways = json_array();

	for (unsigned i = 0; i < RTS_SCAN_WAYS; i++) {
		const struct rts_scan_mapping_way *w = &r->ways[i];

		json_array_append_new(
			ways,
			json_pack("{s:s, s:b, s:o, s:o, s:o}", "way",
				  rts_scan_way_name((enum rts_scan_way)i), "available",
				  w->available, "agrees",
				  w->available ? json_integer(w->agrees) : json_null(),
				  "disagrees",
				  w->available ? json_integer(w->disagrees) : json_null(),
				  "where", hex_or_null(w->where != 0, w->where)));
	}
	return json_pack("{s:b, s:o, s:o}", "virtual", r->virtual_mode, "paging_levels",
			 r->paging_levels != 0 ? json_integer(r->paging_levels)
					       : json_null(),
			 "ways", ways);
}

static json_t *events_json(const struct rts_scan_report *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->event_count; i++)
		json_array_append_new(list,
				      json_pack("{s:o, s:o, s:o, s:o}", "type",
						hex(r->events[i].type), "function",
						hex(r->events[i].function), "physical",
						hex(r->events[i].physical), "driver",
						driver_index(r, r->events[i].driver)));
	return list;
}

static json_t *regions_json(const struct rts_scan_report *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->region_count; i++) {
		const struct rts_scan_region *g = &r->regions[i];
		const char *type = rts_map_type_name(g->type);

		json_array_append_new(
			list,
			json_pack("{s:o, s:o, s:o, s:o, s:o}", "type",
				  type != NULL ? json_string(type) : hex(g->type), "start",
				  hex(g->start), "pages", number(g->pages), "virtual",
				  hex_or_null(g->virtual_start != 0, g->virtual_start),
				  "attributes", hex(g->attributes)));
	}
	return list;
}

static json_t *windows_json(const struct rts_scan_report *r)
{
	return r->windows_block_found
		       ? json_pack("{s:o, s:o}", "block", hex(r->windows_block), "found_by",
				   scan_json_text(r->windows_block_by))
		       : json_null();
}

static json_t *notes_json(const struct scan_input *in, const struct rts_scan_report *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < in->note_count; i++)
		json_array_append_new(list, scan_json_text(in->notes[i]));
	for (size_t i = 0; i < r->note_count; i++)
		json_array_append_new(list, scan_json_text(r->notes[i]));
	return list;
}

int scan_print_json(FILE *to, const struct scan_input *in, const struct rts_scan_report *r,
		    const struct scan_extracted *files)
{
	json_t *doc = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "schema",
				"runtserv.scan/1", "image", image_json(in, r), "tables",
				tables_json(r), "services", services_json(r), "drivers",
				drivers_json(r, files), "findings", findings_json(r));

	json_object_set_new(doc, "mapping", mapping_json(r));
	json_object_set_new(doc, "events", events_json(r));
	json_object_set_new(doc, "regions", regions_json(r));
	json_object_set_new(doc, "windows", windows_json(r));
	json_object_set_new(doc, "firmware",
			    json_pack("{s:b, s:o}", "given", r->has_firmware, "applies",
				      r->has_firmware ? json_boolean(r->firmware_applies)
						      : json_null()));
	json_object_set_new(
		doc, "boot_images",
		json_pack("{s:o, s:o}", "count", number(r->boot_image_count), "known",
			  r->has_firmware ? number(r->boot_image_known) : json_null()));
	json_object_set_new(doc, "notes", notes_json(in, r));
	json_object_set_new(doc, "bytes_scanned", number(r->bytes_scanned));
	return scan_json_dump(to, doc);
}
