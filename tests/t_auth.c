/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Authenticated variables and secure boot's modes, with real keys and signatures made here:
 * each row of the rules (UEFI 2.10 §8.2.6, §32.3 as edk2 reads them) in every mode and
 * phase, what the store is shown, and that nothing happens where it, or memory, says no.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/keys.h"
#include "crypto/crypto_pkcs7.h"
#include "log_line.h"
#include "uefi/guids.h"
#include "vars/vars_priv.h"

#define NV        ATTR_NV
#define BS        ATTR_BS
#define RT        ATTR_RT
#define AT        ATTR_AT
#define AP        ATTR_APPEND
#define KEYS_ATTR (NV | BS | RT | AT)

static const EFI_GUID ns = {0x11111111, 0x2222, 0x3333, {1, 2, 3, 4, 5, 6, 7, 8}};
static const EFI_GUID owner = {0xaaaaaaaa, 0xbbbb, 0xcccc, {8, 7, 6, 5, 4, 3, 2, 1}};
static const EFI_GUID owner2 = {0xaaaaaaab, 0xbbbb, 0xcccc, {8, 7, 6, 5, 4, 3, 2, 1}};
static const EFI_GUID global = EFI_GLOBAL_VARIABLE_GUID;
static const EFI_GUID image_db = EFI_IMAGE_SECURITY_DATABASE_GUID;
static const EFI_GUID enable_guid = EFI_SECURE_BOOT_ENABLE_DISABLE_GUID;
static const EFI_GUID custom_guid = EFI_CUSTOM_MODE_ENABLE_GUID;
static const EFI_GUID vendor_guid = EFI_VENDOR_KEYS_NV_GUID;
static const EFI_GUID sha256_guid = EFI_CERT_SHA256_GUID;
static const EFI_GUID sha384_guid = EFI_CERT_SHA384_GUID;
static const EFI_GUID x509_guid = EFI_CERT_X509_GUID;

enum name { PK, KEK, DB, DBX, DBT, PRIV, NAMES };
static const struct {
	const CHAR16 *name;
	size_t len;
	const EFI_GUID *guid;
} names[NAMES] = {
	[PK] = {u"PK", sizeof u"PK", &global},
	[KEK] = {u"KEK", sizeof u"KEK", &global},
	[DB] = {u"db", sizeof u"db", &image_db},
	[DBX] = {u"dbx", sizeof u"dbx", &image_db},
	[DBT] = {u"dbt", sizeof u"dbt", &image_db},
	[PRIV] = {u"Mine", sizeof u"Mine", &ns},
};

/* Who signs. */
enum who {
	NOBODY, /* a descriptor without signature */
	BY_PK,
	BY_KEK,      /* a certificate of KEK */
	BY_LEAF,     /* issued by another certificate of KEK; the message has this alone */
	BY_BELOW,    /* issued by PK, with PK in the message */
	BY_NAMESAKE, /* of PK, with a key of his own */
	BY_STRANGER,
	WHO,
};

static struct crypto *crypto;
static struct key *keys[WHO], *ca, *big, *curve;

/* Curves where it does not matter: they are made, and sign, in no time. */
static struct key *make(const char *name, const struct key *issuer, long serial)
{
	return key_new(&(struct key_options){.common_name = name,
					     .kind = EC_P256,
					     .issuer = issuer,
					     .is_leaf = issuer != NULL,
					     .serial = serial});
}

static int make_keys(void **state)
{
	(void)state;
	keys[BY_PK] = make("PK", NULL, 1);
	keys[BY_KEK] =
		key_new(&(struct key_options){.common_name = "KEK", .expired = true});
	ca = make("CA", NULL, 1);
	keys[BY_LEAF] = make("leaf", ca, 2);
	keys[BY_BELOW] = make("PK", keys[BY_PK], 2);
	keys[BY_NAMESAKE] = make("PK", NULL, 1);
	keys[BY_STRANGER] = make("stranger", NULL, 1);
	big = key_new(&(struct key_options){.common_name = "big", .kind = RSA_3072});
	curve = make("curve", NULL, 1);
	return crypto_new(&crypto);
}

static int drop_keys(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WHO; i++)
		key_free(keys[i]);
	key_free(ca);
	key_free(big);
	key_free(curve);
	crypto_free(crypto);
	return 0;
}

/* A machine, its store and its log. */
struct machine {
	struct rts_vars *v;
	EFI_STATUS answer; /* of the store */
	unsigned commits, parts;
	struct blob kept; /* names, lengths and values that the store was shown last */
	char said[400];
	int now; /* seconds; each write takes the next one */
};

static EFI_STATUS commit_fake(void *ctx, const struct rts_vars_view *view, unsigned parts)
{
	struct machine *m = ctx;
	struct rts_vars_cursor c = {0};
	const struct rts_var *var;

	m->commits++;
	m->parts = parts;
	if (m->answer != EFI_SUCCESS)
		return m->answer;
	blob_free(&m->kept);
	while (rts_vars_view_next(view, &c, &var)) {
		blob_put(&m->kept, var->name, var->name_len);
		blob_put(&m->kept, &var->data_len, 4);
		blob_put(&m->kept, var->data, var->data_len);
	}
	return EFI_SUCCESS;
}

static void log_fake(void *ctx, enum rts_log level, const char *text)
{
	struct machine *m = ctx;

	if (level == RTS_LOG_INFO && !log_line_tells(text))
		fail_msg("does not tell why: %s", text);
	snprintf(m->said, sizeof m->said, "%s", text);
}

static const struct rts_var_store_ops store_fake = {commit_fake};

enum flags { PRESENCE = 1, NO_CUSTOM = 2, FORCE = 4, NO_CRYPTO = 8, POLICY_CAN_END = 16 };

static struct machine *machine_new(unsigned flags)
{
	struct machine *m = calloc(1, sizeof *m);
	struct rts_vars_config config = {.store = &store_fake,
					 .store_ctx = m,
					 .log = log_fake,
					 .log_ctx = m,
					 .log_level = RTS_LOG_DEBUG,
					 .crypto = flags & NO_CRYPTO ? NULL : &crypto_vars,
					 .crypto_ctx = crypto,
					 .physical_presence = flags & PRESENCE,
					 .no_custom_mode = flags & NO_CUSTOM,
					 .policy_can_end = flags & POLICY_CAN_END,
					 .force_secure_boot = flags & FORCE};

	assert_non_null(m);
	assert_int_equal(rts_vars_new(&config, &m->v), EFI_SUCCESS);
	assert_int_equal(rts_vars_start(m->v), EFI_SUCCESS);
	return m;
}

static void machine_free(struct machine *m)
{
	rts_vars_free(m->v);
	blob_free(&m->kept);
	free(m);
}

static EFI_TIME at(int seconds)
{
	return (EFI_TIME){.Year = 2024,
			  .Month = 1,
			  .Day = 1,
			  .Hour = (uint8_t)(seconds / 3600),
			  .Minute = (uint8_t)(seconds / 60 % 60),
			  .Second = (uint8_t)(seconds % 60)};
}

static EFI_STATUS set_raw(struct machine *m, enum name n, uint32_t attr, struct blob *b)
{
	EFI_STATUS status = rts_vars_set(m->v, names[n].name, names[n].len, names[n].guid,
					 attr, b->p, b->n);

	blob_free(b);
	return status;
}

/* A write of @payload, which is freed, at a time of its own. */
static EFI_STATUS set_signed(struct machine *m, enum name n, uint32_t attr,
			     struct blob payload, const struct sign *s, EFI_TIME time)
{
	struct blob b = {0};

	blob_write(&b,
		   &(struct write){names[n].name, names[n].len, names[n].guid, attr, time,
				   payload.p, payload.n},
		   s);
	blob_free(&payload);
	return set_raw(m, n, attr, &b);
}

static struct sign sign_of(enum who who)
{
	struct sign s = {.key = keys[who]};

	if (who == BY_BELOW)
		s.more[0] = keys[BY_PK];
	return s;
}

static EFI_STATUS set_by(struct machine *m, enum name n, uint32_t attr, struct blob payload,
			 enum who who)
{
	const struct sign s = sign_of(who);

	return set_signed(m, n, attr, payload, who == NOBODY ? NULL : &s, at(++m->now));
}

static struct blob cert(const struct key *k)
{
	struct blob b = {0};

	blob_cert(&b, &owner, k);
	return b;
}

/* A list with one SHA-256 hash. */
static struct blob hash(uint8_t fill)
{
	struct blob b = {0};
	uint8_t data[32];

	memset(data, fill, sizeof data);
	blob_list(&b, &sha256_guid, &owner, data, sizeof data, 1);
	return b;
}

static struct blob nothing(void)
{
	return (struct blob){0};
}

static const struct rts_var *find_var(struct machine *m, const EFI_GUID *guid,
				      const CHAR16 *name, size_t len)
{
	const struct node *n = table_find(m->v, guid, name, (uint32_t)len);

	return n != NULL ? &n->var : NULL;
}
#define VAR(m, n) find_var(m, names[n].guid, names[n].name, names[n].len)

/* A variable of one byte; -1: not there, or another length. */
#define BYTE(m, guid, name) byte_of(find_var(m, guid, name, sizeof(name)))
static int byte_of(const struct rts_var *var)
{
	return var != NULL && var->data_len == 1 ? var->data[0] : -1;
}

struct modes {
	int setup, secure, enable, custom, vendor, vendor_nv;
};

static struct modes modes_of(struct machine *m)
{
	return (struct modes){BYTE(m, &global, u"SetupMode"),
			      BYTE(m, &global, u"SecureBoot"),
			      BYTE(m, &enable_guid, u"SecureBootEnable"),
			      BYTE(m, &custom_guid, u"CustomMode"),
			      BYTE(m, &global, u"VendorKeys"),
			      BYTE(m, &vendor_guid, u"VendorKeysNv")};
}

#define MODES(m, ...) check_modes(m, (struct modes){__VA_ARGS__}, __LINE__)
static void check_modes(struct machine *m, struct modes want, int line)
{
	const struct modes got = modes_of(m);

	if (memcmp(&got, &want, sizeof got) != 0)
		fail_msg("line %d: SetupMode %d SecureBoot %d SecureBootEnable %d "
			 "CustomMode "
			 "%d VendorKeys %d VendorKeysNv %d",
			 line, got.setup, got.secure, got.enable, got.custom, got.vendor,
			 got.vendor_nv);
}

static EFI_STATUS set_custom(struct machine *m, uint8_t value)
{
	return rts_vars_set(m->v, u"CustomMode", sizeof u"CustomMode", &custom_guid,
			    NV | BS, &value, 1);
}

