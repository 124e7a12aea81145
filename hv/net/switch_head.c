/* SPDX-License-Identifier: Apache-2.0 */
/* The first bytes of a frame. A guest may change its memory at any time: what is checked is copied first, and the copy is
 * what goes on. Tags are taken out here, so that everything behind sees plain frames and a VLAN beside them. */
#include "switch.h"

#include <hv/lib.h>

enum { ETHER = 14, TAG = 4, TYPE_AT = 12, IP_HEAD = 28 };

static bool is_tag(const u8 *type)
{
	return (type[0] == 0x81 && type[1] == 0x00) || (type[0] == 0x88 && type[1] == 0xa8) || (type[0] == 0x91 && type[1] == 0x00);
}

/* The compiler's copy of 64 bytes would be a REP MOVS. */
static inline void copy_head(u8 *to, const u8 *from)
{
#pragma GCC unroll 8
	for (u32 i = 0; i < GUARD_HEAD; i += 8) {
		u64 part;

		__builtin_memcpy(&part, from + i, 8);
		__builtin_memcpy(to + i, &part, 8);
	}
}

static inline struct net_piece piece_behind(const struct net_piece *p, u32 skip)
{
	return (struct net_piece){ p->at + skip, p->hpa ? p->hpa + skip : 0, p->len - skip };
}

/* Nearly always a frame is one piece, longer than its head. */
static inline bool replace_head(const struct net_frame *f, u32 skip, const u8 *head, u32 n, struct net_frame *own,
				struct net_piece *piece)
{
	if (UNLIKELY(f->pieces != 1 || skip >= f->piece[0].len))
		return frame_replace_head(f, skip, head, n, own, piece);
	piece[0] = (struct net_piece){ .at = head, .len = n };
	piece[1] = piece_behind(&f->piece[0], skip);
	own->piece = piece;
	own->pieces = 2;
	return true;
}

bool frame_replace_head(const struct net_frame *f, u32 skip, const u8 *head, u32 n, struct net_frame *own, struct net_piece *piece)
{
	u32 at = 0, to = 1;

	own->piece = piece;
	while (at < f->pieces && skip >= f->piece[at].len)
		skip -= f->piece[at++].len;
	if (f->pieces - at + 1 > NET_PIECES_MAX)
		return false;
	piece[0] = (struct net_piece){ .at = head, .len = n };
	for (; at < f->pieces; at++, skip = 0)
		piece[to++] = piece_behind(&f->piece[at], skip);
	own->pieces = to;
	return true;
}

/* Into copy[], as far as the checks of this port look. */
static void take_head(struct passage *c)
{
	const struct net_frame *f = c->given;

	if (LIKELY(f->piece[0].len >= GUARD_HEAD)) {
		copy_head(c->copy, f->piece[0].at);
		c->head_len = GUARD_HEAD;
	} else {
		c->head_len = net_copy(f, 0, c->copy, GUARD_HEAD);
	}
	if (UNLIKELY(guard_needs_more(c->copy) || is_tag(c->copy + TYPE_AT)) && c->head_len == GUARD_HEAD)
		c->head_len += net_copy(f, GUARD_HEAD, c->copy + GUARD_HEAD, GUARD_HEAD_MAX - GUARD_HEAD);
	c->head = c->copy;
	c->copied = true;
}

/* The tag inside of the copied head goes beside it. Sums that begin before its end would move with it: not allowed. */
static enum net_drop pull_tag(struct passage *c, u32 *len)
{
	struct net_offload *o = &c->own.offload;

	if (c->head_len < ETHER + TAG)
		return DROP_MALFORMED;
	if (c->copy[TYPE_AT] != 0x81 || is_tag(c->copy + TYPE_AT + TAG))
		return DROP_VLAN;		/* tags in tags */
	if ((o->checksum || o->gso) && o->csum_start < ETHER + TAG)
		return DROP_OFFLOAD;
	c->tci = (u16)(c->copy[ETHER] << 8 | c->copy[ETHER + 1]);
	memmove(c->copy + TYPE_AT, c->copy + TYPE_AT + TAG, c->head_len - TYPE_AT - TAG);
	c->head_len -= TAG;
	*len -= TAG;
	if (o->checksum || o->gso)
		o->csum_start -= TAG;
	if (o->gso && o->header >= TAG)
		o->header -= TAG;
	return NET_DROPS;
}

static enum net_drop read_copied(struct passage *c)
{
	const struct net_frame *f = c->given;
	enum net_drop why;
	u32 taken, len = f->len;

	take_head(c);
	taken = c->head_len;
	if (taken < ETHER)
		return DROP_MALFORMED;	/* the pieces are shorter than they say */
	c->own.offload = f->offload;
	c->tci = f->tagged ? f->vlan : 0;
	if (UNLIKELY(is_tag(c->head + TYPE_AT))) {
		why = f->tagged ? DROP_VLAN : pull_tag(c, &len);
		if (why != NET_DROPS)
			return why;
	}
	if (!replace_head(f, taken, c->copy, c->head_len, &c->own, c->piece))
		return DROP_MALFORMED;
	c->own.len = len;
	c->own.tagged = false;
	c->own.vlan = 0;
	c->own.done = NULL;
	c->f = &c->own;
	return NET_DROPS;
}

/* The sender is ours or a card: nobody writes there now. */
static bool is_stable(const struct passage *c)
{
	const struct net_piece *first = &c->given->piece[0];

	return c->from->kind != NET_PORT_GUEST && first->len >= ETHER + IP_HEAD && !is_tag(first->at + TYPE_AT);
}

static void read_in_place(struct passage *c)
{
	c->head = c->given->piece[0].at;
	c->head_len = c->given->piece[0].len;
	c->tci = c->given->tagged ? c->given->vlan : 0;
	c->f = c->given;
	c->copied = false;
}

/* Which VLAN it is in: the port's, or what the tag says and the port may use. Priority tags (VLAN 0) are no VLAN. */
static enum net_drop find_vlan(struct passage *c)
{
	u32 id = c->tci & 0xfff;

	c->vlan = c->from->vlan;
	if (id == 0 || id == c->vlan)
		return id == 0 || c->from->trunk ? NET_DROPS : DROP_VLAN;
	if (!c->from->trunk || id == 0xfff || !port_in_vlan(c->from, id))
		return DROP_VLAN;
	c->vlan = (u16)id;
	return NET_DROPS;
}

enum net_drop passage_read(struct passage *c)
{
	const struct net_frame *f = c->given;
	enum net_drop why;

	if (UNLIKELY(!f->pieces || f->pieces > NET_PIECES_MAX || f->len < ETHER))
		return DROP_MALFORMED;
	if (UNLIKELY(f->len > (f->offload.gso ? NET_GSO_MAX : NET_FRAME_MAX)))
		return DROP_TOO_LONG;
	if (is_stable(c)) {
		read_in_place(c);
	} else {
		why = read_copied(c);
		if (UNLIKELY(why != NET_DROPS))
			return why;
	}
	return find_vlan(c);
}
