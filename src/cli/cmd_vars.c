/* SPDX-License-Identifier: BSD-2-Clause */
/* `runtserv vars`: the variables in a store, while no machine runs. Here: showing, setting
 * and deleting them; each other form has a file of its own. */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/guid.h"
#include "base/ucs2.h"
#include "cli/vars.h"
#include "vars/vars_siglist.h"

#define VERB "vars"

static struct vars_certs certs_of(const struct vars *s)
{
	return (struct vars_certs){s->crypto, crypto_x509_read};
}

/* UTF-8 of a name, for fnmatch() and messages; the caller frees it. */
static char *name_text(const struct rts_var *var, bool with_guid)
{
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	if (to == NULL)
		return NULL;
	vars_print_name(to, var->name, var->name_len);
	if (with_guid) {
		fputc('-', to);
		vars_print_guid(to, &var->guid);
	}
	fclose(to);
	return text;
}

static bool matches(const struct rts_var *var, char **patterns, int count)
{
	cleanup(freep) char *name = name_text(var, false), *full = name_text(var, true);

	for (int i = 0; name != NULL && full != NULL && i < count; i++)
		if (fnmatch(patterns[i], name, 0) == 0 ||
		    fnmatch(patterns[i], full, FNM_CASEFOLD) == 0)
			return true;
	return count == 0;
}

static const struct cli_option list_options[] = {
	{"json", NULL, "print a JSON document, data and all",
	 CLI_FLAG(struct cli_json, json)},
	{0},
};

static const struct cli_command list_command = {
	"vars list",
	"[OPTION]... STORE [NAME|NAME-GUID]...",
	"Lists the variables of STORE, or those that match a NAME, which may hold * and "
	"?.\n"
	"Exit status 1: a NAME was given, and nothing matches.",
	list_options,
	1,
	CLI_MANY,
	"a STORE",
};

static int list_json(const struct vars *s, char **patterns, int count)
{
	const struct vars_certs certs = certs_of(s);
	struct rts_vars_cursor cursor = {0};
	json_t *all = json_array();
	const struct rts_var *var;
	size_t n;
	int r;

	while (vars_next_any(s, &cursor, &var))
		if (matches(var, patterns, count))
			json_array_append_new(all, vars_json(&certs, var));
	n = json_array_size(all);
	r = cli_json_print(VERB, json_pack("{s:s, s:o}", "schema", "runtserv.vars/1",
					   "variables", all));
	return r == EXIT_WELL && n == 0 && count > 0 ? EXIT_FINDINGS : r;
}

static int list_text(const struct vars *s, char **patterns, int count)
{
	const struct vars_certs certs = certs_of(s);
	struct rts_vars_cursor cursor = {0};
	const struct rts_var *var;
	char attr[40];
	size_t n = 0;

	while (vars_next_any(s, &cursor, &var)) {
		if (!matches(var, patterns, count))
			continue;
		if (n++ == 0)
			printf("%-11s  %5s  NAME-GUID  VALUE\n", "ATTRIBUTES", "SIZE");
		printf("%-11s  %5u  ", vars_attr_text(var->attr, attr), var->data_len);
		vars_print_name(stdout, var->name, var->name_len);
		putchar('-');
		vars_print_guid(stdout, &var->guid);
		fputs("  ", stdout);
		vars_print_short(stdout, &certs, var);
		putchar('\n');
	}
	return n == 0 && count > 0 ? EXIT_FINDINGS : EXIT_WELL;
}

static int vars_list(int argc, char **argv)
{
	cleanup(vars_close) struct vars s = {0};
	struct cli_json o = {0};
	int r = cli_parse(&list_command, &argc, &argv, &o);

	if (r != CLI_GO)
		return r;
	r = vars_open(&s, argv[0], VARS_READ, 0);
	if (r != EXIT_WELL)
		return r;
	return (o.json ? list_json : list_text)(&s, argv + 1, argc - 1);
}

struct get {
	bool json, raw;
	const char *output, *folder;
};

static const struct cli_option get_options[] = {
	{"json", NULL, "print a JSON document", CLI_FLAG(struct get, json)},
	{"raw", NULL, "write the data as it is to standard output",
	 CLI_FLAG(struct get, raw)},
	{"output", "FILE", "write the data as it is to FILE", CLI_TEXT(struct get, output)},
	{"extract", "DIR", "write each certificate in it to a file in DIR, as DER",
	 CLI_TEXT(struct get, folder)},
	{0},
};

