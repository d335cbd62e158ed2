/* SPDX-License-Identifier: BSD-2-Clause */
/* Within this room: what a conversion needs to know of a store. */
#pragma once

#include "store/store.h"

enum store_kind { STORE_MEMORY, STORE_JSON, STORE_FLASH, STORE_FOLDER };

enum store_kind store_kind(const struct store *s);
bool store_has_unknown(const struct store *s);     /* members that a rewrite would lose */
struct bytes store_content(const struct store *s); /* the file, as it was last read */

/* Reads what is there without understanding it; 0 or -errno with a text. */
int store_peek(struct store *s, struct diag *d);

/* After store_peek(), replaces all of a store that was opened to be edited. With something
 * in it: -EEXIST, or with @force it is kept as NAME.bak. */
int store_overwrite(struct store *s, const struct rts_vars_view *view, struct bytes certdb,
		    bool force, struct diag *d);
