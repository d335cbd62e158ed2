/* SPDX-License-Identifier: BSD-2-Clause */
/* CRC-32 (UEFI tables) and CRC-32C (the uefi-vars PIO buffer), both reflected, inverted in
 * and out. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Continue from @crc, the result so far; 0 to begin. */
uint32_t crc32_update(uint32_t crc, const void *p, size_t n);
uint32_t crc32c_update(uint32_t crc, const void *p, size_t n);
