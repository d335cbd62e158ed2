/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The drivers, seen in six ways: PE headers in memory, the firmware's own list of runtime
 * images (PI 1.8 vol 2 §12.6), the memory attributes table, the debug image info table
 * (UEFI 2.10 §18.4.3), who gives the runtime services, and whose functions the runtime
 * events call; and in a seventh, an inventory saved before boot. One row for each driver
 * that any of them shows. Who is right when they differ is not said here (scan_judge.c).
 */
#include <stdlib.h>
#include <string.h>

#include "base/guid.h"
#include "scan/scan_priv.h"

#define LINK_OFFSET_IMAGE offsetof(EFI_RUNTIME_IMAGE_ENTRY, Link)
#define LINK_OFFSET_EVENT offsetof(EFI_RUNTIME_EVENT_ENTRY, Link)
#define SEARCH_CHUNK      65536U
#define SEARCH_MAX        (64U << 20) /* bytes in which the lists are looked for */
#define LIST_STEPS_MAX    1000000U    /* entries that are read meanwhile */
#define BOOT_IMAGES_MAX   512U

/* A driver while rows are being collected. */
struct row {
	uint64_t base, size;
	uint64_t relocation_data;
	unsigned order; /* in the image list, from 1; 0: not in it */
};

struct rows {
	struct row *row;
	size_t count, cap;
};

const struct rts_scan_region *rts_scan_region_at(const struct scan *s, uint64_t at)
{
	const struct rts_scan_report *r = s->report;

	for (size_t i = 0; i < r->region_count; i++)
		if (at >= r->regions[i].start &&
		    at - r->regions[i].start < r->regions[i].pages * EFI_PAGE_SIZE)
			return &r->regions[i];
	return NULL;
}

bool rts_scan_is_runtime(uint32_t type)
{
	return type == EfiRuntimeServicesCode || type == EfiRuntimeServicesData;
}

/* The row at @base, a new one if need be; NULL: there is no room. */
static struct row *row_at(struct scan *s, struct rows *rows, uint64_t base, uint64_t size)
{
	for (size_t i = 0; i < rows->count; i++)
		if (rows->row[i].base == base)
			return &rows->row[i];
	if (!rts_scan_grow(s, (void **)&rows->row, rows->count, &rows->cap,
			   sizeof *rows->row, SCAN_DRIVERS_MAX)) {
		rts_scan_note(s, "more than %u drivers: the others are left out",
			      SCAN_DRIVERS_MAX);
		return NULL;
	}
	rows->row[rows->count] = (struct row){.base = base, .size = size};
	return &rows->row[rows->count++];
}

/* ---- PE headers ---- */

/*
 * A loader writes the address into the header; a mere copy of a file has another there, and
 * counts only where it lies in memory for runtime code. What a loader left in memory that
 * was given back is none.
 */
static bool is_loaded(const struct scan *s, uint64_t at, const struct scan_header *h)
{
	const struct rts_scan_region *region = rts_scan_region_at(s, at);

	if (region != NULL)
		return region->type == EfiRuntimeServicesCode ||
		       (region->type == EfiRuntimeServicesData && h->image_base == at);
	return h->image_base == at;
}

static void collect_headers(struct scan *s, struct rows *rows)
{
	const struct scan_hits *hits = &s->hits[SCAN_HIT_PE];
	struct scan_header h;

	for (size_t i = 0; i < hits->count; i++)
		if (rts_scan_image_header(s, hits->at[i], &h) &&
		    h.subsystem == PE_SUBSYSTEM_RUNTIME_DRIVER &&
		    is_loaded(s, hits->at[i], &h))
			row_at(s, rows, hits->at[i], h.size);
}

/* The image with a header that holds @at: the nearest one below it. */
static bool image_around(struct scan *s, uint64_t at, uint64_t *ret_base,
			 struct scan_header *ret)
{
	const struct scan_hits *hits = &s->hits[SCAN_HIT_PE];
	size_t low = 0, high = hits->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (hits->at[middle] <= at)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t i = low; i > 0 && at - hits->at[i - 1] < SCAN_IMAGE_MAX; i--) {
		if (!rts_scan_image_header(s, hits->at[i - 1], ret) ||
		    at - hits->at[i - 1] >= ret->size)
			continue;
		*ret_base = hits->at[i - 1];
		return true;
	}
	return false;
}

/* ---- the firmware's lists ---- */

static bool read_links(struct scan *s, uint64_t at, LIST_ENTRY *ret)
{
	return at % 8 == 0 && rts_dump_read_all(s->dump, at, ret, sizeof *ret);
}

