/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing that firmware left running may write into RAM that a guest is about to get, or interrupt a guest core:
 * bus mastering off on every PCI function but bridges and the devices that firmware itself goes on using, MSI and
 * MSI-X off on all, all interrupt controllers masked, the HPET stopped. */
#include "quiesce.h"

#include <hv/log.h>
#include <hv/machine.h>
#include <hv/paging.h>

#include "x86.h"

#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc
#define PCI_COMMAND 0x04
#define PCI_COMMAND_MASTER BIT32(2)
#define PCI_STATUS_CAPS BIT32(20)	/* in the dword at 04h */
#define PCI_HEADER 0x0c
#define PCI_HEADER_BRIDGE 1u		/* to PCI; CardBus bridges have their capabilities elsewhere */
#define PCI_BUSES 0x18			/* of a bridge: primary, secondary, subordinate */
#define PCI_CAPS 0x34
#define CAP_MSI 0x05
#define CAP_MSIX 0x11
#define IOAPIC_BASE 0xfec00000u		/* where the first one is when nobody says */
#define HPET_CONFIG (0x10 / 4)
#define HPET_RUNS BIT32(0)
#define HPET_LEGACY BIT32(1)

static u32 pci_read(u32 bdf, u32 reg)
{
	outl(PCI_ADDRESS, BIT32(31) | bdf << 8 | (reg & 0xfc));
	return inl(PCI_DATA);
}

static void pci_write(u32 bdf, u32 reg, u32 val)
{
	outl(PCI_ADDRESS, BIT32(31) | bdf << 8 | (reg & 0xfc));
	outl(PCI_DATA, val);
}

/* A function has at most 48 capabilities; a list that is longer is a loop. */
static void messages_off(u32 bdf)
{
	u32 at = pci_read(bdf, PCI_CAPS) & 0xfc;

	for (int i = 0; i < 48 && at >= 0x40; i++) {
		u32 cap = pci_read(bdf, at);

		if ((cap & 0xff) == CAP_MSI)
			pci_write(bdf, at, cap & ~BIT32(16));
		else if ((cap & 0xff) == CAP_MSIX)
			pci_write(bdf, at, cap & ~BIT32(31));
		at = cap >> 8 & 0xfc;
	}
}

/* Functions that keep the bus, first to last. */
struct span { u32 first, last; };
static struct span spans[BOOT_DMA_DEVICES_MAX];
static u32 span_count;

static bool is_bridge(u32 bdf)
{
	return pci_read(bdf, 0) != ~0u && (pci_read(bdf, PCI_HEADER) >> 16 & 0x7f) == PCI_HEADER_BRIDGE;
}

/* What is behind a bridge; nothing when firmware never gave it numbers. */
static bool span_behind(u32 bdf, struct span *s)
{
	u32 buses = pci_read(bdf, PCI_BUSES), second = buses >> 8 & 0xff, last = buses >> 16 & 0xff;

	*s = (struct span){ second << 8, last << 8 | 0xff };
	return second && second <= last;
}

/* VT-d "Device Scope Structure": each step but the last is a bridge, the next bus is the one behind it. */
static bool span_find(const struct boot_dma_device *d, struct span *s)
{
	u32 bdf = (u32)d->bus << 8 | d->path[0];

	*s = (struct span){ d->first, d->last };
	if (!d->hops)
		return true;
	for (u32 i = 1; i < d->hops && i < BOOT_PATH_MAX; i++) {
		if (!is_bridge(bdf) || !span_behind(bdf, s))
			return false;
		bdf = s->first | d->path[i];
	}
	*s = (struct span){ bdf, bdf };
	if (pci_read(bdf, 0) == ~0u)
		return false;
	return !d->behind || !is_bridge(bdf) || span_behind(bdf, s);
}

