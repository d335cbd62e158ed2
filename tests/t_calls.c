/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Call scripts, carried out: services that answer well and services that do not stand in
 * for drivers, so that every answer that is wrong is seen to be told. No child, no gate.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/rt_priv.h"
#include "runtime/rt_script.h"

#define PAGE  4096ULL
#define OURS  (RT_RAM_BASE + 2 * PAGE) /* functions of the environment: RT_NOBODY's */
#define PLACE 0x200000ULL              /* functions of image 0: PLACE + enum */

/* The world that rt_calls.c sees. */
static struct rt *rt;
static uint8_t *arena; /* of the caller's buffers; page 0 of it stays free */
static uint64_t arena_next;
static uint8_t ram[4 * PAGE];
static struct rt_protocol fvb;
static char found[256];
static unsigned resets;

enum how {
	WELL,
	NOT_FOUND,
	DATA_TOO_SMALL_AND_FITS,
	DATA_LARGER_THAN_BUFFER,
	DATA_SIZE_ABSURD,
	NAME_WITHOUT_END,
	NAME_SIZE_ABSURD,
	NAMES_GROW,
	NAMES_FOREVER,
	MORE_LEFT_THAN_THERE_IS,
	MONTH_13,
	CLOCK_STANDS_LATE,
	BOOLEAN_2,
	COUNT_STANDS,
	RESET_RETURNS,
	RESETS_IN_GET,
	WRITES_BEFORE,
	WRITES_BEHIND,
	RAISES_TPL,
	READS_TOO_MUCH,
};
static enum how how;

/* The service @i of the table, or a protocol's function behind it. */
static uint64_t fake_get(const uint64_t *a)
{
	static const char data[] = "hello";
	uint64_t *size = (uint64_t *)a[3];
	const uint64_t room = *size;

	if (how == NOT_FOUND)
		return EFI_NOT_FOUND;
	*size = how == DATA_SIZE_ABSURD ? UINT64_MAX : sizeof data - 1;
	if (how == DATA_TOO_SMALL_AND_FITS)
		*size = room;
	if (room < sizeof data - 1 || how == DATA_TOO_SMALL_AND_FITS)
		return EFI_BUFFER_TOO_SMALL;
	if (how == RESETS_IN_GET) {
		rt->reset = true;
		return 0;
	}
	if (how == RAISES_TPL)
		rt->tpl = TPL_NOTIFY;
	if (how == WRITES_BEFORE)
		((uint8_t *)a[4])[-1] = 0;
	*(uint32_t *)a[2] = 7;
	memcpy((void *)a[4], data, sizeof data - 1);
	if (how == DATA_LARGER_THAN_BUFFER)
		*size = room + 1;
	return EFI_SUCCESS;
}

/* "A", and then, or forever, "LongName". */
static uint64_t fake_next(const uint64_t *a)
{
	static const CHAR16 first[] = u"A", second[] = u"LongName";
	uint64_t *size = (uint64_t *)a[0];
	CHAR16 *name = (CHAR16 *)a[1];
	const bool begin = name[0] == 0 || how == NAMES_FOREVER;
	const void *from = begin ? (const void *)first : second;
	const uint64_t len = begin ? sizeof first : sizeof second;
	const uint64_t room = *size;

	if (name[0] == 'L')
		return EFI_NOT_FOUND;
	*size = how == NAME_SIZE_ABSURD ? 0x10001 : len;
	if (how == NAMES_GROW)
		*size = room + 2;
	if (room < *size)
		return EFI_BUFFER_TOO_SMALL;
	memcpy(name, from, len);
	memset((void *)a[2], 0x11, sizeof(EFI_GUID));
	for (uint64_t i = 0; how == NAME_WITHOUT_END && i < room / 2; i++)
		name[i] = 'x';
	return EFI_SUCCESS;
}

