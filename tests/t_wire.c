/* SPDX-License-Identifier: BSD-2-Clause */
/* MM messages: envelopes with every size wrong in turn, each function's answer, events, and
 * the driver's own. */
#include "log_line.h"
#include "mm_message.h"
#include "runtserv/wire.h"
#include "test.h"
#include "uefi/guest_page.h"

#include <stdlib.h>

#define NV_BS_RT 7U

static const EFI_GUID ns = {0x11111111, 0x2222, 0x3333, {1, 2, 3, 4, 5, 6, 7, 8}};
static const EFI_GUID variable = EFI_SMM_VARIABLE_PROTOCOL_GUID;

struct fixture {
	struct rts_vars *v;
	struct rts_wire w;
	struct mm m, before;
	bool may_init;
	uint32_t reported;
	char skipped[1000];
	unsigned lines;
};

static void log_line(void *ctx, enum rts_log level, const char *text)
{
	struct fixture *f = ctx;

	f->lines++;
	if (level <= RTS_LOG_INFO && strncmp(text, "imported ", 9) != 0 &&
	    !log_line_tells(text))
		fail_msg("does not tell why: %s", text);
	if (level == RTS_LOG_WARNING)
		strncat(f->skipped, text, sizeof f->skipped - strlen(f->skipped) - 1);
}

static int setup(void **state)
{
	struct fixture *f = aligned_alloc(64, (sizeof *f + 63) / 64 * 64);
	const struct rts_vars_config config = {
		.log = log_line, .log_ctx = f, .log_level = RTS_LOG_DEBUG};

	memset(f, 0, sizeof *f);
	*state = f;
	if (EFI_ERROR(rts_vars_new(&config, &f->v)) || EFI_ERROR(rts_vars_start(f->v)))
		return 1;
	f->w.vars = f->v;
	rts_vars_set(f->v, u"Var", 8, &ns, NV_BS_RT, "value", 5);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	rts_vars_free(f->v);
	free(f);
	return 0;
}

/* Sends what is in f->m; the device status, and f->before is the request. */
static uint32_t send(struct fixture *f)
{
	static const EFI_GUID driver = RUNTSERV_GUEST_DRIVER_GUID;
	const unsigned before = f->lines;
	size_t n;

	f->before = f->m;
	uint32_t status = rts_wire_mm(&f->w, f->m.buf, f->m.len, &n);
	assert_int_equal(n, status == 0 ? f->m.len : 0);
	/* one line for each request; serve itself tells what our own driver does */
	if (memcmp(f->before.buf, &driver, sizeof driver) != 0)
		assert_int_equal(f->lines, before + 1);
	return status;
}

static EFI_STATUS call(struct fixture *f)
{
	assert_int_equal(send(f), UEFI_VARS_STS_SUCCESS);
	return mm_status(&f->m);
}

static void envelope(void **state)
{
	struct fixture *f = *state;
	const EFI_GUID unknown = ns;
	uint64_t len;
	size_t n = 77;

	for (size_t k = 0; k < 24; k++)
		assert_int_equal(rts_wire_mm(&f->w, f->m.buf, k, &n),
				 UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE);
	assert_int_equal(n, 0);
	mm_begin(&f->m, unknown);
	mm_end(&f->m);
	assert_int_equal(send(f), UEFI_VARS_STS_ERR_NOT_SUPPORTED);
	for (unsigned k = 0; k < 16; k++) { /* a variable message without its header */
		mm_begin(&f->m, variable);
		f->m.len += k;
		mm_end(&f->m);
		assert_int_equal(send(f), UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE);
	}
	static const uint64_t lengths[] = {17, UINT32_MAX, UINT64_MAX, UINT64_MAX - 23,
					   1ULL << 63};
	for (size_t i = 0; i < COUNT(lengths); i++) { /* longer than what came */
		mm_function(&f->m, variable, SMM_VARIABLE_FUNCTION_GET_PAYLOAD_SIZE);
		memcpy(f->m.buf + 16, &lengths[i], 8);
		assert_int_equal(send(f), UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE);
	}
	/* bytes after the message are none of ours */
	mm_function(&f->m, variable, SMM_VARIABLE_FUNCTION_GET_PAYLOAD_SIZE);
	f->m.len += 8;
	mm_end(&f->m);
	memset(f->m.buf + f->m.len, 0xee, 100);
	assert_int_equal(rts_wire_mm(&f->w, f->m.buf, f->m.len + 100, &n),
			 UEFI_VARS_STS_SUCCESS);
	assert_int_equal(n, f->m.len);
	memcpy(&len, f->m.buf + MM_PAYLOAD, 8);
	assert_int_equal(len, 65496);
	assert_int_equal(f->m.buf[f->m.len], 0xee);
}

