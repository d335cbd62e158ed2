/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text for a human, beside the status: said once, where it is known, and passed up
 * unchanged. Lower case, no full stop, with the offset and the number that was wrong.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

struct diag {
	char text[320];
};

/* Writes the first message and drops later ones. @d may be NULL. */
void diag_set(struct diag *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* diag(d, status, fmt, ...): records the text and has the value of @status. */
#define diag(d, status, ...) (diag_set((d), __VA_ARGS__), (status))

/* A small printf for freestanding rooms: %s %c %d %u %x %p %%, with #, 0, width, l, ll, z.
 * Always terminates @ret; returns the length that all of it would have. */
size_t fmt_text(char *ret, size_t cap, const char *fmt, va_list ap);
