/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The four memory functions of base/mem.h for firmware. The empty asm keeps the compiler
 * from turning a loop back into a call of the function that it is.
 */
#include "base/mem.h"

#include <stdint.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	uint8_t *d = dst;
	const uint8_t *s = src;

	for (; n > 0; n--) {
		*d++ = *s++;
		__asm__ volatile("" ::: "memory");
	}
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	uint8_t *d = dst;
	const uint8_t *s = src;

	if (d <= s)
		return memcpy(dst, src, n);
	while (n > 0) {
		n--;
		d[n] = s[n];
		__asm__ volatile("" ::: "memory");
	}
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	uint8_t *d = dst;

	for (; n > 0; n--) {
		*d++ = (uint8_t)c;
		__asm__ volatile("" ::: "memory");
	}
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (; n > 0; n--, x++, y++)
		if (*x != *y)
			return *x < *y ? -1 : 1;
	return 0;
}
