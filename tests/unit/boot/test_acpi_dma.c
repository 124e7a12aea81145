/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: boot/acpi.c boot/acpi_power.c boot/acpi_uarts.c boot/acpi_dma.c boot/text.c tests/unit/boot/acpi_fake.c */
/* DMAR and IVRS: IOMMUs, and memory that firmware keeps for devices. */
#include "acpi_fake.h"

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

	forget_tables();
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_dmar, teardown),
		cmocka_unit_test_teardown(test_held_edges, teardown),
		cmocka_unit_test_teardown(test_dmar_cut, teardown),
		cmocka_unit_test_teardown(test_dmar_lengths, teardown),
		cmocka_unit_test_teardown(test_dmar_too_many, teardown),
		cmocka_unit_test_teardown(test_ivrs, teardown),
		cmocka_unit_test_teardown(test_ivrs_cut, teardown),
		cmocka_unit_test_teardown(test_dma_mutated, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
