/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs UEFI drivers in a child process, through boot, ExitBootServices and
 * SetVirtualAddressMap, and tells which rules they broke. A debugger, not a sandbox:
 * drivers are native code with the rights of the user. x86-64 hosts only.
 */
#pragma once

#include "base/bytes.h"
#include "base/diag.h"
#include "runtime/rt_shared.h"
#include "runtserv/fv.h"

/* Of the variable flash, in bytes: OVMF's 4M layout, the largest. */
#define RUNTIME_FLASH_LEN 0x00084000U

enum runtime_engine { RUNTIME_ENGINE_OWN, RUNTIME_ENGINE_EDK2 };

/* A driver to run: an image of its own, with a name for people. Borrowed. */
struct runtime_driver {
	const char *name;
	const char *path; /* file, or firmware image, that it came from */
	struct bytes image;
	struct bytes depex; /* empty: none */
	bool has_guid;
	EFI_GUID guid;
};

struct runtime_config {
	const struct runtime_driver *subjects;
	size_t subject_count;
	const struct rts_fv *firmware; /* where helpers come from; NULL: nowhere */
	const char *firmware_path;
	uint64_t firmware_len; /* bytes of the image: tells where its flash lies */
	enum runtime_engine engine;
	bool no_virtual;     /* the operating system never calls SetVirtualAddressMap */
	bool head_guard;     /* pool blocks begin at a guard page, not end there */
	bool console;        /* what drivers print goes to standard error, once */
	unsigned timeout_ms; /* for each call into a driver; 0: 5000 */
	uint64_t seed;       /* of address choices; the same seed gives the same run */
	const char *calls;   /* a script in place of the battery, NUL-terminated; NULL */
	struct bytes flash;  /* what the variable flash holds at the start; empty: a new
				machine's */
	struct bytes *flash_after; /* NULL, or gets its contents after the run; the caller
				      frees p */
	/* Called about four times a second once a child has run for two seconds, with that
	 * run's number and its milliseconds so far. May be NULL. */
	void (*progress)(void *ctx, unsigned run, unsigned ms);
	void *progress_ctx;
	struct bytes *trace; /* NULL, or gets a line for each answer to a call of the last
				run; the caller frees p */
	/* PCD tokens: number, value pairs; what drivers set goes on top */
	const uint64_t (*pcds)[2];
	size_t pcd_count;
	/* Bytes of stack, whole pages, that runtime services may use; 0: 4096, which is
	 * what they may count on. */
	unsigned runtime_stack;
};

struct runtime_object {
	const char *kind; /* "pool", "pages", "image", "stack", "caller-buffer", "table",
			     "device" */
	const char *type; /* "EfiRuntimeServicesData"; NULL: none */
	uint64_t size;
	char allocated_at[128]; /* "MyDriver.efi+0x5c0"; empty: unknown */
	uint32_t number;        /* counts the blocks of its kind, from 1 */
};

struct runtime_finding {
	enum rt_rule rule;
	char driver[RT_NAME_MAX]; /* empty: none */
	bool has_offset;
	uint64_t offset;
	enum rt_phase phase;
	bool has_address;
	uint64_t address;
	bool has_object;
	struct runtime_object object;
	char text[512];
};

struct runtime_report {
	struct rt_shared
		*last; /* a private, checked copy of the last run's records; strings end */
	struct runtime_finding *findings;
	size_t finding_count;
	/* paths of last->images, parallel; borrowed from the configuration */
	const char *paths[RT_IMAGES_MAX];
};

/* 0, or -errno with a text in @d: nothing could be run. */
int runtime_run(const struct runtime_config *config, struct diag *d,
		struct runtime_report *ret);
void runtime_report_fini(struct runtime_report *r);

/* "null-pointer"; the name of @rule in reports and in doc/rules.md. */
const char *runtime_rule_name(enum rt_rule rule);
const char *
runtime_phase_name(enum rt_phase phase); /* "entry", "boot", "ready-to-boot", ... */

const char *runtime_status_name(EFI_STATUS status);    /* "EFI_NOT_FOUND", or NULL */
const char *runtime_boot_service_name(unsigned index); /* in table order, or NULL */
const char *runtime_guid_name(const EFI_GUID *guid);   /* of a protocol or table, or NULL */

/* Ends @text within its @cap bytes, and makes it one line of strict UTF-8 that a terminal
 * shows as it is: what else is in it becomes '?'. */
void rt_clean(char *text, size_t cap);

/* Block @block, below blocks_count, of a report's @last. */
struct runtime_object runtime_object_of(const struct rt_shared *last, int32_t block);

/*
 * rt_judge.c: copies @s, which may be @r->last, to @r->last (allocated here where it is
 * NULL), checked, fills @r->paths, and appends what its records say to @r->findings,
 * without repeating (rule, driver, offset; of hangs, those nearby). @ram is the run's
 * memory as it was left, for the physical addresses [@ram_base, @ram_base + ram.n).
 * @config, which may be NULL, has the images' own bytes: they tell sections. 0 or -ENOMEM.
 */
int rt_judge(const struct runtime_config *config, const struct rt_shared *s,
	     struct bytes ram, uint64_t ram_base, struct runtime_report *r);
