/* SPDX-License-Identifier: BSD-2-Clause */
/* `runtserv vars`: the variables in a store, while no machine runs. Here: showing, setting
 * and deleting them; each other form has a file of its own. */
#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/guid.h"
#include "base/ucs2.h"
#include "cli/vars.h"

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

enum { LIST_JSON };

static const struct cli_option list_options[] = {
	{"json", NULL, "print a JSON document, data and all"},
	{NULL, NULL, NULL},
};

static const struct cli_command list_command = {
	"vars list",
	"[OPTION]... STORE [NAME|NAME-GUID]...",
	"Lists the variables of STORE, or those that match a NAME, which may hold * and "
	"?.\n"
	"Exit status 1: a NAME was given, and nothing matches.",
	list_options,
	true,
};

static int list_json(const struct vars *s, char **patterns, int count)
{
	const struct vars_certs certs = certs_of(s);
	struct rts_vars_cursor cursor = {0};
	json_t *all = json_array();
	const struct rts_var *var;
	size_t n;
	int r;

	while (vars_next(s, &cursor, &var))
		if (matches(var, patterns, count))
			json_array_append_new(all, vars_json(&certs, var));
	n = json_array_size(all);
	r = vars_json_print(
		json_pack("{s:s, s:o}", "schema", "runtserv.vars/1", "variables", all));
	return r == EXIT_WELL && n == 0 && count > 0 ? EXIT_FINDINGS : r;
}

