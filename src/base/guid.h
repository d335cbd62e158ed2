/* SPDX-License-Identifier: BSD-2-Clause */
/* GUIDs: comparison and the text form 8be4df61-93ca-11d2-aa0d-00e098032b8c. */
#pragma once

#include "uefi/types.h"

#define GUID_TEXT_LEN 36U /* characters, without the terminating NUL */

bool guid_eq(const EFI_GUID *a, const EFI_GUID *b);

/* Lower case, NUL-terminated. */
void guid_to_text(const EFI_GUID *g, char ret[GUID_TEXT_LEN + 1]);

/* Reads exactly @len characters, either case; false, and @ret untouched, for anything else.
 */
bool guid_from_text(const char *text, size_t len, EFI_GUID *ret);

/* One hex digit: its value, or -1. */
int hex_digit(char c);
