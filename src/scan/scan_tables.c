/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UEFI's tables in memory: which of the places that look like one are real (UEFI 2.10 §4),
 * and what the configuration tables lead to: the memory attributes table (§4.6.4) and the
 * debug image info table (§18.4.3). Firmware keeps templates and copies of its tables, and
 * a hook repairs a checksum or does not: it counts who points to a table, then its
 * checksum, and among copies of one table which of them lies beside the firmware's code.
 */
#include <stdlib.h>
#include <string.h>

#include "base/crc32.h"
#include "base/guid.h"
#include "base/ucs2.h"
#include "scan/scan_priv.h"
#include "uefi/protocols.h"

#define PAGE         4096U
#define PHYSICAL_END (1ULL << 52)
#define TABLE_MAX    1024U /* HeaderSize of a table: more than any has */
#define TABLES_MAX   64U   /* of one kind, in the report */
#define SYSTEMS_MAX  1024U
#define LED_MAX      4U /* system tables whose pointer is walked with all page tables */
#define CRC_OFFSET   offsetof(EFI_TABLE_HEADER, CRC32)

static void report_table(struct scan *s, const char *kind, uint64_t at, const uint32_t *crc,
			 bool crc_ok)
{
	struct rts_scan_report *r = s->report;
	size_t same = 0;

	for (size_t i = 0; i < r->table_count; i++)
		same += strcmp(r->tables[i].kind, kind) == 0;
	if (same == TABLES_MAX)
		rts_scan_note(
			s,
			"more than %u tables are of the kind %s: the others are left out",
			TABLES_MAX, kind);
	else if (rts_scan_room((void **)&r->tables, r->table_count, &s->table_cap,
			       sizeof *r->tables, SIZE_MAX))
		r->tables[r->table_count++] =
			(struct rts_scan_table){.kind = kind,
						.physical = at,
						.has_crc = crc != NULL,
						.crc_ok = crc_ok,
						.crc = crc != NULL ? *crc : 0};
	else
		s->no_memory = true;
}

/* The checksum of @len bytes of a table; its field lies at one place in all of them. */
static bool read_crc(struct scan *s, uint64_t at, uint32_t len, uint32_t *ret)
{
	uint8_t b[TABLE_MAX];

	if (!rts_dump_read_all(s->dump, at, b, len))
		return false;
	memset(b + CRC_OFFSET, 0, sizeof *ret);
	*ret = crc32_update(0, b, len);
	return true;
}

static bool read_header(struct scan *s, uint64_t at, uint32_t min,
			struct scan_table_header *ret)
{
	uint32_t crc;

	if (!rts_dump_read_all(s->dump, at, &ret->hdr, sizeof ret->hdr) ||
	    ret->hdr.HeaderSize < min || ret->hdr.HeaderSize > TABLE_MAX ||
	    !read_crc(s, at, ret->hdr.HeaderSize, &crc))
		return false;
	ret->at = at;
	ret->crc_ok = crc == ret->hdr.CRC32;
	return true;
}

static void report_header(struct scan *s, const char *kind,
			  const struct scan_table_header *h)
{
	report_table(s, kind, h->at, &h->hdr.CRC32, h->crc_ok);
}

/* ---- system tables ---- */

/* One that could be it. */
struct system {
	struct scan_table_header head;
	uint64_t runtime, boot, config, config_count; /* members of it */
	uint64_t leads;  /* where page tables lead from .runtime; 0: none do */
	bool pointed_to; /* by firmware's EFI_SYSTEM_TABLE_POINTER */
};

struct systems {
	struct system *v;
	size_t count, cap;
};

/* UEFI 2.10 §18.4.2: at a multiple of 4 MiB, for debuggers. */
struct table_pointer {
	uint64_t Signature;
	uint64_t EfiSystemTableBase;
	uint32_t Crc32;
	uint32_t Pad_;
};
#define POINTER_ALIGN (4ULL << 20)
_Static_assert(offsetof(struct table_pointer, Crc32) == CRC_OFFSET, "one place");

