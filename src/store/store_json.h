/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store's two texts, from and to memory: QEMU's uefi-vars JSON, version 2 (non-volatile
 * variables), and our own STORE.run (phase, locks, volatile variables).
 */
#pragma once

#include "base/diag.h"
#include "runtserv/vars.h"
#include "store/store_text.h"

#define STORE_FILE_MAX ((size_t)16 << 20) /* neither read nor written beyond */
#define STORE_BOOT_ID  36U                /* characters of a boot id */

struct store_source {
	const char *label; /* the file's name in messages */
	const char *text;
	size_t len;
	void (*log)(void *ctx, enum rts_log level, const char *text); /* may be NULL */
	void *log_ctx;
};

/*
 * Loads all variables of a text into @v; no text is an empty store. Reads three dialects:
 * QEMU's, with "timestamp" for "time" (python-uefivars), and the bare list of the
 * variables. 0, or -EINVAL, -ENOSPC (over quota), -ENOMEM with a text in @d, and @v is good
 * for nothing but rts_vars_free(). *ret_lossy: there are members that a rewrite would lose;
 * each has been logged.
 */
int store_json_parse(const struct store_source *in, struct rts_vars *v, bool *ret_lossy,
		     struct diag *d);

/* What rts_vars_load() had no room for: too small a quota for variables of @cost bytes, or
 * no memory. -ENOSPC or -ENOMEM with a text in @d. */
int store_over_quota(const char *label, const struct rts_vars *v, uint64_t cost,
		     struct diag *d);

/* Puts the non-volatile variables into @ret, in place of what it holds, byte for byte as
 * QEMU writes them. @past, an earlier text of the same service, or NULL: what has not
 * changed since is copied from there. 0 or -ENOMEM. */
int store_json_write(const struct rts_vars_view *view, const struct store_text *past,
		     struct store_text *ret);

/* Loads a STORE.run into @v when it is whole and of this boot of the host; otherwise says
 * in the log why not, and @v is untouched. 0 or -ENOMEM. */
int store_run_parse(const struct store_source *in, const char *boot_id, struct rts_vars *v,
		    bool *ret_taken, uint64_t *ret_written_ns);

int store_run_write(const struct rts_vars_view *view, const char *boot_id,
		    uint64_t written_ns, struct store_text *ret);
