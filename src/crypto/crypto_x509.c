/* SPDX-License-Identifier: BSD-2-Clause */
/* Certificates by OpenSSL 3, and the library context that they are read in. */
#include "crypto/crypto_x509.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto/crypto_priv.h"

int crypto_new(struct crypto **ret)
{
	struct crypto *c = calloc(1, sizeof *c);

	if (c == NULL)
		return -ENOMEM;
	/* what OpenSSL does in its default context must not look for a file either */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	c->lib = OSSL_LIB_CTX_new();
	if (c->lib != NULL)
		c->provider = OSSL_PROVIDER_load(c->lib, "default");
	if (c->provider != NULL) {
		c->sha256 = EVP_MD_fetch(c->lib, "SHA2-256", NULL);
		c->sha384 = EVP_MD_fetch(c->lib, "SHA2-384", NULL);
		c->sha512 = EVP_MD_fetch(c->lib, "SHA2-512", NULL);
	}
	ERR_clear_error();
	if (c->sha256 == NULL || c->sha384 == NULL || c->sha512 == NULL) {
		crypto_free(c);
		return -ELIBACC;
	}
	*ret = c;
	return 0;
}

void crypto_free(struct crypto *c)
{
	if (c == NULL)
		return;
	EVP_MD_free(c->sha256);
	EVP_MD_free(c->sha384);
	EVP_MD_free(c->sha512);
	if (c->provider != NULL)
		OSSL_PROVIDER_unload(c->provider);
	OSSL_LIB_CTX_free(c->lib);
	free(c);
}

X509 *crypto_x509_parse(const struct crypto *c, struct bytes der)
{
	const unsigned char *p = der.p;
	X509 *x;

	if (der.n == 0 || der.n > CRYPTO_DER_MAX)
		return NULL;
	x = X509_new_ex(c->lib, NULL);
	if (x == NULL || d2i_X509(&x, &p, (long)der.n) == NULL)
		return NULL; /* d2i has freed it */
	if (p == der.p + der.n && X509_get0_pubkey(x) != NULL)
		return x;
	X509_free(x);
	return NULL;
}

BIO *crypto_x509_common_name(const X509 *x, unsigned long flags)
{
	const X509_NAME *subject = X509_get_subject_name(x);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	BIO *text = at >= 0 ? BIO_new(BIO_s_mem()) : NULL;

	if (text != NULL &&
	    ASN1_STRING_print_ex(text,
				 X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)),
				 flags) > 0)
		return text;
	BIO_free(text);
	return NULL;
}

/* What was printed to @text, which is freed, into @ret of CRYPTO_NAME_MAX bytes. */
static void take_text(BIO *text, char *ret)
{
	char *p = NULL;
	size_t n = text != NULL ? (size_t)BIO_get_mem_data(text, &p) : 0;

	if (n > CRYPTO_NAME_MAX - 1) {
		for (n = CRYPTO_NAME_MAX - 1; n > 0 && (p[n] & 0xc0) == 0x80; n--)
			;
	}
	if (n > 0)
		memcpy(ret, p, n);
	ret[n] = 0;
	BIO_free(text);
}

static void name_text(const X509_NAME *name, char *ret)
{
	BIO *text = BIO_new(BIO_s_mem());

	if (text != NULL)
		X509_NAME_print_ex(text, name, 0,
				   XN_FLAG_SEP_COMMA_PLUS | XN_FLAG_DN_REV | XN_FLAG_FN_SN |
					   CRYPTO_TEXT_PLAIN);
	take_text(text, ret);
}

static bool time_read(const ASN1_TIME *t, EFI_TIME *ret)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return false;
	*ret = (EFI_TIME){.Year = (uint16_t)(tm.tm_year + 1900),
			  .Month = (uint8_t)(tm.tm_mon + 1),
			  .Day = (uint8_t)tm.tm_mday,
			  .Hour = (uint8_t)tm.tm_hour,
			  .Minute = (uint8_t)tm.tm_min,
			  .Second = (uint8_t)tm.tm_sec};
	return true;
}

int crypto_x509_read(struct crypto *c, struct bytes der, struct crypto_x509 *ret)
{
	X509 *x = crypto_x509_parse(c, der);
	bool ok = x != NULL && time_read(X509_get0_notBefore(x), &ret->not_before) &&
		  time_read(X509_get0_notAfter(x), &ret->not_after);

	if (ok) {
		name_text(X509_get_subject_name(x), ret->subject);
		name_text(X509_get_issuer_name(x), ret->issuer);
		take_text(crypto_x509_common_name(x, CRYPTO_TEXT_PLAIN), ret->common_name);
	}
	X509_free(x);
	ERR_clear_error();
	return ok ? 0 : -EINVAL;
}
