/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of this room share. The physical address space is one sequence of runs
 * without gaps; a run is a word (first page, class), and reaches to the next word. A class
 * is what pages have in common: memory type, attributes, who holds them. So the map is what
 * a page array would be, run-length encoded, in a B+ tree.
 */
#pragma once

#include "runtserv/mem.h"

#define PAGE_SHIFT  12U
#define PAGE_BYTES  (1ULL << PAGE_SHIFT)
#define SPACE_PAGES (1ULL << (64 - PAGE_SHIFT))

/* Who holds a page. */
enum mem_owner {
	MEM_HOLE,       /* no memory known here */
	MEM_PLATFORM,   /* told by rts_mem_add() */
	MEM_FREE,       /* to be given out */
	MEM_NULL,       /* page 0, free to the eye, never given out */
	MEM_QUARANTINE, /* freed under RTS_MEM_GUARD_FREED */
	MEM_PAGES,
	MEM_PAGES_GUARDED,
	MEM_POOL,
	MEM_POOL_GUARDED,
	MEM_GUARD,
};
#define OWNED_BY(owner) (1U << (owner))

/* A class; its number is the low half of a word. Pages of a usable class are free, and not
 * set aside for those who ask by address. */
struct mem_class {
	uint64_t attributes; /* RUNTIME as the map shows it */
	uint32_t type;
	uint32_t refs;  /* words that name it */
	uint32_t stamp; /* the call that last asked for it */
	uint16_t next;  /* in its bucket */
	uint8_t owner;
	uint8_t hidden; /* not in the memory map */
};

#define CLASS_BITS   PAGE_SHIFT
#define CLASS_COUNT  (1U << CLASS_BITS)
#define CLASS_USABLE (CLASS_COUNT / 2) /* this bit in a number: usable */
#define CLASS_HOLE   0U
#define CLASS_NONE   UINT16_MAX

/* The arena is nodes of this size, by number; number 0 is none. */
#define NODE_BYTES       512U
#define NODES_MAX        (UINT32_MAX / RECORDS_PER_NODE - 1)
#define CLASSES_PER_NODE 16U
#define CLASS_BUCKETS    256U
#define TREE_HEIGHT_MAX  12U
_Static_assert(sizeof(struct mem_class) * CLASSES_PER_NODE <= NODE_BYTES,
	       "classes fit a node");

struct mem_leaf {
	uint32_t next;
	uint32_t n;
	uint64_t word[63];
};
_Static_assert(sizeof(struct mem_leaf) == NODE_BYTES, "a leaf fills a node");

/* @first: of the child's pages. @max: the longest usable run below the child. */
struct mem_inner {
	uint32_t n;
	uint32_t child[25];
	uint64_t first[25];
	uint64_t max[25];
};
_Static_assert(sizeof(struct mem_inner) <= NODE_BYTES, "an inner node fits a node");

/* Records of 64 bytes, seven to a node, whose eighth is the node's own. */
#define RECORD_BYTES     64U
#define RECORDS_PER_NODE (NODE_BYTES / RECORD_BYTES)

#define POOL_CLASSES 28U
#define POOL_TYPES   64U /* buckets of heads */

struct mem_run {
	uint64_t first, end; /* pages */
	uint32_t class;
};

/* A leaf, the way to it, and a run in it. A copy of what the tree says: used again while
 * the pages looked for lie there, forgotten when nodes change. */
struct mem_place {
	uint64_t first, end; /* the leaf's pages; none: nothing is known */
	struct mem_leaf *leaf;
	struct mem_run run; /* of word @i - 1; an empty one: not known */
	uint32_t i;
	uint32_t node; /* the leaf's number */
	struct {
		struct mem_inner *inner;
		uint32_t at;
	} level[TREE_HEIGHT_MAX];
};

enum mem_phase { MEM_BOOT, MEM_EXITING, MEM_RUNTIME, MEM_CONVERTING, MEM_VIRTUAL };

/* One range that the operating system gave virtual addresses for. */
struct mem_virtual {
	uint64_t first, end; /* pages */
	uint64_t virtual_start;
};

struct rts_mem {
	struct rts_mem_config config;
	struct rts_mem_hooks hooks;
	enum mem_phase phase;
	uint64_t key;

	/* arena */
	uint8_t *nodes;
	uint32_t node_count, fresh, free_node, free_count;
	uint32_t record_nodes; /* those with room */

	/* runs */
	uint32_t root;
	uint32_t height;        /* levels above the leaves */
	uint64_t entries;       /* that GetMemoryMap has to show */
	struct mem_place place; /* where a service looked last */

