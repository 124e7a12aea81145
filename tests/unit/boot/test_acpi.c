/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: boot/acpi.c boot/acpi_power.c boot/acpi_uarts.c boot/acpi_dma.c boot/text.c tests/unit/boot/acpi_fake.c */
/* The ACPI reader against good tables, and against what firmware and attackers make of them: the root, cores, IOAPICs. */
#include "acpi_fake.h"

static void test_madt_cores(void **state)
{
	uint8_t *p = make_madt(8 * 4 + 16 * 3), *e = p + 44;

	(void)state;
	e = add_core(e, 4, 1);
	e = add_core(e, 6, 0);		/* disabled */
	e = add_core(e, 7, 2);		/* could be brought online, is not enabled */
	e = add_core(e, 0xff, 1);	/* no id */
	e = add_x2core(e, 4, 1);	/* the first one again */
	e = add_x2core(e, 0x12345, 1);
	add_x2core(e, 0xffffffff, 1);
	close_table(p);
	read_one(0x10000);
	assert_int_equal(facts.core_count, 2);
	assert_int_equal(facts.cores[0].apic_id, 4);
	assert_int_equal(facts.cores[1].apic_id, 0x12345);
	assert_int_equal(facts.skipped_count, 0);
	assert_int_equal(facts.acpi.rsdp, 0x1000);
}

static uint8_t *add_ioapic(uint8_t *e, uint32_t address)
{
	e[0] = 1;
	e[1] = 12;
	put(e + 4, address, 4);
	return e + 12;
}

static void test_madt_ioapics(void **state)
{
	uint8_t *p = make_madt(8 + 12 * (BOOT_IOAPICS_MAX + 4)), *e = p + 44;

	(void)state;
	e = add_ioapic(e, 0xfec00000);
	e = add_core(e, 1, 1);
	e = add_ioapic(e, 0);			/* nowhere */
	for (uint32_t i = 1; i < BOOT_IOAPICS_MAX + 3; i++)
		e = add_ioapic(e, 0xfec00000 + i * 0x1000);
	close_table(p);
	read_one(0x10000);
	assert_int_equal(facts.core_count, 1);
	assert_int_equal(facts.acpi.ioapic_count, BOOT_IOAPICS_MAX);
	for (uint32_t i = 0; i < BOOT_IOAPICS_MAX; i++)
		assert_int_equal(facts.acpi.ioapics[i], 0xfec00000 + i * 0x1000);
}

/* An entry that is too short for an address is no IOAPIC. */
static void test_madt_short_ioapic(void **state)
{
	uint8_t *p = make_madt(8);

	(void)state;
	p[44] = 1;
	p[45] = 8;
	put(p + 48, 0xfec00000, 4);
	close_table(p);
	read_one(0x10000);
	assert_int_equal(facts.acpi.ioapic_count, 0);
}

static void test_madt_too_many_cores(void **state)
{
	uint8_t *p = make_madt(16 * 300), *e = p + 44;

	(void)state;
	for (uint32_t i = 0; i < 300; i++)
		e = add_x2core(e, i, 1);
	close_table(p);
	read_one(0x10000);
	assert_int_equal(facts.core_count, BOOT_CORES_MAX);
	assert_int_equal(facts.core_lost, 300 - BOOT_CORES_MAX);
}

/* Entries of length 0, 1 and beyond the end: the whole table is refused, also the good core in front. */
static void test_madt_bad_entries(void **state)
{
	static const uint8_t lengths[] = { 0, 1, 9, 255 };

	for (unsigned int i = 0; i < sizeof(lengths); i++) {
		uint8_t *p = make_madt(16);

		add_core(p + 44, 1, 1);
		p[44 + 8 + 1] = lengths[i];
		close_table(p);
		read_one(0x10000);
		assert_int_equal(facts.core_count, 0);
		assert_int_equal(facts.skipped_count, 1);
		assert_string_equal(facts.skipped, "APIC");
		teardown(state);
	}
}

/* A short entry of a known type holds no core, but is no reason to refuse. */
static void test_madt_short_entry(void **state)
{
	uint8_t *p = make_madt(4 + 8);

	(void)state;
	p[44] = 9;
	p[45] = 4;
	add_core(p + 48, 3, 1);
	close_table(p);
	read_one(0x10000);
	assert_int_equal(facts.core_count, 1);
}

static void test_madt_one_byte_left(void **state)
{
	uint8_t *p = make_madt(9);

	(void)state;
	add_core(p + 44, 3, 1);
	close_table(p);
	read_one(0x10000);
	assert_int_equal(facts.core_count, 0);
	assert_int_equal(facts.skipped_count, 1);
}

static void test_bad_sum(void **state)
{
	uint8_t *p = make_madt(8);

	(void)state;
	add_core(p + 44, 1, 1);
	close_table(p);
	p[9]++;
	read_one(0x10000);
	assert_int_equal(facts.core_count, 0);
	assert_int_equal(facts.skipped_count, 1);
}

static void test_bad_lengths(void **state)
{
	static const uint32_t lengths[] = { 0, 8, 35, 53, 0x10000, 0x01000001, 0x7fffffff, 0xffffffff };

	for (unsigned int i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		uint8_t *p = make_madt(8);

		put(p + 4, lengths[i], 4);
		read_one(0x10000);
		assert_int_equal(facts.core_count, 0);
		assert_int_equal(facts.skipped_count, 1);
		teardown(state);
	}
}

