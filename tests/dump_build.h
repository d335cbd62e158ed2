/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory images for tests: the same memory in each format. What byte lies at which address
 * is given by one function, so that any part of any image can be checked. All of it is
 * right; a test breaks what it is about. A file's @p is for free().
 */
#pragma once

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define DUMP_PAGE 4096ULL

struct dump_memory {
	uint64_t start;
	uint64_t len;
};

struct dump_file {
	uint8_t *p;
	size_t n;
};

/* Pages that pack well, pages that do not, and pages of zeros. */
static inline uint8_t dump_byte(uint64_t at)
{
	uint64_t page = at / DUMP_PAGE, v = at * 0x9e3779b97f4a7c15ULL;

	switch (page % 4) {
	case 1:
		return 0;
	case 2:
		v ^= v >> 29;
		v *= 0xbf58476d1ce4e5b9ULL;
		return (uint8_t)(v >> 56);
	default:
		return (uint8_t)(page * 37 + (at & 0xfff) / 13);
	}
}

static inline void dump_fill(uint64_t at, uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = dump_byte(at + i);
}

static inline size_t dump_cap(size_t n)
{
	size_t cap = 64;

	while (cap < n)
		cap *= 2;
	return cap;
}

/* Puts @n bytes at @at of the file, which grows, with zeros in its holes. */
static inline void dump_put(struct dump_file *f, size_t at, const void *p, size_t n)
{
	size_t end = at + n;

	if (at > SIZE_MAX / 4 || n > SIZE_MAX / 4)
		abort();
	if (end > f->n) {
		if (f->p == NULL || dump_cap(end) != dump_cap(f->n))
			f->p = realloc(f->p, dump_cap(end));
		if (f->p == NULL)
			abort();
		memset(f->p + f->n, 0, end - f->n);
		f->n = end;
	}
	if (n > 0 && p != NULL)
		memcpy(f->p + at, p, n);
}

#define dump_set(f, at, value) dump_put(f, at, &(value), sizeof(value))

static inline void dump_put32(struct dump_file *f, size_t at, uint32_t v)
{
	dump_set(f, at, v);
}

static inline void dump_put64(struct dump_file *f, size_t at, uint64_t v)
{
	dump_set(f, at, v);
}

/* Memory from @at on, behind all that is there. */
static inline void dump_put_memory(struct dump_file *f, struct dump_memory m)
{
	size_t off = f->n;

	dump_put(f, off, NULL, (size_t)m.len);
	dump_fill(m.start, f->p + off, (size_t)m.len);
}

/* ---- ELF ---- */

#define DUMP_CR3 0x1aa000ULL
#define DUMP_CR4 0x6f0ULL

struct dump_elf_build {
	bool many;            /* the count of segments in a section header, as if there were
				 65,535 of them or more */
	unsigned cpus;        /* notes like QEMU's: CR3 is DUMP_CR3 and so on */
	uint64_t virtual_add; /* 0: p_vaddr is the offset in all memory, as QEMU has it */
	uint16_t machine;     /* 0: x86-64 */
};

static inline size_t dump_put_note(struct dump_file *f, size_t at, const char *name,
				   uint32_t type, uint32_t desc_len)
{
	Elf64_Nhdr h = {(uint32_t)strlen(name) + 1, desc_len, type};

	dump_set(f, at, h);
	dump_put(f, at + sizeof h, name, h.n_namesz);
	at += sizeof h + (h.n_namesz + 3) / 4 * 4;
	dump_put(f, at + (desc_len + 3) / 4 * 4, NULL, 0);
	return at;
}

/* CPU n has CR3 + n pages. */
static inline size_t dump_put_cpu_notes(struct dump_file *f, size_t at, unsigned cpus)
{
	for (unsigned i = 0; i < cpus; i++) {
		size_t desc = dump_put_note(f, at, "CORE", 1, 336);

		desc = dump_put_note(f, desc + 336, "QEMU", 0, 440);
		dump_put32(f, desc, 1);
		dump_put32(f, desc + 4, 440);
		dump_put64(f, desc + 0x1a0, DUMP_CR3 + i * DUMP_PAGE);
		dump_put64(f, desc + 0x1a8, DUMP_CR4);
		at = desc + 440;
	}
	return at;
}

