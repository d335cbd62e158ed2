/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test fixture (hook.h): QueryCapsuleCapabilities is code in pages of runtime code that no
 * image owns. Nothing of the program that put it there stays.
 */
#include "hook.h"

EFI_STATUS driver_main(void)
{
	void *stub = hook_stub();

	if (stub == NULL)
		return EFI_OUT_OF_RESOURCES;
	gRT->QueryCapsuleCapabilities = (EFI_QUERY_CAPSULE_CAPABILITIES)stub;
	return driver_seal();
}
