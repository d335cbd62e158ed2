/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of the driver that outlives boot: the four variable services over the shared
 * page. */
#pragma once

#include "page.h"
#include "uefi/services.h"

struct guest {
	/* Converted at SetVirtualAddressMap: runtime.c lists them. */
	struct page page;
	EFI_SET_VARIABLE firmware_set; /* the service that we replaced */

	EFI_BOOT_SERVICES *bs;    /* NULL from ExitBootServices on */
	EFI_RUNTIME_SERVICES *rt; /* NULL once converted */
	bool busy;                /* a call is under way */
};

extern struct guest guest_self;

EFI_STATUS EFIAPI guest_get_variable(CHAR16 *VariableName, EFI_GUID *VendorGuid,
				     uint32_t *Attributes, UINTN *DataSize, void *Data);
EFI_STATUS EFIAPI guest_get_next_variable_name(UINTN *VariableNameSize,
					       CHAR16 *VariableName, EFI_GUID *VendorGuid);
EFI_STATUS EFIAPI guest_set_variable(CHAR16 *VariableName, EFI_GUID *VendorGuid,
				     uint32_t Attributes, UINTN DataSize, void *Data);
EFI_STATUS EFIAPI guest_query_variable_info(uint32_t Attributes,
					    uint64_t *MaximumVariableStorageSize,
					    uint64_t *RemainingVariableStorageSize,
					    uint64_t *MaximumVariableSize);
void EFIAPI guest_virtual_address_change(EFI_EVENT Event, void *Context);

/*
 * page_exchange() as one call among the services: alone, at their task priority, and only
 * where the page is there. EFI_NOT_READY: a service is under way.
 */
EFI_STATUS guest_exchange(struct guest *g, const EFI_GUID *handler, uint64_t function,
			  void *inout, size_t n);

/*
 * Sends one message of SET_VARIABLE's layout to @handler; EFI_INVALID_PARAMETER where name
 * and data do not fit one message. Used by SetVariable() and by the import.
 */
EFI_STATUS guest_send_variable(const struct page *p, const EFI_GUID *handler,
			       uint64_t function, const CHAR16 *name, size_t name_len,
			       const EFI_GUID *guid, uint32_t attributes, const void *data,
			       size_t data_len);

/* Variables that firmware reads before any option ROM runs: kept in its own store too. */
#define GUEST_WRITE_THROUGH_COUNT 4U
#define GUEST_WRITE_THROUGH_NAME  16U
extern const CHAR16 guest_write_through[GUEST_WRITE_THROUGH_COUNT]
				       [GUEST_WRITE_THROUGH_NAME];
