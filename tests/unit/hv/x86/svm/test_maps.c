/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/x86/svm/maps.c */
/* Where the bit of an MSR or a port is, and that nothing else moves. APM 2 "MSR Intercepts", "I/O Intercepts". */

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../../../../hv/x86/svm/vmcb.h"

static u8 map[IOPM_SIZE + 1];

/* Clear bits of the map; the only one of them when there is exactly one. */
static u32 clear_bits(size_t size, u32 *last)
{
	u32 n = 0;

	for (u32 i = 0; i < size * 8; i++) {
		if (map[i / 8] & 1u << i % 8)
			continue;
		*last = i;
		n++;
	}
	return n;
}

static void msr_positions(void **state)
{
	static const struct { u32 msr, bit; } c[] = {
		{ 0, 0 }, { 0x1fff, 0x3ffe }, { 0xc0000000, 0x4000 }, { 0xc0000080, 0x4100 }, { 0xc0001fff, 0x7ffe },
		{ 0xc0010000, 0x8000 }, { 0xc0010114, 0x8228 }, { 0xc0011fff, 0xbffe },
	};
	u32 bit = 0;

	(void)state;
	for (u32 i = 0; i < ARRAY_COUNT(c); i++) {
		memset(map, 0xff, sizeof(map));
		assert_true(msrpm_set(map, c[i].msr, false, true));
		assert_int_equal(clear_bits(MSRPM_SIZE, &bit), 1);
		assert_int_equal(bit, c[i].bit);
		assert_true(msrpm_set(map, c[i].msr, true, false));
		assert_int_equal(clear_bits(MSRPM_SIZE, &bit), 1);
		assert_int_equal(bit, c[i].bit + 1);
		assert_true(msrpm_set(map, c[i].msr, false, false));
		assert_int_equal(clear_bits(MSRPM_SIZE, &bit), 2);
		assert_true(msrpm_set(map, c[i].msr, true, true));
		assert_int_equal(clear_bits(MSRPM_SIZE, &bit), 0);
	}
}

static void msr_outside_always_exits(void **state)
{
	static const u32 msr[] = { 0x2000, 0x40000000, 0xbfffffff, 0xc0002000, 0xc000ffff, 0xc0012000, 0xffffffff };
	u32 bit;

	(void)state;
	memset(map, 0xff, sizeof(map));
	for (u32 i = 0; i < ARRAY_COUNT(msr); i++)
		assert_false(msrpm_set(map, msr[i], false, false));
	assert_int_equal(clear_bits(sizeof(map), &bit), 0);
}

static void ports(void **state)
{
	u32 bit = 0;

	(void)state;
	memset(map, 0xff, sizeof(map));
	iopm_set(map, 0x3f8, 1, false);
	assert_int_equal(clear_bits(sizeof(map), &bit), 1);
	assert_int_equal(bit, 0x3f8);
	iopm_set(map, 0x3f8, 1, true);
	iopm_set(map, 0x60, 0, false);
	assert_int_equal(clear_bits(sizeof(map), &bit), 0);

	/* To the last port and no further, whatever count says: an access at FFFFH looks at three bits more. */
	iopm_set(map, 0xfffe, ~0u, false);
	assert_int_equal(clear_bits(sizeof(map), &bit), 2);
	assert_int_equal(bit, 0xffff);
	iopm_set(map, 0, 0x10000, false);
	assert_int_equal(clear_bits(sizeof(map), &bit), 0x10000);
	iopm_set(map, 1, 0x10000, true);
	assert_int_equal(clear_bits(sizeof(map), &bit), 1);
	assert_int_equal(bit, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(msr_positions),
		cmocka_unit_test(msr_outside_always_exits),
		cmocka_unit_test(ports),
	};

	return cmocka_run_group_tests_name("svm maps", tests, NULL, NULL);
}
