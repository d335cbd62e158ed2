/* SPDX-License-Identifier: BSD-2-Clause */
/* `runtserv vars enroll` and `apply`: keys, by the administrator's hand, and as a guest
 * would write them. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/guid.h"
#include "cli/vars.h"
#include "crypto/crypto_pem.h"
#include "crypto/crypto_pkcs7.h"
#include "os/os_file.h"
#include "store/store_auth.h"
#include "uefi/guids.h"
#include "vars/vars_siglist.h"

#define VERB "vars"

enum {
	ENROLL_PK,
	ENROLL_KEK,
	ENROLL_DB,
	ENROLL_DBX,
	ENROLL_MOK,
	ENROLL_MOKX,
	TARGETS,
};

/* Bytes that grow. */
struct list {
	uint8_t *p;
	size_t n;
};

/* What --db and its like were given. */
struct source {
	const struct cli_option *option;
	const char *arg;
};

struct enroll {
	struct vars s;
	struct crypto *crypto; /* before the store is open */
	struct list lists[TARGETS];
	EFI_GUID owner;
	bool has_owner, replace;
	EFI_TIME time;
	uint64_t quota;
	const char *new_pk, *sbat;
	struct source *sources; /* as they were given */
	size_t source_count;
	struct crypto_new_key key;
	struct list sbat_level;
};

static int add_option(void *to, const struct cli_option *option, const char *arg)
{
	struct enroll *e = to;
	struct source *more =
		reallocarray(e->sources, e->source_count + 1, sizeof *e->sources);

	if (more == NULL)
		return cli_error(VERB, "out of memory");
	e->sources = more;
	e->sources[e->source_count++] = (struct source){option, arg};
	return EXIT_WELL;
}

static int set_owner(void *to, const struct cli_option *option, const char *arg)
{
	struct enroll *e = to;

	e->has_owner = guid_from_text(arg, strlen(arg), &e->owner);
	return e->has_owner ? EXIT_WELL
			    : cli_error(VERB, "--%s %s: not a GUID", option->name, arg);
}

static int set_time(void *to, const struct cli_option *option, const char *arg)
{
	return vars_time_option(&((struct enroll *)to)->time, option, arg);
}

/* clang-format off */
static const struct cli_option enroll_options[] = {
	[ENROLL_PK] = {"pk", "FILE", "the platform key, in place of the one there is", CLI_CALL(add_option)},
	[ENROLL_KEK] = {"kek", "FILE", "key exchange keys; this and those below may come again", CLI_CALL(add_option)},
	[ENROLL_DB] = {"db", "FILE|sha256:HEX", "what may boot", CLI_CALL(add_option)},
	[ENROLL_DBX] = {"dbx", "FILE|sha256:HEX", "what may not", CLI_CALL(add_option)},
	[ENROLL_MOK] = {"mok", "FILE|sha256:HEX", "shim's MokList", CLI_CALL(add_option)},
	[ENROLL_MOKX] = {"mokx", "FILE|sha256:HEX", "shim's MokListX", CLI_CALL(add_option)},
	{"generate-pk", "FILE", "make a platform key, and keep it, with its certificate,\nin FILE, which must not be there", CLI_TEXT(struct enroll, new_pk)},
	{"sbat", "FILE", "shim's SbatLevel, in place of the one there is: lines of CSV,\nthe first of which is sbat,1,...", CLI_TEXT(struct enroll, sbat)},
	{"owner", "GUID", "whose they are (default: Microsoft's for theirs, else zeros)", CLI_CALL(set_owner)},
	{"replace", NULL, "in place of what those variables hold", CLI_FLAG(struct enroll, replace)},
	{"time", "TIME", "when they are written, YYYY-MM-DDTHH:MM:SS, UTC (default: now)", CLI_CALL(set_time)},
	VARS_QUOTA_OPTION(struct enroll, quota),
	{0},
};
/* clang-format on */

