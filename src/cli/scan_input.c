/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory from a file: mapped, never copied. What is surely not memory is refused by its
 * name, for a raw image may hold anything and would be believed.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/scan_input.h"
#include "os/os_map.h"

#define NOTES_MAX 64U

void scan_input_note(struct scan_input *in, const char *fmt, ...)
{
	char text[512];
	char **more;
	va_list ap;

	if (in->note_count == NOTES_MAX)
		return;
	va_start(ap, fmt);
	fmt_text(text, sizeof text, fmt, ap);
	va_end(ap);
	more = realloc(in->notes, (in->note_count + 1) * sizeof *more);
	if (more == NULL)
		return;
	in->notes = more;
	more[in->note_count] = strdup(text);
	if (more[in->note_count] != NULL)
		in->note_count++;
}

void scan_input_fini(struct scan_input *in)
{
	rts_dump_free(in->dump);
	if (in->priv_free != NULL)
		in->priv_free(in->priv);
	for (size_t i = 0; i < in->note_count; i++)
		free(in->notes[i]);
	free(in->notes);
	free(in->runtime_map);
	free(in->os_memory);
	*in = (struct scan_input){0};
}

struct file {
	struct os_map image;
	struct os_map meta; /* of VMware */
	char *meta_name;
	char *who, *meta_who;
};

static void file_free(void *p)
{
	struct file *f = p;

	os_map_close(&f->image);
	os_map_close(&f->meta);
	free(f->who);
	free(f->meta_who);
	free(f->meta_name);
	free(f);
}

static void file_window(void *ctx, uint64_t offset, uint64_t len, bool needed)
{
	const struct file *f = ctx;

	if (!needed)
		os_map_drop(&f->image, offset, len);
}

/* What the handler of os_map says before its reason. */
static char *who(const char *path)
{
	char *text = NULL;

	return asprintf(&text, "runtserv scan: %s", path) < 0 ? NULL : text;
}

#define UNPACK "unpack it to a file first"
#define DISK   "a disk image, not memory"

/* Files that people have beside a memory image, and take for one, but for those that the
 * reader of images knows. A name is of any file; this looks at the content. */
/* clang-format off */
static const struct {
	uint32_t at;
	uint8_t len;
	const char *magic;
	const char *text;
} others[] = {
	{0, 4, "QFI\xfb", "qcow2, " DISK "; 'runtserv scan --qmp' takes a running guest's memory"},
	{0, 4, "KDMV", "VMDK, " DISK ", which is in the .vmem file"},
	{0, 4, "COWD", "VMDK, " DISK ", which is in the .vmem file"},
	{0, 8, "vhdxfile", "VHDX, " DISK},
	{0x40, 4, "\x7f\x10\xda\xbe", "VDI, " DISK "; 'VBoxManage debugvm VM dumpvmcore' writes that"},
	{0, 4, "\x04\x22\x4d\x18", "packed with lz4: " UNPACK},
	{0, 3, "BZh", "packed with bzip2: " UNPACK},
	{0, 4, "PK\3\4", "a zip archive: " UNPACK},
	{0, 6, "7z\xbc\xaf\x27\x1c", "a 7z archive: " UNPACK},
	{0x28, 4, "_FVH", "a firmware image; give it with --firmware"},
};
/* clang-format on */

/* @path with another suffix; the caller frees it. */
static char *beside(const char *path, const char *suffix)
{
	const char *dot = strrchr(path, '.');
	char *text = NULL;

	if (dot == NULL || strchr(dot, '/') != NULL)
		dot = path + strlen(path);
	return asprintf(&text, "%.*s%s", (int)(dot - path), path, suffix) < 0 ? NULL : text;
}

static bool ends_in(const char *path, const char *suffix)
{
	const size_t n = strlen(path), len = strlen(suffix);

	return n > len && strcasecmp(path + n - len, suffix) == 0;
}

static int refuse(const char *path, const struct os_map *m)
{
	const struct bytes b = {m->p, m->n};
	struct bytes magic;

	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (bytes_sub(b, others[i].at, others[i].len, &magic) &&
		    memcmp(magic.p, others[i].magic, magic.n) == 0)
			return cli_error("scan", "%s: %s", path, others[i].text);
	return EXIT_WELL;
}

/* FILE.vmss or FILE.vmsn, which says where the memory of FILE.vmem has its holes, if there
 * is one. */
static int open_meta(const char *path, struct file *f)
{
	static const char *const suffixes[] = {".vmss", ".vmsn"};

	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		struct diag d = {0};
		int r;

		free(f->meta_name);
		free(f->meta_who);
		f->meta_name = beside(path, suffixes[i]);
		f->meta_who = f->meta_name != NULL ? who(f->meta_name) : NULL;
		if (f->meta_who == NULL)
			return cli_error("scan", "%s: %s", path, strerror(ENOMEM));
		r = os_map_open(f->meta_name, f->meta_who, EXIT_TROUBLE, &d, &f->meta);
		if (r == 0)
			return EXIT_WELL;
		if (r != -ENOENT)
			return cli_error("scan", "%s: %s", f->meta_name, d.text);
	}
	return EXIT_WELL;
}

static int open_dump(const char *path, const struct file *f, bool vmem,
		     struct scan_input *in)
{
	const struct bytes image = {f->image.p, f->image.n};
	const struct bytes meta = {f->meta.p, f->meta.n};
	const struct rts_dump_info *info;
	struct diag d = {0};

	if (EFI_ERROR(vmem ? rts_dump_open_vmem(image, meta, &d, &in->dump)
			   : rts_dump_open(image, meta, &d, &in->dump)))
		return cli_error("scan", "%s%s%s: %s", path, meta.p != NULL ? ", by " : "",
				 meta.p != NULL ? f->meta_name : "", d.text);
	info = rts_dump_info(in->dump);
	if (info->problem != NULL)
		scan_input_note(in, "%s", info->problem);
	if (info->assumed_hole)
		scan_input_note(
			in, "no .vmss or .vmsn beside the .vmem: memory was taken to have "
			    "its usual hole, from 3 GiB to 4 GiB");
	return EXIT_WELL;
}

int scan_open_fd(const char *path, int fd, struct scan_input *ret)
{
	struct file *f = calloc(1, sizeof *f);
	struct scan_input in = {.name = path,
				.priv = f,
				.priv_free = file_free,
				.window = file_window,
				.window_ctx = f};
	const bool vmem = fd < 0 && ends_in(path, ".vmem");
	struct diag d = {0};
	int r;

	if (f == NULL || (f->who = who(path)) == NULL) {
		free(f);
		return cli_error("scan", "%s: %s", path, strerror(ENOMEM));
	}
	r = fd >= 0 ? os_map_fd(fd, f->who, EXIT_TROUBLE, &d, &f->image)
		    : os_map_open(path, f->who, EXIT_TROUBLE, &d, &f->image);
	if (r < 0)
		r = cli_error("scan", "%s: %s", path, d.text);
	else if (fd < 0)
		r = refuse(path, &f->image);
	if (r == EXIT_WELL && vmem)
		r = open_meta(path, f);
	if (r == EXIT_WELL)
		r = open_dump(path, f, vmem, &in);
	if (r != EXIT_WELL)
		scan_input_fini(&in);
	else
		*ret = in;
	return r;
}

int scan_open_file(const char *path, struct scan_input *ret)
{
	if (strcmp(path, "-") == 0)
		return cli_error("scan",
				 "-: an image is mapped, so it must be a file; save "
				 "what comes down the pipe first");
	return scan_open_fd(path, -1, ret);
}
