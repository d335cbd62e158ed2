/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of machines for tests of scan: small runtime drivers as a loader leaves them,
 * the tables and lists of edk2, page tables, the operating system's copies. A machine is
 * built as firmware boots it and then handed over, so that a test can tamper with it before
 * SetVirtualAddressMap, or afterwards. All of it is right; a test breaks what it is about.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32.h"
#include "fv_build.h"
#include "pe_build.h"
#include "runtserv/fv.h"
#include "runtserv/pe.h"
#include "runtserv/scan.h"
#include "uefi/pi.h"
#include "uefi/services.h"

#define SYNTH_PAGE        4096U
#define SYNTH_DRIVERS_MAX 24U

/* ---- memory ---- */

/* Parts of physical memory, in ascending order. */
enum { LOW, KERNEL, FREE, BOOT, DATA, CODE, HIGH, SYNTH_AREAS };

struct synth_area {
	uint32_t type; /* EFI_MEMORY_TYPE */
	uint64_t start, end;
	uint64_t next;  /* what is not used yet */
	uint64_t delta; /* virtual - physical, 0: not mapped for firmware */
};

/* A driver as its file has it, and where it was loaded. */
struct synth_driver {
	const char *name;
	EFI_GUID guid;
	struct blob file;
	struct rts_pe_image pe;
	uint64_t base;
	uint64_t virtual_base; /* base before SetVirtualAddressMap */
	uint64_t log;          /* RelocationData */
	uint64_t entry;        /* of the image list; 0: it is in none */
	uint64_t text, data;   /* offsets */
	unsigned services;     /* a bit for each */
	bool event;
	bool late; /* after EndOfDxe: not in the memory attributes table */
	bool disk; /* not in the firmware: loaded from a file */
	bool boot; /* a boot services driver */
};

/* How the machine is run. */
struct synth_options {
	bool shell;     /* boot services are still there, nobody mapped anything */
	bool noruntime; /* an operating system that never calls SetVirtualAddressMap */
	bool la57;
	bool windows;
	bool split;    /* runtime code and data are mapped apart */
	bool no_map;   /* the operating system keeps no copy of the memory map */
	bool no_pages; /* its page tables are not in the image */
	const char
		*firmware; /* a real image with the drivers, in place of the small ones */
};

struct synth {
	struct synth_options opt;
	uint8_t *ram;
	size_t len;
	struct synth_area area[SYNTH_AREAS];
	struct synth_driver driver[SYNTH_DRIVERS_MAX];
	unsigned driver_count;
	struct blob firmware; /* what holds the drivers */
	struct rts_fv *fv;    /* of a real one */
	uint64_t arch;        /* EFI_RUNTIME_ARCH_PROTOCOL, in the first driver's data */
	uint64_t rt, st, config, mat, debug, debug_count;
	uint64_t linux_map, root, kernel_root;
	uint64_t nt, nt_virtual, block, table; /* Windows' kernel and copies, physical */
	unsigned levels;
};

/* Reads and writes at physical addresses: a test that misses fails at once. */
static inline uint8_t *at(struct synth *m, uint64_t pa, size_t len)
{
	if (pa > m->len || len > m->len - pa)
		abort();
	return m->ram + pa;
}

static inline void put(struct synth *m, uint64_t pa, const void *p, size_t len)
{
	memcpy(at(m, pa, len), p, len);
}

static inline void put32(struct synth *m, uint64_t pa, uint32_t v)
{
	put(m, pa, &v, sizeof v);
}

static inline void put64(struct synth *m, uint64_t pa, uint64_t v)
{
	put(m, pa, &v, sizeof v);
}

static inline uint32_t get32(struct synth *m, uint64_t pa)
{
	uint32_t v;

	memcpy(&v, at(m, pa, sizeof v), sizeof v);
	return v;
}

static inline uint64_t get64(struct synth *m, uint64_t pa)
{
	uint64_t v;

	memcpy(&v, at(m, pa, sizeof v), sizeof v);
	return v;
}

static inline uint64_t synth_alloc(struct synth *m, unsigned area, size_t len, size_t align)
{
	struct synth_area *a = &m->area[area];
	const uint64_t start = (a->next + align - 1) / align * align;

	a->next = start + len;
	if (a->next > a->end)
		abort();
	return start;
}

static inline uint64_t synth_page(struct synth *m, unsigned area)
{
	return synth_alloc(m, area, SYNTH_PAGE, SYNTH_PAGE);
}

/* Where the firmware has @pa once it runs at virtual addresses. */
static inline uint64_t synth_virtual(const struct synth *m, uint64_t pa)
{
	for (unsigned i = 0; i < SYNTH_AREAS && !m->opt.shell && !m->opt.noruntime; i++)
		if (pa >= m->area[i].start && pa < m->area[i].end)
			return pa + m->area[i].delta;
	return pa;
}

/* Puts the checksum of a table right. */
static inline void synth_seal(struct synth *m, uint64_t table)
{
	const uint32_t len = get32(m, table + offsetof(EFI_TABLE_HEADER, HeaderSize));
	const uint64_t crc = table + offsetof(EFI_TABLE_HEADER, CRC32);

	put32(m, crc, 0);
	put32(m, crc, crc32_update(0, at(m, table, len), len));
}

/* ---- drivers ---- */

/* What small drivers are like: functions of 128 bytes, the first ones those that firmware
 * calls; in .data pointers into the image, and then words that change. */
#define SYNTH_FUNCTION 128U
#define SYNTH_EVENT    RTS_SCAN_SERVICES /* the function behind the services */
#define SYNTH_ABSOLUTE 20U               /* one with an address in its code */
#define SYNTH_FIXUPS   24U
#define SYNTH_ARCH     0x400U /* in .data of the first one */
#define SYNTH_STATE    0x800U /* in .data */
#define SYNTH_TEXT     0x1000U

struct synth_spec {
	const char *name;
	unsigned services;
	bool event;
	bool high_header; /* at the end of the header's page, as GenFw puts it */
	bool no_reloc;
	bool absolute; /* a fixup in its code, as other compilers make them */
	uint32_t text_len;
	uint32_t seed; /* of its code */
};

enum {
	BIT_TIME = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3,
	BIT_CONVERT = 1 << 4 | 1 << 5,
	BIT_VARIABLE = 1 << 6 | 1 << 7 | 1 << 8 | 1 << 13,
	BIT_MONOTONIC = 1 << 9,
	BIT_RESET = 1 << 10,
	BIT_CAPSULE = 1 << 11 | 1 << 12,
};

