/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/lib/string.c */
/* Memory and string functions against byte-by-byte loops: every small length and alignment, overlaps both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <hv/lib.h>

#define SPACE 96u

static u8 got[SPACE], want[SPACE];

static void fill(void)
{
	for (u32 i = 0; i < SPACE; i++)
		got[i] = want[i] = (u8)(i * 37 + 11);
}

static void same(void)
{
	for (u32 i = 0; i < SPACE; i++)
		assert_int_equal(got[i], want[i]);
}

static void test_memset(void **state)
{
	for (u32 at = 0; at < 9; at++)
		for (u32 n = 0; n < 40; n++) {
			fill();
			assert_ptr_equal(memset(got + at, 0x1a5, n), got + at);
			for (u32 i = 0; i < n; i++)
				want[at + i] = 0xa5;
			same();
		}
}

static void test_memmove(void **state)
{
	u8 copy[SPACE];

	for (u32 from = 0; from < 20; from++)
		for (u32 to = 0; to < 20; to++)
			for (u32 n = 0; n < 40; n++) {
				fill();
				for (u32 i = 0; i < n; i++)
					copy[i] = want[from + i];
				for (u32 i = 0; i < n; i++)
					want[to + i] = copy[i];
				assert_ptr_equal(memmove(got + to, got + from, n), got + to);
				same();
			}
}

static void test_memcpy(void **state)
{
	u8 from[48];

	for (u32 i = 0; i < sizeof(from); i++)
		from[i] = (u8)~i;
	for (u32 at = 0; at < 9; at++)
		for (u32 n = 0; n <= sizeof(from); n++) {
			fill();
			memcpy(got + at, from, n);
			for (u32 i = 0; i < n; i++)
				want[at + i] = from[i];
			same();
		}
}

static void test_compare(void **state)
{
	assert_int_equal(memcmp("abc", "abd", 2), 0);
	assert_true(memcmp("abc", "abd", 3) < 0);
	assert_true(memcmp("\xff", "\x01", 1) > 0);
	assert_true(strcmp("a", "ab") < 0);
	assert_int_equal(strcmp("", ""), 0);
	assert_int_equal(strncmp("abx", "aby", 2), 0);
	assert_true(strncmp("abx", "aby", 3) < 0);
	assert_null(memchr("abc", 'c', 2));
	assert_string_equal(strchr("a=b=c", '='), "=b=c");
	assert_null(strchr("abc", 'x'));
	assert_int_equal(*strchr("abc", 0), 0);
	assert_int_equal(strnlen("abcdef", 3), 3);
}

static void test_str_copy(void **state)
{
	char to[4] = "xxx";

	assert_int_equal(str_copy(to, sizeof(to), "abcdef"), 6);
	assert_string_equal(to, "abc");
	assert_int_equal(str_copy(to, 0, "abc"), 3);
	assert_int_equal(str_copy(to, sizeof(to), ""), 0);
	assert_string_equal(to, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memset),
		cmocka_unit_test(test_memmove),
		cmocka_unit_test(test_memcpy),
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_str_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
