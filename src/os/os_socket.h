/* SPDX-License-Identifier: BSD-2-Clause */
/* Unix stream sockets with a path, all non-blocking and close-on-exec. Descriptors or
 * -errno. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/diag.h"

/* A listener, mode 0600, and the name it took. Zeroed with fd -1: none. */
struct os_listener {
	int fd;
	char *path; /* NULL: passed to us, not ours to remove */
	dev_t dev;
	ino_t ino;
};

/*
 * Binds under a temporary name, listens, and renames it to @path, so that who finds the
 * path finds an answer. What lies there is replaced only when it is a socket where nobody
 * answers: otherwise -EADDRINUSE, or -EEXIST for what is not a socket.
 */
int os_listener_open(const char *path, struct diag *d, struct os_listener *ret);

/* Closes, and removes the path while it still is the one we made. */
void os_listener_close(struct os_listener *l);

/* Takes over descriptor @fd, which must be a Unix stream socket; tells whether it listens.
 * 0 or -errno. */
int os_socket_adopt(int fd, struct diag *d, bool *ret_listens);

int os_socket_accept(int listener);
int os_socket_connect(const char *path);

/* The process that made the other end, or 0. */
pid_t os_socket_peer_pid(int fd);

/* Sends @len bytes at once, and with them descriptor @pass unless it is -1. 0 or -errno. */
int os_socket_send_fd(int fd, const void *p, size_t len, int pass);
