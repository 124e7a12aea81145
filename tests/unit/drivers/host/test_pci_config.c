/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/host/pci_config.c hv/lib/string.c hv/lib/format.c */
/* ECAM and the two ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/paging.h>
#include <hv/pci.h>
#include <hv/port.h>

static u8 ecam[2 << 20];
static u8 by_port[256][256];		/* bus 0 */
static u32 address;
static u64 mapped_size;
static bool no_room;

void log_write(enum log_level level, const char *fmt, ...)
{
}

void *mmio_map(hpa_t base, u64 size, enum cache cache)
{
	mapped_size = size;
	return no_room ? NULL : ecam;
}

static u8 *at_port(u16 port)
{
	static u8 none[4];

	memset(none, 0xff, sizeof(none));
	assert_true(address & BIT32(31));
	if (address >> 8 & 0xff00)
		return none + (port & 3);
	return &by_port[address >> 8 & 0xff][(address & 0xfc) + (port & 3u)];
}

void port_out32(u16 port, u32 value)
{
	if (port == 0xcf8)
		address = value;
	else
		memcpy(at_port(port), &value, 4);
}

void port_out16(u16 port, u16 value)
{
	memcpy(at_port(port), &value, 2);
}

void port_out8(u16 port, u8 value)
{
	*at_port(port) = value;
}

u32 port_in32(u16 port)
{
	u32 v;

	memcpy(&v, at_port(port), 4);
	return v;
}

u16 port_in16(u16 port)
{
	u16 v;

	memcpy(&v, at_port(port), 2);
	return v;
}

u8 port_in8(u16 port)
{
	return *at_port(port);
}

static int fresh(void **state)
{
	u32 id = 0x29c08086;

	memset(by_port, 0xff, sizeof(by_port));
	memset(ecam, 0xff, sizeof(ecam));
	memcpy(by_port[0], &id, 4);
	memcpy(ecam, &id, 4);
	no_room = false;
	return 0;
}

static struct boot_acpi told(u64 base, u32 start, u32 end)
{
	return (struct boot_acpi){ .mcfg_base = base, .mcfg_bus_start = start, .mcfg_bus_end = end };
}

static void by_ports(void **state)
{
	struct boot_acpi none = { 0 };
	char words[64];

	pci_config_init(&none);
	pci_describe(words, sizeof(words));
	assert_string_equal(words, "ports CF8H and CFCH");
	assert_int_equal(pci_read(0, PCI_ID, 4), 0x29c08086);
	assert_int_equal(pci_read(0, 2, 2), 0x29c0);
	assert_int_equal(pci_read(0, 1, 1), 0x80);
	pci_write(0, 0x47, 1, 0xab);
	assert_int_equal(by_port[0][0x47], 0xab);
	assert_int_equal(by_port[0][0x46], 0xff);
	pci_write(0, 0x4a, 2, 0x1234);
	assert_int_equal(by_port[0][0x4a], 0x34);
	assert_int_equal(pci_read(0, 0x100, 4), ~0u);	/* not to be had this way */
	pci_write(0, 0x100, 4, 0);
	assert_int_equal(pci_read(0, 0x102, 2), 0xffff);
	assert_int_equal(pci_last_bus(), 255);
}

static void by_memory(void **state)
{
	struct boot_acpi acpi = told(0xe0000000, 0, 1);
	char words[64];

	pci_config_init(&acpi);
	pci_describe(words, sizeof(words));
	assert_string_equal(words, "ECAM at 0xe0000000, buses 0-1");
	assert_int_equal(mapped_size, 2 << 20);
	pci_write(0x1ff, 0xffc, 4, 0x11223344);
	assert_int_equal(ecam[0x1ffffc], 0x44);
	assert_int_equal(pci_read(0x1ff, 0xfff, 1), 0x11);
	assert_int_equal(pci_read(0x1ff, 0xffe, 2), 0x1122);
	assert_int_equal(pci_last_bus(), 1);
	assert_int_equal(pci_read(0x200, 0, 4), ~0u);	/* beyond: the ports answer */
}

static void tables_that_lie(void **state)
{
	struct boot_acpi odd = told(0xe0000400, 0, 1), late = told(0xe0000000, 4, 8), wide = told(0xe0000000, 0, 256);
	struct boot_acpi good = told(0xe0000000, 0, 1);
	const struct boot_acpi *bad[] = { &odd, &late, &wide };

	for (u32 i = 0; i < ARRAY_COUNT(bad); i++) {
		mapped_size = 0;
		pci_config_init(bad[i]);
		assert_int_equal(mapped_size, 0);
		assert_int_equal(pci_last_bus(), 255);
	}
	ecam[2] ^= 1;			/* another machine's window */
	pci_config_init(&good);
	assert_int_equal(pci_last_bus(), 255);
	assert_int_equal(pci_read(0, PCI_ID, 4), 0x29c08086);
	ecam[2] ^= 1;
	no_room = true;
	pci_config_init(&good);
	assert_int_equal(pci_last_bus(), 255);
}

static void nothing_at_all(void **state)
{
	struct boot_acpi good = told(0xe0000000, 0, 1);

	memset(by_port, 0xff, sizeof(by_port));
	memset(ecam, 0xff, sizeof(ecam));
	pci_config_init(&good);
	assert_int_equal(pci_last_bus(), 255);
	assert_int_equal(pci_read(0, PCI_ID, 4), ~0u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(by_ports, fresh),
		cmocka_unit_test_setup(by_memory, fresh),
		cmocka_unit_test_setup(tables_that_lie, fresh),
		cmocka_unit_test_setup(nothing_at_all, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
