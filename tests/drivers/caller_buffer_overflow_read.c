/* SPDX-License-Identifier: BSD-2-Clause */
/* SetVariable, put before the firmware's own, looks at a header that the data may lack. */
#include "driver.h"

static EFI_SET_VARIABLE next;
static volatile uint64_t signed_;

static EFI_STATUS EFIAPI set_variable(CHAR16 *VariableName, EFI_GUID *VendorGuid,
				      uint32_t Attributes, UINTN DataSize, void *Data)
{
	if ((SEEDED || DataSize >= 64) && Data != NULL)
		signed_ += ((volatile uint8_t *)Data)[63] == 0x30;
	return next(VariableName, VendorGuid, Attributes, DataSize, Data);
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
	next = gRT->SetVariable;
	gRT->SetVariable = set_variable;
	return driver_seal();
}
