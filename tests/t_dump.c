/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory images: the same memory in each format gives the same ranges and bytes, what is
 * cut off or broken is named with its place and the rest can be read, and limits hold.
 */
#include "test.h"

#include <stdio.h>

#include "dump/dump_priv.h"
#include "dump_build.h"
#include "no_memory.h"
#include "runtserv/dump.h"

#define KiB 1024ULL
#define MiB (1024 * KiB)
#define GiB (1024 * MiB)

static const struct bytes nothing;

/* Each kind of page, a hole below, between and across 4 GiB; small, for it is cut at each
 * byte. */
static const struct dump_memory small[] = {
	{0x1000, 3 * DUMP_PAGE},
	{0x6000, DUMP_PAGE},
	{0x20000, 2 * DUMP_PAGE},
};
static const struct dump_memory large[] = {
	{0, 0x9000},
	{0x100000, 0x41000},
	{3 * GiB - 0x3000, 0x3000},
	{4 * GiB, 0x8000},
};

/* ---- opening ---- */

struct opened {
	uint8_t *file, *meta; /* of exactly their lengths, so that a sanitizer sees more */
	struct rts_dump *dump;
	struct diag d;
	EFI_STATUS status;
};

static uint8_t *exact(const void *p, size_t n)
{
	uint8_t *copy = malloc(n + (n == 0));

	assert_non_null(copy);
	if (n > 0)
		memcpy(copy, p, n);
	return copy;
}

static struct opened open_with(const struct dump_file *f, const struct dump_file *meta)
{
	struct opened o = {.file = exact(f->p, f->n)};
	struct bytes m = nothing;

	if (meta != NULL && meta->p != NULL) {
		o.meta = exact(meta->p, meta->n);
		m = (struct bytes){o.meta, meta->n};
	}
	o.status = rts_dump_open((struct bytes){o.file, f->n}, m, &o.d, &o.dump);
	return o;
}

/* Takes over @f. */
static struct opened open_file(struct dump_file f)
{
	struct opened o = open_with(&f, NULL);

	free(f.p);
	return o;
}

static void close_dump(struct opened *o)
{
	rts_dump_free(o->dump);
	free(o->file);
	free(o->meta);
	*o = (struct opened){0};
}

static void expect_open(const struct opened *o)
{
	if (o->status != EFI_SUCCESS)
		fail_msg("%s", o->d.text);
	assert_non_null(o->dump);
	assert_string_equal(o->d.text, "");
}

static void expect_refused(struct opened *o, EFI_STATUS status, const char *text)
{
	assert_int_equal(o->status, status);
	assert_null(o->dump);
	assert_string_equal(o->d.text, text);
	close_dump(o);
}

static const struct rts_dump_info *info_of(const struct opened *o)
{
	return rts_dump_info(o->dump);
}

static void expect_problem(const struct opened *o, const char *text)
{
	expect_open(o);
	if (text == NULL && info_of(o)->problem != NULL)
		fail_msg("%s", info_of(o)->problem);
	else if (text != NULL && info_of(o)->problem == NULL)
		fail_msg("no problem: %s", text);
	else if (text != NULL)
		assert_string_equal(info_of(o)->problem, text);
}

/* What can be read at @at is as it was made; how much it is. */
static size_t expect_bytes(struct rts_dump *dump, uint64_t at, size_t len)
{
	uint8_t *got = malloc(len), *want = malloc(len), *buf = malloc(3 * DUMP_PAGE);
	size_t n, viewed = 0;

	assert_true(got != NULL && want != NULL && buf != NULL);
	dump_fill(at, want, len);
	n = rts_dump_read(dump, at, got, len);
	assert_memory_equal(got, want, n);
	while (viewed < n) {
		struct bytes b = rts_dump_view(dump, at + viewed, buf, 3 * DUMP_PAGE);

		if (b.n == 0)
			break;
		b.n = b.n < n - viewed ? b.n : n - viewed;
		assert_memory_equal(b.p, want + viewed, b.n);
		viewed += b.n;
	}
	assert_int_equal(viewed, n);
	free(got);
	free(want);
	free(buf);
	return n;
}

static void expect_ranges(struct rts_dump *dump, const struct dump_memory *m, size_t count)
{
	const struct rts_dump_info *info = rts_dump_info(dump);
	uint8_t byte;
	uint64_t sum = 0;

	assert_int_equal(rts_dump_range_count(dump), count);
	assert_null(rts_dump_range(dump, count));
	for (size_t i = 0; i < count; i++) {
		const struct rts_dump_range *r = rts_dump_range(dump, i);
		uint64_t end = m[i].start + m[i].len;

		assert_int_equal(r->start, m[i].start);
		assert_int_equal(r->len, m[i].len);
		assert_int_equal(expect_bytes(dump, m[i].start, (size_t)m[i].len + 1),
				 m[i].len);
		/* across the edges of pages, and of the range */
		assert_int_equal(expect_bytes(dump, m[i].start + 4090, 12),
				 6 + 6 * (m[i].len > 4096));
		assert_int_equal(expect_bytes(dump, end - 1, 2), 1);
		assert_int_equal(rts_dump_read(dump, end, &byte, 1), 0);
		assert_false(rts_dump_read_all(dump, end - 1, (uint8_t[2]){0}, 2));
		assert_int_equal(rts_dump_view(dump, end, &byte, 0).n, 0);
		assert_int_equal(rts_dump_range_find(dump, m[i].start), i);
		assert_int_equal(rts_dump_range_find(dump, end - 1), i);
		assert_int_equal(rts_dump_range_find(dump, end), i + 1);
		sum += m[i].len;
	}
	assert_int_equal(rts_dump_read(dump, UINT64_MAX, &byte, 1), 0);
	assert_int_equal(rts_dump_range_find(dump, UINT64_MAX), count);
	assert_int_equal(info->bytes, sum);
	assert_int_equal(info->end, m[count - 1].start + m[count - 1].len);
}

/* ---- each format ---- */

static struct dump_file make_elf(const struct dump_memory *m, size_t n,
				 struct dump_file *meta)
{
	(void)meta;
	return dump_build_elf(m, n, (struct dump_elf_build){.cpus = 1});
}

static struct dump_file make_elf_many(const struct dump_memory *m, size_t n,
				      struct dump_file *meta)
{
	(void)meta;
	return dump_build_elf(m, n, (struct dump_elf_build){.cpus = 1, .many = true});
}

static struct dump_file make_kdump(const struct dump_memory *m, size_t n,
				   struct dump_file *meta)
{
	(void)meta;
	return dump_build_kdump(m, n, (struct dump_kdump_build){.cpus = 1});
}

static struct dump_file make_kdump_old(const struct dump_memory *m, size_t n,
				       struct dump_file *meta)
{
	(void)meta;
	return dump_build_kdump(
		m, n,
		(struct dump_kdump_build){.cpus = 1, .version = 5, .one_bitmap = true});
}

static struct dump_file make_flat(const struct dump_memory *m, size_t n,
				  struct dump_file *meta)
{
	return dump_flatten(make_kdump(m, n, meta), 1000, DUMP_FLAT_FORWARD);
}

static struct dump_file make_flat_back(const struct dump_memory *m, size_t n,
				       struct dump_file *meta)
{
	return dump_flatten(make_kdump(m, n, meta), 4096, DUMP_FLAT_BACKWARD);
}

static struct dump_file make_flat_over(const struct dump_memory *m, size_t n,
				       struct dump_file *meta)
{
	return dump_flatten(make_kdump(m, n, meta), 777, DUMP_FLAT_OVERWRITTEN);
}

static struct dump_file make_lime(const struct dump_memory *m, size_t n,
				  struct dump_file *meta)
{
	(void)meta;
	return dump_build_lime(m, n);
}

static struct dump_file make_windows(const struct dump_memory *m, size_t n,
				     struct dump_file *meta)
{
	(void)meta;
	return dump_build_windows(m, n, false);
}

static struct dump_file make_windows_bitmap(const struct dump_memory *m, size_t n,
					    struct dump_file *meta)
{
	(void)meta;
	return dump_build_windows(m, n, true);
}

static struct dump_file make_vmem(const struct dump_memory *m, size_t n,
				  struct dump_file *meta)
{
	*meta = dump_build_vmss(m, n, false);
	return dump_build_vmem(m, n);
}

static struct dump_file make_vmss(const struct dump_memory *m, size_t n,
				  struct dump_file *meta)
{
	(void)meta;
	return dump_build_vmss(m, n, true);
}

