/* SPDX-License-Identifier: Apache-2.0 */
#include "nat.h"

#include "inet.h"

#include <hv/lib.h>

#define DNS_PORT 53
#define ICMP_ECHO_REPLY 0
#define ICMP_ECHO 8
#define UNREACHABLE_NET 0x0300u		/* type, code */
#define UNREACHABLE_TOO_LONG 0x0304u
#define TIME_EXCEEDED 0x0b00u
#define DONT_FRAGMENT 0x40u
#define UNANSWERED_MAX 3u
#define TCP_SYN 2
#define TCP_ACK 0x10

static u32 tcp_flags(const struct nat_packet *p)
{
	return p->proto == IP_TCP ? p->ip[p->l4 + 13] : 0;
}

/* Addresses that are nobody's behind a router: this network, loopback, link-local, multicast, reserved. */
static bool is_martian(u32 a)
{
	u32 top = a >> 24;

	return top == 0 || top == 127 || top >= 224 || a >> 16 == 0xa9fe;
}

/* By the gateway's address to another member of its network. */
enum nat_verdict nat_to_address(struct nat *n, struct nat_packet *p, u32 address)
{
	for (u32 m = 0; m < NAT_MEMBERS; m++) {
		if (n->member[m].used && n->member[m].address == address) {
			p->member = (u8)m;
			return NAT_SEND;
		}
	}
	return nat_drop(n, NAT_DROP_ADDRESS);
}

static s32 side_of_address(const struct nat *n, u32 address)
{
	for (u32 i = 0; i < NAT_NETWORKS; i++)
		if (n->side[i].up && n->side[i].address == address)
			return (s32)i;
	return -1;
}

static bool is_inside(const struct nat *n, u32 address)
{
	for (u32 i = 0; i < NAT_NETWORKS; i++)
		if (n->network[i].used && !((address ^ n->network[i].address) & n->network[i].mask))
			return true;
	return false;
}

static const struct nat_forward *find_forward(const struct nat *n, u32 side, u8 proto, u16 port)
{
	for (u32 i = 0; i < n->forwards; i++) {
		const struct nat_forward *f = &n->forward[i];

		if (f->side == side && f->proto == proto && f->port == port)
			return f;
	}
	return NULL;
}