/* The first one is that with the lists; the last one is in the firmware only. */
static const struct synth_spec synth_specs[] = {
	{"RuntimeDxe", BIT_CONVERT, false, true, false, false, 0x1000, 1},
	{"VariableRuntimeDxe", BIT_VARIABLE, true, true, false, false, 0x3000, 2},
	{"RealTimeClockRuntimeDxe", BIT_TIME, false, true, true, false, 0x1000, 3},
	{"ResetSystemRuntimeDxe", BIT_RESET, true, false, false, true, 0x1000, 4},
	{"CapsuleRuntimeDxe", BIT_CAPSULE, true, true, false, false, 0x1000, 5},
	{"MonotonicCounterRuntimeDxe", BIT_MONOTONIC, false, true, false, false, 0x1000, 6},
	{"StatusCodeRuntimeDxe", 0, true, true, false, false, 0x2000, 7},
	{"EmuVariableFvbRuntimeDxe", 0, false, true, false, false, 0x2000, 8},
};
#define SYNTH_SPECS  (sizeof synth_specs / sizeof *synth_specs)
#define SYNTH_LOADED (SYNTH_SPECS - 1)

static inline uint64_t synth_random(uint64_t *state)
{
	uint64_t v = *state += 0x9e3779b97f4a7c15;

	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9;
	v = (v ^ v >> 27) * 0x94d049bb133111eb;
	return v ^ v >> 31;
}

/* Code that begins as compilers begin functions and never jumps there. */
static inline void synth_code(uint8_t *text, uint32_t len, uint64_t seed)
{
	static const uint8_t begin[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x20};

	for (uint32_t i = 0; i < len; i++) {
		const uint32_t in = i % SYNTH_FUNCTION;

		if (in < sizeof begin)
			text[i] = begin[in];
		else if (in < SYNTH_FUNCTION - 8)
			text[i] = (uint8_t)synth_random(&seed);
		else
			text[i] = in == SYNTH_FUNCTION - 8 ? 0xc3 : 0xcc;
	}
}

static inline void synth_section(struct blob *b, const char *name, uint32_t start,
				 uint32_t len, uint32_t characteristics)
{
	PE_SECTION_HEADER s = {.VirtualSize = len,
			       .VirtualAddress = start,
			       .SizeOfRawData = len,
			       .PointerToRawData = start,
			       .Characteristics = characteristics};

	memcpy(s.Name, name, strlen(name));
	blob_put(b, &s, sizeof s);
}

/* The file of a small driver, its raw layout the virtual one. */
static inline struct blob synth_file(const struct synth_spec *spec, uint16_t subsystem)
{
	const uint32_t text = SYNTH_TEXT, data = text + spec->text_len;
	const uint32_t reloc = data + SYNTH_PAGE;
	const uint32_t size = reloc + (spec->no_reloc ? 0 : SYNTH_PAGE);
	const uint32_t nt = spec->high_header ? 0xe58 : 0x80;
	const uint64_t to_absolute = data + 0x20;
	PE_FILE_HEADER file = {.Machine = PE_MACHINE_X64,
			       .NumberOfSections = spec->no_reloc ? 2 : 3,
			       .SizeOfOptionalHeader =
				       sizeof(PE_OPTIONAL_HEADER) + PE_DIRECTORY_MAX * 8,
			       .Characteristics = 0x20e};
	PE_OPTIONAL_HEADER opt = {.Magic = PE32_PLUS_MAGIC,
				  .AddressOfEntryPoint = text + 31 * SYNTH_FUNCTION,
				  .BaseOfCode = text,
				  .SectionAlignment = SYNTH_PAGE,
				  .FileAlignment = SYNTH_PAGE,
				  .SizeOfImage = size,
				  .SizeOfHeaders = SYNTH_PAGE,
				  .Subsystem = subsystem,
				  .NumberOfRvaAndSizes = PE_DIRECTORY_MAX};
	PE_DATA_DIRECTORY dir[PE_DIRECTORY_MAX] = {{0, 0}};
	struct blob head = {0}, b = {0}, table = {0};
	static const uint8_t zero[4] = {0};

	if (!spec->no_reloc) {
		PE_BASE_RELOCATION block = {text, 12};
		uint16_t entry =
			PE_REL_BASED_DIR64 << 12 | (SYNTH_ABSOLUTE * SYNTH_FUNCTION + 26);

		if (spec->absolute) {
			blob_put(&table, &block, sizeof block);
			blob_put(&table, &entry, sizeof entry);
			blob_put(&table, zero, 2);
		}
		block = (PE_BASE_RELOCATION){data, 8 + 2 * SYNTH_FIXUPS};
		blob_put(&table, &block, sizeof block);
		for (unsigned i = 0; i < SYNTH_FIXUPS; i++) {
			entry = (uint16_t)(PE_REL_BASED_DIR64 << 12 | 8 * i);
			blob_put(&table, &entry, sizeof entry);
		}
		dir[PE_DIRECTORY_RELOC] = (PE_DATA_DIRECTORY){reloc, (uint32_t)table.n};
	}
	blob_put(&head, "PE\0\0", 4);
	blob_put(&head, &file, sizeof file);
	blob_put(&head, &opt, sizeof opt);
	blob_put(&head, dir, sizeof dir);
	synth_section(&head, ".text", text, spec->text_len,
		      PE_SECTION_CODE | PE_SECTION_EXECUTE | 0x40000000);
	synth_section(&head, ".data", data, SYNTH_PAGE, PE_SECTION_WRITE | 0x40000040);
	if (!spec->no_reloc)
		synth_section(&head, ".reloc", reloc, SYNTH_PAGE, 0x42000040);
	b.p = calloc(1, size);
	if (b.p == NULL || nt + head.n > SYNTH_PAGE || table.n > SYNTH_PAGE)
		abort();
	b.n = b.cap = size;
	memcpy(b.p, "MZ", 2);
	memcpy(b.p + PE_DOS_LFANEW, &nt, sizeof nt);
	memcpy(b.p + nt, head.p, head.n);
	synth_code(b.p + text, spec->text_len, spec->seed);
	if (spec->absolute)
		memcpy(b.p + text + SYNTH_ABSOLUTE * SYNTH_FUNCTION + 26, &to_absolute, 8);
	for (unsigned i = 0; i < SYNTH_FIXUPS && !spec->no_reloc; i++) {
		const uint64_t to = text + i * SYNTH_FUNCTION;

		memcpy(b.p + data + 8 * i, &to, sizeof to);
	}
	if (table.n > 0)
		memcpy(b.p + reloc, table.p, table.n);
	free(head.p);
	free(table.p);
	return b;
}

/* Where service or function @i of a driver begins, physical. */
static inline uint64_t synth_function(const struct synth_driver *d, unsigned i)
{
	return d->base + d->text + i * SYNTH_FUNCTION;
}

