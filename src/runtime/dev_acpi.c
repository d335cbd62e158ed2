/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The power management block of ICH9 at 600h: PM1, GPE0, SMI and TCO registers and the PM
 * timer; and the two APM ports, by which software asks for an SMI. No event ever happens by
 * itself: status bits are zero unless a driver's own write set them.
 */
#include "runtime/dev_machine.h"

#define BASE    0x600
#define PM1_CNT 0x04U
#define PM_TMR  0x08U
#define SMI_EN  0x30U
#define SMI_STS 0x34U

#define PM1_SCI_EN 0x01U
#define PM1_SLP_EN 0x20U /* in the second byte of PM1_CNT */

#define SMI_EN_GLOBAL 0x01U
#define SMI_EN_APMC   0x20U
#define SMI_STS_APM   0x20U

#define APM_CNT          0xb2
#define APM_STS          0xb3
#define APM_ACPI_ENABLE  0x02
#define APM_ACPI_DISABLE 0x03

#define PM_TIMER_HZ 3579545

/* clang-format off */
static const struct dev_reg registers[] = {
	{0x00, 2, 0, 0,          0xcf31}, /* PM1_STS */
	{0x02, 2, 0, 0x4721,     0},      /* PM1_EN */
	{PM1_CNT, 4, 0, 0x3c07,  0},
	{0x20, 4, 0, 0,          0xffffffff}, /* GPE0_STS */
	{0x24, 4, 0, 0,          0xffffffff},
	{0x28, 4, 0, 0xffffffff, 0},          /* GPE0_EN */
	{0x2c, 4, 0, 0xffffffff, 0},
	/* APMC_EN clear: QEMU's way to say that there are SMIs */
	{SMI_EN,  4, 0, 0x0006787f, 0},
	{SMI_STS, 4, 0, 0,          0x07ffffff},
	{0x38, 2, 0, 0xffff,     0},      /* ALT_GP_SMI_EN */
	{0x60, 2, 4, 0x03ff,     0},      /* TCO_RLD */
	{0x64, 2, 0, 0,          0x1fff}, /* TCO1_STS, TCO2_STS */
	{0x66, 2, 0, 0,          0x001f},
	{0x68, 2, 0, 0x1f00,     0},      /* TCO1_CNT: no timer runs */
	{0x6a, 2, 8, 0x003e,     0},
	{0x72, 2, 4, 0x03ff,     0},      /* TCO_TMR */
};
/* clang-format on */

static const struct dev_regs pm = {registers, sizeof registers / sizeof *registers, 128};

static void acpi_init(struct rt_machine *m)
{
	dev_regs_init(&pm, m->acpi.pm);
}

static uint32_t acpi_in(struct rt_machine *m, uint16_t port, unsigned width)
{
	const uint32_t offset = port - BASE;

	if (offset >= PM_TMR && offset < PM_TMR + 4)
		return (uint32_t)(dev_ticks(m, PM_TIMER_HZ) & 0xffffff) >>
		       ((offset - PM_TMR) * 8);
	return dev_regs_read(&pm, m->acpi.pm, offset, width);
}

static void acpi_out(struct rt_machine *m, uint16_t port, unsigned width, uint32_t value)
{
	uint8_t *regs = m->acpi.pm;
	const uint8_t smi_en = regs[SMI_EN];

	dev_regs_write(&pm, regs, (uint32_t)port - BASE, width, value);
	if ((m->pci.config[DEV_PCI_LPC][DEV_LPC_GEN_PMCON_1] & DEV_LPC_SMI_LOCK) != 0)
		regs[SMI_EN] = (uint8_t)((regs[SMI_EN] & ~SMI_EN_GLOBAL) |
					 (smi_en & SMI_EN_GLOBAL));
	if ((regs[PM1_CNT + 1] & PM1_SLP_EN) != 0) {
		regs[PM1_CNT + 1] &= (uint8_t)~PM1_SLP_EN; /* reads as zero */
		/* sleep type 0 is QEMU's S5; of the others there is no coming back either
		 */
		dev_reset(m, (regs[PM1_CNT + 1] & 0x1c) == 0 ? "power off by ACPI"
							     : "sleep by ACPI");
	}
}

const struct rt_device_ops dev_acpi_ops = {
	.name = "acpi",
	.ports = {{BASE, BASE + 0x7f}},
	.widest = 4,
	.init = acpi_init,
	.in = acpi_in,
	.out = acpi_out,
};

static void apm_control(struct rt_machine *m, uint8_t value)
{
	uint8_t *regs = m->acpi.pm;

	m->acpi.apm_control = value;
	if (value == APM_ACPI_ENABLE)
		regs[PM1_CNT] |= PM1_SCI_EN;
	else if (value == APM_ACPI_DISABLE)
		regs[PM1_CNT] &= (uint8_t)~PM1_SCI_EN;
	if ((regs[SMI_EN] & (SMI_EN_GLOBAL | SMI_EN_APMC)) != (SMI_EN_GLOBAL | SMI_EN_APMC))
		return;
	if (m->ops->smi != NULL)
		m->ops->smi(m->ctx, value, m->acpi.apm_status);
	else
		regs[SMI_STS] |= SMI_STS_APM; /* nobody clears it */
}

static uint32_t apm_in(struct rt_machine *m, uint16_t port, unsigned width)
{
	(void)width;
	return port == APM_CNT ? m->acpi.apm_control : m->acpi.apm_status;
}

static void apm_out(struct rt_machine *m, uint16_t port, unsigned width, uint32_t value)
{
	(void)width;
	if (port == APM_CNT)
		apm_control(m, (uint8_t)value);
	else
		m->acpi.apm_status = (uint8_t)value;
}

const struct rt_device_ops dev_apm_ops = {
	.name = "apm",
	.ports = {{APM_CNT, APM_STS}},
	.widest = 1,
	.in = apm_in,
	.out = apm_out,
};
