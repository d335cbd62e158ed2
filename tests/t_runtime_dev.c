/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The models of the hosted machine, without any driver: what OVMF's drivers do to them, in
 * our words, and what only a hostile one would.
 */
#include "runtime/rt_device.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RAM_BASE 0x20000000U
#define RAM_LEN  0x4000U

struct fixture {
	struct rt_machine *m;
	uint64_t realtime, monotonic; /* ns */
	uint8_t ram[RAM_LEN];
	const char *reset;
	unsigned smis;
	uint8_t smi_command, smi_data;
};

static bool copy_from(void *ctx, void *to, uint64_t from, size_t n)
{
	const struct fixture *f = ctx;

	if (from < RAM_BASE || from - RAM_BASE > RAM_LEN || n > RAM_LEN - (from - RAM_BASE))
		return false;
	memcpy(to, f->ram + (from - RAM_BASE), n);
	return true;
}

static bool copy_to(void *ctx, uint64_t to, const void *from, size_t n)
{
	struct fixture *f = ctx;

	if (to < RAM_BASE || to - RAM_BASE > RAM_LEN || n > RAM_LEN - (to - RAM_BASE))
		return false;
	memcpy(f->ram + (to - RAM_BASE), from, n);
	return true;
}

static void reset(void *ctx, const char *how)
{
	((struct fixture *)ctx)->reset = how;
}

static void smi(void *ctx, uint8_t command, uint8_t data)
{
	struct fixture *f = ctx;

	f->smis++;
	f->smi_command = command;
	f->smi_data = data;
}

static uint64_t clock_ns(void *ctx, int clock)
{
	const struct fixture *f = ctx;

	return clock == CLOCK_REALTIME ? f->realtime : f->monotonic;
}

static const struct rt_machine_ops ops = {copy_from, copy_to, reset, smi, clock_ns};

#define NS 1000000000ULL

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	*state = f;
	f->m = malloc(rt_machine_size());
	f->realtime = 1709251198 * NS; /* Thursday 2024-02-29 23:59:58 */
	f->monotonic = 5 * NS;
	rt_machine_init(f->m, &ops, f);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->m);
	free(f);
	return 0;
}

static uint32_t in(struct fixture *f, uint16_t port, unsigned width)
{
	uint32_t v = 0;

	assert_true(rt_machine_in(f->m, port, width, &v));
	return v;
}

static void out(struct fixture *f, uint16_t port, unsigned width, uint32_t v)
{
	assert_true(rt_machine_out(f->m, port, width, v));
}

/* Ports. */

static void ports(void **state)
{
	struct fixture *f = *state;
	static const uint16_t unknown[] = {0,     1,     0x22,  0x6f,  0x72,  0xb1,
					   0xb4,  0x3f7, 0x403, 0x50f, 0x512, 0x51c,
					   0x5ff, 0x680, 0xcf7, 0xd00, 0xffff};
	uint32_t v = 0x1234;

	for (size_t i = 0; i < COUNT(unknown); i++) {
		assert_false(rt_machine_in(f->m, unknown[i], 1, &v));
		assert_false(rt_machine_out(f->m, unknown[i], 1, 0));
	}
	assert_false(rt_machine_in(f->m, 0x80, 8, &v));
	assert_false(rt_machine_in(f->m, 0x80, 3, &v));
	assert_false(rt_machine_in(f->m, 0x80, 0, &v));
	assert_false(rt_machine_out(f->m, 0x80, 8, 0));
	assert_int_equal(v, 0x1234);

	/* wide accesses reach each byte's port; nobody answers for the last */
	out(f, 0xb2, 2, 0x3412);
	assert_int_equal(in(f, 0xb2, 1), 0x12);
	assert_int_equal(in(f, 0xb3, 1), 0x34);
	assert_int_equal(in(f, 0xb2, 4), 0xffff3412);
	out(f, 0x80, 4, 0x44332211);
	assert_int_equal(in(f, 0x82, 1), 0x33);
	assert_int_equal(in(f, 0x80, 4), 0x44332211);
	/* at the end of port space */
	assert_false(rt_machine_out(f->m, 0xffff, 4, 0));
}

/* Clock. */

static uint8_t cmos(struct fixture *f, uint8_t index)
{
	out(f, 0x70, 1, index | 0x80U); /* NMIs masked */
	return (uint8_t)in(f, 0x71, 1);
}

static void cmos_put(struct fixture *f, uint8_t index, uint8_t v)
{
	out(f, 0x70, 1, index);
	out(f, 0x71, 1, v);
}

/* "year century" first, as people write dates: cc yy mm dd, weekday, hh mm ss */
static void assert_clock(struct fixture *f, const uint8_t *want)
{
	static const uint8_t index[8] = {0x32, 9, 8, 7, 6, 4, 2, 0};

	for (unsigned i = 0; i < 8; i++)
		if (cmos(f, index[i]) != want[i])
			fail_msg("register %#x: %#x, not %#x", index[i], cmos(f, index[i]),
				 want[i]);
}

static void clock_set(struct fixture *f, const uint8_t *to)
{
	static const uint8_t index[8] = {0x32, 9, 8, 7, 6, 4, 2, 0};
	const uint8_t b = cmos(f, 0x0b);

	cmos_put(f, 0x0b, b | 0x80);
	for (unsigned i = 0; i < 8; i++)
		cmos_put(f, index[i], to[i]);
	cmos_put(f, 0x0b, b);
}

#define CLOCK(...) ((const uint8_t[8]){__VA_ARGS__})

