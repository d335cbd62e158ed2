/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The UEFI system table, boot and runtime services (UEFI 2.10 §4, §7, §8), the DXE services
 * table (PI 1.8 vol 2 §7) and the few protocols that our programs use or our hosted runtime
 * gives, with the specification's names. 64-bit tables; prototypes and layouts, nothing
 * else.
 */
#pragma once

#include "types.h"

/* UEFI's calling convention (§2.3): Microsoft's on x86-64, the platform's own elsewhere. */
#if defined(__x86_64__)
#define EFIAPI __attribute__((ms_abi))
#else
#define EFIAPI
#endif

typedef uint64_t UINTN;
typedef int64_t INTN;
typedef uint8_t BOOLEAN;
typedef void *EFI_HANDLE;
typedef void *EFI_EVENT;
typedef UINTN EFI_TPL;
typedef uint64_t EFI_PHYSICAL_ADDRESS;
typedef uint64_t EFI_VIRTUAL_ADDRESS;

#define EFI_PAGE_SIZE 4096U

/* §4.2 */
typedef struct {
	uint64_t Signature;
	uint32_t Revision;
	uint32_t HeaderSize;
	uint32_t CRC32; /* over HeaderSize bytes with this field zero */
	uint32_t Reserved;
} EFI_TABLE_HEADER;
_Static_assert(sizeof(EFI_TABLE_HEADER) == 24, "EFI_TABLE_HEADER");

#define EFI_SYSTEM_TABLE_SIGNATURE     0x5453595320494249ULL
#define EFI_BOOT_SERVICES_SIGNATURE    0x56524553544f4f42ULL
#define EFI_RUNTIME_SERVICES_SIGNATURE 0x56524553544e5552ULL
#define EFI_2_10_REVISION              ((2U << 16) | 100U)

/* §7.1: events and task priorities. */
#define TPL_APPLICATION 4U
#define TPL_CALLBACK    8U
#define TPL_NOTIFY      16U
#define TPL_HIGH_LEVEL  31U

#define EVT_TIMER                         0x80000000U
#define EVT_RUNTIME                       0x40000000U
#define EVT_NOTIFY_WAIT                   0x00000100U
#define EVT_NOTIFY_SIGNAL                 0x00000200U
#define EVT_SIGNAL_EXIT_BOOT_SERVICES     0x00000201U
#define EVT_SIGNAL_VIRTUAL_ADDRESS_CHANGE 0x60000202U

#define EFI_EVENT_GROUP_VIRTUAL_ADDRESS_CHANGE_GUID                    \
	{                                                              \
		0x13fa7698, 0xc831, 0x49c7,                            \
		{                                                      \
			0x87, 0xea, 0x8f, 0x43, 0xfc, 0xc2, 0x51, 0x96 \
		}                                                      \
	}
#define EFI_EVENT_GROUP_BEFORE_EXIT_BOOT_SERVICES_GUID                 \
	{                                                              \
		0x8be0e274, 0x3970, 0x4b44,                            \
		{                                                      \
			0x80, 0xc5, 0x1a, 0xb9, 0x50, 0x2f, 0x3b, 0xfc \
		}                                                      \
	}
#define EFI_EVENT_GROUP_MEMORY_MAP_CHANGE_GUID                         \
	{                                                              \
		0x78bee926, 0x692f, 0x48fd,                            \
		{                                                      \
			0x9e, 0xdb, 0x01, 0x42, 0x2e, 0xf0, 0xd7, 0xab \
		}                                                      \
	}

typedef enum { TimerCancel, TimerPeriodic, TimerRelative } EFI_TIMER_DELAY;

/* §7.2: memory. */
typedef enum { AllocateAnyPages, AllocateMaxAddress, AllocateAddress } EFI_ALLOCATE_TYPE;

typedef enum {
	EfiReservedMemoryType,
	EfiLoaderCode,
	EfiLoaderData,
	EfiBootServicesCode,
	EfiBootServicesData,
	EfiRuntimeServicesCode,
	EfiRuntimeServicesData,
	EfiConventionalMemory,
	EfiUnusableMemory,
	EfiACPIReclaimMemory,
	EfiACPIMemoryNVS,
	EfiMemoryMappedIO,
	EfiMemoryMappedIOPortSpace,
	EfiPalCode,
	EfiPersistentMemory,
	EfiUnacceptedMemoryType,
	EfiMaxMemoryType,
} EFI_MEMORY_TYPE;

