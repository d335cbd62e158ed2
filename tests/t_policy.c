/* SPDX-License-Identifier: BSD-2-Clause */
/* Variable policies: what is registered, which one wins, what it forbids; and the seven
 * commands of the handler, with the sizes that edk2's client sends. */
#include "log_line.h"
#include "mm_message.h"
#include "runtserv/wire.h"
#include "test.h"

#include <stdlib.h>

#define BS        EFI_VARIABLE_BOOTSERVICE_ACCESS
#define NV_BS     (EFI_VARIABLE_NON_VOLATILE | BS)
#define NV_BS_RT  (NV_BS | EFI_VARIABLE_RUNTIME_ACCESS)
#define APPEND    EFI_VARIABLE_APPEND_WRITE
#define MESSAGE   16360U /* what edk2's client sends, whatever the command */
#define RESULT    (24U + VAR_CHECK_POLICY_COMM_RESULT)
#define PARAMS    (24U + VAR_CHECK_POLICY_COMM_HEADER_SIZE)
#define PAGE      16327U /* entries in one page of a dump */
#define INFO_ROOM 16272U

static const EFI_GUID ns = {0x11111111, 0x2222, 0x3333, {1, 2, 3, 4, 5, 6, 7, 8}};
static const EFI_GUID other = {0x11111112, 0x2222, 0x3333, {1, 2, 3, 4, 5, 6, 7, 8}};

struct store {
	EFI_STATUS answer;
	unsigned commits;
	size_t policies;
	struct rts_vars_latches latches;
};

struct fixture {
	struct mm m;
	struct rts_vars *v;
	struct rts_wire w;
	struct store store;
};

static EFI_STATUS keep(void *ctx, const struct rts_vars_view *view, unsigned parts)
{
	struct store *s = ctx;
	struct rts_vars_cursor c = {0};
	struct bytes policy;

	(void)parts;
	s->commits++;
	s->policies = 0;
	while (rts_vars_view_next_policy(view, &c, &policy))
		s->policies++;
	s->latches = rts_vars_view_latches(view);
	return s->answer;
}

static const struct rts_var_store_ops store_ops = {keep};

static void log_refusals(void *ctx, enum rts_log level, const char *text)
{
	(void)ctx;
	if (level == RTS_LOG_INFO && !log_line_tells(text))
		fail_msg("does not tell why: %s", text);
}

static void fixture_begin(struct fixture *f, bool can_end)
{
	const struct rts_vars_config config = {.store = &store_ops,
					       .store_ctx = &f->store,
					       .policy_can_end = can_end,
					       .log = log_refusals,
					       .log_level = RTS_LOG_INFO};

	memset(f, 0, sizeof *f);
	assert_int_equal(rts_vars_new(&config, &f->v), EFI_SUCCESS);
	assert_int_equal(rts_vars_start(f->v), EFI_SUCCESS);
	f->w.vars = f->v;
}

static int setup(void **state)
{
	*state = aligned_alloc(64, (sizeof(struct fixture) + 63) / 64 * 64);
	fixture_begin(*state, false);
	return 0;
}

static int teardown(void **state)
{
	rts_vars_free(((struct fixture *)*state)->v);
	free(*state);
	return 0;
}

/* An entry, its name as text in which every character is one of UCS-2. */
struct entry {
	uint8_t p[4096];
	size_t n;
};

struct lock_on {
	const EFI_GUID *guid;
	const CHAR16 *name;
	uint8_t value;
};

static size_t put_name(struct entry *e, const CHAR16 *name)
{
	size_t n = 0;

	do
		memcpy(e->p + e->n + 2 * n, &name[n], 2);
	while (name[n++] != 0);
	e->n += 2 * n;
	return 2 * n;
}

/* @name NULL: the whole namespace. */
static struct entry entry(VARIABLE_POLICY_ENTRY head, const struct lock_on *lock,
			  const CHAR16 *name)
{
	struct entry e = {.n = sizeof head};

	head.Version = VARIABLE_POLICY_ENTRY_REVISION;
	head.Namespace = ns;
	if (head.MaxSize == 0)
		head.MaxSize = UINT32_MAX;
	if (lock != NULL) {
		memcpy(e.p + e.n, lock->guid, sizeof *lock->guid);
		e.p[e.n + 16] = lock->value;
		e.n += VARIABLE_LOCK_ON_VAR_STATE_POLICY_SIZE;
		put_name(&e, lock->name);
		head.LockPolicyType = VARIABLE_POLICY_TYPE_LOCK_ON_VAR_STATE;
	}
	head.OffsetToName = (uint16_t)e.n;
	if (name != NULL)
		put_name(&e, name);
	head.Size = (uint16_t)e.n;
	memcpy(e.p, &head, sizeof head);
	return e;
}

static EFI_STATUS add(struct fixture *f, struct entry e)
{
	return rts_vars_policy_register(f->v, e.p, e.n);
}

