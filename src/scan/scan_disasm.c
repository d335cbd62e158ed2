/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions as evidence: their bytes, and where Zydis is built in, what they say. The
 * one file that knows Zydis.
 */
#include "scan/scan_priv.h"

#ifdef HAVE_ZYDIS
#include <Zydis/Zydis.h>
#endif

struct out {
	char *p;
	size_t cap, n;
};

static void put(struct out *o, const char *text)
{
	for (; *text != 0 && o->n + 1 < o->cap; text++)
		o->p[o->n++] =
			*text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;
	o->p[o->n] = 0;
}

/* The text of the instructions in @code, up to one that does not go on behind it; how many
 * bytes they take, 0: the first is none, or nobody knows. */
static size_t decode(struct bytes code, uint64_t at, struct out *ret)
{
	size_t n = 0;

#ifdef HAVE_ZYDIS
	ZydisDisassembledInstruction i;
	bool on = true;

	while (on && n < code.n &&
	       ZYAN_SUCCESS(ZydisDisassembleIntel(ZYDIS_MACHINE_MODE_LONG_64, at + n,
						  code.p + n, code.n - n, &i))) {
		put(ret, n > 0 ? "; " : "");
		put(ret, i.text);
		n += i.info.length;
		on = i.info.meta.category != ZYDIS_CATEGORY_UNCOND_BR &&
		     i.info.meta.category != ZYDIS_CATEGORY_RET;
	}
#else
	(void)code;
	(void)at;
	(void)ret;
#endif
	return n;
}

void rts_scan_disasm(struct bytes code, uint64_t at, char ret[RTS_SCAN_DISASM_MAX])
{
	static const char digits[] = "0123456789abcdef";
	char text[RTS_SCAN_DISASM_MAX] = "";
	struct out texts = {text, sizeof text, 0}, all = {ret, RTS_SCAN_DISASM_MAX, 0};
	const size_t n = decode(code, at, &texts);

	ret[0] = 0;
	for (size_t i = 0; i < (n > 0 ? n : code.n); i++) {
		const char byte[] = {digits[code.p[i] >> 4], digits[code.p[i] & 15], 0};

		put(&all, i > 0 ? " " : "");
		put(&all, byte);
	}
	put(&all, n > 0 ? "  " : "");
	put(&all, text);
}
