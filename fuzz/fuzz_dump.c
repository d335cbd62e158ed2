/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory images: whatever the bytes are, the ranges are in order and inside bounds, and a
 * view of memory agrees with reading it and with where it lies in the file. Each input is
 * tried as an image, as a vmem, and as the vmss of one.
 */
#include <stdlib.h>
#include <string.h>

#include "runtserv/dump.h"

#define PAGE      ((size_t)4096)
#define BUF_LEN   (4 * PAGE)
#define RANGES    64U /* looked into, of each image */
#define ADDRESSES (1ULL << 56)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* Memory at @at: seen in both ways. */
static void check_at(struct rts_dump *dump, struct bytes file, uint64_t at, uint64_t left)
{
	uint8_t *buf = malloc(BUF_LEN), *got = malloc(BUF_LEN);
	struct bytes view;
	uint64_t off;
	size_t n;

	require(buf != NULL && got != NULL);
	view = rts_dump_view(dump, at, buf, BUF_LEN);
	require(view.n <= BUF_LEN && view.n <= left);
	n = rts_dump_read(dump, at, got, view.n != 0 ? view.n : 1);
	require(n == view.n && (n == 0 || memcmp(got, view.p, n) == 0));
	if (rts_dump_file_offset(dump, at, &off))
		require(off < file.n && file.n - off >= view.n && view.p == file.p + off);
	free(buf);
	free(got);
}

static void check_dump(struct rts_dump *dump, struct bytes file)
{
	const struct rts_dump_info *info = rts_dump_info(dump);
	size_t count = rts_dump_range_count(dump);
	uint64_t sum = 0, end = 0;
	struct rts_dump_page page;
	uint8_t byte;

	require(count > 0 && rts_dump_range(dump, count) == NULL);
	require(memchr(info->machine, 0, sizeof info->machine) != NULL);
	require(info->cpu_count <= RTS_DUMP_CPUS_MAX);
	require(info->problem == NULL || *info->problem != 0);
	for (size_t i = 0; i < count; i++) {
		const struct rts_dump_range *r = rts_dump_range(dump, i);

		require(r->len > 0 && r->start >= end && r->start < ADDRESSES &&
			r->len <= ADDRESSES - r->start);
		require(i == 0 || rts_dump_range_find(dump, r->start - 1) ==
					  (end == r->start ? i - 1 : i));
		end = r->start + r->len;
		sum += r->len;
		require(rts_dump_range_find(dump, r->start) == i &&
			rts_dump_range_find(dump, end - 1) == i);
		if (i >= RANGES)
			continue;
		for (uint64_t at = r->start; at < end && at - r->start < 8 * PAGE;
		     at += PAGE)
			check_at(dump, file, at, end - at);
		check_at(dump, file, end - 1, 1);
		check_at(dump, file, r->start + r->len / 2, end - r->start - r->len / 2);
	}
	require(sum == info->bytes && end == info->end);
	require(rts_dump_read(dump, end, &byte, 1) == 0);
	for (unsigned i = 0; i < 8; i++)
		(void)rts_dump_walk(dump, info->cpu[0].cr3, 4 + i % 2,
				    (uint64_t)i << (i * 5), &page);
}

static void check_open(struct bytes file, struct bytes meta, bool vmem)
{
	struct rts_dump *dump = NULL;
	struct diag d = {0};
	EFI_STATUS status = vmem ? rts_dump_open_vmem(file, meta, &d, &dump)
				 : rts_dump_open(file, meta, &d, &dump);

	if (status != EFI_SUCCESS)
		require(dump == NULL && d.text[0] != 0);
	else
		check_dump(dump, file);
	rts_dump_free(dump);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t vmem[8 * PAGE];
	struct bytes input = {data, size}, none = {0};

	check_open(input, none, false);
	check_open(input, none, true);
	check_open((struct bytes){vmem, sizeof vmem}, input, false);
	return 0;
}
