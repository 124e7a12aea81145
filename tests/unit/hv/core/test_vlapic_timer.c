/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/drivers/model/pc_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* The local APIC's timer: 1 GHz counts, three modes, masks, limits, and the deadline that the core must keep. */
#include "../../drivers/model/pc_fake.h"

#define MASKED 0x10000u
#define PERIODIC 0x20000u
#define DEADLINE 0x40000u
#define TICKS_PER_COUNT (FAKE_TSC_HZ / VLAPIC_TIMER_HZ)
#define NEVER UINT64_MAX

static struct vcpu *v;

static int setup(void **state)
{
	fake_setup(state);
	v = fake_vcpu(1);
	vlapic_mmio_write(v, 0xf0, 0x1ff);
	vlapic_mmio_write(v, 0x3e0, 0xb);	/* divide by 1 */
	return 0;
}

static void lvt(u32 val)
{
	vlapic_mmio_write(v, 0x320, val);
}

static void start(u32 count)
{
	v->deadline = NEVER;
	vlapic_mmio_write(v, 0x380, count);
}

static u32 current(void)
{
	return vlapic_mmio_read(v, 0x390);
}

/* Lets ticks pass, calling the timer exactly when it asks for it; how often did vector come? */
static u32 run(u64 ticks, u8 vector)
{
	u64 end = fake.now + ticks;
	u32 n = 0;

	while (fake.now < end) {
		u64 next = vlapic_timer_next(v);

		fake.now = next < end ? next : end;
		vlapic_timer_run(v, fake.now);
		if (vlapic_pending(v) == vector) {
			vlapic_accept(v, vector);
			vlapic_mmio_write(v, 0xb0, 0);
			n++;
		}
	}
	return n;
}

static void test_one_shot(void **state)
{
	lvt(0x40);
	start(1000);
	assert_true(vlapic_timer_next(v) == fake.now + 1000 * TICKS_PER_COUNT);
	assert_true(v->deadline == vlapic_timer_next(v));
	assert_int_equal(current(), 1000);
	fake.now += 400 * TICKS_PER_COUNT;
	assert_int_equal(current(), 600);
	vlapic_timer_run(v, fake.now);
	assert_int_equal(vlapic_pending(v), -1);
	assert_int_equal(run(FAKE_TSC_HZ, 0x40), 1);
	assert_int_equal(current(), 0);
	assert_true(vlapic_timer_next(v) == NEVER);
	assert_int_equal(vlapic_mmio_read(v, 0x380), 1000);
}

static void test_stop(void **state)
{
	lvt(0x40);
	start(1000);
	start(0);
	assert_true(vlapic_timer_next(v) == NEVER);
	assert_int_equal(current(), 0);
	assert_int_equal(run(FAKE_TSC_HZ, 0x40), 0);
}

static void test_periodic(void **state)
{
	lvt(PERIODIC | 0x40);
	start(4000000);			/* 250 Hz */
	assert_int_equal(run(FAKE_TSC_HZ, 0x40), 250);
	assert_in_range(current(), 1, 4000000);
}

static void test_divide(void **state)
{
	static const u32 code[8] = { 0xb, 0x0, 0x1, 0x2, 0x3, 0x8, 0x9, 0xa };

	lvt(0x40);
	for (u32 shift = 0; shift < 8; shift++) {
		vlapic_mmio_write(v, 0x3e0, code[shift]);
		start(1000);
		assert_true(vlapic_timer_next(v) - fake.now == (1000 * TICKS_PER_COUNT) << shift);
		assert_int_equal(current(), 1000);
	}
	vlapic_mmio_write(v, 0x3e0, 0xb);	/* the count goes on from where it is */
	assert_int_equal(current(), 1000);
	assert_true(vlapic_timer_next(v) - fake.now == 1000 * TICKS_PER_COUNT);
}

static void test_longest_count(void **state)
{
	lvt(0x40);
	vlapic_mmio_write(v, 0x3e0, 0xa);
	start(0xffffffff);
	assert_true(vlapic_timer_next(v) - fake.now == 0xfffffffful * 128 * TICKS_PER_COUNT);
	assert_int_equal(current(), 0xffffffff);
}

/* I4: count 1, periodic. */
static void test_shortest_period_is_limited(void **state)
{
	lvt(PERIODIC | 0x40);
	start(1);
	assert_in_range(run(FAKE_MS, 0x40), 45, 50);	/* 20 us */
	assert_in_range(current(), 0, 1);
}

static void test_missed_periods_are_one(void **state)
{
	u64 begin = fake.now;

	lvt(PERIODIC | 0x40);
	start(1000000);
	fake.now += 10 * FAKE_MS + FAKE_MS / 2;
	assert_int_equal(current(), 500000);		/* also before anybody ran the timer */
	vlapic_timer_run(v, fake.now);
	assert_int_equal(vlapic_pending(v), 0x40);
	assert_true(vlapic_timer_next(v) == begin + 11 * FAKE_MS);
}

static void test_masked(void **state)
{
	lvt(MASKED | PERIODIC | 0x40);
	start(1000000);
	assert_true(vlapic_timer_next(v) == NEVER);	/* nobody has to wake up for it */
	assert_true(v->deadline == NEVER);
	fake.now += 5 * FAKE_MS + FAKE_MS / 4;
	assert_int_equal(current(), 750000);
	lvt(PERIODIC | 0x40);
	assert_int_equal(vlapic_pending(v), -1);	/* what expired while masked is gone */
	assert_true(vlapic_timer_next(v) == fake.now + FAKE_MS * 3 / 4);
	assert_true(v->deadline == vlapic_timer_next(v));
}

