/* SPDX-License-Identifier: BSD-2-Clause */
/* Log lines on stderr: one write each, and no control characters, for guests choose names.
 */
#include <stdio.h>
#include <unistd.h>

#include "cli/serve.h"

void serve_log(void *ctx, enum rts_log level, const char *text)
{
	static const char *const prefix[] = {[RTS_LOG_ERROR] = "error: ",
					     [RTS_LOG_WARNING] = "warning: ",
					     [RTS_LOG_INFO] = "",
					     [RTS_LOG_DEBUG] = "debug: "};
	const struct serve *s = ctx;
	char line[640];
	int n;

	if (level > s->o.log_level)
		return;
	n = snprintf(line, sizeof line - 1, "runtserv serve: %s%s", prefix[level], text);
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
