/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/host/pci.c drivers/host/pci_class.c drivers/host/pci_message.c tests/unit/drivers/host/pci_fake.c hv/lib/string.c hv/lib/format.c */
/* Functions that hide, loop and lie. */
#include "pci_fake.h"

static const struct boot_acpi no_acpi;

static int fresh(void **state)
{
	fake_pci_init();
	return 0;
}

static struct fake_function *bridge(u16 bdf, u8 secondary)
{
	struct fake_function *f = fake_add(bdf, 0x8086, 0x3420, 0x060400);

	fake_put(f, PCI_HEADER, 1, 1);
	fake_put(f, PCI_BUSES + 1, 1, secondary);
	fake_put(f, PCI_BUSES + 2, 1, 255);
	return f;
}

static void finds_functions(void **state)
{
	struct fake_function *f = fake_add(0x08, 0x8086, 0x1111, 0x020000);

	fake_put(f, PCI_HEADER, 1, 0x80);
	fake_put(f, PCI_SUBSYSTEM, 4, 0xbeef1af4);
	fake_add(0x0f, 0x8086, 0x2222, 0x010601);
	fake_add(0x10, 0x1234, 0x1111, 0x030000);
	fake_add(0x13, 0x1234, 0x5555, 0x030000);	/* function 3 of a device that says it has one */
	pci_init(&no_acpi);
	assert_int_equal(pci_count(), 3);
	assert_int_equal(pci_at(0)->subvendor, 0x1af4);
	assert_int_equal(pci_at(0)->subdevice, 0xbeef);
	assert_int_equal(pci_at(1)->bdf, 0x0f);
	assert_int_equal(pci_at(2)->vendor, 0x1234);
	assert_int_equal(pci_lost(), 0);
}

static void follows_bridges(void **state)
{
	bridge(0x08, 5);
	bridge(0x500, 6);
	fake_add(0x600, 0x8086, 1, 0x020000);
	fake_add(0x8000, 0x8086, 2, 0x020000);	/* a root bus of its own */
	pci_init(&no_acpi);
	assert_int_equal(pci_count(), 4);
	assert_int_equal(pci_at(1)->bdf, 0x500);
	assert_int_equal(pci_at(2)->bdf, 0x600);
	assert_int_equal(pci_at(3)->bdf, 0x8000);
}

static void bridges_that_point_at_themselves(void **state)
{
	bridge(0x08, 0);
	bridge(0x10, 7);
	bridge(0x700, 7);
	bridge(0x708, 0);
	bridge(0x18, 7);
	bridge(0x20, 200);
	fake_last_bus = 15;
	pci_init(&no_acpi);
	assert_int_equal(pci_count(), 6);
	assert_true(fake_reads < 16 * 32 * 4);
}

/* A machine that answers at every address. */
static void more_than_fit(void **state)
{
	struct fake_function *f = fake_add(0, 0x8086, 1, 0x020000);

	fake_everywhere = true;
	fake_put(f, PCI_HEADER, 1, 0x80);
	fake_last_bus = 3;
	pci_init(&no_acpi);
	assert_int_equal(pci_count(), PCI_FUNCTIONS_MAX);
	assert_int_equal(pci_lost(), 4 * 256 - PCI_FUNCTIONS_MAX);
}

static struct host_pci *only(void)
{
	pci_init(&no_acpi);
	assert_int_equal(pci_count(), 1);
	return pci_at(0);
}

static void cap(struct fake_function *f, u8 at, u8 id, u8 next)
{
	fake_put(f, PCI_STATUS, 2, 0x10);
	fake_put(f, at, 1, id);
	fake_put(f, at + 1u, 1, next);
}

