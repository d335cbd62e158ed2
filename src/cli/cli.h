/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line: the verbs, and options that are parsed and explained from one table, so
 * that --help cannot say anything else than the parser does.
 */
#pragma once

#include <stdbool.h>
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
	bool mixed; /* options may stand behind operands; false: the command sees to it */
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

/* The character at @s, which ends with a NUL, and its bytes in UTF-8; 0: those there are
 * none. */
size_t cli_utf8_next(const char *s, uint32_t *ret);

/* Controls, and what changes the order in which the rest is shown. */
bool cli_is_unsafe(uint32_t c);

/* Prints a text that somebody else chose: what could move a terminal's cursor, or turn its
 * line around, becomes '?'. */
void cli_print_text(FILE *to, const char *text);
/* The same in place, for messages. Returns @text. */
char *cli_clean_text(char *text);

/* STEM[.RANK+1][-NAME]SUFFIX, for a driver that is extracted: @name, which may be NULL,
 * comes from its image, and keeps what is harmless in any folder. @stem: up to 40 bytes. */
#define CLI_DRIVER_FILE_MAX 128U
void cli_driver_file_name(const char *stem, unsigned rank, const char *name,
			  const char *suffix, char ret[CLI_DRIVER_FILE_MAX]);

/* Both: EXIT_WELL, or EXIT_TROUBLE after a message. A folder that may be there already,
 * open; a file in it, which replaces what is there under its name, a symbolic link, too.
 * @ret_path, if not NULL: its path, for the caller to free. */
int cli_folder_make(const char *verb, const char *path, int *ret);
int cli_folder_put(const char *verb, const char *path, int dir, const char *name,
		   const void *p, size_t n, char **ret_path);

/* The verbs. argv[0] is the verb; the result is the exit status. */
int cmd_fw(int argc, char **argv);
int cmd_memmap(int argc, char **argv);
int cmd_rom(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_scan(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_vars(int argc, char **argv);