static inline struct dump_file dump_build_elf(const struct dump_memory *m, size_t count,
					      struct dump_elf_build o)
{
	Elf64_Ehdr eh = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = o.machine != 0 ? o.machine : EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof eh,
		.e_ehsize = sizeof eh,
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (uint16_t)(count + 1),
	};
	Elf64_Phdr note = {.p_type = PT_NOTE};
	size_t at = sizeof eh + (count + 1) * sizeof note;
	struct dump_file f = {0};
	uint64_t sum = 0;

	if (o.many) {
		Elf64_Shdr sh = {.sh_info = (uint32_t)count + 1};

		eh.e_phnum = PN_XNUM;
		eh.e_shoff = at;
		eh.e_shentsize = sizeof sh;
		eh.e_shnum = 1;
		dump_set(&f, at, sh);
		at += sizeof sh;
	}
	dump_set(&f, 0, eh);
	note.p_offset = at;
	note.p_filesz = dump_put_cpu_notes(&f, at, o.cpus) - at;
	dump_put(&f, at, NULL, 0);
	dump_set(&f, sizeof eh, note);
	for (size_t i = 0; i < count; i++) {
		Elf64_Phdr ph = {
			.p_type = PT_LOAD,
			.p_offset = f.n,
			.p_vaddr = o.virtual_add != 0 ? m[i].start + o.virtual_add : sum,
			.p_paddr = m[i].start,
			.p_filesz = m[i].len,
			.p_memsz = m[i].len,
		};

		dump_put_memory(&f, m[i]);
		dump_set(&f, sizeof eh + (i + 1) * sizeof ph, ph);
		sum += m[i].len;
	}
	return f;
}

/* ---- kdump ---- */

struct dump_kdump_build {
	uint32_t block;   /* 0: 4096 */
	uint32_t version; /* 0: 6 */
	bool one_bitmap;
	unsigned cpus;
	uint64_t split_first, split_end; /* pages; 0, 0: not split */
	uint32_t codec;                  /* of each page that packs; 0: zlib */
	const char *machine;             /* NULL: x86_64 */
};

#define DUMP_KDUMP_SUB_BLOCKS 2U

static inline struct dump_file dump_build_kdump(const struct dump_memory *m, size_t count,
						struct dump_kdump_build o)
{
	uint32_t block = o.block != 0 ? o.block : (uint32_t)DUMP_PAGE;
	uint32_t version = o.version != 0 ? o.version : 6;
	uint64_t pages = (m[count - 1].start + m[count - 1].len) / block;
	uint32_t map_blocks = (uint32_t)((pages + 8ULL * block - 1) / (8ULL * block));
	size_t map = (1 + DUMP_KDUMP_SUB_BLOCKS) * block, map2, desc, data, page_count = 0;
	uint8_t *page = malloc(block), *packed = malloc(compressBound(block));
	struct dump_file f = {0};

	if (page == NULL || packed == NULL)
		abort();
	dump_put(&f, 0, "KDUMP   ", 8);
	dump_put32(&f, 8, version);
	dump_put(&f, 12 + 4 * 65, o.machine != NULL ? o.machine : "x86_64",
		 strlen(o.machine != NULL ? o.machine : "x86_64"));
	dump_put32(&f, 424, o.codec != 0 ? o.codec : 1);
	dump_put32(&f, 428, block);
	dump_put32(&f, 432, DUMP_KDUMP_SUB_BLOCKS);
	dump_put32(&f, 436, o.one_bitmap ? map_blocks : 2 * map_blocks);
	dump_put32(&f, 440, (uint32_t)pages);
	if (o.split_end != 0) {
		dump_put32(&f, block + 12, 1);
		dump_put64(&f, block + 16, o.split_first);
		dump_put64(&f, block + 24, o.split_end);
		dump_put64(&f, block + 80, o.split_first);
		dump_put64(&f, block + 88, o.split_end);
	}
	if (o.cpus != 0) {
		dump_put64(&f, block + 48, block + 104);
		dump_put64(&f, block + 56,
			   dump_put_cpu_notes(&f, block + 104, o.cpus) - block - 104);
	}
	if (version >= 6)
		dump_put64(&f, block + 96, pages);

