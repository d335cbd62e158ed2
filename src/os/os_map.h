/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files mapped for reading, of any length: no copy, and pages are given back as soon as
 * they were used. Whoever else has the file open may cut it, and then the next access would
 * kill us with SIGBUS; here it ends us with a message.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

struct os_map {
	const uint8_t *p;
	size_t n;
};

/*
 * Maps a regular file or a block device. 0, or -errno with a text in @d, without the name:
 * -ENODATA for an empty file, -ENOTSUP for what can be neither. When its bytes cannot be
 * had later on, one line "@who: ..." is written to stderr and the process exits with
 * @status.
 * @who is borrowed until os_map_close(). At most 4 at a time, and opened and closed by one
 * thread: the handler is the process's.
 */
int os_map_open(const char *path, const char *who, int status, struct diag *d,
		struct os_map *ret);
/* The same for descriptor @fd, which may be closed afterwards. */
int os_map_fd(int fd, const char *who, int status, struct diag *d, struct os_map *ret);
void os_map_close(struct os_map *m);

/*
 * These bytes are not needed for now: takes their pages out of our memory. They come back
 * from the file by being used, and nothing is to be done before that. Measured on a warm
 * 4 GiB file (Linux 6.18, ext4, AVX2, one thread): summing it in windows of 1 to 16 MiB,
 * each dropped behind, has 0.75 to 0.9 of the rate at which a populated mapping is summed,
 * and the window's length matters less than the noise. With MADV_POPULATE_READ before each
 * window it is 0.55, for that looks up each page alone where a fault maps sixteen; with
 * MADV_WILLNEED 0.6 to 0.7, and a cold file was no faster for it.
 */
void os_map_drop(const struct os_map *m, uint64_t offset, uint64_t len);
