/* SPDX-License-Identifier: Apache-2.0 */
/* Which functions the machine has, and what each is made of. PCI Local Bus 3.0 "Configuration Space" (6), PCI-to-PCI Bridge
 * 1.2 "Configuration Space Format" (3.2). */
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/paging.h>
#include <hv/pci.h>

#include "hotplug.h"

#define ABSENT 0xffffu
#define BUSES 256u
#define WINDOWS_MAX 16u
#define MULTIFUNCTION 0x80u
#define HEADER_DEVICE 0u
#define HEADER_BRIDGE 1u
#define STATUS_CAPS 0x10u
#define CAPS_FIRST 0x40u
#define CAPS_MAX 48u			/* 192 bytes, 4 each: a longer list is a loop */
#define BAR_IO 1u
#define BAR_WIDE 4u
#define BAR_TYPE 6u

static struct {
	u32 count, lost;
	struct host_pci function[PCI_FUNCTIONS_MAX];
	u32 waiting;			/* buses to look at; each gets in here once */
	u8 queue[BUSES];
	bool seen[BUSES];
	u32 windows;
	struct { u64 base, size; u8 *at; } window[WINDOWS_MAX];
} pci;

u32 pci_count(void)
{
	return pci.count;
}

u32 pci_lost(void)
{
	return pci.lost;
}

struct host_pci *pci_at(u32 index)
{
	assert(index < pci.count);
	return &pci.function[index];
}

/* A bridge may name its own bus, one that another names, or nonsense: no bus is looked at twice. */
static void bus_add(u32 bus)
{
	if (bus > pci_last_bus() || pci.seen[bus])
		return;
	pci.seen[bus] = true;
	pci.queue[pci.waiting++] = (u8)bus;
}

static void function_fill(struct host_pci *p, u16 bdf, u32 id)
{
	u8 header = pci_read(bdf, PCI_HEADER, 1) & 0x7f;
	u32 sub = header == HEADER_DEVICE ? pci_read(bdf, PCI_SUBSYSTEM, 4) : 0;

	*p = (struct host_pci){ .bdf = bdf, .vendor = (u16)id, .device = (u16)(id >> 16), .subvendor = (u16)sub,
		.subdevice = (u16)(sub >> 16), .class_rev = pci_read(bdf, PCI_CLASS_REV, 4), .header = header };
}

static void function_add(u16 bdf, u32 id)
{
	if ((pci_read(bdf, PCI_HEADER, 1) & 0x7f) == HEADER_BRIDGE)
		bus_add(pci_read(bdf, PCI_BUSES + 1, 1));
	if (pci.count == PCI_FUNCTIONS_MAX)
		pci.lost++;
	else
		function_fill(&pci.function[pci.count++], bdf, id);
}

struct host_pci *pci_function_came(u16 bdf, u32 id)
{
	u32 i = 0;

	while (i < pci.count && pci.function[i].bdf != bdf)
		i++;
	if (i == PCI_FUNCTIONS_MAX)
		return NULL;
	pci.count = MAX(pci.count, i + 1);
	function_fill(&pci.function[i], bdf, id);
	return &pci.function[i];
}

static void bus_scan(u32 bus)
{
	for (u32 device = 0; device < 32; device++) {
		u16 bdf = (u16)(bus << 8 | device << 3);
		u32 functions = 1;

		for (u32 f = 0; f < functions; f++) {
			u32 id = pci_read((u16)(bdf + f), PCI_ID, 4);

			if ((id & 0xffff) == ABSENT || !(id & 0xffff))
				continue;
			if (!f && pci_read(bdf, PCI_HEADER, 1) & MULTIFUNCTION)
				functions = 8;
			function_add((u16)(bdf + f), id);
		}
	}
}

static bool lies_over_ram(u64 base, u64 size)
{
	const struct boot_info *b = boot_info;

	for (u32 i = 0; b && i < b->range_count; i++) {
		const struct boot_range *r = &b->ranges[i];
		bool ram = r->kind == BOOT_RAM || r->kind == BOOT_HYPERVISOR || r->kind == BOOT_FILE;

		if (ram && base < r->base + r->size && r->base < base + size)
			return true;
	}
	return false;
}

/* Follow the bridges from bus 0; then look at the buses that nobody led to: a machine of several sockets has root buses of
 * its own, and what they are is in the ACPI namespace only. */
void pci_init(const struct boot_acpi *acpi)
{
	u32 at = 0;

	memset(&pci, 0, sizeof(pci));
	pci_config_init(acpi);
	for (u32 root = 0; root <= pci_last_bus(); root++) {
		bus_add(root);
		while (at < pci.waiting)
			bus_scan(pci.queue[at++]);
	}
	log_info("pci: %u functions%s", pci.count, pci.lost ? ", more than can be listed" : "");
}

