/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A disk of a guest's whose sectors the control core reads and writes: a struct block_store on the guest's side, a backend
 * on the control core's. Requests and answers go through two rings with one writer and one reader each.
 *
 *	vblk --submit()--> ring --serve()--> backend ... hardware ... block_remote_done() --> ring --> rq->done() --> vblk
 *	guest's core, device lock    control core                                              guest's core, device lock
 *
 * A request stays where it is, unchanged, from serve() to block_remote_done(); so do its pieces, whose addresses are the
 * guest's cores': block_remote_dma() and block_remote_ptr() turn them into what the control core and devices use. The guest
 * may write to that memory at any time. Answers may come in any order. */

#include <hv/block.h>
#include <hv/window.h>

#define BLOCK_REMOTE_SLOTS 64u		/* requests of one disk that may be under way; a power of two */

struct block_remote;

struct block_backend {
	/* Take rq (checked: range, rights, sizes). May answer at once. false: not now, it is offered again on every round;
	 * whoever waits for time to pass says control_work_by(). Control core. */
	bool (*serve)(struct block_remote *r, struct block_request *rq);
	/* The guest is gone: answer soon whatever can still be taken back; the rest must finish (its RAM is not used again
	 * before). Called once an end. Null: all finish by themselves. Control core. */
	void (*cancel)(struct block_remote *r);
};

struct block_remote_entry {
	struct block_request *rq;
	enum block_result result;
};

struct block_remote {
	/* Constant once it is made. */
	struct guest *g;
	struct block_store *store;
	const struct block_backend *backend;
	void *arg;			/* the backend's */
	u32 call;			/* guest_call() id */
	u32 work;			/* control_work_call() id */

	/* Written by the guest's cores under the device lock. */
	u32 asked_head __attribute__((aligned(64)));
	u32 done_tail;
	u32 open;			/* submitted, done() not called yet */
	struct block_request *asked[BLOCK_REMOTE_SLOTS];

	/* Written by the control core. */
	u32 asked_tail __attribute__((aligned(64)));
	u32 done_head;
	u32 in_flight;			/* the backend has them */
	u32 held;			/* answered, and the guest not called for it yet */
	u64 held_since;			/* TSC of the first of these; 0: not looked at yet */
	u64 vcpus;			/* who submitted them, a bit each */
	bool full, cancelled;
	u64 requests, calls;		/* counted */
	struct block_remote_entry done[BLOCK_REMOTE_SLOTS];
};

/* Make s (capacity, rights and serial are the caller's to fill) the front of a disk of g's, served by backend. r lives as
 * long as g. When the guest is built. -E_NOMEM: no place for one more. */
int block_remote_init(struct block_remote *r, struct guest *g, struct block_store *s, const struct block_backend *backend,
		      void *arg);

/* rq is finished; its pieces are not touched any more. Out of serve() too. Control core. */
void block_remote_done(struct block_remote *r, struct block_request *rq, enum block_result result);

/* A piece as the control core reaches it; null: it is no RAM of the guest's. Control core. */
u8 *block_remote_ptr(const struct block_remote *r, const struct gmem_piece *p);

/* All of rq's pieces as a device reaches them, neighbours joined: how many; 0: more than max, or no RAM of the guest's. */
u32 block_remote_dma(const struct block_remote *r, const struct block_request *rq, struct dma_piece *to, u32 max);
