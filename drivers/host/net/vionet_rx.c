/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving: "Processing of Incoming Packets" (5.1.6.4). A frame may lie in several buffers ("mergeable"); they come one by
 * one, the first one says how many. */
#include <hv/lib.h>

#include "vionet.h"

#define BURST 128u			/* buffers a turn */
#define ETHER 14u

static void give(struct vionet_pair *q, u32 i)
{
	struct dma_piece piece = { q->in.hpa + i * VIONET_BUFFER, VIONET_BUFFER };

	vio_queue_put(&q->rx, &piece, 0, 1, q->in.buffer + i * VIONET_BUFFER);
}

void vionet_rx_fill(struct vionet_pair *q)
{
	q->in.left = q->in.pieces = q->in.len = 0;
	q->in.dropping = false;
	for (u32 i = 0; i < q->rx.size; i++)
		give(q, i);
	vio_queue_kick(&q->rx);
}

static void give_back(struct vionet_pair *q)
{
	for (u32 i = 0; i < q->in.pieces; i++)
		give(q, q->in.taken[i]);
	q->in.pieces = q->in.len = 0;
}

/* What is still to be done to it, as the device says: it must lie inside of the frame. */
static bool read_offload(const struct vionet_pair *q, struct net_offload *o)
{
	const struct vionet_header *h = &q->in.header;

	*o = (struct net_offload){ .valid = h->flags & (HEADER_VALID | HEADER_NEEDS_SUM) };
	if (h->gso)
		return false;		/* we never agreed to that */
	if (!(h->flags & HEADER_NEEDS_SUM))
		return true;
	o->checksum = true;
	o->csum_start = h->csum_start;
	o->csum_offset = h->csum_offset;
	return h->csum_start >= ETHER && (u32)h->csum_start + h->csum_offset + 2 <= q->in.len;
}

static void deliver(struct vionet_pair *q)
{
	struct net_frame f = { .piece = q->in.piece, .pieces = q->in.pieces, .len = q->in.len };

	if (q->in.len >= ETHER && read_offload(q, &f.offload))
		nic_receive(&q->c->net, &f);
	else
		q->c->net.stats.rx_errors++;
}

/* The first buffer of a frame: false: the device must be reset. */
static bool begin_frame(struct vionet_pair *q, const u8 *buffer, u32 len)
{
	memcpy(&q->in.header, buffer, sizeof(q->in.header));
	if (len < VIONET_HEADER) {
		q->c->vio.broken = "a frame has no header";
		return false;
	}
	q->in.left = q->c->vio.features & BIT(NET_F_MRG_RXBUF) ? q->in.header.buffers : 1;
	if (!q->in.left || q->in.left > q->rx.size) {
		q->c->vio.broken = "a frame lies in no buffers, or more than there are";
		return false;
	}
	q->in.dropping = q->in.left > VIONET_RX_PIECES;
	q->c->net.stats.rx_errors += q->in.dropping;
	return true;
}

static void take_buffer(struct vionet_pair *q, const u8 *buffer, u32 len)
{
	u32 i = (u32)(buffer - q->in.buffer) / VIONET_BUFFER, skip = 0;

	if (!q->in.left) {
		if (!begin_frame(q, buffer, len))
			return;
		skip = VIONET_HEADER;
	}
	if (!q->in.dropping && (q->in.len + len - skip > NET_FRAME_MAX || (!skip && !len))) {
		q->c->net.stats.rx_errors++;
		q->in.dropping = true;
	}
	q->in.left--;
	if (q->in.dropping) {
		give_back(q);
		give(q, i);
	} else {
		q->in.taken[q->in.pieces] = (u16)i;
		q->in.piece[q->in.pieces++] = (struct net_piece){ .at = buffer + skip,
			.hpa = q->in.hpa + i * VIONET_BUFFER + skip, .len = len - skip };
		q->in.len += len - skip;
	}
	if (q->in.left)
		return;
	if (!q->in.dropping)
		deliver(q);
	q->in.dropping = false;
	if (q->c->state == VIONET_RUNS)
		give_back(q);
}

bool vionet_rx_poll(struct vionet_pair *q)
{
	const u8 *buffer;
	u32 n = 0, len;

	for (; n < BURST && q->c->state == VIONET_RUNS && !q->c->vio.broken; n++) {
		buffer = vio_queue_get(&q->rx, &len);
		if (!buffer)
			break;
		take_buffer(q, buffer, len);
	}
	if (n && q->c->state == VIONET_RUNS)
		vio_queue_kick(&q->rx);
	return n;
}
