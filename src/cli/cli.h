/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line: the verbs, and options that are parsed and explained from one table, so
 * that --help cannot say anything else than the parser does.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Exit statuses, in the spirit of grep and diff. */
enum { EXIT_WELL = 0, EXIT_FINDINGS = 1, EXIT_TROUBLE = 2 };

struct cli_option {
	const char *name; /* without its dashes; NULL ends a table */
	const char *arg;  /* what --help calls its argument; NULL: it takes none */
	const char *help;
};

struct cli_command {
	const char *verb;
	const char *usage; /* what follows the verb on the usage line */
	const char *about; /* a paragraph; may be NULL */
	const struct cli_option *options;
};

/* What cli_next() returns beside an index into the options. */
enum {
	CLI_DONE = -1,    /* optind is the first operand */
	CLI_HELPED = -2,  /* --help was asked for and printed: exit 0 */
	CLI_TROUBLE = -3, /* a message was printed: exit 2 */
};

/* The next option of @argv, where argv[0] is the verb; @ret_arg is its argument, or NULL.
 */
int cli_next(const struct cli_command *c, int argc, char **argv, const char **ret_arg);

/* One line on stderr, "runtserv VERB: ..."; returns EXIT_TROUBLE. */
int cli_error(const char *verb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* All of a file that somebody else wrote, of any kind; "-" is stdin. The caller frees it.
 * 0, or -errno: -EFBIG past @max. */
int cli_file_read(const char *path, size_t max, uint8_t **ret, size_t *ret_len);

/* Prints a text that somebody else chose: what could move a terminal's cursor, or turn its
 * line around, becomes '?'. */
void cli_print_text(FILE *to, const char *text);

/* The verbs. argv[0] is the verb; the result is the exit status. */
int cmd_fw(int argc, char **argv);
int cmd_memmap(int argc, char **argv);
int cmd_rom(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_serve(int argc, char **argv);
