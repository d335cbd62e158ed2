/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runtserv.inventory/1 (doc/design.md 3.4) as JSON text, and its file. The same code runs
 * twice over: first it only counts, then it writes into as much memory.
 */
#include "base/diag.h"
#include "base/guid.h"
#include "base/ucs2.h"
#include "inventory.h"
#include "say.h"
#include "uefi/protocols.h"

#define PATH_TEXT_MAX 4096U
#define NUMBER_MAX    0x7fffffffffffffffULL /* what JSON readers hold as a whole number */

__attribute__((format(printf, 2, 3))) static void put(struct writer *w, const char *fmt,
						      ...)
{
	char text[160];
	size_t n;
	va_list ap;

	va_start(ap, fmt);
	n = fmt_text(text, sizeof text, fmt, ap);
	va_end(ap);
	writer_put(w, text, n < sizeof text ? n : sizeof text - 1);
}

static void put_size(struct writer *w, const char *name, uint64_t v)
{
	put(w, "\"%s\": %llu", name, (unsigned long long)(v < NUMBER_MAX ? v : NUMBER_MAX));
}

/* Between quotes. UCS-2 has no surrogates; what is none of its characters becomes U+FFFD.
 */
static void put_wide(struct writer *w, const CHAR16 *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool surrogate = s[i] >= 0xd800 && s[i] <= 0xdfff;

		if (s[i] >= ' ' && s[i] <= '~' && s[i] != '"' && s[i] != '\\')
			put(w, "%c", s[i]);
		else
			put(w, "\\u%04x", surrogate ? 0xfffdU : s[i]);
	}
}

static void put_map(struct writer *w, const struct rts_map *m)
{
	for (size_t i = 0; i < m->n; i++) {
		const EFI_MEMORY_DESCRIPTOR *d = &m->d[i];
		const char *name = rts_map_type_name(d->Type);

		put(w, "%s\n      {\"type\": ", i == 0 ? "" : ",");
		if (name != NULL)
			put(w, "\"%s\"", name);
		else
			put(w, "\"%#x\"", d->Type);
		put(w, ", \"start\": \"%#llx\", ", (unsigned long long)d->PhysicalStart);
		put_size(w, "pages", d->NumberOfPages);
		put(w, ", \"attributes\": \"%#llx\"}", (unsigned long long)d->Attribute);
	}
}

static void put_summary(struct writer *w, const struct rts_map *m)
{
	const struct rts_map_summary s = rts_map_sum(m);
	const char *comma = "";

	put_size(w, "usable", rts_map_bytes(s.usable));
	put(w, ",\n      ");
	put_size(w, "runtime_reserved", rts_map_bytes(s.runtime));
	put(w, ",\n      ");
	put_size(w, "largest_free_run", rts_map_bytes(s.free_run));
	put(w, ",\n      \"mmio_regions\": [");
	for (size_t i = 0; i < m->n; i++) {
		const EFI_MEMORY_DESCRIPTOR *d = &m->d[m->order[i]];

		if (!rts_map_is_mmio(d->Type))
			continue;
		put(w, "%s{\"type\": \"%s\", \"start\": \"%#llx\", ", comma,
		    rts_map_type_name(d->Type), (unsigned long long)d->PhysicalStart);
		put_size(w, "size", rts_map_bytes(rts_map_pages(d)));
		put(w, "}");
		comma = ", ";
	}
	put(w, "],\n      \"by_type\": {");
	comma = "";
	for (unsigned i = 0; i < RTS_MAP_TYPES; i++) {
		if (s.by_type[i].descriptors == 0)
			continue;
		put(w, "%s\n        ", comma);
		put_size(w, rts_map_type_index_name(i), rts_map_bytes(s.by_type[i].pages));
		comma = ",";
	}
	put(w, "}");
}

static void put_image(struct writer *w, const struct inventory_image *im)
{
	char guid[GUID_TEXT_LEN + 1];

	if (im->name != NULL) {
		put(w, "\n    {\"name\": \"");
		put_wide(w, im->name, im->name_len);
		put(w, "\"");
	} else {
		put(w, "\n    {\"name\": null");
	}
	guid_to_text(&im->guid, guid);
	if (im->has_guid)
		put(w, ", \"guid\": \"%s\"", guid);
	else
		put(w, ", \"guid\": null");
	if (im->device != NULL || im->file != NULL) {
		put(w, ", \"path\": \"");
		if (im->device != NULL)
			put_wide(w, im->device, ucs2_len(im->device, PATH_TEXT_MAX));
		put(w, "%s", im->device != NULL && im->file != NULL ? "/" : "");
		if (im->file != NULL)
			put_wide(w, im->file, ucs2_len(im->file, PATH_TEXT_MAX));
		put(w, "\"");
	} else {
		put(w, ", \"path\": null");
	}
	put(w, ",\n     \"base\": \"%#llx\", ", (unsigned long long)im->base);
	put_size(w, "size", im->size);
	put(w, ", \"code_type\": \"%s\"}", rts_map_type_name(im->code_type));
}

