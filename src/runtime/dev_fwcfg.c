/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QEMU's firmware configuration device (its docs/specs/fw_cfg): selector 510h, data 511h,
 * DMA 514h and 518h. It has the few items that runtime drivers of OVMF ask for, among them
 * the three files by which SmmControl2Dxe and the machine agree on SMIs. Any other item is
 * empty, and reading past an end gives zeros.
 */
#include "runtime/dev_machine.h"

#include <string.h>

#define SELECTOR 0x510
#define DMA_HIGH 0x514 /* writing the low half starts the transfer */
#define DMA_LOW  0x518

#define KEY_DIRECTORY 0x19U
#define KEY_FILES     0x20U   /* of the first file */
#define KEY_WRITE     0x4000U /* selects for writing, in an old interface; the same item */

#define DMA_ERROR  0x01U
#define DMA_READ   0x02U
#define DMA_SKIP   0x04U
#define DMA_SELECT 0x08U
#define DMA_WRITE  0x10U

#define NAME_LEN 56U

#define SMI_BROADCAST  0x01U
#define SMI_HOTPLUG    0x02U
#define SMI_HOT_UNPLUG 0x04U
#define SMI_SUPPORTED  (SMI_BROADCAST | SMI_HOTPLUG | SMI_HOT_UNPLUG)

/* Numbered items: little-endian integers. */
static const struct {
	uint16_t key;
	uint8_t len;
	uint8_t data[8];
} numbered[] = {
	{0x00, 4, "QEMU"},
	{0x01, 4, {3}},             /* revision: the basic interface and DMA */
	{0x03, 8, {0, 0, 0, 0x40}}, /* bytes of memory */
	{0x04, 2, {1}},             /* no graphics */
	{0x05, 2, {1}},             /* processors */
	{0x0f, 2, {1}},             /* processors at most */
};

_Static_assert(RT_MACHINE_RAM_TOP == 0x40U << 24, "as item 3 says");

/* Files, sorted by name. */
enum { FILE_SMI_OK, FILE_SMI_REQUESTED, FILE_SMI_SUPPORTED, FILE_STATES, FILES };

static const struct {
	const char name[NAME_LEN];
	uint32_t len;
} files[FILES] = {
	[FILE_SMI_OK] = {"etc/smi/features-ok", 1},
	[FILE_SMI_REQUESTED] = {"etc/smi/requested-features", 8},
	[FILE_SMI_SUPPORTED] = {"etc/smi/supported-features", 8},
	[FILE_STATES] = {"etc/system-states", 6},
};

_Static_assert(FILES == DEV_FWCFG_FILES, "the directory has room for them");

static const uint8_t smi_supported[8] = {SMI_SUPPORTED};
static const uint8_t system_states[6] = {0x80, 0, 0, 1, 2, 0x80}; /* no S3, no S4 */

struct item {
	const uint8_t *data;
	uint32_t len;
};

static struct item item_of(const struct dev_fwcfg *f)
{
	switch (f->key) {
	case KEY_DIRECTORY:
		return (struct item){f->directory, DEV_FWCFG_DIR};
	case KEY_FILES + FILE_SMI_OK:
		return (struct item){&f->smi_ok, 1};
	case KEY_FILES + FILE_SMI_REQUESTED:
		return (struct item){f->smi_requested, sizeof f->smi_requested};
	case KEY_FILES + FILE_SMI_SUPPORTED:
		return (struct item){smi_supported, sizeof smi_supported};
	case KEY_FILES + FILE_STATES:
		return (struct item){system_states, sizeof system_states};
	default:
		break;
	}
	for (size_t i = 0; i < sizeof numbered / sizeof *numbered; i++)
		if (numbered[i].key == f->key)
			return (struct item){numbered[i].data, numbered[i].len};
	return (struct item){NULL, 0};
}

/* Selecting "features-ok" is what makes the machine judge the request; one that it accepts
 * is final. */
static void smi_judge(struct dev_fwcfg *f)
{
	const uint8_t asked = f->smi_requested[0];

	for (unsigned i = 1; i < sizeof f->smi_requested; i++)
		if (f->smi_requested[i] != 0)
			return;
	if ((asked & ~SMI_SUPPORTED) != 0 ||
	    ((asked & (SMI_HOTPLUG | SMI_HOT_UNPLUG)) != 0 &&
	     (asked & SMI_BROADCAST) == 0) ||
	    ((asked & SMI_HOT_UNPLUG) != 0 && (asked & SMI_HOTPLUG) == 0))
		return;
	f->smi_ok = 1;
}

static void item_select(struct dev_fwcfg *f, uint16_t key)
{
	f->key = key & (uint16_t)~KEY_WRITE;
	f->offset = 0;
	if (f->key == KEY_FILES + FILE_SMI_OK)
		smi_judge(f);
}

