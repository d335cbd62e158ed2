/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One pass over all memory of the image: signatures of tables at 8-aligned addresses, and
 * what pages begin with. It runs at the rate at which memory can be read, and so looks at
 * each byte once, by vectors of 16 bytes, which all processors of our kinds have: longer
 * ones are no faster (bench/scan).
 */
#include <string.h>

#include "scan/scan_priv.h"

#define PAGE 4096U

#define DXE_SERVICES_SIGNATURE 0x565245535f455844ULL

static const uint64_t signatures[] = {
	[SCAN_HIT_RUNTIME] = EFI_RUNTIME_SERVICES_SIGNATURE,
	[SCAN_HIT_SYSTEM] = EFI_SYSTEM_TABLE_SIGNATURE,
	[SCAN_HIT_BOOT] = EFI_BOOT_SERVICES_SIGNATURE,
	[SCAN_HIT_DXE] = DXE_SERVICES_SIGNATURE,
};
#define SIGNATURES (sizeof signatures / sizeof *signatures)

/* The 27 bits in which the upper halves of all agree: one comparison for four, and next to
 * never in vain. */
#define UPPER(signature) ((uint32_t)((signature) >> 32))
#define WANT             (UPPER(EFI_RUNTIME_SERVICES_SIGNATURE) & SAME)
#define SAME                                                                              \
	(~((UPPER(EFI_RUNTIME_SERVICES_SIGNATURE) ^ UPPER(EFI_SYSTEM_TABLE_SIGNATURE)) |  \
	   (UPPER(EFI_RUNTIME_SERVICES_SIGNATURE) ^ UPPER(EFI_BOOT_SERVICES_SIGNATURE)) | \
	   (UPPER(EFI_RUNTIME_SERVICES_SIGNATURE) ^ UPPER(DXE_SERVICES_SIGNATURE))))

#define ENTRY_PRESENT (1ULL << 0)
#define ENTRY_LARGE   (1ULL << 7)
#define ENTRY_ADDRESS 0x000ffffffffff000ULL

struct pass {
	uint64_t bad; /* bits that no present entry of a top page table has */
};

/* ---- what a page can be ---- */

static void find_signatures(struct scan_piece *p, const uint8_t *b, size_t len, uint64_t at)
{
	uint64_t v;

	for (size_t i = -at % sizeof v; i + sizeof v <= len; i += sizeof v) {
		memcpy(&v, b + i, sizeof v);
		for (unsigned k = 0; k < SIGNATURES; k++)
			if (v == signatures[k])
				rts_scan_hit(p, k, at + i);
	}
}

/* Linkers put the header anywhere in the first page, edk2's GenFw at its end. */
static bool is_pe(const uint8_t *b)
{
	const struct bytes page = {b, PAGE};
	PE_FILE_HEADER file;
	uint32_t nt, signature;
	uint16_t magic;

	return bytes_read(page, PE_DOS_LFANEW, &nt, sizeof nt) &&
	       bytes_read(page, nt, &signature, sizeof signature) &&
	       signature == PE_NT_SIGNATURE &&
	       bytes_read(page, (uint64_t)nt + sizeof signature, &file, sizeof file) &&
	       file.Machine == PE_MACHINE_X64 &&
	       bytes_read(page, (uint64_t)nt + sizeof signature + sizeof file, &magic,
			  sizeof magic) &&
	       magic == PE32_PLUS_MAGIC;
}

/* ---- vectors ---- */

/* Compared as 32-bit numbers: SSE2 cannot compare longer ones. */
typedef uint64_t vec64 __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint32_t vec32 __attribute__((vector_size(16), aligned(1), may_alias));

#define LANES(v) ((v)[0] | (v)[1])
#define VEC(x)           \
	{                \
		(x), (x) \
	}

/* No entry that is present has bits that it cannot have, or leads to where no table is:
 * that would be a page of small numbers. */
