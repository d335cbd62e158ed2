/* SPDX-License-Identifier: BSD-2-Clause */
/* From one kind of store into another: what comes back, what is lost and said to be. */
#include "store/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_flash.h"
#include "store/store_folder.h"
#include "uefi/flash.h"
#include "uefi/guids.h"

#define G      "\"guid\": \"11111111-2222-3333-4444-555555555555\""
#define GUID   "-11111111-2222-3333-4444-555555555555"
#define TIME   "ea070103040506000000000000000000"
#define DIGEST "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define V(x)   "{\"version\": 2, \"variables\": [" x "]}"
#define VAR(name, attr, more) \
	"{\"name\": \"" name "\", " G ", \"attr\": " attr ", \"data\": \"01\"" more "}"

static char lost[2000];

static void keep_lost(void *ctx, const char *text)
{
	const size_t n = strlen(lost);

	(void)ctx;
	snprintf(lost + n, sizeof lost - n, "%s\n", text);
}

static int convert(struct fixture *f, const char *from, const char *to,
		   struct store_conversion c)
{
	char paths[2][300];

	snprintf(paths[0], sizeof paths[0], "%s/%s", f->dir, from);
	snprintf(paths[1], sizeof paths[1], "%s/%s", f->dir, to);
	c.from = paths[0];
	c.to = paths[1];
	c.lost = keep_lost;
	lost[0] = 0;
	f->d = (struct diag){0};
	return store_convert(&c, &f->d);
}

static void good(struct fixture *f, const char *from, const char *to,
		 struct store_conversion c)
{
	if (convert(f, from, to, c) != 0)
		fail_msg("%s to %s: %s\n%s", from, to, f->d.text, lost);
}

static void same_files(struct fixture *f, const char *a, const char *b)
{
	size_t n, m;
	char *x = fixture_read(f, a, &n), *y = fixture_read(f, b, &m);

	assert_non_null(x);
	assert_non_null(y);
	assert_int_equal(n, m);
	assert_memory_equal(x, y, n);
	free(x);
	free(y);
}

static void end(struct fixture *f)
{
	const int dir = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(store_folder_remove(dir, "vars"), 0);
	assert_int_equal(store_folder_remove(dir, "vars.bak"), 0);
	close(dir);
	fixture_fini(f);
}

static const struct store_conversion plainly, by_force = {.force = true},
					      with_loss = {.lossy = true};

/* QEMU's own file, and the same without the digest in it, which no image can hold. */
static void sample(struct fixture *f, const char *whole, const char *without)
{
	char path[400], *text = calloc(1, 65536), *digest;
	FILE *file;
	size_t n;

	assert_non_null(text);
	assert_non_null(getenv("TEST_DATA"));
	snprintf(path, sizeof path, "%s/qemu-10.0.2-vars.json", getenv("TEST_DATA"));
	file = fopen(path, "rb");
	assert_non_null(file);
	n = fread(text, 1, 65535, file);
	fclose(file);
	fixture_write(f, whole, text, n);
	digest = strstr(text, "            \"digest\"");
	assert_non_null(digest);
	memmove(digest, strchr(digest, '\n') + 1, strlen(strchr(digest, '\n')));
	assert_null(strstr(text, "digest"));
	fixture_write_text(f, without, text);
	free(text);
}

