/* SPDX-License-Identifier: BSD-2-Clause */
/* GUIDs as initialisers: `static const EFI_GUID g = EFI_GLOBAL_VARIABLE_GUID;`. */
#pragma once

#include "types.h"

/* Variable namespaces: UEFI 2.10 §3.3, §32.6.1, edk2's private bookkeeping. */
#define EFI_GLOBAL_VARIABLE_GUID                                       \
	{                                                              \
		0x8be4df61, 0x93ca, 0x11d2,                            \
		{                                                      \
			0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c \
		}                                                      \
	}
#define EFI_IMAGE_SECURITY_DATABASE_GUID                               \
	{                                                              \
		0xd719b2cb, 0x3d3a, 0x4596,                            \
		{                                                      \
			0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f \
		}                                                      \
	}
#define EFI_HARDWARE_ERROR_VARIABLE_GUID                               \
	{                                                              \
		0x414e6bdd, 0xe47b, 0x47cc,                            \
		{                                                      \
			0xb2, 0x44, 0xbb, 0x61, 0x02, 0x0c, 0xf5, 0x16 \
		}                                                      \
	}
/* TCG Platform Reset Attack Mitigation Specification 1.10 §4 */
#define EFI_MEMORY_OVERWRITE_CONTROL_DATA_GUID                         \
	{                                                              \
		0xe20939be, 0x32d4, 0x41be,                            \
		{                                                      \
			0xa1, 0x50, 0x89, 0x7f, 0x85, 0xd4, 0x98, 0x29 \
		}                                                      \
	}
#define EFI_MEMORY_OVERWRITE_REQUEST_CONTROL_LOCK_GUID                 \
	{                                                              \
		0xbb983ccf, 0x151d, 0x40e1,                            \
		{                                                      \
			0xa0, 0x7b, 0x4a, 0x17, 0xbe, 0x16, 0x82, 0x92 \
		}                                                      \
	}
#define EFI_SECURE_BOOT_ENABLE_DISABLE_GUID                            \
	{                                                              \
		0xf0a30bc7, 0xaf08, 0x4556,                            \
		{                                                      \
			0x99, 0xc4, 0x00, 0x10, 0x09, 0xc9, 0x3a, 0x44 \
		}                                                      \
	}
#define EFI_CUSTOM_MODE_ENABLE_GUID                                    \
	{                                                              \
		0xc076ec0c, 0x7028, 0x4399,                            \
		{                                                      \
			0xa0, 0x72, 0x71, 0xee, 0x5c, 0x44, 0x8b, 0x9f \
		}                                                      \
	}
#define EFI_VENDOR_KEYS_NV_GUID                                        \
	{                                                              \
		0x9073e4e0, 0x60ec, 0x4b6e,                            \
		{                                                      \
			0x99, 0x03, 0x4c, 0x22, 0x3c, 0x26, 0x0f, 0x3c \
		}                                                      \
	}
#define EFI_CERT_DB_GUID                                               \
	{                                                              \
		0xd9bee56e, 0x75dc, 0x49d9,                            \
		{                                                      \
			0xb4, 0xd7, 0xb5, 0x34, 0x21, 0x0f, 0x63, 0x7a \
		}                                                      \
	}

/* shim's variables: MokList, SbatLevel and their like. */
#define SHIM_LOCK_GUID                                                 \
	{                                                              \
		0x605dab50, 0xe046, 0x4300,                            \
		{                                                      \
			0xab, 0xb6, 0x3d, 0xd8, 0x10, 0xdd, 0x8b, 0x23 \
		}                                                      \
	}

/* Signature types, UEFI 2.10 §32.4.1. */
#define EFI_CERT_SHA1_GUID                                             \
	{                                                              \
		0x826ca512, 0xcf10, 0x4ac9,                            \
		{                                                      \
			0xb1, 0x87, 0xbe, 0x01, 0x49, 0x66, 0x31, 0xbd \
		}                                                      \
	}
#define EFI_CERT_SHA256_GUID                                           \
	{                                                              \
		0xc1c41626, 0x504c, 0x4092,                            \
		{                                                      \
			0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43, 0x28 \
		}                                                      \
	}
#define EFI_CERT_SHA384_GUID                                           \
	{                                                              \
		0xff3e5307, 0x9fd0, 0x48c9,                            \
		{                                                      \
			0x85, 0xf1, 0x8a, 0xd5, 0x6c, 0x70, 0x1e, 0x01 \
		}                                                      \
	}