static const struct cli_command get_command = {
	"vars get",
	"[OPTION]... STORE NAME[-GUID]",
	"Shows one variable of STORE. Exit status 1: there is none of that name, or no\n"
	"certificate in it.",
	get_options,
	2,
	2,
	"a STORE and a NAME",
};

static int extract(const struct vars *s, const char *folder, const struct rts_var *var)
{
	cleanup(freep) char *stem = name_text(var, false);
	cleanup(closep) int dir = -1;
	struct siglist_certs walk = {.rest = {var->data, var->data_len}};
	char file[CLI_DRIVER_FILE_MAX];
	struct crypto_x509 x;
	struct bytes der;
	unsigned n = 0;
	int r = EXIT_WELL;

	if (stem == NULL)
		return cli_error(VERB, "out of memory");
	if (vars_kind(var) != VARS_SIGNATURES)
		return cli_error(VERB, "%s: %s holds no signature lists", s->word, stem);
	while (r == EXIT_WELL && siglist_next_cert(&walk, &der)) {
		cleanup(freep) char *path = NULL;

		if (n == 0)
			r = cli_folder_make(VERB, folder, &dir);
		if (crypto_x509_read(s->crypto, der, &x) < 0)
			x.common_name[0] = 0;
		cli_driver_file_name(stem, n++, x.common_name, ".der", file);
		if (r == EXIT_WELL)
			r = cli_folder_put(VERB, folder, dir, file, der.p, der.n, &path);
		if (r == EXIT_WELL) {
			cli_print_text(stdout, path);
			putchar('\n');
		}
	}
	return r == EXIT_WELL && n == 0 ? EXIT_FINDINGS : r;
}

static void show(const struct vars *s, const struct rts_var *var)
{
	const struct vars_certs certs = certs_of(s);
	char attr[40];

	vars_print_name(stdout, var->name, var->name_len);
	putchar('-');
	vars_print_guid(stdout, &var->guid);
	printf("\n%s, %u byte%s", vars_attr_text(var->attr, attr), var->data_len,
	       var->data_len == 1 ? "" : "s");
	if ((var->attr & EFI_VARIABLE_TIME_BASED_AUTHENTICATED_WRITE_ACCESS) != 0) {
		fputs(", written ", stdout);
		vars_print_time(stdout, &var->time);
	}
	if (var->has_digest) {
		fputs("\nbelongs to signer ", stdout);
		vars_print_hex(stdout, (struct bytes){var->digest, sizeof var->digest},
			       SIZE_MAX);
	}
	putchar('\n');
	vars_print_long(stdout, &certs, var);
}

static int not_there(const struct vars *s, const char *name)
{
	cli_error(VERB, "%s: no variable %s", s->word, name);
	return EXIT_FINDINGS;
}

static int vars_get_one(int argc, char **argv)
{
	cleanup(vars_close) struct vars s = {0};
	const struct rts_var *var;
	struct vars_name name;
	struct get o = {0};
	int r = cli_parse(&get_command, &argc, &argv, &o);

	if (r != CLI_GO)
		return r;
	r = vars_open(&s, argv[0], VARS_READ, 0);
	if (r == EXIT_WELL)
		r = vars_name_read(argv[1], &name);
	if (r == EXIT_WELL)
		r = vars_find(&s, argv[1], &name, &var);
	if (r != EXIT_WELL)
		return r == EXIT_FINDINGS ? not_there(&s, argv[1]) : r;
	if (o.output != NULL)
		return cli_file_write(VERB, o.output, var->data, var->data_len);
	if (o.folder != NULL)
		return extract(&s, o.folder, var);
	if (o.raw)
		fwrite(var->data, 1, var->data_len, stdout);
	else if (!o.json)
		show(&s, var);
	else
		return cli_json_print(
			VERB,
			json_pack(
				"{s:s, s:[o]}", "schema", "runtserv.vars/1", "variables",
				vars_json(&(struct vars_certs){s.crypto, crypto_x509_read},
					  var)));
	return EXIT_WELL;
}

struct value {
	uint8_t *p;
	size_t n;
	bool given;
};

