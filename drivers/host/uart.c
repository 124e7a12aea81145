/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/lib.h>
#include <hv/paging.h>
#include <hv/uart.h>

/* Names and values: National PC16550D data sheet, "Registers". */
#define FCR_ENABLE 0x01u
#define FCR_CLEAR 0x06u
#define IIR_FIFO 0xc0u
#define LCR_8N1 0x03u
#define LCR_DLAB 0x80u
#define MCR_LOOP 0x10u
#define MCR_READY 0x0bu		/* DTR, RTS, OUT2 */
#define LSR_DATA 0x01u
#define LSR_THR_EMPTY 0x20u
#define LSR_IDLE 0x40u
#define LSR_GONE 0xffu		/* what a bus without device reads */

#define FIFO_BYTES 16u
#define CLOCK_BAUD 115200u	/* at divisor 1, with the PC's 1.8432 MHz clock */

/* Reads of LSR before a wait is given up: a port read takes 0.1 to 1.5 us, a character at 9600 baud 1 ms; an emulator
 * that is kept from its work for a few hundredths of a second has not lost its port. */
#define WAIT_READS 300000u
#define STALLS_MAX 3u
#define POLL_BYTES_MAX 512u

static bool uart_wait(const struct uart *u, u8 bits)
{
	for (u32 i = 0; i < WAIT_READS; i++) {
		u8 lsr = uart_in(u, UART_LSR);

		if (lsr == LSR_GONE)
			return false;
		if (lsr & bits)
			return true;
	}
	return false;
}

/* One byte through the port's own loop: proves that a UART answers, that it sends, and that it receives. */
static bool uart_loops(const struct uart *u, u8 byte)
{
	for (u32 i = 0; i < FIFO_BYTES * 4 && (uart_in(u, UART_LSR) & LSR_DATA); i++)
		uart_in(u, UART_DATA);
	uart_out(u, UART_DATA, byte);
	return uart_wait(u, LSR_DATA) && uart_in(u, UART_DATA) == byte;
}

static void uart_set_baud(const struct uart *u, u32 baud)
{
	u32 divisor = MAX(CLOCK_BAUD / baud, 1u);

	uart_out(u, UART_LCR, LCR_8N1 | LCR_DLAB);
	uart_out(u, UART_DATA, (u8)divisor);
	uart_out(u, UART_IER, (u8)(divisor >> 8));
	uart_out(u, UART_LCR, LCR_8N1);
}

int uart_open(struct uart *u, const struct boot_uart *where, u32 baud)
{
	bool loops;

	memset(u, 0, sizeof(*u));
	u->where = *where;
	if (!u->where.stride)
		u->where.stride = 1;
	if (where->mmio) {
		u->mmio = mmio_map(HPA(where->base), 8ul * u->where.stride, CACHE_UNCACHED);
		if (!u->mmio)
			return -E_NODEV;
	}
	if (uart_in(u, UART_LSR) == LSR_GONE)
		return -E_NODEV;
	uart_wait(u, LSR_IDLE);		/* firmware's last words */
	uart_out(u, UART_LCR, LCR_8N1);	/* DLAB off: IER is IER */
	uart_out(u, UART_IER, 0);
	if (baud)
		uart_set_baud(u, baud);
	uart_out(u, UART_FCR, FCR_ENABLE | FCR_CLEAR);
	u->fifo = (uart_in(u, UART_FCR) & IIR_FIFO) == IIR_FIFO;
	uart_out(u, UART_MCR, MCR_LOOP);
	loops = uart_loops(u, 0xa5) && uart_loops(u, 0x5a);
	uart_out(u, UART_FCR, FCR_ENABLE | FCR_CLEAR);
	uart_out(u, UART_MCR, MCR_READY);
	u->alive = loops;
	return loops ? 0 : -E_NODEV;
}

void uart_write_now(struct uart *u, const char *text, size_t n)
{
	u32 room = 0;

	if (!u->alive || u->stalls >= STALLS_MAX)
		return;
	for (size_t i = 0; i < n; i++) {
		if (!room) {
			if (!uart_wait(u, LSR_THR_EMPTY)) {
				u->stalls++;
				return;
			}
			room = u->fifo ? FIFO_BYTES : 1;
		}
		uart_out(u, UART_DATA, (u8)text[i]);
		room--;
	}
	u->stalls = 0;
}

u32 uart_room(const struct uart *u)
{
	return u->alive ? UART_QUEUE_BYTES - uart_waiting(u) : 0;
}

bool uart_put(struct uart *u, u8 byte)
{
	if (!uart_room(u))
		return false;
	u->queue[u->head++ % UART_QUEUE_BYTES] = byte;
	return true;
}

u32 uart_poll(struct uart *u)
{
	u32 sent = 0;

	while (u->alive && uart_waiting(u) && sent < POLL_BYTES_MAX) {
		u8 lsr = uart_in(u, UART_LSR);

		if (lsr == LSR_GONE)
			u->alive = false;
		if (lsr == LSR_GONE || !(lsr & LSR_THR_EMPTY))
			break;
		for (u32 i = 0; i < (u->fifo ? FIFO_BYTES : 1) && uart_waiting(u); i++, sent++)
			uart_out(u, UART_DATA, u->queue[u->tail++ % UART_QUEUE_BYTES]);
	}
	if (sent)
		u->stalls = 0;
	return sent;
}

int uart_get(struct uart *u)
{
	u8 lsr;

	if (!u->alive)
		return -1;
	lsr = uart_in(u, UART_LSR);
	if (lsr == LSR_GONE) {
		u->alive = false;
		return -1;
	}
	return lsr & LSR_DATA ? uart_in(u, UART_DATA) : -1;
}
