/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AllocatePages and FreePages (UEFI 2.10 §7.2), the ranges that firmware starts with, and
 * guard pages. Both services look at the whole range before they change any of it.
 */
#include "base/mem.h"
#include "mem/mem_priv.h"

#define OEM_TYPES 0x70000000U
#define OS_TYPES  0x80000000U

#define SEARCH_MISSES 8U

/* Start-up. */

static bool config_ok(const struct rts_mem_config *c)
{
	const uint32_t g = c->runtime_granularity, d = c->descriptor_size;

	return (g == 0 || g == 4096 || g == 16384 || g == 65536) &&
	       (d == 0 || (d >= sizeof(EFI_MEMORY_DESCRIPTOR) && d % 8 == 0)) &&
	       (c->guard & ~(unsigned)RTS_MEM_GUARD_ALL) == 0;
}

EFI_STATUS rts_mem_init(void *arena, size_t arena_len, const struct rts_mem_config *config,
			struct rts_mem **ret)
{
	static const struct rts_mem_hooks none;
	struct rts_mem *m = arena;
	size_t used = sizeof *m, buckets = 16;

	if (arena == NULL || config == NULL || ret == NULL || (uintptr_t)arena % 16 != 0 ||
	    !config_ok(config))
		return EFI_INVALID_PARAMETER;
	/* A chunk is known by a record of 64 bytes. */
	while (buckets < arena_len / 256)
		buckets *= 2;
	if (arena_len < used + buckets * sizeof *m->chunks + 64)
		return EFI_BUFFER_TOO_SMALL;
	memset(m, 0, sizeof *m);
	m->config = *config;
	m->hooks = config->hooks != NULL ? *config->hooks : none;
	m->config.hooks = &m->hooks;
	if (m->config.runtime_granularity == 0)
		m->config.runtime_granularity = PAGE_BYTES;
	if (m->config.descriptor_size == 0)
		m->config.descriptor_size = 48;
	if (m->config.guard_page_types == 0)
		m->config.guard_page_types = UINT64_MAX;
	if (m->config.guard_pool_types == 0)
		m->config.guard_pool_types = UINT64_MAX;
	m->key = 1;
	m->chunks = (uint32_t *)(m + 1);
	m->chunk_count = (uint32_t)buckets;
	memset(m->chunks, 0, buckets * sizeof *m->chunks);
	used += buckets * sizeof *m->chunks;
	used += -((uintptr_t)arena + used) % 64; /* the nodes are whole cache lines */
	m->nodes = (uint8_t *)arena + used;
	used = (arena_len - used) / NODE_BYTES;
	m->node_count = used < NODES_MAX ? (uint32_t)used : NODES_MAX;
	mem_pool_init(m);
	if (mem_class_init(m) != EFI_SUCCESS || mem_tree_init(m) != EFI_SUCCESS)
		return EFI_BUFFER_TOO_SMALL;
	*ret = m;
	return EFI_SUCCESS;
}

/* Types. */

static bool type_known(uint32_t type)
{
	return type < EfiMaxMemoryType || type >= OEM_TYPES;
}

bool mem_type_can(uint32_t type)
{
	return type_known(type) && type != EfiConventionalMemory &&
	       type != EfiPersistentMemory && type != EfiUnacceptedMemoryType;
}

uint64_t mem_granule(const struct rts_mem *m, uint32_t type)
{
	return type == EfiReservedMemoryType || type == EfiRuntimeServicesCode ||
			       type == EfiRuntimeServicesData || type == EfiACPIMemoryNVS
		       ? m->config.runtime_granularity / PAGE_BYTES
		       : 1;
}

static uint64_t type_attributes(uint32_t type, uint64_t attributes)
{
	return type == EfiRuntimeServicesCode || type == EfiRuntimeServicesData ||
			       type == EfiPalCode
		       ? attributes | EFI_MEMORY_RUNTIME
		       : attributes & ~EFI_MEMORY_RUNTIME;
}

