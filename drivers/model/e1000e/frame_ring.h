/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Frames on their way between one core of a guest and the control core: a ring of bytes with one writer and one reader, no
 * lock. For network cards whose registers and rings only the guest's cores touch: a frame is copied once more, but neither
 * side ever has to wait for the other. */

#include <hv/atomic.h>
#include <hv/net.h>

#define FRAME_RING_BYTES (256 * KiB)	/* a power of two; the largest frame fits four times */

struct frame_record {
	u32 len;			/* bytes behind this record; FRAME_RING_WRAP: go on at the ring's start */
	bool tagged;
	u16 vlan;
	u16 queue;			/* of the receiver's, where it has several */
	struct net_offload offload;
} __attribute__((aligned(16)));

struct frame_ring {
	u8 *bytes;			/* FRAME_RING_BYTES, aligned to 16 */
	u32 head, tail;			/* counters of bytes; head: the writer's */
};

/* Room for a frame of len bytes in one piece, or null: full. The writer. */
u8 *frame_ring_reserve(struct frame_ring *r, u32 len);

/* The frame that was reserved last is there; r->len is what was reserved. The writer. */
void frame_ring_commit(struct frame_ring *r, const struct frame_record *record);

/* The oldest frame, its bytes behind the record; null: none. It stays until frame_ring_drop(). The reader. */
const struct frame_record *frame_ring_peek(struct frame_ring *r);
void frame_ring_drop(struct frame_ring *r);

static inline bool frame_ring_empty(const struct frame_ring *r)
{
	return load_acquire(&r->head) == r->tail;
}

/* Forget all that waits. The reader. */
void frame_ring_clear(struct frame_ring *r);
