/* SPDX-License-Identifier: BSD-2-Clause */
/* PEM files and new keys, by OpenSSL 3. */
#include "crypto/crypto_pem.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto_priv.h"

#define KEY_BITS 2048U
#define KEY_DAYS 7300L

int crypto_pem_certificates(struct crypto *c, struct bytes text,
			    int (*each)(void *ctx, struct bytes der), void *ctx)
{
	BIO *in = text.n > 0 && text.n <= INT_MAX ? BIO_new_mem_buf(text.p, (int)text.n)
						  : NULL;
	int r = -ENOENT;

	for (bool more = in != NULL; more && (r == 0 || r == -ENOENT);) {
		char *name = NULL, *header = NULL;
		unsigned char *p = NULL;
		long len = 0;

		more = PEM_read_bio(in, &name, &header, &p, &len) == 1;
		if (more && strcmp(name, PEM_STRING_X509) == 0) {
			const struct bytes der = {p, (size_t)len};
			X509 *x = crypto_x509_parse(c, der);

			r = x != NULL ? each(ctx, der) : -EINVAL;
			X509_free(x);
		}
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(p);
	}
	BIO_free(in);
	ERR_clear_error();
	return r;
}

static bool add_name(X509 *x, const char *common_name)
{
	X509_NAME *name = X509_get_subject_name(x);

	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
					  (const unsigned char *)common_name, -1, -1,
					  0) == 1 &&
	       X509_set_issuer_name(x, name) == 1;
}

static bool add_serial(struct crypto *c, X509 *x)
{
	unsigned char bytes[16];
	BIGNUM *n;
	bool ok;

	if (RAND_bytes_ex(c->lib, bytes, sizeof bytes, 0) != 1)
		return false;
	bytes[0] &= 0x7f;
	bytes[0] |= 0x40;
	n = BN_bin2bn(bytes, sizeof bytes, NULL);
	ok = n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
	BN_free(n);
	return ok;
}

static bool is_ca(X509 *x)
{
	X509_EXTENSION *e =
		X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
	bool ok = e != NULL && X509_add_ext(x, e, -1) == 1;

	X509_EXTENSION_free(e);
	return ok;
}

static X509 *self_signed(struct crypto *c, EVP_PKEY *key, const char *common_name)
{
	X509 *x = X509_new_ex(c->lib, NULL);

	if (x != NULL && X509_set_version(x, X509_VERSION_3) == 1 && add_serial(c, x) &&
	    X509_gmtime_adj(X509_getm_notBefore(x), 0) != NULL &&
	    X509_time_adj_ex(X509_getm_notAfter(x), KEY_DAYS, 0, NULL) != NULL &&
	    X509_set_pubkey(x, key) == 1 && add_name(x, common_name) && is_ca(x) &&
	    X509_sign(x, key, c->sha256) > 0)
		return x;
	X509_free(x);
	return NULL;
}

static bool take_pem(EVP_PKEY *key, X509 *x, struct crypto_new_key *ret)
{
	BIO *out = BIO_new(BIO_s_secmem());
	char *p = NULL;
	bool ok = out != NULL &&
		  PEM_write_bio_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) == 1 &&
		  PEM_write_bio_X509(out, x) == 1;

	if (ok) {
		ret->pem_len = (size_t)BIO_get_mem_data(out, &p);
		ret->pem = malloc(ret->pem_len);
		ok = ret->pem != NULL;
	}
	if (ok)
		memcpy(ret->pem, p, ret->pem_len);
	BIO_free(out);
	return ok;
}

static bool take_der(X509 *x, struct crypto_new_key *ret)
{
	const int n = i2d_X509(x, NULL);
	unsigned char *p;

	if (n <= 0)
		return false;
	ret->der = p = malloc((size_t)n);
	ret->der_len = (size_t)n;
	return p != NULL && i2d_X509(x, &p) == n;
}

int crypto_key_new(struct crypto *c, const char *common_name, struct crypto_new_key *ret)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(c->lib, NULL, "RSA", (size_t)KEY_BITS);
	X509 *x = key != NULL ? self_signed(c, key, common_name) : NULL;
	struct crypto_new_key made = {0};
	bool ok = x != NULL && take_pem(key, x, &made) && take_der(x, &made);

	X509_free(x);
	EVP_PKEY_free(key);
	ERR_clear_error();
	if (ok)
		*ret = made;
	else
		crypto_key_free(&made);
	return ok ? 0 : -EIO;
}

void crypto_key_free(struct crypto_new_key *k)
{
	if (k->pem != NULL)
		OPENSSL_cleanse(k->pem, k->pem_len);
	free(k->pem);
	free(k->der);
	*k = (struct crypto_new_key){0};
}
