/* SPDX-License-Identifier: BSD-2-Clause */
/* `runtserv scan`: which memory, what it is compared with, and where the report goes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/scan.h"
#include "cli/scan_progress.h"
#include "crypto/crypto_hash.h"
#include "os/os_threads.h"

#define VERB        "scan"
#define THREADS_MAX 64U

struct run {
	const char *image, *html, *svg, *extract, *inventory, *save, *qmp;
	bool json, live;
	uint64_t threads;
	const char **firmware;
	size_t firmware_count;

	struct scan_known known;
	struct scan_inventory images;
	struct scan_input in;
	struct scan_progress progress;
	struct rts_scan_report *report;
	bool found; /* anything of UEFI */
	struct scan_extracted *files;
};

static void run_fini(struct run *r)
{
	if (r->report != NULL)
		scan_extracted_free(r->files, r->report);
	rts_scan_report_free(r->report);
	scan_input_fini(&r->in);
	scan_inventory_fini(&r->images);
	scan_known_fini(&r->known);
	free(r->firmware);
}

/* Options. */

static int add_firmware(void *to, const struct cli_option *o, const char *path)
{
	struct run *r = to;
	const char **more = reallocarray(r->firmware, r->firmware_count + 1, sizeof *more);

	(void)o;
	if (more == NULL)
		return cli_error(VERB, "%s: %s", path, strerror(ENOMEM));
	r->firmware = more;
	r->firmware[r->firmware_count++] = path;
	return EXIT_WELL;
}

/* clang-format off */
static const struct cli_option options[] = {
	{"json", NULL, "print the report as a JSON document", CLI_FLAG(struct run, json)},
	{"html", "FILE", "write it as a page, too; - prints that, and nothing else", CLI_TEXT(struct run, html)},
	{"svg", "FILE", "write the page's picture alone; - prints it, and nothing else", CLI_TEXT(struct run, svg)},
	{"extract", "DIR", "write each driver to a PE file in DIR, and their hashes", CLI_TEXT(struct run, extract)},
	{"firmware", "FD", "what is known: a firmware image, an EFI file, or an option\nROM; may be repeated", CLI_CALL(add_firmware)},
	{"inventory", "FILE", "what our firmware application saved before boot", CLI_TEXT(struct run, inventory)},
	{"live", NULL, "the memory of this machine, in place of IMAGE; root's", CLI_FLAG(struct run, live)},
	{"save", "FILE", "with --live: keep what was looked at, as an ELF core", CLI_TEXT(struct run, save)},
	{"qmp", "SOCKET", "the memory of a QEMU guest, in place of IMAGE; the guest is\nstopped meanwhile", CLI_TEXT(struct run, qmp)},
	{"threads", "N", "at most so many (default: one for each CPU)", CLI_NUMBER(struct run, threads, 1, THREADS_MAX)},
	{0},
};
/* clang-format on */

static const struct cli_command command = {
	VERB,
	"[OPTION]... IMAGE | --live | --qmp SOCKET",
	"Finds, names and verifies the UEFI runtime drivers and services in the memory of\n"
	"a machine with x86-64. IMAGE is raw, an ELF or kdump core, LiME, a Windows crash\n"
	"dump or a VMware vmem. Exit status 1: there are findings, or nothing of UEFI.",
	options,
	0,
	1,
	"one of IMAGE, --live and --qmp SOCKET",
};

static bool is_stdout(const char *path)
{
	return path != NULL && strcmp(path, "-") == 0;
}

/* CLI_GO, or how to exit. */
static int parse(struct run *r, int argc, char **argv)
{
	const int status = cli_parse(&command, &argc, &argv, r);

	if (status != CLI_GO)
		return status;
	r->image = argc > 0 ? argv[0] : NULL;
	if ((r->image != NULL) + r->live + (r->qmp != NULL) != 1)
		return cli_usage(&command);
	if (r->save != NULL && !r->live)
		return cli_error(VERB, "--save: only with --live");
	if (r->json + is_stdout(r->html) + is_stdout(r->svg) > 1)
		return cli_error(VERB, "only one of --json, --html - and --svg - can have "
				       "the standard output");
	return CLI_GO;
}

/* The scan. */

/* What can be wrong without anybody's memory being looked at comes first. */
static int load(struct run *r)
{
	int status = scan_known_add_own(&r->known);

	for (size_t i = 0; status == EXIT_WELL && i < r->firmware_count; i++)
		status = scan_known_add(&r->known, r->firmware[i]);
	if (status == EXIT_WELL && r->inventory != NULL)
		status = scan_inventory_read(r->inventory, &r->images);
	if (status != EXIT_WELL)
		return status;
	status = r->live          ? scan_open_live("", &r->in)
		 : r->qmp != NULL ? scan_open_qmp(r->qmp, &r->in)
				  : scan_open_file(r->image, &r->in);
	if (status == EXIT_WELL && r->save != NULL)
		status = scan_save(&r->in, r->save);
	return status;
}

