/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory from files: what is refused and in which words, VMware's pairs of files, memory
 * use, a file that is cut; evidence saved and read again; threads; the progress bar. */
#include "test.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cli/cli.h"
#include "cli/scan_input.h"
#include "cli/scan_progress.h"
#include "dump_build.h"
#include "os/os_map.h"
#include "os/os_threads.h"
#include "stderr_text.h"

#define MIB 1048576ULL

static int setup(void **state)
{
	static char dir[] = "scan-input-XXXXXX";

	(void)state;
	return mkdtemp(dir) == NULL || chdir(dir) < 0;
}

static int teardown(void **state)
{
	char *dir = getcwd(NULL, 0);
	char command[4200];

	(void)state;
	snprintf(command, sizeof command, "cd .. && rm -r '%s'", dir);
	free(dir);
	return system(command);
}

static void file_make(const char *name, uint64_t at, const void *p, size_t n, uint64_t len)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, p, n, (off_t)at), n);
	if (len > at + n)
		assert_int_equal(ftruncate(fd, (off_t)len), 0);
	close(fd);
}

static void opens(const char *path, struct scan_input *in)
{
	*in = (struct scan_input){0};
	assert_int_equal(scan_open_file(path, in), EXIT_WELL);
}

static void refuses(const char *path, const char *why)
{
	struct stderr_text t;
	struct scan_input in = {0};
	int r;

	stderr_begin(&t);
	r = scan_open_file(path, &in);
	if (strstr(stderr_end(&t), why) == NULL)
		fail_msg("%s: %s", path, t.text);
	assert_int_equal(r, EXIT_TROUBLE);
	assert_int_equal(strncmp(t.text, "runtserv scan: ", 15), 0);
	assert_ptr_equal(strchr(t.text, '\n'), t.text + strlen(t.text) - 1);
	assert_null(in.dump);
}

