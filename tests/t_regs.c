/* SPDX-License-Identifier: BSD-2-Clause */
/* The register model without any guest: magic, sizes, commands, DMA with hostile memory,
 * PIO with its CRC, resets. */
#include "base/crc32.h"
#include "mm_message.h"
#include "runtserv/wire.h"
#include "test.h"

#include <stdlib.h>

#define RAM_SIZE 0x20000U

static const EFI_GUID ns = {0x11111111, 0x2222, 0x3333, {1, 2, 3, 4, 5, 6, 7, 8}};

struct fixture {
	struct rts_vars *v;
	struct rts_wire w;
	struct rts_regs *r;
	uint8_t ram[RAM_SIZE];
	bool racing; /* MessageLength changes after it was read once */
	unsigned reads;
	bool read_only;
	struct mm m;
};

static bool dma_read(void *ctx, uint64_t address, void *buf, size_t n)
{
	struct fixture *f = ctx;

	if (address > RAM_SIZE || n > RAM_SIZE - address)
		return false;
	memcpy(buf, f->ram + address, n);
	if (f->racing && f->reads++ == 0)
		memset(f->ram + address + 16, 0xff, 8);
	return true;
}

static bool dma_write(void *ctx, uint64_t address, const void *buf, size_t n)
{
	struct fixture *f = ctx;

	if (f->read_only || address > RAM_SIZE || n > RAM_SIZE - address)
		return false;
	memcpy(f->ram + address, buf, n);
	return true;
}

static const struct rts_regs_ops ops = {dma_read, dma_write};

static int setup(void **state)
{
	struct fixture *f = aligned_alloc(64, (sizeof *f + 63) / 64 * 64);
	const struct rts_vars_config config = {0};

	memset(f, 0, sizeof *f);
	*state = f;
	if (EFI_ERROR(rts_vars_new(&config, &f->v)) || EFI_ERROR(rts_vars_start(f->v)))
		return 1;
	f->w.vars = f->v;
	rts_vars_set(f->v, u"Var", 8, &ns, 7, "value", 5);
	return EFI_ERROR(rts_regs_new(&f->w, &ops, f, true, &f->r));
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	rts_regs_free(f->r);
	rts_vars_free(f->v);
	free(f);
	return 0;
}

static unsigned command(struct fixture *f, unsigned cmd)
{
	rts_regs_write(f->r, UEFI_VARS_REG_CMD_STS, cmd, 2);
	return (unsigned)rts_regs_read(f->r, UEFI_VARS_REG_CMD_STS, 2);
}

