/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One-way rings of small messages between the control core and one other core: one writer, one reader, no lock.
 * The writer rings the reader's doorbell afterwards. */

#include <hv/atomic.h>

enum message_type {
	MSG_NONE,
	/* control core -> guest core */
	MSG_RUN,	/* arg0: struct guest *, arg1: vcpu index, arg2: 1 = this core prepares the guest's RAM first */
	MSG_ZERO,	/* arg0: struct guest *, arg1: 0: clear its RAM, unless another message waits behind; 1: all of it, and that
			 * of its devices, for it is to be somebody else's; then MSG_ZEROED */
	MSG_RELOAD,	/* arg0: struct guest *, arg1: vcpu index: it is in no page table any more; then MSG_RELOADED */
	MSG_CONTROL,	/* this core is the control core from now on: control_run() */
	MSG_STOP,	/* switch virtualisation off and halt for ever: the machine goes down */
	/* guest core -> control core */
	MSG_PARKED,	/* arg0: struct guest *, arg1: vcpu index: its vcpu has left the guest */
	MSG_STARTED,	/* arg0: struct guest *: the guest's first instruction is next */
	MSG_ENDED,	/* arg0: struct guest *: guest->record is ready */
	MSG_ZEROED,	/* arg0: struct guest *, arg1: all of it is cleared */
	MSG_RELOADED,	/* arg0: struct guest *, arg1: vcpu index */
	MSG_PANICKED,	/* arg0: struct guest *, arg1: enum guest_panic_event: guest->panic is ready; the guest goes on */
	MSG_READY,	/* the core is up and waits */
};

struct message {
	u64 type;	/* enum message_type */
	u64 arg[3];
};

#define MESSAGE_RING_SLOTS 16u

struct message_ring {
	u32 head;	/* written by the sender, release */
	u32 tail;	/* written by the reader, release */
	struct message slot[MESSAGE_RING_SLOTS];
};

/* false when the ring is full: the caller tries again later. */
bool message_put(struct message_ring *r, const struct message *m);
bool message_get(struct message_ring *r, struct message *m);

/* The reader's: is there one? */
static inline bool message_waits(const struct message_ring *r)
{
	return load_acquire(&r->head) != r->tail;
}
