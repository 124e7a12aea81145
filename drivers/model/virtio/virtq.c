/* SPDX-License-Identifier: Apache-2.0 */
/* What split and packed queues have in common. */
#include "virtq_int.h"

int virtq_break(struct virtq *q, const char *why)
{
	if (!q->broken)
		q->broken = why;
	return -E_INVAL;
}

void virtq_reset(struct virtq *q, struct guest *g, u16 size_max, bool remote)
{
	memset(q, 0, sizeof(*q));
	q->g = g;
	q->remote = remote;
	q->base = remote ? g->window : g->ram;
	q->size = q->size_max = size_max;
	q->vector = VIRTIO_NO_VECTOR;
	q->take_wrap = q->give_wrap = true;
}

static u8 *area(struct virtq *q, u64 gpa, u64 size, u64 align)
{
	if (!IS_ALIGNED(gpa, align))
		return NULL;
	return q->remote ? window_ptr(q->g, GPA(gpa), size) : gmem_ptr(q->g, GPA(gpa), size);
}

bool virtq_enable(struct virtq *q, u64 features)
{
	u64 n = q->size;

	q->packed = features & BIT(VIRTIO_F_RING_PACKED);
	q->event_idx = features & BIT(VIRTIO_F_EVENT_IDX);
	q->indirect = features & BIT(VIRTIO_F_INDIRECT_DESC);
	if (!n || n > q->size_max || (!q->packed && (n & (n - 1)))) {
		virtq_break(q, "size of the queue");
		return false;
	}
	q->desc = area(q, q->desc_gpa, n * DESC_SIZE, 16);
	q->driver = area(q, q->driver_gpa, q->packed ? 4 : 6 + 2 * n, q->packed ? 4 : 2);
	q->device = area(q, q->device_gpa, q->packed ? 4 : 6 + 8 * n, 4);
	if (!q->desc || !q->driver || !q->device) {
		virtq_break(q, "address of the queue");
		return false;
	}
	q->enabled = true;
	return true;
}

static inline __attribute__((always_inline)) bool waits(struct virtq *q)
{
	return q->packed ? packed_waits(q) : split_waits(q);
}

bool virtq_waits(struct virtq *q)
{
	return waits(q);
}

static inline int take_packed(struct virtq *q, struct virtq_chain *c)
{
	u16 flags = packed_flags(q);

	if (!packed_is_ours(flags, q->take_wrap))
		return 0;
	if (!(flags & (DESC_NEXT | DESC_INDIRECT)) && LIKELY(packed_take_one(q, c)))
		return 1;
	return packed_take(q, c);
}

static inline int take_split(struct virtq *q, struct virtq_chain *c)
{
	if (!split_waits(q))
		return 0;
	c->readable = c->writable = 0;
	c->read_bytes = c->write_bytes = 0;
	return split_take(q, c);
}

int virtq_take(struct virtq *q, struct virtq_chain *c)
{
	int got;

	if (q->broken || !q->enabled)
		return q->broken ? -E_INVAL : 0;
	got = q->packed ? take_packed(q, c) : take_split(q, c);
	if (got > 0)
		q->requests++;
	return got;
}

u32 virtq_take_places(struct virtq *q, struct virtq_place *p, u32 most, u32 least, u64 bytes)
{
	u32 got = 0;

	if (q->packed && q->enabled && !q->broken)
		got = packed_take_places(q, p, MIN(most, (u32)q->size), least, bytes);
	q->requests += got;
	return got;
}

void virtq_give_places(struct virtq *q, const struct virtq_place *p, u32 count)
{
	packed_give_places(q, p, count);
}

void virtq_give(struct virtq *q, const struct virtq_chain *c, u32 written)
{
	if (q->packed)
		packed_give(q, c, written);
	else
		split_give(q, c, written);
}

void virtq_let_go(struct virtq *q)
{
	if (q->held_at)
		store_release((u16 *)(void *)q->held_at, q->held_flags);
	q->held_at = NULL;
	q->holding = false;
}

void virtq_publish(struct virtq *q)
{
	if (!q->packed)
		split_publish(q);
}

bool virtq_wants(struct virtq *q)
{
	return q->given && (q->packed ? packed_wants(q, q->given) : split_wants(q, q->given));
}

bool virtq_flush(struct virtq *q)
{
	u16 added = q->given;

	q->given = 0;
	if (!added)
		return false;
	return q->packed ? packed_wants(q, added) : split_flush(q, added);
}

void virtq_quiet(struct virtq *q)
{
	if (q->packed)
		packed_quiet(q);
	else
		split_quiet(q);
}

bool virtq_listen(struct virtq *q)
{
	return q->packed ? packed_listen(q) : split_listen(q);
}

bool virtq_await(struct virtq *q)
{
	struct virtq_mark mark = virtq_mark(q);
	bool got;

	if (LIKELY(!q->too_little))
		return virtq_listen(q);
	virtq_rewind(q, q->end);
	got = virtq_listen(q);
	virtq_rewind(q, mark);
	return got;
}

bool virtq_news(struct virtq *q)
{
	struct virtq_mark mark = virtq_mark(q);

	if (!q->too_little)
		return true;
	virtq_rewind(q, q->end);
	q->too_little = !waits(q);
	virtq_rewind(q, mark);
	return !q->too_little;
}

/* The part of piece i that is to be copied, after skip bytes of it and its predecessors. */
static u64 copy_part(const struct gmem_piece *p, u64 *skip, u64 left)
{
	u64 over = MIN(*skip, p->len);

	*skip -= over;
	return MIN(left, p->len - over);
}

u64 virtq_copy_from(const struct virtq_chain *c, u32 first, u32 count, u64 skip, void *to, u64 n)
{
	u64 done = 0;

	if (LIKELY(count && !skip && c->piece[first].len >= n)) {
		memcpy(to, c->piece[first].at, n);
		return n;
	}
	for (u32 i = first; i < first + count && done < n; i++) {
		u64 off = MIN(skip, c->piece[i].len), part = copy_part(&c->piece[i], &skip, n - done);

		memcpy((u8 *)to + done, c->piece[i].at + off, part);
		done += part;
	}
	return done;
}

u64 virtq_copy_to(const struct virtq_chain *c, u32 first, u32 count, u64 skip, const void *from, u64 n)
{
	u64 done = 0;

	for (u32 i = first; i < first + count && done < n; i++) {
		u64 off = MIN(skip, c->piece[i].len), part = copy_part(&c->piece[i], &skip, n - done);

		memcpy(c->piece[i].at + off, (const u8 *)from + done, part);
		done += part;
	}
	return done;
}
