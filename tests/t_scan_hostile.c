/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that was made to make scan loop, run out of memory, or fall: every scan ends
 * within seconds, takes no more memory than it may, and gives a report. Then machines of
 * which anything was changed, and machines on which memory runs out.
 */
#include "test.h"

#include <sys/resource.h>
#include <time.h>

#include "no_memory.h"
#include "scan_build.h"

#define LARGE       (64U << 20) /* bytes of memory, where much of a thing is wanted */
#define SECONDS_MAX 20
#define BYTES_MAX   (300L << 20) /* more than before, at any time */

#if defined(__SANITIZE_ADDRESS__)
#define ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASAN
#endif
#endif

struct run {
	struct synth m;
	struct rts_scan_config config;
	struct rts_scan_known known;
	bool short_of_memory, refused;
	size_t allocations; /* before the one that is refused */
	bool dump;          /* a Windows dump without firmware's memory */
	const char *note;   /* that the report has to have; NULL: any */
	struct rts_scan_span span;
	struct rts_scan_inventory_image inventory;
	struct rts_scan_mapping mapping;
};

/* ---- a scan ---- */

static const char many_roots[] =
	"so many pages look like page tables that the last ones of them were not tried";

static bool has_note(const struct rts_scan_report *report, const char *note)
{
	for (size_t i = 0; i < report->note_count; i++)
		if (strcmp(report->notes[i], note) == 0)
			return true;
	return false;
}

/* Takes over the machine. */
static EFI_STATUS scan(struct run *r)
{
	struct blob image = {0};
	struct rts_scan_report *report = NULL;
	struct diag d = {0};
	EFI_STATUS status;

	if (r->dump)
		image = synth_windows_dump(&r->m, 1U << DATA | 1U << CODE);
	else
		image = (struct blob){.p = r->m.ram, .n = r->m.len};
	status = rts_dump_open((struct bytes){image.p, image.n}, (struct bytes){0}, &d,
			       &r->config.dump);
	if (status == EFI_SUCCESS) {
		r->config.hash = &synth_hash_ops;
		r->known = (struct rts_scan_known){
			.name = "firmware.fd", .bytes = {r->m.firmware.p, r->m.firmware.n}};
		r->config.known = &r->known;
		r->config.known_count = 1;
		r->config.extract = true;
		memory_comes_back = true;
		memory_left = r->short_of_memory ? r->allocations : MEMORY_ENOUGH;
		status = rts_scan_run(&r->config, &d, &report);
		r->refused = memory_left == MEMORY_ENOUGH;
		memory_left = MEMORY_ENOUGH;
		rts_dump_free(r->config.dump);
	}
	if (status == EFI_SUCCESS || status == EFI_NOT_FOUND) {
		assert_null(synth_wrong(report));
		if (r->note != NULL)
			assert_true(has_note(report, r->note));
	} else {
		assert_true(report == NULL && d.text[0] != 0);
	}
	rts_scan_report_free(report);
	if (r->dump)
		free(image.p);
	synth_fini(&r->m);
	return status;
}

/* ---- lists ---- */

static uint64_t image_link(const struct run *r, unsigned driver)
{
	return r->m.driver[driver].entry + offsetof(EFI_RUNTIME_IMAGE_ENTRY, Link);
}

static void list_of_one(struct run *r)
{
	put64(&r->m, image_link(r, 2), image_link(r, 2));
	put64(&r->m, image_link(r, 2) + 8, image_link(r, 2));
}

static void list_that_comes_back(struct run *r)
{
	put64(&r->m, image_link(r, 5), image_link(r, 1));
}

static void list_of_heads(struct run *r)
{
	for (uint64_t pa = r->m.area[DATA].start; pa < r->m.area[CODE].end; pa += 16) {
		put64(&r->m, pa, r->m.arch);
		put64(&r->m, pa + 8, r->m.arch);
	}
}

/* A list that closes and has more entries than anybody has drivers, all of one place, or
 * overlapping. */
