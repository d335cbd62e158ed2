/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names for people: rules, phases, statuses, and GUIDs that drivers look for. All from the
 * specifications (UEFI 2.10, PI 1.8), but for those that edk2 alone has.
 */
#include <string.h>

#include "base/guid.h"
#include "runtime/runtime.h"

static const char *const rules[RT_RULE_COUNT] = {
	[RT_NULL_POINTER] = "null-pointer",
	[RT_STACK_OVERFLOW] = "stack-overflow",
	[RT_WRITE_TO_CODE] = "write-to-code",
	[RT_EXECUTE_DATA] = "execute-data",
	[RT_USE_AFTER_FREE] = "use-after-free",
	[RT_HEAP_OVERFLOW] = "heap-overflow",
	[RT_HEAP_UNDERFLOW] = "heap-underflow",
	[RT_CALLER_BUFFER_OVERFLOW] = "caller-buffer-overflow",
	[RT_BOOT_MEMORY_AFTER_EXIT] = "boot-memory-after-exit",
	[RT_VIRTUAL_TOO_EARLY] = "virtual-too-early",
	[RT_UNCONVERTED_POINTER] = "unconverted-pointer",
	[RT_WILD_ACCESS] = "wild-access",
	[RT_BOOT_SERVICE_AFTER_EXIT] = "boot-service-after-exit",
	[RT_ALLOCATE_IN_EXIT_EVENT] = "allocate-in-exit-event",
	[RT_DOUBLE_CONVERSION] = "double-conversion",
	[RT_CONVERT_OUTSIDE_EVENT] = "convert-outside-event",
	[RT_CONVERT_FAILED] = "convert-failed",
	[RT_WRONG_MEMORY_TYPE] = "wrong-memory-type",
	[RT_DESCRIPTOR_SIZE] = "descriptor-size",
	[RT_STALE_MAP_KEY] = "stale-map-key",
	[RT_LEAKED_ON_FAILURE] = "leaked-on-failure",
	[RT_TPL_VIOLATION] = "tpl-violation",
	[RT_PRIVILEGED_INSTRUCTION] = "privileged-instruction",
	[RT_HANG] = "hang",
	[RT_UNMET_DEPENDENCY] = "unmet-dependency",
};

const char *runtime_rule_name(enum rt_rule rule)
{
	return (unsigned)rule < RT_RULE_COUNT ? rules[rule] : "unknown";
}

static const char *const phases[RT_PHASE_COUNT] = {
	[RT_PHASE_ENTRY] = "entry",
	[RT_PHASE_BOOT] = "boot",
	[RT_PHASE_READY_TO_BOOT] = "ready-to-boot",
	[RT_PHASE_EXIT] = "exit",
	[RT_PHASE_RUNTIME] = "runtime",
	[RT_PHASE_CONVERT] = "convert",
	[RT_PHASE_VIRTUAL] = "virtual",
};

const char *runtime_phase_name(enum rt_phase phase)
{
	return (unsigned)phase < RT_PHASE_COUNT ? phases[phase] : "unknown";
}

/* UEFI 2.10 appendix D: errors by number, those without a number in between are not
 * assigned. */
static const char *const errors[] = {
	[1] = "EFI_LOAD_ERROR",
	[2] = "EFI_INVALID_PARAMETER",
	[3] = "EFI_UNSUPPORTED",
	[4] = "EFI_BAD_BUFFER_SIZE",
	[5] = "EFI_BUFFER_TOO_SMALL",
	[6] = "EFI_NOT_READY",
	[7] = "EFI_DEVICE_ERROR",
	[8] = "EFI_WRITE_PROTECTED",
	[9] = "EFI_OUT_OF_RESOURCES",
	[10] = "EFI_VOLUME_CORRUPTED",
	[11] = "EFI_VOLUME_FULL",
	[12] = "EFI_NO_MEDIA",
	[13] = "EFI_MEDIA_CHANGED",
	[14] = "EFI_NOT_FOUND",
	[15] = "EFI_ACCESS_DENIED",
	[16] = "EFI_NO_RESPONSE",
	[17] = "EFI_NO_MAPPING",
	[18] = "EFI_TIMEOUT",
	[19] = "EFI_NOT_STARTED",
	[20] = "EFI_ALREADY_STARTED",
	[21] = "EFI_ABORTED",
	[22] = "EFI_ICMP_ERROR",
	[23] = "EFI_TFTP_ERROR",
	[24] = "EFI_PROTOCOL_ERROR",
	[25] = "EFI_INCOMPATIBLE_VERSION",
	[26] = "EFI_SECURITY_VIOLATION",
	[27] = "EFI_CRC_ERROR",
	[28] = "EFI_END_OF_MEDIA",
	[31] = "EFI_END_OF_FILE",
	[32] = "EFI_INVALID_LANGUAGE",
	[33] = "EFI_COMPROMISED_DATA",
	[34] = "EFI_IP_ADDRESS_CONFLICT",
	[35] = "EFI_HTTP_ERROR",
};

