/* SPDX-License-Identifier: BSD-2-Clause */
/* Four bits at a time: two tables of 64 bytes serve firmware and host alike. */
#include "base/crc32.h"

#define STEP(poly, x)   ((x) >> 1 ^ ((x)&1 ? (poly) : 0U))
#define NIBBLE(poly, i) STEP(poly, STEP(poly, STEP(poly, STEP(poly, (uint32_t)(i)))))
#define TABLE(poly)                                                                 \
	{                                                                           \
		NIBBLE(poly, 0), NIBBLE(poly, 1), NIBBLE(poly, 2), NIBBLE(poly, 3), \
			NIBBLE(poly, 4), NIBBLE(poly, 5), NIBBLE(poly, 6),          \
			NIBBLE(poly, 7), NIBBLE(poly, 8), NIBBLE(poly, 9),          \
			NIBBLE(poly, 10), NIBBLE(poly, 11), NIBBLE(poly, 12),       \
			NIBBLE(poly, 13), NIBBLE(poly, 14), NIBBLE(poly, 15)        \
	}

static const uint32_t crc32_table[16] = TABLE(0xedb88320U);
static const uint32_t crc32c_table[16] = TABLE(0x82f63b78U);

static uint32_t update(const uint32_t table[16], uint32_t crc, const uint8_t *p, size_t n)
{
	crc = ~crc;
	while (n-- > 0) {
		crc ^= *p++;
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

uint32_t crc32_update(uint32_t crc, const void *p, size_t n)
{
	return update(crc32_table, crc, p, n);
}

uint32_t crc32c_update(uint32_t crc, const void *p, size_t n)
{
	return update(crc32c_table, crc, p, n);
}
