/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: boot/elf.c boot/tables.c boot/rate.c boot/text.c */
/* The hypervisor's ELF, the page tables that lead into it, and the clocks. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../boot/elf.h"
#include "../../../boot/rate.h"
#include "../../../boot/tables.h"

#define FILE_SIZE 0x300u

struct file {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
	struct {
		uint32_t type, flags;
		uint64_t offset, vaddr, paddr, filesz, memsz, align;
	} segment[2];
	uint8_t rest[FILE_SIZE - 64 - 112];
};

static struct file good(void)
{
	struct file f = {
		.ident = { 0x7f, 'E', 'L', 'F', 2, 1, 1 }, .type = 2, .machine = 62, .entry = ELF_BASE + 8,
		.phoff = 64, .phentsize = 56, .phnum = 2,
		.segment = {
			{ 1, 5, 0x100, ELF_BASE, 0, 0x100, 0x100, 4096 },
			{ 1, 6, 0x200, ELF_BASE + 0x2000, 0, 0x80, 0x1234, 4096 },
		},
	};

	memset((uint8_t *)&f + 0x100, 0xaa, 0x100);
	memset((uint8_t *)&f + 0x200, 0xbb, 0x100);
	return f;
}

static int refused(const struct file *f)
{
	struct elf_image image;

	return elf_check(f, FILE_SIZE, &image) != NULL;
}

static void test_elf_placed(void **state)
{
	struct file f = good();
	struct elf_image image;
	uint8_t *to;

	(void)state;
	assert_null(elf_check(&f, FILE_SIZE, &image));
	assert_int_equal(image.span, 0x3234);
	assert_int_equal(image.entry, ELF_BASE + 8);
	to = calloc(1, image.span);
	elf_place(&f, to);
	assert_int_equal(to[0], 0xaa);
	assert_int_equal(to[0xff], 0xaa);
	assert_int_equal(to[0x100], 0);
	assert_int_equal(to[0x207f], 0xbb);
	assert_int_equal(to[0x2080], 0);
	free(to);
}

static void test_elf_refused(void **state)
{
	struct file f;

	(void)state;
	for (uint32_t size = 0; size < 64 + 112; size++) {
		struct elf_image image;

		f = good();
		assert_non_null(elf_check(&f, size, &image));
	}
#define BAD(change) do { f = good(); change; assert_true(refused(&f)); } while (0)
	BAD(f.ident[0] = 0);
	BAD(f.type = 3);
	BAD(f.machine = 3);
	BAD(f.phnum = 0);
	BAD(f.phnum = 17);
	BAD(f.phentsize = 55);
	BAD(f.phoff = ~0ull - 7);
	BAD(f.phoff = 65);
	BAD(f.segment[0].offset = ~0ull);
	BAD(f.segment[0].filesz = FILE_SIZE);
	BAD(f.segment[0].memsz = 0xff);
	BAD(f.segment[0].vaddr = 0);
	BAD(f.segment[0].vaddr = ELF_BASE + 1);
	BAD(f.segment[0].flags = 6);
	BAD(f.segment[1].vaddr = ELF_BASE);
	BAD(f.segment[1].memsz = ~0ull);
	BAD(f.segment[1].memsz = ELF_SPAN_MAX);
	BAD(f.segment[1].vaddr = 0ull - 4096);
	BAD(f.entry = ELF_BASE + 0x100);
	BAD(f.entry = 0);
#undef BAD
}

/* What the tables say about an address; 0 when it is not mapped. The pages are at their own addresses here too. */
static uint64_t walk(const struct tables *t, uint64_t va)
{
	const uint64_t *table = t->root;

	for (unsigned int shift = 39; shift >= 21; shift -= 9) {
		uint64_t e = table[va >> shift & 511];

		if (!(e & 1))
			return 0;
		if (shift < 39 && e & 0x80)
			return (e & ~((1ull << shift) - 1) & 0xffffffffff000ull) + (va & ((1ull << shift) - 1));
		table = (const uint64_t *)(uintptr_t)(e & 0xffffffffff000ull);
	}
	return 0;
}

