/* SPDX-License-Identifier: BSD-2-Clause */
/* sd_notify and LISTEN_FDS: the protocols are small, documented and stable, so no library.
 */
#include "os/os_notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

int os_notify_open(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	size_t n = path != NULL ? strlen(path) : 0;

	if (n == 0)
		return -ENOENT;
	if (n >= sizeof a.sun_path || (*path != '/' && *path != '@'))
		return -EINVAL;
	memcpy(a.sun_path, path, n);
	if (*path == '@') /* an abstract name: length counts, no NUL at its end */
		a.sun_path[0] = 0;
	cleanup(closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&a,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		return -errno;
	return take_fd(&fd);
}

void os_notify(int fd, const char *text)
{
	if (fd >= 0)
		(void)send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

int os_listen_fds(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	long n;

	if (pid == NULL || fds == NULL || strtol(pid, NULL, 10) != (long)getpid())
		return 0;
	n = strtol(fds, NULL, 10);
	return n > 0 && n < 64 ? (int)n : 0;
}