static void list_of_many(struct run *r, uint64_t step)
{
	const uint64_t head = r->m.arch;

	put64(&r->m, head, head);
	put64(&r->m, head + 8, head);
	for (unsigned i = 0; i < 20000; i++) {
		const uint64_t pa = synth_alloc(&r->m, HIGH, 48, 8);
		EFI_RUNTIME_IMAGE_ENTRY e = {
			r->m.area[CODE].start + i * step, 64U << 20, pa, 0, {0, 0}};

		put(&r->m, pa, &e, sizeof e);
		synth_link(&r->m, head, pa + 32);
	}
}

static void list_of_one_place(struct run *r)
{
	list_of_many(r, 0);
}

static void list_that_overlaps(struct run *r)
{
	list_of_many(r, SYNTH_PAGE);
}

static void entries_at_the_end(struct run *r)
{
	for (unsigned i = 1; i < SYNTH_LOADED; i++) {
		put64(&r->m, r->m.driver[i].entry, 0xfffffffffffff000);
		put64(&r->m, r->m.driver[i].entry + 8, i % 2 != 0 ? 0x1000 : UINT64_MAX);
		put64(&r->m, r->m.driver[i].entry + 16, UINT64_MAX - 8 * i);
	}
}

static void logs_of_everything(struct run *r)
{
	for (unsigned i = 0; i < SYNTH_LOADED; i++)
		put64(&r->m, r->m.driver[i].entry + 16, i % 2 != 0 ? UINT64_MAX - 7 : 1);
}

static void events_that_loop(struct run *r)
{
	const uint64_t head = r->m.arch + offsetof(EFI_RUNTIME_ARCH_PROTOCOL, EventHead);
	const uint64_t first = get64(&r->m, head);

	put64(&r->m, first, first);
	put64(&r->m, first + 8, first);
}

static void events_of_many(struct run *r)
{
	for (unsigned i = 0; i < 20000; i++) {
		const uint64_t pa = synth_alloc(&r->m, HIGH, 56, 8);
		const EFI_RUNTIME_EVENT_ENTRY e = {
			.Type = i, .NotifyFunction = r->m.area[CODE].start + 16 * i};

		put(&r->m, pa, &e, sizeof e);
		synth_link(&r->m,
			   r->m.arch + offsetof(EFI_RUNTIME_ARCH_PROTOCOL, EventHead),
			   pa + 40);
	}
}

/* ---- tables ---- */

static void count_of_debug(struct run *r)
{
	put32(&r->m, r->m.debug + 4, UINT32_MAX);
}

static void debug_of_itself(struct run *r)
{
	put32(&r->m, r->m.debug + 4, 100000);
	put64(&r->m, r->m.debug + 8, r->m.area[HIGH].start);
	for (uint64_t pa = r->m.area[HIGH].start; pa + 1000000 < r->m.len; pa += 8)
		put64(&r->m, pa, r->m.area[HIGH].start);
}

/* A device path without an end, and one of nodes without a length. */
static void debug_paths(struct run *r)
{
	const uint64_t list = get64(&r->m, r->m.debug + 8);

	for (unsigned i = 1; i < r->m.debug_count; i++) {
		const uint64_t image = get64(&r->m, get64(&r->m, list + 8 * i) + 8);
		const uint64_t path = synth_alloc(&r->m, HIGH, 70000, 8);

		put64(&r->m, image + 32, path);
		for (unsigned k = 0; k < 70000 / 4; k++)
			put32(&r->m, path + 4 * k,
			      i % 3 == 0   ? 0x00000404
			      : i % 3 == 1 ? 0x00040404
					   : 0xffff0404);
	}
}

static void count_of_attributes(struct run *r)
{
	put32(&r->m, r->m.mat + 4, UINT32_MAX);
}

static void attributes_without_size(struct run *r)
{
	put32(&r->m, r->m.mat + 8, 0);
}

