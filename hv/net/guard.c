/* SPDX-License-Identifier: Apache-2.0 */
#include "guard.h"

#include <hv/lib.h>

enum { ETHER = 14, ARP_SIZE = 28, IP6_SIZE = 40, UDP_SIZE = 8, EXTENSIONS_MAX = 8 };
enum ip_protocol { IP_HOP_BY_HOP = 0, IP_IGMP = 2, IP_ROUTING = 43, IP_FRAGMENT = 44, IP_AUTH = 51,
	IP_ICMP6 = 58, IP_DESTINATION = 60, IP_MOBILITY = 135, IP_HIP = 139, IP_SHIM6 = 140 };
enum icmp6_type { ICMP6_ROUTER_SOLICIT = 133, ICMP6_ROUTER = 134, ICMP6_NEIGHBOUR = 136, ICMP6_REDIRECT = 137 };
enum udp_port { DHCP_SERVER = 67, DHCP6_SERVER = 547 };
enum { BOOTP_XID = 4 };

#define PASS NET_DROPS

/* IPv4 addresses. */

static bool is_own4(const struct guard *g, u32 a)
{
	for (u32 i = 0; i < g->ip4_count; i++)
		if (g->ip4[i] == a)
			return true;
	return g->leased && a == g->leased;
}

/* Loopback, groups, broadcast; "this network". */
static bool is_host4(u32 a)
{
	return a >> 24 && a >> 24 != 127 && a >> 28 < 14;
}

/* May the port use a as its address? 0 is for who has none yet: the caller knows where that is right. */
static bool may_use4(struct guard *g, u32 a, const struct guard_others *others)
{
	bool bound = g->ip4_count || g->leased;

	if (g->good4 && a == g->good4)
		return true;
	if (bound ? !is_own4(g, a) : !is_host4(a) || others->has4(others, a))
		return false;
	g->good4 = a;
	return true;
}

/* RFC 826: an answer, a question, an announcement. */
static enum net_drop check_arp(struct guard *g, const u8 mac[NET_MAC], const u8 *arp, u32 len, const struct guard_others *others)
{
	static const u8 ethernet_ip4[6] = { 0, 1, 8, 0, NET_MAC, 4 };
	u32 sender;

	if (len < ARP_SIZE || memcmp(arp, ethernet_ip4, sizeof(ethernet_ip4)) != 0 || arp[6] || arp[7] < 1 || arp[7] > 2)
		return DROP_MALFORMED;
	sender = get32(arp + 14);
	if (memcmp(arp + 8, mac, NET_MAC) != 0)
		return DROP_SPOOF_ARP;
	if (!sender)
		return arp[7] == 1 ? PASS : DROP_SPOOF_ARP;	/* RFC 5227 "ARP Probe" */
	return may_use4(g, sender, others) ? PASS : DROP_SPOOF_ARP;
}

static bool is_server(const u8 *udp)
{
	u32 from = get16(udp);

	return from == DHCP_SERVER || from == DHCP6_SERVER;
}

/* Who has no address yet asks for one, or joins a group. */
static bool may_be_nobody(const u8 *ip, u32 header, u32 len)
{
	if (ip[9] == IP_IGMP)
		return true;
	return ip[9] == IP_UDP && !(get16(ip + 6) & 0x1fff) && len >= header + UDP_SIZE && get16(ip + header + 2) == DHCP_SERVER;
}

/* Who asks for an address may be given one: by whom, its answer's number tells. */
static enum net_drop check_udp4(struct guard *g, const u8 *udp, u32 len)
{
	/* RFC 1858 "Tiny Fragment Attack": ports must be where they can be read. */
	if (len < UDP_SIZE)
		return DROP_MALFORMED;
	if (UNLIKELY(get16(udp + 2) == DHCP_SERVER) && len >= UDP_SIZE + BOOTP_XID + 4) {
		g->asks = true;
		g->asked = get32(udp + UDP_SIZE + BOOTP_XID);
	}
	return is_server(udp) ? DROP_SPOOF_IP : PASS;
}

