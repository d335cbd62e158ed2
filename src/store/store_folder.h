/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Within this room: a folder laid out like Linux's efivarfs. In memory it is a listing: of
 * each file, in the order of names, the lengths of its name and its content, and these.
 */
#pragma once

#include "store/store_json.h"

/* 0 or -errno (-EINVAL: something in there is no file; -EFBIG; with a text). An absent
 * folder: -ENOENT, without one. */
int store_folder_read(int dir, const char *name, const char *label, struct store_text *ret,
		      struct diag *d);

/* Loads all variables of a listing; those that the service computes are left out. As
 * store_json_parse(). */
int store_folder_parse(const struct store_source *in, struct rts_vars *v, struct diag *d);

/* Whether a variable's name can be one of a file. */
bool store_folder_can_name(const struct rts_var *var);

/* Puts the listing of all variables into @ret, in place of what it holds. 0, or -EINVAL,
 * -ENOMEM with a text in @d. */
int store_folder_write(const struct rts_vars_view *view, const char *label,
		       struct store_text *ret, struct diag *d);

/* Makes the folder @name what @new says, at one instant where the file system can swap two
 * folders; else file by file, new values before old files go. @old is what is there; NULL:
 * nothing. As os_file_replace(), always durable. */
int store_folder_replace(int dir, const char *name, const struct store_text *old,
			 const struct store_text *new, bool *ret_renamed, struct diag *d);

/* Removes a folder and the files in it. 0, also where there is none, or -errno. */
int store_folder_remove(int dir, const char *name);
