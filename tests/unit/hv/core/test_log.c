/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/core/log.c hv/lib/format.c hv/lib/string.c */
/* The log: order, loss, levels, and many writers at once. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hv/core.h>
#include <hv/log.h>

struct core core_private;

__attribute__((weak)) void assert_failed(const char *what, const char *file, int line)
{
	fail_msg("%s at %s:%d", what, file, line);
	abort();
}

static void test_order_and_levels(void **state)
{
	struct log_line l;
	u64 from = log_end();

	log_set_level(LOG_INFO);
	log_info("one %d", 1);
	log_debug("not recorded");
	log_error("two");
	assert_int_equal(log_end(), from + 2);
	assert_int_equal(log_read(from, &l), 0);
	assert_string_equal(l.text, "one 1");
	assert_int_equal(l.level, LOG_INFO);
	assert_int_equal(log_read(from + 1, &l), 0);
	assert_string_equal(l.text, "two");
	assert_true(l.tsc != 0);
	assert_int_equal(log_read(from + 2, &l), -E_NOENT);
}

static void test_long_lines_are_cut(void **state)
{
	struct log_line l;
	char text[2 * LOG_TEXT_MAX];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	log_info("%s", text);
	assert_int_equal(log_read(log_end() - 1, &l), 0);
	assert_int_equal(strlen(l.text), LOG_TEXT_MAX - 1);
}

static void test_oldest_are_lost(void **state)
{
	struct log_line l;
	u64 from = log_end();

	for (u32 i = 0; i <= LOG_LINES; i++)
		log_info("line %u", i);
	assert_int_equal(log_read(from, &l), -E_RANGE);
	assert_int_equal(log_read(from + 1, &l), 0);
	assert_string_equal(l.text, "line 1");
	assert_int_equal(log_read(from + LOG_LINES, &l), 0);
}

static u32 console_calls;

static void console(void)
{
	console_calls++;
	log_info("from the console itself");
}

static void test_console_hook(void **state)
{
	log_set_console(console);
	log_info("a line");
	assert_int_equal(console_calls, 1);
	log_set_console(NULL);
	log_info("another");
	assert_int_equal(console_calls, 1);
}

static void test_core_index(void **state)
{
	struct log_line l;

	core_private.index = 3;
	log_info("early");
	log_read(log_end() - 1, &l);
	assert_int_equal(l.core, 0);
	log_set_cores_known();
	log_info("late");
	log_read(log_end() - 1, &l);
	assert_int_equal(l.core, 3);
}

#define WRITERS 4
#define WRITES 20000

static u32 writing;

static void *writer(void *arg)
{
	for (u32 i = 0; i < WRITES; i++)
		log_info("writer %lu %u %u %u", (u64)arg, i, i, i);
	fetch_add(&writing, -1);
	return NULL;
}

/* A reader sees whole lines or none, while others write as fast as they can. */
static void test_writers(void **state)
{
	pthread_t t[WRITERS];
	u64 seq = log_end(), end = seq + WRITERS * WRITES;
	u32 whole = 0;

	for (u64 i = 0; i < WRITERS; i++)
		pthread_create(&t[i], NULL, writer, (void *)i);
	while (seq < end) {
		struct log_line l;
		u64 w;
		u32 a, b, c;
		int status = log_read(seq, &l);

		if (status == -E_NOENT) {
			sched_yield();
			continue;
		}
		seq++;
		if (status)
			continue;
		assert_int_equal(sscanf(l.text, "writer %lu %u %u %u", &w, &a, &b, &c), 4);
		assert_true(w < WRITERS && a == b && b == c);
		whole++;
	}
	for (u32 i = 0; i < WRITERS; i++)
		pthread_join(t[i], NULL);
	assert_true(whole > 0);
}

/* The oldest line is the one that the next writer overwrites: a copy is whole, or not handed out. */
static void test_overwritten_while_read(void **state)
{
	pthread_t t[2];

	for (u32 i = 0; i < LOG_LINES; i++)
		log_info("writer 0 0 0 0");
	writing = 2;
	for (u64 i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, writer, (void *)i);
	while (load_acquire(&writing)) {
		u64 seq = log_end() - LOG_LINES, w;
		struct log_line l;
		u32 a, b, c;

		if (log_read(seq, &l))
			continue;
		assert_int_equal(sscanf(l.text, "writer %lu %u %u %u", &w, &a, &b, &c), 4);
		assert_true(a == b && b == c);
	}
	for (u32 i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_levels),
		cmocka_unit_test(test_long_lines_are_cut),
		cmocka_unit_test(test_oldest_are_lost),
		cmocka_unit_test(test_console_hook),
		cmocka_unit_test(test_core_index),
		cmocka_unit_test(test_writers),
		cmocka_unit_test(test_overwritten_while_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
