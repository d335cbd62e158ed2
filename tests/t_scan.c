/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole scans of machines that the test builds: each rule comes first in the findings of at
 * least one, every machine's whole list is written down, and for what a finding calls
 * innocent there is a machine where that is so. Then images that are hostile.
 */
#include "test.h"

#include <sys/resource.h>
#include <time.h>

#include "scan_build.h"

#define OVMF "/usr/share/OVMF/OVMF_CODE_4M.fd"

/* A machine, and how it is scanned. */
struct run {
	struct synth m;
	struct rts_scan_config config;
	struct rts_scan_known known[4];
	struct rts_scan_span os_memory[SYNTH_AREAS];
	struct rts_scan_inventory_image inventory[SYNTH_DRIVERS_MAX];
	enum { RAW, LIME, WINDOWS, PAGES, KDUMP } form;
	unsigned without;    /* areas that the image lacks */
	const uint8_t *lost; /* ... or pages: PAGES, or those that cannot be read: KDUMP */
	struct blob image;
	struct rts_dump *dump;
	struct rts_scan_report *report;
	struct diag d;
};

static void dump_open(struct run *r)
{
	struct bytes file = {r->m.ram, r->m.len};

	if (r->form == LIME)
		r->image = synth_lime(&r->m, r->without);
	else if (r->form == WINDOWS)
		r->image = synth_windows_dump(&r->m, r->without);
	else if (r->form == PAGES)
		r->image = synth_lime_pages(&r->m, r->lost);
	else if (r->form == KDUMP)
		r->image = synth_kdump(&r->m, r->lost);
	if (r->form != RAW)
		file = (struct bytes){r->image.p, r->image.n};
	if (rts_dump_open(file, (struct bytes){0}, &r->d, &r->dump) != EFI_SUCCESS)
		fail_msg("%s", r->d.text);
}

static void run_fini(struct run *r)
{
	rts_scan_report_free(r->report);
	rts_dump_free(r->dump);
	free(r->image.p);
	synth_fini(&r->m);
}

/* The name of the test's driver at @base. */
static const char *name_at(const struct run *r, uint64_t base)
{
	for (unsigned i = 0; i < r->m.driver_count; i++)
		if (r->m.driver[i].base == base)
			return r->m.driver[i].name;
	return "?";
}

/* "rule severity driver" on each line. */
static void list_findings(const struct run *r, char *ret, size_t cap)
{
	size_t n = 0;

	ret[0] = 0;
	for (size_t i = 0; i < r->report->finding_count && n < cap; i++) {
		const struct rts_scan_finding *f = &r->report->findings[i];

		n += (size_t)snprintf(
			ret + n, cap - n, "%s %s %s\n", rts_scan_rule_name(f->rule),
			rts_scan_severity_name(f->severity),
			f->driver < 0 ? "-"
				      : name_at(r, r->report->drivers[f->driver].base));
	}
}

/* A letter for each service. */
static void list_verdicts(const struct rts_scan_report *report,
			  char ret[RTS_SCAN_SERVICES + 1])
{
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++)
		ret[i] = "cmfn-"[report->services[i].verdict];
	ret[RTS_SCAN_SERVICES] = 0;
}

static void print_report(const struct rts_scan_report *report)
{
	for (size_t i = 0; i < report->finding_count; i++)
		print_message("# %s: %s\n", rts_scan_rule_name(report->findings[i].rule),
			      report->findings[i].text);
	for (size_t i = 0; i < report->note_count; i++)
		print_message("# note: %s\n", report->notes[i]);
	for (size_t i = 0; i < report->driver_count; i++)
		print_message("# driver %#lx+%#lx %s %s\n", report->drivers[i].base,
			      report->drivers[i].size,
			      report->drivers[i].name != NULL ? report->drivers[i].name
							      : "?",
			      rts_scan_match_name(report->drivers[i].match));
}

/* ---- the table ---- */

#define CLEAN "cccccccccccccc"

struct test_case {
	const char *name;
	struct synth_options opt;
	enum { FIRMWARE, NOTHING, OTHER } given; /* this machine's, or another one's */
	void (*early)(struct run *r);            /* before the firmware hands over */
	void (*late)(struct run *r);
	const char *verdicts; /* NULL: all clean */
	const char *findings; /* NULL: none */
	EFI_STATUS status;
	const char *holes; /* what else may be found where pages are lost */
	bool any;          /* ... anything */
};

/* ---- what tests do to machines ---- */

static void give(struct run *r, const char *name, struct blob firmware)
{
	r->known[r->config.known_count++] =
		(struct rts_scan_known){.kind = RTS_SCAN_KNOWN_FIRMWARE,
					.name = name,
					.bytes = {firmware.p, firmware.n}};
}

static const struct synth_spec hook_spec = {"Hook", 1U << 8, false,  false,
					    false,  false,   0x1000, 77};

/* Loads a driver from a disk, as a shell's command does. */
static struct synth_driver *load_hook(struct run *r, bool event)
{
	struct synth_spec spec = hook_spec;

	spec.event = event;
	return synth_load_file(&r->m, &spec);
}

/* Gives service @i to the function at @pa, as hooks do: with a right checksum. */
static void swap(struct run *r, unsigned i, uint64_t pa)
{
	put64(&r->m, synth_field(&r->m, i), pa);
	synth_seal(&r->m, r->m.rt);
}

static void load_only(struct run *r)
{
	load_hook(r, false);
}

static void swap_pointer(struct run *r)
{
	swap(r, 8, synth_function(load_hook(r, true), 8));
}

/* The file of the hook is given: what it does is known. */
static void know_hook(struct run *r)
{
	struct synth_driver *d = synth_driver(&r->m, "Hook");

	r->known[r->config.known_count++] =
		(struct rts_scan_known){.kind = RTS_SCAN_KNOWN_FILE,
					.name = "hook.efi",
					.bytes = {d->file.p, d->file.n}};
}

static void know_own(struct run *r)
{
	know_hook(r);
	r->known[r->config.known_count - 1].kind = RTS_SCAN_KNOWN_OWN;
}

/* A function in pages that hold no image. */
static uint64_t stub(struct run *r)
{
	const uint64_t pa = synth_page(&r->m, CODE);

	synth_code(at(&r->m, pa, SYNTH_PAGE), 256, 5);
	return pa;
}

static void swap_to_stub(struct run *r)
{
	swap(r, 12, stub(r));
}

static void swap_to_data(struct run *r)
{
	swap(r, 12, synth_page(&r->m, FREE));
}

/* Into a known driver, but not into its code. */
static void swap_to_driver_data(struct run *r)
{
	const struct synth_driver *d = synth_driver(&r->m, "VariableRuntimeDxe");

	swap(r, 8, synth_virtual(&r->m, d->base + d->data + SYNTH_STATE));
}

static void jump(struct run *r, uint64_t from, uint64_t to)
{
	const uint32_t distance = (uint32_t)(to - from - 5);

	put(&r->m, from, "\xe9", 1);
	put32(&r->m, from + 1, distance);
}

static void jump_to_stub(struct run *r)
{
	jump(r, synth_service(&r->m, 10), stub(r));
}

static void jump_to_hook(struct run *r)
{
	jump(r, synth_service(&r->m, 10), synth_function(load_hook(r, false), 8));
}

/* mov rax, address; jmp rax, behind the first instructions. */
static void jump_later(struct run *r)
{
	const uint64_t from = synth_service(&r->m, 6) + 8,
		       to = synth_virtual(&r->m, stub(r));

	put(&r->m, from, "\x48\xb8", 2);
	put64(&r->m, from + 2, to);
	put(&r->m, from + 10, "\xff\xe0", 2);
}

/* A jump to its own driver, to a jump away. */
static void jump_twice(struct run *r)
{
	const uint64_t middle = synth_service(&r->m, 10) + 0x60;

	jump(r, synth_service(&r->m, 10), middle);
	jump(r, middle, stub(r));
}

