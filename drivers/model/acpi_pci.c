/* SPDX-License-Identifier: Apache-2.0 */
/* PCI in the DSDT: the host bridge's windows, its interrupt routing, and what an operating system may take over.
 * ACPI 6.4 "Resource Data Types for ACPI", "_PRT (PCI Routing Table)"; PCI Firmware Specification "_OSC". */
#include "acpi.h"

#include <hv/guest.h>
#include <hv/lib.h>

#include "aml.h"
#include "pci/vpci.h"

#define SPACE_MEMORY 0
#define SPACE_IO 1
#define SPACE_BUS 2
#define FIXED_ENDS 0x0c		/* minimum and maximum are what they say */
#define MEMORY_READ_WRITE 0x01
#define MEMORY_CACHEABLE 0x02
#define IO_ENTIRE_RANGE 0x03

/* One address space descriptor; width: bytes of each number (2, 4, 8). */
struct window {
	u8 width, space, flags;
	u64 base, size;
};

static size_t put_number(u8 *to, u64 val, u32 width)
{
	memcpy(to, &val, width);	/* little endian, as we are */
	return width;
}

static size_t put_window(u8 *to, const struct window *w)
{
	static const u8 tag[] = { [2] = 0x88, [4] = 0x87, [8] = 0x8a };
	const u64 number[5] = { 0, w->base, w->base + w->size - 1, 0, w->size };	/* granularity .. length */
	size_t used = 6;

	to[0] = tag[w->width];
	to[1] = (u8)(3 + 5 * w->width);
	to[2] = 0;
	to[3] = w->space;
	to[4] = FIXED_ENDS;
	to[5] = w->flags;
	for (u32 i = 0; i < ARRAY_COUNT(number); i++)
		used += put_number(to + used, number[i], w->width);
	return used;
}

/* The bus, the ports around 0CF8H-0CFFH, which are the bridge's own, VGA's memory, and where BARs go: below and above
 * the ECAM window, and above RAM. */
static void put_crs(struct aml *a, const struct guest *g)
{
	static const u8 own_ports[] = { 0x47, 1, 0xf8, 0x0c, 0xf8, 0x0c, 1, 8 }, end[] = { 0x79, 0 };
	const struct bus_range ecam = vpci_ecam(g);
	const u64 low = g->plan->boot.type == BOOT_UEFI ? MAX(2 * GiB, g->ram_low) : VPCI_WINDOW32, end_low = 0xfec00000;
	const bool inside = ecam.base > low && ecam.base + ecam.size < end_low;
	const u64 behind_ecam = MAX(low, ecam.base + ecam.size);
	struct window w[] = {
		{ 2, SPACE_BUS, 0, 0, 1 },
		{ 2, SPACE_IO, IO_ENTIRE_RANGE, 0, 0xcf8 },
		{ 2, SPACE_IO, IO_ENTIRE_RANGE, 0xd00, 0xf300 },
		{ 4, SPACE_MEMORY, MEMORY_READ_WRITE | MEMORY_CACHEABLE, 0xa0000, 0x20000 },
		{ 4, SPACE_MEMORY, MEMORY_READ_WRITE, low, inside ? ecam.base - low : 0 },
		{ 4, SPACE_MEMORY, MEMORY_READ_WRITE, behind_ecam, end_low - behind_ecam },
		{ 8, SPACE_MEMORY, MEMORY_READ_WRITE | MEMORY_CACHEABLE, 0, 0 },
	};
	u8 buf[ARRAY_COUNT(w) * 46 + sizeof(own_ports) + sizeof(end)];
	size_t used = sizeof(own_ports);

	w[ARRAY_COUNT(w) - 1].base = vpci_window64(g, &w[ARRAY_COUNT(w) - 1].size);
	memcpy(buf, own_ports, sizeof(own_ports));
	for (u32 i = 0; i < ARRAY_COUNT(w); i++)
		if (w[i].size)
			used += put_window(buf + used, &w[i]);
	memcpy(buf + used, end, sizeof(end));
	aml_name(a, "_CRS");
	aml_buffer(a, buf, used + sizeof(end));
}

