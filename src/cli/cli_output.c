/* SPDX-License-Identifier: BSD-2-Clause */
/* What verbs give away: a file, a document. */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "cli/cli.h"

int cli_file_write(const char *verb, const char *path, const void *p, size_t n)
{
	FILE *to = fopen(path, "we");
	bool ok = to != NULL && fwrite(p, 1, n, to) == n;

	if (to != NULL && fclose(to) != 0)
		ok = false;
	return ok ? EXIT_WELL : cli_error(verb, "%s: %s", path, strerror(errno));
}

int cli_json_print(const char *verb, json_t *doc)
{
	/* what could move a terminal's cursor, or turn its line around, is not ASCII */
	const bool ok = doc != NULL &&
			json_dumpf(doc, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII) == 0;

	json_decref(doc);
	if (!ok && !ferror(stdout)) /* which main() looks at */
		return cli_error(verb, "out of memory");
	putchar('\n');
	return EXIT_WELL;
}
