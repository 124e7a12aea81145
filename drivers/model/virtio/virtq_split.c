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

/* Follow a chain through a table of `entries`, from descriptor d on. Whoever has made more steps than that is in a loop; a
 * longer table than a queue may have is not walked to its end either. The ring's own table may lead to an indirect one, once:
 * *inner is that one's descriptor then, and 0 is returned. */
static inline int walk(struct virtq *q, struct virtq_chain *c, const u8 *table, u32 entries, struct virtq_desc d,
		       struct virtq_desc *inner)
{
	for (u32 left = MIN(entries, (u32)q->size_max); left; left--) {
		if (UNLIKELY(d.flags & DESC_INDIRECT)) {
			if (!inner)
				return virtq_break(q, "indirect table in an indirect table");
			*inner = d;
			return 0;
		}
		if (virtq_add_piece(q, c, &d))
			return -E_INVAL;
		if (!(d.flags & DESC_NEXT))
			return 1;
		if (UNLIKELY(d.tail >= entries))
			return virtq_break(q, "next descriptor outside of its table");
		d = desc_read(table, d.tail);
	}
	return virtq_break(q, "chain of descriptors without end");
}

static int walk_indirect(struct virtq *q, struct virtq_chain *c, const struct virtq_desc *d)
{
	u32 entries;
	const u8 *table = virtq_indirect(q, d, &entries);

	return table ? walk(q, c, table, entries, desc_read(table, 0), NULL) : -E_INVAL;
}

int split_take(struct virtq *q, struct virtq_chain *c)
{
	struct virtq_desc d;
	u16 head;
	int got;

	if ((u16)(q->seen - q->take_at) > q->size)
		return virtq_break(q, "jump of the available index");
	head = ring16(q->driver + RING_ENTRIES + 2ul * (q->take_at & (q->size - 1u)));
	if (head >= q->size)
		return virtq_break(q, "first descriptor outside of the table");
	q->take_at++;
	c->id = head;
	c->slots = 1;
	d = desc_read(q->desc, head);
	if (LIKELY(d.flags & DESC_INDIRECT))
		return walk_indirect(q, c, &d);
	got = walk(q, c, q->desc, q->size, d, &d);
	return got ? got : walk_indirect(q, c, &d);
}

void split_give(struct virtq *q, const struct virtq_chain *c, u32 written)
{
	ring64_set(q->device + RING_ENTRIES + 8ul * (q->give_at & (q->size - 1u)), c->id | (u64)written << 32);
	q->give_at++;
	q->given++;
}

void split_publish(struct virtq *q)
{
	store_release((u16 *)(void *)(q->device + RING_INDEX), q->give_at);
}

static inline bool wants(const struct virtq *q, u16 added)
{
	fence_full();		/* the index is seen before we read whether anybody waits for it */
	if (q->event_idx)
		return virtq_passed(ring16(used_event(q)), q->give_at, added);
	return !(ring16(q->driver + RING_FLAGS) & AVAIL_NO_INTERRUPT);
}

bool split_wants(struct virtq *q, u16 added)
{
	return wants(q, added);
}

bool split_flush(struct virtq *q, u16 added)
{
	store_release((u16 *)(void *)(q->device + RING_INDEX), q->give_at);
	return wants(q, added);
}

/* With event indexes the driver is silent until the one that we name: who may have named the next one takes that back. */
void split_quiet(struct virtq *q)
{
	if (!q->event_idx)
		ring16_set(q->device + RING_FLAGS, USED_NO_NOTIFY);
	else if (q->remote)
		ring16_set(avail_event(q), (u16)(q->take_at - 1));
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