static bool read_system(struct scan *s, uint64_t at, struct system *ret)
{
	EFI_SYSTEM_TABLE t;

	*ret = (struct system){0};
	if (!read_header(s, at, sizeof t, &ret->head) || ret->head.hdr.CRC32 == 0 ||
	    !rts_dump_read_all(s->dump, at, &t, sizeof t))
		return false;
	ret->runtime = (uintptr_t)t.RuntimeServices;
	ret->boot = (uintptr_t)t.BootServices;
	ret->config = (uintptr_t)t.ConfigurationTable;
	ret->config_count = t.NumberOfTableEntries;
	return true;
}

/* Copies have the same pointer, and are not walked again. */
static void find_lead(struct scan *s, const struct systems *known, struct system *y,
		      unsigned *walked)
{
	if (!y->head.crc_ok || y->runtime == 0)
		return;
	for (size_t i = 0; i < known->count; i++)
		if (known->v[i].head.crc_ok && known->v[i].runtime == y->runtime) {
			y->leads = known->v[i].leads;
			return;
		}
	if ((*walked)++ < LED_MAX)
		rts_scan_lead(s, y->runtime, &y->leads);
}

static void read_systems(struct scan *s, struct systems *ret)
{
	const struct scan_hits *hits = &s->hits[SCAN_HIT_SYSTEM];
	unsigned walked = 0;

	for (size_t i = 0; i < hits->count; i++) {
		struct system y;

		if (!read_system(s, hits->at[i], &y))
			continue;
		if (!rts_scan_room((void **)&ret->v, ret->count, &ret->cap, sizeof y,
				   SYSTEMS_MAX)) {
			s->no_memory |= ret->count < SYSTEMS_MAX;
			break;
		}
		find_lead(s, ret, &y, &walked);
		ret->v[ret->count++] = y;
	}
	for (size_t i = 0; i < hits->count; i++) {
		struct table_pointer p;
		uint32_t crc;

		if (hits->at[i] % POINTER_ALIGN != 0 ||
		    !rts_dump_read_all(s->dump, hits->at[i], &p, sizeof p) ||
		    !read_crc(s, hits->at[i], sizeof p, &crc) || crc != p.Crc32)
			continue;
		report_table(s, "system-table-pointer", hits->at[i], &p.Crc32, true);
		for (size_t k = 0; k < ret->count; k++)
			ret->v[k].pointed_to |= ret->v[k].head.at == p.EfiSystemTableBase;
	}
}

/* ---- which runtime services table ---- */

/* What speaks for a table, the weakest first. */
enum {
	NAMED_BAD = 1,   /* as NAMED or ALIKE, by a system table with a bad checksum */
	BY_FIRMWARE = 2, /* that system table is the one firmware points to */
	CRC_THERE = 4,
	CRC_GOOD = 8,
	ALIKE = 16, /* a good system table has a virtual address with the same place in its
		       page */
	NAMED = 32, /* ... its address, or one that page tables lead here */
	GIVEN = 64, /* the machine said so */
};

struct choice {
	struct scan_table_header head;
	uint64_t pointer[RTS_SCAN_SERVICES];
	const struct system *system; /* that points to it; NULL: none */
	unsigned rank;
	uint64_t apart; /* from SetVirtualAddressMap, which stays physical */
};

#define SET_VIRTUAL 4U /* in the order of the table */
#define CONVERT     5U

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

static unsigned rank_link(const struct system *y, uint64_t at)
{
	unsigned link;

	if (y->runtime == at || (y->leads != 0 && y->leads == at))
		link = NAMED;
	else if (y->runtime >= PHYSICAL_END && (y->runtime ^ at) % PAGE == 0)
		link = ALIKE;
	else
		return 0;
	if (!y->head.crc_ok)
		return NAMED_BAD;
	return link | (y->pointed_to ? BY_FIRMWARE : 0);
}

