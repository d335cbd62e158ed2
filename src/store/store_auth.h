/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file that holds what is written into a secure-boot variable: .auth, an
 * EFI_VARIABLE_AUTHENTICATION_2 and the new value behind it (what SetVariable is given, as
 * sign-efi-sig-list makes it). From memory; what is returned borrows from the file's bytes.
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