static void other_files(void **state)
{
	static const struct {
		const char *name;
		unsigned at;
		unsigned len;
		const char *bytes;
		const char *why;
	} cases[] = {
		{"a.qcow2", 0, 4, "QFI\xfb", "a.qcow2: qcow2, a disk image"},
		{"a.vmdk", 0, 4, "KDMV", ".vmem"},
		{"b.vmdk", 0, 4, "COWD", ".vmem"},
		{"a.vhdx", 0, 8, "vhdxfile", "a disk image"},
		{"a.vdi", 64, 4, "\x7f\x10\xda\xbe", "a disk image"},
		{"a.lz4", 0, 4, "\x04\x22\x4d\x18", "lz4"},
		{"a.bz2", 0, 3, "BZh", "bzip2"},
		{"a.zip", 0, 4, "PK\3\4", "zip"},
		{"a.7z", 0, 6, "7z\xbc\xaf\x27\x1c", "7z"},
		{"a.fd", 40, 4, "_FVH", "--firmware"},
		/* the reader's own words, with the name */
		{"a.gz", 0, 3, "\x1f\x8b\x08", "a.gz: packed with gzip"},
		{"migration", 0, 4, "QEVM", "migration: a QEMU migration"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct scan_input in;

		file_make(cases[i].name, cases[i].at, cases[i].bytes, cases[i].len, 8192);
		refuses(cases[i].name, cases[i].why);
		/* cut before its last byte it is none of them */
		file_make(cases[i].name, cases[i].at, cases[i].bytes, cases[i].len - 1, 0);
		opens(cases[i].name, &in);
		scan_input_fini(&in);
	}
}

static void no_files(void **state)
{
	(void)state;
	file_make("empty", 0, "", 0, 0);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	refuses("-", "must be a file");
	refuses("empty", "empty: it is empty");
	refuses("fifo", "cannot be mapped");
	refuses("/dev/null", "cannot be mapped");
	refuses(".", strerror(EISDIR));
	refuses("missing", strerror(ENOENT));
	refuses("", strerror(ENOENT));
	if (geteuid() != 0) {
		assert_int_equal(chmod("empty", 0), 0);
		refuses("empty", strerror(EACCES));
	}
	/* an ELF file that is no core: the reader's own words, with the name */
	refuses("/proc/self/exe", "/proc/self/exe: ELF file of type");
}

static void raw(void **state)
{
	struct scan_input in;
	char got[8];

	(void)state;
	file_make("image", 5000, "memory", 6, 3 * MIB);
	opens("image", &in);
	assert_int_equal(rts_dump_info(in.dump)->format, RTS_DUMP_RAW);
	assert_int_equal(rts_dump_info(in.dump)->bytes, 3 * MIB);
	assert_string_equal(in.name, "image");
	assert_int_equal(in.note_count, 0);
	assert_true(rts_dump_read_all(in.dump, 5000, got, 6));
	assert_memory_equal(got, "memory", 6);
	/* what was dropped is there again, and a window may be anywhere */
	in.window(in.window_ctx, 0, 3 * MIB, false);
	in.window(in.window_ctx, 4999, 1, false);
	in.window(in.window_ctx, 3 * MIB, UINT64_MAX, false);
	in.window(in.window_ctx, UINT64_MAX, 1, false);
	in.window(in.window_ctx, 1, UINT64_MAX, false);
	memset(got, 0, sizeof got);
	assert_true(rts_dump_read_all(in.dump, 5000, got, 6));
	assert_memory_equal(got, "memory", 6);
	scan_input_fini(&in);
	assert_null(in.dump);
	scan_input_fini(&in); /* as zeroed */
}

/* Bytes of files that this process has in its memory. */
static uint64_t rss_file(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[128];
	unsigned long kib = 0;

	while (fgets(line, sizeof line, f) != NULL &&
	       sscanf(line, "RssFile: %lu", &kib) != 1)
		;
	fclose(f);
	return kib * 1024;
}

static uint64_t pass(const struct scan_input *in, uint64_t window, uint64_t *ret_peak)
{
	const uint64_t end = rts_dump_info(in->dump)->end, before = rss_file();
	uint64_t sum = 0;

	*ret_peak = 0;
	for (uint64_t at = 0; at < end; at += window) {
		const struct bytes b = rts_dump_view(in->dump, at, NULL, window);

		assert_true(b.n > 0);
		for (size_t i = 0; i < b.n; i += 4096)
			sum += b.p[i];
		if (rss_file() - before > *ret_peak)
			*ret_peak = rss_file() - before;
		in->window(in->window_ctx, at, window, false);
	}
	return sum;
}

/* The bytes of an image are not in our memory for longer than its window is needed. */
static void memory_use(void **state)
{
	struct scan_input in;
	uint64_t peak;

	(void)state;
	file_make("large", 200 * MIB - 4096, "x", 1, 200 * MIB);
	opens("large", &in);
	assert_int_equal(pass(&in, 4 * MIB, &peak), 'x');
	assert_in_range(peak, 3 * MIB, 9 * MIB);
	scan_input_fini(&in);
	unlink("large");
}

static void cut_short(void **state)
{
	char text[256] = "";
	int pipes[2], status;
	pid_t child;

	(void)state;
	file_make("cut", 0, "x", 1, 4 * MIB);
	assert_int_equal(pipe(pipes), 0);
	child = fork();
	if (child == 0) {
		struct scan_input in;
		volatile uint8_t byte;

		dup2(pipes[1], STDERR_FILENO);
		opens("cut", &in);
		if (truncate("cut", 1 * MIB) < 0)
			_exit(9);
		(void)rts_dump_read(in.dump, MIB - 1, (void *)&byte, 1);
		(void)rts_dump_read(in.dump, 2 * MIB, (void *)&byte, 1);
		_exit(8);
	}
	close(pipes[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(read(pipes[0], text, sizeof text - 1) > 0);
	close(pipes[0]);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EXIT_TROUBLE);
	assert_string_equal(text, "runtserv scan: cut: was cut short while it was read\n");
}

/* Faults that are not in a mapped file stay what they are, and the handler goes with the
 * last mapping. */
static void other_faults(void **state)
{
	struct sigaction sa;
	struct scan_input in;
	int status, fd;
	pid_t child;

	(void)state;
	file_make("image", 0, "x", 1, 8192);
	for (int way = 0; way < 2; way++) {
		child = fork();
		if (child == 0) {
			const struct rlimit none = {0};

			setrlimit(RLIMIT_CORE, &none);
			opens("image", &in);
			if (way == 0)
				raise(SIGBUS);
			fd = open("image", O_RDWR);
			volatile char *p =
				mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 1 << 20);

			_exit(p[0] + 1);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGBUS);
	}
	opens("image", &in);
	sigaction(SIGBUS, NULL, &sa);
	assert_true(sa.sa_handler != SIG_DFL);
	scan_input_fini(&in);
	sigaction(SIGBUS, NULL, &sa);
	assert_true(sa.sa_handler == SIG_DFL);
}

static bool has_note(const struct scan_input *in, const char *part)
{
	for (size_t i = 0; i < in->note_count; i++)
		if (strstr(in->notes[i], part) != NULL)
			return true;
	return false;
}

/* FILE.vmem and what is beside it. Names are not in the way: a dot in a folder's. */
static void vmware(void **state)
{
	/* not what would be assumed */
	static const struct dump_memory memory[] = {{0, MIB}, {16 * MIB, MIB}};
	const struct dump_file state_file = dump_build_vmss(memory, 2, false);
	const struct dump_file all = dump_build_vmss(memory, 2, true);
	const uint64_t len = 3072 * MIB + 8192;
	struct scan_input in;

	(void)state;
	assert_int_equal(mkdir("vm.d", 0700), 0);
	file_make("vm.d/guest.vmem", 0, "x", 1, 2 * MIB);
	opens("vm.d/guest.vmem", &in);
	assert_int_equal(rts_dump_info(in.dump)->format, RTS_DUMP_VMWARE);
	assert_int_equal(rts_dump_range_count(in.dump), 1);
	assert_int_equal(in.note_count, 0);
	scan_input_fini(&in);
	for (size_t i = 0; i < 2; i++) {
		const char *name = i == 0 ? "vm.d/guest.vmsn" : "vm.d/guest.vmss";

		file_make(name, 0, state_file.p, state_file.n, 0);
		opens("vm.d/guest.vmem", &in);
		assert_int_equal(rts_dump_range_count(in.dump), 2);
		assert_int_equal(rts_dump_range(in.dump, 1)->start, 16 * MIB);
		assert_int_equal(in.note_count, 0);
		scan_input_fini(&in);
		/* to guess would be worse */
		file_make(name, 0, "broken", 6, 0);
		refuses("vm.d/guest.vmem",
			i == 0 ? "vm.d/guest.vmem, by vm.d/guest.vmsn: "
			       : "vm.d/guest.vmem, by vm.d/guest.vmss: ");
		file_make(name, 0, "", 0, 0);
		refuses("vm.d/guest.vmem", "it is empty");
		unlink(name);
	}
	/* without it */
	file_make("vm.d/guest.vmem", len - 1, "x", 1, len);
	opens("vm.d/guest.vmem", &in);
	assert_true(rts_dump_info(in.dump)->assumed_hole);
	assert_true(has_note(&in, "no .vmss or .vmsn beside"));
	scan_input_fini(&in);
	/* another suffix has nothing beside it */
	file_make("vm.d/guest.vmss", 0, state_file.p, state_file.n, 0);
	assert_int_equal(rename("vm.d/guest.vmem", "vm.d/guest"), 0);
	opens("vm.d/guest", &in);
	assert_int_equal(rts_dump_info(in.dump)->format, RTS_DUMP_RAW);
	assert_int_equal(rts_dump_range_count(in.dump), 1);
	scan_input_fini(&in);
	/* the state by itself, without the memory and with it */
	refuses("vm.d/guest.vmss", "the vmem beside it");
	file_make("vm.d/guest.vmss", 0, all.p, all.n, 0);
	opens("vm.d/guest.vmss", &in);
	assert_int_equal(rts_dump_info(in.dump)->bytes, 2 * MIB);
	scan_input_fini(&in);
	unlink("vm.d/guest");
	free(state_file.p);
	free(all.p);
}

static void notes(void **state)
{
	struct scan_input in = {0};

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		scan_input_note(&in, "note %u", i);
	assert_in_range(in.note_count, 16, 100);
	assert_string_equal(in.notes[0], "note 0");
	assert_string_equal(in.notes[15], "note 15");
	scan_input_fini(&in);
}

/* What the reader says of a cut core goes on as a note. */
static void problem(void **state)
{
	struct {
		Elf64_Ehdr eh;
		Elf64_Phdr ph;
		char memory[64];
	} core = {
		.eh = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
				   ELFDATA2LSB, EV_CURRENT},
		       .e_type = ET_CORE,
		       .e_machine = EM_X86_64,
		       .e_phoff = sizeof core.eh,
		       .e_phentsize = sizeof core.ph,
		       .e_phnum = 1},
		.ph = {.p_type = PT_LOAD,
		       .p_offset = sizeof core.eh + sizeof core.ph,
		       .p_filesz = 4096,
		       .p_memsz = 4096},
	};
	struct scan_input in;

	(void)state;
	file_make("core", 0, &core, sizeof core, 0);
	opens("core", &in);
	assert_int_equal(in.note_count, 1);
	assert_string_equal(in.notes[0], rts_dump_info(in.dump)->problem);
	scan_input_fini(&in);
}

