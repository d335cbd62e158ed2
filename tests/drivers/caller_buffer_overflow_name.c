/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GetNextVariableName has one variable, and does not look how much room its caller has
 * for the name.
 */
#include "driver.h"

static const CHAR16 only[] = u"TheOnlyVariableThatThereIs";

static EFI_STATUS EFIAPI get_next(UINTN *VariableNameSize, CHAR16 *VariableName,
				  EFI_GUID *VendorGuid)
{
	static const EFI_GUID guid = EFI_GLOBAL_VARIABLE_GUID;
	UINTN room;

	if (VariableNameSize == NULL || VariableName == NULL || VendorGuid == NULL)
		return EFI_INVALID_PARAMETER;
	room = *VariableNameSize;
	if (room < sizeof *VariableName)
		return EFI_INVALID_PARAMETER;
	if (VariableName[0] != 0)
		return EFI_NOT_FOUND;
	*VariableNameSize = sizeof only;
#if !SEEDED
	if (room < sizeof only)
		return EFI_BUFFER_TOO_SMALL;
#endif
	for (unsigned i = 0; i < sizeof only / sizeof only[0]; i++)
		((volatile CHAR16 *)VariableName)[i] = only[i];
	*VendorGuid = guid;
	return EFI_SUCCESS;
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = driver_start(NULL, NULL);

	if (status != EFI_SUCCESS)
		return status;
	gRT->GetNextVariableName = get_next;
	return driver_seal();
}
