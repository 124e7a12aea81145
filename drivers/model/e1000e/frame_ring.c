/* SPDX-License-Identifier: Apache-2.0 */
#include "frame_ring.h"

#include <hv/lib.h>

#define WRAP ~0u
#define RECORD ((u32)sizeof(struct frame_record))

/* Both sides only ever see what their own code wrote, so nothing here distrusts it. */

static struct frame_record *at(const struct frame_ring *r, u32 position)
{
	return (struct frame_record *)(r->bytes + position % FRAME_RING_BYTES);
}

static u32 whole(u32 len)
{
	return RECORD + (u32)ALIGN_UP(len, RECORD);
}

/* A frame lies in one piece: what is left at the end is skipped where it is too short. Returns how much is skipped. */
static u32 skipped(u32 position, u32 need)
{
	u32 left = FRAME_RING_BYTES - position % FRAME_RING_BYTES;

	return left < need ? left : 0;
}

u8 *frame_ring_reserve(struct frame_ring *r, u32 len)
{
	u32 need = whole(len), skip = skipped(r->head, need);

	if (len > NET_GSO_MAX || skip + need > FRAME_RING_BYTES - (r->head - load_acquire(&r->tail)))
		return NULL;
	return (u8 *)(at(r, r->head + skip) + 1);
}

void frame_ring_commit(struct frame_ring *r, const struct frame_record *record)
{
	u32 need = whole(record->len), skip = skipped(r->head, need);

	if (skip)
		at(r, r->head)->len = WRAP;
	*at(r, r->head + skip) = *record;
	store_release(&r->head, r->head + skip + need);
}

const struct frame_record *frame_ring_peek(struct frame_ring *r)
{
	if (frame_ring_empty(r))
		return NULL;
	if (at(r, r->tail)->len == WRAP)
		store_release(&r->tail, r->tail + FRAME_RING_BYTES - r->tail % FRAME_RING_BYTES);
	return at(r, r->tail);
}

void frame_ring_drop(struct frame_ring *r)
{
	store_release(&r->tail, r->tail + whole(at(r, r->tail)->len));
}

void frame_ring_clear(struct frame_ring *r)
{
	store_release(&r->tail, load_acquire(&r->head));
}