/* Where a header has its ImageBase. */
static inline uint64_t synth_header(struct synth *m, uint64_t base)
{
	return base + get32(m, base + PE_DOS_LFANEW) + 4 + sizeof(PE_FILE_HEADER);
}

/* What a loader does: places, relocates, writes its address into the header, and keeps the
 * values of the fixups. */
static inline void synth_place(struct synth *m, struct synth_driver *d, uint64_t base)
{
	size_t count;

	d->base = d->virtual_base = base;
	if (rts_pe_image_place(&d->pe, at(m, base, d->pe.size), base, NULL) != EFI_SUCCESS)
		abort();
	put64(m, synth_header(m, base) + offsetof(PE_OPTIONAL_HEADER, ImageBase), base);
	count = rts_pe_image_log(&d->pe, at(m, base, d->pe.size), NULL, 0);
	if (count == 0 || d->boot)
		return;
	d->log = synth_alloc(m, DATA, count * 8, 8);
	rts_pe_image_log(&d->pe, at(m, base, d->pe.size),
			 (uint64_t *)at(m, d->log, count * 8), count);
}

static inline struct synth_driver *synth_driver(struct synth *m, const char *name)
{
	for (unsigned i = 0; i < m->driver_count; i++)
		if (strcmp(m->driver[i].name, name) == 0)
			return &m->driver[i];
	abort();
}

/* Links an entry, whose LIST_ENTRY is @link, at the end of the list of @head. */
static inline void synth_link(struct synth *m, uint64_t head, uint64_t link)
{
	const uint64_t last = get64(m, head + 8);

	put64(m, link, head);
	put64(m, link + 8, last);
	put64(m, last, link);
	put64(m, head + 8, link);
}

static inline void synth_unlink(struct synth *m, uint64_t link)
{
	put64(m, get64(m, link + 8), get64(m, link));
	put64(m, get64(m, link) + 8, get64(m, link + 8));
}

static inline void synth_list_image(struct synth *m, struct synth_driver *d)
{
	EFI_RUNTIME_IMAGE_ENTRY e = {d->base, d->pe.size, d->log, 0xbad000, {0, 0}};

	d->entry = synth_alloc(m, DATA, sizeof e, 8);
	put(m, d->entry, &e, sizeof e);
	synth_link(m, m->arch + offsetof(EFI_RUNTIME_ARCH_PROTOCOL, ImageHead),
		   d->entry + offsetof(EFI_RUNTIME_IMAGE_ENTRY, Link));
}

/* A runtime event whose function is at @function, physical. */
static inline uint64_t synth_event(struct synth *m, uint32_t type, uint64_t function)
{
	EFI_RUNTIME_EVENT_ENTRY e = {type, 16, function, 0, 0, {0, 0}};
	const uint64_t pa = synth_alloc(m, DATA, sizeof e, 8);

	put(m, pa, &e, sizeof e);
	synth_link(m, m->arch + offsetof(EFI_RUNTIME_ARCH_PROTOCOL, EventHead),
		   pa + offsetof(EFI_RUNTIME_EVENT_ENTRY, Link));
	return pa;
}

/* Loads a driver while firmware boots: lists, its event, and the services that it gives. */
static inline struct synth_driver *synth_load(struct synth *m,
					      const struct synth_driver *from)
{
	struct synth_driver *d;

	if (m->driver_count == SYNTH_DRIVERS_MAX)
		abort();
	d = &m->driver[m->driver_count++];
	*d = *from;
	if (d->base == 0)
		d->base = synth_alloc(m, d->boot ? BOOT : CODE, d->pe.size, SYNTH_PAGE);
	synth_place(m, d, d->base);
	if (d->boot)
		return d;
	if (m->arch == 0) { /* the first one, whose data has the lists */
		EFI_RUNTIME_ARCH_PROTOCOL arch = {.MemoryDescriptorSize = 48,
						  .MemoryDescriptorVersion = 1};

		m->arch = d->base + d->data + SYNTH_ARCH;
		arch.ImageHead = (LIST_ENTRY){m->arch, m->arch};
		arch.EventHead = (LIST_ENTRY){m->arch + 16, m->arch + 16};
		put(m, m->arch, &arch, sizeof arch);
	}
	synth_list_image(m, d);
	if (d->event)
		synth_event(m, 0x60000202, synth_function(d, SYNTH_EVENT));
	return d;
}

/* A small driver that is in no firmware image. The caller says what it is by changing the
 * specification. */
static inline struct synth_driver *synth_load_file(struct synth *m,
						   const struct synth_spec *spec)
{
	struct synth_driver d = {.name = spec->name,
				 .file = synth_file(spec, PE_SUBSYSTEM_RUNTIME_DRIVER),
				 .text = SYNTH_TEXT,
				 .data = SYNTH_TEXT + spec->text_len,
				 .services = spec->services,
				 .event = spec->event,
				 .late = true,
				 .disk = true};

	if (rts_pe_image_read((struct bytes){d.file.p, d.file.n}, NULL, &d.pe) !=
	    EFI_SUCCESS)
		abort();
	return synth_load(m, &d);
}

/* ---- firmware as it boots ---- */

static inline void synth_areas(struct synth *m)
{
	/* in pages */
	static const uint64_t small[] = {0x08, 0x28, 0x38, 0x58, 0x68, 0xa8, 0xb8};
	static const uint64_t large[] = {0x20, 0x200, 0x280, 0x300, 0x340, 0x5c0, 0x600};
	static const uint32_t types[] = {
		[LOW] = EfiConventionalMemory,   [KERNEL] = EfiLoaderData,
		[FREE] = EfiConventionalMemory,  [BOOT] = EfiBootServicesData,
		[DATA] = EfiRuntimeServicesData, [CODE] = EfiRuntimeServicesCode,
		[HIGH] = EfiConventionalMemory,
	};
	const uint64_t *end = m->opt.firmware != NULL ? large : small;
	const uint64_t base = m->opt.windows ? 0xfffff80010000000 : 0xfffffffefee00000;
	uint64_t start = 0;

	for (unsigned i = 0; i < SYNTH_AREAS; i++) {
		m->area[i] = (struct synth_area){.type = types[i],
						 .start = start,
						 .end = end[i] * SYNTH_PAGE,
						 .next = start};
		start = m->area[i].end;
	}
	m->len = start;
	m->ram = calloc(1, m->len);
	if (m->ram == NULL)
		abort();
	m->area[DATA].delta = base;
	m->area[CODE].delta = m->opt.split ? base - 0x40000000 : base;
	if (!m->opt.windows)
		m->area[BOOT].delta = base - 0x10000000;
}

