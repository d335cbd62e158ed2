/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One variable as JSON. Reading is strict: a store says what its machine is allowed to
 * boot, so what is not understood is not guessed. Writing follows QEMU 10.0, its order of
 * members included.
 */
#include "store/store_var.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/guid.h"
#include "base/ucs2.h"

#define ATTR_KNOWN                                                          \
	(EFI_VARIABLE_NON_VOLATILE | EFI_VARIABLE_BOOTSERVICE_ACCESS |      \
	 EFI_VARIABLE_RUNTIME_ACCESS | EFI_VARIABLE_HARDWARE_ERROR_RECORD | \
	 EFI_VARIABLE_TIME_BASED_AUTHENTICATED_WRITE_ACCESS)
#define PIECES_AHEAD   8U /* a change that takes more variables away is rare */
#define UNKNOWN_LOGGED 8U /* each costs a walk through the text */

struct quoted var_quote(const char *s)
{
	struct quoted q;
	size_t n = strnlen(s, sizeof q.s - 4);
	const bool cut = s[n] != 0;

	while (cut && n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80)
		n--;
	memcpy(q.s, s, n);
	memcpy(q.s + n, cut ? "..." : "", cut ? 4 : 1);
	for (size_t i = 0; i < n; i++) {
		const unsigned char c = (unsigned char)s[i];

		if (c < 0x20 || c == 0x7f)
			q.s[i] = '?';
		else if (c == 0xc2 && (unsigned char)s[i + 1] < 0xa0) /* U+0080 to U+009F */
			q.s[i] = q.s[i + 1] = '?';
	}
	return q;
}

const char *store_name(struct store_name *ret, const struct rts_var *var)
{
	char utf8[sizeof ret->s], guid[GUID_TEXT_LEN + 1];
	size_t n = ucs2_to_utf8(var->name, var->name_len / 2 - 1, utf8, sizeof utf8 - 1);

	utf8[n < sizeof utf8 - 1 ? n : sizeof utf8 - 1] = 0;
	guid_to_text(&var->guid, guid);
	snprintf(ret->s, sizeof ret->s, "%s-%s", var_quote(utf8).s, guid);
	return ret->s;
}

void var_complain(const struct var_reader *r, const char *member, const char *fmt, ...)
{
	const struct store_place place = {r->list, r->index, member, false};
	unsigned line, column;
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	fmt_text(text, sizeof text, fmt, ap);
	va_end(ap);
	store_text_place(r->in->text, r->in->len, &place, &line, &column);
	diag_set(r->d, "%s:%u:%u: %s", r->in->label, line, column, text);
}

void var_unknown(struct var_reader *r, const struct store_place *place)
{
	const char *name = place->member != NULL ? place->member : place->list;
	struct diag text = {0};
	unsigned line, column;

	if (r->unknown++ >= UNKNOWN_LOGGED || r->in->log == NULL)
		return;
	store_text_place(r->in->text, r->in->len, place, &line, &column);
	diag_set(&text, "%s:%u:%u: unknown member \"%s\": the first change will drop it",
		 r->in->label, line, column, var_quote(name).s);
	r->in->log(r->in->log_ctx, RTS_LOG_WARNING, text.text);
}

/* A member that must be a string, or may also be absent: then *ret is NULL. */
static int text_member(struct var_reader *r, json_t *object, const char *member, bool must,
		       const char **ret, size_t *ret_len)
{
	const json_t *value = json_object_get(object, member);

	*ret = NULL;
	if (value == NULL)
		return must ? var_bad(r, NULL, "a variable without \"%s\"", member) : 0;
	if (!json_is_string(value))
		return var_bad(r, member, "\"%s\" is not a string", member);
	*ret = json_string_value(value);
	*ret_len = json_string_length(value);
	return 0;
}

/* All of @text, which is of even length, as bytes. */
static int hex_read(struct var_reader *r, const char *member, const char *text, size_t len,
		    uint8_t *ret)
{
	for (size_t i = 0; i < len; i++) {
		const int digit = hex_digit(text[i]);

		if (digit < 0)
			return var_bad(r, member, "\"%s\": '%s' is not hex (character %zu)",
				       member, var_quote(text + i).s, i + 1);
		ret[i / 2] = (uint8_t)(i % 2 == 0 ? digit << 4 : ret[i / 2] | digit);
	}
	return 0;
}

/* A member of exactly @len bytes, or absent. */
static int fixed_read(struct var_reader *r, json_t *object, const char *member, void *ret,
		      size_t len, bool *ret_present)
{
	uint8_t raw[32];
	const char *text;
	size_t n;
	int rc = text_member(r, object, member, false, &text, &n);

	*ret_present = false;
	if (rc < 0 || text == NULL)
		return rc;
	if (n != 2 * len)
		return var_bad(r, member, "\"%s\" '%s' has %zu hex digits, must have %zu",
			       member, var_quote(text).s, n, 2 * len);
	rc = hex_read(r, member, text, n, raw);
	if (rc == 0) {
		memcpy(ret, raw, len);
		*ret_present = true;
	}
	return rc;
}

