/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UCS-2 names and UTF-8 text. UCS-2 has no surrogates: code units d800 to dfff, and UTF-8
 * sequences beyond U+FFFF, are refused in both directions, so every conversion round-trips.
 */
#pragma once

#include "uefi/types.h"

/* Characters before the first NUL, looking at @max of them; @max where there is none. */
size_t ucs2_len(const CHAR16 *s, size_t max);

/* True when none of @n characters is a surrogate. */
bool ucs2_valid(const CHAR16 *s, size_t n);

/* Bytes of UTF-8 (no NUL) that @n characters make; writes as much as @cap holds, NUL
 * included when it fits. A surrogate is written as U+FFFD: for messages; check with
 * ucs2_valid() where it matters. */
size_t ucs2_to_utf8(const CHAR16 *s, size_t n, char *ret, size_t cap);

/* Characters (no NUL) that @len bytes make, or SIZE_MAX when they are not strict UTF-8 of
 * UCS-2. Writes at most @cap characters. */
size_t ucs2_from_utf8(const char *s, size_t len, CHAR16 *ret, size_t cap);
