/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first half of a scan, on memory that the test builds: what the pass finds, in pieces
 * of any shape and with any number of threads, beside a search that knows nothing of
 * vectors; which tables are the real ones; how virtual addresses become physical, each way
 * and what is said where they differ; what configuration tables hold, and what was
 * overwritten.
 */
#include "test.h"

#include "scan_machine.h"

#define RUNTIME_LEN ((uint32_t)sizeof(EFI_RUNTIME_SERVICES))
#define SYSTEM_LEN  ((uint32_t)sizeof(EFI_SYSTEM_TABLE))

static struct rts_dump *dump_pieces(const struct rts_dump_piece *pieces, size_t count)
{
	struct rts_dump *dump = NULL;

	assert_int_equal(rts_dump_from_pieces(pieces, count, NULL, &dump), EFI_SUCCESS);
	return dump;
}

static struct rts_dump *dump_bytes(uint64_t start, const uint8_t *p, size_t n)
{
	return dump_pieces(&(struct rts_dump_piece){.start = start, .bytes = {p, n}}, 1);
}

static struct rts_dump *dump_machine(const struct machine *m)
{
	return dump_bytes(M_BASE, m->p, M_LEN);
}

static void put64(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, sizeof v);
}

/* ---- the pass ---- */

static const uint64_t signatures[] = {
	[SCAN_HIT_RUNTIME] = EFI_RUNTIME_SERVICES_SIGNATURE,
	[SCAN_HIT_SYSTEM] = EFI_SYSTEM_TABLE_SIGNATURE,
	[SCAN_HIT_BOOT] = EFI_BOOT_SERVICES_SIGNATURE,
	[SCAN_HIT_DXE] = 0x565245535f455844ULL,
};

static void expect_hits(const struct scan *s, enum scan_hit kind, const uint64_t *want,
			size_t count)
{
	assert_int_equal(s->hits[kind].count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(s->hits[kind].at[i], want[i]);
	assert_false(s->hits[kind].full);
}

/* From the last piece to the first, each in turn. */
static void backwards(void *ctx, void (*work)(void *arg, unsigned i), void *arg,
		      unsigned count)
{
	(void)ctx;
	while (count > 0)
		work(arg, --count);
}

/* A page at offset @at that begins as a PE32+ image does, its header at @nt. */
static void put_pe(uint8_t *p, uint32_t nt, uint16_t machine, uint16_t magic)
{
	const uint16_t mz = PE_DOS_SIGNATURE;
	const uint32_t signature = PE_NT_SIGNATURE;
	const PE_FILE_HEADER file = {.Machine = machine};

	memcpy(p, &mz, sizeof mz);
	memcpy(p + PE_DOS_LFANEW, &nt, sizeof nt);
	if (nt > M_PAGE - 26)
		return;
	memcpy(p + nt, &signature, sizeof signature);
	memcpy(p + nt + 4, &file, sizeof file);
	memcpy(p + nt + 24, &magic, sizeof magic);
}

static const struct {
	uint32_t nt;
	uint16_t machine, magic;
	bool found;
} pe_pages[] = {
	{0x40, PE_MACHINE_X64, PE32_PLUS_MAGIC, true},
	{0xe58, PE_MACHINE_X64, PE32_PLUS_MAGIC, true}, /* as edk2 has them */
	{M_PAGE - 26, PE_MACHINE_X64, PE32_PLUS_MAGIC, true},
	{M_PAGE - 25, PE_MACHINE_X64, PE32_PLUS_MAGIC, false},
	{0xffffffff, PE_MACHINE_X64, PE32_PLUS_MAGIC, false},
	{0x80, PE_MACHINE_AARCH64, PE32_PLUS_MAGIC, false},
	{0x80, PE_MACHINE_X64, PE32_MAGIC, false},
};

static void pass_finds_images(void **state)
{
	uint8_t *p = calloc(COUNT(pe_pages) + 1, M_PAGE);
	uint64_t want[COUNT(pe_pages)];
	struct steps st;
	size_t count = 0;

	(void)state;
	assert_non_null(p);
	for (size_t i = 0; i < COUNT(pe_pages); i++) {
		put_pe(p + i * M_PAGE, pe_pages[i].nt, pe_pages[i].machine,
		       pe_pages[i].magic);
		if (pe_pages[i].found)
			want[count++] = M_BASE + i * M_PAGE;
	}
	/* not at the start of a page */
	put_pe(p + COUNT(pe_pages) * M_PAGE + 8, 0x40, PE_MACHINE_X64, PE32_PLUS_MAGIC);
	m_begin(&st, dump_bytes(M_BASE, p, (COUNT(pe_pages) + 1) * M_PAGE));
	assert_int_equal(rts_scan_pass(&st.s), EFI_SUCCESS);
	expect_hits(&st.s, SCAN_HIT_PE, want, count);
	m_end(&st);
	free(p);
}

/* Pages of 512 entries, most of them 0; memory ends at 16 MiB. */
static const struct {
	const char *name;
	struct {
		unsigned i;
		uint64_t entry;
	} entry[3];
	bool found;
} root_pages[] = {
	{"all zero", {{0, 0}}, false},
	{"one in the upper half", {{511, 0x5067}}, true},
	{"the first of the upper half", {{256, 0x5067}}, true},
	{"only in the lower half", {{255, 0x5067}, {0, 0x6067}}, false},
	{"nothing is present", {{256, 0xfff0fffffffff002}, {3, 0x1000}}, false},
	{"what is not present may hold anything",
	 {{256, 0x5067}, {3, ~1ULL}, {511, 0x80}},
	 true},
	{"a large page in the upper half", {{300, 0x50e7}}, false},
	{"a large page in the lower half", {{300, 0x5067}, {1, 0x50e7}}, false},
	{"a table at the end of memory", {{300, 0x1000067}}, false},
	{"the last page of memory", {{300, 0xfff067}}, true},
	{"a reserved address bit", {{300, 0x5067}, {255, 1ULL << 51 | 0x5067}}, false},
	{"bits for software, and no execution", {{300, 0xfff0000000005e67}}, true},
	{"a small number", {{256, 0x5067}, {2, 3}}, false},
	{"it maps itself", {{256, 0xc067}}, true},
};

static void pass_finds_roots(void **state)
{
	const size_t pages = COUNT(root_pages);
	uint8_t *p = calloc(pages, M_PAGE);
	const uint8_t last[8] = {0};
	struct steps st;

	(void)state;
	assert_non_null(p);
	for (size_t i = 0; i < pages; i++)
		for (size_t k = 0; k < COUNT(root_pages[i].entry); k++)
			if (root_pages[i].entry[k].entry != 0)
				put64(p + i * M_PAGE + root_pages[i].entry[k].i * 8,
				      root_pages[i].entry[k].entry);
	/* bytes that end at 16 MiB */
	m_begin(&st,
		dump_pieces((struct rts_dump_piece[]){{.start = 0,
						       .bytes = {p, pages * M_PAGE}},
						      {.start = 0x1000000 - sizeof last,
						       .bytes = {last, sizeof last}}},
			    2));
	assert_int_equal(rts_scan_pass(&st.s), EFI_SUCCESS);
	for (size_t i = 0, k = 0; i < pages; i++) {
		const bool found = k < st.s.hits[SCAN_HIT_ROOT].count &&
				   st.s.hits[SCAN_HIT_ROOT].at[k] == i * M_PAGE;

		if (found != root_pages[i].found)
			fail_msg("%s", root_pages[i].name);
		k += found;
	}
	m_end(&st);
	free(p);
}

static void pass_finds_maps(void **state)
{
	static const struct {
		size_t stride, found;
	} cases[] = {{40, 40}, {48, 48}, {56, 56}, {256, 256}, {264, 0}, {52, 0}, {32, 0}};
	const EFI_MEMORY_DESCRIPTOR good = {EfiConventionalMemory, 0x1000, 0, 1,
					    EFI_MEMORY_WB};
	EFI_MEMORY_DESCRIPTOR d;
	uint64_t want[COUNT(cases)];
	struct machine m = {.p = calloc(1, M_LEN)};
	struct steps st;
	size_t count = 0;

	(void)state;
	assert_non_null(m.p);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const uint64_t off = i * M_PAGE;

		for (size_t k = 0; k < 3; k++)
			m_descriptor(&m, off + k * cases[i].stride, EfiLoaderData,
				     0x1000 * (k + 7), 1, 0, EFI_MEMORY_WB);
		if (cases[i].found != 0)
			want[count++] = M_BASE + off;
		assert_int_equal(rts_scan_map_stride((struct bytes){m.p + off, M_PAGE}),
				 cases[i].found);
	}
	/* the same again and again; two are too few; none lies at a page's start */
	for (size_t k = 0; k < 85; k++)
		m_descriptor(&m, 0x30000 + k * 48, EfiLoaderData, 0x1000, 1, 0,
			     EFI_MEMORY_WB);
	m_descriptor(&m, 0x40000, EfiLoaderData, 0x1000, 1, 0, EFI_MEMORY_WB);
	m_descriptor(&m, 0x40030, EfiLoaderData, 0x2000, 1, 0, EFI_MEMORY_WB);
	m_map_array(&m, 0x50008, 48);
	m_begin(&st, dump_machine(&m));
	assert_int_equal(rts_scan_pass(&st.s), EFI_SUCCESS);
	expect_hits(&st.s, SCAN_HIT_MAP, want, count);
	m_end(&st);
	free(m.p);

	assert_true(rts_scan_descriptor(&good));
#define BAD(member, value)                             \
	do {                                           \
		d = good;                              \
		d.member = (value);                    \
		assert_false(rts_scan_descriptor(&d)); \
	} while (0)
	BAD(Type, EfiMaxMemoryType);
	BAD(PhysicalStart, 0x1001);
	BAD(PhysicalStart, 1ULL << 52);
	BAD(VirtualStart, 0xfffffffeff000800);
	BAD(NumberOfPages, 0);
	BAD(NumberOfPages, 1ULL << 40);
	BAD(Attribute, 1ULL << 40);
#undef BAD
}

