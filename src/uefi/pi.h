/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What runtime drivers take from the Platform Initialization specification (PI 1.8 vol 2
 * and 4): the runtime architectural protocol, MM communication, hand-off blocks, dependency
 * expressions.
 */
#pragma once

#include "services.h"

typedef struct LIST_ENTRY {
	uint64_t ForwardLink;
	uint64_t BackLink;
} LIST_ENTRY;

/* PI 1.8 vol 2 §12.6 */
#define EFI_RUNTIME_ARCH_PROTOCOL_GUID                                 \
	{                                                              \
		0xb7dfb4e1, 0x052f, 0x449f,                            \
		{                                                      \
			0x87, 0xbe, 0x98, 0x18, 0xfc, 0x91, 0xb7, 0x33 \
		}                                                      \
	}
typedef struct {
	LIST_ENTRY ImageHead;
	LIST_ENTRY EventHead;
	UINTN MemoryDescriptorSize;
	uint32_t MemoryDescriptorVersion;
	UINTN MemoryMapSize;
	uint64_t MemoryMapPhysical;
	uint64_t MemoryMapVirtual;
	BOOLEAN VirtualMode;
	BOOLEAN AtRuntime;
} EFI_RUNTIME_ARCH_PROTOCOL;
_Static_assert(offsetof(EFI_RUNTIME_ARCH_PROTOCOL, AtRuntime) == 73,
	       "EFI_RUNTIME_ARCH_PROTOCOL");

typedef struct {
	uint64_t ImageBase;
	uint64_t ImageSize;
	uint64_t RelocationData;
	uint64_t Handle;
	LIST_ENTRY Link;
} EFI_RUNTIME_IMAGE_ENTRY;
_Static_assert(sizeof(EFI_RUNTIME_IMAGE_ENTRY) == 48, "EFI_RUNTIME_IMAGE_ENTRY");

typedef struct {
	uint32_t Type;
	EFI_TPL NotifyTpl;
	uint64_t NotifyFunction;
	uint64_t NotifyContext;
	uint64_t Event;
	LIST_ENTRY Link;
} EFI_RUNTIME_EVENT_ENTRY;
_Static_assert(sizeof(EFI_RUNTIME_EVENT_ENTRY) == 56, "EFI_RUNTIME_EVENT_ENTRY");

/* PI 1.8 vol 3 §5: hand-off blocks. */
#define EFI_HOB_LIST_GUID                                              \
	{                                                              \
		0x7739f24c, 0x93d7, 0x11d4,                            \
		{                                                      \
			0x9a, 0x3a, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d \
		}                                                      \
	}
#define EFI_HOB_TYPE_HANDOFF         0x0001U
#define EFI_HOB_TYPE_GUID_EXTENSION  0x0004U
#define EFI_HOB_TYPE_END_OF_HOB_LIST 0xffffU
typedef struct {
	uint16_t HobType;
	uint16_t HobLength;
	uint32_t Reserved;
} EFI_HOB_GENERIC_HEADER;
typedef struct {
	EFI_HOB_GENERIC_HEADER Header;
	uint32_t Version;
	uint32_t BootMode;
	uint64_t EfiMemoryTop;
	uint64_t EfiMemoryBottom;
	uint64_t EfiFreeMemoryTop;
	uint64_t EfiFreeMemoryBottom;
	uint64_t EfiEndOfHobList;
} EFI_HOB_HANDOFF_INFO_TABLE;
_Static_assert(sizeof(EFI_HOB_HANDOFF_INFO_TABLE) == 56, "EFI_HOB_HANDOFF_INFO_TABLE");

/* PI 1.8 vol 2 §10.7: opcodes of dependency expressions. */
enum {
	EFI_DEP_BEFORE,
	EFI_DEP_AFTER,
	EFI_DEP_PUSH,
	EFI_DEP_AND,
	EFI_DEP_OR,
	EFI_DEP_NOT,
	EFI_DEP_TRUE,
	EFI_DEP_FALSE,
	EFI_DEP_END,
	EFI_DEP_SOR,
};

/* PI 1.8 vol 3 §3.4.2: blocks of a firmware volume. */
#define EFI_FIRMWARE_VOLUME_BLOCK2_PROTOCOL_GUID                       \
	{                                                              \
		0x8f644fa9, 0xe850, 0x4db1,                            \
		{                                                      \
			0x9c, 0xe2, 0x0b, 0x44, 0x69, 0x8e, 0x8d, 0xa4 \
		}                                                      \
	}
/* Functions as addresses: they are a driver's, and called through its gate. */
typedef struct {
	uint64_t GetAttributes;
	uint64_t SetAttributes;
	uint64_t GetPhysicalAddress;
	uint64_t GetBlockSize;
	uint64_t Read;
	uint64_t Write;
	uint64_t EraseBlocks;
	EFI_HANDLE ParentHandle;
} EFI_FIRMWARE_VOLUME_BLOCK2_PROTOCOL;
_Static_assert(sizeof(EFI_FIRMWARE_VOLUME_BLOCK2_PROTOCOL) == 64, "FIRMWARE_VOLUME_BLOCK2");

/* PI 1.8 vol 4 §5.4, as its SMM name has it */
#define EFI_SMM_CONTROL2_PROTOCOL_GUID                                 \
	{                                                              \
		0x843dc720, 0xab1e, 0x42cb,                            \
		{                                                      \
			0x93, 0x57, 0x8a, 0x00, 0x78, 0xf3, 0x56, 0x1b \
		}                                                      \
	}
typedef struct {
	uint64_t Trigger;
	uint64_t Clear;
	UINTN MinimumTriggerPeriod;
} EFI_SMM_CONTROL2_PROTOCOL;
_Static_assert(sizeof(EFI_SMM_CONTROL2_PROTOCOL) == 24, "EFI_SMM_CONTROL2_PROTOCOL");

/* PI 1.8 vol 2 §14.2 */
#define EFI_STATUS_CODE_RUNTIME_PROTOCOL_GUID                          \
	{                                                              \
		0xd2b2b828, 0x0826, 0x48a7,                            \
		{                                                      \
			0xb3, 0xdf, 0x98, 0x3c, 0x00, 0x60, 0x24, 0xf0 \
		}                                                      \
	}
typedef struct {
	uint64_t ReportStatusCode;
} EFI_STATUS_CODE_PROTOCOL;
_Static_assert(sizeof(EFI_STATUS_CODE_PROTOCOL) == 8, "EFI_STATUS_CODE_PROTOCOL");
