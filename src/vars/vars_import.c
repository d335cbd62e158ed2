/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Variables that existed before the service did: staged one by one, made visible in one
 * commit, so that a store is either empty or holds all of them.
 */
#include "base/diag.h"
#include "base/guid.h"
#include "base/ucs2.h"
#include "vars/vars_priv.h"

#include <stdlib.h>
#include <string.h>

#define SPEC " (doc/guest-protocol.md)"

void import_free(struct rts_vars *v)
{
	for (size_t i = 0; i < v->import.count; i++)
		free(v->import.staged[i].new);
	free(v->import.staged);
	v->import.staged = NULL;
	v->import.count = v->import.cap = 0;
	v->import.open = v->import.wants_nv = false;
}

EFI_STATUS rts_vars_import_begin(struct rts_vars *v)
{
	if (v->phase.ready_to_boot)
		return EFI_ACCESS_DENIED;
	import_free(v);
	v->import.open = true;
	v->import.wants_nv = v->used_nv == 0;
	return EFI_SUCCESS;
}

bool rts_vars_import_wants_nv(const struct rts_vars *v)
{
	return v->import.wants_nv;
}

static EFI_STATUS check(const struct rts_vars *v, const struct rts_var *var)
{
	enum own own;

	if (!v->import.open || v->phase.ready_to_boot)
		return EFI_ACCESS_DENIED;
	if (var->name_len <= 2 || !ucs2_valid(var->name, var->name_len / 2))
		return EFI_INVALID_PARAMETER;
	own = own_variable(&var->guid, var->name, var->name_len);
	if (own != OWN_NONE && own < OWN_PK)
		return EFI_WRITE_PROTECTED;
	if (own != OWN_NONE || (var->attr & ATTR_AT) != 0)
		return EFI_SECURITY_VIOLATION;
	if (!attr_storable(var->attr) || (var->attr & ATTR_HR) != 0 || var->data_len == 0 ||
	    var->data == NULL || too_long(var->name_len, var->data_len))
		return EFI_INVALID_PARAMETER;
	if (table_find(v, &var->guid, var->name, var->name_len) != NULL)
		return EFI_ALREADY_STARTED;
	if ((var->attr & ATTR_NV) != 0 && !v->import.wants_nv)
		return EFI_ACCESS_DENIED;
	if (v->phase.end_of_dxe && policy_locks(v, &var->guid, var->name))
		return EFI_WRITE_PROTECTED;
	return EFI_SUCCESS;
}

static EFI_STATUS stage(struct rts_vars *v, const struct rts_var *var)
{
	EFI_STATUS status = check(v, var);
	struct node *n;

	if (EFI_ERROR(status))
		return status;
	for (size_t i = 0; i < v->import.count; i++) {
		const struct rts_var *staged = &v->import.staged[i].new->var;

		if (staged->name_len == var->name_len &&
		    guid_eq(&staged->guid, &var->guid) &&
		    memcmp(staged->name, var->name, var->name_len) == 0)
			return EFI_ALREADY_STARTED;
	}
	if (v->import.count == v->import.cap) {
		size_t cap = v->import.cap > 0 ? v->import.cap * 2 : 64;
		struct change *more = realloc(v->import.staged, cap * sizeof *more);

		if (more == NULL)
			return EFI_OUT_OF_RESOURCES;
		v->import.staged = more;
		v->import.cap = cap;
	}
	n = node_new(v, var);
	if (n == NULL)
		return EFI_OUT_OF_RESOURCES;
	v->import.staged[v->import.count++] = (struct change){.new = n};
	status = fits(v, v->import.staged, v->import.count);
	if (EFI_ERROR(status)) {
		free(n);
		v->import.count--;
	}
	return status;
}

EFI_STATUS rts_vars_import_add(struct rts_vars *v, const struct rts_var *var)
{
	struct rts_var copy = *var;
	enum rts_log level = RTS_LOG_DEBUG;
	const char *why = "staged";
	EFI_STATUS status;

	copy.name_len = name_bytes(var->name, var->name_len);
	copy.time = (EFI_TIME){0};
	copy.has_digest = false;
	status = stage(v, &copy);
	switch (status) {
	case EFI_SUCCESS:
		break;
	case EFI_ACCESS_DENIED: /* what every boot brings along and nobody misses */
		why = "not now, or not into a store that has variables" SPEC;
		break;
	case EFI_ALREADY_STARTED:
		why = "it exists" SPEC;
		break;
	case EFI_WRITE_PROTECTED:
		why = "the service's own, or locked" SPEC;
		break;
	case EFI_SECURITY_VIOLATION:
		level = RTS_LOG_WARNING;
		why = "authenticated variables are not imported over the wire; use "
		      "'runtserv vars convert'" SPEC;
		break;
	case EFI_OUT_OF_RESOURCES:
		level = RTS_LOG_WARNING;
		why = "no room, see --quota" SPEC;
		break;
	default:
		level = RTS_LOG_WARNING;
		why = "not what SetVariable could have made" SPEC;
	}
	vars_log(v, level, &copy.guid, var->name, copy.name_len, "import", status, why);
	return status;
}

/* What SetVariable made since it was staged keeps its value. */
static void drop_existing(struct rts_vars *v)
{
	size_t kept = 0;

	for (size_t i = 0; i < v->import.count; i++) {
		struct node *n = v->import.staged[i].new;

		if (table_find(v, &n->var.guid, n->var.name, n->var.name_len) != NULL)
			free(n);
		else
			v->import.staged[kept++].new = n;
	}
	v->import.count = kept;
}

EFI_STATUS rts_vars_import_end(struct rts_vars *v)
{
	size_t nv = 0, count;
	unsigned parts = 0;
	EFI_STATUS status;

	if (!v->import.open || v->phase.ready_to_boot)
		return rts_vars_say(v, "end of the import", EFI_ACCESS_DENIED,
				    "none was begun, or too late" SPEC);
	drop_existing(v);
	count = v->import.count;
	for (size_t i = 0; i < count; i++) {
		bool is_nv = (v->import.staged[i].new->var.attr &ATTR_NV) != 0;

		nv += is_nv;
		parts |= is_nv ? RTS_VARS_DURABLE : RTS_VARS_RUN;
	}
	status = fits(v, v->import.staged, count);
	if (!EFI_ERROR(status))
		status = commit(v, v->import.staged, count, parts);
	if (!EFI_ERROR(status)) {
		if (v->config.log != NULL && v->config.log_level >= RTS_LOG_INFO) {
			struct diag line = {0};

			diag_set(&line,
				 "imported %zu non-volatile and %zu volatile variables", nv,
				 count - nv);
			v->config.log(v->config.log_ctx, RTS_LOG_INFO, line.text);
		}
		v->import.count = 0; /* the table owns them now */
	} else {
		(void)rts_vars_say(v, "end of the import", status,
				   "none of it is there" SPEC);
	}
	import_free(v);
	return status;
}
