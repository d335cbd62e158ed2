/* SPDX-License-Identifier: BSD-2-Clause */
/* Reports of scans that nobody made, for the printers: one of each kind, from static
 * memory. */
#pragma once

#include <stdio.h>
#include <string.h>

#include "cli/scan.h"
#include "uefi/services.h"

#define REPORT_DRIVERS_MAX 2000U

struct report {
	struct rts_scan_report r;
	struct scan_input in;
	struct rts_dump_info image;
	struct rts_scan_driver drivers[REPORT_DRIVERS_MAX];
	char names[REPORT_DRIVERS_MAX][64];
	struct rts_scan_table tables[8];
	struct rts_scan_event events[64];
	struct rts_scan_region regions[16];
	struct rts_scan_finding findings[32];
	char *notes[4], *input_notes[2];
};

#define REPORT_BASE 0x1f5ec000ULL
#define REPORT_VA   0xfffffffeff1ec000ULL

/* The runtime drivers of an OVMF image. */
static const struct {
	const char *name;
	uint32_t pages;
	EFI_GUID guid;
} report_ovmf[] = {
	{"VariableRuntimeDxe",
	 118,
	 {0xcbd2e4d5, 0x7068, 0x4ff5, {0xb4, 0x62, 0x98, 0x22, 0xb4, 0xad, 0x8d, 0x60}}},
	{"FvbServicesRuntimeDxe",
	 11,
	 {0x733cbac2, 0xb23f, 0x4b92, {0xbc, 0x8e, 0xfb, 0x01, 0xce, 0x59, 0x07, 0xb7}}},
	{"PcRtc",
	 9,
	 {0x378d7b65, 0x8da9, 0x4773, {0xb6, 0xe4, 0xa4, 0x78, 0x26, 0xa8, 0x33, 0xe1}}},
	{"MonotonicCounterRuntimeDxe",
	 6,
	 {0xad608272, 0xd07f, 0x4964, {0x80, 0x1e, 0x7b, 0xd3, 0xb7, 0x88, 0x86, 0x52}}},
	{"CapsuleRuntimeDxe",
	 7,
	 {0x42857f0a, 0x13f2, 0x4b21, {0x8a, 0x23, 0x53, 0xd3, 0xf7, 0x14, 0xb8, 0x40}}},
	{"ResetSystemRuntimeDxe",
	 8,
	 {0x4b28e4c7, 0xff36, 0x4e10, {0x93, 0xcf, 0xa8, 0x21, 0x59, 0xe7, 0x77, 0xc5}}},
	{"StatusCodeHandlerRuntimeDxe",
	 9,
	 {0x6c2004ef, 0x4e0e, 0x4be4, {0xb1, 0x4c, 0x34, 0x0e, 0xb4, 0xaa, 0x58, 0x91}}},
	{"StatusCodeRouterRuntimeDxe",
	 7,
	 {0xd93ce3d8, 0xa7eb, 0x4730, {0x8c, 0x8e, 0xcc, 0x46, 0x6a, 0x9e, 0xcc, 0x3c}}},
	{"RuntimeDxe",
	 8,
	 {0xb601f8c4, 0x43b7, 0x4784, {0x95, 0xb1, 0xf4, 0x22, 0x6c, 0xb4, 0x0c, 0xee}}},
};
#define REPORT_OVMF (sizeof report_ovmf / sizeof *report_ovmf)

/* Which of them gives each service. */
static const uint8_t report_owner[RTS_SCAN_SERVICES] = {2, 2, 2, 2, 8, 8, 0,
							0, 0, 3, 5, 4, 4, 0};

static struct rts_scan_driver *report_driver(struct report *p, uint64_t base, uint64_t size)
{
	struct rts_scan_driver *d = &p->drivers[p->r.driver_count++];

	*d = (struct rts_scan_driver){
		.base = base,
		.size = size,
		.match = RTS_SCAN_UNKNOWN,
		.has_code_hash = true,
		.has_virtual = true,
		.virtual_base = REPORT_VA + base - REPORT_BASE,
		.in_image = true,
		.header = true,
		.views = {[RTS_SCAN_VIEW_PE] = RTS_SCAN_YES,
			  [RTS_SCAN_VIEW_IMAGE_LIST] = RTS_SCAN_YES,
			  [RTS_SCAN_VIEW_ATTRIBUTES] = RTS_SCAN_YES,
			  [RTS_SCAN_VIEW_DEBUG] = RTS_SCAN_YES,
			  [RTS_SCAN_VIEW_SERVICE] = RTS_SCAN_NOT_APPLICABLE,
			  [RTS_SCAN_VIEW_EVENT] = RTS_SCAN_NOT_APPLICABLE,
			  [RTS_SCAN_VIEW_INVENTORY] = RTS_SCAN_UNAVAILABLE}};
	memset(d->code_sha256, (int)(0x11 * (p->r.driver_count % 15 + 1)),
	       RTS_SCAN_HASH_LEN);
	return d;
}

