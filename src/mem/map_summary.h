/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A UEFI memory map that somebody else made (UEFI 2.10 §7.2.3): read at any DescriptorSize,
 * put in order, checked, summed, and written as lines of text. The `memmap` verb and the
 * inventory application share it, so that both say the same. Freestanding; allocates
 * nothing.
 */
#pragma once

#include "base/bytes.h"
#include "base/diag.h"
#include "uefi/services.h"

struct rts_map {
	EFI_MEMORY_DESCRIPTOR *d; /* in the map's own order */
	uint32_t *order; /* indices of @d by ascending address, from rts_map_sort() */
	size_t n;
};

#define RTS_MAP_DESCRIPTOR_MIN sizeof(EFI_MEMORY_DESCRIPTOR)

/* Descriptors of @size bytes that lie whole in @raw; 0 where @size is less than
 * RTS_MAP_DESCRIPTOR_MIN. */
size_t rts_map_count(struct bytes raw, size_t size);

/* Copies descriptor @i, of which there must be one. */
EFI_MEMORY_DESCRIPTOR rts_map_descriptor(struct bytes raw, size_t size, size_t i);

/* True where @d alone keeps the rules: a type that exists, addresses on pages, at least one
 * page and none past the end. Otherwise @diag says which field is wrong; it may be NULL. */
bool rts_map_descriptor_ok(const EFI_MEMORY_DESCRIPTOR *d, struct diag *diag);

/* Fills @m->order. */
void rts_map_sort(struct rts_map *m);

/* Pages that really can be: NumberOfPages, cut at the end of the address space. */
uint64_t rts_map_pages(const EFI_MEMORY_DESCRIPTOR *d);

/* The last byte of @d; its first where it has no pages. */
uint64_t rts_map_last(const EFI_MEMORY_DESCRIPTOR *d);

/* @pages in bytes; UINT64_MAX where that is too small. */
uint64_t rts_map_bytes(uint64_t pages);

/* "EfiLoaderCode"; NULL for a type that the specification does not name. */
const char *rts_map_type_name(uint32_t type);

bool rts_map_is_mmio(uint32_t type);

/* What sums by type are kept for: the types by number, then those without a name, by range.
 */
enum {
	RTS_MAP_TYPE_OEM = EfiMaxMemoryType, /* 0x70000000 to 0x7fffffff */
	RTS_MAP_TYPE_OS,                     /* 0x80000000 to 0xffffffff */
	RTS_MAP_TYPE_INVALID,
	RTS_MAP_TYPES,
};
unsigned rts_map_type_index(uint32_t type);
const char *
rts_map_type_index_name(unsigned index); /* "EfiLoaderCode", "OEM", "OS", "invalid" */

/* Words such as "LoaderCode" and "OEM 0x70000001", "UC WC WT WB RT"; RT is RUNTIME. */
#define RTS_MAP_TEXT_MAX 160U
void rts_map_type_text(uint32_t type, char ret[RTS_MAP_TEXT_MAX]);
void rts_map_attributes_text(uint64_t attributes, char ret[RTS_MAP_TEXT_MAX]);

/* "640 KiB", "16 GiB"; what is no whole number is rounded down to a tenth: "1.0 MiB". */
void rts_map_size_text(uint64_t pages, char ret[RTS_MAP_TEXT_MAX]);

/* All in pages. A page that two descriptors claim counts twice. */
struct rts_map_summary {
	uint64_t usable;  /* an operating system may have it after ExitBootServices: types 1
			     to 4  and 7, without RUNTIME and without SP */
	uint64_t runtime; /* memory that stays the firmware's at run time:
			     RuntimeServicesCode and -Data, PalCode, and RUNTIME on anything
			     but MMIO */
	uint64_t free_start; /* address of the largest run of free memory */
	uint64_t free_run;   /* conventional memory, without RUNTIME and without SP */
	uint64_t mmio_regions;
	uint64_t mmio;
	struct {
		uint64_t descriptors;
		uint64_t pages;
	} by_type[RTS_MAP_TYPES];
};
struct rts_map_summary rts_map_sum(const struct rts_map *m);

/*
 * The rules that a map must keep (UEFI 2.10 §7.2.3): each descriptor's own, and no two
 * overlap. @put, if not NULL, is told of each breach with the index of the descriptor.
 * Return: how many.
 */
size_t rts_map_check(const struct rts_map *m,
		     void (*put)(void *ctx, size_t index, const char *text), void *ctx);

/* Lines without their ends: the table in ascending order; the summary. */
void rts_map_print(const struct rts_map *m, void (*put)(void *ctx, const char *line),
		   void *ctx);
void rts_map_print_summary(const struct rts_map_summary *s,
			   void (*put)(void *ctx, const char *line), void *ctx);
