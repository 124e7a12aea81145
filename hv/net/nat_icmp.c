/* SPDX-License-Identifier: Apache-2.0 */
/* ICMP errors: those that come for a flow are translated together with the packet that they quote (RFC 5508 "ICMP Error Packet
 * Translation"); and the errors that a router owes its neighbours, some a second. */
#include "nat.h"

#include "inet.h"

#include <hv/lib.h>

#define IP_HEADER 20u
#define ICMP_HEADER 8u
#define QUOTE (IP_HEADER + ICMP_HEADER)	/* where the quoted packet begins */
#define ERRORS_A_SECOND 10u
#define ECHO 8
#define ECHO_REPLY 0

bool nat_is_error(const struct nat_packet *p)
{
	u8 type = p->ip[p->l4];

	return p->proto == IP_ICMP && (type == 3 || type == 11 || type == 12);
}

/* A word of the quoted packet changes, and with it the sum of the whole message. */
static void set_quoted16(struct nat_packet *p, u32 offset, u16 to)
{
	u16 old = get16(p->ip + offset);

	put16(p->ip + offset, to);
	inet_adjust16(p->ip + IP_HEADER + 2, old, to, false);
}

/* The quoted packet's fields, and its own sums: of the header, and of the transport where that much is quoted. */
static void set_quoted(struct nat_packet *p, u32 offset, u16 to, bool in_header)
{
	u8 proto = p->ip[QUOTE + 9], sum[2];
	u32 at = QUOTE + IP_HEADER + (proto == IP_TCP ? 16u : proto == IP_UDP ? 6u : 2u);
	u16 old = get16(p->ip + offset);
	bool covers = proto != IP_ICMP || !in_header;	/* ICMP has no pseudo header */

	set_quoted16(p, offset, to);
	if (in_header) {
		memcpy(sum, p->ip + QUOTE + 10, 2);
		inet_adjust16(sum, old, to, false);
		set_quoted16(p, QUOTE + 10, get16(sum));
	}
	if (!covers || at + 2 > MIN(p->have, p->total) || (proto == IP_UDP && !get16(p->ip + at)))
		return;
	memcpy(sum, p->ip + at, 2);
	inet_adjust16(sum, old, to, false);
	set_quoted16(p, at, get16(sum));
}

static void set_quoted_end(struct nat_packet *p, bool source, u32 address, u16 port)
{
	u32 at = QUOTE + (source ? NAT_FROM : NAT_TO);
	u8 proto = p->ip[QUOTE + 9];

	set_quoted(p, at, (u16)(address >> 16), true);
	set_quoted(p, at + 2, (u16)address, true);
	if (proto == IP_ICMP)
		set_quoted(p, QUOTE + IP_HEADER + 4, port, false);
	else
		set_quoted(p, QUOTE + IP_HEADER + (source ? 0 : 2), port, false);
}

/* The end of the quoted flow that sent the packet (source) or was to get it, as a key. false: not one that we could know. */
static bool quoted_key(const struct nat_packet *p, bool source, u32 owner, struct nat_key *k)
{
	const u8 *q = p->ip + QUOTE;
	u32 own_port = source ? 0 : 2;

	if (MIN(p->have, p->total) < QUOTE + IP_HEADER + 8 || q[0] != 0x45 || (get16(q + 6) & 0x1fff) || !p->last)
		return false;
	k->proto = q[9];
	k->owner = (u8)owner;
	k->remote = get32(q + (source ? NAT_TO : NAT_FROM));
	if (k->proto == IP_ICMP) {
		k->port = get16(q + IP_HEADER + 4);
		k->remote_port = 0;
		return q[IP_HEADER] == (source ? ECHO : ECHO_REPLY);
	}
	k->port = get16(q + IP_HEADER + own_port);
	k->remote_port = get16(q + IP_HEADER + 2 - own_port);
	return k->proto == IP_TCP || k->proto == IP_UDP;
}

/* From the outside, about a packet that a member sent. */
enum nat_verdict nat_error_in(struct nat *n, u32 side, struct nat_packet *p, u64 now)
{
	const struct nat_session *s;
	struct nat_key k;
	u16 i;

