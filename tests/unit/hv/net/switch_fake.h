/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Ports that remember what they got, and frames for them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <hv/lib.h>
#include <hv/net.h>
#include <hv/net_build.h>
#include <hv/time.h>

#define FAKE_HZ 1000000000ul
#define GOT_MAX 600
#define FRAME_BYTES 66000

struct fake_port {
	struct net_port port;
	enum net_verdict verdict;	/* its answer */
	u32 got, flushed;
	u32 len;			/* of the last frame, and its bytes */
	u8 bytes[FRAME_BYTES];
	struct net_offload offload;
	bool tagged, may_hold;
	u16 vlan;
	u64 first_hpa;
	struct net_frame *held;
	struct net_port *source;
	u32 source_vlan;
	u32 lens[GOT_MAX];
	void (*on_deliver)(struct fake_port *p, struct net_frame *f);
};

/* All switches and ports are gone; time begins at second 1000. */
void fake_net_reset(void);
struct fake_port *fake_port_new(struct net_switch *s, enum net_port_kind kind, u8 last, void (*config)(struct net_port *p));
/* Time goes on. */
void fake_net_wait(u64 ns);

/* A frame of bytes in pieces of piece_len (0: one); it goes in at once. What switch_input() said. */
bool send_bytes(struct fake_port *from, const u8 *bytes, u32 len, u32 piece_len, const struct net_offload *o, u32 tci,
	void (*done)(struct net_frame *f));
bool send_plain(struct fake_port *from, const u8 *bytes, u32 len);

/* Builders: each returns the frame's length. Port's address is 52:54:00:00:00:last. */
void put_mac(u8 *to, u32 last);
u32 make_ether(u8 *f, u32 to, u32 from, u32 type, u32 payload);	/* to 0xff..: broadcast where to == 255 */
u32 make_arp(u8 *f, u32 from, u32 op, u32 sender_ip, u32 target_ip);
u32 make_udp4(u8 *f, u32 to, u32 from, u32 source, u32 target, u32 sport, u32 dport, u32 payload);
u32 make_udp6(u8 *f, u32 to, u32 from, const u8 *source, const u8 *target, u32 sport, u32 dport, u32 payload);
u32 make_tcp4(u8 *f, u32 to, u32 from, u32 payload);
u32 make_tcp6(u8 *f, u32 to, u32 from, u32 payload);
/* A DHCP server's answer: to the client's port, type 5 is ACK. */
u32 make_dhcp(u8 *f, u32 to, u32 from, u32 address, u32 type, u32 seconds);
/* A client asks; DHCP_XID is the transaction that make_dhcp() answers. */
#define DHCP_XID 0x1badcafeu
u32 make_dhcp_request(u8 *f, u32 from, u32 xid);
u64 drops(const struct net_port *p);		/* of all reasons, both ways */

/* Sums right? Of a whole Ethernet frame with TCP or UDP over IPv4 or IPv6 without extensions. */
bool sums_are_right(const u8 *frame, u32 len);
void put16be(u8 *p, u32 v);
void put32be(u8 *p, u32 v);
u32 get16be(const u8 *p);
u32 get32be(const u8 *p);
