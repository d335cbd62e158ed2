/* SPDX-License-Identifier: BSD-2-Clause */
/* A poll loop in a thread of its own, so that a test can be the peer with ordinary blocking
 * calls. */
#pragma once

#include "test.h"

#include "os/os_loop.h"
#include "os/os_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct loop_thread {
	struct os_loop loop;
	struct os_watch stop;
	pthread_t thread;
	pid_t tid;
	int result;
};

static inline void loop_thread_stopped(void *ctx, short revents)
{
	(void)revents;
	os_loop_stop(ctx, 0);
}

static inline void *loop_thread_main(void *arg)
{
	struct loop_thread *t = arg;

	t->tid = gettid();
	t->result = os_loop_run(&t->loop);
	return NULL;
}

/* Runs what was put into the loop before. */
static inline void loop_thread_start(struct loop_thread *t)
{
	t->stop = (struct os_watch){eventfd(0, EFD_CLOEXEC), POLLIN, false,
				    loop_thread_stopped, &t->loop};
	t->loop.stopped = false;
	(void)os_loop_watch(&t->loop, &t->stop);
	pthread_create(&t->thread, NULL, loop_thread_main, t);
}

/* Waits until the loop has ended by itself; its status. */
static inline int loop_thread_join(struct loop_thread *t)
{
	pthread_join(t->thread, NULL);
	os_loop_unwatch(&t->loop, &t->stop);
	close(t->stop.fd);
	return t->result;
}

static inline int loop_thread_stop(struct loop_thread *t)
{
	const uint64_t one = 1;

	(void)!write(t->stop.fd, &one, sizeof one);
	return loop_thread_join(t);
}

/* A read that takes this long means that the test has failed. */
static inline void patience(int fd)
{
	const struct timeval limit = {20, 0};

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

/* A connection on which calls block, but not for ever. */
static inline int dial(const char *path)
{
	int fd = os_socket_connect(path);

	assert_true(fd >= 0);
	fcntl(fd, F_SETFL, 0);
	patience(fd);
	return fd;
}
