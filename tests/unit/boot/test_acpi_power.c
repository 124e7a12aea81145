/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: boot/acpi.c boot/acpi_power.c boot/acpi_uarts.c boot/acpi_dma.c boot/text.c tests/unit/boot/acpi_fake.c */
/* FADT and DSDT: how the machine is turned off and reset. */
#include "acpi_fake.h"

static void test_fadt_old_form(void **state)
{
	uint8_t code[sizeof(s5_code) + 4] = { 0x5b, 0x80, 0, 0 };

	(void)state;
	memcpy(code + 4, s5_code, sizeof(s5_code));
	make_dsdt(code, sizeof(code));
	close_table(make_fadt(116));
	read_one(0x20000);
	assert_int_equal(facts.acpi.pm1a_evt, 0x600);
	assert_int_equal(facts.acpi.pm1a_cnt, 0x604);
	assert_int_equal(facts.acpi.pm_timer, 0x608);
	assert_int_equal(facts.acpi.acpi_enable, 0xa0);
	assert_int_equal(facts.acpi.sci, 9);
	assert_int_equal(facts.acpi.reset_reg.address, 0);
	assert_int_equal(facts.acpi.s5_valid, 1);
	assert_int_equal(facts.acpi.slp_typa, 5);
	assert_int_equal(facts.acpi.slp_typb, 7);
}

static void test_fadt_extended(void **state)
{
	uint8_t *p = make_fadt(244);

	(void)state;
	put(p + 112, 1 << 10 | 1 << 8, 4);
	p[116] = 1;
	p[117] = 8;
	put(p + 120, 0xcf9, 8);
	p[128] = 6;
	p[148] = 1;
	put(p + 152, 0x1800, 8);	/* X_PM1a_EVT */
	p[172] = 0;			/* X_PM1a_CNT in memory: the port of the old field stays */
	put(p + 176, 0xfed00000, 8);
	close_table(p);
	read_one(0x20000);
	assert_int_equal(facts.acpi.reset_reg.address, 0xcf9);
	assert_int_equal(facts.acpi.reset_value, 6);
	assert_int_equal(facts.acpi.pm1a_evt, 0x1800);
	assert_int_equal(facts.acpi.pm1a_cnt, 0x604);
	assert_int_equal(facts.acpi.pm_timer_32bit, 1);
	assert_int_equal(facts.acpi.s5_valid, 0);
	assert_int_equal(facts.skipped_count, 1);	/* the DSDT is nowhere */
}

static void test_fadt_hardware_reduced(void **state)
{
	uint8_t *p = make_fadt(276);

	(void)state;
	put(p + 112, 1 << 20, 4);
	close_table(p);
	read_one(0x20000);
	assert_int_equal(facts.acpi.hw_reduced, 1);
	assert_int_equal(facts.acpi.pm_timer, 0);
	assert_int_equal(facts.acpi.pm1a_cnt, 0);
}

static void test_fadt_too_short(void **state)
{
	(void)state;
	close_table(make_fadt(115));
	read_one(0x20000);
	assert_int_equal(facts.acpi.pm_timer, 0);
	assert_int_equal(facts.skipped_count, 1);
}

static void s5_case(const uint8_t *code, uint32_t size, int valid)
{
	make_dsdt(code, size);
	close_table(make_fadt(116));
	read_one(0x20000);
	assert_int_equal(facts.acpi.s5_valid, valid);
	teardown(NULL);
}

static void test_s5_forms(void **state)
{
	static const uint8_t rooted[] = { 0, 0x08, '\\', '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x01, 0x00, 0x00, 0x00 };
	static const uint8_t wide[] = { 0, 0, 0x08, '_', 'S', '5', '_', 0x12, 0x4a, 0x00, 0x02, 0x0b, 7, 0, 0x0c, 6, 0, 0, 0 };
	static const uint8_t method[] = { 0, 0, 0x14, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x01, 0x00 };
	static const uint8_t one_element[] = { 0, 0, 0x08, '_', 'S', '5', '_', 0x12, 0x03, 0x01, 0x01 };
	static const uint8_t no_number[] = { 0, 0, 0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x0d, 'a', 0, 0 };
	static const uint8_t length_cut[] = { 0, 0, 0x08, '_', 'S', '5', '_', 0x12, 0xc0, 0x01 };
	uint8_t code[sizeof(s5_code) + 2] = { 0 };

	(void)state;
	s5_case(length_cut, sizeof(length_cut), 0);
	s5_case(rooted, sizeof(rooted), 1);
	s5_case(wide, sizeof(wide), 1);
	assert_int_equal(facts.acpi.slp_typa, 7);
	assert_int_equal(facts.acpi.slp_typb, 6);
	s5_case(method, sizeof(method), 0);
	s5_case(one_element, sizeof(one_element), 0);
	s5_case(no_number, sizeof(no_number), 0);

	/* Cut at each byte: valid only when both numbers are there. */
	memcpy(code + 2, s5_code, sizeof(s5_code));
	for (uint32_t size = 0; size <= sizeof(code); size++)
		s5_case(code, size, size >= 14);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_fadt_old_form, teardown),
		cmocka_unit_test_teardown(test_fadt_extended, teardown),
		cmocka_unit_test_teardown(test_fadt_hardware_reduced, teardown),
		cmocka_unit_test_teardown(test_fadt_too_short, teardown),
		cmocka_unit_test_teardown(test_s5_forms, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
