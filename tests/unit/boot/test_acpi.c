/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: boot/acpi.c boot/acpi_power.c boot/acpi_uarts.c boot/acpi_dma.c boot/text.c */
/* The ACPI reader against good tables, and against what firmware and attackers make of them. Every table lies in an
 * allocation of its own exact size, so that the address sanitizer sees any byte read too far. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../boot/acpi.h"

#define TABLES 64

/* Physical memory: tables at addresses that we choose. */
static struct {
	uint64_t base;
	uint8_t *p;
	uint32_t size;
} memory[TABLES];
static unsigned int memory_count;
static struct acpi_facts facts;

static const void *map(void *context, uint64_t address, uint64_t size)
{
	(void)context;
	for (unsigned int i = 0; i < memory_count; i++)
		if (address >= memory[i].base && address - memory[i].base <= memory[i].size &&
		    size <= memory[i].size - (address - memory[i].base))
			return memory[i].p + (address - memory[i].base);
	return NULL;
}

static const struct acpi_memory view = { map, NULL };

static uint8_t *place(uint64_t base, uint32_t size)
{
	assert_true(memory_count < TABLES);
	memory[memory_count].base = base;
	memory[memory_count].size = size;
	memory[memory_count].p = calloc(1, size);
	return memory[memory_count++].p;
}

static void put(uint8_t *p, uint64_t value, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(value >> (8 * i));
}

static void fix_sum(uint8_t *p, uint32_t size, uint32_t at)
{
	uint8_t sum = 0;

	p[at] = 0;
	for (uint32_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + p[i]);
	p[at] = (uint8_t)-sum;
}

static uint8_t *table(uint64_t base, const char *signature, uint32_t size)
{
	uint8_t *p = place(base, size);

	memcpy(p, signature, 4);
	put(p + 4, size, 4);
	return p;
}

static void close_table(uint8_t *p)
{
	uint32_t size;

	memcpy(&size, p + 4, 4);
	fix_sum(p, size, 9);
}

static void make_rsdp(uint64_t xsdt, uint32_t rsdt)
{
	uint8_t *p = place(0x1000, 36);

	memcpy(p, "RSD PTR ", 8);
	p[15] = xsdt ? 2 : 0;
	put(p + 16, rsdt, 4);
	put(p + 20, 36, 4);
	put(p + 24, xsdt, 8);
	fix_sum(p, 20, 8);
	fix_sum(p, 36, 32);
}

static uint8_t *make_xsdt(unsigned int count, const uint64_t *entries)
{
	uint8_t *p = table(0x2000, "XSDT", 36 + 8 * count);

	for (unsigned int i = 0; i < count; i++)
		put(p + 36 + 8 * i, entries[i], 8);
	close_table(p);
	return p;
}

static void read_one(uint64_t address)
{
	make_rsdp(0x2000, 0);
	make_xsdt(1, &address);
	acpi_read(&facts, &view, 0x1000);
}

static uint8_t *make_madt(uint32_t entry_bytes)
{
	return table(0x10000, "APIC", 44 + entry_bytes);
}

static uint8_t *add_core(uint8_t *e, uint8_t apic_id, uint32_t flags)
{
	e[0] = 0;
	e[1] = 8;
	e[3] = apic_id;
	put(e + 4, flags, 4);
	return e + 8;
}

static uint8_t *add_x2core(uint8_t *e, uint32_t apic_id, uint32_t flags)
{
	e[0] = 9;
	e[1] = 16;
	put(e + 4, apic_id, 4);
	put(e + 8, flags, 4);
	return e + 16;
}

static int teardown(void **state)
{
	(void)state;
	while (memory_count)
		free(memory[--memory_count].p);
	return 0;
}

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
	memory[0].p[0] = 'X';
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

static const uint8_t s5_code[] = { 0x08, '_', 'S', '5', '_', 0x12, 0x08, 0x04, 0x0a, 0x05, 0x0a, 0x07, 0x00, 0x00 };

static uint8_t *make_fadt(uint32_t size)
{
	uint8_t *p = table(0x20000, "FACP", size);

	put(p + 40, 0x30000, 4);	/* DSDT */
	put(p + 46, 9, 2);
	put(p + 48, 0xb2, 4);
	p[52] = 0xa0;
	put(p + 56, 0x600, 4);
	put(p + 64, 0x604, 4);
	put(p + 76, 0x608, 4);
	p[88] = 4;
	p[91] = 4;
	return p;
}

static void make_dsdt(const uint8_t *code, uint32_t size)
{
	uint8_t *p = table(0x30000, "DSDT", 36 + size);

	memcpy(p + 36, code, size);
	close_table(p);
}

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

