/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stores of 100, 1,000 and 10,000 variables cost, as MM messages: reading, walking
 * over all names, volatile and durable writes; a durable write beside the same bytes
 * written and synchronised by the same calls; and the check of a signature beside a bare
 * PKCS7_verify(). Usage: bench_vars [FOLDER], where stores are made (default: where we
 * are).
 */
#include "bench_get.h"

#include <fcntl.h>
#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/keys.h"
#include "crypto/crypto_pkcs7.h"
#include "store/store.h"

#define ROUNDS 9U
#define SIZES  3U
#define CALLS  100000U
#define CPU    CLOCK_THREAD_CPUTIME_ID

static const unsigned counts[SIZES] = {100, 1000, 10000};
static const char *folder = ".";

/* A store on disk, or (path empty) in memory. */
struct subject {
	char path[256];
	struct store *store;
	struct rts_wire w;
	unsigned count;
};

static void ask(struct subject *s, struct mm *m)
{
	size_t n;

	if (rts_wire_mm(&s->w, m->buf, m->len, &n) != 0)
		die("wire");
}

static void set(struct subject *s, unsigned i, uint32_t attr, unsigned value)
{
	static struct mm m;
	uint8_t data[VALUE_LEN];
	CHAR16 name[8];

	memset(data, (int)value, sizeof data);
	name_of(i, name);
	mm_access(&m, SMM_VARIABLE_FUNCTION_SET_VARIABLE, &ns, name, 16, attr, data,
		  sizeof data);
	ask(s, &m);
	if (mm_status(&m) != EFI_SUCCESS)
		die("SetVariable");
}

/* The file is filled in one go, as a store of somebody's. */
static void make_file(const struct subject *s)
{
	FILE *f = fopen(s->path, "w");

	if (f == NULL)
		die(s->path);
	fprintf(f, "{\"version\": 2, \"variables\": [");
	for (unsigned i = 0; i < s->count; i++) {
		fprintf(f,
			"%s{\"name\": \"V%06u\", \"guid\": "
			"\"11111111-2222-3333-0102-030405060708\", "
			"\"attr\": 7, \"data\": \"",
			i > 0 ? "," : "", i);
		for (unsigned k = 0; k < VALUE_LEN; k++)
			fprintf(f, "%02x", i & 255);
		fprintf(f, "\"}");
	}
	fprintf(f, "]}");
	if (fclose(f) != 0)
		die(s->path);
}

static void subject_new(struct subject *s, unsigned count, bool on_disk)
{
	struct store_config where = {.word = "memory:"};
	struct rts_vars_config config = {
		.store = &store_ops, .quota_nv = 1 << 24, .quota_volatile = 1 << 24};
	struct diag d = {0};

	*s = (struct subject){.count = count};
	if (on_disk) {
		snprintf(s->path, sizeof s->path, "%s/bench_vars.%d.%u.json", folder,
			 (int)getpid(), count);
		make_file(s);
		where.word = s->path;
	}
	if (store_open(&where, &d, &s->store) < 0)
		die(d.text);
	config.store_ctx = s->store;
	if (EFI_ERROR(rts_vars_new(&config, &s->w.vars)) ||
	    store_load(s->store, s->w.vars, &d) < 0 || EFI_ERROR(rts_vars_start(s->w.vars)))
		die(d.text);
	for (unsigned i = 0; !on_disk && i < count; i++)
		set(s, i, 7, i);
}

static void subject_free(struct subject *s)
{
	static const char *const more[] = {"", ".run", ".lock", ".orig"};
	char path[300];

	rts_vars_free(s->w.vars);
	store_close(s->store);
	for (size_t i = 0; *s->path != 0 && i < sizeof more / sizeof *more; i++) {
		snprintf(path, sizeof path, "%s%s", s->path, more[i]);
		(void)unlink(path);
	}
}

