/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UEFI memory services (UEFI 2.10 §7.2, §7.4.6, §8.4): pages, pools, the memory map and its
 * key, ExitBootServices, SetVirtualAddressMap, ConvertPointer. Freestanding: no allocation
 * beyond the arena that the caller gives, no global state, not reentrant.
 *
 * Physical addresses and sizes are bytes unless a name says pages (4 KiB). Statuses are
 * the specification's; where it is silent, doc/deviations.md says what was chosen. A call
 * that fails has changed nothing.
 */
#pragma once

#include "uefi/services.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rts_mem;

/* What guards a block, as bits; combinable, unlike edk2's. */
enum {
	/* a guard page below and above each AnyPages and MaxAddress allocation */
	RTS_MEM_GUARD_PAGES = 1,
	/* pool blocks have pages of their own, which hold nothing else, and guards */
	RTS_MEM_GUARD_POOL = 2,
	/* freed memory is not used again while there is other, except by address; pool
	 * blocks have pages of their own */
	RTS_MEM_GUARD_FREED = 4,
	/* guarded pool blocks begin at the head guard, rather than end at the tail's */
	RTS_MEM_GUARD_HEAD = 8,
	RTS_MEM_GUARD_ALL = 15,
};

/*
 * Told after the change. They may look at the map, and must not call anything else here.
 * Either may be NULL. Guard pages carry the memory type of their block in the map.
 */
struct rts_mem_hooks {
	/* Whether [@base, + @pages) may be accessed from now on. False: guard pages, and
	 * with RTS_MEM_GUARD_FREED freed ones. True: whatever was allocated, and guard
	 * pages that are free memory again. Nothing is said of memory that is added. */
	void (*protect)(void *ctx, uint64_t base, uint64_t pages, bool accessible);
	/* The type of a range changed: memory protection policies, "memory map change"
	 * events. */
	void (*changed)(void *ctx, uint64_t base, uint64_t pages, uint32_t old_type,
			uint32_t new_type);
};

/* Zero means default everywhere. */
struct rts_mem_config {
	/* Bytes: 4096 (default), 16384 or 65536, of what Reserved, RuntimeServicesCode and
	 * -Data and ACPINVS memory is made of (UEFI 2.10 §2.3.6). Types with granules
	 * larger than a page have no guards. */
	uint32_t runtime_granularity;
	/* What GetMemoryMap uses: 48 (default), or any multiple of 8 from 40 on. */
	uint32_t descriptor_size;
	/* RTS_MEM_GUARD_*, for these types. Bit n: memory type n; 62: all OEM types; 63:
	 * all OS types; 0: all of them. */
	unsigned guard;
	uint64_t guard_page_types;
	uint64_t guard_pool_types;
	/* SetVirtualAddressMap does not answer NOT_FOUND and NO_MAPPING. */
	bool lax_virtual_map;
	const struct rts_mem_hooks *hooks; /* copied */
	void *ctx;                         /* for the hooks */
};

/*
 * @arena, aligned to 16 bytes and the caller's for the life of the result, holds all
 * bookkeeping; the memory that is managed is never looked at. An entry of the map costs 8
 * to 35 bytes; a chunk of pool blocks (1 to 16 pages), or a block with pages of its own, 74
 * more. EFI_INVALID_PARAMETER: a bad configuration; EFI_BUFFER_TOO_SMALL: an arena too
 * small to begin (32 KiB is enough to begin).
 */
EFI_STATUS rts_mem_init(void *arena, size_t arena_len, const struct rts_mem_config *config,
			struct rts_mem **ret);

/*
 * Firmware's own knowledge: adds a range with its capabilities (EFI_MEMORY_*, RUNTIME for
 * MMIO that needs a mapping; other MMIO is not in the memory map). Any type. What is not
 * Conventional belongs to the platform and is never freed. EFI_INVALID_PARAMETER: the range
 * is not one of whole pages, overlaps what is there, or holds runtime code or data and is
 * not made of whole granules.
 */
EFI_STATUS rts_mem_add(struct rts_mem *m, uint64_t base, uint64_t pages, uint32_t type,
		       uint64_t attributes);

