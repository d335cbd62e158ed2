/* SPDX-License-Identifier: BSD-2-Clause */
/* See map_summary.h. Everything in a descriptor is hostile: sums saturate, ends are cut. */
#include "mem/map_summary.h"

#include <stdarg.h>

#define PAGE_SHIFT  12U
#define PAGE_MASK   (EFI_PAGE_SIZE - 1ULL)
#define SPACE_PAGES (1ULL << (64 - PAGE_SHIFT)) /* of the whole address space */
#define OEM_FIRST   0x70000000U
#define OS_FIRST    0x80000000U

static const char *const type_names[RTS_MAP_TYPES] = {
	[EfiReservedMemoryType] = "EfiReservedMemoryType",
	[EfiLoaderCode] = "EfiLoaderCode",
	[EfiLoaderData] = "EfiLoaderData",
	[EfiBootServicesCode] = "EfiBootServicesCode",
	[EfiBootServicesData] = "EfiBootServicesData",
	[EfiRuntimeServicesCode] = "EfiRuntimeServicesCode",
	[EfiRuntimeServicesData] = "EfiRuntimeServicesData",
	[EfiConventionalMemory] = "EfiConventionalMemory",
	[EfiUnusableMemory] = "EfiUnusableMemory",
	[EfiACPIReclaimMemory] = "EfiACPIReclaimMemory",
	[EfiACPIMemoryNVS] = "EfiACPIMemoryNVS",
	[EfiMemoryMappedIO] = "EfiMemoryMappedIO",
	[EfiMemoryMappedIOPortSpace] = "EfiMemoryMappedIOPortSpace",
	[EfiPalCode] = "EfiPalCode",
	[EfiPersistentMemory] = "EfiPersistentMemory",
	[EfiUnacceptedMemoryType] = "EfiUnacceptedMemoryType",
	[RTS_MAP_TYPE_OEM] = "OEM",
	[RTS_MAP_TYPE_OS] = "OS",
	[RTS_MAP_TYPE_INVALID] = "invalid",
};

static const struct {
	uint64_t bit;
	const char *name;
} attribute_names[] = {
	{EFI_MEMORY_UC, "UC"},
	{EFI_MEMORY_WC, "WC"},
	{EFI_MEMORY_WT, "WT"},
	{EFI_MEMORY_WB, "WB"},
	{EFI_MEMORY_UCE, "UCE"},
	{EFI_MEMORY_WP, "WP"},
	{EFI_MEMORY_RP, "RP"},
	{EFI_MEMORY_XP, "XP"},
	{EFI_MEMORY_RO, "RO"},
	{EFI_MEMORY_NV, "NV"},
	{EFI_MEMORY_MORE_RELIABLE, "MORE_RELIABLE"},
	{EFI_MEMORY_SP, "SP"},
	{EFI_MEMORY_CPU_CRYPTO, "CPU_CRYPTO"},
	{EFI_MEMORY_HOT_PLUGGABLE, "HOT_PLUGGABLE"},
	{EFI_MEMORY_RUNTIME, "RT"},
};

/* Appends to a text of RTS_MAP_TEXT_MAX bytes that holds @at of them; the new length. What
 * does not fit is dropped. */
__attribute__((format(printf, 3, 4))) static size_t put_text(char *text, size_t at,
							     const char *fmt, ...)
{
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = fmt_text(text + at, RTS_MAP_TEXT_MAX - at, fmt, ap);
	va_end(ap);
	return n < RTS_MAP_TEXT_MAX - at ? at + n : RTS_MAP_TEXT_MAX - 1;
}

/* Appends @s in a column: @width characters at least, to the left or to the right. */
static size_t put_column(char *text, size_t at, const char *s, size_t width, bool right)
{
	size_t n = 0;

	while (s[n] != 0)
		n++;
	for (; right && width > n; width--)
		at = put_text(text, at, " ");
	at = put_text(text, at, "%s", s);
	for (; !right && width > n; width--)
		at = put_text(text, at, " ");
	return at;
}

size_t rts_map_count(struct bytes raw, size_t size)
{
	return size < RTS_MAP_DESCRIPTOR_MIN ? 0 : raw.n / size;
}

EFI_MEMORY_DESCRIPTOR rts_map_descriptor(struct bytes raw, size_t size, size_t i)
{
	EFI_MEMORY_DESCRIPTOR d = {0};

	(void)bytes_read(raw, (uint64_t)i * size, &d, sizeof d);
	return d;
}

