/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/host/uart.c hv/lib/string.c */
/* The serial port's driver against a fake 16550 that can be absent, broken, slow, without FIFO, or pulled out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hv/lib.h>
#include <hv/paging.h>
#include <hv/uart.h>

static struct {
	bool present, no_loop, fifo, stuck;
	u32 slow;		/* reads of LSR until the transmitter is empty again */
	u32 busy, held;
	u8 lcr, mcr, ier, fcr, dll, dlm;
	char sent[65536];
	u32 sent_count, overruns;
	u8 received[64];
	u32 received_count, received_at;
	u64 reads;
} port;

static struct uart uart;
static const struct boot_uart com1 = { .base = 0x3f8, .stride = 1, .source = BOOT_UART_LEGACY };

void *mmio_map(hpa_t base, u64 size, enum cache cache)
{
	return NULL;
}

__attribute__((weak)) void assert_failed(const char *what, const char *file, int line)
{
	fail_msg("%s at %s:%d", what, file, line);
	abort();
}

static u8 port_lsr(void)
{
	u8 lsr = port.received_at < port.received_count ? 1 : 0;

	port.reads++;
	if (port.busy && !port.stuck)
		port.busy--;
	if (!port.busy) {
		port.held = 0;
		lsr |= 0x60;
	}
	return lsr;
}

u8 uart_in(const struct uart *u, enum uart_reg reg)
{
	if (!port.present)
		return 0xff;
	switch (reg) {
	case UART_DATA:
		return port.received_at < port.received_count ? port.received[port.received_at++] : 0;
	case UART_FCR:
		return port.fifo && (port.fcr & 1) ? 0xc1 : 0x01;
	case UART_LSR:
		return port_lsr();
	default:
		return 0;
	}
}

static void port_send(u8 byte)
{
	if (port.mcr & 0x10) {
		if (!port.no_loop)
			port.received[port.received_count++ % 64] = byte;
		return;
	}
	if (port.held >= (port.fifo ? 16 : 1))
		port.overruns++;
	port.held++;
	port.busy = port.slow;
	port.sent[port.sent_count++] = (char)byte;
}

void uart_out(const struct uart *u, enum uart_reg reg, u8 value)
{
	bool dlab = port.lcr & 0x80;

	switch (reg) {
	case UART_DATA:
		if (dlab)
			port.dll = value;
		else
			port_send(value);
		break;
	case UART_IER:
		if (dlab)
			port.dlm = value;
		else
			port.ier = value;
		break;
	case UART_FCR:
		port.fcr = value;
		if (value & 2)
			port.received_count = port.received_at = 0;
		break;
	case UART_LCR:
		port.lcr = value;
		break;
	case UART_MCR:
		port.mcr = value;
		break;
	default:
		break;
	}
}

static int setup(void **state)
{
	memset(&port, 0, sizeof(port));
	port.present = port.fifo = true;
	port.ier = 0xf;
	port.slow = 3;
	return 0;
}

static void test_open(void **state)
{
	assert_int_equal(uart_open(&uart, &com1, 9600), 0);
	assert_true(uart.alive);
	assert_true(uart.fifo);
	assert_int_equal(port.dll, 12);
	assert_int_equal(port.dlm, 0);
	assert_int_equal(port.ier, 0);
	assert_int_equal(port.lcr, 3);
	assert_int_equal(port.mcr, 0xb);
	assert_int_equal(port.sent_count, 0);
	assert_int_equal(uart_get(&uart), -1);
}

/* Firmware's rate stays when none is asked for. */
static void test_open_keeps_rate(void **state)
{
	port.dll = 77;
	assert_int_equal(uart_open(&uart, &com1, 0), 0);
	assert_int_equal(port.dll, 77);
}

static void test_absent(void **state)
{
	port.present = false;
	assert_int_equal(uart_open(&uart, &com1, 115200), -E_NODEV);
	uart_write_now(&uart, "text", 4);
	assert_int_equal(uart_room(&uart), 0);
	assert_false(uart_put(&uart, 'x'));
	assert_int_equal(uart_get(&uart), -1);
	assert_int_equal(uart_poll(&uart), 0);
	assert_int_equal(port.sent_count, 0);
}

