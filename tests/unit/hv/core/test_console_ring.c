/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/core/console_ring.c */
/* Console rings: what was written is read once and in order, overwriting is noticed, also while it happens. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hv/console_ring.h>

static struct console_ring ring;
static struct input_ring input;

static int setup(void **state)
{
	memset(&ring, 0, sizeof(ring));
	memset(&input, 0, sizeof(input));
	return 0;
}

static void put(const char *text, u64 tsc)
{
	while (*text)
		console_ring_put(&ring, (u8)*text++, tsc);
}

static void test_read_what_was_written(void **state)
{
	u8 buf[16];
	u64 at = 0;

	assert_int_equal(console_ring_read(&ring, &at, buf, sizeof(buf)), 0);
	put("hello", 1);
	assert_int_equal(console_ring_read(&ring, &at, buf, 3), 3);
	assert_memory_equal(buf, "hel", 3);
	assert_int_equal(console_ring_read(&ring, &at, buf, sizeof(buf)), 2);
	assert_memory_equal(buf, "lo", 2);
	assert_int_equal(at, 5);
	assert_int_equal(console_ring_read(&ring, &at, buf, 0), 0);
	at = 99;					/* a position that is not there yet */
	assert_int_equal(console_ring_read(&ring, &at, buf, sizeof(buf)), 0);
	assert_int_equal(at, 99);
}

static void test_lines_are_stamped(void **state)
{
	put("one\n", 10);
	put("\n", 20);
	put("three", 30);
	put("more\nx", 40);
	assert_int_equal(ring.stamp_head, 4);
	assert_int_equal(ring.stamp[0].tsc, 10);
	assert_int_equal(ring.stamp[1].position, 4);
	assert_int_equal(ring.stamp[1].tsc, 20);
	assert_int_equal(ring.stamp[2].position, 5);
	assert_int_equal(ring.stamp[2].tsc, 30);
	assert_int_equal(ring.stamp[3].position, 15);
	for (u32 i = 0; i < 5000; i++)
		put("\n", i);
	assert_int_equal(ring.stamp[(ring.stamp_head - 1) % CONSOLE_STAMPS].tsc, 4999);
}

static void test_wake(void **state)
{
	assert_int_equal(ring.wake, 0);
	assert_true(console_ring_put(&ring, 'a', 0));
	assert_int_equal(ring.wake, 1);
	assert_false(console_ring_put(&ring, 'b', 0));
	ring.wake = 0;
	assert_true(console_ring_put(&ring, 'c', 0));
}

static void test_old_output_is_overwritten(void **state)
{
	u8 buf[64];
	u64 at = 0;

	for (u32 i = 0; i < CONSOLE_RING_BYTES + 100; i++)
		console_ring_put(&ring, (u8)(i * 7), 0);
	assert_int_equal(console_ring_read(&ring, &at, buf, sizeof(buf)), sizeof(buf));
	assert_int_equal(at, 101 + sizeof(buf));	/* one byte is given up to a writer that may be busy */
	for (u32 i = 0; i < sizeof(buf); i++)
		assert_int_equal(buf[i], (u8)((i + 101) * 7));
}

/* The writer's byte is a function of its position: a reader can check each one. */
static u8 byte_at(u64 position)
{
	return (u8)(position * 31 + (position >> 8));
}

#define FLOOD 3000000ul

static void *flood(void *unused)
{
	for (u64 i = 0; i < FLOOD; i++)
		console_ring_put(&ring, byte_at(i), i);
	return unused;
}

static void test_reader_beside_a_flood(void **state)
{
	static u8 buf[CONSOLE_RING_BYTES];	/* as much as there is, so that the writer is close behind */
	pthread_t writer;
	u64 at = 0;

	assert_int_equal(pthread_create(&writer, NULL, flood, NULL), 0);
	while (at < FLOOD) {
		size_t n = console_ring_read(&ring, &at, buf, sizeof(buf));

		for (size_t i = 0; i < n; i++)
			if (buf[i] != byte_at(at - n + i))
				fail_msg("byte %zu before %lu is wrong", n - i, at);
	}
	pthread_join(writer, NULL);
	assert_int_equal(at, FLOOD);
}

static void test_input(void **state)
{
	assert_int_equal(input_ring_get(&input), -1);
	for (u32 round = 0; round < 3; round++) {
		for (u32 i = 0; i < INPUT_RING_BYTES; i++)
			assert_true(input_ring_put(&input, (u8)(255 - i)));
		assert_false(input_ring_put(&input, 1));
		for (u32 i = 0; i < INPUT_RING_BYTES; i++)
			assert_int_equal(input_ring_get(&input), 255 - i);
		assert_int_equal(input_ring_get(&input), -1);
	}
}

static void test_input_counters_wrap(void **state)
{
	input.head = input.tail = 0xfffffffe;
	for (u32 i = 0; i < 5; i++)
		assert_true(input_ring_put(&input, (u8)i));
	for (u32 i = 0; i < 5; i++)
		assert_int_equal(input_ring_get(&input), i);
	assert_int_equal(input_ring_get(&input), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_read_what_was_written, setup),
		cmocka_unit_test_setup(test_lines_are_stamped, setup),
		cmocka_unit_test_setup(test_wake, setup),
		cmocka_unit_test_setup(test_old_output_is_overwritten, setup),
		cmocka_unit_test_setup(test_reader_beside_a_flood, setup),
		cmocka_unit_test_setup(test_input, setup),
		cmocka_unit_test_setup(test_input_counters_wrap, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
