/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving: frames go through the filter into the driver's buffers. With MRG_RXBUF a frame takes as many as it needs, else it
 * must fit into one; the driver sees all of them or none. Frames that find no buffers are kept, in their order, as long as there is
 * room. VIRTIO 1.2 "Processing of Incoming Packets". */
#include "vnet.h"

#include <hv/copy_wide.h>
#include <hv/lib.h>

#define TURN_FRAMES 64u			/* out of the backlog in one round */
#define HEADER ((u32)sizeof(struct vnet_header))
#define ETHER 14u
#define LARGE 4096u			/* longer than most drivers' buffers */
#define NEEDS_CSUM 1u
#define DATA_VALID 2u
#define GSO_ECN 0x80u

enum outcome { RECEIVED, WAITS, UNFIT, BROKEN };

/* Of one that has waited: the driver may take less than when it was let in. The switch cuts, and sums, as it is said to it. */
static bool is_taken(const struct vnet *n, const struct net_offload *o)
{
	u64 has = n->offloads;

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
	u64 has = n->offloads;
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

/* A reader's place in a frame. */
struct place {
	const struct net_piece *piece;
	u32 off;
};

/* The next n bytes of a frame that has so many. */
static void copy_on(struct place *from, u8 *to, u32 n)
{
	while (n) {
		u32 part = MIN(n, from->piece->len - from->off);

		copy_frame(to, from->piece->at + from->off, part);
		to += part;
		n -= part;
		from->off += part;
		if (from->off == from->piece->len) {
			from->piece++;
			from->off = 0;
		}
	}
}

/* As much of the frame, of which `left` bytes are left, as the buffer holds behind its first `skip` bytes. */
static u32 fill(const struct virtq_chain *c, u32 skip, struct place *from, u32 left)
{
	u32 all = left;

	for (u32 i = 0; i < c->writable && left; i++) {
		u32 over = MIN(skip, c->piece[i].len), part = MIN(left, c->piece[i].len - over);

		skip -= over;
		copy_on(from, c->piece[i].at + over, part);
		left -= part;
	}
	return all - left;
}

/* In front of the frame, in one piece. */
static inline void put_header_at(const struct vnet *n, const struct net_offload *o, u32 buffers, u8 *to)
{
	struct vnet_header h = header_of(n, o, buffers);

	__builtin_memcpy(to, &h, HEADER);
	if (n->header > HEADER)
		memcpy(to + HEADER, &n->steer.last, sizeof(n->steer.last));
}

/* In front of the frame, in the first buffer; nearly always its first piece has room for it. */
static inline void put_header(struct vnet *n, const struct net_offload *o, u32 buffers)
{
	struct vnet_header h;

	if (LIKELY(n->first.piece[0].len >= n->header)) {
		put_header_at(n, o, buffers, n->first.piece[0].at);
		return;
	}
	h = header_of(n, o, buffers);
	virtq_copy_to(&n->first, 0, n->first.writable, 0, &h, HEADER);
	if (n->header > HEADER)
		virtq_copy_to(&n->first, 0, n->first.writable, HEADER, &n->steer.last, sizeof(n->steer.last));
}

static inline void note(struct vnet *n, u32 queue, const struct net_frame *f)
{
	n->dirty |= BIT32(queue);
	n->received++;
	n->d.bytes += f->len;
}

/* All of the frame is in its buffers: the header, then the buffers go back together. */
static void finish(struct vnet *n, u32 queue, const struct net_frame *f, u32 count)
{
	struct virtq *q = &n->d.queue[queue];

	put_header(n, &f->offload, count);
	virtq_hold(q);
	for (u32 i = 0; i < count; i++) {
		n->first.id = n->buffer[i].id;
		n->first.slots = n->buffer[i].slots;
		virtq_give(q, &n->first, n->buffer[i].written);
	}
	virtq_let_go(q);
	note(n, queue, f);
}

/* The next buffer, of at least so many bytes. 1: c is it. */
static int next_buffer(struct virtq *q, struct virtq_chain *c, u32 count, u32 least)
{
	int got = virtq_take(q, c);

	if (got > 0 && (c->readable || c->write_bytes < least))
		return virtq_break(q, "no buffer for a frame");
	if (got > 0 && count == VNET_QUEUE_SIZE)
		return virtq_break(q, "more buffers than places");
	return got;
}

/* The next part of the frame, of which `left` bytes are left, behind the first `skip` bytes of a buffer: mostly of one piece into
 * one. */
static inline u32 put_part(const struct virtq_chain *c, u32 skip, struct place *from, u32 left)
{
	const struct gmem_piece *to = &c->piece[0];
	u32 part = MIN(left, (u32)to->len - skip);

	if (UNLIKELY(c->writable != 1 || from->piece->len - from->off < part))
		return fill(c, skip, from, left);
	copy_frame(to->at + skip, from->piece->at + from->off, part);
	from->off += part;
	if (from->off == from->piece->len) {
		from->piece++;
		from->off = 0;
	}
	return part;
}

/* Over as many buffers as it takes; got: what came of asking for the first, which lies behind mark. */
static NOINLINE enum outcome put_pieces(struct vnet *n, u32 queue, const struct net_frame *f, struct virtq_mark mark, int got)
{
	struct virtq *q = &n->d.queue[queue];
	struct virtq_chain *c = &n->first;
	struct place from = { .piece = f->piece };
	u32 left = f->len, count = 0, skip = n->header, part;

	for (;;) {
		if (UNLIKELY(got < 0))
			return BROKEN;
		if (UNLIKELY(!got)) {
			virtq_too_little(q, mark);
			return WAITS;
		}
		if (UNLIKELY(!virtio_has(&n->d, VNET_F_MRG_RXBUF) && c->write_bytes - skip < left)) {
			virtq_rewind(q, mark);
			return UNFIT;
		}
		part = put_part(c, skip, &from, left);
		n->buffer[count++] = (struct vnet_buffer){ c->id, c->slots, part + skip };
		left -= part;
		if (!left)
			break;
		c = &n->more;
		skip = 0;
		got = next_buffer(q, c, count, 1);
	}
	finish(n, queue, f, count);
	return RECEIVED;
}

/* Nearly always the first buffer is one piece of memory that holds all of it. */
static inline bool is_whole(const struct vnet *n, const struct net_frame *f)
{
	return n->first.writable == 1 && n->first.piece[0].len >= (u64)n->header + f->len;
}

static inline void put_whole(struct vnet *n, u32 queue, const struct net_frame *f)
{
	u8 *to = n->first.piece[0].at + n->header;
	u32 left = f->len;

	for (const struct net_piece *p = f->piece; left; p++) {
		u32 part = MIN(p->len, left);

		copy_frame(to, p->at, part);
		to += part;
		left -= part;
	}
	put_header(n, &f->offload, 1);
	virtq_give(&n->d.queue[queue], &n->first, n->header + f->len);
	note(n, queue, f);
}

/* Over many buffers, of one piece each as nearly always. false: it cannot be done so, nothing was taken. */
static bool put_places(struct vnet *n, u32 queue, const struct net_frame *f)
{
	struct virtq *q = &n->d.queue[queue];
	u32 count = virtq_take_places(q, n->place, VNET_QUEUE_SIZE, n->header, (u64)n->header + f->len);
	u32 left = f->len, skip = n->header;
	struct place from = { .piece = f->piece };

	if (UNLIKELY(!count))
		return false;
	put_header_at(n, &f->offload, count, n->place[0].at);
	for (struct virtq_place *p = n->place; p < n->place + count; p++) {
		u32 part = MIN(left, p->len - skip);

		copy_on(&from, p->at + skip, part);
		p->written = skip + part;
		left -= part;
		skip = 0;
	}
	virtq_give_places(q, n->place, count);
	note(n, queue, f);
	return true;
}

static enum outcome put_frame(struct vnet *n, u32 queue, const struct net_frame *f)
{
	struct virtq *q = &n->d.queue[queue];
	struct virtq_mark mark = virtq_mark(q);
	int got;

	if (f->len >= LARGE && virtio_has(&n->d, VNET_F_MRG_RXBUF) && LIKELY(put_places(n, queue, f)))
		return RECEIVED;
	got = next_buffer(q, &n->first, 0, n->header);
	if (UNLIKELY(got <= 0 || !is_whole(n, f)))
		return put_pieces(n, queue, f, mark, got);
	put_whole(n, queue, f);
	return RECEIVED;
}

static enum outcome receive(struct vnet *n, u32 queue, const struct net_frame *f)
{
	enum outcome out = put_frame(n, queue, f);

	n->unfit += out == UNFIT;
	if (out == BROKEN)
		virtio_remote_fail(&n->remote, queue);
	return out;
}

/* A queue that the driver has set up; where it did not, the first one takes it. */
static u32 queue_of(const struct vnet *n, u32 pair)
{
	return virtio_remote_has(&n->remote, 2 * pair) ? 2 * pair : VNET_RX;
}

/* Into the ring, where it waits for buffers. */
static NOINLINE enum net_verdict keep(struct vnet *n, u32 queue, const struct net_frame *f)
{
	u8 *to = frame_ring_reserve(&n->backlog, f->len);

	virtio_remote_wake(&n->remote, queue);
	if (!to)
		return NET_NO_ROOM;
	net_copy(f, 0, to, f->len);
	frame_ring_commit(&n->backlog, &(struct frame_record){ .len = f->len, .queue = (u16)queue, .offload = f->offload });
	n->kept++;
	return NET_TAKEN;
}

/* Nearly all: to the driver's own address, no tag in it. */
static inline bool is_plain_for(const struct vnet_filter *filter, const struct net_frame *f)
{
	const u8 *head = f->piece[0].at;

	return f->piece[0].len >= ETHER && net_mac_equal(head, filter->mac) && head[12] != 0x81 && !filter->no_unicast;
}

static NOINLINE bool passes_filter(struct vnet *n, const struct net_frame *f)
{
	u8 head[ETHER + 4];
	bool good = vnet_passes(n, head, net_copy(f, 0, head, sizeof(head)));

	n->filtered += !good;
	return good;
}

static inline bool passes(struct vnet *n, const struct net_frame *f)
{
	return n->filter.promiscuous || LIKELY(is_plain_for(&n->filter, f)) || passes_filter(n, f);
}

enum net_verdict vnet_deliver(struct net_port *p, struct net_frame *f)
{
	struct vnet *n = p->owner;
	enum outcome out = WAITS;
	u32 queue;

	if (!virtio_remote_has(&n->remote, VNET_RX))
		return NET_DOWN;
	if (f->len > NET_GSO_MAX)
		return NET_TOO_LONG;
	if (!passes(n, f))
		return NET_TAKEN;
	queue = LIKELY(vnet_steers_nothing(n)) ? (u32)VNET_RX : queue_of(n, vnet_steer(n, f));
	if (LIKELY(frame_ring_empty(&n->backlog)))
		out = receive(n, queue, f);
	if (out == WAITS)
		return keep(n, queue, f);
	return out == BROKEN ? NET_DOWN : NET_TAKEN;
}

/* The oldest frame that waits. true: it is gone, or found buffers. */
static bool drain_one(struct vnet *n, const struct frame_record *r)
{
	struct net_piece piece = { .at = (const u8 *)(r + 1), .len = r->len };
	struct net_frame f = { .piece = &piece, .pieces = 1, .len = r->len, .offload = r->offload };
	u32 queue = queue_of(n, r->queue / 2);
	enum outcome out = WAITS;

	if (virtq_news(&n->d.queue[queue])) {
		if (n->header > HEADER)
			vnet_steer(n, &f);	/* for its hash */
		if (is_taken(n, &f.offload)) {
			out = receive(n, queue, &f);
		} else {
			out = UNFIT;
			n->unfit++;
		}
	}
	if (out == WAITS)
		virtio_remote_wake(&n->remote, queue);
	return out != WAITS && out != BROKEN;
}

/* The driver is to tell of new buffers in the queue that the oldest frame waits for, in others it need not. */
bool vnet_drain(struct vnet *n, u32 queue)
{
	const struct frame_record *r;
	u32 left = TURN_FRAMES;

	while (left && (r = frame_ring_peek(&n->backlog)) && drain_one(n, r)) {
		frame_ring_drop(&n->backlog);
		left--;
	}
	for (; n->dirty; n->dirty &= n->dirty - 1)
		virtio_remote_flush(&n->remote, (u32)__builtin_ctz(n->dirty));
	r = frame_ring_peek(&n->backlog);
	if (!r || queue_of(n, r->queue / 2) != queue)
		virtio_remote_rest(&n->remote, queue);
	return left < TURN_FRAMES;
}
