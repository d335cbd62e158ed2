/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's memory by a monitor of our own, which behaves as QEMU 2.12 to 10 do: it stops a
 * running guest for the dump and lets it go on at its end. Then in every way not so. What
 * must never happen is a guest that ran before and does not after.
 */
#include "test.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/scan_input.h"
#include "os/os_socket.h"
#include "stderr_text.h"

#define PATH     "monitor"
#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}\r\n"
#define BEFORE   "qmp_capabilities query-target query-status query-memory-size-summary getfd "

/* What one test's QEMU is like. Zeroed: as it should be, its guest paused. */
struct script {
	const char *name;
	const char *status;   /* of the guest; NULL: "running", or "paused" */
	bool stopped;         /* the guest does not run */
	const char *greeting; /* NULL: GREETING; "": none */
	const char *arch;     /* NULL: x86_64 */
	json_int_t size;
	bool real_mode;     /* no UEFI yet: QEMU says i386 */
	bool stays_stopped; /* after the dump it leaves the guest stopped */
	bool never_runs;    /* and does not obey "cont" */
	bool dump_fails, dump_hangs;
	const char *refuses; /* that command */
	const char *desc;    /* in these words */
	const char *at;      /* when that command comes ... */
	const char *says;    /* ... says this first */
	size_t floods;       /* ... that many times, */
	bool silent;         /* ... and nothing more; */
	bool hangs_up;       /* ... closes the connection (the first time), */
	bool dies;           /* ... and cannot be reached any more; */
	int signal;          /* ... the user does this */
	bool admin_stops;    /* somebody else stops the guest when it runs again */
	/* what comes of it */
	int result;
	const char *text; /* part of the message */
	const char *log;  /* the commands that were sent; NULL: any */
	bool stopped_after;
};

static struct fake {
	const struct script *s;
	struct os_listener listener;
	pthread_t thread;
	int stop, peer;
	int passed; /* the descriptor that came with getfd, or -1 */
	volatile bool running;
	bool dumping, done, hung_up;
	unsigned polls;
	char log[4096];
} fake;

static volatile struct {
	int count;
	bool running; /* the guest, when the first came */
} signals;

static void on_signal(int sig)
{
	(void)sig;
	if (signals.count++ == 0)
		signals.running = fake.running;
}

static bool say(const char *text)
{
	return send(fake.peer, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text);
}

static void answer(const json_t *id, const char *kind, json_t *value)
{
	json_t *o = json_pack("{s:o, s:O}", kind, value, "id", id);
	char *text = json_dumps(o, 0);

	(void)say(text);
	(void)say("\r\n");
	free(text);
	json_decref(o);
}

static void event(const char *name, const char *error)
{
	char text[256];

	snprintf(text, sizeof text,
		 "{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": "
		 "\"%s\"%s%s%s}"
		 "\r\n",
		 name, error != NULL ? ", \"data\": {\"error\": \"" : "",
		 error != NULL ? error : "", error != NULL ? "\"}" : "");
	(void)say(text);
}

/* What QEMU writes, in small. */
static void write_core(int fd)
{
	struct {
		Elf64_Ehdr eh;
		Elf64_Phdr ph;
		char memory[8192];
	} core = {
		.eh = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
				   ELFDATA2LSB, EV_CURRENT},
		       .e_type = ET_CORE,
		       .e_machine = fake.s->real_mode ? EM_386 : EM_X86_64,
		       .e_phoff = sizeof core.eh,
		       .e_phentsize = sizeof core.ph,
		       .e_phnum = 1},
		.ph = {.p_type = PT_LOAD,
		       .p_offset = sizeof core.eh + sizeof core.ph,
		       .p_paddr = 0x100000,
		       .p_filesz = sizeof core.memory,
		       .p_memsz = sizeof core.memory},
		.memory = "of the guest",
	};

	assert_int_equal(write(fd, &core, sizeof core), sizeof core);
	close(fd);
}

