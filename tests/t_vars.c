/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The variable rules, against a fake store that says yes or no: SetVariable's situations in
 * every phase, limits, quotas, enumeration, locks, import, reset, and a random comparison
 * with a naive model.
 */
#include "log_line.h"
#include "runtserv/vars.h"
#include "test.h"
#include "uefi/guids.h"
#include "uefi/mm.h"
#include "vars/vars_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NV EFI_VARIABLE_NON_VOLATILE
#define BS EFI_VARIABLE_BOOTSERVICE_ACCESS
#define RT EFI_VARIABLE_RUNTIME_ACCESS
#define HR EFI_VARIABLE_HARDWARE_ERROR_RECORD
#define AW EFI_VARIABLE_AUTHENTICATED_WRITE_ACCESS
#define AT EFI_VARIABLE_TIME_BASED_AUTHENTICATED_WRITE_ACCESS
#define AP EFI_VARIABLE_APPEND_WRITE

static const EFI_GUID ns = {0x11111111, 0x2222, 0x3333, {1, 2, 3, 4, 5, 6, 7, 8}};
static const EFI_GUID global = EFI_GLOBAL_VARIABLE_GUID;
static const EFI_GUID sbe_guid = EFI_SECURE_BOOT_ENABLE_DISABLE_GUID;
static const EFI_GUID certdb_guid = EFI_CERT_DB_GUID;
static const EFI_GUID image_db = EFI_IMAGE_SECURITY_DATABASE_GUID;

/* A store that counts what it is shown, and gives the answer it was told to. */
struct fake {
	EFI_STATUS answer;
	unsigned commits, parts;
	size_t nv, vol, locks;
	struct rts_vars_phase phase;
};

static EFI_STATUS fake_commit(void *ctx, const struct rts_vars_view *view, unsigned parts)
{
	struct fake *f = ctx;
	struct rts_vars_cursor c = {0};
	struct bytes policy;
	const struct rts_var *var;

	f->commits++;
	f->parts = parts;
	f->nv = f->vol = f->locks = 0;
	while (rts_vars_view_next(view, &c, &var))
		(var->attr & NV) != 0 ? f->nv++ : f->vol++;
	c = (struct rts_vars_cursor){0};
	while (rts_vars_view_next_policy(view, &c, &policy))
		f->locks++;
	f->phase = rts_vars_view_phase(view);
	return f->answer;
}

static const struct rts_var_store_ops fake_ops = {fake_commit};

struct fixture {
	struct rts_vars *v;
	struct fake store;
};

/* Every refusal in here tells its reason. */
static void log_refusals(void *ctx, enum rts_log level, const char *text)
{
	(void)ctx;
	if (level == RTS_LOG_INFO && strncmp(text, "imported ", 9) != 0 &&
	    !log_line_tells(text))
		fail_msg("does not tell why: %s", text);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	const struct rts_vars_config config = {.store = &fake_ops,
					       .store_ctx = &f->store,
					       .log = log_refusals,
					       .log_level = RTS_LOG_INFO};

	*state = f;
	return EFI_ERROR(rts_vars_new(&config, &f->v)) || EFI_ERROR(rts_vars_start(f->v));
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	rts_vars_free(f->v);
	free(f);
	return 0;
}

#define SET(f, guid, name, attr, data, len) \
	rts_vars_set((f)->v, name, sizeof(name), guid, attr, data, len)

static EFI_STATUS get(struct fixture *f, const EFI_GUID *guid, const CHAR16 *name,
		      size_t name_len, uint32_t *attr, void *data, uint64_t *len)
{
	return rts_vars_get(f->v, name, name_len, guid, attr, len, data);
}

/* True when the variable has that value. */
#define HAS(f, guid, name, data, len) has(f, guid, name, sizeof(name), data, len)
static bool has(struct fixture *f, const EFI_GUID *guid, const CHAR16 *name,
		size_t name_len, const void *data, size_t len)
{
	uint8_t got[256];
	uint64_t n = sizeof got;
	uint32_t attr;

	return get(f, guid, name, name_len, &attr, got, &n) == EFI_SUCCESS && n == len &&
	       memcmp(got, data, len) == 0;
}

enum phase { BOOT, AFTER_DXE, RUNTIME };

static void enter(struct fixture *f, enum phase phase)
{
	if (phase >= AFTER_DXE)
		assert_int_equal(rts_vars_end_of_dxe(f->v), EFI_SUCCESS);
	if (phase == RUNTIME)
		assert_int_equal(rts_vars_exit_boot_services(f->v), EFI_SUCCESS);
}

static const CHAR16 surrogate[] = {'a', 0xd800, 0};

/* One SetVariable on a store with: Old (NV+BS+RT, "old"), BootOnly (NV+BS, "old"), Vol
 * (BS+RT, "old"). */
