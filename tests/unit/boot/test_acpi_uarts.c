/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: boot/acpi.c boot/acpi_power.c boot/acpi_uarts.c boot/acpi_dma.c boot/text.c tests/unit/boot/acpi_fake.c */
/* SPCR and DBG2: serial ports. */
#include "acpi_fake.h"

static void put_gas(uint8_t *p, uint8_t space, uint8_t width, uint8_t access, uint64_t address)
{
	p[0] = space;
	p[1] = width;
	p[3] = access;
	put(p + 4, address, 8);
}

static void test_spcr_and_dbg2(void **state)
{
	const uint64_t entries[] = { 0x50000, 0x51000 };
	uint8_t *p;

	(void)state;
	p = table(0x50000, "SPCR", 80);
	put_gas(p + 40, 1, 8, 1, 0x2f8);
	p[58] = 7;
	close_table(p);
	p = table(0x51000, "DBG2", 44 + 34 + 34);
	put(p + 36, 44, 4);
	put(p + 40, 2, 4);
	for (unsigned int i = 0; i < 2; i++) {
		uint8_t *d = p + 44 + 34 * i;

		put(d + 1, 34, 2);
		d[3] = 1;
		put(d + 12, 0x8000, 2);
		put(d + 18, 22, 2);
		put_gas(d + 22, i == 0, 8, 1, 0x2f8);	/* the SPCR's port again, then memory */
	}
	put_gas(p + 44 + 34 + 22, 0, 32, 3, 0xfedc9000);
	close_table(p);
	make_rsdp(0x2000, 0);
	make_xsdt(2, entries);
	acpi_read(&facts, &view, 0x1000);
	assert_int_equal(facts.uart_count, 2);
	assert_int_equal(facts.uarts[0].base, 0x2f8);
	assert_int_equal(facts.uarts[0].baud, 115200);
	assert_int_equal(facts.uarts[0].source, BOOT_UART_SPCR);
	assert_int_equal(facts.uarts[1].base, 0xfedc9000);
	assert_int_equal(facts.uarts[1].mmio, 1);
	assert_int_equal(facts.uarts[1].stride, 4);
	assert_int_equal(facts.uarts[1].source, BOOT_UART_DBG2);
}

/* A device count or offset that the table does not hold. */
static void test_dbg2_hostile(void **state)
{
	static const struct { uint32_t at, count; uint16_t length, address; } c[] = {
		{ 44, 0xffffffff, 34, 22 }, { 0xffffffff, 1, 34, 22 }, { 44, 1, 0, 22 }, { 44, 1, 35, 22 },
		{ 44, 1, 21, 22 }, { 44, 2, 34, 22 },
	};

	for (unsigned int i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		uint8_t *p = table(0x51000, "DBG2", 44 + 34);

		put(p + 36, c[i].at, 4);
		put(p + 40, c[i].count, 4);
		put(p + 45, c[i].length, 2);
		p[47] = 1;
		put(p + 56, 0x8000, 2);
		put(p + 62, c[i].address, 2);
		put_gas(p + 66, 1, 8, 1, 0x3f8);
		close_table(p);
		read_one(0x51000);
		assert_int_equal(facts.uart_count, 0);
		assert_int_equal(facts.skipped_count, 1);
		teardown(state);
	}
}

static void test_dbg2_address_outside_of_device(void **state)
{
	uint8_t *p = table(0x51000, "DBG2", 44 + 34);

	(void)state;
	put(p + 36, 44, 4);
	put(p + 40, 1, 4);
	put(p + 45, 34, 2);
	p[47] = 1;
	put(p + 56, 0x8000, 2);
	put(p + 62, 0xfff0, 2);
	close_table(p);
	read_one(0x51000);
	assert_int_equal(facts.uart_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_spcr_and_dbg2, teardown),
		cmocka_unit_test_teardown(test_dbg2_hostile, teardown),
		cmocka_unit_test_teardown(test_dbg2_address_outside_of_device, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
