/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Layouts of MM communicate messages: the header (PI 1.8 vol 4 §5.7), edk2's variable
 * service and its variable policy service. Offsets, not packed structs over a buffer: a
 * message is copied out field by field, so nothing is read twice.
 */
#pragma once

#include "types.h"

/* EFI_MM_COMMUNICATE_HEADER, version 1. */
typedef struct {
	EFI_GUID HeaderGuid;
	uint64_t MessageLength; /* bytes after this header */
} EFI_MM_COMMUNICATE_HEADER;
_Static_assert(sizeof(EFI_MM_COMMUNICATE_HEADER) == 24, "EFI_MM_COMMUNICATE_HEADER");

/* Largest communicate buffer, and what a variable message can carry in it. */
#define MM_BUFFER_MAX             65536U
#define MM_VARIABLE_PAYLOAD_MAX   (MM_BUFFER_MAX - 24U - 16U)
/* Name and data of one variable together: 65496 minus the fixed part of an access message.
 */
#define MM_VARIABLE_NAME_DATA_MAX (MM_VARIABLE_PAYLOAD_MAX - 36U)

/* First bytes of Data for the variable handler. */
typedef struct {
	uint64_t Function;
	EFI_STATUS ReturnStatus;
} SMM_VARIABLE_COMMUNICATE_HEADER;
_Static_assert(sizeof(SMM_VARIABLE_COMMUNICATE_HEADER) == 16,
	       "SMM_VARIABLE_COMMUNICATE_HEADER");

enum {
	SMM_VARIABLE_FUNCTION_GET_VARIABLE = 1,
	SMM_VARIABLE_FUNCTION_GET_NEXT_VARIABLE_NAME = 2,
	SMM_VARIABLE_FUNCTION_SET_VARIABLE = 3,
	SMM_VARIABLE_FUNCTION_QUERY_VARIABLE_INFO = 4,
	SMM_VARIABLE_FUNCTION_READY_TO_BOOT = 5,
	SMM_VARIABLE_FUNCTION_EXIT_BOOT_SERVICE = 6,
	SMM_VARIABLE_FUNCTION_GET_STATISTICS = 7,
	SMM_VARIABLE_FUNCTION_LOCK_VARIABLE = 8,
	SMM_VARIABLE_FUNCTION_VAR_CHECK_VARIABLE_PROPERTY_SET = 9,
	SMM_VARIABLE_FUNCTION_VAR_CHECK_VARIABLE_PROPERTY_GET = 10,
	SMM_VARIABLE_FUNCTION_GET_PAYLOAD_SIZE = 11,
	SMM_VARIABLE_FUNCTION_INIT_RUNTIME_VARIABLE_CACHE_CONTEXT = 12,
	SMM_VARIABLE_FUNCTION_SYNC_RUNTIME_CACHE = 13,
	SMM_VARIABLE_FUNCTION_GET_RUNTIME_CACHE_INFO = 14,
};

/* GET_VARIABLE and SET_VARIABLE. The name starts at offset 36, before the padding of this
 * struct. */
typedef struct {
	EFI_GUID Guid;
	uint64_t DataSize;
	uint64_t NameSize;
	uint32_t Attributes;
} SMM_VARIABLE_COMMUNICATE_ACCESS_VARIABLE;
#define SMM_ACCESS_VARIABLE_NAME 36U
_Static_assert(offsetof(SMM_VARIABLE_COMMUNICATE_ACCESS_VARIABLE, Attributes) == 32,
	       "access");

/* GET_NEXT_VARIABLE_NAME and LOCK_VARIABLE; the name starts at offset 24. */
typedef struct {
	EFI_GUID Guid;
	uint64_t NameSize;
} SMM_VARIABLE_COMMUNICATE_GET_NEXT_VARIABLE_NAME;
#define SMM_GET_NEXT_VARIABLE_NAME_NAME 24U
_Static_assert(sizeof(SMM_VARIABLE_COMMUNICATE_GET_NEXT_VARIABLE_NAME) == 24, "get next");

typedef struct {
	uint64_t MaximumVariableStorageSize;
	uint64_t RemainingVariableStorageSize;
	uint64_t MaximumVariableSize;
	uint32_t Attributes;
	uint32_t Padding;
} SMM_VARIABLE_COMMUNICATE_QUERY_VARIABLE_INFO;
_Static_assert(sizeof(SMM_VARIABLE_COMMUNICATE_QUERY_VARIABLE_INFO) == 32, "query");

/* VAR_CHECK_POLICY_COMM_HEADER, packed: Signature, Revision, Command u32; Result u64. */
#define VAR_CHECK_POLICY_COMM_SIG            0x43504356U /* 'VCPC' */
#define VAR_CHECK_POLICY_COMM_REVISION       1U
#define VAR_CHECK_POLICY_COMM_RESULT         12U
#define VAR_CHECK_POLICY_COMM_HEADER_SIZE    20U
#define VAR_CHECK_POLICY_MM_COMM_BUFFER_SIZE 16384U
enum {
	VAR_CHECK_POLICY_COMMAND_DISABLE = 1,
	VAR_CHECK_POLICY_COMMAND_IS_ENABLED,
	VAR_CHECK_POLICY_COMMAND_REGISTER,
	VAR_CHECK_POLICY_COMMAND_DUMP,
	VAR_CHECK_POLICY_COMMAND_LOCK,
	VAR_CHECK_POLICY_COMMAND_GET_INFO,
	VAR_CHECK_POLICY_COMMAND_GET_LOCK_VAR_STATE_INFO,
};

/* Then the lock policy, and the name. */
typedef struct {
	uint32_t Version;
	uint16_t Size;
	uint16_t OffsetToName;
	EFI_GUID Namespace;
	uint32_t MinSize;
	uint32_t MaxSize;
	uint32_t AttributesMustHave;
	uint32_t AttributesCantHave;
	uint8_t LockPolicyType;
	uint8_t Padding[3];
} VARIABLE_POLICY_ENTRY;
_Static_assert(sizeof(VARIABLE_POLICY_ENTRY) == 44, "VARIABLE_POLICY_ENTRY");
#define VARIABLE_POLICY_ENTRY_REVISION 0x00010000U
enum {
	VARIABLE_POLICY_TYPE_NO_LOCK,
	VARIABLE_POLICY_TYPE_LOCK_NOW,
	VARIABLE_POLICY_TYPE_LOCK_ON_CREATE,
	VARIABLE_POLICY_TYPE_LOCK_ON_VAR_STATE,
};
/* VARIABLE_LOCK_ON_VAR_STATE_POLICY, packed: Namespace GUID, Value u8, Padding u8; then the
 * name, with its NUL. */
#define VARIABLE_LOCK_ON_VAR_STATE_POLICY_SIZE 18U
