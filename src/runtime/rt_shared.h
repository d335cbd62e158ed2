/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the child, in which drivers run, leaves for the parent, which judges and prints: one
 * shared mapping of plain records, without pointers. The child's fault handler appends to
 * it; whatever a driver may have scribbled on, so the parent copies it first and then
 * checks every index and every string.
 */
#pragma once

#include <stdatomic.h>

#include "uefi/services.h"

#define RT_IMAGES_MAX   64U
#define RT_BLOCKS_MAX   65536U
#define RT_RECORDS_MAX  256U
#define RT_SUSPECTS_MAX 1024U
#define RT_NEEDS_MAX    128U
#define RT_NAME_MAX     64U
#define RT_NOBODY       0xffffU /* an image index: not a driver, the environment itself */

/* The phases of a run, in order (doc/design.md 3.4). */
enum rt_phase {
	RT_PHASE_ENTRY,
	RT_PHASE_BOOT,
	RT_PHASE_READY_TO_BOOT,
	RT_PHASE_EXIT,    /* ExitBootServices and its events */
	RT_PHASE_RUNTIME, /* after it, physical addresses */
	RT_PHASE_CONVERT, /* within SetVirtualAddressMap */
	RT_PHASE_VIRTUAL,
	RT_PHASE_COUNT,
};

/* The rules of `run` (doc/rules.md), in the order in which faults are judged. */
enum rt_rule {
	RT_NULL_POINTER,
	RT_STACK_OVERFLOW,
	RT_WRITE_TO_CODE,
	RT_EXECUTE_DATA,
	RT_USE_AFTER_FREE,
	RT_HEAP_OVERFLOW,
	RT_HEAP_UNDERFLOW,
	RT_CALLER_BUFFER_OVERFLOW,
	RT_BOOT_MEMORY_AFTER_EXIT,
	RT_VIRTUAL_TOO_EARLY,
	RT_UNCONVERTED_POINTER,
	RT_WILD_ACCESS,
	/* without a fault */
	RT_BOOT_SERVICE_AFTER_EXIT,
	RT_ALLOCATE_IN_EXIT_EVENT,
	RT_DOUBLE_CONVERSION,
	RT_CONVERT_OUTSIDE_EVENT,
	RT_CONVERT_FAILED,
	RT_WRONG_MEMORY_TYPE,
	RT_DESCRIPTOR_SIZE,
	RT_STALE_MAP_KEY,
	RT_LEAKED_ON_FAILURE,
	RT_TPL_VIOLATION,
	RT_PRIVILEGED_INSTRUCTION,
	RT_HANG,
	RT_UNMET_DEPENDENCY,
	RT_RULE_COUNT,
};

enum rt_block_kind {
	RT_BLOCK_POOL,
	RT_BLOCK_PAGES,
	RT_BLOCK_IMAGE,  /* a whole loaded image; owner is that image */
	RT_BLOCK_STACK,  /* that drivers run on */
	RT_BLOCK_CALLER, /* a buffer that the caller of a service passed: operating system
			    memory */
	RT_BLOCK_TABLE,  /* system table, boot services, runtime services, configuration
			    tables, protocols of ours */
	RT_BLOCK_DEVICE, /* registers or flash of a device model */
};

/*
 * One piece of memory that drivers may know. It lies in pages of its own, with an
 * inaccessible page before and after. Addresses never come back: a freed block stays here.
 */
struct rt_block {
	uint64_t physical; /* of the first byte that was given */
	uint64_t size;     /* bytes asked for */
	uint64_t
		virtual_; /* the same byte after SetVirtualAddressMap; 0: not mapped then */
	uint32_t memory_type;
	uint8_t kind; /* enum rt_block_kind */
	uint8_t freed;
	uint16_t owner;      /* image that asked for it, or RT_NOBODY */
	uint64_t site;       /* where it asked: offset in that image */
	uint64_t freed_site; /* where it was freed */
	uint16_t freed_by;   /* image, or RT_NOBODY */
	char name[24]; /* RT_BLOCK_TABLE, _DEVICE, _CALLER: what it is, "EFI_SYSTEM_TABLE"
			*/
};

enum rt_role { RT_ROLE_SUBJECT, RT_ROLE_HELPER };

enum rt_status { RT_STATUS_UNMET, RT_STATUS_OK, RT_STATUS_FAILED, RT_STATUS_FAULTED };

struct rt_image {
	char name[RT_NAME_MAX]; /* UI name, or the file's */
	EFI_GUID guid;
	uint8_t has_guid;
	uint8_t role;    /* enum rt_role */
	uint8_t status;  /* enum rt_status: of its entry point */
	uint8_t started; /* its entry point was called */
	uint16_t subsystem;
	uint64_t entry_status; /* EFI_STATUS that its entry point returned */
	uint64_t physical;     /* of its first byte; 0: not loaded */
	uint64_t virtual_; /* after SetVirtualAddressMap; 0: it is not a runtime image, or
			      not yet */
	uint64_t size;
};

