/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving: frames that the control core has put into the ring go through the card's filters into the driver's buffers.
 * One queue takes all. 82574 Datasheet "Receive Functionality". */
#include "ve1000e.h"

#include <hv/crc32.h>
#include <hv/lib.h>

#define DESCRIPTOR 16u
#define ENABLE 2u
#define RCTL_UNICAST_ALL BIT32(3)
#define RCTL_MULTICAST_ALL BIT32(4)
#define RCTL_LONG BIT32(5)
#define RCTL_BROADCAST BIT32(15)
#define RCTL_VLAN_FILTER BIT32(18)
#define RCTL_SECRC BIT32(26)
#define CTRL_VME BIT32(30)
#define RFCTL_EXTENDED BIT32(15)
#define PACKET_SPLIT 1u			/* RCTL.DTYP */
#define LONG_FROM 1519u
#define ADDRESSES 16u
#define BUFFERS_MAX 4u			/* of one packet split descriptor */
#define TURN_FRAMES 256u
#define FCS 4u

enum rx_status { RX_DONE = 1, RX_END = 2, RX_IGNORE_SUM = 4, RX_VLAN = 8, RX_UDP_SUM = 0x10, RX_TCP_SUM = 0x20 };

struct ring {
	u8 *at;
	u32 count, head, tail;
};

static bool ring_of(struct ve1000e *n, struct ring *r)
{
	u32 split = (ve1000e_get(n, E_RCTL) >> 10 & 3) == PACKET_SPLIT ? 2 : 1, bytes = ve1000e_get(n, E_RDLEN) & 0xfff80;

	r->count = bytes / (DESCRIPTOR * split);
	r->head = ve1000e_get(n, E_RDH) & 0xffff;
	r->tail = ve1000e_get(n, E_RDT) & 0xffff;
	r->at = ve1000e_memory(n, (u64)ve1000e_get(n, E_RDBAH) << 32 | (ve1000e_get(n, E_RDBAL) & ~15u), bytes);
	return r->at && ve1000e_get(n, E_RCTL) & ENABLE && r->head < r->count && r->tail < r->count;
}

/* --- filters ----------------------------------------------------------------------------------------------------- */

static bool is_own(const struct ve1000e *n, const u8 *to)
{
	for (u32 i = 0; i < ADDRESSES; i++) {
		u64 entry = ve1000e_get(n, E_RAL + 8 * i) | (u64)ve1000e_get(n, E_RAL + 8 * i + 4) << 32;

		if (entry >> 63 && !memcmp(&entry, to, NET_MAC))
			return true;
	}
	return false;
}

/* 12 bits of the address, which ones says RCTL.MO, are a place in the table. Datasheet "Multicast Table Array". */
static bool in_multicast_table(const struct ve1000e *n, const u8 *to)
{
	static const u8 shift[4] = { 4, 3, 2, 0 };
	u32 place = (u32)(to[4] | to[5] << 8) >> shift[ve1000e_get(n, E_RCTL) >> 12 & 3] & 0xfff;

	return ve1000e_get(n, E_MTA + 4 * (place >> 5)) >> (place & 31) & 1;
}

static bool passes_vlan(const struct ve1000e *n, const struct frame_record *f)
{
	u32 id = f->vlan & 0xfff;

	return !f->tagged || !(ve1000e_get(n, E_RCTL) & RCTL_VLAN_FILTER) ||
		ve1000e_get(n, E_VFTA + 4 * (id >> 5)) >> (id & 31) & 1;
}

static bool passes(struct ve1000e *n, const struct frame_record *f, const u8 *to)
{
	static const u8 broadcast[NET_MAC] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	u32 rctl = ve1000e_get(n, E_RCTL);

	if (!passes_vlan(n, f))
		return false;
	if (!memcmp(to, broadcast, NET_MAC)) {
		ve1000e_count(n, STAT_BPRC, 1);
		return rctl & RCTL_BROADCAST;
	}
	if (is_own(n, to))
		return true;
	if (!(to[0] & 1))
		return rctl & RCTL_UNICAST_ALL;
	ve1000e_count(n, STAT_MPRC, 1);
	return rctl & RCTL_MULTICAST_ALL || in_multicast_table(n, to);
}

