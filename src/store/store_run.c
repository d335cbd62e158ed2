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

/* @len bytes as hex, or, where @len is 0, as many as there are: the caller frees them. */
static int bytes_read_hex(struct var_reader *r, json_t *value, size_t len, uint8_t **ret,
			  size_t *ret_len)
{
	const char *text = json_string_value(value);
	const size_t n = text != NULL ? json_string_length(value) : 0;
	cleanup(freep) uint8_t *p = NULL;

	if (text == NULL || n == 0 || n % 2 != 0 || (len != 0 && n != 2 * len))
		return var_bad(r, NULL, "not so many hex digits as there must be");
	p = malloc(n / 2);
	if (p == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const int digit = hex_digit(text[i]);

		if (digit < 0)
			return var_bad(r, NULL, "not hex");
		p[i / 2] = (uint8_t)(i % 2 == 0 ? digit << 4 : p[i / 2] | digit);
	}
	*ret_len = n / 2;
	*ret = take_ptr(p);
	return 0;
}

static int latches_read(struct var_reader *r, json_t *root, struct rts_vars *v)
{
	struct rts_vars_latches l = {0};
	const struct {
		const char *name;
		bool *flag;
	} flags[] = {{"policy_locked", &l.policy_locked},
		     {"policy_disabled", &l.policy_disabled},
		     {"mor_absent", &l.mor_absent},
		     {"mor_locked", &l.mor_locked}};
	json_t *o = json_object_get(root, "latches"), *key = json_object_get(o, "mor_key");
	cleanup(freep) uint8_t *p = NULL;
	size_t len;
	int rc = 0;

	r->list = "latches";
	r->index = SIZE_MAX;
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		json_t *value = json_object_get(o, flags[i].name);

		if (!json_is_boolean(value))
			return var_bad(r, NULL, "no latch \"%s\"", flags[i].name);
		*flags[i].flag = json_is_true(value);
	}
	if (key != NULL) {
		rc = bytes_read_hex(r, key, sizeof l.mor_key, &p, &len);
		if (rc < 0)
			return rc;
		l.mor_has_key = true;
		memcpy(l.mor_key, p, sizeof l.mor_key);
	}
	rts_vars_load_latches(v, &l);
	return 0;
}

static int policy_read(struct var_reader *r, json_t *value, struct rts_vars *v)
{
	cleanup(freep) uint8_t *p = NULL;
	size_t len;
	int rc = bytes_read_hex(r, value, 0, &p, &len);

	if (rc == 0 && EFI_ERROR(rts_vars_load_policy(v, p, len)))
		return var_bad(r, NULL, "a policy that cannot be");
	return rc;
}

/* Reads everything into @v, which is not yet the real one. */
static int read_all(struct var_reader *r, json_t *root, struct rts_vars *v)
{
	json_t *policies = json_object_get(root, "policies");
	json_t *vars = json_object_get(root, "variables");
	uint64_t cost = 0;
	bool is_full = false;
	int rc = phase_read(r, root, v);

	if (rc == 0)
		rc = latches_read(r, root, v);
	r->list = NULL;
	if (rc == 0 && (!json_is_array(policies) || !json_is_array(vars)))
		return var_bad(r, NULL, "no policies, or no variables");
	r->list = "policies";
	for (r->index = 0; rc == 0 && r->index < json_array_size(policies); r->index++)
		rc = policy_read(r, json_array_get(policies, r->index), v);
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
	const struct rts_vars_latches latches = rts_vars_view_latches(view);
	struct rts_vars_cursor vars = {0}, policies = {0};
	struct bytes policy;
	const struct rts_var *var;
	size_t lost = 0;

	rts_vars_load_phase(to, &phase);
	rts_vars_load_latches(to, &latches);
	while (rts_vars_view_next_policy(view, &policies, &policy))
		lost += EFI_ERROR(rts_vars_load_policy(to, policy.p, policy.n));
	while (rts_vars_view_next(view, &vars, &var))
		lost += EFI_ERROR(rts_vars_load(to, var));
	if (lost > 0)
		say(in, RTS_LOG_WARNING, "some policies or volatile variables were dropped",
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

static bool latches_write(struct store_text *t, const struct rts_vars_latches *l)
{
	if (!store_text_reserve(t, 512))
		return false;
	STORE_TEXT(t, "    \"latches\": {\n        \"policy_locked\": ");
	flag(t, l->policy_locked);
	STORE_TEXT(t, ",\n        \"policy_disabled\": ");
	flag(t, l->policy_disabled);
	STORE_TEXT(t, ",\n        \"mor_absent\": ");
	flag(t, l->mor_absent);
	STORE_TEXT(t, ",\n        \"mor_locked\": ");
	flag(t, l->mor_locked);
	if (l->mor_has_key) {
		STORE_TEXT(t, ",\n        \"mor_key\": \"");
		store_text_hex(t, l->mor_key, sizeof l->mor_key);
		STORE_TEXT(t, "\"");
	}
	STORE_TEXT(t, "\n    },\n");
	return true;
}

static bool policies_write(struct store_text *t, const struct rts_vars_view *view)
{
	struct rts_vars_cursor cursor = {0};
	struct bytes policy;

	if (!store_text_reserve(t, 64))
		return false;
	STORE_TEXT(t, "    \"policies\": [");
	for (bool first = true; rts_vars_view_next_policy(view, &cursor, &policy);
	     first = false) {
		if (!store_text_reserve(t, policy.n * 2 + 64))
			return false;
		if (!first)
			STORE_TEXT(t, ",");
		STORE_TEXT(t, "\n        \"");
		store_text_hex(t, policy.p, policy.n);
		STORE_TEXT(t, "\"");
	}
	STORE_TEXT(t, "\n    ],\n    ");
	return true;
}

int store_run_write(const struct rts_vars_view *view, const char *boot_id,
		    uint64_t written_ns, struct store_text *ret)
{
	const struct rts_vars_phase phase = rts_vars_view_phase(view);
	const struct rts_vars_latches latches = rts_vars_view_latches(view);

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
	STORE_TEXT(ret, "\n    },\n");
	if (!latches_write(ret, &latches) || !policies_write(ret, view))
		return -ENOMEM;
	if (!var_write_all(ret, NULL, view, 0))
		return -ENOMEM;
	STORE_TEXT(ret, "\n}");
	return 0;
}
