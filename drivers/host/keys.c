/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/keys.h>

#include <hv/lib.h>

#define EVENTS 128u		/* a power of two */
#define KEPT_FREE 32u		/* for releases: a key that seems held for ever is worse than one that was not typed */

static struct {
	u32 head, tail;
	struct key_event event[EVENTS];
} keys;

void keys_put(u16 key, bool down)
{
	u32 used = keys.head - keys.tail;

	if (used == EVENTS || (down && used >= EVENTS - KEPT_FREE))
		return;
	keys.event[keys.head++ % EVENTS] = (struct key_event){ key, down };
}

bool keys_get(struct key_event *event)
{
	if (keys.head == keys.tail)
		return false;
	*event = keys.event[keys.tail++ % EVENTS];
	return true;
}

bool keys_waiting(void)
{
	return keys.head != keys.tail;
}
