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

/* What of a request has been read so far, and what is needed of the queue for each piece: kept in registers. */
struct plain {
	u8 *base;
	u64 ram_low;
	struct gmem_piece *piece, *readable, *end;
	u64 bytes, read_bytes;
};

static inline struct plain plain_begin(const struct virtq *q, struct virtq_chain *c, u16 most)
{
	return (struct plain){ .base = q->base, .ram_low = q->g->ram_low, .piece = c->piece, .readable = c->piece,
		.end = c->piece + MIN(most, VIRTQ_PIECES_MAX) };
}

/* The next piece: RAM below 4 GiB, in order. false: something is rare. */
static inline __attribute__((always_inline)) bool add_plain(struct plain *n, const struct virtq_desc *d)
{
	if (UNLIKELY(d->flags & DESC_INDIRECT || !d->len || d->addr >= n->ram_low || d->len > n->ram_low - d->addr ||
		     n->piece == n->end))
		return false;
	*n->piece = (struct gmem_piece){ n->base + d->addr, d->len };
	n->bytes += d->len;
	if (!(d->flags & DESC_WRITE)) {
		if (UNLIKELY(n->readable != n->piece))
			return false;
		n->readable++;
		n->read_bytes = n->bytes;
	}
	n->piece++;
	return true;
}

static inline void plain_done(struct virtq *q, struct virtq_chain *c, const struct plain *n, u16 slots, u16 id)
{
	c->readable = (u16)(n->readable - c->piece);
	c->writable = (u16)(n->piece - n->readable);
	c->read_bytes = n->read_bytes;
	c->write_bytes = n->bytes - n->read_bytes;
	c->id = id;
	c->slots = slots;
	packed_advance(q, &q->take_at, &q->take_wrap, slots);
}

static inline bool take_plain_table(struct virtq *q, struct virtq_chain *c, const struct virtq_desc *first)
{
	const u8 *table = virtq_ram_low(q, first->addr, first->len), *end = table + first->len;
	struct plain n = plain_begin(q, c, q->size_max);

	if (!table || !q->indirect || first->flags & DESC_NEXT || !first->len || first->len % DESC_SIZE)
		return false;
	for (; table < end; table += DESC_SIZE) {
		struct virtq_desc d = packed_desc(table);

		if (!add_plain(&n, &d))
			return false;
	}
	plain_done(q, c, &n, 1, first->tail);
	return true;
}

/* Nearly all requests have nothing rare in them. false: this one has, nothing was taken; all of it is read anew then. */
static inline bool take_plain(struct virtq *q, struct virtq_chain *c)
{
	const u8 *at = packed_desc_at(q, q->take_at), *end = packed_desc_at(q, q->size);
	struct virtq_desc d = packed_desc(at);
	/* No longer than the ring: a driver that changes flags meanwhile could end a longer one, which packed_advance() cannot. */
	struct plain n = plain_begin(q, c, q->size);

	if (d.flags & DESC_INDIRECT)
		return take_plain_table(q, c, &d);
	while (add_plain(&n, &d)) {
		if (!(d.flags & DESC_NEXT)) {
			plain_done(q, c, &n, (u16)(n.piece - c->piece), d.tail);
			return true;
		}
		at += DESC_SIZE;
		if (at == end)
			at = q->desc;
		d = packed_desc(at);
	}
	return false;
}

static NOINLINE int take_any(struct virtq *q, struct virtq_chain *c)
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

int packed_take(struct virtq *q, struct virtq_chain *c)
{
	if (LIKELY(take_plain(q, c)))
		return 1;
	c->readable = c->writable = 0;
	c->read_bytes = c->write_bytes = 0;
	return take_any(q, c);
}

static inline bool is_place(const struct virtq_desc *d, u64 ram_low)
{
	return (d->flags & (DESC_WRITE | DESC_NEXT | DESC_INDIRECT)) == DESC_WRITE && d->len && d->addr < ram_low &&
		d->len <= ram_low - d->addr;
}

u32 packed_take_places(struct virtq *q, struct virtq_place *p, u32 most, u32 least, u64 bytes)
{
	const u64 ram_low = q->g->ram_low;
	u8 *const base = q->base, *const end = packed_desc_at(q, q->size);
	u8 *at = packed_desc_at(q, q->take_at);
	bool wrap = q->take_wrap;

	for (u32 n = 0; n < most; n++) {
		u16 flags = load_acquire((u16 *)(void *)(at + PACKED_FLAGS));
		struct virtq_desc d = packed_desc(at);

		if (!packed_is_ours(flags, wrap) || !is_place(&d, ram_low) || d.len < least)
			return 0;
		p[n] = (struct virtq_place){ .at = base + d.addr, .len = d.len, .id = d.tail };
		if (d.len >= bytes) {
			packed_advance(q, &q->take_at, &q->take_wrap, (u16)(n + 1));
			return n + 1;
		}
		bytes -= d.len;
		least = 0;
		at += DESC_SIZE;
		if (at == end) {
			at = q->desc;
			wrap = !wrap;
		}
	}
	return 0;
}

/* The flags of the first last: with them all are the driver's. */
void packed_give_places(struct virtq *q, const struct virtq_place *p, u32 count)
{
	u16 first_flags = 0, flags;
	u8 *first = NULL, *at;

	for (u32 n = 0; n < count; n++) {
		at = packed_desc_at(q, q->give_at);
		flags = (u16)((q->give_wrap ? DESC_AVAIL | DESC_USED : 0) | (p[n].written ? DESC_WRITE : 0));
		ring32_set(at + 8, p[n].written);
		ring16_set(at + 12, p[n].id);
		if (!first) {
			first = at + PACKED_FLAGS;
			first_flags = flags;
		} else {
			store_release((u16 *)(void *)(at + PACKED_FLAGS), flags);
		}
		packed_advance(q, &q->give_at, &q->give_wrap, 1);
	}
	if (first)
		store_release((u16 *)(void *)first, first_flags);
	q->given = (u16)(q->given + count);
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
