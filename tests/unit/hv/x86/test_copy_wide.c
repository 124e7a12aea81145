/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/x86/copy_wide.c */
/* Every length around the steps, at any alignment: all of it is copied, and nothing beside it. */

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <hv/copy_wide.h>

#define MOST 2200u
#define ROOM 64u

static u8 from[MOST + ROOM], to[MOST + 2 * ROOM], want[sizeof(to)];

static void check(u32 n, u32 from_off, u32 to_off)
{
	memset(to, 0xee, sizeof(to));
	memset(want, 0xee, sizeof(want));
	memcpy(want + to_off, from + from_off, n);
	copy_frame(to + to_off, from + from_off, n);
	assert_memory_equal(to, want, sizeof(to));
}

static void all_lengths(void)
{
	for (u32 i = 0; i < sizeof(from); i++)
		from[i] = (u8)(i * 7 + i / 251);
	for (u32 n = 0; n <= MOST; n++)
		check(n, n % 33, (n * 5) % ROOM);
}

static void with_vectors(void **state)
{
	(void)state;
	copy_wide_begin(true);
	all_lengths();
	for (u32 n = 32; n < 256; n++) {
		memset(to, 0, sizeof(to));
		copy_wide(to + 3, from + 1, n);
		assert_memory_equal(to + 3, from + 1, n);
		assert_int_equal(to[2] | to[3 + n], 0);
	}
}

/* A machine without AVX: Nehalem and older. */
static void without(void **state)
{
	(void)state;
	copy_wide_begin(false);
	all_lengths();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_vectors),
		cmocka_unit_test(without),
	};

	return cmocka_run_group_tests_name("copy wide", tests, NULL, NULL);
}
