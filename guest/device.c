/* SPDX-License-Identifier: BSD-2-Clause */
/* The ivshmem device: its BARs, and their place in the memory map that an operating system
 * gets. */
#include "base/guid.h"
#include "boot.h"
#include "say.h"

#define PCI_BAR0         0x10U
#define PCI_BAR_IO       0x1U
#define PCI_BAR_TYPE     0x6U
#define PCI_BAR_TYPE_64  0x4U
#define PCI_BAR_FLAGS    0xfU
#define PAGE_MASK        ((uint64_t)EFI_PAGE_SIZE - 1)
#define BAR_CAPABILITIES (EFI_MEMORY_UC | EFI_MEMORY_RUNTIME)

void *config_table(const EFI_SYSTEM_TABLE *st, const EFI_GUID *guid)
{
	for (UINTN i = 0; i < st->NumberOfTableEntries; i++)
		if (guid_eq(&st->ConfigurationTable[i].VendorGuid, guid))
			return st->ConfigurationTable[i].VendorTable;
	return NULL;
}

/* Address of a memory BAR, 0 where it is none. */
static uint64_t bar_address(EFI_PCI_IO_PROTOCOL *pci, unsigned index)
{
	const uint32_t at = PCI_BAR0 + index * 4;
	uint32_t lo = 0, hi = 0;

	if (pci->PciRead(pci, EfiPciIoWidthUint32, at, 1, &lo) != EFI_SUCCESS ||
	    (lo & PCI_BAR_IO) != 0)
		return 0;
	if ((lo & PCI_BAR_TYPE) == PCI_BAR_TYPE_64 &&
	    pci->PciRead(pci, EfiPciIoWidthUint32, at + 4, 1, &hi) != EFI_SUCCESS)
		return 0;
	return (uint64_t)hi << 32 | (lo & ~PCI_BAR_FLAGS);
}

/* Bytes behind a BAR, 0 where the bus driver does not say. */
static uint64_t bar_size(const struct boot *b, EFI_PCI_IO_PROTOCOL *pci, uint8_t index)
{
	void *resources = NULL;
	uint64_t size = 0;

	if (pci->GetBarAttributes(pci, index, NULL, &resources) != EFI_SUCCESS)
		return 0;
	if (*(uint8_t *)resources == ACPI_QWORD_ADDRESS_SPACE)
		__builtin_memcpy(&size, (uint8_t *)resources + ACPI_QWORD_ADDRESS_LENGTH,
				 sizeof size);
	b->bs->FreePool(resources);
	return size;
}

/* Whole pages around a range become runtime memory: the operating system will map them for
 * us. */
static EFI_STATUS keep_mapped(const EFI_DXE_SERVICES *ds, uint64_t base, uint64_t size)
{
	const uint64_t start = base & ~PAGE_MASK;
	const uint64_t len = ((base + size + PAGE_MASK) & ~PAGE_MASK) - start;
	EFI_GCD_MEMORY_SPACE_DESCRIPTOR d;
	EFI_STATUS status = ds->GetMemorySpaceDescriptor(start, &d);

	if (status == EFI_SUCCESS && d.GcdMemoryType == EfiGcdMemoryTypeNonExistent) {
		status = ds->AddMemorySpace(EfiGcdMemoryTypeMemoryMappedIo, start, len,
					    BAR_CAPABILITIES);
		if (status == EFI_SUCCESS)
			status = ds->GetMemorySpaceDescriptor(start, &d);
		d.Attributes |= EFI_MEMORY_UC;
	}
	if (status != EFI_SUCCESS)
		return status;
	return ds->SetMemorySpaceAttributes(start, len, d.Attributes | EFI_MEMORY_RUNTIME);
}

EFI_STATUS device_open(const struct boot *b, EFI_HANDLE device, struct page *ret)
{
	static const EFI_GUID pci_guid = EFI_PCI_IO_PROTOCOL_GUID,
			      ds_guid = DXE_SERVICES_TABLE_GUID;
	EFI_PCI_IO_PROTOCOL *pci;
	const EFI_DXE_SERVICES *ds = config_table(b->st, &ds_guid);
	uint64_t regs, mem, size;
	uint32_t id = 0;
	EFI_STATUS status;

	if (device == NULL || ds == NULL)
		return EFI_UNSUPPORTED;
	status = b->bs->HandleProtocol(device, &pci_guid, (void **)&pci);
	if (status != EFI_SUCCESS)
		return status;
	status = pci->PciRead(pci, EfiPciIoWidthUint32, 0, 1, &id);
	if (status != EFI_SUCCESS || id != (IVSHMEM_DEVICE_ID << 16 | IVSHMEM_VENDOR_ID))
		return EFI_UNSUPPORTED;
	status = pci->Attributes(pci, EfiPciIoAttributeOperationEnable,
				 EFI_PCI_IO_ATTRIBUTE_MEMORY, NULL);
	if (status != EFI_SUCCESS)
		return status;
	regs = bar_address(pci, 0);
	mem = bar_address(pci, 2);
	size = bar_size(b, pci, 2);
	debug("runtserv: registers %#llx, memory %#llx of %#llx bytes",
	      (unsigned long long)regs, (unsigned long long)mem, (unsigned long long)size);
	if (regs == 0 || mem == 0 || size < GUEST_PAGE_BUFFER + MM_BUFFER_MAX)
		return EFI_UNSUPPORTED;
	status = keep_mapped(ds, mem, size);
	if (status == EFI_SUCCESS)
		status = keep_mapped(ds, regs, EFI_PAGE_SIZE);
	if (status != EFI_SUCCESS)
		return status;
	ret->mem = (volatile uint8_t *)mem;
	ret->regs = (volatile uint8_t *)regs;
	return EFI_SUCCESS;
}
