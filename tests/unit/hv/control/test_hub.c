/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/control/hub.c hv/control/guest_input.c hv/control/lifecycle.c hv/control/life_table.c hv/control/life_delete.c hv/control/life_pause.c hv/control/ending.c hv/control/restart.c hv/control/text.c hv/core/console_ring.c hv/core/message.c hv/core/log.c hv/lib/format.c hv/lib/string.c tests/unit/hv/control/fake_machine.c */
/* The console hub: what the serial port shows after which keys. */
#include "fake_machine.h"

#include "../../../../hv/control/hub.h"
#include "../../../../hv/control/lifecycle.h"

static char shell_typed[256];

void shell_input(u8 byte);
void shell_input(u8 byte)
{
	shell_typed[strlen(shell_typed)] = (char)byte;
}

static int setup(void **state)
{
	fake_machine_init();
	memset(shell_typed, 0, sizeof(shell_typed));
	life_init();
	hub_init();
	fake_guest[0].state = fake_guest[1].state = GUEST_RUNNING;
	return 0;
}

static void type(const char *text)
{
	for (; *text; text++)
		hub_input((u8)*text);
	hub_output();
}

static void guest_says(u32 i, const char *text)
{
	for (; *text; text++)
		console_ring_put(fake_guest[i].console, (u8)*text, 5);
	hub_output();
}

static void test_guests_are_quiet_until_watched(void **state)
{
	guest_says(0, "boot of web\r\n");
	assert_string_equal(fake_serial, "");
	assert_int_equal(fake_guest[0].console->wake, 1);
	type("\x01" "1");
	assert_true(fake_has("--- guest 1: web, running"));
	assert_true(fake_has("boot of web\r\n"));
	assert_int_equal(fake_guest[0].console->wake, 0);
	fake_serial_clear();
	guest_says(1, "not shown");
	guest_says(0, "raw \x1b[31mred\x1b[0m");
	assert_string_equal(fake_serial, "raw \x1b[31mred\x1b[0m");
	type("\x01" "0");
	assert_int_equal(fake_guest[0].console->wake, 1);
	assert_true(fake_has("--- shell"));
}

static void test_last_screenful(void **state)
{
	char text[32];

	for (u32 i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "line %u.\r\n", i);
		guest_says(1, text);
	}
	guest_says(1, "login: ");
	type("\x01" "2");
	assert_false(fake_has("line 76."));
	assert_true(fake_has("line 77."));
	assert_true(fake_has("line 99.\r\nlogin: "));
	fake_serial_clear();
	type("\x01" "0");
	type("\x01" "2");
	assert_true(fake_has("login: "));	/* once more, although it was seen */
}

static void test_typing(void **state)
{
	type("help");
	assert_string_equal(shell_typed, "help");
	type("\x01" "2" "root\r");
	for (const char *c = "root\r"; *c; c++)
		assert_int_equal(input_ring_get(fake_guest[1].input), *c);
	assert_int_equal(input_ring_get(fake_guest[1].input), -1);
	assert_int_equal(fake_guest[1].events, GUEST_EVENT_INPUT);
	assert_int_equal(fake_requests[1][0], REQ_EVENTS);
	assert_int_equal(fake_requests[1][1] | fake_requests[0][0], 0);
	assert_string_equal(shell_typed, "help");
}

static void test_escape_key(void **state)
{
	type("\x01\x01");
	assert_string_equal(shell_typed, "\x01");
	type("\x01" "1\x01\x01");
	assert_int_equal(input_ring_get(fake_guest[0].input), 1);
	type("\x01n");
	assert_int_equal(hub_view(), 2);
	type("\x01n");
	assert_int_equal(hub_view(), 0);
	type("\x01n");
	assert_int_equal(hub_view(), 1);
	fake_serial_clear();
	type("\x01" "7");
	assert_int_equal(hub_view(), 1);
	assert_true(fake_has("no guest 7"));
	type("\x01?");
	assert_true(fake_has("the next view"));
	fake_serial_clear();
	type("\x01z");
	assert_true(fake_has("Ctrl-A ?"));
}