static void spans_find(const struct boot_acpi *acpi)
{
	u32 count = MIN(acpi->dma_device_count, (u32)BOOT_DMA_DEVICES_MAX), absent = 0;

	span_count = 0;
	for (u32 i = 0; i < count; i++) {
		if (span_find(&acpi->dma_devices[i], &spans[span_count]))
			span_count++;
		else
			absent++;
	}
	if (absent)
		log_info("pci: %u devices with memory of their own are described by firmware, but are not there", absent);
	if (acpi->dma_device_lost)
		log_notice("pci: %u descriptions of devices with memory of their own fit no device: they lose the bus if they "
			"are not described otherwise", acpi->dma_device_lost);
}

static bool is_spared(u32 bdf)
{
	for (u32 i = 0; i < span_count; i++)
		if (bdf >= spans[i].first && bdf <= spans[i].last)
			return true;
	return false;
}

static void note_spared(struct host_dma *d, u32 bdf)
{
	if (d->spared_count < HOST_SPARED_MAX)
		d->spared[d->spared_count] = (u16)bdf;
	d->spared_count++;
	log_notice("pci: %02x:%02x.%u keeps bus mastering: firmware goes on using it", bdf >> 8, bdf >> 3 & 31, bdf & 7);
}

static bool quiet_function(struct host_dma *d, u32 bdf)
{
	u32 command = pci_read(bdf, PCI_COMMAND), header = pci_read(bdf, PCI_HEADER) >> 16 & 0x7f;

	if (header <= PCI_HEADER_BRIDGE && command & PCI_STATUS_CAPS)
		messages_off(bdf);
	if (header)
		return false;	/* a bridge: what is behind it still has to be reached */
	if (is_spared(bdf)) {
		if (command & PCI_COMMAND_MASTER)
			note_spared(d, bdf);
		return false;
	}
	/* The status half is write-one-to-clear: zeros leave it alone. */
	pci_write(bdf, PCI_COMMAND, command & 0xffff & ~PCI_COMMAND_MASTER);
	return command & PCI_COMMAND_MASTER;
}

static u32 quiet_device(struct host_dma *d, u32 bdf)
{
	u32 n = 0, functions = pci_read(bdf, PCI_HEADER) & BIT32(23) ? 8 : 1;

	for (u32 f = 0; f < functions; f++)
		if (pci_read(bdf + f, 0) != ~0u)
			n += quiet_function(d, bdf + f);
	return n;
}

static void mask_ioapic(u32 base)
{
	volatile u32 *io = mmio_map(HPA(base), PAGE_SIZE, CACHE_UNCACHED);
	u32 version, pins;

	if (!io)
		return;
	io[0] = 1;
	version = io[4];
	pins = (version >> 16 & 0xff) + 1;
	if (version == ~0u || version == 0 || pins > 240)
		return;		/* nothing there */
	for (u32 pin = 0; pin < pins; pin++) {
		io[0] = 0x10 + 2 * pin;
		io[4] = BIT32(16);
	}
}

static void mask_ioapics(const struct boot_acpi *acpi)
{
	if (!acpi->ioapic_count)
		mask_ioapic(IOAPIC_BASE);
	for (u32 i = 0; i < acpi->ioapic_count; i++)
		mask_ioapic(acpi->ioapics[i]);
}

/* Its timers can send messages of their own, past the IOAPICs. Nobody here counts by it. IA-PC HPET 1.0a "General
 * Configuration Register" (2.3.5). */
static void stop_hpet(const struct boot_acpi *acpi)
{
	volatile u32 *hpet = acpi->hpet_base ? mmio_map(HPA(acpi->hpet_base), 0x400, CACHE_UNCACHED) : NULL;

	if (hpet && hpet[0] != ~0u)
		hpet[HPET_CONFIG] &= ~(HPET_RUNS | HPET_LEGACY);
}

void quiesce_devices(struct host_dma *d)
{
	u32 masters = 0;

	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	mask_ioapics(&boot_info->acpi);
	stop_hpet(&boot_info->acpi);
	spans_find(&boot_info->acpi);
	for (u32 bdf = 0; bdf < 0x10000; bdf += 8)
		if (pci_read(bdf, 0) != ~0u)
			masters += quiet_device(d, bdf);
	log_info("pci: bus mastering taken from %u devices that firmware left running", masters);
}