static void functions_not_served(void **state)
{
	struct fixture *f = *state;
	static const uint64_t functions[] = {0, 7, 9, 10, 12, 13, 14, 15, UINT64_MAX};

	for (size_t i = 0; i < COUNT(functions); i++) {
		mm_function(&f->m, variable, functions[i]);
		f->m.len += 64;
		mm_end(&f->m);
		assert_int_equal(call(f), EFI_UNSUPPORTED);
	}
}

/* Too short for the function's fixed part: the message comes back as it went. */
static void too_short(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint64_t function;
		size_t fixed;
	} cases[] = {
		{SMM_VARIABLE_FUNCTION_GET_VARIABLE, 36},
		{SMM_VARIABLE_FUNCTION_SET_VARIABLE, 36},
		{SMM_VARIABLE_FUNCTION_GET_NEXT_VARIABLE_NAME, 24},
		{SMM_VARIABLE_FUNCTION_QUERY_VARIABLE_INFO, 32},
		{SMM_VARIABLE_FUNCTION_LOCK_VARIABLE, 24},
		{SMM_VARIABLE_FUNCTION_GET_PAYLOAD_SIZE, 8},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t n = 0; n < cases[i].fixed; n++) {
			memset(&f->m, 0, sizeof f->m);
			mm_function(&f->m, variable, cases[i].function);
			f->m.len += n;
			mm_end(&f->m);
			assert_int_equal(send(f), UEFI_VARS_STS_SUCCESS);
			assert_memory_equal(f->m.buf, f->before.buf, f->m.len);
		}
}