/* Ports of the virtio console: records and input of their own. */
static void test_ports(void **state)
{
	static struct console_ring record[2];
	static struct input_ring input[2];
	struct guest *g = &fake_guest[1];

	g->port_count = 2;
	g->port[0] = (struct guest_port){ "log", &record[0], &input[0] };
	g->port[1] = (struct guest_port){ "agent", &record[1], &input[1] };
	hub_init();
	assert_int_equal(record[0].wake, 1);
	for (const char *c = "before\r\n"; *c; c++)
		console_ring_put(&record[1], (u8)*c, 5);
	type("\x01p");
	assert_true(fake_has("[no ports here"));
	type("\x01" "1\x01p");
	assert_false(fake_has("port log"));
	type("\x01" "2\x01p");
	assert_true(fake_has("--- guest 2: database, port log, running"));
	assert_int_equal(record[0].wake, 0);
	assert_int_equal(g->console->wake, 1);
	type("\x01p" "abc");
	assert_true(fake_has("port agent, running (Ctrl-A p next port, Ctrl-A 0 shell) ---\r\nbefore\r\n"));
	assert_int_equal(record[0].wake, 1);
	assert_int_equal(record[1].wake, 0);
	assert_int_equal(input_ring_get(&input[1]), 'a');
	assert_int_equal(input_ring_get(g->input), -1);
	assert_int_equal(input_ring_get(&input[0]), -1);
	assert_int_equal(g->events, GUEST_EVENT_INPUT);
	fake_serial_clear();
	guest_says(1, "not shown");
	assert_string_equal(fake_serial, "");
	type("\x01p");
	assert_true(fake_has("--- guest 2: database, running"));
	assert_true(fake_has("not shown"));
	assert_int_equal(record[1].wake, 1);
	type("x");
	assert_int_equal(input_ring_get(g->input), 'x');
}

/* A guest that does not read: what is typed ahead waits, the rest is dropped, the escape key works. */
static void test_deaf_guest(void **state)
{
	u32 got = 0;

	type("\x01" "1");
	for (u32 i = 0; i < 5000; i++)
		hub_input('x');
	type("\x01" "0");
	assert_int_equal(hub_view(), 0);
	while (input_ring_get(fake_guest[0].input) >= 0)
		got++;
	assert_int_equal(got, INPUT_RING_BYTES);
}

static void test_typed_ahead_arrives_in_order(void **state)
{
	u32 got = 0;

	type("\x01" "1");
	for (u32 i = 0; i < 600; i++)
		hub_input((u8)('a' + i % 26));
	for (u32 round = 0; round < 10; round++) {
		int c;

		while ((c = input_ring_get(fake_guest[0].input)) >= 0)
			assert_int_equal(c, 'a' + got++ % 26);
		hub_output();
	}
	assert_int_equal(got, 600);
}

/* What was typed ahead for one guest never reaches another: it may be a password. */
static void test_typed_ahead_stays(void **state)
{
	type("\x01" "1");
	for (u32 i = 0; i < INPUT_RING_BYTES + 5; i++)
		hub_input('s');
	type("\x01" "2");
	assert_int_equal(input_ring_get(fake_guest[1].input), -1);
	assert_int_equal(fake_guest[1].events, 0);
}

static void test_guest_that_is_off(void **state)
{
	fake_guest[0].state = GUEST_OFF;
	type("\x01" "1abc");
	assert_true(fake_has("does not run"));
	assert_int_equal(input_ring_get(fake_guest[0].input), -1);
}

static void test_announcements(void **state)
{
	type("\x01" "1");
	guest_says(0, "half a li");
	fake_serial_clear();
	hub_announce("guest database: running");
	hub_redraw();
	/* Whatever state the guest left the terminal in, the line stands by itself at the start of a line. */
	assert_string_equal(fake_serial, "\x18\x0f\x1b[0m\r\nguest database: running\r\n");
	fake_serial_clear();
	hub_announce("guest database: rebooting");
	assert_string_equal(fake_serial, "\x18\x0f\x1b[0m\r\nguest database: rebooting\r\n");
	type("\x01" "0");
	fake_serial_clear();
	hub_announce("guest web: powered off");
	hub_redraw();
	assert_string_equal(fake_serial, "guest web: powered off\r\nREDRAW");
}

