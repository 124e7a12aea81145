/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/drivers/model/pc_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* The interval timer: counts derived from the TSC, its latches, channel 0's edges, port 61H. */
#include "pc_fake.h"

#include <hv/lib.h>

#define CONTROL 0x43
#define PORT61 0x61

static void load(struct guest *g, u32 channel, u32 mode, u32 count)
{
	outb(g, CONTROL, channel << 6 | 0x30 | mode << 1);
	outb(g, 0x40 + channel, count & 0xff);
	outb(g, 0x40 + channel, count >> 8 & 0xff);
}

static void pass_clocks(u64 clocks)
{
	fake.now += mul_div(clocks, FAKE_TSC_HZ, VPIT_HZ) + 2;
}

static u32 read16(struct guest *g, u32 channel)
{
	u32 low = inb(g, 0x40 + channel);

	return low | inb(g, 0x40 + channel) << 8;
}

/* Edges of IRQ 0 until the clock has moved by ticks. */
static u32 count_edges(struct guest *g, u64 ticks)
{
	u64 end = fake.now + ticks;
	u32 n = 0;

	outb(g, 0x20, 0x11);
	outb(g, 0x21, 0x20);
	outb(g, 0x21, 0x04);
	outb(g, 0x21, 0x03);		/* automatic EOI */
	while (fake.now < end) {
		run_until(g, end);
		if (pc_pic_output(g)) {
			assert_int_equal(pc_pic_acknowledge(g), 0x20);
			n++;
		}
	}
	return n;
}

static void test_nothing_runs_at_power_on(void **state)
{
	struct guest *g = *state;

	assert_true(g->device_deadline == UINT64_MAX);
	assert_int_equal(inb(g, CONTROL), 0xff);
	assert_int_equal(inb(g, 0x40), 0);
}

static void test_rate_generator_counts_down(void **state)
{
	struct guest *g = *state;

	load(g, 0, 2, 1000);
	assert_int_equal(read16(g, 0), 1000);
	pass_clocks(300);
	assert_int_equal(read16(g, 0), 700);
	pass_clocks(1000);
	assert_int_equal(read16(g, 0), 700);
	load(g, 0, 3, 1000);
	pass_clocks(300);
	assert_int_equal(read16(g, 0), 400);	/* square wave: by two */
}

static void test_250_hz(void **state)
{
	struct guest *g = *state;

	load(g, 0, 2, VPIT_HZ / 250);
	assert_in_range(count_edges(g, FAKE_TSC_HZ), 249, 251);
}

static void test_one_shot_interrupts_once(void **state)
{
	struct guest *g = *state;

	load(g, 0, 0, 1193);		/* 1 ms */
	assert_in_range(g->device_deadline - fake.now, FAKE_MS * 99 / 100, FAKE_MS * 101 / 100);
	assert_int_equal(count_edges(g, 500 * FAKE_MS), 1);
	assert_true(g->device_deadline == UINT64_MAX);
	load(g, 0, 4, 1193);
	assert_int_equal(count_edges(g, 500 * FAKE_MS), 1);
	load(g, 0, 1, 1193);		/* waits for a gate that never moves */
	assert_int_equal(count_edges(g, 500 * FAKE_MS), 0);
}

static void test_shortest_period_is_limited(void **state)
{
	struct guest *g = *state;

	load(g, 0, 2, 1);
	assert_in_range(count_edges(g, 100 * FAKE_MS), 900, 1001);
}

static void test_missed_edges_are_one(void **state)
{
	struct guest *g = *state;
	u64 start = fake.now;

	load(g, 0, 2, 11932);		/* 10 ms */
	fake.now = start + 1005 * FAKE_MS;
	pc_run(g, fake.now);
	assert_in_range(g->device_deadline, fake.now, fake.now + 10 * FAKE_MS);
	assert_in_range(g->device_deadline - start, 1010 * FAKE_MS - FAKE_MS / 4, 1010 * FAKE_MS + FAKE_MS / 4);
}

static void test_zero_is_the_largest_count(void **state)
{
	struct guest *g = *state;

	load(g, 0, 0, 0);
	pass_clocks(1);
	assert_int_equal(read16(g, 0), 65535);
	outb(g, CONTROL, 0x35);		/* BCD, mode 2 */
	outb(g, 0x40, 0);
	outb(g, 0x40, 0);
	pass_clocks(1);
	assert_int_equal(read16(g, 0), 0x9999);
}

static void test_latch_stays_until_read(void **state)
{
	struct guest *g = *state;

	load(g, 0, 2, 5000);
	pass_clocks(100);
	outb(g, CONTROL, 0x00);
	pass_clocks(1000);
	outb(g, CONTROL, 0x00);		/* ignored: the first is not read yet */
	assert_int_equal(read16(g, 0), 4900);
	assert_int_equal(read16(g, 0), 3900);
}

