/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: boot/map.c */
/* Firmware's memory map into ranges: sorted, disjoint, merged; overlaps and rubbish never make more RAM. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../boot/map.h"

#define WB 0xfull
#define STRIDE 48u	/* as EDK II: longer than the descriptor */
#define MAX 2048

enum { RESERVED, LOADER_CODE, LOADER_DATA, BOOT_CODE, BOOT_DATA, RT_CODE, RT_DATA, FREE, UNUSABLE, ACPI_DATA, NVS, IO,
       IO_PORT, PAL, PERSISTENT, UNACCEPTED };

static uint8_t descriptors[MAX * STRIDE];
static size_t count;
static struct map_kept kept[4];
static size_t kept_count;
static struct boot_info info;

static void add(uint32_t type, uint64_t base, uint64_t pages, uint64_t attributes)
{
	struct map_descriptor d = { .type = type, .base = base, .pages = pages, .attributes = attributes };

	memcpy(descriptors + STRIDE * count++, &d, sizeof(d));
}

static struct map_input input(void)
{
	return (struct map_input){ descriptors, count * STRIDE, STRIDE, kept, kept_count };
}

static void translate(void)
{
	struct map_input in = input();
	uint64_t *edges = malloc(map_count_edges(&in) * sizeof(*edges));

	map_translate(&info, &in, edges);
	free(edges);
	for (uint32_t i = 0; i < info.range_count; i++) {
		const struct boot_range *r = &info.ranges[i];

		assert_true(r->size && r->base % 4096 == 0 && r->size % 4096 == 0);
		assert_true(!i || r->base >= info.ranges[i - 1].base + info.ranges[i - 1].size);
	}
}

static uint32_t kind_at(uint64_t address)
{
	for (uint32_t i = 0; i < info.range_count; i++)
		if (address >= info.ranges[i].base && address - info.ranges[i].base < info.ranges[i].size)
			return info.ranges[i].kind;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	count = kept_count = 0;
	memset(&info, 0, sizeof(info));
	return 0;
}

