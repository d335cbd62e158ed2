/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SIGKILL at every system call: a process makes changes in a random order and says after
 * each what it was told; it is killed before and after its n-th system call, for every n.
 * Then the store must load, and hold what was acknowledged, or that and the change in
 * flight. STORE_KILL_ROUNDS=100 tries 100 orders.
 */
#include "store/fixture.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPS 14U

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525U + 1013904223U;
	return *seed >> 8;
}

/* The @i-th change of a round; the same each time. */
static void change(struct rts_vars *v, uint32_t round, unsigned i)
{
	static const CHAR16 locked[] = u"Locked";
	uint32_t seed = round * 7919U + i * 104729U;
	const uint32_t kind = next(&seed) % 16, length = 1 + next(&seed) % 400;
	CHAR16 name[] = u"Name0";
	uint8_t data[400];

	name[4] = (CHAR16)('0' + next(&seed) % 4);
	for (size_t k = 0; k < length; k++)
		data[k] = (uint8_t)next(&seed);
	if (kind < 8) {
		(void)rts_vars_set(v, name, sizeof name, &fixture_guid, NV, data, length);
	} else if (kind < 10) {
		(void)rts_vars_set(v, name, sizeof name, &fixture_guid, NV, NULL, 0);
	} else if (kind < 13) {
		name[0] = 'V';
		(void)rts_vars_set(v, name, sizeof name, &fixture_guid, BS, data, length);
	} else if (kind == 13) {
		(void)rts_vars_lock(v, locked, sizeof locked, &fixture_guid);
	} else if (kind == 14) {
		(void)rts_vars_end_of_dxe(v);
	} else {
		(void)rts_vars_reset(v);
	}
}

/* Both texts after each change, [0] before the first. */
struct model {
	char *nv[OPS + 1], *run[OPS + 1];
};

static void model_init(struct model *m, uint32_t round)
{
	struct rts_vars *v;

	assert_int_equal(rts_vars_new(&(struct rts_vars_config){0}, &v), EFI_SUCCESS);
	assert_int_equal(rts_vars_start(v), EFI_SUCCESS);
	for (unsigned i = 0; i <= OPS; i++) {
		m->nv[i] = fixture_nv_text(v);
		m->run[i] = fixture_run_text(v);
		if (i < OPS)
			change(v, round, i);
	}
	rts_vars_free(v);
}

static void model_fini(struct model *m)
{
	for (unsigned i = 0; i <= OPS; i++) {
		free(m->nv[i]);
		free(m->run[i]);
	}
}

/* The process that will be killed: a byte on @fd for each change that was acknowledged. */
static void work(struct fixture *f, uint32_t round, int fd)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(2);
	raise(SIGSTOP);
	if (fixture_open(f) < 0)
		_exit(3);
	for (unsigned i = 0; i < OPS; i++) {
		change(f->v, round, i);
		if (write(fd, "a", 1) != 1)
			_exit(4);
	}
	_exit(0);
}

/* How a worker ended that was to be killed at its @stop-th stop; each call has two, before
 * and after. *ret_acked: the changes that it has been told are made. */
static int run_until(struct fixture *f, uint32_t round, unsigned stop, unsigned *ret_acked)
{
	char acks[OPS + 1];
	int status, fds[2];
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		work(f, round, fds[1]);
	close(fds[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	for (unsigned i = 0; WIFSTOPPED(status); i++) {
		if (i == stop)
			kill(pid, SIGKILL);
		else if (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) < 0 && errno != ESRCH)
			fail_msg("ptrace: %s", strerror(errno));
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	n = read(fds[0], acks, sizeof acks);
	close(fds[0]);
	*ret_acked = n > 0 ? (unsigned)n : 0;
	return status;
}

/* True where the worker was killed; false where it came to its end. */
static bool one_kill(const struct model *m, uint32_t round, unsigned stop)
{
	struct fixture f;
	char *nv, *run;
	unsigned acked, in_flight;
	int status;

	fixture_init(&f, "a.json");
	status = run_until(&f, round, stop, &acked);
	if (WIFEXITED(status)) {
		if (WEXITSTATUS(status) == 2) {
			fixture_fini(&f);
			print_message("# no ptrace here\n");
			skip();
		}
		assert_int_equal(WEXITSTATUS(status), 0);
		assert_int_equal(acked, OPS);
	}
	in_flight = acked < OPS ? acked + 1 : acked;
	if (fixture_open(&f) < 0)
		fail_msg("round %u, stop %u: %s", round, stop, f.d.text);
	nv = fixture_nv_text(f.v);
	run = fixture_run_text(f.v);
	if (strcmp(nv, m->nv[acked]) != 0 && strcmp(nv, m->nv[in_flight]) != 0)
		fail_msg("round %u, stop %u, %u acknowledged: the store holds %s", round,
			 stop, acked, nv);
	if (strcmp(run, m->run[acked]) != 0 && strcmp(run, m->run[in_flight]) != 0)
		fail_msg("round %u, stop %u, %u acknowledged: STORE.run holds %s", round,
			 stop, acked, run);
	free(nv);
	free(run);
	/* and whoever comes next can go on */
	assert_int_equal(fixture_set(&f, u"Next", NV, "x"), EFI_SUCCESS);
	assert_int_equal(fixture_set(&f, u"NextV", BS, "x"), EFI_SUCCESS);
	assert_false(fixture_has(&f, "a.json.tmp"));
	assert_false(fixture_has(&f, "a.json.run.tmp"));
	fixture_fini(&f);
	return WIFSIGNALED(status);
}

static void killed_anywhere(void **state)
{
	const char *rounds = getenv("STORE_KILL_ROUNDS");
	const uint32_t count = rounds != NULL ? (uint32_t)atoi(rounds) : 3;

	(void)state;
	for (uint32_t round = 1; round <= count; round++) {
		struct model m;
		unsigned stop = 0;

		model_init(&m, round);
		while (one_kill(&m, round, stop))
			stop++;
		model_fini(&m);
		print_message("# round %u: killed at %u places\n", round, stop);
		assert_true(stop > 20 * OPS / 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(killed_anywhere)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