static bool image_entry_sane(const EFI_RUNTIME_IMAGE_ENTRY *e)
{
	return e->ImageBase % EFI_PAGE_SIZE == 0 && e->ImageBase != 0 &&
	       e->ImageSize != 0 && e->ImageSize <= SCAN_IMAGE_MAX;
}

/* Whether a list of runtime images begins at @head: it closes, forwards and backwards, and
 * each entry is an image. */
static bool list_closes(struct scan *s, uint64_t head, const LIST_ENTRY *links)
{
	uint64_t at = links->ForwardLink, before = head;

	if (at == head)
		return false;
	for (unsigned n = 0; n < SCAN_LIST_MAX && s->list_steps < LIST_STEPS_MAX; n++) {
		EFI_RUNTIME_IMAGE_ENTRY e;

		s->list_steps++;
		if (at == head)
			return links->BackLink == before;
		if (at % 8 != 0 || at < LINK_OFFSET_IMAGE ||
		    !rts_dump_read_all(s->dump, at - LINK_OFFSET_IMAGE, &e, sizeof e) ||
		    e.Link.BackLink != before || !image_entry_sane(&e))
			return false;
		before = at;
		at = e.Link.ForwardLink;
	}
	return false;
}

/* Looks for an EFI_RUNTIME_ARCH_PROTOCOL in @len bytes at @start. */
static bool find_protocol(struct scan *s, uint64_t start, uint64_t len, uint64_t *ret)
{
	static const size_t need = offsetof(EFI_RUNTIME_ARCH_PROTOCOL, MemoryMapSize);
	uint8_t *chunk = malloc(SEARCH_CHUNK + need);
	bool found = false;

	if (chunk == NULL) {
		s->no_memory = true;
		return false;
	}
	for (uint64_t at = start; !found && at - start < len; at += SEARCH_CHUNK) {
		const uint64_t left = len - (at - start);
		const size_t want = left < SEARCH_CHUNK ? (size_t)left : SEARCH_CHUNK;
		const size_t got = rts_dump_read(s->dump, at, chunk, want + need);

		for (size_t i = 0; !found && i < want && i + need <= got; i += 8) {
			EFI_RUNTIME_ARCH_PROTOCOL p;

			memcpy(&p, chunk + i, need);
			if (p.ImageHead.ForwardLink % 8 != 0 ||
			    p.ImageHead.ForwardLink == 0 ||
			    p.MemoryDescriptorSize < sizeof(EFI_MEMORY_DESCRIPTOR) ||
			    p.MemoryDescriptorSize > 256 ||
			    p.MemoryDescriptorVersion != EFI_MEMORY_DESCRIPTOR_VERSION ||
			    !list_closes(s, at + i, &p.ImageHead))
				continue;
			*ret = at + i;
			found = true;
		}
	}
	free(chunk);
	return found;
}

/*
 * The two services that stay physical lie in the driver that has the lists. Where they were
 * led elsewhere, it is one of the other runtime drivers, or, without a header, somewhere in
 * runtime memory.
 */
static bool find_lists(struct scan *s, const struct rows *rows, uint64_t *ret)
{
	static const unsigned anchors[] = {4, 5}; /* SetVirtualAddressMap, ConvertPointer */
	uint64_t searched = 0;

	for (size_t i = 0; i < sizeof anchors / sizeof *anchors; i++) {
		struct scan_header h;
		uint64_t at, base;

		if (s->tables.has_runtime &&
		    rts_scan_physical(s, s->tables.pointer[anchors[i]], &at) &&
		    image_around(s, at, &base, &h) && h.size <= SCAN_IMAGE_MAX &&
		    find_protocol(s, base, h.size, ret))
			return true;
	}
	for (size_t i = 0; i < rows->count && searched < SEARCH_MAX; i++) {
		searched += rows->row[i].size;
		if (rows->row[i].size <= SCAN_IMAGE_MAX &&
		    find_protocol(s, rows->row[i].base, rows->row[i].size, ret))
			return true;
	}
	for (size_t i = 0; i < s->report->region_count && searched < SEARCH_MAX; i++) {
		const struct rts_scan_region *region = &s->report->regions[i];
		const uint64_t len = region->pages * EFI_PAGE_SIZE;

		if (!rts_scan_is_runtime(region->type) || len > SEARCH_MAX)
			continue;
		searched += len;
		if (find_protocol(s, region->start, len, ret))
			return true;
	}
	return false;
}

