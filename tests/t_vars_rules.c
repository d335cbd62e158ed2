/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules about single variables: those that the specification defines (UEFI 2.10 §3.3), each
 * with what it may be; languages; the memory overwrite request and its lock (TCG Platform
 * Reset Attack Mitigation 1.10 §4); hardware error records.
 */
#include <stdlib.h>
#include <string.h>

#include "log_line.h"
#include "runtserv/vars.h"
#include "test.h"
#include "uefi/guids.h"

#define NV       EFI_VARIABLE_NON_VOLATILE
#define BS       EFI_VARIABLE_BOOTSERVICE_ACCESS
#define RT       EFI_VARIABLE_RUNTIME_ACCESS
#define HR       EFI_VARIABLE_HARDWARE_ERROR_RECORD
#define APPEND   EFI_VARIABLE_APPEND_WRITE
#define NV_BS_RT (NV | BS | RT)

static const EFI_GUID mor = EFI_MEMORY_OVERWRITE_CONTROL_DATA_GUID;
static const EFI_GUID mor_lock = EFI_MEMORY_OVERWRITE_REQUEST_CONTROL_LOCK_GUID;
static const EFI_GUID hw_error = EFI_HARDWARE_ERROR_VARIABLE_GUID;
static const EFI_GUID global = EFI_GLOBAL_VARIABLE_GUID;
#define MOR  u"MemoryOverwriteRequestControl"
#define LOCK u"MemoryOverwriteRequestControlLock"

static const uint8_t zeros[64];

struct fixture {
	struct rts_vars *v;
	EFI_STATUS answer; /* the store's */
	struct rts_vars_latches kept;
	unsigned parts;
	bool wrote_nv;
};

static EFI_STATUS keep(void *ctx, const struct rts_vars_view *view, unsigned parts)
{
	struct fixture *f = ctx;

	f->parts = parts;
	f->wrote_nv |= (parts & RTS_VARS_DURABLE) != 0;
	if (f->answer == EFI_SUCCESS)
		f->kept = rts_vars_view_latches(view);
	return f->answer;
}

static const struct rts_var_store_ops ops = {keep};

static void log_refusals(void *ctx, enum rts_log level, const char *text)
{
	(void)ctx;
	if (level == RTS_LOG_INFO && !log_line_tells(text))
		fail_msg("does not tell why: %s", text);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	const struct rts_vars_config config = {.store = &ops,
					       .store_ctx = f,
					       .quota_hw_error = 1000,
					       .log = log_refusals,
					       .log_level = RTS_LOG_INFO};

	*state = f;
	return EFI_ERROR(rts_vars_new(&config, &f->v)) || EFI_ERROR(rts_vars_start(f->v));
}

static int teardown(void **state)
{
	rts_vars_free(((struct fixture *)*state)->v);
	free(*state);
	return 0;
}

#define SET(f, guid, name, attr, data, n) \
	rts_vars_set((f)->v, (name), sizeof(name), (guid), (attr), (data), (n))
#define IS(f, guid, name, byte) is((f), (guid), (name), sizeof(name), (byte))

/* Whether a variable is one byte, this one; -1: whether it is not there. */
static bool is(struct fixture *f, const EFI_GUID *guid, const CHAR16 *name, size_t name_len,
	       int byte)
{
	uint8_t data[16];
	uint64_t n = sizeof data;
	uint32_t attr;
	const EFI_STATUS status = rts_vars_get(f->v, name, name_len, guid, &attr, &n, data);

	return byte < 0 ? status == EFI_NOT_FOUND
			: status == EFI_SUCCESS && n == 1 && data[0] == byte;
}

/* Whether a global variable is this text, with its NUL. */
#define HAS(f, name, text) has((f), (name), sizeof(name), (text))
static bool has(struct fixture *f, const CHAR16 *name, size_t name_len, const char *text)
{
	char data[80];
	uint64_t n = sizeof data;
	uint32_t attr;

	return rts_vars_get(f->v, name, name_len, &global, &attr, &n, data) ==
		       EFI_SUCCESS &&
	       n == strlen(text) + 1 && memcmp(data, text, n) == 0;
}

/* A machine whose firmware has the request, after EndOfDxe. */
static void with_request(struct fixture *f)
{
	assert_int_equal(SET(f, &mor, MOR, NV_BS_RT, "\1", 1), EFI_SUCCESS);
	assert_int_equal(rts_vars_end_of_dxe(f->v), EFI_SUCCESS);
	assert_true(IS(f, &mor_lock, LOCK, 0));
}