static enum net_drop check_ip4(struct guard *g, const u8 *ip, u32 len, u32 whole, const struct guard_others *others)
{
	u32 header, from;

	if (len < 20 || ip[0] >> 4 != 4 || get16(ip + 2) > whole)
		return DROP_MALFORMED;
	header = (ip[0] & 15u) * 4;
	if (header < 20 || len < header)
		return DROP_MALFORMED;
	from = get32(ip + 12);
	if (from ? !may_use4(g, from, others) : !may_be_nobody(ip, header, len))
		return DROP_SPOOF_IP;
	if (ip[9] != IP_UDP || (get16(ip + 6) & 0x1fff))
		return PASS;
	return check_udp4(g, ip + header, len - header);
}

/* IPv6. */

static bool is_link_local(const u8 *a)
{
	return a[0] == 0xfe && (a[1] & 0xc0) == 0x80;
}

static bool is_unspecified(const u8 *a)
{
	for (u32 i = 0; i < 16; i++)
		if (a[i])
			return false;
	return true;
}

/* Link-local ones a host makes itself; nobody else's, all the same. */
static bool may_use6(const struct guard *g, const u8 *a, const struct guard_others *others)
{
	for (u32 i = 0; i < g->ip6_count; i++)
		if (memcmp(g->ip6[i], a, 16) == 0)
			return true;
	if (g->ip6_count && !is_link_local(a))
		return false;
	return a[0] != 0xff && !is_unspecified(a) && !others->has6(others, a);
}

static bool is_extension(u32 next)
{
	return next == IP_HOP_BY_HOP || next == IP_ROUTING || next == IP_FRAGMENT || next == IP_AUTH || next == IP_DESTINATION ||
	       next == IP_MOBILITY || next == IP_HIP || next == IP_SHIM6;
}

/* Skip extension headers: what is at *at then, and whether it is a part of a fragment. -1: it is behind what can be seen. */
static int skip_extensions(const u8 *ip, u32 len, u32 *at, bool *fragment, bool *later)
{
	u32 next = ip[6], off = IP6_SIZE;

	*fragment = *later = false;
	for (u32 i = 0; i < EXTENSIONS_MAX; i++) {
		u32 size;

		if (!is_extension(next)) {
			*at = off;
			return (int)next;
		}
		if (len < off + 8)
			return -1;
		size = next == IP_FRAGMENT ? 8 : next == IP_AUTH ? (ip[off + 1] + 2u) * 4 : (ip[off + 1] + 1u) * 8;
		if (next == IP_FRAGMENT) {
			*fragment = true;
			*later = get16(ip + off + 2) >> 3;
		}
		next = ip[off];
		off += size;
		if (*later) {
			*at = off;
			return (int)next;	/* what follows is data */
		}
	}
	return -1;
}

/* RFC 4861; RFC 6105 and RFC 7113 "RA-Guard"; RFC 6980: neighbour discovery is never in fragments. */
static enum net_drop check_icmp6(struct guard *g, const u8 *icmp, u32 len, bool fragment, const struct guard_others *others)
{
	if (len < 8)
		return DROP_MALFORMED;
	if (icmp[0] < ICMP6_ROUTER_SOLICIT || icmp[0] > ICMP6_REDIRECT)
		return PASS;
	if (fragment || icmp[0] == ICMP6_ROUTER || icmp[0] == ICMP6_REDIRECT)
		return DROP_SPOOF_IP;
	if (icmp[0] != ICMP6_NEIGHBOUR)
		return PASS;
	if (len < 24)
		return DROP_MALFORMED;
	return may_use6(g, icmp + 8, others) ? PASS : DROP_SPOOF_ARP;
}

static enum net_drop check_ip6(struct guard *g, const u8 *ip, u32 len, const struct guard_others *others)
{
	bool fragment, later;
	u32 at = 0;
	int next;

