/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between virtq.c and the two ring formats. */

#include <hv/atomic.h>
#include <hv/lib.h>

#include "virtq.h"

enum virtq_desc_flags { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4, DESC_AVAIL = 0x80, DESC_USED = 0x8000 };

#define DESC_SIZE 16u

/* A descriptor as the driver wrote it, in our own memory. tail: `next` in a split ring, `id` in a packed one. */
struct virtq_desc {
	u64 addr;
	u32 len;
	u16 flags, tail;
};

/* Fields of the rings, each call exactly one access. Rings are aligned; indirect tables need not be, and this processor
 * does not mind. */
struct any16 { u16 v; } PACKED;
struct any32 { u32 v; } PACKED;
struct any64 { u64 v; } PACKED;

static inline u16 ring16(const u8 *at)
{
	return ((const volatile struct any16 *)(const void *)at)->v;
}

static inline void ring16_set(u8 *at, u16 val)
{
	((volatile struct any16 *)(void *)at)->v = val;
}

static inline void ring32_set(u8 *at, u32 val)
{
	((volatile struct any32 *)(void *)at)->v = val;
}

static inline u64 ring64(const u8 *at)
{
	return ((const volatile struct any64 *)(const void *)at)->v;
}

static inline void ring64_set(u8 *at, u64 val)
{
	((volatile struct any64 *)(void *)at)->v = val;
}

/* RAM below 4 GiB; null: not all of it is there. */
static inline u8 *virtq_ram_low(const struct virtq *q, u64 at, u32 len)
{
	const struct guest *g = q->g;

	return LIKELY(at < g->ram_low && len <= g->ram_low - at) ? q->base + at : NULL;
}

/* gmem_ptr() or window_ptr(), in line for RAM below 4 GiB. */
static inline u8 *virtq_ram(const struct virtq *q, u64 at, u32 len)
{
	const struct guest *g = q->g;
	u8 *low = virtq_ram_low(q, at, len);

	if (LIKELY(low))
		return low;
	return q->remote ? window_ptr(g, GPA(at), len) : gmem_ptr(g, GPA(at), len);
}

/* Add the memory of one descriptor to the chain. Zero bytes are nothing to read or write. In line: the cost of a request. */
static inline int virtq_add_piece(struct virtq *q, struct virtq_chain *c, const struct virtq_desc *d)
{
	u32 count = (u32)c->readable + c->writable;
	u8 *at;

	if (UNLIKELY(!(d->flags & DESC_WRITE) && c->writable))
		return virtq_break(q, "memory to read behind memory to write");
	if (UNLIKELY(!d->len))
		return 0;
	if (UNLIKELY(count == VIRTQ_PIECES_MAX))
		return virtq_break(q, "chain with too many pieces");
	at = virtq_ram(q, d->addr, d->len);
	if (UNLIKELY(!at))
		return virtq_break(q, "memory outside of RAM");
	c->piece[count] = (struct gmem_piece){ at, d->len };
	if (d->flags & DESC_WRITE) {
		c->writable++;
		c->write_bytes += d->len;
	} else {
		c->readable++;
		c->read_bytes += d->len;
	}
	return 0;
}

/* The indirect table that d names: its address and entries. null: broken. */
static inline const u8 *virtq_indirect(struct virtq *q, const struct virtq_desc *d, u32 *entries)
{
	const u8 *table = NULL;

	if (!q->indirect || d->flags & DESC_NEXT)
		virtq_break(q, "indirect descriptor where none may be");
	else if (!d->len || d->len % DESC_SIZE)
		virtq_break(q, "length of an indirect table");
	else if (!(table = virtq_ram(q, d->addr, d->len)))
		virtq_break(q, "indirect table outside of RAM");
	*entries = d->len / DESC_SIZE;
	return table;
}

/* Does the driver, which has seen `added` new ones up to `now`, want an interrupt when `event` passes? */
static inline bool virtq_passed(u16 event, u16 now, u16 added)
{
	return (u16)(now - event - 1) < added;
}

/* --- packed ------------------------------------------------------------------------------------------------------- */

#define PACKED_FLAGS 14u		/* in a descriptor */

static inline u8 *packed_desc_at(const struct virtq *q, u16 at)
{
	return q->desc + (u64)at * DESC_SIZE;
}

/* Two reads. Of the first descriptor the flags were read before, by packed_waits(); only these are believed. */
static inline struct virtq_desc packed_desc(const u8 *p)
{
	u64 low = ring64(p), high = ring64(p + 8);

	return (struct virtq_desc){ low, (u32)high, (u16)(high >> 48), (u16)(high >> 32) };
}

/* n places on in the ring, n <= size. */
static inline void packed_advance(const struct virtq *q, u16 *at, bool *wrap, u16 n)
{
	u32 next = (u32)*at + n;

	if (next >= q->size) {
		next -= q->size;
		*wrap = !*wrap;
	}
	*at = (u16)next;
}

/* Flags of the next place; is it the device's to take? Pairs with the driver's release of the flags. */
static inline u16 packed_flags(const struct virtq *q)
{
	return load_acquire((u16 *)(void *)(packed_desc_at(q, q->take_at) + PACKED_FLAGS));
}

static inline bool packed_is_ours(u16 flags, bool wrap)
{
	return (flags & (DESC_AVAIL | DESC_USED)) == (wrap ? DESC_AVAIL : DESC_USED);
}

static inline bool packed_waits(const struct virtq *q)
{
	return packed_is_ours(packed_flags(q), q->take_wrap);
}

/* Nearly all that a network's driver gives: one descriptor, below 4 GiB. false: it is not that, nothing was taken. */
static inline bool packed_take_one(struct virtq *q, struct virtq_chain *c)
{
	struct virtq_desc d = packed_desc(packed_desc_at(q, q->take_at));
	bool write = d.flags & DESC_WRITE;
	u8 *at;

	if (d.flags & (DESC_NEXT | DESC_INDIRECT) || !d.len || !(at = virtq_ram_low(q, d.addr, d.len)))
		return false;
	c->piece[0] = (struct gmem_piece){ at, d.len };
	c->readable = !write;
	c->writable = write;
	c->read_bytes = write ? 0 : d.len;
	c->write_bytes = write ? d.len : 0;
	c->id = d.tail;
	c->slots = 1;
	packed_advance(q, &q->take_at, &q->take_wrap, 1);
	return true;
}

/* --- split -------------------------------------------------------------------------------------------------------- */

/* Has the driver made anything available? */
static inline bool split_waits(struct virtq *q)
{
	if (q->seen == q->take_at)
		q->seen = load_acquire((u16 *)(void *)(q->driver + 2));
	return q->seen != q->take_at;
}

int split_take(struct virtq *q, struct virtq_chain *c);
void split_give(struct virtq *q, const struct virtq_chain *c, u32 written);
void split_publish(struct virtq *q);
bool split_wants(struct virtq *q, u16 added);
bool split_flush(struct virtq *q, u16 added);
void split_quiet(struct virtq *q);
bool split_listen(struct virtq *q);

int packed_take(struct virtq *q, struct virtq_chain *c);
u32 packed_take_places(struct virtq *q, struct virtq_place *p, u32 most, u32 least, u64 bytes);
void packed_give_places(struct virtq *q, const struct virtq_place *p, u32 count);
void packed_give(struct virtq *q, const struct virtq_chain *c, u32 written);
bool packed_wants(struct virtq *q, u16 added);
void packed_quiet(struct virtq *q);
bool packed_listen(struct virtq *q);
