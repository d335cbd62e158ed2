/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The uefi-vars device as a register model: 32 bytes of MMIO, a communicate buffer by DMA
 * or by PIO. A VMM forwards accesses; guest memory is reached through two callbacks.
 */
#include "base/crc32.h"
#include "wire/wire_priv.h"

#include <stdlib.h>
#include <string.h>

struct rts_regs {
	struct rts_wire *wire;
	const struct rts_regs_ops *ops;
	void *ctx;
	uint32_t flags;
	uint16_t status;
	uint32_t buffer_size;
	uint64_t dma_address;
	uint32_t pio_offset;                       /* never beyond buffer_size */
	_Alignas(8) uint8_t buffer[MM_BUFFER_MAX]; /* private copy of a DMA message */
	_Alignas(8) uint8_t pio[MM_BUFFER_MAX];
};

EFI_STATUS rts_regs_new(struct rts_wire *wire, const struct rts_regs_ops *ops, void *ctx,
			bool use_pio, struct rts_regs **ret)
{
	struct rts_regs *r = calloc(1, sizeof *r);

	if (r == NULL)
		return EFI_OUT_OF_RESOURCES;
	r->wire = wire;
	r->ops = ops;
	r->ctx = ctx;
	r->flags = use_pio ? UEFI_VARS_FLAG_USE_PIO : 0;
	*ret = r;
	return EFI_SUCCESS;
}

void rts_regs_free(struct rts_regs *r)
{
	free(r);
}

/* A new size is a new pair of buffers: zeroed, and the PIO offset at their beginning. */
static void set_buffer_size(struct rts_regs *r, uint64_t size)
{
	r->buffer_size = size < MM_BUFFER_MAX ? (uint32_t)size : MM_BUFFER_MAX;
	memset(r->pio, 0, sizeof r->pio);
	r->pio_offset = 0;
}

static uint16_t dma_mm(struct rts_regs *r)
{
	EFI_MM_COMMUNICATE_HEADER h;
	uint32_t status;
	size_t len;

	if (r->buffer_size < sizeof h)
		return UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE;
	/* The header is fetched once; the guest may change its memory meanwhile. */
	if (!r->ops->dma_read(r->ctx, r->dma_address, &h, sizeof h))
		return UEFI_VARS_STS_ERR_UNKNOWN;
	if (h.MessageLength > r->buffer_size - sizeof h)
		return UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE;
	len = sizeof h + (size_t)h.MessageLength;
	if (r->dma_address + len < r->dma_address)
		return UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE;
	memcpy(r->buffer, &h, sizeof h);
	if (h.MessageLength > 0 && !r->ops->dma_read(r->ctx, r->dma_address + sizeof h,
						     r->buffer + sizeof h, len - sizeof h))
		return UEFI_VARS_STS_ERR_UNKNOWN;
	status = rts_wire_mm(r->wire, r->buffer, len, &len);
	if (status == UEFI_VARS_STS_SUCCESS &&
	    !r->ops->dma_write(r->ctx, r->dma_address, r->buffer, len))
		status = UEFI_VARS_STS_ERR_UNKNOWN;
	return (uint16_t)status;
}

static uint16_t pio_mm(struct rts_regs *r)
{
	size_t len;

	/* The message is what the buffer can hold; its own length says where it ends. */
	return (uint16_t)rts_wire_mm(r->wire, r->pio, r->buffer_size, &len);
}

static uint16_t command(struct rts_regs *r, uint64_t value)
{
	switch ((uint16_t)value) {
	case UEFI_VARS_CMD_RESET:
		set_buffer_size(r, 0);
		r->dma_address = 0;
		return UEFI_VARS_STS_SUCCESS;
	case UEFI_VARS_CMD_DMA_MM:
		return dma_mm(r);
	case UEFI_VARS_CMD_PIO_MM:
		return pio_mm(r);
	case UEFI_VARS_CMD_PIO_ZERO_OFFSET:
		r->pio_offset = 0;
		return UEFI_VARS_STS_SUCCESS;
	default:
		return UEFI_VARS_STS_ERR_NOT_SUPPORTED;
	}
}

/* The next @width bytes of the PIO buffer, or NULL where it ends. */
static uint8_t *pio_next(struct rts_regs *r, unsigned width)
{
	uint8_t *p = r->pio + r->pio_offset;

	if (width > r->buffer_size - r->pio_offset)
		return NULL;
	r->pio_offset += width;
	return p;
}

static bool width_ok(unsigned width)
{
	return width == 1 || width == 2 || width == 4 || width == 8;
}

uint64_t rts_regs_read(struct rts_regs *r, uint64_t offset, unsigned width)
{
	uint64_t value = 0;
	uint8_t *p;

	if (!width_ok(width))
		return 0;
	switch (offset) {
	case UEFI_VARS_REG_MAGIC:
		value = UEFI_VARS_MAGIC_VALUE;
		break;
	case UEFI_VARS_REG_CMD_STS:
		value = r->status;
		break;
	case UEFI_VARS_REG_BUFFER_SIZE:
		value = r->buffer_size;
		break;
	case UEFI_VARS_REG_DMA_BUFFER_ADDR_LO:
		value = (uint32_t)r->dma_address;
		break;
	case UEFI_VARS_REG_DMA_BUFFER_ADDR_HI:
		value = r->dma_address >> 32;
		break;
	case UEFI_VARS_REG_PIO_BUFFER_TRANSFER:
		p = pio_next(r, width);
		if (p != NULL)
			memcpy(&value, p, width);
		break;
	case UEFI_VARS_REG_PIO_BUFFER_CRC32C:
		value = crc32c_update(0, r->pio, r->pio_offset);
		break;
	case UEFI_VARS_REG_FLAGS:
		value = r->flags;
		break;
	default:
		break;
	}
	return width == 8 ? value : value & ((1ULL << width * 8) - 1);
}

void rts_regs_write(struct rts_regs *r, uint64_t offset, uint64_t value, unsigned width)
{
	uint8_t *p;

	if (!width_ok(width))
		return;
	if (width < 8)
		value &= (1ULL << width * 8) - 1;
	switch (offset) {
	case UEFI_VARS_REG_CMD_STS:
		r->status = command(r, value);
		break;
	case UEFI_VARS_REG_BUFFER_SIZE:
		set_buffer_size(r, value & UINT32_MAX);
		break;
	case UEFI_VARS_REG_DMA_BUFFER_ADDR_LO:
		r->dma_address = (r->dma_address & ~0xffffffffULL) | (value & UINT32_MAX);
		break;
	case UEFI_VARS_REG_DMA_BUFFER_ADDR_HI:
		r->dma_address = (r->dma_address & UINT32_MAX) | value << 32;
		break;
	case UEFI_VARS_REG_PIO_BUFFER_TRANSFER:
		p = pio_next(r, width);
		if (p != NULL)
			memcpy(p, &value, width);
		break;
	default:
		break;
	}
}

void rts_regs_reset(struct rts_regs *r)
{
	(void)command(r, UEFI_VARS_CMD_RESET);
	r->status = 0;
	(void)rts_vars_reset(r->wire->vars);
}
