/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the store does when the machine gives out: every system call of a commit fails in
 * turn, with each error that it can have. And the order of the calls, without which a power
 * loss would take an acknowledged change along. The linker puts the functions below between
 * the store and libc (--wrap).
 */
#include "store/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_folder.h"

/* The letters of a trace. */
enum call {
	CALL_OPEN = 'o',
	CALL_LOOK = 's',
	CALL_STAT = 'S',
	CALL_CHMOD = 'm',
	CALL_WRITE = 'w',
	CALL_SYNC = 'f', /* of a file */
	CALL_RENAME = 'r',
	CALL_SYNC_DIR = 'd',
	CALL_UNLINK = 'u',
	CALL_MKDIR = 'k',
};

static struct {
	bool on;
	enum call call; /* which kind fails */
	unsigned skip;  /* so many of them succeed before */
	unsigned times; /* then so many fail */
	int error;
	bool shorten;               /* every write writes half at most */
	bool no_swap;               /* two folders cannot change places */
	const struct fixture *edit; /* whose file somebody else edits meanwhile */
	char trace[256];
	size_t n;
	const char *failed; /* in the trace, the last call that failed */
} plan;

/* True: the call is to fail. */
static bool fails(enum call call)
{
	if (!plan.on)
		return false;
	if (plan.n < sizeof plan.trace - 1)
		plan.trace[plan.n++] = (char)call;
	if (call != plan.call || plan.times == 0)
		return false;
	if (plan.skip > 0) {
		plan.skip--;
		return false;
	}
	plan.times--;
	plan.failed = &plan.trace[plan.n - 1];
	errno = plan.error;
	return true;
}

static void plan_start(enum call call, unsigned skip, unsigned times, int error)
{
	memset(&plan, 0, sizeof plan);
	plan.call = call;
	plan.skip = skip;
	plan.times = times;
	plan.error = error;
	plan.on = true;
}

int __real_openat(int dir, const char *name, int flags, ...);
int __real_openat64(int dir, const char *name, int flags, ...);
int __real_fstatat(int dir, const char *name, struct stat *st, int flags);
int __real_fstatat64(int dir, const char *name, struct stat *st, int flags);
int __real_fstat(int fd, struct stat *st);
int __real_fstat64(int fd, struct stat *st);
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
int __wrap_fstatat(int dir, const char *name, struct stat *st, int flags);
int __wrap_fstatat64(int dir, const char *name, struct stat *st, int flags);
int __wrap_fstat(int fd, struct stat *st);
int __wrap_fstat64(int fd, struct stat *st);
int __wrap_fchmod(int fd, mode_t mode);
ssize_t __wrap_write(int fd, const void *p, size_t n);
int __wrap_fsync(int fd);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to,
		     unsigned flags);
int __wrap_unlinkat(int dir, const char *name, int flags);
int __wrap_mkdirat(int dir, const char *name, mode_t mode);

int __wrap_openat(int dir, const char *name, int flags, mode_t mode)
{
	return fails(CALL_OPEN) ? -1 : __real_openat(dir, name, flags, mode);
}

int __wrap_openat64(int dir, const char *name, int flags, mode_t mode)
{
	return fails(CALL_OPEN) ? -1 : __real_openat64(dir, name, flags, mode);
}

int __wrap_fstatat(int dir, const char *name, struct stat *st, int flags)
{
	return fails(CALL_LOOK) ? -1 : __real_fstatat(dir, name, st, flags);
}

int __wrap_fstatat64(int dir, const char *name, struct stat *st, int flags)
{
	return fails(CALL_LOOK) ? -1 : __real_fstatat64(dir, name, st, flags);
}

int __wrap_fstat(int fd, struct stat *st)
{
	return fails(CALL_STAT) ? -1 : __real_fstat(fd, st);
}

int __wrap_fstat64(int fd, struct stat *st)
{
	return fails(CALL_STAT) ? -1 : __real_fstat64(fd, st);
}

int __wrap_fchmod(int fd, mode_t mode)
{
	return fails(CALL_CHMOD) ? -1 : __real_fchmod(fd, mode);
}

ssize_t __wrap_write(int fd, const void *p, size_t n)
{
	if (fails(CALL_WRITE))
		return plan.error == 0 ? 0 : -1;
	return __real_write(fd, p, plan.on && plan.shorten ? (n + 1) / 2 : n);
}