static uint64_t fake_query(const uint64_t *a)
{
	*(uint64_t *)a[1] = 100;
	*(uint64_t *)a[2] = how == MORE_LEFT_THAN_THERE_IS ? 101 : 100;
	*(uint64_t *)a[3] = 10;
	return EFI_SUCCESS;
}

static uint64_t fake_get_time(const uint64_t *a)
{
	*(EFI_TIME *)a[0] = (EFI_TIME){.Year = 2024,
				       .Month = how == MONTH_13 ? 13 : 2,
				       .Day = 29,
				       .Hour = 23,
				       .Minute = 59,
				       .Second = how == CLOCK_STANDS_LATE ? 58 : 59,
				       .TimeZone = EFI_UNSPECIFIED_TIMEZONE};
	return EFI_SUCCESS;
}

static uint64_t fake_get_wakeup(const uint64_t *a)
{
	*(uint8_t *)a[0] = how == BOOLEAN_2 ? 2 : 1;
	*(uint8_t *)a[1] = 0;
	memset((void *)a[2], 0, sizeof(EFI_TIME));
	return EFI_SUCCESS;
}

static uint64_t fake_mono(const uint64_t *a)
{
	static uint32_t count;

	*(uint32_t *)a[0] = how == COUNT_STANDS ? count : ++count;
	return EFI_SUCCESS;
}

static uint64_t fake_reset(const uint64_t *a)
{
	(void)a;
	resets++;
	rt->reset = how != RESET_RETURNS;
	return 0;
}

static uint64_t fake_capsule(const uint64_t *a)
{
	EFI_CAPSULE_HEADER *h = *(EFI_CAPSULE_HEADER **)a[0];

	assert_int_equal(a[1], 1);
	assert_int_equal(h->HeaderSize, 28);
	assert_int_equal(h->Flags, 0x10000);
	assert_int_equal(h->CapsuleImageSize, 30);
	assert_int_equal(((const uint8_t *)h)[29], 0xcd);
	if (how == WRITES_BEHIND)
		((uint8_t *)h)[30] = 0;
	return EFI_UNSUPPORTED;
}

static uint64_t fake_read(const uint64_t *a)
{
	uint64_t *n = (uint64_t *)a[3];

	assert_int_equal(a[0], RT_RAM_BASE + PAGE);
	assert_int_equal(a[1], 5);
	assert_int_equal(a[2], 6);
	memset((void *)a[4], 0x77, *n);
	*n += how == READS_TOO_MUCH;
	return EFI_SUCCESS;
}

static uint64_t fake_set(const uint64_t *a)
{
	/* append of "bc": its bytes, the attribute, and nothing behind them */
	if (((const CHAR16 *)a[0])[0] == 'P')
		return a[2] == (4 | EFI_VARIABLE_APPEND_WRITE) && a[3] == 2 &&
				       memcmp((void *)a[4], "bc", 2) == 0
			       ? EFI_SUCCESS
			       : EFI_ABORTED;
	return a[2] == 0 && a[3] == 0 && a[4] == 0 ? EFI_SUCCESS : EFI_WRITE_PROTECTED;
}

enum { GET_TIME = 0, GET_WAKEUP = 2, GET = 6, NEXT, SET, MONO, RESET, UPDATE, QUERY = 13 };
#define FVB      30 /* and the number of the function in the protocol */
#define FVB_READ (FVB + 4)

static const struct {
	unsigned service;
	uint64_t (*fn)(const uint64_t *a);
} fakes[] = {
	{GET_TIME, fake_get_time}, {GET_WAKEUP, fake_get_wakeup},
	{GET, fake_get},           {NEXT, fake_next},
	{SET, fake_set},           {MONO, fake_mono},
	{RESET, fake_reset},       {UPDATE, fake_capsule},
	{QUERY, fake_query},       {FVB_READ, fake_read},
};

/* The functions of the room that rt_calls.c uses. */

const char rt_gate_resume[] = "here a call returns to";

