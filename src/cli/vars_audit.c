/* SPDX-License-Identifier: BSD-2-Clause */
/* `runtserv vars status` and `audit`: whether a machine would boot with secure boot and
 * why, and what is worth knowing of the keys in its store. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/guid.h"
#include "cli/vars.h"
#include "crypto/crypto_pkcs7.h"
#include "store/store_auth.h"
#include "uefi/guids.h"
#include "vars/vars_siglist.h"

#define VERB "vars"

static const EFI_GUID global = EFI_GLOBAL_VARIABLE_GUID;
static const EFI_GUID x509_type = EFI_CERT_X509_GUID;

static const struct {
	EFI_GUID guid;
	const CHAR16 *name;
	const char *text;
	uint32_t name_len;
	bool revokes, mok; /* what may not boot; shim's, which most stores lack */
} keys[] = {
	{EFI_GLOBAL_VARIABLE_GUID, u"PK", "PK", sizeof u"PK", false, false},
	{EFI_GLOBAL_VARIABLE_GUID, u"KEK", "KEK", sizeof u"KEK", false, false},
	{EFI_IMAGE_SECURITY_DATABASE_GUID, u"db", "db", sizeof u"db", false, false},
	{EFI_IMAGE_SECURITY_DATABASE_GUID, u"dbx", "dbx", sizeof u"dbx", true, false},
	{SHIM_LOCK_GUID, u"MokList", "MokList", sizeof u"MokList", false, true},
	{SHIM_LOCK_GUID, u"MokListX", "MokListX", sizeof u"MokListX", true, true},
};
#define KEYS (sizeof keys / sizeof *keys)

static const struct rts_var *key_var(const struct vars *s, size_t i)
{
	return vars_get(s, &keys[i].guid, keys[i].name, keys[i].name_len);
}

static struct bytes data_of(const struct rts_var *var)
{
	return var != NULL ? (struct bytes){var->data, var->data_len}
			   : (struct bytes){NULL, 0};
}

/* A variable of one byte that the service computes. */
static bool is_on(const struct vars *s, const CHAR16 *name, size_t name_len)
{
	uint64_t len = 1;
	uint8_t value = 0;
	uint32_t attr;

	return !EFI_ERROR(rts_vars_get(s->vars, name, name_len, &global, &attr, &len,
				       &value)) &&
	       value == 1;
}

static const struct cli_command status_command = {
	"vars status",
	"[OPTION]... STORE",
	"Says whether a machine with STORE would start with secure boot, and why. Exit\n"
	"status 1: it would not.",
	cli_json_options,
	1,
	1,
	"a STORE",
};

struct status {
	bool setup, secure;
	const char *why, *note; /* @note may be NULL */
};

static struct status status_of(const struct vars *s)
{
	struct status st = {.setup = is_on(s, u"SetupMode", sizeof u"SetupMode"),
			    .secure = is_on(s, u"SecureBoot", sizeof u"SecureBoot")};

	st.why = st.setup ? "there is no platform key (PK)"
		 : st.secure
			 ? "there is a platform key (PK), and SecureBootEnable is not off"
			 : "SecureBootEnable is off";
	if (st.secure && key_var(s, 2) == NULL)
		st.note = "db is empty: nothing that is signed would boot";
	else if (st.secure && key_var(s, 3) == NULL)
		st.note = "dbx is empty: nothing is revoked";
	else if (st.setup && (key_var(s, 1) != NULL || key_var(s, 2) != NULL))
		st.note = "other keys are there, and have no effect without a PK";
	return st;
}

int vars_status(int argc, char **argv)
{
	cleanup(vars_close) struct vars s = {.start = true};
	struct cli_json o = {0};
	struct status st;
	int r = cli_parse(&status_command, &argc, &argv, &o);

	if (r != CLI_GO)
		return r;
	r = vars_open(&s, argv[0], VARS_READ, 0);
	if (r != EXIT_WELL)
		return r;
	st = status_of(&s);
	if (o.json) {
		r = cli_json_print(
			VERB,
			json_pack("{s:s, s:b, s:b, s:s, s:o}", "schema", "runtserv.vars/1",
				  "setup_mode", st.setup, "secure_boot", st.secure, "why",
				  st.why, "note",
				  st.note != NULL ? json_string(st.note) : json_null()));
	} else {
		printf("SecureBoot  %s: %s\n", st.secure ? "on" : "off", st.why);
		printf("SetupMode   %s\n", st.setup ? "on" : "off");
		for (size_t i = 0; i < KEYS; i++) {
			const struct rts_var *var = key_var(&s, i);

			if (var == NULL && keys[i].mok)
				continue;
			printf("%-10s  ", keys[i].text);
			if (var != NULL)
				vars_print_short(
					stdout,
					&(struct vars_certs){s.crypto, crypto_x509_read},
					var);
			else
				fputs("none", stdout);
			putchar('\n');
		}
		if (st.note != NULL)
			printf("note: %s\n", st.note);
	}
	return r == EXIT_WELL && !st.secure ? EXIT_FINDINGS : r;
}

