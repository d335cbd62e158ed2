/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory as drivers use it: a great many blocks that live shortly, blocks without a byte,
 * pages that are given back in pieces, a large array on the stack while booting, and
 * firmware's table of services with one of them replaced.
 */
#include "driver.h"

#define EXPECT(what)                                                       \
	do {                                                               \
		if (!(what))                                               \
			return (EFI_STATUS)(1ULL << 63 | (UINTN)__LINE__); \
	} while (0)

static EFI_COPY_MEM next;
static volatile unsigned copies;

static void EFIAPI copy_mem(void *Destination, void *Source, UINTN Length)
{
	copies++;
	next(Destination, Source, Length);
}

static EFI_STATUS table_sealed(void)
{
	gBS->Hdr.CRC32 = 0;
	return gBS->CalculateCrc32(gBS, gBS->Hdr.HeaderSize, &gBS->Hdr.CRC32);
}

static EFI_STATUS hooked(void)
{
	uint64_t from = 1, to = 0;

	next = gBS->CopyMem;
	gBS->CopyMem = copy_mem;
	EXPECT(table_sealed() == EFI_SUCCESS);
	gBS->CopyMem(&to, &from, sizeof to);
	EXPECT(copies == 1 && to == 1);
	gBS->CopyMem = next;
	return table_sealed();
}

/* More than addresses last for, if none were used twice. */
static EFI_STATUS many(void)
{
	uint8_t *kept;
	void *p;

	EXPECT(gBS->AllocatePool(EfiBootServicesData, 24, (void **)&kept) == EFI_SUCCESS);
	for (unsigned i = 0; i < 70000; i++) {
		EXPECT(gBS->AllocatePool(EfiBootServicesData, 8 + i % 200, &p) ==
		       EFI_SUCCESS);
		*(volatile uint8_t *)p = 1;
		EXPECT(gBS->FreePool(p) == EFI_SUCCESS);
	}
	for (unsigned i = 0; i < 24; i++)
		((volatile uint8_t *)kept)[i] = 0;
	return gBS->FreePool(kept);
}

static EFI_STATUS pieces(void)
{
	EFI_PHYSICAL_ADDRESS at;
	void *none;

	EXPECT(gBS->AllocatePool(EfiBootServicesData, 0, &none) == EFI_SUCCESS);
	EXPECT(gBS->FreePool(none) == EFI_SUCCESS);
	EXPECT(gBS->AllocatePages(AllocateAnyPages, EfiBootServicesData, 6, &at) ==
	       EFI_SUCCESS);
	EXPECT(gBS->FreePages(at + 2 * EFI_PAGE_SIZE, 2) == EFI_SUCCESS);
	for (unsigned i = 0; i < 6; i++)
		if (i < 2 || i > 3)
			*(volatile uint8_t *)(uintptr_t)(at + i * EFI_PAGE_SIZE) = 1;
	EXPECT(gBS->FreePages(at + 5 * EFI_PAGE_SIZE, 1) == EFI_SUCCESS);
	EXPECT(gBS->FreePages(at, 2) == EFI_SUCCESS);
	return gBS->FreePages(at + 4 * EFI_PAGE_SIZE, 1);
}

static NOINLINE EFI_STATUS large(void)
{
	uint8_t buffer[96 << 10];
	volatile uint8_t *p = OPAQUE(&buffer[0]);

	for (unsigned i = 0; i < sizeof buffer; i++)
		p[i] = (uint8_t)i;
	gBS->SetMem(buffer, sizeof buffer, 0x5a);
	EXPECT(p[0] == 0x5a && p[sizeof buffer - 1] == 0x5a);
	return EFI_SUCCESS;
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = hooked();

	if (status == EFI_SUCCESS)
		status = many();
	if (status == EFI_SUCCESS)
		status = pieces();
	return status == EFI_SUCCESS ? large() : status;
}