static const struct {
	const char *name;
	struct dump_file (*make)(const struct dump_memory *m, size_t n,
				 struct dump_file *meta);
	const char *format;
	const char *machine;
	uint64_t cr3, cr4; /* 0, 0: no processor */
	bool plain;
	bool os_ranges;
} formats[] = {
	{"ELF", make_elf, "elf-core", "x86-64", DUMP_CR3, DUMP_CR4, true, false},
	{"ELF, PN_XNUM", make_elf_many, "elf-core", "x86-64", DUMP_CR3, DUMP_CR4, true,
	 false},
	{"kdump", make_kdump, "kdump", "x86-64", DUMP_CR3, DUMP_CR4, false, false},
	{"kdump 5, one bitmap", make_kdump_old, "kdump", "x86-64", DUMP_CR3, DUMP_CR4,
	 false, false},
	{"flattened", make_flat, "kdump", "x86-64", DUMP_CR3, DUMP_CR4, false, false},
	{"flattened, backwards", make_flat_back, "kdump", "x86-64", DUMP_CR3, DUMP_CR4,
	 false, false},
	{"flattened, overwritten", make_flat_over, "kdump", "x86-64", DUMP_CR3, DUMP_CR4,
	 false, false},
	{"LiME", make_lime, "lime", "", 0, 0, true, false},
	{"Windows", make_windows, "windows-full", "x86-64", DUMP_CR3, 0, true, true},
	{"Windows, bitmap", make_windows_bitmap, "windows-bitmap", "x86-64", DUMP_CR3, 0,
	 true, true},
	{"vmem, vmss", make_vmem, "vmware", "x86-64", DUMP_CR3, DUMP_CR4, true, false},
	{"vmss", make_vmss, "vmware", "x86-64", DUMP_CR3, DUMP_CR4, true, false},
};

static void expect_offsets(const struct opened *o, size_t file_len, bool plain)
{
	for (size_t i = 0; i < rts_dump_range_count(o->dump); i++) {
		const struct rts_dump_range *r = rts_dump_range(o->dump, i);
		uint64_t at = r->start + r->len - 1, off = 12345;

		assert_int_equal(rts_dump_file_offset(o->dump, at, &off), plain);
		if (!plain) {
			assert_int_equal(off, 12345);
			continue;
		}
		assert_true(off < file_len);
		assert_int_equal(o->file[off], dump_byte(at));
		assert_false(rts_dump_file_offset(o->dump, r->start + r->len, &off));
	}
}

static void check_format(size_t i, const struct dump_memory *m, size_t count)
{
	struct dump_file meta = {0}, f = formats[i].make(m, count, &meta);
	struct opened o = open_with(&f, &meta);
	const struct rts_dump_info *info;

	expect_problem(&o, NULL);
	info = info_of(&o);
	expect_ranges(o.dump, m, count);
	expect_offsets(&o, f.n, formats[i].plain);
	assert_string_equal(rts_dump_format_name(info->format), formats[i].format);
	assert_string_equal(info->machine, formats[i].machine);
	assert_int_equal(info->x86_64, strcmp(formats[i].machine, "x86-64") == 0);
	assert_int_equal(info->os_ranges, formats[i].os_ranges);
	assert_false(info->assumed_hole);
	assert_int_equal(info->cpu_count, formats[i].cr3 != 0);
	assert_int_equal(info->cpu[0].cr3, formats[i].cr3);
	assert_int_equal(info->cpu[0].cr4, formats[i].cr4);
	for (size_t k = 0; k < count; k++)
		assert_false(rts_dump_range(o.dump, k)->has_virtual);
	close_dump(&o);
	free(f.p);
	free(meta.p);
}

static void t_formats(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(formats); i++) {
		print_message("# %s\n", formats[i].name);
		check_format(i, small, COUNT(small));
		check_format(i, large, COUNT(large));
	}
}

/* How many bytes can be read of those that @m has; they are right. */
static size_t expect_rest(struct rts_dump *dump, const struct dump_memory *m, size_t count,
			  const uint8_t *want)
{
	uint8_t got[2 * DUMP_PAGE];
	size_t sum = 0;

	for (size_t i = 0; i < count; i++) {
		size_t n = rts_dump_read(dump, m[i].start, got, (size_t)m[i].len);

		assert_memory_equal(got, want, n);
		want += m[i].len;
		sum += n;
	}
	return sum;
}

/* Cut at each byte, where it can still be recognised: no crash, a reason, and what is there
 * is right. */
static void t_cut(void **state)
{
	static const struct dump_memory tiny[] = {{0x1000, 2 * DUMP_PAGE},
						  {0x20000, DUMP_PAGE}};
	uint8_t want[3 * DUMP_PAGE], *room; /* ends where the file does */

	(void)state;
	dump_fill(tiny[0].start, want, 2 * DUMP_PAGE);
	dump_fill(tiny[1].start, want + 2 * DUMP_PAGE, DUMP_PAGE);
	for (size_t i = 0; i < COUNT(formats); i++) {
		struct dump_file meta = {0}, f = formats[i].make(tiny, COUNT(tiny), &meta);
		/* LiME does not tell how many ranges follow. */
		size_t last = 0,
		       between = formats[i].make == make_lime ? 32 + 2 * DUMP_PAGE : 0;

		print_message("# %s, %zu bytes\n", formats[i].name, f.n);
		room = malloc(f.n);
		assert_non_null(room);
		for (size_t n = 16; n < f.n; n++) {
			struct bytes cut = {room + (f.n - n), n};
			struct rts_dump *dump = NULL;
			struct diag d = {0};
			EFI_STATUS status;
			size_t sum;

			memcpy(room + (f.n - n), f.p, n);
			status = rts_dump_open(cut, (struct bytes){meta.p, meta.n}, &d,
					       &dump);
			if (status != EFI_SUCCESS) {
				assert_null(dump);
				assert_true(d.text[0] != 0);
				assert_int_equal(last, 0);
				continue;
			}
			if (n != between && rts_dump_info(dump)->problem == NULL)
				fail_msg("%zu bytes: no problem", n);
			/* what is overwritten later is there until then */
			if (formats[i].make != make_flat_over) {
				sum = expect_rest(dump, tiny, COUNT(tiny), want);
				assert_true(sum >= last);
				last = sum;
			}
			rts_dump_free(dump);
		}
		free(room);
		assert_true(last >= 2 * DUMP_PAGE || formats[i].make == make_flat_over ||
			    formats[i].make == make_flat_back);
		free(f.p);
		free(meta.p);
	}
}

/* The same for what says where a vmem's regions are. */
static void t_cut_vmss(void **state)
{
	struct dump_file meta, f = make_vmem(small, COUNT(small), &meta);

	(void)state;
	for (size_t n = 1; n < meta.n; n++) {
		struct dump_file cut = {meta.p, n};
		struct opened o = open_with(&f, &cut);

		if (o.status != EFI_SUCCESS)
			assert_true(o.d.text[0] != 0);
		else if (info_of(&o)->problem == NULL)
			fail_msg("%zu bytes of a vmss: no problem", n);
		close_dump(&o);
	}
	free(f.p);
	free(meta.p);
}

static void t_raw(void **state)
{
	static const struct dump_memory m[] = {{0, 5000}};
	struct dump_file f = dump_build_vmem(m, 1);
	struct opened o = open_file(f);

	(void)state;
	expect_problem(&o, NULL);
	expect_ranges(o.dump, m, 1);
	expect_offsets(&o, 5000, true);
	assert_string_equal(rts_dump_format_name(info_of(&o)->format), "raw");
	assert_string_equal(info_of(&o)->machine, "");
	assert_false(info_of(&o)->x86_64);
	assert_int_equal(info_of(&o)->cpu_count, 0);
	close_dump(&o);
	o = open_file((struct dump_file){0});
	expect_refused(&o, EFI_LOAD_ERROR, "an empty file");
	assert_string_equal(rts_dump_format_name(RTS_DUMP_LIVE), "live");
}

