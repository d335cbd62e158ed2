/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `runtserv vars` prints of a variable: the first byte says which one it is, and the
 * rest is its data. Whatever that is, the text is UTF-8 without control characters but for
 * ends of lines, and not much longer than the data.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/vars.h"
#include "uefi/guids.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fake_read(struct crypto *c, struct bytes der, struct crypto_x509 *ret)
{
	(void)c;
	if (der.n < 4)
		return -1;
	*ret = (struct crypto_x509){0};
	memcpy(ret->subject, der.p, 4);
	memcpy(&ret->not_after, der.p, 4);
	return 0;
}

static const struct {
	EFI_GUID guid;
	CHAR16 name[17];
} names[] = {
	{EFI_GLOBAL_VARIABLE_GUID, u"Boot0000"},
	{EFI_GLOBAL_VARIABLE_GUID, u"BootOrder"},
	{EFI_GLOBAL_VARIABLE_GUID, u"ConOut"},
	{EFI_GLOBAL_VARIABLE_GUID, u"Lang"},
	{EFI_GLOBAL_VARIABLE_GUID, u"Timeout"},
	{EFI_IMAGE_SECURITY_DATABASE_GUID, u"db"},
	{EFI_SECURE_BOOT_ENABLE_DISABLE_GUID, u"SecureBootEnable"},
	{EFI_GLOBAL_VARIABLE_GUID, u"\xd800\x202e\x1b"},
};

/* Of a line's end, and of what is in a text, only the first is ours. */
static void check(const char *text, size_t n, size_t size, bool lines)
{
	uint32_t c;
	size_t len;

	if (n > 64 * size + 4096)
		abort();
	for (size_t i = 0; i < n; i += len) {
		len = cli_utf8_next(text + i, &c);
		if (len == 0 || (cli_is_unsafe(c) && !(lines && c == '\n')))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct vars_certs certs = {NULL, fake_read};
	struct rts_var var = {0};
	size_t which, name_chars = 0;

	if (size == 0 || size > 65536)
		return 0;
	which = data[0] % (sizeof names / sizeof *names);
	while (names[which].name[name_chars++] != 0)
		;
	var.guid = names[which].guid;
	var.name = names[which].name;
	var.name_len = (uint32_t)name_chars * 2;
	var.data = data + 1;
	var.data_len = (uint32_t)(size - 1);
	for (int lines = 0; lines < 2; lines++) {
		char *text = NULL;
		size_t n = 0;
		FILE *to = open_memstream(&text, &n);

		if (to == NULL)
			abort();
		vars_print_name(to, var.name, var.name_len);
		(lines ? vars_print_long : vars_print_short)(to, &certs, &var);
		fclose(to);
		check(text, n, size, lines);
		free(text);
	}
	return 0;
}
