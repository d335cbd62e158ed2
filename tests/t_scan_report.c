/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `runtserv scan` makes of a report beside printing it (tests/cli/scan.sh looks at
 * that): the document's members, words, escapes, extracted files; and what it takes for a
 * known image or an inventory.
 */
#include "test.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/scan_print.h"
#include "cli/scan_xml.h"
#include "fv_build.h"
#include "pe/pe_rom.h"
#include "pe_build.h"
#include "runtserv/pe.h"
#include "scan_reports.h"

static struct report report;

static char folder[] = "/tmp/t_scan_report.XXXXXX";

static int in_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL || chdir(folder) < 0;
}

static int remove_folder(void **state)
{
	(void)state;
	char command[64];

	snprintf(command, sizeof command, "rm -rf %s", folder);
	return chdir("/") < 0 || system(command) != 0;
}

/* ---- words ---- */

static void t_sizes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *words;
	} cases[] = {
		{0, "0 bytes"},
		{1, "1 byte"},
		{1023, "1023 bytes"},
		{1024, "1 KiB"},
		{1025, "1.0 KiB"},
		{1535, "1.4 KiB"},
		{1536, "1.5 KiB"},
		{4096, "4 KiB"},
		{472 * 1024, "472 KiB"},
		{1024 * 1024 - 1, "1023 KiB"},
		{(99ULL << 20) + (1 << 19), "99.5 MiB"},
		{(100ULL << 20) + (1 << 19), "100 MiB"},
		{3ULL << 30, "3 GiB"},
		{1ULL << 40, "1 TiB"},
		{1ULL << 63, "8 EiB"},
		{UINT64_MAX, "15.9 EiB"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char got[SCAN_WORDS_MAX];

		scan_size_words(cases[i].bytes, got);
		assert_string_equal(got, cases[i].words);
	}
}

static void t_drivers(void **state)
{
	static char longest[600];
	static const EFI_GUID guid = {0x378d7b65, 0x8da9, 0x4773, {0xb6}};
	struct rts_scan_driver d = {.base = 0x1000, .match = RTS_SCAN_UNKNOWN};
	char got[SCAN_WORDS_MAX];

	(void)state;
	scan_driver_words(&d, got);
	assert_string_equal(got, "unknown 0x1000");
	d.has_guid = true;
	d.guid = guid;
	scan_driver_words(&d, got);
	assert_string_equal(got, "378d7b65-8da9-4773-b600-000000000000");
	d.path = (char *)"FvFile(378d7b65-8da9-4773-b600-000000000000)";
	scan_driver_words(&d, got);
	assert_string_equal(got, "378d7b65-8da9-4773-b600-000000000000");
	d.path = (char *)"PciRoot(0x0)/HD(1)/\\EFI\\a.efi";
	scan_driver_words(&d, got);
	assert_string_equal(got, "a.efi");
	d.name = (char *)"";
	scan_driver_words(&d, got);
	assert_string_equal(got, "a.efi");
	/* a character is there as a whole, or not at all */
	for (size_t i = 0; i + 3 < sizeof longest; i += 3)
		memcpy(longest + i, "\xe6\xbc\xa2", 3);
	d.name = longest;
	scan_driver_words(&d, got);
	assert_int_equal(strlen(got), (SCAN_WORDS_MAX - 1) / 3 * 3);
	assert_memory_equal(got, longest, strlen(got));
}