static void change_entry(struct run *r)
{
	put(&r->m, synth_service(&r->m, 10) + 8, "\x31\xc0\xc3", 3);
}

static void change_middle(struct run *r)
{
	put(&r->m, synth_function(synth_driver(&r->m, "CapsuleRuntimeDxe"), 20) + 0x30,
	    "\x90\x90", 2);
}

/* A jump away where no service begins. */
static void jump_from_middle(struct run *r)
{
	jump(r, synth_function(synth_driver(&r->m, "CapsuleRuntimeDxe"), 20) + 0x30,
	     stub(r));
}

static void jump_from_event(struct run *r)
{
	jump(r, synth_function(synth_driver(&r->m, "StatusCodeRuntimeDxe"), SYNTH_EVENT),
	     stub(r));
}

/* SetVariable is code of another known driver. */
static void swap_to_known(struct run *r)
{
	swap(r, 8, synth_function(synth_driver(&r->m, "CapsuleRuntimeDxe"), 20));
}

static void change_boot_driver(struct run *r)
{
	put(&r->m, synth_driver(&r->m, "DiskIoDxe")->base + SYNTH_TEXT + 64, "\x90\x90", 2);
}

static void wipe_header(struct run *r, const struct synth_driver *d)
{
	memset(at(&r->m, d->base, SYNTH_PAGE), 0, SYNTH_PAGE);
}

static void wipe_hook(struct run *r)
{
	wipe_header(r, synth_driver(&r->m, "Hook"));
}

static void wipe_known(struct run *r)
{
	wipe_header(r, synth_driver(&r->m, "CapsuleRuntimeDxe"));
}

static void unlink_image(struct run *r, const struct synth_driver *d)
{
	synth_unlink(&r->m, d->entry + offsetof(EFI_RUNTIME_IMAGE_ENTRY, Link));
}

static void unlink_hook(struct run *r)
{
	unlink_image(r, synth_driver(&r->m, "Hook"));
}

static void unlink_known(struct run *r)
{
	unlink_image(r, synth_driver(&r->m, "CapsuleRuntimeDxe"));
}

/* Neither in a list nor with a header: only the table of attributes has it. */
static void cover_stub(struct run *r)
{
	EFI_MEMORY_ATTRIBUTES_TABLE head;

	memcpy(&head, at(&r->m, r->m.mat, sizeof head), sizeof head);
	synth_descriptor(&r->m, r->m.mat + 16 + 48ULL * head.NumberOfEntries++,
			 EfiRuntimeServicesCode, stub(r), 1, 0,
			 EFI_MEMORY_RUNTIME | EFI_MEMORY_RO);
	put(&r->m, r->m.mat, &head, sizeof head);
}

static void hook_event(struct run *r)
{
	synth_event(&r->m, 0x60000202, stub(r));
}

static void hook_event_of_driver(struct run *r)
{
	synth_event(&r->m, 0x60000202, synth_function(load_hook(r, false), 3));
}

static void forget_checksum(struct run *r)
{
	put64(&r->m, synth_field(&r->m, 6), get64(&r->m, synth_field(&r->m, 6)) + 128);
}

static void forget_system_checksum(struct run *r)
{
	put32(&r->m, r->m.st + offsetof(EFI_SYSTEM_TABLE, FirmwareRevision), 7);
}

/* ConvertPointer is hooked by who converts what he gets. */
static void convert_convert(struct run *r)
{
	put64(&r->m, synth_field(&r->m, 5),
	      synth_virtual(&r->m, get64(&r->m, synth_field(&r->m, 5))));
	synth_seal(&r->m, r->m.rt);
}

/* ... or leads into another known driver. */
static void move_convert(struct run *r)
{
	put64(&r->m, synth_field(&r->m, 5),
	      synth_function(synth_driver(&r->m, "CapsuleRuntimeDxe"), 20));
	synth_seal(&r->m, r->m.rt);
}

/* What the system table leads to is not what was found. */
static void move_table(struct run *r)
{
	const uint64_t copy = synth_alloc(&r->m, DATA, sizeof(EFI_RUNTIME_SERVICES), 8);
	const uint64_t field = r->m.st + offsetof(EFI_SYSTEM_TABLE, RuntimeServices);

	put64(&r->m, field, synth_virtual(&r->m, copy + 0x1000));
	synth_seal(&r->m, r->m.st);
}

/* An address that nothing maps, or that cannot be one. */
static void swap_to_nowhere(struct run *r)
{
	swap(r, 8, synth_virtual(&r->m, r->m.area[CODE].start) - (1ULL << 36));
	swap(r, 12, 0x4141414141414141);
}

static void wipe_table(struct run *r)
{
	const EFI_RUNTIME_SERVICES none = {0};

	put(&r->m, r->m.rt, &none, sizeof none);
}

/* The operating system's map says that a page lies elsewhere than its page tables do. */
static void bend_pages(struct run *r)
{
	const struct synth_driver *d = synth_driver(&r->m, "ResetSystemRuntimeDxe");
	const uint64_t page = d->base + SYNTH_TEXT, to = synth_page(&r->m, CODE);

	memcpy(at(&r->m, to, SYNTH_PAGE), at(&r->m, page, SYNTH_PAGE), SYNTH_PAGE);
	synth_map(&r->m, r->m.root, synth_virtual(&r->m, page), to, PTE_WRITE);
}

/* Both services that stay physical are a hook's. */
static void hook_converters(struct run *r)
{
	const struct synth_driver *d = load_hook(r, true);

	swap(r, 4, synth_function(d, 4));
	swap(r, 5, synth_function(d, 5));
}

/* The system table leads to a copy whose checksum is right; the one that firmware made is
 * still there. */
static void copy_table(struct run *r)
{
	const uint64_t copy = synth_alloc(&r->m, DATA, sizeof(EFI_RUNTIME_SERVICES), 8);

	memcpy(at(&r->m, copy, sizeof(EFI_RUNTIME_SERVICES)),
	       at(&r->m, r->m.rt, sizeof(EFI_RUNTIME_SERVICES)),
	       sizeof(EFI_RUNTIME_SERVICES));
	put64(&r->m, r->m.st + offsetof(EFI_SYSTEM_TABLE, RuntimeServices),
	      synth_virtual(&r->m, copy));
	synth_seal(&r->m, r->m.st);
}

static void jump_to_wiped_hook(struct run *r)
{
	jump_to_hook(r);
	wipe_hook(r);
}

/* A relative of a known driver: part of its code is another's. */
static void load_relative(struct run *r, uint32_t other)
{
	struct synth_spec spec = synth_specs[1];
	struct synth_driver *d;

	spec.name = "Hook";
	spec.services = 0;
	spec.event = false;
	d = synth_load_file(&r->m, &spec);
	synth_code(at(&r->m, d->base + SYNTH_TEXT, other), other, 1234);
}

static void load_similar(struct run *r)
{
	load_relative(r, 0x1800);
}

static void load_near(struct run *r)
{
	load_relative(r, 0x400);
}

static void change_hook(struct run *r)
{
	put(&r->m, synth_function(synth_driver(&r->m, "Hook"), 20) + 0x30, "\x90\x90", 2);
}

static void know_and_change_hook(struct run *r)
{
	know_hook(r);
	change_hook(r);
}

/* A driver's file that somebody read into memory; loaded, its base would be the address. */
static void put_file(struct run *r, unsigned area, bool loaded)
{
	struct blob file = synth_file(&hook_spec, PE_SUBSYSTEM_RUNTIME_DRIVER);
	const uint64_t pa = synth_alloc(&r->m, area, file.n, SYNTH_PAGE);

	put(&r->m, pa, file.p, file.n);
	free(file.p);
	if (loaded)
		put64(&r->m,
		      synth_header(&r->m, pa) + offsetof(PE_OPTIONAL_HEADER, ImageBase),
		      pa);
}

