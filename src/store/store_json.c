/* SPDX-License-Identifier: BSD-2-Clause */
/* QEMU's uefi-vars JSON, version 2 (qapi/uefi.json there), and its two relatives. */
#include "store/store_json.h"

#include <string.h>

#include "base/cleanup.h"
#include "store/store_var.h"

#define VERSION 2

/* The list of variables in @root, and how it is found again; NULL with a text. */
static json_t *list_of(struct var_reader *r, json_t *root)
{
	json_t *version = json_object_get(root, "version");
	json_t *list = json_object_get(root, "variables");
	const char *key;
	json_t *value;

	if (json_is_array(root))
		return root;
	r->index = SIZE_MAX;
	if (version == NULL || list == NULL) {
		var_complain(r, NULL, "a store without \"%s\"",
			     version == NULL ? "version" : "variables");
		return NULL;
	}
	r->list = "version";
	if (!json_is_integer(version) || json_integer_value(version) != VERSION) {
		if (json_is_integer(version))
			var_complain(r, NULL, "version %lld is unknown, must be %d",
				     (long long)json_integer_value(version), VERSION);
		else
			var_complain(r, NULL, "\"version\" is not an integer");
		return NULL;
	}
	r->list = "variables";
	if (!json_is_array(list)) {
		var_complain(r, NULL, "\"variables\" is not a list");
		return NULL;
	}
	json_object_foreach(root, key, value)
	{
		if (value != version && value != list)
			var_unknown(r, &(struct store_place){key, SIZE_MAX, NULL, true});
	}
	return list;
}

int store_over_quota(const char *label, const struct rts_vars *v, uint64_t cost,
		     struct diag *d)
{
	uint64_t quota, left, largest;

	rts_vars_query(v, EFI_VARIABLE_NON_VOLATILE | EFI_VARIABLE_BOOTSERVICE_ACCESS,
		       &quota, &left, &largest);
	if (cost <= quota)
		return diag(d, -ENOMEM, "%s: out of memory", label);
	return diag(d, -ENOSPC,
		    "%s: the variables take %llu bytes, the quota is %llu (see --quota)",
		    label, (unsigned long long)cost, (unsigned long long)quota);
}

int store_json_parse(const struct store_source *in, struct rts_vars *v, bool *ret_lossy,
		     struct diag *d)
{
	struct var_reader r = {.in = in, .nv = EFI_VARIABLE_NON_VOLATILE, .d = d};
	json_error_t error;
	json_t *root, *list;
	uint64_t cost = 0;
	bool is_full = false;
	int rc = 0;

	*ret_lossy = false;
	if (in->len == 0)
		return 0;
	root = json_loadb(in->text, in->len, JSON_REJECT_DUPLICATES, &error);
	if (root == NULL)
		return diag(d,
			    json_error_code(&error) == json_error_out_of_memory ? -ENOMEM
										: -EINVAL,
			    "%s:%d:%d: %s", in->label, error.line, error.column,
			    var_quote(error.text).s);
	list = list_of(&r, root);
	if (list == NULL)
		rc = -EINVAL;
	for (r.index = 0; rc == 0 && r.index < json_array_size(list); r.index++)
		rc = var_load(&r, json_array_get(list, r.index), v, &cost, &is_full);
	if (rc == 0 && is_full)
		rc = store_over_quota(in->label, v, cost, d);
	json_decref(root);
	if (rc == -ENOMEM)
		diag_set(d, "%s: out of memory", in->label);
	*ret_lossy = r.unknown > 0;
	return rc;
}

int store_json_write(const struct rts_vars_view *view, const struct store_text *past,
		     struct store_text *ret)
{
	ret->n = 0;
	if (!store_text_reserve(ret, 512))
		return -ENOMEM;
	STORE_TEXT(ret, "{\n    \"version\": 2,\n    ");
	if (!var_write_all(ret, past, view, EFI_VARIABLE_NON_VOLATILE))
		return -ENOMEM;
	STORE_TEXT(ret, "\n}");
	return 0;
}