static uint64_t random_next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* Signatures at any address, in pieces of any length, against a plain search. */
static void pass_finds_signatures(void **state)
{
	enum { LEN = 9 << 20, PIECES = 5 };
	static const uint64_t start = 0x100000ff9;
	uint8_t *p = malloc(LEN + 1), *bytes = p + 1; /* at no boundary of the host's */
	uint64_t *want = calloc(SCAN_HITS_MAX, sizeof *want);
	uint64_t seed = 0x9e3779b97f4a7c15ULL;

	(void)state;
	assert_non_null(p);
	assert_non_null(want);
	for (unsigned round = 0; round < 4; round++) {
		struct rts_dump_piece piece[PIECES];
		size_t cut[PIECES + 1] = {0};
		uint64_t lost = 0;
		struct steps st;

		for (size_t i = 0; i < LEN; i += 8) {
			const uint64_t v = round % 2 == 0 ? 0 : random_next(&seed);

			memcpy(bytes + i, &v, LEN - i < 8 ? LEN - i : 8);
		}
		for (unsigned i = 0; i < 300; i++)
			put64(bytes + random_next(&seed) % (LEN - 8),
			      signatures[random_next(&seed) % 4]);
		for (unsigned i = 1; i < PIECES; i++)
			cut[i] = cut[i - 1] + 16 + random_next(&seed) % (LEN / PIECES - 16);
		cut[PIECES] = LEN;
		for (unsigned i = 0; i < PIECES; i++) {
			/* a byte of distance, and then they cannot be joined */
			piece[i] = (struct rts_dump_piece){
				.start = start + cut[i] + i * 0x10000,
				.bytes = {bytes + cut[i], cut[i + 1] - cut[i]}};
			lost += piece[i].bytes.n;
			/* the first and the last that fit */
			put64(bytes + cut[i] + -piece[i].start % 8, signatures[round]);
			put64(bytes + cut[i + 1] - 8 -
				      (piece[i].start + piece[i].bytes.n) % 8,
			      signatures[round]);
		}
		m_begin(&st, dump_pieces(piece, PIECES));
		st.config.threads = round;
		st.config.parallel = round > 1 ? backwards : NULL;
		assert_int_equal(rts_scan_pass(&st.s), EFI_SUCCESS);
		assert_int_equal(st.s.report->bytes_scanned, lost);
		for (unsigned kind = 0; kind < COUNT(signatures); kind++) {
			size_t count = 0;

			for (unsigned i = 0; i < PIECES; i++)
				for (size_t k = 0; k + 8 <= piece[i].bytes.n; k++)
					if ((piece[i].start + k) % 8 == 0 &&
					    memcmp(piece[i].bytes.p + k, &signatures[kind],
						   8) == 0)
						want[count++] = piece[i].start + k;
			assert_true(count > 0 || kind != round);
			expect_hits(&st.s, kind, want, count);
		}
		m_end(&st);
	}
	free(want);
	free(p);
}

/* One of everything in each of many chunks, headers where chunks begin, memory that does
 * not begin with a page; as many threads as you like find the same. */
static void pass_is_the_same_with_threads(void **state)
{
	enum { LEN = 24 << 20, EACH = 1 << 20, START = 0xfe0 };
	uint8_t *p = calloc(1, LEN);
	struct steps one, many;

	(void)state;
	assert_non_null(p);
	for (size_t at = 0; at < LEN; at += EACH) {
		put64(p + at + M_PAGE - 8, signatures[at / EACH % 4]);
		put_pe(p + at, 0xe58, PE_MACHINE_X64, PE32_PLUS_MAGIC);
		put64(p + at + 4 * M_PAGE - 8, 0x1067);
	}
	m_begin(&one, dump_bytes(START, p + START, LEN - START));
	assert_int_equal(rts_scan_pass(&one.s), EFI_SUCCESS);
	assert_int_equal(one.s.hits[SCAN_HIT_PE].count, LEN / EACH - 1);
	assert_int_equal(one.s.hits[SCAN_HIT_ROOT].count, LEN / EACH);
	for (unsigned threads = 2; threads < 1000; threads = threads * 3 + 1) {
		m_begin(&many, dump_bytes(START, p + START, LEN - START));
		many.config.threads = threads;
		many.config.parallel = threads % 2 == 0 ? backwards : NULL;
		assert_int_equal(rts_scan_pass(&many.s), EFI_SUCCESS);
		for (unsigned k = 0; k < SCAN_HITS; k++)
			expect_hits(&many.s, k, one.s.hits[k].at, one.s.hits[k].count);
		m_end(&many);
	}
	m_end(&one);
	free(p);
}