/* False: it is none. */
static bool rank(struct scan *s, uint64_t at, const struct systems *y, struct choice *ret)
{
	unsigned link = 0;

	*ret = (struct choice){0};
	if (!read_header(s, at, sizeof(EFI_RUNTIME_SERVICES), &ret->head) ||
	    !rts_dump_read_all(s->dump, at + sizeof ret->head.hdr, ret->pointer,
			       sizeof ret->pointer))
		return false;
	ret->apart = distance(at, ret->pointer[SET_VIRTUAL]);
	for (size_t i = 0; i < y->count; i++) {
		const unsigned more = rank_link(&y->v[i], at);

		if (more == 0 || more < link ||
		    (more == link &&
		     distance(y->v[i].head.at, at) >= distance(ret->system->head.at, at)))
			continue;
		link = more;
		ret->system = &y->v[i];
	}
	ret->rank = link | (at == s->config->runtime_services ? GIVEN : 0) |
		    (ret->head.crc_ok ? CRC_GOOD : 0) |
		    (ret->head.hdr.CRC32 != 0 ? CRC_THERE : 0);
	/* a template has no checksum, and its place in its page may be right by chance */
	return (ret->rank & (GIVEN | NAMED | CRC_GOOD)) != 0 ||
	       ret->rank >= (ALIKE | CRC_THERE);
}

static void choose_runtime(struct scan *s, const struct systems *y, struct choice *ret)
{
	const struct scan_hits *hits = &s->hits[SCAN_HIT_RUNTIME];
	struct scan_tables *t = &s->tables;
	struct choice c;

	*ret = (struct choice){0};
	for (size_t i = 0; i < hits->count; i++)
		if (rank(s, hits->at[i], y, &c) &&
		    (c.rank > ret->rank || (c.rank == ret->rank && c.apart < ret->apart)))
			*ret = c;
	if (ret->rank != 0) {
		memcpy(t->pointer, ret->pointer, sizeof t->pointer);
		t->has_runtime = true;
		t->runtime = ret->head;
		report_header(s, "runtime-services", &ret->head);
	}
	for (size_t i = 0; i < hits->count; i++)
		if (hits->at[i] != t->runtime.at && rank(s, hits->at[i], y, &c) &&
		    c.head.crc_ok)
			report_header(s, "runtime-services", &c.head);
	if (s->config->runtime_services != 0 &&
	    s->config->runtime_services != t->runtime.at)
		rts_scan_note(s,
			      "the machine says that its runtime services table is at "
			      "%#llx; there is none in the image",
			      (unsigned long long)s->config->runtime_services);
}

/* The one that points to the runtime services table, or else the best one. */
static void choose_system(struct scan *s, const struct systems *y,
			  const struct system *linked)
{
	struct scan_tables *t = &s->tables;
	const struct system *best = linked;

	for (size_t i = 0; linked == NULL && i < y->count; i++)
		if (y->v[i].head.crc_ok &&
		    (best == NULL || y->v[i].pointed_to > best->pointed_to))
			best = &y->v[i];
	if (best != NULL) {
		t->has_system = true;
		t->system = best->head;
		t->system_runtime = best->runtime;
		t->system_boot = best->boot;
		t->system_config = best->config;
		t->system_config_count = best->config_count;
		report_header(s, "system", &best->head);
	}
	for (size_t i = 0; i < y->count; i++)
		if (&y->v[i] != best && y->v[i].head.crc_ok)
			report_header(s, "system", &y->v[i].head);
}

/* Tables that nothing else is looked for in: a good checksum, or a good system table that
 * points there. */
static void report_others(struct scan *s, enum scan_hit hit, const char *kind,
			  uint64_t pointer)
{
	const struct scan_hits *hits = &s->hits[hit];
	struct scan_table_header h;

	for (size_t i = 0; i < hits->count; i++)
		if (read_header(s, hits->at[i], sizeof h.hdr, &h) &&
		    (h.crc_ok || hits->at[i] == pointer))
			report_header(s, kind, &h);
}