uint64_t rt_enter(struct rt *r, uint64_t fn, const uint64_t *args, size_t count)
{
	const uint64_t back = (uintptr_t)rt_gate_resume;
	const unsigned service = (unsigned)((fn & 0xffff) / 16);

	(void)count;
	if (r->runtime) {
		/* a frame, and what lies 100 bytes below its return address */
		memcpy((void *)(r->runtime_stack + 8), &back, 8);
		*(uint8_t *)(r->runtime_stack + 16 - 100) = 0;
	}
	for (size_t i = 0; i < COUNT(fakes); i++)
		if (fakes[i].service == service)
			return fakes[i].fn(args);
	return EFI_UNSUPPORTED;
}

struct rt_place rt_place_of(struct rt *r, uint64_t address)
{
	(void)r;
	return address >= PLACE && address < PLACE + 0x10000
		       ? (struct rt_place){0, address - PLACE}
		       : (struct rt_place){RT_NOBODY, address};
}

void *rt_ram(struct rt *r, uint64_t p, uint64_t n)
{
	(void)r;
	return p >= RT_RAM_BASE && p - RT_RAM_BASE <= sizeof ram &&
			       n <= sizeof ram - (p - RT_RAM_BASE)
		       ? ram + (p - RT_RAM_BASE)
		       : NULL;
}

int32_t rt_block_find(struct rt *r, uint64_t address)
{
	(void)r;
	return address >= RT_RAM_BASE && address < RT_RAM_BASE + sizeof ram ? 0 : -1;
}

struct rt_protocol *rt_protocol_find(struct rt *r, const EFI_GUID *guid)
{
	(void)r;
	return fvb.used && memcmp(&fvb.guid, guid, sizeof *guid) == 0 ? &fvb : NULL;
}

const struct rt_service_def *rt_service_def(unsigned stub)
{
	static const struct rt_service_def def = {"Service", NULL, 0};

	(void)stub;
	return &def;
}

void rt_find(struct rt *r, enum rt_rule rule, struct rt_place at, uint64_t address,
	     const char *fmt, ...)
{
	va_list ap;
	size_t n;

	(void)address;
	assert_int_equal(at.image, 0);
	n = (size_t)snprintf(found, sizeof found, "%s: ", runtime_rule_name(rule));
	va_start(ap, fmt);
	vsnprintf(found + n, sizeof found - n, fmt, ap);
	va_end(ap);
	r->found = atomic_fetch_add(&r->shared->records_count, 1);
}

#define ARENA_LEN (8U << 20)
void *rt_caller_buffer(struct rt *r, uint64_t size, uint64_t align, const char *name)
{
	const uint64_t len = (size + PAGE - 1) & ~(PAGE - 1);
	const uint32_t n = atomic_fetch_add(&r->shared->blocks_count, 1);

	(void)name;
	assert_true(size != 0);
	assert_true(len <= ARENA_LEN - arena_next);
	memset(arena + arena_next, RT_CANARY, len);
	arena_next += len;
	r->shared->blocks[n].size = size;
	snprintf(r->shared->blocks[n].name, sizeof r->shared->blocks[n].name, "%s", name);
	return (void *)((uint64_t)(arena + arena_next - size) & ~(align - 1));
}

void rt_caller_buffers_reset(struct rt *r)
{
	atomic_store(&r->shared->blocks_count, 1);
	arena_next = 0;
}

