/* SPDX-License-Identifier: BSD-2-Clause */
/* `runtserv fw`: lists the files of a firmware image, and takes its drivers out. */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/guid.h"
#include "cli/cli.h"
#include "pe/pe_header.h"
#include "runtserv/fv.h"
#include "runtserv/pe.h"

#define VERB      "fw"
#define IMAGE_MAX (512U << 20)

/* One file of the image, as all outputs print it. */
struct row {
	const struct rts_fv_file *file;
	char guid[GUID_TEXT_LEN + 1];
	const char *subsystem; /* NULL: unknown, or no image */
	bool chosen;
	unsigned rank;    /* among those chosen that have the same GUID, from 0 */
	const char *path; /* where it was extracted to; NULL: it was not */
};

struct firmware {
	uint8_t *p;
	struct rts_fv *fv;
	struct row *rows;
	size_t count;
	struct diag problem; /* empty: none */
};

static void firmware_fini(struct firmware *fw)
{
	for (size_t i = 0; i < fw->count; i++)
		free((char *)fw->rows[i].path);
	free(fw->rows);
	rts_fv_free(fw->fv);
	free(fw->p);
}

static const char *type_name(uint8_t type)
{
	static const char *const names[] = {
		[EFI_FV_FILETYPE_RAW] = "raw",
		[EFI_FV_FILETYPE_SECURITY_CORE] = "sec",
		[EFI_FV_FILETYPE_PEI_CORE] = "pei-core",
		[EFI_FV_FILETYPE_DXE_CORE] = "dxe-core",
		[EFI_FV_FILETYPE_PEIM] = "peim",
		[EFI_FV_FILETYPE_DRIVER] = "driver",
		[EFI_FV_FILETYPE_COMBINED_PEIM_DRIVER] = "driver",
		[EFI_FV_FILETYPE_APPLICATION] = "application",
		[EFI_FV_FILETYPE_MM] = "mm",
		[EFI_FV_FILETYPE_COMBINED_MM_DXE] = "mm",
		[EFI_FV_FILETYPE_MM_CORE] = "mm",
		[EFI_FV_FILETYPE_MM_STANDALONE] = "mm",
		[EFI_FV_FILETYPE_MM_CORE_STANDALONE] = "mm",
	};

	if (type < sizeof names / sizeof *names && names[type] != NULL)
		return names[type];
	return "other";
}

static void row_read(struct row *row, const struct rts_fv_file *f, struct diag *problem)
{
	struct rts_pe_image img;
	struct diag d = {0};
	uint16_t subsystem;

	*row = (struct row){.file = f};
	guid_to_text(&f->guid, row->guid);
	if (f->image.n == 0)
		return;
	if (rts_pe_subsystem_read(f->image, &subsystem))
		row->subsystem = rts_pe_subsystem_name(subsystem);
	/* A machine that we do not know is no fault of the image. */
	if (rts_pe_image_read(f->image, &d, &img) == EFI_LOAD_ERROR)
		diag_set(problem, "image of %s: %s", row->guid, d.text);
}

/* EXIT_WELL, or EXIT_TROUBLE with a message. */
static int firmware_open(const char *path, struct firmware *fw)
{
	struct diag d = {0};
	size_t len;
	int r = cli_file_read(path, IMAGE_MAX, &fw->p, &len);

	if (r < 0)
		return cli_error(VERB, "%s: %s", path, strerror(-r));
	if (rts_fv_open((struct bytes){fw->p, len}, &d, &fw->fv) != EFI_SUCCESS)
		return cli_error(VERB, "%s: %s", path, d.text);
	if (rts_fv_problem(fw->fv) != NULL)
		diag_set(&fw->problem, "%s", rts_fv_problem(fw->fv));
	fw->rows = calloc(rts_fv_file_count(fw->fv) + 1, sizeof *fw->rows);
	if (fw->rows == NULL)
		return cli_error(VERB, "%s: %s", path, strerror(ENOMEM));
	fw->count = rts_fv_file_count(fw->fv);
	for (size_t i = 0; i < fw->count; i++)
		row_read(&fw->rows[i], rts_fv_file(fw->fv, i), &fw->problem);
	return EXIT_WELL;
}

static int status_of(const struct firmware *fw)
{
	return fw->problem.text[0] != 0 ? EXIT_FINDINGS : EXIT_WELL;
}

