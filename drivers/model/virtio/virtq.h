/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One queue of a virtio device, split or packed: takes what the driver made available, gives it back. Whatever the
 * driver writes is read once into a copy here and checked; a queue that breaks the rules says so and is not looked at
 * again. Virtual I/O Device (VIRTIO) Version 1.2 "Split Virtqueues", "Packed Virtqueues".
 * Whoever owns the queue: one of the guest's own cores, device lock held, or the control core (virtio_remote.h). */

#include <hv/gmem.h>
#include <hv/lib.h>
#include <hv/window.h>

#define VIRTQ_SIZE 128u			/* of those that do not say otherwise */
#define VIRTQ_PIECES_MAX 66u		/* of one chain: 64 of data, a header, a status */
#define VIRTIO_NO_VECTOR 0xffffu

enum virtio_feature { VIRTIO_F_INDIRECT_DESC = 28, VIRTIO_F_EVENT_IDX = 29, VIRTIO_F_VERSION_1 = 32,
	VIRTIO_F_ACCESS_PLATFORM = 33, VIRTIO_F_RING_PACKED = 34, VIRTIO_F_RING_RESET = 40 };

/* Where taking stands. */
struct virtq_mark {
	u16 take_at;
	bool take_wrap;
};

/* Whose queue it is. Guests' cores lend it and ask for it back, the control core gives it back. */
enum virtq_owner { VIRTQ_OWN, VIRTQ_LENT, VIRTQ_RECALLED };

/* What is needed for each request stands first. */
struct virtq {
	struct guest *g;
	u8 *base;			/* guest address 0 as the queue's server sees it: on the guest's cores, or a window */
	bool enabled;
	bool resetting;			/* asked for, waits until the device is not busy */
	bool packed, event_idx, indirect;	/* as negotiated; constant while enabled */
	bool take_wrap, give_wrap;	/* packed: the wrap counters */
	bool remote;			/* the control core serves it */
	bool holding;			/* packed: the first flags given since virtq_hold() are kept back */
	u16 size;			/* what the driver set, at most size_max */
	u16 size_max;
	u16 vector;			/* entry of the MSI-X table */
	u64 desc_gpa, driver_gpa, device_gpa;
	u8 *desc, *driver, *device;	/* while enabled: the three areas in the guest's RAM */
	u16 take_at;			/* next to take: free-running (split), position in the ring (packed) */
	u16 seen;			/* split: the available index as last read */
	u16 give_at;
	u16 given;			/* since the driver was last asked whether it wants an interrupt */
	const char *broken;		/* the rule that the driver broke; null: none */
	u8 *held_at;			/* packed: where held_flags go; null: nowhere yet */
	u16 held_flags;
	bool too_little;		/* of what waits: up to end */
	struct virtq_mark end;
	u32 owner;			/* (a) enum virtq_owner; constant where no control core serves it */
	u64 route;			/* (a) vpci_msix_route() of its vector, for the control core */
	u64 kicks, requests, interrupts;
};

/* One request: what the device reads, then what it writes. */
struct virtq_chain {
	u16 id;
	u16 slots;			/* places in the ring (packed) */
	u16 readable, writable;		/* pieces; the readable ones come first */
	u64 read_bytes, write_bytes;
	struct gmem_piece piece[VIRTQ_PIECES_MAX];
};

/* A buffer that is one piece of memory to write, as nearly all of a network's are. */
struct virtq_place {
	u8 *at;
	u32 len, written;		/* written: for virtq_give_places() */
	u16 id;
};

/* As after power-on: off, of full size, nothing counted. remote: the control core is going to serve it. */
void virtq_reset(struct virtq *q, struct guest *g, u16 size_max, bool remote);

/* The driver has set size and the three addresses: check them all and begin. features: as negotiated. false: broken
 * says why. */
bool virtq_enable(struct virtq *q, u64 features);

/* Take the next request. 1: c is filled. 0: there is none. -E_INVAL: the driver broke a rule, now or before. */
int virtq_take(struct virtq *q, struct virtq_chain *c);
/* Is there one? Of an enabled queue. */
bool virtq_waits(struct virtq *q);

/* Back to where taking stood: what was taken since was never taken, unless some of it was given back. */
static inline struct virtq_mark virtq_mark(const struct virtq *q)
{
	return (struct virtq_mark){ q->take_at, q->take_wrap };
}
static inline void virtq_rewind(struct virtq *q, struct virtq_mark to)
{
	q->take_at = to.take_at;
	q->take_wrap = to.take_wrap;
}

/* All that there is was taken, and is too little: go back and wait for more. virtq_news(): there is more by now, or nobody
 * waits for it. */
static inline void virtq_too_little(struct virtq *q, struct virtq_mark to)
{
	q->end = virtq_mark(q);
	q->too_little = true;
	virtq_rewind(q, to);
}
bool virtq_news(struct virtq *q);

/* The request that was taken last breaks a rule of its kind of device. Returns -E_INVAL. */
int virtq_break(struct virtq *q, const char *why);

/* Hand a request back with the count of bytes written. Seen by the driver after virtq_flush() at the latest. */
void virtq_give(struct virtq *q, const struct virtq_chain *c, u32 written);

/* Take buffers of one piece each: `bytes` in all, the first of at least `least`, no more than `most` of them. Returns how many.
 * 0: it cannot be done so, nothing was taken, and virtq_take() says why. Packed queues only. */
u32 virtq_take_places(struct virtq *q, struct virtq_place *p, u32 most, u32 least, u64 bytes);

/* And back with what was written to each; the driver sees all or none of them. */
void virtq_give_places(struct virtq *q, const struct virtq_place *p, u32 count);

/* Give several back so that the driver sees all or none of them: between these two calls. */
static inline void virtq_hold(struct virtq *q)
{
	q->holding = q->packed;
}
void virtq_let_go(struct virtq *q);

/* Publish what was given. true: the driver wants an interrupt for it. */
bool virtq_flush(struct virtq *q);

/* The same in parts, for who interrupts later: publish; does the driver, by what it says now, want an interrupt for what was
 * given since virtq_told()? */
void virtq_publish(struct virtq *q);
bool virtq_wants(struct virtq *q);
static inline void virtq_told(struct virtq *q)
{
	q->given = 0;
}

/* Ask the driver not to notify, as the queue is being looked at; and to do so from now on. listen returns true when
 * something came in between: look again. await is the same for more than was too little. */
void virtq_quiet(struct virtq *q);
bool virtq_listen(struct virtq *q);
bool virtq_await(struct virtq *q);

/* Copy bytes between buffers and a chain's pieces: n bytes of piece[first..first+count), from byte `skip` on; less when
 * they hold less. Returns how many. */
u64 virtq_copy_from(const struct virtq_chain *c, u32 first, u32 count, u64 skip, void *to, u64 n);
u64 virtq_copy_to(const struct virtq_chain *c, u32 first, u32 count, u64 skip, const void *from, u64 n);

/* The first n bytes of what the device reads, a header: in one piece nearly always. */
static inline u64 virtq_head(const struct virtq_chain *c, void *to, u64 n)
{
	if (UNLIKELY(!c->readable || c->piece[0].len < n))
		return virtq_copy_from(c, 0, c->readable, 0, to, n);
	__builtin_memcpy(to, c->piece[0].at, n);
	return n;
}
