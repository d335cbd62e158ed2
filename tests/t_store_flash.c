/* SPDX-License-Identifier: BSD-2-Clause */
/* edk2's variable flash: what distributions ship, every state that a record can be in, and
 * every state that a power loss may leave behind. */
#include "store/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crc32.h"
#include "no_memory.h"
#include "store/store_flash.h"
#include "uefi/flash.h"
#include "uefi/guids.h"

#define AT (NV | EFI_VARIABLE_TIME_BASED_AUTHENTICATED_WRITE_ACCESS)

/* The 2m layout, in which the tests build their own images. */
#define FILE_LEN 0x20000U
#define REGION   0xe000U
#define WORK     0xf000U
#define SPARE    0x10000U
#define BLOCK    0x1000U

static const EFI_GUID cert_db = EFI_CERT_DB_GUID;

struct read {
	struct rts_vars *v;
	struct store_text certdb;
	struct diag d;
	int r;
};

static struct read read_image(const void *p, size_t n)
{
	const struct rts_vars_config config = {.quota_nv = UINT64_MAX};
	const struct store_source in = {"image", p, n, NULL, NULL};
	struct read read = {0};

	assert_int_equal(rts_vars_new(&config, &read.v), EFI_SUCCESS);
	read.r = store_flash_parse(&in, read.v, &read.certdb, &read.d);
	assert_int_equal(read.r < 0, read.d.text[0] != 0);
	return read;
}

static void read_fini(struct read *read)
{
	rts_vars_free(read->v);
	store_text_fini(&read->certdb);
}

static struct store_text write_image(const struct store_flash_new *w)
{
	struct store_text text = {0};
	struct diag d = {0};

	if (store_flash_write(w, "image", &text, &d) < 0)
		fail_msg("%s", d.text);
	return text;
}

/* All variables as JSON, or what is wrong. */
static char *text_of(const void *p, size_t n)
{
	struct read read = read_image(p, n);
	char *text = read.r == 0 ? fixture_nv_text(read.v) : strdup(read.d.text);

	read_fini(&read);
	return text;
}

static size_t count_of(const struct rts_vars *v)
{
	struct rts_vars_cursor cursor = {0};
	const struct rts_var *var;
	size_t n = 0;

	while (rts_vars_view_next(rts_vars_current(v), &cursor, &var))
		n++;
	return n;
}

static uint8_t *load_file(const char *path, size_t *ret_len)
{
	FILE *file = fopen(path, "rb");
	uint8_t *p;

	if (file == NULL)
		return NULL;
	p = malloc(STORE_FLASH_MAX);
	assert_non_null(p);
	*ret_len = fread(p, 1, STORE_FLASH_MAX, file);
	fclose(file);
	return p;
}

/* What Debian ships. */
static const struct {
	const char *path, *layout;
	size_t count; /* certdb is not counted */
	uint32_t region;
} shipped[] = {
	{"/usr/share/OVMF/OVMF_VARS.fd", "2m", 0, 0xe000},
	{"/usr/share/OVMF/OVMF_VARS.ms.fd", "2m", 30, 0xe000},
	{"/usr/share/OVMF/OVMF_VARS_4M.fd", "4m", 0, 0x40000},
	{"/usr/share/OVMF/OVMF_VARS_4M.ms.fd", "4m", 30, 0x40000},
	{"/usr/share/OVMF/OVMF_VARS_4M.snakeoil.fd", "4m", 30, 0x40000},
	{"/usr/share/AAVMF/AAVMF_VARS.fd", "aavmf", 0, 0x40000},
	{"/usr/share/AAVMF/AAVMF_VARS.ms.fd", "aavmf", 21, 0x40000},
	{"/usr/share/AAVMF/AAVMF_VARS.snakeoil.fd", "aavmf", 21, 0x40000},
};

/* Read, written over itself, read: the same variables; written again: the same bytes; and
 * what is outside of the variables' region is as it was. */
static void shipped_image(const void *p, size_t n, size_t i)
{
	struct read first = read_image(p, n), second;
	struct store_flash_new w = {.base = {p, n}};
	struct store_text one, two;
	char *before, *after;

	if (first.r < 0)
		fail_msg("%s: %s", shipped[i].path, first.d.text);
	assert_int_equal(count_of(first.v), shipped[i].count);
	assert_int_equal(first.certdb.n, shipped[i].count > 0 ? 4 : 0);
	w.view = rts_vars_current(first.v);
	w.certdb = (struct bytes){(const uint8_t *)first.certdb.p, first.certdb.n};
	one = write_image(&w);
	assert_int_equal(one.n, n);
	if (strcmp(shipped[i].path, "/usr/share/AAVMF/AAVMF_VARS.fd") != 0) /* all zero */
		assert_memory_equal(one.p + shipped[i].region,
				    (const char *)p + shipped[i].region,
				    n - shipped[i].region);
	second = read_image(one.p, one.n);
	assert_int_equal(second.r, 0);
	before = fixture_nv_text(first.v);
	after = fixture_nv_text(second.v);
	assert_string_equal(before, after);
	w.base = (struct bytes){(const uint8_t *)one.p, one.n};
	two = write_image(&w);
	assert_int_equal(two.n, n);
	assert_memory_equal(one.p, two.p, n);
	free(before);
	free(after);
	store_text_fini(&one);
	store_text_fini(&two);
	read_fini(&first);
	read_fini(&second);
}

