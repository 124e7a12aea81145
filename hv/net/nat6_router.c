/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway of a NAT network as IPv6 sees it: who it is, and which prefix guests make their addresses of. "Neighbor Discovery"
 * (RFC 4861), "Requirements for IPv6 CE Routers" (RFC 7084) ULA-5: without a way out it is no default router. Stateless: what
 * guests say about themselves is remembered nowhere. */
#include "nat6.h"

#include "inet.h"

#include <hv/lib.h>

enum { ICMP6 = 58, ECHO_REQUEST = 128, ECHO_REPLY, SOLICIT_ROUTER = 133, ADVERTISE_ROUTER, SOLICIT, ADVERTISE };
enum { L3 = ETHER_HEADER, L4 = ETHER_HEADER + IP6_HEADER };
enum { OPTION_SOURCE = 1, OPTION_TARGET, OPTION_PREFIX, OPTION_MTU = 5 };
enum { FLAG_ROUTER = 0x80, FLAG_SOLICITED = 0x40, FLAG_OVERRIDE = 0x20, PREFIX_ON_LINK = 0x80, PREFIX_AUTONOMOUS = 0x40 };
enum { ROUTER_SECONDS = 1800, VALID_SECONDS = 86400, PREFERRED_SECONDS = 14400, LINK_MTU = 1500 };

static const u8 all_nodes[16] = { 0xff, 2, [15] = 1 }, all_routers[16] = { 0xff, 2, [15] = 2 };

void nat6_router_init(struct nat6_router *r, const u8 mac[6], const u8 prefix[8])
{
	*r = (struct nat6_router){ .link_local = { 0xfe, 0x80, [8] = mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4],
						   mac[5] } };
	memcpy(r->mac, mac, 6);
	memcpy(r->prefix, prefix, 8);
}

static void global_of(const struct nat6_router *r, u8 to[16])
{
	memset(to, 0, 16);
	memcpy(to, r->prefix, 8);
	to[15] = 1;
}

static bool is_mine(const struct nat6_router *r, const u8 *a)
{
	u8 global[16];

	global_of(r, global);
	return !memcmp(a, r->link_local, 16) || !memcmp(a, global, 16);
}

bool nat6_for_router(const struct nat6_router *r, const u8 *ip)
{
	return ip[NAT6_TO] == 0xff || is_mine(r, ip + NAT6_TO) || (ip[NAT6_TO] == 0xfe && ip[NAT6_TO + 1] >> 6 == 2);
}

static u16 icmp_sum(const u8 *frame, u32 length)
{
	u32 sum = inet_sum(frame + L3 + NAT6_FROM, 32, ICMP6 + length);

	return inet_fold(inet_sum(frame + L4, length, sum));
}

/* A frame around length bytes of ICMPv6 that lie at L4 already. to: null is everybody. */
static u32 wrap(const struct nat6_router *r, u8 *frame, const u8 *mac, const u8 *from, const u8 *to, u32 length, u8 hops)
{
	static const u8 all[6] = { 0x33, 0x33, [5] = 1 };
	u8 *ip = frame + L3;

	memcpy(frame, mac ? mac : all, 6);
	memcpy(frame + 6, r->mac, 6);
	put16(frame + 12, ETHER_IP6);
	memset(ip, 0, NAT6_FROM);
	ip[0] = 0x60;
	put16(ip + 4, (u16)length);
	ip[6] = ICMP6;
	ip[7] = hops;
	memcpy(ip + NAT6_FROM, from, 16);
	memcpy(ip + NAT6_TO, to ? to : all_nodes, 16);
	put16(frame + L4 + 2, 0);
	put16(frame + L4 + 2, (u16)~icmp_sum(frame, length));
	return L4 + length;
}

static u32 put_option(u8 *at, u8 type, const u8 *mac)
{
	at[0] = type;
	at[1] = 1;
	memcpy(at + 2, mac, 6);
	return 8;
}