	if (!quoted_key(p, true, side, &k))
		return NAT_PASS;
	i = nat_find_out(n, &k, now);
	s = &n->session[i];
	if (!i || get32(p->ip + QUOTE + NAT_FROM) != n->side[side].address)
		return NAT_PASS;
	if (!nat_step_ttl(p))
		return nat_drop(n, NAT_DROP_TTL);
	set_quoted_end(p, true, n->member[s->member].address, s->in_port);
	if (s->shown != s->remote)
		set_quoted_end(p, false, s->shown, s->shown_port);
	nat_set_address(p, NAT_TO, n->member[s->member].address);
	if (s->shown != s->remote && get32(p->ip + NAT_FROM) == s->remote)
		nat_set_address(p, NAT_FROM, s->shown);
	n->stats.in++;
	p->to_member = true;
	p->member = s->member;
	return NAT_SEND;
}

/* From a member, about a packet that it got. Flows between members by the gateway's address do without. */
enum nat_verdict nat_error_out(struct nat *n, u32 member, struct nat_packet *p, u64 now)
{
	const struct nat_session *s;
	struct nat_key k;
	u16 i;

	if (!quoted_key(p, false, member, &k))
		return nat_drop(n, NAT_DROP_NO_FLOW);
	i = nat_find_in(n, &k, now);
	s = &n->session[i];
	if (!i || s->side >= NAT_NETWORKS || s->shown != s->remote || get32(p->ip + QUOTE + NAT_TO) != n->member[member].address ||
	    get32(p->ip + NAT_TO) != s->remote)
		return nat_drop(n, NAT_DROP_NO_FLOW);
	if (!n->side[s->side].up || p->total > n->side[s->side].mtu)
		return nat_drop(n, NAT_DROP_NO_OUTSIDE);
	if (!nat_step_ttl(p))
		return nat_drop(n, NAT_DROP_TTL);
	set_quoted_end(p, false, n->side[s->side].address, s->out_port);
	nat_set_address(p, NAT_FROM, n->side[s->side].address);
	n->stats.out++;
	p->to_member = false;
	p->side = s->side;
	return NAT_SEND;
}

static bool may_complain(struct nat_member *m, u64 now)
{
	if (now - m->errors_at >= 1000) {
		m->errors_at = now;
		m->errors = 0;
	}
	return m->errors++ < ERRORS_A_SECOND;
}

/* Drop a member's packet; with type_code (0: without a word) p becomes the ICMP error that says so: the packet's header and 8
 * bytes of what follows. */
enum nat_verdict nat_refuse(struct nat *n, u32 member, struct nat_packet *p, u32 type_code, u32 mtu, enum nat_drop why, u64 now)
{
	u32 size = QUOTE + IP_HEADER + 8, quoted = MIN(MIN(p->have, p->total), IP_HEADER + 8);
	struct nat_member *m = &n->member[member];
	u8 *ip = p->ip;

	nat_drop(n, why);
	if (!type_code || !p->first || (p->proto == IP_ICMP && ip[p->l4] != ECHO) || quoted < IP_HEADER + 8 ||
	    !may_complain(m, now))
		return NAT_DROPPED;
	memmove(ip + QUOTE, ip, quoted);
	memset(ip, 0, QUOTE);
	ip[0] = 0x45;
	put16(ip + 2, (u16)size);
	ip[8] = 64;
	ip[9] = IP_ICMP;
	put32(ip + NAT_FROM, n->network[m->network].address);
	put32(ip + NAT_TO, m->address);
	put16(ip + 10, (u16)~inet_fold(inet_sum(ip, IP_HEADER, 0)));
	put16(ip + IP_HEADER, (u16)type_code);
	put16(ip + IP_HEADER + 6, (u16)mtu);
	put16(ip + IP_HEADER + 2, (u16)~inet_fold(inet_sum(ip + IP_HEADER, size - IP_HEADER, 0)));
	p->have = p->total = size;
	n->stats.errors_sent++;
	return NAT_ERROR;
}