/* ---- physical or virtual ---- */

/* SetVirtualAddressMap stays physical, and so shows where the others would be if they were.
 */
static bool is_virtual(const struct scan *s, uint64_t pointer)
{
	if (pointer >= PHYSICAL_END)
		return true;
	return !rts_dump_has(s->dump, pointer) &&
	       distance(pointer, s->tables.pointer[SET_VIRTUAL]) >= 1ULL << 32;
}

/* The firmware changes its tables' pointers; a table that somebody put in their place may
 * have kept others, but then the system table's pointer to it was changed. */
static bool is_virtual_mode(const struct scan *s)
{
	const struct scan_tables *t = &s->tables;
	unsigned count = 0;

	for (unsigned i = 0; t->has_runtime && i < RTS_SCAN_SERVICES; i++)
		if (i != SET_VIRTUAL && i != CONVERT)
			count += is_virtual(s, t->pointer[i]);
	return count >= RTS_SCAN_SERVICES / 2 ||
	       (t->has_system && t->system_runtime >= PHYSICAL_END);
}

EFI_STATUS rts_scan_tables(struct scan *s)
{
	struct systems systems = {0};
	struct choice runtime;

	read_systems(s, &systems);
	choose_runtime(s, &systems, &runtime);
	choose_system(s, &systems, runtime.system);
	report_others(s, SCAN_HIT_BOOT, "boot-services",
		      runtime.system != NULL && runtime.system->head.crc_ok
			      ? runtime.system->boot
			      : 0);
	report_others(s, SCAN_HIT_DXE, "dxe-services", 0);
	free(systems.v);
	s->tables.virtual_mode = is_virtual_mode(s);
	s->report->virtual_mode = s->tables.virtual_mode;
	return EFI_SUCCESS;
}

/* ---- configuration tables ---- */

/* Copies @len bytes at @at, virtual or physical, page by page. */
static bool read_at(struct scan *s, uint64_t at, void *ret, size_t len)
{
	uint8_t *to = ret;

	while (len > 0) {
		size_t n = PAGE - at % PAGE;
		uint64_t physical;

		if (n > len)
			n = len;
		if (!rts_scan_physical(s, at, &physical) ||
		    !rts_dump_read_all(s->dump, physical, to, n))
			return false;
		at += n;
		to += n;
		len -= n;
	}
	return true;
}

static void read_attributes(struct scan *s, uint64_t at)
{
	struct scan_tables *t = &s->tables;
	const bool no_map = s->report->region_count == 0;
	EFI_MEMORY_ATTRIBUTES_TABLE head;
	EFI_MEMORY_DESCRIPTOR d;

	if (!read_at(s, at, &head, sizeof head)) {
		rts_scan_note(s, "the memory attributes table is not in the image");
		return;
	}
	if (head.Version == 0 || head.Version > 0xff ||
	    head.NumberOfEntries > SCAN_LIST_MAX || head.DescriptorSize < sizeof d ||
	    head.DescriptorSize % 8 != 0)
		goto bad;
	for (uint32_t i = 0; i < head.NumberOfEntries; i++) {
		if (!read_at(s, at + sizeof head + (uint64_t)i * head.DescriptorSize, &d,
			     sizeof d) ||
		    !rts_scan_descriptor(&d) ||
		    (d.Type != EfiRuntimeServicesCode && d.Type != EfiRuntimeServicesData))
			goto bad;
		if (!rts_scan_room((void **)&t->attribute, t->attribute_count,
				   &t->attribute_cap, sizeof *t->attribute,
				   SCAN_LIST_MAX)) {
			s->no_memory = true;
			return;
		}
		t->attribute[t->attribute_count++] =
			(struct scan_attribute){.type = d.Type,
						.start = d.PhysicalStart,
						.pages = d.NumberOfPages,
						.attributes = d.Attribute};
	}
	t->has_attributes = true;
	report_table(s, "memory-attributes", at, NULL, false);
	/* where there is no memory map, it is the next best thing */
	for (size_t i = 0; no_map && i < t->attribute_count; i++)
		rts_scan_region_add(s, &(struct rts_scan_region){
					       .type = t->attribute[i].type,
					       .start = t->attribute[i].start,
					       .pages = t->attribute[i].pages,
					       .attributes = t->attribute[i].attributes});
	rts_scan_regions_sort(s);
	return;
bad:
	t->attribute_count = 0;
	rts_scan_note(s, "the memory attributes table at %#llx was overwritten",
		      (unsigned long long)at);
}

