/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of room scan that know images ask of the others, for who tests them alone:
 * a report is not needed, memory is mapped at one distance, notes are counted.
 */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "scan/scan_priv.h"

static struct {
	void *kept[4096];
	size_t kept_count;
	unsigned notes;
	char note[256];      /* the last one */
	uint64_t distance;   /* virtual - physical */
	uint64_t unmapped;   /* a page of physical memory that is not mapped; 0: none */
	size_t memory_fails; /* rts_scan_keep(), from that one on; 0: never */
} fake;

void *rts_scan_keep(struct scan *s, size_t len)
{
	void *p;

	(void)s;
	if (fake.kept_count == sizeof fake.kept / sizeof *fake.kept ||
	    (fake.memory_fails != 0 && fake.kept_count + 1 >= fake.memory_fails))
		return NULL;
	p = calloc(1, len + (len == 0));
	fake.kept[fake.kept_count++] = p;
	return p;
}

void rts_scan_note(struct scan *s, const char *fmt, ...)
{
	va_list ap;

	(void)s;
	va_start(ap, fmt);
	fmt_text(fake.note, sizeof fake.note, fmt, ap);
	va_end(ap);
	fake.notes++;
}

bool rts_scan_room(void **list, size_t count, size_t *cap, size_t item, size_t max)
{
	void *more;

	if (count < *cap)
		return true;
	if (count >= max)
		return false;
	more = reallocarray(*list, count + 16, item);
	if (more == NULL)
		return false;
	*list = more;
	*cap = count + 16;
	return true;
}

bool rts_scan_physical(struct scan *s, uint64_t va, uint64_t *ret)
{
	(void)s;
	*ret = va - fake.distance;
	return fake.unmapped == 0 || (*ret & ~0xfffULL) != fake.unmapped;
}

/* A hash that a test can compare, and no more. */
static inline void *fake_hash_begin(void *ctx)
{
	(void)ctx;
	return calloc(1, RTS_SCAN_HASH_LEN);
}

static inline void fake_hash_put(void *hash, const void *p, size_t n)
{
	uint64_t v;

	memcpy(&v, hash, sizeof v);
	for (size_t i = 0; i < n; i++)
		v = (v ^ ((const uint8_t *)p)[i]) * 0x100000001b3ULL;
	memcpy(hash, &v, sizeof v);
}

static inline void fake_hash_end(void *hash, uint8_t ret[RTS_SCAN_HASH_LEN])
{
	memcpy(ret, hash, RTS_SCAN_HASH_LEN);
	free(hash);
}

static const struct rts_scan_hash_ops fake_hash = {
	.begin = fake_hash_begin, .put = fake_hash_put, .end = fake_hash_end};

/* Frees what the scan has, and what was kept for it. */
static inline void fake_fini(struct scan *s)
{
	free(s->known);
	for (size_t i = 0; i < s->volume_count; i++)
		rts_fv_free(s->volumes[i]);
	free(s->volumes);
	rts_dump_free(s->dump);
	for (size_t i = 0; i < fake.kept_count; i++)
		free(fake.kept[i]);
	memset(&fake, 0, sizeof fake);
}