static void request_malformed(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint32_t attr;
		size_t n;
		EFI_STATUS status;
	} requests[] = {{NV_BS_RT, 1, EFI_SUCCESS},
			{NV_BS_RT, 2, EFI_INVALID_PARAMETER},
			{NV_BS_RT, 0, EFI_INVALID_PARAMETER},
			{0, 0, EFI_INVALID_PARAMETER},
			{NV | BS, 1, EFI_INVALID_PARAMETER},
			{NV_BS_RT | APPEND, 1, EFI_INVALID_PARAMETER}},
	  lock[] = {{NV_BS_RT, 0, EFI_WRITE_PROTECTED},
		    {0, 1, EFI_WRITE_PROTECTED},
		    {0, 0, EFI_WRITE_PROTECTED},
		    {NV | BS, 1, EFI_INVALID_PARAMETER},
		    {NV_BS_RT | APPEND, 1, EFI_INVALID_PARAMETER},
		    {NV_BS_RT, 2, EFI_INVALID_PARAMETER},
		    {NV_BS_RT, 7, EFI_INVALID_PARAMETER},
		    {NV_BS_RT, 9, EFI_INVALID_PARAMETER}};

	with_request(f);
	for (size_t i = 0; i < COUNT(requests); i++)
		if (SET(f, &mor, MOR, requests[i].attr, "\1\1", requests[i].n) !=
		    requests[i].status)
			fail_msg("request %zu", i);
	for (size_t i = 0; i < COUNT(lock); i++)
		if (SET(f, &mor_lock, LOCK, lock[i].attr, "\1\1\1\1\1\1\1\1\1",
			lock[i].n) != lock[i].status)
			fail_msg("lock %zu", i);
	assert_int_equal(SET(f, &mor_lock, LOCK, NV_BS_RT, "\2", 1), EFI_INVALID_PARAMETER);
	assert_true(IS(f, &mor_lock, LOCK, 0));
}

static void locked_without_key(void **state)
{
	struct fixture *f = *state;

	with_request(f);
	assert_int_equal(SET(f, &mor_lock, LOCK, NV_BS_RT, "\0", 1), EFI_SUCCESS);
	assert_int_equal(SET(f, &mor_lock, LOCK, NV_BS_RT, "\1", 1), EFI_SUCCESS);
	assert_true(f->kept.mor_locked && !f->kept.mor_has_key);
	assert_true(IS(f, &mor_lock, LOCK, 1));
	assert_int_equal(SET(f, &mor_lock, LOCK, NV_BS_RT, "\0", 1), EFI_ACCESS_DENIED);
	assert_int_equal(SET(f, &mor_lock, LOCK, NV_BS_RT, "12345678", 8),
			 EFI_ACCESS_DENIED);
	assert_int_equal(SET(f, &mor, MOR, NV_BS_RT, "\0", 1), EFI_ACCESS_DENIED);
	assert_true(IS(f, &mor, MOR, 1));
	/* later phases change nothing */
	assert_int_equal(rts_vars_ready_to_boot(f->v), EFI_SUCCESS);
	assert_int_equal(rts_vars_exit_boot_services(f->v), EFI_SUCCESS);
	assert_true(IS(f, &mor_lock, LOCK, 1));
	assert_int_equal(SET(f, &mor, MOR, NV_BS_RT, "\0", 1), EFI_ACCESS_DENIED);
	/* the reset unlocks, and the next boot says so */
	assert_int_equal(rts_vars_reset(f->v), EFI_SUCCESS);
	assert_int_equal(rts_vars_end_of_dxe(f->v), EFI_SUCCESS);
	assert_true(IS(f, &mor_lock, LOCK, 0));
	assert_int_equal(SET(f, &mor, MOR, NV_BS_RT, "\0", 1), EFI_SUCCESS);
}

static void locked_with_key(void **state)
{
	struct fixture *f = *state;

	with_request(f);
	assert_int_equal(SET(f, &mor_lock, LOCK, NV_BS_RT, "12345678", 8), EFI_SUCCESS);
	assert_true(f->kept.mor_has_key);
	assert_memory_equal(f->kept.mor_key, "12345678", 8);
	assert_true(IS(f, &mor_lock, LOCK, 2)); /* never the key */
	assert_int_equal(SET(f, &mor, MOR, NV_BS_RT, "\0", 1), EFI_ACCESS_DENIED);
	assert_int_equal(SET(f, &mor_lock, LOCK, NV_BS_RT, "\0", 1), EFI_ACCESS_DENIED);
	assert_int_equal(SET(f, &mor_lock, LOCK, NV_BS_RT, "12345678", 8), EFI_SUCCESS);
	assert_true(IS(f, &mor_lock, LOCK, 0));
	assert_false(f->kept.mor_locked || f->kept.mor_has_key);
	assert_memory_equal(f->kept.mor_key, zeros, sizeof f->kept.mor_key);
	assert_int_equal(SET(f, &mor, MOR, NV_BS_RT, "\0", 1), EFI_SUCCESS);
}

/* Wrong in any byte, it ends the guessing. */
static void wrong_key_at(struct fixture *f, size_t at)
{
	char key[] = "12345678";

	with_request(f);
	assert_int_equal(SET(f, &mor_lock, LOCK, NV_BS_RT, key, 8), EFI_SUCCESS);
	key[at] ^= 1;
	assert_int_equal(SET(f, &mor_lock, LOCK, NV_BS_RT, key, 8), EFI_ACCESS_DENIED);
	assert_true(f->kept.mor_locked && !f->kept.mor_has_key);
	assert_memory_equal(f->kept.mor_key, zeros, sizeof f->kept.mor_key);
	assert_true(IS(f, &mor_lock, LOCK, 1)); /* as without a key */
	assert_int_equal(f->parts, RTS_VARS_DURABLE | RTS_VARS_RUN);
	assert_int_equal(SET(f, &mor_lock, LOCK, NV_BS_RT, "12345678", 8),
			 EFI_ACCESS_DENIED);
	assert_int_equal(SET(f, &mor, MOR, NV_BS_RT, "\0", 1), EFI_ACCESS_DENIED);
}