/* All of the firmware's data, as who saves evidence has it in memory. */
static void save_evidence(struct run *r)
{
	const struct synth_area *a = &r->m.area[DATA];
	const uint64_t pa = synth_alloc(&r->m, FREE, a->end - a->start, SYNTH_PAGE);

	memcpy(at(&r->m, pa, a->end - a->start), at(&r->m, a->start, a->end - a->start),
	       a->end - a->start);
}

static void cache_file(struct run *r)
{
	put_file(r, KERNEL, false);
	put_file(r, FREE, false);
}

static void unloaded(struct run *r)
{
	put_file(r, FREE, true);
}

/* ---- what the machine has lost, or never had ---- */

static void free_debug(struct run *r)
{
	memset(at(&r->m, r->m.area[BOOT].start, 0x10000), 0xc7, 0x10000);
	synth_lookalikes(&r->m); /* it is full of them */
	synth_attributes(&r->m);
}

static void free_attributes(struct run *r)
{
	memset(at(&r->m, r->m.mat, 64), 0xc7, 64);
}

static void lose_lists(struct run *r)
{
	memset(at(&r->m, r->m.arch, 80), 0, 80);
}

static void lose_all(struct run *r)
{
	free_debug(r);
	free_attributes(r);
	lose_lists(r);
}

static void late_but_covered(struct run *r)
{
	load_hook(r, false)->late = false;
}

/* A driver behind the hook is in the table: the firmware leaves none out. */
static void late_and_skipped(struct run *r)
{
	struct synth_spec after = hook_spec;

	load_hook(r, false);
	after.name = "After";
	after.seed = 78;
	synth_load_file(&r->m, &after)->late = false;
}

/* Only the debug table still has the hook. */
static void lose_lists_and_header(struct run *r)
{
	lose_lists(r);
	wipe_hook(r);
}

static void know_after(struct run *r)
{
	struct synth_driver *d = synth_driver(&r->m, "After");

	r->known[r->config.known_count++] =
		(struct rts_scan_known){.kind = RTS_SCAN_KNOWN_FILE,
					.name = "after.efi",
					.bytes = {d->file.p, d->file.n}};
}

static void no_code(struct run *r)
{
	r->form = LIME;
	r->without = 1U << CODE;
}

static void no_firmware_memory(struct run *r)
{
	r->form = LIME;
	r->without = 1U << CODE | 1U << DATA;
}

static void whole_lime(struct run *r)
{
	r->form = LIME;
}

/* ---- the operating system's memory ---- */

static void os_memory(struct run *r)
{
	r->config.os_memory = r->os_memory;
	r->config.os_memory_count =
		synth_ranges(&r->m, 1U << CODE | 1U << DATA, r->os_memory);
	/* up to the first driver, and no further */
	r->os_memory[r->config.os_memory_count++] =
		(struct rts_scan_span){r->m.area[CODE].start - SYNTH_PAGE, SYNTH_PAGE};
}

static void os_memory_all(struct run *r)
{
	os_memory(r);
	r->os_memory[r->config.os_memory_count++] = (struct rts_scan_span){
		synth_driver(&r->m, "CapsuleRuntimeDxe")->base + 0x2000, 0x1000};
}

/* A driver of the firmware itself, in memory that was given away. */
static void load_in_free_memory(struct run *r)
{
	struct synth_spec spec = synth_specs[SYNTH_SPECS - 1];
	struct synth_driver d = {.name = spec.name,
				 .guid = fv_guid(SYNTH_SPECS),
				 .file = synth_file(&spec, PE_SUBSYSTEM_RUNTIME_DRIVER),
				 .text = SYNTH_TEXT,
				 .data = SYNTH_TEXT + spec.text_len,
				 .late = true};

	assert_int_equal(rts_pe_image_read((struct bytes){d.file.p, d.file.n}, NULL, &d.pe),
			 EFI_SUCCESS);
	d.base = synth_alloc(&r->m, FREE, d.pe.size, SYNTH_PAGE);
	synth_load(&r->m, &d);
}

/* What an application got from GetMemoryMap(). */
static void map_of_application(struct run *r)
{
	synth_map_copy(&r->m, false);
}

/* ---- the inventory ---- */

static void inventory(struct run *r)
{
	r->config.has_inventory = true;
	r->config.inventory = r->inventory;
	for (unsigned i = 0; i < r->m.driver_count; i++) {
		const struct synth_driver *d = &r->m.driver[i];

		r->inventory[r->config.inventory_count++] =
			(struct rts_scan_inventory_image){
				.name = d->name,
				.has_guid = !d->disk,
				.guid = d->guid,
				.base = d->base,
				.size = d->pe.size,
				.code_type = d->boot ? EfiBootServicesCode
						     : EfiRuntimeServicesCode,
			};
	}
}

/* It lists one that memory lacks. */
static void inventory_more(struct run *r)
{
	inventory(r);
	r->inventory[r->config.inventory_count++] = (struct rts_scan_inventory_image){
		.name = "Gone",
		.base = synth_alloc(&r->m, CODE, 0x4000, SYNTH_PAGE),
		.size = 0x4000,
		.code_type = EfiRuntimeServicesCode,
	};
}

/* It was made before the hook was loaded. */
static void inventory_less(struct run *r)
{
	inventory(r);
	r->config.inventory_count--;
	assert_string_equal(r->inventory[r->config.inventory_count].name, "Hook");
}

static void know_both(struct run *r)
{
	give(r, "this.fd", r->m.firmware);
}

/* ---- Windows ---- */

/* Copies in the memory of a kernel that is not Windows. */
static void linux_copy(struct run *r)
{
	const uint64_t pa = synth_alloc(&r->m, KERNEL, 9 * 8, 8);

	for (unsigned i = 0; i < 9; i++)
		put64(&r->m, pa + 8 * i,
		      get64(&r->m, synth_field(&r->m, synth_block[i])) + (i == 4 ? 64 : 0));
}

/* The header of a kernel whose pages lie in one piece need not say where it is. */
static void windows_in_one_piece(struct run *r)
{
	const uint64_t nt =
		synth_alloc(&r->m, HIGH, SYNTH_NT_PAGES * SYNTH_PAGE, SYNTH_PAGE);

	for (unsigned i = 0; i < SYNTH_NT_PAGES; i++) {
		const uint64_t from = r->m.nt - i * SYNTH_PAGE;

		memcpy(at(&r->m, nt + i * SYNTH_PAGE, SYNTH_PAGE),
		       at(&r->m, from, SYNTH_PAGE), SYNTH_PAGE);
		memset(at(&r->m, from, SYNTH_PAGE), 0, SYNTH_PAGE);
		synth_map(&r->m, r->m.root, SYNTH_NT + i * SYNTH_PAGE, nt + i * SYNTH_PAGE,
			  PTE_WRITE);
	}
	put64(&r->m, synth_header(&r->m, nt) + offsetof(PE_OPTIONAL_HEADER, ImageBase),
	      0x140000000);
	r->m.block += nt + 3 * SYNTH_PAGE - (r->m.nt - 3 * SYNTH_PAGE);
	r->m.table += nt + 4 * SYNTH_PAGE - (r->m.nt - 4 * SYNTH_PAGE);
}

static void windows_block(struct run *r)
{
	put64(&r->m, r->m.block + 8 * 5, SYNTH_NT + 0x1400);
}

/* The copy of all services has them all converted. */
static void windows_converters(struct run *r)
{
	put64(&r->m, r->m.table + 8 * 4, synth_virtual(&r->m, synth_service(&r->m, 4)));
	put64(&r->m, r->m.table + 8 * 5, synth_virtual(&r->m, synth_service(&r->m, 5)));
}

/* The table is hooked after Windows made its copies. */
static void windows_late_hook(struct run *r)
{
	swap(r, 8, synth_virtual(&r->m, stub(r)));
}

