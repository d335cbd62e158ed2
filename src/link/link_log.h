/* SPDX-License-Identifier: BSD-2-Clause */
/* How this room speaks: one line for each event, to whoever started it. */
#pragma once

#include "runtserv/wire.h"

struct link_log {
	void (*log)(void *ctx, enum rts_log level, const char *text); /* may be NULL */
	void *ctx;
};

void link_say(const struct link_log *l, enum rts_log level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
