/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test fixture (hook.h): three services of the firmware begin with a jump to this driver,
 * each of another kind. The addresses in them are physical and stay so: nobody calls these
 * services once Linux has mapped them elsewhere.
 */
#include "hook.h"

#include "base/mem.h"

static EFI_STATUS EFIAPI refuse(void)
{
	return EFI_UNSUPPORTED;
}

EFI_STATUS driver_main(void)
{
	uint8_t memory[14] = {0xff, 0x25};                        /* jmp [rip + 0] */
	uint8_t reg[12] = {0x48, 0xb8, [10] = 0xff, [11] = 0xe0}; /* mov rax, ..; jmp rax */
	uint8_t ret[6] = {0x68, [5] = 0xc3};                      /* push ..; ret */
	const uintptr_t to = (uintptr_t)refuse;
	const uint32_t low = (uint32_t)to;

	if (to > INT32_MAX)
		return EFI_UNSUPPORTED;
	memcpy(memory + 6, &to, sizeof to);
	memcpy(reg + 2, &to, sizeof to);
	memcpy(ret + 1, &low, sizeof low);
	hook_patch((void *)gRT->GetNextHighMonotonicCount, memory, sizeof memory);
	hook_patch((void *)gRT->UpdateCapsule, reg, sizeof reg);
	hook_patch((void *)gRT->SetTime, ret, sizeof ret);
	return EFI_SUCCESS;
}
