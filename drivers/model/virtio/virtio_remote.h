/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Queues of a virtio device that the control core serves: it reads and writes the rings through its window into the guest's RAM,
 * a notification is a bit and at most a doorbell, an interrupt a vector that is posted to a vcpu.
 *
 * A queue is owned by exactly one side (virtq.owner). The guest's cores own it until the driver runs, then lend it; a reset
 * takes it back:
 *
 *	OWN --lend: DRIVER_OK, or enabled again--> LENT --reset, failure--> RECALLED --the control core has dropped it--> OWN
 *	 guest's core, device lock                     guest's core, device lock            control core
 *
 * Whoever is not the owner touches neither rings nor what a queue remembers of them. The registers (size, addresses, vector,
 * status) stay the guest's cores'; of them the control core sees what cannot change while a queue is lent, and q->route, one
 * atomic word that says where interrupts go. When all vcpus have parked, a guest_lender takes everything back. */

#include <hv/control_work.h>

#include "virtio.h"

struct virtio_remote_kind {
	const char *name;
	/* Queue (lent, the driver's device live) has something, or is eager: take and serve a turn's worth. true: something was
	 * done, look again. Control core, as the two below. */
	bool (*serve)(struct virtio_device *d, u32 queue);
	/* The queue is lent from now on. null: nothing to do. */
	void (*taken)(struct virtio_device *d, u32 queue);
	/* The guest wants it back: forget what was taken out of it. true: no memory that came with it is used any more; until then
	 * this is called on every round. null: nothing to do. */
	bool (*drop)(struct virtio_device *d, u32 queue);
	/* A vcpu that runs is interrupted for a queue no sooner than so many ns after the last time, and not at all when its
	 * driver has seen everything by then. A vcpu that halts is interrupted at once. */
	u32 gap_ns;
	/* Where much is given back, or passes the device, between two interrupts, that time doubles from one to the next, up to
	 * this; not where half of the queue waits for the driver. 0: it stays. */
	u32 gap_max_ns;
	/* Asked on each look, before queues are served. null: nothing to do. Control core. */
	void (*look)(struct virtio_device *d, u64 now);
	/* WORK_ALWAYS, or WORK_ON_CALL: whoever wakes a queue or flushes it out of serve() says control_work_wake(work). */
	enum control_when when;
	/* Of lazy queues, where an interrupt only says that buffers are free again: so long after the first of them, or when
	 * many are. */
	u32 lazy_ns;
};

/* When the driver is told of what was given back to a queue. */
struct virtio_pace {
	u64 told;			/* TSC of the last interrupt */
	u64 told_bytes;			/* d->bytes then */
	u64 since;			/* TSC at which it was wanted first; 0: not looked at yet */
	u32 gap;			/* ns from one to the next */

	/* Not before this, by what was looked at last, unless one of the others changes. */
	u64 early;			/* TSC */
	u64 route;			/* as virtq.route */
	const u64 *halts;		/* (a) of the vcpu that it goes to: it halts; null: does not matter */
	u16 enough;			/* buffers that were given back */
};

struct virtio_remote {
	/* Constant once it is made. */
	struct virtio_device *d;
	const struct virtio_remote_kind *kind;
	u32 mask;			/* queues that are lent */
	u32 lazy;			/* of them: interrupted late; set behind virtio_remote_init() */
	u32 eager;			/* of them: served on each look, though nothing waits in the ring; likewise */
	u32 call;			/* id of guest_call() */
	u32 work;			/* id of control_work_call() */

	/* Written by guests' cores. */
	u32 kicked __attribute__((aligned(64)));	/* (a) queues with a notification */
	u32 changed;			/* (a) owners have changed */

	/* From the control core to the guest's cores: taken with guest_call(). */
	u32 failed __attribute__((aligned(64)));	/* (a) queues whose driver broke a rule */
	u32 slow;			/* (a) queues with an interrupt that has no route */
	u32 config;			/* (a) the configuration has changed */

	/* The control core's. */
	u32 lent __attribute__((aligned(64)));
	u32 closing;			/* recalled, memory still in use */
	u32 awake;			/* looked at on every round; their drivers do not notify */
	u32 wanted;			/* given back to, and the driver wants to hear of it */
	bool stopped;			/* a rule was broken: nothing is looked at until all are back */
	u64 worked;			/* TSC of the last work */
	u64 worked_bytes;		/* virtio_device.bytes at that time */
	u64 linger;			/* WORK_ON_CALL: TSC, until then the core does not halt for awake queues; the kind's */
	u64 usual_linger, bulk_linger;	/* ticks: how long to wait for more work */
	struct virtio_pace pace[VIRTIO_QUEUES_MAX];
	u64 slow_interrupts;		/* counted */
};

/* Have queues of d (a bit each) served by the control core. Before virtio_add(); when the guest is built. -E_NOMEM: no place for
 * one more. */
int virtio_remote_init(struct virtio_remote *r, struct guest *g, struct virtio_device *d, const struct virtio_remote_kind *kind,
		       u32 mask);

/* --- the control core, out of serve() and other work ---------------------------------------------------------------- */

/* Look at queue on every round from now on; before the core halts its driver is asked to notify. And: do not, and let it be
 * silent. Queues begin awake. */
void virtio_remote_wake(struct virtio_remote *r, u32 queue);
void virtio_remote_rest(struct virtio_remote *r, u32 queue);

static inline bool virtio_remote_has(const struct virtio_remote *r, u32 queue)
{
	return !r->stopped && (r->lent & ~r->closing) >> queue & 1;
}

/* Publish what was given back to queue; the driver hears of it soon (kind->gap_ns). */
void virtio_remote_flush(struct virtio_remote *r, u32 queue);

/* The driver broke a rule in queue: the device stops until it is reset. */
void virtio_remote_fail(struct virtio_remote *r, u32 queue);

/* d->config has changed (by fields that one store writes): tell the driver. */
void virtio_remote_config_changed(struct virtio_remote *r);

/* Interrupts that are due, for who cannot wait for the next round. */
void virtio_remote_tell(struct virtio_remote *r, u64 now);

/* As struct control_work's; registered by virtio_remote_init(). */
bool virtio_remote_poll(void *remote, u64 now);
bool virtio_remote_listen(void *remote);
bool virtio_remote_peek(void *remote);

/* --- one of the guest's cores, device lock held: for virtio.c ------------------------------------------------------- */

static inline bool virtio_is_remote(const struct virtio_device *d, u32 queue)
{
	return d->remote && d->remote->mask >> queue & 1;
}

static inline bool virtio_is_home(const struct virtq *q)
{
	return load_acquire(&q->owner) == VIRTQ_OWN;
}

bool virtio_all_home(const struct virtio_device *d);

/* What is enabled and not lent yet, if the driver runs. */
void virtio_lend(struct virtio_device *d);

/* Ask for queues back; wait: a moment, as some drivers do not look whether a reset is over. What is not back by then comes with a
 * guest_call(), and virtio_settle() goes on. */
void virtio_recall(struct virtio_device *d, u32 queues, bool wait);

/* What the control core asks of this guest's cores; by guest_call(). */
void virtio_remote_called(struct guest *g, void *remote);

/* All are home, the device begins anew. */
void virtio_remote_clear(struct virtio_remote *r);

/* A notification. */
static inline void virtio_remote_kick(struct virtio_remote *r, u32 queue)
{
	fetch_or(&r->kicked, BIT32(queue));
	control_work_call(r->work);
}
