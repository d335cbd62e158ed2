/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UEFI application `inventory [-o FILE]`: prints the memory map with its sums, and the
 * runtime images that are loaded; saves both for `runtserv memmap` and `runtserv scan
 * --inventory`. It changes nothing but that file.
 */
#include "inventory.h"

#include "base/ucs2.h"
#include "say.h"
#include "uefi/protocols.h"

#define MAP_TRIES   8U
#define MAP_SLACK   8U   /* descriptors that our own allocation may add to the map */
#define OPTIONS_LEN 512U /* characters of a command line that came as load options */
#define WORDS_MAX   8U

void *inventory_allocate(const struct inventory *v, size_t n)
{
	void *p = NULL;

	return v->bs->AllocatePool(EfiLoaderData, n, &p) == EFI_SUCCESS ? p : NULL;
}

void *inventory_protocol(const struct inventory *v, EFI_HANDLE handle, const EFI_GUID *guid)
{
	void *p = NULL;

	if (handle == NULL || v->bs->HandleProtocol(handle, guid, &p) != EFI_SUCCESS)
		return NULL;
	return p;
}

void inventory_ascii(const CHAR16 *s, size_t n, char ret[INVENTORY_TEXT_MAX])
{
	size_t i = 0;

	for (; i < n && i + 1 < INVENTORY_TEXT_MAX; i++)
		ret[i] = s[i] >= ' ' && s[i] <= '~' ? (char)s[i] : '?';
	ret[i] = 0;
}

/* Makes our copy of the map from the @raw one. */
static EFI_STATUS keep_map(struct inventory *v, struct bytes raw, size_t size)
{
	struct rts_map *m = &v->map;
	size_t n = rts_map_count(raw, size);

	m->d = inventory_allocate(v, (n + 1) * sizeof *m->d);
	m->order = inventory_allocate(v, (n + 1) * sizeof *m->order);
	if (m->d == NULL || m->order == NULL)
		return EFI_OUT_OF_RESOURCES;
	for (m->n = 0; m->n < n; m->n++)
		m->d[m->n] = rts_map_descriptor(raw, size, m->n);
	rts_map_sort(m);
	return EFI_SUCCESS;
}

/* The first call tells how much room the second one needs; that room itself may change the
 * map, and so may any event. */
static EFI_STATUS get_map(struct inventory *v)
{
	EFI_STATUS status = EFI_BUFFER_TOO_SMALL;

	for (unsigned i = 0; i < MAP_TRIES && status == EFI_BUFFER_TOO_SMALL; i++) {
		UINTN len = 0, key = 0, size = 0;
		uint32_t version = 0;
		void *raw;

		status = v->bs->GetMemoryMap(&len, NULL, &key, &size, &version);
		if (status != EFI_BUFFER_TOO_SMALL)
			return status == EFI_SUCCESS ? EFI_NOT_FOUND : status;
		if (size < RTS_MAP_DESCRIPTOR_MIN ||
		    version != EFI_MEMORY_DESCRIPTOR_VERSION) {
			say(v->st,
			    "inventory: descriptors of %llu bytes, version %u: not known",
			    (unsigned long long)size, version);
			return EFI_UNSUPPORTED;
		}
		len += MAP_SLACK * size;
		raw = inventory_allocate(v, len);
		if (raw == NULL)
			return EFI_OUT_OF_RESOURCES;
		status = v->bs->GetMemoryMap(&len, raw, &key, &size, &version);
		if (status == EFI_SUCCESS)
			status = keep_map(v, (struct bytes){raw, len}, size);
		(void)v->bs->FreePool(raw);
	}
	return status;
}

static void print_line(void *ctx, const char *line)
{
	const struct inventory *v = ctx;

	say(v->st, "%s", line);
}

static void print_problem(void *ctx, size_t index, const char *text)
{
	const struct inventory *v = ctx;

	say(v->st, "problem: descriptor %llu: %s", (unsigned long long)index, text);
}

static void print_images(const struct inventory *v)
{
	say(v->st, "%llu runtime images", (unsigned long long)v->image_count);
	for (size_t i = 0; i < v->image_count; i++) {
		const struct inventory_image *im = &v->images[i];
		char text[INVENTORY_TEXT_MAX] = "-";

		if (im->name != NULL)
			inventory_ascii(im->name, im->name_len, text);
		say(v->st, "%#08llx %8llu  %s", (unsigned long long)im->base,
		    (unsigned long long)im->size, text);
		if (im->file == NULL)
			continue;
		inventory_ascii(im->file, ucs2_len(im->file, INVENTORY_TEXT_MAX), text);
		say(v->st, "    %s", text);
	}
}