static void attributes_of_everything(struct run *r)
{
	put32(&r->m, r->m.mat + 4, 16);
	for (unsigned i = 0; i < 16; i++)
		synth_descriptor(&r->m, r->m.mat + 16 + 48ULL * i, EfiRuntimeServicesCode,
				 i * 0x1000ULL, (1ULL << 40) - i, 0,
				 EFI_MEMORY_RUNTIME | EFI_MEMORY_RO);
}

static void count_of_config(struct run *r)
{
	put64(&r->m, r->m.st + offsetof(EFI_SYSTEM_TABLE, NumberOfTableEntries),
	      UINT64_MAX);
	synth_seal(&r->m, r->m.st);
}

static void config_everywhere(struct run *r)
{
	static const EFI_GUID mat = EFI_MEMORY_ATTRIBUTES_TABLE_GUID;
	const uint64_t pa = synth_alloc(&r->m, HIGH, 24 * 40000, 8);

	for (unsigned i = 0; i < 40000; i++) {
		put(&r->m, pa + 24 * i, i % 2 != 0 ? &mat : &synth_debug_guid, 16);
		put64(&r->m, pa + 24 * i + 16, i % 2 != 0 ? r->m.mat : r->m.debug);
	}
	put64(&r->m, r->m.st + offsetof(EFI_SYSTEM_TABLE, NumberOfTableEntries), 40000);
	put64(&r->m, r->m.st + offsetof(EFI_SYSTEM_TABLE, ConfigurationTable), pa);
	synth_seal(&r->m, r->m.st);
}

static void header_size(struct run *r)
{
	put32(&r->m, r->m.rt + offsetof(EFI_TABLE_HEADER, HeaderSize), UINT32_MAX);
	put32(&r->m, r->m.st + offsetof(EFI_TABLE_HEADER, HeaderSize), 0);
}

static void signatures_everywhere(struct run *r)
{
	static const char *const names[] = {"RUNTSERV", "IBI SYST", "BOOTSERV", "DXE_SERV"};

	for (uint64_t pa = r->m.area[HIGH].start; pa < r->m.len; pa += 8)
		put(&r->m, pa, names[pa / 8 % 4], 8);
}

/* @bad: only a few checksums are right. */
static void fill_with_tables(struct run *r, unsigned good_of)
{
	static const size_t sizes[] = {sizeof(EFI_RUNTIME_SERVICES),
				       sizeof(EFI_SYSTEM_TABLE)};
	const uint64_t from[] = {r->m.rt, r->m.st};
	unsigned n = 0;

	for (uint64_t pa = r->m.area[HIGH].start; pa + 136 < r->m.len; n++) {
		memcpy(at(&r->m, pa, sizes[n % 2]), at(&r->m, from[n % 2], sizes[n % 2]),
		       sizes[n % 2]);
		put32(&r->m, pa + 24, n); /* another one each time */
		if (n / 2 % good_of == 0)
			synth_seal(&r->m, pa);
		pa += sizes[n % 2];
	}
}

static void tables_everywhere(struct run *r)
{
	fill_with_tables(r, 1);
}

static void bad_tables_everywhere(struct run *r)
{
	fill_with_tables(r, 1000);
}

static void table_pointers_everywhere(struct run *r)
{
	for (uint64_t pa = 4U << 20; pa < r->m.len; pa += 4U << 20) {
		put(&r->m, pa, "IBI SYST", 8);
		put64(&r->m, pa + 8, pa);
	}
}

/* ---- page tables and maps ---- */

static void root_of_itself(struct run *r)
{
	for (unsigned i = 0; i < 512; i++)
		put64(&r->m, r->m.root + 8 * i, r->m.root | 3);
}

static void roots_everywhere(struct run *r)
{
	for (uint64_t pa = r->m.area[HIGH].start; pa < r->m.len; pa += SYNTH_PAGE)
		for (unsigned i = 0; i < 512; i++)
			put64(&r->m, pa + 8 * i, pa | 3);
}

