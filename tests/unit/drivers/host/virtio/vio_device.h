/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The device's side of a split ring, in the test's own memory (addresses are pointers). */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <drivers/host/virtio/vio.h>
#include <hv/pool.h>

#define DEVICE_PIECES 80

struct device_chain {
	u16 head;
	u32 out, in;			/* pieces */
	struct dma_piece piece[DEVICE_PIECES];
};

/* The next chain that the driver put; seen: how many the device took so far. */
static inline bool device_take(const struct vio_queue *q, u16 *seen, struct device_chain *c)
{
	const struct vio_desc *table = q->desc, *d;
	u16 at;

	memset(c, 0, sizeof(*c));
	if (*seen == q->avail[1])
		return false;
	at = c->head = q->avail[2 + (*seen)++ % q->size];
	assert(at < q->size);
	if (table[at].flags & 4) {
		table = (const struct vio_desc *)table[at].address;
		at = 0;
	}
	do {
		d = &table[at];
		assert(c->out + c->in < DEVICE_PIECES);
		c->piece[c->out + c->in] = (struct dma_piece){ d->address, d->len };
		assert(d->flags & 2 || !c->in);	/* what is read comes first */
		*(d->flags & 2 ? &c->in : &c->out) += 1;
		at = d->next;
	} while (d->flags & 1);
	return true;
}

static inline void device_give(struct vio_queue *q, u32 id, u32 len)
{
	u16 *index = (u16 *)(void *)(q->used + 2);
	u32 *entry = (u32 *)(void *)(q->used + 4) + 2 * (*index % q->size);

	entry[0] = id;
	entry[1] = len;
	++*index;
}

/* Memory of a queue as vio_queue_open() would get it. */
static inline void device_queue(struct vio *v, struct vio_queue *q, u16 size, u16 pieces)
{
	static u8 memory[8][3 * PAGE_SIZE] PAGE_ALIGNED;
	static struct vio_desc tables[8][VIO_QUEUE_MAX * 4];
	static u16 bell[8];
	static u32 next;
	u32 n = next++ % 8;

	*q = (struct vio_queue){ .v = v, .index = (u16)n, .size = size, .desc = (void *)memory[n],
		.avail = (void *)(memory[n] + PAGE_SIZE), .used = memory[n] + 2 * PAGE_SIZE, .bell = &bell[n] };
	assert(pieces <= 4);
	if (pieces) {
		q->table = tables[n];
		q->table_pieces = pieces;
	}
	bell[n] = 0xffff;
	vio_queue_clear(q);
}
