/* SPDX-License-Identifier: BSD-2-Clause */
/* Jumps as hooks write them: where each leads, and what is none. */
#include "test.h"

#include <stdio.h>

#include "scan_fake.h"

#define BASE   0x10000000ULL
#define LEN    0x4000U
#define VA     0xffffffffee000000ULL
#define TARGET (VA + 0x2468)

struct code {
	const char *name;
	const char *bytes;
	size_t n;
	unsigned hops;
	uint64_t target;
};
#define CODE(bytes) (bytes), sizeof(bytes) - 1

/* At VA + 0x1000. */
static const struct code cases[] = {
	{"nothing", CODE("\x55\x48\x89\xe5\xc3"), 0, 0},
	{"ret", CODE("\xc3"), 0, 0},
	{"call is no jump", CODE("\xe8\x00\x10\x00\x00"), 0, 0},
	{"jcc is no jump", CODE("\x74\x10"), 0, 0},
	{"rel32", CODE("\xe9\x63\x14\x00\x00"), 1, TARGET},
	{"rel32 backwards", CODE("\xe9\xfb\xf7\xff\xff"), 1, VA + 0x800},
	{"rel8", CODE("\xeb\x10"), 1, VA + 0x1012},
	{"rel8 backwards", CODE("\xeb\xf0"), 1, VA + 0xff2},
	{"rex rel32", CODE("\x48\xe9\x62\x14\x00\x00"), 1, TARGET},
	{"bnd rel32", CODE("\xf2\xe9\x62\x14\x00\x00"), 1, TARGET},
	{"through a pointer",
	 CODE("\xff\x25\x02\x00\x00\x00\x90\x90\x68\x24\x00\xee\xff\xff\xff\xff"), 1,
	 TARGET},
	{"through a pointer behind it",
	 CODE("\xff\x25\x00\x00\x00\x00\x68\x24\x00\xee\xff\xff\xff\xff"), 1, TARGET},
	{"rex through a pointer",
	 CODE("\x48\xff\x25\x00\x00\x00\x00\x68\x24\x00\xee\xff\xff\xff\xff"), 1, TARGET},
	{"notrack through a pointer",
	 CODE("\x3e\xff\x25\x00\x00\x00\x00\x68\x24\x00\xee\xff\xff\xff\xff"), 1, TARGET},
	{"through memory that is not there", CODE("\xff\x25\x00\x00\x10\x00"), 0, 0},
	{"through a register's pointer", CODE("\xff\x20"), 0, 0},
	{"mov rax, jmp rax", CODE("\x48\xb8\x68\x24\x00\xee\xff\xff\xff\xff\xff\xe0"), 1,
	 TARGET},
	{"mov rdi, jmp rdi", CODE("\x48\xbf\x68\x24\x00\xee\xff\xff\xff\xff\xff\xe7"), 1,
	 TARGET},
	{"mov r8, jmp r8", CODE("\x49\xb8\x68\x24\x00\xee\xff\xff\xff\xff\x41\xff\xe0"), 1,
	 TARGET},
	{"mov r15, nop, jmp r15",
	 CODE("\x49\xbf\x68\x24\x00\xee\xff\xff\xff\xff\x90\x41\xff\xe7"), 1, TARGET},
	{"mov rax, rex jmp rax",
	 CODE("\x48\xb8\x68\x24\x00\xee\xff\xff\xff\xff\x48\xff\xe0"), 1, TARGET},
	{"mov rax, jmp rcx", CODE("\x48\xb8\x68\x24\x00\xee\xff\xff\xff\xff\xff\xe1"), 0,
	 0},
	{"mov r8, jmp rax", CODE("\x49\xb8\x68\x24\x00\xee\xff\xff\xff\xff\xff\xe0"), 0, 0},
	{"mov rax, jmp r8", CODE("\x48\xb8\x68\x24\x00\xee\xff\xff\xff\xff\x41\xff\xe0"), 0,
	 0},
	{"mov rax, call rax", CODE("\x48\xb8\x68\x24\x00\xee\xff\xff\xff\xff\xff\xd0"), 0,
	 0},
	{"mov eax, jmp rax", CODE("\xb8\x78\x56\x34\x92\xff\xe0"), 1, 0x92345678},
	{"push, ret", CODE("\x68\x68\x24\x00\xee\xc3"), 1, TARGET},
	{"push, mov of the upper half, ret",
	 CODE("\x68\x78\x56\x34\x92\xc7\x44\x24\x04\x01\x00\x00\x00\xc3"), 1, 0x192345678},
	{"push, mov elsewhere, ret",
	 CODE("\x68\x78\x56\x34\x92\xc7\x44\x24\x08\x01\x00\x00\x00\xc3"), 0, 0},
	{"push, call", CODE("\x68\x68\x24\x00\xee\xe8\x00\x00\x00\x00"), 0, 0},
	{"landing pad", CODE("\xf3\x0f\x1e\xfa\xe9\x5f\x14\x00\x00"), 1, TARGET},
	{"landing pad, code", CODE("\xf3\x0f\x1e\xfa\x55\xe9\x5e\x14\x00\x00"), 0, 0},
	{"nop", CODE("\x90\xe9\x62\x14\x00\x00"), 1, TARGET},
	{"two bytes of nop", CODE("\x66\x90\xe9\x61\x14\x00\x00"), 1, TARGET},
	{"nop [rax]", CODE("\x0f\x1f\x00\xe9\x60\x14\x00\x00"), 1, TARGET},
	{"nop [rax+8]", CODE("\x0f\x1f\x40\x00\xe9\x5f\x14\x00\x00"), 1, TARGET},
	{"nop [rax+rax+8]", CODE("\x0f\x1f\x44\x00\x00\xe9\x5e\x14\x00\x00"), 1, TARGET},
	{"nop [rax+32]", CODE("\x0f\x1f\x80\x00\x00\x00\x00\xe9\x5c\x14\x00\x00"), 1,
	 TARGET},
	{"nop [rax+rax+32]", CODE("\x0f\x1f\x84\x00\x00\x00\x00\x00\xe9\x5b\x14\x00\x00"),
	 1, TARGET},
	{"nop [rax+32] by sib",
	 CODE("\x0f\x1f\x04\x25\x00\x00\x00\x00\xe9\x5b\x14\x00\x00"), 1, TARGET},
	{"nop [rip+32]", CODE("\x0f\x1f\x05\x00\x00\x00\x00\xe9\x5c\x14\x00\x00"), 1,
	 TARGET},
	{"nop eax", CODE("\x0f\x1f\xc0\xe9\x60\x14\x00\x00"), 1, TARGET},
	{"long nop",
	 CODE("\x66\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00\xe9\x58\x14\x00\x00"), 1,
	 TARGET},
	{"two jumps", CODE("\xeb\x02\xcc\xcc\xe9\x5f\x14\x00\x00"), 2, TARGET},
	{"itself", CODE("\xeb\xfe"), 4, VA + 0x1000},
	{"five jumps", CODE("\xeb\x00\xeb\x00\xeb\x00\xeb\x00\xeb\x00"), 4, VA + 0x1008},
	{"31 nops",
	 CODE("\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90"
	      "\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\xeb\x10"),
	 0, 0},
	{"30 nops",
	 CODE("\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90"
	      "\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\xeb\x10"),
	 1, VA + 0x1030},
};