static void dump_ends(void)
{
	const struct script *s = fake.s;

	fake.dumping = false;
	fake.done = true;
	event("DUMP_COMPLETED", s->dump_fails ? s->desc : NULL);
	if (s->stopped || s->stays_stopped)
		return;
	fake.running = true;
	event("RESUME", NULL);
	if (s->admin_stops) {
		fake.running = false;
		event("STOP", NULL);
	}
}

static json_t *query_dump(void)
{
	const struct script *s = fake.s;

	if (fake.dumping && !s->dump_hangs && ++fake.polls == 3) {
		if (!s->dump_fails)
			write_core(take_fd(&fake.passed));
		dump_ends();
	}
	return json_pack("{s:s, s:i, s:i}", "status",
			 fake.dumping    ? "active"
			 : !fake.done    ? "none"
			 : s->dump_fails ? "failed"
					 : "completed",
			 "completed", s->dump_hangs ? 1 : (int)fake.polls, "total", 3);
}

/* False: the connection is over. */
static bool execute(const json_t *o)
{
	const struct script *s = fake.s;
	const char *command = json_string_value(json_object_get(o, "execute"));
	const json_t *args = json_object_get(o, "arguments"),
		     *id = json_object_get(o, "id");
	const char *protocol = json_string_value(json_object_get(args, "protocol"));
	json_t *value = NULL;

	snprintf(fake.log + strlen(fake.log), sizeof fake.log - strlen(fake.log), "%s ",
		 command);
	event("RTC_CHANGE", NULL); /* one may come at any time */
	if (s->at != NULL && strcmp(command, s->at) == 0) {
		for (size_t i = 0; s->says != NULL && i < s->floods + 1; i++)
			if (!say(s->says))
				return false;
		if (s->signal != 0)
			kill(getpid(), s->signal);
		if (s->silent)
			return true;
		if (s->dies)
			os_listener_close(&fake.listener);
		if ((s->hangs_up && !fake.hung_up) || s->dies) {
			fake.hung_up = true;
			if (fake.dumping)
				dump_ends();
			return false;
		}
	}
	if (s->refuses != NULL && strcmp(command, s->refuses) == 0) {
		answer(id, "error",
		       json_pack("{s:s, s:s}", "class", "GenericError", "desc", s->desc));
		return true;
	}
	if (strcmp(command, "query-target") == 0)
		value = json_pack("{s:s}", "arch", s->arch != NULL ? s->arch : "x86_64");
	else if (strcmp(command, "query-status") == 0)
		value = json_pack("{s:s, s:b, s:b}", "status",
				  s->status != NULL ? s->status
				  : fake.running    ? "running"
				  : fake.dumping    ? "save-vm"
						    : "paused",
				  "running", fake.running, "singlestep", 0);
	else if (strcmp(command, "query-memory-size-summary") == 0)
		value = json_pack("{s:I, s:i}", "base-memory", s->size, "plugged-memory",
				  4096);
	else if (strcmp(command, "query-dump") == 0)
		value = query_dump();
	else if (strcmp(command, "dump-guest-memory") == 0) {
		assert_true(json_is_false(json_object_get(args, "paging")));
		assert_true(fake.passed >= 0 && protocol != NULL);
		assert_string_equal(protocol, "fd:runtserv-scan");
		fake.dumping = true;
		fake.running = false;
		if (!s->stopped)
			event("STOP", NULL);
	} else if (strcmp(command, "cont") == 0 && !s->never_runs && !fake.dumping) {
		fake.running = true;
		event("RESUME", NULL);
	} else if (strcmp(command, "closefd") == 0)
		close(take_fd(&fake.passed));
	answer(id, "return", value != NULL ? value : json_object());
	return true;
}

/* Takes a command, or part of one, and the descriptor that comes with it. */
static ssize_t take(char *p, size_t cap)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {p, cap};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control.space,
			   .msg_controllen = sizeof control.space};
	const ssize_t n = recvmsg(fake.peer, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	if (n > 0 && CMSG_FIRSTHDR(&m) != NULL)
		memcpy(&fake.passed, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fake.passed);
	return n;
}

