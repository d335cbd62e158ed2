/* SPDX-License-Identifier: BSD-2-Clause */
/* Call scripts: what each line becomes, and where and how a wrong one is refused. */
#include "test.h"

#include <errno.h>
#include <string.h>

#include "script_text.h"

#define ALL   "phase boot ready-to-boot runtime virtual\n"
#define G     "12345678-9abc-def0-1122-334455667788"
#define OK    " -> 0\n"
#define ERR   " -> 0x80000000000000"
#define T     "2026-11-21T12:34:56"
#define K_HEX "000102030405060708090a0b0c0d0e0f"

/* clang-format off */
static const struct {
	const char *text, *want;
} good[] = {
	{"", ""},
	{"\n# nothing\n   # but this\n\t\r\n", ""},
	{"next", ALL "next" OK},
	{"  next # all of them\r\n", ALL "next" OK},
	{"get Boot0000 global", ALL "get \"Boot0000\" 8be4df61-93ca-11d2-aa0d-00e098032b8c" OK},
	{"get dbx db 0", ALL "get \"dbx\" d719b2cb-3d3a-4596-a3bc-dad00e67656f 0" OK},
	{"get A test", ALL "get \"A\" 3e9b06b1-7d04-4f6c-9a52-c81d77e02b35" OK},
	{"get \"\" " G " 65536 -> any", ALL "get \"\" " G " 65536 -> any\n"},
	{"get \"a b\\\"\\\\\\x41\" " G, ALL "get \"a b\\x22\\x5cA\" " G OK},
	{"get \xc3\xa4# " G " -> EFI_NOT_FOUND", ALL "get \"\xc3\xa4#\" " G ERR "0e\n"},
	{"get A " G " -> EFI_SUCCESS 00ff", ALL "get \"A\" " G " -> 0 1*00ff\n"},
	{"get A " G " -> EFI_SUCCESS 3*aB 0x7", ALL "get \"A\" " G " -> 0 3*ab 0x7\n"},
	{"get A " G " -> EFI_SUCCESS \"\" at+nv+append",
	 ALL "get \"A\" " G " -> 0 \"\" 0x61\n"},
	{"set A " G " nv+bs+rt+hr+aw+at+append \"text\"",
	 ALL "set \"A\" " G " 0x7f 1*74657874" OK},
	{"set A " G " 4294967295 65536*00", ALL "set \"A\" " G " 0xffffffff 65536*00" OK},
	{"set A " G " nv \"\\x00\\xff\"", ALL "set \"A\" " G " 0x1 1*00ff" OK},
	{"append A " G " 0 \"\" -> EFI_WRITE_PROTECTED",
	 ALL "append \"A\" " G " 0 \"\"" ERR "08\n"},
	{"delete A " G, ALL "delete \"A\" " G OK},
	{"next has A " G "\nnext lacks next " G,
	 ALL "next has \"A\" " G OK "next lacks \"next\" " G OK},
	{"next from A " G "\nnext from \"\" " G " 3 -> any",
	 ALL "next from \"A\" " G OK "next from \"\" " G " 3 -> any\n"},
	{"get A " G " 0*null\nget A " G " 65536*null -> any",
	 ALL "get \"A\" " G " 0*null" OK "get \"A\" " G " 65536*null -> any\n"},
	{"set A " G " nv 7*null\nappend A " G " nv 0*null",
	 ALL "set \"A\" " G " 0x1 7*null" OK "append \"A\" " G " 0x1 0*null" OK},
	{"query bs+rt -> EFI_UNSUPPORTED", ALL "query 0x6" ERR "03\n"},
	{"get-time -> EFI_SUCCESS " T, ALL "get-time -> 0 " T "\n"},
	{"set-time " T "\nset-time 9999-99-99T99:99:99 -> EFI_INVALID_PARAMETER",
	 ALL "set-time " T OK "set-time 9999-99-99T99:99:99" ERR "02\n"},
	{"get-wakeup-time\nset-wakeup-time off\nset-wakeup-time " T,
	 ALL "get-wakeup-time" OK "set-wakeup-time off" OK "set-wakeup-time " T OK},
	{"mono -> 18446744073709551615", ALL "mono -> 0xffffffffffffffff\n"},
	{"mono -> EFI_WARN_STALE_DATA", ALL "mono -> 0x5\n"},
	{"query-capsule " G " 0x10000\nupdate-capsule " G " 0 " K_HEX,
	 ALL "query-capsule " G " 65536" OK "update-capsule " G " 0 1*" K_HEX OK},
	{"status-code 1 0x03100000", ALL "status-code 1 51380224" OK},
	{"mm-trigger 0xff", ALL "mm-trigger 255" OK},
	{"fvb attributes\nfvb address\nfvb blocksize 1\nfvb read 1 2 3 -> EFI_SUCCESS 010203",
	 ALL "fvb attributes" OK "fvb address" OK "fvb blocksize 1" OK
	 "fvb read 1 2 3 -> 0 1*010203\n"},
	{"x1000000 next\nx1 next", ALL "x1000000 next" OK "next" OK},
	{"next\nphase virtual\nnext\nphase boot runtime\nnext",
	 ALL "next" OK "phase virtual\nnext" OK "phase boot runtime\nnext" OK},
	{"phase boot boot\nreset warm\nphase virtual\nreset platform\nphase runtime\nnext",
	 "phase boot\nreset warm" OK "phase virtual\nreset platform" OK "phase runtime\nnext" OK},
};

