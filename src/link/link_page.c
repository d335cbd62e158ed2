/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shared page. Every field of the guest's is read once; a message is copied out before
 * it is looked at.
 *
 * Old messages do not stay readable: with each answer, whatever the request and the answer
 * before it left in the buffer is wiped. The answer itself stays until the next request has
 * been copied, for the guest's driver may be slow to fetch it; the last one of boot is
 * therefore wiped by the driver's ExitBootServices message.
 *
 * The rate limit makes a request wait before it is executed, not after: nothing is done
 * that is not yet acknowledged, so a daemon that dies or a machine that is reset meanwhile
 * finds one clean pending request.
 */
#include "link/link_page.h"

#include <stdatomic.h>
#include <string.h>

#include "base/bytes.h"
#include "base/guid.h"

/* How long the guest's driver waits for an answer: a slow disk's fsync, not a dead daemon.
 */
#define TIME_LIMIT_MS 5000U
#define LIMIT_BURST   (LINK_PAGE_BURST * LINK_PAGE_INTERVAL_NS)

_Static_assert(GUEST_PAGE_BUFFER + MM_BUFFER_MAX <= GUEST_PAGE_SHM_SIZE,
	       "the buffer lies inside");

#define HOST(field)   (GUEST_PAGE_HOST + offsetof(struct guest_page_host, field))
#define GUEST(field)  (GUEST_PAGE_GUEST + offsetof(struct guest_page_guest, field))
#define ANSWER(field) (GUEST_PAGE_ANSWER + offsetof(struct guest_page_answer, field))

static uint32_t load32(const uint8_t *shm, size_t off, memory_order order)
{
	return atomic_load_explicit((const _Atomic uint32_t *)(const void *)(shm + off),
				    order);
}

static void store32(uint8_t *shm, size_t off, uint32_t value, memory_order order)
{
	atomic_store_explicit((_Atomic uint32_t *)(void *)(shm + off), value, order);
}

static _Atomic uint64_t *magic(const uint8_t *shm)
{
	return (_Atomic uint64_t *)(uintptr_t)(shm + HOST(magic));
}

static bool header_stands(const uint8_t *shm)
{
	return atomic_load(magic(shm)) == GUEST_PAGE_MAGIC &&
	       load32(shm, HOST(version), memory_order_relaxed) == GUEST_PAGE_VERSION;
}

bool link_page_in_use(const uint8_t *shm)
{
	return header_stands(shm) && load32(shm, GUEST(req), memory_order_relaxed) != 0;
}

void link_page_init(struct link_page *p, uint8_t *shm, struct rts_wire *wire)
{
	memset(p, 0, sizeof *p);
	p->shm = shm;
	p->wire = wire;
	p->dirty = MM_BUFFER_MAX; /* of a daemon before us */
	if (!header_stands(shm)) {
		atomic_store(magic(shm), 0);
		memset(shm, 0, GUEST_PAGE_BUFFER);
	}
	link_page_header(p, false, 0);
}

