/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* NAT networks of the plan: what of a frame that came to one of the hypervisor's ports is for NAT, for the DHCP server or a
 * question for a guest's name. Control core. Between files of hv/net. */

#include "dhcp_server.h"
#include "host_port.h"
#include "nat.h"

#include <hv/plan.h>

extern struct nat nat;
extern struct dhcp_server nat_dhcp[NAT_NETWORKS];

/* Empty tables. Boot core. */
void nat_port_init(void);

/* One NAT network behind hp (inside), out by side; sw is its plan, guest cards are bound in the order of the plan.
 * -E_NOMEM. */
int nat_port_add(struct host_port *hp, u32 side, const struct plan_switch *sw, u32 address, u8 prefix,
		  const struct resolved_plan *rp, u32 sw_index);

/* All networks are there: shares, forwards. */
void nat_port_ready(void);

/* true: taken, *v is the answer; head: its first n bytes, a copy. */
bool nat_port_take(struct host_port *hp, struct net_frame *f, u8 *head, u32 n, enum net_verdict *v);

/* An outside's address is this now (0: none), its name servers these. */
void nat_port_address(u32 side, u32 address, u32 mtu);
void nat_port_servers(u32 side, const u32 *server, u32 count);

bool nat_port_poll(u64 now);

/* For nat6_port.c, too: the port of an outside (null: none); who sent it, of network's members (-1: nobody known); a frame with its
 * first n bytes as a packet; send f out of hp with its first bytes replaced, len bytes in all (head and pieces live there unless a
 * card holds them). */
struct host_port *nat_port_outside(u32 side);
s32 nat_port_member(u32 network, const u8 *mac);
void nat_port_view(struct nat_packet *p, const struct net_frame *f, u8 *head, u32 n);
enum net_verdict nat_port_forward(struct host_port *hp, struct net_frame *f, const u8 *head, u32 have, u32 len);

/* The address of a guest behind NAT, by name; 0: none. */
u32 nat_port_guest(const char *name);
