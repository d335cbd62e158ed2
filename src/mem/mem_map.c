/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What others are told of memory: GetMemoryMap, the end of boot services, and the memory
 * attributes table (UEFI 2.10 §4.6.4, §7.2.3, §7.4.6).
 */
#include "base/mem.h"
#include "mem/mem_priv.h"

/* Descriptors written one after the other, longer than the structure where so configured.
 */
struct output {
	uint8_t *p;
	uint64_t stride;
};

static inline void put(struct output *o, const EFI_MEMORY_DESCRIPTOR *d)
{
	/* word by word: a copy of the whole would wait for the stores that made it */
	const uint64_t words[] = {d->Type, d->PhysicalStart, d->VirtualStart,
				  d->NumberOfPages, d->Attribute};
	const uint64_t zero = 0;
	uint8_t *p = o->p;

	_Static_assert(sizeof words == sizeof *d, "a descriptor is five words");
	memcpy(p, &words[0], 8);
	memcpy(p + 8, &words[1], 8);
	memcpy(p + 16, &words[2], 8);
	memcpy(p + 24, &words[3], 8);
	memcpy(p + 32, &words[4], 8);
	if (o->stride > 40) {
		memcpy(p + 40, &zero, 8);
		if (o->stride > 48)
			memset(p + 48, 0, o->stride - 48);
	}
	o->p += o->stride;
}

/* Calls @fn for each entry of the map, ascending: runs that look alike are one. Inline, as
 * GetMemoryMap is to cost little more than the copy that it is. */
static inline __attribute__((always_inline)) void
each_entry(const struct rts_mem *m, void (*fn)(void *ctx, const EFI_MEMORY_DESCRIPTOR *d),
	   void *ctx)
{
	const struct mem_leaf *leaf = mem_tree_first(m);
	const struct mem_class *open = mem_class(m, CLASS_HOLE);
	uint64_t first = 0, page = 0;

	for (;;) {
		for (uint32_t i = 0; i < leaf->n; i++) {
			const struct mem_class *c =
				mem_class(m, (uint32_t)(leaf->word[i] % CLASS_COUNT));

			if (mem_class_alike(open, c))
				continue;
			page = leaf->word[i] >> CLASS_BITS;
			if (!open->hidden)
				fn(ctx, &(EFI_MEMORY_DESCRIPTOR){
						.Type = open->type,
						.PhysicalStart = first << PAGE_SHIFT,
						.NumberOfPages = page - first,
						.Attribute = mem_class_shown(open),
					});
			open = c;
			first = page;
		}
		if (leaf->next == 0)
			break;
		leaf = mem_node(m, leaf->next);
	}
	if (!open->hidden)
		fn(ctx, &(EFI_MEMORY_DESCRIPTOR){
				.Type = open->type,
				.PhysicalStart = first << PAGE_SHIFT,
				.NumberOfPages = SPACE_PAGES - first,
				.Attribute = mem_class_shown(open),
			});
}

static inline void put_entry(void *ctx, const EFI_MEMORY_DESCRIPTOR *d)
{
	put(ctx, d);
}

EFI_STATUS rts_mem_get_map(const struct rts_mem *m, uint64_t *size, void *map,
			   uint64_t *key, uint64_t *descriptor_size,
			   uint32_t *descriptor_version)
{
	const uint64_t need = m->entries * m->config.descriptor_size;
	struct output o = {map, m->config.descriptor_size};
	uint64_t have;

	if (size == NULL)
		return EFI_INVALID_PARAMETER;
	have = *size;
	if (have >= need && map == NULL)
		return EFI_INVALID_PARAMETER;
	*size = need;
	if (key != NULL)
		*key = m->key;
	if (descriptor_size != NULL)
		*descriptor_size = m->config.descriptor_size;
	if (descriptor_version != NULL)
		*descriptor_version = EFI_MEMORY_DESCRIPTOR_VERSION;
	if (have < need)
		return EFI_BUFFER_TOO_SMALL;
	each_entry(m, put_entry, &o);
	return EFI_SUCCESS;
}

EFI_STATUS rts_mem_exit_begin(struct rts_mem *m)
{
	if (m->phase >= MEM_RUNTIME)
		return EFI_UNSUPPORTED;
	m->phase = MEM_EXITING;
	return EFI_SUCCESS;
}

EFI_STATUS rts_mem_exit_commit(struct rts_mem *m, uint64_t key)
{
	if (m->phase >= MEM_RUNTIME)
		return EFI_UNSUPPORTED;
	if (key != m->key)
		return EFI_INVALID_PARAMETER;
	m->phase = MEM_RUNTIME;
	return EFI_SUCCESS;
}

/* The memory attributes table. */

static bool inside(const struct rts_mem_range *r, uint64_t page)
{
	return page - (r->base >> PAGE_SHIFT) < r->pages;
}

