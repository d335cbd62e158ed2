/* SPDX-License-Identifier: BSD-2-Clause */
/* An allow-list of system calls, for a process that runs code which is not ours. */
#pragma once

#include <stddef.h>

#include "base/diag.h"

/*
 * From now on this thread, and what it forks, may make only the system calls @calls (the
 * SYS_ numbers of <sys/syscall.h>); any other raises SIGSYS and is not made, and so does
 * every call by another architecture's entry. No new privileges can be gained, and there is
 * no way back. The calls that a handler needs to return, such as SYS_rt_sigreturn, are the
 * caller's business too. Call it before other threads exist: they stay as they were.
 *
 * 0, or -errno with a text in @d: nothing is restricted. -ENOSYS: built without libseccomp,
 * or a kernel without seccomp; -EINVAL: a number that is no call of this machine, or a
 * kernel without filters.
 */
int os_seccomp_allow(const int *calls, size_t count, struct diag *d);

/* The same, but other calls are made, and the kernel's audit log tells of them. */
int os_seccomp_log(const int *calls, size_t count, struct diag *d);