	map2 = o.one_bitmap ? map : map + map_blocks * block;
	desc = map2 + map_blocks * block;
	dump_put(&f, desc, NULL, 0);
	for (size_t i = 0; i < count; i++)
		for (uint64_t no = m[i].start / block; no < (m[i].start + m[i].len) / block;
		     no++) {
			f.p[map + no / 8] |= (uint8_t)(1U << no % 8);
			f.p[map2 + no / 8] |= (uint8_t)(1U << no % 8);
			page_count += o.split_end == 0 ||
				      (no >= o.split_first && no < o.split_end);
		}
	data = desc + page_count * 24;
	for (size_t i = 0; i < count; i++)
		for (uint64_t no = m[i].start / block; no < (m[i].start + m[i].len) / block;
		     no++) {
			uLongf len = compressBound(block);
			bool packs;

			if (o.split_end != 0 && (no < o.split_first || no >= o.split_end))
				continue;
			dump_fill(no * block, page, block);
			if (compress(packed, &len, page, block) != Z_OK)
				abort();
			packs = len < block;
			dump_put64(&f, desc, data);
			dump_put32(&f, desc + 8, packs ? (uint32_t)len : block);
			dump_put32(&f, desc + 12, !packs ? 0 : o.codec != 0 ? o.codec : 1);
			dump_put64(&f, desc + 16, 0);
			dump_put(&f, data, packs ? packed : page, packs ? len : block);
			desc += 24;
			data = f.n;
		}
	free(page);
	free(packed);
	return f;
}

/* ---- flattened files ---- */

static inline struct dump_file dump_flat_begin(void)
{
	struct dump_file f = {0};

	dump_put(&f, 0, "makedumpfile", 12);
	dump_put64(&f, 16, __builtin_bswap64(1));
	dump_put64(&f, 24, __builtin_bswap64(1));
	dump_put(&f, 4096, NULL, 0);
	return f;
}

static inline void dump_flat_block(struct dump_file *f, uint64_t off, const void *p,
				   size_t n)
{
	dump_put64(f, f->n, __builtin_bswap64(off));
	dump_put64(f, f->n, __builtin_bswap64(n));
	dump_put(f, f->n, p, n);
}

static inline void dump_flat_end(struct dump_file *f)
{
	dump_put64(f, f->n, UINT64_MAX);
	dump_put64(f, f->n, UINT64_MAX);
}

enum dump_flat_order { DUMP_FLAT_FORWARD, DUMP_FLAT_BACKWARD, DUMP_FLAT_OVERWRITTEN };

/* Takes over @plain, and cuts it into blocks of @len bytes. */
static inline struct dump_file dump_flatten(struct dump_file plain, size_t len,
					    enum dump_flat_order order)
{
	struct dump_file f = dump_flat_begin();
	size_t blocks = (plain.n + len - 1) / len;
	uint8_t *rubbish = malloc(plain.n);

	if (rubbish == NULL)
		abort();
	memset(rubbish, 0xa5, plain.n);
	if (order == DUMP_FLAT_OVERWRITTEN) {
		dump_flat_block(&f, 0, rubbish, plain.n);
		dump_flat_block(&f, len / 2, rubbish, plain.n / 2);
	}
	for (size_t i = 0; i < blocks; i++) {
		size_t at = (order == DUMP_FLAT_BACKWARD ? blocks - 1 - i : i) * len;

		dump_flat_block(&f, at, plain.p + at,
				plain.n - at < len ? plain.n - at : len);
	}
	dump_flat_end(&f);
	free(rubbish);
	free(plain.p);
	return f;
}

/* ---- the others ---- */

static inline struct dump_file dump_build_lime(const struct dump_memory *m, size_t count)
{
	struct dump_file f = {0};

	for (size_t i = 0; i < count; i++) {
		dump_put32(&f, f.n, 0x4c694d45);
		dump_put32(&f, f.n, 1);
		dump_put64(&f, f.n, m[i].start);
		dump_put64(&f, f.n, m[i].start + m[i].len - 1);
		dump_put64(&f, f.n, 0);
		dump_put_memory(&f, m[i]);
	}
	return f;
}

