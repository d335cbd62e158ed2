/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page tables: a machine's memory is a row of tables in one piece; each case sets some
 * entries and asks for one address.
 */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "runtserv/dump.h"

#define P               1ULL
#define W               2ULL
#define U               4ULL
#define A               0x20ULL /* accessed: of no meaning here */
#define PS              0x80ULL
#define PAT             0x1000ULL
#define KEY             (0xfULL << 59)
#define NX              (1ULL << 63)
#define PWU             (P | W | U)
#define GiB             (1ULL << 30)
#define BASE            0x100000ULL /* tables, a page each */
#define COUNT_OF_TABLES 6

/* @n-th table, with these bits. */
#define T(n, bits) ((BASE + (n)*0x1000ULL) | (bits))

struct entry {
	unsigned table;
	unsigned index;
	uint64_t value;
};

/* An address with these indices, from the fourth level down. */
#define VA(l4, l3, l2, l1, off)                                               \
	((uint64_t)(l4) << 39 | (uint64_t)(l3) << 30 | (uint64_t)(l2) << 21 | \
	 (uint64_t)(l1) << 12 | (off))
#define HIGH 0xffff000000000000ULL

static const struct {
	const char *name;
	unsigned levels;
	uint64_t root;
	struct entry entries[5];
	uint64_t va;
	EFI_STATUS status;
	struct rts_dump_page page;
} cases[] = {
	{"4 KiB",
	 4,
	 T(0, 0),
	 {{0, 1, T(1, PWU)}, {1, 2, T(2, PWU)}, {2, 3, T(3, PWU)}, {3, 4, 0x7654000 | PWU}},
	 VA(1, 2, 3, 4, 0x321),
	 EFI_SUCCESS,
	 {0x7654321, 0x1000, true, true, true}},
	{"2 MiB",
	 4,
	 T(0, 0),
	 {{0, 1, T(1, PWU)}, {1, 2, T(2, PWU)}, {2, 3, 0x7600000 | PWU | PS}},
	 VA(1, 2, 3, 4, 0x321),
	 EFI_SUCCESS,
	 {0x7604321, 0x200000, true, true, true}},
	{"1 GiB",
	 4,
	 T(0, 0),
	 {{0, 1, T(1, PWU)}, {1, 2, 5 * GiB | PWU | PS}},
	 VA(1, 2, 3, 4, 0x321),
	 EFI_SUCCESS,
	 {5 * GiB + 0x604321, GiB, true, true, true}},
	{"last address",
	 4,
	 T(0, 0),
	 {{0, 511, T(1, PWU)},
	  {1, 511, T(2, PWU)},
	  {2, 511, T(3, PWU)},
	  {3, 511, 0x9000 | PWU}},
	 UINT64_MAX,
	 EFI_SUCCESS,
	 {0x9fff, 0x1000, true, true, true}},
	{"upper half",
	 4,
	 T(0, 0),
	 {{0, 256, T(1, PWU)}, {1, 0, T(2, PWU)}, {2, 0, T(3, PWU)}, {3, 0, 0x9000 | PWU}},
	 HIGH | VA(256, 0, 0, 0, 1),
	 EFI_SUCCESS,
	 {0x9001, 0x1000, true, true, true}},
	{"five levels",
	 5,
	 T(4, 0),
	 {{4, 3, T(0, PWU)},
	  {0, 1, T(1, PWU)},
	  {1, 2, T(2, PWU)},
	  {2, 3, T(3, PWU)},
	  {3, 4, 0x7654000 | PWU}},
	 3ULL << 48 | VA(1, 2, 3, 4, 0x321),
	 EFI_SUCCESS,
	 {0x7654321, 0x1000, true, true, true}},
	{"five levels, upper half",
	 5,
	 T(4, 0),
	 {{4, 272, T(0, PWU)},
	  {0, 1, T(1, PWU)},
	  {1, 2, T(2, PWU)},
	  {2, 3, 0x7600000 | PWU | PS}},
	 0xff10ULL << 48 | VA(1, 2, 3, 4, 0x321),
	 EFI_SUCCESS,
	 {0x7604321, 0x200000, true, true, true}},
	{"highest physical address",
	 4,
	 T(0, 0),
	 {{0, 0, T(1, PWU)},
	  {1, 0, T(2, PWU)},
	  {2, 0, T(3, PWU)},
	  {3, 0, 0x000ffffffffff000 | PWU}},
	 0xabc,
	 EFI_SUCCESS,
	 {0x000ffffffffffabc, 0x1000, true, true, true}},
	{"bits that do not matter",
	 4,
	 T(0, 0xfff),
	 {{0, 0, T(1, PWU | A | KEY)},
	  {1, 0, T(2, PWU | 0xf00)},
	  {2, 0, T(3, PWU | 0x70ULL << 52)},
	  {3, 0, 0x9000 | PWU | PS | KEY}},
	 1,
	 EFI_SUCCESS,
	 {0x9001, 0x1000, true, true, true}},
	{"bits of CR3 above the address",
	 4,
	 T(0, 1ULL << 63 | 1ULL << 61),
	 {{0, 0, T(1, PWU)}, {1, 0, GiB | PWU | PS}},
	 1,
	 EFI_SUCCESS,
	 {GiB + 1, GiB, true, true, true}},
	{"PAT of a large page",
	 4,
	 T(0, 0),
	 {{0, 0, T(1, PWU)}, {1, 0, GiB | PWU | PS | PAT}},
	 1,
	 EFI_SUCCESS,
	 {GiB + 1, GiB, true, true, true}},
	{"rights: each table may take them",
	 4,
	 T(0, 0),
	 {{0, 0, T(1, P | U)},
	  {1, 0, T(2, P | W)},
	  {2, 0, T(3, PWU | NX)},
	  {3, 0, 0x9000 | PWU}},
	 0,
	 EFI_SUCCESS,
	 {0x9000, 0x1000, false, false, false}},
	{"rights: the page's own",
	 4,
	 T(0, 0),
	 {{0, 0, T(1, PWU)}, {1, 0, T(2, PWU)}, {2, 0, 0x200000 | P | PS | NX}},
	 0,
	 EFI_SUCCESS,
	 {0x200000, 0x200000, false, false, false}},
	{"a table that is its own",
	 4,
	 T(0, 0),
	 {{0, 0, T(0, PWU)}},
	 7,
	 EFI_SUCCESS,
	 {BASE + 7, 0x1000, true, true, true}},
	{"a table that is its own, five times",
	 5,
	 T(0, 0),
	 {{0, 0, T(0, PWU)}},
	 7,
	 EFI_SUCCESS,
	 {BASE + 7, 0x1000, true, true, true}},
	{"not present: top",
	 4,
	 T(0, 0),
	 {{0, 1, T(1, PWU)}},
	 VA(0, 0, 0, 0, 0),
	 EFI_NOT_FOUND,
	 {0}},
	{"not present: page",
	 4,
	 T(0, 0),
	 {{0, 0, T(1, PWU)}, {1, 0, T(2, PWU)}, {2, 0, T(3, PWU)}, {3, 0, 0x9000 | W | U}},
	 0,
	 EFI_NOT_FOUND,
	 {0}},
	{"not present: the rest may be anything",
	 4,
	 T(0, 0),
	 {{0, 0, ~P}},
	 0,
	 EFI_NOT_FOUND,
	 {0}},
	{"not canonical",
	 4,
	 T(0, 0),
	 {{0, 256, T(0, PWU)}},
	 1ULL << 47,
	 EFI_NOT_FOUND,
	 {0}},
	{"not canonical: too low",
	 4,
	 T(0, 0),
	 {{0, 255, T(0, PWU)}},
	 HIGH | VA(255, 0, 0, 0, 0),
	 EFI_NOT_FOUND,
	 {0}},
	{"not canonical: of five levels",
	 4,
	 T(0, 0),
	 {{0, 0, T(0, PWU)}},
	 1ULL << 48,
	 EFI_NOT_FOUND,
	 {0}},
	{"not canonical with five levels",
	 5,
	 T(0, 0),
	 {{0, 256, T(0, PWU)}},
	 1ULL << 56,
	 EFI_NOT_FOUND,
	 {0}},
	{"no table at the root", 4, 0x5000, {{0}}, 0, EFI_NO_MEDIA, {0}},
	{"no table: below",
	 4,
	 T(0, 0),
	 {{0, 0, T(1, PWU)}, {1, 0, T(2, PWU)}, {2, 0, 0x0000ffff00000000 | PWU}},
	 0,
	 EFI_NO_MEDIA,
	 {0}},
	{"no table: at the very end of addresses",
	 4,
	 T(0, 0),
	 {{0, 0, 0x000ffffffffff000 | PWU}},
	 VA(0, 511, 0, 0, 0),
	 EFI_NO_MEDIA,
	 {0}},
	{"half a table",
	 4,
	 T(5, 0),
	 {{5, 0, T(5, PWU)}},
	 VA(300, 0, 0, 0, 0) | HIGH,
	 EFI_NO_MEDIA,
	 {0}},
	{"reserved: size at the fourth level",
	 4,
	 T(0, 0),
	 {{0, 0, T(1, PWU | PS)}},
	 0,
	 EFI_VOLUME_CORRUPTED,
	 {0}},
	{"reserved: size at the fifth level",
	 5,
	 T(0, 0),
	 {{0, 0, T(1, PWU | PS)}},
	 0,
	 EFI_VOLUME_CORRUPTED,
	 {0}},
	{"reserved: 1 GiB page",
	 4,
	 T(0, 0),
	 {{0, 0, T(1, PWU)}, {1, 0, GiB | 1 << 29 | PWU | PS}},
	 0,
	 EFI_VOLUME_CORRUPTED,
	 {0}},
	{"reserved: 2 MiB page",
	 4,
	 T(0, 0),
	 {{0, 0, T(1, PWU)}, {1, 0, T(2, PWU)}, {2, 0, 0x202000 | PWU | PS}},
	 0,
	 EFI_VOLUME_CORRUPTED,
	 {0}},
	{"three levels", 3, T(0, 0), {{0, 0, T(0, PWU)}}, 0, EFI_INVALID_PARAMETER, {0}},
	{"six levels", 6, T(0, 0), {{0, 0, T(0, PWU)}}, 0, EFI_INVALID_PARAMETER, {0}},
};

