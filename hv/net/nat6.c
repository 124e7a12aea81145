/* SPDX-License-Identifier: Apache-2.0 */
#include "nat6.h"

#include "inet.h"

#include <hv/lib.h>

enum { ECHO_REQUEST = 128, ECHO_REPLY = 129, ERRORS_LAST = 4, ICMP6_HEADER = 8 };
enum { TCP_SYN = 2, TCP_ACK = 0x10, ICMP6 = 58 };

void nat6_init(struct nat6 *n, const u8 seed[24])
{
	memset(n, 0, sizeof(*n));
	nat_init(&n->flows, seed);
}

static u32 tcp_flags(const struct nat_packet *p)
{
	return p->proto == IP_TCP ? p->ip[p->l4 + 13] : 0;
}

/* What stands for an address in the table of flows. Nobody outside knows the seed; two of the same hash end each other's flows. */
static u32 short_of(const struct nat6 *n, const u8 *address)
{
	u64 h = n->flows.seed[0];

	for (u32 i = 0; i < 16; i += 4) {
		h = (h ^ get32(address + i)) * 0x9e3779b97f4a7c15ul;
		h = (h ^ h >> 29 ^ n->flows.seed[1]) * 0xbf58476d1ce4e5b9ul;
	}
	return (u32)(h >> 32);
}

/* Nobody's behind a router: unspecified, loopback and IPv4's in IPv6, multicast, link-local. RFC 4291 2.4 */
static bool is_martian(const u8 *a)
{
	return a[0] == 0 || a[0] == 0xff || (a[0] == 0xfe && a[1] >> 6 == 2);
}

static bool is_inside(const struct nat6 *n, const u8 *a)
{
	for (u32 i = 0; i < NAT_NETWORKS; i++)
		if (n->flows.network[i].used && !memcmp(a, n->prefix[i], 8))
			return true;
	return false;
}

static bool is_own(const struct nat6 *n, const u8 *a)
{
	for (u32 i = 0; i < NAT_NETWORKS; i++)
		if (n->side[i].up && !memcmp(a, n->side[i].address, 16))
			return true;
	return false;
}

