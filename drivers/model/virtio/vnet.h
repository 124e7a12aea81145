/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A network card for guests with virtio drivers: one pair of queues and one for control. Its queues are served on the guest's
 * cores; frames go to and come from the control core through two rings (frame_ring.h). Checksums and the cutting of large
 * frames are passed on, either way, in virtio's own terms. VIRTIO 1.2 "Network Device"; UDP segmentation: VIRTIO 1.3.
 * Unless said otherwise: one of the guest's own cores, device lock held. */

#include <hv/net.h>

#include "../e1000e/frame_ring.h"
#include "virtio.h"

#define VNET_SLOT 0x10			/* the first card's, as for the other model */
#define VNET_ADDRESSES 32u		/* of each kind in the filter; more: all pass */

enum vnet_feature { VNET_F_CSUM = 0, VNET_F_GUEST_CSUM = 1, VNET_F_GUEST_OFFLOADS = 2, VNET_F_MTU = 3, VNET_F_MAC = 5,
	VNET_F_GUEST_TSO4 = 7, VNET_F_GUEST_TSO6 = 8, VNET_F_GUEST_ECN = 9, VNET_F_HOST_TSO4 = 11, VNET_F_HOST_TSO6 = 12,
	VNET_F_HOST_ECN = 13, VNET_F_MRG_RXBUF = 15, VNET_F_STATUS = 16, VNET_F_CTRL_VQ = 17, VNET_F_CTRL_RX = 18,
	VNET_F_CTRL_VLAN = 19, VNET_F_CTRL_RX_EXTRA = 20, VNET_F_CTRL_MAC = 23, VNET_F_GUEST_USO4 = 54,
	VNET_F_GUEST_USO6 = 55, VNET_F_HOST_USO = 56 };

enum vnet_queue { VNET_RX, VNET_TX, VNET_CONTROL, VNET_QUEUES };

/* What CTRL_GUEST_OFFLOADS_SET may name. */
#define VNET_GUEST_OFFLOADS (BIT(VNET_F_GUEST_CSUM) | BIT(VNET_F_GUEST_TSO4) | BIT(VNET_F_GUEST_TSO6) | \
	BIT(VNET_F_GUEST_ECN) | BIT(VNET_F_GUEST_USO4) | BIT(VNET_F_GUEST_USO6))

/* In front of every frame. num_buffers: of received frames. */
struct vnet_header {
	u8 flags, gso;
	u16 header, gso_size, csum_start, csum_offset, buffers;
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

/* A frame on its way into the driver's buffers: they are given back when it is whole. */
struct vnet_filling {
	u32 done;			/* bytes of the frame */
	u32 count;			/* of buffers */
	struct virtq_chain first;	/* the one with the header */
	bool spare;			/* first was taken, but for a frame that did not fit */
	struct {
		u16 id;
		u32 written;
	} buffer[VIRTQ_SIZE_MAX];
};

struct vnet {
	struct virtio_device d;
	struct guest *g;
	struct net_port port;		/* (c) */
	u32 live;			/* (a) the driver runs */
	u64 offloads;			/* (a) what it takes from us: bits of VNET_GUEST_OFFLOADS */
	u32 blocked;			/* (a) frames wait in the guest's queue for room in tx; the control core calls then */
	u32 call;			/* id of guest_call() */
	bool dirty;			/* (c) rx has got frames since the last flush */
	struct frame_ring tx, rx;	/* guest to control core, and back */
	u8 own_mac[NET_MAC];		/* the plan's */
	struct vnet_filter filter;
	struct vnet_filling filling;
	u64 sent, received, filtered;
	u64 bad;			/* frames of the guest's that make no sense */
	u64 unfit;			/* received ones that no buffer can hold, or that the driver does not take any more */
	u64 commands, bad_commands;
};

/* Put a card on the guest's bus; its port (name, VLAN, guards, ...) is the caller's to fill and to attach. rings: 2 *
 * FRAME_RING_BYTES, aligned to 16. Control core, when the guest is built. */
int vnet_add(struct guest *g, struct vnet *n, const u8 mac[NET_MAC], u16 mtu, void *rings, u8 slot);

/* Frames from the guest go into the switch; as struct control_work's poll, arg: the card. CONTROL core. */
bool vnet_poll(void *arg, u64 now);

/* --- between the files of the card ------------------------------------------------------------------------------ */

/* vnet_tx.c, vnet_rx.c: what the driver has put into its queue; what waits for the driver. */
void vnet_send(struct vnet *n);
void vnet_receive(struct vnet *n);

/* vnet_control.c: commands of the driver's; its filter as after a reset; does a frame of at least 14 bytes pass? */
void vnet_control(struct vnet *n);
void vnet_filter_reset(struct vnet *n);
bool vnet_passes(const struct vnet *n, const u8 *frame, u32 len);
