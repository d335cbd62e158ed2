/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Untrusted bytes: a borrowed view, one checked way to read it, one checked way to write.
 * The check and the access are one call, so they cannot be separated.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A view of somebody else's memory; valid until its owner changes it. */
struct bytes {
	const uint8_t *p;
	size_t n;
};

/* True, and a view of @len bytes at @off, when they all lie inside @b. */
bool bytes_sub(struct bytes b, uint64_t off, uint64_t len, struct bytes *ret);

/* True, and a copy of @len bytes at @off in @ret, when they all lie inside @b. */
bool bytes_read(struct bytes b, uint64_t off, void *ret, size_t len);

/* A bounded writer: what does not fit sets @full and is dropped, and @n still counts it. */
struct writer {
	uint8_t *p;
	size_t cap;
	size_t n;
	bool full;
};

void writer_put(struct writer *w, const void *p, size_t len);