static void registers(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(rts_regs_read(f->r, 0, 2), 0x0ef1);
	assert_int_equal(rts_regs_read(f->r, UEFI_VARS_REG_FLAGS, 4),
			 UEFI_VARS_FLAG_USE_PIO);
	assert_int_equal(rts_regs_read(f->r, UEFI_VARS_REG_PIO_BUFFER_CRC32C, 4), 0);
	assert_int_equal(command(f, 99), UEFI_VARS_STS_ERR_NOT_SUPPORTED);
	assert_int_equal(command(f, UEFI_VARS_CMD_DMA_MM),
			 UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE);
	assert_int_equal(command(f, UEFI_VARS_CMD_PIO_MM),
			 UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE);
	rts_regs_write(f->r, UEFI_VARS_REG_BUFFER_SIZE, 0x100000, 4);
	assert_int_equal(rts_regs_read(f->r, UEFI_VARS_REG_BUFFER_SIZE, 4), 65536);
	rts_regs_write(f->r, UEFI_VARS_REG_DMA_BUFFER_ADDR_LO, 0x12345678, 4);
	rts_regs_write(f->r, UEFI_VARS_REG_DMA_BUFFER_ADDR_HI, 0x9abcdef0, 4);
	assert_int_equal(rts_regs_read(f->r, UEFI_VARS_REG_DMA_BUFFER_ADDR_LO, 4),
			 0x12345678);
	assert_int_equal(rts_regs_read(f->r, UEFI_VARS_REG_DMA_BUFFER_ADDR_HI, 4),
			 0x9abcdef0);
	assert_int_equal(command(f, UEFI_VARS_CMD_DMA_MM),
			 UEFI_VARS_STS_ERR_UNKNOWN); /* no memory there */
	rts_vars_exit_boot_services(f->v);
	assert_int_equal(command(f, UEFI_VARS_CMD_RESET), UEFI_VARS_STS_SUCCESS);
	assert_int_equal(rts_regs_read(f->r, UEFI_VARS_REG_BUFFER_SIZE, 4), 0);
	assert_int_equal(rts_regs_read(f->r, UEFI_VARS_REG_DMA_BUFFER_ADDR_LO, 4), 0);
	assert_int_equal(rts_regs_read(f->r, UEFI_VARS_REG_DMA_BUFFER_ADDR_HI, 4), 0);
	assert_true(rts_vars_phase(f->v).runtime); /* a soft reset leaves phases alone */
	rts_regs_reset(f->r);
	assert_false(rts_vars_phase(f->v).runtime);
	/* no register, no width: no effect */
	for (unsigned off = 0; off < 0x40; off++)
		for (unsigned width = 0; width < 10; width++) {
			if (off == UEFI_VARS_REG_CMD_STS)
				continue;
			rts_regs_write(f->r, off, UINT64_MAX, width);
			(void)rts_regs_read(f->r, off, width);
		}
	assert_int_equal(rts_regs_read(f->r, UEFI_VARS_REG_MAGIC, 2), 0x0ef1);
}

static void dma(void **state)
{
	struct fixture *f = *state;
	static const uint64_t lengths[] = {65536 - 23, UINT64_MAX, UINT64_MAX - 23,
					   1ULL << 63};
	const uint64_t at = 0x1000;

	rts_regs_write(f->r, UEFI_VARS_REG_BUFFER_SIZE, 65536, 4);
	rts_regs_write(f->r, UEFI_VARS_REG_DMA_BUFFER_ADDR_LO, at, 4);
	mm_access(&f->m, SMM_VARIABLE_FUNCTION_GET_VARIABLE, &ns, u"Var", 8, 0, NULL, 16);
	memset(f->ram, 0xee, sizeof f->ram);
	memcpy(f->ram + at, f->m.buf, f->m.len);
	assert_int_equal(command(f, UEFI_VARS_CMD_DMA_MM), UEFI_VARS_STS_SUCCESS);
	assert_memory_equal(f->ram + at + MM_PAYLOAD + 44, "value", 5);
	assert_int_equal(f->ram[at + f->m.len],
			 0xee); /* exactly the request's length comes back */
	for (size_t i = 0; i < COUNT(lengths); i++) {
		memcpy(f->ram + at + 16, &lengths[i], 8);
		assert_int_equal(command(f, UEFI_VARS_CMD_DMA_MM),
				 UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE);
	}
	memcpy(f->ram + at, f->m.buf,
	       f->m.len); /* the guest rewrites the header while we look */
	f->racing = true;
	assert_int_equal(command(f, UEFI_VARS_CMD_DMA_MM), UEFI_VARS_STS_SUCCESS);
	assert_memory_equal(f->ram + at + MM_PAYLOAD + 44, "value", 5);
	f->racing = false;
	rts_regs_write(f->r, UEFI_VARS_REG_DMA_BUFFER_ADDR_LO, RAM_SIZE - 30,
		       4); /* runs out of memory */
	memcpy(f->ram + RAM_SIZE - 30, f->m.buf, 30);
	assert_int_equal(command(f, UEFI_VARS_CMD_DMA_MM), UEFI_VARS_STS_ERR_UNKNOWN);
	rts_regs_write(f->r, UEFI_VARS_REG_DMA_BUFFER_ADDR_LO, 0xfffffff0, 4); /* wraps */
	rts_regs_write(f->r, UEFI_VARS_REG_DMA_BUFFER_ADDR_HI, 0xffffffff, 4);
	assert_int_equal(command(f, UEFI_VARS_CMD_DMA_MM), UEFI_VARS_STS_ERR_UNKNOWN);
	rts_regs_write(f->r, UEFI_VARS_REG_BUFFER_SIZE, 64,
		       4); /* a buffer too small for the message */
	rts_regs_write(f->r, UEFI_VARS_REG_DMA_BUFFER_ADDR_LO, at, 4);
	rts_regs_write(f->r, UEFI_VARS_REG_DMA_BUFFER_ADDR_HI, 0, 4);
	memcpy(f->ram + at, f->m.buf, f->m.len);
	assert_int_equal(command(f, UEFI_VARS_CMD_DMA_MM),
			 UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE);
}