static EFI_STATUS set_enable(struct machine *m, uint8_t value, size_t len)
{
	return rts_vars_set(m->v, u"SecureBootEnable", sizeof u"SecureBootEnable",
			    &enable_guid, NV | BS, &value, len);
}

enum mode { SETUP, USER, CUSTOM };

/* KEK has two certificates; PK is the last to come. */
static void enrol(struct machine *m)
{
	struct blob kek = {0};

	blob_cert(&kek, &owner, ca);
	blob_cert(&kek, &owner, keys[BY_KEK]);
	assert_int_equal(set_by(m, KEK, KEYS_ATTR, kek, NOBODY), EFI_SUCCESS);
	assert_int_equal(set_by(m, PK, KEYS_ATTR, cert(keys[BY_PK]), NOBODY), EFI_SUCCESS);
}

static struct machine *machine_in(enum mode mode)
{
	struct machine *m = machine_new(mode == CUSTOM ? PRESENCE : 0);

	if (mode != SETUP)
		enrol(m);
	if (mode == CUSTOM)
		assert_int_equal(set_custom(m, 1), EFI_SUCCESS);
	return m;
}

enum phase { BOOT, AFTER_DXE, RUNTIME, PHASES };

static void enter(struct machine *m, size_t phase)
{
	if (phase >= AFTER_DXE)
		rts_vars_end_of_dxe(m->v);
	if (phase == RUNTIME)
		rts_vars_exit_boot_services(m->v);
}

/* The answer, or a failure that tells what was said. */
#define SAYS(m, status, want, why) says(m, status, want, why, __LINE__)
static void says(struct machine *m, EFI_STATUS got, EFI_STATUS want, const char *why,
		 int line)
{
	if (got != want || (why != NULL && strstr(m->said, why) == NULL))
		fail_msg("line %d: status %#lx, not %#lx: %s", line, got, want, m->said);
}

/* 7.1: the descriptor. */
static void t_descriptor(void **state)
{
	static const struct {
		const char *what;
		size_t len;      /* of the data; 0: all */
		uint32_t length; /* dwLength; 0: right */
		EFI_STATUS status;
	} cases[] = {
		{"right", 0, 0, EFI_SUCCESS},
		{"no data", 1, 0, EFI_SECURITY_VIOLATION},
		{"39 bytes", 39, 0, EFI_SECURITY_VIOLATION},
		{"cut in the certificate", 100, 0, EFI_SECURITY_VIOLATION},
		{"dwLength 0", 0, UINT32_MAX, EFI_SECURITY_VIOLATION},
		{"dwLength 23", 0, 23, EFI_SECURITY_VIOLATION},
		{"dwLength 24, so no message", 0, 24, EFI_SECURITY_VIOLATION},
		{"dwLength one more than there is", 0, 1, EFI_SECURITY_VIOLATION},
		{"dwLength 0xffffffff", 0, 2, EFI_SECURITY_VIOLATION},
	};
	const struct sign s = sign_of(BY_PK);

	(void)state;
	for (unsigned phase = 0; phase < PHASES; phase++) {
		struct machine *m = machine_in(USER);

		enter(m, phase);
		for (size_t i = 0; i < COUNT(cases); i++) {
			const EFI_TIME time = at(++m->now);
			struct blob b = {0}, payload = cert(keys[BY_KEK]);
			uint32_t length = cases[i].length;

			blob_write(&b,
				   &(struct write){names[KEK].name, names[KEK].len, &global,
						   KEYS_ATTR, time, payload.p, payload.n},
				   &s);
			blob_free(&payload);
			if (length == 1)
				length = (uint32_t)b.n - 16 + 1;
			if (length == UINT32_MAX || length == 2)
				length = length == 2 ? UINT32_MAX : 0;
			if (cases[i].length != 0)
				memcpy(b.p + 16, &length, 4);
			if (cases[i].len != 0)
				b.n = cases[i].len == 1 ? 0 : cases[i].len;
			EFI_STATUS status = set_raw(m, KEK, KEYS_ATTR, &b);
			if (status != cases[i].status)
				fail_msg("%s: %#lx %s", cases[i].what, status, m->said);
		}
		machine_free(m);
	}
	/* without signature it must be whole, too */
	struct machine *m = machine_in(SETUP);
	struct blob b = {0};
	blob_write(&b,
		   &(struct write){names[DB].name, names[DB].len, &image_db, KEYS_ATTR,
				   at(1), NULL, 0},
		   NULL);
	b.n--;
	SAYS(m, set_raw(m, DB, KEYS_ATTR, &b), EFI_SECURITY_VIOLATION, "descriptor");
	machine_free(m);
}