/* Each leads to all others. */
static void roots_of_roots(struct run *r)
{
	const uint64_t first = r->m.area[HIGH].start;
	const uint64_t count = (r->m.len - first) / SYNTH_PAGE;

	for (uint64_t pa = first; pa < r->m.len; pa += 8)
		put64(&r->m, pa, (first + pa * 37 / 8 % count * SYNTH_PAGE) | 3);
}

static void maps_everywhere(struct run *r)
{
	for (uint64_t pa = r->m.area[HIGH].start; pa < r->m.len; pa += SYNTH_PAGE)
		memcpy(at(&r->m, pa, SYNTH_PAGE), at(&r->m, r->m.linux_map, SYNTH_PAGE),
		       SYNTH_PAGE);
}

/* One map that goes on for all of memory. */
static void map_without_end(struct run *r)
{
	for (uint64_t pa = r->m.area[HIGH].start; pa + 48 < r->m.len; pa += 48)
		synth_descriptor(&r->m, pa, pa / 48 % 8, pa / 48 * 0x1000, 1,
				 0xffff800000000000 + pa / 48 * 0x1000, 15);
}

static void map_of_everything(struct run *r)
{
	for (unsigned i = 0; i < SYNTH_AREAS; i++) {
		put64(&r->m, r->m.linux_map + 48 * i + 24, (1ULL << 40) - 0x1000);
		put64(&r->m, r->m.linux_map + 48 * i + 16, UINT64_MAX << 12);
	}
}

/* ---- images ---- */

/* @size 0: as the driver's own header has it. */
static void fill_with_images(struct run *r, uint32_t size, uint16_t subsystem)
{
	const struct synth_driver *d = &r->m.driver[1];
	const uint64_t opt = synth_header(&r->m, d->base) - d->base;

	for (uint64_t pa = r->m.area[HIGH].start; pa < r->m.len; pa += SYNTH_PAGE) {
		memcpy(at(&r->m, pa, SYNTH_PAGE), d->file.p, SYNTH_PAGE);
		put64(&r->m, pa + opt + offsetof(PE_OPTIONAL_HEADER, ImageBase), pa);
		if (size != 0)
			put32(&r->m, pa + opt + offsetof(PE_OPTIONAL_HEADER, SizeOfImage),
			      size);
		put(&r->m, pa + opt + offsetof(PE_OPTIONAL_HEADER, Subsystem), &subsystem,
		    2);
	}
	/* all of it could be firmware's */
	put32(&r->m, r->m.linux_map + 48 * HIGH, EfiRuntimeServicesCode);
}

static void images_everywhere(struct run *r)
{
	fill_with_images(r, 0, PE_SUBSYSTEM_RUNTIME_DRIVER);
}

static void large_images_everywhere(struct run *r)
{
	fill_with_images(r, 64U << 20, PE_SUBSYSTEM_RUNTIME_DRIVER);
}

static void huge_images_everywhere(struct run *r)
{
	fill_with_images(r, UINT32_MAX, PE_SUBSYSTEM_RUNTIME_DRIVER);
}

static void boot_images_everywhere(struct run *r)
{
	fill_with_images(r, 1U << 20, PE_SUBSYSTEM_BOOT_SERVICE_DRIVER);
}

static void sections_of_everything(struct run *r)
{
	for (unsigned i = 0; i < SYNTH_LOADED; i++) {
		const uint64_t base = r->m.driver[i].base;
		const uint64_t opt = synth_header(&r->m, base);
		const uint16_t count = UINT16_MAX;

		put(&r->m, opt - sizeof(PE_FILE_HEADER) + 2, &count, 2);
		put32(&r->m, opt + offsetof(PE_OPTIONAL_HEADER, SectionAlignment), i);
		put32(&r->m, opt + offsetof(PE_OPTIONAL_HEADER, SizeOfImage),
		      i % 2 != 0 ? UINT32_MAX : 0);
	}
}

