/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The modes of secure boot (UEFI 2.10 §32.3; no audit and no deployed mode, as in edk2),
 * the variables that tell them, and who may change those. What has its default value and is
 * not in the store is not put there: it is computed at every start.
 */
#include <stdlib.h>
#include <string.h>

#include "base/guid.h"
#include "uefi/guids.h"
#include "vars/vars_priv.h"

#define NAME_MAX_CHARS 17

static const EFI_GUID global = EFI_GLOBAL_VARIABLE_GUID;
static const EFI_GUID enable_guid = EFI_SECURE_BOOT_ENABLE_DISABLE_GUID;
static const EFI_GUID custom_guid = EFI_CUSTOM_MODE_ENABLE_GUID;
static const EFI_GUID vendor_guid = EFI_VENDOR_KEYS_NV_GUID;

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
	{EFI_SECURE_BOOT_ENABLE_DISABLE_GUID, u"SecureBootEnable", OWN_ENABLE},
	{EFI_CUSTOM_MODE_ENABLE_GUID, u"CustomMode", OWN_CUSTOM},
	{EFI_GLOBAL_VARIABLE_GUID, u"PK", OWN_PK},
	{EFI_GLOBAL_VARIABLE_GUID, u"KEK", OWN_KEK},
	{EFI_IMAGE_SECURITY_DATABASE_GUID, u"db", OWN_DB},
	{EFI_IMAGE_SECURITY_DATABASE_GUID, u"dbx", OWN_DB},
	{EFI_IMAGE_SECURITY_DATABASE_GUID, u"dbt", OWN_DB},
};

enum own own_variable(const EFI_GUID *guid, const CHAR16 *name, uint32_t name_len)
{
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (name_len <= sizeof table[i].name && guid_eq(guid, &table[i].guid) &&
		    memcmp(name, table[i].name, name_len) == 0)
			return table[i].own;
	return OWN_NONE;
}

#define FIND(v, guid, name) table_find(v, guid, name, sizeof(name))

bool modes_setup(const struct rts_vars *v)
{
	return FIND(v, &global, u"PK") == NULL;
}

/* The value of a variable of one byte, or @none. */
static uint8_t byte_of(const struct node *n, uint8_t none)
{
	return n != NULL && n->var.data_len > 0 ? n->var.data[0] : none;
}

/* An operating system does not see CustomMode; so it ends for it. */
bool modes_custom(const struct rts_vars *v)
{
	return v->config.physical_presence && !v->phase.runtime &&
	       byte_of(FIND(v, &custom_guid, u"CustomMode"), 0) == 1;
}

/* Adds a change: @old, the variable that is there, becomes @data. */
static EFI_STATUS put(struct rts_vars *v, struct change *changes, size_t *count,
		      const struct rts_var *var, bool computed)
{
	struct node *n = node_new(v, var);

	if (n == NULL)
		return EFI_OUT_OF_RESOURCES;
	n->computed = computed;
	changes[(*count)++] =
		(struct change){table_find(v, &var->guid, var->name, var->name_len), n};
	return EFI_SUCCESS;
}

/* One variable of ours. */
#define OURS(g, n, a, p, len)                            \
	(&(struct rts_var){.guid = (g),                  \
			   .attr = (a),                  \
			   .name = (n),                  \
			   .name_len = sizeof(n),        \
			   .data = (const uint8_t *)(p), \
			   .data_len = (uint32_t)(len)})
#define TOLD(n, p, len) OURS(global, n, ATTR_BS | ATTR_RT, p, len)

/* A start of the machine: nothing is put into the store, which has it all the next time. */
EFI_STATUS modes_compute(struct rts_vars *v)
{
	static const EFI_GUID support[] = {EFI_CERT_SHA1_GUID,    EFI_CERT_SHA256_GUID,
					   EFI_CERT_SHA384_GUID,  EFI_CERT_SHA512_GUID,
					   EFI_CERT_RSA2048_GUID, EFI_CERT_X509_GUID};
	static const uint8_t zero = 0, one = 1;
	const struct node *enable = FIND(v, &enable_guid, u"SecureBootEnable");
	const struct node *custom = FIND(v, &custom_guid, u"CustomMode");
	const struct node *vendor = FIND(v, &vendor_guid, u"VendorKeysNv");
	const uint8_t setup = modes_setup(v);
	const uint8_t secure = !setup && (v->config.force_secure_boot || enable == NULL ||
					  byte_of(enable, 0) == 1);
	const uint8_t vendor_keys = byte_of(vendor, 1);
	struct change changes[7];
	size_t n = 0;
	EFI_STATUS status = put(v, changes, &n, TOLD(u"SetupMode", &setup, 1), true);

	if (!EFI_ERROR(status))
		status = put(v, changes, &n, TOLD(u"SecureBoot", &secure, 1), true);
	if (!EFI_ERROR(status))
		status = put(v, changes, &n,
			     TOLD(u"SignatureSupport", support, sizeof support), true);
	if (!EFI_ERROR(status))
		status = put(v, changes, &n, TOLD(u"VendorKeys", &vendor_keys, 1), true);
	if (!EFI_ERROR(status) && (custom == NULL || byte_of(custom, 0) != 0))
		status = put(v, changes, &n,
			     OURS(custom_guid, u"CustomMode", ATTR_NV | ATTR_BS, &zero, 1),
			     custom == NULL);
	if (!EFI_ERROR(status) && vendor == NULL)
		status = put(v, changes, &n,
			     OURS(vendor_guid, u"VendorKeysNv", ATTR_NV | ATTR_BS | ATTR_AT,
				  &one, 1),
			     true);
	if (!EFI_ERROR(status) && enable == NULL && !setup)
		status = put(
			v, changes, &n,
			OURS(enable_guid, u"SecureBootEnable", ATTR_NV | ATTR_BS, &one, 1),
			true);
	if (!EFI_ERROR(status))
		status = table_reserve(v, n);
	for (size_t i = 0; i < n; i++)
		if (EFI_ERROR(status))
			free(changes[i].new);
		else
			table_apply(v, &changes[i]);
	return status;
}

