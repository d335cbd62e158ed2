/* SPDX-License-Identifier: BSD-2-Clause */
/* One variable as `runtserv vars --json` prints it: all of it, and what it means. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/guid.h"
#include "base/ucs2.h"
#include "cli/vars.h"
#include "vars/vars_siglist.h"

/* What a function prints, as a JSON string; the printers' text is UTF-8. @to is a name. */
/* NOLINTBEGIN(bugprone-macro-parentheses) */
#define PRINTED(to, call)                                             \
	({                                                            \
		char *text_ = NULL;                                   \
		size_t len_ = 0;                                      \
		FILE *to = open_memstream(&text_, &len_);             \
		json_t *s_ = NULL;                                    \
		if (to != NULL) {                                     \
			call;                                         \
			fclose(to);                                   \
			s_ = json_stringn(text_ != NULL ? text_ : "", \
					  text_ != NULL ? len_ : 0);  \
		}                                                     \
		free(text_);                                          \
		s_;                                                   \
	})
/* NOLINTEND(bugprone-macro-parentheses) */

static json_t *time_json(const EFI_TIME *t)
{
	return PRINTED(to, vars_print_time(to, t));
}

static json_t *guid_json(const EFI_GUID *g)
{
	return PRINTED(to, vars_print_guid(to, g));
}

static json_t *hex_json(struct bytes b)
{
	return PRINTED(to, vars_print_hex(to, b, SIZE_MAX));
}

/* As it is, for programs; what is printed for people has '?' for some characters. */
static json_t *ucs2_json(struct bytes text)
{
	char *utf8 = malloc(text.n / 2 * 3 + 1);
	json_t *s = NULL;
	size_t n = 0;
	CHAR16 c;

	for (size_t i = 0; utf8 != NULL && bytes_read(text, i, &c, sizeof c) && c != 0;
	     i += 2)
		n += ucs2_to_utf8(&c, 1, utf8 + n, 3);
	if (utf8 != NULL)
		s = json_stringn(utf8, n);
	free(utf8);
	return s;
}

static json_t *option_json(struct bytes data)
{
	struct vars_option o;

	if (!vars_option_read(data, &o))
		return json_null();
	return json_pack(
		"{s:o, s:b, s:I, s:o, s:o}", "description", ucs2_json(o.description),
		"active", (o.attributes & LOAD_OPTION_ACTIVE) != 0, "attributes",
		(json_int_t)o.attributes, "path", PRINTED(to, vars_print_path(to, o.path)),
		"data", hex_json(o.data));
}

static json_t *cert_json(const struct vars_certs *certs, struct bytes der)
{
	struct crypto_x509 x;

	if (certs->read(certs->crypto, der, &x) < 0)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o}", "subject",
			 PRINTED(to, cli_print_text(to, x.subject)), "issuer",
			 PRINTED(to, cli_print_text(to, x.issuer)), "not_before",
			 time_json(&x.not_before), "not_after", time_json(&x.not_after));
}

static json_t *signatures_json(const struct vars_certs *certs, struct bytes data)
{
	json_t *all = json_array();
	struct siglist l;

	while (siglist_next(&data, &l)) {
		const char *type = vars_signature_type(&l.head.SignatureType);
		const bool is_cert = type != NULL && strcmp(type, "certificate") == 0;

		for (size_t at = 0; at < l.signatures.n; at += l.head.SignatureSize) {
			const struct bytes s = {l.signatures.p + at + sizeof(EFI_GUID),
						l.head.SignatureSize - sizeof(EFI_GUID)};
			EFI_GUID owner;

			memcpy(&owner, l.signatures.p + at, sizeof owner);
			json_array_append_new(
				all,
				json_pack("{s:o, s:o, s:o, s:o}", "type",
					  type != NULL ? json_string(type)
						       : guid_json(&l.head.SignatureType),
					  "owner", guid_json(&owner), "certificate",
					  is_cert ? cert_json(certs, s) : json_null(),
					  "data", hex_json(s)));
		}
	}
	return all;
}

json_t *vars_json(const struct vars_certs *certs, const struct rts_var *var)
{
	const struct bytes data = {var->data, var->data_len};
	const enum vars_kind kind = vars_kind(var);
	char attr[40];
	bool timed = (var->attr & EFI_VARIABLE_TIME_BASED_AUTHENTICATED_WRITE_ACCESS) != 0;

	return json_pack(
		"{s:o, s:o, s:I, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
		ucs2_json((struct bytes){(const uint8_t *)var->name, var->name_len}),
		"guid", guid_json(&var->guid), "attr", (json_int_t)var->attr, "attributes",
		vars_attr_text(var->attr, attr), "size", (json_int_t)data.n, "time",
		timed ? time_json(&var->time) : json_null(), "digest",
		var->has_digest ? hex_json((struct bytes){var->digest, sizeof var->digest})
				: json_null(),
		"data", hex_json(data), "value",
		PRINTED(to, vars_print_short(to, certs, var)), "load_option",
		kind == VARS_OPTION ? option_json(data) : json_null(), "signatures",
		kind == VARS_SIGNATURES ? signatures_json(certs, data) : json_null());
}
