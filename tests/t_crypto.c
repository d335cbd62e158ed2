/* SPDX-License-Identifier: BSD-2-Clause */
/* SHA-256 by the vectors of FIPS 180-4, in pieces of any length; ssdeep where it is built
 * in. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto_hash.h"

static void sha256(const uint8_t *p, size_t n, size_t piece, char ret[65])
{
	void *hash = crypto_scan_hash.begin(crypto_scan_hash.ctx);
	uint8_t sum[RTS_SCAN_HASH_LEN];

	assert_non_null(hash);
	for (size_t at = 0; at < n; at += piece)
		crypto_scan_hash.put(hash, p + at, n - at < piece ? n - at : piece);
	crypto_scan_hash.end(hash, sum);
	for (unsigned i = 0; i < sizeof sum; i++)
		snprintf(ret + 2 * i, 3, "%02x", sum[i]);
}

static void t_sha256(void **state)
{
	static const struct {
		const char *text;
		size_t times;
		const char *sum;
	} cases[] = {
		{"", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", 1,
		 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
		 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
		{"a", 1000000,
		 "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
	};
	static const size_t pieces[] = {1, 63, 64, 65, 4096, SIZE_MAX / 2};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const size_t len = strlen(cases[i].text), n = len * cases[i].times;
		uint8_t *p = malloc(n + 1);

		assert_non_null(p);
		for (size_t k = 0; k < cases[i].times; k++)
			memcpy(p + k * len, cases[i].text, len);
		for (size_t k = 0; k < COUNT(pieces); k++) {
			char got[65];

			sha256(p, n, pieces[k], got);
			assert_string_equal(got, cases[i].sum);
		}
		free(p);
	}
}

static void t_similar(void **state)
{
	uint8_t bytes[8192];
	char a[160], b[160];

	(void)state;
	if (crypto_scan_hash.similar == NULL)
		skip();
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * i >> 5 ^ i);
	assert_true(crypto_scan_hash.similar(NULL, bytes, sizeof bytes, a, sizeof a));
	assert_true(crypto_scan_hash.similar(NULL, bytes, sizeof bytes, b, strlen(a) + 1));
	assert_string_equal(a, b);
	/* "blocksize:text:text" */
	assert_true(atoi(a) >= 3 && strchr(a, ':') != strrchr(a, ':'));
	assert_false(crypto_scan_hash.similar(NULL, bytes, sizeof bytes, b, strlen(a)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_sha256),
		cmocka_unit_test(t_similar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
