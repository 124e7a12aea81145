/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/drivers/model/pc_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* The PC as a whole: what is claimed, power-on, a storm of accesses to every port and width. */
#include "pc_fake.h"

#include <hv/lib.h>

static void test_claims(void **state)
{
	struct guest *g = *state;
	struct bus other;
	struct pc *pc = g->pc;

	assert_true(pc_size() == sizeof(struct pc));
	assert_int_equal(pc_build(g, pc), -E_BUSY);
	bus_init(&other);
	g->bus = other;
	((struct plan_guest *)(uintptr_t)g->plan)->test_device = false;
	assert_int_equal(pc_build(g, pc), 0);
	outb(g, 0xf4, 1);
	assert_int_equal(fake.ends, 0);
	assert_int_equal(g->bus.unclaimed[BUS_PORT], 1);
}

static void test_unclaimed_ports_read_ones(void **state)
{
	struct guest *g = *state;

	for (u32 port = 0; port < 65536; port++) {
		if (g->bus.port_owner[port])
			continue;
		assert_int_equal(in(g, port, 1), 0xff);
		assert_int_equal(in(g, port, 2), 0xffff);
		assert_int_equal(in(g, port, 4), 0xffffffff);
	}
}

static void test_sinks(void **state)
{
	struct guest *g = *state;
	u64 before = g->bus.unclaimed[BUS_PORT];

	outb(g, 0x80, 0x12);
	outb(g, 0xed, 0x12);
	assert_int_equal(inb(g, 0x80), 0xff);
	assert_int_equal(g->bus.unclaimed[BUS_PORT], before);
}

static void test_reset_is_power_on(void **state)
{
	struct guest *g = *state;
	struct pc *fresh = malloc(sizeof(*fresh));

	*fresh = *g->pc;
	for (u32 n = 0; n < 50000; n++) {
		u32 r = noise();
		u32 port = r & 0xfff;

		if (port != 0x71)		/* the RTC's distance is meant to stay */
			out(g, port, noise(), (u8)(1u << (r >> 12) % 3));
		fake.now += r >> 16;
		pc_run(g, fake.now);
	}
	pc_reset(g);
	fresh->rtc.seen = g->pc->rtc.seen;
	fresh->rtc.periodic_start = g->pc->rtc.periodic_start;
	fresh->pm.carries = g->pc->pm.carries;
	assert_memory_equal(fresh, g->pc, sizeof(*fresh));
	assert_true(g->device_deadline == UINT64_MAX);
	free(fresh);
}

static void check_invariants(const struct guest *g)
{
	const struct pc *pc = g->pc;

	assert_true(g->device_deadline == MIN(pc->pit.due, MIN(pc->rtc.due, MIN(pc->pm.due, pc->hpet.due))));
	assert_int_equal(pc->pic.told, vpic_output(&pc->pic));
	assert_int_equal(pc->lines & ~(BIT32(IRQ_COM1) | BIT32(IRQ_RTC) | BIT32(IRQ_SCI)), 0);
}

/* Every port of the models, all widths, in and out, while time passes and events come. */
static void test_random_operations(void **state)
{
	struct guest *g = *state;

	for (u32 n = 0; n < 500000; n++) {
		u32 r = noise();
		const struct bus_claim *c = &g->bus.claim[(r >> 8) % g->bus.claim_count];
		u64 addr = c->range.base + noise() % MAX(1ul, MIN(c->range.size, 64ul));
		struct io io = { .size = (u8)(1u << (r >> 16) % 4), .write = r >> 20 & 1, .val = noise() };

		if (c->range.space == BUS_PORT && io.size == 8)
			io.size = 1;
		if (r % 32 == 0)
			pc_event_power_button(g);
		else if (r % 32 == 1)
			pc_event_input(g);
		else if (r % 32 < 8)
			run_until(g, fake.now + noise() % FAKE_MS);
		else
			bus_access(&g->bus, c->range.space, addr, &io);
		check_invariants(g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_claims, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_unclaimed_ports_read_ones, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_sinks, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_reset_is_power_on, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_random_operations, fake_setup, fake_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