static void what_is_shipped(void **state)
{
	size_t seen = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(shipped); i++) {
		size_t n;
		uint8_t *p = load_file(shipped[i].path, &n);

		if (p == NULL) {
			print_message("# %s: not there (packages ovmf, qemu-efi-aarch64)\n",
				      shipped[i].path);
			continue;
		}
		shipped_image(p, n, i);
		free(p);
		seen++;
	}
	if (seen == 0)
		skip();
}

/* The images that hold nothing are what edk2's build makes, byte for byte. */
static void new_images(void **state)
{
	struct read none = read_image(NULL, 0);
	struct store_flash_new w = {.view = rts_vars_current(none.v)};

	(void)state;
	for (size_t i = 0; i < COUNT(shipped); i++) {
		struct store_text image;
		size_t n;
		uint8_t *p = load_file(shipped[i].path, &n);
		char *text;

		if (p == NULL)
			continue;
		w.layout = shipped[i].layout;
		image = write_image(&w);
		assert_int_equal(image.n, n);
		if (shipped[i].count == 0 && strcmp(w.layout, "aavmf") != 0)
			assert_memory_equal(image.p, p, n);
		if (shipped[i].count > 0) { /* the headers are */
			assert_memory_equal(image.p, p, 0x64);
			assert_memory_equal(image.p + shipped[i].region,
					    p + shipped[i].region, n - shipped[i].region);
		}
		text = text_of(image.p, image.n);
		assert_null(strstr(text, "guid"));
		assert_non_null(strstr(text, "version"));
		free(text);
		store_text_fini(&image);
		free(p);
	}
	w.layout = "8m";
	struct store_text none_text = {0};
	struct diag d = {0};
	assert_int_equal(store_flash_write(&w, "x", &none_text, &d), -EINVAL);
	assert_string_equal(d.text, "no layout '8m': 4m, 2m or aavmf");
	read_fini(&none);
}

/* An image of the test's own. */
struct image {
	uint8_t p[FILE_LEN];
	uint32_t at; /* the end of the log */
};

static void image_init(struct image *m)
{
	struct read none = read_image(NULL, 0);
	struct store_flash_new w = {.view = rts_vars_current(none.v), .layout = "2m"};
	struct store_text text = write_image(&w);

	assert_int_equal(text.n, FILE_LEN);
	memcpy(m->p, text.p, FILE_LEN);
	m->at = 0x64;
	store_text_fini(&text);
	read_fini(&none);
}

static AUTHENTICATED_VARIABLE_HEADER header(uint8_t state, uint32_t name_len,
					    uint32_t data_len)
{
	return (AUTHENTICATED_VARIABLE_HEADER){.StartId = VARIABLE_DATA,
					       .State = state,
					       .Attributes = NV,
					       .NameSize = name_len,
					       .DataSize = data_len,
					       .VendorGuid = fixture_guid};
}

/* A record with a name of one letter; returns where it is. */
static uint32_t add(struct image *m, uint8_t state, char name, const char *value)
{
	const uint32_t at = m->at, n = (uint32_t)strlen(value);
	const AUTHENTICATED_VARIABLE_HEADER h = header(state, 4, n);
	const CHAR16 text[] = {(CHAR16)name, 0};

	memcpy(m->p + at, &h, sizeof h);
	memcpy(m->p + at + 60, text, 4);
	memcpy(m->p + at + 64, value, n);
	m->at = (at + 64 + n + 3) & ~3U;
	return at;
}

/* "A=1 B=2", in order, or what is wrong. */
static const char *content(const void *p, size_t n)
{
	static char text[1000];
	struct rts_vars_cursor cursor = {0};
	struct read read = read_image(p, n);
	const struct rts_var *var;
	int len = 0;

	snprintf(text, sizeof text, "%s", read.d.text);
	while (read.r == 0 && rts_vars_view_next(rts_vars_current(read.v), &cursor, &var))
		len += snprintf(text + len, sizeof text - (size_t)len, "%s%c=%.*s",
				len > 0 ? " " : "", var->name[0], (int)var->data_len,
				(const char *)var->data);
	read_fini(&read);
	return text;
}