u32 pci_find_cap(const struct host_pci *p, u8 id)
{
	u32 at;

	if (p->header > HEADER_BRIDGE || !(pci_read(p->bdf, PCI_STATUS, 2) & STATUS_CAPS))
		return 0;
	at = pci_read(p->bdf, PCI_CAPS, 1) & 0xfc;
	for (u32 i = 0; i < CAPS_MAX && at >= CAPS_FIRST; i++) {
		u32 cap = pci_read(p->bdf, at, 2);

		if ((cap & 0xff) == id)
			return at;
		at = cap >> 8 & 0xfc;
	}
	return 0;
}

/* What the register keeps of all ones, then its old value again. */
static u32 bar_probe(u16 bdf, u32 off)
{
	u32 old = pci_read(bdf, off, 4), kept;

	pci_write(bdf, off, 4, ~0u);
	kept = pci_read(bdf, off, 4);
	pci_write(bdf, off, 4, old);
	return kept;
}

static void bar_size(struct host_pci *p, u32 n, u32 count)
{
	u32 off = PCI_BAR0 + 4 * n, low = pci_read(p->bdf, off, 4), kept = bar_probe(p->bdf, off);
	struct pci_bar *bar = &p->bar[n];
	u64 mask;

	if (!kept || kept == ~0u)
		return;
	bar->io = low & BAR_IO;
	bar->wide = !bar->io && (low & BAR_TYPE) == BAR_WIDE;
	if (bar->wide && n + 1 == count)
		return;			/* its upper half would be another register */
	mask = kept & (bar->io ? ~3u : ~15u);
	bar->base = low & (bar->io ? ~3u : ~15u);
	if (bar->wide) {
		mask |= (u64)bar_probe(p->bdf, off + 4) << 32;
		bar->base |= (u64)pci_read(p->bdf, off + 4, 4) << 32;
	} else {
		/* Ports: the upper half of the register need not exist. */
		mask |= bar->io && !(mask >> 16) ? ~0xfffful : ~0xfffffffful;
	}
	bar->size = ~mask + 1;
	if (!bar->size || bar->size & (bar->size - 1))
		bar->size = 0;		/* no decoder is made so */
}

void pci_size_bars(struct host_pci *p)
{
	u32 command = pci_read(p->bdf, PCI_COMMAND, 2), count = p->header == HEADER_DEVICE ? 6 : 2;

	if (p->sized || p->header > HEADER_BRIDGE)
		return;
	p->sized = true;
	pci_write(p->bdf, PCI_COMMAND, 2, command & ~(u32)(PCI_CMD_IO | PCI_CMD_MEMORY | PCI_CMD_MASTER));
	for (u32 n = 0; n < count; n++) {
		bar_size(p, n, count);
		n += p->bar[n].wide;
	}
	pci_write(p->bdf, PCI_COMMAND, 2, command);
}

bool pci_window_map(u64 base, u64 size)
{
	u8 *at;

	if (pci.windows == WINDOWS_MAX || lies_over_ram(base, size))
		return false;
	at = mmio_map(HPA(base), size, CACHE_UNCACHED);
	if (!at)
		return false;
	pci.window[pci.windows].base = base;
	pci.window[pci.windows].size = size;
	pci.window[pci.windows++].at = at;
	return true;
}

static void *in_window(const struct pci_bar *b)
{
	for (u32 i = 0; i < pci.windows; i++)
		if (b->base >= pci.window[i].base && b->base + b->size <= pci.window[i].base + pci.window[i].size)
			return pci.window[i].at + (b->base - pci.window[i].base);
	return NULL;
}

void *pci_map_bar(struct host_pci *p, u32 bar, u64 need)
{
	const struct pci_bar *b = &p->bar[bar];
	void *at;

	assert(bar < PCI_BARS);
	pci_size_bars(p);
	if (b->io || !b->base || b->size < MAX(need, 1ul) || b->base + b->size < b->base)
		return NULL;
	if (lies_over_ram(b->base, b->size)) {
		log_notice("pci: %02x:%02x.%u: BAR %u at %#lx lies over RAM: not used", p->bdf >> 8, p->bdf >> 3 & 31,
			   p->bdf & 7, bar, b->base);
		return NULL;
	}
	at = in_window(b);
	return at ? at : mmio_map(HPA(b->base), b->size, CACHE_UNCACHED);
}

void pci_set_master(struct host_pci *p, bool on)
{
	u32 command = pci_read(p->bdf, PCI_COMMAND, 2) | PCI_CMD_MEMORY | PCI_CMD_INTX_OFF;

	pci_write(p->bdf, PCI_COMMAND, 2, on ? command | PCI_CMD_MASTER : command & ~(u32)PCI_CMD_MASTER);
}
