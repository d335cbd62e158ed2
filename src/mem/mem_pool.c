/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AllocatePool and FreePool (UEFI 2.10 §7.2). Blocks of one size and type share a chunk of
 * 1 to 16 pages; larger ones, and guarded ones, have pages of their own. All bookkeeping is
 * in the arena: the memory that is managed is never looked at, so a wild pointer is only a
 * number that is not found, and what overruns a block harms no list of ours.
 */
#include "base/mem.h"
#include "mem/mem_priv.h"

#define SIZE_MIN        16U
#define SIZE_MAX_SHARED 4096U /* larger blocks are pages */
#define CHUNK_PAGES_MAX 16U
#define CHUNK_BITS      256U /* blocks whose bits fit into the record */
#define EVEN_MAX        128U /* a class each 16 bytes; then four to a power of two */
#define EVEN_CLASSES    (EVEN_MAX / SIZE_MIN)
#define WHOLE           UINT8_MAX

/* A record: a chunk, or a block with pages of its own. A chunk lies within 16 aligned
 * pages, by which it is found. */
struct chunk {
	uint64_t first;      /* page */
	uint32_t bucket;     /* the next in the bucket */
	uint32_t prev, next; /* in its head's list of those with room */
	uint32_t head;       /* node; of the pool type */
	uint16_t free;       /* blocks */
	uint16_t blocks;
	uint8_t size_class; /* or WHOLE */
	uint8_t pages;      /* of a chunk */
	uint8_t hint;       /* no free bit in the words before */
	uint8_t owner;
	union {
		uint64_t bits[CHUNK_BITS / 64]; /* 1: free */
		uint32_t bits_node;             /* where there are more blocks */
		struct {
			uint64_t pages;
			uint64_t address;
		} whole;
	};
};
_Static_assert(sizeof(struct chunk) == RECORD_BYTES, "a chunk fills a record");

/* What is known of one pool type. */
struct head {
	uint32_t type;
	uint32_t next;               /* in its bucket */
	uint32_t records;            /* that refer to it */
	uint32_t room[POOL_CLASSES]; /* chunks that have some */
	uint32_t pages[POOL_CLASSES];
};
_Static_assert(sizeof(struct head) <= NODE_BYTES, "a head fits a node");

/* Sizes. */

static uint32_t class_of_size(uint64_t size)
{
	uint32_t log;

	if (size == 0)
		size = 1;
	size--;
	if (size < EVEN_MAX)
		return (uint32_t)size / SIZE_MIN;
	log = 63U - (uint32_t)__builtin_clzll(size);
	return EVEN_CLASSES + (log - 7) * 4 + ((uint32_t)size >> (log - 2)) % 4;
}

static uint32_t size_of_class(uint32_t class)
{
	const uint32_t step = (class - EVEN_CLASSES) / 4;

	return class < EVEN_CLASSES
		       ? (class + 1) * SIZE_MIN
		       : (EVEN_MAX << step) / 4 * (5 + (class - EVEN_CLASSES) % 4);
}

void mem_pool_init(struct rts_mem *m)
{
	/* x / size is x * inverse >> 32 for any offset in a chunk. */
	for (uint32_t c = 0; c < POOL_CLASSES; c++)
		m->size_inverse[c] = (uint32_t)((1ULL << 32) / size_of_class(c)) +
				     ((1ULL << 32) % size_of_class(c) != 0);
}

/* Records. */

static uint32_t *bucket_of(const struct rts_mem *m, uint64_t page)
{
	const uint64_t h = page / CHUNK_PAGES_MAX * 0x9e3779b97f4a7c15ULL;

	return &m->chunks[(h >> 32) & (m->chunk_count - 1)];
}

/* The record that covers @page: any page of a chunk, or the first of a whole block. */
static uint32_t find(const struct rts_mem *m, uint64_t page)
{
	uint32_t r = *bucket_of(m, page);

	while (r != 0) {
		const struct chunk *c = mem_record(m, r);

		if (page - c->first < c->pages)
			break;
		r = c->bucket;
	}
	return r;
}

static void enter(struct rts_mem *m, uint32_t record)
{
	struct chunk *c = mem_record(m, record);
	uint32_t *bucket = bucket_of(m, c->first);

	c->bucket = *bucket;
	*bucket = record;
	((struct head *)mem_node(m, c->head))->records++;
}