static void test_read_back(void **state)
{
	struct guest *g = *state;

	load(g, 0, 2, 5000);
	load(g, 2, 0, 4000);
	outb(g, CONTROL, 0xca);		/* status and count of 0 and 2 */
	assert_int_equal(inb(g, 0x40), 0xb4);
	assert_int_equal(read16(g, 0), 5000);
	assert_int_equal(inb(g, 0x42), 0x30);
	assert_int_equal(read16(g, 2), 4000);
	outb(g, CONTROL, 0xe4);		/* status of 1, which was never loaded */
	assert_int_equal(inb(g, 0x41) & 0x40, 0x40);
}

static void test_single_byte_access(void **state)
{
	struct guest *g = *state;

	outb(g, CONTROL, 0xa4);		/* channel 2, high byte, mode 2 */
	outb(g, 0x42, 0x12);
	assert_int_equal(g->pc->pit.channel[2].count, 0x1200);
	assert_int_equal(inb(g, 0x42), 0x12);
	outb(g, CONTROL, 0x94);
	outb(g, 0x42, 0x34);
	assert_int_equal(g->pc->pit.channel[2].count, 0x34);
	assert_int_equal(inb(g, 0x42), 0x34);
}

/* How Linux measures the TSC: channel 2 in mode 0, gate on, wait for OUT2. */
static void test_gate_and_out_of_channel_2(void **state)
{
	struct guest *g = *state;

	outb(g, PORT61, (inb(g, PORT61) & ~0x02u) | 0x01);
	assert_int_equal(inb(g, PORT61) & 0x03, 0x01);
	load(g, 2, 0, 11932);
	assert_int_equal(inb(g, PORT61) & 0x20, 0);
	fake.now += 9 * FAKE_MS;
	assert_int_equal(inb(g, PORT61) & 0x20, 0);
	fake.now += 2 * FAKE_MS;
	assert_int_equal(inb(g, PORT61) & 0x20, 0x20);
}

static void test_gate_holds_the_count(void **state)
{
	struct guest *g = *state;

	load(g, 2, 0, 10000);
	pass_clocks(500);
	assert_int_equal(read16(g, 2), 10000);
	outb(g, PORT61, 1);
	pass_clocks(500);
	outb(g, PORT61, 0);
	pass_clocks(500);
	assert_in_range(read16(g, 2), 9498, 9500);
	outb(g, PORT61, 1);
	pass_clocks(500);
	assert_in_range(read16(g, 2), 8998, 9000);
	load(g, 2, 1, 1000);			/* a one-shot starts with the gate's edge */
	assert_int_equal(inb(g, PORT61) & 0x20, 0x20);
	outb(g, PORT61, 0);
	outb(g, PORT61, 1);
	assert_int_equal(inb(g, PORT61) & 0x20, 0);
	pass_clocks(1001);
	assert_int_equal(inb(g, PORT61) & 0x20, 0x20);
}

static void test_refresh_bit_toggles(void **state)
{
	struct guest *g = *state;
	u32 changes = 0, last = inb(g, PORT61) & 0x10;

	for (u32 i = 0; i < 1000; i++) {
		u32 bit;

		fake.now += FAKE_US;
		bit = inb(g, PORT61) & 0x10;
		changes += bit != last;
		last = bit;
	}
	assert_in_range(changes, 64, 68);	/* each 15.085 us in 1 ms */
}

static void test_another_vcpu_moves_the_deadline(void **state)
{
	struct guest *g = *state;

	load(g, 0, 2, 20000);
	assert_true(core_private.vcpu.deadline == g->device_deadline);
	assert_int_equal(fake.requests[0], 0);
	core_private.vcpu.index = 2;
	load(g, 0, 2, 10000);			/* the control word ended the old one first */
	assert_int_equal(fake.requests[0], 1);
	assert_true(g->vcpu[0].requests & REQ_DEADLINE);
}

static void test_random_operations(void **state)
{
	struct guest *g = *state;

	for (u32 n = 0; n < 200000; n++) {
		u32 r = noise();

		if (r % 4 == 0)
			outb(g, 0x40 + (r >> 8 & 3), r >> 16 & 0xff);
		else if (r % 4 == 1)
			inb(g, 0x40 + (r >> 8 & 3));
		else if (r % 4 == 2)
			r >> 8 & 1 ? (void)inb(g, PORT61) : outb(g, PORT61, r >> 16 & 0xff);
		else
			run_until(g, fake.now + (r >> 8) % FAKE_MS);
		assert_true(g->pc->pit.due == UINT64_MAX || g->pc->pit.due + 100 * FAKE_MS >= fake.now);
		assert_true(g->device_deadline == MIN(g->pc->pit.due, MIN(g->pc->rtc.due, g->pc->pm.due)));
		assert_false(line(g, IRQ_PIT));
		for (u32 i = 0; i < 3; i++) {
			assert_true(g->pc->pit.channel[i].mode <= 5);
			assert_true(g->pc->pit.channel[i].count <= 65536);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing_runs_at_power_on, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_rate_generator_counts_down, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_250_hz, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_one_shot_interrupts_once, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_shortest_period_is_limited, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_missed_edges_are_one, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_zero_is_the_largest_count, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_latch_stays_until_read, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_read_back, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_single_byte_access, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_gate_and_out_of_channel_2, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_gate_holds_the_count, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_refresh_bit_toggles, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_another_vcpu_moves_the_deadline, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_random_operations, fake_setup, fake_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