static void wrong_key(void **state)
{
	for (size_t at = 0; at < 8; at++) {
		wrong_key_at(*state, at);
		teardown(state);
		setup(state);
	}
}

/* What else is latched stays so. */
static void lock_beside_others(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(rts_vars_policy_lock(f->v), EFI_SUCCESS);
	with_request(f);
	assert_int_equal(SET(f, &mor_lock, LOCK, NV_BS_RT, "\1", 1), EFI_SUCCESS);
	assert_true(f->kept.policy_locked && f->kept.mor_locked);
}

/* A lock that reads 0 already is not written; one without room is not there. */
static void lock_at_end_of_dxe(void **state)
{
	struct fixture *f = *state;
	const uint64_t request = RTS_VARS_OVERHEAD + sizeof MOR + 1;
	const struct rts_vars_config config = {
		.store = &ops, .store_ctx = f, .quota_nv = request + sizeof LOCK};

	with_request(f);
	assert_int_equal(rts_vars_reset(f->v), EFI_SUCCESS);
	f->wrote_nv = false;
	assert_int_equal(rts_vars_end_of_dxe(f->v), EFI_SUCCESS);
	assert_false(f->wrote_nv);
	assert_true(IS(f, &mor_lock, LOCK, 0));
	rts_vars_free(f->v);
	assert_int_equal(rts_vars_new(&config, &f->v), EFI_SUCCESS);
	assert_int_equal(SET(f, &mor, MOR, NV_BS_RT, "\1", 1), EFI_SUCCESS);
	assert_int_equal(rts_vars_end_of_dxe(f->v), EFI_OUT_OF_RESOURCES);
	assert_true(rts_vars_phase(f->v).end_of_dxe);
	assert_true(IS(f, &mor_lock, LOCK, -1));
	assert_true(IS(f, &mor, MOR, 1));
}

/* A volatile one, which the firmware had before, is not charged to the same quota. */
static void lock_was_volatile(void **state)
{
	struct fixture *f = *state;
	const uint64_t request = RTS_VARS_OVERHEAD + sizeof MOR + 1;
	const struct rts_vars_config config = {
		.store = &ops, .store_ctx = f, .quota_nv = request};
	const struct rts_var var = {.guid = mor_lock,
				    .attr = BS | RT,
				    .name = LOCK,
				    .name_len = sizeof LOCK,
				    .data = zeros,
				    .data_len = 8};
	uint64_t max, left, largest;

	rts_vars_free(f->v);
	assert_int_equal(rts_vars_new(&config, &f->v), EFI_SUCCESS);
	assert_int_equal(rts_vars_import_begin(f->v), EFI_SUCCESS);
	assert_int_equal(rts_vars_import_add(f->v, &var), EFI_SUCCESS);
	assert_int_equal(rts_vars_import_end(f->v), EFI_SUCCESS);
	assert_int_equal(SET(f, &mor, MOR, NV_BS_RT, "\1", 1), EFI_SUCCESS);
	assert_int_equal(rts_vars_end_of_dxe(f->v), EFI_OUT_OF_RESOURCES);
	assert_int_equal(rts_vars_query(f->v, NV_BS_RT, &max, &left, &largest),
			 EFI_SUCCESS);
	assert_int_equal(left, 0);
	assert_int_equal(rts_vars_query(f->v, BS, &max, &left, &largest), EFI_SUCCESS);
	assert_int_equal(max - left, RTS_VARS_OVERHEAD + sizeof LOCK + 8);
}

/* The key is forgotten whatever the store says, and the next change tells it. */
static void wrong_key_not_kept(void **state)
{
	struct fixture *f = *state;

	with_request(f);
	assert_int_equal(SET(f, &mor_lock, LOCK, NV_BS_RT, "12345678", 8), EFI_SUCCESS);
	f->answer = EFI_DEVICE_ERROR;
	assert_int_equal(SET(f, &mor_lock, LOCK, NV_BS_RT, "12345679", 8),
			 EFI_ACCESS_DENIED);
	f->answer = EFI_SUCCESS;
	assert_true(f->kept.mor_has_key);
	assert_true(IS(f, &mor_lock, LOCK, 2));
	assert_int_equal(SET(f, &mor_lock, LOCK, NV_BS_RT, "12345678", 8),
			 EFI_ACCESS_DENIED);
	assert_int_equal(SET(f, &global, u"BootNext", NV_BS_RT, "\0\0", 2), EFI_SUCCESS);
	assert_int_equal(f->parts, RTS_VARS_DURABLE | RTS_VARS_RUN);
	assert_false(f->kept.mor_has_key);
}

