/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Driver of a 16550 (or older) serial port of the machine, without interrupts: bytes to send wait in a queue that
 * uart_poll() drains as the transmitter empties. Nothing waits without bound. The control core, or the boot core. */

#include <hv/boot_info.h>
#include <hv/types.h>

#define UART_QUEUE_BYTES 16384u		/* a power of two */

struct uart {
	struct boot_uart where;
	volatile u8 *mmio;		/* null: ports */
	bool alive;			/* passed its loop-back test and did not vanish since */
	bool fifo;			/* 16 bytes at once, else 1 */
	u32 stalls;			/* synchronous writes given up in a row */
	u32 head, tail;			/* of the queue; head - tail bytes wait */
	u8 queue[UART_QUEUE_BYTES];
};

enum uart_reg { UART_DATA, UART_IER, UART_FCR, UART_LCR, UART_MCR, UART_LSR, UART_MSR, UART_SCRATCH };

/* Take the port over: 8N1, no interrupts; baud 0 keeps the rate that firmware set. -E_NODEV: nothing answers there or
 * the loop-back test failed. */
int uart_open(struct uart *u, const struct boot_uart *where, u32 baud);

/* Send now, past the queue, waiting for the transmitter, bounded: boot progress and panics. A port that stalls three
 * times in a row gets nothing more this way. */
void uart_write_now(struct uart *u, const char *text, size_t n);

/* Bytes that the queue takes; add one (false: full); bytes that wait. */
u32 uart_room(const struct uart *u);
bool uart_put(struct uart *u, u8 byte);
static inline u32 uart_waiting(const struct uart *u) { return u->head - u->tail; }

/* Move queued bytes into the transmitter as far as it takes them. Returns how many. */
u32 uart_poll(struct uart *u);

/* A received byte, or -1. */
int uart_get(struct uart *u);

/* Register access, drivers/host/uart_io.c; unit tests have their own. */
u8 uart_in(const struct uart *u, enum uart_reg reg);
void uart_out(const struct uart *u, enum uart_reg reg, u8 value);
