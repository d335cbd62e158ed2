/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI configuration space of two functions, the Q35 host bridge and the ICH9 LPC bridge,
 * by CF8h/CFCh and as ECAM shows it, and the reset control register CF9h. Registers hold
 * what OVMF's PEI phase leaves in them. What they would move (PMBASE, PCIEXBAR) stays where
 * it is, so those do not change.
 */
#include "runtime/dev_machine.h"

#include <string.h>

#define MCH_EXT_TSEG  0x50U
#define MCH_SMBASE    0x9cU
#define MCH_SMRAM     0x9dU
#define MCH_ESMRAMC   0x9eU
#define EXT_TSEG_MB   16U /* the answer to a query of all ones */
#define SMRAM_D_LCK   0x10U
#define SMRAM_D_OPEN  0x40U
#define SMBASE_QUERY  0xffU
#define SMBASE_IN_RAM 0x01U

#define CF8_ENABLE   0x80000000U
#define RESET_CPU    0x04U /* a change to 1 resets; the next two say how */
#define RESET_SYSTEM 0x02U
#define RESET_FULL   0x08U

#define RAM_TOP_MB (RT_MACHINE_RAM_TOP >> 20)
#define TSEG_BASE  (RT_MACHINE_RAM_TOP - RT_MACHINE_TSEG_LEN)

/* clang-format off */
static const struct dev_reg mch[] = {
	{0x00, 4, 0x29c08086, 0,          0},
	{0x04, 4, 0x00000007, 0x00000146, 0xf9000000}, /* command, status */
	{0x08, 4, 0x06000000, 0,          0},
	{0x2c, 4, 0x11001af4, 0,          0},
	{MCH_EXT_TSEG, 2, EXT_TSEG_MB, 0xffff, 0},
	{0x52, 2, 0x0002,     0x0002,     0},          /* GGC: no graphics */
	{0x60, 4, 0xb0000001, 0,          0},          /* PCIEXBAR, 256 buses */
	{0x64, 4, 0,          0,          0},
	{0x90, 4, 0x33333330, 0x33333330, 0},          /* PAM: all RAM */
	{0x94, 4, 0x00333333, 0x00333333, 0},
	{MCH_SMBASE,  1, 0,    0xff,      0},
	{MCH_SMRAM,   1, 0x0a, 0x78,      0},          /* G_SMRAME */
	{MCH_ESMRAMC, 1, 0x3d, 0x87,      0x40},       /* 8 MiB, closed; caches always on */
	{0xa4, 4, RAM_TOP_MB << 20, 0xfff00000, 0},    /* GBSM */
	{0xa8, 4, RAM_TOP_MB << 20, 0xfff00000, 0},    /* BGSM */
	{0xac, 4, TSEG_BASE,  0xfff00000, 0},          /* TSEGMB */
	{0xb0, 2, RAM_TOP_MB << 4, 0xfff0, 0},         /* TOLUD */
};

static const struct dev_reg lpc[] = {
	{0x00, 4, 0x29188086, 0,          0},
	{0x04, 4, 0x02000007, 0x00000146, 0xf9000000},
	{0x08, 4, 0x06010002, 0,          0},
	{0x0c, 4, 0x00800000, 0,          0},          /* one of several functions */
	{0x2c, 4, 0x11001af4, 0,          0},
	{0x40, 4, 0x00000601, 0,          0},          /* PMBASE */
	{0x44, 1, 0x80,       0x87,       0},          /* ACPI_CNTL: ACPI_EN */
	{0x60, 4, 0x0b0b0a0a, 0x8f8f8f8f, 0},          /* PIRQA to D */
	{0x68, 4, 0x0b0b0a0a, 0x8f8f8f8f, 0},          /* PIRQE to H */
	{0x80, 2, 0,          0x1377,     0},          /* LPC_I/O decode */
	{0x82, 2, 0x0001,     0x3f0f,     0},          /* COM1 enabled */
	{DEV_LPC_GEN_PMCON_1, 2, 0, 0x06fb, 0},
	{0xdc, 1, 0,          0x1f,       0},          /* BIOS_CNTL */
	{0xf0, 4, 0xfed1c001, 0,          0},          /* RCBA */
};
/* clang-format on */

static const struct {
	uint8_t device_function;
	struct dev_regs regs;
} functions[DEV_PCI_FUNCTIONS] = {
	[DEV_PCI_MCH] = {0x00, {mch, sizeof mch / sizeof *mch, 256}},
	[DEV_PCI_LPC] = {0xf8, {lpc, sizeof lpc / sizeof *lpc, 256}},
};

