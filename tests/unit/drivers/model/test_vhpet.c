/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/drivers/model/pc_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* The HPET: counter, one-shot and periodic timers in 32 and 64 bits, edge and level, legacy replacement. */
#include "pc_fake.h"

#include <hv/lib.h>

#define T(test) cmocka_unit_test_setup_teardown(test, fake_setup, fake_teardown)
#define CONFIG 0x10
#define STATUS 0x20
#define COUNTER 0xf0
#define TIMER(n) (0x100 + 0x20 * (n))
#define CMP(n) (TIMER(n) + 8)
#define CLOCK (FAKE_TSC_HZ / VHPET_HZ)
#define LEVEL 2
#define INT 4
#define PERIODIC 8
#define SET 0x40
#define BITS32 0x100
#define ROUTE(pin) ((pin) << 9)

static u64 get(struct guest *g, u32 off, u8 size)
{
	struct io io = { .size = size };

	bus_access(&g->bus, BUS_MEMORY, VHPET_ADDRESS + off, &io);
	return size == 8 ? io.val : (u32)io.val;
}

static void put(struct guest *g, u32 off, u64 val, u8 size)
{
	struct io io = { .size = size, .val = val, .write = true };

	bus_access(&g->bus, BUS_MEMORY, VHPET_ADDRESS + off, &io);
}

/* Pin of the IOAPIC: vector to vcpu 0, edge or level; and whether it came. */
static void route(struct guest *g, u32 pin, u8 vector, bool level)
{
	g->pc->ioapic.redirection[pin] = vector | (level ? BIT(15) : 0);
}

static u32 came(struct guest *g, u8 vector)
{
	u64 bit = BIT(vector % 64), *word = &g->vcpu[0].posted[vector / 64];
	bool was = *word & bit;

	*word &= ~bit;
	return was;
}

static void test_registers(void **state)
{
	struct guest *g = *state;

	assert_true(get(g, 0, 8) == 0x009896808086a201);
	assert_int_equal(get(g, 4, 4), 10000000);
	put(g, CONFIG, 0xfffffffe, 4);
	assert_int_equal(get(g, CONFIG, 8), 2);
	put(g, TIMER(1), ~0ul, 8);
	assert_true(get(g, TIMER(1), 8) == 0x00f0000000003f7e);
	assert_int_equal(get(g, TIMER(3), 4), 0);
	assert_int_equal(get(g, 0, 2), 0xffffffff);
	assert_int_equal(get(g, 2, 4), 0xffffffff);
	assert_int_equal(get(g, 4, 8), 0xffffffffffffffff);
}

static void test_counter(void **state)
{
	struct guest *g = *state;

	assert_true(get(g, COUNTER, 8) == 0);
	put(g, COUNTER, 0xfffffffe, 8);
	fake.now += 1000 * CLOCK;
	assert_true(get(g, COUNTER, 8) == 0xfffffffe);
	put(g, CONFIG, 1, 4);
	fake.now += 3 * CLOCK;
	assert_true(get(g, COUNTER, 8) == 0x100000001);
	assert_int_equal(get(g, COUNTER + 4, 4), 1);
	put(g, CONFIG, 0, 4);
	fake.now += 1000 * CLOCK;
	assert_true(get(g, COUNTER, 8) == 0x100000001);
	put(g, COUNTER + 4, 7, 4);
	assert_true(get(g, COUNTER, 8) == 0x700000001);
}

static void test_one_shot(void **state)
{
	struct guest *g = *state;

	route(g, 20, 0x60, false);
	put(g, CONFIG, 1, 4);
	put(g, TIMER(0), INT | ROUTE(20), 4);
	put(g, CMP(0), get(g, COUNTER, 8) + 1000, 8);
	run_until(g, fake.now + 999 * CLOCK);
	assert_false(came(g, 0x60));
	run_until(g, fake.now + 2 * CLOCK);
	assert_true(came(g, 0x60));
	assert_int_equal(get(g, STATUS, 4), 0);
	assert_true(g->device_deadline == UINT64_MAX);
	put(g, CMP(0), get(g, COUNTER, 8) - 1, 8);		/* gone by: not within a lifetime */
	assert_true(g->device_deadline == UINT64_MAX);
	put(g, TIMER(0), INT | BITS32 | ROUTE(20), 4);		/* 32 bits: in 43 s */
	put(g, CMP(0), get(g, COUNTER, 4) - 1, 4);
	run_until(g, UINT64_MAX);
	assert_true(came(g, 0x60));
	assert_in_range(get(g, COUNTER, 8), 0xffffffff, 0x100001000);
}

static void test_periodic(void **state)
{
	struct guest *g = *state;
	u64 start;
	u32 n = 0;

	route(g, 2, 0x61, false);
	put(g, CONFIG, 3, 4);
	put(g, TIMER(0), INT | PERIODIC | SET | BITS32, 4);
	start = get(g, COUNTER, 8);
	put(g, CMP(0), start + 100000, 4);			/* 1 ms */
	put(g, CMP(0), 100000, 4);
	for (u64 end = fake.now + 100 * FAKE_MS + CLOCK * 10; fake.now < end;) {
		run_until(g, end);
		n += came(g, 0x61);
	}
	assert_int_equal(n, 100);
	fake.now += 10 * FAKE_MS + FAKE_MS / 2;			/* the core was away: one, and the phase is kept */
	pc_run(g, fake.now);
	assert_true(came(g, 0x61));
	run_until(g, fake.now + FAKE_MS);
	assert_true(came(g, 0x61));
	assert_in_range((get(g, COUNTER, 8) - start) % 100000, 0, 2);
	put(g, CMP(0), 1, 4);					/* far too fast: held to 100 us */
	n = 0;
	for (u64 end = fake.now + 10 * FAKE_MS; fake.now < end;) {
		run_until(g, end);
		n += came(g, 0x61);
	}
	assert_in_range(n, 50, 101);
}

