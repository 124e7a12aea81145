/* SPDX-License-Identifier: Apache-2.0 */
/* IPv6 packets in NAT's hands: checked once, then changed field by field. "Internet Protocol, Version 6 Specification" (RFC
 * 8200) 3, 4.5, 8.1. There is no sum over the header; those of TCP, UDP and ICMPv6 cover the addresses. */
#include "nat6.h"

#include "inet.h"

#include <hv/lib.h>

enum { ICMP6 = 58, FRAGMENT_HEADER = 8 };

static u8 inner_proto(u8 next)
{
	return next == ICMP6 ? IP_ICMP : next;
}

/* The header is what it says, and what follows is whole. proto: IP_ICMP stands for ICMPv6. false: counted. */
bool nat6_parse(struct nat6 *n, struct nat_packet *p)
{
	struct nat *c = &n->flows;
	u8 next = p->have >= IP6_HEADER ? p->ip[6] : 0;

	if (p->have < IP6_HEADER || p->ip[0] >> 4 != 6)
		return nat_drop(c, NAT_DROP_MALFORMED), false;
	p->total = IP6_HEADER + get16(p->ip + 4);
	if (p->total > p->len)
		return nat_drop(c, NAT_DROP_MALFORMED), false;
	p->first = p->last = true;
	p->l4 = IP6_HEADER;
	if (next == IP6_FRAGMENT) {
		u16 where = p->have >= IP6_HEADER + FRAGMENT_HEADER ? get16(p->ip + 42) : 0;

		if (p->have < IP6_HEADER + FRAGMENT_HEADER || p->total < IP6_HEADER + FRAGMENT_HEADER || p->partial || p->segment)
			return nat_drop(c, NAT_DROP_MALFORMED), false;
		next = p->ip[40];
		p->first = !(where & 0xfff8);
		p->last = !(where & 1);
		p->l4 = p->first ? IP6_HEADER + FRAGMENT_HEADER : 0;
		/* RFC 1858 "Tiny fragment attack" */
		if (next == IP_TCP && where >> 3 == 1)
			return nat_drop(c, NAT_DROP_FRAGMENT), false;
	}
	p->proto = inner_proto(next);
	if (p->proto != IP_TCP && p->proto != IP_UDP && next != ICMP6)
		return nat_drop(c, next == 0 || next == 43 || next == 60 ? NAT_DROP_OPTIONS : NAT_DROP_PROTOCOL), false;
	if (p->proto == IP_ICMP && (p->partial || p->segment))
		return nat_drop(c, NAT_DROP_MALFORMED), false;
	return !p->first || nat_check_transport(c, p);
}

static u8 *transport_sum(const struct nat_packet *p)
{
	return p->l4 ? p->ip + p->l4 + (p->proto == IP_TCP ? 16 : p->proto == IP_UDP ? 6 : 2) : NULL;
}

/* A UDP sum that comes out as 0 has another form; 0 is forbidden. RFC 8200 8.1 */
static void settle(const struct nat_packet *p, u8 *sum)
{
	if (p->proto == IP_UDP && !p->partial && !get16(sum))
		put16(sum, 0xffff);
}

void nat6_set_address(struct nat_packet *p, u32 offset, const u8 *address)
{
	u8 *sum = transport_sum(p);

	for (u32 i = 0; sum && i < 16; i += 4)
		inet_adjust32(sum, get32(p->ip + offset + i), get32(address + i), p->partial);
	memcpy(p->ip + offset, address, 16);
	if (sum)
		settle(p, sum);
}

/* Ports of TCP and UDP, the identifier of an echo. */
static u32 port_offset(const struct nat_packet *p, bool source)
{
	return p->l4 + (p->proto == IP_ICMP ? 4 : source ? 0 : 2);
}

u16 nat6_port_of(const struct nat_packet *p, bool source)
{
	return get16(p->ip + port_offset(p, source));
}

