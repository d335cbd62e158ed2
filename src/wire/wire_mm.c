/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MM communicate messages: the envelope, the variable handler and the boot events. Every
 * field is read once, from the caller's private copy, and checked against the bytes that
 * were received. Wrong sizes are answered as edk2's VariableSmm does: too short for the
 * function's fixed part, the message comes back as it was.
 */
#include "base/bytes.h"
#include "base/guid.h"
#include "uefi/guest_page.h"
#include "uefi/guids.h"
#include "wire/wire_priv.h"

#include <string.h>

#define RETURN_STATUS offsetof(SMM_VARIABLE_COMMUNICATE_HEADER, ReturnStatus)

/* The message is no question: it goes back, with the status that it came with. */
static EFI_STATUS too_short(const struct rts_vars *v, const char *what,
			    EFI_STATUS unchanged)
{
	(void)rts_vars_say(v, what, EFI_BAD_BUFFER_SIZE,
			   "too short; it goes back as it came (edk2 VariableSmm)");
	return unchanged;
}

static EFI_STATUS misfit(const struct rts_vars *v, const char *what)
{
	return rts_vars_say(v, what, EFI_ACCESS_DENIED,
			    "the name does not end, or name and data do not fit the "
			    "message (edk2 VariableSmm)");
}

bool wire_access(struct bytes payload, SMM_VARIABLE_COMMUNICATE_ACCESS_VARIABLE *ret,
		 const CHAR16 **ret_name, struct bytes *ret_data, EFI_STATUS *ret_status)
{
	struct bytes name;
	CHAR16 last;

	if (!bytes_read(payload, 0, ret, SMM_ACCESS_VARIABLE_NAME))
		return false; /* silently, as edk2 */
	*ret_status = EFI_ACCESS_DENIED;
	if (bytes_sub(payload, SMM_ACCESS_VARIABLE_NAME, ret->NameSize, &name) &&
	    bytes_sub(payload, SMM_ACCESS_VARIABLE_NAME + ret->NameSize, ret->DataSize,
		      ret_data) &&
	    name.n >= 2) {
		memcpy(&last, name.p + (name.n / 2 - 1) * 2, sizeof last);
		if (last == 0)
			*ret_status = EFI_SUCCESS;
	}
	*ret_name = (const CHAR16 *)(const void *)(payload.p + SMM_ACCESS_VARIABLE_NAME);
	return true;
}

static EFI_STATUS get(const struct rts_vars *v, uint8_t *p, size_t n, EFI_STATUS unchanged)
{
	SMM_VARIABLE_COMMUNICATE_ACCESS_VARIABLE a;
	struct bytes data;
	const CHAR16 *name;
	EFI_STATUS status;

	if (!wire_access((struct bytes){p, n}, &a, &name, &data, &status))
		return too_short(v, "GetVariable", unchanged);
	if (EFI_ERROR(status))
		return misfit(v, "GetVariable");
	status = rts_vars_get(v, name, a.NameSize, &a.Guid, &a.Attributes, &a.DataSize,
			      p + SMM_ACCESS_VARIABLE_NAME + a.NameSize);
	memcpy(p, &a, SMM_ACCESS_VARIABLE_NAME);
	return status;
}

static EFI_STATUS set(struct rts_wire *w, uint8_t *p, size_t n, EFI_STATUS unchanged)
{
	SMM_VARIABLE_COMMUNICATE_ACCESS_VARIABLE a;
	struct bytes data;
	const CHAR16 *name;
	EFI_STATUS status;

	if (!wire_access((struct bytes){p, n}, &a, &name, &data, &status))
		return too_short(w->vars, "SetVariable", unchanged);
	if (EFI_ERROR(status))
		return misfit(w->vars, "SetVariable");
	if (w->again &&
	    (a.Attributes & (EFI_VARIABLE_APPEND_WRITE |
			     EFI_VARIABLE_TIME_BASED_AUTHENTICATED_WRITE_ACCESS)) != 0)
		return rts_vars_say(w->vars, "SetVariable", EFI_DEVICE_ERROR,
				    "an append or a signed write that may have been made "
				    "already (doc/guest-protocol.md)");
	return rts_vars_set(w->vars, name, a.NameSize, &a.Guid, a.Attributes, data.p,
			    data.n);
}