static void test_broken_loop(void **state)
{
	port.no_loop = true;
	assert_int_equal(uart_open(&uart, &com1, 115200), -E_NODEV);
	assert_false(uart.alive);
	assert_int_equal(port.mcr, 0xb);
}

/* A register that just keeps what is written is not a UART. */
static void test_stuck_transmitter_is_bounded(void **state)
{
	uart_open(&uart, &com1, 115200);
	port.stuck = true;
	port.busy = 1;
	for (int i = 0; i < 10; i++)
		uart_write_now(&uart, "hello", 5);
	assert_int_equal(port.sent_count, 0);
	assert_true(port.reads < 1000000);
	port.reads = 0;
	uart_write_now(&uart, "hello", 5);
	assert_int_equal(port.reads, 0);		/* given up */
	port.stuck = false;
	uart_put(&uart, 'x');
	assert_int_equal(uart_poll(&uart), 1);	/* it came back */
	uart_write_now(&uart, "y", 1);
	assert_memory_equal(port.sent, "xy", 2);
}

static void write_and_compare(u32 fifo_bytes)
{
	char text[1000];

	for (u32 i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 26);
	uart_write_now(&uart, text, sizeof(text));
	assert_int_equal(port.sent_count, sizeof(text));
	assert_memory_equal(port.sent, text, sizeof(text));
	assert_int_equal(port.overruns, 0);
}

static void test_write_now(void **state)
{
	uart_open(&uart, &com1, 115200);
	write_and_compare(16);
}

static void test_write_now_without_fifo(void **state)
{
	port.fifo = false;
	uart_open(&uart, &com1, 115200);
	assert_false(uart.fifo);
	write_and_compare(1);
}

static void test_queue(void **state)
{
	u32 polls = 0;

	uart_open(&uart, &com1, 115200);
	for (u32 i = 0; i < UART_QUEUE_BYTES; i++)
		assert_true(uart_put(&uart, (u8)(i % 251)));
	assert_false(uart_put(&uart, 'x'));
	assert_int_equal(uart_room(&uart), 0);
	while (uart_waiting(&uart)) {
		u64 before = port.reads;

		assert_true(uart_poll(&uart) <= 512);
		assert_true(port.reads - before < 64);	/* returns rather than waits */
		assert_true(++polls < 100000);
	}
	assert_int_equal(port.sent_count, UART_QUEUE_BYTES);
	assert_int_equal(port.overruns, 0);
	for (u32 i = 0; i < UART_QUEUE_BYTES; i++)
		assert_int_equal((u8)port.sent[i], i % 251);
}

static void test_receive(void **state)
{
	uart_open(&uart, &com1, 115200);
	memcpy(port.received, "hi\xff", 3);
	port.received_count = 3;
	assert_int_equal(uart_get(&uart), 'h');
	assert_int_equal(uart_get(&uart), 'i');
	assert_int_equal(uart_get(&uart), 0xff);
	assert_int_equal(uart_get(&uart), -1);
}

static void test_pulled_out(void **state)
{
	uart_open(&uart, &com1, 115200);
	uart_put(&uart, 'x');
	port.present = false;
	assert_int_equal(uart_poll(&uart), 0);
	assert_false(uart.alive);
	assert_int_equal(uart_get(&uart), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_open, setup),
		cmocka_unit_test_setup(test_open_keeps_rate, setup),
		cmocka_unit_test_setup(test_absent, setup),
		cmocka_unit_test_setup(test_broken_loop, setup),
		cmocka_unit_test_setup(test_stuck_transmitter_is_bounded, setup),
		cmocka_unit_test_setup(test_write_now, setup),
		cmocka_unit_test_setup(test_write_now_without_fifo, setup),
		cmocka_unit_test_setup(test_queue, setup),
		cmocka_unit_test_setup(test_receive, setup),
		cmocka_unit_test_setup(test_pulled_out, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
