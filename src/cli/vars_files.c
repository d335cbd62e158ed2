/* SPDX-License-Identifier: BSD-2-Clause */
/* `runtserv vars diff`, `merge` and `convert`: two stores at a time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/vars.h"

#define VERB "vars"

static const struct cli_command diff_command = {
	"vars diff",
	"[OPTION]... A B",
	"Shows how the variables of store B differ from those of store A, of whatever "
	"kinds\n"
	"they are; their order does not matter. Exit status 1: they differ.",
	cli_json_options,
	2,
	2,
	"two stores",
};

static bool same(const struct rts_var *a, const struct rts_var *b)
{
	return a->attr == b->attr && a->data_len == b->data_len &&
	       memcmp(a->data, b->data, a->data_len) == 0 &&
	       memcmp(&a->time, &b->time, sizeof a->time) == 0 &&
	       a->has_digest == b->has_digest &&
	       (!a->has_digest || memcmp(a->digest, b->digest, sizeof a->digest) == 0);
}

/* A line without its sign; the caller frees it. NULL: out of memory. */
static char *diff_line(const struct vars *s, const struct rts_var *var)
{
	const struct vars_certs certs = {s->crypto, crypto_x509_read};
	char attr[40], *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	if (to == NULL)
		return NULL;
	fprintf(to, "%-11s  %5u  ", vars_attr_text(var->attr, attr), var->data_len);
	vars_print_name(to, var->name, var->name_len);
	fputc('-', to);
	vars_print_guid(to, &var->guid);
	fputs("  ", to);
	vars_print_short(to, &certs, var);
	if ((var->attr & EFI_VARIABLE_TIME_BASED_AUTHENTICATED_WRITE_ACCESS) != 0) {
		fputs("  written ", to);
		vars_print_time(to, &var->time);
	}
	if (var->has_digest) {
		fputs("  belongs to ", to);
		vars_print_hex(to, (struct bytes){var->digest, sizeof var->digest},
			       SIZE_MAX);
	}
	return fclose(to) == 0 ? text : NULL;
}

/* @a or @b may be NULL. */
static void difference(const struct vars *s, const struct rts_var *a,
		       const struct rts_var *b, json_t *all)
{
	const struct vars_certs certs = {s->crypto, crypto_x509_read};
	cleanup(freep) char *x = NULL, *y = NULL;
	size_t n;

	if (all != NULL) {
		json_array_append_new(
			all, json_pack("{s:o, s:o}", "a",
				       a != NULL ? vars_json(&certs, a) : json_null(), "b",
				       b != NULL ? vars_json(&certs, b) : json_null()));
		return;
	}
	x = a != NULL ? diff_line(s, a) : NULL;
	y = b != NULL ? diff_line(s, b) : NULL;
	if (x != NULL)
		printf("- %s\n", x);
	if (y != NULL)
		printf("+ %s\n", y);
	if (x == NULL || y == NULL || strcmp(x, y) != 0)
		return;
	/* what differs is behind what is shown */
	for (n = 0; n < a->data_len && a->data[n] == b->data[n]; n++)
		;
	printf("  their data differ from byte %#zx on\n", n);
}

static size_t compare(const struct vars *a, const struct vars *b, json_t *all)
{
	struct rts_vars_cursor cursor = {0};
	const struct rts_var *var, *other;
	size_t n = 0;

	while (vars_next(a, &cursor, &var)) {
		other = vars_get(b, &var->guid, var->name, var->name_len);
		if (other == NULL || !same(var, other)) {
			difference(a, var, other, all);
			n++;
		}
	}
	cursor = (struct rts_vars_cursor){0};
	while (vars_next(b, &cursor, &var))
		if (vars_get(a, &var->guid, var->name, var->name_len) == NULL) {
			difference(b, NULL, var, all);
			n++;
		}
	return n;
}

int vars_diff(int argc, char **argv)
{
	cleanup(vars_close) struct vars a = {0};
	cleanup(vars_close) struct vars b = {0};
	struct cli_json o = {0};
	json_t *all = NULL;
	size_t n;
	int r = cli_parse(&diff_command, &argc, &argv, &o);

	if (r != CLI_GO)
		return r;
	r = vars_open(&a, argv[0], VARS_READ, 0);
	if (r == EXIT_WELL)
		r = vars_open(&b, argv[1], VARS_READ, 0);
	if (r != EXIT_WELL)
		return r;
	if (o.json)
		all = json_array();
	n = compare(&a, &b, all);
	if (o.json)
		r = cli_json_print(VERB, json_pack("{s:s, s:o}", "schema",
						   "runtserv.vars/1", "differences", all));
	return r == EXIT_WELL && n > 0 ? EXIT_FINDINGS : r;
}

