/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/drivers/model/pc_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* The serial port: what is sent is recorded, what is typed arrives once and in order, causes and line agree. */
#include "pc_fake.h"

#define COM 0x3f8
#define IER (COM + 1)
#define IIR (COM + 2)
#define LCR (COM + 3)
#define MCR (COM + 4)
#define LSR (COM + 5)
#define MSR (COM + 6)

static void type(struct guest *g, const char *text)
{
	while (*text)
		assert_true(input_ring_put(g->input, (u8)*text++));
	pc_event_input(g);
}

static void test_power_on(void **state)
{
	struct guest *g = *state;

	assert_int_equal(inb(g, LSR), 0x60);
	assert_int_equal(inb(g, IIR), 0x01);
	assert_int_equal(inb(g, MSR), 0xb0);
	assert_int_equal(inb(g, IER), 0);
	assert_false(line(g, IRQ_COM1));
	outb(g, COM + 7, 0xa5);
	assert_int_equal(inb(g, COM + 7), 0xa5);
}

static void test_sent_bytes_are_recorded(void **state)
{
	struct guest *g = *state;
	u8 text[8];
	u64 at = 0;

	for (const char *p = "ok\nx"; *p; p++)
		outb(g, COM, (u8)*p);
	assert_int_equal(console_ring_read(g->console, &at, text, sizeof(text)), 4);
	assert_memory_equal(text, "ok\nx", 4);
	assert_int_equal(g->console->stamp_head, 2);
	assert_int_equal(inb(g, LSR), 0x60);
}

static void test_control_core_is_rung_until_it_looks(void **state)
{
	struct guest *g = *state;

	outb(g, COM, 'a');
	outb(g, COM, 'b');
	assert_int_equal(fake.rings, 1);
	g->console->wake = 0;
	outb(g, COM, 'c');
	assert_int_equal(fake.rings, 2);
}

static void test_divisor_is_behind_dlab(void **state)
{
	struct guest *g = *state;

	outb(g, LCR, 0x83);
	outb(g, COM, 0x34);
	outb(g, IER, 0x12);
	assert_int_equal(inb(g, COM), 0x34);
	assert_int_equal(inb(g, IER), 0x12);
	outb(g, LCR, 0x03);
	assert_int_equal(inb(g, IER), 0);
	assert_int_equal(g->console->head, 0);
	assert_int_equal(inb(g, LCR), 0x03);
}

static void test_transmitter_interrupt(void **state)
{
	struct guest *g = *state;

	outb(g, IER, 0x02);
	assert_true(line(g, IRQ_COM1));
	assert_int_equal(inb(g, IIR), 0x02);	/* acknowledges */
	assert_false(line(g, IRQ_COM1));
	assert_int_equal(inb(g, IIR), 0x01);
	outb(g, COM, 'a');
	assert_true(line(g, IRQ_COM1));
	inb(g, IIR);
	outb(g, IER, 0x00);
	outb(g, IER, 0x02);			/* enabling it raises it again: kernels probe with this */
	assert_true(line(g, IRQ_COM1));
	outb(g, IER, 0x02);
	assert_int_equal(inb(g, IIR), 0x02);
	outb(g, IER, 0x02);			/* but only a rising enable does */
	assert_int_equal(inb(g, IIR), 0x01);
}

static void test_typed_bytes_arrive_in_order(void **state)
{
	struct guest *g = *state;
	char text[41];

	for (u32 i = 0; i < 40; i++)
		text[i] = (char)('0' + i);
	text[40] = 0;
	outb(g, IIR, 0x81);		/* FIFO on, trigger at 8 */
	outb(g, IER, 0x01);
	type(g, text);
	assert_true(line(g, IRQ_COM1));
	assert_int_equal(inb(g, IIR), 0xc4);
	for (u32 i = 0; i < 40; i++) {
		assert_int_equal(inb(g, LSR), 0x61);
		assert_int_equal(inb(g, COM), (u8)text[i]);
	}
	assert_int_equal(inb(g, LSR), 0x60);
	assert_int_equal(inb(g, COM), 0);
	assert_false(line(g, IRQ_COM1));
	type(g, "z");
	assert_int_equal(inb(g, IIR), 0xcc);	/* below the trigger level: time-out */
	assert_int_equal(inb(g, COM), 'z');
}