struct secureboot {
	uint64_t quota;
};

static const struct cli_option secureboot_options[] = {
	VARS_QUOTA_OPTION(struct secureboot, quota),
	{0},
};

static const struct cli_command secureboot_command = {
	"vars secureboot",
	"[OPTION]... STORE on|off",
	"Turns secure boot in STORE on or off, for when there is a platform key. Exit\n"
	"status 1: it is turned on, and has no effect as long as there is none.",
	secureboot_options,
	2,
	2,
	"a STORE, and 'on' or 'off'",
};

int vars_secureboot(int argc, char **argv)
{
	cleanup(vars_close) struct vars s = {0};
	struct secureboot o = {RTS_VARS_QUOTA};
	struct rts_var_edit e = {.var = {.guid = EFI_SECURE_BOOT_ENABLE_DISABLE_GUID,
					 .attr = VARS_NV,
					 .name = u"SecureBootEnable",
					 .name_len = sizeof u"SecureBootEnable",
					 .data_len = 1}};
	uint8_t value;
	int r = cli_parse(&secureboot_command, &argc, &argv, &o);

	if (r != CLI_GO)
		return r;
	if (strcmp(argv[1], "on") != 0 && strcmp(argv[1], "off") != 0)
		return cli_usage(&secureboot_command);
	value = strcmp(argv[1], "on") == 0;
	e.var.data = &value;
	r = vars_open(&s, argv[0], VARS_EDIT, o.quota);
	if (r == EXIT_WELL)
		r = vars_edit(&s, &e, 1);
	if (r == EXIT_WELL && value == 1 && key_var(&s, 0) == NULL) {
		cli_error(VERB, "%s: no effect as long as there is no platform key (PK)",
			  s.word);
		r = EXIT_FINDINGS;
	}
	return r;
}

struct audit {
	struct vars s;
	struct bytes update; /* for dbx */
	uint8_t *update_file;
	EFI_TIME date;
	bool json;
	const char *dbx;
	json_t *certs, *findings;
	size_t finding_count;
};

static int set_date(void *to, const struct cli_option *o, const char *arg)
{
	return vars_time_option(&((struct audit *)to)->date, o, arg);
}

static const struct cli_option audit_options[] = {
	{"dbx", "FILE",
	 "say what of FILE, a dbx update (.auth, .bin) or signature lists\n"
	 "(.esl), is missing",
	 CLI_TEXT(struct audit, dbx)},
	{"date", "DATE", "as of YYYY-MM-DD (default: now)", CLI_CALL(set_date)},
	{"json", NULL, "print a JSON document", CLI_FLAG(struct audit, json)},
	{0},
};

static const struct cli_command audit_command = {
	"vars audit",
	"[OPTION]... STORE",
	"Lists the certificates for secure boot in STORE, and what deserves a look: test "
	"keys,\n"
	"Microsoft's of 2011 without their successors of 2023, what has expired, entries\n"
	"that dbx lacks. Exit status 1: something does.",
	audit_options,
	1,
	1,
	"a STORE",
};

/* Microsoft's of 2011, and by what each is followed: a part of the common name. */
static const struct {
	size_t key;
	const char *old, *new;
} successors[] = {
	{1, "Microsoft Corporation KEK CA 2011", "Microsoft Corporation KEK 2K CA 2023"},
	{2, "Microsoft Windows Production PCA 2011", "Windows UEFI CA 2023"},
	{2, "Microsoft Corporation UEFI CA 2011", "Microsoft UEFI CA 2023"},
};

static void audit_fini(struct audit *a)
{
	vars_close(&a->s);
	free(a->update_file);
	json_decref(a->certs);
	json_decref(a->findings);
}

static void finding(struct audit *a, const char *variable, const char *what,
		    const char *name)
{
	cleanup(freep) char *text = NULL;

	a->finding_count++;
	if (asprintf(&text, "%s: %s%s", variable, what, name) < 0) {
		text = NULL;
		return;
	}
	json_array_append_new(a->findings, json_string(cli_clean_text(text)));
}

