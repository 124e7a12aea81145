/* SPDX-License-Identifier: Apache-2.0 */
/* Packets in NAT's hands: checked once, then changed field by field with the checksums that cover them. */
#include "nat.h"

#include "inet.h"

#include <hv/lib.h>

#define IP_HEADER 20u

const char *const nat_drop_words[NAT_DROPS] = {
	[NAT_DROP_MALFORMED] = "malformed", [NAT_DROP_OPTIONS] = "IP options", [NAT_DROP_PROTOCOL] = "protocol",
	[NAT_DROP_ADDRESS] = "destination", [NAT_DROP_SOURCE] = "source", [NAT_DROP_NO_FLOW] = "no flow",
	[NAT_DROP_FULL] = "table full", [NAT_DROP_FRAGMENT] = "fragment", [NAT_DROP_TTL] = "hop limit",
	[NAT_DROP_TOO_LONG] = "too long", [NAT_DROP_NO_OUTSIDE] = "no outside",
};

enum nat_verdict nat_drop(struct nat *n, enum nat_drop why)
{
	n->stats.drop[why]++;
	return NAT_DROPPED;
}

/* How much of the transport header must be here. */
static u32 least(u8 proto)
{
	return proto == IP_TCP ? 20 : 8;
}

bool nat_check_transport(struct nat *n, const struct nat_packet *p)
{
	const u8 *l4 = p->ip + p->l4;
	u32 size = p->total - p->l4;

	if (p->have < p->l4 + least(p->proto) || size < least(p->proto)) {
		nat_drop(n, p->last ? NAT_DROP_MALFORMED : NAT_DROP_FRAGMENT);
		return false;
	}
	/* The length of a UDP datagram may end before its packet, never after it; GSO's is of all of it. */
	if (p->proto == IP_UDP && p->last && (get16(l4 + 4) < 8 || get16(l4 + 4) > size))
		return nat_drop(n, NAT_DROP_MALFORMED), false;
	if (p->proto == IP_TCP && ((l4[12] >> 4) < 5 || (u32)(l4[12] >> 4) * 4 > size))
		return nat_drop(n, NAT_DROP_MALFORMED), false;
	return true;
}

/* The header is what it says, as far as anybody relies on it. false: counted. */
bool nat_parse(struct nat *n, struct nat_packet *p)
{
	u16 where;

	if (p->have < IP_HEADER || p->ip[0] >> 4 != 4 || (p->ip[0] & 15) < 5)
		return nat_drop(n, NAT_DROP_MALFORMED), false;
	if ((p->ip[0] & 15) != 5)
		return nat_drop(n, NAT_DROP_OPTIONS), false;
	p->total = get16(p->ip + 2);
	if (p->total < IP_HEADER || p->total > p->len || inet_fold(inet_sum(p->ip, IP_HEADER, 0)) != 0xffff)
		return nat_drop(n, NAT_DROP_MALFORMED), false;
	where = get16(p->ip + 6);
	p->proto = p->ip[9];
	p->first = !(where & 0x1fff);
	p->last = !(where & 0x2000);
	/* The only use of a second piece 8 bytes in is to hide a TCP header's flags. RFC 1858 "Tiny fragment attack" */
	if (p->proto == IP_TCP && (where & 0x1fff) == 1)
		return nat_drop(n, NAT_DROP_FRAGMENT), false;
	if (!(p->first && p->last) && (p->partial || p->segment))
		return nat_drop(n, NAT_DROP_MALFORMED), false;
	if (p->proto != IP_TCP && p->proto != IP_UDP && p->proto != IP_ICMP)
		return nat_drop(n, NAT_DROP_PROTOCOL), false;
	p->l4 = p->first ? IP_HEADER : 0;
	return !p->first || nat_check_transport(n, p);
}

/* Where the checksum of the transport header is; null: there is none to change. */
static u8 *transport_sum(const struct nat_packet *p)
{
	u8 *sum = p->ip + p->l4 + (p->proto == IP_TCP ? 16 : 6);

	if (!p->l4 || p->proto == IP_ICMP)
		return NULL;
	return p->proto == IP_UDP && !p->partial && !get16(sum) ? NULL : sum;
}

/* A UDP checksum that comes out as 0 is sent as its other form. RFC 768 */
static void settle_udp(const struct nat_packet *p, u8 *sum)
{
	if (p->proto == IP_UDP && !p->partial && !get16(sum))
		put16(sum, 0xffff);
}

void nat_set_address(struct nat_packet *p, u32 offset, u32 address)
{
	u32 old = get32(p->ip + offset);
	u8 *sum = transport_sum(p);

	put32(p->ip + offset, address);
	inet_adjust32(p->ip + 10, old, address, false);
	if (!sum)
		return;
	inet_adjust32(sum, old, address, p->partial);
	settle_udp(p, sum);
}

/* Ports of TCP and UDP, the identifier of an ICMP echo. */
static u32 port_offset(const struct nat_packet *p, bool source)
{
	return p->l4 + (p->proto == IP_ICMP ? 4 : source ? 0 : 2);
}

u16 nat_port_of(const struct nat_packet *p, bool source)
{
	return get16(p->ip + port_offset(p, source));
}

/* offset: NAT_FROM or NAT_TO, as the address that it goes with. A partial sum does not cover ports yet. */
void nat_set_port(struct nat_packet *p, u32 offset, u16 port)
{
	u8 *at = p->ip + port_offset(p, offset == NAT_FROM), *sum = transport_sum(p);
	u16 old = get16(at);

	put16(at, port);
	if (p->proto == IP_ICMP)
		sum = p->ip + p->l4 + 2;
	if (!sum || p->partial)
		return;
	inet_adjust16(sum, old, port, false);
	settle_udp(p, sum);
}

/* One hop. false: it was the last. */
bool nat_step_ttl(struct nat_packet *p)
{
	u16 old = get16(p->ip + 8);

	if (p->ip[8] <= 1)
		return false;
	p->ip[8]--;
	inet_adjust16(p->ip + 10, old, get16(p->ip + 8), false);
	return true;
}