static void serve(void)
{
	const char *greeting = fake.s->greeting != NULL ? fake.s->greeting : GREETING;
	char buf[4096];
	size_t n = 0;

	(void)say(greeting);
	for (;;) {
		struct pollfd p[2] = {{.fd = fake.peer, .events = POLLIN},
				      {.fd = fake.stop, .events = POLLIN}};
		ssize_t got;

		(void)poll(p, 2, -1);
		if (p[1].revents != 0)
			return;
		got = take(buf + n, sizeof buf - n);
		if (got <= 0)
			return;
		n += (size_t)got;
		for (char *end; (end = memchr(buf, '\n', n)) != NULL;) {
			json_t *o = json_loadb(buf, (size_t)(end - buf), 0, NULL);
			bool on;

			assert_non_null(o);
			n -= (size_t)(end + 1 - buf);
			memmove(buf, end + 1, n);
			on = execute(o);
			json_decref(o);
			if (!on)
				return;
		}
	}
}

static void *run(void *arg)
{
	(void)arg;
	for (;;) {
		struct pollfd p[2] = {{.fd = fake.stop, .events = POLLIN},
				      {.fd = fake.listener.fd, .events = POLLIN}};

		(void)poll(p, 2, -1);
		if (p[0].revents != 0)
			return NULL;
		fake.peer = os_socket_accept(fake.listener.fd);
		if (fake.peer < 0)
			continue;
		(void)fcntl(fake.peer, F_SETFL, 0);
		serve();
		close(fake.peer);
	}
}

static void fake_begin(const struct script *s)
{
	struct diag d = {0};

	fake = (struct fake){.s = s,
			     .passed = -1,
			     .running = !s->stopped,
			     .stop = eventfd(0, EFD_CLOEXEC)};
	signals.count = 0;
	assert_int_equal(os_listener_open(PATH, &d, &fake.listener), 0);
	assert_int_equal(pthread_create(&fake.thread, NULL, run, NULL), 0);
}

static void fake_end(void)
{
	const uint64_t one = 1;

	assert_int_equal(write(fake.stop, &one, sizeof one), sizeof one);
	pthread_join(fake.thread, NULL);
	os_listener_close(&fake.listener);
	closep(&fake.passed);
	close(fake.stop);
}