static void fixups_without_end(struct run *r)
{
	for (unsigned i = 0; i < SYNTH_LOADED; i++) {
		const struct synth_driver *d = &r->m.driver[i];

		if (d->pe.reloc.Size == 0)
			continue;
		put32(&r->m, d->base + d->pe.reloc.VirtualAddress, UINT32_MAX - 4096);
		put32(&r->m, d->base + d->pe.reloc.VirtualAddress + 4,
		      i % 2 != 0 ? 0 : UINT32_MAX);
	}
}

static void jumps_that_loop(struct run *r)
{
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++) {
		const uint64_t pa = synth_service(&r->m, i);

		switch (i % 4) {
		case 0:
			put(&r->m, pa, "\xeb\xfe", 2);
			break;
		case 1:
			put(&r->m, pa, "\xe9\xfb\xff\xff\xff", 5);
			break;
		case 2: /* jmp [next]; its own address */
			put(&r->m, pa, "\xff\x25\0\0\0\0", 6);
			put64(&r->m, pa + 6, synth_virtual(&r->m, pa));
			break;
		default: /* to nowhere */
			put(&r->m, pa, "\x48\xb8", 2);
			put64(&r->m, pa + 2, UINT64_MAX);
			put(&r->m, pa + 10, "\xff\xe0", 2);
		}
	}
}

static void pointers_of_nothing(struct run *r)
{
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++)
		put64(&r->m, synth_field(&r->m, i), i % 2 != 0 ? 0 : UINT64_MAX - i);
	synth_seal(&r->m, r->m.rt);
}

/* ---- what is given besides ---- */

static void spans_of_everything(struct run *r)
{
	r->span = (struct rts_scan_span){UINT64_MAX - 4095, UINT64_MAX};
	r->config.os_memory = &r->span;
	r->config.os_memory_count = 1;
	r->inventory =
		(struct rts_scan_inventory_image){.base = UINT64_MAX,
						  .size = UINT64_MAX,
						  .code_type = EfiRuntimeServicesCode};
	r->config.has_inventory = true;
	r->config.inventory = &r->inventory;
	r->config.inventory_count = 1;
	r->mapping = (struct rts_scan_mapping){.type = 5,
					       .physical = 0x1000,
					       .virtual_start = 0xfffffffffffff000,
					       .pages = UINT64_MAX};
	r->config.runtime_map = &r->mapping;
	r->config.runtime_map_count = 1;
	r->config.runtime_services = UINT64_MAX;
}

/* ---- Windows ---- */

static void pointers_everywhere(struct run *r)
{
	for (uint64_t pa = r->m.area[HIGH].start; pa < r->m.len; pa += 8)
		put64(&r->m, pa, get64(&r->m, synth_field(&r->m, (unsigned)(pa / 8 % 14))));
}

/* Copies without number, of which each disagrees. */
static void blocks_everywhere(struct run *r)
{
	for (uint64_t pa = r->m.area[HIGH].start; pa + 80 < r->m.len; pa += 80)
		for (unsigned i = 0; i < 9; i++)
			put64(&r->m, pa + 8 * i,
			      get64(&r->m, r->m.block + 8 * i) +
				      (i == pa / 80 % 9 ? 8 : 0));
}

static void kernels_everywhere(struct run *r)
{
	for (uint64_t pa = r->m.area[HIGH].start; pa < r->m.len; pa += SYNTH_PAGE)
		memcpy(at(&r->m, pa, SYNTH_PAGE), at(&r->m, r->m.nt, SYNTH_PAGE),
		       SYNTH_PAGE);
}

static void tables_and_pointers(struct run *r)
{
	signatures_everywhere(r);
	for (uint64_t pa = r->m.area[HIGH].start; pa + 8 < r->m.len; pa += 16)
		put64(&r->m, pa,
		      get64(&r->m, synth_field(&r->m, (unsigned)(pa / 16 % 14))));
}

