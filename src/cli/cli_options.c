/* SPDX-License-Identifier: BSD-2-Clause */
/* Options and help from one table, on getopt_long. */
#include "cli/cli.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"

#define OPTIONS_MAX 32U
#define HELP_COLUMN 26

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

int cli_next(const struct cli_command *c, int argc, char **argv, const char **ret_arg)
{
	struct option longs[OPTIONS_MAX + 2] = {0};
	int n = 0, r;

	for (; c->options[n].name != NULL && n < (int)OPTIONS_MAX; n++)
		longs[n] = (struct option){c->options[n].name,
					   c->options[n].arg != NULL ? required_argument
								     : no_argument,
					   NULL, n};
	longs[n] = (struct option){"help", no_argument, NULL, n};
	opterr = 0;
	r = getopt_long(argc, argv, c->mixed ? ":h" : "+:h", longs, NULL);
	*ret_arg = optarg;
	if (r == -1)
		return CLI_DONE;
	if (r == n || r == 'h') {
		print_help(c);
		return CLI_HELPED;
	}
	if (r >= 0 && r < n)
		return r;
	cli_error(c->verb, "%s %s; see 'runtserv %s --help'",
		  r == ':' ? "an argument is missing after" : "unknown or ambiguous option",
		  argv[optind - 1], c->verb);
	return CLI_TROUBLE;
}

int cli_error(const char *verb, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	fmt_text(text, sizeof text, fmt, ap);
	va_end(ap);
	fprintf(stderr, "runtserv %s: %s\n", verb, text);
	return EXIT_TROUBLE;
}