static void leave(struct rts_mem *m, uint32_t record)
{
	const struct chunk *c = mem_record(m, record);
	uint32_t *link = bucket_of(m, c->first);

	while (*link != record)
		link = &((struct chunk *)mem_record(m, *link))->bucket;
	*link = c->bucket;
	((struct head *)mem_node(m, c->head))->records--;
	mem_record_free(m, record);
}

/* Heads. */

static uint32_t *head_link(struct rts_mem *m, uint32_t type)
{
	uint32_t *link = &m->heads[type % POOL_TYPES];

	while (*link != 0 && ((struct head *)mem_node(m, *link))->type != type)
		link = &((struct head *)mem_node(m, *link))->next;
	return link;
}

static uint32_t head_get(struct rts_mem *m, uint32_t type)
{
	uint32_t *link = head_link(m, type);

	if (*link == 0) {
		*link = mem_node_get(m);
		if (*link != 0)
			((struct head *)mem_node(m, *link))->type = type;
	}
	return *link;
}

/* A type without blocks leaves nothing behind. */
static void head_drop(struct rts_mem *m, uint32_t node)
{
	const struct head *h = mem_node(m, node);
	uint32_t *link;

	if (h->records != 0)
		return;
	link = head_link(m, h->type);
	*link = h->next;
	mem_node_free(m, node);
}

/* Chunks. */

static uint64_t *bits_of(const struct rts_mem *m, struct chunk *c)
{
	return c->blocks > CHUNK_BITS ? mem_node(m, c->bits_node) : c->bits;
}

static void room_link(const struct rts_mem *m, uint32_t record)
{
	struct chunk *c = mem_record(m, record);
	uint32_t *room = &((struct head *)mem_node(m, c->head))->room[c->size_class];

	c->prev = 0;
	c->next = *room;
	if (c->next != 0)
		((struct chunk *)mem_record(m, c->next))->prev = record;
	*room = record;
}

static void room_unlink(const struct rts_mem *m, uint32_t record)
{
	const struct chunk *c = mem_record(m, record);

	if (c->prev != 0)
		((struct chunk *)mem_record(m, c->prev))->next = c->next;
	else
		((struct head *)mem_node(m, c->head))->room[c->size_class] = c->next;
	if (c->next != 0)
		((struct chunk *)mem_record(m, c->next))->prev = c->prev;
}

/* Pages for a new chunk: as many as the type has for this size already, so that little is
 * wasted on few blocks; no more than there are bits for. */
static uint32_t chunk_pages(const struct rts_mem *m, const struct head *h, uint32_t class)
{
	const uint32_t granule = (uint32_t)mem_granule(m, h->type);
	uint32_t pages = 1;

	while (pages < CHUNK_PAGES_MAX && pages * 2 <= h->pages[class] &&
	       PAGE_BYTES * 2 * pages / size_of_class(class) <= CHUNK_BITS)
		pages *= 2;
	return pages < granule ? granule : pages;
}

static EFI_STATUS chunk_new(struct rts_mem *m, uint32_t head, uint32_t class, uint32_t *ret)
{
	struct head *h = mem_node(m, head);
	const uint32_t granule = (uint32_t)mem_granule(m, h->type);
	const uint32_t record = mem_record_new(m);
	uint32_t pages = chunk_pages(m, h, class), bits_node = 0;
	EFI_STATUS status = EFI_OUT_OF_RESOURCES;
	struct chunk *c;
	uint64_t *bits;

	if (record == 0)
		return EFI_OUT_OF_RESOURCES;
	c = mem_record(m, record);
	if (pages * PAGE_BYTES / size_of_class(class) > CHUNK_BITS) {
		bits_node = mem_node_get(m);
		if (bits_node == 0)
			goto undo;
	}
	for (;; pages /= 2) {
		const struct mem_request r = {
			.type = h->type,
			.owner = MEM_POOL,
			.pages = pages,
			.align = pages,
			.below = SPACE_PAGES,
			.thorough = pages == granule,
		};

		status = mem_take(m, &r, &c->first);
		if (status == EFI_SUCCESS)
			break;
		if (pages == granule)
			goto undo;
	}
	c->head = head;
	c->pages = (uint8_t)pages;
	c->size_class = (uint8_t) class;
	c->owner = MEM_POOL;
	c->blocks = (uint16_t)(pages * PAGE_BYTES / size_of_class(class));
	c->free = c->blocks;
	if (bits_node != 0)
		c->bits_node = bits_node;
	bits = bits_of(m, c);
	for (uint32_t i = 0; i < c->blocks; i += 64)
		bits[i / 64] =
			c->blocks - i < 64 ? (1ULL << (c->blocks - i)) - 1 : UINT64_MAX;
	h->pages[class] += pages;
	enter(m, record);
	room_link(m, record);
	*ret = record;
	return EFI_SUCCESS;
undo:
	if (bits_node != 0)
		mem_node_free(m, bits_node);
	mem_record_free(m, record);
	return status;
}

