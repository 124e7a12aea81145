/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a guarded port may send: frames from its own MAC address, and only what an honest host with its own IP addresses says
 * in ARP, IPv4, IPv6 and neighbour discovery; nothing that speaks for a router or a DHCP server. Pure. */

#include <hv/net.h>
#include <hv/net_build.h>

#include "inet.h"

/* As much of a frame as is copied before it is looked at; ordinary frames need GUARD_HEAD of it. */
#define GUARD_HEAD 64u
#define GUARD_HEAD_MAX 128u

/* Addresses that a port is held to. */
struct guard {
	u32 ip4_count, ip6_count;
	u32 ip4[SWITCH_BOUND_MAX];	/* host order */
	u8 ip6[SWITCH_BOUND_MAX][16];
	u32 leased;			/* by a DHCP server that the switch saw; 0: none. Not where ip4_count > 0 */
	u32 leased_until;		/* second */
	bool asks;			/* a DHCP server, by this transaction's number, and has had no answer yet */
	u32 asked;
	u32 good4;			/* the last source that was good; 0: what made it so may have changed */
};

/* Does somebody else have it? Asked for addresses that a port is not bound to. */
struct guard_others {
	bool (*has4)(const struct guard_others *o, u32 ip4);
	bool (*has6)(const struct guard_others *o, const u8 *ip6);
};

/* Untagged frame in head[len], all of it or GUARD_HEAD_MAX bytes; frame_len is the whole's length. NET_DROPS: it may pass. */
enum net_drop guard_check(struct guard *g, const u8 mac[NET_MAC], const u8 *head, u32 len, u32 frame_len,
	const struct guard_others *others);

/* IPv4 without options, TCP and UDP right behind IPv6's header: GUARD_HEAD bytes are enough. */
static inline bool guard_needs_more(const u8 *head)
{
	return head[12] == 0x86 ? head[20] != 6 && head[20] != 17 : head[12] == 8 && head[13] == 0 && head[14] != 0x45;
}

/* A sum that is filled in later must not change what was checked: it belongs to the TCP or UDP of this very frame. */
bool guard_offload_fits(const u8 *head, u32 len, const struct net_offload *o);

/* Would both say yes, at a glance? Nearly all are: TCP or UDP in IPv4 without options, whole, from the last good source, between
 * ports that are no servers of addresses. false: ask them. GUARD_HEAD bytes at least. */
static inline bool guard_knows(const struct guard *g, const u8 mac[NET_MAC], const u8 *head, u32 frame_len,
	const struct net_offload *o)
{
	enum { ETHER_SIZE = 14, IP = ETHER_SIZE, L4 = IP + 20, TCP = 6, UDP = 17, DHCP = 67, DHCP6 = 547 };
	bool tcp = head[IP + 9] == TCP;

	if (!net_mac_equal(head + NET_MAC, mac) || get16(head + 12) != 0x0800 || head[IP] != 0x45 ||
	    get16(head + IP + 2) > frame_len - ETHER_SIZE || get16(head + IP + 6) & 0x3fff ||
	    !g->good4 || get32(head + IP + 12) != g->good4)
		return false;
	if (!tcp && (head[IP + 9] != UDP || get16(head + L4) == DHCP || get16(head + L4) == DHCP6 ||
		     get16(head + L4 + 2) == DHCP))
		return false;
	return !(o->checksum || o->gso) || (o->csum_start == L4 && o->csum_offset == (tcp ? 16 : 6));
}

/* What a DHCP server says in a BOOTREPLY: what is leased to mac, and for how long. false: it is not for mac, or not what
 * g has asked for, or no answer that leases or takes away (address 0). udp: from the UDP header on. RFC 2131. */
bool guard_read_lease(const struct guard *g, const u8 *udp, u32 len, const u8 mac[NET_MAC], u32 *address,
	u32 *seconds);
