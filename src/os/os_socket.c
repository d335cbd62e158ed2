/* SPDX-License-Identifier: BSD-2-Clause */
/* Unix stream sockets: listening under a path without a gap, connecting, passing
 * descriptors. */
#include "os/os_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

/*
 * A path longer than sun_path is reached through its folder's descriptor, which the caller
 * closes. -errno, or 0.
 */
static int address(const char *path, struct sockaddr_un *ret, int *ret_dir)
{
	const char *slash = strrchr(path, '/');
	char *dir = NULL;
	int n;

	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	*ret_dir = -1;
	if (*path == 0)
		return -ENOENT;
	if (strlen(path) < sizeof ret->sun_path) {
		memcpy(ret->sun_path, path, strlen(path));
		return 0;
	}
	if (slash == NULL)
		return -ENAMETOOLONG;
	dir = strndup(path, (size_t)(slash - path) + 1);
	if (dir == NULL)
		return -ENOMEM;
	*ret_dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (*ret_dir < 0)
		return -errno;
	n = snprintf(ret->sun_path, sizeof ret->sun_path, "/proc/self/fd/%d/%s", *ret_dir,
		     slash + 1);
	if ((size_t)n < sizeof ret->sun_path)
		return 0;
	close(take_fd(ret_dir));
	return -ENAMETOOLONG;
}

static int stream_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

int os_socket_connect(const char *path)
{
	struct sockaddr_un a;
	cleanup(closep) int dir = -1;
	cleanup(closep) int fd = -1;
	int r = address(path, &a, &dir);

	if (r < 0)
		return r;
	fd = stream_socket();
	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)&a, sizeof a) < 0)
		return -errno;
	return take_fd(&fd);
}

static int check_free(const char *path, struct diag *d)
{
	struct stat st;
	int r;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0
				       : diag(d, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return diag(d, -EEXIST, "%s: exists and is not a socket", path);
	r = os_socket_connect(path);
	if (r == -ECONNREFUSED || r == -ENOENT)
		return 0;
	if (r >= 0)
		close(r);
	if (r >= 0 || r == -EAGAIN || r == -EPROTOTYPE)
		return diag(d, -EADDRINUSE, "%s: another process answers there", path);
	return diag(d, r, "%s: %s", path, strerror(-r));
}

int os_listener_open(const char *path, struct diag *d, struct os_listener *ret)
{
	struct os_listener l = {.fd = -1};
	struct sockaddr_un a;
	struct stat st;
	cleanup(freep) char *temporary = NULL;
	cleanup(closep) int dir = -1;
	cleanup(closep) int fd = -1;
	int r = check_free(path, d);

	if (r < 0)
		return r;
	if (asprintf(&temporary, "%s.%d", path, (int)getpid()) < 0) {
		temporary = NULL;
		return diag(d, -ENOMEM, "%s: %s", path, strerror(ENOMEM));
	}
	r = address(temporary, &a, &dir);
	if (r == -ENAMETOOLONG)
		return diag(d, r, "%s: the name is too long for a socket", path);
	fd = r < 0 ? r : stream_socket();
	if (fd < 0)
		return diag(d, fd, "%s: %s", path, strerror(-fd));
	(void)unlink(temporary); /* of a process that had our number and died just there */
	/* Linux takes the mode of the new name from the socket: no moment with a wider one.
	 */
	if (fchmod(fd, 0600) < 0 || bind(fd, (const struct sockaddr *)&a, sizeof a) < 0)
		return diag(d, -errno, "%s: %s", path, strerror(errno));
	l.path = strdup(path);
	if (l.path == NULL || listen(fd, 128) < 0 || lstat(temporary, &st) < 0 ||
	    rename(temporary, path) < 0) {
		r = -errno;
		(void)unlink(temporary);
		free(l.path);
		return diag(d, r, "%s: %s", path, strerror(-r));
	}
	l.dev = st.st_dev;
	l.ino = st.st_ino;
	l.fd = take_fd(&fd);
	*ret = l;
	return 0;
}

void os_listener_close(struct os_listener *l)
{
	struct stat st;

	if (l->path != NULL && lstat(l->path, &st) == 0 && st.st_dev == l->dev &&
	    st.st_ino == l->ino)
		(void)unlink(l->path);
	free(l->path);
	if (l->fd >= 0)
		close(l->fd);
	*l = (struct os_listener){.fd = -1};
}

static int option(int fd, int name)
{
	int value = -1;
	socklen_t len = sizeof value;

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) < 0 ? -1 : value;
}

int os_socket_adopt(int fd, struct diag *d, bool *ret_listens)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return diag(d, -errno, "descriptor %d: %s", fd, strerror(errno));
	if (option(fd, SO_DOMAIN) != AF_UNIX || option(fd, SO_TYPE) != SOCK_STREAM)
		return diag(d, -ENOTSOCK, "descriptor %d: not a Unix stream socket", fd);
	*ret_listens = option(fd, SO_ACCEPTCONN) == 1;
	if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return diag(d, -errno, "descriptor %d: %s", fd, strerror(errno));
	return 0;
}

int os_socket_accept(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

pid_t os_socket_peer_pid(int fd)
{
	struct ucred peer = {0};
	socklen_t len = sizeof peer;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ? 0 : peer.pid;
}

int os_socket_send_fd(int fd, const void *p, size_t len, int pass)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {(void *)(uintptr_t)p, len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (pass >= 0) {
		m.msg_control = control.space;
		m.msg_controllen = sizeof control.space;
		*CMSG_FIRSTHDR(&m) = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof pass),
						      .cmsg_level = SOL_SOCKET,
						      .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &pass, sizeof pass);
	}
	n = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EAGAIN;
}
