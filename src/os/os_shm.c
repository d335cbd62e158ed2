/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared memory in a file, and the handler for the day that it is shorter than its mapping.
 */
#include "os/os_shm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

/* A signal handler has no context, so this one thing is the process's: the mapping, and
 * what befell it. */
static struct {
	uint8_t *volatile p;
	volatile size_t len;
	volatile sig_atomic_t shrunk;
} guarded;

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	const uintptr_t at = (uintptr_t)info->si_addr, base = (uintptr_t)guarded.p;
	const int saved = errno;

	(void)context;
	/* si_code > 0: the kernel reports a fault, and si_addr is where */
	if (info->si_code > 0 && base != 0 && at - base < guarded.len &&
	    mmap(guarded.p, guarded.len, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED) {
		guarded.shrunk = 1;
		errno = saved;
		return;
	}
	signal(sig, SIG_DFL); /* somebody else's fault happens again, and ends us */
	if (info->si_code <= 0)
		raise(sig);
}

/* Blocks on the disk now, or a full disk would be a SIGBUS later. */
static int reserve(int fd, const char *path, const struct stat *st, size_t len,
		   struct diag *d)
{
	if (st->st_size > (off_t)len)
		return diag(d, -EFBIG, "%s: %lld bytes long, must be %zu; remove it", path,
			    (long long)st->st_size, len);
	if (fallocate(fd, 0, 0, (off_t)len) == 0)
		return 0;
	if (errno == EOPNOTSUPP && ftruncate(fd, (off_t)len) == 0)
		return 0;
	return diag(d, -errno, "%s: %s", path, strerror(errno));
}

int os_shm_open(const char *path, size_t len, struct diag *d, struct os_shm *ret)
{
	const struct sigaction sa = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};
	struct stat st, again;
	void *p;
	cleanup(closep) int lock_fd =
		open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	cleanup(closep) int share_fd = -1;
	int r;

	if (lock_fd < 0 || fstat(lock_fd, &st) < 0)
		return diag(d, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return diag(d, -EPERM, "%s: not a regular file of ours", path);
	if (flock(lock_fd, LOCK_EX | LOCK_NB) < 0)
		return diag(d, -errno, "%s: %s", path,
			    errno == EWOULDBLOCK ? "another process serves it"
						 : strerror(errno));
	r = reserve(lock_fd, path, &st, len, d);
	if (r < 0)
		return r;
	share_fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (share_fd < 0 || fstat(share_fd, &again) < 0)
		return diag(d, -errno, "%s: %s", path, strerror(errno));
	if (again.st_dev != st.st_dev || again.st_ino != st.st_ino)
		return diag(d, -EBUSY, "%s: replaced while we opened it", path);
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, lock_fd, 0);
	if (p == MAP_FAILED)
		return diag(d, -errno, "%s: %s", path, strerror(errno));
	guarded.shrunk = 0;
	guarded.len = len;
	guarded.p = p;
	sigaction(SIGBUS, &sa, NULL);
	*ret = (struct os_shm){p, len, take_fd(&lock_fd), take_fd(&share_fd)};
	return 0;
}

void os_shm_close(struct os_shm *s)
{
	if (s->p == NULL)
		return;
	signal(SIGBUS, SIG_DFL);
	guarded.p = NULL;
	munmap(s->p, s->len);
	close(s->lock_fd);
	close(s->share_fd);
	*s = (struct os_shm){0};
}

bool os_shm_shrunk(const struct os_shm *s)
{
	return s->p != NULL && s->p == guarded.p && guarded.shrunk != 0;
}
