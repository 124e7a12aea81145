/* SPDX-License-Identifier: Apache-2.0 */
/* Sending: descriptors of three kinds are put together to frames, each into the ring to the control core. What the card
 * would compute itself is left to whoever can: checksums and cutting large segments are passed on in virtio's terms.
 * 82574 Datasheet "Transmit Functionality". */
#include "ve1000e.h"

#include <hv/control_work.h>
#include <hv/lib.h>

#define DESCRIPTOR 16u
#define PIECES_MAX 64u			/* descriptors of one frame */
#define TURN_DESCRIPTORS 512u		/* in one exit; the rest when the control core calls back */
#define ENABLE 2u
#define CTRL_VME BIT32(30)
#define FRAME_DESCRIPTORS_MAX 256u	/* with contexts and empty ones; a driver that goes on makes no frame */

enum command { CMD_EOP = 1, CMD_IC = 4, CMD_TSE = 4, CMD_RS = 8, CMD_DEXT = 0x20, CMD_VLE = 0x40 };
enum { TYPE_CONTEXT = 0, TYPE_DATA = 1 };
#define TUCMD_TCP 1u
#define TUCMD_IPV4 2u
#define POPTS_IP 1u
#define POPTS_SUM 2u
#define STATUS_DONE 1u

struct descriptor {
	u64 address, rest;
};

/* One frame under way. */
struct gather {
	u32 count, len;
	struct gmem_piece piece[PIECES_MAX];
	u8 command;			/* of its descriptors, together */
	u8 options;			/* of the first one */
	u8 sum_start, sum_offset;	/* legacy insertion */
	bool legacy_sum, bad;
	u16 vlan;
};

static u16 get16(const u8 *p)
{
	return (u16)(p[0] << 8 | p[1]);
}

static void put16(u8 *p, u32 val)
{
	p[0] = (u8)(val >> 8);
	p[1] = (u8)val;
}

static u32 sum_bytes(const u8 *p, u32 n, u32 sum)
{
	for (u32 i = 0; i + 1 < n; i += 2)
		sum += get16(p + i);
	return n & 1 ? sum + (u32)(p[n - 1] << 8) : sum;
}

static u16 fold(u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16)((sum & 0xffff) + (sum >> 16));
}

static void take_context(struct ve1000e *n, u32 queue, const struct descriptor *d)
{
	u32 command = (u32)(d->rest >> 24) & 0xff;

	n->context[queue] = (struct ve1000e_context){
		.ip_start = (u8)d->address, .ip_offset = (u8)(d->address >> 8),
		.sum_start = (u8)(d->address >> 32), .sum_offset = (u8)(d->address >> 40),
		.payload = d->rest & 0xfffff, .header = (u8)(d->rest >> 40), .mss = (u16)(d->rest >> 48),
		.tcp = command & TUCMD_TCP, .ipv4 = command & TUCMD_IPV4,
	};
}

/* Add the piece of memory that a descriptor names; an empty one is allowed. */
static void add_piece(struct ve1000e *n, struct gather *g, u64 address, u32 len)
{
	u8 *at = len ? ve1000e_memory(n, address, len) : NULL;

	if (!len)
		return;
	if (!at || g->count == PIECES_MAX || len > NET_GSO_MAX - g->len) {
		g->bad = true;
		return;
	}
	g->piece[g->count++] = (struct gmem_piece){ at, len };
	g->len += len;
}

static void add_data(struct ve1000e *n, struct gather *g, const struct descriptor *d)
{
	bool extended = d->rest >> 24 & CMD_DEXT, first = !g->count;
	u8 command = (u8)(d->rest >> 24);

	if (first && extended)
		g->options = (u8)(d->rest >> 40);
	if (first && !extended && command & CMD_IC) {
		g->legacy_sum = true;
		g->sum_start = (u8)(d->rest >> 40);
		g->sum_offset = (u8)(d->rest >> 16);
	}
	if (first)
		g->command = command;
	if (command & CMD_EOP)
		g->vlan = (u16)(d->rest >> 48);
	g->command |= command & (CMD_EOP | CMD_RS | CMD_VLE);
	add_piece(n, g, d->address, extended ? (u32)(d->rest & 0xfffff) : (u32)(d->rest & 0xffff));
}

