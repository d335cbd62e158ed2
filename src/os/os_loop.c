/* SPDX-License-Identifier: BSD-2-Clause */
/* The poll loop, with ppoll's nanoseconds for timers. */
#include "os/os_loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/signalfd.h>
#include <time.h>

#include "os/os_clock.h"

#define NS_PER_S 1000000000ULL

int os_loop_watch(struct os_loop *l, struct os_watch *w)
{
	if (l->watch_count == OS_LOOP_WATCHES)
		return -ENOSPC;
	l->watches[l->watch_count++] = w;
	return 0;
}

/* The hole is closed before the next poll, so that a running dispatch keeps its places. */
void os_loop_unwatch(struct os_loop *l, const struct os_watch *w)
{
	for (size_t i = 0; i < l->watch_count; i++)
		if (l->watches[i] == w)
			l->watches[i] = NULL;
}

int os_loop_timer(struct os_loop *l, struct os_timer *t)
{
	if (l->timer_count == OS_LOOP_TIMERS)
		return -ENOSPC;
	l->timers[l->timer_count++] = t;
	return 0;
}

void os_loop_untimer(struct os_loop *l, const struct os_timer *t)
{
	for (size_t i = 0; i < l->timer_count; i++)
		if (l->timers[i] == t)
			l->timers[i] = l->timers[--l->timer_count];
}

void os_loop_stop(struct os_loop *l, int status)
{
	if (l->stopped)
		return;
	l->stopped = true;
	l->status = status;
}

/* Fills @fds, and says when to wake: 0 at once, UINT64_MAX never. */
static uint64_t prepare(struct os_loop *l, struct pollfd *fds)
{
	uint64_t wake = UINT64_MAX;
	size_t n = 0;

	for (size_t i = 0; i < l->watch_count; i++)
		if (l->watches[i] != NULL)
			l->watches[n++] = l->watches[i];
	l->watch_count = n;
	for (size_t i = 0; i < n; i++) {
		fds[i] = (struct pollfd){.fd = l->watches[i]->fd,
					 .events = l->watches[i]->events};
		if (l->watches[i]->again)
			wake = 0;
	}
	for (size_t i = 0; i < l->timer_count; i++)
		if (l->timers[i]->at != 0 && l->timers[i]->at < wake)
			wake = l->timers[i]->at;
	return wake;
}

/* The set is poll's: what a callback adds waits for the next one. */
static void dispatch(struct os_loop *l, const struct pollfd *fds, size_t n)
{
	for (size_t i = 0; i < n && !l->stopped; i++) {
		struct os_watch *w = l->watches[i];

		if (w != NULL && (fds[i].revents != 0 || w->again))
			w->ready(w->ctx, fds[i].revents);
	}
}

static void run_timers(struct os_loop *l)
{
	const uint64_t now = os_now_ns();

	for (size_t i = 0; i < l->timer_count && !l->stopped; i++) {
		struct os_timer *t = l->timers[i];

		if (t->at == 0 || t->at > now)
			continue;
		t->at = 0;
		t->due(t->ctx);
	}
}

int os_loop_run(struct os_loop *l)
{
	struct pollfd fds[OS_LOOP_WATCHES];

	while (!l->stopped) {
		const uint64_t wake = prepare(l, fds), now = os_now_ns();
		const size_t n = l->watch_count;
		const uint64_t ns = wake <= now ? 0 : wake - now;
		const struct timespec wait = {(time_t)(ns / NS_PER_S),
					      (long)(ns % NS_PER_S)};

		if (ppoll(fds, n, wake == UINT64_MAX && ns != 0 ? NULL : &wait, NULL) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		dispatch(l, fds, n);
		run_timers(l);
	}
	return l->status;
}

int os_signals_open(void)
{
	sigset_t set;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}