/* From the first name to the end, each answer being the next question; times a step. */
static double time_walk(struct subject *s)
{
	static struct mm m;
	const EFI_GUID handler = EFI_SMM_VARIABLE_PROTOCOL_GUID;
	const unsigned turns = 20000 / s->count;
	SMM_VARIABLE_COMMUNICATE_GET_NEXT_VARIABLE_NAME head;
	unsigned found = 0, ours = 0;
	double t = bench_now(CPU);

	for (unsigned k = 0; k < turns; k++) {
		head = (SMM_VARIABLE_COMMUNICATE_GET_NEXT_VARIABLE_NAME){.NameSize = 128};
		mm_function(&m, handler, SMM_VARIABLE_FUNCTION_GET_NEXT_VARIABLE_NAME);
		mm_put(&m, &head, SMM_GET_NEXT_VARIABLE_NAME_NAME);
		memset(m.buf + m.len, 0, 128);
		m.len += 128;
		mm_end(&m);
		for (;;) {
			const SMM_VARIABLE_COMMUNICATE_HEADER again = {
				SMM_VARIABLE_FUNCTION_GET_NEXT_VARIABLE_NAME, MM_UNTOUCHED};

			ask(s, &m);
			if (mm_status(&m) != EFI_SUCCESS)
				break;
			found++;
			ours += m.buf[MM_PAYLOAD + SMM_GET_NEXT_VARIABLE_NAME_NAME] == 'V';
			/* the answer is as long as its name; the room is ours again */
			head.NameSize = 128;
			memcpy(&head.Guid, m.buf + MM_PAYLOAD, sizeof head.Guid);
			memcpy(m.buf + 24, &again, sizeof again);
			memcpy(m.buf + MM_PAYLOAD, &head, SMM_GET_NEXT_VARIABLE_NAME_NAME);
			mm_end(&m);
		}
	}
	t = bench_now(CPU) - t;
	if (mm_status(&m) != EFI_NOT_FOUND || ours < turns * s->count)
		die("names are missing");
	return t / found;
}

/* The names after the same SAMPLE names, again and again. */
static double time_next(struct subject *s)
{
	static struct mm messages[SAMPLE];
	static struct mm m;
	const EFI_GUID handler = EFI_SMM_VARIABLE_PROTOCOL_GUID;
	const SMM_VARIABLE_COMMUNICATE_GET_NEXT_VARIABLE_NAME head = {ns, 16};
	CHAR16 name[8];
	double t;

	for (unsigned i = 0; i < SAMPLE; i++) {
		name_of(i * (s->count / SAMPLE), name);
		mm_function(&messages[i], handler,
			    SMM_VARIABLE_FUNCTION_GET_NEXT_VARIABLE_NAME);
		mm_put(&messages[i], &head, SMM_GET_NEXT_VARIABLE_NAME_NAME);
		mm_put(&messages[i], name, 16);
		mm_end(&messages[i]);
	}
	t = bench_now(CPU);
	for (unsigned i = 0; i < CALLS; i++) {
		m.len = messages[i % SAMPLE].len;
		memcpy(m.buf, messages[i % SAMPLE].buf, m.len);
		ask(s, &m);
	}
	t = bench_now(CPU) - t;
	if (mm_status(&m) != EFI_SUCCESS)
		die("GetNextVariableName");
	return t / CALLS;
}

static double time_set(struct subject *s, clockid_t clock, uint32_t attr, unsigned first,
		       unsigned calls)
{
	static unsigned value;
	double t = bench_now(clock);

	for (unsigned i = 0; i < calls; i++)
		set(s, first + i % SAMPLE, attr, ++value);
	return (bench_now(clock) - t) / calls;
}

/* Peer: the bytes that the store has now, by the calls that make them durable. */
static double time_bare_write(const struct subject *s, unsigned calls)
{
	char tmp[300], name[300];
	struct stat st;
	uint8_t *p;
	double t;
	int fd = open(s->path, O_RDONLY), dir = open(folder, O_RDONLY | O_DIRECTORY);

	snprintf(name, sizeof name, "%s.bare", s->path);
	snprintf(tmp, sizeof tmp, "%s.bare.tmp", s->path);
	if (fd < 0 || dir < 0 || fstat(fd, &st) < 0)
		die(s->path);
	p = malloc((size_t)st.st_size);
	if (p == NULL || read(fd, p, (size_t)st.st_size) != st.st_size)
		die("read");
	close(fd);
	t = bench_now(CLOCK_MONOTONIC);
	for (unsigned i = 0; i < calls; i++) {
		fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL, 0600);
		if (fd < 0 || write(fd, p, (size_t)st.st_size) != st.st_size ||
		    fsync(fd) < 0 || rename(tmp, name) < 0 || fsync(dir) < 0)
			die(name);
		close(fd);
	}
	t = (bench_now(CLOCK_MONOTONIC) - t) / calls;
	free(p);
	close(dir);
	(void)unlink(name);
	return t;
}