/* RFC 4861 4.2, 4.6.2, 4.6.4 */
static u32 put_advertisement(const struct nat6_router *r, u8 *at)
{
	u32 n = 16;

	memset(at, 0, 64);
	at[0] = ADVERTISE_ROUTER;
	at[4] = 64;
	put16(at + 6, r->outside ? ROUTER_SECONDS : 0);
	n += put_option(at + n, OPTION_SOURCE, r->mac);
	at[n] = OPTION_MTU;
	at[n + 1] = 1;
	put32(at + n + 4, LINK_MTU);
	n += 8;
	at[n] = OPTION_PREFIX;
	at[n + 1] = 4;
	at[n + 2] = 64;
	at[n + 3] = PREFIX_ON_LINK | PREFIX_AUTONOMOUS;
	put32(at + n + 4, VALID_SECONDS);
	put32(at + n + 8, PREFERRED_SECONDS);
	memcpy(at + n + 16, r->prefix, 8);
	return n + 32;
}

u32 nat6_advertise(const struct nat6_router *r, u8 *to)
{
	return wrap(r, to, NULL, r->link_local, NULL, put_advertisement(r, to + L4), 255);
}

/* "Is that address in use" (from the unspecified address) is answered to everybody. RFC 4861 7.2.4 */
static u32 answer_neighbor(const struct nat6_router *r, const u8 *frame, u32 length, u8 *to)
{
	const u8 *ip = frame + L3, *target = frame + L4 + 8;
	static const u8 unspecified[16];
	bool asked = memcmp(ip + NAT6_FROM, unspecified, 16);
	u8 mine[16];

	if (length < 24 || !is_mine(r, target))
		return 0;
	memcpy(mine, target, 16);
	memset(to + L4, 0, 8);
	to[L4] = ADVERTISE;
	to[L4 + 4] = FLAG_ROUTER | FLAG_OVERRIDE | (asked ? FLAG_SOLICITED : 0);
	memcpy(to + L4 + 8, mine, 16);
	put_option(to + L4 + 24, OPTION_TARGET, r->mac);
	return wrap(r, to, asked ? frame + 6 : NULL, mine, asked ? ip + NAT6_FROM : NULL, 32, 255);
}

static u32 answer_echo(const struct nat6_router *r, const u8 *frame, u32 length, u8 *to)
{
	const u8 *ip = frame + L3;

	if (!is_mine(r, ip + NAT6_TO) || ip[NAT6_FROM] == 0xff || ip[NAT6_FROM] == 0)
		return 0;
	memcpy(to + L4, frame + L4, length);
	to[L4] = ECHO_REPLY;
	return wrap(r, to, frame + 6, ip + NAT6_TO, ip + NAT6_FROM, length, 64);
}

u32 nat6_answer(const struct nat6_router *r, const u8 *frame, u32 n, u8 *to)
{
	const u8 *ip = frame + L3;
	u32 length = n >= L4 + 8 ? get16(ip + 4) : 0;

	if (n < L4 + 8 || n > NAT6_ANSWER_MAX || ip[0] >> 4 != 6 || ip[6] != ICMP6 || length < 8 || L4 + length > n ||
	    frame[6] & 1 || icmp_sum(frame, length) != 0xffff)
		return 0;
	switch (frame[L4]) {
	case ECHO_REQUEST:
		return answer_echo(r, frame, length, to);
	case SOLICIT_ROUTER:
		/* Hop limit 255: it comes from this link. RFC 4861 6.1.1, 7.1.1 */
		return ip[7] == 255 && (!memcmp(ip + NAT6_TO, all_routers, 16) || is_mine(r, ip + NAT6_TO)) ?
		       wrap(r, to, frame + 6, r->link_local, ip[NAT6_FROM] ? ip + NAT6_FROM : NULL, put_advertisement(r, to + L4),
			    255) : 0;
	case SOLICIT:
		return ip[7] == 255 ? answer_neighbor(r, frame, length, to) : 0;
	default:
		return 0;
	}
}
