/* SPDX-License-Identifier: BSD-2-Clause */
/* The report of `runtserv run`, as text and as JSON: every field, known and unknown. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run.h"

#define POOL  0x20110fa0ULL
#define IMAGE 0x20100000ULL

/* A report with one of everything; @unknown: all that can be missing is. */
static struct runtime_report report_new(bool unknown)
{
	struct runtime_report r = {.finding_count = unknown ? 1 : 2};
	struct rt_shared *s = calloc(1, sizeof *s);
	struct runtime_finding *f = calloc(2, sizeof *f);

	assert_true(s != NULL && f != NULL);
	r.last = s;
	r.findings = f;
	s->images_count = 2;
	s->images[0] = (struct rt_image){.name = "My.efi", .status = RT_STATUS_OK};
	s->images[1] = (struct rt_image){
		.name = "RuntimeDxe",
		.guid = {0xb601f8c4,
			 0x43b7,
			 0x4784,
			 {0x95, 0xb1, 0xf4, 0x22, 0x6c, 0xb4, 0x0c, 0xee}},
		.has_guid = 1,
		.role = RT_ROLE_HELPER,
		.status = RT_STATUS_FAILED,
		.entry_status = EFI_UNSUPPORTED};
	r.paths[0] = unknown ? NULL : "build/My.efi";
	r.paths[1] = unknown ? "\xff not UTF-8" : "OVMF.fd";
	s->phase = RT_PHASE_VIRTUAL;
	s->phases[RT_PHASE_ENTRY] = (struct rt_phase_count){2, 0, 1};
	s->phases[RT_PHASE_VIRTUAL] = (struct rt_phase_count){12, 3, 1};
	s->services[0] = (struct rt_service){"GetTime", 0, 1, 4, EFI_SUCCESS, 200};
	s->services[1] = (struct rt_service){"SetTime", RT_NOBODY, 1, 0, 0, 0};
	s->services[2] =
		(struct rt_service){"GetWakeupTime", RT_NOBODY, 1, 1, EFI_UNSUPPORTED, 0};
	s->services[4] = (struct rt_service){"not used", 0, 0, 1, 0, 1};
	s->services[9] = (struct rt_service){
		"GetNextHighMonotonicCount", 1, 1, 1, EFIERR(0x7777), 560};
	s->misses_count = 1;
	s->misses[0] = (struct rt_miss){7, RT_PHASE_VIRTUAL, "mono: EFI_ABORTED"};
	s->blocks_count = 2;
	s->blocks[1] = (struct rt_block){
		.physical = IMAGE, .size = 0x3000, .kind = RT_BLOCK_IMAGE};
	s->blocks[0] = (struct rt_block){.physical = POOL,
					 .size = 96,
					 .memory_type = EfiRuntimeServicesData,
					 .kind = RT_BLOCK_POOL,
					 .site = 0x5c0};
	s->suspects_count = unknown ? 0 : 5;
	s->suspects[0] = (struct rt_suspect){{0, 0x2038}, POOL, 0, -1};
	s->suspects[1] = (struct rt_suspect){{0, POOL + 8}, IMAGE + 0x2000, 1, 0};
	f[0] = (struct runtime_finding){.rule = RT_HANG,
					.phase = RT_PHASE_ENTRY,
					.text = "in the entry point: does not return"};
	f[1] = (struct runtime_finding){.rule = RT_UNCONVERTED_POINTER,
					.driver = "My.efi",
					.has_offset = true,
					.offset = 0x1a40,
					.phase = RT_PHASE_VIRTUAL,
					.has_address = true,
					.address = POOL,
					.has_object = true,
					.object = runtime_object_of(s, 0),
					.text = "reads \"it\""};
	return r;
}

static char *text_of(const struct runtime_report *r, bool verbose, bool script)
{
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);

	assert_non_null(to);
	run_text(to, r, verbose, script);
	assert_int_equal(fclose(to), 0);
	return text;
}

