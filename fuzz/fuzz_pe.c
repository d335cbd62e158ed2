/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Images: what was found right can be placed, moved and brought back, and every byte is
 * where the check said. Blocks are exactly as large as promised, so that a sanitizer sees
 * one byte too many.
 */
#include <stdlib.h>
#include <string.h>

#include "pe/pe_header.h"
#include "runtserv/pe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SIZE_MAX_TRIED (4U << 20) /* larger images cost time and try nothing new */
#define BASE_A         0x7f0012345000ULL
#define BASE_B         0xffffffff80001000ULL

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void count_bytes(void *ctx, const void *p, size_t n)
{
	volatile uint8_t byte = 0;

	for (size_t i = 0; i < n; i++)
		byte = ((const uint8_t *)p)[i];
	(void)byte;
	*(size_t *)ctx += n;
}

/* Fixups that overlap do not commute; then only bounds are checked. */
static bool overlap(const struct rts_pe_image *img, uint8_t *block, size_t count)
{
	size_t code = 0, want = 0, zeros = 0;
	struct rts_pe_section s;

	memset(block, 0xff, img->size);
	require(rts_pe_image_code(img, block, count_bytes, &code) == EFI_SUCCESS);
	for (unsigned i = 0; rts_pe_image_section(img, i, &s); i++)
		want += s.execute ? s.size : 0;
	require(code == want);
	for (size_t i = 0; i < img->size; i++)
		zeros += block[i] == 0;
	require(zeros <= count * 8);
	return zeros != count * 8;
}

static void place(const struct rts_pe_image *img)
{
	uint8_t *a = malloc(img->size), *b = malloc(img->size);
	size_t count = rts_pe_image_log(img, a, NULL, 0);
	uint64_t *log = malloc(count * sizeof *log + 1);
	bool apart = !overlap(img, a, count);
	const uint64_t from = img->fixed ? img->image_base : BASE_A;
	const uint64_t to = img->fixed ? img->image_base : BASE_B;

	require(count <= img->reloc.Size / 2);
	require(rts_pe_image_place(img, a, from, NULL) == EFI_SUCCESS);
	require(rts_pe_image_log(img, a, log, count) == count);
	require(rts_pe_image_move(img, a, from, to, apart ? log : NULL, NULL) ==
		EFI_SUCCESS);
	require(rts_pe_image_place(img, b, to, NULL) == EFI_SUCCESS);
	require(!apart || memcmp(a, b, img->size) == 0);
	require(rts_pe_image_move(img, a, to, from, NULL, NULL) == EFI_SUCCESS);
	require(rts_pe_image_place(img, b, from, NULL) == EFI_SUCCESS);
	require(!apart || memcmp(a, b, img->size) == 0);
	free(log);
	free(a);
	free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bytes file = {data, size};
	struct rts_pe_image img;
	struct rts_pe_section s;
	struct diag d = {0};
	uint64_t end = 0;
	uint16_t subsystem;
	EFI_STATUS status = rts_pe_image_read(file, &d, &img);

	if (status != EFI_SUCCESS) {
		require(d.text[0] != 0);
		(void)rts_pe_subsystem_read(file, &subsystem);
		return 0;
	}
	require(img.size != 0 && img.size <= RTS_PE_IMAGE_MAX && img.entry < img.size);
	require(img.section_align != 0 &&
		(img.section_align & (img.section_align - 1)) == 0);
	require(rts_pe_subsystem_read(file, &subsystem) && subsystem == img.subsystem);
	for (unsigned i = 0; rts_pe_image_section(&img, i, &s); i++) {
		require(s.start % img.section_align == 0);
		require(s.size == 0 || s.start >= end);
		require(s.start <= img.size && s.size <= img.size - s.start);
		end = s.size == 0 ? end : (uint64_t)s.start + s.size;
	}
	if (img.size <= SIZE_MAX_TRIED)
		place(&img);
	return 0;
}
