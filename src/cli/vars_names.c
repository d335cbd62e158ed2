/* SPDX-License-Identifier: BSD-2-Clause */
/* Names, attributes, numbers and times, as people write them. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/guid.h"
#include "cli/vars.h"
#include "uefi/guids.h"

/* Of variables that people make; a name with # has four digits there. */
static const struct {
	EFI_GUID guid;
	const char *name;
	uint32_t attr;
} known[] = {
	{EFI_GLOBAL_VARIABLE_GUID, "PK", VARS_KEYS},
	{EFI_GLOBAL_VARIABLE_GUID, "KEK", VARS_KEYS},
	{EFI_IMAGE_SECURITY_DATABASE_GUID, "db", VARS_KEYS},
	{EFI_IMAGE_SECURITY_DATABASE_GUID, "dbx", VARS_KEYS},
	{EFI_IMAGE_SECURITY_DATABASE_GUID, "dbt", VARS_KEYS},
	{EFI_GLOBAL_VARIABLE_GUID, "Boot####", VARS_NV_RT},
	{EFI_GLOBAL_VARIABLE_GUID, "Driver####", VARS_NV_RT},
	{EFI_GLOBAL_VARIABLE_GUID, "SysPrep####", VARS_NV_RT},
	{EFI_GLOBAL_VARIABLE_GUID, "Key####", VARS_NV_RT},
	{EFI_GLOBAL_VARIABLE_GUID, "BootOrder", VARS_NV_RT},
	{EFI_GLOBAL_VARIABLE_GUID, "BootNext", VARS_NV_RT},
	{EFI_GLOBAL_VARIABLE_GUID, "DriverOrder", VARS_NV_RT},
	{EFI_GLOBAL_VARIABLE_GUID, "SysPrepOrder", VARS_NV_RT},
	{EFI_GLOBAL_VARIABLE_GUID, "Timeout", VARS_NV_RT},
	{EFI_GLOBAL_VARIABLE_GUID, "Lang", VARS_NV_RT},
	{EFI_GLOBAL_VARIABLE_GUID, "PlatformLang", VARS_NV_RT},
	{EFI_GLOBAL_VARIABLE_GUID, "ConIn", VARS_NV_RT},
	{EFI_GLOBAL_VARIABLE_GUID, "ConOut", VARS_NV_RT},
	{EFI_GLOBAL_VARIABLE_GUID, "ErrOut", VARS_NV_RT},
	{EFI_GLOBAL_VARIABLE_GUID, "OsIndications", VARS_NV_RT},
	{EFI_SECURE_BOOT_ENABLE_DISABLE_GUID, "SecureBootEnable", VARS_NV},
	{EFI_CUSTOM_MODE_ENABLE_GUID, "CustomMode", VARS_NV},
	{SHIM_LOCK_GUID, "MokList", VARS_NV},
	{SHIM_LOCK_GUID, "MokListX", VARS_NV},
	{SHIM_LOCK_GUID, "MokListTrusted", VARS_NV},
	{SHIM_LOCK_GUID, "MokSBState", VARS_NV},
	{SHIM_LOCK_GUID, "SbatLevel", VARS_NV},
	{SHIM_LOCK_GUID, "SHIM_DEBUG", VARS_NV_RT},
	{SHIM_LOCK_GUID, "SHIM_VERBOSE", VARS_NV_RT},
	{SHIM_LOCK_GUID, "FALLBACK_VERBOSE", VARS_NV_RT},
	{SHIM_LOCK_GUID, "FB_NO_REBOOT", VARS_NV_RT},
};

bool vars_name_is(const CHAR16 *name, uint32_t name_len, const char *form)
{
	const size_t n = strlen(form);

	if (name_len != 2 * (n + 1))
		return false;
	for (size_t i = 0; i < n; i++)
		if (form[i] == '#' ? name[i] >= 0x80 || hex_digit((char)name[i]) < 0
				   : name[i] != (CHAR16)form[i])
			return false;
	return true;
}

