/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/drivers/model/pc_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* The two 8259A: initialisation, priorities, cascade, all ways to end an interrupt, spurious requests. */
#include "pc_fake.h"

#define MASTER 0x20
#define SLAVE 0xa0
#define LINE_B 5	/* lines without a model behind them */
#define LINE_C 6
#define LINE_S 11
#define LINE_T 12

static void init(struct guest *g, u32 icw4)
{
	outb(g, MASTER, 0x11);
	outb(g, MASTER + 1, 0x20);
	outb(g, MASTER + 1, 0x04);
	outb(g, MASTER + 1, icw4);
	outb(g, SLAVE, 0x11);
	outb(g, SLAVE + 1, 0x28);
	outb(g, SLAVE + 1, 0x02);
	outb(g, SLAVE + 1, icw4);
}

static u32 service_of(struct guest *g, u32 chip)
{
	outb(g, chip, 0x0b);
	return inb(g, chip);
}

static u32 requests_of(struct guest *g, u32 chip)
{
	outb(g, chip, 0x0a);
	return inb(g, chip);
}

static void pulse(struct guest *g, u32 nr)
{
	irq_set(g, nr, true);
	irq_set(g, nr, false);
}

static void test_masks(void **state)
{
	struct guest *g = *state;

	assert_int_equal(inb(g, MASTER + 1), 0xff);	/* power-on: nothing gets through */
	pulse(g, LINE_B);
	assert_false(pc_pic_output(g));
	init(g, 1);
	assert_int_equal(inb(g, MASTER + 1), 0);	/* ICW1 opens all */
	outb(g, MASTER + 1, 0xdf);
	assert_int_equal(inb(g, MASTER + 1), 0xdf);
	pulse(g, LINE_C);
	assert_false(pc_pic_output(g));
	pulse(g, LINE_B);
	assert_true(pc_pic_output(g));
	outb(g, MASTER + 1, 0xff);
	assert_false(pc_pic_output(g));
}

static void test_acknowledge_and_eoi(void **state)
{
	struct guest *g = *state;

	init(g, 1);
	pulse(g, LINE_C);
	pulse(g, LINE_B);
	assert_int_equal(requests_of(g, MASTER), 0x60);
	assert_int_equal(pc_pic_acknowledge(g), 0x25);
	assert_int_equal(service_of(g, MASTER), 0x20);
	assert_false(pc_pic_output(g));			/* 6 waits behind 5 */
	outb(g, MASTER, 0x20);
	assert_true(pc_pic_output(g));
	assert_int_equal(pc_pic_acknowledge(g), 0x26);
	outb(g, MASTER, 0x66);				/* specific */
	assert_int_equal(service_of(g, MASTER), 0);
	outb(g, MASTER, 0x20);				/* nothing in service: no harm */
}

static void test_higher_priority_interrupts(void **state)
{
	struct guest *g = *state;

	init(g, 1);
	pulse(g, LINE_C);
	assert_int_equal(pc_pic_acknowledge(g), 0x26);
	pulse(g, IRQ_COM1);
	assert_true(pc_pic_output(g));
	assert_int_equal(pc_pic_acknowledge(g), 0x24);
	outb(g, MASTER, 0x20);
	assert_int_equal(service_of(g, MASTER), 0x40);
}

static void test_cascade(void **state)
{
	struct guest *g = *state;

	init(g, 1);
	pulse(g, LINE_S);
	pulse(g, LINE_T);
	assert_int_equal(pc_pic_acknowledge(g), 0x2b);
	assert_int_equal(service_of(g, MASTER), 0x04);
	assert_int_equal(service_of(g, SLAVE), 0x08);
	outb(g, SLAVE, 0x20);
	assert_false(pc_pic_output(g));		/* the master still serves its input 2 */
	outb(g, MASTER, 0x20);
	assert_int_equal(pc_pic_acknowledge(g), 0x2c);
}

static void test_special_fully_nested(void **state)
{
	struct guest *g = *state;

	init(g, 0x11);
	pulse(g, LINE_T);
	assert_int_equal(pc_pic_acknowledge(g), 0x2c);
	pulse(g, LINE_S);
	assert_true(pc_pic_output(g));
	assert_int_equal(pc_pic_acknowledge(g), 0x2b);
}

static void test_auto_eoi(void **state)
{
	struct guest *g = *state;

	init(g, 3);
	pulse(g, LINE_S);
	pulse(g, LINE_T);
	assert_int_equal(pc_pic_acknowledge(g), 0x2b);
	assert_int_equal(service_of(g, SLAVE), 0);
	assert_true(pc_pic_output(g));		/* no edge of the slave is lost */
	assert_int_equal(pc_pic_acknowledge(g), 0x2c);
	assert_false(pc_pic_output(g));
}

