/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Variable policies: an input is a list of steps, each a byte that tells what to do, one of
 * length and that many bytes. What was registered is dumped again and loaded into a second
 * service, which must then forbid the same.
 */
#include <stdlib.h>
#include <string.h>

#include "mm_message.h"
#include "runtserv/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REGISTER, COMMAND, SET, FIND, PHASE, STEPS };

static void require(bool ok)
{
	if (!ok)
		abort();
}

static struct rts_vars *service(void)
{
	const struct rts_vars_config config = {.policy_can_end = true};
	struct rts_vars *v;

	require(rts_vars_new(&config, &v) == EFI_SUCCESS);
	require(rts_vars_start(v) == EFI_SUCCESS);
	return v;
}

/* A name in the namespace of @p's GUID; both may be cut. */
struct target {
	EFI_GUID guid;
	CHAR16 name[121];
	size_t name_len;
	uint32_t attr;
};

static struct target target(struct bytes b)
{
	struct target t = {.attr = 7};
	size_t at = sizeof t.guid, n = 0;

	(void)bytes_read(b, 0, &t.guid, sizeof t.guid);
	while (n < 120 && bytes_read(b, at, &t.name[n], sizeof t.name[n]) &&
	       t.name[n] != 0) {
		at += sizeof t.name[n];
		n++;
	}
	t.name[n] = 0;
	t.name_len = (n + 1) * 2;
	return t;
}

/* The handler's seven commands, and others, with whatever follows. */
static void command(struct rts_wire *w, struct bytes b)
{
	static struct mm m;
	const uint32_t head[] = {VAR_CHECK_POLICY_COMM_SIG, 1, b.n > 0 ? b.p[0] : 0, 0, 0};
	size_t n;

	memset(m.buf, 0, sizeof m.buf);
	mm_begin(&m, (EFI_GUID)VAR_CHECK_POLICY_LIB_MMI_HANDLER_GUID);
	mm_put(&m, head, sizeof head);
	if (b.n > 1)
		mm_put(&m, b.p + 1, b.n - 1);
	m.len = 24 + 16360;
	mm_end(&m);
	require(rts_wire_mm(w, m.buf, m.len, &n) == UEFI_VARS_STS_SUCCESS);
}

static void same(struct rts_vars *v, const struct target *t)
{
	const struct rts_vars_latches latches = rts_vars_view_latches(rts_vars_current(v));
	struct rts_vars *other = service();
	struct rts_vars_cursor c = {0};
	struct bytes policy, a, b;

	while (rts_vars_view_next_policy(rts_vars_current(v), &c, &policy))
		require(rts_vars_load_policy(other, policy.p, policy.n) == EFI_SUCCESS);
	rts_vars_load_latches(other, &latches);
	require(rts_vars_policy_find(v, &t->guid, t->name, t->name_len, &a));
	require(rts_vars_policy_find(other, &t->guid, t->name, t->name_len, &b));
	require(a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0));
	rts_vars_free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rts_wire w = {.vars = service()};

	for (size_t at = 0; at + 2 <= size;) {
		const size_t left = size - at - 2;
		const struct bytes b = {data + at + 2,
					data[at + 1] < left ? data[at + 1] : left};
		const struct target t = target(b);

		switch (data[at] % STEPS) {
		case REGISTER:
			(void)rts_vars_policy_register(w.vars, b.p, b.n);
			break;
		case COMMAND:
			command(&w, b);
			break;
		case SET:
			(void)rts_vars_set(w.vars, t.name, t.name_len, &t.guid, t.attr, b.p,
					   b.n);
			break;
		case FIND:
			same(w.vars, &t);
			break;
		default:
			(void)(b.n % 4 == 0   ? rts_vars_end_of_dxe(w.vars)
			       : b.n % 4 == 1 ? rts_vars_exit_boot_services(w.vars)
					      : rts_vars_reset(w.vars));
		}
		at += 2 + b.n;
	}
	rts_vars_free(w.vars);
	return 0;
}
