/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The UEFI variable service (UEFI 2.10 §8.2) as a library: the rules, and nothing of how
 * requests arrive or where variables rest. Semantics are edk2's; doc/deviations.md lists
 * what differs.
 *
 * One struct rts_vars is one machine's variables. It keeps no global state, makes no system
 * call and is not thread-safe. Names are UCS-2 in host order; a name_len or NameSize counts
 * bytes, its terminating NUL included. Data lengths are bytes. Statuses are EFI_STATUS
 * (uefi/types.h).
 *
 * A change is made in three steps: the new state is built, the store is asked to keep it
 * (commit), and only when the store says EFI_SUCCESS does it become visible.
 */
#pragma once

#include "base/bytes.h"
#include "uefi/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rts_vars;
struct rts_vars_view;

/* One variable. Borrowed: valid until the next call that changes the struct rts_vars. */
struct rts_var {
	EFI_GUID guid;
	uint32_t attr;     /* EFI_VARIABLE_*, never APPEND_WRITE */
	uint32_t name_len; /* bytes, NUL included: at least 4 */
	uint32_t data_len; /* bytes; 0 only where a store had it so */
	EFI_TIME time;     /* of the last authenticated write; zero otherwise */
	bool has_digest;   /* signer of a private authenticated variable */
	uint8_t digest[32];
	const CHAR16 *name;
	const uint8_t *data;
	uint64_t serial; /* given by the service: what differs in anything has another one,
			    as long as it lives; ignored in what it is handed */
};

/* How far the machine has come since its reset; each goes from false to true only (PI 1.8
 * vol 2 §5.1). */
struct rts_vars_phase {
	bool end_of_dxe;
	bool ready_to_boot;
	bool runtime; /* after ExitBootServices */
};

/* What else holds until the next reset, and outlives the process. */
struct rts_vars_latches {
	bool policy_locked;   /* no more policies are taken */
	bool policy_disabled; /* policies are not enforced */
	bool mor_absent;      /* the firmware has no memory overwrite request */
	bool mor_locked;      /* ... or it is locked, */
	bool mor_has_key;     /* ... with this key */
	uint8_t mor_key[8];
};

/* What the store has to keep, as bits. */
enum {
	RTS_VARS_DURABLE = 1, /* non-volatile variables: must survive power loss */
	RTS_VARS_RUN = 2, /* volatile variables, phase, locks: must survive the process, not
			     the host */
};

struct rts_var_store_ops {
	/*
	 * Keeps @parts of the state that @view shows, which is the state after the change.
	 * Returns EFI_SUCCESS only when it is kept as the part demands; anything else
	 * (EFI_DEVICE_ERROR as a rule) is what the caller of the service is told, and the
	 * change is not made. @parts is never 0.
	 */
	EFI_STATUS (*commit)(void *ctx, const struct rts_vars_view *view, unsigned parts);
};

/*
 * What authenticated variables need of cryptography. None of it knows a rule: whom to trust
 * is said by the caller. Every length is one that a message can have.
 */
struct rts_var_crypto_ops {
	/*
	 * Takes apart a PKCS#7 SignedData (DER, with or without its ContentInfo), which has
	 * one signer, his certificate, and a SHA-256, -384 or -512 digest, and checks that
	 * he signed @content, one piece after the other. NULL and *ret_signature, or why
	 * not, as a text that stays. Says nothing of who the signer is.
	 */
	const char *(*open)(void *ctx, struct bytes message, const struct bytes *content,
			    size_t count, void **ret_signature);
	void (*close)(void *ctx, void *signature);

	/* The signer's certificate, DER. Borrowed from @signature, as all that follows. */
	struct bytes (*signer)(void *ctx, void *signature);

	/*
	 * The certificate at which the signer's chain ends, as far as the message has it,
	 * whatever the order of certificates in there; and the signer's common name, as
	 * UTF-8 with the escapes of RFC 4514. False where he has none.
	 */
	bool (*top)(void *ctx, void *signature, struct bytes *ret_top,
		    struct bytes *ret_common_name);

	/* Whether a chain leads from the signer to @trusted, which need not be a root;
	 * whatever the date is. */
	bool (*chains)(void *ctx, void *signature, struct bytes trusted);

	/* Whether @der is one X.509 certificate and nothing else, with a usable key. */
	bool (*is_certificate)(void *ctx, struct bytes der);

	bool (*sha256)(void *ctx, const struct bytes *pieces, size_t count,
		       uint8_t ret[32]);
};

enum rts_log { RTS_LOG_ERROR, RTS_LOG_WARNING, RTS_LOG_INFO, RTS_LOG_DEBUG };

