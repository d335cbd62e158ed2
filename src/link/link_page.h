/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page that guest and host share (uefi/guest_page.h), as the host serves it: functions
 * over a memory region that somebody else changes at any time. No file, no clock, no
 * waiting.
 *
 * A request is pending while req differs from ack, both in the page: the host keeps no
 * other memory of it, so a page that QEMU's loadvm put back is served like any.
 */
#pragma once

#include "runtserv/wire.h"
#include "uefi/guest_page.h"

/* Writes to the host's disk that a guest may cause, STORE.run's too: so many at once, then
 * one each interval. */
#define LINK_PAGE_BURST       1000U
#define LINK_PAGE_INTERVAL_NS 10000000ULL

enum link_page_result {
	LINK_PAGE_IDLE,     /* no request */
	LINK_PAGE_ANSWERED, /* one request was answered */
	LINK_PAGE_LATER,    /* a request waits for its turn: call again at ready_at */
};

struct link_page {
	uint8_t *shm; /* GUEST_PAGE_SHM_SIZE bytes, aligned to a page */
	struct rts_wire *wire;
	uint64_t ready_at; /* with LINK_PAGE_LATER */
	uint64_t
		paid_until; /* of the rate limit: each change moves it on by one interval */
	uint32_t charges;   /* made while a request is executed, beside commits */
	uint32_t dirty;     /* so many bytes of the buffer may hold an old message */
	_Alignas(64) uint8_t copy[MM_BUFFER_MAX];
};

/* A guest has used this page before: its header stands, and there was a request. */
bool link_page_in_use(const uint8_t *shm);

/* Writes the host's header, magic last. Leaves requests alone where the header stands
 * already. */
void link_page_init(struct link_page *p, uint8_t *shm, struct rts_wire *wire);

/* Writes what the header should say, magic last: with @ring the guest rings by writing
 * @doorbell, else the host polls. To be said again when the words may be others: a snapshot
 * has those of its own time, and a guest that spoils them could keep the next boot's driver
 * from us. */
void link_page_header(struct link_page *p, bool ring, uint32_t doorbell);

/* Answers the pending request, if there is one and the rate limit allows it at @now_ns. */
enum link_page_result link_page_serve(struct link_page *p, uint64_t now_ns);

/*
 * The machine was reset: what it had said before comes first, so the pending request is
 * answered now, without the limit. An INIT stays pending, for it is the first word of the
 * machine after the reset.
 */
void link_page_flush(struct link_page *p, uint64_t now_ns);

/* The request that is being executed costs one more. For callbacks of struct rts_wire. */
void link_page_charge(struct link_page *p);
