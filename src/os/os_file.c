/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files: read whole, replaced whole. Every call names the file by its folder's descriptor,
 * so it works under Landlock and when the folder is renamed.
 */
#include "os/os_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PRIVATE 0600

static struct os_file_id id_of(const struct stat *st)
{
	return (struct os_file_id){.exists = true,
				   .dev = st->st_dev,
				   .ino = st->st_ino,
				   .size = st->st_size,
				   .mtime = st->st_mtim,
				   .ctime = st->st_ctim};
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_id(const struct os_file_id *a, const struct os_file_id *b)
{
	if (!a->exists || !b->exists)
		return a->exists == b->exists;
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       same_time(&a->mtime, &b->mtime) && same_time(&a->ctime, &b->ctime);
}

int os_file_open(int dir, const char *name, int flags, struct stat *ret)
{
	/* O_NONBLOCK: a FIFO would wait for its other end */
	cleanup(closep) int fd = OS_RETRY(
		openat(dir, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
		       PRIVATE));

	if (fd < 0 || fstat(fd, ret) < 0)
		return -errno;
	if (!S_ISREG(ret->st_mode))
		return S_ISDIR(ret->st_mode) ? -EISDIR : -EINVAL;
	return take_fd(&fd);
}

int os_file_read(int dir, const char *name, size_t max, char **ret, size_t *ret_len,
		 struct os_file_id *ret_id)
{
	struct stat st = {0};
	size_t n = 0, room;
	cleanup(closep) int fd = os_file_open(dir, name, O_RDONLY, &st);
	cleanup(freep) char *p = NULL;

	if (fd < 0)
		return fd;
	if ((uint64_t)st.st_size > max)
		return -EFBIG;
	room = (size_t)st.st_size + 1; /* a byte more, to see the end */
	p = malloc(room);
	if (p == NULL)
		return -ENOMEM;
	while (n < room) {
		ssize_t got = OS_RETRY(read(fd, p + n, room - n));

		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	if (n == room) /* it grew under our eyes */
		return -EAGAIN;
	p[n] = 0;
	*ret_id = id_of(&st);
	*ret_len = n;
	*ret = take_ptr(p);
	return 0;
}

/* 0, or -errno with a text that says which step of writing @name did not work. */
static int step(struct diag *d, const char *what, const char *name, int rc)
{
	if (rc >= 0)
		return 0;
	return diag(d, -errno, "%s %s: %s", what, name, strerror(errno));
}

static int temp_open(int dir, const char *tmp)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	int fd = OS_RETRY(openat(dir, tmp, flags, PRIVATE));

	if (fd < 0 && errno == EEXIST && unlinkat(dir, tmp, 0) == 0) /* of one who died */
		fd = OS_RETRY(openat(dir, tmp, flags, PRIVATE));
	return fd;
}

int os_file_put(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t put = OS_RETRY(write(fd, p, n));

		if (put <= 0) {
			errno = put == 0 ? ENOSPC : errno;
			return -errno;
		}
		p += put;
		n -= (size_t)put;
	}
	return 0;
}

int os_file_alike(int fd, const struct stat *like)
{
	struct stat st;
	bool owner, mode;

	if (fstat(fd, &st) < 0)
		return -errno;
	owner = st.st_uid != like->st_uid || st.st_gid != like->st_gid;
	mode = owner || ((st.st_mode ^ like->st_mode) & ALLPERMS) != 0;
	/* owner before mode: changing the owner may clear bits */
	if ((owner && fchown(fd, like->st_uid, like->st_gid) < 0) ||
	    (mode && fchmod(fd, like->st_mode & ALLPERMS) < 0))
		return -errno;
	return mode;
}

/*
 * The clock of files ticks, every four milliseconds as a rule, and who edits a new file
 * within its tick leaves its time as it is. So ours is one between ticks. A file system
 * that cannot have that is as good as it was.
 */
static void stamp(int fd)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}};

	if (clock_gettime(CLOCK_REALTIME, &times[1]) == 0)
		(void)futimens(fd, times);
}

/* 0 when what is there is what @w expects; then *ret is it, where there is something. */
static int check(const struct os_file_new *w, struct stat *ret, struct diag *d)
{
	struct os_file_id now = {0};

	if (w->id == NULL)
		return 0;
	if (fstatat(w->dir, w->name, ret, AT_SYMLINK_NOFOLLOW) == 0)
		now = id_of(ret);
	else if (errno != ENOENT)
		return step(d, "look at", w->name, -1);
	return same_id(&now, w->id) ? 0 : -ESTALE;
}

int os_file_replace(const struct os_file_new *w, bool *ret_renamed, struct diag *d)
{
	cleanup(closep) int fd = -1;
	char tmp[NAME_MAX + 1];
	struct stat st;
	int r;

	*ret_renamed = false;
	if ((size_t)snprintf(tmp, sizeof tmp, "%s.tmp", w->name) >= sizeof tmp) {
		errno = ENAMETOOLONG;
		return step(d, "open", w->name, -1);
	}
	r = check(w, &st, d);
	if (r < 0)
		return r;
	fd = temp_open(w->dir, tmp);
	if (fd < 0)
		return step(d, "open", tmp, -1);
	r = step(d, "write", tmp, os_file_put(fd, w->p, w->n));
	if (r == 0 && w->id != NULL && w->id->exists)
		r = step(d, "keep owner and mode for", tmp, os_file_alike(fd, &st));
	if (r == 0 && w->id != NULL)
		stamp(fd);
	if (r == 0 && w->durable)
		r = step(d, "fsync", tmp, OS_RETRY(fsync(fd)));
	if (r == 0)
		r = check(w, &st, d);
	if (r == 0)
		r = step(d, "rename", tmp, renameat(w->dir, tmp, w->dir, w->name));
	if (r < 0) {
		unlinkat(w->dir, tmp, 0);
		return r;
	}
	*ret_renamed = true;
	if (w->id != NULL) {
		r = step(d, "look at", w->name, fstat(fd, &st));
		if (r == 0)
			*w->id = id_of(&st);
	}
	if (r == 0 && w->durable)
		r = step(d, "fsync the folder of", w->name, OS_RETRY(fsync(w->dir)));
	return r;
}