static unsigned function_of(uint32_t offset)
{
	unsigned i = 0;

	while (i < DEV_PCI_FUNCTIONS && functions[i].device_function != offset >> 12)
		i++;
	return i;
}

uint32_t rt_machine_pci_read(struct rt_machine *m, uint32_t offset, unsigned width)
{
	const unsigned i = function_of(offset);

	if (i == DEV_PCI_FUNCTIONS)
		return dev_mask(width); /* no function answers */
	return dev_regs_read(&functions[i].regs, m->pci.config[i], offset & 0xfff, width);
}

/* What a write to the host bridge means beyond its bits. @old: as it was. */
static void mch_changed(uint8_t *c, const uint8_t *old)
{
	if (c[MCH_EXT_TSEG] == 0xff && c[MCH_EXT_TSEG + 1] == 0xff) {
		c[MCH_EXT_TSEG] = EXT_TSEG_MB;
		c[MCH_EXT_TSEG + 1] = 0;
	}
	if (c[MCH_SMBASE] == SMBASE_QUERY)
		c[MCH_SMBASE] = SMBASE_IN_RAM;
	if ((old[MCH_SMRAM] & SMRAM_D_LCK) != 0) {
		c[MCH_SMRAM] = old[MCH_SMRAM];
		c[MCH_ESMRAMC] = old[MCH_ESMRAMC];
		c[MCH_SMBASE] = old[MCH_SMBASE];
	} else if ((c[MCH_SMRAM] & SMRAM_D_LCK) != 0) {
		c[MCH_SMRAM] &= (uint8_t)~SMRAM_D_OPEN;
	}
}

void rt_machine_pci_write(struct rt_machine *m, uint32_t offset, unsigned width,
			  uint32_t value)
{
	const unsigned i = function_of(offset);
	uint8_t old[256];
	uint8_t *c;

	if (i == DEV_PCI_FUNCTIONS)
		return;
	c = m->pci.config[i];
	memcpy(old, c, sizeof old);
	dev_regs_write(&functions[i].regs, c, offset & 0xfff, width, value);
	if (i == DEV_PCI_MCH)
		mch_changed(c, old);
	else /* once set, SMI_LOCK stays */
		c[DEV_LPC_GEN_PMCON_1] |= old[DEV_LPC_GEN_PMCON_1] & DEV_LPC_SMI_LOCK;
}

static void pci_init(struct rt_machine *m)
{
	for (unsigned i = 0; i < DEV_PCI_FUNCTIONS; i++)
		dev_regs_init(&functions[i].regs, m->pci.config[i]);
}

/* The ECAM offset that CF8h and @port name. */
static uint32_t cf8_offset(const struct rt_machine *m, uint16_t port)
{
	const uint32_t a = m->pci.address;

	return (a & 0x00ffff00) << 4 | (a & 0xfc) | (port & 3U);
}

static uint32_t pci_in(struct rt_machine *m, uint16_t port, unsigned width)
{
	if (port >= 0xcfc)
		return (m->pci.address & CF8_ENABLE) != 0
			       ? rt_machine_pci_read(m, cf8_offset(m, port), width)
			       : UINT32_MAX;
	if (port == 0xcf8 && width == 4)
		return m->pci.address;
	return port == 0xcf9 && width == 1 ? m->pci.reset_control : UINT32_MAX;
}

static void pci_out(struct rt_machine *m, uint16_t port, unsigned width, uint32_t value)
{
	if (port >= 0xcfc) {
		if ((m->pci.address & CF8_ENABLE) != 0)
			rt_machine_pci_write(m, cf8_offset(m, port), width, value);
	} else if (port == 0xcf8 && width == 4) {
		m->pci.address = value & 0x80fffffc;
	} else if (port == 0xcf9 && width == 1) {
		m->pci.reset_control = value & (RESET_FULL | RESET_SYSTEM);
		if ((value & RESET_CPU) != 0)
			dev_reset(m, (value & RESET_SYSTEM) == 0 ? "soft reset by port cf9"
				     : (value & RESET_FULL) != 0
					     ? "power cycle by port cf9"
					     : "hard reset by port cf9");
	}
}

const struct rt_device_ops dev_pci_ops = {
	.name = "pci",
	.ports = {{0xcf8, 0xcff}},
	.widest = 4,
	.init = pci_init,
	.in = pci_in,
	.out = pci_out,
};