int __wrap_fsync(int fd)
{
	struct stat st;

	assert_int_equal(__real_fstat64(fd, &st), 0);
	if (plan.edit != NULL)
		fixture_write_text(plan.edit, "a.json", "[]");
	return fails(S_ISDIR(st.st_mode) ? CALL_SYNC_DIR : CALL_SYNC) ? -1
								      : __real_fsync(fd);
}

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return fails(CALL_RENAME) ? -1 : __real_renameat(from_dir, from, to_dir, to);
}

int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to,
		     unsigned flags)
{
	if (plan.no_swap && flags != 0) {
		errno = EINVAL;
		return -1;
	}
	return fails(CALL_RENAME) ? -1
				  : __real_renameat2(from_dir, from, to_dir, to, flags);
}

int __wrap_unlinkat(int dir, const char *name, int flags)
{
	return fails(CALL_UNLINK) ? -1 : __real_unlinkat(dir, name, flags);
}

int __wrap_mkdirat(int dir, const char *name, mode_t mode)
{
	return fails(CALL_MKDIR) ? -1 : __real_mkdirat(dir, name, mode);
}

/* The calls that keep data, in order; each kind of call once in a row is as good as often.
 */
static const char *order(void)
{
	static char ret[sizeof plan.trace];
	size_t n = 0;

	for (size_t i = 0; i < plan.n; i++)
		if (strchr("wfrd", plan.trace[i]) != NULL &&
		    (plan.trace[i] != 'w' || n == 0 || ret[n - 1] != 'w'))
			ret[n++] = plan.trace[i];
	ret[n] = 0;
	return ret;
}

/* @name holds exactly what @v would be written as. */
static void assert_on_disk(const struct fixture *f, const char *want)
{
	size_t n;
	char *text = fixture_read(f, "a.json", &n);

	assert_non_null(text);
	assert_string_equal(text, want);
	assert_int_equal(n, strlen(want));
	free(text);
}

/* A store whose file somebody has given another mode, so that commits take every path. */
static void start(struct fixture *f)
{
	memset(&plan, 0, sizeof plan);
	fixture_init(f, "a.json");
	fixture_write_text(f, "a.json", "{\"version\": 2, \"variables\": []}");
	assert_int_equal(chmod(f->path, 0640), 0);
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(fixture_set(f, u"A", NV, "first"), EFI_SUCCESS);
	assert_int_equal(fixture_set(f, u"V", BS, "first"), EFI_SUCCESS);
}

/* write before fsync of the file before rename before fsync of the folder, each time. */
static void power_loss_order(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	plan_start(0, 0, 0, 0);
	assert_int_equal(fixture_set(&f, u"A", NV, "second"), EFI_SUCCESS);
	assert_string_equal(order(), "wfrd");
	plan_start(0, 0, 0, 0);
	assert_int_equal(fixture_set(&f, u"A", NV, ""), EFI_SUCCESS);
	assert_string_equal(order(), "wfrd");
	/* STORE.run need not survive the host, so it does not wait for the disk */
	plan_start(0, 0, 0, 0);
	assert_int_equal(fixture_set(&f, u"V", BS, "second"), EFI_SUCCESS);
	assert_string_equal(order(), "wr");
	fixture_close(&f);

	/* a new store */
	assert_int_equal(unlink(f.path), 0);
	assert_int_equal(fixture_open(&f), 0);
	plan_start(0, 0, 0, 0);
	assert_int_equal(fixture_set(&f, u"A", NV, "x"), EFI_SUCCESS);
	assert_string_equal(order(), "wfrd");
	fixture_close(&f);

	/* the original is kept for good before it is replaced */
	fixture_write_text(&f, "a.json", "{\"version\": 2, \"variables\": [], \"x\": 1}");
	assert_int_equal(fixture_open(&f), 0);
	plan_start(0, 0, 0, 0);
	assert_int_equal(fixture_set(&f, u"A", NV, "x"), EFI_SUCCESS);
	assert_string_equal(order(), "wfrdwfrd");
	plan.on = false;
	fixture_fini(&f);
}

