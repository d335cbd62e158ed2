/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bar on stderr for the pass over memory: bytes, rate, time left. Only on a terminal, and
 * only when the whole takes longer than a moment.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct scan_progress {
	int fd; /* -1: nothing is shown */
	const char *what;
	pthread_mutex_t lock;
	uint64_t begun, next; /* os_now_ns() */
	uint64_t done;
	bool drawn;
};

/* @what is borrowed: "scanning". @wanted false (--json, --quiet): shows nothing. */
void scan_progress_begin(struct scan_progress *p, const char *what, bool wanted);
/* Clears the line. */
void scan_progress_end(struct scan_progress *p);

/* For struct rts_scan_config.progress, with a struct scan_progress as @ctx; from any
 * thread. Always true. */
bool scan_progress_show(void *ctx, uint64_t done, uint64_t total);
