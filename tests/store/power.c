/* SPDX-License-Identifier: BSD-2-Clause */
#include "test.h"

#include "store/power.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_CAP 96U
#define NAMES    256U
#define PENDING  24U
#define TABLE    (1U << 20)

struct inode {
	dev_t dev;
	ino_t real; /* its number; a later inode may have it again */
	bool folder;
	mode_t mode, durable_mode;
	char *p;
	size_t n, durable_n;
};

/* A name in a folder; -1: none of that name. */
struct entry {
	int folder, inode;
	char name[NAME_CAP];
};

/* A change of one folder, made as a whole or not at all. */
struct change {
	struct entry set[2];
	unsigned count;
	int gone; /* a folder that is removed */
};

struct names {
	struct entry e[NAMES];
	unsigned n;
};

/* What may become of bytes and modes that are not durable. */
enum fate { KEPT, LOST, HALF, ZEROS, HALF_ZEROS, OLD_MODE, MIXED, FATES };

static struct {
	bool on;
	struct power_test test;
	struct power_result result;
	uint32_t seed;
	struct inode *inodes;
	int count;
	struct names durable;
	struct change pending[PENDING];
	unsigned pending_n;
	struct {
		uint64_t key, held;
	} * seen; /* states that were looked at, and what they held */
	unsigned seen_n;
} rec;

static uint32_t next_random(void)
{
	rec.seed = rec.seed * 1664525U + 1013904223U;
	return rec.seed >> 8;
}

/* Names */

static void names_set(struct names *t, const struct entry *e)
{
	unsigned i = 0;

	while (i < t->n &&
	       (t->e[i].folder != e->folder || strcmp(t->e[i].name, e->name) != 0))
		i++;
	if (e->inode >= 0) {
		assert_true(i < NAMES);
		t->e[i] = *e;
		t->n += i == t->n;
	} else if (i < t->n) {
		t->e[i] = t->e[--t->n];
	}
}

static void names_apply(struct names *t, const struct change *c)
{
	for (unsigned i = 0; i < c->count; i++)
		names_set(t, &c->set[i]);
}

static int inode_of(const struct stat *st)
{
	for (int i = rec.count - 1; i >= 0; i--)
		if (rec.inodes[i].real == st->st_ino && rec.inodes[i].dev == st->st_dev)
			return i;
	return -1;
}

static int inode_at(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? inode_of(&st) : -1;
}

static int inode_named(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? inode_of(&st) : -1;
}

static int inode_new(const struct stat *st)
{
	struct inode *i;

	rec.inodes = reallocarray(rec.inodes, (size_t)rec.count + 1, sizeof *rec.inodes);
	assert_non_null(rec.inodes);
	i = &rec.inodes[rec.count];
	*i = (struct inode){st->st_dev,
			    st->st_ino,
			    S_ISDIR(st->st_mode),
			    st->st_mode & ALLPERMS,
			    st->st_mode & ALLPERMS,
			    NULL,
			    0,
			    0};
	return rec.count++;
}

static struct entry entry(int folder, const char *name, int inode)
{
	struct entry e = {folder, inode, ""};

	assert_true(folder >= 0 && strlen(name) < NAME_CAP);
	strcpy(e.name, name);
	return e;
}

/* States */

static uint64_t mix(uint64_t h, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ ((const uint8_t *)p)[i]) * 0x100000001b3ULL;
	return h;
}

static bool is_durable(const struct inode *i)
{
	return i->n == i->durable_n && i->mode == i->durable_mode;
}

struct state {
	struct names names;
	uint8_t fate[NAMES]; /* of each name's inode */
	uint64_t key;
};

/* Reads where a state's name leads, for it may lie in a folder that is lost. */
static bool path_of(const struct names *t, unsigned i, char *ret, size_t cap)
{
	const struct entry *e = &t->e[i];

	if (e->folder == 0)
		return snprintf(ret, cap, "%s/%s", rec.test.to, e->name) > 0;
	for (unsigned k = 0; k < t->n; k++)
		if (t->e[k].inode == e->folder && t->e[k].folder == 0)
			return snprintf(ret, cap, "%s/%s/%s", rec.test.to, t->e[k].name,
					e->name) > 0;
	return false;
}

static uint64_t name_key(const struct entry *e, unsigned fate)
{
	const struct inode *i = &rec.inodes[e->inode];
	const uint64_t v[] = {
		(uint64_t)e->folder, (uint64_t)e->inode, fate, i->n, i->durable_n, i->mode,
		i->durable_mode};

	return mix(mix(0xcbf29ce484222325ULL, v, sizeof v), e->name, strlen(e->name));
}