bool rts_map_descriptor_ok(const EFI_MEMORY_DESCRIPTOR *d, struct diag *diag)
{
	if (rts_map_type_index(d->Type) == RTS_MAP_TYPE_INVALID)
		return diag(diag, false, "type %#x is none", d->Type);
	if ((d->PhysicalStart & PAGE_MASK) != 0)
		return diag(diag, false, "start %#llx is not on a page",
			    (unsigned long long)d->PhysicalStart);
	if ((d->VirtualStart & PAGE_MASK) != 0)
		return diag(diag, false, "virtual start %#llx is not on a page",
			    (unsigned long long)d->VirtualStart);
	if (d->NumberOfPages == 0)
		return diag(diag, false, "0 pages at %#llx",
			    (unsigned long long)d->PhysicalStart);
	if (d->NumberOfPages > SPACE_PAGES - (d->PhysicalStart >> PAGE_SHIFT))
		return diag(diag, false,
			    "%llu pages at %#llx reach past the end of all addresses",
			    (unsigned long long)d->NumberOfPages,
			    (unsigned long long)d->PhysicalStart);
	return true;
}

/* By address, and by index where that is equal: no two are the same. */
static bool before(const struct rts_map *m, uint32_t a, uint32_t b)
{
	uint64_t x = m->d[a].PhysicalStart, y = m->d[b].PhysicalStart;

	return x != y ? x < y : a < b;
}

/* Lets the entry at @root of a heap of @n sink to its place. */
static void sink(struct rts_map *m, size_t root, size_t n)
{
	for (size_t child; (child = 2 * root + 1) < n; root = child) {
		uint32_t moved = m->order[root];

		if (child + 1 < n && before(m, m->order[child], m->order[child + 1]))
			child++;
		if (!before(m, moved, m->order[child]))
			return;
		m->order[root] = m->order[child];
		m->order[child] = moved;
	}
}

/* Heap sort: no memory, no recursion, and no bad case that a map could be made for. */
void rts_map_sort(struct rts_map *m)
{
	for (size_t i = 0; i < m->n; i++)
		m->order[i] = (uint32_t)i;
	for (size_t i = m->n / 2; i-- > 0;)
		sink(m, i, m->n);
	for (size_t n = m->n; n > 1; n--) {
		uint32_t top = m->order[0];

		m->order[0] = m->order[n - 1];
		m->order[n - 1] = top;
		sink(m, 0, n - 1);
	}
}

uint64_t rts_map_pages(const EFI_MEMORY_DESCRIPTOR *d)
{
	uint64_t room = SPACE_PAGES - (d->PhysicalStart >> PAGE_SHIFT);

	return d->NumberOfPages < room ? d->NumberOfPages : room;
}

uint64_t rts_map_last(const EFI_MEMORY_DESCRIPTOR *d)
{
	uint64_t pages = rts_map_pages(d);
	uint64_t last = (d->PhysicalStart & ~PAGE_MASK) + (pages << PAGE_SHIFT) - 1;

	return pages == 0 ? d->PhysicalStart : last;
}

uint64_t rts_map_bytes(uint64_t pages)
{
	return pages < SPACE_PAGES ? pages << PAGE_SHIFT : UINT64_MAX;
}

const char *rts_map_type_name(uint32_t type)
{
	return type < EfiMaxMemoryType ? type_names[type] : NULL;
}

unsigned rts_map_type_index(uint32_t type)
{
	if (type < EfiMaxMemoryType)
		return type;
	return type >= OS_FIRST    ? RTS_MAP_TYPE_OS
	       : type >= OEM_FIRST ? RTS_MAP_TYPE_OEM
				   : RTS_MAP_TYPE_INVALID;
}

const char *rts_map_type_index_name(unsigned index)
{
	return index < RTS_MAP_TYPES ? type_names[index] : NULL;
}

bool rts_map_is_mmio(uint32_t type)
{
	return type == EfiMemoryMappedIO || type == EfiMemoryMappedIOPortSpace;
}

/* A type's name as tables have it: the specification's without its Efi. */
static const char *short_name(unsigned index)
{
	return index < EfiMaxMemoryType ? type_names[index] + 3 : type_names[index];
}

void rts_map_type_text(uint32_t type, char ret[RTS_MAP_TEXT_MAX])
{
	size_t at = put_text(ret, 0, "%s", short_name(rts_map_type_index(type)));

	if (type >= EfiMaxMemoryType)
		put_text(ret, at, " %#x", type);
}

void rts_map_attributes_text(uint64_t attributes, char ret[RTS_MAP_TEXT_MAX])
{
	size_t at = 0;

	ret[0] = 0;
	for (size_t i = 0; i < sizeof attribute_names / sizeof *attribute_names; i++) {
		if ((attributes & attribute_names[i].bit) != 0)
			at = put_text(ret, at, "%s%s", at == 0 ? "" : " ",
				      attribute_names[i].name);
		attributes &= ~attribute_names[i].bit;
	}
	if (attributes != 0) /* of a later specification, or of this machine alone */
		put_text(ret, at, "%s%#llx", at == 0 ? "" : " ",
			 (unsigned long long)attributes);
}