static EFI_STATUS run(struct inventory *v, const CHAR16 *out)
{
	CHAR16 path[INVENTORY_TEXT_MAX];
	struct rts_map_summary sum;
	EFI_STATUS status = out != NULL ? inventory_path(v, out, path) : EFI_SUCCESS;

	if (status != EFI_SUCCESS)
		return status;
	status = get_map(v);
	if (status == EFI_SUCCESS)
		status = inventory_find_images(v);
	if (status != EFI_SUCCESS) {
		say(v->st, "inventory: status %#llx", (unsigned long long)status);
		return status;
	}
	sum = rts_map_sum(&v->map);
	rts_map_print(&v->map, print_line, v);
	say(v->st, "%s", "");
	rts_map_print_summary(&sum, print_line, v);
	(void)rts_map_check(&v->map, print_problem, v);
	say(v->st, "%s", "");
	print_images(v);
	return out != NULL ? inventory_save(v, path) : EFI_SUCCESS;
}

/* Cuts @line, which ends with a NUL, into words; the count. Quotes hold a word together. */
static size_t split(CHAR16 *line, CHAR16 *ret[WORDS_MAX])
{
	size_t n = 0;

	for (size_t from = 0, to = 0; line[from] != 0 && n < WORDS_MAX;) {
		bool quoted = false;

		for (; line[from] == ' '; from++)
			;
		if (line[from] == 0)
			break;
		to = from;
		ret[n++] = &line[to];
		for (; line[from] != 0 && (quoted || line[from] != ' '); from++) {
			if (line[from] == '"')
				quoted = !quoted;
			else
				line[to++] = line[from];
		}
		from += line[from] != 0;
		line[to] = 0;
	}
	return n;
}

/*
 * The words of our command line. The shell gives them; a boot option's optional data, or a
 * shell of old, gives one text, with or without the program's name in front. Data that is
 * no text is nothing that we were told: boot managers put their own marks there.
 */
static size_t command_line(const struct inventory *v, CHAR16 *ret[WORDS_MAX])
{
	static const EFI_GUID shell = EFI_SHELL_PARAMETERS_PROTOCOL_GUID;
	static const EFI_GUID loaded = EFI_LOADED_IMAGE_PROTOCOL_GUID;
	const EFI_SHELL_PARAMETERS_PROTOCOL *p = inventory_protocol(v, v->self, &shell);
	const EFI_LOADED_IMAGE_PROTOCOL *image = inventory_protocol(v, v->self, &loaded);
	size_t n = 0, words;
	CHAR16 *line;

	if (p != NULL) {
		for (; n + 1 < p->Argc && n < WORDS_MAX; n++)
			ret[n] = p->Argv[n + 1];
		return n;
	}
	if (image == NULL || image->LoadOptions == NULL ||
	    image->LoadOptionsSize / sizeof *line > OPTIONS_LEN)
		return 0;
	line = inventory_allocate(v, (OPTIONS_LEN + 1) * sizeof *line);
	if (line == NULL)
		return 0;
	for (; n < image->LoadOptionsSize / sizeof *line; n++) {
		const uint8_t *at = (const uint8_t *)image->LoadOptions + n * sizeof *line;

		line[n] = (CHAR16)(at[0] | at[1] << 8);
		if (line[n] == 0)
			break;
		if (line[n] < ' ' || line[n] > '~')
			return 0;
	}
	line[n] = 0;
	words = split(line, ret);
	if (words == 0 || ret[0][0] == '-')
		return words;
	for (size_t i = 1; i < words; i++)
		ret[i - 1] = ret[i];
	return words - 1;
}

static bool is(const CHAR16 *word, const char *text)
{
	size_t i = 0;

	for (; text[i] != 0 && word[i] == (CHAR16)text[i]; i++)
		;
	return word[i] == 0 && text[i] == 0;
}

EFI_STATUS EFIAPI efi_main(EFI_HANDLE ImageHandle, EFI_SYSTEM_TABLE *SystemTable);

EFI_STATUS EFIAPI efi_main(EFI_HANDLE ImageHandle, EFI_SYSTEM_TABLE *SystemTable)
{
	struct inventory v = {
		.st = SystemTable, .bs = SystemTable->BootServices, .self = ImageHandle};
	CHAR16 *words[WORDS_MAX];
	size_t n = command_line(&v, words);

	if (n == 2 && is(words[0], "-o"))
		return run(&v, words[1]);
	if (n == 0)
		return run(&v, NULL);
	say(v.st, "Usage: inventory [-o FILE]");
	say(v.st, "Prints the memory map and the runtime images that are loaded.");
	say(v.st, "-o FILE saves both, as JSON, on the volume that this was started from.");
	return is(words[0], "-h") || is(words[0], "-?") || is(words[0], "--help")
		       ? EFI_SUCCESS
		       : EFI_INVALID_PARAMETER;
}
