/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON text: a buffer that grows and is kept for the next time, and where in a text a value
 * stands. */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "uefi/types.h"

struct store_text {
	char *p;
	size_t n, cap;
	struct store_piece { /* where its variables stand, if that was noted */
		uint64_t serial;
		size_t at, len;
	} * pieces;
	size_t piece_count, piece_cap;
};

void store_text_fini(struct store_text *t);

/* Notes that what was written since @at is the variable with that serial number; false: out
 * of memory. */
bool store_text_note(struct store_text *t, uint64_t serial, size_t at);

/* Room for @more bytes, which the functions below then take without asking. */
bool store_text_reserve(struct store_text *t, size_t more);

/* Here, so that a literal is a few stores and no call: a store has ten for each variable.
 */
static inline void store_text_put(struct store_text *t, const char *s, size_t n)
{
	assert(n <= t->cap - t->n);
	memcpy(t->p + t->n, s, n);
	t->n += n;
}

void store_text_hex(struct store_text *t, const void *p, size_t n); /* 2 bytes each */
void store_text_name(struct store_text *t, const CHAR16 *name,
		     size_t n);                           /* at most 6 each */
void store_text_number(struct store_text *t, uint64_t v); /* at most 20 */

#define STORE_TEXT(t, literal) store_text_put((t), "" literal, sizeof(literal) - 1)

/* A value in a JSON text: @list is a member of the outermost object, or NULL where that is
 * a list. */
struct store_place {
	const char *list;
	size_t index;       /* SIZE_MAX: the list itself */
	const char *member; /* of the element; NULL: the element itself */
	bool key;           /* the member's name and not its value */
};

/* Line and column, from 1, columns in characters. @text must be valid JSON; what is not
 * there is placed at what should hold it. */
void store_text_place(const char *text, size_t len, const struct store_place *place,
		      unsigned *ret_line, unsigned *ret_column);