static void states(void **state)
{
	static const struct {
		const char *name, *want;
		struct {
			uint8_t state;
			char name;
			const char *value;
		} records[4];
	} cases[] = {
		{"added", "A=1 B=2", {{0x3f, 'A', "1"}, {0x3f, 'B', "2"}}},
		{"deleted", "B=2", {{0x3c, 'A', "1"}, {0x3f, 'B', "2"}}},
		{"deleted at once", "B=2", {{0x3d, 'A', "1"}, {0x3f, 'B', "2"}}},
		{"in transition, no successor", "A=1", {{0x3e, 'A', "1"}}},
		{"in transition, a successor that has only its header",
		 "A=1 B=2",
		 {{0x3e, 'A', "1"}, {0x7f, 'A', "2"}, {0x3f, 'B', "2"}}},
		{"in transition, a successor", "A=2", {{0x3e, 'A', "1"}, {0x3f, 'A', "2"}}},
		{"a successor before it", "A=2", {{0x3f, 'A', "2"}, {0x3e, 'A', "1"}}},
		{"in transition twice", "A=2", {{0x3e, 'A', "1"}, {0x3e, 'A', "2"}}},
		{"in transition, another name",
		 "A=1 B=2",
		 {{0x3e, 'A', "1"}, {0x3f, 'B', "2"}}},
		{"header only", "B=2", {{0x7f, 'A', "1"}, {0x3f, 'B', "2"}}},
		{"states that edk2 has not", "", {{0x7e, 'A', "1"}, {0x00, 'B', "2"}}},
		{"twice",
		 "image: variable at 0xa8: A-11111111-2222-3333-4444-555555555555 a "
		 "second time",
		 {{0x3f, 'A', "1234"}, {0x3f, 'A', "2"}}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct image m;
		const char *got;

		image_init(&m);
		for (size_t k = 0; k < 4 && cases[i].records[k].value != NULL; k++)
			add(&m, cases[i].records[k].state, cases[i].records[k].name,
			    cases[i].records[k].value);
		got = content(m.p, FILE_LEN);
		if (strcmp(got, cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].name, got);
	}
}

/* A header whose write was interrupted takes 60 bytes, whatever it says. */
static void interrupted_header(void **state)
{
	struct image m;

	(void)state;
	image_init(&m);
	add(&m, 0x3f, 'A', "1");
	memset(m.p + m.at, 0xff, 60);
	memcpy(m.p + m.at, "\xaa\x55", 2);
	m.at += 60;
	add(&m, 0x3f, 'B', "2");
	assert_string_equal(content(m.p, FILE_LEN), "A=1 B=2");
	m.p[m.at - 68 - 60 + 36] = 0xff; /* nothing of it is looked at */
	assert_string_equal(content(m.p, FILE_LEN), "A=1 B=2");
}

static void damage(void **state)
{
	static const struct {
		uint32_t at;
		const char *bytes;
		size_t n;
		const char *want;
	} cases[] = {
		{0x10, "\0", 1, "image: the volume is not one of variables: GUID at 0x10"},
		{0x20, "\0\0\1", 3, "image: a volume of 0x10000 bytes at 0x20, of 0x20000"},
		{0x28, "x", 1, "image: no firmware volume: signature 0x48564678 at 0x28"},
		{0x30, "\x40", 1, "image: volume header of 0x40 bytes at 0x30"},
		{0x32, "\0", 1, "image: wrong checksum 0xf900 at 0x32"},
		{0x40, "\1", 1, "image: wrong checksum 0xf919 at 0x32"},
		{0x48, "y", 1, "image: no store of variables: GUID at 0x48"},
		{0x58, "\0", 1,
		 "image: a store of 0xdf00 bytes at 0x58, of 0xdfb8 expected"},
		{0x5c, "\0", 1,
		 "image: the store is not formatted and healthy: 0x0 0xfe at"},
		{0x5d, "\xff", 1,
		 "image: the store is not formatted and healthy: 0x5a 0xff"},
		{0x64 + 36, "\xff\xff\xff\xff", 4,
		 "image: variable at 0x64: 0xffffffff bytes of name and 0x1 of data do "
		 "not"},
		{0x64 + 40, "\0\xe0", 2,
		 "image: variable at 0x64: 0x4 bytes of name and 0xe000 of data do not "
		 "fit"},
		{0x64 + 36, "\3", 1, "image: variable at 0x64: a name of 0x3 bytes"},
		{0x64 + 36, "\2", 1, "image: variable at 0x64: a name of 0x2 bytes"},
		{0x64 + 60, "\0\0", 2,
		 "image: variable at 0x64: the name is not UCS-2 that"},
		{0x64 + 62, "x", 1, "image: variable at 0x64: the name is not UCS-2 that"},
		{0x64 + 61, "\xd8", 1,
		 "image: variable at 0x64: the name is not UCS-2 that"},
		{0x64 + 4, "\x17", 1,
		 "image: variable at 0x64: A-11111111-2222-3333-4444-555555555555 cannot "
		 "be "
		 "one: attributes 0x17, 1 bytes of data"},
		{0x64 + 4, "\x06", 1, /* volatile: a rewrite would drop it */
		 "image: variable at 0x64: A-11111111-2222-3333-4444-555555555555 cannot "
		 "be "
		 "one: attributes 0x6, 1 bytes of data"},
		{0x64 + 4, "\x80", 1,
		 "image: variable at 0x64: A-11111111-2222-3333-4444-5"},
	};
	struct image m;
	char *text;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		image_init(&m);
		add(&m, 0x3f, 'A', "1");
		memcpy(m.p + cases[i].at, cases[i].bytes, cases[i].n);
		text = strdup(content(m.p, FILE_LEN));
		if (strncmp(text, cases[i].want, strlen(cases[i].want)) != 0)
			fail_msg("case %zu: %s", i, text);
		free(text);
	}
	image_init(&m);
	assert_string_equal(content(m.p, FILE_LEN - 1),
			    "image: 0x1ffff bytes, a volume of 0x20000 at 0x20: cut, or "
			    "none of the layouts 4m, 2m, aavmf");
	memset(m.p + 0x48, 0xff, 0x1c); /* raw */
	assert_string_equal(content(m.p, FILE_LEN), "");
	memset(m.p, 0xff, FILE_LEN);
	assert_string_equal(content(m.p, FILE_LEN), "");
	memset(m.p, 0, FILE_LEN);
	assert_string_equal(content(m.p, FILE_LEN), "");
}