/* 7.2, 1 and 2: the time, by parts. */
static void t_time(void **state)
{
	static const struct {
		EFI_TIME time;
		bool later;
	} cases[] = {
		{{2024, 5, 5, 5, 5, 5, 0, 0, 0, 0, 0}, false},
		{{2024, 5, 5, 5, 5, 6, 0, 0, 0, 0, 0}, true},
		{{2024, 5, 5, 5, 6, 0, 0, 0, 0, 0, 0}, true},
		{{2024, 5, 5, 6, 0, 0, 0, 0, 0, 0, 0}, true},
		{{2024, 5, 6, 0, 0, 0, 0, 0, 0, 0, 0}, true},
		{{2024, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0}, true}, /* no calendar is asked */
		{{2025, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, true},
		{{65535, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0}, true},
		{{2024, 5, 5, 5, 5, 4, 0, 0, 0, 0, 0}, false},
		{{2024, 5, 5, 5, 4, 255, 0, 0, 0, 0, 0}, false},
		{{2024, 5, 5, 4, 255, 255, 0, 0, 0, 0, 0}, false},
		{{2024, 5, 4, 255, 255, 255, 0, 0, 0, 0, 0}, false},
		{{2024, 4, 255, 255, 255, 255, 0, 0, 0, 0, 0}, false},
		{{2023, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0}, false},
		{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, false},
		/* what must be 0 */
		{{2025, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0}, false},
		{{2025, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0}, false},
		{{2025, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0}, false},
		{{2025, 1, 1, 0, 0, 0, 0, 0, -1, 0, 0}, false},
		{{2025, 1, 1, 0, 0, 0, 0, 0, EFI_UNSPECIFIED_TIMEZONE, 0, 0}, false},
		{{2025, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0}, false},
		{{2025, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1}, false},
	};
	const EFI_TIME first = cases[0].time;
	const struct sign pk = sign_of(BY_PK), mine = sign_of(BY_STRANGER);

	(void)state;
	for (size_t i = 0; i < COUNT(cases) * PHASES; i++) {
		const EFI_TIME time = cases[i % COUNT(cases)].time;
		const bool later = cases[i % COUNT(cases)].later;
		const EFI_STATUS want = later ? EFI_SUCCESS : EFI_SECURITY_VIOLATION;
		const char *why = later                   ? "done"
				  : i % COUNT(cases) < 15 ? "not newer"
							  : "must be 0";
		struct machine *m = machine_in(USER);

		assert_int_equal(set_signed(m, DB, KEYS_ATTR, hash(1), &pk, first),
				 EFI_SUCCESS);
		assert_int_equal(set_signed(m, PRIV, KEYS_ATTR, hash(1), &mine, first),
				 EFI_SUCCESS);
		enter(m, i / COUNT(cases));
		SAYS(m, set_signed(m, DB, KEYS_ATTR, hash(2), &pk, time), want, why);
		SAYS(m, set_signed(m, PRIV, KEYS_ATTR, hash(2), &mine, time), want, why);
		assert_memory_equal(&VAR(m, DB)->time, later ? &time : &first, 16);
		assert_memory_equal(&VAR(m, PRIV)->time, later ? &time : &first, 16);
		/* the same goes for deleting */
		SAYS(m, set_signed(m, DB, KEYS_ATTR, nothing(), &pk, time),
		     EFI_SECURITY_VIOLATION, NULL);
		machine_free(m);
	}
}

/* 7.3: where nobody has to sign, the time is stored, whatever it is. */
static void t_time_unsigned(void **state)
{
	static const EFI_TIME times[] = {
		{2024, 5, 5, 5, 5, 5, 0, 0, 0, 0, 0}, {2024, 5, 5, 5, 5, 5, 0, 0, 0, 0, 0},
		{2023, 5, 5, 5, 5, 5, 0, 0, 0, 0, 0}, {2022, 5, 5, 5, 5, 5, 1, 2, 3, 4, 5},
		{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	};

	(void)state;
	for (enum mode mode = SETUP; mode <= CUSTOM; mode += CUSTOM - SETUP) {
		struct machine *m = machine_in(mode);

		for (size_t i = 0; i < COUNT(times); i++) {
			SAYS(m, set_signed(m, DB, KEYS_ATTR, hash(1), NULL, times[i]),
			     EFI_SUCCESS, "done");
			assert_memory_equal(&VAR(m, DB)->time, &times[i], 16);
		}
		SAYS(m, set_signed(m, DB, KEYS_ATTR, nothing(), NULL, times[4]),
		     EFI_SUCCESS, "done");
		machine_free(m);
	}
}

/* 7.2, 2: APPEND is exempt, and the later time stays. */
static void t_append_time(void **state)
{
	static const int times[] = {50, 100, 101, 60};
	const struct sign pk = sign_of(BY_PK), mine = sign_of(BY_STRANGER);

	(void)state;
	for (unsigned phase = 0; phase < PHASES; phase++) {
		struct machine *m = machine_in(USER);
		int latest = 100;

		SAYS(m, set_signed(m, DBX, KEYS_ATTR, hash(0), &pk, at(100)), EFI_SUCCESS,
		     NULL);
		SAYS(m, set_signed(m, PRIV, KEYS_ATTR, hash(0), &mine, at(100)),
		     EFI_SUCCESS, NULL);
		enter(m, phase);
		for (uint8_t i = 0; i < COUNT(times); i++) {
			const EFI_TIME time = at(times[i]);

			latest = times[i] > latest ? times[i] : latest;
			const EFI_TIME want = at(latest);
			SAYS(m,
			     set_signed(m, DBX, KEYS_ATTR | AP, hash((uint8_t)(i + 1)), &pk,
					time),
			     EFI_SUCCESS, "done");
			SAYS(m, set_signed(m, PRIV, KEYS_ATTR | AP, hash(0), &mine, time),
			     EFI_SUCCESS, "done");
			assert_memory_equal(&VAR(m, DBX)->time, &want, 16);
			assert_memory_equal(&VAR(m, PRIV)->time, &want, 16);
			assert_int_equal(VAR(m, DBX)->data_len, 76 * (i + 2));
			assert_int_equal(VAR(m, PRIV)->data_len, 76 * (i + 2));
			assert_int_equal(VAR(m, DBX)->attr, KEYS_ATTR);
		}
		/* nothing appended: no data, and the time all the same */
		const EFI_TIME last = at(200);
		SAYS(m, set_signed(m, DBX, KEYS_ATTR | AP, nothing(), &pk, last),
		     EFI_SUCCESS, "done");
		assert_int_equal(VAR(m, DBX)->data_len, 76 * 5);
		assert_memory_equal(&VAR(m, DBX)->time, &last, 16);
		/* what is appended to nothing creates, with its time */
		SAYS(m, set_signed(m, DB, KEYS_ATTR | AP, hash(1), &pk, at(7)), EFI_SUCCESS,
		     NULL);
		const EFI_TIME seven = at(7);
		assert_memory_equal(&VAR(m, DB)->time, &seven, 16);
		SAYS(m, set_signed(m, DB, KEYS_ATTR, hash(1), &pk, at(7)),
		     EFI_SECURITY_VIOLATION, "not newer");
		SAYS(m, set_signed(m, DBT, KEYS_ATTR | AP, nothing(), &pk, at(7)),
		     EFI_SUCCESS, "nothing appended");
		assert_null(VAR(m, DBT));
		machine_free(m);
	}
}

/* 7.2, 3 to 6: the certificate's type, the digest, what is signed. */
static void t_signature(void **state)
{
	static const struct {
		const char *what;
		size_t offset; /* of a byte of the descriptor that is changed */
		EFI_STATUS status;
	} cases[] = {
		{"nothing", SIZE_MAX, EFI_SUCCESS},
		{"year", 0, EFI_SECURITY_VIOLATION},
		{"second", 6, EFI_SECURITY_VIOLATION},
		{"wRevision", 20, EFI_SUCCESS}, /* not looked at */
		{"wCertificateType", 22, EFI_SECURITY_VIOLATION},
		{"wCertificateType", 23, EFI_SECURITY_VIOLATION},
		{"CertType", 24, EFI_SECURITY_VIOLATION},
		{"CertType", 39, EFI_SECURITY_VIOLATION},
		{"message", 40, EFI_SECURITY_VIOLATION},
		{"message", 400, EFI_SECURITY_VIOLATION},
		{"payload", SIZE_MAX - 1, EFI_SECURITY_VIOLATION},
	};
	const struct sign pk = sign_of(BY_PK);
	struct machine *m = machine_in(USER);
	struct blob payload = hash(1), b = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct write w = {names[DB].name, names[DB].len, &image_db, KEYS_ATTR,
				  at(++m->now),   payload.p,     payload.n};

		blob_write(&b, &w, &pk);
		if (cases[i].offset == SIZE_MAX - 1)
			b.p[b.n - 1] ^= 1;
		else if (cases[i].offset != SIZE_MAX)
			b.p[cases[i].offset] ^= 1;
		EFI_STATUS status = set_raw(m, DB, KEYS_ATTR, &b);
		if (status != cases[i].status)
			fail_msg("%s: %#lx %s", cases[i].what, status, m->said);
	}
	/* the name, the namespace and the attributes are signed, APPEND among them */
	struct write w = {names[DB].name, names[DB].len, &image_db, KEYS_ATTR,
			  at(++m->now),   payload.p,     payload.n};
	const struct {
		enum name to;
		uint32_t attr;
	} others[] = {{DBX, KEYS_ATTR}, {KEK, KEYS_ATTR}, {DB, KEYS_ATTR | AP}};
	for (size_t i = 0; i < COUNT(others); i++) {
		blob_write(&b, &w, &pk);
		SAYS(m, set_raw(m, others[i].to, others[i].attr, &b),
		     EFI_SECURITY_VIOLATION, "not one of this variable");
	}
	w.attr |= AP;
	blob_write(&b, &w, &pk);
	SAYS(m, set_raw(m, DB, KEYS_ATTR, &b), EFI_SECURITY_VIOLATION, "not one of");
	w.attr = KEYS_ATTR;
	w.guid = &global;
	blob_write(&b, &w, &pk);
	SAYS(m, set_raw(m, DB, KEYS_ATTR, &b), EFI_SECURITY_VIOLATION, "not one of");
	w.guid = &image_db;
	blob_write(&b, &w, &pk);
	SAYS(m, set_raw(m, DB, KEYS_ATTR, &b), EFI_SUCCESS, NULL);
	/* attributes that were not stored are signed, too, and refused as such */
	w.attr = NV | BS | AT;
	blob_write(&b, &w, &pk);
	SAYS(m, set_raw(m, DB, w.attr, &b), EFI_INVALID_PARAMETER, "other attributes");
	blob_free(&payload);
	machine_free(m);
}

/* 7.1 and 7.2, 4: with and without ContentInfo, each digest, each kind of key; the order of
 * certificates. */
static void t_messages(void **state)
{
	const struct {
		const char *what;
		struct sign s;
		bool ok;
	} cases[] = {
		{"bare", {.key = keys[BY_KEK]}, true},
		{"ContentInfo", {.key = keys[BY_KEK], .with_content_info = true}, true},
		{"SHA-384", {.key = keys[BY_KEK], .digest = "SHA384"}, true},
		{"SHA-512",
		 {.key = keys[BY_KEK], .digest = "SHA512", .with_content_info = true},
		 true},
		{"SHA-1", {.key = keys[BY_KEK], .digest = "SHA1"}, false},
		{"SHA-224", {.key = keys[BY_KEK], .digest = "SHA224"}, false},
		{"RSA 3072", {.key = big, .digest = "SHA384"}, true},
		{"P-256", {.key = curve}, true},
		{"attributes", {.key = keys[BY_KEK], .with_attributes = true}, true},
		{"chain", {.key = keys[BY_LEAF], .more = {ca}}, true},
		{"chain, other order",
		 {.key = keys[BY_LEAF], .more = {ca}, .more_first = true},
		 true},
		{"and others",
		 {.key = keys[BY_LEAF],
		  .more = {keys[BY_NAMESAKE], big, ca, curve},
		  .more_first = true},
		 true},
		{"KEK is only in the bag",
		 {.key = keys[BY_STRANGER], .more = {keys[BY_KEK]}, .more_first = true},
		 false},
		{"two signers", {.key = keys[BY_KEK], .second = keys[BY_PK]}, false},
		{"no certificate", {.key = keys[BY_KEK], .without_cert = true}, false},
	};
	struct machine *m = machine_in(SETUP);
	struct blob kek = {0};
	struct key *in_kek[] = {ca, big, curve, keys[BY_KEK]};

	(void)state;
	for (size_t i = 0; i < COUNT(in_kek); i++)
		blob_cert(&kek, &owner, in_kek[i]);
	SAYS(m, set_by(m, KEK, KEYS_ATTR, kek, NOBODY), EFI_SUCCESS, NULL);
	SAYS(m, set_by(m, PK, KEYS_ATTR, cert(keys[BY_PK]), NOBODY), EFI_SUCCESS, NULL);
	for (size_t i = 0; i < COUNT(cases); i++) {
		EFI_STATUS status =
			set_signed(m, DB, KEYS_ATTR, hash(1), &cases[i].s, at(++m->now));

		if (status != (cases[i].ok ? EFI_SUCCESS : EFI_SECURITY_VIOLATION))
			fail_msg("%s: %#lx %s", cases[i].what, status, m->said);
	}
	machine_free(m);
}

/* 7.1: the message is DER; with a length that it does not tell it is BER. */
static void t_ber(void **state)
{
	struct machine *m = machine_in(USER);

	(void)state;
	for (unsigned i = 0; i < 2 * 2; i++) {
		const struct sign s = {.key = keys[BY_KEK], .with_content_info = i & 1};
		struct blob b = {0}, payload = hash(1);
		uint8_t *message;
		size_t len;

		blob_write(&b,
			   &(struct write){names[DB].name, names[DB].len, &image_db,
					   KEYS_ATTR, at(++m->now), payload.p, payload.n},
			   &s);
		message = b.p + 40;
		len = b.n - 40 - payload.n;
		assert_true(message[0] == 0x30 && message[1] == 0x82);
		if (i & 2) {
			memmove(message + 2, message + 4, len - 4);
			message[1] = 0x80;
			memset(message + len - 2, 0, 2);
		}
		blob_free(&payload);
		SAYS(m, set_raw(m, DB, KEYS_ATTR, &b),
		     i & 2 ? EFI_SECURITY_VIOLATION : EFI_SUCCESS,
		     i & 2 ? "no PKCS#7" : "done");
	}
	machine_free(m);
}

/* 7.3: dbx forbids images, and nobody to write keys: there is no other way out of it. */
static void t_signer_in_dbx(void **state)
{
	struct machine *m = machine_in(USER);

	(void)state;
	SAYS(m, set_by(m, DBX, KEYS_ATTR, cert(keys[BY_KEK]), BY_PK), EFI_SUCCESS, NULL);
	SAYS(m, set_by(m, DBX, KEYS_ATTR | AP, cert(keys[BY_PK]), BY_PK), EFI_SUCCESS,
	     NULL);
	SAYS(m, set_by(m, DB, KEYS_ATTR, hash(1), BY_KEK), EFI_SUCCESS, NULL);
	SAYS(m, set_by(m, KEK, KEYS_ATTR, cert(keys[BY_KEK]), BY_PK), EFI_SUCCESS, NULL);
	machine_free(m);
}

/* 7.3: PK's key in another certificate is not PK, wherever that lies in the message. */
static void t_same_key(void **state)
{
	struct key *twin = key_new(&(struct key_options){
		.common_name = "PK", .kind = EC_P256, .same = keys[BY_PK], .serial = 77});
	const struct sign pk = {.key = keys[BY_PK], .more = {twin}, .more_first = true},
			  other = {.key = twin, .more = {keys[BY_PK]}, .more_first = true};
	struct machine *m = machine_in(USER);

	(void)state;
	SAYS(m, set_signed(m, KEK, KEYS_ATTR, hash(1), &pk, at(++m->now)), EFI_SUCCESS,
	     NULL);
	SAYS(m, set_signed(m, KEK, KEYS_ATTR, hash(1), &other, at(++m->now)),
	     EFI_SECURITY_VIOLATION, "not signed by PK");
	machine_free(m);
	key_free(twin);
}

/* 7.3: policies that are switched off are policies; a signature is still one. */
static void t_policies_off(void **state)
{
	struct machine *m = machine_new(POLICY_CAN_END);

	(void)state;
	enrol(m);
	SAYS(m, set_by(m, PRIV, KEYS_ATTR, hash(1), BY_STRANGER), EFI_SUCCESS, NULL);
	assert_int_equal(rts_vars_policy_disable(m->v), EFI_SUCCESS);
	for (unsigned phase = 0; phase < PHASES; phase++) {
		enter(m, phase);
		for (unsigned n = 0; n < NAMES; n++)
			SAYS(m, set_by(m, n, KEYS_ATTR, nothing(), NOBODY),
			     EFI_SECURITY_VIOLATION, NULL);
		if (phase != RUNTIME)
			SAYS(m, set_enable(m, 0, 1), EFI_SECURITY_VIOLATION, "present");
	}
	machine_free(m);
}

/* 7.3: who may write, append to and delete what, in each mode and phase. */
static void t_who(void **state)
{
	/* in user mode; elsewhere everybody with a well-formed descriptor may */
	static const bool may[DBT + 1][WHO] = {
		[PK] = {[BY_PK] = true},
		[KEK] = {[BY_PK] = true},
		[DB] = {[BY_PK] = true, [BY_KEK] = true, [BY_LEAF] = true},
		[DBX] = {[BY_PK] = true, [BY_KEK] = true, [BY_LEAF] = true},
		[DBT] = {[BY_PK] = true, [BY_KEK] = true, [BY_LEAF] = true},
	};
	enum { CREATE, REPLACE, APPEND, DELETE, WAYS };

	(void)state;
	for (unsigned i = 0; i < 3 * PHASES * (DBT + 1) * WHO * WAYS; i++) {
		const unsigned way = i % WAYS, who = i / WAYS % WHO;
		const enum name n = i / WAYS / WHO % (DBT + 1);
		const unsigned phase = i / WAYS / WHO / (DBT + 1) % PHASES;
		const enum mode mode = i / WAYS / WHO / (DBT + 1) / PHASES;
		const bool ok = mode == SETUP || (mode == CUSTOM && phase != RUNTIME) ||
				may[n][who];
		const bool there = way != CREATE;
		EFI_STATUS want = ok ? EFI_SUCCESS : EFI_SECURITY_VIOLATION;
		struct machine *m = machine_in(mode);
		struct blob payload = way == DELETE ? nothing() : hash(2);

		if (n == PK && way == APPEND && mode != SETUP)
			want = ok ? EFI_INVALID_PARAMETER : want; /* a second key */
		if (n == PK && (way == CREATE) == (mode != SETUP)) {
			/* PK is there in user mode, and not in setup mode */
			blob_free(&payload);
			machine_free(m);
			continue;
		}
		if (n == KEK && way == CREATE && mode != SETUP) {
			blob_free(&payload);
			machine_free(m);
			continue;
		}
		if (there && VAR(m, n) == NULL)
			assert_int_equal(set_by(m, n, KEYS_ATTR, hash(1),
						mode == USER ? BY_PK : NOBODY),
					 EFI_SUCCESS);
		enter(m, phase);
		const uint32_t before = VAR(m, n) != NULL ? VAR(m, n)->data_len : 0;
		EFI_STATUS status =
			set_by(m, n, KEYS_ATTR | (way == APPEND ? AP : 0), payload, who);
		const struct rts_var *var = VAR(m, n);
		const uint32_t after = var != NULL ? var->data_len : 0;
		const uint32_t expect = EFI_ERROR(want) ? before
					: way == DELETE ? 0
					: way == APPEND ? before + 76
							: 76;

		if (status != want || after != expect)
			fail_msg(
				"mode %u phase %u variable %u by %u way %u: %#lx, %u bytes "
				"then %u: %s",
				mode, phase, n, who, way, status, before, after, m->said);
		machine_free(m);
	}
}

/* 7.3: the variables by themselves. */
static void t_attributes(void **state)
{
	static const uint32_t attrs[] = {NV | BS | RT, BS | RT | AT, BS | RT, 0, NV | BS};

	(void)state;
	for (unsigned i = 0; i < 3 * PHASES * (DBT + 1) * COUNT(attrs); i++) {
		const uint32_t attr = attrs[i % COUNT(attrs)];
		const enum name n = i / COUNT(attrs) % (DBT + 1);
		struct machine *m = machine_in(i / COUNT(attrs) / (DBT + 1) / PHASES);

		enter(m, i / COUNT(attrs) / (DBT + 1) % PHASES);
		SAYS(m, set_by(m, n, attr, hash(1), BY_PK), EFI_INVALID_PARAMETER, NULL);
		/* deleting by no data, whatever the attributes */
		SAYS(m,
		     rts_vars_set(m->v, names[n].name, names[n].len, names[n].guid, attr,
				  NULL, 0),
		     attr & AT ? EFI_SECURITY_VIOLATION : EFI_INVALID_PARAMETER, NULL);
		machine_free(m);
	}
	/* without RT they can be made, and then are like that */
	struct machine *m = machine_in(SETUP);
	SAYS(m, set_by(m, PK, NV | BS | AT, cert(keys[BY_PK]), NOBODY), EFI_SUCCESS, NULL);
	enter(m, RUNTIME);
	SAYS(m, set_by(m, PK, NV | BS | AT, nothing(), BY_PK), EFI_WRITE_PROTECTED, NULL);
	SAYS(m, set_by(m, DB, KEYS_ATTR, hash(1), BY_PK), EFI_SECURITY_VIOLATION,
	     "neither");
	machine_free(m);
	/* neither BS nor RT: a delete, of what is not there */
	m = machine_in(SETUP);
	SAYS(m, set_by(m, DB, NV | AT, hash(1), NOBODY), EFI_NOT_FOUND, NULL);
	machine_free(m);
}

/* No cryptography, no authenticated write. */
static void t_no_crypto(void **state)
{
	struct machine *m = machine_new(NO_CRYPTO | PRESENCE);

	(void)state;
	for (unsigned n = 0; n < NAMES; n++) {
		SAYS(m, set_by(m, n, KEYS_ATTR, hash(1), NOBODY), EFI_SECURITY_VIOLATION,
		     "cannot verify");
		SAYS(m, set_by(m, n, KEYS_ATTR, hash(1), BY_PK), EFI_SECURITY_VIOLATION,
		     "cannot verify");
	}
	SAYS(m, set_custom(m, 1), EFI_SUCCESS, NULL);
	SAYS(m, set_by(m, PK, KEYS_ATTR, hash(1), NOBODY), EFI_SECURITY_VIOLATION, NULL);
	machine_free(m);
}

/* Trust in what the store has, however odd: nobody is trusted by accident. */
static void t_odd_stores(void **state)
{
	struct blob two = {0}, list = {0}, pk = cert(keys[BY_PK]), kek = cert(keys[BY_KEK]);
	struct blob cut = {kek.p, kek.n - 1}, none = {0};
	const struct {
		const char *what;
		const struct blob *pk, *kek;
		bool by_pk, by_kek;
	} cases[] = {
		{"plain", &pk, &kek, true, true},
		{"no KEK", &pk, NULL, true, false},
		{"KEK is empty", &pk, &none, true, false},
		{"KEK is cut short", &pk, &cut, true, false},
		{"KEK with hashes first", &pk, &list, true, true},
		{"PK with hashes first", &list, &none, false, true},
		{"PK with two keys: the first counts", &two, &kek, true, true},
		{"PK is empty", &none, &kek, false, true},
		{"PK is cut short", &cut, &kek, false, true},
	};

	(void)state;
	blob_list(&list, &sha256_guid, &owner, keys[BY_PK]->der, 32, 2);
	blob_cert(&list, &owner, keys[BY_KEK]);
	blob_put(&two, pk.p, pk.n);
	blob_cert(&two, &owner, keys[BY_STRANGER]);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct machine *m = machine_new(0);
		struct rts_vars *v;
		const struct rts_vars_config config = {.crypto = &crypto_vars,
						       .crypto_ctx = crypto};

		assert_int_equal(rts_vars_new(&config, &v), EFI_SUCCESS);
		for (enum name n = PK; n <= KEK; n++) {
			const struct blob *b = n == PK ? cases[i].pk : cases[i].kek;

			if (b != NULL)
				assert_int_equal(
					rts_vars_load(
						v,
						&(struct rts_var){
							.guid = global,
							.attr = KEYS_ATTR,
							.name = names[n].name,
							.name_len = (uint32_t)names[n].len,
							.data = b->p,
							.data_len = (uint32_t)b->n}),
					EFI_SUCCESS);
		}
		assert_int_equal(rts_vars_start(v), EFI_SUCCESS);
		rts_vars_free(m->v);
		m->v = v;
		if (EFI_ERROR(set_by(m, DBX, KEYS_ATTR, hash(1), BY_PK)) ==
			    cases[i].by_pk ||
		    EFI_ERROR(set_by(m, DB, KEYS_ATTR, hash(1), BY_KEK)) ==
			    cases[i].by_kek ||
		    !EFI_ERROR(set_by(m, DBT, KEYS_ATTR, hash(1), BY_STRANGER)) ||
		    !EFI_ERROR(set_by(m, DBT, KEYS_ATTR, hash(1), NOBODY)))
			fail_msg("%s", cases[i].what);
		/* what is malformed is not appended to, even by whom it trusts */
		if (cases[i].pk == &pk && cases[i].kek == &cut)
			SAYS(m, set_by(m, KEK, KEYS_ATTR | AP, hash(1), BY_PK),
			     EFI_INVALID_PARAMETER, NULL);
		machine_free(m);
	}
	blob_free(&two);
	blob_free(&list);
	blob_free(&pk);
	blob_free(&kek);
}

