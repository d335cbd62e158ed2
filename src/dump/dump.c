/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory images: which format a file has, the table of ranges, and reading memory through
 * it. Each format's own file only fills the table.
 */
#include "runtserv/dump.h"

#include <stdlib.h>
#include <string.h>

#include "dump/dump_priv.h"

const char *rts_dump_format_name(enum rts_dump_format format)
{
	static const char *const names[] = {"raw",    "elf-core",     "kdump",
					    "lime",   "windows-full", "windows-bitmap",
					    "vmware", "live"};

	return (size_t)format < sizeof names / sizeof *names ? names[format] : "unknown";
}

EFI_STATUS dump_add(struct rts_dump *dump, const char *what, uint64_t no,
		    struct rts_dump_range range, uint64_t off)
{
	struct bytes b = {0};

	if (range.len == 0)
		return EFI_SUCCESS;
	if (range.start >= DUMP_ADDRESS_END || range.len > DUMP_ADDRESS_END - range.start) {
		dump_problem(dump, "%s %llu: memory at %#llx+%#llx is beyond any machine's",
			     what, (unsigned long long)no, (unsigned long long)range.start,
			     (unsigned long long)range.len);
		return EFI_SUCCESS;
	}
	if (!bytes_sub(dump->file, off, range.len, &b)) {
		dump_problem(
			dump,
			"%s %llu: bytes %#llx+%#llx lie past the end of the file (%#zx)",
			what, (unsigned long long)no, (unsigned long long)off,
			(unsigned long long)range.len, dump->file.n);
		if (off >= dump->file.n)
			return EFI_SUCCESS;
		range.len = dump->file.n - off;
		b.p = dump->file.p + off;
	}
	if (dump->ranges.count == DUMP_RANGES_MAX) {
		dump_problem(dump, "%s %llu: there are more than %u ranges", what,
			     (unsigned long long)no, DUMP_RANGES_MAX);
		return EFI_SUCCESS;
	}
	return dump_spans_add(&dump->ranges, (struct dump_span){.r = range, .p = b.p});
}

void dump_machine(struct rts_dump *dump, const char *name)
{
	if (strcmp(name, "x86_64") == 0)
		name = "x86-64";
	dump->info.x86_64 = strcmp(name, "x86-64") == 0;
	for (size_t i = 0; i + 1 < sizeof dump->info.machine && name[i] != 0; i++)
		dump->info.machine[i] = name[i] > ' ' && name[i] <= '~' ? name[i] : '?';
}

void dump_cpu(struct rts_dump *dump, uint64_t cr3, uint64_t cr4)
{
	struct rts_dump_info *info = &dump->info;

	if (info->cpu_count == RTS_DUMP_CPUS_MAX)
		return;
	info->cpu[info->cpu_count].cr3 = cr3;
	info->cpu[info->cpu_count++].cr4 = cr4;
}

static EFI_STATUS raw(struct rts_dump *dump, struct diag *d)
{
	(void)d;
	return dump_add(dump, "raw image", 0, (struct rts_dump_range){.len = dump->file.n},
			0);
}

#define MAGIC(text) (text), sizeof(text) - 1