static void get_and_set(void **state)
{
	struct fixture *f = *state;
	SMM_VARIABLE_COMMUNICATE_ACCESS_VARIABLE a;
	static const struct {
		uint64_t name_size, data_size;
	} wrong[] = {
		{8, 101},
		{109, 0},
		{UINT64_MAX, 5},
		{8, UINT64_MAX},
		{UINT64_MAX - 7, 8},
		{0, 5},
		{1, 5},
		{6, 5},
		{1ULL << 63, 1ULL << 63},
	};

	mm_access(&f->m, SMM_VARIABLE_FUNCTION_GET_VARIABLE, &ns, u"Var", 8, 0, NULL, 100);
	assert_int_equal(call(f), EFI_SUCCESS);
	memcpy(&a, f->m.buf + MM_PAYLOAD, SMM_ACCESS_VARIABLE_NAME);
	assert_int_equal(a.DataSize, 5);
	assert_int_equal(a.Attributes, NV_BS_RT);
	assert_memory_equal(f->m.buf + MM_PAYLOAD + 36 + 8, "value", 5);

	mm_access(&f->m, SMM_VARIABLE_FUNCTION_GET_VARIABLE, &ns, u"Var", 8, 0, NULL, 4);
	assert_int_equal(call(f), EFI_BUFFER_TOO_SMALL);
	memcpy(&a, f->m.buf + MM_PAYLOAD, SMM_ACCESS_VARIABLE_NAME);
	assert_int_equal(a.DataSize, 5);
	assert_int_equal(a.Attributes, NV_BS_RT);

	for (uint64_t fn = SMM_VARIABLE_FUNCTION_GET_VARIABLE;
	     fn <= SMM_VARIABLE_FUNCTION_SET_VARIABLE; fn += 2)
		for (size_t i = 0; i < COUNT(wrong); i++) {
			mm_access(&f->m, fn, &ns, u"Var", 8, NV_BS_RT, NULL, 100);
			memcpy(f->m.buf + MM_PAYLOAD + 16, &wrong[i].data_size, 8);
			memcpy(f->m.buf + MM_PAYLOAD + 24, &wrong[i].name_size, 8);
			assert_int_equal(call(f), EFI_ACCESS_DENIED);
		}

	mm_access(&f->m, SMM_VARIABLE_FUNCTION_SET_VARIABLE, &ns, u"Odd", 8, NV_BS_RT, "x",
		  1);
	assert_int_equal(call(f), EFI_SUCCESS);
	/* an odd NameSize: its last character ends before it (edk2) */
	mm_access(&f->m, SMM_VARIABLE_FUNCTION_GET_VARIABLE, &ns, u"Odd\0", 9, 0, NULL, 10);
	assert_int_equal(call(f), EFI_SUCCESS);
	assert_int_equal(f->m.buf[MM_PAYLOAD + 36 + 9], 'x');
	/* a request that may have been executed before: only an append or a signed write
	 * would tell */
	f->w.again = true;
	for (uint32_t attr = 0x20; attr <= 0x60; attr += 0x20) {
		mm_access(&f->m, SMM_VARIABLE_FUNCTION_SET_VARIABLE, &ns, u"Odd", 8,
			  NV_BS_RT | attr, "y", 1);
		assert_int_equal(call(f), EFI_DEVICE_ERROR);
	}
	mm_access(&f->m, SMM_VARIABLE_FUNCTION_SET_VARIABLE, &ns, u"Odd", 8, NV_BS_RT, "x",
		  1);
	assert_int_equal(call(f), EFI_SUCCESS);
	f->w.again = false;
	/* an empty name */
	mm_access(&f->m, SMM_VARIABLE_FUNCTION_SET_VARIABLE, &ns, u"", 2, NV_BS_RT, "x", 1);
	assert_int_equal(call(f), EFI_INVALID_PARAMETER);
	/* the largest value that there is, there and back */
	static uint8_t big[65460];
	memset(big, 0xa5, sizeof big);
	mm_access(&f->m, SMM_VARIABLE_FUNCTION_SET_VARIABLE, &ns, u"Big", 8, NV_BS_RT, big,
		  sizeof big - 8);
	assert_int_equal(f->m.len, MM_BUFFER_MAX);
	assert_int_equal(call(f), EFI_SUCCESS);
	mm_access(&f->m, SMM_VARIABLE_FUNCTION_GET_VARIABLE, &ns, u"Big", 8, 0, NULL,
		  sizeof big - 8);
	assert_int_equal(call(f), EFI_SUCCESS);
	assert_memory_equal(f->m.buf + MM_PAYLOAD + 44, big, sizeof big - 8);
}

static EFI_STATUS next(struct fixture *f, const CHAR16 *name, size_t name_len,
		       uint64_t name_size, size_t room)
{
	const SMM_VARIABLE_COMMUNICATE_GET_NEXT_VARIABLE_NAME n = {ns, name_size};

	memset(f->m.buf, 0, sizeof f->m.buf);
	mm_function(&f->m, variable, SMM_VARIABLE_FUNCTION_GET_NEXT_VARIABLE_NAME);
	mm_put(&f->m, &n, sizeof n);
	memcpy(f->m.buf + f->m.len, name, name_len);
	f->m.len += room;
	mm_end(&f->m);
	return call(f);
}

static void get_next(void **state)
{
	struct fixture *f = *state;
	uint64_t size;

	rts_vars_set(f->v, u"Next", 10, &ns, NV_BS_RT, "1", 1);
	assert_int_equal(next(f, u"Var", 8, 32, 32), EFI_SUCCESS);
	assert_memory_equal(f->m.buf + MM_PAYLOAD + 24, u"Next", 10);
	assert_int_equal(next(f, u"Var", 8, 8, 32),
			 EFI_BUFFER_TOO_SMALL); /* NameSize is the room */
	memcpy(&size, f->m.buf + MM_PAYLOAD + 16, 8);
	assert_int_equal(size, 10);
	assert_int_equal(next(f, u"Next", 10, 32, 32), EFI_NOT_FOUND);
	assert_int_equal(next(f, u"Gone", 10, 32, 32), EFI_INVALID_PARAMETER);
	assert_int_equal(next(f, u"Var", 8, 6, 32),
			 EFI_INVALID_PARAMETER); /* no NUL in NameSize */
	assert_int_equal(next(f, u"Var", 8, 0, 32), EFI_INVALID_PARAMETER);
	assert_int_equal(next(f, u"Var", 8, 33, 32), EFI_ACCESS_DENIED);
	assert_int_equal(next(f, u"Var", 8, UINT64_MAX, 32), EFI_ACCESS_DENIED);
	assert_int_equal(next(f, u"", 0, 0, 0), EFI_ACCESS_DENIED);
	assert_int_equal(next(f, u"Var", 6, 6, 6),
			 EFI_ACCESS_DENIED); /* last character is not NUL */
	assert_int_equal(next(f, u"", 2, 32, 32), EFI_SUCCESS);
	assert_int_equal(next(f, u"", 2, 2, 2), EFI_BUFFER_TOO_SMALL);
}