/* What the store refuses has not happened: neither the value nor the lock. */
static void lock_not_kept(void **state)
{
	struct fixture *f = *state;

	with_request(f);
	f->answer = EFI_DEVICE_ERROR;
	assert_int_equal(SET(f, &mor_lock, LOCK, NV_BS_RT, "\1", 1), EFI_DEVICE_ERROR);
	f->answer = EFI_SUCCESS;
	assert_true(IS(f, &mor_lock, LOCK, 0));
	assert_int_equal(SET(f, &mor, MOR, NV_BS_RT, "\0", 1), EFI_SUCCESS);
	assert_int_equal(SET(f, &mor_lock, LOCK, NV_BS_RT, "\1", 1), EFI_SUCCESS);
	assert_int_equal(f->parts, RTS_VARS_DURABLE | RTS_VARS_RUN);
}

static void without_request(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(SET(f, &mor_lock, LOCK, NV_BS_RT, "\0", 1), EFI_SUCCESS);
	assert_int_equal(rts_vars_end_of_dxe(f->v), EFI_SUCCESS);
	assert_true(f->kept.mor_absent);
	assert_true(IS(f, &mor_lock, LOCK, -1));
	assert_int_equal(SET(f, &mor_lock, LOCK, NV_BS_RT, "\1", 1), EFI_WRITE_PROTECTED);
	assert_int_equal(SET(f, &mor, MOR, NV_BS_RT, "\1", 1), EFI_WRITE_PROTECTED);
	assert_int_equal(SET(f, &mor_lock, LOCK, NV_BS_RT, "12345678", 8),
			 EFI_WRITE_PROTECTED);
	/* what is malformed is so here, too */
	assert_int_equal(SET(f, &mor_lock, LOCK, NV_BS_RT, "\2", 1), EFI_INVALID_PARAMETER);
	assert_int_equal(SET(f, &mor_lock, LOCK, NV | BS, "\1", 1), EFI_INVALID_PARAMETER);
	assert_int_equal(SET(f, &mor_lock, LOCK, 0, "", 0), EFI_WRITE_PROTECTED);
	assert_int_equal(SET(f, &mor, MOR, NV_BS_RT, "12", 2), EFI_INVALID_PARAMETER);
	assert_int_equal(SET(f, &mor, MOR, 0, "", 0), EFI_INVALID_PARAMETER);
	/* the names are special in their own namespaces only */
	assert_int_equal(SET(f, &mor_lock, MOR, NV_BS_RT, "12", 2), EFI_SUCCESS);
	assert_int_equal(rts_vars_reset(f->v), EFI_SUCCESS);
	assert_int_equal(SET(f, &mor, MOR, NV_BS_RT, "\1", 1), EFI_SUCCESS);
}

static void hardware_errors(void **state)
{
	struct fixture *f = *state;
	uint64_t max, left, largest;
	uint8_t record[600] = {1};

	assert_int_equal(rts_vars_query(f->v, NV_BS_RT | HR, &max, &left, &largest),
			 EFI_SUCCESS);
	assert_int_equal(max, 1000);
	assert_int_equal(left, 1000);
	assert_int_equal(largest, 1000 - RTS_VARS_OVERHEAD);
	assert_int_equal(rts_vars_end_of_dxe(f->v), EFI_SUCCESS);
	assert_int_equal(rts_vars_query(f->v, BS | RT | HR, &max, &left, &largest),
			 EFI_INVALID_PARAMETER);
	assert_int_equal(SET(f, &hw_error, u"HwErrRec0001", NV_BS_RT | HR, record, 1),
			 EFI_SUCCESS);
	assert_int_equal(SET(f, &hw_error, u"HwErrRec0001", NV_BS_RT | HR, record, 600),
			 EFI_SUCCESS);
	assert_int_equal(SET(f, &hw_error, u"HwErrRec0002", NV_BS_RT | HR, record, 600),
			 EFI_OUT_OF_RESOURCES);
	assert_int_equal(rts_vars_query(f->v, NV_BS_RT, &max, &left, &largest),
			 EFI_SUCCESS);
	assert_int_equal(left, RTS_VARS_QUOTA); /* they have a quota of their own */
	assert_int_equal(SET(f, &hw_error, u"HwErrRec000g", NV_BS_RT | HR, record, 1),
			 EFI_INVALID_PARAMETER);
	assert_int_equal(SET(f, &global, u"HwErrRec0001", NV_BS_RT | HR, record, 1),
			 EFI_INVALID_PARAMETER);
	assert_int_equal(SET(f, &hw_error, u"HwErrRec0003", NV_BS_RT, record, 1),
			 EFI_INVALID_PARAMETER);
	assert_int_equal(rts_vars_exit_boot_services(f->v), EFI_SUCCESS);
	assert_int_equal(SET(f, &hw_error, u"HwErrRec0001", NV_BS_RT | HR, "", 0),
			 EFI_SUCCESS);
	assert_int_equal(SET(f, &hw_error, u"HwErrRec0002", NV_BS_RT | HR, record, 600),
			 EFI_SUCCESS);
	assert_int_equal(
		SET(f, &hw_error, u"HwErrRec0002", NV_BS_RT | HR | APPEND, record, 200),
		EFI_SUCCESS);
}

static const uint8_t path_end[] = {0x7f, 0xff, 4, 0};
static const uint8_t load_option[] = {1, 0, 0, 0, 4, 0, 'N', 0, 0, 0, 0x7f, 0xff, 4, 0};