/* The structures of a DMAR or IVRS, one after the other. */
static uint8_t body[8192];
static uint32_t body_size;

static uint8_t *unit_vtd(uint64_t base, uint16_t segment)
{
	uint8_t *e = body + body_size;

	memset(e, 0, 16);
	put(e + 2, 16, 2);
	put(e + 6, segment, 2);
	put(e + 8, base, 8);
	body_size += 16;
	return e;
}

static uint8_t *rmrr(uint64_t base, uint64_t limit)
{
	uint8_t *e = body + body_size;

	memset(e, 0, 24);
	e[0] = 1;
	put(e + 2, 24, 2);
	put(e + 8, base, 8);
	put(e + 16, limit, 8);
	body_size += 24;
	return e;
}

/* Appends to the RMRR at e, the last entry. */
static void scope(uint8_t *e, uint8_t type, uint8_t bus, unsigned int hops, const uint8_t *pairs)
{
	uint8_t *s = body + body_size;

	memset(s, 0, 6);
	s[0] = type;
	s[1] = (uint8_t)(6 + 2 * hops);
	s[5] = bus;
	memcpy(s + 6, pairs, 2 * hops);
	body_size += s[1];
	put(e + 2, (uint64_t)(body + body_size - e), 2);
}

static uint8_t *ivrs_entry(uint8_t type, uint32_t size, uint64_t first, uint64_t second)
{
	uint8_t *e = body + body_size;

	memset(e, 0, size);
	e[0] = type;
	put(e + 2, size, 2);
	if (type < 0x20 || type == 0x40) {
		put(e + 8, first, 8);
	} else {
		put(e + 16, first, 8);
		put(e + 24, second, 8);
	}
	body_size += size;
	return e;
}

static void read_body(const char *signature, uint32_t size)
{
	const uint64_t entries[] = { 0x40000 };
	uint8_t *p;

	for (unsigned int i = 0; i < memory_count; i++)
		free(memory[i].p);
	memory_count = 0;
	p = table(0x40000, signature, 48 + size);
	memcpy(p + 48, body, size);
	close_table(p);
	make_rsdp(0x2000, 0);
	make_xsdt(1, entries);
	acpi_read(&facts, &view, 0x1000);
	body_size = 0;
}

static void test_dmar(void **state)
{
	static const uint8_t ahci[] = { 0x1f, 2 }, deep[] = { 1, 0, 2, 3, 0x1f, 7 };
	const struct boot_acpi *a = &facts.acpi;
	uint8_t *e;

	(void)state;
	body_size = 0;
	unit_vtd(0xfed90000, 0);
	unit_vtd(0xfed91000, 1);
	unit_vtd(0xfed90000, 0);	/* twice */
	unit_vtd(0, 0);			/* firmware that is broken */
	e = rmrr(0x7a000000, 0x7a7fffff);
	scope(e, 1, 0, 1, ahci);
	scope(e, 3, 0xf0, 1, ahci);	/* an IOAPIC */
	scope(e, 2, 0x80, 3, deep);
	e = rmrr(0x7a000000, 0x7a7fffff);
	scope(e, 1, 0, 1, ahci);
	e = rmrr(0x7b000800, 0x7b0017ff);	/* not page aligned */
	put(e + 6, 1, 2);
	scope(e, 1, 5, 1, ahci);		/* of another segment */
	memset(body + body_size, 0, 8);
	put(body + body_size, 5, 2);
	put(body + body_size + 2, 8, 2);
	body_size += 8;
	read_body("DMAR", body_size);
	assert_int_equal(facts.skipped_count, 0);
	assert_int_equal(a->iommu_malformed, 0);
	assert_int_equal(a->iommu_count, 2);
	assert_int_equal(a->iommus[1].base, 0xfed91000);
	assert_int_equal(a->iommus[1].segment, 1);
	assert_int_equal(a->iommus[1].kind, BOOT_IOMMU_VTD);
	assert_int_equal(a->held_count, 2);
	assert_int_equal(a->held[0].base, 0x7a000000);
	assert_int_equal(a->held[0].size, 0x800000);
	assert_int_equal(a->held[1].base, 0x7b000000);
	assert_int_equal(a->held[1].size, 0x2000);
	assert_int_equal(a->dma_device_count, 2);
	assert_int_equal(a->dma_devices[0].path[0], 0xfa);
	assert_int_equal(a->dma_devices[0].hops, 1);
	assert_int_equal(a->dma_devices[0].behind, 0);
	assert_int_equal(a->dma_devices[1].bus, 0x80);
	assert_int_equal(a->dma_devices[1].hops, 3);
	assert_int_equal(a->dma_devices[1].path[1], 0x13);
	assert_int_equal(a->dma_devices[1].path[2], 0xff);
	assert_int_equal(a->dma_devices[1].behind, 1);
}

