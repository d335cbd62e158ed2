/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What else of a PC's first kilobyte of ports a driver may touch: interrupt controllers
 * (registers only), timer, keyboard controller, ports 61h and 92h, POST codes, the first
 * serial port and QEMU's debug port, whose output goes nowhere.
 */
#include "runtime/dev_machine.h"

#define PIT_HZ 1193182U
#define REFRESH_HZ \
	66287U /* port 61h bit 4 changes at each memory refresh, every 15.09 us */

/* Interrupt controllers: no interrupt is ever pending. */

static void pic_out(struct rt_machine *m, unsigned i, bool data, uint8_t value)
{
	uint8_t *step = &m->legacy.pic[i].step;

	if (!data) {
		if ((value & 0x10) != 0) { /* ICW1; bit 0: ICW4 comes, bit 1: no ICW3 */
			*step = (uint8_t)(1 + ((value & 2) == 0) + (value & 1));
			m->legacy.pic[i].mask = 0;
		}
	} else if (*step > 0) {
		(*step)--;
	} else {
		m->legacy.pic[i].mask = value;
	}
}

/* Timer. Counting never stops: modes 0 and 1 go on past zero as the chip does. */

static uint64_t pit_elapsed(struct rt_machine *m, const struct dev_pit *p)
{
	const uint64_t ns = dev_clock_ns(m, CLOCK_MONOTONIC) - p->start;

	return ns / 1000000000 * PIT_HZ + ns % 1000000000 * PIT_HZ / 1000000000;
}

static uint16_t pit_count(struct rt_machine *m, const struct dev_pit *p)
{
	const uint32_t reload = p->reload != 0 ? p->reload : 0x10000;
	const uint64_t elapsed = pit_elapsed(m, p);
	const unsigned mode = p->control >> 1 & 7;

	if ((mode & 2) == 0) /* one-shot: 0, 1, 4, 5 */
		return (uint16_t)(reload - elapsed);
	return (uint16_t)(reload - elapsed * (mode & 1 ? 2 : 1) % reload);
}

/* The output line of channel 2, in port 61h. */
static bool pit_output(struct rt_machine *m, const struct dev_pit *p)
{
	const uint32_t reload = p->reload != 0 ? p->reload : 0x10000;
	const uint64_t elapsed = pit_elapsed(m, p);

	if ((p->control >> 1 & 3) == 3) /* square wave */
		return elapsed % reload < (reload + 1) / 2;
	return elapsed >= reload;
}

static uint8_t pit_in(struct rt_machine *m, struct dev_pit *p)
{
	const uint16_t count = p->latched ? p->latch : pit_count(m, p);
	const unsigned access = p->control >> 4 & 3;
	const bool high = access == 2 || (access == 3 && p->read_high);

	if (access == 3) {
		/* both halves are of one count */
		p->latch = count;
		p->latched = !p->read_high;
		p->read_high = !p->read_high;
	} else {
		p->latched = false;
	}
	return (uint8_t)(high ? count >> 8 : count);
}

static void pit_out(struct rt_machine *m, struct dev_pit *p, uint8_t value)
{
	const unsigned access = p->control >> 4 & 3;

	if (access == 1 || (access == 3 && !p->write_high))
		p->reload = (uint16_t)(access == 3 ? (p->reload & 0xff00) | value : value);
	else
		p->reload = (uint16_t)((access == 3 ? p->reload & 0xff : 0) | value << 8);
	if (access == 3)
		p->write_high = !p->write_high;
	if (!p->write_high)
		p->start = dev_clock_ns(m, CLOCK_MONOTONIC);
}

static void pit_control(struct rt_machine *m, uint8_t value)
{
	struct dev_pit *p = &m->legacy.pit[value >> 6 & 3];

	if (value >> 6 == 3) { /* read-back: counts are latched; status is not modelled */
		for (unsigned i = 0; i < 3; i++)
			if ((value & 0x20) == 0 && (value & 2U << i) != 0) {
				p = &m->legacy.pit[i];
				p->latch = pit_count(m, p);
				p->latched = true;
			}
		return;
	}
	if ((value & 0x30) == 0) {
		p->latch = pit_count(m, p);
		p->latched = true;
		return;
	}
	p->control = value;
	p->read_high = p->write_high = p->latched = false;
	p->start = dev_clock_ns(m, CLOCK_MONOTONIC);
}

/* Serial port, a 16550: always ready to send, never anything to receive. */

#define UART      0x3f8
#define UART_IER  1
#define UART_IIR  2
#define UART_LCR  3
#define UART_LSR  5
#define UART_MSR  6
#define LCR_DLAB  0x80
#define LSR_EMPTY 0x60
#define MSR_READY 0xb0 /* CTS, DSR, DCD */

