/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names images in memory. A known image is placed where the one in memory lies, and their
 * code is compared byte by byte: with the known image's sections and fixups, since what
 * memory says of them may have been forged to hide a patch; with the sections that memory
 * claims besides, since a patch may have brought its own. What is not nearly the same is
 * compared by the set of short pieces of code that it consists of.
 */
#include <stdlib.h>
#include <string.h>

#include "base/guid.h"
#include "scan/scan_priv.h"

#define PAGE 4096U

/* ---- byte by byte ---- */

struct trial {
	const struct scan_known_image *known;
	uint32_t differing;
	struct scan_run runs[SCAN_RUNS_MAX];
	size_t run_count;
	size_t others; /* bytes that differ outside of code and header */
};

static void mark_code(const struct rts_pe_image *pe, uint8_t *code, size_t len)
{
	struct rts_pe_section s;

	for (unsigned i = 0; rts_pe_image_section(pe, i, &s); i++)
		if (s.execute && s.start < len)
			memset(code + s.start, 1,
			       s.size < len - s.start ? s.size : len - s.start);
}

/* What is not in the memory image cannot differ. */
static void unmark_missing(struct scan *s, const struct scan_image *img, uint8_t *code)
{
	uint8_t byte;

	for (size_t at = 0; at < img->len;) {
		const size_t page = PAGE - (size_t)((img->base + at) % PAGE);
		const size_t n = page < img->len - at ? page : img->len - at;

		if (!rts_dump_read_all(s->dump, img->base + at, &byte, 1))
			memset(code + at, 0, n);
		at += n;
	}
}

static void add_byte(struct trial *t, size_t at)
{
	struct scan_run *last = t->run_count > 0 ? &t->runs[t->run_count - 1] : NULL;

	t->differing++;
	if (last != NULL && last->start + last->len == at)
		last->len++;
	else if (t->run_count < SCAN_RUNS_MAX)
		t->runs[t->run_count++] = (struct scan_run){(uint32_t)at, 1};
}

/* True: at least three quarters of the code that is not zero are the same. */
static bool compare(const struct scan_fixups *f, const uint8_t *code, struct trial *t)
{
	uint64_t significant = 0;

	for (size_t i = 0; i < f->len; i++) {
		const bool differs = f->mem[i] != f->want[i];

		if (code[i] == 0) {
			t->others += differs && i >= f->pe->header_len;
			continue;
		}
		significant += f->want[i] != 0;
		if (differs)
			add_byte(t, i);
	}
	return significant != 0 && t->differing * 4ULL < significant;
}

static EFI_STATUS try(struct scan *s, const struct scan_image *img,
		      const struct scan_known_image *known, struct trial *ret)
{
	struct trial t = {.known = known};
	struct scan_fixups f;
	EFI_STATUS status = rts_scan_fixups(s, img, 0, known, &f);
	uint8_t *code;

	if (status != EFI_SUCCESS)
		return status;
	code = calloc(1, f.len);
	if (code == NULL) {
		s->no_memory = true;
		status = EFI_OUT_OF_RESOURCES;
	} else {
		mark_code(&known->pe, code, f.len);
		if (img->header)
			mark_code(&img->pe, code, img->len);
		if (img->missing != 0)
			unmark_missing(s, img, code);
		if (!compare(&f, code, &t))
			status = EFI_NOT_FOUND;
	}
	free(code);
	rts_scan_fixups_fini(&f);
	if (status == EFI_SUCCESS)
		*ret = t;
	return status;
}

bool rts_scan_is(struct scan *s, const struct scan_image *img,
		 const struct scan_known_image *known)
{
	struct trial t;

	return try(s, img, known, &t) == EFI_SUCCESS;
}

static uint64_t pages(uint64_t len)
{
	return (len + PAGE - 1) / PAGE;
}

