/* SPDX-License-Identifier: BSD-2-Clause */
/* See say.h. */
#include "say.h"

#include "base/diag.h"
#include "cpu.h"

#define LINE_MAX 160U

static void console(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *out, const char *line, size_t n)
{
	CHAR16 wide[LINE_MAX + 3];

	for (size_t i = 0; i < n; i++)
		wide[i] = (CHAR16)line[i];
	wide[n] = '\r';
	wide[n + 1] = '\n';
	wide[n + 2] = 0;
	out->OutputString(out, wide);
}

void say(EFI_SYSTEM_TABLE *st, const char *fmt, ...)
{
	char line[LINE_MAX + 1];
	size_t n;
	va_list ap;

	va_start(ap, fmt);
	n = fmt_text(line, sizeof line, fmt, ap);
	va_end(ap);
	if (n > LINE_MAX)
		n = LINE_MAX;
	if (cpu_has_debug_port()) {
		for (size_t i = 0; i < n; i++)
			cpu_debug_char(line[i]);
		cpu_debug_char('\n');
	}
	/* Option ROMs run before the console is connected: then there is a table, but no
	 * handle. */
	if (st != NULL && st->ConsoleOutHandle != NULL && st->ConOut != NULL)
		console(st->ConOut, line, n);
}
