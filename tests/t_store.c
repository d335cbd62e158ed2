/* SPDX-License-Identifier: BSD-2-Clause */
/* The store: what it reads, what it refuses and how it says so, what it writes, who may
 * have it. What happens when the machine gives out is in t_store_fail.c and t_store_kill.c.
 */
#include "store/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/store_text.h"

#define G    "\"guid\": \"11111111-2222-3333-4444-555555555555\""
#define ONE  "\"name\": \"A\", " G ", \"attr\": 7, \"data\": \"01\""
#define V(x) "{\"version\": 2, \"variables\": [\n  {" x "}\n]}"

/* After the path: line, column, text. The end of a long text may be left out. */
static const struct {
	const char *text, *want;
} bad[] = {
	{"garbage", ":1:7: '[' or '{' expected near 'garbage'"},
	{"{\"version\": 2,\n \"version\": 2}",
	 ":2:10: duplicate object key near '\"version\"'"},
	{"{\"version\": 2, \"variables\": []} x", ":1:33: end of file expected near 'x'"},
	{"\"text\"", ":1:6: '[' or '{' expected"},
	{"{}", ":1:1: a store without \"version\""},
	{"\n {\"version\": 2}", ":2:2: a store without \"variables\""},
	{"{\"variables\": [],\n\"version\": 3}", ":2:12: version 3 is unknown, must be 2"},
	{"{\"variables\": [], \"version\": \"2\"}", ":1:30: \"version\" is not an integer"},
	{"{\"version\": 2, \"variables\": {}}", ":1:29: \"variables\" is not a list"},
	{"{\"version\": 2, \"variables\": [ 1 ]}",
	 ":1:31: a variable that is not an object"},
	{"[[]]", ":1:2: a variable that is not an object"},
	{V(G ", \"attr\": 7, \"data\": \"01\""), ":2:3: a variable without \"name\""},
	{V("\"name\": \"A\", \"attr\": 7, \"data\": \"01\""),
	 ":2:3: a variable without \"guid\""},
	{V("\"name\": \"A\", " G ", \"data\": \"01\""),
	 ":2:3: a variable without \"attr\""},
	{V("\"name\": \"A\", " G ", \"attr\": 7"), ":2:3: a variable without \"data\""},
	{V("\"name\": 5, " G), ":2:12: \"name\" is not a string"},
	{V("\"name\": \"\", " G), ":2:12: an empty name"},
	{V("\"name\": \"\\ud83d\\ude00\", " G), ":2:12: name '\U0001f600' is not UCS-2"},
	{V("\"name\": \"a\\u0000b\"" G),
	 ":2:21: \\u0000 is not allowed without JSON_ALLOW_NUL near"},
	{V("\"name\": \"A\", \"guid\": \"11111111-2222-3333-4444-55555555555\""),
	 ":2:25: '11111111-2222-3333-4444-55555555555' is not a GUID"},
	{V("\"name\": \"A\", \"guid\": \"1111111g-2222-3333-4444-555555555555\""),
	 ":2:25: '1111111g-2222-3333-4444-555555555555' is not a GUID"},
	{V("\"name\": \"A\", " G ", \"attr\": \"7\""), ":2:73: \"attr\" is not an integer"},
	{V("\"name\": \"A\", " G ", \"attr\": 7.0"), ":2:73: \"attr\" is not an integer"},
	{V("\"name\": \"A\", " G ", \"attr\": -1"),
	 ":2:73: attributes -1 are not those of a variable"},
	{V("\"name\": \"A\", " G ", \"attr\": 71"),
	 ":2:73: attributes 71 are not those of a variable"},
	{V("\"name\": \"A\", " G ", \"attr\": 4294967303"),
	 ":2:73: attributes 4294967303 are not those of a variable"},
	{V("\"name\": \"A\", " G ", \"attr\": 5"),
	 ":2:73: attributes 5 lack BOOTSERVICE_ACCESS (2)"},
	{V("\"name\": \"A\", " G ", \"attr\": 6"),
	 ":2:73: attributes 6 lack NON_VOLATILE (1)"},
	{V("\"name\": \"A\", " G ", \"attr\": 7, \"data\": 5"),
	 ":2:84: \"data\" is not a string"},
	{V("\"name\": \"A\", " G ", \"attr\": 7, \"data\": \"123\""),
	 ":2:84: \"data\" has an odd number of hex digits: 3"},
	{V("\"name\": \"A\", " G ", \"attr\": 7, \"data\": \"12x4\""),
	 ":2:84: \"data\": 'x4' is not hex (character 3)"},
	{V(ONE ", \"time\": \"00\""),
	 ":2:98: \"time\" '00' has 2 hex digits, must have 32"},
	{V(ONE ", \"time\": \"0000000000000000000000000000000 \""),
	 ":2:98: \"time\": ' ' is not hex (character 32)"},
	{V(ONE ", \"timestamp\": \"00\""), ":2:103: \"timestamp\" '00' has 2 hex digits"},
	{V(ONE ", \"time\": \"00000000000000000000000000000000\", \"timestamp\": "
	       "\"00000000000000000000000000000000\""),
	 ":2:147: \"timestamp\" beside \"time\""},
	{V(ONE ", \"digest\": \"ab\""),
	 ":2:100: \"digest\" 'ab' has 2 hex digits, must have 64"},
	{V(ONE ", \"digest\": null"), ":2:100: \"digest\" is not a string"},
	{V(ONE "}, {" ONE), ":2:100: A-11111111-2222-3333-4444-555555555555 a second time"},
	{"[{" ONE "},\n\n\t {\"name\": \"\\\"]}\", " G "}]",
	 ":3:3: a variable without \"attr\""},
	{"[{\"x\": \"\xc3\xa4\xe2\x82\xac\", \"name\": 1}]",
	 ":1:22: \"name\" is not a string"},
	{V("\"name\": \"SetupMode\", \"guid\": \"8be4df61-93ca-11d2-aa0d-00e098032b8c\", "
	   "\"attr\": 7, \"data\": \"00\""),
	 ":2:12: SetupMode: 20 bytes of name and 1 of data are too long together, or"},
	{V("\"name\": \"e\\u001b[m\\u0085\\u007f\", \"guid\": \"\\u001b\""),
	 ":2:45: '?' is not a GUID"},
};

