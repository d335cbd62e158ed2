/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Power loss: a store is changed in a random order, and after each call all is built that a
 * disk may hold then (store/power.h). It must open, and hold what was acknowledged, or that
 * and the change in flight. What STORE.run holds is not promised, for nobody waits for the
 * disk there; but it must not keep the store from opening, whatever is in it.
 *
 * Then all is done again without one of the fsyncs, and that must be found: for each place
 * in the program that calls fsync.
 */
#include "store/fixture.h"
#include "store/power.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_folder.h"
#include "uefi/guids.h"

#define OPS_MAX 300U
#define MODE    0640U
#define FOREIGN "{\"version\": 2, \"variables\": [], \"x\": 1}"

/* Cryptography without any: everything is signed, and by the same one. */
static const char *fake_open(void *ctx, struct bytes message, const struct bytes *content,
			     size_t count, void **ret)
{
	(void)message;
	(void)content;
	(void)count;
	*ret = ctx;
	return NULL;
}

static void fake_close(void *ctx, void *signature)
{
	(void)ctx;
	(void)signature;
}

static struct bytes fake_signer(void *ctx, void *signature)
{
	(void)ctx;
	(void)signature;
	return (struct bytes){(const uint8_t *)"signer", 6};
}

static bool fake_top(void *ctx, void *signature, struct bytes *ret_top,
		     struct bytes *ret_common_name)
{
	*ret_top = *ret_common_name = fake_signer(ctx, signature);
	return true;
}

static bool fake_chains(void *ctx, void *signature, struct bytes trusted)
{
	(void)ctx;
	(void)signature;
	(void)trusted;
	return true;
}

static bool fake_is_certificate(void *ctx, struct bytes der)
{
	(void)ctx;
	(void)der;
	return true;
}

static bool fake_sha256(void *ctx, const struct bytes *pieces, size_t count,
			uint8_t ret[32])
{
	(void)ctx;
	memset(ret, (int)(count + pieces[0].n), 32);
	return true;
}

static const struct rts_var_crypto_ops fake_crypto = {
	fake_open,   fake_close,          fake_signer, fake_top,
	fake_chains, fake_is_certificate, fake_sha256,
};

/* What is changed, and how it is seen. */
struct kind {
	const char *label, *file;
	unsigned ops;
	enum store_use use;
	bool is_new, no_swap;
	const char *layout;
};

static const struct kind kinds[] = {
	{"JSON", "a.json", 200, STORE_SERVE, false, false, NULL},
	{"new JSON", "a.json", 60, STORE_SERVE, true, false, NULL},
	{"flash", "a.fd", 30, STORE_EDIT, false, false, "2m"},
	{"folder", "vars", 10, STORE_EDIT, false, false, NULL},
	{"new folder", "vars/", 8, STORE_EDIT, true, false, NULL},
	{"folder without swap", "vars", 10, STORE_EDIT, false, true, NULL},
};

struct run {
	const struct kind *kind;
	uint32_t seed;
	struct fixture from, to;
	uint64_t after[OPS_MAX + 1]; /* what the store holds after so many changes */
	unsigned done;
	bool in_flight;
	unsigned looks, refused;
};

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525U + 1013904223U;
	return *seed >> 8;
}

static EFI_STATUS set_signed(struct rts_vars *v, CHAR16 *name, size_t name_len,
			     uint32_t attr, unsigned i, const uint8_t *data, size_t length)
{
	uint8_t buf[40 + 400];
	EFI_VARIABLE_AUTHENTICATION_2_HEADER h = {
		.TimeStamp = {.Year = 2026,
			      .Month = 1,
			      .Day = 1,
			      .Hour = (uint8_t)(i / 60),
			      .Minute = (uint8_t)(i % 60)},
		.AuthInfo = {.dwLength = 24,
			     .wRevision = 0x200,
			     .wCertificateType = WIN_CERT_TYPE_EFI_GUID,
			     .CertType = EFI_CERT_TYPE_PKCS7_GUID},
	};

	memcpy(buf, &h, sizeof h);
	memcpy(buf + sizeof h, data, length);
	return rts_vars_set(v, name, name_len, &fixture_guid,
			    attr | EFI_VARIABLE_TIME_BASED_AUTHENTICATED_WRITE_ACCESS, buf,
			    sizeof h + length);
}

/* The @i-th change; the same each time. A store for `vars` has no volatile variables, and
 * not every kind keeps signers. */