static void clock_reads(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(cmos(f, 0x0d), 0x80);
	assert_int_equal(cmos(f, 0x0b), 0x02);
	assert_clock(f, CLOCK(0x20, 0x24, 0x02, 0x29, 5, 0x23, 0x59, 0x58));
	f->realtime += 2 * NS;
	assert_clock(f, CLOCK(0x20, 0x24, 0x03, 0x01, 6, 0, 0, 0));
	/* formats: binary; with 12 hours; digits with 12 hours */
	cmos_put(f, 0x0b, 0x06);
	assert_clock(f, CLOCK(20, 24, 3, 1, 6, 0, 0, 0));
	f->realtime += (13 * 3600 + 45 * 60 + 30) * NS;
	assert_clock(f, CLOCK(20, 24, 3, 1, 6, 13, 45, 30));
	cmos_put(f, 0x0b, 0x04);
	assert_clock(f, CLOCK(20, 24, 3, 1, 6, 0x81, 45, 30));
	cmos_put(f, 0x0b, 0x00);
	assert_clock(f, CLOCK(0x20, 0x24, 3, 1, 6, 0x81, 0x45, 0x30));
	f->realtime -= 2 * 3600 * NS; /* 11 hours, then 12, then 0 */
	assert_int_equal(cmos(f, 4), 0x11);
	f->realtime += 3600 * NS;
	assert_int_equal(cmos(f, 4), 0x92);
	f->realtime += 12 * 3600 * NS;
	assert_int_equal(cmos(f, 4), 0x12);
	/* the index cannot be read back, and D not be written */
	assert_int_equal(in(f, 0x70, 1), 0xff);
	cmos_put(f, 0x0d, 0);
	assert_int_equal(cmos(f, 0x0d), 0x80);
}

static void clock_sets(void **state)
{
	struct fixture *f = *state;

	clock_set(f, CLOCK(0x19, 0x99, 0x12, 0x31, 6, 0x23, 0x59, 0x59));
	assert_clock(f, CLOCK(0x19, 0x99, 0x12, 0x31, 6, 0x23, 0x59, 0x59));
	f->realtime += NS;
	assert_clock(f, CLOCK(0x20, 0x00, 0x01, 0x01, 7, 0, 0, 0));
	f->realtime += 59 * 86400 * NS; /* 2000 is a leap year */
	assert_clock(f, CLOCK(0x20, 0x00, 0x02, 0x29, 3, 0, 0, 0));
	clock_set(f, CLOCK(0x21, 0x00, 0x02, 0x28, 1, 0x12, 0x30, 0));
	f->realtime += 86400 * NS; /* ... and 2100 is none */
	assert_clock(f, CLOCK(0x21, 0x00, 0x03, 0x01, 2, 0x12, 0x30, 0));

	/* stopped: bytes stay as written, time does not go on */
	cmos_put(f, 0x0b, 0x82);
	cmos_put(f, 0x00, 0xff);
	f->realtime += 100 * NS;
	assert_int_equal(cmos(f, 0x00), 0xff);
	assert_int_equal(cmos(f, 0x02), 0x30);
	cmos_put(f, 0x00, 0x07);
	cmos_put(f, 0x0b, 0x02);
	assert_clock(f, CLOCK(0x21, 0x00, 0x03, 0x01, 2, 0x12, 0x30, 0x07));

	/* running: one register at a time */
	cmos_put(f, 0x04, 0x20);
	assert_clock(f, CLOCK(0x21, 0x00, 0x03, 0x01, 2, 0x20, 0x30, 0x07));

	/* in another format, whatever the registers held in the one before */
	cmos_put(f, 0x0b, 0x80);
	cmos_put(f, 0x04, 0x92); /* 12 PM */
	cmos_put(f, 0x0b, 0x00);
	cmos_put(f, 0x0b, 0x02);
	assert_clock(f, CLOCK(0x21, 0x00, 0x03, 0x01, 2, 0x12, 0x30, 0x07));
}

/* Any bytes at all make some valid date. */
static void clock_garbage(void **state)
{
	struct fixture *f = *state;

	for (unsigned v = 0; v < 256; v += 15)
		for (uint8_t b = 0; b < 8; b += 2) {
			uint8_t all[8];

			memset(all, (int)v, sizeof all);
			cmos_put(f, 0x0b, b);
			clock_set(f, all);
			cmos_put(f, 0x0b, 0x06);
			assert_in_range(cmos(f, 0x08), 1, 12);
			assert_in_range(cmos(f, 0x07), 1, 31);
			assert_in_range(cmos(f, 0x04), 0, 23);
			assert_in_range(cmos(f, 0x02), 0, 59);
			assert_in_range(cmos(f, 0x00), 0, 59);
			f->realtime += 86400 * NS;
		}
	f->realtime = 0; /* and so does a host whose clock went back */
	assert_in_range(cmos(f, 0x08), 1, 12);
}

static void clock_flags(void **state)
{
	struct fixture *f = *state;
	unsigned ups = 0;

	cmos_put(f, 0x05, 0x11); /* no alarm while this runs */
	/* UIP: now and then, once, and never while stopped */
	for (unsigned i = 0; i < 300; i++)
		if (cmos(f, 0x0a) == 0xa6) {
			ups++;
			assert_int_equal(cmos(f, 0x0a), 0x26);
		}
	assert_in_range(ups, 1, 10);
	cmos_put(f, 0x0b, 0x82);
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(cmos(f, 0x0a), 0x26);
	cmos_put(f, 0x0b, 0x02);
	f->realtime += NS;
	cmos_put(f, 0x0a, 0xa0);
	assert_int_equal(cmos(f, 0x0a), 0x20); /* read-only, no periodic rate */

	assert_int_equal(cmos(f, 0x0c), 0x10); /* updates happened; reading clears */
	assert_int_equal(cmos(f, 0x0c), 0x00);
	cmos_put(f, 0x0b, 0x12);
	f->realtime += NS;
	assert_int_equal(cmos(f, 0x0c), 0x90); /* now enabled */
	cmos_put(f, 0x0a, 0x2f);               /* twice a second */
	f->realtime += NS / 2 - 1;
	assert_int_equal(cmos(f, 0x0c), 0x00);
	f->realtime += NS / 2;
	assert_int_equal(cmos(f, 0x0c), 0x40); /* not enabled */
	f->realtime += NS / 2;
	assert_int_equal(cmos(f, 0x0c), 0xd0);
	cmos_put(f, 0x0a, 0x20);
}

