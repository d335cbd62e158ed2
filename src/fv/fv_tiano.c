/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The compression of UEFI 2.10 §19: LZ77 with Huffman codes, in blocks that each bring
 * their codes. edk2's "Tiano" differs in the width of one field. Decoding only; every code
 * table must be complete, and every copy must begin in what was unpacked already.
 */
#include <string.h>

#include "fv/fv_priv.h"

#define HEADER_LEN 8U /* packed size, unpacked size */

#define MATCH_MIN      3U
#define CHAR_SYMBOLS   510U /* 256 bytes, lengths from 3 to 256 */
#define CHAR_BITS      9U
#define LENGTH_SYMBOLS 19U /* of the code in which the lengths of the first one come */
#define LENGTH_BITS    5U
#define LENGTH_SPECIAL 3U /* after so many lengths, two bits count zeros */
#define POSITION_MAX   31U
#define CODE_LEN_MAX   16U
#define TABLE_BITS     10U

/* Most significant bit first; behind the end there are zeros, and @past counts them. */
struct bits {
	struct bytes in;
	size_t at;
	uint64_t v; /* the next bits, at the top */
	unsigned n; /* how many of them are there */
	uint64_t past;
};

/* A canonical code. Values of codes are written as 16 bits, filled up with zeros. */
struct code {
	bool single; /* one symbol, of no bits */
	uint16_t symbol;
	uint16_t table[1U << TABLE_BITS]; /* symbol << 5 | length; 0: a longer one */
	uint32_t start[CODE_LEN_MAX + 2]; /* first value of each length */
	uint16_t first[CODE_LEN_MAX + 2]; /* its index in @sorted */
	uint16_t sorted[CHAR_SYMBOLS];
};

struct decoder {
	struct bits bits;
	unsigned position_bits;
	struct code lengths, chars, positions;
};

static void refill(struct bits *b)
{
	while (b->n <= 56) {
		uint8_t byte = 0;

		if (b->at < b->in.n)
			byte = b->in.p[b->at++];
		else
			b->past += 8;
		b->v |= (uint64_t)byte << (56 - b->n);
		b->n += 8;
	}
}

static void skip(struct bits *b, unsigned n)
{
	b->v <<= n;
	b->n -= n;
}

/* @n is 0 to 32. */
static uint32_t take(struct bits *b, unsigned n)
{
	uint32_t v;

	if (n == 0)
		return 0;
	if (b->n < n)
		refill(b);
	v = (uint32_t)(b->v >> (64 - n));
	skip(b, n);
	return v;
}

/* False: the lengths do not make a complete code. */
static bool code_build(struct code *c, const uint8_t *lens, unsigned count)
{
	uint16_t counts[CODE_LEN_MAX + 1] = {0};
	uint16_t next[CODE_LEN_MAX + 2];
	uint32_t value = 0;

	for (unsigned i = 0; i < count; i++)
		counts[lens[i]]++;
	c->single = false;
	c->first[1] = 0;
	for (unsigned len = 1; len <= CODE_LEN_MAX; len++) {
		c->start[len] = value;
		next[len] = c->first[len];
		c->first[len + 1] = (uint16_t)(c->first[len] + counts[len]);
		value += (uint32_t)counts[len] << (CODE_LEN_MAX - len);
	}
	c->start[CODE_LEN_MAX + 1] = value;
	if (value != 1U << CODE_LEN_MAX)
		return false;
	for (unsigned i = 0; i < count; i++)
		if (lens[i] != 0)
			c->sorted[next[lens[i]]++] = (uint16_t)i;
	memset(c->table, 0, sizeof c->table);
	for (unsigned len = 1; len <= TABLE_BITS; len++) {
		unsigned at = c->start[len] >> (CODE_LEN_MAX - TABLE_BITS);

		for (unsigned i = c->first[len]; i < c->first[len + 1]; i++)
			for (unsigned k = 0; k < 1U << (TABLE_BITS - len); k++)
				c->table[at++] = (uint16_t)(c->sorted[i] << 5 | len);
	}
	return true;
}

static bool code_single(struct code *c, uint32_t symbol, unsigned count)
{
	c->single = true;
	c->symbol = (uint16_t)symbol;
	return symbol < count;
}

static unsigned code_take(const struct code *c, struct bits *b)
{
	unsigned entry, len = TABLE_BITS + 1, i;
	uint32_t value;

	if (c->single)
		return c->symbol;
	if (b->n < CODE_LEN_MAX)
		refill(b);
	entry = c->table[b->v >> (64 - TABLE_BITS)];
	if (entry != 0) {
		skip(b, entry & 31);
		return entry >> 5;
	}
	value = (uint32_t)(b->v >> (64 - CODE_LEN_MAX));
	/* Ends by CODE_LEN_MAX: a complete code has every value. */
	while (value >= c->start[len + 1])
		len++;
	i = c->first[len] + ((value - c->start[len]) >> (CODE_LEN_MAX - len));
	skip(b, len);
	return c->sorted[i];
}

