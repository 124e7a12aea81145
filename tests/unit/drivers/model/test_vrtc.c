/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/drivers/model/pc_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* The real-time clock: its time is the machine's, setting it keeps a distance, alarm and periodic interrupts, NVRAM. */
#include "pc_fake.h"

#include "../../../../drivers/model/calendar.h"

#include <time.h>

#include <hv/lib.h>

#define REG_A 0x0a
#define REG_B 0x0b
#define REG_C 0x0c
#define B_SET 0x80

static u32 get(struct guest *g, u32 reg)
{
	outb(g, 0x70, reg);
	return inb(g, 0x71);
}

static void set(struct guest *g, u32 reg, u32 val)
{
	outb(g, 0x70, reg);
	outb(g, 0x71, val);
}

static void assert_time(struct guest *g, u32 century, u32 year, u32 month, u32 day, u32 hour, u32 minute, u32 second)
{
	assert_int_equal(get(g, 0x32), century);
	assert_int_equal(get(g, 9), year);
	assert_int_equal(get(g, 8), month);
	assert_int_equal(get(g, 7), day);
	assert_int_equal(get(g, 4), hour);
	assert_int_equal(get(g, 2), minute);
	assert_int_equal(get(g, 0), second);
}

static void test_calendar_agrees_with_the_host(void **state)
{
	for (u32 n = 0; n < 200000; n++) {
		s64 t = (s64)(((u64)noise() << 8 | (noise() & 0xff)) % 250000000000ul) - 62135596800;	/* year 1 on */
		time_t host = (time_t)t;
		struct date d = calendar_date(t);
		struct tm tm;

		gmtime_r(&host, &tm);
		assert_int_equal(d.year, tm.tm_year + 1900);
		assert_int_equal(d.month, tm.tm_mon + 1);
		assert_int_equal(d.day, tm.tm_mday);
		assert_int_equal(d.hour, tm.tm_hour);
		assert_int_equal(d.minute, tm.tm_min);
		assert_int_equal(d.second, tm.tm_sec);
		assert_int_equal(d.weekday, tm.tm_wday + 1);
		assert_int_equal(calendar_seconds(&d), t);
	}
}

static void test_time_of_the_machine(void **state)
{
	struct guest *g = *state;

	assert_time(g, 0x20, 0x23, 0x11, 0x14, 0x22, 0x13, 0x25);	/* five seconds after FAKE_WALL */
	assert_int_equal(get(g, 6), 3);
	fake.now += 2 * 3600 * FAKE_TSC_HZ;
	assert_time(g, 0x20, 0x23, 0x11, 0x15, 0x00, 0x13, 0x25);
	assert_int_equal(get(g, 0x0d), 0x80);
	set(g, 0x0d, 0);
	assert_int_equal(get(g, 0x0d), 0x80);
}

static void test_binary_and_12_hours(void **state)
{
	struct guest *g = *state;

	set(g, REG_B, 0x06);
	assert_time(g, 20, 23, 11, 14, 22, 13, 25);
	set(g, REG_B, 0x00);
	assert_int_equal(get(g, 4), 0x90);	/* 10 pm */
	fake.now += 2 * 3600 * FAKE_TSC_HZ;
	assert_int_equal(get(g, 4), 0x12);	/* midnight */
	fake.now += 12 * 3600 * FAKE_TSC_HZ;
	assert_int_equal(get(g, 4), 0x92);	/* noon */
}

static void test_unknown_wall_clock(void **state)
{
	struct guest *g = *state;

	timebase.wall_seconds = 0;
	assert_int_equal(get(g, 0x32), 0x20);
	assert_int_equal(get(g, 9), 0x00);
}

static void test_setting_keeps_a_distance(void **state)
{
	struct guest *g = *state;

	set(g, REG_B, 0x82);
	set(g, 9, 0x31);
	set(g, 8, 0x02);
	set(g, 7, 0x28);
	set(g, 4, 0x23);
	set(g, 2, 0x59);
	set(g, 0, 0x58);
	fake.now += 60 * FAKE_TSC_HZ;		/* stopped meanwhile */
	assert_int_equal(get(g, 0), 0x58);
	set(g, REG_B, 0x02);
	fake.now += FAKE_TSC_HZ;
	assert_time(g, 0x20, 0x31, 0x02, 0x28, 0x23, 0x59, 0x59);
	fake.now += FAKE_TSC_HZ;
	assert_time(g, 0x20, 0x31, 0x03, 0x01, 0x00, 0x00, 0x00);
	pc_reset(g);				/* the battery keeps it */
	assert_time(g, 0x20, 0x31, 0x03, 0x01, 0x00, 0x00, 0x00);
}