/* A flash that stops after a number of byte writes, and what it must read as. Erasing a
 * block is one step. */
struct flash {
	struct image *m;
	uint64_t left, done;
};

static void put(struct flash *f, uint32_t at, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++, f->done++) {
		if (f->left == 0)
			return;
		f->left--;
		f->m->p[at + i] &= ((const uint8_t *)p)[i];
	}
}

static void put1(struct flash *f, uint32_t at, uint8_t value)
{
	put(f, at, &value, 1);
}

static void erase(struct flash *f, uint32_t at)
{
	f->done++;
	if (f->left == 0)
		return;
	f->left--;
	memset(f->m->p + at, 0xff, BLOCK);
}

/* edk2's update of a variable: of today, and of earlier with a state for the header. */
static void update(struct flash *f, uint32_t old, const char *value, bool four_steps)
{
	const uint32_t at = f->m->at, n = (uint32_t)strlen(value);
	const AUTHENTICATED_VARIABLE_HEADER h = header(0xff, 4, n);

	put1(f, old + 2, 0x3e);
	put(f, at, &h, sizeof h);
	if (four_steps)
		put1(f, at + 2, 0x7f);
	put(f, at + 60, u"A", 4);
	put(f, at + 64, value, n);
	put1(f, at + 2, 0x3f);
	put1(f, old + 2, 0x3c);
}

static void interrupted_update(void **state)
{
	static struct image before, m;
	uint32_t old;

	(void)state;
	image_init(&before);
	old = add(&before, 0x3f, 'A', "old");
	add(&before, 0x3f, 'B', "other");
	for (int four_steps = 0; four_steps < 2; four_steps++) {
		uint64_t steps = 0, seen_new = 0;

		for (uint64_t cut = 0; cut <= steps; cut++) {
			struct flash f = {&m, cut, 0};
			const char *got;

			m = before;
			update(&f, old, "new value", four_steps);
			steps = f.done + (f.left == 0);
			got = content(m.p, FILE_LEN);
			if (strcmp(got, "B=other A=new value") == 0)
				seen_new++;
			else if (seen_new > 0 || strcmp(got, "A=old B=other") != 0)
				fail_msg("after %d bytes: %s", (int)cut, got);
			if (f.left > 0)
				break;
		}
		assert_int_equal(seen_new, 3); /* the last two writes, and whole */
	}
}