/* Every pin of every slot on its GSI. Pin A is the only one that our functions have. */
static void put_prt(struct aml *a)
{
	aml_name(a, "_PRT");
	aml_package(a, (VPCI_SLOTS - 1) * 4);
	for (u32 slot = 1; slot < VPCI_SLOTS; slot++)
		for (u32 pin = 0; pin < 4; pin++) {
			aml_package(a, 4);
			aml_integer(a, slot << 16 | 0xffff);
			aml_integer(a, pin);
			aml_integer(a, 0);
			aml_integer(a, VPCI_GSI_BASE + vpci_pirq_of(slot + pin));
			aml_close(a);
		}
	aml_close(a);
}

#define ARG0 0x68
#define ARG1 0x69
#define ARG3 0x6b
#define CDW1 'C', 'D', 'W', '1'

/* CDW1 |= bit; */
static void put_or(struct aml *a, u8 bit)
{
	const u8 code[] = { 0x7d, CDW1, 0x0a, bit, CDW1 };

	aml_raw(a, code, sizeof(code));
}

/* The system may control whatever it asks for, as nothing else does. Another UUID or revision is told.
 *   CreateDWordField (Arg3, 0, CDW1)
 *   If (Arg0 == UUID) { If (Arg1 != 1) { CDW1 |= 8 } } Else { CDW1 |= 4 }
 *   Return (Arg3) */
static void put_osc(struct aml *a)
{
	static const u8 uuid[] = { 0x5b, 0x4d, 0xdb, 0x33, 0xf7, 0x1f, 0x1c, 0x40,	/* 33DB4D5B-1FF7-401C- */
		0x96, 0x57, 0x74, 0x41, 0xc0, 0x3d, 0xd7, 0x66 };			/* 9657-7441C03DD766 */
	static const u8 field[] = { 0x8a, ARG3, 0x00, CDW1 }, equal_arg0[] = { 0x93, ARG0 },
		arg1_not_one[] = { 0x92, 0x93, ARG1, 0x01 }, give[] = { 0xa4, ARG3 };

	aml_method(a, "_OSC", 4);
	aml_raw(a, field, sizeof(field));
	aml_if(a);
	aml_raw(a, equal_arg0, sizeof(equal_arg0));
	aml_buffer(a, uuid, sizeof(uuid));
	aml_if(a);
	aml_raw(a, arg1_not_one, sizeof(arg1_not_one));
	put_or(a, 8);
	aml_close(a);
	aml_close(a);
	aml_else(a);
	put_or(a, 4);
	aml_close(a);
	aml_raw(a, give, sizeof(give));
	aml_close(a);
}

static void put_id(struct aml *a, const char *name, const char *id)
{
	aml_name(a, name);
	aml_eisa_id(a, id);
}

void acpi_pci_open(struct aml *a, const struct guest *g)
{
	aml_device(a, "PCI0");
	put_id(a, "_HID", "PNP0A08");
	put_id(a, "_CID", "PNP0A03");
	aml_name(a, "_UID");
	aml_integer(a, 0);
	put_crs(a, g);
	put_prt(a);
	put_osc(a);
}

/* A 32-bit fixed memory descriptor (86H). Kernels use ECAM only when its window is such a motherboard resource. */
void acpi_memory_device(struct aml *a, const char *name, const char *id, u64 base, u64 size)
{
	u8 crs[14] = { 0x86, 9, 0, 1 };

	put_number(crs + 4, base, 4);
	put_number(crs + 8, size, 4);
	crs[12] = 0x79;
	aml_device(a, name);
	put_id(a, "_HID", id);
	aml_name(a, "_UID");
	aml_string(a, name);
	aml_name(a, "_CRS");
	aml_buffer(a, crs, sizeof(crs));
	aml_close(a);
}