static void t_refused(void **state)
{
	static const struct {
		const char *begin;
		const char *text;
	} cases[] = {
		{"AVML\2", "an AVML image: avml-convert makes LiME of it"},
		{"DISKDUMP", "a diskdump file"},
		{"PAGEDUMP", "a crash dump of 32-bit Windows"},
		{"MDMP", "a Windows minidump: it has no physical memory"},
		{"HIBR", "a Windows hibernation file"},
		{"QEVM", "a QEMU migration: dump-guest-memory makes an image"},
		{"LibvirtQemudSave",
		 "libvirt's saved state: virsh dump --memory-only makes an image"},
		{"QFI\xfb", "a qcow2 disk image"},
		{"\x1f\x8b\x08", "packed with gzip: unpack it first"},
		{"\xfd\x37zXZ", "packed with xz: unpack it first"},
		{"\x28\xb5\x2f\xfd", "packed with zstd: unpack it first"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct dump_file f = {0};
		struct opened o;

		dump_put(&f, 8191, NULL, 1);
		dump_put(&f, 0, cases[i].begin, strlen(cases[i].begin));
		o = open_file(f);
		expect_refused(&o, EFI_UNSUPPORTED, cases[i].text);
	}
}

/* ---- tables of spans ---- */

/* Whatever overlaps, each place has what came first, and neighbours are joined. */
static void t_spans(void **state)
{
	enum { PLACES = 64, MOST = 14 };
	static const uint8_t pool[PLACES * (MOST + 1)];
	uint32_t v = 1;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		const uint8_t *want[PLACES] = {0};
		struct dump_spans s = {0};
		bool overlap = false, got_overlap;
		unsigned count;

		v = v * 1103515245 + 12345;
		count = v >> 16 & 15 ? v >> 16 & 15 : 1;
		count = count < MOST ? count : MOST;
		for (unsigned i = 0; i < count; i++) {
			struct dump_span one = {0};

			v = v * 1103515245 + 12345;
			one.r.start = v >> 10 & (PLACES - 1);
			one.r.len = 1 + (v >> 20) % (PLACES - one.r.start);
			/* half of them come from the same place, as a dump with paging has
			 * it */
			one.p = pool + one.r.start + (i % 2 == 0 ? 0 : i * PLACES);
			assert_int_equal(dump_spans_add(&s, one), EFI_SUCCESS);
			for (uint64_t k = 0; k < one.r.len; k++) {
				overlap |= want[one.r.start + k] != NULL;
				if (want[one.r.start + k] == NULL)
					want[one.r.start + k] = one.p + k;
			}
		}
		assert_int_equal(dump_spans_sort(&s, &got_overlap), EFI_SUCCESS);
		assert_int_equal(got_overlap, overlap);
		for (uint64_t at = 0; at < PLACES; at++) {
			size_t i = dump_spans_find(&s, at);
			const uint8_t *got = NULL;

			if (i < s.count && at >= s.v[i].r.start)
				got = s.v[i].p + (at - s.v[i].r.start);
			assert_ptr_equal(got, want[at]);
		}
		for (size_t i = 1; i < s.count; i++) {
			const struct dump_span *a = &s.v[i - 1], *b = &s.v[i];

			assert_true(a->r.start + a->r.len <= b->r.start);
			assert_true(a->r.start + a->r.len < b->r.start ||
				    a->p + a->r.len != b->p);
		}
		free(s.v);
	}
}

static EFI_STATUS log_run(void *arg, uint64_t first, uint64_t count)
{
	char *text = arg;

	snprintf(text + strlen(text), 32, "%llu+%llu ", (unsigned long long)first,
		 (unsigned long long)count);
	return EFI_SUCCESS;
}

static void t_bitmap(void **state)
{
	static const struct {
		uint64_t begin, end;
		const char *bits; /* a "-" cuts it in two */
		const char *runs;
	} cases[] = {
		{0, 99, "\xff\xff", "0+16 "},
		{0, 99, "\x81\x01", "0+1 7+2 "},
		{0, 99, "\xfe\xff\x7f", "1+22 "},
		{0, 99, "\xf0-\x0f", "4+8 "},
		{0, 99, "\x55", "0+1 2+1 4+1 6+1 "},
		{3, 9, "\xff\xff", "3+6 "},
		{3, 3, "\xff\xff", ""},
		{5, 3, "\xff\xff", ""},
		{9, 99, "\xff", ""},
		{0, 99, "", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[200] = "";
		struct dump_bitmap b = {.begin = cases[i].begin,
					.end = cases[i].end,
					.run = log_run,
					.arg = text};
		const char *dash = strchr(cases[i].bits, '-');
		size_t n = dash != NULL ? (size_t)(dash - cases[i].bits)
					: strlen(cases[i].bits);

		dump_bitmap_add(&b, 0, (struct bytes){(const uint8_t *)cases[i].bits, n});
		if (dash != NULL)
			dump_bitmap_add(&b, n * 8,
					(struct bytes){(const uint8_t *)dash + 1,
						       strlen(dash + 1)});
		dump_bitmap_end(&b);
		assert_string_equal(text, cases[i].runs);
	}
}

/* ---- ELF ---- */

#define PH(i, field) \
	(sizeof(Elf64_Ehdr) + (i) * sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, field))
#define EH(field) offsetof(Elf64_Ehdr, field)

/* Two segments of a page at 0x1000 and 0x5000, and the note. */
static const struct dump_memory two[] = {{0x1000, DUMP_PAGE}, {0x5000, DUMP_PAGE}};

static struct dump_file elf_two(void)
{
	return dump_build_elf(two, 2, (struct dump_elf_build){0});
}

static void t_elf_broken(void **state)
{
	static const struct {
		size_t at;
		size_t len;
		uint64_t value;
		EFI_STATUS status;
		const char *text; /* of the refusal, or of the problem */
	} cases[] = {
		{EI_CLASS, 1, ELFCLASS32, EFI_UNSUPPORTED,
		 "32-bit little-endian ELF: want 64-bit little-endian"},
		{EI_DATA, 1, ELFDATA2MSB, EFI_UNSUPPORTED,
		 "64-bit big-endian ELF: want 64-bit little-endian"},
		{EH(e_type), 2, ET_EXEC, EFI_LOAD_ERROR,
		 "ELF file of type 2, want 4 (core)"},
		{EH(e_phentsize), 2, 55, EFI_LOAD_ERROR,
		 "program headers of 55 bytes, want 56"},
		{EH(e_phnum), 2, 0, EFI_LOAD_ERROR, "no memory in this image"},
		{EH(e_phnum), 2, PN_XNUM, EFI_LOAD_ERROR, "no memory in this image"},
		{EH(e_phoff), 8, UINT64_MAX, EFI_LOAD_ERROR,
		 "program header 0, at 0xffffffffffffffff, lies past the end of the file "
		 "(0x20e8)"},
		{PH(2, p_offset), 8, 0x2000, EFI_SUCCESS,
		 "segment 2: bytes 0x2000+0x1000 lie past the end of the file (0x20e8)"},
		{PH(2, p_offset), 8, UINT64_MAX, EFI_SUCCESS,
		 "segment 2: bytes 0xffffffffffffffff+0x1000 lie past the end of the file "
		 "(0x20e8)"},
		{PH(2, p_filesz), 8, UINT64_MAX, EFI_SUCCESS,
		 "segment 2: memory at 0x5000+0xffffffffffffffff is beyond any machine's"},
		{PH(2, p_paddr), 8, UINT64_MAX - 5, EFI_SUCCESS,
		 "segment 2: memory at 0xfffffffffffffffa+0x1000 is beyond any machine's"},
		{PH(2, p_paddr), 8, UINT64_MAX, EFI_SUCCESS, NULL},
		{PH(2, p_filesz), 8, 0, EFI_SUCCESS, NULL},
		{PH(2, p_memsz), 8, 0x10000, EFI_SUCCESS, NULL},
		{PH(0, p_offset), 8, UINT64_MAX, EFI_SUCCESS, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct dump_file f = elf_two();
		struct opened o;

		dump_put(&f, cases[i].at, &cases[i].value, cases[i].len);
		o = open_file(f);
		if (cases[i].status != EFI_SUCCESS) {
			expect_refused(&o, cases[i].status, cases[i].text);
			continue;
		}
		expect_problem(&o, cases[i].text);
		/* the first segment is there in any case */
		assert_int_equal(expect_bytes(o.dump, 0x1000, DUMP_PAGE), DUMP_PAGE);
		close_dump(&o);
	}
}

static void t_elf_count(void **state)
{
	const size_t sh = sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr);
	struct dump_file f = dump_build_elf(two, 2, (struct dump_elf_build){.many = true});
	struct opened o;

	(void)state;
	dump_put32(&f, sh + offsetof(Elf64_Shdr, sh_info), UINT32_MAX);
	o = open_file(f);
	expect_problem(
		&o,
		"program header 150, at 0x2110, lies past the end of the file (0x2128)");
	assert_int_equal(expect_bytes(o.dump, 0x1000, DUMP_PAGE), DUMP_PAGE);
	close_dump(&o);

	f = dump_build_elf(two, 2, (struct dump_elf_build){.many = true});
	dump_put64(&f, EH(e_shoff), f.n - 63);
	o = open_file(f);
	expect_refused(
		&o, EFI_LOAD_ERROR,
		"the count of program headers, at 0x20e9, lies past the end of the file "
		"(0x2128)");
}