static int list_text(const struct vars *s, char **patterns, int count)
{
	const struct vars_certs certs = certs_of(s);
	struct rts_vars_cursor cursor = {0};
	const struct rts_var *var;
	char attr[40];
	size_t n = 0;

	while (vars_next(s, &cursor, &var)) {
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

/* The options of a form that has only --json; then *ret_go, or how to exit. */
int vars_options_json(const struct cli_command *c, int argc, char **argv, bool *ret_json,
		      bool *ret_go)
{
	const char *arg;
	int option;

	while ((option = cli_next(c, argc, argv, &arg)) >= 0)
		*ret_json = true;
	*ret_go = option == CLI_DONE;
	return option == CLI_TROUBLE ? EXIT_TROUBLE : EXIT_WELL;
}

int vars_usage(const struct cli_command *c, const char *want)
{
	return cli_error(VERB, "%s wants %s; see 'runtserv %s --help'",
			 c->verb + strlen("vars "), want, c->verb);
}

static int vars_list(int argc, char **argv)
{
	cleanup(vars_close) struct vars s = {0};
	bool json = false, go;
	int r = vars_options_json(&list_command, argc, argv, &json, &go);

	if (!go)
		return r;
	if (argc == optind)
		return vars_usage(&list_command, "a STORE");
	r = vars_open(&s, argv[optind++], VARS_READ, 0);
	if (r != EXIT_WELL)
		return r;
	return json ? list_json(&s, argv + optind, argc - optind)
		    : list_text(&s, argv + optind, argc - optind);
}

enum { GET_JSON, GET_RAW, GET_OUTPUT };

static const struct cli_option get_options[] = {
	{"json", NULL, "print a JSON document"},
	{"raw", NULL, "write the data as it is to standard output"},
	{"output", "FILE", "write the data as it is to FILE"},
	{NULL, NULL, NULL},
};

static const struct cli_command get_command = {
	"vars get",
	"[OPTION]... STORE NAME[-GUID]",
	"Shows one variable of STORE. Exit status 1: there is none of that name.",
	get_options,
	true,
};

static int write_file(const char *path, const struct rts_var *var)
{
	FILE *to = fopen(path, "we");
	bool ok = to != NULL && fwrite(var->data, 1, var->data_len, to) == var->data_len;

	if (to != NULL && fclose(to) != 0)
		ok = false;
	return ok ? EXIT_WELL : cli_error(VERB, "%s: %s", path, strerror(errno));
}

static void show(const struct vars *s, const struct rts_var *var)
{
	const struct vars_certs certs = certs_of(s);
	char attr[40];

	vars_print_name(stdout, var->name, var->name_len);
	putchar('-');
	vars_print_guid(stdout, &var->guid);
	printf("\n%s, %u bytes", vars_attr_text(var->attr, attr), var->data_len);
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
	cleanup(freep) char *shown = strdup(name);

	cli_error(VERB, "%s: no variable %s", s->word,
		  shown != NULL ? cli_clean_text(shown) : "");
	return EXIT_FINDINGS;
}

static int vars_get_one(int argc, char **argv)
{
	cleanup(vars_close) struct vars s = {0};
	bool json = false, raw = false;
	const char *output = NULL, *arg;
	const struct rts_var *var;
	struct vars_name name;
	int option, r;

	while ((option = cli_next(&get_command, argc, argv, &arg)) >= 0) {
		if (option == GET_OUTPUT)
			output = arg;
		else
			*(option == GET_JSON ? &json : &raw) = true;
	}
	if (option != CLI_DONE)
		return option == CLI_HELPED ? EXIT_WELL : EXIT_TROUBLE;
	if (argc - optind != 2)
		return vars_usage(&get_command, "a STORE and a NAME");
	r = vars_open(&s, argv[optind], VARS_READ, 0);
	if (r == EXIT_WELL)
		r = vars_name_read(argv[optind + 1], &name);
	if (r == EXIT_WELL)
		r = vars_find(&s, argv[optind + 1], &name, &var);
	if (r != EXIT_WELL)
		return r == EXIT_FINDINGS ? not_there(&s, argv[optind + 1]) : r;
	if (output != NULL)
		return write_file(output, var);
	if (raw)
		fwrite(var->data, 1, var->data_len, stdout);
	else if (!json)
		show(&s, var);
	else
		return vars_json_print(json_pack(
			"{s:s, s:[o]}", "schema", "runtserv.vars/1", "variables",
			vars_json(&(struct vars_certs){s.crypto, crypto_x509_read}, var)));
	return EXIT_WELL;
}

enum { SET_DATA, SET_FILE, SET_TEXT, SET_ATTR, SET_TIME, SET_QUOTA };

static const struct cli_option set_options[] = {
	{"data", "HEX", "the value, in hexadecimal"},
	{"file", "FILE", "the value is what FILE holds; - is standard input"},
	{"text", "TEXT", "the value is TEXT, without a NUL"},
	{"attributes", "LIST",
	 "NV+BS+RT and the like, or a number (default: as it has, or\n"
	 "as its name wants, or NV+BS+RT)"},
	{"time", "TIME",
	 "of an authenticated variable: YYYY-MM-DDTHH:MM:SS, UTC\n"
	 "(default: now)"},
	{"quota", "BYTES", "room in the store, as for serve (default 262144)"},
	{NULL, NULL, NULL},
};

static const struct cli_command set_command = {
	"vars set",
	"--data HEX|--file FILE|--text TEXT [OPTION]... STORE NAME[-GUID]",
	"Makes or changes a variable of STORE, which no machine may be using. A GUID is\n"
	"needed where neither STORE nor the UEFI specification has that NAME.",
	set_options,
	true,
};

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

static int value_read(int option, const char *arg, struct value *v)
{
	int r;

	if (v->given)
		return cli_error(VERB, "one value, please: --data, --file or --text");
	v->given = true;
	if (option == SET_DATA)
		return hex_value(arg, v);
	if (option == SET_FILE) {
		r = cli_file_read(arg, VARS_FILE_MAX, &v->p, &v->n);
		return r < 0 ? cli_error(VERB, "%s: %s", arg, strerror(-r)) : EXIT_WELL;
	}
	v->p = (uint8_t *)strdup(arg);
	v->n = strlen(arg);
	return v->p != NULL ? EXIT_WELL : cli_error(VERB, "out of memory");
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

static int set_option(struct set *o, int option, const char *arg)
{
	bool ok = true;

	switch (option) {
	case SET_ATTR:
		ok = vars_attr_read(arg, &o->attr) && o->attr != 0;
		break;
	case SET_TIME:
		ok = vars_time_read(arg, &o->time);
		break;
	case SET_QUOTA:
		ok = vars_number(arg, VARS_QUOTA_MAX, &o->quota);
		break;
	default:
		return value_read(option, arg, &o->value);
	}
	return ok ? EXIT_WELL
		  : cli_error(VERB, "--%s %s: not one; see 'runtserv vars set --help'",
			      set_options[option].name, arg);
}

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
	const char *arg;
	int option, r;

	if (name == NULL)
		return cli_error(VERB, "out of memory");
	while ((option = cli_next(&set_command, argc, argv, &arg)) >= 0) {
		r = set_option(&o, option, arg);
		if (r != EXIT_WELL)
			return r;
	}
	if (option != CLI_DONE)
		return option == CLI_HELPED ? EXIT_WELL : EXIT_TROUBLE;
	if (argc - optind != 2 || !o.value.given)
		return vars_usage(&set_command, "a STORE, a NAME and a value");
	r = vars_name_read(argv[optind + 1], name);
	if (r == EXIT_WELL)
		r = vars_open(&s, argv[optind], VARS_EDIT, o.quota);
	if (r == EXIT_WELL)
		r = vars_find(&s, argv[optind + 1], name, &old);
	return r == EXIT_TROUBLE ? r : set_one(&s, &o, argv[optind + 1], name, old);
}

static const struct cli_option delete_options[] = {
	{NULL, NULL, NULL},
};

static const struct cli_command delete_command = {
	"vars delete",
	"STORE NAME[-GUID]...",
	"Deletes variables of STORE, which no machine may be using: all of those named, "
	"at\n"
	"once. Exit status 1: one of them is not there, and nothing is changed.",
	delete_options,
	true,
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
	bool json = false, go;
	int r = vars_options_json(&delete_command, argc, argv, &json, &go);

	if (!go)
		return r;
	if (argc - optind < 2)
		return vars_usage(&delete_command, "a STORE and a NAME");
	r = vars_open(&s, argv[optind], VARS_EDIT, VARS_QUOTA_MAX);
	if (r != EXIT_WELL)
		return r;
	return delete_all(&s, argv + optind + 1, argc - optind - 1);
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *usage;
} forms[] = {
	{"list", vars_list, "[OPTION]... STORE [NAME|NAME-GUID]..."},
	{"get", vars_get_one, "[OPTION]... STORE NAME[-GUID]"},
	{"set", vars_set, "[OPTION]... STORE NAME[-GUID]"},
	{"delete", vars_delete, "STORE NAME[-GUID]..."},
	{"boot", vars_boot, "[OPTION]... STORE"},
	{"status", vars_status, "[OPTION]... STORE"},
	{"enroll", vars_enroll, "[OPTION]... STORE"},
	{"audit", vars_audit, "[OPTION]... STORE"},
	{"apply", vars_apply, "[OPTION]... STORE NAME[-GUID] FILE.auth"},
	{"diff", vars_diff, "[OPTION]... A B"},
	{"merge", vars_merge, "[OPTION]... STORE FROM"},
	{"convert", vars_convert, "[OPTION]... FROM TO"},
};

int cmd_vars(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		if (strcmp(what, forms[i].name) == 0)
			return forms[i].run(argc - 1, argv + 1);
	if (strcmp(what, "--help") == 0 || strcmp(what, "-h") == 0) {
		for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
			printf("%s runtserv vars %s %s\n", i == 0 ? "Usage:" : "      ",
			       forms[i].name, forms[i].usage);
		printf("\nThe variables in a store, while no machine runs; each form has "
		       "its "
		       "own --help.\n");
		return EXIT_WELL;
	}
	return cli_error(VERB, "%s%sis no form of this verb; see 'runtserv vars --help'",
			 what, *what != 0 ? " " : "nothing ");
}