static int hex_value(const char *hex, struct value *v)
{
	const size_t n = strlen(hex);

	v->p = malloc(n / 2 + 1);
	if (v->p == NULL)
		return cli_error(VERB, "out of memory");
	for (size_t i = 0; i < n; i += 2) {
		int a = hex_digit(hex[i]), b = a < 0 ? -1 : hex_digit(hex[i + 1]);

		if (b < 0)
			return cli_error(VERB, "--data: not bytes in hexadecimal");
		v->p[i / 2] = (uint8_t)(a << 4 | b);
	}
	v->n = n / 2;
	return EXIT_WELL;
}

int vars_time_option(EFI_TIME *ret, const struct cli_option *o, const char *arg)
{
	return vars_time_read(arg, ret)
		       ? EXIT_WELL
		       : cli_error(VERB, "--%s %s: not YYYY-MM-DD[THH:MM:SS]", o->name,
				   arg);
}

struct set {
	struct value value;
	uint32_t attr; /* 0: not given */
	EFI_TIME time;
	uint64_t quota;
};

static void set_fini(struct set *o)
{
	free(o->value.p);
}

static int set_value(void *to, const struct cli_option *option, const char *arg)
{
	struct value *v = &((struct set *)to)->value;
	int r;

	if (v->given)
		return cli_error(VERB, "one value, please: --data, --file or --text");
	v->given = true;
	if (*option->name == 'd')
		return hex_value(arg, v);
	if (*option->name == 'f') {
		r = cli_file_read(arg, VARS_FILE_MAX, &v->p, &v->n);
		return r < 0 ? cli_error(VERB, "%s: %s", arg, strerror(-r)) : EXIT_WELL;
	}
	v->p = (uint8_t *)strdup(arg);
	v->n = strlen(arg);
	return v->p != NULL ? EXIT_WELL : cli_error(VERB, "out of memory");
}

static int set_attributes(void *to, const struct cli_option *option, const char *arg)
{
	struct set *o = to;

	return vars_attr_read(arg, &o->attr) && o->attr != 0
		       ? EXIT_WELL
		       : cli_error(VERB, "--%s %s: not attributes", option->name, arg);
}

static int set_time(void *to, const struct cli_option *option, const char *arg)
{
	return vars_time_option(&((struct set *)to)->time, option, arg);
}

/* clang-format off */
static const struct cli_option set_options[] = {
	{"data", "HEX", "the value, in hexadecimal", CLI_CALL(set_value)},
	{"file", "FILE", "the value is what FILE holds; - is standard input", CLI_CALL(set_value)},
	{"text", "TEXT", "the value is TEXT, without a NUL", CLI_CALL(set_value)},
	{"attributes", "LIST", "NV+BS+RT and the like, or a number (default: as it has, or\nas its name wants, or NV+BS+RT)", CLI_CALL(set_attributes)},
	{"time", "TIME", "of an authenticated variable: YYYY-MM-DDTHH:MM:SS, UTC\n(default: now)", CLI_CALL(set_time)},
	VARS_QUOTA_OPTION(struct set, quota),
	{0},
};
/* clang-format on */

static const struct cli_command set_command = {
	"vars set",
	"--data HEX|--file FILE|--text TEXT [OPTION]... STORE NAME[-GUID]",
	"Makes or changes a variable of STORE, which no machine may be using. A GUID is\n"
	"needed where neither STORE nor the UEFI specification has that NAME.",
	set_options,
	2,
	2,
	"a STORE, a NAME and a value",
};

/* The variable as it is to be; @old is it as it is, or NULL. */
static int set_one(struct vars *s, const struct set *o, const char *text,
		   struct vars_name *name, const struct rts_var *old)
{
	struct rts_var_edit e = {0};
	uint32_t attr;

	if (old != NULL)
		e.var = *old;
	else if (!vars_known(name, &attr))
		return cli_error(VERB,
				 "%s: no variable %s, and no known namespace for it; "
				 "say NAME-GUID",
				 s->word, text);
	else
		e.var = (struct rts_var){.guid = name->guid,
					 .attr = attr,
					 .name = name->name,
					 .name_len = name->name_len};
	if (o->attr != 0)
		e.var.attr = o->attr;
	e.var.time = o->time;
	if ((e.var.attr & EFI_VARIABLE_TIME_BASED_AUTHENTICATED_WRITE_ACCESS) == 0) {
		e.var.time = (EFI_TIME){0};
		e.var.has_digest = false;
	}
	if (o->value.n == 0 || o->value.n > UINT32_MAX)
		return cli_error(VERB, "%s: a variable holds at least one byte", text);
	e.var.data = o->value.p;
	e.var.data_len = (uint32_t)o->value.n;
	return vars_edit(s, &e, 1);
}

