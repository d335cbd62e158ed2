/* SPDX-License-Identifier: BSD-2-Clause */
/* The allow-list of system calls, in children: a filter cannot be taken off again. */
#include "os/os_seccomp.h"
#include "test.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What a sanitizer's runtime needs at exit is on it too. */
static const int calls[] = {SYS_write,  SYS_exit_group, SYS_rt_sigreturn, SYS_clock_gettime,
			    SYS_munmap, SYS_getppid,    SYS_prctl,        SYS_sigaltstack,
			    SYS_exit,   SYS_futex,      SYS_madvise};

static volatile sig_atomic_t trapped_call;

static void on_sigsys(int sig, siginfo_t *si, void *context)
{
	(void)sig;
	(void)context;
	trapped_call = si->si_syscall;
}

/* Runs @what behind the filter: its exit status, or 256 and the signal that ended it. */
static int behind(int (*what)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		_exit(os_seccomp_allow(calls, COUNT(calls), NULL) < 0 ? 100 : what());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static int allowed(void)
{
	struct timespec t;

	return clock_gettime(CLOCK_MONOTONIC, &t) == 0 && syscall(SYS_getppid) > 0 &&
			       write(STDERR_FILENO, "", 0) == 0
		       ? 0
		       : 1;
}

static int no_new_privs(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 1;
}

static int forbidden(void)
{
	syscall(SYS_getuid);
	return 1;
}

/* With a handler, the call is not made and the process goes on. */
static int handled(void)
{
	const int fd = STDERR_FILENO;

	/* sigaction() is not on the list, so it was called before */
	syscall(SYS_close, fd);
	return trapped_call == SYS_close && write(fd, "", 0) == 0 ? 0 : 1;
}

#ifdef __x86_64__
/* write, by the entry and under the number of 32-bit programs */
static int other_entry(void)
{
	long r = 4;

	__asm__ volatile("int $0x80"
			 : "+a"(r)
			 : "b"(STDERR_FILENO), "c"(0), "d"(0)
			 : "memory");
	return 1;
}
#endif

static void allow_list(void **state)
{
	(void)state;
	assert_int_equal(behind(allowed), 0);
	assert_int_equal(behind(no_new_privs), 0);
	assert_int_equal(behind(forbidden), 256 + SIGSYS);
#ifdef __x86_64__
	int r = behind(other_entry);

	assert_true(r == 256 + SIGSYS || r == 256 + SIGSEGV); /* a kernel without them */
#endif
}

/* Everything is still made; the filter is there all the same. */
static void log_only(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(os_seccomp_log(calls, COUNT(calls), NULL) == 0 &&
				      syscall(SYS_getuid) >= 0 && no_new_privs() == 0 &&
				      prctl(PR_GET_SECCOMP) == 2
			      ? 0
			      : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void trap(void **state)
{
	struct sigaction a = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO}, old;

	(void)state;
	assert_int_equal(sigaction(SIGSYS, &a, &old), 0);
	assert_int_equal(behind(handled), 0);
	sigaction(SIGSYS, &old, NULL);
}

static void refused(void **state)
{
	struct diag d = {0};
	const int bad[] = {SYS_write, -10234};
	const int before = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	const int r = os_seccomp_allow(bad, 2, &d);

	(void)state;
	assert_int_equal(r, -EINVAL);
	assert_string_equal(d.text,
			    "seccomp rule for system call -10234: Invalid argument");
	/* nothing is restricted */
	assert_true(syscall(SYS_getuid) >= 0);
	assert_int_equal(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), before);
}

/* A build without libseccomp says so, and restricts nothing. */
static void absent(void **state)
{
	struct diag d = {0};

	(void)state;
	assert_int_equal(os_seccomp_allow(calls, COUNT(calls), &d), -ENOSYS);
	assert_string_equal(d.text,
			    "built without libseccomp: system calls are not restricted");
	assert_true(syscall(SYS_getuid) >= 0);
}

/* In a child: what the filter that the tests use comes to here. */
static int probe(void)
{
	struct diag d = {0};
	const int r = os_seccomp_allow(calls, COUNT(calls), &d);

	if (r == 0)
		return 0;
	return strncmp(d.text, "the kernel", 10) == 0 ? 1 : 2;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allow_list),
		cmocka_unit_test(log_only),
		cmocka_unit_test(trap),
		cmocka_unit_test(refused),
	};
	const struct CMUnitTest without[] = {cmocka_unit_test(absent)};
	const pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(probe());
	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status)) {
		if (WEXITSTATUS(status) == 1) {
			printf("1..0 # SKIP this kernel takes no seccomp filter\n");
			return 0;
		}
		if (WEXITSTATUS(status) == 2)
			return cmocka_run_group_tests_name("no seccomp", without, NULL,
							   NULL);
	}
	return cmocka_run_group_tests_name("seccomp", tests, NULL, NULL);
}