/* Hits have a limit; the lowest are kept, and the reader is told. */
static void pass_has_limits(void **state)
{
	enum { LEN = (SCAN_HITS_MAX + 4096) * 8 };
	uint8_t *p = malloc(LEN);

	(void)state;
	assert_non_null(p);
	for (size_t i = 0; i < LEN; i += 8)
		put64(p + i, EFI_RUNTIME_SERVICES_SIGNATURE);
	for (unsigned threads = 1; threads < 4; threads++) {
		struct rts_dump_piece pieces[8];
		struct steps st;

		/* many chunks, so that each thread may have some */
		for (unsigned i = 0; i < 8; i++)
			pieces[i] = (struct rts_dump_piece){.start = i * 0x1000000ULL,
							    .bytes = {p, LEN / 8}};
		m_begin(&st, dump_pieces(pieces, 8));
		st.config.threads = threads;
		st.config.parallel = backwards;
		assert_int_equal(rts_scan_pass(&st.s), EFI_SUCCESS);
		assert_int_equal(st.s.hits[SCAN_HIT_RUNTIME].count, SCAN_HITS_MAX);
		assert_true(st.s.hits[SCAN_HIT_RUNTIME].full);
		for (size_t i = 0; i < SCAN_HITS_MAX; i++)
			assert_int_equal(st.s.hits[SCAN_HIT_RUNTIME].at[i],
					 i / (LEN / 64) * 0x1000000ULL +
						 i % (LEN / 64) * 8);
		assert_int_equal(st.s.report->note_count, 1);
		/* as tables all of these are nothing */
		assert_int_equal(rts_scan_tables(&st.s), EFI_SUCCESS);
		assert_false(st.s.tables.has_runtime);
		m_end(&st);
	}
	free(p);
}

struct watch {
	uint64_t stop_at, last, total, needed, dropped;
	unsigned open;
};

static bool watch_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct watch *w = ctx;

	assert_true(done > w->last && done <= total);
	w->last = done;
	w->total = total;
	return done < w->stop_at;
}

static void watch_window(void *ctx, uint64_t offset, uint64_t len, bool needed)
{
	struct watch *w = ctx;

	assert_true(len > 0 && len <= 8 << 20);
	assert_int_equal(w->open, needed ? 0 : 1);
	w->open = needed;
	if (needed) {
		assert_int_equal(offset, w->needed);
		w->needed = offset + len;
	} else {
		w->dropped = offset + len;
		assert_int_equal(w->dropped, w->needed);
	}
}

static void pass_tells_progress(void **state)
{
	enum { LEN = 13 << 20 };
	uint8_t *p = calloc(1, LEN);
	struct watch w = {.stop_at = UINT64_MAX};
	struct rts_dump *dump = NULL;
	struct steps st;

	(void)state;
	assert_non_null(p);
	assert_int_equal(
		rts_dump_open((struct bytes){p, LEN}, (struct bytes){0}, NULL, &dump),
		EFI_SUCCESS);
	m_begin(&st, dump);
	st.config.progress = watch_progress;
	st.config.window = watch_window;
	st.config.ctx = &w;
	assert_int_equal(rts_scan_pass(&st.s), EFI_SUCCESS);
	assert_int_equal(w.last, LEN);
	assert_int_equal(w.total, LEN);
	assert_int_equal(w.dropped, LEN);
	w = (struct watch){.stop_at = 5 << 20};
	assert_int_equal(rts_scan_pass(&st.s), EFI_ABORTED);
	assert_true(w.last >= w.stop_at && w.last < LEN);
	m_end(&st);
	free(p);
}

/* ---- tables ---- */

static void run_steps(struct steps *st, struct machine *m)
{
	m_begin(st, dump_machine(m));
	assert_int_equal(rts_scan_pass(&st->s), EFI_SUCCESS);
	assert_int_equal(rts_scan_tables(&st->s), EFI_SUCCESS);
	assert_int_equal(rts_scan_map(&st->s), EFI_SUCCESS);
	assert_int_equal(rts_scan_config_tables(&st->s), EFI_SUCCESS);
}

static void template(struct machine *m)
{
	/* what firmware's tables are made from: no checksum, the same place in its page */
	m_runtime(m, M_FREE + (M_RUNTIME & 0xfff));
	m_put32(m, M_FREE + (M_RUNTIME & 0xfff) + 16, 0);
	m_runtime(m, M_FREE + 0x2b30);
	m_put32(m, M_FREE + 0x2b30 + 16, 0);
	m_system(m, M_FREE + 0x2bd0, 0);
	m_put32(m, M_FREE + 0x2bd0 + 16, 0);
}

static void lazy_hook(struct machine *m)
{
	m_put64(m, M_RUNTIME + 24 + 8 * 8, M_BASE + M_FREE + M_MOVE);
}

static void lazy_hook_copy(struct machine *m)
{
	lazy_hook(m);
	m_runtime(m, M_FREE + 0x100);
	m_runtime(m, 0x8000);
}

static void lazy_hook_copy_alike(struct machine *m)
{
	lazy_hook(m);
	m_runtime(m, 0x8000 + (M_RUNTIME & 0xfff));
	m_runtime(m, M_FREE + (M_RUNTIME & 0xfff));
}

static void no_system(struct machine *m)
{
	memset(m->p + M_SYSTEM, 0, SYSTEM_LEN);
	template(m);
}

static void system_bad_crc(struct machine *m)
{
	m_put64(m, M_SYSTEM + 32, 1);
}

static void two_systems(struct machine *m)
{
	/* an older kernel's copy, below the real one; and one that leads elsewhere */
	memcpy(m->p + 0x8018, m->p + M_SYSTEM, SYSTEM_LEN);
	m_system(m, 0x9018, 0xffffffff81000000);
}

static void system_astray(struct machine *m)
{
	m_system(m, M_SYSTEM, M_BASE + M_FREE + 0x118 + M_MOVE);
}

static void whole_copy(struct machine *m)
{
	/* a hook that has a table of its own, and leads the system table there */
	m_runtime(m, M_FREE + 0x40);
	m_map_page(m, m->root, 4, M_BASE + M_FREE + M_MOVE, M_BASE + M_FREE);
	m_system(m, M_SYSTEM, M_BASE + M_FREE + 0x40 + M_MOVE);
}

static void short_header(struct machine *m)
{
	m_runtime(m, M_FREE);
	m_header(m, M_FREE, EFI_RUNTIME_SERVICES_SIGNATURE, RUNTIME_LEN - 1);
	m_seal(m, M_FREE, RUNTIME_LEN - 1);
	m_header(m, M_FREE + 0x100, EFI_RUNTIME_SERVICES_SIGNATURE, 0);
	m_header(m, M_FREE + 0x200, EFI_RUNTIME_SERVICES_SIGNATURE, 0xffffffff);
	m_header(m, M_FREE + 0x300, EFI_RUNTIME_SERVICES_SIGNATURE, 1025);
	m_header(m, M_LEN - 24, EFI_RUNTIME_SERVICES_SIGNATURE, RUNTIME_LEN);
	m_header(m, M_LEN - 24 - 128, EFI_RUNTIME_SERVICES_SIGNATURE, RUNTIME_LEN);
}

static void all_virtual(struct machine *m)
{
	/* as a hook on all services has it */
	for (unsigned i = 4; i < 6; i++)
		m_put64(m, M_RUNTIME + 24 + i * 8, m_service(i) + M_MOVE);
	m_seal(m, M_RUNTIME, RUNTIME_LEN);
}

static void file_copies(struct machine *m)
{
	/* of the page with both tables, as a file with evidence has it; nothing leads there
	 */
	for (uint64_t off = 0x1000; off < 0x7000; off += M_PAGE)
		m_put(m, off, m->p + (M_RUNTIME & ~0xfffULL), M_PAGE);
	m_put(m, M_FREE, m->p + (M_RUNTIME & ~0xfffULL), M_PAGE);
}