/* A fresh machine, whose services are all image 0's. */
static void machine_new(struct runtime_config *config, struct rt_plan *plan)
{
	static const EFI_GUID guid = EFI_FIRMWARE_VOLUME_BLOCK2_PROTOCOL_GUID;
	uint64_t *services = (uint64_t *)(void *)(ram + sizeof(EFI_TABLE_HEADER));

	*config = (struct runtime_config){.calls = "the user's"};
	*plan = (struct rt_plan){.config = config};
	rt->config = config;
	rt->plan = plan;
	rt->rs = RT_RAM_BASE;
	rt->runtime_stubs = OURS;
	rt->tpl = TPL_APPLICATION;
	rt->reset = rt->runtime = rt->virtual_done = false;
	rt->high_count = 0;
	memset(rt->shared, 0, sizeof *rt->shared);
	atomic_store(&rt->shared->blocks_count, 1);
	rt->shared->blocks[0] = (struct rt_block){.physical = RT_RAM_BASE,
						  .size = sizeof ram,
						  .memory_type = EfiRuntimeServicesData};
	for (unsigned i = 0; i < RT_RUNTIME_SERVICES; i++)
		services[i] = PLACE + i * 16;
	fvb = (struct rt_protocol){
		.used = true, .guid = guid, .interface = RT_RAM_BASE + PAGE};
	for (unsigned i = 0; i < 7; i++)
		((uint64_t *)(void *)(ram + PAGE))[i] = PLACE + (FVB + i) * 16;
	found[0] = 0;
	resets = 0;
	how = WELL;
	rt_services_owners(rt);
}

static void run_script(const char *text, enum rt_phase phase)
{
	struct rt_script *s = NULL;
	struct diag d = {0};

	if (rt_script_new(text, &d, &s) != 0)
		fail_msg("%s: %s", text, d.text);
	rt->script = s;
	rt_calls_run(rt, phase);
	rt_script_free(s);
	assert_int_equal(rt->battery_call, -1);
}

#define G "11111111-1111-1111-1111-111111111111"

/* One line, how its service answers, what is told of it (NULL: nothing), and the finding.
 */