/* In an answer is what was asked for, and else what the guest itself had there. */
static void nothing_else_changes(void **state)
{
	struct fixture *f = *state;
	enum { GET, NEXT, QUERY, SET, SIZE, LOCK };
	static const struct {
		const char *what;
		unsigned kind;
		const CHAR16 *name;
		size_t name_len, room;
		EFI_STATUS status;
		struct {
			size_t at, len;
		} out[3]; /* of the payload */
	} cases[] = {
		{"get", GET, u"Var", 8, 100, EFI_SUCCESS, {{16, 8}, {32, 4}, {44, 5}}},
		{"get, small", GET, u"Var", 8, 4, EFI_BUFFER_TOO_SMALL, {{16, 8}, {32, 4}}},
		{"get, none", GET, u"Nix", 8, 100, EFI_NOT_FOUND, {{0}}},
		{"next", NEXT, u"Var", 8, 32, EFI_SUCCESS, {{0, 16}, {16, 8}, {24, 10}}},
		{"next, small", NEXT, u"Var", 8, 8, EFI_BUFFER_TOO_SMALL, {{16, 8}}},
		{"next, last", NEXT, u"Next", 10, 32, EFI_NOT_FOUND, {{0}}},
		{"next, none", NEXT, u"Nix", 8, 32, EFI_INVALID_PARAMETER, {{0}}},
		{"query", QUERY, NULL, 0, NV_BS_RT, EFI_SUCCESS, {{0, 24}}},
		{"query, wrong", QUERY, NULL, 0, 1, EFI_INVALID_PARAMETER, {{0}}},
		{"set", SET, u"Var", 8, 5, EFI_SUCCESS, {{0}}},
		{"size", SIZE, NULL, 0, 0, EFI_SUCCESS, {{0, 8}}},
		{"lock", LOCK, u"Var", 8, 0, EFI_SUCCESS, {{0}}},
	};
	static const uint64_t functions[] = {
		[GET] = SMM_VARIABLE_FUNCTION_GET_VARIABLE,
		[NEXT] = SMM_VARIABLE_FUNCTION_GET_NEXT_VARIABLE_NAME,
		[QUERY] = SMM_VARIABLE_FUNCTION_QUERY_VARIABLE_INFO,
		[SET] = SMM_VARIABLE_FUNCTION_SET_VARIABLE,
		[SIZE] = SMM_VARIABLE_FUNCTION_GET_PAYLOAD_SIZE,
		[LOCK] = SMM_VARIABLE_FUNCTION_LOCK_VARIABLE,
	};

	rts_vars_set(f->v, u"Next", 10, &ns, NV_BS_RT, "1", 1);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const uint64_t room = cases[i].room, name_len = cases[i].name_len;
		const uint32_t attr = (uint32_t)room;

		memset(f->m.buf, 0xa5, sizeof f->m.buf);
		if (cases[i].kind == GET || cases[i].kind == SET) {
			mm_access(&f->m, functions[cases[i].kind], &ns, cases[i].name,
				  name_len, NV_BS_RT, NULL, room);
		} else {
			mm_function(&f->m, variable, functions[cases[i].kind]);
			f->m.len += 100;
			memcpy(f->m.buf + MM_PAYLOAD, &ns, sizeof ns);
			memcpy(f->m.buf + MM_PAYLOAD + 16,
			       cases[i].kind == NEXT ? &room : &name_len, 8);
			if (name_len > 0)
				memcpy(f->m.buf + MM_PAYLOAD + 24, cases[i].name, name_len);
			else
				memcpy(f->m.buf + MM_PAYLOAD + 24, &attr, 4);
			memset(f->m.buf + f->m.len - 2, 0, 2);
			mm_end(&f->m);
		}
		assert_int_equal(call(f), cases[i].status);
		for (size_t at = 0; at < sizeof f->m.buf; at++) {
			bool out = at >= 32 && at < 40;

			for (size_t k = 0; k < COUNT(cases[i].out); k++)
				out |= at - MM_PAYLOAD >= cases[i].out[k].at &&
				       at - MM_PAYLOAD - cases[i].out[k].at <
					       cases[i].out[k].len;
			if (!out && f->m.buf[at] != f->before.buf[at])
				fail_msg("%s: byte %zu", cases[i].what, at);
		}
	}
}