#define EFI_CERT_SHA512_GUID                                           \
	{                                                              \
		0x093e0fae, 0xa6c4, 0x4f50,                            \
		{                                                      \
			0x9f, 0x1b, 0xd4, 0x1e, 0x2b, 0x89, 0xc1, 0x9a \
		}                                                      \
	}
#define EFI_CERT_RSA2048_GUID                                          \
	{                                                              \
		0x3c5766e8, 0x269c, 0x4e34,                            \
		{                                                      \
			0xaa, 0x14, 0xed, 0x77, 0x6e, 0x85, 0xb3, 0xb6 \
		}                                                      \
	}
#define EFI_CERT_X509_GUID                                             \
	{                                                              \
		0xa5c059a1, 0x94e4, 0x4aa7,                            \
		{                                                      \
			0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72 \
		}                                                      \
	}
#define EFI_CERT_SHA224_GUID                                           \
	{                                                              \
		0x0b6e5233, 0xa65c, 0x44c9,                            \
		{                                                      \
			0x94, 0x07, 0xd9, 0xab, 0x83, 0xbf, 0xc8, 0xbd \
		}                                                      \
	}
#define EFI_CERT_RSA2048_SHA256_GUID                                   \
	{                                                              \
		0xe2b36190, 0x879b, 0x4a3d,                            \
		{                                                      \
			0xad, 0x8d, 0xf2, 0xe7, 0xbb, 0xa3, 0x27, 0x84 \
		}                                                      \
	}
#define EFI_CERT_RSA2048_SHA1_GUID                                     \
	{                                                              \
		0x67f8444f, 0x8743, 0x48f1,                            \
		{                                                      \
			0xa3, 0x28, 0x1e, 0xaa, 0xb8, 0x73, 0x60, 0x80 \
		}                                                      \
	}
#define EFI_CERT_X509_SHA256_GUID                                      \
	{                                                              \
		0x3bd2a492, 0x96c0, 0x4079,                            \
		{                                                      \
			0xb4, 0x20, 0xfc, 0xf9, 0x8e, 0xf1, 0x03, 0xed \
		}                                                      \
	}
#define EFI_CERT_X509_SHA384_GUID                                      \
	{                                                              \
		0x7076876e, 0x80c2, 0x4ee6,                            \
		{                                                      \
			0xaa, 0xd2, 0x28, 0xb3, 0x49, 0xa6, 0x86, 0x5b \
		}                                                      \
	}
#define EFI_CERT_X509_SHA512_GUID                                      \
	{                                                              \
		0x446dbf63, 0x2502, 0x4cda,                            \
		{                                                      \
			0xbc, 0xfa, 0x24, 0x65, 0xd2, 0xb0, 0xfe, 0x9d \
		}                                                      \
	}

/* What a signature of an authenticated variable is (UEFI 2.10 §8.2.6). */
#define EFI_CERT_TYPE_PKCS7_GUID                                       \
	{                                                              \
		0x4aafd29d, 0x68df, 0x49ee,                            \
		{                                                      \
			0x8a, 0xa9, 0x34, 0x7d, 0x37, 0x56, 0x65, 0xa7 \
		}                                                      \
	}

/* MM communication: the header GUID selects the handler (PI 1.8 vol 4 §5.7). */
#define EFI_SMM_VARIABLE_PROTOCOL_GUID                                 \
	{                                                              \
		0xed32d533, 0x99e6, 0x4209,                            \
		{                                                      \
			0x9c, 0xc0, 0x2d, 0x72, 0xcd, 0xd9, 0x98, 0xa7 \
		}                                                      \
	}
#define VAR_CHECK_POLICY_LIB_MMI_HANDLER_GUID                          \
	{                                                              \
		0xda1b0d11, 0xd1a7, 0x46c4,                            \
		{                                                      \
			0x9d, 0xc9, 0xf3, 0x71, 0x48, 0x75, 0xc6, 0xeb \
		}                                                      \
	}
#define EFI_END_OF_DXE_EVENT_GROUP_GUID                                \
	{                                                              \
		0x02ce967a, 0xdd7e, 0x4ffc,                            \
		{                                                      \
			0x9e, 0xe7, 0x81, 0x0c, 0xf0, 0x47, 0x08, 0x80 \
		}                                                      \
	}