static const struct {
	const char *text, *want;
} wrong[] = {
	{"fetch", "line 1, column 1: expected phase, or a call such as get or set, not \"fetch\""},
	{"\n\n  \"get\"", "line 3, column 3: expected phase, or a call such as get or set, not \"get\""},
	{"phase", "line 1, column 6: expected boot, ready-to-boot, runtime or virtual; the line ends here"},
	{"phase exit", "line 1, column 7: expected boot, ready-to-boot, runtime or virtual, not \"exit\""},
	{"get", "line 1, column 4: expected a variable's name, up to 1024 characters; the line ends here"},
	{"get \xff " G, "line 1, column 5: expected a variable's name, up to 1024 characters, not \"?\""},
	{"get \"a\\x00\" " G, "line 1, column 5: expected a variable's name, up to 1024 characters, not \"a\\x00\""},
	{"get \"a", "line 1, column 5: a text without its end"},
	{"get \"a\\\"", "line 1, column 5: a text without its end"},
	{"get \"a\\", "line 1, column 5: a text without its end"},
	{"get \"a\"b " G, "line 1, column 8: a blank is missing behind the text"},
	{"get \"a\\n\" " G, "line 1, column 7: after \\ expected \", \\ or xHH"},
	{"get \"a\\x1\" " G, "line 1, column 7: after \\ expected \", \\ or xHH"},
	{"get a\x01", "line 1, column 6: a control character, 0x1"},
	{"get A " G "0", "line 1, column 7: expected a GUID, global, db or test, not "
			 "\"12345678-9abc-def0-1122-33445566...\""},
	{"get A Global # no", "line 1, column 7: expected a GUID, global, db or test, not \"Global\""},
	{"get A # no", "line 1, column 7: expected a GUID, global, db or test; the line ends here"},
	{"get A test 65537", "line 1, column 12: expected a buffer's size, up to 65536, or ->, not \"65537\""},
	{"get A test 1 2", "line 1, column 14: expected -> and what is expected, or the end, not \"2\""},
	{"get A test ->", "line 1, column 14: expected a status such as EFI_NOT_FOUND, a number, or any; "
			  "the line ends here"},
	{"get A test -> \"any\"", "line 1, column 15: expected a status such as EFI_NOT_FOUND, a number, or any, "
				  "not \"any\""},
	{"get A test -> EFI_SUCCESS 00 nv no", "line 1, column 33: expected -> and what is expected, or the end, "
						"not \"no\""},
	{"set A test nv+xx 00", "line 1, column 12: expected attributes: a number, or nv bs rt hr aw at append "
				"joined by +, not \"nv+xx\""},
	{"set A test nv+ 00", "line 1, column 12: expected attributes: a number, or nv bs rt hr aw at append "
			      "joined by +, not \"nv+\""},
	{"set A test \"nv\" 00", "line 1, column 12: expected attributes: a number, or nv bs rt hr aw at append "
				 "joined by +, not \"nv\""},
	{"query 4294967296", "line 1, column 7: expected attributes: a number, or nv bs rt hr aw at append "
			     "joined by +, not \"4294967296\""},
	{"set A test nv 0", "line 1, column 15: expected data, up to 65536 bytes: hex digits, N*digits or \"text\", "
			    "not \"0\""},
	{"set A test nv 0g", "line 1, column 15: expected data, up to 65536 bytes: hex digits, N*digits or "
			     "\"text\", not \"0g\""},
	{"set A test nv 0*00", "line 1, column 15: expected data, up to 65536 bytes: hex digits, N*digits or "
			       "\"text\", not \"0*00\""},
	{"set A test nv 32769*0000", "line 1, column 15: expected data, up to 65536 bytes: hex digits, N*digits "
				     "or \"text\", not \"32769*0000\""},
	{"set A test nv 2*", "line 1, column 15: expected data, up to 65536 bytes: hex digits, N*digits or "
			     "\"text\", not \"2*\""},
	{"set A test nv 00 11", "line 1, column 18: expected -> and a status, or the end of the line, not \"11\""},
	{"set A test nv 00 -> EFI_SUCCESS 00", "line 1, column 33: expected -> and a status, or the end of the "
						"line, not \"00\""},
	{"set A test nv *null", "line 1, column 15: expected data, up to 65536 bytes: hex digits, N*digits or \"text\", "
				"not \"*null\""},
	{"set A test nv 65537*null", "line 1, column 15: expected data, up to 65536 bytes: hex digits, N*digits or "
				     "\"text\", not \"65537*null\""},
	{"set A test nv \"1*null\" 0", "line 1, column 24: expected -> and a status, or the end of the line, not \"0\""},
	{"get A test -> 0 1*null", "line 1, column 17: expected data, up to 65536 bytes: hex digits, N*digits or "
				   "\"text\", not \"1*null\""},
	{"next from A test 1*null", "line 1, column 18: expected a buffer's size, up to 65536, or ->, not \"1*null\""},
	{"next has", "line 1, column 9: expected a variable's name, up to 1024 characters; the line ends here"},
	{"next hat", "line 1, column 6: expected -> and a status, or the end of the line, not \"hat\""},
	{"set-time 2026-11-21 12:34:56", "line 1, column 10: expected a time such as 2026-11-21T12:00:00, not "
					 "\"2026-11-21\""},
	{"set-time 2026-11-21T12:34:5x", "line 1, column 10: expected a time such as 2026-11-21T12:00:00, not "
					 "\"2026-11-21T12:34:5x\""},
	{"reset hot", "line 1, column 7: expected cold, warm, shutdown or platform, not \"hot\""},
	{"status-code 1 18446744073709551616", "line 1, column 15: expected a number, not "
						"\"18446744073709551616\""},
	{"status-code 1 0x", "line 1, column 15: expected a number, not \"0x\""},
	{"fvb", "line 1, column 4: expected attributes, address, blocksize or read; the line ends here"},
	{"x0 next", "line 1, column 1: expected phase, a call, or xN with N from 1 to 1000000, not \"x0\""},
	{"x1000001 next", "line 1, column 1: expected phase, a call, or xN with N from 1 to 1000000, not "
			  "\"x1000001\""},
	{"x5", "line 1, column 3: expected phase, or a call such as get or set; the line ends here"},
	{"x2 reset cold", "line 1: a reset cannot be repeated"},
	{"phase virtual\nreset cold\nphase runtime virtual\nmono",
	 "line 4: a call behind the reset of line 2, in phase virtual"},
};
/* clang-format on */

