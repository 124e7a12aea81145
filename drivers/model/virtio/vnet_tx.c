/* SPDX-License-Identifier: Apache-2.0 */
/* Sending: each chain is a header and a frame; the frame goes into the ring to the control core. The header is the driver's
 * word: it is checked on a copy, against the copy of the frame. VIRTIO 1.2 "Packet Transmission". */
#include "vnet.h"

#include <hv/control_work.h>
#include <hv/lib.h>

#define TURN_FRAMES 64u			/* in one exit */
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

static bool check_large(const struct vnet *n, const struct vnet_header *h, const u8 *frame, u32 len, struct net_offload *o)
{
	u8 gso = h->gso & (u8)~GSO_ECN;
	u32 feature = feature_of(gso), start = h->csum_start, header;

	if (!feature || !virtio_has(&n->d, feature) || !o->checksum || !h->gso_size || h->header > len)
		return false;
	if (h->gso & GSO_ECN && (gso == NET_GSO_UDP || !virtio_has(&n->d, VNET_F_HOST_ECN)))
		return false;
	/* Its length of all headers is a hint only; the frame knows. */
	if (start < ETHER || start + (gso == NET_GSO_UDP ? UDP_SIZE : TCP_MIN) > len)
		return false;
	header = gso == NET_GSO_UDP ? UDP_SIZE : (frame[start + 12] >> 4) * 4u;
	if ((gso != NET_GSO_UDP && header < TCP_MIN) || start + header >= len)
		return false;
	o->gso = gso;
	o->ecn = h->gso & GSO_ECN;
	o->gso_size = h->gso_size;
	o->header = (u16)(start + header);
	return true;
}

static bool offload(const struct vnet *n, const struct vnet_header *h, const u8 *frame, u32 len, struct net_offload *o)
{
	*o = (struct net_offload){ 0 };
	if (h->flags & NEEDS_CSUM) {
		if (!virtio_has(&n->d, VNET_F_CSUM) || (u32)h->csum_start + h->csum_offset + 2 > len)
			return false;
		o->checksum = true;
		o->csum_start = h->csum_start;
		o->csum_offset = h->csum_offset;
	}
	return !h->gso || check_large(n, h, frame, len, o);
}

/* There is room in tx for the largest frame. */
static bool send_one(struct vnet *n, const struct virtq_chain *c)
{
	struct frame_record record = { 0 };
	struct vnet_header h;
	u8 *to;

	if (c->read_bytes < HEADER + ETHER || c->read_bytes > HEADER + NET_GSO_MAX)
		return false;
	virtq_head(c, &h, HEADER);
	record.len = (u32)c->read_bytes - HEADER;
	to = frame_ring_reserve(&n->tx, record.len);
	if (!to)
		return false;
	virtq_copy_from(c, 0, c->readable, HEADER, to, record.len);
	if (!offload(n, &h, to, record.len, &record.offload))
		return false;
	frame_ring_commit(&n->tx, &record);
	n->d.bytes += record.len;
	return true;
}

/* What is taken cannot be put back: the room comes first. Asking to be called and looking again pairs with vnet_poll(). */
static bool has_room(struct vnet *n)
{
	if (LIKELY(frame_ring_reserve(&n->tx, NET_GSO_MAX)))
		return true;
	exchange(&n->blocked, 1u);
	return frame_ring_reserve(&n->tx, NET_GSO_MAX);
}

/* Returns what virtq_take() said last; 0 too when the control core will call. */
static int send_some(struct vnet *n, struct virtq *q, u32 *left, bool *room)
{
	struct virtq_chain c;
	int got = 1;

	while (*left && (*room = has_room(n)) && (got = virtq_take(q, &c)) > 0) {
		bool good = send_one(n, &c);

		n->sent += good;
		n->bad += !good;
		virtq_give(q, &c, 0);
		--*left;
	}
	return *room ? got : 0;
}

void vnet_send(struct vnet *n)
{
	struct virtq *q = &n->d.queue[VNET_TX];
	u32 left = TURN_FRAMES;
	bool room = true;
	int got;

	virtq_quiet(q);
	do
		got = send_some(n, q, &left, &room);
	while (!got && room && virtq_listen(q));
	if (left < TURN_FRAMES || !room)
		control_work_ring();
	if (got < 0)
		virtio_fail(&n->d, VNET_TX);
	virtio_flush(&n->d, VNET_TX);
	if (got > 0)
		virtio_again(&n->d, VNET_TX);
}