static void file_copies_unmapped(struct machine *m)
{
	file_copies(m);
	memset(m->p + (m->root - M_BASE), 0, M_PAGE);
	memset(m->p + M_MAP, 0, M_PAGE);
}

static void nearer_copy(struct machine *m)
{
	/* of the system table; firmware's pointer tells */
	m_put(m, M_RUNTIME + 0x100, m->p + M_SYSTEM, SYSTEM_LEN);
}

static void lazy_hook_unmapped(struct machine *m)
{
	lazy_hook_copy(m);
	memset(m->p + (m->root - M_BASE), 0, M_PAGE);
}

static void physical_copy(struct machine *m)
{
	/* in the real one's place after SetVirtualAddressMap: nobody changed its pointers
	 */
	whole_copy(m);
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++)
		m_put64(m, M_FREE + 0x40 + 24 + i * 8, M_BASE + M_CODE + 0x100 + i * 0x100);
	m_seal(m, M_FREE + 0x40, RUNTIME_LEN);
}

static void nothing_done(struct machine *m)
{
	(void)m;
}

static const struct {
	const char *name;
	void (*change)(struct machine *m);
	uint64_t runtime; /* offset; 0: none */
	bool crc_ok;
	uint64_t system;
	bool has_root;
} choices[] = {
	{"as it should be", nothing_done, M_RUNTIME, true, M_SYSTEM, true},
	{"templates", template, M_RUNTIME, true, M_SYSTEM, true},
	{"a hook without a checksum", lazy_hook, M_RUNTIME, false, M_SYSTEM, true},
	{"... and copies with one", lazy_hook_copy, M_RUNTIME, false, M_SYSTEM, true},
	{"... at the same place in their page", lazy_hook_copy_alike, M_RUNTIME, false,
	 M_SYSTEM, true},
	{"no system table", no_system, M_RUNTIME, true, 0, true},
	{"a system table with a bad checksum", system_bad_crc, M_RUNTIME, true, M_SYSTEM,
	 true},
	{"copies of the system table", two_systems, M_RUNTIME, true, M_SYSTEM, true},
	{"a system table that leads astray", system_astray, M_RUNTIME, true, M_SYSTEM,
	 true},
	{"another table, and the system table leads there", whole_copy, M_FREE + 0x40, true,
	 M_SYSTEM, true},
	{"headers that are too short, or too long", short_header, M_RUNTIME, true, M_SYSTEM,
	 true},
	{"no pointer is physical", all_virtual, M_RUNTIME, true, M_SYSTEM, true},
	{"copies of both tables", file_copies, M_RUNTIME, true, M_SYSTEM, true},
	{"... and nothing that leads to any", file_copies_unmapped, M_RUNTIME, true,
	 M_SYSTEM, false},
	{"a copy of the system table that is nearer", nearer_copy, M_RUNTIME, true,
	 M_SYSTEM, true},
	{"a hook without a checksum, copies, and nothing that leads to any",
	 lazy_hook_unmapped, M_RUNTIME, false, M_SYSTEM, false},
	{"all pointers are physical, in another table", physical_copy, M_FREE + 0x40, true,
	 M_SYSTEM, true},
};

static void tables_are_chosen(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(choices); i++) {
		struct machine m = m_new();
		struct steps st;

		choices[i].change(&m);
		run_steps(&st, &m);
		if (!st.s.tables.has_runtime ||
		    st.s.tables.runtime.at != M_BASE + choices[i].runtime ||
		    st.s.tables.runtime.crc_ok != choices[i].crc_ok ||
		    st.s.tables.has_system != (choices[i].system != 0) ||
		    st.s.tables.system.at !=
			    (choices[i].system != 0 ? M_BASE + choices[i].system : 0) ||
		    st.s.map.has_root != choices[i].has_root || !st.s.report->virtual_mode)
			fail_msg("%s: runtime %#lx %d, system %#lx, root %d",
				 choices[i].name, st.s.tables.runtime.at,
				 st.s.tables.runtime.crc_ok, st.s.tables.system.at,
				 st.s.map.has_root);
		m_end(&st);
		free(m.p);
	}
}

static void expect_tables(const struct scan *s, const char *const *kinds,
			  const uint64_t *at, size_t count)
{
	for (size_t i = 0; i < s->report->table_count && i < count; i++) {
		assert_string_equal(s->report->tables[i].kind, kinds[i]);
		assert_int_equal(s->report->tables[i].physical, M_BASE + at[i]);
	}
	assert_int_equal(s->report->table_count, count);
}

static void tables_are_reported(void **state)
{
	static const char *const kinds[] = {"system-table-pointer", "runtime-services",
					    "runtime-services",     "system",
					    "boot-services",        "dxe-services",
					    "memory-attributes",    "debug-image-info"};
	static const uint64_t at[] = {M_POINTER, M_RUNTIME, M_FREE,       M_SYSTEM,
				      0x1100,    0x1300,    M_ATTRIBUTES, M_DEBUG};
	struct machine m = m_new_physical();
	struct steps st;

	(void)state;
	/* lower than the real one, with a good checksum: pre-boot, so pointers are exact */
	m_header(&m, 0x1100, EFI_BOOT_SERVICES_SIGNATURE, sizeof(EFI_BOOT_SERVICES));
	m_seal(&m, 0x1100, sizeof(EFI_BOOT_SERVICES));
	m_put64(&m, 0x1140, 0xbad); /* a hook: the checksum is no longer right */
	m_put64(&m, M_SYSTEM + offsetof(EFI_SYSTEM_TABLE, BootServices), M_BASE + 0x1100);
	m_seal(&m, M_SYSTEM, SYSTEM_LEN);
	m_header(&m, 0x1300, signatures[SCAN_HIT_DXE], 168);
	m_seal(&m, 0x1300, 168);
	/* text and templates are none */
	m_put64(&m, 0x2000, EFI_BOOT_SERVICES_SIGNATURE);
	m_header(&m, 0x2100, EFI_BOOT_SERVICES_SIGNATURE, sizeof(EFI_BOOT_SERVICES));
	m_header(&m, 0x2300, signatures[SCAN_HIT_DXE], 168);
	m_put32(&m, 0x2310, 77);
	m_runtime(&m, M_FREE);
	m_header(&m, 0x2500, EFI_RUNTIME_SERVICES_SIGNATURE, RUNTIME_LEN - 1);
	m_seal(&m, 0x2500, RUNTIME_LEN - 1);
	m_header(&m, 0x3000, EFI_RUNTIME_SERVICES_SIGNATURE, 1025);
	m_seal(&m, 0x3000, 1025);
	run_steps(&st, &m);
	expect_tables(&st.s, kinds, at, COUNT(kinds));
	assert_false(st.s.report->virtual_mode);
	assert_int_equal(st.s.tables.runtime.at, M_BASE + M_RUNTIME);
	for (size_t i = 0; i < COUNT(kinds); i++) {
		assert_int_equal(st.s.report->tables[i].has_crc, i < 6);
		assert_int_equal(st.s.report->tables[i].crc_ok, i < 6 && i != 4);
	}
	assert_int_equal(st.s.report->tables[1].crc, st.s.tables.runtime.hdr.CRC32);
	m_end(&st);
	free(m.p);
}

