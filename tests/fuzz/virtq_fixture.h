/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A guest with one RAM disk behind virtio-blk and a little driver for it, for tests of queues. Its RAM and its image are
 * malloc()ed, so that the sanitizers see every byte beyond them. */

#include "unit/drivers/model/pc_fake.h"

#include <hv/lib.h>

#define RAM_SIZE (256 * KiB)
#define IMAGE_SIZE (64 * KiB)
#define QUEUE_SIZE_MAX VBLK_QUEUE_SIZE
#define RING_DESC 0x1000u		/* queue n's areas are at n * 0x4000 + these */
#define RING_DRIVER 0x2000u
#define RING_DEVICE 0x3000u
#define RING_STEP 0x4000u
#define DATA 0x20000u			/* free memory for requests */

enum drv_feature { DRV_INDIRECT = 28, DRV_EVENT = 29, DRV_V1 = 32, DRV_PACKED = 34, DRV_RESET = 40 };
enum drv_flags { D_NEXT = 1, D_WRITE = 2, D_INDIRECT = 4 };
enum blk_type { BLK_IN = 0, BLK_OUT = 1, BLK_FLUSH = 4, BLK_GET_ID = 8, BLK_DISCARD = 11, BLK_ZEROES = 13 };

struct drv {
	struct guest *g;
	struct virtio_device *d;	/* the one that is driven */
	struct vblk *b;
	u8 *image;
	u32 queues, queue;		/* set up by drv_start(); the one that the calls below are about */
	u64 features;
	u16 size, next;			/* of this queue; next: descriptor (split: also available index) to use */
	bool wrap;
	u16 used;
	bool used_wrap;
	u16 avail;
};

extern struct drv drv;

/* A guest with the disk, reset; nothing is negotiated. The disk is what is driven, its queue 0. It offers indirect tables, as
 * other kinds of device do. */
struct guest *drv_guest_new(bool readonly);
void drv_guest_free(struct guest *g);

/* Drive another queue from now on. Each is as the calls before left it. */
void drv_queue(u32 queue);

/* Registers of the device's BAR 4. */
u64 drv_read(u32 off, u8 size);
void drv_write(u32 off, u8 size, u64 val);

/* All steps to a running device with queues of this size. Returns the status at the end. */
u8 drv_start(u64 features, u16 size);

/* Put one descriptor at place `at` of a table. tail: next or id. */
void drv_desc(u64 table, u32 at, u64 addr, u32 len, u16 flags, u16 tail);

/* Make one chain available: n descriptors {addr, len, flags without D_NEXT}, in the ring or (indirect) in a
 * table at `table`. Does not notify. */
struct piece {
	u64 addr;
	u32 len;
	u16 flags;
};
#define DRV_ID 77u			/* packed: the id of a chain whose first place is 0 */
void drv_put(const struct piece *p, u16 n, u64 table);
void drv_kick(void);

/* What came back: 1 and its length; 0: nothing. */
int drv_get(u32 *len);

/* Make a chain available, kick, and take it back when it was answered at once (else false). */
bool drv_serve(const struct piece *p, u16 n, u64 table);

/* What came back is taken, of so many places in the ring. */
void drv_took(u32 steps);

/* One request of the disk's, header and status around data pieces; returns the status, 0xff: did not come back. */
u8 drv_request(u32 type, u64 sector, const struct piece *data, u16 n, u64 table);

static inline u8 *ram(u64 at)
{
	return drv.g->ram + at;
}
static inline void ram_put(u64 at, u64 val, u32 size)
{
	memcpy(ram(at), &val, size);
}
static inline u16 ram16(u64 at)
{
	return (u16)(ram(at)[0] | ram(at)[1] << 8);
}
static inline u32 ram32(u64 at)
{
	return ram16(at) | (u32)ram16(at + 2) << 16;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