static void t_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct rt_script *s = NULL;
		struct diag d = {0};
		char *text;

		if (rt_script_new(good[i].text, &d, &s) != 0)
			fail_msg("%s: %s", good[i].text, d.text);
		text = script_text(s);
		assert_non_null(text);
		assert_string_equal(text, good[i].want);
		free(text);
		rt_script_free(s);
	}
}

static void t_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct rt_script *s = NULL;
		struct diag d = {0};

		assert_int_equal(rt_script_new(wrong[i].text, &d, &s), -EINVAL);
		assert_string_equal(d.text, wrong[i].want);
		assert_null(s);
		/* and without anybody to tell */
		assert_int_equal(rt_script_new(wrong[i].text, NULL, &s), -EINVAL);
	}
}

/* @n times @part, after @head; the caller frees it. */
static char *many(const char *head, const char *part, size_t n)
{
	const size_t head_len = strlen(head), len = strlen(part);
	char *text = malloc(head_len + n * len + 1);

	assert_non_null(text);
	memcpy(text, head, head_len);
	for (size_t i = 0; i < n; i++)
		memcpy(text + head_len + i * len, part, len);
	text[head_len + n * len] = 0;
	return text;
}

static void t_limits(void **state)
{
	static const struct {
		const char *head, *part;
		size_t n; /* the most that is allowed */
		const char *want;
	} cases[] = {
		{"", "mono\n", RT_SCRIPT_CALLS_MAX, "line 4097: more than 4096 calls"},
		{"", "#", RT_SCRIPT_LEN_MAX, "the script is longer than 1048576 bytes"},
		{"update-capsule test 0 ", "00", RT_SCRIPT_DATA_MAX,
		 "line 1, column 23: expected data, up to 65536 bytes: hex digits, "
		 "N*digits or \"text\", not \"00000000000000000000000000000000...\""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t over = 0; over < 2; over++) {
			char *text = many(cases[i].head, cases[i].part, cases[i].n + over);
			struct rt_script *s = NULL;
			struct diag d = {0};

			assert_int_equal(rt_script_new(text, &d, &s), over ? -EINVAL : 0);
			assert_string_equal(d.text, over ? cases[i].want : "");
			rt_script_free(s);
			free(text);
		}
}

/* The longest name, and one more; with the longest UTF-8. */
static void t_name_limits(void **state)
{
	(void)state;
	for (size_t over = 0; over < 2; over++) {
		char *name = many("delete ", "\xe2\x82\xac", RT_SCRIPT_NAME_MAX + over);
		char *text = many(name, " test", 1);
		struct rt_script *s = NULL;

		assert_int_equal(rt_script_new(text, NULL, &s), over ? -EINVAL : 0);
		if (!over) {
			assert_int_equal(s->calls[0].name_count, RT_SCRIPT_NAME_MAX);
			assert_int_equal(s->calls[0].name[RT_SCRIPT_NAME_MAX - 1], 0x20ac);
			assert_int_equal(s->calls[0].name[RT_SCRIPT_NAME_MAX], 0);
		}
		rt_script_free(s);
		free(text);
		free(name);
	}
}

/* The battery is a script like any other; each phase has its calls, and the machine is
 * reset at the very end. */
static void t_battery(void **state)
{
	struct rt_script *s = NULL;
	struct diag d = {0};
	unsigned seen = 0, phases = 0;

	(void)state;
	if (rt_script_new(rt_battery, &d, &s) != 0)
		fail_msg("%s", d.text);
	for (size_t i = 0; i < s->count; i++) {
		seen |= 1U << s->calls[i].verb;
		phases |= s->calls[i].phases;
		assert_true(s->calls[i].verb != RT_CALL_RESET || i == s->count - 1);
	}
	/* no verb is left untried */
	assert_int_equal(seen, (1U << RT_CALL_VERBS) - 1);
	assert_int_equal(phases, 1U << RT_PHASE_BOOT | 1U << RT_PHASE_READY_TO_BOOT |
					 1U << RT_PHASE_RUNTIME | 1U << RT_PHASE_VIRTUAL);
	assert_int_equal(s->calls[s->count - 1].phases, 1U << RT_PHASE_VIRTUAL);
	rt_script_free(s);
	rt_script_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_good),    cmocka_unit_test(t_wrong),
		cmocka_unit_test(t_limits),  cmocka_unit_test(t_name_limits),
		cmocka_unit_test(t_battery),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
