/* SPDX-License-Identifier: Apache-2.0 */
/* The split ring: a table of descriptors, a ring of what is available, a ring of what was used. VIRTIO 1.2 "Split
 * Virtqueues". */
#include "virtq_int.h"

#define RING_FLAGS 0u			/* of both rings */
#define RING_INDEX 2u
#define RING_ENTRIES 4u
#define AVAIL_NO_INTERRUPT 1u
#define USED_NO_NOTIFY 1u

static u8 *used_event(const struct virtq *q)
{
	return q->driver + RING_ENTRIES + 2ul * q->size;
}

static u8 *avail_event(const struct virtq *q)
{
	return q->device + RING_ENTRIES + 8ul * q->size;
}

static struct virtq_desc desc_read(const u8 *table, u32 at)
{
	const u8 *p = table + (u64)at * DESC_SIZE;
	u64 low = ring64(p), high = ring64(p + 8);

	return (struct virtq_desc){ low, (u32)high, (u16)(high >> 32), (u16)(high >> 48) };
}

/* Follow a chain through a table of `entries`. Whoever has made more steps than that is in a loop; a longer table
 * than a queue may have is not walked to its end either. */
static int walk(struct virtq *q, struct virtq_chain *c, const u8 *table, u32 entries, u32 at, bool nested)
{
	for (u32 steps = 0; steps < MIN(entries, VIRTQ_SIZE_MAX); steps++) {
		struct virtq_desc d = desc_read(table, at);

		if (d.flags & DESC_INDIRECT) {
			u32 count = 0;
			const u8 *inner = nested ? NULL : virtq_indirect(q, &d, &count);

			if (!inner)
				return virtq_break(q, "indirect table in an indirect table");
			return walk(q, c, inner, count, 0, true);
		}
		if (virtq_add_piece(q, c, &d))
			return -E_INVAL;
		if (!(d.flags & DESC_NEXT))
			return 1;
		at = d.tail;
		if (at >= entries)
			return virtq_break(q, "next descriptor outside of its table");
	}
	return virtq_break(q, "chain of descriptors without end");
}

int split_take(struct virtq *q, struct virtq_chain *c)
{
	u16 head;

	if (q->seen == q->take_at) {
		q->seen = load_acquire((u16 *)(void *)(q->driver + RING_INDEX));
		if (q->seen == q->take_at)
			return 0;
		if ((u16)(q->seen - q->take_at) > q->size)
			return virtq_break(q, "jump of the available index");
	}
	head = ring16(q->driver + RING_ENTRIES + 2ul * (q->take_at & (q->size - 1u)));
	if (head >= q->size)
		return virtq_break(q, "first descriptor outside of the table");
	q->take_at++;
	c->id = head;
	c->slots = 1;
	return walk(q, c, q->desc, q->size, head, false);
}

void split_give(struct virtq *q, const struct virtq_chain *c, u32 written)
{
	ring64_set(q->device + RING_ENTRIES + 8ul * (q->give_at & (q->size - 1u)), c->id | (u64)written << 32);
	q->give_at++;
	q->given++;
}

bool split_flush(struct virtq *q, u16 added)
{
	store_release((u16 *)(void *)(q->device + RING_INDEX), q->give_at);
	fence_full();		/* the index is seen before we read whether anybody waits for it */
	if (q->event_idx)
		return virtq_passed(ring16(used_event(q)), q->give_at, added);
	return !(ring16(q->driver + RING_FLAGS) & AVAIL_NO_INTERRUPT);
}

/* With event indexes the driver is silent until the one that we name. */
void split_quiet(struct virtq *q)
{
	if (!q->event_idx)
		ring16_set(q->device + RING_FLAGS, USED_NO_NOTIFY);
}

bool split_listen(struct virtq *q)
{
	if (q->event_idx)
		ring16_set(avail_event(q), q->take_at);
	else
		ring16_set(q->device + RING_FLAGS, 0);
	fence_full();		/* asked before we look for the last time */
	return ring16(q->driver + RING_INDEX) != q->take_at;
}
