/* SPDX-License-Identifier: BSD-2-Clause */
/* Log lines on stderr: one write each, and no control characters, for guests choose names.
 */
#include <stdio.h>
#include <unistd.h>

#include "cli/serve.h"
#include "os/os_clock.h"

/* Lines that are no errors, for a guest can ask for as many as it likes: so many at once,
 * then one each interval. --log-level debug has no limit. */
#define LINES_AT_ONCE 1000U
#define INTERVAL_NS   50000000ULL

static bool may_say(struct serve *s, enum rts_log level)
{
	const uint64_t now = os_now_ns();

	if (level == RTS_LOG_ERROR || s->o.log_level == RTS_LOG_DEBUG)
		return true;
	if (s->log_paid_until > now + LINES_AT_ONCE * INTERVAL_NS) {
		s->log_left_out++;
		return false;
	}
	s->log_paid_until =
		(s->log_paid_until > now ? s->log_paid_until : now) + INTERVAL_NS;
	return true;
}

static void put(const char *prefix, const char *text)
{
	char line[640];
	int n = snprintf(line, sizeof line - 1, "runtserv serve: %s%s", prefix, text);

	if (n < 0)
		return;
	if (n > (int)sizeof line - 2)
		n = (int)sizeof line - 2;
	for (int i = 0; i < n; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[n++] = '\n';
	(void)!write(STDERR_FILENO, line, (size_t)n);
}

void serve_log(void *ctx, enum rts_log level, const char *text)
{
	static const char *const prefix[] = {[RTS_LOG_ERROR] = "error: ",
					     [RTS_LOG_WARNING] = "warning: ",
					     [RTS_LOG_INFO] = "",
					     [RTS_LOG_DEBUG] = "debug: "};
	struct serve *s = ctx;
	char left_out[64];

	if (level > s->o.log_level || !may_say(s, level))
		return;
	if (s->log_left_out > 0) {
		snprintf(left_out, sizeof left_out, "%llu lines are left out here",
			 (unsigned long long)s->log_left_out);
		s->log_left_out = 0;
		put("warning: ", left_out);
	}
	put(prefix[level], text);
}
