/* SPDX-License-Identifier: Apache-2.0 */
/* Sending: "Packet Transmission" (5.1.6.2). Every frame takes a slot for the header and what is copied (short frames, those
 * that nobody lets us hold, pieces that no device reaches), long copies take more slots; the rest goes out from where it
 * lies. */
#include <hv/lib.h>
#include <hv/time.h>

#include "vionet.h"

#define ETHER 14u
#define FLOW_MACS 12u
#define FLOW_IP 26u
#define FLOW_END 38u
#define NO_SLOT VIO_QUEUE_MAX
#define HANG_NS (5 * NS_PER_S)

static u8 *buffer(const struct vionet_pair *q, u32 slot) { return q->out.buffer + slot * VIONET_BUFFER; }

void vionet_tx_clear(struct vionet_pair *q)
{
	for (u32 i = 0; i < q->tx.size; i++) {
		struct net_frame *held = q->out.slot[i].held;

		q->out.slot[i] = (struct vionet_slot){ .next = (u16)(i + 1 < q->tx.size ? i + 1 : NO_SLOT) };
		if (held)
			held->done(held);
	}
	q->out.free = 0;
	q->out.free_count = q->tx.size;
}

static u16 slot_get(struct vionet_pair *q)
{
	u16 slot = q->out.free;

	q->out.free = q->out.slot[slot].next;
	q->out.free_count--;
	q->out.slot[slot] = (struct vionet_slot){ .next = NO_SLOT };
	return slot;
}

static void slots_free(struct vionet_pair *q, u32 slot)
{
	while (slot != NO_SLOT) {
		u32 next = q->out.slot[slot].next;

		q->out.slot[slot].next = q->out.free;
		q->out.free = (u16)slot;
		q->out.free_count++;
		slot = next;
	}
}

static u32 slots_needed(u32 copy)
{
	return copy <= VIONET_DATA ? 1 : 1 + (u32)(ALIGN_UP(copy - VIONET_DATA, VIONET_BUFFER) / VIONET_BUFFER);
}

static bool write_header(const struct vionet *c, const struct net_frame *f, struct vionet_header *h)
{
	const struct net_offload *o = &f->offload;
	bool known = (o->gso == NET_GSO_TCP4 && c->net.can_tso4) || (o->gso == NET_GSO_TCP6 && c->net.can_tso6);

	*h = (struct vionet_header){ .flags = 0 };
	if (!o->checksum)
		return !o->gso;
	if (!c->net.can_checksum || o->csum_start < ETHER || (u32)o->csum_start + o->csum_offset + 2 > f->len)
		return false;
	h->flags = HEADER_NEEDS_SUM;
	h->csum_start = o->csum_start;
	h->csum_offset = o->csum_offset;
	if (!o->gso)
		return true;
	h->gso = (u8)o->gso | (o->ecn && c->vio.features & BIT(NET_F_HOST_ECN) ? HEADER_ECN : 0);
	h->header = o->header;
	h->gso_size = o->gso_size;
	return known && o->gso_size && o->header < f->len && o->header > o->csum_start;
}

/* The first `copy` bytes, behind the header, in as many slots as they need. Returns how many pieces. */
static u32 put_copy(struct vionet_pair *q, const struct net_frame *f, u32 first, u32 copy, struct dma_piece *piece)
{
	u32 n = 0, slot = first, at = 0, off = VIONET_HEADER;

	for (;;) {
		u32 part = MIN(copy - at, VIONET_BUFFER - off);

		net_copy(f, at, buffer(q, slot) + off, part);
		piece[n++] = (struct dma_piece){ q->out.hpa + slot * VIONET_BUFFER, off + part };
		at += part;
		if (at == copy)
			return n;
		off = 0;
		q->out.slot[slot].next = slot_get(q);
		slot = q->out.slot[slot].next;
	}
}

static u32 put_pieces(const struct net_frame *f, u32 skip, struct dma_piece *piece)
{
	u32 n = 0;

	for (u32 i = 0; i < f->pieces; i++) {
		u32 len = f->piece[i].len, part = MIN(skip, len);

		skip -= part;
		if (len > part)
			piece[n++] = (struct dma_piece){ f->piece[i].hpa + part, len - part };
	}
	return n;
}

/* Frames of a flow stay in their order, so in one queue: by Ethernet addresses and what lies where IPv4 without options has its
 * addresses and ports; of IPv6 that is a part of an address. */
static struct vionet_pair *pair_for(const struct vionet *c, const struct net_frame *f)
{
	u8 head[FLOW_END];
	u32 n = MIN(f->len, FLOW_END), hash = 2166136261u;

	if (c->pairs_used == 1)
		return c->pair;
	net_copy(f, 0, head, n);
	for (u32 i = 0; i < n; i++)
		if (i < FLOW_MACS || i >= FLOW_IP)
			hash = (hash ^ head[i]) * 16777619u;
	return &c->pair[(hash >> 16) % c->pairs_used];
}

enum net_verdict vionet_send(struct netdev *n, struct net_frame *f)
{
	struct vionet *c = n->driver;
	struct dma_piece piece[VIONET_TX_PIECES];
	struct vionet_pair *q;
	struct vionet_header h;
	u32 copy, pieces, slot;

	if (c->state != VIONET_RUNS || !n->link)
		return NET_DOWN;
	if (f->len > (f->offload.gso ? NET_GSO_MAX : NET_FRAME_MAX))
		return NET_TOO_LONG;
	if (f->len < ETHER || f->pieces > NET_PIECES_MAX || f->tagged || !write_header(c, f, &h)) {
		n->stats.tx_errors++;
		return NET_REFUSED;
	}
	q = pair_for(c, f);
	copy = nic_bytes_to_copy(f, 0, VIONET_DATA);
	pieces = slots_needed(copy) + (copy < f->len ? f->pieces : 0);
	if (pieces > MAX((u32)q->tx.size, (u32)q->tx.table_pieces))
		return NET_TOO_LONG;
	if (slots_needed(copy) > q->out.free_count || !vio_queue_has_room(&q->tx, pieces)) {
		n->stats.tx_full++;
		return NET_NO_ROOM;
	}
	slot = slot_get(q);
	memcpy(buffer(q, slot), &h, sizeof(h));
	pieces = put_copy(q, f, slot, copy, piece);
	if (copy < f->len) {
		pieces += put_pieces(f, copy, piece + pieces);
		q->out.slot[slot].held = f;
	}
	vio_queue_put(&q->tx, piece, pieces, 0, &q->out.slot[slot]);
	n->stats.tx_frames++;
	n->stats.tx_bytes += f->len;
	return copy < f->len ? NET_HELD : NET_TAKEN;
}

void vionet_kick(struct netdev *n)
{
	struct vionet *c = n->driver;

	for (u32 i = 0; i < c->pairs_used && c->state == VIONET_RUNS; i++)
		vio_queue_kick(&c->pair[i].tx);
}

bool vionet_tx_poll(struct vionet_pair *q, u64 now)
{
	struct vionet_slot *slot;
	struct net_frame *held;
	u32 n = 0, len;

	for (; n < VIO_QUEUE_MAX && q->c->state == VIONET_RUNS; n++) {
		slot = vio_queue_get(&q->tx, &len);
		if (!slot)
			break;
		held = slot->held;
		slot->held = NULL;
		slots_free(q, (u32)(slot - q->out.slot));
		if (held)
			held->done(held);
	}
	if (n || !q->tx.in_flight)
		q->out.moved = now;
	else if (now - q->out.moved > ns_to_ticks(HANG_NS))
		vionet_reset(q->c, "it does not send any more", now);
	return n;
}