static const char *const warnings[] = {
	[0] = "EFI_SUCCESS",
	[1] = "EFI_WARN_UNKNOWN_GLYPH",
	[2] = "EFI_WARN_DELETE_FAILURE",
	[3] = "EFI_WARN_WRITE_FAILURE",
	[4] = "EFI_WARN_BUFFER_TOO_SMALL",
	[5] = "EFI_WARN_STALE_DATA",
	[6] = "EFI_WARN_FILE_SYSTEM",
	[7] = "EFI_WARN_RESET_REQUIRED",
};

const char *runtime_status_name(EFI_STATUS status)
{
	const EFI_STATUS n = status & ~EFI_ERROR_BIT;

	if (EFI_ERROR(status))
		return n < sizeof errors / sizeof *errors ? errors[n] : NULL;
	return n < sizeof warnings / sizeof *warnings ? warnings[n] : NULL;
}

/* UEFI 2.10 §4.4, in the table's order. */
/* clang-format off */
static const char *const boot_services[] = {
	"RaiseTPL", "RestoreTPL", "AllocatePages", "FreePages", "GetMemoryMap", "AllocatePool",
	"FreePool", "CreateEvent", "SetTimer", "WaitForEvent", "SignalEvent", "CloseEvent",
	"CheckEvent", "InstallProtocolInterface", "ReinstallProtocolInterface",
	"UninstallProtocolInterface", "HandleProtocol", NULL, "RegisterProtocolNotify",
	"LocateHandle", "LocateDevicePath", "InstallConfigurationTable", "LoadImage", "StartImage",
	"Exit", "UnloadImage", "ExitBootServices", "GetNextMonotonicCount", "Stall",
	"SetWatchdogTimer", "ConnectController", "DisconnectController", "OpenProtocol",
	"CloseProtocol", "OpenProtocolInformation", "ProtocolsPerHandle", "LocateHandleBuffer",
	"LocateProtocol", "InstallMultipleProtocolInterfaces",
	"UninstallMultipleProtocolInterfaces", "CalculateCrc32", "CopyMem", "SetMem",
	"CreateEventEx",
};
/* clang-format on */
_Static_assert(sizeof boot_services / sizeof *boot_services ==
		       (sizeof(EFI_BOOT_SERVICES) - sizeof(EFI_TABLE_HEADER)) / 8,
	       "boot services");

const char *runtime_boot_service_name(unsigned index)
{
	return index < sizeof boot_services / sizeof *boot_services ? boot_services[index]
								    : NULL;
}

