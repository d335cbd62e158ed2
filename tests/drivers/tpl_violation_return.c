/* SPDX-License-Identifier: BSD-2-Clause */
/* The entry point returns with the task priority that it has raised. */
#include "driver.h"

EFI_STATUS driver_main(void)
{
	EFI_TPL old = gBS->RaiseTPL(TPL_NOTIFY);

#if SEEDED
	(void)old;
#else
	gBS->RestoreTPL(old);
#endif
	return EFI_SUCCESS;
}
