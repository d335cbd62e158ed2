/* SPDX-License-Identifier: BSD-2-Clause */
/* What a line of the log must tell when something was refused. */
#pragma once

#include <stdbool.h>
#include <string.h>

/*
 * "WHAT[ NAME-GUID] (PHASE): STATUS: WHY (SOURCE)": who was refused when, by which rule,
 * and where that rule is written. A SetVariable that came as far as the rules names its
 * variable.
 */
static inline bool log_line_tells(const char *text)
{
	static const char *const phases[] = {
		" (boot): ", " (boot, after EndOfDxe): ", " (run time): "};
	static const char *const sources[] = {"UEFI 2.10 ", "PI 1.8 ", "TCG ",
					      "edk2 ",      "see --",  "doc/"};
	const char *status = NULL, *why, *source = strrchr(text, '(');
	size_t len = strlen(text);

	for (size_t i = 0; i < sizeof phases / sizeof *phases; i++) {
		const char *at = strstr(text, phases[i]);

		if (at != NULL)
			status = at + strlen(phases[i]);
	}
	if (status == NULL || source == NULL || text[len - 1] != ')')
		return false;
	why = strstr(status, ": ");
	if (why == NULL ||
	    strspn(status, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != (size_t)(why - status) ||
	    source < why + 3)
		return false;
	if (strncmp(text, "SetVariable ", 12) == 0 && text[12] == '(' &&
	    strstr(text, "VariableSmm") == NULL &&
	    strstr(text, "doc/guest-protocol.md") == NULL)
		return false;
	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
		if (strncmp(source + 1, sources[i], strlen(sources[i])) == 0)
			return true;
	return false;
}