/* 7.4: lists are checked on every write, whoever makes it; PK has one key. */
static void t_lists(void **state)
{
	struct machine *m;
	struct blob b;

	(void)state;
	for (unsigned i = 0; i < 3 * (DBT + 1) * 2; i++) {
		const uint32_t attr = KEYS_ATTR | (i & 1 ? AP : 0);
		const enum name n = i / 2 % (DBT + 1);
		const enum mode mode = i / 2 / (DBT + 1);
		const enum who who = mode == USER ? BY_PK : NOBODY;
		uint8_t garbage[40] = {1};

		m = machine_in(mode);
		b = hash(1);
		b.n--;
		SAYS(m, set_by(m, n, attr, b, who), EFI_INVALID_PARAMETER, "lists");
		b = hash(1);
		blob_put(&b, garbage, 5);
		SAYS(m, set_by(m, n, attr, b, who), EFI_INVALID_PARAMETER, "lists");
		b = nothing();
		blob_put(&b, garbage, sizeof garbage);
		SAYS(m, set_by(m, n, attr, b, who), EFI_INVALID_PARAMETER, "lists");
		b = cert(keys[BY_KEK]);
		b.p[28 + 16] ^= 1; /* no certificate any more */
		SAYS(m, set_by(m, n, attr, b, who), EFI_INVALID_PARAMETER, "lists");
		b = nothing();
		blob_list(&b, &sha256_guid, &owner, "", 0, 1); /* SignatureSize 16 */
		SAYS(m, set_by(m, n, attr, b, who), EFI_INVALID_PARAMETER, "lists");
		if (n == PK) {
			b = cert(keys[BY_PK]);
			blob_cert(&b, &owner, keys[BY_KEK]);
			SAYS(m, set_by(m, n, attr, b, who), EFI_INVALID_PARAMETER,
			     "one key");
		}
		machine_free(m);
	}
	/* other variables hold anything */
	m = machine_in(USER);
	b = nothing();
	blob_put(&b, "anything", 8);
	SAYS(m, set_by(m, PRIV, KEYS_ATTR, b, BY_STRANGER), EFI_SUCCESS, NULL);
	machine_free(m);
}