/* edk2's reclaim: a queue record, the spare area, the target, and the spare area again. */
static void reclaim(struct flash *f, const struct image *after, uint32_t queue_at)
{
	const EFI_FAULT_TOLERANT_WRITE_HEADER h = {
		.State = 0xfe, .Pad_ = {0xff, 0xff, 0xff}, .NumberOfWrites = 1};
	EFI_FAULT_TOLERANT_WRITE_RECORD r = {
		.State = 0xff, .Offset = 0x48, .Length = REGION - 0x48};
	const uint32_t head = WORK + queue_at, record = head + sizeof h;

	memset(r.Pad_, 0xff, sizeof r.Pad_);
	put(f, head, &h, sizeof h);
	put1(f, head, 0xfc); /* writes allocated */
	put(f, record, &r, sizeof r);
	for (uint32_t at = 0; at < REGION; at += BLOCK)
		erase(f, SPARE + at);
	put(f, SPARE, after->p, REGION);
	put1(f, record, 0xfd); /* spare complete */
	for (uint32_t at = 0; at < REGION; at += BLOCK) {
		erase(f, at);
		put(f, at, after->p + at, BLOCK);
	}
	put1(f, record, 0xf9); /* destination complete */
	put1(f, head, 0xf8);   /* complete */
	for (uint32_t at = 0; at < REGION; at += BLOCK)
		erase(f, SPARE + at);
}

static uint64_t after_cut(const struct image *before, const struct image *after,
			  uint64_t cut, struct image *m, uint32_t queue_at)
{
	struct flash f = {m, cut, 0};

	*m = *before;
	reclaim(&f, after, queue_at);
	return f.left;
}

static void interrupted_reclaim(void **state)
{
	static struct image before, after, m;
	/* steps up to "spare complete"; bytes that are all ones are written, too */
	const uint64_t turn = 40 + 1 + 40 + 14 + REGION + 1;
	uint64_t end = turn + 14 + REGION + 2 + 14;

	(void)state;
	image_init(&before);
	add(&before, 0x3c, 'A', "gone");
	add(&before, 0x3e, 'A', "1");
	add(&before, 0x3f, 'B', "2");
	image_init(&after);
	add(&after, 0x3f, 'B', "2");
	add(&after, 0x3f, 'A', "1");
	for (uint64_t cut = 0; cut <= end; cut++) {
		const char *want = cut < turn ? "A=1 B=2" : "B=2 A=1";
		const char *got;

		/* most of it is copying; what is around the other steps is tried in full */
		if (cut > 0x200 && cut + 0x200 < end && cut % 13 != 0 &&
		    (cut < turn - 0x100 || cut > turn + 0x1100))
			continue;
		assert_int_equal(after_cut(&before, &after, cut, &m, 0x20), 0);
		got = content(m.p, FILE_LEN);
		if (strcmp(got, want) != 0)
			fail_msg("after %d of %d steps: %s", (int)cut, (int)end, got);
	}
	assert_int_equal(after_cut(&before, &after, end + 1, &m, 0x20), 1);

	/* a second one, behind it in the queue, and what a writer makes of that */
	before = m;
	for (uint64_t cut = turn; cut < end; cut += 4001) {
		struct read read;
		struct store_flash_new w = {.base = {m.p, FILE_LEN}};
		struct store_text text;

		after_cut(&before, &after, cut, &m, 0x20 + 80);
		assert_string_equal(content(m.p, FILE_LEN), "B=2 A=1");
		read = read_image(m.p, FILE_LEN);
		w.view = rts_vars_current(read.v);
		text = write_image(&w);
		assert_string_equal(content(text.p, text.n), "B=2 A=1");
		assert_memory_equal(text.p, after.p, FILE_LEN); /* no write is pending */
		store_text_fini(&text);
		read_fini(&read);
		if (cut + 14 + REGION < end && cut > turn + REGION)
			break;
	}
}