static void collect_list(struct scan *s, struct rows *rows, uint64_t head)
{
	LIST_ENTRY links;
	uint64_t at;

	if (!read_links(s, head, &links))
		return;
	at = links.ForwardLink;
	for (unsigned n = 0; at != head && n < SCAN_LIST_MAX; n++) {
		EFI_RUNTIME_IMAGE_ENTRY e;
		struct row *row;

		if (!rts_dump_read_all(s->dump, at - LINK_OFFSET_IMAGE, &e, sizeof e))
			break;
		row = row_at(s, rows, e.ImageBase, e.ImageSize);
		if (row == NULL)
			break;
		row->size = e.ImageSize;
		row->relocation_data = e.RelocationData;
		row->order = n + 1;
		at = e.Link.ForwardLink;
	}
	s->has_image_list = true;
}

static void collect_events(struct scan *s, uint64_t head)
{
	struct rts_scan_report *r = s->report;
	LIST_ENTRY links;
	uint64_t at, before = head;

	if (!read_links(s, head, &links))
		return;
	s->has_event_list = true;
	at = links.ForwardLink;
	for (unsigned n = 0; at != head && n < SCAN_LIST_MAX; n++) {
		EFI_RUNTIME_EVENT_ENTRY e;

		if (at % 8 != 0 || at < LINK_OFFSET_EVENT ||
		    !rts_dump_read_all(s->dump, at - LINK_OFFSET_EVENT, &e, sizeof e) ||
		    e.Link.BackLink != before ||
		    !rts_scan_grow(s, (void **)&r->events, r->event_count, &s->event_cap,
				   sizeof *r->events, SCAN_LIST_MAX)) {
			rts_scan_note(
				s,
				"the list of runtime events is broken at 0x%lx, after "
				"%u events",
				at, n);
			break;
		}
		r->events[r->event_count] = (struct rts_scan_event){
			.type = e.Type, .function = e.NotifyFunction, .driver = -1};
		if (!rts_scan_physical(s, e.NotifyFunction,
				       &r->events[r->event_count].physical))
			r->events[r->event_count].physical = e.NotifyFunction;
		r->event_count++;
		before = at;
		at = e.Link.ForwardLink;
	}
}

static void collect_lists(struct scan *s, struct rows *rows)
{
	uint64_t at;

	if (!find_lists(s, rows, &at)) {
		if (s->tables.has_runtime)
			rts_scan_note(
				s, "the firmware's own lists of runtime images and events "
				   "were not found: it keeps them in another way, or their "
				   "memory is not in the image");
		return;
	}
	collect_list(s, rows, at + offsetof(EFI_RUNTIME_ARCH_PROTOCOL, ImageHead));
	collect_events(s, at + offsetof(EFI_RUNTIME_ARCH_PROTOCOL, EventHead));
}

/* ---- the other views ---- */

static void collect_debug(struct scan *s, struct rows *rows)
{
	for (size_t i = 0; i < s->tables.debug_count; i++)
		if (s->tables.debug[i].code_type == EfiRuntimeServicesCode)
			row_at(s, rows, s->tables.debug[i].base, s->tables.debug[i].size);
}

/* An image of any kind is a driver where services or events lead into it. */
static void collect_owner(struct scan *s, struct rows *rows, uint64_t at)
{
	struct scan_header h;
	uint64_t base;

	for (size_t i = 0; i < rows->count; i++)
		if (at >= rows->row[i].base && at - rows->row[i].base < rows->row[i].size)
			return;
	if (image_around(s, at, &base, &h))
		row_at(s, rows, base, h.size);
}

static void collect_owners(struct scan *s, struct rows *rows)
{
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++)
		if (s->report->services[i].has_physical)
			collect_owner(s, rows, s->report->services[i].physical);
	for (size_t i = 0; i < s->report->event_count; i++)
		collect_owner(s, rows, s->report->events[i].physical);
}

static void read_services(struct scan *s)
{
	bool lost = false;

	for (unsigned i = 0; s->tables.has_runtime && i < RTS_SCAN_SERVICES; i++) {
		struct rts_scan_service *service = &s->report->services[i];

		service->pointer = s->tables.pointer[i];
		service->has_pointer = true;
		service->has_physical =
			rts_scan_physical(s, service->pointer, &service->physical);
		lost |= !service->has_physical;
	}
	if (lost)
		rts_scan_note(s,
			      "some service pointers are virtual addresses that nothing in "
			      "the image leads back to memory");
}

/* ---- rows become drivers ---- */

