/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* IPv6 of NAT networks: frames to and from nat6.c and nat6_router.c. Control core. */

#include "nat6.h"
#include "nat_port.h"

extern struct nat6 nat6;

/* Empty. Network hp->network behind hp is there, with its outside. Boot core. */
void nat6_port_init(void);
void nat6_port_add(struct host_port *hp, u32 side);

/* Member index is m now (not used: nobody). */
void nat6_port_member(u32 index, const struct nat_member *m);

/* A frame with IPv6 for one of the hypervisor's ports. As nat_port_take(). */
bool nat6_port_take(struct host_port *hp, struct net_frame *f, u8 *head, u32 n, enum net_verdict *v);

/* An outside's address is this now (null: none). */
void nat6_port_address(u32 side, const u8 *address, u32 mtu);

/* Router advertisements, flows that have had their time. */
void nat6_port_poll(u64 ms);
