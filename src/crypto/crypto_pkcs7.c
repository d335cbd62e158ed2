/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PKCS#7 SignedData by OpenSSL. PKCS7_verify() is taken apart here: what was signed is
 * checked once, and then as many certificates are tried as there are. All of a message is a
 * stranger's, and OpenSSL's loops over what is in it are made short before it is asked.
 */
#include "crypto/crypto_pkcs7.h"

#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto_priv.h"

/* A chain has two or three; each may cost a verification with a key of its own choice. */
#define CERTS_MAX 8

struct signature {
	const struct crypto *c;
	PKCS7 *p7;
	STACK_OF(X509) * chain; /* of certificates in p7, the signer's first */
	unsigned char *der;     /* the signer's */
	size_t der_len;
	unsigned char *top; /* NULL: not asked for yet */
	BIO *name;
};

static void signature_close(void *ctx, void *signature)
{
	struct signature *s = signature;

	(void)ctx;
	if (s == NULL)
		return;
	BIO_free(s->name);
	OPENSSL_free(s->top);
	OPENSSL_free(s->der);
	sk_X509_free(s->chain);
	PKCS7_free(s->p7);
	free(s);
}

/* Whether a SEQUENCE begins with an OBJECT IDENTIFIER, as a ContentInfo does and a
 * SignedData does not. */
static bool is_content_info(struct bytes der)
{
	const unsigned char *p = der.p;
	int tag = 0, class = 0;
	long len = 0;

	if ((ASN1_get_object(&p, &len, &tag, &class, (long)der.n) & 0x80) != 0 ||
	    tag != V_ASN1_SEQUENCE ||
	    (ASN1_get_object(&p, &len, &tag, &class, (long)(der.p + der.n - p)) & 0x80) !=
		    0)
		return false;
	return tag == V_ASN1_OBJECT;
}

