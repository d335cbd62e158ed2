/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SHA-256 by the vectors of FIPS 180-4, in pieces of any length; ssdeep where it is built
 * in. Signatures and certificates: every form that is taken, every one that is not, and
 * each byte of them changed.
 */
#include "test.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/keys.h"
#include "crypto/crypto_hash.h"
#include "crypto/crypto_pkcs7.h"

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
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * i >> 5 ^ i);
	assert_true(crypto_scan_hash.similar(NULL, bytes, sizeof bytes, a, sizeof a));
	assert_true(crypto_scan_hash.similar(NULL, bytes, sizeof bytes, b, strlen(a) + 1));
	assert_string_equal(a, b);
	/* "blocksize:text:text" */
	assert_true(atoi(a) >= 3 && strchr(a, ':') != strrchr(a, ':'));
	assert_false(crypto_scan_hash.similar(NULL, bytes, sizeof bytes, b, strlen(a)));
}

/* A root, an intermediate that it issued, a signer that this one issued, and a stranger
 * whose names are the root's. */
static struct {
	struct crypto *c;
	struct key *root, *middle, *leaf, *stranger, *alone[KINDS];
} k;

static int make_keys(void **state)
{
	(void)state;
	k.root = key_new(&(struct key_options){.common_name = "root"});
	k.middle = key_new(&(struct key_options){
		.common_name = "middle", .issuer = k.root, .expired = true, .serial = 2});
	k.leaf = key_new(&(struct key_options){
		.common_name = "leaf", .issuer = k.middle, .is_leaf = true, .serial = 3});
	k.stranger = key_new(&(struct key_options){.common_name = "root"});
	for (unsigned i = 0; i < KINDS; i++)
		k.alone[i] =
			key_new(&(struct key_options){.common_name = "alone", .kind = i});
	return crypto_new(&k.c);
}

static int drop_keys(void **state)
{
	(void)state;
	key_free(k.root);
	key_free(k.middle);
	key_free(k.leaf);
	key_free(k.stranger);
	for (unsigned i = 0; i < KINDS; i++)
		key_free(k.alone[i]);
	crypto_free(k.c);
	return 0;
}

static struct bytes der_of(const struct key *key)
{
	return (struct bytes){key->der, key->len};
}

