/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SetVariable (UEFI 2.10 §8.2.3), its checks in edk2's order. Authenticated writes are
 * refused: nothing is ever stored unverified.
 */
#include "base/ucs2.h"
#include "vars/vars_priv.h"

#include <stdlib.h>
#include <string.h>

struct request {
	const EFI_GUID *guid;
	const CHAR16 *name;
	uint32_t name_len;
	uint32_t attr;
	const uint8_t *data;
	uint64_t data_len;
};

/* What stands in the log beside a status. */
struct verdict {
	EFI_STATUS status;
	const char *why;
};

#define OK       ((struct verdict){EFI_SUCCESS, NULL})
#define NO(s, w) ((struct verdict){(s), (w)})

/* The arguments by themselves, before any variable is looked at. */
static struct verdict check_arguments(const struct request *r, uint64_t *ret_payload_len)
{
	EFI_VARIABLE_AUTHENTICATION_2_HEADER auth;
	const uint32_t attr = r->attr;

	if (r->name_len <= 2)
		return NO(EFI_INVALID_PARAMETER, "no name (UEFI 2.10 8.2.3)");
	if (r->data == NULL && r->data_len != 0)
		return NO(EFI_INVALID_PARAMETER, "no data");
	if (!ucs2_valid(r->name, r->name_len / 2))
		return NO(EFI_INVALID_PARAMETER,
			  "the name has a surrogate, which is not UCS-2");
	if ((attr & ~ATTR_ALL) != 0)
		return NO(EFI_INVALID_PARAMETER, "reserved attribute bits");
	if ((attr & (ATTR_RT | ATTR_BS)) == ATTR_RT || (attr & ATTR_ALL) == ATTR_NV)
		return NO(attr & ATTR_AW ? EFI_UNSUPPORTED : EFI_INVALID_PARAMETER,
			  "no BOOTSERVICE_ACCESS (UEFI 2.10 8.2.3)");
	if ((attr & (ATTR_AT | ATTR_AW)) == 0 && (attr & ATTR_HR) != 0)
		return NO(EFI_INVALID_PARAMETER, "no storage for hardware error records");
	if (attr & ATTR_AW)
		return NO(EFI_UNSUPPORTED, "AUTHENTICATED_WRITE_ACCESS is deprecated");
	*ret_payload_len = r->data_len;
	if (attr & ATTR_AT) {
		const size_t head =
			offsetof(EFI_VARIABLE_AUTHENTICATION_2_HEADER, AuthInfo);

		if (r->data_len < sizeof auth)
			return NO(EFI_SECURITY_VIOLATION, "no authentication descriptor");
		memcpy(&auth, r->data, sizeof auth);
		if (auth.AuthInfo.dwLength > r->data_len - head ||
		    auth.AuthInfo.dwLength < sizeof auth - head)
			return NO(EFI_SECURITY_VIOLATION,
				  "authentication descriptor of a wrong length");
		*ret_payload_len = r->data_len - head - auth.AuthInfo.dwLength;
	}
	if (too_long(r->name_len, *ret_payload_len))
		return NO(EFI_INVALID_PARAMETER,
			  "name and data are longer than 65460 bytes");
	return OK;
}

/* What this service keeps from being written, and the variable that is there (edk2's steps
 * 9, 10, 12). */
static struct verdict check_access(const struct rts_vars *v, const struct request *r,
				   const struct node *old)
{
	const uint32_t attr = r->attr & ~ATTR_APPEND;
	const enum own own = own_variable(r->guid, r->name, r->name_len);

	if (own == OWN_COMPUTED || own == OWN_PRIVATE)
		return NO(EFI_WRITE_PROTECTED,
			  "read-only: the firmware's own (UEFI 2.10 3.3)");
	if (v->phase.end_of_dxe && locked(v, r->guid, r->name, r->name_len))
		return NO(EFI_WRITE_PROTECTED,
			  "locked by the firmware until the next reset");
	if (old != NULL && !visible(v, old))
		return NO(EFI_WRITE_PROTECTED, "a boot services variable, at run time");
	if (old != NULL && r->attr != 0 && attr != old->var.attr)
		return NO(EFI_INVALID_PARAMETER,
			  "other attributes than the existing variable");
	if (own == OWN_SECUREBOOT && (attr & (ATTR_NV | ATTR_AT)) != (ATTR_NV | ATTR_AT))
		return NO(EFI_INVALID_PARAMETER,
			  "a secure boot variable without NV and AT attributes");
	if (own == OWN_PRESENCE)
		return NO(EFI_SECURITY_VIOLATION, "needs a physically present user");
	if (attr & ATTR_AT)
		return NO(EFI_SECURITY_VIOLATION,
			  "authenticated writes cannot be verified by this version");
	if (old != NULL && (old->var.attr & ATTR_AT) != 0)
		return NO(EFI_WRITE_PROTECTED,
			  "an authenticated variable, written without signature");
	return OK;
}