/* The machine says which one; and a place where none is. */
static void tables_are_given(void **state)
{
	struct machine m = m_new();
	struct steps st;

	(void)state;
	m_runtime(&m, M_FREE);
	m_put32(&m, M_FREE + 16, 1);
	for (unsigned there = 0; there < 2; there++) {
		m_begin(&st, dump_machine(&m));
		st.config.runtime_services = M_BASE + M_FREE + (there ? 0 : 0x800);
		assert_int_equal(rts_scan_pass(&st.s), EFI_SUCCESS);
		assert_int_equal(rts_scan_tables(&st.s), EFI_SUCCESS);
		assert_int_equal(st.s.tables.runtime.at,
				 M_BASE + (there ? M_FREE : M_RUNTIME));
		assert_int_equal(st.s.report->note_count, there ? 0 : 1);
		m_end(&st);
	}
	free(m.p);
}

/* Physical pointers, but the image lacks what they lead to. */
static void tables_without_code(void **state)
{
	struct machine m = m_new_physical();
	struct steps st;
	uint64_t at;

	(void)state;
	m_begin(&st, dump_bytes(M_BASE, m.p, M_CODE));
	assert_int_equal(rts_scan_pass(&st.s), EFI_SUCCESS);
	assert_int_equal(rts_scan_tables(&st.s), EFI_SUCCESS);
	assert_int_equal(rts_scan_map(&st.s), EFI_SUCCESS);
	assert_true(st.s.tables.has_runtime);
	assert_false(st.s.report->virtual_mode);
	assert_true(st.s.map.identity);
	assert_true(rts_scan_physical(&st.s, st.s.tables.pointer[0], &at));
	assert_int_equal(at, M_BASE + M_CODE + 0x100);
	assert_false(rts_scan_physical(&st.s, 0xffffffff81000000, &at));
	m_end(&st);
	free(m.p);
}

static void tables_of_nothing(void **state)
{
	struct machine m = {.p = calloc(1, M_LEN)};
	struct steps st;
	uint64_t at;

	(void)state;
	assert_non_null(m.p);
	run_steps(&st, &m);
	assert_false(st.s.tables.has_runtime || st.s.tables.has_system);
	assert_int_equal(st.s.report->table_count, 0);
	assert_int_equal(st.s.report->region_count, 0);
	assert_true(rts_scan_physical(&st.s, 0x1234, &at) && at == 0x1234);
	for (unsigned w = 0; w < RTS_SCAN_WAYS; w++)
		assert_false(st.s.report->ways[w].available ||
			     rts_scan_physical_by(&st.s, w, 0x1234, &at));
	m_end(&st);
	free(m.p);
}

/* ---- virtual to physical ---- */

static void expect_way(const struct scan *s, enum rts_scan_way w, bool available,
		       unsigned agrees, unsigned disagrees, uint64_t where)
{
	const struct rts_scan_mapping_way *way = &s->report->ways[w];

	if (way->available != available || way->agrees != agrees ||
	    way->disagrees != disagrees || way->where != where)
		fail_msg("%s: %d, %u agree, %u do not, %#lx", rts_scan_way_name(w),
			 way->available, way->agrees, way->disagrees, way->where);
}

static void map_by_all_ways(void **state)
{
	struct machine m = m_new();
	struct steps st;
	uint64_t at;

	(void)state;
	run_steps(&st, &m);
	expect_way(&st.s, RTS_SCAN_WAY_TABLE_PAIR, true, 14, 0, 0);
	expect_way(&st.s, RTS_SCAN_WAY_PAGE_TABLES, true, 14, 0, m.root);
	expect_way(&st.s, RTS_SCAN_WAY_OS_MAP, true, 14, 0, M_BASE + M_MAP);
	expect_way(&st.s, RTS_SCAN_WAY_FIXUPS, false, 0, 0, 0);
	assert_int_equal(st.s.report->paging_levels, 4);
	assert_int_equal(st.s.map.pair_delta, M_MOVE);
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++)
		for (unsigned w = 0; w < RTS_SCAN_WAY_FIXUPS; w++) {
			assert_true(rts_scan_physical_by(&st.s, w, m_service(i), &at));
			assert_int_equal(at, M_BASE + M_CODE + 0x100 + i * 0x100);
		}
	/* the map knows more than the page tables, which come first */
	assert_true(rts_scan_physical(&st.s, M_BASE + M_MOVE + 5, &at));
	assert_int_equal(at, M_BASE + 5);
	assert_true(rts_scan_physical(&st.s, M_BASE + M_FREE, &at));
	assert_int_equal(at, M_BASE + M_FREE);
	assert_true(
		rts_scan_physical(&st.s, 0xffc00000, &at)); /* flash: not in the image */
	assert_false(rts_scan_physical(&st.s, 0xffffffff81000000, &at));
	assert_false(rts_scan_physical(&st.s, 0x7fff00000000, &at));
	assert_false(rts_scan_physical(&st.s, 0, &at));
	/* regions, ascending */
	assert_int_equal(st.s.report->region_count, 5);
	assert_int_equal(st.s.report->regions[0].start, 0);
	assert_int_equal(st.s.report->regions[1].start, M_BASE);
	assert_int_equal(st.s.report->regions[1].type, EfiBootServicesData);
	assert_int_equal(st.s.report->regions[2].start, M_BASE + 0x10000);
	assert_int_equal(st.s.report->regions[2].virtual_start, M_BASE + 0x10000 + M_MOVE);
	assert_int_equal(st.s.report->regions[3].pages, 16);
	assert_int_equal(st.s.report->regions[4].attributes,
			 EFI_MEMORY_RUNTIME | EFI_MEMORY_UC);
	m_end(&st);
	free(m.p);
}

static void map_before_anything(void **state)
{
	struct machine m = m_new_physical();
	struct steps st;
	uint64_t at;

	(void)state;
	/* the firmware's own page tables map everything to itself, this machine's do more
	 */
	m_map_page(&m, m.root, 4, M_BASE + M_RUNTIME, M_BASE + M_RUNTIME);
	run_steps(&st, &m);
	assert_true(st.s.map.identity);
	for (unsigned w = 0; w < RTS_SCAN_WAYS; w++)
		expect_way(&st.s, w, false, 0, 0, 0);
	assert_int_equal(st.s.report->paging_levels, 0);
	assert_true(rts_scan_physical(&st.s, M_BASE + M_CODE, &at));
	assert_int_equal(at, M_BASE + M_CODE);
	assert_int_equal(st.s.report->region_count, 5); /* types are known all the same */
	assert_int_equal(st.s.report->regions[2].type, EfiRuntimeServicesData);
	assert_false(st.s.map.has_os_map);
	m_end(&st);
	free(m.p);
}

static void set_cpu(struct steps *st, uint64_t cr3, uint64_t cr4)
{
	struct rts_dump_info *info = (void *)(uintptr_t)rts_dump_info(st->dump);

	info->cpu_count = 1;
	info->cpu[0].cr3 = cr3;
	info->cpu[0].cr4 = cr4;
}

/* With five levels the upper table is the root, but its only entry is one of four levels.
 */
static void map_with_five_levels(void **state)
{
	static const struct {
		uint64_t cr4;
		unsigned levels;
	} cases[] = {{0, 5}, {0x16f0, 5}, {0x6f0, 4}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct machine m = m_new();
		struct steps st;
		uint64_t five, four;

		memset(m.p + (m.root - M_BASE), 0, M_PAGE);
		five = m_map_all(&m, 5);
		four = m_get64(&m, five - M_BASE + 511 * 8) & ~0xfffULL;
		m_begin(&st, dump_machine(&m));
		set_cpu(&st, M_BASE + M_FREE, cases[i].cr4);
		assert_int_equal(rts_scan_pass(&st.s), EFI_SUCCESS);
		assert_int_equal(rts_scan_tables(&st.s), EFI_SUCCESS);
		assert_int_equal(rts_scan_map(&st.s), EFI_SUCCESS);
		assert_int_equal(st.s.report->paging_levels, cases[i].levels);
		expect_way(&st.s, RTS_SCAN_WAY_PAGE_TABLES, true, 14, 0,
			   cases[i].levels == 5 ? five : four);
		m_end(&st);
		free(m.p);
	}
}

