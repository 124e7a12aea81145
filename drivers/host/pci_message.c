/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupt messages to the control core, and function-level reset. PCI Local Bus 3.0 "MSI and MSI-X" (6.8); PCI Express
 * Base "Function Level Reset" (6.6.2). */
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/pci.h>

#define MSI_ADDRESS 0xfee00000u		/* SDM 3A "Message Address Register Format": fixed delivery to one APIC id */
#define MSI_ENABLE 1u
#define MSI_COUNT 0x70u			/* of messages in use: one */
#define MSI_WIDE 0x80u
#define MSI_MASKS 0x100u
#define MSIX_ENABLE 0x8000u
#define MSIX_MASK_ALL 0x4000u
#define MSIX_SIZE 0x7ffu
#define MSIX_ENTRY 16u
#define EXPRESS_FLR BIT32(28)		/* Device Capabilities */
#define EXPRESS_RESET 0x8000u		/* Device Control */
#define EXPRESS_PENDING 0x20u		/* Device Status */
#define AF_FLR 0x03u			/* transactions pending and FLR are there */
#define RESET_TRIES 100u

void pci_prepare_messages(struct host_pci *p)
{
	u32 cap = pci_find_cap(p, PCI_CAP_MSIX), table, entries;
	u8 *bar;

	if (!cap)
		return;
	entries = (pci_read(p->bdf, cap + 2, 2) & MSIX_SIZE) + 1;
	table = pci_read(p->bdf, cap + 4, 4);
	if ((table & 7) >= PCI_BARS)
		return;
	bar = pci_map_bar(p, table & 7, (table & ~7ul) + entries * MSIX_ENTRY);
	if (!bar)
		return;
	p->msix_table = (volatile u32 *)(void *)(bar + (table & ~7u));
	p->msix_entries = entries;
}

static void msix_on(struct host_pci *p, u32 cap, u32 address, u32 data)
{
	u32 control = pci_read(p->bdf, cap + 2, 2);

	pci_write(p->bdf, cap + 2, 2, control | MSIX_ENABLE | MSIX_MASK_ALL);
	for (u32 i = 0; i < p->msix_entries; i++)
		p->msix_table[4 * i + 3] = 1;
	p->msix_table[0] = address;
	p->msix_table[1] = 0;
	p->msix_table[2] = data;
	p->msix_table[3] = 0;
	pci_write(p->bdf, cap + 2, 2, (control | MSIX_ENABLE) & ~MSIX_MASK_ALL);
	p->message_kind = PCI_CAP_MSIX;
}

static void msi_on(struct host_pci *p, u32 cap, u32 address, u32 data)
{
	u32 control = pci_read(p->bdf, cap + 2, 2), at = control & MSI_WIDE ? 12 : 8;

	pci_write(p->bdf, cap + 4, 4, address);
	if (control & MSI_WIDE)
		pci_write(p->bdf, cap + 8, 4, 0);
	pci_write(p->bdf, cap + at, 2, data);
	if (control & MSI_MASKS)
		pci_write(p->bdf, cap + at + 4, 4, 0);
	pci_write(p->bdf, cap + 2, 2, (control & ~MSI_COUNT) | MSI_ENABLE);
	p->message_kind = PCI_CAP_MSI;
}

bool pci_messages_on(struct host_pci *p, u32 apic_id)
{
	u32 msix = pci_find_cap(p, PCI_CAP_MSIX), msi = pci_find_cap(p, PCI_CAP_MSI);
	u32 address = MSI_ADDRESS | apic_id << 12, data = PCI_MESSAGE_VECTOR + pci_message(p);

	if (apic_id > 254)
		return false;
	if (msix && p->msix_table)
		msix_on(p, msix, address, data);
	else if (msi)
		msi_on(p, msi, address, data);
	return p->message_kind != 0;
}

/* Start the reset by whichever of the two ways it has. */
static bool reset_begin(const struct host_pci *p)
{
	u32 express = pci_find_cap(p, PCI_CAP_EXPRESS), af = pci_find_cap(p, PCI_CAP_AF);

	if (express && pci_read(p->bdf, express + 4, 4) & EXPRESS_FLR) {
		for (u32 i = 0; i < RESET_TRIES && pci_read(p->bdf, express + 10, 2) & EXPRESS_PENDING; i++)
			wait_us(1000);
		pci_write(p->bdf, express + 8, 2, pci_read(p->bdf, express + 8, 2) | EXPRESS_RESET);
		return true;
	}
	if (!af || (pci_read(p->bdf, af + 3, 1) & AF_FLR) != AF_FLR)
		return false;
	for (u32 i = 0; i < RESET_TRIES && pci_read(p->bdf, af + 5, 1) & 1; i++)
		wait_us(1000);
	pci_write(p->bdf, af + 4, 1, 1);
	return true;
}

int pci_reset_function(struct host_pci *p)
{
	u32 command = pci_read(p->bdf, PCI_COMMAND, 2), bar[PCI_BARS];

	for (u32 i = 0; i < PCI_BARS; i++)
		bar[i] = pci_read(p->bdf, PCI_BAR0 + 4 * i, 4);
	pci_write(p->bdf, PCI_COMMAND, 2, PCI_CMD_INTX_OFF);
	if (p->header || !reset_begin(p)) {
		pci_write(p->bdf, PCI_COMMAND, 2, command);
		return -E_NODEV;
	}
	wait_us(100000);
	for (u32 i = 0; pci_read(p->bdf, PCI_ID, 4) != ((u32)p->device << 16 | p->vendor); i++) {
		if (i == RESET_TRIES)
			return -E_TIMEOUT;
		wait_us(10000);
	}
	for (u32 i = 0; i < PCI_BARS; i++)
		pci_write(p->bdf, PCI_BAR0 + 4 * i, 4, bar[i]);
	pci_write(p->bdf, PCI_COMMAND, 2, command & ~(u32)PCI_CMD_MASTER);
	p->message_kind = 0;
	return 0;
}