static size_t bytes_of(const CHAR16 *name)
{
	size_t n = 1;

	while (name[n - 1] != 0)
		n++;
	return 2 * n;
}

/* Each defined name: attributes, lengths, a value. Signed ones are for t_auth. */
static void defined_names(void **state)
{
	static const struct {
		const CHAR16 *name;
		uint32_t attr;
		size_t min, max; /* 0: no limit */
		const void *value;
		size_t len;
	} names[] = {
		{u"Lang", NV_BS_RT, 1, 0, "eng", 4},
		{u"PlatformLang", NV_BS_RT, 1, 0, "en", 3},
		{u"LangCodes", BS | RT, 1, 0, "eng", 4},
		{u"PlatformLangCodes", BS | RT, 1, 0, "en", 3},
		{u"ConIn", NV_BS_RT, 4, 0, path_end, 4},
		{u"ConOut", NV_BS_RT, 4, 0, path_end, 4},
		{u"ErrOut", NV_BS_RT, 4, 0, path_end, 4},
		{u"ConInDev", BS | RT, 4, 0, path_end, 4},
		{u"ConOutDev", BS | RT, 4, 0, path_end, 4},
		{u"ErrOutDev", BS | RT, 4, 0, path_end, 4},
		{u"Timeout", NV_BS_RT, 2, 2, zeros, 2},
		{u"BootOrder", NV_BS_RT, 2, 0, zeros, 6},
		{u"BootNext", NV_BS_RT, 2, 2, zeros, 2},
		{u"DriverOrder", NV_BS_RT, 2, 0, zeros, 2},
		{u"SysPrepOrder", NV_BS_RT, 2, 0, zeros, 2},
		{u"HwErrRecSupport", NV_BS_RT, 2, 2, zeros, 2},
		{u"OsIndications", NV_BS_RT, 8, 8, zeros, 8},
		{u"BootCurrent", BS | RT, 2, 2, zeros, 2},
		{u"BootOptionSupport", BS | RT, 4, 4, zeros, 4},
		{u"OsIndicationsSupported", BS | RT, 8, 8, zeros, 8},
		{u"Boot0000", NV_BS_RT, 6, 0, load_option, sizeof load_option},
		{u"BootFFFF", NV_BS_RT, 6, 0, load_option, sizeof load_option},
		{u"Driver9ABC", NV_BS_RT, 6, 0, load_option, sizeof load_option},
		{u"SysPrepDEF0", NV_BS_RT, 6, 0, load_option, sizeof load_option},
		{u"PlatformRecovery0001", BS | RT, 6, 0, load_option, sizeof load_option},
		{u"Key0000", NV_BS_RT, 10, 22, zeros, 10},
		{u"Key0001", NV_BS_RT, 10, 22, zeros, 22},
	};
	static const uint32_t attrs[] = {NV_BS_RT, BS | RT, NV | BS, BS, NV_BS_RT | HR};

	for (size_t i = 0; i < COUNT(names); i++) {
		struct fixture *f = *state;
		const size_t n = bytes_of(names[i].name);

#define WRITE(a, p, len) rts_vars_set(f->v, names[i].name, n, &global, (a), (p), (len))
		/* before EndOfDxe they are anybody's */
		assert_int_equal(WRITE(NV | BS, "x", 1), EFI_SUCCESS);
		assert_int_equal(WRITE(NV | BS, "", 0), EFI_SUCCESS);
		assert_int_equal(rts_vars_end_of_dxe(f->v), EFI_SUCCESS);
		for (size_t k = 0; k < COUNT(attrs); k++)
			if (WRITE(attrs[k], names[i].value, names[i].len) !=
			    (attrs[k] == names[i].attr ? EFI_SUCCESS
						       : EFI_INVALID_PARAMETER))
				fail_msg("name %zu, attributes %#x", i, attrs[k]);
		if (names[i].min > 1 &&
		    WRITE(names[i].attr, zeros, names[i].min - 1) != EFI_INVALID_PARAMETER)
			fail_msg("name %zu, too short", i);
		if (names[i].min == 1 && WRITE(names[i].attr, zeros, 1) != EFI_SUCCESS)
			fail_msg("name %zu, of one byte", i);
		for (size_t more = 1; names[i].max > 0 && more <= 4; more++)
			if (WRITE(names[i].attr, zeros, names[i].max + more) !=
			    EFI_INVALID_PARAMETER)
				fail_msg("name %zu, too long", i);
		assert_int_equal(WRITE(names[i].attr | APPEND, "", 0), EFI_SUCCESS);
		/* what is deleted needs no length, and not these attributes */
		assert_int_equal(WRITE(names[i].attr, "", 0), EFI_SUCCESS);
		assert_int_equal(WRITE(0, "", 0), EFI_NOT_FOUND);
		assert_int_equal(WRITE(names[i].attr, names[i].value, names[i].len),
				 EFI_SUCCESS);
		assert_int_equal(WRITE(0, "x", 1), EFI_SUCCESS);
		assert_int_equal(WRITE(0, "x", 1), EFI_NOT_FOUND);
#undef WRITE
		teardown(state);
		setup(state);
	}
}

