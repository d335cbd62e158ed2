/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Variables that the service computes (UEFI 2.10 §3.3: SetupMode, SecureBoot,
 * SignatureSupport, VendorKeys) or keeps for itself, and what follows for whoever wants to
 * write them.
 */
#include "base/guid.h"
#include "uefi/guids.h"
#include "vars/vars_priv.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MAX_CHARS 17

static const struct {
	EFI_GUID guid;
	CHAR16 name[NAME_MAX_CHARS];
	enum own own;
} table[] = {
	{EFI_GLOBAL_VARIABLE_GUID, u"SetupMode", OWN_COMPUTED},
	{EFI_GLOBAL_VARIABLE_GUID, u"SecureBoot", OWN_COMPUTED},
	{EFI_GLOBAL_VARIABLE_GUID, u"SignatureSupport", OWN_COMPUTED},
	{EFI_GLOBAL_VARIABLE_GUID, u"VendorKeys", OWN_COMPUTED},
	{EFI_VENDOR_KEYS_NV_GUID, u"VendorKeysNv", OWN_PRIVATE},
	{EFI_CERT_DB_GUID, u"certdb", OWN_PRIVATE},
	{EFI_CERT_DB_GUID, u"certdbv", OWN_PRIVATE},
	{EFI_SECURE_BOOT_ENABLE_DISABLE_GUID, u"SecureBootEnable", OWN_PRESENCE},
	{EFI_CUSTOM_MODE_ENABLE_GUID, u"CustomMode", OWN_PRESENCE},
	{EFI_GLOBAL_VARIABLE_GUID, u"PK", OWN_SECUREBOOT},
	{EFI_GLOBAL_VARIABLE_GUID, u"KEK", OWN_SECUREBOOT},
	{EFI_IMAGE_SECURITY_DATABASE_GUID, u"db", OWN_SECUREBOOT},
	{EFI_IMAGE_SECURITY_DATABASE_GUID, u"dbx", OWN_SECUREBOOT},
	{EFI_IMAGE_SECURITY_DATABASE_GUID, u"dbt", OWN_SECUREBOOT},
};

enum own own_variable(const EFI_GUID *guid, const CHAR16 *name, uint32_t name_len)
{
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (name_len <= sizeof table[i].name && guid_eq(guid, &table[i].guid) &&
		    memcmp(name, table[i].name, name_len) == 0)
			return table[i].own;
	return OWN_NONE;
}

static EFI_STATUS compute(struct rts_vars *v, const CHAR16 *name, uint32_t name_len,
			  const void *data, uint32_t data_len)
{
	const struct rts_var var = {.guid = EFI_GLOBAL_VARIABLE_GUID,
				    .attr = ATTR_BS | ATTR_RT,
				    .name = name,
				    .name_len = name_len,
				    .data = data,
				    .data_len = data_len};
	struct change c = {table_find(v, &var.guid, name, name_len), node_new(v, &var)};

	if (c.new == NULL || EFI_ERROR(table_reserve(v, 1))) {
		free(c.new);
		return EFI_OUT_OF_RESOURCES;
	}
	c.new->computed = true;
	table_apply(v, &c);
	return EFI_SUCCESS;
}

#define COMPUTE(v, name, data, len) compute(v, name, sizeof(name), data, len)

EFI_STATUS modes_compute(struct rts_vars *v)
{
	static const EFI_GUID global = EFI_GLOBAL_VARIABLE_GUID;
	static const EFI_GUID enable = EFI_SECURE_BOOT_ENABLE_DISABLE_GUID;
	static const EFI_GUID support[] = {EFI_CERT_SHA1_GUID,    EFI_CERT_SHA256_GUID,
					   EFI_CERT_SHA384_GUID,  EFI_CERT_SHA512_GUID,
					   EFI_CERT_RSA2048_GUID, EFI_CERT_X509_GUID};
	static const CHAR16 pk[] = u"PK", sbe[] = u"SecureBootEnable";
	const struct node *switched = table_find(v, &enable, sbe, sizeof sbe);
	const uint8_t setup = table_find(v, &global, pk, sizeof pk) == NULL;
	const uint8_t secure =
		!setup && (switched == NULL ||
			   (switched->var.data_len == 1 && switched->var.data[0] == 1));
	const uint8_t vendor_keys = 1;
	EFI_STATUS status = COMPUTE(v, u"SetupMode", &setup, 1);

	if (!EFI_ERROR(status))
		status = COMPUTE(v, u"SecureBoot", &secure, 1);
	if (!EFI_ERROR(status))
		status = COMPUTE(v, u"SignatureSupport", support, sizeof support);
	if (!EFI_ERROR(status))
		status = COMPUTE(v, u"VendorKeys", &vendor_keys, 1);
	return status;
}
