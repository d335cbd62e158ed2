/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Variables that existed before the driver did: firmware writes a few dozen at each boot
 * before it starts option ROMs. The host decides which of them it takes
 * (doc/guest-protocol.md).
 */
#include "base/guid.h"
#include "base/mem.h"
#include "boot.h"
#include "say.h"
#include "uefi/guids.h"

#define ATTEMPTS 3
#define AUTHENTICATED                              \
	(EFI_VARIABLE_AUTHENTICATED_WRITE_ACCESS | \
	 EFI_VARIABLE_TIME_BASED_AUTHENTICATED_WRITE_ACCESS)

/* Boot memory for one variable. */
struct room {
	CHAR16 name[MM_BUFFER_MAX / sizeof(CHAR16)];
	uint8_t data[MM_BUFFER_MAX];
};

static const EFI_GUID driver_guid = RUNTSERV_GUEST_DRIVER_GUID;

/* One variable of the firmware's own store. EFI_SUCCESS also when the host did not want it.
 */
static EFI_STATUS import_one(const struct boot *b, const struct page *p, struct room *r,
			     EFI_GUID *guid, size_t name_len, bool want_nv, uint64_t *count)
{
	UINTN data_len = sizeof r->data;
	uint32_t attributes = 0;
	EFI_STATUS status = b->get_variable(r->name, guid, &attributes, &data_len, r->data);

	if (status != EFI_SUCCESS ||
	    ((attributes & EFI_VARIABLE_NON_VOLATILE) != 0 && !want_nv))
		return EFI_SUCCESS;
	/* Signed ones are never taken: the name alone, so that the host can say what it
	 * left behind. */
	if ((attributes & AUTHENTICATED) != 0)
		data_len = 0;
	status = guest_send_variable(p, &driver_guid, GUEST_DRIVER_IMPORT, r->name,
				     name_len, guid, attributes, r->data, data_len);
	if (status == EFI_DEVICE_ERROR)
		return status;
	if (status != EFI_INVALID_PARAMETER ||
	    data_len + name_len <= MM_VARIABLE_NAME_DATA_MAX)
		++*count;
	return EFI_SUCCESS;
}

static EFI_STATUS import_all(const struct boot *b, const struct page *p, struct room *r,
			     bool want_nv, uint64_t *ret_count)
{
	EFI_GUID guid = {0};
	EFI_STATUS status;

	*ret_count = 0;
	r->name[0] = 0;
	for (;;) {
		UINTN name_len = sizeof r->name;

		status = b->get_next_variable_name(&name_len, r->name, &guid);
		if (status == EFI_NOT_FOUND)
			return EFI_SUCCESS;
		if (status != EFI_SUCCESS)
			return status;
		status = import_one(b, p, r, &guid, name_len, want_nv, ret_count);
		if (status != EFI_SUCCESS)
			return status;
	}
}

static EFI_STATUS attempt(const struct boot *b, const struct page *p, struct room *r)
{
	struct guest_driver_init init = {.version = GUEST_DRIVER_VERSION};
	uint64_t count;
	EFI_STATUS status =
		page_exchange(p, &driver_guid, GUEST_DRIVER_INIT, &init, sizeof init);

	if (status != EFI_SUCCESS)
		/* Not to be confused with the ACCESS_DENIED of IMPORT_END: a refusal is
		 * final. */
		return status == EFI_ACCESS_DENIED ? EFI_SECURITY_VIOLATION : status;
	if (init.version != GUEST_DRIVER_VERSION)
		return EFI_UNSUPPORTED;
	status = import_all(b, p, r, (init.flags & GUEST_DRIVER_INIT_WANT_NV) != 0, &count);
	if (status != EFI_SUCCESS)
		return status;
	debug("runtserv: %llu variables offered", (unsigned long long)count);
	return page_exchange(p, &driver_guid, GUEST_DRIVER_IMPORT_END, &count,
			     sizeof count);
}

EFI_STATUS import_variables(const struct boot *b, const struct page *p)
{
	struct room *r;
	EFI_STATUS status =
		b->bs->AllocatePool(EfiBootServicesData, sizeof *r, (void **)&r);

	if (status != EFI_SUCCESS)
		return status;
	/* A daemon that was restarted in between has lost what came before: begin anew. */
	for (int i = 0; i < ATTEMPTS; i++) {
		status = attempt(b, p, r);
		if (status != EFI_ABORTED && status != EFI_ACCESS_DENIED)
			break;
	}
	b->bs->FreePool(r);
	return status;
}

void import_write_back(const struct boot *b)
{
	static const EFI_GUID global_guid = EFI_GLOBAL_VARIABLE_GUID;
	uint8_t ours[256], theirs[sizeof ours];

	for (unsigned i = 0; i < GUEST_WRITE_THROUGH_COUNT; i++) {
		EFI_GUID guid = global_guid;
		CHAR16 name[GUEST_WRITE_THROUGH_NAME];
		UINTN our_len = sizeof ours, their_len = sizeof theirs;
		uint32_t attributes;

		memcpy(name, guest_write_through[i], sizeof name);
		if (guest_get_variable(name, &guid, &attributes, &our_len, ours) !=
		    EFI_SUCCESS)
			continue;
		if (b->get_variable(name, &guid, NULL, &their_len, theirs) == EFI_SUCCESS &&
		    their_len == our_len && memcmp(ours, theirs, our_len) == 0)
			continue;
		(void)b->set_variable(name, &guid, attributes, our_len, ours);
	}
}
