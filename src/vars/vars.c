/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The variable service but for SetVariable: life, loading, reading, phases
 * (UEFI 2.10 §8.2.1, §8.2.2, §8.2.4 as edk2 answers them).
 */
#include "base/guid.h"
#include "base/ucs2.h"
#include "vars/vars_priv.h"

#include <stdlib.h>
#include <string.h>

EFI_STATUS rts_vars_new(const struct rts_vars_config *config, struct rts_vars **ret)
{
	struct rts_vars *v = calloc(1, sizeof *v);

	if (v == NULL)
		return EFI_OUT_OF_RESOURCES;
	v->config = *config;
	if (v->config.quota_nv == 0)
		v->config.quota_nv = RTS_VARS_QUOTA;
	if (v->config.quota_volatile == 0)
		v->config.quota_volatile = RTS_VARS_QUOTA;
	v->current.vars = v;
	if (EFI_ERROR(table_reserve(v, 1))) {
		free(v);
		return EFI_OUT_OF_RESOURCES;
	}
	*ret = v;
	return EFI_SUCCESS;
}

void rts_vars_free(struct rts_vars *v)
{
	if (v == NULL)
		return;
	import_free(v);
	policies_free(v);
	while (v->head != NULL)
		table_apply(v, &(struct change){.old = v->head});
	free(v->buckets);
	free(v);
}

uint32_t name_bytes(const CHAR16 *name, uint64_t name_len)
{
	size_t max = name_len > MM_BUFFER_MAX ? MM_BUFFER_MAX / 2 : (size_t)name_len / 2;
	size_t n = ucs2_len(name, max);

	return n == max ? 0 : (uint32_t)(n + 1) * 2;
}

bool too_long(uint32_t name_len, uint64_t data_len)
{
	return data_len > MM_VARIABLE_NAME_DATA_MAX ||
	       name_len > MM_VARIABLE_NAME_DATA_MAX - (uint32_t)data_len;
}

bool attr_storable(uint32_t attr)
{
	return (attr & ~(ATTR_NV | ATTR_BS | ATTR_RT | ATTR_HR | ATTR_AT)) == 0 &&
	       (attr & ATTR_BS) != 0;
}

EFI_STATUS rts_vars_load(struct rts_vars *v, const struct rts_var *var)
{
	struct change c = {0};
	EFI_STATUS status;

	if (name_bytes(var->name, var->name_len) != var->name_len || var->name_len < 4 ||
	    !ucs2_valid(var->name, var->name_len / 2) || !attr_storable(var->attr) ||
	    too_long(var->name_len, var->data_len) ||
	    (var->data == NULL && var->data_len > 0) ||
	    own_variable(&var->guid, var->name, var->name_len) == OWN_COMPUTED)
		return EFI_INVALID_PARAMETER;
	if (table_find(v, &var->guid, var->name, var->name_len) != NULL)
		return EFI_ALREADY_STARTED;
	c.new = node_new(v, var);
	status = c.new != NULL ? table_reserve(v, 1) : EFI_OUT_OF_RESOURCES;
	/* Records that are there stay, also where no new ones are taken. */
	if (!EFI_ERROR(status) &&
	    ((var->attr & ATTR_HR) == 0 || v->config.quota_hw_error != 0))
		status = fits(v, &c, 1);
	if (EFI_ERROR(status))
		free(c.new);
	else
		table_apply(v, &c);
	return status;
}

void rts_vars_load_phase(struct rts_vars *v, const struct rts_vars_phase *phase)
{
	v->phase = *phase;
}

void rts_vars_load_latches(struct rts_vars *v, const struct rts_vars_latches *latches)
{
	v->latches = *latches;
}

EFI_STATUS rts_vars_start(struct rts_vars *v)
{
	return modes_compute(v);
}

