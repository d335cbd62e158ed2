/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A connection to QEMU's monitor: found and kept, and cut into lines. What the lines say is
 * the caller's business (cli/serve_reset.c).
 */
#pragma once

#include <sys/types.h>

#include "link/link_log.h"
#include "os/os_loop.h"

struct link_qmp;

struct link_qmp_config {
	struct os_loop *loop;
	const char *path;
	struct link_log log;
	void (*connected)(void *ctx, pid_t peer); /* @peer: QEMU's process, or 0 */
	void (*line)(void *ctx, const char *text,
		     size_t len); /* without its newline; NUL-terminated */
	void (*gone)(void *ctx);
	void *ctx;
};

/* Begins to look for @path, each second until it answers, and again when it is lost. 0 or
 * -errno. */
int link_qmp_new(const struct link_qmp_config *config, struct link_qmp **ret);
void link_qmp_free(struct link_qmp *q);

/* Handles what QEMU has said so far, without waiting; connects if QEMU is there by now. */
void link_qmp_drain(struct link_qmp *q);

/* Sends one short command, newline included; a connection that will not take it is closed.
 */
void link_qmp_send(struct link_qmp *q, const char *text);
