/* SPDX-License-Identifier: BSD-2-Clause */
/* The only file that knows zlib. */
#include "dump/dump_priv.h"

#include <zlib.h>

bool dump_inflate(struct bytes in, uint8_t *to, size_t len)
{
	uLongf out = len;

	return uncompress(to, &out, in.p, in.n) == Z_OK && out == len;
}