static void must(struct fixture *f, struct entry e)
{
	assert_int_equal(add(f, e), EFI_SUCCESS);
}

#define SET(f, guid, name, attr, data, n) \
	rts_vars_set((f)->v, (name), sizeof(name), (guid), (attr), (data), (n))

/* ---- what is registered ---- */

static void malformed(void **state)
{
	struct fixture *f = *state;
	const struct lock_on lock = {&other, u"State", 1};
	const struct entry good = entry((VARIABLE_POLICY_ENTRY){0}, NULL, u"Name");
	const struct entry state_good = entry((VARIABLE_POLICY_ENTRY){0}, &lock, u"Name");
	static const struct {
		const char *name;
		bool state;
		size_t at;
		uint8_t value;
	} cases[] = {
		{"version", false, 2, 2},
		{"size over the end", false, 4, 55},
		{"size inside", false, 4, 52},
		{"size under the least", false, 4, 43},
		{"offset of the name", false, 6, 46},
		{"offset within the head", false, 6, 40},
		{"lock type", false, 40, 4},
		{"name without NUL", false, 52, 1},
		{"state: offset of the name", true, 6, 72},
		{"state: offset before the lock ends", true, 6, 44},
		{"state: NUL moved", true, 44 + 18 + 4, 0},
		{"state: lock without NUL", true, 44 + 18 + 10, 1},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct entry e = cases[i].state ? state_good : good;

		e.p[cases[i].at] = cases[i].value;
		if (cases[i].state && cases[i].at == 44 + 18 + 4)
			e.p[cases[i].at + 1] = 0;
		if (add(f, e) != EFI_INVALID_PARAMETER)
			fail_msg("%s", cases[i].name);
	}
	for (size_t n = 0; n < good.n; n++)
		assert_int_equal(rts_vars_policy_register(f->v, good.p, n),
				 EFI_INVALID_PARAMETER);
	assert_int_equal(f->store.commits, 0);
	must(f, good);
	must(f, entry((VARIABLE_POLICY_ENTRY){0}, &lock, u"Other"));
}

static void wildcards_at_most(void **state)
{
	struct fixture *f = *state;
	CHAR16 name[258];

	for (size_t i = 0; i < 257; i++)
		name[i] = u'#';
	name[256] = 0;
	assert_int_equal(add(f, entry((VARIABLE_POLICY_ENTRY){0}, NULL, name)),
			 EFI_INVALID_PARAMETER);
	name[255] = 0;
	must(f, entry((VARIABLE_POLICY_ENTRY){0}, NULL, name));
}

static void maximum_of_zero(void **state)
{
	struct entry e = entry((VARIABLE_POLICY_ENTRY){0}, NULL, u"Name");

	memset(e.p + 28, 0, 4);
	assert_int_equal(add(*state, e), EFI_INVALID_PARAMETER);
}

/* Only an exact name is there already; a least over the greatest is taken, as by edk2. */
static void registered_twice(void **state)
{
	struct fixture *f = *state;

	must(f, entry((VARIABLE_POLICY_ENTRY){0}, NULL, u"Name"));
	assert_int_equal(
		add(f, entry((VARIABLE_POLICY_ENTRY){.MinSize = 3}, NULL, u"Name")),
		EFI_ALREADY_STARTED);
	must(f, entry((VARIABLE_POLICY_ENTRY){0}, NULL, u"Name#"));
	must(f, entry((VARIABLE_POLICY_ENTRY){0}, NULL, u"Name#"));
	must(f, entry((VARIABLE_POLICY_ENTRY){0}, NULL, NULL));
	must(f, entry((VARIABLE_POLICY_ENTRY){0}, NULL, NULL));
	must(f, entry((VARIABLE_POLICY_ENTRY){.MinSize = 9, .MaxSize = 3}, NULL, u"M"));
	assert_int_equal(f->store.policies, 6);
}

static void charged(void **state)
{
	struct fixture *f = *state;
	unsigned count = 0;
	EFI_STATUS status;

	while ((status = add(f, entry((VARIABLE_POLICY_ENTRY){0}, NULL, NULL))) ==
	       EFI_SUCCESS)
		count++;
	assert_int_equal(status, EFI_OUT_OF_RESOURCES);
	assert_int_equal(count, (RTS_VARS_QUOTA) / (RTS_VARS_OVERHEAD + 44));
	/* after a reset it is all there again, to the last byte */
	assert_int_equal(rts_vars_reset(f->v), EFI_SUCCESS);
	for (unsigned i = 1; i < count; i++)
		must(f, entry((VARIABLE_POLICY_ENTRY){0}, NULL, NULL));
	assert_int_equal(RTS_VARS_QUOTA - (count - 1) * (RTS_VARS_OVERHEAD + 44),
			 RTS_VARS_OVERHEAD + 44 + 2 * 32);
	assert_int_equal(add(f, entry((VARIABLE_POLICY_ENTRY){0}, NULL,
				      u"A name with 32 characters, one is")),
			 EFI_OUT_OF_RESOURCES);
	must(f,
	     entry((VARIABLE_POLICY_ENTRY){0}, NULL, u"A name with 32 characters, with"));
}