/* The small drivers, and the volume that they come from. */
static inline void synth_small_firmware(struct synth *m)
{
	struct blob files = {0};

	for (unsigned i = 0; i < SYNTH_SPECS; i++) {
		const struct synth_spec *spec = &synth_specs[i];
		struct synth_driver d = {
			.name = spec->name,
			.guid = fv_guid(i + 1),
			.file = synth_file(spec, PE_SUBSYSTEM_RUNTIME_DRIVER),
			.text = SYNTH_TEXT,
			.data = SYNTH_TEXT + spec->text_len,
			.services = spec->services,
			.event = spec->event};

		if (rts_pe_image_read((struct bytes){d.file.p, d.file.n}, NULL, &d.pe) !=
		    EFI_SUCCESS)
			abort();
		blob_pad(&files, 8, 0xff);
		{
			struct blob file =
				fv_file_of(d.guid, EFI_FV_FILETYPE_DRIVER, 0,
					   fv_join(fv_section(EFI_SECTION_PE32, false,
							      blob_of(d.file.p, d.file.n)),
						   fv_ui(d.name), FV_END));

			blob_put(&files, file.p, file.n);
			free(file.p);
		}
		if (i < SYNTH_LOADED)
			synth_load(m, &d);
		else
			free(d.file.p);
	}
	m->firmware = fv_volume(false, false, 512, files);
}

/* Offset of code that may well be a function's first, and is no jump. */
static inline uint64_t synth_find_function(const uint8_t *text, size_t len, unsigned nth)
{
	for (size_t i = 16; i + 64 < len; i += 16)
		if (text[i] == 0x48 && text[i + 1] >= 0x83 && text[i + 1] <= 0x8d &&
		    nth-- == 0)
			return i;
	abort();
}

/* The runtime drivers that OVMF loads, from the image that is @m->opt.firmware; the small
 * ones' names are theirs. False: there is no such file. */
static inline bool synth_real_firmware(struct synth *m)
{
	FILE *f = fopen(m->opt.firmware, "rb");
	uint8_t buf[65536];
	size_t n;

	if (f == NULL)
		return false;
	while ((n = fread(buf, 1, sizeof buf, f)) > 0)
		blob_put(&m->firmware, buf, n);
	fclose(f);
	if (rts_fv_open((struct bytes){m->firmware.p, m->firmware.n}, NULL, &m->fv) !=
	    EFI_SUCCESS)
		abort();
	for (unsigned pass = 0; pass < 2;
	     pass++) /* RuntimeDxe has the lists: it is first */
		for (size_t i = 0; i < rts_fv_file_count(m->fv); i++) {
			const struct rts_fv_file *file = rts_fv_file(m->fv, i);
			struct synth_driver d = {.guid = file->guid, .name = file->name};
			struct rts_pe_section s;

			if (file->image.n == 0 || file->name == NULL ||
			    (strcmp(file->name, "RuntimeDxe") != 0) != pass ||
			    strcmp(file->name, "EmuVariableFvbRuntimeDxe") == 0 ||
			    rts_pe_image_read(file->image, NULL, &d.pe) != EFI_SUCCESS ||
			    d.pe.subsystem != PE_SUBSYSTEM_RUNTIME_DRIVER)
				continue;
			for (unsigned k = 0; rts_pe_image_section(&d.pe, k, &s); k++) {
				if (s.execute)
					d.text = s.start;
				else if (strcmp(s.name, ".data") == 0)
					d.data = s.start + s.size / 16 * 8;
			}
			for (unsigned k = 0; k < SYNTH_SPECS; k++)
				if (strcmp(synth_specs[k].name, d.name) == 0)
					d.services = synth_specs[k].services;
			if (strcmp(d.name, "PcRtc") == 0)
				d.services = BIT_TIME;
			synth_load(m, &d);
		}
	return true;
}

/* Where service @i begins, physical: in the small drivers at its own function. */
static inline uint64_t synth_service(struct synth *m, unsigned i)
{
	for (unsigned k = 0; k < m->driver_count; k++) {
		const struct synth_driver *d = &m->driver[k];

		if ((d->services & 1U << i) == 0 || d->disk)
			continue;
		if (d->file.p != NULL)
			return synth_function(d, i);
		return d->base + d->text +
		       synth_find_function(at(m, d->base + d->text, d->pe.size / 2),
					   d->pe.size / 2, i % 4);
	}
	abort();
}

static inline void synth_table(struct synth *m, uint64_t pa, uint64_t signature,
			       uint32_t len)
{
	EFI_TABLE_HEADER h = {
		.Signature = signature, .Revision = 0x20046, .HeaderSize = len};

	put(m, pa, &h, sizeof h);
}

static inline uint64_t synth_field(const struct synth *m, unsigned service)
{
	return m->rt + sizeof(EFI_TABLE_HEADER) + 8 * service;
}

/* Signatures and all of templates and copies, as firmware has them in its own data. */
static inline void synth_lookalikes(struct synth *m)
{
	const uint64_t pa = synth_alloc(m, BOOT, 4096, 8);

	put(m, pa + 8, "RUNTSERV", 8);
	synth_table(m, pa + 0x100, EFI_RUNTIME_SERVICES_SIGNATURE,
		    sizeof(EFI_RUNTIME_SERVICES));
	synth_table(m, pa + 0x200, EFI_SYSTEM_TABLE_SIGNATURE, sizeof(EFI_SYSTEM_TABLE));
	put(m, pa + 0x304, "RUNTSERV", 8); /* not aligned */
	put(m, m->len - 8, "RUNTSERV", 8); /* the last word of memory */
}

#define SYNTH_CONFIG_TABLES 3U
static const EFI_GUID synth_debug_guid = {
	0x49152e77, 0x1ada, 0x4764, {0xb7, 0xa2, 0x7a, 0xfe, 0xfe, 0xd9, 0x5e, 0x8b}};