typedef struct {
	uint32_t Type;
	EFI_PHYSICAL_ADDRESS PhysicalStart;
	EFI_VIRTUAL_ADDRESS VirtualStart;
	uint64_t NumberOfPages;
	uint64_t Attribute;
} EFI_MEMORY_DESCRIPTOR;
_Static_assert(sizeof(EFI_MEMORY_DESCRIPTOR) == 40, "EFI_MEMORY_DESCRIPTOR");
#define EFI_MEMORY_DESCRIPTOR_VERSION 1U

#define EFI_MEMORY_UC            0x0000000000000001ULL
#define EFI_MEMORY_WC            0x0000000000000002ULL
#define EFI_MEMORY_WT            0x0000000000000004ULL
#define EFI_MEMORY_WB            0x0000000000000008ULL
#define EFI_MEMORY_UCE           0x0000000000000010ULL
#define EFI_MEMORY_WP            0x0000000000001000ULL
#define EFI_MEMORY_RP            0x0000000000002000ULL
#define EFI_MEMORY_XP            0x0000000000004000ULL
#define EFI_MEMORY_NV            0x0000000000008000ULL
#define EFI_MEMORY_MORE_RELIABLE 0x0000000000010000ULL
#define EFI_MEMORY_RO            0x0000000000020000ULL
#define EFI_MEMORY_SP            0x0000000000040000ULL
#define EFI_MEMORY_CPU_CRYPTO    0x0000000000080000ULL
#define EFI_MEMORY_HOT_PLUGGABLE 0x0000000000100000ULL
#define EFI_MEMORY_RUNTIME       0x8000000000000000ULL

/* §4.6.4: what an operating system may forbid on runtime pages. */
#define EFI_MEMORY_ATTRIBUTES_TABLE_GUID                               \
	{                                                              \
		0xdcfa911d, 0x26eb, 0x469f,                            \
		{                                                      \
			0xa2, 0x20, 0x38, 0xb7, 0xdc, 0x46, 0x12, 0x20 \
		}                                                      \
	}
typedef struct {
	uint32_t Version;
	uint32_t NumberOfEntries;
	uint32_t DescriptorSize;
	uint32_t Flags;
	/* NumberOfEntries descriptors, DescriptorSize apart */
} EFI_MEMORY_ATTRIBUTES_TABLE;
_Static_assert(sizeof(EFI_MEMORY_ATTRIBUTES_TABLE) == 16, "EFI_MEMORY_ATTRIBUTES_TABLE");

/* §7.3 to §7.5: the other argument types. */
typedef enum { EFI_NATIVE_INTERFACE } EFI_INTERFACE_TYPE;
typedef enum { AllHandles, ByRegisterNotify, ByProtocol } EFI_LOCATE_SEARCH_TYPE;
typedef enum {
	EfiResetCold,
	EfiResetWarm,
	EfiResetShutdown,
	EfiResetPlatformSpecific,
} EFI_RESET_TYPE;

#define EFI_OPEN_PROTOCOL_BY_HANDLE_PROTOCOL 0x00000001U
#define EFI_OPEN_PROTOCOL_GET_PROTOCOL       0x00000002U
#define EFI_OPEN_PROTOCOL_TEST_PROTOCOL      0x00000004U

#define EFI_OPTIONAL_PTR \
	0x00000001U /* DebugDisposition of ConvertPointer: NULL is allowed */

typedef struct {
	EFI_HANDLE AgentHandle;
	EFI_HANDLE ControllerHandle;
	uint32_t Attributes;
	uint32_t OpenCount;
} EFI_OPEN_PROTOCOL_INFORMATION_ENTRY;

typedef struct {
	uint32_t Resolution;
	uint32_t Accuracy;
	BOOLEAN SetsToZero;
} EFI_TIME_CAPABILITIES;

typedef struct {
	EFI_GUID CapsuleGuid;
	uint32_t HeaderSize;
	uint32_t Flags;
	uint32_t CapsuleImageSize;
} EFI_CAPSULE_HEADER;

#define EFI_DEVICE_PATH_PROTOCOL_GUID                                  \
	{                                                              \
		0x09576e91, 0x6d3f, 0x11d2,                            \
		{                                                      \
			0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b \
		}                                                      \
	}
typedef struct EFI_DEVICE_PATH_PROTOCOL {
	uint8_t Type;
	uint8_t SubType;
	uint8_t Length[2];
} EFI_DEVICE_PATH_PROTOCOL;

typedef void(EFIAPI *EFI_EVENT_NOTIFY)(EFI_EVENT Event, void *Context);

