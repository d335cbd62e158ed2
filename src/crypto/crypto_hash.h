/* SPDX-License-Identifier: BSD-2-Clause */
/* SHA-256 by OpenSSL, and ssdeep digests where libfuzzy is built in, for the room scan. */
#pragma once

#include "runtserv/scan.h"

extern const struct rts_scan_hash_ops crypto_scan_hash;
