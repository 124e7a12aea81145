/* SPDX-License-Identifier: Apache-2.0 */
/* Frames that a card reads out of their sender's memory: the head, which was checked, is our own copy; the rest stays where
 * it is until the card is done. */
#include "switch.h"

#include <hv/lib.h>
#include <hv/pool.h>

enum { TYPE_AT = 12, TAG = 4, HELD_MAX = 64 };

struct held {
	struct net_frame frame;
	struct net_frame *given;
	void (*done)(struct net_frame *f);
	struct held *next;
	struct net_piece piece[NET_PIECES_MAX + 2];
	u8 head[GUARD_HEAD_MAX + TAG];
};

static struct held *unused;

int switch_hold_init(void)
{
	u64 pages = ALIGN_UP(sizeof(struct held) * HELD_MAX, PAGE_SIZE) / PAGE_SIZE;
	struct held *h;

	if (unused)
		return 0;
	h = pool_alloc(pages, POOL_OTHER);
	if (!h)
		return -E_NOMEM;
	for (u32 i = 0; i < HELD_MAX; i++) {
		h[i].next = unused;
		unused = &h[i];
	}
	return 0;
}

void passage_let_go(struct net_frame *held)
{
	struct held *h = container_of(held, struct held, frame);

	h->next = unused;
	unused = h;
}

static void held_done(struct net_frame *f)
{
	struct held *h = container_of(f, struct held, frame);
	struct net_frame *given = h->given;

	passage_let_go(f);
	given->done = h->done;
	h->done(given);
}

/* The first n bytes of c's frame, a tag in its place. Returns how many there are then. */
static u32 make_head(const struct passage *c, struct held *h, u32 n, u32 tag)
{
	u32 shift = tag ? TAG : 0;

	memcpy(h->head, c->head, TYPE_AT);
	memcpy(h->head + TYPE_AT + shift, c->head + TYPE_AT, n - TYPE_AT);
	if (!tag)
		return n;
	h->head[TYPE_AT] = 0x81;
	h->head[TYPE_AT + 1] = 0;
	h->head[TYPE_AT + 2] = (u8)(tag >> 8);
	h->head[TYPE_AT + 3] = (u8)tag;
	h->frame.len += TAG;
	if (h->frame.offload.checksum || h->frame.offload.gso) {
		h->frame.offload.csum_start += TAG;
		h->frame.offload.header += TAG;
	}
	return n + TAG;
}

struct net_frame *passage_hold(struct passage *c, u32 tag)
{
	u32 n = c->copied ? c->head_len : tag ? TYPE_AT : 0, made;
	struct held *h = unused;

	if (!h)
		return NULL;
	h->frame = *c->f;
	if (n) {
		made = make_head(c, h, n, tag);
		if (!frame_replace_head(c->f, n, h->head, made, &h->frame, h->piece))
			return NULL;
		h->piece[0].hpa = pool_hpa(h->head).v;
	} else {
		for (u32 i = 0; i < c->f->pieces; i++)
			h->piece[i] = c->f->piece[i];
		h->frame.piece = h->piece;
	}
	unused = h->next;
	h->given = c->given;
	h->done = c->done;
	h->frame.done = held_done;
	return &h->frame;
}