static const struct {
	enum call call;
	int error; /* 0: a write that writes nothing, and does not say why */
} faults[] = {
	{CALL_OPEN, EACCES},  {CALL_OPEN, EMFILE},  {CALL_LOOK, EIO},
	{CALL_STAT, EIO},     {CALL_CHMOD, EPERM},  {CALL_WRITE, ENOSPC},
	{CALL_WRITE, EIO},    {CALL_WRITE, EDQUOT}, {CALL_SYNC, EIO},
	{CALL_SYNC, ENOSPC},  {CALL_RENAME, EROFS}, {CALL_RENAME, EIO},
	{CALL_SYNC_DIR, EIO}, {CALL_WRITE, 0},
};

static const char *text_of(size_t fault)
{
	return strerror(faults[fault].error != 0 ? faults[fault].error : ENOSPC);
}

/* One change while the @skip-th call of a kind fails. False: there is no such call. */
static bool one_durable_fault(size_t fault, unsigned skip)
{
	struct fixture f;
	char *before, *after;
	EFI_STATUS status;
	bool renamed;
	size_t calls;

	start(&f);
	before = fixture_nv_text(f.v);
	plan_start(faults[fault].call, skip, 1, faults[fault].error);
	plan.shorten = true;
	status = fixture_set(&f, u"B", NV, "second");
	plan.on = false;
	calls = strlen(order());
	renamed = strchr(plan.trace, 'r') != NULL && faults[fault].call != CALL_RENAME;
	if (plan.times > 0) { /* nothing has failed */
		assert_int_equal(status, EFI_SUCCESS);
		assert_string_equal(fixture_get(&f, u"B"), "second");
	} else {
		assert_int_equal(status, EFI_DEVICE_ERROR);
		assert_string_equal(fixture_get(&f, u"B"), "");
		after = fixture_nv_text(f.v);
		assert_string_equal(after, before);
		free(after);
		assert_non_null(strstr(f.log, text_of(fault)));
		assert_non_null(strstr(f.log, f.path));
		assert_false(fixture_has(&f, "a.json.tmp"));
		/* a call after the rename leaves the outcome open, any other does not */
		assert_int_equal(strstr(f.log, "undone on disk before the next one") !=
					 NULL,
				 renamed);
		if (!renamed)
			assert_on_disk(&f, before);
	}
	assert_true(calls > 0 || faults[fault].call == CALL_OPEN ||
		    faults[fault].call == CALL_LOOK);

	/* and all is well again */
	plan_start(0, 0, 0, 0);
	assert_int_equal(fixture_set(&f, u"C", NV, "third"), EFI_SUCCESS);
	assert_string_equal(order(), plan.times == 0 && renamed && EFI_ERROR(status)
					     ? "wfrdwfrd"
					     : "wfrd");
	plan.on = false;
	after = fixture_nv_text(f.v);
	assert_on_disk(&f, after);
	free(after);
	free(before);
	fixture_fini(&f);
	return EFI_ERROR(status);
}

static void durable_faults(void **state)
{
	unsigned failed = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(faults); i++) {
		unsigned skip = 0;

		while (one_durable_fault(i, skip))
			skip++;
		assert_true(skip > 0); /* each of them is called */
		failed += skip;
	}
	assert_true(failed >= 20);
}

static bool one_run_fault(size_t fault, unsigned skip)
{
	struct fixture f;
	char *text;
	EFI_STATUS status;

	start(&f);
	plan_start(faults[fault].call, skip, 1, faults[fault].error);
	plan.shorten = true;
	status = fixture_set(&f, u"V", BS, "second");
	plan.on = false;
	if (plan.times > 0)
		assert_int_equal(status, EFI_SUCCESS);
	else
		assert_int_equal(status, EFI_DEVICE_ERROR);
	assert_string_equal(fixture_get(&f, u"V"), EFI_ERROR(status) ? "first" : "second");
	assert_false(fixture_has(&f, "a.json.run.tmp"));
	text = fixture_nv_text(f.v);
	assert_on_disk(&f, text);
	free(text);
	fixture_close(&f);
	assert_int_equal(fixture_open(&f), 0);
	assert_string_equal(fixture_get(&f, u"V"), EFI_ERROR(status) ? "first" : "second");
	fixture_fini(&f);
	return EFI_ERROR(status);
}

static void run_faults(void **state)
{
	unsigned failed = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(faults); i++) {
		unsigned skip = 0;

		while (one_run_fault(i, skip))
			skip++;
		failed += skip;
	}
	assert_true(failed >= 8);
}

/* The folder's fsync fails, again and again: nothing is taken, and what is on disk goes
 * back to what was acknowledged. */