static void test_tsc_deadline(void **state)
{
	u64 val;

	assert_true(vlapic_msr_write(v, 0x6e0, 123));	/* another mode: ignored */
	assert_true(vlapic_msr_read(v, 0x6e0, &val));
	assert_true(val == 0);
	v->tsc_offset = 0 - 4 * FAKE_TSC_HZ;
	lvt(DEADLINE | 0x41);
	start(1000);					/* ignored here */
	assert_int_equal(vlapic_mmio_read(v, 0x380), 0);
	assert_true(vlapic_timer_next(v) == NEVER);
	assert_true(vlapic_msr_write(v, 0x6e0, FAKE_TSC_HZ + 5000));
	assert_true(vlapic_timer_next(v) == fake.now + 5000);
	assert_true(v->deadline == fake.now + 5000);
	assert_int_equal(current(), 0);
	assert_true(vlapic_msr_read(v, 0x6e0, &val));
	assert_true(val == FAKE_TSC_HZ + 5000);
	assert_int_equal(run(10000, 0x41), 1);
	assert_true(vlapic_msr_read(v, 0x6e0, &val));
	assert_true(val == 0);
}

static void test_tsc_deadline_edges(void **state)
{
	lvt(DEADLINE | 0x41);
	vlapic_msr_write(v, 0x6e0, 1);			/* long ago: at once */
	assert_int_equal(run(1, 0x41), 1);
	vlapic_msr_write(v, 0x6e0, UINT64_MAX);
	assert_true(vlapic_timer_next(v) > fake.now + FAKE_TSC_HZ);
	v->tsc_offset = 0 - fake.now;
	vlapic_msr_write(v, 0x6e0, UINT64_MAX);		/* host time would wrap */
	assert_true(vlapic_timer_next(v) > fake.now + FAKE_TSC_HZ);
	assert_int_equal(run(FAKE_TSC_HZ, 0x41), 0);
	vlapic_msr_write(v, 0x6e0, 0);
	assert_true(vlapic_timer_next(v) == NEVER);
}

static void test_offset_moves_a_deadline(void **state)
{
	lvt(DEADLINE | 0x41);
	vlapic_msr_write(v, 0x6e0, fake.now + 9000);
	v->tsc_offset += 4000;
	vlapic_tsc_moved(v, 4000);
	assert_true(vlapic_timer_next(v) == fake.now + 5000);
	lvt(0x41);
	start(1000);
	v->tsc_offset += 4000;
	vlapic_tsc_moved(v, 4000);
	assert_true(vlapic_timer_next(v) == fake.now + 1000 * TICKS_PER_COUNT);
}

static void test_mode_changes_disarm(void **state)
{
	lvt(DEADLINE | 0x41);
	vlapic_msr_write(v, 0x6e0, fake.now + 9000);
	lvt(PERIODIC | 0x41);
	assert_true(vlapic_timer_next(v) == NEVER);
	assert_int_equal(current(), 0);
	start(1000000);
	lvt(DEADLINE | 0x41);
	assert_true(vlapic_timer_next(v) == NEVER);
	lvt(0x41);
	start(1000000);
	lvt(PERIODIC | 0x41);				/* between the counting modes it goes on */
	assert_int_equal(run(10 * FAKE_MS, 0x41), 10);
}

static void test_reset_disarms(void **state)
{
	lvt(0x40);
	start(1000);
	vlapic_reset(v, true);
	assert_true(vlapic_timer_next(v) == NEVER);
	assert_int_equal(current(), 0);
}

static void test_illegal_vector(void **state)
{
	lvt(0x05);
	start(1000);
	assert_int_equal(run(FAKE_MS, 0x05), 0);
	vlapic_mmio_write(v, 0x280, 0);
	assert_int_equal(vlapic_mmio_read(v, 0x280), 0x40);
}

/* Other TSC rates: the derived count never leaves its range, the rate stays within 0.01 %. */
static void test_rates(void **state)
{
	static const u64 rate[] = { 50000000, 999999999, 1000000000, 2893202000, 6000000000 };

	for (u32 i = 0; i < ARRAY_COUNT(rate); i++) {
		u64 ticks;

		timebase.tsc_hz = rate[i];
		vlapic_reset(v, false);
		vlapic_mmio_write(v, 0xf0, 0x1ff);
		vlapic_mmio_write(v, 0x3e0, 0xb);
		lvt(0x40);
		start(1000000000);
		ticks = vlapic_timer_next(v) - fake.now;
		assert_in_range(ticks, rate[i] - rate[i] / 10000, rate[i] + rate[i] / 10000);
		fake.now += ticks / 2;
		assert_in_range(current(), 499950000, 500050000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_shot, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_stop, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_periodic, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_divide, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_longest_count, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_shortest_period_is_limited, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_missed_periods_are_one, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_masked, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_tsc_deadline, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_tsc_deadline_edges, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_offset_moves_a_deadline, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_mode_changes_disarm, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_reset_disarms, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_illegal_vector, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_rates, setup, fake_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
