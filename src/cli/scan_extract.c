/* SPDX-License-Identifier: BSD-2-Clause */
/* The drivers of a scan as files: GUID-Name.efi, or unknown-BASE.efi, .bin where no PE file
 * can be made; and their hashes. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/guid.h"
#include "cli/cli.h"
#include "cli/scan.h"
#include "cli/scan_json.h"
#include "crypto/crypto_hash.h"

#define VERB     "scan"
#define STEM_LEN 40U

struct item {
	size_t driver;
	char stem[STEM_LEN];
	unsigned rank; /* among those of one stem, from 0 */
	char name[CLI_DRIVER_FILE_MAX];
};

static int by_stem(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	const int r = strcmp(x->stem, y->stem);

	return r != 0 ? r : (x->driver > y->driver) - (x->driver < y->driver);
}

static int by_driver(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return (x->driver > y->driver) - (x->driver < y->driver);
}

/* Those that have a file, by base, named; the caller frees them. NULL: no memory. */
static struct item *items_of(const struct rts_scan_report *r, size_t *ret_count)
{
	struct item *items = calloc(r->driver_count + 1, sizeof *items);
	size_t n = 0;

	for (size_t i = 0; items != NULL && i < r->driver_count; i++) {
		const struct rts_scan_driver *d = &r->drivers[i];

		if (d->file == NULL)
			continue;
		items[n].driver = i;
		if (d->has_guid)
			guid_to_text(&d->guid, items[n].stem);
		else
			snprintf(items[n].stem, STEM_LEN, "unknown-0x%" PRIx64, d->base);
		n++;
	}
	*ret_count = n;
	if (items == NULL)
		return NULL;
	qsort(items, n, sizeof *items, by_stem);
	for (size_t i = 1; i < n; i++)
		if (strcmp(items[i].stem, items[i - 1].stem) == 0)
			items[i].rank = items[i - 1].rank + 1;
	qsort(items, n, sizeof *items, by_driver);
	for (size_t i = 0; i < n; i++) {
		const struct rts_scan_driver *d = &r->drivers[items[i].driver];

		cli_driver_file_name(items[i].stem, items[i].rank,
				     d->has_guid ? d->name : NULL,
				     d->file_raw ? ".bin" : ".efi", items[i].name);
	}
	return items;
}

static json_t *sha256_json(const struct rts_scan_driver *d)
{
	const struct rts_scan_hash_ops *ops = &crypto_scan_hash;
	void *hash = ops->begin(ops->ctx);
	uint8_t sum[RTS_SCAN_HASH_LEN] = {0};

	if (hash != NULL) {
		ops->put(hash, d->file, d->file_len);
		ops->end(hash, sum);
	}
	return scan_json_hash(hash != NULL, sum);
}

/* A document of its own, as text; the caller frees it. */
static char *hashes_of(const struct rts_scan_report *r, const struct item *items, size_t n,
		       size_t *ret_len)
{
	json_t *list = json_array();
	char *text = NULL;
	FILE *to;

	for (size_t i = 0; i < n; i++) {
		const struct rts_scan_driver *d = &r->drivers[items[i].driver];

		json_array_append_new(
			list,
			json_pack("{s:s, s:o, s:o, s:I, s:o, s:o, s:o}", "file",
				  items[i].name, "guid",
				  scan_json_guid(d->has_guid, &d->guid), "name",
				  scan_json_text(d->name), "size", (json_int_t)d->file_len,
				  "sha256", sha256_json(d), "code_sha256",
				  scan_json_hash(d->has_code_hash, d->code_sha256),
				  "ssdeep", scan_json_text(d->similar_digest)));
	}
	to = open_memstream(&text, ret_len);
	if (to == NULL) {
		json_decref(list);
		return NULL;
	}
	if (scan_json_dump(to, json_pack("{s:s, s:o}", "schema", "runtserv.scan-extract/1",
					 "files", list)) < 0 ||
	    fflush(to) != 0) {
		fclose(to);
		free(text);
		return NULL;
	}
	fclose(to);
	return text;
}

static int write_all(const char *path, int dir, const struct rts_scan_report *r,
		     const struct item *items, size_t n, struct scan_extracted *files)
{
	size_t len = 0;
	cleanup(freep) char *hashes = hashes_of(r, items, n, &len);
	int status = EXIT_WELL;

	if (hashes == NULL)
		return cli_error(VERB, "%s: %s", path, strerror(ENOMEM));
	for (size_t i = 0; status == EXIT_WELL && i < n; i++) {
		const struct rts_scan_driver *d = &r->drivers[items[i].driver];

		status = cli_folder_put(VERB, path, dir, items[i].name, d->file,
					d->file_len, &files[items[i].driver].path);
	}
	if (status == EXIT_WELL)
		status = cli_folder_put(VERB, path, dir, "hashes.json", hashes, len, NULL);
	return status;
}

int scan_extract(const char *dir, const struct rts_scan_report *r,
		 struct scan_extracted **ret, size_t *ret_written)
{
	size_t n = 0;
	cleanup(freep) struct item *items = items_of(r, &n);
	struct scan_extracted *files = calloc(r->driver_count + 1, sizeof *files);
	cleanup(closep) int fd = -1;
	struct stat st;
	bool made;
	int status = EXIT_WELL;

	if (items == NULL || files == NULL) {
		free(files);
		return cli_error(VERB, "%s: %s", dir, strerror(ENOMEM));
	}
	made = n != 0 && lstat(dir, &st) < 0;
	if (n != 0)
		status = cli_folder_make(VERB, dir, &fd);
	if (status == EXIT_WELL && n != 0)
		status = write_all(dir, fd, r, items, n, files);
	if (status != EXIT_WELL) {
		if (made)
			(void)rmdir(dir); /* only if nothing got into it */
		scan_extracted_free(files, r);
		return status;
	}
	*ret = files;
	*ret_written = n;
	return EXIT_WELL;
}

void scan_extracted_free(struct scan_extracted *files, const struct rts_scan_report *r)
{
	for (size_t i = 0; files != NULL && i < r->driver_count; i++)
		free(files[i].path);
	free(files);
}
