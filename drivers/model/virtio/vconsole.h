/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A second way to the guest's console, and ports beside it that have names: virtio-console. What the driver writes to port 0
 * is recorded where the UART's bytes are, a buffer for one exit instead of a byte; what is typed goes to the one of the two
 * that wrote last. The other ports have records and input of their own (guest.port). VIRTIO 1.2 "Console Device". */

#include <hv/plan.h>

#include "virtio.h"

#define VCONSOLE_F_MULTIPORT 1u
#define VCONSOLE_PORTS_MAX (1 + PLAN_PORTS_MAX)

/* What is still to be told to the driver about a port, a bit each; the lowest comes first. */
enum vconsole_tell { TELL_ADD = 1, TELL_KIND = 2, TELL_OPEN = 4 };

struct vconsole_port {
	const char *name;		/* port 0: null */
	struct console_ring *record;
	struct input_ring *input;
	u8 tell;			/* enum vconsole_tell */
	bool open;			/* its driver says so */
	u64 in_bytes, out_bytes;
};

struct vconsole {
	struct virtio_device d;
	bool wrote_last;		/* of UART and port 0: typed bytes are for this one */
	u32 port_count;			/* with port 0 */
	struct vconsole_port port[VCONSOLE_PORTS_MAX];
	u64 messages, bad_messages;	/* control messages of the driver; those that made no sense */
};

/* Queues: receive and transmit of port 0, of the control channel, of port 1, ... */
enum vconsole_queue { VCONSOLE_CONTROL_IN = 2, VCONSOLE_CONTROL_OUT = 3 };

static inline u32 vconsole_receive_queue(u32 port)
{
	return port ? 2 * port + 2 : 0;
}

/* Control core, when the guest is built. */
int vconsole_add(struct guest *g, struct vconsole *c);

/* Bytes wait in input rings of the guest's. */
void vconsole_receive(struct vconsole *c);

/* Are typed bytes for this console (else the UART's)? */
bool vconsole_has_input(const struct vconsole *c);

/* Between vconsole.c and vconsole_control.c. */

/* Did the driver take more than one port? */
bool vconsole_multiport(const struct vconsole *c);

/* Messages of the driver; what is to be told to it, as far as it has put up buffers; nothing of it any more. */
void vconsole_control_take(struct vconsole *c);
void vconsole_control_tell(struct vconsole *c);
void vconsole_control_reset(struct vconsole *c);

/* Bytes that wait for this port. */
void vconsole_port_receive(struct vconsole *c, u32 port);
