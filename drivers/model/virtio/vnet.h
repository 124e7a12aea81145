/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A network card for guests with virtio drivers: pairs of queues and one for control, all served by the control core
 * (virtio_remote.h). A frame goes from its sender's buffer into its receiver's in one copy, or is read there by a card; only what
 * finds no buffer waits in a ring of bytes (frame_ring.h). Checksums and the cutting of large frames are passed on, either way, in
 * virtio's own terms. VIRTIO 1.2 "Network Device"; UDP segmentation: VIRTIO 1.3.
 * Unless said otherwise: control core. */

#include <hv/net.h>

#include "../e1000e/frame_ring.h"
#include "virtio_remote.h"

#define VNET_SLOT 0x10			/* the first card's, as for the other model */
#define VNET_ADDRESSES 32u		/* of each kind in the filter; more: all pass */

enum vnet_feature { VNET_F_CSUM = 0, VNET_F_GUEST_CSUM = 1, VNET_F_GUEST_OFFLOADS = 2, VNET_F_MTU = 3,
	VNET_F_MAC = 5, VNET_F_GUEST_TSO4 = 7, VNET_F_GUEST_TSO6 = 8, VNET_F_GUEST_ECN = 9, VNET_F_HOST_TSO4 = 11,
	VNET_F_HOST_TSO6 = 12, VNET_F_HOST_ECN = 13, VNET_F_MRG_RXBUF = 15, VNET_F_STATUS = 16, VNET_F_CTRL_VQ = 17,
	VNET_F_CTRL_RX = 18, VNET_F_CTRL_VLAN = 19, VNET_F_CTRL_RX_EXTRA = 20, VNET_F_GUEST_ANNOUNCE = 21,
	VNET_F_MQ = 22, VNET_F_CTRL_MAC = 23, VNET_F_GUEST_USO4 = 54, VNET_F_GUEST_USO6 = 55, VNET_F_HOST_USO = 56,
	VNET_F_HASH_REPORT = 57, VNET_F_RSS = 60 };

/* Of the first pair, and what follows it; with VNET_F_MQ or RSS the control queue is behind all pairs. */
enum vnet_queue { VNET_RX, VNET_TX, VNET_CONTROL };
#define VNET_PAIRS_MAX 8u
#define VNET_QUEUES_MAX (2 * VNET_PAIRS_MAX + 1)

/* What CTRL_GUEST_OFFLOADS_SET may name. */
#define VNET_GUEST_OFFLOADS (BIT(VNET_F_GUEST_CSUM) | BIT(VNET_F_GUEST_TSO4) | BIT(VNET_F_GUEST_TSO6) | \
	BIT(VNET_F_GUEST_ECN) | BIT(VNET_F_GUEST_USO4) | BIT(VNET_F_GUEST_USO6))

/* In front of every frame. num_buffers: of received frames. */
struct vnet_header {
	u8 flags, gso;
	u16 header, gso_size, csum_start, csum_offset, buffers;
} PACKED;

/* Behind it with VNET_F_HASH_REPORT, in both directions; kind: the place of the hash type's bit, from 1 on; 0: none. */
struct vnet_report {
	u32 hash;
	u16 kind, reserved;
} PACKED;

struct vnet_table {
	u32 count;
	bool overflow;			/* there were more than fit */
	u8 mac[VNET_ADDRESSES][NET_MAC];
};

/* Which frames the driver wants. */
struct vnet_filter {
	u8 mac[NET_MAC];
	bool promiscuous, all_multicast, all_unicast, no_multicast, no_unicast, no_broadcast;
	struct vnet_table unicast, multicast;
	u64 vlan[4096 / 64];
};

/* Where received frames go. VIRTIO 1.2 "Supported/enabled hash types". */
enum vnet_hash { VNET_HASH_IP4 = 1, VNET_HASH_TCP4 = 2, VNET_HASH_UDP4 = 4, VNET_HASH_IP6 = 8, VNET_HASH_TCP6 = 16,
	VNET_HASH_UDP6 = 32, VNET_HASH_ALL = 63 };
