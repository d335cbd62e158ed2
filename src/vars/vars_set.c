/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SetVariable (UEFI 2.10 §8.2.3): its checks in edk2's order, then the change, in one
 * commit with what follows from it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/ucs2.h"
#include "vars/vars_priv.h"
#include "vars/vars_siglist.h"

/* The arguments by themselves, before any variable is looked at. */
static struct verdict check_arguments(struct rts_vars *v, struct request *r)
{
	const uint32_t attr = r->attr;

	if (r->name_len <= 2)
		return NO(EFI_INVALID_PARAMETER, "no name (UEFI 2.10 8.2.3)");
	if (r->data.p == NULL && r->data.n != 0)
		return NO(EFI_INVALID_PARAMETER, "no data (UEFI 2.10 8.2.3)");
	if (!ucs2_valid(r->name, r->name_len / 2))
		return NO(EFI_INVALID_PARAMETER,
			  "the name has a surrogate, which is not UCS-2 (UEFI 2.10 2.3.1)");
	if ((attr & ~ATTR_ALL) != 0)
		return NO(EFI_INVALID_PARAMETER,
			  "reserved attribute bits (UEFI 2.10 8.2.3)");
	if ((attr & (ATTR_RT | ATTR_BS)) == ATTR_RT || (attr & ATTR_ALL) == ATTR_NV)
		return NO(attr & ATTR_AW ? EFI_UNSUPPORTED : EFI_INVALID_PARAMETER,
			  "no BOOTSERVICE_ACCESS (UEFI 2.10 8.2.3)");
	if ((attr & (ATTR_AT | ATTR_AW)) == 0 && (attr & ATTR_HR) != 0 &&
	    v->config.quota_hw_error == 0)
		return NO(EFI_INVALID_PARAMETER,
			  "no storage for hardware error records (UEFI 2.10 appendix P)");
	if (attr & ATTR_AW)
		return NO(EFI_UNSUPPORTED,
			  "AUTHENTICATED_WRITE_ACCESS is deprecated (UEFI 2.10 8.2.3)");
	return GO_ON;
}

static struct verdict check_length(struct rts_vars *v, struct request *r)
{
	(void)v;
	if (too_long(r->name_len, r->payload.n))
		return NO(EFI_INVALID_PARAMETER,
			  "name and data are longer than 65460 bytes (UEFI 2.10 8.2.3)");
	return GO_ON;
}

static struct verdict check_existing(struct rts_vars *v, struct request *r)
{
	r->old = table_find(v, r->guid, r->name, r->name_len);
	if (r->old == NULL)
		return GO_ON;
	if (!visible(v, r->old))
		return NO(EFI_WRITE_PROTECTED,
			  "a boot services variable, at run time (UEFI 2.10 8.2.3)");
	if (r->attr != 0 && (r->attr & ~ATTR_APPEND) != r->old->var.attr)
		return NO(EFI_INVALID_PARAMETER,
			  "other attributes than the existing variable (UEFI 2.10 8.2.3)");
	return GO_ON;
}

/* What the phase allows, and whether there is anything to do. */
static struct verdict check_update(struct rts_vars *v, struct request *r)
{
	const struct node *old = r->old;

	if (old == NULL) {
		if (is_append(r) && r->payload.n == 0)
			return DONE("nothing appended to nothing");
		if (is_delete(r))
			return NO(EFI_NOT_FOUND, "nothing to delete (UEFI 2.10 8.2.3)");
		if (v->phase.runtime &&
		    (r->attr & (ATTR_RT | ATTR_NV)) != (ATTR_RT | ATTR_NV))
			return NO(EFI_INVALID_PARAMETER,
				  "only non-volatile runtime variables can be created at "
				  "run time (UEFI 2.10 8.2.3)");
		return GO_ON;
	}
	if (v->phase.runtime && (old->var.attr & ATTR_NV) == 0)
		return NO(EFI_WRITE_PROTECTED,
			  "volatile variables are read-only at run time (UEFI 2.10 8.2.3)");
	return GO_ON;
}

/* Old data and new behind each other, but for signatures that are there already. */
static struct verdict merge(const struct request *r, struct rts_var *new, uint8_t **ret)
{
	const struct rts_var *old = &r->old->var;
	uint8_t *all = malloc(old->data_len + r->payload.n + 1), *end;
	size_t more = r->payload.n;