/* @der in a ContentInfo, to be freed; NULL without memory. */
static unsigned char *wrap(struct bytes der, size_t *ret_len)
{
	const ASN1_OBJECT *type = OBJ_nid2obj(NID_pkcs7_signed);
	const int inner = ASN1_object_size(1, (int)der.n, 0);
	const int content = i2d_ASN1_OBJECT(type, NULL) + inner;
	const int all = ASN1_object_size(1, content, V_ASN1_SEQUENCE);
	unsigned char *ret = malloc((size_t)all), *p = ret;

	if (ret == NULL)
		return NULL;
	ASN1_put_object(&p, 1, content, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
	i2d_ASN1_OBJECT(type, &p);
	ASN1_put_object(&p, 1, (int)der.n, 0, V_ASN1_CONTEXT_SPECIFIC);
	memcpy(p, der.p, der.n);
	*ret_len = (size_t)all;
	return ret;
}

/* DER's lengths are definite. OpenSSL reads others, too. */
static bool is_definite(struct bytes b)
{
	const unsigned char *p = b.p, *const end = b.p + b.n;

	while (p < end) {
		int tag, class;
		long len;
		const int r = ASN1_get_object(&p, &len, &tag, &class, (long)(end - p));

		if ((r & (0x80 | 1)) != 0)
			return false;
		if ((r & V_ASN1_CONSTRUCTED) == 0)
			p += len;
	}
	return true;
}

static PKCS7 *parse(const struct crypto *c, struct bytes der)
{
	unsigned char *wrapped = NULL;
	const unsigned char *p, *end;
	PKCS7 *p7;

	if (der.n == 0 || der.n > CRYPTO_DER_MAX || !is_definite(der))
		return NULL;
	if (!is_content_info(der)) {
		wrapped = wrap(der, &der.n);
		if (wrapped == NULL)
			return NULL;
		der.p = wrapped;
	}
	p = der.p;
	end = der.p + der.n;
	p7 = PKCS7_new_ex(c->lib, NULL);
	if (p7 != NULL && d2i_PKCS7(&p7, &p, (long)der.n) == NULL)
		p7 = NULL; /* d2i has freed it */
	free(wrapped);
	if (p7 != NULL && p == end && PKCS7_type_is_signed(p7) && p7->d.sign != NULL)
		return p7;
	PKCS7_free(p7);
	return NULL;
}

/* The signer's digest, if it is one that counts and is declared at the top, too. */
static const EVP_MD *digest_of(const struct crypto *c, PKCS7 *p7, PKCS7_SIGNER_INFO *si)
{
	STACK_OF(X509_ALGOR) *declared = p7->d.sign->md_algs;
	X509_ALGOR *used = NULL;
	bool found = false;

	PKCS7_SIGNER_INFO_get0_algs(si, NULL, &used, NULL);
	for (int i = 0; i < sk_X509_ALGOR_num(declared) && !found; i++)
		found = OBJ_cmp(sk_X509_ALGOR_value(declared, i)->algorithm,
				used->algorithm) == 0;
	switch (found ? OBJ_obj2nid(used->algorithm) : NID_undef) {
	case NID_sha256:
		return c->sha256;
	case NID_sha384:
		return c->sha384;
	case NID_sha512:
		return c->sha512;
	default:
		return NULL;
	}
}

static bool is_named(PKCS7_SIGNER_INFO *si, const X509 *x)
{
	const PKCS7_ISSUER_AND_SERIAL *name = si->issuer_and_serial;

	return X509_NAME_cmp(X509_get_issuer_name(x), name->issuer) == 0 &&
	       ASN1_INTEGER_cmp(X509_get0_serialNumber(x), name->serial) == 0;
}

/* The certificate whose key made the signature. Several may have the name that it tells. */
static X509 *signer_of(PKCS7 *p7, PKCS7_SIGNER_INFO *si, const EVP_MD *md,
		       const struct bytes *content, size_t count)
{
	STACK_OF(X509) *certs = p7->d.sign->cert;
	BIO *bio = BIO_new(BIO_f_md());
	EVP_MD_CTX *hash = NULL;
	X509 *ret = NULL;
	bool ok = bio != NULL && BIO_set_md(bio, md) > 0 && BIO_get_md_ctx(bio, &hash) > 0;

	for (size_t i = 0; ok && i < count; i++)
		ok = EVP_DigestUpdate(hash, content[i].p, content[i].n) == 1;
	for (int i = 0; ok && ret == NULL && i < sk_X509_num(certs); i++) {
		X509 *x = sk_X509_value(certs, i);

		if (is_named(si, x) && PKCS7_signatureVerify(bio, p7, si, x) == 1)
			ret = x;
	}
	BIO_free(bio);
	return ret;
}

static bool issued(X509 *issuer, X509 *subject)
{
	EVP_PKEY *key = X509_get0_pubkey(issuer);

	return X509_check_issued(issuer, subject) == X509_V_OK && key != NULL &&
	       X509_verify(subject, key) == 1;
}

/* One that is itself issued by somebody is the better of two. */
static X509 *issuer_of(STACK_OF(X509) * certs, X509 *subject)
{
	X509 *root = NULL;

	for (int i = 0; i < sk_X509_num(certs); i++) {
		X509 *x = sk_X509_value(certs, i);

		if (!issued(x, subject))
			continue;
		if (X509_self_signed(x, 0) == 0)
			return x;
		root = x;
	}
	return root;
}

/*
 * The order of certificates in a message means nothing (it is a SET), and anybody may have
 * put others in: who issued whom is found by name, key and signature.
 */
static bool build_chain(struct signature *s, X509 *signer)
{
	STACK_OF(X509) *certs = s->p7->d.sign->cert;
	X509 *at = signer;

	s->chain = sk_X509_new_null();
	if (s->chain == NULL)
		return false;
	while (sk_X509_push(s->chain, at) > 0) {
		if (sk_X509_num(s->chain) == CERTS_MAX || X509_self_signed(at, 0) != 0)
			return true;
		at = issuer_of(certs, at);
		if (at == NULL)
			return true;
	}
	return false;
}

/* Fills @s, which the caller closes in any case. NULL, or why not. */
static const char *fill(struct signature *s, struct bytes message,
			const struct bytes *content, size_t count)
{
	STACK_OF(PKCS7_SIGNER_INFO) * infos;
	PKCS7_SIGNER_INFO *si;
	const EVP_MD *md;
	X509 *signer;
	int len;

	s->p7 = parse(s->c, message);
	if (s->p7 == NULL)
		return "no PKCS#7 SignedData (UEFI 2.10 8.2.6)";
	infos = PKCS7_get_signer_info(s->p7);
	if (sk_PKCS7_SIGNER_INFO_num(infos) != 1)
		return "the signature does not have one signer (UEFI 2.10 8.2.6)";
	if (sk_X509_num(s->p7->d.sign->cert) > CERTS_MAX)
		return "the signature has more than 8 certificates (UEFI 2.10 8.2.6)";
	si = sk_PKCS7_SIGNER_INFO_value(infos, 0);
	md = digest_of(s->c, s->p7, si);
	if (md == NULL)
		return "the digest is not SHA-256, SHA-384 or SHA-512 (UEFI 2.10 8.2.6)";
	if (PKCS7_cert_from_signer_info(s->p7, si) == NULL)
		return "the signature lacks its signer's certificate (UEFI 2.10 8.2.6)";
	signer = signer_of(s->p7, si, md, content, count);
	if (signer == NULL)
		return "the signature is not one of this variable and value (UEFI 2.10 "
		       "8.2.6)";
	len = i2d_X509(signer, &s->der);
	s->der_len = (size_t)len;
	return len > 0 && build_chain(s, signer) ? NULL : "no memory (UEFI 2.10 8.2.6)";
}

static const char *signature_open(void *ctx, struct bytes message,
				  const struct bytes *content, size_t count,
				  void **ret_signature)
{
	struct signature *s = calloc(1, sizeof *s);
	const char *why = "no memory (UEFI 2.10 8.2.6)";

	if (s != NULL) {
		s->c = ctx;
		why = fill(s, message, content, count);
	}
	ERR_clear_error();
	if (why == NULL)
		*ret_signature = s;
	else
		signature_close(ctx, s);
	return why;
}

static struct bytes signature_signer(void *ctx, void *signature)
{
	const struct signature *s = signature;

	(void)ctx;
	return (struct bytes){s->der, s->der_len};
}

static bool signature_top(void *ctx, void *signature, struct bytes *ret_top,
			  struct bytes *ret_common_name)
{
	struct signature *s = signature;
	char *name;
	int len;

	(void)ctx;
	if (s->name == NULL)
		s->name = crypto_x509_common_name(sk_X509_value(s->chain, 0), CRYPTO_TEXT);
	OPENSSL_free(s->top);
	s->top = NULL;
	len = i2d_X509(sk_X509_value(s->chain, sk_X509_num(s->chain) - 1), &s->top);
	ERR_clear_error();
	if (s->name == NULL || len <= 0)
		return false;
	ret_common_name->n = (size_t)BIO_get_mem_data(s->name, &name);
	ret_common_name->p = (const uint8_t *)name;
	*ret_top = (struct bytes){s->top, (size_t)len};
	return true;
}

static bool verify_chain(const struct signature *s, X509_STORE *store, X509 *trusted)
{
	X509_STORE_CTX *chain = X509_STORE_CTX_new_ex(s->c->lib, NULL);
	bool ok = chain != NULL && X509_STORE_add_cert(store, trusted) == 1 &&
		  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN |
						      X509_V_FLAG_NO_CHECK_TIME) == 1 &&
		  X509_STORE_set_purpose(store, X509_PURPOSE_ANY) == 1 &&
		  X509_STORE_CTX_init(chain, store, sk_X509_value(s->chain, 0), s->chain) ==
			  1 &&
		  X509_verify_cert(chain) == 1;

	X509_STORE_CTX_free(chain);
	return ok;
}