static const struct script scripts[] = {
	{.name = "running",
	 .log = BEFORE "dump-guest-memory query-dump query-dump query-dump query-status "},
	{.name = "paused",
	 .stopped = true,
	 .stopped_after = true,
	 .log = BEFORE "dump-guest-memory query-dump query-dump query-dump "},
	{.name = "not yet started",
	 .stopped = true,
	 .status = "prelaunch",
	 .stopped_after = true},
	{.name = "just reset",
	 .real_mode = true,
	 .result = EXIT_TROUBLE,
	 .text = "monitor: the guest's processor is not in 64-bit mode"},
	{.name = "migrated away",
	 .stopped = true,
	 .status = "postmigrate",
	 .stopped_after = true},
	{.name = "left stopped",
	 .stays_stopped = true,
	 .log = BEFORE "dump-guest-memory query-dump query-dump query-dump query-status "
		       "cont query-status "},
	{.name = "stopped by another", .admin_stops = true, .stopped_after = true},
	{.name = "cannot be helped",
	 .stays_stopped = true,
	 .never_runs = true,
	 .result = EXIT_TROUBLE,
	 .text = "monitor: after the dump: the guest is in state paused and does not go "
		 "on: give its "
		 "monitor the command 'cont'",
	 .stopped_after = true},
	{.name = "dump fails",
	 .dump_fails = true,
	 .desc = "dump: failed to save memory: No space left on device",
	 .result = EXIT_TROUBLE,
	 .text = "monitor: dump-guest-memory: QEMU: dump: failed to save memory: No space "
		 "left on device\n"},
	{.name = "dump fails, left stopped",
	 .dump_fails = true,
	 .desc = "no",
	 .stays_stopped = true,
	 .result = EXIT_TROUBLE,
	 .text = "no\n"},
	{.name = "dump refused",
	 .refuses = "dump-guest-memory",
	 .desc = "Dump not allowed during incoming migration.\x1b[31m\xe2\x80\xae",
	 .result = EXIT_TROUBLE,
	 .text = "dump-guest-memory: Dump not allowed during incoming migration.?[31m?\n",
	 .log = BEFORE "dump-guest-memory closefd query-status "},
	{.name = "dump hangs",
	 .dump_hangs = true,
	 .never_runs = true,
	 .result = EXIT_TROUBLE,
	 .text = "the dump does not grow",
	 .stopped_after = true},
	{.name = "another machine",
	 .arch = "aarch64",
	 .result = EXIT_TROUBLE,
	 .text = "only x86_64 guests are understood; this one is: aarch64",
	 .log = "qmp_capabilities query-target "},
	{.name = "no room",
	 .size = 1LL << 60,
	 .result = EXIT_TROUBLE,
	 .text = "name a folder with more room in TMPDIR",
	 .log = "qmp_capabilities query-target query-status query-memory-size-summary "},
	{.name = "an older QEMU",
	 .refuses = "query-memory-size-summary",
	 .desc = "unknown"},
	{.name = "no getfd",
	 .refuses = "getfd",
	 .desc = "no",
	 .result = EXIT_TROUBLE,
	 .text = "getfd: no",
	 .log = BEFORE},
	{.name = "silent from the start",
	 .greeting = "",
	 .result = EXIT_TROUBLE,
	 .text = "nobody greets",
	 .log = ""},
	{.name = "not QEMU",
	 .greeting = "SSH-2.0-OpenSSH_9.2\r\n",
	 .result = EXIT_TROUBLE,
	 .text = "no QMP monitor",
	 .log = ""},
	{.name = "not a greeting",
	 .greeting = "{\"return\": {}}\r\n",
	 .result = EXIT_TROUBLE,
	 .text = "no QMP monitor",
	 .log = ""},
	{.name = "hangs up in the dump",
	 .at = "query-dump",
	 .hangs_up = true,
	 .result = EXIT_TROUBLE,
	 .text = "QEMU has closed the connection",
	 .log = BEFORE "dump-guest-memory query-dump qmp_capabilities query-status "},
	{.name = "hangs up in the dump, left stopped",
	 .at = "query-dump",
	 .hangs_up = true,
	 .stays_stopped = true,
	 .result = EXIT_TROUBLE,
	 .text = "QEMU has closed the connection",
	 .log = BEFORE
	 "dump-guest-memory query-dump qmp_capabilities query-status cont query-status "},
	{.name = "dies in the dump",
	 .at = "query-dump",
	 .dies = true,
	 .result = EXIT_TROUBLE,
	 .text = "after the dump: No such file or directory"},
	{.name = "hangs up before the dump",
	 .at = "getfd",
	 .hangs_up = true,
	 .result = EXIT_TROUBLE,
	 .text = "QEMU has closed the connection",
	 .log = BEFORE},
	{.name = "silent in the dump",
	 .at = "query-dump",
	 .silent = true,
	 .never_runs = true,
	 .result = EXIT_TROUBLE,
	 .text = "QEMU does not answer",
	 .stopped_after = true},
	{.name = "garbage in the dump",
	 .at = "query-dump",
	 .says = "\x01\x02garbage\n",
	 .stays_stopped = true,
	 .never_runs = true,
	 .result = EXIT_TROUBLE,
	 .text = "a line is not JSON",
	 .stopped_after = true},
	{.name = "a line without end",
	 .at = "query-status",
	 .says = "0123456789012345678901234567890123456789012345678901234567890123456789",
	 .floods = 5000,
	 .result = EXIT_TROUBLE,
	 .text = "a line longer than 262144 bytes"},
	{.name = "events without end",
	 .at = "query-status",
	 .says = "{\"event\": \"NOISE\"}\n",
	 .floods = 1000000000,
	 .result = EXIT_TROUBLE,
	 .text = "QEMU does not answer"},
	{.name = "others' answers",
	 .at = "query-status",
	 .says = "{\"return\": {\"running\": false}, \"id\": 77}\n{\"error\": 5, \"id\": "
		 "\"x\"}\n[]\n"
		 "{}\n{\"event\": {}}\n{\"event\": \"DUMP_COMPLETED\", \"data\": []}\n",
	 .log = BEFORE "dump-guest-memory query-dump query-dump query-dump query-status "},
	{.name = "interrupted", .at = "query-dump", .signal = SIGINT},
	{.name = "interrupted, left stopped",
	 .at = "query-dump",
	 .signal = SIGTERM,
	 .stays_stopped = true},
	{.name = "interrupted, and the dump fails",
	 .at = "query-dump",
	 .signal = SIGHUP,
	 .dump_fails = true,
	 .desc = "no",
	 .stays_stopped = true,
	 .result = EXIT_TROUBLE,
	 .text = "no\n"},
};

