/* SPDX-License-Identifier: BSD-2-Clause */
/* Options and help from one table, on getopt_long. */
#include "cli/cli.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"

#define OPTIONS_MAX 32
#define HELP_COLUMN 26

/* What getopt_long() calls long options: more than any character. */
enum { HELP = 256, FIRST };

const struct cli_option cli_json_options[] = {
	{"json", NULL, "print a JSON document", CLI_FLAG(struct cli_json, json)},
	{0},
};

static void print_option(const char *name, const char *arg, const char *help)
{
	int n = printf("  --%s%s%s", name, arg != NULL ? " " : "", arg != NULL ? arg : "");

	if (n + 2 > HELP_COLUMN) {
		putchar('\n');
		n = 0;
	}
	printf("%*s", HELP_COLUMN - n, "");
	for (; *help != 0; help++) {
		putchar(*help);
		if (*help == '\n')
			printf("%*s", HELP_COLUMN, "");
	}
	putchar('\n');
}

static void print_help(const struct cli_command *c)
{
	printf("Usage: runtserv %s %s\n", c->verb, c->usage);
	if (c->about != NULL)
		printf("\n%s\n", c->about);
	printf("\nOptions:\n");
	for (const struct cli_option *o = c->options; o->name != NULL; o++)
		print_option(o->name, o->arg, o->help);
	print_option("help", NULL, "print this and exit");
}

/* The index of @word among @words, which have | between them, or -1. */
static int word_index(const char *words, const char *word)
{
	const size_t n = strlen(word);

	for (int i = 0;; i++) {
		const size_t len = strcspn(words, "|");

		if (len == n && strncmp(words, word, n) == 0)
			return i;
		if (words[len] == 0)
			return -1;
		words += len + 1;
	}
}

static int set(const struct cli_command *c, const struct cli_option *o, const char *arg,
	       uint8_t *to)
{
	unsigned word;
	int i;

	switch (o->kind) {
	case CLI_IS_FLAG:
		*(bool *)(void *)(to + o->at) = true;
		break;
	case CLI_IS_TEXT:
		*(const char **)(void *)(to + o->at) = arg;
		break;
	case CLI_IS_NUMBER:
		if (!cli_number(arg, strlen(arg), o->min, o->max,
				(uint64_t *)(void *)(to + o->at)))
			return cli_error(c->verb, "--%s %s: not a number from %llu to %llu",
					 o->name, arg, (unsigned long long)o->min,
					 (unsigned long long)o->max);
		break;
	case CLI_IS_WORD:
		i = word_index(o->arg, arg);
		if (i < 0)
			return cli_error(c->verb, "--%s %s: not one of %s", o->name, arg,
					 o->arg);
		word = (unsigned)i;
		memcpy(to + o->at, &word, sizeof word);
		break;
	case CLI_IS_CALL:
		return o->call(to, o, arg);
	}
	return EXIT_WELL;
}

/* What getopt_long() did not take. */
static void bad_option(const struct cli_command *c, int r, const char *element)
{
	const char *name = optopt >= FIRST ? c->options[optopt - FIRST].name : "help";

	if (optopt == 0)
		cli_error(c->verb,
			  "unknown or ambiguous option %s; see 'runtserv %s --help'",
			  element, c->verb);
	else if (optopt < HELP)
		cli_error(c->verb, "unknown option -%c; see 'runtserv %s --help'", optopt,
			  c->verb);
	else
		cli_error(c->verb, "%s --%s; see 'runtserv %s --help'",
			  r == ':' ? "an argument is missing after"
				   : "there is no argument to",
			  name, c->verb);
}

enum { DONE = -1, HELPED = -2, TROUBLE = -3 };

/* The next option's index, or one of those. */
static int next(const struct cli_command *c, int argc, char **argv, const char **ret_arg)
{
	struct option longs[OPTIONS_MAX + 2] = {0};
	int n = 0, r;

	for (; c->options[n].name != NULL && n < OPTIONS_MAX; n++)
		longs[n] = (struct option){c->options[n].name,
					   c->options[n].arg != NULL ? required_argument
								     : no_argument,
					   NULL, FIRST + n};
	longs[n] = (struct option){"help", no_argument, NULL, HELP};
	opterr = 0;
	r = getopt_long(argc, argv, ":h", longs, NULL);
	*ret_arg = optarg;
	if (r == -1)
		return DONE;
	if (r >= FIRST)
		return r - FIRST;
	if (r == HELP || r == 'h') {
		print_help(c);
		return HELPED;
	}
	bad_option(c, r, argv[optind - 1]);
	return TROUBLE;
}

int cli_parse(const struct cli_command *c, int *argc, char ***argv, void *to)
{
	const char *arg;
	int i, status;

	while ((i = next(c, *argc, *argv, &arg)) >= 0) {
		status = set(c, &c->options[i], arg, to);
		if (status != EXIT_WELL)
			return status;
	}
	if (i != DONE)
		return i == HELPED ? EXIT_WELL : EXIT_TROUBLE;
	*argc -= optind;
	*argv += optind;
	if (*argc > c->max)
		return cli_error(c->verb, "%s: not expected; see 'runtserv %s --help'",
				 (*argv)[c->max], c->verb);
	return *argc < c->min ? cli_usage(c) : CLI_GO;
}

int cli_usage(const struct cli_command *c)
{
	return cli_error(c->verb, "wants %s; see 'runtserv %s --help'", c->want, c->verb);
}

int cli_forms(const char *verb, const struct cli_form *forms, const char *about, int argc,
	      char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	for (const struct cli_form *f = forms; f->name != NULL; f++)
		if (strcmp(what, f->name) == 0)
			return f->run(argc - 1, argv + 1);
	if (strcmp(what, "--help") == 0 || strcmp(what, "-h") == 0) {
		for (const struct cli_form *f = forms; f->name != NULL; f++)
			printf("%s runtserv %s %s %s\n", f == forms ? "Usage:" : "      ",
			       verb, f->name, f->usage);
		printf("\n%s; each form has its own --help.\n\nOptions:\n", about);
		print_option("help", NULL, "print this and exit");
		return EXIT_WELL;
	}
	return cli_error(verb, "%s%sis no form of this verb; see 'runtserv %s --help'",
			 what, *what != 0 ? " " : "nothing ", verb);
}

int cli_error(const char *verb, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	fmt_text(text, sizeof text, fmt, ap);
	va_end(ap);
	fprintf(stderr, "runtserv %s: %s\n", verb, cli_clean_text(text));
	return EXIT_TROUBLE;
}