/*
 * The services. Argument order and rules are the specification's; what a call gives is
 * written on success only. EFI_OUT_OF_RESOURCES may also mean that the arena is full,
 * EFI_UNSUPPORTED means that boot services are over; rts_mem_get_map() has neither.
 */
EFI_STATUS rts_mem_allocate_pages(struct rts_mem *m, EFI_ALLOCATE_TYPE how, uint32_t type,
				  uint64_t pages, EFI_PHYSICAL_ADDRESS *memory);
EFI_STATUS rts_mem_free_pages(struct rts_mem *m, EFI_PHYSICAL_ADDRESS memory,
			      uint64_t pages);
EFI_STATUS rts_mem_allocate_pool(struct rts_mem *m, uint32_t type, uint64_t size,
				 EFI_PHYSICAL_ADDRESS *ret);
EFI_STATUS rts_mem_free_pool(struct rts_mem *m, EFI_PHYSICAL_ADDRESS buffer);
EFI_STATUS rts_mem_get_map(const struct rts_mem *m, uint64_t *size, void *map,
			   uint64_t *key, uint64_t *descriptor_size,
			   uint32_t *descriptor_version);

/*
 * ExitBootServices in two steps, so that the caller can run its event handlers between
 * them: begin: signals that the machine is leaving (memory services go on working); the
 * caller runs BEFORE_EXIT handlers after the first one; commit: EFI_INVALID_PARAMETER where
 * @key is stale, else the map is frozen: allocating and freeing calls answer
 * EFI_UNSUPPORTED from then on, and the runtime ranges are what SetVirtualAddressMap
 * checks.
 */
EFI_STATUS rts_mem_exit_begin(struct rts_mem *m);
EFI_STATUS rts_mem_exit_commit(struct rts_mem *m, uint64_t key);

/*
 * SetVirtualAddressMap in two steps: begin checks all and publishes the map for
 * rts_mem_convert(); the caller runs its notifications and relocations; end drops the map
 * for good. @map is copied into the arena; EFI_OUT_OF_RESOURCES: it has no room for it. A
 * begin that fails has changed nothing, and another may follow.
 *
 * EFI_UNSUPPORTED: boot services are not over, or this was done before.
 * EFI_INVALID_PARAMETER: a version other than 1, descriptors that are too short or not
 * whole, a range of no pages, not of whole pages, or overlapping another one.
 * EFI_NOT_FOUND: a range that the memory map has not. EFI_NO_MAPPING: a runtime range is
 * not covered. Only ranges with EFI_MEMORY_RUNTIME count for overlaps, cover, conversion.
 */
EFI_STATUS rts_mem_virtual_begin(struct rts_mem *m, uint64_t size, uint64_t descriptor_size,
				 uint32_t version, const void *map);
void rts_mem_virtual_end(struct rts_mem *m);
/* EFI_UNSUPPORTED: not between the two. */
EFI_STATUS rts_mem_convert(const struct rts_mem *m, uint64_t disposition,
			   uint64_t *address);

/* A runtime image, as the memory attributes table describes it: its pages, and those of
 * them that are code. In any order; code not of whole granules cannot be described. */
struct rts_mem_range {
	uint64_t base;
	uint64_t pages;
};
struct rts_mem_image {
	struct rts_mem_range range;
	const struct rts_mem_range *code;
	size_t code_count;
};

/*
 * EFI_MEMORY_ATTRIBUTES_TABLE (UEFI 2.10 §4.6.4) of the map as it is: code of @images is
 * read-only, all else not executable, runtime code outside of images both. Sizes as for
 * GetMemoryMap. EFI_UNSUPPORTED: an image's ranges are not whole granules, and there can be
 * no table.
 */
EFI_STATUS rts_mem_attributes_table(const struct rts_mem *m,
				    const struct rts_mem_image *images, size_t count,
				    uint32_t flags, uint64_t *size, void *table);

struct rts_mem_statistics {
	uint64_t entries;     /* of the memory map */
	uint64_t pool_blocks; /* allocated */
	uint64_t arena_len, arena_free;
};
void rts_mem_get_statistics(const struct rts_mem *m, struct rts_mem_statistics *ret);

/* Whether all bookkeeping agrees with itself, at the cost of walking it. For tests. */
bool rts_mem_check(struct rts_mem *m);

#ifdef __cplusplus
}
#endif
