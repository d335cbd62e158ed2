/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From one kind of store into another. Each keeps things that another cannot; what would be
 * lost is found and said before anything is written.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "store/store_flash.h"
#include "store/store_folder.h"
#include "store/store_priv.h"
#include "store/store_var.h"

struct conversion {
	const struct store_conversion *c;
	struct store *from, *to;
	struct rts_vars *vars; /* all that FROM has */
	struct rts_vars *kept; /* all that TO can have */
	bool to_plain;
	size_t lost;
	struct diag *d;
};

static void lose(struct conversion *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void lose(struct conversion *v, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	v->lost++;
	if (v->c->lost == NULL)
		return;
	va_start(ap, fmt);
	fmt_text(text, sizeof text, fmt, ap);
	va_end(ap);
	v->c->lost(v->c->ctx, text);
}

static const struct certdb_node *node_of(struct bytes certdb, const struct rts_var *var,
					 struct certdb_node *node)
{
	struct bytes rest;

	if (certdb_first(certdb, &rest))
		while (certdb_next(&rest, node))
			if (certdb_names(node, var))
				return node;
	return NULL;
}

static bool has_time(const struct rts_var *var)
{
	static const EFI_TIME zero;

	return memcmp(&var->time, &zero, sizeof zero) != 0;
}

/* Says what @var loses; false: it is lost as a whole. */
static bool look_at(struct conversion *v, const struct rts_var *var)
{
	const enum store_kind to = store_kind(v->to);
	const bool flash = to == STORE_FLASH && !v->to_plain;
	struct certdb_node node;
	struct store_name text;

	store_name(&text, var);
	if ((var->attr & EFI_VARIABLE_NON_VOLATILE) == 0 && to != STORE_FOLDER) {
		lose(v, "%s: volatile", text.s);
		return false;
	}
	if (to == STORE_FOLDER && !store_folder_can_name(var)) {
		lose(v, "%s: its name cannot be a file's", text.s);
		return false;
	}
	if (v->to_plain &&
	    (var->attr & EFI_VARIABLE_TIME_BASED_AUTHENTICATED_WRITE_ACCESS) != 0) {
		lose(v, "%s: the image keeps no authenticated variables", text.s);
		return false;
	}
	if (var->has_digest && to != STORE_JSON)
		lose(v, "%s: whom it belongs to (digest): anyone may take it over", text.s);
	if (!flash && node_of(store_certdb(v->from), var, &node) != NULL)
		lose(v, "%s: whom it belongs to (certdb): anyone may take it over", text.s);
	if (has_time(var) && to != STORE_JSON && !flash)
		lose(v, "%s: the time of its last authenticated write", text.s);
	return true;
}

static EFI_STATUS new_vars(struct rts_vars **ret)
{
	return rts_vars_new(&(struct rts_vars_config){.quota_nv = UINT64_MAX,
						      .quota_volatile = UINT64_MAX},
			    ret);
}

static bool same_order(const struct rts_vars_view *a, const struct rts_vars_view *b)
{
	struct rts_vars_cursor x = {0}, y = {0};
	const struct rts_var *p, *q;

	while (rts_vars_view_next(a, &x, &p))
		if (!rts_vars_view_next(b, &y, &q) || p->name_len != q->name_len ||
		    memcmp(p->name, q->name, p->name_len) != 0 ||
		    memcmp(&p->guid, &q->guid, sizeof p->guid) != 0)
			return false;
	return true;
}

/* A folder comes back in the order of its files' names. */
static int look_at_order(struct conversion *v)
{
	const struct rts_vars_view *view = rts_vars_current(v->kept);
	struct store_text listing = {0};
	struct store_source in = {.label = v->c->to};
	struct rts_vars *sorted = NULL;
	int r = store_folder_write(view, v->c->to, &listing, v->d);

	if (r == 0 && EFI_ERROR(new_vars(&sorted)))
		r = diag(v->d, -ENOMEM, "%s: out of memory", v->c->to);
	in.text = listing.p;
	in.len = listing.n;
	if (r == 0)
		r = store_folder_parse(&in, sorted, v->d);
	if (r == 0 && !same_order(view, rts_vars_current(sorted)))
		lose(v, "the order of the variables");
	rts_vars_free(sorted);
	store_text_fini(&listing);
	return r;
}

static int look_at_all(struct conversion *v)
{
	const struct rts_vars_view *view = rts_vars_current(v->vars);
	struct rts_vars_cursor cursor = {0};
	const struct rts_var *var;

	if (store_has_unknown(v->from))
		lose(v, "members that are not a store's");
	while (rts_vars_view_next(view, &cursor, &var)) {
		if (look_at(v, var) && EFI_ERROR(rts_vars_load(v->kept, var)))
			return diag(v->d, -ENOMEM, "%s: out of memory", v->c->from);
	}
	return store_kind(v->to) == STORE_FOLDER ? look_at_order(v) : 0;
}

static int convert(struct conversion *v)
{
	const struct store_conversion *c = v->c;
	struct store_config config = {
		.word = c->from, .log = c->log, .log_ctx = c->ctx, .use = STORE_READ};
	int r;

	if (c->layout != NULL && !store_flash_layout(c->layout))
		return diag(v->d, -EINVAL, "no layout '%s': 4m, 2m or aavmf", c->layout);
	r = store_open(&config, v->d, &v->from);
	if (r < 0)
		return r;
	if (EFI_ERROR(new_vars(&v->vars)) || EFI_ERROR(new_vars(&v->kept)))
		return diag(v->d, -ENOMEM, "%s: out of memory", c->from);
	r = store_load(v->from, v->vars, v->d);
	if (r < 0)
		return r;
	config.word = c->to;
	config.use = STORE_EDIT;
	config.layout = c->layout;
	r = store_open(&config, v->d, &v->to);
	if (r < 0)
		return r;
	if (store_kind(v->to) == STORE_MEMORY)
		return diag(v->d, -EINVAL, "%s keeps nothing", c->to);
	if (c->layout != NULL && store_kind(v->to) != STORE_FLASH)
		return diag(v->d, -EINVAL, "%s: only a flash image has a layout", c->to);
	r = store_peek(v->to, v->d);
	if (r < 0)
		return r;
	v->to_plain = store_kind(v->to) == STORE_FLASH && c->layout == NULL &&
		      store_flash_is_plain(store_content(v->to));
	r = look_at_all(v);
	if (r < 0)
		return r;
	if (v->lost > 0 && !c->lossy) {
		diag_set(v->d, "%s: not written, for something would be lost (see --lossy)",
			 c->to);
		return 1;
	}
	return store_overwrite(v->to, rts_vars_current(v->kept), store_certdb(v->from),
			       c->force, v->d);
}

int store_convert(const struct store_conversion *c, struct diag *d)
{
	struct conversion v = {.c = c, .d = d};
	int r = convert(&v);

	rts_vars_free(v.vars);
	rts_vars_free(v.kept);
	store_close(v.to);
	store_close(v.from);
	return r;
}
