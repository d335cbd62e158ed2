/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of this room share. */
#pragma once

#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/x509.h>

#include "crypto/crypto_x509.h"

/* No certificate or signature that came in a message is longer. */
#define CRYPTO_DER_MAX 65536U

struct crypto {
	OSSL_LIB_CTX *lib;
	OSSL_PROVIDER *provider;
	EVP_MD *sha256, *sha384, *sha512;
};

/* One certificate and nothing behind it, with a key that OpenSSL can use; or NULL. */
X509 *crypto_x509_parse(const struct crypto *c, struct bytes der);

/* Texts are UTF-8 with the escapes of RFC 4514; for people, control characters are escaped,
 * too. */
#define CRYPTO_TEXT       (ASN1_STRFLGS_ESC_2253 | ASN1_STRFLGS_UTF8_CONVERT)
#define CRYPTO_TEXT_PLAIN (CRYPTO_TEXT | ASN1_STRFLGS_ESC_CTRL)

/* The first common name of the subject, printed; NULL where there is none. */
BIO *crypto_x509_common_name(const X509 *x, unsigned long flags);