	*ret = all;
	if (all == NULL)
		return NO(EFI_OUT_OF_RESOURCES, "no memory (UEFI 2.10 8.2.3)");
	memcpy(all, old->data, old->data_len);
	end = all + old->data_len;
	if (r->own != OWN_KEK && r->own != OWN_DB)
		memcpy(end, r->payload.p, more);
	else if (!siglist_filter((struct bytes){old->data, old->data_len}, r->payload, end,
				 &more))
		return NO(EFI_INVALID_PARAMETER,
			  "the signature lists that are there are malformed "
			  "(UEFI 2.10 32.4.1)");
	if (too_long(r->name_len, old->data_len + more))
		return NO(EFI_INVALID_PARAMETER,
			  "name and appended data are longer than 65460 bytes "
			  "(UEFI 2.10 8.2.3)");
	new->data = all;
	new->data_len = old->data_len + (uint32_t)more;
	if (auth_is_later(&old->time, &new->time))
		new->time = old->time;
	return GO_ON;
}

/* What the variable becomes. */
static struct verdict build(struct rts_vars *v, struct request *r)
{
	struct rts_var new = {.guid = *r->guid,
			      .attr = r->attr & ~ATTR_APPEND,
			      .name = r->name,
			      .name_len = r->name_len,
			      .data = r->payload.p,
			      .data_len = (uint32_t)r->payload.n,
			      .time = r->time,
			      .has_digest = r->has_digest};
	struct verdict verdict = GO_ON;
	uint8_t *merged = NULL;

	r->changes[0] = (struct change){.old = r->old};
	r->change_count = 1;
	if (is_delete(r))
		return GO_ON;
	memcpy(new.digest, r->digest, sizeof new.digest);
	if (r->old != NULL && is_append(r))
		verdict = merge(r, &new, &merged);
	if (verdict.why == NULL) {
		r->changes[0].new = node_new(v, &new);
		if (r->changes[0].new == NULL)
			verdict = NO(EFI_OUT_OF_RESOURCES, "no memory (UEFI 2.10 8.2.3)");
	}
	free(merged);
	return verdict;
}

/* Nothing is written where nothing would change; of a signed variable the time does. */
static struct verdict check_same(struct rts_vars *v, struct request *r)
{
	const struct node *old = r->changes[0].old, *new = r->changes[0].new;

	(void)v;
	if (r->change_count == 1 && old != NULL && new != NULL &&
	    (r->attr & ATTR_AT) == 0 && old->var.data_len == new->var.data_len &&
	    memcmp(old->var.data, new->var.data, old->var.data_len) == 0)
		return DONE("the same as before");
	return GO_ON;
}

static struct verdict check_quota(struct rts_vars *v, struct request *r)
{
	if (EFI_ERROR(fits(v, r->changes, r->change_count)))
		return NO(EFI_OUT_OF_RESOURCES,
			  "the store is full (UEFI 2.10 8.2.3, see --quota)");
	return GO_ON;
}

/* All of it becomes visible together, or nothing. */
static struct verdict make_changes(struct rts_vars *v, struct request *r)
{
	const struct rts_vars_latches before = v->latches;
	unsigned parts = 0;
	EFI_STATUS status;

	for (size_t i = 0; i < r->change_count; i++) {
		const struct change *c = &r->changes[i];
		const struct node *n = c->new != NULL ? c->new : c->old;

		if ((n->var.attr & ATTR_NV) != 0)
			parts |= RTS_VARS_DURABLE;
		else if (!n->computed)
			parts |= RTS_VARS_RUN;
	}
	if (r->has_latches) {
		v->latches = r->latches;
		parts |= RTS_VARS_RUN;
	}
	status = commit(v, r->changes, r->change_count, parts);
	if (EFI_ERROR(status)) {
		v->latches = before;
		return NO(status, "the store could not keep the change (UEFI 2.10 8.2.3)");
	}
	r->change_count = 0; /* the table owns them now */
	return DONE("done");
}

/* In the order of edk2's VariableServiceSetVariable(). The first that does not go on has
 * answered. */
static struct verdict (*const steps[])(struct rts_vars *v, struct request *r) = {
	check_arguments,
	auth_descriptor,
	check_length,
	mor_check,
	/* VarCheck */
	modes_properties,
	check_property,
	policy_check,
	check_defined,

	check_existing,
	lang_check,
	/* AuthVariableLib */
	modes_presence,
	auth_check,
	modes_forced,
	/* UpdateVariable */
	check_update,
	build,
	modes_follow,
	lang_follow,
	check_same,
	check_quota,
	make_changes,
};

EFI_STATUS rts_vars_set(struct rts_vars *v, const CHAR16 *name, size_t name_len,
			const EFI_GUID *guid, uint32_t attr, const void *data,
			uint64_t data_len)
{
	struct request r = {.guid = guid,
			    .name = name,
			    .name_len = name_bytes(name, name_len),
			    .attr = attr,
			    .data = {data, data_len}};
	struct verdict verdict = GO_ON;

	for (size_t i = 0; verdict.why == NULL && i < sizeof steps / sizeof *steps; i++)
		verdict = steps[i](v, &r);
	for (size_t i = 0; i < r.change_count; i++)
		free(r.changes[i].new);
	return vars_answer(v, guid, name, r.name_len, "SetVariable", verdict);
}
