/* SPDX-License-Identifier: BSD-2-Clause */
/* What calls answered, as text: data, names that are not letters, the end of the room, and
 * what a driver may have done to it. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/rt_priv.h"

static const char end[] = "\n# no room for more\n";

struct fixture {
	struct rt rt;
	struct rt_plan plan;
	char *trace;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	f->rt.shared = calloc(1, sizeof *f->rt.shared);
	assert_non_null(f->rt.shared);
	f->trace = mmap(NULL, RT_TRACE_MAX, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(f->trace, MAP_FAILED);
	f->plan.trace = f->trace;
	f->rt.plan = &f->plan;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	munmap(f->trace, RT_TRACE_MAX);
	free(f->rt.shared);
	free(f);
	return 0;
}

static void check(struct fixture *f, const char *want)
{
	assert_int_equal(f->rt.shared->trace_len, strlen(want));
	assert_memory_equal(f->trace, want, strlen(want));
	f->rt.shared->trace_len = 0;
}

static void text(void **state)
{
	struct fixture *f = *state;
	uint8_t data[65];

	rt_trace(&f->rt, "%u %s", 12, "boot");
	rt_trace(&f->rt, "\n");
	check(f, "12 boot\n");
	rt_trace_data(&f->rt, data, 0);
	check(f, " -");
	rt_trace_data(&f->rt, (const uint8_t[]){0, 0x0a, 0xff}, 3);
	check(f, " 000aff");
	memset(data, 'a', sizeof data);
	rt_trace_data(&f->rt, data, 64);
	assert_int_equal(f->rt.shared->trace_len, 129);
	f->rt.shared->trace_len = 0;
	rt_trace_data(&f->rt, data, 65);
	check(f, " crc32:f33faf5d");
	f->plan.trace = NULL;
	rt_trace(&f->rt, "nobody asked");
	check(f, "");
}

static void names(void **state)
{
	static const CHAR16 surrogate[] = {0xd800, 'a'};
	static const struct {
		const CHAR16 *name;
		size_t n;
		const char *want;
	} cases[] = {
		{u"", 0, " \"\""},
		{u"Boot 0", 6, " \"Boot 0\""},
		{u"\"\\", 2, " \"\\x22\\x5c\""},
		{u"\n\x1f\x7f~", 4, " \"\\x0a\\x1f\\x7f~\""},
		{u"\u00e9\u3042", 2, " \"\\xc3\\xa9\\xe3\\x81\\x82\""},
		{surrogate, 2, " \"\\xef\\xbf\\xbda\""},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		rt_trace_name(&f->rt, cases[i].name, cases[i].n);
		check(f, cases[i].want);
	}
}

/* However it falls, the last line says that something is missing, once. */
static void full(void **state)
{
	struct fixture *f = *state;

	for (size_t left = 0; left < 40; left++) {
		const uint64_t at = RT_TRACE_MAX - left;
		uint64_t len;

		f->rt.trace_full = false;
		f->rt.shared->trace_len = at;
		rt_trace(&f->rt, "%s", "0123456789");
		rt_trace(&f->rt, "%s", "0123456789");
		rt_trace(&f->rt, "x");
		len = f->rt.shared->trace_len;
		assert_true(len <= RT_TRACE_MAX);
		if (len > at) /* else there was no room for the line itself */
			assert_true(f->trace[len - 1] == 'x' || f->rt.trace_full);
		if (f->rt.trace_full)
			assert_memory_equal(f->trace + len - strlen(end), end, strlen(end));
	}
}

static void kept(void **state)
{
	struct fixture *f = *state;
	struct bytes got;

	memcpy(f->trace, "a\nb\x1b\x80\t~ ", 8);
	assert_int_equal(rt_trace_keep(f->trace, 8, &got), 0);
	assert_int_equal(got.n, 8);
	assert_memory_equal(got.p, "a\nb???~ ", 8);
	free((void *)got.p);
	assert_int_equal(rt_trace_keep(f->trace, 0, &got), 0);
	assert_int_equal(got.n, 0);
	free((void *)got.p);
	assert_int_equal(rt_trace_keep(f->trace, UINT64_MAX, &got), 0);
	assert_int_equal(got.n, RT_TRACE_MAX);
	free((void *)got.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(text, setup, teardown),
		cmocka_unit_test_setup_teardown(names, setup, teardown),
		cmocka_unit_test_setup_teardown(full, setup, teardown),
		cmocka_unit_test_setup_teardown(kept, setup, teardown),
	};

	return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
