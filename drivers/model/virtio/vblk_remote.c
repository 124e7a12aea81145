/* SPDX-License-Identifier: Apache-2.0 */
/* A disk whose store the control core drives: that core serves the queues itself (virtio_remote.h), so a request goes from the
 * guest's ring to the hardware in one look, and its end back in another.
 *
 * While VBLK_QUIET requests are under way the queue rests: their ends bring us back, so notifications would only cost exits. As
 * long as others are, ends are told together, within HOLD_NS. A guest that asks again soon after the end of its last request is
 * waited for, a moment: it need not notify then, nor ring. */
#include "vblk_int.h"

#include <hv/guest.h>
#include <hv/lib.h>
#include <hv/time.h>

#include "../models.h"

#define HOLD_NS 20000ul
#define LINGER_NS 500000ul

static struct vblk *of(struct virtio_device *d)
{
	return container_of(d, struct vblk, d);
}

static u32 slots_of(const struct vblk *b, u32 queue)
{
	u32 n = 0;

	for (u32 left = VBLK_ALL_SLOTS & ~b->free; left; left &= left - 1)
		n += b->slot[__builtin_ctz(left)].queue == queue;
	return n;
}

/* The first request after a pause: was it worth waiting for, would it have been? */
static void note_pause(struct vblk *b)
{
	if (!b->paused)
		return;
	b->brisk = pc_now() - b->paused < b->linger;
	b->paused = 0;
	b->remote.linger = 0;
}

/* Queue waits for slots, or for the end of what is under way: no need to look before. */
static void rest(struct vblk *b, u32 queue)
{
	if (!(b->starved >> queue & 1) && b->in_flight < VBLK_QUIET)
		return;
	b->quiet |= BIT32(queue);
	virtio_remote_rest(&b->remote, queue);
}

/* What is there, up to a turn's worth; true: there is more. */
static bool serve(struct virtio_device *d, u32 queue)
{
	struct vblk *b = of(d);
	u64 end = vblk_work(b) + VBLK_TURN_BYTES;
	u32 left = VBLK_TURN_REQUESTS;
	u16 given = d->queue[queue].given;
	int got;

	do
		got = vblk_serve_one(b, queue);
	while (got == 2 && --left && vblk_work(b) < end);
	if (got < 0) {
		virtio_remote_fail(&b->remote, queue);
		return false;
	}
	if (b->in_flight)
		note_pause(b);
	if (d->queue[queue].given != given)
		virtio_remote_flush(&b->remote, queue);
	rest(b, queue);
	return got == 2;
}

void vblk_remote_done(struct vblk_slot *s, enum block_result result)
{
	struct vblk *b = s->disk;

	b->in_flight--;
	if (!virtio_remote_has(&b->remote, s->queue)) {		/* nobody waits for it any more, but for the slot's memory */
		vblk_slot_free(b, s);
		control_work_wake(b->remote.work);
		return;
	}
	vblk_answer(s, result);
	if (s->kicking)
		return;
	b->answered |= BIT32(s->queue);
	b->held++;
}

/* Queues that were left alone are looked at again. */
static void look_again(struct vblk *b)
{
	for (u32 left = b->starved | b->quiet; left; left &= left - 1) {
		u32 queue = (u32)__builtin_ctz(left);

		if (!virtio_remote_has(&b->remote, queue))
			continue;
		virtio_remote_wake(&b->remote, queue);
		control_work_wake(b->remote.work);
	}
	b->starved = b->quiet = 0;
}

static void tell(struct vblk *b, u64 now)
{
	for (u32 left = b->answered; left; left &= left - 1) {
		u32 queue = (u32)__builtin_ctz(left);

		if (virtio_remote_has(&b->remote, queue))
			virtio_remote_flush(&b->remote, queue);
	}
	b->answered = b->held = 0;
	b->held_since = 0;
	virtio_remote_tell(&b->remote, now);
}

/* Alone, or as many as are still to come, or long enough. */
static void tell_if_due(struct vblk *b, u64 now)
{
	if (!b->held)
		return;
	if (!b->held_since)
		b->held_since = now;
	if (b->held >= b->in_flight || now - b->held_since >= ns_to_ticks(HOLD_NS))
		tell(b, now);
	else
		control_work_wake(b->remote.work);	/* look() knows when to come back */
}

/* Nothing is under way any more. */
static void pause(struct vblk *b, u64 now)
{
	struct virtio_remote *r = &b->remote;

	b->paused = now;
	if (!b->brisk)
		return;
	r->linger = now + b->linger;
	for (u32 left = r->lent & ~r->closing; left && !r->stopped; left &= left - 1)
		virtio_remote_wake(r, (u32)__builtin_ctz(left));
	control_work_stay(r->work, r->linger);
}

/* The store has told all ends that there are. */
static void settled(struct block_store *store)
{
	struct vblk *b = container_of(store, struct vblk, store);
	u64 now = pc_now();

	tell_if_due(b, now);
	look_again(b);
	if (!b->in_flight)
		pause(b, now);
}

static void look(struct virtio_device *d, u64 now)
{
	struct vblk *b = of(d);

	if (!b->held)
		return;
	if (now - b->held_since >= ns_to_ticks(HOLD_NS))
		tell(b, now);
	else
		control_work_by(b->held_since + ns_to_ticks(HOLD_NS));
}

/* When the whole device is asked back, what no disk has begun is not begun any more. */
static bool drop(struct virtio_device *d, u32 queue)
{
	struct vblk *b = of(d);
	u32 bit = BIT32(queue);

	b->starved &= ~bit;
	b->quiet &= ~bit;
	b->answered &= ~bit;
	b->remote.linger = 0;
	if (!slots_of(b, queue))
		return true;
	if (!(b->remote.lent & ~b->remote.closing) && b->store.ops->cancel)
		b->store.ops->cancel(&b->store);
	return false;
}

static const struct virtio_remote_kind remote_kind = {
	.name = "disk", .serve = serve, .drop = drop, .look = look, .when = WORK_ON_CALL,
};

int vblk_remote_init(struct guest *g, struct vblk *b)
{
	int err;

	b->store.settled = settled;
	b->linger = ns_to_ticks(LINGER_NS);
	err = virtio_remote_init(&b->remote, g, &b->d, &remote_kind, (u32)BIT(VBLK_QUEUES_MAX) - 1);
	b->remote.eager = ~0u;		/* who has nothing may rest */
	return err;
}