static void refuses(void **state)
{
	struct fixture f;
	char want[400];

	(void)state;
	fixture_init(&f, "a.json");
	for (size_t i = 0; i < COUNT(bad); i++) {
		char *after;

		fixture_write_text(&f, "a.json", bad[i].text);
		assert_int_equal(fixture_open(&f), -EINVAL);
		snprintf(want, sizeof want, "%s%s", f.path, bad[i].want);
		if (strncmp(f.d.text, want, strlen(want)) != 0)
			fail_msg("%s\n  says %s\n  want %s", bad[i].text, f.d.text, want);

		/* and nothing is ever written over it */
		assert_int_equal(fixture_set(&f, u"B", NV, "b"), EFI_DEVICE_ERROR);
		fixture_close(&f);
		after = fixture_read(&f, "a.json", NULL);
		assert_string_equal(after, bad[i].text);
		free(after);
		assert_int_equal(fixture_count(&f), 2); /* itself and .lock */
	}
	fixture_fini(&f);
}

static void over_quota(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, "a.json");
	fixture_write_text(&f, "a.json",
			   V(ONE "}, {\"name\": \"B\", " G ", \"attr\": 7, "
				 "\"data\": \"0102\""));
	f.quota = 96 + 4 + 1 + 96 + 4 + 2;
	assert_int_equal(fixture_open(&f), 0);
	fixture_close(&f);
	f.quota--;
	assert_int_equal(fixture_open(&f), -ENOSPC);
	assert_non_null(
		strstr(f.d.text, ": the variables take 203 bytes, the quota is 202"));
	fixture_fini(&f);
}

static void too_long_a_file(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, "a.json");
	fixture_write_text(&f, "a.json", "{\"version\": 2, \"variables\": []}");
	assert_int_equal(truncate(f.path, (16 << 20) + 1), 0);
	assert_int_equal(fixture_open(&f), -EFBIG);
	assert_non_null(strstr(f.d.text, "a.json: longer than 16777216 bytes"));
	fixture_fini(&f);
}

/* What a daemon would be given by mistake. Nothing is created beside it. */
static void other_kinds(void **state)
{
	static const struct {
		const char *name, *content;
		size_t len;
		const char *want;
	} kinds[] = {
		{"a.json", "QFI\xfb\0\0\0\3", 8, "qemu-img convert"},
		{"a.fd", "0123456789abcdef0123456789abcdef\0\0\0\0\0\0\0\0_FVH", 44,
		 "edk2 flash image; make a JSON store of it with 'runtserv vars convert'"},
		{"b.fd", "", 0, "its name ends in .json"},
		{"b.json",
		 "\x7f"
		 "ELF",
		 4, "b.json: byte 0x7f at 0x0: neither JSON nor an edk2 flash image"},
		{"c.json", "\xef\xbb\xbf{}", 5, "byte 0xef at 0x0: neither JSON"},
		{"a.vars", NULL, 0, "its name ends in .json"},
		{".json", NULL, 0, "its name ends in .json"},
		{"no/a.json", NULL, 0, "No such file or directory"},
		{"new/", NULL, 0, "a folder; make a JSON store of it"},
	};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		fixture_init(&f, kinds[i].name);
		if (kinds[i].content != NULL)
			fixture_write(&f, kinds[i].name, kinds[i].content, kinds[i].len);
		assert_true(fixture_open(&f) < 0);
		if (strstr(f.d.text, kinds[i].want) == NULL)
			fail_msg("%s: says %s", kinds[i].name, f.d.text);
		assert_int_equal(fixture_count(&f), kinds[i].content != NULL);
		fixture_fini(&f);
	}

	fixture_init(&f, "a.json");
	assert_int_equal(mkdir(f.path, 0700), 0);
	assert_int_equal(fixture_open(&f), -EISDIR);
	assert_int_equal(rmdir(f.path), 0);
	assert_int_equal(mkfifo(f.path, 0600), 0);
	assert_int_equal(fixture_open(&f), -EINVAL); /* and does not wait */
	assert_non_null(strstr(f.d.text, "not a regular file"));
	assert_int_equal(unlink(f.path), 0);
	assert_int_equal(symlink("nowhere.json", f.path), 0);
	assert_int_equal(fixture_open(&f), -ENOENT);
	assert_non_null(strstr(f.d.text, "a symbolic link to nothing"));
	assert_int_equal(fixture_count(&f), 1);
	fixture_fini(&f);
}