static void report_service(struct report *p, unsigned i, int driver, uint64_t physical,
			   enum rts_scan_verdict verdict)
{
	p->r.services[i].has_pointer = p->r.services[i].has_physical = true;
	p->r.services[i].physical = physical;
	p->r.services[i].pointer =
		i == 4 || i == 5 ? physical : REPORT_VA + physical - REPORT_BASE;
	p->r.services[i].driver = driver;
	p->r.services[i].verdict = verdict;
	if (driver >= 0)
		p->drivers[driver].views[RTS_SCAN_VIEW_SERVICE] = RTS_SCAN_YES;
}

static void report_event(struct report *p, uint32_t type, int driver, uint64_t physical)
{
	p->events[p->r.event_count++] =
		(struct rts_scan_event){type, physical, physical, driver};
	if (driver >= 0)
		p->drivers[driver].views[RTS_SCAN_VIEW_EVENT] = RTS_SCAN_YES;
}

static struct rts_scan_finding *report_finding(struct report *p, enum rts_scan_rule rule,
					       enum rts_scan_severity severity, int driver,
					       const char *text, const char *innocent)
{
	struct rts_scan_finding *f = &p->findings[p->r.finding_count++];

	*f = (struct rts_scan_finding){.rule = rule,
				       .severity = severity,
				       .driver = driver,
				       .text = (char *)text,
				       .innocent_if = (char *)innocent};
	return f;
}

static void report_region(struct report *p, uint32_t type, uint64_t start, uint64_t pages)
{
	p->regions[p->r.region_count++] = (struct rts_scan_region){
		type, start, pages, REPORT_VA + start - REPORT_BASE, 0x800000000000000fULL};
}

/* An image in which nothing of UEFI is. */
static void report_empty(struct report *p)
{
	memset(p, 0, sizeof *p);
	p->image = (struct rts_dump_info){
		.format = RTS_DUMP_RAW, .bytes = 1 << 20, .end = 1 << 20};
	p->r.image = &p->image;
	p->r.range_count = 1;
	p->r.tables = p->tables;
	p->r.drivers = p->drivers;
	p->r.events = p->events;
	p->r.regions = p->regions;
	p->r.findings = p->findings;
	p->r.notes = p->notes;
	p->in.notes = p->input_notes;
	p->in.name = "empty.raw";
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++)
		p->r.services[i] =
			(struct rts_scan_service){.name = rts_scan_service_name(i),
						  .driver = -1,
						  .verdict = RTS_SCAN_NOT_IN_IMAGE};
}