static uint32_t type_bit(uint32_t type)
{
	return type < EfiMaxMemoryType ? type : type < OS_TYPES ? 62 : 63;
}

bool mem_guards(const struct rts_mem *m, unsigned what, uint32_t type)
{
	const uint64_t types = what == RTS_MEM_GUARD_POOL ? m->config.guard_pool_types
							  : m->config.guard_page_types;

	/* A guard page would break the rule that such memory comes in whole granules. */
	return (m->config.guard & what) != 0 && (types >> type_bit(type) & 1) != 0 &&
	       mem_granule(m, type) == 1;
}

/* Changes. */

/* A new map key. */
static void changed(struct rts_mem *m)
{
	if (++m->key == 0)
		m->key = 1;
}

static void protect(const struct rts_mem *m, uint64_t first, uint64_t end, bool accessible)
{
	if (m->hooks.protect != NULL && first < end)
		m->hooks.protect(m->config.ctx, first << PAGE_SHIFT, end - first,
				 accessible);
}

static enum mem_owner owner_of(const struct rts_mem *m, uint32_t class)
{
	return mem_class(m, class)->owner;
}

static enum mem_owner owner_at(struct rts_mem *m, uint64_t page)
{
	return page < SPACE_PAGES ? owner_of(m, mem_tree_run(m, page).class) : MEM_HOLE;
}

static bool is_guarded(enum mem_owner owner)
{
	return owner == MEM_PAGES_GUARDED || owner == MEM_POOL_GUARDED;
}

/* The class that pages of @class get when they become @type, held by @owner. */
static uint32_t class_as(struct rts_mem *m, uint32_t class, uint32_t type,
			 enum mem_owner owner)
{
	return mem_class_get(m, type,
			     type_attributes(type, mem_class(m, class)->attributes), owner);
}

static bool held_by(struct rts_mem *m, uint64_t first, uint64_t end, unsigned owners)
{
	while (first < end) {
		const struct mem_run run = mem_tree_run(m, first);

		if ((OWNED_BY(owner_of(m, run.class)) & owners) == 0)
			return false;
		first = run.end;
	}
	return true;
}

/* The words that making [first, end) one thing adds to the tree, at its two ends. */
static uint32_t new_borders(struct rts_mem *m, uint64_t first, uint64_t end)
{
	return (uint32_t)(mem_tree_run(m, first).first != first) +
	       (mem_tree_run(m, end - 1).end != end);
}

/* Whether there are the classes for [first, end) to become @type and @owner's. To be asked
 * last: they may take room. */
static bool has_classes(struct rts_mem *m, uint64_t first, uint64_t end, uint32_t type,
			enum mem_owner owner)
{
	while (first < end) {
		const struct mem_run run = mem_tree_run(m, first);

		if (class_as(m, run.class, type, owner) == CLASS_NONE)
			return false;
		first = run.end;
	}
	return true;
}

/* For a range that has its classes, in an arena with room for its borders. */
static void convert(struct rts_mem *m, uint64_t first, uint64_t end, uint32_t type,
		    enum mem_owner owner)
{
	while (first < end) {
		const struct mem_run run = mem_tree_run(m, first);
		const uint64_t next = run.end < end ? run.end : end;
		const uint32_t old_type = mem_class(m, run.class)->type;

		mem_tree_set(m, first, next, class_as(m, run.class, type, owner));
		if (m->hooks.changed != NULL && old_type != type)
			m->hooks.changed(m->config.ctx, first << PAGE_SHIFT, next - first,
					 old_type, type);
		first = next;
	}
}