/* QEMU's own file, to each layout and back: the same bytes. */
static void to_flash_and_back(void **state)
{
	static const char *const layouts[] = {NULL, "4m", "2m", "aavmf"};
	static const off_t sizes[] = {0x84000, 0x84000, 0x20000, 0x4000000};
	struct fixture f;
	struct stat st;

	(void)state;
	for (size_t i = 0; i < COUNT(layouts); i++) {
		fixture_init(&f, "a.json");
		sample(&f, "whole.json", "a.json");
		assert_int_equal(convert(&f, "whole.json", "b.fd",
					 (struct store_conversion){.layout = layouts[i]}),
				 1);
		assert_string_equal(lost,
				    "Priv" GUID ": whom it belongs to (digest): anyone "
				    "may take it over\n");
		good(&f, "whole.json", "same.json", plainly);
		same_files(&f, "whole.json", "same.json");
		good(&f, "a.json", "b.fd", (struct store_conversion){.layout = layouts[i]});
		assert_string_equal(lost, "");
		assert_int_equal(stat(fixture_path(&f, "b.fd"), &st), 0);
		assert_int_equal(st.st_size, sizes[i]);
		good(&f, "b.fd", "c.json", plainly);
		same_files(&f, "a.json", "c.json");
		good(&f, "c.json", "d.fd", (struct store_conversion){.layout = layouts[i]});
		if (i != 3) /* 64 MiB are more than the reader here takes */
			same_files(&f, "b.fd", "d.fd");
		end(&f);
	}
}

#define ALL_KINDS                                                                         \
	V(VAR("Z", "7", "") "," VAR("A", "39", ", \"time\": \"" TIME "\"") "," VAR(       \
		"a/b", "7", "") "," VAR("P", "39",                                        \
					", \"time\": \"" TIME "\", \"digest\": \"" DIGEST \
					"\""))

static void losses(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, "a.json");
	fixture_write_text(&f, "a.json", ALL_KINDS);

	assert_int_equal(convert(&f, "a.json", "b.fd", plainly), 1);
	assert_string_equal(lost,
			    "P" GUID ": whom it belongs to (digest): anyone may take it "
			    "over\n");
	assert_non_null(
		strstr(f.d.text, "b.fd: not written, for something would be lost (se"));
	assert_false(fixture_has(&f, "b.fd"));
	good(&f, "a.json", "b.fd", with_loss);
	assert_true(fixture_has(&f, "b.fd"));
	good(&f, "b.fd", "c.json", plainly); /* and the rest is there */

	assert_int_equal(convert(&f, "a.json", "vars/", plainly), 1);
	assert_string_equal(lost, "A" GUID ": the time of its last authenticated write\n"
				  "a/b" GUID ": its name cannot be a file's\n"
				  "P" GUID
				  ": whom it belongs to (digest): anyone may take it over\n"
				  "P" GUID ": the time of its last authenticated write\n"
				  "the order of the variables\n");
	assert_false(fixture_has(&f, "vars"));
	good(&f, "a.json", "vars/", with_loss);
	assert_true(fixture_has(&f, "vars/A" GUID));
	assert_true(fixture_has(&f, "vars/P" GUID));
	assert_true(fixture_has(&f, "vars/Z" GUID));

	/* back: all that a folder has is non-volatile here, and in order */
	good(&f, "vars", "d.json", plainly);
	assert_string_equal(lost, "");
	good(&f, "d.json", "e.fd", plainly);
	fixture_write(&f, "vars/V" GUID, "\6\0\0\0v", 5);
	assert_int_equal(convert(&f, "vars", "g.fd", plainly), 1);
	assert_string_equal(lost, "V" GUID ": volatile\n");
	good(&f, "vars", "g.fd", with_loss);
	same_files(&f, "e.fd", "g.fd");

	fixture_write_text(&f, "x.json",
			   "{\"version\": 2, \"comment\": 1, \"variables\": []}");
	assert_int_equal(convert(&f, "x.json", "y.json", plainly), 1);
	assert_string_equal(lost, "members that are not a store's\n");
	end(&f);
}

