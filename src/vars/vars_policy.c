/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Variable policies, as edk2's VariablePolicyLib has them: what a variable's size and
 * attributes must be, and whether it is locked, by its name, a name with wildcards, or its
 * whole namespace. Until the machine's reset. The exact name wins, then the fewest
 * wildcards, then what came first.
 */
#include "base/guid.h"
#include "vars/vars_priv.h"

#include <stdlib.h>
#include <string.h>

#define WILDCARDS_MAX 255U /* a whole namespace counts as so many */
#define ENTRY_MAX     UINT16_MAX
#define SPEC          " (edk2 variable policy)"

static struct bytes entry_of(const struct policy *p)
{
	return (struct bytes){p->entry, p->len};
}

static VARIABLE_POLICY_ENTRY head_of(const struct policy *p)
{
	VARIABLE_POLICY_ENTRY head;

	memcpy(&head, p->entry, sizeof head);
	return head;
}

static bool char_at(struct bytes entry, uint64_t at, CHAR16 *ret)
{
	return bytes_read(entry, at, ret, sizeof *ret);
}

/* The offset behind the NUL of the name at @at, which lies in the entry; 0: it has none.
 * @ret_wildcards may be NULL. */
static uint64_t name_end(struct bytes entry, uint64_t at, unsigned *ret_wildcards)
{
	CHAR16 c;

	for (; char_at(entry, at, &c); at += sizeof c) {
		if (c == 0)
			return at + sizeof c;
		if (c == u'#' && ret_wildcards != NULL)
			++*ret_wildcards;
	}
	return 0;
}

static bool is_valid(struct bytes entry)
{
	VARIABLE_POLICY_ENTRY head;
	unsigned wildcards = 0;
	uint64_t lock_end = sizeof head;

	if (!bytes_read(entry, 0, &head, sizeof head) ||
	    head.Version != VARIABLE_POLICY_ENTRY_REVISION || head.Size != entry.n ||
	    head.MaxSize == 0 ||
	    head.LockPolicyType > VARIABLE_POLICY_TYPE_LOCK_ON_VAR_STATE)
		return false;
	if (head.LockPolicyType == VARIABLE_POLICY_TYPE_LOCK_ON_VAR_STATE)
		lock_end = name_end(
			entry, sizeof head + VARIABLE_LOCK_ON_VAR_STATE_POLICY_SIZE, NULL);
	if (lock_end == 0 || head.OffsetToName != lock_end)
		return false;
	return head.OffsetToName == head.Size ||
	       (name_end(entry, head.OffsetToName, &wildcards) == head.Size &&
		wildcards <= WILDCARDS_MAX);
}

static bool is_hex(CHAR16 c)
{
	return c < 0x80 && hex_digit((char)c) >= 0;
}

/* How many wildcards it takes; -1: no match. */
static int match(const struct policy *p, const EFI_GUID *guid, const CHAR16 *name)
{
	const VARIABLE_POLICY_ENTRY head = head_of(p);
	int wildcards = 0;
	CHAR16 c;

	if (!guid_eq(&head.Namespace, guid))
		return -1;
	if (head.Size == head.OffsetToName)
		return WILDCARDS_MAX;
	for (uint64_t at = head.OffsetToName; char_at(entry_of(p), at, &c);
	     at += sizeof c, name++) {
		if (c == u'#') {
			if (!is_hex(*name))
				return -1;
			wildcards++;
		} else if (c != *name) {
			return -1;
		} else if (c == 0) {
			return wildcards;
		}
	}
	return -1;
}

static const struct policy *best(const struct rts_vars *v, const EFI_GUID *guid,
				 const CHAR16 *name)
{
	const struct policy *found = NULL;
	int priority = 0;

	for (const struct policy *p = v->policies; p != NULL; p = p->next) {
		const int m = match(p, guid, name);

		if (m >= 0 && (found == NULL || m < priority)) {
			found = p;
			priority = m;
		}
	}
	return found;
}

/* ---- SetVariable ---- */