static void empty_stores(void **state)
{
	static const char none[] = "{\n    \"version\": 2,\n    \"variables\": [\n    ]\n}";
	struct fixture f;
	struct stat st;
	char *text;

	(void)state;
	for (int existing = 0; existing < 2; existing++) {
		fixture_init(&f, existing ? "any name" : "new.json");
		if (existing)
			fixture_write(&f, "any name", "", 0);
		assert_int_equal(fixture_open(&f), 0);
		assert_int_equal(fixture_count(&f), 1 + existing);
		assert_int_equal(fixture_set(&f, u"A", NV, "1"), EFI_SUCCESS);
		assert_int_equal(fixture_set(&f, u"A", NV, ""), EFI_SUCCESS);
		text = fixture_read(&f, existing ? "any name" : "new.json", NULL);
		assert_string_equal(text, none);
		free(text);
		assert_int_equal(stat(f.path, &st), 0);
		if (!existing)
			assert_int_equal(st.st_mode & 07777, 0600);
		fixture_close(&f);
		assert_int_equal(fixture_open(&f), 0);
		fixture_fini(&f);
	}
}

/* A file that QEMU wrote comes back as it was, also by way of the disk. */
static void sample(void **state)
{
	const char *source = getenv("TEST_DATA");
	struct fixture f;
	char path[400], *before, *after;
	size_t n, m;
	FILE *file;

	(void)state;
	assert_non_null(source);
	snprintf(path, sizeof path, "%s/qemu-10.0.2-vars.json", source);
	file = fopen(path, "rb");
	assert_non_null(file);
	before = calloc(1, 65536);
	assert_non_null(before);
	n = fread(before, 1, 65535, file);
	fclose(file);
	assert_true(n > 9000);

	fixture_init(&f, "a.json");
	fixture_write(&f, "a.json", before, n);
	assert_int_equal(fixture_open(&f), 0);
	assert_string_equal(f.log, "");
	assert_int_equal(fixture_set(&f, u"New", NV, "x"), EFI_SUCCESS);
	after = fixture_read(&f, "a.json", &m);
	assert_true(m > n);
	free(after);
	assert_int_equal(fixture_set(&f, u"New", NV, ""), EFI_SUCCESS);
	after = fixture_read(&f, "a.json", &m);
	assert_int_equal(m, n);
	assert_memory_equal(before, after, n);
	assert_false(fixture_has(&f, "a.json.orig"));
	free(after);
	free(before);
	fixture_fini(&f);
}

#define TIME   "000102030405060708090a0b0c0d0e0f"
#define DIGEST TIME "101112131415161718191a1b1c1d1e1f"

static void dialects(void **state)
{
	static const char *const texts[] = {
		V("\"name\": \"A\", " G
		  ", \"attr\": 39, \"data\": \"AbfF\", \"time\": \"" TIME
		  "\", \"digest\": \"" DIGEST "\""),
		V("\"digest\": \"" DIGEST "\", \"attr\": 39, \"data\": \"abff\", "
		  "\"timestamp\": \"" TIME "\", \"name\": \"\\u0041\", " G),
		"[{\"name\": \"A\", " G ", \"attr\": 39, \"data\": \"abff\", \"digest\": "
		"\"" DIGEST "\", \"timestamp\": \"" TIME "\"}]",
	};
	static const char want[] =
		"{\n    \"version\": 2,\n    \"variables\": [\n        {\n"
		"            \"name\": \"A\",\n            \"digest\": \"" DIGEST "\",\n"
		"            \"guid\": \"11111111-2222-3333-4444-555555555555\",\n"
		"            \"attr\": 39,\n            \"time\": \"" TIME "\",\n"
		"            \"data\": \"abff\"\n        }\n    ]\n}";
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		char *text;

		fixture_init(&f, "a.json");
		fixture_write_text(&f, "a.json", texts[i]);
		assert_int_equal(fixture_open(&f), 0);
		assert_string_equal(f.log, "");
		text = fixture_nv_text(f.v);
		assert_string_equal(text, want);
		free(text);
		fixture_fini(&f);
	}
}

/* A time where none is needed: it costs nothing to keep. */
static void time_without_need(void **state)
{
	struct fixture f;
	char *text;

	(void)state;
	fixture_init(&f, "a.json");
	fixture_write_text(&f, "a.json", V(ONE ", \"time\": \"" TIME "\""));
	assert_int_equal(fixture_open(&f), 0);
	text = fixture_nv_text(f.v);
	assert_non_null(strstr(text, "\"time\": \"" TIME "\""));
	free(text);
	fixture_fini(&f);
}