struct merge {
	bool delete;
	uint64_t quota;
};

static const struct cli_option merge_options[] = {
	{"delete", NULL, "delete from STORE what FROM names, where it is there",
	 CLI_FLAG(struct merge, delete)},
	VARS_QUOTA_OPTION(struct merge, quota),
	{0},
};

static const struct cli_command merge_command = {
	"vars merge",
	"[OPTION]... STORE FROM",
	"Puts all variables of the store FROM, such as a JSON file, into STORE, in place "
	"of\n"
	"those that it has under the same names.",
	merge_options,
	2,
	2,
	"a STORE and another",
};

static int merge(struct vars *s, const struct vars *from, bool delete)
{
	cleanup(freep) struct rts_var_edit *edits = NULL;
	struct rts_vars_cursor cursor = {0};
	const struct rts_var *var;
	size_t n = 0, cap = 0;

	while (vars_next(from, &cursor, &var)) {
		if (delete &&vars_get(s, &var->guid, var->name, var->name_len) == NULL)
			continue;
		if (n == cap) {
			struct rts_var_edit *more;

			cap = cap > 0 ? cap * 2 : 64;
			more = reallocarray(edits, cap, sizeof *edits);
			if (more == NULL)
				return cli_error(VERB, "out of memory");
			edits = more;
		}
		edits[n++] = (struct rts_var_edit){*var, delete};
	}
	return n > 0 ? vars_edit(s, edits, n) : EXIT_WELL;
}

int vars_merge(int argc, char **argv)
{
	cleanup(vars_close) struct vars s = {0};
	cleanup(vars_close) struct vars from = {0};
	struct merge o = {.quota = RTS_VARS_QUOTA};
	int r = cli_parse(&merge_command, &argc, &argv, &o);

	if (r != CLI_GO)
		return r;
	r = vars_open(&from, argv[1], VARS_READ, 0);
	if (r == EXIT_WELL)
		r = vars_open(&s, argv[0], VARS_EDIT, o.quota);
	return r == EXIT_WELL ? merge(&s, &from, o.delete) : r;
}

static const struct cli_option convert_options[] = {
	{"layout", "4m|2m|aavmf", "of a new flash image (default: 4m)",
	 CLI_TEXT(struct store_conversion, layout)},
	{"force", NULL, "replace what is in TO, and keep that as TO.bak",
	 CLI_FLAG(struct store_conversion, force)},
	{"lossy", NULL, "go on where TO cannot hold all that is in FROM",
	 CLI_FLAG(struct store_conversion, lossy)},
	{0},
};

static const struct cli_command convert_command = {
	"vars convert",
	"[OPTION]... FROM TO",
	"Makes the store TO of the store FROM; the kind of a new one is told by its name:\n"
	"NAME.json, NAME.fd (edk2's flash image), NAME/ (a folder like efivarfs). Exit\n"
	"status 1: something would be lost, so nothing was written (see --lossy).",
	convert_options,
	2,
	2,
	"FROM and TO",
};

static void lost(void *ctx, const char *text)
{
	(void)ctx;
	fputs("runtserv vars: lost: ", stderr);
	cli_print_text(stderr, text);
	fputc('\n', stderr);
}

static void log_line(void *ctx, enum rts_log level, const char *text)
{
	(void)ctx;
	if (level > RTS_LOG_WARNING)
		return;
	fputs("runtserv vars: ", stderr);
	cli_print_text(stderr, text);
	fputc('\n', stderr);
}

int vars_convert(int argc, char **argv)
{
	struct store_conversion c = {.lost = lost, .log = log_line};
	struct diag d = {0};
	int r = cli_parse(&convert_command, &argc, &argv, &c);

	if (r != CLI_GO)
		return r;
	c.from = argv[0];
	c.to = argv[1];
	r = store_convert(&c, &d);
	if (r < 0)
		return cli_error(VERB, "%s", d.text);
	if (r > 0) {
		cli_error(VERB, "%s", d.text);
		return EXIT_FINDINGS;
	}
	return EXIT_WELL;
}