void nat6_set_port(struct nat_packet *p, bool source, u16 port)
{
	u8 *at = p->ip + port_offset(p, source), *sum = transport_sum(p);
	u16 old = get16(at);

	put16(at, port);
	if (p->partial)
		return;			/* it does not cover ports yet */
	inet_adjust16(sum, old, port, false);
	settle(p, sum);
}

void nat6_finish_sum(u8 *ip, u32 total)
{
	struct nat_packet p = { .ip = ip, .l4 = IP6_HEADER, .proto = inner_proto(ip[6]) };
	u8 *sum = transport_sum(&p);

	put16(sum, (u16)~inet_fold(inet_sum(ip + IP6_HEADER, total - IP6_HEADER, 0)));
	settle(&p, sum);
}

/* --- fragments: as nat_fragment.c, with addresses of their length ------------------------------------------------------- */

#define FRAGMENT_MS 15000ul

static void forget(struct nat6 *n, struct nat6_fragment *f)
{
	f->used = false;
	n->fragments[f->member]--;
}

static u32 id_of(const struct nat_packet *p)
{
	return get32(p->ip + 44);
}

bool nat6_fragment_note(struct nat6 *n, struct nat_packet *p, const u8 *from, const u8 *to, u32 member, bool inward, u64 now)
{
	struct nat6_fragment *f = NULL;

	for (u32 i = 0; i < NAT6_FRAGMENTS; i++) {
		struct nat6_fragment *g = &n->fragment[i];

		if (g->used && now >= g->expires)
			forget(n, g);
		if (!g->used)
			f = g;
	}
	if (!f || n->fragments[member] >= NAT6_FRAGMENTS_EACH)
		return false;
	*f = (struct nat6_fragment){ .expires = now + FRAGMENT_MS, .id = id_of(p), .new_id = (u32)nat_random(&n->flows),
		.proto = p->proto, .member = (u8)member, .used = true, .inward = inward };
	memcpy(f->from, from, 16);
	memcpy(f->to, to, 16);
	memcpy(f->new_from, p->ip + NAT6_FROM, 16);
	memcpy(f->new_to, p->ip + NAT6_TO, 16);
	n->fragments[member]++;
	put32(p->ip + 44, f->new_id);
	return true;
}

enum nat_verdict nat6_fragment_later(struct nat6 *n, struct nat_packet *p, s32 member, bool inward, u64 now)
{
	for (u32 i = 0; i < NAT6_FRAGMENTS; i++) {
		struct nat6_fragment *f = &n->fragment[i];

		if (!f->used || now >= f->expires || f->inward != inward || f->id != id_of(p) || f->proto != p->proto ||
		    (member >= 0 && f->member != member) || memcmp(f->from, p->ip + NAT6_FROM, 16) ||
		    memcmp(f->to, p->ip + NAT6_TO, 16))
			continue;
		memcpy(p->ip + NAT6_FROM, f->new_from, 16);
		memcpy(p->ip + NAT6_TO, f->new_to, 16);
		put32(p->ip + 44, f->new_id);
		p->ip[7]--;
		p->to_member = inward;
		p->member = f->member;
		p->side = n->flows.network[n->flows.member[f->member].network].outside;
		if (inward)
			n->flows.stats.in++;
		else
			n->flows.stats.out++;
		return NAT_SEND;
	}
	return nat_drop(&n->flows, NAT_DROP_FRAGMENT);
}

static void forget_fragments(struct nat6 *n, bool by_side, u32 which)
{
	for (u32 i = 0; i < NAT6_FRAGMENTS; i++) {
		struct nat6_fragment *f = &n->fragment[i];

		if (f->used && (by_side ? n->flows.network[n->flows.member[f->member].network].outside : f->member) == which)
			forget(n, f);
	}
}

void nat6_forget_member(struct nat6 *n, u32 member)
{
	nat_forget_member(&n->flows, member);
	forget_fragments(n, false, member);
}

void nat6_forget_side(struct nat6 *n, u32 side)
{
	nat_forget_side(&n->flows, side);
	forget_fragments(n, true, side);
}
