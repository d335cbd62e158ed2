/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What others are told of memory: GetMemoryMap, the end of boot services, and the memory
 * attributes table (UEFI 2.10 §4.6.4, §7.2.3, §7.4.6).
 */
#include "base/mem.h"
#include "mem/mem_priv.h"

#define WORDS_PAGE(w)  ((w) >> CLASS_BITS)
#define WORDS_CLASS(w) ((uint32_t)((w) % CLASS_COUNT))

/* Descriptors written one after the other, longer than the structure where so configured.
 */
struct output {
	uint8_t *p;
	uint64_t stride;
};

static void put(struct output *o, const EFI_MEMORY_DESCRIPTOR *d)
{
	memcpy(o->p, d, sizeof *d);
	memset(o->p + sizeof *d, 0, o->stride - sizeof *d);
	o->p += o->stride;
}

/* A walk over the runs as the map shows them: those that look alike are one. */
struct walk {
	const struct rts_mem *m;
	const struct mem_leaf *leaf;
	uint32_t i;
};

static bool walk_word(struct walk *w, uint64_t *ret)
{
	if (w->i == w->leaf->n) {
		if (w->leaf->next == 0)
			return false;
		w->leaf = mem_node(w->m, w->leaf->next);
		w->i = 0;
	}
	*ret = w->leaf->word[w->i];
	return true;
}

static bool walk_next(struct walk *w, EFI_MEMORY_DESCRIPTOR *d)
{
	uint64_t word;
	const struct mem_class *c;
	uint32_t class;

	for (;; w->i++) {
		if (!walk_word(w, &word))
			return false;
		class = WORDS_CLASS(word);
		c = mem_class(w->m, class);
		if (!c->hidden)
			break;
	}
	*d = (EFI_MEMORY_DESCRIPTOR){
		.Type = c->type,
		.PhysicalStart = WORDS_PAGE(word) << PAGE_SHIFT,
		.Attribute = mem_class_shown(c),
		.NumberOfPages = SPACE_PAGES - WORDS_PAGE(word),
	};
	for (w->i++; walk_word(w, &word); w->i++) {
		const uint32_t next = WORDS_CLASS(word);

		if (mem_class_border(w->m, class, next) || mem_class(w->m, next)->hidden) {
			d->NumberOfPages =
				WORDS_PAGE(word) - (d->PhysicalStart >> PAGE_SHIFT);
			break;
		}
	}
	return true;
}

EFI_STATUS rts_mem_get_map(struct rts_mem *m, uint64_t *size, void *map, uint64_t *key,
			   uint64_t *descriptor_size, uint32_t *descriptor_version)
{
	const uint64_t need = m->entries * m->config.descriptor_size;
	struct output o = {map, m->config.descriptor_size};
	struct walk w = {.m = m, .leaf = mem_tree_first(m)};
	EFI_MEMORY_DESCRIPTOR d;
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
	while (walk_next(&w, &d))
		put(&o, &d);
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

/* Writes the table's descriptors where @o is, and counts them. */
static uint32_t describe(const struct rts_mem *m, const struct rts_mem_image *images,
			 size_t count, struct output *o)
{
	struct walk w = {.m = m, .leaf = mem_tree_first(m)};
	EFI_MEMORY_DESCRIPTOR d;
	uint32_t n = 0;

	while (walk_next(&w, &d)) {
		uint64_t page = d.PhysicalStart >> PAGE_SHIFT, next;
		const uint64_t end = page + d.NumberOfPages;

		if (d.Type != EfiRuntimeServicesCode && d.Type != EfiRuntimeServicesData)
			continue;
		for (; page < end; page = next, n++) {
			uint64_t attribute, more = end;

			next = end;
			attribute = forbidden(images, count, d.Type, page, &next);
			/* An image's border need not be one in the table. */
			while (next < end &&
			       forbidden(images, count, d.Type, next, &more) == attribute) {
				next = more;
				more = end;
			}
			if (o == NULL)
				continue;
			d.PhysicalStart = page << PAGE_SHIFT;
			d.NumberOfPages = next - page;
			d.Attribute = EFI_MEMORY_RUNTIME | attribute;
			put(o, &d);
		}
	}
	return n;
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
	struct output o = {.stride = m->config.descriptor_size};
	uint64_t need;

	if (size == NULL || (images == NULL && count != 0))
		return EFI_INVALID_PARAMETER;
	if (!images_ok(m, images, count))
		return EFI_UNSUPPORTED;
	head.NumberOfEntries = describe(m, images, count, NULL);
	need = sizeof head + head.NumberOfEntries * o.stride;
	if (*size < need) {
		*size = need;
		return EFI_BUFFER_TOO_SMALL;
	}
	if (table == NULL)
		return EFI_INVALID_PARAMETER;
	*size = need;
	memcpy(table, &head, sizeof head);
	o.p = (uint8_t *)table + sizeof head;
	describe(m, images, count, &o);
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

bool rts_mem_check(const struct rts_mem *m)
{
	return mem_tree_check(m) && mem_pool_check(m);
}