static EFI_STATUS change(struct rts_vars *v, const struct run *r, unsigned i)
{
	static const CHAR16 locked[] = u"Locked";
	uint32_t seed = r->seed * 7919U + i * 104729U;
	const uint32_t kind = next(&seed) % (r->kind->use == STORE_SERVE ? 20 : 12);
	size_t length = 1 + next(&seed) % 300;
	CHAR16 name[] = u"Name0";
	uint8_t data[400];

	name[4] = (CHAR16)('0' + next(&seed) % 5);
	for (size_t k = 0; k < length; k++)
		data[k] = (uint8_t)next(&seed);
	if (kind < 7)
		return rts_vars_set(v, name, sizeof name, &fixture_guid, NV, data, length);
	if (kind < 10)
		return rts_vars_set(v, name, sizeof name, &fixture_guid, NV, NULL, 0);
	if (kind < 12)
		return rts_vars_set(v, name, sizeof name, &fixture_guid,
				    NV | EFI_VARIABLE_APPEND_WRITE, data, length % 40);
	if (kind < 15) {
		name[0] = 'S';
		return set_signed(v, name, sizeof name, NV, i, data,
				  length % 4 ? length : 0);
	}
	if (kind < 16) {
		name[0] = 'S';
		return set_signed(v, name, sizeof name, NV | EFI_VARIABLE_APPEND_WRITE, i,
				  data, length % 30);
	}
	if (kind < 18) {
		name[0] = 'V';
		return rts_vars_set(v, name, sizeof name, &fixture_guid, BS, data, length);
	}
	if (kind == 18)
		return i % 2 ? rts_vars_lock(v, locked, sizeof locked, &fixture_guid)
			     : rts_vars_end_of_dxe(v);
	return rts_vars_reset(v);
}

static uint64_t hash(const void *p, size_t n)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < n; i++)
		h = (h ^ ((const uint8_t *)p)[i]) * 0x100000001b3ULL;
	return h != 0 ? h : 1;
}

/* All of what a kind keeps; a folder keeps no order. */
static uint64_t held_by(const struct kind *kind, const struct rts_vars *v)
{
	struct store_text t = {0};
	struct diag d;
	uint64_t h;

	if (kind->use == STORE_SERVE)
		assert_int_equal(store_json_write(rts_vars_current(v), NULL, &t), 0);
	else
		assert_int_equal(store_folder_write(rts_vars_current(v), "", &t, &d), 0);
	h = hash(t.p, t.n);
	store_text_fini(&t);
	return h;
}

static void foretell(struct run *r)
{
	struct rts_vars *v;
	unsigned made = 0;

	assert_int_equal(
		rts_vars_new(&(struct rts_vars_config){.crypto = &fake_crypto}, &v),
		EFI_SUCCESS);
	assert_int_equal(rts_vars_start(v), EFI_SUCCESS);
	for (unsigned i = 0; i <= r->kind->ops; i++) {
		r->after[i] = held_by(r->kind, v);
		if (i < r->kind->ops)
			made += !EFI_ERROR(change(v, r, i));
	}
	rts_vars_free(v);
	assert_true(made > r->kind->ops / 2);
}

/* The file that had what a rewrite loses is there, under one name or the other. */
static bool has_foreign(const struct fixture *f)
{
	char *now = fixture_read(f, "a.json", NULL),
	     *kept = fixture_read(f, "a.json.orig", NULL);
	const bool ok = (now != NULL && strcmp(now, FOREIGN) == 0) ||
			(kept != NULL && strcmp(kept, FOREIGN) == 0);

	free(now);
	free(kept);
	return ok;
}

static uint64_t look(void *ctx, char *why, size_t cap)
{
	struct run *r = ctx;
	struct fixture *f = &r->to;
	const bool is_json = r->kind->use == STORE_SERVE;
	const bool was_there = access(f->path, F_OK) == 0;
	uint64_t held = 0;
	struct stat st;

	if (fixture_open(f) < 0) {
		snprintf(why, cap, "%s", f->d.text);
	} else if (is_json && !r->kind->is_new && !has_foreign(f)) {
		snprintf(why, cap, "the original is not kept");
	} else if (!r->kind->is_new &&
		   (stat(f->path, &st) < 0 ||
		    (st.st_mode & ALLPERMS) != MODE + (is_json ? 0 : 0110U))) {
		snprintf(why, cap, "it has another mode");
	} else {
		held = held_by(r->kind, f->v);
		/* whoever comes next can go on */
		if (r->looks++ % 8 == 0 && was_there) {
			if (fixture_set(f, u"Next", NV, "x") != EFI_SUCCESS) {
				snprintf(why, cap, "no change can be made: %s",
					 strstr(f->log, "E ") != NULL ? strstr(f->log, "E ")
								      : "");
				held = 0;
			}
			fixture_close(f);
			if (held != 0 && (fixture_open(f) < 0 ||
					  strcmp(fixture_get(f, u"Next"), "x") != 0)) {
				snprintf(why, cap, "the next change is lost: %s",
					 f->d.text);
				held = 0;
			}
		}
	}
	fixture_close(f);
	return held;
}

static bool accept(void *ctx, uint64_t held)
{
	const struct run *r = ctx;

	return held == r->after[r->done] || (r->in_flight && held == r->after[r->done + 1]);
}

