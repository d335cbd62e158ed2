/* SPDX-License-Identifier: BSD-2-Clause */
/* Giving up what a running daemon does not need: new privileges, and every file but its
 * own. */
#pragma once

#include <stddef.h>

#include "base/diag.h"

enum os_sandbox_mode { OS_SANDBOX_AUTO, OS_SANDBOX_ON, OS_SANDBOX_LOG, OS_SANDBOX_OFF };

enum os_sandbox_use {
	OS_SANDBOX_STORE,  /* files in this folder: read, write, create, rename, remove */
	OS_SANDBOX_UNLINK, /* remove what we made in this folder */
	OS_SANDBOX_READ,   /* read beneath it */
};

struct os_sandbox_path {
	const char *path;
	enum os_sandbox_use use;
};

/*
 * Confines this process to @paths, for good, as far as the kernel offers it. Descriptors
 * that are open stay usable.
 * @ret_missing: what this kernel does not confine, or an empty text. 0, or -errno with a
 * text in
 * @d: nothing was confined (-ENOSYS, -EOPNOTSUPP: the kernel has no Landlock).
 */
int os_sandbox(const struct os_sandbox_path *paths, size_t count, struct diag *d,
	       const char **ret_missing);
