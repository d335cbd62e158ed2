/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small encoder of UEFI 2.10 §19's compression, for tests: greedy matches, Huffman codes
 * by repeated merging. It is slow and packs badly; what matters is that it makes every
 * construct that a decoder has to know.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define TE_CHARS     510U
#define TE_LENGTHS   19U
#define TE_POSITIONS 31U
#define TE_MATCH_MIN 3U
#define TE_MATCH_MAX 256U

struct te_bits {
	uint8_t *p;
	size_t n; /* bits */
	size_t cap;
};

static inline void te_put(struct te_bits *b, uint32_t v, unsigned n)
{
	while (n-- > 0) {
		if (b->n / 8 == b->cap) {
			b->cap = b->cap * 2 + 64;
			b->p = realloc(b->p, b->cap);
			if (b->p == NULL)
				abort();
		}
		if (b->n % 8 == 0)
			b->p[b->n / 8] = 0;
		b->p[b->n / 8] |= (uint8_t)((v >> n & 1) << (7 - b->n % 8));
		b->n++;
	}
}

struct te_code {
	unsigned count;
	int single; /* the only symbol that is used, or -1 */
	uint8_t lens[TE_CHARS];
	uint32_t values[TE_CHARS];
};

/* Lengths of a Huffman code, none over 16: frequencies are flattened until that holds. */
static inline void te_lens(struct te_code *c, const uint32_t *freq_in)
{
	uint32_t freq[TE_CHARS];
	unsigned deepest;

	for (unsigned i = 0; i < c->count; i++)
		freq[i] = freq_in[i];
	do {
		uint32_t weight[2 * TE_CHARS];
		int parent[2 * TE_CHARS];
		bool root[2 * TE_CHARS] = {false};
		unsigned n = c->count, live = 0;

		for (unsigned i = 0; i < c->count; i++) {
			weight[i] = freq[i];
			root[i] = freq[i] != 0;
			parent[i] = -1;
			live += root[i];
		}
		for (; live > 1; live--, n++) {
			int low[2] = {-1, -1};

			for (unsigned i = 0; i < n; i++) {
				if (!root[i])
					continue;
				if (low[0] < 0 || weight[i] < weight[low[0]]) {
					low[1] = low[0];
					low[0] = (int)i;
				} else if (low[1] < 0 || weight[i] < weight[low[1]]) {
					low[1] = (int)i;
				}
			}
			weight[n] = weight[low[0]] + weight[low[1]];
			root[n] = true;
			parent[n] = -1;
			for (int k = 0; k < 2; k++) {
				root[low[k]] = false;
				parent[low[k]] = (int)n;
			}
		}
		deepest = 0;
		for (unsigned i = 0; i < c->count; i++) {
			unsigned len = 0;

			for (int at = (int)i; freq[i] != 0 && parent[at] >= 0;
			     at = parent[at])
				len++;
			c->lens[i] = (uint8_t)len;
			deepest = len > deepest ? len : deepest;
			freq[i] = (freq[i] + 1) / 2;
		}
	} while (deepest > 16);
}

static inline void te_build(struct te_code *c, unsigned count, const uint32_t *freq)
{
	uint32_t value = 0;
	unsigned used = 0;

	*c = (struct te_code){.count = count, .single = 0};
	for (unsigned i = 0; i < count; i++)
		if (freq[i] != 0) {
			used++;
			c->single = (int)i;
		}
	if (used <= 1)
		return;
	c->single = -1;
	te_lens(c, freq);
	for (unsigned len = 1; len <= 16; len++, value <<= 1)
		for (unsigned i = 0; i < count; i++)
			if (c->lens[i] == len)
				c->values[i] = value++;
}

static inline void te_symbol(struct te_bits *b, const struct te_code *c, unsigned s)
{
	te_put(b, c->values[s], c->lens[s]);
}

/* The table of a small code; after the first @special lengths, zeros are counted. */
static inline void te_small(struct te_bits *b, const struct te_code *c,
			    unsigned number_bits, unsigned special)
{
	unsigned n = c->count, i = 0;

	if (c->single >= 0) {
		te_put(b, 0, number_bits);
		te_put(b, (uint32_t)c->single, number_bits);
		return;
	}
	while (c->lens[n - 1] == 0)
		n--;
	te_put(b, n, number_bits);
	while (i < n) {
		unsigned len = c->lens[i++];

		if (len < 7) {
			te_put(b, len, 3);
		} else {
			te_put(b, 7, 3);
			for (unsigned k = 7; k < len; k++)
				te_put(b, 1, 1);
			te_put(b, 0, 1);
		}
		if (i == special) {
			unsigned zeros = 0;

			while (zeros < 3 && c->lens[i + zeros] == 0)
				zeros++;
			te_put(b, zeros, 2);
			i += zeros;
		}
	}
}