static void unknown_outcome(void **state)
{
	struct fixture f;
	char *acked, *text;

	(void)state;
	start(&f);
	acked = fixture_nv_text(f.v);
	plan_start(CALL_SYNC_DIR, 0, 3, EIO);
	assert_int_equal(fixture_set(&f, u"B", NV, "b"), EFI_DEVICE_ERROR);
	text = fixture_read(&f, "a.json", NULL);
	assert_non_null(strstr(text, "\"B\"")); /* in flight: may be there or not */
	free(text);
	plan.n = 0;
	assert_int_equal(fixture_set(&f, u"C", NV, "c"), EFI_DEVICE_ERROR);
	assert_string_equal(order(), "wfrd"); /* the rewrite, and no more than that */
	assert_on_disk(&f, acked);
	assert_int_equal(fixture_set(&f, u"C", NV, "c"), EFI_DEVICE_ERROR);
	assert_on_disk(&f, acked);
	assert_string_equal(fixture_get(&f, u"C"), "");
	plan.n = 0;
	assert_int_equal(fixture_set(&f, u"C", NV, "c"), EFI_SUCCESS);
	assert_string_equal(order(), "wfrdwfrd");
	plan.on = false;
	free(acked);
	fixture_close(&f);
	assert_int_equal(fixture_open(&f), 0);
	assert_string_equal(fixture_get(&f, u"C"), "c");
	assert_string_equal(fixture_get(&f, u"B"), "");
	fixture_fini(&f);
}

/* Somebody else is quicker than the disk. */
static void edited_meanwhile(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	plan_start(0, 0, 0, 0);
	plan.edit = &f;
	assert_int_equal(fixture_set(&f, u"B", NV, "b"), EFI_DEVICE_ERROR);
	plan.edit = NULL;
	assert_string_equal(order(), "wf");
	assert_non_null(strstr(f.log, "changed by somebody else"));
	assert_int_equal(fixture_set(&f, u"B", NV, "b"), EFI_DEVICE_ERROR);
	plan.on = false;
	assert_on_disk(&f, "[]");
	assert_false(fixture_has(&f, "a.json.tmp"));
	fixture_fini(&f);
}

/* The rewrite cannot be made either: still nothing is taken. */
static void unknown_and_full(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	plan_start(CALL_SYNC_DIR, 0, 1, EIO);
	assert_int_equal(fixture_set(&f, u"B", NV, "b"), EFI_DEVICE_ERROR);
	plan_start(CALL_WRITE, 0, 1, ENOSPC);
	assert_int_equal(fixture_set(&f, u"C", NV, "c"), EFI_DEVICE_ERROR);
	plan_start(0, 0, 0, 0);
	assert_int_equal(fixture_set(&f, u"C", NV, "c"), EFI_SUCCESS);
	assert_string_equal(order(), "wfrdwfrd");
	plan.on = false;
	fixture_fini(&f);
}

static void interrupted(void **state)
{
	static const enum call calls[] = {CALL_OPEN, CALL_WRITE, CALL_SYNC, CALL_SYNC_DIR};
	struct fixture f;

	(void)state;
	start(&f);
	for (size_t i = 0; i < COUNT(calls); i++) {
		char value[2] = {(char)('a' + i), 0};

		plan_start(calls[i], 0, 3, EINTR);
		assert_int_equal(fixture_set(&f, u"B", NV, value), EFI_SUCCESS);
		assert_int_equal(plan.times, 0);
	}
	plan.on = false;
	assert_string_equal(f.log, "");
	fixture_fini(&f);
}