/* What a process before us registered. */
static void loaded(void **state)
{
	struct fixture *f = *state;
	const struct entry e = entry(
		(VARIABLE_POLICY_ENTRY){.LockPolicyType = VARIABLE_POLICY_TYPE_LOCK_NOW},
		NULL, u"Now");
	uint64_t max, left, largest;

	assert_int_equal(rts_vars_load_policy(f->v, e.p, e.n - 2), EFI_INVALID_PARAMETER);
	assert_int_equal(rts_vars_load_policy(f->v, e.p, e.n), EFI_SUCCESS);
	assert_int_equal(f->store.commits, 0);
	assert_int_equal(rts_vars_query(f->v, BS, &max, &left, &largest), EFI_SUCCESS);
	assert_int_equal(max - left, RTS_VARS_OVERHEAD + e.n);
	assert_int_equal(add(f, e), EFI_ALREADY_STARTED);
	assert_int_equal(rts_vars_end_of_dxe(f->v), EFI_SUCCESS);
	assert_int_equal(f->store.policies, 1);
	assert_int_equal(SET(f, &ns, u"Now", NV_BS, "2", 1), EFI_WRITE_PROTECTED);
}

static void not_kept(void **state)
{
	struct fixture *f = *state;

	f->store.answer = EFI_DEVICE_ERROR;
	assert_int_equal(add(f, entry((VARIABLE_POLICY_ENTRY){0}, NULL, u"A")),
			 EFI_DEVICE_ERROR);
	f->store.answer = EFI_SUCCESS;
	must(f, entry((VARIABLE_POLICY_ENTRY){0}, NULL, u"A"));
	assert_int_equal(f->store.policies, 1);
	/* a latch holds all the same, and is kept with the next change */
	f->store.answer = EFI_DEVICE_ERROR;
	assert_int_equal(rts_vars_policy_lock(f->v), EFI_DEVICE_ERROR);
	assert_int_equal(rts_vars_policy_lock(f->v), EFI_WRITE_PROTECTED);
	f->store.answer = EFI_SUCCESS;
	assert_int_equal(SET(f, &ns, u"N", NV_BS, "x", 1), EFI_SUCCESS);
	assert_true(f->store.latches.policy_locked);
}

/* ---- what it forbids ---- */

static void sizes_and_attributes(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint32_t attr;
		size_t n;
		EFI_STATUS status;
	} cases[] = {
		{NV_BS, 1, EFI_INVALID_PARAMETER},
		{NV_BS, 2, EFI_SUCCESS},
		{NV_BS, 4, EFI_SUCCESS},
		{NV_BS, 5, EFI_INVALID_PARAMETER},
		{BS, 4, EFI_INVALID_PARAMETER},       /* lacks what it must have */
		{NV_BS_RT, 4, EFI_INVALID_PARAMETER}, /* has what it may not */
		{NV_BS | APPEND, 0, EFI_INVALID_PARAMETER},
		{NV_BS | APPEND, 2, EFI_SUCCESS},
		{0, 3, EFI_INVALID_PARAMETER}, /* no delete, for it has data */
		{NV_BS, 0, EFI_SUCCESS},       /* a delete */
		{0, 0, EFI_NOT_FOUND},
	};

	must(f, entry((VARIABLE_POLICY_ENTRY){.MinSize = 2,
					      .MaxSize = 4,
					      .AttributesMustHave = NV_BS,
					      .AttributesCantHave =
						      EFI_VARIABLE_RUNTIME_ACCESS},
		      NULL, u"V"));
	assert_int_equal(SET(f, &ns, u"V", NV_BS, "1", 1), EFI_SUCCESS); /* not yet */
	assert_int_equal(SET(f, &ns, u"V", 0, "", 0), EFI_SUCCESS);
	assert_int_equal(rts_vars_end_of_dxe(f->v), EFI_SUCCESS);
	for (size_t i = 0; i < COUNT(cases); i++)
		if (SET(f, &ns, u"V", cases[i].attr, "abcdef", cases[i].n) !=
		    cases[i].status)
			fail_msg("case %zu", i);
	assert_int_equal(SET(f, &other, u"V", BS, "1", 1), EFI_SUCCESS);
	assert_int_equal(SET(f, &ns, u"VV", BS, "1", 1), EFI_SUCCESS);
}

