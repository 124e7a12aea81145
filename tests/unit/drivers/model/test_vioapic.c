/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/drivers/model/pc_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* The IOAPIC: registers, edges, levels with remote IRR, destinations; messages reach the right vcpus. */
#include "pc_fake.h"

#define PIN 11
#define MASKED 0x10000u
#define LEVEL 0x8000u
#define LOGICAL 0x800u
#define REMOTE_IRR 0x4000u

static u32 mmio(struct guest *g, u64 off, bool write, u32 val, u8 size)
{
	struct io io = { .size = size, .write = write, .val = val };

	bus_access(&g->bus, BUS_MEMORY, VIOAPIC_ADDRESS + off, &io);
	return (u32)io.val;
}

static u32 get(struct guest *g, u32 reg)
{
	mmio(g, 0, true, reg, 4);
	return mmio(g, 0x10, false, 0, 4);
}

static void set(struct guest *g, u32 reg, u32 val)
{
	mmio(g, 0, true, reg, 4);
	mmio(g, 0x10, true, val, 4);
}

static void redirect(struct guest *g, u32 pin, u32 low, u32 high)
{
	set(g, 0x11 + 2 * pin, high);
	set(g, 0x10 + 2 * pin, low);
}

/* Was vector posted to vcpu? Takes it. */
static bool take(struct guest *g, u32 vcpu, u8 vector)
{
	u64 bit = BIT(vector & 63), *word = &g->vcpu[vcpu].posted[vector >> 6];
	bool was = *word & bit;

	*word &= ~bit;
	return was;
}

static void test_registers(void **state)
{
	struct guest *g = *state;

	assert_int_equal(get(g, 1), 0x00170020);
	set(g, 0, 0xffffffff);
	assert_int_equal(get(g, 0), 0x0f000000);
	assert_int_equal(get(g, 2), 0x0f000000);
	for (u32 pin = 0; pin < 24; pin++)
		assert_int_equal(get(g, 0x10 + 2 * pin), MASKED);
	assert_int_equal(get(g, 0x40), 0xffffffff);
	assert_int_equal(get(g, 0xff), 0xffffffff);
	set(g, 0xff, 0);
	set(g, 0x40, 0);
	redirect(g, 23, 0xffffffff, 0xffffffff);
	assert_int_equal(get(g, 0x10 + 46), 0x1afff);
	assert_int_equal(get(g, 0x11 + 46), 0xfffe0000);
}

static void test_sizes_and_offsets(void **state)
{
	struct guest *g = *state;

	mmio(g, 0, true, 1, 1);			/* the index takes any size */
	assert_int_equal(mmio(g, 0x10, false, 0, 4), 0x00170020);
	assert_int_equal(mmio(g, 0x10, false, 0, 1), 0xffffffff);
	assert_int_equal(mmio(g, 0x14, false, 0, 4), 0xffffffff);
	assert_int_equal(mmio(g, 0xffc, false, 0, 4), 0xffffffff);
	assert_int_equal(mmio(g, 0x40, false, 0, 4), 0xffffffff);
	assert_int_equal(mmio(g, 0xffe, false, 0, 4), 0xffffffff);
}

static void test_edge(void **state)
{
	struct guest *g = *state;

	irq_set(g, PIN, true);			/* masked: lost */
	redirect(g, PIN, 0x31, 1u << 24);
	assert_false(take(g, 1, 0x31));
	irq_set(g, PIN, false);
	irq_set(g, PIN, true);
	assert_true(take(g, 1, 0x31));
	assert_false(take(g, 0, 0x31));
	assert_int_equal(g->vcpu[1].posted_level[0], 0);
	assert_true(g->vcpu[1].requests & REQ_POSTED);
	assert_int_equal(get(g, 0x10 + 2 * PIN), 0x31);
	irq_set(g, PIN, true);			/* no edge */
	assert_false(take(g, 1, 0x31));
}

static void test_level_waits_for_eoi(void **state)
{
	struct guest *g = *state;
	struct vcpu *v = fake_vcpu(0);

	vlapic_wire_as_firmware(v);
	redirect(g, PIN, LEVEL | 0x41, 0);
	irq_set(g, PIN, true);
	assert_true(g->vcpu[0].posted_level[1] & BIT(1));
	vlapic_take_posted(v);
	assert_int_equal(get(g, 0x10 + 2 * PIN), LEVEL | REMOTE_IRR | 0x41);
	irq_set(g, PIN, false);
	irq_set(g, PIN, true);
	assert_false(take(g, 0, 0x41));		/* one at a time */
	vlapic_accept(v, 0x41);
	vlapic_mmio_write(v, 0xb0, 0);		/* the local EOI reaches the IOAPIC: high, so again */
	assert_true(take(g, 0, 0x41));
	irq_set(g, PIN, false);
	mmio(g, 0x40, true, 0x41, 4);		/* the EOI register does the same */
	assert_int_equal(get(g, 0x10 + 2 * PIN), LEVEL | 0x41);
	assert_false(take(g, 0, 0x41));
}

static void test_level_unmasked_while_high(void **state)
{
	struct guest *g = *state;

	redirect(g, PIN, MASKED | LEVEL | 0x41, 0);
	irq_set(g, PIN, true);
	assert_false(take(g, 0, 0x41));
	set(g, 0x10 + 2 * PIN, LEVEL | 0x41);
	assert_true(take(g, 0, 0x41));
	set(g, 0x10 + 2 * PIN, MASKED | 0x41);	/* to edge: remote IRR is cleared */
	assert_int_equal(get(g, 0x10 + 2 * PIN), MASKED | 0x41);
}

