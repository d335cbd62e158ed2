/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where variables rest. A store is named by one word (doc/design.md §3.1): a JSON file, an
 * edk2 flash image, a folder like efivarfs, or "memory:". The file alone is the store,
 * complete at every instant. Beside STORE lie STORE.lock (one writer) and STORE.run (what
 * outlives the daemon but not the host: phase, locks, volatile variables).
 */
#pragma once

#include "base/diag.h"
#include "runtserv/vars.h"

struct store;

/* What one is opened for. */
enum store_use {
	STORE_SERVE, /* a machine: JSON and memory: only */
	STORE_READ,  /* any kind; takes no lock, and writes nothing; it must exist */
	STORE_EDIT,  /* any kind, while no machine runs: STORE.run is left alone */
};

struct store_config {
	const char *word; /* the store's name, as given */
	void (*log)(void *ctx, enum rts_log level,
		    const char *text); /* one line each; may be NULL */
	void *log_ctx;
	enum store_use use;
	bool must_exist;    /* as it must for STORE_READ */
	const char *layout; /* of a new flash image: 4m (also NULL), 2m, aavmf */
};

/* Looks what kind of store it is, and locks it; a word that is refused leaves nothing
 * behind. 0 or -errno with a text in @d that names the file (-EBUSY: who holds it). */
int store_open(const struct store_config *config, struct diag *d, struct store **ret);
void store_close(struct store *s);

/* Fills a new @v from the store and from a STORE.run of this boot of the host. 0 or -errno
 * with a text in @d: file, line and column, and what is wrong there; nothing can be
 * committed then. Changes nothing on disk. */
int store_load(struct store *s, struct rts_vars *v, struct diag *d);

/* What commits write beside variables: certdb, as it was in a flash image; empty elsewhere.
 * Borrowed from @s. */
struct bytes store_certdb(const struct store *s);

/* From one kind into another. */
struct store_conversion {
	const char *from, *to;
	const char *layout; /* as in struct store_config; with @force also of an image that
			       is there */
	bool force;         /* what is in @to is replaced, and kept as TO.bak */
	bool lossy;         /* goes on where something is lost */
	void (*lost)(void *ctx,
		     const char *text); /* one line for each thing; may be NULL */
	void (*log)(void *ctx, enum rts_log level, const char *text); /* may be NULL */
	void *ctx;                                                    /* of both */
};

/* 0; 1: something would be lost, so nothing was written (only without @lossy); or -errno
 * with a text in @d (-EEXIST: @to is not empty). */
int store_convert(const struct store_conversion *c, struct diag *d);

/* The folder that STORE, with symbolic links resolved, lies in: what a sandbox must leave
 * us. NULL for memory:. */
const char *store_folder(const struct store *s);

/* True when store_load() found a STORE.run that belongs to this boot of the host. */
bool store_had_run(const struct store *s);

/* CLOCK_BOOTTIME in nanoseconds when STORE.run was last written, by us or by the daemon
 * before us; 0: never. */
uint64_t store_run_written_ns(const struct store *s);

/* The commit of @s, for struct rts_vars_config; its context is the struct store. */
extern const struct rts_var_store_ops store_ops;
