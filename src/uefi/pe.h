/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PE32+ headers (Microsoft PE/COFF, as UEFI 2.10 §2.1.1 uses it) and the PCI option ROM
 * headers of EFI images (UEFI 2.10 §14.4.2, PCI Firmware 3.3 §5.1). Copied out by value,
 * never cast onto a file.
 */
#pragma once

#include "types.h"

#define PE_DOS_SIGNATURE                 0x5a4dU /* "MZ" */
#define PE_DOS_LFANEW                    0x3cU   /* u32: offset of the PE signature */
#define PE_NT_SIGNATURE                  0x4550U /* "PE\0\0" */
#define PE32_MAGIC                       0x10bU
#define PE32_PLUS_MAGIC                  0x20bU
#define PE_DIRECTORY_RELOC               5U
#define PE_DIRECTORY_MAX                 16U
#define PE_FILE_RELOCS_STRIPPED          0x0001U /* Characteristics of the file */
#define PE_SECTION_CODE                  0x00000020U
#define PE_SECTION_EXECUTE               0x20000000U
#define PE_SECTION_WRITE                 0x80000000U
#define PE_MACHINE_X64                   0x8664U
#define PE_MACHINE_AARCH64               0xaa64U
#define PE_SUBSYSTEM_APPLICATION         10U
#define PE_SUBSYSTEM_BOOT_SERVICE_DRIVER 11U
#define PE_SUBSYSTEM_RUNTIME_DRIVER      12U

typedef struct {
	uint16_t Machine;
	uint16_t NumberOfSections;
	uint32_t TimeDateStamp;
	uint32_t PointerToSymbolTable;
	uint32_t NumberOfSymbols;
	uint16_t SizeOfOptionalHeader;
	uint16_t Characteristics;
} PE_FILE_HEADER;
_Static_assert(sizeof(PE_FILE_HEADER) == 20, "PE_FILE_HEADER");

/* Up to the data directories, NumberOfRvaAndSizes of which follow. */
typedef struct {
	uint16_t Magic;
	uint8_t MajorLinkerVersion;
	uint8_t MinorLinkerVersion;
	uint32_t SizeOfCode;
	uint32_t SizeOfInitializedData;
	uint32_t SizeOfUninitializedData;
	uint32_t AddressOfEntryPoint;
	uint32_t BaseOfCode;
	uint64_t ImageBase;
	uint32_t SectionAlignment;
	uint32_t FileAlignment;
	uint16_t MajorOperatingSystemVersion;
	uint16_t MinorOperatingSystemVersion;
	uint16_t MajorImageVersion;
	uint16_t MinorImageVersion;
	uint16_t MajorSubsystemVersion;
	uint16_t MinorSubsystemVersion;
	uint32_t Win32VersionValue;
	uint32_t SizeOfImage;
	uint32_t SizeOfHeaders;
	uint32_t CheckSum;
	uint16_t Subsystem;
	uint16_t DllCharacteristics;
	uint64_t SizeOfStackReserve;
	uint64_t SizeOfStackCommit;
	uint64_t SizeOfHeapReserve;
	uint64_t SizeOfHeapCommit;
	uint32_t LoaderFlags;
	uint32_t NumberOfRvaAndSizes;
} PE_OPTIONAL_HEADER;
_Static_assert(sizeof(PE_OPTIONAL_HEADER) == 112, "PE_OPTIONAL_HEADER");

typedef struct {
	uint32_t VirtualAddress;
	uint32_t Size;
} PE_DATA_DIRECTORY;
_Static_assert(sizeof(PE_DATA_DIRECTORY) == 8, "PE_DATA_DIRECTORY");

typedef struct {
	uint8_t Name[8];
	uint32_t VirtualSize;
	uint32_t VirtualAddress;
	uint32_t SizeOfRawData;
	uint32_t PointerToRawData;
	uint32_t PointerToRelocations;
	uint32_t PointerToLinenumbers;
	uint16_t NumberOfRelocations;
	uint16_t NumberOfLinenumbers;
	uint32_t Characteristics;
} PE_SECTION_HEADER;
_Static_assert(sizeof(PE_SECTION_HEADER) == 40, "PE_SECTION_HEADER");

/* What is made of a PE image for code that runs in flash (PI 1.8 vol 1
 * §15). Offsets in it, and in its sections, are still those of the PE image, whose first
 * StrippedSize bytes became this header. */
#define EFI_TE_IMAGE_HEADER_SIGNATURE 0x5a56U /* "VZ" */

typedef struct {
	uint16_t Signature;
	uint16_t Machine;
	uint8_t NumberOfSections;
	uint8_t Subsystem;
	uint16_t StrippedSize;
	uint32_t AddressOfEntryPoint;
	uint32_t BaseOfCode;
	uint64_t ImageBase;
	PE_DATA_DIRECTORY DataDirectory[2]; /* base relocations, debug */
} EFI_TE_IMAGE_HEADER;
_Static_assert(sizeof(EFI_TE_IMAGE_HEADER) == 40, "EFI_TE_IMAGE_HEADER");

/* Base relocations: blocks of a header and 16-bit entries, type in the upper four bits and
 * an offset from VirtualAddress in the others. */
#define PE_REL_BASED_ABSOLUTE 0U /* padding */
#define PE_REL_BASED_DIR64    10U

typedef struct {
	uint32_t VirtualAddress;
	uint32_t SizeOfBlock; /* with this header */
} PE_BASE_RELOCATION;
_Static_assert(sizeof(PE_BASE_RELOCATION) == 8, "PE_BASE_RELOCATION");

#define PCI_ROM_SIGNATURE      0xaa55U
#define PCI_ROM_EFI_SIGNATURE  0x0ef1U
#define PCI_ROM_PCIR_SIGNATURE 0x52494350U /* "PCIR" */
#define PCI_ROM_CODE_TYPE_EFI  3U
#define PCI_ROM_LAST_IMAGE     0x80U /* Indicator */
#define PCI_ROM_UNIT           512U

typedef struct {
	uint16_t Signature;
	uint16_t InitializationSize; /* units of 512 bytes */
	uint32_t EfiSignature;
	uint16_t EfiSubsystem;
	uint16_t EfiMachineType;
	uint16_t CompressionType;
	uint8_t Reserved[8];
	uint16_t EfiImageHeaderOffset;
	uint16_t PcirOffset;
	uint16_t Pad_; /* not in the file */
} EFI_PCI_EXPANSION_ROM_HEADER;
#define PCI_ROM_HEADER_SIZE 26U
_Static_assert(offsetof(EFI_PCI_EXPANSION_ROM_HEADER, PcirOffset) == 24, "ROM header");

typedef struct {
	uint32_t Signature;
	uint16_t VendorId;
	uint16_t DeviceId;
	uint16_t DeviceListOffset;
	uint16_t Length;
	uint8_t Revision;
	uint8_t ClassCode[3];
	uint16_t ImageLength; /* units of 512 bytes */
	uint16_t CodeRevision;
	uint8_t CodeType;
	uint8_t Indicator;
	uint16_t MaxRuntimeImageLength;
	uint16_t ConfigUtilityCodeHeaderOffset;
	uint16_t DmtfClpEntryPointOffset;
} PCI_DATA_STRUCTURE;
_Static_assert(sizeof(PCI_DATA_STRUCTURE) == 28, "PCI_DATA_STRUCTURE");
/* Revision 0: up to Indicator and two reserved bytes. */
#define PCI_DATA_STRUCTURE_MIN 24U