static EFI_STATUS get_next(const struct rts_vars *v, uint8_t *p, size_t n,
			   EFI_STATUS unchanged)
{
	SMM_VARIABLE_COMMUNICATE_GET_NEXT_VARIABLE_NAME next;
	struct bytes room = {p, n}, name;
	EFI_STATUS status;
	CHAR16 last;

	if (!bytes_read(room, 0, &next, sizeof next))
		return too_short(v, "GetNextVariableName", unchanged);
	room.p += sizeof next;
	room.n -= sizeof next;
	if (!bytes_sub(room, 0, next.NameSize, &name) || room.n < 2)
		return misfit(v, "GetNextVariableName");
	memcpy(&last, room.p + (room.n / 2 - 1) * 2, sizeof last);
	if (last != 0)
		return misfit(v, "GetNextVariableName");
	status = rts_vars_get_next(v, (CHAR16 *)(void *)(p + sizeof next), &next.NameSize,
				   &next.Guid);
	memcpy(p, &next, sizeof next);
	return status;
}

static EFI_STATUS query(const struct rts_vars *v, uint8_t *p, size_t n,
			EFI_STATUS unchanged)
{
	SMM_VARIABLE_COMMUNICATE_QUERY_VARIABLE_INFO q;
	EFI_STATUS status;

	if (!bytes_read((struct bytes){p, n}, 0, &q, sizeof q))
		return too_short(v, "QueryVariableInfo", unchanged);
	status = rts_vars_query(v, q.Attributes, &q.MaximumVariableStorageSize,
				&q.RemainingVariableStorageSize, &q.MaximumVariableSize);
	memcpy(p, &q, sizeof q);
	return status;
}

static EFI_STATUS lock(struct rts_vars *v, const uint8_t *p, size_t n, EFI_STATUS unchanged)
{
	SMM_VARIABLE_COMMUNICATE_GET_NEXT_VARIABLE_NAME l;
	struct bytes name;

	if (!bytes_read((struct bytes){p, n}, 0, &l, sizeof l))
		return too_short(v, "LockVariable",
				 rts_vars_phase(v).end_of_dxe ? EFI_ACCESS_DENIED
							      : unchanged);
	if (!bytes_sub((struct bytes){p, n}, sizeof l, l.NameSize, &name))
		return misfit(v, "LockVariable");
	return rts_vars_lock(v, (const CHAR16 *)(const void *)name.p, name.n, &l.Guid);
}

static EFI_STATUS payload_size(const struct rts_vars *v, uint8_t *p, size_t n,
			       EFI_STATUS unchanged)
{
	const uint64_t size = MM_VARIABLE_PAYLOAD_MAX;

	if (n < sizeof size)
		return too_short(v, "GetPayloadSize", unchanged);
	memcpy(p, &size, sizeof size);
	return rts_vars_say(v, "GetPayloadSize", EFI_SUCCESS, "done");
}