static void held_case(uint64_t base, uint64_t limit, uint64_t want_base, uint64_t want_size)
{
	body_size = 0;
	rmrr(base, limit);
	read_body("DMAR", body_size);
	assert_int_equal(facts.acpi.held_count, want_size != 0);
	assert_int_equal(facts.acpi.held[0].base, want_base);
	assert_int_equal(facts.acpi.held[0].size, want_size);
}

static void test_held_edges(void **state)
{
	(void)state;
	held_case(0x1000, 0x0fff, 0, 0);
	held_case(0x2000, 0x1000, 0, 0);
	held_case(0, 0, 0, 0x1000);
	held_case(0x1000, 0x1000, 0x1000, 0x1000);
	held_case(0x1000, 0x1fff, 0x1000, 0x1000);
	held_case(0x1000, 0x2000, 0x1000, 0x2000);
	held_case(0, ~0ull, 0, 1ull << 52);
	held_case(0xffffffffff000, 0xfffffffffffff, 0xffffffffff000, 0x1000);
	held_case(1ull << 52, ~0ull, 0, 0);
	held_case(~0ull, ~0ull, 0, 0);
}

/* Cut anywhere: what is whole is taken, nothing is read behind the end, and it is said. */
static void test_dmar_cut(void **state)
{
	static const uint8_t ahci[] = { 0x1f, 2 };
	uint32_t whole;
	uint8_t *e;

	(void)state;
	body_size = 0;
	unit_vtd(0xfed90000, 0);
	e = rmrr(0x7a000000, 0x7a7fffff);
	scope(e, 1, 0, 1, ahci);
	unit_vtd(0xfed91000, 0);
	whole = body_size;
	for (uint32_t size = 0; size <= whole; size++) {
		bool good = size == 0 || size == 16 || size == 48 || size == whole;

		read_body("DMAR", size);
		assert_int_equal(facts.acpi.iommu_malformed, !good);
		assert_int_equal(facts.skipped_count, !good);
		assert_int_equal(facts.acpi.iommu_count, (size >= 16) + (size >= 64));
		assert_int_equal(facts.acpi.held_count, size >= 48);
		assert_int_equal(facts.acpi.dma_device_count, size >= 48);
	}
}

/* Lengths that lie: nothing, too little, more than there is; of structures and of scopes. */
static void test_dmar_lengths(void **state)
{
	static const uint8_t ahci[] = { 0x1f, 2 };
	const struct { uint32_t at; uint8_t value; uint32_t units, held, devices; } cases[] = {
		{ 2, 0, 0, 0, 0 }, { 2, 3, 0, 0, 0 }, { 2, 15, 0, 0, 0 }, { 3, 0xff, 0, 0, 0 },
		{ 18, 0, 1, 0, 0 }, { 18, 23, 1, 0, 0 }, { 18, 200, 1, 0, 0 },
		{ 18, 26, 1, 1, 0 }, { 18, 31, 1, 1, 0 },	/* the scope reaches out of its structure */
		{ 41, 0, 1, 1, 0 }, { 41, 5, 1, 1, 0 }, { 41, 9, 1, 1, 0 }, { 41, 255, 1, 1, 0 },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		body_size = 0;
		unit_vtd(0xfed90000, 0);
		scope(rmrr(0x7a000000, 0x7a7fffff), 1, 0, 1, ahci);
		unit_vtd(0xfed91000, 0);
		body[cases[i].at] = cases[i].value;
		read_body("DMAR", body_size);
		assert_int_equal(facts.acpi.iommu_malformed, 1);
		assert_int_equal(facts.skipped_count, 1);
		assert_int_equal(facts.acpi.iommu_count, cases[i].units);
		assert_int_equal(facts.acpi.held_count, cases[i].held);
		assert_int_equal(facts.acpi.dma_device_count, cases[i].devices);
	}
}

