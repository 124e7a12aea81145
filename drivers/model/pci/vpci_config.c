/* SPDX-License-Identifier: Apache-2.0 */
/* Config space of one function: reset values, write masks, reads and writes. PCI Local Bus Specification 3.0
 * "Configuration Space Organization". */
#include "vpci_int.h"

#include <hv/lib.h>

#define STATUS_CAPS 0x10u
#define MULTIFUNCTION 0x80u

#define MSIX_CAP_SIZE 12u
#define MSI_CAP_SIZE 24u
#define MSI_64BIT 0x80u
#define MSI_MASKABLE 0x100u

/* The header's writable bits; BARs add theirs. */
static const struct vpci_reg header[] = {
	{ VPCI_COMMAND, 2, 0, VPCI_CMD_MASTER | VPCI_CMD_PARITY | VPCI_CMD_SERR | VPCI_CMD_INTX_OFF },
	{ VPCI_CACHE_LINE, 1, 0, 0xff },
	{ VPCI_INTR_LINE, 1, 0, 0xff },
};

/* Offsets from the capability's start. */
static const struct vpci_reg msix_reg[] = { { 2, 2, 0, 0xc000 } };
static const struct vpci_reg msi_reg[] = { { 2, 2, 0, 0x0001 }, { 4, 4, 0, 0xfffffffc }, { 8, 4, 0, 0xffffffff },
	{ 12, 2, 0, 0xffff }, { 16, 4, 0, 0x00000001 } };

static u32 bytes_get(const u8 *at, u32 size)
{
	u32 val = 0;

	for (u32 i = 0; i < size; i++)
		val |= (u32)at[i] << i * 8;
	return val;
}

static void bytes_set(u8 *at, u32 size, u32 val)
{
	for (u32 i = 0; i < size; i++)
		at[i] = (u8)(val >> i * 8);
}

u32 vpci_config_get(const struct vpci_function *f, u32 off, u32 size)
{
	assert(size <= 4 && off + size <= VPCI_CONFIG_SIZE);
	return bytes_get(f->config + off, size);
}

void vpci_config_set(struct vpci_function *f, u32 off, u32 size, u32 val)
{
	assert(size <= 4 && off + size <= VPCI_CONFIG_SIZE);
	bytes_set(f->config + off, size, val);
}

static void mask_regs(struct vpci_function *f, u32 at, const struct vpci_reg *reg, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		u32 off = at + reg[i].off;

		assert(off + reg[i].size <= VPCI_CONFIG_SIZE);
		bytes_set(f->mask + off, reg[i].size, bytes_get(f->mask + off, reg[i].size) | reg[i].mask);
	}
}

static void mask_bars(struct vpci_function *f)
{
	for (u32 i = 0; i < VPCI_BARS; i++) {
		const struct vpci_bar_desc *b = &f->desc->bar[i];
		u64 mask = ~(b->size - 1);

		if (b->kind == VPCI_BAR_NONE)
			continue;
		bytes_set(f->mask + VPCI_BAR0 + i * 4, 4, (u32)mask);
		if (b->kind == VPCI_BAR_MEM64)
			bytes_set(f->mask + VPCI_BAR0 + i * 4 + 4, 4, (u32)(mask >> 32));
		f->mask[VPCI_COMMAND] |= b->kind == VPCI_BAR_IO ? VPCI_CMD_IO : VPCI_CMD_MEMORY;
	}
}

/* Behind the device's own capabilities. */
static void place_caps(struct vpci_function *f)
{
	u32 next = VPCI_CAPS_AT + f->desc->caps_size;

	f->msix_cap = f->msi_cap = 0;
	if (f->desc->msix_entries) {
		f->msix_cap = (u8)next;
		next += MSIX_CAP_SIZE;
	}
	if (f->desc->msi) {
		f->msi_cap = (u8)next;
		next += MSI_CAP_SIZE;
	}
	assert(next <= VPCI_CONFIG_SIZE);
}

void vpci_config_build(struct vpci_function *f)
{
	memset(f->mask, 0, sizeof(f->mask));
	place_caps(f);
	mask_regs(f, 0, header, ARRAY_COUNT(header));
	mask_bars(f);
	if (f->msix_cap)
		mask_regs(f, f->msix_cap, msix_reg, ARRAY_COUNT(msix_reg));
	if (f->msi_cap)
		mask_regs(f, f->msi_cap, msi_reg, ARRAY_COUNT(msi_reg));
	mask_regs(f, 0, f->desc->reg, f->desc->reg_count);
}