/* Only addresses of a kernel are taken for where memory was mapped. */
static void t_elf_virtual(void **state)
{
	static const struct {
		uint64_t add;
		bool has;
	} cases[] = {
		{0xffff888000000000, true},  {0xff11000000000000, true},
		{0x0000100000000000, false}, {0xfe00000000000000, false},
		{-0x5fffULL, false},         {0xffff000000000000, false},
		{0xffff7fffffff0000, false}, {0xffff800000000000, true},
		{-0x6000ULL, true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct opened o = open_file(dump_build_elf(
			two, 2, (struct dump_elf_build){.virtual_add = cases[i].add}));
		const struct rts_dump_range *r;

		expect_problem(&o, NULL);
		r = rts_dump_range(o.dump, 1);
		assert_int_equal(r->has_virtual, cases[i].has);
		if (cases[i].has)
			assert_int_equal(r->virtual_start, 0x5000 + cases[i].add);
		close_dump(&o);
	}
}

/* As with paging=on: the same memory in 65,697 segments, at other virtual addresses. */
static void t_elf_many(void **state)
{
	enum { SEGMENTS = 65696 };
	static const struct dump_memory all = {0x10000, 64 * DUMP_PAGE};
	struct dump_memory *m = calloc(SEGMENTS, sizeof *m);
	struct dump_file f;
	struct opened o;
	const struct rts_dump_range *r;
	size_t data;

	(void)state;
	assert_non_null(m);
	m[0] = all;
	m[0].len = 0; /* builds no memory of its own */
	f = dump_build_elf(m, SEGMENTS,
			   (struct dump_elf_build){.many = true,
						   .cpus = 80,
						   .virtual_add = 0xffffc90000000000});
	data = f.n;
	dump_put_memory(&f, all);
	for (size_t i = 0; i < SEGMENTS; i++) {
		Elf64_Phdr ph = {.p_type = PT_LOAD, .p_filesz = DUMP_PAGE};
		size_t page = i * 7 % 64;

		ph.p_paddr = all.start + page * DUMP_PAGE;
		ph.p_offset = data + page * DUMP_PAGE;
		ph.p_vaddr = 0xffffc90000000000 + i * DUMP_PAGE;
		if (i == 100) { /* those before it are kept, the others are in it */
			ph.p_paddr = all.start;
			ph.p_offset = data;
			ph.p_vaddr = 0xffff888000010000;
			ph.p_filesz = all.len;
		}
		dump_set(&f, PH(i + 1, p_type), ph);
	}
	o = open_file(f);
	expect_problem(&o, NULL);
	assert_int_equal(info_of(&o)->cpu_count, RTS_DUMP_CPUS_MAX);
	assert_int_equal(info_of(&o)->cpu[63].cr3, DUMP_CR3 + 63 * DUMP_PAGE);
	assert_int_equal(info_of(&o)->bytes, all.len);
	assert_int_equal(rts_dump_range_count(o.dump), 64);
	r = rts_dump_range(o.dump, 7);
	assert_int_equal(r->start, all.start + 7 * DUMP_PAGE);
	assert_int_equal(r->virtual_start, 0xffffc90000000000 + DUMP_PAGE);
	assert_int_equal(expect_bytes(o.dump, all.start, (size_t)all.len), all.len);
	close_dump(&o);
	free(m);
}

/* Neighbours are one range only where all of it goes on: place, memory, virtual address. */
static void t_elf_joins(void **state)
{
	static const struct dump_memory next[] = {{0x1000, DUMP_PAGE}, {0x2000, DUMP_PAGE}};
	static const struct {
		uint64_t offset_add, virtual_add;
		size_t ranges;
	} cases[] = {{0, 0, 1}, {0, DUMP_PAGE, 2}, {8, 0, 2}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct dump_file f = dump_build_elf(
			next, 2,
			(struct dump_elf_build){.virtual_add = 0xffff888000000000});
		struct opened o;

		dump_put(&f, f.n + 8, NULL, 0);
		dump_put64(&f, PH(2, p_offset), 0x10e8 + cases[i].offset_add);
		dump_put64(&f, PH(2, p_vaddr), 0xffff888000002000 + cases[i].virtual_add);
		o = open_file(f);
		expect_problem(&o, NULL);
		assert_int_equal(rts_dump_range_count(o.dump), cases[i].ranges);
		assert_int_equal(info_of(&o)->bytes, 2 * DUMP_PAGE);
		close_dump(&o);
	}
}

static void t_elf_machine(void **state)
{
	static const struct {
		uint16_t code;
		const char *name;
	} cases[] = {{EM_AARCH64, "aarch64"}, {EM_RISCV, "riscv"}, {9999, "unknown"}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct opened o = open_file(dump_build_elf(
			two, 2,
			(struct dump_elf_build){.machine = cases[i].code, .cpus = 2}));

		expect_problem(&o, NULL);
		assert_string_equal(info_of(&o)->machine, cases[i].name);
		assert_false(info_of(&o)->x86_64);
		assert_int_equal(info_of(&o)->cpu_count, 0); /* those notes are x86's */
		close_dump(&o);
	}
}

/* Notes of others, notes that are too short, and notes that never end. */
static void t_notes(void **state)
{
	struct rts_dump dump = {.info = {.x86_64 = true}};
	struct dump_file f = {0};
	size_t at = dump_put_note(&f, 0, "QEMU", 1, 440);

	(void)state;
	at = dump_put_note(&f, at + 440, "QEMV", 0, 440);
	at = dump_put_note(&f, at + 440, "QEMU", 0, 0x1a8);
	at = dump_put_note(&f, at + 0x1a8, "QEMU", 0, 440);
	dump_put32(&f, at, 2); /* version */
	at = dump_put_cpu_notes(&f, at + 440, 1);
	at = dump_put_note(&f, at, "LONG", 0, 0);
	dump_put32(&f, at - 16, UINT32_MAX);
	dump_put32(&f, at - 20, UINT32_MAX);
	for (size_t n = 0; n <= f.n; n++) {
		uint8_t *copy = exact(f.p, n);

		dump.info.cpu_count = 0;
		dump.note_count = 0;
		dump_notes(&dump, (struct bytes){copy, n});
		free(copy);
	}
	assert_int_equal(dump.info.cpu_count, 1);
	assert_int_equal(dump.info.cpu[0].cr3, DUMP_CR3);
	assert_int_equal(dump.info.cpu[0].cr4, DUMP_CR4);
	free(f.p);
}

/* Each of many segments of notes has all of them. */
static void t_notes_many(void **state)
{
	static const unsigned segments = 20000, notes = 50000;
	const Elf64_Off from = sizeof(Elf64_Ehdr) + segments * sizeof(Elf64_Phdr);
	struct dump_file f = dump_build_elf(small, 1, (struct dump_elf_build){0});
	struct dump_file all = {0};
	const size_t memory = f.n;
	struct opened o;
	Elf64_Ehdr eh;
	Elf64_Phdr ph;

	(void)state;
	memcpy(&eh, f.p, sizeof eh);
	memcpy(&ph, f.p + eh.e_phoff + sizeof ph, sizeof ph);
	assert_int_equal(ph.p_type, PT_LOAD);
	eh.e_phoff = sizeof eh;
	eh.e_phnum = (uint16_t)segments;
	dump_set(&all, 0, eh);
	for (unsigned i = 0; i < segments; i++)
		dump_put(&all, sizeof eh + i * sizeof ph,
			 &(Elf64_Phdr){.p_type = PT_NOTE,
				       .p_offset = from + memory,
				       .p_filesz = 12ULL * notes},
			 sizeof ph);
	ph.p_offset += from;
	dump_put(&all, from - sizeof ph, &ph, sizeof ph);
	dump_put(&all, from, f.p, memory);
	free(f.p);
	for (unsigned i = 0; i < notes; i++)
		dump_put(&all, all.n, &(Elf64_Nhdr){0}, 12);
	o = open_file(all);
	expect_problem(&o, NULL);
	expect_ranges(o.dump, small, 1);
	assert_in_range(o.dump->note_count, notes, 4 * notes);
	close_dump(&o);
}

/* ---- kdump ---- */

/* Where the things of dump_build_kdump() lie for memory below 128 MiB. */
#define MAP2_AT  (4 * DUMP_PAGE)
#define DESCS_AT (5 * DUMP_PAGE)

static struct dump_file kdump_small(void)
{
	return dump_build_kdump(small, COUNT(small), (struct dump_kdump_build){0});
}

static void t_kdump_broken(void **state)
{
	static const struct {
		size_t at;
		size_t len;
		uint64_t value;
		EFI_STATUS status;
		const char *text;
	} cases[] = {
		{8, 4, 0x06000000, EFI_UNSUPPORTED,
		 "a big-endian kdump (version 0x6000000)"},
		{428, 4, 0, EFI_LOAD_ERROR,
		 "kdump blocks of 0x0 bytes: broken, or of a 32-bit machine"},
		{428, 4, 0x1800, EFI_LOAD_ERROR,
		 "kdump blocks of 0x1800 bytes: broken, or of a 32-bit machine"},
		{428, 4, 0x20000, EFI_LOAD_ERROR,
		 "kdump blocks of 0x20000 bytes: broken, or of a 32-bit machine"},
		{428, 4, 0x10000, EFI_LOAD_ERROR,
		 "kdump blocks of 0x10000 bytes, and pages of x86-64 have 0x1000"},
		{436, 4, 0, EFI_LOAD_ERROR, "no memory in this image"},
		{432, 4, UINT32_MAX, EFI_LOAD_ERROR, "no memory in this image"},
		{424, 4, 9, EFI_SUCCESS, "the dump was not finished (status 0x9)"},
		{DESCS_AT + 24, 8, UINT64_MAX, EFI_SUCCESS,
		 "page descriptor 1, at 0x5018: bytes 0xffffffffffffffff+0x1000 are not in "
		 "the "
		 "file"},
		{DESCS_AT + 24 + 8, 4, 4097, EFI_SUCCESS,
		 "page descriptor 1, at 0x5018: bytes 0x50aa+0x1001 are not in the file"},
		{DESCS_AT + 24 + 8, 4, 0, EFI_SUCCESS,
		 "page descriptor 1, at 0x5018: bytes 0x50aa+0x0 are not in the file"},
		{DESCS_AT + 24 + 12, 4, 2, EFI_SUCCESS,
		 "page descriptor 1, at 0x5018: packed with lzo, want zlib (makedumpfile "
		 "-c)"},
		{DESCS_AT + 24 + 12, 4, 4, EFI_SUCCESS,
		 "page descriptor 1, at 0x5018: packed with snappy, want zlib "
		 "(makedumpfile -c)"},
		{DESCS_AT + 24 + 12, 4, 0x20, EFI_SUCCESS,
		 "page descriptor 1, at 0x5018: packed with zstd, want zlib (makedumpfile "
		 "-c)"},
		/* what only the reader notices: it packs, and it is not what was packed */
		{DESCS_AT + 24 + 12, 4, 1, EFI_SUCCESS, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct dump_file f = kdump_small();
		struct opened o;
		uint8_t page[DUMP_PAGE];
		bool whole = cases[i].at < DESCS_AT;

		dump_put(&f, cases[i].at, &cases[i].value, cases[i].len);
		o = open_file(f);
		if (cases[i].status != EFI_SUCCESS) {
			expect_refused(&o, cases[i].status, cases[i].text);
			continue;
		}
		expect_problem(&o, cases[i].text);
		assert_int_equal(info_of(&o)->bytes, 6 * DUMP_PAGE);
		/* 0x2000 is the page in question; those around it can be read */
		assert_int_equal(expect_bytes(o.dump, 0x1000, 3 * DUMP_PAGE),
				 whole ? 3 * DUMP_PAGE : DUMP_PAGE);
		assert_int_equal(rts_dump_view(o.dump, 0x2000, page, sizeof page).n,
				 whole ? DUMP_PAGE : 0);
		assert_int_equal(rts_dump_view(o.dump, 0x2800, page, sizeof page).n,
				 whole ? DUMP_PAGE / 2 : 0);
		assert_int_equal(expect_bytes(o.dump, 0x3000, DUMP_PAGE), DUMP_PAGE);
		close_dump(&o);
	}
}

/* Packed pages that are shorter or longer than a page, or rubbish. */
static void t_kdump_inflate(void **state)
{
	static const struct {
		size_t len;
		bool cut;
	} cases[] = {
		{4095, false}, {4097, false}, {1 << 20, false}, {0, false}, {4096, true}};
	uint8_t *text = calloc(1, 1 << 20), packed[4096];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct dump_file f = kdump_small();
		uLongf len = sizeof packed;
		struct opened o;

		assert_int_equal(compress(packed, &len, text, cases[i].len), Z_OK);
		dump_put64(&f, DESCS_AT, f.n);
		dump_put32(&f, DESCS_AT + 8, (uint32_t)(len - cases[i].cut));
		dump_put(&f, f.n, packed, len);
		o = open_file(f);
		expect_problem(&o, NULL);
		assert_int_equal(expect_bytes(o.dump, 0x1000, DUMP_PAGE), 0);
		assert_int_equal(expect_bytes(o.dump, 0x2000, DUMP_PAGE), DUMP_PAGE);
		close_dump(&o);
	}
	free(text);
}

/* Pages that share their data, as all pages of zeros do; and descriptors of nothing. */
static void t_kdump_shared(void **state)
{
	struct dump_file f = kdump_small();
	uint8_t want[DUMP_PAGE], buf[4 * DUMP_PAGE];
	struct opened o;
	struct bytes b;

	(void)state;
	dump_fill(0x1000, want, sizeof want);
	dump_put(&f, DESCS_AT + 24, f.p + DESCS_AT, 24);
	o = open_file(f);
	expect_problem(&o, NULL);
	for (uint64_t at = 0x1000; at <= 0x2000; at += 0x800) {
		b = rts_dump_view(o.dump, at, buf, sizeof buf);
		assert_int_equal(b.n, 0x4000 - at);
		for (size_t i = 0; i < 0x3000 - at; i++)
			assert_int_equal(b.p[i], want[(at + i) % DUMP_PAGE]);
		assert_int_equal(b.p[b.n - 1], dump_byte(0x3fff));
	}
	close_dump(&o);
	f = kdump_small();
	memset(f.p + DESCS_AT, 0, 48);
	o = open_file(f);
	assert_int_equal(rts_dump_view(o.dump, 0x1000, buf, sizeof buf).n, 0);
	assert_int_equal(rts_dump_view(o.dump, 0x2fff, buf, sizeof buf).n, 0);
	assert_int_equal(rts_dump_view(o.dump, 0x3000, buf, sizeof buf).n, DUMP_PAGE);
	close_dump(&o);
}

static void t_kdump_machine(void **state)
{
	static const struct {
		const char *machine;
		const char *name;
	} cases[] = {{"aarch64", "aarch64"},
		     {"ppc64le", "ppc64le"},
		     {"\1\2\033[0m", "???[0m"},
		     {"a-machine-with-a-long-name", "a-machine-with-"},
		     {"", ""}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct opened o = open_file(dump_build_kdump(
			small, COUNT(small),
			(struct dump_kdump_build){.machine = cases[i].machine, .cpus = 1}));

		expect_problem(&o, NULL);
		assert_string_equal(info_of(&o)->machine, cases[i].name);
		assert_false(info_of(&o)->x86_64);
		assert_int_equal(info_of(&o)->cpu_count, 0);
		close_dump(&o);
	}
}

/* Pages of 64 KiB, read with less room than that. */
static void t_kdump_blocks(void **state)
{
	static const struct dump_memory m[] = {{0x10000, 0x20000}, {0x40000, 0x10000}};
	struct opened o = open_file(dump_build_kdump(
		m, COUNT(m),
		(struct dump_kdump_build){.block = 0x10000, .machine = "aarch64"}));
	uint8_t *buf = malloc(0x20000);
	struct bytes b;

	(void)state;
	expect_problem(&o, NULL);
	expect_ranges(o.dump, m, COUNT(m));
	for (size_t cap = 4096; cap <= 0x20000; cap += 4096) {
		b = rts_dump_view(o.dump, 0x10000, buf, cap);
		assert_int_equal(b.n, cap < 0x10000 ? cap : cap / 0x10000 * 0x10000);
		for (size_t i = 0; i < b.n; i++)
			assert_int_equal(b.p[i], dump_byte(0x10000 + i));
		b = rts_dump_view(o.dump, 0x1f123, buf, cap);
		assert_int_equal(b.n, cap < 0x10edd && cap >= 0xedd
					      ? (cap < 0xedd ? cap : 0xedd)
					      : 0x10edd);
		for (size_t i = 0; i < b.n; i++)
			assert_int_equal(b.p[i], dump_byte(0x1f123 + i));
	}
	free(buf);
	close_dump(&o);
}

/* The parts of a dump that was split have all bits and their own pages only. */
static void t_kdump_split(void **state)
{
	static const struct dump_memory first[] = {{0x1000, 2 * DUMP_PAGE}},
					second[] = {{0x3000, DUMP_PAGE},
						    {0x6000, DUMP_PAGE},
						    {0x20000, 2 * DUMP_PAGE}};
	struct opened o;

	(void)state;
	for (uint32_t version = 2; version <= 6; version += 4) {
		o = open_file(dump_build_kdump(
			small, COUNT(small),
			(struct dump_kdump_build){
				.split_first = 0, .split_end = 3, .version = version}));
		expect_problem(&o, "a part of a split dump: pages 0x0 to 0x3");
		expect_ranges(o.dump, first, COUNT(first));
		close_dump(&o);
		o = open_file(dump_build_kdump(
			small, COUNT(small),
			(struct dump_kdump_build){
				.split_first = 3, .split_end = 99, .version = version}));
		expect_problem(&o, "a part of a split dump: pages 0x3 to 0x63");
		expect_ranges(o.dump, second, COUNT(second));
		close_dump(&o);
	}
}

/* Every other page: there is an end to the table of ranges. */
static void t_kdump_limit(void **state)
{
	const uint64_t bits = 2 * (DUMP_RANGES_MAX + 8ULL);
	const size_t map_blocks = (size_t)(bits / 8 / DUMP_PAGE + 1);
	struct dump_file f = {0};
	struct opened o;

	(void)state;
	dump_put(&f, 0, "KDUMP   ", 8);
	dump_put32(&f, 8, 1);
	dump_put32(&f, 428, 4096);
	dump_put32(&f, 432, 1);
	dump_put32(&f, 436, (uint32_t)map_blocks);
	dump_put32(&f, 440, (uint32_t)bits);
	dump_put(&f, 2 * DUMP_PAGE + map_blocks * DUMP_PAGE, NULL, 0);
	memset(f.p + 2 * DUMP_PAGE, 0x55, (size_t)bits / 8);
	o = open_file(f);
	expect_problem(&o,
		       "more than 1048576 ranges: memory from 0x200000000 on is left out");
	assert_int_equal(rts_dump_range_count(o.dump), DUMP_RANGES_MAX);
	assert_int_equal(rts_dump_range(o.dump, DUMP_RANGES_MAX - 1)->start,
			 2ULL * (DUMP_RANGES_MAX - 1) * DUMP_PAGE);
	close_dump(&o);
}

static void t_flat_broken(void **state)
{
	static const struct {
		uint64_t at_from_end; /* a block header there is */
		uint64_t off, len;    /* made this */
		const char *text;
	} cases[] = {
		{16, UINT64_MAX - 1, 0,
		 "no flattened block at 0x84b1 (bytes 0xfffffffffffffffe+0x0)"},
		{16, 0, UINT64_MAX,
		 "no flattened block at 0x84b1 (bytes 0x0+0xffffffffffffffff)"},
		{16, 1, 0, "the flattened file ends without its end mark (0x84c1)"},
		{16, UINT64_MAX, 0, NULL},
	};
	struct opened o;
	struct dump_file f;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t n;

		f = dump_flatten(kdump_small(), 4096, DUMP_FLAT_FORWARD);
		n = f.n;
		dump_put64(&f, n - 16, __builtin_bswap64(cases[i].off));
		dump_put64(&f, n - 8, __builtin_bswap64(cases[i].len));
		o = open_file(f);
		expect_problem(&o, cases[i].text);
		expect_ranges(o.dump, small, COUNT(small));
		close_dump(&o);
	}
	f = dump_flatten(kdump_small(), 4096, DUMP_FLAT_FORWARD);
	dump_put64(&f, 24, 0);
	o = open_file(f);
	expect_refused(&o, EFI_UNSUPPORTED,
		       "a flattened file of an unknown type or version");
	o = open_file(dump_flatten(elf_two(), 4096, DUMP_FLAT_FORWARD));
	expect_refused(
		&o, EFI_UNSUPPORTED,
		"a flattened file with no kdump in it (makedumpfile -R makes it plain)");
	f = dump_flat_begin();
	dump_flat_end(&f);
	o = open_file(f);
	expect_refused(&o, EFI_LOAD_ERROR, "a kdump header of less than 444 bytes");
}

