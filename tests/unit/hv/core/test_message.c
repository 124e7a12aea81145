/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/core/message.c */
/* Rings of messages: order, full, empty, counters that wrap, and a reader on another thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include <hv/message.h>

#define MANY 100000u

static struct message_ring ring;

static struct message numbered(u64 n)
{
	return (struct message){ .type = MSG_RUN, .arg = { n, ~n, n * 0x9e3779b97f4a7c15ul } };
}

static bool is_numbered(const struct message *m, u64 n)
{
	struct message want = numbered(n);

	return !memcmp(m, &want, sizeof(want));
}

static void put(u64 n)
{
	struct message m = numbered(n);

	assert_true(message_put(&ring, &m));
}

static void get(u64 n)
{
	struct message m;

	assert_true(message_get(&ring, &m));
	assert_true(is_numbered(&m, n));
}

static int setup(void **state)
{
	memset(&ring, 0, sizeof(ring));
	return 0;
}

static void test_empty(void **state)
{
	struct message m = numbered(7);

	assert_false(message_get(&ring, &m));
	assert_true(is_numbered(&m, 7));
	put(1);
	get(1);
	assert_false(message_get(&ring, &m));
}

static void test_full(void **state)
{
	struct message extra = numbered(99);

	for (u64 i = 0; i < MESSAGE_RING_SLOTS; i++)
		put(i);
	assert_false(message_put(&ring, &extra));
	assert_false(message_put(&ring, &extra));
	get(0);
	put(MESSAGE_RING_SLOTS);
	assert_false(message_put(&ring, &extra));
	for (u64 i = 1; i <= MESSAGE_RING_SLOTS; i++)
		get(i);
	assert_false(message_get(&ring, &extra));
}

static void test_slots_wrap(void **state)
{
	u64 in = 0, out = 0;

	for (u32 round = 0; round < 100; round++) {
		for (u32 i = 0; i < 1 + round % MESSAGE_RING_SLOTS; i++)
			put(in++);
		while (out < in)
			get(out++);
	}
}

/* The counters run through 2^32 in a machine that lives long. */
static void test_counters_wrap(void **state)
{
	struct message extra = numbered(99);

	ring.head = ring.tail = 0u - 5;
	for (u64 i = 0; i < MESSAGE_RING_SLOTS; i++)
		put(i);
	assert_int_equal(ring.head, MESSAGE_RING_SLOTS - 5);
	assert_false(message_put(&ring, &extra));
	for (u64 i = 0; i < MESSAGE_RING_SLOTS; i++)
		get(i);
	assert_false(message_get(&ring, &extra));
}

static void test_slot_is_a_copy(void **state)
{
	struct message m = numbered(1);

	assert_true(message_put(&ring, &m));
	m = numbered(2);
	get(1);
}

static void *write_many(void *unused)
{
	for (u64 i = 0; i < MANY; i++) {
		struct message m = numbered(i);

		while (!message_put(&ring, &m))
			sched_yield();
	}
	return NULL;
}

static void test_two_threads(void **state)
{
	pthread_t writer;

	ring.head = ring.tail = 0u - MANY / 2;
	assert_int_equal(pthread_create(&writer, NULL, write_many, NULL), 0);
	for (u64 i = 0; i < MANY; i++) {
		struct message m;

		while (!message_get(&ring, &m))
			sched_yield();
		assert_true(is_numbered(&m, i));
	}
	pthread_join(writer, NULL);
	assert_int_equal(ring.head, ring.tail);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_empty), T(test_full), T(test_slots_wrap), T(test_counters_wrap), T(test_slot_is_a_copy),
		T(test_two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
