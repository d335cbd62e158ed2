/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GetVariable, GetNextVariableName, SetVariable and QueryVariableInfo (UEFI 2.10 §8.2) as
 * messages to the host. Nothing here allocates, and nothing uses boot services but the task
 * priority while there is one.
 */
#include "runtime.h"

#include "base/guid.h"
#include "base/mem.h"
#include "base/ucs2.h"
#include "say.h"
#include "uefi/guids.h"

struct guest guest_self;

const CHAR16 guest_write_through[GUEST_WRITE_THROUGH_COUNT][GUEST_WRITE_THROUGH_NAME] = {
	u"BootNext",
	u"Timeout",
	u"Lang",
	u"PlatformLang",
};

static const EFI_GUID variable_guid = EFI_SMM_VARIABLE_PROTOCOL_GUID;
static const EFI_GUID global_guid = EFI_GLOBAL_VARIABLE_GUID;

#define NAME_MAX_LEN MM_VARIABLE_NAME_DATA_MAX

/* Bytes of @name with its NUL, or 0 where it does not end within @max bytes. */
static size_t name_bytes(const CHAR16 *name, size_t max)
{
	size_t n = ucs2_len(name, max / sizeof *name);

	return n < max / sizeof *name ? (n + 1) * sizeof *name : 0;
}

/*
 * Every service begins and ends here. @ret_tpl: for leave(). While there are boot services
 * nobody may preempt us who could call us again, so the priority is raised to NOTIFY where
 * it is lower; raising it to the top first is how one learns it.
 */
static EFI_STATUS enter(struct guest *g, EFI_TPL *ret_tpl)
{
	EFI_TPL tpl = TPL_HIGH_LEVEL;

	if (g->busy)
		return EFI_NOT_READY;
	if (g->bs != NULL) {
		tpl = g->bs->RaiseTPL(TPL_HIGH_LEVEL);
		g->bs->RestoreTPL(tpl < TPL_NOTIFY ? TPL_NOTIFY : tpl);
	}
	*ret_tpl = tpl;
	g->busy = true;
	return EFI_SUCCESS;
}

static void leave(struct guest *g, EFI_TPL tpl)
{
	g->busy = false;
	if (g->bs != NULL && tpl < TPL_NOTIFY)
		g->bs->RestoreTPL(tpl);
}

EFI_STATUS guest_exchange(struct guest *g, const EFI_GUID *handler, uint64_t function,
			  void *inout, size_t n)
{
	EFI_TPL tpl;
	EFI_STATUS status = enter(g, &tpl);

	if (status != EFI_SUCCESS)
		return status;
	status = page_present(&g->page)
			 ? page_exchange(&g->page, handler, function, inout, n)
			 : EFI_DEVICE_ERROR;
	leave(g, tpl);
	return status;
}

static EFI_STATUS get_variable(const struct page *p, const CHAR16 *name, size_t name_len,
			       const EFI_GUID *guid, uint32_t *attributes, UINTN *data_len,
			       void *data)
{
	const size_t room = NAME_MAX_LEN - name_len;
	SMM_VARIABLE_COMMUNICATE_ACCESS_VARIABLE a = {
		.Guid = *guid,
		.DataSize = *data_len < room ? *data_len : room,
		.NameSize = name_len,
	};
	const size_t head = SMM_ACCESS_VARIABLE_NAME + name_len;
	size_t reply;
	EFI_STATUS status;

	page_begin(p, &variable_guid, SMM_VARIABLE_FUNCTION_GET_VARIABLE,
		   head + a.DataSize);
	page_put(p, PAGE_PAYLOAD, &a, SMM_ACCESS_VARIABLE_NAME);
	page_put(p, PAGE_PAYLOAD + SMM_ACCESS_VARIABLE_NAME, name, name_len);
	status = page_call(p, head + a.DataSize, &reply);
	if (status != EFI_SUCCESS && status != EFI_BUFFER_TOO_SMALL)
		return status;
	if (reply < SMM_ACCESS_VARIABLE_NAME)
		return EFI_DEVICE_ERROR;
	page_get(p, PAGE_PAYLOAD, &a, SMM_ACCESS_VARIABLE_NAME);
	if (status == EFI_SUCCESS) {
		if (a.DataSize > *data_len || reply < head || a.DataSize > reply - head)
			return EFI_DEVICE_ERROR;
		page_get(p, (uint32_t)(PAGE_PAYLOAD + head), data, a.DataSize);
	}
	*data_len = a.DataSize;
	if (attributes != NULL)
		*attributes = a.Attributes;
	return status;
}