EFI_STATUS rts_mem_add(struct rts_mem *m, uint64_t base, uint64_t pages, uint32_t type,
		       uint64_t attributes)
{
	const uint64_t first = base >> PAGE_SHIFT;
	uint32_t class, null_class, freed_class;
	struct mem_run run;

	if (m->phase >= MEM_RUNTIME)
		return EFI_UNSUPPORTED;
	if (base % PAGE_BYTES != 0 || pages == 0 || pages > SPACE_PAGES - first ||
	    !type_known(type))
		return EFI_INVALID_PARAMETER;
	if ((type == EfiRuntimeServicesCode || type == EfiRuntimeServicesData) &&
	    (first | pages) % mem_granule(m, type) != 0)
		return EFI_INVALID_PARAMETER;
	run = mem_tree_run(m, first);
	if (run.class != CLASS_HOLE || run.end < first + pages)
		return EFI_INVALID_PARAMETER;
	/* Firmware may say of its own ranges that the runtime needs them. */
	if (type != EfiReservedMemoryType && type != EfiMemoryMappedIO &&
	    type != EfiMemoryMappedIOPortSpace && type < OEM_TYPES)
		attributes = type_attributes(type, attributes);
	if (type == EfiPersistentMemory)
		attributes |= EFI_MEMORY_NV;
	m->call++;
	/* Classes that freeing needs are there from the beginning. */
	class = mem_class_get(m, type, attributes,
			      type == EfiConventionalMemory ? MEM_FREE : MEM_PLATFORM);
	null_class = mem_class_get(m, type, attributes, MEM_NULL);
	freed_class = mem_class_get(m, type, attributes, MEM_QUARANTINE);
	if (class == CLASS_NONE || null_class == CLASS_NONE || freed_class == CLASS_NONE ||
	    !mem_tree_room(m, 4, true))
		return EFI_OUT_OF_RESOURCES;
	mem_tree_set(m, first, first + pages, class);
	if (first == 0 && type == EfiConventionalMemory)
		mem_tree_set(m, 0, 1, null_class);
	changed(m);
	return EFI_SUCCESS;
}

/* Search. */

/* Where a request goes in @run: at its top, as far as @r->below allows. With guards: above
 * a guard page that is there or fits in, and below another. Page 0 is in no usable run. */
static bool place_in(struct rts_mem *m, const struct mem_run *run,
		     const struct mem_request *r, uint64_t *ret_first)
{
	uint64_t end = run->end < r->below ? run->end : r->below, first;

	if (is_guarded(r->owner) && end == run->end && owner_at(m, end) != MEM_GUARD)
		end--;
	if (end < r->pages)
		return false;
	first = (end - r->pages) / r->align * r->align;
	if (first < run->first)
		return false;
	if (is_guarded(r->owner) && first == run->first &&
	    owner_at(m, first - 1) != MEM_GUARD)
		return false;
	*ret_first = first;
	return true;
}

/* The highest run where it fits. Where alignment or guards get in the way time and again,
 * the highest run where they cannot; only then each of the others. */
static bool find_usable(struct rts_mem *m, const struct mem_request *r, uint64_t *ret_first)
{
	const uint64_t ample = r->pages + r->align - 1 + (is_guarded(r->owner) ? 2 : 0);
	struct mem_run run;
	unsigned misses = 0;

	for (uint64_t top = r->below; mem_tree_find(m, r->pages, top, &run);
	     top = run.first) {
		if (place_in(m, &run, r, ret_first))
			return true;
		if (++misses != SEARCH_MISSES)
			continue;
		top = run.first;
		if (mem_tree_find(m, ample, top, &run))
			return place_in(m, &run, r, ret_first);
		if (!r->thorough)
			return false;
		run.first = top;
	}
	return false;
}

/* What was freed under RTS_MEM_GUARD_FREED is free memory again when there is no other. */
static bool find_quarantined(struct rts_mem *m, const struct mem_request *r,
			     uint64_t *ret_first)
{
	struct mem_run run, all = {0};
	const struct mem_class *c;

	for (uint64_t end = SPACE_PAGES; end > 0; end = run.first) {
		run = mem_tree_run(m, end - 1);
		c = mem_class(m, run.class);
		if (c->owner != MEM_QUARANTINE && (run.class & CLASS_USABLE) == 0)
			continue;
		if ((c->attributes & EFI_MEMORY_SP) != 0)
			continue;
		/* Neighbours of one kind, whether free or freed, are one. */
		if (all.first == run.end &&
		    mem_class(m, all.class)->attributes == c->attributes)
			all.first = run.first;
		else
			all = run;
		if (place_in(m, &all, r, ret_first))
			return true;
	}
	return false;
}