static void clock_alarm(void **state)
{
	struct fixture *f = *state;

	clock_set(f, CLOCK(0x20, 0x24, 0x06, 0x01, 7, 0x10, 0x00, 0x00));
	cmos_put(f, 0x0a, 0x20); /* no periodic flag */
	(void)cmos(f, 0x0c);
	cmos_put(f, 0x05, 0x10);
	cmos_put(f, 0x03, 0x00);
	cmos_put(f, 0x01, 0x05);
	cmos_put(f, 0x0b, 0x22);
	f->realtime += 4 * NS;
	assert_int_equal(cmos(f, 0x0c), 0x10);
	f->realtime += NS;
	assert_int_equal(cmos(f, 0x0c), 0xb0);
	f->realtime += NS;
	assert_int_equal(cmos(f, 0x0c), 0x10); /* once */
	f->realtime += 86399ULL * NS;
	assert_int_equal(cmos(f, 0x0c), 0xb0); /* and each day */
	f->realtime += 400ULL * 86400 * NS;
	assert_int_equal(cmos(f, 0x0c), 0xb0);
	/* "any minute, any hour" */
	cmos_put(f, 0x05, 0xff);
	cmos_put(f, 0x03, 0xc0);
	f->realtime += 60 * NS;
	assert_int_equal(cmos(f, 0x0c), 0xb0);
	assert_int_equal(cmos(f, 0x01), 0x05);
}

static void cmos_memory(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(cmos(f, 0x15) | cmos(f, 0x16) << 8, 640);
	assert_int_equal(((cmos(f, 0x34) | cmos(f, 0x35) << 8) << 16) + (16 << 20),
			 RT_MACHINE_RAM_TOP);
	assert_int_equal(cmos(f, 0x5b) | cmos(f, 0x5c) | cmos(f, 0x5d), 0);
	cmos_put(f, 0x7f, 0xa5);
	assert_int_equal(cmos(f, 0x7f), 0xa5);
	assert_int_equal(cmos(f, 0xff), 0xa5);
}

/* With no clock of the caller's, the host's. */
static void clock_of_host(void **state)
{
	static const struct rt_machine_ops plain = {.copy_from = copy_from,
						    .copy_to = copy_to};
	struct fixture *f = *state;
	struct tm tm;
	time_t before, after;

	rt_machine_init(f->m, &plain, f);
	cmos_put(f, 0x0b, 0x06);
	do {
		before = time(NULL);
		gmtime_r(&before, &tm);
		assert_in_range(cmos(f, 0x00), 0, 59);
		const uint8_t got[] = {cmos(f, 9), cmos(f, 8), cmos(f, 7), cmos(f, 4),
				       cmos(f, 2), cmos(f, 0), cmos(f, 6)};
		after = time(NULL);
		if (after != before)
			continue;
		assert_int_equal(got[0], tm.tm_year % 100);
		assert_int_equal(got[1], tm.tm_mon + 1);
		assert_int_equal(got[2], tm.tm_mday);
		assert_int_equal(got[3], tm.tm_hour);
		assert_int_equal(got[4], tm.tm_min);
		assert_int_equal(got[5], tm.tm_sec);
		assert_int_equal(got[6], tm.tm_wday + 1);
	} while (after != before);
	/* a reset that nobody takes, an SMI that nobody handles */
	out(f, 0xcf9, 1, 6);
	out(f, 0x630, 4, 0x21);
	out(f, 0xb2, 1, 7);
	assert_int_equal(in(f, 0x634, 4), 0x20);
}

/* PCI. */

#define MCH 0x00000U
#define LPC 0xf8000U

static uint32_t cf8(struct fixture *f, uint32_t offset, unsigned width)
{
	out(f, 0xcf8, 4, 0x80000000 | (offset >> 4 & 0xffff00) | (offset & 0xfc));
	return in(f, (uint16_t)(0xcfc + (offset & 3)), width);
}

static void pci_identity(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint32_t offset, value;
	} cases[] = {
		{MCH, 0x29c08086},          {MCH + 8, 0x06000000},
		{MCH + 0x60, 0xb0000001},   {MCH + 0xb0, 0x4000},
		{LPC, 0x29188086},          {LPC + 8, 0x06010002},
		{LPC + 0x40, 0x601},        {LPC + 0x44, 0x80},
		{LPC + 0x0c, 0x800000},     {0x08000, 0xffffffff},
		{LPC + 0x1000, 0xffffffff}, {1U << 20, 0xffffffff},
		{0xfffff000U, 0xffffffff},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(rt_machine_pci_read(f->m, cases[i].offset, 4),
				 cases[i].value);
		if (cases[i].offset < 1U << 28)
			assert_int_equal(cf8(f, cases[i].offset, 4), cases[i].value);
	}
	assert_int_equal(cf8(f, LPC + 2, 2), 0x2918);
	assert_int_equal(cf8(f, LPC + 3, 1), 0x29);
	assert_int_equal(rt_machine_pci_read(f->m, MCH + 1, 1), 0x80);
	/* beyond what these have */
	assert_int_equal(rt_machine_pci_read(f->m, MCH + 0x100, 4), 0);
	assert_int_equal(rt_machine_pci_read(f->m, MCH + 0xffe, 4), 0);
	rt_machine_pci_write(f->m, MCH + 0x0ff, 4, UINT32_MAX);
	rt_machine_pci_write(f->m, MCH + 0xfff, 4, UINT32_MAX);
	rt_machine_pci_write(f->m, UINT32_MAX, 4, UINT32_MAX);
	/* the enable bit, and reading CF8 back */
	assert_int_equal(in(f, 0xcf8, 4), 0x8000f800);
	out(f, 0xcf8, 4, 0);
	assert_int_equal(in(f, 0xcfc, 4), 0xffffffff);
	out(f, 0xcfc, 4, 0);
	assert_int_equal(rt_machine_pci_read(f->m, MCH, 4), 0x29c08086);
}

