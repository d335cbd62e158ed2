/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signature lists (UEFI 2.10 §32.4.1), what PK, KEK, db, dbx and dbt hold: walking,
 * checking, and appending without what is there already.
 */
#pragma once

#include "base/bytes.h"
#include "uefi/types.h"

struct siglist {
	EFI_SIGNATURE_LIST head;
	struct bytes all;        /* the list itself */
	struct bytes signatures; /* whole ones of head.SignatureSize bytes, owner first */
};

/* The list at the beginning of *rest, which then is what follows. False where there is
 * none: at the end, *rest is empty, else malformed. */
bool siglist_next(struct bytes *rest, struct siglist *ret);

/* Whether @data is well-formed, and which length each type has (edk2's table); counts the
 * signatures. What an X.509 certificate is, @is_certificate says. */
bool siglist_check(struct bytes data, bool (*is_certificate)(void *ctx, struct bytes der),
		   void *ctx, size_t *ret_count);

/* Walking the X.509 certificates of all lists, as far as they are well-formed. Start with
 * {.rest = the variable's data}. */
struct siglist_certs {
	struct bytes rest;
	struct bytes left; /* of one list's signatures */
	size_t size;
};
bool siglist_next_cert(struct siglist_certs *certs, struct bytes *ret_der);

/*
 * Writes to @ret, which has room for all of @more, those signatures of @more that @old
 * lacks, each list by itself; a signature is the same if type, owner and data are. False,
 * and garbage in @ret, where either is malformed.
 */
bool siglist_filter(struct bytes old, struct bytes more, uint8_t *ret, size_t *ret_len);