/* The specification's namespaces have no other names; some only the firmware writes. */
static void other_names(void **state)
{
	struct fixture *f = *state;
	static const EFI_GUID security = EFI_IMAGE_SECURITY_DATABASE_GUID;
	const struct {
		const EFI_GUID *guid;
		const CHAR16 *name;
	} cases[] = {
		{&global, u"AuditMode"},       {&global, u"DeployedMode"},
		{&global, u"bootorder"},       {&global, u"Boot"},
		{&global, u"Boot000"},         {&global, u"Boot00000"},
		{&global, u"Boot000G"},        {&global, u"Boot00/0"},
		{&global, u"Boot00:0"},        {&global, u"Boot00@0"},
		{&global, u"OsRecoveryOrder"}, {&global, u"db"},
		{&security, u"dbr"},           {&security, u"PK"},
		{&security, u"Lang"},          {&hw_error, u"HwErrRec"},
		{&hw_error, u"Lang"},
	};
	static const CHAR16 *const read_only[] = {u"PKDefault", u"KEKDefault", u"dbDefault",
						  u"dbxDefault", u"dbtDefault"};

#define WRITE(a, p, len) \
	rts_vars_set(f->v, read_only[i], bytes_of(read_only[i]), &global, (a), (p), (len))
	for (size_t i = 0; i < COUNT(read_only); i++)
		assert_int_equal(WRITE(BS | RT, "x", 1), EFI_SUCCESS);
	assert_int_equal(rts_vars_end_of_dxe(f->v), EFI_SUCCESS);
	for (size_t i = 0; i < COUNT(read_only); i++) {
		assert_int_equal(WRITE(BS | RT, "y", 1), EFI_WRITE_PROTECTED);
		assert_int_equal(WRITE(0, "", 0), EFI_WRITE_PROTECTED);
	}
#undef WRITE
#define WRITE(a, p, len)                                                               \
	rts_vars_set(f->v, cases[i].name, bytes_of(cases[i].name), cases[i].guid, (a), \
		     (p), (len))
	for (size_t i = 0; i < COUNT(cases); i++)
		if (WRITE(NV_BS_RT, load_option, sizeof load_option) !=
			    EFI_INVALID_PARAMETER ||
		    WRITE(NV_BS_RT, "", 0) != EFI_NOT_FOUND)
			fail_msg("name %zu", i);
#undef WRITE
}

/* What text, device paths, load options and keys must be. */
static void contents(void **state)
{
#define FILE_NODE 4, 4, 10, 0, '\\', 0, 'x', 0, 0, 0
#define END       0x7f, 0xff, 4, 0
#define OPTION(n) 1, 0, 0, 0, (n), 0
#define C(name, ok, ...)                                                                  \
	{                                                                                 \
		(name), sizeof(name), sizeof((uint8_t[]){__VA_ARGS__}), {__VA_ARGS__}, ok \
	}
	struct fixture *f = *state;
	static const struct {
		const CHAR16 *name;
		size_t name_len, n;
		uint8_t p[40];
		bool ok;
	} cases[] = {
		C(u"Lang", true, 'e', 'n', 'g', 0),
		C(u"Lang", true, 0),
		C(u"Lang", true, 'e', 0, 'x'), /* a NUL somewhere */
		C(u"Lang", false, 'e', 'n', 'g'),
		C(u"BootOrder", false, 1),
		C(u"BootOrder", false, 1, 0, 2),
		C(u"BootOrder", true, 1, 0, 2, 0),
		C(u"Key0000", true, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4),
		C(u"Key0000", false, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3),
		C(u"ConOut", true, END),
		C(u"ConOut", true, FILE_NODE, END),
		C(u"ConOut", true, 1, 1, 5, 0, 7, FILE_NODE, END),
		C(u"ConOut", true, 1, 1, 4, 0, 0x7f, 1, 4, 0, END), /* an instance ends */
		C(u"ConOut", true, END, 'm', 'o', 'r', 'e'),
		C(u"ConOut", false, FILE_NODE),
		C(u"ConOut", false, 4, 4, 6, 0, 'x', 0, END), /* its name does not end */
		C(u"ConOut", true, 4, 3, 6, 0, 'x', 0, END),
		C(u"ConOut", true, 3, 4, 6, 0, 'x', 0, END),
		C(u"ConOut", false, 0x7f, 1, 4, 0), /* not the end of all */
		C(u"ConOut", false, 1, 0xff, 4, 0),
		C(u"ConOut", false, 1, 1, 3, 0, END),
		C(u"ConOut", false, 1, 1, 0, 0, END),
		C(u"ConOut", false, 1, 1, 255, 255, END),
		C(u"ConOut", false, 1, 1, 4, 1, END), /* 260 bytes */
		C(u"ConOut", false, 0x7f, 0xff, 5, 0, 0),
		C(u"ConOut", false, 1, 1, 4, 0, 0x7f, 0xff, 4),
		C(u"Boot0000", true, OPTION(4), 'N', 0, 0, 0, END),
		C(u"Boot0000", true, OPTION(4), 0, 0, END),
		C(u"Boot0000", true, OPTION(14), 'N', 0, 0, 0, FILE_NODE, END),
		C(u"Boot0000", true, OPTION(4), 'N', 0, 0, 0, END, 'd', 'a', 't', 'a'),
		C(u"Boot0000", false, OPTION(4), 'N', 0, 0, 0),
		C(u"Boot0000", false, OPTION(5), 'N', 0, 0, 0, END),
		C(u"Boot0000", false, OPTION(3), 'N', 0, 0, 0, END),
		C(u"Boot0000", false, OPTION(0), 'N', 0, 0, 0, END),
		C(u"Boot0000", false, OPTION(10), 'N', 0, 0, 0, FILE_NODE, END),
		C(u"Boot0000", false, OPTION(4), 'N', 0, 'o', 0),
		C(u"Boot0000", false, OPTION(4), 'N', 0, 0),
		C(u"Boot0000", false, OPTION(4)),
	};

	assert_int_equal(rts_vars_end_of_dxe(f->v), EFI_SUCCESS);
	for (size_t i = 0; i < COUNT(cases); i++)
		if (rts_vars_set(f->v, cases[i].name, cases[i].name_len, &global, NV_BS_RT,
				 cases[i].p, cases[i].n) !=
		    (cases[i].ok ? EFI_SUCCESS : EFI_INVALID_PARAMETER))
			fail_msg("case %zu", i);
}