static inline void synth_tables(struct synth *m)
{
	static const CHAR16 vendor[] = {'T', 'e', 's', 't', 0};
	static const EFI_GUID mat = EFI_MEMORY_ATTRIBUTES_TABLE_GUID,
			      hob = EFI_HOB_LIST_GUID;
	uint64_t text;

	m->rt = synth_alloc(m, DATA, sizeof(EFI_RUNTIME_SERVICES), 8);
	m->st = synth_alloc(m, DATA, sizeof(EFI_SYSTEM_TABLE), 8);
	m->config = synth_alloc(m, DATA, SYNTH_CONFIG_TABLES * 24, 8);
	text = synth_alloc(m, DATA, sizeof vendor, 8);
	m->mat = synth_alloc(m, BOOT, 16 + 48 * 3 * SYNTH_DRIVERS_MAX, 16);
	m->debug = synth_alloc(m, BOOT, 16, 8);
	synth_table(m, m->rt, EFI_RUNTIME_SERVICES_SIGNATURE, sizeof(EFI_RUNTIME_SERVICES));
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++)
		put64(m, synth_field(m, i), synth_service(m, i));
	synth_table(m, m->st, EFI_SYSTEM_TABLE_SIGNATURE, sizeof(EFI_SYSTEM_TABLE));
	put(m, text, vendor, sizeof vendor);
	put64(m, m->st + offsetof(EFI_SYSTEM_TABLE, FirmwareVendor), text);
	put64(m, m->st + offsetof(EFI_SYSTEM_TABLE, RuntimeServices), m->rt);
	put64(m, m->st + offsetof(EFI_SYSTEM_TABLE, NumberOfTableEntries),
	      SYNTH_CONFIG_TABLES);
	put64(m, m->st + offsetof(EFI_SYSTEM_TABLE, ConfigurationTable), m->config);
	put(m, m->config, &hob, 16);
	put64(m, m->config + 16, m->area[FREE].start + 0x18); /* given back since */
	put(m, m->config + 24, &mat, 16);
	put64(m, m->config + 24 + 16, m->mat);
	put(m, m->config + 48, &synth_debug_guid, 16);
	put64(m, m->config + 48 + 16, m->debug);
	synth_seal(m, m->rt);
	synth_seal(m, m->st);
	synth_lookalikes(m);
}

static inline void synth_new(struct synth *m, const struct synth_options *opt)
{
	static const struct synth_spec boot_specs[] = {
		{"DiskIoDxe", 0, false, true, false, false, 0x1000, 31},
		{"PartitionDxe", 0, false, true, true, false, 0x1000, 32},
	};

	*m = (struct synth){.opt = *opt};
	synth_areas(m);
	if (opt->firmware == NULL)
		synth_small_firmware(m);
	else if (!synth_real_firmware(m))
		abort();
	for (unsigned i = 0; i < 2; i++) {
		struct synth_driver d = {
			.name = boot_specs[i].name,
			.guid = fv_guid(100 + i),
			.file = synth_file(&boot_specs[i],
					   PE_SUBSYSTEM_BOOT_SERVICE_DRIVER),
			.boot = true};

		if (rts_pe_image_read((struct bytes){d.file.p, d.file.n}, NULL, &d.pe) !=
		    EFI_SUCCESS)
			abort();
		synth_load(m, &d);
	}
	synth_tables(m);
}

/* More memory, in the last part. Before anything is handed over. */
static inline void synth_grow(struct synth *m, size_t len)
{
	uint8_t *ram = realloc(m->ram, len);

	if (ram == NULL)
		abort();
	memset(ram + m->len, 0, len - m->len);
	m->ram = ram;
	m->len = m->area[HIGH].end = len;
}

static inline void synth_fini(struct synth *m)
{
	for (unsigned i = 0; i < m->driver_count; i++)
		free(m->driver[i].file.p);
	rts_fv_free(m->fv);
	free(m->firmware.p);
	free(m->ram);
	*m = (struct synth){.ram = NULL};
}

/* ---- handing over ---- */

static inline void synth_descriptor(struct synth *m, uint64_t pa, uint32_t type,
				    uint64_t start, uint64_t pages, uint64_t virt,
				    uint64_t attributes)
{
	EFI_MEMORY_DESCRIPTOR d = {.Type = type,
				   .PhysicalStart = start,
				   .VirtualStart = virt,
				   .NumberOfPages = pages,
				   .Attribute = attributes};

	put(m, pa, &d, sizeof d);
}

/* Of each driver the header, its code, what follows; late ones are left out. */
static inline void synth_attributes(struct synth *m)
{
	EFI_MEMORY_ATTRIBUTES_TABLE head = {.Version = 1, .DescriptorSize = 48};

	for (unsigned i = 0; i < m->driver_count; i++) {
		const struct synth_driver *d = &m->driver[i];
		struct rts_pe_section s;
		uint64_t start = d->base, end;

		for (unsigned k = 0;
		     !d->boot && !d->late && rts_pe_image_section(&d->pe, k, &s); k++) {
			if (!s.execute)
				continue;
			end = d->base + s.start + (s.size + 0xfffULL) / 0x1000 * 0x1000;
			synth_descriptor(m, m->mat + 16 + 48ULL * head.NumberOfEntries++,
					 EfiRuntimeServicesCode, start,
					 (d->base + s.start - start) / SYNTH_PAGE, 0,
					 EFI_MEMORY_RUNTIME | EFI_MEMORY_XP);
			synth_descriptor(m, m->mat + 16 + 48ULL * head.NumberOfEntries++,
					 EfiRuntimeServicesCode, d->base + s.start,
					 (end - d->base - s.start) / SYNTH_PAGE, 0,
					 EFI_MEMORY_RUNTIME | EFI_MEMORY_RO);
			start = end;
		}
		if (start != d->base)
			synth_descriptor(m, m->mat + 16 + 48ULL * head.NumberOfEntries++,
					 EfiRuntimeServicesCode, start,
					 (d->base + d->pe.size - start + 0xfff) /
						 SYNTH_PAGE,
					 0, EFI_MEMORY_RUNTIME | EFI_MEMORY_XP);
	}
	synth_descriptor(m, m->mat + 16 + 48ULL * head.NumberOfEntries++,
			 EfiRuntimeServicesData, m->area[DATA].start,
			 (m->area[DATA].end - m->area[DATA].start) / SYNTH_PAGE, 0,
			 EFI_MEMORY_RUNTIME | EFI_MEMORY_XP);
	put(m, m->mat, &head, sizeof head);
}

/* The path of a file: in a firmware volume, or "\name.efi" on a disk. */
static inline uint64_t synth_path(struct synth *m, const struct synth_driver *d)
{
	const uint64_t pa = synth_alloc(m, BOOT, 256, 8);
	uint8_t node[256] = {4, 6, 20};
	size_t len = 20;

	if (d->disk) {
		node[1] = 4;
		for (size_t i = 0; i <= strlen(d->name) + 1; i++)
			node[4 + 2 * i] = (uint8_t)(i == 0 ? '\\' : d->name[i - 1]);
		len = 4 + 2 * (strlen(d->name) + 2);
		node[2] = (uint8_t)len;
	} else {
		memcpy(node + 4, &d->guid, sizeof d->guid);
	}
	memcpy(node + len, "\x7f\xff\x04\x00", 4);
	put(m, pa, node, len + 4);
	return pa;
}

