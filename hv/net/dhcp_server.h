/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The DHCP server of a network behind NAT. Guests of the plan have an address each, for good: the same at every start and
 * nobody else's. Strangers on that switch share a few more; when those are gone, guests do not notice. RFC 2131. Knows no
 * frames. Control core; addresses in host order, times in ms. */

#include <hv/types.h>

#define DHCP_FIXED 32u
#define DHCP_LEASES 16u
#define DHCP_BINDINGS (DHCP_FIXED + DHCP_LEASES)
#define DHCP_NAME_SIZE 32
#define DHCP_MESSAGE_MIN 240u		/* of a request: header and cookie */
#define DHCP_MESSAGE_MAX 576u		/* of our answers */
#define DHCP_LEASE_S 3600u

struct dhcp_binding {
	bool used, fixed;
	bool active;			/* it asked, and has the address now */
	u8 mac[6];
	u32 address;
	char name[DHCP_NAME_SIZE];	/* of a guest; "" */
	u64 expires;
};

struct dhcp_stats {
	u64 requests, answers, refused, malformed, exhausted;
};

struct dhcp_server {
	u32 address, mask;		/* the gateway's, ours */
	char domain[DHCP_NAME_SIZE];
	u16 mtu;
	struct dhcp_binding binding[DHCP_BINDINGS];
	struct dhcp_stats stats;
};

/* Network of the gateway at address. The addresses of leases are the last ones of the network below the broadcast address. */
void dhcp_init(struct dhcp_server *s, u32 address, u32 mask, u16 mtu, const char *domain);

/* Bind an address to a guest's card: the first free one from the tenth of the network on. 0: there is none. */
u32 dhcp_bind(struct dhcp_server *s, const u8 mac[6], const char *name);

/* That card is gone: its address is free for others. */
void dhcp_unbind(struct dhcp_server *s, const u8 mac[6]);

struct dhcp_answer {
	u32 to;				/* 0xffffffff: broadcast */
	u32 length;
	u8 message[DHCP_MESSAGE_MAX];
	const struct dhcp_binding *given;	/* acknowledged by this answer; null: none */
};

/* A message that came to port 67 from that card. false: no answer. */
bool dhcp_serve(struct dhcp_server *s, const u8 *message, u32 length, const u8 mac[6], u64 now, struct dhcp_answer *a);

/* The binding of a card; null: none, or its lease is over. */
const struct dhcp_binding *dhcp_find(const struct dhcp_server *s, const u8 mac[6], u64 now);
