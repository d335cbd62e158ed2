/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Variables that the specification defines (UEFI 2.10 §3.3, §32.4.1, appendix P): which
 * names its namespaces may have, and with what attributes, sizes and contents. Checked from
 * EndOfDxe on, as edk2's VarCheck does, so that firmware itself is free before.
 */
#include "base/bytes.h"
#include "base/guid.h"
#include "uefi/guids.h"
#include "uefi/protocols.h"
#include "vars/vars_priv.h"

#include <string.h>

#define NV_BS_RT    (ATTR_NV | ATTR_BS | ATTR_RT)
#define BS_RT       (ATTR_BS | ATTR_RT)
#define NV_BS_RT_AT (NV_BS_RT | ATTR_AT)
#define NV_BS_RT_HR (NV_BS_RT | ATTR_HR)
#define ANY_LEN     UINT32_MAX

#define LOAD_OPTION_HEAD 6U  /* Attributes, FilePathListLength (§3.1.3) */
#define KEY_OPTION_HEAD  10U /* KeyData, BootOptionCrc, BootOption (§3.1.5) */
#define INPUT_KEY_LEN    4U

enum content {
	PLAIN,
	TEXT,        /* has a NUL */
	DEVICE_PATH, /* §10.3.1 */
	UNITS,       /* a multiple of the least length */
	LOAD_OPTION,
	KEY_OPTION,
};

enum space { GLOBAL, SECURITY, HW_ERROR, SPACES };

/* They have no other names than those below. */
static const EFI_GUID spaces[SPACES] = {
	[GLOBAL] = EFI_GLOBAL_VARIABLE_GUID,
	[SECURITY] = EFI_IMAGE_SECURITY_DATABASE_GUID,
	[HW_ERROR] = EFI_HARDWARE_ERROR_VARIABLE_GUID,
};

/* '#' is an upper-case hex digit. What the service computes or keeps is read-only before
 * this is asked, and what guards it has attributes of its own (vars_modes.c). */
static const struct defined {
	const CHAR16 *name;
	enum space space;
	uint32_t attr;
	uint32_t min, max;
	enum content content;
	bool read_only;
} table[] = {
	{u"LangCodes", GLOBAL, BS_RT, 1, ANY_LEN, TEXT, false},
	{u"Lang", GLOBAL, NV_BS_RT, 1, ANY_LEN, TEXT, false},
	{u"Timeout", GLOBAL, NV_BS_RT, 2, 2, PLAIN, false},
	{u"PlatformLangCodes", GLOBAL, BS_RT, 1, ANY_LEN, TEXT, false},
	{u"PlatformLang", GLOBAL, NV_BS_RT, 1, ANY_LEN, TEXT, false},
	{u"ConIn", GLOBAL, NV_BS_RT, 4, ANY_LEN, DEVICE_PATH, false},
	{u"ConOut", GLOBAL, NV_BS_RT, 4, ANY_LEN, DEVICE_PATH, false},
	{u"ErrOut", GLOBAL, NV_BS_RT, 4, ANY_LEN, DEVICE_PATH, false},
	{u"ConInDev", GLOBAL, BS_RT, 4, ANY_LEN, DEVICE_PATH, false},
	{u"ConOutDev", GLOBAL, BS_RT, 4, ANY_LEN, DEVICE_PATH, false},
	{u"ErrOutDev", GLOBAL, BS_RT, 4, ANY_LEN, DEVICE_PATH, false},
	{u"BootOrder", GLOBAL, NV_BS_RT, 2, ANY_LEN, UNITS, false},
	{u"BootNext", GLOBAL, NV_BS_RT, 2, 2, PLAIN, false},
	{u"BootCurrent", GLOBAL, BS_RT, 2, 2, PLAIN, false},
	{u"BootOptionSupport", GLOBAL, BS_RT, 4, 4, PLAIN, false},
	{u"DriverOrder", GLOBAL, NV_BS_RT, 2, ANY_LEN, UNITS, false},
	{u"SysPrepOrder", GLOBAL, NV_BS_RT, 2, ANY_LEN, UNITS, false},
	{u"HwErrRecSupport", GLOBAL, NV_BS_RT, 2, 2, PLAIN, false},
	{u"OsIndicationsSupported", GLOBAL, BS_RT, 8, 8, PLAIN, false},
	{u"OsIndications", GLOBAL, NV_BS_RT, 8, 8, PLAIN, false},
	{u"PK", GLOBAL, NV_BS_RT_AT, 1, ANY_LEN, PLAIN, false},
	{u"KEK", GLOBAL, NV_BS_RT_AT, 1, ANY_LEN, PLAIN, false},
	{u"PKDefault", GLOBAL, BS_RT, 1, ANY_LEN, PLAIN, true},
	{u"KEKDefault", GLOBAL, BS_RT, 1, ANY_LEN, PLAIN, true},
	{u"dbDefault", GLOBAL, BS_RT, 1, ANY_LEN, PLAIN, true},
	{u"dbxDefault", GLOBAL, BS_RT, 1, ANY_LEN, PLAIN, true},
	{u"dbtDefault", GLOBAL, BS_RT, 1, ANY_LEN, PLAIN, true},
	{u"Boot####", GLOBAL, NV_BS_RT, LOAD_OPTION_HEAD, ANY_LEN, LOAD_OPTION, false},
	{u"Driver####", GLOBAL, NV_BS_RT, LOAD_OPTION_HEAD, ANY_LEN, LOAD_OPTION, false},
	{u"SysPrep####", GLOBAL, NV_BS_RT, LOAD_OPTION_HEAD, ANY_LEN, LOAD_OPTION, false},
	{u"PlatformRecovery####", GLOBAL, BS_RT, LOAD_OPTION_HEAD, ANY_LEN, LOAD_OPTION,
	 false},
	{u"Key####", GLOBAL, NV_BS_RT, KEY_OPTION_HEAD, KEY_OPTION_HEAD + 3 * INPUT_KEY_LEN,
	 KEY_OPTION, false},
	{u"db", SECURITY, NV_BS_RT_AT, 1, ANY_LEN, PLAIN, false},
	{u"dbx", SECURITY, NV_BS_RT_AT, 1, ANY_LEN, PLAIN, false},
	{u"dbt", SECURITY, NV_BS_RT_AT, 1, ANY_LEN, PLAIN, false},
	{u"HwErrRec####", HW_ERROR, NV_BS_RT_HR, 1, ANY_LEN, PLAIN, false},
};

