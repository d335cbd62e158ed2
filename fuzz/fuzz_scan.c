/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole scans of small machines with changes. The input says which machine (1 byte), how it
 * is scanned (1 byte), and then what is changed: a part of memory and the lowest bits of an
 * address (1 byte), the other bits (2 bytes), how many bytes (1 byte), and the bytes.
 */
#include "scan_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHANGES_MAX 512U

static const struct synth_options kinds[] = {
	{.shell = false},
	{.shell = true},
	{.noruntime = true},
	{.la57 = true},
	{.split = true, .no_map = true},
	{.no_pages = true},
	{.windows = true},
	{.windows = true, .split = true},
};
#define KINDS (sizeof kinds / sizeof *kinds)

enum { SEAL = 1, EXTRACT = 2, KNOWN = 4, DUMP = 8, LIVE = 16 };

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* Built once, and brought back after each input. */
static struct synth *machine(unsigned kind)
{
	static struct {
		struct synth m;
		uint8_t *fresh;
	} all[KINDS];

	if (all[kind].fresh == NULL) {
		synth_new(&all[kind].m, &kinds[kind]);
		synth_hand_over(&all[kind].m);
		all[kind].fresh = malloc(all[kind].m.len);
		require(all[kind].fresh != NULL);
		memcpy(all[kind].fresh, all[kind].m.ram, all[kind].m.len);
	}
	memcpy(all[kind].m.ram, all[kind].fresh, all[kind].m.len);
	return &all[kind].m;
}

static void change(struct synth *m, struct bytes input)
{
	static const unsigned areas[8] = {DATA, CODE, BOOT, KERNEL, DATA, CODE, FREE, HIGH};
	uint64_t off = 0;

	for (unsigned i = 0; i < CHANGES_MAX; i++) {
		const struct synth_area *a;
		uint8_t head[4];
		struct bytes value;
		uint64_t used, pa;

		if (!bytes_read(input, off, head, sizeof head))
			return;
		off += sizeof head;
		value.n = head[3] % 48 + 1;
		if (!bytes_sub(input, off, value.n, &value))
			return;
		off += value.n;
		a = &m->area[areas[head[0] & 7]];
		used = a->next - a->start;
		used = used < SYNTH_PAGE ? SYNTH_PAGE : used;
		pa = (head[1] | (uint64_t)head[2] << 8) * 8 % (used - 64) + (head[0] >> 5);
		put(m, a->start + pa, value.p, value.n);
	}
}

/* The tables' checksums, where their length is still theirs. */
static void seal(struct synth *m)
{
	if (get32(m, m->rt + offsetof(EFI_TABLE_HEADER, HeaderSize)) == 136)
		synth_seal(m, m->rt);
	if (get32(m, m->st + offsetof(EFI_TABLE_HEADER, HeaderSize)) == 120)
		synth_seal(m, m->st);
}

static EFI_STATUS open_dump(const struct synth *m, unsigned how, struct blob *image,
			    struct rts_dump **ret)
{
	const struct rts_dump_piece pieces[2] = {
		{.start = 0, .bytes = {m->ram, m->area[DATA].start}},
		{.start = m->area[DATA].start,
		 .bytes = {m->ram + m->area[DATA].start, m->len - m->area[DATA].start},
		 .has_virtual = true,
		 .virtual_start = m->area[DATA].start + m->area[DATA].delta},
	};

	if ((how & LIVE) != 0)
		return rts_dump_from_pieces(pieces, 2, NULL, ret);
	if ((how & DUMP) == 0)
		return rts_dump_open((struct bytes){m->ram, m->len}, (struct bytes){0},
				     NULL, ret);
	*image = synth_windows_dump(m, 1U << DATA | 1U << CODE);
	return rts_dump_open((struct bytes){image->p, image->n}, (struct bytes){0}, NULL,
			     ret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rts_scan_report *report = NULL;
	struct rts_scan_config config = {.hash = &synth_hash_ops};
	struct rts_scan_known known = {.name = "firmware.fd"};
	struct blob image = {0};
	struct synth *m;
	EFI_STATUS status;

	if (size < 2)
		return 0;
	m = machine(data[0] % KINDS);
	change(m, (struct bytes){data + 2, size - 2});
	if ((data[1] & SEAL) != 0)
		seal(m);
	known.bytes = (struct bytes){m->firmware.p, m->firmware.n};
	config.known = &known;
	config.known_count = (data[1] & KNOWN) != 0;
	config.extract = (data[1] & EXTRACT) != 0;
	require(open_dump(m, data[1], &image, &config.dump) == EFI_SUCCESS);
	status = rts_scan_run(&config, NULL, &report);
	require(status == EFI_SUCCESS || status == EFI_NOT_FOUND);
	require(synth_wrong(report) == NULL);
	rts_scan_report_free(report);
	rts_dump_free(config.dump);
	free(image.p);
	return 0;
}
