/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest driver's way to us: shared memory in the file PATH.shm, and a socket PATH that
 * speaks QEMU's ivshmem server protocol, version 0 (ivshmem-doorbell). A guest with
 * ivshmem-plain maps the file alone and is polled.
 */
#pragma once

#include "base/diag.h"
#include "link/link_log.h"
#include "os/os_loop.h"
#include "runtserv/wire.h"

struct link_ivshmem;

struct link_ivshmem_config {
	struct os_loop *loop;
	const char *path;
	struct rts_wire *wire; /* borrowed */
	struct link_log log;
	/* How long after a client has come to look whether it loads a snapshot, whose page
	 * may tell the guest not to ring. 0: 30 seconds. */
	uint64_t settle_ns;
	void (*connected)(void *ctx); /* a doorbell client, which is a new QEMU */
	void (*gone)(void *ctx);      /* it has left */
	void *ctx;
};

/* Opens, locks and maps PATH.shm; changes nothing in it yet. 0 or -errno with a text in @d.
 */
int link_ivshmem_new(const struct link_ivshmem_config *config, struct diag *d,
		     struct link_ivshmem **ret);
void link_ivshmem_free(struct link_ivshmem *s);

/* A guest has used the page before. */
bool link_ivshmem_in_use(const struct link_ivshmem *s);

/* Writes the header and listens; the loop serves. 0 or -errno with a text in @d. */
int link_ivshmem_start(struct link_ivshmem *s, struct diag *d);

/* The guest was paused and goes on: its memory may be another. */
void link_ivshmem_resumed(struct link_ivshmem *s);

/* Puts the page's header right, for a machine that begins anew. */
void link_ivshmem_repair(struct link_ivshmem *s);

/* link_page_flush(); not from within a request. */
void link_ivshmem_flush(struct link_ivshmem *s);

/* link_page_charge() */
void link_ivshmem_charge(struct link_ivshmem *s);