/* clang-format off */
static const struct {
	const char *line;
	enum how how;
	const char *want, *finding;
} answers[] = {
	{"get A test", WELL, NULL, NULL},
	{"get A test 5 -> EFI_SUCCESS \"hello\" nv+bs+rt", WELL, NULL, NULL},
	{"get A test -> any", NOT_FOUND, NULL, NULL},
	{"get A test -> EFI_NOT_FOUND", NOT_FOUND, NULL, NULL},
	{"get A test", NOT_FOUND, "get A: EFI_NOT_FOUND, expected EFI_SUCCESS", NULL},
	{"get A test -> 0x12345678", WELL, "get A: EFI_SUCCESS, expected 0x12345678", NULL},
	{"get A test -> EFI_SUCCESS \"hellp\"", WELL, "get A: the data is not what is expected", NULL},
	{"get A test -> EFI_SUCCESS 2*68", WELL, "get A: EFI_BUFFER_TOO_SMALL, expected EFI_SUCCESS", NULL},
	{"get A test 9 -> EFI_SUCCESS 2*68", WELL, "get A: the length of the data is not what is expected", NULL},
	{"get A test -> EFI_SUCCESS \"hello\" nv", WELL, "get A: the attributes are not what is expected", NULL},
	{"get A test 0 -> EFI_BUFFER_TOO_SMALL", WELL, NULL, NULL},
	{"get A test 9 -> EFI_BUFFER_TOO_SMALL", DATA_TOO_SMALL_AND_FITS,
	 "get A: the buffer is called too small, but DataSize is not larger", NULL},
	{"get A test 9", DATA_LARGER_THAN_BUFFER, "get A: DataSize is larger than the buffer", NULL},
	{"get A test -> any", DATA_SIZE_ABSURD, "get A: DataSize is no size of a variable", NULL},
	{"get A test", WRITES_BEFORE, NULL,
	 "caller-buffer-overflow: Service wrote before the caller's buffer Data of 5 bytes"},
	{"get A test", RAISES_TPL, NULL, "tpl-violation: Service was called at TPL 4 and returns at TPL 16"},
	{"get A test", RESETS_IN_GET, "get A: the machine was reset", NULL},
	{"next has A " G, WELL, NULL, NULL},
	{"next has LongName " G, WELL, NULL, NULL},
	{"next has LongNam " G, WELL, "next has LongNam: the enumeration lacks the variable", NULL},
	{"next has A test", WELL, "next has A: the enumeration lacks the variable", NULL},
	{"next lacks A test", WELL, NULL, NULL},
	{"next lacks A " G, WELL, "next lacks A: the enumeration has the variable", NULL},
	{"next", NAME_WITHOUT_END, "next: a name without its end", NULL},
	{"next -> any", NAME_SIZE_ABSURD, "next: VariableNameSize is no size of a longer name", NULL},
	{"next -> any", NAMES_GROW, "next: VariableNameSize is no size of a longer name", NULL},
	{"next", NAMES_FOREVER, "next: the enumeration has no end", NULL},
	{"next from A " G, WELL, NULL, NULL},
	{"next from LongName " G " -> EFI_NOT_FOUND", WELL, NULL, NULL},
	{"next from A " G " 4 -> EFI_BUFFER_TOO_SMALL", WELL, NULL, NULL},
	{"append P test rt \"bc\"", WELL, NULL, NULL},
	{"set P test rt \"bc\"", WELL, "set P: EFI_ABORTED, expected EFI_SUCCESS", NULL},
	{"delete D test", WELL, NULL, NULL},
	{"set D test 0 \"\"", WELL, "set D: EFI_WRITE_PROTECTED, expected EFI_SUCCESS", NULL},
	{"query bs", WELL, NULL, NULL},
	{"query bs", MORE_LEFT_THAN_THERE_IS, "query: more remains than there is", NULL},
	{"get-time", WELL, NULL, NULL},
	{"get-time", MONTH_13, "get-time: a time that there is not", NULL},
	{"get-time -> EFI_SUCCESS 2024-02-29T23:59:59", WELL, NULL, NULL},
	{"get-time -> EFI_SUCCESS 2024-02-29T23:58:59", WELL, NULL, NULL},
	{"get-time -> EFI_SUCCESS 2024-02-29T23:58:58", WELL, "get-time: the time is not what is expected", NULL},
	{"get-time -> EFI_SUCCESS 2024-03-01T00:00:00", WELL, "get-time: the time is not what is expected", NULL},
	{"get-time -> EFI_SUCCESS 2024-02-29T23:59:59", CLOCK_STANDS_LATE,
	 "get-time: the time is not what is expected", NULL},
	{"get-wakeup-time", WELL, NULL, NULL},
	{"get-wakeup-time", BOOLEAN_2, "get-wakeup-time: a BOOLEAN that is neither TRUE nor FALSE", NULL},
	{"set-wakeup-time off", WELL, "set-wakeup-time off: EFI_UNSUPPORTED, expected EFI_SUCCESS", NULL},
	{"x3 mono", WELL, NULL, NULL},
	{"x2 mono", COUNT_STANDS, "mono: the count did not grow", NULL},
	{"reset cold", WELL, NULL, NULL},
	{"reset cold -> any", RESET_RETURNS, "reset: the machine was not reset", NULL},
	{"update-capsule test 0x10000 abcd -> EFI_UNSUPPORTED", WELL, NULL, NULL},
	{"update-capsule test 0x10000 abcd -> any", WRITES_BEHIND, NULL,
	 "caller-buffer-overflow: Service wrote behind the caller's buffer capsule of 30 bytes"},
	{"status-code 1 2", WELL, "status-code: EFI_NOT_FOUND, expected EFI_SUCCESS", NULL},
	{"fvb read 5 6 7 -> EFI_SUCCESS 7*77", WELL, NULL, NULL},
	{"fvb read 5 6 7 -> EFI_SUCCESS 6*77", WELL, "fvb read: the length of the data is not what is expected", NULL},
	{"fvb read 5 6 7", READS_TOO_MUCH, "fvb read: NumBytes is larger than the buffer", NULL},
};
/* clang-format on */