/* Each policy allows another length; the one that wins shows. */
static void which_wins(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const CHAR16 *name;
		uint32_t len;
	} policies[] = {{NULL, 1},        {u"Boot####", 2}, {u"Boot00##", 3},
			{u"Boot0001", 4}, {u"Boot##", 5},   {u"#oot0002", 6},
			{u"Boot##00", 7}, {u"Boot####", 8}};
	static const struct {
		CHAR16 name[9];
		uint32_t len; /* 0: any */
	} cases[] = {
		{u"Boot0001", 4}, {u"Boot00aF", 3}, {u"Boot1234", 2}, {u"Boot123G", 1},
		{u"BootAb", 5},   {u"Boot0100", 7}, {u"Other", 1},    {u"Boot0000", 3},
		{u"Boot###1", 1}, {u"Boot", 1},     {u"boot0001", 1},
	};

	for (size_t i = 0; i < COUNT(policies); i++)
		must(f, entry((VARIABLE_POLICY_ENTRY){.MinSize = policies[i].len,
						      .MaxSize = policies[i].len},
			      NULL, policies[i].name));
	assert_int_equal(rts_vars_end_of_dxe(f->v), EFI_SUCCESS);
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t n = 1; n < 9; n++)
			if (SET(f, &ns, cases[i].name, BS, "12345678", n) !=
			    (n == cases[i].len ? EFI_SUCCESS : EFI_INVALID_PARAMETER))
				fail_msg("case %zu, %zu bytes", i, n);
}

static void locks(void **state)
{
	struct fixture *f = *state;
	const struct lock_on lock = {&other, u"State", 7};

	must(f,
	     entry((VARIABLE_POLICY_ENTRY){.LockPolicyType = VARIABLE_POLICY_TYPE_LOCK_NOW},
		   NULL, u"Now"));
	must(f, entry((VARIABLE_POLICY_ENTRY){.LockPolicyType =
						      VARIABLE_POLICY_TYPE_LOCK_ON_CREATE},
		      NULL, u"Create"));
	must(f, entry((VARIABLE_POLICY_ENTRY){0}, &lock, u"OnState"));
	assert_int_equal(SET(f, &ns, u"Now", NV_BS, "1", 1), EFI_SUCCESS);
	assert_int_equal(rts_vars_end_of_dxe(f->v), EFI_SUCCESS);

	assert_int_equal(SET(f, &ns, u"Now", NV_BS, "2", 1), EFI_WRITE_PROTECTED);
	assert_int_equal(SET(f, &ns, u"Now", NV_BS, "", 0), EFI_WRITE_PROTECTED);

	assert_int_equal(SET(f, &ns, u"Create", NV_BS, "", 0), EFI_NOT_FOUND);
	assert_int_equal(SET(f, &ns, u"Create", NV_BS, "1", 1), EFI_SUCCESS);
	assert_int_equal(SET(f, &ns, u"Create", NV_BS, "1", 1), EFI_WRITE_PROTECTED);
	assert_int_equal(SET(f, &ns, u"Create", NV_BS, "", 0), EFI_WRITE_PROTECTED);

	assert_int_equal(SET(f, &ns, u"OnState", NV_BS, "1", 1), EFI_SUCCESS);
	assert_int_equal(SET(f, &other, u"State", BS, "\x06", 1), EFI_SUCCESS);
	assert_int_equal(SET(f, &ns, u"OnState", NV_BS, "2", 1), EFI_SUCCESS);
	assert_int_equal(SET(f, &other, u"State", BS, "\x07", 1), EFI_SUCCESS);
	assert_int_equal(SET(f, &ns, u"OnState", NV_BS, "3", 1), EFI_WRITE_PROTECTED);
	assert_int_equal(SET(f, &ns, u"OnState", NV_BS, "", 0), EFI_WRITE_PROTECTED);
	assert_int_equal(SET(f, &other, u"State", BS, "\x07\x07", 2), EFI_SUCCESS);
	assert_int_equal(SET(f, &ns, u"OnState", NV_BS, "3", 1), EFI_SUCCESS);
	assert_int_equal(SET(f, &other, u"State", BS, "\x07", 1), EFI_SUCCESS);
	/* at run time a boot services variable is not there */
	assert_int_equal(rts_vars_exit_boot_services(f->v), EFI_SUCCESS);
	assert_int_equal(SET(f, &ns, u"OnState", NV_BS, "4", 1), EFI_WRITE_PROTECTED);
	assert_int_equal(rts_vars_reset(f->v), EFI_SUCCESS);
	assert_int_equal(rts_vars_end_of_dxe(f->v), EFI_SUCCESS);
	assert_int_equal(SET(f, &ns, u"Now", NV_BS, "2", 1), EFI_SUCCESS);
}