static void prepare(struct run *r)
{
	const struct kind *k = r->kind;

	fixture_init(&r->from, k->file);
	fixture_init(&r->to, k->file);
	r->from.use = r->to.use = k->use;
	r->from.crypto = r->to.crypto = &fake_crypto;
	if (k->is_new)
		return;
	if (k->layout != NULL) {
		char json[80];
		struct store_conversion c = {json, r->from.path, .layout = k->layout};

		snprintf(json, sizeof json, "%s/empty.json", r->from.dir);
		fixture_write_text(&r->from, "empty.json",
				   "{\"version\": 2, \"variables\": []}");
		assert_int_equal(store_convert(&c, &r->from.d), 0);
		unlink(json);
		unlink(fixture_path(&r->from, "a.fd.lock"));
		assert_int_equal(chmod(r->from.path, MODE | 0110U), 0);
	} else if (k->use == STORE_EDIT) {
		assert_int_equal(mkdir(r->from.path, 0700), 0);
		assert_int_equal(chmod(r->from.path, MODE | 0110U), 0);
	} else {
		fixture_write_text(&r->from, k->file, FOREIGN);
		assert_int_equal(chmod(r->from.path, MODE), 0);
	}
}

static void tidy(struct run *r)
{
	const int dir = open(r->from.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	fixture_close(&r->from);
	assert_int_equal(store_folder_remove(dir, "vars"), 0);
	close(dir);
	fixture_fini(&r->from);
	fixture_fini(&r->to);
}

/* One workload; without the fsyncs that return to @ignore. */
static void run_one(const struct kind *kind, uint32_t seed, const void *ignore,
		    struct power_result *ret)
{
	static struct run r;
	struct power_test test = {.look = look,
				  .accept = accept,
				  .ctx = &r,
				  .ignore = ignore,
				  .no_swap = kind->no_swap,
				  .seed = seed};

	memset(&r, 0, sizeof r);
	r.kind = kind;
	r.seed = seed;
	foretell(&r);
	prepare(&r);
	test.from = r.from.dir;
	test.to = r.to.dir;
	power_begin(&test);
	assert_int_equal(fixture_open(&r.from), 0);
	for (unsigned i = 0; i < kind->ops; i++) {
		r.in_flight = true;
		(void)change(r.from.v, &r, i);
		r.done = i + 1;
		r.in_flight = false;
		power_visit();
	}
	if (held_by(kind, r.from.v) != r.after[kind->ops])
		fail_msg("%s: %s", kind->label, r.from.log);
	fixture_close(&r.from);
	power_end(ret);
	tidy(&r);
}

/* The places that call fsync, over all kinds. */
static struct power_site sites[32];
static bool reached[32][COUNT(kinds)]; /* and which kinds come there */
static unsigned site_count;

static void keep_sites(const struct power_result *r, size_t kind)
{
	for (unsigned i = 0; i < r->site_count; i++) {
		unsigned k = 0;

		while (k < site_count && sites[k].at != r->sites[i].at)
			k++;
		assert_true(k < COUNT(sites));
		if (k == site_count)
			sites[site_count++] = r->sites[i];
		reached[k][kind] = true;
	}
}

static uint32_t seed_of_run(void)
{
	const char *seed = getenv("STORE_POWER_SEED");

	return seed != NULL ? (uint32_t)atoi(seed) : 1;
}

static void every_state_opens(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct power_result result;

		run_one(&kinds[i], seed_of_run(), NULL, &result);
		if (result.violation[0] != 0)
			fail_msg("%s: %s", kinds[i].label, result.violation);
		print_message(
			"# %s: %u changes, %lu calls, %lu states, %lu of them different\n",
			kinds[i].label, kinds[i].ops, result.calls, result.states,
			result.built);
		assert_true(result.built > 5 * (unsigned long)kinds[i].ops);
		keep_sites(&result, i);
	}
}

static void every_fsync_is_needed(void **state)
{
	unsigned files = 0;

	(void)state;
	for (unsigned i = 0; i < site_count; i++) {
		const char *label = NULL;

		for (size_t k = 0; k < COUNT(kinds) && label == NULL; k++) {
			struct power_result result;

			if (!reached[i][k])
				continue;
			run_one(&kinds[k], seed_of_run(), sites[i].at, &result);
			if (result.violation[0] != 0) {
				label = kinds[k].label;
				print_message("# without fsync %u, of a %s: %s: %.120s\n",
					      i, sites[i].folder ? "folder" : "file", label,
					      result.violation);
			}
		}
		if (label == NULL)
			fail_msg("without fsync %u, of a %s, all is as well", i,
				 sites[i].folder ? "folder" : "file");
		files += !sites[i].folder;
	}
	assert_true(files >= 1 && site_count - files >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_state_opens),
					   cmocka_unit_test(every_fsync_is_needed)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