static void t_text(void **state)
{
	static const char want[] =
		"DRIVER      ROLE     STATUS   FROM\n"
		"My.efi      subject  ok       build/My.efi\n"
		"RuntimeDxe  helper   failed   OVMF.fd (EFI_UNSUPPORTED)\n"
		"\n"
		"PHASE          CALLS  FAILED\n"
		"entry              2       0\n"
		"virtual           12       3\n"
		"\n"
		"SERVICE                    OWNER       CALLS  STACK  LAST STATUS\n"
		"GetTime                    My.efi          4    200  EFI_SUCCESS\n"
		"GetWakeupTime              -               1      -  EFI_UNSUPPORTED\n"
		"GetNextHighMonotonicCount  RuntimeDxe      1    560  0x8000000000007777\n"
		"\n"
		"answered otherwise than expected:\n"
		"  virtual: mono: EFI_ABORTED\n"
		"\n"
		"hang  -  in the entry point: does not return\n"
		"unconverted-pointer  My.efi+0x1a40  reads \"it\"\n"
		"\n"
		"5 values in the drivers' own memory still point to physical addresses of "
		"it\n"
		"after SetVirtualAddressMap: evidence, not a finding\n"
		"  My.efi+0x2038: 0x20110fa0, in pool #1 (EfiRuntimeServicesData, 96 "
		"bytes, "
		"allocated at My.efi+0x5c0)\n"
		"  pool #1+0x8 (EfiRuntimeServicesData, 96 bytes, allocated at "
		"My.efi+0x5c0): "
		"0x20102000, My.efi+0x2000\n"
		"  My.efi+0x0: 0x0, in pool #1 (EfiRuntimeServicesData, 96 bytes, "
		"allocated at "
		"My.efi+0x5c0)\n"
		"  and 2 more; --verbose shows them\n"
		"\n"
		"verdict: 2 findings\n";
	struct runtime_report r = report_new(false);
	char *text;

	(void)state;
	r.last->suspects[2].holder = -1;
	r.last->suspects[3].holder = r.last->suspects[4].holder = -1;
	text = text_of(&r, false, false);
	assert_string_equal(text, want);
	free(text);
	text = text_of(&r, true, true);
	assert_non_null(strstr(text, "\n  virtual, line 7: mono: EFI_ABORTED\n"));
	assert_null(strstr(text, "--verbose"));
	assert_true(strlen(text) > strlen(want));
	free(text);
	runtime_report_fini(&r);
}

/* The findings of one driver stand together. */
static void t_grouped(void **state)
{
	struct runtime_report r = report_new(false);
	struct runtime_finding *f = reallocarray(r.findings, 3, sizeof *f);
	const char *p;
	char *text;

	(void)state;
	assert_non_null(f);
	r.findings = f;
	f[2] = f[0];
	strcpy(f[2].text, "another");
	r.finding_count = 3;
	text = text_of(&r, false, false);
	p = strstr(text, "hang  -  in the entry");
	assert_non_null(p);
	assert_ptr_equal(strstr(p, "\nhang  -  another"), strchr(p, '\n'));
	free(text);
	runtime_report_fini(&r);
}