EFI_STATUS mem_take(struct rts_mem *m, const struct mem_request *r, uint64_t *ret_first)
{
	uint64_t first, end, low, high;
	uint32_t borders;

	m->call++;
	if (!find_usable(m, r, &first) && ((m->config.guard & RTS_MEM_GUARD_FREED) == 0 ||
					   !find_quarantined(m, r, &first)))
		return EFI_OUT_OF_RESOURCES;
	low = first;
	high = end = first + r->pages;
	if (is_guarded(r->owner)) {
		low -= owner_at(m, first - 1) != MEM_GUARD;
		high += owner_at(m, end) != MEM_GUARD;
	}
	borders = new_borders(m, low, high) + (low < first) + (end < high);
	if (!mem_tree_room(m, borders, true) ||
	    !has_classes(m, first, end, r->type, r->owner) ||
	    (is_guarded(r->owner) && !has_classes(m, low, high, r->type, MEM_GUARD)))
		return EFI_OUT_OF_RESOURCES;
	convert(m, low, first, r->type, MEM_GUARD);
	convert(m, end, high, r->type, MEM_GUARD);
	convert(m, first, end, r->type, r->owner);
	protect(m, low, first, false);
	protect(m, end, high, false);
	protect(m, first, end, true);
	changed(m);
	*ret_first = first;
	return EFI_SUCCESS;
}

/*
 * A guard goes with its block, unless another block needs it. What remains of a block that
 * is freed in part gets its guard from the part that is freed. So [first, end), all of
 * which lies in one block (others are behind guards), gives back [low, high).
 */
static EFI_STATUS give_guarded(struct rts_mem *m, uint64_t first, uint64_t end,
			       enum mem_owner freed)
{
	const bool keep_low = is_guarded(owner_at(m, first - 1));
	const bool keep_high = is_guarded(owner_at(m, end));
	const uint32_t type = mem_class(m, mem_tree_run(m, first).class)->type;
	uint64_t low = first, high = end;
	uint32_t borders = (uint32_t)keep_low + keep_high;

	if (keep_low)
		low++;
	else if (!is_guarded(owner_at(m, first - 2)))
		low--;
	if (keep_high)
		high--;
	else if (!is_guarded(owner_at(m, end + 1)))
		high++;
	borders += new_borders(m, low < first ? low : first, high > end ? high : end);
	if (!mem_tree_room(m, borders, false) ||
	    !has_classes(m, low, high, EfiConventionalMemory, freed) ||
	    ((keep_low || keep_high) && !has_classes(m, first, end, type, MEM_GUARD)))
		return EFI_OUT_OF_RESOURCES;
	convert(m, first, low, type, MEM_GUARD);
	if (high >= low)
		convert(m, high, end, type, MEM_GUARD);
	convert(m, low, high, EfiConventionalMemory, freed);
	if (freed == MEM_QUARANTINE) {
		protect(m, first, end, false);
	} else {
		protect(m, low, first, true);
		protect(m, first, low, false);
		protect(m, high >= low ? high : low, end, false);
		protect(m, end, high, true);
	}
	return EFI_SUCCESS;
}

EFI_STATUS mem_give(struct rts_mem *m, uint64_t first, uint64_t end, unsigned owners)
{
	const enum mem_owner freed =
		(m->config.guard & RTS_MEM_GUARD_FREED) != 0 ? MEM_QUARANTINE : MEM_FREE;
	EFI_STATUS status;

	m->call++;
	if (!held_by(m, first, end, owners))
		return EFI_NOT_FOUND;
	if (is_guarded(owner_at(m, first))) {
		status = give_guarded(m, first, end, freed);
		if (status != EFI_SUCCESS)
			return status;
	} else {
		if (!mem_tree_room(m, new_borders(m, first, end), false) ||
		    !has_classes(m, first, end, EfiConventionalMemory, freed))
			return EFI_OUT_OF_RESOURCES;
		convert(m, first, end, EfiConventionalMemory, freed);
		if (freed == MEM_QUARANTINE)
			protect(m, first, end, false);
	}
	changed(m);
	return EFI_SUCCESS;
}

