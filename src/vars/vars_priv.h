/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of this room share: the table of variables, and how a change is made. */
#pragma once

#include "base/bytes.h"
#include "runtserv/vars.h"
#include "uefi/mm.h"

#define ATTR_NV     EFI_VARIABLE_NON_VOLATILE
#define ATTR_BS     EFI_VARIABLE_BOOTSERVICE_ACCESS
#define ATTR_RT     EFI_VARIABLE_RUNTIME_ACCESS
#define ATTR_HR     EFI_VARIABLE_HARDWARE_ERROR_RECORD
#define ATTR_AW     EFI_VARIABLE_AUTHENTICATED_WRITE_ACCESS
#define ATTR_AT     EFI_VARIABLE_TIME_BASED_AUTHENTICATED_WRITE_ACCESS
#define ATTR_APPEND EFI_VARIABLE_APPEND_WRITE
#define ATTR_ALL    (ATTR_NV | ATTR_BS | ATTR_RT | ATTR_HR | ATTR_AW | ATTR_AT | ATTR_APPEND)

/* One variable, its name and its data in one allocation. */
struct node {
	struct rts_var var;
	struct node *next, *prev;       /* all, in order of creation */
	struct node *rt_next, *rt_prev; /* those with RUNTIME_ACCESS, in the same order */
	struct node *hash_next;
	uint64_t hash;
	bool computed; /* the service's own: not stored, and free of charge */
};

/* A valid VARIABLE_POLICY_ENTRY with what follows it. */
struct policy {
	struct policy *next;
	uint32_t len;
	_Alignas(8) uint8_t entry[];
};

/* One step of a change: @old leaves (may be NULL), @new takes its place or the end of the
 * list. */
struct change {
	struct node *old;
	struct node *new;
};

struct rts_vars_view {
	const struct rts_vars *vars;
	const struct change *changes;
	size_t change_count;
	const struct policy *policy; /* one that is about to be added */
	struct rts_vars_phase phase;
	struct rts_vars_latches latches;
	bool reset; /* without volatile variables and policies */
};

struct rts_vars {
	struct rts_vars_config config;
	struct node **buckets;
	size_t bucket_count; /* a power of two */
	size_t count;
	struct node *head, *tail, *rt_head, *rt_tail;
	uint64_t used_nv, used_volatile, used_hw_error;
	struct policy *policies; /* in the order of their registration */
	struct rts_vars_phase phase;
	struct rts_vars_latches latches;
	bool run_unsaved; /* the store could not keep the phase: every change tries again */
	uint64_t commits, serial; /* ... given so far */
	struct rts_vars_view current;
	struct { /* an import under way */
		bool open, wants_nv;
		struct change *staged;
		size_t count, cap;
	} import;
};

/* vars_table.c */
struct node *node_new(struct rts_vars *v, const struct rts_var *var);
struct node *table_find(const struct rts_vars *v, const EFI_GUID *guid, const CHAR16 *name,
			uint32_t name_len);
EFI_STATUS table_reserve(struct rts_vars *v, size_t more);
void table_apply(struct rts_vars *v, const struct change *c);
bool visible(const struct rts_vars *v, const struct node *n);
EFI_STATUS commit(struct rts_vars *v, const struct change *changes, size_t n,
		  unsigned parts);
EFI_STATUS fits(const struct rts_vars *v, const struct change *changes, size_t n);

/* Variables that the service computes, keeps for itself, or guards. */
enum own {
	OWN_NONE,
	OWN_COMPUTED, /* SetupMode, SecureBoot, SignatureSupport, VendorKeys */
	OWN_PRIVATE,  /* VendorKeysNv, certdb, certdbv: read-only */
	OWN_ENABLE,   /* SecureBootEnable */
	OWN_CUSTOM,   /* CustomMode */
	OWN_PK,
	OWN_KEK,
	OWN_DB, /* db, dbx, dbt */
};

/* The answer to a request, and its reason, for the log. */
struct verdict {
	EFI_STATUS status;
	const char *why; /* NULL: the next step decides */
};
#define GO_ON    ((struct verdict){EFI_SUCCESS, NULL})
#define DONE(w)  ((struct verdict){EFI_SUCCESS, (w)})
#define NO(s, w) ((struct verdict){(s), (w)})

