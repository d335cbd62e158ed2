/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a serving daemon may still do. All is open by then: it waits, talks on sockets, and
 * replaces files in the store's folder. Programs, other processes, devices and networks are
 * out of reach, and new sockets, too, unless a monitor may have to be found again.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "cli/serve.h"
#include "os/os_sandbox.h"
#include "os/os_seccomp.h"

#define SANDBOX_PATHS 8U

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

/* Where a C library has a choice of calls for one function, both are there. */
static const int calls[] = {
	/* waiting, and time where the vDSO has no clock */
	SYS_ppoll,
	SYS_clock_gettime,
	SYS_gettimeofday,
	SYS_restart_syscall,
	/* sockets, eventfds, the log, a service manager */
	SYS_accept4,
	SYS_getsockopt,
	SYS_recvfrom,
	SYS_sendto,
	SYS_sendmsg,
	SYS_read,
	SYS_write,
	SYS_writev,
	SYS_close,
	/* the store (os_file.c), and sockets' names at the end */
	SYS_openat,
	SYS_newfstatat,
	SYS_fstat,
	SYS_fchmod,
	SYS_fchown,
	SYS_utimensat,
	SYS_fsync,
	SYS_renameat2,
	SYS_unlinkat,
#ifdef SYS_renameat /* not where Linux is younger than renameat2 */
	SYS_renameat,
#endif
#ifdef SYS_unlink
	SYS_unlink,
	SYS_lstat,
#endif
	/* memory */
	SYS_brk,
	SYS_mmap,
	SYS_munmap,
	SYS_mremap,
	SYS_mprotect,
	SYS_madvise,
	SYS_futex,
	/* seeds of hash tables */
	SYS_getrandom,
	SYS_getpid,
	/* a page that was shrunk (os_shm.c), abort(), the end */
	SYS_rt_sigaction,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_gettid,
	SYS_tgkill,
	SYS_exit,
	SYS_exit_group,
#ifdef SANITIZED /* their runtime, while it reports and at the end */
	SYS_sigaltstack,
	SYS_prctl,
	SYS_readlink,
	SYS_sched_yield,
	SYS_prlimit64,
#endif
};

/* --qmp: QEMU may start after us, and again. */
static const int monitor_calls[] = {SYS_socket, SYS_connect};

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* The folder of a path; a path that does not fit was not opened either. */
static const char *folder(const char *path, char ret[PATH_MAX])
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return ".";
	snprintf(ret, PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	return ret;
}

static int confine_files(struct serve *s, struct diag *d, const char **ret_missing)
{
	struct os_sandbox_path paths[SANDBOX_PATHS];
	char sock[PATH_MAX], page[PATH_MAX];
	const char *store = store_folder(s->store);
	size_t n = 0;

	if (store != NULL)
		paths[n++] = (struct os_sandbox_path){store, OS_SANDBOX_STORE};
	if (s->o.socket != NULL)
		paths[n++] = (struct os_sandbox_path){folder(s->o.socket, sock),
						      OS_SANDBOX_UNLINK};
	if (s->o.ivshmem != NULL)
		paths[n++] = (struct os_sandbox_path){folder(s->o.ivshmem, page),
						      OS_SANDBOX_UNLINK};
	if (s->o.qmp != NULL) /* the age of QEMU's process */
		paths[n++] = (struct os_sandbox_path){"/proc", OS_SANDBOX_READ};
	return os_sandbox(paths, n, d, ret_missing);
}

static int confine_calls(const struct serve *s, struct diag *d)
{
	int all[COUNT(calls) + COUNT(monitor_calls)];
	size_t n = COUNT(calls);

	memcpy(all, calls, sizeof calls);
	if (s->o.qmp != NULL) {
		memcpy(all + n, monitor_calls, sizeof monitor_calls);
		n += COUNT(monitor_calls);
	}
	return s->o.sandbox == OS_SANDBOX_LOG ? os_seccomp_log(all, n, d)
					      : os_seccomp_allow(all, n, d);
}

static void say(struct serve *s, const char *what, const char *more)
{
	link_say(&(struct link_log){serve_log, s}, RTS_LOG_INFO, "sandbox: %s%s", what,
		 more);
}

int serve_sandbox(struct serve *s, struct diag *d)
{
	struct diag why = {0};
	const char *missing = "";
	int r = 0;

	if (s->o.sandbox == OS_SANDBOX_OFF)
		return 0;
	if (s->o.sandbox == OS_SANDBOX_LOG)
		say(s,
		    "nothing is enforced; system calls that would not be allowed go to "
		    "the kernel's audit log; Landlock has no log-only mode",
		    "");
	else
		r = confine_files(s, &why, &missing);
	if (r < 0 && s->o.sandbox == OS_SANDBOX_ON)
		return diag(d, r, "sandbox: %s", why.text);
	if (r < 0 || *missing != 0)
		say(s, r < 0 ? why.text : "this kernel does not confine ", missing);
	why = (struct diag){0};
	r = confine_calls(s, &why);
	if (r < 0 && s->o.sandbox == OS_SANDBOX_ON)
		return diag(d, r, "sandbox: %s", why.text);
	if (r < 0)
		say(s, why.text, "");
	return 0;
}