	/* classes */
	uint32_t call;         /* counts calls; see mem_class.stamp */
	uint32_t class_end[2]; /* below and above CLASS_USABLE: the first never used */
	uint32_t class_node[CLASS_COUNT / CLASSES_PER_NODE];
	uint16_t class_bucket[CLASS_BUCKETS];

	/* pools */
	uint32_t heads[POOL_TYPES];
	uint32_t *chunks; /* buckets of records; in the arena */
	uint32_t chunk_count;
	uint32_t blocks; /* that are allocated */
	uint32_t size_inverse[POOL_CLASSES];

	/* virtual addresses, where the buckets were */
	struct mem_virtual *ranges;
	size_t range_count;
};

/* mem_arena.c */
static inline void *mem_node(const struct rts_mem *m, uint32_t node)
{
	return m->nodes + (size_t)(node - 1) * NODE_BYTES;
}
static inline void *mem_record(const struct rts_mem *m, uint32_t record)
{
	return m->nodes + (size_t)record * RECORD_BYTES - NODE_BYTES;
}
static inline uint32_t mem_nodes_free(const struct rts_mem *m)
{
	return m->free_count + (m->node_count - m->fresh);
}
/* Nodes that are left for freeing: it may need some, and must not fail for what others
 * took. */
static inline uint32_t mem_spare(const struct rts_mem *m)
{
	return 4 * (m->height + 3);
}
uint32_t mem_node_new(struct rts_mem *m); /* zeroed; 0: none is left */
uint32_t mem_node_get(struct rts_mem *m); /* the same, but for the spare ones */
void mem_node_free(struct rts_mem *m, uint32_t node);
uint32_t mem_record_new(struct rts_mem *m); /* zeroed; 0: none is left */
void mem_record_free(struct rts_mem *m, uint32_t record);

/* mem_class.c */
static inline struct mem_class *mem_class(const struct rts_mem *m, uint32_t class)
{
	struct mem_class *c = mem_node(m, m->class_node[class / CLASSES_PER_NODE]);

	return c + class % CLASSES_PER_NODE;
}
EFI_STATUS mem_class_init(struct rts_mem *m);
/* The number of a class with these properties, which stays valid during the call @m->call
 * without being referred to; CLASS_NONE: no room for it. */
uint32_t mem_class_get(struct rts_mem *m, uint32_t type, uint64_t attributes,
		       enum mem_owner owner);
/* Capabilities that operating systems take for settings are not told. */
static inline uint64_t mem_class_shown(const struct mem_class *c)
{
	return c->attributes & ~(EFI_MEMORY_RP | EFI_MEMORY_XP | EFI_MEMORY_RO);
}
/* Whether the map shows no border between the two. */
static inline bool mem_class_alike(const struct mem_class *a, const struct mem_class *b)
{
	return a->hidden || b->hidden
		       ? a->hidden == b->hidden
		       : a->type == b->type && mem_class_shown(a) == mem_class_shown(b);
}

/* mem_tree.c */
EFI_STATUS mem_tree_init(struct rts_mem *m);
/* Whether there is room for @borders new words; with @spare, also for freeing after that. A
 * change without new words, anywhere, needs none. */
bool mem_tree_room(const struct rts_mem *m, uint32_t borders, bool spare);
/* Makes [first, end) a run of @class. */
void mem_tree_set(struct rts_mem *m, uint64_t first, uint64_t end, uint32_t class);
struct mem_run mem_tree_run(struct rts_mem *m, uint64_t page);
/* The highest usable run that has @pages pages below the page @below. */
bool mem_tree_find(struct rts_mem *m, uint64_t pages, uint64_t below, struct mem_run *ret);
const struct mem_leaf *mem_tree_first(const struct rts_mem *m);
bool mem_tree_check(struct rts_mem *m);

/* mem_pages.c */
bool mem_type_can(uint32_t type);                             /* be allocated */
uint64_t mem_granule(const struct rts_mem *m, uint32_t type); /* pages */
bool mem_guards(const struct rts_mem *m, unsigned what, uint32_t type);
/* Pages that somebody wants. */
struct mem_request {
	uint32_t type;
	enum mem_owner owner; /* a guarded one: between guards */
	uint64_t pages;
	uint64_t align; /* pages */
	uint64_t below; /* page */
	bool thorough;  /* however long it takes to find them */
};
EFI_STATUS mem_take(struct rts_mem *m, const struct mem_request *r, uint64_t *ret_first);
/* Frees [first, end) if all of it is held by one of @owners, else EFI_NOT_FOUND. */
EFI_STATUS mem_give(struct rts_mem *m, uint64_t first, uint64_t end, unsigned owners);

/* mem_pool.c */
void mem_pool_init(struct rts_mem *m);
bool mem_pool_check(struct rts_mem *m);
