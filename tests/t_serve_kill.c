/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon itself, killed at every system call: `serve` is run under ptrace while a
 * client sends changes in a random order, and dies before or after its n-th call. It is
 * started again, and must answer with what it had acknowledged, or that and the change in
 * flight, of non-volatile and of volatile variables. As a rule some of the calls are tried;
 * SERVE_KILL_ALL=1 tries every one, SERVE_KILL_SEED=N another order.
 * usage: t_serve_kill RUNTSERV
 */
#include "store/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mm_message.h"
#include "runtserv/wire.h"

#define OPS           24U
#define SAMPLE        400U
#define MM            2U
#define MACHINE_RESET 0x100U
#define APPEND        EFI_VARIABLE_APPEND_WRITE

static const char *runtserv;
static uint32_t seed_of_run;

/* Between client and parent. */
static struct shared {
	atomic_uint acked;
	atomic_bool daemon_gone;
} * shared;

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525U + 1013904223U;
	return *seed >> 8;
}

/* The @i-th request: its command; the payload is in @m. */
static uint32_t request(unsigned i, struct mm *m)
{
	uint32_t seed = seed_of_run * 7919U + i * 104729U;
	const uint32_t kind = next(&seed) % 16;
	size_t length = 1 + next(&seed) % 400;
	CHAR16 name[] = u"Name0";
	uint8_t data[400];
	uint32_t attr = NV;

	name[4] = (CHAR16)('0' + next(&seed) % 4);
	for (size_t k = 0; k < length; k++)
		data[k] = (uint8_t)next(&seed);
	m->len = 0;
	if (kind == 15)
		return MACHINE_RESET;
	if (kind >= 12) {
		name[0] = 'V';
		attr = BS;
	}
	if (kind == 8 || kind == 9)
		length = 0; /* delete */
	else if (kind == 10 || kind == 11)
		attr |= APPEND;
	mm_access(m, SMM_VARIABLE_FUNCTION_SET_VARIABLE, &fixture_guid, name, sizeof name,
		  attr, data, length);
	return MM;
}

/* Whom a message is sent to: the daemon, or a service without one. */
struct peer {
	int fd;
	struct rts_wire wire;
};

/* False: there was no answer. */
static bool exchange(struct peer *p, uint32_t command, struct mm *m)
{
	uint32_t frame[2] = {command, (uint32_t)m->len};

	if (p->fd < 0) {
		if (command == MACHINE_RESET)
			return rts_vars_reset(p->wire.vars) == EFI_SUCCESS;
		return rts_wire_mm(&p->wire, m->buf, m->len, &m->len) == 0;
	}
	if (send(p->fd, frame, sizeof frame, MSG_NOSIGNAL) != sizeof frame ||
	    (m->len > 0 && send(p->fd, m->buf, m->len, MSG_NOSIGNAL) != (ssize_t)m->len) ||
	    recv(p->fd, frame, sizeof frame, MSG_WAITALL) != sizeof frame ||
	    frame[0] != 0 || frame[1] > sizeof m->buf)
		return false;
	m->len = frame[1];
	return m->len == 0 || recv(p->fd, m->buf, m->len, MSG_WAITALL) == (ssize_t)m->len;
}

static uint64_t mix(uint64_t h, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ ((const uint8_t *)p)[i]) * 0x100000001b3ULL;
	return h;
}

/* What a guest sees of the variables of this test. */
struct seen {
	uint64_t nv, vol;
};

/* Asks for all names, and for the value of each. */
static bool see(struct peer *p, struct seen *ret)
{
	static struct mm m;
	SMM_VARIABLE_COMMUNICATE_GET_NEXT_VARIABLE_NAME at = {{0}, 0};
	CHAR16 name[512] = {0};
	const uint64_t room = sizeof name;

	*ret = (struct seen){1, 1};
	for (;;) {
		SMM_VARIABLE_COMMUNICATE_ACCESS_VARIABLE got;

		mm_function(&m, (EFI_GUID)EFI_SMM_VARIABLE_PROTOCOL_GUID,
			    SMM_VARIABLE_FUNCTION_GET_NEXT_VARIABLE_NAME);
		at.NameSize = room;
		mm_put(&m, &at, SMM_GET_NEXT_VARIABLE_NAME_NAME);
		mm_put(&m, name, sizeof name);
		mm_end(&m);
		if (!exchange(p, MM, &m))
			return false;
		if (mm_status(&m) != EFI_SUCCESS)
			return mm_status(&m) == EFI_NOT_FOUND;
		memcpy(&at, m.buf + MM_PAYLOAD, SMM_GET_NEXT_VARIABLE_NAME_NAME);
		memcpy(name, m.buf + MM_PAYLOAD + SMM_GET_NEXT_VARIABLE_NAME_NAME,
		       at.NameSize);
		if (memcmp(&at.Guid, &fixture_guid, sizeof at.Guid) != 0)
			continue; /* computed */
		mm_access(&m, SMM_VARIABLE_FUNCTION_GET_VARIABLE, &at.Guid, name,
			  at.NameSize, 0, NULL, 20000);
		if (!exchange(p, MM, &m) || mm_status(&m) != EFI_SUCCESS)
			return false;
		memcpy(&got, m.buf + MM_PAYLOAD, SMM_ACCESS_VARIABLE_NAME);
		*(got.Attributes & EFI_VARIABLE_NON_VOLATILE ? &ret->nv : &ret->vol) +=
			mix(mix(got.Attributes, name, at.NameSize),
			    m.buf + MM_PAYLOAD + SMM_ACCESS_VARIABLE_NAME + at.NameSize,
			    got.DataSize);
	}
}