typedef EFI_TPL(EFIAPI *EFI_RAISE_TPL)(EFI_TPL NewTpl);
typedef void(EFIAPI *EFI_RESTORE_TPL)(EFI_TPL OldTpl);
typedef EFI_STATUS(EFIAPI *EFI_ALLOCATE_PAGES)(EFI_ALLOCATE_TYPE Type,
					       EFI_MEMORY_TYPE MemoryType, UINTN Pages,
					       EFI_PHYSICAL_ADDRESS *Memory);
typedef EFI_STATUS(EFIAPI *EFI_FREE_PAGES)(EFI_PHYSICAL_ADDRESS Memory, UINTN Pages);
typedef EFI_STATUS(EFIAPI *EFI_GET_MEMORY_MAP)(UINTN *MemoryMapSize,
					       EFI_MEMORY_DESCRIPTOR *MemoryMap,
					       UINTN *MapKey, UINTN *DescriptorSize,
					       uint32_t *DescriptorVersion);
typedef EFI_STATUS(EFIAPI *EFI_ALLOCATE_POOL)(EFI_MEMORY_TYPE PoolType, UINTN Size,
					      void **Buffer);
typedef EFI_STATUS(EFIAPI *EFI_FREE_POOL)(void *Buffer);
typedef EFI_STATUS(EFIAPI *EFI_CREATE_EVENT)(uint32_t Type, EFI_TPL NotifyTpl,
					     EFI_EVENT_NOTIFY NotifyFunction,
					     void *NotifyContext, EFI_EVENT *Event);
typedef EFI_STATUS(EFIAPI *EFI_SET_TIMER)(EFI_EVENT Event, EFI_TIMER_DELAY Type,
					  uint64_t TriggerTime);
typedef EFI_STATUS(EFIAPI *EFI_WAIT_FOR_EVENT)(UINTN NumberOfEvents, EFI_EVENT *Event,
					       UINTN *Index);
typedef EFI_STATUS(EFIAPI *EFI_SIGNAL_EVENT)(EFI_EVENT Event);
typedef EFI_STATUS(EFIAPI *EFI_CLOSE_EVENT)(EFI_EVENT Event);
typedef EFI_STATUS(EFIAPI *EFI_CHECK_EVENT)(EFI_EVENT Event);
typedef EFI_STATUS(EFIAPI *EFI_INSTALL_PROTOCOL_INTERFACE)(EFI_HANDLE *Handle,
							   const EFI_GUID *Protocol,
							   EFI_INTERFACE_TYPE InterfaceType,
							   void *Interface);
typedef EFI_STATUS(EFIAPI *EFI_REINSTALL_PROTOCOL_INTERFACE)(EFI_HANDLE Handle,
							     const EFI_GUID *Protocol,
							     void *OldInterface,
							     void *NewInterface);
typedef EFI_STATUS(EFIAPI *EFI_UNINSTALL_PROTOCOL_INTERFACE)(EFI_HANDLE Handle,
							     const EFI_GUID *Protocol,
							     void *Interface);
typedef EFI_STATUS(EFIAPI *EFI_HANDLE_PROTOCOL)(EFI_HANDLE Handle, const EFI_GUID *Protocol,
						void **Interface);
typedef EFI_STATUS(EFIAPI *EFI_REGISTER_PROTOCOL_NOTIFY)(const EFI_GUID *Protocol,
							 EFI_EVENT Event,
							 void **Registration);
typedef EFI_STATUS(EFIAPI *EFI_LOCATE_HANDLE)(EFI_LOCATE_SEARCH_TYPE SearchType,
					      const EFI_GUID *Protocol, void *SearchKey,
					      UINTN *BufferSize, EFI_HANDLE *Buffer);
typedef EFI_STATUS(EFIAPI *EFI_LOCATE_DEVICE_PATH)(const EFI_GUID *Protocol,
						   EFI_DEVICE_PATH_PROTOCOL **DevicePath,
						   EFI_HANDLE *Device);
typedef EFI_STATUS(EFIAPI *EFI_INSTALL_CONFIGURATION_TABLE)(const EFI_GUID *Guid,
							    void *Table);
typedef EFI_STATUS(EFIAPI *EFI_IMAGE_LOAD)(BOOLEAN BootPolicy, EFI_HANDLE ParentImageHandle,
					   EFI_DEVICE_PATH_PROTOCOL *DevicePath,
					   void *SourceBuffer, UINTN SourceSize,
					   EFI_HANDLE *ImageHandle);
typedef EFI_STATUS(EFIAPI *EFI_IMAGE_START)(EFI_HANDLE ImageHandle, UINTN *ExitDataSize,
					    CHAR16 **ExitData);
