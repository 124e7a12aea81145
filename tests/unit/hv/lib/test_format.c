/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/lib/format.c hv/lib/string.c */
/* Formatted text, with the host's snprintf as oracle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hv/lib.h>

#define ROUNDS 200000

static u32 seed = 12345;

static u32 pick(u32 n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

static u64 pick_value(void)
{
	static const u64 edge[] = { 0, 1, 9, 10, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000,
				    0xffffffff, 0x7fffffffffffffff, 0x8000000000000000, ~0ull };

	return pick(2) ? edge[pick(ARRAY_COUNT(edge))] : (u64)pick(1u << 24) << pick(41);
}

static void build(char *to, const char *flags, const char *lengths, char conv)
{
	char *p = to;

	*p++ = '<';
	*p++ = '%';
	while (pick(3) == 0 && *flags)
		*p++ = flags[pick((u32)strlen(flags))];
	if (pick(2))
		p += sprintf(p, "%u", pick(30) + 1);
	if (pick(3) == 0)
		p += sprintf(p, ".%u", pick(25));
	if (*lengths) {
		char l = lengths[pick((u32)strlen(lengths))];

		if (l == 'H')
			*p++ = 'h';
		if (l == 'L')
			*p++ = 'l';
		if (l != ' ')
			*p++ = l == 'H' ? 'h' : l == 'L' ? 'l' : l;
	}
	*p++ = conv;
	*p++ = '>';
	*p = 0;
}

static void compare(const char *fmt, const char *want, int want_length, const char *got, int got_length)
{
	if (strcmp(want, got) || want_length != got_length)
		fail_msg("%s: want \"%s\" (%d), got \"%s\" (%d)", fmt, want, want_length, got, got_length);
}

static void test_numbers(void **state)
{
	char fmt[64], want[128], got[128];

	for (int i = 0; i < ROUNDS; i++) {
		static const char convs[] = "dixXu";
		char conv = convs[pick(5)];
		size_t size = pick(4) ? sizeof(want) : pick(20);
		u64 v = pick_value();
		int a, b;

		build(fmt, conv == 'd' || conv == 'i' ? "-0+ " : conv == 'u' ? "-0" : "-0#", " HhlLzjt", conv);
		strcpy(want, "untouched");
		strcpy(got, "untouched");
		a = snprintf(want, size, fmt, v);
		b = fmt_print(got, size, fmt, v);
		compare(fmt, want, a, got, b);
	}
}

static void test_strings(void **state)
{
	static const char *const word[] = { "", "a", "bulkhead", "a longer piece of text than the width" };
	char fmt[64], want[128], got[128];

	for (int i = 0; i < ROUNDS / 10; i++) {
		size_t size = pick(4) ? sizeof(want) : pick(20);
		const char *s = word[pick(ARRAY_COUNT(word))];
		int a, b;

		build(fmt, "-", "", 's');
		strcpy(want, "untouched");
		strcpy(got, "untouched");
		a = snprintf(want, size, fmt, s);
		b = fmt_print(got, size, fmt, s);
		compare(fmt, want, a, got, b);
	}
}

static void test_mixed(void **state)
{
	char want[128], got[128];
	int a = snprintf(want, sizeof(want), "%c|%5c|%-5c|%%|%*d|%-*d|%.*s|%*s", 'x', 'y', 'z', 7, 42, 7, 42, 3, "abcdef", -6, "q");
	int b = fmt_print(got, sizeof(got), "%c|%5c|%-5c|%%|%*d|%-*d|%.*s|%*s", 'x', 'y', 'z', 7, 42, 7, 42, 3, "abcdef", -6, "q");

	compare("mixed", want, a, got, b);
	a = snprintf(want, sizeof(want), "%.*d", -3, 5);
	b = fmt_print(got, sizeof(got), "%.*d", -3, 5);
	compare("negative precision", want, a, got, b);
	fmt_print(got, sizeof(got), "%p", (void *)0x1234);
	assert_string_equal(got, "0x1234");
}

/* A precision lets %s read text that does not end. */
static void test_unterminated(void **state)
{
	char text[3] = { 'a', 'b', 'c' }, got[16];

	assert_int_equal(fmt_print(got, sizeof(got), "%.3s", text), 3);
	assert_string_equal(got, "abc");
}

static void test_null_and_broken(void **state)
{
	char got[16];
	const char *broken = "a%", *volatile none = NULL;

	fmt_print(got, sizeof(got), "%s", none);
	assert_string_equal(got, "(null)");
	fmt_print(got, sizeof(got), broken);
	assert_string_equal(got, "a%");
	assert_int_equal(fmt_print(NULL, 0, "four"), 4);
}

static void test_bytes(void **state)
{
	char got[32];

	assert_string_equal(fmt_bytes(got, sizeof(got), 0), "0 B");
	assert_string_equal(fmt_bytes(got, sizeof(got), 1023), "1023 B");
	assert_string_equal(fmt_bytes(got, sizeof(got), 512 * KiB), "512 KiB");
	assert_string_equal(fmt_bytes(got, sizeof(got), 4 * GiB), "4 GiB");
	assert_string_equal(fmt_bytes(got, sizeof(got), GiB + GiB / 2), "1.5 GiB");
	assert_string_equal(fmt_bytes(got, sizeof(got), ~0ul), "15.9 EiB");
	fmt_bytes(got, 4, 512 * KiB);
	assert_string_equal(got, "512");
}

__attribute__((weak)) void assert_failed(const char *what, const char *file, int line)
{
	fail_msg("%s at %s:%d", what, file, line);
	abort();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_unterminated),
		cmocka_unit_test(test_null_and_broken),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
