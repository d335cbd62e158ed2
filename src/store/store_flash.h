/* SPDX-License-Identifier: BSD-2-Clause */
/* Within this room: edk2's variable flash, from and to memory. */
#pragma once

#include "base/bytes.h"
#include "store/store_json.h"

#define STORE_FLASH_MAX  ((size_t)64 << 20)
#define STORE_FLASH_HEAD 0x2cU /* bytes that store_flash_is() wants to see */

/* Whether a file of @size bytes that begins with @head is a variable flash: whole, blank,
 * or in the middle of a write. */
bool store_flash_is(const void *head, size_t n, uint64_t size);

/* Whether there is such a layout: 4m, 2m, aavmf. */
bool store_flash_layout(const char *name);

/*
 * Loads all variables of an image into @v, those of a blank one too; a write that was
 * interrupted is undone or completed as edk2 would. certdb, which tells whom private
 * authenticated variables belong to, is put into @certdb and not into @v. 0, or -EINVAL,
 * -ENOSPC (over quota), -ENOMEM with a text in @d.
 */
int store_flash_parse(const struct store_source *in, struct rts_vars *v,
		      struct store_text *certdb, struct diag *d);

/* What to write an image of. */
struct store_flash_new {
	const struct rts_vars_view *view;
	struct bytes base; /* an image whose layout and whose rest are kept; may be empty */
	const char *layout;  /* of a new image, also where @base has another; NULL: that of
				@base, or 4m */
	struct bytes certdb; /* nodes of variables that are there no more are left out */
};

/* Puts the image into @ret, in place of what it holds. 0, or -ENOSPC, -EINVAL, -ENOMEM with
 * a text in @d that begins with @label. */
int store_flash_write(const struct store_flash_new *w, const char *label,
		      struct store_text *ret, struct diag *d);

/* Whether the image keeps variables without times, and hence no authenticated ones. */
bool store_flash_is_plain(struct bytes image);

struct certdb_node {
	EFI_GUID guid;
	struct bytes name; /* UCS-2 without NUL, not aligned */
	struct bytes all;
};

/* The nodes of a certdb, one after the other; @rest is all of its value at first, and is
 * empty at the end. False: at the end, or malformed where *rest begins. */
bool certdb_first(struct bytes value, struct bytes *ret_rest);
bool certdb_next(struct bytes *rest, struct certdb_node *ret);
bool certdb_names(const struct certdb_node *node, const struct rts_var *var);
