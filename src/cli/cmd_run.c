/* SPDX-License-Identifier: BSD-2-Clause */
/* `runtserv run`: which drivers, from where, and how; the report's exit status. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/run.h"
#include "runtserv/pe.h"

#define VERB         "run"
#define IMAGE_MAX    (64U << 20)
#define FIRMWARE_MAX (256U << 20)
#define SCRIPT_MAX   (1U << 20)
#define DRIVERS_MAX  32
#define PCDS_MAX     64U
#define TIMEOUT_MAX  3600U /* seconds */
#define STACK_MAX    512U  /* KiB */

struct file {
	uint8_t *p;
	size_t n;
};

struct run {
	char **words; /* DRIVER... */
	int word_count;
	const char *firmware, *calls, *trace, *flash, *save_flash, *save_map;
	bool json, verbose;
	uint64_t timeout, stack; /* s, KiB; 0: not given */
	uint64_t pcds[PCDS_MAX][2];
	struct runtime_config config;

	/* what config borrows */
	struct runtime_driver drivers[DRIVERS_MAX];
	struct file images[DRIVERS_MAX], firmware_file, calls_file, flash_file;
	struct rts_fv *fv;
	struct bytes flash_after, trace_text;
	struct runtime_report report;
};

static void run_free(struct run **p)
{
	struct run *r = *p;

	if (r == NULL)
		return;
	runtime_report_fini(&r->report);
	rts_fv_free(r->fv);
	for (size_t i = 0; i < DRIVERS_MAX; i++)
		free(r->images[i].p);
	free(r->firmware_file.p);
	free(r->calls_file.p);
	free(r->flash_file.p);
	free((void *)r->flash_after.p);
	free((void *)r->trace_text.p);
	free(r);
}

/* Options. */

static int add_pcd(void *to, const struct cli_option *o, const char *arg)
{
	struct run *r = to;
	uint64_t *pcd = r->pcds[r->config.pcd_count];
	const size_t len = strcspn(arg, "=");

	if (r->config.pcd_count == PCDS_MAX)
		return cli_error(VERB, "--%s %s: more than %u of them", o->name, arg,
				 PCDS_MAX);
	if (arg[len] == 0 || !cli_number(arg, len, 0, UINT32_MAX, &pcd[0]) ||
	    !cli_number(arg + len + 1, strlen(arg + len + 1), 0, UINT64_MAX, &pcd[1]))
		return cli_error(VERB, "--%s %s: not TOKEN=VALUE, two numbers", o->name,
				 arg);
	r->config.pcd_count++;
	return EXIT_WELL;
}

/* clang-format off */
static const struct cli_option options[] = {
	{"json", NULL, "print the report as a JSON document", CLI_FLAG(struct run, json)},
	{"firmware", "FD", "a firmware image: drivers by name, and what they depend on", CLI_TEXT(struct run, firmware)},
	{"engine", "own|edk2", "who converts addresses: own (default), with all checks, or\nedk2: RuntimeDxe of the firmware image", CLI_WORD(struct run, config.engine)},
	{"no-virtual", NULL, "an operating system that never calls SetVirtualAddressMap", CLI_FLAG(struct run, config.no_virtual)},
	{"timeout", "S", "seconds that a call into a driver may take (default 5)", CLI_NUMBER(struct run, timeout, 1, TIMEOUT_MAX)},
	{"runtime-stack", "KIB", "KiB of stack that runtime services get (default 4, as the\nspecification says; at most 512)", CLI_NUMBER(struct run, stack, 4, STACK_MAX)},
	{"calls", "FILE", "a script of calls, in place of the usual ones", CLI_TEXT(struct run, calls)},
	{"trace", "FILE", "write what each call answered, a line for each", CLI_TEXT(struct run, trace)},
	{"flash", "FILE", "what the variable flash holds at the start", CLI_TEXT(struct run, flash)},
	{"save-flash", "FILE", "write what it holds in the end", CLI_TEXT(struct run, save_flash)},
	{"save-map", "FILE", "write the last memory map, for runtserv memmap", CLI_TEXT(struct run, save_map)},
	{"pcd", "TOKEN=VALUE", "a platform configuration value; may be repeated", CLI_CALL(add_pcd)},
	{"seed", "N", "of the choice of addresses (default 0)", CLI_NUMBER(struct run, config.seed, 0, UINT64_MAX)},
	{"head-guard", NULL, "guard pool blocks at their beginning, not at their end", CLI_FLAG(struct run, config.head_guard)},
	{"verbose", NULL, "list all values that still are physical addresses", CLI_FLAG(struct run, verbose)},
	{0},
};
/* clang-format on */

