/* SPDX-License-Identifier: Apache-2.0 */
/* Forwarding: from a port's owner, through the checks, to where the address is. */
#include "switch.h"

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/time.h>

u64 switch_now;
u32 switch_second;
u64 switch_second_end;

#define FRAME_USUAL 1514u		/* a longer one counts as so many more: it is copied, or cut, for each port */

static struct passage passages[SWITCH_DEPTH_MAX], *top = passages;	/* top: the first that is free */
static struct net_port *dirty[NET_SWITCHES_MAX * SWITCH_PORTS_MAX];
static u32 dirty_count;

/* --- where frames go --- */

/* Isolated guests reach uplinks and the hypervisor only; from uplink to uplink would make a loop of two. */
static bool is_blocked(const struct net_port *from, const struct net_port *to)
{
	if (from->kind == NET_PORT_GUEST)
		return to->kind == NET_PORT_GUEST && (from->isolated || to->isolated);
	return from->kind == NET_PORT_UPLINK && to->kind == NET_PORT_UPLINK;
}

static void flood(struct passage *c, bool unknown)
{
	struct limit *storm = &state_of(c->from)->storm;
	struct net_switch *s = c->sw;

	/* What a card hears of others' talk is no storm where nobody is to get it. */
	if (unknown && s->loud == !port_is_quiet(c->from))
		return;
	if (!limit_take(storm, MIN(1 + (c->f->len - 1) / FRAME_USUAL, storm->burst), switch_now, timebase.tsc_hz)) {
		port_drop_in(c->from, DROP_STORM);
		return;
	}
	s->flooded++;
	s->unknown += unknown;
	for (u32 i = 0; i < s->ports; i++) {
		struct net_port *to = s->port[i].port;

		if (to == c->from || !to->up || !port_in_vlan(to, c->vlan) || is_blocked(c->from, to))
			continue;
		if (!unknown || !port_is_quiet(to))
			passage_deliver(c, &s->port[i]);
	}
}

/* IEEE 802.1Q "Reserved addresses": spanning tree, LACP, LLDP and the like are for the next bridge, so for none behind us. */
static bool is_reserved(const u8 *mac)
{
	return mac[0] == 0x01 && mac[1] == 0x80 && mac[2] == 0xc2 && mac[3] == 0 && mac[4] == 0 && mac[5] < 0x10;
}

static void send_on(struct passage *c)
{
	const struct mac_entry *e;
	struct port_state *to;

	if (c->head[0] & 1) {
		if (is_reserved(c->head))
			port_drop_in(c->from, DROP_REFUSED);
		else
			flood(c, false);
		return;
	}
	e = mac_table_find(&c->sw->macs, mac_key_of(c->head, c->vlan), switch_second);
	if (!e) {
		flood(c, true);
		return;
	}
	to = &c->sw->port[e->port];
	if (to->port == c->from)
		return;			/* they are on the same side: what an uplink hears of others */
	if (UNLIKELY(is_blocked(c->from, to->port)))
		port_drop_in(c->from, DROP_ISOLATED);
	else if (LIKELY(port_in_vlan(to->port, c->vlan)))
		passage_deliver(c, to);
	else
		port_drop_in(c->from, DROP_VLAN);
}

static void forward(struct passage *c)
{
	struct port_state *st = state_of(c->from);
	enum net_drop why = c->from->up ? passage_read(c) : DROP_DOWN;

	if (LIKELY(why == NET_DROPS)) {
		if (UNLIKELY(st->watched))
			passage_watch(c, st);
		if (st->rate.rate && !limit_take(&st->rate, c->f->len, switch_now, timebase.tsc_hz))
			why = DROP_RATE;
		else if (c->from->guard)
			why = passage_guard(c);
		else
			why = passage_source(c);
	}
	if (LIKELY(why == NET_DROPS)) {
		c->lease = !c->from->guard && passage_is_lease(c);
		send_on(c);
	} else {
		port_drop_in(c->from, why);
	}
}

