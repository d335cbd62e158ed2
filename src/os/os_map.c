/* SPDX-License-Identifier: BSD-2-Clause */
/* Files mapped for reading, and the handler for the day that one is shorter than its
 * mapping. */
#include "os/os_map.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"

#define MAPS_MAX 4U

/* A signal handler has no context, so these are the process's. */
static struct guard {
	const uint8_t *volatile p; /* NULL: free */
	size_t n;
	int fd;
	int status;
	const char *who;
} guards[MAPS_MAX];

static atomic_flag said = ATOMIC_FLAG_INIT;

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	const uintptr_t at = (uintptr_t)info->si_addr;
	struct stat st;

	(void)context;
	/* si_code > 0: the kernel reports a fault, and si_addr is where */
	for (size_t i = 0; info->si_code > 0 && i < MAPS_MAX; i++) {
		const struct guard *g = &guards[i];
		struct iovec line[2] = {{.iov_base = (void *)(uintptr_t)g->who}};

		if (g->p == NULL || at - (uintptr_t)g->p >= g->n)
			continue;
		while (atomic_flag_test_and_set(
			&said)) /* another thread did, and ends us */
			pause();
		line[0].iov_len = strlen(g->who);
		line[1].iov_base = fstat(g->fd, &st) == 0 && S_ISREG(st.st_mode) &&
						   (uint64_t)st.st_size < g->n
					   ? ": was cut short while it was read\n"
					   : ": the disk cannot read all of it\n";
		line[1].iov_len = strlen(line[1].iov_base);
		(void)!writev(STDERR_FILENO, line, 2);
		_exit(g->status);
	}
	signal(sig, SIG_DFL); /* somebody else's fault happens again, and ends us */
	if (info->si_code <= 0)
		raise(sig);
}

static int length(int fd, struct diag *d, size_t *ret)
{
	struct stat st;
	off_t n;

	if (fstat(fd, &st) < 0)
		return diag(d, -errno, "%s", strerror(errno));
	if (S_ISDIR(st.st_mode))
		return diag(d, -EISDIR, "%s", strerror(EISDIR));
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return diag(d, -ENOTSUP, "neither a file nor a disk: it cannot be mapped");
	n = S_ISREG(st.st_mode) ? st.st_size : lseek(fd, 0, SEEK_END);
	if (n < 0)
		return diag(d, -errno, "%s", strerror(errno));
	if (n == 0)
		return diag(d, -ENODATA, "it is empty");
	*ret = (size_t)n;
	return 0;
}

int os_map_fd(int fd, const char *who, int status, struct diag *d, struct os_map *ret)
{
	const struct sigaction sa = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};
	struct guard *g = guards;
	size_t n = 0;
	void *p;
	int r = length(fd, d, &n);

	if (r < 0)
		return r;
	while (g < guards + MAPS_MAX && g->p != NULL)
		g++;
	if (g == guards + MAPS_MAX)
		return diag(d, -ENOSPC, "more than %u files are mapped", MAPS_MAX);
	/* our own copy, for the handler */
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return diag(d, -errno, "%s", strerror(errno));
	p = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		r = -errno;
		close(fd);
		return diag(d, r, "cannot be mapped: %s", strerror(-r));
	}
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* reads further ahead */
	*g = (struct guard){NULL, n, fd, status, who};
	g->p = p;
	sigaction(SIGBUS, &sa, NULL);
	*ret = (struct os_map){p, n};
	return 0;
}

int os_map_open(const char *path, const char *who, int status, struct diag *d,
		struct os_map *ret)
{
	/* O_NONBLOCK: a FIFO would wait for its other end */
	cleanup(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return diag(d, -errno, "%s", strerror(errno));
	return os_map_fd(fd, who, status, d, ret);
}

void os_map_close(struct os_map *m)
{
	bool last = true;

	for (size_t i = 0; m->p != NULL && i < MAPS_MAX; i++) {
		if (guards[i].p == m->p) {
			munmap((void *)(uintptr_t)m->p, m->n);
			guards[i].p = NULL;
			close(guards[i].fd);
		}
		last = last && guards[i].p == NULL;
	}
	if (m->p != NULL && last)
		signal(SIGBUS, SIG_DFL);
	*m = (struct os_map){0};
}

void os_map_drop(const struct os_map *m, uint64_t offset, uint64_t len)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t end;

	if (offset >= m->n)
		return;
	/* whole pages around it: to drop too much costs a fault, too little is never
	 * dropped */
	end = len > m->n - offset ? m->n : offset + len;
	offset &= ~(page - 1);
	(void)madvise((void *)(uintptr_t)(m->p + offset), (size_t)(end - offset),
		      MADV_DONTNEED);
}