/* Nothing leads to the block but what it has. */
static void windows_no_kernel(struct run *r)
{
	put(&r->m, r->m.nt, "..", 2);
}

static void windows_table(struct run *r)
{
	put64(&r->m, r->m.table + 8 * 10, SYNTH_NT + 0x1400);
}

/* A field that this Windows does not fill in. */
static void windows_zero(struct run *r)
{
	put64(&r->m, r->m.block + 8 * 8, 0);
}

/* Most fields changed: only the kernel still leads to the block. */
static void windows_most(struct run *r)
{
	for (unsigned i = 0; i < 6; i++)
		put64(&r->m, r->m.block + 8 * i, SYNTH_NT + 0x1400 + 64 * i);
}

/* The pointers of firmware's own memory, which are no copy of Windows'. */
static void firmware_copy(struct run *r)
{
	const uint64_t pa = synth_alloc(&r->m, DATA, 9 * 8, 8);

	for (unsigned i = 0; i < 9; i++)
		put64(&r->m, pa + 8 * i,
		      get64(&r->m, r->m.block + 8 * i) + (i == 4 ? 64 : 0));
}

static void windows_full(struct run *r)
{
	r->form = WINDOWS;
}

static void windows_full_hooked(struct run *r)
{
	r->form = WINDOWS;
	windows_block(r);
}

static void windows_crash(struct run *r)
{
	r->form = WINDOWS;
	r->without = 1U << CODE | 1U << DATA;
}

/* The block and the copy of all services disagree, and nothing else tells. */
static void windows_crash_block(struct run *r)
{
	windows_crash(r);
	windows_block(r);
}

/* ... and CFGRO does not lead to it. */
static void windows_crash_alone(struct run *r)
{
	windows_crash_block(r);
	windows_no_kernel(r);
}

/* A driver of the firmware in memory that Windows manages. */
static void windows_crash_driver(struct run *r)
{
	windows_crash(r);
	put_file(r, FREE, true);
}

/* Runs of nine pointers that are no block: to data, and to code here and there. */
static void windows_crash_other_runs(struct run *r)
{
	const uint64_t far = 0xfffff80080000000, pa = synth_page(&r->m, KERNEL);

	windows_crash(r);
	synth_map(&r->m, r->m.root, far, r->m.area[CODE].start, 0);
	for (unsigned i = 0; i < 9; i++) {
		put64(&r->m, pa + 8 * i,
		      synth_virtual(&r->m, r->m.area[DATA].start) + 64 * i);
		put64(&r->m, pa + 0x200 + 8 * i,
		      i % 2 != 0 ? far + 64 * i
				 : synth_virtual(&r->m, r->m.area[CODE].start) + 64 * i);
	}
}

static void windows_crash_hooked(struct run *r)
{
	windows_crash(r);
	windows_table(r);
}

