/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes the calls of a script as text again, one way for each: what the parser made of a
 * script can be compared, and read again.
 */
#pragma once

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/guid.h"
#include "base/ucs2.h"
#include "runtime/rt_script.h"
#include "runtime/runtime.h"

static inline void script_bytes(FILE *to, const struct rt_script_data *d)
{
	if (d->null) {
		fprintf(to, " %u*null", d->n);
		return;
	}
	if (d->n == 0) {
		fputs(" \"\"", to);
		return;
	}
	fprintf(to, " %u*", d->times);
	for (uint32_t i = 0; i < d->n; i++)
		fprintf(to, "%02x", d->p[i]);
}

static inline void script_time(FILE *to, const EFI_TIME *t)
{
	fprintf(to, " %04u-%02u-%02uT%02u:%02u:%02u", t->Year, t->Month, t->Day, t->Hour,
		t->Minute, t->Second);
}

static inline void script_name(FILE *to, const struct rt_script_call *c)
{
	char text[3 * RT_SCRIPT_NAME_MAX + 1], guid[GUID_TEXT_LEN + 1];

	ucs2_to_utf8(c->name, c->name_count, text, sizeof text);
	fputs(" \"", to);
	for (const char *s = text; *s != 0; s++)
		if ((unsigned char)*s < ' ' || *s == '"' || *s == '\\')
			fprintf(to, "\\x%02x", (unsigned)*s);
		else
			fputc(*s, to);
	guid_to_text(&c->guid, guid);
	fprintf(to, "\" %s", guid);
}

static inline void script_arguments(FILE *to, const struct rt_script_call *c)
{
	static const char *const resets[] = {"cold", "warm", "shutdown", "platform"};
	char guid[GUID_TEXT_LEN + 1];

	if (c->name != NULL)
		script_name(to, c);
	switch (c->verb) {
	case RT_CALL_GET:
	case RT_CALL_NEXT_FROM:
		if (c->data.null)
			script_bytes(to, &c->data);
		else if (c->has_buffer)
			fprintf(to, " %" PRIu64, c->number[0]);
		break;
	case RT_CALL_SET:
	case RT_CALL_APPEND:
		fprintf(to, " %#x", c->attributes);
		script_bytes(to, &c->data);
		break;
	case RT_CALL_QUERY:
		fprintf(to, " %#x", c->attributes);
		break;
	case RT_CALL_SET_TIME:
	case RT_CALL_SET_WAKEUP:
		script_time(to, &c->time);
		break;
	case RT_CALL_QUERY_CAPSULE:
	case RT_CALL_UPDATE_CAPSULE:
		guid_to_text(&c->guid, guid);
		fprintf(to, " %s %" PRIu64, guid, c->number[0]);
		if (c->verb == RT_CALL_UPDATE_CAPSULE)
			script_bytes(to, &c->data);
		break;
	case RT_CALL_RESET:
		fprintf(to, " %s", resets[c->number[0]]);
		break;
	case RT_CALL_STATUS_CODE:
		fprintf(to, " %" PRIu64 " %" PRIu64, c->number[0], c->number[1]);
		break;
	case RT_CALL_MM_TRIGGER:
	case RT_CALL_FVB_BLOCK_SIZE:
		fprintf(to, " %" PRIu64, c->number[0]);
		break;
	case RT_CALL_FVB_READ:
		fprintf(to, " %" PRIu64 " %" PRIu64 " %" PRIu64, c->number[0], c->number[1],
			c->number[2]);
		break;
	default:
		break;
	}
}

/* The caller frees it; NULL: no memory. */
static inline char *script_text(const struct rt_script *s)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	if (to == NULL)
		return NULL;
	for (size_t i = 0; i < s->count; i++) {
		const struct rt_script_call *c = &s->calls[i];

		if (i == 0 || c->phases != s->calls[i - 1].phases) {
			fputs("phase", to);
			for (unsigned p = 0; p < RT_PHASE_COUNT; p++)
				if ((c->phases >> p & 1) != 0)
					fprintf(to, " %s",
						runtime_phase_name((enum rt_phase)p));
			fputc('\n', to);
		}
		if (c->repeat != 1)
			fprintf(to, "x%u ", c->repeat);
		fputs(rt_verb_name((enum rt_verb)c->verb), to);
		script_arguments(to, c);
		if (c->any)
			fputs(" -> any", to);
		else
			fprintf(to, " -> %#" PRIx64, c->status);
		if (c->has_value)
			script_bytes(to, &c->value);
		if (c->has_value_time)
			script_time(to, &c->value_time);
		if (c->has_value_attributes)
			fprintf(to, " %#x", c->value_attributes);
		fputc('\n', to);
	}
	fclose(to);
	return text;
}