static void crash_dump(struct run *r)
{
	r->dump = true;
}

/* All that the kernel maps leads to pages that are not in the image. */
static void crash_of_roots(struct run *r)
{
	crash_dump(r);
	for (unsigned i = 256; i < 512; i++)
		put64(&r->m, r->m.root + 8 * i, r->m.area[HIGH].start | 3);
	roots_of_roots(r);
}

static void crash_of_missing_pages(struct run *r)
{
	crash_dump(r);
	for (uint64_t pa = r->m.area[HIGH].start; pa + 8 < r->m.len; pa += 8)
		put64(&r->m, pa, r->m.area[CODE].start | (pa / 8 % 2 != 0 ? 3 : 0));
	for (unsigned i = 256; i < 512; i++)
		put64(&r->m, r->m.root + 8 * i, r->m.area[HIGH].start | 3);
	for (unsigned i = 0; i < 512; i++) { /* a table of tables of such pages */
		put64(&r->m, r->m.area[HIGH].start + 8 * i,
		      (r->m.area[HIGH].start + 0x1000) | 3);
		put64(&r->m, r->m.area[HIGH].start + 0x1000 + 8 * i,
		      (r->m.area[HIGH].start + 0x2000) | 3);
	}
}

static void crash_of_pointers(struct run *r)
{
	crash_dump(r);
	pointers_everywhere(r);
}

static const struct {
	const char *name;
	void (*make)(struct run *r);
	bool large, windows;
} cases[] = {
	{"list of one", list_of_one, false, false},
	{"list that comes back", list_that_comes_back, false, false},
	{"list of heads", list_of_heads, false, false},
	{"list of one place", list_of_one_place, true, false},
	{"list that overlaps", list_that_overlaps, true, false},
	{"entries at the end", entries_at_the_end, false, false},
	{"logs of everything", logs_of_everything, false, false},
	{"events that loop", events_that_loop, false, false},
	{"events of many", events_of_many, true, false},
	{"count of debug", count_of_debug, false, false},
	{"debug of itself", debug_of_itself, true, false},
	{"debug paths", debug_paths, true, false},
	{"count of attributes", count_of_attributes, false, false},
	{"attributes without size", attributes_without_size, false, false},
	{"attributes of everything", attributes_of_everything, false, false},
	{"count of config", count_of_config, false, false},
	{"config everywhere", config_everywhere, true, false},
	{"header size", header_size, false, false},
	{"signatures everywhere", signatures_everywhere, true, false},
	{"tables everywhere", tables_everywhere, true, false},
	{"bad tables everywhere", bad_tables_everywhere, true, false},
	{"table pointers everywhere", table_pointers_everywhere, true, false},
	{"root of itself", root_of_itself, false, false},
	{"roots everywhere", roots_everywhere, true, false},
	{"roots of roots", roots_of_roots, true, false},
	{"maps everywhere", maps_everywhere, true, false},
	{"map without end", map_without_end, true, false},
	{"map of everything", map_of_everything, false, false},
	{"images everywhere", images_everywhere, true, false},
	{"large images everywhere", large_images_everywhere, true, false},
	{"huge images everywhere", huge_images_everywhere, true, false},
	{"boot images everywhere", boot_images_everywhere, true, false},
	{"sections of everything", sections_of_everything, false, false},
	{"fixups without end", fixups_without_end, false, false},
	{"jumps that loop", jumps_that_loop, false, false},
	{"pointers of nothing", pointers_of_nothing, false, false},
	{"spans of everything", spans_of_everything, false, false},
	{"windows pointers everywhere", pointers_everywhere, true, true},
	{"windows tables and pointers", tables_and_pointers, true, true},
	{"windows blocks everywhere", blocks_everywhere, true, true},
	{"windows kernels everywhere", kernels_everywhere, true, true},
	{"windows dump of roots", crash_of_roots, true, true},
	{"windows dump of missing pages", crash_of_missing_pages, true, true},
	{"windows dump of pointers", crash_of_pointers, true, true},
};

