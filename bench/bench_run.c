/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `run` costs: GetVariable through the distribution's VariableSmmRuntimeDxe, natively
 * and in virtual mode, beside the same request given to our service directly; and one
 * driver from a cold start beside liblzma unpacking the same firmware. Each pair runs in
 * turn; the median of the rounds' ratios counts. Usage: bench_run RUNTSERV FIRMWARE
 */
#include <fcntl.h>
#include <lzma.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "mm_message.h"
#include "runtime/runtime.h"
#include "runtserv/wire.h"

#define DRIVER    "VariableSmmRuntimeDxe"
#define ROUNDS    11
#define CALLS     200000U
#define VALUE_LEN 32U

static void die(const char *what)
{
	fprintf(stderr, "bench_run: %s\n", what);
	exit(2);
}

static struct bytes file_map(const char *path)
{
	struct stat st;
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *p = MAP_FAILED;

	if (fd >= 0 && fstat(fd, &st) == 0)
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		die(path);
	close(fd);
	return (struct bytes){p, (size_t)st.st_size};
}

/* Processor time of all children so far, in ns. */
static double children(void)
{
	struct rusage u;

	getrusage(RUSAGE_CHILDREN, &u);
	return ((double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec) * 1e9 +
	       ((double)u.ru_utime.tv_usec + (double)u.ru_stime.tv_usec) * 1e3;
}

/* Hosted: the time of CALLS calls is what a run with them takes longer than one without. */
static double hosted(const struct rts_fv *fv, unsigned calls)
{
	struct runtime_driver driver = {.name = DRIVER};
	char script[256];
	struct runtime_config config = {.subjects = &driver,
					.subject_count = 1,
					.firmware = fv,
					.seed = 1,
					.calls = script};
	struct runtime_report report;
	struct diag d = {0};
	double begin, took;

	for (size_t i = 0; i < rts_fv_file_count(fv); i++) {
		const struct rts_fv_file *f = rts_fv_file(fv, i);

		if (f->name == NULL || strcmp(f->name, DRIVER) != 0)
			continue;
		driver.image = f->image;
		driver.depex = f->depex;
		driver.has_guid = true;
		driver.guid = f->guid;
	}
	snprintf(script, sizeof script,
		 "phase boot\nset Speed global nv+bs+rt "
		 "\"0123456789abcdef0123456789abcdef\"\n"
		 "phase virtual\nx%u get Speed global 32\n",
		 calls);
	begin = children();
	if (runtime_run(&config, &d, &report) < 0)
		die(d.text);
	took = children() - begin;
	if (report.finding_count != 0 || report.last->phases[RT_PHASE_VIRTUAL].failed != 0)
		die("the hosted calls failed");
	runtime_report_fini(&report);
	return took;
}

static double direct(struct rts_wire *w, unsigned calls)
{
	static const CHAR16 name[] = u"Speed";
	static struct mm m, copy;
	const double begin = bench_now(CLOCK_THREAD_CPUTIME_ID);
	const EFI_GUID guid = EFI_GLOBAL_VARIABLE_GUID;
	size_t len;

	mm_access(&m, SMM_VARIABLE_FUNCTION_GET_VARIABLE, &guid, name, sizeof name, 0, NULL,
		  VALUE_LEN);
	for (unsigned i = 0; i < calls; i++) {
		memcpy(copy.buf, m.buf, m.len);
		if (rts_wire_mm(w, copy.buf, m.len, &len) != UEFI_VARS_STS_SUCCESS ||
		    mm_status(&copy) != EFI_SUCCESS)
			die("a direct call failed");
	}
	return bench_now(CLOCK_THREAD_CPUTIME_ID) - begin;
}

static void calls_table(const struct rts_fv *fv)
{
	struct rts_vars *v;
	struct rts_wire w = {0};
	const EFI_GUID guid = EFI_GLOBAL_VARIABLE_GUID;
	double h[ROUNDS], d[ROUNDS], ratio[ROUNDS], start[ROUNDS];

	if (rts_vars_new(&(struct rts_vars_config){0}, &v) != EFI_SUCCESS ||
	    rts_vars_start(v) != EFI_SUCCESS ||
	    rts_vars_set(v, u"Speed", 12, &guid, 7, "0123456789abcdef0123456789abcdef",
			 VALUE_LEN) != EFI_SUCCESS)
		die("the service did not start");
	w.vars = v;
	for (int i = 0; i < ROUNDS; i++) {
		start[i] = hosted(fv, 1);
		h[i] = (hosted(fv, CALLS + 1) - start[i]) / CALLS;
		d[i] = direct(&w, CALLS) / CALLS;
		ratio[i] = h[i] / d[i];
	}
	rts_vars_free(v);
	printf("GetVariable, %u bytes, ns of processor time a call\n", VALUE_LEN);
	printf("  our service directly (MM message)    %9.0f\n", bench_median(d, ROUNDS));
	printf("  " DRIVER " in a run       %9.0f  %s\n", bench_median(h, ROUNDS),
	       bench_against(bench_median(ratio, ROUNDS), 5));
}

/* The compressed section of the firmware, as liblzma's own format: it follows its GUID. */
static struct bytes payload_find(struct bytes fd)
{
	static const uint8_t guid[16] = {0x98, 0x58, 0x4e, 0xee, 0x14, 0x39, 0x59, 0x42,
					 0x9d, 0x6e, 0xdc, 0x7b, 0xd7, 0x94, 0x03, 0xcf};
	const uint8_t *p = memmem(fd.p, fd.n, guid, sizeof guid);
	uint16_t offset;
	struct bytes ret = {0};

	/* DataOffset counts from the section's header, 4 bytes before the GUID */
	if (p != NULL && bytes_read(fd, (uint64_t)(p - fd.p) + 16, &offset, sizeof offset))
		bytes_sub(fd, (uint64_t)(p - fd.p) - 4 + offset,
			  fd.n - ((uint64_t)(p - fd.p) - 4 + offset), &ret);
	if (ret.n == 0)
		die("no LZMA section in the firmware");
	return ret;
}

static double unpack(struct bytes in)
{
	static uint8_t out[1 << 20];
	lzma_stream s = LZMA_STREAM_INIT;
	const double begin = bench_now(CLOCK_MONOTONIC);
	lzma_ret r = lzma_alone_decoder(&s, UINT64_MAX);

	s.next_in = in.p;
	s.avail_in = in.n;
	while (r == LZMA_OK) {
		s.next_out = out;
		s.avail_out = sizeof out;
		r = lzma_code(&s, LZMA_RUN);
	}
	lzma_end(&s);
	if (r != LZMA_STREAM_END)
		die("liblzma does not unpack the firmware");
	return bench_now(CLOCK_MONOTONIC) - begin;
}

static double cold(const char *runtserv, const char *firmware)
{
	const double begin = bench_now(CLOCK_MONOTONIC);
	const pid_t pid = fork();
	int status;

	if (pid == 0) {
		const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		dup2(null, STDOUT_FILENO);
		execl(runtserv, "runtserv", "run", "--firmware", firmware, DRIVER,
		      (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) ||
	    WEXITSTATUS(status) != 0)
		die("runtserv run failed");
	return bench_now(CLOCK_MONOTONIC) - begin;
}

static void start_table(const char *runtserv, const char *firmware, struct bytes fd)
{
	const struct bytes payload = payload_find(fd);
	double c[ROUNDS], u[ROUNDS], ratio[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		c[i] = cold(runtserv, firmware);
		u[i] = unpack(payload);
		ratio[i] = c[i] / u[i];
	}
	printf("one driver, from a cold start, ms\n");
	printf("  liblzma unpacks the firmware         %9.1f\n",
	       bench_median(u, ROUNDS) / 1e6);
	printf("  runtserv run, the whole of it        %9.1f  %s\n",
	       bench_median(c, ROUNDS) / 1e6,
	       bench_against(bench_median(ratio, ROUNDS), 3));
}

int main(int argc, char **argv)
{
	struct rts_fv *fv;
	struct diag d = {0};
	struct bytes fd;

	if (argc != 3)
		die("usage: bench_run RUNTSERV FIRMWARE");
	fd = file_map(argv[2]);
	if (rts_fv_open(fd, &d, &fv) != EFI_SUCCESS)
		die(d.text);
	calls_table(fv);
	start_table(argv[1], argv[2], fd);
	rts_fv_free(fv);
	return bench_missed != 0;
}