static void in_parallel(void *ctx, void (*work)(void *arg, unsigned i), void *arg,
			unsigned count)
{
	(void)ctx;
	os_parallel(NULL, work, arg, count);
}

static bool show_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct run *r = ctx;

	return scan_progress_show(&r->progress, done, total);
}

static void move_window(void *ctx, uint64_t offset, uint64_t len, bool needed)
{
	const struct run *r = ctx;

	r->in.window(r->in.window_ctx, offset, len, needed);
}

static int scan(struct run *r)
{
	const struct rts_scan_config config = {
		.dump = r->in.dump,
		.hash = &crypto_scan_hash,
		.known = r->known.list,
		.known_count = r->known.count,
		.runtime_map = r->in.runtime_map,
		.runtime_map_count = r->in.runtime_map_count,
		.os_memory = r->in.os_memory,
		.os_memory_count = r->in.os_memory_count,
		.runtime_services = r->in.runtime_services,
		.has_inventory = r->inventory != NULL,
		.inventory = r->images.images,
		.inventory_count = r->images.count,
		.extract = r->extract != NULL,
		.parallel = in_parallel,
		.threads = r->threads != 0 ? (unsigned)r->threads : os_cpu_count(),
		.progress = show_progress,
		.window = r->in.window != NULL ? move_window : NULL,
		.ctx = r,
	};
	struct diag d = {0};
	EFI_STATUS status;

	scan_progress_begin(&r->progress, "scanning", !r->json);
	status = rts_scan_run(&config, &d, &r->report);
	scan_progress_end(&r->progress);
	r->found = status == EFI_SUCCESS;
	if (status == EFI_SUCCESS || status == EFI_NOT_FOUND)
		return EXIT_WELL;
	/* a broken known image has its own name in the text */
	return status == EFI_LOAD_ERROR
		       ? cli_error(VERB, "%s", d.text)
		       : cli_error(VERB, "%s: %s", r->in.name != NULL ? r->in.name : "-",
				   d.text);
}

/* The report. */

typedef int print_fn(FILE *to, const struct scan_input *in,
		     const struct rts_scan_report *r);

/* All of it, or nothing. @path NULL: it is not wanted, "-": it comes later. */
static int save_as(const struct run *r, const char *path, print_fn *print)
{
	cleanup(freep) char *text = NULL;
	size_t n = 0;
	FILE *to;
	int rc;

	if (path == NULL || is_stdout(path))
		return EXIT_WELL;
	to = open_memstream(&text, &n);
	rc = to != NULL ? print(to, &r->in, r->report) : -1;
	if (to == NULL || fclose(to) != 0 || rc < 0)
		return cli_error(VERB, "%s: %s", path, strerror(ENOMEM));
	return cli_file_write(VERB, path, text, n);
}

static int extract(struct run *r, bool *ret_all)
{
	size_t written = 0;
	int status;

	*ret_all = true;
	if (r->extract == NULL)
		return EXIT_WELL;
	status = scan_extract(r->extract, r->report, &r->files, &written);
	*ret_all = written != 0;
	return status;
}

static bool has_findings(const struct rts_scan_report *r)
{
	for (size_t i = 0; i < r->finding_count; i++)
		if (r->findings[i].severity != RTS_SCAN_INFO)
			return true;
	return false;
}

static int print(const struct run *r)
{
	int rc = 0;

	if (r->json)
		rc = scan_print_json(stdout, &r->in, r->report, r->files);
	else if (is_stdout(r->html))
		rc = scan_print_html(stdout, &r->in, r->report);
	else if (is_stdout(r->svg))
		rc = scan_print_svg(stdout, &r->in, r->report);
	else
		scan_print_text(stdout, &r->in, r->report, r->files);
	/* what could not be written, main() tells */
	return rc < 0 && !ferror(stdout) ? cli_error(VERB, "out of memory") : EXIT_WELL;
}

int cmd_scan(int argc, char **argv)
{
	cleanup(run_fini) struct run r = {0};
	bool extracted = true;
	int status = parse(&r, argc, argv);

	if (status != CLI_GO)
		return status;
	status = load(&r);
	if (status == EXIT_WELL)
		status = scan(&r);
	if (status == EXIT_WELL)
		status = extract(&r, &extracted);
	if (status == EXIT_WELL)
		status = save_as(&r, r.html, scan_print_html);
	if (status == EXIT_WELL)
		status = save_as(&r, r.svg, scan_print_svg);
	if (status == EXIT_WELL)
		status = print(&r);
	if (status != EXIT_WELL)
		return status;
	if (!extracted)
		cli_error(VERB, "no driver could be extracted");
	return r.found && extracted && !has_findings(r.report) ? EXIT_WELL : EXIT_FINDINGS;
}