static bool can_change(struct peer *p, uint32_t attr)
{
	static struct mm m;
	static const CHAR16 name[] = u"Next", vol[] = u"Vext";

	mm_access(&m, SMM_VARIABLE_FUNCTION_SET_VARIABLE, &fixture_guid,
		  attr == NV ? name : vol, sizeof name, attr, "x", 1);
	return exchange(p, MM, &m) && mm_status(&m) == EFI_SUCCESS;
}

/* What is seen after each change; [0] before the first. */
static struct seen after[OPS + 1];

static void foretell(void)
{
	static struct mm m;
	struct peer p = {.fd = -1};
	unsigned made = 0;

	assert_int_equal(rts_vars_new(&(struct rts_vars_config){0}, &p.wire.vars),
			 EFI_SUCCESS);
	assert_int_equal(rts_vars_start(p.wire.vars), EFI_SUCCESS);
	for (unsigned i = 0; i <= OPS; i++) {
		assert_true(see(&p, &after[i]));
		if (i > 0)
			made += memcmp(&after[i], &after[i - 1], sizeof *after) != 0;
		if (i < OPS)
			assert_true(exchange(&p, request(i, &m), &m));
	}
	rts_vars_free(p.wire.vars);
	assert_true(made > OPS / 2);
}

/* Waits until the daemon listens, as long as it lives. */
static int connect_to(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(a.sun_path, path);
	while (connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
		if (atomic_load(&shared->daemon_gone)) {
			close(fd);
			return -1;
		}
		poll(NULL, 0, 1);
	}
	return fd;
}

static _Noreturn void daemon_main(const struct fixture *f, bool traced)
{
	char path[80];
	const int log = open(fixture_path(f, "log"), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	dup2(log, 1);
	dup2(log, 2);
	snprintf(path, sizeof path, "%s/sock", f->dir);
	if (traced) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(77);
		raise(SIGSTOP);
	}
	execl(runtserv, runtserv, "serve", "--store", f->path, "--socket", path,
	      (char *)NULL);
	_exit(78);
}

static _Noreturn void client_main(const struct fixture *f)
{
	static struct mm m;
	struct peer p;
	char path[80];

	snprintf(path, sizeof path, "%s/sock", f->dir);
	p.fd = connect_to(path);
	for (unsigned i = 0; p.fd >= 0 && i < OPS; i++) {
		if (!exchange(&p, request(i, &m), &m))
			break;
		atomic_store(&shared->acked, i + 1);
	}
	_exit(0);
}

static pid_t start(const struct fixture *f, bool is_daemon, bool traced)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0 && is_daemon)
		daemon_main(f, traced);
	if (pid == 0)
		client_main(f);
	return pid;
}

/* Runs daemon and client. The daemon is killed at its @stop-th stop (each call has two), or
 * told to end when the client has. How it ended; *ret_stops: how many it made. */
static int run_until(const struct fixture *f, unsigned stop, unsigned *ret_stops)
{
	pid_t daemon, client, pid;
	bool has_client = true;
	int status, ret = -1;
	unsigned stops = 0;

	atomic_store(&shared->acked, 0);
	atomic_store(&shared->daemon_gone, false);
	daemon = start(f, true, true);
	assert_int_equal(waitpid(daemon, &status, 0), daemon);
	if (WIFEXITED(status)) {
		*ret_stops = 0;
		return status;
	}
	assert_int_equal(ptrace(PTRACE_SETOPTIONS, daemon, NULL,
				PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL),
			 0);
	client = start(f, false, false);
	assert_int_equal(ptrace(PTRACE_SYSCALL, daemon, NULL, NULL), 0);
	while (has_client || ret < 0) {
		pid = waitpid(-1, &status, 0);
		assert_true(pid == client || pid == daemon);
		if (pid == client) {
			has_client = false;
			if (ret < 0)
				kill(daemon, SIGTERM);
		} else if (!WIFSTOPPED(status)) {
			ret = status;
			atomic_store(&shared->daemon_gone, true);
		} else if (WSTOPSIG(status) == (SIGTRAP | 0x80) && stops++ == stop) {
			kill(daemon, SIGKILL);
		} else {
			const long sig = WSTOPSIG(status) & 0x7f;

			if (ptrace(PTRACE_SYSCALL, daemon, NULL, sig == SIGTRAP ? 0 : sig) <
				    0 &&
			    errno != ESRCH)
				fail_msg("ptrace: %s", strerror(errno));
		}
	}
	*ret_stops = stops;
	return ret;
}