typedef EFI_STATUS(EFIAPI *EFI_EXIT)(EFI_HANDLE ImageHandle, EFI_STATUS ExitStatus,
				     UINTN ExitDataSize, CHAR16 *ExitData);
typedef EFI_STATUS(EFIAPI *EFI_IMAGE_UNLOAD)(EFI_HANDLE ImageHandle);
typedef EFI_STATUS(EFIAPI *EFI_EXIT_BOOT_SERVICES)(EFI_HANDLE ImageHandle, UINTN MapKey);
typedef EFI_STATUS(EFIAPI *EFI_GET_NEXT_MONOTONIC_COUNT)(uint64_t *Count);
typedef EFI_STATUS(EFIAPI *EFI_STALL)(UINTN Microseconds);
typedef EFI_STATUS(EFIAPI *EFI_SET_WATCHDOG_TIMER)(UINTN Timeout, uint64_t WatchdogCode,
						   UINTN DataSize, CHAR16 *WatchdogData);
typedef EFI_STATUS(EFIAPI *EFI_CONNECT_CONTROLLER)(
	EFI_HANDLE ControllerHandle, EFI_HANDLE *DriverImageHandle,
	EFI_DEVICE_PATH_PROTOCOL *RemainingDevicePath, BOOLEAN Recursive);
typedef EFI_STATUS(EFIAPI *EFI_DISCONNECT_CONTROLLER)(EFI_HANDLE ControllerHandle,
						      EFI_HANDLE DriverImageHandle,
						      EFI_HANDLE ChildHandle);
typedef EFI_STATUS(EFIAPI *EFI_OPEN_PROTOCOL)(EFI_HANDLE Handle, const EFI_GUID *Protocol,
					      void **Interface, EFI_HANDLE AgentHandle,
					      EFI_HANDLE ControllerHandle,
					      uint32_t Attributes);
typedef EFI_STATUS(EFIAPI *EFI_CLOSE_PROTOCOL)(EFI_HANDLE Handle, const EFI_GUID *Protocol,
					       EFI_HANDLE AgentHandle,
					       EFI_HANDLE ControllerHandle);
typedef EFI_STATUS(EFIAPI *EFI_OPEN_PROTOCOL_INFORMATION)(
	EFI_HANDLE Handle, const EFI_GUID *Protocol,
	EFI_OPEN_PROTOCOL_INFORMATION_ENTRY **EntryBuffer, UINTN *EntryCount);
typedef EFI_STATUS(EFIAPI *EFI_PROTOCOLS_PER_HANDLE)(EFI_HANDLE Handle,
						     EFI_GUID ***ProtocolBuffer,
						     UINTN *ProtocolBufferCount);
typedef EFI_STATUS(EFIAPI *EFI_LOCATE_HANDLE_BUFFER)(EFI_LOCATE_SEARCH_TYPE SearchType,
						     const EFI_GUID *Protocol,
						     void *SearchKey, UINTN *NoHandles,
						     EFI_HANDLE **Buffer);
typedef EFI_STATUS(EFIAPI *EFI_LOCATE_PROTOCOL)(const EFI_GUID *Protocol,
						void *Registration, void **Interface);
typedef EFI_STATUS(EFIAPI *EFI_INSTALL_MULTIPLE_PROTOCOL_INTERFACES)(EFI_HANDLE *Handle,
								     ...);
typedef EFI_STATUS(EFIAPI *EFI_UNINSTALL_MULTIPLE_PROTOCOL_INTERFACES)(EFI_HANDLE Handle,
								       ...);
typedef EFI_STATUS(EFIAPI *EFI_CALCULATE_CRC32)(void *Data, UINTN DataSize,
						uint32_t *Crc32);
typedef void(EFIAPI *EFI_COPY_MEM)(void *Destination, void *Source, UINTN Length);
typedef void(EFIAPI *EFI_SET_MEM)(void *Buffer, UINTN Size, uint8_t Value);
typedef EFI_STATUS(EFIAPI *EFI_CREATE_EVENT_EX)(uint32_t Type, EFI_TPL NotifyTpl,
						EFI_EVENT_NOTIFY NotifyFunction,
						const void *NotifyContext,
						const EFI_GUID *EventGroup,
						EFI_EVENT *Event);