int rts_scan_driver_at(const struct scan *s, uint64_t at)
{
	const struct rts_scan_report *r = s->report;

	for (size_t i = 0; i < r->driver_count; i++)
		if (at >= r->drivers[i].base &&
		    at - r->drivers[i].base < r->drivers[i].size)
			return (int)i;
	return -1;
}

static const struct scan_debug_image *debug_at(const struct scan *s, uint64_t base)
{
	for (size_t i = 0; i < s->tables.debug_count; i++)
		if (s->tables.debug[i].base == base)
			return &s->tables.debug[i];
	return NULL;
}

static const struct rts_scan_inventory_image *
inventory_of(const struct scan *s, const struct rts_scan_driver *driver)
{
	const struct rts_scan_config *c = s->config;

	for (size_t i = 0; i < c->inventory_count; i++)
		if (c->inventory[i].base == driver->base)
			return &c->inventory[i];
	return NULL;
}

static bool has_readonly_range(const struct scan *s, const struct rts_scan_driver *driver)
{
	for (size_t i = 0; i < s->tables.attribute_count; i++) {
		const struct scan_attribute *a = &s->tables.attribute[i];

		if ((a->attributes & EFI_MEMORY_RO) != 0 &&
		    a->start < driver->base + driver->size &&
		    driver->base < a->start + a->pages * EFI_PAGE_SIZE)
			return true;
	}
	return false;
}

static enum rts_scan_seen seen(bool available, bool yes, enum rts_scan_seen otherwise)
{
	if (!available)
		return RTS_SCAN_UNAVAILABLE;
	return yes ? RTS_SCAN_YES : otherwise;
}

/* What it is called, by whoever knows: a known image, the debug table, the inventory. */
static void name_driver(struct scan *s, struct rts_scan_driver *driver,
			const struct scan_known_image *known)
{
	const struct scan_debug_image *debug = debug_at(s, driver->base);
	const struct rts_scan_inventory_image *inventory = inventory_of(s, driver);

	if (known != NULL) {
		/* a likeness has the name, not the identity */
		driver->has_guid = known->has_guid && driver->match != RTS_SCAN_SIMILAR;
		if (driver->has_guid)
			driver->guid = known->guid;
		driver->matched_with = rts_scan_text(s, "%s", known->from->name);
		driver->own = known->from->kind == RTS_SCAN_KNOWN_OWN;
		if (known->name != NULL)
			driver->name = rts_scan_text(s, "%s", known->name);
		else if (known->from->kind != RTS_SCAN_KNOWN_FIRMWARE)
			driver->name = rts_scan_text(s, "%s", known->from->name);
	}
	if (debug != NULL) {
		if (!driver->has_guid && debug->has_guid) {
			driver->has_guid = true;
			driver->guid = debug->guid;
		}
		if (debug->path != NULL)
			driver->path = rts_scan_text(s, "%s", debug->path);
	}
	if (inventory != NULL) {
		if (!driver->has_guid && inventory->has_guid) {
			driver->has_guid = true;
			driver->guid = inventory->guid;
		}
		if (driver->name == NULL && inventory->name != NULL)
			driver->name = rts_scan_text(s, "%s", inventory->name);
		if (driver->path == NULL && inventory->path != NULL)
			driver->path = rts_scan_text(s, "%s", inventory->path);
	}
}

/* Where a physical address is mapped: the other way round than rts_scan_physical(). */
static bool virtual_of(struct scan *s, uint64_t at, uint64_t *ret)
{
	const struct rts_scan_region *region = rts_scan_region_at(s, at);
	uint64_t back;

	if (region != NULL && region->virtual_start != 0)
		*ret = region->virtual_start + (at - region->start);
	else if (s->map.has_pair)
		*ret = at + s->map.pair_delta;
	else
		return false;
	return rts_scan_physical(s, *ret, &back) && back == at;
}

struct code {
	uint8_t *p;
	size_t n;
};

static void put_code(void *ctx, const void *p, size_t n)
{
	struct code *code = ctx;

	memcpy(code->p + code->n, p, n);
	code->n += n;
}