/* Zero means default everywhere. */
struct rts_vars_config {
	const struct rts_var_store_ops *store; /* NULL: kept in memory only */
	void *store_ctx;
	void (*log)(void *ctx, enum rts_log level,
		    const char *text); /* one line, no newline */
	void *log_ctx;
	enum rts_log log_level;  /* the least important that log wants; nothing else is
				    formatted */
	uint64_t quota_nv;       /* bytes; default RTS_VARS_QUOTA */
	uint64_t quota_volatile; /* bytes; default RTS_VARS_QUOTA */
	uint64_t quota_hw_error; /* bytes for hardware error records; default: none are
				    taken */
	uint64_t hash_seed;      /* random for a service that faces strangers */
	const struct rts_var_crypto_ops
		*crypto; /* NULL: authenticated writes are refused, whatever the mode */
	void *crypto_ctx;
	bool physical_presence; /* the guest may change SecureBootEnable and CustomMode, and
				   write keys without signature in custom mode, before
				   ExitBootServices */
	bool no_custom_mode;    /* it may not change CustomMode all the same */
	bool policy_can_end;    /* variable policies may be switched off before EndOfDxe */
	bool force_secure_boot; /* SecureBoot is as if SecureBootEnable were 1, and nothing
				   that switches it off is taken */
};

#define RTS_VARS_QUOTA 262144U
#define RTS_VARS_OVERHEAD                                               \
	96U /* what one variable costs beside its name, data and digest \
	     */

/* EFI_SUCCESS, or EFI_OUT_OF_RESOURCES. @config is copied; what it points to is borrowed
 * for life. */
EFI_STATUS rts_vars_new(const struct rts_vars_config *config, struct rts_vars **ret);
void rts_vars_free(struct rts_vars *v);

/*
 * Filling a new struct from a store, before rts_vars_start(); nothing is committed.
 * EFI_ALREADY_STARTED: that name exists; EFI_OUT_OF_RESOURCES: over quota, or no memory;
 * EFI_INVALID_PARAMETER: the attributes or the name could not have been stored.
 */
EFI_STATUS rts_vars_load(struct rts_vars *v, const struct rts_var *var);
EFI_STATUS rts_vars_load_policy(struct rts_vars *v, const void *entry, size_t len);
void rts_vars_load_phase(struct rts_vars *v, const struct rts_vars_phase *phase);
void rts_vars_load_latches(struct rts_vars *v, const struct rts_vars_latches *latches);

/* Ends loading: computes SetupMode, SecureBoot, SignatureSupport and VendorKeys from what
 * is there. */
EFI_STATUS rts_vars_start(struct rts_vars *v);

/*
 * The services, as the specification and edk2 answer them. @name need not be aligned to
 * more than two bytes and ends with its first NUL, which must lie within @name_len bytes
 * (EFI_INVALID_PARAMETER).
 */

/* @data_len: room in @data, then the length of the value, also with EFI_BUFFER_TOO_SMALL.
 */
EFI_STATUS rts_vars_get(const struct rts_vars *v, const CHAR16 *name, size_t name_len,
			const EFI_GUID *guid, uint32_t *ret_attr, uint64_t *data_len,
			void *data);

/* @name, @guid: the previous variable (empty name: begin), then the next. @name_len: room
 * in @name, then the length of the next name, also with EFI_BUFFER_TOO_SMALL. */
EFI_STATUS rts_vars_get_next(const struct rts_vars *v, CHAR16 *name, uint64_t *name_len,
			     EFI_GUID *guid);

EFI_STATUS rts_vars_set(struct rts_vars *v, const CHAR16 *name, size_t name_len,
			const EFI_GUID *guid, uint32_t attr, const void *data,
			uint64_t data_len);

EFI_STATUS rts_vars_query(const struct rts_vars *v, uint32_t attr, uint64_t *ret_max,
			  uint64_t *ret_remaining, uint64_t *ret_max_variable);

/*
 * Variable policies (edk2's variable policy protocol): an entry is a VARIABLE_POLICY_ENTRY
 * with its lock policy and its name, as on the wire. Enforced from EndOfDxe on, which also
 * ends their registration. register: EFI_INVALID_PARAMETER (malformed), EFI_ALREADY_STARTED
 * (one of exactly that name), EFI_WRITE_PROTECTED (too late), EFI_OUT_OF_RESOURCES (over
 * the volatile quota); lock: EFI_WRITE_PROTECTED the second time; disable:
 * EFI_WRITE_PROTECTED unless config.policy_can_end and in time, EFI_ALREADY_STARTED.
 */
EFI_STATUS rts_vars_policy_register(struct rts_vars *v, const void *entry, size_t len);
EFI_STATUS rts_vars_policy_lock(struct rts_vars *v);
EFI_STATUS rts_vars_policy_disable(struct rts_vars *v);
bool rts_vars_policy_enabled(const struct rts_vars *v);

/* The policy that a variable has; empty: none. False: the name does not end within
 * @name_len bytes. */