/* §4.4 */
typedef struct {
	EFI_TABLE_HEADER Hdr;
	EFI_RAISE_TPL RaiseTPL;
	EFI_RESTORE_TPL RestoreTPL;
	EFI_ALLOCATE_PAGES AllocatePages;
	EFI_FREE_PAGES FreePages;
	EFI_GET_MEMORY_MAP GetMemoryMap;
	EFI_ALLOCATE_POOL AllocatePool;
	EFI_FREE_POOL FreePool;
	EFI_CREATE_EVENT CreateEvent;
	EFI_SET_TIMER SetTimer;
	EFI_WAIT_FOR_EVENT WaitForEvent;
	EFI_SIGNAL_EVENT SignalEvent;
	EFI_CLOSE_EVENT CloseEvent;
	EFI_CHECK_EVENT CheckEvent;
	EFI_INSTALL_PROTOCOL_INTERFACE InstallProtocolInterface;
	EFI_REINSTALL_PROTOCOL_INTERFACE ReinstallProtocolInterface;
	EFI_UNINSTALL_PROTOCOL_INTERFACE UninstallProtocolInterface;
	EFI_HANDLE_PROTOCOL HandleProtocol;
	void *Reserved;
	EFI_REGISTER_PROTOCOL_NOTIFY RegisterProtocolNotify;
	EFI_LOCATE_HANDLE LocateHandle;
	EFI_LOCATE_DEVICE_PATH LocateDevicePath;
	EFI_INSTALL_CONFIGURATION_TABLE InstallConfigurationTable;
	EFI_IMAGE_LOAD LoadImage;
	EFI_IMAGE_START StartImage;
	EFI_EXIT Exit;
	EFI_IMAGE_UNLOAD UnloadImage;
	EFI_EXIT_BOOT_SERVICES ExitBootServices;
	EFI_GET_NEXT_MONOTONIC_COUNT GetNextMonotonicCount;
	EFI_STALL Stall;
	EFI_SET_WATCHDOG_TIMER SetWatchdogTimer;
	EFI_CONNECT_CONTROLLER ConnectController;
	EFI_DISCONNECT_CONTROLLER DisconnectController;
	EFI_OPEN_PROTOCOL OpenProtocol;
	EFI_CLOSE_PROTOCOL CloseProtocol;
	EFI_OPEN_PROTOCOL_INFORMATION OpenProtocolInformation;
	EFI_PROTOCOLS_PER_HANDLE ProtocolsPerHandle;
	EFI_LOCATE_HANDLE_BUFFER LocateHandleBuffer;
	EFI_LOCATE_PROTOCOL LocateProtocol;
	EFI_INSTALL_MULTIPLE_PROTOCOL_INTERFACES InstallMultipleProtocolInterfaces;
	EFI_UNINSTALL_MULTIPLE_PROTOCOL_INTERFACES UninstallMultipleProtocolInterfaces;
	EFI_CALCULATE_CRC32 CalculateCrc32;
	EFI_COPY_MEM CopyMem;
	EFI_SET_MEM SetMem;
	EFI_CREATE_EVENT_EX CreateEventEx;
} EFI_BOOT_SERVICES;
_Static_assert(offsetof(EFI_BOOT_SERVICES, CreateEvent) == 80, "EFI_BOOT_SERVICES");
_Static_assert(offsetof(EFI_BOOT_SERVICES, HandleProtocol) == 152, "EFI_BOOT_SERVICES");
_Static_assert(offsetof(EFI_BOOT_SERVICES, ExitBootServices) == 232, "EFI_BOOT_SERVICES");
_Static_assert(offsetof(EFI_BOOT_SERVICES, LocateProtocol) == 320, "EFI_BOOT_SERVICES");
_Static_assert(sizeof(EFI_BOOT_SERVICES) == 376, "EFI_BOOT_SERVICES");

typedef EFI_STATUS(EFIAPI *EFI_GET_TIME)(EFI_TIME *Time,
					 EFI_TIME_CAPABILITIES *Capabilities);
typedef EFI_STATUS(EFIAPI *EFI_SET_TIME)(EFI_TIME *Time);
typedef EFI_STATUS(EFIAPI *EFI_GET_WAKEUP_TIME)(BOOLEAN *Enabled, BOOLEAN *Pending,
						EFI_TIME *Time);
typedef EFI_STATUS(EFIAPI *EFI_SET_WAKEUP_TIME)(BOOLEAN Enable, EFI_TIME *Time);
typedef EFI_STATUS(EFIAPI *EFI_SET_VIRTUAL_ADDRESS_MAP)(UINTN MemoryMapSize,
							UINTN DescriptorSize,
							uint32_t DescriptorVersion,
							EFI_MEMORY_DESCRIPTOR *VirtualMap);
typedef EFI_STATUS(EFIAPI *EFI_CONVERT_POINTER)(UINTN DebugDisposition, void **Address);
typedef EFI_STATUS(EFIAPI *EFI_GET_VARIABLE)(CHAR16 *VariableName, EFI_GUID *VendorGuid,
					     uint32_t *Attributes, UINTN *DataSize,
					     void *Data);
