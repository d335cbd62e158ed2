/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Authenticated writes, many in one input: each is a byte that tells the variable, two of
 * length, then the data. The service verifies with OpenSSL; beside it stands one for which
 * nobody ever signed, and which must not take anything once it has a PK.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto_pkcs7.h"
#include "uefi/guids.h"
#include "vars/vars_siglist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ATTR 0x27U /* NV, BS, RT, AT */

static const struct {
	CHAR16 name[5];
	uint8_t len;
	uint32_t attr;
	EFI_GUID guid;
} names[] = {
	{u"PK", 6, ATTR, EFI_GLOBAL_VARIABLE_GUID},
	{u"KEK", 8, ATTR, EFI_GLOBAL_VARIABLE_GUID},
	{u"db", 6, ATTR, EFI_IMAGE_SECURITY_DATABASE_GUID},
	{u"dbx", 8, ATTR, EFI_IMAGE_SECURITY_DATABASE_GUID},
	{u"dbt", 8, ATTR, EFI_IMAGE_SECURITY_DATABASE_GUID},
	{u"Mine", 10, ATTR, EFI_CERT_TYPE_PKCS7_GUID},
	{u"V", 4, 0x26, EFI_CERT_TYPE_PKCS7_GUID},
};
enum { PK, KEYS = 5, EVENT = 7 };

static void require(bool ok)
{
	if (!ok)
		abort();
}

static const char *nobody_signed(void *ctx, struct bytes message,
				 const struct bytes *content, size_t count, void **ret)
{
	(void)ctx, (void)message, (void)content, (void)count, (void)ret;
	return "nobody";
}

static bool is_certificate(void *ctx, struct bytes der)
{
	return crypto_vars.is_certificate(ctx, der);
}

static bool has(const struct rts_vars *v, size_t i, uint8_t *value, uint64_t *len)
{
	uint32_t attr;

	return rts_vars_get(v, names[i].name, names[i].len, &names[i].guid, &attr, len,
			    value) == EFI_SUCCESS;
}

static uint8_t mode(const struct rts_vars *v, const CHAR16 *name, size_t name_len)
{
	static const EFI_GUID global = EFI_GLOBAL_VARIABLE_GUID;
	uint64_t len = 1;
	uint32_t attr;
	uint8_t value = 0xff;

	require(rts_vars_get(v, name, name_len, &global, &attr, &len, &value) ==
		EFI_SUCCESS);
	return value;
}

static void check(const struct rts_vars *v, struct crypto *c)
{
	static uint8_t value[65536];
	struct rts_vars_cursor cursor = {0};
	const struct rts_var *var;
	uint64_t used = 0, max, left, most;
	size_t count;

	for (size_t i = 0; i < KEYS; i++) {
		uint64_t len = sizeof value;
		const bool there = has(v, i, value, &len);

		if (i == PK) {
			require(mode(v, u"SetupMode", 20) == !there);
			require(there || rts_vars_phase(v).runtime ||
				mode(v, u"SecureBoot", 22) == 0);
		}
		if (!there)
			continue;
		require(siglist_check((struct bytes){value, len}, is_certificate, c,
				      &count));
		require(i != PK || count <= 1);
	}
	while (rts_vars_view_next(rts_vars_current(v), &cursor, &var)) {
		require((var->attr & 0x40) == 0);
		require(var->name[0] != 'M' || (var->attr & 0x20) == 0 || var->has_digest);
		if ((var->attr & 1) != 0)
			used += 96 + (uint64_t)var->name_len + var->data_len +
				(var->has_digest ? 32 : 0);
	}
	require(rts_vars_query(v, 7, &max, &left, &most) == EFI_SUCCESS &&
		max - left == used);
}

static void event(struct rts_vars *v, unsigned which)
{
	static const EFI_GUID custom = EFI_CUSTOM_MODE_ENABLE_GUID;

	switch (which) {
	case 0:
		rts_vars_end_of_dxe(v);
		break;
	case 1:
		rts_vars_exit_boot_services(v);
		break;
	case 2:
		rts_vars_reset(v);
		break;
	default:
		rts_vars_set(v, u"CustomMode", 22, &custom, 3, "\1", 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct crypto *c;
	struct rts_var_crypto_ops nobody = crypto_vars;
	struct rts_vars_config config = {.crypto = &crypto_vars};
	struct rts_vars *v, *w;

	if (size == 0)
		return 0;
	if (c == NULL)
		require(crypto_new(&c) == 0);
	nobody.open = nobody_signed;
	config.crypto_ctx = c;
	config.physical_presence = (data[0] & 1) != 0;
	require(rts_vars_new(&config, &v) == EFI_SUCCESS &&
		rts_vars_start(v) == EFI_SUCCESS);
	config.crypto = &nobody;
	config.physical_presence = false;
	require(rts_vars_new(&config, &w) == EFI_SUCCESS &&
		rts_vars_start(w) == EFI_SUCCESS);
	for (data++, size--; size >= 3;) {
		const size_t i = data[0] & 7, want = (size_t)data[1] | (size_t)data[2] << 8;
		const uint8_t op = data[0];
		uint32_t attr;

		data += 3;
		size -= 3;
		if (i == EVENT) {
			event(v, op >> 3 & 3);
			event(w, op >> 3 & 3);
			continue;
		}
		const size_t n = want < size ? want : size;
		attr = (op & 0x30) == 0x10 ? 0 : (op & 0x30) == 0x20 ? 7 : names[i].attr;
		attr |= (uint32_t)(op & 8) << 3; /* APPEND_WRITE */
		const bool setup = mode(w, u"SetupMode", 20) == 1;
		EFI_STATUS status = rts_vars_set(w, names[i].name, names[i].len,
						 &names[i].guid, attr, data, n);
		/* who has no AT is no authenticated variable */
		require(EFI_ERROR(status) || (setup && i < KEYS) ||
			(i >= KEYS && (attr & 0x20) == 0));
		rts_vars_set(v, names[i].name, names[i].len, &names[i].guid, attr, data, n);
		check(v, c);
		data += n;
		size -= n;
	}
	rts_vars_free(v);
	rts_vars_free(w);
	return 0;
}
