/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The register model: an input is a stream of accesses {operation and width, offset,
 * value}, or bytes for guest memory, which is small, and changes between two reads of the
 * same place.
 */
#include "runtserv/wire.h"

#include <stdlib.h>
#include <string.h>

#define RAM 4096U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t ram[RAM];

static bool dma_read(void *ctx, uint64_t address, void *buf, size_t n)
{
	(void)ctx;
	if (address > RAM || n > RAM - address)
		return false;
	memcpy(buf, ram + address, n);
	for (size_t i = 0; i < n; i++)
		ram[address + i] ^= 0xff;
	return true;
}

static bool dma_write(void *ctx, uint64_t address, const void *buf, size_t n)
{
	(void)ctx;
	if (address > RAM || n > RAM - address)
		return false;
	memcpy(ram + address, buf, n);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct rts_regs_ops ops = {dma_read, dma_write};
	const struct rts_vars_config config = {.quota_nv = 4096, .quota_volatile = 4096};
	struct rts_wire w = {0};
	struct rts_regs *r;

	if (rts_vars_new(&config, &w.vars) != EFI_SUCCESS ||
	    rts_vars_start(w.vars) != EFI_SUCCESS ||
	    rts_regs_new(&w, &ops, NULL, false, &r) != EFI_SUCCESS)
		abort();
	memset(ram, 0, sizeof ram);
	while (size >= 10) {
		const unsigned op = data[0] >> 4, width = data[0] & 15, offset = data[1];
		uint64_t value;

		memcpy(&value, data + 2, sizeof value);
		data += 10;
		size -= 10;
		if (op == 0) {
			(void)rts_regs_read(r, offset, width);
		} else if (op == 1) {
			rts_regs_write(r, offset, value, width);
		} else if (op == 2) {
			rts_regs_reset(r);
		} else { /* guest memory: offset * 16, as many bytes as the value says */
			size_t at = offset * 16, n = value & 0xfff;

			n = n < size ? n : size;
			n = n < RAM - at ? n : RAM - at;
			memcpy(ram + at, data, n);
			data += n;
			size -= n;
		}
	}
	rts_regs_free(r);
	rts_vars_free(w.vars);
	return 0;
}
