/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the pass over memory costs, beside a plain vector sum of the same populated mapping:
 * 4 GiB of a file in memory. Each pair runs in turn, in one run; the median of the rounds'
 * ratios is what counts, and a missed limit is the exit status. Then with two threads, and
 * how much memory a pass needs for images of 1 and of 4 GiB.
 * A compressed image is compared with unpacking it. Usage: bench_scan [IMAGE]; it is
 * repeated to fill the 4 GiB, made up where there is none.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "dump_build.h"
#include "os/os_map.h"
#include "os/os_threads.h"
#include "scan/scan_priv.h"

#define ROUNDS 5
#define SLICES 16U
#define PAIRS  (ROUNDS * SLICES)
#define GIB    ((size_t)1 << 30)
#define LEN    (4 * GIB)
#define PAGE   4096U

static void die(const char *what)
{
	fprintf(stderr, "bench_scan: %s\n", what);
	exit(2);
}

/* The other side: the same loads, by the longest vectors there are, and one addition each.
 */
typedef uint64_t vec __attribute__((vector_size(32), aligned(1), may_alias));

static inline __attribute__((always_inline)) uint64_t sum(const uint8_t *p, size_t n)
{
	vec a = {0}, b = {0}, c = {0}, d = {0};

	for (size_t i = 0; i < n; i += 4 * sizeof(vec)) {
		a += *(const vec *)(p + i);
		b += *(const vec *)(p + i + sizeof(vec));
		c += *(const vec *)(p + i + 2 * sizeof(vec));
		d += *(const vec *)(p + i + 3 * sizeof(vec));
	}
	a += b + c + d;
	return a[0] + a[1] + a[2] + a[3];
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static uint64_t sum_avx2(const uint8_t *p, size_t n)
{
	return sum(p, n);
}
#define HAVE_AVX2 __builtin_cpu_supports("avx2")
#else
#define sum_avx2  sum
#define HAVE_AVX2 false
#endif

static volatile uint64_t sink;

/* One thread's own time: what others do on this machine is not ours. */
static double time_sum(const uint8_t *p, size_t n)
{
	const double t = bench_now(CLOCK_THREAD_CPUTIME_ID);

	sink = HAVE_AVX2 ? sum_avx2(p, n) : sum(p, n);
	return bench_now(CLOCK_THREAD_CPUTIME_ID) - t;
}

/* ---- an image ---- */

static uint64_t next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* As much of each as a machine that works has, or more: a quarter zeros, text, pointers and
 * random bytes; one page in 32 of small numbers, one in 128 a page table. */
static void fill(uint8_t *p, size_t n)
{
	static const char text[] = "It runs from the second page of each row to the end. ";
	uint64_t x = 0x9e3779b97f4a7c15ULL;

	for (size_t at = 0; at < n; at += PAGE) {
		const uint64_t kind = next(&x) % 128;

		for (size_t i = 0; kind >= 32 && i < PAGE; i += 8) {
			const uint64_t r = next(&x);
			uint64_t v = r;

			if (kind < 64)
				memcpy(&v, text + r % (sizeof text - 8), 8);
			else if (kind < 68)
				v = r % 7;
			else if (kind == 68)
				v = r % 4 == 0 ? (r >> 34 << 12 & 0xfffff000) | 0x63 : 0;
			else if (kind < 96)
				v = r % 4 == 0 ? 0xffff888000000000ULL | (r >> 30 & ~7ULL)
					       : r >> 60;
			memcpy(p + at + i, &v, 8);
		}
	}
}

static int image_file(const char *from)
{
	const int fd = memfd_create("image", MFD_CLOEXEC);
	struct os_map m = {0};
	struct diag d = {0};
	uint8_t *p = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, (off_t)LEN) == 0)
		p = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
			 0);
	if (p == MAP_FAILED)
		die("no memory for 4 GiB");
	if (from == NULL)
		fill(p, LEN);
	else if (os_map_open(from, "bench_scan", 2, &d, &m) != 0)
		die(d.text);
	for (size_t at = 0; from != NULL && at < LEN; at += m.n)
		memcpy(p + at, m.p, m.n < LEN - at ? m.n : LEN - at);
	os_map_close(&m);
	memset(p, 0, PAGE); /* whatever it was, it is raw now */
	munmap(p, LEN);
	return fd;
}

/* ---- a pass ---- */

static void drop(void *ctx, uint64_t offset, uint64_t len, bool needed)
{
	if (!needed)
		os_map_drop(ctx, offset, len);
}

static void pass(struct rts_dump *dump, unsigned threads, struct os_map *map)
{
	struct rts_scan_config c = {.dump = dump,
				    .parallel = os_parallel,
				    .threads = threads,
				    .window = map != NULL ? drop : NULL,
				    .ctx = map};
	struct rts_scan_report report = {0};
	struct scan s = {.config = &c, .dump = dump, .report = &report};

	if (rts_scan_pass(&s) != EFI_SUCCESS)
		die("the pass did not end well");
	for (unsigned i = 0; i < SCAN_HITS; i++)
		free(s.hits[i].at);
}

static struct rts_dump *open_bytes(const uint8_t *p, size_t n)
{
	struct diag d = {0};
	struct rts_dump *dump = NULL;

	if (rts_dump_open((struct bytes){p, n}, (struct bytes){0}, &d, &dump) !=
	    EFI_SUCCESS)
		die(d.text);
	return dump;
}