/* As it was handed over. */
static void build(struct run *r, bool large, bool windows)
{
	const struct synth_options opt = {.windows = windows};

	synth_new(&r->m, &opt);
	if (large)
		synth_grow(&r->m, LARGE);
	synth_hand_over(&r->m);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long peak(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss * 1024;
}

static void test_hostile(void **state)
{
	const long before = peak();

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct run r = {.note = cases[i].make == roots_of_roots ? many_roots
									: NULL};
		const double start = seconds();
		EFI_STATUS status;

		build(&r, cases[i].large, cases[i].windows);
		cases[i].make(&r);
		status = scan(&r);
		if (status != EFI_SUCCESS && status != EFI_NOT_FOUND)
			fail_msg("%s: status %#lx", cases[i].name, status);
		if (seconds() - start > SECONDS_MAX)
			fail_msg("%s: %.1f s", cases[i].name, seconds() - start);
#ifndef ASAN /* which keeps what was freed */
		if (peak() - before > BYTES_MAX + LARGE)
			fail_msg("%s: %ld MiB", cases[i].name, (peak() - before) >> 20);
#endif
	}
	(void)before;
}

/* ---- machines of which anything was changed ---- */

#define CHANGED 400U

static void change(struct run *r, uint64_t *random)
{
	static const uint64_t values[] = {0,
					  1,
					  7,
					  0xfff,
					  0x1000,
					  0x7fffffff,
					  0xffffffff,
					  0x7fffffffffffffff,
					  UINT64_MAX - 4095,
					  UINT64_MAX};
	static const unsigned areas[] = {DATA, CODE, BOOT, KERNEL, DATA};
	const struct synth_area *a = &r->m.area[areas[synth_random(random) % 5]];
	const uint64_t used = a->next - a->start - 8;
	const uint64_t pa = a->start + (synth_random(random) % used & ~7ULL);

	switch (synth_random(random) % 4) {
	case 0:
		put64(&r->m, pa, values[synth_random(random) % COUNT(values)]);
		break;
	case 1: /* an address of another thing */
		put64(&r->m, pa, a->start + synth_random(random) % used);
		break;
	case 2:
		put64(&r->m, pa, get64(&r->m, pa) ^ 1ULL << synth_random(random) % 64);
		break;
	default:
		put32(&r->m, pa, (uint32_t)synth_random(random));
	}
}

/* The same ones in every run. */
static void test_changed(void **state)
{
	uint64_t random = 4;

	(void)state;
	for (unsigned i = 0; i < CHANGED; i++) {
		struct run r = {.dump = i % 8 == 7}; /* of each two with Windows one */
		EFI_STATUS status;

		build(&r, false, i % 4 == 3);
		for (unsigned k = 0; k < 20 + i % 200; k++)
			change(&r, &random);
		put32(&r.m, r.m.rt + 12, sizeof(EFI_RUNTIME_SERVICES));
		synth_seal(&r.m, r.m.rt);
		status = scan(&r);
		if (status != EFI_SUCCESS && status != EFI_NOT_FOUND)
			fail_msg("machine %u: status %#lx", i, status);
	}
}

/* Each allocation fails once; the scan says so, and nothing is left behind, as sanitizers
 * see. */
static void test_memory(void **state)
{
	unsigned refused = 0;

	(void)state;
	for (unsigned windows = 0; windows < 2; windows++)
		for (unsigned n = 0;; n++) {
			struct run r = {.short_of_memory = true,
					.allocations = n,
					.dump = windows != 0};
			EFI_STATUS status;

			build(&r, false, windows != 0);
			status = scan(&r);
			if (!r.refused) {
				assert_int_equal(status, EFI_SUCCESS);
				break;
			}
			refused++;
			if (status != EFI_OUT_OF_RESOURCES)
				fail_msg("allocation %u: status %#lx", n, status);
		}
	assert_true(refused > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
