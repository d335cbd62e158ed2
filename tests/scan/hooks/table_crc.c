/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test fixture (hook.h): a program that writes to the table, does not repair its CRC, and
 * ends. The service goes to another one of the same driver, so no pointer looks foreign.
 */
#include "hook.h"

EFI_STATUS driver_main(void)
{
	gRT->SetWakeupTime = (EFI_SET_WAKEUP_TIME)(void *)gRT->GetWakeupTime;
	return EFI_SUCCESS;
}