static bool may_begin(const struct nat_packet *p)
{
	if (p->proto == IP_ICMP)
		return p->ip[p->l4] == ECHO_REQUEST;
	return p->proto == IP_UDP || (tcp_flags(p) & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

static u16 begin_out(struct nat6 *n, u32 side, const struct nat_packet *p, const struct nat_key *k, u64 now)
{
	const struct nat_session s = { .member = k->owner, .proto = k->proto, .in_port = k->port, .remote = k->remote,
		.remote_port = k->remote_port, .shown = k->remote, .shown_port = k->remote_port, .side = (u8)side };
	u16 i;

	if (!may_begin(p)) {
		nat_drop(&n->flows, NAT_DROP_NO_FLOW);
		return 0;
	}
	i = nat_begin(&n->flows, &s, now);
	if (!i) {
		nat_drop(&n->flows, NAT_DROP_FULL);
		return 0;
	}
	memcpy(n->inside[i], p->ip + NAT6_FROM, 16);
	memcpy(n->remote[i], p->ip + NAT6_TO, 16);
	return i;
}

static enum nat_verdict go_out(struct nat6 *n, struct nat_packet *p, u16 i, u64 now)
{
	const struct nat_session *s = &n->flows.session[i];
	u8 from[16], to[16];

	memcpy(from, p->ip + NAT6_FROM, 16);
	memcpy(to, p->ip + NAT6_TO, 16);
	nat_touch(&n->flows, i, tcp_flags(p), true, now);
	nat6_set_port(p, true, s->out_port);
	nat6_set_address(p, NAT6_FROM, n->side[s->side].address);
	if (!p->last && !nat6_fragment_note(n, p, from, to, s->member, false, now))
		return nat_drop(&n->flows, NAT_DROP_FRAGMENT);
	p->ip[7]--;
	n->flows.stats.out++;
	p->side = s->side;
	p->to_member = false;
	return NAT_SEND;
}

/* Where a packet of this member may go at all: NAT_SEND, or why not. */
static enum nat_verdict admit(struct nat6 *n, const struct nat_member *m, const struct nat_packet *p, u32 side)
{
	const u8 *from = p->ip + NAT6_FROM, *to = p->ip + NAT6_TO;

	if (memcmp(from, n->prefix[m->network], 8))
		return nat_drop(&n->flows, NAT_DROP_SOURCE);
	if (is_martian(to) || is_inside(n, to) || is_own(n, to))
		return nat_drop(&n->flows, NAT_DROP_ADDRESS);
	if (side >= NAT_NETWORKS || !n->side[side].up)
		return nat_drop(&n->flows, NAT_DROP_NO_OUTSIDE);
	if (p->ip[7] <= 1)
		return nat_drop(&n->flows, NAT_DROP_TTL);
	if ((p->segment ? p->segment : p->total) > n->side[side].mtu)
		return nat_drop(&n->flows, NAT_DROP_TOO_LONG);
	return NAT_SEND;
}

enum nat_verdict nat6_from_member(struct nat6 *n, u32 member, struct nat_packet *p, u64 now)
{
	const struct nat_member *m = &n->flows.member[member];
	u32 side = n->flows.network[m->network].outside;
	enum nat_verdict v;
	struct nat_key k;
	u16 i;

	assert(member < NAT_MEMBERS && m->used);
	if (!nat6_parse(n, p))
		return NAT_DROPPED;
	v = admit(n, m, p, side);
	if (v != NAT_SEND)
		return v;
	if (!p->first)
		return nat6_fragment_later(n, p, (s32)member, false, now);
	if (p->proto == IP_ICMP && p->ip[p->l4] != ECHO_REQUEST)
		return nat_drop(&n->flows, NAT_DROP_PROTOCOL);
	k = (struct nat_key){ p->proto, (u8)member, nat6_port_of(p, true), short_of(n, p->ip + NAT6_TO),
			      p->proto == IP_ICMP ? 0 : nat6_port_of(p, false) };
	i = nat_find_in(&n->flows, &k, now);
	if (i && (memcmp(n->inside[i], p->ip + NAT6_FROM, 16) || memcmp(n->remote[i], p->ip + NAT6_TO, 16)))
		i = 0;			/* the new flow takes the place of that one */
	if (!i)
		i = begin_out(n, side, p, &k, now);
	return i ? go_out(n, p, i, now) : NAT_DROPPED;
}

/* --- the other way ---------------------------------------------------------------------------------------------------- */

static u16 find_from_side(const struct nat6 *n, u32 side, u8 proto, u16 port, const u8 *remote, u16 remote_port, u64 now)
{
	const struct nat_key k = { proto, (u8)side, port, short_of(n, remote), remote_port };
	u16 i = nat_find_out(&n->flows, &k, now);

	return i && !memcmp(n->remote[i], remote, 16) ? i : 0;
}

static enum nat_verdict to_member(struct nat6 *n, struct nat_packet *p, u16 i)
{
	p->ip[7]--;
	n->flows.stats.in++;
	p->to_member = true;
	p->member = n->flows.session[i].member;
	return NAT_SEND;
}

static enum nat_verdict go_in(struct nat6 *n, struct nat_packet *p, u16 i, u64 now)
{
	const struct nat_session *s = &n->flows.session[i];
	u8 from[16], to[16];

	memcpy(from, p->ip + NAT6_FROM, 16);
	memcpy(to, p->ip + NAT6_TO, 16);
	nat_touch(&n->flows, i, tcp_flags(p), false, now);
	nat6_set_port(p, false, s->in_port);
	nat6_set_address(p, NAT6_TO, n->inside[i]);
	if (!p->last && !nat6_fragment_note(n, p, from, to, s->member, true, now))
		return nat_drop(&n->flows, NAT_DROP_FRAGMENT);
	return to_member(n, p, i);
}

/* An error about a packet that a member sent: that packet is in it, as it left us. "ICMPv6" (RFC 4443) 3. The sum of what is
 * inside is left as it is: nobody looks at it. */
static enum nat_verdict error_in(struct nat6 *n, u32 side, struct nat_packet *p, u64 now)
{
	u8 *sum = p->ip + p->l4 + 2, *inner = p->ip + p->l4 + ICMP6_HEADER, *port;
	u32 need = p->l4 + ICMP6_HEADER + IP6_HEADER + 8;
	u8 proto;
	u16 i;

	if (p->have < need || p->total < need || inner[0] >> 4 != 6 || memcmp(inner + NAT6_FROM, n->side[side].address, 16))
		return NAT_PASS;
	proto = inner[6] == ICMP6 ? IP_ICMP : inner[6];
	if ((proto != IP_TCP && proto != IP_UDP && inner[6] != ICMP6) || (inner[6] == ICMP6 && inner[IP6_HEADER] != ECHO_REQUEST))
		return NAT_PASS;
	port = inner + IP6_HEADER + (proto == IP_ICMP ? 4 : 0);
	i = find_from_side(n, side, proto, get16(port), inner + NAT6_TO, proto == IP_ICMP ? 0 : get16(port + 2), now);
	if (!i)
		return NAT_PASS;
	if (p->ip[7] <= 1)
		return nat_drop(&n->flows, NAT_DROP_TTL);
	inet_adjust16(sum, get16(port), n->flows.session[i].in_port, false);
	put16(port, n->flows.session[i].in_port);
	for (u32 k = 0; k < 16; k += 4)
		inet_adjust32(sum, get32(inner + NAT6_FROM + k), get32(n->inside[i] + k), false);
	memcpy(inner + NAT6_FROM, n->inside[i], 16);
	nat6_set_address(p, NAT6_TO, n->inside[i]);
	return to_member(n, p, i);
}

enum nat_verdict nat6_from_side(struct nat6 *n, u32 side, struct nat_packet *p, u64 now)
{
	u8 next = p->have >= IP6_HEADER ? p->ip[6] : 0, type;
	u16 i;

	assert(side < NAT_NETWORKS);
	if (p->have >= IP6_HEADER && is_inside(n, p->ip + NAT6_TO))
		return nat_drop(&n->flows, NAT_DROP_ADDRESS);
	/* What is not for a flow is lwIP's to judge. */
	if (p->have < IP6_HEADER || !n->side[side].up || memcmp(p->ip + NAT6_TO, n->side[side].address, 16) ||
	    (next != IP_TCP && next != IP_UDP && next != ICMP6 && next != IP6_FRAGMENT))
		return NAT_PASS;
	if (!nat6_parse(n, p))
		return NAT_DROPPED;
	if (!p->first)
		return p->ip[7] > 1 ? nat6_fragment_later(n, p, -1, true, now) : nat_drop(&n->flows, NAT_DROP_TTL);
	type = p->ip[p->l4];
	if (p->proto == IP_ICMP && type >= 1 && type <= ERRORS_LAST)
		return p->last ? error_in(n, side, p, now) : NAT_PASS;
	if (p->proto == IP_ICMP && type != ECHO_REPLY)
		return NAT_PASS;
	i = find_from_side(n, side, p->proto, nat6_port_of(p, false), p->ip + NAT6_FROM,
			   p->proto == IP_ICMP ? 0 : nat6_port_of(p, true), now);
	if (i && p->ip[7] <= 1)
		return nat_drop(&n->flows, NAT_DROP_TTL);
	return i ? go_in(n, p, i, now) : NAT_PASS;
}
