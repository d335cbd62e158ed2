/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes of variables that are not a guest's. */
#pragma once

#include "runtserv/vars.h"

/*
 * The host administrator's edits of non-volatile variables, in one commit: not bound by
 * signatures, phases, locks and policies, but by form. EFI_INVALID_PARAMETER: what
 * SetVariable could not have stored, keys that are no signature lists, the same name twice;
 * EFI_WRITE_PROTECTED: computed by the service; EFI_NOT_FOUND: nothing to remove;
 * EFI_OUT_OF_RESOURCES: over quota, or no memory; else the store's status. All or nothing.
 * SetupMode and its like are computed anew at the next start.
 */
struct rts_var_edit {
	struct rts_var var; /* name and GUID only, where it is to go */
	bool remove;
};

/* @ret_bad, with an error: which edit is wrong, or @count where it is none of them. */
EFI_STATUS rts_vars_edit(struct rts_vars *v, const struct rts_var_edit *edits, size_t count,
			 size_t *ret_bad);