static void t_verdict(void **state)
{
	static const struct {
		enum rt_status status;
		size_t findings;
		uint32_t failed;
		bool script;
		enum rt_phase phase;
		const char *text;
	} cases[] = {
		{RT_STATUS_OK, 0, 0, false, RT_PHASE_VIRTUAL, "clean, up to phase virtual"},
		{RT_STATUS_OK, 0, 7, false, RT_PHASE_RUNTIME, "clean, up to phase runtime"},
		{RT_STATUS_OK, 0, 0, true, RT_PHASE_RUNTIME, "clean, up to phase runtime"},
		{RT_STATUS_OK, 0, 1, true, RT_PHASE_RUNTIME,
		 "no findings, but 1 call was not answered as the script says"},
		{RT_STATUS_OK, 0, 2, true, RT_PHASE_RUNTIME,
		 "no findings, but 2 calls were not answered as the script says"},
		{RT_STATUS_FAILED, 0, 0, false, RT_PHASE_VIRTUAL,
		 "no findings, but 1 of 1 drivers did not start"},
		{RT_STATUS_OK, 1, 0, false, RT_PHASE_VIRTUAL, "1 finding"},
		{RT_STATUS_UNMET, 2, 1, true, RT_PHASE_VIRTUAL, "2 findings"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct runtime_report r = report_new(false);
		char want[128], *text;

		snprintf(want, sizeof want, "\nverdict: %s\n", cases[i].text);
		r.last->images[0].status = (uint8_t)cases[i].status;
		r.last->phase = cases[i].phase;
		/* a failed entry point is nothing that a script can expect */
		r.last->phases[RT_PHASE_ENTRY].failed = 1;
		r.last->phases[RT_PHASE_VIRTUAL].failed = cases[i].failed;
		r.finding_count = cases[i].findings;
		text = text_of(&r, false, cases[i].script);
		assert_non_null(strstr(text, want));
		free(text);
		runtime_report_fini(&r);
	}
}

static void assert_json(const json_t *part, const char *want)
{
	char *text = json_dumps(part, JSON_COMPACT | JSON_ENCODE_ANY);

	assert_non_null(text);
	assert_string_equal(text, want);
	free(text);
}

static void t_json(void **state)
{
	struct runtime_report r = report_new(false);
	json_t *doc = run_json(&r);

	(void)state;
	assert_non_null(doc);
	assert_int_equal(json_object_size(doc), 7);
	assert_json(json_object_get(doc, "schema"), "\"runtserv.run/1\"");
	assert_json(
		json_object_get(doc, "drivers"),
		"[{\"name\":\"My.efi\",\"guid\":null,\"path\":\"build/My.efi\",\"role\":"
		"\"subject\",\"status\":\"ok\"},"
		"{\"name\":\"RuntimeDxe\",\"guid\":\"b601f8c4-43b7-4784-95b1-"
		"f4226cb40cee\","
		"\"path\":\"OVMF.fd\",\"role\":\"helper\",\"status\":\"failed\"}]");
	assert_json(json_object_get(doc, "phases"),
		    "[{\"name\":\"entry\",\"calls\":2,\"failed\":0},"
		    "{\"name\":\"virtual\",\"calls\":12,\"failed\":3}]");
	assert_json(
		json_object_get(doc, "findings"),
		"[{\"rule\":\"hang\",\"driver\":null,\"offset\":null,\"phase\":\"entry\","
		"\"address\":null,\"object\":null,\"text\":\"in the entry point: does not "
		"return\"},"
		"{\"rule\":\"unconverted-pointer\",\"driver\":\"My.efi\",\"offset\":"
		"\"0x1a40\",\"phase\":\"virtual\",\"address\":\"0x20110fa0\",\"object\":{"
		"\"kind\":\"pool\",\"type\":\"EfiRuntimeServicesData\",\"size\":96,"
		"\"allocated_at\":\"My.efi+0x5c0\"},\"text\":\"reads \\\"it\\\"\"}]");
	json_array_remove(json_object_get(doc, "suspects"), 4);
	json_array_remove(json_object_get(doc, "suspects"), 3);
	json_array_remove(json_object_get(doc, "suspects"), 2);
	assert_json(
		json_object_get(doc, "suspects"),
		"[{\"driver\":\"My.efi\",\"offset\":\"0x2038\",\"target\":\"0x20110fa0\","
		"\"object\":null},"
		"{\"driver\":\"My.efi\",\"offset\":\"0x8\",\"target\":\"0x20102000\","
		"\"object\":{\"kind\":\"pool\",\"type\":\"EfiRuntimeServicesData\","
		"\"size\":96,"
		"\"allocated_at\":\"My.efi+0x5c0\"}}]");
	assert_json(json_object_get(doc, "services"),
		    "[{\"name\":\"GetTime\",\"owner\":\"My.efi\",\"calls\":4,\"status\":"
		    "\"0x0\","
		    "\"stack_bytes\":200},"
		    "{\"name\":\"SetTime\",\"owner\":null,\"calls\":0,\"status\":null,"
		    "\"stack_bytes\":null},"
		    "{\"name\":\"GetWakeupTime\",\"owner\":null,\"calls\":1,\"status\":"
		    "\"0x8000000000000003\",\"stack_bytes\":null},"
		    "{\"name\":\"GetNextHighMonotonicCount\",\"owner\":\"RuntimeDxe\","
		    "\"calls\":1,"
		    "\"status\":\"0x8000000000007777\",\"stack_bytes\":560}]");
	assert_json(json_object_get(doc, "failed_calls"),
		    "[{\"phase\":\"virtual\",\"line\":7,\"text\":\"mono: EFI_ABORTED\"}]");
	json_decref(doc);
	runtime_report_fini(&r);
}

static void t_json_unknown(void **state)
{
	struct runtime_report r = report_new(true);
	json_t *doc;

	(void)state;
	r.findings[0].has_object = true;
	r.findings[0].object = (struct runtime_object){.kind = "stack", .size = UINT64_MAX};
	doc = run_json(&r);
	assert_non_null(doc);
	assert_json(
		json_object_get(json_array_get(json_object_get(doc, "drivers"), 0), "path"),
		"null");
	assert_json(
		json_object_get(json_array_get(json_object_get(doc, "drivers"), 1), "path"),
		"null");
	assert_json(json_object_get(json_array_get(json_object_get(doc, "findings"), 0),
				    "object"),
		    "{\"kind\":\"stack\",\"type\":null,\"size\":9223372036854775807,"
		    "\"allocated_at\":null}");
	assert_json(json_object_get(doc, "suspects"), "[]");
	json_decref(doc);
	runtime_report_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_text),         cmocka_unit_test(t_grouped),
		cmocka_unit_test(t_verdict),      cmocka_unit_test(t_json),
		cmocka_unit_test(t_json_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