static struct verdict get(const struct rts_vars *v, const CHAR16 *name, uint32_t len,
			  const EFI_GUID *guid, uint32_t *ret_attr, uint64_t *data_len,
			  void *data)
{
	const struct node *n;
	uint64_t room = *data_len;

	if (len == 0)
		return NO(EFI_INVALID_PARAMETER, "the name does not end (UEFI 2.10 8.2.1)");
	if (len == 2) /* edk2: an empty name is a variable that is not there */
		return NO(EFI_NOT_FOUND, "no name (UEFI 2.10 8.2.1)");
	n = table_find(v, guid, name, len);
	if (n == NULL)
		return NO(EFI_NOT_FOUND, "no such variable (UEFI 2.10 8.2.1)");
	if (!visible(v, n))
		return NO(EFI_NOT_FOUND,
			  "a boot services variable, at run time (UEFI 2.10 8.2.1)");
	*data_len = n->var.data_len;
	*ret_attr = n->var.attr;
	if (room < n->var.data_len)
		return NO(EFI_BUFFER_TOO_SMALL, "longer than the buffer (UEFI 2.10 8.2.1)");
	if (data == NULL)
		return NO(EFI_INVALID_PARAMETER, "no buffer (UEFI 2.10 8.2.1)");
	memcpy(data, n->var.data, n->var.data_len);
	return DONE("done");
}

EFI_STATUS rts_vars_get(const struct rts_vars *v, const CHAR16 *name, size_t name_len,
			const EFI_GUID *guid, uint32_t *ret_attr, uint64_t *data_len,
			void *data)
{
	const uint32_t len = name_bytes(name, name_len);

	return vars_answer(v, guid, name, len, "GetVariable",
			   get(v, name, len, guid, ret_attr, data_len, data));
}

static struct verdict get_next(const struct rts_vars *v, CHAR16 *name, uint64_t *name_len,
			       EFI_GUID *guid, uint32_t len)
{
	const struct node *n;

	if (len == 0)
		return NO(EFI_INVALID_PARAMETER, "the name does not end (UEFI 2.10 8.2.2)");
	if (len == 2) {
		n = v->phase.runtime ? v->rt_head : v->head;
	} else {
		n = table_find(v, guid, name, len);
		if (n == NULL || !visible(v, n))
			return NO(EFI_INVALID_PARAMETER,
				  "not the name of a variable (UEFI 2.10 8.2.2)");
		n = v->phase.runtime ? n->rt_next : n->next;
	}
	if (n == NULL)
		return NO(EFI_NOT_FOUND, "the last one (UEFI 2.10 8.2.2)");
	if (*name_len < n->var.name_len) {
		*name_len = n->var.name_len;
		return NO(EFI_BUFFER_TOO_SMALL,
			  "the next name is longer than the buffer (UEFI 2.10 8.2.2)");
	}
	*name_len = n->var.name_len;
	*guid = n->var.guid;
	memcpy(name, n->var.name, n->var.name_len);
	return DONE("the next one");
}

EFI_STATUS rts_vars_get_next(const struct rts_vars *v, CHAR16 *name, uint64_t *name_len,
			     EFI_GUID *guid)
{
	const uint32_t len = name_bytes(name, *name_len);
	const struct verdict verdict = get_next(v, name, name_len, guid, len);

	return vars_answer(v, guid, name,
			   verdict.status == EFI_SUCCESS ? (uint32_t)*name_len : len,
			   "GetNextVariableName", verdict);
}

static struct verdict query(const struct rts_vars *v, uint32_t attr, uint64_t *ret_max,
			    uint64_t *ret_remaining, uint64_t *ret_max_variable)
{
	const bool nv = (attr & ATTR_NV) != 0, hr = (attr & ATTR_HR) != 0;
	const uint64_t max = hr   ? v->config.quota_hw_error
			     : nv ? v->config.quota_nv
				  : v->config.quota_volatile;
	const uint64_t used = hr ? v->used_hw_error : nv ? v->used_nv : v->used_volatile;
	const uint64_t left = max > used ? max - used : 0;
	const uint64_t largest = left > RTS_VARS_OVERHEAD ? left - RTS_VARS_OVERHEAD : 0;

	/* edk2's order */
	if (attr == 0)
		return NO(EFI_INVALID_PARAMETER, "no attributes (UEFI 2.10 8.2.4)");
	if (attr & ATTR_AW)
		return NO(EFI_UNSUPPORTED,
			  "AUTHENTICATED_WRITE_ACCESS is deprecated (UEFI 2.10 8.2.3)");
	if ((attr & ATTR_ALL) == 0)
		return NO(EFI_UNSUPPORTED, "reserved attribute bits (UEFI 2.10 8.2.4)");
	if ((attr & ATTR_ALL) == ATTR_NV || (attr & (ATTR_RT | ATTR_BS)) == ATTR_RT)
		return NO(EFI_INVALID_PARAMETER, "no BOOTSERVICE_ACCESS (UEFI 2.10 8.2.4)");
	if (v->phase.runtime && (attr & ATTR_RT) == 0)
		return NO(EFI_INVALID_PARAMETER,
			  "boot services variables, at run time (UEFI 2.10 8.2.4)");
	if ((attr & (ATTR_NV | ATTR_HR)) == ATTR_HR)
		return NO(EFI_INVALID_PARAMETER,
			  "volatile hardware error records (UEFI 2.10 8.2.4)");
	if (hr && max == 0)
		return NO(EFI_UNSUPPORTED,
			  "no storage for hardware error records (UEFI 2.10 8.2.4)");
	*ret_max = max;
	*ret_remaining = left;
	*ret_max_variable =
		largest < MM_VARIABLE_NAME_DATA_MAX ? largest : MM_VARIABLE_NAME_DATA_MAX;
	return DONE("done");
}