/* The members "name" (the caller frees it; *ret_len with its NUL) and "guid" of an element.
 */
static int var_name(struct var_reader *r, json_t *object, CHAR16 **ret, uint32_t *ret_len)
{
	cleanup(freep) CHAR16 *name = NULL;
	const char *text;
	size_t len, n;
	int rc = text_member(r, object, "name", true, &text, &len);

	if (rc < 0)
		return rc;
	if (len == 0)
		return var_bad(r, "name", "an empty name");
	n = ucs2_from_utf8(text, len, NULL, 0);
	if (n >= UINT16_MAX) /* SIZE_MAX, or longer than any message */
		return var_bad(r, "name", "name '%s' %s", var_quote(text).s,
			       n == SIZE_MAX ? "is not UCS-2" : "is too long");
	name = calloc(n + 1, sizeof *name);
	if (name == NULL)
		return -ENOMEM;
	ucs2_from_utf8(text, len, name, n);
	*ret_len = (uint32_t)((n + 1) * sizeof *name);
	*ret = take_ptr(name);
	return 0;
}

static int var_guid(struct var_reader *r, json_t *object, EFI_GUID *ret)
{
	const char *text;
	size_t len;
	int rc = text_member(r, object, "guid", true, &text, &len);

	if (rc == 0 && !guid_from_text(text, len, ret))
		return var_bad(r, "guid", "'%s' is not a GUID", var_quote(text).s);
	return rc;
}

static int attr_read(struct var_reader *r, json_t *object, uint32_t *ret)
{
	const json_t *value = json_object_get(object, "attr");
	json_int_t attr = json_integer_value(value);

	if (value == NULL)
		return var_bad(r, NULL, "a variable without \"attr\"");
	if (!json_is_integer(value))
		return var_bad(r, "attr", "\"attr\" is not an integer");
	if (attr < 0 || (attr & ~(json_int_t)ATTR_KNOWN) != 0)
		return var_bad(r, "attr", "attributes %lld are not those of a variable",
			       (long long)attr);
	if ((attr & EFI_VARIABLE_BOOTSERVICE_ACCESS) == 0)
		return var_bad(r, "attr", "attributes %lld lack BOOTSERVICE_ACCESS (2)",
			       (long long)attr);
	if ((attr & EFI_VARIABLE_NON_VOLATILE) != r->nv)
		return var_bad(r, "attr", "attributes %lld %s NON_VOLATILE (1)",
			       (long long)attr, r->nv != 0 ? "lack" : "have");
	*ret = (uint32_t)attr;
	return 0;
}

static int time_read(struct var_reader *r, json_t *object, EFI_TIME *ret)
{
	bool qemu, python = false;
	int rc = fixed_read(r, object, "time", ret, sizeof *ret, &qemu);

	if (rc == 0)
		rc = fixed_read(r, object, "timestamp", ret, sizeof *ret, &python);
	if (rc == 0 && qemu && python)
		return var_bad(r, "timestamp", "\"timestamp\" beside \"time\"");
	return rc;
}

static void look_for_unknown(struct var_reader *r, json_t *object)
{
	static const char *const known[] = {"name", "guid",      "attr",  "data",
					    "time", "timestamp", "digest"};
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		size_t i = 0;

		while (i < sizeof known / sizeof *known && strcmp(key, known[i]) != 0)
			i++;
		if (i == sizeof known / sizeof *known)
			var_unknown(r, &(struct store_place){r->list, r->index, key, true});
	}
}

int var_load(struct var_reader *r, json_t *object, struct rts_vars *v, uint64_t *cost,
	     bool *ret_full)
{
	struct rts_var var = {0};
	cleanup(freep) CHAR16 *name = NULL;
	cleanup(freep) uint8_t *data = NULL;
	char guid[GUID_TEXT_LEN + 1];
	const char *text = NULL;
	size_t len = 0;
	int rc;

	if (!json_is_object(object))
		return var_bad(r, NULL, "a variable that is not an object");
	rc = var_name(r, object, &name, &var.name_len);
	if (rc == 0)
		rc = var_guid(r, object, &var.guid);
	if (rc == 0)
		rc = attr_read(r, object, &var.attr);
	if (rc == 0)
		rc = time_read(r, object, &var.time);
	if (rc == 0)
		rc = fixed_read(r, object, "digest", var.digest, sizeof var.digest,
				&var.has_digest);
	if (rc == 0)
		rc = text_member(r, object, "data", true, &text, &len);
	if (rc < 0)
		return rc;
	if (len % 2 != 0)
		return var_bad(r, "data", "\"data\" has an odd number of hex digits: %zu",
			       len);
	data = malloc(len / 2 + 1);
	if (data == NULL)
		return -ENOMEM;
	rc = hex_read(r, "data", text, len, data);
	if (rc < 0)
		return rc;
	var.name = name;
	var.data = data;
	var.data_len = (uint32_t)(len / 2); /* STORE_FILE_MAX is far below */
	look_for_unknown(r, object);
	*cost += (uint64_t)RTS_VARS_OVERHEAD + var.name_len + var.data_len +
		 (var.has_digest ? sizeof var.digest : 0);
	switch (rts_vars_load(v, &var)) {
	case EFI_SUCCESS:
		return 0;
	case EFI_OUT_OF_RESOURCES:
		*ret_full = true;
		return 0;
	case EFI_ALREADY_STARTED:
		guid_to_text(&var.guid, guid);
		return var_bad(
			r, "name", "%s-%s a second time",
			var_quote(json_string_value(json_object_get(object, "name"))).s,
			guid);
	default:
		return var_bad(
			r, "name",
			"%s: %u bytes of name and %u of data are too long together, or "
			"the name is one that the service computes",
			var_quote(json_string_value(json_object_get(object, "name"))).s,
			var.name_len, var.data_len);
	}
}

