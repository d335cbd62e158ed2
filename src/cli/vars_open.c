/* SPDX-License-Identifier: BSD-2-Clause */
/* The store that `runtserv vars` works on, and what people call the variables in it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/guid.h"
#include "base/ucs2.h"
#include "cli/vars.h"
#include "crypto/crypto_pkcs7.h"
#include "uefi/mm.h"

#define VERB "vars"

/* Of the store and of the rules: what a person should know, and no more. */
static void log_line(void *ctx, enum rts_log level, const char *text)
{
	const struct vars *s = ctx;

	if (level > (s->tell ? RTS_LOG_INFO : RTS_LOG_WARNING))
		return;
	fputs("runtserv vars: ", stderr);
	cli_print_text(stderr, text);
	fputc('\n', stderr);
}

static int fill(struct vars *s, enum vars_use use, uint64_t quota, struct diag *d)
{
	const struct store_config store = {.word = s->word,
					   .log = log_line,
					   .log_ctx = s,
					   .use = use == VARS_READ ? STORE_READ
								   : STORE_EDIT,
					   .must_exist = use == VARS_CHANGE};
	struct rts_vars_config config = {.store = &store_ops,
					 .log = log_line,
					 .log_ctx = s,
					 .log_level = RTS_LOG_INFO,
					 .quota_nv = quota,
					 .quota_volatile = VARS_QUOTA_MAX,
					 .crypto = &crypto_vars};
	int r = store_open(&store, d, &s->store);

	if (r < 0)
		return r;
	r = crypto_new(&s->crypto);
	if (r < 0)
		return diag(d, r, "OpenSSL: %s", strerror(-r));
	config.store_ctx = s->store;
	config.crypto_ctx = s->crypto;
	if (EFI_ERROR(rts_vars_new(&config, &s->vars)))
		return diag(d, -ENOMEM, "%s: out of memory", s->word);
	r = store_load(s->store, s->vars, d);
	if (r == 0 && s->start && EFI_ERROR(rts_vars_start(s->vars)))
		return diag(d, -ENOMEM, "%s: out of memory", s->word);
	return r;
}

int vars_open(struct vars *s, const char *word, enum vars_use use, uint64_t quota)
{
	struct diag d = {0};

	*s = (struct vars){.word = word, .tell = s->tell, .start = s->start};
	if (strcmp(word, "memory:") == 0)
		return cli_error(VERB, "memory: keeps nothing to work on");
	if (fill(s, use, use == VARS_READ ? VARS_QUOTA_MAX : quota, &d) < 0)
		return cli_error(VERB, "%s", d.text);
	return EXIT_WELL;
}

void vars_close(struct vars *s)
{
	rts_vars_free(s->vars);
	store_close(s->store);
	crypto_free(s->crypto);
	*s = (struct vars){0};
}

bool vars_next_any(const struct vars *s, struct rts_vars_cursor *cursor,
		   const struct rts_var **ret)
{
	return rts_vars_view_next(rts_vars_current(s->vars), cursor, ret);
}

bool vars_next(const struct vars *s, struct rts_vars_cursor *cursor,
	       const struct rts_var **ret)
{
	while (vars_next_any(s, cursor, ret))
		if (((*ret)->attr & EFI_VARIABLE_NON_VOLATILE) != 0)
			return true;
	return false;
}

const struct rts_var *vars_get(const struct vars *s, const EFI_GUID *guid,
			       const CHAR16 *name, uint32_t name_len)
{
	struct rts_vars_cursor cursor = {0};
	const struct rts_var *var;

	while (vars_next(s, &cursor, &var))
		if (var->name_len == name_len && guid_eq(&var->guid, guid) &&
		    memcmp(var->name, name, name_len) == 0)
			return var;
	return NULL;
}

/* Why nothing has the form that @var is to have. */
static const char *no_form(const struct rts_var *var)
{
	struct vars_name name = {.guid = var->guid, .has_guid = true};
	uint32_t want = 0;

	if (var->name_len <= sizeof name.name) {
		name.name_len = var->name_len;
		memcpy(name.name, var->name, var->name_len);
		(void)vars_known(&name, &want);
	}
	if ((uint64_t)var->name_len + var->data_len > MM_VARIABLE_NAME_DATA_MAX)
		return "its name and data are longer than a message";
	if ((var->attr & VARS_NV) != VARS_NV || (var->attr & ~VARS_ALL) != 0)
		return "its attributes are not NV+BS, with or without RT, HR, AT";
	if (want == VARS_KEYS)
		return var->attr != VARS_KEYS
			       ? "its attributes are not NV+BS+RT+AT"
			       : "not well-formed signature lists, or PK with "
				 "more than one signature";
	return want == VARS_NV ? "not one byte with attributes NV+BS" : "it comes twice";
}

