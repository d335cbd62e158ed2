/* SPDX-License-Identifier: BSD-2-Clause */
/* The entry point uses RaiseTPL to lower the task priority. */
#include "driver.h"

EFI_STATUS driver_main(void)
{
	EFI_TPL old = gBS->RaiseTPL(TPL_NOTIFY);

#if SEEDED
	(void)gBS->RaiseTPL(TPL_CALLBACK);
#else
	gBS->RestoreTPL(TPL_CALLBACK);
#endif
	gBS->RestoreTPL(old);
	return EFI_SUCCESS;
}
