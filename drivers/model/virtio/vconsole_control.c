/* SPDX-License-Identifier: Apache-2.0 */
/* The control channel of a console with several ports. VIRTIO 1.2 "Console Device", "Multiport Device Operation". What is to be
 * told is kept as bits of each port, so that a driver that asks for ever costs no memory. */
#include <hv/lib.h>

#include "vconsole.h"

enum control_event { DEVICE_READY = 0, DEVICE_ADD = 1, PORT_READY = 3, CONSOLE_PORT = 4, PORT_OPEN = 6, PORT_NAME = 7 };

#define TURN_MESSAGES 32u

struct control_message {
	u32 id;
	u16 event, value;
};

struct told {
	struct control_message head;
	char name[PLAN_NAME_SIZE];
};

bool vconsole_multiport(const struct vconsole *c)
{
	return virtio_has(&c->d, VCONSOLE_F_MULTIPORT);
}

void vconsole_control_reset(struct vconsole *c)
{
	for (u32 i = 0; i < c->port_count; i++) {
		c->port[i].tell = 0;
		c->port[i].open = false;
	}
}

/* The driver's word about a port, or about itself. false: it makes no sense. */
static bool take_message(struct vconsole *c, const struct control_message *m)
{
	struct vconsole_port *p;

	if (m->event == DEVICE_READY) {
		for (u32 i = 0; i < c->port_count; i++)
			c->port[i].tell |= m->value == 1 ? TELL_ADD : 0;
		return m->value <= 1;
	}
	if (m->id >= c->port_count || m->value > 1)
		return false;
	p = &c->port[m->id];
	switch (m->event) {
	case PORT_READY:	/* 0: the driver could not add it */
		p->tell |= m->value ? TELL_KIND | TELL_OPEN : 0;
		return true;
	case PORT_OPEN:
		p->open = m->value;
		if (p->open)
			vconsole_port_receive(c, m->id);
		return true;
	default:
		return false;
	}
}

void vconsole_control_take(struct vconsole *c)
{
	struct virtq *q = &c->d.queue[VCONSOLE_CONTROL_OUT];
	u32 left = TURN_MESSAGES;
	int got = 1;

	while (got > 0 && left--) {
		struct virtq_chain chain;
		struct control_message m;

		got = virtq_take(q, &chain);
		if (!got && virtq_listen(q))
			got = 1;
		else if (got > 0) {
			c->messages++;
			if (virtq_copy_from(&chain, 0, chain.readable, 0, &m, sizeof(m)) != sizeof(m) || !take_message(c, &m))
				c->bad_messages++;
			virtq_give(q, &chain, 0);
		}
	}
	if (got < 0)
		virtio_fail(&c->d, VCONSOLE_CONTROL_OUT);
	virtio_flush(&c->d, VCONSOLE_CONTROL_OUT);
	if (got > 0)
		virtio_again(&c->d, VCONSOLE_CONTROL_OUT);
	vconsole_control_tell(c);
}

/* The next thing to be told about a port -> its length. */
static u32 next_told(const struct vconsole_port *p, u32 id, struct told *t, u8 *what)
{
	u32 length = sizeof(t->head);

	memset(t, 0, sizeof(*t));
	t->head.id = id;
	t->head.value = 1;
	*what = p->tell & (u8)-p->tell;
	switch (*what) {
	case TELL_ADD:
		t->head.event = DEVICE_ADD;
		break;
	case TELL_KIND:		/* the name goes without its NUL */
		t->head.event = p->name ? PORT_NAME : CONSOLE_PORT;
		if (p->name) {
			memcpy(t->name, p->name, strlen(p->name));	/* the plan's: shorter than that */
			length += (u32)strlen(p->name);
		}
		break;
	default:
		t->head.event = PORT_OPEN;
		break;
	}
	return length;
}

/* A buffer that is too short takes what fits, as any device would cut it; no driver puts up such. */
void vconsole_control_tell(struct vconsole *c)
{
	struct virtq *q = &c->d.queue[VCONSOLE_CONTROL_IN];
	int got = 1;

	if (!vconsole_multiport(c) || !virtio_queue_ready(&c->d, VCONSOLE_CONTROL_IN))
		return;
	for (u32 i = 0; i < c->port_count && got > 0; i++) {
		struct vconsole_port *p = &c->port[i];

		while (p->tell) {
			struct virtq_chain chain;
			struct told t;
			u32 length;
			u8 what;

			got = virtq_take(q, &chain);
			if (!got && virtq_listen(q))
				got = virtq_take(q, &chain);
			if (got <= 0)
				break;
			length = next_told(p, i, &t, &what);
			p->tell &= (u8)~what;
			virtq_give(q, &chain, (u32)virtq_copy_to(&chain, chain.readable, chain.writable, 0, &t, length));
		}
	}
	if (got < 0)
		virtio_fail(&c->d, VCONSOLE_CONTROL_IN);
	virtio_flush(&c->d, VCONSOLE_CONTROL_IN);
}