/* A certdb is kept from image to image, and nowhere else. */
static void certdb(void **state)
{
	static const EFI_GUID cert_db = EFI_CERT_DB_GUID;
	const AUTH_CERT_DB_DATA node = {{0x11111111,
					 0x2222,
					 0x3333,
					 {0x44, 0x44, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55}},
					62,
					1,
					32};
	const AUTHENTICATED_VARIABLE_HEADER h = {.StartId = VARIABLE_DATA,
						 .State = VAR_ADDED,
						 .Attributes = 0x27,
						 .NameSize = 14,
						 .DataSize = 66,
						 .VendorGuid = cert_db};
	const uint32_t at = 0x64 + 68, size = 66; /* behind the record of P */
	uint8_t value[66] = {0};
	struct fixture f;
	size_t n;
	char *p;

	(void)state;
	fixture_init(&f, "a.json");
	fixture_write_text(&f, "a.json", V(VAR("P", "39", ", \"time\": \"" TIME "\"")));
	good(&f, "a.json", "a.fd", plainly);
	p = fixture_read(&f, "a.fd", &n);
	memcpy(value, &size, 4);
	memcpy(value + 4, &node, sizeof node);
	value[32] = 'P';
	memcpy(p + at, &h, sizeof h);
	memcpy(p + at + 60, u"certdb", 14);
	memcpy(p + at + 74, value, sizeof value);
	fixture_write(&f, "a.fd", p, n);
	free(p);

	assert_int_equal(convert(&f, "a.fd", "b.json", plainly), 1);
	assert_string_equal(lost,
			    "P" GUID ": whom it belongs to (certdb): anyone may take it "
			    "over\n");
	good(&f, "a.fd", "b.json", with_loss);
	good(&f, "a.fd", "b.fd", (struct store_conversion){.layout = "2m"});
	assert_string_equal(lost, "");
	assert_int_equal(convert(&f, "b.fd", "c.json", plainly), 1);
	assert_non_null(strstr(lost, "(certdb)"));
	end(&f);
}

static void over_what_is_there(void **state)
{
	struct fixture f;
	struct stat st;

	(void)state;
	fixture_init(&f, "a.json");
	fixture_write_text(&f, "a.json", V(VAR("A", "7", "")));
	fixture_write_text(&f, "b.json", "not a store at all");
	assert_int_equal(convert(&f, "a.json", "b.json", plainly), -EEXIST);
	assert_non_null(strstr(f.d.text,
			       "b.json: not empty; use --force, which keeps it as "
			       "b.json.bak"));
	good(&f, "a.json", "b.json", by_force);
	char *kept = fixture_read(&f, "b.json.bak", NULL);
	assert_string_equal(kept, "not a store at all");
	free(kept);

	/* an image keeps its layout, unless another is asked for */
	good(&f, "a.json", "c.fd", (struct store_conversion){.layout = "2m"});
	good(&f, "b.json", "c.fd", by_force);
	assert_int_equal(stat(fixture_path(&f, "c.fd"), &st), 0);
	assert_int_equal(st.st_size, 0x20000);
	same_files(&f, "c.fd", "c.fd.bak");
	good(&f, "b.json", "c.fd",
	     (struct store_conversion){.layout = "4m", .force = true});
	assert_int_equal(stat(fixture_path(&f, "c.fd"), &st), 0);
	assert_int_equal(st.st_size, 0x84000);

	good(&f, "a.json", "vars/", plainly);
	fixture_write(&f, "vars/B" GUID, "\7\0\0\0b", 5);
	assert_int_equal(convert(&f, "a.json", "vars", plainly), -EEXIST);
	good(&f, "a.json", "vars", by_force);
	assert_false(fixture_has(&f, "vars/B" GUID));
	assert_true(fixture_has(&f, "vars.bak/B" GUID));
	good(&f, "a.json", "vars", by_force); /* and another time */
	assert_false(fixture_has(&f, "vars.bak/B" GUID));
	end(&f);
}

