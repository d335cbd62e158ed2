/* SPDX-License-Identifier: BSD-2-Clause */
/* GUID partition tables (UEFI 2.10 §5.3). Copied out by value. */
#pragma once

#include "uefi/types.h"

typedef struct {
	uint64_t Signature;
	uint32_t Revision, HeaderSize, HeaderCRC32, Reserved;
	uint64_t MyLBA, AlternateLBA;
	uint64_t FirstUsableLBA, LastUsableLBA;
	EFI_GUID DiskGUID;
	uint64_t PartitionEntryLBA;
	uint32_t NumberOfPartitionEntries, SizeOfPartitionEntry;
	uint32_t PartitionEntryArrayCRC32;
	uint8_t Padding[4];
} EFI_PARTITION_TABLE_HEADER;
_Static_assert(sizeof(EFI_PARTITION_TABLE_HEADER) == 96, "EFI_PARTITION_TABLE_HEADER");
#define EFI_PTAB_HEADER_ID       0x5452415020494645U /* "EFI PART" */
#define EFI_PTAB_HEADER_REVISION 0x00010000U
#define EFI_PTAB_HEADER_SIZE     92U /* without the padding */

typedef struct {
	EFI_GUID PartitionTypeGUID; /* zeros: there is none */
	EFI_GUID UniquePartitionGUID;
	uint64_t StartingLBA, EndingLBA; /* both are in it */
	uint64_t Attributes;
	uint16_t PartitionName[36];
} EFI_PARTITION_ENTRY;
_Static_assert(sizeof(EFI_PARTITION_ENTRY) == 128, "EFI_PARTITION_ENTRY");

#define EFI_PART_TYPE_EFI_SYSTEM_PART_GUID                          \
	{                                                           \
		0xc12a7328, 0xf81f, 0x11d2,                         \
		{                                                   \
			0xba, 0x4b, 0, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b \
		}                                                   \
	}
