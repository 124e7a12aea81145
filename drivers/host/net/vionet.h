/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A virtio network card of the machine's (we may run nested). "Virtual I/O Device (VIRTIO) Version 1.2", "Network Device"
 * (5.1). One queue each way, or several pairs of them, and the control queue. What the device says is checked, here and in
 * vio_ring.c; one that breaks the rules, or does not go on, is reset. Boot core in probe(), then control core. */

#include <drivers/host/virtio/vio.h>
#include <hv/net.h>

#include "nic.h"

#define VIONET_BUFFER 2048u
#define VIONET_HEADER 12u
#define VIONET_DATA (VIONET_BUFFER - VIONET_HEADER)
#define VIONET_RX_PIECES 5u		/* of the longest frame that is taken */
#define VIONET_TX_PIECES 72u		/* a frame's, its header, the copied part */
#define VIONET_PAIRS_MAX 4u		/* that are used: all are the one control core's, but the other side may have more */

/* "Feature bits" (5.1.3). */
enum { NET_F_CSUM = 0, NET_F_GUEST_CSUM = 1, NET_F_MTU = 3, NET_F_MAC = 5, NET_F_HOST_TSO4 = 11, NET_F_HOST_TSO6 = 12,
	NET_F_HOST_ECN = 13, NET_F_MRG_RXBUF = 15, NET_F_STATUS = 16, NET_F_CTRL_VQ = 17, NET_F_CTRL_RX = 18,
	NET_F_MQ = 22, NET_F_SPEED_DUPLEX = 63 };

/* "Device Operation" (5.1.6): before every frame. */
struct vionet_header {
	u8 flags, gso;
	u16 header, gso_size, csum_start, csum_offset, buffers;
};
enum { HEADER_NEEDS_SUM = 1, HEADER_VALID = 2, HEADER_ECN = 0x80 };

enum vionet_state { VIONET_RUNS, VIONET_RESETTING, VIONET_DEAD };

/* A buffer for sending: header, then bytes that are copied. */
struct vionet_slot {
	struct net_frame *held;		/* first slot of a frame */
	u16 next;			/* more slots of the same frame, or the next free one; VIO_QUEUE_MAX: no more */
};

struct vionet;

/* A queue each way. */
struct vionet_pair {
	struct vionet *c;
	struct vio_queue rx, tx;
	struct {
		u8 *buffer;
		u64 hpa;
		u32 left;		/* buffers of the frame that are still to come */
		u32 pieces, len;
		bool dropping;
		struct vionet_header header;
		u16 taken[VIONET_RX_PIECES];	/* buffers that the frame lies in */
		struct net_piece piece[VIONET_RX_PIECES];
	} in;
	struct {
		u8 *buffer;
		u64 hpa;
		u16 free, free_count;
		u64 moved;		/* TSC: when it was last seen to go on, or was idle */
		struct vionet_slot slot[VIO_QUEUE_MAX];
	} out;
};

struct vionet {
	struct netdev net;
	struct vio vio;
	struct vio_queue control;
	struct vionet_pair *pair;
	u32 pairs;			/* there are */
	u32 pairs_used;			/* the device has agreed to; those behind the first are not used before */
	enum vionet_state state;
	u64 until;			/* TSC: RESETTING ends then */
	u64 look_next;
	u32 resets_in_row;		/* without anything sent or received between them */
	bool reset_asked_for;
	bool listening;
	struct {
		u8 *page;		/* class, command, argument, answer */
		u8 dirty;		/* commands to send, by number */
		u8 sent;		/* the one under way; 0xff: none */
		u64 since;
		bool promiscuous;
	} ctl;
};

/* --- vionet_rx.c, vionet_tx.c: true: there was something ----------------------------------------------------------- */

/* All buffers are the device's, after a reset. */
void vionet_rx_fill(struct vionet_pair *q);
bool vionet_rx_poll(struct vionet_pair *q);

/* All slots are free; held frames are given up. */
void vionet_tx_clear(struct vionet_pair *q);
bool vionet_tx_poll(struct vionet_pair *q, u64 now);
enum net_verdict vionet_send(struct netdev *n, struct net_frame *f);
void vionet_kick(struct netdev *n);

/* vionet.c: reset it because of what why says; then turns until it runs again. */
void vionet_reset(struct vionet *c, const char *why, u64 now);