static void test_without_fifo_one_byte_waits(void **state)
{
	struct guest *g = *state;

	type(g, "ab");
	assert_int_equal(g->pc->uart.rx_count, 1);
	assert_int_equal(inb(g, COM), 'a');
	assert_int_equal(inb(g, COM), 'b');
	outb(g, IIR, 0x01);
	type(g, "cd");
	outb(g, IIR, 0x03);		/* clear the receiver */
	assert_int_equal(inb(g, LSR), 0x60);
}

static void test_loopback(void **state)
{
	struct guest *g = *state;

	outb(g, MCR, 0x1a);		/* loop, RTS, OUT2 */
	assert_int_equal(inb(g, MSR) & 0xf0, 0x90);
	outb(g, MCR, 0x10);
	assert_int_equal(inb(g, MSR), 0x09);	/* CTS and DCD changed */
	assert_int_equal(inb(g, MSR), 0x00);
	outb(g, IIR, 0x01);
	type(g, "typed");		/* stays outside */
	for (u32 i = 0; i < 17; i++)
		outb(g, COM, i);
	assert_int_equal(g->console->head, 0);
	assert_int_equal(inb(g, LSR), 0x63);	/* the 17th was lost: overrun, shown once */
	assert_int_equal(inb(g, LSR), 0x61);
	for (u32 i = 0; i < 16; i++)
		assert_int_equal(inb(g, COM), i);
	assert_int_equal(inb(g, LSR), 0x60);
	outb(g, MCR, 0x00);
	assert_int_equal(inb(g, COM), 't');
}

static void test_priority_of_causes(void **state)
{
	struct guest *g = *state;

	outb(g, IIR, 0x01);
	outb(g, MCR, 0x10);
	outb(g, IER, 0x0f);
	for (u32 i = 0; i < 17; i++)
		outb(g, COM, i);
	assert_int_equal(inb(g, IIR), 0xc6);
	inb(g, LSR);
	assert_int_equal(inb(g, IIR), 0xc4);
	outb(g, IIR, 0x03);
	assert_int_equal(inb(g, IIR), 0xc2);
	assert_int_equal(inb(g, IIR), 0xc0);	/* modem lines changed by MCR */
	inb(g, MSR);
	assert_int_equal(inb(g, IIR), 0xc1);
	assert_false(line(g, IRQ_COM1));
}

static void test_wrong_sizes_read_ones(void **state)
{
	struct guest *g = *state;
	u64 before = g->bus.unclaimed[BUS_PORT];

	assert_int_equal(in(g, COM, 2), 0xffff);
	assert_int_equal(in(g, COM, 4), 0xffffffff);
	assert_int_equal(in(g, COM + 7, 2), 0xffff);
	out(g, COM, 0x4142, 2);
	assert_int_equal(g->console->head, 0);
	assert_int_equal(g->bus.unclaimed[BUS_PORT], before + 4);
}

/* What the line must be, from the registers alone, written differently from the model. */
static bool expected_line(const struct vuart *u)
{
	bool cause[4] = { u->rx_count != 0, u->tx_done, u->overrun, u->msr_delta != 0 };

	for (u32 i = 0; i < 4; i++)
		if ((u->ier >> i & 1) && cause[i])
			return true;
	return false;
}

static void test_random_operations(void **state)
{
	struct guest *g = *state;

	for (u32 n = 0; n < 200000; n++) {
		u32 r = noise();

		if (r % 8 == 0) {
			input_ring_put(g->input, (u8)(r >> 8));
			pc_event_input(g);
		} else if (r % 8 < 4) {
			outb(g, COM + (r >> 8 & 7), r >> 16 & 0xff);
		} else {
			inb(g, COM + (r >> 8 & 7));
		}
		assert_true(g->pc->uart.rx_count <= VUART_FIFO);
		assert_int_equal(line(g, IRQ_COM1), expected_line(&g->pc->uart));
	}
	assert_true(g->console->head > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_power_on, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_sent_bytes_are_recorded, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_control_core_is_rung_until_it_looks, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_divisor_is_behind_dlab, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_transmitter_interrupt, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_typed_bytes_arrive_in_order, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_without_fifo_one_byte_waits, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_loopback, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_priority_of_causes, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_wrong_sizes_read_ones, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_random_operations, fake_setup, fake_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
