/* SPDX-License-Identifier: BSD-2-Clause */
/* `runtserv run`: finding drivers; and what was found, as text and as JSON
 * (doc/design.md 3.4, runtserv.run/1). */
#pragma once

#include <jansson.h>

#include "runtime/runtime.h"

/* The driver of @fv (NULL: no firmware) that @word names, by UI name or GUID; *ret NULL:
 * there is none. An exit status. */
int run_find(const struct rts_fv *fv, const char *word, const struct rts_fv_file **ret);

/* Says that @word is neither a file nor in the firmware at @path (NULL: there is none), and
 * what may be meant. */
int run_not_found(const struct rts_fv *fv, const char *path, const char *word);

/* Calls of services that were not answered as expected: in the phases that scripts have. */
uint64_t run_failed_calls(const struct rt_shared *s);

/* For people: everything, and a verdict in the last line. @verbose: all suspects. @script:
 * the calls were the user's own, and so is what was expected of them. */
void run_text(FILE *to, const struct runtime_report *r, bool verbose, bool script);

/* The document, or NULL where memory ran out. */
json_t *run_json(const struct runtime_report *r);

/* "subject", "ok", as reports spell them. */
const char *run_role_name(uint8_t role);
const char *run_status_name(uint8_t status);

/* Where a suspect lies: in its driver's image, or in a block, from whose beginning
 * *ret_offset counts. */
bool run_suspect_object(const struct rt_shared *s, const struct rt_suspect *p,
			struct runtime_object *ret, uint64_t *ret_offset);