/* With a large quota a store could grow beyond what is read: such a change is not made. */
static void too_long_to_come_back(void **state)
{
	static uint8_t data[64000];
	struct fixture f;
	char *text;

	(void)state;
	fixture_init(&f, "a.json");
	f.quota = UINT32_MAX;
	for (uint32_t attr = BS; attr <= NV; attr += NV - BS) {
		assert_int_equal(fixture_open(&f), 0);
		assert_int_equal(fixture_set(&f, u"A", attr, "a"), EFI_SUCCESS);
		assert_int_equal(fixture_set(&f, u"A", attr, ""), EFI_SUCCESS);
		assert_int_equal(rts_vars_import_begin(f.v), EFI_SUCCESS);
		for (CHAR16 i = 0; i < 140; i++) {
			const CHAR16 name[] = {(CHAR16)('A' + i), 0};
			const struct rts_var var = {.guid = fixture_guid,
						    .attr = attr,
						    .name = name,
						    .name_len = sizeof name,
						    .data = data,
						    .data_len = sizeof data};

			assert_int_equal(rts_vars_import_add(f.v, &var), EFI_SUCCESS);
		}
		assert_int_equal(rts_vars_import_end(f.v), EFI_DEVICE_ERROR);
		assert_non_null(strstr(f.log, "File too large"));
		fixture_close(&f);
		assert_int_equal(fixture_open(&f), 0);
		text = fixture_nv_text(f.v);
		assert_null(strstr(text, "guid"));
		free(text);
		fixture_close(&f);
	}
	fixture_fini(&f);
}

/* Every character, and every byte, there and back. */
static void characters(void **state)
{
	struct fixture f;
	uint8_t bytes[256];
	char *text;

	(void)state;
	fixture_init(&f, "a.json");
	assert_int_equal(fixture_open(&f), 0);
	for (unsigned i = 0; i < 256; i++)
		bytes[i] = (uint8_t)i;
	for (uint32_t first = 1; first < 0x10000; first += 64) {
		CHAR16 name[65] = {0};

		for (uint32_t i = 0; i < 64; i++) /* surrogates are none; see t_vars */
			name[i] = (CHAR16)((first + i) / 0x800 == 0x1b ? 'x' : first + i);
		name[63] = name[63] == 0 ? 'y' : name[63];
		if (first % 4096 == 1 || first < 256)
			assert_int_equal(rts_vars_set(f.v, name, sizeof name, &fixture_guid,
						      NV, bytes, 256 - first % 4),
					 EFI_SUCCESS);
	}
	text = fixture_nv_text(f.v);
	fixture_close(&f);
	assert_int_equal(fixture_open(&f), 0);
	char *again = fixture_nv_text(f.v);
	assert_string_equal(text, again);
	free(again);
	free(text);

	assert_int_equal(
		fixture_set(&f, u"q\"\\/\b\f\n\r\t\x01\x1f\x7f\x9f\xa0\u20acz", NV, "x"),
		EFI_SUCCESS);
	text = fixture_nv_text(f.v);
	assert_non_null(strstr(text, "\"name\": \"q\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001F"
				     "\\u007F\\u009F\xc2\xa0\xe2\x82\xacz\""));
	free(text);
	fixture_fini(&f);
}

#define UNKNOWN                                                        \
	"{\"version\": 2, \"generator\": [{}, \"]\", -1.5e3, true],\n" \
	"  \"variables\": [{" ONE                                      \
	", \"com\\u001bment\": 1,\n    \"x\": {\"name\": \"no\"}}]}"

/* A name that is spelled with escapes is placed at its variable. */
static void unknown_members(void **state)
{
	struct fixture f;
	char want[600], *text;

	(void)state;
	fixture_init(&f, "a.json");
	fixture_write_text(&f, "a.json", UNKNOWN);
	assert_int_equal(fixture_open(&f), 0);
	snprintf(want, sizeof want,
		 "W %s:1:16: unknown member \"generator\": the first change will drop it\n"
		 "W %s:2:17: unknown member \"com?ment\": the first change will drop it\n"
		 "W %s:3:5: unknown member \"x\": the first change will drop it\n",
		 f.path, f.path, f.path);
	assert_string_equal(f.log, want);
	assert_false(fixture_has(&f, "a.json.orig"));

	/* something else has that name: no change, and it stays */
	fixture_write_text(&f, "a.json.orig", "mine");
	assert_int_equal(fixture_set(&f, u"B", NV, "b"), EFI_DEVICE_ERROR);
	assert_non_null(strstr(f.log, "a.json.orig is in the way of keeping the original"));
	text = fixture_read(&f, "a.json.orig", NULL);
	assert_string_equal(text, "mine");
	free(text);
	text = fixture_read(&f, "a.json", NULL);
	assert_string_equal(text, UNKNOWN);
	free(text);
	assert_string_equal(fixture_get(&f, u"B"), "");

	assert_int_equal(unlink(fixture_path(&f, "a.json.orig")), 0);
	assert_int_equal(fixture_set(&f, u"B", NV, "b"), EFI_SUCCESS);
	text = fixture_read(&f, "a.json.orig", NULL);
	assert_string_equal(text, UNKNOWN);
	free(text);

	/* kept once only */
	assert_int_equal(unlink(fixture_path(&f, "a.json.orig")), 0);
	assert_int_equal(fixture_set(&f, u"B", NV, "bb"), EFI_SUCCESS);
	assert_false(fixture_has(&f, "a.json.orig"));
	fixture_close(&f);

	/* killed between keeping it and the first change: it is the same, so on we go */
	fixture_write_text(&f, "a.json", UNKNOWN);
	fixture_write_text(&f, "a.json.orig", UNKNOWN);
	assert_int_equal(fixture_open(&f), 0);
	assert_int_equal(fixture_set(&f, u"B", NV, "b"), EFI_SUCCESS);
	fixture_fini(&f);
}