	if (len < IP6_SIZE || ip[0] >> 4 != 6)
		return DROP_MALFORMED;
	/* "::" asks whether an address is free; anything else from there would get no answer. */
	if (!is_unspecified(ip + 8) && !may_use6(g, ip + 8, others))
		return DROP_SPOOF_IP;
	next = skip_extensions(ip, len, &at, &fragment, &later);
	if (next < 0)
		return DROP_MALFORMED;
	if (later)
		return PASS;
	if (next == IP_ICMP6)
		return len > at ? check_icmp6(g, ip + at, len - at, fragment, others) : DROP_MALFORMED;
	if (next != IP_UDP)
		return PASS;
	if (len < at + UDP_SIZE)
		return DROP_MALFORMED;
	return is_server(ip + at) ? DROP_SPOOF_IP : PASS;
}

enum net_drop guard_check(struct guard *g, const u8 mac[NET_MAC], const u8 *head, u32 len, u32 frame_len,
	const struct guard_others *others)
{
	if (!net_mac_equal(head + NET_MAC, mac))
		return DROP_SPOOF_MAC;
	switch (get16(head + 12)) {
	case 0x0806:	return check_arp(g, mac, head + ETHER, len - ETHER, others);
	case 0x0800:	return check_ip4(g, head + ETHER, len - ETHER, frame_len - ETHER, others);
	case 0x86dd:	return check_ip6(g, head + ETHER, len - ETHER, others);
	case 0x8035:	return DROP_SPOOF_ARP;		/* RARP */
	default:	return PASS;
	}
}

bool guard_offload_fits(const u8 *head, u32 len, const struct net_offload *o)
{
	bool fragment = false, later = false;
	u32 at = IP6_SIZE;
	int protocol = -1;

	if (len < ETHER + 20)
		return false;
	if (get16(head + 12) == 0x0800) {
		at = (head[ETHER] & 15u) * 4;
		protocol = head[ETHER + 9];
		fragment = get16(head + ETHER + 6) & 0x3fff;
	} else if (get16(head + 12) == 0x86dd && len >= ETHER + IP6_SIZE) {
		protocol = skip_extensions(head + ETHER, len - ETHER, &at, &fragment, &later);
	}
	if (fragment || o->csum_start != ETHER + at)
		return false;
	return (protocol == IP_TCP && o->csum_offset == 16) || (protocol == IP_UDP && o->csum_offset == 6);
}

/* DHCP's answers. */

enum dhcp { DHCP_SIZE = 236, DHCP_COOKIE = 4, DHCP_PAD = 0, DHCP_LEASE_TIME = 51, DHCP_TYPE = 53, DHCP_END = 255, DHCP_ACK = 5,
	DHCP_NAK = 6 };

static u32 read_options(const u8 *at, u32 len, u32 *seconds)
{
	u32 type = 0;

	for (u32 i = 0; i + 1 < len && at[i] != DHCP_END;) {
		u32 size = at[i + 1];

		if (at[i] == DHCP_PAD) {
			i++;
			continue;
		}
		if (i + 2 + size > len)
			break;
		if (at[i] == DHCP_TYPE && size == 1)
			type = at[i + 2];
		if (at[i] == DHCP_LEASE_TIME && size == 4)
			*seconds = get32(at + i + 2);
		i += 2 + size;
	}
	return type;
}

bool guard_read_lease(const struct guard *g, const u8 *udp, u32 len, const u8 mac[NET_MAC], u32 *address, u32 *seconds)
{
	const u8 *b = udp + UDP_SIZE;
	u32 type;

	if (!g->asks || len < UDP_SIZE + DHCP_SIZE + DHCP_COOKIE || get32(b + BOOTP_XID) != g->asked || b[0] != 2 || b[1] != 1 ||
	    b[2] != NET_MAC || memcmp(b + 28, mac, NET_MAC) != 0 || get32(b + DHCP_SIZE) != 0x63825363)
		return false;
	*seconds = 0xffffffff;
	type = read_options(b + DHCP_SIZE + DHCP_COOKIE, len - UDP_SIZE - DHCP_SIZE - DHCP_COOKIE, seconds);
	*address = type == DHCP_ACK ? get32(b + 16) : 0;
	/* An answer to INFORM leases nothing. */
	return type == DHCP_NAK || (type == DHCP_ACK && is_host4(*address));
}