/* A table whose last entry is itself, and lower addresses: by five levels it is one of four
 * that the first step leads back to. */
static void map_that_maps_itself(void **state)
{
	const uint64_t move = 0xfffff80000000000;
	struct machine m = m_new();
	struct steps st;

	(void)state;
	memset(m.p + (m.root - M_BASE), 0, M_PAGE);
	m_put64(&m, m.root - M_BASE + 511 * 8, m.root | 0x63);
	for (uint64_t off = 0x10000; off < 0x30000; off += M_PAGE)
		m_map_page(&m, m.root, 4, M_BASE + off + move, M_BASE + off);
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++)
		if (i != 4 && i != 5)
			m_put64(&m, M_RUNTIME + 24 + i * 8, m_service(i) - M_MOVE + move);
	m_seal(&m, M_RUNTIME, RUNTIME_LEN);
	m_system(&m, M_SYSTEM, M_BASE + M_RUNTIME + move);
	run_steps(&st, &m);
	expect_way(&st.s, RTS_SCAN_WAY_PAGE_TABLES, true, 14, 0, m.root);
	assert_int_equal(st.s.report->paging_levels, 4);
	m_end(&st);
	free(m.p);
}

/* The processors' own table is one that no search would find. */
static void map_by_processor(void **state)
{
	struct machine m = m_new();
	struct steps st;

	(void)state;
	/* an entry of the lower half that cannot be */
	m_put64(&m, m.root - M_BASE + 8, 0x87);
	run_steps(&st, &m);
	assert_false(st.s.map.has_root);
	expect_way(&st.s, RTS_SCAN_WAY_OS_MAP, true, 14, 0, M_BASE + M_MAP);
	m_end(&st);
	m_begin(&st, dump_machine(&m));
	set_cpu(&st, m.root | 0x18, 0);
	assert_int_equal(rts_scan_pass(&st.s), EFI_SUCCESS);
	assert_int_equal(rts_scan_tables(&st.s), EFI_SUCCESS);
	assert_int_equal(rts_scan_map(&st.s), EFI_SUCCESS);
	expect_way(&st.s, RTS_SCAN_WAY_PAGE_TABLES, true, 14, 0, m.root);
	m_end(&st);
	free(m.p);
}

/* Copies of the map: an old one, one of another boot, a tail; other strides. */
static void map_of_the_system(void **state)
{
	static const size_t strides[] = {40, 48, 64, 256};

	(void)state;
	for (size_t i = 0; i < COUNT(strides); i++) {
		struct machine m = m_new();
		struct steps st;

		/* from before the addresses: one entry more, no virtual ones */
		m_map_array(&m, 0x8000, 48);
		for (size_t k = 0; k < 5; k++)
			m_put64(&m, 0x8000 + k * 48 + 16, 0);
		m_descriptor(&m, 0x8000 + 5 * 48, EfiConventionalMemory, 0x100000, 16, 0,
			     EFI_MEMORY_WB);
		/* another boot's: many entries, other addresses */
		m_map_array(&m, 0xb0000, 48);
		for (size_t k = 0; k < 5; k++)
			m_put64(&m, 0xb0000 + k * 48 + 16,
				m_get64(&m, 0xb0000 + k * 48 + 16) + 0x200000);
		for (size_t k = 5; k < 150; k++)
			m_descriptor(&m, 0xb0000 + k * 48, EfiLoaderData, k << 24, 1,
				     0xffffffff00000000 + (k << 24), EFI_MEMORY_WB);
		/* fits, but is shorter */
		m_map_array(&m, 0xa000, 48);
		memset(m.p + 0xa000 + 4 * 48, 0, 48);
		/* the one, which goes on behind its page */
		memset(m.p + M_MAP, 0, M_PAGE);
		m_map_array(&m, 0x90000, strides[i]);
		for (size_t k = 5; k < 120; k++)
			m_descriptor(&m, 0x90000 + k * strides[i], EfiBootServicesData,
				     0x10000000 + (k << 12), 1, 0, EFI_MEMORY_WB);
		run_steps(&st, &m);
		expect_way(&st.s, RTS_SCAN_WAY_OS_MAP, true, 14, 0, M_BASE + 0x90000);
		assert_int_equal(st.s.report->region_count, 120);
		for (size_t k = 1; k < 120; k++)
			assert_true(st.s.report->regions[k].start >
				    st.s.report->regions[k - 1].start);
		m_end(&st);
		free(m.p);
	}
}

/* Virtual addresses that do not go with the tables: of use for types, not for addresses. */
static void map_that_does_not_fit(void **state)
{
	(void)state;
	for (unsigned far = 0; far < 2; far++) {
		struct machine m = m_new();
		struct steps st;

		for (size_t k = 0; k < 5; k++)
			m_put64(&m, M_MAP + k * 48 + 16,
				far ? 0xffffffff10000000 + (k << 24)
				    : m_get64(&m, M_MAP + k * 48 + 16) + 0x1000);
		/* more entries, but this is of other memory */
		for (size_t k = 0; k < 80; k++)
			m_descriptor(&m, 0x90000 + k * 48, EfiRuntimeServicesData,
				     0x10000000 + (k << 12), 1, 0, M_RT_ATTRIBUTES);
		run_steps(&st, &m);
		expect_way(&st.s, RTS_SCAN_WAY_OS_MAP, false, 0, 0, 0);
		expect_way(&st.s, RTS_SCAN_WAY_TABLE_PAIR, true, 14, 0, 0);
		assert_int_equal(st.s.report->region_count, 5);
		for (size_t k = 0; k < 5; k++)
			assert_int_equal(st.s.report->regions[k].virtual_start, 0);
		m_end(&st);
		free(m.p);
	}
}

static void map_that_is_given(void **state)
{
	static const struct rts_scan_mapping given[] = {
		{EfiRuntimeServicesCode, M_BASE + M_CODE, M_BASE + M_CODE + M_MOVE, 16,
		 M_RT_ATTRIBUTES},
		{EfiRuntimeServicesData, M_BASE + 0x10000, M_BASE + 0x10000 + M_MOVE, 16,
		 M_RT_ATTRIBUTES},
	};
	struct machine m = m_new();
	struct rts_dump_piece pieces[2];
	struct steps st;

	(void)state;
	memset(m.p + M_MAP, 0, M_PAGE);
	memset(m.p + (m.root - M_BASE), 0, M_PAGE);
	m_begin(&st, dump_machine(&m));
	st.config.runtime_map = given;
	st.config.runtime_map_count = COUNT(given);
	assert_int_equal(rts_scan_pass(&st.s), EFI_SUCCESS);
	assert_int_equal(rts_scan_tables(&st.s), EFI_SUCCESS);
	assert_int_equal(rts_scan_map(&st.s), EFI_SUCCESS);
	expect_way(&st.s, RTS_SCAN_WAY_OS_MAP, true, 14, 0, 0);
	expect_way(&st.s, RTS_SCAN_WAY_PAGE_TABLES, false, 0, 0, 0);
	assert_int_equal(st.s.report->region_count, 2);
	assert_int_equal(st.s.report->regions[0].start, M_BASE + 0x10000);
	m_end(&st);

	/* the image itself says it, of each of its ranges; or says something else */
	for (unsigned fits = 0; fits < 2; fits++) {
		for (unsigned i = 0; i < 2; i++) {
			const uint64_t off = i == 0 ? 0x10000 : M_CODE;

			pieces[i] = (struct rts_dump_piece){.start = M_BASE + off,
							    .bytes = {m.p + off, 0x10000},
							    .has_virtual = true,
							    .virtual_start =
								    M_BASE + off + M_MOVE +
								    (fits ? 0 : 0x1000)};
		}
		m_begin(&st, dump_pieces(pieces, 2));
		assert_int_equal(rts_scan_pass(&st.s), EFI_SUCCESS);
		assert_int_equal(rts_scan_tables(&st.s), EFI_SUCCESS);
		assert_int_equal(rts_scan_map(&st.s), EFI_SUCCESS);
		/* no other witness: what it says is taken, and the judge says that the
		 * system table disagrees */
		expect_way(&st.s, RTS_SCAN_WAY_OS_MAP, true, 14, 0, 0);
		expect_way(&st.s, RTS_SCAN_WAY_TABLE_PAIR, true, fits ? 14 : 2, 0, 0);
		assert_int_equal(st.s.report->region_count, 0);
		m_end(&st);
	}
	free(m.p);
}