static int edit_error(const struct vars *s, EFI_STATUS status, const struct rts_var *var)
{
	cleanup(freep) char *name = NULL;
	size_t n;
	FILE *to = var != NULL ? open_memstream(&name, &n) : NULL;
	const char *why = "out of memory";
	uint64_t quota, left, largest;

	if (to != NULL) {
		fputs(": ", to);
		vars_print_name(to, var->name, var->name_len);
		fputc('-', to);
		vars_print_guid(to, &var->guid);
		fclose(to);
	}
	if (status == EFI_DEVICE_ERROR) /* the store has said why */
		return EXIT_TROUBLE;
	if (status == EFI_WRITE_PROTECTED)
		why = "computed at every start, and in no store";
	else if (status == EFI_NOT_FOUND)
		why = "no such variable";
	else if (status == EFI_ACCESS_DENIED)
		why = "a volatile variable of that name is a machine's, which still runs";
	else if (status == EFI_INVALID_PARAMETER && var != NULL)
		return cli_error(VERB, "%s%s: not what a guest could have written: %s",
				 s->word, name != NULL ? name : "", no_form(var));
	else if (var == NULL && status == EFI_OUT_OF_RESOURCES &&
		 !EFI_ERROR(rts_vars_query(s->vars, VARS_NV, &quota, &left, &largest)))
		return cli_error(VERB,
				 "%s: no room for that: %llu of %llu bytes are left (see "
				 "--quota)",
				 s->word, (unsigned long long)left,
				 (unsigned long long)quota);
	return cli_error(VERB, "%s%s: %s", s->word, name != NULL ? name : "", why);
}

int vars_edit(struct vars *s, const struct rts_var_edit *edits, size_t count)
{
	size_t bad = count;
	EFI_STATUS status = rts_vars_edit(s->vars, edits, count, &bad);

	if (!EFI_ERROR(status))
		return EXIT_WELL;
	return edit_error(s, status, bad < count ? &edits[bad].var : NULL);
}

int vars_name_read(const char *text, struct vars_name *ret)
{
	size_t n = strlen(text), chars;

	*ret = (struct vars_name){0};
	if (n > GUID_TEXT_LEN && text[n - GUID_TEXT_LEN - 1] == '-' &&
	    guid_from_text(text + n - GUID_TEXT_LEN, GUID_TEXT_LEN, &ret->guid)) {
		ret->has_guid = true;
		n -= GUID_TEXT_LEN + 1;
	}
	chars = ucs2_from_utf8(text, n, ret->name, VARS_NAME_MAX);
	if (chars == 0 || chars > VARS_NAME_MAX)
		return cli_error(VERB, "%s: not the name of a variable (NAME or NAME-GUID)",
				 text);
	ret->name_len = (uint32_t)(chars + 1) * 2;
	return EXIT_WELL;
}

static bool is_named(const struct rts_var *var, const struct vars_name *name)
{
	return var->name_len == name->name_len &&
	       memcmp(var->name, name->name, name->name_len) == 0 &&
	       (!name->has_guid || guid_eq(&var->guid, &name->guid));
}

int vars_find(const struct vars *s, const char *text, const struct vars_name *name,
	      const struct rts_var **ret)
{
	struct rts_vars_cursor cursor = {0};
	const struct rts_var *var, *found = NULL;
	char a[GUID_TEXT_LEN + 1], b[GUID_TEXT_LEN + 1];

	while (vars_next_any(s, &cursor, &var)) {
		if (!is_named(var, name))
			continue;
		if (found != NULL) {
			guid_to_text(&found->guid, a);
			guid_to_text(&var->guid, b);
			return cli_error(VERB, "%s: there is %s-%s and %s-%s; say which",
					 s->word, text, a, text, b);
		}
		found = var;
	}
	*ret = found;
	return found != NULL ? EXIT_WELL : EXIT_FINDINGS;
}
