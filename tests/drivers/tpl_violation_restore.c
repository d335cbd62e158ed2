/* SPDX-License-Identifier: BSD-2-Clause */
/* The entry point uses RestoreTPL to raise the task priority. */
#include "driver.h"

EFI_STATUS driver_main(void)
{
#if SEEDED
	gBS->RestoreTPL(TPL_CALLBACK);
#else
	(void)gBS->RaiseTPL(TPL_CALLBACK);
#endif
	gBS->RestoreTPL(TPL_APPLICATION);
	return EFI_SUCCESS;
}