EFI_STATUS EFIAPI guest_get_variable(CHAR16 *VariableName, EFI_GUID *VendorGuid,
				     uint32_t *Attributes, UINTN *DataSize, void *Data)
{
	struct guest *g = &guest_self;
	EFI_STATUS status;
	EFI_TPL tpl;
	size_t name_len;

	if (VariableName == NULL || VendorGuid == NULL || DataSize == NULL ||
	    (Data == NULL && *DataSize != 0))
		return EFI_INVALID_PARAMETER;
	name_len = name_bytes(VariableName, NAME_MAX_LEN);
	if (name_len == 0)
		return EFI_INVALID_PARAMETER;
	status = enter(g, &tpl);
	if (status != EFI_SUCCESS)
		return status;
	status = !page_present(&g->page)
			 ? EFI_DEVICE_ERROR
			 : get_variable(&g->page, VariableName, name_len, VendorGuid,
					Attributes, DataSize, Data);
	leave(g, tpl);
	return status;
}

static EFI_STATUS get_next(const struct page *p, UINTN *name_size, CHAR16 *name,
			   size_t name_len, EFI_GUID *guid)
{
	const size_t max = MM_VARIABLE_PAYLOAD_MAX - SMM_GET_NEXT_VARIABLE_NAME_NAME;
	const size_t room = *name_size < max ? *name_size : max;
	SMM_VARIABLE_COMMUNICATE_GET_NEXT_VARIABLE_NAME n = {.Guid = *guid,
							     .NameSize = room};
	const uint32_t at = PAGE_PAYLOAD + SMM_GET_NEXT_VARIABLE_NAME_NAME;
	size_t reply;
	EFI_STATUS status;

	page_begin(p, &variable_guid, SMM_VARIABLE_FUNCTION_GET_NEXT_VARIABLE_NAME,
		   SMM_GET_NEXT_VARIABLE_NAME_NAME + room);
	page_put(p, PAGE_PAYLOAD, &n, sizeof n);
	page_put(p, at, name, name_len);
	page_zero(p, at + (uint32_t)name_len, room - name_len);
	status = page_call(p, SMM_GET_NEXT_VARIABLE_NAME_NAME + room, &reply);
	if (status != EFI_SUCCESS && status != EFI_BUFFER_TOO_SMALL)
		return status;
	if (reply < sizeof n)
		return EFI_DEVICE_ERROR;
	page_get(p, PAGE_PAYLOAD, &n, sizeof n);
	if (status == EFI_SUCCESS) {
		if (n.NameSize > *name_size || n.NameSize > reply - sizeof n)
			return EFI_DEVICE_ERROR;
		page_get(p, at, name, n.NameSize);
		*guid = n.Guid;
	}
	*name_size = n.NameSize;
	return status;
}

EFI_STATUS EFIAPI guest_get_next_variable_name(UINTN *VariableNameSize,
					       CHAR16 *VariableName, EFI_GUID *VendorGuid)
{
	struct guest *g = &guest_self;
	EFI_STATUS status;
	EFI_TPL tpl;
	size_t name_len;

	if (VariableNameSize == NULL || VariableName == NULL || VendorGuid == NULL)
		return EFI_INVALID_PARAMETER;
	name_len = name_bytes(VariableName, *VariableNameSize < NAME_MAX_LEN
						    ? *VariableNameSize
						    : NAME_MAX_LEN);
	if (name_len == 0)
		return EFI_INVALID_PARAMETER;
	status = enter(g, &tpl);
	if (status != EFI_SUCCESS)
		return status;
	status = !page_present(&g->page) ? EFI_DEVICE_ERROR
					 : get_next(&g->page, VariableNameSize,
						    VariableName, name_len, VendorGuid);
	leave(g, tpl);
	return status;
}