bool switch_input(struct net_port *p, struct net_frame *f)
{
	struct passage *c = top;

	p->stats.in_frames++;
	p->stats.in_bytes += f->len;
	if (UNLIKELY(c == passages + SWITCH_DEPTH_MAX || !p->sw)) {
		port_drop_in(p, p->sw ? DROP_LOOP : DROP_DOWN);
		return false;
	}
	top = c + 1;
	c->sw = p->sw;
	c->from = p;
	c->given = f;
	c->held = c->watching = c->lease = false;
	c->done = f->done;
	f->done = NULL;
	forward(c);
	f->done = c->done;
	top = c;
	return c->held;
}

struct net_port *switch_source(void)
{
	return top > passages ? top[-1].from : NULL;
}

u32 switch_source_vlan(void)
{
	return top > passages ? top[-1].vlan : 0;
}

/* --- bursts --- */

void switch_mark(struct port_state *st)
{
	if (st->dirty || !st->port->ops->flush)
		return;
	st->dirty = true;
	dirty[dirty_count++] = st->port;
}

void switch_unmark(struct port_state *st)
{
	u32 kept = 0;

	assert(top == passages);
	for (u32 i = 0; i < dirty_count; i++)
		if (dirty[i] != st->port)
			dirty[kept++] = dirty[i];
	dirty_count = kept;
	st->dirty = false;
}

/* A flush may send; what that marks is flushed too, but not for ever. */
void switch_flush(void)
{
	for (u32 round = 0; dirty_count && round < 4; round++) {
		u32 count = dirty_count;

		for (u32 i = 0; i < count; i++) {
			state_of(dirty[i])->dirty = false;
			dirty[i]->ops->flush(dirty[i]);
		}
		dirty_count -= count;
		for (u32 i = 0; i < dirty_count; i++)
			dirty[i] = dirty[count + i];
	}
}

/* --- time --- */

static void count_second(struct net_switch *s)
{
	for (u32 i = 0; i < s->ports; i++) {
		struct port_state *st = &s->port[i];
		const struct net_port_stats *now = &st->port->stats;

		st->second_in = now->in_bytes - st->bytes_in;
		st->second_out = now->out_bytes - st->bytes_out;
		st->bytes_in = now->in_bytes;
		st->bytes_out = now->out_bytes;
	}
}

void switch_clock(u64 now)
{
	switch_now = now;
	if (LIKELY(switch_second_end && now < switch_second_end))
		return;
	if (!switch_second_end)
		switch_second_end = now;
	switch_second += 1 + (u32)((now - switch_second_end) / timebase.tsc_hz);
	switch_second_end = now + timebase.tsc_hz;
	for (u32 i = 0; i < net_switch_count(); i++)
		count_second(net_switch_at(i));
}

const char *net_drop_words(enum net_drop why)
{
	static const char *const words[NET_DROPS] = {
		[DROP_MALFORMED] = "malformed", [DROP_TOO_LONG] = "longer than the port's MTU",
		[DROP_VLAN] = "of a VLAN that the port is not in", [DROP_SPOOF_MAC] = "from a MAC address that is not its own",
		[DROP_SPOOF_IP] = "from an IP address that is not its own, or as a router or DHCP server",
		[DROP_SPOOF_ARP] = "claiming another's address by ARP or neighbour discovery",
		[DROP_STORM] = "too many to everybody", [DROP_RATE] = "over the rate limit",
		[DROP_ISOLATED] = "between guests, one of them isolated",
		[DROP_NO_ROOM] = "no room at the receiver", [DROP_DOWN] = "the port is down",
		[DROP_REFUSED] = "refused by the receiver, or for bridges only", [DROP_LOOP] = "our own, come back by a loop",
		[DROP_OFFLOAD] = "with offloads that do not fit the frame",
	};

	return why < NET_DROPS ? words[why] : "?";
}