bool rts_vars_policy_find(const struct rts_vars *v, const EFI_GUID *guid,
			  const CHAR16 *name, size_t name_len, struct bytes *ret);

/* All entries, one behind the other, from @offset on, as much as @to has room for. How long
 * they are together. */
uint64_t rts_vars_policy_dump(const struct rts_vars *v, uint64_t offset, struct writer *to);

/* edk2's VariableLock protocol: a policy for one name, which from EndOfDxe on cannot be
 * written until the machine's reset. */
EFI_STATUS rts_vars_lock(struct rts_vars *v, const CHAR16 *name, size_t name_len,
			 const EFI_GUID *guid);

/* Phases. Each may come any number of times. EFI_UNSUPPORTED: ReadyToBoot at run time.
 * Where the store cannot keep a phase it holds all the same; the status is the store's. */
EFI_STATUS rts_vars_end_of_dxe(struct rts_vars *v);
EFI_STATUS rts_vars_ready_to_boot(struct rts_vars *v);
EFI_STATUS rts_vars_exit_boot_services(struct rts_vars *v);

/* The machine was reset: volatile variables, locks and phases are gone, an unfinished
 * import too, also where the store cannot keep that and its status is returned. */
EFI_STATUS rts_vars_reset(struct rts_vars *v);

/*
 * Variables that existed before the service did. begin: forgets what an earlier import had
 * staged; add: stages one variable; end: makes them all visible in one commit. A variable
 * that exists keeps its value. add returns EFI_SECURITY_VIOLATION for an authenticated
 * variable and EFI_WRITE_PROTECTED for one that the service computes or keeps for itself
 * (neither is ever imported), EFI_ALREADY_STARTED for one that exists, EFI_ACCESS_DENIED
 * after ReadyToBoot or without begin, and for a non-volatile one when begin found the store
 * not empty; EFI_INVALID_PARAMETER for what SetVariable could not have made,
 * EFI_OUT_OF_RESOURCES over quota. end: EFI_ACCESS_DENIED where nothing was begun, else the
 * store's status; the import is over either way.
 */
EFI_STATUS rts_vars_import_begin(struct rts_vars *v);
EFI_STATUS rts_vars_import_add(struct rts_vars *v, const struct rts_var *var);
EFI_STATUS rts_vars_import_end(struct rts_vars *v);
bool rts_vars_import_wants_nv(const struct rts_vars *v);

/*
 * The host administrator's edits of non-volatile variables, in one commit: not bound by
 * signatures, phases, locks and policies, but by form. EFI_INVALID_PARAMETER: what
 * SetVariable could not have stored, keys that are no signature lists, the same name twice;
 * EFI_WRITE_PROTECTED: computed by the service; EFI_NOT_FOUND: nothing to remove;
 * EFI_OUT_OF_RESOURCES: over quota, or no memory; else the store's status. All or nothing.
 * SetupMode and its like are computed anew at the next start.
 */
struct rts_var_edit {
	struct rts_var var; /* name and GUID only, where it is to go */
	bool remove;
};

/* @ret_bad, with an error: which edit is wrong, or @count where it is none of them. */
EFI_STATUS rts_vars_edit(struct rts_vars *v, const struct rts_var_edit *edits, size_t count,
			 size_t *ret_bad);

struct rts_vars_phase rts_vars_phase(const struct rts_vars *v);

/* Commits so far, of whatever part, failed ones included, but for those of
 * rts_vars_reset(): what a caller limits the rate of. */
uint64_t rts_vars_commits(const struct rts_vars *v);

/*
 * The log has one line for each answer of a service: at RTS_LOG_INFO for what is refused,
 * at RTS_LOG_DEBUG for the others. This adds one for what a transport answered by itself:
 * @what was asked, and why it got @status, which is returned.
 */
EFI_STATUS rts_vars_say(const struct rts_vars *v, const char *what, EFI_STATUS status,
			const char *why);

/* The state as it is now, for a store that rewrites it; borrowed, valid until the next
 * change. */
const struct rts_vars_view *rts_vars_current(const struct rts_vars *v);

/* Walking a view. Start with a zeroed cursor; false at the end. Order is the order of
 * creation. Variables that the service computes are not shown. */
struct rts_vars_cursor {
	const void *at;
	size_t step;
};
bool rts_vars_view_next(const struct rts_vars_view *view, struct rts_vars_cursor *cursor,
			const struct rts_var **ret);

/* Policies, in the order in which they were registered; as struct rts_var borrowed. */
bool rts_vars_view_next_policy(const struct rts_vars_view *view,
			       struct rts_vars_cursor *cursor, struct bytes *ret);
struct rts_vars_phase rts_vars_view_phase(const struct rts_vars_view *view);
struct rts_vars_latches rts_vars_view_latches(const struct rts_vars_view *view);

#ifdef __cplusplus
}
#endif
