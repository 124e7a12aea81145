/* SPDX-License-Identifier: Apache-2.0 */
#include "boot.h"

#define CLASS_SERIAL 0x0700u	/* simple communication controller, serial */
#define LEGACY_COUNT 2u

static void add_uart(struct boot_info *info, const struct boot_uart *u, uint32_t limit)
{
	for (uint32_t i = 0; i < info->uart_count; i++)
		if (info->uarts[i].base == u->base && info->uarts[i].mmio == u->mmio)
			return;
	if (info->uart_count < limit)
		info->uarts[info->uart_count++] = *u;
}

/* One PCI function: a serial controller whose first BAR is decoded. PCI 3.0 "Configuration Space" (6.1). */
static bool read_pci_uart(EFI_PCI_IO_PROTOCOL *pci, struct boot_uart *u)
{
	UINT32 c[8];

	if (pci->Pci.Read(pci, EfiPciIoWidthUint32, 0, 8, c) != EFI_SUCCESS || c[2] >> 16 != CLASS_SERIAL)
		return false;
	*u = (struct boot_uart){ .stride = 1, .source = BOOT_UART_PCI };
	if (c[4] & 1) {
		u->base = c[4] & 0xfffc;
		return (c[1] & 1) && u->base;
	}
	u->mmio = 1;
	u->base = c[4] & ~15u;
	if ((c[4] & 6) == 4)
		u->base |= (uint64_t)c[5] << 32;
	return (c[1] & 2) && u->base;
}

static void read_pci_uarts(struct boot_info *info)
{
	EFI_GUID guid = EFI_PCI_IO_PROTOCOL_GUID;
	EFI_HANDLE *handles;
	EFI_PCI_IO_PROTOCOL *pci;
	struct boot_uart u;
	UINTN count = 0;

	if (fw.boot->LocateHandleBuffer(ByProtocol, &guid, NULL, &count, &handles) != EFI_SUCCESS)
		return;
	for (UINTN i = 0; i < count; i++)
		if (fw.boot->HandleProtocol(handles[i], &guid, (VOID **)&pci) == EFI_SUCCESS && read_pci_uart(pci, &u))
			add_uart(info, &u, BOOT_UARTS_MAX - LEGACY_COUNT);
	fw.boot->FreePool(handles);
}

void uarts_read(struct boot_info *info, const struct acpi_facts *acpi)
{
	static const struct boot_uart legacy[LEGACY_COUNT] = {
		{ .base = 0x3f8, .stride = 1, .source = BOOT_UART_LEGACY },
		{ .base = 0x2f8, .stride = 1, .source = BOOT_UART_LEGACY },
	};

	for (uint32_t i = 0; i < acpi->uart_count; i++)
		add_uart(info, &acpi->uarts[i], BOOT_UARTS_MAX);
	read_pci_uarts(info);
	for (uint32_t i = 0; i < LEGACY_COUNT; i++)
		add_uart(info, &legacy[i], BOOT_UARTS_MAX);
}