static void say_log(const struct fixture *f)
{
	char *log = fixture_read(f, "log", NULL);

	print_message("# %s\n", log != NULL ? log : "");
	free(log);
}

/* Started again, it has what it said it has, and goes on. */
static void check(struct fixture *f, unsigned stop)
{
	const unsigned acked = atomic_load(&shared->acked);
	const struct seen *a = &after[acked], *b = &after[acked < OPS ? acked + 1 : acked];
	const char *trouble = NULL;
	struct peer p;
	struct seen s = {0};
	char path[80];
	pid_t daemon, watch;
	int status;

	atomic_store(&shared->daemon_gone, false);
	daemon = start(f, true, false);
	snprintf(path, sizeof path, "%s/sock", f->dir);
	fflush(stdout);
	watch = fork(); /* so that nobody waits for a daemon that does not start */
	if (watch == 0) {
		for (unsigned ms = 0; ms < 20000 && kill(getppid(), 0) == 0; ms += 50)
			poll(NULL, 0, 50);
		atomic_store(&shared->daemon_gone, true);
		_exit(0);
	}
	p.fd = connect_to(path);
	kill(watch, SIGKILL);
	waitpid(watch, &status, 0);
	if (p.fd < 0 || !see(&p, &s))
		trouble = "it does not answer again";
	else if (s.nv != a->nv && s.nv != b->nv)
		trouble = "other non-volatile variables";
	else if (s.vol != a->vol && s.vol != b->vol)
		trouble = "other volatile variables";
	else if (!can_change(&p, NV) || !can_change(&p, BS))
		trouble = "no change can be made";
	kill(daemon, SIGKILL);
	waitpid(daemon, &status, 0);
	close(p.fd);
	if (trouble != NULL) {
		say_log(f);
		fail_msg("seed %u, stop %u, %u acknowledged: %s", seed_of_run, stop, acked,
			 trouble);
	}
	if (fixture_has(f, "a.json.tmp") || fixture_has(f, "a.json.run.tmp"))
		fail_msg("seed %u, stop %u: a temporary file is left", seed_of_run, stop);
}

/* Kills at about @sample stops; 0: at each. */
static void one_round(unsigned sample)
{
	unsigned total, stops, step = 1, tried = 0, in_change = 0;
	uint32_t seed = seed_of_run;
	struct fixture f;
	int status;

	foretell();
	fixture_init(&f, "a.json");
	status = run_until(&f, UINT32_MAX, &total);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		fixture_fini(&f);
		print_message("# no ptrace here\n");
		skip();
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 ||
	    atomic_load(&shared->acked) != OPS) {
		say_log(&f);
		fail_msg("status %#x, %u of %u acknowledged", (unsigned)status,
			 atomic_load(&shared->acked), OPS);
	}
	check(&f, UINT32_MAX);
	fixture_fini(&f);
	assert_true(total > 20 * OPS);
	if (sample > 0)
		step = 2 * total / sample;
	for (unsigned stop = 0; stop < total; stop += 1 + next(&seed) % step) {
		fixture_init(&f, "a.json");
		status = run_until(&f, stop, &stops);
		tried += WIFSIGNALED(status);
		in_change += WIFSIGNALED(status) && atomic_load(&shared->acked) > 0 &&
			     atomic_load(&shared->acked) < OPS;
		check(&f, stop);
		fixture_fini(&f);
	}
	print_message(
		"# order %u: %u stops, killed at %u of them, %u between the first and "
		"the last answer\n",
		seed_of_run, total, tried, in_change);
	if (sample == 0)
		sample = total;
	assert_true(tried >= sample / 2 && in_change >= sample / 8);
}

static void killed_anywhere(void **state)
{
	const char *rounds = getenv("SERVE_KILL_ROUNDS");
	const uint32_t count = rounds != NULL ? (uint32_t)atoi(rounds) : 1;

	(void)state;
	for (seed_of_run = 1; seed_of_run <= count; seed_of_run++)
		one_round(rounds != NULL ? 0 : SAMPLE);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(killed_anywhere)};

	if (argc != 2)
		return 2;
	runtserv = argv[1];
	/* a leak checker can neither work under ptrace nor in a sandbox */
	setenv("ASAN_OPTIONS", "detect_leaks=0", 0);
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