static uint32_t variable(struct rts_wire *w, uint8_t *p, size_t n)
{
	SMM_VARIABLE_COMMUNICATE_HEADER h;
	EFI_STATUS status;

	if (!bytes_read((struct bytes){p, n}, 0, &h, sizeof h))
		return UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE;
	p += sizeof h;
	n -= sizeof h;
	switch (h.Function) {
	case SMM_VARIABLE_FUNCTION_GET_VARIABLE:
		status = get(w->vars, p, n, h.ReturnStatus);
		break;
	case SMM_VARIABLE_FUNCTION_GET_NEXT_VARIABLE_NAME:
		status = get_next(w->vars, p, n, h.ReturnStatus);
		break;
	case SMM_VARIABLE_FUNCTION_SET_VARIABLE:
		status = set(w, p, n, h.ReturnStatus);
		break;
	case SMM_VARIABLE_FUNCTION_QUERY_VARIABLE_INFO:
		status = query(w->vars, p, n, h.ReturnStatus);
		break;
	case SMM_VARIABLE_FUNCTION_READY_TO_BOOT:
		status = rts_vars_ready_to_boot(w->vars);
		break;
	case SMM_VARIABLE_FUNCTION_EXIT_BOOT_SERVICE:
		status = rts_vars_exit_boot_services(w->vars);
		break;
	case SMM_VARIABLE_FUNCTION_LOCK_VARIABLE:
		status = lock(w->vars, p, n, h.ReturnStatus);
		break;
	case SMM_VARIABLE_FUNCTION_GET_PAYLOAD_SIZE:
		status = payload_size(w->vars, p, n, h.ReturnStatus);
		break;
	default: /* the statistics, properties and caches of edk2: doc/deviations.md */
		status = rts_vars_say(w->vars, "SMM variable message", EFI_UNSUPPORTED,
				      "no function of this service (edk2 VariableSmm)");
	}
	memcpy(p - sizeof h + RETURN_STATUS, &status, sizeof status);
	return UEFI_VARS_STS_SUCCESS;
}

static uint32_t end_of_dxe(struct rts_wire *w, uint8_t *p, size_t n)
{
	(void)p, (void)n;
	(void)rts_vars_end_of_dxe(w->vars);
	return UEFI_VARS_STS_SUCCESS;
}

static uint32_t ready_to_boot(struct rts_wire *w, uint8_t *p, size_t n)
{
	(void)p, (void)n;
	(void)rts_vars_ready_to_boot(w->vars);
	return UEFI_VARS_STS_SUCCESS;
}

static uint32_t exit_boot_services(struct rts_wire *w, uint8_t *p, size_t n)
{
	(void)p, (void)n;
	(void)rts_vars_exit_boot_services(w->vars);
	return UEFI_VARS_STS_SUCCESS;
}

/* Nothing in the message can tell that; the device's status does. */
static uint32_t refuse(const struct rts_wire *w, uint32_t status)
{
	if (status == UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE)
		(void)rts_vars_say(w->vars, "message", EFI_BAD_BUFFER_SIZE,
				   "a length that is not its handler's (PI 1.8 vol 4 5.7)");
	else
		(void)rts_vars_say(w->vars, "message", EFI_UNSUPPORTED,
				   "no such handler (PI 1.8 vol 4 5.7)");
	return status;
}

uint32_t rts_wire_mm(struct rts_wire *w, uint8_t *buf, size_t len, size_t *ret_len)
{
	static const struct {
		EFI_GUID guid;
		uint32_t (*handler)(struct rts_wire *w, uint8_t *p, size_t n);
	} handlers[] = {
		{EFI_SMM_VARIABLE_PROTOCOL_GUID, variable},
		{VAR_CHECK_POLICY_LIB_MMI_HANDLER_GUID, wire_policy},
		{EFI_END_OF_DXE_EVENT_GROUP_GUID, end_of_dxe},
		{EFI_EVENT_GROUP_READY_TO_BOOT_GUID, ready_to_boot},
		{EFI_EVENT_GROUP_EXIT_BOOT_SERVICES_GUID, exit_boot_services},
		{RUNTSERV_GUEST_DRIVER_GUID, wire_guest},
	};
	EFI_MM_COMMUNICATE_HEADER h;
	struct bytes data;
	uint32_t status = UEFI_VARS_STS_ERR_NOT_SUPPORTED;

	*ret_len = 0;
	if (len > MM_BUFFER_MAX || !bytes_read((struct bytes){buf, len}, 0, &h, sizeof h) ||
	    !bytes_sub((struct bytes){buf, len}, sizeof h, h.MessageLength, &data))
		return refuse(w, UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE);
	for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++)
		if (guid_eq(&h.HeaderGuid, &handlers[i].guid))
			status = handlers[i].handler(w, buf + sizeof h, data.n);
	if (status != UEFI_VARS_STS_SUCCESS)
		return refuse(w, status);
	*ret_len = sizeof h + data.n;
	return status;
}
