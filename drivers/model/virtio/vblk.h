/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A disk: virtio-blk in front of a struct block_store. VIRTIO 1.2 "Block Device". Where the store is the control core's, that
 * core serves the queues: vblk_remote.c. */

#include <hv/block.h>

#include "virtio_remote.h"

#define VBLK_QUEUES_MAX 8u
#define VBLK_QUEUE_SIZE 1024u		/* 15 requests of the largest kind, 341 of one piece */
#define VBLK_SLOTS 32u			/* requests that the store works on at once */
#define VBLK_QUIET 4u			/* as many under way: their ends bring us back, the driver need not notify */

struct vblk_slot {
	struct block_request rq;
	struct vblk *disk;
	u8 *status;			/* the guest's last byte to write */
	u32 written;			/* bytes, if all goes well */
	u32 bit;			/* its own in free */
	u16 queue;
	bool kicking;			/* submit() has not returned yet */
	struct virtq_chain chain;
};

struct vblk {
	struct virtio_device d;
	struct block_store store;
	u32 free;			/* slots, a bit each */
	u32 in_flight;			/* the store has them */
	u32 starved;			/* queues that found no slot, a bit each */
	u64 reads, writes, flushes, others;
	u64 erased;			/* bytes discarded or zeroed: work of a turn, like those copied */
	struct vblk_slot slot[VBLK_SLOTS];

	/* Where the control core serves the queues: its own. */
	struct virtio_remote remote;
	u32 quiet;			/* queues that are left alone while others' requests are under way */
	u32 answered, held;		/* queues to flush, and for how many ends */
	u64 held_since, paused;		/* TSC: of the first of these; since when nothing is under way; 0: something is */
	u64 linger;			/* in TSC ticks: so long a guest that asks again soon is waited for */
	bool brisk;			/* last time the guest asked again soon */
};

/* Put a disk with this->store on the bus. Control core, when the guest is built. */
int vblk_add(struct guest *g, struct vblk *b, u8 slot);
