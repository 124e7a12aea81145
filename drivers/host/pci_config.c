/* SPDX-License-Identifier: Apache-2.0 */
/* The two ways into config space. PCI Local Bus 3.0 "Configuration Mechanism" (3.2.2.3.2); PCI Express Base "Enhanced
 * Configuration Access Mechanism" (7.2.2). */
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/paging.h>
#include <hv/pci.h>
#include <hv/port.h>

#define PORT_ADDRESS 0xcf8
#define PORT_DATA 0xcfc
#define PORT_SPACE 256u
#define ECAM_SPACE 4096u

static struct {
	u8 *at;			/* null: by ports */
	u64 base;
	u32 last;		/* bus; the first is 0 */
	bool ready;
} ecam;

/* AMD's BKDG "MMIO Configuration Coding Requirements" demands EAX; it does no harm elsewhere. */
static u32 ecam_read(const u8 *at, u32 size)
{
	u32 val = 0;

	if (size == 4)
		__asm__ volatile("movl %1, %0" : "=a"(val) : "m"(*(const volatile u32 *)(const void *)at));
	else if (size == 2)
		__asm__ volatile("movzwl %1, %0" : "=a"(val) : "m"(*(const volatile u16 *)(const void *)at));
	else
		__asm__ volatile("movzbl %1, %0" : "=a"(val) : "m"(*(const volatile u8 *)at));
	return val;
}

static void ecam_write(u8 *at, u32 size, u32 val)
{
	if (size == 4)
		__asm__ volatile("movl %1, %0" : "=m"(*(volatile u32 *)(void *)at) : "a"(val));
	else if (size == 2)
		__asm__ volatile("movw %w1, %0" : "=m"(*(volatile u16 *)(void *)at) : "a"(val));
	else
		__asm__ volatile("movb %b1, %0" : "=m"(*(volatile u8 *)at) : "a"(val));
}

static u8 *ecam_at(u16 bdf, u32 off)
{
	u32 bus = bdf >> 8;

	if (!ecam.at || bus > ecam.last || off >= ECAM_SPACE)
		return NULL;
	return ecam.at + ((u64)bdf << 12) + off;
}

static bool port_select(u16 bdf, u32 off)
{
	if (off >= PORT_SPACE)
		return false;
	port_out32(PORT_ADDRESS, BIT32(31) | (u32)bdf << 8 | (off & 0xfc));
	return true;
}

static u32 ones(u32 size)
{
	return size == 4 ? ~0u : BIT32(8 * size) - 1;
}

u32 pci_read(u16 bdf, u32 off, u32 size)
{
	const u8 *at = ecam_at(bdf, off);
	u16 port = (u16)(PORT_DATA + (off & 3));

	assert((size == 1 || size == 2 || size == 4) && !(off & (size - 1)));
	if (at)
		return ecam_read(at, size);
	if (!port_select(bdf, off))
		return ones(size);
	return size == 4 ? port_in32(port) : size == 2 ? port_in16(port) : port_in8(port);
}

void pci_write(u16 bdf, u32 off, u32 size, u32 val)
{
	u8 *at = ecam_at(bdf, off);
	u16 port = (u16)(PORT_DATA + (off & 3));

	assert((size == 1 || size == 2 || size == 4) && !(off & (size - 1)));
	if (at)
		ecam_write(at, size, val);
	else if (!port_select(bdf, off))
		return;
	else if (size == 4)
		port_out32(port, val);
	else if (size == 2)
		port_out16(port, (u16)val);
	else
		port_out8(port, (u8)val);
}

u32 pci_last_bus(void)
{
	return ecam.at ? ecam.last : 255;
}

/* Firmware's table is believed only if both ways show the same first functions. */
static bool ways_agree(void)
{
	u8 *at = ecam.at;
	bool any = false;

	for (u16 bdf = 0; bdf < 0x100; bdf += 8) {
		u32 by_memory = pci_read(bdf, PCI_ID, 4), by_port;

		ecam.at = NULL;
		by_port = pci_read(bdf, PCI_ID, 4);
		ecam.at = at;
		if (by_memory != by_port)
			return false;
		any = any || by_port != ~0u;
	}
	return any;
}

void pci_config_init(const struct boot_acpi *acpi)
{
	memset(&ecam, 0, sizeof(ecam));
	ecam.ready = true;
	if (!acpi->mcfg_base || !IS_ALIGNED(acpi->mcfg_base, MiB) || acpi->mcfg_bus_start || acpi->mcfg_bus_end > 255)
		return;
	ecam.base = acpi->mcfg_base;
	ecam.last = acpi->mcfg_bus_end;
	ecam.at = mmio_map(HPA(ecam.base), (ecam.last + 1ul) << 20, CACHE_UNCACHED);
	if (ecam.at && !ways_agree()) {
		log_notice("pci: the ECAM at %#lx that firmware tells of shows something else than the ports: not used", ecam.base);
		ecam.at = NULL;
	}
}

void pci_describe(char *to, size_t size)
{
	if (!ecam.ready)
		str_copy(to, size, "not looked at");
	else if (ecam.at)
		fmt_print(to, size, "ECAM at %#lx, buses 0-%u", ecam.base, ecam.last);
	else
		str_copy(to, size, "ports CF8H and CFCH");
}