static double time_pass(struct rts_dump *dump, unsigned threads, clockid_t clock)
{
	const double t = bench_now(clock);

	pass(dump, threads, NULL);
	return bench_now(clock) - t;
}

static void row(const char *what, double ns, double bytes, const char *against)
{
	printf("%-50s %8.2f GB/s %s\n", what, bytes / ns, against);
}

/* Slice by slice, each many times what caches hold, so that both sides see the same noise.
 */
static void bench_slices(const uint8_t *p)
{
	const size_t len = LEN / SLICES;
	struct rts_dump *dump[SLICES];
	double summed[PAIRS], passed[PAIRS], factor[PAIRS];

	for (unsigned i = 0; i < SLICES; i++)
		dump[i] = open_bytes(p + i * len, len);
	for (unsigned i = 0; i < PAIRS; i++) {
		summed[i] = time_sum(p + i % SLICES * len, len);
		passed[i] = time_pass(dump[i % SLICES], 1, CLOCK_THREAD_CPUTIME_ID);
		factor[i] = passed[i] / summed[i];
	}
	printf("a populated mapping of 4 GiB, warm, by 256 MiB; the ratios are of times\n");
	row("  summed by vectors", bench_median(summed, PAIRS), (double)len, "");
	row("  the pass, one thread", bench_median(passed, PAIRS), (double)len,
	    bench_against(bench_median(factor, PAIRS), 1.25));
	for (unsigned i = 0; i < SLICES; i++)
		rts_dump_free(dump[i]);
}

static void bench_threads(const uint8_t *p)
{
	struct rts_dump *dump = open_bytes(p, LEN);
	double one[ROUNDS], two[ROUNDS], factor[ROUNDS];

	for (unsigned i = 0; i < ROUNDS; i++) {
		one[i] = time_pass(dump, 1, CLOCK_MONOTONIC);
		two[i] = time_pass(dump, 2, CLOCK_MONOTONIC);
		factor[i] = two[i] / one[i];
	}
	printf("all of it, by the wall clock\n");
	row("  the pass, one thread", bench_median(one, ROUNDS), LEN, "");
	/* they share the memory, and one alone takes most of its rate */
	row("  ... two threads, against one", bench_median(two, ROUNDS), LEN,
	    os_cpu_count() > 1 ? bench_against(bench_median(factor, ROUNDS), 0.95) : "");
	rts_dump_free(dump);
}

static void bench_warm(int fd)
{
	const uint8_t *p = mmap(NULL, LEN, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);

	if (p == MAP_FAILED)
		die("no mapping");
	bench_slices(p);
	bench_threads(p);
	munmap((void *)(uintptr_t)p, LEN);
}

/* The most memory of a process that scans @len bytes as the scan verb does, KiB. */
static double peak(int fd, size_t len)
{
	struct rusage u;
	int status;
	const pid_t child = fork();

	if (child < 0)
		die("no child");
	if (child == 0) {
		struct os_map map;
		struct diag d = {0};

		if (os_map_fd(fd, "bench_scan", 2, &d, &map) != 0)
			die(d.text);
		pass(open_bytes(map.p, len), 2, &map);
		_exit(0);
	}
	if (wait4(child, &status, 0, &u) != child || status != 0)
		die("a pass in a child did not end well");
	return (double)u.ru_maxrss;
}

static void bench_peak(int fd)
{
	const double small = peak(fd, GIB), large = peak(fd, LEN);

	printf("the most memory that it needs, two threads\n");
	printf("%-50s %8.1f MiB\n", "  for an image of 1 GiB", small / 1024);
	printf("%-50s %8.1f MiB %s\n", "  for one of 4 GiB, against 1 GiB", large / 1024,
	       bench_against(large / small, 1.1));
}

static void bench_kdump(void)
{
	static const struct dump_memory memory = {0, 128 << 20};
	struct dump_file f = dump_build_kdump(&memory, 1, (struct dump_kdump_build){0});
	struct rts_dump *dump = open_bytes(f.p, f.n);
	double views[ROUNDS], passes[ROUNDS], factor[ROUNDS];
	uint8_t *buf = malloc(1 << 18);

	if (buf == NULL)
		die("no memory");
	for (unsigned i = 0; i < ROUNDS; i++) {
		const double t = bench_now(CLOCK_THREAD_CPUTIME_ID);

		for (uint64_t at = 0; at < memory.len;)
			at += rts_dump_view(dump, at, buf, 1 << 18).n;
		views[i] = bench_now(CLOCK_THREAD_CPUTIME_ID) - t;
		passes[i] = time_pass(dump, 1, CLOCK_THREAD_CPUTIME_ID);
		factor[i] = passes[i] / views[i];
	}
	printf("a kdump-compressed image of 128 MiB, in memory\n");
	row("  unpacked", bench_median(views, ROUNDS), (double)memory.len, "");
	row("  the pass, one thread, against it", bench_median(passes, ROUNDS),
	    (double)memory.len, bench_against(bench_median(factor, ROUNDS), 1.25));
	free(buf);
	rts_dump_free(dump);
	free(f.p);
}

int main(int argc, char **argv)
{
	int fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	fd = image_file(argc > 1 ? argv[1] : NULL);
	bench_warm(fd);
	bench_peak(fd);
	bench_kdump();
	return bench_missed != 0;
}
