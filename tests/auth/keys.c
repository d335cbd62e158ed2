/* SPDX-License-Identifier: BSD-2-Clause */
#include "keys.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "uefi/guids.h"

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "keys: %s\n", what);
	ERR_print_errors_fp(stderr);
	abort();
}

static EVP_PKEY *pair_new(enum kind kind)
{
	EVP_PKEY *k = kind == EC_P256 ? EVP_EC_gen("P-256")
				      : EVP_RSA_gen(kind == RSA_3072 ? 3072 : 2048);

	need(k != NULL, "key");
	return k;
}

static void extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *e;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	need(e != NULL && X509_add_ext(cert, e, -1) == 1, value);
	X509_EXTENSION_free(e);
}

struct key *key_new(const struct key_options *o)
{
	struct key *k = calloc(1, sizeof *k);
	X509_NAME *name;
	X509 *issuer;
	int len;

	need(k != NULL, "memory");
	if (o->same != NULL) {
		k->key = o->same->key;
		EVP_PKEY_up_ref(k->key);
	} else {
		k->key = pair_new(o->kind);
	}
	k->cert = X509_new();
	need(k->cert != NULL, "memory");
	issuer = o->issuer != NULL ? o->issuer->cert : k->cert;
	name = X509_get_subject_name(k->cert);
	X509_set_version(k->cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(k->cert), o->serial > 0 ? o->serial : 1);
	X509_gmtime_adj(X509_getm_notBefore(k->cert), o->expired ? -2 * 86400 : -86400);
	X509_gmtime_adj(X509_getm_notAfter(k->cert), o->expired ? -86400 : 86400);
	X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8,
				   (const unsigned char *)"runtserv test", -1, -1, 0);
	if (o->common_name != NULL)
		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
					   (const unsigned char *)o->common_name, -1, -1,
					   0);
	X509_set_issuer_name(k->cert, X509_get_subject_name(issuer));
	need(X509_set_pubkey(k->cert, k->key) == 1, "public key");
	extend(k->cert, issuer, NID_basic_constraints,
	       o->is_leaf ? "critical,CA:FALSE" : "critical,CA:TRUE");
	extend(k->cert, issuer, NID_subject_key_identifier, "hash");
	need(X509_sign(k->cert, o->issuer != NULL ? o->issuer->key : k->key, EVP_sha256()) >
		     0,
	     "certificate");
	len = i2d_X509(k->cert, &k->der);
	need(len > 0, "DER");
	k->len = (size_t)len;
	return k;
}

void key_free(struct key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->key);
	X509_free(k->cert);
	OPENSSL_free(k->der);
	free(k);
}

void key_save(const struct key *k, const char *path)
{
	FILE *f = fopen(path, "w");

	need(f != NULL && PEM_write_PrivateKey(f, k->key, NULL, NULL, 0, NULL, NULL) == 1 &&
		     PEM_write_X509(f, k->cert) == 1 && fclose(f) == 0,
	     path);
}

void blob_put(struct blob *b, const void *p, size_t n)
{
	if (n == 0)
		return;
	b->p = realloc(b->p, b->n + n);
	need(b->p != NULL, "memory");
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

void blob_free(struct blob *b)
{
	free(b->p);
	*b = (struct blob){0};
}

void blob_list(struct blob *b, const EFI_GUID *type, const EFI_GUID *owner,
	       const void *data, size_t size, size_t count)
{
	const uint32_t sizes[3] = {(uint32_t)(28 + count * (16 + size)), 0,
				   (uint32_t)(16 + size)};

	blob_put(b, type, sizeof *type);
	blob_put(b, sizes, sizeof sizes);
	for (size_t i = 0; i < count; i++) {
		blob_put(b, owner, sizeof *owner);
		blob_put(b, (const uint8_t *)data + i * size, size);
	}
}

void blob_cert(struct blob *b, const EFI_GUID *owner, const struct key *k)
{
	static const EFI_GUID x509 = EFI_CERT_X509_GUID;

	blob_list(b, &x509, owner, k->der, k->len, 1);
}

/* The certificates of the message, in the order that is asked for. */
static void bag(PKCS7 *p7, const struct sign *s)
{
	STACK_OF(X509) *certs = p7->d.sign->cert;

	while (sk_X509_num(certs) > 0)
		X509_free(sk_X509_pop(certs));
	if (!s->without_cert && !s->more_first)
		PKCS7_add_certificate(p7, s->key->cert);
	for (size_t i = 0; i < sizeof s->more / sizeof *s->more; i++)
		if (s->more[i] != NULL)
			PKCS7_add_certificate(p7, s->more[i]->cert);
	if (!s->without_cert && s->more_first)
		PKCS7_add_certificate(p7, s->key->cert);
	if (s->second != NULL)
		PKCS7_add_certificate(p7, s->second->cert);
}

void blob_pkcs7(struct blob *b, const struct sign *s, const void *content, size_t len)
{
	const int flags = PKCS7_BINARY | (s->with_attributes ? 0 : PKCS7_NOATTR) |
			  (s->with_content ? 0 : PKCS7_DETACHED);
	const EVP_MD *md = EVP_get_digestbyname(s->digest != NULL ? s->digest : "SHA256");
	PKCS7 *p7 = PKCS7_sign(NULL, NULL, NULL, NULL, flags | PKCS7_PARTIAL);
	BIO *in = BIO_new_mem_buf(content, (int)len);
	unsigned char *der = NULL;
	int n;

	need(p7 != NULL && in != NULL && md != NULL, "memory");
	need(PKCS7_sign_add_signer(p7, s->key->cert, s->key->key, md, flags) != NULL,
	     "signer");
	if (s->second != NULL)
		need(PKCS7_sign_add_signer(p7, s->second->cert, s->second->key, md,
					   flags) != NULL,
		     "second signer");
	need(PKCS7_final(p7, in, flags) == 1, "signature");
	bag(p7, s);
	n = s->with_content_info ? i2d_PKCS7(p7, &der) : i2d_PKCS7_SIGNED(p7->d.sign, &der);
	need(n > 0, "DER");
	blob_put(b, der, (size_t)n);
	OPENSSL_free(der);
	BIO_free(in);
	PKCS7_free(p7);
}

void blob_write(struct blob *b, const struct write *w, const struct sign *s)
{
	static const EFI_GUID pkcs7 = EFI_CERT_TYPE_PKCS7_GUID;
	struct blob content = {0}, message = {0};
	const uint16_t revision = 0x200, type = 0xef1;
	uint32_t length;

	if (s != NULL) {
		blob_put(&content, w->name, w->name_len - 2);
		blob_put(&content, w->guid, 16);
		blob_put(&content, &w->attr, 4);
		blob_put(&content, &w->time, 16);
		blob_put(&content, w->payload, w->len);
		blob_pkcs7(&message, s, content.p, content.n);
	}
	length = (uint32_t)(24 + message.n);
	blob_put(b, &w->time, 16);
	blob_put(b, &length, 4);
	blob_put(b, &revision, 2);
	blob_put(b, &type, 2);
	blob_put(b, &pkcs7, 16);
	blob_put(b, message.p, message.n);
	blob_put(b, w->payload, w->len);
	blob_free(&content);
	blob_free(&message);
}