static json_t *row_json(const struct row *row)
{
	const struct rts_fv_file *f = row->file;
	json_t *o = json_pack(
		"{s:s, s:s?, s:s, s:s?, s:o}", "guid", row->guid, "name", f->name, "type",
		type_name(f->type), "subsystem", row->subsystem, "size",
		f->image.n != 0 ? json_integer((json_int_t)f->image.n) : json_null());

	/* A folder's name may be in no encoding at all; then it is left out. */
	if (row->path != NULL)
		json_object_set_new(o, "path", json_string(row->path));
	return o;
}

/* @chosen: only those. */
static int print_json(const struct firmware *fw, bool chosen)
{
	json_t *files = json_array();
	int r;

	for (size_t i = 0; i < fw->count; i++)
		if (!chosen || fw->rows[i].chosen)
			json_array_append_new(files, row_json(&fw->rows[i]));
	r = cli_json_print(VERB,
			   json_pack("{s:s, s:o, s:s?}", "schema", "runtserv.fw/1", "files",
				     files, "problem",
				     fw->problem.text[0] != 0 ? fw->problem.text : NULL));
	return r == EXIT_WELL ? status_of(fw) : r;
}

static void print_problem(const struct firmware *fw)
{
	if (fw->problem.text[0] != 0)
		printf("broken: %s\n", fw->problem.text);
}

static const char *or_dash(const char *s)
{
	return s != NULL ? s : "-";
}

static int print_table(const struct firmware *fw)
{
	printf("%-36s  %-11s  %-14s  %9s  NAME\n", "GUID", "TYPE", "SUBSYSTEM", "SIZE");
	for (size_t i = 0; i < fw->count; i++) {
		const struct row *row = &fw->rows[i];

		printf("%s  %-11s  %-14s  ", row->guid, type_name(row->file->type),
		       or_dash(row->subsystem));
		if (row->file->image.n != 0)
			printf("%9zu  ", row->file->image.n);
		else
			printf("%9s  ", "-");
		cli_print_text(stdout, or_dash(row->file->name));
		putchar('\n');
	}
	print_problem(fw);
	return status_of(fw);
}

static const struct cli_command list_command = {
	"fw list",
	"[OPTION]... FD",
	"Lists the files of the firmware image FD, those in compressed sections too. FD -\n"
	"is standard input. Exit status 1: something in it is broken.",
	cli_json_options,
	1,
	1,
	"an FD",
};

static int fw_list(int argc, char **argv)
{
	cleanup(firmware_fini) struct firmware fw = {0};
	struct cli_json o = {0};
	int r = cli_parse(&list_command, &argc, &argv, &o);

	if (r != CLI_GO)
		return r;
	r = firmware_open(argv[0], &fw);
	if (r != EXIT_WELL)
		return r;
	return o.json ? print_json(&fw, false) : print_table(&fw);
}

/* Marks the drivers that @what names, a name or a GUID; false: none. */
static bool choose(struct firmware *fw, const char *what)
{
	EFI_GUID guid;
	bool is_guid = guid_from_text(what, strlen(what), &guid), any = false;

	for (size_t i = 0; i < fw->count; i++) {
		struct row *row = &fw->rows[i];
		const struct rts_fv_file *f = row->file;

		if (f->image.n == 0 || !((is_guid && guid_eq(&f->guid, &guid)) ||
					 (f->name != NULL && strcmp(f->name, what) == 0)))
			continue;
		row->chosen = true;
		any = true;
	}
	return any;
}

static int by_guid(const void *a, const void *b)
{
	const struct row *const *x = a, *const *y = b;
	int r = memcmp(&(*x)->file->guid, &(*y)->file->guid, sizeof(EFI_GUID));

	return r != 0 ? r : (*x > *y) - (*x < *y);
}

/* Files of one GUID get different ranks, and so different names. */
static bool rank_rows(struct firmware *fw)
{
	cleanup(freep) struct row **sorted = calloc(fw->count + 1, sizeof(struct row *));
	size_t n = 0;

	if (sorted == NULL)
		return false;
	for (size_t i = 0; i < fw->count; i++)
		if (fw->rows[i].chosen)
			sorted[n++] = &fw->rows[i];
	qsort(sorted, n, sizeof *sorted, by_guid);
	for (size_t i = 1; i < n; i++)
		if (guid_eq(&sorted[i]->file->guid, &sorted[i - 1]->file->guid))
			sorted[i]->rank = sorted[i - 1]->rank + 1;
	return true;
}