/* What just fits, in the buffer and in memory, and what is one byte more. */
static void dma_edges(void **state)
{
	struct fixture *f = *state;
	static const EFI_GUID event = EFI_END_OF_DXE_EVENT_GROUP_GUID;
	static const struct {
		bool event;
		size_t more; /* bytes of an event's message */
		int buffer;  /* beyond the message */
		int memory;  /* likewise */
		unsigned status;
	} cases[] = {
		{false, 0, 0, 0, UEFI_VARS_STS_SUCCESS},
		{false, 0, -1, 0, UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE},
		{false, 0, 0, -1, UEFI_VARS_STS_ERR_UNKNOWN},
		{true, 0, 0, 0, UEFI_VARS_STS_SUCCESS},
		{true, 0, -1, 0, UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE},
		{true, 1, 0, 0, UEFI_VARS_STS_SUCCESS},
		{true, 1, 0, -1, UEFI_VARS_STS_ERR_UNKNOWN},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t at;

		if (cases[i].event) {
			mm_begin(&f->m, event);
			f->m.len += cases[i].more;
			mm_end(&f->m);
		} else {
			mm_access(&f->m, SMM_VARIABLE_FUNCTION_GET_VARIABLE, &ns, u"Var", 8,
				  0, NULL, 16);
		}
		at = RAM_SIZE - f->m.len - (size_t)cases[i].memory;
		memcpy(f->ram + at, f->m.buf, RAM_SIZE - at);
		rts_regs_write(f->r, UEFI_VARS_REG_BUFFER_SIZE,
			       f->m.len + (size_t)cases[i].buffer, 4);
		rts_regs_write(f->r, UEFI_VARS_REG_DMA_BUFFER_ADDR_LO, at, 4);
		if (command(f, UEFI_VARS_CMD_DMA_MM) != cases[i].status)
			fail_msg("case %zu", i);
	}
	/* an answer that cannot be written is none */
	f->read_only = true;
	memcpy(f->ram, f->m.buf, f->m.len);
	rts_regs_write(f->r, UEFI_VARS_REG_DMA_BUFFER_ADDR_LO, 0, 4);
	assert_int_equal(command(f, UEFI_VARS_CMD_DMA_MM), UEFI_VARS_STS_ERR_UNKNOWN);
	rts_regs_reset(f->r);
	assert_int_equal(rts_regs_read(f->r, UEFI_VARS_REG_CMD_STS, 2),
			 UEFI_VARS_STS_SUCCESS);
	rts_regs_free(f->r);
	assert_int_equal(rts_regs_new(&f->w, &ops, f, false, &f->r), EFI_SUCCESS);
	assert_int_equal(rts_regs_read(f->r, UEFI_VARS_REG_FLAGS, 4), 0);
	assert_int_equal(rts_regs_read(f->r, UEFI_VARS_REG_MAGIC, 1), 0xf1);
	assert_int_equal(rts_regs_read(f->r, UEFI_VARS_REG_MAGIC, 3), 0);
	rts_regs_write(f->r, UEFI_VARS_REG_BUFFER_SIZE, 8, 4);
	rts_regs_write(f->r, UEFI_VARS_REG_PIO_BUFFER_TRANSFER, 0x9904030201, 4);
	rts_regs_write(f->r, UEFI_VARS_REG_PIO_BUFFER_TRANSFER, 0x08070605, 4);
	assert_int_equal(rts_regs_read(f->r, UEFI_VARS_REG_PIO_BUFFER_CRC32C, 4),
			 crc32c_update(0, "\1\2\3\4\5\6\7\b", 8));
}