static bool fates(struct state *s, enum fate fate)
{
	bool any = false;

	s->key = 1;
	for (unsigned i = 0; i < s->names.n; i++) {
		const struct inode *in = &rec.inodes[s->names.e[i].inode];

		s->fate[i] = KEPT;
		if (!is_durable(in)) {
			any = true;
			s->fate[i] =
				(uint8_t)(fate == MIXED ? next_random() % MIXED : fate);
		}
		s->key += name_key(&s->names.e[i], s->fate[i]); /* in whatever order */
	}
	return any;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	return at->level > 0 ? remove(path) : 0;
}

static void build_file(const char *path, const struct inode *i, enum fate fate)
{
	const size_t fresh = i->n - i->durable_n;
	const bool keep_mode = fate == KEPT || fate == HALF || fate == ZEROS;
	size_t whole = i->n, n = i->n; /* so many bytes are right; so many are there */
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	if (fate == LOST)
		n = whole = i->durable_n;
	else if (fate == HALF)
		n = whole = i->durable_n + fresh / 2;
	else if (fate == ZEROS)
		whole = i->durable_n;
	else if (fate == HALF_ZEROS)
		whole = i->durable_n + fresh / 2;
	assert_true(whole == 0 || write(fd, i->p, whole) == (ssize_t)whole);
	assert_int_equal(ftruncate(fd, (off_t)n), 0);
	assert_int_equal(fchmod(fd, keep_mode ? i->mode : i->durable_mode), 0);
	close(fd);
}