/* LOCK_VARIABLE is such a policy, and agrees with one that is there when that locks. */
static void variable_lock(void **state)
{
	struct fixture *f = *state;

	must(f, entry((VARIABLE_POLICY_ENTRY){0}, NULL, u"Free"));
	must(f,
	     entry((VARIABLE_POLICY_ENTRY){.LockPolicyType = VARIABLE_POLICY_TYPE_LOCK_NOW},
		   NULL, u"Now"));
	assert_int_equal(rts_vars_lock(f->v, u"Free", 10, &ns), EFI_ACCESS_DENIED);
	assert_int_equal(rts_vars_lock(f->v, u"Now", 8, &ns), EFI_SUCCESS);
	assert_int_equal(rts_vars_lock(f->v, u"New", 8, &ns), EFI_SUCCESS);
	assert_int_equal(f->store.policies, 3);
	assert_int_equal(rts_vars_policy_lock(f->v), EFI_SUCCESS);
	assert_int_equal(rts_vars_lock(f->v, u"More", 10, &ns), EFI_WRITE_PROTECTED);
	assert_int_equal(add(f, entry((VARIABLE_POLICY_ENTRY){0}, NULL, u"A")),
			 EFI_WRITE_PROTECTED);
	assert_int_equal(rts_vars_policy_lock(f->v), EFI_WRITE_PROTECTED);
}

static void ends_with_dxe(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(rts_vars_end_of_dxe(f->v), EFI_SUCCESS);
	assert_int_equal(add(f, entry((VARIABLE_POLICY_ENTRY){0}, NULL, u"A")),
			 EFI_WRITE_PROTECTED);
	assert_int_equal(rts_vars_policy_lock(f->v), EFI_WRITE_PROTECTED);
	assert_int_equal(rts_vars_policy_disable(f->v), EFI_WRITE_PROTECTED);
}

static void disabled(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(rts_vars_policy_disable(f->v), EFI_WRITE_PROTECTED);
	assert_true(rts_vars_policy_enabled(f->v));
	rts_vars_free(f->v);
	fixture_begin(f, true);
	must(f,
	     entry((VARIABLE_POLICY_ENTRY){.LockPolicyType = VARIABLE_POLICY_TYPE_LOCK_NOW},
		   NULL, u"Now"));
	assert_int_equal(rts_vars_policy_disable(f->v), EFI_SUCCESS);
	assert_int_equal(rts_vars_policy_disable(f->v), EFI_ALREADY_STARTED);
	assert_false(rts_vars_policy_enabled(f->v));
	assert_int_equal(rts_vars_end_of_dxe(f->v), EFI_SUCCESS);
	assert_int_equal(SET(f, &ns, u"Now", NV_BS, "2", 1), EFI_SUCCESS);
	assert_int_equal(rts_vars_reset(f->v), EFI_SUCCESS);
	assert_true(rts_vars_policy_enabled(f->v));
}

/* ---- the handler ---- */

/* Sends @n bytes of parameters in a message of @len bytes; the result. */
static EFI_STATUS command_of(struct fixture *f, size_t len, uint32_t number, const void *p,
			     size_t n)
{
	const uint32_t head[] = {VAR_CHECK_POLICY_COMM_SIG, 1, number, 0, 0};
	EFI_STATUS result;
	size_t ret;

	memset(&f->m, 0xa5, sizeof f->m);
	mm_begin(&f->m, (EFI_GUID)VAR_CHECK_POLICY_LIB_MMI_HANDLER_GUID);
	mm_put(&f->m, head, sizeof head);
	mm_put(&f->m, p, n);
	f->m.len = 24 + len;
	mm_end(&f->m);
	assert_int_equal(rts_wire_mm(&f->w, f->m.buf, f->m.len, &ret),
			 UEFI_VARS_STS_SUCCESS);
	assert_int_equal(ret, f->m.len);
	memcpy(&result, f->m.buf + RESULT, sizeof result);
	return result;
}

static EFI_STATUS command(struct fixture *f, uint32_t number, const void *p, size_t n)
{
	return command_of(f, MESSAGE, number, p, n);
}

static uint32_t get32(const struct fixture *f, size_t at)
{
	uint32_t v;

	memcpy(&v, f->m.buf + PARAMS + at, sizeof v);
	return v;
}

