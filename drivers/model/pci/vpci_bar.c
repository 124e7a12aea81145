/* SPDX-License-Identifier: Apache-2.0 */
/* Base address registers: whatever they hold is applied to the bus while the command register lets them decode. A
 * guest may put them anywhere. RAM is never asked from the bus, so RAM wins; models with fixed addresses claim first,
 * so they win; among BARs the one that was added first does. PCI Local Bus Specification 3.0 "Base Addresses". */
#include "vpci_int.h"

#include <hv/guest.h>
#include <hv/lib.h>

#include "../models.h"

static u32 bar_register(const struct vpci_function *f, u32 nr)
{
	return vpci_config_get(f, VPCI_BAR0 + nr * 4, 4);
}

u64 vpci_bar_base(const struct vpci_function *f, u32 nr)
{
	switch (f->desc->bar[nr].kind) {
	case VPCI_BAR_IO:	return bar_register(f, nr) & ~3u;
	case VPCI_BAR_MEM32:	return bar_register(f, nr) & ~15u;
	case VPCI_BAR_MEM64:	return (bar_register(f, nr) & ~15u) | (u64)bar_register(f, nr + 1) << 32;
	default:		return 0;
	}
}

/* Address 0 means that nobody has chosen one yet. */
bool vpci_bar_decoded(const struct vpci_function *f, u32 nr)
{
	u32 enable = f->desc->bar[nr].kind == VPCI_BAR_IO ? VPCI_CMD_IO : VPCI_CMD_MEMORY;

	return (vpci_config_get(f, VPCI_COMMAND, 2) & enable) && vpci_bar_base(f, nr);
}

void vpci_bar_apply(struct vpci_function *f)
{
	for (u32 i = 0; i < VPCI_BARS; i++)
		if (f->claim[i] >= 0)
			bus_move(&f->g->bus, (u32)f->claim[i], vpci_bar_base(f, i),
				 vpci_bar_decoded(f, i) ? f->desc->bar[i].size : 0);
}

static void bar_check(const struct vpci_desc *d, u32 i)
{
	const struct vpci_bar_desc *b = &d->bar[i];

	assert(b->size && !(b->size & (b->size - 1)));
	assert(b->kind == VPCI_BAR_IO ? b->size >= 4 && b->size <= 256 : b->size >= 16);
	assert(b->kind == VPCI_BAR_MEM64 || b->size <= GiB);
	assert(b->kind != VPCI_BAR_MEM64 || (i + 1 < VPCI_BARS && d->bar[i + 1].kind == VPCI_BAR_NONE));
	if (d->msix_entries && i == d->msix_bar)
		assert(b->size == VPCI_MSIX_BAR_SIZE && b->kind != VPCI_BAR_IO && d->msix_entries <= VPCI_MSIX_MAX);
	else
		assert(b->fn);
}

int vpci_bar_build(struct vpci_function *f)
{
	const struct vpci_desc *d = f->desc;

	for (u32 i = 0; i < VPCI_BARS; i++) {
		const struct vpci_bar_desc *b = &d->bar[i];
		bool msix = d->msix_entries && i == d->msix_bar;
		int nr;

		f->claim[i] = -1;
		if (b->kind == VPCI_BAR_NONE)
			continue;
		bar_check(d, i);
		nr = bus_claim_movable(&f->g->bus, b->kind == VPCI_BAR_IO ? BUS_PORT : BUS_MEMORY,
				       msix ? vpci_msix_io : b->fn, msix ? f : f->device, d->name);
		if (nr < 0)
			return nr;
		f->claim[i] = (s16)nr;
		if (b->kind == VPCI_BAR_IO)
			bus_ring(&f->g->bus, (u32)nr, d->ring);
	}
	return 0;
}

/* What firmware does. BARs of one size class after another, the largest first, so that alignment costs nothing. */

struct places {
	u64 io, low, high, low_end;
};

static u64 *place_for(struct places *p, const struct vpci_bar_desc *b)
{
	if (b->kind == VPCI_BAR_IO)
		return &p->io;
	if (b->kind == VPCI_BAR_MEM64 && ALIGN_UP(p->low, b->size) + b->size > p->low_end)
		return &p->high;
	return &p->low;
}

static void bar_place(struct vpci_function *f, u32 nr, struct places *p)
{
	const struct vpci_bar_desc *b = &f->desc->bar[nr];
	u64 *next = place_for(p, b), base = ALIGN_UP(*next, b->size);

	if (next == &p->low && base + b->size > p->low_end)
		return;
	*next = base + b->size;
	vpci_config_write(f, VPCI_BAR0 + nr * 4, 4, base);
	if (b->kind == VPCI_BAR_MEM64)
		vpci_config_write(f, VPCI_BAR0 + nr * 4 + 4, 4, base >> 32);
}

static void bars_of_size(struct guest *g, u64 size, struct places *p)
{
	for (u32 slot = 0; slot < VPCI_SLOTS; slot++) {
		struct vpci_function *f = g->pc->pci.function[slot];

		for (u32 i = 0; f && i < VPCI_BARS; i++)
			if (f->desc->bar[i].kind != VPCI_BAR_NONE && f->desc->bar[i].size == size)
				bar_place(f, i, p);
	}
}

static u64 window64_base(const struct guest *g)
{
	return ALIGN_UP(4 * GiB + g->ram_high, VPCI_WINDOW64_SIZE);
}

/* Grow [*base, *end) by the BARs of f above 4 GiB. */
static void window64_include(const struct vpci_function *f, u64 *base, u64 *end)
{
	for (u32 i = 0; i < VPCI_BARS; i++) {
		u64 at = vpci_bar_base(f, i), size = f->desc->bar[i].size;

		if (f->desc->bar[i].kind != VPCI_BAR_MEM64 || at < 4 * GiB || at + size < at)
			continue;
		*base = MIN(*base, ALIGN_DOWN(at, GiB));
		*end = MAX(*end, ALIGN_UP(at + size, GiB));
	}
}

u64 vpci_window64(const struct guest *g, u64 *size)
{
	u64 base = U64_MAX, end = 0;

	for (u32 slot = 0; slot < VPCI_SLOTS; slot++)
		if (g->pc->pci.function[slot])
			window64_include(g->pc->pci.function[slot], &base, &end);
	*size = end > base ? end - base : VPCI_WINDOW64_SIZE;
	return end > base ? base : window64_base(g);
}

static const u8 pirq_lines[VPCI_PIRQS] = { 10, 10, 11, 11, 10, 10, 11, 11 };	/* as q35_assign() routes them */

void vpci_assign(struct guest *g)
{
	struct places p = { VPCI_IO_WINDOW, VPCI_WINDOW32, window64_base(g), VPCI_WINDOW32 + VPCI_WINDOW32_SIZE };

	for (u32 shift = 34; shift >= 2; shift--)
		bars_of_size(g, BIT(shift), &p);
	for (u32 slot = 0; slot < VPCI_SLOTS; slot++) {
		struct vpci_function *f = g->pc->pci.function[slot];

		if (!f)
			continue;
		vpci_config_write(f, VPCI_COMMAND, 2, VPCI_CMD_IO | VPCI_CMD_MEMORY);
		if (f->desc->intx)
			f->config[VPCI_INTR_LINE] = pirq_lines[vpci_pirq_of(slot)];
	}
}
