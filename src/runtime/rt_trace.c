/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What calls answered, as lines of text: the child appends to memory that it shares with
 * the parent, and the parent takes a copy. Printable ASCII only, whatever a driver puts
 * into a name.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/crc32.h"
#include "base/ucs2.h"
#include "runtime/rt_priv.h"

/* Data that is longer than this is told by its CRC-32. */
#define DATA_MAX 64U

void rt_trace(struct rt *rt, const char *fmt, ...)
{
	static const char end[] = "\n# no room for more\n";
	const uint64_t at = atomic_load(&rt->shared->trace_len);
	size_t room;
	va_list ap;
	int n;

	if (rt->plan->trace == NULL || rt->trace_full || at > RT_TRACE_MAX - sizeof end)
		return;
	room = (size_t)(RT_TRACE_MAX - sizeof end - at);
	va_start(ap, fmt);
	n = vsnprintf(rt->plan->trace + at, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room) {
		n = snprintf(rt->plan->trace + at, sizeof end, "%s", end);
		rt->trace_full = true;
	}
	atomic_store(&rt->shared->trace_len, at + (uint64_t)n);
}

void rt_trace_data(struct rt *rt, const uint8_t *p, uint64_t n)
{
	if (n > DATA_MAX) {
		rt_trace(rt, " crc32:%08x", crc32_update(0, p, n));
		return;
	}
	rt_trace(rt, n != 0 ? " " : " -");
	for (uint64_t i = 0; i < n; i++)
		rt_trace(rt, "%02x", p[i]);
}

void rt_trace_name(struct rt *rt, const CHAR16 *name, size_t n)
{
	rt_trace(rt, " \"");
	for (size_t i = 0; i < n; i++) {
		char utf8[4];
		const size_t len = ucs2_to_utf8(name + i, 1, utf8, sizeof utf8);

		for (size_t k = 0; k < len; k++)
			rt_trace(rt,
				 utf8[k] < ' ' || utf8[k] > '~' || utf8[k] == '"' ||
						 utf8[k] == '\\'
					 ? "\\x%02x"
					 : "%c",
				 (unsigned char)utf8[k]);
	}
	rt_trace(rt, "\"");
}

int rt_trace_keep(const char *trace, uint64_t len, struct bytes *ret)
{
	const size_t n = len < RT_TRACE_MAX ? (size_t)len : RT_TRACE_MAX;
	char *p = malloc(n != 0 ? n : 1);

	if (p == NULL)
		return -1;
	/* a driver may have written there */
	for (size_t i = 0; i < n; i++)
		p[i] = trace[i] == '\n' || (trace[i] >= ' ' && trace[i] <= '~') ? trace[i]
										: '?';
	*ret = (struct bytes){(uint8_t *)p, n};
	return 0;
}