static void commands(void **state)
{
	struct fixture *f = *state;
	struct entry e = entry((VARIABLE_POLICY_ENTRY){0}, NULL, u"Name");
	static const struct {
		uint32_t number;
		size_t min; /* bytes of parameters */
	} least[] = {
		{2, 1}, {3, 44}, {4, 13 + PAGE}, {6, 68 + INFO_ROOM}, {7, 68 + INFO_ROOM}};

	for (size_t i = 0; i < COUNT(least); i++)
		assert_int_equal(
			command_of(f, 20 + least[i].min - 1, least[i].number, "", 0),
			EFI_INVALID_PARAMETER);
	assert_int_equal(command_of(f, 21, VAR_CHECK_POLICY_COMMAND_IS_ENABLED, "", 0),
			 EFI_SUCCESS);
	assert_int_equal(f->m.buf[PARAMS], 1);
	assert_int_equal(command(f, VAR_CHECK_POLICY_COMMAND_REGISTER, e.p, e.n),
			 EFI_SUCCESS);
	assert_int_equal(command(f, VAR_CHECK_POLICY_COMMAND_REGISTER, e.p, e.n),
			 EFI_ALREADY_STARTED);
	/* its length is the entry's, and lies within the message */
	e = entry((VARIABLE_POLICY_ENTRY){0}, NULL, u"Longer");
	assert_int_equal(command_of(f, 20 + e.n - 1, VAR_CHECK_POLICY_COMMAND_REGISTER, e.p,
				    e.n - 1),
			 EFI_INVALID_PARAMETER);
	assert_int_equal(
		command_of(f, 20 + e.n, VAR_CHECK_POLICY_COMMAND_REGISTER, e.p, e.n),
		EFI_SUCCESS);
	e = entry((VARIABLE_POLICY_ENTRY){0}, NULL, NULL); /* no more than its head */
	assert_int_equal(command(f, VAR_CHECK_POLICY_COMMAND_REGISTER, e.p, e.n),
			 EFI_SUCCESS);
	assert_int_equal(command_of(f, 20, VAR_CHECK_POLICY_COMMAND_DISABLE, "", 0),
			 EFI_WRITE_PROTECTED);
	assert_int_equal(command_of(f, 20, VAR_CHECK_POLICY_COMMAND_LOCK, "", 0),
			 EFI_SUCCESS);
	assert_int_equal(command(f, VAR_CHECK_POLICY_COMMAND_LOCK, "", 0),
			 EFI_WRITE_PROTECTED);
	assert_int_equal(command(f, VAR_CHECK_POLICY_COMMAND_REGISTER, e.p, e.n),
			 EFI_WRITE_PROTECTED);
	/* the handler looks at these before it asks whether it is too late */
	static const struct {
		size_t at;
		uint8_t value;
		EFI_STATUS status;
	} late[] = {{2, 2, EFI_INVALID_PARAMETER},  /* version */
		    {4, 43, EFI_INVALID_PARAMETER}, /* size */
		    {5, 0xff, EFI_INVALID_PARAMETER},
		    {40, 9, EFI_WRITE_PROTECTED}}; /* lock type: not looked at */
	for (size_t i = 0; i < COUNT(late); i++) {
		struct entry bad = e;

		bad.p[late[i].at] = late[i].value;
		assert_int_equal(
			command(f, VAR_CHECK_POLICY_COMMAND_REGISTER, bad.p, bad.n),
			late[i].status);
	}
}

static EFI_STATUS dump(struct fixture *f, uint32_t page)
{
	return command(f, VAR_CHECK_POLICY_COMMAND_DUMP, &page, sizeof page);
}

/* Reads the whole dump by pages; what all of them hold. */
static size_t dump_all(struct fixture *f, uint8_t *ret, size_t cap)
{
	size_t n = 0, total;
	bool more;

	assert_int_equal(dump(f, 0), EFI_SUCCESS);
	total = get32(f, 4);
	more = f->m.buf[PARAMS + 12];
	assert_int_equal(get32(f, 8), 0);
	assert_int_equal(more, total != 0);
	for (uint32_t page = 1; more; page++) {
		uint32_t len;

		assert_int_equal(dump(f, page), EFI_SUCCESS);
		assert_int_equal(get32(f, 4), total);
		len = get32(f, 8);
		assert_true(len > 0 && len <= PAGE && n + len <= cap);
		memcpy(ret + n, f->m.buf + PARAMS + 13, len);
		n += len;
		more = f->m.buf[PARAMS + 12];
	}
	assert_int_equal(n, total);
	return total;
}

static void dumps(void **state)
{
	struct fixture *f = *state;
	static uint8_t want[3 * PAGE], got[3 * PAGE];
	static const size_t totals[] = {0, 48, PAGE, PAGE + 49, 2 * PAGE, 2 * PAGE + 50};

	for (size_t i = 0; i < COUNT(totals); i++) {
		size_t n = 0;

		rts_vars_reset(f->v);
		for (CHAR16 first = u'A'; n < totals[i]; first++) {
			const size_t left = totals[i] - n;
			const size_t len = left >= 2000 ? 1000 : left > 1000 ? 500 : left;
			CHAR16 name[500] = {first};
			struct entry e;

			if (len % 2 != 0) /* an odd rest cannot be: entries are even */
				break;
			for (size_t k = 1; k + 1 < (len - 44) / 2; k++)
				name[k] = u'a';
			e = entry((VARIABLE_POLICY_ENTRY){0}, NULL, name);
			assert_int_equal(e.n, len);
			must(f, e);
			memcpy(want + n, e.p, e.n);
			n += e.n;
		}
		assert_int_equal(dump_all(f, got, sizeof got), n);
		assert_memory_equal(got, want, n);
		/* the last page ended it */
		assert_int_equal(dump(f, 1), EFI_TIMEOUT);
		if (n > 0) {
			assert_int_equal(dump(f, 0), EFI_SUCCESS);
			assert_int_equal(dump(f, (uint32_t)((n + PAGE - 1) / PAGE + 1)),
					 EFI_INVALID_PARAMETER);
		}
	}
	/* what ends a dump, and what does not */
	assert_int_equal(dump(f, 0), EFI_SUCCESS);
	assert_int_equal(dump(f, 1), EFI_SUCCESS);
	assert_int_equal(dump(f, 4), EFI_INVALID_PARAMETER);
	assert_int_equal(dump(f, UINT32_MAX), EFI_INVALID_PARAMETER);
	assert_int_equal(dump(f, 2), EFI_SUCCESS);
	assert_int_equal(command(f, VAR_CHECK_POLICY_COMMAND_IS_ENABLED, "", 0),
			 EFI_SUCCESS);
	assert_int_equal(dump(f, 2), EFI_TIMEOUT);
	assert_int_equal(dump(f, 0), EFI_SUCCESS);
	rts_vars_reset(f->v);
	assert_int_equal(dump(f, 1), EFI_TIMEOUT);
	assert_int_equal(get32(f, 4), 0);
	/* nor do policies that come later, by another message, bring it back */
	for (CHAR16 name[500] = {u'A'}, i = 1; i < 60; i++) {
		name[i] = u'a';
		assert_int_equal(rts_vars_lock(f->v, name, sizeof name, &ns), EFI_SUCCESS);
	}
	assert_int_equal(dump(f, 1), EFI_TIMEOUT);
}

