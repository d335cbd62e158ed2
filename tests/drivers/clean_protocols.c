/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handles and protocols as drivers use them: many at once, all or none; notifications of
 * those that come later; lists that the caller frees.
 */
#include "driver.h"

#define EXPECT(what)                                                       \
	do {                                                               \
		if (!(what))                                               \
			return (EFI_STATUS)(1ULL << 63 | (UINTN)__LINE__); \
	} while (0)

static EFI_GUID guids[8] = {
	{0x8f1d2c30, 0x4b57, 0x4a92, {0x90, 0x3e, 0x61, 0xd8, 0x0c, 0xa5, 0x7f, 0x10}}};
static uint64_t interfaces[8];
static unsigned told;
static void *registration;

static void EFIAPI on_protocol(EFI_EVENT Event, void *Context)
{
	UINTN size;
	EFI_HANDLE handle;

	(void)Event;
	(void)Context;
	for (;;) {
		size = sizeof handle;
		if (gBS->LocateHandle(ByRegisterNotify, NULL, registration, &size,
				      &handle) != EFI_SUCCESS)
			break;
		told++;
	}
}

static EFI_STATUS many(EFI_HANDLE *ret)
{
	const EFI_GUID *g = guids;
	uint64_t *i = interfaces;
	EFI_HANDLE handle = NULL;

	EXPECT(gBS->InstallMultipleProtocolInterfaces(&handle, &g[0], &i[0], &g[1], &i[1],
						      &g[2], &i[2], &g[3], &i[3], &g[4],
						      &i[4], &g[5], &i[5], &g[6], &i[6],
						      &g[7], NULL, NULL) == EFI_SUCCESS);
	/* the last is there already: none of them is installed */
	EXPECT(gBS->UninstallMultipleProtocolInterfaces(handle, &g[5], &i[5], &g[6], &i[6],
							NULL) == EFI_SUCCESS);
	EXPECT(gBS->InstallMultipleProtocolInterfaces(&handle, &g[5], &i[5], &g[6], &i[6],
						      &g[7], &i[7],
						      NULL) == EFI_INVALID_PARAMETER);
	EXPECT(gBS->OpenProtocol(handle, &g[5], NULL, gImageHandle, NULL,
				 EFI_OPEN_PROTOCOL_TEST_PROTOCOL) == EFI_UNSUPPORTED);
	*ret = handle;
	return EFI_SUCCESS;
}

static EFI_STATUS lists(EFI_HANDLE handle)
{
	EFI_HANDLE *handles;
	EFI_GUID **names;
	uint64_t *found;
	UINTN n;

	EXPECT(gBS->ProtocolsPerHandle(handle, &names, &n) == EFI_SUCCESS && n == 6);
	for (UINTN i = 0; i < n; i++)
		EXPECT(names[i]->Data1 == guids[0].Data1);
	EXPECT(gBS->FreePool(names) == EFI_SUCCESS);
	EXPECT(gBS->LocateHandleBuffer(ByProtocol, &guids[1], NULL, &n, &handles) ==
		       EFI_SUCCESS &&
	       n == 1 && handles[0] == handle);
	EXPECT(gBS->FreePool(handles) == EFI_SUCCESS);
	EXPECT(gBS->LocateHandleBuffer(AllHandles, NULL, NULL, &n, &handles) ==
		       EFI_SUCCESS &&
	       n >= 2);
	EXPECT(gBS->FreePool(handles) == EFI_SUCCESS);
	EXPECT(gBS->OpenProtocol(handle, &guids[2], (void **)&found, gImageHandle, NULL,
				 EFI_OPEN_PROTOCOL_GET_PROTOCOL) == EFI_SUCCESS &&
	       found == &interfaces[2]);
	EXPECT(gBS->LocateProtocol(&guids[3], NULL, (void **)&found) == EFI_SUCCESS &&
	       found == &interfaces[3]);
	return EFI_SUCCESS;
}

static EFI_STATUS notified(EFI_HANDLE handle)
{
	EFI_HANDLE second = NULL;
	EFI_EVENT event;

	EXPECT(gBS->CreateEvent(EVT_NOTIFY_SIGNAL, TPL_CALLBACK, on_protocol, NULL,
				&event) == EFI_SUCCESS);
	EXPECT(gBS->RegisterProtocolNotify(&guids[5], event, &registration) == EFI_SUCCESS);
	EXPECT(gBS->InstallProtocolInterface(&handle, &guids[5], EFI_NATIVE_INTERFACE,
					     &interfaces[5]) == EFI_SUCCESS &&
	       told == 1);
	EXPECT(gBS->InstallProtocolInterface(&second, &guids[5], EFI_NATIVE_INTERFACE,
					     &interfaces[6]) == EFI_SUCCESS &&
	       told == 2);
	EXPECT(gBS->ReinstallProtocolInterface(second, &guids[5], &interfaces[6],
					       &interfaces[7]) == EFI_SUCCESS &&
	       told == 3);
	EXPECT(gBS->UninstallProtocolInterface(second, &guids[5], &interfaces[7]) ==
	       EFI_SUCCESS);
	/* the handle went with its only protocol */
	EXPECT(gBS->HandleProtocol(second, &guids[5], &registration) ==
	       EFI_INVALID_PARAMETER);
	return gBS->CloseEvent(event);
}

EFI_STATUS driver_main(void)
{
	EFI_HANDLE handle;
	EFI_STATUS status;

	for (unsigned i = 1; i < 8; i++) {
		guids[i] = guids[0];
		guids[i].Data2 = (uint16_t)(guids[0].Data2 + i);
	}
	status = many(&handle);
	if (status == EFI_SUCCESS)
		status = lists(handle);
	return status == EFI_SUCCESS ? notified(handle) : status;
}
