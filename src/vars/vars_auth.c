/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may write an authenticated variable (UEFI 2.10 §8.2.6, §32.3), as edk2's
 * AuthVariableLib decides it. A private authenticated variable is bound to its first signer
 * by a digest in its own record; edk2's certdb does not exist here.
 */
#include <string.h>

#include "base/guid.h"
#include "uefi/guids.h"
#include "vars/vars_priv.h"
#include "vars/vars_siglist.h"

#define HEADER_LEN sizeof(EFI_VARIABLE_AUTHENTICATION_2_HEADER)
#define TIME_LEN   sizeof(EFI_TIME)

/* Splits the data at the end of its descriptor. */
struct verdict auth_descriptor(struct rts_vars *v, struct request *r)
{
	EFI_VARIABLE_AUTHENTICATION_2_HEADER h;
	struct bytes after_time;

	(void)v;
	r->payload = r->data;
	if ((r->attr & ATTR_AT) == 0)
		return GO_ON;
	if (!bytes_read(r->data, 0, &h, sizeof h) ||
	    !bytes_sub(r->data, TIME_LEN, r->data.n - TIME_LEN, &after_time))
		return NO(EFI_SECURITY_VIOLATION,
			  "no authentication descriptor (UEFI 2.10 8.2.6)");
	if (h.AuthInfo.dwLength < HEADER_LEN - TIME_LEN ||
	    !bytes_sub(after_time, h.AuthInfo.dwLength,
		       after_time.n - (uint64_t)h.AuthInfo.dwLength, &r->payload))
		return NO(EFI_SECURITY_VIOLATION,
			  "authentication descriptor of a wrong length (UEFI 2.10 8.2.6)");
	r->time = h.TimeStamp;
	return GO_ON;
}

static uint64_t order_of(const EFI_TIME *t)
{
	return (uint64_t)t->Year << 40 | (uint64_t)t->Month << 32 | (uint64_t)t->Day << 24 |
	       (uint64_t)t->Hour << 16 | (uint64_t)t->Minute << 8 | t->Second;
}

bool auth_is_later(const EFI_TIME *a, const EFI_TIME *b)
{
	return order_of(a) > order_of(b);
}

static struct verdict check_time(const struct request *r)
{
	const EFI_TIME *t = &r->time;

	if (t->Pad1 != 0 || t->Nanosecond != 0 || t->TimeZone != 0 || t->Daylight != 0 ||
	    t->Pad2 != 0)
		return NO(EFI_SECURITY_VIOLATION,
			  "the time has parts that must be 0 (UEFI 2.10 8.2.6)");
	if (r->old != NULL && !is_append(r) && !auth_is_later(t, &r->old->var.time))
		return NO(EFI_SECURITY_VIOLATION,
			  "not newer than what is there (UEFI 2.10 8.2.6)");
	return GO_ON;
}

/* The descriptor's checks, then the signature's. On GO_ON the caller closes
 * *ret_signature. */
static struct verdict open_signature(const struct rts_vars *v, const struct request *r,
				     void **ret_signature)
{
	static const EFI_GUID pkcs7 = EFI_CERT_TYPE_PKCS7_GUID;
	const uint32_t attr = r->attr;
	const struct bytes content[] = {
		{(const uint8_t *)r->name, r->name_len - 2},
		{(const uint8_t *)r->guid, sizeof *r->guid},
		{(const uint8_t *)&attr, sizeof attr}, /* with APPEND_WRITE */
		{(const uint8_t *)&r->time, sizeof r->time},
		r->payload,
	};
	EFI_VARIABLE_AUTHENTICATION_2_HEADER h;
	struct verdict verdict = check_time(r);
	struct bytes message;
	const char *why;

	if (verdict.why != NULL)
		return verdict;
	if (!bytes_read(r->data, 0, &h, sizeof h) ||
	    !bytes_sub(r->data, HEADER_LEN, r->data.n - HEADER_LEN - r->payload.n,
		       &message) ||
	    h.AuthInfo.wCertificateType != WIN_CERT_TYPE_EFI_GUID ||
	    !guid_eq(&h.AuthInfo.CertType, &pkcs7))
		return NO(EFI_SECURITY_VIOLATION,
			  "the descriptor's certificate is not PKCS#7 (UEFI 2.10 8.2.6)");
	why = v->config.crypto->open(v->config.crypto_ctx, message, content,
				     sizeof content / sizeof *content, ret_signature);
	return why == NULL ? GO_ON : NO(EFI_SECURITY_VIOLATION, why);
}

/* Walks the certificates of a key variable; of one that this phase does not see, none. */
static struct siglist_certs certs_of(const struct rts_vars *v, const CHAR16 *name,
				     uint32_t name_len)
{
	static const EFI_GUID global = EFI_GLOBAL_VARIABLE_GUID;
	const struct node *n = table_find(v, &global, name, name_len);

	if (n == NULL || !visible(v, n))
		return (struct siglist_certs){{NULL, 0}, {NULL, 0}, 0};
	return (struct siglist_certs){.rest = {n->var.data, n->var.data_len}};
}

/* The platform key itself made the signature: no chain leads to it. */
static bool by_pk(const struct rts_vars *v, void *signature)
{
	const struct rts_var_crypto_ops *ops = v->config.crypto;
	struct siglist_certs certs = certs_of(v, u"PK", sizeof u"PK");
	struct bytes signer = ops->signer(v->config.crypto_ctx, signature), pk;

	return siglist_next_cert(&certs, &pk) && pk.n == signer.n &&
	       memcmp(pk.p, signer.p, pk.n) == 0 &&
	       ops->chains(v->config.crypto_ctx, signature, pk);
}