/* The digest is of the code alone: of a driver's data nothing stays the same. */
static void digest_driver(struct scan *s, struct rts_scan_driver *driver,
			  const struct scan_image *img)
{
	const struct rts_scan_hash_ops *ops = s->config->hash;
	struct code code = {0};
	char digest[256];
	uint8_t *copy;

	if (ops->similar == NULL || !img->header)
		return;
	copy = malloc(img->len * 2);
	if (copy == NULL) {
		s->no_memory = true;
		return;
	}
	memcpy(copy, img->file, img->len);
	code.p = copy + img->len;
	if (rts_pe_image_code(&img->pe, copy, put_code, &code) == EFI_SUCCESS &&
	    ops->similar(ops->ctx, code.p, code.n, digest, sizeof digest))
		driver->similar_digest = rts_scan_text(s, "%s", digest);
	free(copy);
}

/* Its fixups, and whether they agree with where its services are said to be. RuntimeDxe is
 * not moved: what it says of itself is no witness. */
static void place_driver(struct scan *s, struct rts_scan_driver *driver,
			 const struct scan_driver *own)
{
	struct rts_scan_mapping_way *way = &s->report->ways[RTS_SCAN_WAY_FIXUPS];
	uint64_t base;

	driver->has_virtual = virtual_of(s, driver->base, &driver->virtual_base);
	if (own->image.file == NULL ||
	    !rts_scan_fixup_base(s, &own->image, own->relocation_data, own->match.known,
				 &base) ||
	    base == driver->base)
		return;
	way->available = true;
	driver->has_virtual = true;
	driver->virtual_base = base;
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++) {
		const struct rts_scan_service *service = &s->report->services[i];

		if (!service->has_physical || service->physical < driver->base ||
		    service->physical - driver->base >= driver->size ||
		    service->pointer == service->physical)
			continue;
		if (service->pointer - base == service->physical - driver->base)
			way->agrees++;
		else
			way->disagrees++;
	}
}

/* What has no header, and is not known, matters most to whoever looks into it: its bytes.
 */
static EFI_STATUS extract_driver(struct scan *s, struct rts_scan_driver *driver,
				 const struct scan_driver *own)
{
	EFI_STATUS status;

	if (own->image.file == NULL || own->image.missing == own->image.len)
		return EFI_SUCCESS;
	status = rts_scan_image_file(s, &own->image, own->relocation_data, own->match.known,
				     &driver->file, &driver->file_len);
	if (status != EFI_NOT_FOUND)
		return status;
	driver->file = rts_scan_keep(s, own->image.len);
	if (driver->file == NULL)
		return EFI_OUT_OF_RESOURCES;
	memcpy(driver->file, own->image.file, own->image.len);
	driver->file_len = own->image.len;
	driver->file_raw = true;
	return EFI_SUCCESS;
}

static bool owns(const struct rts_scan_driver *driver, uint64_t at)
{
	return at >= driver->base && at - driver->base < driver->size;
}

static EFI_STATUS read_driver(struct scan *s, const struct row *row,
			      struct rts_scan_driver *driver, struct scan_driver *own)
{
	EFI_STATUS status;
	struct scan_header h;

	*driver = (struct rts_scan_driver){
		.base = row->base, .size = row->size, .match = RTS_SCAN_UNKNOWN};
	own->match.match = RTS_SCAN_UNKNOWN;
	own->relocation_data = row->relocation_data;
	own->list_order = row->order;
	status = rts_scan_image_load(s, row->base, row->size, &own->image);
	if (status != EFI_SUCCESS && status != EFI_NOT_FOUND)
		return status;
	driver->header = rts_scan_image_header(s, row->base, &h);
	driver->in_image = own->image.file != NULL && own->image.missing == 0;
	if (own->image.file != NULL && own->image.missing < own->image.len) {
		status = rts_scan_match(s, &own->image, &own->match);
		if (status != EFI_SUCCESS)
			return status;
		digest_driver(s, driver, &own->image);
	} else if (own->image.file == NULL) {
		rts_scan_note(
			s,
			"the driver at 0x%lx, 0x%lx bytes, was not looked into: that is "
			"more than can be held",
			row->base, row->size);
	}
	driver->match = own->match.match;
	driver->differing = own->match.differing;
	driver->likeness = own->match.likeness;
	driver->has_code_hash = own->match.has_hash;
	memcpy(driver->code_sha256, own->match.hash, sizeof driver->code_sha256);
	name_driver(s, driver, own->match.known);
	place_driver(s, driver, own);
	return s->config->extract ? extract_driver(s, driver, own) : EFI_SUCCESS;
}