static void t_answers(void **state)
{
	struct runtime_config config;
	struct rt_plan plan;

	(void)state;
	for (size_t i = 0; i < COUNT(answers); i++) {
		const char *want = answers[i].want;
		const struct rt_shared *s = rt->shared;
		uint32_t misses;

		machine_new(&config, &plan);
		how = answers[i].how;
		run_script(answers[i].line, RT_PHASE_BOOT);
		misses = s->misses_count;
		if (misses != (want != NULL))
			fail_msg("%s: %s", answers[i].line,
				 misses ? s->misses[0].text : "nothing");
		if (want != NULL)
			assert_string_equal(s->misses[0].text, want);
		assert_int_equal(s->misses[0].line, misses);
		assert_string_equal(found,
				    answers[i].finding != NULL ? answers[i].finding : "");
		assert_int_equal(s->phases[RT_PHASE_BOOT].failed, misses);
		assert_int_equal(rt->tpl, TPL_APPLICATION);
		assert_int_equal(arena_next, 0);
	}
}

/* Every repetition counts, the first that is wrong is told; a reset ends all. */
static void t_counts(void **state)
{
	struct runtime_config config;
	struct rt_plan plan;
	struct rt_shared *s = rt->shared;

	(void)state;
	machine_new(&config, &plan);
	run_script("phase runtime\nget-time\nphase boot\nx10 get A test 4\nx5 get A test\n"
		   "reset warm\nphase runtime virtual\nget-time",
		   RT_PHASE_BOOT);
	assert_int_equal(s->phases[RT_PHASE_BOOT].calls, 10 + 5 * 2 + 1);
	assert_int_equal(s->phases[RT_PHASE_BOOT].failed, 10);
	assert_int_equal(s->misses_count, 1);
	assert_int_equal(s->misses[0].line, 4);
	assert_int_equal(s->misses[0].phase, RT_PHASE_BOOT);
	assert_int_equal(s->services[GET].calls, 20);
	assert_int_equal(s->services[GET].status, EFI_SUCCESS);
	assert_int_equal(s->services[GET].stack_bytes, 0);
	assert_int_equal(s->services[GET_TIME].calls, 0);
	assert_int_equal(resets, 1);
	run_script("get A test", RT_PHASE_BOOT);
	assert_int_equal(s->services[GET].calls, 20);
}

static int32_t number_of(size_t line, enum rt_phase phase)
{
	return (int32_t)((size_t)phase * RT_SCRIPT_CALLS_MAX + line);
}

static void t_left_out(void **state)
{
	const int32_t skip[] = {number_of(1, RT_PHASE_RUNTIME),
				number_of(2, RT_PHASE_BOOT)};
	struct runtime_config config;
	struct rt_plan plan;
	struct rt_shared *s = rt->shared;

	(void)state;
	machine_new(&config, &plan);
	plan.skip = skip;
	plan.skip_count = COUNT(skip);
	run_script("mono\nget-time\nquery bs", RT_PHASE_BOOT);
	assert_int_equal(s->services[MONO].calls, 1);
	assert_int_equal(s->services[GET_TIME].calls, 1);
	assert_int_equal(s->services[QUERY].calls, 0);
	run_script("mono\nget-time\nquery bs", RT_PHASE_RUNTIME);
	assert_int_equal(s->services[MONO].calls, 2);
	assert_int_equal(s->services[GET_TIME].calls, 1);
	assert_int_equal(s->services[QUERY].calls, 1);
}

/* From the return address down; a line that is repeated is not measured. */
static void t_stack(void **state)
{
	struct runtime_config config;
	struct rt_plan plan;

	(void)state;
	machine_new(&config, &plan);
	rt->runtime = true;
	run_script("x2 mono", RT_PHASE_RUNTIME);
	assert_int_equal(rt->shared->services[MONO].stack_bytes, 0);
	run_script("mono", RT_PHASE_RUNTIME);
	assert_int_equal(rt->shared->services[MONO].stack_bytes, 100);
}

