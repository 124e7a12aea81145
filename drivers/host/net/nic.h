/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the drivers of network cards share. Control core. */

#include <hv/net.h>

/* State of a card in words, for `devices`: kind, MAC, link, counters. messages: how it calls. */
void nic_describe(const struct netdev *n, const char *messages, char *to, size_t size);

/* The link came or went. Counts and tells the owner; nothing if it is as it was. */
void nic_set_link(struct netdev *n, bool up, u32 mbit);

/* A reset begins because of why: said the first times, counted, the link is down. in_row: resets that nothing good came between.
 * How often the driver doubles its pause before it goes on. */
u32 nic_count_reset(struct netdev *n, u32 *in_row, const char *why);

/* A frame came in: counted, and given to who took the card. */
void nic_receive(struct netdev *n, struct net_frame *f);

/* A unicast address that can be a card's own. */
bool nic_mac_usable(const u8 *mac);

/* How many bytes from the start of a frame must be copied before it is sent: the header; pieces that no device reaches; all,
 * if it is short (NIC_COPY_MAX), nobody lets us hold it, or what must be copied is more than room. */
#define NIC_COPY_MAX 256u
u32 nic_bytes_to_copy(const struct net_frame *f, u32 header, u32 room);

/* What a card must know to cut a TCP frame (GSO), worked out from our own copy of its headers, nothing believed:
 * where they begin and end. Prepares the copy as cards want it: lengths and the IPv4 sum zero, the TCP sum that of the
 * pseudo header without a length. head: the first bytes of the frame, size of them. 0; -E_INVAL: the offload does not fit
 * the headers. */
struct nic_gso {
	u16 l3, l4, header;		/* offsets of IP and TCP; bytes of all headers */
	bool ip6;
};
int nic_gso_prepare(const struct net_frame *f, u8 *head, u32 size, struct nic_gso *g);
