/* SPDX-License-Identifier: Apache-2.0 */
/* "Split Virtqueues" (2.7), the driver's side. */
#include <hv/atomic.h>
#include <hv/lib.h>
#include <hv/pool.h>

#include "vio.h"

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };
#define RING_QUIET 1u			/* flags: the other side need not be told */

static u16 *used_event(const struct vio_queue *q) { return &q->avail[2 + q->size]; }
static const u16 *avail_event(const struct vio_queue *q) { return (const u16 *)(const void *)(q->used + 4 + 8 * q->size); }
static bool has_event_idx(const struct vio_queue *q) { return q->v->features & VIO_F_EVENT_IDX; }

void vio_queue_clear(struct vio_queue *q)
{
	memset(q->desc, 0, PAGE_SIZE);
	memset(q->avail, 0, PAGE_SIZE);
	memset(q->used, 0, PAGE_SIZE);
	memset(q->chain, 0, sizeof(q->chain));
	for (u32 i = 0; i < q->size; i++)
		q->next[i] = (u16)(i + 1);
	q->free = q->avail_at = q->kicked_at = q->used_at = q->in_flight = 0;
	q->free_count = q->size;
	vio_queue_quiet(q);
}

bool vio_queue_has_room(const struct vio_queue *q, u32 pieces)
{
	return q->free_count >= (pieces > 1 && pieces <= q->table_pieces ? 1 : pieces);
}

static void write_desc(struct vio_desc *d, const struct dma_piece *piece, u32 flags, u32 next)
{
	*(volatile u64 *)&d->address = piece->hpa;
	*(volatile u32 *)&d->len = piece->len;
	*(volatile u16 *)&d->flags = (u16)flags;
	*(volatile u16 *)&d->next = (u16)next;
}

/* "Indirect Descriptors" (2.7.5.3): the chain lies in a table of its own. */
static void put_table(struct vio_queue *q, u16 head, const struct dma_piece *piece, u32 out, u32 in)
{
	struct vio_desc *table = q->table + (u64)head * q->table_pieces;
	struct dma_piece whole = { pool_hpa(table).v, (u32)((out + in) * sizeof(*table)) };

	for (u32 i = 0; i < out + in; i++)
		write_desc(&table[i], &piece[i], (i >= out ? DESC_WRITE : 0) | (i + 1 < out + in ? DESC_NEXT : 0), i + 1);
	write_desc(&q->desc[head], &whole, DESC_INDIRECT, 0);
	q->free = q->next[head];
	q->free_count--;
	q->chain[head].count = 1;
}

static void put_chain(struct vio_queue *q, u16 head, const struct dma_piece *piece, u32 out, u32 in)
{
	u16 at = head;

	for (u32 i = 0; i < out + in; i++) {
		u32 flags = (i >= out ? DESC_WRITE : 0) | (i + 1 < out + in ? DESC_NEXT : 0);

		write_desc(&q->desc[at], &piece[i], flags, flags & DESC_NEXT ? q->next[at] : 0);
		at = q->next[at];
	}
	q->free = at;
	q->free_count = (u16)(q->free_count - out - in);
	q->chain[head].count = (u16)(out + in);
}

int vio_queue_put(struct vio_queue *q, const struct dma_piece *piece, u32 out, u32 in, void *token)
{
	u16 head = q->free;

	assert(token && out + in && out + in <= MAX((u32)q->size, (u32)q->table_pieces));
	if (!vio_queue_has_room(q, out + in))
		return -E_NOSPC;
	q->chain[head] = (struct vio_chain){ .token = token };
	for (u32 i = out; i < out + in; i++)
		q->chain[head].writable += piece[i].len;
	if (out + in > 1 && out + in <= q->table_pieces)
		put_table(q, head, piece, out, in);
	else
		put_chain(q, head, piece, out, in);
	q->in_flight++;
	*(volatile u16 *)&q->avail[2 + (q->avail_at & (q->size - 1))] = head;
	q->avail_at++;
	store_release(&q->avail[1], q->avail_at);
	return 0;
}

static void *break_rules(struct vio_queue *q, const char *how)
{
	if (!q->v->broken)
		q->v->broken = how;
	return NULL;
}

/* Back to the free ones; the chain's links are ours, not those that the device saw. */
static void free_chain(struct vio_queue *q, u16 head)
{
	u16 last = head;

	for (u32 i = 1; i < q->chain[head].count; i++)
		last = q->next[last];
	q->next[last] = q->free;
	q->free = head;
	q->free_count = (u16)(q->free_count + q->chain[head].count);
	q->chain[head].token = NULL;
	q->in_flight--;
}

void *vio_queue_get(struct vio_queue *q, u32 *len)
{
	u16 done = (u16)(load_acquire((const u16 *)(const void *)(q->used + 2)) - q->used_at);
	const volatile u32 *entry = (const volatile u32 *)(const void *)(q->used + 4) + 2 * (q->used_at & (q->size - 1));
	void *token;
	u32 id;

	if (!done || q->v->broken)
		return NULL;
	if (done > q->in_flight)
		return break_rules(q, "it says that more requests are done than there were");
	id = entry[0];
	*len = entry[1];
	if (id >= q->size || !q->chain[id].token)
		return break_rules(q, "it says that a request is done that it was not given");
	if (*len > q->chain[id].writable)
		return break_rules(q, "it says that it wrote more than there was room for");
	token = q->chain[id].token;
	free_chain(q, (u16)id);
	q->used_at++;
	return token;
}

/* "Available Buffer Notification Suppression" (2.7.10): told is who asked for one of the indices since the last time. */
void vio_queue_kick(struct vio_queue *q)
{
	u16 old = q->kicked_at, new = q->avail_at, event;
	bool wanted;

	if (old == new)
		return;
	q->kicked_at = new;
	fence_full();
	if (has_event_idx(q)) {
		event = load_relaxed(avail_event(q));
		wanted = (u16)(new - event - 1) < (u16)(new - old);
	} else {
		wanted = !(load_relaxed((const u16 *)(const void *)q->used) & RING_QUIET);
	}
	if (wanted)
		*q->bell = q->index;
}

bool vio_queue_listen(struct vio_queue *q)
{
	if (has_event_idx(q))
		store_relaxed(used_event(q), q->used_at);
	else
		store_relaxed(&q->avail[0], (u16)0);
	fence_full();
	return load_acquire((const u16 *)(const void *)(q->used + 2)) != q->used_at;
}

/* With event indices: an index that is as far away as can be. */
void vio_queue_quiet(struct vio_queue *q)
{
	if (has_event_idx(q))
		store_relaxed(used_event(q), (u16)(q->used_at - 1));
	else
		store_relaxed(&q->avail[0], (u16)RING_QUIET);
}