static void capabilities(void **state)
{
	struct fake_function *f = fake_add(0, 0x8086, 1, 0x0c0330);

	cap(f, 0x40, 0x01, 0x53);	/* low bits of a pointer do not count */
	cap(f, 0x50, PCI_CAP_MSI, 0xf0);
	cap(f, 0xf0, PCI_CAP_MSIX, 0);
	fake_put(f, PCI_CAPS, 1, 0x40);
	assert_int_equal(pci_find_cap(only(), PCI_CAP_MSI), 0x50);
	assert_int_equal(pci_find_cap(pci_at(0), PCI_CAP_MSIX), 0xf0);
	assert_int_equal(pci_find_cap(pci_at(0), PCI_CAP_EXPRESS), 0);
	fake_put(f, PCI_STATUS, 2, 0);
	assert_int_equal(pci_find_cap(pci_at(0), PCI_CAP_MSI), 0);
}

static void capabilities_that_loop(void **state)
{
	struct fake_function *f = fake_add(0, 0x8086, 1, 0x0c0330);

	cap(f, 0x40, 0x01, 0x50);
	cap(f, 0x50, 0x02, 0x40);
	fake_put(f, PCI_CAPS, 1, 0x40);
	only();
	fake_reads = 0;
	assert_int_equal(pci_find_cap(pci_at(0), PCI_CAP_MSI), 0);
	assert_true(fake_reads < 60);
	cap(f, 0x40, 0x01, 0x10);	/* into the header */
	assert_int_equal(pci_find_cap(pci_at(0), PCI_CAP_MSI), 0);
	fake_put(f, PCI_CAPS, 1, 0x00);
	assert_int_equal(pci_find_cap(pci_at(0), 0x01), 0);
	fake_put(f, PCI_CAPS, 1, 0xff);
	assert_int_equal(pci_find_cap(pci_at(0), 0x01), 0);
}

static void sizes(void **state)
{
	struct fake_function *f = fake_add(0, 0x8086, 1, 0x0c0330);

	fake_put(f, PCI_COMMAND, 2, 7);
	fake_bar(f, 0, 0xfe000004, 0xffffc000);		/* 64-bit, 16 KiB, upper half below */
	fake_bar(f, 1, 0x00000012, 0xffffffff);
	fake_bar(f, 2, 0x0000c041, 0x0000ffe0);		/* 32 ports, 16 bits */
	fake_bar(f, 3, 0xfd000000, 0xfff00000);		/* 32-bit, 1 MiB */
	fake_bar(f, 4, 0, 0);				/* size 0 */
	fake_bar(f, 5, 0xfc00000c, 0xf0000000);		/* 64-bit where no upper half can be */
	pci_size_bars(only());
	assert_int_equal(pci_at(0)->bar[0].base, 0x12fe000000);
	assert_int_equal(pci_at(0)->bar[0].size, 0x4000);
	assert_int_equal(pci_at(0)->bar[1].size, 0);
	assert_true(pci_at(0)->bar[2].io);
	assert_int_equal(pci_at(0)->bar[2].base, 0xc040);
	assert_int_equal(pci_at(0)->bar[2].size, 32);
	assert_int_equal(pci_at(0)->bar[3].size, 0x100000);
	assert_int_equal(pci_at(0)->bar[4].size, 0);
	assert_int_equal(pci_at(0)->bar[5].size, 0);
	/* All as it was. */
	assert_int_equal(fake_get(f, PCI_COMMAND, 2), 7);
	assert_int_equal(fake_get(f, PCI_BAR0, 4), 0xfe000004);
	assert_int_equal(fake_get(f, PCI_BAR0 + 4, 4), 0x12);
	assert_int_equal(fake_get(f, PCI_BAR0 + 12, 4), 0xfd000000);
}

