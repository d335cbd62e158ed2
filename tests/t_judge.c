/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records of a run into findings: one small machine with a block of each kind, a fault at
 * each place that tells rules apart, in each phase in which it means something else; then
 * records that a driver has scribbled on.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ucs2.h"
#include "pe_build.h"
#include "runtime/rt_judge.h"

#define RAM       0x20000000ULL
#define RAM_LEN   0x00200000ULL
#define VIRTUAL   0x300000000000ULL /* of each physical address: that much more */
#define IMAGE     (RAM + 0x100000)  /* .text at 0x1000, .data at 0x2000 */
#define HELPER    (RAM + 0x108000)
#define POOL      (RAM + 0x110fa0) /* 96 bytes up to the end of a page */
#define BOOT_POOL (RAM + 0x120fe8)
#define FREED     (RAM + 0x130fe0)
#define TABLE     (RAM + 0x140000)
#define BOOT      (RAM + 0x144000)
#define PAGES     (RAM + 0x150000)
#define STACK     (RAM + 0x160000) /* 64 KiB */
#define NEXT_POOL (RAM + 0x171fc0) /* its guard below is the one above the stack */
#define OS_STACK  0x280000020000ULL
#define CALLER    0x280000030ff0ULL /* 16 bytes */
#define DEVICE    0xffc00000ULL
#define ODD       (RAM + 0x180ff0) /* 13 bytes, and 3 up to the end of the page */
#define BESIDE    (RAM + 0x142fc0) /* 64 bytes; a guard page is BOOT's, too */
#define FIRST     (RAM + 0x190000) /* two page blocks, and no guard between them */
#define SECOND    (RAM + 0x191000)
#define EMPTY     (RAM + 0x1a0000) /* no bytes */
#define HOBS      (RAM + 0x1c0000)
#define AGAIN     (RAM + 0x1d0000) /* freed, and allocated again */
#define TABLES    (RAM + 0x1b0000) /* not the system's, and not mapped after exit */

enum { B_IMAGE, B_HELPER, B_POOL, B_BOOT_POOL, B_FREED, B_ODD = 13 };

/* clang-format off */
#define SMM_ACCESS {0xc2702b74, 0x800c, 0x4131, {0x87, 0x46, 0x8f, 0xb5, 0xb8, 0x9c, 0xe4, 0xac}}
#define UNKNOWN    {0x01020304, 0x0506, 0x0708, {0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10}}
/* clang-format on */
static const EFI_GUID smm_access = SMM_ACCESS, unknown_guid = UNKNOWN;

/* What a child would leave. */
static const struct rt_block blocks[] = {
	{IMAGE, 0x3000, IMAGE + VIRTUAL, EfiRuntimeServicesCode, RT_BLOCK_IMAGE, 0, 0, 0, 0,
	 RT_NOBODY, ""},
	{HELPER, 0x2000, 0, EfiBootServicesCode, RT_BLOCK_IMAGE, 0, 1, 0, 0, RT_NOBODY, ""},
	{POOL, 96, POOL + VIRTUAL, EfiRuntimeServicesData, RT_BLOCK_POOL, 0, 0, 0x5c0, 0,
	 RT_NOBODY, ""},
	{BOOT_POOL, 24, 0, EfiBootServicesData, RT_BLOCK_POOL, 0, 0, 0x600, 0, RT_NOBODY,
	 ""},
	{FREED, 32, 0, EfiRuntimeServicesData, RT_BLOCK_POOL, 1, 0, 0x640, 0x660, 0, ""},
	{TABLE, 120, TABLE + VIRTUAL, EfiRuntimeServicesData, RT_BLOCK_TABLE, 0, RT_NOBODY,
	 0, 0, RT_NOBODY, "EFI_SYSTEM_TABLE"},
	{BOOT, 376, 0, EfiBootServicesData, RT_BLOCK_TABLE, 0, RT_NOBODY, 0, 0, RT_NOBODY,
	 "EFI_BOOT_SERVICES"},
	{PAGES, 0x2000, PAGES + VIRTUAL, EfiRuntimeServicesData, RT_BLOCK_PAGES, 0, 1, 0x80,
	 0, RT_NOBODY, ""},
	{STACK, 0x10000, 0, EfiBootServicesData, RT_BLOCK_STACK, 0, RT_NOBODY, 0, 0,
	 RT_NOBODY, ""},
	{NEXT_POOL, 64, 0, EfiBootServicesData, RT_BLOCK_POOL, 0, 1, 0xc0, 0, RT_NOBODY,
	 ""},
	{OS_STACK, 0x1000, 0, EfiMaxMemoryType, RT_BLOCK_STACK, 0, RT_NOBODY, 0, 0,
	 RT_NOBODY, "runtime stack"},
	{CALLER, 16, 0, EfiMaxMemoryType, RT_BLOCK_CALLER, 0, RT_NOBODY, 0, 0, RT_NOBODY,
	 "Data"},
	{DEVICE, 0x84000, DEVICE + VIRTUAL, EfiMemoryMappedIO, RT_BLOCK_DEVICE, 0,
	 RT_NOBODY, 0, 0, RT_NOBODY, "flash"},
	{ODD, 13, ODD + VIRTUAL, EfiRuntimeServicesData, RT_BLOCK_POOL, 0, 0, 0x700, 0,
	 RT_NOBODY, ""},
	{BESIDE, 64, 0, EfiBootServicesData, RT_BLOCK_POOL, 0, 0, 0x740, 0, RT_NOBODY, ""},
	{FIRST, 0x1000, 0, EfiBootServicesData, RT_BLOCK_PAGES, 0, 0, 0x780, 0, RT_NOBODY,
	 ""},
	{SECOND, 0x1000, 0, EfiBootServicesData, RT_BLOCK_PAGES, 0, 0, 0x7c0, 0, RT_NOBODY,
	 ""},
	{EMPTY, 0, 0, EfiBootServicesData, RT_BLOCK_POOL, 0, 0, 0x800, 0, RT_NOBODY, ""},
	{AGAIN, 0x1000, 0, EfiBootServicesData, RT_BLOCK_PAGES, 0, 0, 0x880, 0, RT_NOBODY,
	 ""},
	{AGAIN, 0x1000, 0, EfiBootServicesData, RT_BLOCK_PAGES, 1, 0, 0x880, 0, RT_NOBODY,
	 ""},
	{HOBS, 64, 0, EfiBootServicesData, RT_BLOCK_TABLE, 0, RT_NOBODY, 0, 0, RT_NOBODY,
	 "HOB list"},
	{TABLES, 0x1000, 0, EfiACPIMemoryNVS, RT_BLOCK_PAGES, 0, 0, 0x840, 0, RT_NOBODY,
	 ""},
};