/* A booted Linux over OVMF, with the firmware given. */
static void report_clean(struct report *p)
{
	uint64_t at = REPORT_BASE;

	report_empty(p);
	p->in.name = "guest.elf";
	p->image = (struct rts_dump_info){.format = RTS_DUMP_ELF,
					  .bytes = 0x21020000,
					  .end = 0xfec01000,
					  .x86_64 = true,
					  .machine = "x86-64",
					  .cpu_count = 2,
					  .cpu = {{0x1002000, 0x6f0}, {0x1002000, 0x6f0}}};
	p->r.range_count = 3;
	for (size_t i = 0; i < REPORT_OVMF; i++) {
		struct rts_scan_driver *d =
			report_driver(p, at, report_ovmf[i].pages * 4096ULL);

		d->has_guid = true;
		d->guid = report_ovmf[i].guid;
		d->name = (char *)report_ovmf[i].name;
		d->match = RTS_SCAN_EXACT;
		d->matched_with = (char *)"OVMF_CODE_4M.fd";
		at += (report_ovmf[i].pages + 4) * 4096ULL;
	}
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++)
		report_service(p, i, report_owner[i],
			       p->drivers[report_owner[i]].base + 0x1040 + 0x180 * i,
			       RTS_SCAN_CLEAN);
	for (unsigned i = 0; i < 19; i++)
		report_event(p, i % 2 != 0 ? 0x60000202 : 0x201,
			     (int)(i % 3 == 0 ? 0 : i % REPORT_OVMF),
			     p->drivers[i % 3 == 0 ? 0 : i % REPORT_OVMF].base + 0x1100 +
				     i);
	p->tables[0] =
		(struct rts_scan_table){"system", 0x1f9ec018, true, true, 0x6d3ac1f0};
	p->tables[1] = (struct rts_scan_table){"runtime-services", 0x1f9ecb98, true, true,
					       0x5c0f0d22};
	p->tables[2] =
		(struct rts_scan_table){"memory-attributes", 0x1e8ed018, false, false, 0};
	p->r.table_count = 3;
	p->r.virtual_mode = true;
	p->r.paging_levels = 4;
	p->r.ways[RTS_SCAN_WAY_TABLE_PAIR] = (struct rts_scan_mapping_way){true, 12, 0, 0};
	p->r.ways[RTS_SCAN_WAY_PAGE_TABLES] =
		(struct rts_scan_mapping_way){true, 12, 0, 0x4c1a000};
	p->r.ways[RTS_SCAN_WAY_OS_MAP] =
		(struct rts_scan_mapping_way){true, 12, 0, 0x1b40000};
	report_region(p, EfiRuntimeServicesData, REPORT_BASE - 0x200000, 0x200);
	report_region(p, EfiRuntimeServicesCode, REPORT_BASE, 0x100);
	report_region(p, EfiRuntimeServicesData, REPORT_BASE + 0x100000, 0x301);
	report_region(p, EfiMemoryMappedIO, 0xffc00000, 0x400);
	p->r.has_firmware = p->r.firmware_applies = true;
	p->r.boot_image_count = 94;
	p->r.boot_image_known = 92;
	p->r.bytes_scanned = p->image.bytes;
}

/* The same, hooked in three ways: a pointer, a jump in a driver, a stub without an image.
 */
static void report_hooked(struct report *p)
{
	struct rts_scan_driver *d;
	struct rts_scan_finding *f;
	uint64_t stub = REPORT_BASE + 0xf6000;

	report_clean(p);
	p->in.name = "hooked.elf";
	d = report_driver(p, REPORT_BASE + 0xe6000, 0x5000);
	d->path = (char *)"\\EFI\\hook_PTR.efi";
	d->views[RTS_SCAN_VIEW_ATTRIBUTES] = RTS_SCAN_NO;
	report_service(p, 8, 9, d->base + 0x1063, RTS_SCAN_FOREIGN);
	report_event(p, 0x60000202, 9, d->base + 0x10c0);
	d = &p->drivers[5];
	d->match = RTS_SCAN_MATCH_MODIFIED;
	d->differing = 5;
	d->header = false;
	d->views[RTS_SCAN_VIEW_PE] = RTS_SCAN_NO;
	p->r.services[10].verdict = RTS_SCAN_MODIFIED;
	report_service(p, 12, -1, stub + 0x10, RTS_SCAN_FOREIGN);
	p->r.services[13].verdict = RTS_SCAN_NOT_IN_IMAGE;
	p->r.services[13].has_physical = false;
	p->r.services[13].driver = -1;
	report_finding(
		p, RTS_SCAN_SERVICE_POINTER_FOREIGN, RTS_SCAN_HIGH, 9,
		"SetVariable is 0xfffffffeff2df063, in an image that is not in the "
		"firmware",
		"a driver from a disk or an option ROM gives this service; compare it with "
		"--firmware FILE");
	f = report_finding(
		p, RTS_SCAN_SERVICE_TRAMPOLINE, RTS_SCAN_HIGH, 5,
		"ResetSystem begins with e9 1b 50 0d 00, a jump to 0x1f6e9010 outside of "
		"its image",
		NULL);
	f->has_address = true;
	f->address = p->drivers[5].base + 0x1e40;
	f = report_finding(
		p, RTS_SCAN_SERVICE_POINTER_FOREIGN, RTS_SCAN_HIGH, -1,
		"QueryCapsuleCapabilities begins in runtime services code that no image "
		"holds",
		NULL);
	f->has_address = true;
	f->address = stub + 0x10;
	report_finding(p, RTS_SCAN_HEADER_WIPED, RTS_SCAN_MEDIUM, 5,
		       "the page at its base does not begin with a PE header",
		       "firmware that strips headers does so for all of its drivers");
	report_finding(
		p, RTS_SCAN_NOT_IN_ATTRIBUTES_TABLE, RTS_SCAN_INFO, 9,
		"no range of the memory attributes table covers its code",
		"it was loaded after EndOfDxe on firmware that then closes the table");
	p->notes[0] = (char *)"no debug image info table: its memory was used again";
	p->r.note_count = 1;
	p->input_notes[0] = (char *)"hooked.elf: a note of the input";
	p->in.note_count = 1;
}

