/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The arena: nodes of 512 bytes for the tree, the classes and the pools' heads, and records
 * of 64 bytes for the pools' chunks, seven of which share a node. All that is given back is
 * used again.
 */
#include "base/mem.h"
#include "mem/mem_priv.h"

uint32_t mem_node_new(struct rts_mem *m)
{
	uint32_t node = m->free_node;

	if (node != 0) {
		memcpy(&m->free_node, mem_node(m, node), sizeof m->free_node);
		m->free_count--;
	} else if (m->fresh < m->node_count) {
		node = ++m->fresh;
	} else {
		return 0;
	}
	memset(mem_node(m, node), 0, NODE_BYTES);
	return node;
}

uint32_t mem_node_get(struct rts_mem *m)
{
	return mem_nodes_free(m) > mem_spare(m) ? mem_node_new(m) : 0;
}

void mem_node_free(struct rts_mem *m, uint32_t node)
{
	memcpy(mem_node(m, node), &m->free_node, sizeof m->free_node);
	m->free_node = node;
	m->free_count++;
}

/* The first record of a node of records. Nodes with room are linked. */
struct record_node {
	uint32_t used; /* a bit for each record; bit 0 is this one */
	uint32_t prev, next;
};

static void record_node_link(struct rts_mem *m, uint32_t node)
{
	struct record_node *r = mem_node(m, node);

	r->prev = 0;
	r->next = m->record_nodes;
	if (r->next != 0)
		((struct record_node *)mem_node(m, r->next))->prev = node;
	m->record_nodes = node;
}

static void record_node_unlink(struct rts_mem *m, uint32_t node)
{
	struct record_node *r = mem_node(m, node);

	if (r->prev != 0)
		((struct record_node *)mem_node(m, r->prev))->next = r->next;
	else
		m->record_nodes = r->next;
	if (r->next != 0)
		((struct record_node *)mem_node(m, r->next))->prev = r->prev;
}

#define RECORDS_ALL ((1U << RECORDS_PER_NODE) - 1)

uint32_t mem_record_new(struct rts_mem *m)
{
	uint32_t node = m->record_nodes, record;
	struct record_node *r;

	if (node == 0) {
		node = mem_node_get(m);
		if (node == 0)
			return 0;
		r = mem_node(m, node);
		r->used = 1;
		record_node_link(m, node);
	}
	r = mem_node(m, node);
	record = (uint32_t)__builtin_ctz(~r->used);
	r->used |= 1U << record;
	if (r->used == RECORDS_ALL)
		record_node_unlink(m, node);
	record += node * RECORDS_PER_NODE;
	memset(mem_record(m, record), 0, RECORD_BYTES);
	return record;
}

void mem_record_free(struct rts_mem *m, uint32_t record)
{
	const uint32_t node = record / RECORDS_PER_NODE;
	struct record_node *r = mem_node(m, node);

	if (r->used == RECORDS_ALL)
		record_node_link(m, node);
	r->used &= ~(1U << record % RECORDS_PER_NODE);
	if (r->used == 1) {
		record_node_unlink(m, node);
		mem_node_free(m, node);
	}
}