/* ---- saving ---- */

static void same_dump(const struct scan_input *a, const struct scan_input *b)
{
	uint8_t x[4096], y[4096];

	assert_int_equal(rts_dump_range_count(a->dump), rts_dump_range_count(b->dump));
	for (size_t i = 0; i < rts_dump_range_count(a->dump); i++) {
		const struct rts_dump_range *r = rts_dump_range(a->dump, i);
		const struct rts_dump_range *s = rts_dump_range(b->dump, i);

		assert_int_equal(r->start, s->start);
		assert_int_equal(r->len, s->len);
		assert_int_equal(r->has_virtual, s->has_virtual);
		if (r->has_virtual)
			assert_int_equal(r->virtual_start, s->virtual_start);
		for (uint64_t at = 0; at < r->len; at += sizeof x) {
			const size_t n = r->len - at < sizeof x ? r->len - at : sizeof x;

			assert_true(rts_dump_read_all(a->dump, r->start + at, x, n));
			assert_true(rts_dump_read_all(b->dump, r->start + at, y, n));
			assert_memory_equal(x, y, n);
		}
	}
}

static void from_pieces(const struct rts_dump_piece *pieces, size_t count,
			struct scan_input *in)
{
	struct diag d = {0};

	*in = (struct scan_input){0};
	assert_int_equal(rts_dump_from_pieces(pieces, count, &d, &in->dump), EFI_SUCCESS);
}

