/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test fixture (hook.h): a driver that hooks nothing, as a vendor's on a disk. With WIPE 1
 * its PE header is gone, with UNLIST 1 the firmware's list of runtime images lacks it.
 */
#include "hook.h"

#include "uefi/pi.h"

static void unlist(void)
{
	static const EFI_GUID guid = EFI_RUNTIME_ARCH_PROTOCOL_GUID;
	EFI_RUNTIME_ARCH_PROTOCOL *runtime;
	LIST_ENTRY *link;

	if (gBS->LocateProtocol(&guid, NULL, (void **)&runtime) != EFI_SUCCESS)
		return;
	for (link = (LIST_ENTRY *)runtime->ImageHead.ForwardLink;
	     link != &runtime->ImageHead; link = (LIST_ENTRY *)link->ForwardLink) {
		const EFI_RUNTIME_IMAGE_ENTRY *image =
			(void *)((uint8_t *)link - offsetof(EFI_RUNTIME_IMAGE_ENTRY, Link));

		if (image->ImageBase != (uintptr_t)hook_own_image())
			continue;
		((LIST_ENTRY *)link->BackLink)->ForwardLink = link->ForwardLink;
		((LIST_ENTRY *)link->ForwardLink)->BackLink = link->BackLink;
		return;
	}
}

EFI_STATUS driver_main(void)
{
	if (UNLIST)
		unlist();
	if (WIPE)
		hook_wipe_header();
	return EFI_SUCCESS;
}