/* The header checksum of IPv4 is always ours: nobody behind computes it. false: it does not lie in the frame. */
static bool put_ip_sum(const struct ve1000e_context *c, u8 *frame, u32 len)
{
	u32 end = c->sum_start > c->ip_start ? c->sum_start : 0;

	if (!end || end > len || c->ip_offset < c->ip_start || c->ip_offset + 2u > end)
		return false;
	put16(frame + c->ip_offset, 0);
	put16(frame + c->ip_offset, (u16)~fold(sum_bytes(frame + c->ip_start, end - c->ip_start, 0)));
	return true;
}

/* Drivers leave lengths out of what the card is to cut; a large frame has them, its partial sum too. */
static bool complete_large(const struct ve1000e_context *c, u8 *frame, u32 len, struct net_offload *o)
{
	u32 ip = c->ip_start, protocol = c->tcp ? 6 : 17, room = c->ipv4 ? 20 : 40, tail = len - c->sum_start, sum;

	if (!c->mss || !c->header || c->header >= len || c->sum_start < ip + room ||
	    c->sum_start + 8u > c->header || c->sum_offset < c->sum_start || c->sum_offset + 2u > c->header)
		return false;
	if (c->ipv4) {
		put16(frame + ip + 2, len - ip);
		sum = sum_bytes(frame + ip + 12, 8, protocol + tail);
	} else {
		put16(frame + ip + 4, len - ip - 40);
		sum = sum_bytes(frame + ip + 8, 32, protocol + (tail & 0xffff) + (tail >> 16));
	}
	put16(frame + c->sum_offset, fold(sum));
	o->gso = c->tcp ? (c->ipv4 ? NET_GSO_TCP4 : NET_GSO_TCP6) : NET_GSO_UDP;
	o->gso_size = c->mss;
	o->header = c->header;
	return true;
}

/* What the card was to do to the frame, in the words of who will. false: it makes no sense, the frame is dropped. */
static bool offload(const struct ve1000e_context *c, const struct gather *g, u8 *frame, struct net_offload *o)
{
	bool large = g->command & CMD_DEXT && g->command & CMD_TSE, sum = g->options & POPTS_SUM;
	u32 start = g->legacy_sum ? g->sum_start : c->sum_start, offset = g->legacy_sum ? g->sum_offset : c->sum_offset;

	*o = (struct net_offload){ 0 };
	if (large && !complete_large(c, frame, g->len, o))
		return false;
	if ((g->options & POPTS_IP || (large && c->ipv4)) && !put_ip_sum(c, frame, g->len))
		return false;
	if (!sum && !large && !g->legacy_sum)
		return true;
	if (offset < start || offset + 2 > g->len)
		return false;
	o->checksum = true;
	o->csum_start = (u16)start;
	o->csum_offset = (u16)(offset - start);
	return true;
}

enum outcome { SENT, DROPPED, NO_ROOM };

static enum outcome put_frame(struct ve1000e *n, u32 queue, const struct gather *g)
{
	struct frame_record record = { .len = g->len, .vlan = g->vlan };
	u8 *to, *at;

	if (g->bad || g->len < 14)
		return DROPPED;
	to = at = frame_ring_reserve(&n->tx, g->len);
	if (!to)
		return NO_ROOM;
	for (u32 i = 0; i < g->count; at += g->piece[i++].len)
		memcpy(at, g->piece[i].at, g->piece[i].len);
	record.tagged = g->command & CMD_VLE && ve1000e_get(n, E_CTRL) & CTRL_VME;
	if (!offload(&n->context[queue], g, to, &record.offload))
		return DROPPED;
	frame_ring_commit(&n->tx, &record);
	ve1000e_count(n, STAT_GPTC, 1);
	ve1000e_count(n, STAT_TPT, 1);
	ve1000e_count(n, STAT_GOTC, g->len);
	return SENT;
}