static const struct {
	const char *magic;
	size_t len;
	enum rts_dump_format format;
	EFI_STATUS (*read)(struct rts_dump *dump, struct diag *d);
	const char *refusal;
} formats[] = {
	{MAGIC("\177ELF"), RTS_DUMP_ELF, dump_elf, NULL},
	{MAGIC("KDUMP   "), RTS_DUMP_KDUMP, dump_kdump, NULL},
	{MAGIC("makedumpfile\0\0\0\0"), RTS_DUMP_KDUMP, dump_kdump_flat, NULL},
	{MAGIC("EMiL"), RTS_DUMP_LIME, dump_lime, NULL},
	{MAGIC("PAGEDU64"), RTS_DUMP_WINDOWS_FULL, dump_windows, NULL},
	{MAGIC("\xd0\xbe\xd0\xbe"), RTS_DUMP_VMWARE, dump_vmware, NULL},
	{MAGIC("\xd0\xbe\xd2\xbe"), RTS_DUMP_VMWARE, dump_vmware, NULL},
	{MAGIC("\xd2\xbe\xd2\xbe"), RTS_DUMP_VMWARE, dump_vmware, NULL},
	{MAGIC("\xd3\xbe\xd3\xbe"), RTS_DUMP_VMWARE, dump_vmware, NULL},
	{MAGIC("\xd1\xba\xd1\xba"), RTS_DUMP_VMWARE, dump_vmware, NULL},
	{MAGIC("\xd2\xba\xd2\xba"), RTS_DUMP_VMWARE, dump_vmware, NULL},
	/* what else people have, and what makes an image of it */
	{MAGIC("AVML"), 0, NULL, "an AVML image: avml-convert makes LiME of it"},
	{MAGIC("DISKDUMP"), 0, NULL, "a diskdump file"},
	{MAGIC("PAGEDUMP"), 0, NULL, "a crash dump of 32-bit Windows"},
	{MAGIC("MDMP"), 0, NULL, "a Windows minidump: it has no physical memory"},
	{MAGIC("HIBR"), 0, NULL, "a Windows hibernation file"},
	{MAGIC("QEVM"), 0, NULL, "a QEMU migration: dump-guest-memory makes an image"},
	{MAGIC("LibvirtQemudSave"), 0, NULL,
	 "libvirt's saved state: virsh dump --memory-only makes an image"},
	{MAGIC("QFI\xfb"), 0, NULL, "a qcow2 disk image"},
	{MAGIC("\x1f\x8b\x08"), 0, NULL, "packed with gzip: unpack it first"},
	{MAGIC("\xfd\x37zXZ\0"), 0, NULL, "packed with xz: unpack it first"},
	{MAGIC("\x28\xb5\x2f\xfd"), 0, NULL, "packed with zstd: unpack it first"},
	{"", 0, RTS_DUMP_RAW, raw, NULL}, /* the last: fits all */
};

/* Puts the ranges in order and counts; takes over @dump. */
static EFI_STATUS finish(struct rts_dump *dump, EFI_STATUS status, struct diag *d,
			 struct rts_dump **ret)
{
	bool overlap;

	if (status == EFI_SUCCESS && dump->kdump == NULL) /* there they are in order */
		status = dump_spans_sort(&dump->ranges, &overlap);
	if (status == EFI_OUT_OF_RESOURCES)
		(void)diag(d, status, "no memory for %zu ranges", dump->ranges.count);
	if (status == EFI_SUCCESS && dump->ranges.count == 0)
		status = diag(d, EFI_LOAD_ERROR, "%s",
			      dump->problem.text[0] != 0 ? dump->problem.text
							 : "no memory in this image");
	if (status != EFI_SUCCESS) {
		rts_dump_free(dump);
		return status;
	}
	for (size_t i = 0; i < dump->ranges.count; i++) {
		dump->info.bytes += dump->ranges.v[i].r.len;
		dump->info.end = dump->ranges.v[i].r.start + dump->ranges.v[i].r.len;
	}
	if (dump->problem.text[0] != 0)
		dump->info.problem = dump->problem.text;
	*ret = dump;
	return EFI_SUCCESS;
}

static struct rts_dump *new_dump(struct bytes file, enum rts_dump_format format,
				 struct diag *d)
{
	struct rts_dump *dump = calloc(1, sizeof *dump);

	if (dump == NULL) {
		diag_set(d, "no memory");
		return NULL;
	}
	dump->file = file;
	dump->info.format = format;
	return dump;
}

EFI_STATUS rts_dump_open(struct bytes file, struct bytes meta, struct diag *d,
			 struct rts_dump **ret)
{
	struct rts_dump *dump;
	size_t i = 0;

	if (meta.p != NULL)
		return rts_dump_open_vmem(file, meta, d, ret);
	if (file.n == 0)
		return diag(d, EFI_LOAD_ERROR, "an empty file");
	while (file.n < formats[i].len ||
	       memcmp(file.p, formats[i].magic, formats[i].len) != 0)
		i++;
	if (formats[i].refusal != NULL)
		return diag(d, EFI_UNSUPPORTED, "%s", formats[i].refusal);
	dump = new_dump(file, formats[i].format, d);
	return dump == NULL ? EFI_OUT_OF_RESOURCES
			    : finish(dump, formats[i].read(dump, d), d, ret);
}

EFI_STATUS rts_dump_open_vmem(struct bytes file, struct bytes meta, struct diag *d,
			      struct rts_dump **ret)
{
	struct rts_dump *dump = new_dump(file, RTS_DUMP_VMWARE, d);

	return dump == NULL ? EFI_OUT_OF_RESOURCES
			    : finish(dump, dump_vmem(dump, meta, d), d, ret);
}

EFI_STATUS rts_dump_from_pieces(const struct rts_dump_piece *pieces, size_t count,
				struct diag *d, struct rts_dump **ret)
{
	struct rts_dump *dump = new_dump((struct bytes){0}, RTS_DUMP_LIVE, d);
	EFI_STATUS status = EFI_SUCCESS;
	bool overlap = false;

