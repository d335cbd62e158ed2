/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device models: an input is a stream of eight-byte accesses {operation, width, port or
 * offset, value}: ports, PCI configuration space, flash, bytes for guest memory, and time
 * that passes. A second machine and flash get the same and must agree.
 */
#include "runtime/rt_device.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RAM   4096U
#define FLASH 20000U /* its last block is not whole */
#define BLOCK 4096U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	uint8_t ram[RAM];
	uint8_t array[FLASH];
	uint64_t ns;
	struct rt_flash flash;
	struct rt_machine *m;
};

static bool copy_from(void *ctx, void *to, uint64_t from, size_t n)
{
	const struct world *w = ctx;

	if (from > RAM || n > RAM - from)
		return false;
	memcpy(to, w->ram + from, n);
	return true;
}

static bool copy_to(void *ctx, uint64_t to, const void *from, size_t n)
{
	struct world *w = ctx;

	if (to > RAM || n > RAM - to)
		return false;
	memcpy(w->ram + to, from, n);
	return true;
}

static uint64_t clock_ns(void *ctx, int clock)
{
	const struct world *w = ctx;

	return clock == CLOCK_REALTIME ? w->ns : w->ns / 2;
}

static const struct rt_machine_ops ops = {
	.copy_from = copy_from, .copy_to = copy_to, .clock_ns = clock_ns};

static uint64_t step(struct world *w, unsigned op, unsigned width, uint32_t at,
		     uint32_t value)
{
	uint32_t got = 0;

	switch (op) {
	case 0:
		return rt_machine_in(w->m, (uint16_t)at, width, &got) ? got : UINT64_MAX;
	case 1:
		return rt_machine_out(w->m, (uint16_t)at, width, value);
	case 2:
		return rt_machine_pci_read(w->m, value, width & 7);
	case 3: /* of the first devices' functions */
		rt_machine_pci_write(w->m, (at & 0x1f) << 15 | (at >> 5 & 0x7ff), width & 7,
				     value);
		return 0;
	case 4:
		return rt_flash_read(&w->flash, value, width);
	case 5:
		rt_flash_write(&w->flash, value, width, at);
		return 0;
	case 6: /* the offset: sixteen bytes at a time, so that DMA blocks arise */
		memcpy(w->ram + at % (RAM - 4), &value, sizeof value);
		return 0;
	default:
		w->ns += (uint64_t)value << (width * 2);
		return 0;
	}
}

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof *w);

	if (w == NULL || (w->m = malloc(rt_machine_size())) == NULL)
		abort();
	w->ns = 1700000000000000000ULL;
	for (unsigned i = 0; i < FLASH; i++)
		w->array[i] = (uint8_t)(i * 7);
	rt_machine_init(w->m, &ops, w);
	rt_flash_init(&w->flash, w->array, FLASH, BLOCK);
	return w;
}

static void world_free(struct world *w)
{
	free(w->m);
	free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world *a = world_new(), *b = world_new();

	for (; size >= 8; data += 8, size -= 8) {
		uint16_t at;
		uint32_t value;

		memcpy(&at, data + 2, sizeof at);
		memcpy(&value, data + 4, sizeof value);
		if (step(a, data[0] % 8, data[1] % 9, at, value) !=
		    step(b, data[0] % 8, data[1] % 9, at, value))
			abort();
	}
	if (memcmp(a->array, b->array, FLASH) != 0 || memcmp(a->ram, b->ram, RAM) != 0)
		abort();
	world_free(a);
	world_free(b);
	return 0;
}