/* The queue's registers, checked: its ring must be the guest's RAM. */
struct ring {
	u8 *at;
	u32 count, head, tail;
};

static bool ring_of(struct ve1000e *n, u32 queue, struct ring *r)
{
	u32 base = queue * E_QUEUE, bytes = ve1000e_get(n, E_TDLEN + base) & 0xfff80;
	u64 address = (u64)ve1000e_get(n, E_TDBAH + base) << 32 | (ve1000e_get(n, E_TDBAL + base) & ~15u);

	r->count = bytes / DESCRIPTOR;
	r->head = ve1000e_get(n, E_TDH + base) & 0xffff;
	r->tail = ve1000e_get(n, E_TDT + base) & 0xffff;
	r->at = ve1000e_memory(n, address, bytes);
	return r->at && ve1000e_get(n, E_TCTL) & ENABLE && r->head < r->count && r->tail < r->count;
}

/* Descriptors [from, to) are done: those that asked for it are told so. Returns whether one did. */
static bool write_back(const struct ring *r, u32 from, u32 to)
{
	bool any = false;

	for (u32 i = from; i != to; i = (i + 1) % r->count) {
		u8 *d = r->at + i * DESCRIPTOR;

		if (!(*(volatile u8 *)(d + 11) & CMD_RS))
			continue;
		__atomic_store_n(d + 12, (u8)(*(volatile u8 *)(d + 12) | STATUS_DONE), __ATOMIC_RELEASE);
		any = true;
	}
	return any;
}

/* From r->head to the end of one frame; where it ends, or r->tail when its last part is not there yet. */
static u32 gather_frame(struct ve1000e *n, u32 queue, const struct ring *r, struct gather *g)
{
	u32 i = r->head, seen = 0;

	*g = (struct gather){ 0 };
	while (i != r->tail) {
		struct descriptor d;

		if (seen++ == FRAME_DESCRIPTORS_MAX) {
			g->bad = true;
			g->command |= CMD_EOP;
			return i;
		}
		memcpy(&d, r->at + i * DESCRIPTOR, sizeof(d));
		i = (i + 1) % r->count;
		if (d.rest >> 24 & CMD_DEXT && (d.rest >> 20 & 15) == TYPE_CONTEXT) {
			take_context(n, queue, &d);
			if (!g->count && !g->bad)
				return i;
			continue;
		}
		add_data(n, g, &d);
		if (g->command & CMD_EOP)
			return i;
	}
	return i;
}

void ve1000e_send(struct ve1000e *n, u32 queue)
{
	u32 left = TURN_DESCRIPTORS, taken = 0;
	bool told = false, partial = false;
	struct ring r;

	if (!ring_of(n, queue, &r))
		return;
	while (r.head != r.tail && taken < left) {
		struct gather g;
		u32 next = gather_frame(n, queue, &r, &g);
		enum outcome out = g.command & CMD_EOP ? put_frame(n, queue, &g) : DROPPED;

		partial = !(g.command & CMD_EOP) && next == r.tail && g.count;
		if (out == NO_ROOM || partial)
			break;		/* room, or the frame's end, will come */
		n->sent += out == SENT;
		n->bad += out == DROPPED && (g.count || g.bad);
		taken += (next - r.head + r.count) % r.count;
		told = write_back(&r, r.head, next) || told;
		r.head = next;
	}
	*ve1000e_reg(n, E_TDH + queue * E_QUEUE) = r.head;
	/* Asked first, rung afterwards: the control core may have emptied the ring meanwhile, and looks once more. */
	if (r.head != r.tail && !partial)
		exchange(&n->blocked, 1u);
	if (taken || (r.head != r.tail && !partial))
		control_work_ring();
	if (told)
		ve1000e_cause(n, CAUSE_TXDW | (queue ? CAUSE_TXQ1 : CAUSE_TXQ0));
}
