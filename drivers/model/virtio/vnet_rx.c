/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving: frames that the control core has put into the ring go through the filter into the driver's buffers. With
 * MRG_RXBUF a frame takes as many as it needs, else it must fit into one. VIRTIO 1.2 "Processing of Incoming Packets". */
#include "vnet.h"

#include <hv/lib.h>

#define TURN_FRAMES 128u		/* in one exit */
#define HEADER ((u32)sizeof(struct vnet_header))
#define ETHER 14u
#define NEEDS_CSUM 1u
#define DATA_VALID 2u
#define GSO_ECN 0x80u

enum outcome { RECEIVED, WAITS, UNFIT, BROKEN };

/* The driver takes less than when the frame was let in: the switch would have cut it or computed its sum. */
static bool is_taken(const struct vnet *n, const struct net_offload *o)
{
	u64 has = load_relaxed(&n->offloads);

	if (o->checksum && !(has & BIT(VNET_F_GUEST_CSUM)))
		return false;
	switch (o->gso) {
	case NET_GSO_NONE:	return true;
	case NET_GSO_TCP4:	return has & BIT(VNET_F_GUEST_TSO4);
	case NET_GSO_TCP6:	return has & BIT(VNET_F_GUEST_TSO6);
	case NET_GSO_UDP:	return has & BIT(VNET_F_GUEST_USO4) && has & BIT(VNET_F_GUEST_USO6);
	default:		return false;
	}
}

/* A driver that does not know of ECN gets such a frame as any other, as network cards do it. */
static struct vnet_header header_of(const struct vnet *n, const struct net_offload *o, u32 buffers)
{
	u64 has = load_relaxed(&n->offloads);
	struct vnet_header h = { .buffers = (u16)buffers };

	if (o->checksum)
		h = (struct vnet_header){ .flags = NEEDS_CSUM, .csum_start = o->csum_start, .csum_offset = o->csum_offset,
			.buffers = (u16)buffers };
	else if (o->valid && has & BIT(VNET_F_GUEST_CSUM))
		h.flags = DATA_VALID;
	if (o->gso == NET_GSO_NONE)
		return h;
	h.gso = (u8)((u8)o->gso | (o->ecn && has & BIT(VNET_F_GUEST_ECN) ? GSO_ECN : 0));
	h.header = o->header;
	h.gso_size = o->gso_size;
	return h;
}

/* All of the frame is in its buffers: the header, then the buffers go back together. */
static void finish(struct vnet *n, struct virtq *q, const struct frame_record *f)
{
	struct vnet_filling *w = &n->filling;
	struct vnet_header h = header_of(n, &f->offload, w->count);

	virtq_copy_to(&w->first, 0, w->first.writable, 0, &h, HEADER);
	for (u32 i = 0; i < w->count; i++) {
		w->first.id = w->buffer[i].id;
		virtq_give(q, &w->first, w->buffer[i].written);
	}
	w->done = w->count = 0;
}

/* The next buffer, the first of a frame into w->first. 1: c is it. */
static int next_buffer(struct vnet_filling *w, struct virtq *q, struct virtq_chain *c)
{
	int got;

	if (w->spare) {
		w->spare = false;
		return 1;
	}
	got = virtq_take(q, c);
	if (got <= 0)
		return got;
	if (c->readable || c->write_bytes < (w->count ? 1 : HEADER))
		return virtq_break(q, "no buffer for a frame");
	return 1;
}

static enum outcome put_frame(struct vnet *n, struct virtq *q, const struct frame_record *f)
{
	bool merge = virtio_has(&n->d, VNET_F_MRG_RXBUF);
	struct vnet_filling *w = &n->filling;
	struct virtq_chain more, *c;

	while (w->done < f->len) {
		u32 skip = w->count ? 0 : HEADER;
		u64 part;
		int got;

		c = w->count ? &more : &w->first;
		got = w->count < VIRTQ_SIZE_MAX ? next_buffer(w, q, c) : virtq_break(q, "more buffers than places");
		if (got <= 0)
			return got ? BROKEN : WAITS;
		if (!merge && c->write_bytes - skip < f->len) {
			w->spare = true;
			return UNFIT;
		}
		part = virtq_copy_to(c, 0, c->writable, skip, (const u8 *)(f + 1) + w->done, f->len - w->done);
		w->buffer[w->count].id = c->id;
		w->buffer[w->count++].written = (u32)part + skip;
		w->done += (u32)part;
	}
	finish(n, q, f);
	return RECEIVED;
}

/* One frame of the ring; what is begun already goes on. */
static enum outcome receive_one(struct vnet *n, struct virtq *q, const struct frame_record *f)
{
	enum outcome out;

	if (!n->filling.count && (f->len < ETHER || !vnet_passes(n, (const u8 *)(f + 1), f->len))) {
		n->filtered++;
		return RECEIVED;
	}
	out = !n->filling.count && !is_taken(n, &f->offload) ? UNFIT : put_frame(n, q, f);
	n->unfit += out == UNFIT;
	if (out == RECEIVED) {
		n->received++;
		n->d.bytes += f->len;
	}
	return out;
}

/* Nobody needs to tell us of new buffers unless a frame waits for one. */
void vnet_receive(struct vnet *n)
{
	struct virtq *q = &n->d.queue[VNET_RX];
	const struct frame_record *f;
	enum outcome out = RECEIVED;
	u32 left = TURN_FRAMES;

	virtq_quiet(q);
	while (left && (f = frame_ring_peek(&n->rx))) {
		out = receive_one(n, q, f);
		if (out == BROKEN || (out == WAITS && !virtq_listen(q)))
			break;
		if (out != WAITS)
			frame_ring_drop(&n->rx);
		left--;
	}
	if (out == BROKEN)
		virtio_fail(&n->d, VNET_RX);
	virtio_flush(&n->d, VNET_RX);
	if (!left && frame_ring_peek(&n->rx))
		virtio_again(&n->d, VNET_RX);
}