/* 7.4: appending drops what is there, and nothing else. */
static void t_append_lists(void **state)
{
	struct blob old = {0}, more = {0}, want = {0};
	struct machine *m = machine_in(USER);
	uint8_t h[4][48];

	(void)state;
	for (uint8_t i = 0; i < 4; i++)
		memset(h[i], i, sizeof h[i]);
	/* two certificates of one length in one list, hashes of two kinds */
	struct blob pair = {0};
	blob_put(&pair, keys[BY_KEK]->der, keys[BY_KEK]->len);
	struct key *twin = key_new(&(struct key_options){
		.common_name = "KEY", .same = keys[BY_KEK], .expired = true});
	for (int tries = 0; twin->len != keys[BY_KEK]->len && tries < 20; tries++) {
		key_free(twin);
		twin = key_new(&(struct key_options){
			.common_name = "KEY", .same = keys[BY_KEK], .expired = true});
	}
	assert_int_equal(twin->len, keys[BY_KEK]->len);
	blob_put(&pair, twin->der, twin->len);
	blob_list(&old, &x509_guid, &owner, pair.p, twin->len, 2);
	blob_list(&old, &sha384_guid, &owner, h[0], 48, 1);
	blob_list(&old, &sha256_guid, &owner, h[0], 32, 1);
	blob_put(&want, old.p, old.n);
	struct blob copy = {0};
	blob_put(&copy, old.p, old.n);
	SAYS(m, set_by(m, DBX, KEYS_ATTR, copy, BY_PK), EFI_SUCCESS, NULL);

	blob_list(&more, &sha256_guid, &owner, h[0], 32, 1); /* is there: the list goes */
	blob_list(&more, &x509_guid, &owner, twin->der, twin->len, 1); /* is there */
	blob_list(&more, &sha256_guid, &owner2, h[0], 32, 1);          /* another owner */
	uint8_t three[3][32];
	memset(three[0], 1, 32);
	memset(three[1], 0, 32); /* the one in the middle is there */
	memset(three[2], 2, 32);
	blob_list(&more, &sha256_guid, &owner, three, 32, 3);
	blob_list(&more, &sha384_guid, &owner, h[1], 48, 1);
	blob_list(&more, &sha384_guid, &owner, h[1], 48, 1); /* twice among the new */
	blob_list(&more, &sha256_guid, &owner, h[3], 32, 0); /* has none */

	blob_list(&want, &sha256_guid, &owner2, h[0], 32, 1);
	memset(three[1], 2, 32);
	blob_list(&want, &sha256_guid, &owner, three, 32, 2);
	blob_list(&want, &sha384_guid, &owner, h[1], 48, 1);
	blob_list(&want, &sha384_guid, &owner, h[1], 48, 1);
	SAYS(m, set_by(m, DBX, KEYS_ATTR | AP, more, BY_KEK), EFI_SUCCESS, "done");
	assert_int_equal(VAR(m, DBX)->data_len, want.n);
	assert_memory_equal(VAR(m, DBX)->data, want.p, want.n);

	/* all of it is there: success, and the same */
	SAYS(m, set_by(m, DBX, KEYS_ATTR | AP, old, BY_LEAF), EFI_SUCCESS, "done");
	assert_int_equal(VAR(m, DBX)->data_len, want.n);
	assert_memory_equal(VAR(m, DBX)->data, want.p, want.n);
	/* without APPEND nothing is dropped */
	copy = hash(1);
	struct blob again = hash(1);
	blob_put(&copy, again.p, again.n);
	blob_free(&again);
	SAYS(m, set_by(m, DBX, KEYS_ATTR, copy, BY_PK), EFI_SUCCESS, NULL);
	assert_int_equal(VAR(m, DBX)->data_len, 2 * 76);
	/* nor where there was nothing */
	copy = hash(1);
	again = hash(1);
	blob_put(&copy, again.p, again.n);
	blob_free(&again);
	SAYS(m, set_by(m, DBT, KEYS_ATTR | AP, copy, BY_PK), EFI_SUCCESS, NULL);
	assert_int_equal(VAR(m, DBT)->data_len, 2 * 76);
	blob_free(&want);
	blob_free(&pair);
	key_free(twin);
	machine_free(m);
}

/* The limit holds for what an append makes, and what is dropped does not count. */
static void t_append_limit(void **state)
{
	struct machine *m = machine_in(USER);
	struct blob b = {0}, full = {0};
	static uint8_t data[2000][32];
	const size_t most = (65460 - names[DBX].len - 28) / 48;

	(void)state;
	for (unsigned i = 0; i < COUNT(data); i++)
		memcpy(data[i], &i, sizeof i);
	blob_list(&full, &sha256_guid, &owner, data, 32, 1290);
	blob_put(&b, full.p, full.n);
	SAYS(m, set_by(m, DBX, KEYS_ATTR, b, BY_PK), EFI_SUCCESS, NULL);
	b = nothing();
	blob_put(&b, full.p, full.n); /* the same again fits */
	SAYS(m, set_by(m, DBX, KEYS_ATTR | AP, b, BY_PK), EFI_SUCCESS, NULL);
	b = nothing();
	blob_list(&b, &sha384_guid, &owner, data, 48, (most - 1290) * 48 / 64 + 1000);
	SAYS(m, set_by(m, DBX, KEYS_ATTR | AP, b, BY_PK), EFI_INVALID_PARAMETER, "65460");
	assert_int_equal(VAR(m, DBX)->data_len, full.n);
	blob_free(&full);
	machine_free(m);
}

static void digest_of(const char *name, const struct key *top, uint8_t ret[32])
{
	uint8_t all[100];
	const size_t n = strlen(name);

	memcpy(all, name, n);
	assert_int_equal(EVP_Digest(top->der, top->len, all + n, NULL, EVP_sha256(), NULL),
			 1);
	assert_int_equal(EVP_Digest(all, n + 32, ret, NULL, EVP_sha256(), NULL), 1);
}

static struct blob word(const char *text)
{
	struct blob b = {0};

	blob_put(&b, text, strlen(text));
	return b;
}

static bool mine_is(struct machine *m, const char *text)
{
	const struct rts_var *var = VAR(m, PRIV);

	return text == NULL ? var == NULL
			    : var != NULL && var->data_len == strlen(text) &&
				      memcmp(var->data, text, var->data_len) == 0;
}

/* 7.5: private variables belong to their first signer, in every mode. */
static void t_private(void **state)
{
	struct key *other_ca = make("CA", NULL, 1), *renewed = make("leaf", ca, 3),
		   *colleague = make("colleague", ca, 4),
		   *impostor = make("leaf", other_ca, 2), *nameless = make(NULL, NULL, 1);
	const struct {
		const char *what;
		struct sign s;
		bool ok;
	} cases[] = {
		{"himself", {.key = keys[BY_LEAF], .more = {ca}}, true},
		{"another order",
		 {.key = keys[BY_LEAF], .more = {ca}, .more_first = true},
		 true},
		{"and strangers",
		 {.key = keys[BY_LEAF], .more = {other_ca, ca, impostor}, .more_first = 1},
		 true},
		{"another digest",
		 {.key = keys[BY_LEAF], .more = {ca}, .digest = "SHA512"},
		 true},
		{"ContentInfo",
		 {.key = keys[BY_LEAF], .more = {ca}, .with_content_info = true},
		 true},
		{"a new certificate of the same name from the same authority",
		 {.key = renewed, .more = {ca}},
		 true},
		{"without the authority", {.key = keys[BY_LEAF]}, false},
		{"colleague", {.key = colleague, .more = {ca}}, false},
		{"impostor", {.key = impostor, .more = {other_ca}}, false},
		{"impostor with the true authority",
		 {.key = impostor, .more = {ca}},
		 false},
		{"impostor with both",
		 {.key = impostor, .more = {ca, other_ca}, .more_first = true},
		 false},
		{"the authority", {.key = ca}, false},
		{"PK", {.key = keys[BY_PK]}, false},
		{"KEK", {.key = keys[BY_KEK]}, false},
		{"nameless", {.key = nameless}, false},
	};
	const struct sign himself = cases[0].s;
	uint8_t digest[32];

	(void)state;
	digest_of("leaf", ca, digest);
	for (unsigned i = 0; i < COUNT(cases) * 3 * PHASES * 3; i++) {
		const size_t which = i % COUNT(cases);
		const unsigned way = i / COUNT(cases) % 3;
		const unsigned phase = i / COUNT(cases) / 3 % PHASES;
		const enum mode mode = i / COUNT(cases) / 3 / PHASES;
		const EFI_STATUS want =
			cases[which].ok ? EFI_SUCCESS : EFI_SECURITY_VIOLATION;
		struct machine *m = machine_in(mode);

		SAYS(m, set_signed(m, PRIV, KEYS_ATTR, word("a"), &himself, at(++m->now)),
		     EFI_SUCCESS, NULL);
		assert_true(VAR(m, PRIV)->has_digest);
		assert_memory_equal(VAR(m, PRIV)->digest, digest, 32);
		enter(m, phase);
		EFI_STATUS status = set_signed(m, PRIV, KEYS_ATTR | (way == 1 ? AP : 0),
					       way == 2 ? nothing() : word("b"),
					       &cases[which].s, at(++m->now));
		const char *after = !cases[which].ok ? "a"
				    : way == 0       ? "b"
				    : way == 1       ? "ab"
						     : NULL;
		if (status != want || !mine_is(m, after))
			fail_msg("%s, way %u: %#lx %s", cases[which].what, way, status,
				 m->said);
		if (after != NULL) {
			assert_true(VAR(m, PRIV)->has_digest);
			assert_memory_equal(VAR(m, PRIV)->digest, digest, 32);
		}
		machine_free(m);
	}
	key_free(other_ca);
	key_free(renewed);
	key_free(colleague);
	key_free(impostor);
	key_free(nameless);
}

