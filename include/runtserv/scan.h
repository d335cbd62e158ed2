/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runtime drivers in a memory image: finds them in six views, names and verifies them
 * against known images, says who gives each runtime service, and rates what does not fit.
 * Reads no files and prints nothing: the image is a struct rts_dump, known images are
 * bytes, the result is one report that text, JSON and HTML are printed from. x86-64.
 * Addresses are physical unless called virtual; lengths are bytes.
 */
#pragma once

#include "base/bytes.h"
#include "base/diag.h"
#include "runtserv/dump.h"
#include "uefi/services.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what a scan is given ---- */

#define RTS_SCAN_HASH_LEN 32U

/* SHA-256, from whoever has it (room crypto). begin() returns NULL where there is no
 * memory; end() frees. */
struct rts_scan_hash_ops {
	void *(*begin)(void *ctx);
	void (*put)(void *hash, const void *p, size_t n);
	void (*end)(void *hash, uint8_t ret[RTS_SCAN_HASH_LEN]);
	/* A similarity digest of text form (ssdeep) of @n bytes at @p, at most @cap with
	 * its NUL; false: none. NULL: not built in. */
	bool (*similar)(void *ctx, const void *p, size_t n, char *ret, size_t cap);
	void *ctx;
};

enum rts_scan_known_kind {
	RTS_SCAN_KNOWN_FIRMWARE, /* a firmware image: every driver in it is known */
	RTS_SCAN_KNOWN_FILE,     /* one EFI file, or the EFI images of a PCI option ROM */
	RTS_SCAN_KNOWN_OWN,      /* our own guest driver */
};

struct rts_scan_known {
	enum rts_scan_known_kind kind;
	const char *name; /* for matched_with: the file's name, without its folder */
	struct bytes bytes;
};

/* Where the running operating system says that firmware memory lies (Linux's
 * firmware/efi/runtime-map). */
struct rts_scan_mapping {
	uint32_t type; /* EFI_MEMORY_TYPE */
	uint64_t physical;
	uint64_t virtual_start;
	uint64_t pages;
	uint64_t attributes;
};

struct rts_scan_span {
	uint64_t start;
	uint64_t len;
};

/* An image of runtserv.inventory/1. */
struct rts_scan_inventory_image {
	const char *name; /* NULL: unknown */
	const char *path; /* NULL: unknown */
	bool has_guid;
	EFI_GUID guid;
	uint64_t base;
	uint64_t size;
	uint32_t code_type; /* EFI_MEMORY_TYPE */
};

struct rts_scan_config {
	struct rts_dump *dump;
	const struct rts_scan_hash_ops *hash;
	const struct rts_scan_known *known;
	size_t known_count;
	/* NULL and 0: not known */
	const struct rts_scan_mapping *runtime_map;
	size_t runtime_map_count;
	const struct rts_scan_span *os_memory; /* what the operating system manages (Linux's
						  "System RAM") */
	size_t os_memory_count;
	uint64_t
		runtime_services; /* where the machine says that the table is; 0: unknown */
	bool has_inventory;
	const struct rts_scan_inventory_image *inventory;
	size_t inventory_count;
	bool extract; /* fill rts_scan_driver.file */
	/* Runs work(arg, i) for each i below @count, as many at once as it likes; NULL: one
	 * after the other. */
	void (*parallel)(void *ctx, void (*work)(void *arg, unsigned i), void *arg,
			 unsigned count);
	unsigned threads; /* how many pieces parallel() is given; 0: 1 */
	/* Of the pass over memory; may be called from any of the threads; false: stop
	 * (EFI_ABORTED). May be NULL. */
	bool (*progress)(void *ctx, uint64_t done, uint64_t total);
	/* What lies in the image's file at @offset, @len bytes, is needed, or no longer (0
	 * and UINT64_MAX: nothing of it is). May be NULL. */
	void (*window)(void *ctx, uint64_t offset, uint64_t len, bool needed);
	void *ctx;
};

/* ---- what it finds ---- */

enum rts_scan_verdict {
	RTS_SCAN_CLEAN,
	RTS_SCAN_MODIFIED,
	RTS_SCAN_FOREIGN,
	RTS_SCAN_NOT_IN_IMAGE,
	RTS_SCAN_NOT_CHECKED,
};
/* "clean", "modified", "foreign", "not in image", "not checked" */
const char *rts_scan_verdict_name(enum rts_scan_verdict v);