static void build(const struct state *s)
{
	char path[400];

	assert_int_equal(nftw(rec.test.to, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	for (int pass = 0; pass < 2; pass++) /* folders first */
		for (unsigned i = 0; i < s->names.n; i++) {
			const struct inode *in = &rec.inodes[s->names.e[i].inode];

			if (in->folder != (pass == 0) ||
			    !path_of(&s->names, i, path, sizeof path))
				continue;
			if (pass == 1) {
				build_file(path, in, s->fate[i]);
				continue;
			}
			assert_int_equal(mkdir(path, 0700), 0);
			assert_int_equal(chmod(path, s->fate[i] == KEPT ? in->mode
									: in->durable_mode),
					 0);
		}
}

static void violation(const struct state *s, const char *what)
{
	static const char *const words[] = {
		"", " lost", " half", " zeros", " half zeros", " old mode", ""};
	char *text = rec.result.violation;
	const size_t cap = sizeof rec.result.violation;
	size_t n = (size_t)snprintf(text, cap,
				    "call %lu: %s; there were:", rec.result.calls, what);

	for (unsigned i = 0; i < s->names.n && n < cap; i++)
		n += (size_t)snprintf(text + n, cap - n, " %d/%s%s", s->names.e[i].folder,
				      s->names.e[i].name, words[s->fate[i]]);
}

static void look_at(const struct state *s)
{
	char why[400] = "";
	uint32_t i = (uint32_t)(s->key ^ s->key >> 32) % TABLE;

	rec.result.states++;
	while (rec.seen[i].key != 0 && rec.seen[i].key != s->key)
		i = (i + 1) % TABLE;
	if (rec.seen[i].key == 0) {
		build(s);
		rec.seen[i].key = s->key;
		rec.seen[i].held = rec.test.look(rec.test.ctx, why, sizeof why);
		rec.result.built++;
		assert_true(++rec.seen_n < TABLE / 2);
	}
	if (rec.seen[i].held == 0)
		violation(s, *why != 0 ? why : "no store");
	else if (!rec.test.accept(rec.test.ctx, rec.seen[i].held))
		violation(
			s,
			"neither what was acknowledged nor that and the change in flight");
}

/* The state that has those pending changes whose bits are set, with each fate. */
static void look_at_subset(const bool kept[PENDING])
{
	static struct state s;

	s.names = rec.durable;
	for (unsigned i = 0; i < rec.pending_n; i++)
		if (kept[i])
			names_apply(&s.names, &rec.pending[i]);
	for (enum fate f = KEPT; f < FATES && rec.result.violation[0] == 0; f++) {
		const bool open = fates(&s, f);

		look_at(&s);
		if (!open)
			break;
	}
}

void power_visit(void)
{
	const unsigned n = rec.pending_n;
	bool kept[PENDING] = {false};

	if (rec.result.violation[0] != 0)
		return;
	rec.on = false;
	if (n <= 4) {
		for (unsigned bits = 0; bits < 1U << n; bits++) {
			for (unsigned i = 0; i < n; i++)
				kept[i] = (bits >> i & 1) != 0;
			look_at_subset(kept);
		}
	} else {
		for (unsigned k = 0; k <= n; k++) { /* in order */
			for (unsigned i = 0; i < n; i++)
				kept[i] = i < k;
			look_at_subset(kept);
		}
		for (unsigned k = 0; k + 1 < n; k++) { /* one is late */
			for (unsigned i = 0; i < n; i++)
				kept[i] = i != k;
			look_at_subset(kept);
		}
		for (unsigned k = 0; k < 2; k++) {
			for (unsigned i = 0; i < n; i++)
				kept[i] = (next_random() & 1) != 0;
			look_at_subset(kept);
		}
	}
	rec.on = true;
}

/* Of a folder that is gone nothing is kept. */
static void forget(int folder)
{
	unsigned n = 0;

	for (unsigned i = 0; i < rec.pending_n; i++)
		if (rec.pending[i].set[0].folder != folder)
			rec.pending[n++] = rec.pending[i];
	rec.pending_n = n;
	for (unsigned i = 0; i < rec.durable.n;)
		if (rec.durable.e[i].folder == folder)
			rec.durable.e[i] = rec.durable.e[--rec.durable.n];
		else
			i++;
}

/* Makes the oldest changes durable, at most @most, those of @folder, or (-1) of any. */
static void settle(int folder, unsigned most)
{
	for (unsigned i = 0; i < rec.pending_n && most > 0;) {
		const struct change c = rec.pending[i];

		if (folder >= 0 && c.set[0].folder != folder) {
			i++;
			continue;
		}
		memmove(&rec.pending[i], &rec.pending[i + 1],
			(--rec.pending_n - i) * sizeof c);
		names_apply(&rec.durable, &c);
		most--;
		if (c.gone >= 0) {
			forget(c.gone);
			i = 0;
		}
	}
}

static void happened(void)
{
	rec.result.calls++;
	power_visit();
}

static void changed(const struct change *c)
{
	if (rec.pending_n == PENDING) /* a disk does not wait for ever */
		settle(-1, 1);
	rec.pending[rec.pending_n++] = *c;
	happened();
}

/* All that is in a folder, as durable. */
static void take_in(int fd, int folder)
{
	DIR *dir = fdopendir(fd);
	const struct dirent *e;

	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL) {
		struct stat st;
		struct entry name;
		struct inode *i;
		int file;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		file = openat(fd, e->d_name, O_RDONLY | O_CLOEXEC);
		assert_true(file >= 0);
		assert_int_equal(fstat(file, &st), 0);
		name = entry(folder, e->d_name, inode_new(&st));
		names_set(&rec.durable, &name);
		if (S_ISDIR(st.st_mode)) {
			take_in(file, name.inode);
			continue;
		}
		i = &rec.inodes[name.inode];
		i->n = i->durable_n = (size_t)st.st_size;
		i->p = malloc(i->n + 1);
		assert_non_null(i->p);
		assert_int_equal(read(file, i->p, i->n), i->n);
		close(file);
	}
	closedir(dir);
}

void power_begin(const struct power_test *t)
{
	int fd = open(t->from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	memset(&rec, 0, sizeof rec);
	rec.test = *t;
	rec.seed = t->seed;
	rec.seen = calloc(TABLE, sizeof *rec.seen);
	assert_non_null(rec.seen);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(inode_new(&st), 0);
	take_in(fd, 0);
	rec.on = true;
	power_visit();
}

void power_end(struct power_result *ret)
{
	rec.on = false;
	assert_int_equal(nftw(rec.test.to, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	for (int i = 0; i < rec.count; i++)
		free(rec.inodes[i].p);
	free(rec.inodes);
	free(rec.seen);
	*ret = rec.result;
}

/* Calls */

int __real_openat(int dir, const char *name, int flags, ...);
int __real_openat64(int dir, const char *name, int flags, ...);
int __real_fchmod(int fd, mode_t mode);
ssize_t __real_write(int fd, const void *p, size_t n);
int __real_fsync(int fd);
int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __real_renameat2(int from_dir, const char *from, int to_dir, const char *to,
		     unsigned flags);
int __real_unlinkat(int dir, const char *name, int flags);
int __real_mkdirat(int dir, const char *name, mode_t mode);

int __wrap_openat(int dir, const char *name, int flags, mode_t mode);
int __wrap_openat64(int dir, const char *name, int flags, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode);
ssize_t __wrap_write(int fd, const void *p, size_t n);
int __wrap_fsync(int fd);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to,
		     unsigned flags);
int __wrap_unlinkat(int dir, const char *name, int flags);
int __wrap_mkdirat(int dir, const char *name, mode_t mode);

static int created(int dir, const char *name, int fd)
{
	struct change c = {.count = 1, .gone = -1};
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	c.set[0] = entry(inode_at(dir), name, inode_new(&st));
	changed(&c);
	return fd;
}

static bool creates(int dir, const char *name, int flags)
{
	return rec.on && (flags & O_CREAT) != 0 && faccessat(dir, name, F_OK, 0) < 0;
}

int __wrap_openat(int dir, const char *name, int flags, mode_t mode)
{
	const bool new = creates(dir, name, flags);
	const int fd = __real_openat(dir, name, flags, mode);

	return fd >= 0 && new ? created(dir, name, fd) : fd;
}

int __wrap_openat64(int dir, const char *name, int flags, mode_t mode)
{
	const bool new = creates(dir, name, flags);
	const int fd = __real_openat64(dir, name, flags, mode);

	return fd >= 0 && new ? created(dir, name, fd) : fd;
}

int __wrap_mkdirat(int dir, const char *name, mode_t mode)
{
	struct change c = {.count = 1, .gone = -1};
	struct stat st;

	if (__real_mkdirat(dir, name, mode) < 0)
		return -1;
	if (rec.on) {
		assert_int_equal(fstatat(dir, name, &st, 0), 0);
		c.set[0] = entry(inode_at(dir), name, inode_new(&st));
		changed(&c);
	}
	return 0;
}

int __wrap_fchmod(int fd, mode_t mode)
{
	const int i = rec.on ? inode_at(fd) : -1;

	if (__real_fchmod(fd, mode) < 0)
		return -1;
	if (i >= 0) {
		rec.inodes[i].mode = mode;
		happened();
	}
	return 0;
}

ssize_t __wrap_write(int fd, const void *p, size_t n)
{
	const int at = rec.on ? inode_at(fd) : -1;
	struct inode *i;
	ssize_t put;

	put = __real_write(fd, p,
			   at >= 0 && n > 100 ? n - 50 : n); /* in two, now and then */
	if (at < 0 || put <= 0)
		return put;
	i = &rec.inodes[at];
	i->p = realloc(i->p, i->n + (size_t)put);
	assert_non_null(i->p);
	memcpy(i->p + i->n, p, (size_t)put);
	i->n += (size_t)put;
	happened();
	return put;
}

static void count_site(const void *at, bool folder)
{
	struct power_result *r = &rec.result;
	unsigned i = 0;

	while (i < r->site_count && r->sites[i].at != at)
		i++;
	assert_true(i < sizeof r->sites / sizeof *r->sites);
	if (i == r->site_count)
		r->sites[r->site_count++] = (struct power_site){at, folder, 0};
	r->sites[i].calls++;
}

int __wrap_fsync(int fd)
{
	const void *at = __builtin_return_address(0);
	const int i = rec.on ? inode_at(fd) : -1;
	struct inode *in;

	if (i < 0)
		return __real_fsync(fd);
	in = &rec.inodes[i];
	count_site(at, in->folder);
	if (at == rec.test.ignore)
		return 0;
	if (__real_fsync(fd) < 0)
		return -1;
	in->durable_n = in->n;
	in->durable_mode = in->mode;
	if (in->folder)
		settle(i, UINT32_MAX);
	happened();
	return 0;
}

static int renamed(int dir, const char *a, const char *b, unsigned flags)
{
	const int folder = inode_at(dir), x = inode_named(dir, a);
	const int y = (flags & RENAME_EXCHANGE) != 0 ? inode_named(dir, b) : -1;
	struct change c = {.count = 2, .gone = -1};

	if (__real_renameat2(dir, a, dir, b, flags) < 0)
		return -1;
	c.set[0] = entry(folder, b, x);
	c.set[1] = entry(folder, a, y);
	changed(&c);
	return 0;
}

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	if (!rec.on)
		return __real_renameat(from_dir, from, to_dir, to);
	assert_int_equal(from_dir, to_dir);
	return renamed(from_dir, from, to, 0);
}

int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to,
		     unsigned flags)
{
	if (rec.test.no_swap && flags != 0) {
		errno = EINVAL;
		return -1;
	}
	if (!rec.on)
		return __real_renameat2(from_dir, from, to_dir, to, flags);
	assert_int_equal(from_dir, to_dir);
	return renamed(from_dir, from, to, flags);
}

int __wrap_unlinkat(int dir, const char *name, int flags)
{
	struct change c = {.count = 1, .gone = -1};
	int i;

	if (!rec.on)
		return __real_unlinkat(dir, name, flags);
	i = inode_named(dir, name);
	if (__real_unlinkat(dir, name, flags) < 0)
		return -1;
	c.set[0] = entry(inode_at(dir), name, -1);
	if (flags == AT_REMOVEDIR)
		c.gone = i;
	changed(&c);
	return 0;
}