static void odd_queues(void **state)
{
	static struct image before, after, m;
	const uint64_t cut = 40 + 1 + 40 + 14 + REGION + 1 + 5; /* the target is erased */
	static const struct {
		uint32_t at;
		uint8_t bytes[8];
		const char *want;
	} cases[] = {
		{WORK + 0x20 + 24,
		 {0},
		 "image: queue of writes: 0 writes with 0 bytes each"},
		{WORK + 0x20 + 24,
		 {0, 1},
		 "image: queue of writes: 0x2800 bytes at 0xf048 "},
		{WORK + 0x20 + 24,
		 {1, 0, 0, 0, 0, 0, 0, 1},
		 "image: queue of writes: 7205759"},
		{WORK + 0x20 + 32,
		 {0, 0, 0, 0, 0, 0, 0, 0xff},
		 "image: queue of writes: 1 wr"},
		{WORK + 0x48 + 8,
		 {8},
		 "image: queue of writes: block 0x8, 0xdfb8 bytes from"},
		{WORK + 0x48 + 8,
		 {0, 0, 0, 0, 0, 0, 0, 1},
		 "image: queue of writes: block 0x1"},
		{WORK + 0x48 + 16,
		 {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		 "image: queue of writes: block 0x0, 0xdfb8 bytes from 0xffffffffffffffff, "
		 "at "
		 "0xf048"},
		{WORK + 0x48 + 24,
		 {0},
		 "image: queue of writes: block 0x0, 0x0 bytes from 0x48"},
		{WORK + 0x48 + 24,
		 {0, 0, 0, 0, 0, 0, 0, 1},
		 "image: queue of writes: block 0x0"},
		/* the firmware makes a new queue where this one is not valid */
		{WORK, {0}, "image: no firmware volume: signature 0xffffffff at 0x28"},
		{WORK + 16, {0}, "image: no firmware volume: signature 0xffffffff at 0x28"},
	};

	(void)state;
	image_init(&before);
	image_init(&after);
	add(&after, 0x3f, 'A', "1");
	after_cut(&before, &after, cut, &m, 0x20);
	assert_string_equal(content(m.p, FILE_LEN), "A=1");
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *got;

		after_cut(&before, &after, cut, &m, 0x20);
		memset(m.p, 0xff, BLOCK);
		memcpy(m.p + cases[i].at, cases[i].bytes, 8);
		got = content(m.p, FILE_LEN);
		if (strncmp(got, cases[i].want, strlen(cases[i].want)) != 0)
			fail_msg("case %zu: %s", i, got);
	}
}

static void certdb(void **state)
{
	static struct image m;
	uint8_t value[4 + 3 * 62];
	uint32_t size = sizeof value;
	struct read read, again;
	struct store_flash_new w = {.base = {m.p, FILE_LEN}};
	struct store_text text;
	AUTHENTICATED_VARIABLE_HEADER h;
	struct bytes rest;
	struct certdb_node node;
	uint32_t at;

	(void)state;
	image_init(&m);
	add(&m, 0x3f, 'A', "1");
	add(&m, 0x3f, 'B', "2");
	memcpy(value, &size, 4);
	for (uint32_t i = 0; i < 3; i++) { /* of A, B, and C, which is not there */
		const AUTH_CERT_DB_DATA n = {fixture_guid, 62, 1, 32};
		uint8_t *p = value + 4 + 62 * i;

		memset(p, (int)i, 62);
		memcpy(p, &n, sizeof n);
		p[28] = (uint8_t)('A' + i);
		p[29] = 0;
	}
	at = m.at;
	h = header(0x3f, 14, size);
	h.VendorGuid = cert_db;
	h.Attributes = AT;
	memcpy(m.p + at, &h, sizeof h);
	memcpy(m.p + at + 60, u"certdb", 14);
	memcpy(m.p + at + 74, value, size);

	read = read_image(m.p, FILE_LEN);
	assert_int_equal(read.r, 0);
	assert_int_equal(count_of(read.v), 2);
	assert_int_equal(read.certdb.n, size);
	assert_memory_equal(read.certdb.p, value, size);
	w.view = rts_vars_current(read.v);
	w.certdb = (struct bytes){value, size};
	text = write_image(&w);
	again = read_image(text.p, text.n);
	assert_int_equal(count_of(again.v), 2);
	assert_int_equal(again.certdb.n, size - 62); /* C's node has gone */
	assert_memory_equal(again.certdb.p + 4, value + 4, size - 62 - 4);
	assert_true(certdb_first(
		(struct bytes){(const uint8_t *)again.certdb.p, again.certdb.n}, &rest));
	assert_true(certdb_next(&rest, &node));
	assert_int_equal(node.name.n, 2);
	assert_int_equal(node.name.p[0], 'A');
	read_fini(&again);
	read_fini(&read);
	store_text_fini(&text);

	m.p[at + 74] ^= 1;
	assert_string_equal(content(m.p, FILE_LEN),
			    "image: certdb at 0xec is malformed at byte 0x0");
	m.p[at + 74] ^= 1;
	m.p[at + 74 + 4 + 62 + 16] ^= 1; /* the second node's size */
	assert_string_equal(content(m.p, FILE_LEN),
			    "image: certdb at 0xec is malformed at byte 0x42");
	m.p[at + 74 + 4 + 62 + 16] ^= 1;
	m.p[at + 74 + 4 + 62 + 23] = 0xff; /* its name's */
	assert_string_equal(content(m.p, FILE_LEN),
			    "image: certdb at 0xec is malformed at byte 0x42");
}