bool vars_known(struct vars_name *name, uint32_t *ret_attr)
{
	*ret_attr = VARS_NV_RT;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (!vars_name_is(name->name, name->name_len, known[i].name) ||
		    (name->has_guid && !guid_eq(&name->guid, &known[i].guid)))
			continue;
		name->guid = known[i].guid;
		name->has_guid = true;
		*ret_attr = known[i].attr;
		return true;
	}
	return name->has_guid;
}

static const struct {
	char name[3];
	uint32_t bit;
} attributes[] = {{"NV", EFI_VARIABLE_NON_VOLATILE},
		  {"BS", EFI_VARIABLE_BOOTSERVICE_ACCESS},
		  {"RT", EFI_VARIABLE_RUNTIME_ACCESS},
		  {"HR", EFI_VARIABLE_HARDWARE_ERROR_RECORD},
		  {"AT", EFI_VARIABLE_TIME_BASED_AUTHENTICATED_WRITE_ACCESS}};

bool vars_attr_read(const char *text, uint32_t *ret)
{
	uint32_t attr = 0;
	uint64_t n;
	size_t i;

	if (cli_number(text, strlen(text), 0, UINT32_MAX, &n)) {
		*ret = (uint32_t)n;
		return true;
	}
	for (;; text += 3) {
		for (i = 0; i < sizeof attributes / sizeof *attributes; i++)
			if (strncmp(text, attributes[i].name, 2) == 0)
				break;
		if (i == sizeof attributes / sizeof *attributes)
			return false;
		attr |= attributes[i].bit;
		if (text[2] == 0)
			break;
		if (text[2] != '+' && text[2] != ',')
			return false;
	}
	*ret = attr;
	return true;
}

const char *vars_attr_text(uint32_t attr, char ret[40])
{
	size_t n = 0;

	for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
		if ((attr & attributes[i].bit) != 0) {
			n += (size_t)snprintf(ret + n, 40 - n, "%s%s", n > 0 ? "+" : "",
					      attributes[i].name);
			attr &= ~attributes[i].bit;
		}
	if (attr != 0 || n == 0)
		snprintf(ret + n, 40 - n, "%s0x%x", n > 0 ? "+" : "", attr);
	return ret;
}

static EFI_TIME from_tm(const struct tm *tm)
{
	return (EFI_TIME){.Year = (uint16_t)(tm->tm_year + 1900),
			  .Month = (uint8_t)(tm->tm_mon + 1),
			  .Day = (uint8_t)tm->tm_mday,
			  .Hour = (uint8_t)tm->tm_hour,
			  .Minute = (uint8_t)tm->tm_min,
			  .Second = (uint8_t)tm->tm_sec};
}

bool vars_time_read(const char *text, EFI_TIME *ret)
{
	struct tm tm = {0}, same;
	const char *end = strptime(text, "%Y-%m-%d", &tm);
	time_t t;

	if (end != NULL && *end == 'T')
		end = strptime(end, "T%H:%M:%S", &tm);
	if (end != NULL && *end == 'Z')
		end++;
	if (end == NULL || *end != 0 || tm.tm_year < 0 || tm.tm_year > 8099)
		return false;
	same = tm;
	t = timegm(&tm); /* which mends what is no date */
	if (t == (time_t)-1 || tm.tm_mday != same.tm_mday || tm.tm_mon != same.tm_mon)
		return false;
	*ret = from_tm(&tm);
	return true;
}

EFI_TIME vars_now(void)
{
	const time_t now = time(NULL);
	struct tm tm = {0};

	gmtime_r(&now, &tm);
	return from_tm(&tm);
}

int vars_time_compare(const EFI_TIME *a, const EFI_TIME *b)
{
	const int d[] = {a->Year - b->Year, a->Month - b->Month,   a->Day - b->Day,
			 a->Hour - b->Hour, a->Minute - b->Minute, a->Second - b->Second};

	for (size_t i = 0; i < sizeof d / sizeof *d; i++)
		if (d[i] != 0)
			return d[i];
	return 0;
}
