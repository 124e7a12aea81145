/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What is behind a disk: who keeps the sectors. A disk model submits requests and hears of each one's end, at once or
 * later. Requests live in their owner, so nothing here allocates.
 *
 * submit() is called on one of the guest's cores, its device lock held. A store that is RAM calls done() before it
 * returns. One whose hardware the control core drives sends a message and returns; done() is called later, again on
 * one of the guest's cores with its device lock held. Until then the store may read and write the pieces' memory,
 * which stays the guest's RAM. Once idle() says true it has let go of all of it. */

#include <hv/gmem.h>

#define BLOCK_SECTOR 512u
#define BLOCK_SERIAL_SIZE 20		/* what a guest can read, padded with NULs */

enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD, BLOCK_ZERO };
enum block_result { BLOCK_OK, BLOCK_FAILED, BLOCK_UNSUPPORTED };

struct block_store;

struct block_request {
	enum block_op op;
	u64 sector, sectors;		/* in range, checked by who submits; FLUSH: 0 */
	const struct gmem_piece *piece;	/* READ, WRITE: exactly sectors * BLOCK_SECTOR bytes in all */
	u32 pieces;
	void (*done)(struct block_request *rq, enum block_result result);
	/* The store's, from submit() to done(). */
	void *work;			/* whatever it likes */
	u32 vcpu;			/* who submitted */
};

struct block_ops {
	void (*submit)(struct block_store *s, struct block_request *rq);
	/* Nothing that was submitted is still under way. null: never anything is. */
	bool (*idle)(const struct block_store *s);
};

struct block_store {
	const struct block_ops *ops;	/* null: no store */
	void *bytes;			/* a store in RAM: where */
	u64 sectors;
	bool readonly;			/* WRITE, DISCARD and ZERO are never submitted then */
	u8 logical_shift;		/* log2 of the sectors that can only be asked for together, and begin together */
	u8 physical_shift;		/* log2 of the sectors that are best written together, not below that */
	char serial[BLOCK_SERIAL_SIZE + 1];
	void *backend;			/* the store's own */

	/* Set by the model: done() came, several times, out of submit(): now act on all of them. Null: nothing to act on.
	 * Only where burst was set meanwhile. */
	void (*settled)(struct block_store *s);
	bool burst;			/* settled() follows */
	bool bursts;			/* the store does so */
};

/* A store in RAM: bytes, whole sectors, mapped (writable unless readonly) on the guest's cores. Contents live as long
 * as the hypervisor runs. serial: what the guest is told. */
void block_image_init(struct block_store *s, void *bytes, u64 size, bool readonly, const char *serial);
