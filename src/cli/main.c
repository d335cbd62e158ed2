/* SPDX-License-Identifier: BSD-2-Clause */
/* The one program: runtserv VERB ... */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *about;
} verbs[] = {
	{"serve", cmd_serve, "give a virtual machine its UEFI variables"},
	{"vars", cmd_vars, "show and change the variables in a store"},
	{"run", cmd_run, "run UEFI drivers natively and name every rule they break"},
	{"scan", cmd_scan, "find and verify the UEFI runtime drivers in a memory image"},
	{"memmap", cmd_memmap, "show a UEFI memory map and its sums"},
	{"fw", cmd_fw, "list or extract the drivers in a firmware image"},
	{"rom", cmd_rom, "pack EFI drivers into an option ROM, or show one"},
};

static void print_help(FILE *to)
{
	fprintf(to, "Usage: runtserv VERB [OPTION]... [ARGUMENT]...\n\n"
		    "UEFI runtime as ordinary Linux software.\n\nVerbs:\n");
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		fprintf(to, "  %-10s %s\n", verbs[i].name, verbs[i].about);
	fprintf(to,
		"\nOptions:\n"
		"  --help     print this and exit; 'runtserv VERB --help' explains a verb\n"
		"  --version  print the version and exit\n");
}

/* An answer that did not reach its reader is none. */
static int finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	fprintf(stderr, "runtserv: standard output: %s\n", strerror(errno));
	return EXIT_TROUBLE;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0) {
		print_help(stdout);
		return finish(EXIT_WELL);
	}
	if (strcmp(verb, "--version") == 0) {
		printf("runtserv %s\n", RUNTSERV_VERSION);
		return finish(EXIT_WELL);
	}
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(verb, verbs[i].name) == 0)
			return finish(verbs[i].run(argc - 1, argv + 1));
	if (*verb == 0)
		print_help(stderr);
	else
		fprintf(stderr, "runtserv: unknown verb %s; see 'runtserv --help'\n", verb);
	return EXIT_TROUBLE;
}
