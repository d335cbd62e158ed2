/* SPDX-License-Identifier: BSD-2-Clause */
/* What the seeded drivers share: done as a good driver does it. */
#include "driver.h"

EFI_HANDLE gImageHandle;
EFI_SYSTEM_TABLE *gST;
EFI_BOOT_SERVICES *gBS;
EFI_RUNTIME_SERVICES *gRT;

static volatile enum driver_phase phase_now;
static void (*then_exit)(void);
static void (*then_virtual)(void);

static void EFIAPI exit_boot_services(EFI_EVENT Event, void *Context)
{
	(void)Event;
	(void)Context;
	if (then_exit != NULL)
		then_exit();
	phase_now = AT_RUNTIME;
	then_exit = NULL;
	gBS = NULL;
	gST = NULL;
}

static void EFIAPI virtual_address_change(EFI_EVENT Event, void *Context)
{
	(void)Event;
	(void)Context;
	if (then_virtual != NULL)
		then_virtual();
	then_virtual = NULL;
	phase_now = AT_VIRTUAL;
	/* Last: from here on gRT cannot be used until the call has ended. */
	(void)gRT->ConvertPointer(0, (void **)&gRT);
}

EFI_STATUS driver_start(void (*on_exit)(void), void (*on_virtual)(void))
{
	EFI_EVENT event;
	EFI_STATUS status;

	then_exit = on_exit;
	then_virtual = on_virtual;
	status = gBS->CreateEvent(EVT_SIGNAL_EXIT_BOOT_SERVICES, TPL_NOTIFY,
				  exit_boot_services, NULL, &event);
	if (status != EFI_SUCCESS)
		return status;
	return gBS->CreateEvent(EVT_SIGNAL_VIRTUAL_ADDRESS_CHANGE, TPL_NOTIFY,
				virtual_address_change, NULL, &event);
}

bool driver_at(enum driver_phase phase)
{
	return phase_now == phase;
}

EFI_STATUS driver_on(const EFI_GUID *group, EFI_TPL tpl, EFI_EVENT_NOTIFY notify)
{
	EFI_EVENT event;

	return gBS->CreateEventEx(EVT_NOTIFY_SIGNAL, tpl, notify, NULL, group, &event);
}

EFI_STATUS driver_seal(void)
{
	gRT->Hdr.CRC32 = 0;
	return gBS->CalculateCrc32(gRT, gRT->Hdr.HeaderSize, &gRT->Hdr.CRC32);
}

EFI_STATUS driver_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	if (Time == NULL)
		return EFI_INVALID_PARAMETER;
	*Time = (EFI_TIME){
		.Year = 2024, .Month = 2, .Day = 29, .Hour = 12, .TimeZone = 2047};
	if (Capabilities != NULL) {
		Capabilities->Resolution = 1;
		Capabilities->Accuracy = 50000000;
		Capabilities->SetsToZero = false;
	}
	return EFI_SUCCESS;
}

EFI_STATUS EFIAPI efi_main(EFI_HANDLE ImageHandle, EFI_SYSTEM_TABLE *SystemTable);

EFI_STATUS EFIAPI efi_main(EFI_HANDLE ImageHandle, EFI_SYSTEM_TABLE *SystemTable)
{
	gImageHandle = ImageHandle;
	gST = SystemTable;
	gBS = SystemTable->BootServices;
	gRT = SystemTable->RuntimeServices;
	return driver_main();
}
