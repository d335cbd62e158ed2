/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MM socket. A connection has one buffer: a request is answered where it lies, for a
 * reply is never longer, and nothing more is read or done until the peer has taken it. So
 * peers cannot make us hold memory, and a request costs one recv, one send, and no
 * allocation.
 */
#include "link/link_mm.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/os_socket.h"

#define LISTENERS 8U
#define OTHERS    32U /* descriptors that are not connections */
#define TURN      4U  /* requests of one connection before the others have theirs */

struct frame { /* of a request: command, length; of a reply: status, length */
	uint32_t what;
	uint32_t length;
};

struct conn {
	struct link_mm *mm;
	struct os_watch watch;
	size_t head; /* where the next request begins */
	size_t tail; /* where received bytes end */
	size_t out;  /* where the reply is that the peer has not taken yet, and what is left
			of it */
	size_t out_len;
	bool last;  /* close when the reply is out */
	bool spoke; /* there was a request */
	_Alignas(8) uint8_t buf[sizeof(struct frame) + MM_BUFFER_MAX];
};

struct listener {
	struct link_mm *mm;
	struct os_watch watch;
};

struct link_mm {
	struct link_mm_config config;
	struct listener listeners[LISTENERS];
	size_t listener_count;
	struct conn *conns[LINK_MM_CONNECTIONS];
	size_t conn_count;
	size_t conn_max;
};

static void conn_free(struct conn *c)
{
	os_loop_unwatch(c->mm->config.loop, &c->watch);
	close(c->watch.fd);
	free(c);
}

static void drop(struct conn *c)
{
	struct link_mm *m = c->mm;

	for (size_t i = 0; i < m->conn_count; i++)
		if (m->conns[i] == c)
			m->conns[i] = m->conns[--m->conn_count];
	conn_free(c);
}

/* 0: all is out; -EAGAIN: the peer is slow; else the connection is dead. */
static int flush(struct conn *c)
{
	while (c->out_len > 0) {
		ssize_t n = send(c->watch.fd, c->buf + c->out, c->out_len,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0)
			return -errno;
		c->out += (size_t)n;
		c->out_len -= (size_t)n;
	}
	return c->last ? -ECONNABORTED : 0;
}

/* Makes room where the rest of a request would not fit, and where it would not be aligned.
 */
static void compact(struct conn *c, size_t need)
{
	if (c->head % 8 == 0 && need <= sizeof c->buf - c->head)
		return;
	memmove(c->buf, c->buf + c->head, c->tail - c->head);
	c->tail -= c->head;
	c->head = 0;
}

static int receive(struct conn *c)
{
	ssize_t n =
		recv(c->watch.fd, c->buf + c->tail, sizeof c->buf - c->tail, MSG_DONTWAIT);

	if (n == 0)
		return -ECONNRESET;
	if (n < 0)
		return -errno;
	c->tail += (size_t)n;
	return 0;
}

static uint32_t execute(struct link_mm *m, uint32_t command, uint8_t *payload, size_t len,
			size_t *ret_len)
{
	*ret_len = 0;
	switch (command) {
	case LINK_MM_MM:
		return rts_wire_mm(m->config.wire, payload, len, ret_len);
	case LINK_MM_RESET: /* of the device that we stand for; we hold nothing of its
			       between requests */
		return len == 0 ? UEFI_VARS_STS_SUCCESS : UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE;
	case LINK_MM_MACHINE_RESET:
		if (len != 0)
			return UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE;
		return m->config.machine_reset(m->config.ctx);
	default:
		return UEFI_VARS_STS_ERR_NOT_SUPPORTED;
	}
}

/* Puts the reply where the request lay, and offers it to the peer. */
static int reply(struct conn *c, uint32_t status, size_t len)
{
	const struct frame f = {status, (uint32_t)len};

	memcpy(c->buf + c->head, &f, sizeof f);
	c->out = c->head;
	c->out_len = sizeof f + len;
	return flush(c);
}

/* 0: answered one; -ENODATA: no whole request; -EAGAIN: the peer is slow; else the
 * connection is dead. */
