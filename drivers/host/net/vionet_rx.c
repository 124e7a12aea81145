/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving: "Processing of Incoming Packets" (5.1.6.4). A frame may lie in several buffers ("mergeable"); they come one by
 * one, the first one says how many. */
#include <hv/lib.h>

#include "vionet.h"

#define BURST 128u			/* buffers a turn */
#define ETHER 14u

static void give(struct vionet *c, u32 i)
{
	struct dma_piece piece = { c->in.hpa + i * VIONET_BUFFER, VIONET_BUFFER };

	vio_queue_put(&c->rx, &piece, 0, 1, c->in.buffer + i * VIONET_BUFFER);
}

void vionet_rx_fill(struct vionet *c)
{
	c->in.left = c->in.pieces = c->in.len = 0;
	c->in.dropping = false;
	for (u32 i = 0; i < c->rx.size; i++)
		give(c, i);
	vio_queue_kick(&c->rx);
}

static void give_back(struct vionet *c)
{
	for (u32 i = 0; i < c->in.pieces; i++)
		give(c, c->in.taken[i]);
	c->in.pieces = c->in.len = 0;
}

/* What is still to be done to it, as the device says: it must lie inside of the frame. */
static bool read_offload(const struct vionet *c, struct net_offload *o)
{
	const struct vionet_header *h = &c->in.header;

	*o = (struct net_offload){ .valid = h->flags & (HEADER_VALID | HEADER_NEEDS_SUM) };
	if (h->gso)
		return false;		/* we never agreed to that */
	if (!(h->flags & HEADER_NEEDS_SUM))
		return true;
	o->checksum = true;
	o->csum_start = h->csum_start;
	o->csum_offset = h->csum_offset;
	return h->csum_start >= ETHER && (u32)h->csum_start + h->csum_offset + 2 <= c->in.len;
}

static void deliver(struct vionet *c)
{
	struct net_frame f = { .piece = c->in.piece, .pieces = c->in.pieces, .len = c->in.len };

	if (c->in.len >= ETHER && read_offload(c, &f.offload))
		nic_receive(&c->net, &f);
	else
		c->net.stats.rx_errors++;
}

/* The first buffer of a frame: false: the device must be reset. */
static bool begin_frame(struct vionet *c, const u8 *buffer, u32 len)
{
	memcpy(&c->in.header, buffer, sizeof(c->in.header));
	if (len < VIONET_HEADER) {
		c->vio.broken = "a frame has no header";
		return false;
	}
	c->in.left = c->vio.features & BIT(NET_F_MRG_RXBUF) ? c->in.header.buffers : 1;
	if (!c->in.left || c->in.left > c->rx.size) {
		c->vio.broken = "a frame lies in no buffers, or more than there are";
		return false;
	}
	c->in.dropping = c->in.left > VIONET_RX_PIECES;
	c->net.stats.rx_errors += c->in.dropping;
	return true;
}

static void take_buffer(struct vionet *c, const u8 *buffer, u32 len)
{
	u32 i = (u32)(buffer - c->in.buffer) / VIONET_BUFFER, skip = 0;

	if (!c->in.left) {
		if (!begin_frame(c, buffer, len))
			return;
		skip = VIONET_HEADER;
	}
	if (!c->in.dropping && (c->in.len + len - skip > NET_FRAME_MAX || (!skip && !len))) {
		c->net.stats.rx_errors++;
		c->in.dropping = true;
	}
	c->in.left--;
	if (c->in.dropping) {
		give_back(c);
		give(c, i);
	} else {
		c->in.taken[c->in.pieces] = (u16)i;
		c->in.piece[c->in.pieces++] = (struct net_piece){ .at = buffer + skip,
			.hpa = c->in.hpa + i * VIONET_BUFFER + skip, .len = len - skip };
		c->in.len += len - skip;
	}
	if (c->in.left)
		return;
	if (!c->in.dropping)
		deliver(c);
	c->in.dropping = false;
	if (c->state == VIONET_RUNS)
		give_back(c);
}

bool vionet_rx_poll(struct vionet *c)
{
	const u8 *buffer;
	u32 n = 0, len;

	for (; n < BURST && c->state == VIONET_RUNS && !c->vio.broken; n++) {
		buffer = vio_queue_get(&c->rx, &len);
		if (!buffer)
			break;
		take_buffer(c, buffer, len);
	}
	if (n && c->state == VIONET_RUNS)
		vio_queue_kick(&c->rx);
	return n;
}