static void test_kinds(void **state)
{
	static const uint32_t expected[] = {
		BOOT_RESERVED, BOOT_RAM, BOOT_RAM, BOOT_RAM, BOOT_RAM, BOOT_RUNTIME_CODE, BOOT_RUNTIME_DATA, BOOT_RAM,
		BOOT_RESERVED, BOOT_ACPI, BOOT_ACPI, BOOT_MMIO, BOOT_MMIO, BOOT_RESERVED, BOOT_RESERVED, BOOT_RESERVED,
		BOOT_RESERVED,
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		add(i, 0x10000000ull * (i + 1), 16, WB);
	add(0x80000001, 0x900000000ull, 1, WB);	/* a type of an operating system's loader */
	translate();
	for (uint32_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_int_equal(kind_at(0x10000000ull * (i + 1) + 0x8000), expected[i]);
	assert_int_equal(kind_at(0x900000000ull), BOOT_RESERVED);
	assert_int_equal(kind_at(0x10010000), 0);
}

static void test_specific_purpose(void **state)
{
	(void)state;
	add(FREE, 0x100000000ull, 256, WB | 1ull << 18);
	translate();
	assert_int_equal(kind_at(0x100000000ull), BOOT_RESERVED);
}

static void test_low_memory(void **state)
{
	(void)state;
	add(FREE, 0, 0xa0, WB);
	add(FREE, 0xff000, 2, WB);	/* over the edge of 1 MiB */
	translate();
	assert_int_equal(kind_at(0x1000), BOOT_RESERVED);
	assert_int_equal(kind_at(0xff000), BOOT_RESERVED);
	assert_int_equal(kind_at(0x100000), BOOT_RAM);
	assert_int_equal(info.range_count, 3);
}

static void test_merge_and_sort(void **state)
{
	(void)state;
	add(BOOT_DATA, 0x300000, 0x100, WB);
	add(FREE, 0x100000, 0x100, WB | 0x4000);
	add(LOADER_CODE, 0x200000, 0x100, WB);
	add(RT_DATA, 0x400000, 1, WB);
	add(RT_DATA, 0x401000, 1, WB | 1ull << 63);	/* other attributes: stays apart */
	translate();
	assert_int_equal(info.range_count, 3);
	assert_int_equal(info.ranges[0].base, 0x100000);
	assert_int_equal(info.ranges[0].size, 0x300000);
	assert_int_equal(info.ranges[0].efi_attr, WB);
	assert_int_equal(info.ranges[2].efi_attr, WB | 1ull << 63);
}

static void test_kept(void **state)
{
	(void)state;
	add(FREE, 0x1000000, 0x1000, WB);
	kept[kept_count++] = (struct map_kept){ 0x1200000, 0x200000, BOOT_HYPERVISOR };
	kept[kept_count++] = (struct map_kept){ 0x1100000, 0x1000, BOOT_FILE };
	translate();
	assert_int_equal(info.range_count, 5);
	assert_int_equal(kind_at(0x10ff000), BOOT_RAM);
	assert_int_equal(kind_at(0x1100000), BOOT_FILE);
	assert_int_equal(kind_at(0x1101000), BOOT_RAM);
	assert_int_equal(kind_at(0x13ff000), BOOT_HYPERVISOR);
	assert_int_equal(kind_at(0x1400000), BOOT_RAM);
}

static void test_overlap_allows_least(void **state)
{
	(void)state;
	add(FREE, 0x1000000, 0x100, WB);
	add(RESERVED, 0x1010000, 0x10, WB);
	add(FREE, 0x1000000, 0x1000, WB);
	add(RT_CODE, 0x1080000, 1, WB);
	add(IO, 0x1080000, 1, 1);
	translate();
	assert_int_equal(kind_at(0x1000000), BOOT_RAM);
	assert_int_equal(kind_at(0x1010000), BOOT_RESERVED);
	assert_int_equal(kind_at(0x101f000), BOOT_RESERVED);
	assert_int_equal(kind_at(0x1020000), BOOT_RAM);
	assert_int_equal(kind_at(0x1080000), BOOT_MMIO);
}

/* Nothing of ours makes hypervisor memory of what firmware says is not RAM. */
/* A device's memory inside of RAM: never handed over, never allocated from, whatever else is kept there. */
static void test_held(void **state)
{
	struct map_input in;

	(void)state;
	add(FREE, 0x1000000, 0x1000, WB);
	add(RT_DATA, 0x2000000, 1, WB);
	kept[kept_count++] = (struct map_kept){ 0x1400000, 0x200000, BOOT_RESERVED };
	kept[kept_count++] = (struct map_kept){ 0x1800000, 0x400000, BOOT_RESERVED };
	kept[kept_count++] = (struct map_kept){ 0x1a00000, 0x200000, BOOT_HYPERVISOR };
	kept[kept_count++] = (struct map_kept){ 0x2000000, 0x1000, BOOT_RESERVED };
	translate();
	assert_int_equal(kind_at(0x17ff000), BOOT_RAM);
	assert_int_equal(kind_at(0x1800000), BOOT_RESERVED);
	assert_int_equal(kind_at(0x1a00000), BOOT_RESERVED);
	assert_int_equal(kind_at(0x1bff000), BOOT_RESERVED);
	assert_int_equal(kind_at(0x1c00000), BOOT_RAM);
	assert_int_equal(kind_at(0x2000000), BOOT_RUNTIME_DATA);
	in = input();
	assert_int_equal(map_find_free(&in, 0x200000, 0x200000, 0, 1ull << 32), 0x1e00000);
	assert_int_equal(map_find_free(&in, 0x400000, 0x1000, 0, 1ull << 32), 0x1c00000);
	assert_int_equal(map_find_free(&in, 0x400001, 0x1000, 0, 1ull << 32), 0);
	assert_int_equal(map_find_free(&in, 0x200000, 0x200000, 0, 0x1c00000), 0x1600000);
	assert_int_equal(map_find_free(&in, 0x400000, 0x200000, 0, 0x1c00000), 0x1000000);
	assert_int_equal(map_find_free(&in, 0x200000, 0x200000, 0, 0x1700000), 0x1200000);
	assert_int_equal(map_find_free(&in, 0x201000, 0x1000, 0x1200000, 0x1c00000), 0);
	assert_int_equal(map_find_free(&in, 0x200000, 0x200000, 0x1400000, 0x1600000), 0);
}

static void test_kept_over_reserved(void **state)
{
	(void)state;
	add(RESERVED, 0x1000000, 0x100, WB);
	kept[kept_count++] = (struct map_kept){ 0x1000000, 0x1000, BOOT_HYPERVISOR };
	translate();
	assert_int_equal(kind_at(0x1000000), BOOT_RESERVED);
}

static void test_rubbish(void **state)
{
	(void)state;
	add(FREE, 0x1000000, 0, WB);
	add(FREE, 0x1000001, 1, WB);
	add(FREE, 1ull << 60, 1, WB);
	add(FREE, 0xfffffffff000ull << 4, 1, WB);
	add(RESERVED, 0x200000000ull, ~0ull, WB);
	translate();
	assert_int_equal(info.range_count, 1);
	assert_int_equal(info.ranges[0].base + info.ranges[0].size, 1ull << 52);
}

static void test_too_many(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		add(FREE, 0x1000000 + i * 0x2000, 1, WB);
	translate();
	assert_int_equal(info.range_count, BOOT_RANGES_MAX);
	assert_int_equal(info.range_lost, 1000 - BOOT_RANGES_MAX);
}

static void test_odd_stride(void **state)
{
	struct map_input in = { descriptors, sizeof(descriptors), 39, NULL, 0 };

	(void)state;
	assert_int_equal(map_count_edges(&in), 1);
	in.stride = 0;
	assert_int_equal(map_count_edges(&in), 1);
}

static void test_find_free(void **state)
{
	struct map_input in;

	(void)state;
	add(FREE, 0x100000, 0x1000, WB);			/* 1 to 17 MiB */
	add(FREE, 0x40000000, 0x401, WB);			/* 4 MiB and a page */
	add(BOOT_DATA, 0x80000000, 0x10000, WB);		/* firmware still uses it */
	add(FREE, 0x100000000ull, 0x10000, WB | 1ull << 18);	/* specific purpose */
	in = input();
	assert_int_equal(map_find_free(&in, 0x200000, 0x200000, 0x1000000, 1ull << 32), 0x40200000);
	assert_int_equal(map_find_free(&in, 0x400000, 0x200000, 0x1000000, 1ull << 32), 0x40000000);
	assert_int_equal(map_find_free(&in, 0x400000, 0x1000, 0x1000000, 1ull << 32), 0x40001000);
	assert_int_equal(map_find_free(&in, 0x401000, 0x200000, 0x1000000, 1ull << 32), 0x40000000);
	assert_int_equal(map_find_free(&in, 0x402000, 0x1000, 0x1000000, 1ull << 32), 0);
	assert_int_equal(map_find_free(&in, 0x100000, 0x100000, 0, 0x1000000), 0xf00000);
	assert_int_equal(map_find_free(&in, 0x1000, 0x1000, 1ull << 32, 1ull << 52), 0);
	assert_int_equal(map_find_free(&in, ~0ull - 0xfff, 0x1000, 0, 1ull << 52), 0);
}

static void test_top_and_readable(void **state)
{
	struct map_input in;

	(void)state;
	add(FREE, 0x100000, 0x100, WB);
	add(ACPI_DATA, 0x200000, 0x10, WB);
	add(IO, 0xf0000000, 0x100, 1);
	add(RESERVED, 0xfd00000000ull, 0x100, 1);
	in = input();
	assert_int_equal(map_find_top(&in), 0x210000);
	assert_true(map_is_readable(&in, 0x1ff000, 0x11000));	/* across two descriptors */
	assert_false(map_is_readable(&in, 0x1ff000, 0x11001));
	assert_false(map_is_readable(&in, 0xff000, 0x2000));
	assert_false(map_is_readable(&in, 0xf0000000, 16));	/* a device */
	assert_false(map_is_readable(&in, ~0ull - 8, 36));
	assert_true(map_is_readable(&in, 0x200000, 0));
}

/* What guests may get, before anything is taken from it: also what firmware still uses until it is left. */
static void test_sum_ram(void **state)
{
	struct map_input in = input();

	assert_int_equal(map_sum_ram(&in), 0);
	add(FREE, 0x100000, 0x100, WB);
	add(BOOT_DATA, 0x200000, 0x10, WB);
	add(RT_DATA, 0x210000, 0x10, WB);
	add(IO, 0xfec00000, 1, 0);
	add(UNACCEPTED, 0x80000000, 0x1000, WB);
	add(FREE, 0x100000000, 0x100000, WB);
	in = input();
	assert_true(map_sum_ram(&in) == 0x100000 + 0x10000 + 0x100000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_kinds, setup),
		cmocka_unit_test_setup(test_specific_purpose, setup),
		cmocka_unit_test_setup(test_low_memory, setup),
		cmocka_unit_test_setup(test_merge_and_sort, setup),
		cmocka_unit_test_setup(test_kept, setup),
		cmocka_unit_test_setup(test_overlap_allows_least, setup),
		cmocka_unit_test_setup(test_kept_over_reserved, setup),
		cmocka_unit_test_setup(test_held, setup),
		cmocka_unit_test_setup(test_rubbish, setup),
		cmocka_unit_test_setup(test_too_many, setup),
		cmocka_unit_test_setup(test_odd_stride, setup),
		cmocka_unit_test_setup(test_find_free, setup),
		cmocka_unit_test_setup(test_sum_ram, setup),
		cmocka_unit_test_setup(test_top_and_readable, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
