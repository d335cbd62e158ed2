/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How edk2 keeps variables and their interrupted writes in flash. No specification has it.
 * Copied in and out by value.
 */
#pragma once

#include "uefi/types.h"

typedef struct {
	EFI_GUID Signature; /* which kind of header the variables have */
	uint32_t Size;      /* with this header */
	uint8_t Format, State;
	uint16_t Reserved;
	uint32_t Reserved1;
} VARIABLE_STORE_HEADER;
_Static_assert(sizeof(VARIABLE_STORE_HEADER) == 28, "VARIABLE_STORE_HEADER");
#define VARIABLE_STORE_FORMATTED 0x5aU
#define VARIABLE_STORE_HEALTHY   0xfeU

/* With EFI_AUTHENTICATED_VARIABLE_GUID. */
typedef struct __attribute__((packed)) {
	uint16_t StartId;
	uint8_t State, Reserved;
	uint32_t Attributes;
	uint64_t MonotonicCount;
	EFI_TIME TimeStamp;
	uint32_t PubKeyIndex;
	uint32_t NameSize, DataSize; /* bytes */
	EFI_GUID VendorGuid;
} AUTHENTICATED_VARIABLE_HEADER;
_Static_assert(sizeof(AUTHENTICATED_VARIABLE_HEADER) == 60,
	       "AUTHENTICATED_VARIABLE_HEADER");

/* With EFI_VARIABLE_GUID. */
typedef struct {
	uint16_t StartId;
	uint8_t State, Reserved;
	uint32_t Attributes;
	uint32_t NameSize, DataSize;
	EFI_GUID VendorGuid;
} VARIABLE_HEADER;
_Static_assert(sizeof(VARIABLE_HEADER) == 32, "VARIABLE_HEADER");

#define VARIABLE_DATA             0x55aaU /* StartId */
/* State: writing only clears bits. */
#define VAR_ERASED                0xffU /* the header is not whole */
#define VAR_ADDED                 0x3fU
#define VAR_IN_DELETED_TRANSITION 0xfeU /* these two are masks */
#define VAR_DELETED               0xfdU

#define EFI_VARIABLE_GUID                                              \
	{                                                              \
		0xddcf3616, 0x3275, 0x4164,                            \
		{                                                      \
			0x98, 0xb6, 0xfe, 0x85, 0x70, 0x7f, 0xfe, 0x7d \
		}                                                      \
	}

/* Fault-tolerant write: a queue of writes, each of which goes by way of a spare area. */
typedef struct {
	EFI_GUID Signature; /* EDKII_WORKING_BLOCK_SIGNATURE_GUID */
	uint32_t Crc;       /* of this header with Crc and State all ones */
	uint8_t State;      /* bit 0 clear: valid; bit 1 clear: no longer */
	uint8_t Reserved[3];
	uint64_t WriteQueueSize;
} EFI_FAULT_TOLERANT_WORKING_BLOCK_HEADER;
_Static_assert(sizeof(EFI_FAULT_TOLERANT_WORKING_BLOCK_HEADER) == 32,
	       "EFI_FAULT_TOLERANT_WORKING_BLOCK_HEADER");
#define FTW_BLOCK_STATE 3U
#define FTW_BLOCK_VALID 2U

/* State bits of both are clear when what they name has happened. */
typedef struct {
	uint8_t State;
	uint8_t Pad_[3];
	EFI_GUID CallerId;
	uint32_t Pad2_;
	uint64_t NumberOfWrites;  /* records that follow */
	uint64_t PrivateDataSize; /* behind each record */
} EFI_FAULT_TOLERANT_WRITE_HEADER;
_Static_assert(sizeof(EFI_FAULT_TOLERANT_WRITE_HEADER) == 40,
	       "EFI_FAULT_TOLERANT_WRITE_HEADER");
#define FTW_HEADER_ALLOCATED 1U
#define FTW_WRITES_ALLOCATED 2U
#define FTW_COMPLETE         4U

typedef struct {
	uint8_t State;
	uint8_t Pad_[7];
	uint64_t Lba, Offset, Length; /* of the target */
	int64_t RelativeOffset;
} EFI_FAULT_TOLERANT_WRITE_RECORD;
_Static_assert(sizeof(EFI_FAULT_TOLERANT_WRITE_RECORD) == 40,
	       "EFI_FAULT_TOLERANT_WRITE_RECORD");
#define FTW_SPARE_COMPLETE       2U
#define FTW_DESTINATION_COMPLETE 4U

/* A node of certdb: this, the name without its NUL, then what the variable is bound to. */
typedef struct __attribute__((packed)) {
	EFI_GUID VendorGuid;
	uint32_t CertNodeSize; /* of all three */
	uint32_t NameSize;     /* characters */
	uint32_t CertDataSize;
} AUTH_CERT_DB_DATA;
_Static_assert(sizeof(AUTH_CERT_DB_DATA) == 28, "AUTH_CERT_DB_DATA");