/* Lang and PlatformLang: what one becomes, and what the other has then. */
static void languages(void **state)
{
	struct fixture *f = *state;
	static const struct {
		bool platform;
		const char *value, *lang, *platform_lang;
	} cases[] = {
		{false, "fra", "fra", "fr-FR"},
		{false, "eng", "eng", "en"},
		{true, "de", "deu", "de"},
		{true, "fr-FR", "fra", "fr-FR"},
		{true, "en-US", "eng", "en-US"}, /* its first part is on the list */
		{true, "de-CH-1996", "deu", "de-CH-1996"},
		{true, "xx", "deu", "xx"}, /* not on the list: nothing follows */
		{false, "xxx", "xxx", "xx"},
		{false, "deu", "deu", "de"},
	};

	assert_int_equal(SET(f, &global, u"PlatformLang", NV_BS_RT, "fr-FR", 6),
			 EFI_SUCCESS);
	assert_int_equal(SET(f, &global, u"LangCodes", BS | RT, "engfradeu", 10),
			 EFI_SUCCESS);
	assert_true(IS(f, &global, u"Lang", -1));
	assert_int_equal(SET(f, &global, u"PlatformLangCodes", BS | RT, "en;fr-FR;de", 12),
			 EFI_SUCCESS);
	assert_true(HAS(f, u"Lang", "fra")); /* now that both lists are there */
	assert_int_equal(SET(f, &global, u"Ling", NV_BS_RT, "eng", 4), EFI_SUCCESS);
	assert_true(HAS(f, u"PlatformLang", "fr-FR"));
	assert_int_equal(rts_vars_end_of_dxe(f->v), EFI_SUCCESS);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const size_t n = strlen(cases[i].value) + 1;

		assert_int_equal(cases[i].platform ? SET(f, &global, u"PlatformLang",
							 NV_BS_RT, cases[i].value, n)
						   : SET(f, &global, u"Lang", NV_BS_RT,
							 cases[i].value, n),
				 EFI_SUCCESS);
		if (!HAS(f, u"Lang", cases[i].lang) ||
		    !HAS(f, u"PlatformLang", cases[i].platform_lang))
			fail_msg("case %zu", i);
	}
	/* the lists are the firmware's; which language it is, the system says, too */
	assert_int_equal(rts_vars_exit_boot_services(f->v), EFI_SUCCESS);
	assert_int_equal(SET(f, &global, u"LangCodes", BS | RT, "eng", 4),
			 EFI_WRITE_PROTECTED);
	assert_int_equal(SET(f, &global, u"PlatformLangCodes", BS | RT, "en", 3),
			 EFI_WRITE_PROTECTED);
	assert_int_equal(SET(f, &global, u"Lang", NV_BS_RT, "eng", 4), EFI_SUCCESS);
	assert_true(HAS(f, u"PlatformLang", "en"));
	assert_int_equal(SET(f, &global, u"Lang", NV_BS_RT, "", 0), EFI_SUCCESS);
	assert_true(HAS(f, u"PlatformLang", "en"));
	/* in another namespace it is an ordinary name */
	assert_int_equal(SET(f, &mor, u"Lang", NV_BS_RT, "fra", 4), EFI_SUCCESS);
	assert_true(HAS(f, u"PlatformLang", "en"));
}

