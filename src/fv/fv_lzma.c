/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LZMA sections: the 13 bytes that begin a .lzma file (properties, dictionary size,
 * unpacked size), then the stream. The only file that knows liblzma.
 */
#include <lzma.h>
#include <string.h>

#include "fv/fv_priv.h"

#define HEADER_LEN     13U
#define PROPERTIES_MAX 225U
#define UNKNOWN_LEN    UINT64_MAX

/* The decoder's own memory. A dictionary larger than the result cannot be of use, so it is
 * cut to that; what is left of this is for the probabilities. */
#define MEMLIMIT (RTS_FV_UNPACKED_MAX + (4ULL << 20))

bool fv_lzma_len(struct bytes in, uint64_t *ret)
{
	uint64_t len;

	if (in.n < HEADER_LEN || in.p[0] >= PROPERTIES_MAX)
		return false;
	memcpy(&len, in.p + 5, sizeof len);
	if (len == UNKNOWN_LEN)
		return false;
	*ret = len;
	return true;
}

EFI_STATUS fv_lzma_decode(struct bytes in, bool x86, uint8_t *to, size_t len,
			  struct diag *d)
{
	lzma_options_lzma o = {
		.lc = in.p[0] % 9U,
		.lp = in.p[0] / 9U % 5U,
		.pb = in.p[0] / 45U,
		/* Some packers write an end mark beside the size. */
		.ext_flags = LZMA_LZMA1EXT_ALLOW_EOPM,
	};
	lzma_filter chain[3] = {
		{.id = LZMA_FILTER_X86},
		{.id = LZMA_FILTER_LZMA1EXT, .options = &o},
		{.id = LZMA_VLI_UNKNOWN},
	};
	const lzma_filter *filters = x86 ? chain : chain + 1;
	size_t in_at = HEADER_LEN, out_at = 0;
	lzma_ret r;

	memcpy(&o.dict_size, in.p + 1, sizeof o.dict_size);
	if (o.dict_size > len)
		o.dict_size = (uint32_t)len;
	if (o.dict_size < LZMA_DICT_SIZE_MIN)
		o.dict_size = LZMA_DICT_SIZE_MIN;
	lzma_set_ext_size(o, len);
	if (lzma_raw_decoder_memusage(filters) > MEMLIMIT)
		return diag(d, EFI_LOAD_ERROR,
			    "LZMA properties %#x, dictionary of %#x bytes", in.p[0],
			    o.dict_size);
	r = lzma_raw_buffer_decode(filters, NULL, in.p, &in_at, in.n, to, &out_at, len);
	if (r == LZMA_MEM_ERROR)
		return diag(d, EFI_OUT_OF_RESOURCES, "no memory for a dictionary of %#x",
			    o.dict_size);
	if (r != LZMA_OK || out_at != len)
		return diag(d, EFI_LOAD_ERROR,
			    "LZMA stream of %zu bytes breaks off after %zu of %zu unpacked",
			    in.n, out_at, len);
	return EFI_SUCCESS;
}
