/* SPDX-License-Identifier: Apache-2.0 */
#include "pci_fake.h"

#include <hv/log.h>
#include <hv/paging.h>

#define WEAK __attribute__((weak))

struct fake_function fake_pci[FAKE_MAX];
u32 fake_pci_count, fake_last_bus, fake_reads;
bool fake_everywhere;
u64 fake_mapped, fake_mapped_size, fake_waited_us;
u8 fake_mmio[1 << 16];
static struct boot_info info;
const struct boot_info *boot_info = &info;

void fake_pci_init(void)
{
	memset(fake_pci, 0, sizeof(fake_pci));
	memset(&info, 0, sizeof(info));
	memset(fake_mmio, 0, sizeof(fake_mmio));
	fake_pci_count = fake_reads = 0;
	fake_everywhere = false;
	fake_last_bus = 255;
	fake_mapped = fake_mapped_size = fake_waited_us = 0;
	info.range_count = 1;
	info.ranges[0] = (struct boot_range){ .base = 0x100000, .size = 0x7ff00000, .kind = BOOT_RAM };
}

void fake_put(struct fake_function *f, u32 off, u32 size, u32 val)
{
	memcpy(f->config + off, &val, size);
}

u32 fake_get(const struct fake_function *f, u32 off, u32 size)
{
	u32 val = 0;

	memcpy(&val, f->config + off, size);
	return val;
}

struct fake_function *fake_add(u16 bdf, u16 vendor, u16 device, u32 class_code)
{
	struct fake_function *f = &fake_pci[fake_pci_count++];

	f->bdf = bdf;
	fake_put(f, PCI_ID, 4, (u32)device << 16 | vendor);
	fake_put(f, PCI_CLASS_REV, 4, class_code << 8 | 1);
	memset(f->mask + PCI_COMMAND, 0xff, 2);
	return f;
}

void fake_bar(struct fake_function *f, u32 n, u32 val, u32 mask)
{
	fake_put(f, PCI_BAR0 + 4 * n, 4, val);
	memcpy(f->mask + PCI_BAR0 + 4 * n, &mask, 4);
}

static struct fake_function *find(u16 bdf)
{
	if (fake_everywhere)
		return &fake_pci[0];
	for (u32 i = 0; i < fake_pci_count; i++)
		if (fake_pci[i].bdf == bdf && !fake_pci[i].gone)
			return &fake_pci[i];
	return NULL;
}

u32 pci_last_bus(void)
{
	return fake_last_bus;
}

WEAK void pci_config_init(const struct boot_acpi *acpi)
{
}

u32 pci_read(u16 bdf, u32 off, u32 size)
{
	const struct fake_function *f = find(bdf);

	assert_true(off + size <= 256 && !(off & (size - 1)));
	fake_reads++;
	return f ? fake_get(f, off, size) : size == 4 ? ~0u : BIT32(8 * size) - 1;
}

void pci_write(u16 bdf, u32 off, u32 size, u32 val)
{
	struct fake_function *f = find(bdf);

	assert_true(off + size <= 256 && !(off & (size - 1)));
	for (u32 i = 0; f && i < size; i++) {
		u8 byte = (u8)(val >> 8 * i), mask = f->mask[off + i];

		f->config[off + i] = (u8)((f->config[off + i] & ~mask) | (byte & mask));
	}
}

WEAK void *mmio_map(hpa_t base, u64 size, enum cache cache)
{
	assert_int_equal(cache, CACHE_UNCACHED);
	fake_mapped = base.v;
	fake_mapped_size = size;
	return fake_mmio;
}

WEAK void wait_us(u32 us)
{
	fake_waited_us += us;
}

WEAK void log_write(enum log_level level, const char *fmt, ...)
{
}