/* --- buffers ----------------------------------------------------------------------------------------------------- */

/* RCTL.BSIZE, BSEX, FLXBUF. */
static u32 buffer_size(const struct ve1000e *n)
{
	u32 rctl = ve1000e_get(n, E_RCTL), code = rctl >> 16 & 3, flexible = rctl >> 27 & 15;

	if (flexible)
		return flexible * 1024;
	return rctl & BIT32(25) ? code ? 32768u >> code : 2048u : 2048u >> code;
}

/* A frame as the driver gets it: a tag that is not to be stripped goes back in, the FCS behind it if it is wanted. */
struct view {
	const u8 *piece[3];
	u32 len[3], total;
	u8 tag[4], fcs[FCS];
	u16 vlan;
	bool stripped;
};

static void view_make(const struct ve1000e *n, const struct frame_record *f, struct view *v)
{
	const u8 *bytes = (const u8 *)(f + 1);
	u32 crc = CRC32_BEGIN;

	*v = (struct view){ .piece = { bytes, v->tag, bytes + 12 }, .len = { 12, 0, f->len - 12 }, .vlan = f->vlan };
	v->stripped = f->tagged && ve1000e_get(n, E_CTRL) & CTRL_VME;
	if (f->tagged && !v->stripped) {
		memcpy(v->tag, (u8[]){ 0x81, 0, (u8)(f->vlan >> 8), (u8)f->vlan }, sizeof(v->tag));
		v->len[1] = sizeof(v->tag);
	}
	v->total = v->len[0] + v->len[1] + v->len[2];
	if (ve1000e_get(n, E_RCTL) & RCTL_SECRC)
		return;
	for (u32 i = 0; i < 3; i++)
		crc = crc32_add(crc, v->piece[i], v->len[i]);
	crc = ~crc;
	memcpy(v->fcs, &crc, FCS);
	v->total += FCS;
}

/* n bytes of the view from byte skip on. */
static void view_copy(const struct view *v, u32 skip, u8 *to, u32 n)
{
	const u8 *piece[4] = { v->piece[0], v->piece[1], v->piece[2], v->fcs };
	u32 len[4] = { v->len[0], v->len[1], v->len[2], FCS };

	for (u32 i = 0; i < 4 && n; i++) {
		u32 part;

		if (skip >= len[i]) {
			skip -= len[i];
			continue;
		}
		part = MIN(n, len[i] - skip);
		memcpy(to, piece[i] + skip, part);
		to += part;
		n -= part;
		skip = 0;
	}
}

static u32 status_of(const struct frame_record *f, const struct view *v, bool last)
{
	u32 status = RX_DONE | (v->stripped ? RX_VLAN : 0) | (last ? RX_END : 0);

	return status | (f->offload.valid ? RX_TCP_SUM : RX_IGNORE_SUM);
}

/* One descriptor takes n bytes from skip on; the card tells the driver in the format that it asked for. */
static bool fill_plain(struct ve1000e *n, u8 *d, const struct frame_record *f, const struct view *v, u32 skip, u32 take)
{
	bool last = skip + take == v->total, extended = ve1000e_get(n, E_RFCTL) & RFCTL_EXTENDED;
	u64 address, word, tag = last && v->stripped ? (u64)v->vlan << 48 : 0;
	u8 *to;

	memcpy(&address, d, sizeof(address));
	to = ve1000e_memory(n, address, take);
	if (!to)
		return false;
	view_copy(v, skip, to, take);
	word = extended ? status_of(f, v, last) | (u64)take << 32 | tag : take | (u64)status_of(f, v, last) << 32 | tag;
	if (extended)
		memset(d, 0, sizeof(u64));
	__atomic_store_n((u64 *)(void *)(d + 8), word, __ATOMIC_RELEASE);
	return true;
}

/* Packet split: up to four buffers of sizes that PSRCTL names; headers are never split off. Returns the bytes taken, 0:
 * a buffer is not the guest's RAM. */