/* A change of both parts is made in both or in none: an import of two variables. */
static void both_or_none(void **state)
{
	static const CHAR16 nv[] = u"N", vol[] = u"W";
	const struct rts_var vars[] = {
		{.guid = fixture_guid,
		 .attr = NV,
		 .name = nv,
		 .name_len = sizeof nv,
		 .data = (const uint8_t *)"n",
		 .data_len = 1},
		{.guid = fixture_guid,
		 .attr = BS,
		 .name = vol,
		 .name_len = sizeof vol,
		 .data = (const uint8_t *)"w",
		 .data_len = 1},
	};
	struct fixture f;

	(void)state;
	for (unsigned skip = 0; skip < 2; skip++) { /* STORE.run's write, then STORE's */
		memset(&plan, 0, sizeof plan);
		fixture_init(&f, "a.json");
		assert_int_equal(fixture_open(&f), 0);
		assert_int_equal(rts_vars_end_of_dxe(f.v), EFI_SUCCESS);
		assert_int_equal(rts_vars_import_begin(f.v), EFI_SUCCESS);
		for (size_t i = 0; i < COUNT(vars); i++)
			assert_int_equal(rts_vars_import_add(f.v, &vars[i]), EFI_SUCCESS);
		plan_start(CALL_WRITE, skip, 1, EIO);
		assert_int_equal(rts_vars_import_end(f.v), EFI_DEVICE_ERROR);
		assert_int_equal(plan.times, 0);
		plan.on = false;
		assert_string_equal(fixture_get(&f, nv), "");
		assert_string_equal(fixture_get(&f, vol), "");
		fixture_close(&f);
		assert_int_equal(fixture_open(&f), 0);
		assert_string_equal(fixture_get(&f, nv), "");
		assert_string_equal(fixture_get(&f, vol), "");
		assert_true(rts_vars_phase(f.v).end_of_dxe);
		fixture_fini(&f);
	}
}

/* Opening and reading: an error is an error, and not an empty store. */
static void reading_faults(void **state)
{
	static const enum call calls[] = {CALL_OPEN, CALL_STAT};
	struct fixture f;

	(void)state;
	start(&f);
	fixture_close(&f);
	for (size_t i = 0; i < COUNT(calls); i++) {
		for (unsigned skip = 0;; skip++) {
			int r;

			plan_start(calls[i], skip, 1, EIO);
			r = fixture_open(&f);
			plan.on = false;
			if (plan.times > 0) {
				assert_true(skip >= 3);
				assert_int_equal(r, 0);
				break;
			}
			if (r == 0) { /* the boot's id, or STORE.run */
				assert_false(store_had_run(f.s));
				assert_string_equal(fixture_get(&f, u"A"), "first");
			} else {
				assert_int_equal(r, -EIO);
				assert_non_null(strstr(f.d.text, f.path));
			}
			fixture_close(&f);
		}
		assert_string_equal(fixture_get(&f, u"A"), "first");
		assert_true(store_had_run(f.s));
		fixture_close(&f);
	}
	fixture_fini(&f);
}

/* All kinds of store, as `vars` has them. */
static const struct kind {
	const char *label, *file, *tmp;
	bool is_new, no_swap;
} kinds[] = {
	{"JSON", "a.json", "a.json.tmp", false, false},
	{"new JSON", "a.json", "a.json.tmp", true, false},
	{"flash", "a.fd", "a.fd.tmp", false, false},
	{"new flash", "a.fd", "a.fd.tmp", true, false},
	{"folder", "vars", "vars.tmp", false, false},
	{"new folder", "vars/", "vars.tmp", true, false},
	{"folder without swap", "vars", "vars.tmp", false, true},
};

static char *listed(const struct rts_vars *v)
{
	struct store_text t = {0};
	struct diag d;

	assert_int_equal(store_folder_write(rts_vars_current(v), "", &t, &d), 0);
	for (size_t i = 0; i < t.n; i++) /* comparable as text */
		t.p[i] = (char)(t.p[i] == 0 ? 1 : t.p[i]);
	assert_true(store_text_reserve(&t, 1));
	t.p[t.n] = 0;
	return t.p;
}

/* What somebody reads there who comes now. */
static char *listed_on_disk(const struct fixture *f)
{
	struct fixture reader = *f;
	char *text;

	reader.s = NULL;
	reader.v = NULL;
	reader.use = STORE_READ;
	if (access(f->path, F_OK) < 0)
		return strdup("");
	if (fixture_open(&reader) < 0)
		fail_msg("%s", reader.d.text);
	text = listed(reader.v);
	fixture_close(&reader);
	return text;
}

static void kind_init(struct fixture *f, const struct kind *kind)
{
	memset(&plan, 0, sizeof plan);
	plan.no_swap = kind->no_swap;
	fixture_init(f, kind->file);
	f->use = STORE_EDIT;
	if (!kind->is_new && strcmp(kind->file, "vars") == 0)
		assert_int_equal(mkdir(f->path, 0750), 0);
	assert_int_equal(fixture_open(f), 0);
	if (!kind->is_new) {
		assert_int_equal(fixture_set(f, u"A", NV, "first"), EFI_SUCCESS);
		assert_int_equal(fixture_set(f, u"C", NV, "other"), EFI_SUCCESS);
		assert_int_equal(chmod(f->path, 0750), 0);
		fixture_close(f); /* its mode counts as an edit */
		assert_int_equal(fixture_open(f), 0);
	}
}

