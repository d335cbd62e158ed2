/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory attributes table (UEFI 2.10 §4.6.4) tells an operating system which runtime
 * pages hold code and which hold data. edk2 keeps no record of an image that starts after
 * EndOfDxe, as option ROMs do: its pages count as spare ones and are declared data, and an
 * operating system that obeys crashes in the first call. So the driver has its own pages
 * described as what they are: code read-only, the rest not executable.
 */
#include "base/guid.h"
#include "base/mem.h"
#include "boot.h"
#include "pe/pe_header.h"
#include "say.h"

#define ACCESS      (EFI_MEMORY_RO | EFI_MEMORY_XP | EFI_MEMORY_RP)
#define SECTION_MAX 16U
#define PAGE_MASK   ((uint64_t)EFI_PAGE_SIZE - 1)

/* Entries beside those that firmware had when the table was first replaced. */
#define SPARE 64U

/* One stretch of our image: from @start to the start of the next, with one kind of access.
 */
struct segment {
	uint64_t start;
	uint64_t access;
	uint64_t forbidden; /* what the table must not say of these pages */
};

struct layout {
	struct segment segment[SECTION_MAX + 2]; /* the headers, the sections, the end */
	unsigned count;                          /* without the end */
};

static bool layout_read(const struct boot *b, struct layout *ret)
{
	const struct bytes image = {b->image, b->image_size};
	const uint64_t base = (uintptr_t)b->image;
	struct rts_pe_header h;
	PE_SECTION_HEADER s;
	unsigned n = 0;

	if (rts_pe_header_read(image, NULL, &h) != EFI_SUCCESS ||
	    h.file.NumberOfSections > SECTION_MAX)
		return false;
	ret->segment[n++] =
		(struct segment){base, EFI_MEMORY_RO | EFI_MEMORY_XP, EFI_MEMORY_RP};
	for (unsigned i = 0; rts_pe_section_read(image, &h, i, &s); i++) {
		struct segment *g = &ret->segment[n++];

		*g = (struct segment){base + s.VirtualAddress, EFI_MEMORY_RO,
				      EFI_MEMORY_RP};
		if ((s.Characteristics & PE_SECTION_EXECUTE) != 0)
			g->forbidden |= EFI_MEMORY_XP;
		else
			g->access |= EFI_MEMORY_XP;
		if ((s.Characteristics & PE_SECTION_WRITE) != 0) {
			g->access &= ~EFI_MEMORY_RO;
			g->forbidden |= EFI_MEMORY_RO;
		}
		if (g->start <= g[-1].start || (g->start & PAGE_MASK) != 0)
			return false;
	}
	ret->segment[n].start = (base + b->image_size + PAGE_MASK) & ~PAGE_MASK;
	ret->count = n;
	return ret->segment[n].start > ret->segment[n - 1].start;
}

static EFI_CONFIGURATION_TABLE *entry(const struct boot *b)
{
	static const EFI_GUID guid = EFI_MEMORY_ATTRIBUTES_TABLE_GUID;

	for (UINTN i = 0; i < b->st->NumberOfTableEntries; i++)
		if (guid_eq(&b->st->ConfigurationTable[i].VendorGuid, &guid))
			return &b->st->ConfigurationTable[i];
	return NULL;
}

static const EFI_MEMORY_DESCRIPTOR *descriptor(const EFI_MEMORY_ATTRIBUTES_TABLE *t,
					       uint32_t i)
{
	const uint8_t *p = (const uint8_t *)(t + 1) + (size_t)i * t->DescriptorSize;

	return (const EFI_MEMORY_DESCRIPTOR *)p;
}

static uint64_t end_of(const EFI_MEMORY_DESCRIPTOR *d)
{
	return d->PhysicalStart + d->NumberOfPages * EFI_PAGE_SIZE;
}

/* True when no page of ours is described as what it is not; pages that are not described
 * are free. */