static void sizes_that_are_none(void **state)
{
	struct fake_function *f = fake_add(0, 0x8086, 1, 0x0c0330);

	fake_bar(f, 0, 0xfe000000, 0x0f0f0000);		/* holes */
	fake_bar(f, 1, 0xfffffff0, 0xffffffff);		/* nothing answers there */
	fake_bar(f, 2, 0xf0000004, 0);			/* 64-bit of which no bit can be written: its whole size is 2^64 */
	pci_size_bars(only());
	for (u32 i = 0; i < PCI_BARS; i++)
		assert_true(!(pci_at(0)->bar[i].size & (pci_at(0)->bar[i].size - 1)));
	assert_int_equal(pci_at(0)->bar[0].size, 0);
	assert_null(pci_map_bar(pci_at(0), 0, 1));
	assert_null(pci_map_bar(pci_at(0), 3, 1));
}

static void maps_what_may_be_mapped(void **state)
{
	struct fake_function *f = fake_add(0, 0x8086, 1, 0x0c0330);
	struct host_pci *p;

	fake_bar(f, 0, 0xfe000000, 0xffff0000);
	fake_bar(f, 1, 0x10000000, 0xffff0000);		/* in the middle of RAM */
	fake_bar(f, 2, 0x00000000, 0xffff0000);		/* firmware gave it no place */
	fake_bar(f, 3, 0x0000e001, 0x0000fff0);
	p = only();
	assert_ptr_equal(pci_map_bar(p, 0, 0x1000), fake_mmio);
	assert_int_equal(fake_mapped, 0xfe000000);
	assert_int_equal(fake_mapped_size, 0x10000);
	assert_null(pci_map_bar(p, 0, 0x10001));
	assert_null(pci_map_bar(p, 1, 0));
	assert_null(pci_map_bar(p, 2, 0));
	assert_null(pci_map_bar(p, 3, 0));
}

static void master(void **state)
{
	struct fake_function *f = fake_add(0, 0x8086, 1, 0x0c0330);

	pci_set_master(only(), true);
	assert_int_equal(fake_get(f, PCI_COMMAND, 2), PCI_CMD_MEMORY | PCI_CMD_MASTER | PCI_CMD_INTX_OFF);
	pci_set_master(pci_at(0), false);
	assert_int_equal(fake_get(f, PCI_COMMAND, 2) & PCI_CMD_MASTER, 0);
}

static void msix(void **state)
{
	struct fake_function *f = fake_add(0, 0x8086, 1, 0x0c0330);
	volatile u32 *table = (volatile u32 *)(void *)(fake_mmio + 0x3000);
	struct host_pci *p;

	fake_bar(f, 0, 0xfe000000, 0xffff0000);
	cap(f, 0x40, PCI_CAP_MSIX, 0);
	fake_put(f, PCI_CAPS, 1, 0x40);
	fake_put(f, 0x42, 2, 15);
	fake_put(f, 0x44, 4, 0x3000);
	f->mask[0x43] = 0xc0;
	p = only();
	pci_prepare_messages(p);
	assert_int_equal(p->msix_entries, 16);
	assert_false(pci_messages_on(p, 255));
	assert_true(pci_messages_on(p, 3));
	assert_int_equal(p->message_kind, PCI_CAP_MSIX);
	assert_int_equal(table[0], 0xfee03000);
	assert_int_equal(table[1], 0);
	assert_int_equal(table[2], PCI_MESSAGE_VECTOR);
	assert_int_equal(table[3], 0);
	assert_int_equal(table[4 * 15 + 3], 1);
	assert_int_equal(fake_get(f, 0x42, 2), 0x800f);
}

static void msix_table_outside_of_its_bar(void **state)
{
	struct fake_function *f = fake_add(0, 0x8086, 1, 0x0c0330);
	struct host_pci *p;

	fake_bar(f, 0, 0xfe000000, 0xffff0000);
	cap(f, 0x40, PCI_CAP_MSIX, 0);
	fake_put(f, PCI_CAPS, 1, 0x40);
	fake_put(f, 0x42, 2, 0x7ff);
	fake_put(f, 0x44, 4, 0xfff8);
	p = only();
	pci_prepare_messages(p);
	assert_null((void *)p->msix_table);
	fake_put(f, 0x44, 4, 7);	/* a BAR that no function has */
	pci_prepare_messages(p);
	assert_null((void *)p->msix_table);
	assert_false(pci_messages_on(p, 0));
}

