/* SPDX-License-Identifier: Apache-2.0 */
/* Sending: each chain is a header and a frame, which goes into the switch where it lies. The header is the driver's word: it is
 * copied and checked; the frame's own headers are the switch's to copy and to check. VIRTIO 1.2 "Packet Transmission". */
#include "vnet.h"

#include <hv/guest.h>
#include <hv/lib.h>

#define TURN_FRAMES 64u			/* of a card in one round, so that all have their turns */
#define TURN_BYTES (256 * KiB)
#define SHARE_FRAMES 16u		/* the least for a queue of many */
#define HEADER ((u32)sizeof(struct vnet_header))
#define ETHER 14u
#define TCP_MIN 20u
#define UDP_SIZE 8u

#define NEEDS_CSUM 1u
#define GSO_ECN 0x80u

/* The feature that lets the driver ask for this kind of cutting; 0, which is none of them: nothing does. */
static u32 feature_of(u8 gso)
{
	switch (gso) {
	case NET_GSO_TCP4:	return VNET_F_HOST_TSO4;
	case NET_GSO_TCP6:	return VNET_F_HOST_TSO6;
	case NET_GSO_UDP:	return VNET_F_HOST_USO;
	default:		return 0;
	}
}

static bool check_large(const struct vnet *n, const struct vnet_header *h, const struct net_frame *f, struct net_offload *o)
{
	u8 gso = h->gso & (u8)~GSO_ECN, words = 0;
	u32 feature = feature_of(gso), start = h->csum_start, len = f->len, header;

	if (!feature || !virtio_has(&n->d, feature) || !o->checksum || !h->gso_size || h->header > len)
		return false;
	if (h->gso & GSO_ECN && (gso == NET_GSO_UDP || !virtio_has(&n->d, VNET_F_HOST_ECN)))
		return false;
	/* Its length of all headers is a hint only, the frame knows; who cuts it looks again, in the copy that is sent. */
	if (start < ETHER || start + (gso == NET_GSO_UDP ? UDP_SIZE : TCP_MIN) > len)
		return false;
	net_copy(f, start + 12, &words, 1);
	header = gso == NET_GSO_UDP ? UDP_SIZE : (words >> 4) * 4u;
	if ((gso != NET_GSO_UDP && header < TCP_MIN) || start + header >= len)
		return false;
	o->gso = gso;
	o->ecn = h->gso & GSO_ECN;
	o->gso_size = h->gso_size;
	o->header = (u16)(start + header);
	return true;
}

static bool offload(const struct vnet *n, const struct vnet_header *h, struct net_frame *f)
{
	struct net_offload *o = &f->offload;

	if (h->flags & NEEDS_CSUM) {
		if (!virtio_has(&n->d, VNET_F_CSUM) || (u32)h->csum_start + h->csum_offset + 2 > f->len)
			return false;
		o->checksum = true;
		o->csum_start = h->csum_start;
		o->csum_offset = h->csum_offset;
	}
	return !h->gso || check_large(n, h, f, o);
}

static inline struct net_piece piece_of(const struct vnet *n, const struct virtq *q, u8 *at, u32 len)
{
	const struct guest *g = n->d.f.g;
	u64 gpa = (u64)(at - q->base);
	u64 hpa = LIKELY(window_low(g, gpa, len)) ? g->range[0].hpa.v + gpa : window_hpa(g, GPA(gpa), len);

	return (struct net_piece){ at, hpa, len };
}

/* The frame behind the header, where it lies. How many pieces; 0: too many. */
static NOINLINE u32 find_pieces(const struct vnet *n, struct vnet_sent *s)
{
	const struct virtq *q = &n->d.queue[s->queue];
	const struct virtq_chain *c = &s->chain;
	u32 skip = n->header, pieces = 0;

	for (u32 i = 0; i < c->readable; i++) {
		u32 over = MIN(skip, c->piece[i].len);

		skip -= over;
		if (c->piece[i].len == over)
			continue;
		if (pieces == NET_PIECES_MAX)
			return 0;
		s->piece[pieces++] = piece_of(n, q, c->piece[i].at + over, c->piece[i].len - over);
	}
	return pieces;
}

