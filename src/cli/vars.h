/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of `runtserv vars` share: a store that is open, names, and values as text
 * for people. */
#pragma once

#include <jansson.h>

#include "cli/cli.h"
#include "crypto/crypto_x509.h"
#include "runtserv/vars.h"
#include "store/store.h"

#define VARS_FILE_MAX  ((size_t)16 << 20) /* of a value, a list, a certificate */
#define VARS_QUOTA_MAX (5U << 20)         /* as for serve */
#define VARS_NAME_MAX  512U               /* characters, of a name that is typed */

#define VARS_NV    (EFI_VARIABLE_NON_VOLATILE | EFI_VARIABLE_BOOTSERVICE_ACCESS)
#define VARS_NV_RT (VARS_NV | EFI_VARIABLE_RUNTIME_ACCESS)
#define VARS_ALL   (VARS_KEYS | EFI_VARIABLE_HARDWARE_ERROR_RECORD)
#define VARS_KEYS  (VARS_NV_RT | EFI_VARIABLE_TIME_BASED_AUTHENTICATED_WRITE_ACCESS)

/* vars_open.c: a store and what is in it. Functions that return int return an exit status,
 * with a message unless it is EXIT_WELL. */
struct vars {
	const char *word;
	struct store *store;
	struct rts_vars *vars;
	struct crypto *crypto;
	/* set before vars_open(): */
	bool tell;  /* what the rules say of a write */
	bool start; /* as a machine does, which forgets CustomMode */
};

enum vars_use { VARS_READ, VARS_CHANGE, VARS_EDIT }; /* the last one also makes new ones */

int vars_open(struct vars *s, const char *word, enum vars_use use, uint64_t quota);
void vars_close(struct vars *s);

/* The variables, in the store's order. Start with a zeroed cursor. _any: also volatile
 * ones, which folders have. */
bool vars_next(const struct vars *s, struct rts_vars_cursor *cursor,
	       const struct rts_var **ret);
bool vars_next_any(const struct vars *s, struct rts_vars_cursor *cursor,
		   const struct rts_var **ret);
const struct rts_var *vars_get(const struct vars *s, const EFI_GUID *guid,
			       const CHAR16 *name, uint32_t name_len);
#define VARS_GET(s, guid, name) vars_get(s, guid, name, sizeof(name))

/* In one commit; says what is wrong. */
int vars_edit(struct vars *s, const struct rts_var_edit *edits, size_t count);

/* NAME or NAME-GUID, as somebody typed it. */
struct vars_name {
	EFI_GUID guid;
	bool has_guid;
	uint32_t name_len;
	CHAR16 name[VARS_NAME_MAX + 1];
};
int vars_name_read(const char *text, struct vars_name *ret);

/* The one variable that @name names: EXIT_WELL, EXIT_FINDINGS where there is none (*ret is
 * NULL), EXIT_TROUBLE where a name without GUID is more than one's. */
int vars_find(const struct vars *s, const char *text, const struct vars_name *name,
	      const struct rts_var **ret);

/* Completes the GUID of a variable that is not there, where its name tells it, and its
 * attributes. False: it does not. */
bool vars_known(struct vars_name *name, uint32_t *ret_attr);

/* @form is ASCII; each # in it is a hexadecimal digit. */
bool vars_name_is(const CHAR16 *name, uint32_t name_len, const char *form);

bool vars_attr_read(const char *text, uint32_t *ret);
const char *vars_attr_text(uint32_t attr, char ret[40]);
/* YYYY-MM-DD[THH:MM:SS[Z]] */
bool vars_time_read(const char *text, EFI_TIME *ret);
/* The same for an option: an exit status. */
int vars_time_option(EFI_TIME *ret, const struct cli_option *o, const char *arg);
EFI_TIME vars_now(void);
int vars_time_compare(const EFI_TIME *a, const EFI_TIME *b);

/* vars_disk.c: a partition of a disk with GPT, in blocks of the disk. */
struct vars_partition {
	uint32_t number; /* from 1 */
	EFI_GUID guid;   /* its own, not its type */
	uint64_t start, blocks;
};
/* N[,GUID[,START,SIZE]]; what is left out is 0. */
bool vars_partition_read(const char *text, struct vars_partition *ret);
/* Partition @number of a disk or its image; 0: its only EFI system partition. EXIT_WELL, or
 * EXIT_TROUBLE with a message. */
int vars_disk_find(const char *path, uint32_t number, struct vars_partition *ret);

/* vars_path.c, vars_text.c: values as text, none of which is taken on trust: what they
 * print is safe for a terminal, and UTF-8. */
void vars_print_path(FILE *to, struct bytes path);
bool vars_path_valid(struct bytes path); /* nodes, up to the one that ends it */
void vars_print_name(FILE *to, const CHAR16 *name, uint32_t name_len);
void vars_print_time(FILE *to, const EFI_TIME *t);
void vars_print_ucs2(FILE *to, struct bytes text);
void vars_print_hex(FILE *to, struct bytes b, size_t max);
void vars_print_guid(FILE *to, const EFI_GUID *guid);

/* What a certificate says: crypto_x509_read(), or a test's. */
struct vars_certs {
	struct crypto *crypto;
	int (*read)(struct crypto *c, struct bytes der, struct crypto_x509 *ret);
};

/* EFI_LOAD_OPTION, UEFI 2.10 §3.1.3. */
struct vars_option {
	uint32_t attributes;
	struct bytes description; /* UCS-2 without its NUL, not aligned */
	struct bytes path, data;
};
#define LOAD_OPTION_ACTIVE 1U
bool vars_option_read(struct bytes b, struct vars_option *ret);

/* What a variable holds, by its name. */
enum vars_kind {
	VARS_BYTES,
	VARS_OPTION, /* Boot####, Driver####, SysPrep#### */
	VARS_ORDER,  /* numbers of those */
	VARS_PATH,
	VARS_SIGNATURES,
	VARS_SWITCH, /* one byte, 0 or 1 */
	VARS_STRING, /* ASCII */
	VARS_NUMBER, /* little-endian, up to eight bytes */
};
enum vars_kind vars_kind(const struct rts_var *var);

/* On one line; and whole, each line ended. */
void vars_print_short(FILE *to, const struct vars_certs *certs, const struct rts_var *var);
void vars_print_long(FILE *to, const struct vars_certs *certs, const struct rts_var *var);

/* The type of a signature; NULL: unknown. */
const char *vars_signature_type(const EFI_GUID *type);

/* vars_json.c */
json_t *vars_json(const struct vars_certs *certs, const struct rts_var *var);

/* A row of a table of options: the room in the store, a uint64_t. */
#define VARS_QUOTA_OPTION(type, member)                                               \
	{                                                                             \
		"quota", "BYTES", "room in the store, as for serve (default 262144)", \
			CLI_NUMBER(type, member, 1, VARS_QUOTA_MAX)                   \
	}

/* The forms of the verb that have a file of their own. */
int vars_boot(int argc, char **argv);
int vars_diff(int argc, char **argv);
int vars_merge(int argc, char **argv);
int vars_convert(int argc, char **argv);
int vars_status(int argc, char **argv);
int vars_secureboot(int argc, char **argv);
int vars_audit(int argc, char **argv);
int vars_enroll(int argc, char **argv);
int vars_apply(int argc, char **argv);