static const struct test_case cases[] = {
	/* clean ones, and what is innocent */
	{.name = "linux"},
	{.name = "linux, nothing to compare with",
	 .given = NOTHING,
	 .verdicts = "--------------"},
	{.name = "shell", .opt = {.shell = true}},
	{.name = "noruntime", .opt = {.noruntime = true}},
	{.name = "la57", .opt = {.la57 = true}},
	{.name = "split", .opt = {.split = true}},
	{.name = "split, no map", .opt = {.split = true, .no_map = true}},
	{.name = "split, no page tables", .opt = {.split = true, .no_pages = true}},
	{.name = "no map", .opt = {.no_map = true}},
	{.name = "no page tables", .opt = {.no_pages = true}},
	{.name = "neither", .opt = {.no_map = true, .no_pages = true}},
	{.name = "neither, split",
	 .opt = {.split = true, .no_map = true, .no_pages = true},
	 .verdicts = "----cc--------"},
	{.name = "lime", .late = whole_lime},
	{.name = "freed debug table", .late = free_debug},
	{.name = "freed attributes table", .late = free_attributes},
	{.name = "no lists", .late = lose_lists},
	{.name = "all three", .late = lose_all},
	{.name = "code not in image", .late = no_code, .verdicts = "nnnnnnnnnnnnnn"},
	{.name = "firmware not in image",
	 .late = no_firmware_memory,
	 .verdicts = "nnnnnnnnnnnnnn",
	 .status = EFI_NOT_FOUND},
	{.name = "known header wiped", .late = wipe_known, .any = true},
	{.name = "known image not in list", .late = unlink_known},
	{.name = "boot driver changed", .late = change_boot_driver},
	{.name = "os memory apart", .late = os_memory},
	{.name = "inventory agrees", .late = inventory},
	{.name = "hook known", .early = swap_pointer, .late = know_hook},
	{.name = "hook is our own", .early = swap_pointer, .late = know_own},
	{.name = "jump to known",
	 .early = jump_to_hook,
	 .late = know_hook,
	 .verdicts = "ccccccccccmccc",
	 .findings = "service-code-modified high ResetSystemRuntimeDxe\n"},
	{.name = "two firmware images", .given = OTHER, .late = know_both},
	{.name = "files in memory", .early = cache_file},
	{.name = "unloaded",
	 .early = unloaded,
	 .holes = "hidden-driver high ?\ndriver-unknown medium ?\n"},
	{.name = "evidence saved", .late = save_evidence, .any = true},
	{.name = "another kernel's copy",
	 .late = linux_copy,
	 .holes = "windows-copy-disagrees high -\n"},
	{.name = "code changed, no firmware",
	 .given = NOTHING,
	 .late = change_middle,
	 .verdicts = "--------------"},
	{.name = "in free memory in the shell",
	 .opt = {.shell = true},
	 .early = load_in_free_memory},
	{.name = "in free memory in the shell, with a map",
	 .opt = {.shell = true},
	 .early = load_in_free_memory,
	 .late = map_of_application},
	/* the rules */
	{.name = "unloaded, no map",
	 .opt = {.no_map = true},
	 .early = unloaded,
	 .findings = "hidden-driver high ?\n"
		     "driver-unknown medium ?\n"},
	{.name = "both converters",
	 .early = hook_converters,
	 .verdicts = "ccccffcccccccc",
	 .findings = "service-pointer-foreign high Hook\n"
		     "service-pointer-foreign high Hook\n"
		     "event-foreign high Hook\n"
		     "driver-unknown medium Hook\n"
		     "not-in-attributes-table info Hook\n"},
	{.name = "table copied",
	 .late = copy_table,
	 .findings = "table-pointer-disagrees high -\n"},
	{.name = "jump to wiped hook",
	 .late = jump_to_wiped_hook,
	 .verdicts = "ccccccccccmccc",
	 .findings = "service-trampoline high ResetSystemRuntimeDxe\n"
		     "header-wiped high Hook\n"
		     "driver-unknown medium Hook\n"
		     "not-in-attributes-table info Hook\n"},
	{.name = "similar",
	 .early = load_similar,
	 .holes = "driver-code-modified high -\n",
	 .findings = "driver-unknown medium Hook\n"
		     "not-in-attributes-table info Hook\n"},
	{.name = "similar, inventory has less",
	 .early = load_similar,
	 .holes = "driver-code-modified high -\n",
	 .late = inventory_less,
	 .findings = "driver-unknown medium Hook\n"
		     "inventory-disagrees medium Hook\n"
		     "not-in-attributes-table info Hook\n"},
	{.name = "near",
	 .early = load_near,
	 .findings = "driver-code-modified high Hook\n"
		     "not-in-attributes-table info Hook\n"},
	{.name = "known hook changed",
	 .early = swap_pointer,
	 .late = know_and_change_hook,
	 .verdicts = "ccccccccmccccc",
	 .findings = "driver-code-modified high Hook\n"
		     "not-in-attributes-table info Hook\n"},
	{.name = "header wiped, no lists",
	 .early = load_only,
	 .late = lose_lists_and_header,
	 .findings = "header-wiped high Hook\n"
		     "driver-unknown medium Hook\n"},
	{.name = "pointer swapped",
	 .early = swap_pointer,
	 .verdicts = "ccccccccfccccc",
	 .findings = "service-pointer-foreign high Hook\n"
		     "event-foreign high Hook\n"
		     "driver-unknown medium Hook\n"
		     "not-in-attributes-table info Hook\n"},
	{.name = "pointer swapped, nothing to compare with",
	 .given = NOTHING,
	 .early = swap_pointer,
	 .verdicts = "--------f-----",
	 .findings = "service-pointer-foreign high Hook\n"
		     "not-in-attributes-table info Hook\n"},
	{.name = "pointer swapped, no lists",
	 .early = swap_pointer,
	 .late = lose_all,
	 .verdicts = "ccccccccfccccc",
	 .findings = "service-pointer-foreign high Hook\n"
		     "driver-unknown medium Hook\n"},
	{.name = "pointer swapped in the shell",
	 .opt = {.shell = true},
	 .early = swap_pointer,
	 .verdicts = "ccccccccfccccc",
	 .findings = "service-pointer-foreign high Hook\n"
		     "event-foreign high Hook\n"
		     "driver-unknown medium Hook\n"
		     "not-in-attributes-table info Hook\n"},
	{.name = "pointer to no image",
	 .early = swap_to_stub,
	 .verdicts = "ccccccccccccfc",
	 .findings = "service-pointer-foreign high -\n"},
	{.name = "pointer to no image, no firmware",
	 .given = NOTHING,
	 .early = swap_to_stub,
	 .verdicts = "------------f-",
	 .findings = "service-pointer-foreign high -\n"},
	{.name = "pointers to nowhere",
	 .late = swap_to_nowhere,
	 .verdicts = "ccccccccfcccfc",
	 .findings = "service-pointer-foreign high -\n"
		     "service-pointer-foreign high -\n"},
	{.name = "pointers to nowhere, no page tables",
	 .opt = {.no_pages = true},
	 .late = swap_to_nowhere,
	 .verdicts = "ccccccccfcccfc",
	 .findings = "service-pointer-foreign high -\n"
		     "service-pointer-foreign high -\n"},
	{.name = "pointers to nowhere, neither",
	 .opt = {.no_map = true, .no_pages = true},
	 .late = swap_to_nowhere,
	 .verdicts = "cccccccc-ccc-c"},
	{.name = "pointers to nowhere in the shell",
	 .opt = {.shell = true},
	 .late = swap_to_nowhere,
	 .verdicts = "ccccccccfcccfc",
	 .findings = "service-pointer-foreign high -\n"
		     "service-pointer-foreign high -\n"},
	{.name = "no table",
	 .late = wipe_table,
	 .verdicts = "nnnnnnnnnnnnnn",
	 .findings = "table-pointer-disagrees high -\n"},
	{.name = "pointer to a driver's data",
	 .late = swap_to_driver_data,
	 .verdicts = "ccccccccfccccc",
	 .findings = "service-pointer-foreign high VariableRuntimeDxe\n"},
	{.name = "pointer to free memory",
	 .early = swap_to_data,
	 .verdicts = "ccccccccccccfc",
	 .findings = "service-pointer-foreign high -\n"},
	{.name = "entry changed",
	 .late = change_entry,
	 .verdicts = "ccccccccccmccc",
	 .findings = "service-code-modified high ResetSystemRuntimeDxe\n"},
	{.name = "jump to stub",
	 .late = jump_to_stub,
	 .verdicts = "ccccccccccmccc",
	 .findings = "service-trampoline high ResetSystemRuntimeDxe\n"},
	{.name = "jump to stub, no firmware",
	 .given = NOTHING,
	 .late = jump_to_stub,
	 .verdicts = "----------m---",
	 .findings = "service-trampoline high ResetSystemRuntimeDxe\n"},
	{.name = "jump to hook",
	 .early = jump_to_hook,
	 .verdicts = "ccccccccccmccc",
	 .findings = "service-trampoline high ResetSystemRuntimeDxe\n"
		     "driver-unknown medium Hook\n"
		     "not-in-attributes-table info Hook\n"},
	{.name = "jump later",
	 .late = jump_later,
	 .verdicts = "ccccccmmmccccm",
	 .findings = "service-trampoline high VariableRuntimeDxe\n"},
	{.name = "jump twice",
	 .late = jump_twice,
	 .verdicts = "ccccccccccmccc",
	 .findings = "service-trampoline high ResetSystemRuntimeDxe\n"
		     "driver-code-modified high ResetSystemRuntimeDxe\n"},
	{.name = "code changed",
	 .late = change_middle,
	 .verdicts = "cccccccccccmmc",
	 .findings = "driver-code-modified high CapsuleRuntimeDxe\n"},
	{.name = "jump in the middle",
	 .late = jump_from_middle,
	 .verdicts = "cccccccccccmmc",
	 .findings = "driver-code-modified high CapsuleRuntimeDxe\n"},
	{.name = "jump from an event",
	 .late = jump_from_event,
	 .findings = "driver-code-modified high StatusCodeRuntimeDxe\n"},
	{.name = "jump from an event, no firmware",
	 .given = NOTHING,
	 .late = jump_from_event,
	 .verdicts = "--------------",
	 .findings = "event-foreign high StatusCodeRuntimeDxe\n"},
	{.name = "pointer to another known driver",
	 .early = swap_to_known,
	 .findings = "service-pointer-foreign info CapsuleRuntimeDxe\n"},
	{.name = "pointer to another driver, no firmware",
	 .given = NOTHING,
	 .early = swap_to_known,
	 .verdicts = "--------f-----",
	 .findings = "service-pointer-foreign high CapsuleRuntimeDxe\n"},
	{.name = "unknown driver",
	 .early = load_only,
	 .findings = "driver-unknown medium Hook\n"
		     "not-in-attributes-table info Hook\n"},
	{.name = "unknown driver, covered",
	 .early = late_but_covered,
	 .findings = "driver-unknown medium Hook\n"},
	{.name = "unknown driver, no firmware",
	 .given = NOTHING,
	 .early = load_only,
	 .verdicts = "--------------",
	 .findings = "not-in-attributes-table info Hook\n"},
	{.name = "one left out",
	 .given = NOTHING,
	 .early = late_and_skipped,
	 .verdicts = "--------------",
	 .findings = "not-in-attributes-table medium Hook\n"},
	{.name = "one left out, known behind",
	 .early = late_and_skipped,
	 .late = know_after,
	 .findings = "driver-unknown medium Hook\n"
		     "not-in-attributes-table medium Hook\n"},
	{.name = "header wiped",
	 .early = load_only,
	 .late = wipe_hook,
	 .findings = "header-wiped high Hook\n"
		     "driver-unknown medium Hook\n"
		     "not-in-attributes-table info Hook\n"},
	{.name = "hidden",
	 .early = load_only,
	 .late = unlink_hook,
	 .findings = "hidden-driver high Hook\n"
		     "driver-unknown medium Hook\n"},
	{.name = "hidden, no firmware",
	 .given = NOTHING,
	 .early = load_only,
	 .late = unlink_hook,
	 .verdicts = "--------------",
	 .findings = "hidden-driver high Hook\n"},
	{.name = "code of nobody",
	 .late = cover_stub,
	 .findings = "hidden-driver high -\n"},
	{.name = "in free memory",
	 .early = load_in_free_memory,
	 .findings = "driver-in-os-memory high EmuVariableFvbRuntimeDxe\n"},
	{.name = "in free memory, noruntime",
	 .opt = {.noruntime = true},
	 .early = load_in_free_memory,
	 .findings = "driver-in-os-memory high EmuVariableFvbRuntimeDxe\n"},
	{.name = "in system memory",
	 .late = os_memory_all,
	 .findings = "driver-in-os-memory high CapsuleRuntimeDxe\n"},
	{.name = "event to stub",
	 .early = hook_event,
	 .findings = "event-foreign high -\n"},
	{.name = "event to hook",
	 .early = hook_event_of_driver,
	 .findings = "event-foreign high Hook\n"
		     "driver-unknown medium Hook\n"
		     "not-in-attributes-table info Hook\n"},
	{.name = "checksum",
	 .late = forget_checksum,
	 .findings = "table-crc-bad medium -\n"},
	{.name = "system checksum",
	 .late = forget_system_checksum,
	 .findings = "table-crc-bad medium -\n"},
	{.name = "ConvertPointer converted",
	 .late = convert_convert,
	 .findings = "table-pointer-disagrees high -\n"},
	{.name = "ConvertPointer elsewhere",
	 .late = move_convert,
	 .findings = "table-pointer-disagrees high -\n"},
	{.name = "system table leads elsewhere",
	 .late = move_table,
	 .findings = "table-pointer-disagrees high -\n"},
	{.name = "page tables bent",
	 .late = bend_pages,
	 .any = true,
	 .verdicts = "ccccccccccfccc",
	 .findings = "service-pointer-foreign high -\n"
		     "table-pointer-disagrees high -\n"
		     "table-pointer-disagrees high -\n"},
	{.name = "inventory has more",
	 .late = inventory_more,
	 .findings = "inventory-disagrees medium -\n"},
	{.name = "inventory has less",
	 .early = load_only,
	 .late = inventory_less,
	 .findings = "driver-unknown medium Hook\n"
		     "inventory-disagrees medium Hook\n"
		     "not-in-attributes-table info Hook\n"},
	{.name = "inventory has less, no firmware",
	 .given = NOTHING,
	 .early = late_but_covered,
	 .late = inventory_less,
	 .verdicts = "--------------",
	 .findings = "inventory-disagrees medium Hook\n"},
	{.name = "other firmware",
	 .given = OTHER,
	 .verdicts = "--------------",
	 .findings = "firmware-mismatch medium -\n"},
	{.name = "other firmware, hooked",
	 .given = OTHER,
	 .early = swap_pointer,
	 .verdicts = "--------f-----",
	 .findings = "service-pointer-foreign high Hook\n"
		     "firmware-mismatch medium -\n"
		     "not-in-attributes-table info Hook\n"},
	/* Windows */
	{.name = "windows in one piece",
	 .opt = {.windows = true},
	 .late = windows_in_one_piece},
	{.name = "windows crash dump, block changed",
	 .opt = {.windows = true},
	 .late = windows_crash_block,
	 .verdicts = "nnnnnnnnnnnnnn",
	 .findings = "windows-copy-disagrees high -\n"},
	{.name = "windows crash dump, block changed, no kernel",
	 .opt = {.windows = true},
	 .late = windows_crash_alone,
	 .verdicts = "nnnnnnnnnnnnnn",
	 .findings = "windows-copy-disagrees high -\n"},
	{.name = "windows crash dump, driver",
	 .opt = {.windows = true},
	 .late = windows_crash_driver,
	 .verdicts = "nnnnnnnnnnnnnn",
	 .findings = "driver-in-os-memory high ?\n"
		     "firmware-mismatch medium -\n"},
	{.name = "windows", .opt = {.windows = true}},
	{.name = "windows, split", .opt = {.windows = true, .split = true}},
	{.name = "windows, firmware's copy",
	 .opt = {.windows = true},
	 .late = firmware_copy,
	 .holes = "windows-copy-disagrees high -\n"},
	{.name = "windows, field not filled",
	 .opt = {.windows = true},
	 .late = windows_zero},
	{.name = "windows dump with firmware",
	 .opt = {.windows = true},
	 .late = windows_full},
	{.name = "windows crash dump",
	 .opt = {.windows = true},
	 .late = windows_crash,
	 .verdicts = "nnnnnnnnnnnnnn"},
	{.name = "windows, all converted",
	 .opt = {.windows = true},
	 .late = windows_converters},
	{.name = "windows crash dump, other runs",
	 .opt = {.windows = true},
	 .late = windows_crash_other_runs,
	 .verdicts = "nnnnnnnnnnnnnn"},
	{.name = "windows, hooked later",
	 .opt = {.windows = true},
	 .late = windows_late_hook,
	 .verdicts = "ccccccccfccccc",
	 .findings = "service-pointer-foreign high -\n"
		     "windows-copy-disagrees high VariableRuntimeDxe\n"
		     "windows-copy-disagrees high VariableRuntimeDxe\n"},
	{.name = "windows block",
	 .opt = {.windows = true},
	 .late = windows_block,
	 .findings = "windows-copy-disagrees high -\n"},
	{.name = "windows table",
	 .opt = {.windows = true},
	 .late = windows_table,
	 .findings = "windows-copy-disagrees high -\n"},
	{.name = "windows most",
	 .opt = {.windows = true},
	 .late = windows_most,
	 .findings = "windows-copy-disagrees high -\n"
		     "windows-copy-disagrees high -\n"
		     "windows-copy-disagrees high -\n"
		     "windows-copy-disagrees high -\n"
		     "windows-copy-disagrees high -\n"
		     "windows-copy-disagrees high -\n"},
	{.name = "windows dump, hooked",
	 .opt = {.windows = true},
	 .late = windows_full_hooked,
	 .findings = "windows-copy-disagrees high -\n"},
	{.name = "windows crash dump, hooked",
	 .opt = {.windows = true},
	 .late = windows_crash_hooked,
	 .verdicts = "nnnnnnnnnnnnnn",
	 .findings = "windows-copy-disagrees high -\n"},
};

