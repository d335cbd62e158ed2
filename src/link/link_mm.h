/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MM socket (doc/design.md §3.2): a Unix stream socket on which any VMM or test speaks
 * MM communicate buffers to the variable service. All connections see one service.
 */
#pragma once

#include "link/link_log.h"
#include "os/os_loop.h"
#include "runtserv/wire.h"

#define LINK_MM_CONNECTIONS 64U /* one more is closed at once */

enum {
	LINK_MM_RESET = 1,
	LINK_MM_MM = 2,
	LINK_MM_MACHINE_RESET = 0x100,
};

struct link_mm;

struct link_mm_config {
	struct os_loop *loop;
	struct rts_wire *wire; /* borrowed */
	struct link_log log;
	uint32_t (*machine_reset)(
		void *ctx); /* as asked for; returns the status to answer */
	/* A connection has ended, so many are left; may be NULL. @spoke: it had a request,
	 * and was not just somebody who looked whether the path answers. */
	void (*gone)(void *ctx, size_t left, bool spoke);
	void *ctx;
};

/* 0 or -ENOMEM. */
int link_mm_new(const struct link_mm_config *config, struct link_mm **ret);
void link_mm_free(struct link_mm *m);

/* Accepts from @fd, which stays the caller's. 0 or -errno. */
int link_mm_listen(struct link_mm *m, int fd);

/* Serves one connected socket, and owns it from here on. 0 or -errno. */
int link_mm_add(struct link_mm *m, int fd);