/* Somebody mapped a page of code elsewhere: the others tell. The pair does so as long as
 * memory on one side of the page is where it should be. */
static void map_that_disagrees(void **state)
{
	(void)state;
	for (unsigned alone = 0; alone < 2; alone++) {
		struct machine m = m_new();
		struct steps st;
		uint64_t at;

		m_map_page(&m, m.root, 4, M_BASE + M_CODE + M_MOVE, M_BASE + M_FREE);
		if (alone) {
			m_map_page(&m, m.root, 4, M_BASE + M_CODE - M_PAGE + M_MOVE, 0);
			memset(m.p + M_MAP, 0, M_PAGE);
		}
		run_steps(&st, &m);
		/* twelve are virtual, and lie in this page */
		expect_way(&st.s, RTS_SCAN_WAY_PAGE_TABLES, true, 14, 0, m.root);
		expect_way(&st.s, RTS_SCAN_WAY_OS_MAP, !alone, alone ? 0 : 2,
			   alone ? 0 : 12, alone ? 0 : M_BASE + M_MAP);
		expect_way(&st.s, RTS_SCAN_WAY_TABLE_PAIR, true, 2, 12, 0);
		assert_true(rts_scan_physical(&st.s, m_service(0), &at));
		assert_int_equal(at, M_BASE + M_FREE + 0x100);
		m_end(&st);
		free(m.p);
	}
}

/* Code that was mapped apart from data: the pair of the tables says nothing of it. */
static void map_with_two_distances(void **state)
{
	const uint64_t more = 0x200000;
	struct machine m = m_new();
	struct steps st;
	uint64_t at;

	(void)state;
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++)
		if (i != 4 && i != 5)
			m_put64(&m, M_RUNTIME + 24 + i * 8, m_service(i) + more);
	m_seal(&m, M_RUNTIME, RUNTIME_LEN);
	m_put64(&m, M_MAP + 48 + 16, M_BASE + M_CODE + M_MOVE + more);
	for (uint64_t off = 0; off < 0x10000; off += M_PAGE)
		m_map_page(&m, m.root, 4, M_BASE + M_CODE + off + M_MOVE + more,
			   M_BASE + M_CODE + off);
	run_steps(&st, &m);
	expect_way(&st.s, RTS_SCAN_WAY_PAGE_TABLES, true, 14, 0, m.root);
	expect_way(&st.s, RTS_SCAN_WAY_OS_MAP, true, 14, 0, M_BASE + M_MAP);
	expect_way(&st.s, RTS_SCAN_WAY_TABLE_PAIR, true, 2, 0, 0);
	assert_true(rts_scan_physical_by(&st.s, RTS_SCAN_WAY_TABLE_PAIR,
					 M_BASE + M_SYSTEM + M_MOVE, &at));
	assert_int_equal(at, M_BASE + M_SYSTEM);
	m_end(&st);
	free(m.p);
}

/* Hostile: entries that lead in circles, and as many candidates as fit. */
static void map_of_circles(void **state)
{
	struct machine m = m_new();
	struct steps st;

	(void)state;
	for (uint64_t off = M_FREE; off < M_LEN; off += M_PAGE)
		for (unsigned i = 0; i < 512; i++)
			m_put64(&m, off + i * 8, (M_BASE + off) | 0x67);
	run_steps(&st, &m);
	assert_true(st.s.hits[SCAN_HIT_ROOT].count >= (M_LEN - M_FREE) / M_PAGE);
	expect_way(&st.s, RTS_SCAN_WAY_PAGE_TABLES, true, 14, 0, m.root);
	m_end(&st);
	free(m.p);
}

/* ---- configuration tables ---- */

static void config_is_read(void **state)
{
	struct machine m = m_new();
	struct steps st;
	const struct scan_tables *t = &st.s.tables;

	(void)state;
	run_steps(&st, &m);
	assert_int_equal(t->config_count, 3);
	assert_memory_equal(&t->config[0].guid, &m_hob_guid, sizeof m_hob_guid);
	assert_int_equal(t->config[0].at, M_BASE + 0x1000);
	assert_true(t->has_attributes);
	assert_int_equal(t->attribute_count, 2);
	assert_int_equal(t->attribute[0].start, M_BASE + M_CODE);
	assert_int_equal(t->attribute[0].pages, 15);
	assert_int_equal(t->attribute[0].type, EfiRuntimeServicesCode);
	assert_int_equal(t->attribute[1].attributes, EFI_MEMORY_RUNTIME | EFI_MEMORY_XP);
	assert_true(t->has_debug);
	assert_int_equal(t->debug_count, 2);
	assert_true(t->debug[0].has_guid);
	assert_memory_equal(&t->debug[0].guid, &m_file_guid, sizeof m_file_guid);
	assert_null(t->debug[0].path);
	assert_int_equal(t->debug[0].base, M_BASE + M_CODE);
	assert_int_equal(t->debug[0].size, M_PAGE);
	assert_int_equal(t->debug[0].code_type, EfiRuntimeServicesCode);
	assert_false(t->debug[1].has_guid);
	assert_string_equal(t->debug[1].path, "\\efi\\hook.efi");
	assert_int_equal(st.s.report->note_count, 0);
	m_end(&st);
	free(m.p);
}

/* Without any memory map, the attributes table is one. */
static void config_stands_in_for_a_map(void **state)
{
	struct machine m = m_new();
	struct steps st;

	(void)state;
	memset(m.p + M_MAP, 0, M_PAGE);
	run_steps(&st, &m);
	assert_int_equal(st.s.report->region_count, 2);
	assert_int_equal(st.s.report->regions[0].type, EfiRuntimeServicesCode);
	assert_int_equal(st.s.report->regions[1].start, M_BASE + M_CODE + 0xf000);
	m_end(&st);
	free(m.p);
}