/* 7.5: unsigned writes, and what comes after a delete. */
static void t_private_alone(void **state)
{
	const struct sign s = sign_of(BY_STRANGER), other = sign_of(BY_KEK);

	(void)state;
	for (unsigned i = 0; i < 3 * PHASES; i++) {
		struct machine *m = machine_in(i / PHASES);
		struct blob b = {0};

		SAYS(m, set_by(m, PRIV, KEYS_ATTR, word("a"), NOBODY),
		     EFI_SECURITY_VIOLATION, "PKCS#7");
		SAYS(m, set_by(m, PRIV, KEYS_ATTR | AP, nothing(), BY_STRANGER),
		     EFI_SUCCESS, "nothing appended");
		SAYS(m, set_by(m, PRIV, KEYS_ATTR, nothing(), BY_STRANGER), EFI_NOT_FOUND,
		     NULL);
		SAYS(m, set_signed(m, PRIV, KEYS_ATTR, word("a"), &s, at(++m->now)),
		     EFI_SUCCESS, NULL);
		enter(m, i % PHASES);
		/* no signature, in each form: presence does not change that */
		SAYS(m, set_by(m, PRIV, KEYS_ATTR, nothing(), NOBODY),
		     EFI_SECURITY_VIOLATION, NULL);
		SAYS(m, set_by(m, PRIV, KEYS_ATTR, word("b"), NOBODY),
		     EFI_SECURITY_VIOLATION, NULL);
		SAYS(m, set_raw(m, PRIV, 0, &b), EFI_WRITE_PROTECTED, NULL);
		SAYS(m, set_raw(m, PRIV, KEYS_ATTR, &b), EFI_SECURITY_VIOLATION, NULL);
		SAYS(m, set_raw(m, PRIV, NV | BS | RT, &b), EFI_INVALID_PARAMETER, NULL);
		blob_put(&b, "b", 1);
		SAYS(m, set_raw(m, PRIV, 0, &b), EFI_WRITE_PROTECTED, NULL);
		blob_put(&b, "b", 1);
		SAYS(m, set_raw(m, PRIV, NV | BS | RT, &b), EFI_INVALID_PARAMETER, NULL);
		assert_true(mine_is(m, "a"));
		/* deleted by its owner, it is anybody's */
		SAYS(m, set_signed(m, PRIV, KEYS_ATTR, nothing(), &s, at(++m->now)),
		     EFI_SUCCESS, NULL);
		assert_true(mine_is(m, NULL));
		SAYS(m, set_signed(m, PRIV, KEYS_ATTR, word("c"), &other, at(1)),
		     EFI_SUCCESS, NULL);
		SAYS(m, set_signed(m, PRIV, KEYS_ATTR, word("d"), &s, at(++m->now)),
		     EFI_SECURITY_VIOLATION, "another");
		assert_true(mine_is(m, "c"));
		machine_free(m);
	}
}

