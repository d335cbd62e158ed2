/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of the driver that ends with boot: attaching, the import, the care for our
 * pages. */
#pragma once

#include "runtime.h"

struct boot {
	EFI_SYSTEM_TABLE *st;
	EFI_BOOT_SERVICES *bs;
	EFI_RUNTIME_SERVICES *rt;
	uint8_t *image; /* where firmware loaded us */
	uint64_t image_size;
	bool attached; /* our services are in the table */

	/* Our own memory attributes table, where the firmware's would not do. */
	EFI_MEMORY_ATTRIBUTES_TABLE *mat;
	uint32_t mat_capacity; /* entries */
	uint32_t mat_stride;   /* bytes of one */

	/* What firmware had in its table. */
	EFI_GET_VARIABLE get_variable;
	EFI_GET_NEXT_VARIABLE_NAME get_next_variable_name;
	EFI_SET_VARIABLE set_variable;
	EFI_QUERY_VARIABLE_INFO query_variable_info;

	EFI_EVENT after_ready_to_boot;
};

/* Finds the device's BARs, switches its memory on, and keeps their pages mapped at run
 * time. */
EFI_STATUS device_open(const struct boot *b, EFI_HANDLE device, struct page *ret);

/* The configuration table with this GUID, or NULL. */
void *config_table(const EFI_SYSTEM_TABLE *st, const EFI_GUID *guid);

/* INIT, then the variables that firmware holds, then IMPORT_END. EFI_SUCCESS: the host
 * serves us. */
EFI_STATUS import_variables(const struct boot *b, const struct page *p);

/* Firmware's store gets the host's values of the write-through variables where they differ.
 * Before the hook. */
void import_write_back(const struct boot *b);

/*
 * True when an operating system that obeys the memory attributes table can run this image;
 * replaces the table by one that says so where necessary. Without @may_allocate (at
 * ExitBootServices) there may be no room for that.
 */
bool mat_settle(struct boot *b, bool may_allocate);
