/* SPDX-License-Identifier: BSD-2-Clause */
/* The one file that knows libfuzzy. */
#include "crypto/crypto_ssdeep.h"

#include <fuzzy.h>
#include <string.h>

bool crypto_ssdeep(void *ctx, const void *p, size_t n, char *ret, size_t cap)
{
	char text[FUZZY_MAX_RESULT];

	(void)ctx;
	if (n > UINT32_MAX || fuzzy_hash_buf(p, (uint32_t)n, text) != 0 ||
	    strlen(text) >= cap)
		return false;
	memcpy(ret, text, strlen(text) + 1);
	return true;
}