static uint8_t *pattern(size_t n)
{
	uint8_t *p = malloc(n);
	uint32_t x = 1;

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)((x = x * 1103515245 + 12345) >> 16);
	return p;
}

static void saved(void **state)
{
	uint8_t *bytes = pattern(3 * MIB);
	const struct rts_dump_piece pieces[] = {
		{0x7f000000, {bytes, 3 * MIB}, true, 0xfffffffeff000000},
		{0x7f400000, {bytes + 77, 4096}, true, 0xfffffffefe000000},
		{0x1000, {bytes, 100}, false, 0},
		{0x1ffff0000, {bytes + 5, 65536}, false, 0},
	};
	struct scan_input in, again;
	struct stat st;

	(void)state;
	from_pieces(pieces, COUNT(pieces), &in);
	file_make("evidence", 0, "old", 3, 0);
	assert_int_equal(chmod("evidence", 0644), 0);
	assert_int_equal(scan_save(&in, "evidence"), EXIT_WELL);
	assert_int_equal(stat("evidence", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600); /* there are secrets in memory */
	opens("evidence", &again);
	assert_int_equal(rts_dump_info(again.dump)->format, RTS_DUMP_ELF);
	assert_true(rts_dump_info(again.dump)->x86_64);
	assert_int_equal(again.note_count, 0);
	same_dump(&in, &again);
	/* and once more from the file, which is mapped while it is replaced */
	assert_int_equal(scan_save(&again, "evidence"), EXIT_WELL);
	same_dump(&in, &again);
	scan_input_fini(&again);
	opens("evidence", &again);
	same_dump(&in, &again);
	scan_input_fini(&again);
	scan_input_fini(&in);
	free(bytes);
}

/* What cannot be read of a packed image is a hole of the saved one, not zeros. */
static void saved_with_hole(void **state)
{
	static const struct dump_memory memory = {0, 1000 * DUMP_PAGE};
	struct dump_file f = dump_build_kdump(&memory, 1, (struct dump_kdump_build){0});
	/* header, two blocks behind it, two bitmaps; then 24 bytes for each page */
	const size_t pages = 5 * DUMP_PAGE;
	uint8_t want[DUMP_PAGE], got[DUMP_PAGE];
	struct scan_input in, again;

	(void)state;
	dump_put64(&f, pages + 500 * 24, UINT64_MAX / 2);
	file_make("kdump", 0, f.p, f.n, 0);
	free(f.p);
	opens("kdump", &in);
	assert_int_equal(rts_dump_range_count(in.dump), 1);
	assert_int_equal(scan_save(&in, "saved"), EXIT_WELL);
	scan_input_fini(&in);
	opens("saved", &again);
	assert_int_equal(rts_dump_range_count(again.dump), 2);
	assert_int_equal(rts_dump_range(again.dump, 0)->len, 500 * DUMP_PAGE);
	assert_int_equal(rts_dump_range(again.dump, 1)->start, 501 * DUMP_PAGE);
	assert_int_equal(rts_dump_range(again.dump, 1)->len, 499 * DUMP_PAGE);
	for (uint64_t no = 0; no < 1000; no++) {
		dump_fill(no * DUMP_PAGE, want, sizeof want);
		assert_int_equal(
			rts_dump_read_all(again.dump, no * DUMP_PAGE, got, sizeof got),
			no != 500);
		if (no != 500)
			assert_memory_equal(got, want, sizeof want);
	}
	scan_input_fini(&again);
}

/* More segments than an ELF header can count. */
static void many_segments(void **state)
{
	enum { MANY = 70000 };
	struct rts_dump_piece *pieces = calloc(MANY, sizeof *pieces);
	uint8_t *bytes = pattern(MANY + 16);
	struct scan_input in, again;
	Elf64_Ehdr eh;
	int fd;

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		pieces[i] = (struct rts_dump_piece){.start = i * 8192,
						    .bytes = {bytes + i, 16}};
	for (size_t count = PN_XNUM - 1; count <= MANY;
	     count = count < PN_XNUM + 1 ? count + 1 : count + MANY - PN_XNUM - 1) {
		from_pieces(pieces, count, &in);
		assert_int_equal(scan_save(&in, "many"), EXIT_WELL);
		opens("many", &again);
		assert_int_equal(again.note_count, 0);
		same_dump(&in, &again);
		fd = open("many", O_RDONLY);
		assert_int_equal(read(fd, &eh, sizeof eh), sizeof eh);
		close(fd);
		assert_int_equal(eh.e_phnum, count < PN_XNUM ? count : PN_XNUM);
		scan_input_fini(&again);
		scan_input_fini(&in);
	}
	free(pieces);
	free(bytes);
}

static unsigned files_here(void)
{
	FILE *f = popen("ls -A | wc -l", "r");
	unsigned n = 0;

	assert_int_equal(fscanf(f, "%u", &n), 1);
	pclose(f);
	return n;
}

static void not_saved(void **state)
{
	const struct rlimit small = {65536, RLIM_INFINITY};
	uint8_t *bytes = pattern(MIB);
	const struct rts_dump_piece piece = {0, {bytes, MIB}, false, 0};
	const char *const places[] = {"missing/evidence", "/dev/null", "link", "vm.d", ""};
	struct stderr_text t;
	struct scan_input in;
	struct rlimit before;
	char text[4] = "";
	unsigned files;
	int fd;

	(void)state;
	from_pieces(&piece, 1, &in);
	file_make("evidence", 0, "old", 3, 0);
	(void)!symlink("evidence", "link");
	files = files_here();
	for (size_t i = 0; i < COUNT(places); i++) {
		stderr_begin(&t);
		assert_int_equal(scan_save(&in, places[i]), EXIT_TROUBLE);
		assert_int_equal(strncmp(stderr_end(&t), "runtserv scan: ", 15), 0);
	}
	/* a disk that is full */
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	stderr_begin(&t);
	assert_int_equal(scan_save(&in, "evidence"), EXIT_TROUBLE);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_non_null(strstr(stderr_end(&t), strerror(EFBIG)));
	assert_int_equal(files_here(), files);
	fd = open("evidence", O_RDONLY);
	assert_int_equal(read(fd, text, sizeof text), 3);
	assert_string_equal(text, "old");
	close(fd);
	scan_input_fini(&in);
	free(bytes);
}

/* ---- threads ---- */

struct work {
	atomic_uint calls[1000];
	atomic_uint running, most;
};

static void one(void *arg, unsigned i)
{
	struct work *w = arg;
	const unsigned now = atomic_fetch_add(&w->running, 1) + 1;
	unsigned most = atomic_load(&w->most);

	atomic_fetch_add(&w->calls[i], 1);
	while (now > most && !atomic_compare_exchange_weak(&w->most, &most, now))
		;
	if (i < 8)
		usleep(20000); /* long enough for the others to begin */
	atomic_fetch_sub(&w->running, 1);
}

static void threads(void **state)
{
	static const unsigned counts[] = {0, 1, 2, 3, 1000};
	const unsigned cpus = os_cpu_count();

	(void)state;
	assert_in_range(cpus, 1, 64);
	for (size_t k = 0; k < COUNT(counts); k++) {
		struct work w = {0};

		os_parallel(NULL, one, &w, counts[k]);
		assert_int_equal(w.running, 0);
		for (unsigned i = 0; i < COUNT(w.calls); i++)
			assert_int_equal(w.calls[i], i < counts[k]);
		assert_in_range(w.most,
				counts[k] > 0 && cpus > 1 && counts[k] > 1 ? 2
									   : counts[k] > 0,
				cpus);
	}
}

/* ---- the progress bar ---- */

/* What is drawn on a terminal of that many columns; "" on none. */
static void draws(unsigned columns, uint64_t done, unsigned ms, char *ret, size_t cap)
{
	const struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};
	const int saved_fd = dup(STDERR_FILENO);
	struct scan_progress p;
	int terminal, end;
	size_t len = 0;
	ssize_t n;

	assert_int_equal(openpty(&terminal, &end, NULL, NULL, &size), 0);
	dup2(end, STDERR_FILENO);
	close(end);
	scan_progress_begin(&p, "scanning", true);
	assert_true(scan_progress_show(&p, 0, 100 * MIB));
	usleep(ms * 1000);
	assert_true(scan_progress_show(&p, done, 100 * MIB));
	assert_true(
		scan_progress_show(&p, done + 1, 100 * MIB)); /* too soon for a second */
	assert_true(scan_progress_show(&p, 0, 0));
	scan_progress_end(&p);
	dup2(saved_fd, STDERR_FILENO);
	close(saved_fd);
	/* what is written comes in pieces and a little later; with nobody left to write, an
	 * error ends it */
	while ((n = read(terminal, ret + len, cap - 1 - len)) > 0)
		len += (size_t)n;
	ret[len] = 0;
	close(terminal);
}

