/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Keys typed for a guest's own keyboard: one producer (the control core), one consumer (the guest's core under its device
 * lock), no lock. Keys are named as in hv/keys.h. */

#include <hv/atomic.h>

#define KEY_RING_EVENTS 64u		/* a power of two */
#define KEY_RING_UP 0x80u		/* in a key's low byte: it went up */

struct key_ring {
	u32 head, tail;			/* counters; head - tail events wait */
	u16 event[KEY_RING_EVENTS];
};

/* false: full, the event is lost. Control core. */
static inline bool key_ring_put(struct key_ring *r, u16 event)
{
	if (r->head - load_acquire(&r->tail) >= KEY_RING_EVENTS)
		return false;
	r->event[r->head % KEY_RING_EVENTS] = event;
	store_release(&r->head, r->head + 1);
	return true;
}

/* false: empty. One of the guest's cores, device lock held. */
static inline bool key_ring_get(struct key_ring *r, u16 *event)
{
	if (r->tail == load_acquire(&r->head))
		return false;
	*event = r->event[r->tail % KEY_RING_EVENTS];
	store_release(&r->tail, r->tail + 1);
	return true;
}
