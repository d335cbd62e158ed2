/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that runs out, for a program that is linked with no_memory of tests/meson.build,
 * which puts these before libc's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMORY_ENOUGH SIZE_MAX
static size_t memory_left = MEMORY_ENOUGH; /* allocations, until one is refused */
static bool memory_comes_back;             /* no other one is */

static bool memory_refuses(void)
{
	if (memory_left == MEMORY_ENOUGH)
		return false;
	if (memory_left > 0) {
		memory_left--;
		return false;
	}
	if (memory_comes_back)
		memory_left = MEMORY_ENOUGH;
	return true;
}

#define MEMORY_FUNCTION(name, params, args)                          \
	void *__real_##name params;                                  \
	void *__wrap_##name params;                                  \
	void *__wrap_##name params                                   \
	{                                                            \
		return memory_refuses() ? NULL : __real_##name args; \
	}

MEMORY_FUNCTION(malloc, (size_t n), (n))
MEMORY_FUNCTION(calloc, (size_t count, size_t n), (count, n))
MEMORY_FUNCTION(realloc, (void *p, size_t n), (p, n))
MEMORY_FUNCTION(reallocarray, (void *p, size_t count, size_t n), (p, count, n))