/* Without times: nothing authenticated can be kept there. */
static void plain(void **state)
{
	static const EFI_GUID guid = EFI_VARIABLE_GUID;
	static struct image m;
	VARIABLE_HEADER h = {VARIABLE_DATA, 0x3e, 0, NV, 4, 1, fixture_guid};
	struct store_flash_new w = {.base = {m.p, FILE_LEN}};
	struct store_text text, none = {0};
	struct diag d = {0};
	struct read read;
	struct rts_var var = {.guid = fixture_guid,
			      .attr = AT,
			      .name = u"C",
			      .name_len = 4,
			      .data = (const uint8_t *)"x",
			      .data_len = 1};

	(void)state;
	image_init(&m);
	memcpy(m.p + 0x48, &guid, sizeof guid);
	for (uint32_t i = 0; i < 3; i++) { /* A in transition, A, B */
		memcpy(m.p + 0x64 + i * 40, &h, sizeof h);
		m.p[0x64 + i * 40 + 32] = (uint8_t)(i < 2 ? 'A' : 'B');
		m.p[0x64 + i * 40 + 33] = m.p[0x64 + i * 40 + 34] = 0;
		m.p[0x64 + i * 40 + 35] = 0;
		m.p[0x64 + i * 40 + 36] = (uint8_t)('1' + i);
		h.State = 0x3f;
	}
	assert_string_equal(content(m.p, FILE_LEN), "A=2 B=3");
	assert_true(store_flash_is_plain((struct bytes){m.p, FILE_LEN}));
	read = read_image(m.p, FILE_LEN);
	w.view = rts_vars_current(read.v);
	text = write_image(&w);
	assert_string_equal(content(text.p, text.n), "A=2 B=3");
	assert_true(store_flash_is_plain((struct bytes){(const uint8_t *)text.p, text.n}));
	store_text_fini(&text);
	assert_int_equal(rts_vars_load(read.v, &var), EFI_SUCCESS);
	assert_int_equal(store_flash_write(&w, "x", &none, &d), -EINVAL);
	assert_non_null(
		strstr(d.text, "C-11111111-2222-3333-4444-555555555555 is authent"));
	store_text_fini(&none);
	read_fini(&read);
}

/* Hostile images: an answer, or an error with a text. */
static void flips(void **state)
{
	static struct image good, m;
	uint32_t random = 1;

	(void)state;
	image_init(&good);
	add(&good, 0x3e, 'A', "first value");
	add(&good, 0x3f, 'A', "second");
	add(&good, 0x3f, 'B', "");
	m = good;
	for (uint32_t at = 0; at < 0x140; at++)
		for (int bit = 0; bit < 8; bit++) {
			m.p[at] ^= (uint8_t)(1 << bit);
			(void)content(m.p, FILE_LEN);
			m.p[at] = good.p[at];
		}
	for (int i = 0; i < 20000; i++) {
		for (int k = 0; k < 3; k++) {
			random = random * 1664525 + 1013904223;
			m.p[(random >> 8) % 2 == 0 ? random >> 9 & 0x1ff
						   : WORK + (random >> 9 & 0x7f)] =
				(uint8_t)(random >> 24);
		}
		(void)content(m.p, FILE_LEN);
		if (i % 16 == 0)
			m = good;
	}
	for (size_t n = 0; n < FILE_LEN; n += n < 0x100 ? 1 : 997) {
		void *exact = malloc(n + 1);

		memcpy(exact, good.p, n);
		(void)content(exact, n);
		free(exact);
	}
}

static void out_of_memory(void **state)
{
	static struct image m;
	const struct store_source in = {"image", (const char *)m.p, FILE_LEN, NULL, NULL};
	struct read all;
	struct store_flash_new w = {.base = {m.p, FILE_LEN}};
	AUTHENTICATED_VARIABLE_HEADER h = header(0x3f, 14, 4);
	long i;
	int r = -ENOMEM;

	(void)state;
	image_init(&m);
	add(&m, 0x3e, 'A', "1");
	h.VendorGuid = cert_db;
	memcpy(m.p + m.at, &h, sizeof h);
	memcpy(m.p + m.at + 60, u"certdb", 14);
	memcpy(m.p + m.at + 74, "\4\0\0", 4);
	for (i = 0; r < 0; i++) {
		struct read read = {0};

		assert_int_equal(rts_vars_new(&(struct rts_vars_config){0}, &read.v),
				 EFI_SUCCESS);
		memory_left = i;
		r = store_flash_parse(&in, read.v, &read.certdb, &read.d);
		memory_left = MEMORY_ENOUGH;
		if (r < 0) {
			assert_int_equal(r, -ENOMEM);
			assert_string_equal(read.d.text, "image: out of memory");
		}
		read_fini(&read);
		assert_true(i < 100);
	}
	assert_true(i >= 5); /* the region, the records, certdb, the variable, the table */

	all = read_image(m.p, FILE_LEN);
	w.view = rts_vars_current(all.v);
	w.certdb = (struct bytes){(const uint8_t *)all.certdb.p, all.certdb.n};
	r = -ENOMEM;
	for (i = 0; r < 0; i++) {
		struct store_text text = {0};
		struct diag d = {0};

		memory_left = i;
		r = store_flash_write(&w, "image", &text, &d);
		memory_left = MEMORY_ENOUGH;
		if (r < 0) {
			assert_int_equal(r, -ENOMEM);
			assert_string_equal(d.text, "image: out of memory");
		}
		store_text_fini(&text);
		assert_true(i < 100);
	}
	assert_true(i > 3); /* the region, the image, certdb */
	read_fini(&all);
}

