/* SPDX-License-Identifier: BSD-2-Clause */
/* A folder like efivarfs, and the files .auth and .esl. */
#include "store/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store_auth.h"
#include "store/store_folder.h"
#include "uefi/guids.h"

#define GUID "-11111111-2222-3333-4444-555555555555"

/*
 * The calls that change a folder: one of them is the last of a process that is killed, or
 * fails with EIO; a file system may be unable to swap folders.
 */
static int swap_errno;
static enum fault { OFF, DIE, FAIL } fault;
static unsigned fault_at, calls;

static bool faulty(void)
{
	if (fault == OFF || calls++ != fault_at)
		return false;
	if (fault == DIE)
		_exit(77);
	errno = EIO;
	return true;
}

#define WRAP(name, params, args)           \
	int __real_##name params;          \
	int __wrap_##name params;          \
	int __wrap_##name params           \
	{                                  \
		if (faulty())              \
			return -1;         \
		return __real_##name args; \
	}
WRAP(mkdirat, (int dir, const char *name, mode_t mode), (dir, name, mode))
WRAP(renameat, (int from, const char *a, int to, const char *b), (from, a, to, b))
WRAP(unlinkat, (int dir, const char *name, int flags), (dir, name, flags))
WRAP(fsync, (int fd), (fd))
WRAP(fchmod, (int fd, mode_t mode), (fd, mode))

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n)
{
	return faulty() ? -1 : __real_write(fd, p, n);
}

int __real_renameat2(int, const char *, int, const char *, unsigned);
int __wrap_renameat2(int from, const char *a, int to, const char *b, unsigned flags);
int __wrap_renameat2(int from, const char *a, int to, const char *b, unsigned flags)
{
	if (swap_errno != 0)
		errno = swap_errno;
	return swap_errno != 0 || faulty() ? -1 : __real_renameat2(from, a, to, b, flags);
}

static void folder_fini(struct fixture *f)
{
	const int dir = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	fixture_close(f);
	assert_int_equal(store_folder_remove(dir, "vars"), 0);
	close(dir);
	fixture_fini(f);
}

static void folder_init(struct fixture *f, enum store_use use)
{
	fixture_init(f, "vars/");
	f->quota = UINT64_MAX;
	f->use = use;
	swap_errno = 0;
}

static void is_file(const struct fixture *f, const char *name, const char *want, size_t n)
{
	char path[300];
	char *got;
	size_t len;

	snprintf(path, sizeof path, "vars/%s", name);
	got = fixture_read(f, path, &len);
	assert_non_null(got);
	assert_int_equal(len, n);
	assert_memory_equal(got, want, n);
	free(got);
}

/* Who has the folder and its files, and what they may do, outlives a change. */
static void owner_and_mode(void **state)
{
	const bool root = geteuid() == 0;
	struct fixture f;
	struct stat st;
	char path[200];

	(void)state;
	folder_init(&f, STORE_EDIT);
	assert_int_equal(fixture_open(&f), 0);
	assert_int_equal(fixture_set(&f, u"A", NV, "one"), EFI_SUCCESS);
	snprintf(path, sizeof path, "%sA" GUID, f.path);
	assert_int_equal(chmod(path, 0644), 0);
	if (root)
		assert_true(chown(path, 1234, 5678) == 0 &&
			    chown(f.path, 65534, 5678) == 0);
	assert_int_equal(fixture_set(&f, u"B", NV, "two"), EFI_SUCCESS);
	assert_int_equal(fixture_set(&f, u"A", NV, "new"), EFI_SUCCESS);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_true(!root || (st.st_uid == 1234 && st.st_gid == 5678));
	path[strlen(path) - strlen("A" GUID)] = 'B';
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true(!root || (st.st_uid == 65534 && st.st_gid == 5678));
	assert_int_equal(stat(f.path, &st), 0);
	assert_true(!root || (st.st_uid == 65534 && st.st_gid == 5678));
	folder_fini(&f);
}