static void test_level_lines(void **state)
{
	struct guest *g = *state;

	init(g, 1);
	outb(g, 0x4d0, 0xff);
	assert_int_equal(inb(g, 0x4d0), 0xf8);	/* timer, keyboard, cascade stay edges */
	outb(g, 0x4d1, 0xff);
	assert_int_equal(inb(g, 0x4d1), 0xde);
	irq_set(g, LINE_B, true);
	assert_int_equal(pc_pic_acknowledge(g), 0x25);
	outb(g, MASTER, 0x20);
	assert_true(pc_pic_output(g));		/* still high: again */
	irq_set(g, LINE_B, false);
	assert_false(pc_pic_output(g));
}

static void test_spurious(void **state)
{
	struct guest *g = *state;

	init(g, 1);
	assert_int_equal(pc_pic_acknowledge(g), 0x27);
	assert_int_equal(service_of(g, MASTER), 0);
	outb(g, 0x4d1, 0x08);
	irq_set(g, LINE_S, true);
	irq_set(g, LINE_S, false);
	assert_int_equal(pc_pic_acknowledge(g), 0x27);
	irq_set(g, LINE_S, true);
	g->pc->pic.chip[1].imr = 0xff;		/* gone between the two INTA cycles */
	assert_int_equal(pc_pic_acknowledge(g), 0x2f);
	assert_int_equal(service_of(g, SLAVE), 0);
	assert_int_equal(service_of(g, MASTER), 0x04);
}

static void test_poll(void **state)
{
	struct guest *g = *state;

	init(g, 1);
	outb(g, MASTER, 0x0c);
	assert_int_equal(inb(g, MASTER), 0);
	pulse(g, LINE_B);
	outb(g, MASTER, 0x0c);
	assert_int_equal(inb(g, MASTER), 0x85);
	assert_int_equal(service_of(g, MASTER), 0x20);
}

static void test_special_mask(void **state)
{
	struct guest *g = *state;

	init(g, 1);
	pulse(g, IRQ_COM1);
	pc_pic_acknowledge(g);
	pulse(g, LINE_C);
	assert_false(pc_pic_output(g));
	outb(g, MASTER + 1, 0x10);		/* mask what is in service ... */
	outb(g, MASTER, 0x68);			/* ... and let everything else through */
	assert_true(pc_pic_output(g));
	outb(g, MASTER, 0x48);
	assert_false(pc_pic_output(g));
}

static void test_rotation(void **state)
{
	struct guest *g = *state;

	init(g, 1);
	pulse(g, LINE_B);
	pc_pic_acknowledge(g);
	outb(g, MASTER, 0xa0);			/* rotate: 5 is the lowest now */
	pulse(g, LINE_B);
	pulse(g, LINE_C);
	assert_int_equal(pc_pic_acknowledge(g), 0x26);
	outb(g, MASTER, 0x20);
	outb(g, MASTER, 0xc7);			/* set priority: 7 lowest, as at first */
	pulse(g, LINE_C);
	assert_int_equal(pc_pic_acknowledge(g), 0x25);
}

static void test_vcpu_is_told_of_changes_only(void **state)
{
	struct guest *g = *state;
	u32 before;

	init(g, 1);
	before = fake.requests[0];
	pulse(g, LINE_B);
	pulse(g, LINE_C);
	pulse(g, LINE_B);
	assert_int_equal(fake.requests[0], before + 1);
	assert_true(g->vcpu[0].requests & REQ_PIC);
}

static void test_random_operations(void **state)
{
	static const u16 port[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1 };
	struct guest *g = *state;

	for (u32 n = 0; n < 300000; n++) {
		u32 r = noise();
		const struct vpic *p = &g->pc->pic;

		if (r % 4 == 0)
			irq_set(g, 3 + (r >> 8) % 13, r >> 16 & 1);
		else if (r % 4 == 1)
			pc_pic_acknowledge(g);
		else if (r % 4 == 2)
			outb(g, port[(r >> 8) % 6], r >> 16 & 0xff);
		else
			inb(g, port[(r >> 8) % 6]);
		assert_int_equal(p->told, vpic_output(p));
		for (u32 i = 0; i < 2; i++) {
			assert_int_equal(p->chip[i].elcr & ~p->chip[i].elcr_writable, 0);
			assert_true(p->chip[i].lowest < 8);
			assert_int_equal(p->chip[i].vector_base & 7, 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_masks, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_acknowledge_and_eoi, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_higher_priority_interrupts, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_cascade, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_special_fully_nested, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_auto_eoi, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_level_lines, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_spurious, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_poll, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_special_mask, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_rotation, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_vcpu_is_told_of_changes_only, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_random_operations, fake_setup, fake_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
