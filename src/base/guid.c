/* SPDX-License-Identifier: BSD-2-Clause */
/* GUID text: the first three fields are numbers, the rest bytes in order (UEFI 2.10
 * appendix A). */
#include "base/guid.h"

#include "base/mem.h"

/* Byte of the structure behind each pair of digits; -1 for a dash. */
static const int8_t order[] = {3,  2, 1, 0,  -1, 5,  4,  -1, 7,  6,
			       -1, 8, 9, -1, 10, 11, 12, 13, 14, 15};

bool guid_eq(const EFI_GUID *a, const EFI_GUID *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

void guid_to_text(const EFI_GUID *g, char ret[GUID_TEXT_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t raw[sizeof *g];
	char *out = ret;

	memcpy(raw, g, sizeof raw);
	for (size_t i = 0; i < sizeof order; i++) {
		if (order[i] < 0) {
			*out++ = '-';
			continue;
		}
		*out++ = digits[raw[order[i]] >> 4];
		*out++ = digits[raw[order[i]] & 15];
	}
	*out = 0;
}

int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool guid_from_text(const char *text, size_t len, EFI_GUID *ret)
{
	uint8_t raw[sizeof *ret];
	const char *in = text;

	if (len != GUID_TEXT_LEN)
		return false;
	for (size_t i = 0; i < sizeof order; i++) {
		if (order[i] < 0) {
			if (*in++ != '-')
				return false;
			continue;
		}
		int hi = hex_digit(in[0]), lo = hex_digit(in[1]);
		if (hi < 0 || lo < 0)
			return false;
		raw[order[i]] = (uint8_t)(hi << 4 | lo);
		in += 2;
	}
	memcpy(ret, raw, sizeof raw);
	return true;
}
