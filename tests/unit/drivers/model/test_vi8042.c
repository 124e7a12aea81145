/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/drivers/model/pc_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* Keyboard controller, keyboard and mouse, as firmware and Linux drive them. */
#include "pc_fake.h"

#define T(test) cmocka_unit_test_setup_teardown(test, setup, fake_teardown)
#define KBD (&g->pc->kbd)

static int setup(void **state)
{
	struct guest *g = fake_guest_new();

	((struct plan_guest *)(uintptr_t)g->plan)->boot.type = BOOT_UEFI;
	bus_init(&g->bus);
	memset(g->pc, 0, sizeof(*g->pc));
	assert_int_equal(pc_build(g, g->pc), 0);
	pc_reset(g);
	*state = g;
	return 0;
}

static void command(struct guest *g, u8 cmd)
{
	outb(g, 0x64, cmd);
}

/* All that waits at port 60H, as text; the mouse's bytes have an m. */
static const char *bytes(struct guest *g)
{
	static char text[512];
	size_t used = 0;

	for (u32 status = inb(g, 0x64); status & 1 && used < 400; status = inb(g, 0x64))
		used += (size_t)sprintf(text + used, "%s%02x", status & 0x20 ? " m" : " ", inb(g, 0x60));
	text[used] = 0;
	return text;
}

static const char *kbd(struct guest *g, u8 val)
{
	outb(g, 0x60, val);
	return bytes(g);
}

static const char *mouse(struct guest *g, u8 val)
{
	command(g, 0xd4);
	outb(g, 0x60, val);
	return bytes(g);
}

static void test_controller(void **state)
{
	struct guest *g = *state;

	assert_string_equal(bytes(g), "");
	command(g, 0xaa);
	assert_string_equal(bytes(g), " 55");
	assert_int_equal(inb(g, 0x64) & 4, 4);
	command(g, 0xab);
	assert_string_equal(bytes(g), " 00");
	command(g, 0xa9);
	assert_string_equal(bytes(g), " 00");
	command(g, 0x60);
	outb(g, 0x60, 0xff);
	command(g, 0x20);
	assert_string_equal(bytes(g), " 77");
	command(g, 0xa8);
	command(g, 0xae);
	command(g, 0x20);
	assert_string_equal(bytes(g), " 47");
	command(g, 0xd0);
	assert_string_equal(bytes(g), " 03");
	command(g, 0xd2);			/* as if typed; and as if moved */
	outb(g, 0x60, 0x99);
	assert_string_equal(bytes(g), " 99");
	command(g, 0xd3);
	outb(g, 0x60, 0x98);
	assert_string_equal(bytes(g), " m98");
	assert_int_equal(inb(g, 0x60), 0x98);	/* the last byte stays */
}

static void test_reset_lines(void **state)
{
	struct guest *g = *state;

	command(g, 0xff);			/* bit 0 stays high */
	command(g, 0xd1);
	outb(g, 0x60, 0x03);
	assert_int_equal(fake.ends, 0);
	command(g, 0xfe);
	assert_int_equal(fake.end, END_REBOOT);
	command(g, 0xd1);
	outb(g, 0x60, 0x02);
	assert_int_equal(fake.ends, 2);
}

static void test_keyboard_commands(void **state)
{
	struct guest *g = *state;

	assert_string_equal(kbd(g, 0xff), " fa aa");
	assert_string_equal(kbd(g, 0xf2), " fa ab 41");		/* 83H, translated */
	command(g, 0x60);
	outb(g, 0x60, 0x00);
	assert_string_equal(kbd(g, 0xf2), " fa ab 83");
	assert_string_equal(kbd(g, 0xee), " ee");
	assert_string_equal(kbd(g, 0xed), " fa");
	assert_string_equal(kbd(g, 0x07), " fa");
	assert_int_equal(KBD->kbd_leds, 7);
	assert_string_equal(kbd(g, 0xf0), " fa");
	assert_string_equal(kbd(g, 0x00), " fa 02");
	assert_string_equal(kbd(g, 0xf0), " fa");
	assert_string_equal(kbd(g, 0x03), " fe");		/* set 3: it has none */
	assert_string_equal(kbd(g, 0xed), " fa");
	assert_string_equal(kbd(g, 0xf4), " fa");		/* a command instead of a parameter */
	assert_string_equal(kbd(g, 0x12), " fe");
}