static void query_and_lock(void **state)
{
	struct fixture *f = *state;
	SMM_VARIABLE_COMMUNICATE_QUERY_VARIABLE_INFO q = {.Attributes = NV_BS_RT};
	SMM_VARIABLE_COMMUNICATE_GET_NEXT_VARIABLE_NAME l = {ns, 8};

	mm_function(&f->m, variable, SMM_VARIABLE_FUNCTION_QUERY_VARIABLE_INFO);
	mm_put(&f->m, &q, sizeof q);
	mm_end(&f->m);
	assert_int_equal(call(f), EFI_SUCCESS);
	memcpy(&q, f->m.buf + MM_PAYLOAD, sizeof q);
	assert_int_equal(q.MaximumVariableStorageSize, 262144);
	assert_int_equal(q.RemainingVariableStorageSize, 262144 - 96 - 8 - 5);
	assert_int_equal(q.MaximumVariableSize, 65460);

	static const struct {
		uint64_t name_size;
		EFI_STATUS status;
	} cases[] = {{9, EFI_ACCESS_DENIED},
		     {UINT64_MAX, EFI_ACCESS_DENIED},
		     {6, EFI_INVALID_PARAMETER},
		     {8, EFI_SUCCESS}};
	for (size_t i = 0; i < COUNT(cases); i++) {
		l.NameSize = cases[i].name_size;
		mm_function(&f->m, variable, SMM_VARIABLE_FUNCTION_LOCK_VARIABLE);
		mm_put(&f->m, &l, sizeof l);
		mm_put(&f->m, u"Var", 8);
		mm_end(&f->m);
		assert_int_equal(call(f), cases[i].status);
	}
	assert_int_equal(rts_vars_end_of_dxe(f->v), EFI_SUCCESS);
	mm_end(&f->m);
	assert_int_equal(call(f), EFI_ACCESS_DENIED);
	mm_access(&f->m, SMM_VARIABLE_FUNCTION_SET_VARIABLE, &ns, u"Var", 8, NV_BS_RT, "x",
		  1);
	assert_int_equal(call(f), EFI_WRITE_PROTECTED);
}

/* Each event in both forms, any number of times, with messages of any length. */
static void events(void **state)
{
	struct fixture *f = *state;
	static const EFI_GUID guids[] = {EFI_END_OF_DXE_EVENT_GROUP_GUID,
					 EFI_EVENT_GROUP_READY_TO_BOOT_GUID,
					 EFI_EVENT_GROUP_EXIT_BOOT_SERVICES_GUID};
	struct rts_vars_phase phase;

	for (size_t i = 0; i < COUNT(guids); i++)
		for (size_t n = 0; n < 20; n++) {
			mm_begin(&f->m, guids[i]);
			memset(f->m.buf + f->m.len, 0x77, n);
			f->m.len += n;
			mm_end(&f->m);
			assert_int_equal(send(f), UEFI_VARS_STS_SUCCESS);
			assert_memory_equal(f->m.buf, f->before.buf, f->m.len);
			phase = rts_vars_phase(f->v);
			assert_int_equal(phase.end_of_dxe + phase.ready_to_boot +
						 phase.runtime,
					 i + 1);
		}
	rts_vars_reset(f->v);
	for (unsigned n = 0; n < 2; n++) {
		mm_function(&f->m, variable, SMM_VARIABLE_FUNCTION_READY_TO_BOOT);
		mm_end(&f->m);
		assert_int_equal(call(f), EFI_SUCCESS);
		phase = rts_vars_phase(f->v);
		assert_true(phase.end_of_dxe && phase.ready_to_boot && !phase.runtime);
	}
	for (unsigned n = 0; n < 2; n++) {
		mm_function(&f->m, variable, SMM_VARIABLE_FUNCTION_EXIT_BOOT_SERVICE);
		mm_end(&f->m);
		assert_int_equal(call(f), EFI_SUCCESS);
		assert_true(rts_vars_phase(f->v).runtime);
	}
	mm_function(&f->m, variable, SMM_VARIABLE_FUNCTION_READY_TO_BOOT);
	mm_end(&f->m);
	assert_int_equal(call(f), EFI_UNSUPPORTED);
}