/* A firmware image that this machine does not run. */
static struct blob other_firmware(void)
{
	struct synth_spec spec = hook_spec;

	spec.seed = 55;
	return fv_volume(
		false, false, 64,
		fv_file_of(
			fv_guid(9), EFI_FV_FILETYPE_DRIVER, 0,
			fv_join(fv_section(EFI_SECTION_PE32, false,
					   synth_file(&spec, PE_SUBSYSTEM_RUNTIME_DRIVER)),
				FV_END)));
}

static EFI_STATUS scan(struct run *r)
{
	dump_open(r);
	r->config.hash = &synth_hash_ops;
	r->config.known = r->known;
	r->config.dump = r->dump;
	return rts_scan_run(&r->config, &r->d, &r->report);
}

static void build(struct run *r, const struct test_case *c, struct blob other)
{
	synth_new(&r->m, &c->opt);
	if (c->early != NULL)
		c->early(r);
	synth_hand_over(&r->m);
	if (c->given != NOTHING)
		give(r, "firmware.fd", c->given == OTHER ? other : r->m.firmware);
	if (c->late != NULL)
		c->late(r);
}

static bool as_written(const struct run *r, const struct test_case *c)
{
	const char *want = c->findings != NULL ? c->findings : "";
	const char *want_verdicts = c->verdicts != NULL ? c->verdicts : CLEAN;
	char findings[8192], verdicts[RTS_SCAN_SERVICES + 1];

	list_findings(r, findings, sizeof findings);
	list_verdicts(r->report, verdicts);
	if (strcmp(findings, want) == 0 && strcmp(verdicts, want_verdicts) == 0)
		return true;
	print_message("# ---- %s: %s\n%s", c->name, verdicts, findings);
	print_report(r->report);
	return false;
}

static void test_cases(void **state)
{
	struct blob other = other_firmware();
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct run r = {.form = RAW};
		EFI_STATUS status;

		build(&r, &cases[i], other);
		status = scan(&r);
		if (status != cases[i].status)
			fail_msg("%s: status %#lx: %s", cases[i].name, status, r.d.text);
		assert_null(synth_wrong(r.report));
		bad += !as_written(&r, &cases[i]);
		run_fini(&r);
	}
	free(other.p);
	assert_int_equal(bad, 0);
}