static EFI_STATUS take_at(struct rts_mem *m, uint64_t first, uint64_t end, uint32_t type)
{
	m->call++;
	if (!held_by(m, first, end, OWNED_BY(MEM_FREE) | OWNED_BY(MEM_QUARANTINE)))
		return EFI_NOT_FOUND;
	if (!mem_tree_room(m, new_borders(m, first, end), true) ||
	    !has_classes(m, first, end, type, MEM_PAGES))
		return EFI_OUT_OF_RESOURCES;
	convert(m, first, end, type, MEM_PAGES);
	protect(m, first, end, true);
	changed(m);
	return EFI_SUCCESS;
}

/* Services. */

EFI_STATUS rts_mem_allocate_pages(struct rts_mem *m, EFI_ALLOCATE_TYPE how, uint32_t type,
				  uint64_t pages, EFI_PHYSICAL_ADDRESS *memory)
{
	const uint64_t granule = mem_granule(m, type);
	const EFI_STATUS none =
		how == AllocateAddress ? EFI_NOT_FOUND : EFI_OUT_OF_RESOURCES;
	struct mem_request r = {
		.type = type,
		.owner = MEM_PAGES,
		.align = granule,
		.below = SPACE_PAGES,
		.thorough = true,
	};
	EFI_STATUS status;
	uint64_t first;

	if (m->phase >= MEM_RUNTIME)
		return EFI_UNSUPPORTED;
	if ((unsigned)how > AllocateAddress || !mem_type_can(type) || memory == NULL)
		return EFI_INVALID_PARAMETER;
	if (pages == 0 || pages > SPACE_PAGES - granule)
		return none;
	pages = r.pages = (pages + granule - 1) / granule * granule;
	if (how == AllocateAddress) {
		first = *memory >> PAGE_SHIFT;
		if (*memory % (granule * PAGE_BYTES) != 0 || pages > SPACE_PAGES - first)
			return EFI_NOT_FOUND;
		return take_at(m, first, first + pages, type);
	}
	/* The last byte may be at the limit. */
	if (how == AllocateMaxAddress && *memory != UINT64_MAX)
		r.below = (*memory + 1) >> PAGE_SHIFT;
	if (mem_guards(m, RTS_MEM_GUARD_PAGES, type))
		r.owner = MEM_PAGES_GUARDED;
	status = mem_take(m, &r, &first);
	if (status == EFI_SUCCESS)
		*memory = first << PAGE_SHIFT;
	return status;
}

EFI_STATUS rts_mem_free_pages(struct rts_mem *m, EFI_PHYSICAL_ADDRESS memory,
			      uint64_t pages)
{
	const unsigned owners = OWNED_BY(MEM_PAGES) | OWNED_BY(MEM_PAGES_GUARDED);
	const uint64_t first = memory >> PAGE_SHIFT;
	uint64_t end, granule;
	const struct mem_class *c;

	if (m->phase >= MEM_RUNTIME)
		return EFI_UNSUPPORTED;
	if (memory % PAGE_BYTES != 0 || pages == 0 || pages > SPACE_PAGES - first)
		return EFI_INVALID_PARAMETER;
	end = first + pages;
	c = mem_class(m, mem_tree_run(m, first).class);
	if ((OWNED_BY(c->owner) & owners) == 0)
		return EFI_NOT_FOUND;
	if (first % mem_granule(m, c->type) != 0)
		return EFI_INVALID_PARAMETER;
	granule = mem_granule(m, mem_class(m, mem_tree_run(m, end - 1).class)->type);
	if (end % granule != 0)
		end += granule - end % granule;
	return mem_give(m, first, end, owners);
}
