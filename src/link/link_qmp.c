/* SPDX-License-Identifier: BSD-2-Clause */
/* QEMU's monitor: connection and lines. A line longer than the buffer is dropped, not kept.
 */
#include "link/link_qmp.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/os_clock.h"
#include "os/os_socket.h"

#define RETRY_NS    1000000000ULL
#define LINE_MAX_   65536U
#define DRAIN_TURNS 64U /* receives in one go: an endless talker must not hold us */

struct link_qmp {
	struct link_qmp_config config;
	struct os_watch watch; /* fd -1: not connected */
	struct os_timer retry;
	bool too_long; /* the rest of this line is dropped */
	size_t len;
	char buf[LINE_MAX_];
};

static void disconnect(struct link_qmp *q)
{
	os_loop_unwatch(q->config.loop, &q->watch);
	close(q->watch.fd);
	q->watch.fd = -1;
	q->retry.at = os_now_ns() + RETRY_NS;
	q->config.gone(q->config.ctx);
}

/* Hands out whole lines, and keeps the rest. A callback may disconnect. */
static void take_lines(struct link_qmp *q)
{
	size_t begin = 0;
	char *end;

	while ((end = memchr(q->buf + begin, '\n', q->len - begin)) != NULL) {
		*end = 0;
		if (!q->too_long)
			q->config.line(q->config.ctx, q->buf + begin,
				       (size_t)(end - q->buf) - begin);
		q->too_long = false;
		begin = (size_t)(end - q->buf) + 1;
		if (q->watch.fd < 0)
			return;
	}
	q->len -= begin;
	memmove(q->buf, q->buf + begin, q->len);
	if (q->len == sizeof q->buf) {
		if (!q->too_long)
			link_say(&q->config.log, RTS_LOG_WARNING,
				 "%s: a line longer than %zu bytes is ignored",
				 q->config.path, sizeof q->buf);
		q->too_long = true;
		q->len = 0;
	}
}

static void receive(struct link_qmp *q, unsigned turns)
{
	for (unsigned i = 0; q->watch.fd >= 0 && i < turns; i++) {
		ssize_t n = recv(q->watch.fd, q->buf + q->len, sizeof q->buf - q->len,
				 MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			disconnect(q);
			return;
		}
		q->len += (size_t)n;
		take_lines(q);
	}
}

static void on_ready(void *ctx, short revents)
{
	(void)revents;
	receive(ctx, 1);
}

static void try_connect(struct link_qmp *q)
{
	int fd = os_socket_connect(q->config.path);

	q->retry.at = 0;
	if (fd >= 0) {
		q->watch.fd = fd;
		if (os_loop_watch(q->config.loop, &q->watch) == 0) {
			q->len = 0;
			q->too_long = false;
			q->config.connected(q->config.ctx, os_socket_peer_pid(fd));
			return;
		}
		close(fd);
		q->watch.fd = -1;
	}
	q->retry.at = os_now_ns() + RETRY_NS;
}

static void on_retry(void *ctx)
{
	try_connect(ctx);
}

void link_qmp_drain(struct link_qmp *q)
{
	if (q->watch.fd < 0)
		try_connect(q);
	receive(q, DRAIN_TURNS);
}

void link_qmp_send(struct link_qmp *q, const char *text)
{
	const size_t len = strlen(text);

	if (q->watch.fd >= 0 &&
	    send(q->watch.fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)len)
		disconnect(q);
}

int link_qmp_new(const struct link_qmp_config *config, struct link_qmp **ret)
{
	struct link_qmp *q = calloc(1, sizeof *q);
	int r;

	if (q == NULL)
		return -ENOMEM;
	q->config = *config;
	q->watch = (struct os_watch){-1, POLLIN, false, on_ready, q};
	q->retry = (struct os_timer){0, on_retry, q};
	r = os_loop_timer(config->loop, &q->retry);
	if (r < 0) {
		free(q);
		return r;
	}
	*ret = q;
	try_connect(q);
	if (q->watch.fd < 0)
		link_say(&config->log, RTS_LOG_INFO, "%s: nobody answers yet",
			 config->path);
	return 0;
}

void link_qmp_free(struct link_qmp *q)
{
	if (q == NULL)
		return;
	os_loop_unwatch(q->config.loop, &q->watch);
	os_loop_untimer(q->config.loop, &q->retry);
	if (q->watch.fd >= 0)
		close(q->watch.fd);
	free(q);
}
