/* SPDX-License-Identifier: BSD-2-Clause */
/* The report of `runtserv run` as a JSON document: every field of the contract, null where
 * nothing is known. */
#include "base/guid.h"
#include "cli/run.h"

/* What JSON readers hold as a whole number. */
#define NUMBER_MAX 0x7fffffffffffffffULL

static json_t *hex(uint64_t v)
{
	return json_sprintf("0x%llx", (unsigned long long)v);
}

static json_t *number(uint64_t v)
{
	return json_integer((json_int_t)(v < NUMBER_MAX ? v : NUMBER_MAX));
}

static json_t *text_or_null(const char *s)
{
	return s != NULL && *s != 0 ? json_string(s) : json_null();
}

static json_t *driver_name(const struct rt_shared *s, uint16_t image)
{
	return text_or_null(image < s->images_count ? s->images[image].name : NULL);
}

static json_t *guid_json(const struct rt_image *img)
{
	char text[GUID_TEXT_LEN + 1];

	if (!img->has_guid)
		return json_null();
	guid_to_text(&img->guid, text);
	return json_string(text);
}

/* A path is whatever the user typed: bytes, not always UTF-8. */
static json_t *path_json(const char *path)
{
	json_t *v = path != NULL ? json_string(path) : json_null();

	return v != NULL ? v : json_null();
}

static json_t *drivers_json(const struct runtime_report *r)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < r->last->images_count; i++) {
		const struct rt_image *img = &r->last->images[i];

		json_array_append_new(list,
				      json_pack("{s:s, s:o, s:o, s:s, s:s}", "name",
						img->name, "guid", guid_json(img), "path",
						path_json(r->paths[i]), "role",
						run_role_name(img->role), "status",
						run_status_name(img->status)));
	}
	return list;
}

static json_t *phases_json(const struct rt_shared *s)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < RT_PHASE_COUNT; i++) {
		const struct rt_phase_count *p = &s->phases[i];

		if (!p->reached)
			continue;
		json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "name",
						      runtime_phase_name((enum rt_phase)i),
						      "calls", number(p->calls), "failed",
						      number(p->failed)));
	}
	return list;
}

static json_t *object_json(bool has, const struct runtime_object *o)
{
	if (!has)
		return json_null();
	return json_pack("{s:s, s:o, s:o, s:o}", "kind", o->kind, "type",
			 text_or_null(o->type), "size", number(o->size), "allocated_at",
			 text_or_null(o->allocated_at));
}

static json_t *findings_json(const struct runtime_report *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->finding_count; i++) {
		const struct runtime_finding *f = &r->findings[i];

		json_array_append_new(
			list,
			json_pack("{s:s, s:o, s:o, s:s, s:o, s:o, s:s}", "rule",
				  runtime_rule_name(f->rule), "driver",
				  text_or_null(f->driver), "offset",
				  f->has_offset ? hex(f->offset) : json_null(), "phase",
				  runtime_phase_name(f->phase), "address",
				  f->has_address ? hex(f->address) : json_null(), "object",
				  object_json(f->has_object, &f->object), "text", f->text));
	}
	return list;
}

static json_t *suspects_json(const struct rt_shared *s)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < s->suspects_count; i++) {
		const struct rt_suspect *p = &s->suspects[i];
		struct runtime_object o;
		uint64_t offset;
		const bool has = run_suspect_object(s, p, &o, &offset);

		json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o}", "driver",
						      driver_name(s, p->at.image), "offset",
						      hex(offset), "target", hex(p->target),
						      "object", object_json(has, &o)));
	}
	return list;
}

static json_t *services_json(const struct rt_shared *s)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < RT_SERVICES_MAX; i++) {
		const struct rt_service *p = &s->services[i];

		if (!p->used)
			continue;
		json_array_append_new(
			list,
			json_pack("{s:s, s:o, s:o, s:o, s:o}", "name", p->name, "owner",
				  driver_name(s, p->owner), "calls", number(p->calls),
				  "status", p->calls != 0 ? hex(p->status) : json_null(),
				  "stack_bytes",
				  p->stack_bytes != 0 ? number(p->stack_bytes)
						      : json_null()));
	}
	return list;
}

static json_t *misses_json(const struct rt_shared *s)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < s->misses_count; i++) {
		const struct rt_miss *m = &s->misses[i];

		json_array_append_new(list,
				      json_pack("{s:s, s:o, s:s}", "phase",
						runtime_phase_name((enum rt_phase)m->phase),
						"line", number(m->line), "text", m->text));
	}
	return list;
}

json_t *run_json(const struct runtime_report *r)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "schema", "runtserv.run/1",
			 "drivers", drivers_json(r), "phases", phases_json(r->last),
			 "findings", findings_json(r), "suspects", suspects_json(r->last),
			 "services", services_json(r->last), "failed_calls",
			 misses_json(r->last));
}
