/* SPDX-License-Identifier: BSD-2-Clause */
/* Within this room: one variable as JSON, the same in both texts. */
#pragma once

#include <errno.h>
#include <jansson.h>

#include "store/store_json.h"

/* A list that is being read. Errors go to @d, once, with line and column. */
struct var_reader {
	const struct store_source *in;
	const char *list; /* as in struct store_place */
	size_t index;     /* the element that is being read */
	uint32_t nv;      /* NON_VOLATILE, or 0: what every variable must have there */
	struct diag *d;
	size_t unknown; /* members seen that a rewrite would lose */
};

/* -EINVAL, with a text for @member of the element (NULL: for the element). */
#define var_bad(r, member, ...) (var_complain((r), (member), __VA_ARGS__), -EINVAL)
void var_complain(const struct var_reader *r, const char *member, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* What is in a text and safe to print: cut, and without control characters. */
struct quoted {
	char s[96];
};
struct quoted var_quote(const char *s);

/* A variable's NAME-GUID, cut and safe to print; returns ret->s. */
struct store_name {
	char s[140];
};
const char *store_name(struct store_name *ret, const struct rts_var *var);

/* A warning about @place, which nothing here understands. */
void var_unknown(struct var_reader *r, const struct store_place *place);

/* Loads a variable into @v. *cost grows by what it takes of a quota; EFI_OUT_OF_RESOURCES
 * is no error here but *ret_full. */
int var_load(struct var_reader *r, json_t *object, struct rts_vars *v, uint64_t *cost,
	     bool *ret_full);

/* Variables with @nv (NON_VOLATILE or 0), as the elements of a list two levels deep, those
 * that are in @past (not NULL: the pieces are noted) as they stand there. False: no memory.
 */
bool var_write_all(struct store_text *t, const struct store_text *past,
		   const struct rts_vars_view *view, uint32_t nv);