static bool var_write_name(struct store_text *t, const CHAR16 *name, uint32_t name_len)
{
	const size_t n = name_len / 2 - 1;

	if (!store_text_reserve(t, 6 * n + 64))
		return false;
	STORE_TEXT(t, "\"name\": \"");
	store_text_name(t, name, n);
	STORE_TEXT(t, "\"");
	return true;
}

#define SPARE  512U /* room for what comes between variables, and at the end */
#define MEMBER ",\n            "

static bool var_write(struct store_text *t, const struct rts_var *var)
{
	static const EFI_TIME zero;
	char guid[GUID_TEXT_LEN + 1];

	STORE_TEXT(t, "\n        {\n            ");
	if (!var_write_name(t, var->name, var->name_len) ||
	    !store_text_reserve(t, SPARE + 2 * (size_t)var->data_len))
		return false;
	if (var->has_digest) {
		STORE_TEXT(t, MEMBER "\"digest\": \"");
		store_text_hex(t, var->digest, sizeof var->digest);
		STORE_TEXT(t, "\"");
	}
	guid_to_text(&var->guid, guid);
	STORE_TEXT(t, MEMBER "\"guid\": \"");
	store_text_put(t, guid, GUID_TEXT_LEN);
	STORE_TEXT(t, "\"" MEMBER "\"attr\": ");
	store_text_number(t, var->attr);
	if ((var->attr & EFI_VARIABLE_TIME_BASED_AUTHENTICATED_WRITE_ACCESS) != 0 ||
	    memcmp(&var->time, &zero, sizeof zero) != 0) {
		STORE_TEXT(t, MEMBER "\"time\": \"");
		store_text_hex(t, &var->time, sizeof var->time);
		STORE_TEXT(t, "\"");
	}
	STORE_TEXT(t, MEMBER "\"data\": \"");
	store_text_hex(t, var->data, var->data_len);
	STORE_TEXT(t, "\"\n        }");
	return true;
}

/* The same variable in an earlier text, from *@at on: changes are few, and keep the order.
 */
static const struct store_piece *piece_of(const struct store_text *past, uint64_t serial,
					  size_t *at)
{
	for (size_t i = *at; i < past->piece_count && i < *at + PIECES_AHEAD; i++)
		if (past->pieces[i].serial == serial) {
			*at = i + 1;
			return &past->pieces[i];
		}
	return NULL;
}

static bool var_write_piece(struct store_text *t, const struct store_text *past,
			    const struct rts_var *var, size_t *at)
{
	const struct store_piece *same = piece_of(past, var->serial, at);
	const size_t begin = t->n;

	if (same == NULL)
		return var_write(t, var) && store_text_note(t, var->serial, begin);
	if (!store_text_reserve(t, SPARE + same->len))
		return false;
	store_text_put(t, past->p + same->at, same->len);
	return store_text_note(t, var->serial, begin);
}

bool var_write_all(struct store_text *t, const struct store_text *past,
		   const struct rts_vars_view *view, uint32_t nv)
{
	struct rts_vars_cursor cursor = {0};
	const struct rts_var *var;
	bool first = true;
	size_t at = 0;

	t->piece_count = 0;
	if (!store_text_reserve(t, SPARE))
		return false;
	STORE_TEXT(t, "\"variables\": [");
	while (rts_vars_view_next(view, &cursor, &var)) {
		if ((var->attr & EFI_VARIABLE_NON_VOLATILE) != nv)
			continue;
		if (!first)
			STORE_TEXT(t, ",");
		first = false;
		if (past != NULL ? !var_write_piece(t, past, var, &at) : !var_write(t, var))
			return false;
	}
	STORE_TEXT(t, "\n    ]");
	return true;
}
