/* SPDX-License-Identifier: BSD-2-Clause */
/* Values that a scan's JSON documents have in common. Each is a new reference. */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "runtserv/scan.h"

/* Somebody else's text; what is no UTF-8 in it becomes U+FFFD. NULL: null. */
json_t *scan_json_text(const char *s);
json_t *scan_json_guid(bool has, const EFI_GUID *guid);
json_t *scan_json_hash(bool has, const uint8_t hash[RTS_SCAN_HASH_LEN]);

/* Prints the document in ASCII, and a new line, and lets it go. 0; -1: @doc is NULL, or it
 * could not be written. */
int scan_json_dump(FILE *to, json_t *doc);
