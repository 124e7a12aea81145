/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a store of snapshots holds, in memory: layers, and for each chunk whose extent it keeps for which layer. The memory
 * depends on the size of the store, not on that of the volume or on the number of layers. Pure.
 *
 * Snapshots stand in the order in which they were taken. One keeps an extent as it was when it was written for the first time
 * after it, as long as no younger one was there; what it has not, is in the next younger one that has it, else in the origin.
 * A clone keeps what was written to it, over its base, a snapshot. */

#include "snap_format.h"

#define SNAP_AT_ORIGIN UINT32_MAX	/* no chunk */

struct snap_layer {
	bool used;
	bool dying;			/* deleted: its extents go to the next older snapshot that lacks them */
	bool goes_with_clone;
	u8 kind, base;
	u32 order;
	u64 taken;
	u8 guid[16];
	char name[SNAP_NAME_SIZE];
	u32 first, count;		/* its chunks */
	u32 merged;			/* of those it had when it was deleted */
};

struct snap_chunk {
	u32 extent;
	u32 next_same, next;		/* in its bucket; of its layer, or of those that are free */
	u8 layer;
	u8 state;			/* enum snap_chunk_state */
};
enum snap_chunk_state { CHUNK_FREE, CHUNK_TAKEN, CHUNK_USED };

struct snap_map {
	u32 extents, chunks, mask;
	struct snap_chunk *chunk;
	u32 *bucket;			/* mask + 1 of them */
	u32 free_first, free;		/* valid when live */
	bool live;			/* the log was read to its end */
	struct snap_layer layer[SNAP_LAYERS];
	u8 newest;			/* snapshot that origin's writes are copied for; SNAP_NONE: none */
	u8 rollback;			/* the origin is being taken back to this one; SNAP_NONE */
	u32 order;			/* the highest that was given */
};

/* Bytes of memory that it needs for both arrays; begin with them, zeroed. */
u64 snap_map_bytes(const struct snap_super *s);
void snap_map_init(struct snap_map *m, const struct snap_super *s, void *memory);

/* Carry a record out: read from the log, or durable in it. -E_INVAL: it contradicts what is known; nothing was changed. A
 * deletion that is read is done at once, else snap_map_merge() does it. */
int snap_map_apply(struct snap_map *m, const struct snap_record *r);
/* The log has been read. */
void snap_map_ready(struct snap_map *m);

/* The k-th of the records that make this state: *k begins at 0, false: there is none any more. Nothing is dying. */
bool snap_map_record(const struct snap_map *m, u32 *k, struct snap_record *r);

/* A free chunk, or none (-E_NOSPC); give back one that was taken and not mapped. */
int snap_map_take(struct snap_map *m, u32 *chunk);
void snap_map_give(struct snap_map *m, u32 chunk);

/* Need a write of the origin not be copied, with layer the newest snapshot; has a clone its own. */
bool snap_map_has(const struct snap_map *m, u8 layer, u32 extent);
/* Where a layer's extent is read. */
u32 snap_map_find(const struct snap_map *m, u8 layer, u32 extent);

/* Merge up to n chunks of a layer that is dying. true: it is done and gone. */
bool snap_map_merge(struct snap_map *m, u8 layer, u32 n);
bool snap_map_dying(const struct snap_map *m);

/* Clones that lie over a layer, not counting those that are dying. Live layers. */
u32 snap_map_clones(const struct snap_map *m, u8 layer);
u32 snap_map_live(const struct snap_map *m);
bool snap_map_is_live(const struct snap_map *m, u8 layer);
u8 snap_map_oldest(const struct snap_map *m);
/* A place for one more; SNAP_NONE. */
u8 snap_map_place(const struct snap_map *m, u8 but);