struct info {
	EFI_GUID guid;
	uint32_t name_len, room;
	uint8_t answer[44];
	CHAR16 name[64];
};

static EFI_STATUS info_of(struct fixture *f, uint32_t number, const CHAR16 *name,
			  size_t name_len, uint32_t room)
{
	struct info i = {.guid = ns, .name_len = (uint32_t)name_len, .room = room};

	for (size_t k = 0; k < 64 && k < name_len / 2 && (k == 0 || name[k - 1] != 0); k++)
		i.name[k] = name[k];
	memset(i.answer, 0x55, sizeof i.answer);
	_Static_assert(offsetof(struct info, name) == 68, "GET_INFO");
	return command(f, number, &i, sizeof i);
}

static void infos(void **state)
{
	struct fixture *f = *state;
	const struct lock_on lock = {&other, u"State", 7};
	const struct entry plain = entry((VARIABLE_POLICY_ENTRY){.MinSize = 3}, NULL,
					 u"Bo#t"),
			   on = entry((VARIABLE_POLICY_ENTRY){0}, &lock, u"On"),
			   all = entry((VARIABLE_POLICY_ENTRY){.MinSize = 5}, NULL, NULL);
	static const uint8_t zeros[64];
	enum {
		INFO = VAR_CHECK_POLICY_COMMAND_GET_INFO,
		STATE = VAR_CHECK_POLICY_COMMAND_GET_LOCK_VAR_STATE_INFO
	};

	must(f, plain);
	must(f, on);
	assert_int_equal(info_of(f, INFO, u"None", 10, 100), EFI_NOT_FOUND);
	assert_int_equal(info_of(f, INFO, u"", 2, 100), EFI_NOT_FOUND);
	assert_int_equal(info_of(f, INFO, u"None", INFO_ROOM, 0), EFI_NOT_FOUND);
	assert_int_equal(info_of(f, INFO, u"Bo1t", 10, 10), EFI_SUCCESS);
	assert_memory_equal(f->m.buf + PARAMS + 24, plain.p, 44);
	assert_int_equal(get32(f, 20), 10);
	assert_memory_equal(f->m.buf + PARAMS + 68 + 10, u"Bo#t", 10);
	assert_int_equal(info_of(f, INFO, u"Bo1t", 10, 9), EFI_BUFFER_TOO_SMALL);
	assert_int_equal(get32(f, 20), 10);
	assert_memory_equal(f->m.buf + PARAMS + 24, plain.p, 44);
	assert_int_equal(info_of(f, STATE, u"Bo1t", 10, 100), EFI_NOT_FOUND);
	assert_int_equal(info_of(f, STATE, u"On", 6, 100), EFI_SUCCESS);
	assert_memory_equal(f->m.buf + PARAMS + 24, on.p + 44, 18);
	assert_memory_equal(f->m.buf + PARAMS + 24 + 18, zeros, 44 - 18);
	assert_int_equal(get32(f, 20), 12);
	assert_memory_equal(f->m.buf + PARAMS + 68 + 6, u"State", 12);
	assert_int_equal(info_of(f, STATE, u"On", 6, 0), EFI_BUFFER_TOO_SMALL);
	must(f, all);
	assert_int_equal(info_of(f, INFO, u"None", 10, 100), EFI_SUCCESS);
	assert_memory_equal(f->m.buf + PARAMS + 24, all.p, 44);
	assert_int_equal(get32(f, 20), 0);
	for (size_t at = 68 + 10; at < 68 + INFO_ROOM; at++)
		assert_int_equal(f->m.buf[PARAMS + at], 0);
	assert_int_equal(info_of(f, INFO, u"", 2, 100), EFI_SUCCESS);

	/* names that do not end, lengths that do not fit */
	assert_int_equal(info_of(f, INFO, u"None", 8, 100), EFI_INVALID_PARAMETER);
	assert_int_equal(info_of(f, INFO, u"", 0, 100), EFI_INVALID_PARAMETER);
	assert_int_equal(info_of(f, INFO, u"N", INFO_ROOM + 1, 0), EFI_INVALID_PARAMETER);
	assert_int_equal(info_of(f, INFO, u"N", UINT32_MAX, 0), EFI_INVALID_PARAMETER);
	assert_int_equal(info_of(f, INFO, u"N", 4, INFO_ROOM - 3), EFI_INVALID_PARAMETER);
	assert_int_equal(info_of(f, INFO, u"N", 4, UINT32_MAX), EFI_INVALID_PARAMETER);
	assert_int_equal(info_of(f, INFO, u"N", 4, INFO_ROOM - 4), EFI_SUCCESS);
}