static bool by_kek(const struct rts_vars *v, void *signature)
{
	struct siglist_certs certs = certs_of(v, u"KEK", sizeof u"KEK");
	struct bytes kek;

	while (siglist_next_cert(&certs, &kek))
		if (v->config.crypto->chains(v->config.crypto_ctx, signature, kek))
			return true;
	return false;
}

static struct verdict check_key_signature(const struct rts_vars *v, const struct request *r)
{
	void *signature;
	struct verdict verdict = open_signature(v, r, &signature);
	bool ok;

	if (verdict.why != NULL)
		return verdict;
	ok = by_pk(v, signature) || (r->own == OWN_DB && by_kek(v, signature));
	v->config.crypto->close(v->config.crypto_ctx, signature);
	if (ok)
		return GO_ON;
	return NO(EFI_SECURITY_VIOLATION,
		  r->own == OWN_DB ? "signed by neither PK nor one of KEK (UEFI 2.10 32.3)"
				   : "not signed by PK (UEFI 2.10 32.3)");
}

static struct verdict check_lists(const struct rts_vars *v, const struct request *r)
{
	const struct rts_var_crypto_ops *ops = v->config.crypto;
	size_t count = 0, there = 0;

	if (!siglist_check(r->payload, ops->is_certificate, v->config.crypto_ctx, &count))
		return NO(EFI_INVALID_PARAMETER,
			  "not signature lists of known types (UEFI 2.10 32.4.1)");
	if (r->own != OWN_PK)
		return GO_ON;
	if (is_append(r) && r->old != NULL &&
	    !siglist_check((struct bytes){r->old->var.data, r->old->var.data_len},
			   ops->is_certificate, v->config.crypto_ctx, &there))
		return NO(EFI_INVALID_PARAMETER,
			  "the PK that is there is malformed (UEFI 2.10 32.4.1)");
	if (count + there > 1)
		return NO(EFI_INVALID_PARAMETER, "PK has one key at most (UEFI 2.10 32.3)");
	return GO_ON;
}

static struct verdict check_keys(struct rts_vars *v, struct request *r)
{
	const bool setup = modes_setup(v);
	struct verdict verdict = GO_ON;

	if ((r->attr & (ATTR_NV | ATTR_AT)) != (ATTR_NV | ATTR_AT))
		return NO(EFI_INVALID_PARAMETER,
			  "a secure boot variable without NV and AT attributes "
			  "(UEFI 2.10 32.3)");
	if (v->config.crypto == NULL)
		return NO(EFI_SECURITY_VIOLATION,
			  "this service cannot verify authenticated writes "
			  "(UEFI 2.10 8.2.6)");
	if (!setup && !modes_custom(v))
		verdict = check_key_signature(v, r);
	else
		r->unsigned_keys = !setup;
	return verdict.why != NULL ? verdict : check_lists(v, r);
}

/* Whom the variable belongs to: QEMU's formula, since stores are exchanged with it. */
static bool owner_of(const struct rts_vars *v, void *signature, uint8_t ret[32])
{
	const struct rts_var_crypto_ops *ops = v->config.crypto;
	uint8_t fingerprint[32];
	struct bytes top, parts[2] = {{0}, {fingerprint, sizeof fingerprint}};

	return ops->top(v->config.crypto_ctx, signature, &top, &parts[0]) &&
	       ops->chains(v->config.crypto_ctx, signature, top) &&
	       ops->sha256(v->config.crypto_ctx, &top, 1, fingerprint) &&
	       ops->sha256(v->config.crypto_ctx, parts, 2, ret);
}

static struct verdict check_private(const struct rts_vars *v, struct request *r)
{
	const struct node *old = r->old;
	struct verdict verdict;
	void *signature;

	if (v->config.crypto == NULL)
		return NO(EFI_SECURITY_VIOLATION,
			  "this service cannot verify authenticated writes "
			  "(UEFI 2.10 8.2.6)");
	verdict = open_signature(v, r, &signature);
	if (verdict.why != NULL)
		return verdict;
	r->has_digest = owner_of(v, signature, r->digest);
	v->config.crypto->close(v->config.crypto_ctx, signature);
	if (!r->has_digest)
		return NO(EFI_SECURITY_VIOLATION,
			  "the signer's certificates make no chain, or he has no name "
			  "(UEFI 2.10 8.2.6)");
	if (old != NULL && (!old->var.has_digest ||
			    memcmp(old->var.digest, r->digest, sizeof r->digest) != 0))
		return NO(EFI_SECURITY_VIOLATION,
			  "signed by another than who wrote it first (UEFI 2.10 8.2.6)");
	return GO_ON;
}

struct verdict auth_check(struct rts_vars *v, struct request *r)
{
	if (r->own >= OWN_PK)
		return check_keys(v, r);
	if ((r->attr & ATTR_AT) != 0)
		return check_private(v, r);
	if (r->old != NULL && (r->old->var.attr & ATTR_AT) != 0)
		return NO(EFI_WRITE_PROTECTED,
			  "an authenticated variable, written without signature "
			  "(UEFI 2.10 8.2.6)");
	return GO_ON;
}
