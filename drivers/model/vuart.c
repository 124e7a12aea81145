/* SPDX-License-Identifier: Apache-2.0 */
#include "vuart.h"

#include <hv/core.h>
#include <hv/guest.h>

#include "models.h"

enum uart_reg { UART_DATA, UART_IER, UART_IIR, UART_LCR, UART_MCR, UART_LSR, UART_MSR, UART_SCR };
#define UART_FCR UART_IIR	/* when written */

#define IER_RX 0x01
#define IER_TX 0x02
#define IER_LINE 0x04
#define IER_MODEM 0x08
#define IIR_MODEM 0x00
#define IIR_NONE 0x01
#define IIR_TX 0x02
#define IIR_RX 0x04
#define IIR_LINE 0x06
#define IIR_RX_TIMEOUT 0x0c
#define IIR_FIFO_ON 0xc0
#define FCR_ENABLE 0x01
#define FCR_CLEAR_RX 0x02
#define LCR_DLAB 0x80
#define MCR_DTR 0x01
#define MCR_RTS 0x02
#define MCR_OUT1 0x04
#define MCR_OUT2 0x08
#define MCR_LOOP 0x10
#define LSR_READY 0x01
#define LSR_OVERRUN 0x02
#define LSR_TX_IDLE 0x60	/* holding register and shifter empty: bytes leave at once */
#define MSR_CTS 0x10
#define MSR_DSR 0x20
#define MSR_RING 0x40
#define MSR_DCD 0x80
#define MSR_RING_FELL 0x04	/* its delta bit is the trailing edge only */

void vuart_reset(struct vuart *u)
{
	struct guest *g = u->g;

	*u = (struct vuart){ .g = g, .tx_done = true, .dll = 12 };
}

static u32 rx_room(const struct vuart *u)
{
	return (u->fcr & FCR_ENABLE ? VUART_FIFO : 1u) - u->rx_count;
}

static void rx_put(struct vuart *u, u8 byte)
{
	u->rx[(u->rx_head + u->rx_count) % VUART_FIFO] = byte;
	u->rx_count++;
}

/* While looped back the receiver is off the line: typed bytes wait in the ring. */
static void rx_refill(struct vuart *u)
{
	if (u->mcr & MCR_LOOP || vconsole_has_input(&u->g->pc->virtio.console))
		return;
	while (rx_room(u)) {
		int byte = input_ring_get(u->g->input);

		if (byte < 0)
			return;
		rx_put(u, (u8)byte);
	}
}

static u8 rx_get(struct vuart *u)
{
	u8 byte;

	if (!u->rx_count)
		return 0;
	byte = u->rx[u->rx_head];
	u->rx_head = (u8)((u->rx_head + 1) % VUART_FIFO);
	u->rx_count--;
	rx_refill(u);
	return byte;
}

static u8 rx_trigger(const struct vuart *u)
{
	static const u8 level[4] = { 1, 4, 8, 14 };

	return u->fcr & FCR_ENABLE ? level[u->fcr >> 6] : 1;
}

/* Interrupt cause, highest priority first; the line is derived from it, never stored. Fewer bytes than the trigger
 * level are a time-out at once: nothing would be gained by letting the guest wait. */
static u8 vuart_cause(const struct vuart *u)
{
	if ((u->ier & IER_LINE) && u->overrun)
		return IIR_LINE;
	if ((u->ier & IER_RX) && u->rx_count)
		return u->rx_count >= rx_trigger(u) ? IIR_RX : IIR_RX_TIMEOUT;
	if ((u->ier & IER_TX) && u->tx_done)
		return IIR_TX;
	if ((u->ier & IER_MODEM) && u->msr_delta)
		return IIR_MODEM;
	return IIR_NONE;
}

/* Reading IIR acknowledges the transmitter's cause when that is what it says. */
static u8 read_iir(struct vuart *u)
{
	u8 cause = vuart_cause(u);

	if (cause == IIR_TX)
		u->tx_done = false;
	return cause | (u->fcr & FCR_ENABLE ? IIR_FIFO_ON : 0);
}

static u8 read_lsr(struct vuart *u)
{
	u8 lsr = LSR_TX_IDLE | (u->rx_count ? LSR_READY : 0) | (u->overrun ? LSR_OVERRUN : 0);

	u->overrun = false;
	return lsr;
}