/* How many zeros one symbol of the table of @c stands for at @i; *@ret: the symbol. */
static inline unsigned te_run(const struct te_code *c, unsigned n, unsigned i,
			      unsigned *ret)
{
	unsigned zeros = 0;

	while (i + zeros < n && c->lens[i + zeros] == 0)
		zeros++;
	*ret = zeros == 0 ? c->lens[i] + 2U : zeros < 3 ? 0 : zeros < 20 ? 1 : 2;
	return *ret == 2 ? zeros : *ret == 1 ? (zeros < 18 ? zeros : 18) : 1;
}

static inline void te_chars(struct te_bits *b, const struct te_code *c)
{
	uint32_t freq[TE_LENGTHS] = {0};
	unsigned n = c->count, symbol;
	struct te_code lengths;

	while (c->single < 0 && c->lens[n - 1] == 0)
		n--;
	for (unsigned i = 0; c->single < 0 && i < n; freq[symbol]++)
		i += te_run(c, n, i, &symbol);
	te_build(&lengths, TE_LENGTHS, freq);
	te_small(b, &lengths, 5, 3);
	te_put(b, c->single >= 0 ? 0 : n, 9);
	if (c->single >= 0) {
		te_put(b, (uint32_t)c->single, 9);
		return;
	}
	for (unsigned i = 0; i < n;) {
		unsigned run = te_run(c, n, i, &symbol);

		te_symbol(b, &lengths, symbol);
		if (symbol == 1)
			te_put(b, run - 3, 4);
		else if (symbol == 2)
			te_put(b, run - 20, 9);
		i += run;
	}
}

/* A literal, or a match: then @extra are the bits behind the position's symbol. */
struct te_item {
	uint16_t symbol;
	uint8_t position;
	uint32_t extra;
};

static inline void te_block(struct te_bits *b, const struct te_item *items, unsigned n,
			    unsigned position_bits)
{
	uint32_t chars_freq[TE_CHARS] = {0}, positions_freq[TE_POSITIONS] = {0};
	struct te_code chars, positions;

	for (unsigned i = 0; i < n; i++) {
		chars_freq[items[i].symbol]++;
		if (items[i].symbol >= 256)
			positions_freq[items[i].position]++;
	}
	te_build(&chars, TE_CHARS, chars_freq);
	te_build(&positions, position_bits == 4 ? 14 : TE_POSITIONS, positions_freq);
	te_put(b, n, 16);
	te_chars(b, &chars);
	te_small(b, &positions, position_bits, UINT32_MAX);
	for (unsigned i = 0; i < n; i++) {
		te_symbol(b, &chars, items[i].symbol);
		if (items[i].symbol < 256)
			continue;
		te_symbol(b, &positions, items[i].position);
		if (items[i].position > 1)
			te_put(b, items[i].extra, items[i].position - 1U);
	}
}

static inline struct te_item te_match(size_t len, size_t back)
{
	struct te_item item = {.symbol = (uint16_t)(256 + len - TE_MATCH_MIN)};
	uint32_t v = (uint32_t)back - 1;

	while (v >> item.position != 0)
		item.position++;
	if (item.position > 1)
		item.extra = v & ((1U << (item.position - 1)) - 1);
	return item;
}

/* Packs @n bytes, in blocks of @block_len symbols at most; with its header. The caller
 * frees it. */
static inline uint8_t *tiano_encode(const uint8_t *p, size_t n, unsigned position_bits,
				    unsigned block_len, size_t *ret_len)
{
	const size_t window = position_bits == 4 ? 1U << 13 : 1U << 19;
	struct te_item *items = malloc(block_len * sizeof *items);
	uint32_t *last = calloc(1U << 16, sizeof *last); /* by hash: place + 1 */
	struct te_bits b = {0};
	unsigned count = 0;
	uint32_t header[2];

	if (items == NULL || last == NULL)
		abort();
	te_put(&b, 0, 32);
	te_put(&b, 0, 32);
	for (size_t at = 0; at < n;) {
		size_t len = 0, back = 0;

		if (n - at >= TE_MATCH_MIN) {
			uint32_t *slot =
				&last[(p[at] * 9001U + p[at + 1] * 113U + p[at + 2] * 7U) &
				      0xffff];

			back = at + 1 - *slot;
			if (*slot != 0 && back <= window)
				while (len < TE_MATCH_MAX && at + len < n &&
				       p[at + len] == p[at + len - back])
					len++;
			*slot = (uint32_t)at + 1;
		}
		if (len >= TE_MATCH_MIN) {
			items[count++] = te_match(len, back);
			at += len;
		} else {
			items[count++] = (struct te_item){.symbol = p[at++]};
		}
		if (count == block_len || at == n) {
			te_block(&b, items, count, position_bits);
			count = 0;
		}
	}
	free(items);
	free(last);
	*ret_len = (b.n + 7) / 8;
	header[0] = (uint32_t)(*ret_len - sizeof header);
	header[1] = (uint32_t)n;
	memcpy(b.p, header, sizeof header);
	return b.p;
}
