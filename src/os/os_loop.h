/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The poll loop: descriptors, timers, and the signals that end us. Watches and timers live
 * in their owners' structs; the loop only points at them. Single thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OS_LOOP_WATCHES 128U
#define OS_LOOP_TIMERS  8U

struct os_watch {
	int fd;
	short events; /* POLLIN, POLLOUT; may be changed at any time */
	bool again;   /* call once more without waiting: there is work that no descriptor
			 shows */
	void (*ready)(void *ctx, short revents);
	void *ctx;
};

struct os_timer {
	uint64_t at; /* os_now_ns(); 0: not set. Is 0 again when due() is called */
	void (*due)(void *ctx);
	void *ctx;
};

/* Zeroed: an empty loop. */
struct os_loop {
	struct os_watch *watches[OS_LOOP_WATCHES];
	size_t watch_count;
	struct os_timer *timers[OS_LOOP_TIMERS];
	size_t timer_count;
	bool stopped;
	int status;
};

/* 0, or -ENOSPC. A watch may be removed by any callback, its own too, and is not touched
 * afterwards. */
int os_loop_watch(struct os_loop *l, struct os_watch *w);
void os_loop_unwatch(struct os_loop *l, const struct os_watch *w);
int os_loop_timer(struct os_loop *l, struct os_timer *t);
void os_loop_untimer(struct os_loop *l, const struct os_timer *t);

/* Ends os_loop_run() after the current callback, with that status; the first one counts. */
void os_loop_stop(struct os_loop *l, int status);

/* Runs until stopped; returns the status, or -errno where the kernel would not poll. */
int os_loop_run(struct os_loop *l);

/* Blocks SIGTERM, SIGINT and SIGHUP and returns a signalfd for them, or -errno. Ignores
 * SIGPIPE and SIGXFSZ, so that a write returns what is wrong. */
int os_signals_open(void);
