/* SPDX-License-Identifier: Apache-2.0 */
/* The PCI bus of a guest: who is on it, and the two doors to config space. */
#include "vpci_int.h"

#include <hv/guest.h>
#include <hv/lib.h>

#include "../models.h"
#include "../vreset.h"

#define ADDRESS_PORT 0xcf8
#define DATA_PORT 0xcfc
#define ADDRESS_ENABLE 0x80000000u
#define ADDRESS_WRITABLE 0x80fffffcu

static struct vpci_function *function_at(struct guest *g, u32 bus, u32 devfn)
{
	return bus || devfn & 7 ? NULL : g->pc->pci.function[devfn >> 3];
}

/* Where no function is, ones are read, as from a bus where nobody answers. */
static void config_access(struct guest *g, u32 bus, u32 devfn, u32 off, struct io *io)
{
	struct vpci_function *f = function_at(g, bus, devfn);

	if (f && io->write)
		vpci_config_write(f, off, io->size, io->val);
	else if (!io->write)
		io->val = f ? vpci_config_read(f, off, io->size) : ~0ul;
}

/* CONFIG_ADDRESS is reached by four bytes only; a byte at CF9H is the reset register. PCI Local Bus Specification 3.0
 * "Software Generation of Configuration Transactions". */
static enum io_result address_io(void *self, struct io *io)
{
	struct guest *g = self;

	if (io->off == 1 && io->size == 1) {
		io->off = 0;
		return vreset_cf9_io(g, io);
	}
	if (io->size != 4)
		return IO_REFUSED;
	if (io->write)
		g->pc->pci.address = (u32)io->val & ADDRESS_WRITABLE;
	else
		io->val = g->pc->pci.address;
	return IO_DONE;
}

static enum io_result data_io(void *self, struct io *io)
{
	struct guest *g = self;
	u32 address = g->pc->pci.address;

	if (!(address & ADDRESS_ENABLE))
		return IO_REFUSED;
	config_access(g, address >> 16 & 0xff, address >> 8 & 0xff, (address & 0xfc) + (u32)io->off, io);
	return IO_DONE;
}

/* PCI Express Base Specification "PCI Express Enhanced Configuration Access Mechanism". Nothing crosses a function.
 * */
static enum io_result ecam_io(void *self, struct io *io)
{
	u32 off = io->off & 0xfff;

	if (off + io->size > 0x1000)
		return IO_REFUSED;
	config_access(self, (u32)(io->off >> 20) & 0xff, (u32)(io->off >> 12) & 0xff, off, io);
	return IO_DONE;
}

int vpci_build(struct guest *g)
{
	int err = bus_claim(&g->bus, (struct bus_range){ BUS_PORT, ADDRESS_PORT, 4 }, address_io, g, "pci-address");

	memset(&g->pc->pci, 0, sizeof(g->pc->pci));
	if (!err)
		err = bus_claim(&g->bus, (struct bus_range){ BUS_PORT, DATA_PORT, 4 }, data_io, g, "pci-data");
	if (err)
		return err;
	err = bus_claim_movable(&g->bus, BUS_MEMORY, ecam_io, g, "pci-ecam");
	if (err < 0)
		return err;
	g->pc->pci.ecam_claim = (u32)err;
	return 0;
}

void vpci_move_ecam(struct guest *g, u64 base, u64 size)
{
	bus_move(&g->bus, g->pc->pci.ecam_claim, base, size);
}

struct bus_range vpci_ecam(const struct guest *g)
{
	const struct bus_claim *c = &g->bus.claim[g->pc->pci.ecam_claim];

	return c->on ? c->range : (struct bus_range){ BUS_MEMORY, VPCI_ECAM, VPCI_ECAM_SIZE };
}