static inline void synth_debug(struct synth *m)
{
	const uint64_t list = synth_alloc(m, BOOT, 8 * (m->driver_count + 1), 8);

	m->debug_count = m->driver_count + 1; /* the first one was unloaded: 0 */
	put32(m, m->debug, 0);
	put32(m, m->debug + 4, (uint32_t)m->debug_count);
	put64(m, m->debug + 8, list);
	for (unsigned i = 0; i < m->driver_count; i++) {
		const struct synth_driver *d = &m->driver[i];
		const uint64_t info = synth_alloc(m, BOOT, 24, 8);
		const uint64_t image = synth_alloc(m, BOOT, 96, 8);

		put64(m, list + 8 * (i + 1), info);
		put32(m, info, 1);
		put64(m, info + 8, image);
		put32(m, image, 0x1000);
		put64(m, image + 32, synth_path(m, d));
		put64(m, image + 64, d->base);
		put64(m, image + 72, d->pe.size);
		put32(m, image + 80,
		      d->boot ? EfiBootServicesCode : EfiRuntimeServicesCode);
		put32(m, image + 84,
		      d->boot ? EfiBootServicesData : EfiRuntimeServicesData);
	}
}

/* What drivers do to their data while they run. */
static inline void synth_run(struct synth *m)
{
	for (unsigned i = 0; i < m->driver_count; i++)
		if (m->driver[i].file.p != NULL && !m->driver[i].boot)
			for (unsigned k = 0; k < 64; k++)
				put64(m,
				      m->driver[i].base + m->driver[i].data + SYNTH_STATE +
					      8 * k,
				      0x1234567890abcdefULL * (k + 1));
}

/* SetVirtualAddressMap: the tables but for two services, all images but the first one. */
static inline void synth_convert(struct synth *m)
{
	static const size_t fields[] = {offsetof(EFI_SYSTEM_TABLE, FirmwareVendor),
					offsetof(EFI_SYSTEM_TABLE, RuntimeServices),
					offsetof(EFI_SYSTEM_TABLE, ConfigurationTable)};

	for (unsigned i = 0; i < m->driver_count; i++) {
		struct synth_driver *d = &m->driver[i];

		if (d->boot)
			continue;
		d->virtual_base = synth_virtual(m, d->base);
		if (i > 0 && rts_pe_image_move(&d->pe, at(m, d->base, d->pe.size), d->base,
					       d->virtual_base, NULL, NULL) != EFI_SUCCESS)
			abort();
	}
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++)
		if (i != 4 && i != 5)
			put64(m, synth_field(m, i),
			      synth_virtual(m, get64(m, synth_field(m, i))));
	for (unsigned i = 0; i < 3; i++)
		put64(m, m->st + fields[i], synth_virtual(m, get64(m, m->st + fields[i])));
	synth_seal(m, m->rt);
	synth_seal(m, m->st);
}

/* ---- page tables ---- */

#define PTE_PRESENT 1ULL
#define PTE_WRITE   2ULL
#define PTE_LARGE   0x80ULL
#define PTE_NX      (1ULL << 63)
#define PTE_ADDRESS 0x000ffffffffff000ULL

/* Maps one page of 4 KiB, or with PTE_LARGE in @flags of 2 MiB. */
static inline void synth_map(struct synth *m, uint64_t root, uint64_t va, uint64_t pa,
			     uint64_t flags)
{
	const unsigned last = (flags & PTE_LARGE) != 0 ? 2 : 1;
	uint64_t table = root;

	for (unsigned level = m->levels; level > last; level--) {
		const uint64_t entry = table + 8 * (va >> (12 + 9 * (level - 1)) & 511);

		if (get64(m, entry) == 0)
			put64(m, entry,
			      synth_page(m, KERNEL) | PTE_PRESENT | PTE_WRITE | 0x60);
		table = get64(m, entry) & PTE_ADDRESS;
	}
	put64(m, table + 8 * (va >> (12 + 9 * (last - 1)) & 511),
	      pa | flags | PTE_PRESENT | 0x60);
}

/* The kernel's own view: all memory, in one place, and its code in another. */
static inline uint64_t synth_kernel_tables(struct synth *m)
{
	const uint64_t root = synth_page(m, KERNEL);
	const uint64_t all = m->opt.la57      ? 0xff11000000000000
			     : m->opt.windows ? 0xffff988000000000
					      : 0xffff888000000000;

	for (uint64_t pa = 0; pa < m->len; pa += 2U << 20)
		synth_map(m, root, all + pa, pa, PTE_WRITE | PTE_LARGE | PTE_NX);
	if (!m->opt.windows)
		synth_map(m, root, 0xffffffff81000000, 0, PTE_LARGE);
	return root;
}

/* Firmware's areas at its virtual addresses: data cannot be executed. */
static inline void synth_map_firmware(struct synth *m, uint64_t root)
{
	for (unsigned i = 0; i < SYNTH_AREAS; i++) {
		const struct synth_area *a = &m->area[i];

		for (uint64_t pa = a->start; a->delta != 0 && pa < a->end; pa += SYNTH_PAGE)
			synth_map(m, root, pa + a->delta, pa,
				  PTE_WRITE | (i == CODE ? 0 : PTE_NX));
	}
}

/* ---- Linux ---- */

#define SYNTH_STRIDE 48U

/* A copy of the memory map, in which nothing is mapped yet, or all is. */
static inline void synth_map_copy(struct synth *m, bool mapped)
{
	unsigned n = 0;

	m->linux_map = synth_page(m, KERNEL);
	for (unsigned i = 0; i < SYNTH_AREAS; i++) {
		const struct synth_area *a = &m->area[i];
		const bool runtime = i == DATA || i == CODE;

		synth_descriptor(m, m->linux_map + SYNTH_STRIDE * n++, a->type, a->start,
				 (a->end - a->start) / SYNTH_PAGE,
				 a->delta != 0 && mapped ? a->start + a->delta : 0,
				 0xf | (runtime ? EFI_MEMORY_RUNTIME : 0));
	}
	synth_descriptor(m, m->linux_map + SYNTH_STRIDE * n++, EfiMemoryMappedIO,
			 0xffc00000, 0x400, mapped ? 0xfffffffede000000 : 0,
			 EFI_MEMORY_RUNTIME | EFI_MEMORY_UC);
}

static inline void synth_linux(struct synth *m)
{
	m->kernel_root = synth_kernel_tables(m);
	if (!m->opt.noruntime && !m->opt.no_pages) {
		m->root = synth_kernel_tables(m);
		synth_map_firmware(m, m->root);
	}
	if (!m->opt.no_map)
		synth_map_copy(m, !m->opt.noruntime);
}

/* ---- Windows ---- */

