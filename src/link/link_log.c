/* SPDX-License-Identifier: BSD-2-Clause */
/* One line for each event. */
#include "link/link_log.h"

#include <stdarg.h>
#include <stdio.h>

void link_say(const struct link_log *l, enum rts_log level, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (l->log == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	l->log(l->ctx, level, text);
}
