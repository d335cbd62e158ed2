/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A megabyte of a machine's memory after SetVirtualAddressMap, for tests of what finds
 * tables and addresses in it: the tables with their checksums, page tables, the operating
 * system's memory map, configuration tables. All of it is right; a test breaks what it is
 * about, and seals again what it changed.
 */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "base/crc32.h"
#include "scan/scan_priv.h"
#include "uefi/protocols.h"

#define M_PAGE 4096ULL
#define M_BASE 0x7c00000ULL /* a multiple of 4 MiB */
#define M_LEN  0x100000ULL
#define M_MOVE 0xfffffffeefc00000ULL /* virtual - physical, of runtime memory */

/* Where things are, from M_BASE on. */
enum {
	M_POINTER = 0, /* EFI_SYSTEM_TABLE_POINTER */
	M_SYSTEM = 0x10018,
	M_RUNTIME = 0x10b98,
	M_CONFIG = 0x11000,
	M_ATTRIBUTES = 0x12018,
	M_DEBUG = 0x13000,
	M_DEBUG_LIST = 0x13100,
	M_DEBUG_ENTRIES = 0x13200,
	M_LOADED = 0x14000,
	M_PATH = 0x15000,
	M_CODE = 0x20000, /* 16 pages of runtime code, entry i at 0x20100 + i * 0x100 */
	M_MAP = 0x40000,
	M_TABLES = 0x50000, /* page tables, from here on */
	M_FREE = 0x80000,
};

struct machine {
	uint8_t *p;
	uint64_t next_table; /* offset */
	uint64_t root;       /* physical */
	size_t map_count;
};

static inline void m_put(struct machine *m, uint64_t off, const void *p, size_t n)
{
	if (off > M_LEN || n > M_LEN - off)
		abort();
	memcpy(m->p + off, p, n);
}

#define m_set(m, off, value) m_put(m, off, &(value), sizeof(value))

static inline void m_put64(struct machine *m, uint64_t off, uint64_t v)
{
	m_set(m, off, v);
}

static inline void m_put32(struct machine *m, uint64_t off, uint32_t v)
{
	m_set(m, off, v);
}

static inline uint64_t m_get64(const struct machine *m, uint64_t off)
{
	uint64_t v;

	memcpy(&v, m->p + off, sizeof v);
	return v;
}

/* Puts the right checksum into the table of @len bytes at @off. */
static inline void m_seal(struct machine *m, uint64_t off, uint32_t len)
{
	m_put32(m, off + offsetof(EFI_TABLE_HEADER, CRC32), 0);
	m_put32(m, off + offsetof(EFI_TABLE_HEADER, CRC32),
		crc32_update(0, m->p + off, len));
}

static inline void m_header(struct machine *m, uint64_t off, uint64_t signature,
			    uint32_t len)
{
	const EFI_TABLE_HEADER h = {
		.Signature = signature, .Revision = EFI_2_10_REVISION, .HeaderSize = len};

	m_set(m, off, h);
}

/* Where service @i is: two stay physical. */
static inline uint64_t m_service(unsigned i)
{
	return M_BASE + M_CODE + 0x100 + i * 0x100 + (i == 4 || i == 5 ? 0 : M_MOVE);
}

static inline void m_runtime(struct machine *m, uint64_t off)
{
	m_header(m, off, EFI_RUNTIME_SERVICES_SIGNATURE, sizeof(EFI_RUNTIME_SERVICES));
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++)
		m_put64(m, off + sizeof(EFI_TABLE_HEADER) + i * 8, m_service(i));
	m_seal(m, off, sizeof(EFI_RUNTIME_SERVICES));
}

static inline void m_system(struct machine *m, uint64_t off, uint64_t runtime)
{
	m_header(m, off, EFI_SYSTEM_TABLE_SIGNATURE, sizeof(EFI_SYSTEM_TABLE));
	m_put64(m, off + offsetof(EFI_SYSTEM_TABLE, RuntimeServices), runtime);
	m_put64(m, off + offsetof(EFI_SYSTEM_TABLE, NumberOfTableEntries), 3);
	m_put64(m, off + offsetof(EFI_SYSTEM_TABLE, ConfigurationTable),
		M_BASE + M_CONFIG + M_MOVE);
	m_seal(m, off, sizeof(EFI_SYSTEM_TABLE));
}

/* ---- page tables ---- */

static inline uint64_t m_table(struct machine *m)
{
	const uint64_t off = m->next_table;

	m->next_table += M_PAGE;
	return M_BASE + off;
}

static inline void m_map_page(struct machine *m, uint64_t root, unsigned levels,
			      uint64_t va, uint64_t physical)
{
	uint64_t table = root;

	for (unsigned level = levels; level > 0; level--) {
		const uint64_t off =
			table - M_BASE + (va >> (12 + 9 * (level - 1)) & 0x1ff) * 8;

		if (level == 1)
			m_put64(m, off, physical | 0x63);
		else if (m_get64(m, off) == 0)
			m_put64(m, off, m_table(m) | 0x67);
		table = m_get64(m, off) & 0x000ffffffffff000ULL;
	}
}