static bool same(struct bytes a, struct bytes b)
{
	return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

static const char text[] = "what is signed";
static const struct bytes content[] = {{(const uint8_t *)text, 4},
				       {NULL, 0},
				       {(const uint8_t *)text + 4, sizeof text - 4}};

/* Whatever the answer is, nothing stays in OpenSSL's queue of errors. */
static bool clean(void)
{
	return ERR_peek_error() == 0;
}

static const char *open_blob(const struct blob *b, void **ret)
{
	const char *why = crypto_vars.open(k.c, (struct bytes){b->p, b->n}, content,
					   COUNT(content), ret);

	assert_true(clean());
	return why;
}

/* Signs, opens, and gives what is to be closed. */
static void *opened(const struct sign *s)
{
	struct blob b = {0};
	void *signature = NULL;
	const char *why;

	blob_pkcs7(&b, s, text, sizeof text);
	why = open_blob(&b, &signature);
	if (why != NULL)
		fail_msg("%s", why);
	blob_free(&b);
	return signature;
}

static bool chains(void *signature, const struct key *key)
{
	const bool ok = crypto_vars.chains(k.c, signature, der_of(key));

	assert_true(clean());
	return ok;
}

static void t_forms(void **state)
{
	static const char *const digests[] = {"SHA256", "SHA384", "SHA512"};

	(void)state;
	for (unsigned i = 0; i < KINDS * 3 * 8; i++) {
		const struct key *key = k.alone[i / 24];
		const struct sign s = {.key = key,
				       .digest = digests[i / 8 % 3],
				       .with_content_info = i & 1,
				       .with_attributes = i & 2,
				       .with_content = i & 4};
		void *signature = opened(&s);

		assert_true(same(crypto_vars.signer(k.c, signature), der_of(key)));
		assert_true(chains(signature, key));
		assert_false(chains(signature, k.root));
		crypto_vars.close(k.c, signature);
	}
}

static void t_chains(void **state)
{
	struct key *cross = key_new(&(struct key_options){
		.common_name = "middle", .same = k.middle, .serial = 9});
	const struct {
		const char *what;
		struct key *more[3];
		bool more_first;
		struct key *top;
		bool by_root, by_middle, by_leaf;
	} cases[] = {
		{"leaf alone", {NULL}, false, k.leaf, false, true, true},
		{"no root", {k.middle}, false, k.middle, true, true, true},
		{"all", {k.middle, k.root}, false, k.root, true, true, true},
		{"another order", {k.root, k.middle}, false, k.root, true, true, true},
		{"signer last", {k.root, k.middle}, true, k.root, true, true, true},
		{"and twice", {k.middle, k.middle, k.root}, true, k.root, true, true, true},
		{"gap", {k.root}, true, k.leaf, false, true, true},
		/* one who only calls himself root does not get into the chain */
		{"stranger", {k.stranger, k.middle}, true, k.middle, true, true, true},
		{"both", {k.stranger, k.middle, k.root}, true, k.root, true, true, true},
		{"both", {k.root, k.middle, k.stranger}, true, k.root, true, true, true},
		/* the same key, once by itself and once issued by the root */
		{"cross", {cross, k.middle, k.root}, false, k.root, true, true, true},
		{"cross", {k.root, k.middle, cross}, false, k.root, true, true, true},
		{"unrelated", {k.alone[0]}, true, k.leaf, false, true, true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct sign s = {.key = k.leaf, .more_first = cases[i].more_first};
		struct bytes top = {0}, name = {0};
		void *signature;

		for (unsigned n = 0; n < COUNT(cases[i].more); n++)
			s.more[n] = cases[i].more[n];
		signature = opened(&s);
		for (int twice = 0; twice < 2; twice++)
			assert_true(crypto_vars.top(k.c, signature, &top, &name));
		if (!same(top, der_of(cases[i].top)) || name.n != 4 ||
		    memcmp(name.p, "leaf", 4) != 0 ||
		    chains(signature, k.root) != cases[i].by_root ||
		    chains(signature, k.middle) != cases[i].by_middle ||
		    chains(signature, k.leaf) != cases[i].by_leaf ||
		    chains(signature, k.stranger))
			fail_msg("%s", cases[i].what);
		crypto_vars.close(k.c, signature);
	}
	key_free(cross);
}

/* A certificate that is no authority has issued nothing, whatever it signed. */
static void t_no_authority(void **state)
{
	struct key *child = key_new(&(struct key_options){
		.common_name = "child", .issuer = k.leaf, .serial = 4});
	struct key *nameless = key_new(&(struct key_options){.is_leaf = true});
	struct bytes top, name;
	void *s = opened(&(struct sign){.key = child, .more = {k.leaf, k.middle, k.root}});

	(void)state;
	assert_false(chains(s, k.leaf) || chains(s, k.middle) || chains(s, k.root));
	crypto_vars.close(k.c, s);
	s = opened(&(struct sign){.key = child});
	assert_true(chains(s, child));
	assert_false(chains(s, k.leaf) || chains(s, k.middle) || chains(s, k.root));
	crypto_vars.close(k.c, s);
	s = opened(&(struct sign){.key = nameless});
	assert_true(chains(s, nameless));
	assert_false(crypto_vars.top(k.c, s, &top, &name));
	crypto_vars.close(k.c, s);
	key_free(child);
	key_free(nameless);
}

static void t_refused(void **state)
{
	const struct sign eight = {
		.key = k.root,
		.more = {k.root, k.root, k.root, k.root, k.root, k.root, k.root}};
	struct sign nine = eight;
	const struct {
		const char *why;
		struct sign s;
	} cases[] = {
		{"digest", {.key = k.root, .digest = "SHA1"}},
		{"digest", {.key = k.root, .digest = "MD5"}},
		{"digest", {.key = k.root, .digest = "SHA224"}},
		{"digest", {.key = k.root, .digest = "SHA512-256"}},
		{"one signer", {.key = k.root, .second = k.stranger}},
		{"lacks its signer", {.key = k.root, .without_cert = true}},
		{"lacks its signer",
		 {.key = k.leaf, .without_cert = true, .more = {k.middle, k.root}}},
	};
	struct blob b = {0};
	const char *why;
	void *signature;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		blob_pkcs7(&b, &cases[i].s, text, sizeof text);
		why = open_blob(&b, &signature);
		if (why == NULL || strstr(why, cases[i].why) == NULL)
			fail_msg("%zu: %s", i, why);
		blob_free(&b);
	}
	crypto_vars.close(k.c, opened(&eight));
	nine.more[7] = k.root;
	blob_pkcs7(&b, &nine, text, sizeof text);
	assert_non_null(open_blob(&b, &signature));
	blob_free(&b);

	/* the digest that is declared must be the one that was used: byte 21 is the last of
	 * its name */
	blob_pkcs7(&b, &(struct sign){.key = k.root}, text, sizeof text);
	assert_memory_equal(b.p + 13, "\x60\x86\x48\x01\x65\x03\x04\x02\x01", 9);
	b.p[21] = 2;
	why = open_blob(&b, &signature);
	assert_non_null(why);
	assert_non_null(strstr(why, "digest"));
	b.p[21] = 1;
	blob_put(&b, "", 1);
	assert_non_null(open_blob(&b, &signature)); /* a byte behind it */
	b.n = 0;
	assert_non_null(open_blob(&b, &signature));
	b.p = realloc(b.p, 65537);
	assert_non_null(b.p);
	memset(b.p, 0x30, 65537);
	for (b.n = 1; b.n <= 65537; b.n = b.n * 2 - (b.n == 32768 ? 0 : 1) + 1)
		assert_non_null(open_blob(&b, &signature));
	blob_free(&b);
}

/* Not another PKCS#7, and no ContentInfo of another kind around it. */
static void t_other_messages(void **state)
{
	struct blob b = {0}, other = {0};
	void *signature;

	(void)state;
	blob_pkcs7(&b, &(struct sign){.key = k.root, .with_content_info = true}, text,
		   sizeof text);
	for (uint8_t type = 1; type <= 6; type++) {
		assert_memory_equal(b.p + 6, "\x2a\x86\x48\x86\xf7\x0d\x01\x07", 8);
		b.p[14] = type; /* pkcs7-data and so on; signedData is 2 */
		assert_int_equal(open_blob(&b, &signature) == NULL, type == 2);
		if (type == 2)
			crypto_vars.close(k.c, signature);
	}
	/* a ContentInfo in a ContentInfo */
	b.p[14] = 2;
	blob_put(&other, b.p, 15);
	blob_put(&other, "\xa0\x82", 2);
	blob_put(&other, (uint8_t[]){(uint8_t)(b.n >> 8), (uint8_t)b.n}, 2);
	blob_put(&other, b.p, b.n);
	other.p[2] = (uint8_t)((other.n - 4) >> 8);
	other.p[3] = (uint8_t)(other.n - 4);
	assert_non_null(open_blob(&other, &signature));
	/* one that is whole, but something else; one of the right kind, with nothing in it;
	 * a byte behind */
	static const uint8_t data[] = {0x30, 15, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7,
				       0x0d, 1,  7, 1, 0xa0, 2,    4,    0};
	blob_free(&other);
	blob_put(&other, data, sizeof data);
	assert_non_null(open_blob(&other, &signature));
	other.n = 13;
	other.p[1] = 11;
	other.p[12] = 2;
	assert_non_null(open_blob(&other, &signature));
	blob_put(&b, "", 1);
	assert_non_null(open_blob(&b, &signature));
	blob_free(&b);
	blob_free(&other);
}

static void t_content_counts(void **state)
{
	struct bytes other = {NULL, 0};
	uint8_t changed[sizeof text + 1];
	struct blob b = {0};
	void *signature;

	(void)state;
	blob_pkcs7(&b, &(struct sign){.key = k.root, .with_content = true}, text,
		   sizeof text);
	assert_non_null(
		crypto_vars.open(k.c, (struct bytes){b.p, b.n}, &other, 1, &signature));
	for (size_t i = 0; i <= sizeof text; i++) {
		memcpy(changed, text, sizeof text);
		changed[sizeof text] = 0;
		changed[i] ^= 1;
		other = (struct bytes){changed, sizeof text + (i == sizeof text)};
		assert_non_null(crypto_vars.open(k.c, (struct bytes){b.p, b.n}, &other, 1,
						 &signature));
	}
	other = (struct bytes){(const uint8_t *)text, sizeof text - 1};
	assert_non_null(
		crypto_vars.open(k.c, (struct bytes){b.p, b.n}, &other, 1, &signature));
	blob_free(&b);
}

static const uint8_t *find(const struct blob *b, struct bytes what)
{
	return memmem(b->p, b->n, what.p, what.n);
}

/* Each byte of a message changed in several ways. In the signature and in the signer's
 * certificate nothing may be changed; elsewhere nothing that matters is. */
static void t_each_byte(void **state)
{
	static const uint8_t flips[] = {0x01, 0x80, 0xff};
	struct blob b = {0};
	void *signature;

	(void)state;
	blob_pkcs7(&b, &(struct sign){.key = k.alone[0]}, text, sizeof text);
	const uint8_t *cert = find(&b, der_of(k.alone[0])), *end = b.p + b.n;
	assert_non_null(cert);
	for (uint8_t *p = b.p; p < end; p++)
		for (size_t i = 0; i < COUNT(flips); i++) {
			const bool in_cert = p >= cert && p < cert + k.alone[0]->len;

			*p ^= flips[i];
			if (open_blob(&b, &signature) == NULL) {
				const struct bytes by = crypto_vars.signer(k.c, signature);

				if (p >= end - 256)
					fail_msg("signature byte %zu", (size_t)(p - b.p));
				assert_int_equal(in_cert, !same(by, der_of(k.alone[0])));
				assert_int_equal(in_cert, !chains(signature, k.alone[0]));
				crypto_vars.close(k.c, signature);
			}
			*p ^= flips[i];
		}
	for (size_t n = 0; n < b.n; n++) /* cut short */
		assert_non_null(crypto_vars.open(k.c, (struct bytes){b.p, n}, content,
						 COUNT(content), &signature));
	blob_free(&b);
}

/* What GnuTLS, which QEMU asks, makes of these names. */
static void t_common_names(void **state)
{
	static const struct {
		const char *name, *told, *plain;
	} cases[] = {
		{"plain", "plain", NULL},
		{"Foo, Inc.", "Foo\\, Inc.", NULL},
		{" lead", "\\ lead", NULL},
		{"  two  ", "\\  two \\ ", NULL},
		{" ", "\\ ", NULL},
		{"#hash", "\\#hash", NULL},
		{"a#b", "a#b", NULL},
		{"a+b", "a\\+b", NULL},
		{"say \"x\"", "say \\\"x\\\"", NULL},
		{"back\\slash", "back\\\\slash", NULL},
		{"<a>;b", "\\<a\\>\\;b", NULL},
		{"k=v", "k=v", NULL},
		{"gr\xc3\xbc\xc3\x9f"
		 "e",
		 "gr\xc3\xbc\xc3\x9f"
		 "e",
		 NULL},
		{"\xe2\x82\xac", "\xe2\x82\xac", NULL},
		{"tab\there", "tab\there", "tab\\09here"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *plain = cases[i].plain != NULL ? cases[i].plain : cases[i].told;
		struct key *key = key_new(&(struct key_options){
			.common_name = cases[i].name, .same = k.root});
		void *s = opened(&(struct sign){.key = key});
		struct bytes top, name;
		struct crypto_x509 info;

		assert_true(crypto_vars.top(k.c, s, &top, &name));
		assert_int_equal(name.n, strlen(cases[i].told));
		assert_memory_equal(name.p, cases[i].told, name.n);
		assert_int_equal(crypto_x509_read(k.c, der_of(key), &info), 0);
		assert_string_equal(info.common_name, plain);
		crypto_vars.close(k.c, s);
		key_free(key);
	}
}

/* A certificate that was changed. */
static void resign(struct key *key)
{
	assert_true(X509_sign(key->cert, key->key, EVP_sha256()) > 0);
	OPENSSL_free(key->der);
	key->der = NULL;
	key->len = (size_t)i2d_X509(key->cert, &key->der);
}

static void t_x509(void **state)
{
	struct key *nameless = key_new(&(struct key_options){.same = k.root});
	struct crypto_x509 info;
	struct blob b = {0};

	(void)state;
	assert_int_equal(crypto_x509_read(k.c, der_of(k.leaf), &info), 0);
	assert_string_equal(info.subject, "CN=leaf,O=runtserv test");
	assert_string_equal(info.issuer, "CN=middle,O=runtserv test");
	assert_string_equal(info.common_name, "leaf");
	const EFI_TIME from = {2001, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0},
		       to = {2049, 12, 31, 23, 59, 58, 0, 0, 0, 0, 0};
	struct key *dated = key_new(&(struct key_options){.same = k.root});
	ASN1_TIME_set_string_X509(X509_getm_notBefore(dated->cert), "20010203040506Z");
	ASN1_TIME_set_string_X509(X509_getm_notAfter(dated->cert), "20491231235958Z");
	resign(dated);
	assert_int_equal(crypto_x509_read(k.c, der_of(dated), &info), 0);
	assert_memory_equal(&info.not_before, &from, sizeof from);
	assert_memory_equal(&info.not_after, &to, sizeof to);
	/* one that is longer than any message */
	static char comment[70000];
	memset(comment, 'c', sizeof comment - 1);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_netscape_comment, comment);
	assert_non_null(e);
	X509_add_ext(dated->cert, e, -1);
	X509_EXTENSION_free(e);
	resign(dated);
	assert_true(dated->len > 65536);
	assert_false(crypto_vars.is_certificate(k.c, der_of(dated)));
	key_free(dated);
	assert_int_equal(crypto_x509_read(k.c, der_of(nameless), &info), 0);
	assert_string_equal(info.common_name, "");
	key_free(nameless);

	for (unsigned i = 0; i < KINDS; i++)
		assert_true(crypto_vars.is_certificate(k.c, der_of(k.alone[i])));
	blob_put(&b, k.root->der, k.root->len);
	blob_put(&b, "", 1);
	for (size_t n = 0; n <= b.n; n++)
		assert_int_equal(crypto_vars.is_certificate(k.c, (struct bytes){b.p, n}),
				 n == k.root->len);
	assert_int_equal(crypto_x509_read(k.c, (struct bytes){b.p, b.n}, &info), -EINVAL);
	assert_int_equal(crypto_x509_read(k.c, (struct bytes){b.p, 9}, &info), -EINVAL);
	assert_true(clean());
	assert_false(crypto_vars.is_certificate(k.c, (struct bytes){b.p, 9}));
	assert_true(clean());
	blob_free(&b);
}

/* A name that is too long for its field ends between two characters; of several common
 * names the first counts. */
static void t_long_names(void **state)
{
	struct key *key = key_new(&(struct key_options){.same = k.root});
	char name[200] = "", want[2000];
	struct crypto_x509 info;

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		strcat(name, "\xc3\xbc");
	for (size_t more = 0; more < 64; more++) { /* 502 bytes, then more */
		X509_NAME *subject = X509_NAME_new();
		char tail[65] = "";

		memset(tail, 't', more);
		X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
					   (const unsigned char *)"first", -1, -1, 0);
		X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
					   (const unsigned char *)"second", -1, -1, 0);
		if (more > 0)
			X509_NAME_add_entry_by_txt(subject, "OU", MBSTRING_UTF8,
						   (const unsigned char *)tail, -1, -1, 0);
		for (unsigned i = 0; i < 11; i++)
			X509_NAME_add_entry_by_txt(subject, "OU", MBSTRING_UTF8,
						   (const unsigned char *)name, -1, -1, 0);
		assert_int_equal(X509_set_subject_name(key->cert, subject), 1);
		X509_NAME_free(subject);
		resign(key);
		want[0] = 0;
		for (unsigned i = 0; i < 11; i++)
			sprintf(want + strlen(want), "OU=%s,", name);
		sprintf(want + strlen(want), "%s%s%sCN=second,CN=first",
			more > 0 ? "OU=" : "", tail, more > 0 ? "," : "");
		assert_int_equal(crypto_x509_read(k.c, der_of(key), &info), 0);
		const size_t len = strlen(info.subject), all = strlen(want);
		assert_int_equal(len, all < CRYPTO_NAME_MAX ? all : CRYPTO_NAME_MAX - 1);
		assert_memory_equal(info.subject, want, len);
		assert_string_equal(info.common_name, "first");
	}
	/* the cut within a character */
	for (unsigned before = 0; before < 2; before++) {
		X509_NAME *subject = X509_NAME_new();

		X509_NAME_add_entry_by_txt(
			subject, "O", MBSTRING_UTF8,
			(const unsigned char *)(before != 0 ? "o" : "oo"), -1, -1, 0);
		for (unsigned i = 0; i < 13; i++)
			X509_NAME_add_entry_by_txt(subject, "OU", MBSTRING_UTF8,
						   (const unsigned char *)name, -1, -1, 0);
		X509_set_issuer_name(key->cert, subject);
		X509_NAME_free(subject);
		resign(key);
		assert_int_equal(crypto_x509_read(k.c, der_of(key), &info), 0);
		const size_t len = strlen(info.issuer);
		assert_in_range(len, CRYPTO_NAME_MAX - 2, CRYPTO_NAME_MAX - 1);
		assert_true((info.issuer[len - 1] & 0x80) == 0 ||
			    (info.issuer[len - 2] & 0xe0) == 0xc0);
	}
	key_free(key);
}