static void test_scan_codes(void **state)
{
	struct guest *g = *state;

	vi8042_key(KBD, 0x1e, true);				/* A, translated */
	vi8042_key(KBD, 0x1e, false);
	vi8042_key(KBD, 0xe048, true);
	vi8042_key(KBD, 0xe048, false);
	assert_string_equal(bytes(g), " 1e 9e e0 48 e0 c8");
	for (u32 key = 1; key < 0x60; key++) {
		char want[16];

		sprintf(want, " %02x %02x", key, key | 0x80);
		vi8042_key(KBD, (u16)key, true);
		vi8042_key(KBD, (u16)key, false);
		assert_string_equal(bytes(g), want);
	}
	command(g, 0x60);
	outb(g, 0x60, 0x00);
	vi8042_key(KBD, 0x1e, true);
	vi8042_key(KBD, 0xe048, false);
	assert_string_equal(bytes(g), " 1c e0 f0 75");
	kbd(g, 0xf0);
	assert_string_equal(kbd(g, 0x01), " fa");
	vi8042_key(KBD, 0x1e, true);
	vi8042_key(KBD, 0x1e, false);
	assert_string_equal(bytes(g), " 1e 9e");
	kbd(g, 0xf5);						/* no scanning; unknown keys */
	vi8042_key(KBD, 0x1e, true);
	kbd(g, 0xf4);
	vi8042_key(KBD, 0x7f, true);
	vi8042_key(KBD, 0, true);
	assert_string_equal(bytes(g), "");
}

static void test_full(void **state)
{
	struct guest *g = *state;
	const char *text;

	for (u32 i = 0; i < 100; i++)
		vi8042_key(KBD, 0x1e, i % 2 == 0);
	assert_true(KBD->lost > 0);
	text = bytes(g);
	assert_int_equal(strncmp(text, " 1e 9e 1e", 9), 0);
	vi8042_key(KBD, 0x1e, true);
	assert_string_equal(bytes(g), " 1e");
}

/* Each byte is an edge of its own. */
static void test_interrupts(void **state)
{
	struct guest *g = *state;

	command(g, 0x60);
	outb(g, 0x60, 0x47);
	g->pc->ioapic.redirection[1] = 0x51;
	g->pc->ioapic.redirection[12] = 0x52;
	vi8042_key(KBD, 0xe048, true);
	assert_true(line(g, 1) && (g->vcpu[0].posted[1] & BIT(0x11)));
	g->vcpu[0].posted[1] = 0;
	inb(g, 0x60);
	assert_true(line(g, 1) && (g->vcpu[0].posted[1] & BIT(0x11)));
	g->vcpu[0].posted[1] = 0;
	inb(g, 0x60);
	assert_false(line(g, 1));
	assert_true(g->vcpu[0].posted[1] == 0);
	command(g, 0xd4);
	outb(g, 0x60, 0xf4);
	assert_true(line(g, 12) && (g->vcpu[0].posted[1] & BIT(0x12)));
	assert_string_equal(bytes(g), " mfa");
	assert_false(line(g, 12));
}

static void test_off(void **state)
{
	struct guest *g = *state;

	command(g, 0xad);
	vi8042_key(KBD, 0x1e, true);
	assert_string_equal(bytes(g), "");
	command(g, 0xae);
	assert_string_equal(bytes(g), " 1e");
	mouse(g, 0xf4);
	command(g, 0xa7);
	vi8042_mouse(KBD, 1, 2, 0);
	assert_string_equal(bytes(g), "");
	command(g, 0xa8);
	assert_string_equal(bytes(g), " m08 m01 m02");
}

static void test_mouse(void **state)
{
	struct guest *g = *state;

	vi8042_mouse(KBD, 1, 1, 1);				/* not switched on */
	assert_string_equal(bytes(g), "");
	assert_string_equal(mouse(g, 0xff), " mfa maa m00");
	assert_string_equal(mouse(g, 0xf2), " mfa m00");
	assert_string_equal(mouse(g, 0xf3), " mfa");
	assert_string_equal(mouse(g, 200), " mfa");
	assert_string_equal(mouse(g, 0xe8), " mfa");
	assert_string_equal(mouse(g, 3), " mfa");
	assert_string_equal(mouse(g, 0xf4), " mfa");
	vi8042_mouse(KBD, 0, 0, 1);
	assert_string_equal(bytes(g), " m09 m00 m00");
	assert_string_equal(mouse(g, 0xe9), " mfa m24 m03 mc8");
	vi8042_mouse(KBD, -3, 1000, 2);
	assert_string_equal(bytes(g), " m1a mfd mff m0a m00 mff m0a m00 mff m0a m00 meb");
	assert_string_equal(mouse(g, 0x11), " mfe");
	for (u32 i = 0; i < 50; i++)
		vi8042_mouse(KBD, 1, 1, 0);
	assert_int_equal(KBD->mouse.count % 3, 2);		/* whole packets; one byte is at the port */
	for (u32 sum = 0; sum < 50; ) {				/* what found no room comes later, added up */
		assert_int_equal(inb(g, 0x60), 8);
		sum += inb(g, 0x60);
		inb(g, 0x60);
		assert_true(sum < 50 || !KBD->mouse_moved);
	}
	assert_string_equal(bytes(g), "");
	for (u32 i = 0; i < 500; i++)
		vi8042_mouse(KBD, 1000, -1000, 0);
	assert_true(KBD->mouse_dx <= 20000 && KBD->mouse_dy >= -20000);
	while (*bytes(g))
		;
	assert_false(KBD->mouse_moved);
	assert_string_equal(mouse(g, 0xf5), " mfa");
}