static void policy(void **state)
{
	struct fixture *f = *state;
	static const EFI_GUID guid = VAR_CHECK_POLICY_LIB_MMI_HANDLER_GUID;
	static const struct {
		uint32_t signature, revision, command;
		size_t params;
		EFI_STATUS result;
	} cases[] = {
		{VAR_CHECK_POLICY_COMM_SIG, 1, 2, 1, EFI_SUCCESS},
		{VAR_CHECK_POLICY_COMM_SIG, 1, 2, 0, EFI_INVALID_PARAMETER},
		{VAR_CHECK_POLICY_COMM_SIG, 1, 0, 1, EFI_UNSUPPORTED},
		{VAR_CHECK_POLICY_COMM_SIG, 1, 8, 1, EFI_UNSUPPORTED},
		{VAR_CHECK_POLICY_COMM_SIG, 1, 99, 1, EFI_UNSUPPORTED},
		{VAR_CHECK_POLICY_COMM_SIG + 1, 1, 2, 1, EFI_INVALID_PARAMETER},
		{VAR_CHECK_POLICY_COMM_SIG, 2, 2, 1, EFI_INVALID_PARAMETER},
	};
	EFI_STATUS result;

	for (size_t i = 0; i < COUNT(cases); i++) {
		mm_begin(&f->m, guid);
		mm_put(&f->m, &cases[i].signature, 4);
		mm_put(&f->m, &cases[i].revision, 4);
		mm_put(&f->m, &cases[i].command, 4);
		f->m.len += 8 + cases[i].params;
		mm_end(&f->m);
		assert_int_equal(send(f), UEFI_VARS_STS_SUCCESS);
		memcpy(&result, f->m.buf + 24 + 12, sizeof result);
		assert_int_equal(result, cases[i].result);
	}
	mm_begin(&f->m, guid);
	f->m.len += 16384;
	mm_end(&f->m);
	assert_int_equal(send(f), UEFI_VARS_STS_SUCCESS);
	static const size_t wrong[] = {0, 19, 16385};
	for (size_t i = 0; i < COUNT(wrong); i++) {
		mm_begin(&f->m, guid);
		f->m.len += wrong[i];
		mm_end(&f->m);
		assert_int_equal(send(f), UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE);
	}
}

static bool may_init(void *ctx)
{
	return ((struct fixture *)ctx)->may_init;
}

static void report(void *ctx, uint32_t what)
{
	((struct fixture *)ctx)->reported = what;
}

static const struct rts_wire_guest_ops guest_ops = {may_init, report};

static EFI_STATUS driver(struct fixture *f, uint64_t function, const void *payload,
			 size_t n)
{
	mm_function(&f->m, (EFI_GUID)RUNTSERV_GUEST_DRIVER_GUID, function);
	mm_put(&f->m, payload, n);
	mm_end(&f->m);
	return call(f);
}

static EFI_STATUS import(struct fixture *f, const CHAR16 *name, size_t name_len,
			 uint32_t attr)
{
	mm_access(&f->m, GUEST_DRIVER_IMPORT, &ns, name, name_len, attr, "i", 1);
	memcpy(f->m.buf, &(const EFI_GUID)RUNTSERV_GUEST_DRIVER_GUID, 16);
	return call(f);
}

