/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/core/random.c hv/lib/chacha20.c */
/* The block function against RFC 8439's example; the generator never gives the same twice, with or without help from the
 * processor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hv/boot_info.h>
#include <hv/machine.h>
#include <hv/random.h>

static struct boot_info info;
const struct boot_info *boot_info = &info;
static bool has_generator;

bool host_random(u64 *val)
{
	*val = 0x0123456789abcdef;
	return has_generator;
}

/* RFC 8439 "Test Vector for the ChaCha20 Block Function". */
static void test_block(void **state)
{
	static const u8 want[64] = {
		0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3, 0x20, 0x71, 0xc4,
		0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22, 0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e,
		0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa, 0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2,
		0xb5, 0x12, 0x9c, 0xd1, 0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e };
	u8 key[32], got[64];

	for (u32 i = 0; i < 32; i++)
		key[i] = (u8)i;
	chacha20_block(key, 1 | 0x09000000ul << 32, 0x4a000000, got);
	assert_memory_equal(got, want, 64);
}

static void test_draws_differ(void **state)
{
	struct random a, b;
	u8 one[100], two[100], key[32];

	for (u32 with = 0; with < 2; with++) {
		has_generator = with;
		random_seed(&a, 1);
		random_seed(&b, 2);
		memcpy(key, a.key, 32);
		random_fill(&a, one, sizeof(one));
		assert_memory_not_equal(a.key, key, 32);
		random_fill(&b, two, sizeof(two));
		assert_memory_not_equal(one, two, 16);
		random_fill(&a, two, sizeof(two));
		assert_memory_not_equal(one, two, 16);
		assert_memory_not_equal(two, two + 64, 16);
		memset(two, 0xee, sizeof(two));
		random_fill(&a, two, 65);
		assert_int_equal(two[66], 0xee);
		random_fill(&a, two, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_block), cmocka_unit_test(test_draws_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