/* edk2's UpdateVariable: builds the change. *ret_c stays empty where there is nothing to
 * do. */
static struct verdict build(struct rts_vars *v, const struct request *r, struct node *old,
			    struct change *ret_c)
{
	const bool append = (r->attr & ATTR_APPEND) != 0;
	const bool delete =
		(r->data_len == 0 && !append) || (r->attr & (ATTR_BS | ATTR_RT)) == 0;
	struct rts_var new = {.guid = *r->guid,
			      .attr = r->attr & ~ATTR_APPEND,
			      .name = r->name,
			      .name_len = r->name_len,
			      .data = r->data,
			      .data_len = (uint32_t)r->data_len};
	struct change c = {.old = old};

	if (old == NULL) {
		if (append && r->data_len == 0)
			return OK;
		if (delete)
			return NO(EFI_NOT_FOUND, "nothing to delete");
		if (v->phase.runtime &&
		    (r->attr & (ATTR_RT | ATTR_NV)) != (ATTR_RT | ATTR_NV))
			return NO(EFI_INVALID_PARAMETER,
				  "only non-volatile runtime variables can be created at "
				  "run time");
	} else {
		if (v->phase.runtime && (old->var.attr & ATTR_NV) == 0)
			return NO(EFI_WRITE_PROTECTED,
				  "volatile variables are read-only at run time");
		if (delete) {
			*ret_c = c;
			return OK;
		}
		if (append && r->data_len == 0)
			return OK;
		if (!append && old->var.data_len == r->data_len &&
		    memcmp(old->var.data, r->data, r->data_len) == 0)
			return OK;
		if (append) {
			if (too_long(r->name_len, r->data_len + old->var.data_len))
				return NO(EFI_INVALID_PARAMETER,
					  "name and appended data are longer than 65460 "
					  "bytes");
			new.data = NULL;
			new.data_len += old->var.data_len;
		}
	}
	c.new = node_new(v, &new);
	if (c.new == NULL)
		return NO(EFI_OUT_OF_RESOURCES, "no memory");
	if (new.data == NULL) { /* appended: node_new() left the room, in the node itself */
		uint8_t *p = (uint8_t *)(c.new + 1);

		memcpy(p, old->var.data, old->var.data_len);
		memcpy(p + old->var.data_len, r->data, r->data_len);
	}
	if (EFI_ERROR(fits(v, &c, 1))) {
		free(c.new);
		return NO(EFI_OUT_OF_RESOURCES, "the store is full (see --quota)");
	}
	*ret_c = c;
	return OK;
}

static struct verdict set(struct rts_vars *v, const struct request *r)
{
	struct change c = {0};
	struct verdict verdict;
	struct node *old;
	uint64_t payload_len;
	unsigned part;
	EFI_STATUS status;

	verdict = check_arguments(r, &payload_len);
	if (EFI_ERROR(verdict.status))
		return verdict;
	old = table_find(v, r->guid, r->name, r->name_len);
	verdict = check_access(v, r, old);
	if (!EFI_ERROR(verdict.status))
		verdict = build(v, r, old, &c);
	if (EFI_ERROR(verdict.status) || (c.old == NULL && c.new == NULL))
		return verdict;
	part = (c.new != NULL ? c.new : c.old)->var.attr & ATTR_NV ? RTS_VARS_DURABLE
								   : RTS_VARS_RUN;
	status = commit(v, &c, 1, part);
	if (EFI_ERROR(status)) {
		free(c.new);
		return NO(status, "the store could not keep the change");
	}
	return OK;
}

EFI_STATUS rts_vars_set(struct rts_vars *v, const CHAR16 *name, size_t name_len,
			const EFI_GUID *guid, uint32_t attr, const void *data,
			uint64_t data_len)
{
	const struct request r = {guid, name, name_bytes(name, name_len),
				  attr, data, data_len};
	struct verdict verdict = set(v, &r);

	if (EFI_ERROR(verdict.status))
		vars_log(v, verdict.status == EFI_NOT_FOUND ? RTS_LOG_DEBUG : RTS_LOG_INFO,
			 guid, name, r.name_len, "SetVariable", verdict.status,
			 verdict.why);
	else
		vars_log(v, RTS_LOG_DEBUG, guid, name, r.name_len, "SetVariable",
			 EFI_SUCCESS, "done");
	return verdict.status;
}