static void t_walk(void **state)
{
	/* the last table lacks its second half */
	const size_t len = COUNT_OF_TABLES * 0x1000 - 0x800;
	uint8_t *tables = malloc(len);
	struct rts_dump_piece piece = {BASE, {tables, len}, false, 0};

	(void)state;
	assert_non_null(tables);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rts_dump_page page = {.physical = 42};
		struct rts_dump *dump = NULL;

		print_message("# %s\n", cases[i].name);
		memset(tables, 0, len);
		for (size_t k = 0; k < COUNT(cases[i].entries); k++) {
			const struct entry *e = &cases[i].entries[k];

			memcpy(tables + e->table * 0x1000UL + e->index * 8UL, &e->value,
			       e->value != 0 ? 8 : 0);
		}
		assert_int_equal(rts_dump_from_pieces(&piece, 1, NULL, &dump), EFI_SUCCESS);
		assert_int_equal(rts_dump_walk(dump, cases[i].root, cases[i].levels,
					       cases[i].va, &page),
				 cases[i].status);
		if (cases[i].status == EFI_SUCCESS) {
			assert_int_equal(page.physical, cases[i].page.physical);
			assert_int_equal(page.page_len, cases[i].page.page_len);
			assert_int_equal(page.write, cases[i].page.write);
			assert_int_equal(page.execute, cases[i].page.execute);
			assert_int_equal(page.user, cases[i].page.user);
		} else {
			assert_int_equal(page.physical, 42);
		}
		rts_dump_free(dump);
	}
	free(tables);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(t_walk)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
