/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables of spans: of memory in an image, and of pieces of a flattened file. Put in order
 * and freed of overlap in n log n, for headers may say anything of themselves.
 */
#include <stdlib.h>

#include "dump/dump_priv.h"

EFI_STATUS dump_spans_add(struct dump_spans *s, struct dump_span span)
{
	if (s->count == s->cap) {
		size_t cap = s->cap != 0 ? 2 * s->cap : 16;
		struct dump_span *v = realloc(s->v, cap * sizeof *v);

		if (v == NULL)
			return EFI_OUT_OF_RESOURCES;
		s->v = v;
		s->cap = cap;
	}
	s->v[s->count++] = span;
	return EFI_SUCCESS;
}

static uint64_t end_of(const struct dump_span *s)
{
	return s->r.start + s->r.len;
}

/* What is left of @s from @at on, up to @end. */
static struct dump_span part_of(const struct dump_span *s, uint64_t at, uint64_t end)
{
	struct dump_span part = *s;

	part.r.start = at;
	part.r.len = end - at;
	if (part.r.has_virtual)
		part.r.virtual_start += at - s->r.start;
	if (part.p != NULL)
		part.p += at - s->r.start;
	return part;
}

static bool continues(const struct dump_span *a, const struct dump_span *b)
{
	return end_of(a) == b->r.start && a->p != NULL && a->p + a->r.len == b->p &&
	       a->r.has_virtual == b->r.has_virtual &&
	       (!a->r.has_virtual || a->r.virtual_start + a->r.len == b->r.virtual_start);
}

/* Adds @b behind all others; memory is not needed where it joins the last one. */
static EFI_STATUS append(struct dump_spans *s, struct dump_span b)
{
	struct dump_span *last = s->count > 0 ? &s->v[s->count - 1] : NULL;

	if (last == NULL || !continues(last, &b))
		return dump_spans_add(s, b);
	last->r.len += b.r.len;
	return EFI_SUCCESS;
}

/* Indices by priority: the lowest is on top. */
struct heap {
	uint32_t *v;
	size_t count;
};

static void heap_push(struct heap *h, uint32_t x)
{
	size_t i = h->count++;

	for (; i > 0 && h->v[(i - 1) / 2] > x; i = (i - 1) / 2)
		h->v[i] = h->v[(i - 1) / 2];
	h->v[i] = x;
}

static void heap_pop(struct heap *h)
{
	uint32_t x = h->v[--h->count];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < h->count) {
		child += child + 1 < h->count && h->v[child + 1] < h->v[child];
		if (h->v[child] >= x)
			break;
		h->v[i] = h->v[child];
		i = child;
	}
	h->v[i] = x;
}

/* Goes over @by_start from low to high; @heap has those that hold the place reached. */
static EFI_STATUS sweep(const struct dump_spans *s, const uint32_t *by_start,
			struct heap *heap, struct dump_spans *ret)
{
	EFI_STATUS status = EFI_SUCCESS;
	uint64_t at = 0;
	size_t i = 0;

	while (status == EFI_SUCCESS && (i < s->count || heap->count > 0)) {
		const struct dump_span *top;
		uint64_t end;

		if (heap->count == 0)
			at = s->v[by_start[i]].r.start;
		for (; i < s->count && s->v[by_start[i]].r.start <= at; i++)
			heap_push(heap, by_start[i]);
		top = &s->v[heap->v[0]];
		if (end_of(top) <= at) {
			heap_pop(heap);
			continue;
		}
		end = end_of(top);
		if (i < s->count && s->v[by_start[i]].r.start < end)
			end = s->v[by_start[i]].r.start;
		status = append(ret, part_of(top, at, end));
		at = end;
	}
	return status;
}

static int compare_start(const void *a, const void *b, void *v)
{
	const struct dump_span *s = v;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;

	if (s[i].r.start != s[j].r.start)
		return s[i].r.start < s[j].r.start ? -1 : 1;
	return i < j ? -1 : 1;
}

static EFI_STATUS sort(struct dump_spans *s, bool *ret_overlap)
{
	uint32_t *by_start = calloc(s->count, sizeof *by_start);
	struct heap heap = {calloc(s->count, sizeof *heap.v), 0};
	struct dump_spans sorted = {0};
	EFI_STATUS status = EFI_OUT_OF_RESOURCES;

	if (by_start != NULL && heap.v != NULL) {
		for (uint32_t i = 0; i < s->count; i++)
			by_start[i] = i;
		qsort_r(by_start, s->count, sizeof *by_start, compare_start, s->v);
		for (size_t i = 1; i < s->count; i++)
			*ret_overlap |=
				end_of(&s->v[by_start[i - 1]]) > s->v[by_start[i]].r.start;
		status = sweep(s, by_start, &heap, &sorted);
	}
	free(by_start);
	free(heap.v);
	if (status != EFI_SUCCESS) {
		free(sorted.v);
		return status;
	}
	free(s->v);
	*s = sorted;
	return EFI_SUCCESS;
}

EFI_STATUS dump_spans_sort(struct dump_spans *s, bool *ret_overlap)
{
	size_t count = s->count, i = 1;

	*ret_overlap = false;
	while (i < count && end_of(&s->v[i - 1]) <= s->v[i].r.start)
		i++;
	if (i < count)
		return sort(s, ret_overlap);
	/* Most files have them in order. */
	s->count = 0;
	for (i = 0; i < count; i++)
		(void)append(s, s->v[i]);
	return EFI_SUCCESS;
}

size_t dump_spans_find(const struct dump_spans *s, uint64_t at)
{
	size_t low = 0, high = s->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (end_of(&s->v[mid]) <= at)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}
