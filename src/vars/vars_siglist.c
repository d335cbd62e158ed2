/* SPDX-License-Identifier: BSD-2-Clause */
/* Signature lists. Every length in them is a stranger's. */
#include "vars/vars_siglist.h"

#include <string.h>

#include "base/guid.h"
#include "uefi/guids.h"

#define OWNER_LEN sizeof(EFI_GUID)
#define ANY       0U /* at least one byte */

/* What may be stored, and how long it is behind its owner. */
static const struct {
	EFI_GUID type;
	uint32_t len;
} types[] = {
	{EFI_CERT_SHA256_GUID, 32},
	{EFI_CERT_X509_GUID, ANY},
	{EFI_CERT_RSA2048_GUID, 256},
	{EFI_CERT_RSA2048_SHA256_GUID, 256},
	{EFI_CERT_SHA1_GUID, 20},
	{EFI_CERT_RSA2048_SHA1_GUID, 256},
	{EFI_CERT_SHA224_GUID, 28},
	{EFI_CERT_SHA384_GUID, 48},
	{EFI_CERT_SHA512_GUID, 64},
	{EFI_CERT_X509_SHA256_GUID, 48}, /* a hash and the time of revocation */
	{EFI_CERT_X509_SHA384_GUID, 64},
	{EFI_CERT_X509_SHA512_GUID, 80},
};

static const EFI_GUID x509 = EFI_CERT_X509_GUID;

bool siglist_next(struct bytes *rest, struct siglist *ret)
{
	struct siglist l;

	if (!bytes_read(*rest, 0, &l.head, sizeof l.head) ||
	    l.head.SignatureSize <= OWNER_LEN ||
	    !bytes_sub(*rest, 0, l.head.SignatureListSize, &l.all) ||
	    l.all.n < sizeof l.head ||
	    !bytes_sub(l.all, sizeof l.head, l.all.n - sizeof l.head, &l.signatures) ||
	    !bytes_sub(l.signatures, l.head.SignatureHeaderSize,
		       l.signatures.n - (uint64_t)l.head.SignatureHeaderSize,
		       &l.signatures) ||
	    l.signatures.n % l.head.SignatureSize != 0)
		return false;
	*rest = (struct bytes){rest->p + l.all.n, rest->n - l.all.n};
	*ret = l;
	return true;
}

static bool type_allows(const EFI_SIGNATURE_LIST *head)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (guid_eq(&types[i].type, &head->SignatureType))
			return head->SignatureHeaderSize == 0 &&
			       (types[i].len == ANY ||
				head->SignatureSize == OWNER_LEN + types[i].len);
	return false;
}

bool siglist_check(struct bytes data, bool (*is_certificate)(void *ctx, struct bytes der),
		   void *ctx, size_t *ret_count)
{
	struct bytes rest = data;
	struct siglist l;
	size_t count = 0;

	while (siglist_next(&rest, &l)) {
		const size_t size = l.head.SignatureSize;

		if (!type_allows(&l.head))
			return false;
		count += l.signatures.n / size;
		if (!guid_eq(&l.head.SignatureType, &x509))
			continue;
		if (l.signatures.n == 0)
			return false;
		for (size_t at = 0; at < l.signatures.n; at += size)
			if (!is_certificate(ctx,
					    (struct bytes){l.signatures.p + at + OWNER_LEN,
							   size - OWNER_LEN}))
				return false;
	}
	*ret_count = count;
	return rest.n == 0;
}

bool siglist_next_cert(struct siglist_certs *c, struct bytes *ret_der)
{
	struct siglist l;

	while (c->left.n == 0) {
		if (!siglist_next(&c->rest, &l))
			return false;
		if (guid_eq(&l.head.SignatureType, &x509)) {
			c->left = l.signatures;
			c->size = l.head.SignatureSize;
		}
	}
	*ret_der = (struct bytes){c->left.p + OWNER_LEN, c->size - OWNER_LEN};
	c->left = (struct bytes){c->left.p + c->size, c->left.n - c->size};
	return true;
}

/* Whether @old, which is well-formed, has this signature in a list of the same kind. */
static bool has(struct bytes old, const EFI_SIGNATURE_LIST *kind, const uint8_t *signature)
{
	const size_t size = kind->SignatureSize;
	struct siglist l;

	while (siglist_next(&old, &l)) {
		if (!guid_eq(&l.head.SignatureType, &kind->SignatureType) ||
		    l.head.SignatureSize != size)
			continue;
		for (size_t at = 0; at < l.signatures.n; at += size)
			if (memcmp(l.signatures.p + at, signature, size) == 0)
				return true;
	}
	return false;
}

static bool well_formed(struct bytes data)
{
	struct siglist l;

	while (siglist_next(&data, &l))
		;
	return data.n == 0;
}

bool siglist_filter(struct bytes old, struct bytes more, uint8_t *ret, size_t *ret_len)
{
	size_t len = 0;
	struct siglist l;

	if (!well_formed(old))
		return false;
	while (siglist_next(&more, &l)) {
		const size_t head_len = l.all.n - l.signatures.n;
		EFI_SIGNATURE_LIST head = l.head;
		size_t at = len + head_len;

		for (size_t i = 0; i < l.signatures.n; i += head.SignatureSize) {
			if (has(old, &head, l.signatures.p + i))
				continue;
			memcpy(ret + at, l.signatures.p + i, head.SignatureSize);
			at += head.SignatureSize;
		}
		if (at == len + head_len)
			continue; /* none of this list is new */
		head.SignatureListSize = (uint32_t)(at - len);
		memcpy(ret + len, l.all.p, head_len);
		memcpy(ret + len, &head, sizeof head);
		len = at;
	}
	*ret_len = len;
	return more.n == 0;
}
