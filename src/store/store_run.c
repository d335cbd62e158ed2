/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * STORE.run, "runtserv.state/1": what outlives the daemon and not the host. It is our own
 * file, so it is taken as a whole or not at all, and without it the machine merely is as
 * after a reset.
 */
#include <string.h>

#include "base/cleanup.h"
#include "base/guid.h"
#include "store/store_var.h"

#define SCHEMA "runtserv.state/1"

static void say(const struct store_source *in, enum rts_log level, const char *text,
		const char *why)
{
	struct diag line = {0};

	diag_set(&line, "%s: %s%s", in->label, text, why);
	if (in->log != NULL)
		in->log(in->log_ctx, level, line.text);
}

static bool is_text(json_t *root, const char *member, const char *want)
{
	const char *text = json_string_value(json_object_get(root, member));

	return text != NULL && strcmp(text, want) == 0;
}

static int phase_read(struct var_reader *r, json_t *root, struct rts_vars *v)
{
	json_t *o = json_object_get(root, "phase");
	json_t *dxe = json_object_get(o, "end_of_dxe");
	json_t *rtb = json_object_get(o, "ready_to_boot");
	json_t *rt = json_object_get(o, "runtime");

	r->list = "phase";
	r->index = SIZE_MAX;
	if (!json_is_boolean(dxe) || !json_is_boolean(rtb) || !json_is_boolean(rt))
		return var_bad(r, NULL, "not a phase");
	rts_vars_load_phase(v,
			    &(struct rts_vars_phase){json_is_true(dxe), json_is_true(rtb),
						     json_is_true(rt)});
	return 0;
}

static int lock_read(struct var_reader *r, json_t *object, struct rts_vars *v)
{
	cleanup(freep) CHAR16 *name = NULL;
	uint32_t name_len;
	EFI_GUID guid;
	int rc;

	if (!json_is_object(object))
		return var_bad(r, NULL, "a lock that is not an object");
	rc = var_name(r, object, &name, &name_len);
	if (rc == 0)
		rc = var_guid(r, object, &guid);
	if (rc == 0 && EFI_ERROR(rts_vars_load_lock(v, &guid, name, name_len)))
		return var_bad(r, "name", "a lock that cannot be");
	return rc;
}

/* Reads everything into @v, which is not yet the real one. */
static int read_all(struct var_reader *r, json_t *root, struct rts_vars *v)
{
	json_t *locks = json_object_get(root, "locks");
	json_t *vars = json_object_get(root, "variables");
	uint64_t cost = 0;
	bool is_full = false;
	int rc = phase_read(r, root, v);

	r->list = NULL;
	if (rc == 0 && (!json_is_array(locks) || !json_is_array(vars)))
		return var_bad(r, NULL, "no locks, or no variables");
	r->list = "locks";
	for (r->index = 0; rc == 0 && r->index < json_array_size(locks); r->index++)
		rc = lock_read(r, json_array_get(locks, r->index), v);
	r->list = "variables";
	for (r->index = 0; rc == 0 && r->index < json_array_size(vars); r->index++)
		rc = var_load(r, json_array_get(vars, r->index), v, &cost, &is_full);
	return rc == 0 && is_full ? -ENOMEM : rc;
}

/* What does not fit any more, for the store was edited or the quota is smaller, stays
 * behind. */
static void copy(const struct store_source *in, const struct rts_vars *from,
		 struct rts_vars *to)
{
	const struct rts_vars_view *view = rts_vars_current(from);
	const struct rts_vars_phase phase = rts_vars_phase(from);
	struct rts_vars_cursor vars = {0}, locks = {0};
	struct rts_vars_locked lock;
	const struct rts_var *var;
	size_t lost = 0;

	rts_vars_load_phase(to, &phase);
	while (rts_vars_view_next_lock(view, &locks, &lock))
		lost += EFI_ERROR(
			rts_vars_load_lock(to, &lock.guid, lock.name, lock.name_len));
	while (rts_vars_view_next(view, &vars, &var))
		lost += EFI_ERROR(rts_vars_load(to, var));
	if (lost > 0)
		say(in, RTS_LOG_WARNING, "some locks or volatile variables were dropped",
		    ": they are over quota, or the store now has them");
}