static void t_matches(void **state)
{
	static const struct {
		struct rts_scan_driver d;
		const char *words;
	} cases[] = {
		{{.match = RTS_SCAN_EXACT}, "exact"},
		{{.match = RTS_SCAN_EXACT, .own = true}, "our own"},
		{{.match = RTS_SCAN_MATCH_MODIFIED, .differing = 1}, "1 byte differs"},
		{{.match = RTS_SCAN_MATCH_MODIFIED, .differing = 5}, "5 bytes differ"},
		{{.match = RTS_SCAN_SIMILAR, .likeness = 87}, "87 % similar"},
		{{.match = RTS_SCAN_UNKNOWN}, "unknown"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char got[SCAN_WORDS_MAX];

		scan_match_words(&cases[i].d, got);
		assert_string_equal(got, cases[i].words);
	}
}

static void t_findings(void **state)
{
	static const struct {
		unsigned high, medium, info;
		const char *words;
	} cases[] = {
		{0, 0, 0, "no findings"},
		{1, 0, 0, "1 finding: high"},
		{0, 2, 0, "2 findings: medium"},
		{2, 1, 0, "3 findings: 2 high, 1 medium"},
		{0, 0, 2, "no findings, and 2 for information"},
		{1, 1, 1, "2 findings: 1 high, 1 medium, and 1 for information"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char got[SCAN_WORDS_MAX];

		report_clean(&report);
		for (unsigned k = 0; k < cases[i].high; k++)
			report_finding(&report, RTS_SCAN_HIDDEN_DRIVER, RTS_SCAN_HIGH, 0,
				       "-", NULL);
		for (unsigned k = 0; k < cases[i].medium; k++)
			report_finding(&report, RTS_SCAN_TABLE_CRC_BAD, RTS_SCAN_MEDIUM, -1,
				       "-", NULL);
		for (unsigned k = 0; k < cases[i].info; k++)
			report_finding(&report, RTS_SCAN_NOT_IN_ATTRIBUTES_TABLE,
				       RTS_SCAN_INFO, 0, "-", NULL);
		scan_findings_words(&report.r, got);
		assert_string_equal(got, cases[i].words);
	}
}

static void t_nothing(void **state)
{
	char got[SCAN_WORDS_MAX];

	(void)state;
	report_empty(&report);
	assert_true(scan_is_empty(&report.r));
	scan_findings_words(&report.r, got);
	assert_string_equal(got, "nothing of UEFI");
	report_clean(&report);
	assert_false(scan_is_empty(&report.r));
}

/* What was not looked at is never said to be clean. */
static void t_honest(void **state)
{
	static const struct {
		const char *kind;
		bool firmware, applies;
		const char *says;
		size_t partly; /* drivers that are not all in the image */
		bool none;     /* no drivers at all */
	} cases[] = {
		{"clean", true, true,
		 "Of 9 runtime drivers 9 are equal to known ones, 2 of them as far as they "
		 "are "
		 "in the image. Clean",
		 2, false},
		{"clean", true, true, "code. No runtime driver is in the image. Clean", 0,
		 true},
		{"empty", false, false,
		 "Neither a runtime services table nor a runtime driver", 0, false},
		{"clean", true, true,
		 "All 14 services begin in known, unmodified code. Of 9 runtime "
		 "drivers 9 are equal",
		 0, false},
		{"clean", false, false, "No firmware image was given to compare with", 0,
		 false},
		{"clean", true, false, "was not found to be that of this machine", 0,
		 false},
		{"hooked", true, true,
		 "Of 14 services 10 are clean, 1 is modified, 2 are foreign, 1 is "
		 "not in image. Of 10 runtime drivers 8 are",
		 0, false},
		{"spread", false, false, "Of 14 services 14 are not checked. No firmware",
		 0, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *got;

		assert_true(report_of(cases[i].kind, &report));
		for (size_t k = 0; k < cases[i].partly; k++)
			report.r.drivers[k].in_image = false;
		if (cases[i].none)
			report.r.driver_count = 0;
		report.r.has_firmware = cases[i].firmware;
		report.r.firmware_applies = cases[i].applies;
		got = scan_honest_words(&report.r);
		assert_non_null(got);
		assert_non_null(strstr(got, cases[i].says));
		assert_non_null(strstr(got, "Clean here is not clean everywhere"));
		free(got);
	}
}

/* ---- escapes ---- */

static void t_xml(void **state)
{
#define FFFD "\xef\xbf\xbd"
	static const struct {
		const char *text;
		unsigned columns;
		const char *xml;
	} cases[] = {
		{"", 80, ""},
		{"PcRtc", 80, "PcRtc"},
		{"<a href='x\"'>&amp;", 80, "&lt;a href=&#39;x&quot;&#39;&gt;&amp;amp;"},
		{"]]>", 80, "]]&gt;"},
		{"a\tb\r\nc\x1b[2J\x7f", 80, "a" FFFD "b" FFFD FFFD "c" FFFD "[2J" FFFD},
		{"\xc2\x9b\xe2\x80\xae\xef\xbb\xbf\xd8\x9c", 80, FFFD FFFD FFFD FFFD},
		{"\xff\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80", 80,
		 FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD},
		{"\xe6\xbc", 80, FFFD FFFD},
		{"\xef\xbf\xbe\xef\xbf\xbf\xf0\x9f\xbf\xbe\xef\xb7\x90", 80,
		 FFFD FFFD FFFD FFFD},
		{"\xe6\xbc\xa2\xf0\x9f\x98\x80", 80, "\xe6\xbc\xa2\xf0\x9f\x98\x80"},
		{"12345", 5, "12345"},
		{"123456", 5, "1234\xe2\x80\xa6"},
		{"\xe6\xbc\xa2\xe6\xbc\xa2", 4, "\xe6\xbc\xa2\xe6\xbc\xa2"},
		{"\xe6\xbc\xa2\xe6\xbc\xa2", 3, "\xe6\xbc\xa2\xe2\x80\xa6"},
		{"<<<<", 3, "&lt;&lt;\xe2\x80\xa6"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *got = NULL;
		size_t n = 0;
		FILE *to = open_memstream(&got, &n);

		assert_non_null(to);
		scan_xml_cut(to, cases[i].text, cases[i].columns);
		assert_int_equal(fclose(to), 0);
		assert_string_equal(got, cases[i].xml);
		free(got);
	}
}

/* ---- the document ---- */

static json_t *document(const char *kind, const struct scan_extracted *files)
{
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);
	json_t *doc;

	assert_non_null(to);
	assert_true(report_of(kind, &report));
	assert_int_equal(scan_print_json(to, &report.in, &report.r, files), 0);
	assert_int_equal(fclose(to), 0);
	for (size_t i = 0; i < n; i++)
		assert_true(text[i] == '\n' || (text[i] >= ' ' && text[i] <= '~'));
	doc = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(doc);
	free(text);
	return doc;
}

/* The members of @object begin with @names, in this order. */
static void assert_members(json_t *object, const char *names)
{
	void *it = json_object_iter(object);

	assert_non_null(object);
	while (*names != 0) {
		const size_t n = strcspn(names, " ");

		assert_non_null(it);
		assert_int_equal(strlen(json_object_iter_key(it)), n);
		assert_memory_equal(json_object_iter_key(it), names, n);
		it = json_object_iter_next(object, it);
		names += n + (names[n] == ' ');
	}
}

static void assert_value(const json_t *object, const char *key, const char *want)
{
	char *got =
		json_dumps(json_object_get(object, key), JSON_ENCODE_ANY | JSON_COMPACT);

	assert_non_null(got);
	assert_string_equal(got, want);
	free(got);
}

/* The contract's members, in its order, in every report. */
static void t_members(void **state)
{
	static const char *const kinds[] = {"empty",   "clean",  "hooked",
					    "hostile", "spread", "many"};

	(void)state;
	for (size_t k = 0; k < COUNT(kinds); k++) {
		json_t *doc = document(kinds[k], NULL), *list, *item;
		size_t i;

		assert_members(
			doc, "schema image tables services drivers findings mapping events "
			     "regions windows firmware boot_images notes bytes_scanned");
		assert_value(doc, "schema", "\"runtserv.scan/1\"");
		assert_members(json_object_get(doc, "image"), "format ranges bytes");
		json_array_foreach(json_object_get(doc, "tables"), i, item)
			assert_members(item, "kind physical crc_ok");
		list = json_object_get(doc, "services");
		assert_int_equal(json_array_size(list), RTS_SCAN_SERVICES);
		json_array_foreach(list, i, item)
		{
			assert_members(item, "name pointer physical driver verdict");
			assert_string_equal(
				json_string_value(json_object_get(item, "name")),
				rts_scan_service_name((unsigned)i));
		}
		list = json_object_get(doc, "drivers");
		assert_int_equal(json_array_size(list), report.r.driver_count);
		json_array_foreach(list, i, item)
		{
			assert_members(item, "base size guid name path match matched_with "
					     "code_sha256 virtual_base views");
			assert_members(
				json_object_get(item, "views"),
				"pe image_list attributes_table debug_table service event "
				"inventory");
		}
		list = json_object_get(doc, "findings");
		assert_int_equal(json_array_size(list), report.r.finding_count);
		json_array_foreach(list, i, item) assert_members(
			item, "rule severity driver address text innocent_if");
		json_decref(doc);
	}
}

static void t_values(void **state)
{
	struct scan_extracted files[REPORT_DRIVERS_MAX] = {{.path = (char *)"x/\xff.efi"}};
	json_t *doc = document("hooked", files), *item;

	(void)state;
	item = json_array_get(json_object_get(doc, "drivers"), 0);
	assert_value(item, "base", "\"0x1f5ec000\"");
	assert_value(item, "size", "483328");
	assert_value(item, "guid", "\"cbd2e4d5-7068-4ff5-b462-9822b4ad8d60\"");
	assert_value(item, "matched_with", "\"OVMF_CODE_4M.fd\"");
	assert_value(item, "virtual_base", "\"0xfffffffeff1ec000\"");
	assert_value(item, "differing", "0");
	assert_value(item, "likeness", "null");
	assert_value(item, "extracted", "\"x/\xef\xbf\xbd.efi\"");
	item = json_array_get(json_object_get(doc, "drivers"), 9);
	assert_value(item, "guid", "null");
	assert_value(item, "name", "null");
	assert_value(item, "path", "\"\\\\EFI\\\\hook_PTR.efi\"");
	assert_value(item, "matched_with", "null");
	assert_value(item, "differing", "null");
	assert_value(item, "extracted", "null");
	assert_value(item, "views",
		     "{\"pe\":\"yes\",\"image_list\":\"yes\",\"attributes_table\":\"no\","
		     "\"debug_table\":\"yes\",\"service\":\"yes\",\"event\":\"yes\","
		     "\"inventory\":\"unavailable\"}");
	item = json_array_get(json_object_get(doc, "services"), 12);
	assert_value(item, "driver", "null");
	assert_value(item, "physical", "\"0x1f6e2010\"");
	assert_value(item, "verdict", "\"foreign\"");
	item = json_array_get(json_object_get(doc, "services"), 13);
	assert_value(item, "physical", "null");
	assert_value(item, "verdict", "\"not in image\"");
	item = json_array_get(json_object_get(doc, "findings"), 1);
	assert_value(item, "driver", "5");
	assert_value(item, "innocent_if", "null");
	item = json_array_get(json_object_get(doc, "tables"), 2);
	assert_value(item, "crc_ok", "null");
	assert_value(doc, "windows", "null");
	assert_value(doc, "firmware", "{\"given\":true,\"applies\":true}");
	assert_value(doc, "boot_images", "{\"count\":94,\"known\":92}");
	json_decref(doc);
	doc = document("hostile", NULL);
	item = json_array_get(json_object_get(doc, "drivers"), 1);
	assert_value(item, "size", "9223372036854775807");
	assert_value(doc, "windows", "{\"block\":\"0x1000\",\"found_by\":\"both\"}");
	json_decref(doc);
	doc = document("spread", NULL);
	assert_value(doc, "firmware", "{\"given\":false,\"applies\":null}");
	assert_value(doc, "boot_images", "{\"count\":94,\"known\":null}");
	json_decref(doc);
}

/* ---- extraction ---- */

static uint8_t file_bytes[3] = "abc";

static void give_file(size_t driver)
{
	report.drivers[driver].file = file_bytes;
	report.drivers[driver].file_len = sizeof file_bytes;
}

static json_t *hashes(const char *dir)
{
	char path[64];
	json_t *doc;

	snprintf(path, sizeof path, "%s/hashes.json", dir);
	doc = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(doc);
	assert_value(doc, "schema", "\"runtserv.scan-extract/1\"");
	return doc;
}

static void t_extract(void **state)
{
	struct scan_extracted *files = NULL;
	size_t written = 0;
	json_t *doc, *item;
	struct stat st;

	(void)state;
	report_hostile(&report);
	report.drivers[1].name = (char *)"../../etc/passwd";
	report.drivers[7].guid = report.drivers[1].guid; /* twice, with another name */
	report.drivers[9].base = report.drivers[2].base; /* neither has a GUID */
	give_file(0);
	give_file(1);
	give_file(2);
	give_file(7);
	give_file(9);
	report.drivers[9].file_raw = true;
	/* what is there is replaced, and a link not followed */
	assert_int_equal(mkdir("out", 0755), 0);
	assert_int_equal(symlink("../victim", "out/unknown-0x0.efi"), 0);
	assert_int_equal(scan_extract("out", &report.r, &files, &written), EXIT_WELL);
	assert_int_equal(written, 5);
	assert_int_equal(access("victim", F_OK), -1);
	assert_null(files[3].path);
	for (size_t i = 0; i < 10; i++)
		if (files[i].path != NULL)
			assert_true(stat(files[i].path, &st) == 0 && st.st_size == 3);
	assert_string_equal(
		files[1].path,
		"out/733cbac2-b23f-4b92-bc8e-fb01ce5907b7-.._.._etc_passwd.efi");
	assert_string_equal(files[7].path, "out/733cbac2-b23f-4b92-bc8e-fb01ce5907b7.2-"
					   "StatusCodeRouterRuntimeDxe.efi");
	assert_string_equal(files[2].path, "out/unknown-0x0.efi");
	assert_string_equal(files[9].path, "out/unknown-0x0.2.bin");
	doc = hashes("out");
	assert_int_equal(json_array_size(json_object_get(doc, "files")), 5);
	item = json_array_get(json_object_get(doc, "files"), 2);
	assert_members(item, "file guid name size sha256 code_sha256 ssdeep");
	assert_value(item, "file", "\"unknown-0x0.efi\"");
	assert_value(item, "guid", "null");
	assert_value(item, "size", "3");
	assert_value(
		item, "sha256",
		"\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"");
	assert_value(item, "code_sha256", "null");
	assert_value(item, "ssdeep", "null");
	item = json_array_get(json_object_get(doc, "files"), 4);
	assert_value(item, "ssdeep", "\"3:abc:def\"");
	json_decref(doc);
	scan_extracted_free(files, &report.r);
}

static void t_extract_nothing(void **state)
{
	struct scan_extracted *files = NULL;
	size_t written = 1;

	(void)state;
	report_clean(&report);
	assert_int_equal(scan_extract("none", &report.r, &files, &written), EXIT_WELL);
	assert_int_equal(written, 0);
	assert_int_equal(access("none", F_OK), -1);
	scan_extracted_free(files, &report.r);
	/* and where it cannot be done, nothing is left, either */
	give_file(0);
	assert_int_equal(scan_extract("none/deep", &report.r, &files, &written),
			 EXIT_TROUBLE);
	assert_int_equal(close(open("file", O_CREAT | O_WRONLY, 0644)), 0);
	assert_int_equal(scan_extract("file", &report.r, &files, &written), EXIT_TROUBLE);
}

/* ---- what is known ---- */

static void write_file(const char *name, const void *p, size_t n)
{
	FILE *to = fopen(name, "w");

	assert_non_null(to);
	assert_int_equal(fwrite(p, 1, n, to), n);
	assert_int_equal(fclose(to), 0);
}

static void write_rom(const char *name, const uint8_t *image, size_t n)
{
	uint8_t p[8192];
	struct writer w = {.p = p, .cap = sizeof p};

	assert_int_equal(rts_pe_rom_append(&w, (struct bytes){image, n},
					   &(struct rts_pe_rom_id){0x1af4, 0x1110, 0x50000},
					   true, NULL),
			 EFI_SUCCESS);
	assert_false(w.full);
	write_file(name, p, w.n);
}

static void t_known(void **state)
{
	static const struct {
		const char *name;
		int status;
		enum rts_scan_known_kind kind;
	} cases[] = {
		{"pe", EXIT_WELL, RTS_SCAN_KNOWN_FILE},
		{"rom", EXIT_WELL, RTS_SCAN_KNOWN_FILE},
		{"./volume", EXIT_WELL, RTS_SCAN_KNOWN_FIRMWARE},
		{"pe-aa64", EXIT_TROUBLE, 0},
		{"pe-cut", EXIT_TROUBLE, 0},
		{"rom-aa64", EXIT_TROUBLE, 0},
		{"rom-cut", EXIT_TROUBLE, 0},
		{"text", EXIT_TROUBLE, 0},
		{"nothing", EXIT_TROUBLE, 0},
		{"no-such-file", EXIT_TROUBLE, 0},
		{".", EXIT_TROUBLE, 0},
	};
	struct scan_known k = {0};
	struct pe_build b = pe_build_default();
	uint8_t image[PE_BUILD_LEN], volume[256] = {0};
	size_t count = 0;

	(void)state;
	pe_build_write(&b, image);
	write_file("pe", image, sizeof image);
	write_file("pe-cut", image, 300);
	write_rom("rom", image, sizeof image);
	write_file("rom-cut", "\x55\xaa some text that is longer than a header of a ROM",
		   51);
	b.file.Machine = PE_MACHINE_AARCH64;
	pe_build_write(&b, image);
	write_file("pe-aa64", image, sizeof image);
	write_rom("rom-aa64", image, sizeof image);
	memcpy(volume + 40, "_FVH", 4);
	write_file("volume", volume, sizeof volume);
	write_file("text", "no firmware\n", 12);
	write_file("nothing", "", 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(scan_known_add(&k, cases[i].name), cases[i].status);
		count += cases[i].status == EXIT_WELL;
		assert_int_equal(k.count, count);
		if (cases[i].status == EXIT_WELL) {
			assert_int_equal(k.list[count - 1].kind, cases[i].kind);
			assert_null(strchr(k.list[count - 1].name, '/'));
		}
	}
	scan_known_fini(&k);
	assert_int_equal(k.count, 0);
}

/* Our own driver is in the program, and is one. */
static void t_own(void **state)
{
	const struct bytes own = scan_own_driver();
	struct scan_known k = {0};
	struct rts_pe_image img;

	(void)state;
	assert_int_equal(scan_known_add_own(&k), EXIT_WELL);
	assert_int_equal(k.count, own.n != 0);
	if (own.n != 0) {
		assert_int_equal(k.list[0].kind, RTS_SCAN_KNOWN_OWN);
		assert_int_equal(rts_pe_image_read(own, NULL, &img), EFI_SUCCESS);
		assert_int_equal(img.machine, PE_MACHINE_X64);
		assert_int_equal(img.subsystem, PE_SUBSYSTEM_RUNTIME_DRIVER);
	}
	scan_known_fini(&k);
	if (own.n == 0)
		skip();
}

static void t_inventory(void **state)
{
	static const char text[] =
		"{\"schema\": \"runtserv.inventory/1\", \"map\": {\"descriptors\": []}, "
		"\"images\": ["
		"{\"name\": \"RuntimeDxe\", \"guid\": "
		"\"b601f8c4-43b7-4784-95b1-f4226cb40cee\", "
		"\"path\": null, \"base\": \"0x7f0e000\", \"size\": 16384, "
		"\"code_type\": \"EfiRuntimeServicesCode\"},"
		"{\"name\": null, \"guid\": null, \"path\": \"\\\\a.efi\", "
		"\"base\": \"0xffffffffffffffff\", \"size\": 1, \"code_type\": "
		"\"0x70000001\"}]}";
	static const char *const wrong[] = {
		"{\"schema\": \"runtserv.inventory/1\", \"map\": {\"descriptors\": []}}",
		"{\"schema\": \"runtserv.scan/1\"}", "{", "", "[]"};
	struct scan_inventory inv = {0};

	(void)state;
	write_file("inventory", text, sizeof text - 1);
	assert_int_equal(scan_inventory_read("inventory", &inv), EXIT_WELL);
	assert_int_equal(inv.count, 2);
	assert_string_equal(inv.images[0].name, "RuntimeDxe");
	assert_null(inv.images[0].path);
	assert_true(inv.images[0].has_guid);
	assert_int_equal(inv.images[0].guid.Data1, 0xb601f8c4);
	assert_int_equal(inv.images[0].base, 0x7f0e000);
	assert_int_equal(inv.images[0].size, 16384);
	assert_int_equal(inv.images[0].code_type, EfiRuntimeServicesCode);
	assert_null(inv.images[1].name);
	assert_string_equal(inv.images[1].path, "\\a.efi");
	assert_false(inv.images[1].has_guid);
	assert_true(inv.images[1].base == UINT64_MAX);
	assert_int_equal(inv.images[1].code_type, 0x70000001);
	scan_inventory_fini(&inv);
	for (size_t i = 0; i < COUNT(wrong); i++) {
		write_file("inventory", wrong[i], strlen(wrong[i]));
		assert_int_equal(scan_inventory_read("inventory", &inv), EXIT_TROUBLE);
		assert_null(inv.images);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_sizes),
		cmocka_unit_test(t_drivers),
		cmocka_unit_test(t_matches),
		cmocka_unit_test(t_findings),
		cmocka_unit_test(t_nothing),
		cmocka_unit_test(t_honest),
		cmocka_unit_test(t_xml),
		cmocka_unit_test(t_members),
		cmocka_unit_test(t_values),
		cmocka_unit_test(t_extract),
		cmocka_unit_test(t_extract_nothing),
		cmocka_unit_test(t_known),
		cmocka_unit_test(t_own),
		cmocka_unit_test(t_inventory),
	};

	return cmocka_run_group_tests(tests, in_folder, remove_folder);
}