static void pci_writes(void **state)
{
	struct fixture *f = *state;

	/* identity, PMBASE and PCIEXBAR stay */
	for (unsigned i = 0; i < 0x10; i += 4)
		rt_machine_pci_write(f->m, LPC + i, 4, 0);
	rt_machine_pci_write(f->m, LPC + 0x40, 4, 0xb001);
	rt_machine_pci_write(f->m, MCH + 0x60, 4, 0);
	assert_int_equal(rt_machine_pci_read(f->m, LPC, 4), 0x29188086);
	assert_int_equal(rt_machine_pci_read(f->m, LPC + 0x40, 4), 0x601);
	assert_int_equal(rt_machine_pci_read(f->m, MCH + 0x60, 4), 0xb0000001);
	/* by either way, the same register; bytes beside it stay */
	out(f, 0xcf8, 4, 0x80000090);
	out(f, 0xcfd, 1, 0x11);
	assert_int_equal(rt_machine_pci_read(f->m, MCH + 0x90, 4), 0x33331130);

	/* queries of what QEMU added */
	rt_machine_pci_write(f->m, MCH + 0x50, 2, 0xffff);
	assert_int_equal(rt_machine_pci_read(f->m, MCH + 0x50, 2), 16);
	rt_machine_pci_write(f->m, MCH + 0x9c, 1, 0xff);
	assert_int_equal(rt_machine_pci_read(f->m, MCH + 0x9c, 1), 1);

	/* SMRAM: TSEG closed and 8 MiB; open, close, lock */
	assert_int_equal(rt_machine_pci_read(f->m, MCH + 0x9d, 1), 0x0a);
	assert_int_equal(rt_machine_pci_read(f->m, MCH + 0x9e, 1), 0x3d);
	assert_int_equal(rt_machine_pci_read(f->m, MCH + 0xac, 4),
			 RT_MACHINE_RAM_TOP - RT_MACHINE_TSEG_LEN);
	rt_machine_pci_write(f->m, MCH + 0x9e, 1, 0x3c);
	assert_int_equal(rt_machine_pci_read(f->m, MCH + 0x9e, 1), 0x3c);
	rt_machine_pci_write(f->m, MCH + 0x9e, 1, 0x05); /* the cache bits cannot go */
	assert_int_equal(rt_machine_pci_read(f->m, MCH + 0x9e, 1), 0x3d);
	rt_machine_pci_write(f->m, MCH + 0x9d, 1, 0x5a);
	assert_int_equal(rt_machine_pci_read(f->m, MCH + 0x9d, 1),
			 0x1a); /* locked: not open */
	rt_machine_pci_write(f->m, MCH + 0x9d, 1, 0x4a);
	rt_machine_pci_write(f->m, MCH + 0x9e, 1, 0x3c);
	rt_machine_pci_write(f->m, MCH + 0x9c, 4, 0);
	assert_int_equal(rt_machine_pci_read(f->m, MCH + 0x9c, 4), 0x003d1a01);
}

/* Power management. */

static void pm_timer(void **state)
{
	struct fixture *f = *state;

	f->monotonic = 0;
	assert_int_equal(in(f, 0x608, 4), 0);
	f->monotonic = NS;
	assert_int_equal(in(f, 0x608, 4), 3579545);
	f->monotonic = NS * 1000 + 500000000; /* 24 bits */
	assert_int_equal(in(f, 0x608, 4), (3579545ULL * 1000 + 3579545 / 2) & 0xffffff);
	assert_int_equal(in(f, 0x609, 1), in(f, 0x608, 4) >> 8 & 0xff);
	out(f, 0x608, 4, 0);
	assert_int_not_equal(in(f, 0x608, 4), 0);
	f->monotonic = UINT64_MAX;
	assert_true(in(f, 0x608, 4) <= 0xffffff);
}

static void acpi_shutdown(void **state)
{
	struct fixture *f = *state;
	uint32_t v;

	out(f, 0xb2, 1, 2);
	assert_int_equal(in(f, 0x604, 2), 1); /* ACPI mode */
	out(f, 0xb2, 1, 3);
	assert_int_equal(in(f, 0x604, 2), 0);
	/* OVMF's way: sleep type and enable off, then enable on */
	v = in(f, 0x604, 2);
	out(f, 0x604, 2, v & ~0x3c00U);
	assert_null(f->reset);
	v = in(f, 0x604, 2);
	out(f, 0x604, 2, v | 0x2000);
	assert_string_equal(f->reset, "power off by ACPI");
	assert_int_equal(in(f, 0x604, 2), 0);
	out(f, 0x604, 2, 0x2400);
	assert_string_equal(f->reset, "sleep by ACPI");
	/* status: nothing happened, nothing to clear */
	out(f, 0x600, 2, 0xffff);
	assert_int_equal(in(f, 0x600, 2), 0);
	out(f, 0x602, 2, 0xffff);
	assert_int_equal(in(f, 0x602, 2), 0x4721);
	assert_int_equal(in(f, 0x67e, 4), 0);
	out(f, 0x67e, 4, UINT32_MAX);
}

static void resets(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint16_t port;
		uint8_t value;
		const char *how;
	} cases[] = {
		{0xcf9, 0x02, NULL},
		{0xcf9, 0x06, "hard reset by port cf9"},
		{0xcf9, 0x0e, "power cycle by port cf9"},
		{0xcf9, 0x04, "soft reset by port cf9"},
		{0x64, 0xfe, "reset by the keyboard controller"},
		{0x64, 0xff, NULL},
		{0x64, 0xaa, NULL},
		{0x92, 0x03, "reset by port 92"},
		{0x92, 0x02, NULL},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		f->reset = NULL;
		out(f, cases[i].port, 1, cases[i].value);
		if (cases[i].how == NULL)
			assert_null(f->reset);
		else
			assert_string_equal(f->reset, cases[i].how);
	}
	out(f, 0xcf9, 1, 0x0a);
	assert_int_equal(in(f, 0xcf9, 1), 0x0a);
	assert_int_equal(in(f, 0x92, 1), 2);
}

