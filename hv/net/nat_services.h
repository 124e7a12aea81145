/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the gateway of a NAT network answers itself: DHCP, and questions for guests' names. Control core. */

#include "nat_port.h"

void nat_services_init(struct host_port *hp, u32 address, u32 mask);

/* The guests' cards on switch sw_index get their addresses and are members of network. */
void nat_bind_guests(u32 network, const struct resolved_plan *rp, u32 sw_index);

/* One card of a guest that is made while others run, and of one that goes. */
void nat_add_card(u32 network, const u8 mac[NET_MAC], const char *name);
void nat_drop_card(u32 network, const u8 mac[NET_MAC]);
void nat_add_forwards(struct host_port *hp, u32 side, const struct plan_switch *sw);

/* A frame with IPv4, head: its first n bytes (HOST_HEADERS of a longer one); member: who sent it, -1: nobody known. true: it was
 * for the services and is done with. */
bool nat_take_udp(struct host_port *hp, const struct net_frame *f, const u8 *head, u32 n, s32 member, u64 now);

/* nat_port.c: the Ethernet header of an IPv4 packet; a frame out of hp. */
void nat_put_ethernet(u8 *head, const u8 *to, const u8 *from);
void nat_port_send(struct host_port *hp, const u8 *bytes, u32 len);
