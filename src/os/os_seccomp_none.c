/* SPDX-License-Identifier: BSD-2-Clause */
/* Takes os_seccomp.c's place in a build without libseccomp. */
#include "os/os_seccomp.h"

#include <errno.h>

int os_seccomp_allow(const int *calls, size_t count, struct diag *d)
{
	(void)calls;
	(void)count;
	return diag(d, -ENOSYS,
		    "built without libseccomp: system calls are not restricted");
}

int os_seccomp_log(const int *calls, size_t count, struct diag *d)
{
	return os_seccomp_allow(calls, count, d);
}
