/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A folder like Linux's efivarfs: a file NAME-GUID for each variable, which holds its
 * attributes (32 bits) and its data. It keeps no order, no times and no signers.
 */
#include "store/store_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/guid.h"
#include "base/ucs2.h"
#include "os/os_file.h"
#include "store/store_var.h"

#define FILES_MAX 65536U
#define NAME_ROOM (NAME_MAX - sizeof ".tmp" + 1) /* for a file beside it */

static void dirp(DIR **dir)
{
	if (*dir != NULL)
		closedir(*dir);
}

/* One file of a listing. */
struct entry {
	const char *name;
	size_t name_len;
	struct bytes data;
};

static bool next(struct bytes *rest, struct entry *ret)
{
	uint32_t len[2];
	struct bytes name;

	if (!bytes_read(*rest, 0, len, sizeof len) ||
	    !bytes_sub(*rest, sizeof len, len[0], &name) ||
	    !bytes_sub(*rest, sizeof len + (uint64_t)len[0], len[1], &ret->data))
		return false;
	ret->name = (const char *)name.p;
	ret->name_len = name.n;
	return bytes_sub(*rest, sizeof len + (uint64_t)len[0] + len[1],
			 rest->n - sizeof len - len[0] - len[1], rest);
}

static struct bytes listing(const struct store_text *t)
{
	return (struct bytes){(const uint8_t *)t->p, t->n};
}

static bool put(struct store_text *t, const char *name, size_t name_len, const void *head,
		size_t head_len, const void *data, size_t data_len)
{
	const uint32_t len[2] = {(uint32_t)name_len, (uint32_t)(head_len + data_len)};

	if (!store_text_reserve(t, sizeof len + name_len + head_len + data_len))
		return false;
	store_text_put(t, (const char *)len, sizeof len);
	store_text_put(t, name, name_len);
	store_text_put(t, head, head_len);
	if (data_len > 0)
		store_text_put(t, data, data_len);
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
	char **p;
	size_t n, cap;
};

static void names_fini(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->p[i]);
	free(names->p);
}

static int names_add(struct names *names, const char *name)
{
	if (names->n == names->cap) {
		const size_t cap = names->cap > 0 ? 2 * names->cap : 64;
		char **p = reallocarray(names->p, cap, sizeof *p);

		if (p == NULL)
			return -ENOMEM;
		names->p = p;
		names->cap = cap;
	}
	names->p[names->n] = strdup(name);
	return names->p[names->n++] != NULL ? 0 : -ENOMEM;
}

