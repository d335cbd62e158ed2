/* SPDX-License-Identifier: BSD-2-Clause */
/* Signature lists: two bytes of length, what is there, and what is appended to it. */
#include <stdlib.h>
#include <string.h>

#include "vars/vars_siglist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static bool any(void *ctx, struct bytes der)
{
	(void)ctx;
	require(der.n > 0);
	return true;
}

static size_t signatures(struct bytes b, bool *ret_sound)
{
	struct siglist_certs c = {.rest = b};
	struct siglist l;
	struct bytes der;
	size_t n = 0, certs = 0;

	while (siglist_next(&b, &l)) {
		require(l.head.SignatureSize > 16);
		n += l.signatures.n / l.head.SignatureSize;
	}
	*ret_sound = b.n == 0;
	while (siglist_next_cert(&c, &der)) {
		require(der.n > 0);
		certs++;
	}
	require(certs <= n);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t want = size >= 2 ? (size_t)data[0] | (size_t)data[1] << 8 : 0;
	struct bytes old, more, out;
	size_t count, olds, mores, outs, again;
	bool old_sound, more_sound, out_sound;
	uint8_t *room, *rest;

	if (size < 2)
		return 0;
	data += 2;
	size -= 2;
	old = (struct bytes){data, want < size ? want : size};
	more = (struct bytes){data + old.n, size - old.n};
	olds = signatures(old, &old_sound);
	mores = signatures(more, &more_sound);
	if (siglist_check(old, any, NULL, &count))
		require(old_sound && count == olds);
	room = malloc(more.n + 1);
	rest = malloc(more.n + 1);
	require(room != NULL && rest != NULL);
	out.p = room;
	if (siglist_filter(old, more, room, &out.n)) {
		require(old_sound && more_sound && out.n <= more.n);
		outs = signatures(out, &out_sound);
		require(out_sound && outs <= mores);
		/* all of it is new, and once it is there nothing of it is */
		require(siglist_filter(old, out, rest, &again) && again == out.n &&
			memcmp(rest, room, again) == 0);
		require(siglist_filter(out, out, rest, &again) && again == 0);
	} else {
		require(!old_sound || !more_sound);
	}
	free(room);
	free(rest);
	return 0;
}
