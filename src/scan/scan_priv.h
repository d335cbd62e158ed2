/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the files of room scan. One struct scan lives as long as one rts_scan_run(); its
 * steps run in the order of this file, and each reads what those before it found. Memory of
 * the image is hostile: every list and count in it has a limit here. Functions return
 * EFI_SUCCESS, or EFI_OUT_OF_RESOURCES, EFI_ABORTED; what the image lacks is no error.
 */
#pragma once

#include "runtserv/fv.h"
#include "runtserv/pe.h"
#include "runtserv/scan.h"
#include "uefi/pi.h"

#define SCAN_HITS_MAX        65536U       /* of each kind, in the pass */
#define SCAN_IMAGE_MAX       (64U << 20)  /* a driver in memory; more is no driver */
#define SCAN_IMAGE_BYTES_MAX (128U << 20) /* of all drivers that one scan loads */
#define SCAN_DRIVERS_MAX     1024U
#define SCAN_LIST_MAX        4096U /* entries of a list in memory */
#define SCAN_CONFIG_MAX      1024U /* configuration tables */
#define SCAN_REGIONS_MAX     16384U

/* ---- memory (scan.c) ---- */

/* Arrays that the report points to are malloc'd, and grow by rts_scan_room(); the texts and
 * files in their items are kept. */
struct scan;