/* A bitmap of 2^47 bytes of which the file has three: a hole in a file is zeros, and nobody
 * walks through it. */
static void t_flat_sparse(void **state)
{
	struct dump_file plain = {0}, f = dump_flat_begin();
	const uint64_t map = 2 * 0x10000ULL;
	struct opened o;

	(void)state;
	dump_put(&plain, 0, "KDUMP   ", 8);
	dump_put32(&plain, 8, 1);
	dump_put32(&plain, 428, 0x10000);
	dump_put(&plain, 272, "aarch64", 8);
	dump_put32(&plain, 432, 1);
	dump_put32(&plain, 436, UINT32_MAX);
	dump_put32(&plain, 440, UINT32_MAX);
	dump_flat_block(&f, 0, plain.p, plain.n);
	dump_flat_block(&f, map + (0xffffffffULL << 16) / 2 + 0x1fffffff, "\x80", 1);
	dump_flat_block(&f, map + (0xffffffffULL << 16) / 2, "\3", 1);
	dump_flat_block(&f, map + (0xffffffffULL << 16) / 2 + 0x10000000, "\1", 1);
	dump_flat_end(&f);
	o = open_file(f);
	expect_problem(&o, "page descriptor 0, at 0x1000000010000, is not in the file");
	assert_int_equal(rts_dump_range_count(o.dump), 2);
	assert_int_equal(rts_dump_range(o.dump, 0)->len, 0x20000);
	assert_int_equal(rts_dump_range(o.dump, 1)->start, 0x80000000ULL << 16);
	assert_int_equal(expect_bytes(o.dump, 0, 1), 0);
	close_dump(&o);
	free(plain.p);
}

