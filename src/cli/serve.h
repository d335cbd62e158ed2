/* SPDX-License-Identifier: BSD-2-Clause */
/* One run of `runtserv serve`: its parts, and how they hear of a machine's reset. */
#pragma once

#include "crypto/crypto_x509.h"
#include "link/link_ivshmem.h"
#include "link/link_mm.h"
#include "link/link_qmp.h"
#include "os/os_sandbox.h"
#include "store/store.h"

#define SERVE_FDS 8U

struct serve_options {
	const char *store, *socket, *ivshmem, *qmp;
	uint64_t quota; /* 0: default */
	uint64_t hw_error_quota;
	bool allow_policy_disable;
	enum rts_log log_level;
	enum os_sandbox_mode sandbox;
	int fds[SERVE_FDS];
	size_t fd_count;
	bool terminate, capabilities;
	bool physical_presence, no_custom_mode, force_secure_boot;
};

struct serve {
	struct serve_options o;
	struct os_loop loop;
	struct store *store;
	struct crypto *crypto;
	struct rts_vars *vars;
	struct rts_wire mm_wire;    /* no guest driver there */
	struct rts_wire guest_wire; /* the shared page */
	struct link_mm *mm;
	struct link_ivshmem *ivshmem;
	struct link_qmp *qmp;
	int notify_fd;
	uint64_t log_paid_until; /* of the limit on log lines, which guests cause */
	uint64_t log_left_out;
	bool reachable; /* somebody may come; false: connected descriptors are all there is
			 */
	bool in_init;   /* within may_init: the page is busy */
	uint64_t known_ns; /* os_boot_ns() of the latest sign that this machine was here
			      already */
};

/* A log callback; its context is the struct serve. */
void serve_log(void *ctx, enum rts_log level, const char *text);

/* The machine was reset, as seen from outside the guest. */
EFI_STATUS serve_reset(struct serve *s, const char *why);

/* What our guest driver may do; the context is the struct serve. */
extern const struct rts_wire_guest_ops serve_guest_ops;

/* Begins to watch QEMU's monitor for resets. 0 or -errno. */
int serve_qmp_start(struct serve *s);

/*
 * Gives up what the daemon does not need once it serves, as --sandbox says. 0, or -errno
 * with a text: what was asked for cannot be had.
 */
int serve_sandbox(struct serve *s, struct diag *d);