/* What was typed ahead for one run never reaches the next; it may be a password. */
static void test_typed_ahead_for_another_run(void **state)
{
	struct guest *g = &fake_guest[0];

	type("\x01" "1");
	for (u32 i = 0; i < INPUT_RING_BYTES + 20; i++)
		hub_input('x');
	while (input_ring_get(g->input) == 'x')
		;
	life_of(g)->starts++;
	hub_output();
	assert_int_equal(input_ring_get(g->input), -1);
	type("new");
	assert_int_equal(input_ring_get(g->input), 'n');
	assert_int_equal(input_ring_get(g->input), 'e');
	assert_int_equal(input_ring_get(g->input), 'w');
	assert_int_equal(input_ring_get(g->input), -1);
}

/* A port that is full takes no view bytes, loses none, and announcements still find room. */
static void test_slow_port(void **state)
{
	char want[5001];

	type("\x01" "1");
	fake_serial_clear();
	fake_serial_room = 16384;
	for (u32 i = 0; i < 5000; i++)
		want[i] = (char)('a' + i % 26);
	want[5000] = 0;
	guest_says(0, want);
	assert_int_equal(strlen(fake_serial), 1024);
	hub_announce("guest web: running");
	assert_true(fake_has("guest web: running"));
	fake_serial_clear();
	while (strlen(fake_serial) < 5000 - 1024) {
		fake_serial_room = 16384;
		assert_true(hub_output() || strlen(fake_serial) == 5000 - 1024);
	}
	assert_string_equal(fake_serial, want + 1024);
}

/* There is room for an announcement whatever a view wrote; a queue full of them says so. */
static void test_room(void **state)
{
	type("\x01" "1");
	fake_serial_room = 16384;
	for (u32 i = 0; i < 5000; i++)
		console_ring_put(fake_guest[0].console, 'x', 0);
	hub_output();
	assert_true(hub_port_has_room());
	fake_serial_room = 300;
	assert_false(hub_port_has_room());
	fake_no_serial = true;
	assert_false(hub_port_has_room());
}

/* The screen shows the same view: header, last screenful, what comes. */
static void test_screen_follows_the_view(void **state)
{
	hub_shell_write("help\r\n", 6);
	guest_says(0, "web boots\r\n");
	assert_false(hub_show(1));
	assert_string_equal(fake_screen, "help\r\n");
	type("\x01" "1");
	guest_says(0, "login: ");
	guest_says(1, "unseen");
	assert_false(hub_show(1));
	assert_string_equal(fake_screen, "help\r\n--- guest 1: web, running (Ctrl-A 0 shell, Ctrl-A ? help) ---\nweb boots\r\nlogin: ");
	assert_false(hub_show(1));
}

/* The screen needs no serial port. */
static void test_screen_alone(void **state)
{
	fake_no_serial = true;
	hub_shell_write("one\r\n", 5);
	hub_output();
	hub_show(1);
	assert_string_equal(fake_screen, "one\r\n");
	assert_string_equal(fake_serial, "");
}

/* A turn shows a bounded part; what nobody could read is skipped, the end is not. */
static void test_screen_far_behind(void **state)
{
	char text[64];
	u32 turns = 0;

	for (u32 i = 0; i < 3000; i++) {
		snprintf(text, sizeof(text), "line %u\r\n", i);
		hub_shell_write(text, strlen(text));
	}
	while (hub_show(1))
		turns++;
	assert_in_range(turns, 0, 5);
	assert_null(strstr(fake_screen, "line 2900\r\n"));
	assert_non_null(strstr(fake_screen, "line 2980\r\n"));
	assert_non_null(strstr(fake_screen, "line 2999\r\n"));
	for (u32 i = 0; i < 60000; i++)
		hub_shell_write("x", 1);	/* lines of any length */
	hub_shell_write("end", 3);
	for (turns = 0; hub_show(1); turns++)
		assert_in_range(turns, 0, 5);
	assert_non_null(strstr(fake_screen, "xend"));
}

static void test_overrun_is_said(void **state)
{
	type("\x01" "1");
	fake_serial_room = 0;
	for (u32 i = 0; i < CONSOLE_RING_BYTES + 1000; i++)
		console_ring_put(fake_guest[0].console, 'x', 0);
	fake_serial_room = UINT32_MAX;
	hub_output();
	assert_true(fake_has("bytes came faster"));
}

