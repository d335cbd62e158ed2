/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Firmware volumes, the FFS2 and FFS3 file systems, and sections (PI 1.8 vol 3 §2 and §3).
 * Copied out by value, never cast onto a file.
 */
#pragma once

#include "types.h"

/* Volumes, PI 1.8 vol 3 §3.2.1 */
#define EFI_FVH_SIGNATURE       0x4856465fU /* "_FVH" */
#define EFI_FVB2_ERASE_POLARITY 0x00000800U
#define EFI_FVH_REVISION_1      1U /* of the framework that PI grew from */
#define EFI_FVH_REVISION        2U

typedef struct {
	uint8_t ZeroVector[16];
	EFI_GUID FileSystemGuid;
	uint64_t FvLength;
	uint32_t Signature;
	uint32_t Attributes;
	uint16_t HeaderLength; /* with the block map */
	uint16_t Checksum;
	uint16_t ExtHeaderOffset; /* 0: none */
	uint8_t Reserved;
	uint8_t Revision;
} EFI_FIRMWARE_VOLUME_HEADER;
_Static_assert(sizeof(EFI_FIRMWARE_VOLUME_HEADER) == 56, "EFI_FIRMWARE_VOLUME_HEADER");

typedef struct {
	uint32_t NumBlocks;
	uint32_t Length;
} EFI_FV_BLOCK_MAP_ENTRY; /* the last one is zero */
_Static_assert(sizeof(EFI_FV_BLOCK_MAP_ENTRY) == 8, "EFI_FV_BLOCK_MAP_ENTRY");

typedef struct {
	EFI_GUID FvName;
	uint32_t ExtHeaderSize;
} EFI_FIRMWARE_VOLUME_EXT_HEADER;
_Static_assert(sizeof(EFI_FIRMWARE_VOLUME_EXT_HEADER) == 20,
	       "EFI_FIRMWARE_VOLUME_EXT_HEADER");

#define EFI_FIRMWARE_FILE_SYSTEM2_GUID                                 \
	{                                                              \
		0x8c8ce578, 0x8a3d, 0x4f1c,                            \
		{                                                      \
			0x99, 0x35, 0x89, 0x61, 0x85, 0xc3, 0x2d, 0xd3 \
		}                                                      \
	}
#define EFI_FIRMWARE_FILE_SYSTEM3_GUID                                 \
	{                                                              \
		0x5473c07a, 0x3dcb, 0x4dca,                            \
		{                                                      \
			0xbd, 0x6f, 0x1e, 0x96, 0x89, 0xe7, 0x34, 0x9a \
		}                                                      \
	}
/* Of a volume that holds variables and no files. */
#define EFI_SYSTEM_NV_DATA_FV_GUID                                     \
	{                                                              \
		0xfff12b8d, 0x7696, 0x4c8b,                            \
		{                                                      \
			0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50 \
		}                                                      \
	}

/* Files, PI 1.8 vol 3 §3.2.3 */
#define EFI_FV_FILETYPE_RAW                   0x01U
#define EFI_FV_FILETYPE_FREEFORM              0x02U
#define EFI_FV_FILETYPE_SECURITY_CORE         0x03U
#define EFI_FV_FILETYPE_PEI_CORE              0x04U
#define EFI_FV_FILETYPE_DXE_CORE              0x05U
#define EFI_FV_FILETYPE_PEIM                  0x06U
#define EFI_FV_FILETYPE_DRIVER                0x07U
#define EFI_FV_FILETYPE_COMBINED_PEIM_DRIVER  0x08U
#define EFI_FV_FILETYPE_APPLICATION           0x09U
#define EFI_FV_FILETYPE_MM                    0x0aU
#define EFI_FV_FILETYPE_FIRMWARE_VOLUME_IMAGE 0x0bU
#define EFI_FV_FILETYPE_COMBINED_MM_DXE       0x0cU
#define EFI_FV_FILETYPE_MM_CORE               0x0dU
#define EFI_FV_FILETYPE_MM_STANDALONE         0x0eU
#define EFI_FV_FILETYPE_MM_CORE_STANDALONE    0x0fU
#define EFI_FV_FILETYPE_FFS_PAD               0xf0U

#define FFS_ATTRIB_LARGE_FILE 0x01U /* Size is 0, and ExtendedSize follows */
#define FFS_ATTRIB_CHECKSUM   0x40U /* of the data too */
#define FFS_FIXED_CHECKSUM    0xaaU /* what stands there instead */

/* State; the highest bit that is set counts, and in a volume whose erased bytes are 0xff
 * all bits are inverted. */
#define EFI_FILE_HEADER_CONSTRUCTION 0x01U
#define EFI_FILE_HEADER_VALID        0x02U
#define EFI_FILE_DATA_VALID          0x04U
#define EFI_FILE_MARKED_FOR_UPDATE   0x08U
#define EFI_FILE_DELETED             0x10U
#define EFI_FILE_HEADER_INVALID      0x20U