/* Page tables for the runtime memory of the machine: tables, code. */
static inline uint64_t m_map_all(struct machine *m, unsigned levels)
{
	const uint64_t root = m_table(m);

	for (uint64_t off = 0x10000; off < 0x30000; off += M_PAGE)
		m_map_page(m, root, levels, M_BASE + off + M_MOVE, M_BASE + off);
	return root;
}

/* ---- the memory map ---- */

static inline void m_descriptor(struct machine *m, uint64_t off, uint32_t type,
				uint64_t physical, uint64_t pages, uint64_t virtual_start,
				uint64_t attributes)
{
	const EFI_MEMORY_DESCRIPTOR d = {.Type = type,
					 .PhysicalStart = physical,
					 .VirtualStart = virtual_start,
					 .NumberOfPages = pages,
					 .Attribute = attributes};

	m_set(m, off, d);
}

#define M_RT_ATTRIBUTES (EFI_MEMORY_RUNTIME | EFI_MEMORY_WB)

/* Descending, as Linux has it; boot services memory lacks the attribute. */
static inline void m_map_array(struct machine *m, uint64_t off, size_t stride)
{
	m_descriptor(m, off, EfiMemoryMappedIO, 0xffc00000, 0x400, 0xfffffffeffc00000,
		     EFI_MEMORY_RUNTIME | EFI_MEMORY_UC);
	m_descriptor(m, off + stride, EfiRuntimeServicesCode, M_BASE + M_CODE, 16,
		     M_BASE + M_CODE + M_MOVE, M_RT_ATTRIBUTES);
	m_descriptor(m, off + 2 * stride, EfiRuntimeServicesData, M_BASE + 0x10000, 16,
		     M_BASE + 0x10000 + M_MOVE, M_RT_ATTRIBUTES);
	m_descriptor(m, off + 3 * stride, EfiBootServicesData, M_BASE, 16, M_BASE + M_MOVE,
		     EFI_MEMORY_WB);
	m_descriptor(m, off + 4 * stride, EfiBootServicesCode, 0, 1,
		     M_MOVE + M_BASE - M_PAGE, EFI_MEMORY_WB);
	m->map_count = 5;
}

/* ---- configuration tables ---- */

static const EFI_GUID m_debug_guid = {
	0x49152e77, 0x1ada, 0x4764, {0xb7, 0xa2, 0x7a, 0xfe, 0xfe, 0xd9, 0x5e, 0x8b}};
static const EFI_GUID m_attributes_guid = EFI_MEMORY_ATTRIBUTES_TABLE_GUID;
static const EFI_GUID m_hob_guid = EFI_HOB_LIST_GUID;
static const EFI_GUID m_file_guid = {
	0xcbd2e4d5, 0x7068, 0x4ff5, {0xb4, 0x62, 0x98, 0x22, 0xb4, 0xad, 0x8d, 0x60}};

static inline void m_config_entry(struct machine *m, unsigned i, EFI_GUID guid, uint64_t at)
{
	m_set(m, M_CONFIG + i * 24, guid);
	m_put64(m, M_CONFIG + i * 24 + 16, at);
}

/* A node of a device path; the offset behind it. */
static inline uint64_t m_node(struct machine *m, uint64_t off, uint8_t type, uint8_t sub,
			      const void *p, size_t n)
{
	const EFI_DEVICE_PATH_PROTOCOL node = {
		type, sub, {(uint8_t)(n + 4), (uint8_t)((n + 4) >> 8)}};

	m_set(m, off, node);
	if (n > 0)
		m_put(m, off + sizeof node, p, n);
	return off + sizeof node + n;
}

static inline uint64_t m_text_node(struct machine *m, uint64_t off, const char *text)
{
	CHAR16 name[64] = {0};
	size_t n = 0;

	for (; text[n] != 0; n++)
		name[n] = (CHAR16)text[n];
	return m_node(m, off, MEDIA_DEVICE_PATH, MEDIA_FILEPATH_DP, name, (n + 1) * 2);
}

static inline void m_end_node(struct machine *m, uint64_t off)
{
	m_node(m, off, END_DEVICE_PATH_TYPE, END_ENTIRE_DEVICE_PATH_SUBTYPE, NULL, 0);
}

/* Entry @i of the debug image info table, of an image of one page. */
static inline void m_debug_image(struct machine *m, unsigned i, uint64_t base,
				 uint32_t type)
{
	const uint64_t entry = M_DEBUG_ENTRIES + i * 24, loaded = M_LOADED + i * 96;

	m_put64(m, M_DEBUG_LIST + i * 8, M_BASE + entry);
	m_put32(m, entry, 1);
	m_put64(m, entry + 8, M_BASE + loaded);
	m_put32(m, loaded, EFI_LOADED_IMAGE_PROTOCOL_REVISION);
	m_put64(m, loaded + 32, M_BASE + M_PATH + i * 0x100);
	m_put64(m, loaded + 64, base);
	m_put64(m, loaded + 72, M_PAGE);
	m_put32(m, loaded + 80, type);
	m_put32(m, M_DEBUG + 4, i + 1);
}

