/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of the driver that ends with boot: attaching, the import, the choice of a home
 * for the code. It runs in the image as firmware loaded it, never in the copy.
 */
#pragma once

#include "runtime.h"

struct boot {
	EFI_SYSTEM_TABLE *st;
	EFI_BOOT_SERVICES *bs;
	EFI_RUNTIME_SERVICES *rt;
	uint8_t *image; /* where firmware loaded us */
	uint64_t image_size;
	uint8_t *copy;        /* the other home; NULL where there was no memory */
	struct guest *active; /* the state of the home whose services are in the table */

	/* What firmware had in its table. */
	EFI_GET_VARIABLE get_variable;
	EFI_GET_NEXT_VARIABLE_NAME get_next_variable_name;
	EFI_SET_VARIABLE set_variable;
	EFI_QUERY_VARIABLE_INFO query_variable_info;

	EFI_EVENT after_ready_to_boot;
	EFI_EVENT virtual_address_change;
	bool attached;
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

/* Allocates the copy's pages and fills them. */
void home_make_copy(struct boot *b);

/* Reads the memory attributes table: can an operating system that obeys it run the image at
 * @base? */
bool home_usable(const struct boot *b, const uint8_t *base);
