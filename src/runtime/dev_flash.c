/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Intel command set of a CFI flash, one byte wide: how a driver programs, erases and
 * asks for status. Two differences from QEMU's model on purpose, as real parts have it: a
 * program clears bits and cannot set one, and a block is erased when that is confirmed.
 */
#include "runtime/rt_device.h"

#include <string.h>

#define CMD_PROGRAM      0x10
#define CMD_ERASE        0x20
#define CMD_PROGRAM_2    0x40
#define CMD_CLEAR_STATUS 0x50
#define CMD_LOCK         0x60
#define CMD_READ_STATUS  0x70
#define CMD_READ_ID      0x90
#define CMD_CFI          0x98
#define CMD_CONFIRM      0xd0
#define CMD_BUFFERED     0xe8
#define CMD_READ_ARRAY   0xff

#define STATUS_READY       0x80
#define STATUS_ERASE_ERROR 0x20 /* with the next: a wrong command sequence */
#define STATUS_WRITE_ERROR 0x10

/* What a CFI query shows from offset 10h on, but for the size and the erase blocks. */
#define CFI_FIRST 0x10U
static const uint8_t cfi[] = {
	'Q',  'R',  'Y', 0x01, 0x00,    /* Intel's command set */
	0x31, 0x00, 0,   0,    0,    0, /* its extended table, below; no alternate set */
	0x45, 0x55, 0,   0,             /* 4.5 to 5.5 V, no programming voltage */
	7,    7,    10,  0,    4,    4, 4, 0, /* times, as powers of two */
	0,    2,    0,   8,    0, /* size (filled in); x8/x16; buffer of 256 bytes */
	1,    0,    0,   0,    0, /* one region of blocks (filled in) */
	'P',  'R',  'I', '1',  '0',  0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
};

void rt_flash_init(struct rt_flash *f, uint8_t *array, uint32_t size, uint32_t block_size)
{
	*f = (struct rt_flash){.array = array,
			       .size = size,
			       .block_size = block_size != 0 ? block_size : size};
}

bool rt_flash_array_mode(const struct rt_flash *f)
{
	return f->mode == 0;
}

static uint8_t cfi_byte(const struct rt_flash *f, uint32_t offset)
{
	const uint32_t blocks = f->block_size != 0 ? f->size / f->block_size : 0;

	switch (offset) {
	case 0x27: /* the power of two that holds it */
		return (uint8_t)(f->size > 1 ? 32 - __builtin_clz(f->size - 1) : 0);
	case 0x2d:
		return (uint8_t)(blocks - 1);
	case 0x2e:
		return (uint8_t)((blocks - 1) >> 8);
	case 0x2f:
		return (uint8_t)(f->block_size >> 8);
	case 0x30:
		return (uint8_t)(f->block_size >> 16);
	default:
		return offset >= CFI_FIRST && offset - CFI_FIRST < sizeof cfi
			       ? cfi[offset - CFI_FIRST]
			       : 0;
	}
}

static uint8_t read_byte(const struct rt_flash *f, uint32_t offset)
{
	if (offset >= f->size)
		return 0xff;
	switch (f->mode) {
	case 0:
		return f->array[offset];
	case CMD_READ_ID: /* maker and part: QEMU's have none; nor is any block locked */
		return 0;
	case CMD_CFI:
		return cfi_byte(f, offset & 0xff);
	default:
		return f->status;
	}
}

uint64_t rt_flash_read(struct rt_flash *f, uint32_t offset, unsigned width)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < width && i < 8; i++)
		value |= (uint64_t)(offset <= UINT32_MAX - i ? read_byte(f, offset + i)
							     : 0xff)
			 << (i * 8);
	return value;
}

static void program(struct rt_flash *f, uint32_t offset, unsigned width, uint32_t value)
{
	for (unsigned i = 0; i < width; i++)
		if (offset < f->size && i < f->size - offset)
			f->array[offset + i] &= (uint8_t)(value >> (i * 8));
	f->writes++;
}

static void erase(struct rt_flash *f, uint32_t offset)
{
	const uint32_t start = offset - offset % f->block_size;

	memset(f->array + start, 0xff,
	       f->block_size < f->size - start ? f->block_size : f->size - start);
	f->writes++;
}

static void read_array(struct rt_flash *f)
{
	f->mode = 0;
	f->cycle = 0;
}

/* The first write of a command. */
static void command(struct rt_flash *f, uint32_t offset, uint8_t value)
{
	switch (value) {
	case CMD_BUFFERED:
		f->status |= STATUS_READY; /* the buffer is free */
		f->mode = value;
		f->cycle = 1;
		break;
	case CMD_PROGRAM:
	case CMD_PROGRAM_2:
	case CMD_ERASE:
	case CMD_LOCK:
		f->mode = value;
		f->cycle = 1;
		break;
	case CMD_READ_STATUS:
	case CMD_READ_ID:
	case CMD_CFI:
		f->mode = value;
		break;
	case CMD_CLEAR_STATUS:
		f->status = 0; /* READY too: OVMF's driver takes 80h for no flash at all */
		read_array(f);
		break;
	default: /* CMD_READ_ARRAY, and what no command is */
		read_array(f);
		break;
	}
	f->address = offset;
}

/* A command that is not ended as it should be. */
static void sequence_error(struct rt_flash *f)
{
	f->status |= STATUS_READY | STATUS_ERASE_ERROR | STATUS_WRITE_ERROR;
	f->cycle = 0;
}

static void second(struct rt_flash *f, uint32_t offset, unsigned width, uint32_t value)
{
	const uint8_t byte = (uint8_t)value;

	switch (f->mode) {
	case CMD_PROGRAM:
	case CMD_PROGRAM_2:
		program(f, offset, width, value);
		f->status |= STATUS_READY;
		f->cycle = 0;
		break;
	case CMD_BUFFERED:
		f->left = byte;
		f->cycle = 2;
		break;
	case CMD_LOCK:
	case CMD_ERASE:
		if (byte == CMD_READ_ARRAY) {
			read_array(f);
		} else if (f->mode == CMD_ERASE && byte != CMD_CONFIRM) {
			sequence_error(f);
		} else {
			if (f->mode == CMD_ERASE)
				erase(f, f->address);
			f->status |= STATUS_READY; /* blocks have no locks */
			f->cycle = 0;
		}
		break;
	default:
		read_array(f);
		break;
	}
}

static void write_part(struct rt_flash *f, uint32_t offset, unsigned width, uint32_t value)
{
	if (offset >= f->size)
		return;
	switch (f->cycle) {
	case 0:
		command(f, offset, (uint8_t)value);
		break;
	case 1:
		second(f, offset, width, value);
		break;
	case 2: /* of a buffered write: its data */
		program(f, offset, width, value);
		f->status |= STATUS_READY;
		if (f->left-- == 0)
			f->cycle = 3;
		break;
	default: /* ... and its end */
		if ((uint8_t)value == CMD_CONFIRM)
			f->cycle = 0;
		else
			sequence_error(f);
		break;
	}
}

void rt_flash_write(struct rt_flash *f, uint32_t offset, unsigned width, uint64_t value)
{
	if (width <= 4) {
		write_part(f, offset, width, (uint32_t)value);
		return;
	}
	/* the bus carries four bytes at a time */
	write_part(f, offset, 4, (uint32_t)value);
	if (offset <= UINT32_MAX - 4)
		write_part(f, offset + 4, 4, (uint32_t)(value >> 32));
}
