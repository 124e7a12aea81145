/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Moves of the machine's own mice, from their drivers to the event loop, and from there to the mouse of the guest whose screen is
 * shown. Right and up are positive; buttons: bit 0 left, 1 right, 2 middle. */

#include <hv/atomic.h>

struct mouse_event {
	s16 dx, dy;
	u8 buttons;
};

/* A mouse moved, or its buttons changed; drivers call it. Moves with the same buttons add up while nobody takes them. Control
 * core, like the others here. */
void mouse_put(int dx, int dy, u8 buttons);

/* The next event, which stays until mouse_drop(); false: none. */
bool mouse_peek(struct mouse_event *event);
void mouse_drop(void);

/* To a guest: one producer (the control core), one consumer (the guest's core under its device lock), no lock. */
#define MOUSE_RING_EVENTS 16u		/* a power of two */

struct mouse_ring {
	u32 head, tail;			/* counters; head - tail events wait */
	struct mouse_event event[MOUSE_RING_EVENTS];
};

/* false: full. Control core. */
static inline bool mouse_ring_put(struct mouse_ring *r, const struct mouse_event *event)
{
	if (r->head - load_acquire(&r->tail) >= MOUSE_RING_EVENTS)
		return false;
	r->event[r->head % MOUSE_RING_EVENTS] = *event;
	store_release(&r->head, r->head + 1);
	return true;
}

/* false: empty. One of the guest's cores, device lock held. */
static inline bool mouse_ring_get(struct mouse_ring *r, struct mouse_event *event)
{
	if (r->tail == load_acquire(&r->head))
		return false;
	*event = r->event[r->tail % MOUSE_RING_EVENTS];
	store_release(&r->tail, r->tail + 1);
	return true;
}