int store_run_parse(const struct store_source *in, const char *boot_id, struct rts_vars *v,
		    bool *ret_taken, uint64_t *ret_written_ns)
{
	const struct rts_vars_config config = {.quota_nv = UINT64_MAX,
					       .quota_volatile = UINT64_MAX};
	struct diag d = {0};
	struct var_reader r = {.in = in, .d = &d, .index = SIZE_MAX};
	struct rts_vars *whole = NULL;
	json_error_t error;
	json_t *root = json_loadb(in->text, in->len, JSON_REJECT_DUPLICATES, &error);
	json_t *written = json_object_get(root, "written_ns");
	int rc = 0;

	*ret_taken = false;
	if (root == NULL) {
		say(in, RTS_LOG_WARNING, "damaged, and ignored: ", var_quote(error.text).s);
	} else if (!is_text(root, "schema", SCHEMA) || !json_is_integer(written)) {
		say(in, RTS_LOG_WARNING, "not a " SCHEMA, ", and ignored");
	} else if (*boot_id == 0 || !is_text(root, "boot_id", boot_id)) {
		say(in, RTS_LOG_INFO, "of another boot of the host", ", and ignored");
	} else if (EFI_ERROR(rts_vars_new(&config, &whole))) {
		rc = -ENOMEM;
	} else {
		rc = read_all(&r, root, whole);
		if (rc == 0) {
			copy(in, whole, v);
			*ret_written_ns = (uint64_t)json_integer_value(written);
			*ret_taken = true;
		} else if (rc == -EINVAL) {
			say(in, RTS_LOG_WARNING, "damaged, and ignored: ", d.text);
			rc = 0;
		}
	}
	rts_vars_free(whole);
	json_decref(root);
	return rc;
}

static void flag(struct store_text *t, bool value)
{
	if (value)
		STORE_TEXT(t, "true");
	else
		STORE_TEXT(t, "false");
}

static bool lock_write(struct store_text *t, const struct rts_vars_locked *lock)
{
	char guid[GUID_TEXT_LEN + 1];

	STORE_TEXT(t, "\n        {\n            ");
	if (!var_write_name(t, lock->name, lock->name_len) || !store_text_reserve(t, 512))
		return false;
	guid_to_text(&lock->guid, guid);
	STORE_TEXT(t, ",\n            \"guid\": \"");
	store_text_put(t, guid, GUID_TEXT_LEN);
	STORE_TEXT(t, "\"\n        }");
	return true;
}

int store_run_write(const struct rts_vars_view *view, const char *boot_id,
		    uint64_t written_ns, struct store_text *ret)
{
	const struct rts_vars_phase phase = rts_vars_view_phase(view);
	struct rts_vars_cursor cursor = {0};
	struct rts_vars_locked lock;

	ret->n = 0;
	if (!store_text_reserve(ret, 1024))
		return -ENOMEM;
	STORE_TEXT(ret, "{\n    \"schema\": \"" SCHEMA "\",\n    \"boot_id\": \"");
	store_text_put(ret, boot_id, strlen(boot_id));
	STORE_TEXT(ret, "\",\n    \"written_ns\": ");
	store_text_number(ret, written_ns);
	STORE_TEXT(ret, ",\n    \"phase\": {\n        \"end_of_dxe\": ");
	flag(ret, phase.end_of_dxe);
	STORE_TEXT(ret, ",\n        \"ready_to_boot\": ");
	flag(ret, phase.ready_to_boot);
	STORE_TEXT(ret, ",\n        \"runtime\": ");
	flag(ret, phase.runtime);
	STORE_TEXT(ret, "\n    },\n    \"locks\": [");
	for (bool first = true; rts_vars_view_next_lock(view, &cursor, &lock);
	     first = false) {
		if (!first)
			STORE_TEXT(ret, ",");
		if (!lock_write(ret, &lock))
			return -ENOMEM;
	}
	STORE_TEXT(ret, "\n    ],\n    ");
	if (!var_write_all(ret, view, 0))
		return -ENOMEM;
	STORE_TEXT(ret, "\n}");
	return 0;
}