/* In the order of their text. */
static const struct {
	const char *guid;
	const char *name;
} guids[] = {
	{"03583ff6-cb36-4940-947e-b9b39f4afaf7", "EFI_SMBIOS_PROTOCOL"},
	{"0379be4e-d706-437d-b037-edb82fb772a4", "EFI_DEVICE_PATH_UTILITIES_PROTOCOL"},
	{"05ad34ba-6f02-4214-952e-4da0398e2bb9", "DXE_SERVICES_TABLE"},
	{"05c99a21-c70f-4ad2-8a5f-35df3343f51e", "EFI_DEVICE_PATH_FROM_TEXT_PROTOCOL"},
	{"09576e91-6d3f-11d2-8e39-00a0c969723b", "EFI_DEVICE_PATH_PROTOCOL"},
	{"0fd96974-23aa-4cdc-b9cb-98d17750322a", "EFI_HII_STRING_PROTOCOL"},
	{"11b34006-d85b-4d0a-a290-d5a571310ef7", "PCD_PROTOCOL"},
	{"1259f60d-b754-468e-a789-4db85d55e87e", "EFI_SWAP_ADDRESS_RANGE_PROTOCOL"},
	{"13a3f0f6-264a-3ef0-f2e0-dec512342f34", "EFI_PCD_PROTOCOL"},
	{"18a031ab-b443-4d1a-a5c0-0c09261e9f71", "EFI_DRIVER_BINDING_PROTOCOL"},
	{"1da97072-bddc-4b30-99f1-72a0b56fff2a", "EFI_MONOTONIC_COUNTER_ARCH_PROTOCOL"},
	{"1e5668e2-8481-11d4-bcf1-0080c73c8881", "EFI_VARIABLE_ARCH_PROTOCOL"},
	{"220e73b6-6bdb-4413-8405-b974b108619a", "EFI_FIRMWARE_VOLUME2_PROTOCOL"},
	{"26baccb1-6f42-11d4-bce7-0080c73c8881", "EFI_CPU_ARCH_PROTOCOL"},
	{"26baccb2-6f42-11d4-bce7-0080c73c8881", "EFI_METRONOME_ARCH_PROTOCOL"},
	{"26baccb3-6f42-11d4-bce7-0080c73c8881", "EFI_TIMER_ARCH_PROTOCOL"},
	{"26eeb3de-b689-492e-80f0-be8bd7da4ba7", "EFI_MM_CONFIGURATION_PROTOCOL"},
	{"27cfac87-46cc-11d4-9a38-0090273fc14d", "EFI_REAL_TIME_CLOCK_ARCH_PROTOCOL"},
	{"27cfac88-46cc-11d4-9a38-0090273fc14d", "EFI_RESET_ARCH_PROTOCOL"},
	{"2b2f68d6-0cd2-44cf-8e8b-bba20b1b5b75", "EFI_USB_IO_PROTOCOL"},
	{"2f707ebb-4a1a-11d4-9a38-0090273fc14d", "EFI_PCI_ROOT_BRIDGE_IO_PROTOCOL"},
	{"30cfe3e7-3de1-4586-be20-deaba1b3b793", "EFI_PCI_ENUMERATION_COMPLETE_PROTOCOL"},
	{"3152bca5-eade-433d-862e-c01cdc291f44", "EFI_RNG_PROTOCOL"},
	{"378daedc-f06b-4446-8314-40ab933c87a3", "EFI_MM_COMMUNICATION2_PROTOCOL"},
	{"3868fc3b-7e45-43a7-906c-4ba47de1754d", "EFI_SMM_FAULT_TOLERANT_WRITE_PROTOCOL"},
	{"387477c1-69c7-11d2-8e39-00a0c969723b", "EFI_SIMPLE_TEXT_INPUT_PROTOCOL"},
	{"387477c2-69c7-11d2-8e39-00a0c969723b", "EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL"},
	{"3e745226-9818-45b6-a2ac-d7cd0e8ba2bc", "EFI_USB2_HC_PROTOCOL"},
	{"3ebd9e82-2c78-4de6-9786-8d4bfcb7c881", "EFI_FAULT_TOLERANT_WRITE_PROTOCOL"},
	{"3fdda605-a76e-4f46-ad29-12f4531b3d08", "EFI_MP_SERVICES_PROTOCOL"},
	{"4006c0c1-fcb3-403e-996d-4a6c8724e06d", "EFI_LOAD_FILE2_PROTOCOL"},
	{"47889fb2-d671-4fab-a0ca-df0e44df70d6", "EFI_PKCS7_VERIFY_PROTOCOL"},
	{"49152e77-1ada-4764-b7a2-7afefed95e8b", "EFI_DEBUG_IMAGE_INFO_TABLE"},
	{"4cf5b200-68b8-4ca5-9eec-b23e3f50029a", "EFI_PCI_IO_PROTOCOL"},
	{"4e939de9-d948-4b0f-88ed-e6e1ce517c1e", "EDKII_IOMMU_PROTOCOL"},
	{"5053697e-2cbc-4819-90d9-0580deee5754", "EFI_CAPSULE_ARCH_PROTOCOL"},
	{"55b1d734-c5e1-49db-9647-b16afb0e305b", "EFI_HASH2_PROTOCOL"},
	{"56ec3091-954c-11d2-8e3f-00a0c969723b", "EFI_LOAD_FILE_PROTOCOL"},
	{"587e72d7-cc50-4f79-8209-ca291fc1a10f", "EFI_HII_CONFIG_ROUTING_PROTOCOL"},
	{"5b1b31a1-9562-11d2-8e3f-00a0c969723b", "EFI_LOADED_IMAGE_PROTOCOL"},
	{"5be40f57-fa68-4610-bbbf-e9c5fcdad365", "GET_PCD_INFO_PROTOCOL"},
	{"607f766c-7455-42be-930b-e4d76db2720f", "EFI_TCG2_PROTOCOL"},
	{"60ff8964-e906-41d0-afed-f241e974e08e", "EFI_DXE_MM_READY_TO_LOCK_PROTOCOL"},
	{"6302d008-7f9b-4f30-87ac-60c9fef5da4e", "EFI_SHELL_PROTOCOL"},
	{"6441f818-6362-4e44-b570-7dba31dd2453", "EFI_VARIABLE_WRITE_ARCH_PROTOCOL"},
	{"665e3ff5-46cc-11d4-9a38-0090273fc14d", "EFI_WATCHDOG_TIMER_ARCH_PROTOCOL"},
	{"665e3ff6-46cc-11d4-9a38-0090273fc14d", "EFI_BDS_ARCH_PROTOCOL"},
	{"70101eaf-0085-440c-b356-8ee36fef24f0", "EFI_LEGACY_REGION2_PROTOCOL"},
	{"7739f24c-93d7-11d4-9a3a-0090273fc14d", "HOB_LIST"},
	{"81d1675c-86f6-48df-bd95-9a6e4f0925c3", "EDKII_VARIABLE_POLICY_PROTOCOL"},
	{"843dc720-ab1e-42cb-9357-8a0078f3561b", "EFI_MM_CONTROL_PROTOCOL"},
	{"86212936-0e76-41c8-a03a-2af2fc1c39e2", "EFI_RSC_HANDLER_PROTOCOL"},
	{"86c77a67-0b97-4633-a187-49104d0685c7", "EFI_FIRMWARE_MANAGEMENT_PROTOCOL"},
	{"8868e871-e4f1-11d3-bc22-0080c73c8881", "EFI_ACPI_20_TABLE"},
	{"8b843e20-8132-4852-90cc-551a4e4a7f1c", "EFI_DEVICE_PATH_TO_TEXT_PROTOCOL"},
	{"8f644fa9-e850-4db1-9ce2-0b44698e8da4", "EFI_FIRMWARE_VOLUME_BLOCK2_PROTOCOL"},
	{"9042a9de-23dc-4a38-96fb-7aded080516a", "EFI_GRAPHICS_OUTPUT_PROTOCOL"},
	{"93ba1826-dffb-45dd-82a7-e7dcaa3bbdf3", "SMM_VARIABLE_WRITE"},
	{"94ab2f58-1438-4ef1-9152-18941a3a0e68", "EFI_SECURITY2_ARCH_PROTOCOL"},
	{"964e5b21-6459-11d2-8e39-00a0c969723b", "EFI_BLOCK_IO_PROTOCOL"},
	{"964e5b22-6459-11d2-8e39-00a0c969723b", "EFI_SIMPLE_FILE_SYSTEM_PROTOCOL"},
	{"96751a3d-72f4-41a6-a794-ed5d0e67ae6b", "EFI_CC_MEASUREMENT_PROTOCOL"},
	{"9da34ae0-eaf9-4bbf-8ec3-fd60226c44be", "EFI_RESET_NOTIFICATION_PROTOCOL"},
	{"a19832b9-ac25-11d3-9a2d-0090273fc14d", "EFI_SIMPLE_NETWORK_PROTOCOL"},
	{"a46423e3-4617-49f1-b9ff-d1bfa9115839", "EFI_SECURITY_ARCH_PROTOCOL"},
	{"a4c751fc-23ae-4c3e-92e9-4964cf63f349", "EFI_UNICODE_COLLATION_PROTOCOL"},
	{"ad61f191-ae5f-4c0e-b9fa-e869d288c64f", "EFI_CPU_IO2_PROTOCOL"},
	{"af23b340-97b4-4685-8d4f-a3f28169b21d", "EDKII_VAR_CHECK_PROTOCOL"},
	{"afbfde41-2e6e-4262-ba65-62b9236e5495", "EFI_TIMESTAMP_PROTOCOL"},
	{"b122a263-3661-4f68-9929-78f8b0d62180", "EFI_SYSTEM_RESOURCE_TABLE"},
	{"b7dfb4e1-052f-449f-87be-9818fc91b733", "EFI_RUNTIME_ARCH_PROTOCOL"},
	{"b9d4c360-bcfb-4f9b-9298-53c136982258", "EFI_FORM_BROWSER2_PROTOCOL"},
	{"bb25cf6f-f1d4-11d2-9a0c-0090273fc1fd", "EFI_SERIAL_IO_PROTOCOL"},
	{"bc62157e-3e33-4fec-9920-2d3b36d750df", "EFI_LOADED_IMAGE_DEVICE_PATH_PROTOCOL"},
	{"bd445d79-b7ad-4f04-9ad8-29bd2040eb3c", "EFI_LOCK_BOX_PROTOCOL"},
	{"c2702b74-800c-4131-8746-8fb5b89ce4ac", "EFI_MM_ACCESS_PROTOCOL"},
	{"c68ed8e2-9dc6-4cbd-9d94-db65acc5c332", "EFI_MM_COMMUNICATION_PROTOCOL"},
	{"cd3d0a05-9e24-437c-a891-1ee053db7638", "EDKII_VARIABLE_LOCK_PROTOCOL"},
	{"ce345171-ba0b-11d2-8e4f-00a0c969723b", "EFI_DISK_IO_PROTOCOL"},
	{"d2b2b828-0826-48a7-b3df-983c006024f0", "EFI_STATUS_CODE_PROTOCOL"},
	{"d8117cfe-94a6-11d4-9a3a-0090273fc14d", "EFI_DECOMPRESS_PROTOCOL"},
	{"dcfa911d-26eb-469f-a220-38b7dc461220", "EFI_MEMORY_ATTRIBUTES_TABLE"},
	{"dd9e7534-7762-4698-8c14-f58517a625aa", "EFI_SIMPLE_TEXT_INPUT_EX_PROTOCOL"},
	{"e49d33ed-513d-4634-b698-6f55aa751c1b", "EFI_SMBUS_HC_PROTOCOL"},
	{"e857caf6-c046-45dc-be3f-ee0765fba887", "EFI_S3_SAVE_STATE_PROTOCOL"},
	{"e9ca4775-8657-47fc-97e7-7ed65a084324", "EFI_HII_FONT_PROTOCOL"},
	{"eb66918a-7eef-402a-842e-931d21c38ae9", "EFI_RT_PROPERTIES_TABLE"},
	{"eb97088e-cfdf-49c6-be4b-d906a5b20e86", "EFI_ACPI_SDT_PROTOCOL"},
	{"eb9d2d30-2d88-11d3-9a16-0090273fc14d", "ACPI_10_TABLE"},
	{"eb9d2d31-2d88-11d3-9a16-0090273fc14d", "SMBIOS_TABLE"},
	{"ed32d533-99e6-4209-9cc0-2d72cdd998a7", "EFI_SMM_VARIABLE_PROTOCOL"},
	{"ef9fc172-a1b2-4693-b327-6d32fc416042", "EFI_HII_DATABASE_PROTOCOL"},
	{"f2fd1544-9794-4a2c-992e-e5bbcf20e394", "SMBIOS3_TABLE"},
	{"f4560cf6-40ec-4b4a-a192-bf1d57d0b189", "EFI_MEMORY_ATTRIBUTE_PROTOCOL"},
	{"f4ccbfb7-f6e0-47fd-9dd4-10a8f150c191", "EFI_MM_BASE_PROTOCOL"},
	{"f541796d-a62e-4954-a775-9584f61b9cdd", "EFI_TCG_PROTOCOL"},
	{"f7234a14-0df2-46c0-ad28-90e6b883a72f", "EFI_MM_COMMUNICATION3_PROTOCOL"},
	{"fd0f4478-0efd-461d-ba2d-e58c45fd5f5e", "EFI_GET_PCD_INFO_PROTOCOL"},
	{"ffe06bdd-6107-46a6-7bb2-5a9c7ec5275c", "EFI_ACPI_TABLE_PROTOCOL"},
};

const char *runtime_guid_name(const EFI_GUID *guid)
{
	char text[GUID_TEXT_LEN + 1];

	guid_to_text(guid, text);
	for (size_t i = 0; i < sizeof guids / sizeof *guids; i++)
		if (strcmp(guids[i].guid, text) == 0)
			return guids[i].name;
	return NULL;
}