#define SYNTH_NT       0xfffff80340000000ULL
#define SYNTH_NT_PAGES 5U /* header, .text, CFGRO, .data, the loader's copy */
#define SYNTH_CFGRO    2U
static const uint8_t synth_block[9] = {0, 1, 10, 6, 7, 8, 11, 12, 13};

/* A kernel whose pages lie in memory in another order. */
static inline void synth_kernel(struct synth *m, uint64_t page[SYNTH_NT_PAGES])
{
	PE_FILE_HEADER file = {.Machine = PE_MACHINE_X64,
			       .NumberOfSections = 3,
			       .SizeOfOptionalHeader =
				       sizeof(PE_OPTIONAL_HEADER) + PE_DIRECTORY_MAX * 8,
			       .Characteristics = 0x22};
	PE_OPTIONAL_HEADER opt = {.Magic = PE32_PLUS_MAGIC,
				  .ImageBase = SYNTH_NT,
				  .SectionAlignment = SYNTH_PAGE,
				  .FileAlignment = SYNTH_PAGE,
				  .SizeOfImage = SYNTH_NT_PAGES * SYNTH_PAGE,
				  .SizeOfHeaders = SYNTH_PAGE,
				  .Subsystem = 1,
				  .NumberOfRvaAndSizes = PE_DIRECTORY_MAX};
	static const uint8_t dir[PE_DIRECTORY_MAX * 8];
	const uint32_t nt = 0x108;
	struct blob head = blob_of("PE\0\0", 4);

	for (unsigned i = SYNTH_NT_PAGES; i-- > 0;)
		page[i] = synth_page(m, KERNEL);
	for (unsigned i = 0; i < SYNTH_NT_PAGES; i++)
		synth_map(m, m->root, SYNTH_NT + i * SYNTH_PAGE, page[i],
			  i == 1 ? 0 : PTE_WRITE | PTE_NX);
	blob_put(&head, &file, sizeof file);
	blob_put(&head, &opt, sizeof opt);
	blob_put(&head, dir, sizeof dir);
	synth_section(&head, ".text", SYNTH_PAGE, SYNTH_PAGE, 0x68000020);
	synth_section(&head, "CFGRO", SYNTH_CFGRO * SYNTH_PAGE, SYNTH_PAGE, 0x48000040);
	synth_section(&head, ".data", 3 * SYNTH_PAGE, 2 * SYNTH_PAGE, 0xc8000040);
	put(m, page[0], "MZ", 2);
	put32(m, page[0] + PE_DOS_LFANEW, nt);
	put(m, page[0] + nt, head.p, head.n);
	free(head.p);
	synth_code(at(m, page[1], SYNTH_PAGE), SYNTH_PAGE, 99);
}

static inline void synth_windows(struct synth *m)
{
	const uint64_t in_data = 0x128, in_loader = 0x248;
	uint64_t page[SYNTH_NT_PAGES];

	m->root = m->kernel_root = synth_kernel_tables(m);
	put64(m, m->root + 8 * 0x1ed, m->root | PTE_PRESENT | PTE_WRITE | PTE_NX | 0x60);
	synth_map_firmware(m, m->root);
	synth_kernel(m, page);
	m->nt = page[0];
	m->nt_virtual = SYNTH_NT;
	m->block = page[3] + in_data;
	m->table = page[4] + in_loader;
	for (unsigned i = 0; i < sizeof synth_block; i++)
		put64(m, m->block + 8 * i, get64(m, synth_field(m, synth_block[i])));
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++)
		put64(m, m->table + 8 * i, get64(m, synth_field(m, i)));
	/* pointers to functions of its own, and to the block */
	for (unsigned i = 0; i < 10; i++)
		put64(m, page[SYNTH_CFGRO] + 8 * i,
		      i == 2 ? SYNTH_NT + 3 * SYNTH_PAGE + in_data
			     : SYNTH_NT + SYNTH_PAGE + i * SYNTH_FUNCTION);
	/* a table of its own functions, as there are many */
	for (unsigned i = 0; i < 9; i++)
		put64(m, page[3] + 0x800 + 8 * i,
		      SYNTH_NT + SYNTH_PAGE + i * SYNTH_FUNCTION);
}

/* ExitBootServices, and what comes with it: nothing is left of the firmware's own tables
 * but what the specification keeps. */
static inline void synth_hand_over(struct synth *m)
{
	m->levels = m->opt.la57 ? 5 : 4;
	synth_attributes(m);
	synth_debug(m);
	synth_run(m);
	if (m->opt.shell) {
		const uint64_t bs = synth_alloc(m, BOOT, sizeof(EFI_BOOT_SERVICES), 8);

		synth_table(m, bs, EFI_BOOT_SERVICES_SIGNATURE, sizeof(EFI_BOOT_SERVICES));
		synth_seal(m, bs);
		put64(m, m->st + offsetof(EFI_SYSTEM_TABLE, BootServices), bs);
		synth_seal(m, m->st);
		return;
	}
	if (!m->opt.noruntime)
		synth_convert(m);
	if (m->opt.windows)
		synth_windows(m);
	else
		synth_linux(m);
}

/* ---- images of it ---- */

/* Memory but for the areas in @without (a bit for each): how many ranges. */
static inline size_t synth_ranges(const struct synth *m, unsigned without,
				  struct rts_scan_span ret[SYNTH_AREAS])
{
	size_t n = 0;

	for (unsigned i = 0; i < SYNTH_AREAS; i++) {
		const struct synth_area *a = &m->area[i];

		if ((without & 1U << i) != 0)
			continue;
		if (n > 0 && ret[n - 1].start + ret[n - 1].len == a->start)
			ret[n - 1].len += a->end - a->start;
		else
			ret[n++] = (struct rts_scan_span){a->start, a->end - a->start};
	}
	return n;
}

static inline struct blob synth_lime(const struct synth *m, unsigned without)
{
	struct rts_scan_span r[SYNTH_AREAS];
	const size_t n = synth_ranges(m, without, r);
	struct blob b = {0};

	for (size_t i = 0; i < n; i++) {
		const uint32_t magic[2] = {0x4c694d45, 1};
		const uint64_t rest[3] = {r[i].start, r[i].start + r[i].len - 1, 0};

		blob_put(&b, magic, sizeof magic);
		blob_put(&b, rest, sizeof rest);
		blob_put(&b, m->ram + r[i].start, r[i].len);
	}
	return b;
}