static bool is_root(const uint8_t *b, uint64_t bad_bits)
{
	const vec64 present = VEC(ENTRY_PRESENT), bits = VEC(bad_bits);
	uint64_t v;

	for (size_t i = 0; i < PAGE; i += 8 * sizeof(vec64)) {
		vec64 bad = VEC(0);

#pragma GCC unroll 8
		for (size_t k = 0; k < 8; k++) {
			const vec64 e = *(const vec64 *)(b + i + k * sizeof e);

			bad |= e & bits & -(e & present);
		}
		if (LANES(bad) != 0)
			return false;
	}
	for (size_t i = 0; i < PAGE; i += sizeof v) {
		memcpy(&v, b + i, sizeof v);
		if ((v & ENTRY_PRESENT) != 0 && (v & ENTRY_ADDRESS) == 0)
			return false;
	}
	return true;
}

static void look(struct scan_piece *p, const uint8_t *b, size_t pages, uint64_t at)
{
	const vec32 same = {0, SAME, 0, SAME};
	const vec32 want = {1, WANT, 1, WANT};
	const struct pass *pass = p->arg;

	for (; pages > 0; pages--, b += PAGE, at += PAGE) {
		vec32 found = {0}, upper;
		EFI_MEMORY_DESCRIPTOR d;
		uint16_t mz;

		for (size_t half = 0; half < PAGE; half += PAGE / 2) {
			upper = (vec32){0};
#pragma GCC unroll 8
			for (size_t i = half; i < half + PAGE / 2; i += sizeof upper) {
				const vec32 v = *(const vec32 *)(b + i);

				found |= (vec32)((v & same) == want);
				upper |= v;
			}
		}
		if (LANES((vec64)found) != 0)
			find_signatures(p, b, PAGE, at);
		memcpy(&mz, b, sizeof mz);
		if (mz == PE_DOS_SIGNATURE && is_pe(b))
			rts_scan_hit(p, SCAN_HIT_PE, at);
		memcpy(&d, b, sizeof d);
		if (d.NumberOfPages != 0 && d.PhysicalStart % PAGE == 0 &&
		    rts_scan_map_stride((struct bytes){b, PAGE}) != 0)
			rts_scan_hit(p, SCAN_HIT_MAP, at);
		if ((LANES((vec64)upper) & ENTRY_PRESENT) != 0 && is_root(b, pass->bad))
			rts_scan_hit(p, SCAN_HIT_ROOT, at);
	}
}

/* Ranges need not begin or end with a page. */
static void look_at(struct scan_piece *p, struct bytes view, uint64_t at)
{
	size_t head = -at % PAGE, pages;

	if (head > view.n)
		head = view.n;
	pages = (view.n - head) / PAGE;
	find_signatures(p, view.p, head, at);
	look(p, view.p + head, pages, at + head);
	head += pages * PAGE;
	find_signatures(p, view.p + head, view.n - head, at + head);
}

EFI_STATUS rts_scan_pass(struct scan *s)
{
	static const char *const names[SCAN_HITS] = {
		"runtime services tables",
		"system tables",
		"boot services tables",
		"DXE services tables",
		"PE headers",
		"page tables",
		"memory maps",
	};
	/* tables lie in memory that is there */
	struct pass pass = {.bad = ENTRY_ADDRESS | ENTRY_LARGE};
	EFI_STATUS status;

	for (uint64_t bit = PAGE; bit < rts_dump_info(s->dump)->end; bit <<= 1)
		pass.bad &= ~bit;
	status = rts_scan_memory(s, look_at, &pass, SCAN_HITS, s->hits);
	for (unsigned k = 0; k < SCAN_HITS && status == EFI_SUCCESS; k++)
		if (s->hits[k].full)
			rts_scan_note(s,
				      "more than %u places look like %s: only the lowest "
				      "ones are looked at",
				      SCAN_HITS_MAX, names[k]);
	return status;
}