static void row(const char *what, unsigned count, double cost, const char *ratio)
{
	char text[80];

	snprintf(text, sizeof text, "  %s, %u variables", what, count);
	printf("%-58s %10.0f %s\n", text, cost, ratio);
}

/* A table of costs at each size, the first being what the others are measured by. */
static void table(const char *what, double v[SIZES][ROUNDS], double limit)
{
	double ratio[ROUNDS], sorted[ROUNDS];

	for (unsigned k = 0; k < SIZES; k++) {
		for (unsigned i = 0; i < ROUNDS; i++)
			ratio[i] = v[k][i] / v[0][i];
		memcpy(sorted, v[k], sizeof sorted);
		row(what, counts[k], bench_median(sorted, ROUNDS),
		    k > 0 ? bench_against(bench_median(ratio, ROUNDS), limit) : "");
	}
}

static void bench_memory(void)
{
	static struct subject s[SIZES];
	static double get[SIZES][ROUNDS], walk[SIZES][ROUNDS], vol[SIZES][ROUNDS],
		next[SIZES][ROUNDS];

	for (unsigned k = 0; k < SIZES; k++) {
		subject_new(&s[k], counts[k], false);
		(void)time_set(&s[k], CPU, 6, counts[k], SAMPLE);
	}
	for (unsigned i = 0; i < ROUNDS; i++)
		for (unsigned k = 0; k < SIZES; k++) {
			get[k][i] = time_get(&s[k].w, s[k].count, CALLS, CPU);
			next[k][i] = time_next(&s[k]);
			walk[k][i] = time_walk(&s[k]);
			vol[k][i] = time_set(&s[k], CPU, 6, counts[k], 20000);
		}
	printf("%-58s %10s %8s\n", "As MM messages, in process, store in memory", "ns/call",
	       "ratio");
	table("GetVariable", get, 1.2);
	table("GetNextVariableName", next, 1.2);
	/* linear; but 10,000 variables do not fit the cache that 100 do */
	table("a step of a whole enumeration", walk, 3);
	table("SetVariable, volatile", vol, 1.5);
	for (unsigned k = 0; k < SIZES; k++)
		subject_free(&s[k]);
}

static void bench_disk(void)
{
	static struct subject s;
	static double vol[SIZES][ROUNDS];
	double set_ns[ROUNDS], bare[ROUNDS], factor[ROUNDS];

	printf("%-58s %10s %8s\n", "A JSON store on disk", "ns/call", "ratio");
	for (unsigned k = 0; k < SIZES; k++) {
		subject_new(&s, counts[k], true);
		(void)time_set(&s, CLOCK_MONOTONIC, 7, 0,
			       1); /* from now on the file is as we write it */
		for (unsigned i = 0; i < ROUNDS; i++) {
			set_ns[i] = time_set(&s, CLOCK_MONOTONIC, 7, 0, 10);
			bare[i] = time_bare_write(&s, 10);
			factor[i] = set_ns[i] / bare[i];
		}
		row("SetVariable, durable", counts[k], bench_median(set_ns, ROUNDS),
		    bench_against(bench_median(factor, ROUNDS), 1.5));
		row("  the same bytes, bare calls", counts[k], bench_median(bare, ROUNDS),
		    "");
		(void)time_set(&s, CPU, 6, counts[k], SAMPLE);
		for (unsigned i = 0; i < ROUNDS; i++)
			vol[k][i] = time_set(&s, CPU, 6, counts[k], SAMPLE);
		subject_free(&s);
	}
	/* a walk over all finds the volatile ones; files cost the rest */
	table("SetVariable, volatile, beside durable ones (CPU time)", vol, 3);
}