/* fw_cfg. */

static uint64_t le(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

static uint64_t be(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

static void fw_select(struct fixture *f, uint16_t key)
{
	out(f, 0x510, 2, key);
}

static void fw_read(struct fixture *f, uint8_t *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)in(f, 0x511, 1);
}

/* A DMA access whose block lies at the start of RAM; its control word afterwards. */
static uint32_t fw_dma(struct fixture *f, uint32_t control, uint32_t len, uint64_t address)
{
	for (unsigned i = 0; i < 4; i++) {
		f->ram[i] = (uint8_t)(control >> (24 - i * 8));
		f->ram[4 + i] = (uint8_t)(len >> (24 - i * 8));
	}
	for (unsigned i = 0; i < 8; i++)
		f->ram[8 + i] = (uint8_t)(address >> (56 - i * 8));
	out(f, 0x514, 4, 0);
	out(f, 0x518, 4, __builtin_bswap32(RAM_BASE));
	return (uint32_t)be(f->ram, 4);
}

static uint16_t fw_find(struct fixture *f, const char *name, uint32_t *ret_len)
{
	uint8_t e[64];
	uint32_t count;

	fw_select(f, 0x19);
	fw_read(f, e, 4);
	count = (uint32_t)be(e, 4);
	assert_in_range(count, 1, 100);
	while (count-- > 0) {
		fw_read(f, e, sizeof e);
		if (strcmp((const char *)e + 8, name) == 0) {
			*ret_len = (uint32_t)be(e, 4);
			return (uint16_t)be(e + 4, 2);
		}
	}
	return 0;
}

#define FW_ERROR  1U
#define FW_READ   2U
#define FW_SKIP   4U
#define FW_SELECT 8U
#define FW_WRITE  16U

static void fw_items(void **state)
{
	struct fixture *f = *state;
	uint8_t b[16];
	uint32_t len;

	fw_select(f, 0);
	fw_read(f, b, 8);
	assert_memory_equal(b, "QEMU\0\0\0", 8); /* and zeros after its end */
	fw_select(f, 1);
	fw_read(f, b, 4);
	assert_int_equal(le(b, 4), 3);
	fw_select(f, 3);
	fw_read(f, b, 8);
	assert_int_equal(le(b, 8), RT_MACHINE_RAM_TOP);
	fw_select(f, 0x7777); /* none */
	fw_read(f, b, 4);
	assert_int_equal(le(b, 4), 0);
	assert_int_equal(in(f, 0x514, 4), 0x554d4551);
	assert_int_equal(in(f, 0x518, 4), 0x47464320);

	assert_int_equal(fw_find(f, "etc/system-states", &len), 0x23);
	assert_int_equal(len, 6);
	assert_int_equal(fw_find(f, "etc/table-loader", &len), 0);
	/* the old way to select for writing reads the same item, and writes nothing */
	fw_select(f, 0x4000);
	out(f, 0x511, 1, 'X');
	fw_read(f, b, 4);
	assert_memory_equal(b, "QEMU", 4);
}

static void fw_transfers(void **state)
{
	struct fixture *f = *state;

	memset(f->ram, 0x55, RAM_LEN);
	assert_int_equal(fw_dma(f, FW_SELECT | FW_READ, 6, RAM_BASE + 0x100), 0);
	assert_memory_equal(f->ram + 0x100, "QEMU\0\0UU", 8);
	/* goes on where it was; skips; selects alone */
	fw_select(f, 0);
	assert_int_equal(fw_dma(f, FW_SKIP, 1, 0), 0);
	assert_int_equal(fw_dma(f, FW_READ, 2, RAM_BASE + 0x110), 0);
	assert_int_equal(fw_dma(f, FW_READ, 1, RAM_BASE + 0x112), 0);
	assert_memory_equal(f->ram + 0x110, "EMUU", 4);
	assert_int_equal(fw_dma(f, FW_SELECT, 9, 0), 0);
	assert_int_equal(in(f, 0x511, 1), 'Q');
	assert_int_equal(fw_dma(f, FW_SKIP, UINT32_MAX, 0), 0);
	assert_int_equal(fw_dma(f, FW_SKIP, UINT32_MAX, 0), 0);
	assert_int_equal(in(f, 0x511, 1), 0);

	/* to where no memory is, partly or wholly, and as much as the length can say */
	assert_int_equal(fw_dma(f, FW_SELECT | FW_READ, 8, 0), FW_ERROR);
	assert_int_equal(fw_dma(f, FW_SELECT | FW_READ, 8, UINT64_MAX - 3), FW_ERROR);
	assert_int_equal(fw_dma(f, FW_SELECT | FW_READ, UINT32_MAX, RAM_BASE + 0x1000),
			 FW_ERROR);
	assert_int_equal(
		fw_dma(f, FW_SELECT | FW_READ, RAM_LEN - 0x1000, RAM_BASE + 0x1000), 0);
	/* what cannot be written */
	assert_int_equal(fw_dma(f, FW_SELECT | FW_WRITE, 4, RAM_BASE), FW_ERROR);
	assert_int_equal(fw_dma(f, 0x200000 | FW_SELECT | FW_WRITE, 1, RAM_BASE), FW_ERROR);

	/* a block that is not there: nothing happens */
	memcpy(f->ram, "\0\0\0\2\0\0\0\1", 8);
	out(f, 0x514, 4, __builtin_bswap32(1));
	out(f, 0x518, 4, __builtin_bswap32(RAM_BASE));
	assert_int_equal(be(f->ram, 4), 2);
	out(f, 0x518, 4, __builtin_bswap32(RAM_BASE + RAM_LEN - 8));
	/* other widths are no access to these registers */
	out(f, 0x518, 1, 0);
	out(f, 0x510, 4, 1);
	out(f, 0x510, 1, 1);
	assert_int_equal(in(f, 0x511, 2), 0);
	assert_int_equal(in(f, 0x51b, 4), 'G');
}

static uint8_t smi_request(struct fixture *f, uint64_t features)
{
	for (unsigned i = 0; i < 8; i++)
		f->ram[0x200 + i] = (uint8_t)(features >> (i * 8));
	assert_int_equal(fw_dma(f, 0x210000 | FW_SELECT | FW_WRITE, 8, RAM_BASE + 0x200),
			 0);
	fw_select(f, 0x20);
	return (uint8_t)in(f, 0x511, 1);
}

static void smi_features(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint64_t features;
		uint8_t ok;
	} cases[] = {
		{8, 0},          {2, 0}, {5, 0}, {6, 0}, {0x100000001, 0},
		{UINT64_MAX, 0}, {0, 1}, {1, 1}, {3, 1}, {7, 1},
	};
	uint8_t b[8];

	for (size_t i = 0; i < COUNT(cases); i++) {
		rt_machine_init(f->m, &ops, f);
		assert_int_equal(smi_request(f, cases[i].features), cases[i].ok);
	}
	/* one that was refused leaves the choice open, one accepted is final */
	rt_machine_init(f->m, &ops, f);
	assert_int_equal(smi_request(f, 8), 0);
	assert_int_equal(smi_request(f, 3), 1);
	assert_int_equal(smi_request(f, 8), 1);
	fw_select(f, 0x21);
	fw_read(f, b, 8);
	assert_int_equal(le(b, 8), 3);
	/* only the whole, from its start */
	assert_int_equal(fw_dma(f, 0x210000 | FW_SELECT | FW_WRITE, 9, RAM_BASE), FW_ERROR);
	assert_int_equal(fw_dma(f, FW_WRITE, 8, 0), FW_ERROR);
	fw_select(f, 0x21);
	(void)in(f, 0x511, 1);
	assert_int_equal(fw_dma(f, FW_WRITE, 8, RAM_BASE), FW_ERROR);
}