/* UEFI 2.10 §18.4.3 */
#define EFI_DEBUG_IMAGE_INFO_TABLE_GUID                                \
	{                                                              \
		0x49152e77, 0x1ada, 0x4764,                            \
		{                                                      \
			0xb7, 0xa2, 0x7a, 0xfe, 0xfe, 0xd9, 0x5e, 0x8b \
		}                                                      \
	}
struct debug_head {
	uint32_t UpdateStatus;
	uint32_t TableSize; /* entries: addresses of a struct debug_normal, or 0 */
	uint64_t EfiDebugImageInfoTable;
};
struct debug_normal {
	uint32_t ImageInfoType;
	uint32_t Pad_;
	uint64_t LoadedImageProtocolInstance;
	uint64_t ImageHandle;
};
#define EFI_DEBUG_IMAGE_INFO_TYPE_NORMAL 1U

#define PATH_NODES_MAX 64U
#define PATH_CHARS_MAX 1024U

/* What a device path says of a file (UEFI 2.10 §10.3.5): its GUID in a firmware volume, or
 * its name; names in several nodes are parts of one. */
static void read_path(struct scan *s, uint64_t at, struct scan_debug_image *image)
{
	CHAR16 name[PATH_CHARS_MAX];
	char text[PATH_CHARS_MAX * 3 + 1];
	size_t count = 0;

	for (unsigned n = 0; at != 0 && n < PATH_NODES_MAX; n++) {
		EFI_DEVICE_PATH_PROTOCOL node;
		size_t len, more;

		if (!read_at(s, at, &node, sizeof node) ||
		    node.Type == END_DEVICE_PATH_TYPE)
			break;
		len = node.Length[0] | (size_t)node.Length[1] << 8;
		if (len < sizeof node)
			break;
		more = (len - sizeof node) / sizeof *name;
		if (node.Type == MEDIA_DEVICE_PATH &&
		    node.SubType == MEDIA_PIWG_FW_FILE_DP &&
		    len == sizeof node + sizeof image->guid)
			image->has_guid = read_at(s, at + sizeof node, &image->guid,
						  sizeof image->guid);
		if (node.Type == MEDIA_DEVICE_PATH && node.SubType == MEDIA_FILEPATH_DP &&
		    more > 0 && more < PATH_CHARS_MAX - count) {
			if (count > 0 && name[count - 1] != '\\')
				name[count++] = '\\';
			if (!read_at(s, at + sizeof node, name + count,
				     more * sizeof *name))
				break;
			count += ucs2_len(name + count, more);
		}
		at += len;
	}
	if (count == 0)
		return;
	text[ucs2_to_utf8(name, count, text, sizeof text)] = 0;
	image->path = rts_scan_text(s, "%s", text);
}

/* After ExitBootServices these pages may have another use: nothing is taken that is not
 * right in all its parts. */
