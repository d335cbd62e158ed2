/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Landlock by its system calls (landlock(7)); no library has them, and this file's
 * constants are newer than some headers. What a kernel is too old for is not asked for.
 */
#include "os/os_sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#define ABI_KNOWN 6

#define FS_TRUNCATE  (1ULL << 14) /* ABI 3 */
#define FS_IOCTL_DEV (1ULL << 15) /* ABI 5 */
#define NET_ALL      3ULL         /* ABI 4: TCP bind and connect */
#define SCOPE_ALL    3ULL         /* ABI 6: abstract sockets and signals */

struct ruleset {
	uint64_t fs, net, scope;
};

/* All rights over files of an ABI, and the size of the struct it knows. */
static const struct {
	uint64_t fs;
	size_t size;
} abis[ABI_KNOWN + 1] = {
	[1] = {LANDLOCK_ACCESS_FS_REFER - 1, 8},
	[2] = {LANDLOCK_ACCESS_FS_REFER * 2 - 1, 8},
	[3] = {FS_TRUNCATE * 2 - 1, 8},
	[4] = {FS_TRUNCATE * 2 - 1, 16},
	[5] = {FS_IOCTL_DEV * 2 - 1, 16},
	[6] = {FS_IOCTL_DEV * 2 - 1, 24},
};

static const char *const missing[ABI_KNOWN + 1] = {
	[1] = "truncation, TCP, devices, abstract sockets, signals",
	[2] = "truncation, TCP, devices, abstract sockets, signals",
	[3] = "TCP, devices, abstract sockets, signals",
	[4] = "devices, abstract sockets, signals",
	[5] = "abstract sockets, signals",
	[6] = "",
};

static uint64_t rights(enum os_sandbox_use use)
{
	switch (use) {
	case OS_SANDBOX_STORE:
		return LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
		       LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
		       LANDLOCK_ACCESS_FS_MAKE_REG | FS_TRUNCATE;
	case OS_SANDBOX_UNLINK:
		return LANDLOCK_ACCESS_FS_REMOVE_FILE;
	default:
		return LANDLOCK_ACCESS_FS_READ_FILE;
	}
}

int os_sandbox(const struct os_sandbox_path *paths, size_t count, struct diag *d,
	       const char **ret_missing)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
			   LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset set = {0, NET_ALL, SCOPE_ALL};
	cleanup(closep) int fd = -1;

	if (abi <= 0)
		return diag(d, -errno, "this kernel offers no Landlock: %s",
			    strerror(errno));
	if (abi > ABI_KNOWN)
		abi = ABI_KNOWN;
	set.fs = abis[abi].fs;
	fd = (int)syscall(SYS_landlock_create_ruleset, &set, abis[abi].size, 0);
	if (fd < 0)
		return diag(d, -errno, "landlock_create_ruleset: %s", strerror(errno));
	for (size_t i = 0; i < count; i++) {
		cleanup(closep) int dir = open(paths[i].path, O_PATH | O_CLOEXEC);
		struct landlock_path_beneath_attr rule = {
			.allowed_access = rights(paths[i].use) & set.fs, .parent_fd = dir};

		if (dir < 0 || syscall(SYS_landlock_add_rule, fd,
				       LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
			return diag(d, -errno, "%s: %s", paths[i].path, strerror(errno));
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return diag(d, -errno, "landlock_restrict_self: %s", strerror(errno));
	*ret_missing = missing[abi];
	return 0;
}
