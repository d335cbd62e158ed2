/* SPDX-License-Identifier: BSD-2-Clause */
/* ssdeep digests by libfuzzy, whose licence, GPL 2 or later, then is that of the program.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#ifdef HAVE_SSDEEP
/* As rts_scan_hash_ops.similar. */
bool crypto_ssdeep(void *ctx, const void *p, size_t n, char *ret, size_t cap);
#define CRYPTO_SSDEEP crypto_ssdeep
#else
#define CRYPTO_SSDEEP NULL
#endif
