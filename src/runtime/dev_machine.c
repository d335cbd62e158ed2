/* SPDX-License-Identifier: BSD-2-Clause */
/* The hosted machine: finds the model of a port, keeps register tables, asks the clock. */
#include "runtime/dev_machine.h"

#include <string.h>

static const struct rt_device_ops *const models[] = {&dev_rtc_ops,   &dev_pci_ops,
						     &dev_acpi_ops,  &dev_apm_ops,
						     &dev_fwcfg_ops, &dev_legacy_ops};

#define MODELS (sizeof models / sizeof *models)

size_t rt_machine_size(void)
{
	return sizeof(struct rt_machine);
}

void rt_machine_init(struct rt_machine *m, const struct rt_machine_ops *ops, void *ctx)
{
	memset(m, 0, sizeof *m);
	m->ops = ops;
	m->ctx = ctx;
	for (size_t i = 0; i < MODELS; i++)
		if (models[i]->init != NULL)
			models[i]->init(m);
}

static const struct rt_device_ops *model_of(uint32_t port)
{
	for (size_t i = 0; i < MODELS; i++)
		for (const struct rt_port_range *r = models[i]->ports; r->first != 0; r++)
			if (port >= r->first && port <= r->last)
				return models[i];
	return NULL;
}

static bool width_valid(unsigned width)
{
	return width == 1 || width == 2 || width == 4;
}

bool rt_machine_in(struct rt_machine *m, uint16_t port, unsigned width, uint32_t *ret)
{
	const struct rt_device_ops *model = model_of(port);

	if (model == NULL || !width_valid(width))
		return false;
	if (width <= model->widest) {
		*ret = model->in(m, port, width) & dev_mask(width);
		return true;
	}
	*ret = 0;
	for (unsigned i = 0; i < width; i++) {
		const struct rt_device_ops *each = model_of(port + i);
		uint32_t byte = 0xff; /* nobody drives the bus */

		if (each != NULL)
			byte = each->in(m, (uint16_t)(port + i), 1) & 0xff;
		*ret |= byte << (i * 8);
	}
	return true;
}

bool rt_machine_out(struct rt_machine *m, uint16_t port, unsigned width, uint32_t value)
{
	const struct rt_device_ops *model = model_of(port);

	if (model == NULL || !width_valid(width))
		return false;
	if (width <= model->widest) {
		model->out(m, port, width, value & dev_mask(width));
		return true;
	}
	for (unsigned i = 0; i < width; i++) {
		const struct rt_device_ops *each = model_of(port + i);

		if (each != NULL)
			each->out(m, (uint16_t)(port + i), 1, value >> (i * 8) & 0xff);
	}
	return true;
}

/* Tables of registers. */

void dev_regs_init(const struct dev_regs *r, uint8_t *bytes)
{
	memset(bytes, 0, r->size);
	for (size_t i = 0; i < r->count; i++)
		for (unsigned b = 0; b < r->table[i].width; b++)
			bytes[r->table[i].offset + b] =
				(uint8_t)(r->table[i].initial >> (b * 8));
}

uint32_t dev_regs_read(const struct dev_regs *r, const uint8_t *bytes, uint32_t offset,
		       unsigned width)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < width && i < 4 && offset + i < r->size; i++)
		value |= (uint32_t)bytes[offset + i] << (i * 8);
	return value;
}

static void write_byte(const struct dev_regs *r, uint8_t *bytes, uint32_t offset,
		       uint8_t value)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct dev_reg *g = &r->table[i];
		const uint32_t shift = (offset - g->offset) * 8;

		if (offset < g->offset || offset >= (uint32_t)g->offset + g->width)
			continue;
		const uint8_t writable = (uint8_t)(g->writable >> shift);

		bytes[offset] = (uint8_t)((bytes[offset] & ~writable) | (value & writable));
		bytes[offset] &= (uint8_t) ~(value & (uint8_t)(g->clear >> shift));
	}
}

void dev_regs_write(const struct dev_regs *r, uint8_t *bytes, uint32_t offset,
		    unsigned width, uint32_t value)
{
	for (unsigned i = 0; i < width && i < 4 && offset + i < r->size; i++)
		write_byte(r, bytes, offset + i, (uint8_t)(value >> (i * 8)));
}

/* What models ask for. */

uint64_t dev_clock_ns(struct rt_machine *m, clockid_t clock)
{
	struct timespec t = {0};

	if (m->ops->clock_ns != NULL)
		return m->ops->clock_ns(m->ctx, (int)clock);
	(void)clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t dev_ticks(struct rt_machine *m, uint32_t hz)
{
	const uint64_t ns = dev_clock_ns(m, CLOCK_MONOTONIC);

	return ns / 1000000000 * hz + ns % 1000000000 * hz / 1000000000;
}

void dev_reset(struct rt_machine *m, const char *how)
{
	if (m->ops->reset != NULL)
		m->ops->reset(m->ctx, how);
}