/* 7.5 with 5.1: volatile and boot-time ones. */
static void t_private_kinds(void **state)
{
	static const struct {
		uint32_t attr;
		enum phase made, changed;
		EFI_STATUS create, change;
		unsigned parts;
	} cases[] = {
		{NV | BS | AT, BOOT, AFTER_DXE, EFI_SUCCESS, EFI_SUCCESS, RTS_VARS_DURABLE},
		{NV | BS | AT, BOOT, RUNTIME, EFI_SUCCESS, EFI_WRITE_PROTECTED, 0},
		{NV | BS | AT, RUNTIME, RUNTIME, EFI_INVALID_PARAMETER,
		 EFI_INVALID_PARAMETER, 0},
		{BS | AT, BOOT, AFTER_DXE, EFI_SUCCESS, EFI_SUCCESS, RTS_VARS_RUN},
		{BS | RT | AT, BOOT, AFTER_DXE, EFI_SUCCESS, EFI_SUCCESS, RTS_VARS_RUN},
		{BS | RT | AT, BOOT, RUNTIME, EFI_SUCCESS, EFI_WRITE_PROTECTED, 0},
		{BS | RT | AT, RUNTIME, RUNTIME, EFI_INVALID_PARAMETER,
		 EFI_INVALID_PARAMETER, 0},
		{KEYS_ATTR, RUNTIME, RUNTIME, EFI_SUCCESS, EFI_SUCCESS, RTS_VARS_DURABLE},
		{KEYS_ATTR | ATTR_HR, BOOT, BOOT, EFI_OUT_OF_RESOURCES,
		 EFI_OUT_OF_RESOURCES, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct machine *m = machine_in(USER);

		enter(m, cases[i].made);
		SAYS(m, set_by(m, PRIV, cases[i].attr, word("a"), BY_KEK), cases[i].create,
		     NULL);
		/* its signature is looked at before the phase is */
		SAYS(m, set_by(m, PRIV, cases[i].attr, word("a"), NOBODY),
		     EFI_SECURITY_VIOLATION, NULL);
		enter(m, cases[i].changed);
		SAYS(m, set_by(m, PRIV, cases[i].attr, word("b"), BY_KEK), cases[i].change,
		     NULL);
		if (cases[i].parts != 0) {
			assert_int_equal(m->parts, cases[i].parts);
			assert_true(mine_is(m, "b"));
			rts_vars_reset(m->v);
			assert_true(mine_is(m, cases[i].attr & NV ? "b" : NULL));
		}
		machine_free(m);
	}
}

/* 7.5: a variable that a store has without its digest has no owner any more. */
static void t_private_loaded(void **state)
{
	struct machine *m = machine_new(0);
	struct rts_var var = {.guid = ns,
			      .attr = KEYS_ATTR,
			      .name = names[PRIV].name,
			      .name_len = (uint32_t)names[PRIV].len,
			      .data = (const uint8_t *)"a",
			      .data_len = 1};

	(void)state;
	assert_int_equal(rts_vars_load(m->v, &var), EFI_SUCCESS);
	SAYS(m, set_by(m, PRIV, KEYS_ATTR, word("b"), BY_KEK), EFI_SECURITY_VIOLATION,
	     "another");
	machine_free(m);
	m = machine_new(0);
	var.has_digest = true;
	digest_of("KEK", keys[BY_KEK], var.digest);
	assert_int_equal(rts_vars_load(m->v, &var), EFI_SUCCESS);
	SAYS(m, set_by(m, PRIV, KEYS_ATTR, word("b"), BY_KEK), EFI_SUCCESS, NULL);
	assert_true(mine_is(m, "b"));
	machine_free(m);
}

/* 7.6: the variables, their attributes, and what SignatureSupport lists. */
static void t_mode_variables(void **state)
{
	static const EFI_GUID types[] = {EFI_CERT_SHA1_GUID,    EFI_CERT_SHA256_GUID,
					 EFI_CERT_SHA384_GUID,  EFI_CERT_SHA512_GUID,
					 EFI_CERT_RSA2048_GUID, EFI_CERT_X509_GUID};
	const struct {
		const EFI_GUID *guid;
		const CHAR16 *name;
		size_t len;
		uint32_t attr;
	} them[] = {
		{&global, u"SetupMode", sizeof u"SetupMode", BS | RT},
		{&global, u"SecureBoot", sizeof u"SecureBoot", BS | RT},
		{&global, u"SignatureSupport", sizeof u"SignatureSupport", BS | RT},
		{&global, u"VendorKeys", sizeof u"VendorKeys", BS | RT},
		{&vendor_guid, u"VendorKeysNv", sizeof u"VendorKeysNv", NV | BS | AT},
		{&enable_guid, u"SecureBootEnable", sizeof u"SecureBootEnable", NV | BS},
		{&custom_guid, u"CustomMode", sizeof u"CustomMode", NV | BS},
	};

	(void)state;
	for (int kind = 0; kind < 3; kind++) { /* as enrolled, at a start, and changed */
		struct machine *m = machine_in(kind == 2 ? CUSTOM : USER);

		if (kind == 1)
			rts_vars_reset(m->v);
		if (kind == 2)
			assert_int_equal(set_by(m, DB, KEYS_ATTR, hash(1), NOBODY),
					 EFI_SUCCESS);
		for (size_t i = 0; i < COUNT(them); i++) {
			const struct rts_var *var =
				find_var(m, them[i].guid, them[i].name, them[i].len);

			assert_non_null(var);
			assert_int_equal(var->attr, them[i].attr);
			if (i == 2) {
				assert_int_equal(var->data_len, sizeof types);
				assert_memory_equal(var->data, types, sizeof types);
			}
		}
		machine_free(m);
	}
}

/* 7.6: what PK's coming and going does, before and at run time, and over a reset. */
static void t_modes(void **state)
{
	(void)state;
	for (unsigned phase = 0; phase < PHASES; phase++) {
		struct machine *m = machine_new(0);
		const bool late = phase == RUNTIME;

		MODES(m, 1, 0, -1, 0, 1, 1);
		enter(m, phase);
		SAYS(m, set_by(m, KEK, KEYS_ATTR, cert(keys[BY_KEK]), NOBODY), EFI_SUCCESS,
		     NULL);
		MODES(m, 1, 0, -1, 0, 1, 1);
		const unsigned commits = m->commits;
		SAYS(m, set_by(m, PK, KEYS_ATTR, cert(keys[BY_PK]), NOBODY), EFI_SUCCESS,
		     NULL);
		assert_int_equal(m->commits, commits + 1);
		assert_int_equal(m->parts, RTS_VARS_DURABLE);
		if (late)
			MODES(m, 0, 0, -1, 0, 1, 1);
		else
			MODES(m, 0, 1, 1, 0, 1, 1);
		/* the store has SecureBootEnable exactly if this was before run time */
		assert_int_equal(memmem(m->kept.p, m->kept.n, u"SecureBootEnable", 34) !=
					 NULL,
				 !late);
		assert_null(memmem(m->kept.p, m->kept.n, u"SetupMode", 20));
		assert_null(memmem(m->kept.p, m->kept.n, u"CustomMode", 22));
		assert_null(memmem(m->kept.p, m->kept.n, u"VendorKeys", 20));
		/* another key in its place changes nothing */
		SAYS(m, set_by(m, PK, KEYS_ATTR, cert(keys[BY_NAMESAKE]), BY_PK),
		     EFI_SUCCESS, NULL);
		SAYS(m, set_by(m, PK, KEYS_ATTR, cert(keys[BY_PK]), BY_NAMESAKE),
		     EFI_SUCCESS, NULL);
		if (late)
			MODES(m, 0, 0, -1, 0, 1, 1);
		assert_int_equal(rts_vars_reset(m->v), EFI_SUCCESS);
		MODES(m, 0, 1, 1, 0, 1, 1);

		enter(m, phase);
		SAYS(m, set_by(m, PK, KEYS_ATTR | AP, nothing(), BY_PK), EFI_SUCCESS, NULL);
		MODES(m, 0, 1, 1, 0, 1, 1);
		SAYS(m, set_by(m, PK, KEYS_ATTR, nothing(), BY_PK), EFI_SUCCESS, NULL);
		if (late)
			MODES(m, 1, 1, 1, 0, 1, 1);
		else
			MODES(m, 1, 0, -1, 0, 1, 1);
		assert_null(memmem(m->kept.p, m->kept.n, u"SecureBootEnable", 34));
		/* in setup mode again: no signature is needed, in this very phase */
		SAYS(m, set_by(m, DB, KEYS_ATTR, hash(1), NOBODY), EFI_SUCCESS, NULL);
		assert_int_equal(rts_vars_reset(m->v), EFI_SUCCESS);
		MODES(m, 1, 0, late ? 1 : -1, 0, 1, 1);
		machine_free(m);
	}
}

/* 7.6: SecureBootEnable counts at a start; it and CustomMode are for who is present. */
static void t_presence(void **state)
{
	struct machine *m = machine_in(USER);
	struct blob b = {0};

	(void)state;
	for (unsigned phase = 0; phase < RUNTIME; phase++) {
		enter(m, phase);
		SAYS(m, set_custom(m, 1), EFI_SECURITY_VIOLATION, "present");
		SAYS(m, set_enable(m, 0, 1), EFI_SECURITY_VIOLATION, "present");
		SAYS(m, set_enable(m, 0, 0), EFI_SECURITY_VIOLATION, "present");
		SAYS(m, set_enable(m, 0, 2), EFI_INVALID_PARAMETER, "one byte");
		MODES(m, 0, 1, 1, 0, 1, 1);
	}
	enter(m, RUNTIME);
	SAYS(m, set_custom(m, 1), EFI_WRITE_PROTECTED, "run time");
	SAYS(m, set_enable(m, 0, 1), EFI_WRITE_PROTECTED, "run time");
	machine_free(m);

	m = machine_new(PRESENCE);
	enrol(m);
	SAYS(m, set_enable(m, 0, 1), EFI_SUCCESS, NULL);
	MODES(m, 0, 1, 0, 0, 1, 1); /* what boots now was told it is on */
	rts_vars_reset(m->v);
	MODES(m, 0, 0, 0, 0, 1, 1);
	SAYS(m, set_enable(m, 1, 1), EFI_SUCCESS, NULL);
	rts_vars_reset(m->v);
	MODES(m, 0, 1, 1, 0, 1, 1);
	SAYS(m, set_enable(m, 0, 0), EFI_SUCCESS, NULL); /* deleted: made again */
	MODES(m, 0, 1, -1, 0, 1, 1);
	rts_vars_reset(m->v);
	MODES(m, 0, 1, 1, 0, 1, 1);
	/* one byte, those attributes, nothing appended */
	SAYS(m, set_enable(m, 1, 2), EFI_INVALID_PARAMETER, "one byte");
	SAYS(m,
	     rts_vars_set(m->v, u"CustomMode", sizeof u"CustomMode", &custom_guid,
			  NV | BS | RT, "\1", 1),
	     EFI_INVALID_PARAMETER, "one byte");
	SAYS(m,
	     rts_vars_set(m->v, u"CustomMode", sizeof u"CustomMode", &custom_guid,
			  NV | BS | AP, "\1", 1),
	     EFI_INVALID_PARAMETER, "one byte");
	SAYS(m,
	     rts_vars_set(m->v, u"VendorKeysNv", sizeof u"VendorKeysNv", &vendor_guid,
			  NV | BS | AT, "\1", 1),
	     EFI_SECURITY_VIOLATION, NULL);
	blob_write(&b,
		   &(struct write){u"VendorKeysNv", sizeof u"VendorKeysNv", &vendor_guid,
				   NV | BS | AT, at(1), "\1", 1},
		   NULL);
	SAYS(m,
	     rts_vars_set(m->v, u"VendorKeysNv", sizeof u"VendorKeysNv", &vendor_guid,
			  NV | BS | AT, b.p, b.n),
	     EFI_WRITE_PROTECTED, "read-only");
	blob_free(&b);

	/* custom mode: until the next start; its writes are remembered in VendorKeys */
	SAYS(m, set_by(m, DB, KEYS_ATTR, hash(1), NOBODY), EFI_SECURITY_VIOLATION, NULL);
	SAYS(m, set_custom(m, 1), EFI_SUCCESS, NULL);
	MODES(m, 0, 1, 1, 1, 1, 1);
	const unsigned commits = m->commits;
	SAYS(m, set_by(m, DB, KEYS_ATTR, hash(1), NOBODY), EFI_SUCCESS, NULL);
	MODES(m, 0, 1, 1, 1, 0, 0);
	assert_int_equal(m->commits, commits + 1);
	assert_non_null(memmem(m->kept.p, m->kept.n, u"VendorKeysNv", 26));
	assert_null(memmem(m->kept.p, m->kept.n, u"VendorKeys\0", 22));
	rts_vars_reset(m->v);
	MODES(m, 0, 1, 1, 0, 0, 0);
	SAYS(m, set_by(m, DB, KEYS_ATTR, hash(2), NOBODY), EFI_SECURITY_VIOLATION, NULL);
	SAYS(m, set_custom(m, 1), EFI_SUCCESS, NULL);
	SAYS(m, set_by(m, PK, KEYS_ATTR, nothing(), NOBODY), EFI_SUCCESS, NULL);
	MODES(m, 1, 0, -1, 1, 0, 0);
	SAYS(m, set_by(m, PK, KEYS_ATTR, cert(keys[BY_PK]), NOBODY), EFI_SUCCESS, NULL);
	MODES(m, 0, 1, 1, 1, 0, 0);
	SAYS(m, set_custom(m, 0), EFI_SUCCESS, NULL);
	SAYS(m, set_by(m, PK, KEYS_ATTR, nothing(), NOBODY), EFI_SECURITY_VIOLATION, NULL);
	/* deleted it is no 1 */
	SAYS(m, set_custom(m, 1), EFI_SUCCESS, NULL);
	SAYS(m,
	     rts_vars_set(m->v, u"CustomMode", sizeof u"CustomMode", &custom_guid, 0, NULL,
			  0),
	     EFI_SUCCESS, NULL);
	SAYS(m, set_by(m, DB, KEYS_ATTR, hash(1), NOBODY), EFI_SECURITY_VIOLATION, NULL);
	machine_free(m);
}

/* What the host decides. */
static void t_forced(void **state)
{
	struct machine *m = machine_new(PRESENCE | NO_CUSTOM);

	(void)state;
	enrol(m);
	SAYS(m, set_custom(m, 1), EFI_WRITE_PROTECTED, "--no-custom-mode");
	SAYS(m, set_custom(m, 0), EFI_WRITE_PROTECTED, "--no-custom-mode");
	SAYS(m, set_enable(m, 0, 1), EFI_SUCCESS, NULL);
	machine_free(m);

	m = machine_new(PRESENCE | FORCE);
	MODES(m, 1, 0, -1, 0, 1, 1); /* nothing to go by */
	SAYS(m, set_enable(m, 0, 1), EFI_WRITE_PROTECTED, "--force-secure-boot");
	SAYS(m, set_enable(m, 1, 1), EFI_SUCCESS, NULL);
	enrol(m);
	MODES(m, 0, 1, 1, 0, 1, 1);
	SAYS(m, set_enable(m, 0, 1), EFI_WRITE_PROTECTED, "--force-secure-boot");
	SAYS(m, set_enable(m, 0, 0), EFI_WRITE_PROTECTED, "--force-secure-boot");
	SAYS(m, set_by(m, PK, KEYS_ATTR, nothing(), BY_STRANGER), EFI_SECURITY_VIOLATION,
	     NULL);
	SAYS(m, set_by(m, PK, KEYS_ATTR, nothing(), BY_PK), EFI_WRITE_PROTECTED,
	     "--force-secure-boot");
	SAYS(m, set_by(m, PK, KEYS_ATTR, cert(keys[BY_NAMESAKE]), BY_PK), EFI_SUCCESS,
	     NULL);
	SAYS(m, set_custom(m, 1), EFI_SUCCESS, NULL);
	SAYS(m, set_by(m, PK, KEYS_ATTR, nothing(), NOBODY), EFI_WRITE_PROTECTED,
	     "--force-secure-boot");
	enter(m, RUNTIME);
	SAYS(m, set_by(m, PK, KEYS_ATTR, nothing(), BY_NAMESAKE), EFI_WRITE_PROTECTED,
	     "--force-secure-boot");
	machine_free(m);
}

/* 7.6: what a store says counts as edk2 reads it, at every start. */
static const char EMPTY[] = "";
static void t_loaded_modes(void **state)
{
	static const struct {
		const char *enable, *custom, *vendor; /* NULL: not there */
		bool pk, force;
		struct modes want;
	} cases[] = {
		{NULL, NULL, NULL, false, false, {1, 0, -1, 0, 1, 1}},
		{NULL, NULL, NULL, true, false, {0, 1, 1, 0, 1, 1}},
		{"\1", "\1", "\1", true, false, {0, 1, 1, 0, 1, 1}},
		{"\0", "\0", "\0", true, false, {0, 0, 0, 0, 0, 0}},
		{"\0", "\2", "\0", true, true, {0, 1, 0, 0, 0, 0}},
		{"\2", NULL, NULL, true, false, {0, 0, 2, 0, 1, 1}},
		{"\1", NULL, NULL, false, false, {1, 0, 1, 0, 1, 1}},
		{"\1", NULL, NULL, false, true, {1, 0, 1, 0, 1, 1}},
		/* no byte is no 1 */
		{EMPTY, EMPTY, EMPTY, true, false, {0, 0, -1, -1, 1, -1}},
	};
	static const struct {
		const CHAR16 *name;
		uint32_t len, attr;
		const EFI_GUID *guid;
	} them[] = {
		{u"SecureBootEnable", sizeof u"SecureBootEnable", NV | BS, &enable_guid},
		{u"CustomMode", sizeof u"CustomMode", NV | BS, &custom_guid},
		{u"VendorKeysNv", sizeof u"VendorKeysNv", NV | BS | AT, &vendor_guid},
		{u"PK", sizeof u"PK", KEYS_ATTR, &global},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct machine m = {0};
		const struct rts_vars_config config = {.crypto = &crypto_vars,
						       .crypto_ctx = crypto,
						       .force_secure_boot = cases[i].force};
		const char *values[] = {cases[i].enable, cases[i].custom, cases[i].vendor,
					cases[i].pk ? "k" : NULL};
		uint64_t max, left, most;

		assert_int_equal(rts_vars_new(&config, &m.v), EFI_SUCCESS);
		for (size_t k = 0; k < COUNT(them); k++)
			if (values[k] != NULL)
				assert_int_equal(
					rts_vars_load(
						m.v,
						&(struct rts_var){
							.guid = *them[k].guid,
							.attr = them[k].attr,
							.name = them[k].name,
							.name_len = them[k].len,
							.data = (const uint8_t *)values[k],
							.data_len = values[k] != EMPTY}),
					EFI_SUCCESS);
		for (int again = 0; again < 3; again++) {
			assert_int_equal(again == 0 ? rts_vars_start(m.v)
						    : rts_vars_reset(m.v),
					 EFI_SUCCESS);
			check_modes(&m, cases[i].want, __LINE__ + (int)i * 1000);
		}
		/* what is computed costs nothing: the books are those of what was loaded */
		uint64_t cost = 0;
		for (size_t k = 0; k < COUNT(them); k++)
			if (values[k] != NULL)
				cost += 96 + them[k].len + (values[k] != EMPTY);
		assert_int_equal(rts_vars_query(m.v, NV | BS, &max, &left, &most),
				 EFI_SUCCESS);
		assert_int_equal(max - left, cost);
		rts_vars_free(m.v);
	}
}

/* All variables and their values, for before and after. */
static struct blob picture(struct machine *m)
{
	struct blob b = {0};

	for (const struct node *n = m->v->head; n != NULL; n = n->next) {
		blob_put(&b, n->var.name, n->var.name_len);
		blob_put(&b, n->var.data, n->var.data_len);
		blob_put(&b, &n->var.time, sizeof n->var.time);
		blob_put(&b, &n->computed, sizeof n->computed);
	}
	blob_put(&b, &m->v->used_nv, 8);
	blob_put(&b, &m->v->used_volatile, 8);
	return b;
}

/* What memory gives: everything, or nothing after so many allocations of the library. */
static long allocations_left = -1;
void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_malloc(size_t n)
{
	if (allocations_left == 0)
		return NULL;
	allocations_left -= allocations_left > 0;
	return __real_malloc(n);
}
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
	if (allocations_left == 0)
		return NULL;
	allocations_left -= allocations_left > 0;
	return __real_calloc(n, size);
}