static void test_dmar_too_many(void **state)
{
	static const uint8_t deep[2 * BOOT_PATH_MAX + 2];
	const struct boot_acpi *a = &facts.acpi;
	uint8_t *e;

	(void)state;
	body_size = 0;
	for (unsigned int i = 0; i < BOOT_IOMMUS_MAX + 3; i++)
		unit_vtd(0xfe000000 + 0x1000 * i, 0);
	for (unsigned int i = 0; i < BOOT_HELD_MAX; i++)
		rmrr(0x10000000 + 0x100000 * i, 0x10000fff + 0x100000 * i);
	rmrr(0x10003000, 0x10003fff);
	rmrr(0x0ffff000, 0x0fffffff);
	e = rmrr(0x10000000, 0x10000fff);
	for (uint8_t i = 0; i < BOOT_DMA_DEVICES_MAX + 2; i++) {
		const uint8_t pair[] = { (uint8_t)(i / 8), i % 8 };

		scope(e, 1, 0, 1, pair);
	}
	scope(e, 1, 0, 0, deep);
	scope(e, 1, 0, BOOT_PATH_MAX + 1, deep);
	read_body("DMAR", body_size);
	assert_int_equal(a->iommu_malformed, 0);
	assert_int_equal(a->iommu_count, BOOT_IOMMUS_MAX);
	assert_int_equal(a->iommu_lost, 3);
	assert_int_equal(a->held_count, BOOT_HELD_MAX);
	assert_int_equal(a->held_joined, 2);
	assert_int_equal(a->held[0].base, 0x0ffff000);	/* grown, not forgotten */
	assert_int_equal(a->held[0].size, 0x5000);
	assert_int_equal(a->held[1].size, 0x1000);
	assert_int_equal(a->dma_device_count, BOOT_DMA_DEVICES_MAX);
	assert_int_equal(a->dma_device_lost, 4);
}

static void test_ivrs(void **state)
{
	const struct boot_acpi *a = &facts.acpi;
	uint8_t *e;

	(void)state;
	body_size = 0;
	e = ivrs_entry(0x10, 28, 0xfeb80000, 0);
	put(e + 16, 2, 2);
	ivrs_entry(0x11, 44, 0xfeb80000, 0);
	ivrs_entry(0x40, 48, 0xfeb80000, 0);
	ivrs_entry(0x40, 40, 0xfec80000, 0);
	e = ivrs_entry(0x21, 32, 0x7a000000, 0x2000);
	put(e + 4, 0x00a3, 2);
	e = ivrs_entry(0x22, 32, 0x7b000000, 0x1000);
	put(e + 4, 0x0100, 2);
	put(e + 6, 0x01ff, 2);
	ivrs_entry(0x20, 32, 0x7c000000, 0x1000);
	e = ivrs_entry(0x22, 32, 0x7d000000, 0x1000);	/* more than a bus: nobody in particular */
	put(e + 4, 0, 2);
	put(e + 6, 0x100, 2);
	e = ivrs_entry(0x22, 32, 0x7e000000, ~0ull);	/* backwards, and without end */
	put(e + 4, 0x10, 2);
	put(e + 6, 0x0f, 2);
	ivrs_entry(0x21, 32, 0x7f000000, 0);
	ivrs_entry(0x55, 4, 0, 0);
	read_body("IVRS", body_size);
	assert_int_equal(facts.skipped_count, 0);
	assert_int_equal(a->has_ivrs, 1);
	assert_int_equal(a->iommu_count, 2);
	assert_int_equal(a->iommus[0].base, 0xfeb80000);
	assert_int_equal(a->iommus[0].segment, 2);
	assert_int_equal(a->iommus[0].kind, BOOT_IOMMU_AMD);
	assert_int_equal(a->iommus[1].base, 0xfec80000);
	assert_int_equal(a->held_count, 5);
	assert_int_equal(a->held[0].size, 0x2000);
	assert_int_equal(a->held[3].base, 0x7d000000);
	assert_int_equal(a->held[4].base + a->held[4].size, 1ull << 52);
	assert_int_equal(a->dma_device_count, 3);
	assert_int_equal(a->dma_devices[0].first, 0xa3);
	assert_int_equal(a->dma_devices[0].last, 0xa3);
	assert_int_equal(a->dma_devices[0].hops, 0);
	assert_int_equal(a->dma_devices[1].first, 0x100);
	assert_int_equal(a->dma_devices[1].last, 0x1ff);
	assert_int_equal(a->dma_device_lost, 3);
}