static void set_situations(void **state)
{
	static const struct {
		const char *what;
		enum phase phase;
		const CHAR16 *name;
		uint32_t attr;
		const char *data;
		EFI_STATUS status;
		const char *after; /* value afterwards, NULL: not there */
	} cases[] = {
		{"create", BOOT, u"New", NV | BS | RT, "x", EFI_SUCCESS, "x"},
		{"create volatile", BOOT, u"New", BS, "x", EFI_SUCCESS, "x"},
		{"overwrite", BOOT, u"Old", NV | BS | RT, "new", EFI_SUCCESS, "new"},
		{"same again", BOOT, u"Old", NV | BS | RT, "old", EFI_SUCCESS, "old"},
		{"no name", BOOT, u"", NV | BS, "x", EFI_INVALID_PARAMETER, NULL},
		{"NV only", BOOT, u"New", NV, "x", EFI_INVALID_PARAMETER, NULL},
		{"RT only", BOOT, u"New", RT, "x", EFI_INVALID_PARAMETER, NULL},
		{"NV and RT", BOOT, u"New", NV | RT, "x", EFI_INVALID_PARAMETER, NULL},
		{"RT with AW", BOOT, u"New", RT | AW, "x", EFI_UNSUPPORTED, NULL},
		{"reserved bit", BOOT, u"New", NV | BS | 0x80, "x", EFI_INVALID_PARAMETER,
		 NULL},
		{"high bit", BOOT, u"New", NV | BS | 0x80000000, "x", EFI_INVALID_PARAMETER,
		 NULL},
		{"AW", BOOT, u"New", NV | BS | AW, "x", EFI_UNSUPPORTED, NULL},
		{"AW without BS", BOOT, u"New", NV | AW, "x", EFI_UNSUPPORTED, NULL},
		{"AW without BS at run time", RUNTIME, u"New", NV | AW, "x",
		 EFI_UNSUPPORTED, NULL},
		{"AW and AT", BOOT, u"New", NV | BS | AW | AT, "x", EFI_UNSUPPORTED, NULL},
		{"HR without storage", BOOT, u"New", NV | BS | RT | HR, "x",
		 EFI_INVALID_PARAMETER, NULL},
		{"AT too short", BOOT, u"New", NV | BS | RT | AT, "x",
		 EFI_SECURITY_VIOLATION, NULL},
		{"AT empty", BOOT, u"New", NV | BS | RT | AT, "", EFI_SECURITY_VIOLATION,
		 NULL},
		{"other attributes", BOOT, u"Old", NV | BS, "new", EFI_INVALID_PARAMETER,
		 "old"},
		{"delete by size", BOOT, u"Old", NV | BS | RT, "", EFI_SUCCESS, NULL},
		{"delete by attributes", BOOT, u"Old", 0, "x", EFI_SUCCESS, NULL},
		{"delete by both", BOOT, u"Old", 0, "", EFI_SUCCESS, NULL},
		{"delete, other attributes", BOOT, u"Old", NV | BS, "",
		 EFI_INVALID_PARAMETER, "old"},
		{"delete by APPEND alone", BOOT, u"Old", AP, "x", EFI_INVALID_PARAMETER,
		 "old"},
		{"delete absent", BOOT, u"New", NV | BS | RT, "", EFI_NOT_FOUND, NULL},
		{"delete absent by attributes", BOOT, u"New", 0, "x", EFI_NOT_FOUND, NULL},
		{"append", BOOT, u"Old", NV | BS | RT | AP, "er", EFI_SUCCESS, "older"},
		{"append volatile", BOOT, u"Vol", BS | RT | AP, "er", EFI_SUCCESS, "older"},
		{"append nothing", BOOT, u"Old", NV | BS | RT | AP, "", EFI_SUCCESS, "old"},
		{"append creates", BOOT, u"New", NV | BS | RT | AP, "x", EFI_SUCCESS, "x"},
		{"append nothing to nothing", BOOT, u"New", NV | BS | RT | AP, "",
		 EFI_SUCCESS, NULL},
		{"append, other attributes", BOOT, u"Old", NV | BS | AP, "x",
		 EFI_INVALID_PARAMETER, "old"},
		{"surrogate", BOOT, surrogate, NV | BS, "x", EFI_INVALID_PARAMETER, NULL},
		{"case matters", BOOT, u"old", NV | BS, "x", EFI_SUCCESS, "x"},
		{"run time: create", RUNTIME, u"New", NV | BS | RT, "x", EFI_SUCCESS, "x"},
		{"run time: create volatile", RUNTIME, u"New", BS | RT, "x",
		 EFI_INVALID_PARAMETER, NULL},
		{"run time: create BS", RUNTIME, u"New", NV | BS, "x",
		 EFI_INVALID_PARAMETER, NULL},
		{"run time: overwrite", RUNTIME, u"Old", NV | BS | RT, "new", EFI_SUCCESS,
		 "new"},
		{"run time: append", RUNTIME, u"Old", NV | BS | RT | AP, "er", EFI_SUCCESS,
		 "older"},
		{"run time: delete", RUNTIME, u"Old", NV | BS | RT, "", EFI_SUCCESS, NULL},
		{"run time: BS-only", RUNTIME, u"BootOnly", NV | BS, "x",
		 EFI_WRITE_PROTECTED, NULL},
		{"run time: BS-only, as RT", RUNTIME, u"BootOnly", NV | BS | RT, "x",
		 EFI_WRITE_PROTECTED, NULL},
		{"run time: volatile", RUNTIME, u"Vol", BS | RT, "x", EFI_WRITE_PROTECTED,
		 "old"},
		{"run time: delete volatile", RUNTIME, u"Vol", 0, "", EFI_WRITE_PROTECTED,
		 "old"},
		{"run time: delete absent", RUNTIME, u"New", NV | BS | RT, "",
		 EFI_NOT_FOUND, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct fixture *f = NULL;
		uint8_t got[16];
		uint64_t n = sizeof got;
		uint32_t attr;
		size_t name_len = 2;

		assert_int_equal(setup((void **)&f), 0);
		SET(f, &ns, u"Old", NV | BS | RT, "old", 3);
		SET(f, &ns, u"BootOnly", NV | BS, "old", 3);
		SET(f, &ns, u"Vol", BS | RT, "old", 3);
		enter(f, cases[i].phase);
		for (const CHAR16 *p = cases[i].name; *p != 0; p++)
			name_len += 2;
		EFI_STATUS s =
			rts_vars_set(f->v, cases[i].name, name_len, &ns, cases[i].attr,
				     cases[i].data, strlen(cases[i].data));
		EFI_STATUS g = get(f, &ns, cases[i].name, name_len, &attr, got, &n);
		if (s != cases[i].status ||
		    (g == EFI_SUCCESS) != (cases[i].after != NULL) ||
		    (g == EFI_SUCCESS &&
		     (n != strlen(cases[i].after) || memcmp(got, cases[i].after, n) != 0)))
			fail_msg("%s: status %#lx, then get %#lx of %lu bytes",
				 cases[i].what, s, g, n);
		if (g == EFI_SUCCESS)
			assert_int_equal(attr & AP, 0);
		teardown((void **)&f);
	}
}

static void own_variables(void **state)
{
	struct fixture *f = *state;
	uint8_t descriptor[41] = {[16] = 24}; /* empty signature, one byte of payload */

	for (int after = 0; after < 2; after++) {
		assert_int_equal(SET(f, &global, u"SetupMode", BS | RT, "\0", 1),
				 EFI_WRITE_PROTECTED);
		assert_int_equal(SET(f, &global, u"SecureBoot", BS | RT, "\1", 1),
				 EFI_WRITE_PROTECTED);
		assert_int_equal(SET(f, &global, u"SecureBoot", 0, "", 0),
				 EFI_WRITE_PROTECTED);
		assert_int_equal(SET(f, &global, u"VendorKeys", BS | RT, "\1", 1),
				 EFI_WRITE_PROTECTED);
		assert_int_equal(SET(f, &global, u"SignatureSupport", 0, "", 0),
				 EFI_WRITE_PROTECTED);
		assert_int_equal(SET(f, &certdb_guid, u"certdb", NV | BS, "x", 1),
				 EFI_WRITE_PROTECTED);
		assert_int_equal(SET(f, &sbe_guid, u"SecureBootEnable", NV | BS, "\0", 1),
				 EFI_SECURITY_VIOLATION);
		assert_int_equal(SET(f, &global, u"PK", NV | BS | RT, "x", 1),
				 EFI_INVALID_PARAMETER);
		assert_int_equal(SET(f, &image_db, u"dbx", NV | BS | RT | AP, "x", 1),
				 EFI_INVALID_PARAMETER);
		assert_int_equal(SET(f, &global, u"PK", NV | BS | RT | AT, descriptor,
				     sizeof descriptor),
				 EFI_SECURITY_VIOLATION);
		assert_int_equal(SET(f, &ns, u"Mine", NV | BS | RT | AT, descriptor,
				     sizeof descriptor),
				 EFI_SECURITY_VIOLATION);
		enter(f, AFTER_DXE);
	}
	assert_true(HAS(f, &global, u"SetupMode", "\1", 1));
	assert_true(HAS(f, &global, u"SecureBoot", "\0", 1));
	/* the same names in another namespace, and longer names, are anybody's */
	assert_int_equal(SET(f, &ns, u"SetupMode", NV | BS, "x", 1), EFI_SUCCESS);
	assert_int_equal(SET(f, &ns, u"SetupMode2", NV | BS, "x", 1), EFI_SUCCESS);
	assert_int_equal(SET(f, &ns, u"Setup", NV | BS, "x", 1), EFI_SUCCESS);
	/* of the specification's own namespace only its names are left */
	assert_int_equal(SET(f, &global, u"SetupMode2", NV | BS, "x", 1),
			 EFI_INVALID_PARAMETER);
}

static void modes_follow_loaded_keys(void **state)
{
	static const struct {
		int enable; /* -1: SecureBootEnable absent */
		bool pk;
		const char *setup, *secure;
	} cases[] = {
		{-1, false, "\1", "\0"}, {1, false, "\1", "\0"}, {-1, true, "\0", "\1"},
		{1, true, "\0", "\1"},   {0, true, "\0", "\0"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct fixture f = {0};
		const uint8_t enable = (uint8_t)cases[i].enable;
		const struct rts_vars_config config = {0};
		const struct rts_var pk = {.guid = global,
					   .attr = NV | BS | RT | AT,
					   .name = u"PK",
					   .name_len = 6,
					   .data = (const uint8_t *)"k",
					   .data_len = 1};
		const struct rts_var sbe = {.guid = sbe_guid,
					    .attr = NV | BS,
					    .name = u"SecureBootEnable",
					    .name_len = 34,
					    .data = &enable,
					    .data_len = 1};

		assert_int_equal(rts_vars_new(&config, &f.v), EFI_SUCCESS);
		if (cases[i].pk)
			assert_int_equal(rts_vars_load(f.v, &pk), EFI_SUCCESS);
		if (cases[i].enable >= 0)
			assert_int_equal(rts_vars_load(f.v, &sbe), EFI_SUCCESS);
		assert_int_equal(rts_vars_start(f.v), EFI_SUCCESS);
		for (int again = 0; again < 2; again++) {
			assert_true(HAS(&f, &global, u"SetupMode", cases[i].setup, 1));
			assert_true(HAS(&f, &global, u"SecureBoot", cases[i].secure, 1));
			assert_int_equal(rts_vars_reset(f.v), EFI_SUCCESS);
		}
		if (cases[i].pk) { /* an unsigned delete, in each form */
			assert_int_equal(SET(&f, &global, u"PK", 0, "", 0),
					 EFI_INVALID_PARAMETER);
			assert_int_equal(SET(&f, &global, u"PK", NV | BS | RT, "", 0),
					 EFI_INVALID_PARAMETER);
			assert_int_equal(SET(&f, &global, u"PK", NV | BS | RT | AT, "", 0),
					 EFI_SECURITY_VIOLATION);
		}
		rts_vars_free(f.v);
	}
}

static void load_refuses(void **state)
{
	const struct rts_vars_config config = {.quota_nv = 300};
	struct rts_var var = {.guid = ns,
			      .attr = NV | BS,
			      .name = u"Ab",
			      .name_len = 6,
			      .data = (const uint8_t *)"x",
			      .data_len = 1};
	struct rts_vars *v;

	(void)state;
	assert_int_equal(rts_vars_new(&config, &v), EFI_SUCCESS);
	assert_int_equal(rts_vars_load(v, &var), EFI_SUCCESS);
	assert_int_equal(rts_vars_load(v, &var), EFI_ALREADY_STARTED);
	var.name = u"Ac";
	var.attr = NV;
	assert_int_equal(rts_vars_load(v, &var), EFI_INVALID_PARAMETER);
	var.attr = NV | BS | AP;
	assert_int_equal(rts_vars_load(v, &var), EFI_INVALID_PARAMETER);
	var.attr = NV | BS;
	var.name_len = 4; /* its terminator is missing */
	assert_int_equal(rts_vars_load(v, &var), EFI_INVALID_PARAMETER);
	var.name_len = 6;
	var.data_len = 65460;
	assert_int_equal(rts_vars_load(v, &var), EFI_INVALID_PARAMETER);
	var.data_len = 1;
	assert_int_equal(rts_vars_load(v, &var), EFI_SUCCESS);
	var.name = u"Ad"; /* 3 * (96 + 6 + 1) > 300 */
	assert_int_equal(rts_vars_load(v, &var), EFI_OUT_OF_RESOURCES);
	var.attr = BS;
	var.name = u"";
	var.name_len = 2;
	assert_int_equal(rts_vars_load(v, &var), EFI_INVALID_PARAMETER);
	var.name = u"A";
	var.name_len = 4;
	var.data_len = 0; /* some store had it so */
	var.data = NULL;
	assert_int_equal(rts_vars_load(v, &var), EFI_SUCCESS);
	var.name = u"B";
	var.data_len = 1;
	assert_int_equal(rts_vars_load(v, &var), EFI_INVALID_PARAMETER);
	var.data = (const uint8_t *)"x";
	var.name = u"SetupMode";
	var.name_len = 20;
	var.guid = global;
	assert_int_equal(rts_vars_load(v, &var), EFI_INVALID_PARAMETER);
	rts_vars_free(v);
}

static void get_answers(void **state)
{
	struct fixture *f = *state;
	uint8_t data[8];
	uint32_t attr = 0;
	uint64_t n;

	SET(f, &ns, u"Var", NV | BS, "12345", 5);
	n = 4;
	assert_int_equal(get(f, &ns, u"Var", 8, &attr, data, &n), EFI_BUFFER_TOO_SMALL);
	assert_int_equal(n, 5);
	assert_int_equal(attr, NV | BS);
	n = 0;
	assert_int_equal(get(f, &ns, u"Var", 8, &attr, NULL, &n), EFI_BUFFER_TOO_SMALL);
	n = 5;
	assert_int_equal(get(f, &ns, u"Var", 8, &attr, data, &n), EFI_SUCCESS);
	assert_int_equal(get(f, &ns, u"Var", 8, &attr, NULL, &n), EFI_INVALID_PARAMETER);
	assert_int_equal(get(f, &ns, u"", 2, &attr, data, &n), EFI_NOT_FOUND);
	assert_int_equal(get(f, &ns, u"Va", 6, &attr, data, &n), EFI_NOT_FOUND);
	assert_int_equal(get(f, &global, u"Var", 8, &attr, data, &n), EFI_NOT_FOUND);
	assert_int_equal(get(f, &ns, u"Var", 6, &attr, data, &n),
			 EFI_INVALID_PARAMETER); /* no NUL */
	assert_int_equal(get(f, &ns, u"Var\0tail", 18, &attr, data, &n), EFI_SUCCESS);
	enter(f, RUNTIME);
	assert_int_equal(get(f, &ns, u"Var", 8, &attr, data, &n),
			 EFI_NOT_FOUND); /* never ACCESS_DENIED */
}

static size_t enumerate(struct fixture *f, char *names, size_t cap)
{
	CHAR16 name[32] = {0};
	EFI_GUID guid = {0};
	size_t count = 0;
	uint64_t n;

	for (;; count++) {
		n = sizeof name;
		EFI_STATUS s = rts_vars_get_next(f->v, name, &n, &guid);

		if (s == EFI_NOT_FOUND)
			return count;
		assert_int_equal(s, EFI_SUCCESS);
		if (memcmp(&guid, &ns, sizeof ns) == 0 && cap > 1) {
			*names++ = (char)name[0];
			*names = 0;
			cap--;
		}
	}
}

static void enumeration(void **state)
{
	struct fixture *f = *state;
	CHAR16 name[32] = u"B";
	EFI_GUID guid = ns;
	char names[16] = "";
	uint64_t n = 4;

	SET(f, &ns, u"A", NV | BS | RT, "1", 1);
	SET(f, &ns, u"BB", NV | BS, "1", 1);
	SET(f, &ns, u"C", BS | RT, "1", 1);
	SET(f, &ns, u"D", NV | BS | RT, "1", 1);
	assert_int_equal(enumerate(f, names, sizeof names),
			 10); /* and six that tell the modes */
	assert_string_equal(names, "ABCD");
	SET(f, &ns, u"A", NV | BS | RT, "2", 1); /* an update keeps its place */
	SET(f, &ns, u"C", BS | RT, "", 0);
	SET(f, &ns, u"C", BS | RT, "1", 1);
	enumerate(f, names, sizeof names);
	assert_string_equal(names, "ABDC");

	assert_int_equal(rts_vars_get_next(f->v, name, &n, &guid),
			 EFI_INVALID_PARAMETER); /* unknown */
	name[0] = 'A';
	n = 4;
	assert_int_equal(rts_vars_get_next(f->v, name, &n, &guid), EFI_BUFFER_TOO_SMALL);
	assert_int_equal(n, 6);
	assert_int_equal(name[0], 'A');
	n = 2; /* the name does not end inside */
	assert_int_equal(rts_vars_get_next(f->v, name, &n, &guid), EFI_INVALID_PARAMETER);
	n = 0;
	assert_int_equal(rts_vars_get_next(f->v, name, &n, &guid), EFI_INVALID_PARAMETER);

	enter(f, RUNTIME);
	assert_int_equal(enumerate(f, names, sizeof names), 7);
	assert_string_equal(names, "ADC");
	memcpy(name, u"BB", 6);
	guid = ns;
	n = sizeof name;
	assert_int_equal(rts_vars_get_next(f->v, name, &n, &guid), EFI_INVALID_PARAMETER);
}

static void limits(void **state)
{
	struct fixture *f = *state;
	static uint8_t big[70000];
	uint64_t max, left, largest;

	assert_int_equal(SET(f, &ns, u"Big", NV | BS, big, 65460 - 8), EFI_SUCCESS);
	assert_int_equal(SET(f, &ns, u"Big", NV | BS, big, 65460 - 7),
			 EFI_INVALID_PARAMETER);
	assert_int_equal(SET(f, &ns, u"Big", NV | BS | AP, big, 1), EFI_INVALID_PARAMETER);
	assert_int_equal(SET(f, &ns, u"Big", NV | BS | AP, big, UINT64_MAX),
			 EFI_INVALID_PARAMETER);
	assert_int_equal(rts_vars_query(f->v, NV | BS, &max, &left, &largest), EFI_SUCCESS);
	assert_int_equal(max, 262144);
	assert_int_equal(left, 262144 - 96 - 65460);
	assert_int_equal(largest, 65460);
	assert_int_equal(SET(f, &ns, u"Big2", NV | BS, big, 65450), EFI_SUCCESS);
	assert_int_equal(SET(f, &ns, u"Big3", NV | BS, big, 65450), EFI_SUCCESS);
	assert_int_equal(rts_vars_query(f->v, NV | BS, &max, &left, &largest), EFI_SUCCESS);
	assert_int_equal(largest, left - 96);
	assert_int_equal(SET(f, &ns, u"Big4", NV | BS, big, largest - 10 + 1),
			 EFI_OUT_OF_RESOURCES);
	assert_int_equal(SET(f, &ns, u"Big4", BS, big, 65000),
			 EFI_SUCCESS); /* its own quota */
	assert_int_equal(SET(f, &ns, u"Big5", NV | BS, big, largest - 10), EFI_SUCCESS);
	assert_int_equal(rts_vars_query(f->v, NV | BS, &max, &left, &largest), EFI_SUCCESS);
	assert_int_equal(left, 0);
	assert_int_equal(largest, 0);
	assert_int_equal(SET(f, &ns, u"Big5", NV | BS, big, 1),
			 EFI_SUCCESS); /* a full store can shrink */
}

static void query_arguments(void **state)
{
	static const struct {
		uint32_t attr;
		enum phase phase;
		EFI_STATUS status;
	} cases[] = {
		{NV | BS | RT, BOOT, EFI_SUCCESS},
		{BS, BOOT, EFI_SUCCESS},
		{NV | BS | RT | AT, BOOT, EFI_SUCCESS},
		{0, BOOT, EFI_INVALID_PARAMETER},
		{NV | BS | AW, BOOT, EFI_UNSUPPORTED},
		{0x80, BOOT, EFI_UNSUPPORTED},
		{NV, BOOT, EFI_INVALID_PARAMETER},
		{RT, BOOT, EFI_INVALID_PARAMETER},
		{NV | RT, BOOT, EFI_INVALID_PARAMETER},
		{BS | HR, BOOT, EFI_INVALID_PARAMETER},
		{NV | BS | RT | HR, BOOT, EFI_UNSUPPORTED},
		{NV | BS | RT, RUNTIME, EFI_SUCCESS},
		{NV | BS, RUNTIME, EFI_INVALID_PARAMETER},
	};
	uint64_t a, b, c;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct fixture *f = NULL;

		setup((void **)&f);
		enter(f, cases[i].phase);
		if (rts_vars_query(f->v, cases[i].attr, &a, &b, &c) != cases[i].status)
			fail_msg("attributes %#x", cases[i].attr);
		teardown((void **)&f);
	}
}

static void phases_and_locks(void **state)
{
	struct fixture *f = *state;

	SET(f, &ns, u"Vol", BS | RT, "1", 1);
	SET(f, &ns, u"Keep", NV | BS | RT, "1", 1);
	SET(f, &ns, u"Free", NV | BS | RT, "1", 1);
	assert_int_equal(rts_vars_lock(f->v, u"Keep", 10, &ns), EFI_SUCCESS);
	assert_int_equal(rts_vars_lock(f->v, u"Keep", 10, &ns), EFI_SUCCESS);
	assert_int_equal(rts_vars_lock(f->v, u"Later", 12, &ns), EFI_SUCCESS);
	assert_int_equal(f->store.locks, 2);
	assert_int_equal(rts_vars_lock(f->v, u"", 2, &ns), EFI_INVALID_PARAMETER);
	assert_int_equal(SET(f, &ns, u"Keep", NV | BS | RT, "2", 1),
			 EFI_SUCCESS); /* not enforced yet */
	enter(f, AFTER_DXE);
	assert_int_equal(rts_vars_lock(f->v, u"Free", 10, &ns), EFI_ACCESS_DENIED);
	assert_int_equal(SET(f, &ns, u"Keep", NV | BS | RT, "3", 1), EFI_WRITE_PROTECTED);
	assert_int_equal(SET(f, &ns, u"Keep", 0, "", 0), EFI_WRITE_PROTECTED);
	assert_int_equal(SET(f, &ns, u"Later", NV | BS | RT, "3", 1), EFI_WRITE_PROTECTED);
	assert_int_equal(SET(f, &ns, u"Free", NV | BS | RT, "3", 1), EFI_SUCCESS);

	assert_int_equal(rts_vars_ready_to_boot(f->v), EFI_SUCCESS);
	assert_int_equal(rts_vars_ready_to_boot(f->v), EFI_SUCCESS);
	assert_int_equal(rts_vars_exit_boot_services(f->v), EFI_SUCCESS);
	assert_true(rts_vars_view_phase(rts_vars_current(f->v)).runtime);
	unsigned before = f->store.commits;
	assert_int_equal(rts_vars_exit_boot_services(f->v), EFI_SUCCESS);
	assert_int_equal(f->store.commits, before); /* nothing new to keep */
	assert_int_equal(rts_vars_ready_to_boot(f->v), EFI_UNSUPPORTED);
	assert_true(f->store.phase.runtime && f->store.phase.end_of_dxe);

	assert_int_equal(rts_vars_reset(f->v), EFI_SUCCESS);
	assert_int_equal(f->store.parts, RTS_VARS_RUN);
	assert_int_equal(f->store.vol + f->store.locks, 0);
	assert_false(f->store.phase.runtime || f->store.phase.end_of_dxe);
	assert_false(HAS(f, &ns, u"Vol", "1", 1));
	assert_true(HAS(f, &ns, u"Keep", "2", 1));
	enter(f, AFTER_DXE);
	assert_int_equal(SET(f, &ns, u"Keep", NV | BS | RT, "4", 1), EFI_SUCCESS);
}

static void locks_are_charged(void **state)
{
	struct fixture *f = *state;
	CHAR16 name[5] = u"L000";
	unsigned count = 0;

	while (rts_vars_lock(f->v, name, sizeof name, &ns) == EFI_SUCCESS) {
		count++;
		name[1] = (CHAR16)('0' + count / 64 % 64);
		name[2] = (CHAR16)('0' + count % 64);
		name[3] = (CHAR16)('0' + count / 4096);
	}
	assert_in_range(count, 1700, 262144 / 150);
	rts_vars_reset(f->v);
	assert_int_equal(rts_vars_lock(f->v, u"Again", 12, &ns), EFI_SUCCESS);
}

/* What the store refuses has not happened. */
static void store_refuses(void **state)
{
	struct fixture *f = *state;
	char names[8] = "";

	SET(f, &ns, u"A", NV | BS | RT, "1", 1);
	SET(f, &ns, u"V", BS | RT, "1", 1);
	f->store.answer = EFI_DEVICE_ERROR;
	assert_int_equal(SET(f, &ns, u"A", NV | BS | RT, "2", 1), EFI_DEVICE_ERROR);
	assert_int_equal(f->store.parts, RTS_VARS_DURABLE);
	assert_int_equal(SET(f, &ns, u"A", NV | BS | RT | AP, "2", 1), EFI_DEVICE_ERROR);
	assert_int_equal(SET(f, &ns, u"A", 0, "", 0), EFI_DEVICE_ERROR);
	assert_int_equal(SET(f, &ns, u"B", NV | BS | RT, "2", 1), EFI_DEVICE_ERROR);
	assert_int_equal(SET(f, &ns, u"V", BS | RT, "2", 1), EFI_DEVICE_ERROR);
	assert_int_equal(f->store.parts, RTS_VARS_RUN);
	assert_int_equal(rts_vars_lock(f->v, u"A", 4, &ns), EFI_DEVICE_ERROR);
	assert_true(HAS(f, &ns, u"A", "1", 1));
	assert_true(HAS(f, &ns, u"V", "1", 1));
	enumerate(f, names, sizeof names);
	assert_string_equal(names, "AV");
	/* A latch holds although it could not be kept, and is kept with the next change. */
	assert_int_equal(rts_vars_exit_boot_services(f->v), EFI_DEVICE_ERROR);
	assert_true(rts_vars_phase(f->v).runtime);
	f->store.answer = EFI_SUCCESS;
	assert_int_equal(SET(f, &ns, u"A", NV | BS | RT, "2", 1), EFI_SUCCESS);
	assert_int_equal(f->store.parts, RTS_VARS_DURABLE | RTS_VARS_RUN);
	assert_true(f->store.phase.runtime);
	assert_int_equal(SET(f, &ns, u"A", NV | BS | RT, "3", 1), EFI_SUCCESS);
	assert_int_equal(f->store.parts, RTS_VARS_DURABLE);
}

static struct rts_var variable(const EFI_GUID *guid, const CHAR16 *name, size_t name_len,
			       uint32_t attr)
{
	return (struct rts_var){.guid = *guid,
				.attr = attr,
				.name = name,
				.name_len = (uint32_t)name_len,
				.data = (const uint8_t *)"i",
				.data_len = 1};
}

static EFI_STATUS import_one(struct fixture *f, const EFI_GUID *guid, const CHAR16 *name,
			     size_t name_len, uint32_t attr)
{
	const struct rts_var var = variable(guid, name, name_len, attr);

	return rts_vars_import_add(f->v, &var);
}
#define IMPORT(f, guid, name, attr) import_one(f, guid, name, sizeof(name), attr)

static void import(void **state)
{
	struct fixture *f = *state;
	static const uint8_t big[65400];
	assert_int_equal(IMPORT(f, &ns, u"A", NV | BS),
			 EFI_ACCESS_DENIED); /* nothing begun */
	assert_int_equal(rts_vars_import_end(f->v), EFI_ACCESS_DENIED);
	assert_int_equal(rts_vars_import_begin(f->v), EFI_SUCCESS);
	assert_true(rts_vars_import_wants_nv(f->v));
	assert_int_equal(IMPORT(f, &ns, u"A", NV | BS), EFI_SUCCESS);
	assert_int_equal(IMPORT(f, &ns, u"A", NV | BS), EFI_ALREADY_STARTED);
	assert_int_equal(IMPORT(f, &ns, u"B", BS | RT), EFI_SUCCESS);
	assert_int_equal(IMPORT(f, &ns, u"C", NV), EFI_INVALID_PARAMETER);
	assert_int_equal(IMPORT(f, &global, u"SecureBoot", BS | RT), EFI_WRITE_PROTECTED);
	assert_int_equal(IMPORT(f, &sbe_guid, u"SecureBootEnable", NV | BS),
			 EFI_WRITE_PROTECTED);
	assert_int_equal(IMPORT(f, &global, u"PK", NV | BS | RT | AT),
			 EFI_SECURITY_VIOLATION);
	assert_int_equal(IMPORT(f, &global, u"PK", NV | BS | RT), EFI_SECURITY_VIOLATION);
	assert_int_equal(IMPORT(f, &ns, u"Private", NV | BS | RT | AT),
			 EFI_SECURITY_VIOLATION);
	assert_false(HAS(f, &ns, u"A", "i", 1)); /* only staged */
	f->store.answer = EFI_DEVICE_ERROR;
	assert_int_equal(rts_vars_import_end(f->v), EFI_DEVICE_ERROR);
	f->store.answer = EFI_SUCCESS;
	assert_false(HAS(f, &ns, u"A", "i", 1));

	assert_int_equal(rts_vars_import_begin(f->v), EFI_SUCCESS);
	assert_int_equal(IMPORT(f, &ns, u"A", NV | BS), EFI_SUCCESS);
	assert_int_equal(IMPORT(f, &ns, u"B", BS | RT), EFI_SUCCESS);
	unsigned before = f->store.commits;
	assert_int_equal(rts_vars_import_end(f->v), EFI_SUCCESS);
	assert_int_equal(f->store.commits, before + 1);
	assert_int_equal(f->store.parts, RTS_VARS_DURABLE | RTS_VARS_RUN);
	assert_int_equal(f->store.nv, 1);
	assert_int_equal(f->store.vol, 1);
	assert_true(HAS(f, &ns, u"A", "i", 1));
	assert_true(HAS(f, &ns, u"B", "i", 1));

	/* what SetVariable does meanwhile goes first: the value stays, and the quota holds
	 */
	rts_vars_set(f->v, u"A", 4, &ns, 0, NULL, 0);
	rts_vars_reset(f->v);
	assert_int_equal(rts_vars_import_begin(f->v), EFI_SUCCESS);
	assert_int_equal(IMPORT(f, &ns, u"A", NV | BS), EFI_SUCCESS);
	assert_int_equal(IMPORT(f, &ns, u"Z", NV | BS), EFI_SUCCESS);
	SET(f, &ns, u"A", NV | BS, "s", 1);
	assert_int_equal(rts_vars_import_end(f->v), EFI_SUCCESS);
	assert_true(HAS(f, &ns, u"A", "s", 1));
	assert_int_equal(f->store.nv, 2);
	SET(f, &ns, u"A", 0, "", 0);
	SET(f, &ns, u"Z", 0, "", 0);
	rts_vars_reset(f->v);
	assert_int_equal(rts_vars_import_begin(f->v), EFI_SUCCESS);
	assert_int_equal(IMPORT(f, &ns, u"Z", NV | BS), EFI_SUCCESS);
	for (CHAR16 name[] = u"0"; name[0] < '4'; name[0]++)
		assert_int_equal(
			rts_vars_set(f->v, name, sizeof name, &ns, NV | BS, big, 65400),
			EFI_SUCCESS);
	SET(f, &ns, u"4", NV | BS, big, 262144 - 4 * (65400 + 100) - 100);
	assert_int_equal(rts_vars_import_end(f->v), EFI_OUT_OF_RESOURCES);
	for (CHAR16 name[] = u"0"; name[0] < '5'; name[0]++)
		rts_vars_set(f->v, name, sizeof name, &ns, 0, NULL, 0);
	SET(f, &ns, u"A", NV | BS, "i", 1);

	/* an import goes by the locks, and makes nothing that SetVariable could not */
	rts_vars_reset(f->v);
	assert_int_equal(rts_vars_import_begin(f->v), EFI_SUCCESS);
	assert_int_equal(rts_vars_lock(f->v, u"L", 4, &ns), EFI_SUCCESS);
	enter(f, AFTER_DXE);
	assert_int_equal(IMPORT(f, &ns, u"L", BS | RT), EFI_WRITE_PROTECTED);
	struct rts_var empty = variable(&ns, u"E", 4, BS | RT);
	empty.data_len = 0;
	assert_int_equal(rts_vars_import_add(f->v, &empty), EFI_INVALID_PARAMETER);

	rts_vars_reset(f->v); /* the store is not empty any more */
	assert_int_equal(rts_vars_import_begin(f->v), EFI_SUCCESS);
	assert_false(rts_vars_import_wants_nv(f->v));
	assert_int_equal(IMPORT(f, &ns, u"D", NV | BS), EFI_ACCESS_DENIED);
	assert_int_equal(IMPORT(f, &ns, u"A", NV | BS), EFI_ALREADY_STARTED);
	assert_int_equal(IMPORT(f, &ns, u"B", BS | RT), EFI_SUCCESS);
	assert_int_equal(rts_vars_ready_to_boot(f->v), EFI_SUCCESS);
	assert_int_equal(IMPORT(f, &ns, u"E", BS | RT), EFI_ACCESS_DENIED);
	assert_int_equal(rts_vars_import_end(f->v), EFI_ACCESS_DENIED);
	assert_int_equal(rts_vars_import_begin(f->v), EFI_ACCESS_DENIED);
}

/* What an import begins with, ends with, and does not take over. */
static void import_alone(void **state)
{
	struct fixture *f = *state;
	static const uint8_t big[65400];
	struct rts_var var = variable(&ns, u"V", 4, BS);
	struct rts_vars_cursor c = {0};
	const struct rts_var *seen;

	assert_int_equal(rts_vars_import_begin(f->v), EFI_SUCCESS);
	assert_int_equal(IMPORT(f, &ns, u"A", NV | BS), EFI_SUCCESS);
	assert_int_equal(rts_vars_import_begin(f->v), EFI_SUCCESS); /* from its beginning */
	var.data = NULL;
	assert_int_equal(rts_vars_import_add(f->v, &var), EFI_INVALID_PARAMETER);
	var.data = (const uint8_t *)"i";
	var.has_digest = true;
	var.time.Year = 2024;
	assert_int_equal(rts_vars_import_add(f->v, &var), EFI_SUCCESS);
	assert_int_equal(rts_vars_import_end(f->v), EFI_SUCCESS);
	assert_int_equal(f->store.parts, RTS_VARS_RUN);
	assert_false(HAS(f, &ns, u"A", "i", 1));
	assert_true(rts_vars_view_next(rts_vars_current(f->v), &c, &seen));
	assert_false(seen->has_digest);
	assert_int_equal(seen->time.Year, 0);
	/* over */
	assert_false(rts_vars_import_wants_nv(f->v));
	assert_int_equal(IMPORT(f, &ns, u"B", BS), EFI_ACCESS_DENIED);
	assert_int_equal(rts_vars_import_end(f->v), EFI_ACCESS_DENIED);
	/* nothing is staged that there is no room for */
	assert_int_equal(rts_vars_import_begin(f->v), EFI_SUCCESS);
	var = variable(&ns, u"0", 4, NV | BS);
	var.data = big;
	for (CHAR16 name[] = u"0"; name[0] < '6'; name[0]++) {
		var.name = name;
		var.data_len = name[0] < '5' ? sizeof big : 1;
		assert_int_equal(rts_vars_import_add(f->v, &var),
				 name[0] == '4' ? EFI_OUT_OF_RESOURCES : EFI_SUCCESS);
	}
	assert_int_equal(rts_vars_import_end(f->v), EFI_SUCCESS);
	assert_int_equal(f->store.parts, RTS_VARS_DURABLE);
	assert_int_equal(f->store.nv, 5);
}

/* Names made to collide whatever the seed is, where the mix is a bare product: each pair of
 * words hides a flipped top bit. */
static void hash_spreads(void **state)
{
	struct fixture *f = *state;
	size_t longest = 0;

	for (unsigned i = 0; i < 512; i++) {
		CHAR16 name[73]; /* nine pairs of words of four characters */

		for (unsigned k = 0; k < 72; k++)
			name[k] = 'A';
		name[72] = 0;
		for (unsigned bit = 0; bit < 9; bit++)
			if ((i >> bit & 1) != 0) {
				name[8 * bit + 3] ^= 0x8000;
				name[8 * bit + 7] ^= 0x8000;
				name[8 * bit + 5] ^= 0x8000;
			}
		assert_int_equal(rts_vars_set(f->v, name, sizeof name, &ns, BS, "x", 1),
				 EFI_SUCCESS);
	}
	for (size_t i = 0; i < f->v->bucket_count; i++) {
		size_t chain = 0;

		for (const struct node *n = f->v->buckets[i]; n != NULL; n = n->hash_next)
			chain++;
		longest = chain > longest ? chain : longest;
	}
	assert_in_range(longest, 1, 16);
}

/* A name is a stranger's text: what would steer a terminal does not reach the log. */
static char logged[400];
static void log_line(void *ctx, enum rts_log level, const char *text)
{
	(void)ctx, (void)level;
	snprintf(logged, sizeof logged, "%s", text);
}

static void log_is_plain(void **state)
{
	static const CHAR16 name[] = {'a', 0x1b, 0x9b, 0x7f, '\n', 0xe9, 0};
	const struct rts_vars_config config = {.log = log_line, .log_level = RTS_LOG_INFO};
	struct rts_vars *v;

	(void)state;
	assert_int_equal(rts_vars_new(&config, &v), EFI_SUCCESS);
	rts_vars_set(v, name, sizeof name, &ns, NV, "x", 1);
	assert_non_null(strstr(logged, "SetVariable a?\?\?\?\?\xc3\xa9-1111"));
	rts_vars_free(v);
}

/* What GetNextVariableName is about: what it found, or else what it was given. */
static void log_of_next(void **state)
{
	const struct rts_vars_config config = {.log = log_line, .log_level = RTS_LOG_DEBUG};
	struct rts_vars *v;
	CHAR16 name[16] = u"";
	uint64_t n = sizeof name;
	EFI_GUID guid = {0};

	(void)state;
	assert_int_equal(rts_vars_new(&config, &v), EFI_SUCCESS);
	rts_vars_set(v, u"Long one", sizeof u"Long one", &ns, BS, "x", 1);
	assert_int_equal(rts_vars_get_next(v, name, &n, &guid), EFI_SUCCESS);
	assert_non_null(strstr(logged, "GetNextVariableName Long one-1111"));
	assert_int_equal(rts_vars_get_next(v, name, &n, &guid), EFI_NOT_FOUND);
	assert_non_null(strstr(logged, "GetNextVariableName Long one-1111"));
	memcpy(name, u"Other", sizeof u"Other");
	n = sizeof name;
	assert_int_equal(rts_vars_get_next(v, name, &n, &guid), EFI_INVALID_PARAMETER);
	assert_non_null(strstr(logged, "GetNextVariableName Other-1111"));
	rts_vars_free(v);
}

/* Random operations against an array of values: same statuses, same contents, same quota.
 */
static void model(void **state)
{
	struct fixture *f = *state;
	struct {
		bool there;
		uint32_t attr;
		size_t len;
		uint8_t data[64];
	} model[40] = {0}, *m;
	static const uint32_t attrs[] = {NV | BS | RT, NV | BS, BS | RT, BS};
	bool runtime = false;

	srand(1);
	for (unsigned step = 0; step < 200000; step++) {
		unsigned i = (unsigned)rand() % COUNT(model), op = (unsigned)rand() % 100;
		CHAR16 name[] = {'N', (CHAR16)('0' + i), 0};
		uint8_t data[8];
		size_t len = (unsigned)rand() % sizeof data;
		uint32_t attr = rand() % 8 ? attrs[i % 4] : attrs[rand() % 4];
		bool append = op % 4 == 0;
		EFI_STATUS expect;

		m = &model[i];
		if (op == 99) {
			rts_vars_reset(f->v);
			runtime = false;
			for (size_t k = 0; k < COUNT(model); k++)
				model[k].there &= (model[k].attr & NV) != 0;
			continue;
		}
		if (op == 98 && step % 4 == 0) {
			rts_vars_exit_boot_services(f->v);
			runtime = true;
			continue;
		}
		for (size_t k = 0; k < len; k++)
			data[k] = (uint8_t)rand();
		if (m->there && m->len + len > sizeof m->data)
			append = false;
		if (m->there && runtime && !(m->attr & RT))
			expect = EFI_WRITE_PROTECTED;
		else if (m->there && attr != m->attr)
			expect = EFI_INVALID_PARAMETER;
		else if (m->there && runtime && !(m->attr & NV))
			expect = EFI_WRITE_PROTECTED;
		else if (!m->there && len == 0)
			expect = append ? EFI_SUCCESS : EFI_NOT_FOUND;
		else if (!m->there && runtime && (attr & (NV | RT)) != (NV | RT))
			expect = EFI_INVALID_PARAMETER;
		else
			expect = EFI_SUCCESS;
		assert_int_equal(rts_vars_set(f->v, name, sizeof name, &ns,
					      attr | (append ? AP : 0), data, len),
				 expect);
		if (expect != EFI_SUCCESS || (append && len == 0))
			continue;
		if (!append)
			m->len = 0;
		memcpy(m->data + m->len, data, len);
		m->len += len;
		m->attr = attr;
		m->there = m->len > 0;
	}
	uint64_t max, left, largest, used = 0;
	size_t count = 0;

	rts_vars_reset(f->v);
	for (unsigned i = 0; i < COUNT(model); i++) {
		CHAR16 name[] = {'N', (CHAR16)('0' + i), 0};

		m = &model[i];
		m->there &= (m->attr & NV) != 0;
		assert_int_equal(has(f, &ns, name, sizeof name, m->data, m->len), m->there);
		count += m->there;
		used += m->there ? 96 + sizeof name + m->len : 0;
	}
	assert_true(count > 0);
	assert_int_equal(enumerate(f, NULL, 0), count + 6);
	rts_vars_query(f->v, NV | BS, &max, &left, &largest);
	assert_int_equal(max - left, used);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_situations),
		T(own_variables),
		cmocka_unit_test(modes_follow_loaded_keys),
		cmocka_unit_test(load_refuses),
		T(get_answers),
		T(enumeration),
		T(limits),
		cmocka_unit_test(query_arguments),
		T(phases_and_locks),
		T(locks_are_charged),
		T(store_refuses),
		T(import),
		T(import_alone),
		T(hash_spreads),
		cmocka_unit_test(log_is_plain),
		cmocka_unit_test(log_of_next),
		T(model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
