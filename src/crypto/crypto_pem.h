/* SPDX-License-Identifier: BSD-2-Clause */
/* Certificates as people keep them in files, and a new key with its certificate. */
#pragma once

#include "crypto/crypto_x509.h"

/* Calls @each for each certificate of a PEM text, as DER, until it returns other than 0.
 * What it returned, 0, -ENOENT where there is none, or -EINVAL where one is broken. */
int crypto_pem_certificates(struct crypto *c, struct bytes text,
			    int (*each)(void *ctx, struct bytes der), void *ctx);

/* A new RSA key of 2048 bits, which is what every firmware takes, and a certificate that it
 * signed itself, good for 20 years. Both are the caller's to free. 0 or -errno. */
struct crypto_new_key {
	char *pem; /* the key, then the certificate */
	size_t pem_len;
	uint8_t *der; /* the certificate */
	size_t der_len;
};
int crypto_key_new(struct crypto *c, const char *common_name, struct crypto_new_key *ret);
void crypto_key_free(struct crypto_new_key *k); /* wipes it, too */