/* Zeroed memory that goes with the report; NULL: there is none. */
void *rts_scan_keep(struct scan *s, size_t len);
/* A text that goes with the report, as diag() formats it; NULL: no memory. */
char *rts_scan_text(struct scan *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Something that could not be looked at, and why; the same text is kept once. */
void rts_scan_note(struct scan *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Room for one more item of @item bytes in the malloc'd *@list (@count of them, room for
 * *@cap); false: @max are there, or no memory. */
bool rts_scan_room(void **list, size_t count, size_t *cap, size_t item, size_t max);
/* The same; where there is no memory, the scan ends with that. Not from several threads. */
bool rts_scan_grow(struct scan *s, void **list, size_t count, size_t *cap, size_t item,
		   size_t max);

/* ---- the pass over memory (scan_memory.c, scan_pass.c) ---- */

struct scan_hits {
	uint64_t *at; /* ascending */
	size_t count, cap;
	bool full; /* there were more */
};

enum scan_hit {
	SCAN_HIT_RUNTIME, /* 8-aligned "RUNTSERV", "IBI SYST", "BOOTSERV", "DXE_SERV" */
	SCAN_HIT_SYSTEM,
	SCAN_HIT_BOOT,
	SCAN_HIT_DXE,
	SCAN_HIT_PE,   /* a page that begins with MZ and a PE32+ header for x86-64 (any
			  e_lfanew   within the page, e.g. 0xe58) */
	SCAN_HIT_ROOT, /* a page that could be the top of page tables with something in its
			  upper half */
	SCAN_HIT_MAP,  /* a page that begins with memory descriptors, whatever their stride
			*/
	SCAN_HITS,
};

/* What one thread finds, in the chunks that it takes, in ascending order. */
struct scan_piece {
	const void *arg;
	struct scan_hits hits[SCAN_HITS];
	uint64_t bytes;
	bool no_memory;
};

/* Calls @look, in several threads where config has them, for all of memory that can be
 * read; what they hit, of @kinds kinds, goes to @ret, which is zero. Also EFI_ABORTED. */
EFI_STATUS rts_scan_memory(struct scan *s,
			   void (*look)(struct scan_piece *p, struct bytes view,
					uint64_t at),
			   const void *arg, unsigned kinds, struct scan_hits *ret);
/* For look(): something of @kind lies at @at. */
void rts_scan_hit(struct scan_piece *p, unsigned kind, uint64_t at);

/* Whether the byte at @at is in the image and can be read. */
bool rts_scan_readable(struct scan *s, uint64_t at);

EFI_STATUS rts_scan_pass(struct scan *s);

/* ---- tables (scan_tables.c) ---- */

struct scan_table_header {
	uint64_t at;
	EFI_TABLE_HEADER hdr;
	bool crc_ok;
};

struct scan_config_table {
	EFI_GUID guid;
	uint64_t at; /* as in the table: physical, or virtual */
};

/* A range of the memory attributes table. */
struct scan_attribute {
	uint32_t type;
	uint64_t start, pages, attributes;
};

/* An entry of the debug image info table, checked. */
struct scan_debug_image {
	uint64_t base, size;
	uint32_t code_type; /* EFI_MEMORY_TYPE */
	bool has_guid;
	EFI_GUID guid;    /* of its firmware file */
	const char *path; /* of its file (kept), or NULL */
};

struct scan_tables {
	/* the ones that count */
	struct scan_table_header runtime, system;
	uint64_t pointer[RTS_SCAN_SERVICES];
	uint64_t system_runtime; /* the system table's RuntimeServices */
	uint64_t system_boot;    /* ... BootServices */
	uint64_t system_config;  /* ... and ConfigurationTable */
	uint64_t system_config_count;
	/* after rts_scan_map(): */
	struct scan_config_table *config;
	size_t config_count, config_cap;
	struct scan_attribute *attribute;
	size_t attribute_count, attribute_cap;
	struct scan_debug_image *debug;
	size_t debug_count, debug_cap;
	bool has_runtime, has_system;
	bool virtual_mode;   /* SetVirtualAddressMap was called */
	bool has_attributes; /* the memory attributes table is in the image */
	bool has_debug;      /* the debug image info table is, and all of it is sound */
};

/* Chooses the real tables among the hits, and tells the report about them. */
EFI_STATUS rts_scan_tables(struct scan *s);
/* Follows the configuration tables; after rts_scan_map(). */
EFI_STATUS rts_scan_config_tables(struct scan *s);

/* ---- virtual to physical (scan_map.c) ---- */

struct scan_map {
	bool identity; /* nothing was ever mapped: virtual is physical */
	bool has_pair;
	uint64_t pair_delta; /* virtual - physical */
	bool has_root;
	bool table_led; /* by it, from the system table to the runtime services table */
	uint64_t root;
	unsigned levels;
	bool has_os_map; /* s->report.regions has virtual addresses */
	bool os_ranges;  /* ... no: the image's own ranges have */
	uint64_t os_map;
};

/* Fills s->map, the report's ways (all but fixups), paging_levels and regions. */
EFI_STATUS rts_scan_map(struct scan *s);

/* Where @va is in memory by the best way there is; a physical address of the image's own
 * where nothing is mapped. False: no way knows it. */
bool rts_scan_physical(struct scan *s, uint64_t va, uint64_t *ret);
/* Of an address that no way leads from: that it is nowhere is what the image says, and not
 * that the image lacks something. */
bool rts_scan_is_nowhere(struct scan *s, uint64_t va);
/* By one way only. */
bool rts_scan_physical_by(struct scan *s, enum rts_scan_way way, uint64_t va,
			  uint64_t *ret);

/* Before rts_scan_map(): page tables that lead from @va to a place that looks like a
 * runtime services table. */
bool rts_scan_lead(struct scan *s, uint64_t va, uint64_t *ret);

/* False: it cannot be a memory descriptor. */
bool rts_scan_descriptor(const EFI_MEMORY_DESCRIPTOR *d);
/* How far descriptors at the beginning of a page lie apart; 0: there are none. */
size_t rts_scan_map_stride(struct bytes page);

/* One more region of the report; false: there is no room. Sorted once, when all are there.
 */
bool rts_scan_region_add(struct scan *s, const struct rts_scan_region *region);
void rts_scan_regions_sort(struct scan *s);

/* The region of the firmware's memory map that holds @at; NULL: none is known. */
const struct rts_scan_region *rts_scan_region_at(const struct scan *s, uint64_t at);
/* EfiRuntimeServicesCode or -Data. */
bool rts_scan_is_runtime(uint32_t type);

/* ---- images in memory (scan_image.c) ---- */

/* An image as it lies in memory, as a file whose raw layout is the virtual one. */
struct scan_image {
	uint64_t base;
	uint8_t *file; /* malloc'd; NULL: none was loaded */
	size_t len;
	size_t missing; /* bytes of it that are not in the memory image (zeros here) */
	bool header;    /* @pe is its own; false: it has none (wiped, or never was) */
	struct rts_pe_image pe; /* of @file, where there is a header */
};

/*
 * Loads what lies at @base. @size 0: as its header says; otherwise its length, header or
 * not. EFI_NOT_FOUND: no header and no size, or too large, or over
 * SCAN_IMAGE_BYTES_MAX.
 */
EFI_STATUS rts_scan_image_load(struct scan *s, uint64_t base, uint64_t size,
			       struct scan_image *ret);
void rts_scan_image_fini(struct scan_image *img);

/* Only the header at @base: subsystem and size, and whether the header's ImageBase is
 * @base, as a loader leaves it. False: no PE32+ header of x86-64 there. */
struct scan_header {
	uint16_t subsystem;
	uint32_t size;
	uint64_t image_base;
};
bool rts_scan_image_header(struct scan *s, uint64_t base, struct scan_header *ret);

/* ---- known images (scan_known.c, scan_match.c) ---- */

struct scan_known_image {
	const struct rts_scan_known *from;
	bool has_guid;
	EFI_GUID guid;
	const char *name; /* NULL: none */
	struct bytes file;
	struct rts_pe_image pe;
	/* of its code, once somebody asked for what is similar */
	bool sketched;
	uint32_t *sketch; /* kept */
	size_t sketch_count;
};

/* A run of bytes in memory that are not as in the known image; offsets in the image. */
struct scan_run {
	uint32_t start, len;
};
#define SCAN_RUNS_MAX 64U

struct scan_match {
	enum rts_scan_match match;
	const struct scan_known_image *known; /* NULL: unknown */
	uint32_t differing;                   /* bytes of code, all runs together */
	struct scan_run runs[SCAN_RUNS_MAX];  /* the first ones, in code only */
	size_t run_count;
	unsigned likeness; /* of RTS_SCAN_SIMILAR: 1 to 99 */
	bool has_hash;
	uint8_t hash[RTS_SCAN_HASH_LEN];
};

/* Reads what config.known holds into s->known: EFI_LOAD_ERROR with a text for one that is
 * none. */
EFI_STATUS rts_scan_known_read(struct scan *s);
/* Names an image: exact code hash, then same size with byte differences, then similarity.
 */
EFI_STATUS rts_scan_match(struct scan *s, const struct scan_image *img,
			  struct scan_match *ret);

/* Whether the byte at @offset is code of the known image; the space between its sections,
 * and before its header, would hold a stub, and is compared with nothing. */
bool rts_scan_match_is_code(const struct scan_match *m, uint64_t offset);

/* Whether @img is @known, at most modified. */
bool rts_scan_is(struct scan *s, const struct scan_image *img,
		 const struct scan_known_image *known);

/* Counts work on images, so that no image and no known one can make a scan endless. False:
 * it was enough (there is a note). */
#define SCAN_WORK_MAX (8ULL << 30)
bool rts_scan_spend(struct scan *s, uint64_t bytes);

/* An image in memory beside the known one, and what became of its fixups. */
struct scan_fixups {
	const struct rts_pe_image *pe; /* whose fixups: the known image's, or its own */
	uint8_t *mem;
	uint8_t *want;    /* the known image as it should be there, or NULL */
	size_t len;       /* of both */
	uint64_t *loaded; /* values that the loader gave */
	size_t count;
	bool voted; /* most fixups agree that the image is mapped at its address + @delta */
	uint64_t delta;
};
/* EFI_NOT_FOUND: neither a known image nor a header. */
EFI_STATUS rts_scan_fixups(struct scan *s, const struct scan_image *img, uint64_t log,
			   const struct scan_known_image *known, struct scan_fixups *ret);
/* Moves @f->mem, which is loaded at @base and perhaps mapped elsewhere, to @to. What
 * somebody changed stays. */
void rts_scan_fixups_move(struct scan_fixups *f, uint64_t base, uint64_t to);
void rts_scan_fixups_fini(struct scan_fixups *f);

/* The address that the fixups of @img say it was moved to. @log: RelocationData of the
 * firmware's image list (0: none), the values when it was loaded; else @known's fixups.
 * False: no fixups, or no majority. */
bool rts_scan_fixup_base(struct scan *s, const struct scan_image *img, uint64_t log,
			 const struct scan_known_image *known, uint64_t *ret_virtual);

/* A loadable file of @img in memory that goes with the report: header of @known where its
 * own is gone, fixups undone to the known image's ImageBase (or 0). EFI_NOT_FOUND: cannot
 * be made. */
EFI_STATUS rts_scan_image_file(struct scan *s, const struct scan_image *img, uint64_t log,
			       const struct scan_known_image *known, uint8_t **ret,
			       size_t *ret_len);

/* ---- drivers, services, events (scan_views.c) ---- */

struct scan_driver {
	struct scan_image image;
	struct scan_match match;
	uint64_t relocation_data; /* of the image list; 0: none */
	unsigned list_order;      /* in the image list, from 1; 0: not in it */
};

/* The six views, and one row for each driver. */
EFI_STATUS rts_scan_views(struct scan *s);
/* The row whose image holds physical @at, or -1. */
int rts_scan_driver_at(const struct scan *s, uint64_t at);

/* ---- jumps (scan_jump.c) ---- */

/*
 * Follows the jump at @at (virtual, or physical where nothing is mapped): E9, EB, FF 25, 48
 * B8 .. FF E0 and relatives, push/ret; after landing pads and no-operations; at most four.
 * The number of jumps, 0: there is none. *ret: where the last one leads.
 */
unsigned rts_scan_jump(struct scan *s, uint64_t at, uint64_t *ret);

/* ---- Windows (scan_windows.c) ---- */

/* Windows' copies of the service pointers: HalEfiRuntimeServicesBlock (9 pointers) and
 * _VIRTUAL_EFI_RUNTIME_SERVICES (14), found by the known pointers and by ntoskrnl's CFGRO
 * section; findings for those that disagree. Does nothing where Linux's map was found. */
EFI_STATUS rts_scan_windows(struct scan *s);

/* ---- the operating system's memory (scan_os.c) ---- */

/* Findings for drivers that lie in memory which the operating system manages. */
EFI_STATUS rts_scan_os_memory(struct scan *s);

/* ---- verdicts and findings (scan_judge.c) ---- */

EFI_STATUS rts_scan_judge(struct scan *s);
/* Adds a finding; @driver -1: none. The severity is the rule's; info where @info says so.
 */
struct scan_finding_at {
	enum rts_scan_rule rule;
	bool info;
	int driver;
	bool has_address;
	uint64_t address;
	const char *innocent_if; /* kept or static */
};
void rts_scan_find(struct scan *s, const struct scan_finding_at *f, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- the whole (scan.c) ---- */

struct scan {
	const struct rts_scan_config *config;
	struct rts_dump *dump;
	struct diag *d;
	struct rts_scan_report *report;
	bool no_memory; /* something was lost: the scan ends with EFI_OUT_OF_RESOURCES */
	struct scan_hits hits[SCAN_HITS];
	struct scan_tables tables;
	struct scan_map map;
	struct scan_known_image *known;
	size_t known_count, known_cap;
	struct rts_fv **volumes; /* what known images lie in; freed at the end */
	size_t volume_count, volume_cap;
	uint64_t loaded; /* bytes of images so far, up to SCAN_IMAGE_BYTES_MAX */
	uint64_t work;   /* see rts_scan_spend() */
	struct scan_driver *drivers; /* parallel to report->drivers */
	bool has_image_list, has_event_list;
	unsigned list_steps; /* entries read while looking for the lists */
	unsigned guesses;    /* looked up by what may be page tables */
	unsigned hole_steps; /* pages looked at for what the image lacks */
	size_t finding_cap, note_cap, region_cap, table_cap, event_cap;
};
