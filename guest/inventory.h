/* SPDX-License-Identifier: BSD-2-Clause */
/* The inventory application: what it has found out, and its parts. All text is borrowed
 * from firmware or allocated from its pool, and goes with the application. */
#pragma once

#include "mem/map_summary.h"
#include "uefi/services.h"

struct inventory_image {
	uint64_t base;
	uint64_t size;
	uint32_t code_type; /* of memory */
	bool has_guid;
	EFI_GUID guid; /* of its file in a firmware volume */
	const CHAR16
		*name; /* the file's UI name, or the name of a file on a disk; NULL: none */
	size_t name_len;
	const CHAR16
		*device; /* device paths as text; NULL: none, or nobody here can tell */
	const CHAR16 *file;
};

struct inventory {
	EFI_SYSTEM_TABLE *st;
	EFI_BOOT_SERVICES *bs;
	EFI_HANDLE self;
	struct rts_map map;
	struct inventory_image *images; /* that run as runtime drivers, by address */
	size_t image_count;
};

/* NULL where there is no memory. */
void *inventory_allocate(const struct inventory *v, size_t n);

/* The protocol @guid on @handle, or NULL. */
void *inventory_protocol(const struct inventory *v, EFI_HANDLE handle,
			 const EFI_GUID *guid);

/* Fills @v->images. A firmware without loaded images has none. */
EFI_STATUS inventory_find_images(struct inventory *v);

/* Text of others for the console: what is not printable ASCII becomes '?'. */
#define INVENTORY_TEXT_MAX 144U
void inventory_ascii(const CHAR16 *s, size_t n, char ret[INVENTORY_TEXT_MAX]);

/* The file @name as file systems call it. EFI_INVALID_PARAMETER, and it is said why: not
 * one on the volume that we were started from. */
EFI_STATUS inventory_path(const struct inventory *v, const CHAR16 *name,
			  CHAR16 ret[INVENTORY_TEXT_MAX]);

/* Writes runtserv.inventory/1 to that file; says what came of it. */
EFI_STATUS inventory_save(const struct inventory *v, CHAR16 *path);