/* A command, and the byte that its driver waits for; -1: none came. */
static int ask(struct guest *g, u8 cmd)
{
	command(g, cmd);
	return inb(g, 0x64) & 1 ? (int)inb(g, 0x60) : -1;
}

/* Looped back; -1: nothing came, or not as the mouse's. */
static int loop(struct guest *g, u8 val)
{
	command(g, 0xd3);
	outb(g, 0x60, val);
	if ((inb(g, 0x64) & 0x21) != 0x21)
		return -1;
	return (int)inb(g, 0x60);
}

/* As Linux looks for a mouse behind firmware that has switched the interface off: loop-back, disable and enable seen in the
 * configuration, one interrupt by loop-back, no multiplexer; then the mouse answers. */
static void test_mouse_is_found(void **state)
{
	struct guest *g = *state;

	g->pc->ioapic.redirection[12] = 0x52;
	command(g, 0xaa);
	assert_string_equal(bytes(g), " 55");
	assert_int_equal(ask(g, 0x20) & 0x20, 0x20);
	assert_int_equal(loop(g, 0x5a), 0x5a);
	assert_false(line(g, 12));			/* its interrupt is off */
	assert_int_equal(ask(g, 0xa9), 0);
	command(g, 0xa7);
	assert_int_equal(ask(g, 0x20) & 0x20, 0x20);
	command(g, 0xa8);
	assert_int_equal(ask(g, 0x20) & 0x20, 0);
	command(g, 0x60);
	outb(g, 0x60, 0x56);				/* mouse on, its interrupt too */
	command(g, 0xd3);
	outb(g, 0x60, 0xa5);
	assert_true(line(g, 12) && (g->vcpu[0].posted[1] & BIT(0x12)));
	assert_string_equal(bytes(g), " ma5");
	assert_false(line(g, 12));
	command(g, 0x60);
	outb(g, 0x60, 0x74);
	assert_int_equal(loop(g, 0xf0), 0xf0);
	assert_int_equal(loop(g, 0x56), 0x56);
	assert_int_equal(loop(g, 0xa4), 0xa4);		/* another value would be a multiplexer's version */
	command(g, 0x60);
	outb(g, 0x60, 0x47);
	assert_string_equal(mouse(g, 0xf2), " mfa m00");
	assert_string_equal(mouse(g, 0xf6), " mfa");
}

/* What is looped back does not mix with a packet under way, nor wait behind it. */
static void test_loop_between_packets(void **state)
{
	struct guest *g = *state;

	mouse(g, 0xf4);
	command(g, 0xa7);
	vi8042_mouse(KBD, 1, 2, 0);
	assert_int_equal(loop(g, 0x33), 0x33);
	command(g, 0xa8);
	assert_string_equal(bytes(g), " m08 m01 m02");
}

static void test_storm(void **state)
{
	struct guest *g = *state;

	for (u32 i = 0; i < 300000; i++) {
		u32 r = noise();

		if (r % 8 < 4)
			outb(g, r & 8 ? 0x60 : 0x64, r >> 8);
		else if (r % 8 == 4)
			vi8042_key(KBD, (u16)(r >> 16), r & 8);
		else if (r % 8 == 5)
			vi8042_mouse(KBD, (int)(r >> 8 & 0xfff) - 2048, (int)(r >> 20) - 2048, (u8)r);
		else
			inb(g, 0x60);
		assert_true(KBD->kbd.count <= VI8042_FIFO && KBD->mouse.count <= VI8042_FIFO &&
			    KBD->reply.count <= VI8042_FIFO && KBD->loop.count <= VI8042_FIFO);
		assert_false(line(g, 1) && line(g, 12));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_controller), T(test_reset_lines), T(test_keyboard_commands), T(test_scan_codes), T(test_full),
		T(test_interrupts), T(test_off), T(test_mouse), T(test_mouse_is_found),
		T(test_loop_between_packets), T(test_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