static void tables_case(int huge)
{
	const uint64_t top = 5ull << 30, far = (3ull << 40) + (1ull << 21), image = 0x40200000;
	size_t count = tables_count_pages(top, 4 << 20, huge);
	uint64_t *pages = aligned_alloc(4096, count * 4096);
	struct tables t;

	memset(pages, 0, count * 4096);
	assert_int_equal(tables_start(&t, pages, count, huge), 0);
	assert_int_equal(tables_map_same(&t, 0, top), 0);
	assert_int_equal(tables_map_same(&t, far, far + (4 << 20)), 0);
	assert_int_equal(tables_map_same(&t, 0x80000000, 0x80400000), 0);
	assert_int_equal(tables_map_image(&t, ELF_BASE, image, 4 << 20), 0);
	assert_int_equal(walk(&t, 0x1234), 0x1234);
	assert_int_equal(walk(&t, top - 1), top - 1);
	assert_int_equal(walk(&t, top), 0);
	assert_int_equal(walk(&t, far), far);
	assert_int_equal(walk(&t, far + (4 << 20) - 1), far + (4 << 20) - 1);
	assert_int_equal(walk(&t, ELF_BASE + 0x2345), image + 0x2345);
	assert_int_equal(walk(&t, ELF_BASE + (3 << 20)), image + (3 << 20));
	assert_int_equal(walk(&t, ELF_BASE + (4 << 20)), 0);
	free(pages);
}

static void test_tables(void **state)
{
	(void)state;
	tables_case(0);
	tables_case(1);
}

/* The count holds for ranges at awkward places; one page less than needed is an error, no write outside. */
static void test_tables_out_of_pages(void **state)
{
	uint64_t *pages = aligned_alloc(4096, 3 * 4096);
	struct tables t;

	(void)state;
	memset(pages, 0, 3 * 4096);
	assert_int_equal(tables_start(&t, pages, 0, 0), -1);
	assert_int_equal(tables_start(&t, pages, 3, 0), 0);
	assert_int_equal(tables_map_same(&t, 0, 1ull << 30), 0);
	assert_int_equal(tables_map_same(&t, 1ull << 30, (1ull << 30) + 1), -1);
	assert_int_equal(tables_map_image(&t, ELF_BASE, 0, 1 << 21), -1);
	free(pages);
}

static void test_rates(void **state)
{
	struct boot_clock c = { 0 };
	struct rate_reading r[] = { { "hpet", 0 }, { "pm", 2005000000 }, { "pit", 1000 }, { "stall", 2000000000 } };

	(void)state;
	assert_int_equal(rate_from_ns(30000000, 10000000), 3000000000);
	assert_int_equal(rate_from_ns(5, 0), 0);
	assert_in_range(rate_from_ns(3000000000ull * 3600, 3600000000000ull), 2999999000, 3000001000);
	assert_true(rate_agree(100, 99));
	assert_false(rate_agree(1000, 980));
	assert_false(rate_agree(0, 0));
	rate_choose(&c, r, 4);
	assert_int_equal(c.tsc_hz, 2005000000);
	assert_string_equal(c.method, "pm+stall");
	r[3].hz = 5;
	rate_choose(&c, r, 4);
	assert_int_equal(c.tsc_hz, 2005000000);
	assert_string_equal(c.method, "pm, others disagree");
	r[2].hz = r[3].hz = 0;
	rate_choose(&c, r, 4);
	assert_string_equal(c.method, "pm alone");
	r[1].hz = 0;
	rate_choose(&c, r, 4);
	assert_int_equal(c.tsc_hz, 0);
	assert_string_equal(c.method, "none");
}

static void test_dates(void **state)
{
	struct rate_date d = { 2024, 2, 29, 12, 30, 15, 0 };

	(void)state;
	assert_int_equal(rate_date_seconds(&d), 1709209815);
	d.zone = -60;
	assert_int_equal(rate_date_seconds(&d), 1709209815 - 3600);
	d = (struct rate_date){ 2000, 3, 1, 0, 0, 0, 0 };
	assert_int_equal(rate_date_seconds(&d), 951868800);
	d = (struct rate_date){ 1970, 1, 1, 0, 0, 1, 0 };
	assert_int_equal(rate_date_seconds(&d), 1);
	d.month = 13;
	assert_int_equal(rate_date_seconds(&d), 0);
	d.month = 0;
	assert_int_equal(rate_date_seconds(&d), 0);
	d = (struct rate_date){ 65535, 1, 1, 0, 0, 0, 0 };
	assert_int_equal(rate_date_seconds(&d), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_elf_placed),
		cmocka_unit_test(test_elf_refused),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_tables_out_of_pages),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_dates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
