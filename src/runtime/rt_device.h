/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device models of the hosted machine: a Q35 as OVMF knows it, after its PEI phase. They
 * live in the child and are asked from its fault handler: no allocation, no locks, no
 * system call but the clock's (which the kernel's vDSO answers), and no more state than
 * their own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the registers of the machine say about its memory: it ends here, and its last part
 * is SMRAM (TSEG), closed and not locked, as OVMF's PEI phase leaves it. */
#define RT_MACHINE_RAM_TOP  0x40000000U
#define RT_MACHINE_TSEG_LEN 0x00800000U

/* What a model may ask of its machine. All but the first two may be NULL. */
struct rt_machine_ops {
	/* Guest-physical memory, for fw_cfg DMA; false where there is none. */
	bool (*copy_from)(void *ctx, void *to, uint64_t from, size_t n);
	bool (*copy_to)(void *ctx, uint64_t to, const void *from, size_t n);
	/* CF9, keyboard controller, port 92h, ACPI sleep: does not return. If it does, the
	 * write had no effect. */
	void (*reset)(void *ctx, const char *how);
	/* APM_CNT was written while SMIs are enabled. NULL: no SMI handler answers. */
	void (*smi)(void *ctx, uint8_t command, uint8_t data);
	/* Nanoseconds of CLOCK_REALTIME or CLOCK_MONOTONIC. NULL: this host's clocks. */
	uint64_t (*clock_ns)(void *ctx, int clock);
};

struct rt_machine; /* all models together; lives in memory that the caller gives */

size_t rt_machine_size(void);
void rt_machine_init(struct rt_machine *m, const struct rt_machine_ops *ops, void *ctx);

/* Port access of the driver; width is 1, 2 or 4. False: no model has that port. */
bool rt_machine_in(struct rt_machine *m, uint16_t port, unsigned width, uint32_t *ret);
bool rt_machine_out(struct rt_machine *m, uint16_t port, unsigned width, uint32_t value);

/* PCI configuration space as ECAM shows it, for a memory-mapped page; offset = bus << 20 |
 * device << 15 | function << 12 | register. Width is 1, 2 or 4. */
uint32_t rt_machine_pci_read(struct rt_machine *m, uint32_t offset, unsigned width);
void rt_machine_pci_write(struct rt_machine *m, uint32_t offset, unsigned width,
			  uint32_t value);

/* x86 port and privileged instructions. */
enum rt_insn_kind {
	RT_INSN_OTHER,
	RT_INSN_IN,
	RT_INSN_OUT,
	RT_INSN_INS,
	RT_INSN_OUTS,
	RT_INSN_CLI,
	RT_INSN_STI,
	RT_INSN_PRIVILEGED
};
struct rt_insn {
	enum rt_insn_kind kind;
	uint8_t length;
	uint8_t width;  /* of the port access */
	bool immediate; /* the port is @port, else DX */
	uint8_t port;
	bool rep;
	bool address32; /* RT_INSN_INS, _OUTS: EDI/ESI and ECX count, not RDI/RSI and RCX */
	char name[12];  /* RT_INSN_PRIVILEGED: "hlt", "rdmsr", "wrmsr", "mov cr3", "lgdt",
			 * ...; empty otherwise */
};
/*
 * Decodes the 64-bit instruction at @p, of which @n bytes may be read. False, and
 * RT_INSN_OTHER: not one of these, or it does not end within @n bytes.
 */
bool rt_insn_decode(const uint8_t *p, size_t n, struct rt_insn *ret);

/* A mov of a register, or of a constant, to memory. */
struct rt_store {
	uint8_t length;
	uint8_t width; /* 1, 2, 4 or 8 */
	bool immediate;
	bool high;      /* of the register's second byte: AH, CH, DH, BH */
	uint8_t reg;    /* 0 RAX, 1 RCX, 2 RDX, 3 RBX, 4 RSP, ... 15 R15 */
	uint64_t value; /* of a constant */
};
/* The same for an instruction whose write to memory was stopped: false for any other. */
bool rt_insn_store(const uint8_t *p, size_t n, struct rt_store *ret);

/*
 * A CFI flash (Intel command set, one byte wide as QEMU's pflash_cfi01 is for OVMF): the
 * state machine alone. In array mode memory is what @array holds and may be mapped
 * read-only; in any other mode every access must come here. Programming clears bits and
 * never sets one; offsets outside are ignored and read as ones.
 */
struct rt_flash {
	uint8_t *array;
	uint32_t size, block_size;
	uint8_t mode;  /* 0: array mode; else the command that chose it */
	uint8_t cycle; /* of a command under way: 0 none, 1, 2, 3 */
	uint8_t status;
	uint32_t address; /* of a command under way */
	uint32_t left;    /* writes of a buffered write still to come, less one */
	uint64_t writes;  /* to the array: programs and erases */
};
void rt_flash_init(struct rt_flash *f, uint8_t *array, uint32_t size, uint32_t block_size);
bool rt_flash_array_mode(const struct rt_flash *f);
/* Width is 1, 2, 4 or 8. */
uint64_t rt_flash_read(struct rt_flash *f, uint32_t offset, unsigned width);
void rt_flash_write(struct rt_flash *f, uint32_t offset, unsigned width, uint64_t value);
