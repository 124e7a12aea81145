/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The hypervisor's own ports on switches, each with an lwIP interface behind it: one towards every outside where it or a NAT
 * network needs an address, and one as the gateway of every NAT network. Control core. Between files of hv/net. */

#include <hv/net.h>
#include <hv/net_text.h>

#include <lwip/netif.h>

#include "nat.h"

#define HOST_PORTS_MAX (2 * NAT_NETWORKS)
#define HOST_HEADERS (14 + NAT_HEADERS_MAX)
#define HOST_NAME_SIZE 48

struct host_port {
	struct net_port port;
	struct netif netif;
	bool inside;			/* gateway of NAT network `network`; else NAT's side `network` */
	u32 network;
	const char *hostname;		/* for DHCP and mDNS */
	bool address_said;		/* the address that the log has */
	u32 address, mask, gateway;	/* IPv4 as lwIP has it now, host order; 0: none */
	u64 received, sent, no_buffer, ignored;
};

extern struct host_port host_ports[HOST_PORTS_MAX];
extern u32 host_port_count;

/* A port on sw with this MAC address, in this VLAN; not up before host_port_up(). null: HOST_PORTS_MAX are there, or the switch
 * is full. Boot core. */
struct host_port *host_port_add(struct net_switch *sw, const char *name, const u8 mac[6], u16 vlan, bool inside);

/* Make its lwIP interface. Inside of lwIP (stack.h). */
void host_port_up(struct host_port *hp);

/* Forget frames that wait for lwIP, which has forgotten everything. */
void host_ports_reset(void);

/* Give received frames to lwIP; flush the switches if anything was sent since. true: there was something. */
bool host_ports_poll(void);

/* What is sent is flushed at the end of this turn, unless a switch is delivering to us at this moment and does it. */
void host_sent(void);

/* In words, IPv6 in small letters (RFC 5952), which lwIP's own are not. -> buf */
const char *host_address_format(char buf[IP6_TEXT], const ip_addr_t *a);

/* The card's link or the switch's uplink changed: told from link state of the port's switch. */
void host_ports_link(void);
