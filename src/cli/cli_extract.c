/* SPDX-License-Identifier: BSD-2-Clause */
/* Drivers into files of a folder: their names, which come from strangers, and the writing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "os/os_file.h"

#define NAME_MAX_LEN 64U /* bytes of a driver's name in the name of its file */

void cli_driver_file_name(const char *stem, unsigned rank, const char *name,
			  const char *suffix, char ret[CLI_DRIVER_FILE_MAX])
{
	static const char harmless[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz0123456789._+-";
	char clean[NAME_MAX_LEN + 1] = "", number[16] = "";

	for (size_t i = 0; name != NULL && i < NAME_MAX_LEN && name[i] != 0; i++)
		clean[i] = strchr(harmless, name[i]) != NULL ? name[i] : '_';
	if (rank > 0)
		snprintf(number, sizeof number, ".%u", rank + 1);
	snprintf(ret, CLI_DRIVER_FILE_MAX, "%s%s%s%s%s", stem, number,
		 clean[0] != 0 ? "-" : "", clean, suffix);
}

int cli_folder_make(const char *verb, const char *path, int *ret)
{
	if (mkdir(path, 0777) < 0 && errno != EEXIST)
		return cli_error(verb, "%s: %s", path, strerror(errno));
	*ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret < 0 ? cli_error(verb, "%s: %s", path, strerror(errno)) : EXIT_WELL;
}

int cli_folder_put(const char *verb, const char *path, int dir, const char *name,
		   const void *p, size_t n, char **ret_path)
{
	const struct os_file_new file = {.dir = dir, .name = name, .p = p, .n = n};
	struct diag d = {0};
	bool renamed = false;

	if (os_file_replace(&file, &renamed, &d) < 0)
		return cli_error(verb, "%s: %s", path, d.text);
	if (ret_path != NULL && asprintf(ret_path, "%s/%s", path, name) < 0) {
		*ret_path = NULL;
		return cli_error(verb, "%s: %s", path, strerror(ENOMEM));
	}
	return EXIT_WELL;
}