/* What OVMF's SmmControl2Dxe does, in order; each step decides whether it goes on. */
static void smm_control(void **state)
{
	struct fixture *f = *state;
	uint32_t pm, smi_en, len[3];
	uint16_t key[3];
	uint8_t b[8];

	pm = rt_machine_pci_read(f->m, LPC + 0x40, 4) & 0xff80;
	smi_en = in(f, (uint16_t)(pm + 0x30), 4);
	assert_int_equal(smi_en & 0x20, 0); /* set: this machine has no SMIs */
	out(f, 0xb2, 1, 9);
	assert_int_equal(f->smis, 0);
	smi_en |= 0x21;
	out(f, (uint16_t)(pm + 0x30), 4, smi_en);
	rt_machine_pci_write(f->m, LPC + 0xa0, 2,
			     rt_machine_pci_read(f->m, LPC + 0xa0, 2) | 0x10);
	out(f, (uint16_t)(pm + 0x30), 4, smi_en & ~1U);
	assert_int_equal(in(f, (uint16_t)(pm + 0x30), 4), smi_en); /* locked */
	rt_machine_pci_write(f->m, LPC + 0xa0, 2, 0);
	out(f, (uint16_t)(pm + 0x30), 4, 0);
	assert_int_equal(in(f, (uint16_t)(pm + 0x30), 4), 1); /* for good */
	out(f, (uint16_t)(pm + 0x30), 4, smi_en);

	key[0] = fw_find(f, "etc/smi/supported-features", &len[0]);
	key[1] = fw_find(f, "etc/smi/requested-features", &len[1]);
	key[2] = fw_find(f, "etc/smi/features-ok", &len[2]);
	assert_true(key[0] != 0 && key[1] != 0 && key[2] != 0);
	assert_true(len[0] == 8 && len[1] == 8 && len[2] == 1);
	fw_select(f, key[0]);
	fw_read(f, b, 8);
	assert_int_equal(le(b, 8), 7);
	memcpy(f->ram + 0x100, b, 8);
	fw_select(f, key[1]);
	assert_int_equal(fw_dma(f, FW_WRITE, 8, RAM_BASE + 0x100), 0);
	fw_select(f, key[2]);
	assert_int_equal(in(f, 0x511, 1), 1);

	/* its Trigger() */
	out(f, 0xb3, 1, 0x12);
	out(f, 0xb2, 1, 0x34);
	assert_int_equal(f->smis, 1);
	assert_int_equal(f->smi_command, 0x34);
	assert_int_equal(f->smi_data, 0x12);
}

/* The rest. */

static void debug_port(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(in(f, 0x402, 1), 0xe9);
	out(f, 0x402, 1, 'x');
	assert_int_equal(in(f, 0x402, 1), 0xe9);
}

