/* SPDX-License-Identifier: BSD-2-Clause */
/* Strangers' texts in XML 1.0 (§2.2 says which characters it can hold). */
#include "cli/scan_xml.h"

#include <limits.h>

#include "cli/cli.h"

/* From here on scripts have letters that are two columns wide. */
#define WIDE 0x1100U

static void put_char(FILE *to, const char *s, size_t len, uint32_t c)
{
	if (len == 0 || cli_is_unsafe(c) || (c & 0xfffe) == 0xfffe ||
	    (c >= 0xfdd0 && c <= 0xfdef))
		fputs("\xef\xbf\xbd", to);
	else if (c == '&')
		fputs("&amp;", to);
	else if (c == '<')
		fputs("&lt;", to);
	else if (c == '>')
		fputs("&gt;", to);
	else if (c == '"')
		fputs("&quot;", to);
	else if (c == '\'')
		fputs("&#39;", to);
	else
		fwrite(s, 1, len, to);
}

/* Bytes of @text that fit. */
static size_t fitting(const char *text, unsigned columns)
{
	size_t n = 0;

	while (text[n] != 0) {
		uint32_t c = 0;
		const size_t len = cli_utf8_next(text + n, &c);
		const unsigned width = len != 0 && c >= WIDE ? 2 : 1;

		if (width > columns)
			break;
		columns -= width;
		n += len != 0 ? len : 1;
	}
	return n;
}

void scan_xml_cut(FILE *to, const char *text, unsigned columns)
{
	const bool all = text[fitting(text, columns)] == 0;
	const char *end = text + fitting(text, all ? columns : columns - 1);

	while (text < end) {
		uint32_t c = 0;
		const size_t len = cli_utf8_next(text, &c);

		put_char(to, text, len, c);
		text += len != 0 ? len : 1;
	}
	if (!all)
		fputs("\xe2\x80\xa6", to); /* an ellipsis */
}

void scan_xml(FILE *to, const char *text)
{
	scan_xml_cut(to, text, UINT_MAX);
}
