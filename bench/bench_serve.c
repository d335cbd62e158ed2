/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a variable costs: GetVariable through wire and vars beside a bare hash look-up with
 * copy, at 100 and 10,000 variables; and requests per second through the MM socket of
 * `runtserv serve` beside a bare echo on the same kind of socket. Each pair runs in turn,
 * in one run; the median of the pairs' ratios is what counts. Usage: bench_serve RUNTSERV
 */
#include "bench_get.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 15
#define CALLS  200000U

/* Peer: a chained table of its own, key and value in one block, no checks. */
struct entry {
	struct entry *next;
	EFI_GUID guid;
	CHAR16 name[8];
	uint32_t attr, len;
	uint8_t data[VALUE_LEN];
};

struct table {
	struct entry **buckets;
	size_t mask;
};

static size_t bare_hash(const EFI_GUID *guid, const CHAR16 *name)
{
	uint64_t h = 0, w[4];

	memcpy(w, guid, 16);
	memcpy(w + 2, name, 16);
	for (size_t i = 0; i < 4; i++) {
		h = (h ^ w[i]) * 0xff51afd7ed558ccdULL;
		h ^= h >> 33;
	}
	return h;
}

static size_t bare_get(const struct table *t, const EFI_GUID *guid, const CHAR16 *name,
		       void *ret)
{
	for (struct entry *e = t->buckets[bare_hash(guid, name) & t->mask]; e != NULL;
	     e = e->next)
		if (memcmp(&e->guid, guid, sizeof *guid) == 0 &&
		    memcmp(e->name, name, 16) == 0) {
			memcpy(ret, e->data, e->len);
			return e->len;
		}
	return 0;
}

struct store {
	struct rts_wire w;
	struct table bare;
};

static void fill(struct store *s, unsigned count)
{
	const struct rts_vars_config config = {.quota_nv = 1 << 26,
					       .quota_volatile = 1 << 26};
	uint8_t value[VALUE_LEN];
	CHAR16 name[8];

	s->w = (struct rts_wire){0};
	if (EFI_ERROR(rts_vars_new(&config, &s->w.vars)) ||
	    EFI_ERROR(rts_vars_start(s->w.vars)))
		die("vars");
	for (s->bare.mask = 64; s->bare.mask < count; s->bare.mask *= 2)
		;
	s->bare.buckets = calloc(s->bare.mask, sizeof *s->bare.buckets);
	s->bare.mask--;
	for (unsigned i = 0; i < count; i++) {
		struct entry *e = calloc(1, sizeof *e), **bucket;

		memset(value, (int)i, sizeof value);
		name_of(i, name);
		if (e == NULL ||
		    rts_vars_set(s->w.vars, name, 16, &ns, 7, value, sizeof value) != 0)
			die("fill");
		*e = (struct entry){.guid = ns, .attr = 7, .len = VALUE_LEN};
		memcpy(e->name, name, 16);
		memcpy(e->data, value, sizeof value);
		bucket = &s->bare.buckets[bare_hash(&ns, name) & s->bare.mask];
		e->next = *bucket;
		*bucket = e;
	}
}

static double time_bare(struct store *s, unsigned count)
{
	static CHAR16 names[SAMPLE][8];
	uint8_t value[VALUE_LEN];
	double t;

	for (unsigned i = 0; i < SAMPLE; i++)
		name_of(i * (count / SAMPLE), names[i]);
	t = bench_now(CLOCK_MONOTONIC);
	for (unsigned i = 0; i < CALLS; i++) {
		if (bare_get(&s->bare, &ns, names[i % SAMPLE], value) != VALUE_LEN)
			die("bare");
		__asm__ volatile("" : : "r"(value) : "memory");
	}
	return (bench_now(CLOCK_MONOTONIC) - t) / CALLS;
}

static void bench_memory(void)
{
	double small[ROUNDS], large[ROUNDS], bare[ROUNDS], growth[ROUNDS], factor[ROUNDS];
	static struct store s100, s10000;

	fill(&s100, 100);
	fill(&s10000, 10000);
	for (unsigned i = 0; i < ROUNDS; i++) {
		small[i] = time_get(&s100.w, 100, CALLS, CLOCK_MONOTONIC);
		large[i] = time_get(&s10000.w, 10000, CALLS, CLOCK_MONOTONIC);
		bare[i] = time_bare(&s10000, 10000);
		growth[i] = large[i] / small[i];
		factor[i] = large[i] / bare[i];
	}
	printf("%-58s %10s %8s\n", "GetVariable in process", "ns/call", "ratio");
	printf("%-58s %10.1f\n", "  wire + vars, 100 variables",
	       bench_median(small, ROUNDS));
	printf("%-58s %10.1f %s\n", "  wire + vars, 10,000 variables, against 100",
	       bench_median(large, ROUNDS),
	       bench_against(bench_median(growth, ROUNDS), 1.2));
	printf("%-58s %10.1f\n", "  bare hash look-up and copy, 10,000 entries",
	       bench_median(bare, ROUNDS));
	printf("%-58s %10s %s\n", "  wire + vars against bare, 10,000", "",
	       bench_against(bench_median(factor, ROUNDS), 20));
}