static u32 fill_split(struct ve1000e *n, u8 *d, const struct frame_record *f, const struct view *v, u32 skip)
{
	u32 psrctl = ve1000e_get(n, E_PSRCTL), taken = 0, part[BUFFERS_MAX] = { 0 };
	u32 size[BUFFERS_MAX] = { (psrctl & 0x7f) * 128, (psrctl >> 8 & 0x3f) * 1024, (psrctl >> 16 & 0x3f) * 1024,
		(psrctl >> 24 & 0x3f) * 1024 };
	u64 word[4] = { 0 };

	for (u32 i = 0; i < BUFFERS_MAX; i++) {
		u64 address;
		u8 *to;

		part[i] = MIN(size[i], v->total - skip - taken);
		memcpy(&address, d + 8 * i, sizeof(address));
		to = part[i] ? ve1000e_memory(n, address, part[i]) : NULL;
		if (part[i] && !to)
			return 0;
		if (to)
			view_copy(v, skip + taken, to, part[i]);
		taken += part[i];
	}
	word[2] = (u64)part[1] << 16 | (u64)part[2] << 32 | (u64)part[3] << 48;
	word[1] = status_of(f, v, skip + taken == v->total) | (u64)part[0] << 32 | (v->stripped ? (u64)v->vlan << 48 : 0);
	memcpy(d + 16, &word[2], 16);
	memcpy(d, &word[0], 8);
	__atomic_store_n((u64 *)(void *)(d + 8), word[1], __ATOMIC_RELEASE);
	return taken;
}

enum outcome { RECEIVED, WAITS, BAD };

/* Into as many descriptors as it takes. Those of a bad buffer are given back with what they are. */
static enum outcome put_frame(struct ve1000e *n, struct ring *r, const struct frame_record *f)
{
	bool split = (ve1000e_get(n, E_RCTL) >> 10 & 3) == PACKET_SPLIT;
	u32 free = (r->tail + r->count - r->head) % r->count, size = buffer_size(n), done = 0, head = r->head;
	struct view v;

	view_make(n, f, &v);
	if (!split && (v.total + size - 1) / size > free)
		return WAITS;
	while (done < v.total) {
		u8 *d = r->at + head * DESCRIPTOR * (split ? 2 : 1);
		u32 take = MIN(size, v.total - done);

		if (head == r->tail)
			return WAITS;
		if (split)
			take = fill_split(n, d, f, &v, done);
		else if (!fill_plain(n, d, f, &v, done, take))
			take = 0;
		head = (head + 1) % r->count;
		if (!take)
			break;
		done += take;
	}
	r->head = head;
	return done == v.total ? RECEIVED : BAD;
}

/* One frame of the ring. false: it must wait for buffers. */
static bool receive_one(struct ve1000e *n, struct ring *r, const struct frame_record *f)
{
	const u8 *bytes = (const u8 *)(f + 1);
	enum outcome out;

	if (f->len < 14 || !passes(n, f, bytes)) {
		n->filtered++;
		return true;
	}
	if (f->len >= LONG_FROM && !(ve1000e_get(n, E_RCTL) & RCTL_LONG)) {
		n->refused++;
		return true;
	}
	out = put_frame(n, r, f);
	if (out == WAITS)
		return false;
	n->bad += out == BAD;
	n->received += out == RECEIVED;
	ve1000e_count(n, STAT_GPRC, 1);
	ve1000e_count(n, STAT_TPR, 1);
	ve1000e_count(n, STAT_GORC, f->len);
	return true;
}

void ve1000e_receive(struct ve1000e *n)
{
	const struct frame_record *f;
	u32 done = 0;
	struct ring r;

	if (!(ve1000e_get(n, E_RCTL) & ENABLE)) {
		frame_ring_clear(&n->rx);
		return;
	}
	if (!ring_of(n, &r))
		return;
	while (done < TURN_FRAMES && (f = frame_ring_peek(&n->rx)) && receive_one(n, &r, f)) {
		frame_ring_drop(&n->rx);
		done++;
	}
	*ve1000e_reg(n, E_RDH) = r.head;
	if (done)
		ve1000e_cause(n, CAUSE_RXT0 | CAUSE_RXQ0);
}
