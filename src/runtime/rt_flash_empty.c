/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a new machine's variable flash holds, in the layouts of OVMF's builds: a volume, an
 * empty store of variables, and the working block of fault-tolerant writes (PI 1.8 vol 3
 * §3.2.1; edk2's formats).
 */
#include <stddef.h>
#include <string.h>

#include "base/crc32.h"
#include "runtime/rt_priv.h"
#include "uefi/fv.h"

#define BLOCK           0x1000U
#define STORE_FORMATTED 0x5aU
#define STORE_HEALTHY   0xfeU
#define WORKING_VALID   0xfeU /* its first bit is cleared */

struct store_header {
	EFI_GUID Signature;
	uint32_t Size;
	uint8_t Format;
	uint8_t State;
	uint16_t Reserved;
	uint32_t Reserved1;
};
_Static_assert(sizeof(struct store_header) == 28, "variable store header");

struct working_header {
	EFI_GUID Signature;
	uint32_t Crc; /* over the header with Crc and Flags as erased flash has them */
	uint8_t Flags;
	uint8_t Reserved[3];
	uint64_t WriteQueueSize;
};
_Static_assert(sizeof(struct working_header) == 32, "working block header");

const struct rt_flash_layout *rt_flash_layout(uint64_t firmware_len)
{
	static const struct rt_flash_layout four = {0xffc00000, RUNTIME_FLASH_LEN, 0x40000},
					    two = {0xffe00000, 0x20000, 0xe000};

	return firmware_len > 1U << 20 && firmware_len <= 2U << 20 ? &two : &four;
}

void rt_flash_empty(uint8_t *p, const struct rt_flash_layout *l)
{
	struct {
		EFI_FIRMWARE_VOLUME_HEADER h;
		EFI_FV_BLOCK_MAP_ENTRY map[2];
	} fv = {.h = {.FileSystemGuid = EFI_SYSTEM_NV_DATA_FV_GUID,
		      .FvLength = l->len,
		      .Signature = EFI_FVH_SIGNATURE,
		      .Attributes = 0x4feff, /* readable, writable, erased to ones */
		      .HeaderLength = sizeof fv,
		      .Revision = EFI_FVH_REVISION},
		.map = {{l->len / BLOCK, BLOCK}, {0, 0}}};
	const struct store_header store = {EFI_AUTHENTICATED_VARIABLE_GUID,
					   l->store_len - (uint32_t)sizeof fv,
					   STORE_FORMATTED,
					   STORE_HEALTHY,
					   0,
					   0};
	struct working_header working = {.Signature = EDKII_WORKING_BLOCK_SIGNATURE_GUID,
					 .Crc = UINT32_MAX,
					 .Flags = 0xff,
					 .Reserved = {0xff, 0xff, 0xff},
					 .WriteQueueSize = BLOCK - sizeof working};
	uint16_t words[sizeof fv / 2], sum = 0;

	memcpy(words, &fv, sizeof fv);
	for (size_t i = 0; i < sizeof fv / 2; i++)
		sum = (uint16_t)(sum + words[i]);
	fv.h.Checksum = (uint16_t)-sum;
	working.Crc = crc32_update(0, &working, sizeof working);
	working.Flags = WORKING_VALID;

	memset(p, 0xff, l->len);
	memcpy(p, &fv, sizeof fv);
	memcpy(p + sizeof fv, &store, sizeof store);
	/* behind a block for the event log */
	memcpy(p + l->store_len + BLOCK, &working, sizeof working);
}