#define EFI_EVENT_GROUP_READY_TO_BOOT_GUID                             \
	{                                                              \
		0x7ce88fb3, 0x4bd7, 0x4679,                            \
		{                                                      \
			0x87, 0xa8, 0xa8, 0xd8, 0xde, 0xe5, 0x0d, 0x2b \
		}                                                      \
	}
#define EFI_EVENT_GROUP_EXIT_BOOT_SERVICES_GUID                        \
	{                                                              \
		0x27abf055, 0xb1b8, 0x4c26,                            \
		{                                                      \
			0x80, 0x48, 0x74, 0x8f, 0x37, 0xba, 0xa2, 0xdf \
		}                                                      \
	}

/* What runtime drivers look for or give (PI 1.8, edk2). */
#define EFI_MM_COMMUNICATION2_PROTOCOL_GUID                            \
	{                                                              \
		0x378daedc, 0xf06b, 0x4446,                            \
		{                                                      \
			0x83, 0x14, 0x40, 0xab, 0x93, 0x3c, 0x87, 0xa3 \
		}                                                      \
	}
#define SMM_VARIABLE_WRITE_GUID                                        \
	{                                                              \
		0x93ba1826, 0xdffb, 0x45dd,                            \
		{                                                      \
			0x82, 0xa7, 0xe7, 0xdc, 0xaa, 0x3b, 0xbd, 0xf3 \
		}                                                      \
	}
#define PCD_PROTOCOL_GUID                                              \
	{                                                              \
		0x11b34006, 0xd85b, 0x4d0a,                            \
		{                                                      \
			0xa2, 0x90, 0xd5, 0xa5, 0x71, 0x31, 0x0e, 0xf7 \
		}                                                      \
	}
#define EFI_PCD_PROTOCOL_GUID                                          \
	{                                                              \
		0x13a3f0f6, 0x264a, 0x3ef0,                            \
		{                                                      \
			0xf2, 0xe0, 0xde, 0xc5, 0x12, 0x34, 0x2f, 0x34 \
		}                                                      \
	}
#define EFI_VARIABLE_ARCH_PROTOCOL_GUID                                \
	{                                                              \
		0x1e5668e2, 0x8481, 0x11d4,                            \
		{                                                      \
			0xbc, 0xf1, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81 \
		}                                                      \
	}
#define EFI_VARIABLE_WRITE_ARCH_PROTOCOL_GUID                          \
	{                                                              \
		0x6441f818, 0x6362, 0x4e44,                            \
		{                                                      \
			0xb5, 0x70, 0x7d, 0xba, 0x31, 0xdd, 0x24, 0x53 \
		}                                                      \
	}
/* PI 1.8 vol 2 §10.3 */
#define EFI_APRIORI_GUID                                               \
	{                                                              \
		0xfc510ee7, 0xffdc, 0x11d4,                            \
		{                                                      \
			0xbd, 0x41, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81 \
		}                                                      \
	}

/* What a variable flash is made of. */
#define EFI_SYSTEM_NV_DATA_FV_GUID                                     \
	{                                                              \
		0xfff12b8d, 0x7696, 0x4c8b,                            \
		{                                                      \
			0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50 \
		}                                                      \
	}
#define EFI_AUTHENTICATED_VARIABLE_GUID                                \
	{                                                              \
		0xaaf32c78, 0x947b, 0x439a,                            \
		{                                                      \
			0xa1, 0x80, 0x2e, 0x14, 0x4e, 0xc3, 0x77, 0x92 \
		}                                                      \
	}
#define EDKII_WORKING_BLOCK_SIGNATURE_GUID                             \
	{                                                              \
		0x9e58292b, 0x7c68, 0x497d,                            \
		{                                                      \
			0xa0, 0xce, 0x65, 0x00, 0xfd, 0x9f, 0x1b, 0x95 \
		}                                                      \
	}

/* OVMF: what its first code learned of the machine; edk2: the head of a PCD data base. */
#define UEFI_OVMF_PKG_PLATFORM_INFO_GUID                               \
	{                                                              \
		0xdec9b486, 0x1f16, 0x47c7,                            \
		{                                                      \
			0x8f, 0x68, 0xdf, 0x1a, 0x41, 0x88, 0x8b, 0xa5 \
		}                                                      \
	}
#define PCD_DATABASE_SIGNATURE_GUID                                    \
	{                                                              \
		0x3c7d193c, 0x682c, 0x4c14,                            \
		{                                                      \
			0xa6, 0x8f, 0x55, 0x2d, 0xea, 0x4f, 0x43, 0x7e \
		}                                                      \
	}