/* Chain one capability: the pointer to it goes where the last one ends its list. */
static u32 link_cap(struct vpci_function *f, u32 link, u32 at, u8 id)
{
	f->config[link] = (u8)at;
	f->config[at] = id;
	f->config[at + 1] = 0;
	return at + 1;
}

static void reset_caps(struct vpci_function *f)
{
	const struct vpci_desc *d = f->desc;
	u32 link = VPCI_CAPS;

	if (d->caps_size)
		memcpy(f->config + VPCI_CAPS_AT, d->caps, d->caps_size);
	for (u32 at = 0; at < d->caps_size; at += d->caps[at + 1]) {
		assert(d->caps[at + 1] >= 4 && !(d->caps[at + 1] & 3));
		link = link_cap(f, link, VPCI_CAPS_AT + at, d->caps[at]);
	}
	if (f->msix_cap) {
		link = link_cap(f, link, f->msix_cap, VPCI_CAP_MSIX);
		bytes_set(f->config + f->msix_cap + 2, 2, d->msix_entries - 1u);
		bytes_set(f->config + f->msix_cap + 4, 4, d->msix_bar);
		bytes_set(f->config + f->msix_cap + 8, 4, VPCI_MSIX_PBA | d->msix_bar);
	}
	if (f->msi_cap) {
		link_cap(f, link, f->msi_cap, VPCI_CAP_MSI);
		bytes_set(f->config + f->msi_cap + 2, 2, MSI_64BIT | MSI_MASKABLE);
	}
	if (f->config[VPCI_CAPS])
		f->config[VPCI_STATUS] |= STATUS_CAPS;
}

static u32 bar_type(const struct vpci_bar_desc *b)
{
	if (b->kind == VPCI_BAR_IO)
		return 1;
	return (b->kind == VPCI_BAR_MEM64 ? 4u : 0u) | (b->prefetch ? 8u : 0u);
}

void vpci_config_reset(struct vpci_function *f)
{
	const struct vpci_desc *d = f->desc;
	u8 *c = f->config;

	memset(c, 0, sizeof(f->config));
	bytes_set(c + VPCI_VENDOR, 4, d->vendor | (u32)d->device << 16);
	bytes_set(c + VPCI_CLASS_REV, 4, d->class_rev);
	bytes_set(c + VPCI_SUBSYSTEM, 4, d->subvendor | (u32)d->subdevice << 16);
	c[VPCI_HEADER_TYPE] = d->multifunction ? MULTIFUNCTION : 0;
	c[VPCI_INTR_PIN] = d->intx;
	for (u32 i = 0; i < VPCI_BARS; i++)
		if (d->bar[i].kind != VPCI_BAR_NONE)
			c[VPCI_BAR0 + i * 4] = (u8)bar_type(&d->bar[i]);
	reset_caps(f);
	for (u32 i = 0; i < d->reg_count; i++)
		bytes_set(c + d->reg[i].off, d->reg[i].size, d->reg[i].reset);
}

static bool touches_device(const struct vpci_function *f, u32 off, u32 size)
{
	return f->desc->config && off < VPCI_CONFIG_SIZE && off + size > VPCI_CAPS_AT;
}

u64 vpci_config_read(struct vpci_function *f, u32 off, u32 size)
{
	u64 val = 0;

	if (touches_device(f, off, size))
		f->desc->config(f, off, size, false);
	for (u32 i = 0; i < size; i++)
		val |= (u64)(off + i < VPCI_CONFIG_SIZE ? f->config[off + i] : 0xff) << i * 8;
	return val;
}

void vpci_config_write(struct vpci_function *f, u32 off, u32 size, u64 val)
{
	for (u32 i = 0; i < size && off + i < VPCI_CONFIG_SIZE; i++) {
		u8 mask = f->mask[off + i], *to = &f->config[off + i];

		*to = (u8)((*to & ~mask) | ((val >> i * 8) & mask));
	}
	if (off < VPCI_BAR0 + 4 * VPCI_BARS && off + size > VPCI_COMMAND)
		vpci_bar_apply(f);
	vpci_intx_apply(f);
	vpci_message_flush(f);
	if (touches_device(f, off, size))
		f->desc->config(f, off, size, true);
}