void link_page_header(struct link_page *p, bool ring, uint32_t doorbell)
{
	const struct {
		size_t off;
		uint32_t value;
	} words[] = {
		{HOST(version), GUEST_PAGE_VERSION},
		{HOST(buffer_offset), GUEST_PAGE_BUFFER},
		{HOST(buffer_size), MM_BUFFER_MAX},
		{HOST(time_limit_ms), TIME_LIMIT_MS},
		{HOST(doorbell), doorbell},
		{HOST(flags), ring ? GUEST_PAGE_HOST_DOORBELL : 0},
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (load32(p->shm, words[i].off, memory_order_relaxed) != words[i].value)
			store32(p->shm, words[i].off, words[i].value, memory_order_release);
	if (atomic_load(magic(p->shm)) != GUEST_PAGE_MAGIC)
		atomic_store_explicit(magic(p->shm), GUEST_PAGE_MAGIC,
				      memory_order_release);
}

void link_page_charge(struct link_page *p)
{
	p->charges++;
}

/* Executes the private copy of a request; returns the status, and the length of the reply
 * in the copy. */
static uint32_t execute(struct link_page *p, uint32_t flags, size_t len, uint64_t now,
			size_t *ret_len)
{
	struct rts_vars *v = p->wire->vars;
	uint64_t commits = rts_vars_commits(v);
	uint32_t status;

	/* Always safe to believe: the guest can only give up rights by it. */
	if ((flags & GUEST_PAGE_GUEST_RUNTIME) != 0 && !rts_vars_phase(v).runtime)
		(void)rts_vars_exit_boot_services(v);
	p->charges = 0;
	status = rts_wire_mm(p->wire, p->copy, len, ret_len);
	commits = rts_vars_commits(v) - commits + p->charges;
	if (commits > 0 && p->paid_until < now)
		p->paid_until = now;
	p->paid_until += commits * LINK_PAGE_INTERVAL_NS;
	return status;
}

static bool is_init(const struct link_page *p, size_t len)
{
	const EFI_GUID driver = RUNTSERV_GUEST_DRIVER_GUID;
	const struct bytes copy = {p->copy, len};
	EFI_GUID guid;
	uint64_t function;

	return bytes_read(copy, 0, &guid, sizeof guid) && guid_eq(&guid, &driver) &&
	       bytes_read(copy, sizeof(EFI_MM_COMMUNICATE_HEADER), &function,
			  sizeof function) &&
	       function == GUEST_DRIVER_INIT;
}

static void answer(struct link_page *p, const struct guest_page_guest *g, uint64_t now,
		   bool but_init)
{
	uint8_t *buffer = p->shm + GUEST_PAGE_BUFFER;
	uint32_t status = UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE;
	size_t out = 0;

	if (p->dirty < g->length)
		p->dirty = g->length < MM_BUFFER_MAX ? g->length : MM_BUFFER_MAX;
	if (g->cancel == g->req) {
		status = UEFI_VARS_STS_ERR_UNKNOWN;
	} else if (g->length >= sizeof(EFI_MM_COMMUNICATE_HEADER) &&
		   g->length <= MM_BUFFER_MAX) {
		memcpy(p->copy, buffer, g->length);
		/* from here on, the copy alone */
		atomic_signal_fence(memory_order_seq_cst);
		if (but_init && is_init(p, g->length))
			return;
		/* A host that died while it executed leaves this behind, and a change that
		 * may have been made. */
		p->wire->again =
			load32(p->shm, ANSWER(begun), memory_order_relaxed) == g->req;
		store32(p->shm, ANSWER(begun), g->req, memory_order_seq_cst);
		/* A page that was lost meanwhile (os_shm) reads as zeros, and the copy is
		 * half a message. */
		status = atomic_load(magic(p->shm)) != 0
				 ? execute(p, g->flags, g->length, now, &out)
				 : UEFI_VARS_STS_ERR_UNKNOWN;
		memcpy(buffer, p->copy, out);
	}
	if (p->dirty > out)
		memset(buffer + out, 0, p->dirty - out);
	p->dirty = (uint32_t)out;
	store32(p->shm, ANSWER(status), status, memory_order_relaxed);
	store32(p->shm, ANSWER(length), (uint32_t)out, memory_order_relaxed);
	store32(p->shm, ANSWER(ack), g->req, memory_order_release);
}

/* True, and the one look at the guest's words, when a request is pending. */
static bool pending(const struct link_page *p, struct guest_page_guest *ret)
{
	ret->req = load32(p->shm, GUEST(req), memory_order_acquire);
	if (ret->req == load32(p->shm, ANSWER(ack), memory_order_relaxed))
		return false;
	ret->cancel = load32(p->shm, GUEST(cancel), memory_order_relaxed);
	ret->flags = load32(p->shm, GUEST(flags), memory_order_relaxed);
	ret->length = load32(p->shm, GUEST(length), memory_order_relaxed);
	return true;
}

enum link_page_result link_page_serve(struct link_page *p, uint64_t now_ns)
{
	struct guest_page_guest g;

	if (!pending(p, &g))
		return LINK_PAGE_IDLE;
	if (g.cancel != g.req && p->paid_until > now_ns + LIMIT_BURST) {
		p->ready_at = p->paid_until - LIMIT_BURST;
		return LINK_PAGE_LATER;
	}
	answer(p, &g, now_ns, false);
	return LINK_PAGE_ANSWERED;
}

void link_page_flush(struct link_page *p, uint64_t now_ns)
{
	struct guest_page_guest g;

	if (pending(p, &g))
		answer(p, &g, now_ns, true);
}