static int extract_row(int dir, const char *dir_name, struct row *row)
{
	char name[CLI_DRIVER_FILE_MAX], *path = NULL;
	int r;

	cli_driver_file_name(row->guid, row->rank, row->file->name,
			     row->file->te ? ".te" : ".efi", name);
	r = cli_folder_put(VERB, dir_name, dir, name, row->file->image.p,
			   row->file->image.n, &path);
	row->path = path;
	return r;
}

static int extract_all(struct firmware *fw, const char *dir_name)
{
	cleanup(closep) int dir = -1;
	int r;

	if (!rank_rows(fw))
		return cli_error(VERB, "%s: %s", dir_name, strerror(ENOMEM));
	r = cli_folder_make(VERB, dir_name, &dir);
	for (size_t i = 0; r == EXIT_WELL && i < fw->count; i++)
		if (fw->rows[i].chosen)
			r = extract_row(dir, dir_name, &fw->rows[i]);
	return r;
}

struct extract {
	const char *output;
	bool json;
};

static const struct cli_option extract_options[] = {
	{"output", "DIR", "write into DIR (default: FD's name with .drivers, here)",
	 CLI_TEXT(struct extract, output)},
	{"json", NULL, "print a JSON document of what was extracted",
	 CLI_FLAG(struct extract, json)},
	{0},
};

static const struct cli_command extract_command = {
	"fw extract",
	"[OPTION]... FD [NAME|GUID]...",
	"Writes the drivers of the firmware image FD, or only those named, to one file\n"
	"each, DIR/GUID-NAME.efi or .te, and prints their paths. Exit status 1: one of\n"
	"those named is not there, or something in FD is broken.",
	extract_options,
	1,
	CLI_MANY,
	"an FD",
};

/* A name for the folder that is made in the one where we are. */
static char *default_dir(const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;
	char *name = NULL;

	if (strcmp(path, "-") == 0)
		base = "stdin";
	return asprintf(&name, "%s.drivers", base) < 0 ? NULL : name;
}

static int extract(struct firmware *fw, const char *dir, char **names, int count, bool json)
{
	bool any = false, all = true;
	int r = EXIT_WELL;

	for (size_t i = 0; count == 0 && i < fw->count; i++)
		any |= fw->rows[i].chosen = fw->rows[i].file->image.n != 0;
	for (int i = 0; i < count; i++) {
		if (choose(fw, names[i])) {
			any = true;
		} else {
			all = false;
			cli_error(VERB, "no driver %s in the image", names[i]);
		}
	}
	if (any)
		r = extract_all(fw, dir);
	else if (count == 0)
		cli_error(VERB, "no drivers in the image");
	if (r != EXIT_WELL)
		return r;
	if (json) {
		r = print_json(fw, true);
	} else {
		for (size_t i = 0; i < fw->count; i++)
			if (fw->rows[i].path != NULL)
				puts(fw->rows[i].path);
		print_problem(fw);
		r = status_of(fw);
	}
	return r == EXIT_WELL && !(any && all) ? EXIT_FINDINGS : r;
}

static int fw_extract(int argc, char **argv)
{
	cleanup(firmware_fini) struct firmware fw = {0};
	cleanup(freep) char *made = NULL;
	struct extract o = {0};
	int r = cli_parse(&extract_command, &argc, &argv, &o);

	if (r != CLI_GO)
		return r;
	if (o.output == NULL) {
		made = default_dir(argv[0]);
		o.output = made;
	}
	r = o.output == NULL ? cli_error(VERB, "out of memory")
			     : firmware_open(argv[0], &fw);
	return r != EXIT_WELL ? r : extract(&fw, o.output, argv + 1, argc - 1, o.json);
}

static const struct cli_form forms[] = {
	{"list", fw_list, "[OPTION]... FD"},
	{"extract", fw_extract, "[OPTION]... FD [NAME|GUID]..."},
	{0},
};

int cmd_fw(int argc, char **argv)
{
	return cli_forms(VERB, forms, "The drivers in a firmware image", argc, argv);
}
