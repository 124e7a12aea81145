/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/message.h>

bool message_put(struct message_ring *r, const struct message *m)
{
	u32 head = load_relaxed(&r->head);

	if (head - load_acquire(&r->tail) >= MESSAGE_RING_SLOTS)
		return false;
	r->slot[head % MESSAGE_RING_SLOTS] = *m;
	store_release(&r->head, head + 1);	/* pairs with the acquire in message_get */
	return true;
}

bool message_get(struct message_ring *r, struct message *m)
{
	u32 tail = load_relaxed(&r->tail);

	if (load_acquire(&r->head) == tail)
		return false;
	*m = r->slot[tail % MESSAGE_RING_SLOTS];
	store_release(&r->tail, tail + 1);	/* pairs with the acquire in message_put */
	return true;
}