/* The core was away, or the guest did not see to a level: what was missed comes in between, at twice the rate. */
static void test_late_ticks_are_made_up_for(void **state)
{
	struct guest *g = *state;
	u64 start;
	u32 n = 0;

	route(g, 2, 0x61, false);
	put(g, CONFIG, 3, 4);
	put(g, TIMER(0), INT | PERIODIC | SET | BITS32, 4);
	start = get(g, COUNTER, 8);
	put(g, CMP(0), start + 100000, 4);			/* 1 ms */
	put(g, CMP(0), 100000, 4);
	fake.now += 20 * FAKE_MS + FAKE_MS / 4;
	pc_run(g, fake.now);
	for (u64 end = fake.now + 80 * FAKE_MS; fake.now < end;) {
		n += came(g, 0x61);
		run_until(g, end);
	}
	n += came(g, 0x61);
	assert_in_range(n, 99, 101);
	assert_int_equal(g->pc->hpet.timer[0].owed, 0);
	fake.now += 3600 * FAKE_TSC_HZ;
	pc_run(g, fake.now);
	assert_int_equal(g->pc->hpet.timer[0].owed, 1000);	/* a second's worth */
	put(g, TIMER(0), 0, 4);
	assert_int_equal(g->pc->hpet.timer[0].owed, 0);
	route(g, 20, 0x62, true);
	put(g, TIMER(1), INT | LEVEL | PERIODIC | SET | BITS32 | ROUTE(20), 4);
	put(g, CMP(1), get(g, COUNTER, 8) + 100000, 4);
	put(g, CMP(1), 100000, 4);
	for (u64 end = fake.now + 10 * FAKE_MS + FAKE_MS / 2; fake.now < end;)
		run_until(g, end);
	assert_in_range(g->pc->hpet.timer[1].owed, 8, 10);
	for (n = 0; n < 9; n++) {
		put(g, STATUS, 2, 4);
		for (u64 end = fake.now + FAKE_MS; fake.now < end && !g->pc->hpet.status;)
			run_until(g, end);
		assert_int_equal(g->pc->hpet.status, 2);
	}
}

static void test_level(void **state)
{
	struct guest *g = *state;

	route(g, 21, 0x62, true);
	put(g, CONFIG, 1, 4);
	put(g, TIMER(2), INT | LEVEL | ROUTE(21), 4);
	put(g, CMP(2), get(g, COUNTER, 8) + 10, 8);
	run_until(g, UINT64_MAX);
	assert_true(came(g, 0x62));
	assert_int_equal(get(g, STATUS, 4), 4);
	irq_eoi_broadcast(g, 0x62);
	assert_true(came(g, 0x62));				/* still asserted */
	put(g, STATUS, 3, 4);
	assert_int_equal(get(g, STATUS, 4), 4);
	put(g, STATUS, 4, 4);
	irq_eoi_broadcast(g, 0x62);
	assert_false(came(g, 0x62));
	put(g, TIMER(2), INT | LEVEL | ROUTE(5), 4);		/* not a pin that it has */
	put(g, CMP(2), get(g, COUNTER, 8) + 10, 8);
	run_until(g, UINT64_MAX);
	assert_int_equal(g->pc->hpet_lines, 0);
}

static void test_legacy_replacement(void **state)
{
	struct guest *g = *state;

	route(g, 2, 0x63, false);
	outb(g, 0x43, 0x34);					/* PIT channel 0, mode 2, 1 ms */
	outb(g, 0x40, 0xa9);
	outb(g, 0x40, 0x04);
	run_until(g, fake.now + 2 * FAKE_MS);
	assert_true(came(g, 0x63));
	put(g, CONFIG, 3, 4);
	for (u32 i = 0; i < 10; i++)
		run_until(g, fake.now + FAKE_MS);
	assert_false(came(g, 0x63));				/* its line leads nowhere */
	put(g, CONFIG, 0, 4);
	run_until(g, fake.now + 2 * FAKE_MS);
	assert_true(came(g, 0x63));
}

static void test_storm(void **state)
{
	struct guest *g = *state;

	for (u32 i = 0; i < 200000; i++) {
		u32 r = noise(), off = (r >> 4 & 1 ? 0x100 : 0) + (r >> 8 & 0x7c);

		put(g, r & 1 ? off : r & 2 ? COUNTER : CONFIG,
		    r & 4 ? noise() : (u64)noise() << 32 | noise(), r & 8 ? 8 : 4);
		run_until(g, fake.now + noise());
		assert_true(g->pc->hpet.due > fake.now || g->pc->hpet.due <= fake.now + FAKE_MS);
		assert_int_equal(g->pc->hpet_lines & ~0xf00101u, 0);
	}
	pc_reset(g);
	assert_int_equal(g->pc->hpet_lines, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_registers), T(test_counter), T(test_one_shot), T(test_periodic), T(test_late_ticks_are_made_up_for), T(test_level),
		T(test_legacy_replacement), T(test_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