static void scan_init(struct scan *s, const uint8_t *mem, size_t n)
{
	const struct rts_dump_piece piece = {.start = BASE, .bytes = {mem, n}};

	*s = (struct scan){.d = NULL};
	assert_int_equal(rts_dump_from_pieces(&piece, 1, NULL, &s->dump), EFI_SUCCESS);
	fake.distance = VA - BASE;
}

static void t_jumps(void **state)
{
	static uint8_t mem[LEN];
	struct scan s;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t at = 42;
		unsigned hops;

		memset(mem, 0xcc, sizeof mem);
		memcpy(mem + 0x1000, cases[i].bytes, cases[i].n);
		scan_init(&s, mem, sizeof mem);
		hops = rts_scan_jump(&s, VA + 0x1000, &at);
		if (hops != cases[i].hops || at != (hops != 0 ? cases[i].target : 42))
			fail_msg("%s: %u jumps to %#llx", cases[i].name, hops,
				 (unsigned long long)at);
		fake_fini(&s);
	}
}

/* Each case cut short by the end of memory is none, and nothing behind the end is read; one
 * that lies on two pages is the same. */
static void t_borders(void **state)
{
	static uint8_t mem[LEN];
	struct scan s;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t n = 0; n <= cases[i].n; n++) {
			/* not test_malloc(), which puts a guard of its own behind it */
			uint8_t *cut = malloc(0x1000 + n);
			uint64_t at = 42, physical = 42;
			unsigned hops, split;

			assert_non_null(cut);
			memset(cut, 0xcc, 0x1000);
			memcpy(cut + 0x1000, cases[i].bytes, n);
			scan_init(&s, cut, 0x1000 + n);
			hops = rts_scan_jump(&s, VA + 0x1000, &at);
			assert_true(hops <= cases[i].hops);
			fake_fini(&s);
			free(cut);

			/* relative ones move along, absolute ones do not */
			memset(mem, 0xcc, sizeof mem);
			memcpy(mem + 0x1000 - n, cases[i].bytes, cases[i].n);
			scan_init(&s, mem, sizeof mem);
			split = rts_scan_jump(&s, VA + 0x1000 - n, &physical);
			assert_int_equal(split, cases[i].hops);
			if (split != 0 && physical != cases[i].target)
				assert_int_equal(physical, cases[i].target - n);
			fake_fini(&s);
		}
}

/* A page that is not mapped, or not in the image, ends it. */
static void t_unmapped(void **state)
{
	static uint8_t mem[LEN];
	struct scan s;
	uint64_t at = 42;

	(void)state;
	memset(mem, 0xcc, sizeof mem);
	memcpy(mem + 0xffe, "\xe9\x65\x14\x00\x00", 5);
	scan_init(&s, mem, sizeof mem);
	assert_int_equal(rts_scan_jump(&s, VA + 0xffe, &at), 1);
	assert_int_equal(at, TARGET);
	fake.unmapped = BASE + 0x1000;
	assert_int_equal(rts_scan_jump(&s, VA + 0xffe, &at), 0);
	assert_int_equal(rts_scan_jump(&s, VA + 0x1000, &at), 0);
	assert_int_equal(rts_scan_jump(&s, VA + LEN, &at), 0);
	assert_int_equal(rts_scan_jump(&s, UINT64_MAX, &at), 0);
	fake_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_jumps),
		cmocka_unit_test(t_borders),
		cmocka_unit_test(t_unmapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
