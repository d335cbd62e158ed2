/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps from files: binary ones of any DescriptorSize, and our JSON documents. */
#include "cli/memmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/guid.h"

#define SIZE_USUAL 48U   /* what edk2 and our own GetMemoryMap say */
#define SIZE_TOLD  4096U /* at most, where we are told */
#define SIZE_GUESS                                                   \
	72U /* where not: less than twice the least, or every second \
	       descriptor might pass for all of them */

void memmap_fini(struct memmap *m)
{
	free(m->map.d);
	free(m->map.order);
	free(m->no_attributes);
	json_decref(m->images);
	*m = (struct memmap){0};
}

int memmap_reserve(struct memmap *m, size_t n)
{
	void *d = n > UINT32_MAX ? NULL : reallocarray(m->map.d, n + 1, sizeof *m->map.d);
	void *order = NULL, *no_attributes = NULL;

	if (d != NULL) {
		m->map.d = d;
		order = reallocarray(m->map.order, n + 1, sizeof *m->map.order);
	}
	if (order != NULL) {
		m->map.order = order;
		no_attributes =
			reallocarray(m->no_attributes, n + 1, sizeof *m->no_attributes);
	}
	if (no_attributes == NULL)
		return -ENOMEM;
	m->no_attributes = no_attributes;
	return 0;
}

void memmap_note(struct memmap *m, const char *fmt, ...)
{
	va_list ap;

	if (m->note_count == MEMMAP_NOTES_MAX)
		return;
	va_start(ap, fmt);
	fmt_text(m->notes[m->note_count].text, sizeof m->notes->text, fmt, ap);
	va_end(ap);
	m->note_count++;
}

/* How many descriptors of @size bytes look like ones, each for itself. */
static size_t count_good(struct bytes file, size_t size)
{
	size_t good = 0, n = rts_map_count(file, size);

	for (size_t i = 0; i < n; i++) {
		EFI_MEMORY_DESCRIPTOR d = rts_map_descriptor(file, size, i);

		good += rts_map_descriptor_ok(&d, NULL);
	}
	return good;
}

/*
 * The size that explains most: what counts is how many descriptors look right, then how
 * large a part of all they are. 0: no size divides the file.
 */
static size_t guess_size(struct bytes file)
{
	size_t best = file.n % SIZE_USUAL == 0 ? SIZE_USUAL : 0;
	size_t best_good = best != 0 ? count_good(file, best) : 0;

	for (size_t size = RTS_MAP_DESCRIPTOR_MIN; size <= SIZE_GUESS; size += 8) {
		size_t good;

		if (file.n % size != 0 || size == best)
			continue;
		good = count_good(file, size);
		/* as many in fewer descriptors: a larger part */
		if (best == 0 || good > best_good || (good == best_good && size > best)) {
			best = size;
			best_good = good;
		}
	}
	return best;
}

/* A file of which less than half looks like descriptors is something else. */
static int check_binary(struct bytes file, size_t size, struct diag *d)
{
	size_t n = rts_map_count(file, size);

	if (2 * count_good(file, size) >= n)
		return 0;
	for (size_t i = 0; i < n; i++) {
		EFI_MEMORY_DESCRIPTOR one = rts_map_descriptor(file, size, i);
		struct diag why = {0};

		if (!rts_map_descriptor_ok(&one, &why))
			return diag(d, -EINVAL, "not a memory map: offset %#zx: %s",
				    i * size, why.text);
	}
	return 0;
}

static int read_binary(struct bytes file, size_t size, struct memmap *m, struct diag *d)
{
	bool told = size != 0;
	int r;

	if (file.n == 0)
		return diag(d, -EINVAL, "not a memory map: 0 bytes");
	if (!told)
		size = guess_size(file);
	if (size == 0)
		return diag(
			d, -EINVAL,
			"not a memory map: %zu bytes are not a whole number of descriptors "
			"of %u bytes, nor of any other usual size",
			file.n, SIZE_USUAL);
	if (size < RTS_MAP_DESCRIPTOR_MIN || size > SIZE_TOLD || size % 8 != 0)
		return diag(d, -EINVAL,
			    "a descriptor of %zu bytes: want a multiple of 8, %zu to %u",
			    size, RTS_MAP_DESCRIPTOR_MIN, SIZE_TOLD);
	if (file.n % size != 0)
		return diag(d, -EINVAL,
			    "%zu bytes are not a whole number of descriptors of %zu bytes",
			    file.n, size);
	r = check_binary(file, size, d);
	if (r < 0)
		return r;
	r = memmap_reserve(m, file.n / size);
	if (r < 0)
		return diag(d, r, "out of memory");
	for (m->map.n = 0; m->map.n < file.n / size; m->map.n++) {
		m->map.d[m->map.n] = rts_map_descriptor(file, size, m->map.n);
		m->no_attributes[m->map.n] = false;
	}
	m->source = "map";
	m->descriptor_size = size;
	if (!told && size != SIZE_USUAL)
		memmap_note(m, "taken for descriptors of %zu bytes", size);
	return 0;
}

/* "0x1f": what our documents have for addresses. */
static bool hex_text(const json_t *v, uint64_t *ret)
{
	const char *s = json_string_value(v);
	size_t n = json_string_length(v);
	uint64_t sum = 0;

	if (s == NULL || n < 3 || n > 18 || s[0] != '0' || s[1] != 'x')
		return false;
	for (size_t i = 2; i < n; i++) {
		int digit = hex_digit(s[i]);

		if (digit < 0)
			return false;
		sum = sum << 4 | (unsigned)digit;
	}
	*ret = sum;
	return true;
}