static bool may_be(const struct scan_image *img, const struct scan_known_image *known)
{
	return pages(known->pe.size) == pages(img->len) ||
	       (img->header && pages(known->pe.size) == pages(img->pe.size));
}

/* Of equal ones the first one given counts; of different drivers with the same code, the
 * one whose other bytes are nearer. */
static bool better(const struct trial *a, const struct trial *b)
{
	if (b->known == NULL || a->differing != b->differing)
		return b->known == NULL || a->differing < b->differing;
	return a->known->has_guid && b->known->has_guid &&
	       !guid_eq(&a->known->guid, &b->known->guid) && a->others < b->others;
}

static EFI_STATUS try_all(struct scan *s, const struct scan_image *img, struct trial *best)
{
	for (size_t i = 0; i < s->known_count; i++) {
		struct trial t;
		EFI_STATUS status = EFI_NOT_FOUND;

		if (may_be(img, &s->known[i]))
			status = try(s, img, &s->known[i], &t);
		if (status == EFI_SUCCESS && better(&t, best))
			*best = t;
		else if (status == EFI_OUT_OF_RESOURCES)
			return status;
	}
	return EFI_SUCCESS;
}

/* ---- similarity ---- */

/* Pieces of code of so many bytes, at every offset; of their hashes, the smallest ones. */
#define PIECE       8U
#define SKETCH_MAX  ((size_t)2048)
#define SIMILAR_MIN 30U /* per cent */

struct sketch {
	uint32_t *hash; /* SKETCH_MAX * 2 of them while it is being made */
	size_t count;
	uint32_t limit; /* larger ones are not wanted any more */
	uint8_t *copy;  /* of one section, without distances */
};

