/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * OpenSSL as this program uses it, and what a person wants to know of a certificate. Its
 * own library context: no configuration file is read, and nothing of it is global.
 */
#pragma once

#include "base/bytes.h"
#include "uefi/types.h"

struct crypto;

/* 0, -ENOMEM, or -ELIBACC where OpenSSL lacks what it always has. Loads all that is needed
 * later, when files may be out of reach. */
int crypto_new(struct crypto **ret);
void crypto_free(struct crypto *c);

#define CRYPTO_NAME_MAX 512U

/* Texts are UTF-8, with RFC 4514's escapes and no ASCII control characters; one that is too
 * long ends where a character does. */
struct crypto_x509 {
	char subject[CRYPTO_NAME_MAX], issuer[CRYPTO_NAME_MAX];
	char common_name[CRYPTO_NAME_MAX]; /* the subject's first; "" where it has none */
	EFI_TIME not_before, not_after;    /* UTC */
};

/* @der: one certificate and nothing behind it. 0 or -EINVAL. */
int crypto_x509_read(struct crypto *c, struct bytes der, struct crypto_x509 *ret);
