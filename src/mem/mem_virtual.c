/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SetVirtualAddressMap and ConvertPointer (UEFI 2.10 §8.4). The whole map is checked before
 * it counts: the call can be made once only.
 */
#include "base/mem.h"
#include "mem/mem_priv.h"

typedef uint64_t key_of(const struct mem_virtual *v);

static uint64_t by_physical(const struct mem_virtual *v)
{
	return v->first;
}

static uint64_t by_virtual(const struct mem_virtual *v)
{
	return v->virtual_start;
}

static void sift(struct mem_virtual *v, size_t at, size_t n, key_of *key)
{
	const struct mem_virtual moving = v[at];

	for (size_t child; (child = at * 2 + 1) < n; at = child) {
		child += child + 1 < n && key(&v[child + 1]) > key(&v[child]);
		if (key(&v[child]) <= key(&moving))
			break;
		v[at] = v[child];
	}
	v[at] = moving;
}

/* Ascending, in place, in n log n steps for any order. */
static void sort(struct mem_virtual *v, size_t n, key_of *key)
{
	for (size_t i = n / 2; i-- > 0;)
		sift(v, i, n, key);
	for (size_t i = n; i-- > 1;) {
		const struct mem_virtual first = v[0];

		v[0] = v[i];
		v[i] = first;
		sift(v, 0, i, key);
	}
}

/* Whether ranges overlap, in physical or virtual addresses. Leaves them in physical order.
 */
static bool overlap(struct mem_virtual *v, size_t n)
{
	bool ret = false;

	sort(v, n, by_virtual);
	for (size_t i = 1; i < n; i++)
		ret |= v[i].virtual_start - v[i - 1].virtual_start <
		       (v[i - 1].end - v[i - 1].first) << PAGE_SHIFT;
	sort(v, n, by_physical);
	for (size_t i = 1; i < n; i++)
		ret |= v[i].first < v[i - 1].end;
	return ret;
}

/* Whether the memory map has all of [first, end). */
static bool in_map(struct rts_mem *m, uint64_t first, uint64_t end)
{
	while (first < end) {
		const struct mem_run run = mem_tree_run(m, first);

		if (mem_class(m, run.class)->hidden)
			return false;
		first = run.end;
	}
	return true;
}

/* Whether each page that the runtime needs is in one of the ranges. */
static bool all_mapped(struct rts_mem *m, const struct mem_virtual *v, size_t n)
{
	size_t i = 0;
	struct mem_run run;

	for (uint64_t page = 0; page < SPACE_PAGES; page = run.end) {
		const struct mem_class *c;

		run = mem_tree_run(m, page);
		c = mem_class(m, run.class);
		if (c->hidden || (c->attributes & EFI_MEMORY_RUNTIME) == 0)
			continue;
		while (page < run.end) {
			while (i < n && v[i].end <= page)
				i++;
			if (i == n || v[i].first > page)
				return false;
			page = v[i].end;
		}
	}
	return true;
}

static bool descriptor_ok(const EFI_MEMORY_DESCRIPTOR *d)
{
	const uint64_t bytes = d->NumberOfPages << PAGE_SHIFT;

	return d->PhysicalStart % PAGE_BYTES == 0 && d->NumberOfPages != 0 &&
	       d->NumberOfPages <= SPACE_PAGES - (d->PhysicalStart >> PAGE_SHIFT) &&
	       ((d->Attribute & EFI_MEMORY_RUNTIME) == 0 ||
		(d->VirtualStart % PAGE_BYTES == 0 &&
		 bytes - 1 <= UINT64_MAX - d->VirtualStart));
}

EFI_STATUS rts_mem_virtual_begin(struct rts_mem *m, uint64_t size, uint64_t descriptor_size,
				 uint32_t version, const void *map)
{
	/* Boot services are gone: what their pools needed is ours, or what nobody needed.
	 */
	struct mem_virtual *v = (struct mem_virtual *)m->chunks;
	size_t cap = m->chunk_count * sizeof *m->chunks, n = 0;
	const uint8_t *p = map;
	EFI_MEMORY_DESCRIPTOR d;
	bool found = true;

	if (m->phase != MEM_RUNTIME)
		return EFI_UNSUPPORTED;
	if (version != EFI_MEMORY_DESCRIPTOR_VERSION || descriptor_size < sizeof d ||
	    size % descriptor_size != 0 || (map == NULL && size != 0))
		return EFI_INVALID_PARAMETER;
	if ((uint64_t)(m->node_count - m->fresh) * NODE_BYTES > cap) {
		v = (struct mem_virtual *)(m->nodes + (size_t)m->fresh * NODE_BYTES);
		cap = (size_t)(m->node_count - m->fresh) * NODE_BYTES;
	}
	for (uint64_t i = 0; i < size / descriptor_size; i++) {
		uint64_t first, end;

		memcpy(&d, p + i * descriptor_size, sizeof d);
		if (!descriptor_ok(&d))
			return EFI_INVALID_PARAMETER;
		first = d.PhysicalStart >> PAGE_SHIFT;
		end = first + d.NumberOfPages;
		found = found && in_map(m, first, end);
		if ((d.Attribute & EFI_MEMORY_RUNTIME) == 0)
			continue; /* Linux passes boot services memory, too */
		if (n == cap / sizeof *v)
			return EFI_OUT_OF_RESOURCES;
		v[n++] = (struct mem_virtual){first, end, d.VirtualStart};
	}
	if (overlap(v, n))
		return EFI_INVALID_PARAMETER;
	if (!m->config.lax_virtual_map && !found)
		return EFI_NOT_FOUND;
	if (!m->config.lax_virtual_map && !all_mapped(m, v, n))
		return EFI_NO_MAPPING;
	m->ranges = v;
	m->range_count = n;
	m->phase = MEM_CONVERTING;
	return EFI_SUCCESS;
}

void rts_mem_virtual_end(struct rts_mem *m)
{
	if (m->phase == MEM_CONVERTING)
		m->phase = MEM_VIRTUAL;
}

EFI_STATUS rts_mem_convert(const struct rts_mem *m, uint64_t disposition, uint64_t *address)
{
	size_t low = 0, high = m->range_count;
	uint64_t page;

	if (address == NULL || (*address == 0 && (disposition & EFI_OPTIONAL_PTR) == 0))
		return EFI_INVALID_PARAMETER;
	if (*address == 0)
		return EFI_SUCCESS;
	if (m->phase != MEM_CONVERTING)
		return EFI_UNSUPPORTED;
	page = *address >> PAGE_SHIFT;
	while (low < high) {
		const size_t at = low + (high - low) / 2;

		if (m->ranges[at].end <= page)
			low = at + 1;
		else
			high = at;
	}
	if (low == m->range_count || m->ranges[low].first > page)
		return EFI_NOT_FOUND;
	*address = *address - (m->ranges[low].first << PAGE_SHIFT) +
		   m->ranges[low].virtual_start;
	return EFI_SUCCESS;
}