static int by_value(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void sketch_sort(struct sketch *k)
{
	size_t n = 0;

	qsort(k->hash, k->count, sizeof *k->hash, by_value);
	for (size_t i = 0; i < k->count; i++)
		if (i == 0 || k->hash[i] != k->hash[i - 1])
			k->hash[n++] = k->hash[i];
	k->count = n;
	if (n >= SKETCH_MAX) {
		k->count = SKETCH_MAX;
		k->limit = k->hash[SKETCH_MAX - 1];
	}
}

static void sketch_add(struct sketch *k, uint32_t hash)
{
	if (hash >= k->limit)
		return;
	k->hash[k->count++] = hash;
	if (k->count == 2 * SKETCH_MAX)
		sketch_sort(k);
}

/* True: four bytes behind @p are the distance to something, which is another one in every
 * build. A guess at where instructions are, the same for everybody. */
static bool distance_follows(const uint8_t *p, size_t i)
{
	if (p[i] == 0xe8 || p[i] == 0xe9) /* call, jmp */
		return true;
	if (i >= 1 && p[i - 1] == 0x0f && (p[i] & 0xf0) == 0x80) /* jcc */
		return true;
	/* ModRM of an address that is relative to the instruction's */
	return i >= 2 && (p[i] & 0xc7) == 0x05 && (p[i - 2] & 0xf0) == 0x40;
}

static void sketch_code(void *ctx, const void *code, size_t n)
{
	struct sketch *k = ctx;
	const uint8_t *p = code;
	uint8_t *to = k->copy;

	memcpy(to, p, n);
	for (size_t i = 0; i + 4 < n; i++)
		if (distance_follows(p, i)) {
			memset(to + i + 1, 0, 4);
			i += 4;
		}
	for (size_t i = 0; i + PIECE <= n; i++) {
		uint64_t v;

		memcpy(&v, to + i, sizeof v);
		if (v == 0)
			continue;
		v *= 0x9e3779b97f4a7c15ULL;
		v ^= v >> 32;
		v *= 0xd6e8feb86659fd93ULL;
		sketch_add(k, (uint32_t)(v >> 32));
	}
}

/* Of the code of the image @placed, which loses its fixups; of all its bytes where nothing
 * says which of them are code. */
static EFI_STATUS sketch(struct scan *s, const struct rts_pe_image *pe, uint8_t *placed,
			 size_t len, struct sketch *ret)
{
	struct sketch k = {.limit = UINT32_MAX};

	if (!rts_scan_spend(s, 8 * (uint64_t)len))
		return EFI_NOT_FOUND;
	k.hash = calloc(2 * SKETCH_MAX, sizeof *k.hash);
	k.copy = malloc(len);
	if (k.hash == NULL || k.copy == NULL) {
		free(k.hash);
		free(k.copy);
		return EFI_OUT_OF_RESOURCES;
	}
	if (pe != NULL)
		(void)rts_pe_image_code(pe, placed, sketch_code, &k);
	else
		sketch_code(&k, placed, len);
	sketch_sort(&k);
	free(k.copy);
	k.copy = NULL;
	*ret = k;
	return EFI_SUCCESS;
}

static EFI_STATUS sketch_known(struct scan *s, struct scan_known_image *known)
{
	struct sketch k;
	uint8_t *placed;
	EFI_STATUS status;

	if (known->sketched)
		return EFI_SUCCESS;
	placed = malloc(known->pe.size);
	if (placed == NULL)
		return EFI_OUT_OF_RESOURCES;
	known->sketched = true;
	(void)rts_pe_image_place(&known->pe, placed, known->pe.image_base, NULL);
	status = sketch(s, &known->pe, placed, known->pe.size, &k);
	free(placed);
	if (status != EFI_SUCCESS)
		return status == EFI_NOT_FOUND ? EFI_SUCCESS : status;
	known->sketch = rts_scan_keep(s, k.count * sizeof *k.hash);
	if (known->sketch != NULL)
		memcpy(known->sketch, k.hash, k.count * sizeof *k.hash);
	known->sketch_count = known->sketch != NULL ? k.count : 0;
	free(k.hash);
	return known->sketch != NULL ? EFI_SUCCESS : EFI_OUT_OF_RESOURCES;
}

/* Per cent of all pieces that both have; where @whole is not only code, of the known
 * image's. Only what lies below both limits is known of both. */
static unsigned likeness(const struct sketch *img, const struct scan_known_image *known,
			 bool whole)
{
	const uint32_t known_limit = known->sketch_count == SKETCH_MAX
					     ? known->sketch[SKETCH_MAX - 1]
					     : UINT32_MAX;
	const uint32_t limit = img->limit < known_limit ? img->limit : known_limit;
	size_t i = 0, j = 0, both = 0, all;

	while (i < img->count && img->hash[i] <= limit && j < known->sketch_count &&
	       known->sketch[j] <= limit) {
		const uint32_t a = img->hash[i], b = known->sketch[j];

		both += a == b;
		i += a <= b;
		j += b <= a;
	}
	while (i < img->count && img->hash[i] <= limit)
		i++;
	while (j < known->sketch_count && known->sketch[j] <= limit)
		j++;
	all = whole ? j : i + j - both;
	return all == 0 ? 0 : (unsigned)(100 * both / all);
}

/* The most similar known image; NULL: none is. */
static EFI_STATUS most_similar(struct scan *s, const struct scan_image *img, unsigned *ret,
			       const struct scan_known_image **ret_known)
{
	struct sketch k = {.hash = NULL};
	EFI_STATUS status;
	uint8_t *copy;

	if (s->known_count == 0)
		return EFI_SUCCESS;
	copy = malloc(img->len);
	if (copy == NULL)
		return EFI_OUT_OF_RESOURCES;
	memcpy(copy, img->file, img->len);
	status = sketch(s, img->header ? &img->pe : NULL, copy, img->len, &k);
	free(copy);
	for (size_t i = 0; i < s->known_count && status == EFI_SUCCESS; i++) {
		unsigned n;

		status = sketch_known(s, &s->known[i]);
		if (status != EFI_SUCCESS ||
		    !rts_scan_spend(s, k.count + s->known[i].sketch_count))
			break;
		n = likeness(&k, &s->known[i], !img->header);
		if (n > *ret) {
			*ret = n;
			*ret_known = &s->known[i];
		}
	}
	free(k.hash);
	if (*ret < SIMILAR_MIN)
		*ret_known = NULL;
	*ret = *ret < SIMILAR_MIN ? 0 : *ret < 100 ? *ret : 99;
	return status == EFI_NOT_FOUND ? EFI_SUCCESS : status;
}

/* ---- both ---- */

struct hashing {
	const struct rts_scan_hash_ops *ops;
	void *hash;
};

static void put(void *ctx, const void *p, size_t n)
{
	struct hashing *h = ctx;

	h->ops->put(h->hash, p, n);
}

/* @mem is spoilt. */
static EFI_STATUS hash_code(struct scan *s, const struct rts_pe_image *pe, uint8_t *mem,
			    struct scan_match *ret)
{
	struct hashing h = {.ops = s->config->hash};

	h.hash = h.ops->begin(h.ops->ctx);
	if (h.hash == NULL)
		return EFI_OUT_OF_RESOURCES;
	(void)rts_pe_image_code(pe, mem, put, &h);
	h.ops->end(h.hash, ret->hash);
	ret->has_hash = true;
	return EFI_SUCCESS;
}

/* By the sections of the known image that it is, or by its own. */
static EFI_STATUS hash_image(struct scan *s, const struct scan_image *img,
			     struct scan_match *ret)
{
	const bool is =
		ret->match == RTS_SCAN_EXACT || ret->match == RTS_SCAN_MATCH_MODIFIED;
	struct scan_fixups f;
	EFI_STATUS status;

	if (img->missing != 0 || (!is && !img->header))
		return EFI_SUCCESS;
	status = rts_scan_fixups(s, img, 0, is ? ret->known : NULL, &f);
	if (status != EFI_SUCCESS)
		return status == EFI_NOT_FOUND ? EFI_SUCCESS : status;
	status = hash_code(s, f.pe, f.mem, ret);
	rts_scan_fixups_fini(&f);
	return status;
}

EFI_STATUS rts_scan_match(struct scan *s, const struct scan_image *img,
			  struct scan_match *ret)
{
	struct scan_match m = {.match = RTS_SCAN_UNKNOWN};
	struct trial best = {.known = NULL};
	EFI_STATUS status;

	if (img->file == NULL)
		return EFI_NOT_FOUND;
	status = try_all(s, img, &best);
	if (status == EFI_SUCCESS && best.known == NULL) {
		status = most_similar(s, img, &m.likeness, &m.known);
		/* Perhaps its size was changed, and nothing else. */
		if (status == EFI_SUCCESS && m.known != NULL)
			status = try(s, img, m.known, &best);
		if (status == EFI_NOT_FOUND)
			status = EFI_SUCCESS;
	}
	if (status != EFI_SUCCESS)
		return status;
	if (best.known != NULL) {
		m = (struct scan_match){
			.match = best.differing == 0 ? RTS_SCAN_EXACT
						     : RTS_SCAN_MATCH_MODIFIED,
			.known = best.known,
			.differing = best.differing,
			.run_count = best.run_count,
		};
		memcpy(m.runs, best.runs, sizeof m.runs);
	} else if (m.known != NULL) {
		m.match = RTS_SCAN_SIMILAR;
	}
	status = hash_image(s, img, &m);
	if (status == EFI_SUCCESS)
		*ret = m;
	return status;
}

bool rts_scan_match_is_code(const struct scan_match *m, uint64_t offset)
{
	struct rts_pe_section section;

	if (m->known == NULL)
		return false;
	for (unsigned i = 0; rts_pe_image_section(&m->known->pe, i, &section); i++)
		if (section.execute && offset >= section.start &&
		    offset - section.start < section.size)
			return true;
	return false;
}