static bool is_upper_hex(CHAR16 c)
{
	return (c >= u'0' && c <= u'9') || (c >= u'A' && c <= u'F');
}

/* @name, with its NUL, against a name of the table. */
static bool matches(const CHAR16 *name, const CHAR16 *want)
{
	for (; *want != 0; name++, want++)
		if (*want == u'#' ? !is_upper_hex(*name) : *name != *want)
			return false;
	return *name == 0;
}

/* A list of nodes that ends within @b; what follows its end does not matter. A file's name
 * has its NUL. */
static bool is_device_path(struct bytes b)
{
	EFI_DEVICE_PATH_PROTOCOL node;
	uint64_t at = 0;

	while (bytes_read(b, at, &node, sizeof node)) {
		const uint32_t len = node.Length[0] | (uint32_t)node.Length[1] << 8;
		CHAR16 last;

		if (node.Type == END_DEVICE_PATH_TYPE &&
		    node.SubType == END_ENTIRE_DEVICE_PATH_SUBTYPE)
			return len == sizeof node;
		if (len < sizeof node)
			return false;
		if (node.Type == MEDIA_DEVICE_PATH && node.SubType == MEDIA_FILEPATH_DP &&
		    (!bytes_read(b, at + len - sizeof last, &last, sizeof last) ||
		     last != 0))
			return false;
		at += len;
	}
	return false;
}

static bool is_load_option(struct bytes b)
{
	struct bytes path;
	uint64_t at = LOAD_OPTION_HEAD;
	uint16_t path_len;
	CHAR16 c;

	if (!bytes_read(b, 4, &path_len, sizeof path_len))
		return false;
	do {
		if (!bytes_read(b, at, &c, sizeof c))
			return false;
		at += sizeof c;
	} while (c != 0);
	return bytes_sub(b, at, path_len, &path) && is_device_path(path);
}

static bool has_content(const struct defined *d, struct bytes b)
{
	switch (d->content) {
	case TEXT:
		return memchr(b.p, 0, b.n) != NULL;
	case DEVICE_PATH:
		return is_device_path(b);
	case UNITS:
		return b.n % d->min == 0;
	case LOAD_OPTION:
		return is_load_option(b);
	case KEY_OPTION:
		return (b.n - KEY_OPTION_HEAD) % INPUT_KEY_LEN == 0;
	default:
		return true;
	}
}

/* The one that @r names, or NULL; *ret_space: in which namespace. */
static const struct defined *find(const struct request *r, size_t *ret_space)
{
	size_t space = 0;

	while (space < SPACES && !guid_eq(r->guid, &spaces[space]))
		space++;
	*ret_space = space;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (table[i].space == space && matches(r->name, table[i].name))
			return &table[i];
	return NULL;
}

/* VarCheck's own: no data, or no attributes at all. */
static bool deletes(const struct request *r)
{
	return r->attr == 0 || (r->payload.n == 0 && !is_append(r));
}

struct verdict check_property(struct rts_vars *v, struct request *r)
{
	size_t space;
	const struct defined *d = find(r, &space);

	if (!v->phase.end_of_dxe || d == NULL)
		return GO_ON;
	if (d->read_only)
		return NO(EFI_WRITE_PROTECTED,
			  "read-only: the firmware's own (UEFI 2.10 3.3)");
	if (deletes(r))
		return GO_ON;
	if ((r->attr & ~ATTR_APPEND) != d->attr)
		return NO(EFI_INVALID_PARAMETER,
			  "other attributes than the specification's (UEFI 2.10 3.3)");
	if (r->payload.n != 0 && (r->payload.n < d->min || r->payload.n > d->max))
		return NO(EFI_INVALID_PARAMETER,
			  "another length than the specification's (UEFI 2.10 3.3)");
	return GO_ON;
}

struct verdict check_defined(struct rts_vars *v, struct request *r)
{
	size_t space;
	const struct defined *d = find(r, &space);

	if (!v->phase.end_of_dxe || deletes(r))
		return GO_ON;
	if ((r->attr & ATTR_HR) != 0 && (d == NULL || d->space != HW_ERROR))
		return NO(EFI_INVALID_PARAMETER, "a hardware error record is called "
						 "HwErrRec#### (UEFI 2.10 appendix P)");
	if (d == NULL && space < SPACES)
		return NO(EFI_INVALID_PARAMETER,
			  "no such name in the specification's namespace (UEFI 2.10 3.3)");
	if (d != NULL && r->payload.n != 0 && !has_content(d, r->payload))
		return NO(EFI_INVALID_PARAMETER,
			  "not what such a variable holds (UEFI 2.10 3.1, 3.3)");
	return GO_ON;
}