typedef struct {
	EFI_GUID Name;
	uint8_t HeaderChecksum; /* IntegrityCheck.Checksum.Header */
	uint8_t FileChecksum;   /* IntegrityCheck.Checksum.File */
	uint8_t Type;
	uint8_t Attributes;
	uint8_t Size[3]; /* with the header */
	uint8_t State;
	uint64_t ExtendedSize; /* EFI_FFS_FILE_HEADER2 only */
} EFI_FFS_FILE_HEADER2;
#define EFI_FFS_FILE_HEADER_SIZE 24U
_Static_assert(sizeof(EFI_FFS_FILE_HEADER2) == 32, "EFI_FFS_FILE_HEADER2");
_Static_assert(offsetof(EFI_FFS_FILE_HEADER2, ExtendedSize) == EFI_FFS_FILE_HEADER_SIZE,
	       "EFI_FFS_FILE_HEADER");

/* Sections, PI 1.8 vol 3 §3.2.4 */
#define EFI_SECTION_COMPRESSION           0x01U
#define EFI_SECTION_GUID_DEFINED          0x02U
#define EFI_SECTION_DISPOSABLE            0x03U
#define EFI_SECTION_PE32                  0x10U
#define EFI_SECTION_PIC                   0x11U
#define EFI_SECTION_TE                    0x12U
#define EFI_SECTION_DXE_DEPEX             0x13U
#define EFI_SECTION_VERSION               0x14U
#define EFI_SECTION_USER_INTERFACE        0x15U
#define EFI_SECTION_COMPATIBILITY16       0x16U
#define EFI_SECTION_FIRMWARE_VOLUME_IMAGE 0x17U
#define EFI_SECTION_FREEFORM_SUBTYPE_GUID 0x18U
#define EFI_SECTION_RAW                   0x19U
#define EFI_SECTION_PEI_DEPEX             0x1bU
#define EFI_SECTION_MM_DEPEX              0x1cU

typedef struct {
	uint8_t Size[3]; /* with the header; all ones: ExtendedSize follows */
	uint8_t Type;
	uint32_t ExtendedSize; /* EFI_COMMON_SECTION_HEADER2 only */
} EFI_COMMON_SECTION_HEADER2;
#define EFI_COMMON_SECTION_HEADER_SIZE 4U
#define EFI_SECTION_SIZE_EXTENDED      0xffffffU
_Static_assert(sizeof(EFI_COMMON_SECTION_HEADER2) == 8, "EFI_COMMON_SECTION_HEADER2");

/* What follows the common header of a compression section. */
typedef struct {
	uint32_t UncompressedLength;
	uint8_t CompressionType;
	uint8_t Pad_[3]; /* not in the file */
} EFI_COMPRESSION_SECTION_FIELDS;
#define EFI_COMPRESSION_SECTION_FIELDS_SIZE 5U
#define EFI_NOT_COMPRESSED                  0U
#define EFI_STANDARD_COMPRESSION            1U

/* What follows the common header of a GUID-defined section. */
typedef struct {
	EFI_GUID SectionDefinitionGuid;
	uint16_t DataOffset; /* from the section's start */
	uint16_t Attributes;
} EFI_GUID_DEFINED_SECTION_FIELDS;
#define EFI_GUIDED_SECTION_PROCESSING_REQUIRED 0x01U
_Static_assert(sizeof(EFI_GUID_DEFINED_SECTION_FIELDS) == 20,
	       "EFI_GUID_DEFINED_SECTION_FIELDS");

#define EFI_CRC32_GUIDED_SECTION_EXTRACTION_GUID                       \
	{                                                              \
		0xfc1bcdb0, 0x7d31, 0x49aa,                            \
		{                                                      \
			0x93, 0x6a, 0xa4, 0x60, 0x0d, 0x9d, 0xd0, 0x83 \
		}                                                      \
	}
/* Of edk2 and those who follow it; no specification names these. */
#define LZMA_CUSTOM_DECOMPRESS_GUID                                    \
	{                                                              \
		0xee4e5898, 0x3914, 0x4259,                            \
		{                                                      \
			0x9d, 0x6e, 0xdc, 0x7b, 0xd7, 0x94, 0x03, 0xcf \
		}                                                      \
	}
#define LZMAF86_CUSTOM_DECOMPRESS_GUID                                 \
	{                                                              \
		0xd42ae6bd, 0x1352, 0x4bfb,                            \
		{                                                      \
			0x90, 0x9a, 0xca, 0x72, 0xa6, 0xea, 0xe8, 0x89 \
		}                                                      \
	}
#define TIANO_CUSTOM_DECOMPRESS_GUID                                   \
	{                                                              \
		0xa31280ad, 0x481e, 0x41b6,                            \
		{                                                      \
			0x95, 0xe8, 0x12, 0x7f, 0x4c, 0x98, 0x47, 0x79 \
		}                                                      \
	}
