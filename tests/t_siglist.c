/* SPDX-License-Identifier: BSD-2-Clause */
/* Signature lists: each type and each length, right and wrong; appending against a naive
 * model. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "uefi/guids.h"
#include "vars/vars_siglist.h"

static const EFI_GUID sha256 = EFI_CERT_SHA256_GUID;
static const EFI_GUID x509 = EFI_CERT_X509_GUID;
static const EFI_GUID owner = {1, 2, 3, {4, 5, 6, 7, 8, 9, 10, 11}};

struct text {
	uint8_t p[4096];
	size_t n;
};

static void put(struct text *t, const void *p, size_t n)
{
	assert_true(n <= sizeof t->p - t->n);
	memcpy(t->p + t->n, p, n);
	t->n += n;
}

/* @count signatures of @size bytes behind the owner, with bytes from @fill on. */
static void list(struct text *t, const EFI_GUID *type, uint32_t size, uint32_t count,
		 uint8_t fill)
{
	const EFI_SIGNATURE_LIST head = {*type, 28 + count * (16 + size), 0, 16 + size};
	uint8_t data[512];

	put(t, &head, sizeof head);
	for (uint32_t i = 0; i < count; i++) {
		memset(data, fill + (int)i, sizeof data);
		put(t, &owner, sizeof owner);
		put(t, data, size);
	}
}

static struct bytes all(const struct text *t)
{
	return (struct bytes){t->p, t->n};
}

/* Certificates are what is of one byte value; counts how often it was asked. */
static bool is_certificate(void *ctx, struct bytes der)
{
	++*(unsigned *)ctx;
	for (size_t i = 1; i < der.n; i++)
		if (der.p[i] != der.p[0])
			return false;
	return der.n > 0;
}

static bool check(const struct text *t, size_t *ret_count, unsigned *ret_asked)
{
	*ret_asked = 0;
	return siglist_check(all(t), is_certificate, ret_asked, ret_count);
}

static void t_types(void **state)
{
	static const struct {
		EFI_GUID type;
		uint32_t size; /* 0: any */
	} types[] = {
		{EFI_CERT_SHA1_GUID, 20},
		{EFI_CERT_SHA224_GUID, 28},
		{EFI_CERT_SHA256_GUID, 32},
		{EFI_CERT_SHA384_GUID, 48},
		{EFI_CERT_SHA512_GUID, 64},
		{EFI_CERT_RSA2048_GUID, 256},
		{EFI_CERT_RSA2048_SHA256_GUID, 256},
		{EFI_CERT_RSA2048_SHA1_GUID, 256},
		{EFI_CERT_X509_GUID, 0},
		{EFI_CERT_X509_SHA256_GUID, 48},
		{EFI_CERT_X509_SHA384_GUID, 64},
		{EFI_CERT_X509_SHA512_GUID, 80},
		{EFI_CERT_TYPE_PKCS7_GUID, 1000}, /* not a type of signature */
		{{0}, 1000},
	};
	size_t count;
	unsigned asked;

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++)
		for (uint32_t size = 0; size < 300; size++) {
			const bool any = types[i].size == 0;
			const bool ok = any ? size > 0 : size == types[i].size;
			struct text t = {.n = 0};

			list(&t, &types[i].type, size, 3, 1);
			if (check(&t, &count, &asked) != ok || (ok && count != 3) ||
			    asked != (any && ok ? 3U : 0U))
				fail_msg("type %zu, %u bytes", i, size);
		}
}

static void t_structure(void **state)
{
	struct text t = {.n = 0};
	EFI_SIGNATURE_LIST head;
	size_t count;
	unsigned asked;

	(void)state;
	assert_true(check(&t, &count, &asked)); /* nothing is no list */
	assert_int_equal(count, 0);
	list(&t, &sha256, 32, 2, 1);
	list(&t, &sha256, 32, 0, 1); /* without signatures */
	list(&t, &x509, 100, 1, 1);
	assert_true(check(&t, &count, &asked));
	assert_int_equal(count, 3);
	for (size_t n = t.n; n-- > 0;) { /* cut at each byte; between lists it is sound */
		struct text cut = t;

		cut.n = n;
		assert_int_equal(check(&cut, &count, &asked),
				 n == 0 || n == 28 + 96 || n == 28 + 96 + 28);
	}
	for (size_t i = 0; i < 8; i++) { /* bytes behind */
		put(&t, "\0", 1);
		assert_false(check(&t, &count, &asked));
	}
	t.n = 0;
	list(&t, &x509, 100, 0, 1);
	assert_false(check(&t, &count, &asked)); /* no certificate to look at */
	t.n = 0;
	list(&t, &x509, 100, 3, 1);
	t.p[28 + 2 * 116 + 16 + 50] ^= 1; /* the last one is none */
	assert_false(check(&t, &count, &asked));
	assert_int_equal(asked, 3);

	/* each length, off by some and at its ends */
	static const int64_t off[] = {-1, 1,   -16, 16,        -28,
				      28, -48, 48,  INT32_MAX, UINT32_MAX};
	for (unsigned field = 0; field < 3; field++)
		for (size_t i = 0; i < COUNT(off) + 3; i++) {
			uint32_t *lengths[] = {&head.SignatureListSize,
					       &head.SignatureHeaderSize,
					       &head.SignatureSize};

			t.n = 0;
			list(&t, &sha256, 32, 4, 1);
			memcpy(&head, t.p, sizeof head);
			*lengths[field] = i < COUNT(off)
						  ? *lengths[field] + (uint32_t)off[i]
						  : (uint32_t)(i - COUNT(off)) * 16;
			memcpy(t.p, &head, sizeof head);
			if (head.SignatureListSize == 28 + 4 * 48 &&
			    head.SignatureHeaderSize == 0 && head.SignatureSize == 48)
				continue;
			assert_false(check(&t, &count, &asked));
		}
}