void rts_map_size_text(uint64_t pages, char ret[RTS_MAP_TEXT_MAX])
{
	static const char *const units[] = {"MiB", "GiB", "TiB", "PiB", "EiB"};
	unsigned unit = 0, shift = 8; /* a MiB is 2^8 pages */
	uint64_t rest;

	if (pages < 1ULL << shift) {
		put_text(ret, 0, "%llu KiB", (unsigned long long)pages * 4);
		return;
	}
	for (; pages >> shift >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
		shift += 10;
	/* a decimal place, even a 0, says that there is more behind it */
	rest = pages & ((1ULL << shift) - 1);
	if (rest == 0)
		put_text(ret, 0, "%llu %s", (unsigned long long)pages >> shift,
			 units[unit]);
	else
		put_text(ret, 0, "%llu.%llu %s", (unsigned long long)pages >> shift,
			 (unsigned long long)(rest * 10) >> shift, units[unit]);
}

static void add(uint64_t *sum, uint64_t pages)
{
	if (__builtin_add_overflow(*sum, pages, sum))
		*sum = UINT64_MAX;
}

/* The operating system may take it at once. SP: for a purpose that is not general use. */
static bool is_given(const EFI_MEMORY_DESCRIPTOR *d)
{
	return (d->Attribute & (EFI_MEMORY_RUNTIME | EFI_MEMORY_SP)) == 0;
}

static bool is_usable(const EFI_MEMORY_DESCRIPTOR *d)
{
	return ((d->Type >= EfiLoaderCode && d->Type <= EfiBootServicesData) ||
		d->Type == EfiConventionalMemory) &&
	       is_given(d);
}

static bool is_runtime(const EFI_MEMORY_DESCRIPTOR *d)
{
	return !rts_map_is_mmio(d->Type) &&
	       (d->Type == EfiRuntimeServicesCode || d->Type == EfiRuntimeServicesData ||
		d->Type == EfiPalCode || (d->Attribute & EFI_MEMORY_RUNTIME) != 0);
}

/* Neighbours make one run, whatever their attributes. */
static void sum_free(const struct rts_map *m, struct rts_map_summary *s)
{
	uint64_t start = 0,
		 end = 0; /* in pages, so that the end of all addresses has a number */

	for (size_t i = 0; i < m->n; i++) {
		const EFI_MEMORY_DESCRIPTOR *d = &m->d[m->order[i]];
		uint64_t first = d->PhysicalStart >> PAGE_SHIFT, pages = rts_map_pages(d);

		if (d->Type != EfiConventionalMemory || !is_given(d))
			continue;
		if (first > end || end == 0)
			start = end = first;
		if (first + pages > end)
			end = first + pages;
		if (end - start > s->free_run) {
			s->free_start = start << PAGE_SHIFT;
			s->free_run = end - start;
		}
	}
}

struct rts_map_summary rts_map_sum(const struct rts_map *m)
{
	struct rts_map_summary s = {0};

	for (size_t i = 0; i < m->n; i++) {
		const EFI_MEMORY_DESCRIPTOR *d = &m->d[i];
		uint64_t pages = rts_map_pages(d);
		unsigned type = rts_map_type_index(d->Type);

		s.by_type[type].descriptors++;
		add(&s.by_type[type].pages, pages);
		if (is_usable(d))
			add(&s.usable, pages);
		if (is_runtime(d))
			add(&s.runtime, pages);
		if (rts_map_is_mmio(d->Type)) {
			s.mmio_regions++;
			add(&s.mmio, pages);
		}
	}
	sum_free(m, &s);
	return s;
}

size_t rts_map_check(const struct rts_map *m,
		     void (*put)(void *ctx, size_t index, const char *text), void *ctx)
{
	const EFI_MEMORY_DESCRIPTOR *high =
		NULL; /* of those so far, the one that reaches highest */
	size_t count = 0;

	for (size_t i = 0; i < m->n; i++) {
		const EFI_MEMORY_DESCRIPTOR *d = &m->d[m->order[i]];
		struct diag text = {0};

		if (!rts_map_descriptor_ok(d, &text)) {
			count++;
			if (put != NULL)
				put(ctx, m->order[i], text.text);
		}
		if (d->NumberOfPages == 0)
			continue;
		if (high != NULL && d->PhysicalStart <= rts_map_last(high)) {
			text = (struct diag){0};
			diag_set(&text, "%#llx-%#llx overlaps descriptor %llu, %#llx-%#llx",
				 (unsigned long long)d->PhysicalStart,
				 (unsigned long long)rts_map_last(d),
				 (unsigned long long)(high - m->d),
				 (unsigned long long)high->PhysicalStart,
				 (unsigned long long)rts_map_last(high));
			count++;
			if (put != NULL)
				put(ctx, m->order[i], text.text);
		}
		if (high == NULL || rts_map_last(d) > rts_map_last(high))
			high = d;
	}
	return count;
}

/* Hex digits that every address of the map fits into. */
static unsigned address_digits(const struct rts_map *m)
{
	unsigned digits = 8;

	for (size_t i = 0; i < m->n; i++) {
		uint64_t last = rts_map_last(&m->d[i]);

		if (m->d[i].PhysicalStart > last)
			last = m->d[i].PhysicalStart;
		while (digits < 16 && last >> (4 * digits) != 0)
			digits++;
	}
	return digits;
}

/* %0*llx, which fmt_text() has not. */
static size_t put_address(char *text, size_t at, uint64_t v, unsigned digits)
{
	while (digits-- > 0)
		at = put_text(text, at, "%c", "0123456789abcdef"[v >> (4 * digits) & 15]);
	return at;
}

static void print_descriptor(const EFI_MEMORY_DESCRIPTOR *d, unsigned digits,
			     char line[RTS_MAP_TEXT_MAX])
{
	char text[RTS_MAP_TEXT_MAX];
	size_t at = put_address(line, 0, d->PhysicalStart, digits);

	at = put_text(line, at, "-");
	at = put_address(line, at, rts_map_last(d), digits);
	at = put_text(line, at, " %8llu", (unsigned long long)d->NumberOfPages);
	rts_map_size_text(rts_map_pages(d), text);
	at = put_column(line, at, text, 11, true);
	rts_map_type_text(d->Type, text);
	at = put_text(line, at, "  ");
	at = put_column(line, at, text, d->Attribute != 0 ? 20 : 0, false);
	rts_map_attributes_text(d->Attribute, text);
	at = put_text(line, at, "%s", text);
	/* firmware says 0, or (U-Boot) the physical address, until an operating system
	 * chooses */
	if (d->VirtualStart != 0 && d->VirtualStart != d->PhysicalStart)
		put_text(line, at, " at %#llx", (unsigned long long)d->VirtualStart);
}

void rts_map_print(const struct rts_map *m, void (*put)(void *ctx, const char *line),
		   void *ctx)
{
	const unsigned digits = address_digits(m);
	char line[RTS_MAP_TEXT_MAX];
	size_t at = put_column(line, 0, "START", digits + 1, false);

	at = put_column(line, at, "END", digits, false);
	put_text(line, at, "    PAGES       SIZE  TYPE                ATTRIBUTES");
	put(ctx, line);
	for (size_t i = 0; i < m->n; i++) {
		print_descriptor(&m->d[m->order[i]], digits, line);
		put(ctx, line);
	}
}

/* "usable            1987.6 MiB          2084085760 bytes", and what @fmt adds. */
__attribute__((format(printf, 3, 4))) static size_t
print_sum(char line[RTS_MAP_TEXT_MAX], uint64_t pages, const char *fmt, ...)
{
	char text[RTS_MAP_TEXT_MAX];
	size_t at;
	va_list ap;

	va_start(ap, fmt);
	(void)fmt_text(text, sizeof text, fmt, ap);
	va_end(ap);
	at = put_column(line, 0, text, 24, false);
	rts_map_size_text(pages, text);
	at = put_column(line, at, text, 11, true);
	return put_text(line, at, " %15llu bytes",
			(unsigned long long)rts_map_bytes(pages));
}

void rts_map_print_summary(const struct rts_map_summary *s,
			   void (*put)(void *ctx, const char *line), void *ctx)
{
	char line[RTS_MAP_TEXT_MAX];
	size_t at;

	print_sum(line, s->usable, "usable");
	put(ctx, line);
	print_sum(line, s->runtime, "runtime-reserved");
	put(ctx, line);
	at = print_sum(line, s->free_run, "largest free run");
	if (s->free_run != 0)
		put_text(line, at, " from %#llx", (unsigned long long)s->free_start);
	put(ctx, line);
	print_sum(line, s->mmio, "MMIO, %llu region%s", (unsigned long long)s->mmio_regions,
		  s->mmio_regions == 1 ? "" : "s");
	put(ctx, line);
	for (unsigned i = 0; i < RTS_MAP_TYPES; i++) {
		if (s->by_type[i].descriptors == 0)
			continue;
		at = print_sum(line, s->by_type[i].pages, "  %s", short_name(i));
		put_text(line, at, " in %llu",
			 (unsigned long long)s->by_type[i].descriptors);
		put(ctx, line);
	}
}
