/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Frames, ports and network cards. All of it on the control core, nothing waits, nothing allocates once the event loop
 * runs. A frame goes through the switch in one call, from its sender's buffer into its receivers': one copy, none to a
 * card that reads the sender's memory itself. */

#include <hv/types.h>
#include <hv/window.h>

#define NET_PIECES_MAX 66
#define NET_FRAME_MAX 9018		/* jumbo: 9000 + Ethernet header + VLAN tag; GSO frames are larger */
#define NET_GSO_MAX 65550
#define NETDEVS_MAX 16
#define NET_MAC 6

/* What is still to be done to a frame, in the terms of virtio's header. VIRTIO 1.2 "Device Operation" of the network
 * device. Whoever makes one from a guest's has checked that all of it lies inside of the frame. */
enum net_gso { NET_GSO_NONE, NET_GSO_TCP4 = 1, NET_GSO_TCP6 = 4, NET_GSO_UDP = 5 };
struct net_offload {
	bool checksum;			/* the sum from csum_start on belongs at csum_start + csum_offset; a partial one is there */
	bool valid;			/* the receiver need not check */
	enum net_gso gso;		/* cut into frames of gso_size payload each */
	bool ecn;
	u16 header, gso_size;		/* bytes of all headers */
	u16 csum_start, csum_offset;
};

struct net_piece {
	const u8 *at;			/* on the control core */
	u64 hpa;			/* the same for a device's DMA; 0: none, it must be copied */
	u32 len;
};

struct net_frame {
	const struct net_piece *piece;
	u32 pieces, len;		/* bytes in all, without FCS */
	struct net_offload offload;
	bool tagged;			/* vlan is beside the frame, not in it */
	u16 vlan;			/* TCI: priority, id */
	/* A receiver that answered NET_HELD is done with the pieces. Null: nobody may hold. */
	void (*done)(struct net_frame *f);
};

enum net_verdict { NET_TAKEN, NET_HELD, NET_NO_ROOM, NET_TOO_LONG, NET_DOWN, NET_REFUSED };

/* In line, as it is asked for every frame. */
static inline bool net_mac_equal(const u8 *a, const u8 *b)
{
	u32 a4, b4;
	u16 a2, b2;

	__builtin_memcpy(&a4, a, 4);
	__builtin_memcpy(&b4, b, 4);
	__builtin_memcpy(&a2, a + 4, 2);
	__builtin_memcpy(&b2, b + 4, 2);
	return a4 == b4 && a2 == b2;
}

/* Copy n bytes from byte skip on out of a frame; less if it is shorter. Returns how many. */
u32 net_copy(const struct net_frame *f, u32 skip, void *to, u32 n);

/* --- cards ------------------------------------------------------------------------------------------------------- */

struct netdev;

struct netdev_stats {
	u64 rx_frames, rx_bytes, tx_frames, tx_bytes;
	u64 rx_no_buffer, rx_errors, tx_full, tx_errors, resets;
};

struct netdev_ops {
	/* Put a frame on the ring. NET_TAKEN: copied, the sender's memory is free; NET_HELD: f->done() comes out of poll()
	 * (only when f->done is set); NET_NO_ROOM: the ring is full; NET_TOO_LONG, NET_DOWN. f lies on the sender's stack
	 * unless it is held. */
	enum net_verdict (*send)(struct netdev *n, struct net_frame *f);
	/* Tell the hardware of what was sent since the last kick. */
	void (*kick)(struct netdev *n);
	/* Receive every frame (a switch's uplink), or broadcast, multicast and own ones only. */
	void (*promiscuous)(struct netdev *n, bool on);
	/* Let only these VLANs in, bit id set; null: all. Optional. */
	void (*vlan_filter)(struct netdev *n, const u64 *ids);
	/* The operator has it reset, as after a hang: from its next poll() on it is down for some turns. Optional. */
	void (*reset)(struct netdev *n);
};