/* Of a chain that holds more than a header; nearly always it is one piece. */
static inline bool make_frame(const struct vnet *n, struct vnet_sent *s)
{
	const struct virtq_chain *c = &s->chain;
	const struct gmem_piece *first = &c->piece[0];
	u32 pieces = 1;

	if (LIKELY(c->readable == 1))
		s->piece[0] = piece_of(n, &n->d.queue[s->queue], first->at + n->header, first->len - n->header);
	else
		pieces = find_pieces(n, s);
	s->frame = (struct net_frame){ .piece = s->piece, .pieces = pieces, .len = (u32)c->read_bytes - n->header };
	return pieces;
}

/* Nobody reads the frame any more: its buffers go back, unless the queue was taken away meanwhile. */
static void finish(struct vnet *n, struct vnet_sent *s)
{
	if (virtio_remote_has(&n->remote, s->queue))
		virtq_give(&n->d.queue[s->queue], &s->chain, 0);
	if (s == &n->sending[VNET_SENT])
		return;
	s->next = n->unused;
	n->unused = s;
}

static void done(struct net_frame *f)
{
	struct vnet_sent *s = container_of(f, struct vnet_sent, frame);
	struct vnet *n = s->n;
	u32 queue = s->queue;

	n->in_flight[queue]--;
	finish(n, s);
	if (virtio_remote_has(&n->remote, queue))
		virtio_remote_flush(&n->remote, queue);
}

/* true: a card holds it. */
static bool send_one(struct vnet *n, struct vnet_sent *s)
{
	const struct virtq_chain *c = &s->chain;
	struct vnet_header h;

	if (c->read_bytes < n->header + ETHER || c->read_bytes > n->header + NET_GSO_MAX || virtq_head(c, &h, HEADER) != HEADER ||
	    !make_frame(n, s) || !offload(n, &h, &s->frame)) {
		n->bad++;
		return false;
	}
	n->sent++;
	n->d.bytes += s->frame.len;
	vnet_steer_sent(n, &s->frame, s->queue / 2);
	if (s != &n->sending[VNET_SENT])
		s->frame.done = done;
	return switch_input(&n->port, &s->frame);
}

/* One frame. As virtq_take(). */
static int take_one(struct vnet *n, u32 queue, u32 *bytes)
{
	struct vnet_sent *s = n->unused ? n->unused : &n->sending[VNET_SENT];
	int got = virtq_take(&n->d.queue[queue], &s->chain);

	if (got <= 0)
		return got;
	if (s == n->unused)
		n->unused = s->next;
	s->queue = queue;
	*bytes += (u32)s->chain.read_bytes;
	n->in_flight[queue]++;
	if (send_one(n, s))
		return 1;
	n->in_flight[queue]--;
	finish(n, s);
	return 1;
}

bool vnet_send(struct vnet *n, u32 queue)
{
	u32 turn = TURN_FRAMES, most = TURN_BYTES, left, bytes = 0;
	int got = 1;

	if (UNLIKELY(n->senders > 1)) {
		turn = MAX(turn / n->senders, SHARE_FRAMES);
		most /= n->senders;
	}
	left = turn;
	while (left && bytes < most && (got = take_one(n, queue, &bytes)) > 0)
		left--;
	if (left < turn) {
		switch_flush();
		virtio_remote_flush(&n->remote, queue);
	}
	if (got < 0)
		virtio_remote_fail(&n->remote, queue);
	return left < turn;
}

void vnet_send_init(struct vnet *n)
{
	n->unused = NULL;
	for (u32 i = 0; i <= VNET_SENT; i++) {
		n->sending[i].n = n;
		if (i < VNET_SENT) {
			n->sending[i].next = n->unused;
			n->unused = &n->sending[i];
		}
	}
}
