/* SPDX-License-Identifier: Apache-2.0 */
/* The last step to a port: its tag, what it does not do itself, its answer. */
#include "switch.h"

#include "capture.h"

#include <hv/lib.h>

enum { ETHER = 14, TAG = 4, TYPE_AT = 12, TCP_MIN = 20 };

u32 passage_tag(const struct passage *c, const struct net_port *to)
{
	if (!to->trunk || c->vlan == to->vlan)
		return 0;
	return (c->tci & 0xf000u) | c->vlan;
}

bool frame_tag(const struct net_frame *f, u32 tci, u8 *head, struct net_frame *own, struct net_piece *piece)
{
	if (net_copy(f, 0, head, TYPE_AT) != TYPE_AT)
		return false;
	head[TYPE_AT] = 0x81;
	head[TYPE_AT + 1] = 0;
	head[ETHER] = (u8)(tci >> 8);
	head[ETHER + 1] = (u8)tci;
	*own = *f;
	if (!frame_replace_head(f, TYPE_AT, head, TYPE_AT + TAG, own, piece))
		return false;
	own->len += TAG;
	if (own->offload.checksum || own->offload.gso) {
		own->offload.csum_start += TAG;
		own->offload.header += TAG;
	}
	own->tagged = false;
	own->vlan = 0;
	return true;
}

static void count(struct port_state *to, enum net_verdict verdict, u32 len)
{
	static const u8 why[] = { [NET_NO_ROOM] = DROP_NO_ROOM, [NET_TOO_LONG] = DROP_TOO_LONG, [NET_DOWN] = DROP_DOWN,
		[NET_REFUSED] = DROP_REFUSED };

	if (LIKELY(verdict == NET_TAKEN || verdict == NET_HELD)) {
		to->port->stats.out_frames++;
		to->port->stats.out_bytes += len;
		switch_mark(to);
	} else {
		port_drop_out(to->port, (enum net_drop)why[verdict]);
	}
}

/* f, with everything done that the port does not do, and its tag where it wants it. Nobody holds it. */
static enum net_verdict give(struct port_state *to, struct net_frame *f, u32 tag)
{
	static struct { struct net_frame f; struct net_piece piece[NET_PIECES_MAX + 2]; u8 head[16]; } tagged[SWITCH_DEPTH_MAX + 1];
	static u32 depth;
	enum net_verdict verdict = NET_REFUSED;

	f->tagged = tag && to->port->takes_vlan;
	f->vlan = f->tagged ? (u16)tag : 0;
	if (LIKELY(!tag || to->port->takes_vlan))
		return to->port->ops->deliver(to->port, f);
	if (depth == ARRAY_COUNT(tagged))
		return verdict;
	depth++;
	if (frame_tag(f, tag, tagged[depth - 1].head, &tagged[depth - 1].f, tagged[depth - 1].piece))
		verdict = to->port->ops->deliver(to->port, &tagged[depth - 1].f);
	depth--;
	return verdict;
}

/* To a card, or to NAT before one, from who lets it hold the frame: no copy. */
static bool give_to_hold(struct passage *c, struct port_state *to, u32 tag)
{
	struct net_port *p = to->port;
	struct net_frame *f = passage_hold(c, p->takes_vlan ? 0 : tag);
	enum net_verdict verdict;

	if (!f)
		return false;
	f->tagged = tag && p->takes_vlan;
	f->vlan = f->tagged ? (u16)tag : 0;
	verdict = p->ops->deliver(p, f);
	count(to, verdict, c->f->len);
	if (verdict == NET_HELD)
		c->held = true;
	else
		passage_let_go(f);
	return true;
}

struct emission {
	struct passage *c;
	struct port_state *to;
	u32 tag;
};

static void emit(void *arg, struct net_frame *f)
{
	struct emission *e = arg;

	if (f->len > e->to->port->mtu + (u32)ETHER)
		port_drop_out(e->to->port, DROP_TOO_LONG);
	else
		count(e->to, give(e->to, f, e->tag), f->len);
}

static bool takes(const struct net_port *p, const struct net_offload *o)
{
	switch (o->gso) {
	case NET_GSO_NONE:	return !o->checksum || p->takes_checksum;
	case NET_GSO_TCP4:	return p->takes_gso4;
	case NET_GSO_TCP6:	return p->takes_gso6;
	case NET_GSO_UDP:	return p->takes_gso_udp;
	default:		return false;
	}
}

static bool is_too_long(const struct net_frame *f, const struct net_port *p)
{
	const struct net_offload *o = &f->offload;

	if (LIKELY(!o->gso))
		return f->len > p->mtu + (u32)ETHER;
	return takes(p, o) && MAX((u32)o->header, o->csum_start + (u32)TCP_MIN) + o->gso_size > p->mtu + (u32)ETHER;
}

void passage_deliver(struct passage *c, struct port_state *to)
{
	struct net_port *p = to->port;
	u32 tag = passage_tag(c, p);

	if (UNLIKELY(!p->up)) {
		port_drop_out(p, DROP_DOWN);
		return;
	}
	if (UNLIKELY(is_too_long(c->f, p))) {
		port_drop_out(p, DROP_TOO_LONG);
		return;
	}
	if (UNLIKELY(c->lease && p->guard && !c->watching))
		passage_lease(c, to);
	if (UNLIKELY(to->watched && !c->watching))
		passage_watch(c, to);
	if (UNLIKELY(!takes(p, &c->f->offload))) {
		struct emission e = { c, to, tag };

		if (!net_offload(c->f, !p->takes_checksum, emit, &e))
			port_drop_in(c->from, DROP_OFFLOAD);
		return;
	}
	if (c->done && (p->kind == NET_PORT_UPLINK || p->kind == NET_PORT_NAT) && !c->held && !c->watching &&
	    give_to_hold(c, to, tag))
		return;
	count(to, give(to, c->f, tag), c->f->len);
}

void passage_watch(struct passage *c, struct port_state *st)
{
	if (st->capture)
		capture_frame(st->capture, c->f, passage_tag(c, st->port));
	if (!st->mirror || st->mirror->port == c->from)
		return;
	c->watching = true;
	passage_deliver(c, st->mirror);
	c->watching = false;
}