static bool has_name(const struct audit *a, size_t key, const char *name)
{
	struct siglist_certs walk = {.rest = data_of(key_var(&a->s, key))};
	struct crypto_x509 x;
	struct bytes der;

	while (siglist_next_cert(&walk, &der))
		if (crypto_x509_read(a->s.crypto, der, &x) == 0 &&
		    strcmp(x.common_name, name) == 0)
			return true;
	return false;
}

/* Which of Microsoft's generations; NULL: neither. */
static const char *generation(const char *subject)
{
	if (strstr(subject, "O=Microsoft Corporation") == NULL)
		return NULL;
	return strstr(subject, "2023") != NULL   ? "2023"
	       : strstr(subject, "2011") != NULL ? "2011"
						 : NULL;
}

static bool is_test_key(const struct crypto_x509 *x)
{
	return strcasestr(x->subject, "DO NOT TRUST") != NULL ||
	       strcasestr(x->subject, "DO NOT SHIP") != NULL ||
	       strcasestr(x->subject, "snakeoil") != NULL;
}

static bool is_expired(const struct audit *a, const EFI_TIME *not_after)
{
	return vars_time_compare(not_after, &a->date) < 0;
}

static void print_cert(const struct audit *a, size_t key, const struct crypto_x509 *x)
{
	const char *born = generation(x->subject);

	printf("%-4s ", keys[key].text);
	cli_print_text(stdout, x->subject);
	fputs("\n       issued by ", stdout);
	cli_print_text(stdout, x->issuer);
	fputs("\n       valid from ", stdout);
	vars_print_time(stdout, &x->not_before);
	fputs(" to ", stdout);
	vars_print_time(stdout, &x->not_after);
	printf("%s%s%s\n", is_expired(a, &x->not_after) ? ", expired" : "",
	       born != NULL ? ", Microsoft's of " : "", born != NULL ? born : "");
}

static void audit_cert(struct audit *a, size_t key, struct bytes der)
{
	struct crypto_x509 x;

	if (crypto_x509_read(a->s.crypto, der, &x) < 0) {
		finding(a, keys[key].text, "a certificate is broken", "");
		return;
	}
	if (is_test_key(&x))
		finding(a, keys[key].text,
			"a test key, whose private half is public: ", x.subject);
	if (!keys[key].revokes && is_expired(a, &x.not_after))
		finding(a, keys[key].text,
			"expired (which firmware does not mind): ", x.subject);
	if (!a->json)
		print_cert(a, key, &x);
}

/* As vars_json() tells them, with what only an audit knows. */
static void audit_json(struct audit *a, size_t key, const struct rts_var *var)
{
	const struct vars_certs certs = {a->s.crypto, crypto_x509_read};
	json_t *o = vars_json(&certs, var), *s;
	size_t i;

	json_array_foreach(json_object_get(o, "signatures"), i, s)
	{
		json_t *cert = json_object_get(s, "certificate");
		const char *subject = json_string_value(json_object_get(cert, "subject"));
		const char *end = json_string_value(json_object_get(cert, "not_after"));
		EFI_TIME not_after;

		if (subject == NULL || end == NULL || !vars_time_read(end, &not_after))
			continue;
		json_object_set_new(cert, "variable", json_string(keys[key].text));
		json_object_set(cert, "owner", json_object_get(s, "owner"));
		json_object_set_new(cert, "expired",
				    json_boolean(is_expired(a, &not_after)));
		json_object_set_new(cert, "generation",
				    generation(subject) != NULL
					    ? json_string(generation(subject))
					    : json_null());
		json_array_append(a->certs, cert);
	}
	json_decref(o);
}

static void count_others(const struct audit *a, size_t key, json_t *counts)
{
	struct bytes rest = data_of(key_var(&a->s, key));
	size_t n = 0;
	struct siglist l;

	while (siglist_next(&rest, &l))
		if (!guid_eq(&l.head.SignatureType, &x509_type))
			n += l.signatures.n / l.head.SignatureSize;
	if (a->json)
		json_object_set_new(counts, keys[key].text, json_integer((json_int_t)n));
	else if (n > 0)
		printf("%-4s %zu %s\n", keys[key].text, n, n == 1 ? "hash" : "hashes");
}

static size_t count_all(struct bytes lists)
{
	struct siglist l;
	size_t n = 0;

	while (siglist_next(&lists, &l))
		n += l.signatures.n / l.head.SignatureSize;
	return n;
}

