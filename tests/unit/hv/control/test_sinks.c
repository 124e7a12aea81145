/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/control/sinks.c drivers/host/uart.c drivers/host/screen.c drivers/host/screen_picture.c drivers/host/font.c hv/core/message.c hv/core/log.c hv/lib/format.c hv/lib/string.c tests/unit/hv/control/fake_machine.c */
/* Sinks: each works alone, boot's log lines reach both at once. Ports that the test has: a set of COM numbers. */
#include "fake_machine.h"

#include "../../../../hv/control/sinks.h"

#include <hv/control.h>
#include <hv/paging.h>
#include <hv/uart.h>

static bool com_present[2];	/* 3f8, 2f8 */
static char com_sent[2][8192];
static u8 loop_byte[2];
static bool loop[2], loop_full[2];
static u8 lcr[2];
static u32 pixels[640 * 200];
static struct boot_info facts;

static u32 com(const struct uart *u)
{
	return u->where.base == 0x3f8 ? 0 : 1;
}

u8 uart_in(const struct uart *u, enum uart_reg reg)
{
	u32 i = com(u);

	if (!com_present[i])
		return 0xff;
	if (reg == UART_LSR)
		return (u8)(0x60 | loop_full[i]);
	if (reg == UART_DATA) {
		loop_full[i] = false;
		return loop_byte[i];
	}
	return 0xc1;
}

void uart_out(const struct uart *u, enum uart_reg reg, u8 value)
{
	u32 i = com(u);

	if (reg == UART_LCR)
		lcr[i] = value;
	if (reg == UART_MCR)
		loop[i] = value & 0x10;
	if (reg != UART_DATA || lcr[i] & 0x80)
		return;
	if (loop[i]) {
		loop_byte[i] = value;
		loop_full[i] = true;
	} else {
		com_sent[i][strlen(com_sent[i])] = (char)value;
	}
}

void *mmio_map(hpa_t base, u64 size, enum cache cache)
{
	assert_int_equal(cache, CACHE_COMBINING);
	return pixels;
}

static int setup(void **state)
{
	char text[300];

	fake_machine_init();
	memset(com_sent, 0, sizeof(com_sent));
	memset(pixels, 0, sizeof(pixels));
	com_present[0] = com_present[1] = true;
	while (sinks_next_log(SINK_SERIAL, text, sizeof(text)) || sinks_next_log(SINK_SCREEN, text, sizeof(text)))
		;
	facts = (struct boot_info){ .uart_count = 2, .uarts = {
		{ .base = 0x3f8, .stride = 1, .source = BOOT_UART_LEGACY },
		{ .base = 0x2f8, .stride = 1, .source = BOOT_UART_LEGACY } } };
	return 0;
}

static void with_screen(void)
{
	facts.screen = (struct boot_screen){ .base = 0x80000000, .size = sizeof(pixels), .width = 640, .height = 200,
					     .pitch = 640 * 4, .pixel = BOOT_PIXEL_BGRX };
}

static bool screen_has_ink(void)
{
	for (u32 i = 0; i < ARRAY_COUNT(pixels); i++) {
		if (pixels[i])
			return true;
	}
	return false;
}

static void test_serial_alone(void **state)
{
	sinks_init(&facts);
	log_notice("hello");
	log_error("error PLAN-OVERLAP: bulkhead.toml:3: guest.web.cores: words");
	log_info("not for the console");
	assert_string_equal(com_sent[0], "bulkhead: hello\r\nerror PLAN-OVERLAP: bulkhead.toml:3: guest.web.cores: words\r\n");
	assert_string_equal(com_sent[1], "");
	assert_false(screen_has_ink());
}

static void test_screen_alone(void **state)
{
	com_present[0] = com_present[1] = false;
	with_screen();
	sinks_init(&facts);
	assert_false(serial_alive());
	log_notice("hello");
	assert_true(screen_has_ink());
}

static void test_neither(void **state)
{
	char words[80];

	facts.uart_count = 0;
	sinks_init(&facts);
	log_notice("hello");
	panic_write("panic");
	sinks_describe_serial(words, sizeof(words));
	assert_string_equal(words, "none");
	sinks_describe_screen(words, sizeof(words));
	assert_string_equal(words, "none");
}