enum rts_scan_match {
	RTS_SCAN_EXACT,
	RTS_SCAN_MATCH_MODIFIED,
	RTS_SCAN_SIMILAR,
	RTS_SCAN_UNKNOWN,
};
/* "exact", "modified", "similar", "unknown" */
const char *rts_scan_match_name(enum rts_scan_match m);

enum rts_scan_view {
	RTS_SCAN_VIEW_PE,         /* its PE header was found in memory */
	RTS_SCAN_VIEW_IMAGE_LIST, /* EFI_RUNTIME_ARCH_PROTOCOL.ImageHead */
	RTS_SCAN_VIEW_ATTRIBUTES, /* EFI_MEMORY_ATTRIBUTES_TABLE has its code read-only */
	RTS_SCAN_VIEW_DEBUG,      /* EFI_DEBUG_IMAGE_INFO_TABLE */
	RTS_SCAN_VIEW_SERVICE,    /* a runtime service begins in it */
	RTS_SCAN_VIEW_EVENT,      /* a runtime event's function lies in it */
	RTS_SCAN_VIEW_INVENTORY,  /* an inventory saved before boot lists it */
	RTS_SCAN_VIEWS,
};
/* "pe", "image_list", "attributes_table", "debug_table", "service", "event", "inventory" */
const char *rts_scan_view_name(enum rts_scan_view v);

enum rts_scan_seen {
	RTS_SCAN_NO,
	RTS_SCAN_YES,
	RTS_SCAN_UNAVAILABLE,    /* the view itself is not in the image, or was not given */
	RTS_SCAN_NOT_APPLICABLE, /* it says nothing about this one: no service, no event */
};
/* "no", "yes", "unavailable", "not applicable" */
const char *rts_scan_seen_name(enum rts_scan_seen s);

enum rts_scan_severity { RTS_SCAN_HIGH, RTS_SCAN_MEDIUM, RTS_SCAN_INFO };
/* "high", "medium", "info" */
const char *rts_scan_severity_name(enum rts_scan_severity s);

enum rts_scan_rule {
	RTS_SCAN_SERVICE_POINTER_FOREIGN,
	RTS_SCAN_SERVICE_CODE_MODIFIED,
	RTS_SCAN_SERVICE_TRAMPOLINE,
	RTS_SCAN_DRIVER_CODE_MODIFIED,
	RTS_SCAN_DRIVER_UNKNOWN,
	RTS_SCAN_HEADER_WIPED,
	RTS_SCAN_HIDDEN_DRIVER,
	RTS_SCAN_DRIVER_IN_OS_MEMORY,
	RTS_SCAN_EVENT_FOREIGN,
	RTS_SCAN_TABLE_CRC_BAD,
	RTS_SCAN_TABLE_POINTER_DISAGREES,
	RTS_SCAN_NOT_IN_ATTRIBUTES_TABLE,
	RTS_SCAN_INVENTORY_DISAGREES,
	RTS_SCAN_WINDOWS_COPY_DISAGREES,
	RTS_SCAN_FIRMWARE_MISMATCH,
	RTS_SCAN_RULES,
};
/* "service-pointer-foreign", ... : design.md 3.5 */
const char *rts_scan_rule_name(enum rts_scan_rule r);

enum { RTS_SCAN_SERVICES = 14 };
/* "GetTime", ... in the order of the table. */
const char *rts_scan_service_name(unsigned i);

/* "runtime-services", "system", "boot-services", "dxe-services", "memory-attributes",
 * "debug-image-info", "system-table-pointer" */
struct rts_scan_table {
	const char *kind;
	uint64_t physical;
	bool has_crc; /* it has one at all */
	bool crc_ok;
	uint32_t crc; /* as stored */
};

struct rts_scan_service {
	const char *name;
	uint64_t pointer; /* as in the table; has_pointer false: the table is not in the
			     image */
	bool has_pointer;
	bool has_physical;
	uint64_t physical;
	int driver; /* index into drivers, or -1 */
	enum rts_scan_verdict verdict;
};

/* How virtual addresses became physical. */
enum rts_scan_way {
	RTS_SCAN_WAY_TABLE_PAIR,  /* the system table's own pointers */
	RTS_SCAN_WAY_PAGE_TABLES, /* a page table in the image, walked */
	RTS_SCAN_WAY_OS_MAP,      /* Linux's copy of the memory map, sysfs, or the image's
				     segments */
	RTS_SCAN_WAY_FIXUPS,      /* what drivers' relocated pointers say */
	RTS_SCAN_WAYS,
};
/* "table-pair", "page-tables", "os-map", "fixups" */
const char *rts_scan_way_name(enum rts_scan_way w);

