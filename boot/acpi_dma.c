/* SPDX-License-Identifier: Apache-2.0 */
/* DMAR and IVRS: where the IOMMUs are, which memory firmware's devices use for good, and which devices those are. */

#include "acpi_int.h"
#include "mem.h"

#define PAGE 4096ull
#define ADDRESS_END (1ull << 52)	/* nothing of x86-64 lies above */
#define BUS_FUNCTIONS 256u
#define ENTRIES 48u			/* where the structures begin, in both tables */

enum { DMAR_UNIT, DMAR_MEMORY };
enum { SCOPE_ENDPOINT = 1, SCOPE_BRIDGE };
enum { IVHD = 0x10, IVHD_LONG = 0x11, IVHD_ACPI = 0x40, IVMD_ALL = 0x20, IVMD_ONE, IVMD_RANGE };

static void iommu_add(struct acpi_facts *f, uint64_t base, uint16_t segment, uint8_t kind)
{
	struct boot_acpi *a = &f->acpi;

	/* The same unit of AMD's stands there once for each form of its entry. At 0 is none, though firmware says so. */
	for (uint32_t i = 0; i < a->iommu_count; i++)
		if (a->iommus[i].base == base)
			return;
	if (!base)
		return;
	if (a->iommu_count == BOOT_IOMMUS_MAX)
		a->iommu_lost++;
	else
		a->iommus[a->iommu_count++] = (struct boot_iommu){ .base = base, .segment = segment, .kind = kind };
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* The range that is now around both. */
static struct boot_held around(const struct boot_held *a, const struct boot_held *b)
{
	uint64_t base = smaller(a->base, b->base);

	return (struct boot_held){ base, larger(a->base + a->size, b->base + b->size) - base };
}

/* A range that does not fit is not forgotten: the one that has to grow least takes it in. */
static void held_join(struct boot_acpi *a, const struct boot_held *h)
{
	uint64_t best = UINT64_MAX;
	uint32_t at = 0;

	for (uint32_t i = 0; i < BOOT_HELD_MAX; i++) {
		uint64_t more = around(&a->held[i], h).size - a->held[i].size;

		if (more < best) {
			best = more;
			at = i;
		}
	}
	a->held[at] = around(&a->held[at], h);
	a->held_joined++;
}

/* [base, end), in whole pages. */
static void held_add(struct acpi_facts *f, uint64_t base, uint64_t end)
{
	struct boot_acpi *a = &f->acpi;
	struct boot_held h;

	if (end <= base || base >= ADDRESS_END)
		return;
	base &= ~(PAGE - 1);
	end = end > ADDRESS_END - PAGE ? ADDRESS_END : (end + PAGE - 1) & ~(PAGE - 1);
	h = (struct boot_held){ base, end - base };
	for (uint32_t i = 0; i < a->held_count; i++)
		if (around(&a->held[i], &h).size == a->held[i].size)
			return;		/* devices share such memory */
	if (a->held_count == BOOT_HELD_MAX)
		held_join(a, &h);
	else
		a->held[a->held_count++] = h;
}

static void device_add(struct acpi_facts *f, const struct boot_dma_device *d)
{
	struct boot_acpi *a = &f->acpi;

	for (uint32_t i = 0; i < a->dma_device_count; i++)
		if (!memcmp(&a->dma_devices[i], d, sizeof(*d)))
			return;
	if (a->dma_device_count == BOOT_DMA_DEVICES_MAX)
		a->dma_device_lost++;
	else
		a->dma_devices[a->dma_device_count++] = *d;
}

/* VT-d "Device Scope Structure" (8.3.1): a start bus and pairs of device and function, bridges all but the last. */
static void scope_add(struct acpi_facts *f, const uint8_t *s)
{
	struct boot_dma_device d;
	uint32_t hops = (s[1] - 6u) / 2;

	if (s[0] != SCOPE_ENDPOINT && s[0] != SCOPE_BRIDGE)
		return;		/* no PCI function does DMA there */
	memset(&d, 0, sizeof(d));	/* also what lies between the members: these are compared */
	if (!hops || hops > BOOT_PATH_MAX) {
		f->acpi.dma_device_lost++;
		return;
	}
	d.bus = s[5];
	d.hops = (uint8_t)hops;
	d.behind = s[0] == SCOPE_BRIDGE;
	for (uint32_t i = 0; i < hops; i++)
		d.path[i] = (uint8_t)((s[6 + 2 * i] & 31) << 3 | (s[7 + 2 * i] & 7));
	device_add(f, &d);
}

/* VT-d "Reserved Memory Region Reporting Structure" (8.4). Only segment 0 is silenced at boot, so only its devices need
 * to be spared; memory is held for all. */
static bool dmar_memory(struct acpi_facts *f, const struct acpi_table *e)
{
	uint64_t base = get64(e->p + 8), limit = get64(e->p + 16);

	held_add(f, base, limit == UINT64_MAX ? limit : limit + 1);
	for (uint32_t at = 24; at < e->size; at += e->p[at + 1]) {
		if (!table_has(e, at, 6) || e->p[at + 1] < 6 || !table_has(e, at, e->p[at + 1]))
			return false;
		if (get16(e->p + 6) == 0)
			scope_add(f, e->p + at);
	}
	return true;
}

/* VT-d "DMA Remapping Reporting Structure" (8.1). */
bool acpi_read_dmar(struct acpi_facts *f, const struct acpi_table *t)
{
	bool good = true;

	if (t->size < ENTRIES)
		return false;
	f->acpi.has_dmar = 1;
	f->acpi.dmar_flags = t->p[37];
	for (uint32_t at = ENTRIES; at < t->size && good;) {
		struct acpi_table e = { t->p + at, table_has(t, at, 4) ? get16(t->p + at + 2) : 0 };
		uint32_t type = e.size ? get16(e.p) : 0;

		good = e.size >= (type > DMAR_MEMORY ? 4u : type == DMAR_MEMORY ? 24u : 16u) && table_has(t, at, e.size);
		if (good && type == DMAR_UNIT)
			iommu_add(f, get64(e.p + 8), get16(e.p + 6), BOOT_IOMMU_VTD);
		else if (good && type == DMAR_MEMORY)
			good = dmar_memory(f, &e);
		at += e.size;
	}
	f->acpi.iommu_malformed |= !good;
	return good;
}

/* AMD I/O Virtualization "I/O Virtualization Memory Definition (IVMD) Block" (5.2.2.2). One for all devices is common and
 * means "whoever": only memory is held for it, as for a range of more than a bus. */
static void ivmd_add(struct acpi_facts *f, const uint8_t *e)
{
	uint64_t base = get64(e + 16), size = get64(e + 24);
	struct boot_dma_device d;

	held_add(f, base, size > UINT64_MAX - base ? UINT64_MAX : base + size);
	memset(&d, 0, sizeof(d));
	d.first = get16(e + 4);
	d.last = e[0] == IVMD_RANGE ? get16(e + 6) : d.first;
	if (e[0] == IVMD_ALL || d.last < d.first || d.last - d.first >= (int)BUS_FUNCTIONS)
		f->acpi.dma_device_lost++;
	else
		device_add(f, &d);
}

static uint32_t ivrs_least(uint8_t type)
{
	switch (type) {
	case IVHD:		return 24;
	case IVHD_LONG:
	case IVHD_ACPI:		return 40;
	case IVMD_ALL:
	case IVMD_ONE:
	case IVMD_RANGE:	return 32;
	default:		return 4;
	}
}

/* AMD I/O Virtualization "I/O Virtualization Reporting Structure (IVRS)" (5.2.1). */
bool acpi_read_ivrs(struct acpi_facts *f, const struct acpi_table *t)
{
	bool good = true;

	if (t->size < ENTRIES)
		return false;
	f->acpi.has_ivrs = 1;
	for (uint32_t at = ENTRIES; at < t->size && good;) {
		const uint8_t *e = t->p + at;
		uint32_t size = table_has(t, at, 4) ? get16(e + 2) : 0;

		good = size && size >= ivrs_least(e[0]) && table_has(t, at, size);
		if (good && (e[0] == IVHD || e[0] == IVHD_LONG || e[0] == IVHD_ACPI))
			iommu_add(f, get64(e + 8), get16(e + 16), BOOT_IOMMU_AMD);
		else if (good && e[0] >= IVMD_ALL && e[0] <= IVMD_RANGE)
			ivmd_add(f, e);
		at += size;
	}
	f->acpi.iommu_malformed |= !good;
	return good;
}
