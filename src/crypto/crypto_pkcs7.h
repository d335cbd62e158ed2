/* SPDX-License-Identifier: BSD-2-Clause */
/* Signatures of authenticated variables (UEFI 2.10 §8.2.6), by OpenSSL. */
#pragma once

#include "crypto/crypto_x509.h"
#include "runtserv/vars.h"

/* For struct rts_vars_config; its context is a struct crypto. */
extern const struct rts_var_crypto_ops crypto_vars;
