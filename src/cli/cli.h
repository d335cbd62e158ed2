/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line: the verbs, and options that are parsed and explained from one table, so
 * that --help cannot say anything else than the parser does.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Exit statuses, in the spirit of grep and diff. */
enum { EXIT_WELL = 0, EXIT_FINDINGS = 1, EXIT_TROUBLE = 2 };

/* Where an option's value goes: a member of the struct that cli_parse() fills, or a
 * function. The last of a repeated option counts, unless the function sees to it. */
enum cli_kind { CLI_IS_FLAG, CLI_IS_TEXT, CLI_IS_NUMBER, CLI_IS_WORD, CLI_IS_CALL };

struct cli_option {
	const char *name; /* without its dashes; NULL ends a table */
	const char *arg;  /* what --help calls its argument; NULL: it takes none */
	const char *help;
	enum cli_kind kind;
	size_t at;
	uint64_t min, max; /* of a number */
	/* An exit status, with a message unless it is EXIT_WELL. */
	int (*call)(void *to, const struct cli_option *o, const char *arg);
};

#define CLI_AT(type, member, ok) (offsetof(type, member) + 0 * sizeof(char[(ok) ? 1 : -1]))
#define CLI_IS(type, member, want) \
	__builtin_types_compatible_p(__typeof__(((type *)NULL)->member), want)
/* The last members of a row: a bool, which the option sets; a const char *; a uint64_t; an
 * enum, whose values from 0 have the names that @arg lists, with | between. */
#define CLI_FLAG(type, member) \
	.kind = CLI_IS_FLAG, .at = CLI_AT(type, member, CLI_IS(type, member, bool))
#define CLI_TEXT(type, member) \
	.kind = CLI_IS_TEXT, .at = CLI_AT(type, member, CLI_IS(type, member, const char *))
#define CLI_NUMBER(type, member, least, most)                                              \
	.kind = CLI_IS_NUMBER, .at = CLI_AT(type, member, CLI_IS(type, member, uint64_t)), \
	.min = (least), .max = (most)
#define CLI_WORD(type, member) \
	.kind = CLI_IS_WORD,   \
	.at = CLI_AT(type, member, sizeof(((type *)NULL)->member) == sizeof(unsigned))
#define CLI_CALL(function) .kind = CLI_IS_CALL, .call = (function)

#define CLI_MANY INT_MAX

struct cli_command {
	const char *verb;
	const char *usage; /* what follows the verb on the usage line */
	const char *about; /* a paragraph; may be NULL */
	const struct cli_option *options;
	int min, max;     /* operands; CLI_MANY: any number of them */
	const char *want; /* what they are: "a STORE and a NAME"; NULL: there are none */
};

/* A command that has only --json. */
struct cli_json {
	bool json;
};
extern const struct cli_option cli_json_options[];

/* What a verb goes on after; else what cli_parse() returns is its exit status. */
enum { CLI_GO = -1 };

/*
 * Options into @to, a struct of the type that the table of @c names; argv[0] is the verb.
 * CLI_GO: *argv then are the operands alone, *argc of them, as many as @c wants. EXIT_WELL:
 * --help was asked for, and printed; EXIT_TROUBLE: a message was printed.
 */
int cli_parse(const struct cli_command *c, int *argc, char ***argv, void *to);

/* Says what operands @c wants. Returns EXIT_TROUBLE. */
int cli_usage(const struct cli_command *c);

/* A whole number from @min to @max, decimal or 0x..., that @n characters are. */
bool cli_number(const char *text, size_t n, uint64_t min, uint64_t max, uint64_t *ret);

/* A verb with forms, "vars list" and the like: runs the one that is asked for. */
struct cli_form {
	const char *name; /* NULL ends a table */
	int (*run)(int argc, char **argv);
	const char *usage;
};
int cli_forms(const char *verb, const struct cli_form *forms, const char *about, int argc,
	      char **argv);

/* One line on stderr, "runtserv VERB: ...", as cli_print_text() prints; returns
 * EXIT_TROUBLE. */
int cli_error(const char *verb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* All of a file that somebody else wrote, of any kind; "-" is stdin. The caller frees it.
 * 0, or -errno: -EFBIG past @max. */
int cli_file_read(const char *path, size_t max, uint8_t **ret, size_t *ret_len);

/* In the place of a file at @path, which is as it was where that cannot be done; into what
 * is there, if it is a link or no file. EXIT_WELL, or EXIT_TROUBLE after a message. */
int cli_file_write(const char *verb, const char *path, const void *p, size_t n);

/* Prints a document, which may be NULL for want of memory, and gives it back. */
struct json_t;
int cli_json_print(const char *verb, struct json_t *doc);

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