/* Two processes: the second is told who has it, and gets it once the first has died. */
static void one_writer(void **state)
{
	struct fixture f;
	int fds[2];
	char c, want[200], *text;
	pid_t pid;

	(void)state;
	fixture_init(&f, "a.json");
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		c = fixture_open(&f) == 0 ? 'y' : 'n';
		(void)!write(fds[1], &c, 1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(fds[0], &c, 1), 1);
	assert_int_equal(c, 'y');
	assert_int_equal(fixture_open(&f), -EBUSY);
	snprintf(want, sizeof want, "%s: in use by process %d (t_store)", f.path, (int)pid);
	assert_string_equal(f.d.text, want);
	fixture_write_text(&f, "a.json.lock", "");
	assert_int_equal(fixture_open(&f), -EBUSY);
	assert_non_null(strstr(f.d.text, "in use by another process"));

	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(fixture_open(&f), 0);
	text = fixture_read(&f, "a.json.lock", NULL);
	assert_int_equal(atoi(text), getpid());
	free(text);
	close(fds[0]);
	close(fds[1]);
	fixture_fini(&f);
}

/* The target is replaced and not the link, and two names of one store have one lock. */
static void through_a_link(void **state)
{
	struct fixture f, g;
	struct stat st;
	char *text;

	(void)state;
	fixture_init(&f, "real.json");
	fixture_init(&g, "link.json");
	fixture_write_text(&f, "real.json", V(ONE));
	assert_int_equal(symlink(f.path, g.path), 0);
	assert_int_equal(fixture_open(&g), 0);
	assert_string_equal(store_folder(g.s), f.dir);
	assert_int_equal(fixture_open(&f), -EBUSY);
	assert_int_equal(fixture_set(&g, u"B", NV, "b"), EFI_SUCCESS);
	assert_int_equal(lstat(g.path, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(lstat(f.path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	text = fixture_read(&f, "real.json", NULL);
	assert_non_null(strstr(text, "\"name\": \"B\""));
	free(text);
	assert_int_equal(fixture_count(&g), 1);
	fixture_fini(&g);
	fixture_fini(&f);
}

/* The store goes on where the process goes elsewhere, and its folder, too. */
static void relative_name(void **state)
{
	struct fixture f;
	char *cwd = getcwd(NULL, 0);
	char moved[60];

	(void)state;
	assert_non_null(cwd);
	fixture_init(&f, "a.json");
	assert_int_equal(chdir(f.dir), 0);
	assert_int_equal(fixture_open_word(&f, "a.json"), 0);
	assert_int_equal(chdir("/"), 0);
	snprintf(moved, sizeof moved, "%s.moved", f.dir);
	assert_int_equal(rename(f.dir, moved), 0);
	assert_int_equal(fixture_set(&f, u"A", NV, "a"), EFI_SUCCESS);
	assert_int_equal(rename(moved, f.dir), 0);
	assert_true(fixture_has(&f, "a.json"));
	assert_int_equal(chdir(cwd), 0);
	free(cwd);
	fixture_fini(&f);
}

static void foreign_edits(void **state)
{
	struct fixture f;
	char *text;

	(void)state;
	fixture_init(&f, "a.json");
	assert_int_equal(fixture_open(&f), 0);

	/* appeared */
	fixture_write_text(&f, "a.json", V(ONE));
	assert_int_equal(fixture_set(&f, u"B", NV, "b"), EFI_DEVICE_ERROR);
	assert_non_null(
		strstr(f.log, "a.json: changed by somebody else, and not overwritten"));
	assert_string_equal(fixture_get(&f, u"B"), "");
	text = fixture_read(&f, "a.json", NULL);
	assert_string_equal(text, V(ONE));
	free(text);
	assert_false(fixture_has(&f, "a.json.tmp"));
	fixture_close(&f);

	/* edited in place, to the same length */
	assert_int_equal(fixture_open(&f), 0);
	assert_int_equal(fixture_set(&f, u"B", NV, "b"), EFI_SUCCESS);
	text = fixture_read(&f, "a.json", NULL);
	*strstr(text, "\"01\"") = ' ';
	usleep(20000); /* files keep time in ticks: an edit within ours would look like ours
			*/
	fixture_write_text(&f, "a.json", text);
	free(text);
	assert_int_equal(fixture_set(&f, u"B", NV, "bb"), EFI_DEVICE_ERROR);
	assert_int_equal(fixture_set(&f, u"V", BS, "v"),
			 EFI_SUCCESS); /* not in that file */
	fixture_close(&f);

	/* touched, and replaced by a copy: nothing would be lost */
	fixture_write_text(&f, "a.json", V(ONE));
	assert_int_equal(fixture_open(&f), 0);
	assert_int_equal(chmod(f.path, 0640), 0);
	assert_int_equal(fixture_set(&f, u"B", NV, "b"), EFI_SUCCESS);
	text = fixture_read(&f, "a.json", NULL);
	fixture_write_text(&f, "copy", text);
	free(text);
	assert_int_equal(rename(fixture_path(&f, "copy"), f.path), 0);
	assert_int_equal(fixture_set(&f, u"B", NV, "bb"), EFI_SUCCESS);

	/* gone */
	assert_int_equal(unlink(f.path), 0);
	assert_int_equal(fixture_set(&f, u"B", NV, "b"), EFI_DEVICE_ERROR);
	assert_false(fixture_has(&f, "a.json"));
	assert_string_equal(fixture_get(&f, u"B"), "bb");
	fixture_fini(&f);
}

static void mode_stays(void **state)
{
	struct fixture f;
	struct stat before, after;
	mode_t mask = umask(077);

	(void)state;
	fixture_init(&f, "a.json");
	fixture_write_text(&f, "a.json", V(ONE));
	assert_int_equal(chmod(f.path, 0664), 0);
	if (geteuid() == 0)
		assert_int_equal(chown(f.path, 1, 2), 0);
	assert_int_equal(stat(f.path, &before), 0);
	assert_int_equal(fixture_open(&f), 0);
	assert_int_equal(fixture_set(&f, u"B", NV, "b"), EFI_SUCCESS);
	assert_int_equal(stat(f.path, &after), 0);
	assert_int_not_equal(after.st_ino, before.st_ino);
	assert_int_equal(after.st_mode & 07777, 0664);
	assert_int_equal(after.st_uid, before.st_uid);
	assert_int_equal(after.st_gid, before.st_gid);
	assert_int_equal(stat(fixture_path(&f, "a.json.lock"), &after), 0);
	assert_int_equal(after.st_mode & 07777, 0600);
	umask(mask);
	fixture_fini(&f);
}

/* A temporary file that a dead process left may be anything. */
/* A file that may not be written is read, and replaced no more than it is written. */
static void read_only(void **state)
{
	const uid_t me = geteuid();
	struct fixture f;
	char *text;

	(void)state;
	fixture_init(&f, "a.json");
	fixture_write_text(&f, "a.json", V(ONE));
	assert_int_equal(chmod(f.path, 0444), 0);
	assert_int_equal(chmod(f.dir, 0777), 0);
	if (me == 0)
		assert_int_equal(seteuid(65534), 0);
	assert_int_equal(fixture_open(&f), -EACCES);
	assert_non_null(strstr(f.d.text, "a.json: Permission denied"));
	assert_false(fixture_has(&f, "a.json.lock"));
	f.use = STORE_EDIT;
	assert_int_equal(fixture_open(&f), -EACCES);
	f.use = STORE_READ;
	assert_int_equal(fixture_open(&f), 0);
	assert_string_equal(fixture_get(&f, u"A"), "\1");
	fixture_close(&f);
	assert_int_equal(seteuid(me), 0);
	text = fixture_read(&f, "a.json", NULL);
	assert_string_equal(text, V(ONE));
	free(text);
	fixture_fini(&f);
}

static void leftovers(void **state)
{
	struct fixture f;
	char *text;

	(void)state;
	fixture_init(&f, "a.json");
	assert_int_equal(fixture_open(&f), 0);
	fixture_write_text(&f, "precious", "precious");
	assert_int_equal(symlink("precious", fixture_path(&f, "a.json.tmp")), 0);
	assert_int_equal(fixture_set(&f, u"A", NV, "a"), EFI_SUCCESS);
	assert_int_equal(mkfifo(fixture_path(&f, "a.json.tmp"), 0600), 0);
	assert_int_equal(fixture_set(&f, u"A", NV, "b"), EFI_SUCCESS);
	fixture_write_text(&f, "a.json.tmp",
			   "much more than a store would ever be, or not");
	assert_int_equal(fixture_set(&f, u"A", NV, "c"), EFI_SUCCESS);
	text = fixture_read(&f, "precious", NULL);
	assert_string_equal(text, "precious");
	free(text);
	fixture_close(&f);
	assert_int_equal(fixture_open(&f), 0);
	assert_string_equal(fixture_get(&f, u"A"), "c");
	fixture_fini(&f);
}

static void memory(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, "unused");
	assert_int_equal(fixture_open_word(&f, "memory:"), 0);
	assert_null(store_folder(f.s));
	assert_int_equal(fixture_set(&f, u"A", NV, "a"), EFI_SUCCESS);
	assert_int_equal(fixture_set(&f, u"B", BS, "b"), EFI_SUCCESS);
	assert_string_equal(fixture_get(&f, u"A"), "a");
	assert_false(store_had_run(f.s));
	fixture_close(&f);
	assert_int_equal(fixture_open_word(&f, "memory:"), 0);
	assert_string_equal(fixture_get(&f, u"A"), "");
	assert_int_equal(fixture_count(&f), 0);
	fixture_fini(&f);
}

/* STORE.run: what outlives the daemon. */
static void survives(void **state)
{
	static const CHAR16 locked[] = u"Locked\"";
	struct fixture f;
	struct stat st;
	uint64_t written;
	char *before, *after;

	(void)state;
	fixture_init(&f, "a.json");
	assert_int_equal(fixture_open(&f), 0);
	assert_false(store_had_run(f.s));
	assert_int_equal(store_run_written_ns(f.s), 0);
	assert_int_equal(fixture_set(&f, u"V", BS, "volatile"), EFI_SUCCESS);
	assert_int_equal(fixture_set(&f, u"N", NV, "nonvolatile"), EFI_SUCCESS);
	assert_int_equal(rts_vars_lock(f.v, locked, sizeof locked, &fixture_guid),
			 EFI_SUCCESS);
	assert_int_equal(rts_vars_end_of_dxe(f.v), EFI_SUCCESS);
	written = store_run_written_ns(f.s);
	assert_true(written > 0);
	assert_int_equal(stat(fixture_path(&f, "a.json.run"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	before = fixture_run_text(f.v);
	fixture_close(&f);

	assert_int_equal(fixture_open(&f), 0);
	assert_true(store_had_run(f.s));
	assert_int_equal(store_run_written_ns(f.s), written);
	after = fixture_run_text(f.v);
	assert_string_equal(before, after);
	/* the policy's name */
	assert_non_null(strstr(before, "4c006f0063006b00650064002200"));
	assert_null(strstr(before, "\"N\""));
	free(before);
	free(after);
	assert_string_equal(fixture_get(&f, u"V"), "volatile");
	assert_int_equal(fixture_set(&f, locked, NV, "x"), EFI_WRITE_PROTECTED);
	assert_true(rts_vars_phase(f.v).end_of_dxe);
	assert_false(rts_vars_phase(f.v).runtime);

	/* the machine's reset empties it */
	assert_int_equal(rts_vars_reset(f.v), EFI_SUCCESS);
	fixture_close(&f);
	assert_int_equal(fixture_open(&f), 0);
	assert_true(store_had_run(f.s));
	assert_string_equal(fixture_get(&f, u"V"), "");
	assert_string_equal(fixture_get(&f, u"N"), "nonvolatile");
	assert_false(rts_vars_phase(f.v).end_of_dxe);
	assert_int_equal(fixture_set(&f, locked, NV, "x"), EFI_SUCCESS);
	fixture_fini(&f);
}

/* What is not whole, or not of this boot, is as if it were not there, and only then. */
static void ignored_runs(void **state)
{
	static const struct {
		const char *from, *to;
		const char *log;
	} edits[] = {
		{"\"boot_id\": \"", "\"boot_id\": \"x", "I"},
		{"runtserv.state/1", "runtserv.state/2", "W"},
		{"\"written_ns\": ", "\"written_ns\": x", "W"},
		{"\"written_ns\": ", "\"written_ns\": \"\", \"w\": ", "W"},
		{"\"runtime\": false", "\"runtime\": 0", "W"},
		{"\"policies\"", "\"policy\"", "W"},
		{"\"latches\"", "\"latch\"", "W"},
		{"\"mor_locked\": false", "\"mor_locked\": 0", "W"},
		{"\"policies\": [", "\"policies\": [3", "W"},
		{"\"attr\": 2", "\"attr\": 3", "W"},
		{"\"data\": \"76", "\"data\": \"7", "W"},
		{"{", "", "W"},
	};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < COUNT(edits); i++) {
		char edited[2000], *text, *at;

		fixture_init(&f, "a.json");
		assert_int_equal(fixture_open(&f), 0);
		assert_int_equal(rts_vars_end_of_dxe(f.v), EFI_SUCCESS);
		assert_int_equal(fixture_set(&f, u"U", BS, "unharmed"), EFI_SUCCESS);
		assert_int_equal(fixture_set(&f, u"V", BS, "v"), EFI_SUCCESS);
		fixture_close(&f);
		text = fixture_read(&f, "a.json.run", NULL);
		at = strstr(text, edits[i].from);
		assert_non_null(at);
		snprintf(edited, sizeof edited, "%.*s%s%s", (int)(at - text), text,
			 edits[i].to, at + strlen(edits[i].from));
		free(text);
		fixture_write_text(&f, "a.json.run", edited);
		assert_int_equal(fixture_open(&f), 0);
		if (f.log[0] != edits[i].log[0] || strstr(f.log, "ignored") == NULL)
			fail_msg("%s: says %s", edits[i].to, f.log);
		assert_false(store_had_run(f.s));
		assert_int_equal(store_run_written_ns(f.s), 0);
		assert_string_equal(fixture_get(&f, u"U"), ""); /* nor a part of it */
		assert_false(rts_vars_phase(f.v).end_of_dxe);
		fixture_fini(&f);
	}
}

/* The store was edited while the daemon was away: the store counts. */
static void run_and_store_disagree(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, "a.json");
	assert_int_equal(fixture_open(&f), 0);
	assert_int_equal(fixture_set(&f, u"A", BS, "volatile"), EFI_SUCCESS);
	assert_int_equal(fixture_set(&f, u"V", BS, "v"), EFI_SUCCESS);
	fixture_close(&f);
	fixture_write_text(&f, "a.json", V(ONE));
	assert_int_equal(fixture_open(&f), 0);
	assert_true(store_had_run(f.s));
	assert_string_equal(fixture_get(&f, u"A"), "\x01");
	assert_string_equal(fixture_get(&f, u"V"), "v");
	assert_non_null(strstr(f.log, "were dropped"));
	fixture_fini(&f);
}

static int64_t nanoseconds(const struct timespec *t)
{
	return t->tv_sec * 1000000000 + t->tv_nsec;
}

/* The time that a store has is the clock's and not the last tick's: an edit within the same
 * tick has another. */
static void time_between_ticks(void **state)
{
	struct timespec before, after;
	struct fixture f;
	struct stat st;

	(void)state;
	fixture_init(&f, "a.json");
	assert_int_equal(fixture_open(&f), 0);
	for (unsigned i = 0; i < 5; i++) {
		clock_gettime(CLOCK_REALTIME, &before);
		assert_int_equal(fixture_set(&f, u"A", NV, i % 2 == 0 ? "1" : "2"),
				 EFI_SUCCESS);
		clock_gettime(CLOCK_REALTIME, &after);
		assert_int_equal(stat(f.path, &st), 0);
		assert_in_range(nanoseconds(&st.st_mtim), nanoseconds(&before),
				nanoseconds(&after));
	}
	fixture_fini(&f);
}

/* Takes the first @max variables away at once. */
static void remove_many(struct fixture *f, size_t max)
{
	struct rts_var_edit edits[16];
	struct rts_vars_cursor cursor = {0};
	const struct rts_var *var;
	size_t n = 0, which;

	while (n < max && rts_vars_view_next(rts_vars_current(f->v), &cursor, &var))
		if ((var->attr & EFI_VARIABLE_NON_VOLATILE) != 0)
			edits[n++] = (struct rts_var_edit){*var, true};
	assert_int_equal(rts_vars_edit(f->v, edits, n, &which), EFI_SUCCESS);
}

/* A text is made of what stood in the one before and of what has changed; the file must be
 * the text that the state makes afresh, whatever the changes were. */
static void made_of_pieces(void **state)
{
	struct fixture f;
	uint32_t seed = 1;
	size_t len;

	(void)state;
	fixture_init(&f, "a.json");
	assert_int_equal(fixture_open(&f), 0);
	for (unsigned round = 1; round < 600; round++) {
		cleanup(freep) char *file = NULL, *fresh = NULL;
		const unsigned n = (seed = seed * 1103515245 + 12345) >> 8;
		const CHAR16 name[] = {u'V', (CHAR16)(u'0' + n % 8),
				       (CHAR16)(u'0' + n / 8 % 4), 0};

		/* no value: it goes */
		(void)fixture_set(&f, name, n / 32 % 8 == 0 ? BS : NV,
				  &"0123456789"[n / 256 % 11]);
		if (round % 60 == 0)
			remove_many(&f, round % 120 == 0 ? 12 : 5);
		fresh = fixture_nv_text(f.v);
		file = fixture_read(&f, "a.json", &len);
		if (file != NULL)
			assert_string_equal(file, fresh);
	}
	assert_true(len > 1000);
	fixture_fini(&f);
}

/* A piece that is copied may be all that fits. */
static void pieces_fill_the_room(void **state)
{
	static char value[40000];
	struct store_text none = {0};
	struct fixture f;
	size_t less = 0;

	(void)state;
	fixture_init(&f, "a.json");
	assert_int_equal(fixture_open_word(&f, "memory:"), 0);
	memset(value, 'v', sizeof value - 1);
	for (size_t n = 32400; less < 65600; n++) {
		struct store_text past = {0}, text = {0};

		value[n] = 0;
		assert_int_equal(fixture_set(&f, u"A", NV, value), EFI_SUCCESS);
		value[n] = 'v';
		assert_int_equal(fixture_set(&f, u"B", NV, "b"), EFI_SUCCESS);
		assert_int_equal(store_json_write(rts_vars_current(f.v), &none, &past), 0);
		assert_int_equal(store_json_write(rts_vars_current(f.v), &past, &text), 0);
		assert_int_equal(text.n, past.n);
		assert_memory_equal(text.p, past.p, text.n);
		less = text.n;
		store_text_fini(&past);
		store_text_fini(&text);
	}
	assert_true(less < 66000);
	fixture_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(over_quota),
		cmocka_unit_test(too_long_a_file),
		cmocka_unit_test(other_kinds),
		cmocka_unit_test(empty_stores),
		cmocka_unit_test(sample),
		cmocka_unit_test(dialects),
		cmocka_unit_test(time_without_need),
		cmocka_unit_test(too_long_to_come_back),
		cmocka_unit_test(characters),
		cmocka_unit_test(unknown_members),
		cmocka_unit_test(one_writer),
		cmocka_unit_test(through_a_link),
		cmocka_unit_test(relative_name),
		cmocka_unit_test(foreign_edits),
		cmocka_unit_test(mode_stays),
		cmocka_unit_test(read_only),
		cmocka_unit_test(leftovers),
		cmocka_unit_test(memory),
		cmocka_unit_test(survives),
		cmocka_unit_test(ignored_runs),
		cmocka_unit_test(run_and_store_disagree),
		cmocka_unit_test(time_between_ticks),
		cmocka_unit_test(made_of_pieces),
		cmocka_unit_test(pieces_fill_the_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
