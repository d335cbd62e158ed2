/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ivshmem server and the waiting for requests. While a doorbell client is connected,
 * its eventfd wakes us and nothing else does; otherwise the page is polled, ever more
 * slowly. After an answer we look for the next request for a moment, for one seldom comes
 * alone.
 */
#include "link/link_ivshmem.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "link/link_page.h"
#include "os/os_clock.h"
#include "os/os_shm.h"
#include "os/os_socket.h"

#define PROTOCOL_VERSION 0
#define HOST_ID          1 /* ours, as a peer; our vector is 0 */
#define CLIENT_ID        0 /* QEMU's master=on wants to be the first */

#define SPIN_NS     50000U
#define SLICE_NS    1000000U /* then the other connections have their turn */
#define POLL_MIN_NS 50000U
#define POLL_MAX_NS 10000000U
#define SETTLE_NS   30000000000ULL
#define LOOK_NS     200000000U

struct link_ivshmem {
	struct link_ivshmem_config config;
	struct os_shm shm;
	struct os_listener listener;
	struct os_watch listen_watch;
	struct os_watch client_watch; /* fd -1: no doorbell client */
	struct os_watch bell_watch;
	struct os_timer timer;
	int host_bell;   /* eventfd that the client rings */
	int client_bell; /* and one that we could; the protocol wants it */
	uint64_t backoff;
	uint64_t settled_at; /* until then a snapshot may be loaded */
	bool spin;
	struct link_page page;
};

static bool doorbell(const struct link_ivshmem *s)
{
	return s->client_watch.fd >= 0;
}

static void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* Serves until nothing has come for a while, or the others have waited long enough.
 * @ret_at: when to look again. */
static bool serve(struct link_ivshmem *s, uint64_t *ret_at)
{
	const uint64_t begin = os_now_ns();
	uint64_t now = begin, last = 0;

	for (;;) {
		switch (link_page_serve(&s->page, now)) {
		case LINK_PAGE_ANSWERED:
			last = os_now_ns();
			break;
		case LINK_PAGE_LATER:
			*ret_at = s->page.ready_at;
			return true;
		case LINK_PAGE_IDLE:
			if (last == 0 || !s->spin || now - last >= SPIN_NS) {
				*ret_at = 0;
				return last != 0;
			}
			relax();
		}
		now = os_now_ns();
		if (now - begin >= SLICE_NS) {
			*ret_at = now;
			return true;
		}
	}
}

static void work(struct link_ivshmem *s)
{
	uint64_t at;

	if (serve(s, &at))
		s->backoff = POLL_MIN_NS;
	else if (s->backoff < POLL_MAX_NS)
		s->backoff = s->backoff * 2 < POLL_MAX_NS ? s->backoff * 2 : POLL_MAX_NS;
	if (os_shm_shrunk(&s->shm)) {
		link_say(&s->config.log, RTS_LOG_ERROR,
			 "%s.shm: somebody has shrunk the file", s->config.path);
		os_loop_stop(s->config.loop, 2);
		return;
	}
	link_page_header(&s->page, doorbell(s), HOST_ID << 16);
	if (at == 0) {
		const uint64_t now = os_now_ns();

		if (!doorbell(s))
			at = now + s->backoff;
		else if (now < s->settled_at)
			at = now + LOOK_NS;
	}
	s->timer.at = at;
}

static void on_timer(void *ctx)
{
	work(ctx);
}

static void on_bell(void *ctx, short revents)
{
	struct link_ivshmem *s = ctx;
	uint64_t count;

	(void)revents;
	(void)!read(s->host_bell, &count, sizeof count);
	work(s);
}

static void forget_client(struct link_ivshmem *s)
{
	os_loop_unwatch(s->config.loop, &s->client_watch);
	close(s->client_watch.fd);
	s->client_watch.fd = -1;
	link_say(&s->config.log, RTS_LOG_INFO, "%s: the doorbell client has left",
		 s->config.path);
	s->config.gone(s->config.ctx);
	work(s); /* poll from now on */
}

/* The protocol has nothing for a client to say. */
static void on_client(void *ctx, short revents)
{
	struct link_ivshmem *s = ctx;
	char ignored[256];
	ssize_t n = recv(s->client_watch.fd, ignored, sizeof ignored, MSG_DONTWAIT);

	(void)revents;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		forget_client(s);
}

static int greet(const struct link_ivshmem *s, int fd)
{
	const struct {
		int64_t value;
		int pass;
	} messages[] = {
		{PROTOCOL_VERSION, -1},      {CLIENT_ID, -1},
		{-1, s->shm.share_fd},       {HOST_ID, s->host_bell},
		{CLIENT_ID, s->client_bell},
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof messages / sizeof *messages; i++)
		r = os_socket_send_fd(fd, &messages[i].value, sizeof messages[i].value,
				      messages[i].pass);
	return r;
}

