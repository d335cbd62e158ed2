/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test fixture (hook.h): ConvertPointer replaced in the table. As firmware's own it stays
 * physical: nobody calls it once the operating system has mapped firmware.
 */
#include "hook.h"

static EFI_CONVERT_POINTER original;

static EFI_STATUS EFIAPI convert_pointer(UINTN DebugDisposition, void **Address)
{
	return original(DebugDisposition, Address);
}

EFI_STATUS driver_main(void)
{
	original = gRT->ConvertPointer;
	gRT->ConvertPointer = convert_pointer;
	return driver_seal();
}