static const struct cli_command enroll_command = {
	"vars enroll",
	"[OPTION]... STORE",
	"Puts keys for secure boot into STORE, all in one change. A FILE holds "
	"certificates\n"
	"(PEM, or one as DER), signature lists (.esl), or an update (.auth), whose "
	"signature\n"
	"does not matter here. What is there already is not added again.",
	enroll_options,
	1,
	1,
	"a STORE, and something to enroll",
};

static const struct {
	EFI_GUID guid;
	const CHAR16 *name;
	uint32_t name_len, attr;
} targets[TARGETS] = {
	[ENROLL_PK] = {EFI_GLOBAL_VARIABLE_GUID, u"PK", sizeof u"PK", VARS_KEYS},
	[ENROLL_KEK] = {EFI_GLOBAL_VARIABLE_GUID, u"KEK", sizeof u"KEK", VARS_KEYS},
	[ENROLL_DB] = {EFI_IMAGE_SECURITY_DATABASE_GUID, u"db", sizeof u"db", VARS_KEYS},
	[ENROLL_DBX] = {EFI_IMAGE_SECURITY_DATABASE_GUID, u"dbx", sizeof u"dbx", VARS_KEYS},
	[ENROLL_MOK] = {SHIM_LOCK_GUID, u"MokList", sizeof u"MokList", VARS_NV},
	[ENROLL_MOKX] = {SHIM_LOCK_GUID, u"MokListX", sizeof u"MokListX", VARS_NV},
};

static void enroll_fini(struct enroll *e)
{
	vars_close(&e->s);
	crypto_key_free(&e->key);
	crypto_free(e->crypto);
	free(e->sources);
	for (size_t i = 0; i < TARGETS; i++)
		free(e->lists[i].p);
	free(e->sbat_level.p);
}

static int list_add(struct list *l, const void *p, size_t n)
{
	uint8_t *more = n <= VARS_FILE_MAX && l->n <= VARS_FILE_MAX
				? realloc(l->p, l->n + n + 1)
				: NULL;

	if (more == NULL)
		return -ENOMEM;
	l->p = more;
	if (n > 0)
		memcpy(l->p + l->n, p, n);
	l->n += n;
	return 0;
}

static const EFI_GUID *owner_of(const struct enroll *e, struct bytes der)
{
	static const EFI_GUID microsoft = {
		0x77fa9abd,
		0x0359,
		0x4d32,
		{0xbd, 0x60, 0x28, 0xf4, 0xe7, 0x8f, 0x78, 0x4b}};
	struct crypto_x509 x;

	if (!e->has_owner && der.n > 0 && crypto_x509_read(e->crypto, der, &x) == 0 &&
	    strstr(x.subject, "O=Microsoft Corporation") != NULL)
		return &microsoft;
	return &e->owner;
}

/* A list of one signature. */
static int add_signature(struct list *l, const EFI_GUID *type, struct bytes data,
			 const EFI_GUID *owner)
{
	const EFI_SIGNATURE_LIST head = {
		.SignatureType = *type,
		.SignatureListSize = (uint32_t)(sizeof head + sizeof *owner + data.n),
		.SignatureSize = (uint32_t)(sizeof *owner + data.n)};
	int r = list_add(l, &head, sizeof head);

	if (r == 0)
		r = list_add(l, owner, sizeof *owner);
	return r == 0 ? list_add(l, data.p, data.n) : r;
}

struct into {
	struct enroll *e;
	struct list *l;
};

static int add_certificate(void *ctx, struct bytes der)
{
	static const EFI_GUID x509 = EFI_CERT_X509_GUID;
	const struct into *to = ctx;

	return add_signature(to->l, &x509, der, owner_of(to->e, der));
}

