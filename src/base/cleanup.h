/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hosted clean-up: `cleanup(freep) char *p = NULL;` frees p at the end of its scope.
 * Always initialise at the declaration; take_ptr() moves ownership out.
 */
#pragma once

#include <stdlib.h>
#include <unistd.h>

#define cleanup(fn) __attribute__((cleanup(fn)))

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void closep(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define take_ptr(p)                         \
	({                                  \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                 \
		taken_;                     \
	})

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}