static bool table_allows(const EFI_MEMORY_ATTRIBUTES_TABLE *t, const struct layout *l)
{
	for (uint32_t i = 0; i < t->NumberOfEntries; i++) {
		const EFI_MEMORY_DESCRIPTOR *d = descriptor(t, i);

		for (unsigned s = 0; s < l->count; s++)
			if (d->PhysicalStart < l->segment[s + 1].start &&
			    l->segment[s].start < end_of(d) &&
			    (d->Attribute & l->segment[s].forbidden) != 0)
				return false;
	}
	return true;
}

/* Appends [start, end) of @d where there is anything in it. */
static bool append(EFI_MEMORY_ATTRIBUTES_TABLE *t, uint32_t capacity,
		   const EFI_MEMORY_DESCRIPTOR *d, uint64_t start, uint64_t end,
		   uint64_t attribute)
{
	EFI_MEMORY_DESCRIPTOR part = *d;

	if (start < d->PhysicalStart)
		start = d->PhysicalStart;
	if (end > end_of(d))
		end = end_of(d);
	if (start >= end)
		return true;
	if (t->NumberOfEntries >= capacity)
		return false;
	part.PhysicalStart = start;
	part.NumberOfPages = (end - start) / EFI_PAGE_SIZE;
	part.Attribute = attribute;
	memcpy((uint8_t *)(t + 1) + (size_t)t->NumberOfEntries * t->DescriptorSize, &part,
	       sizeof part);
	t->NumberOfEntries++;
	return true;
}

/* Copies @from to @to, with our pages cut out of the descriptors around them. */
static bool amend(const EFI_MEMORY_ATTRIBUTES_TABLE *from, const struct layout *l,
		  EFI_MEMORY_ATTRIBUTES_TABLE *to, uint32_t capacity)
{
	const uint64_t first = l->segment[0].start, last = l->segment[l->count].start;
	bool fits = true;

	*to = *from;
	to->NumberOfEntries = 0;
	for (uint32_t i = 0; i < from->NumberOfEntries && fits; i++) {
		const EFI_MEMORY_DESCRIPTOR *d = descriptor(from, i);

		fits = append(to, capacity, d, 0, first, d->Attribute);
		for (unsigned s = 0; s < l->count && fits; s++)
			fits = append(to, capacity, d, l->segment[s].start,
				      l->segment[s + 1].start,
				      (d->Attribute & ~ACCESS) | l->segment[s].access);
		fits = fits && append(to, capacity, d, last, UINT64_MAX, d->Attribute);
	}
	return fits;
}

bool mat_settle(struct boot *b, bool may_allocate)
{
	EFI_CONFIGURATION_TABLE *e = entry(b);
	const EFI_MEMORY_ATTRIBUTES_TABLE *t = e != NULL ? e->VendorTable : NULL;
	struct layout l;

	if (t == NULL)
		return true; /* nothing is said, so nothing is forbidden */
	if (t->DescriptorSize < sizeof(EFI_MEMORY_DESCRIPTOR) || !layout_read(b, &l))
		return false;
	if (table_allows(t, &l))
		return true;
	if (may_allocate && b->mat_capacity < t->NumberOfEntries + SPARE / 2) {
		const uint32_t capacity = t->NumberOfEntries + SPARE;
		void *p;

		if (b->bs->AllocatePool(EfiBootServicesData,
					sizeof *t + (UINTN)capacity * t->DescriptorSize,
					&p) != EFI_SUCCESS)
			return false;
		if (b->mat != NULL && b->mat != t)
			b->bs->FreePool(b->mat);
		b->mat = p;
		b->mat_capacity = capacity;
		b->mat_stride = t->DescriptorSize;
	}
	if (b->mat == NULL || b->mat == t || b->mat_stride != t->DescriptorSize)
		return false;
	memset(b->mat + 1, 0, (size_t)b->mat_capacity * b->mat_stride);
	if (!amend(t, &l, b->mat, b->mat_capacity) || !table_allows(b->mat, &l))
		return false;
	/* In place: at ExitBootServices no service may be called, and no checksum covers
	 * it. */
	e->VendorTable = b->mat;
	debug("runtserv: memory attributes table amended: %u entries, %u before",
	      b->mat->NumberOfEntries, t->NumberOfEntries);
	return true;
}