/* Several variables change with one write: all, or none. */
static void t_all_or_nothing(void **state)
{
	enum { STORE, MEMORY, QUOTA };
	static const struct {
		enum mode mode;
		enum name n;
		uint32_t more;
		bool deletes;
		enum who who;
	} writes[] = {
		{SETUP, PK, 0, false, NOBODY},  {USER, PK, 0, true, BY_PK},
		{CUSTOM, PK, 0, true, NOBODY},  {CUSTOM, DB, 0, false, NOBODY},
		{USER, DBX, AP, false, BY_KEK}, {USER, DBX, 0, true, BY_LEAF},
		{USER, PRIV, 0, false, BY_PK},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(writes) * 2; i++) {
		const unsigned which = i % COUNT(writes), how = i / COUNT(writes);

		for (long n = 0, ended = 0; !ended; n++) {
			struct machine *m = machine_in(writes[which].mode);
			struct blob payload = writes[which].deletes   ? nothing()
					      : writes[which].n == PK ? cert(keys[BY_PK])
								      : hash(2),
				    b = {0};

			if (writes[which].n == DBX)
				set_by(m, DBX, KEYS_ATTR, hash(1), BY_PK);
			const struct sign s = sign_of(writes[which].who);
			blob_write(&b,
				   &(struct write){names[writes[which].n].name,
						   names[writes[which].n].len,
						   names[writes[which].n].guid,
						   KEYS_ATTR | writes[which].more,
						   at(++m->now), payload.p, payload.n},
				   writes[which].who == NOBODY ? NULL : &s);
			blob_free(&payload);
			struct blob before = picture(m);
			if (how == STORE)
				m->answer = EFI_DEVICE_ERROR;
			else
				allocations_left = n;
			EFI_STATUS status = rts_vars_set(
				m->v, names[writes[which].n].name,
				names[writes[which].n].len, names[writes[which].n].guid,
				KEYS_ATTR | writes[which].more, b.p, b.n);
			ended = how == STORE || allocations_left != 0;
			allocations_left = -1;
			struct blob after = picture(m);
			const bool same = before.n == after.n &&
					  memcmp(before.p, after.p, after.n) == 0;
			if (how == STORE)
				assert_int_equal(status, EFI_DEVICE_ERROR);
			if (same != EFI_ERROR(status) || (how == MEMORY && n > 100))
				fail_msg("write %u, %ld allocations: %#lx", which, n,
					 status);
			/* the same again, now that nothing is in the way */
			m->answer = EFI_SUCCESS;
			if (EFI_ERROR(status))
				SAYS(m,
				     rts_vars_set(m->v, names[writes[which].n].name,
						  names[writes[which].n].len,
						  names[writes[which].n].guid,
						  KEYS_ATTR | writes[which].more, b.p, b.n),
				     EFI_SUCCESS, "done");
			blob_free(&before);
			blob_free(&after);
			blob_free(&b);
			machine_free(m);
		}
	}
}

/* What is there already is not written again, but for a new time. */
static void t_same(void **state)
{
	struct machine *m = machine_in(USER);
	const struct {
		uint32_t attr;
		const char *data;
		bool writes;
	} cases[] = {{NV | BS, "a", true},      {NV | BS, "a", false},
		     {NV | BS | AP, "", false}, {NV | BS, "b", true},
		     {NV | BS | AP, "c", true}, {NV | BS, "bc", false}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const unsigned before = m->commits;

		SAYS(m,
		     rts_vars_set(m->v, u"Plain", sizeof u"Plain", &ns, cases[i].attr,
				  cases[i].data, strlen(cases[i].data)),
		     EFI_SUCCESS, cases[i].writes ? "done" : "same");
		assert_int_equal(m->commits, before + cases[i].writes);
	}
	for (unsigned i = 0; i < 2; i++) {
		const unsigned before = m->commits;

		SAYS(m, set_by(m, DB, KEYS_ATTR, hash(1), BY_PK), EFI_SUCCESS, "done");
		assert_int_equal(m->commits, before + 1);
	}
	machine_free(m);
}

/* The quota counts what follows, too. */
static void t_quota(void **state)
{
	const uint64_t pk_cost = 96 + 6 + 44 + keys[BY_PK]->len, enable_cost = 96 + 34 + 1;

	(void)state;
	for (int room = -1; room <= 0; room++) {
		struct machine m = {0};
		const struct rts_vars_config config = {.crypto = &crypto_vars,
						       .crypto_ctx = crypto,
						       .quota_nv = pk_cost + enable_cost +
								   (uint64_t)room,
						       .log = log_fake,
						       .log_ctx = &m};

		assert_int_equal(rts_vars_new(&config, &m.v), EFI_SUCCESS);
		assert_int_equal(rts_vars_start(m.v), EFI_SUCCESS);
		m.said[0] = 0;
		assert_int_equal(set_by(&m, PK, KEYS_ATTR, cert(keys[BY_PK]), NOBODY),
				 room < 0 ? EFI_OUT_OF_RESOURCES : EFI_SUCCESS);
		check_modes(&m,
			    room < 0 ? (struct modes){1, 0, -1, 0, 1, 1}
				     : (struct modes){0, 1, 1, 0, 1, 1},
			    __LINE__);
		rts_vars_free(m.v);
	}
}

/* Every refusal says who, when, what, and by which rule. */
static void t_reasons(void **state)
{
	struct machine *m = machine_in(USER);

	(void)state;
	set_by(m, DB, KEYS_ATTR, hash(1), BY_STRANGER);
	assert_non_null(strstr(m->said, "SetVariable db-d719b2cb-"));
	assert_non_null(strstr(m->said, "SECURITY_VIOLATION"));
	assert_non_null(strstr(m->said, "neither PK nor one of KEK (UEFI 2.10 32.3)"));
	set_by(m, KEK, KEYS_ATTR, hash(1), BY_KEK);
	assert_non_null(strstr(m->said, "not signed by PK (UEFI 2.10 32.3)"));
	machine_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_descriptor),
		cmocka_unit_test(t_time),
		cmocka_unit_test(t_append_time),
		cmocka_unit_test(t_signature),
		cmocka_unit_test(t_time_unsigned),
		cmocka_unit_test(t_ber),
		cmocka_unit_test(t_signer_in_dbx),
		cmocka_unit_test(t_policies_off),
		cmocka_unit_test(t_same_key),
		cmocka_unit_test(t_messages),
		cmocka_unit_test(t_who),
		cmocka_unit_test(t_attributes),
		cmocka_unit_test(t_no_crypto),
		cmocka_unit_test(t_odd_stores),
		cmocka_unit_test(t_lists),
		cmocka_unit_test(t_append_lists),
		cmocka_unit_test(t_append_limit),
		cmocka_unit_test(t_private),
		cmocka_unit_test(t_private_alone),
		cmocka_unit_test(t_private_kinds),
		cmocka_unit_test(t_private_loaded),
		cmocka_unit_test(t_mode_variables),
		cmocka_unit_test(t_modes),
		cmocka_unit_test(t_presence),
		cmocka_unit_test(t_forced),
		cmocka_unit_test(t_loaded_modes),
		cmocka_unit_test(t_all_or_nothing),
		cmocka_unit_test(t_same),
		cmocka_unit_test(t_quota),
		cmocka_unit_test(t_reasons),
	};

	return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
