/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver that does much, all of it rightly: what a checker may take for a mistake. It
 * keeps a list, statically initialised pointers (which firmware relocates a second time,
 * unless the driver has converted them), services of the firmware that its own go on to, an
 * event of its own, a protocol, and a configuration table in runtime memory.
 */
#include "driver.h"

static const EFI_GUID ours = {
	0x3c0f8d7a, 0x51be, 0x4f64, {0x87, 0x2d, 0xa4, 0x0e, 0x96, 0xd1, 0x5b, 0xc3}};

struct node {
	struct node *next;
	uint64_t value;
};
static struct node *head;

static uint64_t count;
static void *none, *never;
static uint64_t *volatile relocated = &count; /* firmware's second relocation sees to it */
static uint64_t *volatile converted = &count; /* we do, and it must not be done again */

static struct {
	EFI_GET_VARIABLE get_variable;
	EFI_SET_VARIABLE set_variable;
	EFI_GET_NEXT_VARIABLE_NAME get_next;
} firmware;

static uint64_t sum(void)
{
	uint64_t n = 0;

	for (const struct node *i = head; i != NULL; i = i->next)
		n += i->value;
	return n;
}

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	EFI_TPL tpl = gBS != NULL ? gBS->RaiseTPL(TPL_HIGH_LEVEL) : 0;
	EFI_STATUS status = sum() == 6 ? driver_time(Time, Capabilities) : EFI_DEVICE_ERROR;

	++*relocated;
	++*converted;
	if (gBS != NULL)
		gBS->RestoreTPL(tpl);
	return status;
}

static EFI_STATUS EFIAPI get_variable(CHAR16 *VariableName, EFI_GUID *VendorGuid,
				      uint32_t *Attributes, UINTN *DataSize, void *Data)
{
	count++;
	return firmware.get_variable(VariableName, VendorGuid, Attributes, DataSize, Data);
}

static EFI_STATUS EFIAPI set_variable(CHAR16 *VariableName, EFI_GUID *VendorGuid,
				      uint32_t Attributes, UINTN DataSize, void *Data)
{
	count++;
	return firmware.set_variable(VariableName, VendorGuid, Attributes, DataSize, Data);
}

static EFI_STATUS EFIAPI get_next(UINTN *VariableNameSize, CHAR16 *VariableName,
				  EFI_GUID *VendorGuid)
{
	count++;
	return firmware.get_next(VariableNameSize, VariableName, VendorGuid);
}

static void EFIAPI ready_to_boot(EFI_EVENT Event, void *Context)
{
	void *scratch;

	(void)Context;
	if (gBS->AllocatePool(EfiBootServicesData, 1000, &scratch) == EFI_SUCCESS) {
		gBS->SetMem(scratch, 1000, 0xff);
		(void)gBS->FreePool(scratch);
	}
	(void)gBS->CloseEvent(Event);
}

static void on_virtual(void)
{
	struct node *next;

	for (struct node *i = head; i != NULL; i = next) {
		next = i->next;
		(void)gRT->ConvertPointer(EFI_OPTIONAL_PTR, (void **)&i->next);
	}
	(void)driver_convert(&head);
	(void)driver_convert((void *)&converted);
	(void)driver_convert(&firmware.get_variable);
	(void)driver_convert(&firmware.set_variable);
	(void)driver_convert(&firmware.get_next);
	(void)gRT->ConvertPointer(EFI_OPTIONAL_PTR, &none);
	(void)driver_convert(&never); /* refused, and so common that nobody reports it */
}

static EFI_STATUS list_make(void)
{
	for (uint64_t i = 1; i <= 3; i++) {
		struct node *n;
		EFI_STATUS status =
			gBS->AllocatePool(EfiRuntimeServicesData, sizeof *n, (void **)&n);

		if (status != EFI_SUCCESS)
			return status;
		*n = (struct node){head, i};
		head = n;
	}
	return EFI_SUCCESS;
}

EFI_STATUS driver_main(void)
{
	static const EFI_GUID group = EFI_EVENT_GROUP_READY_TO_BOOT_GUID;
	EFI_HANDLE handle = NULL;
	EFI_STATUS status = driver_start(NULL, on_virtual);

	if (status == EFI_SUCCESS)
		status = driver_on(&group, TPL_CALLBACK, ready_to_boot);
	if (status == EFI_SUCCESS)
		status = list_make();
	if (status == EFI_SUCCESS)
		status = gBS->InstallProtocolInterface(&handle, &ours, EFI_NATIVE_INTERFACE,
						       head);
	if (status == EFI_SUCCESS)
		status = gBS->InstallConfigurationTable(&ours, head);
	if (status != EFI_SUCCESS)
		return status;
	firmware.get_variable = gRT->GetVariable;
	firmware.set_variable = gRT->SetVariable;
	firmware.get_next = gRT->GetNextVariableName;
	gRT->GetTime = get_time;
	gRT->GetVariable = get_variable;
	gRT->SetVariable = set_variable;
	gRT->GetNextVariableName = get_next;
	return driver_seal();
}