static void kind_fini(struct fixture *f)
{
	const int dir = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	memset(&plan, 0, sizeof plan);
	fixture_close(f);
	if (strstr(f->path, "/vars") != NULL)
		assert_int_equal(store_folder_remove(dir, "vars"), 0);
	close(dir);
	fixture_fini(f);
}

/* A new variable, another value, none. */
static EFI_STATUS edit(struct fixture *f, unsigned which)
{
	return fixture_set(f, which == 0 ? u"B" : u"A", NV, which == 2 ? "" : "second");
}

static bool one_kind_fault(const struct kind *kind, unsigned which, enum call call,
			   int error, unsigned skip)
{
	struct fixture f;
	char *before, *after, *now;
	EFI_STATUS status;
	bool failed, unknown;

	kind_init(&f, kind);
	before = listed(f.v);
	plan_start(call, skip, 1, error);
	plan.shorten = true;
	plan.no_swap = kind->no_swap;
	status = edit(&f, which);
	plan.on = false;
	failed = plan.times == 0;
	after = listed(f.v);
	now = listed_on_disk(&f);
	unknown = strstr(f.log, "undone on disk before the next one") != NULL;
	/* what comes after the last fsync of a folder only removes what was there before */
	if (EFI_ERROR(status) != failed &&
	    (EFI_ERROR(status) || plan.failed < strrchr(plan.trace, CALL_SYNC_DIR)))
		fail_msg("%s, edit %u, call %c %u: %s", kind->label, which, call, skip,
			 f.log);
	if (EFI_ERROR(status)) {
		assert_int_equal(status, EFI_DEVICE_ERROR);
		assert_string_equal(after, before);
		if (strstr(f.log, strerror(error != 0 ? error : ENOSPC)) == NULL)
			fail_msg("%s, edit %u, call %c %u: %s", kind->label, which, call,
				 skip, f.log);
		if (!unknown)
			assert_string_equal(now, before);
		if (!unknown && call != CALL_UNLINK)
			assert_false(fixture_has(&f, kind->tmp));
	} else {
		assert_string_equal(now, after);
		assert_string_not_equal(after, before);
	}
	free(before);
	free(after);
	free(now);

	/* and all is well again */
	if (fixture_set(&f, u"D", NV, "third") != EFI_SUCCESS)
		fail_msg("%s, edit %u, call %c %u, then: %s", kind->label, which, call,
			 skip, f.log);
	after = listed(f.v);
	now = listed_on_disk(&f);
	assert_string_equal(now, after);
	assert_false(fixture_has(&f, kind->tmp));
	free(after);
	free(now);
	kind_fini(&f);
	return failed;
}

static void every_kind(void **state)
{
	static const struct {
		enum call call;
		int error;
	} more[] = {{CALL_MKDIR, ENOSPC}, {CALL_MKDIR, EIO}, {CALL_UNLINK, EIO}};

	(void)state;
	for (size_t k = 0; k < COUNT(kinds); k++)
		for (unsigned which = 0; which < (kinds[k].is_new ? 1 : 3); which++) {
			unsigned failed = 0;

			for (size_t i = 0; i < COUNT(faults) + COUNT(more); i++) {
				const size_t j = i - COUNT(faults);
				const bool first = i < COUNT(faults);
				unsigned skip = 0;

				while (one_kind_fault(
					&kinds[k], which,
					first ? faults[i].call : more[j].call,
					first ? faults[i].error : more[j].error, skip))
					skip++;
				failed += skip;
			}
			print_message("# %s: %u calls failed\n", kinds[k].label, failed);
			assert_true(failed >= 20);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(power_loss_order), cmocka_unit_test(durable_faults),
		cmocka_unit_test(run_faults),       cmocka_unit_test(unknown_outcome),
		cmocka_unit_test(unknown_and_full), cmocka_unit_test(interrupted),
		cmocka_unit_test(both_or_none),     cmocka_unit_test(edited_meanwhile),
		cmocka_unit_test(reading_faults),   cmocka_unit_test(every_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