/* One variable, and what follows for SetupMode, SecureBoot, SecureBootEnable, VendorKeys
 * and VendorKeysNv, or for Lang and PlatformLang. */
#define REQUEST_CHANGES 7U

/* One SetVariable on its way through the steps of vars_set.c. */
struct request {
	const EFI_GUID *guid;
	const CHAR16 *name;
	uint32_t name_len;
	uint32_t attr;
	struct bytes data; /* as it was given */

	struct bytes payload; /* behind the authentication descriptor */
	enum own own;
	struct node *old; /* the variable that is there */
	EFI_TIME time;    /* of the descriptor */
	bool has_digest;
	uint8_t digest[32]; /* whom a private authenticated variable belongs to */
	bool unsigned_keys; /* keys were changed, in user mode, without signature */

	bool has_latches; /* what is latched with the change */
	struct rts_vars_latches latches;

	struct change changes[REQUEST_CHANGES];
	size_t change_count;
};

static inline bool is_append(const struct request *r)
{
	return (r->attr & ATTR_APPEND) != 0;
}

/* edk2's UpdateVariable: no data, or no access. */
static inline bool is_delete(const struct request *r)
{
	return (r->payload.n == 0 && !is_append(r)) || (r->attr & (ATTR_BS | ATTR_RT)) == 0;
}

/* vars_auth.c */
struct verdict auth_descriptor(struct rts_vars *v, struct request *r);
struct verdict auth_check(struct rts_vars *v, struct request *r);
bool auth_is_later(const EFI_TIME *a, const EFI_TIME *b);

/* vars_modes.c */
enum own own_variable(const EFI_GUID *guid, const CHAR16 *name, uint32_t name_len);
EFI_STATUS modes_compute(struct rts_vars *v);
bool modes_setup(const struct rts_vars *v);  /* no PK is there */
bool modes_custom(const struct rts_vars *v); /* keys need no signature */
struct verdict modes_properties(struct rts_vars *v, struct request *r);
struct verdict modes_presence(struct rts_vars *v, struct request *r);
struct verdict modes_forced(struct rts_vars *v, struct request *r);
/* Adds to the changes what follows from them. */
struct verdict modes_follow(struct rts_vars *v, struct request *r);

/* vars_check.c */
struct verdict check_property(struct rts_vars *v, struct request *r);
struct verdict check_defined(struct rts_vars *v, struct request *r);

/* vars_mor.c */
struct verdict mor_check(struct rts_vars *v, struct request *r);
EFI_STATUS mor_begin(struct rts_vars *v);

/* vars_lang.c */
struct verdict lang_check(struct rts_vars *v, struct request *r);
struct verdict lang_follow(struct rts_vars *v, struct request *r);

/* vars_policy.c */
struct verdict policy_check(struct rts_vars *v, struct request *r);
bool policy_locks(const struct rts_vars *v, const EFI_GUID *guid, const CHAR16 *name);
void policies_free(struct rts_vars *v);

/* vars_log.c */
/* One line: what was asked, of which variable (@guid NULL: of none), in which phase, and
 * the answer with its reason. */
void vars_log(const struct rts_vars *v, enum rts_log level, const EFI_GUID *guid,
	      const CHAR16 *name, uint32_t name_len, const char *what, EFI_STATUS status,
	      const char *why);
/* The same for an answer, and its status. What is refused is for everybody's log; that
 * something is not there, or needs more room, is none. */
EFI_STATUS vars_answer(const struct rts_vars *v, const EFI_GUID *guid, const CHAR16 *name,
		       uint32_t name_len, const char *what, struct verdict verdict);

/* vars.c */
/* Bytes up to and with the first NUL; 0 where there is none in @name_len bytes. */
uint32_t name_bytes(const CHAR16 *name, uint64_t name_len);
/* Attributes that SetVariable could have stored. */
bool attr_storable(uint32_t attr);
/* Name and data do not fit one message. */
bool too_long(uint32_t name_len, uint64_t data_len);
void import_free(struct rts_vars *v);
