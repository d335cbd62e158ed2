/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Follows what a hook begins with: a jump, however it is written (Intel SDM vol 2). Only at
 * places that somebody calls, never as a search: such bytes are everywhere. Addresses are
 * those of the memory's own machine.
 */
#include <string.h>

#include "scan/scan_priv.h"

#define PAGE     4096U
#define HOPS_MAX 4U
#define WINDOW   32U /* bytes in which a jump must begin and end */

/* Bytes at an address; how many there are. */
static size_t peek(struct scan *s, uint64_t at, uint8_t *ret, size_t len)
{
	size_t done = 0;

	while (done < len) {
		const size_t page = PAGE - (size_t)((at + done) % PAGE);
		const size_t want = page < len - done ? page : len - done;
		uint64_t physical;
		size_t got;

		if (!rts_scan_physical(s, at + done, &physical))
			break;
		got = rts_dump_read(s->dump, physical, ret + done, want);
		done += got;
		if (got != want)
			break;
	}
	return done;
}

/* Code at @at, of which @i bytes were passed. Past its end there is nothing. */
struct code {
	uint64_t at;
	struct bytes b;
	size_t i;
};

static int byte_at(const struct code *c, size_t i)
{
	return c->i + i < c->b.n ? c->b.p[c->i + i] : -1;
}

static bool is(const struct code *c, const char *bytes, size_t n)
{
	return c->b.n - c->i >= n && memcmp(c->b.p + c->i, bytes, n) == 0;
}

/* Length of a ModRM operand in memory or a register, from its first byte on. */
static size_t modrm_len(const struct code *c, size_t i)
{
	const int modrm = byte_at(c, i);
	const int mod = modrm >> 6, rm = modrm & 7;
	size_t n = 1;

	if (modrm < 0 || mod == 3)
		return n;
	if (rm == 4)
		n += 1 + (mod == 0 && (byte_at(c, i + 1) & 7) == 5 ? 4U : 0U);
	if (mod == 0 && rm == 5)
		n += 4;
	return n + (mod == 1 ? 1U : mod == 2 ? 4U : 0U);
}

/* Length of an instruction here that does nothing; 0: it is none. */
static size_t nothing_len(const struct code *c)
{
	size_t i = 0;

	if (is(c, "\xf3\x0f\x1e\xfa", 4)) /* endbr64 */
		return 4;
	while (byte_at(c, i) == 0x66 || byte_at(c, i) == 0x2e)
		i++;
	if (byte_at(c, i) == 0x48) /* REX.W */
		i++;
	if (byte_at(c, i) == 0x90)
		return i + 1;
	if (byte_at(c, i) == 0x0f && byte_at(c, i + 1) == 0x1f)
		return i + 2 + modrm_len(c, i + 2);
	return 0;
}

static void skip_nothing(struct code *c)
{
	size_t n;

	while (c->i < c->b.n && (n = nothing_len(c)) != 0)
		c->i = n < c->b.n - c->i ? c->i + n : c->b.n;
}

/* A field of @len bytes at @i, extended by its sign. */
static bool field(const struct code *c, size_t i, size_t len, uint64_t *ret)
{
	uint8_t p[8] = {0};
	uint64_t v;

	if (!bytes_read(c->b, c->i + i, p, len))
		return false;
	memcpy(&v, p, sizeof v);
	if (len < 8)
		v = (v ^ 1ULL << (len * 8 - 1)) - (1ULL << (len * 8 - 1));
	*ret = v;
	return true;
}

/* E9 and EB, relative to the next instruction. */
static bool jump_relative(const struct code *c, uint64_t *ret)
{
	const int op = byte_at(c, 0);
	const size_t len = op == 0xe9 ? 4 : 1;

	if ((op != 0xe9 && op != 0xeb) || !field(c, 1, len, ret))
		return false;
	*ret += c->at + c->i + 1 + len;
	return true;
}

/* FF 25: through a pointer that lies relative to the next instruction. */
static bool jump_indirect(struct scan *s, const struct code *c, uint64_t *ret)
{
	uint64_t at;
	uint8_t p[8];

	if (!is(c, "\xff\x25", 2) || !field(c, 2, 4, &at) ||
	    peek(s, c->at + c->i + 6 + at, p, sizeof p) != sizeof p)
		return false;
	memcpy(ret, p, sizeof *ret);
	return true;
}

/* mov REG, imm64 (or imm32), and jmp REG behind it. @rex is 40 to 4f, or 0. */
static bool jump_register(const struct code *c, int rex, uint64_t *ret)
{
	const int op = byte_at(c, 0), reg = op & 7;
	struct code next = *c;
	uint64_t value;
	int high = 0;

	if (op < 0xb8 || op > 0xbf)
		return false;
	if ((rex & 8) != 0) {
		if (!field(c, 1, 8, &value))
			return false;
		next.i += 9;
	} else {
		if (!field(c, 1, 4, &value))
			return false;
		value = (uint32_t)value;
		next.i += 5;
	}
	skip_nothing(&next);
	if ((byte_at(&next, 0) & 0xf0) == 0x40) {
		high = byte_at(&next, 0) & 1;
		next.i++;
	}
	*ret = value;
	return high == (rex & 1) && byte_at(&next, 0) == 0xff &&
	       byte_at(&next, 1) == (0xe0 | reg);
}

/* push imm32, perhaps the upper half of what was pushed, ret. */
static bool jump_return(const struct code *c, uint64_t *ret)
{
	struct code next = *c;
	uint64_t low, high;

	if (byte_at(c, 0) != 0x68 || !field(c, 1, 4, &low))
		return false;
	next.i += 5;
	if (is(&next, "\xc7\x44\x24\x04", 4)) {
		if (!field(&next, 4, 4, &high))
			return false;
		low = (uint32_t)low | high << 32;
		next.i += 8;
	}
	*ret = low;
	return byte_at(&next, 0) == 0xc3;
}

static bool one_jump(struct scan *s, uint64_t at, uint64_t *ret)
{
	uint8_t bytes[WINDOW];
	struct code c = {.at = at, .b = {bytes, peek(s, at, bytes, sizeof bytes)}};
	int rex = 0;

	skip_nothing(&c);
	while (byte_at(&c, 0) == 0xf2 || byte_at(&c, 0) == 0x3e) /* bnd, notrack */
		c.i++;
	if ((byte_at(&c, 0) & 0xf0) == 0x40) {
		rex = byte_at(&c, 0);
		c.i++;
	}
	return jump_relative(&c, ret) || jump_indirect(s, &c, ret) ||
	       jump_register(&c, rex, ret) || jump_return(&c, ret);
}

unsigned rts_scan_jump(struct scan *s, uint64_t at, uint64_t *ret)
{
	unsigned hops = 0;
	uint64_t next;

	for (; hops < HOPS_MAX && one_jump(s, at, &next); hops++)
		*ret = at = next;
	return hops;
}