static void put_inventory(struct writer *w, const struct inventory *v)
{
	put(w, "{\n  \"schema\": \"runtserv.inventory/1\",\n  \"map\": {\n    "
	       "\"descriptors\": [");
	put_map(w, &v->map);
	put(w, "],\n    \"summary\": {\n      ");
	put_summary(w, &v->map);
	put(w, "}},\n  \"images\": [");
	for (size_t i = 0; i < v->image_count; i++) {
		put(w, "%s", i == 0 ? "" : ",");
		put_image(w, &v->images[i]);
	}
	put(w, "]\n}\n");
}

/* The root folder of the volume that we were started from, or NULL. */
static EFI_FILE_PROTOCOL *open_volume(const struct inventory *v)
{
	static const EFI_GUID loaded = EFI_LOADED_IMAGE_PROTOCOL_GUID;
	static const EFI_GUID file_system = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;
	const EFI_LOADED_IMAGE_PROTOCOL *image = inventory_protocol(v, v->self, &loaded);
	EFI_SIMPLE_FILE_SYSTEM_PROTOCOL *fs =
		image != NULL ? inventory_protocol(v, image->DeviceHandle, &file_system)
			      : NULL;
	EFI_FILE_PROTOCOL *root = NULL;

	if (fs == NULL || fs->OpenVolume(fs, &root) != EFI_SUCCESS)
		return NULL;
	return root;
}

static EFI_STATUS write_file(EFI_FILE_PROTOCOL *root, CHAR16 *name, struct bytes data)
{
	const uint64_t mode = EFI_FILE_MODE_READ | EFI_FILE_MODE_WRITE;
	UINTN len = data.n;
	EFI_FILE_PROTOCOL *f;
	EFI_STATUS status, closed;

	/* a longer file of that name would keep its end */
	if (root->Open(root, &f, name, mode, 0) == EFI_SUCCESS) {
		status = f->Delete(f);
		if (status != EFI_SUCCESS)
			return status;
	}
	status = root->Open(root, &f, name, mode | EFI_FILE_MODE_CREATE, 0);
	if (status != EFI_SUCCESS)
		return status;
	status = f->Write(f, &len, (void *)(uintptr_t)data.p);
	if (status == EFI_SUCCESS && len != data.n)
		status = EFI_VOLUME_FULL;
	if (status == EFI_SUCCESS)
		status = f->Flush(f);
	if (status != EFI_SUCCESS) {
		(void)f->Delete(f); /* which closes it */
		return status;
	}
	closed = f->Close(f);
	return closed;
}

EFI_STATUS inventory_path(const struct inventory *v, const CHAR16 *name,
			  CHAR16 ret[INVENTORY_TEXT_MAX])
{
	size_t n = ucs2_len(name, INVENTORY_TEXT_MAX);
	char text[INVENTORY_TEXT_MAX];

	inventory_ascii(name, n, text);
	if (n == 0 || n == INVENTORY_TEXT_MAX) {
		say(v->st, "inventory: a name has 1 to %u characters",
		    INVENTORY_TEXT_MAX - 1);
		return EFI_INVALID_PARAMETER;
	}
	for (size_t i = 0; i < n; i++) {
		ret[i] = name[i] == '/' ? '\\' : name[i];
		if (name[i] == ':') {
			say(v->st,
			    "inventory: %s: names a volume; wanted is a file on ours",
			    text);
			return EFI_INVALID_PARAMETER;
		}
	}
	ret[n] = 0;
	return EFI_SUCCESS;
}

EFI_STATUS inventory_save(const struct inventory *v, CHAR16 *path)
{
	struct writer w = {0};
	char text[INVENTORY_TEXT_MAX];
	EFI_FILE_PROTOCOL *root = open_volume(v);
	EFI_STATUS status;

	inventory_ascii(path, ucs2_len(path, INVENTORY_TEXT_MAX), text);
	if (root == NULL) {
		say(v->st, "inventory: %s: we were not started from a volume with files",
		    text);
		return EFI_NOT_FOUND;
	}
	put_inventory(&w, v);
	w = (struct writer){.p = inventory_allocate(v, w.n), .cap = w.n};
	if (w.p == NULL)
		w.cap = 0;
	put_inventory(&w, v);
	status = w.full ? EFI_OUT_OF_RESOURCES
			: write_file(root, path, (struct bytes){w.p, w.n});
	(void)root->Close(root);
	if (status != EFI_SUCCESS)
		say(v->st, "inventory: %s: status %#llx", text, (unsigned long long)status);
	else
		say(v->st, "saved: %s, %llu bytes", text, (unsigned long long)w.n);
	return status;
}
