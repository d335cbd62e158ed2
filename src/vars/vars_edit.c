/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host administrator's edits of a store, while no machine runs. They need no signature
 * and mind no phase, lock or policy, but what they leave behind has the form that a guest's
 * writes would have: nothing else could be loaded, or changed, again.
 */
#include "base/guid.h"
#include "base/ucs2.h"
#include "vars/vars_priv.h"
#include "vars/vars_siglist.h"

#include <stdlib.h>
#include <string.h>

static bool keys_well_formed(const struct rts_vars *v, enum own own,
			     const struct rts_var *var)
{
	const struct bytes data = {var->data, var->data_len};
	size_t count;

	return v->config.crypto != NULL &&
	       siglist_check(data, v->config.crypto->is_certificate, v->config.crypto_ctx,
			     &count) &&
	       (own != OWN_PK || count == 1);
}

static EFI_STATUS check(const struct rts_vars *v, const struct rts_var_edit *e)
{
	const struct rts_var *var = &e->var;
	enum own own;

	if (name_bytes(var->name, var->name_len) != var->name_len || var->name_len <= 2 ||
	    !ucs2_valid(var->name, var->name_len / 2))
		return EFI_INVALID_PARAMETER;
	if (e->remove)
		return EFI_SUCCESS;
	if (!attr_storable(var->attr) || (var->attr & ATTR_NV) == 0 || var->data_len == 0 ||
	    too_long(var->name_len, var->data_len))
		return EFI_INVALID_PARAMETER;
	own = own_variable(&var->guid, var->name, var->name_len);
	switch (own) {
	case OWN_COMPUTED:
		return EFI_WRITE_PROTECTED;
	case OWN_ENABLE:
	case OWN_CUSTOM:
		return var->attr == (ATTR_NV | ATTR_BS) && var->data_len == 1
			       ? EFI_SUCCESS
			       : EFI_INVALID_PARAMETER;
	case OWN_PK:
	case OWN_KEK:
	case OWN_DB:
		return var->attr == (ATTR_NV | ATTR_BS | ATTR_RT | ATTR_AT) &&
				       keys_well_formed(v, own, var)
			       ? EFI_SUCCESS
			       : EFI_INVALID_PARAMETER;
	default:
		return EFI_SUCCESS;
	}
}

static bool same_name(const struct rts_var *a, const struct rts_var *b)
{
	return a->name_len == b->name_len && guid_eq(&a->guid, &b->guid) &&
	       memcmp(a->name, b->name, a->name_len) == 0;
}

static EFI_STATUS add(struct rts_vars *v, const struct rts_var_edit *edits, size_t i,
		      struct change *ret)
{
	const struct rts_var_edit *e = &edits[i];
	EFI_STATUS status = check(v, e);

	if (EFI_ERROR(status))
		return status;
	for (size_t k = 0; k < i; k++)
		if (same_name(&e->var, &edits[k].var))
			return EFI_INVALID_PARAMETER;
	ret->old = table_find(v, &e->var.guid, e->var.name, e->var.name_len);
	if (ret->old != NULL && !ret->old->computed && (ret->old->var.attr & ATTR_NV) == 0)
		return EFI_ACCESS_DENIED; /* volatile: a machine's, and not the store's */
	if (e->remove)
		return ret->old != NULL && !ret->old->computed ? EFI_SUCCESS
							       : EFI_NOT_FOUND;
	ret->new = node_new(v, &e->var);
	return ret->new != NULL ? EFI_SUCCESS : EFI_OUT_OF_RESOURCES;
}

EFI_STATUS rts_vars_edit(struct rts_vars *v, const struct rts_var_edit *edits, size_t count,
			 size_t *ret_bad)
{
	struct change *changes = calloc(count + 1, sizeof *changes);
	EFI_STATUS status = changes != NULL ? EFI_SUCCESS : EFI_OUT_OF_RESOURCES;
	size_t bad = 0;

	for (size_t i = 0; !EFI_ERROR(status) && i < count; i++) {
		status = add(v, edits, i, &changes[i]);
		bad = i;
	}
	if (!EFI_ERROR(status) && count > 0) {
		bad = count;
		status = fits(v, changes, count);
		if (!EFI_ERROR(status))
			status = commit(v, changes, count, RTS_VARS_DURABLE);
	}
	if (EFI_ERROR(status)) {
		for (size_t i = 0; changes != NULL && i < count; i++)
			free(changes[i].new);
		*ret_bad = bad;
	}
	free(changes);
	return status;
}