static void test_second_port(void **state)
{
	com_present[0] = false;
	sinks_init(&facts);
	sink_line("hello");
	assert_string_equal(com_sent[1], "hello\r\n");
}

/* Lines of before the sinks are shown when they come up. */
static void test_early_lines(void **state)
{
	log_set_console(NULL);
	log_notice("early");
	sinks_init(&facts);
	assert_string_equal(com_sent[0], "bulkhead: early\r\n");
}

static void test_plan_chooses(void **state)
{
	struct plan_machine m = { .serial = PLAN_SERIAL_COM2, .serial_baud = 9600, .screen = false };

	with_screen();
	sinks_init(&facts);
	sinks_configure(&m);
	sink_line("hello");
	assert_string_equal(com_sent[0], "");
	assert_string_equal(com_sent[1], "hello\r\n");
	assert_false(screen_has_ink());
	m.serial = PLAN_SERIAL_NONE;
	sinks_configure(&m);
	assert_false(serial_alive());
}

/* A plan that names a port which is not there does not end the boot. */
static void test_plan_chooses_wrong(void **state)
{
	struct plan_machine m = { .serial = PLAN_SERIAL_COM2, .serial_baud = 115200, .screen = true };

	com_present[1] = false;
	with_screen();
	sinks_init(&facts);
	sinks_configure(&m);
	assert_false(serial_alive());
	assert_true(screen_has_ink());
}

static void test_flush(void **state)
{
	sinks_init(&facts);
	for (const char *c = "queued"; *c; c++)
		assert_true(serial_put((u8)*c));
	assert_int_equal(serial_waiting(), 6);
	serial_flush();
	assert_string_equal(com_sent[0], "queued");
	assert_int_equal(serial_waiting(), 0);
}

/* Each sink reads the log at its own pace; lines that were overwritten meanwhile are counted. */
static void test_two_readers(void **state)
{
	char text[300];

	log_set_console(NULL);
	log_notice("one");
	assert_true(sinks_next_log(SINK_SCREEN, text, sizeof(text)));
	assert_string_equal(text, "bulkhead: one");
	assert_false(sinks_next_log(SINK_SCREEN, text, sizeof(text)));
	for (u32 i = 0; i < LOG_LINES + 4; i++)
		log_info("test: filler");
	log_notice("two");
	assert_true(sinks_next_log(SINK_SERIAL, text, sizeof(text)));
	assert_string_equal(text, "bulkhead: 6 lines of the log were lost here");
	assert_true(sinks_next_log(SINK_SERIAL, text, sizeof(text)));
	assert_string_equal(text, "bulkhead: two");
	assert_false(sinks_next_log(SINK_SERIAL, text, sizeof(text)));
}

/* Drawing stops after its time and goes on in the next turn until all is there. */
static void test_screen_in_turns(void **state)
{
	u32 turns = 0;

	with_screen();
	sinks_init(&facts);
	assert_true(screen_alive());
	assert_int_equal(screen_lines(), 12);
	for (u32 i = 0; i < 12; i++)
		screen_say("wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww");
	screen_put((const u8 *)"\x1b[31mlast", 9);
	assert_false(screen_has_ink());
	timebase.tsc_hz = 0;		/* no time at all: the least that a turn does */
	while (screen_poll())
		turns++;
	timebase.tsc_hz = HZ;
	assert_in_range(turns, 20, 640 / 8 * 12);
	assert_true(screen_has_ink());
	assert_false(screen_poll());
}

/* What waits goes first. */
static void test_say_now(void **state)
{
	sinks_init(&facts);
	serial_put('a');
	serial_put('\n');
	serial_say_now("line");
	assert_string_equal(com_sent[0], "a\nline\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_serial_alone, setup),
		cmocka_unit_test_setup(test_screen_alone, setup),
		cmocka_unit_test_setup(test_neither, setup),
		cmocka_unit_test_setup(test_second_port, setup),
		cmocka_unit_test_setup(test_early_lines, setup),
		cmocka_unit_test_setup(test_plan_chooses, setup),
		cmocka_unit_test_setup(test_plan_chooses_wrong, setup),
		cmocka_unit_test_setup(test_flush, setup),
		cmocka_unit_test_setup(test_two_readers, setup),
		cmocka_unit_test_setup(test_screen_in_turns, setup),
		cmocka_unit_test_setup(test_say_now, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
