/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files by the descriptor of their folder: reading one whole, and the one way in which this
 * project replaces one: a temporary file beside it, and a rename.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>

#include "base/diag.h"

/* A system call, again while a signal interrupts it; keeps its type. */
#define OS_RETRY(call)                                   \
	({                                               \
		__typeof__(call) result_;                \
		do                                       \
			result_ = (call);                \
		while (result_ == -1 && errno == EINTR); \
		result_;                                 \
	})

/* What tells one state of a file from another; all zero: there is no file. */
struct os_file_id {
	bool exists;
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
};

/* Opens a regular file that is not a symbolic link; never blocks, and a new file has mode
 * 0600. A descriptor, or -errno: -EISDIR for a folder, -EINVAL for other things. */
int os_file_open(int dir, const char *name, int flags, struct stat *ret);

/* All of a regular file, with a NUL that @ret_len does not count; the caller frees it.
 * -EFBIG: longer than @max. @ret_id: the file as it was before it was read. */
int os_file_read(int dir, const char *name, size_t max, char **ret, size_t *ret_len,
		 struct os_file_id *ret_id);

/* Writes all of it at @fd. 0 or -errno. */
int os_file_put(int fd, const void *data, size_t n);

/* Gives @fd the owner and the mode that @like says. 1, or 0 where it had them, or -errno.
 */
int os_file_alike(int fd, const struct stat *like);

struct os_file_new {
	int dir;
	const char *name;
	const void *p;
	size_t n;
	bool durable; /* survives power loss: fsync of the file and of the folder, which
			 must be open for reading */
	struct os_file_id
		*id; /* what must be there, then what is; NULL: whatever is there */
};

/*
 * Makes @name hold @n bytes at @p, at one instant. With @id the mode and the owner of a
 * file that is there are kept; else it gets mode 0600. 0, or -errno with a text in @d: the
 * file is as it was and no temporary file is left (-ESTALE: it is not what @id says).
 * *ret_renamed with an error: the file is replaced, and a power loss may bring the old one
 * back.
 */
int os_file_replace(const struct os_file_new *w, bool *ret_renamed, struct diag *d);