/* The battery calls what concerns drivers, and nothing else. */
static void t_battery(void **state)
{
	static const struct {
		uint32_t owned; /* bit by service */
		uint32_t called;
		bool fvb;
	} cases[] = {
		{0, 0, false},
		{1 << GET_TIME, 1 << GET_TIME, false},
		{1 << MONO, 1 << MONO, false},
		{1 << NEXT, 1 << GET | 1 << NEXT | 1 << SET | 1 << QUERY, false},
		{1 << QUERY, 1 << GET | 1 << NEXT | 1 << SET | 1 << QUERY, false},
		{0, 0xf << 16, true},
	};
	struct runtime_config config;
	struct rt_plan plan;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t *services = (uint64_t *)(void *)(ram + sizeof(EFI_TABLE_HEADER));
		uint32_t called = 0;

		machine_new(&config, &plan);
		config.calls = NULL;
		for (unsigned k = 0; k < RT_RUNTIME_SERVICES; k++)
			if ((cases[i].owned >> k & 1) == 0)
				services[k] = OURS + k * 16;
		fvb.used = cases[i].fvb;
		run_script("get A test\nnext\nset A test 0 \"\"\nquery bs\nmono\nget-time\n"
			   "set-time 2024-02-29T23:59:59\nfvb attributes\nfvb address\n"
			   "get-time -> EFI_SUCCESS 2000-01-01T00:00:00\n"
			   "fvb blocksize 5\nfvb read 5 6 7\nstatus-code 1 2\n",
			   RT_PHASE_BOOT);
		for (unsigned k = 0; k < RT_SERVICES_MAX; k++)
			called |= (uint32_t)(rt->shared->services[k].calls != 0) << k;
		assert_int_equal(called, cases[i].called);
		/* a clock that is nobody's to set is not asked for its time */
		assert_int_equal(rt->shared->services[GET_TIME].calls,
				 cases[i].owned >> GET_TIME & 1);
	}
}

/* What lies in the memory of boot is not looked for any more, and virtual addresses are
 * what the drivers get. */
static void t_interfaces(void **state)
{
	struct runtime_config config;
	struct rt_plan plan;
	struct rt_shared *s = rt->shared;

	(void)state;
	machine_new(&config, &plan);
	s->blocks[0].memory_type = EfiBootServicesData;
	run_script("fvb read 5 6 7", RT_PHASE_BOOT);
	assert_int_equal(s->misses_count, 0);
	rt->runtime = true;
	run_script("fvb read 5 6 7", RT_PHASE_RUNTIME);
	assert_int_equal(s->misses_count, 1);
	assert_string_equal(s->misses[0].text,
			    "fvb read: EFI_NOT_FOUND, expected EFI_SUCCESS");
	rt_services_owners(rt);
	assert_int_equal(s->services[GET].owner, 0);
	assert_int_equal(s->services[14].used, 0);
}

static int setup(void **state)
{
	static uint8_t stack[RT_RUNTIME_STACK + 4096];

	(void)state;
	rt = calloc(1, sizeof *rt);
	arena = mmap(NULL, ARENA_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		     -1, 0);
	if (rt == NULL || arena == MAP_FAILED)
		return -1;
	rt->battery_call = -1;
	rt->runtime_stack = (uint64_t)stack + RT_RUNTIME_STACK;
	rt->runtime_stack_len = RT_RUNTIME_STACK;
	rt->shared = calloc(1, sizeof *rt->shared);
	return rt->shared != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	munmap(arena, ARENA_LEN);
	free(rt->shared);
	free(rt);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_answers),  cmocka_unit_test(t_counts),
		cmocka_unit_test(t_left_out), cmocka_unit_test(t_stack),
		cmocka_unit_test(t_battery),  cmocka_unit_test(t_interfaces),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
