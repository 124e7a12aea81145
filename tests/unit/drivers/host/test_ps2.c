/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/host/ps2.c drivers/host/keys.c drivers/host/mouse.c hv/lib/string.c hv/lib/format.c */
/* The keyboard controller: absent, silent, endless, and as it should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <hv/keys.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/mouse.h>
#include <hv/pci.h>
#include <hv/port.h>

static enum { GOOD, ABSENT, DEAF, DUMB, ENDLESS } kind;
static u8 out[256];
static u32 head, tail, reads;
static bool out_mouse[256], has_mouse;
static u8 config, command, mouse;
static u64 waited;

void wait_us(u32 us)
{
	waited += us;
}

void log_write(enum log_level level, const char *fmt, ...)
{
}

static void give(u8 byte)
{
	out_mouse[head % sizeof(out)] = false;
	out[head++ % sizeof(out)] = byte;
}

static void give_mouse(u8 byte)
{
	give(byte);
	out_mouse[(head - 1) % sizeof(out)] = true;
}

u8 port_in8(u16 port)
{
	reads++;
	if (kind == ABSENT)
		return 0xff;
	if (port == 0x64)
		return (u8)((head != tail || kind == ENDLESS ? 1 : 0) | (kind == DEAF ? 2 : 0) | mouse |
			    (head != tail && out_mouse[tail % sizeof(out)] ? 0x20 : 0));
	return kind == ENDLESS ? 0x1e : head != tail ? out[tail++ % sizeof(out)] : 0;
}

void port_out8(u16 port, u8 byte)
{
	if (port == 0x64) {
		command = byte;
		if (byte == 0x20 && kind != DUMB)
			give(config);
	} else if (command == 0xd4) {
		command = 0;
		if (has_mouse && kind == GOOD) {
			give(0x1e);		/* a key in between */
			give_mouse(0xfa);
		}
	} else if (command == 0x60) {
		config = byte;
		command = 0;
	} else if (byte == 0xf4 && kind != DUMB) {
		give(0xfa);
	}
}

static int fresh(void **state)
{
	struct key_event e;
	struct mouse_event m;

	kind = GOOD;
	head = tail = reads = 0;
	waited = 0;
	mouse = 0;
	has_mouse = false;
	config = 0x03 | 0x10;
	while (keys_get(&e))
		;
	while (mouse_peek(&m))
		mouse_drop();
	return 0;
}

static void described(const char *words)
{
	char text[64];

	ps2_describe(text, sizeof(text));
	assert_string_equal(text, words);
}

static void set_up(void **state)
{
	give(0x55);			/* left by firmware */
	ps2_init();
	described("at the PS/2 controller");
	assert_int_equal(config, 0x40 | 0x20);
}

static void expect(u16 key, bool down)
{
	struct key_event e;

	assert_true(keys_get(&e));
	assert_int_equal(e.key, key);
	assert_int_equal(e.down, down);
}

static void scan_codes(void **state)
{
	static const u8 bytes[] = { 0x1e, 0x9e, 0xe0, 0x2a, 0xe0, 0x48, 0xe0, 0xc8, 0xe0, 0xaa, 0xe1, 0x1d, 0x45, 0xe1, 0x9d,
				    0xc5, 0x2a, 0xaa };
	struct key_event e;

	ps2_init();
	for (u32 i = 0; i < sizeof(bytes); i++)
		give(bytes[i]);
	ps2_poll();
	expect(0x1e, true);
	expect(0x1e, false);
	expect(0xe048, true);
	expect(0xe048, false);
	expect(0x2a, true);
	expect(0x2a, false);
	assert_false(keys_get(&e));
	mouse = 0x20;
	give(0x1e);
	ps2_poll();
	assert_false(keys_get(&e));
}

static void moved(int dx, int dy, u8 buttons)
{
	struct mouse_event e;

	assert_true(mouse_peek(&e));
	assert_int_equal(e.dx, dx);
	assert_int_equal(e.dy, dy);
	assert_int_equal(e.buttons, buttons);
	mouse_drop();
}

static void mouse_packets(void **state)
{
	static const u8 bytes[] = { 0x09, 5, 0, 0x39, 0xff, 0xfe, 0x08, 0, 0, 0xc8, 9, 9, 0x01, 0x08, 1, 1, 0x08, 2, 2, 0x08, 7 };
	struct mouse_event m;
	struct key_event e;

	has_mouse = true;
	ps2_init();
	described("at the PS/2 controller; mouse there too");
	while (keys_get(&e))
		assert_int_equal(e.key, 0x1e);
	for (u32 i = 0; i < sizeof(bytes); i++)
		give_mouse(bytes[i]);
	give(0x9e);
	ps2_poll();
	moved(4, -2, 1);	/* two moves with the button down: added up */
	moved(3, 3, 0);		/* overflow and the byte that begins no packet are left out */
	assert_false(mouse_peek(&m));
	expect(0x1e, false);
	give_mouse(0xff);
	ps2_poll();
	moved(7, 255, 0);
}

/* Moves add up while nobody takes them; changes of buttons are kept apart as long as there is room. */
static void moves_add_up(void **state)
{
	struct mouse_event m;
	u32 n = 0;

	for (u32 i = 0; i < 1000; i++)
		mouse_put(100, -100, 0);
	moved(10000, -10000, 0);
	for (u32 i = 0; i < 100; i++)
		mouse_put(1, 0, i & 1);
	for (; mouse_peek(&m); n++)
		mouse_drop();
	assert_int_equal(n, 32);
	assert_int_equal(m.buttons, 1);
	assert_int_equal(m.dx, 69);
}

static void absent(void **state)
{
	kind = ABSENT;
	ps2_init();
	described("none");
	assert_int_equal(waited, 0);
	reads = 0;
	ps2_poll();
	assert_int_equal(reads, 0);
}

static void deaf_and_dumb(void **state)
{
	kind = DEAF;
	ps2_init();
	described("none");
	kind = DUMB;
	ps2_init();
	described("none");
	assert_true(waited < 200000);
}

static void endless(void **state)
{
	kind = ENDLESS;
	ps2_init();
	assert_true(waited < 200000 && reads < 20000);
	reads = 0;
	ps2_poll();
	assert_true(reads <= 64);
}

static void vanishes(void **state)
{
	ps2_init();
	kind = ABSENT;
	ps2_poll();
	described("none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(set_up, fresh),
		cmocka_unit_test_setup(scan_codes, fresh),
		cmocka_unit_test_setup(mouse_packets, fresh),
		cmocka_unit_test_setup(moves_add_up, fresh),
		cmocka_unit_test_setup(absent, fresh),
		cmocka_unit_test_setup(deaf_and_dumb, fresh),
		cmocka_unit_test_setup(endless, fresh),
		cmocka_unit_test_setup(vanishes, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
