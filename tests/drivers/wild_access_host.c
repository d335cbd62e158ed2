/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entry point overwrites a variable of the program that runs it: it reads the address
 * behind firmware's stubs, and what the code there loads its stack pointer from. A debugger
 * cannot keep a driver from that, but must live through it, and say who it was.
 */
#include "driver.h"

#define STUB_TARGET (EFI_PAGE_SIZE - sizeof(uint64_t))

static uint64_t ours;

static volatile uint64_t *find(void)
{
	const uint64_t stub = (uint64_t)gRT->GetTime;
	const volatile uint8_t *code =
		*(const uint8_t *volatile *)((stub & ~(EFI_PAGE_SIZE - 1)) + STUB_TARGET);
	int32_t distance = 0;

	/* mov rsp, [rip + distance] */
	while (code[0] != 0x48 || code[1] != 0x8b || code[2] != 0x25)
		code++;
	for (unsigned i = 0; i < sizeof distance; i++)
		distance |= (int32_t)((uint32_t)code[3 + i] << (8 * i));
	return (volatile uint64_t *)((uint64_t)code + 7 + (uint64_t)(int64_t)distance);
}

EFI_STATUS driver_main(void)
{
	volatile uint64_t *host = find();

	*(SEEDED ? host : &ours) = 0xafafafafafafafaf;
	return EFI_SUCCESS;
}
