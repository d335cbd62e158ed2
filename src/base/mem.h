/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The four memory functions that a compiler may call by itself. libc supplies them on the
 * host, guest/mem.c in firmware. Freestanding rooms include this and not <string.h>.
 */
#pragma once

#include <stddef.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
