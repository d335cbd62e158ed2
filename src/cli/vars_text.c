/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values of variables as text for people: which form one has is told by its name and
 * namespace (UEFI 2.10 §3.3, shim's), and one that lacks that form is shown as bytes.
 */
#include <inttypes.h>
#include <string.h>

#include "base/guid.h"
#include "base/ucs2.h"
#include "cli/vars.h"
#include "uefi/guids.h"
#include "vars/vars_siglist.h"

#define SHORT_BYTES 24U /* of bytes that mean nothing to us, on one line */
#define SHORT_TEXT  60U
#define SHORT_CERTS 3U /* names of certificates on one line */

void vars_print_guid(FILE *to, const EFI_GUID *guid)
{
	char text[GUID_TEXT_LEN + 1];

	guid_to_text(guid, text);
	fputs(text, to);
}

void vars_print_hex(FILE *to, struct bytes b, size_t max)
{
	for (size_t i = 0; i < b.n && i < max; i++)
		fprintf(to, "%02x", b.p[i]);
	if (b.n > max)
		fputs("...", to);
}

static void put_char(FILE *to, CHAR16 c)
{
	char utf8[4];
	size_t n = ucs2_to_utf8(&c, 1, utf8, sizeof utf8);

	if (cli_is_unsafe(c))
		fputc('?', to);
	else
		fwrite(utf8, 1, n, to);
}

void vars_print_ucs2(FILE *to, struct bytes text)
{
	CHAR16 c;

	for (size_t i = 0; bytes_read(text, i, &c, sizeof c) && c != 0; i += sizeof c)
		put_char(to, c);
}

void vars_print_name(FILE *to, const CHAR16 *name, uint32_t name_len)
{
	for (uint32_t i = 0; i < name_len / 2 && name[i] != 0; i++)
		put_char(to, name[i]);
}

void vars_print_time(FILE *to, const EFI_TIME *t)
{
	fprintf(to, "%04u-%02u-%02uT%02u:%02u:%02uZ", t->Year, t->Month, t->Day, t->Hour,
		t->Minute, t->Second);
	if (t->Pad1 != 0 || t->Nanosecond != 0 || t->TimeZone != 0 || t->Daylight != 0 ||
	    t->Pad2 != 0) { /* no service writes these */
		fputs(" and ", to);
		vars_print_hex(to, (struct bytes){(const uint8_t *)t + 7, 9}, SIZE_MAX);
	}
}

static void put_text(FILE *to, const char *text)
{
	cli_print_text(to, text);
}

bool vars_option_read(struct bytes b, struct vars_option *ret)
{
	struct vars_option o = {0};
	uint16_t path_len;
	size_t end = 6;
	CHAR16 c;

	if (!bytes_read(b, 0, &o.attributes, 4) || !bytes_read(b, 4, &path_len, 2))
		return false;
	do {
		if (!bytes_read(b, end, &c, sizeof c))
			return false;
		end += sizeof c;
	} while (c != 0);
	if (!bytes_sub(b, 6, end - 8, &o.description) ||
	    !bytes_sub(b, end, path_len, &o.path) ||
	    !bytes_sub(b, end + path_len, b.n - end - path_len, &o.data))
		return false;
	*ret = o;
	return true;
}

/* #### are four hexadecimal digits. */
static const struct {
	EFI_GUID guid;
	const char *name;
	enum vars_kind kind;
} forms[] = {
	{EFI_GLOBAL_VARIABLE_GUID, "Boot####", VARS_OPTION},
	{EFI_GLOBAL_VARIABLE_GUID, "Driver####", VARS_OPTION},
	{EFI_GLOBAL_VARIABLE_GUID, "SysPrep####", VARS_OPTION},
	{EFI_GLOBAL_VARIABLE_GUID, "PlatformRecovery####", VARS_OPTION},
	{EFI_GLOBAL_VARIABLE_GUID, "BootOrder", VARS_ORDER},
	{EFI_GLOBAL_VARIABLE_GUID, "DriverOrder", VARS_ORDER},
	{EFI_GLOBAL_VARIABLE_GUID, "SysPrepOrder", VARS_ORDER},
	{EFI_GLOBAL_VARIABLE_GUID, "BootNext", VARS_ORDER},
	{EFI_GLOBAL_VARIABLE_GUID, "BootCurrent", VARS_ORDER},
	{EFI_GLOBAL_VARIABLE_GUID, "ConIn", VARS_PATH},
	{EFI_GLOBAL_VARIABLE_GUID, "ConOut", VARS_PATH},
	{EFI_GLOBAL_VARIABLE_GUID, "ErrOut", VARS_PATH},
	{EFI_GLOBAL_VARIABLE_GUID, "PK", VARS_SIGNATURES},
	{EFI_GLOBAL_VARIABLE_GUID, "KEK", VARS_SIGNATURES},
	{EFI_GLOBAL_VARIABLE_GUID, "Lang", VARS_STRING},
	{EFI_GLOBAL_VARIABLE_GUID, "PlatformLang", VARS_STRING},
	{EFI_GLOBAL_VARIABLE_GUID, "Timeout", VARS_NUMBER},
	{EFI_GLOBAL_VARIABLE_GUID, "OsIndications", VARS_NUMBER},
	{EFI_GLOBAL_VARIABLE_GUID, "HwErrRecSupport", VARS_NUMBER},
	{EFI_GLOBAL_VARIABLE_GUID, "VendorKeysNv", VARS_SWITCH},
	{EFI_VENDOR_KEYS_NV_GUID, "VendorKeysNv", VARS_SWITCH},
	{EFI_SECURE_BOOT_ENABLE_DISABLE_GUID, "SecureBootEnable", VARS_SWITCH},
	{EFI_CUSTOM_MODE_ENABLE_GUID, "CustomMode", VARS_SWITCH},
	{EFI_IMAGE_SECURITY_DATABASE_GUID, "db", VARS_SIGNATURES},
	{EFI_IMAGE_SECURITY_DATABASE_GUID, "dbx", VARS_SIGNATURES},
	{EFI_IMAGE_SECURITY_DATABASE_GUID, "dbt", VARS_SIGNATURES},
	{SHIM_LOCK_GUID, "MokList", VARS_SIGNATURES},
	{SHIM_LOCK_GUID, "MokListX", VARS_SIGNATURES},
	{SHIM_LOCK_GUID, "MokListTrusted", VARS_SWITCH},
	{SHIM_LOCK_GUID, "MokSBState", VARS_SWITCH},
	{SHIM_LOCK_GUID, "SbatLevel", VARS_STRING},
	{SHIM_LOCK_GUID, "SbatLevelRT", VARS_STRING},
	{SHIM_LOCK_GUID, "SHIM_DEBUG", VARS_NUMBER},
	{SHIM_LOCK_GUID, "SHIM_VERBOSE", VARS_NUMBER},
	{SHIM_LOCK_GUID, "FALLBACK_VERBOSE", VARS_NUMBER},
	{SHIM_LOCK_GUID, "FB_NO_REBOOT", VARS_NUMBER},
};

static bool is_ascii(struct bytes b)
{
	if (b.n > 0 && b.p[b.n - 1] == 0)
		b.n--;
	for (size_t i = 0; i < b.n; i++)
		if ((b.p[i] < 0x20 && b.p[i] != '\n') || b.p[i] >= 0x7f)
			return false;
	return b.n > 0;
}

static bool lists_well_formed(struct bytes rest)
{
	struct siglist l;

	while (siglist_next(&rest, &l))
		;
	return rest.n == 0;
}

enum vars_kind vars_kind(const struct rts_var *var)
{
	const struct bytes data = {var->data, var->data_len};
	enum vars_kind kind = VARS_BYTES;
	struct vars_option option;

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		if (guid_eq(&var->guid, &forms[i].guid) &&
		    vars_name_is(var->name, var->name_len, forms[i].name))
			kind = forms[i].kind;
	if ((kind == VARS_OPTION && !vars_option_read(data, &option)) ||
	    (kind == VARS_ORDER && data.n % 2 != 0) ||
	    (kind == VARS_SIGNATURES && !lists_well_formed(data)) ||
	    (kind == VARS_SWITCH && (data.n != 1 || data.p[0] > 1)) ||
	    (kind == VARS_STRING && !is_ascii(data)) ||
	    (kind == VARS_NUMBER && (data.n == 0 || data.n > 8)))
		return VARS_BYTES;
	return kind;
}

static const struct {
	EFI_GUID guid;
	const char *name;
} signature_types[] = {
	{EFI_CERT_X509_GUID, "certificate"},
	{EFI_CERT_SHA256_GUID, "SHA-256"},
	{EFI_CERT_SHA1_GUID, "SHA-1"},
	{EFI_CERT_SHA224_GUID, "SHA-224"},
	{EFI_CERT_SHA384_GUID, "SHA-384"},
	{EFI_CERT_SHA512_GUID, "SHA-512"},
	{EFI_CERT_RSA2048_GUID, "RSA-2048 key"},
	{EFI_CERT_RSA2048_SHA256_GUID, "RSA-2048 signature of SHA-256"},
	{EFI_CERT_RSA2048_SHA1_GUID, "RSA-2048 signature of SHA-1"},
	{EFI_CERT_X509_SHA256_GUID, "certificate's SHA-256"},
	{EFI_CERT_X509_SHA384_GUID, "certificate's SHA-384"},
	{EFI_CERT_X509_SHA512_GUID, "certificate's SHA-512"},
};

const char *vars_signature_type(const EFI_GUID *type)
{
	for (size_t i = 0; i < sizeof signature_types / sizeof *signature_types; i++)
		if (guid_eq(&signature_types[i].guid, type))
			return signature_types[i].name;
	return NULL;
}

static const char *cert_name(const struct crypto_x509 *x)
{
	return x->common_name[0] != 0 ? x->common_name : x->subject;
}

static void short_signatures(FILE *to, const struct vars_certs *certs, struct bytes data)
{
	struct siglist_certs walk = {.rest = data};
	size_t count = 0, named = 0, others = 0;
	struct crypto_x509 x;
	struct siglist l;
	struct bytes der;

	while (siglist_next_cert(&walk, &der)) {
		if (count++ >= SHORT_CERTS)
			continue;
		fputs(named++ > 0 ? ", " : "", to);
		if (certs->read(certs->crypto, der, &x) == 0)
			put_text(to, cert_name(&x));
		else
			fputs("a broken certificate", to);
	}
	if (count > SHORT_CERTS)
		fprintf(to, " and %zu more certificates", count - SHORT_CERTS);
	while (siglist_next(&data, &l))
		others += l.signatures.n / l.head.SignatureSize;
	others -= count;
	if (others > 0)
		fprintf(to, "%s%zu %s", count > 0 ? ", " : "", others,
			others == 1 ? "hash" : "hashes");
}

static void long_signatures(FILE *to, const struct vars_certs *certs, struct bytes data)
{
	static const EFI_GUID x509 = EFI_CERT_X509_GUID;
	struct siglist l;

	while (siglist_next(&data, &l)) {
		const size_t size = l.head.SignatureSize;
		const char *type = vars_signature_type(&l.head.SignatureType);
		const bool is_cert = guid_eq(&l.head.SignatureType, &x509);

		for (size_t at = 0; at < l.signatures.n; at += size) {
			const struct bytes s = {l.signatures.p + at + sizeof(EFI_GUID),
						size - sizeof(EFI_GUID)};
			struct crypto_x509 x;
			EFI_GUID owner;

			memcpy(&owner, l.signatures.p + at, sizeof owner);
			fputs("owner ", to);
			vars_print_guid(to, &owner);
			fputs("  ", to);
			if (type != NULL)
				fputs(type, to);
			else
				vars_print_guid(to, &l.head.SignatureType);
			fputc(' ', to);
			if (!is_cert) {
				vars_print_hex(to, s, 80);
			} else if (certs->read(certs->crypto, s, &x) == 0) {
				put_text(to, x.subject);
				fputs("\n  issued by ", to);
				put_text(to, x.issuer);
				fputs("\n  valid from ", to);
				vars_print_time(to, &x.not_before);
				fputs(" to ", to);
				vars_print_time(to, &x.not_after);
			} else {
				fputs("(broken) ", to);
				vars_print_hex(to, s, SHORT_BYTES);
			}
			fputc('\n', to);
		}
	}
}

/* The names in an order, without "Order": BootOrder and BootNext are of Boot####. */
static void put_order(FILE *to, const struct rts_var *var, struct bytes data)
{
	const char *stem = var->name[0] == 'D'   ? "Driver"
			   : var->name[0] == 'S' ? "SysPrep"
						 : "Boot";

	for (size_t i = 0; i + 2 <= data.n; i += 2)
		fprintf(to, "%s%s%02X%02X", i > 0 ? " " : "", stem, data.p[i + 1],
			data.p[i]);
}

static void put_ascii(FILE *to, struct bytes b, size_t max)
{
	size_t i;

	for (i = 0; i < b.n && i < max && b.p[i] != 0; i++)
		fputc(b.p[i] >= 0x20 && b.p[i] < 0x7f ? b.p[i] : ' ', to);
	if (i == max && i < b.n && b.p[i] != 0)
		fputs("...", to);
}

static void put_bytes(FILE *to, struct bytes data)
{
	if (is_ascii(data)) {
		fputc('"', to);
		put_ascii(to, data, SHORT_TEXT);
		fputc('"', to);
	} else {
		vars_print_hex(to, data, SHORT_BYTES);
	}
}

static void put_option(FILE *to, const struct vars_option *o)
{
	vars_print_ucs2(to, o->description);
	fputs((o->attributes & LOAD_OPTION_ACTIVE) == 0 ? " (off)  " : "  ", to);
	vars_print_path(to, o->path);
}

void vars_print_short(FILE *to, const struct vars_certs *certs, const struct rts_var *var)
{
	const struct bytes data = {var->data, var->data_len};
	struct vars_option o = {0};
	uint64_t n = 0;

	switch (vars_kind(var)) {
	case VARS_OPTION:
		(void)vars_option_read(data, &o);
		put_option(to, &o);
		break;
	case VARS_ORDER:
		put_order(to, var, data);
		break;
	case VARS_PATH:
		vars_print_path(to, data);
		break;
	case VARS_SIGNATURES:
		short_signatures(to, certs, data);
		break;
	case VARS_SWITCH:
		fputs(data.p[0] != 0 ? "on" : "off", to);
		break;
	case VARS_STRING:
		put_ascii(to, data, SHORT_TEXT);
		break;
	case VARS_NUMBER:
		(void)bytes_read(data, 0, &n, data.n);
		fprintf(to, "%" PRIu64, n);
		break;
	default:
		put_bytes(to, data);
	}
}

static void put_dump(FILE *to, struct bytes b)
{
	for (size_t i = 0; i < b.n; i += 16) {
		const size_t n = b.n - i < 16 ? b.n - i : 16;

		fprintf(to, "%04zx ", i);
		for (size_t k = 0; k < 16; k++)
			if (k < n)
				fprintf(to, " %02x", b.p[i + k]);
			else
				fputs("   ", to);
		fputs("  ", to);
		for (size_t k = 0; k < n; k++)
			fputc(b.p[i + k] >= 0x20 && b.p[i + k] < 0x7f ? b.p[i + k] : '.',
			      to);
		fputc('\n', to);
	}
}

static void long_option(FILE *to, struct bytes data)
{
	struct vars_option o = {0};

	(void)vars_option_read(data, &o);
	fputs("description  ", to);
	vars_print_ucs2(to, o.description);
	fprintf(to, "\nattributes   0x%08x%s\npath         ", o.attributes,
		(o.attributes & LOAD_OPTION_ACTIVE) != 0 ? ", active" : ", not active");
	vars_print_path(to, o.path);
	fputc('\n', to);
	if (o.data.n > 0) {
		fputs("data\n", to);
		put_dump(to, o.data);
	}
}

static void long_string(FILE *to, struct bytes b)
{
	for (size_t i = 0; i < b.n && b.p[i] != 0; i++)
		fputc(b.p[i], to); /* is_ascii() has seen it: printable, or a line's end */
	if (b.n == 0 || b.p[b.n - 1] != '\n')
		fputc('\n', to);
}

void vars_print_long(FILE *to, const struct vars_certs *certs, const struct rts_var *var)
{
	const struct bytes data = {var->data, var->data_len};

	switch (vars_kind(var)) {
	case VARS_OPTION:
		long_option(to, data);
		break;
	case VARS_SIGNATURES:
		long_signatures(to, certs, data);
		break;
	case VARS_STRING:
		long_string(to, data);
		break;
	case VARS_BYTES:
		put_dump(to, data);
		break;
	default:
		vars_print_short(to, certs, var);
		fputc('\n', to);
	}
}
