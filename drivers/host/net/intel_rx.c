/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving: a ring of buffers that are the card's, one by one ours while a frame goes up, then the card's again. */
#include <hv/atomic.h>
#include <hv/lib.h>

#include "intel.h"

#define BURST 128u			/* descriptors a turn */
#define ETHER 14u

static u8 *buffer(const struct intel *c, u32 i) { return c->rx.buffer + i * INTEL_BUFFER; }

void intel_rx_clear(struct intel *c)
{
	for (u32 i = 0; i < INTEL_RX; i++)
		c->format->rx_fill(&c->rx.desc[i], c->rx.buffer_hpa + i * INTEL_BUFFER);
	c->rx.at = c->rx.fill = c->rx.pieces = c->rx.len = 0;
	c->rx.dropping = false;
}

/* Descriptors up to here are the card's again. */
static void give_back(struct intel *c)
{
	while (c->rx.fill != c->rx.at) {
		c->format->rx_fill(&c->rx.desc[c->rx.fill], c->rx.buffer_hpa + c->rx.fill * INTEL_BUFFER);
		c->rx.fill = (c->rx.fill + 1) % INTEL_RX;
	}
	c->rx.pieces = c->rx.len = 0;
}

static void deliver(struct intel *c, const struct intel_rx_info *r)
{
	struct net_frame f = { .piece = c->rx.piece, .pieces = c->rx.pieces, .len = c->rx.len,
		.offload.valid = r->valid, .tagged = r->tagged, .vlan = r->tagged ? r->vlan : 0 };

	nic_receive(&c->net, &f);
}

/* One descriptor. A frame that cannot be one (empty or longer than its buffer, an error, too many pieces) is dropped up to
 * its end, wherever that is. */
static void take_piece(struct intel *c, const struct intel_rx_info *r)
{
	u32 at = c->rx.at;

	if (!r->len || r->len > INTEL_BUFFER || r->error || c->rx.pieces == INTEL_RX_PIECES ||
	    c->rx.len + r->len > NET_FRAME_MAX) {
		c->net.stats.rx_errors += !c->rx.dropping;
		c->rx.dropping = true;
	}
	if (!c->rx.dropping) {
		c->rx.piece[c->rx.pieces++] = (struct net_piece){ .at = buffer(c, at),
			.hpa = c->rx.buffer_hpa + at * INTEL_BUFFER, .len = r->len };
		c->rx.len += r->len;
	}
	c->rx.at = (at + 1) % INTEL_RX;
	if (r->last && !c->rx.dropping) {
		if (c->rx.len >= ETHER)
			deliver(c, r);
		else
			c->net.stats.rx_errors++;
	}
	if (r->last || c->rx.dropping)
		give_back(c);
	if (r->last)
		c->rx.dropping = false;
}

/* The tail stands one before what we look at next: a ring that is given whole would look empty. */
bool intel_rx_poll(struct intel *c)
{
	struct intel_rx_info r;
	u32 n = 0;

	while (n < BURST && c->format->rx_take(&c->rx.desc[c->rx.at], &r)) {
		take_piece(c, &r);
		n++;
		if (c->state != INTEL_RUNS)
			return true;	/* who got the frame had it reset */
	}
	if (n) {
		fence_full();
		intel_write(c, REG_RDT, (c->rx.fill + INTEL_RX - 1) % INTEL_RX);
	}
	return n;
}

bool intel_rx_waiting(const struct intel *c)
{
	struct intel_rx_info r;

	return c->format->rx_take(&c->rx.desc[c->rx.at], &r);
}