/* A name in a valid entry; it lies at an even offset. */
static const CHAR16 *name_at(const struct policy *p, size_t at)
{
	return (const CHAR16 *)(const void *)(p->entry + at);
}

static bool exists(const struct rts_vars *v, const EFI_GUID *guid, const CHAR16 *name,
		   const struct node **ret)
{
	*ret = table_find(v, guid, name, name_bytes(name, ENTRY_MAX));
	return *ret != NULL && visible(v, *ret);
}

/* Why @p locks the variable now; NULL: it does not. */
static const char *locks(const struct rts_vars *v, const struct policy *p,
			 const EFI_GUID *guid, const CHAR16 *name)
{
	const VARIABLE_POLICY_ENTRY head = head_of(p);
	const struct node *n;
	EFI_GUID space;
	uint8_t value;

	if (head.LockPolicyType == VARIABLE_POLICY_TYPE_LOCK_NOW)
		return "locked by a policy until the next reset" SPEC;
	if (head.LockPolicyType == VARIABLE_POLICY_TYPE_LOCK_ON_CREATE &&
	    exists(v, guid, name, &n))
		return "locked by a policy, for it exists, until the next reset" SPEC;
	if (head.LockPolicyType != VARIABLE_POLICY_TYPE_LOCK_ON_VAR_STATE)
		return NULL;
	memcpy(&space, p->entry + sizeof head, sizeof space);
	value = p->entry[sizeof head + sizeof space];
	if (exists(v, &space,
		   name_at(p, sizeof head + VARIABLE_LOCK_ON_VAR_STATE_POLICY_SIZE), &n) &&
	    n->var.data_len == 1 && n->var.data[0] == value)
		return "locked by a policy, while another variable has its value" SPEC;
	return NULL;
}

bool policy_locks(const struct rts_vars *v, const EFI_GUID *guid, const CHAR16 *name)
{
	const struct policy *p = best(v, guid, name);

	return p != NULL && !v->latches.policy_disabled && locks(v, p, guid, name) != NULL;
}

struct verdict policy_check(struct rts_vars *v, struct request *r)
{
	const struct policy *p = best(v, r->guid, r->name);
	VARIABLE_POLICY_ENTRY head;
	const char *why;

	if (!v->phase.end_of_dxe || v->latches.policy_disabled || p == NULL)
		return GO_ON;
	head = head_of(p);
	if (r->payload.n != 0 || is_append(r)) {
		if (r->payload.n < head.MinSize || r->payload.n > head.MaxSize)
			return NO(EFI_INVALID_PARAMETER,
				  "a length that a policy forbids" SPEC);
		if ((head.AttributesMustHave & ~r->attr) != 0 ||
		    (head.AttributesCantHave & r->attr) != 0)
			return NO(EFI_INVALID_PARAMETER,
				  "attributes that a policy forbids" SPEC);
	}
	why = locks(v, p, r->guid, r->name);
	return why != NULL ? NO(EFI_WRITE_PROTECTED, why) : GO_ON;
}

/* ---- the table ---- */

static uint64_t policy_cost(const struct policy *p)
{
	return (uint64_t)RTS_VARS_OVERHEAD + p->len;
}

static void add(struct rts_vars *v, struct policy *p)
{
	struct policy **end = &v->policies;

	while (*end != NULL)
		end = &(*end)->next;
	*end = p;
	v->used_volatile += policy_cost(p);
}

void policies_free(struct rts_vars *v)
{
	while (v->policies != NULL) {
		struct policy *p = v->policies;

		v->policies = p->next;
		v->used_volatile -= policy_cost(p);
		free(p);
	}
}

/* A policy costs as much as a volatile variable of its length, so that a guest cannot make
 * us keep more of them. */
static EFI_STATUS make(const struct rts_vars *v, const void *entry, size_t len,
		       struct policy **ret)
{
	struct policy *p;