struct rts_scan_mapping_way {
	bool available;
	unsigned agrees;    /* service pointers for which it gives the address taken */
	unsigned disagrees; /* ... another one */
	uint64_t where;     /* the page table's root, the map's address; 0: neither */
};

struct rts_scan_region {
	uint32_t type; /* EFI_MEMORY_TYPE */
	uint64_t start;
	uint64_t pages;
	uint64_t virtual_start; /* 0: none */
	uint64_t attributes;
};

struct rts_scan_driver {
	uint64_t base;
	uint64_t size;
	bool has_guid;
	EFI_GUID guid;
	char *name; /* UTF-8, somebody else's text; NULL: unknown */
	char *path; /* of its file, from the debug table or the inventory; NULL: unknown */
	enum rts_scan_match match;
	char *matched_with; /* rts_scan_known.name; NULL: nothing */
	uint32_t differing; /* bytes of code that differ (exact: 0); for others than
			       RTS_SCAN_MATCH_MODIFIED without meaning */
	unsigned likeness;  /* RTS_SCAN_SIMILAR: 1 to 99 per cent */
	bool own;           /* our own guest driver */
	bool has_code_hash;
	uint8_t code_sha256[RTS_SCAN_HASH_LEN]; /* of its executable sections, fixups zeroed
						 */
	bool has_virtual;
	uint64_t virtual_base;
	bool in_image; /* all of its pages are in the memory image */
	bool header;   /* it has its PE header */
	enum rts_scan_seen views[RTS_SCAN_VIEWS];
	uint8_t *file; /* config.extract: a PE file, raw = virtual, fixups undone; NULL:
			  nothing of it is in the image */
	size_t file_len;
	bool file_raw;        /* no such file could be made: @file is its memory as it is */
	char *similar_digest; /* ssdeep of the code; NULL: not built in */
};

struct rts_scan_event {
	uint32_t type;
	uint64_t function; /* as in the list */
	uint64_t physical;
	int driver; /* or -1 */
};

struct rts_scan_finding {
	enum rts_scan_rule rule;
	enum rts_scan_severity severity;
	int driver; /* index into drivers, or -1 */
	bool has_address;
	uint64_t address;
	char *text;        /* the evidence */
	char *innocent_if; /* the innocent explanation; NULL: none */
};

struct rts_scan_report {
	const struct rts_dump_info *image; /* the dump's own */
	size_t range_count;
	struct rts_scan_table *tables;
	size_t table_count;
	bool virtual_mode;      /* SetVirtualAddressMap was called */
	unsigned paging_levels; /* of the page tables that were walked; 0: none */
	struct rts_scan_mapping_way ways[RTS_SCAN_WAYS];
	struct rts_scan_service services[RTS_SCAN_SERVICES];
	struct rts_scan_driver *drivers; /* by base */
	size_t driver_count;
	struct rts_scan_event *events;
	size_t event_count;
	struct rts_scan_region
		*regions; /* the firmware's memory map, as far as it was found */
	size_t region_count;
	struct rts_scan_finding *findings; /* the most severe first */
	size_t finding_count;
	bool has_firmware;        /* something was given to compare with */
	bool firmware_applies;    /* at least half of the drivers are of it */
	size_t boot_image_count;  /* boot services drivers left in memory, and of them */
	size_t boot_image_known;  /* ... those equal to the firmware's */
	bool windows_block_found; /* Windows' copy of the services */
	uint64_t windows_block;   /* where, physical */
	const char *windows_block_by; /* "pointers", "CFGRO" or "both" */
	char **notes; /* what could not be looked at, and why; for the reader */
	size_t note_count;
	uint64_t bytes_scanned;
};

/*
 * Scans. EFI_SUCCESS, with or without findings; EFI_NOT_FOUND: nothing of UEFI in the image
 * (no runtime services table, no runtime driver): *ret is set all the same, with notes;
 * EFI_UNSUPPORTED: an image of another machine; EFI_LOAD_ERROR: a known image is broken;
 * EFI_ABORTED; EFI_OUT_OF_RESOURCES. @d has a text. Time and memory are bounded, whatever
 * the image holds.
 */
EFI_STATUS rts_scan_run(const struct rts_scan_config *config, struct diag *d,
			struct rts_scan_report **ret);
void rts_scan_report_free(struct rts_scan_report *report);

#ifdef __cplusplus
}
#endif
