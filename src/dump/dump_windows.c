/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Windows' 64-bit crash dumps: full ones, whose pages follow the header in the order of its
 * list of runs, and those with a bitmap of their pages (full, active, and kernel memory).
 * They hold what Windows manages; the firmware's own memory is usually not among it.
 */
#include <string.h>

#include "dump/dump_priv.h"

/* DUMP_HEADER64 */
#define DTB_AT     0x10U
#define MACHINE_AT 0x30U
#define RUNS_AT    0x88U
#define RUN_AT     0x98U
#define CONTEXT_AT 0x348U /* where the list of runs has to end */
#define TYPE_AT    0xf98U
#define HEADER_LEN 0x2000U
#define TYPE_FULL  1U
#define RUNS_MAX   ((CONTEXT_AT - RUN_AT) / sizeof(struct run))
#define PAGE_LEN   0x1000U
#define PAGES_MAX  (DUMP_ADDRESS_END / PAGE_LEN)

struct run {
	uint64_t page;
	uint64_t count;
};

/* Behind the header of a dump with a bitmap. */
struct bitmap_header {
	char signature[8]; /* "SDMPDUMP" or "FDMPDUMP" */
	uint8_t options[24];
	uint64_t first_page; /* its offset in the file */
	uint64_t page_count;
	uint64_t bit_count;
};
_Static_assert(sizeof(struct bitmap_header) == 0x38, "the bitmap follows");

static EFI_STATUS read_runs(struct rts_dump *dump, struct diag *d)
{
	EFI_STATUS status = EFI_SUCCESS;
	uint64_t off = HEADER_LEN;
	uint32_t count;

	if (!bytes_read(dump->file, RUNS_AT, &count, sizeof count) || count > RUNS_MAX)
		return diag(d, EFI_LOAD_ERROR,
			    "%u runs of pages, and the header has room for %zu", count,
			    RUNS_MAX);
	for (uint32_t i = 0; i < count && status == EFI_SUCCESS; i++) {
		struct rts_dump_range r = {0};
		struct run run;

		(void)bytes_read(dump->file, RUN_AT + i * sizeof run, &run, sizeof run);
		if (run.page >= PAGES_MAX || run.count > PAGES_MAX) {
			dump_problem(dump,
				     "run %u: pages %#llx+%#llx are beyond any machine's",
				     i, (unsigned long long)run.page,
				     (unsigned long long)run.count);
			break; /* where the next one's pages lie is not known */
		}
		r.start = run.page * PAGE_LEN;
		r.len = run.count * PAGE_LEN;
		status = dump_add(dump, "run", i, r, off);
		off += r.len;
	}
	return status;
}

struct bitmap_read {
	struct rts_dump *dump;
	uint64_t off; /* of the next page */
	uint64_t no;
};

static EFI_STATUS add_run(void *arg, uint64_t first, uint64_t count)
{
	struct bitmap_read *b = arg;
	struct rts_dump_range r = {.start = first * PAGE_LEN, .len = count * PAGE_LEN};
	uint64_t off = b->off;

	b->off += r.len;
	return dump_add(b->dump, "run", b->no++, r, off);
}

static EFI_STATUS read_bitmap(struct rts_dump *dump, const struct bitmap_header *h,
			      struct diag *d)
{
	struct bitmap_read read = {.dump = dump, .off = h->first_page};
	struct dump_bitmap b = {.end = h->bit_count, .run = add_run, .arg = &read};
	uint64_t at = HEADER_LEN + sizeof *h,
		 len = h->bit_count / 8 + (h->bit_count % 8 != 0);
	struct bytes bits;
	EFI_STATUS status;

	if (h->first_page > dump->file.n)
		return diag(
			d, EFI_LOAD_ERROR,
			"the first page, at %#llx, lies past the end of the file (%#zx)",
			(unsigned long long)h->first_page, dump->file.n);
	if (!bytes_sub(dump->file, at, len, &bits)) {
		(void)bytes_sub(dump->file, at, dump->file.n - at, &bits);
		dump_problem(
			dump,
			"the bitmap of %#llx pages, at %#llx, lies past the end of the "
			"file (%#zx)",
			(unsigned long long)h->bit_count, (unsigned long long)at,
			dump->file.n);
	}
	status = dump_bitmap_add(&b, 0, bits);
	return status == EFI_SUCCESS ? dump_bitmap_end(&b) : status;
}

EFI_STATUS dump_windows(struct rts_dump *dump, struct diag *d)
{
	uint32_t machine, type;
	struct bitmap_header h;
	uint64_t dtb;

	if (!bytes_read(dump->file, TYPE_AT, &type, sizeof type))
		return diag(d, EFI_LOAD_ERROR, "a header of %#zx bytes, want %#x",
			    dump->file.n, HEADER_LEN);
	(void)bytes_read(dump->file, DTB_AT, &dtb, sizeof dtb);
	(void)bytes_read(dump->file, MACHINE_AT, &machine, sizeof machine);
	dump_machine(dump, machine == 0x8664   ? "x86-64"
			   : machine == 0xaa64 ? "aarch64"
					       : "unknown");
	dump_cpu(dump, dtb, 0);
	dump->info.os_ranges = true;
	if (type == TYPE_FULL)
		return read_runs(dump, d);
	if (!bytes_read(dump->file, HEADER_LEN, &h, sizeof h) ||
	    (memcmp(h.signature, "SDMPDUMP", 8) != 0 &&
	     memcmp(h.signature, "FDMPDUMP", 8) != 0))
		return diag(
			d, EFI_UNSUPPORTED,
			"a Windows dump of type %u without a bitmap of its pages at %#x",
			type, HEADER_LEN);
	dump->info.format = RTS_DUMP_WINDOWS_BITMAP;
	return read_bitmap(dump, &h, d);
}
