/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers, commands and states of the uefi-vars device (32 bytes of MMIO), and of our MM
 * socket. */
#pragma once

#define UEFI_VARS_REGS_SIZE 0x20U

#define UEFI_VARS_REG_MAGIC               0x00U /* 16 bit, reads UEFI_VARS_MAGIC_VALUE */
#define UEFI_VARS_REG_CMD_STS             0x02U /* 16 bit: write a command, read its status */
#define UEFI_VARS_REG_BUFFER_SIZE         0x04U /* 32 bit */
#define UEFI_VARS_REG_DMA_BUFFER_ADDR_LO  0x08U /* 32 bit */
#define UEFI_VARS_REG_DMA_BUFFER_ADDR_HI  0x0cU /* 32 bit */
#define UEFI_VARS_REG_PIO_BUFFER_TRANSFER 0x10U /* 8 to 64 bit */
#define UEFI_VARS_REG_PIO_BUFFER_CRC32C   0x18U /* 32 bit, read-only */
#define UEFI_VARS_REG_FLAGS               0x1cU /* 32 bit, read-only */

#define UEFI_VARS_FLAG_USE_PIO 0x1U
#define UEFI_VARS_MAGIC_VALUE  0x0ef1U

enum {
	UEFI_VARS_CMD_RESET = 1,
	UEFI_VARS_CMD_DMA_MM = 2,
	UEFI_VARS_CMD_PIO_MM = 3,
	UEFI_VARS_CMD_PIO_ZERO_OFFSET = 4,
};

/* Device status; the MM socket answers with the same numbers. */
enum {
	UEFI_VARS_STS_SUCCESS = 0,
	UEFI_VARS_STS_BUSY = 1,
	UEFI_VARS_STS_ERR_UNKNOWN = 0x10,
	UEFI_VARS_STS_ERR_NOT_SUPPORTED = 0x11,
	UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE = 0x12,
};