	if (len > ENTRY_MAX || !is_valid((struct bytes){entry, len}))
		return EFI_INVALID_PARAMETER;
	if (v->used_volatile + RTS_VARS_OVERHEAD + len > v->config.quota_volatile)
		return EFI_OUT_OF_RESOURCES;
	p = malloc(sizeof *p + len);
	if (p == NULL)
		return EFI_OUT_OF_RESOURCES;
	p->next = NULL;
	p->len = (uint32_t)len;
	memcpy(p->entry, entry, len);
	*ret = p;
	return EFI_SUCCESS;
}

EFI_STATUS rts_vars_load_policy(struct rts_vars *v, const void *entry, size_t len)
{
	struct policy *p;
	EFI_STATUS status = make(v, entry, len, &p);

	if (!EFI_ERROR(status))
		add(v, p);
	return status;
}

/* Another entry of exactly that name; one with wildcards is none, as edk2 has it. */
static bool is_there(const struct rts_vars *v, const struct policy *p)
{
	const VARIABLE_POLICY_ENTRY head = head_of(p);
	const struct policy *other;

	if (head.OffsetToName == head.Size)
		return false;
	other = best(v, &head.Namespace, name_at(p, head.OffsetToName));
	return other != NULL &&
	       match(other, &head.Namespace, name_at(p, head.OffsetToName)) == 0;
}

static struct verdict locked(void)
{
	return NO(EFI_WRITE_PROTECTED, "policies are locked until the next reset" SPEC);
}

static struct verdict do_register(struct rts_vars *v, const void *entry, size_t len)
{
	struct rts_vars_view view = {.vars = v, .phase = v->phase, .latches = v->latches};
	struct policy *p;
	EFI_STATUS status;

	if (v->latches.policy_locked || v->phase.end_of_dxe)
		return locked();
	status = make(v, entry, len, &p);
	if (status == EFI_INVALID_PARAMETER)
		return NO(status, "malformed" SPEC);
	if (EFI_ERROR(status))
		return NO(status, "no room for more policies" SPEC);
	if (is_there(v, p)) {
		free(p);
		return NO(EFI_ALREADY_STARTED, "there is one of this name" SPEC);
	}
	view.policy = p;
	v->commits++;
	if (v->config.store != NULL)
		status = v->config.store->commit(v->config.store_ctx, &view, RTS_VARS_RUN);
	if (EFI_ERROR(status)) {
		free(p);
		return NO(status, "the store could not keep it" SPEC);
	}
	add(v, p);
	return DONE("done");
}

EFI_STATUS rts_vars_policy_register(struct rts_vars *v, const void *entry, size_t len)
{
	const struct verdict verdict = do_register(v, entry, len);
	const struct bytes all = {entry, len};
	VARIABLE_POLICY_ENTRY head;
	CHAR16 name[100] = u""; /* as much as a line has room for */
	size_t name_len = 0;

	if (!is_valid(all) || !bytes_read(all, 0, &head, sizeof head))
		return vars_answer(v, NULL, NULL, 0, "RegisterVariablePolicy", verdict);
	while (name_len < sizeof name - 2 && head.OffsetToName + name_len < len)
		name_len += sizeof *name;
	memcpy(name, all.p + head.OffsetToName, name_len);
	return vars_answer(v, &head.Namespace, name, (uint32_t)name_len,
			   "RegisterVariablePolicy", verdict);
}

/* A latch holds also where the store cannot keep it; every later change tries again. */
static struct verdict latch(struct rts_vars *v, bool *which)
{
	EFI_STATUS status;

	*which = true;
	status = commit(v, NULL, 0, RTS_VARS_RUN);
	v->run_unsaved = EFI_ERROR(status);
	return EFI_ERROR(status)
		       ? NO(status, "it holds, but the store could not keep it" SPEC)
		       : DONE("done");
}

EFI_STATUS rts_vars_policy_lock(struct rts_vars *v)
{
	return vars_answer(v, NULL, NULL, 0, "LockVariablePolicy",
			   v->latches.policy_locked || v->phase.end_of_dxe
				   ? locked()
				   : latch(v, &v->latches.policy_locked));
}

