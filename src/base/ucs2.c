/* SPDX-License-Identifier: BSD-2-Clause */
/* UCS-2 and UTF-8. Freestanding; allocates nothing. */
#include "base/ucs2.h"

static bool is_surrogate(uint32_t c)
{
	return c >= 0xd800 && c <= 0xdfff;
}

size_t ucs2_len(const CHAR16 *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n] != 0)
		n++;
	return n;
}

bool ucs2_valid(const CHAR16 *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_surrogate(s[i]))
			return false;
	return true;
}

size_t ucs2_to_utf8(const CHAR16 *s, size_t n, char *ret, size_t cap)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t c = is_surrogate(s[i]) ? 0xfffd : s[i];
		char seq[3];
		size_t k = 0;

		if (c < 0x80) {
			seq[k++] = (char)c;
		} else if (c < 0x800) {
			seq[k++] = (char)(0xc0 | c >> 6);
			seq[k++] = (char)(0x80 | (c & 0x3f));
		} else {
			seq[k++] = (char)(0xe0 | c >> 12);
			seq[k++] = (char)(0x80 | (c >> 6 & 0x3f));
			seq[k++] = (char)(0x80 | (c & 0x3f));
		}
		for (size_t j = 0; j < k; j++, len++)
			if (len < cap)
				ret[len] = seq[j];
	}
	if (len < cap)
		ret[len] = 0;
	return len;
}

size_t ucs2_from_utf8(const char *s, size_t len, CHAR16 *ret, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < len;) {
		uint8_t b = (uint8_t)s[i];
		size_t more = b < 0x80                ? 0
			      : b >= 0xc2 && b < 0xe0 ? 1
			      : b >= 0xe0 && b < 0xf0 ? 2
						      : 3;
		uint32_t c = more == 0 ? b : more == 1 ? b & 0x1fU : b & 0x0fU;

		if (more == 3 || more >= len - i)
			return SIZE_MAX;
		for (size_t j = 1; j <= more; j++) {
			uint8_t t = (uint8_t)s[i + j];
			if ((t & 0xc0) != 0x80)
				return SIZE_MAX;
			c = c << 6 | (t & 0x3f);
		}
		if ((more == 2 && c < 0x800) || is_surrogate(c))
			return SIZE_MAX;
		if (n < cap)
			ret[n] = (CHAR16)c;
		n++;
		i += more + 1;
	}
	return n;
}
