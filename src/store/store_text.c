/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON text. Writing is all that stands between a change and the disk, so it runs at the
 * speed of memory; finding a place walks the text again, for jansson keeps none.
 */
#include "store/store_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/ucs2.h"

#define MIN_ROOM 65536U

void store_text_fini(struct store_text *t)
{
	free(t->p);
	free(t->pieces);
	*t = (struct store_text){0};
}

bool store_text_reserve(struct store_text *t, size_t more)
{
	size_t cap = t->cap > 0 ? t->cap : MIN_ROOM;
	char *p;

	if (more <= t->cap - t->n)
		return true;
	while (cap - t->n < more)
		cap *= 2;
	p = realloc(t->p, cap);
	if (p == NULL)
		return false;
	t->p = p;
	t->cap = cap;
	return true;
}

bool store_text_note(struct store_text *t, uint64_t serial, size_t at)
{
	if (t->piece_count == t->piece_cap) {
		const size_t cap = t->piece_cap > 0 ? 2 * t->piece_cap : 64;
		struct store_piece *p = reallocarray(t->pieces, cap, sizeof *p);

		if (p == NULL)
			return false;
		t->pieces = p;
		t->piece_cap = cap;
	}
	t->pieces[t->piece_count++] = (struct store_piece){serial, at, t->n - at};
	return true;
}

/* Four bytes to eight digits at once: nibbles into lanes of a byte each, then '0' to all of
 * them and the distance to 'a' to those above nine. */
static uint64_t hex4(uint32_t bytes)
{
	uint64_t v = bytes;

	v = (v | v << 16) & 0x0000ffff0000ffffULL;
	v = (v | v << 8) & 0x00ff00ff00ff00ffULL;
	v = (v >> 4 | v << 8) & 0x0f0f0f0f0f0f0f0fULL;
	return v + 0x3030303030303030ULL +
	       (((v + 0x0606060606060606ULL) >> 4 & 0x0101010101010101ULL) *
		('a' - '0' - 10));
}

void store_text_hex(struct store_text *t, const void *p, size_t n)
{
	const uint8_t *in = p;
	char *out = t->p + t->n;

	t->n += 2 * n;
	for (; n >= 4; n -= 4, in += 4, out += 8) {
		uint32_t four;
		uint64_t digits;

		memcpy(&four, in, sizeof four);
		digits = hex4(four);
		memcpy(out, &digits, sizeof digits);
	}
	for (; n > 0; n--, in++, out += 2) {
		uint64_t digits = hex4(*in);

		memcpy(out, &digits, 2);
	}
}

/* Escapes as QEMU's writer does; what is beyond ASCII and no control character stays as it
 * is. */
void store_text_name(struct store_text *t, const CHAR16 *name, size_t n)
{
	static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	for (size_t i = 0; i < n; i++) {
		const CHAR16 c = name[i];
		char *out = t->p + t->n;
		const char *s;

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') { /* nearly all */
			*out = (char)c;
			t->n++;
			continue;
		}
		s = c < 0x7f ? strchr(shorts, c) : NULL;

		/* the letters b, f, n, r, t stand in the table, too, but at odd places */
		if (s != NULL && *s != 0 && (s - shorts) % 2 == 0) {
			out[0] = '\\';
			out[1] = s[1];
			t->n += 2;
		} else if (c < 0x20 || (c >= 0x7f && c < 0xa0)) {
			STORE_TEXT(t, "\\u00");
			out[4] = "0123456789ABCDEF"[c >> 4];
			out[5] = "0123456789ABCDEF"[c & 15];
			t->n += 2;
		} else {
			t->n += ucs2_to_utf8(&c, 1, out, 3);
		}
	}
}

void store_text_number(struct store_text *t, uint64_t v)
{
	char digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	store_text_put(t, digits + at, sizeof digits - at);
}

/* Finding. The text is valid: strings and brackets that open also close. */
struct walk {
	const char *p, *end;
};

static char peek(struct walk *w)
{
	while (w->p < w->end && strchr(" \t\r\n,:", *w->p) != NULL && *w->p != 0)
		w->p++;
	return w->p < w->end ? *w->p : 0;
}

static void skip_string(struct walk *w)
{
	for (w->p++; w->p < w->end && *w->p != '"'; w->p++)
		if (*w->p == '\\')
			w->p++;
	w->p++;
}

static void skip_value(struct walk *w)
{
	size_t depth = 0;

	do {
		const char c = peek(w);

		if (c == '"') {
			skip_string(w);
			continue;
		}
		if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth--;
		else
			while (w->p + 1 < w->end && strchr(" \t\r\n,:]}", w->p[1]) == NULL)
				w->p++;
		w->p++;
	} while (depth > 0 && w->p < w->end);
}

/* @w stands on an object; true: on the member's value, or its name. */
static bool enter_member(struct walk *w, const char *member, bool key)
{
	const size_t len = strlen(member);

	if (peek(w) != '{')
		return false;
	w->p++;
	while (peek(w) == '"') {
		const struct walk name = *w;
		size_t n;

		skip_string(w);
		n = (size_t)(w->p - name.p);
		if (n == len + 2 && memcmp(name.p + 1, member, len) == 0) {
			if (key)
				*w = name;
			else
				(void)peek(w);
			return true;
		}
		(void)peek(w);
		skip_value(w);
	}
	return false;
}

static bool enter_element(struct walk *w, size_t index)
{
	if (peek(w) != '[')
		return false;
	w->p++;
	for (; index > 0 && peek(w) != ']' && w->p < w->end; index--)
		skip_value(w);
	return peek(w) != ']' && w->p < w->end;
}

void store_text_place(const char *text, size_t len, const struct store_place *place,
		      unsigned *ret_line, unsigned *ret_column)
{
	struct walk w = {text, text + len}, at;
	const char *p = text;

	(void)peek(&w);
	at = w;
	if (place->list == NULL ||
	    enter_member(&w, place->list, place->key && place->index == SIZE_MAX))
		at = w;
	if (place->index != SIZE_MAX && enter_element(&w, place->index)) {
		at = w;
		if (place->member != NULL && enter_member(&w, place->member, place->key))
			at = w;
	}
	*ret_line = *ret_column = 1;
	for (; p < at.p && p < at.end; p++) {
		if (*p == '\n') {
			++*ret_line;
			*ret_column = 1;
		} else if (((unsigned char)*p & 0xc0) != 0x80) {
			++*ret_column;
		}
	}
}
