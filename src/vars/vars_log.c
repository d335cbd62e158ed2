/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines for the log: one for each answer. Names are a stranger's text: control characters
 * are written as '?'.
 */
#include "base/diag.h"
#include "base/guid.h"
#include "base/ucs2.h"
#include "vars/vars_priv.h"

/* " NAME-GUID"; nothing without @guid. */
static void subject(const EFI_GUID *guid, const CHAR16 *name, uint32_t name_len,
		    struct diag *ret)
{
	char text[100], guid_text[GUID_TEXT_LEN + 1];
	size_t len;

	if (guid == NULL)
		return;
	len = ucs2_to_utf8(name, name_len / 2, text, sizeof text);
	if (len >= sizeof text) { /* cut where a character begins */
		for (len = sizeof text - 1; len > 0 && (text[len] & 0xc0) == 0x80; len--)
			;
		text[len] = 0;
	}
	for (size_t i = 0; text[i] != 0; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = '?';
		else if ((unsigned char)text[i] == 0xc2 &&
			 (unsigned char)text[i + 1] < 0xa0)
			text[i] = text[i + 1] = '?'; /* U+0080 to U+009F */
	guid_to_text(guid, guid_text);
	diag_set(ret, " %s-%s", text, guid_text);
}

static void say(const struct rts_vars *v, enum rts_log level, const EFI_GUID *guid,
		const CHAR16 *name, uint32_t name_len, const char *what, EFI_STATUS status,
		const char *why)
{
	static const struct {
		EFI_STATUS status;
		const char *name;
	} names[] = {
		{EFI_SUCCESS, "SUCCESS"},
		{EFI_INVALID_PARAMETER, "INVALID_PARAMETER"},
		{EFI_UNSUPPORTED, "UNSUPPORTED"},
		{EFI_BAD_BUFFER_SIZE, "BAD_BUFFER_SIZE"},
		{EFI_BUFFER_TOO_SMALL, "BUFFER_TOO_SMALL"},
		{EFI_DEVICE_ERROR, "DEVICE_ERROR"},
		{EFI_WRITE_PROTECTED, "WRITE_PROTECTED"},
		{EFI_OUT_OF_RESOURCES, "OUT_OF_RESOURCES"},
		{EFI_NOT_FOUND, "NOT_FOUND"},
		{EFI_TIMEOUT, "TIMEOUT"},
		{EFI_ABORTED, "ABORTED"},
		{EFI_ACCESS_DENIED, "ACCESS_DENIED"},
		{EFI_SECURITY_VIOLATION, "SECURITY_VIOLATION"},
		{EFI_ALREADY_STARTED, "ALREADY_STARTED"},
	};
	const char *status_name = "error";
	struct diag of = {0}, line = {0};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].status == status)
			status_name = names[i].name;
	subject(guid, name, name_len, &of);
	diag_set(&line, "%s%s (%s): %s: %s", what, of.text,
		 v->phase.runtime      ? "run time"
		 : v->phase.end_of_dxe ? "boot, after EndOfDxe"
				       : "boot",
		 status_name, why);
	v->config.log(v->config.log_ctx, level, line.text);
}

/* A Get costs less than a line that nobody reads. */
void vars_log(const struct rts_vars *v, enum rts_log level, const EFI_GUID *guid,
	      const CHAR16 *name, uint32_t name_len, const char *what, EFI_STATUS status,
	      const char *why)
{
	if (v->config.log != NULL && level <= v->config.log_level)
		say(v, level, guid, name, name_len, what, status, why);
}

EFI_STATUS vars_answer(const struct rts_vars *v, const EFI_GUID *guid, const CHAR16 *name,
		       uint32_t name_len, const char *what, struct verdict verdict)
{
	const bool refused = EFI_ERROR(verdict.status) && verdict.status != EFI_NOT_FOUND &&
			     verdict.status != EFI_BUFFER_TOO_SMALL;

	vars_log(v, refused ? RTS_LOG_INFO : RTS_LOG_DEBUG, guid, name, name_len, what,
		 verdict.status, verdict.why);
	return verdict.status;
}

EFI_STATUS rts_vars_say(const struct rts_vars *v, const char *what, EFI_STATUS status,
			const char *why)
{
	return vars_answer(v, NULL, NULL, 0, what, (struct verdict){status, why});
}