/* Whether a signature is there, whoever owns it: firmware does not ask who. */
static bool revoked(struct bytes dbx, const EFI_SIGNATURE_LIST *kind,
		    const uint8_t *signature)
{
	const size_t owner = sizeof(EFI_GUID), size = kind->SignatureSize;
	struct siglist l;

	while (siglist_next(&dbx, &l)) {
		if (!guid_eq(&l.head.SignatureType, &kind->SignatureType) ||
		    l.head.SignatureSize != size)
			continue;
		for (size_t at = 0; at < l.signatures.n; at += size)
			if (memcmp(l.signatures.p + at + owner, signature + owner,
				   size - owner) == 0)
				return true;
	}
	return false;
}

static json_t *audit_dbx(struct audit *a)
{
	const struct bytes dbx = data_of(key_var(&a->s, 3));
	struct bytes rest = a->update;
	json_t *missing = json_array();
	struct siglist l;
	char text[80];

	while (siglist_next(&rest, &l))
		for (size_t at = 0; at < l.signatures.n; at += l.head.SignatureSize) {
			const size_t n = l.head.SignatureSize - sizeof(EFI_GUID);
			char hex[2 * 64 + 1];

			if (revoked(dbx, &l.head, l.signatures.p + at))
				continue;
			for (size_t i = 0; i < n && i < 64; i++)
				snprintf(hex + 2 * i, 3, "%02x",
					 l.signatures.p[at + sizeof(EFI_GUID) + i]);
			json_array_append_new(missing, json_string(hex));
		}
	if (json_array_size(missing) > 0) {
		snprintf(text, sizeof text, "%zu of %zu entries of the update are missing",
			 json_array_size(missing), count_all(a->update));
		finding(a, "dbx", text, "");
	}
	return missing;
}

static int audit(struct audit *a)
{
	json_t *counts = json_object(), *missing = json_null(), *text;
	size_t i;

	for (size_t k = 0; k < KEYS; k++) {
		const struct rts_var *var = key_var(&a->s, k);
		struct siglist_certs walk = {.rest = data_of(var)};
		struct bytes der;

		if (var != NULL && vars_kind(var) != VARS_SIGNATURES)
			finding(a, keys[k].text, "no well-formed signature lists", "");
		while (siglist_next_cert(&walk, &der))
			audit_cert(a, k, der);
		if (a->json && var != NULL)
			audit_json(a, k, var);
		if (var != NULL || !keys[k].mok)
			count_others(a, k, counts);
	}
	for (size_t k = 0; k < sizeof successors / sizeof *successors; k++)
		if (has_name(a, successors[k].key, successors[k].old) &&
		    !has_name(a, successors[k].key, successors[k].new))
			finding(a, keys[successors[k].key].text,
				"its successor is missing: ", successors[k].new);
	if (a->update.n > 0)
		missing = audit_dbx(a);
	if (a->json)
		return cli_json_print(VERB,
				      json_pack("{s:s, s:O, s:o, s:o, s:O}", "schema",
						"runtserv.vars/1", "certificates", a->certs,
						"hashes", counts, "dbx_missing", missing,
						"findings", a->findings));
	json_array_foreach(a->findings, i, text)
	{
		printf("! %s\n", json_string_value(text));
	}
	json_decref(counts);
	json_decref(missing);
	return EXIT_WELL;
}

/* A dbx update: signature lists, or an .auth file, whose signature is not looked at. */
static int read_update(struct audit *a, const char *path)
{
	struct store_auth auth;
	struct diag d = {0};
	size_t count;
	struct bytes file = {NULL, 0};
	int r = cli_file_read(path, VARS_FILE_MAX, &a->update_file, &file.n);

	if (r < 0)
		return cli_error(VERB, "%s: %s", path, strerror(-r));
	file.p = a->update_file;
	a->update = file;
	if (!siglist_check(file, crypto_vars.is_certificate, a->s.crypto, &count) ||
	    count == 0) {
		if (store_auth_parse(path, file, &auth, &d) < 0 ||
		    !siglist_check(auth.payload, crypto_vars.is_certificate, a->s.crypto,
				   &count) ||
		    count == 0)
			return cli_error(VERB, "%s: neither signature lists nor an update",
					 path);
		a->update = auth.payload;
	}
	return EXIT_WELL;
}

int vars_audit(int argc, char **argv)
{
	cleanup(audit_fini) struct audit a = {.date = vars_now()};
	int r = cli_parse(&audit_command, &argc, &argv, &a);

	if (r != CLI_GO)
		return r;
	r = vars_open(&a.s, argv[0], VARS_READ, 0);
	if (r == EXIT_WELL && a.dbx != NULL)
		r = read_update(&a, a.dbx);
	if (r != EXIT_WELL)
		return r;
	a.certs = json_array();
	a.findings = json_array();
	r = audit(&a);
	return r == EXIT_WELL && a.finding_count > 0 ? EXIT_FINDINGS : r;
}