static void test_shell_output(void **state)
{
	hub_shell_write("table\r\n", 7);
	assert_int_equal(hub_shell_backlog(), 7);
	hub_output();
	assert_int_equal(hub_shell_backlog(), 0);
	assert_string_equal(fake_serial, "table\r\n");
	type("\x01" "1");
	hub_shell_write("more\r\n", 6);
	assert_int_equal(hub_shell_backlog(), 0);
	fake_serial_clear();
	hub_output();
	assert_string_equal(fake_serial, "");
	type("\x01" "0");
	assert_true(fake_has("table\r\nmore\r\n"));
}

/* Ctrl-A d: the guest's screen in place of its console, and its keyboard. */
static void test_screen_of_a_guest(void **state)
{
	u16 event;

	type("\x01" "d");
	assert_true(fake_has("the shell has no screen"));
	type("\x01" "1" "\x01" "d");
	assert_true(fake_has("[guest web has no screen: display = true in the plan gives it one]"));
	assert_null(hub_screen_guest());
	hub_key(0x1e, true);
	assert_false(key_ring_get(&fake_guest[0].keys, &event));

	((struct plan_guest *)(uintptr_t)fake_guest[0].plan)->display = true;
	type("\x01" "d");
	assert_ptr_equal(hub_screen_guest(), &fake_guest[0]);
	assert_int_equal(fake_anew, 1);
	fake_screen[0] = 0;
	fake_black = fake_pictures = 0;
	fake_has_picture = false;
	guest_says(0, "on the console\r\n");
	assert_false(hub_show(1));
	assert_int_equal(fake_black, 1);
	fake_has_picture = true;
	hub_show(1);
	assert_int_equal(fake_pictures, 1);
	assert_string_equal(fake_screen, "");
	hub_output();
	assert_true(fake_has("on the console"));	/* the serial port goes on with text */

	fake_requests[0][0] = 0;
	hub_key(0xe048, true);
	hub_key(0xe048, false);
	assert_int_equal(fake_requests[0][0], REQ_EVENTS);
	assert_int_equal(fake_guest[0].events & GUEST_EVENT_KEYS, GUEST_EVENT_KEYS);
	assert_true(key_ring_get(&fake_guest[0].keys, &event) && event == 0xe048);
	assert_true(key_ring_get(&fake_guest[0].keys, &event) && event == 0xe0c8);
	for (u32 i = 0; i < 1000; i++)
		hub_key(0x1e, true);			/* it does not listen */
	for (u32 i = 0; i < 1000; i++)
		hub_key(0x1e, false);			/* keys that go up have room of their own */
	for (u32 i = 0; i < KEY_RING_EVENTS; i++)
		assert_true(key_ring_get(&fake_guest[0].keys, &event) && event == (i < KEY_RING_EVENTS - 16 ? 0x1e : 0x9e));
	assert_false(key_ring_get(&fake_guest[0].keys, &event));

	type("\x01" "2");
	assert_null(hub_screen_guest());
	assert_int_equal(fake_anew, 2);
	type("\x01" "1");
	assert_ptr_equal(hub_screen_guest(), &fake_guest[0]);	/* as it was left */
	type("\x01" "d");
	assert_null(hub_screen_guest());
	hub_show(1);
	assert_true(strstr(fake_screen, "on the console"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_guests_are_quiet_until_watched, setup),
		cmocka_unit_test_setup(test_last_screenful, setup),
		cmocka_unit_test_setup(test_typing, setup),
		cmocka_unit_test_setup(test_ports, setup),
		cmocka_unit_test_setup(test_escape_key, setup),
		cmocka_unit_test_setup(test_deaf_guest, setup),
		cmocka_unit_test_setup(test_typed_ahead_arrives_in_order, setup),
		cmocka_unit_test_setup(test_typed_ahead_stays, setup),
		cmocka_unit_test_setup(test_guest_that_is_off, setup),
		cmocka_unit_test_setup(test_announcements, setup),
		cmocka_unit_test_setup(test_typed_ahead_for_another_run, setup),
		cmocka_unit_test_setup(test_slow_port, setup),
		cmocka_unit_test_setup(test_room, setup),
		cmocka_unit_test_setup(test_screen_follows_the_view, setup),
		cmocka_unit_test_setup(test_screen_alone, setup),
		cmocka_unit_test_setup(test_screen_far_behind, setup),
		cmocka_unit_test_setup(test_screen_of_a_guest, setup),
		cmocka_unit_test_setup(test_overrun_is_said, setup),
		cmocka_unit_test_setup(test_shell_output, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
