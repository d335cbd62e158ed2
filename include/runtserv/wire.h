/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The variable service as firmware speaks to it: MM communicate messages (PI 1.8 vol 4
 * §5.7) of edk2's SMM variable protocol, its variable policy protocol and its boot events;
 * and the register model of the uefi-vars device, for a VMM that wants to be one. No
 * transport: memory in, memory out.
 */
#pragma once

#include "runtserv/vars.h"
#include "uefi/mm.h"
#include "uefi/uefi_vars_regs.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the host of our own guest driver decides; NULL ops where no such driver is served.
 */
struct rts_wire_guest_ops {
	/* The driver begins anew. False: it may not, for the guest runs an operating
	 * system. */
	bool (*may_init)(void *ctx);
	/* The driver says something (GUEST_DRIVER_REPORT_*). May be NULL. */
	void (*report)(void *ctx, uint32_t what);
};

/* Zeroed: a service without guest driver. Borrowed by every call; keeps nothing but the
 * counters. */
struct rts_wire {
	struct rts_vars *vars;
	const struct rts_wire_guest_ops *guest;
	void *guest_ctx;
	bool again; /* the request may have been executed before: an append, for which twice
		     * is not once, and a signed write, which would not be newer, are
		     * refused with EFI_DEVICE_ERROR; all else may be repeated */
	uint64_t import_count; /* IMPORT messages since INIT */
	uint32_t dump_len;     /* of the dump of policies that is under way; 0: none */
};

/*
 * Answers one communicate buffer in place. @buf is the caller's private copy, aligned to 8
 * bytes, of
 * @len received bytes (at most MM_BUFFER_MAX). Returns a UEFI_VARS_STS_*; with
 * UEFI_VARS_STS_SUCCESS the reply is the first *ret_len bytes of @buf (24 + MessageLength),
 * else *ret_len is 0.
 */
uint32_t rts_wire_mm(struct rts_wire *w, uint8_t *buf, size_t len, size_t *ret_len);

/* The register model. */
struct rts_regs;

struct rts_regs_ops {
	/* Guest-physical memory; false where it is not there. */
	bool (*dma_read)(void *ctx, uint64_t address, void *buf, size_t len);
	bool (*dma_write)(void *ctx, uint64_t address, const void *buf, size_t len);
};

/* @wire and @ops are borrowed for life; @use_pio sets UEFI_VARS_FLAG_USE_PIO. Heap;
 * EFI_OUT_OF_RESOURCES. */
EFI_STATUS rts_regs_new(struct rts_wire *wire, const struct rts_regs_ops *ops, void *ctx,
			bool use_pio, struct rts_regs **ret);
void rts_regs_free(struct rts_regs *r);

/* One access of @width 1, 2, 4 or 8 bytes at @offset; what is not a register reads 0 and
 * ignores writes. */
uint64_t rts_regs_read(struct rts_regs *r, uint64_t offset, unsigned width);
void rts_regs_write(struct rts_regs *r, uint64_t offset, uint64_t value, unsigned width);

/* The machine was reset: registers as at power-on, and rts_vars_reset(). */
void rts_regs_reset(struct rts_regs *r);

#ifdef __cplusplus
}
#endif