/* What edk2 checks by a variable's property. There it holds from EndOfDxe on; nobody has a
 * reason to try earlier. */
struct verdict modes_properties(struct rts_vars *v, struct request *r)
{
	(void)v;
	r->own = own_variable(r->guid, r->name, r->name_len);
	switch (r->own) {
	case OWN_COMPUTED:
	case OWN_PRIVATE:
		return NO(EFI_WRITE_PROTECTED,
			  "read-only: the firmware's own (UEFI 2.10 3.3)");
	case OWN_ENABLE:
	case OWN_CUSTOM:
		if (!is_delete(r) && (r->attr != (ATTR_NV | ATTR_BS) || r->payload.n != 1))
			return NO(EFI_INVALID_PARAMETER,
				  "not one byte with NV and BS attributes "
				  "(edk2 AuthVariableLib)");
		return GO_ON;
	default:
		return GO_ON;
	}
}

struct verdict modes_presence(struct rts_vars *v, struct request *r)
{
	if ((r->own == OWN_ENABLE || r->own == OWN_CUSTOM) && !v->config.physical_presence)
		return NO(EFI_SECURITY_VIOLATION,
			  "needs a physically present user "
			  "(edk2 AuthVariableLib, see --physical-presence)");
	return GO_ON;
}

/* What the host decided, whoever asks. */
struct verdict modes_forced(struct rts_vars *v, struct request *r)
{
	if (r->own == OWN_CUSTOM && v->config.no_custom_mode)
		return NO(EFI_WRITE_PROTECTED,
			  "custom mode is forbidden (see --no-custom-mode)");
	if (v->config.force_secure_boot &&
	    ((r->own == OWN_ENABLE && (is_delete(r) || r->payload.p[0] != 1)) ||
	     (r->own == OWN_PK && is_delete(r))))
		return NO(EFI_WRITE_PROTECTED,
			  "secure boot cannot be switched off (see --force-secure-boot)");
	return GO_ON;
}

/* PK came or went: SetupMode at once; SecureBoot and SecureBootEnable only as long as what
 * boots can still mind them. */
static EFI_STATUS follow_pk(struct rts_vars *v, struct request *r, bool setup)
{
	const uint8_t is_setup = setup, secure = !setup;
	struct node *enable = FIND(v, &enable_guid, u"SecureBootEnable");
	EFI_STATUS status = put(v, r->changes, &r->change_count,
				TOLD(u"SetupMode", &is_setup, 1), true);

	if (EFI_ERROR(status) || v->phase.runtime)
		return status;
	status =
		put(v, r->changes, &r->change_count, TOLD(u"SecureBoot", &secure, 1), true);
	if (EFI_ERROR(status))
		return status;
	if (!setup)
		return put(v, r->changes, &r->change_count,
			   OURS(enable_guid, u"SecureBootEnable", ATTR_NV | ATTR_BS,
				&secure, 1),
			   false);
	if (enable != NULL)
		r->changes[r->change_count++] = (struct change){enable, NULL};
	return EFI_SUCCESS;
}

/* Keys were changed, and nobody signed for it. */
static EFI_STATUS follow_unsigned(struct rts_vars *v, struct request *r)
{
	static const uint8_t modified = 0;
	EFI_STATUS status;

	if (byte_of(FIND(v, &global, u"VendorKeys"), 0) == modified)
		return EFI_SUCCESS;
	status = put(v, r->changes, &r->change_count,
		     OURS(vendor_guid, u"VendorKeysNv", ATTR_NV | ATTR_BS | ATTR_AT,
			  &modified, 1),
		     false);
	return EFI_ERROR(status) ? status
				 : put(v, r->changes, &r->change_count,
				       TOLD(u"VendorKeys", &modified, 1), true);
}

struct verdict modes_follow(struct rts_vars *v, struct request *r)
{
	const struct change *c = &r->changes[0];
	EFI_STATUS status = EFI_SUCCESS;

	if (r->own == OWN_PK && (c->old == NULL || c->new == NULL))
		status = follow_pk(v, r, c->new == NULL);
	if (!EFI_ERROR(status) && r->unsigned_keys)
		status = follow_unsigned(v, r);
	return EFI_ERROR(status) ? NO(status, "no memory (UEFI 2.10 8.2.3)") : GO_ON;
}