/* One number of the tables is changed. */
static const struct {
	const char *name;
	uint64_t off, value;
	unsigned bytes;
	bool attributes, debug;
	size_t debug_count;
} broken[] = {
	{"attributes: no version", M_ATTRIBUTES, 0, 4, false, true, 2},
	{"attributes: too many entries", M_ATTRIBUTES + 4, 0xffffffff, 4, false, true, 2},
	{"attributes: one too many", M_ATTRIBUTES + 4, 3, 4, false, true, 2},
	{"attributes: none", M_ATTRIBUTES + 4, 0, 4, true, true, 2},
	{"attributes: entries that overlap", M_ATTRIBUTES + 8, 32, 4, false, true, 2},
	{"attributes: entries far apart", M_ATTRIBUTES + 8, 0xfffffff8, 4, false, true, 2},
	{"attributes: another stride", M_ATTRIBUTES + 8, 56, 4, false, true, 2},
	{"attributes: not runtime memory", M_ATTRIBUTES + 16, EfiLoaderData, 4, false, true,
	 2},
	{"attributes: past all memory", M_ATTRIBUTES + 16 + 24, 1ULL << 50, 8, false, true,
	 2},
	{"attributes: elsewhere", M_CONFIG + 48 + 16, 0x123456789000, 8, false, true, 2},
	{"debug: 3.3e9 entries", M_DEBUG + 4, 3300000000, 4, true, false, 0},
	{"debug: no entries", M_DEBUG + 4, 0, 4, true, false, 0},
	{"debug: one too many", M_DEBUG + 4, 3, 4, true, true, 2}, /* it is 0: unloaded */
	{"debug: a list that is not there", M_DEBUG + 8, ~0xfffULL, 8, true, false, 0},
	{"debug: a list that ends with memory", M_DEBUG + 8, M_BASE + M_LEN - 8, 8, true,
	 false, 0},
	{"debug: an unloaded one", M_DEBUG_LIST, 0, 8, true, true, 1},
	{"debug: an entry in nowhere", M_DEBUG_LIST, 0xdeadbeef00000001, 8, true, false, 1},
	{"debug: an entry that is the list", M_DEBUG_LIST, M_BASE + M_DEBUG_LIST, 8, true,
	 false, 1},
	{"debug: another type", M_DEBUG_ENTRIES, 2, 4, true, false, 1},
	{"debug: no protocol", M_DEBUG_ENTRIES + 8, 0, 8, true, false, 1},
	{"debug: another revision", M_LOADED, 0x2000, 4, true, false, 1},
	{"debug: in no page", M_LOADED + 64, M_BASE + 1, 8, true, false, 1},
	{"debug: at 0", M_LOADED + 64, 0, 8, true, false, 1},
	{"debug: not in the image", M_LOADED + 64, 0x100000000, 8, true, false, 1},
	{"debug: of no size", M_LOADED + 72, 0, 8, true, false, 1},
	{"debug: too large", M_LOADED + 72, SCAN_IMAGE_MAX + 1, 8, true, false, 1},
	{"debug: largest", M_LOADED + 72, SCAN_IMAGE_MAX, 8, true, true, 2},
	{"debug: of no memory type", M_LOADED + 80, EfiMaxMemoryType, 4, true, false, 1},
	{"debug: without a path", M_LOADED + 32, 0, 8, true, true, 2},
	{"debug: a path in nowhere", M_LOADED + 32, ~7ULL, 8, true, true, 2},
	{"debug: a path that goes nowhere", M_PATH + 2, 0, 2, true, true, 2},
	{"debug: a path that goes on", M_PATH + 2, 0xffff, 2, true, true, 2},
	{"list: of no tables", M_SYSTEM + offsetof(EFI_SYSTEM_TABLE, NumberOfTableEntries),
	 0, 8, false, false, 0},
	{"list: endless", M_SYSTEM + offsetof(EFI_SYSTEM_TABLE, NumberOfTableEntries),
	 ~0ULL, 8, true, true, 2},
	{"list: in nowhere", M_SYSTEM + offsetof(EFI_SYSTEM_TABLE, ConfigurationTable),
	 ~7ULL, 8, false, false, 0},
};

static void config_may_be_overwritten(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(broken); i++) {
		struct machine m = m_new();
		struct steps st;

		m_put(&m, broken[i].off, &broken[i].value, broken[i].bytes);
		m_seal(&m, M_SYSTEM, SYSTEM_LEN);
		run_steps(&st, &m);
		if (st.s.tables.has_attributes != broken[i].attributes ||
		    st.s.tables.has_debug != broken[i].debug ||
		    st.s.tables.debug_count != broken[i].debug_count ||
		    st.s.tables.config_count > SCAN_CONFIG_MAX)
			fail_msg("%s: %d, %d with %zu", broken[i].name,
				 st.s.tables.has_attributes, st.s.tables.has_debug,
				 st.s.tables.debug_count);
		if (!st.s.tables.has_attributes && st.s.tables.config_count > 0 &&
		    st.s.report->note_count == 0)
			fail_msg("%s: nothing was said", broken[i].name);
		assert_int_equal(
			st.s.tables.attribute_count,
			!broken[i].attributes || broken[i].off == M_ATTRIBUTES + 4 ? 0 : 2);
		m_end(&st);
		free(m.p);
	}
}

/* Names in device paths: as long as they may be, with any characters, without an end. */
static void config_paths(void **state)
{
	struct machine m = m_new();
	CHAR16 name[600];
	struct steps st;
	uint64_t off;

	(void)state;
	for (size_t i = 0; i < COUNT(name); i++)
		name[i] = 0x20ac;
	name[1] = 0xd800; /* no character */
	off = m_node(&m, M_PATH, MEDIA_DEVICE_PATH, MEDIA_FILEPATH_DP, name, sizeof name);
	off = m_node(&m, off, MEDIA_DEVICE_PATH, MEDIA_FILEPATH_DP, name, sizeof name);
	m_end_node(&m, off);
	m_put64(&m, M_LOADED + 96 + 32, M_BASE + off); /* nothing but the end */
	run_steps(&st, &m);
	assert_int_equal(st.s.tables.debug_count, 2);
	assert_non_null(st.s.tables.debug[0].path);
	/* the second part would be too long */
	assert_int_equal(strlen(st.s.tables.debug[0].path), 3 * COUNT(name));
	assert_memory_equal(st.s.tables.debug[0].path, "\xe2\x82\xac\xef\xbf\xbd\xe2", 7);
	assert_null(st.s.tables.debug[1].path);
	m_end(&st);
	free(m.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pass_finds_images),
		cmocka_unit_test(pass_finds_roots),
		cmocka_unit_test(pass_finds_maps),
		cmocka_unit_test(pass_finds_signatures),
		cmocka_unit_test(pass_is_the_same_with_threads),
		cmocka_unit_test(pass_has_limits),
		cmocka_unit_test(pass_tells_progress),
		cmocka_unit_test(tables_are_chosen),
		cmocka_unit_test(tables_are_reported),
		cmocka_unit_test(tables_are_given),
		cmocka_unit_test(tables_without_code),
		cmocka_unit_test(tables_of_nothing),
		cmocka_unit_test(map_by_all_ways),
		cmocka_unit_test(map_before_anything),
		cmocka_unit_test(map_with_five_levels),
		cmocka_unit_test(map_that_maps_itself),
		cmocka_unit_test(map_by_processor),
		cmocka_unit_test(map_of_the_system),
		cmocka_unit_test(map_that_does_not_fit),
		cmocka_unit_test(map_that_is_given),
		cmocka_unit_test(map_that_disagrees),
		cmocka_unit_test(map_with_two_distances),
		cmocka_unit_test(map_of_circles),
		cmocka_unit_test(config_is_read),
		cmocka_unit_test(config_stands_in_for_a_map),
		cmocka_unit_test(config_may_be_overwritten),
		cmocka_unit_test(config_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
