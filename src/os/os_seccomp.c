/* SPDX-License-Identifier: BSD-2-Clause */
/* The filter by libseccomp, which knows the numbers and the sub-architectures to refuse. */
#include "os/os_seccomp.h"

#include <errno.h>
#include <seccomp.h>
#include <string.h>

static int fill(scmp_filter_ctx filter, uint32_t others, const int *calls, size_t count,
		struct diag *d)
{
	int r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, others);

	if (r == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 1);
	if (r == 0) /* the kernel's own errno, not one that stands for all */
		r = seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1);
	if (r < 0)
		return diag(d, r, "seccomp filter: %s", strerror(-r));
	for (size_t i = 0; i < count; i++) {
		/* negative numbers are libseccomp's names for calls that this machine lacks
		 */
		r = calls[i] < 0 ? -EINVAL
				 : seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
		if (r < 0)
			return diag(d, r, "seccomp rule for system call %d: %s", calls[i],
				    strerror(-r));
	}
	r = seccomp_load(filter);
	if (r < 0)
		return diag(d, r, "the kernel does not take a seccomp filter: %s",
			    strerror(-r));
	return 0;
}

static int load(uint32_t others, const int *calls, size_t count, struct diag *d)
{
	scmp_filter_ctx filter = seccomp_init(others);
	int r;

	if (filter == NULL)
		return diag(d, -ENOMEM, "seccomp filter: %s", strerror(ENOMEM));
	r = fill(filter, others, calls, count, d);
	seccomp_release(filter);
	return r;
}

int os_seccomp_allow(const int *calls, size_t count, struct diag *d)
{
	return load(SCMP_ACT_TRAP, calls, count, d);
}

int os_seccomp_log(const int *calls, size_t count, struct diag *d)
{
	return load(SCMP_ACT_LOG, calls, count, d);
}
