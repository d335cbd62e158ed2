/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the models of the hosted machine: their state, their tables of registers, and
 * what each offers to dev_machine.c, which finds the model of a port. Only dev_*.c include
 * this.
 */
#pragma once

#include <time.h>

#include "runtime/rt_device.h"

/* A register of a table: its bits after reset, those that a write changes, and those that a
 * write of one clears. All other bits keep their value. */
struct dev_reg {
	uint16_t offset;
	uint8_t width;
	uint32_t initial, writable, clear;
};

struct dev_regs {
	const struct dev_reg *table;
	size_t count;
	uint32_t size; /* bytes of state */
};

void dev_regs_init(const struct dev_regs *r, uint8_t *bytes);
/* Bytes past the end read as zero and are not written. */
uint32_t dev_regs_read(const struct dev_regs *r, const uint8_t *bytes, uint32_t offset,
		       unsigned width);
void dev_regs_write(const struct dev_regs *r, uint8_t *bytes, uint32_t offset,
		    unsigned width, uint32_t value);

static inline uint32_t dev_mask(unsigned width)
{
	return width >= 4 ? UINT32_MAX : (1U << (width * 8)) - 1;
}

/* State. */

struct dev_rtc {
	uint8_t index;
	uint8_t a_reads; /* of register A */
	uint8_t cmos[128];
	int64_t offset; /* of this clock from the host's, in seconds */
	/* when register C was last read: this clock, and the host's in ns */
	int64_t flags_s;
	uint64_t flags_host;
};

#define DEV_PCI_FUNCTIONS 2U
#define DEV_PCI_MCH       0U /* indices into config[] */
#define DEV_PCI_LPC       1U
struct dev_pci {
	uint32_t address; /* CF8 */
	uint8_t reset_control;
	uint8_t config[DEV_PCI_FUNCTIONS][256];
};

#define DEV_LPC_GEN_PMCON_1 0xa0U
#define DEV_LPC_SMI_LOCK    0x10U

struct dev_acpi {
	uint8_t pm[128];
	uint8_t apm_control, apm_status;
};

#define DEV_FWCFG_FILES 4U
#define DEV_FWCFG_DIR   (4U + 64U * DEV_FWCFG_FILES)
struct dev_fwcfg {
	uint16_t key;
	uint32_t offset;
	uint64_t dma_address;
	uint8_t directory[DEV_FWCFG_DIR];
	uint8_t smi_requested[8];
	uint8_t smi_ok;
};

struct dev_pit {
	uint16_t reload;
	uint8_t control;            /* access and mode, as written to port 43h */
	bool read_high, write_high; /* the second byte of a pair comes next */
	bool latched;
	uint16_t latch;
	uint64_t start; /* when counting began, in ns */
};

struct dev_legacy {
	struct {
		uint8_t mask;
		uint8_t step; /* of the initialisation: ICWs still to come */
	} pic[2];
	uint8_t elcr[2];
	struct dev_pit pit[3];
	uint8_t port61, port92;
	uint8_t post[16];
	uint8_t uart[8], divisor[2];
};

struct rt_machine {
	const struct rt_machine_ops *ops;
	void *ctx;
	struct dev_rtc rtc;
	struct dev_pci pci;
	struct dev_acpi acpi;
	struct dev_fwcfg fwcfg;
	struct dev_legacy legacy;
};

/* Models. */

struct rt_port_range {
	uint16_t first, last;
};

struct rt_device_ops {
	const char *name;
	struct rt_port_range ports[12]; /* {0, 0} ends; no model has port 0 */
	/* The widest access that it takes in one piece; a wider one comes byte by byte, as
	 * the ISA bus splits it. */
	unsigned widest;
	void (*init)(struct rt_machine *m); /* or NULL */
	uint32_t (*in)(struct rt_machine *m, uint16_t port, unsigned width);
	void (*out)(struct rt_machine *m, uint16_t port, unsigned width, uint32_t value);
};

extern const struct rt_device_ops dev_rtc_ops, dev_pci_ops, dev_acpi_ops, dev_apm_ops,
	dev_fwcfg_ops, dev_legacy_ops;

/* dev_machine.c */
uint64_t dev_clock_ns(struct rt_machine *m, clockid_t clock);
/* Ticks of a counter of @hz since the host's boot. */
uint64_t dev_ticks(struct rt_machine *m, uint32_t hz);
void dev_reset(struct rt_machine *m, const char *how);