static void msi(void **state)
{
	struct fake_function *f = fake_add(0, 0x8086, 1, 0x0c0330);

	cap(f, 0x40, PCI_CAP_MSI, 0);
	fake_put(f, PCI_CAPS, 1, 0x40);
	fake_put(f, 0x42, 2, 0x1f0);	/* 64-bit, maskable, all counts set */
	memset(f->mask + 0x42, 0xff, 24);
	memset(f->config + 0x48, 0xee, 12);
	assert_true(pci_messages_on(only(), 7));
	assert_int_equal(fake_get(f, 0x44, 4), 0xfee07000);
	assert_int_equal(fake_get(f, 0x48, 4), 0);
	assert_int_equal(fake_get(f, 0x4c, 2), PCI_MESSAGE_VECTOR);
	assert_int_equal(fake_get(f, 0x50, 4), 0);
	assert_int_equal(fake_get(f, 0x42, 2), 0x0181);
}

static void reset(void **state)
{
	struct fake_function *f = fake_add(0, 0x8086, 1, 0x0c0330);
	struct host_pci *p;

	fake_put(f, PCI_COMMAND, 2, 0x6);
	fake_bar(f, 0, 0xfe000000, 0xffff0000);
	p = only();
	assert_int_equal(pci_reset_function(p), -E_NODEV);
	assert_int_equal(fake_get(f, PCI_COMMAND, 2), 6);
	cap(f, 0x40, PCI_CAP_EXPRESS, 0);
	fake_put(f, PCI_CAPS, 1, 0x40);
	assert_int_equal(pci_reset_function(p), -E_NODEV);
	fake_put(f, 0x44, 4, BIT32(28));
	memset(f->mask + 0x48, 0xff, 2);
	assert_int_equal(pci_reset_function(p), 0);
	assert_int_equal(fake_get(f, 0x48, 2), 0x8000);
	assert_true(fake_waited_us >= 100000);
	assert_int_equal(fake_get(f, PCI_COMMAND, 2), 2);	/* not master until its driver says so */
	assert_int_equal(fake_get(f, PCI_BAR0, 4), 0xfe000000);
	fake_put(f, 0x4a, 2, 0x20);				/* transactions that never end */
	fake_waited_us = 0;
	assert_int_equal(pci_reset_function(p), 0);
	assert_true(fake_waited_us < 1000000);
}

static void words(void **state)
{
	assert_string_equal(pci_class_words(0x0c033001), "USB controller (xHCI)");
	assert_string_equal(pci_class_words(0x06000000), "host bridge");
	assert_string_equal(pci_class_words(0x01070000), "SAS controller");
	assert_string_equal(pci_class_words(0x01ff0000), "storage controller");
	assert_string_equal(pci_class_words(0xff000000), "unclassified");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(finds_functions, fresh),
		cmocka_unit_test_setup(follows_bridges, fresh),
		cmocka_unit_test_setup(bridges_that_point_at_themselves, fresh),
		cmocka_unit_test_setup(more_than_fit, fresh),
		cmocka_unit_test_setup(capabilities, fresh),
		cmocka_unit_test_setup(capabilities_that_loop, fresh),
		cmocka_unit_test_setup(sizes, fresh),
		cmocka_unit_test_setup(sizes_that_are_none, fresh),
		cmocka_unit_test_setup(maps_what_may_be_mapped, fresh),
		cmocka_unit_test_setup(master, fresh),
		cmocka_unit_test_setup(msix, fresh),
		cmocka_unit_test_setup(msix_table_outside_of_its_bar, fresh),
		cmocka_unit_test_setup(msi, fresh),
		cmocka_unit_test_setup(reset, fresh),
		cmocka_unit_test_setup(words, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