static bool read_debug_image(struct scan *s, uint64_t at, struct scan_debug_image *ret)
{
	struct debug_normal normal;
	EFI_LOADED_IMAGE_PROTOCOL image;
	uint64_t base;

	if (!read_at(s, at, &normal, sizeof normal) ||
	    normal.ImageInfoType != EFI_DEBUG_IMAGE_INFO_TYPE_NORMAL ||
	    !read_at(s, normal.LoadedImageProtocolInstance, &image, sizeof image) ||
	    image.Revision != EFI_LOADED_IMAGE_PROTOCOL_REVISION)
		return false;
	base = (uintptr_t)image.ImageBase;
	if (base == 0 || base % PAGE != 0 || image.ImageSize == 0 ||
	    image.ImageSize > SCAN_IMAGE_MAX || !rts_dump_has(s->dump, base) ||
	    (uint32_t)image.ImageCodeType >= EfiMaxMemoryType)
		return false;
	*ret = (struct scan_debug_image){
		.base = base, .size = image.ImageSize, .code_type = image.ImageCodeType};
	read_path(s, (uintptr_t)image.FilePath, ret);
	return true;
}

static void read_debug(struct scan *s, uint64_t at)
{
	struct scan_tables *t = &s->tables;
	struct debug_head head;
	uint32_t bad = 0;

	if (!read_at(s, at, &head, sizeof head)) {
		rts_scan_note(s, "the debug image info table is not in the image");
		return;
	}
	if (head.TableSize > SCAN_LIST_MAX) {
		rts_scan_note(
			s,
			"the debug image info table at %#llx was overwritten: it would "
			"have %u entries",
			(unsigned long long)at, head.TableSize);
		return;
	}
	for (uint32_t i = 0; i < head.TableSize; i++) {
		uint64_t entry;
		struct scan_debug_image image;

		if (!read_at(s, head.EfiDebugImageInfoTable + i * sizeof entry, &entry,
			     sizeof entry)) {
			bad++;
			continue;
		}
		if (entry == 0)
			continue;
		if (!read_debug_image(s, entry, &image)) {
			bad++;
			continue;
		}
		if (!rts_scan_room((void **)&t->debug, t->debug_count, &t->debug_cap,
				   sizeof *t->debug, SCAN_LIST_MAX)) {
			s->no_memory = true;
			return;
		}
		t->debug[t->debug_count++] = image;
	}
	t->has_debug = bad == 0 && t->debug_count > 0;
	if (t->has_debug)
		report_table(s, "debug-image-info", at, NULL, false);
	else
		rts_scan_note(
			s,
			"the debug image info table at %#llx was overwritten: %u of its "
			"%u entries make sense",
			(unsigned long long)at, head.TableSize - bad, head.TableSize);
}

EFI_STATUS rts_scan_config_tables(struct scan *s)
{
	static const struct {
		EFI_GUID guid;
		void (*read)(struct scan *s, uint64_t at);
	} readers[] = {
		{EFI_MEMORY_ATTRIBUTES_TABLE_GUID, read_attributes},
		{EFI_DEBUG_IMAGE_INFO_TABLE_GUID, read_debug},
	};
	struct scan_tables *t = &s->tables;

	if (!t->has_system)
		return EFI_SUCCESS;
	for (uint64_t i = 0; i < t->system_config_count; i++) {
		EFI_CONFIGURATION_TABLE entry;

		if (i == SCAN_CONFIG_MAX) {
			rts_scan_note(s, "more than %u configuration tables",
				      SCAN_CONFIG_MAX);
			break;
		}
		if (!read_at(s, t->system_config + i * sizeof entry, &entry,
			     sizeof entry)) {
			rts_scan_note(s,
				      "the list of configuration tables at %#llx is not in "
				      "the image",
				      (unsigned long long)t->system_config);
			break;
		}
		if (!rts_scan_room((void **)&t->config, t->config_count, &t->config_cap,
				   sizeof *t->config, SCAN_CONFIG_MAX))
			return EFI_OUT_OF_RESOURCES;
		t->config[t->config_count++] = (struct scan_config_table){
			.guid = entry.VendorGuid, .at = (uintptr_t)entry.VendorTable};
	}
	for (size_t k = 0; k < sizeof readers / sizeof *readers; k++)
		for (size_t i = 0; i < t->config_count; i++)
			if (guid_eq(&t->config[i].guid, &readers[k].guid)) {
				readers[k].read(s, t->config[i].at);
				break;
			}
	return EFI_SUCCESS;
}