/* New, changed, and read again; the same where folders cannot be swapped. */
static void there_and_back(void **state)
{
	struct fixture f;
	struct stat st;

	(void)state;
	for (int swaps = 0; swaps < 2; swaps++) {
		folder_init(&f, STORE_EDIT);
		swap_errno = swaps ? 0 : EINVAL;
		assert_int_equal(fixture_open(&f), 0);
		assert_int_equal(fixture_set(&f, u"B", NV, "two"), EFI_SUCCESS);
		assert_int_equal(stat(f.path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0700);
		assert_int_equal(chmod(f.path, 0750), 0);
		assert_int_equal(fixture_set(&f, u"A", NV, "one"), EFI_SUCCESS);
		assert_int_equal(fixture_set(&f, u"\u00e4\u20ac", NV, "umlaut"),
				 EFI_SUCCESS);
		assert_int_equal(fixture_set(&f, u"B", NV, "new"), EFI_SUCCESS);
		assert_int_equal(fixture_set(&f, u"Gone", NV, "x"), EFI_SUCCESS);
		assert_int_equal(fixture_set(&f, u"Gone", NV, ""), EFI_SUCCESS);
		assert_int_equal(stat(f.path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0750);
		fixture_close(&f);
		is_file(&f, "A" GUID, "\7\0\0\0one", 7);
		is_file(&f, "B" GUID, "\7\0\0\0new", 7);
		is_file(&f, "\xc3\xa4\xe2\x82\xac" GUID, "\7\0\0\0umlaut", 10);
		assert_false(fixture_has(&f, "vars/Gone" GUID));
		assert_int_equal(fixture_count(&f), 2); /* itself and .lock */

		f.use = STORE_READ;
		f.path[strlen(f.path) - 1] = 0; /* the slash is for new ones */
		assert_int_equal(fixture_open(&f), 0);
		assert_string_equal(fixture_get(&f, u"A"), "one");
		assert_string_equal(fixture_get(&f, u"B"), "new");
		assert_string_equal(fixture_get(&f, u"\u00e4\u20ac"), "umlaut");
		assert_int_equal(fixture_set(&f, u"A", NV, "x"), EFI_DEVICE_ERROR);
		folder_fini(&f);
	}
}

/* What efivarfs shows of a machine: computed and volatile variables, too. */
static void of_a_machine(void **state)
{
	struct fixture f;

	(void)state;
	folder_init(&f, STORE_READ);
	assert_int_equal(mkdir(f.path, 0700), 0);
	fixture_write(&f, "vars/SetupMode-8be4df61-93ca-11d2-aa0d-00e098032b8c",
		      "\6\0\0\0\0", 5);
	fixture_write(&f, "vars/V" GUID, "\6\0\0\0v", 5);
	fixture_write(&f, "vars/a-b" GUID, "\7\0\0\0dash", 8);
	assert_int_equal(fixture_open(&f), 0);
	assert_string_equal(fixture_get(&f, u"V"), "v");
	assert_string_equal(fixture_get(&f, u"a-b"), "dash");
	folder_fini(&f);
}

static void refused(void **state)
{
	static const struct {
		const char *name, *content;
		size_t n;
		const char *want;
	} cases[] = {
		{"README", "x", 1, ": 'README' is not the name of a variable: NAME-GUID"},
		{GUID, "\7\0\0\0x", 5, " is not the name of a variable"},
		{"A-11111111-2222-3333-4444-55555555555", "\7\0\0\0x", 5,
		 " is not the name"},
		{"A.11111111-2222-3333-4444-555555555555", "\7\0\0\0x", 5, " is not the"},
		{"\xff" GUID, "\7\0\0\0x", 5, " is not the name of a variable"},
		{"A" GUID, "\7\0\0", 3, "/A" GUID ": 3 bytes, too short for attributes"},
		{"A" GUID, "", 0, "/A" GUID ": 0 bytes, too short for attributes"},
		{"A" GUID, "\x87\0\0\0x", 5,
		 "/A" GUID ": cannot be a variable: attributes 0x87, 1 bytes of data"},
		{"A" GUID, "\5\0\0\0x", 5, ": cannot be a variable: attributes 0x5"},
	};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char path[300];

		folder_init(&f, STORE_EDIT);
		assert_int_equal(mkdir(f.path, 0700), 0);
		snprintf(path, sizeof path, "vars/%s", cases[i].name);
		fixture_write(&f, path, cases[i].content, cases[i].n);
		assert_int_equal(fixture_open(&f), -EINVAL);
		if (strstr(f.d.text, cases[i].want) == NULL)
			fail_msg("%s: %s", cases[i].name, f.d.text);
		assert_int_equal(fixture_set(&f, u"B", NV, "b"), EFI_DEVICE_ERROR);
		assert_true(fixture_has(&f, path));
		folder_fini(&f);
	}
	folder_init(&f, STORE_READ);
	assert_int_equal(mkdir(f.path, 0700), 0);
	assert_int_equal(symlink("/etc/passwd", fixture_path(&f, "vars/A" GUID)), 0);
	assert_true(fixture_open(&f) < 0);
	assert_int_equal(unlink(fixture_path(&f, "vars/A" GUID)), 0);
	fixture_close(&f);
	assert_int_equal(mkdir(fixture_path(&f, "vars/A" GUID), 0700), 0);
	assert_int_equal(fixture_open(&f), -EISDIR);
	assert_int_equal(rmdir(fixture_path(&f, "vars/A" GUID)), 0);
	folder_fini(&f);
	folder_init(&f, STORE_SERVE);
	assert_int_equal(fixture_open(&f), -EISDIR);
	fixture_fini(&f);
}

static void names(void **state)
{
	struct fixture f;
	CHAR16 name[300];

	(void)state;
	folder_init(&f, STORE_EDIT);
	assert_int_equal(fixture_open(&f), 0);
	assert_int_equal(fixture_set(&f, u"a/b", NV, "x"), EFI_DEVICE_ERROR);
	assert_non_null(strstr(f.log, "a/b" GUID " cannot be a file's name"));
	assert_int_equal(fixture_set(&f, u"..", NV, "x"), EFI_SUCCESS);
	for (size_t n = 212; n < 218; n++) {
		for (size_t i = 0; i < n; i++)
			name[i] = u'n';
		name[n] = 0;
		assert_int_equal(fixture_set(&f, name, NV, "x"),
				 n <= 214 ? EFI_SUCCESS : EFI_DEVICE_ERROR);
	}
	fixture_close(&f);
	assert_int_equal(fixture_open(&f), 0);
	name[214] = 0;
	assert_string_equal(fixture_get(&f, name), "x");
	assert_string_equal(fixture_get(&f, u".."), "x");
	folder_fini(&f);
}

/* Somebody else's edits stay; a swap that does not work leaves all as it was. */
static void edits_and_errors(void **state)
{
	struct fixture f;

	(void)state;
	folder_init(&f, STORE_EDIT);
	assert_int_equal(fixture_open(&f), 0);
	assert_int_equal(fixture_set(&f, u"A", NV, "1"), EFI_SUCCESS);
	swap_errno = EIO;
	assert_int_equal(fixture_set(&f, u"A", NV, "2"), EFI_DEVICE_ERROR);
	is_file(&f, "A" GUID,
		"\7\0\0\0"
		"1",
		5);
	assert_int_equal(fixture_count(&f), 2); /* nothing is left beside it */
	swap_errno = 0;
	fixture_write(&f, "vars/B" GUID, "\7\0\0\0b", 5);
	assert_int_equal(fixture_set(&f, u"A", NV, "2"), EFI_DEVICE_ERROR);
	assert_non_null(strstr(f.log, "changed by somebody else"));
	is_file(&f, "B" GUID, "\7\0\0\0b", 5);
	is_file(&f, "A" GUID,
		"\7\0\0\0"
		"1",
		5);
	assert_int_equal(unlink(fixture_path(&f, "vars/B" GUID)), 0);
	assert_int_equal(fixture_set(&f, u"A", NV, "3"), EFI_SUCCESS); /* as it was again */
	is_file(&f, "A" GUID,
		"\7\0\0\0"
		"3",
		5);

	/* what one who died left behind */
	fixture_close(&f);
	assert_int_equal(mkdir(fixture_path(&f, "vars.tmp"), 0700), 0);
	fixture_write(&f, "vars.tmp/A" GUID, "x", 1);
	assert_int_equal(fixture_open(&f), 0);
	assert_int_equal(fixture_set(&f, u"A", NV, "4"), EFI_SUCCESS);
	assert_int_equal(fixture_count(&f), 2);
	folder_fini(&f);
}

/* The store's own view of what is there, as "A=1 B=2". */
static const char *content(struct fixture *f)
{
	static const CHAR16 *const names[] = {u"A", u"B", u"New"};
	static char text[100];

	text[0] = 0;
	for (size_t i = 0; i < COUNT(names); i++) {
		const char *value = fixture_get(f, names[i]);

		if (*value != 0)
			snprintf(text + strlen(text), sizeof text - strlen(text), "%c%s ",
				 names[i][0], value);
	}
	return text;
}

static const struct {
	const CHAR16 *name;
	const char *value, *before, *after;
} changes[] = {
	{u"A", "2", "A1 B1 ", "A2 B1 "},
	{u"B", "", "A1 B1 ", "A1 "},
	{u"New", "1", "A1 B1 ", "A1 B1 N1 "},
};

/* A store with A and B, and a change of it with a fault in its way; its status. */
static EFI_STATUS change_with_fault(struct fixture *f, enum fault which, size_t i, int swap)
{
	EFI_STATUS status;
	pid_t child;
	int how;

	folder_init(f, STORE_EDIT);
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(fixture_set(f, u"A", NV, "1"), EFI_SUCCESS);
	assert_int_equal(fixture_set(f, u"B", NV, "1"), EFI_SUCCESS);
	swap_errno = swap;
	calls = 0;
	fault = which;
	child = which == DIE ? fork() : 0;
	assert_true(child >= 0);
	if (child == 0) {
		status = fixture_set(f, changes[i].name, NV, changes[i].value);
		if (which == DIE)
			_exit(0);
		fault = OFF;
		return status;
	}
	fault = OFF;
	assert_int_equal(waitpid(child, &how, 0), child);
	fixture_close(f);
	assert_int_equal(fixture_open(f), 0);
	return WEXITSTATUS(how) == 77 ? EFI_DEVICE_ERROR : EFI_SUCCESS;
}

/* Killed at every call: before or after, and what is left behind is in nobody's way. */
static void killed(void **state)
{
	(void)state;
	for (int swap = 0; swap <= EINVAL; swap += EINVAL)
		for (size_t i = 0; i < COUNT(changes); i++)
			for (fault_at = 0;; fault_at++) {
				struct fixture f;
				const char *got;
				EFI_STATUS status;

				status = change_with_fault(&f, DIE, i, swap);
				got = content(&f);
				if (strcmp(got, changes[i].after) != 0 &&
				    (!EFI_ERROR(status) ||
				     strcmp(got, changes[i].before) != 0))
					fail_msg("change %zu, call %u: %s", i, fault_at,
						 got);
				assert_int_equal(fixture_set(&f, u"A", NV, "3"),
						 EFI_SUCCESS);
				assert_int_equal(fixture_count(&f), 2);
				folder_fini(&f);
				if (!EFI_ERROR(status))
					break;
				assert_true(fault_at < 100);
			}
}

/* Each call fails: the change is not made, and can be made later. */
static void faults(void **state)
{
	(void)state;
	for (int swap = 0; swap <= EINVAL; swap += EINVAL)
		for (size_t i = 0; i < COUNT(changes); i++)
			for (fault_at = 0;; fault_at++) {
				struct fixture f;
				EFI_STATUS status;

				status = change_with_fault(&f, FAIL, i, swap);
				if (calls <= fault_at) {
					folder_fini(&f);
					break;
				}
				assert_string_equal(content(&f),
						    EFI_ERROR(status) ? changes[i].before
								      : changes[i].after);
				status = fixture_set(&f, u"A", NV, "3");
				if (EFI_ERROR(status))
					fail_msg("change %zu, call %u, swap %d: %s", i,
						 fault_at, swap, f.log);
				fixture_close(&f);
				assert_int_equal(fixture_open(&f), 0);
				assert_string_equal(fixture_get(&f, u"A"), "3");
				folder_fini(&f);
				assert_true(fault_at < 100);
			}
}

/* .auth */

static size_t auth_file(uint8_t *p, uint32_t signature, const char *payload)
{
	static const EFI_GUID pkcs7 = EFI_CERT_TYPE_PKCS7_GUID;
	const EFI_VARIABLE_AUTHENTICATION_2_HEADER h = {
		.TimeStamp = {.Year = 2026, .Month = 2, .Day = 28, .Hour = 23},
		.AuthInfo = {24 + signature, 0x200, WIN_CERT_TYPE_EFI_GUID, pkcs7}};

	memcpy(p, &h, sizeof h);
	memset(p + sizeof h, 0x30, signature);
	memcpy(p + sizeof h + signature, payload, strlen(payload));
	return sizeof h + signature + strlen(payload);
}

static void auth(void **state)
{
	static const struct {
		uint32_t at;
		uint8_t byte;
		const char *want;
	} cases[] = {
		{0x14, 1, "a: no authentication descriptor: revision 0x201, type 0xef1 at"},
		{0x16, 0xf0, "a: no authentication descriptor: revision 0x200, type 0xef0"},
		{0x18, 0, "a: the signature is not PKCS#7: GUID at 0x18"},
		{7, 1, "a: the time at 0x0 has more than year to second"},
		{8, 1, "a: the time at 0x0 has more than"},
		{12, 1, "a: the time at 0x0 has more than"},
		{14, 1, "a: the time at 0x0 has more than"},
		{15, 1, "a: the time at 0x0 has more than"},
		{2, 13, "a: no such time: 2026-13-28 23:0:0 at 0x0"},
		{2, 0, "a: no such time"},
		{3, 32, "a: no such time"},
		{4, 24, "a: no such time"},
		{5, 60, "a: no such time"},
		{6, 60, "a: no such time"},
		{0x10, 23, "a: a signature of 0x17 bytes at 0x10, of a file of 0x31"},
		{0x13, 0xff,
		 "a: a signature of 0xff00001e bytes at 0x10, of a file of 0x31"},
		{0x10, 24 + 10, "a: a signature of 0x22 bytes at 0x10, of a file of 0x31"},
	};
	uint8_t p[100];
	struct store_auth a;
	size_t n;

	(void)state;
	n = auth_file(p, 6, "new");
	assert_int_equal(store_auth_parse("a", (struct bytes){p, n}, &a, NULL), 0);
	assert_int_equal(a.time.Year, 2026);
	assert_ptr_equal(a.signature.p, p + 40);
	assert_int_equal(a.signature.n, 6);
	assert_ptr_equal(a.payload.p, p + 46);
	assert_int_equal(a.payload.n, 3);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct diag d = {0};

		n = auth_file(p, 6, "new");
		p[cases[i].at] = cases[i].byte;
		assert_int_equal(store_auth_parse("a", (struct bytes){p, n}, &a, &d),
				 -EINVAL);
		if (strncmp(d.text, cases[i].want, strlen(cases[i].want)) != 0)
			fail_msg("case %zu: %s", i, d.text);
	}
	n = auth_file(p, 0, "");
	assert_int_equal(store_auth_parse("a", (struct bytes){p, n}, &a, NULL), 0);
	assert_int_equal(a.signature.n + a.payload.n, 0);
	memset(p, 0, sizeof(EFI_TIME));
	assert_int_equal(store_auth_parse("a", (struct bytes){p, n}, &a, NULL), 0);
	for (n = 0; n < 40; n++)
		assert_int_equal(store_auth_parse("a", (struct bytes){p, n}, &a, NULL),
				 -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back), cmocka_unit_test(owner_and_mode),
		cmocka_unit_test(of_a_machine),   cmocka_unit_test(refused),
		cmocka_unit_test(names),          cmocka_unit_test(edits_and_errors),
		cmocka_unit_test(killed),         cmocka_unit_test(faults),
		cmocka_unit_test(auth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
