/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks over all memory of the image, in chunks that threads take one after the other; who
 * looks at them is the caller's. What each thread hit becomes one ascending list.
 */
#include <stdlib.h>
#include <string.h>

#include "scan/scan_priv.h"

#define PAGE        4096U
#define CHUNK       (4U << 20)   /* what a thread takes at a time */
#define PACKED      (256U << 10) /* ... at once, where it has to be unpacked */
#define DROP_EVERY  (64U << 20)  /* bytes of packed memory */
#define THREADS_MAX 64U

struct walk {
	struct scan *s;
	void (*look)(struct scan_piece *p, struct bytes view, uint64_t at);
	uint64_t total;
	uint64_t next, done; /* shared by the threads */
	bool stop;           /* this one, too */
	struct scan_piece *piece;
};

void rts_scan_hit(struct scan_piece *p, unsigned kind, uint64_t at)
{
	struct scan_hits *h = &p->hits[kind];

	if (h->count == SCAN_HITS_MAX)
		h->full = true;
	else if (rts_scan_room((void **)&h->at, h->count, &h->cap, sizeof *h->at,
			       SCAN_HITS_MAX))
		h->at[h->count++] = at;
	else
		p->no_memory = true;
}

bool rts_scan_readable(struct scan *s, uint64_t at)
{
	uint8_t byte;

	return rts_dump_read_all(s->dump, at, &byte, 1);
}

static void look_through(struct walk *w, struct scan_piece *p, uint64_t at, uint64_t end,
			 uint8_t *buf)
{
	const struct rts_scan_config *c = w->s->config;

	while (at < end) {
		/* to the end of a page: none is seen in two halves */
		const uint64_t left = end - at, most = PACKED - at % PAGE;
		uint64_t offset;
		const bool plain = rts_dump_file_offset(c->dump, at, &offset);
		const size_t cap = (size_t)(plain || left < most ? left : most);
		const struct bytes view = rts_dump_view(c->dump, at, buf, cap);

		if (view.n == 0) {
			at += PAGE - at % PAGE;
			continue;
		}
		if (plain && c->window != NULL)
			c->window(c->ctx, offset, view.n, true);
		w->look(p, view, at);
		if (plain && c->window != NULL)
			c->window(c->ctx, offset, view.n, false);
		/* where what is packed lies in the file, only the reader knows */
		if (!plain && c->window != NULL &&
		    p->bytes / DROP_EVERY != (p->bytes + view.n) / DROP_EVERY)
			c->window(c->ctx, 0, UINT64_MAX, false);
		p->bytes += view.n;
		at += view.n;
	}
}

/* Chunks of a range begin and end with a page where the range itself does not. */
static uint64_t chunk_start(const struct rts_dump_range *r, uint64_t i)
{
	return i == 0 ? r->start : r->start - r->start % PAGE + i * CHUNK;
}

static uint64_t chunk_count(const struct rts_dump_range *r)
{
	return (r->start % PAGE + r->len + CHUNK - 1) / CHUNK;
}

static void work(void *arg, unsigned no)
{
	struct walk *w = arg;
	struct scan_piece *p = &w->piece[no];
	const struct rts_scan_config *c = w->s->config;
	const size_t count = rts_dump_range_count(c->dump);
	/* a little more than one, for rts_dump_view() wants a page at least */
	uint8_t *buf = malloc(CHUNK + PAGE);
	uint64_t first = 0; /* the number of the range's first chunk */
	size_t i = 0;

	if (buf == NULL) {
		p->no_memory = true;
		return;
	}
	while (!__atomic_load_n(&w->stop, __ATOMIC_RELAXED)) {
		const uint64_t no_chunk = __atomic_fetch_add(&w->next, 1, __ATOMIC_RELAXED);
		const struct rts_dump_range *r;
		uint64_t at, end, done;

		while (i < count &&
		       no_chunk - first >= chunk_count(rts_dump_range(c->dump, i)))
			first += chunk_count(rts_dump_range(c->dump, i++));
		if (i == count)
			break;
		r = rts_dump_range(c->dump, i);
		at = chunk_start(r, no_chunk - first);
		end = no_chunk - first + 1 < chunk_count(r)
			      ? chunk_start(r, no_chunk - first + 1)
			      : r->start + r->len;
		look_through(w, p, at, end, buf);
		done = __atomic_add_fetch(&w->done, end - at, __ATOMIC_RELAXED);
		if (c->progress != NULL && !c->progress(c->ctx, done, w->total))
			__atomic_store_n(&w->stop, true, __ATOMIC_RELAXED);
	}
	free(buf);
}

static int by_address(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Each piece has the lowest of its own hits, so together they have the lowest of all,
 * whichever thread took which chunk. */
static bool merge(const struct walk *w, unsigned pieces, unsigned kind,
		  struct scan_hits *all)
{
	size_t count = 0;

	for (unsigned i = 0; i < pieces; i++)
		count += w->piece[i].hits[kind].count;
	if (count == 0)
		return true;
	all->at = malloc(count * sizeof *all->at);
	if (all->at == NULL)
		return false;
	all->cap = count;
	for (unsigned i = 0; i < pieces; i++) {
		const struct scan_hits *h = &w->piece[i].hits[kind];

		if (h->count > 0)
			memcpy(all->at + all->count, h->at, h->count * sizeof *h->at);
		all->count += h->count;
		all->full |= h->full;
	}
	if (pieces > 1)
		qsort(all->at, all->count, sizeof *all->at, by_address);
	if (all->count > SCAN_HITS_MAX) {
		all->count = SCAN_HITS_MAX;
		all->full = true;
	}
	return true;
}

static EFI_STATUS gather(const struct walk *w, unsigned pieces, unsigned kinds,
			 struct scan_hits *ret)
{
	uint64_t bytes = 0;

	if (w->stop)
		return diag(w->s->d, EFI_ABORTED, "stopped");
	for (unsigned i = 0; i < pieces; i++) {
		bytes += w->piece[i].bytes;
		if (w->piece[i].no_memory)
			return EFI_OUT_OF_RESOURCES;
	}
	for (unsigned k = 0; k < kinds; k++)
		if (!merge(w, pieces, k, &ret[k]))
			return EFI_OUT_OF_RESOURCES;
	w->s->report->bytes_scanned = bytes; /* of each walk the same */
	return EFI_SUCCESS;
}

EFI_STATUS rts_scan_memory(struct scan *s,
			   void (*look)(struct scan_piece *p, struct bytes view,
					uint64_t at),
			   const void *arg, unsigned kinds, struct scan_hits *ret)
{
	const struct rts_scan_config *c = s->config;
	const unsigned pieces = c->threads == 0            ? 1
				: c->threads < THREADS_MAX ? c->threads
							   : THREADS_MAX;
	struct walk w = {.s = s, .look = look};
	EFI_STATUS status;

	for (size_t i = 0; i < rts_dump_range_count(c->dump); i++)
		w.total += rts_dump_range(c->dump, i)->len;
	w.piece = calloc(pieces, sizeof *w.piece);
	if (w.piece == NULL)
		return EFI_OUT_OF_RESOURCES;
	for (unsigned i = 0; i < pieces; i++)
		w.piece[i].arg = arg;
	if (c->parallel != NULL && pieces > 1)
		c->parallel(c->ctx, work, &w, pieces);
	else
		for (unsigned i = 0; i < pieces; i++)
			work(&w, i);
	status = gather(&w, pieces, kinds, ret);
	for (unsigned i = 0; i < pieces; i++)
		for (unsigned k = 0; k < kinds; k++)
			free(w.piece[i].hits[k].at);
	free(w.piece);
	return status;
}
