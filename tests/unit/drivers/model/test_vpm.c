/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/drivers/model/pc_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* ACPI power management, and every port with which a guest ends itself: only this guest, only when asked properly. */
#include "pc_fake.h"

#include <hv/lib.h>

#define STS 0x600
#define EN 0x602
#define CNT 0x604
#define TMR 0x608
#define BUTTON 0x100

static void test_power_button(void **state)
{
	struct guest *g = *state;

	pc_event_power_button(g);
	assert_int_equal(in(g, STS, 2) & BUTTON, BUTTON);
	assert_false(line(g, IRQ_SCI));
	out(g, EN, BUTTON, 2);
	assert_true(line(g, IRQ_SCI));		/* level: as long as both are set */
	assert_int_equal(in(g, EN, 2), BUTTON);
	out(g, STS, 0, 2);
	assert_true(line(g, IRQ_SCI));
	out(g, STS, BUTTON, 2);			/* cleared by a one */
	assert_false(line(g, IRQ_SCI));
	assert_int_equal(in(g, STS, 2) & BUTTON, 0);
	pc_event_power_button(g);
	assert_true(line(g, IRQ_SCI));
	out(g, EN, 0, 2);
	assert_false(line(g, IRQ_SCI));
}

static void test_widths(void **state)
{
	struct guest *g = *state;

	out(g, STS, 0xffff0000, 4);
	assert_int_equal(in(g, STS, 4) >> 16, 0x0521);
	assert_int_equal(inb(g, EN + 1), 0x05);
	outb(g, EN, 0);
	assert_int_equal(in(g, EN, 2), 0x0500);
	pc_event_power_button(g);
	assert_int_equal(inb(g, STS + 1), 0x01);
	outb(g, STS, 0xff);
	assert_int_equal(inb(g, STS + 1), 0x01);
	outb(g, STS + 1, 0xff);
	assert_int_equal(inb(g, STS + 1), 0x00);
	assert_int_equal(in(g, STS + 3, 2), 0xffff);	/* across registers */
	assert_int_equal(in(g, STS + 1, 4), 0xffffffff);
	assert_int_equal(in(g, TMR + 3, 2), 0xffff);
	assert_int_equal(in(g, TMR + 2, 4), 0xffffffff);
}

static void test_timer_rate(void **state)
{
	struct guest *g = *state;
	u32 a = in(g, TMR, 4), b;

	fake.now += FAKE_TSC_HZ;
	b = in(g, TMR, 4);
	assert_in_range((b - a) & 0xffffff, VPM_TIMER_HZ - 1, VPM_TIMER_HZ + 1);
	assert_int_equal(in(g, TMR, 4) >> 24, 0);
	assert_int_equal(in(g, TMR + 2, 1), b >> 16 & 0xff);
	out(g, TMR, 0, 4);
	assert_int_equal(in(g, TMR, 4), b);
}

static void test_timer_carry(void **state)
{
	struct guest *g = *state;

	out(g, STS, 1, 2);
	assert_int_equal(in(g, STS, 2) & 1, 0);
	assert_true(g->device_deadline == UINT64_MAX);
	out(g, EN, 1, 2);
	assert_in_range(g->device_deadline - fake.now, 1, 3 * FAKE_TSC_HZ);
	run_until(g, UINT64_MAX);
	assert_true(line(g, IRQ_SCI));
	assert_int_equal(in(g, STS, 2) & 1, 1);
	assert_in_range(in(g, TMR, 4) & 0x7fffff, 0, 10);
	assert_true(g->device_deadline == UINT64_MAX);
	out(g, STS, 1, 2);
	assert_false(line(g, IRQ_SCI));
	assert_in_range(g->device_deadline - fake.now, 2 * FAKE_TSC_HZ, 3 * FAKE_TSC_HZ);
}