static void test_root_lists_itself_and_nothing(void **state)
{
	const uint64_t entries[] = { 0x2000, 0x1000, 0, 0xfffffffffffffff0ull, 0x10000, 0x10000 };
	uint8_t *p = make_madt(8);

	(void)state;
	add_core(p + 44, 1, 1);
	close_table(p);
	make_rsdp(0x2000, 0);
	make_xsdt(6, entries);
	acpi_read(&facts, &view, 0x1000);
	assert_int_equal(facts.core_count, 1);
	assert_int_equal(facts.acpi.rsdp, 0x1000);
	assert_int_equal(facts.skipped_count, 2);
}

static void test_rsdp_variants(void **state)
{
	uint8_t *p;

	(void)state;
	acpi_read(&facts, &view, 0);
	assert_int_equal(facts.acpi.rsdp, 0);
	acpi_read(&facts, &view, 0x999);
	assert_int_equal(facts.acpi.rsdp, 0);

	make_rsdp(0, 0x3000);		/* ACPI 1.0 with an RSDT */
	p = table(0x3000, "RSDT", 40);
	put(p + 36, 0x10000, 4);
	close_table(p);
	p = make_madt(8);
	add_core(p + 44, 9, 1);
	close_table(p);
	acpi_read(&facts, &view, 0x1000);
	assert_int_equal(facts.core_count, 1);
	*first_table() = 'X';
	acpi_read(&facts, &view, 0x1000);
	assert_int_equal(facts.acpi.rsdp, 0);
}

/* A broken XSDT: the RSDT is taken. */
static void test_xsdt_falls_back(void **state)
{
	uint8_t *p;

	(void)state;
	make_rsdp(0x2000, 0x3000);
	p = make_xsdt(0, NULL);
	p[9]++;
	p = table(0x3000, "RSDT", 36);
	close_table(p);
	acpi_read(&facts, &view, 0x1000);
	assert_int_equal(facts.acpi.rsdp, 0x1000);
}

static void test_small_tables(void **state)
{
	const uint64_t entries[] = { 0x40000, 0x41000, 0x42000, 0x43000 };
	uint8_t *p;

	(void)state;
	p = table(0x40000, "MCFG", 76);
	put(p + 44, 0xaaaa0000, 8);
	put(p + 52, 1, 2);		/* segment 1 */
	put(p + 60, 0xe0000000, 8);
	p[71] = 0x7f;
	close_table(p);
	p = table(0x41000, "HPET", 56);
	put(p + 44, 0xfed00000, 8);
	close_table(p);
	p = table(0x42000, "DMAR", 48);
	p[37] = 3;
	close_table(p);
	close_table(table(0x43000, "IVRS", 48));
	make_rsdp(0x2000, 0);
	make_xsdt(4, entries);
	acpi_read(&facts, &view, 0x1000);
	assert_int_equal(facts.acpi.mcfg_base, 0xe0000000);
	assert_int_equal(facts.acpi.mcfg_bus_end, 0x7f);
	assert_int_equal(facts.acpi.hpet_base, 0xfed00000);
	assert_int_equal(facts.acpi.has_dmar, 1);
	assert_int_equal(facts.acpi.dmar_flags, 3);
	assert_int_equal(facts.acpi.has_ivrs, 1);
	assert_int_equal(facts.table_count, 4);
}

/* Every byte of good tables flipped in turn, sums made right again: nothing may be read outside. */
static void test_flipped_bytes(void **state)
{
	uint8_t *p = make_fadt(244), *m, *d;

	(void)state;
	make_dsdt(s5_code, sizeof(s5_code));
	m = make_madt(32);
	add_x2core(add_core(add_core(m + 44, 1, 1), 2, 1), 3, 1);
	d = table(0x51000, "DBG2", 78);
	put(d + 36, 44, 4);
	put(d + 40, 1, 4);
	put(d + 45, 34, 2);
	make_rsdp(0x2000, 0);
	make_xsdt(3, (const uint64_t[]){ 0x20000, 0x10000, 0x51000 });
	for (unsigned int t = 0; t < 3; t++) {
		uint8_t *victim = t == 0 ? p : t == 1 ? m : d;
		uint32_t size = t == 0 ? 244 : t == 1 ? 76 : 78;

		for (uint32_t at = 0; at < size * 8; at++) {
			uint8_t keep = victim[at / 8];

			victim[at / 8] = (uint8_t)(keep ^ 1u << at % 8);
			fix_sum(p, 244, 9);
			fix_sum(m, 76, 9);
			fix_sum(d, 78, 9);
			acpi_read(&facts, &view, 0x1000);
			assert_true(facts.core_count <= 3);
			victim[at / 8] = keep;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_madt_cores, teardown),
		cmocka_unit_test_teardown(test_madt_ioapics, teardown),
		cmocka_unit_test_teardown(test_madt_short_ioapic, teardown),
		cmocka_unit_test_teardown(test_madt_too_many_cores, teardown),
		cmocka_unit_test_teardown(test_madt_bad_entries, teardown),
		cmocka_unit_test_teardown(test_madt_short_entry, teardown),
		cmocka_unit_test_teardown(test_madt_one_byte_left, teardown),
		cmocka_unit_test_teardown(test_bad_sum, teardown),
		cmocka_unit_test_teardown(test_bad_lengths, teardown),
		cmocka_unit_test_teardown(test_root_lists_itself_and_nothing, teardown),
		cmocka_unit_test_teardown(test_rsdp_variants, teardown),
		cmocka_unit_test_teardown(test_xsdt_falls_back, teardown),
		cmocka_unit_test_teardown(test_small_tables, teardown),
		cmocka_unit_test_teardown(test_flipped_bytes, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
