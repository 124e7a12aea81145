/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A disk of the machine's, as its driver offers it to the block layer (hv/storage). Control core only, never waits: a
 * request is submitted, its done() comes out of the driver's poll(), never out of submit(). Requests live in their owner,
 * nothing here allocates once the event loop runs. */

#include <hv/block.h>
#include <hv/window.h>

#define DISKS_MAX 16
#define DISK_PIECES_MAX 65		/* of one request: 64 and one for a start off its page */

/* What the hardware said, as a real disk's driver would tell its user. */
enum disk_result {
	DISK_OK,
	DISK_MEDIUM,		/* this sector cannot be read or written; others can */
	DISK_PROTECTED,		/* the disk takes no writes */
	DISK_UNSUPPORTED,
	DISK_TIMEOUT,		/* no answer; the controller was reset and the request given up */
	DISK_GONE,		/* the disk is not there any more */
	DISK_FAILED,		/* anything else */
};

struct disk_request {
	enum block_op op;
	bool fua;			/* WRITE, ZERO: on the medium before it is done, where disk->fua; else nobody asks */
	u64 sector, sectors;		/* of 512 bytes, in range, multiples of disk->sector_size */
	const struct dma_piece *piece;	/* READ, WRITE: exactly sectors * 512 bytes; see disk->dma_align; stay put until done */
	u32 pieces;
	void (*done)(struct disk_request *rq, enum disk_result result);
	/* The driver's, from submit() to done(). */
	u64 submitted;			/* TSC */
	u32 tag;
};

struct disk_health {
	bool known;
	bool failing;			/* the disk says so itself (SMART status, NVMe critical warning) */
	s32 celsius;			/* -1000: unknown */
	u32 percent_used;		/* of its rated life; 255: unknown */
	u64 power_on_hours, media_errors, unsafe_shutdowns;	/* ~0: unknown */
};

struct disk;

struct disk_ops {
	/* Take rq, or -E_AGAIN when the queue is full (none was taken then). READ, WRITE, FLUSH always; DISCARD and ZERO where
	 * the disk says so. */
	int (*submit)(struct disk *d, struct disk_request *rq);
	/* Tell the hardware of what was submitted since the last kick. Null: submit() does. */
	void (*kick)(struct disk *d);
	/* Ask the disk for its health; d->health is filled later. Null: it has none. */
	void (*ask_health)(struct disk *d);
};

struct disk {
	const struct disk_ops *ops;
	void *driver;			/* its state */
	char name[12];			/* "nvme0n1", "sata2", "vd0", "ide0": stable while the machine runs */
	char model[41], serial[41], firmware[17];	/* printable, trimmed */
	u16 bdf;			/* the controller's */
	u64 sectors;			/* of 512 bytes */
	u32 sector_size, physical_size;	/* bytes: 512, 4096, of optical drives 2048; what is best written together */
	u32 depth;			/* requests that it takes at once */
	u32 pieces_max;			/* of one request, at most DISK_PIECES_MAX */
	u32 bytes_max;			/* of one request */
	u32 dma_align;			/* each piece's address and length are multiples; 1, 2, 4, 512 */
	u64 dma_end;			/* what it reaches lies below; 0: all memory */
	bool page_pieces;		/* PRP rule of NVMe: pieces but the first begin, pieces but the last end, on a page */
	bool readonly, rotational, fua, discard, zero;
	bool write_cache;		/* FLUSH does something */
	bool gone;			/* set by the driver, for good; every request has been answered */
	struct disk_health health;
	u64 resets, timeouts, errors;	/* of the hardware; counted by the driver */
	void *owner;			/* the block layer's */
};

/* The driver has found a disk / it is gone (disk->gone is set). Boot core in probe(), control core later (hot plug).
 * disk_add: -E_NOMEM when DISKS_MAX are there; -E_INVAL, said, when its limits make no sense. Implemented by hv/storage. */
int disk_add(struct disk *d);
void disk_gone(struct disk *d);
/* Its size or state has changed (hot swap, namespace resized). */
void disk_changed(struct disk *d);
