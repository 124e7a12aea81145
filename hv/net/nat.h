/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* IPv4 network address translation: which flow of which member goes out by which port, and packets rewritten in place.
 * Knows no frames, no ports of switches and no clock: nat_port.c brings them. Members are who has an address in a network
 * behind us: guests, or who took a lease. Control core; addresses in host order, times in ms. */

#include <hv/types.h>

#define NAT_SESSIONS 8192u		/* flows in all; each member has the same share of them */
#define NAT_BUCKETS 8192u
#define NAT_MEMBERS 64u
#define NAT_SHARE_MAX 4096u
#define NAT_FRAGMENTS 256u		/* datagrams in pieces */
#define NAT_FRAGMENTS_EACH 16u
#define NAT_FORWARDS 64u
#define NAT_NETWORKS 4u
#define NAT_SERVERS 3u
#define NAT_SIDES (2 * NAT_NETWORKS)	/* outsides, then the gateway addresses of the networks */
#define NAT_PORT_FIRST 0x8000u		/* lwIP's own begin at C000H: lwipopts.h */
#define NAT_PORT_COUNT 0x4000u
#define NAT_HEADERS_MAX 160u		/* of a packet, from the IP header on: what may be looked at and changed */

/* An address of our own that flows hide behind. */
struct nat_side {
	bool up;
	u32 address;
	u32 mtu;
};

struct nat_member {
	bool used, guest;		/* a guest of the plan; else who took a lease */
	u32 share;			/* flows that it may have; nat_share() */
	u8 network;			/* 0 to NAT_NETWORKS - 1 */
	u32 address;
	u8 mac[6];
	u32 sessions, fragments;
	u16 newest[2], oldest[2];	/* its flows, latest first: those begun, those that both ends have agreed on */
	u64 errors_at;			/* when it got its last ICMP errors from us, and how many in that second */
	u32 errors;
};

struct nat_network {
	bool used;
	u32 address, mask;		/* of the gateway, ours */
	u8 outside;			/* its side */
	u32 dns[NAT_SERVERS];		/* where what is for port 53 of the gateway goes; 0: none */
	u32 dns_at, unanswered;
};

struct nat_forward {
	u8 side, proto, member;
	u16 port, member_port;
};

enum nat_state { NAT_FREE, NAT_NEW, NAT_OPEN, NAT_CLOSING };

struct nat_session {
	u64 expires;
	u32 remote, shown;		/* the far end, and what the member takes for it: differs for forwards from inside */
	u16 remote_port, shown_port, in_port, out_port;
	u8 state, proto, member, side;
	u8 seen;			/* NAT_SEEN_x */
	bool listed;			/* in which of the member's two lists */
	u16 next_in, next_out, newer, older;
};

struct nat_fragment {
	u64 expires;
	u32 from, to;			/* as the pieces come in */
	u32 new_from, new_to;		/* as they go on */
	u16 id, new_id;
	u8 proto, member, side;
	bool used, inward;
};

/* Why packets were dropped. Words: nat_drop_words. */
enum nat_drop { NAT_DROP_MALFORMED, NAT_DROP_OPTIONS, NAT_DROP_PROTOCOL, NAT_DROP_ADDRESS, NAT_DROP_SOURCE, NAT_DROP_NO_FLOW,
	NAT_DROP_FULL, NAT_DROP_FRAGMENT, NAT_DROP_TTL, NAT_DROP_TOO_LONG, NAT_DROP_NO_OUTSIDE, NAT_DROPS };
extern const char *const nat_drop_words[NAT_DROPS];

struct nat_stats {
	u64 out, in, drop[NAT_DROPS], begun, evicted, errors_sent;
};

struct nat {
	u64 seed[2];			/* nobody outside may know which flows share a bucket */
	u64 draw;			/* for ports and ids */
	struct nat_side side[NAT_SIDES];
	struct nat_network network[NAT_NETWORKS];
	struct nat_member member[NAT_MEMBERS];
	struct nat_forward forward[NAT_FORWARDS];
	u32 forwards;
	struct nat_session session[NAT_SESSIONS + 1];	/* 0: none */
	u16 free, sweep;
	u16 in[NAT_BUCKETS], out[NAT_BUCKETS];
	struct nat_fragment fragment[NAT_FRAGMENTS];
	struct nat_stats stats;
};