static void test_undelivered_level_is_not_stuck(void **state)
{
	struct guest *g = *state;

	redirect(g, PIN, LEVEL | 0x41, 77u << 24);
	irq_set(g, PIN, true);
	assert_int_equal(get(g, 0x10 + 2 * PIN), LEVEL | 0x41);
	redirect(g, PIN, LEVEL | 0x41, 2u << 24);
	assert_true(take(g, 2, 0x41));
}

static void test_pit_is_on_pin_2(void **state)
{
	struct guest *g = *state;

	redirect(g, 0, 0x50, 0);
	redirect(g, 2, 0x52, 0);
	irq_set(g, IRQ_PIT, true);
	assert_true(take(g, 0, 0x52));
	assert_false(take(g, 0, 0x50));
}

static void test_logical_and_lowest(void **state)
{
	struct guest *g = *state;
	u32 seen[FAKE_VCPUS] = { 0 };

	for (u32 i = 0; i < FAKE_VCPUS; i++) {
		vlapic_wire_as_firmware(fake_vcpu(i));
		vlapic_mmio_write(fake_vcpu(i), 0xd0, 0x01000000u << i);
	}
	redirect(g, PIN, LOGICAL | 0x61, 0x0au << 24);
	irq_set(g, PIN, true);
	for (u32 i = 0; i < FAKE_VCPUS; i++)
		assert_int_equal(take(g, i, 0x61), i == 1 || i == 3);
	redirect(g, PIN, LOGICAL | 0x100 | 0x62, 0x0fu << 24);
	for (u32 n = 0; n < 8; n++) {
		irq_set(g, PIN, false);
		irq_set(g, PIN, true);
		for (u32 i = 0; i < FAKE_VCPUS; i++)
			seen[i] += take(g, i, 0x62);
	}
	for (u32 i = 0; i < FAKE_VCPUS; i++)
		assert_int_equal(seen[i], 2);	/* each time exactly one, in turn */
	vlapic_mmio_write(fake_vcpu(2), 0xf0, 0xff);
	for (u32 n = 0; n < 8; n++) {
		irq_set(g, PIN, false);
		irq_set(g, PIN, true);
	}
	assert_false(take(g, 2, 0x62));		/* software disabled: never chosen */
}

static void test_broadcast_and_extended_destination(void **state)
{
	struct guest *g = *state;

	redirect(g, PIN, 0x71, 0xffu << 24);
	irq_set(g, PIN, true);
	for (u32 i = 0; i < FAKE_VCPUS; i++)
		assert_true(take(g, i, 0x71));
	redirect(g, PIN, 0x72, 1u << 24 | 1u << 17);	/* 0x101, not 1 */
	irq_set(g, PIN, false);
	irq_set(g, PIN, true);
	assert_false(take(g, 1, 0x72));
}

static void test_other_delivery_modes(void **state)
{
	struct guest *g = *state;

	redirect(g, PIN, LEVEL | 0x400, 1u << 24);	/* NMI: level means nothing */
	irq_set(g, PIN, true);
	assert_true(g->vcpu[1].requests & REQ_NMI);
	assert_int_equal(get(g, 0x10 + 2 * PIN), LEVEL | 0x400);
	g->vcpu[1].requests = 0;
	irq_set(g, PIN, false);
	redirect(g, PIN, 0x200, 1u << 24);		/* SMI */
	irq_set(g, PIN, true);
	irq_set(g, PIN, false);
	redirect(g, PIN, 0x700, 1u << 24);		/* ExtINT */
	irq_set(g, PIN, true);
	assert_int_equal(g->vcpu[1].requests, 0);
}

static void test_no_second_kick_for_a_posted_vector(void **state)
{
	struct guest *g = *state;

	redirect(g, PIN, 0x31, 1u << 24);
	for (u32 n = 0; n < 10; n++) {
		irq_set(g, PIN, true);
		irq_set(g, PIN, false);
	}
	assert_int_equal(fake.requests[1], 1);
}

static void test_random_operations(void **state)
{
	struct guest *g = *state;

	for (u32 n = 0; n < 200000; n++) {
		const struct vioapic *a = &g->pc->ioapic;
		u32 r = noise();

		if (r % 4 == 0)
			irq_set(g, 3 + (r >> 8) % 21, r >> 16 & 1);
		else if (r % 4 == 1)
			mmio(g, (r >> 8 & 7) * 0x10, r >> 11 & 1, noise(), (u8)(1u << (r >> 12 & 3)));
		else if (r % 4 == 2)
			set(g, r >> 8 & 0x3f, noise() & (r >> 15 & 1 ? ~0u : ~MASKED));
		else
			irq_eoi_broadcast(g, (u8)(r >> 8));
		for (u32 pin = 0; pin < VIOAPIC_PINS; pin++) {
			u32 low = (u32)a->redirection[pin];

			assert_true(!(low & REMOTE_IRR) || (low & LEVEL));
			assert_int_equal(a->redirection[pin] & ~0xfffe00000001efffull, 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_registers, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_sizes_and_offsets, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_edge, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_level_waits_for_eoi, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_level_unmasked_while_high, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_undelivered_level_is_not_stuck, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_pit_is_on_pin_2, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_logical_and_lowest, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_broadcast_and_extended_destination, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_other_delivery_modes, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_no_second_kick_for_a_posted_vector, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_random_operations, fake_setup, fake_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