/* The same without the pages in @lost (a byte for each). */
static inline struct blob synth_lime_pages(const struct synth *m, const uint8_t *lost)
{
	const size_t pages = m->len / SYNTH_PAGE;
	struct blob b = {0};

	for (size_t i = 0, n; i < pages; i += n) {
		const uint32_t magic[2] = {0x4c694d45, 1};

		for (n = 0; i + n < pages && lost[i + n] == 0; n++)
			;
		if (n > 0) {
			const uint64_t rest[3] = {i * SYNTH_PAGE, (i + n) * SYNTH_PAGE - 1,
						  0};

			blob_put(&b, magic, sizeof magic);
			blob_put(&b, rest, sizeof rest);
			blob_put(&b, m->ram + i * SYNTH_PAGE, n * SYNTH_PAGE);
		}
		n += n == 0;
	}
	return b;
}

static inline struct blob synth_windows_dump(const struct synth *m, unsigned without)
{
	struct rts_scan_span r[SYNTH_AREAS];
	const size_t n = synth_ranges(m, without, r);
	uint8_t head[0x2000] = "PAGEDU64";
	const uint32_t machine = 0x8664, count = (uint32_t)n, full = 1;
	uint64_t pages = 0;
	struct blob b = {0};

	for (size_t i = 0; i < n; i++) {
		const uint64_t run[2] = {r[i].start / SYNTH_PAGE, r[i].len / SYNTH_PAGE};

		memcpy(head + 0x98 + 16 * i, run, sizeof run);
		pages += run[1];
	}
	memcpy(head + 0x10, &m->root, 8);
	memcpy(head + 0x30, &machine, 4);
	memcpy(head + 0x88, &count, 4);
	memcpy(head + 0x90, &pages, 8);
	memcpy(head + 0xf98, &full, 4);
	blob_put(&b, head, sizeof head);
	for (size_t i = 0; i < n; i++)
		blob_put(&b, m->ram + r[i].start, r[i].len);
	return b;
}

/* A kdump file with all of memory, stored plainly, of which the pages in @lost (a byte for
 * each) cannot be read. */
static inline struct blob synth_kdump(const struct synth *m, const uint8_t *lost)
{
	const size_t pages = m->len / SYNTH_PAGE, block = SYNTH_PAGE;
	const uint32_t version = 6, layout[4] = {SYNTH_PAGE, 1, 2, (uint32_t)pages};
	const uint64_t first = 4 * block + pages * 24;
	struct blob b = {.p = calloc(1, 4 * block)};

	if (b.p == NULL || pages > 8 * block)
		abort();
	b.n = b.cap = 4 * block;
	memcpy(b.p, "KDUMP   ", 8);
	memcpy(b.p + 8, &version, sizeof version);
	memcpy(b.p + 272, "x86_64", 7);
	memcpy(b.p + 428, layout, sizeof layout);
	memcpy(b.p + block + 96, &pages, sizeof pages);
	for (size_t i = 0; i < pages; i++) {
		b.p[2 * block + i / 8] |= (uint8_t)(1 << i % 8);
		b.p[3 * block + i / 8] |= (uint8_t)(1 << i % 8);
	}
	for (size_t i = 0; i < pages; i++) {
		const uint64_t at = first + i * SYNTH_PAGE, flags = 0;
		const uint32_t len[2] = {lost[i] != 0 ? 1 : SYNTH_PAGE, 0};

		blob_put(&b, &at, sizeof at);
		blob_put(&b, len, sizeof len);
		blob_put(&b, &flags, sizeof flags);
	}
	blob_put(&b, m->ram, m->len);
	return b;
}

/* ---- a hash that is fast and good for nothing else ---- */

struct synth_hash {
	uint64_t word[4];
};

static void *synth_hash_begin(void *ctx)
{
	(void)ctx;
	return calloc(1, sizeof(struct synth_hash));
}

static void synth_hash_put(void *hash, const void *p, size_t n)
{
	struct synth_hash *h = hash;
	const uint8_t *b = p;

	for (size_t i = 0; i < n; i++)
		h->word[i % 4] = (h->word[i % 4] ^ b[i]) * 0x100000001b3 + 1;
}

static void synth_hash_end(void *hash, uint8_t ret[RTS_SCAN_HASH_LEN])
{
	memcpy(ret, hash, RTS_SCAN_HASH_LEN);
	free(hash);
}

static const struct rts_scan_hash_ops synth_hash_ops = {
	.begin = synth_hash_begin,
	.put = synth_hash_put,
	.end = synth_hash_end,
};

/* ---- what holds of every report ---- */

static inline const char *synth_wrong_order(const struct rts_scan_finding *a,
					    const struct rts_scan_finding *b)
{
	if (a->severity != b->severity)
		return a->severity > b->severity ? "a finding after a lighter one" : NULL;
	if (a->rule != b->rule)
		return a->rule > b->rule ? "rules out of order" : NULL;
	return a->address > b->address ? "addresses out of order" : NULL;
}

/* Looks at all of it: what is wrong, or NULL. */
static inline const char *synth_wrong(const struct rts_scan_report *r)
{
	const char *wrong = NULL;

	for (size_t i = 0; i < r->finding_count; i++) {
		const struct rts_scan_finding *f = &r->findings[i];

		if (f->rule >= RTS_SCAN_RULES || f->driver < -1 ||
		    f->driver >= (int)r->driver_count)
			return "a finding of nothing";
		if (f->text == NULL || f->text[0] == 0 ||
		    (f->innocent_if != NULL && f->innocent_if[0] == 0))
			return "a finding without a text";
		if (i > 0 && wrong == NULL)
			wrong = synth_wrong_order(f - 1, f);
	}
	for (size_t i = 0; i < r->driver_count; i++) {
		const struct rts_scan_driver *d = &r->drivers[i];
		volatile uint8_t sink = 0;

		if (i > 0 && d->base <= d[-1].base)
			wrong = "drivers out of order";
		for (size_t k = 0; d->file != NULL && k < d->file_len; k++)
			sink = d->file[k]; /* all of it is there */
		if ((d->name != NULL && strlen(d->name) > 4096) ||
		    (d->path != NULL && strlen(d->path) > 65536))
			wrong = "a name that is none";
		(void)sink;
	}
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++)
		if (r->services[i].driver < -1 ||
		    r->services[i].driver >= (int)r->driver_count ||
		    strcmp(r->services[i].name, rts_scan_service_name(i)) != 0)
			wrong = "a service of nothing";
	for (size_t i = 0; i < r->event_count; i++)
		if (r->events[i].driver < -1 || r->events[i].driver >= (int)r->driver_count)
			wrong = "an event of nothing";
	for (size_t i = 0; i < r->note_count; i++)
		if (r->notes[i] == NULL || r->notes[i][0] == 0)
			wrong = "an empty note";
	for (size_t i = 0; i < r->table_count; i++)
		if (r->tables[i].kind == NULL)
			wrong = "a table of no kind";
	return wrong;
}