EFI_STATUS rts_vars_query(const struct rts_vars *v, uint32_t attr, uint64_t *ret_max,
			  uint64_t *ret_remaining, uint64_t *ret_max_variable)
{
	return vars_answer(v, NULL, NULL, 0, "QueryVariableInfo",
			   query(v, attr, ret_max, ret_remaining, ret_max_variable));
}

/* Takes @next as the phase, and has the store keep it. A phase is a latch: where the store
 * cannot, it holds in memory all the same, the caller is told, and every later change tries
 * again. */
static EFI_STATUS advance(struct rts_vars *v, const char *what, struct rts_vars_phase next)
{
	EFI_STATUS first = EFI_SUCCESS, status;

	if (memcmp(&next, &v->phase, sizeof next) == 0 && !v->run_unsaved)
		return vars_answer(v, NULL, NULL, 0, what, DONE("that was known"));
	if (next.end_of_dxe && !v->phase.end_of_dxe)
		first = mor_begin(v);
	v->phase = next;
	status = commit(v, NULL, 0, RTS_VARS_RUN);
	v->run_unsaved = EFI_ERROR(status);
	if (!EFI_ERROR(status))
		status = first;
	return vars_answer(v, NULL, NULL, 0, what,
			   EFI_ERROR(status)
				   ? NO(status, "it holds, but the store could not keep it "
						"(PI 1.8 vol 2 5.1)")
				   : DONE("done"));
}

EFI_STATUS rts_vars_end_of_dxe(struct rts_vars *v)
{
	struct rts_vars_phase next = v->phase;

	next.end_of_dxe = true;
	return advance(v, "EndOfDxe", next);
}

EFI_STATUS rts_vars_ready_to_boot(struct rts_vars *v)
{
	struct rts_vars_phase next = v->phase;

	if (v->phase.runtime)
		return vars_answer(v, NULL, NULL, 0, "ReadyToBoot",
				   NO(EFI_UNSUPPORTED,
				      "ExitBootServices has passed (PI 1.8 vol 2 5.1)"));
	import_free(v);
	next.end_of_dxe = next.ready_to_boot = true;
	return advance(v, "ReadyToBoot", next);
}

EFI_STATUS rts_vars_exit_boot_services(struct rts_vars *v)
{
	struct rts_vars_phase next = {true, true, true};

	import_free(v);
	return advance(v, "ExitBootServices", next);
}

EFI_STATUS rts_vars_reset(struct rts_vars *v)
{
	const struct rts_vars_view view = {.vars = v, .reset = true};
	EFI_STATUS status = EFI_SUCCESS;

	/* The machine has been reset whether or not the store can say so. */
	if (v->config.store != NULL)
		status = v->config.store->commit(v->config.store_ctx, &view, RTS_VARS_RUN);
	v->run_unsaved = EFI_ERROR(status);
	import_free(v);
	policies_free(v);
	for (struct node *n = v->head, *next; n != NULL; n = next) {
		next = n->next;
		if ((n->var.attr & ATTR_NV) == 0)
			table_apply(v, &(struct change){.old = n});
	}
	v->phase = (struct rts_vars_phase){0};
	v->latches = (struct rts_vars_latches){0};
	if (!EFI_ERROR(status))
		status = modes_compute(v);
	else
		(void)modes_compute(v);
	return status;
}

struct rts_vars_phase rts_vars_phase(const struct rts_vars *v)
{
	return v->phase;
}

uint64_t rts_vars_commits(const struct rts_vars *v)
{
	return v->commits;
}

const struct rts_vars_view *rts_vars_current(const struct rts_vars *v)
{
	return &v->current;
}