static struct verdict disable(struct rts_vars *v)
{
	if (v->latches.policy_disabled)
		return NO(EFI_ALREADY_STARTED, "they are switched off already" SPEC);
	if (v->latches.policy_locked || v->phase.end_of_dxe)
		return locked();
	if (!v->config.policy_can_end)
		return NO(EFI_WRITE_PROTECTED, "policies hold (edk2 variable policy, see "
					       "--allow-policy-disable)");
	return latch(v, &v->latches.policy_disabled);
}

EFI_STATUS rts_vars_policy_disable(struct rts_vars *v)
{
	return vars_answer(v, NULL, NULL, 0, "DisableVariablePolicy", disable(v));
}

bool rts_vars_policy_enabled(const struct rts_vars *v)
{
	return !v->latches.policy_disabled;
}

bool rts_vars_policy_find(const struct rts_vars *v, const EFI_GUID *guid,
			  const CHAR16 *name, size_t name_len, struct bytes *ret)
{
	const struct policy *p;

	if (name_bytes(name, name_len) == 0)
		return false;
	p = best(v, guid, name);
	*ret = p != NULL ? entry_of(p) : (struct bytes){0};
	return true;
}

uint64_t rts_vars_policy_dump(const struct rts_vars *v, uint64_t offset, struct writer *to)
{
	uint64_t total = 0;

	for (const struct policy *p = v->policies; p != NULL; p = p->next) {
		const uint64_t start = total, room = to->cap - to->n;

		total += p->len;
		if (offset >= total || room == 0)
			continue;
		offset = offset > start ? offset : start;
		writer_put(to, p->entry + (offset - start),
			   (size_t)(total - offset < room ? total - offset : room));
	}
	return total;
}

bool rts_vars_view_next_policy(const struct rts_vars_view *view,
			       struct rts_vars_cursor *cursor, struct bytes *ret)
{
	const struct policy *p = cursor->at;

	if (view->reset || cursor->step == 2)
		return false;
	p = cursor->step == 0 ? view->vars->policies : p->next;
	cursor->step = 1;
	if (p == NULL) {
		p = view->policy;
		cursor->step = 2;
	}
	cursor->at = p;
	if (p != NULL)
		*ret = entry_of(p);
	return p != NULL;
}

/* ---- edk2's VariableLock protocol ---- */

static struct verdict do_lock(struct rts_vars *v, const CHAR16 *name, uint32_t len,
			      const EFI_GUID *guid)
{
	const VARIABLE_POLICY_ENTRY head = {
		.Version = VARIABLE_POLICY_ENTRY_REVISION,
		.Size = (uint16_t)(sizeof head + len),
		.OffsetToName = sizeof head,
		.Namespace = *guid,
		.MaxSize = UINT32_MAX,
		.LockPolicyType = VARIABLE_POLICY_TYPE_LOCK_NOW,
	};
	struct verdict verdict;
	uint8_t *entry;

	if (v->phase.end_of_dxe)
		return NO(EFI_ACCESS_DENIED, "EndOfDxe has passed (edk2 VariableLock)");
	if (len <= 2 || len > ENTRY_MAX - sizeof head)
		return NO(EFI_INVALID_PARAMETER, "no name (edk2 VariableLock)");
	entry = malloc(sizeof head + len);
	if (entry == NULL)
		return NO(EFI_OUT_OF_RESOURCES, "no memory" SPEC);
	memcpy(entry, &head, sizeof head);
	memcpy(entry + sizeof head, name, len);
	verdict = do_register(v, entry, sizeof head + len);
	free(entry);
	if (verdict.status != EFI_ALREADY_STARTED)
		return verdict;
	return policy_locks(v, guid, name)
		       ? DONE("a policy of this name locks it")
		       : NO(EFI_ACCESS_DENIED,
			    "a policy of this name does not lock it (edk2 VariableLock)");
}

EFI_STATUS rts_vars_lock(struct rts_vars *v, const CHAR16 *name, size_t name_len,
			 const EFI_GUID *guid)
{
	const uint32_t len = name_bytes(name, name_len);

	return vars_answer(v, guid, name, len, "LockVariable", do_lock(v, name, len, guid));
}