/* Where the arena has no room for the change, the chunk stays, empty. */
static void chunk_release(struct rts_mem *m, uint32_t record)
{
	struct chunk *c = mem_record(m, record);
	struct head *h = mem_node(m, c->head);

	if (mem_give(m, c->first, c->first + c->pages, OWNED_BY(MEM_POOL)) != EFI_SUCCESS)
		return;
	room_unlink(m, record);
	h->pages[c->size_class] -= c->pages;
	if (c->blocks > CHUNK_BITS)
		mem_node_free(m, c->bits_node);
	leave(m, record);
}

static EFI_STATUS shared_new(struct rts_mem *m, uint32_t head, uint64_t size,
			     EFI_PHYSICAL_ADDRESS *ret)
{
	const uint32_t class = class_of_size(size);
	uint32_t record = ((struct head *)mem_node(m, head))->room[class], bit;
	EFI_STATUS status;
	struct chunk *c;
	uint64_t *bits;

	if (record == 0) {
		status = chunk_new(m, head, class, &record);
		if (status != EFI_SUCCESS)
			return status;
	}
	c = mem_record(m, record);
	bits = bits_of(m, c);
	while (bits[c->hint] == 0)
		c->hint++;
	bit = c->hint * 64U + (uint32_t)__builtin_ctzll(bits[c->hint]);
	bits[c->hint] &= bits[c->hint] - 1;
	if (--c->free == 0)
		room_unlink(m, record);
	*ret = (c->first << PAGE_SHIFT) + (uint64_t)bit * size_of_class(class);
	return EFI_SUCCESS;
}

static EFI_STATUS shared_free(struct rts_mem *m, uint32_t record,
			      EFI_PHYSICAL_ADDRESS buffer)
{
	struct chunk *c = mem_record(m, record);
	const uint64_t offset = buffer - (c->first << PAGE_SHIFT);
	const uint32_t bit = (uint32_t)(offset * m->size_inverse[c->size_class] >> 32);
	const uint64_t mask = 1ULL << bit % 64;
	uint64_t *w = &bits_of(m, c)[bit / 64];

	if (bit >= c->blocks || (uint64_t)bit * size_of_class(c->size_class) != offset ||
	    (*w & mask) != 0)
		return EFI_INVALID_PARAMETER;
	*w |= mask;
	if (bit / 64 < c->hint)
		c->hint = (uint8_t)(bit / 64);
	if (c->free++ == 0)
		room_link(m, record);
	if (c->free == c->blocks)
		chunk_release(m, record);
	return EFI_SUCCESS;
}

/* Blocks with pages of their own. */

static EFI_STATUS whole_new(struct rts_mem *m, uint32_t head, uint64_t size, bool guarded,
			    EFI_PHYSICAL_ADDRESS *ret)
{
	const uint32_t type = ((struct head *)mem_node(m, head))->type;
	const uint64_t granule = mem_granule(m, type);
	const uint64_t bytes = size == 0 ? 1 : size;
	const uint32_t record = mem_record_new(m);
	uint64_t pages = (bytes - 1) / PAGE_BYTES + 1;
	struct mem_request r = {
		.type = type,
		.owner = guarded ? MEM_POOL_GUARDED : MEM_POOL,
		.align = granule,
		.below = SPACE_PAGES,
		.thorough = true,
	};
	EFI_STATUS status;
	struct chunk *c;

	if (record == 0)
		return EFI_OUT_OF_RESOURCES;
	c = mem_record(m, record);
	c->head = head;
	c->size_class = WHOLE;
	c->pages = 1; /* that it is found by */
	c->owner = (uint8_t)r.owner;
	pages = r.pages = (pages + granule - 1) / granule * granule;
	status = mem_take(m, &r, &c->first);
	if (status != EFI_SUCCESS) {
		mem_record_free(m, record);
		return status;
	}
	c->whole.pages = pages;
	c->whole.address = c->first << PAGE_SHIFT;
	/* Up against the guard, as far as 8 bytes alignment allows. */
	if (guarded && (m->config.guard & RTS_MEM_GUARD_HEAD) == 0)
		c->whole.address += pages * PAGE_BYTES - ((bytes + 7) & ~7ULL);
	enter(m, record);
	*ret = c->whole.address;
	return EFI_SUCCESS;
}