static inline struct dump_file dump_build_windows(const struct dump_memory *m, size_t count,
						  bool bitmap)
{
	struct dump_file f = {0};
	uint64_t pages = 0, end = (m[count - 1].start + m[count - 1].len) / DUMP_PAGE;

	dump_put(&f, 0, "PAGEDU64", 8);
	dump_put64(&f, 0x10, DUMP_CR3);
	dump_put32(&f, 0x30, 0x8664);
	dump_put32(&f, 0x88, (uint32_t)count);
	dump_put32(&f, 0xf98, bitmap ? 5 : 1);
	dump_put(&f, 0x2000, NULL, 0);
	for (size_t i = 0; i < count; i++) {
		dump_put64(&f, 0x98 + i * 16, m[i].start / DUMP_PAGE);
		dump_put64(&f, 0xa0 + i * 16, m[i].len / DUMP_PAGE);
		pages += m[i].len / DUMP_PAGE;
	}
	dump_put64(&f, 0x90, pages);
	if (bitmap) {
		dump_put(&f, 0x2000, "SDMPDUMP", 8);
		dump_put64(&f, 0x2028, pages);
		dump_put64(&f, 0x2030, end);
		dump_put(&f, 0x2038 + (end + 7) / 8, NULL, 0);
		for (size_t i = 0; i < count; i++)
			for (uint64_t no = 0; no < m[i].len / DUMP_PAGE; no++)
				f.p[0x2038 + (m[i].start / DUMP_PAGE + no) / 8] |=
					(uint8_t)(1U << (m[i].start / DUMP_PAGE + no) % 8);
		dump_put(&f, (f.n + DUMP_PAGE - 1) / DUMP_PAGE * DUMP_PAGE, NULL, 0);
		dump_put64(&f, 0x2020, f.n);
	}
	for (size_t i = 0; i < count; i++)
		dump_put_memory(&f, m[i]);
	return f;
}

static inline struct dump_file dump_build_vmem(const struct dump_memory *m, size_t count)
{
	struct dump_file f = {0};

	for (size_t i = 0; i < count; i++)
		dump_put_memory(&f, m[i]);
	return f;
}

/* Indices: as many as are not negative. */
static inline void dump_vm_tag(struct dump_file *f, const char *name, int i, int j,
			       const void *p, uint8_t n)
{
	uint8_t head[2] = {(uint8_t)(n | ((i >= 0) + (j >= 0)) << 6),
			   (uint8_t)strlen(name)};

	dump_set(f, f->n, head);
	dump_put(f, f->n, name, strlen(name));
	if (i >= 0)
		dump_set(f, f->n, i);
	if (j >= 0)
		dump_set(f, f->n, j);
	dump_put(f, f->n, p, n);
}

static inline void dump_vm_tag32(struct dump_file *f, const char *name, int i, uint64_t v)
{
	uint32_t v32 = (uint32_t)v;

	dump_vm_tag(f, name, i, -1, &v32, 4);
}

/* A vmss; with the memory in it, as a block, where @inside. */
static inline struct dump_file dump_build_vmss(const struct dump_memory *m, size_t count,
					       bool inside)
{
	uint64_t place = 0, cr3 = DUMP_CR3, cr4 = DUMP_CR4, sum = 0;
	struct dump_file f = {0};
	const uint16_t pad = 3, end = 0;

	dump_put32(&f, 0, 0xbed2bed2);
	dump_put32(&f, 8, 2);
	dump_put(&f, 12, "cpu", 3);
	dump_put64(&f, 12 + 64, 12 + 2 * 80);
	dump_put(&f, 12 + 80, "memory", 6);
	dump_put(&f, 12 + 2 * 80, NULL, 0);
	dump_vm_tag32(&f, "cpu:numVCPUs", -1, 1);
	dump_vm_tag(&f, "CR64", 0, 3, &cr3, 8);
	dump_vm_tag(&f, "CR64", 0, 4, &cr4, 8);
	dump_set(&f, f.n, end);

	dump_put64(&f, 12 + 80 + 64, f.n);
	dump_vm_tag32(&f, "align_mask", -1, 0xffff);
	dump_vm_tag32(&f, "regionsCount", -1, count);
	for (size_t i = 0; i < count; i++) {
		dump_vm_tag32(&f, "regionPageNum", (int)i, place / DUMP_PAGE);
		dump_vm_tag32(&f, "regionPPN", (int)i, m[i].start / DUMP_PAGE);
		dump_vm_tag32(&f, "regionSize", (int)i, m[i].len / DUMP_PAGE);
		place += m[i].len;
	}
	if (inside) {
		uint8_t head[2] = {0x3f | 2 << 6, 6};
		uint32_t index[2] = {0, 0};

		for (size_t i = 0; i < count; i++)
			sum += m[i].len;
		dump_set(&f, f.n, head);
		dump_put(&f, f.n, "Memory", 6);
		dump_set(&f, f.n, index);
		dump_put64(&f, f.n, sum);
		dump_put64(&f, f.n, sum);
		dump_set(&f, f.n, pad);
		dump_put(&f, f.n, "...", pad);
		for (size_t i = 0; i < count; i++)
			dump_put_memory(&f, m[i]);
	}
	dump_set(&f, f.n, end);
	return f;
}