static void legacy(void **state)
{
	struct fixture *f = *state;
	uint32_t a, b;

	/* interrupt controllers: mask; initialisation takes its words away */
	assert_int_equal(in(f, 0x21, 1), 0xff);
	out(f, 0x21, 1, 0xb8);
	assert_int_equal(in(f, 0x21, 1), 0xb8);
	out(f, 0xa0, 1, 0x11);
	out(f, 0xa1, 1, 0x70);
	out(f, 0xa1, 1, 0x02);
	out(f, 0xa1, 1, 0x01);
	assert_int_equal(in(f, 0xa1, 1), 0);
	out(f, 0xa1, 1, 0xfe);
	assert_int_equal(in(f, 0xa1, 1), 0xfe);
	assert_int_equal(in(f, 0x20, 1), 0);
	out(f, 0x4d0, 2, 0x0c00);
	assert_int_equal(in(f, 0x4d1, 1), 0x0c);

	/* timer: channel 2, one shot of 1193 counts (1 ms), as for a delay */
	out(f, 0x61, 1, 1);
	out(f, 0x43, 1, 0xb0);
	out(f, 0x42, 1, 1193 & 0xff);
	out(f, 0x42, 1, 1193 >> 8);
	assert_int_equal(in(f, 0x61, 1) & 0x2f, 1);
	f->monotonic += 500000;
	a = in(f, 0x42, 1);
	a |= in(f, 0x42, 1) << 8;
	assert_int_equal(a, 1193 - 596);
	out(f, 0x43, 1, 0x80); /* latch */
	f->monotonic += 499000;
	b = in(f, 0x42, 1);
	b |= in(f, 0x42, 1) << 8;
	assert_int_equal(b, a);
	assert_int_equal(in(f, 0x61, 1) & 0x20, 0);
	f->monotonic += 2000;
	assert_int_equal(in(f, 0x61, 1) & 0x20, 0x20);
	/* the free-running one counts down and around */
	a = in(f, 0x40, 1);
	a |= in(f, 0x40, 1) << 8;
	f->monotonic += 10000000;
	b = in(f, 0x40, 1);
	b |= in(f, 0x40, 1) << 8;
	assert_int_equal((a - b) & 0xffff, 11932 * 2);
	/* memory refresh, in port 61h */
	a = in(f, 0x61, 1);
	f->monotonic += 15086;
	assert_int_equal((in(f, 0x61, 1) ^ a) & 0x10, 0x10);

	/* serial port: the divisor hides behind DLAB; ready, nothing received */
	out(f, 0x3fb, 1, 0x83);
	out(f, 0x3f8, 1, 1);
	out(f, 0x3f9, 1, 2);
	assert_int_equal(in(f, 0x3f8, 1), 1);
	assert_int_equal(in(f, 0x3f9, 1), 2);
	out(f, 0x3fb, 1, 0x03);
	out(f, 0x3f8, 1, 'x');
	assert_int_equal(in(f, 0x3f8, 1), 0);
	assert_int_equal(in(f, 0x3f9, 1), 0);
	assert_int_equal(in(f, 0x3fd, 1), 0x60);
	out(f, 0x3fa, 1, 1);
	assert_int_equal(in(f, 0x3fa, 1), 0xc1);
	out(f, 0x3ff, 1, 0xa5);
	assert_int_equal(in(f, 0x3ff, 1), 0xa5);
	assert_int_equal(in(f, 0x64, 1) & 3, 0);
	out(f, 0xed, 1, 0);
}

/* Flash. */

#define FLASH_LEN 0x84000U
#define BLOCK     0x1000U

struct flash {
	struct rt_flash f;
	uint8_t *array;
};

static int flash_setup(void **state)
{
	struct flash *s = malloc(sizeof *s);

	*state = s;
	s->array = malloc(FLASH_LEN);
	for (unsigned i = 0; i < FLASH_LEN; i++)
		s->array[i] = (uint8_t)(i ^ i >> 8);
	rt_flash_init(&s->f, s->array, FLASH_LEN, BLOCK);
	return 0;
}

static int flash_teardown(void **state)
{
	struct flash *s = *state;

	free(s->array);
	free(s);
	return 0;
}

static uint8_t get(struct flash *s, uint32_t offset)
{
	return (uint8_t)rt_flash_read(&s->f, offset, 1);
}

static void put(struct flash *s, uint32_t offset, uint8_t v)
{
	rt_flash_write(&s->f, offset, 1, v);
}

/* OVMF's way to find out what it has: RAM, ROM, or a flash that can be written. */
static void flash_detected(void **state)
{
	struct flash *s = *state;
	const uint32_t at = 1; /* neither a command nor zero */
	const uint8_t before = get(s, at);

	put(s, at, 0x50);
	assert_int_not_equal(get(s, at), 0x50);
	put(s, at, 0x70);
	assert_false(rt_flash_array_mode(&s->f));
	assert_int_equal(get(s, at), 0x00);
	put(s, at, 0x10);
	put(s, at, before);
	put(s, at, 0x70);
	assert_int_equal(get(s, at) & 0x10, 0);
	put(s, at, 0xff);
	assert_true(rt_flash_array_mode(&s->f));
	assert_int_equal(get(s, at), before);
}

static void flash_programs(void **state)
{
	struct flash *s = *state;

	/* erase, then bytes one after the other without leaving status mode */
	put(s, 0x2345, 0x20);
	assert_int_equal(s->array[0x2000], 0x20 ^ 0); /* not before it is confirmed */
	put(s, 0x2345, 0xd0);
	assert_int_equal(get(s, 0x2345), 0x80);
	for (unsigned i = 0; i < 4; i++) {
		put(s, 0x2010 + i, i % 2 == 0 ? 0x10 : 0x40);
		assert_int_equal(get(s, 0), 0x80);
		put(s, 0x2010 + i, (uint8_t)(0xa0 + i));
	}
	put(s, 0x2013, 0xff);
	assert_int_equal(rt_flash_read(&s->f, 0x200e, 8), 0xffffa3a2a1a0ffff);
	assert_int_equal(s->array[0x1fff], 0xff ^ 0x1f);
	assert_int_equal(s->array[0x2fff], 0xff);
	assert_int_equal(s->array[0x3000], 0x30);
	assert_int_equal(s->f.writes, 5);

	/* a program clears bits only */
	put(s, 0x2010, 0x10);
	put(s, 0x2010, 0x5f);
	put(s, 0x2010, 0xff);
	assert_int_equal(s->array[0x2010], 0x00);

	/* wide: four bytes are one program, eight are four and then a command */
	put(s, 0x2020, 0x10);
	rt_flash_write(&s->f, 0x2020, 4, 0x44332211);
	put(s, 0, 0xff);
	assert_memory_equal(s->array + 0x2020, "\x11\x22\x33\x44\xff", 5);
	put(s, 0x2030, 0x10);
	rt_flash_write(&s->f, 0x2030, 8, 0xff00000044332211);
	assert_memory_equal(s->array + 0x2030, "\x11\x22\x33\x44\xff", 5);
	put(s, 0, 0xff);
	assert_true(rt_flash_array_mode(&s->f));
}