static bool signature_chains(void *ctx, void *signature, struct bytes trusted)
{
	X509 *x = crypto_x509_parse(ctx, trusted);
	X509_STORE *store = x != NULL ? X509_STORE_new() : NULL;
	bool ok = store != NULL && verify_chain(signature, store, x);

	X509_STORE_free(store);
	X509_free(x);
	ERR_clear_error();
	return ok;
}

static bool is_certificate(void *ctx, struct bytes der)
{
	X509 *x = crypto_x509_parse(ctx, der);

	X509_free(x);
	ERR_clear_error();
	return x != NULL;
}

static bool sha256(void *ctx, const struct bytes *pieces, size_t count, uint8_t ret[32])
{
	const struct crypto *c = ctx;
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	bool ok = hash != NULL && EVP_DigestInit_ex(hash, c->sha256, NULL) == 1;

	for (size_t i = 0; ok && i < count; i++)
		ok = EVP_DigestUpdate(hash, pieces[i].p, pieces[i].n) == 1;
	ok = ok && EVP_DigestFinal_ex(hash, ret, NULL) == 1;
	EVP_MD_CTX_free(hash);
	return ok;
}

const struct rts_var_crypto_ops crypto_vars = {
	.open = signature_open,
	.close = signature_close,
	.signer = signature_signer,
	.top = signature_top,
	.chains = signature_chains,
	.is_certificate = is_certificate,
	.sha256 = sha256,
};