struct machine {
	struct rt_shared *s;
	uint8_t *ram;
	uint8_t file[PE_BUILD_LEN];
	struct runtime_driver driver;
	struct runtime_config config;
	struct runtime_report r;
};

static struct machine *machine_new(void)
{
	struct machine *m = test_calloc(1, sizeof *m);
	const struct pe_build b = pe_build_default();

	m->s = calloc(1, sizeof *m->s);
	m->ram = calloc(1, RAM_LEN);
	assert_true(m->s != NULL && m->ram != NULL);
	pe_build_write(&b, m->file);
	m->driver = (struct runtime_driver){.name = "My.efi",
					    .path = "some/My.efi",
					    .image = {m->file, sizeof m->file}};
	m->config = (struct runtime_config){.subjects = &m->driver, .subject_count = 1};
	m->s->images_count = 2;
	m->s->images[0] = (struct rt_image){.name = "My.efi",
					    .status = RT_STATUS_OK,
					    .started = 1,
					    .subsystem = PE_SUBSYSTEM_RUNTIME_DRIVER,
					    .physical = IMAGE,
					    .virtual_ = IMAGE + VIRTUAL,
					    .size = 0x3000};
	m->s->images[1] = (struct rt_image){.name = "Helper",
					    .role = RT_ROLE_HELPER,
					    .status = RT_STATUS_OK,
					    .physical = HELPER,
					    .size = 0x2000};
	memcpy(m->s->blocks, blocks, sizeof blocks);
	m->s->blocks_count = COUNT(blocks);
	m->s->phase = RT_PHASE_VIRTUAL;
	m->s->finished = 1;
	return m;
}

static void machine_free(struct machine *m)
{
	runtime_report_fini(&m->r);
	free(m->s);
	free(m->ram);
	test_free(m);
}

static struct rt_record *record(struct machine *m, struct rt_record r)
{
	struct rt_record *p = &m->s->records[m->s->records_count];

	*p = r;
	p->block = p->call = -1;
	p->service = RT_SERVICE_NONE;
	m->s->records_count++;
	return p;
}

static struct rt_record *fault(struct machine *m, enum rt_phase phase,
			       enum rt_access access, uint64_t address)
{
	return record(m, (struct rt_record){.rule = RT_RULE_COUNT,
					    .phase = (uint8_t)phase,
					    .access = (uint8_t)access,
					    .at = {0, 0x1a40},
					    .address = address});
}

/* The only finding there is. */
static const struct runtime_finding *judge(struct machine *m)
{
	assert_int_equal(
		rt_judge(&m->config, m->s, (struct bytes){m->ram, RAM_LEN}, RAM, &m->r), 0);
	assert_int_equal(m->r.finding_count, 1);
	return &m->r.findings[0];
}

static void judge_nothing(struct machine *m)
{
	assert_int_equal(
		rt_judge(&m->config, m->s, (struct bytes){m->ram, RAM_LEN}, RAM, &m->r), 0);
	assert_int_equal(m->r.finding_count, 0);
}

