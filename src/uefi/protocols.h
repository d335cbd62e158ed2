/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Protocols that our applications call: files, firmware volumes, device paths and their
 * text, the shell's parameters (UEFI 2.10 §10, §13; PI 1.8 vol 3 §3.4; UEFI Shell 2.2
 * §2.4). Members that nobody here calls keep their places.
 */
#pragma once

#include "services.h"

/* UEFI 2.10 §10.2, §10.3: a path is a list of nodes, each a header and what its Length
 * adds. */
#define MEDIA_DEVICE_PATH              0x04U
#define MEDIA_FILEPATH_DP              0x04U /* CHAR16 PathName[] */
#define MEDIA_PIWG_FW_FILE_DP          0x06U /* EFI_GUID of a file in a firmware volume */
#define END_DEVICE_PATH_TYPE           0x7fU
#define END_ENTIRE_DEVICE_PATH_SUBTYPE 0xffU

/* §10.6.2 */
#define EFI_DEVICE_PATH_TO_TEXT_PROTOCOL_GUID                          \
	{                                                              \
		0x8b843e20, 0x8132, 0x4852,                            \
		{                                                      \
			0x90, 0xcc, 0x55, 0x1a, 0x4e, 0x4a, 0x7f, 0x1c \
		}                                                      \
	}
/* The text is the caller's to free. */
typedef struct {
	void *ConvertDeviceNodeToText;
	CHAR16 *(EFIAPI *ConvertDevicePathToText)(
		const EFI_DEVICE_PATH_PROTOCOL *DevicePath, BOOLEAN DisplayOnly,
		BOOLEAN AllowShortcuts);
} EFI_DEVICE_PATH_TO_TEXT_PROTOCOL;
_Static_assert(sizeof(EFI_DEVICE_PATH_TO_TEXT_PROTOCOL) == 16, "DEVICE_PATH_TO_TEXT");

/* §13.4, §13.5 */
#define EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID                           \
	{                                                              \
		0x964e5b22, 0x6459, 0x11d2,                            \
		{                                                      \
			0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b \
		}                                                      \
	}
#define EFI_FILE_MODE_READ   0x0000000000000001ULL
#define EFI_FILE_MODE_WRITE  0x0000000000000002ULL
#define EFI_FILE_MODE_CREATE 0x8000000000000000ULL

typedef struct EFI_FILE_PROTOCOL EFI_FILE_PROTOCOL;
struct EFI_FILE_PROTOCOL {
	uint64_t Revision;
	EFI_STATUS(EFIAPI *Open)
	(EFI_FILE_PROTOCOL *This, EFI_FILE_PROTOCOL **NewHandle, CHAR16 *FileName,
	 uint64_t OpenMode, uint64_t Attributes);
	EFI_STATUS(EFIAPI *Close)(EFI_FILE_PROTOCOL *This);
	EFI_STATUS(EFIAPI *Delete)(EFI_FILE_PROTOCOL *This);
	EFI_STATUS(EFIAPI *Read)(EFI_FILE_PROTOCOL *This, UINTN *BufferSize, void *Buffer);
	EFI_STATUS(EFIAPI *Write)(EFI_FILE_PROTOCOL *This, UINTN *BufferSize, void *Buffer);
	EFI_STATUS(EFIAPI *GetPosition)(EFI_FILE_PROTOCOL *This, uint64_t *Position);
	EFI_STATUS(EFIAPI *SetPosition)(EFI_FILE_PROTOCOL *This, uint64_t Position);
	void *GetInfo;
	void *SetInfo;
	EFI_STATUS(EFIAPI *Flush)(EFI_FILE_PROTOCOL *This);
};
_Static_assert(offsetof(EFI_FILE_PROTOCOL, Flush) == 80, "EFI_FILE_PROTOCOL");

typedef struct EFI_SIMPLE_FILE_SYSTEM_PROTOCOL EFI_SIMPLE_FILE_SYSTEM_PROTOCOL;
struct EFI_SIMPLE_FILE_SYSTEM_PROTOCOL {
	uint64_t Revision;
	EFI_STATUS(EFIAPI *OpenVolume)
	(EFI_SIMPLE_FILE_SYSTEM_PROTOCOL *This, EFI_FILE_PROTOCOL **Root);
};
_Static_assert(sizeof(EFI_SIMPLE_FILE_SYSTEM_PROTOCOL) == 16, "SIMPLE_FILE_SYSTEM");

/* PI 1.8 vol 3 §3.4.1 */
#define EFI_FIRMWARE_VOLUME2_PROTOCOL_GUID                             \
	{                                                              \
		0x220e73b6, 0x6bdb, 0x4413,                            \
		{                                                      \
			0x84, 0x05, 0xb9, 0x74, 0xb1, 0x08, 0x61, 0x9a \
		}                                                      \
	}
typedef struct EFI_FIRMWARE_VOLUME2_PROTOCOL EFI_FIRMWARE_VOLUME2_PROTOCOL;
struct EFI_FIRMWARE_VOLUME2_PROTOCOL {
	void *GetVolumeAttributes;
	void *SetVolumeAttributes;
	void *ReadFile;
	/* *Buffer NULL: it is allocated, and the caller's to free */
	EFI_STATUS(EFIAPI *ReadSection)
	(const EFI_FIRMWARE_VOLUME2_PROTOCOL *This, const EFI_GUID *NameGuid,
	 uint8_t SectionType, UINTN SectionInstance, void **Buffer, UINTN *BufferSize,
	 uint32_t *AuthenticationStatus);
	void *WriteFile;
	void *GetNextFile;
	uint32_t KeySize;
	EFI_HANDLE ParentHandle;
	void *GetInfo;
	void *SetInfo;
};
_Static_assert(sizeof(EFI_FIRMWARE_VOLUME2_PROTOCOL) == 80,
	       "EFI_FIRMWARE_VOLUME2_PROTOCOL");

/* UEFI Shell 2.2 §2.4 */
#define EFI_SHELL_PARAMETERS_PROTOCOL_GUID                             \
	{                                                              \
		0x752f3136, 0x4e16, 0x4fdc,                            \
		{                                                      \
			0xa2, 0x2a, 0xe5, 0xf4, 0x68, 0x12, 0xf4, 0xca \
		}                                                      \
	}
typedef struct {
	CHAR16 **Argv;
	UINTN Argc;
	void *StdIn;
	void *StdOut;
	void *StdErr;
} EFI_SHELL_PARAMETERS_PROTOCOL;
_Static_assert(sizeof(EFI_SHELL_PARAMETERS_PROTOCOL) == 40, "SHELL_PARAMETERS");
