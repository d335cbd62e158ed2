/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shared page with a hostile guest: a series of steps, each of which overwrites the
 * guest's words (16 bytes) and a piece of the page (offset and length, 2 bytes each, then
 * the bytes), and has the host look.
 */
#include "link/link_page.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define STEPS_MAX 64U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool may_init(void *ctx)
{
	link_page_charge(ctx);
	return true;
}

static EFI_STATUS commit(void *ctx, const struct rts_vars_view *view, unsigned parts)
{
	(void)ctx, (void)view, (void)parts;
	return EFI_SUCCESS;
}

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void look(struct link_page *p, const struct guest_page_guest *g, uint64_t now)
{
	struct guest_page_answer a;
	enum link_page_result r = link_page_serve(p, now);

	memcpy(&a, p->shm + GUEST_PAGE_ANSWER, sizeof a);
	check((r == LINK_PAGE_LATER) == (a.ack != g->req));
	if (r != LINK_PAGE_ANSWERED)
		return;
	check(a.length <= MM_BUFFER_MAX && a.length <= g->length);
	check(a.length == 0 || a.status == UEFI_VARS_STS_SUCCESS);
	for (uint32_t i = a.length; i < g->length && i < MM_BUFFER_MAX; i++)
		check(p->shm[GUEST_PAGE_BUFFER + i] == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct rts_wire_guest_ops ops = {may_init, NULL};
	static const struct rts_var_store_ops store = {commit};
	static _Alignas(4096) uint8_t shm[GUEST_PAGE_SHM_SIZE];
	static struct link_page page;
	const struct rts_vars_config config = {.store = &store};
	const struct bytes in = {data, size};
	struct rts_wire wire = {.guest = &ops, .guest_ctx = &page};
	size_t at = 0;

	if (EFI_ERROR(rts_vars_new(&config, &wire.vars)))
		return 0;
	check(!EFI_ERROR(rts_vars_start(wire.vars)));
	memset(shm, 0, GUEST_PAGE_BUFFER + MM_BUFFER_MAX);
	link_page_init(&page, shm, &wire);
	for (unsigned i = 0; i < STEPS_MAX; i++) {
		struct guest_page_guest g;
		struct bytes piece;
		uint16_t where[2];

		if (!bytes_read(in, at, &g, sizeof g) ||
		    !bytes_read(in, at + sizeof g, where, sizeof where) ||
		    !bytes_sub(in, at + sizeof g + sizeof where, where[1], &piece))
			break;
		at += sizeof g + sizeof where + where[1];
		if (piece.n > 0)
			memcpy(shm + GUEST_PAGE_BUFFER + where[0], piece.p, piece.n);
		memcpy(shm + GUEST_PAGE_GUEST, &g, sizeof g);
		if ((g.flags & 0x80000000U) != 0)
			link_page_flush(&page, i);
		look(&page, &g, i);
	}
	rts_vars_free(wire.vars);
	return 0;
}