/* ---- LiME, Windows, VMware ---- */

static void t_lime(void **state)
{
	static const struct {
		size_t at;
		size_t len;
		uint64_t value;
		EFI_STATUS status;
		const char *text;
		size_t ranges;
	} cases[] = {
		{4, 4, 2, EFI_UNSUPPORTED, "LiME version 2, want 1", 0},
		{16, 8, 0xfff, EFI_LOAD_ERROR,
		 "range 0: no header at 0x0 (magic 0x4c694d45, version 1, memory 0x1000 to "
		 "0xfff)",
		 0},
		{8, 8, 0, EFI_SUCCESS, /* longer than it is */
		 "range 1: no header at 0x4020 (magic 0xcf45e2bc, version 1409324141, "
		 "memory "
		 "0x181d0bc1f4ae832f to 0x8287e29a5e046aaf)",
		 1},
		{0x3020, 4, 0, EFI_SUCCESS,
		 "range 1: no header at 0x3020 (magic 0x0, version 1, memory 0x6000 to "
		 "0x6fff)",
		 1},
		{0x3024, 4, 2, EFI_SUCCESS,
		 "range 1: no header at 0x3020 (magic 0x4c694d45, version 2, memory 0x6000 "
		 "to "
		 "0x6fff)",
		 1},
		{0x3030, 8, UINT64_MAX, EFI_SUCCESS,
		 "range 1: no header at 0x3020 (magic 0x4c694d45, version 1, memory 0x6000 "
		 "to "
		 "0xffffffffffffffff)",
		 1},
	};
	struct dump_file f;
	struct opened o;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		f = dump_build_lime(small, COUNT(small));
		dump_put(&f, cases[i].at, &cases[i].value, cases[i].len);
		o = open_file(f);
		if (cases[i].status != EFI_SUCCESS) {
			expect_refused(&o, cases[i].status, cases[i].text);
			continue;
		}
		expect_problem(&o, cases[i].text);
		assert_int_equal(rts_dump_range_count(o.dump), cases[i].ranges);
		close_dump(&o);
	}
	f = dump_build_lime(small, COUNT(small));
	dump_put(&f, f.n, "more", 4);
	o = open_file(f);
	expect_problem(&o, "range 3: its header, at 0x6060, is cut off");
	expect_ranges(o.dump, small, COUNT(small));
	close_dump(&o);
}

