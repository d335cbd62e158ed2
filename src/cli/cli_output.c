/* SPDX-License-Identifier: BSD-2-Clause */
/* What verbs give away: a file, a document. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "os/os_file.h"

/* What is no file, such as a terminal or a pipe, and what a link leads to. */
static int write_into(const char *path, const void *p, size_t n)
{
	FILE *to = fopen(path, "we");
	bool ok = to != NULL && fwrite(p, 1, n, to) == n;

	if (to != NULL && fclose(to) != 0)
		ok = false;
	return ok ? 0 : -errno;
}

/* Whoever owned what was there does so still, where that can be. */
static int make_alike(int fd, const struct stat *old)
{
	const mode_t mask = umask(0);

	umask(mask);
	if (old == NULL)
		return fchmod(fd, 0666 & ~mask);
	(void)!fchown(fd, old->st_uid, old->st_gid);
	return fchmod(fd, old->st_mode & 0777);
}

static int write_file(const char *path, const void *p, size_t n)
{
	cleanup(freep) char *tmp = NULL;
	cleanup(closep) int fd = -1;
	struct stat st;
	const bool there = lstat(path, &st) == 0;
	int r = 0;

	if (there && !S_ISREG(st.st_mode))
		return write_into(path, p, n);
	if (asprintf(&tmp, "%s.XXXXXX", path) < 0) {
		tmp = NULL;
		return -ENOMEM;
	}
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0) /* the folder may be somebody else's */
		return there ? write_into(path, p, n) : -errno;
	if (os_file_put(fd, p, n) < 0 || fsync(fd) < 0 ||
	    make_alike(fd, there ? &st : NULL) < 0 || rename(tmp, path) < 0) {
		r = -errno;
		unlink(tmp);
	}
	return r;
}

int cli_file_write(const char *verb, const char *path, const void *p, size_t n)
{
	const int r = write_file(path, p, n);

	return r == 0 ? EXIT_WELL : cli_error(verb, "%s: %s", path, strerror(-r));
}

int cli_json_print(const char *verb, json_t *doc)
{
	/* what could move a terminal's cursor, or turn its line around, is not ASCII */
	const bool ok = doc != NULL &&
			json_dumpf(doc, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII) == 0;

	json_decref(doc);
	if (!ok && !ferror(stdout)) /* which main() looks at */
		return cli_error(verb, "out of memory");
	putchar('\n');
	return EXIT_WELL;
}
