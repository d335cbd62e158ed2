/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules about single variables that edk2's driver, as Debian builds it, does not show to
 * tests/oracle/defined.py: the memory overwrite request and its lock (TCG Platform Reset
 * Attack Mitigation 1.10 §4), hardware error records, names with wildcards in them.
 */
#include <stdlib.h>
#include <string.h>

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

struct fixture {
	struct rts_vars *v;
	EFI_STATUS answer; /* the store's */
	struct rts_vars_latches kept;
	unsigned parts;
};

static EFI_STATUS keep(void *ctx, const struct rts_vars_view *view, unsigned parts)
{
	struct fixture *f = ctx;

	f->parts = parts;
	if (f->answer == EFI_SUCCESS)
		f->kept = rts_vars_view_latches(view);
	return f->answer;
}

static const struct rts_var_store_ops ops = {keep};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	const struct rts_vars_config config = {
		.store = &ops, .store_ctx = f, .quota_hw_error = 1000};

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
	assert_int_equal(SET(f, &mor, MOR, NV_BS_RT, "\0", 1), EFI_SUCCESS);
}

static void wrong_key(void **state)
{
	struct fixture *f = *state;

	with_request(f);
	assert_int_equal(SET(f, &mor_lock, LOCK, NV_BS_RT, "12345678", 8), EFI_SUCCESS);
	assert_int_equal(SET(f, &mor_lock, LOCK, NV_BS_RT, "12345679", 8),
			 EFI_ACCESS_DENIED);
	assert_true(f->kept.mor_locked && !f->kept.mor_has_key);
	assert_int_equal(SET(f, &mor_lock, LOCK, NV_BS_RT, "12345678", 8),
			 EFI_ACCESS_DENIED);
	assert_true(IS(f, &mor_lock, LOCK, 2));
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
		TEST(request_malformed), TEST(locked_without_key),   TEST(locked_with_key),
		TEST(wrong_key),         TEST(lock_not_kept),        TEST(without_request),
		TEST(hardware_errors),   TEST(names_with_wildcards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
