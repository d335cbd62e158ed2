/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys, certificates, signature lists and signed writes, made while a test runs. Nothing of
 * this is checked by the code that is tested: OpenSSL signs, and the layouts are spelled
 * out here once more. Any trouble ends the program.
 */
#pragma once

#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include "runtserv/vars.h"

enum kind { RSA_2048, RSA_3072, EC_P256, KINDS };

struct key {
	EVP_PKEY *key;
	X509 *cert;
	unsigned char *der;
	size_t len;
};

struct key_options {
	const char *common_name; /* NULL: none */
	enum kind kind;
	const struct key *issuer; /* NULL: self-signed */
	const struct key *same;   /* has the same key pair */
	bool is_leaf;             /* no certificate authority */
	bool expired;
	long serial;
};

struct key *key_new(const struct key_options *o);
void key_free(struct key *k);
void key_save(const struct key *k, const char *path); /* PEM: key and certificate */

/* A buffer that grows. */
struct blob {
	uint8_t *p;
	size_t n;
};
void blob_put(struct blob *b, const void *p, size_t n);
void blob_free(struct blob *b);

/* Appends a signature list of @count signatures of @size bytes at @data. */
void blob_list(struct blob *b, const EFI_GUID *type, const EFI_GUID *owner,
	       const void *data, size_t size, size_t count);
/* Appends a list with one certificate. */
void blob_cert(struct blob *b, const EFI_GUID *owner, const struct key *k);

/* How a message is made; zeroed: SHA-256, no ContentInfo, the signer's certificate alone.
 */
struct sign {
	const struct key *key;
	const struct key *second;  /* another signer */
	const char *digest;        /* "SHA256" when NULL */
	const struct key *more[9]; /* other certificates */
	bool more_first;           /* they come before the signer's */
	bool without_cert;         /* not even the signer's */
	bool with_content_info;
	bool with_attributes;
	bool with_content; /* not detached */
};
void blob_pkcs7(struct blob *b, const struct sign *s, const void *content, size_t len);

/* What SetVariable() is given. */
struct write {
	const CHAR16 *name;
	size_t name_len; /* bytes, NUL included */
	const EFI_GUID *guid;
	uint32_t attr;
	EFI_TIME time;
	const void *payload;
	size_t len;
};
/* A descriptor with a signature by @s (NULL: with none), and the payload behind it. */
void blob_write(struct blob *b, const struct write *w, const struct sign *s);
