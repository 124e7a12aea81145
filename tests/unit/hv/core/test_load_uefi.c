/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/core/load.c hv/core/load_linux.c hv/core/load_elf.c hv/core/load_pvh.c hv/core/load_multiboot.c hv/core/load_uefi.c hv/lib/format.c tests/unit/guest_ram.c */
/* Firmware files: what is one, what is not, and the state at the reset vector. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../guest_ram.h"

#include <hv/load.h>

#define SIZE (16 * PAGE_SIZE)

static u8 image[SIZE];
static char why[160];

void assert_failed(const char *what, const char *file, int line_nr)
{
	fprintf(stderr, "assertion %s in %s:%d\n", what, file, line_nr);
	abort();
}

static void put_sum(void)
{
	u16 sum = 0, word;

	memset(image + 50, 0, 2);
	for (u32 i = 0; i < 72; i += 2) {
		memcpy(&word, image + i, 2);
		sum = (u16)(sum + word);
	}
	sum = (u16)-sum;
	memcpy(image + 50, &sum, 2);
}

static int make(void **state)
{
	u64 length = 8 * PAGE_SIZE;
	u16 header = 72;

	memset(image, 0xff, sizeof(image));
	memset(image, 0, 72);
	memcpy(image + 32, &length, 8);
	memcpy(image + 40, "_FVH", 4);
	memcpy(image + 48, &header, 2);
	put_sum();
	memcpy(image + SIZE - 16, "\x0f\x20\xc0\xa8\x01", 5);
	return 0;
}

static int check(enum boot_type type, u64 size)
{
	*why = 0;
	return load_check(type, image, size, why, sizeof(why));
}

static void refused(enum boot_type type, u64 size, const char *words)
{
	assert_true(check(type, size) < 0);
	if (!strstr(why, words))
		fail_msg("\"%s\", not \"%s\"", why, words);
}

static void test_good(void **state)
{
	assert_int_equal(check(BOOT_UEFI, SIZE), 0);
	assert_int_equal(check(BOOT_UEFI_VARS, SIZE), 0);
	assert_int_equal(check(BOOT_UEFI_VARS, SIZE - PAGE_SIZE), 0);
}

static void test_sizes(void **state)
{
	refused(BOOT_UEFI, 0, "multiple of 4 KiB");
	refused(BOOT_UEFI, SIZE - 1, "multiple of 4 KiB");
	refused(BOOT_UEFI, 100, "multiple of 4 KiB");
	refused(BOOT_UEFI_VARS, 8 * MiB + PAGE_SIZE, "at most 8 MiB");
	refused(BOOT_UEFI_VARS, 4 * PAGE_SIZE, "the file only");
}

static void test_not_firmware(void **state)
{
	image[40] = 'X';
	refused(BOOT_UEFI, SIZE, "_FVH");
	make(NULL);
	image[20] ^= 1;
	refused(BOOT_UEFI, SIZE, "checksum");
	make(NULL);
	memset(image + 48, 0xff, 2);	/* length of the header */
	refused(BOOT_UEFI, SIZE, "checksum");
	memset(image + 48, 0, 2);
	refused(BOOT_UEFI, SIZE, "checksum");
	make(NULL);
	memset(image + 32, 0xff, 8);
	put_sum();
	refused(BOOT_UEFI, SIZE, "the file only");
	make(NULL);
	memset(image + SIZE - 16, 0xff, 16);
	refused(BOOT_UEFI, SIZE, "reset vector");
	assert_int_equal(check(BOOT_UEFI_VARS, SIZE), 0);
	memset(image, 0, sizeof(image));
	refused(BOOT_UEFI, SIZE, "_FVH");
}

/* SDM 3A "Processor State After Reset". */
static void test_reset_vector(void **state)
{
	struct guest *g = guest_ram_new(4 * MiB, 1);
	struct cpu_state s;

	guest_ram_plan(g)->boot.type = BOOT_UEFI;
	g->kernel = (struct guest_image){ "code", image, SIZE };
	assert_int_equal(load_guest(g, &s, why, sizeof(why)), 0);
	assert_true(s.rip == 0xfff0 && s.seg[SEG_CS].sel == 0xf000 && s.seg[SEG_CS].base == 0xffff0000);
	assert_true(s.seg[SEG_CS].limit == 0xffff && s.seg[SEG_DS].base == 0 && s.seg[SEG_SS].limit == 0xffff);
	assert_int_equal(s.cr0, 0x60000010);
	assert_true(s.rflags == 2 && s.efer == 0 && s.cr4 == 0 && s.cr3 == 0);
	assert_true(s.idtr.base == 0 && s.idtr.limit == 0xffff);
	for (u64 i = 0; i < 4 * MiB; i += PAGE_SIZE)
		assert_int_equal(g->ram[i], 0);
	guest_ram_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_good, make), cmocka_unit_test_setup(test_sizes, make),
		cmocka_unit_test_setup(test_not_firmware, make), cmocka_unit_test_setup(test_reset_vector, make),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
