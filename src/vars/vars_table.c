/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table: a hash from (GUID, name) to a variable, and two lists in order of creation, of
 * all variables and of those that an operating system sees; so Get and GetNext cost the
 * same however many there are. A change is shown to the store as a view of the table with
 * the change made, and made after it agreed.
 */
#include "base/guid.h"
#include "vars/vars_priv.h"

#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t h, uint64_t w)
{
	__extension__ const unsigned __int128 m =
		(unsigned __int128)(h ^ w) * 0x9e3779b97f4a7c15ULL;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static uint64_t hash_of(const struct rts_vars *v, const EFI_GUID *guid, const CHAR16 *name,
			uint32_t name_len)
{
	const uint8_t *p = (const uint8_t *)name;
	uint64_t h = mix(v->config.hash_seed, name_len), w[2];

	memcpy(w, guid, sizeof w);
	h = mix(mix(h, w[0]), w[1]);
	for (; name_len >= 8; name_len -= 8, p += 8) {
		memcpy(w, p, 8);
		h = mix(h, w[0]);
	}
	w[0] = 0;
	memcpy(w, p, name_len);
	return mix(h, w[0]);
}

struct node *node_new(struct rts_vars *v, const struct rts_var *var)
{
	size_t data_room = ((size_t)var->data_len + 7) & ~(size_t)7;
	struct node *n = malloc(sizeof *n + data_room + var->name_len);
	uint8_t *p;

	if (n == NULL)
		return NULL;
	*n = (struct node){.var = *var};
	n->var.serial = ++v->serial;
	p = (uint8_t *)(n + 1);
	if (var->data_len > 0 && var->data != NULL)
		memcpy(p, var->data, var->data_len);
	n->var.data = p;
	memcpy(p + data_room, var->name, var->name_len);
	n->var.name = (const CHAR16 *)(const void *)(p + data_room);
	n->hash = hash_of(v, &var->guid, var->name, var->name_len);
	return n;
}

struct node *table_find(const struct rts_vars *v, const EFI_GUID *guid, const CHAR16 *name,
			uint32_t name_len)
{
	uint64_t hash = hash_of(v, guid, name, name_len);

	for (struct node *n = v->buckets[hash & (v->bucket_count - 1)]; n != NULL;
	     n = n->hash_next)
		if (n->hash == hash && n->var.name_len == name_len &&
		    guid_eq(&n->var.guid, guid) && memcmp(n->var.name, name, name_len) == 0)
			return n;
	return NULL;
}

/* Room for @more variables, so that table_apply() cannot fail. */
EFI_STATUS table_reserve(struct rts_vars *v, size_t more)
{
	size_t want = v->bucket_count > 0 ? v->bucket_count : 64;
	struct node **buckets;

	while (want < v->count + more)
		want *= 2;
	if (want == v->bucket_count)
		return EFI_SUCCESS;
	buckets = calloc(want, sizeof(*buckets));
	if (buckets == NULL)
		return EFI_OUT_OF_RESOURCES;
	for (struct node *n = v->head; n != NULL; n = n->next) {
		n->hash_next = buckets[n->hash & (want - 1)];
		buckets[n->hash & (want - 1)] = n;
	}
	free(v->buckets);
	v->buckets = buckets;
	v->bucket_count = want;
	return EFI_SUCCESS;
}

static uint64_t node_cost(const struct node *n)
{
	return n->computed
		       ? 0
		       : (uint64_t)RTS_VARS_OVERHEAD + n->var.name_len + n->var.data_len +
				 (n->var.has_digest ? sizeof n->var.digest : 0);
}

/* Whose quota a variable is charged to. */
enum { NV, VOLATILE, HW_ERROR, SPACES };
static unsigned space_of(const struct node *n)
{
	return n->var.attr & ATTR_HR ? HW_ERROR : n->var.attr & ATTR_NV ? NV : VOLATILE;
}

static uint64_t *used_by(struct rts_vars *v, const struct node *n)
{
	uint64_t *const used[SPACES] = {&v->used_nv, &v->used_volatile, &v->used_hw_error};

	return used[space_of(n)];
}

bool visible(const struct rts_vars *v, const struct node *n)
{
	return !v->phase.runtime || (n->var.attr & ATTR_RT) != 0;
}

static void hash_remove(struct rts_vars *v, const struct node *n)
{
	struct node **at = &v->buckets[n->hash & (v->bucket_count - 1)];

	while (*at != n)
		at = &(*at)->hash_next;
	*at = n->hash_next;
}

/* Puts @new between @prev and @next of either list; all may be NULL. */
#define LINK(v, node, prev_node, next_node, head, tail, prev, next)                  \
	do {                                                                         \
		(node)->prev = (prev_node);                                          \
		(node)->next = (next_node);                                          \
		*((node)->prev != NULL ? &(node)->prev->next : &(v)->head) = (node); \
		*((node)->next != NULL ? &(node)->next->prev : &(v)->tail) = (node); \
	} while (0)

#define UNLINK(v, node, head, tail, prev, next)                                            \
	do {                                                                               \
		*((node)->prev != NULL ? &(node)->prev->next : &(v)->head) = (node)->next; \
		*((node)->next != NULL ? &(node)->next->prev : &(v)->tail) = (node)->prev; \
	} while (0)

/* Makes one change and frees what left. A replacement keeps its place, for it keeps its
 * attributes. */
void table_apply(struct rts_vars *v, const struct change *c)
{
	struct node *old = c->old, *new = c->new;
	struct node *at = v->tail, *rt_at = v->rt_tail;

	if (old != NULL) {
		at = old->prev;
		rt_at = old->var.attr & ATTR_RT ? old->rt_prev : v->rt_tail;
		hash_remove(v, old);
		UNLINK(v, old, head, tail, prev, next);
		if (old->var.attr & ATTR_RT)
			UNLINK(v, old, rt_head, rt_tail, rt_prev, rt_next);
		*used_by(v, old) -= node_cost(old);
		v->count--;
		free(old);
	}
	if (new != NULL) {
		struct node **bucket = &v->buckets[new->hash &(v->bucket_count - 1)];

		new->hash_next = *bucket;
		*bucket = new;
		LINK(v, new, at, at != NULL ? at->next : v->head, head, tail, prev, next);
		if (new->var.attr & ATTR_RT)
			LINK(v, new, rt_at, rt_at != NULL ? rt_at->rt_next : v->rt_head,
			     rt_head, rt_tail, rt_prev, rt_next);
		*used_by(v, new) += node_cost(new);
		v->count++;
	}
}

/* Whether the quotas hold after @changes: one that is exceeded may still shrink. */
EFI_STATUS fits(const struct rts_vars *v, const struct change *changes, size_t n)
{
	const uint64_t quota[SPACES] = {v->config.quota_nv, v->config.quota_volatile,
					v->config.quota_hw_error};
	const uint64_t before[SPACES] = {v->used_nv, v->used_volatile, v->used_hw_error};
	uint64_t used[SPACES];

	memcpy(used, before, sizeof used);
	for (size_t i = 0; i < n; i++) {
		if (changes[i].old != NULL)
			used[space_of(changes[i].old)] -= node_cost(changes[i].old);
		if (changes[i].new != NULL)
			used[space_of(changes[i].new)] += node_cost(changes[i].new);
	}
	for (unsigned i = 0; i < SPACES; i++)
		if (used[i] > before[i] && used[i] > quota[i])
			return EFI_OUT_OF_RESOURCES;
	return EFI_SUCCESS;
}

/*
 * Shows the state after @changes to the store, and makes them when it agrees. On any other
 * status nothing has changed and the new nodes still belong to the caller.
 */
EFI_STATUS commit(struct rts_vars *v, const struct change *changes, size_t n,
		  unsigned parts)
{
	struct rts_vars_view view = {.vars = v,
				     .changes = changes,
				     .change_count = n,
				     .phase = v->phase,
				     .latches = v->latches};
	EFI_STATUS status = table_reserve(v, n);

	if (EFI_ERROR(status))
		return status;
	if (v->run_unsaved)
		parts |= RTS_VARS_RUN;
	v->commits += parts != 0;
	if (v->config.store != NULL && parts != 0) {
		status = v->config.store->commit(v->config.store_ctx, &view, parts);
		if (EFI_ERROR(status))
			return status;
	}
	if ((parts & RTS_VARS_RUN) != 0)
		v->run_unsaved = false;
	for (size_t i = 0; i < n; i++)
		table_apply(v, &changes[i]);
	return EFI_SUCCESS;
}

static const struct change *change_of(const struct rts_vars_view *view,
				      const struct node *n)
{
	for (size_t i = 0; i < view->change_count; i++)
		if (view->changes[i].old == n)
			return &view->changes[i];
	return NULL;
}

bool rts_vars_view_next(const struct rts_vars_view *view, struct rts_vars_cursor *cursor,
			const struct rts_var **ret)
{
	const struct node *n = cursor->at;

	if (cursor->step == 0) { /* the list, then step - 1 counts the changes that add */
		for (n = n != NULL ? n->next : view->vars->head; n != NULL; n = n->next) {
			const struct change *c = change_of(view, n);
			const struct node *now = c != NULL ? c->new : n;

			if (now == NULL || now->computed ||
			    (view->reset && (now->var.attr & ATTR_NV) == 0))
				continue;
			cursor->at = n;
			*ret = &now->var;
			return true;
		}
		cursor->step = 1;
	}
	for (; cursor->step <= view->change_count; cursor->step++) {
		const struct change *c = &view->changes[cursor->step - 1];

		if (c->old == NULL && c->new != NULL && !c->new->computed) {
			cursor->step++;
			*ret = &c->new->var;
			return true;
		}
	}
	return false;
}

struct rts_vars_phase rts_vars_view_phase(const struct rts_vars_view *view)
{
	return view == &view->vars->current ? view->vars->phase : view->phase;
}

struct rts_vars_latches rts_vars_view_latches(const struct rts_vars_view *view)
{
	return view == &view->vars->current ? view->vars->latches : view->latches;
}
