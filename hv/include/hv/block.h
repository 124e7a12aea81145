/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What is behind a disk: who keeps the sectors. A disk model submits requests and hears of each one's end, at once or
 * later. Requests live in their owner, so nothing here allocates.
 *
 * A store in RAM: submit() is called on one of the guest's cores, its device lock held, with pieces as these see the guest's
 * RAM, and calls done() before it returns. A store of the control core's (remote): all of it happens on that core, pieces lie in
 * its window (hv/window.h); done() comes in submit() or later, settled() behind one or several that came later. Until done() the
 * store may read and write the pieces' memory, which stays the guest's RAM, and keeps it from nothing. */

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
	bool more;			/* another will be submitted at once: a store may wait for it */
	void (*done)(struct block_request *rq, enum block_result result);
};

#define BLOCK_REMOTE_MAX 32u		/* requests of one store of the control core's that may be under way */

struct block_ops {
	void (*submit)(struct block_store *s, struct block_request *rq);
	/* Nobody waits any more: answer soon whatever can still be taken back; the rest must finish. null: nothing ever waits. */
	void (*cancel)(struct block_store *s);
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

	bool remote;			/* the control core's */
	/* Set by the model, called where remote: done() came, maybe several times, out of submit(): now act on all of them. */
	void (*settled)(struct block_store *s);
};

/* A store in RAM: bytes, whole sectors, mapped (writable unless readonly) on the guest's cores. Contents live as long
 * as the hypervisor runs. serial: what the guest is told. */
void block_image_init(struct block_store *s, void *bytes, u64 size, bool readonly, const char *serial);
