/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between vblk.c and vblk_remote.c. On whichever side serves the disk's queues: one of the guest's cores, device lock held, or the
 * control core. */

#include "vblk.h"
#include "virtio_remote.h"

#define VBLK_ALL_SLOTS (u32)(BIT(VBLK_SLOTS) - 1)
#define VBLK_TURN_REQUESTS 256u		/* per look; the rest later, so that interrupts, or other guests, are not late */
#define VBLK_TURN_BYTES (8 * MiB)

/* One request. 2: served or on its way, and there is another; 1: the last; 0: none, or no slot; -E_INVAL: the driver broke a
 * rule. */
int vblk_serve_one(struct vblk *b, u32 queue);

/* Answer: the status byte, and the chain goes back. */
void vblk_answer(struct vblk_slot *s, enum block_result result);

static inline void vblk_slot_free(struct vblk *b, const struct vblk_slot *s)
{
	b->free |= s->bit;
}

/* Work of a turn so far. */
static inline u64 vblk_work(const struct vblk *b)
{
	return b->d.bytes + b->erased;
}

/* vblk_remote.c: have the control core serve the queues (before virtio_add()); a request has ended, out of submit() or later. */
int vblk_remote_init(struct guest *g, struct vblk *b);
void vblk_remote_done(struct vblk_slot *s, enum block_result result);
