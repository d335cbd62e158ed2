/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Saved maps and inventories, as `memmap` reads them, and what is made of them: order,
 * sums, rules, lines, picture. A binary map must read the same at its size when told, and
 * when its descriptors are spread further apart.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/memmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PICTURE_MAX 200U /* descriptors; a picture is slow */

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void put_line(void *ctx, const char *line)
{
	require(strlen(line) < RTS_MAP_TEXT_MAX);
	++*(size_t *)ctx;
}

static void put_problem(void *ctx, size_t index, const char *text)
{
	const struct rts_map *m = ctx;

	require(index < m->n && *text != 0);
}

static void look_at(const struct memmap *m)
{
	const struct rts_map_summary s = rts_map_sum(&m->map);
	uint64_t descriptors = 0, lines = 0;
	struct diag d = {0};
	char *picture = NULL;
	size_t len;

	for (unsigned i = 0; i < RTS_MAP_TYPES; i++) {
		descriptors += s.by_type[i].descriptors;
		require(s.by_type[i].descriptors != 0 || s.by_type[i].pages == 0);
	}
	require(descriptors == m->map.n);
	require(s.free_run <= s.by_type[EfiConventionalMemory].pages);
	for (size_t i = 1; i < m->map.n; i++)
		require(m->map.d[m->map.order[i - 1]].PhysicalStart <=
			m->map.d[m->map.order[i]].PhysicalStart);
	(void)rts_map_check(&m->map, put_problem, (void *)&m->map);
	rts_map_print(&m->map, put_line, &lines);
	require(lines == m->map.n + 1);
	rts_map_print_summary(&s, put_line, &lines);
	if (m->map.n > PICTURE_MAX)
		return;
	require(memmap_svg(&m->map, &picture, &len, &d) == 0);
	require(len > 6 && memcmp(picture + len - 7, "</svg>\n", 7) == 0);
	free(picture);
}

/* The same descriptors, 16 bytes further apart. */
static void spread(const struct memmap *m, const uint8_t *data)
{
	const size_t size = m->descriptor_size + 16;
	uint8_t *p = calloc(m->map.n, size);
	struct memmap wide = {0};
	struct diag d = {0};

	for (size_t i = 0; i < m->map.n; i++)
		memcpy(p + i * size, data + i * m->descriptor_size, m->descriptor_size);
	require(memmap_read((struct bytes){p, m->map.n * size}, size, &wide, &d) == 0);
	require(wide.map.n == m->map.n &&
		memcmp(wide.map.order, m->map.order, m->map.n * sizeof *m->map.order) == 0);
	memmap_fini(&wide);
	free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bytes file = {data, size};
	struct memmap m = {0};
	struct diag d = {0};

	if (memmap_read(file, 0, &m, &d) < 0) {
		require(d.text[0] != 0 && m.map.d == NULL);
		return 0;
	}
	look_at(&m);
	if (m.descriptor_size != 0) {
		require(m.map.n * m.descriptor_size == size);
		if (m.map.n <= PICTURE_MAX)
			spread(&m, data);
	}
	memmap_fini(&m);
	return 0;
}