static void refused(void **state)
{
	static const struct {
		const char *from, *to, *layout, *want;
	} cases[] = {
		{"none.json", "b.json", NULL, "none.json: No such file or directory"},
		{"a.json", "b.vars", NULL,
		 "b.vars: the name of a new store ends in .json, .fd"},
		{"a.json", "b.fd", "8m", "no layout '8m': 4m, 2m or aavmf"},
		{"a.json", "b.json", "4m", "b.json: only a flash image has a layout"},
		{"bad.json", "b.json", NULL, "bad.json:1:1: a store without \"version\""},
		{"q.fd", "b.json", NULL,
		 "q.fd: a qcow2 image; make it raw with 'qemu-img con"},
		{"a.json", "q.fd", NULL, "q.fd: a qcow2 image"},
		{"a.json", "used.json", NULL, "used.json: in use by process"},
		{"big.json", "b.fd", "2m",
		 "the variables take 60064 bytes, the image has ro"},
	};
	struct fixture f, used;
	char *big = malloc(120400);
	size_t start;

	(void)state;
	fixture_init(&f, "a.json");
	fixture_write_text(&f, "a.json", V(VAR("A", "7", "")));
	fixture_write_text(&f, "bad.json", "{}");
	fixture_write(&f, "q.fd", "QFI\xfb\0\0\0\3", 8);
	memset(big, '0', 120400);
	strcpy(big, "[{\"name\": \"A\", " G ", \"attr\": 7, \"data\": \"");
	start = strlen(big);
	big[start] = '0';
	strcpy(big + start + 120000, "\"}]");
	fixture_write_text(&f, "big.json", big);
	free(big);
	used = f;
	snprintf(used.path, sizeof used.path, "%s/used.json", f.dir);
	used.use = STORE_SERVE;
	assert_int_equal(fixture_open(&used), 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const int r = convert(&f, cases[i].from, cases[i].to,
				      (struct store_conversion){.layout = cases[i].layout});

		if (r >= 0 || strstr(f.d.text, cases[i].want) == NULL)
			fail_msg("case %zu: %d %s", i, r, f.d.text);
		assert_false(fixture_has(&f, "b.json"));
		assert_false(fixture_has(&f, "b.fd"));
	}
	/* a store in use may be read */
	assert_int_equal(fixture_set(&used, u"A", NV, "1"), EFI_SUCCESS);
	good(&f, "used.json", "copy.json", plainly);
	same_files(&f, "used.json", "copy.json");
	fixture_close(&used);
	end(&f);
}

/* What is edited between two runs of a daemon: STORE.run is as it was. */
static void between_runs(void **state)
{
	struct fixture f;
	char *before, *after;

	(void)state;
	fixture_init(&f, "a.json");
	assert_int_equal(fixture_open(&f), 0);
	assert_int_equal(fixture_set(&f, u"A", NV, "1"), EFI_SUCCESS);
	assert_int_equal(fixture_set(&f, u"V", BS, "volatile"), EFI_SUCCESS);
	fixture_close(&f);
	before = fixture_read(&f, "a.json.run", NULL);
	f.use = STORE_EDIT;
	assert_int_equal(fixture_open(&f), 0);
	assert_string_equal(fixture_get(&f, u"V"), "");
	assert_int_equal(fixture_set(&f, u"A", NV, "2"), EFI_SUCCESS);
	assert_int_equal(fixture_set(&f, u"W", BS, "forgotten"), EFI_SUCCESS);
	assert_int_equal(rts_vars_exit_boot_services(f.v), EFI_SUCCESS);
	fixture_close(&f);
	after = fixture_read(&f, "a.json.run", NULL);
	assert_string_equal(before, after);
	f.use = STORE_SERVE;
	assert_int_equal(fixture_open(&f), 0);
	assert_string_equal(fixture_get(&f, u"A"), "2");
	assert_string_equal(fixture_get(&f, u"V"), "volatile");
	assert_string_equal(fixture_get(&f, u"W"), "");
	free(before);
	free(after);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(to_flash_and_back),
		cmocka_unit_test(losses),
		cmocka_unit_test(certdb),
		cmocka_unit_test(over_what_is_there),
		cmocka_unit_test(refused),
		cmocka_unit_test(between_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
