/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/control/text.c hv/core/console_ring.c hv/core/message.c hv/core/log.c hv/lib/format.c hv/lib/string.c tests/unit/hv/control/fake_machine.c */
#include "fake_machine.h"

#include "../../../../hv/control/text.h"

static void test_duration(void **state)
{
	char t[32];

	assert_string_equal(text_duration(t, sizeof(t), 0), "00:00:00");
	assert_string_equal(text_duration(t, sizeof(t), 3723 * HZ), "01:02:03");
	assert_string_equal(text_duration(t, sizeof(t), (3 * 86400 + 4 * 3600 + 5) * HZ), "3d 04:00:05");
}

/* A machine whose clock is unknown must not divide by it. */
static void test_no_clock(void **state)
{
	char t[32];

	timebase.tsc_hz = 0;
	assert_string_equal(text_duration(t, sizeof(t), 3723 * HZ), "00:00:00");
	assert_string_equal(text_stamp(t, sizeof(t), 5 * HZ), "     0.000");
	timebase.tsc_hz = HZ;
}

static void test_cores(void **state)
{
	u16 list[] = { 1, 2, 3, 5, 7, 8 };
	char t[32];

	assert_string_equal(text_cores(t, sizeof(t), list, 6), "1-3,5,7-8");
	assert_string_equal(text_cores(t, sizeof(t), list, 1), "1");
	assert_string_equal(text_cores(t, sizeof(t), list, 0), "");
	assert_string_equal(text_cores(t, 6, list, 6), "1-3,5");
	assert_string_equal(text_cores(t, 2, list, 6), "1");
}

static const char *neutral(const char *from)
{
	static char t[64];

	return text_neutralise(t, sizeof(t), (const u8 *)from, strlen(from));
}

static void test_neutralise(void **state)
{
	char tiny[4];

	assert_string_equal(neutral("plain\r\ntext\tx"), "plain\ntext x");
	assert_string_equal(neutral("\x1b[1;31mred\x1b[0m"), "red");
	assert_string_equal(neutral("a\x1b" "7b"), "ab");
	assert_string_equal(neutral("a\x1b"), "a");
	assert_string_equal(neutral("a\x1b["), "a");
	assert_string_equal(neutral("a\x1b[1;1"), "a");
	assert_string_equal(neutral("\x07\x9b\x7f"), "???");
	assert_string_equal(text_neutralise(tiny, sizeof(tiny), (const u8 *)"abcdef", 6), "abc");
}

/* Whatever bytes a guest sends, what is shown is printable. */
static void test_neutralise_random(void **state)
{
	u8 from[200];
	char to[150];

	srand(3);
	for (u32 round = 0; round < 20000; round++) {
		size_t n = (size_t)rand() % sizeof(from);

		for (size_t i = 0; i < n; i++)
			from[i] = rand() % 4 ? (u8)rand() : 0x1b;
		text_neutralise(to, sizeof(to), from, n);
		for (const char *c = to; *c; c++)
			assert_true(*c == '\n' || (*c >= ' ' && *c <= '~'));
	}
}

static void test_last_lines(void **state)
{
	static struct console_ring r;

	assert_int_equal(text_last_lines(&r, 3), 0);
	for (const char *c = "one\ntwo\nthree\nfour"; *c; c++)
		console_ring_put(&r, (u8)*c, 0);
	assert_int_equal(text_last_lines(&r, 1), 14);
	assert_int_equal(text_last_lines(&r, 2), 8);
	assert_int_equal(text_last_lines(&r, 9), 0);
	for (u32 i = 0; i < 3 * CONSOLE_RING_BYTES; i++)
		console_ring_put(&r, 'x', 0);
	assert_true(r.head - text_last_lines(&r, 5) < CONSOLE_RING_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_no_clock),
		cmocka_unit_test(test_cores),
		cmocka_unit_test(test_neutralise),
		cmocka_unit_test(test_neutralise_random),
		cmocka_unit_test(test_last_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
