/* SPDX-License-Identifier: Apache-2.0 */
#include "vconsole.h"

#include <hv/core.h>
#include <hv/guest.h>
#include <hv/lib.h>

#include "../models.h"

#define QUEUES_MAX (2 + 2 * VCONSOLE_PORTS_MAX)
#define TURN_BYTES 4096u		/* of output in one exit */
#define TURN_REQUESTS 64u

enum vconsole_config { MAX_PORTS = 4, CONFIG_SIZE = 8 };

_Static_assert(QUEUES_MAX <= VIRTIO_QUEUES_MAX, "a queue for each direction of each port");

bool vconsole_has_input(const struct vconsole *c)
{
	return c->wrote_last && virtio_live(&c->d);
}

/* The control core is rung once, until it has looked. Returns how many bytes of at most max. */
static u32 record(struct console_ring *r, const struct virtq_chain *chain, u32 max)
{
	u32 done = 0;
	u64 now = pc_now();

	for (u32 i = 0; i < chain->readable && done < max; i++) {
		const struct gmem_piece *p = &chain->piece[i];

		for (u32 k = 0; k < p->len && done < max; k++, done++)
			if (console_ring_put(r, *(const volatile u8 *)&p->at[k], now))
				core_ring_doorbell(control_core);
	}
	return done;
}

/* What is longer than a turn's bytes is cut: no driver sends more than a page at a time. */
static int transmit_one(struct vconsole_port *p, struct virtq *q, u32 *bytes)
{
	struct virtq_chain chain;
	int got = virtq_take(q, &chain);

	if (got <= 0)
		return got;
	*bytes += record(p->record, &chain, TURN_BYTES);
	virtq_give(q, &chain, 0);
	return 1;
}

static void transmit(struct vconsole *c, u32 port)
{
	u32 queue = vconsole_receive_queue(port) + 1, bytes = 0, left = TURN_REQUESTS;
	struct virtq *q = &c->d.queue[queue];
	int got;

	do {
		while ((got = transmit_one(&c->port[port], q, &bytes)) > 0)
			if (!--left || bytes >= TURN_BYTES)
				break;
	} while (!got && virtq_listen(q));
	c->wrote_last = c->wrote_last || (!port && bytes);
	c->port[port].out_bytes += bytes;
	c->d.bytes += bytes;
	if (got < 0)
		virtio_fail(&c->d, queue);
	virtio_flush(&c->d, queue);
	if (got > 0)
		virtio_again(&c->d, queue);
}

/* The driver has put up one buffer after another; each takes what is there. A port that is not open keeps what was typed for
 * later: its driver would throw it away. */
void vconsole_port_receive(struct vconsole *c, u32 port)
{
	struct vconsole_port *p = &c->port[port];
	u32 queue = vconsole_receive_queue(port);
	struct virtq *q = &c->d.queue[queue];
	struct virtq_chain chain;
	int got = 0;

	if (!virtio_queue_ready(&c->d, queue) || !(port ? p->open : c->wrote_last))
		return;
	while (input_ring_waits(p->input) && (got = virtq_take(q, &chain)) > 0) {
		u8 text[INPUT_RING_BYTES];
		u32 n = 0;
		int byte;

		while (n < MIN(sizeof(text), chain.write_bytes) && (byte = input_ring_get(p->input)) >= 0)
			text[n++] = (u8)byte;
		virtq_copy_to(&chain, chain.readable, chain.writable, 0, text, n);
		virtq_give(q, &chain, n);
		p->in_bytes += n;
		if (!n)
			break;		/* a buffer without room: not tried again and again */
	}
	if (got < 0)
		virtio_fail(&c->d, queue);
	virtio_flush(&c->d, queue);
}

void vconsole_receive(struct vconsole *c)
{
	for (u32 i = 0; i < c->port_count; i++)
		if (!i || vconsole_multiport(c))
			vconsole_port_receive(c, i);
}

static void kicked(struct virtio_device *d, u32 queue)
{
	struct vconsole *c = container_of(d, struct vconsole, d);
	u32 port = queue < 2 ? 0 : queue / 2 - 1;

	if (queue >= 2 && !vconsole_multiport(c))
		d->ignored++;
	else if (queue == VCONSOLE_CONTROL_IN)
		vconsole_control_tell(c);
	else if (queue == VCONSOLE_CONTROL_OUT)
		vconsole_control_take(c);
	else if (queue & 1)
		transmit(c, port);
	else
		vconsole_port_receive(c, port);
}

static void reset(struct virtio_device *d)
{
	struct vconsole *c = container_of(d, struct vconsole, d);

	c->wrote_last = false;
	vconsole_control_reset(c);
}

static void describe(const struct virtio_device *d, char *to, size_t size)
{
	const struct vconsole *c = container_of(d, const struct vconsole, d);
	size_t used = (size_t)fmt_print(to, size, "console: %lu bytes written, %lu typed%s",
					load_relaxed(&c->port[0].out_bytes), load_relaxed(&c->port[0].in_bytes),
					load_relaxed(&c->wrote_last) ? ", has the keyboard" : "");

	for (u32 i = 1; i < c->port_count && used < size; i++) {
		const struct vconsole_port *p = &c->port[i];

		used += (size_t)fmt_print(to + used, size - used, "\nport %u \"%s\": %s, %lu bytes written, %lu typed", i, p->name,
					  load_relaxed(&p->open) ? "open" : "closed", load_relaxed(&p->out_bytes),
					  load_relaxed(&p->in_bytes));
	}
	if (c->port_count > 1 && used < size)
		fmt_print(to + used, size - used, "\n%lu control messages, %lu of them wrong", load_relaxed(&c->messages),
			  load_relaxed(&c->bad_messages));
}

static const struct virtio_kind console_kind = {
	.pci = VIRTIO_PCI_DESC("virtio-console", 3, 0x078000u, QUEUES_MAX + 1), .config_size = CONFIG_SIZE, .kicked = kicked,
	.reset = reset, .describe = describe,
};

int vconsole_add(struct guest *g, struct vconsole *c)
{
	u32 queues;

	c->port[0] = (struct vconsole_port){ .record = g->console, .input = g->input };
	c->port_count = 1;
	for (u32 i = 0; i < g->port_count; i++)
		c->port[c->port_count++] = (struct vconsole_port){ .name = g->port[i].name, .record = g->port[i].record,
								  .input = g->port[i].input };
	c->d.config[MAX_PORTS] = (u8)c->port_count;
	queues = c->port_count > 1 ? 2 + 2 * c->port_count : 2;
	return virtio_add(g, &c->d, &console_kind, c->port_count > 1 ? BIT(VCONSOLE_F_MULTIPORT) : 0, queues, VIRTIO_SLOT_CONSOLE);
}
