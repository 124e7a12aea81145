/* SPDX-License-Identifier: Apache-2.0 */
#include "vconsole.h"

#include <hv/core.h>
#include <hv/guest.h>
#include <hv/lib.h>

#include "../models.h"

enum vconsole_queue { RECEIVE, TRANSMIT, QUEUES };

#define TURN_BYTES 4096u		/* of output in one exit */
#define TURN_REQUESTS 64u

bool vconsole_has_input(const struct vconsole *c)
{
	return c->wrote_last && virtio_live(&c->d);
}

/* The control core is rung once, until it has looked. Returns how many bytes of at most max. */
static u32 record(struct guest *g, const struct virtq_chain *chain, u32 max)
{
	u32 done = 0;
	u64 now = pc_now();

	for (u32 i = 0; i < chain->readable && done < max; i++) {
		const struct gmem_piece *p = &chain->piece[i];

		for (u32 k = 0; k < p->len && done < max; k++, done++)
			if (console_ring_put(g->console, *(const volatile u8 *)&p->at[k], now))
				core_ring_doorbell(control_core);
	}
	return done;
}

/* What is longer than a turn's bytes is cut: no driver sends more than a page at a time. */
static int transmit_one(struct vconsole *c, struct virtq *q, u32 *bytes)
{
	struct virtq_chain chain;
	int got = virtq_take(q, &chain);

	if (got <= 0)
		return got;
	*bytes += record(c->d.f.g, &chain, TURN_BYTES);
	virtq_give(q, &chain, 0);
	return 1;
}

static void transmit(struct vconsole *c)
{
	struct virtq *q = &c->d.queue[TRANSMIT];
	u32 bytes = 0, left = TURN_REQUESTS;
	int got;

	do {
		while ((got = transmit_one(c, q, &bytes)) > 0)
			if (!--left || bytes >= TURN_BYTES)
				break;
	} while (!got && virtq_listen(q));
	c->wrote_last = c->wrote_last || bytes;
	c->out_bytes += bytes;
	c->d.bytes += bytes;
	if (got < 0)
		virtio_fail(&c->d, TRANSMIT);
	virtio_flush(&c->d, TRANSMIT);
	if (got > 0)
		virtio_again(&c->d, TRANSMIT);
}

/* The driver has put up one buffer after another; each takes what is there. */
void vconsole_receive(struct vconsole *c)
{
	struct virtq *q = &c->d.queue[RECEIVE];
	struct guest *g = c->d.f.g;
	struct virtq_chain chain;
	int got = 0;

	if (!q->enabled || q->resetting || !vconsole_has_input(c) || !vpci_bus_master(&c->d.f))
		return;
	while (input_ring_waits(g->input) && (got = virtq_take(q, &chain)) > 0) {
		u8 text[INPUT_RING_BYTES];
		u32 n = 0;
		int byte;

		while (n < MIN(sizeof(text), chain.write_bytes) && (byte = input_ring_get(g->input)) >= 0)
			text[n++] = (u8)byte;
		virtq_copy_to(&chain, chain.readable, chain.writable, 0, text, n);
		virtq_give(q, &chain, n);
		c->in_bytes += n;
		if (!n)
			break;		/* a buffer without room: not tried again and again */
	}
	if (got < 0)
		virtio_fail(&c->d, RECEIVE);
	virtio_flush(&c->d, RECEIVE);
}

static void kicked(struct virtio_device *d, u32 queue)
{
	struct vconsole *c = container_of(d, struct vconsole, d);

	if (queue == TRANSMIT)
		transmit(c);
	else
		vconsole_receive(c);
}

static void reset(struct virtio_device *d)
{
	container_of(d, struct vconsole, d)->wrote_last = false;
}

static void describe(const struct virtio_device *d, char *to, size_t size)
{
	const struct vconsole *c = container_of(d, const struct vconsole, d);

	fmt_print(to, size, "console: %lu bytes written, %lu typed%s", load_relaxed(&c->out_bytes),
		  load_relaxed(&c->in_bytes), load_relaxed(&c->wrote_last) ? ", has the keyboard" : "");
}

static const struct virtio_kind console_kind = {
	.pci = VIRTIO_PCI_DESC("virtio-console", 3, 0x078000u, QUEUES + 1), .kicked = kicked, .reset = reset,
	.describe = describe,
};

int vconsole_add(struct guest *g, struct vconsole *c)
{
	return virtio_add(g, &c->d, &console_kind, 0, QUEUES, VIRTIO_SLOT_CONSOLE);
}