typedef EFI_STATUS(EFIAPI *EFI_GET_NEXT_VARIABLE_NAME)(UINTN *VariableNameSize,
						       CHAR16 *VariableName,
						       EFI_GUID *VendorGuid);
typedef EFI_STATUS(EFIAPI *EFI_SET_VARIABLE)(CHAR16 *VariableName, EFI_GUID *VendorGuid,
					     uint32_t Attributes, UINTN DataSize,
					     void *Data);
typedef EFI_STATUS(EFIAPI *EFI_GET_NEXT_HIGH_MONO_COUNT)(uint32_t *HighCount);
typedef void(EFIAPI *EFI_RESET_SYSTEM)(EFI_RESET_TYPE ResetType, EFI_STATUS ResetStatus,
				       UINTN DataSize, void *ResetData);
typedef EFI_STATUS(EFIAPI *EFI_UPDATE_CAPSULE)(EFI_CAPSULE_HEADER **CapsuleHeaderArray,
					       UINTN CapsuleCount,
					       EFI_PHYSICAL_ADDRESS ScatterGatherList);
typedef EFI_STATUS(EFIAPI *EFI_QUERY_CAPSULE_CAPABILITIES)(
	EFI_CAPSULE_HEADER **CapsuleHeaderArray, UINTN CapsuleCount,
	uint64_t *MaximumCapsuleSize, EFI_RESET_TYPE *ResetType);
typedef EFI_STATUS(EFIAPI *EFI_QUERY_VARIABLE_INFO)(uint32_t Attributes,
						    uint64_t *MaximumVariableStorageSize,
						    uint64_t *RemainingVariableStorageSize,
						    uint64_t *MaximumVariableSize);

/* §4.5 */
typedef struct {
	EFI_TABLE_HEADER Hdr;
	EFI_GET_TIME GetTime;
	EFI_SET_TIME SetTime;
	EFI_GET_WAKEUP_TIME GetWakeupTime;
	EFI_SET_WAKEUP_TIME SetWakeupTime;
	EFI_SET_VIRTUAL_ADDRESS_MAP SetVirtualAddressMap;
	EFI_CONVERT_POINTER ConvertPointer;
	EFI_GET_VARIABLE GetVariable;
	EFI_GET_NEXT_VARIABLE_NAME GetNextVariableName;
	EFI_SET_VARIABLE SetVariable;
	EFI_GET_NEXT_HIGH_MONO_COUNT GetNextHighMonotonicCount;
	EFI_RESET_SYSTEM ResetSystem;
	EFI_UPDATE_CAPSULE UpdateCapsule;
	EFI_QUERY_CAPSULE_CAPABILITIES QueryCapsuleCapabilities;
	EFI_QUERY_VARIABLE_INFO QueryVariableInfo;
} EFI_RUNTIME_SERVICES;
_Static_assert(offsetof(EFI_RUNTIME_SERVICES, GetVariable) == 72, "EFI_RUNTIME_SERVICES");
_Static_assert(sizeof(EFI_RUNTIME_SERVICES) == 136, "EFI_RUNTIME_SERVICES");

/* §12.4 */
typedef struct EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL;
struct EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL {
	EFI_STATUS(EFIAPI *Reset)(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *This, BOOLEAN Extended);
	EFI_STATUS(EFIAPI *OutputString)
	(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *This, CHAR16 *String);
	EFI_STATUS(EFIAPI *TestString)
	(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *This, CHAR16 *String);
	EFI_STATUS(EFIAPI *QueryMode)
	(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *This, UINTN ModeNumber, UINTN *Columns,
	 UINTN *Rows);
	EFI_STATUS(EFIAPI *SetMode)
	(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *This, UINTN ModeNumber);
	EFI_STATUS(EFIAPI *SetAttribute)
	(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *This, UINTN Attribute);
	EFI_STATUS(EFIAPI *ClearScreen)(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *This);
	EFI_STATUS(EFIAPI *SetCursorPosition)
	(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *This, UINTN Column, UINTN Row);
	EFI_STATUS(EFIAPI *EnableCursor)
	(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *This, BOOLEAN Visible);
	void *Mode;
};
_Static_assert(sizeof(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL) == 80, "SIMPLE_TEXT_OUTPUT");

/* §4.3 */
typedef struct {
	EFI_GUID VendorGuid;
	void *VendorTable;
} EFI_CONFIGURATION_TABLE;
_Static_assert(sizeof(EFI_CONFIGURATION_TABLE) == 24, "EFI_CONFIGURATION_TABLE");