static void test_soft_off(void **state)
{
	struct guest *g = *state;

	assert_int_equal(in(g, CNT, 2), 1);		/* ACPI mode, always */
	out(g, CNT, 0, 2);
	assert_int_equal(in(g, CNT, 2), 1);
	out(g, CNT, 5u << 10, 2);			/* the type alone does nothing */
	assert_int_equal(fake.ends, 0);
	assert_int_equal(in(g, CNT, 2), 5u << 10 | 1);
	out(g, CNT, 3u << 10 | 0x2000, 2);		/* S3 is not offered */
	assert_int_equal(fake.ends, 0);
	out(g, CNT, 5u << 10 | 0x2000, 2);
	assert_int_equal(fake.ends, 1);
	assert_int_equal(fake.end, END_POWEROFF);
	assert_int_equal(in(g, CNT, 2) & 0x2000, 0);
}

static void assert_reboots(struct guest *g, u32 port, u32 val)
{
	fake.ends = 0;
	outb(g, port, val);
	assert_int_equal(fake.ends, 1);
	assert_int_equal(fake.end, END_REBOOT);
}

static void test_resets(void **state)
{
	struct guest *g = *state;

	outb(g, 0xcf9, 0x02);
	outb(g, 0x92, 0x02);
	outb(g, 0x64, 0xd1);
	out(g, 0xcf8, 0x80000600, 4);			/* a PCI address, not the reset register */
	out(g, 0xcf9, 0x0606, 2);
	assert_int_equal(fake.ends, 0);
	assert_reboots(g, 0xcf9, 0x06);
	assert_reboots(g, 0xcf9, 0x0e);
	assert_reboots(g, 0x92, 0x03);
	assert_reboots(g, 0x64, 0xfe);
	assert_int_equal(inb(g, 0x92), 0x02);
	assert_int_equal(inb(g, 0x64), 0xff);
	assert_int_equal(inb(g, 0x60), 0xff);
}

static void test_test_device(void **state)
{
	struct guest *g = *state;

	out(g, 0xf4, 0x12345678, 4);
	assert_int_equal(fake.end, END_RESULT);
	assert_true(fake.result == 0x12345678);
	out(g, 0xf4, 0x4321, 2);
	assert_int_equal(fake.result, 0x4321);
	outb(g, 0xf4, 7);
	assert_int_equal(fake.result, 7);
	assert_int_equal(fake.ends, 3);
	outb(g, 0xf5, 9);
	assert_int_equal(fake.ends, 3);
	assert_int_equal(inb(g, 0xf4), 0xff);
}

static void test_panic_device(void **state)
{
	struct guest *g = *state;

	assert_int_equal(inb(g, 0x505), GUEST_PANICKED | GUEST_CRASH_KERNEL);
	outb(g, 0x505, 0);
	outb(g, 0x505, 0xfc);				/* bits that mean nothing */
	out(g, 0x504, 0xffff, 2);			/* not alone at that port */
	out(g, 0x505, 0xffffffff, 4);
	assert_int_equal(fake.panics, 0);
	outb(g, 0x505, 1);
	assert_int_equal(fake.panic_events, GUEST_PANICKED);
	outb(g, 0x505, 0xfe);
	assert_int_equal(fake.panic_events, GUEST_CRASH_KERNEL);
	assert_int_equal(fake.panics, 2);
	assert_int_equal(fake.ends, 0);
}

static void test_random_operations(void **state)
{
	struct guest *g = *state;

	for (u32 n = 0; n < 200000; n++) {
		u32 r = noise(), port = STS + (r >> 8) % 12;
		u8 size = (u8)(1u << (r >> 12) % 3);
		const struct vpm *m = &g->pc->pm;
		u32 sts;

		if (r % 4 == 0)
			out(g, port, noise(), size);
		else if (r % 4 == 1)
			in(g, port, size);
		else if (r % 64 == 2)
			pc_event_power_button(g);
		else
			run_until(g, fake.now + noise() % FAKE_TSC_HZ);
		sts = in(g, STS, 2);
		assert_int_equal(m->enable & ~0x521, 0);
		assert_int_equal(m->control & 1, 1);
		if (!(sts & m->enable))
			assert_false(line(g, IRQ_SCI));
		if (sts & m->enable & BUTTON)
			assert_true(line(g, IRQ_SCI));
		assert_true(m->due == UINT64_MAX || (m->enable & 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_power_button, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_widths, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_timer_rate, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_timer_carry, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_soft_off, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_resets, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_test_device, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_panic_device, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_random_operations, fake_setup, fake_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