/* The folder's own descriptor is left alone: a second one has its own place in the list. */
static int names_read(int fd, struct names *ret)
{
	const int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup(dirp) DIR *dir = own >= 0 ? fdopendir(own) : NULL;
	const struct dirent *e;
	int r = 0;

	if (dir == NULL) {
		r = -errno;
		if (own >= 0)
			close(own);
		return r;
	}
	while (r == 0 && (errno = 0, e = readdir(dir)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = ret->n < FILES_MAX ? names_add(ret, e->d_name) : -EFBIG;
	if (r == 0 && errno != 0)
		r = -errno;
	if (r == 0 && ret->n > 0)
		qsort(ret->p, ret->n, sizeof *ret->p, by_name);
	return r;
}

static int open_folder(int dir, const char *name)
{
	const int fd = OS_RETRY(openat(
		dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));

	return fd < 0 ? -errno : fd;
}

/* What a write of file by file leaves when it is killed; no variable's file ends so. */
static bool is_leftover(const char *name)
{
	const size_t n = strlen(name), k = GUID_TEXT_LEN + strlen(".tmp");
	EFI_GUID guid;

	return n > k && strcmp(name + n - strlen(".tmp"), ".tmp") == 0 &&
	       name[n - k - 1] == '-' && guid_from_text(name + n - k, GUID_TEXT_LEN, &guid);
}

int store_folder_read(int dir, const char *name, const char *label, struct store_text *ret,
		      struct diag *d)
{
	cleanup(closep) int fd = open_folder(dir, name);
	cleanup(names_fini) struct names names = {0};
	int r = fd < 0 ? fd : names_read(fd, &names);

	ret->n = 0;
	if (r < 0)
		return r == -ENOENT ? r : diag(d, r, "%s: %s", label, strerror(-r));
	for (size_t i = 0; i < names.n; i++) {
		cleanup(freep) char *text = NULL;
		struct os_file_id id;
		size_t len;

		if (is_leftover(names.p[i]))
			continue;
		r = os_file_read(fd, names.p[i], STORE_FILE_MAX, &text, &len, &id);
		if (r == 0 && ret->n + len > STORE_FILE_MAX)
			r = -EFBIG;
		if (r == 0 && !put(ret, names.p[i], strlen(names.p[i]), "", 0, text, len))
			r = -ENOMEM;
		if (r < 0)
			return diag(d, r, "%s/%s: %s", label, var_quote(names.p[i]).s,
				    r == -EINVAL ? "not a regular file" : strerror(-r));
	}
	return 0;
}

static bool is_computed(EFI_STATUS status, const struct rts_var *var)
{
	return status == EFI_INVALID_PARAMETER &&
	       (var->attr & EFI_VARIABLE_NON_VOLATILE) == 0 && var->data_len > 0;
}

static int load(const struct store_source *in, const struct entry *e, struct rts_vars *v,
		uint64_t *cost, bool *ret_full, struct diag *d)
{
	const size_t n = e->name_len > GUID_TEXT_LEN ? e->name_len - GUID_TEXT_LEN - 1 : 0;
	cleanup(freep) CHAR16 *name = NULL;
	struct rts_var var = {0};
	cleanup(freep) char *text = strndup(e->name, e->name_len);
	size_t len = 0;
	EFI_STATUS status;

	if (text == NULL)
		return -ENOMEM;
	if (n > 0 && e->name[n] == '-' &&
	    guid_from_text(e->name + n + 1, GUID_TEXT_LEN, &var.guid))
		len = ucs2_from_utf8(e->name, n, NULL, 0);
	if (len == 0 || len >= UINT16_MAX)
		return diag(d, -EINVAL, "%s: '%s' is not the name of a variable: NAME-GUID",
			    in->label, var_quote(text).s);
	if (!bytes_read(e->data, 0, &var.attr, sizeof var.attr))
		return diag(d, -EINVAL, "%s/%s: %zu bytes, too short for attributes",
			    in->label, var_quote(text).s, e->data.n);
	name = calloc(len + 1, sizeof *name);
	if (name == NULL)
		return -ENOMEM;
	ucs2_from_utf8(e->name, n, name, len);
	var.name = name;
	var.name_len = (uint32_t)((len + 1) * sizeof *name);
	var.data = e->data.p + sizeof var.attr;
	var.data_len = (uint32_t)(e->data.n - sizeof var.attr);
	*cost += (uint64_t)RTS_VARS_OVERHEAD + var.name_len + var.data_len;
	status = rts_vars_load(v, &var);
	if (status == EFI_OUT_OF_RESOURCES) {
		*ret_full = true;
	} else if (status == EFI_ALREADY_STARTED) {
		return diag(d, -EINVAL, "%s: %s a second time", in->label,
			    var_quote(text).s);
	} else if (status != EFI_SUCCESS && !is_computed(status, &var)) {
		return diag(d, -EINVAL,
			    "%s/%s: cannot be a variable: attributes %#x, %u bytes of data",
			    in->label, var_quote(text).s, var.attr, var.data_len);
	}
	return 0;
}

int store_folder_parse(const struct store_source *in, struct rts_vars *v, struct diag *d)
{
	struct bytes rest = {(const uint8_t *)in->text, in->len};
	bool is_full = false;
	uint64_t cost = 0;
	struct entry e;
	int r = 0;

	while (r == 0 && rest.n > 0) {
		if (!next(&rest, &e))
			return diag(d, -EINVAL, "%s: not a listing", in->label);
		r = load(in, &e, v, &cost, &is_full, d);
	}
	if (r == -ENOMEM)
		diag_set(d, "%s: out of memory", in->label);
	return r == 0 && is_full ? store_over_quota(in->label, v, cost, d) : r;
}

/* The name of its file; its length, or 0. */
static size_t file_name(const struct rts_var *var, char ret[NAME_MAX + 1])
{
	const size_t room = NAME_ROOM - GUID_TEXT_LEN - 1;
	size_t n = ucs2_to_utf8(var->name, var->name_len / 2 - 1, ret, room);

	if (n > room || memchr(ret, '/', n) != NULL)
		return 0;
	ret[n] = '-';
	guid_to_text(&var->guid, ret + n + 1);
	return n + 1 + GUID_TEXT_LEN;
}

bool store_folder_can_name(const struct rts_var *var)
{
	char name[NAME_MAX + 1];

	return file_name(var, name) > 0;
}

struct item {
	char name[NAME_MAX + 1];
	const struct rts_var *var;
};

static int by_item_name(const void *a, const void *b)
{
	return strcmp(((const struct item *)a)->name, ((const struct item *)b)->name);
}

int store_folder_write(const struct rts_vars_view *view, const char *label,
		       struct store_text *ret, struct diag *d)
{
	cleanup(freep) struct item *items = NULL;
	struct rts_vars_cursor cursor = {0};
	const struct rts_var *var;
	struct store_name text;
	size_t n = 0, count = 0;

	while (rts_vars_view_next(view, &cursor, &var))
		count++;
	items = calloc(count + 1, sizeof *items);
	ret->n = 0;
	if (items == NULL || !store_text_reserve(ret, 1))
		return diag(d, -ENOMEM, "%s: out of memory", label);
	if (count > FILES_MAX)
		return diag(d, -EFBIG, "%s: more than %u variables", label, FILES_MAX);
	cursor = (struct rts_vars_cursor){0};
	while (n < count && rts_vars_view_next(view, &cursor, &var)) {
		if (file_name(var, items[n].name) == 0)
			return diag(d, -EINVAL, "%s: %s cannot be a file's name", label,
				    store_name(&text, var));
		items[n++].var = var;
	}
	qsort(items, n, sizeof *items, by_item_name);
	for (size_t i = 0; i < n; i++) {
		var = items[i].var;
		if (!put(ret, items[i].name, strlen(items[i].name), &var->attr,
			 sizeof var->attr, var->data, var->data_len))
			return diag(d, -ENOMEM, "%s: out of memory", label);
	}
	return 0;
}

int store_folder_remove(int dir, const char *name)
{
	cleanup(closep) int fd = open_folder(dir, name);
	cleanup(names_fini) struct names names = {0};
	int r = fd < 0 ? fd : names_read(fd, &names);

	if (r == -ENOENT)
		return 0;
	for (size_t i = 0; r == 0 && i < names.n; i++)
		if (unlinkat(fd, names.p[i], 0) < 0)
			r = -errno;
	return r == 0 && unlinkat(dir, name, AT_REMOVEDIR) < 0 ? -errno : r;
}

/* Writes what of @new is not in @old, then removes what of @old is not in @new. */
static int write_files(int fd, const struct store_text *old, const struct store_text *new,
		       struct diag *d)
{
	const bool all = old == NULL;
	struct bytes a = all ? (struct bytes){0} : listing(old), b = listing(new);
	struct entry x, y;
	bool has_x = next(&a, &x);
	char name[NAME_MAX + 1];
	int r = 0;

	while (r == 0 && next(&b, &y)) { /* both are in order */
		struct os_file_new w = {.dir = fd, .name = name, .durable = true};
		bool renamed;

		memcpy(name, y.name, y.name_len);
		name[y.name_len] = 0;
		while (has_x && strncmp(x.name, name, x.name_len) < 0)
			has_x = next(&a, &x);
		if (has_x && x.name_len == y.name_len &&
		    memcmp(x.name, y.name, x.name_len) == 0 && x.data.n == y.data.n &&
		    (x.data.n == 0 || memcmp(x.data.p, y.data.p, x.data.n) == 0))
			continue;
		w.p = y.data.p;
		w.n = y.data.n;
		r = os_file_replace(&w, &renamed, d);
	}
	return r;
}

static bool has(const struct store_text *t, const char *name, size_t len)
{
	struct bytes rest = listing(t);
	struct entry e;

	while (next(&rest, &e))
		if (e.name_len == len && memcmp(e.name, name, len) == 0)
			return true;
	return false;
}

static int remove_files(int fd, const struct store_text *old, const struct store_text *new)
{
	cleanup(names_fini) struct names names = {0};
	int r = names_read(fd, &names);

	for (size_t i = 0; r == 0 && i < names.n; i++) {
		const char *name = names.p[i];
		const size_t n = strlen(name);

		if ((is_leftover(name) || (has(old, name, n) && !has(new, name, n))) &&
		    unlinkat(fd, name, 0) < 0)
			r = -errno;
	}
	return r == 0 && OS_RETRY(fsync(fd)) < 0 ? -errno : r;
}

/* Where two folders cannot be swapped. */
static int replace_each(int dir, const char *name, const struct store_text *old,
			const struct store_text *new, struct diag *d)
{
	cleanup(closep) int fd = open_folder(dir, name);
	int r = fd < 0 ? fd : write_files(fd, old, new, d);

	if (r == 0)
		r = remove_files(fd, old, new);
	return r < 0 ? diag(d, r, "%s: %s", name, strerror(-r)) : 0;
}

/* Makes the folder @to what @name is, but for what the files hold; a new one has the
 * folder's owner. */
static int make_alike(int dir, const char *name, int to, const struct names *names)
{
	cleanup(closep) int from = open_folder(dir, name);
	struct stat folder, file, now;
	int r = from < 0 ? from : fstat(from, &folder) < 0 ? -errno : 0;

	for (size_t i = 0; r == 0 && i < names->n; i++) {
		cleanup(closep) int fd = -1;

		if (fstatat(from, names->p[i], &file, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno != ENOENT)
				return -errno;
			file = folder;
			file.st_mode = 0600;
		}
		r = fd = os_file_open(to, names->p[i], O_RDONLY, &now);
		if (r >= 0)
			r = os_file_alike(fd, &file);
		if (r > 0)
			r = OS_RETRY(fsync(fd)) < 0 ? -errno : 0;
	}
	if (r == 0)
		r = os_file_alike(to, &folder);
	return r < 0 ? r : 0;
}

/* A folder with all files in it, on disk; @like: it takes the place of that one, or NULL.
 */
static int make(int dir, const char *tmp, const char *like, const struct store_text *new,
		struct diag *d)
{
	cleanup(names_fini) struct names names = {0};
	cleanup(closep) int fd = -1;
	struct bytes rest = listing(new);
	struct entry e;
	size_t n = 0;
	int r = store_folder_remove(dir, tmp); /* of one who died */

	if (r == 0 && mkdirat(dir, tmp, 0700) < 0)
		r = -errno;
	if (r == 0)
		r = fd = open_folder(dir, tmp);
	if (r < 0)
		return diag(d, r, "%s: %s", tmp, strerror(-r));
	r = write_files(fd, NULL, new, d);
	if (r < 0)
		return r;
	while (next(&rest, &e))
		n++;
	r = names_read(fd, &names);
	if (r == 0 && names.n != n) /* a file system that does not tell a from A */
		r = diag(d, -EEXIST, "%s: two names of variables are the same name there",
			 tmp);
	if (r == 0 && like != NULL)
		r = make_alike(dir, like, fd, &names);
	if (r == 0 && OS_RETRY(fsync(fd)) < 0)
		r = -errno;
	return r < 0 ? diag(d, r, "%s: %s", tmp, strerror(-r)) : 0;
}

int store_folder_replace(int dir, const char *name, const struct store_text *old,
			 const struct store_text *new, bool *ret_renamed, struct diag *d)
{
	char tmp[NAME_MAX + 1];
	int r;

	*ret_renamed = false;
	if ((size_t)snprintf(tmp, sizeof tmp, "%s.tmp", name) >= sizeof tmp)
		return diag(d, -ENAMETOOLONG, "%s: too long a name", name);
	r = make(dir, tmp, old != NULL ? name : NULL, new, d);
	if (r < 0) {
		store_folder_remove(dir, tmp);
		return r;
	}
	r = renameat2(dir, tmp, dir, name,
		      old != NULL ? RENAME_EXCHANGE : RENAME_NOREPLACE);
	if (r < 0 && errno == EINVAL && old == NULL)
		r = renameat(dir, tmp, dir, name); /* replaces an empty folder at most */
	if (r < 0)
		r = -errno;
	if (r == -EINVAL && old != NULL) {
		*ret_renamed = true;
		r = replace_each(dir, name, old, new, d);
	} else if (r < 0) {
		diag_set(d, "rename %s: %s", tmp, strerror(-r));
	} else {
		*ret_renamed = true;
		if (OS_RETRY(fsync(dir)) < 0)
			r = diag(d, -errno, "fsync the folder of %s: %s", name,
				 strerror(errno));
	}
	if (r == 0 || !*ret_renamed)
		store_folder_remove(dir, tmp);
	return r;
}
