/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test fixture (hook.h): SetVariable replaced in the table. With SEAL 1 the table's CRC is
 * repaired, as hooks in the wild do; with SEAL 0 it is not.
 */
#include "hook.h"

static EFI_SET_VARIABLE original;

static EFI_STATUS EFIAPI set_variable(CHAR16 *VariableName, EFI_GUID *VendorGuid,
				      uint32_t Attributes, UINTN DataSize, void *Data)
{
	return original(VariableName, VendorGuid, Attributes, DataSize, Data);
}

static void on_virtual(void)
{
	(void)driver_convert(&original);
}

EFI_STATUS driver_main(void)
{
	const EFI_STATUS status = driver_start(hook_allow_execution, on_virtual);

	if (status != EFI_SUCCESS)
		return status;
	original = gRT->SetVariable;
	gRT->SetVariable = set_variable;
	return SEAL ? driver_seal() : EFI_SUCCESS;
}