/* Where code was, in driver terms: an image and an offset, as far as known. */
struct rt_place {
	uint16_t image; /* or RT_NOBODY: then @offset is the plain address */
	uint64_t offset;
};

enum rt_access { RT_READ, RT_WRITE, RT_EXECUTE };

/*
 * One thing that happened. @rule RT_RULE_COUNT: a fault, to be judged by the parent from
 * address, access and the ledger; else the child knew the rule itself and @text says what
 * it saw.
 */
struct rt_record {
	uint32_t rule;
	uint8_t phase;         /* enum rt_phase */
	uint8_t access;        /* enum rt_access, of a fault */
	uint8_t non_canonical; /* the processor did not say which address: a non-canonical
				  one; @address is not known */
	uint8_t in_host;    /* the fault happened in one of our services, reading or writing
			       for the driver */
	struct rt_place at; /* the instruction, or the return address of the call, -1 */
	uint64_t address;   /* that was accessed, or the value that was wrong */
	uint64_t registers[17]; /* rax rbx rcx rdx rsi rdi rbp rsp r8..r15 rip; zero without
				   a fault */
	int32_t block;          /* index into blocks, where the child knew one; else -1 */
	int32_t call; /* index of the call of the battery that was under way, or -1; parent:
			 skip it next time */
	uint16_t service; /* enum rt_service that was called or is concerned, or
			     RT_SERVICE_NONE */
	/* the last look-up that failed in this driver because nothing here provides it:
	 * tells a hole in the environment from a bug */
	uint8_t has_missing;
	uint8_t missing_same_call; /* within the same entry into the driver as this record
				    */
	EFI_GUID missing;
	char text[160];
};

/* A value in a driver's writable data or runtime pool that still is a physical address of
 * its own memory. */
struct rt_suspect {
	struct rt_place at; /* image and offset; for a pool block: the image that owns it
			       and, as offset, the address */
	uint64_t target;
	int32_t block;  /* that @target lies in, or -1 */
	int32_t holder; /* pool block that @at lies in, or -1: it is in the image */
};

/* What somebody asked for and nobody installed. */
enum rt_need_kind { RT_NEED_DEPEX, RT_NEED_NOTIFY, RT_NEED_LOCATE };
struct rt_need {
	EFI_GUID guid;
	uint16_t image; /* who asked */
	uint8_t kind;
	uint8_t met; /* installed by somebody later */
};

/* The runtime services, in table order, then protocol functions that the battery calls. */
#define RT_RUNTIME_SERVICES 14U
#define RT_SERVICE_NONE     0xffffU
struct rt_service {
	char name[40];
	uint16_t owner; /* image whose code the pointer in the table leads to, or RT_NOBODY:
			   ours */
	uint16_t used;  /* the entry is valid */
	uint32_t calls; /* from the battery or the script */
	uint64_t status;      /* of the last call */
	uint32_t stack_bytes; /* the most that a call used of the driver's stack */
};
#define RT_SERVICES_MAX 32U

struct rt_phase_count {
	uint32_t calls;
	uint32_t failed; /* calls whose status was not the one expected */
	uint8_t reached;
};

/* A line of a call script whose service answered something else than was expected; for a
 * line that is repeated, the first time. */
#define RT_MISSES_MAX 64U
struct rt_miss {
	uint32_t line;
	uint8_t phase; /* enum rt_phase */
	char text[120];
};

struct rt_shared {
	_Atomic uint32_t images_count, blocks_count, records_count, suspects_count,
		needs_count, misses_count;
	_Atomic uint32_t phase;    /* enum rt_phase reached */
	_Atomic uint32_t arch;     /* 1 + the image that installed the runtime architectural
				      protocol; 0: ours */
	_Atomic uint64_t entries;  /* into drivers, so far: a sign of life */
	_Atomic uint32_t finished; /* the child came to its end */
	_Atomic uint32_t faulted;  /* it ended at the last record */
	_Atomic uint32_t trouble;  /* our own failure: @trouble_text says */
	char trouble_text[256];
	_Atomic uint64_t trace_len; /* bytes, in a mapping of its own */
	struct rt_place
		entered; /* the driver's function that is being run, as we called it */
	int32_t call;    /* of the battery, that is under way; or -1 */
	struct rt_phase_count phases[RT_PHASE_COUNT];
	struct rt_service services[RT_SERVICES_MAX];
	struct rt_image images[RT_IMAGES_MAX];
	struct rt_record records[RT_RECORDS_MAX];
	struct rt_suspect suspects[RT_SUSPECTS_MAX];
	struct rt_need needs[RT_NEEDS_MAX];
	struct rt_miss misses[RT_MISSES_MAX];
	struct rt_block blocks[RT_BLOCKS_MAX];
	/* the memory map, as GetMemoryMap gave it last: for `--save-map` */
	uint32_t map_len, map_descriptor_size;
	uint8_t map[1U << 20];
};
