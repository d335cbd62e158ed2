/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory overwrite request and its lock (TCG Platform Reset Attack Mitigation
 * Specification 1.10 §4): locked without a key until the next reset, or with one that
 * unlocks it. What is read is 0, 1 or 2, never the key. Machines whose firmware has not
 * made the request by EndOfDxe do not have it: nobody can make it later.
 */
#include "base/guid.h"
#include "uefi/guids.h"
#include "vars/vars_priv.h"

#include <stdlib.h>
#include <string.h>

#define MOR_ATTR   (ATTR_NV | ATTR_BS | ATTR_RT)
#define MOR_SPEC   " (TCG Platform Reset Attack Mitigation 1.10 4)"
#define KEY_LEN    sizeof(((struct rts_vars_latches *)NULL)->mor_key)
#define UNLOCKED   0U
#define LOCKED     1U
#define LOCKED_KEY 2U

static const EFI_GUID request_guid = EFI_MEMORY_OVERWRITE_CONTROL_DATA_GUID;
static const EFI_GUID lock_guid = EFI_MEMORY_OVERWRITE_REQUEST_CONTROL_LOCK_GUID;
static const CHAR16 request_name[] = u"MemoryOverwriteRequestControl";
static const CHAR16 lock_name[] = u"MemoryOverwriteRequestControlLock";

static bool is(const struct request *r, const EFI_GUID *guid, const CHAR16 *name,
	       uint32_t name_len)
{
	return r->name_len == name_len && guid_eq(r->guid, guid) &&
	       memcmp(r->name, name, name_len) == 0;
}

/* What the variable is to read, instead of what was written. */
static struct verdict store_state(struct rts_vars *v, struct request *r, unsigned state,
				  const uint8_t *key)
{
	static const uint8_t values[] = {UNLOCKED, LOCKED, LOCKED_KEY};

	r->has_latches = true;
	r->latches = v->latches;
	r->latches.mor_locked = state != UNLOCKED;
	r->latches.mor_has_key = key != NULL;
	memset(r->latches.mor_key, 0, KEY_LEN);
	if (key != NULL)
		memcpy(r->latches.mor_key, key, KEY_LEN);
	r->payload = (struct bytes){&values[state], 1};
	return GO_ON;
}

/* The lock, when it reads something else: its new node, or NULL. */
static struct node *lock_node(struct rts_vars *v, const uint8_t *value)
{
	return node_new(v, &(struct rts_var){.guid = lock_guid,
					     .attr = MOR_ATTR,
					     .name = lock_name,
					     .name_len = sizeof lock_name,
					     .data = value,
					     .data_len = 1});
}

static struct node *lock_there(const struct rts_vars *v)
{
	return table_find(v, &lock_guid, lock_name, sizeof lock_name);
}

/* A wrong key ends all guessing, until the next reset, also where the store cannot keep
 * that. The lock reads as one without a key from now on. */
static struct verdict forget_key(struct rts_vars *v)
{
	static const uint8_t locked = LOCKED;
	struct change c = {lock_there(v), NULL};

	v->latches.mor_has_key = false;
	memset(v->latches.mor_key, 0, KEY_LEN);
	if (c.old != NULL)
		c.new = lock_node(v, &locked);
	if (c.new == NULL || EFI_ERROR(commit(v, &c, 1, RTS_VARS_DURABLE | RTS_VARS_RUN))) {
		free(c.new);
		v->run_unsaved = EFI_ERROR(commit(v, NULL, 0, RTS_VARS_RUN));
	}
	return NO(EFI_ACCESS_DENIED,
		  "a wrong key; the lock holds until the next reset" MOR_SPEC);
}

static bool same_key(const uint8_t *a, const uint8_t *b)
{
	uint8_t differ = 0;

	for (size_t i = 0; i < KEY_LEN; i++) /* all of it, whatever the first bytes are */
		differ |= a[i] ^ b[i];
	return differ == 0;
}

static struct verdict absent(void)
{
	return NO(EFI_WRITE_PROTECTED,
		  "this machine's firmware does not overwrite memory at a reset" MOR_SPEC);
}

static struct verdict check_lock(struct rts_vars *v, struct request *r)
{
	const uint8_t *p = r->payload.p;
	const size_t n = r->payload.n;

	if (r->attr == 0 || n == 0)
		return NO(EFI_WRITE_PROTECTED, "this lock cannot be deleted" MOR_SPEC);
	if (r->attr != MOR_ATTR || (n != 1 && n != KEY_LEN))
		return NO(EFI_INVALID_PARAMETER,
			  "this lock is one byte, or a key of eight" MOR_SPEC);
	if (v->latches.mor_locked) {
		if (!v->latches.mor_has_key || n != KEY_LEN)
			return NO(EFI_ACCESS_DENIED,
				  "locked until the next reset" MOR_SPEC);
		return same_key(p, v->latches.mor_key) ? store_state(v, r, UNLOCKED, NULL)
						       : forget_key(v);
	}
	if (n == 1 && *p != UNLOCKED && *p != LOCKED)
		return NO(EFI_INVALID_PARAMETER, "this lock is 0 or 1" MOR_SPEC);
	if (v->latches.mor_absent)
		return absent();
	return n == 1 ? store_state(v, r, *p, NULL) : store_state(v, r, LOCKED_KEY, p);
}

struct verdict mor_check(struct rts_vars *v, struct request *r)
{
	const bool lock = is(r, &lock_guid, lock_name, sizeof lock_name);

	if (!lock && !is(r, &request_guid, request_name, sizeof request_name))
		return GO_ON;
	if (lock)
		return check_lock(v, r);
	if (r->attr != MOR_ATTR || r->payload.n != 1)
		return NO(EFI_INVALID_PARAMETER, "the request is one byte" MOR_SPEC);
	if (v->latches.mor_locked)
		return NO(EFI_ACCESS_DENIED, "the request is locked" MOR_SPEC);
	return v->latches.mor_absent ? absent() : GO_ON;
}

/* At EndOfDxe: with a request the lock says that it can be locked; without one there is
 * neither. */
EFI_STATUS mor_begin(struct rts_vars *v)
{
	static const uint8_t unlocked = UNLOCKED;
	struct change c = {lock_there(v), NULL};
	EFI_STATUS status;

	v->latches.mor_absent =
		table_find(v, &request_guid, request_name, sizeof request_name) == NULL;
	if (v->latches.mor_absent ? c.old == NULL
				  : c.old != NULL && c.old->var.data_len == 1 &&
					    c.old->var.data[0] == UNLOCKED)
		return EFI_SUCCESS;
	if (!v->latches.mor_absent) {
		c.new = lock_node(v, &unlocked);
		if (c.new == NULL)
			return EFI_OUT_OF_RESOURCES;
	}
	status = fits(v, &c, 1);
	if (!EFI_ERROR(status))
		status = commit(v, &c, 1, RTS_VARS_DURABLE);
	if (EFI_ERROR(status))
		free(c.new);
	return status;
}
