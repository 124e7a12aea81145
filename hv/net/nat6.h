/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* IPv6 for guests behind NAT: addresses of their own (RFC 4193) by router advertisements, and translation to the hypervisor's
 * address, as for IPv4. The table of flows, its shares and times are those of nat.h, an instance of its own: what is 32 bits
 * wide there is a keyed hash of the far end's address here, and the addresses themselves stand beside the table and are
 * compared. Knows no frames, no ports of switches, no clock. Control core. */

#include "nat.h"

#define IP6_HEADER 40u
#define IP6_FRAGMENT 44u		/* the only extension header that passes */
#define NAT6_FRAGMENTS 128u
#define NAT6_FRAGMENTS_EACH 16u
enum { NAT6_FROM = 8, NAT6_TO = 24 };	/* offsets of the addresses */

struct nat6_side {
	bool up;
	u8 address[16];
	u32 mtu;
};

struct nat6_fragment {
	u64 expires;
	u8 from[16], to[16];		/* as the pieces come in */
	u8 new_from[16], new_to[16];
	u32 id, new_id;
	u8 proto, member;
	bool used, inward;
};

struct nat6 {
	struct nat flows;		/* its sides, forwards and fragments are not used */
	u8 inside[NAT_SESSIONS + 1][16], remote[NAT_SESSIONS + 1][16];	/* of each flow */
	struct nat6_side side[NAT_NETWORKS];
	u8 prefix[NAT_NETWORKS][8];
	struct nat6_fragment fragment[NAT6_FRAGMENTS];
	u32 fragments[NAT_MEMBERS];
};

/* Empty; seed: 24 random bytes. Networks (of flows), members, prefixes and sides are the caller's to fill. */
void nat6_init(struct nat6 *n, const u8 seed[24]);

/* A member has gone or is another; an address of ours changed: their flows and fragments are forgotten. */
void nat6_forget_member(struct nat6 *n, u32 member);
void nat6_forget_side(struct nat6 *n, u32 side);

/* A packet from a member to somewhere else than its gateway; one that came from the outside. As nat.h's, without NAT_ERROR. */
enum nat_verdict nat6_from_member(struct nat6 *n, u32 member, struct nat_packet *p, u64 now);
enum nat_verdict nat6_from_side(struct nat6 *n, u32 side, struct nat_packet *p, u64 now);

/* --- nat6_router.c: what the gateway itself answers and says ---------------------------------------------------------- */

struct nat6_router {
	u8 mac[6];
	u8 link_local[16], prefix[8];	/* its other address is prefix::1 */
	bool outside;			/* there is a way out: it is a default router */
};

#define NAT6_ANSWER_MAX 1514u

void nat6_router_init(struct nat6_router *r, const u8 mac[6], const u8 prefix[8]);

/* A frame of n bytes with IPv6 that came to the gateway: neighbour and router solicitations, echo requests. Returns the bytes of
 * the frame to be sent back (to[NAT6_ANSWER_MAX]), 0: none. */
u32 nat6_answer(const struct nat6_router *r, const u8 *frame, u32 n, u8 *to);

/* The advertisement for everybody. */
u32 nat6_advertise(const struct nat6_router *r, u8 *to);

/* Is it for the gateway and not for NAT: multicast, link-local, its own address. */
bool nat6_for_router(const struct nat6_router *r, const u8 *ip);

/* --- between nat6*.c, and nat_packet.c ------------------------------------------------------------------------------------ */

bool nat6_parse(struct nat6 *n, struct nat_packet *p);
void nat6_set_address(struct nat_packet *p, u32 offset, const u8 *address);
void nat6_set_port(struct nat_packet *p, bool source, u16 port);
void nat6_finish_sum(u8 *ip, u32 total);	/* of a whole packet whose transport sum is a partial one */
u16 nat6_port_of(const struct nat_packet *p, bool source);
bool nat6_fragment_note(struct nat6 *n, struct nat_packet *p, const u8 *from, const u8 *to, u32 member, bool inward, u64 now);
enum nat_verdict nat6_fragment_later(struct nat6 *n, struct nat_packet *p, s32 member, bool inward, u64 now);
