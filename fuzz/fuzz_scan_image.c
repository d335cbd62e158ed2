/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Images in hostile memory beside hostile known ones. The input is a known file's length
 * (2 bytes), the known file, and memory; where the known file is an image, memory is what
 * loading it makes, changed at the places that the rest of the input says. Whatever comes
 * out lies in the image, and a file that was made can be loaded.
 */
#include "scan_fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BASE      0x7f000000ULL
#define MEM_MAX   (1U << 20) /* larger images cost time and try nothing new */
#define PATCH_LEN 4U         /* offset, value */

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check(struct scan *s, uint64_t size)
{
	struct scan_image img;
	struct scan_match m;
	struct rts_pe_image pe;
	uint64_t base, to;
	uint8_t *file;
	size_t len;

	(void)rts_scan_jump(s, BASE + 0x1000, &to);
	if (rts_scan_image_load(s, BASE, size, &img) != EFI_SUCCESS)
		return;
	require(!img.header || img.pe.size <= img.len);
	require(img.missing <= img.len);
	require(rts_scan_match(s, &img, &m) == EFI_SUCCESS);
	require((m.known != NULL) == (m.match != RTS_SCAN_UNKNOWN));
	require((m.differing == 0) == (m.match != RTS_SCAN_MATCH_MODIFIED));
	require(m.run_count <= SCAN_RUNS_MAX && m.run_count <= m.differing);
	for (size_t i = 0; i < m.run_count; i++)
		require(m.runs[i].len != 0 && m.runs[i].len <= m.differing);
	if (rts_scan_fixup_base(s, &img, BASE + 8, m.known, &base))
		require(base % EFI_PAGE_SIZE == BASE % EFI_PAGE_SIZE);
	if (rts_scan_image_file(s, &img, BASE + 8, m.known, &file, &len) == EFI_SUCCESS)
		require(rts_pe_image_read((struct bytes){file, len}, NULL, &pe) ==
				EFI_SUCCESS &&
			pe.machine == PE_MACHINE_X64);
	rts_scan_image_fini(&img);
}

/* Memory that @rest is, or that it makes of the image in @known. */
static size_t make_memory(struct bytes known, struct bytes rest, uint8_t **ret)
{
	struct rts_pe_image pe;
	size_t n = rest.n;

	if (rts_pe_image_read(known, NULL, &pe) != EFI_SUCCESS || pe.size > MEM_MAX) {
		*ret = malloc(n + (n == 0));
		require(*ret != NULL);
		if (n > 0)
			memcpy(*ret, rest.p, n);
		return n;
	}
	n = pe.size;
	*ret = malloc(n);
	require(*ret != NULL);
	(void)rts_pe_image_place(&pe, *ret, pe.fixed ? pe.image_base : BASE, NULL);
	for (size_t i = 0; i + PATCH_LEN <= rest.n; i += PATCH_LEN) {
		const size_t at = rest.p[i] | rest.p[i + 1] << 8 | rest.p[i + 2] << 16;

		(*ret)[at % n] = rest.p[i + 3];
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rts_scan_known known = {RTS_SCAN_KNOWN_FILE, "known", {0}};
	struct rts_scan_config config = {
		.hash = &fake_hash, .known = &known, .known_count = 1};
	struct rts_dump_piece piece = {.start = BASE};
	struct scan s = {.config = &config};
	struct bytes in = {data, size}, rest;
	uint8_t *memory;
	uint16_t len;

	if (!bytes_read(in, 0, &len, sizeof len) ||
	    !bytes_sub(in, sizeof len, len, &known.bytes) ||
	    !bytes_sub(in, sizeof len + len, size - sizeof len - len, &rest))
		return 0;
	piece.bytes.n = make_memory(known.bytes, rest, &memory);
	piece.bytes.p = memory;
	(void)rts_scan_known_read(&s);
	for (size_t i = 0; i < s.known_count; i++)
		if (s.known[i].pe.size > MEM_MAX)
			s.known_count = 0;
	if (piece.bytes.n != 0 &&
	    rts_dump_from_pieces(&piece, 1, NULL, &s.dump) == EFI_SUCCESS) {
		check(&s, 0);
		check(&s, piece.bytes.n);
	}
	fake_fini(&s);
	free(memory);
	return 0;
}