typedef struct {
	EFI_TABLE_HEADER Hdr;
	CHAR16 *FirmwareVendor;
	uint32_t FirmwareRevision;
	EFI_HANDLE ConsoleInHandle;
	void *ConIn;
	EFI_HANDLE ConsoleOutHandle;
	EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *ConOut;
	EFI_HANDLE StandardErrorHandle;
	EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *StdErr;
	EFI_RUNTIME_SERVICES *RuntimeServices;
	EFI_BOOT_SERVICES *BootServices;
	UINTN NumberOfTableEntries;
	EFI_CONFIGURATION_TABLE *ConfigurationTable;
} EFI_SYSTEM_TABLE;
_Static_assert(offsetof(EFI_SYSTEM_TABLE, RuntimeServices) == 88, "EFI_SYSTEM_TABLE");
_Static_assert(sizeof(EFI_SYSTEM_TABLE) == 120, "EFI_SYSTEM_TABLE");

/* §9.1 */
#define EFI_LOADED_IMAGE_PROTOCOL_GUID                                 \
	{                                                              \
		0x5b1b31a1, 0x9562, 0x11d2,                            \
		{                                                      \
			0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b \
		}                                                      \
	}
#define EFI_LOADED_IMAGE_PROTOCOL_REVISION 0x1000U
typedef struct {
	uint32_t Revision;
	EFI_HANDLE ParentHandle;
	EFI_SYSTEM_TABLE *SystemTable;
	EFI_HANDLE DeviceHandle;
	EFI_DEVICE_PATH_PROTOCOL *FilePath;
	void *Reserved;
	uint32_t LoadOptionsSize;
	void *LoadOptions;
	void *ImageBase;
	uint64_t ImageSize;
	EFI_MEMORY_TYPE ImageCodeType;
	EFI_MEMORY_TYPE ImageDataType;
	EFI_IMAGE_UNLOAD Unload;
} EFI_LOADED_IMAGE_PROTOCOL;
_Static_assert(offsetof(EFI_LOADED_IMAGE_PROTOCOL, ImageBase) == 64, "LOADED_IMAGE");
_Static_assert(sizeof(EFI_LOADED_IMAGE_PROTOCOL) == 96, "LOADED_IMAGE");

/* §14.4: the members that our driver calls; the others keep their places. */
#define EFI_PCI_IO_PROTOCOL_GUID                                       \
	{                                                              \
		0x4cf5b200, 0x68b8, 0x4ca5,                            \
		{                                                      \
			0x9e, 0xec, 0xb2, 0x3e, 0x3f, 0x50, 0x02, 0x9a \
		}                                                      \
	}
typedef enum {
	EfiPciIoWidthUint8,
	EfiPciIoWidthUint16,
	EfiPciIoWidthUint32,
	EfiPciIoWidthUint64,
} EFI_PCI_IO_PROTOCOL_WIDTH;
typedef enum {
	EfiPciIoAttributeOperationGet,
	EfiPciIoAttributeOperationSet,
	EfiPciIoAttributeOperationEnable,
	EfiPciIoAttributeOperationDisable,
	EfiPciIoAttributeOperationSupported,
} EFI_PCI_IO_PROTOCOL_ATTRIBUTE_OPERATION;
#define EFI_PCI_IO_ATTRIBUTE_MEMORY 0x0200U

typedef struct EFI_PCI_IO_PROTOCOL EFI_PCI_IO_PROTOCOL;
typedef EFI_STATUS(EFIAPI *EFI_PCI_IO_PROTOCOL_CONFIG)(EFI_PCI_IO_PROTOCOL *This,
						       EFI_PCI_IO_PROTOCOL_WIDTH Width,
						       uint32_t Offset, UINTN Count,
						       void *Buffer);