static void t_windows(void **state)
{
	static const struct {
		bool bitmap;
		size_t at;
		size_t len;
		uint64_t value;
		EFI_STATUS status;
		const char *text;
		const char *machine;
		uint64_t pages;
	} cases[] = {
		{false, 0x88, 4, 0x45474150, EFI_LOAD_ERROR,
		 "1162297680 runs of pages, and the header has room for 43", NULL, 0},
		{false, 0x88, 4, 0, EFI_LOAD_ERROR, "no memory in this image", NULL, 0},
		{false, 0xf98, 4, 4, EFI_UNSUPPORTED,
		 "a Windows dump of type 4 without a bitmap of its pages at 0x2000", NULL,
		 0},
		{false, 0xa0, 8, 1ULL << 45, EFI_LOAD_ERROR,
		 "run 0: pages 0x1+0x200000000000 are beyond any machine's", NULL, 0},
		{false, 0xa8, 8, UINT64_MAX, EFI_SUCCESS,
		 "run 1: pages 0xffffffffffffffff+0x1 are beyond any machine's", "x86-64",
		 3},
		{false, 0xb0, 8, 0, EFI_SUCCESS, NULL, "x86-64", 5},
		{false, 0xa0, 8, 5, EFI_SUCCESS, /* so that the last ones are missing */
		 "run 2: bytes 0x8000+0x2000 lie past the end of the file (0x8000)",
		 "x86-64", 6},
		{false, 0x30, 4, 0xaa64, EFI_SUCCESS, NULL, "aarch64", 6},
		{false, 0x30, 4, 0x14c, EFI_SUCCESS, NULL, "unknown", 6},
		{true, 0xf98, 4, 2, EFI_SUCCESS, NULL, "x86-64", 6},
		{true, 0xf98, 4, 6, EFI_SUCCESS, NULL, "x86-64", 6},
		{true, 0x2000, 1, 'F', EFI_SUCCESS, NULL, "x86-64", 6},
		{true, 0x2000, 1, 'X', EFI_UNSUPPORTED,
		 "a Windows dump of type 5 without a bitmap of its pages at 0x2000", NULL,
		 0},
		{true, 0x2020, 8, UINT64_MAX, EFI_LOAD_ERROR,
		 "the first page, at 0xffffffffffffffff, lies past the end of the file "
		 "(0x9000)",
		 NULL, 0},
		{true, 0x2020, 8, 0x9000, EFI_LOAD_ERROR,
		 "run 0: bytes 0x9000+0x3000 lie past the end of the file (0x9000)", NULL,
		 0},
		{true, 0x2030, 8, 7, EFI_SUCCESS, NULL, "x86-64", 4},
		{true, 0x2030, 8, 0, EFI_LOAD_ERROR, "no memory in this image", NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct dump_file f =
			dump_build_windows(small, COUNT(small), cases[i].bitmap);
		struct opened o;

		dump_put(&f, cases[i].at, &cases[i].value, cases[i].len);
		o = open_file(f);
		if (cases[i].status != EFI_SUCCESS) {
			expect_refused(&o, cases[i].status, cases[i].text);
			continue;
		}
		expect_problem(&o, cases[i].text);
		assert_string_equal(info_of(&o)->machine, cases[i].machine);
		assert_int_equal(info_of(&o)->bytes, cases[i].pages * DUMP_PAGE);
		assert_int_equal(expect_bytes(o.dump, 0x1000, 3 * DUMP_PAGE),
				 3 * DUMP_PAGE);
		close_dump(&o);
	}
}

/* A bitmap that has no end. */
static void t_windows_bits(void **state)
{
	struct dump_file f = dump_build_windows(small, COUNT(small), true);
	struct opened o;

	(void)state;
	dump_put64(&f, 0x2030, UINT64_MAX);
	o = open_file(f);
	expect_problem(
		&o,
		"the bitmap of 0xffffffffffffffff pages, at 0x2038, lies past the end of "
		"the file (0x9000)");
	assert_int_equal(expect_bytes(o.dump, 0x1000, 3 * DUMP_PAGE), 3 * DUMP_PAGE);
	close_dump(&o);
}

static struct opened open_vmem(struct dump_file f, struct dump_file meta)
{
	struct opened o = {.file = f.p, .meta = meta.p};

	o.status = rts_dump_open_vmem((struct bytes){f.p, f.n},
				      (struct bytes){meta.p, meta.n}, &o.d, &o.dump);
	return o;
}

static void t_vmware(void **state)
{
	static const uint8_t magics[][2] = {
		{0xd0, 0xbe}, {0xd2, 0xbe}, {0xd3, 0xbe}, {0xd1, 0xba}};
	static const struct dump_memory flat[] = {{0, 3 * DUMP_PAGE}};
	struct dump_file f, meta;
	struct opened o;

	(void)state;
	for (size_t i = 0; i < COUNT(magics); i++) {
		meta = dump_build_vmss(small, COUNT(small), false);
		dump_put(&meta, 0, magics[i], 2);
		dump_put(&meta, 2, magics[i], 2);
		o = open_vmem(dump_build_vmem(small, COUNT(small)), meta);
		expect_problem(&o, NULL);
		expect_ranges(o.dump, small, COUNT(small));
		close_dump(&o);
	}
	/* no regions: memory from 0 on */
	o = open_vmem(dump_build_vmem(flat, 1), dump_build_vmss(flat, 0, false));
	expect_problem(&o, NULL);
	expect_ranges(o.dump, flat, 1);
	close_dump(&o);
	/* the state alone */
	o = open_file(dump_build_vmss(small, COUNT(small), false));
	expect_refused(&o, EFI_UNSUPPORTED,
		       "a vmss or vmsn without memory: the vmem beside it has it");
	meta = dump_build_vmss(small, COUNT(small), true);
	f = meta;
	meta.p = memmem(meta.p, meta.n, "\xbf\6Memory", 8);
	meta.p[0] = 0xbe;
	o = open_file(f);
	expect_refused(&o, EFI_UNSUPPORTED, "a vmss or vmsn with packed memory");
	/* something else as the state */
	o = open_vmem(dump_build_vmem(small, COUNT(small)), elf_two());
	expect_refused(&o, EFI_LOAD_ERROR,
		       "no vmss or vmsn file: it does not begin as one");
	meta = dump_build_vmss(small, COUNT(small), false);
	dump_put32(&meta, 8, UINT32_MAX);
	o = open_vmem(dump_build_vmem(small, COUNT(small)), meta);
	assert_true(o.status == EFI_SUCCESS || strstr(o.d.text, "past the end") != NULL);
	close_dump(&o);
	/* the control registers as one block, and the version with lengths of 32 bits */
	for (unsigned wide = 0; wide < 2; wide++) {
		struct dump_file cr = {0};

		meta = (struct dump_file){0};
		dump_put32(&meta, 0, wide ? 0xbed2bed2 : 0xbed0bed0);
		dump_put32(&meta, 8, 1);
		dump_put(&meta, 12, "cpu", 3);
		dump_put64(&meta, 12 + 64, 12 + 80);
		dump_put(&meta, 12 + 80, "\x7f\4CR64\1\0\0", 10);
		dump_put64(&cr, 0, 72);
		dump_put(&meta, meta.n, cr.p, wide ? 8 : 4);
		dump_put(&meta, meta.n, cr.p, wide ? 8 : 4);
		dump_put(&meta, meta.n, "\1\0.", 3);
		for (uint64_t i = 0; i < 9; i++)
			dump_put64(&meta, meta.n, i * 0x1111);
		dump_put(&meta, meta.n, "\0", 2);
		o = open_vmem(dump_build_vmem(flat, 1), meta);
		expect_problem(&o, NULL);
		assert_int_equal(info_of(&o)->cpu_count, 2);
		assert_int_equal(info_of(&o)->cpu[1].cr3, 0x3333);
		assert_int_equal(info_of(&o)->cpu[1].cr4, 0x4444);
		close_dump(&o);
		free(cr.p);
	}
	/* more regions than there are */
	meta = dump_build_vmss(small, COUNT(small), false);
	f = meta;
	meta.p = memmem(meta.p, meta.n, "regionsCount", 12);
	memset(meta.p + 12, 0xff, 4);
	o = open_vmem(dump_build_vmem(small, COUNT(small)), f);
	expect_problem(&o, "vmss: 4294967295 regions of memory, want 64 at most");
	expect_ranges(o.dump, small, COUNT(small));
	close_dump(&o);
	/* a region without an address would lie at 0 */
	meta = dump_build_vmss(small, COUNT(small), false);
	((char *)memmem(meta.p, meta.n, "regionPPN", 9))[0] = 'R';
	o = open_vmem(dump_build_vmem(small, COUNT(small)), meta);
	expect_problem(&o, "vmss: region 0 of memory is left out: its address, place or "
			   "size is not told");
	expect_ranges(o.dump, small + 1, COUNT(small) - 1);
	close_dump(&o);
}

/* Without a vmss: the length alone decides; nothing is read, so the file need not be there.
 */
static void t_vmem_hole(void **state)
{
	static const uint8_t some[1];
	const uint64_t len = 3 * GiB + 5 * MiB;
	struct rts_dump *dump = NULL;
	struct diag d = {0};
	struct dump_file meta;
	struct bytes cut;
	uint64_t off;

	(void)state;
	assert_int_equal(
		rts_dump_open_vmem((struct bytes){some, 3 * GiB}, nothing, &d, &dump),
		EFI_SUCCESS);
	assert_int_equal(rts_dump_range_count(dump), 1);
	assert_false(rts_dump_info(dump)->assumed_hole);
	rts_dump_free(dump);
	assert_int_equal(rts_dump_open_vmem((struct bytes){some, len}, nothing, &d, &dump),
			 EFI_SUCCESS);
	assert_true(rts_dump_info(dump)->assumed_hole);
	assert_int_equal(rts_dump_info(dump)->format, RTS_DUMP_VMWARE);
	assert_int_equal(rts_dump_range_count(dump), 2);
	assert_int_equal(rts_dump_range(dump, 0)->len, 3 * GiB);
	assert_int_equal(rts_dump_range(dump, 1)->start, 4 * GiB);
	assert_int_equal(rts_dump_range(dump, 1)->len, 5 * MiB);
	assert_true(rts_dump_file_offset(dump, 4 * GiB + 1, &off));
	assert_int_equal(off, 3 * GiB + 1);
	rts_dump_free(dump);
	/* a vmss that ends before it says anything of regions */
	meta = dump_build_vmss(small, COUNT(small), false);
	cut.n = (size_t)((uint8_t *)memmem(meta.p, meta.n, "regionsCount", 12) - meta.p) -
		2;
	cut.p = meta.p;
	assert_int_equal(rts_dump_open_vmem((struct bytes){some, len}, cut, &d, &dump),
			 EFI_SUCCESS);
	assert_true(rts_dump_info(dump)->assumed_hole);
	assert_non_null(rts_dump_info(dump)->problem);
	assert_int_equal(rts_dump_range_count(dump), 2);
	assert_int_equal(rts_dump_range(dump, 1)->start, 4 * GiB);
	rts_dump_free(dump);
	free(meta.p);
}

/* ---- pieces ---- */

static void t_pieces(void **state)
{
	uint8_t *a = malloc(3 * DUMP_PAGE), *b = malloc(DUMP_PAGE);
	struct rts_dump_piece p[] = {
		{0x20000, {b, DUMP_PAGE}, true, 0xffffffffee000000},
		{0x3000, {a + 0x2000, DUMP_PAGE}, false, 0},
		{0x9000, {NULL, 0}, false, 0},
		{0x1000, {a, 0x2000}, false, 0},
	};
	static const struct dump_memory want[] = {{0x1000, 3 * DUMP_PAGE},
						  {0x20000, DUMP_PAGE}};
	struct rts_dump *dump = NULL;
	struct diag d = {0};
	uint64_t off;

	(void)state;
	dump_fill(0x1000, a, 3 * DUMP_PAGE);
	dump_fill(0x20000, b, DUMP_PAGE);
	assert_int_equal(rts_dump_from_pieces(p, COUNT(p), &d, &dump), EFI_SUCCESS);
	expect_ranges(dump, want, COUNT(want));
	assert_int_equal(rts_dump_info(dump)->format, RTS_DUMP_LIVE);
	assert_true(rts_dump_range(dump, 1)->has_virtual);
	assert_int_equal(rts_dump_range(dump, 1)->virtual_start, 0xffffffffee000000);
	assert_false(rts_dump_file_offset(dump, 0x1000, &off));
	rts_dump_free(dump);

	p[1].start = 0x2fff;
	assert_int_equal(rts_dump_from_pieces(p, COUNT(p), &d, &dump),
			 EFI_INVALID_PARAMETER);
	assert_string_equal(d.text, "pieces of memory overlap");
	p[1].start = DUMP_ADDRESS_END - 1;
	d.text[0] = 0;
	assert_int_equal(rts_dump_from_pieces(p, COUNT(p), &d, &dump),
			 EFI_INVALID_PARAMETER);
	assert_string_equal(d.text, "piece 1: memory at 0xffffffffffffff+0x1000");
	d.text[0] = 0;
	assert_int_equal(rts_dump_from_pieces(p, 0, &d, &dump), EFI_LOAD_ERROR);
	assert_string_equal(d.text, "no memory in this image");
	free(a);
	free(b);
}

/* ---- no memory ---- */

static void t_out_of_memory(void **state)
{
	static const struct dump_memory back[] = {{0x5000, DUMP_PAGE}, {0x1000, DUMP_PAGE}};

	(void)state;
	for (size_t i = 0; i <= COUNT(formats); i++) {
		struct dump_file meta = {0}, f;
		unsigned failures = 0;
		EFI_STATUS status = EFI_OUT_OF_RESOURCES;

		/* once with a table that has to be sorted */
		f = i == COUNT(formats) ? dump_build_lime(back, COUNT(back))
					: formats[i].make(large, COUNT(large), &meta);
		for (size_t n = 0; status != EFI_SUCCESS; n++) {
			struct rts_dump *dump = NULL;
			struct diag d = {0};

			memory_left = n;
			status = rts_dump_open((struct bytes){f.p, f.n},
					       (struct bytes){meta.p, meta.n}, &d, &dump);
			memory_left = MEMORY_ENOUGH;
			if (status != EFI_SUCCESS) {
				assert_int_equal(status, EFI_OUT_OF_RESOURCES);
				assert_true(d.text[0] != 0);
				assert_null(dump);
				failures++;
			}
			rts_dump_free(dump);
		}
		assert_true(failures >= 2);
		free(f.p);
		free(meta.p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_formats),       cmocka_unit_test(t_cut),
		cmocka_unit_test(t_cut_vmss),      cmocka_unit_test(t_raw),
		cmocka_unit_test(t_refused),       cmocka_unit_test(t_spans),
		cmocka_unit_test(t_bitmap),        cmocka_unit_test(t_elf_broken),
		cmocka_unit_test(t_elf_count),     cmocka_unit_test(t_elf_virtual),
		cmocka_unit_test(t_elf_many),      cmocka_unit_test(t_elf_joins),
		cmocka_unit_test(t_elf_machine),   cmocka_unit_test(t_notes),
		cmocka_unit_test(t_notes_many),    cmocka_unit_test(t_kdump_broken),
		cmocka_unit_test(t_kdump_inflate), cmocka_unit_test(t_kdump_shared),
		cmocka_unit_test(t_kdump_machine), cmocka_unit_test(t_kdump_blocks),
		cmocka_unit_test(t_kdump_split),   cmocka_unit_test(t_kdump_limit),
		cmocka_unit_test(t_flat_broken),   cmocka_unit_test(t_flat_sparse),
		cmocka_unit_test(t_lime),          cmocka_unit_test(t_windows),
		cmocka_unit_test(t_windows_bits),  cmocka_unit_test(t_vmware),
		cmocka_unit_test(t_vmem_hole),     cmocka_unit_test(t_pieces),
		cmocka_unit_test(t_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
