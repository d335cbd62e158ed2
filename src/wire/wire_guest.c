/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of our own guest driver: INIT, IMPORT, IMPORT_END, REPORT
 * (doc/guest-protocol.md). */
#include "uefi/guest_page.h"
#include "wire/wire_priv.h"

#include <string.h>

#define SPEC " (doc/guest-protocol.md)"

static EFI_STATUS too_short(const struct rts_wire *w, const char *what)
{
	return rts_vars_say(w->vars, what, EFI_INVALID_PARAMETER, "too short" SPEC);
}

/* A new start of the driver is a reset of the machine, told by the guest. */
static EFI_STATUS init(struct rts_wire *w, uint8_t *p, size_t n)
{
	struct guest_driver_init msg;
	EFI_STATUS status;

	if (!bytes_read((struct bytes){p, n}, 0, &msg, sizeof msg))
		return too_short(w, "INIT");
	if (msg.version != GUEST_DRIVER_VERSION)
		return rts_vars_say(w->vars, "INIT", EFI_UNSUPPORTED,
				    "a driver of another version" SPEC);
	if (w->guest->may_init != NULL && !w->guest->may_init(w->guest_ctx))
		return EFI_ACCESS_DENIED; /* who decided it has said why */
	status = rts_vars_reset(w->vars);
	if (!EFI_ERROR(status))
		status = rts_vars_import_begin(w->vars);
	if (EFI_ERROR(status))
		return status;
	w->import_count = 0;
	msg.flags = rts_vars_import_wants_nv(w->vars) ? GUEST_DRIVER_INIT_WANT_NV : 0;
	memcpy(p, &msg, sizeof msg);
	return EFI_SUCCESS;
}

static EFI_STATUS import(struct rts_wire *w, uint8_t *p, size_t n)
{
	SMM_VARIABLE_COMMUNICATE_ACCESS_VARIABLE a;
	struct rts_var var;
	struct bytes data;
	const CHAR16 *name;
	EFI_STATUS status;

	if (!wire_access((struct bytes){p, n}, &a, &name, &data, &status))
		return too_short(w, "IMPORT");
	w->import_count++;
	if (EFI_ERROR(status))
		return rts_vars_say(w->vars, "IMPORT", status,
				    "name and data do not fit the message" SPEC);
	var = (struct rts_var){.guid = a.Guid,
			       .attr = a.Attributes,
			       .name = name,
			       .name_len = (uint32_t)a.NameSize,
			       .data = data.p,
			       .data_len = (uint32_t)data.n};
	return rts_vars_import_add(w->vars, &var);
}

/* A count that is not ours means that a daemon before us took some of them. */
static EFI_STATUS import_end(struct rts_wire *w, uint8_t *p, size_t n)
{
	uint64_t count;
	EFI_STATUS status;

	if (!bytes_read((struct bytes){p, n}, 0, &count, sizeof count))
		return too_short(w, "IMPORT_END");
	if (count != w->import_count)
		return rts_vars_say(w->vars, "IMPORT_END", EFI_ABORTED,
				    "another count than there were messages" SPEC);
	status = rts_vars_import_end(w->vars);
	if (!EFI_ERROR(status)) /* option ROMs run after EndOfDxe */
		status = rts_vars_end_of_dxe(w->vars);
	return status;
}

uint32_t wire_guest(struct rts_wire *w, uint8_t *p, size_t n)
{
	SMM_VARIABLE_COMMUNICATE_HEADER h;
	uint32_t what;

	if (w->guest == NULL)
		return UEFI_VARS_STS_ERR_NOT_SUPPORTED;
	if (!bytes_read((struct bytes){p, n}, 0, &h, sizeof h))
		return UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE;
	p += sizeof h;
	n -= sizeof h;
	switch (h.Function) {
	case GUEST_DRIVER_INIT:
		h.ReturnStatus = init(w, p, n);
		break;
	case GUEST_DRIVER_IMPORT:
		h.ReturnStatus = import(w, p, n);
		break;
	case GUEST_DRIVER_IMPORT_END:
		h.ReturnStatus = import_end(w, p, n);
		break;
	case GUEST_DRIVER_REPORT:
		h.ReturnStatus = EFI_SUCCESS;
		if (!bytes_read((struct bytes){p, n}, 0, &what, sizeof what))
			h.ReturnStatus = too_short(w, "REPORT");
		else if (w->guest->report != NULL)
			w->guest->report(w->guest_ctx, what);
		break;
	default:
		h.ReturnStatus = rts_vars_say(w->vars, "driver message", EFI_UNSUPPORTED,
					      "no such function" SPEC);
	}
	memcpy(p - sizeof h, &h, sizeof h);
	return UEFI_VARS_STS_SUCCESS;
}