static void play(const struct script *s)
{
	struct scan_input in = {0};
	struct stderr_text t;
	char memory[16] = "";
	sigset_t ours, before;
	int r;

	/* only the thread that scans takes them */
	sigemptyset(&ours);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &ours, &before);
	fake_begin(s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	stderr_begin(&t);
	r = scan_open_qmp(PATH, &in);
	stderr_end(&t);
	if (r != s->result || (s->text != NULL && strstr(t.text, s->text) == NULL) ||
	    (r == EXIT_WELL && t.text[0] != 0))
		fail_msg("%s: %d \"%s\"", s->name, r, t.text);
	if (s->log != NULL && strcmp(fake.log, s->log) != 0)
		fail_msg("%s: it was told: %s", s->name, fake.log);
	if (fake.running == s->stopped_after)
		fail_msg("%s: the guest runs: %d", s->name, fake.running);
	/* when a signal came through, the guest ran already */
	assert_int_equal(signals.count > 0, s->signal != 0);
	assert_true(s->signal == 0 || signals.running);
	if (r == EXIT_WELL) {
		assert_int_equal(rts_dump_info(in.dump)->format, RTS_DUMP_ELF);
		assert_true(rts_dump_read_all(in.dump, 0x100000, memory, 12));
		assert_string_equal(memory, "of the guest");
		assert_string_equal(in.name, PATH);
		assert_int_equal(in.note_count, s->stopped);
		assert_true(in.window != NULL);
		if (s->stopped)
			assert_non_null(strstr(in.notes[0],
					       s->status != NULL ? s->status : "paused"));
	}
	scan_input_fini(&in);
	fake_end();
}

static void monitors(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(scripts); i++)
		play(&scripts[i]);
}

static void no_monitor(void **state)
{
	static const char *const paths[] = {"missing", "", "file", "."};
	struct scan_input in = {0};
	struct stderr_text t;

	(void)state;
	close(open("file", O_WRONLY | O_CREAT, 0600));
	for (size_t i = 0; i < COUNT(paths); i++) {
		stderr_begin(&t);
		assert_int_equal(scan_open_qmp(paths[i], &in), EXIT_TROUBLE);
		assert_int_equal(strncmp(stderr_end(&t), "runtserv scan: ", 15), 0);
	}
}

/* The dump's file: where it is told to be, and without a name. */
static void temporary(void **state)
{
	static const struct script well = {.name = "well"};
	struct scan_input in = {0};
	struct stderr_text t;

	(void)state;
	setenv("TMPDIR", "missing", 1);
	stderr_begin(&t);
	assert_int_equal(scan_open_qmp(PATH, &in), EXIT_TROUBLE);
	assert_non_null(strstr(stderr_end(&t), "a file for the dump, in missing: "));
	assert_int_equal(mkdir("tmp", 0700), 0);
	setenv("TMPDIR", "tmp", 1);
	play(&well);
	assert_int_equal(rmdir("tmp"), 0);
	unsetenv("TMPDIR");
}

static int setup(void **state)
{
	static char dir[] = "scan-qmp-XXXXXX";
	const struct sigaction sa = {.sa_handler = on_signal};

	(void)state;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(monitors),
		cmocka_unit_test(no_monitor),
		cmocka_unit_test(temporary),
	};

	return cmocka_run_group_tests_name("scan_qmp", tests, setup, teardown);
}