/* Peer: what firmware does with a signature, and nothing else. */
static bool bare_verify(const struct blob *message, const struct key *trusted,
			const void *content, size_t len)
{
	const unsigned char *p = message->p, *der = trusted->der;
	PKCS7 *p7 = d2i_PKCS7(NULL, &p, (long)message->n);
	X509 *x = d2i_X509(NULL, &der, (long)trusted->len);
	X509_STORE *store = X509_STORE_new();
	BIO *bio = BIO_new_mem_buf(content, (int)len);
	bool ok = X509_STORE_add_cert(store, x) == 1 &&
		  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN |
						      X509_V_FLAG_NO_CHECK_TIME) == 1 &&
		  X509_STORE_set_purpose(store, X509_PURPOSE_ANY) == 1 &&
		  PKCS7_verify(p7, NULL, store, bio, NULL, PKCS7_BINARY) == 1;

	BIO_free(bio);
	X509_STORE_free(store);
	X509_free(x);
	PKCS7_free(p7);
	return ok;
}

static bool our_verify(struct crypto *c, const struct blob *message,
		       const struct key *trusted, const void *content, size_t len)
{
	const struct bytes piece = {content, len};
	void *signature;
	bool ok;

	if (crypto_vars.open(c, (struct bytes){message->p, message->n}, &piece, 1,
			     &signature) != NULL)
		return false;
	ok = crypto_vars.chains(c, signature, (struct bytes){trusted->der, trusted->len});
	crypto_vars.close(c, signature);
	return ok;
}

static void bench_signature(const char *what, bool chained)
{
	static const uint8_t content[4096] = {1};
	const struct key_options root_options = {.common_name = "root", .serial = 1};
	struct key *root = key_new(&root_options);
	const struct key_options leaf_options = {
		.common_name = "leaf", .serial = 2, .issuer = chained ? root : NULL};
	struct key *leaf = key_new(&leaf_options);
	const struct key *trusted = chained ? root : leaf;
	const struct sign sign = {.key = leaf, .with_content_info = true};
	double ours[ROUNDS], bare[ROUNDS], factor[ROUNDS];
	struct blob message = {0};
	struct crypto *c;
	double t;

	if (crypto_new(&c) < 0)
		die("OpenSSL");
	blob_pkcs7(&message, &sign, content, sizeof content);
	for (unsigned i = 0; i < ROUNDS; i++) {
		t = bench_now(CPU);
		for (unsigned k = 0; k < 200; k++)
			if (!our_verify(c, &message, trusted, content, sizeof content))
				die("our check");
		ours[i] = bench_now(CPU) - t;
		t = bench_now(CPU);
		for (unsigned k = 0; k < 200; k++)
			if (!bare_verify(&message, trusted, content, sizeof content))
				die("PKCS7_verify");
		bare[i] = bench_now(CPU) - t;
		factor[i] = ours[i] / bare[i];
	}
	printf("  %-56s %10.0f %s\n", what, bench_median(ours, ROUNDS) / 200,
	       bench_against(bench_median(factor, ROUNDS), 1.3));
	printf("  %-56s %10.0f\n", "  bare PKCS7_verify()",
	       bench_median(bare, ROUNDS) / 200);
	blob_free(&message);
	crypto_free(c);
	key_free(leaf);
	key_free(root);
}

int main(int argc, char **argv)
{
	if (argc > 2) {
		fprintf(stderr, "usage: bench_vars [FOLDER]\n");
		return 2;
	}
	if (argc == 2)
		folder = argv[1];
	setvbuf(stdout, NULL, _IOLBF, 0);
	bench_memory();
	bench_disk();
	printf("%-58s %10s %8s\n", "A signature, RSA 2048, 4096 bytes signed", "ns/check",
	       "ratio");
	bench_signature("the trusted certificate signed", false);
	bench_signature("one that it issued signed", true);
	return bench_missed > 0;
}
