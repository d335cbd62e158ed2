/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables, page tables and memory maps in memory that somebody tampered with: a machine as
 * it should be, and the input says which of its bytes are others. Whatever they are, lists
 * stay inside their limits, what is kept was checked, and addresses are physical ones.
 */
#include "scan_machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* Of the first byte; then 32 bits of address and count, and the bytes, many times. */
enum { PHYSICAL = 1, FIVE = 2, GIVEN = 4, CPU = 8, THREADS = 16 };

static struct machine tamper(struct bytes in)
{
	uint8_t how = 0;
	uint64_t off = 1;
	struct machine m;
	uint32_t where;
	struct bytes b;

	bytes_read(in, 0, &how, 1);
	m = (how & PHYSICAL) != 0 ? m_new_physical() : m_new();
	if ((how & FIVE) != 0)
		m.root = m_map_all(&m, 5);
	while (bytes_read(in, off, &where, sizeof where) &&
	       bytes_sub(in, off + sizeof where, where >> 20 & 0xff, &b)) {
		const uint64_t at = where % M_LEN;

		m_put(&m, at, b.p, b.n < M_LEN - at ? b.n : (size_t)(M_LEN - at));
		off += sizeof where + b.n;
		/* the upper bits: a right checksum for the tables */
		if (where >> 28 != 0) {
			m_seal(&m, M_RUNTIME, sizeof(EFI_RUNTIME_SERVICES));
			m_seal(&m, M_SYSTEM, sizeof(EFI_SYSTEM_TABLE));
		}
	}
	return m;
}

static void check_tables(const struct scan_tables *t)
{
	require(t->config_count <= SCAN_CONFIG_MAX);
	require(t->attribute_count <= SCAN_LIST_MAX && t->debug_count <= SCAN_LIST_MAX);
	require(!t->has_debug || t->debug_count > 0);
	for (size_t i = 0; i < t->attribute_count; i++) {
		const struct scan_attribute *a = &t->attribute[i];

		require(a->start % M_PAGE == 0 && a->pages != 0);
		require(a->pages <= (UINT64_MAX - a->start) / M_PAGE);
	}
	for (size_t i = 0; i < t->debug_count; i++) {
		const struct scan_debug_image *d = &t->debug[i];

		require(d->base % M_PAGE == 0 && d->base != 0);
		require(d->size != 0 && d->size <= SCAN_IMAGE_MAX);
		require(d->path == NULL || *d->path != 0);
	}
}

static void check_ways(struct scan *s)
{
	const struct rts_scan_report *r = s->report;
	uint64_t at;

	for (unsigned i = 0; i < RTS_SCAN_SERVICES && s->tables.has_runtime; i++)
		if (rts_scan_physical(s, s->tables.pointer[i], &at))
			require(at < 1ULL << 52);
	for (unsigned w = 0; w < RTS_SCAN_WAYS; w++) {
		require(r->ways[w].agrees + r->ways[w].disagrees <= RTS_SCAN_SERVICES);
		require(r->ways[w].available ||
			r->ways[w].agrees + r->ways[w].disagrees == 0);
	}
	require(s->map.has_root == (r->paging_levels != 0));
	for (size_t i = 0; i < r->region_count; i++) {
		require(r->regions[i].pages <= (UINT64_MAX - r->regions[i].start) / M_PAGE);
		require(i == 0 || r->regions[i].start > r->regions[i - 1].start);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t how = size > 0 ? data[0] : 0;
	struct machine m = tamper((struct bytes){data, size});
	struct rts_dump *dump = NULL;
	const struct rts_dump_piece pieces[] = {
		{.start = M_BASE,
		 .bytes = {m.p, M_CODE},
		 .has_virtual = (how & GIVEN) != 0,
		 .virtual_start = M_BASE + M_MOVE},
		{.start = M_BASE + M_CODE, .bytes = {m.p + M_CODE, M_LEN - M_CODE}},
	};
	struct rts_dump_info *info;
	struct steps st;

	require(rts_dump_from_pieces(pieces, 2, NULL, &dump) == EFI_SUCCESS);
	info = (void *)(uintptr_t)rts_dump_info(dump);
	if ((how & CPU) != 0) {
		info->cpu_count = 1;
		info->cpu[0].cr3 = m.root;
		info->cpu[0].cr4 = (how & FIVE) != 0 ? 1U << 12 : 0;
	}
	m_begin(&st, dump);
	st.config.threads = (how & THREADS) != 0 ? 3 : 1;
	st.config.runtime_services = (how & GIVEN) != 0 ? M_BASE + M_RUNTIME : 0;
	require(rts_scan_pass(&st.s) == EFI_SUCCESS);
	for (unsigned k = 0; k < SCAN_HITS; k++)
		for (size_t i = 0; i < st.s.hits[k].count; i++)
			require(st.s.hits[k].at[i] >= M_BASE &&
				st.s.hits[k].at[i] < M_BASE + M_LEN &&
				(i == 0 || st.s.hits[k].at[i] > st.s.hits[k].at[i - 1]));
	require(rts_scan_tables(&st.s) == EFI_SUCCESS);
	require(rts_scan_map(&st.s) == EFI_SUCCESS);
	require(rts_scan_config_tables(&st.s) == EFI_SUCCESS);
	check_tables(&st.s.tables);
	check_ways(&st.s);
	m_end(&st);
	free(m.p);
	return 0;
}
