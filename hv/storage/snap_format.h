/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A store of snapshots as bytes on the disk: what is read is checked, what is written is sealed. Pure. docs/snapshots.md
 *
 *	block 0, 1	superblocks; the one with the higher seq holds, it stands in block seq & 1
 *	block 2, 3	tombstones: one of this store's making says that its snapshots are not to be believed any more
 *	then		two halves for logs; the one that holds is half seq & 1
 *	then		chunks, each of the size of an extent of the origin
 *
 * A log begins with a checkpoint, records that make the state of then, and goes on with what happened since; a block of it is
 * written once, whole, and flushed before the next one. All fields are little-endian. */

#include <hv/types.h>

#define SNAP_BLOCK 4096u
#define SNAP_TOMBS_AT 2u
#define SNAP_HEAD_BLOCKS 4u
#define SNAP_LAYERS 32u			/* snapshots and clones of a volume */
#define SNAP_NONE 0xffu			/* no layer */
#define SNAP_SHIFT_MIN 16u
#define SNAP_SHIFT_MAX 20u
#define SNAP_CHUNKS_MAX (1u << 20)
#define SNAP_CHUNKS_MIN 4u
#define SNAP_LOG_BLOCKS_MIN 64u		/* of a half, behind the longest checkpoint */
#define SNAP_LOG_BLOCKS_MAX 1024u
#define SNAP_NAME_SIZE 40u

struct snap_super {
	u64 id;				/* of this making, random: older blocks at the same place are not this store's */
	u8 store[16], origin[16];	/* GUIDs of the partitions */
	u64 sectors;			/* of the origin, of 512 bytes */
	u64 seq;			/* of checkpoints */
	u32 begin;			/* blocks of the checkpoint */
	u32 shift;			/* log2 of an extent's bytes */
	u32 chunks, half;		/* chunks; blocks of one half */
	u64 data;			/* sectors from the partition's begin to its first chunk */
};

/* Cut up a partition of so many sectors for an origin. -E_NOSPC: too small for any chunk; -E_RANGE: the origin has more extents
 * than we count. Fills sectors, shift, chunks, half, data. */
int snap_layout(struct snap_super *s, u64 sectors, u64 origin_sectors);

u32 snap_extents(const struct snap_super *s);

void snap_super_write(const struct snap_super *s, u8 *block);
/* false: it is none of this partition, or does not fit into it. */
bool snap_super_read(struct snap_super *s, const u8 *block, u64 sectors, const u8 store[16]);

void snap_tomb_write(const struct snap_super *s, u8 *block);
bool snap_tomb_is(const struct snap_super *s, const u8 *block);

enum snap_op { SNAP_MAP = 1, SNAP_LAYER, SNAP_DELETE, SNAP_ROLLBACK };
enum snap_kind { SNAP_SNAPSHOT = 1, SNAP_CLONE };

struct snap_record {
	u8 op, layer;			/* ROLLBACK: to which; SNAP_NONE: it is done */
	u8 kind, base;			/* LAYER: of a clone what it lies over */
	u32 extent;			/* MAP. LAYER: its order */
	u32 chunk;			/* MAP. LAYER: 1: goes with its clone */
	/* LAYER only. */
	u64 taken;			/* UTC, seconds since 1970; 0: nobody knew */
	u8 guid[16];
	char name[SNAP_NAME_SIZE];
};

/* A block of the log in memory: begun, filled, sealed. put: false: it is full. */
#define SNAP_BLOCK_HEAD 32u
void snap_block_begin(u8 *block, u32 *used);
bool snap_block_put(u8 *block, u32 *used, const struct snap_record *r);
void snap_block_seal(u8 *block, u32 used, const struct snap_super *s, u32 index);

/* How many bytes of it are used; 0: it is not block `index` of this log. */
u32 snap_block_check(const u8 *block, const struct snap_super *s, u32 index);
/* The record at *at, which begins at SNAP_BLOCK_HEAD; 1; 0: there is none any more; -E_INVAL: no record. */
int snap_block_next(const u8 *block, u32 used, u32 *at, struct snap_record *r);

/* Does a name of the disk's go for a volume's? */
bool snap_name_ok(const char name[SNAP_NAME_SIZE]);