static void t_hash_of_pieces(void **state)
{
	static const uint8_t sum[32] =
		"\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde\x5d\xae\x22\x23"
		"\xb0\x03\x61\xa3\x96\x17\x7a\x9c\xb4\x10\xff\x61\xf2\x00\x15\xad";
	const struct bytes abc[] = {
		{(const uint8_t *)"a", 1}, {NULL, 0}, {(const uint8_t *)"bc", 2}};
	uint8_t got[32];

	(void)state;
	assert_true(crypto_vars.sha256(k.c, abc, COUNT(abc), got));
	assert_memory_equal(got, sum, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_sha256),         cmocka_unit_test(t_forms),
		cmocka_unit_test(t_chains),         cmocka_unit_test(t_no_authority),
		cmocka_unit_test(t_refused),        cmocka_unit_test(t_other_messages),
		cmocka_unit_test(t_content_counts), cmocka_unit_test(t_each_byte),
		cmocka_unit_test(t_common_names),   cmocka_unit_test(t_x509),
		cmocka_unit_test(t_long_names),     cmocka_unit_test(t_hash_of_pieces),
		cmocka_unit_test(t_similar), /* stays the last */
	};
	const bool lacks = crypto_scan_hash.similar == NULL;

	if (lacks)
		puts("# without libfuzzy: t_similar is left out");
	return _cmocka_run_group_tests("crypto", tests, COUNT(tests) - lacks, make_keys,
				       drop_keys);
}
