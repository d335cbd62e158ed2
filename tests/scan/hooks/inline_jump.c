/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test fixture (hook.h): the first bytes of the firmware's ResetSystem jump to this driver,
 * whose own PE header is wiped. The function that they lead to resets the machine, too.
 */
#include "hook.h"

#include "base/mem.h"

#define RESET_PORT 0xcf9U
#define RESET_COLD 0x06U

static void EFIAPI reset_system(EFI_RESET_TYPE ResetType, EFI_STATUS ResetStatus,
				UINTN DataSize, void *ResetData)
{
	(void)ResetType;
	(void)ResetStatus;
	(void)DataSize;
	(void)ResetData;
	__asm__ volatile("outb %b0, %w1" : : "a"(RESET_COLD), "d"(RESET_PORT));
}

EFI_STATUS driver_main(void)
{
	uint8_t *at = (uint8_t *)(void *)gRT->ResetSystem;
	const int32_t distance = (int32_t)((uint8_t *)(void *)reset_system - (at + 5));
	uint8_t jump[5] = {0xe9};

	memcpy(jump + 1, &distance, sizeof distance);
	hook_patch(at, jump, sizeof jump);
	hook_wipe_header();
	return EFI_SUCCESS;
}