/* The code of lengths, or of positions: @count symbols, so many bits for their number. */
static bool read_small(struct bits *b, struct code *c, unsigned count, unsigned number_bits,
		       unsigned special)
{
	uint8_t lens[POSITION_MAX] = {0};
	unsigned number = take(b, number_bits), i = 0;

	if (number == 0)
		return code_single(c, take(b, number_bits), count);
	if (number > count)
		return false;
	while (i < number) {
		unsigned len = take(b, 3);

		/* Seven and more: a one for each that is added, and a zero. */
		if (len == 7)
			while (len <= CODE_LEN_MAX && take(b, 1) != 0)
				len++;
		if (len > CODE_LEN_MAX)
			return false;
		lens[i++] = (uint8_t)len;
		if (i == special)
			i += take(b, 2);
	}
	return i <= count && code_build(c, lens, count);
}

static bool read_chars(struct bits *b, struct code *c, const struct code *lengths)
{
	uint8_t lens[CHAR_SYMBOLS] = {0};
	unsigned number = take(b, CHAR_BITS), i = 0;

	if (number == 0)
		return code_single(c, take(b, CHAR_BITS), CHAR_SYMBOLS);
	if (number > CHAR_SYMBOLS)
		return false;
	while (i < number) {
		unsigned symbol = code_take(lengths, b);

		if (symbol == 0)
			i++;
		else if (symbol == 1)
			i += take(b, 4) + 3;
		else if (symbol == 2)
			i += take(b, CHAR_BITS) + 20;
		else
			lens[i++] = (uint8_t)(symbol - 2);
	}
	return i <= CHAR_SYMBOLS && code_build(c, lens, CHAR_SYMBOLS);
}

static bool read_codes(struct decoder *s)
{
	return read_small(&s->bits, &s->lengths, LENGTH_SYMBOLS, LENGTH_BITS,
			  LENGTH_SPECIAL) &&
	       read_chars(&s->bits, &s->chars, &s->lengths) &&
	       read_small(&s->bits, &s->positions,
			  s->position_bits == FV_POSITION_BITS_UEFI ? 15 : POSITION_MAX,
			  s->position_bits, UINT32_MAX);
}

/* How far back a copy begins: 1 is the byte before. */
static uint64_t read_distance(struct decoder *s)
{
	unsigned symbol = code_take(&s->positions, &s->bits);

	if (symbol <= 1)
		return symbol + 1;
	return (1ULL << (symbol - 1)) + take(&s->bits, symbol - 1) + 1;
}

bool fv_tiano_len(struct bytes in, uint64_t *ret)
{
	uint32_t h[2];

	if (!bytes_read(in, 0, h, sizeof h) || h[0] > in.n - HEADER_LEN)
		return false;
	*ret = h[1];
	return true;
}

EFI_STATUS fv_tiano_decode(struct bytes in, unsigned position_bits, uint8_t *to, size_t len,
			   struct diag *d)
{
	struct decoder s = {.position_bits = position_bits};
	uint32_t packed, left = 0;
	size_t at = 0;

	if (!bytes_read(in, 0, &packed, sizeof packed) ||
	    !bytes_sub(in, HEADER_LEN, packed, &s.bits.in))
		return diag(d, EFI_LOAD_ERROR, "%zu bytes, no compressed stream", in.n);
	while (at < len) {
		unsigned symbol;

		if (left == 0) {
			left = take(&s.bits, 16);
			if (left == 0 || !read_codes(&s))
				return diag(d, EFI_LOAD_ERROR,
					    "bad code table at compressed byte %#zx, %zu "
					    "of %zu unpacked",
					    s.bits.at, at, len);
		}
		left--;
		symbol = code_take(&s.chars, &s.bits);
		if (symbol < 256) {
			to[at++] = (uint8_t)symbol;
			continue;
		}

		size_t n = symbol - 256 + MATCH_MIN;
		uint64_t back = read_distance(&s);

		if (back > at || n > len - at)
			return diag(d, EFI_LOAD_ERROR,
				    "copy of %zu bytes from %#llx back, %zu of %zu "
				    "unpacked",
				    n, (unsigned long long)back, at, len);
		/* Byte by byte: the copy may overlap what it makes. */
		for (; n > 0; n--, at++)
			to[at] = to[at - back];
	}
	if (s.bits.past > s.bits.n)
		return diag(d, EFI_LOAD_ERROR,
			    "%u compressed bytes end before %zu are unpacked", packed, len);
	return EFI_SUCCESS;
}