static int serve_one(struct conn *c)
{
	const size_t had = c->tail - c->head;
	struct frame f;
	uint32_t status;
	size_t len;
	int r;

	if (had < sizeof f) {
		compact(c, sizeof f);
		return -ENODATA;
	}
	memcpy(&f, c->buf + c->head, sizeof f);
	if (f.length > MM_BUFFER_MAX) {
		link_say(&c->mm->config.log, RTS_LOG_WARNING,
			 "MM socket: a request of %u bytes is longer than %u; connection "
			 "closed",
			 f.length, MM_BUFFER_MAX);
		c->last = true;
		return reply(c, UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE, 0);
	}
	compact(c, sizeof f + f.length);
	if (had - sizeof f < f.length)
		return -ENODATA;
	c->spoke = true;
	status = execute(c->mm, f.what, c->buf + c->head + sizeof f, f.length, &len);
	r = reply(c, status, len);
	c->head += sizeof f + f.length;
	if (c->head == c->tail)
		c->head = c->tail = 0;
	return r;
}

/*
 * One turn of this connection. What was received before comes first: it has waited for the
 * peer to take a reply, and its end of the buffer may be all the room there is.
 */
static int turn(struct conn *c)
{
	bool received = false;
	int r = flush(c);

	c->watch.again = false;
	for (unsigned answered = 0; r == 0;) {
		r = serve_one(c);
		if (r == -ENODATA && !received) {
			received = true;
			r = receive(c);
			continue;
		}
		if (r == 0 && ++answered == TURN) {
			c->watch.again = true;
			break;
		}
	}
	return r;
}

static void on_ready(void *ctx, short revents)
{
	struct conn *c = ctx;
	struct link_mm *m = c->mm;
	int r = turn(c);
	const bool spoke = c->spoke;

	(void)revents;
	c->watch.events = c->out_len > 0 ? POLLOUT : POLLIN;
	if (r == 0 || r == -EAGAIN || r == -ENODATA || r == -EINTR)
		return;
	drop(c);
	if (m->config.gone != NULL)
		m->config.gone(m->config.ctx, m->conn_count, spoke);
}

int link_mm_add(struct link_mm *m, int fd)
{
	struct conn *c;
	int r;

	if (m->conn_count >= m->conn_max) {
		link_say(&m->config.log, RTS_LOG_WARNING,
			 "MM socket: more than %zu connections; the new one is closed",
			 m->conn_max);
		close(fd);
		return -EUSERS;
	}
	c = calloc(1, sizeof *c);
	if (c == NULL) {
		close(fd);
		return -ENOMEM;
	}
	c->mm = m;
	c->watch = (struct os_watch){fd, POLLIN, false, on_ready, c};
	r = os_loop_watch(m->config.loop, &c->watch);
	if (r < 0) {
		close(fd);
		free(c);
		return r;
	}
	m->conns[m->conn_count++] = c;
	return 0;
}

static void on_connect(void *ctx, short revents)
{
	struct listener *l = ctx;
	int fd = os_socket_accept(l->watch.fd);

	(void)revents;
	if (fd >= 0)
		(void)link_mm_add(l->mm, fd);
}

int link_mm_listen(struct link_mm *m, int fd)
{
	struct listener *l = &m->listeners[m->listener_count];
	int r;

	if (m->listener_count == LISTENERS)
		return -ENOSPC;
	*l = (struct listener){m, {fd, POLLIN, false, on_connect, l}};
	r = os_loop_watch(m->config.loop, &l->watch);
	if (r == 0)
		m->listener_count++;
	return r;
}

/* As many as leave descriptors for the store: one that cannot be accepted would wake us for
 * ever. */
static size_t connections(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur >= LINK_MM_CONNECTIONS + OTHERS)
		return LINK_MM_CONNECTIONS;
	return l.rlim_cur > OTHERS ? (size_t)l.rlim_cur - OTHERS : 1;
}

int link_mm_new(const struct link_mm_config *config, struct link_mm **ret)
{
	struct link_mm *m = calloc(1, sizeof *m);

	if (m == NULL)
		return -ENOMEM;
	m->config = *config;
	m->conn_max = connections();
	*ret = m;
	return 0;
}

void link_mm_free(struct link_mm *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->conn_count; i++)
		conn_free(m->conns[i]);
	for (size_t i = 0; i < m->listener_count; i++)
		os_loop_unwatch(m->config.loop, &m->listeners[i].watch);
	free(m);
}