static void pio(void **state)
{
	struct fixture *f = *state;
	static const unsigned widths[] = {1, 2, 4, 8};

	for (size_t k = 0; k < COUNT(widths); k++) {
		const unsigned w = widths[k];
		size_t n;

		rts_regs_write(f->r, UEFI_VARS_REG_BUFFER_SIZE, 65536, 4);
		mm_access(&f->m, SMM_VARIABLE_FUNCTION_GET_VARIABLE, &ns, u"Var", 8, 0,
			  NULL, 20);
		n = (f->m.len + 7) & ~7UL;
		memset(f->m.buf + f->m.len, 0, n - f->m.len);
		assert_int_equal(command(f, UEFI_VARS_CMD_PIO_ZERO_OFFSET),
				 UEFI_VARS_STS_SUCCESS);
		for (size_t i = 0; i < n; i += w) {
			uint64_t value = 0;

			memcpy(&value, f->m.buf + i, w);
			rts_regs_write(f->r, UEFI_VARS_REG_PIO_BUFFER_TRANSFER, value, w);
		}
		assert_int_equal(rts_regs_read(f->r, UEFI_VARS_REG_PIO_BUFFER_CRC32C, 4),
				 crc32c_update(0, f->m.buf, n));
		assert_int_equal(command(f, UEFI_VARS_CMD_PIO_MM), UEFI_VARS_STS_SUCCESS);
		assert_int_equal(command(f, UEFI_VARS_CMD_PIO_ZERO_OFFSET),
				 UEFI_VARS_STS_SUCCESS);
		for (size_t i = 0; i < n; i += w) {
			uint64_t value =
				rts_regs_read(f->r, UEFI_VARS_REG_PIO_BUFFER_TRANSFER, w);

			memcpy(f->m.buf + i, &value, w);
		}
		assert_int_equal(mm_status(&f->m), EFI_SUCCESS);
		assert_memory_equal(f->m.buf + MM_PAYLOAD + 44, "value", 5);
		assert_int_equal(rts_regs_read(f->r, UEFI_VARS_REG_PIO_BUFFER_CRC32C, 4),
				 crc32c_update(0, f->m.buf, n));
	}
	/* the end of the buffer: nothing moves beyond it, in either direction */
	rts_regs_write(f->r, UEFI_VARS_REG_BUFFER_SIZE, 6, 4);
	for (unsigned i = 0; i < 4; i++)
		rts_regs_write(f->r, UEFI_VARS_REG_PIO_BUFFER_TRANSFER, 0x04030201, 4);
	assert_int_equal(rts_regs_read(f->r, UEFI_VARS_REG_PIO_BUFFER_CRC32C, 4),
			 crc32c_update(0, "\1\2\3\4", 4));
	assert_int_equal(rts_regs_read(f->r, UEFI_VARS_REG_PIO_BUFFER_TRANSFER, 4), 0);
	assert_int_equal(rts_regs_read(f->r, UEFI_VARS_REG_PIO_BUFFER_TRANSFER, 2), 0);
	rts_regs_write(f->r, UEFI_VARS_REG_BUFFER_SIZE, 4,
		       4); /* smaller than the offset was */
	assert_int_equal(rts_regs_read(f->r, UEFI_VARS_REG_PIO_BUFFER_CRC32C, 4), 0);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {T(registers), T(dma), T(dma_edges), T(pio)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