static void guest_driver(void **state)
{
	struct fixture *f = *state;
	struct guest_driver_init init = {GUEST_DRIVER_VERSION, 0};
	const uint32_t what = GUEST_DRIVER_REPORT_ATTACHED;
	uint64_t count = 3;

	mm_function(&f->m, (EFI_GUID)RUNTSERV_GUEST_DRIVER_GUID, GUEST_DRIVER_INIT);
	mm_put(&f->m, &init, sizeof init);
	mm_end(&f->m);
	assert_int_equal(send(f),
			 UEFI_VARS_STS_ERR_NOT_SUPPORTED); /* not on this transport */

	f->w.guest = &guest_ops;
	f->w.guest_ctx = f;
	rts_vars_exit_boot_services(f->v);
	assert_int_equal(driver(f, GUEST_DRIVER_INIT, &init, sizeof init),
			 EFI_ACCESS_DENIED);
	assert_true(rts_vars_phase(f->v).runtime);
	assert_int_equal(import(f, u"Early", 12, 6), EFI_ACCESS_DENIED);

	f->may_init = true;
	init.version = 99;
	assert_int_equal(driver(f, GUEST_DRIVER_INIT, &init, sizeof init), EFI_UNSUPPORTED);
	assert_true(rts_vars_phase(f->v).runtime);
	init.version = GUEST_DRIVER_VERSION;
	assert_int_equal(driver(f, GUEST_DRIVER_INIT, &init, 7), EFI_INVALID_PARAMETER);
	assert_int_equal(driver(f, GUEST_DRIVER_INIT, &init, sizeof init), EFI_SUCCESS);
	memcpy(&init, f->m.buf + MM_PAYLOAD, sizeof init);
	assert_int_equal(init.flags, 0); /* "Var" is there */
	assert_false(rts_vars_phase(f->v).runtime);

	assert_int_equal(import(f, u"Vol", 8, 6), EFI_SUCCESS);
	assert_int_equal(import(f, u"Nv", 6, 7), EFI_ACCESS_DENIED);
	assert_int_equal(import(f, u"Signed", 14, 0x27), EFI_SECURITY_VIOLATION);
	assert_non_null(strstr(f->skipped, "Signed"));
	assert_non_null(strstr(f->skipped, "vars convert"));
	count = 2;
	assert_int_equal(driver(f, GUEST_DRIVER_IMPORT_END, &count, 8), EFI_ABORTED);
	count = 3;
	assert_int_equal(driver(f, GUEST_DRIVER_IMPORT_END, &count, 8), EFI_SUCCESS);
	assert_true(rts_vars_phase(f->v).end_of_dxe);
	mm_access(&f->m, SMM_VARIABLE_FUNCTION_GET_VARIABLE, &ns, u"Vol", 8, 0, NULL, 4);
	assert_int_equal(call(f), EFI_SUCCESS);

	assert_int_equal(driver(f, GUEST_DRIVER_REPORT, &what, sizeof what), EFI_SUCCESS);
	assert_int_equal(f->reported, what);
	assert_int_equal(driver(f, 77, &what, sizeof what), EFI_UNSUPPORTED);

	rts_vars_set(f->v, u"Var", 8, &ns, 0, NULL, 0);
	assert_int_equal(driver(f, GUEST_DRIVER_INIT, &init, sizeof init), EFI_SUCCESS);
	memcpy(&init, f->m.buf + MM_PAYLOAD, sizeof init);
	assert_int_equal(init.flags, GUEST_DRIVER_INIT_WANT_NV);
	assert_int_equal(import(f, u"Nv", 6, 7), EFI_SUCCESS);
	count = 1;
	assert_int_equal(driver(f, GUEST_DRIVER_IMPORT_END, &count, 8), EFI_SUCCESS);
	mm_access(&f->m, SMM_VARIABLE_FUNCTION_GET_VARIABLE, &ns, u"Vol", 8, 0, NULL, 4);
	assert_int_equal(call(f),
			 EFI_NOT_FOUND); /* volatile: gone with the reset that INIT is */
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(envelope), T(functions_not_served), T(too_short),      T(get_and_set),
		T(get_next), T(nothing_else_changes), T(query_and_lock), T(events),
		T(policy),   T(guest_driver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