/* A header is walked over, although no type that may be stored has one. */
static void t_header(void **state)
{
	EFI_SIGNATURE_LIST head = {sha256, 28 + 5 + 48, 5, 48};
	struct text t = {.n = 0};
	uint8_t out[200];
	struct siglist l;
	struct bytes rest;
	size_t count, n;
	unsigned asked;

	(void)state;
	put(&t, &head, sizeof head);
	put(&t, "12345", 5);
	put(&t, &owner, sizeof owner);
	put(&t, "0123456789abcdef0123456789abcdef", 32);
	rest = all(&t);
	assert_true(siglist_next(&rest, &l));
	assert_int_equal(rest.n, 0);
	assert_int_equal(l.signatures.n, 48);
	assert_ptr_equal(l.signatures.p, t.p + 33);
	assert_false(check(&t, &count, &asked));
	assert_true(siglist_filter((struct bytes){NULL, 0}, all(&t), out, &n));
	assert_int_equal(n, t.n);
	assert_memory_equal(out, t.p, n);
	head.SignatureHeaderSize = 54; /* all but the last byte, and more than there is */
	for (unsigned i = 0; i < 3;
	     i++, head.SignatureHeaderSize = i == 1 ? 55 : UINT32_MAX) {
		memcpy(t.p, &head, sizeof head);
		rest = all(&t);
		assert_false(siglist_next(&rest, &l));
		assert_int_equal(rest.n, t.n);
	}
}

static void t_certificates(void **state)
{
	struct text t = {.n = 0};
	struct siglist_certs c;
	struct bytes der;
	static const uint8_t want[] = {10, 11, 20};

	(void)state;
	list(&t, &sha256, 32, 2, 1);
	list(&t, &x509, 100, 2, 10);
	list(&t, &x509, 7, 0, 1);
	list(&t, &sha256, 32, 1, 1);
	list(&t, &x509, 50, 1, 20);
	put(&t, "garbage", 7);
	c = (struct siglist_certs){.rest = all(&t)};
	for (size_t i = 0; i < COUNT(want); i++) {
		assert_true(siglist_next_cert(&c, &der));
		assert_int_equal(der.n, want[i] < 20 ? 100 : 50);
		assert_int_equal(der.p[0], want[i]);
	}
	assert_false(siglist_next_cert(&c, &der));
	assert_false(siglist_next_cert(&c, &der));
}

/* One signature of a list, by itself. */
struct one {
	EFI_GUID type;
	uint32_t size;
	const uint8_t *p;
};

static size_t take_apart(struct bytes data, struct one *ret)
{
	struct siglist l;
	size_t n = 0;

	while (siglist_next(&data, &l))
		for (size_t at = 0; at < l.signatures.n; at += l.head.SignatureSize)
			ret[n++] = (struct one){l.head.SignatureType, l.head.SignatureSize,
						l.signatures.p + at};
	assert_int_equal(data.n, 0);
	return n;
}

static bool same(const struct one *a, const struct one *b)
{
	return memcmp(&a->type, &b->type, sizeof a->type) == 0 && a->size == b->size &&
	       memcmp(a->p, b->p, a->size) == 0;
}

static void random_lists(struct text *t)
{
	static const struct {
		EFI_GUID type;
		uint32_t size;
	} kinds[] = {{EFI_CERT_SHA256_GUID, 32},
		     {EFI_CERT_SHA1_GUID, 20},
		     {EFI_CERT_X509_GUID, 32},
		     {EFI_CERT_X509_GUID, 33}};

	t->n = 0;
	for (int i = rand() % 5; i > 0; i--) {
		const unsigned k = (unsigned)rand() % COUNT(kinds);

		list(t, &kinds[k].type, kinds[k].size, (uint32_t)rand() % 5,
		     (uint8_t)(rand() % 6));
		if (rand() % 3 == 0 && t->p[t->n - 20] != 0)
			t->p[t->n - 20] ^= 0x80;
	}
}

static void t_filter(void **state)
{
	static struct text old, more, out;
	static struct one olds[200], mores[200], outs[200];

	(void)state;
	srand(1);
	for (unsigned round = 0; round < 20000; round++) {
		size_t n = 0, next = 0;

		random_lists(&old);
		random_lists(&more);
		memset(out.p, 0xa5, sizeof out.p);
		assert_true(siglist_filter(all(&old), all(&more), out.p, &out.n));
		assert_in_range(out.n, 0, more.n);
		for (size_t i = out.n; i < sizeof out.p && i >= more.n; i++)
			assert_int_equal(out.p[i], 0xa5); /* nothing behind its room */
		const size_t old_n = take_apart(all(&old), olds),
			     more_n = take_apart(all(&more), mores),
			     out_n = take_apart(all(&out), outs);
		for (size_t i = 0; i < more_n; i++) {
			bool there = false;

			for (size_t k = 0; k < old_n && !there; k++)
				there = same(&mores[i], &olds[k]);
			if (there)
				continue;
			n++;
			assert_true(next < out_n && same(&mores[i], &outs[next]));
			next++;
		}
		assert_int_equal(n, out_n);
	}
	/* malformed, on either side */
	old.n = more.n = 0;
	list(&old, &sha256, 32, 1, 1);
	list(&more, &sha256, 32, 1, 2);
	old.n--;
	assert_false(siglist_filter(all(&old), all(&more), out.p, &out.n));
	old.n++;
	more.n--;
	assert_false(siglist_filter(all(&old), all(&more), out.p, &out.n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_types),  cmocka_unit_test(t_structure),
		cmocka_unit_test(t_header), cmocka_unit_test(t_certificates),
		cmocka_unit_test(t_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