static void see_driver(struct scan *s, struct rts_scan_driver *driver,
		       const struct scan_driver *own)
{
	const struct rts_scan_report *r = s->report;
	bool service = false, event = false;

	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++)
		service |= r->services[i].has_physical &&
			   owns(driver, r->services[i].physical);
	for (size_t i = 0; i < r->event_count; i++)
		event |= owns(driver, r->events[i].physical);
	driver->views[RTS_SCAN_VIEW_PE] =
		seen(rts_scan_readable(s, driver->base), driver->header, RTS_SCAN_NO);
	driver->views[RTS_SCAN_VIEW_IMAGE_LIST] =
		seen(s->has_image_list, own->list_order != 0, RTS_SCAN_NO);
	driver->views[RTS_SCAN_VIEW_ATTRIBUTES] =
		seen(s->tables.has_attributes, has_readonly_range(s, driver), RTS_SCAN_NO);
	driver->views[RTS_SCAN_VIEW_DEBUG] =
		seen(s->tables.has_debug, debug_at(s, driver->base) != NULL, RTS_SCAN_NO);
	driver->views[RTS_SCAN_VIEW_SERVICE] =
		seen(s->tables.has_runtime, service, RTS_SCAN_NOT_APPLICABLE);
	driver->views[RTS_SCAN_VIEW_EVENT] =
		seen(s->has_event_list, event, RTS_SCAN_NOT_APPLICABLE);
	driver->views[RTS_SCAN_VIEW_INVENTORY] = seen(
		s->config->has_inventory, inventory_of(s, driver) != NULL, RTS_SCAN_NO);
}

/* Boot services drivers stay in memory by luck; how many do is told, and nothing is made of
 * it. */
static EFI_STATUS count_boot_images(struct scan *s)
{
	const struct scan_hits *hits = &s->hits[SCAN_HIT_PE];
	struct rts_scan_report *r = s->report;

	for (size_t i = 0; i < hits->count && r->boot_image_count < BOOT_IMAGES_MAX; i++) {
		struct scan_image img = {0};
		struct scan_match match = {0};
		struct scan_header h;
		EFI_STATUS status;

		if (!rts_scan_image_header(s, hits->at[i], &h) ||
		    h.subsystem != PE_SUBSYSTEM_BOOT_SERVICE_DRIVER ||
		    h.image_base != hits->at[i])
			continue;
		r->boot_image_count++;
		if (!r->has_firmware)
			continue;
		status = rts_scan_image_load(s, hits->at[i], 0, &img);
		if (status == EFI_SUCCESS)
			status = rts_scan_match(s, &img, &match);
		rts_scan_image_fini(&img);
		if (status != EFI_SUCCESS && status != EFI_NOT_FOUND)
			return status;
		r->boot_image_known +=
			status == EFI_SUCCESS && match.match == RTS_SCAN_EXACT;
	}
	return EFI_SUCCESS;
}

static int by_base(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return (x->base > y->base) - (x->base < y->base);
}

static EFI_STATUS read_drivers(struct scan *s, struct rows *rows)
{
	struct rts_scan_report *r = s->report;

	r->drivers = calloc(rows->count + 1, sizeof *r->drivers);
	s->drivers = calloc(rows->count + 1, sizeof *s->drivers);
	if (r->drivers == NULL || s->drivers == NULL)
		return EFI_OUT_OF_RESOURCES;
	if (rows->count > 0)
		qsort(rows->row, rows->count, sizeof *rows->row, by_base);
	for (size_t i = 0; i < rows->count; i++) {
		const EFI_STATUS status =
			read_driver(s, &rows->row[i], &r->drivers[i], &s->drivers[i]);

		r->driver_count = i + 1;
		if (status != EFI_SUCCESS)
			return status;
	}
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++)
		if (r->services[i].has_physical)
			r->services[i].driver =
				rts_scan_driver_at(s, r->services[i].physical);
	for (size_t i = 0; i < r->event_count; i++)
		r->events[i].driver = rts_scan_driver_at(s, r->events[i].physical);
	for (size_t i = 0; i < r->driver_count; i++)
		see_driver(s, &r->drivers[i], &s->drivers[i]);
	return EFI_SUCCESS;
}

EFI_STATUS rts_scan_views(struct scan *s)
{
	struct rows rows = {0};
	EFI_STATUS status;

	for (size_t i = 0; i < s->config->known_count; i++)
		s->report->has_firmware |=
			s->config->known[i].kind == RTS_SCAN_KNOWN_FIRMWARE;
	read_services(s);
	collect_headers(s, &rows);
	collect_lists(s, &rows);
	collect_debug(s, &rows);
	collect_owners(s, &rows);
	status = read_drivers(s, &rows);
	free(rows.row);
	return status == EFI_SUCCESS ? count_boot_images(s) : status;
}