static const struct cli_command command = {
	VERB,
	"[OPTION]... DRIVER...",
	"Runs UEFI drivers natively, through ExitBootServices and SetVirtualAddressMap, "
	"and\n"
	"reports every rule that they break. DRIVER is a PE file or, with --firmware, the\n"
	"name or GUID of a driver in that image. This is a debugger, not a sandbox: "
	"drivers\n"
	"are native code with your rights. Exit status 1: something was found.",
	options,
	1,
	DRIVERS_MAX,
	"a DRIVER",
};

/* CLI_GO, or how to exit. */
static int parse(struct run *r, int argc, char **argv)
{
	const int status = cli_parse(&command, &argc, &argv, r);

	if (status != CLI_GO)
		return status;
	if (r->stack % 4 != 0)
		return cli_error(VERB, "--runtime-stack %u: not a multiple of 4",
				 (unsigned)r->stack);
	if (r->config.engine == RUNTIME_ENGINE_EDK2 && r->firmware == NULL)
		return cli_error(VERB, "--engine edk2: RuntimeDxe comes from --firmware");
	r->words = argv;
	r->word_count = argc;
	r->config.timeout_ms = (unsigned)r->timeout * 1000;
	r->config.runtime_stack = (unsigned)r->stack << 10;
	r->config.pcds = r->pcds;
	if (r->trace != NULL)
		r->config.trace = &r->trace_text;
	return CLI_GO;
}

/* Files. */

static int load(const char *path, size_t max, struct file *ret)
{
	const int rc = cli_file_read(path, max, &ret->p, &ret->n);

	if (rc == -EFBIG)
		return cli_error(VERB, "%s: longer than %zu bytes", path, max);
	return rc < 0 ? cli_error(VERB, "%s: %s", path, strerror(-rc)) : EXIT_WELL;
}

/* The runner takes a script as a text that ends at its NUL. */
static int load_calls(struct run *r)
{
	struct file *f = &r->calls_file;
	int status = load(r->calls, SCRIPT_MAX, f);
	uint8_t *p;

	if (status != EXIT_WELL)
		return status;
	if (f->n != 0 && memchr(f->p, 0, f->n) != NULL)
		return cli_error(VERB, "%s: a NUL in it; not a script", r->calls);
	p = realloc(f->p, f->n + 1);
	if (p == NULL)
		return cli_error(VERB, "out of memory");
	f->p = p;
	p[f->n] = 0;
	r->config.calls = (const char *)p;
	return EXIT_WELL;
}

static int load_firmware(struct run *r)
{
	struct diag d = {0};
	int status = load(r->firmware, FIRMWARE_MAX, &r->firmware_file);

	if (status != EXIT_WELL)
		return status;
	if (rts_fv_open((struct bytes){r->firmware_file.p, r->firmware_file.n}, &d,
			&r->fv) != EFI_SUCCESS)
		return cli_error(VERB, "%s: %s", r->firmware, d.text);
	r->config.firmware = r->fv;
	r->config.firmware_path = r->firmware;
	r->config.firmware_len = r->firmware_file.n;
	return EXIT_WELL;
}

static int load_files(struct run *r)
{
	int status = EXIT_WELL;

	if (r->firmware != NULL)
		status = load_firmware(r);
	if (status == EXIT_WELL && r->calls != NULL)
		status = load_calls(r);
	if (status == EXIT_WELL && r->flash != NULL)
		status = load(r->flash, RUNTIME_FLASH_LEN, &r->flash_file);
	r->config.flash = (struct bytes){r->flash_file.p, r->flash_file.n};
	if (r->save_flash != NULL)
		r->config.flash_after = &r->flash_after;
	return status;
}

/* Drivers. */

static int check_image(const char *word, struct bytes image)
{
	struct rts_pe_image pe;
	struct diag d = {0};

	if (rts_pe_image_read(image, &d, &pe) != EFI_SUCCESS)
		return cli_error(VERB, "%s: %s", word, d.text);
	if (pe.machine != PE_MACHINE_X64)
		return cli_error(VERB, "%s: machine %#x; only x64 images (%#x) can run",
				 word, pe.machine, PE_MACHINE_X64);
	if (pe.subsystem < PE_SUBSYSTEM_APPLICATION ||
	    pe.subsystem > PE_SUBSYSTEM_RUNTIME_DRIVER)
		return cli_error(VERB, "%s: subsystem %u; not an EFI image", word,
				 pe.subsystem);
	return EXIT_WELL;
}

