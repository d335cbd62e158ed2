/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ucs2.h"

const EFI_GUID fixture_guid = {
	0x11111111, 0x2222, 0x3333, {0x44, 0x44, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55}};

static void keep_line(void *ctx, enum rts_log level, const char *text)
{
	struct fixture *f = ctx;
	const size_t n = strlen(f->log);

	snprintf(f->log + n, sizeof f->log - n, "%c %s\n", "EWID"[level], text);
}

void fixture_init(struct fixture *f, const char *store_name)
{
	*f = (struct fixture){.dir = "/dev/shm/t_store.XXXXXX"};
	if (mkdtemp(f->dir) == NULL) { /* memory is faster, but any place will do */
		strcpy(f->dir, "/tmp/t_store.XXXXXX");
		assert_non_null(mkdtemp(f->dir));
	}
	snprintf(f->path, sizeof f->path, "%s/%s", f->dir, store_name);
}

void fixture_fini(struct fixture *f)
{
	DIR *dir = opendir(f->dir);
	const struct dirent *e;

	fixture_close(f);
	while (dir != NULL && (e = readdir(dir)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			assert_int_equal(remove(fixture_path(f, e->d_name)), 0);
	closedir(dir);
	assert_int_equal(rmdir(f->dir), 0);
}

int fixture_open_word(struct fixture *f, const char *word)
{
	const struct store_config config = {word, keep_line, f, .use = f->use};
	struct rts_vars_config vars = {.store = &store_ops,
				       .quota_nv = f->quota,
				       .quota_volatile = f->quota,
				       .crypto = f->crypto};
	int r;

	f->d = (struct diag){0};
	f->log[0] = 0;
	r = store_open(&config, &f->d, &f->s);
	if (r < 0)
		return r;
	vars.store_ctx = f->s;
	assert_int_equal(rts_vars_new(&vars, &f->v), EFI_SUCCESS);
	r = store_load(f->s, f->v, &f->d);
	if (r == 0)
		assert_int_equal(rts_vars_start(f->v), EFI_SUCCESS);
	return r;
}

int fixture_open(struct fixture *f)
{
	return fixture_open_word(f, f->path);
}

void fixture_close(struct fixture *f)
{
	rts_vars_free(f->v);
	store_close(f->s);
	f->v = NULL;
	f->s = NULL;
}

const char *fixture_path(const struct fixture *f, const char *name)
{
	static char path[400];

	snprintf(path, sizeof path, "%s/%s", f->dir, name);
	return path;
}

void fixture_write(const struct fixture *f, const char *name, const void *p, size_t n)
{
	FILE *file = fopen(fixture_path(f, name), "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(p, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
}

void fixture_write_text(const struct fixture *f, const char *name, const char *text)
{
	fixture_write(f, name, text, strlen(text));
}

char *fixture_read(const struct fixture *f, const char *name, size_t *ret_len)
{
	FILE *file = fopen(fixture_path(f, name), "rb");
	struct stat st;
	size_t n;
	char *p;

	if (file == NULL)
		return NULL;
	assert_int_equal(fstat(fileno(file), &st), 0);
	p = calloc(1, (size_t)st.st_size + 1);
	assert_non_null(p);
	n = fread(p, 1, (size_t)st.st_size, file);
	fclose(file);
	if (ret_len != NULL)
		*ret_len = n;
	return p;
}

bool fixture_has(const struct fixture *f, const char *name)
{
	return access(fixture_path(f, name), F_OK) == 0;
}

unsigned fixture_count(const struct fixture *f)
{
	DIR *dir = opendir(f->dir);
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n - 2; /* . and .. */
}

EFI_STATUS fixture_set(struct fixture *f, const CHAR16 *name, uint32_t attr,
		       const char *value)
{
	return rts_vars_set(f->v, name, 2 * (ucs2_len(name, 1000) + 1), &fixture_guid, attr,
			    value, strlen(value));
}

const char *fixture_get(const struct fixture *f, const CHAR16 *name)
{
	static char value[1000];
	uint64_t n = sizeof value - 1;
	uint32_t attr;
	EFI_STATUS status = rts_vars_get(f->v, name, 2 * (ucs2_len(name, 1000) + 1),
					 &fixture_guid, &attr, &n, value);

	value[status == EFI_SUCCESS ? n : 0] = 0;
	return value;
}

static char *finished(struct store_text *t)
{
	assert_true(store_text_reserve(t, 1));
	t->p[t->n] = 0;
	return t->p;
}

char *fixture_nv_text(const struct rts_vars *v)
{
	struct store_text t = {0};

	assert_int_equal(store_json_write(rts_vars_current(v), NULL, &t), 0);
	return finished(&t);
}

char *fixture_run_text(const struct rts_vars *v)
{
	struct store_text t = {0};

	assert_int_equal(store_run_write(rts_vars_current(v), "", 0, &t), 0);
	return finished(&t);
}
