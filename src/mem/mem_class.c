/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Classes: each combination of memory type, attributes and owner that is in use, once. Few
 * in practice; 2,048 at most at a time. One that nobody refers to stays until its number is
 * wanted.
 */
#include "mem/mem_priv.h"

static uint32_t bucket_of(uint32_t type, uint64_t attributes, enum mem_owner owner)
{
	uint64_t h = (type + ((uint64_t)owner << 32) + attributes) * 0x9e3779b97f4a7c15ULL;

	return (uint32_t)((h ^ h >> 29) >> 8) % CLASS_BUCKETS;
}

static bool is_usable(uint64_t attributes, enum mem_owner owner)
{
	return owner == MEM_FREE && (attributes & EFI_MEMORY_SP) == 0;
}

/* Takes out a class that nobody refers to, not even the current call, with a number in the
 * half of @base; CLASS_NONE: there is none. */
static uint32_t reclaim(struct rts_mem *m, uint32_t base)
{
	for (uint32_t b = 0; b < CLASS_BUCKETS; b++)
		for (uint16_t *link = &m->class_bucket[b]; *link != CLASS_NONE;) {
			const uint32_t class = *link;
			struct mem_class *c = mem_class(m, class);

			if (c->refs == 0 && c->stamp != m->call &&
			    (class & CLASS_USABLE) == base) {
				*link = c->next;
				return class;
			}
			link = &c->next;
		}
	return CLASS_NONE;
}

static uint32_t class_new(struct rts_mem *m, uint32_t base)
{
	uint32_t *end = &m->class_end[base != 0];
	uint32_t *node = &m->class_node[*end / CLASSES_PER_NODE];

	if (*end == base + CLASS_USABLE)
		return reclaim(m, base);
	if (*end % CLASSES_PER_NODE == 0) {
		*node = mem_node_get(m);
		if (*node == 0)
			return reclaim(m, base);
	}
	return (*end)++;
}

uint32_t mem_class_get(struct rts_mem *m, uint32_t type, uint64_t attributes,
		       enum mem_owner owner)
{
	const uint32_t bucket = bucket_of(type, attributes, owner);
	struct mem_class *c;
	uint32_t class;

	for (class = m->class_bucket[bucket]; class != CLASS_NONE; class = c->next) {
		c = mem_class(m, class);
		if (c->type == type && c->attributes == attributes && c->owner == owner) {
			c->stamp = m->call;
			return class;
		}
	}
	class = class_new(m, is_usable(attributes, owner) ? CLASS_USABLE : 0);
	if (class == CLASS_NONE)
		return CLASS_NONE;
	c = mem_class(m, class);
	*c = (struct mem_class){
		.attributes = attributes,
		.type = type,
		.stamp = m->call,
		.next = m->class_bucket[bucket],
		.owner = (uint8_t)owner,
		/* MMIO is told of only where the runtime needs a mapping; memory that
		 * somebody allocated with these types is memory all the same. */
		.hidden =
			owner == MEM_HOLE ||
			(owner == MEM_PLATFORM && (attributes & EFI_MEMORY_RUNTIME) == 0 &&
			 (type == EfiMemoryMappedIO || type == EfiMemoryMappedIOPortSpace)),
	};
	m->class_bucket[bucket] = (uint16_t) class;
	return class;
}

EFI_STATUS mem_class_init(struct rts_mem *m)
{
	m->class_end[0] = 0;
	m->class_end[1] = CLASS_USABLE;
	for (uint32_t b = 0; b < CLASS_BUCKETS; b++)
		m->class_bucket[b] = CLASS_NONE;
	if (mem_class_get(m, EfiMaxMemoryType, 0, MEM_HOLE) != CLASS_HOLE)
		return EFI_BUFFER_TOO_SMALL;
	mem_class(m, CLASS_HOLE)->refs = 1; /* a number that others rely on */
	return EFI_SUCCESS;
}
