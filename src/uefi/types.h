/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UEFI base types, status codes and variable constants, under the names of the
 * specification (UEFI 2.10 §2.3, §8.2, appendix D). 64-bit machines, little-endian, nothing
 * but definitions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define _Static_assert static_assert
#endif

typedef uint64_t EFI_STATUS;
typedef uint16_t CHAR16;

typedef struct {
	uint32_t Data1;
	uint16_t Data2;
	uint16_t Data3;
	uint8_t Data4[8];
} EFI_GUID;

typedef struct {
	uint16_t Year;
	uint8_t Month;
	uint8_t Day;
	uint8_t Hour;
	uint8_t Minute;
	uint8_t Second;
	uint8_t Pad1;
	uint32_t Nanosecond;
	int16_t TimeZone;
	uint8_t Daylight;
	uint8_t Pad2;
} EFI_TIME;
#define EFI_UNSPECIFIED_TIMEZONE 0x07ff /* TimeZone: local time */

_Static_assert(sizeof(EFI_GUID) == 16, "EFI_GUID");
_Static_assert(sizeof(EFI_TIME) == 16, "EFI_TIME");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "little-endian hosts only");
_Static_assert(sizeof(void *) == 8, "64-bit hosts only");

#define EFI_ERROR_BIT     0x8000000000000000ULL
#define EFI_ERROR(status) (((EFI_STATUS)(status)&EFI_ERROR_BIT) != 0)
#define EFIERR(n)         (EFI_ERROR_BIT | (n))

#define EFI_SUCCESS            0ULL
#define EFI_LOAD_ERROR         EFIERR(1)
#define EFI_INVALID_PARAMETER  EFIERR(2)
#define EFI_UNSUPPORTED        EFIERR(3)
#define EFI_BAD_BUFFER_SIZE    EFIERR(4)
#define EFI_BUFFER_TOO_SMALL   EFIERR(5)
#define EFI_NOT_READY          EFIERR(6)
#define EFI_DEVICE_ERROR       EFIERR(7)
#define EFI_WRITE_PROTECTED    EFIERR(8)
#define EFI_OUT_OF_RESOURCES   EFIERR(9)
#define EFI_VOLUME_CORRUPTED   EFIERR(10)
#define EFI_VOLUME_FULL        EFIERR(11)
#define EFI_NO_MEDIA           EFIERR(12)
#define EFI_NOT_FOUND          EFIERR(14)
#define EFI_ACCESS_DENIED      EFIERR(15)
#define EFI_NO_MAPPING         EFIERR(17)
#define EFI_TIMEOUT            EFIERR(18)
#define EFI_ALREADY_STARTED    EFIERR(20)
#define EFI_ABORTED            EFIERR(21)
#define EFI_SECURITY_VIOLATION EFIERR(26)

/* Variable attributes, UEFI 2.10 §8.2.1. */
#define EFI_VARIABLE_NON_VOLATILE                          0x00000001U
#define EFI_VARIABLE_BOOTSERVICE_ACCESS                    0x00000002U
#define EFI_VARIABLE_RUNTIME_ACCESS                        0x00000004U
#define EFI_VARIABLE_HARDWARE_ERROR_RECORD                 0x00000008U
#define EFI_VARIABLE_AUTHENTICATED_WRITE_ACCESS            0x00000010U
#define EFI_VARIABLE_TIME_BASED_AUTHENTICATED_WRITE_ACCESS 0x00000020U
#define EFI_VARIABLE_APPEND_WRITE                          0x00000040U

/* EFI_VARIABLE_AUTHENTICATION_2 up to CertData, UEFI 2.10 §8.2.6, §32.2.4. */
typedef struct {
	EFI_TIME TimeStamp;
	struct {
		uint32_t dwLength; /* from here to the end of the certificate */
		uint16_t wRevision;
		uint16_t wCertificateType;
		EFI_GUID CertType;
	} AuthInfo;
} EFI_VARIABLE_AUTHENTICATION_2_HEADER;
_Static_assert(sizeof(EFI_VARIABLE_AUTHENTICATION_2_HEADER) == 40,
	       "EFI_VARIABLE_AUTHENTICATION_2");
#define WIN_CERT_TYPE_EFI_GUID 0x0ef1U

/* EFI_SIGNATURE_LIST, UEFI 2.10 §32.4.1: this, SignatureHeaderSize bytes, then signatures
 * of SignatureSize bytes, each of which begins with its owner's GUID. */
typedef struct {
	EFI_GUID SignatureType;
	uint32_t SignatureListSize;
	uint32_t SignatureHeaderSize;
	uint32_t SignatureSize;
} EFI_SIGNATURE_LIST;
_Static_assert(sizeof(EFI_SIGNATURE_LIST) == 28, "EFI_SIGNATURE_LIST");