static int vars_set(int argc, char **argv)
{
	cleanup(vars_close) struct vars s = {0};
	cleanup(freep) struct vars_name *name = malloc(sizeof *name);
	cleanup(set_fini) struct set o = {.time = vars_now(), .quota = RTS_VARS_QUOTA};
	const struct rts_var *old = NULL;
	int r = cli_parse(&set_command, &argc, &argv, &o);

	if (r != CLI_GO)
		return r;
	if (!o.value.given)
		return cli_usage(&set_command);
	if (name == NULL)
		return cli_error(VERB, "out of memory");
	r = vars_name_read(argv[1], name);
	if (r == EXIT_WELL)
		r = vars_open(&s, argv[0], VARS_EDIT, o.quota);
	if (r == EXIT_WELL)
		r = vars_find(&s, argv[1], name, &old);
	return r == EXIT_TROUBLE ? r : set_one(&s, &o, argv[1], name, old);
}

static const struct cli_option delete_options[] = {{0}};

static const struct cli_command delete_command = {
	"vars delete",
	"STORE NAME[-GUID]...",
	"Deletes variables of STORE, which no machine may be using: all of those named, "
	"at\n"
	"once. Exit status 1: one of them is not there, and nothing is changed.",
	delete_options,
	2,
	CLI_MANY,
	"a STORE and a NAME",
};

static int delete_all(struct vars *s, char **names, int count)
{
	cleanup(freep) struct rts_var_edit *edits = calloc((size_t)count, sizeof *edits);
	cleanup(freep) struct vars_name *name = malloc(sizeof *name);
	int r = EXIT_WELL;

	if (edits == NULL || name == NULL)
		return cli_error(VERB, "out of memory");
	for (int i = 0; i < count; i++) {
		const struct rts_var *var = NULL;

		r = vars_name_read(names[i], name);
		if (r == EXIT_WELL)
			r = vars_find(s, names[i], name, &var);
		if (r == EXIT_FINDINGS)
			return not_there(s, names[i]);
		if (r != EXIT_WELL)
			return r;
		edits[i] = (struct rts_var_edit){*var, true};
	}
	return vars_edit(s, edits, (size_t)count);
}

static int vars_delete(int argc, char **argv)
{
	cleanup(vars_close) struct vars s = {0};
	int r = cli_parse(&delete_command, &argc, &argv, NULL);

	if (r != CLI_GO)
		return r;
	r = vars_open(&s, argv[0], VARS_CHANGE, VARS_QUOTA_MAX);
	return r == EXIT_WELL ? delete_all(&s, argv + 1, argc - 1) : r;
}

static const struct cli_form forms[] = {
	{"list", vars_list, "[OPTION]... STORE [NAME|NAME-GUID]..."},
	{"get", vars_get_one, "[OPTION]... STORE NAME[-GUID]"},
	{"set", vars_set, "[OPTION]... STORE NAME[-GUID]"},
	{"delete", vars_delete, "STORE NAME[-GUID]..."},
	{"boot", vars_boot, "[OPTION]... STORE"},
	{"status", vars_status, "[OPTION]... STORE"},
	{"secureboot", vars_secureboot, "[OPTION]... STORE on|off"},
	{"enroll", vars_enroll, "[OPTION]... STORE"},
	{"audit", vars_audit, "[OPTION]... STORE"},
	{"apply", vars_apply, "[OPTION]... STORE NAME[-GUID] FILE.auth"},
	{"diff", vars_diff, "[OPTION]... A B"},
	{"merge", vars_merge, "[OPTION]... STORE FROM"},
	{"convert", vars_convert, "[OPTION]... FROM TO"},
	{0},
};

int cmd_vars(int argc, char **argv)
{
	return cli_forms(VERB, forms, "The variables in a store, while no machine runs",
			 argc, argv);
}