/* The other side is always there and ready; looped back, the outputs are the inputs. */
static u8 modem_lines(const struct vuart *u)
{
	if (!(u->mcr & MCR_LOOP))
		return MSR_DCD | MSR_DSR | MSR_CTS;
	return (u8)((u->mcr & MCR_RTS ? MSR_CTS : 0) | (u->mcr & MCR_DTR ? MSR_DSR : 0) |
		    (u->mcr & MCR_OUT1 ? MSR_RING : 0) | (u->mcr & MCR_OUT2 ? MSR_DCD : 0));
}

static u8 read_msr(struct vuart *u)
{
	u8 msr = modem_lines(u) | u->msr_delta;

	u->msr_delta = 0;
	return msr;
}

static u8 vuart_read(struct vuart *u, u32 reg)
{
	bool dlab = u->lcr & LCR_DLAB;

	switch ((enum uart_reg)reg) {
	case UART_DATA:	return dlab ? u->dll : rx_get(u);
	case UART_IER:	return dlab ? u->dlm : u->ier;
	case UART_IIR:	return read_iir(u);
	case UART_LCR:	return u->lcr;
	case UART_MCR:	return u->mcr;
	case UART_LSR:	return read_lsr(u);
	case UART_MSR:	return read_msr(u);
	case UART_SCR:	return u->scr;
	}
	return 0xff;
}

/* The control core is rung once, until it has looked. */
static void send(struct vuart *u, u8 val)
{
	u->g->pc->virtio.console.wrote_last = false;
	if (console_ring_put(u->g->console, val, pc_now()))
		core_ring_doorbell(control_core);
}

static void write_data(struct vuart *u, u8 val)
{
	u->tx_done = true;
	if (!(u->mcr & MCR_LOOP))
		send(u, val);
	else if (rx_room(u))
		rx_put(u, val);
	else
		u->overrun = true;
}

/* Enabling the transmitter's interrupt raises it when the transmitter is empty, which it always is. */
static void write_ier(struct vuart *u, u8 val)
{
	if ((val & ~u->ier) & IER_TX)
		u->tx_done = true;
	u->ier = val & 0x0f;
}

/* Switching the FIFOs on or off empties them. */
static void write_fcr(struct vuart *u, u8 val)
{
	if ((val & FCR_CLEAR_RX) || ((val ^ u->fcr) & FCR_ENABLE))
		u->rx_count = 0;
	u->fcr = val & FCR_ENABLE ? val & 0xc1 : 0;
	rx_refill(u);
}

static void write_mcr(struct vuart *u, u8 val)
{
	u8 was = modem_lines(u), changed;

	u->mcr = val & 0x1f;
	changed = was ^ modem_lines(u);
	u->msr_delta |= (u8)((changed & (MSR_CTS | MSR_DSR | MSR_DCD)) >> 4);
	if (changed & was & MSR_RING)
		u->msr_delta |= MSR_RING_FELL;
	rx_refill(u);
}

static void vuart_write(struct vuart *u, u32 reg, u8 val)
{
	bool dlab = u->lcr & LCR_DLAB;

	switch ((enum uart_reg)reg) {
	case UART_DATA:	dlab ? (void)(u->dll = val) : write_data(u, val);	break;
	case UART_IER:	dlab ? (void)(u->dlm = val) : write_ier(u, val);	break;
	case UART_FCR:	write_fcr(u, val);					break;
	case UART_LCR:	u->lcr = val;						break;
	case UART_MCR:	write_mcr(u, val);					break;
	case UART_SCR:	u->scr = val;						break;
	case UART_LSR:
	case UART_MSR:	break;		/* read-only */
	}
}

/* The line is not gated by OUT2: guests that only ever met emulators do not set it. */
static void vuart_update(struct vuart *u)
{
	irq_set(u->g, IRQ_COM1, vuart_cause(u) != IIR_NONE);
}

static NOINLINE enum io_result access_any(struct vuart *u, struct io *io)
{
	if (io->write)
		vuart_write(u, (u32)io->off, (u8)io->val);
	else
		io->val = vuart_read(u, (u32)io->off);
	vuart_update(u);
	return IO_DONE;
}

enum io_result vuart_io(void *self, struct io *io)
{
	struct vuart *u = self;

	if (io->size != 1)
		return IO_REFUSED;
	/* Polling for room or data is frequent, and changes nothing unless it clears an error. */
	if (io->off != UART_LSR || io->write || u->overrun)
		return access_any(u, io);
	io->val = read_lsr(u);
	return IO_DONE;
}

void vuart_receive(struct vuart *u)
{
	rx_refill(u);
	vuart_update(u);
}