/* ---- images with holes ---- */

#define PAGES_MAX 256U
#define HOLES     4U /* images of each machine */

/* Whether each finding that counts is in the whole list, too; verdicts are what they were,
 * or that nothing is known. */
static bool tells_no_more(const struct run *r, const struct test_case *c)
{
	const char *verdicts = c->verdicts != NULL ? c->verdicts : CLEAN;
	char mine[8192], whole[8192], my_verdicts[RTS_SCAN_SERVICES + 1], *line = mine,
									  *end;

	snprintf(whole, sizeof whole, "%s%s", c->findings != NULL ? c->findings : "",
		 c->holes != NULL ? c->holes : "");
	/* where the table is lost, nobody knows that a service begins there; or where that
	 * jumps to */
	if (strstr(whole, "service-") != NULL)
		strcat(whole, "driver-code-modified high ");
	if (strstr(whole, "service-trampoline") != NULL)
		strcat(whole, "service-code-modified high ");
	list_findings(r, mine, sizeof mine);
	list_verdicts(r->report, my_verdicts);
	for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = 0;
		*strrchr(line, ' ') = 0; /* whose it is may be lost */
		if (strstr(line, " info") == NULL && strstr(whole, line) == NULL)
			return false;
	}
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++)
		if (my_verdicts[i] != verdicts[i] && my_verdicts[i] != '-' &&
		    my_verdicts[i] != 'n')
			return false;
	return true;
}

/* Some pages here and there, or whole stretches. */
static void lose(uint8_t lost[PAGES_MAX], size_t pages, unsigned how, uint64_t *random)
{
	memset(lost, 0, PAGES_MAX);
	if (how % 3 == 0)
		for (size_t i = 0; i < pages; i++)
			lost[i] = synth_random(random) % (2 + how) == 0;
	else
		for (unsigned i = 0; i < how % 5 + 1; i++)
			memset(lost + synth_random(random) % pages, 1,
			       1 + synth_random(random) % 12);
	memset(lost + pages, 0, PAGES_MAX - pages);
}

static bool check_holes(const struct test_case *c, struct blob other, const uint8_t *lost,
			int form)
{
	struct run r = {.form = RAW};
	bool well;

	build(&r, c, other);
	r.form = (typeof(r.form))form;
	r.lost = lost;
	if (scan(&r) != EFI_SUCCESS && r.report == NULL)
		fail_msg("%s: %s", c->name, r.d.text);
	assert_null(synth_wrong(r.report));
	well = tells_no_more(&r, c);
	if (!well) {
		char mine[8192], my_verdicts[RTS_SCAN_SERVICES + 1];

		list_findings(&r, mine, sizeof mine);
		list_verdicts(r.report, my_verdicts);
		print_message("# ---- %s: %s\n%s# without ", c->name, my_verdicts, mine);
		for (unsigned i = 0; i < PAGES_MAX; i++)
			if (lost[i] != 0)
				print_message("%#x ", i);
		print_message("\n");
		print_report(r.report);
	}
	run_fini(&r);
	return well;
}

/* What is not in an image is no finding: each machine again, with pages that the image
 * lacks, or that cannot be read. */
static void test_holes(void **state)
{
	struct blob other = other_firmware();
	uint8_t lost[PAGES_MAX + 16];
	uint64_t random = 8;
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct run r = {.form = RAW};
		size_t pages;

		build(&r, &cases[i], other);
		pages = r.m.len / SYNTH_PAGE;
		assert_true(pages <= PAGES_MAX);
		run_fini(&r);
		if (r.form != RAW || cases[i].any)
			continue;
		for (unsigned k = 0; k < (i == 0 ? pages : HOLES); k++) {
			lose(lost, pages, k, &random);
			if (i == 0) {
				memset(lost, 0, sizeof lost);
				lost[k] = 1;
			}
			bad += !check_holes(&cases[i], other, lost,
					    k % 2 != 0 ? PAGES : KDUMP);
		}
	}
	free(other.p);
	assert_int_equal(bad, 0);
}

/* Each rule comes first in a list. */
static void test_rules(void **state)
{
	(void)state;
	for (unsigned rule = 0; rule < RTS_SCAN_RULES; rule++) {
		const char *name = rts_scan_rule_name(rule);
		bool first = false;

		for (size_t i = 0; i < COUNT(cases); i++)
			first |= cases[i].findings != NULL &&
				 strncmp(cases[i].findings, name, strlen(name)) == 0 &&
				 cases[i].findings[strlen(name)] == ' ';
		if (!first)
			fail_msg("no case has %s first", name);
	}
}

/* ---- what is told of a machine ---- */

static void check_driver(const struct rts_scan_driver *got, const struct synth_driver *want)
{
	assert_int_equal(got->base, want->base);
	assert_int_equal(got->size, want->pe.size);
	assert_true(got->has_guid);
	assert_memory_equal(&got->guid, &want->guid, sizeof want->guid);
	assert_string_equal(got->name, want->name);
	assert_int_equal(got->match, RTS_SCAN_EXACT);
	assert_string_equal(got->matched_with, "firmware.fd");
	assert_int_equal(got->differing, 0);
	assert_true(got->has_code_hash && got->in_image && got->header && !got->own);
	assert_true(got->has_virtual);
	assert_int_equal(got->virtual_base, want->virtual_base);
	for (unsigned v = 0; v < RTS_SCAN_VIEWS; v++) {
		enum rts_scan_seen seen = RTS_SCAN_YES;

		if (v == RTS_SCAN_VIEW_INVENTORY)
			seen = RTS_SCAN_UNAVAILABLE;
		else if ((v == RTS_SCAN_VIEW_SERVICE && want->services == 0) ||
			 (v == RTS_SCAN_VIEW_EVENT && !want->event))
			seen = RTS_SCAN_NOT_APPLICABLE;
		if (got->views[v] != seen)
			fail_msg("%s: %s: %s", want->name, rts_scan_view_name(v),
				 rts_scan_seen_name(got->views[v]));
	}
}

static void test_machine(void **state)
{
	static const struct test_case c = {.name = "linux"};
	struct run r = {.form = RAW};
	const struct rts_scan_report *report;

	(void)state;
	build(&r, &c, (struct blob){0});
	assert_int_equal(scan(&r), EFI_SUCCESS);
	report = r.report;
	assert_int_equal(report->driver_count, SYNTH_LOADED);
	for (unsigned i = 0; i < SYNTH_LOADED; i++)
		check_driver(&report->drivers[i], &r.m.driver[i]);
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++) {
		const struct rts_scan_service *s = &report->services[i];

		assert_true(s->has_pointer && s->has_physical);
		assert_int_equal(s->pointer, get64(&r.m, synth_field(&r.m, i)));
		assert_int_equal(s->physical, synth_service(&r.m, i));
		assert_int_not_equal(s->driver, -1);
		assert_true((r.m.driver[s->driver].services & 1U << i) != 0);
	}
	assert_true(report->virtual_mode && report->has_firmware &&
		    report->firmware_applies);
	assert_int_equal(report->paging_levels, 4);
	for (unsigned w = 0; w < RTS_SCAN_WAYS; w++) {
		assert_true(report->ways[w].available);
		assert_int_equal(report->ways[w].disagrees, 0);
		assert_true(report->ways[w].agrees > 0);
	}
	assert_int_equal(report->ways[RTS_SCAN_WAY_PAGE_TABLES].where, r.m.root);
	assert_int_equal(report->ways[RTS_SCAN_WAY_OS_MAP].where, r.m.linux_map);
	assert_int_equal(report->event_count, 4);
	assert_int_equal(report->region_count, SYNTH_AREAS + 1);
	assert_int_equal(report->boot_image_count, 2);
	assert_int_equal(report->boot_image_known, 0);
	assert_int_equal(report->bytes_scanned, r.m.len);
	assert_false(report->windows_block_found);
	assert_int_equal(report->note_count, 0);
	run_fini(&r);
}