/* Lowers *@end to the first border of @r above @page. */
static void cut(const struct rts_mem_range *r, uint64_t page, uint64_t *end)
{
	const uint64_t first = r->base >> PAGE_SHIFT;

	if (first > page && first < *end)
		*end = first;
	if (first + r->pages > page && first + r->pages < *end)
		*end = first + r->pages;
}

/* What is forbidden on @page of type @type, and up to where that holds, *@end at most. */
static uint64_t forbidden(const struct rts_mem_image *images, size_t count, uint32_t type,
			  uint64_t page, uint64_t *end)
{
	uint64_t ret = type == EfiRuntimeServicesCode ? EFI_MEMORY_RO | EFI_MEMORY_XP
						      : EFI_MEMORY_XP;

	for (size_t i = 0; i < count; i++) {
		cut(&images[i].range, page, end);
		if (!inside(&images[i].range, page))
			continue;
		ret = EFI_MEMORY_XP;
		for (size_t k = 0; k < images[i].code_count; k++) {
			cut(&images[i].code[k], page, end);
			if (inside(&images[i].code[k], page))
				ret = EFI_MEMORY_RO;
		}
	}
	return ret;
}

static bool range_ok(const struct rts_mem *m, const struct rts_mem_range *r)
{
	const uint64_t granule = m->config.runtime_granularity / PAGE_BYTES;

	return r->base % PAGE_BYTES == 0 &&
	       r->pages <= SPACE_PAGES - r->base / PAGE_BYTES &&
	       (r->base / PAGE_BYTES | r->pages) % granule == 0;
}

static bool images_ok(const struct rts_mem *m, const struct rts_mem_image *images,
		      size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!range_ok(m, &images[i].range))
			return false;
		for (size_t k = 0; k < images[i].code_count; k++)
			if (!range_ok(m, &images[i].code[k]))
				return false;
	}
	return true;
}

/* The table in the making: counted, and written where @out.p is. */
struct table {
	const struct rts_mem_image *images;
	size_t image_count;
	struct output out;
	uint32_t n;
};

static void describe(void *ctx, const EFI_MEMORY_DESCRIPTOR *entry)
{
	struct table *t = ctx;
	EFI_MEMORY_DESCRIPTOR d = *entry;
	uint64_t page = d.PhysicalStart >> PAGE_SHIFT, next;
	const uint64_t end = page + d.NumberOfPages;

	if (d.Type != EfiRuntimeServicesCode && d.Type != EfiRuntimeServicesData)
		return;
	for (; page < end; page = next, t->n++) {
		uint64_t attribute, more = end;

		next = end;
		attribute = forbidden(t->images, t->image_count, d.Type, page, &next);
		/* An image's border need not be one in the table. */
		while (next < end && forbidden(t->images, t->image_count, d.Type, next,
					       &more) == attribute) {
			next = more;
			more = end;
		}
		if (t->out.p == NULL)
			continue;
		d.PhysicalStart = page << PAGE_SHIFT;
		d.NumberOfPages = next - page;
		d.Attribute = EFI_MEMORY_RUNTIME | attribute;
		put(&t->out, &d);
	}
}

EFI_STATUS rts_mem_attributes_table(const struct rts_mem *m,
				    const struct rts_mem_image *images, size_t count,
				    uint32_t flags, uint64_t *size, void *table)
{
	EFI_MEMORY_ATTRIBUTES_TABLE head = {
		.Version = 2,
		.DescriptorSize = m->config.descriptor_size,
		.Flags = flags,
	};
	struct table t = {
		.images = images,
		.image_count = count,
		.out.stride = m->config.descriptor_size,
	};
	uint64_t need;

	if (size == NULL || (images == NULL && count != 0))
		return EFI_INVALID_PARAMETER;
	if (!images_ok(m, images, count))
		return EFI_UNSUPPORTED;
	each_entry(m, describe, &t);
	head.NumberOfEntries = t.n;
	need = sizeof head + t.n * t.out.stride;
	if (*size < need) {
		*size = need;
		return EFI_BUFFER_TOO_SMALL;
	}
	if (table == NULL)
		return EFI_INVALID_PARAMETER;
	*size = need;
	memcpy(table, &head, sizeof head);
	t.out.p = (uint8_t *)table + sizeof head;
	each_entry(m, describe, &t);
	return EFI_SUCCESS;
}

void rts_mem_get_statistics(const struct rts_mem *m, struct rts_mem_statistics *ret)
{
	*ret = (struct rts_mem_statistics){
		.entries = m->entries,
		.pool_blocks = m->blocks,
		.arena_free = (uint64_t)mem_nodes_free(m) * NODE_BYTES,
		.arena_len = (uint64_t)m->node_count * NODE_BYTES,
	};
}

bool rts_mem_check(struct rts_mem *m)
{
	/* SetVirtualAddressMap writes over what pools needed */
	return mem_tree_check(m) && (m->phase >= MEM_RUNTIME || mem_pool_check(m));
}