static uint8_t uart_in(const struct dev_legacy *l, unsigned reg)
{
	if (reg <= UART_IER && (l->uart[UART_LCR] & LCR_DLAB) != 0)
		return l->divisor[reg];
	switch (reg) {
	case 0:
		return 0;
	case UART_IIR:
		return (uint8_t)(1 | ((l->uart[UART_IIR] & 1) != 0 ? 0xc0 : 0));
	case UART_LSR:
		return LSR_EMPTY;
	case UART_MSR:
		return MSR_READY;
	default:
		return l->uart[reg];
	}
}

static void uart_out(struct dev_legacy *l, unsigned reg, uint8_t value)
{
	if (reg <= UART_IER && (l->uart[UART_LCR] & LCR_DLAB) != 0)
		l->divisor[reg] = value;
	else
		l->uart[reg] = value; /* of IIR: FCR, whose bit 0 enables the FIFO */
}

/* All together. */

static void legacy_init(struct rt_machine *m)
{
	m->legacy.pic[0].mask = m->legacy.pic[1].mask = 0xff;
	m->legacy.pit[0].control = 0x36; /* mode 3, both bytes, reload 65536 */
	m->legacy.pit[1].control = 0x54;
	m->legacy.pit[2].control = 0xb6;
	m->legacy.port92 = 0x02;   /* A20 */
	m->legacy.divisor[0] = 12; /* 9600 baud */
}

static uint32_t legacy_in(struct rt_machine *m, uint16_t port, unsigned width)
{
	struct dev_legacy *l = &m->legacy;

	(void)width;
	if (port >= 0x80 && port <= 0x8f)
		return l->post[port & 15];
	if (port >= UART && port < UART + 8)
		return uart_in(l, port & 7);
	switch (port) {
	case 0x21:
		return l->pic[0].mask;
	case 0xa1:
		return l->pic[1].mask;
	case 0x40:
	case 0x41:
	case 0x42:
		return pit_in(m, &l->pit[port & 3]);
	case 0x61:
		return l->port61 | (uint32_t)(dev_ticks(m, REFRESH_HZ) & 1) << 4 |
		       (uint32_t)pit_output(m, &l->pit[2]) << 5;
	case 0x64:
		return 0x14; /* unlocked, self test passed, buffers empty */
	case 0x92:
		return l->port92;
	case 0x402:
		return 0xe9; /* QEMU's debug port is there */
	case 0x4d0:
	case 0x4d1:
		return l->elcr[port & 1];
	case 0x20: /* requests and interrupts in service: none */
	case 0xa0:
	case 0x60: /* keys: none */
		return 0;
	default:
		return 0xff;
	}
}

static void legacy_out(struct rt_machine *m, uint16_t port, unsigned width, uint32_t wide)
{
	struct dev_legacy *l = &m->legacy;
	const uint8_t value = (uint8_t)wide;

	(void)width;
	if (port >= 0x80 && port <= 0x8f) {
		l->post[port & 15] = value;
		return;
	}
	if (port >= UART && port < UART + 8) {
		uart_out(l, port & 7, value);
		return;
	}
	switch (port) {
	case 0x20:
	case 0x21:
		pic_out(m, 0, port & 1, value);
		break;
	case 0xa0:
	case 0xa1:
		pic_out(m, 1, port & 1, value);
		break;
	case 0x40:
	case 0x41:
	case 0x42:
		pit_out(m, &l->pit[port & 3], value);
		break;
	case 0x43:
		pit_control(m, value);
		break;
	case 0x61:
		l->port61 = value & 0x0f;
		break;
	case 0x64:
		if ((value & 0xf1) == 0xf0) /* pulses line 0, which is the reset line */
			dev_reset(m, "reset by the keyboard controller");
		break;
	case 0x92:
		l->port92 = value & 0x02;
		if ((value & 1) != 0)
			dev_reset(m, "reset by port 92");
		break;
	case 0x4d0:
	case 0x4d1:
		l->elcr[port & 1] = value;
		break;
	default: /* keyboard data, I/O delay */
		break;
	}
}

const struct rt_device_ops dev_legacy_ops = {
	.name = "legacy",
	.ports = {{0x20, 0x21},
		  {0x40, 0x43},
		  {0x60, 0x61},
		  {0x64, 0x64},
		  {0x80, 0x8f},
		  {0x92, 0x92},
		  {0xa0, 0xa1},
		  {0xed, 0xed},
		  {UART, UART + 7},
		  {0x402, 0x402},
		  {0x4d0, 0x4d1}},
	.widest = 1,
	.init = legacy_init,
	.in = legacy_in,
	.out = legacy_out,
};
