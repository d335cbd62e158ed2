/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a power loss may leave of a folder. Between the store and libc (--wrap, POWER_WRAP
 * in meson.build) every call that changes files is noted down; after each one all states
 * are built that a disk may be in:
 *   - of a file's bytes since its last fsync: all, none, half, or zeros in place of them;
 *   - of the changes of a folder since its own last fsync: as many as came first, in order,
 * or any of them. Making a file durable does not make its name durable.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct power_test {
	const char *from; /* the folder that is watched; what is in it now is durable */
	const char *to;   /* where states are built; must exist */

	/* What the store in @to holds, never 0; 0: it is no store, and @why says more. */
	uint64_t (*look)(void *ctx, char *why, size_t cap);
	bool (*accept)(void *ctx, uint64_t held); /* may the store hold that now? */
	void *ctx;
	const void *ignore; /* fsyncs that return to here do nothing */
	bool no_swap;       /* renameat2() cannot swap */
	uint32_t seed;
};

/* Where an fsync was called from. */
struct power_site {
	const void *at;
	bool folder;
	unsigned calls;
};

struct power_result {
	char violation[1200]; /* the first one; nothing is looked at after it */
	unsigned long calls, states, built;
	struct power_site sites[16];
	unsigned site_count;
};

void power_begin(const struct power_test *t);
/* Looks again at what may be there now: after an acknowledgement. */
void power_visit(void);
void power_end(struct power_result *ret);
