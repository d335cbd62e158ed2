/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The variable service but for SetVariable: life, loading, reading, phases
 * (UEFI 2.10 §8.2.1, §8.2.2, §8.2.5 as edk2 answers them).
 */
#include "base/diag.h"
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

/* One line for the log: what was asked, of which variable, in which phase, and the answer
 * with its reason. Names are a stranger's text: control characters are written as '?'. */
void vars_log(const struct rts_vars *v, enum rts_log level, const EFI_GUID *guid,
	      const CHAR16 *name, uint32_t name_len, const char *what, EFI_STATUS status,
	      const char *why)
{
	static const struct {
		EFI_STATUS status;
		const char *name;
	} names[] = {
		{EFI_SUCCESS, "SUCCESS"},
		{EFI_INVALID_PARAMETER, "INVALID_PARAMETER"},
		{EFI_UNSUPPORTED, "UNSUPPORTED"},
		{EFI_DEVICE_ERROR, "DEVICE_ERROR"},
		{EFI_WRITE_PROTECTED, "WRITE_PROTECTED"},
		{EFI_OUT_OF_RESOURCES, "OUT_OF_RESOURCES"},
		{EFI_NOT_FOUND, "NOT_FOUND"},
		{EFI_ACCESS_DENIED, "ACCESS_DENIED"},
		{EFI_SECURITY_VIOLATION, "SECURITY_VIOLATION"},
		{EFI_ALREADY_STARTED, "ALREADY_STARTED"},
	};
	const char *status_name = "error";
	char text[100], guid_text[GUID_TEXT_LEN + 1];
	struct diag line = {0};
	size_t len;

	if (v->config.log == NULL || level > v->config.log_level)
		return;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].status == status)
			status_name = names[i].name;
	len = ucs2_to_utf8(name, name_len / 2, text, sizeof text);
	if (len >= sizeof text) { /* cut where a character begins */
		for (len = sizeof text - 1; len > 0 && (text[len] & 0xc0) == 0x80; len--)
			;
		text[len] = 0;
	}
	for (size_t i = 0; text[i] != 0; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = '?';
		else if ((unsigned char)text[i] == 0xc2 &&
			 (unsigned char)text[i + 1] < 0xa0)
			text[i] = text[i + 1] = '?'; /* U+0080 to U+009F */
	guid_to_text(guid, guid_text);
	diag_set(&line, "%s %s-%s (%s): %s: %s", what, text, guid_text,
		 v->phase.runtime      ? "run time"
		 : v->phase.end_of_dxe ? "boot, after EndOfDxe"
				       : "boot",
		 status_name, why);
	v->config.log(v->config.log_ctx, level, line.text);
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

EFI_STATUS rts_vars_get(const struct rts_vars *v, const CHAR16 *name, size_t name_len,
			const EFI_GUID *guid, uint32_t *ret_attr, uint64_t *data_len,
			void *data)
{
	const uint32_t len = name_bytes(name, name_len);
	const struct node *n;
	uint64_t room = *data_len;

	if (len == 0)
		return EFI_INVALID_PARAMETER;
	if (len == 2) /* edk2: an empty name is a variable that is not there */
		return EFI_NOT_FOUND;
	n = table_find(v, guid, name, len);
	if (n == NULL || !visible(v, n))
		return EFI_NOT_FOUND;
	*data_len = n->var.data_len;
	*ret_attr = n->var.attr;
	if (room < n->var.data_len)
		return EFI_BUFFER_TOO_SMALL;
	if (data == NULL)
		return EFI_INVALID_PARAMETER;
	memcpy(data, n->var.data, n->var.data_len);
	return EFI_SUCCESS;
}

EFI_STATUS rts_vars_get_next(const struct rts_vars *v, CHAR16 *name, uint64_t *name_len,
			     EFI_GUID *guid)
{
	const uint32_t len = name_bytes(name, *name_len);
	const struct node *n;

	if (len == 0)
		return EFI_INVALID_PARAMETER;
	if (len == 2) {
		n = v->phase.runtime ? v->rt_head : v->head;
	} else {
		n = table_find(v, guid, name, len);
		if (n == NULL || !visible(v, n))
			return EFI_INVALID_PARAMETER;
		n = v->phase.runtime ? n->rt_next : n->next;
	}
	if (n == NULL)
		return EFI_NOT_FOUND;
	if (*name_len < n->var.name_len) {
		*name_len = n->var.name_len;
		return EFI_BUFFER_TOO_SMALL;
	}
	*name_len = n->var.name_len;
	*guid = n->var.guid;
	memcpy(name, n->var.name, n->var.name_len);
	return EFI_SUCCESS;
}

EFI_STATUS rts_vars_query(const struct rts_vars *v, uint32_t attr, uint64_t *ret_max,
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
		return EFI_INVALID_PARAMETER;
	if (attr & ATTR_AW)
		return EFI_UNSUPPORTED;
	if ((attr & ATTR_ALL) == 0)
		return EFI_UNSUPPORTED;
	if ((attr & ATTR_ALL) == ATTR_NV || (attr & (ATTR_RT | ATTR_BS)) == ATTR_RT ||
	    (v->phase.runtime && (attr & ATTR_RT) == 0) ||
	    (attr & (ATTR_NV | ATTR_HR)) == ATTR_HR)
		return EFI_INVALID_PARAMETER;
	if (hr && max == 0)
		return EFI_UNSUPPORTED;
	*ret_max = max;
	*ret_remaining = left;
	*ret_max_variable =
		largest < MM_VARIABLE_NAME_DATA_MAX ? largest : MM_VARIABLE_NAME_DATA_MAX;
	return EFI_SUCCESS;
}

/* Takes @next as the phase, and has the store keep it. A phase is a latch: where the store
 * cannot, it holds in memory all the same, the caller is told, and every later change tries
 * again. */
static EFI_STATUS advance(struct rts_vars *v, struct rts_vars_phase next)
{
	EFI_STATUS first = EFI_SUCCESS, status;

	if (memcmp(&next, &v->phase, sizeof next) == 0 && !v->run_unsaved)
		return EFI_SUCCESS;
	if (next.end_of_dxe && !v->phase.end_of_dxe)
		first = mor_begin(v);
	v->phase = next;
	status = commit(v, NULL, 0, RTS_VARS_RUN);
	v->run_unsaved = EFI_ERROR(status);
	return EFI_ERROR(first) ? first : status;
}

EFI_STATUS rts_vars_end_of_dxe(struct rts_vars *v)
{
	struct rts_vars_phase next = v->phase;

	next.end_of_dxe = true;
	return advance(v, next);
}

EFI_STATUS rts_vars_ready_to_boot(struct rts_vars *v)
{
	struct rts_vars_phase next = v->phase;

	if (v->phase.runtime)
		return EFI_UNSUPPORTED;
	import_free(v);
	next.end_of_dxe = next.ready_to_boot = true;
	return advance(v, next);
}

EFI_STATUS rts_vars_exit_boot_services(struct rts_vars *v)
{
	struct rts_vars_phase next = {true, true, true};

	import_free(v);
	return advance(v, next);
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