/* A packet: a copy of its first bytes, to be rewritten, and what is known of the rest. */
struct nat_packet {
	u8 *ip;				/* have bytes */
	u32 have, len;			/* here; in all, Ethernet's padding included */
	bool partial;			/* the transport checksum is a partial one */
	u32 segment;			/* GSO: length of one segment's IP packet; 0: len counts */
	/* Result of NAT_SEND: out of which side, or to which member. */
	bool to_member;
	u8 side, member;
	u32 total;			/* bytes of it: without padding */
	/* Private. */
	u8 proto;
	u32 l4;				/* offset of the transport header; 0: there is none, a later fragment */
	bool first, last;		/* of its fragments; both: it is whole */
};

/* PASS: none of NAT's business, the owner of the address takes it. ERROR: dropped, and ip[0 .. have) is now an ICMP error to
 * be sent to the member that sent it. */
enum nat_verdict { NAT_SEND, NAT_PASS, NAT_DROPPED, NAT_ERROR };

/* Empty; seed: 24 random bytes. Networks, sides, members and forwards are the caller's to fill; then nat_share(). */
void nat_init(struct nat *n, const u8 seed[24]);

/* Share the table: seven eighths among the guests that are there now, the rest among strangers to come. */
void nat_share(struct nat *n);

/* A member has gone, or an address of ours has changed: forget its flows. */
void nat_forget_member(struct nat *n, u32 member);
void nat_forget_side(struct nat *n, u32 side);

/* A packet from a member that is not for the gateway's own address or is for it: PASS. p->ip has room for NAT_HEADERS_MAX. */
enum nat_verdict nat_from_member(struct nat *n, u32 member, struct nat_packet *p, u64 now);

/* A packet that came for an address of ours from the outside. */
enum nat_verdict nat_from_side(struct nat *n, u32 side, struct nat_packet *p, u64 now);

/* Let a few flows end that have had their time. Call often. */
void nat_sweep(struct nat *n, u64 now);

/* ---- between nat*.c --------------------------------------------------------------------------------------------- */

/* What a flow is, seen from one end. */
struct nat_key {
	u8 proto, owner;		/* owner: member or side */
	u16 port;			/* the owner's */
	u32 remote;
	u16 remote_port;
};

u16 nat_find_in(const struct nat *n, const struct nat_key *k, u64 now);
u16 nat_find_out(const struct nat *n, const struct nat_key *k, u64 now);

/* A new flow of s->member: the key fields of s are filled, out_port 0 has one chosen. 0: refused. */
u16 nat_begin(struct nat *n, const struct nat_session *s, u64 now);
void nat_end(struct nat *n, u16 index);

/* The flow was used. flags: of a TCP header, else 0. outward: the member sent it. */
void nat_touch(struct nat *n, u16 index, u32 flags, bool outward, u64 now);
u64 nat_random(struct nat *n);

bool nat_parse(struct nat *n, struct nat_packet *p);
bool nat_check_transport(struct nat *n, const struct nat_packet *p);
void nat_set_address(struct nat_packet *p, u32 offset, u32 address);
void nat_set_port(struct nat_packet *p, u32 offset, u16 port);
u16 nat_port_of(const struct nat_packet *p, bool source);
bool nat_step_ttl(struct nat_packet *p);
enum nat_verdict nat_drop(struct nat *n, enum nat_drop why);
enum nat_verdict nat_to_address(struct nat *n, struct nat_packet *p, u32 address);

enum { NAT_FROM = 12, NAT_TO = 16 };	/* offsets of the addresses in the IP header */

/* ICMP errors about packets of flows; nat_icmp.c. */
bool nat_is_error(const struct nat_packet *p);
enum nat_verdict nat_error_in(struct nat *n, u32 side, struct nat_packet *p, u64 now);
enum nat_verdict nat_error_out(struct nat *n, u32 member, struct nat_packet *p, u64 now);
enum nat_verdict nat_refuse(struct nat *n, u32 member, struct nat_packet *p, u32 type_code, u32 mtu, enum nat_drop why, u64 now);

/* Fragments; nat_fragment.c. The first one was translated: remember how. A later one: translate it by what is remembered. */
bool nat_fragment_note(struct nat *n, struct nat_packet *p, u32 from, u32 to, u32 member, u32 side, bool inward, u64 now);
enum nat_verdict nat_fragment_later(struct nat *n, struct nat_packet *p, u32 owner, bool inward, u64 now);