static void test_setting_without_stopping(void **state)
{
	struct guest *g = *state;

	set(g, 2, 0x40);
	assert_time(g, 0x20, 0x23, 0x11, 0x14, 0x22, 0x40, 0x25);
}

static void test_nonsense_is_a_date(void **state)
{
	struct guest *g = *state;

	set(g, REG_B, 0x82);
	for (u32 reg = 0; reg < 10; reg++)
		set(g, reg, 0xff);
	set(g, 0x32, 0xff);
	set(g, REG_B, 0x02);
	for (u32 reg = 0; reg < 10; reg++)
		get(g, reg);
	set(g, REG_B, 0x82);
	for (u32 reg = 0; reg < 10; reg++)
		set(g, reg, 0);
	set(g, REG_B, 0x02);
	assert_int_equal(get(g, 8), 0x11);	/* day 0 of month 0: the last of the November before */
	assert_int_equal(get(g, 7), 0x30);
}

static void test_update_in_progress(void **state)
{
	struct guest *g = *state;

	assert_int_equal(get(g, REG_A), 0x26);
	fake.now = 7 * FAKE_TSC_HZ - 100 * FAKE_US;
	assert_int_equal(get(g, REG_A), 0xa6);
	fake.now = 7 * FAKE_TSC_HZ;
	assert_int_equal(get(g, REG_A), 0x26);
}

static void test_update_interrupt(void **state)
{
	struct guest *g = *state;

	fake.now += FAKE_TSC_HZ / 3;
	set(g, REG_B, 0x12);
	assert_true(g->device_deadline == 6 * FAKE_TSC_HZ);
	run_until(g, UINT64_MAX);
	assert_true(line(g, IRQ_RTC));
	assert_true(g->device_deadline == UINT64_MAX);	/* nothing more before C is read */
	assert_int_equal(get(g, REG_C) & ~0x40u, 0x90);	/* the periodic flag rises without its enable too */
	assert_false(line(g, IRQ_RTC));
	assert_int_equal(get(g, REG_C), 0);
	assert_true(g->device_deadline == 7 * FAKE_TSC_HZ);
	set(g, REG_B, 0x92);				/* SET ends it */
	assert_int_equal(get(g, REG_B), 0x82);
	assert_true(g->device_deadline == UINT64_MAX);
}

static void test_polled_flags(void **state)
{
	struct guest *g = *state;

	get(g, REG_C);
	fake.now += FAKE_TSC_HZ;
	assert_int_equal(get(g, REG_C), 0x50);		/* update and periodic, no interrupt */
	assert_false(line(g, IRQ_RTC));
}

static void test_alarm(void **state)
{
	struct guest *g = *state;
	u64 start = fake.now;

	set(g, 5, 0x23);
	set(g, 3, 0x00);
	set(g, 1, 0x10);
	set(g, REG_B, 0x22);
	assert_true(g->device_deadline == start + (46 * 60 + 45) * FAKE_TSC_HZ);
	run_until(g, UINT64_MAX);
	assert_true(line(g, IRQ_RTC));
	assert_int_equal(get(g, REG_C) & 0xb0, 0xb0);
	assert_true(g->device_deadline == fake.now + 86400 * FAKE_TSC_HZ);	/* tomorrow */
	set(g, 5, 0xff);
	set(g, 3, 0xff);
	assert_true(g->device_deadline == fake.now + 60 * FAKE_TSC_HZ);		/* each minute at :10 */
	set(g, 1, 0xc0);
	assert_true(g->device_deadline == fake.now + FAKE_TSC_HZ);
	set(g, 1, 0x75);							/* there is no such second */
	assert_true(g->device_deadline == UINT64_MAX);
}

/* Nobody may search the whole day for a time that never comes, at each access: this test would take minutes. */
static void test_alarm_that_never_comes_is_cheap(void **state)
{
	static const u8 alarm[][3] = { { 0x75, 0xff, 0xff }, { 0xff, 0x60, 0xff }, { 0xff, 0xff, 0x24 }, { 0x60, 0x60, 0x77 } };
	struct guest *g = *state;

	for (u32 i = 0; i < ARRAY_COUNT(alarm); i++) {
		set(g, REG_B, 0x02);
		for (u32 k = 0; k < 3; k++)
			set(g, 2 * k + 1, alarm[i][k]);
		for (u32 n = 0; n < 20000; n++)
			set(g, REG_B, 0x22);
		assert_true(g->device_deadline == UINT64_MAX);
	}
	set(g, 5, 0x23);
	set(g, 3, 0x59);
	set(g, 1, 0x59);							/* the last of each is one */
	assert_true(g->device_deadline != UINT64_MAX);
}