static bool type_from_text(const json_t *v, uint32_t *ret)
{
	const char *s = json_string_value(v);
	uint64_t number;

	for (uint32_t type = 0; s != NULL && type < EfiMaxMemoryType; type++) {
		if (strcmp(s, rts_map_type_name(type)) == 0) {
			*ret = type;
			return true;
		}
	}
	if (!hex_text(v, &number) || number > UINT32_MAX)
		return false;
	*ret = (uint32_t)number;
	return true;
}

static bool whole(const json_t *v, uint64_t *ret)
{
	*ret = (uint64_t)json_integer_value(v);
	return json_is_integer(v) && json_integer_value(v) >= 0;
}

/* What is absent or null is not known: then *ret is 0. */
static bool hex_or_null(const json_t *v, uint64_t *ret)
{
	*ret = 0;
	return v == NULL || json_is_null(v) || hex_text(v, ret);
}

static int read_descriptor(struct memmap *m, size_t i, const json_t *v, struct diag *d)
{
	const json_t *attributes = json_object_get(v, "attributes");
	EFI_MEMORY_DESCRIPTOR *to = &m->map.d[i];
	const char *bad = NULL;

	*to = (EFI_MEMORY_DESCRIPTOR){0};
	if (!type_from_text(json_object_get(v, "type"), &to->Type))
		bad = "type: no name of a memory type, and no number 0x...";
	else if (!hex_text(json_object_get(v, "start"), &to->PhysicalStart))
		bad = "start: no address 0x...";
	else if (!whole(json_object_get(v, "pages"), &to->NumberOfPages))
		bad = "pages: no whole number";
	else if (!hex_or_null(attributes, &to->Attribute))
		bad = "attributes: no number 0x...";
	else if (!hex_or_null(json_object_get(v, "virtual"), &to->VirtualStart))
		bad = "virtual: no address 0x...";
	if (bad != NULL)
		return diag(d, -EINVAL, "descriptor %zu: %s", i, bad);
	m->no_attributes[i] = attributes == NULL || json_is_null(attributes);
	return 0;
}

static bool text_or_null(const json_t *v)
{
	return v == NULL || json_is_null(v) || json_is_string(v);
}

static int check_image(const json_t *v, size_t i, struct diag *d)
{
	const json_t *guid = json_object_get(v, "guid");
	const char *bad = NULL;
	uint64_t number;
	uint32_t type;
	EFI_GUID g;

	if (!text_or_null(json_object_get(v, "name")))
		bad = "name: no text";
	else if (!text_or_null(json_object_get(v, "path")))
		bad = "path: no text";
	else if (!text_or_null(guid) ||
		 (json_is_string(guid) &&
		  !guid_from_text(json_string_value(guid), json_string_length(guid), &g)))
		bad = "guid: no GUID";
	else if (!hex_text(json_object_get(v, "base"), &number))
		bad = "base: no address 0x...";
	else if (!whole(json_object_get(v, "size"), &number))
		bad = "size: no whole number";
	else if (!type_from_text(json_object_get(v, "code_type"), &type))
		bad = "code_type: no name of a memory type, and no number 0x...";
	return bad != NULL ? diag(d, -EINVAL, "image %zu: %s", i, bad) : 0;
}

static int read_document(const json_t *doc, struct memmap *m, struct diag *d)
{
	const char *schema = json_string_value(json_object_get(doc, "schema"));
	const bool inventory =
		schema != NULL && strcmp(schema, "runtserv.inventory/1") == 0;
	const json_t *list = json_object_get(inventory ? json_object_get(doc, "map") : doc,
					     "descriptors");
	json_t *images = json_object_get(doc, "images");
	int r;

	if (!inventory && (schema == NULL || strcmp(schema, "runtserv.memmap/1") != 0))
		return diag(d, -EINVAL,
			    "a JSON document, but its schema is neither "
			    "runtserv.inventory/1 nor runtserv.memmap/1");
	if (!json_is_array(list))
		return diag(d, -EINVAL, "no list of descriptors");
	if (images != NULL && !json_is_null(images) && !json_is_array(images))
		return diag(d, -EINVAL, "images: no list");
	r = memmap_reserve(m, json_array_size(list));
	if (r < 0)
		return diag(d, r, "out of memory");
	for (; r == 0 && m->map.n < json_array_size(list); m->map.n++)
		r = read_descriptor(m, m->map.n, json_array_get(list, m->map.n), d);
	for (size_t i = 0; r == 0 && i < json_array_size(images); i++)
		r = check_image(json_array_get(images, i), i, d);
	if (r == 0 && json_is_array(images))
		m->images = json_incref(images);
	m->source = inventory ? "inventory" : "map";
	return r;
}

static int read_json(struct bytes file, struct memmap *m, struct diag *d)
{
	json_error_t error;
	json_t *doc =
		json_loadb((const char *)file.p, file.n, JSON_REJECT_DUPLICATES, &error);
	int r;

	if (doc == NULL)
		return diag(d, -EINVAL, "line %d, column %d: %s", error.line, error.column,
			    error.text);
	r = read_document(doc, m, d);
	json_decref(doc);
	return r;
}

/* A map cannot begin so: types are small numbers, and the next bytes of one are zero. */
static bool is_json(struct bytes file)
{
	size_t i = 0;

	while (i < file.n && file.p[i] != 0 && strchr(" \t\r\n", file.p[i]) != NULL)
		i++;
	return i < file.n && file.p[i] == '{';
}

int memmap_read(struct bytes file, size_t descriptor_size, struct memmap *ret,
		struct diag *d)
{
	struct memmap m = {0};
	int r = is_json(file) ? read_json(file, &m, d)
			      : read_binary(file, descriptor_size, &m, d);

	if (r < 0) {
		memmap_fini(&m);
		return r;
	}
	rts_map_sort(&m.map);
	*ret = m;
	return 0;
}
