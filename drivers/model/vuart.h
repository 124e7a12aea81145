/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A 16550A serial port. Sent bytes are in the console ring at once; received ones come from the input ring. Device
 * lock held. */

#include <hv/bus.h>
#include <hv/irq.h>

#define VUART_FIFO 16

struct vuart {
	struct guest *g;
	u8 ier, lcr, mcr, scr, dll, dlm, fcr;
	u8 msr_delta;		/* modem lines that changed since MSR was read */
	bool tx_done;		/* the transmitter became empty, and IIR has not said so yet */
	bool overrun;
	u8 rx_head, rx_count;
	u8 rx[VUART_FIFO];
};

void vuart_reset(struct vuart *u);
enum io_result vuart_io(void *self, struct io *io);

/* Bytes wait in the input ring: take what fits. */
void vuart_receive(struct vuart *u);