static int add_hash(struct enroll *e, struct list *l, const char *hex)
{
	static const EFI_GUID sha256 = EFI_CERT_SHA256_GUID;
	uint8_t hash[32];

	if (strlen(hex) != 2 * sizeof hash)
		return -EINVAL;
	for (size_t i = 0; i < sizeof hash; i++) {
		const int hi = hex_digit(hex[2 * i]), lo = hex_digit(hex[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return -EINVAL;
		hash[i] = (uint8_t)(hi << 4 | lo);
	}
	return add_signature(l, &sha256, (struct bytes){hash, sizeof hash}, &e->owner);
}

/* Signature lists, as they are, or behind an update's signature. False: neither. */
static bool lists_of(struct crypto *crypto, struct bytes file, struct bytes *ret)
{
	struct store_auth auth;
	struct diag d = {0};
	size_t count;

	*ret = file;
	if (siglist_check(file, crypto_vars.is_certificate, crypto, &count) && count > 0)
		return true;
	if (store_auth_parse("", file, &auth, &d) < 0)
		return false;
	*ret = auth.payload;
	return siglist_check(auth.payload, crypto_vars.is_certificate, crypto, &count) &&
	       count > 0;
}

static int add_file(struct enroll *e, struct list *l, const char *path)
{
	cleanup(freep) uint8_t *p = NULL;
	struct into to = {e, l};
	struct bytes file = {NULL, 0}, lists;
	int r = cli_file_read(path, VARS_FILE_MAX, &p, &file.n);

	if (r < 0)
		return cli_error(VERB, "%s: %s", path, strerror(-r));
	file.p = p;
	if (crypto_vars.is_certificate(e->crypto, file))
		r = add_certificate(&to, file);
	else if (lists_of(e->crypto, file, &lists))
		r = list_add(l, lists.p, lists.n);
	else
		r = crypto_pem_certificates(e->crypto, file, add_certificate, &to);
	if (r == -EINVAL)
		return cli_error(VERB, "%s: a certificate in there is broken", path);
	if (r == -ENOENT)
		return cli_error(VERB, "%s: no certificate, signature list or update",
				 path);
	return r == 0 ? EXIT_WELL : cli_error(VERB, "%s: %s", path, strerror(-r));
}

/* When all options are known: the owner may be named behind what he owns. */
static int add_source(struct enroll *e, const struct source *s)
{
	const ptrdiff_t target = s->option - enroll_options;
	const char *arg = s->arg;

	if (strncmp(arg, "sha256:", 7) != 0)
		return add_file(e, &e->lists[target], arg);
	if (target == ENROLL_PK || target == ENROLL_KEK)
		return cli_error(VERB, "--%s %s: a key is not a hash", s->option->name,
				 arg);
	return add_hash(e, &e->lists[target], arg + 7) == 0
		       ? EXIT_WELL
		       : cli_error(VERB, "--%s %s: not 64 hexadecimal digits",
				   s->option->name, arg);
}

/* What shim reads: text without a NUL, whose first line is its version. */
static int read_sbat(const char *path, struct list *ret)
{
	static const char head[] = "sbat,1,";
	const int r = cli_file_read(path, VARS_FILE_MAX, &ret->p, &ret->n);

	if (r < 0)
		return cli_error(VERB, "%s: %s", path, strerror(-r));
	if (ret->n < sizeof head || memcmp(ret->p, head, sizeof head - 1) != 0 ||
	    memchr(ret->p, 0, ret->n) != NULL)
		return cli_error(VERB,
				 "%s: no SBAT level: it begins with %s, and has no NUL",
				 path, head);
	return EXIT_WELL;
}

/* The value that a variable is to have, in which nothing is twice; *ret_n 0: nothing is
 * new; SIZE_MAX: what it has cannot be added to. */
static uint8_t *new_value(const struct enroll *e, int target, const struct rts_var *old,
			  size_t *ret_n)
{
	const bool keep = old != NULL && !e->replace && target != ENROLL_PK;
	const size_t before = keep ? old->data_len : 0;
	struct bytes rest = {e->lists[target].p, e->lists[target].n};
	uint8_t *p = malloc(before + rest.n + 1);
	size_t n = before, more;
	struct siglist one;

	if (p == NULL)
		return NULL;
	if (before > 0)
		memcpy(p, old->data, before);
	while (n != SIZE_MAX && siglist_next(&rest, &one))
		n = siglist_filter((struct bytes){p, n}, one.all, p + n, &more) ? n + more
										: SIZE_MAX;
	*ret_n = n == before ? 0 : n;
	return p;
}

static int enroll_all(struct enroll *e)
{
	static const EFI_GUID shim = SHIM_LOCK_GUID;
	struct rts_var_edit edits[TARGETS + 1] = {0};
	uint8_t *values[TARGETS] = {0};
	size_t count = 0;
	int r = EXIT_WELL;

	for (int i = 0; r == EXIT_WELL && i < TARGETS; i++) {
		const struct rts_var *old;
		size_t n;

		if (e->lists[i].n == 0)
			continue;
		old = vars_get(&e->s, &targets[i].guid, targets[i].name,
			       targets[i].name_len);
		values[i] = new_value(e, i, old, &n);
		if (values[i] == NULL)
			r = cli_error(VERB, "out of memory");
		else if (n == SIZE_MAX)
			r = cli_error(VERB,
				      "%s: what is there for --%s is no signature list; "
				      "see --replace",
				      e->s.word, enroll_options[i].name);
		else if (n > 0)
			edits[count++].var = (struct rts_var){
				.guid = targets[i].guid,
				.attr = targets[i].attr,
				.name = targets[i].name,
				.name_len = targets[i].name_len,
				.time = targets[i].attr == VARS_KEYS ? e->time
								     : (EFI_TIME){0},
				.data = values[i],
				.data_len = (uint32_t)n};
	}
	if (e->sbat != NULL)
		edits[count++].var =
			(struct rts_var){.guid = shim,
					 .attr = VARS_NV,
					 .name = u"SbatLevel",
					 .name_len = sizeof u"SbatLevel",
					 .data = e->sbat_level.p,
					 .data_len = (uint32_t)e->sbat_level.n};
	if (r == EXIT_WELL && count > 0)
		r = vars_edit(&e->s, edits, count);
	for (int i = 0; i < TARGETS; i++)
		free(values[i]);
	return r;
}

/* On disk before it is in the store: a platform key that nobody has locks its owner out. */
static int keep_key(const struct enroll *e)
{
	cleanup(freep) char *folder = strdup(e->new_pk);
	cleanup(closep) int dir = -1;
	const char *slash = strrchr(e->new_pk, '/');
	struct os_file_id none = {0};
	struct os_file_new w = {.name = slash != NULL ? slash + 1 : e->new_pk,
				.p = e->key.pem,
				.n = e->key.pem_len,
				.durable = true,
				.id = &none};
	struct diag d = {0};
	bool renamed;
	int r;

	if (folder == NULL)
		return cli_error(VERB, "out of memory");
	dir = w.dir = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || *w.name == 0)
		return cli_error(VERB, "%s: %s", e->new_pk,
				 strerror(dir < 0 ? errno : EISDIR));
	r = os_file_replace(&w, &renamed, &d);
	if (r == -ESTALE)
		return cli_error(VERB, "%s: %s", e->new_pk, strerror(EEXIST));
	return r == 0 ? EXIT_WELL : cli_error(VERB, "%s: %s", e->new_pk, d.text);
}

static int make_pk(struct enroll *e)
{
	struct into to = {e, &e->lists[ENROLL_PK]};

	if (e->lists[ENROLL_PK].n > 0)
		return cli_error(VERB, "--pk or --generate-pk, not both");
	if (crypto_key_new(e->crypto, "Platform Key", &e->key) < 0)
		return cli_error(VERB, "OpenSSL makes no key");
	if (add_certificate(&to, (struct bytes){e->key.der, e->key.der_len}) < 0)
		return cli_error(VERB, "out of memory");
	return EXIT_WELL;
}

int vars_enroll(int argc, char **argv)
{
	cleanup(enroll_fini) struct enroll e = {.time = vars_now(),
						.quota = RTS_VARS_QUOTA};
	int r = cli_parse(&enroll_command, &argc, &argv, &e);

	if (r != CLI_GO)
		return r;
	if (e.source_count == 0 && e.new_pk == NULL && e.sbat == NULL)
		return cli_usage(&enroll_command);
	r = crypto_new(&e.crypto);
	if (r < 0)
		return cli_error(VERB, "OpenSSL: %s", strerror(-r));
	r = EXIT_WELL;
	for (size_t i = 0; r == EXIT_WELL && i < e.source_count; i++)
		r = add_source(&e, &e.sources[i]);
	if (r == EXIT_WELL && e.sbat != NULL)
		r = read_sbat(e.sbat, &e.sbat_level);
	if (r == EXIT_WELL && e.new_pk != NULL)
		r = make_pk(&e);
	if (r == EXIT_WELL)
		r = vars_open(&e.s, argv[0], VARS_EDIT, e.quota);
	if (r == EXIT_WELL && e.new_pk != NULL)
		r = keep_key(&e);
	return r == EXIT_WELL ? enroll_all(&e) : r;
}

struct apply {
	bool append;
	uint64_t quota;
};

static const struct cli_option apply_options[] = {
	{"append", NULL, "add to what is there, as for dbx updates",
	 CLI_FLAG(struct apply, append)},
	VARS_QUOTA_OPTION(struct apply, quota),
	{0},
};

static const struct cli_command apply_command = {
	"vars apply",
	"[OPTION]... STORE NAME[-GUID] FILE.auth",
	"Writes FILE.auth to a variable of STORE as a guest would: by the rules, "
	"signature,\n"
	"time and all. Exit status 1: the rules refuse it, and say why.",
	apply_options,
	3,
	3,
	"a STORE, a NAME and a FILE",
};

static int apply(struct vars *s, struct vars_name *name, const char *text, bool append,
		 struct bytes file)
{
	const struct rts_var *old = NULL;
	uint32_t attr;
	EFI_STATUS status;
	int r = vars_find(s, text, name, &old);

	if (r == EXIT_TROUBLE)
		return r;
	if (old == NULL && !vars_known(name, &attr))
		return cli_error(VERB, "%s: no known namespace for %s; say NAME-GUID",
				 s->word, text);
	if (old != NULL)
		name->guid = old->guid;
	attr = (old != NULL ? old->attr : VARS_KEYS) |
	       (append ? EFI_VARIABLE_APPEND_WRITE : 0);
	status = rts_vars_set(s->vars, name->name, name->name_len, &name->guid, attr,
			      file.p, file.n);
	if (!EFI_ERROR(status))
		return EXIT_WELL;
	return status == EFI_DEVICE_ERROR || status == EFI_OUT_OF_RESOURCES ? EXIT_TROUBLE
									    : EXIT_FINDINGS;
}

int vars_apply(int argc, char **argv)
{
	cleanup(vars_close) struct vars s = {.tell = true, .start = true};
	cleanup(freep) struct vars_name *name = malloc(sizeof *name);
	cleanup(freep) uint8_t *p = NULL;
	struct apply o = {.quota = RTS_VARS_QUOTA};
	struct bytes file = {NULL, 0};
	int r = cli_parse(&apply_command, &argc, &argv, &o);

	if (r != CLI_GO)
		return r;
	if (name == NULL)
		return cli_error(VERB, "out of memory");
	r = cli_file_read(argv[2], VARS_FILE_MAX, &p, &file.n);
	if (r < 0)
		return cli_error(VERB, "%s: %s", argv[2], strerror(-r));
	file.p = p;
	r = vars_name_read(argv[1], name);
	if (r == EXIT_WELL)
		r = vars_open(&s, argv[0], VARS_EDIT, o.quota);
	return r == EXIT_WELL ? apply(&s, name, argv[1], o.append, file) : r;
}
