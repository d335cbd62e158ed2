/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands in for libFuzzer in ordinary builds: runs a fuzz target once over each file of the
 * folders given, so that every test run repeats all past findings. An empty corpus is an
 * error.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX (16U << 20)

static int replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *all = NULL;
	uint8_t *data = NULL;
	size_t n;
	int rc = -1;

	if (f)
		all = malloc(INPUT_MAX + 1);
	if (!all)
		goto out;
	n = fread(all, 1, INPUT_MAX + 1, f);
	if (ferror(f) || n > INPUT_MAX)
		goto out;
	/* A block of exactly this size, so that a sanitizer sees a read past the end. */
	data = malloc(n ? n : 1);
	if (!data)
		goto out;
	memcpy(data, all, n);
	rc = LLVMFuzzerTestOneInput(data, n) < 0 ? -1 : 0;
out:
	if (rc)
		fprintf(stderr, "%s: cannot replay\n", path);
	free(data);
	free(all);
	if (f)
		fclose(f);
	return rc;
}

/* Return: how many files were replayed, or -1. */
static int replay_folder(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *e;
	int count = 0;

	if (!dir) {
		fprintf(stderr, "%s: %s\n", folder, strerror(errno));
		return -1;
	}
	while (count >= 0 && (e = readdir(dir))) {
		char path[4096];

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		count = replay_file(path) ? -1 : count + 1;
	}
	closedir(dir);
	return count;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	for (int i = 1; i < argc; i++) {
		int count = replay_folder(argv[i]);

		if (count < 0)
			return 1;
		if (count == 0) {
			fprintf(stderr, "%s: no corpus files\n", argv[i]);
			return 1;
		}
		printf("%s: %d files\n", argv[i], count);
	}
	return 0;
}