/* Texts that want out of their places. */
#define REPORT_HOSTILE                                                                     \
	"</td><script>alert(1)</script>\"'&amp;]]>\x1b[2J\r\n\x01\xff\xc0\x80\xed\xa0\x80" \
	"\xe2\x80\xae\xef\xbf\xbf\xc2\x9b"                                                 \
	"2J \xe6\xbc\xa2\xe5\xad\x97 \xf0\x9f\x98\x80 W\xcc\x88\xcc\x88\xcc\x88\xcc\x88"

static void report_hostile(struct report *p)
{
	static char longest[400];

	report_hooked(p);
	memset(longest, 'W', sizeof longest - 1);
	p->in.name = REPORT_HOSTILE;
	p->drivers[0].name = (char *)REPORT_HOSTILE;
	p->drivers[0].path = (char *)REPORT_HOSTILE;
	p->drivers[0].matched_with = (char *)REPORT_HOSTILE;
	p->drivers[0].match = RTS_SCAN_SIMILAR;
	p->drivers[0].likeness = 87;
	p->drivers[1].name = longest;
	p->drivers[1].size = UINT64_MAX;
	p->drivers[2].base = 0;
	p->drivers[2].name = (char *)"";
	p->drivers[2].has_guid = false;
	p->drivers[2].has_code_hash = p->drivers[2].has_virtual = false;
	p->drivers[3].base = UINT64_MAX - 1;
	p->drivers[3].match = RTS_SCAN_UNKNOWN;
	p->drivers[4].size = 0;
	p->drivers[9].in_image = false;
	p->drivers[9].similar_digest = (char *)"3:abc:def";
	p->drivers[6].own = true;
	p->findings[0].text = (char *)REPORT_HOSTILE;
	p->findings[0].innocent_if = longest;
	p->notes[0] = (char *)REPORT_HOSTILE;
	p->input_notes[0] = longest;
	p->image.problem = REPORT_HOSTILE;
	p->image.end = UINT64_MAX;
	p->regions[0].pages = UINT64_MAX;
	p->r.windows_block_found = true;
	p->r.windows_block = 0x1000;
	p->r.windows_block_by = "both";
}

/* A machine whose drivers lie far from each other, some without a name. */
static void report_spread(struct report *p, size_t count)
{
	report_clean(p);
	p->in.name = "server.lime";
	p->image.format = RTS_DUMP_LIME;
	p->image.end = 1ULL << 36;
	p->image.bytes = 1ULL << 36;
	p->r.has_firmware = p->r.firmware_applies = false;
	p->r.virtual_mode = false;
	for (size_t i = REPORT_OVMF; i < count && i < REPORT_DRIVERS_MAX; i++) {
		struct rts_scan_driver *d = report_driver(
			p, 0x60000000 + i * 0x40000 + i % 7 * 0x9000000 / (i % 3 + 1),
			0x2000 + i * 7919 % 61 * 4096);

		snprintf(p->names[i], sizeof *p->names, "VendorModule%zuRuntimeDxe", i);
		d->name = i % 5 == 0 ? NULL : p->names[i];
		d->has_guid = i % 10 != 0;
		d->guid = (EFI_GUID){(uint32_t)i, 0x1234, 0x5678, {9}};
	}
	for (size_t i = 0; i < p->r.driver_count; i++) {
		p->drivers[i].match = RTS_SCAN_UNKNOWN;
		p->drivers[i].matched_with = NULL;
	}
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++)
		p->r.services[i].verdict = RTS_SCAN_NOT_CHECKED;
}

static inline bool report_of(const char *kind, struct report *p)
{
	if (strcmp(kind, "empty") == 0)
		report_empty(p);
	else if (strcmp(kind, "clean") == 0)
		report_clean(p);
	else if (strcmp(kind, "hooked") == 0)
		report_hooked(p);
	else if (strcmp(kind, "hostile") == 0)
		report_hostile(p);
	else if (strcmp(kind, "spread") == 0)
		report_spread(p, 60);
	else if (strcmp(kind, "many") == 0)
		report_spread(p, REPORT_DRIVERS_MAX);
	else
		return false;
	return true;
}
