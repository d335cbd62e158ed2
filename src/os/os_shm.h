/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file that is shared memory. Whoever else has it open may shrink it, and the next access
 * would kill us; here it becomes a flag, and the memory turns into private zeros.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

struct os_shm {
	uint8_t *p;
	size_t len;
	int lock_fd;  /* holds the lock; never passed on, for a lock goes with the open file
		       */
	int share_fd; /* to be passed to who shall map it too */
};

/*
 * Opens or creates @path (mode 0600, our own regular file, @len bytes that the disk really
 * has), locks it against another daemon and maps it. At most one at a time: its fault
 * handler is the process's.
 */
int os_shm_open(const char *path, size_t len, struct diag *d, struct os_shm *ret);
void os_shm_close(struct os_shm *s);

/* Somebody has shrunk the file, and we have noticed by using it. */
bool os_shm_shrunk(const struct os_shm *s);