struct EFI_PCI_IO_PROTOCOL {
	void *PollMem;
	void *PollIo;
	void *MemRead;
	void *MemWrite;
	void *IoRead;
	void *IoWrite;
	EFI_PCI_IO_PROTOCOL_CONFIG PciRead;
	EFI_PCI_IO_PROTOCOL_CONFIG PciWrite;
	void *CopyMem;
	void *Map;
	void *Unmap;
	void *AllocateBuffer;
	void *FreeBuffer;
	void *Flush;
	EFI_STATUS(EFIAPI *GetLocation)
	(EFI_PCI_IO_PROTOCOL *This, UINTN *SegmentNumber, UINTN *BusNumber,
	 UINTN *DeviceNumber, UINTN *FunctionNumber);
	EFI_STATUS(EFIAPI *Attributes)
	(EFI_PCI_IO_PROTOCOL *This, EFI_PCI_IO_PROTOCOL_ATTRIBUTE_OPERATION Operation,
	 uint64_t Attributes, uint64_t *Result);
	EFI_STATUS(EFIAPI *GetBarAttributes)
	(EFI_PCI_IO_PROTOCOL *This, uint8_t BarIndex, uint64_t *Supports, void **Resources);
	EFI_STATUS(EFIAPI *SetBarAttributes)
	(EFI_PCI_IO_PROTOCOL *This, uint64_t Attributes, uint8_t BarIndex, uint64_t *Offset,
	 uint64_t *Length);
	uint64_t RomSize;
	void *RomImage;
};
_Static_assert(offsetof(EFI_PCI_IO_PROTOCOL, PciRead) == 48, "PCI_IO");
_Static_assert(offsetof(EFI_PCI_IO_PROTOCOL, Attributes) == 120, "PCI_IO");
_Static_assert(sizeof(EFI_PCI_IO_PROTOCOL) == 160, "PCI_IO");

/* QWORD Address Space Descriptor (ACPI 6.5 §6.4.3.5.1), what GetBarAttributes() answers. */
#define ACPI_QWORD_ADDRESS_SPACE     0x8aU
#define ACPI_QWORD_ADDRESS_RANGE_MIN 14U
#define ACPI_QWORD_ADDRESS_LENGTH    38U

/* PI 1.8 vol 2 §7.2: the global coherency domain, as far as memory goes. */
#define DXE_SERVICES_TABLE_GUID                                        \
	{                                                              \
		0x05ad34ba, 0x6f02, 0x4214,                            \
		{                                                      \
			0x95, 0x2e, 0x4d, 0xa0, 0x39, 0x8e, 0x2b, 0xb9 \
		}                                                      \
	}
typedef enum {
	EfiGcdMemoryTypeNonExistent,
	EfiGcdMemoryTypeReserved,
	EfiGcdMemoryTypeSystemMemory,
	EfiGcdMemoryTypeMemoryMappedIo,
} EFI_GCD_MEMORY_TYPE;
typedef struct {
	EFI_PHYSICAL_ADDRESS BaseAddress;
	uint64_t Length;
	uint64_t Capabilities;
	uint64_t Attributes;
	EFI_GCD_MEMORY_TYPE GcdMemoryType;
	EFI_HANDLE ImageHandle;
	EFI_HANDLE DeviceHandle;
} EFI_GCD_MEMORY_SPACE_DESCRIPTOR;
_Static_assert(sizeof(EFI_GCD_MEMORY_SPACE_DESCRIPTOR) == 56, "GCD descriptor");

typedef struct {
	EFI_TABLE_HEADER Hdr;
	EFI_STATUS(EFIAPI *AddMemorySpace)
	(EFI_GCD_MEMORY_TYPE GcdMemoryType, EFI_PHYSICAL_ADDRESS BaseAddress,
	 uint64_t Length, uint64_t Capabilities);
	void *AllocateMemorySpace;
	void *FreeMemorySpace;
	void *RemoveMemorySpace;
	EFI_STATUS(EFIAPI *GetMemorySpaceDescriptor)
	(EFI_PHYSICAL_ADDRESS BaseAddress, EFI_GCD_MEMORY_SPACE_DESCRIPTOR *Descriptor);
	EFI_STATUS(EFIAPI *SetMemorySpaceAttributes)
	(EFI_PHYSICAL_ADDRESS BaseAddress, uint64_t Length, uint64_t Attributes);
	void *GetMemorySpaceMap;
	void *AddIoSpace;
	void *AllocateIoSpace;
	void *FreeIoSpace;
	void *RemoveIoSpace;
	void *GetIoSpaceDescriptor;
	void *GetIoSpaceMap;
	void *Dispatch;
	void *Schedule;
	void *Trust;
	void *ProcessFirmwareVolume;
	void *SetMemorySpaceCapabilities;
} EFI_DXE_SERVICES;
_Static_assert(offsetof(EFI_DXE_SERVICES, SetMemorySpaceAttributes) == 64, "DXE services");
_Static_assert(sizeof(EFI_DXE_SERVICES) == 168, "DXE services");

/* §4.1: an image's entry point. */
typedef EFI_STATUS(EFIAPI *EFI_IMAGE_ENTRY_POINT)(EFI_HANDLE ImageHandle,
						  EFI_SYSTEM_TABLE *SystemTable);