static void test_ivrs_cut(void **state)
{
	const struct { uint32_t at; uint8_t value; } cases[] = {
		{ 2, 0 }, { 2, 3 }, { 2, 23 }, { 26, 0 }, { 26, 39 }, { 66, 31 }, { 66, 33 }, { 67, 0x80 },
	};

	(void)state;
	for (unsigned int i = 0; i < 98 + sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t size = i < 97 ? i : 96;
		bool good = size == 0 || size == 24 || size == 64 || size == 96;

		body_size = 0;
		ivrs_entry(0x10, 24, 0xfeb80000, 0);
		ivrs_entry(0x11, 40, 0xfec80000, 0);
		ivrs_entry(0x21, 32, 0x7a000000, 0x1000);
		if (i >= 98) {
			body[cases[i - 98].at] = cases[i - 98].value;
			good = false;
		}
		read_body("IVRS", size);
		assert_int_equal(facts.acpi.iommu_malformed, !good);
		assert_int_equal(facts.skipped_count, !good);
		assert_int_equal(facts.acpi.held_count, good && size == 96);
		if (i < 97)
			assert_int_equal(facts.acpi.iommu_count, (size >= 24) + (size >= 64));
	}
}

/* Whatever a table says, what is handed over keeps its form. */
static void check_dma_facts(void)
{
	const struct boot_acpi *a = &facts.acpi;

	assert_true(a->iommu_count <= BOOT_IOMMUS_MAX && a->held_count <= BOOT_HELD_MAX);
	assert_true(a->dma_device_count <= BOOT_DMA_DEVICES_MAX);
	for (uint32_t i = 0; i < a->iommu_count; i++)
		assert_true(a->iommus[i].base);
	for (uint32_t i = 0; i < a->held_count; i++) {
		assert_int_equal((a->held[i].base | a->held[i].size) % 4096, 0);
		assert_true(a->held[i].size && a->held[i].base < 1ull << 52);
		assert_true(a->held[i].size <= (1ull << 52) - a->held[i].base);
	}
	for (uint32_t i = 0; i < a->dma_device_count; i++) {
		assert_true(a->dma_devices[i].hops <= BOOT_PATH_MAX);
		assert_true(a->dma_devices[i].hops || a->dma_devices[i].last - a->dma_devices[i].first <= 255);
	}
}

static void test_dma_mutated(void **state)
{
	static const uint8_t values[] = { 0, 1, 2, 6, 0x10, 0x20, 0x22, 0x40, 0x7f, 0x80, 0xff }, ahci[] = { 0x1f, 2, 0, 0 };
	uint32_t seed = 12345;

	(void)state;
	for (unsigned int round = 0; round < 20000; round++) {
		uint32_t size;

		body_size = 0;
		if (round & 1) {
			unit_vtd(0xfed90000, 0);
			scope(rmrr(0x7a000000, 0x7a7fffff), 1, 0, 2, ahci);
			unit_vtd(0xfed91000, 0);
			rmrr(0x7b000000, 0x7b7fffff);
		} else {
			ivrs_entry(0x10, 24, 0xfeb80000, 0);
			ivrs_entry(0x21, 32, 0x7a000000, 0x1000);
			ivrs_entry(0x40, 40, 0xfec80000, 0);
			ivrs_entry(0x22, 32, 0x7b000000, 0x1000);
		}
		size = body_size;
		for (unsigned int i = 0; i < 1 + round % 5; i++) {
			seed = seed * 1103515245 + 12345;
			body[(seed >> 8) % size] = values[(seed >> 20) % sizeof(values)];
		}
		read_body(round & 1 ? "DMAR" : "IVRS", size - (round % 7 == 0 ? (seed >> 24) % size : 0));
		check_dma_facts();
	}
}

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
		cmocka_unit_test_teardown(test_fadt_old_form, teardown),
		cmocka_unit_test_teardown(test_fadt_extended, teardown),
		cmocka_unit_test_teardown(test_fadt_hardware_reduced, teardown),
		cmocka_unit_test_teardown(test_fadt_too_short, teardown),
		cmocka_unit_test_teardown(test_s5_forms, teardown),
		cmocka_unit_test_teardown(test_small_tables, teardown),
		cmocka_unit_test_teardown(test_dmar, teardown),
		cmocka_unit_test_teardown(test_held_edges, teardown),
		cmocka_unit_test_teardown(test_dmar_cut, teardown),
		cmocka_unit_test_teardown(test_dmar_lengths, teardown),
		cmocka_unit_test_teardown(test_dmar_too_many, teardown),
		cmocka_unit_test_teardown(test_ivrs, teardown),
		cmocka_unit_test_teardown(test_ivrs_cut, teardown),
		cmocka_unit_test_teardown(test_dma_mutated, teardown),
		cmocka_unit_test_teardown(test_spcr_and_dbg2, teardown),
		cmocka_unit_test_teardown(test_dbg2_hostile, teardown),
		cmocka_unit_test_teardown(test_dbg2_address_outside_of_device, teardown),
		cmocka_unit_test_teardown(test_flipped_bytes, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
