/* SPDX-License-Identifier: Apache-2.0 */
#include "guest_input.h"

#include <hv/vcpu.h>

#define FOR_RELEASES 16u		/* places of the ring that keys going down leave */

static void tell(struct guest *g)
{
	fetch_or(&g->events, (u32)GUEST_EVENT_KEYS);
	vcpu_request(g, 0, REQ_EVENTS);
}

bool guest_input_key(struct guest *g, u16 key, bool down)
{
	u32 waiting = g->keys.head - load_acquire(&g->keys.tail);

	if (down && waiting >= KEY_RING_EVENTS - FOR_RELEASES)
		return false;
	if (!key_ring_put(&g->keys, (u16)(key | (down ? 0 : KEY_RING_UP))))
		return false;
	tell(g);
	return true;
}

bool guest_input_mouse(struct guest *g, const struct mouse_event *event)
{
	if (!mouse_ring_put(&g->mouse, event))
		return false;
	tell(g);
	return true;
}