static void item_skip(struct dev_fwcfg *f, uint32_t n)
{
	f->offset = n < UINT32_MAX - f->offset ? f->offset + n : UINT32_MAX;
}

static void item_read(struct dev_fwcfg *f, uint8_t *to, uint32_t n)
{
	const struct item item = item_of(f);

	for (uint32_t i = 0; i < n; i++)
		to[i] = f->offset < item.len && i < item.len - f->offset
				? item.data[f->offset + i]
				: 0;
	item_skip(f, n);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void be32_put(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - i * 8));
}

static bool dma_read(struct rt_machine *m, uint64_t to, uint32_t n)
{
	uint8_t part[256];

	for (uint32_t len; n > 0; n -= len, to += len) {
		len = n < sizeof part ? n : (uint32_t)sizeof part;
		item_read(&m->fwcfg, part, len);
		if (!m->ops->copy_to(m->ctx, to, part, len))
			return false;
	}
	return true;
}

/* Only a whole request for features can be written, and only until one was accepted. */
static bool dma_write(struct rt_machine *m, uint64_t from, uint32_t n)
{
	struct dev_fwcfg *f = &m->fwcfg;
	uint8_t asked[sizeof f->smi_requested];

	if (f->key != KEY_FILES + FILE_SMI_REQUESTED || f->offset != 0 ||
	    n != sizeof asked || !m->ops->copy_from(m->ctx, asked, from, sizeof asked))
		return false;
	if (f->smi_ok == 0)
		memcpy(f->smi_requested, asked, sizeof asked);
	item_skip(f, n);
	return true;
}

/* The access block: control, length, address (64 bits). Its control word becomes the
 * result: 0, or DMA_ERROR. */
static void dma(struct rt_machine *m, uint64_t at)
{
	uint8_t block[16];
	uint8_t result[4];
	uint32_t control, len;
	uint64_t address;
	bool ok = true;

	if (!m->ops->copy_from(m->ctx, block, at, sizeof block))
		return;
	control = be32(block);
	len = be32(block + 4);
	address = (uint64_t)be32(block + 8) << 32 | be32(block + 12);
	if ((control & DMA_SELECT) != 0)
		item_select(&m->fwcfg, (uint16_t)(control >> 16));
	if ((control & DMA_READ) != 0)
		ok = dma_read(m, address, len);
	else if ((control & DMA_WRITE) != 0)
		ok = dma_write(m, address, len);
	else if ((control & DMA_SKIP) != 0)
		item_skip(&m->fwcfg, len);
	be32_put(result, ok ? 0 : DMA_ERROR);
	(void)m->ops->copy_to(m->ctx, at, result, sizeof result);
}

static void fwcfg_init(struct rt_machine *m)
{
	struct dev_fwcfg *f = &m->fwcfg;

	be32_put(f->directory, FILES);
	for (unsigned i = 0; i < FILES; i++) {
		uint8_t *e = f->directory + 4 + (size_t)i * (8 + NAME_LEN);

		be32_put(e, files[i].len);
		be32_put(e + 4, (KEY_FILES + i) << 16);
		memcpy(e + 8, files[i].name, NAME_LEN);
	}
}

static uint32_t fwcfg_in(struct rt_machine *m, uint16_t port, unsigned width)
{
	uint8_t byte = 0;

	if (port >= DMA_HIGH) { /* which says that DMA is there */
		static const char signature[] = "QEMU CFG";
		uint32_t value = 0;

		for (unsigned i = 0; i < width && port - DMA_HIGH + i < 8; i++)
			value |= (uint32_t)(uint8_t)signature[port - DMA_HIGH + i]
				 << (i * 8);
		return value;
	}
	if (width == 1)
		item_read(&m->fwcfg, &byte, 1);
	return byte;
}

static void fwcfg_out(struct rt_machine *m, uint16_t port, unsigned width, uint32_t value)
{
	struct dev_fwcfg *f = &m->fwcfg;
	uint64_t at;

	if (port == SELECTOR && width == 2) {
		item_select(f, (uint16_t)value);
	} else if (port == DMA_HIGH && width == 4) {
		f->dma_address = (uint64_t)__builtin_bswap32(value) << 32;
	} else if (port == DMA_LOW && width == 4) {
		at = f->dma_address | __builtin_bswap32(value);
		f->dma_address = 0;
		dma(m, at);
	}
	/* data cannot be written by the port: nor can it in QEMU since 2.4 */
}

const struct rt_device_ops dev_fwcfg_ops = {
	.name = "fw_cfg",
	.ports = {{0x510, 0x511}, {0x514, 0x51b}},
	.widest = 4,
	.init = fwcfg_init,
	.in = fwcfg_in,
	.out = fwcfg_out,
};