/* Lists of different lengths, with odd languages, and a follower that is another's. */
static void languages_odd(void **state)
{
	struct fixture *f = *state;
	char longest[64 + 4] = "en;";

	memset(longest + 3, 'x', 64);
	assert_int_equal(SET(f, &global, u"LangCodes", BS | RT, "engfradeu", 10),
			 EFI_SUCCESS);
	assert_int_equal(SET(f, &global, u"PlatformLangCodes", BS | RT, ";en;", 5),
			 EFI_SUCCESS);
	assert_int_equal(SET(f, &global, u"Lang", NV_BS_RT, "eng", 4), EFI_SUCCESS);
	assert_true(HAS(f, u"PlatformLang", "en"));
	assert_int_equal(SET(f, &global, u"PlatformLang", NV_BS_RT, "enx", 4), EFI_SUCCESS);
	assert_int_equal(SET(f, &global, u"Lang", NV_BS_RT, "fra", 4), EFI_SUCCESS);
	assert_true(HAS(f, u"PlatformLang", "enx")); /* the list has no second one */
	assert_int_equal(SET(f, &global, u"PlatformLang", NV_BS_RT, "eny", 4), EFI_SUCCESS);
	assert_true(HAS(f, u"Lang", "fra")); /* "eny" is not "en" */
	assert_int_equal(SET(f, &global, u"Lang", NV_BS_RT, "", 0), EFI_SUCCESS);
	assert_int_equal(SET(f, &global, u"Lang", NV_BS_RT, "\0", 1), EFI_SUCCESS);
	assert_true(HAS(f, u"PlatformLang", "eny"));
	assert_int_equal(SET(f, &global, u"Lang", NV_BS_RT, "en", 3), EFI_SUCCESS);
	assert_true(HAS(f, u"PlatformLang", "en")); /* "en" begins "eng", as in edk2 */
	/* longer than one may be, and as long */
	for (size_t n = sizeof longest; n > 3 + 63; n--) {
		longest[n - 1] = 0;
		assert_int_equal(SET(f, &global, u"PlatformLangCodes", BS | RT, longest, n),
				 EFI_SUCCESS);
		assert_int_equal(SET(f, &global, u"Lang", NV_BS_RT, "eng", 4), EFI_SUCCESS);
		assert_int_equal(SET(f, &global, u"PlatformLang", NV_BS_RT, "eny", 4),
				 EFI_SUCCESS);
		assert_int_equal(SET(f, &global, u"Lang", NV_BS_RT, "fra", 4), EFI_SUCCESS);
		if (n == sizeof longest)
			assert_true(HAS(f, u"PlatformLang", "eny"));
	}
	assert_true(HAS(f, u"PlatformLang", longest + 3));
	/* the firmware made it otherwise: it stays */
	assert_int_equal(SET(f, &global, u"PlatformLang", 0, "", 0), EFI_SUCCESS);
	assert_int_equal(SET(f, &global, u"PlatformLang", NV | BS, "xx", 3), EFI_SUCCESS);
	assert_int_equal(SET(f, &global, u"Lang", NV_BS_RT, "eng", 4), EFI_SUCCESS);
	assert_true(HAS(f, u"PlatformLang", "xx"));
	/* at run time there are the lists that there are */
	assert_int_equal(rts_vars_reset(f->v), EFI_SUCCESS);
	assert_int_equal(rts_vars_exit_boot_services(f->v), EFI_SUCCESS);
	assert_int_equal(SET(f, &global, u"LangCodes", BS | RT, "\0", 1),
			 EFI_WRITE_PROTECTED);
	assert_int_equal(SET(f, &global, u"PlatformLangCodes", BS | RT, "\0", 1),
			 EFI_WRITE_PROTECTED);
	assert_int_equal(SET(f, &global, u"LangCodes", BS | RT, "", 0), EFI_NOT_FOUND);
}

/* Both become what they do, or neither. */
static void languages_not_kept(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(SET(f, &global, u"LangCodes", BS | RT, "engfra", 7), EFI_SUCCESS);
	assert_int_equal(SET(f, &global, u"PlatformLangCodes", BS | RT, "en;fr", 6),
			 EFI_SUCCESS);
	assert_int_equal(SET(f, &global, u"Lang", NV_BS_RT, "eng", 4), EFI_SUCCESS);
	f->answer = EFI_DEVICE_ERROR;
	assert_int_equal(SET(f, &global, u"Lang", NV_BS_RT, "fra", 4), EFI_DEVICE_ERROR);
	f->answer = EFI_SUCCESS;
	assert_true(HAS(f, u"Lang", "eng"));
	assert_true(HAS(f, u"PlatformLang", "en"));
}

/* Wildcards are the table's; in a variable's name they are characters. */
static void names_with_wildcards(void **state)
{
	struct fixture *f = *state;
	static const uint8_t option[] = {0, 0, 0, 0, 4, 0, 0, 0, 0x7f, 0xff, 4, 0};

	assert_int_equal(rts_vars_end_of_dxe(f->v), EFI_SUCCESS);
	assert_int_equal(SET(f, &global, u"Boot00AF", NV_BS_RT, option, sizeof option),
			 EFI_SUCCESS);
	assert_int_equal(SET(f, &global, u"Boot####", NV_BS_RT, option, sizeof option),
			 EFI_INVALID_PARAMETER);
	assert_int_equal(SET(f, &global, u"Boot00af", NV_BS_RT, option, sizeof option),
			 EFI_INVALID_PARAMETER);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(request_malformed),  TEST(locked_without_key),
		TEST(locked_with_key),    TEST(wrong_key),
		TEST(wrong_key_not_kept), TEST(lock_not_kept),
		TEST(lock_beside_others), TEST(lock_at_end_of_dxe),
		TEST(lock_was_volatile),  TEST(without_request),
		TEST(hardware_errors),    TEST(names_with_wildcards),
		TEST(defined_names),      TEST(other_names),
		TEST(contents),           TEST(languages),
		TEST(languages_odd),      TEST(languages_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
