/* SPDX-License-Identifier: BSD-2-Clause */
/* The images of an inventory that was saved before boot, as a view of a scan. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/guid.h"
#include "cli/cli.h"
#include "cli/memmap.h"
#include "cli/scan.h"

#define VERB     "scan"
#define FILE_MAX (16U << 20)

/* memmap_read() has checked all of it. */
static struct rts_scan_inventory_image image_of(const json_t *v)
{
	const json_t *guid = json_object_get(v, "guid");
	const char *type = json_string_value(json_object_get(v, "code_type"));
	struct rts_scan_inventory_image img = {
		.name = json_string_value(json_object_get(v, "name")),
		.path = json_string_value(json_object_get(v, "path")),
		.base = strtoull(json_string_value(json_object_get(v, "base")), NULL, 16),
		.size = (uint64_t)json_integer_value(json_object_get(v, "size")),
	};

	img.has_guid =
		json_is_string(guid) && guid_from_text(json_string_value(guid),
						       json_string_length(guid), &img.guid);
	img.code_type = (uint32_t)strtoul(type, NULL, 16);
	for (uint32_t i = 0; i < EfiMaxMemoryType; i++)
		if (strcmp(type, rts_map_type_name(i)) == 0)
			img.code_type = i;
	return img;
}

int scan_inventory_read(const char *path, struct scan_inventory *ret)
{
	cleanup(memmap_fini) struct memmap m = {0};
	cleanup(freep) uint8_t *p = NULL;
	struct diag d = {0};
	size_t n = 0;
	int r = cli_file_read(path, FILE_MAX, &p, &n);

	if (r < 0)
		return cli_error(VERB, "%s: %s", path, strerror(-r));
	if (memmap_read((struct bytes){p, n}, 0, &m, &d) < 0)
		return cli_error(VERB, "%s: %s", path, d.text);
	if (m.images == NULL)
		return cli_error(VERB, "%s: a memory map, and no list of images with it",
				 path);
	ret->images = calloc(json_array_size(m.images) + 1, sizeof *ret->images);
	if (ret->images == NULL)
		return cli_error(VERB, "%s: %s", path, strerror(ENOMEM));
	ret->count = json_array_size(m.images);
	ret->texts = json_incref(m.images);
	for (size_t i = 0; i < ret->count; i++)
		ret->images[i] = image_of(json_array_get(m.images, i));
	return EXIT_WELL;
}

void scan_inventory_fini(struct scan_inventory *inv)
{
	json_decref(inv->texts);
	free(inv->images);
	*inv = (struct scan_inventory){0};
}