/* Where changed code, or an event's, leads is told. */
static void test_jumps(void **state)
{
	static const struct {
		const char *name, *text;
	} want[] = {
		{"jump in the middle", "5 bytes of the code of CapsuleRuntimeDxe differ "
				       "from firmware.fd; outside "
				       "the beginnings of services first at +0x1a30: "},
		{"jump from an event, no firmware",
		 "a runtime event (type 0x60000202) calls 0x"},
	};

	(void)state;
	for (size_t i = 0, k = 0; i < COUNT(want); i++) {
		struct run r = {.form = RAW};
		const char *text;
		char end[100];

		while (strcmp(cases[k].name, want[i].name) != 0)
			k++;
		build(&r, &cases[k], (struct blob){0});
		snprintf(end, sizeof end,
			 ", which jumps away (1 jump) to 0x%lx, in no image that anybody "
			 "knows",
			 i == 0 ? synth_virtual(&r.m, r.m.area[CODE].next - SYNTH_PAGE)
				: r.m.area[CODE].next - SYNTH_PAGE);
		assert_int_equal(scan(&r), EFI_SUCCESS);
		assert_int_equal(r.report->finding_count, 1);
		text = r.report->findings[0].text;
		if (strncmp(text, want[i].text, strlen(want[i].text)) != 0 ||
		    strcmp(text + strlen(text) - strlen(end), end) != 0)
			fail_msg("%s", text);
		run_fini(&r);
	}
}

/* The extracted files are those that were loaded, but for their data. */
static void test_extract(void **state)
{
	static const struct test_case c = {.name = "linux"};
	struct run r = {.form = RAW};

	(void)state;
	build(&r, &c, (struct blob){0});
	r.config.extract = true;
	assert_int_equal(scan(&r), EFI_SUCCESS);
	for (size_t i = 0; i < r.report->driver_count; i++) {
		const struct rts_scan_driver *got = &r.report->drivers[i];
		const struct synth_driver *d = &r.m.driver[i];
		struct rts_pe_image pe;

		assert_non_null(got->file);
		assert_int_equal(got->file_len, d->file.n);
		assert_memory_equal(got->file, d->file.p, d->data);
		/* pointers into the image, and what follows .data */
		assert_memory_equal(got->file + d->data, d->file.p + d->data,
				    8 * SYNTH_FIXUPS);
		assert_memory_equal(got->file + d->data + SYNTH_PAGE,
				    d->file.p + d->data + SYNTH_PAGE,
				    d->file.n - d->data - SYNTH_PAGE);
		assert_int_equal(rts_pe_image_read((struct bytes){got->file, got->file_len},
						   NULL, &pe),
				 EFI_SUCCESS);
	}
	run_fini(&r);
}

/* What has no header and is not known is written as it lies there. */
static void test_extract_raw(void **state)
{
	static const struct test_case c = {
		.name = "header wiped", .early = load_only, .late = wipe_hook};
	struct run r = {.form = RAW};

	(void)state;
	build(&r, &c, (struct blob){0});
	r.config.extract = true;
	assert_int_equal(scan(&r), EFI_SUCCESS);
	for (size_t i = 0; i < r.report->driver_count; i++) {
		const struct rts_scan_driver *got = &r.report->drivers[i];

		assert_int_equal(got->file_raw,
				 strcmp(name_at(&r, got->base), "Hook") == 0);
		if (got->file_raw)
			assert_memory_equal(got->file, at(&r.m, got->base, got->file_len),
					    got->size);
	}
	run_fini(&r);
}

static void backwards(void *ctx, void (*work)(void *arg, unsigned i), void *arg,
		      unsigned count)
{
	*(unsigned *)ctx += count;
	while (count-- > 0)
		work(arg, count);
}

/* Whoever looks at which part of memory, and in whatever order. */
static void test_parallel(void **state)
{
	struct blob other = other_firmware();
	unsigned bad = 0, pieces = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i += 7) {
		struct run r = {.form = RAW};

		build(&r, &cases[i], other);
		r.config.parallel = backwards;
		r.config.threads = 3;
		r.config.ctx = &pieces;
		assert_int_equal(scan(&r), cases[i].status);
		bad += !as_written(&r, &cases[i]);
		run_fini(&r);
	}
	free(other.p);
	assert_int_equal(bad, 0);
	assert_true(pieces > 0);
}

static bool stop(void *ctx, uint64_t done, uint64_t total)
{
	(void)ctx;
	assert_in_range(done, 1, total);
	return false;
}

static void test_stop(void **state)
{
	static const struct test_case c = {.name = "linux"};
	struct run r = {.form = RAW};

	(void)state;
	build(&r, &c, (struct blob){0});
	r.config.progress = stop;
	assert_int_equal(scan(&r), EFI_ABORTED);
	assert_null(r.report);
	run_fini(&r);
}

/* ---- Windows with the drivers of a real firmware ---- */

static const struct {
	const char *name;
	void (*late)(struct run *r);
	const char *verdicts, *findings, *by;
} windows_cases[] = {
	{"raw", NULL, NULL, NULL, "both"},
	{"lime", whole_lime, NULL, NULL, "both"},
	{"dump with firmware", windows_full, NULL, NULL, "both"},
	{"crash dump", windows_crash, "nnnnnnnnnnnnnn", NULL, "both"},
	{"no kernel", windows_no_kernel, NULL, NULL, "pointers"},
	{"block changed", windows_block, NULL, "windows-copy-disagrees high -\n", "both"},
	{"most changed", windows_most, NULL,
	 "windows-copy-disagrees high -\nwindows-copy-disagrees high -\n"
	 "windows-copy-disagrees high -\nwindows-copy-disagrees high -\n"
	 "windows-copy-disagrees high -\nwindows-copy-disagrees high -\n",
	 "CFGRO"},
};

static void test_windows(void **state)
{
	static const struct synth_options opt = {.windows = true, .firmware = OVMF};
	FILE *f = fopen(OVMF, "rb");
	unsigned bad = 0;

	(void)state;
	if (f == NULL) {
		print_message("# no " OVMF "\n");
		skip();
	}
	fclose(f);
	for (size_t i = 0; i < COUNT(windows_cases); i++) {
		const struct test_case c = {.name = windows_cases[i].name,
					    .opt = opt,
					    .late = windows_cases[i].late,
					    .verdicts = windows_cases[i].verdicts,
					    .findings = windows_cases[i].findings};
		struct run r = {.form = RAW};

		build(&r, &c, (struct blob){0});
		assert_int_equal(scan(&r), EFI_SUCCESS);
		assert_null(synth_wrong(r.report));
		bad += !as_written(&r, &c);
		assert_true(r.report->windows_block_found);
		assert_int_equal(r.report->windows_block, r.m.block);
		assert_string_equal(r.report->windows_block_by, windows_cases[i].by);
		for (size_t k = 0; k < r.report->driver_count; k++) {
			assert_string_equal(r.report->drivers[k].name, r.m.driver[k].name);
			assert_int_equal(r.report->drivers[k].match, RTS_SCAN_EXACT);
			assert_int_equal(r.report->drivers[k].virtual_base,
					 r.m.driver[k].virtual_base);
		}
		if (r.without == 0)
			assert_int_equal(r.report->driver_count, 9);
		run_fini(&r);
	}
	assert_int_equal(bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),    cmocka_unit_test(test_rules),
		cmocka_unit_test(test_machine),  cmocka_unit_test(test_extract),
		cmocka_unit_test(test_parallel), cmocka_unit_test(test_stop),
		cmocka_unit_test(test_windows),  cmocka_unit_test(test_holes),
		cmocka_unit_test(test_jumps),    cmocka_unit_test(test_extract_raw),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