static void flash_buffered(void **state)
{
	struct flash *s = *state;

	put(s, 0x4000, 0x20);
	put(s, 0x4000, 0xd0);
	put(s, 0x4000, 0xe8);
	assert_int_equal(get(s, 0x4000), 0x80);
	put(s, 0x4000, 3); /* one less than there are */
	for (unsigned i = 0; i < 4; i++)
		put(s, 0x4000 + i, (uint8_t)i);
	put(s, 0x4000, 0xd0);
	assert_int_equal(get(s, 0), 0x80);
	put(s, 0, 0xff);
	assert_memory_equal(s->array + 0x4000, "\0\1\2\3\xff", 5);
	/* no confirmation: an error that a clear takes away */
	put(s, 0x4000, 0xe8);
	put(s, 0x4000, 0);
	put(s, 0x4000, 0xff);
	put(s, 0x4000, 0xff);
	assert_int_equal(get(s, 0), 0xb0);
	put(s, 0, 0x50);
	put(s, 0, 0x70);
	assert_int_equal(get(s, 0), 0x00);
}

static void flash_answers(void **state)
{
	struct flash *s = *state;
	const uint8_t old = s->array[0x5000];

	put(s, 0, 0x98);
	assert_int_equal(rt_flash_read(&s->f, 0x10, 4) & 0xffffff,
			 'Q' | 'R' << 8 | 'Y' << 16);
	assert_int_equal(get(s, 0x13), 1);
	assert_int_equal(get(s, 0x27), 20);
	assert_int_equal(get(s, 0x2c), 1);
	assert_int_equal(rt_flash_read(&s->f, 0x2d, 4), (BLOCK >> 8) << 16 | 0x83);
	assert_int_equal(rt_flash_read(&s->f, get(s, 0x15), 4) & 0xffffff,
			 'P' | 'R' << 8 | 'I' << 16);
	assert_int_equal(get(s, 0), 0);
	assert_int_equal(get(s, 0xff), 0);
	put(s, 0, 0x90);
	assert_int_equal(rt_flash_read(&s->f, 0, 8), 0);
	put(s, 0, 0xf0); /* not a command here: back to the array */
	assert_true(rt_flash_array_mode(&s->f));
	put(s, 0, 0x60);
	put(s, 0, 0x01);
	assert_int_equal(get(s, 0), 0x80);

	/* an erase that is not confirmed */
	put(s, 0x5000, 0x20);
	put(s, 0x5000, 0x33);
	assert_int_equal(get(s, 0), 0xb0);
	put(s, 0x5000, 0x20);
	put(s, 0x5000, 0xff);
	assert_true(rt_flash_array_mode(&s->f));
	assert_int_equal(get(s, 0x5000), old);
	assert_int_equal(s->f.writes, 0);
}

static void flash_bounds(void **state)
{
	struct flash *s = *state;
	uint8_t small[24];
	struct rt_flash odd;

	put(s, FLASH_LEN, 0x70);
	put(s, UINT32_MAX, 0x70);
	rt_flash_write(&s->f, UINT32_MAX, 8, 0x7070707070707070);
	assert_true(rt_flash_array_mode(&s->f));
	assert_int_equal(rt_flash_read(&s->f, FLASH_LEN - 2, 4),
			 0xffff0000 | s->array[FLASH_LEN - 1] << 8 |
				 s->array[FLASH_LEN - 2]);
	assert_int_equal(rt_flash_read(&s->f, UINT32_MAX - 1, 8), UINT64_MAX);
	put(s, 0, 0x10);
	rt_flash_write(&s->f, FLASH_LEN - 2, 4, 0);
	assert_int_equal(s->array[FLASH_LEN - 1], 0);
	put(s, 0, 0xff);
	put(s, FLASH_LEN - 1, 0x20);
	put(s, FLASH_LEN - 1, 0xd0);
	assert_int_equal(s->array[FLASH_LEN - 1], 0xff);
	assert_int_equal(s->array[FLASH_LEN - BLOCK - 1],
			 (uint8_t)((FLASH_LEN - BLOCK - 1) ^ (FLASH_LEN - BLOCK - 1) >> 8));

	/* a last block that is not whole, no blocks at all, no flash at all */
	memset(small, 0, sizeof small);
	rt_flash_init(&odd, small, 20, 16);
	rt_flash_write(&odd, 19, 1, 0x20);
	rt_flash_write(&odd, 19, 1, 0xd0);
	assert_memory_equal(small + 15, "\0\xff\xff\xff\xff\0", 6);
	rt_flash_init(&odd, small, 20, 0);
	rt_flash_write(&odd, 0, 1, 0x20);
	rt_flash_write(&odd, 0, 1, 0xd0);
	assert_memory_equal(small + 14, "\xff\xff\xff\xff\xff\xff\0", 7);
	rt_flash_init(&odd, NULL, 0, 0);
	rt_flash_write(&odd, 0, 4, 0x20);
	assert_int_equal(rt_flash_read(&odd, 0, 2), 0xffff);
}

#define MACHINE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define FLASH(name)   cmocka_unit_test_setup_teardown(name, flash_setup, flash_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE(ports),         MACHINE(clock_reads),   MACHINE(clock_sets),
		MACHINE(clock_garbage), MACHINE(clock_flags),   MACHINE(clock_alarm),
		MACHINE(cmos_memory),   MACHINE(clock_of_host), MACHINE(pci_identity),
		MACHINE(pci_writes),    MACHINE(pm_timer),      MACHINE(acpi_shutdown),
		MACHINE(resets),        MACHINE(fw_items),      MACHINE(fw_transfers),
		MACHINE(smi_features),  MACHINE(smm_control),   MACHINE(debug_port),
		MACHINE(legacy),        FLASH(flash_detected),  FLASH(flash_programs),
		FLASH(flash_buffered),  FLASH(flash_answers),   FLASH(flash_bounds),
	};

	return cmocka_run_group_tests_name("runtime_dev", tests, NULL, NULL);
}