static void on_connect(void *ctx, short revents)
{
	struct link_ivshmem *s = ctx;
	cleanup(closep) int fd = os_socket_accept(s->listener.fd);
	int r;

	(void)revents;
	if (fd < 0)
		return;
	if (doorbell(s)) /* it may have left a moment ago */
		on_client(s, 0);
	if (doorbell(s)) {
		link_say(&s->config.log, RTS_LOG_WARNING,
			 "%s: a second client is refused; process %d serves one machine",
			 s->config.path, (int)getpid());
		return;
	}
	r = greet(s, fd);
	if (r == 0) {
		s->client_watch.fd = fd;
		r = os_loop_watch(s->config.loop, &s->client_watch);
	}
	if (r < 0) {
		s->client_watch.fd = -1;
		link_say(&s->config.log, RTS_LOG_WARNING, "%s: client lost: %s",
			 s->config.path, strerror(-r));
		return;
	}
	(void)take_fd(&fd);
	link_say(&s->config.log, RTS_LOG_INFO, "%s: doorbell client connected, process %d",
		 s->config.path, (int)os_socket_peer_pid(s->client_watch.fd));
	s->config.connected(s->config.ctx);
	s->settled_at = os_now_ns() + s->config.settle_ns;
	work(s);
}

int link_ivshmem_new(const struct link_ivshmem_config *config, struct diag *d,
		     struct link_ivshmem **ret)
{
	struct link_ivshmem *s = aligned_alloc(_Alignof(struct link_ivshmem), sizeof *s);
	cleanup(freep) char *path = NULL;
	int r = -ENOMEM;

	if (s == NULL || asprintf(&path, "%s.shm", config->path) < 0) {
		free(s);
		path = NULL;
		return diag(d, r, "%s: %s", config->path, strerror(-r));
	}
	memset(s, 0, sizeof *s);
	s->config = *config;
	if (s->config.settle_ns == 0)
		s->config.settle_ns = SETTLE_NS;
	s->listener.fd = s->client_watch.fd = s->host_bell = s->client_bell = -1;
	s->spin = os_may_spin();
	r = os_shm_open(path, GUEST_PAGE_SHM_SIZE, d, &s->shm);
	if (r < 0) {
		free(s);
		return r;
	}
	*ret = s;
	return 0;
}

bool link_ivshmem_in_use(const struct link_ivshmem *s)
{
	return link_page_in_use(s->shm.p);
}

int link_ivshmem_start(struct link_ivshmem *s, struct diag *d)
{
	struct os_loop *l = s->config.loop;
	int r = os_listener_open(s->config.path, d, &s->listener);

	if (r < 0)
		return r;
	s->host_bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->client_bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->host_bell < 0 || s->client_bell < 0)
		return diag(d, -errno, "eventfd: %s", strerror(errno));
	s->listen_watch = (struct os_watch){s->listener.fd, POLLIN, false, on_connect, s};
	s->client_watch = (struct os_watch){-1, POLLIN, false, on_client, s};
	s->bell_watch = (struct os_watch){s->host_bell, POLLIN, false, on_bell, s};
	s->timer = (struct os_timer){0, on_timer, s};
	if (os_loop_watch(l, &s->listen_watch) < 0 ||
	    os_loop_watch(l, &s->bell_watch) < 0 || os_loop_timer(l, &s->timer) < 0)
		return diag(d, -ENOSPC, "%s: too many descriptors", s->config.path);
	(void)prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0,
		    0); /* 50 us is both our shortest wait and the default slack */
	link_page_init(&s->page, s->shm.p, s->config.wire);
	s->timer.at = os_now_ns(); /* look in the first turn of the loop */
	return 0;
}

void link_ivshmem_resumed(struct link_ivshmem *s)
{
	s->timer.at = os_now_ns(); /* not now: we may be within a request */
}

void link_ivshmem_repair(struct link_ivshmem *s)
{
	link_page_header(&s->page, doorbell(s), HOST_ID << 16);
}

void link_ivshmem_flush(struct link_ivshmem *s)
{
	link_page_flush(&s->page, os_now_ns());
}

void link_ivshmem_charge(struct link_ivshmem *s)
{
	link_page_charge(&s->page);
}

void link_ivshmem_free(struct link_ivshmem *s)
{
	if (s == NULL)
		return;
	os_loop_unwatch(s->config.loop, &s->listen_watch);
	os_loop_unwatch(s->config.loop, &s->bell_watch);
	os_loop_unwatch(s->config.loop, &s->client_watch);
	os_loop_untimer(s->config.loop, &s->timer);
	closep(&s->client_watch.fd);
	closep(&s->host_bell);
	closep(&s->client_bell);
	os_listener_close(&s->listener);
	os_shm_close(&s->shm);
	free(s);
}