static void no_room(void **state)
{
	struct fixture f;
	char value[2000];
	char *before, *after;
	size_t n, m;
	EFI_STATUS status = EFI_SUCCESS;

	(void)state;
	fixture_init(&f, "a.fd");
	f.use = STORE_EDIT;
	f.quota = UINT64_MAX;
	assert_int_equal(fixture_open(&f), 0);
	memset(value, 'x', sizeof value - 1);
	value[sizeof value - 1] = 0;
	before = NULL;
	for (CHAR16 c = 'A'; c < 'A' + 200 && status == EFI_SUCCESS; c++) {
		const CHAR16 name[] = {c, 0};

		free(before);
		before = fixture_read(&f, "a.fd", &n);
		status = fixture_set(&f, name, NV, value);
	}
	assert_int_equal(status, EFI_DEVICE_ERROR);
	assert_non_null(strstr(f.log, "bytes, the image has room for 262044"));
	after = fixture_read(&f, "a.fd", &m);
	assert_int_equal(n, m);
	assert_memory_equal(before, after, n);
	free(before);
	free(after);
	fixture_fini(&f);
}

/* As a store: new, changed, read, in use, and edited by somebody else. */
static void as_a_store(void **state)
{
	struct flock lock = {
		.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 1};
	struct fixture f;
	int fd;

	(void)state;
	fixture_init(&f, "a.fd");
	f.use = STORE_READ;
	assert_int_equal(fixture_open(&f), -ENOENT);
	fixture_close(&f);
	f.use = STORE_EDIT;
	assert_int_equal(fixture_open(&f), 0);
	assert_int_equal(fixture_set(&f, u"A", NV, "1"), EFI_SUCCESS);
	assert_int_equal(fixture_set(&f, u"B", NV, "2"), EFI_SUCCESS);
	assert_int_equal(fixture_set(&f, u"V", BS, "volatile"), EFI_SUCCESS);
	fixture_close(&f);
	assert_int_equal(unlink(fixture_path(&f, "a.fd.lock")), 0);
	assert_int_equal(fixture_count(&f), 1); /* and no STORE.run */

	f.use = STORE_READ;
	assert_int_equal(fixture_open(&f), 0);
	assert_string_equal(fixture_get(&f, u"A"), "1");
	assert_string_equal(fixture_get(&f, u"B"), "2");
	assert_string_equal(fixture_get(&f, u"V"), "");
	assert_int_equal(fixture_set(&f, u"A", NV, "x"), EFI_DEVICE_ERROR);
	assert_non_null(strstr(f.log, "never written where it is only read"));
	assert_int_equal(fixture_count(&f), 1);
	fixture_close(&f);

	f.use = STORE_EDIT;
	fd = open(f.path, O_RDWR | O_CLOEXEC);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0); /* as QEMU does */
	assert_int_equal(fixture_open(&f), -EBUSY);
	assert_non_null(strstr(f.d.text, "a machine that runs?"));
	fixture_close(&f);
	close(fd);

	assert_int_equal(fixture_open(&f), 0);
	fd = open(f.path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "x", 1, 0x64 + 64), 1); /* A's value */
	close(fd);
	assert_int_equal(fixture_set(&f, u"B", NV, "3"), EFI_DEVICE_ERROR);
	assert_non_null(strstr(f.log, "changed by somebody else"));
	fixture_close(&f);
	f.use = STORE_READ;
	assert_int_equal(fixture_open(&f), 0);
	assert_string_equal(fixture_get(&f, u"A"), "x");
	assert_string_equal(fixture_get(&f, u"B"), "2");
	fixture_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_shipped),
		cmocka_unit_test(new_images),
		cmocka_unit_test(states),
		cmocka_unit_test(interrupted_header),
		cmocka_unit_test(damage),
		cmocka_unit_test(interrupted_update),
		cmocka_unit_test(interrupted_reclaim),
		cmocka_unit_test(odd_queues),
		cmocka_unit_test(certdb),
		cmocka_unit_test(plain),
		cmocka_unit_test(flips),
		cmocka_unit_test(out_of_memory),
		cmocka_unit_test(no_room),
		cmocka_unit_test(as_a_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