int vpci_add(struct guest *g, struct vpci_function *f, const struct vpci_desc *d, void *device, u8 slot)
{
	struct vpci *pci = &g->pc->pci;

	assert(slot < VPCI_SLOTS);
	if (pci->function[slot])
		return -E_BUSY;
	f->g = g;
	f->desc = d;
	f->device = device;
	f->slot = slot;
	vpci_config_build(f);
	vpci_config_reset(f);
	vpci_msix_reset(f);
	pci->function[slot] = f;
	return vpci_bar_build(f);
}

/* The wires are low after a reset of the whole PC, which clears them with the PIC and the IOAPIC. */
void vpci_reset(struct guest *g)
{
	struct vpci *pci = &g->pc->pci;

	pci->address = 0;
	memset(pci->pirq_slots, 0, sizeof(pci->pirq_slots));
	for (u32 slot = 0; slot < VPCI_SLOTS; slot++) {
		struct vpci_function *f = pci->function[slot];

		if (!f)
			continue;
		f->intx_level = false;
		f->interrupts = 0;
		vpci_config_reset(f);
		vpci_msix_reset(f);
		vpci_bar_apply(f);
	}
}

/* In words */

static void list_bars(const struct vpci_function *f, void (*line)(const char *text))
{
	static const char *const kind[] = { "", "ports", "memory", "memory" };
	char text[160];

	for (u32 i = 0; i < VPCI_BARS; i++) {
		const struct vpci_bar_desc *b = &f->desc->bar[i];
		u64 base = vpci_bar_base(f, i);

		if (b->kind == VPCI_BAR_NONE)
			continue;
		fmt_print(text, sizeof(text), "            BAR%u %s 0x%lx-0x%lx%s%s, %lu accesses", i, kind[b->kind],
			  base, base + b->size - 1, f->desc->msix_entries && i == f->desc->msix_bar ? " (MSI-X)" : "",
			  vpci_bar_decoded(f, i) ? "" : " off",
			  load_relaxed(&f->g->bus.claim[f->claim[i]].accesses));
		line(text);
	}
}

static void describe_interrupts(const struct vpci_function *f, char *to, size_t size)
{
	if (vpci_msix_enabled(f))
		fmt_print(to, size, "MSI-X with %u entries", f->desc->msix_entries);
	else if (vpci_msi_enabled(f))
		fmt_print(to, size, "MSI");
	else if (f->desc->intx)
		fmt_print(to, size, "INTA on GSI %u%s", VPCI_GSI_BASE + vpci_pirq_of(f->slot),
			  f->intx_level ? " high" : "");
	else
		fmt_print(to, size, "no interrupt in use");
}

/* What the device says of itself, each of its lines. */
static void list_state(char *state, void (*line)(const char *text))
{
	char text[240], *end;

	for (; state; state = end) {
		end = strchr(state, '\n');
		if (end)
			*end++ = 0;
		fmt_print(text, sizeof(text), "            %s", state);
		line(text);
	}
}

void vpci_list(const struct guest *g, void (*line)(const char *text))
{
	const struct bus_claim *ecam = &g->bus.claim[g->pc->pci.ecam_claim];
	char text[200], irq[48], state[1600];

	fmt_print(text, sizeof(text), "  pci-ecam         memory  0x%lx+0x%lx%s, %lu accesses", ecam->range.base,
		  ecam->range.size, ecam->on ? "" : " off", load_relaxed(&ecam->accesses));
	line(text);
	for (u32 slot = 0; slot < VPCI_SLOTS; slot++) {
		const struct vpci_function *f = g->pc->pci.function[slot];

		if (!f)
			continue;
		describe_interrupts(f, irq, sizeof(irq));
		fmt_print(text, sizeof(text),
			  "  00:%02x.0   %-16s %04x:%04x class %06x command %04x, %s, %lu interrupts",
			  slot, f->desc->name, f->desc->vendor, f->desc->device, f->desc->class_rev >> 8,
			  vpci_config_get(f, VPCI_COMMAND, 2), irq, load_relaxed(&f->interrupts));
		line(text);
		list_bars(f, line);
		if (!f->desc->describe)
			continue;
		f->desc->describe(f->device, state, sizeof(state));
		list_state(state, line);
	}
}
