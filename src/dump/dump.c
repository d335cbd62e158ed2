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

static EFI_STATUS raw(struct rts_dump *dump, struct diag *d)
{
	(void)d;
	return dump_add(dump, "raw image", 0, (struct rts_dump_range){.len = dump->file.n},
			0);
}

static const struct {
	const char *magic;
	size_t len;
	enum rts_dump_format format;
	EFI_STATUS (*read)(struct rts_dump *dump, struct diag *d);
} formats[] = {
	{"\177ELF", 4, RTS_DUMP_ELF, dump_elf},
	{"", 0, RTS_DUMP_RAW, raw}, /* the last: fits all */
};

/* Puts the ranges in order and counts; takes over @dump. */
static EFI_STATUS finish(struct rts_dump *dump, EFI_STATUS status, struct diag *d,
			 struct rts_dump **ret)
{
	bool overlap;

	if (status == EFI_SUCCESS)
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

EFI_STATUS rts_dump_open(struct bytes file, struct bytes meta, struct diag *d,
			 struct rts_dump **ret)
{
	struct rts_dump *dump = calloc(1, sizeof *dump);
	size_t i = 0;

	(void)meta;
	if (dump == NULL)
		return diag(d, EFI_OUT_OF_RESOURCES, "no memory");
	dump->file = file;
	while (file.n < formats[i].len ||
	       memcmp(file.p, formats[i].magic, formats[i].len) != 0)
		i++;
	dump->info.format = formats[i].format;
	return finish(dump, formats[i].read(dump, d), d, ret);
}

EFI_STATUS rts_dump_from_pieces(const struct rts_dump_piece *pieces, size_t count,
				struct diag *d, struct rts_dump **ret)
{
	struct rts_dump *dump = calloc(1, sizeof *dump);
	EFI_STATUS status = EFI_SUCCESS;
	bool overlap = false;

	if (dump == NULL)
		return diag(d, EFI_OUT_OF_RESOURCES, "no memory");
	dump->info.format = RTS_DUMP_LIVE;
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

static struct bytes plain(const struct dump_span *s, uint64_t at, size_t cap)
{
	uint64_t off = at - s->r.start, left = s->r.len - off;

	return (struct bytes){s->p + off, left < cap ? (size_t)left : cap};
}

size_t rts_dump_read(struct rts_dump *dump, uint64_t at, void *ret, size_t len)
{
	size_t done = 0;

	while (done < len) {
		struct bytes b;

		if (dump->last >= dump->ranges.count ||
		    !holds(&dump->ranges.v[dump->last], at + done))
			dump->last = dump_spans_find(&dump->ranges, at + done);
		if (dump->last == dump->ranges.count ||
		    !holds(&dump->ranges.v[dump->last], at + done))
			break;
		b = plain(&dump->ranges.v[dump->last], at + done, len - done);
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

	(void)buf;
	if (s == NULL)
		return (struct bytes){0};
	return plain(s, at, cap);
}

bool rts_dump_file_offset(const struct rts_dump *dump, uint64_t at, uint64_t *ret)
{
	const struct dump_span *s = span_at(dump, at);

	if (s == NULL || dump->file.p == NULL || dump->kdump != NULL)
		return false;
	*ret = (uint64_t)(s->p - dump->file.p) + (at - s->r.start);
	return true;
}