static EFI_STATUS whole_free(struct rts_mem *m, uint32_t record,
			     EFI_PHYSICAL_ADDRESS buffer)
{
	const struct chunk *c = mem_record(m, record);
	EFI_STATUS status;

	if (buffer != c->whole.address)
		return EFI_INVALID_PARAMETER;
	status = mem_give(m, c->first, c->first + c->whole.pages, OWNED_BY(c->owner));
	if (status == EFI_SUCCESS)
		leave(m, record);
	return status;
}

/* Services. */

EFI_STATUS rts_mem_allocate_pool(struct rts_mem *m, uint32_t type, uint64_t size,
				 EFI_PHYSICAL_ADDRESS *ret)
{
	bool guarded;
	uint32_t head;
	EFI_STATUS status;

	if (m->phase >= MEM_RUNTIME)
		return EFI_UNSUPPORTED;
	if (ret == NULL || !mem_type_can(type))
		return EFI_INVALID_PARAMETER;
	head = head_get(m, type);
	if (head == 0)
		return EFI_OUT_OF_RESOURCES;
	guarded = mem_guards(m, RTS_MEM_GUARD_POOL, type);
	/* Memory that is not to be used again is not shared. */
	if (guarded || size > SIZE_MAX_SHARED ||
	    (m->config.guard & RTS_MEM_GUARD_FREED) != 0)
		status = whole_new(m, head, size, guarded, ret);
	else
		status = shared_new(m, head, size, ret);
	if (status == EFI_SUCCESS)
		m->blocks++;
	else
		head_drop(m, head);
	return status;
}

EFI_STATUS rts_mem_free_pool(struct rts_mem *m, EFI_PHYSICAL_ADDRESS buffer)
{
	const struct chunk *c;
	uint32_t record, head;
	EFI_STATUS status;

	if (m->phase >= MEM_RUNTIME)
		return EFI_UNSUPPORTED;
	record = find(m, buffer >> PAGE_SHIFT);
	if (record == 0)
		return EFI_INVALID_PARAMETER;
	c = mem_record(m, record);
	head = c->head;
	status = c->size_class == WHOLE ? whole_free(m, record, buffer)
					: shared_free(m, record, buffer);
	if (status == EFI_SUCCESS) {
		m->blocks--;
		head_drop(m, head);
	}
	return status;
}

/* Self-check. */

static uint32_t check_chunk(struct rts_mem *m, struct chunk *c, uint64_t bucket)
{
	const struct mem_run run = mem_tree_run(m, c->first);
	const uint64_t *bits = bits_of(m, c);
	uint32_t free = 0;
	uint64_t pages = c->size_class == WHOLE ? c->whole.pages : c->pages;

	if ((uint64_t)(bucket_of(m, c->first) - m->chunks) != bucket ||
	    run.end < c->first + pages || mem_class(m, run.class)->owner != c->owner ||
	    mem_class(m, run.class)->type != ((struct head *)mem_node(m, c->head))->type)
		return UINT32_MAX;
	if (c->size_class == WHOLE)
		return 1;
	for (uint32_t i = 0; i < c->blocks; i += 64)
		free += (uint32_t)__builtin_popcountll(bits[i / 64]);
	return free == c->free ? (uint32_t)(c->blocks - free) : UINT32_MAX;
}

bool mem_pool_check(struct rts_mem *m)
{
	uint64_t blocks = 0, records = 0;

	for (uint32_t i = 0; i < m->chunk_count; i++)
		for (uint32_t r = m->chunks[i]; r != 0; records++) {
			struct chunk *c = mem_record(m, r);
			const uint32_t n = check_chunk(m, c, i);

			if (n == UINT32_MAX)
				return false;
			blocks += n;
			r = c->bucket;
		}
	for (uint32_t i = 0; i < POOL_TYPES; i++)
		for (uint32_t h = m->heads[i]; h != 0;
		     h = ((struct head *)mem_node(m, h))->next)
			records -= ((struct head *)mem_node(m, h))->records;
	return blocks == m->blocks && records == 0;
}