#define VNET_KEY 40u
#define VNET_TABLE 128u
#define VNET_FLOWS 256u
struct vnet_steer {
	u32 pairs;			/* that receive */
	bool rss;			/* as the driver's table says, else where the flow was sent from */
	u16 mask, unclassified;
	u32 types;			/* that are hashed: to choose a pair, to be reported */
	struct vnet_report last;	/* of the frame that vnet_steer() was asked for last */
	u16 table[VNET_TABLE];		/* pairs */
	u32 toeplitz[72][16];		/* the key, made ready */
	u8 flow[VNET_FLOWS];		/* pairs */
};

/* A frame that is being sent: its pieces lie in the driver's buffers, which it gets back when the last card has read them. */
#define VNET_QUEUE_SIZE 256u
#define VNET_SENT 32u
struct vnet_sent {
	struct net_frame frame;
	struct vnet *n;
	struct vnet_sent *next;
	struct virtq_chain chain;	/* its id and places; pieces of the one that is taken last only */
	u32 queue;
	struct net_piece piece[NET_PIECES_MAX];
};

/* Buffers of a frame that is being received. */
struct vnet_buffer {
	u16 id, slots;
	u32 written;
};

struct vnet {
	struct virtio_device d;
	struct virtio_remote remote;
	struct net_port port;
	u32 live;			/* (a) the driver runs */
	u64 offloads;			/* what it takes from us: bits of VNET_GUEST_OFFLOADS */
	u32 header;			/* bytes in front of each frame, either way */
	u32 dirty;			/* queues that have got frames since the last flush, a bit each */
	struct frame_ring backlog;	/* frames without a buffer */
	u8 own_mac[NET_MAC];		/* the plan's */
	struct vnet_filter filter;
	u32 pairs_max;			/* constant */
	u32 senders;			/* lent queues to send from: they share the card's turn */
	struct vnet_steer steer;
	struct virtq_chain first, more;	/* buffers of the frame that is being received */
	struct vnet_buffer buffer[VNET_QUEUE_SIZE];
	struct virtq_place place[VNET_QUEUE_SIZE];
	struct vnet_sent sending[VNET_SENT + 1], *unused;	/* the last one: for frames that nobody can hold */
	u32 in_flight[VIRTIO_QUEUES_MAX];	/* of each queue: frames that somebody holds */
	u64 sent, received, filtered;
	u64 kept;			/* received ones that had to wait for a buffer */
	u64 bad;			/* frames of the guest's that make no sense */
	u64 unfit;			/* received ones that no buffer can hold, or that the driver does not take any more */
	u64 commands, bad_commands;
};

/* Put a card on the guest's bus and its queues into the event loop; its port (name, VLAN, guards, ...) is the caller's to fill
 * and to attach. backlog: FRAME_RING_BYTES, aligned to 16. When the guest is built. */
int vnet_add(struct guest *g, struct vnet *n, const u8 mac[NET_MAC], u16 mtu, void *backlog, u8 slot);

/* --- between the files of the card ------------------------------------------------------------------------------ */

/* vnet.c: what the driver takes by now, into the port; it has announced itself. */
void vnet_port_update(struct vnet *n);
void vnet_announced(struct vnet *n);

/* vnet_steer.c: the pair that gets a frame, its hash in n->steer.last; a frame was sent out of a pair; commands of the driver's; as
 * after a reset. */
u32 vnet_steer(struct vnet *n, const struct net_frame *f);
void vnet_steer_sent(struct vnet *n, const struct net_frame *f, u32 pair);
static inline bool vnet_steers_nothing(const struct vnet *n)
{
	return n->steer.pairs == 1 && !n->steer.types;
}
bool vnet_steer_command(struct vnet *n, u8 command, const struct virtq_chain *c);
void vnet_steer_reset(struct vnet *n);

/* vnet_tx.c: what the driver has put into a queue. true: there was something. And before the guest is built. */
bool vnet_send(struct vnet *n, u32 queue);
void vnet_send_init(struct vnet *n);

/* vnet_rx.c: a frame for the driver; a queue's turn while frames may wait for buffers, true: some have found theirs. */
enum net_verdict vnet_deliver(struct net_port *p, struct net_frame *f);
bool vnet_drain(struct vnet *n, u32 queue);

/* vnet_control.c: commands of the driver's, true: there were some; its filter as after a reset; does a frame of at least 14
 * bytes pass, whose first len bytes are these? */
bool vnet_control(struct vnet *n, u32 queue);
void vnet_filter_reset(struct vnet *n);
bool vnet_passes(const struct vnet *n, const u8 *frame, u32 len);