static void progress(void **state)
{
	struct scan_progress p;
	struct stderr_text t;
	char text[1024];
	unsigned rate, minutes, seconds;
	int n = 0;

	(void)state;
	draws(80, 10 * MIB, 600, text, sizeof text);
	assert_int_equal(sscanf(text,
				"\r\033[Kscanning [##                  ] 10 of 100 MiB, "
				"%u MiB/s, %u:%u left%n",
				&rate, &minutes, &seconds, &n),
			 3);
	assert_in_range(rate, 1, 17);
	assert_in_range(minutes * 60 + seconds, 5, 90);
	assert_string_equal(text + n, "\r\033[K"); /* once, and cleared */
	/* narrow: it must not wrap */
	draws(20, 10 * MIB, 600, text, sizeof text);
	assert_string_equal(text, "\r\033[Kscanning [##       \r\033[K");
	/* not yet, or nearly done */
	draws(80, 10 * MIB, 10, text, sizeof text);
	assert_string_equal(text, "");
	draws(80, 90 * MIB, 600, text, sizeof text);
	assert_string_equal(text, "");
	/* no terminal */
	stderr_begin(&t);
	scan_progress_begin(&p, "scanning", true);
	usleep(600000);
	scan_progress_show(&p, 10 * MIB, 100 * MIB);
	scan_progress_end(&p);
	assert_string_equal(stderr_end(&t), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_files),
		cmocka_unit_test(no_files),
		cmocka_unit_test(raw),
		cmocka_unit_test(memory_use),
		cmocka_unit_test(cut_short),
		cmocka_unit_test(other_faults),
		cmocka_unit_test(vmware),
		cmocka_unit_test(notes),
		cmocka_unit_test(problem),
		cmocka_unit_test(saved),
		cmocka_unit_test(saved_with_hole),
		cmocka_unit_test(many_segments),
		cmocka_unit_test(not_saved),
		cmocka_unit_test(threads),
		cmocka_unit_test(progress),
	};

	return cmocka_run_group_tests_name("scan_input", tests, setup, teardown);
}