EFI_STATUS guest_send_variable(const struct page *p, const EFI_GUID *handler,
			       uint64_t function, const CHAR16 *name, size_t name_len,
			       const EFI_GUID *guid, uint32_t attributes, const void *data,
			       size_t data_len)
{
	SMM_VARIABLE_COMMUNICATE_ACCESS_VARIABLE a = {
		.Guid = *guid,
		.DataSize = data_len,
		.NameSize = name_len,
		.Attributes = attributes,
	};
	const size_t head = SMM_ACCESS_VARIABLE_NAME + name_len;
	size_t reply;

	if (name_len > NAME_MAX_LEN || data_len > NAME_MAX_LEN - name_len)
		return EFI_INVALID_PARAMETER;
	page_begin(p, handler, function, head + data_len);
	page_put(p, PAGE_PAYLOAD, &a, SMM_ACCESS_VARIABLE_NAME);
	page_put(p, PAGE_PAYLOAD + SMM_ACCESS_VARIABLE_NAME, name, name_len);
	page_put(p, (uint32_t)(PAGE_PAYLOAD + head), data, data_len);
	return page_call(p, head + data_len, &reply);
}

static bool writes_through(const CHAR16 *name, size_t name_len, const EFI_GUID *guid)
{
	if (!guid_eq(guid, &global_guid))
		return false;
	for (unsigned i = 0; i < GUEST_WRITE_THROUGH_COUNT; i++)
		if (name_bytes(guest_write_through[i], sizeof guest_write_through[i]) ==
			    name_len &&
		    memcmp(guest_write_through[i], name, name_len) == 0)
			return true;
	return false;
}

EFI_STATUS EFIAPI guest_set_variable(CHAR16 *VariableName, EFI_GUID *VendorGuid,
				     uint32_t Attributes, UINTN DataSize, void *Data)
{
	struct guest *g = &guest_self;
	EFI_STATUS status;
	EFI_TPL tpl;
	size_t name_len;

	if (VariableName == NULL || VariableName[0] == 0 || VendorGuid == NULL ||
	    (Data == NULL && DataSize != 0))
		return EFI_INVALID_PARAMETER;
	name_len = name_bytes(VariableName, NAME_MAX_LEN);
	if (name_len == 0)
		return EFI_INVALID_PARAMETER;
	status = enter(g, &tpl);
	if (status != EFI_SUCCESS)
		return status;
	status = EFI_DEVICE_ERROR;
	if (page_present(&g->page))
		status = guest_send_variable(
			&g->page, &variable_guid, SMM_VARIABLE_FUNCTION_SET_VARIABLE,
			VariableName, name_len, VendorGuid, Attributes, Data, DataSize);
	/* Firmware deletes BootNext as it consumes it, whether or not the host ever had it.
	 */
	if ((status == EFI_SUCCESS || (status == EFI_NOT_FOUND && DataSize == 0)) &&
	    writes_through(VariableName, name_len, VendorGuid))
		(void)g->firmware_set(VariableName, VendorGuid, Attributes, DataSize, Data);
	leave(g, tpl);
	return status;
}

EFI_STATUS EFIAPI guest_query_variable_info(uint32_t Attributes,
					    uint64_t *MaximumVariableStorageSize,
					    uint64_t *RemainingVariableStorageSize,
					    uint64_t *MaximumVariableSize)
{
	SMM_VARIABLE_COMMUNICATE_QUERY_VARIABLE_INFO q = {.Attributes = Attributes};
	EFI_STATUS status;

	if (MaximumVariableStorageSize == NULL || RemainingVariableStorageSize == NULL ||
	    MaximumVariableSize == NULL || Attributes == 0)
		return EFI_INVALID_PARAMETER;
	status = guest_exchange(&guest_self, &variable_guid,
				SMM_VARIABLE_FUNCTION_QUERY_VARIABLE_INFO, &q, sizeof q);
	if (status != EFI_SUCCESS)
		return status;
	*MaximumVariableStorageSize = q.MaximumVariableStorageSize;
	*RemainingVariableStorageSize = q.RemainingVariableStorageSize;
	*MaximumVariableSize = q.MaximumVariableSize;
	return EFI_SUCCESS;
}

/*
 * Every address that is used after SetVirtualAddressMap, as an offset: a table of pointers
 * would need the base relocations that this image must not have.
 */
static const uint16_t kept[] = {
	offsetof(struct guest, page.mem),
	offsetof(struct guest, page.regs),
	offsetof(struct guest, firmware_set),
};

void EFIAPI guest_virtual_address_change(EFI_EVENT Event, void *Context)
{
	struct guest *g = &guest_self;

	(void)Event;
	(void)Context;
	for (unsigned i = 0; i < sizeof kept / sizeof kept[0]; i++)
		(void)g->rt->ConvertPointer(0, (void **)((uint8_t *)g + kept[i]));
	g->rt = NULL;
	debug("runtserv: addresses converted");
}