static void t_faults(void **state)
{
	enum {
		E = RT_PHASE_ENTRY,
		X = RT_PHASE_EXIT,
		R = RT_PHASE_RUNTIME,
		C = RT_PHASE_CONVERT,
		V = RT_PHASE_VIRTUAL
	};
	static const struct {
		unsigned phase;
		enum rt_access access;
		uint64_t address, sp;
		enum rt_rule rule;
		const char *text; /* how it ends, or a part */
	} cases[] = {
		{E, RT_READ, 0, 0, RT_NULL_POINTER,
		 "in the entry point: reads 0x0, a null pointer"},
		{E, RT_WRITE, 0x18, 0, RT_NULL_POINTER,
		 "writes 0x18, offset 0x18 from a null pointer"},
		{V, RT_EXECUTE, 0, 0, RT_NULL_POINTER, "jumps to 0x0, a null pointer"},
		{E, RT_READ, 4095, 0, RT_NULL_POINTER, "offset 0xfff"},
		{E, RT_READ, 4096, 0, RT_WILD_ACCESS, "reads 0x1000, where nothing is"},

		/* the stack: a push, a frame larger than the guard, an overrun upwards */
		{E, RT_WRITE, STACK - 8, STACK, RT_STACK_OVERFLOW,
		 "8 bytes before the stack (EfiBootServicesData, 65536 bytes)"},
		{E, RT_WRITE, STACK - 0x7000, STACK - 0x8000, RT_STACK_OVERFLOW,
		 "28672 bytes before the stack"},
		{V, RT_WRITE, OS_STACK - 16, OS_STACK - 32, RT_STACK_OVERFLOW,
		 "after SetVirtualAddressMap: writes 0x28000001fff0, 16 bytes before the "
		 "runtime stack (4096 bytes)"},
		{E, RT_WRITE, OS_STACK + 0x1000, OS_STACK + 0xf00, RT_STACK_OVERFLOW,
		 "the first byte past the end of the runtime stack"},
		/* a stack pointer elsewhere: not the stack's doing */
		{E, RT_WRITE, STACK - 0x7000, STACK + 0x8000, RT_WILD_ACCESS,
		 "where nothing is"},

		{E, RT_WRITE, IMAGE + 0x1004, 0, RT_WRITE_TO_CODE,
		 "writes 0x20101004, My.efi+0x1004 (.text), which is not writable"},
		{V, RT_WRITE, IMAGE + VIRTUAL + 0x1004, 0, RT_WRITE_TO_CODE, "(.text)"},
		{R, RT_WRITE, IMAGE + 16, 0, RT_WRITE_TO_CODE, "My.efi+0x10, which"},
		{E, RT_WRITE, HELPER, 0, RT_WRITE_TO_CODE, "Helper+0x0"},
		{X, RT_WRITE, HELPER, 0, RT_WRITE_TO_CODE, "Helper+0x0"},
		{E, RT_WRITE, IMAGE + 0x2000, 0, RT_WILD_ACCESS, "My.efi+0x2000 (.data)"},
		{E, RT_EXECUTE, IMAGE + 0x1000, 0, RT_WILD_ACCESS, "My.efi+0x1000 (.text)"},
		{E, RT_EXECUTE, IMAGE + 0x2010, 0, RT_EXECUTE_DATA,
		 "jumps to 0x20102010, My.efi+0x2010 (.data), which is not code"},
		{E, RT_EXECUTE, POOL + 8, 0, RT_EXECUTE_DATA,
		 "8 bytes into pool block #1 (EfiRuntimeServicesData, 96 bytes, allocated "
		 "at "
		 "My.efi+0x5c0), which is not code"},
		{V, RT_EXECUTE, POOL + VIRTUAL, 0, RT_EXECUTE_DATA,
		 "the first byte of pool"},
		{R, RT_EXECUTE, OS_STACK + 64, OS_STACK + 256, RT_EXECUTE_DATA,
		 "64 bytes into the runtime stack"},
		{E, RT_EXECUTE, TABLE, 0, RT_EXECUTE_DATA, "the table EFI_SYSTEM_TABLE"},
		{V, RT_EXECUTE, OS_STACK, OS_STACK, RT_EXECUTE_DATA, "the runtime stack"},
		{V, RT_EXECUTE, CALLER, 0, RT_EXECUTE_DATA, "the caller's buffer Data"},
		{R, RT_EXECUTE, TABLES, 0, RT_EXECUTE_DATA, "page block #6"},
		{V, RT_EXECUTE, TABLES, 0, RT_WILD_ACCESS, "page block #6"},

		{E, RT_READ, FREED + 8, 0, RT_USE_AFTER_FREE,
		 "8 bytes into pool block #3 (EfiRuntimeServicesData, 32 bytes, allocated "
		 "at "
		 "My.efi+0x640, freed at My.efi+0x660)"},
		{V, RT_READ, FREED, 0, RT_USE_AFTER_FREE,
		 "the first byte of pool block #3"},
		{E, RT_EXECUTE, FREED, 0, RT_USE_AFTER_FREE, "jumps to"},
		{E, RT_READ, FREED - 16, 0, RT_USE_AFTER_FREE,
		 "16 bytes before pool block #3"},
		{E, RT_WRITE, FREED + 32, 0, RT_USE_AFTER_FREE,
		 "the first byte past the end of pool block #3"},

		{E, RT_WRITE, POOL + 96, 0, RT_HEAP_OVERFLOW,
		 "the first byte past the end of pool block #1"},
		{V, RT_READ, POOL + VIRTUAL + 97, 0, RT_HEAP_OVERFLOW,
		 "1 byte past the end of pool block #1"},
		{E, RT_WRITE, PAGES + 0x2004, 0, RT_HEAP_OVERFLOW,
		 "4 bytes past the end of page block #1 (EfiRuntimeServicesData, 8192 "
		 "bytes, "
		 "allocated at Helper+0x80)"},
		{E, RT_WRITE, ODD + 14, 0, RT_HEAP_OVERFLOW,
		 "1 byte past the end of pool block #5"},
		{R, RT_READ, BOOT_POOL + 24, 0, RT_HEAP_OVERFLOW, "pool block #2"},
		{E, RT_WRITE, PAGES - 1, 0, RT_HEAP_UNDERFLOW,
		 "1 byte before page block #1"},
		{V, RT_WRITE, POOL + VIRTUAL - 4095, 0, RT_HEAP_UNDERFLOW,
		 "4095 bytes before pool block #1"},
		{E, RT_WRITE, PAGES + 0x3000, 0, RT_WILD_ACCESS, "where nothing is"},
		{E, RT_READ, EMPTY, 0, RT_HEAP_OVERFLOW,
		 "the first byte past the end of pool block #7"},
		{E, RT_READ, EMPTY + 0x1fff, 0, RT_HEAP_OVERFLOW, "pool block #7"},
		{E, RT_READ, EMPTY + 0x2000, 0, RT_WILD_ACCESS, "where nothing is"},
		/* after conversion the guards are around the virtual addresses */
		{V, RT_READ, POOL + 96, 0, RT_WILD_ACCESS, "where nothing is"},
		{C, RT_READ, POOL + VIRTUAL + 96, 0, RT_WILD_ACCESS, "where nothing is"},

		/* a table is seldom written past its end */
		{E, RT_WRITE, BOOT - 8, 0, RT_HEAP_OVERFLOW,
		 "4088 bytes past the end of pool block #6"},
		/* neighbours without a guard: the one that has the address */
		{R, RT_READ, SECOND + 8, 0, RT_BOOT_MEMORY_AFTER_EXIT,
		 "8 bytes into page block #3"},
		{R, RT_READ, SECOND - 8, 0, RT_BOOT_MEMORY_AFTER_EXIT,
		 "4088 bytes into page block #2"},

		/* one guard page between the stack and a pool block: the nearer one */
		{E, RT_WRITE, NEXT_POOL - 0xfd0, STACK + 0x8000, RT_HEAP_UNDERFLOW,
		 "before pool block #4"},
		{E, RT_WRITE, STACK + 0x10fe0, STACK + 0x8000, RT_STACK_OVERFLOW,
		 "4064 bytes past the end of the stack"},
		{E, RT_WRITE, STACK + 0x10fe1, STACK + 0x8000, RT_HEAP_UNDERFLOW,
		 "4063 bytes before pool block #4"},
		{E, RT_WRITE, STACK + 0x10008, STACK + 0x8000, RT_STACK_OVERFLOW,
		 "8 bytes past the end of the stack"},

		{V, RT_WRITE, CALLER + 16, 0, RT_CALLER_BUFFER_OVERFLOW,
		 "the first byte past the end of the caller's buffer Data (16 bytes)"},
		{R, RT_READ, CALLER - 4096, 0, RT_CALLER_BUFFER_OVERFLOW,
		 "4096 bytes before the caller's buffer Data"},

		{R, RT_READ, BOOT_POOL + 8, 0, RT_BOOT_MEMORY_AFTER_EXIT,
		 "after ExitBootServices: reads 0x20120ff0, 8 bytes into pool block #2 "
		 "(EfiBootServicesData, 24 bytes, allocated at My.efi+0x600), which is the "
		 "operating system's by now"},
		{X, RT_READ, BOOT_POOL, 0, RT_BOOT_MEMORY_AFTER_EXIT,
		 "in ExitBootServices: "},
		{V, RT_WRITE, BOOT_POOL, 0, RT_BOOT_MEMORY_AFTER_EXIT, "pool block #2"},
		{R, RT_EXECUTE, BOOT_POOL, 0, RT_BOOT_MEMORY_AFTER_EXIT, "pool block #2"},
		{R, RT_EXECUTE, HELPER + 0x1000, 0, RT_BOOT_MEMORY_AFTER_EXIT,
		 "jumps to 0x20109000, Helper+0x1000, which is the operating system's"},
		{R, RT_WRITE, HELPER, 0, RT_BOOT_MEMORY_AFTER_EXIT, "Helper+0x0"},
		{R, RT_READ, STACK + 64, OS_STACK, RT_BOOT_MEMORY_AFTER_EXIT, "the stack"},
		{R, RT_READ, AGAIN, 0, RT_BOOT_MEMORY_AFTER_EXIT, "page block #4"},
		{R, RT_READ, HOBS, 0, RT_BOOT_MEMORY_AFTER_EXIT,
		 "the first byte of the HOB list ("},
		{R, RT_READ, BOOT + 64, 0, RT_BOOT_SERVICE_AFTER_EXIT,
		 "reads 0x20144040, AllocatePool of the table EFI_BOOT_SERVICES"},
		{V, RT_READ, BOOT + 320, 0, RT_BOOT_SERVICE_AFTER_EXIT,
		 "LocateProtocol of"},
		{R, RT_READ, BOOT + 8, 0, RT_BOOT_SERVICE_AFTER_EXIT, "a field of"},
		{R, RT_READ, BOOT + 160, 0, RT_BOOT_SERVICE_AFTER_EXIT, "a field of"},

		{C, RT_WRITE, POOL + VIRTUAL + 8, 0, RT_VIRTUAL_TOO_EARLY,
		 "in SetVirtualAddressMap: writes 0x300020110fa8, a virtual address, 8 "
		 "bytes "
		 "into pool block #1 (EfiRuntimeServicesData, 96 bytes, allocated at "
		 "My.efi+0x5c0), which counts only after SetVirtualAddressMap"},
		{C, RT_EXECUTE, IMAGE + VIRTUAL + 0x1000, 0, RT_VIRTUAL_TOO_EARLY,
		 "the virtual address of My.efi+0x1000 (.text)"},
		{C, RT_READ, TABLE + VIRTUAL, 0, RT_VIRTUAL_TOO_EARLY,
		 "the virtual address of the table EFI_SYSTEM_TABLE"},
		{R, RT_READ, TABLE + VIRTUAL, 0, RT_WILD_ACCESS, "where nothing is"},
		{C, RT_WRITE, POOL + 96, 0, RT_HEAP_OVERFLOW, "pool block #1"},

		{V, RT_READ, POOL, 0, RT_UNCONVERTED_POINTER,
		 "after SetVirtualAddressMap: reads 0x20110fa0, the physical address of "
		 "pool "
		 "block #1 (EfiRuntimeServicesData, 96 bytes, allocated at My.efi+0x5c0)"},
		{V, RT_EXECUTE, IMAGE + 0x1000, 0, RT_UNCONVERTED_POINTER,
		 "jumps to 0x20101000, the physical address of My.efi+0x1000 (.text)"},
		{V, RT_WRITE, IMAGE + 0x2000, 0, RT_UNCONVERTED_POINTER,
		 "the physical address of My.efi+0x2000 (.data)"},
		{V, RT_READ, TABLE + 24, 0, RT_UNCONVERTED_POINTER,
		 "a physical address, 24 bytes into the table EFI_SYSTEM_TABLE"},
		{V, RT_WRITE, DEVICE + 0x1000, 0, RT_UNCONVERTED_POINTER,
		 "4096 bytes into the device flash"},
		{V, RT_READ, POOL - 8, 0, RT_UNCONVERTED_POINTER,
		 "a physical address, 8 bytes before pool block #1"},
		{C, RT_READ, POOL, 0, RT_UNCONVERTED_POINTER,
		 "the physical address of pool"},

		{E, RT_READ, DEVICE - 1, 0, RT_WILD_ACCESS,
		 "1 byte before the device flash"},
		{E, RT_READ, BOOT + 376, 0, RT_WILD_ACCESS,
		 "the first byte past the end of the table EFI_BOOT_SERVICES"},
		{E, RT_READ, 0x123456789000, 0, RT_WILD_ACCESS,
		 "reads 0x123456789000, where nothing is"},
		{E, RT_EXECUTE, 0x123456789000, 0, RT_WILD_ACCESS, "jumps to"},
		{E, RT_WRITE, UINT64_MAX - 1, 0, RT_WILD_ACCESS, "where nothing is"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct machine *m = machine_new();
		const struct runtime_finding *f;

		fault(m, (enum rt_phase)cases[i].phase, cases[i].access, cases[i].address)
			->registers[7] = cases[i].sp;
		f = judge(m);
		if (f->rule != cases[i].rule || strstr(f->text, cases[i].text) == NULL)
			fail_msg("case %zu: %s \"%s\", not %s \"%s\"", i,
				 runtime_rule_name(f->rule), f->text,
				 runtime_rule_name(cases[i].rule), cases[i].text);
		assert_string_equal(f->driver, "My.efi");
		assert_true(f->has_offset && f->has_address);
		assert_int_equal(f->offset, 0x1a40);
		assert_int_equal(f->address, cases[i].address);
		assert_int_equal(f->phase, cases[i].phase);
		machine_free(m);
	}
}

static void t_object(void **state)
{
	struct machine *m = machine_new();
	const struct runtime_finding *f;

	(void)state;
	fault(m, RT_PHASE_RUNTIME, RT_READ, BOOT_POOL + 8);
	f = judge(m);
	assert_true(f->has_object);
	assert_string_equal(f->object.kind, "pool");
	assert_string_equal(f->object.type, "EfiBootServicesData");
	assert_int_equal(f->object.size, 24);
	assert_int_equal(f->object.number, 2);
	assert_string_equal(f->object.allocated_at, "My.efi+0x600");
	assert_string_equal(m->r.paths[0], "some/My.efi");
	assert_null(m->r.paths[1]);
	assert_ptr_not_equal(m->r.last, m->s);
	machine_free(m);
}

static void put(struct machine *m, uint64_t physical, uint64_t value)
{
	memcpy(m->ram + (physical - RAM), &value, sizeof value);
}

/* Where the pointer lives that was not converted. */
static void t_pointer(void **state)
{
	static const struct {
		uint64_t address;
		uint64_t place[2], value[2];
		const char *text; /* NULL: none is told */
	} cases[] = {
		{POOL, {IMAGE + 0x2038}, {POOL}, "; its pointer lives in .data+0x38"},
		{POOL + 8, {IMAGE + 0x2038}, {POOL}, "; its pointer lives in .data+0x38"},
		/* of two, the nearer; of two alike, the first */
		{POOL + 8,
		 {IMAGE + 0x2000, IMAGE + 0x2010},
		 {POOL, POOL + 8},
		 ".data+0x10"},
		{POOL + 8, {IMAGE + 0x2000, IMAGE + 0x2010}, {POOL, POOL}, ".data+0x0"},
		/* behind what was accessed, outside of the block, in code: not it */
		{POOL + 8, {IMAGE + 0x2000}, {POOL + 16}, NULL},
		{POOL, {IMAGE + 0x2000}, {POOL - 8}, NULL},
		{POOL, {IMAGE + 0x1008}, {POOL}, NULL},
		/* 64 bytes of .data, and no more */
		{POOL, {IMAGE + 0x2040}, {POOL}, NULL},
		/* in memory that the driver allocated: runtime memory, its own, in use */
		{IMAGE + 0x1000, {POOL + 16}, {IMAGE + 0x1000}, "in pool block #1+0x10"},
		{IMAGE + 0x1000, {PAGES}, {IMAGE + 0x1000}, NULL},
		{IMAGE + 0x1000, {FREED}, {IMAGE + 0x1000}, NULL},
		{POOL + 8, {IMAGE + 0x2000, ODD}, {POOL, POOL + 8}, "in .data+0x0"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct machine *m = machine_new();
		const struct runtime_finding *f;

		for (int k = 0; k < 2 && cases[i].place[k] != 0; k++)
			put(m, cases[i].place[k], cases[i].value[k]);
		fault(m, RT_PHASE_VIRTUAL, RT_READ, cases[i].address);
		f = judge(m);
		assert_int_equal(f->rule, RT_UNCONVERTED_POINTER);
		if (cases[i].text == NULL ? strstr(f->text, "pointer lives") != NULL
					  : strstr(f->text, cases[i].text) == NULL)
			fail_msg("case %zu: %s", i, f->text);
		machine_free(m);
	}
}

/* Without the driver's own file there are no sections. */
static void t_no_file(void **state)
{
	struct machine *m = machine_new();
	const struct runtime_finding *f;

	(void)state;
	m->config.subject_count = 0;
	put(m, IMAGE + 0x1008, POOL);
	fault(m, RT_PHASE_VIRTUAL, RT_READ, POOL);
	f = judge(m);
	assert_non_null(strstr(f->text, "; its pointer lives in My.efi+0x1008"));
	assert_null(m->r.paths[0]);
	machine_free(m);
}

static void t_at(void **state)
{
	static const struct {
		struct rt_record r;
		const char *driver;
		enum rt_rule rule;
		const char *text;
	} cases[] = {
		/* in a service that a driver called */
		{{.in_host = 1, .access = RT_WRITE, .at = {0, 0x80}, .address = POOL + 96},
		 "My.efi",
		 RT_HEAP_OVERFLOW,
		 "in the entry point: a service, called here, writes "},
		/* whose stack pointer is ours */
		{{.in_host = 1,
		  .access = RT_WRITE,
		  .at = {0, 0x80},
		  .address = STACK - 0x7000,
		  .registers = {[7] = STACK - 0x7000}},
		 "My.efi",
		 RT_WILD_ACCESS,
		 "where nothing is"},
		/* nobody's code */
		{{.at = {RT_NOBODY, 0x7000}, .address = 8},
		 "",
		 RT_WILD_ACCESS,
		 "code at 0x7000, which is no driver's, reads 0x8"},
		{{.at = {RT_NOBODY, 0x9000}, .access = RT_EXECUTE, .address = 0x9000},
		 "",
		 RT_WILD_ACCESS,
		 "jumps to 0x9000, where nothing is"},
		{{.at = {RT_NOBODY, POOL}, .access = RT_EXECUTE, .address = POOL},
		 "",
		 RT_EXECUTE_DATA,
		 "pool block #1"},
		/* the processor does not tell the address */
		{{.at = {0, 4},
		  .non_canonical = 1,
		  .registers = {[2] = 0xafafafafafafafaf}},
		 "My.efi",
		 RT_WILD_ACCESS,
		 "uses an address that is not canonical; rcx is 0xafafafafafafafaf"},
		{{.at = {0, 4}, .address = UINT64_MAX, .registers = {[0] = 1ULL << 47}},
		 "My.efi",
		 RT_WILD_ACCESS,
		 "not canonical; rax is 0x800000000000"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct machine *m = machine_new();
		const struct runtime_finding *f;

		record(m, cases[i].r)->rule = RT_RULE_COUNT;
		f = judge(m);
		assert_string_equal(f->driver, cases[i].driver);
		assert_int_equal(f->has_offset, *cases[i].driver != 0);
		if (f->rule != cases[i].rule || strstr(f->text, cases[i].text) == NULL)
			fail_msg("case %zu: %s", i, f->text);
		machine_free(m);
	}
}

/* Services by the number of their stub. */
static void t_service(void **state)
{
	static const struct {
		uint16_t service;
		const char *text;
	} cases[] = {{41, "CopyMem, called here,"},
		     {17, "a service, called here,"},
		     {134, "GetVariable, called here,"},
		     {140, "a service, called here,"},
		     {RT_SERVICE_NONE, "a service, called here,"}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct machine *m = machine_new();
		struct rt_record *r = fault(m, RT_PHASE_BOOT, RT_READ, 0);

		strcpy(m->s->services[6].name, "GetVariable");
		r->in_host = 1;
		r->service = cases[i].service;
		assert_non_null(strstr(judge(m)->text, cases[i].text));
		machine_free(m);
	}
}

/* Rules that the child knew keep their rule and their words. */
static void t_known(void **state)
{
	(void)state;
	for (uint32_t rule = 0; rule < RT_RULE_COUNT; rule++) {
		struct machine *m = machine_new();
		struct rt_record *r =
			record(m, (struct rt_record){.rule = rule,
						     .phase = RT_PHASE_EXIT,
						     .at = {1, 0x30},
						     .text = "says what it saw"});
		const struct runtime_finding *f;

		r->block = rule % 2 != 0 ? B_BOOT_POOL : -1;
		f = judge(m);
		assert_int_equal(f->rule, rule);
		assert_string_equal(f->driver, "Helper");
		assert_false(f->has_address);
		assert_int_equal(f->has_object, rule % 2);
		assert_string_equal(f->text,
				    rule % 2 == 0
					    ? "in ExitBootServices: says what it saw"
					    : "in ExitBootServices: says what it saw; pool "
					      "block #2 (EfiBootServicesData, 24 bytes, "
					      "allocated at My.efi+0x600)");
		machine_free(m);
	}
}

/* A hole in the environment is not a bug of the driver. */
static void t_missing(void **state)
{
	static const struct {
		uint32_t rule;
		enum rt_phase phase;
		uint64_t address;
		bool same_call;
		enum rt_rule want;
		const char *text;
	} cases[] = {
		{RT_RULE_COUNT, RT_PHASE_ENTRY, 8, true, RT_UNMET_DEPENDENCY,
		 "in the entry point: asked for EFI_MM_ACCESS_PROTOCOL "
		 "(c2702b74-800c-4131-8746-8fb5b89ce4ac), which nothing here provides, and "
		 "then reads 0x8, offset 0x8 from a null pointer"},
		{RT_RULE_COUNT, RT_PHASE_VIRTUAL, 0, true, RT_UNMET_DEPENDENCY, "and then"},
		{RT_RULE_COUNT, RT_PHASE_BOOT, 8, false, RT_NULL_POINTER,
		 "; earlier it asked for EFI_MM_ACCESS_PROTOCOL"},
		{RT_HANG, RT_PHASE_BOOT, 0, true, RT_UNMET_DEPENDENCY,
		 "and then does not return"},
		{RT_HANG, RT_PHASE_BOOT, 0, false, RT_HANG,
		 "at boot time: does not return"},
		{RT_RULE_COUNT, RT_PHASE_ENTRY, 0x777000, true, RT_UNMET_DEPENDENCY,
		 "reads"},
		{RT_RULE_COUNT, RT_PHASE_BOOT, 0x777000, true, RT_WILD_ACCESS, "reads"},
		{RT_RULE_COUNT, RT_PHASE_ENTRY, POOL + 96, true, RT_HEAP_OVERFLOW, "reads"},
		/* int3 at 0x1010 of My.efi is a failed assertion, other instructions are
		   not */
		{RT_PRIVILEGED_INSTRUCTION, RT_PHASE_ENTRY, 0x1011, true,
		 RT_UNMET_DEPENDENCY, "and then does not return"},
		{RT_PRIVILEGED_INSTRUCTION, RT_PHASE_ENTRY, 0x1010, true,
		 RT_PRIVILEGED_INSTRUCTION, "does"},
		{RT_PRIVILEGED_INSTRUCTION, RT_PHASE_ENTRY, 0x1011, false,
		 RT_PRIVILEGED_INSTRUCTION, "does"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct machine *m = machine_new();
		struct rt_record *r = fault(m, cases[i].phase, RT_READ, cases[i].address);
		const struct runtime_finding *f;

		m->ram[IMAGE + 0x1010 - RAM] = 0xcc;
		r->rule = cases[i].rule;
		if (r->rule != RT_RULE_COUNT)
			strcpy(r->text, "does not return");
		if (r->rule == RT_PRIVILEGED_INSTRUCTION)
			r->at.offset = cases[i].address;
		r->has_missing = 1;
		r->missing_same_call = cases[i].same_call;
		r->missing = smm_access;
		f = judge(m);
		if (f->rule != cases[i].want || strstr(f->text, cases[i].text) == NULL)
			fail_msg("case %zu: %s %s", i, runtime_rule_name(f->rule), f->text);
		machine_free(m);
	}
}

/* Drivers that were not started, or gave up. */
static void t_unmet(void **state)
{
	static const struct {
		enum rt_status status;
		EFI_STATUS entry_status;
		struct rt_need needs[7];
		const char *text; /* NULL: no finding */
	} cases[] = {
		{RT_STATUS_UNMET,
		 0,
		 {{SMM_ACCESS, 0, RT_NEED_DEPEX, 0}, {UNKNOWN, 0, RT_NEED_DEPEX, 0}},
		 "not started: its dependency expression wants EFI_MM_ACCESS_PROTOCOL "
		 "(c2702b74-800c-4131-8746-8fb5b89ce4ac), "
		 "01020304-0506-0708-090a-0b0c0d0e0f10, which nothing here provides"},
		{RT_STATUS_UNMET,
		 0,
		 {{SMM_ACCESS, 0, RT_NEED_DEPEX, 1}, {UNKNOWN, 1, RT_NEED_DEPEX, 0}},
		 "not started: its dependency expression wants what never comes true"},
		{RT_STATUS_UNMET,
		 0,
		 {{SMM_ACCESS, 0, RT_NEED_DEPEX, 0},
		  {SMM_ACCESS, 0, RT_NEED_DEPEX, 0},
		  {SMM_ACCESS, 0, RT_NEED_DEPEX, 0},
		  {SMM_ACCESS, 0, RT_NEED_DEPEX, 0},
		  {SMM_ACCESS, 0, RT_NEED_DEPEX, 0},
		  {SMM_ACCESS, 0, RT_NEED_DEPEX, 0},
		  {SMM_ACCESS, 0, RT_NEED_DEPEX, 0}},
		 " and 2 more, which nothing here provides"},
		{RT_STATUS_FAILED,
		 EFI_NOT_FOUND,
		 {{UNKNOWN, 0, RT_NEED_LOCATE, 0}, {SMM_ACCESS, 0, RT_NEED_NOTIFY, 0}},
		 "in the entry point: returned EFI_NOT_FOUND; it had asked for "
		 "01020304-0506-0708-090a-0b0c0d0e0f10, which nothing here provides"},
		{RT_STATUS_FAILED,
		 EFI_UNSUPPORTED,
		 {{UNKNOWN, 0, RT_NEED_LOCATE, 1}},
		 NULL},
		{RT_STATUS_OK, 0, {{UNKNOWN, 0, RT_NEED_LOCATE, 0}}, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct machine *m = machine_new();
		const struct runtime_finding *f;

		m->s->images[0].status = (uint8_t)cases[i].status;
		m->s->images[0].entry_status = cases[i].entry_status;
		memcpy(m->s->needs, cases[i].needs, sizeof cases[i].needs);
		while (m->s->needs_count < 7 &&
		       m->s->needs[m->s->needs_count].guid.Data1 != 0)
			m->s->needs_count++;
		if (cases[i].text == NULL) {
			judge_nothing(m);
		} else {
			f = judge(m);
			assert_int_equal(f->rule, RT_UNMET_DEPENDENCY);
			assert_false(f->has_offset || f->has_address || f->has_object);
			assert_string_equal(f->driver, "My.efi");
			if (strstr(f->text, cases[i].text) == NULL)
				fail_msg("case %zu: %s", i, f->text);
		}
		/* once is enough, in later runs too */
		assert_int_equal(rt_judge(&m->config, m->s, (struct bytes){0}, RAM, &m->r),
				 0);
		assert_int_equal(m->r.finding_count, cases[i].text != NULL);
		machine_free(m);
	}
}

/* One that fell in an earlier run, and was left out of this: it is not unmet. */
static void t_unmet_helper(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->s->images[1].status = RT_STATUS_UNMET;
	judge_nothing(m);
	machine_free(m);
}

static void t_left_out(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	fault(m, RT_PHASE_ENTRY, RT_READ, 8);
	m->s->images[0].status = RT_STATUS_FAULTED;
	judge(m);
	m->s->records_count = 0;
	m->s->images[0].status = RT_STATUS_UNMET;
	assert_int_equal(judge(m)->rule, RT_NULL_POINTER);
	machine_free(m);
}

static void t_repeats(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	fault(m, RT_PHASE_BOOT, RT_READ, 8);
	fault(m, RT_PHASE_VIRTUAL, RT_READ, 16);           /* the same place */
	fault(m, RT_PHASE_BOOT, RT_READ, 8)->at.offset++;  /* another offset */
	fault(m, RT_PHASE_BOOT, RT_READ, 8)->at.image = 1; /* another driver */
	fault(m, RT_PHASE_BOOT, RT_READ, POOL + 96);       /* another rule */
	for (int run = 0; run < 2; run++) {
		assert_int_equal(rt_judge(&m->config, m->s, (struct bytes){0}, RAM, &m->r),
				 0);
		assert_int_equal(m->r.finding_count, 4);
	}
	assert_int_equal(m->r.findings[0].phase, RT_PHASE_BOOT);
	assert_string_equal(m->r.findings[2].driver, "Helper");
	assert_int_equal(m->r.findings[3].rule, RT_HEAP_OVERFLOW);
	machine_free(m);
}

static void t_hangs(void **state)
{
	static const struct {
		uint64_t offset;
		size_t count;
	} cases[] = {{0x1000, 1}, {0x10ff, 1}, {0xf01, 1}, {0x1100, 2}, {0xd00, 2}, {0, 2}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct machine *m = machine_new();

		for (int k = 0; k < 2; k++)
			record(m, (struct rt_record){
					  .rule = RT_HANG,
					  .at = {0, k == 0 ? 0x1000 : cases[i].offset},
					  .text = "does not return"});
		assert_int_equal(rt_judge(&m->config, m->s, (struct bytes){0}, RAM, &m->r),
				 0);
		assert_int_equal(m->r.finding_count, cases[i].count);
		machine_free(m);
	}
}

/* One that the child was still writing when it ended. */
static void t_unfinished(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	record(m, (struct rt_record){.rule = RT_HANG});
	for (uint32_t i = 1; i < 8; i++)
		record(m, (struct rt_record){.rule = RT_RULE_COUNT + i, .text = "none"});
	record(m, (struct rt_record){.rule = UINT32_MAX, .text = "what rule is this"});
	judge_nothing(m);
	machine_free(m);
}

static void t_clean(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"plain", "plain"},
		{"d\xc3\xa9j\xc3\xa0 \xe2\x82\xac", "d\xc3\xa9j\xc3\xa0 \xe2\x82\xac"},
		{"\x1b[31m\n\t\x7f", "?[31m???"},
		{"\xc3", "?"},
		{"\xe2\x82", "??"},
		{"\xff\xfe\x80", "???"},
		{"\xf0\x9f\x98\x80", "????"},
		{"\xed\xa0\x80", "???"},
		{"a\xe2\x80\xae"
		 "b",
		 "a???b"},
		{"0123456789abcdef", "0123456789abcde"},
		{"0123456789abc\xe2\x82\xac", "0123456789abc??"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[16];

		memcpy(text, cases[i].in,
		       strlen(cases[i].in) < sizeof text ? strlen(cases[i].in) + 1
							 : sizeof text);
		rt_clean(text, sizeof text);
		assert_string_equal(text, cases[i].out);
	}
}

static void assert_text(const char *text, size_t cap)
{
	assert_true(strnlen(text, cap) < cap);
	assert_true(ucs2_from_utf8(text, strlen(text), NULL, 0) != SIZE_MAX);
	for (; *text != 0; text++)
		assert_true((unsigned char)*text >= 0x20 && *text != 0x7f);
}

static void assert_range(uint64_t base, uint64_t size)
{
	assert_true(base == 0 || (base >= 0x4000 && base + size >= base &&
				  base + size <= UINT64_MAX - 0x4000));
}

static void assert_index(int64_t i, int64_t none, uint32_t count)
{
	assert_true(i == none || (i >= 0 && i < count));
}

static void assert_blocks(const struct rt_shared *s)
{
	for (uint32_t i = 0; i < s->blocks_count; i++) {
		const struct rt_block *b = &s->blocks[i];

		assert_true(b->kind <= RT_BLOCK_DEVICE);
		assert_range(b->physical, b->size);
		assert_range(b->virtual_, b->size);
		assert_index(b->owner, RT_NOBODY, s->images_count);
		assert_index(b->freed_by, RT_NOBODY, s->images_count);
		assert_text(b->name, sizeof b->name);
	}
}

static void assert_records(const struct rt_shared *s)
{
	for (uint32_t i = 0; i < s->records_count; i++) {
		const struct rt_record *p = &s->records[i];

		assert_true(p->rule <= RT_RULE_NONE && p->phase < RT_PHASE_COUNT &&
			    p->access <= RT_EXECUTE);
		assert_index(p->at.image, RT_NOBODY, s->images_count);
		assert_index(p->block, -1, s->blocks_count);
		assert_text(p->text, sizeof p->text);
	}
	for (uint32_t i = 0; i < s->suspects_count; i++) {
		assert_index(s->suspects[i].at.image, RT_NOBODY, s->images_count);
		assert_index(s->suspects[i].block, -1, s->blocks_count);
		assert_index(s->suspects[i].holder, -1, s->blocks_count);
	}
}

static void assert_images(const struct rt_shared *s)
{
	for (uint32_t i = 0; i < s->images_count; i++) {
		const struct rt_image *p = &s->images[i];

		assert_true(p->role <= RT_ROLE_HELPER && p->status <= RT_STATUS_FAULTED);
		assert_range(p->physical, p->size);
		assert_range(p->virtual_, p->size);
		assert_text(p->name, sizeof p->name);
	}
	for (uint32_t i = 0; i < s->needs_count; i++)
		assert_index(s->needs[i].image, RT_NOBODY, s->images_count);
	for (uint32_t i = 0; i < RT_SERVICES_MAX; i++) {
		assert_text(s->services[i].name, sizeof s->services[i].name);
		assert_index(s->services[i].owner, RT_NOBODY, s->images_count);
	}
	for (uint32_t i = 0; i < s->misses_count; i++) {
		assert_true(s->misses[i].phase < RT_PHASE_COUNT);
		assert_text(s->misses[i].text, sizeof s->misses[i].text);
	}
}

static void assert_report(const struct runtime_report *r)
{
	const struct rt_shared *s = r->last;

	assert_true(s->images_count <= RT_IMAGES_MAX && s->blocks_count <= RT_BLOCKS_MAX &&
		    s->records_count <= RT_RECORDS_MAX &&
		    s->suspects_count <= RT_SUSPECTS_MAX &&
		    s->needs_count <= RT_NEEDS_MAX && s->phase < RT_PHASE_COUNT &&
		    s->map_len <= sizeof s->map);
	assert_true(s->misses_count <= RT_MISSES_MAX);
	assert_text(s->trouble_text, sizeof s->trouble_text);
	assert_images(s);
	assert_blocks(s);
	assert_records(s);
	for (size_t i = 0; i < r->finding_count; i++) {
		const struct runtime_finding *f = &r->findings[i];

		assert_true((unsigned)f->rule < RT_RULE_COUNT);
		assert_true((unsigned)f->phase < RT_PHASE_COUNT);
		assert_text(f->text, sizeof f->text);
		assert_text(f->driver, sizeof f->driver);
		assert_text(f->object.allocated_at, sizeof f->object.allocated_at);
	}
}

/* An image of which only the block is left. */
static void t_orphan(void **state)
{
	struct machine *m = machine_new();
	const struct runtime_finding *f;

	(void)state;
	m->s->blocks[B_IMAGE].owner = 64;
	fault(m, RT_PHASE_ENTRY, RT_WRITE, IMAGE + 0x2000);
	f = judge(m);
	assert_int_equal(f->rule, RT_WRITE_TO_CODE);
	assert_non_null(
		strstr(f->text, "8192 bytes into the image (EfiRuntimeServicesCode"));
	machine_free(m);
}

/* Every byte may be anything. */
static void t_hostile(void **state)
{
	struct machine *m = machine_new();
	uint64_t z = 1;

	(void)state;
	for (int round = 0; round < 6; round++) {
		uint32_t *p = (uint32_t *)m->s;

		if (round == 0)
			memset(m->s, 0xff, sizeof *m->s);
		for (size_t i = 0; round != 0 && i < sizeof *m->s / 4; i++) {
			z = z * 6364136223846793005ULL + 1442695040888963407ULL;
			p[i] = (uint32_t)(z >> 32);
		}
		/* later rounds: some fields that make sense, so that others are looked at
		 */
		for (uint32_t i = 0; round > 1 && i < RT_RECORDS_MAX; i++) {
			struct rt_record *r = &m->s->records[i];

			r->rule = i % 4 == 0 ? r->rule % RT_RULE_COUNT : RT_RULE_COUNT;
			r->at.image %= 64;
			r->phase %= RT_PHASE_COUNT;
			r->address = m->s->blocks[i].physical + i % 8;
		}
		for (uint32_t i = 0; round > 1 && i < RT_BLOCKS_MAX; i++) {
			struct rt_block *b = &m->s->blocks[i];

			b->kind %= 8;
			b->freed &= round > 3;
			b->size &= 0xffffff;
			b->physical =
				round > 2 ? RAM + (b->physical & 0xfffff) : b->physical;
			b->memory_type &= 0xf;
		}
		for (uint32_t i = 0; round > 3 && i < RT_IMAGES_MAX; i++) {
			m->s->images[i].physical = RAM + i * 0x8000;
			m->s->images[i].size = i % 2 == 0 ? 0x3000 : RAM_LEN;
		}
		assert_int_equal(rt_judge(round == 0 ? NULL : &m->config, m->s,
					  (struct bytes){m->ram, RAM_LEN}, RAM, &m->r),
				 0);
		assert_report(&m->r);
	}
	machine_free(m);
}

static void t_names(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < RT_RULE_COUNT; i++) {
		assert_string_not_equal(runtime_rule_name((enum rt_rule)i), "unknown");
		for (uint32_t k = 0; k < i; k++)
			assert_string_not_equal(runtime_rule_name((enum rt_rule)i),
						runtime_rule_name((enum rt_rule)k));
	}
	assert_string_equal(runtime_rule_name(RT_RULE_COUNT), "unknown");
	assert_string_equal(runtime_phase_name(RT_PHASE_READY_TO_BOOT), "ready-to-boot");
	assert_string_equal(runtime_phase_name(RT_PHASE_COUNT), "unknown");
	assert_string_equal(runtime_status_name(EFI_SUCCESS), "EFI_SUCCESS");
	assert_string_equal(runtime_status_name(EFI_SECURITY_VIOLATION),
			    "EFI_SECURITY_VIOLATION");
	assert_null(runtime_status_name(EFIERR(29)));
	assert_null(runtime_status_name(UINT64_MAX));
	assert_null(runtime_status_name(8));
	assert_string_equal(runtime_boot_service_name(43), "CreateEventEx");
	assert_null(runtime_boot_service_name(44));
	assert_string_equal(
		runtime_boot_service_name(
			(offsetof(EFI_BOOT_SERVICES, ExitBootServices) - 24) / 8),
		"ExitBootServices");
	assert_string_equal(runtime_guid_name(&smm_access), "EFI_MM_ACCESS_PROTOCOL");
	assert_null(runtime_guid_name(&unknown_guid));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_faults),   cmocka_unit_test(t_object),
		cmocka_unit_test(t_pointer),  cmocka_unit_test(t_no_file),
		cmocka_unit_test(t_at),       cmocka_unit_test(t_service),
		cmocka_unit_test(t_known),    cmocka_unit_test(t_missing),
		cmocka_unit_test(t_unmet),    cmocka_unit_test(t_unmet_helper),
		cmocka_unit_test(t_left_out), cmocka_unit_test(t_repeats),
		cmocka_unit_test(t_hangs),    cmocka_unit_test(t_unfinished),
		cmocka_unit_test(t_clean),    cmocka_unit_test(t_orphan),
		cmocka_unit_test(t_hostile),  cmocka_unit_test(t_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
