/* SPDX-License-Identifier: BSD-2-Clause */
/* What the store's test programs share: a folder of their own, a store in it, variables on
 * top. */
#pragma once

#include "test.h"

#include "base/diag.h"
#include "runtserv/vars.h"
#include "store/store.h"
#include "store/store_json.h"

#define NV                                                             \
	(EFI_VARIABLE_NON_VOLATILE | EFI_VARIABLE_BOOTSERVICE_ACCESS | \
	 EFI_VARIABLE_RUNTIME_ACCESS)
#define BS EFI_VARIABLE_BOOTSERVICE_ACCESS

struct fixture {
	char dir[40];
	char path[64]; /* of the store */
	struct store *s;
	struct rts_vars *v;
	uint64_t quota;
	const struct rts_var_crypto_ops *crypto;
	enum store_use use;
	struct diag d;
	char log[2048]; /* since the store was opened, a line each */
};

extern const EFI_GUID fixture_guid; /* 11111111-2222-3333-4444-555555555555 */

/* A new folder, and in it the name of a store that does not exist; the folder is gone after
 * _fini. */
void fixture_init(struct fixture *f, const char *store_name);
void fixture_fini(struct fixture *f);

/* Opens, loads and starts. 0, or what did not work, and f->d says why. */
int fixture_open(struct fixture *f);
int fixture_open_word(struct fixture *f, const char *word);
void fixture_close(struct fixture *f);

/* A file in the folder. read: NUL-terminated, the caller frees it; NULL where there is
 * none. */
void fixture_write(const struct fixture *f, const char *name, const void *p, size_t n);
void fixture_write_text(const struct fixture *f, const char *name, const char *text);
char *fixture_read(const struct fixture *f, const char *name, size_t *ret_len);
const char *fixture_path(const struct fixture *f,
			 const char *name); /* until the next call */
bool fixture_has(const struct fixture *f, const char *name);
/* How many files are in the folder. */
unsigned fixture_count(const struct fixture *f);

EFI_STATUS fixture_set(struct fixture *f, const CHAR16 *name, uint32_t attr,
		       const char *value);
/* The value as text, "" where there is no such variable; until the next call. */
const char *fixture_get(const struct fixture *f, const CHAR16 *name);

/* The two texts that the state as it is now makes, the second without boot id and time; the
 * caller frees them. */
char *fixture_nv_text(const struct rts_vars *v);
char *fixture_run_text(const struct rts_vars *v);