/* One DRIVER into the configuration: a word with a slash is a file, another one a file
 * only where the firmware has no such driver. */
static int add_driver(struct run *r, const char *word)
{
	const size_t i = r->config.subject_count;
	const struct rts_fv_file *f = NULL;
	struct runtime_driver *d = &r->drivers[i];
	int status = EXIT_WELL;

	if (strchr(word, '/') == NULL)
		status = run_find(r->fv, word, &f);
	if (status != EXIT_WELL)
		return status;
	if (f != NULL) {
		*d = (struct runtime_driver){.name = f->name != NULL ? f->name : word,
					     .path = r->firmware,
					     .image = f->image,
					     .depex = f->depex,
					     .has_guid = true,
					     .guid = f->guid};
	} else {
		const char *slash = strrchr(word, '/');

		if (slash == NULL && strcmp(word, "-") != 0 && access(word, F_OK) < 0)
			return run_not_found(r->fv, r->firmware, word);
		status = load(word, IMAGE_MAX, &r->images[i]);
		*d = (struct runtime_driver){.name = slash != NULL ? slash + 1 : word,
					     .path = word,
					     .image = {r->images[i].p, r->images[i].n}};
	}
	if (status == EXIT_WELL)
		status = check_image(word, d->image);
	r->config.subject_count++;
	return status;
}

/* The report. */

static int print_report(const struct run *r)
{
	if (r->json)
		return cli_json_print(VERB, run_json(&r->report));
	run_text(stdout, &r->report, r->verbose, r->calls != NULL);
	return EXIT_WELL;
}

static int save_results(const struct run *r)
{
	const struct rt_shared *s = r->report.last;
	int status = EXIT_WELL;

	if (r->save_map != NULL)
		status = cli_file_write(VERB, r->save_map, s->map, s->map_len);
	if (status == EXIT_WELL && r->save_flash != NULL)
		status = cli_file_write(VERB, r->save_flash, r->flash_after.p,
					r->flash_after.n);
	if (status == EXIT_WELL && r->trace != NULL)
		status = cli_file_write(VERB, r->trace, r->trace_text.p, r->trace_text.n);
	return status;
}

/* A script of the user's own says what each call shall answer: another answer is a
 * difference. */
static bool is_well(const struct run *r)
{
	return r->report.finding_count == 0 &&
	       (r->calls == NULL || run_failed_calls(r->report.last) == 0);
}

/* On a terminal alone, and gone when the report begins. */
static void show_progress(void *ctx, unsigned run, unsigned ms)
{
	bool *shown = ctx;

	*shown = true;
	fprintf(stderr, "\rrun %u: %u s ", run, ms / 1000);
}

static int run_drivers(struct run *r)
{
	struct diag d = {0};
	bool shown = false;
	int rc;

	r->config.console = !r->json;
	if (!r->json && isatty(STDERR_FILENO)) {
		r->config.progress = show_progress;
		r->config.progress_ctx = &shown;
	}
	rc = runtime_run(&r->config, &d, &r->report);
	if (shown)
		fprintf(stderr, "\r%*s\r", 24, "");
	if (rc == 0)
		return EXIT_WELL;
	rt_clean(d.text, sizeof d.text);
	return cli_error(VERB, "%s", d.text);
}

int cmd_run(int argc, char **argv)
{
	cleanup(run_free) struct run *r = calloc(1, sizeof *r);
	int status;

	if (r == NULL)
		return cli_error(VERB, "out of memory");
	status = parse(r, argc, argv);
	if (status != CLI_GO)
		return status;
	status = load_files(r);
	r->config.subjects = r->drivers;
	for (int i = 0; status == EXIT_WELL && i < r->word_count; i++)
		status = add_driver(r, r->words[i]);
	if (status != EXIT_WELL)
		return status;
	status = run_drivers(r);
	if (status == EXIT_WELL)
		status = save_results(r);
	if (status == EXIT_WELL)
		status = print_report(r);
	if (status != EXIT_WELL)
		return status;
	return is_well(r) ? EXIT_WELL : EXIT_FINDINGS;
}