/* What a flow needs to begin: echo requests, TCP's first segment, any UDP. */
static bool may_begin(const struct nat_packet *p)
{
	if (p->proto == IP_ICMP)
		return p->ip[p->l4] == ICMP_ECHO;
	return p->proto == IP_UDP || (tcp_flags(p) & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* The name server that answers; after some questions without an answer the next one. 0: there is none. */
static u32 choose_server(struct nat_network *net)
{
	if (net->unanswered++ >= UNANSWERED_MAX) {
		net->unanswered = 0;
		net->dns_at++;
	}
	for (u32 i = 0; i < NAT_SERVERS; i++, net->dns_at++)
		if (net->dns[net->dns_at % NAT_SERVERS])
			return net->dns[net->dns_at % NAT_SERVERS];
	return 0;
}

/* Where a new flow of a member leads: through the outside; or, by way of the gateway's address, to another member when it
 * is for a port of ours that is forwarded; to a name server of the outside when it is for our own port 53. false: nowhere. */
static bool choose_way(struct nat *n, const struct nat_packet *p, struct nat_session *s)
{
	struct nat_network *net = &n->network[n->member[s->member].network];
	s32 own = side_of_address(n, s->shown);
	const struct nat_forward *f;

	s->side = net->outside;
	if (s->shown == net->address) {
		s->remote = choose_server(net);
		return s->remote && p->proto != IP_ICMP && s->shown_port == DNS_PORT;
	}
	if (own < 0)
		return !is_martian(s->shown) && !is_inside(n, s->shown);
	f = find_forward(n, (u32)own, p->proto, s->shown_port);
	if (!f || n->member[f->member].network != n->member[s->member].network)
		return false;
	s->side = (u8)(NAT_NETWORKS + n->member[s->member].network);
	s->remote = n->member[f->member].address;
	s->remote_port = f->member_port;
	return true;
}

static u16 begin_out(struct nat *n, u32 member, const struct nat_packet *p, const struct nat_key *k, u64 now)
{
	struct nat_session s = { .member = (u8)member, .proto = p->proto, .in_port = k->port, .remote = k->remote,
				 .remote_port = k->remote_port, .shown = k->remote, .shown_port = k->remote_port };
	bool begins = may_begin(p), leads = begins && choose_way(n, p, &s);
	u16 i;

	i = leads ? nat_begin(n, &s, now) : 0;
	if (!i)
		nat_drop(n, leads ? NAT_DROP_FULL : begins ? NAT_DROP_ADDRESS : NAT_DROP_NO_FLOW);
	return i;
}

/* The packet belongs to flow i of its member: send it on. */
static enum nat_verdict go_out(struct nat *n, u32 member, struct nat_packet *p, u16 i, u64 now)
{
	const struct nat_session *s = &n->session[i];
	u32 from = get32(p->ip + NAT_FROM), to = get32(p->ip + NAT_TO), size = p->segment ? p->segment : p->total;
	const struct nat_side *side = &n->side[s->side];

	if (!side->up)
		return nat_refuse(n, member, p, UNREACHABLE_NET, 0, NAT_DROP_NO_OUTSIDE, now);
	if (size > side->mtu)
		return nat_refuse(n, member, p, p->ip[6] & DONT_FRAGMENT ? UNREACHABLE_TOO_LONG : 0, side->mtu, NAT_DROP_TOO_LONG,
				  now);
	if (!nat_step_ttl(p))
		return nat_refuse(n, member, p, TIME_EXCEEDED, 0, NAT_DROP_TTL, now);
	nat_touch(n, i, tcp_flags(p), true, now);
	nat_set_port(p, NAT_FROM, s->out_port);
	nat_set_address(p, NAT_FROM, side->address);
	if (s->remote != to)
		nat_set_address(p, NAT_TO, s->remote);
	if (p->proto != IP_ICMP && s->remote_port != s->shown_port)
		nat_set_port(p, NAT_TO, s->remote_port);
	if (!p->last && !nat_fragment_note(n, p, from, to, member, s->side, false, now))
		return nat_drop(n, NAT_DROP_FRAGMENT);
	n->stats.out++;
	p->side = s->side;
	p->to_member = s->side >= NAT_NETWORKS;
	return p->to_member ? nat_to_address(n, p, s->remote) : NAT_SEND;
}

/* For the gateway itself, unless a flow of another member leads through its address. */
static bool for_gateway(const struct nat *n, u32 member, u32 to)
{
	const struct nat_network *net = &n->network[n->member[member].network];

	return to == net->address || to == (net->address | ~net->mask) || to == 0xffffffff || to >> 28 == 14;
}

enum nat_verdict nat_from_member(struct nat *n, u32 member, struct nat_packet *p, u64 now)
{
	const struct nat_member *m = &n->member[member];
	enum nat_verdict back;
	struct nat_key k;
	u32 to;
	u16 i;

	assert(member < NAT_MEMBERS && m->used);
	if (!nat_parse(n, p))
		return NAT_DROPPED;
	if (get32(p->ip + NAT_FROM) != m->address)
		return nat_drop(n, NAT_DROP_SOURCE);
	to = get32(p->ip + NAT_TO);
	if (to == n->network[m->network].address) {
		back = nat_from_side(n, NAT_NETWORKS + m->network, p, now);
		if (back != NAT_PASS)
			return back;
		if (!p->first || p->proto == IP_ICMP || nat_port_of(p, false) != DNS_PORT)
			return NAT_PASS;
	} else if (for_gateway(n, member, to)) {
		return NAT_PASS;
	}
	if (!p->first)
		return nat_fragment_later(n, p, member, false, now);
	if (nat_is_error(p))
		return nat_error_out(n, member, p, now);
	k = (struct nat_key){ p->proto, (u8)member, nat_port_of(p, true), to, p->proto == IP_ICMP ? 0 : nat_port_of(p, false) };
	i = nat_find_in(n, &k, now);
	if (!i)
		i = begin_out(n, member, p, &k, now);
	return i ? go_out(n, member, p, i, now) : NAT_DROPPED;
}

/* --- the other way ---------------------------------------------------------------------------------------------- */

static u16 begin_in(struct nat *n, u32 side, const struct nat_packet *p, const struct nat_key *k, u64 now)
{
	const struct nat_forward *f = p->proto == IP_ICMP ? NULL : find_forward(n, side, p->proto, k->port);
	struct nat_session s;

	if (!f || !n->member[f->member].used || !may_begin(p))
		return 0;
	s = (struct nat_session){ .member = f->member, .proto = p->proto, .in_port = f->member_port, .out_port = k->port,
				  .remote = k->remote, .remote_port = k->remote_port, .shown = k->remote,
				  .shown_port = k->remote_port, .side = (u8)side };
	return nat_begin(n, &s, now);
}

static enum nat_verdict go_in(struct nat *n, u32 side, struct nat_packet *p, u16 i, u64 now)
{
	const struct nat_session *s = &n->session[i];
	u32 from = get32(p->ip + NAT_FROM), to = get32(p->ip + NAT_TO);

	if (!nat_step_ttl(p))
		return nat_drop(n, NAT_DROP_TTL);
	nat_touch(n, i, tcp_flags(p), false, now);
	nat_set_port(p, NAT_TO, s->in_port);
	nat_set_address(p, NAT_TO, n->member[s->member].address);
	if (s->shown != from)
		nat_set_address(p, NAT_FROM, s->shown);
	if (s->shown_port == DNS_PORT && s->shown != s->remote)
		n->network[n->member[s->member].network].unanswered = 0;
	if (p->proto != IP_ICMP && s->shown_port != s->remote_port)
		nat_set_port(p, NAT_FROM, s->shown_port);
	if (!p->last && !nat_fragment_note(n, p, from, to, s->member, side, true, now))
		return nat_drop(n, NAT_DROP_FRAGMENT);
	n->stats.in++;
	p->to_member = true;
	p->member = s->member;
	return NAT_SEND;
}

enum nat_verdict nat_from_side(struct nat *n, u32 side, struct nat_packet *p, u64 now)
{
	struct nat_key k;
	u16 i;

	assert(side < NAT_SIDES);
	/* What is malformed here may still be lwIP's to judge: it is not ours unless a flow is found. */
	if (side < NAT_NETWORKS && (p->have < 20 || get32(p->ip + NAT_TO) != n->side[side].address || p->ip[0] != 0x45))
		return NAT_PASS;
	if (p->ip[9] != IP_TCP && p->ip[9] != IP_UDP && p->ip[9] != IP_ICMP)
		return NAT_PASS;
	if (!nat_parse(n, p))
		return NAT_DROPPED;
	if (!p->first)
		return nat_fragment_later(n, p, side, true, now);
	if (nat_is_error(p))
		return nat_error_in(n, side, p, now);
	if (p->proto == IP_ICMP && p->ip[p->l4] != ICMP_ECHO_REPLY)
		return NAT_PASS;
	k = (struct nat_key){ p->proto, (u8)side, nat_port_of(p, false), get32(p->ip + NAT_FROM),
			      p->proto == IP_ICMP ? 0 : nat_port_of(p, true) };
	i = nat_find_out(n, &k, now);
	if (!i)
		i = begin_in(n, side, p, &k, now);
	return i ? go_in(n, side, p, i, now) : NAT_PASS;
}
