/* SPDX-License-Identifier: BSD-2-Clause */
/* What the room scan asks of a hash, on OpenSSL 3. */
#include "crypto/crypto_hash.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "crypto/crypto_ssdeep.h"

static void *begin(void *ctx)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	(void)ctx;
	if (md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1)
		return md;
	EVP_MD_CTX_free(md);
	return NULL;
}

/* Once begun, nothing of SHA-256 can go wrong; and what could not be hashed must not be
 * taken for anything. */
static void put(void *hash, const void *p, size_t n)
{
	if (EVP_DigestUpdate(hash, p, n) != 1)
		abort();
}

static void end(void *hash, uint8_t ret[RTS_SCAN_HASH_LEN])
{
	if (EVP_DigestFinal_ex(hash, ret, NULL) != 1)
		abort();
	EVP_MD_CTX_free(hash);
}

const struct rts_scan_hash_ops crypto_scan_hash = {
	.begin = begin, .put = put, .end = end, .similar = CRYPTO_SSDEEP};