	if (dump == NULL)
		return EFI_OUT_OF_RESOURCES;
	for (size_t i = 0; i < count && status == EFI_SUCCESS; i++) {
		const struct rts_dump_piece *p = &pieces[i];

		if (p->bytes.n == 0)
			continue;
		if (p->start >= DUMP_ADDRESS_END ||
		    p->bytes.n > DUMP_ADDRESS_END - p->start ||
		    dump->ranges.count == DUMP_RANGES_MAX)
			status = diag(d, EFI_INVALID_PARAMETER,
				      "piece %zu: memory at %#llx+%#zx", i,
				      (unsigned long long)p->start, p->bytes.n);
		else
			status = dump_spans_add(
				&dump->ranges,
				(struct dump_span){.r = {.start = p->start,
							 .len = p->bytes.n,
							 .has_virtual = p->has_virtual,
							 .virtual_start = p->virtual_start},
						   .p = p->bytes.p});
	}
	if (status == EFI_SUCCESS)
		status = dump_spans_sort(&dump->ranges, &overlap);
	if (overlap)
		status = diag(d, EFI_INVALID_PARAMETER, "pieces of memory overlap");
	return finish(dump, status, d, ret);
}

void rts_dump_free(struct rts_dump *dump)
{
	if (dump == NULL)
		return;
	dump_kdump_free(dump->kdump);
	free(dump->ranges.v);
	free(dump);
}

const struct rts_dump_info *rts_dump_info(const struct rts_dump *dump)
{
	return &dump->info;
}

size_t rts_dump_range_count(const struct rts_dump *dump)
{
	return dump->ranges.count;
}

const struct rts_dump_range *rts_dump_range(const struct rts_dump *dump, size_t i)
{
	return i < dump->ranges.count ? &dump->ranges.v[i].r : NULL;
}

size_t rts_dump_range_find(const struct rts_dump *dump, uint64_t at)
{
	return dump_spans_find(&dump->ranges, at);
}

/* A difference, so that it holds for any @at. */
static bool holds(const struct dump_span *s, uint64_t at)
{
	return at >= s->r.start && at - s->r.start < s->r.len;
}

/* NULL: not in the image. */
static const struct dump_span *span_at(const struct rts_dump *dump, uint64_t at)
{
	size_t i = dump_spans_find(&dump->ranges, at);

	return i < dump->ranges.count && holds(&dump->ranges.v[i], at) ? &dump->ranges.v[i]
								       : NULL;
}

bool rts_dump_has(const struct rts_dump *dump, uint64_t at)
{
	return span_at(dump, at) != NULL;
}

static struct bytes plain(const struct dump_span *s, uint64_t at, size_t cap)
{
	uint64_t off = at - s->r.start, left = s->r.len - off;

	return (struct bytes){s->p + off, left < cap ? (size_t)left : cap};
}

size_t rts_dump_read(struct rts_dump *dump, uint64_t at, void *ret, size_t len)
{
	size_t done = 0;

	while (done < len) {
		const struct dump_span *s = &dump->ranges.v[dump->last];
		struct bytes b;

		if (!holds(s, at + done)) {
			s = span_at(dump, at + done);
			if (s == NULL)
				break;
			dump->last = (size_t)(s - dump->ranges.v);
		}
		if (dump->kdump != NULL)
			b = dump_kdump_cached(dump, s, at + done);
		else
			b = plain(s, at + done, len - done);
		if (b.n == 0)
			break;
		b.n = b.n < len - done ? b.n : len - done;
		memcpy((uint8_t *)ret + done, b.p, b.n);
		done += b.n;
	}
	return done;
}

bool rts_dump_read_all(struct rts_dump *dump, uint64_t at, void *ret, size_t len)
{
	return rts_dump_read(dump, at, ret, len) == len;
}

struct bytes rts_dump_view(const struct rts_dump *dump, uint64_t at, uint8_t *buf,
			   size_t cap)
{
	const struct dump_span *s = span_at(dump, at);

	if (s == NULL)
		return (struct bytes){0};
	return dump->kdump != NULL ? dump_kdump_view(dump, s, at, buf, cap)
				   : plain(s, at, cap);
}

bool rts_dump_file_offset(const struct rts_dump *dump, uint64_t at, uint64_t *ret)
{
	const struct dump_span *s = span_at(dump, at);

	if (s == NULL || dump->file.p == NULL || dump->kdump != NULL)
		return false;
	*ret = (uint64_t)(s->p - dump->file.p) + (at - s->r.start);
	return true;
}
