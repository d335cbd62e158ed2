/* SPDX-License-Identifier: BSD-2-Clause */
/* The base room: bounded access, GUID and UCS-2 text, CRCs, the small formatter. */
#include "base/bytes.h"
#include "base/crc32.h"
#include "base/diag.h"
#include "base/guid.h"
#include "base/ucs2.h"
#include "test.h"

#include <string.h>

static void bytes_bounds(void **state)
{
	static const struct {
		uint64_t off, len;
		bool ok;
	} cases[] = {
		{0, 0, true},           {0, 8, true},
		{8, 0, true},           {7, 1, true},
		{0, 9, false},          {9, 0, false},
		{8, 1, false},          {1, UINT64_MAX, false},
		{UINT64_MAX, 1, false}, {UINT64_MAX, UINT64_MAX, false},
	};
	const uint8_t data[8] = {1, 2, 3, 4, 5, 6, 7, 8};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct bytes sub = {NULL, 99};
		bool ok = bytes_sub((struct bytes){data, 8}, cases[i].off, cases[i].len,
				    &sub);

		assert_int_equal(ok, cases[i].ok);
		assert_true(ok ? sub.p == data + cases[i].off && sub.n == cases[i].len
			       : sub.n == 99);
	}
}

static void writer_bounds(void **state)
{
	uint8_t out[4];
	struct writer w = {out, sizeof out, 0, false};

	(void)state;
	writer_put(&w, "abc", 3);
	assert_false(w.full);
	writer_put(&w, "de", 2);
	assert_true(w.full);
	writer_put(&w, "f", 1); /* still dropped: no holes */
	assert_int_equal(w.n, 6);
	assert_memory_equal(out, "abc", 3);
}

static void guid_text(void **state)
{
	static const char *bad[] = {
		"",
		"8be4df61-93ca-11d2-aa0d-00e098032b8",
		"8be4df61-93ca-11d2-aa0d-00e098032b8cc",
		"8be4df6g-93ca-11d2-aa0d-00e098032b8c",
		"8be4df61093ca-11d2-aa0d-00e098032b8c",
		"{be4df61-93ca-11d2-aa0d-00e098032b8c",
	};
	static const uint8_t raw[16] = {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
					0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c};
	char text[GUID_TEXT_LEN + 1];
	EFI_GUID g;

	(void)state;
	assert_true(guid_from_text("8BE4DF61-93ca-11D2-aa0d-00e098032b8c", 36, &g));
	assert_memory_equal(&g, raw, 16);
	guid_to_text(&g, text);
	assert_string_equal(text, "8be4df61-93ca-11d2-aa0d-00e098032b8c");
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(guid_from_text(bad[i], strlen(bad[i]), &g));
}

static void ucs2_text(void **state)
{
	static const struct {
		const char *text;
		size_t n; /* characters, or SIZE_MAX */
	} cases[] = {
		{"", 0},
		{"Boot0000", 8},
		{"gr\xc3\xbc\xc3\x9f"
		 "e",
		 5},
		{"\xe2\x82\xac", 1},
		{"\xef\xbf\xbf", 1},
		{"\xc0\x80", SIZE_MAX}, /* overlong */
		{"\xe0\x80\x80", SIZE_MAX},
		{"\xed\xa0\x80", SIZE_MAX},     /* surrogate */
		{"\xf0\x9f\x98\x80", SIZE_MAX}, /* beyond UCS-2 */
		{"\xc3", SIZE_MAX},             /* cut */
		{"\x80", SIZE_MAX},
		{"\xe2\x28\xa1", SIZE_MAX},
	};
	CHAR16 name[16];
	char text[32];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t n = ucs2_from_utf8(cases[i].text, strlen(cases[i].text), name, 16);

		assert_int_equal(n, cases[i].n);
		if (n == SIZE_MAX)
			continue;
		assert_int_equal(ucs2_to_utf8(name, n, text, sizeof text),
				 strlen(cases[i].text));
		assert_string_equal(text, cases[i].text);
	}
	assert_false(ucs2_valid((const CHAR16[]){'a', 0xd800}, 2));
	assert_int_equal(ucs2_len(u"abc", 2), 2);
	assert_int_equal(ucs2_to_utf8(u"abcdef", 6, text, 3),
			 6); /* what does not fit is counted */
}

static void crc(void **state)
{
	(void)state;
	/* The check values of both polynomials over "123456789". */
	assert_int_equal(crc32_update(0, "123456789", 9), 0xcbf43926);
	assert_int_equal(crc32c_update(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32_update(crc32_update(0, "1234", 4), "56789", 5), 0xcbf43926);
	assert_int_equal(crc32c_update(0, "", 0), 0);
}

static void format(void **state)
{
	struct diag d = {0};

	(void)state;
	assert_int_equal(diag(&d, 7, "%s %u %d %#x %08x %c%% %zu %lu", "s", 4000000000U, -5,
			      255U, 0xabcU, 'c', (size_t)1 << 40, 1UL << 50),
			 7);
	assert_string_equal(
		d.text, "s 4000000000 -5 0xff 00000abc c% 1099511627776 1125899906842624");
	diag_set(&d, "second");
	assert_true(d.text[0] == 's' && d.text[1] == ' '); /* the first one wins */
	memset(&d, 0, sizeof d);
	diag_set(&d, "%500d|", -1); /* longer than the room: cut, terminated */
	assert_int_equal(strlen(d.text), sizeof d.text - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_bounds), cmocka_unit_test(writer_bounds),
		cmocka_unit_test(guid_text),    cmocka_unit_test(ucs2_text),
		cmocka_unit_test(crc),          cmocka_unit_test(format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