static void test_periodic(void **state)
{
	struct guest *g = *state;
	u64 start = fake.now;
	u32 n = 0;

	set(g, REG_B, 0x42);
	while (fake.now < start + FAKE_TSC_HZ) {
		run_until(g, start + FAKE_TSC_HZ);
		n += (get(g, REG_C) & 0xc0) == 0xc0;
	}
	assert_in_range(n, 1023, 1025);
	set(g, REG_A, 0x21);				/* rate 1 is 256 Hz */
	assert_in_range(g->device_deadline - fake.now, FAKE_TSC_HZ / 257, FAKE_TSC_HZ / 256);
	set(g, REG_A, 0x23);				/* the fastest: 8192 Hz */
	assert_in_range(g->device_deadline - fake.now, FAKE_TSC_HZ / 8193, FAKE_TSC_HZ / 8192 + 1);
	set(g, REG_A, 0x20);
	assert_true(g->device_deadline == UINT64_MAX);
}

/* Too late for half a second of ticks: they come at twice the rate, then all is as before; an hour of them: a second's worth. */
static void test_late_ticks_are_made_up_for(void **state)
{
	struct guest *g = *state;
	u64 start = fake.now;
	u32 n = 0;

	set(g, REG_B, 0x42);
	fake.now += FAKE_TSC_HZ / 2;
	while (fake.now < start + 2 * FAKE_TSC_HZ) {
		n += (get(g, REG_C) & 0xc0) == 0xc0;
		run_until(g, start + 2 * FAKE_TSC_HZ);
		assert_true(fake.now < start + FAKE_TSC_HZ || n >= 510);
		if (fake.now < start + FAKE_TSC_HZ / 2 + FAKE_TSC_HZ / 10)
			assert_true(n < 300);			/* no storm */
	}
	assert_in_range(n, 2045, 2049);
	assert_int_equal(g->pc->rtc.owed, 0);
	fake.now += 3600 * FAKE_TSC_HZ;
	get(g, REG_C);
	assert_in_range(g->pc->rtc.owed, 1000, 1024);
	set(g, REG_B, 0x02);				/* nobody wants them any more */
	assert_int_equal(g->pc->rtc.owed, 0);
}

static void test_nvram(void **state)
{
	struct guest *g = *state;

	assert_int_equal(get(g, 0x15) | get(g, 0x16) << 8, 640);
	assert_int_equal(get(g, 0x17) | get(g, 0x18) << 8, 0xffff);
	assert_int_equal(get(g, 0x30) | get(g, 0x31) << 8, 0xffff);
	assert_int_equal(get(g, 0x34) | get(g, 0x35) << 8, (3 * GiB - 16 * MiB) >> 16);
	assert_int_equal(get(g, 0x5b) | get(g, 0x5c) << 8 | get(g, 0x5d) << 16, (5 * GiB) >> 16);
	assert_int_equal(get(g, 0x5f), FAKE_VCPUS - 1);
	set(g, 0xff, 0x77);				/* the NMI bit is no part of the index */
	assert_int_equal(get(g, 0x7f), 0x77);
	assert_int_equal(inb(g, 0x70), 0xff);
	assert_int_equal(in(g, 0x70, 2), 0xffff);
}

static void test_random_operations(void **state)
{
	struct guest *g = *state;

	for (u32 n = 0; n < 200000; n++) {
		const struct vrtc *r = &g->pc->rtc;
		u32 x = noise();

		if (x % 4 == 0)
			outb(g, 0x70, x >> 8 & (x >> 16 & 1 ? 0x0f : 0xff));
		else if (x % 4 == 1)
			outb(g, 0x71, x >> 8 & 0xff);
		else if (x % 4 == 2)
			inb(g, 0x71);
		else
			run_until(g, fake.now + noise() % (4 * FAKE_TSC_HZ));
		assert_int_equal(line(g, IRQ_RTC), (r->ram[REG_B] & r->ram[REG_C] & 0x70) != 0);
		assert_true(g->device_deadline == MIN(g->pc->pit.due, MIN(r->due, g->pc->pm.due)));
		assert_true(r->due >= fake.now);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_calendar_agrees_with_the_host, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_time_of_the_machine, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_binary_and_12_hours, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_unknown_wall_clock, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_setting_keeps_a_distance, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_setting_without_stopping, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_nonsense_is_a_date, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_update_in_progress, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_update_interrupt, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_polled_flags, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_alarm, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_alarm_that_never_comes_is_cheap, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_periodic, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_late_ticks_are_made_up_for, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_nvram, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_random_operations, fake_setup, fake_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