struct netdev {
	const struct netdev_ops *ops;
	void *driver;
	char name[12];			/* "net0", "net1": in the order of PCI functions */
	const char *kind;		/* "e1000e 82574L" */
	u16 bdf, vendor, device;
	u8 mac[NET_MAC];
	u16 mtu_max;			/* payload of a frame: 1500, or what jumbo allows */
	bool can_checksum, can_tso4, can_tso6, can_vlan;	/* what send() does itself; else it gets none of it */
	bool link;			/* up */
	u32 mbit;			/* 0: unknown */
	u64 link_changes;
	struct netdev_stats stats;
	/* Set by who takes the card: a frame came in, out of poll(). The pieces are the driver's and valid during the call. */
	void (*receive)(struct netdev *n, struct net_frame *f);
	void (*link_changed)(struct netdev *n);	/* may be null */
	void *owner;
};

/* The driver has a working card. Boot core, in probe(). -E_NOMEM: NETDEVS_MAX are there. Implemented by hv/net. */
int netdev_add(struct netdev *n);

/* What was found, in order. */
u32 netdev_count(void);
struct netdev *netdev_at(u32 index);

/* --- ports of the switch ----------------------------------------------------------------------------------------- */

struct net_switch;
struct net_port;

struct net_port_ops {
	/* A frame for this port's owner: take it before returning (copy), or hold it. Untagged by now where the port is an
	 * access port. GSO and checksums to do only where the port says that it takes them. */
	enum net_verdict (*deliver)(struct net_port *p, struct net_frame *f);
	/* The last deliver() of a burst is over: interrupt, doorbell. Null: nothing to do. */
	void (*flush)(struct net_port *p);
	/* The network may have forgotten where the owner's addresses are: let it say so again. false, or null: it has no way to. */
	bool (*announce)(struct net_port *p);
};

enum net_port_kind { NET_PORT_GUEST, NET_PORT_UPLINK, NET_PORT_HOST, NET_PORT_NAT };

/* Why frames were dropped, one counter each. Words: net_drop_words(). */
enum net_drop { DROP_MALFORMED, DROP_TOO_LONG, DROP_VLAN, DROP_SPOOF_MAC, DROP_SPOOF_IP, DROP_SPOOF_ARP, DROP_STORM, DROP_RATE,
	DROP_ISOLATED, DROP_NO_ROOM, DROP_DOWN, DROP_REFUSED, DROP_LOOP, DROP_OFFLOAD, NET_DROPS };

struct net_port_stats {
	u64 in_frames, in_bytes, out_frames, out_bytes;	/* in: from the port's owner into the switch */
	u64 drop_in[NET_DROPS], drop_out[NET_DROPS];
};

struct net_port {
	const struct net_port_ops *ops;
	void *owner;
	char name[40];			/* "web.0", "net0", "host" */
	enum net_port_kind kind;
	struct net_switch *sw;		/* set by switch_attach() */
	u8 mac[NET_MAC];		/* the owner's; guards hold guests to it */
	bool up;
	bool trunk;			/* tagged frames pass as they are; else an access port of vlan */
	const u64 *vlan_ids;		/* of a trunk: those that pass, bit id set; null: all */
	u16 vlan;			/* 0: untagged, no VLANs */
	bool isolated;			/* reaches uplinks and the hypervisor only */
	bool guard;			/* source MAC, ARP, IPv4 and IPv6 must be its own */
	u16 mtu;
	bool takes_checksum, takes_gso4, takes_gso6, takes_gso_udp;	/* deliver() may get these offloads */
	bool takes_vlan;		/* a trunk's deliver() gets tags beside the frame; else inside, where they belong */
	u64 rate_bytes, storm_frames;	/* a second; 0: no limit */
	struct net_port_stats stats;
	void *switch_state;		/* the switch's */
};

/* Attach a port; its config is filled. Control core or boot core. -E_NOMEM: the switch is full. */
int switch_attach(struct net_switch *s, struct net_port *p);

/* The port is gone: the switch forgets it, its addresses, mirrors and captures. Nothing of its owner's is held any more.
 * Control core, never out of deliver(). */
void switch_detach(struct net_port *p);

/* A frame from the port's owner: forwarded now. f->done is called later if somebody held it: the return value is true then,
 * and f and its pieces stay until done(). */
bool switch_input(struct net_port *p, struct net_frame *f);

/* A burst of switch_input() is over: flush the ports that got something. */
void switch_flush(void);
