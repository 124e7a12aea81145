/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Switches without forwarding: what our ports send is kept, what they are to get is handed to them. A clock that tests move. */

#include <hv/net.h>
#include <hv/plan.h>

struct sent {
	struct net_port *port;
	u32 len;
	struct net_offload offload;
	u8 bytes[70000];
};

enum { FAKE_SWITCHES = 3 };

void net_fake_reset(void);
struct sent *net_fake_take(void);			/* the oldest frame that was sent; null: none */
struct net_port *net_fake_port(u32 sw, u32 index);
enum net_verdict net_fake_give(struct net_port *p, const u8 *bytes, u32 len, const struct net_offload *o);
void net_fake_turns(u32 ms);				/* poll the registered work for so long */
bool net_fake_logged(const char *part);

/* A machine "box", 192.0.2.5/24, with one guest "web" on its one switch with NAT (10.77.0.1/24) behind it. */
void net_fake_plan(struct plan *plan, struct resolved_plan *rp, const u8 mac[NET_MAC]);
extern u64 net_fake_now;				/* TSC of 1 GHz */
