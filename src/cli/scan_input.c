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
	char *who, *meta_who;
};

static void file_free(void *p)
{
	struct file *f = p;

	os_map_close(&f->image);
	os_map_close(&f->meta);
	free(f->who);
	free(f->meta_who);
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

/* Files that people have beside a memory image, and take for one. */
static const struct {
	uint32_t at;
	uint8_t len;
	const char *magic;
	const char *text;
} others[] = {
	{0, 4, "QFI\xfb",
	 "qcow2, " DISK "; 'runtserv scan --qmp' takes the guest's memory"},
	{0, 4, "KDMV", "VMDK, " DISK "; the memory is in the .vmem file"},
	{0, 4, "COWD", "VMDK, " DISK "; the memory is in the .vmem file"},
	{0, 8, "vhdxfile", "VHDX, " DISK},
	{0x40, 4, "\x7f\x10\xda\xbe",
	 "VDI, " DISK "; 'VBoxManage debugvm VM dumpvmcore' "
	 "writes the memory"},
	{0, 3, "\x1f\x8b\x08", "compressed (gzip); " UNPACK},
	{0, 6,
	 "\xfd"
	 "7zXZ\0",
	 "compressed (xz); " UNPACK},
	{0, 4, "\x28\xb5\x2f\xfd", "compressed (zstd); " UNPACK},
	{0, 4, "\x04\x22\x4d\x18", "compressed (lz4); " UNPACK},
	{0, 3, "BZh", "compressed (bzip2); " UNPACK},
	{0, 4, "PK\3\4", "a zip archive; " UNPACK},
	{0, 6, "7z\xbc\xaf\x27\x1c", "a 7z archive; " UNPACK},
	{0, 4, "QEVM",
	 "a QEMU migration stream; 'runtserv scan --qmp' or dump-guest-memory "
	 "takes the memory"},
	{0, 8, "LibvirtQ",
	 "a libvirt save file; 'virsh dump --memory-only' writes the memory"},
	{0, 4, "HIBR", "a Windows hibernation file, which is compressed"},
	{0, 4, "MDMP", "a minidump of one process"},
	{0x28, 4, "_FVH", "a firmware image; give it with --firmware"},
};

/* What VMware writes beside the memory. */
static bool is_vmware_state(const struct os_map *m)
{
	static const char magic[][5] = {"\xd0\xbe\xd2\xbe", "\xd1\xba\xd1\xba",
					"\xd2\xbe\xd2\xbe", "\xd3\xbe\xd3\xbe"};

	for (size_t i = 0; m->n >= 4 && i < sizeof magic / sizeof *magic; i++)
		if (memcmp(m->p, magic[i], 4) == 0)
			return true;
	return false;
}

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
	cleanup(freep) char *vmem = NULL;
	struct bytes magic;

	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (bytes_sub(b, others[i].at, others[i].len, &magic) &&
		    memcmp(magic.p, others[i].magic, magic.n) == 0)
			return cli_error("scan", "%s: %s", path, others[i].text);
	if (!is_vmware_state(m))
		return EXIT_WELL;
	vmem = beside(path, ".vmem");
	return cli_error("scan",
			 "%s: a suspended VMware machine without its memory, which is in "
			 "%s: give that one, and leave this beside it",
			 path, vmem != NULL ? vmem : "the .vmem file");
}

/* Where the holes of FILE.vmem are; without it the reader assumes the usual one. */
static void open_meta(const char *path, struct file *f, struct scan_input *in)
{
	static const char *const suffixes[] = {".vmss", ".vmsn", ".VMSS", ".VMSN"};

	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes && f->meta.p == NULL;
	     i++) {
		cleanup(freep) char *name = beside(path, suffixes[i]);
		struct diag d = {0};
		int r;

		free(f->meta_who);
		f->meta_who = name != NULL ? who(name) : NULL;
		if (f->meta_who == NULL)
			return;
		r = os_map_open(name, f->meta_who, EXIT_TROUBLE, &d, &f->meta);
		if (r < 0 && r != -ENOENT)
			scan_input_note(in, "%s is not used: %s", name, d.text);
	}
}

/* Takes over @f. */
static int open_dump(const char *path, struct file *f, struct scan_input *in)
{
	struct diag d = {0};

	in->name = path;
	in->priv = f;
	in->priv_free = file_free;
	in->window = file_window;
	in->window_ctx = f;
	if (EFI_ERROR(rts_dump_open((struct bytes){f->image.p, f->image.n},
				    (struct bytes){f->meta.p, f->meta.n}, &d, &in->dump)))
		return cli_error("scan", "%s: %s", path, d.text);
	if (rts_dump_info(in->dump)->problem != NULL)
		scan_input_note(in, "%s", rts_dump_info(in->dump)->problem);
	if (rts_dump_info(in->dump)->assumed_hole)
		scan_input_note(in,
				"no .vmss or .vmsn beside the .vmem: the hole below 4 GiB "
				"was assumed to begin at 3 GiB");
	return EXIT_WELL;
}

int scan_open_fd(const char *path, int fd, struct scan_input *ret)
{
	struct scan_input in = {0};
	struct diag d = {0};
	struct file *f = calloc(1, sizeof *f);
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
	if (r == EXIT_WELL && fd < 0 && ends_in(path, ".vmem"))
		open_meta(path, f, &in);
	if (r != EXIT_WELL)
		file_free(f);
	else
		r = open_dump(path, f, &in);
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