/* A bare echo: one blocking connection, read and write. */
static void echo(int listener)
{
	static uint8_t buf[70000];
	int fd = accept(listener, NULL, NULL);
	ssize_t n;

	while ((n = read(fd, buf, sizeof buf)) > 0)
		if (write(fd, buf, (size_t)n) != n)
			break;
	_exit(0);
}

static int connect_to(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	for (unsigned i = 0; i < 500; i++) {
		if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
			return fd;
		usleep(10000);
	}
	die(path);
	return -1;
}

static double time_socket(int fd, const uint8_t *request, size_t len, unsigned calls)
{
	static uint8_t reply[70000];
	double t = bench_now(CLOCK_MONOTONIC);

	for (unsigned i = 0; i < calls; i++) {
		size_t got = 0;

		if (write(fd, request, len) != (ssize_t)len)
			die("write");
		while (got < len) { /* the answer is as long as the request */
			ssize_t n = read(fd, reply + got, sizeof reply - got);

			if (n <= 0)
				die("read");
			got += (size_t)n;
		}
	}
	return (bench_now(CLOCK_MONOTONIC) - t) / calls;
}

static void bench_socket(const char *runtserv)
{
	char dir[] = "/tmp/bench_serve.XXXXXX", path[64], echo_path[64];
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	double served[ROUNDS], echoed[ROUNDS], factor[ROUNDS];
	const unsigned calls = 10000;
	static struct mm m;
	static uint8_t frame[256];
	uint32_t head[2] = {2};
	pid_t serve, echoer;
	int listener, fd, echo_fd;

	if (mkdtemp(dir) == NULL)
		die(dir);
	snprintf(path, sizeof path, "%s/mm", dir);
	snprintf(echo_path, sizeof echo_path, "%s/echo", dir);
	serve = fork();
	if (serve == 0) {
		execl(runtserv, runtserv, "serve", "--store", "memory:", "--socket", path,
		      "--log-level", "warning", (char *)NULL);
		die(runtserv);
	}
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(a.sun_path, sizeof a.sun_path, "%s", echo_path);
	if (bind(listener, (struct sockaddr *)&a, sizeof a) != 0 ||
	    listen(listener, 1) != 0)
		die("listen");
	echoer = fork();
	if (echoer == 0)
		echo(listener);
	fd = connect_to(path);
	echo_fd = connect_to(echo_path);

	mm_access(&m, SMM_VARIABLE_FUNCTION_SET_VARIABLE, &ns, u"Bench", 12, 6,
		  "0123456789abcdef", 16);
	head[1] = (uint32_t)m.len;
	memcpy(frame, head, 8);
	memcpy(frame + 8, m.buf, m.len);
	time_socket(fd, frame, 8 + m.len, 1);
	mm_access(&m, SMM_VARIABLE_FUNCTION_GET_VARIABLE, &ns, u"Bench", 12, 0, NULL, 16);
	memcpy(frame + 8, m.buf, m.len);
	for (unsigned i = 0; i < ROUNDS; i++) {
		served[i] = time_socket(fd, frame, 8 + m.len, calls);
		echoed[i] = time_socket(echo_fd, frame, 8 + m.len, calls);
		factor[i] = served[i] / echoed[i];
	}
	printf("%-58s %10s %8s\n", "GetVariable through the MM socket, one connection",
	       "req/s", "ratio");
	printf("%-58s %10.0f\n", "  runtserv serve", 1e9 / bench_median(served, ROUNDS));
	printf("%-58s %10.0f\n", "  bare echo of the same bytes",
	       1e9 / bench_median(echoed, ROUNDS));
	printf("%-58s %10s %s\n", "  time of serve against echo", "",
	       bench_against(bench_median(factor, ROUNDS), 1.3));
	close(fd);
	close(echo_fd);
	kill(serve, SIGTERM);
	kill(echoer, SIGTERM);
	waitpid(serve, NULL, 0);
	waitpid(echoer, NULL, 0);
	unlink(path);
	unlink(echo_path);
	rmdir(dir);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: bench_serve RUNTSERV\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	bench_memory();
	bench_socket(argv[1]);
	return bench_missed > 0;
}
