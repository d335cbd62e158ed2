/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GetVariable, put before the firmware's own, ends what it returns with a zero byte:
 * behind the caller's buffer.
 */
#include "driver.h"

static EFI_GET_VARIABLE next;

static EFI_STATUS EFIAPI get_variable(CHAR16 *VariableName, EFI_GUID *VendorGuid,
				      uint32_t *Attributes, UINTN *DataSize, void *Data)
{
	UINTN room = DataSize != NULL ? *DataSize : 0;
	EFI_STATUS status = next(VariableName, VendorGuid, Attributes, DataSize, Data);

#if SEEDED
	if (status == EFI_SUCCESS)
		((volatile uint8_t *)Data)[room] = 0;
#else
	if (status == EFI_SUCCESS && *DataSize < room)
		((volatile uint8_t *)Data)[*DataSize] = 0;
#endif
	return status;
}

static void on_virtual(void)
{
	(void)driver_convert(&next);
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = driver_start(NULL, on_virtual);

	if (status != EFI_SUCCESS)
		return status;
	next = gRT->GetVariable;
	gRT->GetVariable = get_variable;
	return driver_seal();
}
