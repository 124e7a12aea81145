/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/net/host_time.c hv/core/wall.c hv/lib/format.c */
/* The clock and what time servers say: the first sets it, later ones move it gently, nonsense is not believed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/time.h>

#include "hv/net/host_services.h"

#define BOOT 1790000000ul		/* what the machine's clock said */

static s64 offset;
struct timebase timebase;
static u32 started;

void bulkhead_sntp_set(uint32_t seconds, uint32_t us);
void bulkhead_sntp_get(uint32_t *seconds, uint32_t *us);
uint32_t bulkhead_sntp_delay(void);

u64 mul_div(u64 ticks, u64 num, u64 den) { return (u64)((unsigned __int128)ticks * num / den); }
size_t str_copy(char *to, size_t size, const char *s) { strncpy(to, s, size - 1); return strlen(s); }
void log_write(enum log_level level, const char *fmt, ...) { }
void sntp_setoperatingmode(u8_t mode) { }
void sntp_servermode_dhcp(int set) { started |= set ? 2 : 4; }
void sntp_setservername(u8_t i, const char *name) { }
void sntp_init(void) { started |= 1; }

static int setup(void **state)
{
	offset = 0;
	memset(&host_time, 0, sizeof(host_time));
	timebase = (struct timebase){ 1000000000, BOOT, tsc_now(), &offset };
	started = 0;
	return 0;
}

/* Seconds that our clock is ahead of the machine's. */
static double ahead(void)
{
	return (double)offset / 1e9;
}

static void test_first_answer_steps(void **state)
{
	assert_int_equal(bulkhead_sntp_delay(), 64000);
	bulkhead_sntp_set(BOOT + 86400, 0);
	assert_true(host_time.known);
	assert_int_equal(host_time.steps, 1);
	assert_true(ahead() > 86390 && ahead() < 86410);
	assert_true(wall_ns(tsc_now()) / NS_PER_S >= BOOT + 86399);
}

static void test_machine_without_a_clock(void **state)
{
	timebase.wall_seconds = 0;
	assert_int_equal(wall_ns(tsc_now()), 0);
	bulkhead_sntp_set(BOOT, 0);
	assert_int_equal(wall_ns(tsc_now()) / NS_PER_S, BOOT);
}

static void test_small_differences_are_slewed(void **state)
{
	u64 now;
	s64 before, moved;
	u32 s, us;

	bulkhead_sntp_set(BOOT, 0);
	now = tsc_now();
	host_time_poll(now);
	bulkhead_sntp_get(&s, &us);
	us += 100000;
	before = offset;
	bulkhead_sntp_set(s + us / 1000000, us % 1000000);
	assert_int_equal(offset, before);
	assert_int_equal(host_time.steps, 1);
	/* 500 us a second, and no more than was to be made up. */
	host_time_poll(now + 1000000000);
	moved = offset - before;
	assert_true(moved > 0 && moved <= 500000);
	for (u64 i = 2; i < 400; i++)
		host_time_poll(now + i * 1000000000);
	moved = offset - before;
	assert_true(moved > 90000000 && moved < 101000000);
}

static void test_large_differences_are_set(void **state)
{
	bulkhead_sntp_set(BOOT, 0);
	bulkhead_sntp_set(BOOT + 5, 0);
	assert_int_equal(host_time.steps, 2);
	assert_true(ahead() > 4 && ahead() < 6);
}

static void test_nonsense(void **state)
{
	bulkhead_sntp_set(1000, 0);
	assert_false(host_time.known);
	bulkhead_sntp_set(BOOT, 0);
	bulkhead_sntp_set(BOOT + 100000, 0);
	bulkhead_sntp_set(BOOT - 100000, 0);
	assert_int_equal(host_time.refused, 3);
	assert_true(ahead() > -2 && ahead() < 2);
}

static void test_who_is_asked(void **state)
{
	struct plan_machine m = { 0 };

	host_time_begin(&m);
	assert_int_equal(started, 3);
	started = 0;
	m.net.ntp_given = true;
	host_time_begin(&m);
	assert_int_equal(started, 4);
	started = 0;
	m.net.ntp_count = 1;
	host_time_begin(&m);
	assert_int_equal(started, 5);
}

static void test_dates(void **state)
{
	char text[WALL_TEXT];

	assert_string_equal(wall_format(text, 0), "-");
	assert_string_equal(wall_format(text, 951782400ul * NS_PER_S + 5000000), "2000-02-29T00:00:00.005Z");
	assert_string_equal(wall_format(text, 1798761599ul * NS_PER_S), "2026-12-31T23:59:59.000Z");
	assert_string_equal(wall_format(text, 4107542400ul * NS_PER_S), "2100-03-01T00:00:00.000Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup(f, setup)
		TEST(test_first_answer_steps), TEST(test_machine_without_a_clock), TEST(test_small_differences_are_slewed),
		TEST(test_large_differences_are_set), TEST(test_nonsense), TEST(test_who_is_asked), TEST(test_dates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