/* What an answer does not tell is as the guest had it. */
static void nothing_else_changes(void **state)
{
	struct fixture *f = *state;
	const struct entry e = entry((VARIABLE_POLICY_ENTRY){0}, NULL, u"Name");
	const uint32_t name_len = 10, room = 100;
	const struct {
		uint32_t number, page;
		size_t to; /* parameters before this may change */
		struct {
			size_t total, len;
			bool more;
		} dump;
	} cases[] = {
		{VAR_CHECK_POLICY_COMMAND_DUMP, 0, 13, {e.n, 0, true}},
		{VAR_CHECK_POLICY_COMMAND_DUMP, 9, 13, {e.n, 0, false}}, /* no such page */
		{VAR_CHECK_POLICY_COMMAND_DUMP, 1, 13 + e.n, {e.n, e.n, false}},
		{VAR_CHECK_POLICY_COMMAND_DUMP, 1, 13, {0, 0, false}}, /* none under way */
		{VAR_CHECK_POLICY_COMMAND_GET_INFO, 0, 68 + 10 + 10, {0}},
		{VAR_CHECK_POLICY_COMMAND_GET_LOCK_VAR_STATE_INFO,
		 0,
		 68,
		 {0}}, /* not found */
		{VAR_CHECK_POLICY_COMMAND_IS_ENABLED, 0, 1, {0}},
		{VAR_CHECK_POLICY_COMMAND_LOCK, 0, 0, {0}},
		{VAR_CHECK_POLICY_COMMAND_DISABLE, 0, 0, {0}},
		{VAR_CHECK_POLICY_COMMAND_REGISTER, 0, 0, {0}},
		{99, 0, 0, {0}},
	};
	static struct mm before;
	size_t n;

	must(f, e);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const uint32_t head[] = {VAR_CHECK_POLICY_COMM_SIG, 1, cases[i].number};
		const size_t to = PARAMS + cases[i].to;

		memset(f->m.buf, 0xa5, sizeof f->m.buf);
		mm_begin(&f->m, (EFI_GUID)VAR_CHECK_POLICY_LIB_MMI_HANDLER_GUID);
		mm_put(&f->m, head, sizeof head);
		f->m.len = 24 + MESSAGE;
		if (cases[i].number == VAR_CHECK_POLICY_COMMAND_DUMP) {
			memcpy(f->m.buf + PARAMS, &cases[i].page, 4);
		} else if (cases[i].number >= VAR_CHECK_POLICY_COMMAND_GET_INFO) {
			memcpy(f->m.buf + PARAMS, &ns, sizeof ns);
			memcpy(f->m.buf + PARAMS + 16, &name_len, 4);
			memcpy(f->m.buf + PARAMS + 20, &room, 4);
			memcpy(f->m.buf + PARAMS + 68, u"Name", 10);
		}
		mm_end(&f->m);
		before = f->m;
		assert_int_equal(rts_wire_mm(&f->w, f->m.buf, f->m.len, &n),
				 UEFI_VARS_STS_SUCCESS);
		assert_memory_equal(f->m.buf, before.buf, RESULT);
		if (memcmp(f->m.buf + to, before.buf + to, sizeof before.buf - to) != 0)
			fail_msg("case %zu", i);
		if (cases[i].number == VAR_CHECK_POLICY_COMMAND_DUMP) {
			assert_int_equal(get32(f, 4), cases[i].dump.total);
			assert_int_equal(get32(f, 8), cases[i].dump.len);
			assert_int_equal(f->m.buf[PARAMS + 12], cases[i].dump.more);
		}
	}
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(malformed),
		TEST(wildcards_at_most),
		TEST(maximum_of_zero),
		TEST(registered_twice),
		TEST(charged),
		TEST(loaded),
		TEST(not_kept),
		TEST(sizes_and_attributes),
		TEST(which_wins),
		TEST(locks),
		TEST(variable_lock),
		TEST(ends_with_dxe),
		TEST(disabled),
		TEST(commands),
		TEST(dumps),
		TEST(infos),
		TEST(nothing_else_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
