/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that hold what is written into a secure-boot variable: .auth, an
 * EFI_VARIABLE_AUTHENTICATION_2 and the new value behind it (what SetVariable is given, as
 * sign-efi-sig-list makes it), and .esl, the value alone (signature lists). From memory;
 * what is returned borrows from the file's bytes.
 */
#pragma once

#include "base/bytes.h"
#include "base/diag.h"
#include "uefi/types.h"

struct store_auth {
	EFI_TIME time;
	struct bytes signature; /* PKCS#7; empty: not signed */
	struct bytes payload;   /* the new value; empty: the variable is to go */
};

/* 0 or -EINVAL with a text in @d that begins with @label and says where. */
int store_auth_parse(const char *label, struct bytes file, struct store_auth *ret,
		     struct diag *d);

/* Whether @file is signature lists, each of a known type and of the right size. 0 and how
 * many signatures are in there, or -EINVAL as above. @is_certificate: of struct
 * rts_var_crypto_ops. */
int store_esl_check(const char *label, struct bytes file,
		    bool (*is_certificate)(void *ctx, struct bytes der), void *ctx,
		    size_t *ret_count, struct diag *d);
