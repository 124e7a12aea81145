/* SPDX-License-Identifier: Apache-2.0 */
/* The packed ring: descriptors are made available and used in place; a wrap counter tells the rounds apart. VIRTIO 1.2
 * "Packed Virtqueues". */
#include "virtq_int.h"

#define EVENT_FLAGS 2u			/* of both event areas; the position is at 0 */
#define EVENT_WRAP 0x8000u
enum event_flags { EVENT_ALWAYS = 0, EVENT_NEVER = 1, EVENT_AT = 2 };

/* All entries of an indirect table, one after another. */
static int take_indirect(struct virtq *q, struct virtq_chain *c, const struct virtq_desc *d)
{
	u32 entries;
	const u8 *table = virtq_indirect(q, d, &entries), *end;

	if (!table)
		return -E_INVAL;
	if (entries > q->size_max)
		return virtq_break(q, "indirect table longer than a queue");
	for (end = table + entries * DESC_SIZE; table < end; table += DESC_SIZE) {
		struct virtq_desc inner = packed_desc(table);

		if (inner.flags & DESC_INDIRECT)
			return virtq_break(q, "indirect table in an indirect table");
		if (virtq_add_piece(q, c, &inner))
			return -E_INVAL;
	}
	return 1;
}

int packed_take(struct virtq *q, struct virtq_chain *c)
{
	u16 at = q->take_at, slots = 0;
	bool wrap = q->take_wrap;

	for (;;) {
		struct virtq_desc d = packed_desc(packed_desc_at(q, at));
		int err = d.flags & DESC_INDIRECT ? take_indirect(q, c, &d) : virtq_add_piece(q, c, &d);

		if (err < 0)
			return err;
		c->id = d.tail;
		packed_advance(q, &at, &wrap, 1);
		slots++;
		if (!(d.flags & DESC_NEXT))
			break;
		if (slots == q->size)
			return virtq_break(q, "chain of descriptors without end");
	}
	c->slots = slots;
	q->take_at = at;
	q->take_wrap = wrap;
	return 1;
}

/* The flags last: with them the place is the driver's again. */
void packed_give(struct virtq *q, const struct virtq_chain *c, u32 written)
{
	u16 flags = (u16)((q->give_wrap ? DESC_AVAIL | DESC_USED : 0) | (written ? DESC_WRITE : 0));
	u8 *p = packed_desc_at(q, q->give_at);

	ring32_set(p + 8, written);
	ring16_set(p + 12, c->id);
	if (UNLIKELY(q->holding && !q->held_at)) {
		q->held_at = p + PACKED_FLAGS;
		q->held_flags = flags;
	} else {
		store_release((u16 *)(void *)(p + PACKED_FLAGS), flags);
	}
	packed_advance(q, &q->give_at, &q->give_wrap, c->slots);
	q->given = (u16)(q->given + c->slots);
}

bool packed_wants(struct virtq *q, u16 added)
{
	u16 flags, event;

	fence_full();		/* what was given is seen before we read whether anybody waits for it */
	flags = load_acquire((u16 *)(void *)(q->driver + EVENT_FLAGS));
	if (flags != EVENT_AT || !q->event_idx)
		return flags != EVENT_NEVER;
	event = ring16(q->driver);
	if (!!(event & EVENT_WRAP) == q->give_wrap)
		event &= (u16)~EVENT_WRAP;
	else
		event = (u16)((event & ~EVENT_WRAP) - q->size);
	return virtq_passed(event, q->give_at, added);
}

void packed_quiet(struct virtq *q)
{
	ring16_set(q->device + EVENT_FLAGS, EVENT_NEVER);
}

bool packed_listen(struct virtq *q)
{
	if (q->event_idx)
		ring16_set(q->device, (u16)(q->take_at | (q->take_wrap ? EVENT_WRAP : 0)));
	store_release((u16 *)(void *)(q->device + EVENT_FLAGS), q->event_idx ? (u16)EVENT_AT : (u16)EVENT_ALWAYS);
	fence_full();		/* asked before we look for the last time */
	return packed_waits(q);
}