static inline void m_config(struct machine *m)
{
	const EFI_MEMORY_ATTRIBUTES_TABLE head = {1, 2, 48, 0};
	uint64_t off;

	m_config_entry(m, 0, m_hob_guid, M_BASE + 0x1000);
	m_config_entry(m, 1, m_debug_guid, M_BASE + M_DEBUG);
	m_config_entry(m, 2, m_attributes_guid, M_BASE + M_ATTRIBUTES);
	m_set(m, M_ATTRIBUTES, head);
	m_descriptor(m, M_ATTRIBUTES + 16, EfiRuntimeServicesCode, M_BASE + M_CODE, 15, 0,
		     EFI_MEMORY_RUNTIME | EFI_MEMORY_RO);
	m_descriptor(m, M_ATTRIBUTES + 64, EfiRuntimeServicesData, M_BASE + M_CODE + 0xf000,
		     1, 0, EFI_MEMORY_RUNTIME | EFI_MEMORY_XP);
	m_put64(m, M_DEBUG + 8, M_BASE + M_DEBUG_LIST);
	m_debug_image(m, 0, M_BASE + M_CODE, EfiRuntimeServicesCode);
	off = m_node(m, M_PATH, MEDIA_DEVICE_PATH, MEDIA_PIWG_FW_FILE_DP, &m_file_guid, 16);
	m_end_node(m, off);
	m_debug_image(m, 1, M_BASE + M_CODE + M_PAGE, EfiRuntimeServicesCode);
	off = m_text_node(m, M_PATH + 0x100, "\\efi");
	off = m_text_node(m, off, "hook.efi");
	m_end_node(m, off);
}

static inline struct machine m_new(void)
{
	struct machine m = {.p = calloc(1, M_LEN), .next_table = M_TABLES};

	if (m.p == NULL)
		abort();
	m_put64(&m, M_POINTER, EFI_SYSTEM_TABLE_SIGNATURE);
	m_put64(&m, M_POINTER + 8, M_BASE + M_SYSTEM);
	m_seal(&m, M_POINTER, 24);
	m_runtime(&m, M_RUNTIME);
	m_system(&m, M_SYSTEM, M_BASE + M_RUNTIME + M_MOVE);
	m_config(&m);
	m_map_array(&m, M_MAP, 48);
	m.root = m_map_all(&m, 4);
	return m;
}

/* The same before SetVirtualAddressMap: nothing is mapped. */
static inline struct machine m_new_physical(void)
{
	struct machine m = m_new();

	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++)
		m_put64(&m, M_RUNTIME + 24 + i * 8, M_BASE + M_CODE + 0x100 + i * 0x100);
	m_seal(&m, M_RUNTIME, sizeof(EFI_RUNTIME_SERVICES));
	m_put64(&m, M_SYSTEM + offsetof(EFI_SYSTEM_TABLE, RuntimeServices),
		M_BASE + M_RUNTIME);
	m_put64(&m, M_SYSTEM + offsetof(EFI_SYSTEM_TABLE, ConfigurationTable),
		M_BASE + M_CONFIG);
	m_seal(&m, M_SYSTEM, sizeof(EFI_SYSTEM_TABLE));
	for (size_t i = 0; i < m.map_count; i++)
		m_put64(&m, M_MAP + i * 48 + 16, 0);
	return m;
}

/* ---- a scan, step by step ---- */

struct steps {
	struct rts_scan_config config;
	struct rts_dump *dump;
	struct diag d;
	struct scan s;
};

static inline void *m_no_hash(void *ctx)
{
	(void)ctx;
	return NULL;
}
static const struct rts_scan_hash_ops m_hash = {.begin = m_no_hash};

/* An empty report to which memory can be tied: that of a scan that finds nothing. */
static inline struct rts_scan_report *m_report(void)
{
	static const uint8_t nothing[M_PAGE];
	const struct rts_dump_piece piece = {.bytes = {nothing, sizeof nothing}};
	struct rts_scan_config config = {.hash = &m_hash};
	struct rts_scan_report *r = NULL;

	if (rts_dump_from_pieces(&piece, 1, NULL, &config.dump) != EFI_SUCCESS ||
	    rts_scan_run(&config, NULL, &r) != EFI_NOT_FOUND)
		abort();
	rts_dump_free(config.dump);
	free(r->notes);
	free(r->drivers);
	*r = (struct rts_scan_report){0};
	return r;
}

/* @st keeps addresses of itself. */
static inline void m_begin(struct steps *st, struct rts_dump *dump)
{
	*st = (struct steps){.dump = dump, .config = {.dump = dump, .hash = &m_hash}};
	st->s = (struct scan){
		.config = &st->config, .dump = dump, .d = &st->d, .report = m_report()};
}

static inline void m_end(struct steps *st)
{
	for (unsigned i = 0; i < SCAN_HITS; i++)
		free(st->s.hits[i].at);
	free(st->s.tables.config);
	free(st->s.tables.attribute);
	free(st->s.tables.debug);
	rts_scan_report_free(st->s.report);
	rts_dump_free(st->dump);
}
